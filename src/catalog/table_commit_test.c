#include "catalog/catalog_suite.h"

#include <pthread.h>

#define TEST_SET "[{'action':'set-properties','updates':{'x':'y'}}]"

/* add-snapshot with the manifest list at a key, and main set to it. */
static const char *test_add_snapshot(lake *l, int64_t id, int64_t sequence, const char *list_key) {
    return lh_arena_printf(l->arena,
                           "[{'action':'add-snapshot','snapshot':{'snapshot-id':%" PRId64 ",'sequence-number':%" PRId64
                           ",'timestamp-ms':1,"
                           "'manifest-list':'%s/%s','summary':{'operation':'append'}}},"
                           "{'action':'set-snapshot-ref','ref-name':'main','type':'branch','snapshot-id':%" PRId64 "}]",
                           id, sequence, l->root, list_key, id)
        .ptr;
}

static size_t test_metadata_files(lake *l, const char *name) {
    lh_str key;
    lh_str location = lh_json_get_string(lake_metadata(l, name), "location");
    CHECK_OK_IN(l, lh_bucket_key_of(l->bucket, location, l->arena, &key, &l->err));
    return lake_objects(l, lh_arena_printf(l->arena, "%.*s/metadata/", LH_STR_ARG(key)));
}

static void test_commit__what_is_refused_changes_nothing_and_leaves_no_file(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    lh_str before = lh_json_get_string(lake_load(l, "t"), "metadata-location");
    CHECK(lake_commit(l, "t", "[{'type':'assert-table-uuid','uuid':'00000000-0000-4000-8000-000000000000'}]",
                      TEST_SET) == LH_CONFLICT);
    CHECK(lake_commit(l, "t", "[{'type':'assert-nothing'}]", TEST_SET) == LH_INVALID);
    CHECK(lake_commit(l, "t", "[]", "[{'action':'set-properties','updates':{'x':'y'}},{'action':'dance'}]") ==
          LH_INVALID);
    CHECK(lake_commit(l, "t", "[{'type':'assert-create'}]", TEST_SET) == LH_CONFLICT);
    CHECK(lake_commit(l, "missing", "[]", TEST_SET) == LH_NOT_FOUND);
    CHECK_STR(lh_json_get_string(lake_load(l, "t"), "metadata-location"), before);
    CHECK(test_metadata_files(l, "t") == 1);
    CHECK_OK_IN(l, lake_commit(l, "t", "[{'type':'assert-current-schema-id','current-schema-id':0}]", TEST_SET));
    CHECK(test_metadata_files(l, "t") == 2);
    const lh_json *log = lh_json_get(lake_metadata(l, "t"), "metadata-log");
    CHECK(lh_json_size(log) == 1);
    CHECK_STR(lh_json_get_string(lh_json_at(log, 0), "metadata-file"), before);
}

static void test_commit__a_snapshot_whose_files_are_not_there_is_refused(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK(lake_commit(l, "t", "[]", test_add_snapshot(l, 1, 1, "lake/none.avro")) == LH_INVALID);
    CHECK(strstr(l->err.message, "not in the lake") != NULL);
    CHECK_OK_IN(l, lh_bucket_put(l->bucket, LH_STR("lake/bad.avro"), LH_STR("Obj\x01 nonsense"), (lh_put_condition){0},
                                 NULL, &l->err));
    CHECK(lake_commit(l, "t", "[]", test_add_snapshot(l, 1, 1, "lake/bad.avro")) == LH_INVALID);
    CHECK(strstr(l->err.message, "broken") != NULL);
    CHECK(lake_commit(l, "t", "[]", test_add_snapshot(l, 1, 1, "../../../etc/passwd")) == LH_INVALID);
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/a.parquet", 1, &l->err));
    const lh_json *snapshot = lh_json_at(lh_json_get(lake_metadata(l, "t"), "snapshots"), 0);
    lh_str list;
    CHECK_OK_IN(l,
                lh_bucket_key_of(l->bucket, lh_json_get_string(snapshot, "manifest-list"), l->arena, &list, &l->err));
    CHECK_OK_IN(l, lh_bucket_delete(l->bucket, LH_STR("files/a.parquet"), LH_STR_NONE, &l->err));
    CHECK_OK_IN(l, lake_create(l, "u", "", NULL)); /* the same list; its data file is gone */
    CHECK(lake_commit(l, "u", "[]",
                      test_add_snapshot(l, lh_json_int(lh_json_get(snapshot, "snapshot-id"), 0), 1,
                                        lh_arena_cstr(l->arena, list))) == LH_INVALID);
    CHECK(lh_json_size(lh_json_get(lake_metadata(l, "u"), "snapshots")) == 0);
}

static void test_commit__old_metadata_files_are_deleted_when_the_table_asks(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "t", ",'properties':{'write.metadata.previous-versions-max':'4'}", NULL));
    for (int i = 0; i < 9; i++) CHECK_OK_IN(l, lake_commit(l, "t", "[]", TEST_SET));
    CHECK(test_metadata_files(l, "t") == 10);
    CHECK_OK_IN(
        l, lake_commit(l, "t", "[]",
                       "[{'action':'set-properties','updates':{'write.metadata.delete-after-commit.enabled':'true',"
                       "'write.metadata.previous-versions-max':'2'}}]"));
    CHECK(test_metadata_files(l, "t") == 8); /* three of the log's four left it */
    CHECK_OK_IN(l, lake_commit(l, "t", "[]", TEST_SET));
    CHECK(test_metadata_files(l, "t") == 8);
    CHECK(lh_json_size(lh_json_get(lake_metadata(l, "t"), "metadata-log")) == 2);
}

/* ---- several tables ---- */

static lh_code test_transaction(lake *l, const char *changes) {
    const char *text = lh_arena_printf(l->arena, "{'table-changes':%s}", changes).ptr;
    l->err = (lh_error){0};
    return lh_transaction_commit(l->catalog, suite_json(l->arena, text), false, l->arena, &l->err);
}
#define TEST_PART(name, requirements, updates)                                                                         \
    "{'identifier':{'namespace':['data'],'name':'" name "'},'requirements':" requirements ",'updates':" updates "}"

static void test_commit__several_tables_change_together_or_not_at_all(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "a", "", NULL));
    CHECK_OK_IN(l, lake_create(l, "b", "", NULL));
    uint64_t sequence = lh_metastore_get_stats(lh_catalog_metastore(l->catalog)).sequence;
    CHECK(test_transaction(l, "[" TEST_PART("a", "[]", TEST_SET) "," TEST_PART(
                                  "b", "[{'type':'assert-default-spec-id','default-spec-id':9}]", TEST_SET) "]") ==
          LH_CONFLICT);
    CHECK(test_transaction(l, "[" TEST_PART("a", "[]", TEST_SET) "," TEST_PART("c", "[]", TEST_SET) "]") ==
          LH_NOT_FOUND);
    CHECK(test_transaction(l, "[" TEST_PART("a", "[]", TEST_SET) "," TEST_PART("a", "[]", TEST_SET) "]") == LH_INVALID);
    CHECK(test_transaction(l, "[]") == LH_INVALID && test_transaction(l, "7") == LH_INVALID);
    CHECK(lh_json_size(lh_json_get(lake_metadata(l, "a"), "properties")) == 0);
    CHECK(test_metadata_files(l, "a") == 1);
    CHECK_OK_IN(l, test_transaction(l, "[" TEST_PART("a", "[]", TEST_SET) "," TEST_PART("b", "[]", TEST_SET) "]"));
    CHECK(lh_json_size(lh_json_get(lake_metadata(l, "a"), "properties")) == 1 &&
          lh_json_size(lh_json_get(lake_metadata(l, "b"), "properties")) == 1);
    CHECK(lh_metastore_get_stats(lh_catalog_metastore(l->catalog)).sequence == sequence + 1);
}

/* ---- the engine's annotation ---- */

static void test_commit__the_engines_commit_carries_its_annotation(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/a.parquet", 1, &l->err));
    const lh_json *first = lh_json_at(lh_json_get(lake_metadata(l, "t"), "snapshots"), 0);
    lh_str list, text;
    CHECK_OK_IN(l, lh_bucket_key_of(l->bucket, lh_json_get_string(first, "manifest-list"), l->arena, &list, &l->err));
    const lh_change document = {
        .key = LH_STR("ingested/x"), .text = LH_STR("{\"n\":1}"), .expected = LH_VERSION_ABSENT};
    CHECK_OK_IN(
        l, lh_annotation_set(l->catalog, LAKE_NAME("t"), suite_json(l->arena, "{'job':'j1'}"), &document, 1, &l->err));
    lh_json *request = suite_json(l->arena, "{'requirements':[]}"), *answer = NULL;
    lh_json_set(l->arena, request, "updates",
                suite_json(l->arena, test_add_snapshot(l, 77, 2, lh_arena_cstr(l->arena, list))));
    uint64_t sequence = lh_metastore_get_stats(lh_catalog_metastore(l->catalog)).sequence, version;
    CHECK_OK_IN(l, lake_commit(l, "t", "[]", TEST_SET)); /* a stranger's, and without a snapshot: it takes nothing */
    CHECK_OK_IN(l, lh_table_commit(l->catalog, LAKE_NAME("t"), request, true, l->arena, &answer, &l->err));
    const lh_json *summary = lh_json_get(metadata_snapshot(lake_metadata(l, "t"), 77), "summary");
    CHECK_STR(lh_json_get_string(summary, "job"), LH_STR("j1"));
    CHECK_OK_IN(l, lh_metastore_get(lh_catalog_metastore(l->catalog), LH_STR("ingested/x"), l->arena, &text, &version,
                                    &l->err));
    CHECK(version == sequence + 2); /* the same log entry */
    lh_json_set(l->arena, request, "updates",
                suite_json(l->arena, test_add_snapshot(l, 78, 3, lh_arena_cstr(l->arena, list))));
    CHECK_OK_IN(l, lh_table_commit(l->catalog, LAKE_NAME("t"), request, true, l->arena, &answer, &l->err));
    CHECK(lh_json_get(lh_json_get(metadata_snapshot(lake_metadata(l, "t"), 78), "summary"), "job") ==
          NULL); /* taken once */
}

/* ---- many at a time ---- */

enum { TEST_THREADS = 4, TEST_EACH = 15 };
typedef struct test_worker {
    lake *lake;
    int number, wins;
    lh_code code;
    lh_error err;
} test_worker;

static void *test_append_many(void *ctx) {
    test_worker *worker = ctx;
    for (int i = 0; i < TEST_EACH && worker->code == LH_OK;) {
        char key[64];
        snprintf(key, sizeof key, "files/%d-%d.parquet", worker->number, i);
        worker->code = lake_append(worker->lake->catalog, worker->lake->bucket, "t", key, 10, &worker->err);
        if (worker->code == LH_CONFLICT) worker->code = LH_OK; /* it gave up: once more */
        else i++;
    }
    return NULL;
}

static void test_run(lake *l, void *(*work)(void *), test_worker *workers) {
    pthread_t threads[TEST_THREADS];
    for (int i = 0; i < TEST_THREADS; i++) {
        workers[i] = (test_worker){.lake = l, .number = i};
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < TEST_THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < TEST_THREADS; i++) {
        if (workers[i].code != LH_OK) print_error("%s: %s\n", lh_code_name(workers[i].code), workers[i].err.message);
        CHECK(workers[i].code == LH_OK);
    }
}

static void test_commit__no_append_of_many_threads_is_lost(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_worker workers[TEST_THREADS];
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    test_run(l, test_append_many, workers);
    lake_open(l);
    const lh_json *metadata = lake_metadata(l, "t");
    manifest_totals totals;
    lh_str list =
        lh_json_get_string(metadata_snapshot(metadata, metadata_current_snapshot_id(metadata)), "manifest-list");
    CHECK_OK_IN(l, manifest_count(l->bucket, list, &totals, &l->err));
    CHECK(totals.data_files == TEST_THREADS * TEST_EACH && totals.records == TEST_THREADS * TEST_EACH * 10);
    CHECK(lh_json_size(lh_json_get(metadata, "snapshots")) == TEST_THREADS * TEST_EACH);
    CHECK(lh_json_int(lh_json_get(metadata, "last-sequence-number"), 0) == TEST_THREADS * TEST_EACH);
}

/* Each adds a schema that requires the one it saw; all saw the first. */
static void *test_evolve_once(void *ctx) {
    test_worker *worker = ctx;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if ((worker->code = lh_arena_new(1 << 20, &arena, &worker->err)) != LH_OK) return NULL;
    lh_json *answer = NULL,
            *request =
                suite_json(arena, lh_arena_printf(arena,
                                                  "{'requirements':[{'type':'assert-current-schema-id','current-schema-"
                                                  "id':0}],'updates':[{'action':'add-schema','schema':{'fields':["
                                                  "{'id':1,'name':'c%d','required':false,'type':'long'}]}},{'action':'"
                                                  "set-current-schema','schema-id':-1}]}",
                                                  worker->number)
                                      .ptr);
    lh_code code = lh_table_commit(worker->lake->catalog, LAKE_NAME("t"), request, false, arena, &answer, &worker->err);
    worker->wins = code == LH_OK;
    worker->code = code == LH_CONFLICT ? LH_OK : code;
    return NULL;
}

static void test_commit__of_many_that_saw_the_same_state_one_wins(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_worker workers[TEST_THREADS];
    int wins = 0;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    test_run(l, test_evolve_once, workers);
    for (int i = 0; i < TEST_THREADS; i++) wins += workers[i].wins;
    CHECK(wins == 1);
    CHECK(lh_json_size(lh_json_get(lake_metadata(l, "t"), "schemas")) == 2 && test_metadata_files(l, "t") == 2);
}

/* Properties need nothing: all of them land, one after another. */
static void *test_set_many(void *ctx) {
    test_worker *worker = ctx;
    for (int i = 0; i < TEST_EACH && worker->code == LH_OK; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        if ((worker->code = lh_arena_new(8 << 20, &arena, &worker->err)) != LH_OK) break;
        lh_json *answer = NULL,
                *request = suite_json(
                    arena,
                    lh_arena_printf(
                        arena, "{'requirements':[],'updates':[{'action':'set-properties','updates':{'p%d-%d':'1'}}]}",
                        worker->number, i)
                        .ptr);
        worker->code =
            lh_table_commit(worker->lake->catalog, LAKE_NAME("t"), request, false, arena, &answer, &worker->err);
    }
    return NULL;
}

static void test_commit__independent_changes_are_all_kept(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_worker workers[TEST_THREADS];
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    test_run(l, test_set_many, workers);
    CHECK(lh_json_size(lh_json_get(lake_metadata(l, "t"), "properties")) == TEST_THREADS * TEST_EACH);
}

LH_TEST_MAIN(LH_TEST(test_commit__what_is_refused_changes_nothing_and_leaves_no_file),
             LH_TEST(test_commit__a_snapshot_whose_files_are_not_there_is_refused),
             LH_TEST(test_commit__old_metadata_files_are_deleted_when_the_table_asks),
             LH_TEST(test_commit__several_tables_change_together_or_not_at_all),
             LH_TEST(test_commit__the_engines_commit_carries_its_annotation),
             LH_TEST(test_commit__no_append_of_many_threads_is_lost),
             LH_TEST(test_commit__of_many_that_saw_the_same_state_one_wins),
             LH_TEST(test_commit__independent_changes_are_all_kept))
