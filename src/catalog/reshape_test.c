/* Schemas changed as a whole and taken back, without an engine: what it would send is made here. */
#include "catalog/catalog_suite.h"

static int64_t test_current(lake *l) {
    return lh_json_int(lh_json_get(lake_metadata(l, "t"), "current-snapshot-id"), -1);
}
static int64_t test_schema(lake *l) { return lh_json_int(lh_json_get(lake_metadata(l, "t"), "current-schema-id"), -1); }

/* The current schema's first column: which schema it is, whatever its id. */
static lh_str test_column(lh_json *metadata) {
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "schemas")); lh_json_next(&it);)
        if (lh_json_equal(lh_json_get(it.value, "schema-id"), lh_json_get(metadata, "current-schema-id")))
            return lh_json_get_string(lh_json_at(lh_json_get(it.value, "fields"), 0), "name");
    return LH_STR_NONE;
}
#define CHECK_COLUMN(l, name) CHECK_STR(test_column(lake_metadata(l, "t")), LH_STR(name))

static const lh_json *test_snapshot(lake *l, int64_t id) {
    for (lh_json_iter it = lh_json_each(lh_json_get(lake_metadata(l, "t"), "snapshots")); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, "snapshot-id"), -1) == id) return it.value;
    return NULL;
}

static void test_table(lake *l) {
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/a.parquet", 1, &l->err));
}

#define TEST_RENAMED "{'type':'struct','fields':[{'id':1,'name':'key','required':false,'type':'long'}]}"
#define TEST_CAST "{'type':'struct','fields':[{'id':2,'name':'id','required':false,'type':'string'}]}"

static lh_code test_reshape(lake *l, const char *schema, int64_t schema_id, int64_t snapshot_id) {
    l->err = (lh_error){0};
    const lh_reshape reshape = {
        .schema_id = schema_id,
        .snapshot_id = snapshot_id,
        .schema = suite_json(l->arena, schema),
        .properties = suite_json(l->arena, "{'lakehouse.migrated-from-schema-id':'0'}"),
        .moved = suite_json(l->arena, "{'1':2}"),
    };
    return lh_table_reshape(l->catalog, LAKE_NAME("t"), &reshape, &l->err);
}

static lh_code test_rollback(lake *l, int64_t snapshot_id) {
    lh_json *answer = NULL;
    l->err = (lh_error){0};
    return lh_table_rollback(l->catalog, LAKE_NAME("t"), snapshot_id, l->arena, &answer, &l->err);
}

static void test_reshape__is_a_snapshot_of_the_same_files(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l);
    int64_t before = test_current(l);
    lh_str old_list = lh_json_get_string(test_snapshot(l, before), "manifest-list"), old_key, new_key, a, b;
    CHECK_OK_IN(l, test_reshape(l, TEST_RENAMED, test_schema(l), before));
    const lh_json *after = test_snapshot(l, test_current(l));
    CHECK(test_current(l) != before && lh_json_int(lh_json_get(after, "parent-snapshot-id"), 0) == before);
    CHECK(lh_json_int(lh_json_get(after, "schema-id"), -1) == test_schema(l) && test_schema(l) == 1);
    const lh_json *summary = lh_json_get(after, "summary");
    CHECK_STR(lh_json_get_string(summary, "operation"), LH_STR("replace"));
    CHECK_STR(lh_json_get_string(summary, "total-records"),
              lh_json_get_string(lh_json_get(test_snapshot(l, before), "summary"), "total-records"));
    lh_str new_list = lh_json_get_string(after, "manifest-list");
    CHECK(!lh_str_eq(old_list, new_list));
    CHECK_OK_IN(l, lh_bucket_key_of(l->bucket, old_list, l->arena, &old_key, &l->err));
    CHECK_OK_IN(l, lh_bucket_key_of(l->bucket, new_list, l->arena, &new_key, &l->err));
    CHECK_OK_IN(l, lh_bucket_get(l->bucket, old_key, 1 << 20, l->arena, &a, NULL, &l->err));
    CHECK_OK_IN(l, lh_bucket_get(l->bucket, new_key, 1 << 20, l->arena, &b, NULL, &l->err));
    CHECK(lh_str_eq(a, b));
}

static void test_reshape__of_a_table_that_changed_meanwhile_is_refused_and_leaves_nothing(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l);
    int64_t before = test_current(l), schema = test_schema(l);
    lh_str key;
    lh_str location = lh_json_get_string(lake_metadata(l, "t"), "location");
    CHECK_OK_IN(l, lh_bucket_key_of(l->bucket, location, l->arena, &key, &l->err));
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/b.parquet", 1, &l->err));
    lh_str folder = lh_arena_printf(l->arena, "%.*s/metadata/", LH_STR_ARG(key));
    size_t objects = lake_objects(l, folder);
    CHECK(test_reshape(l, TEST_RENAMED, schema, before) == LH_CONFLICT);
    CHECK(test_reshape(l, TEST_RENAMED, schema + 1, test_current(l)) == LH_CONFLICT);
    CHECK(test_reshape(l, "{'type':'struct','fields':[{'id':1,'name':'a','required':false,'type':'pear'}]}", schema,
                       test_current(l)) == LH_INVALID);
    CHECK(lake_objects(l, folder) == objects && test_schema(l) == schema);
    CHECK(lh_table_reshape(l->catalog, LAKE_NAME("nowhere"),
                           &(lh_reshape){.schema = suite_json(l->arena, TEST_RENAMED)}, &l->err) == LH_NOT_FOUND);
}

static void test_reshape__a_table_without_a_snapshot_gets_the_schema(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK_OK_IN(l, test_reshape(l, TEST_RENAMED, 0, -1));
    CHECK(test_schema(l) == 1 && test_current(l) == -1);
    CHECK(test_rollback(l, -1) == LH_INVALID);
}

/* ---- the engine's commit ---- */

/* A commit as the engine sends it: a schema with the column `__t` of that id, and a snapshot. */
static lh_code test_engine_commit(lake *l, int64_t id, const char *type) {
    lh_json *request = lh_json_new_object(l->arena), *answer = NULL;
    const char *updates =
        lh_arena_printf(l->arena,
                        "[{'action':'add-schema','schema':{'type':'struct','fields':[{'id':1,'name':'id','required':"
                        "false,'type':'long'},"
                        "{'id':%" PRId64
                        ",'name':'__t','required':false,'type':'%s'}]}},{'action':'set-current-schema','schema-id':-1},"
                        "{'action':'add-snapshot','snapshot':{'snapshot-id':77,'parent-snapshot-id':%" PRId64
                        ",'sequence-number':2,'timestamp-ms':1,'schema-id':1,'manifest-list':'%.*s','summary':{'"
                        "operation':'overwrite'}}},"
                        "{'action':'set-snapshot-ref','ref-name':'main','type':'branch','snapshot-id':77}]",
                        id, type, test_current(l),
                        LH_STR_ARG(lh_json_get_string(test_snapshot(l, test_current(l)), "manifest-list")))
            .ptr;
    lh_json_set(l->arena, request, "requirements", lh_json_new_array(l->arena));
    lh_json_set(l->arena, request, "updates", suite_json(l->arena, updates));
    l->err = (lh_error){0};
    return lh_table_commit(l->catalog, LAKE_NAME("t"), request, true, l->arena, &answer, &l->err);
}

static void test_annotate(lake *l) {
    CHECK_OK_IN(l,
                lh_annotation_set(l->catalog, LAKE_NAME("t"),
                                  suite_json(l->arena, "{'lakehouse.migrated-from-schema-id':'0'}"), NULL, 0, &l->err));
    CHECK_OK_IN(l, lh_annotation_set_reshape(l->catalog, LAKE_NAME("t"), suite_json(l->arena, TEST_CAST),
                                             suite_json(l->arena, "{'__t':2}"), NULL, &l->err));
}

static void test_reshape__the_engines_commit_gets_our_schema(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l);
    CHECK(lh_annotation_set_reshape(l->catalog, LAKE_NAME("t"), NULL, NULL, NULL, &l->err) == LH_NOT_FOUND);
    test_annotate(l);
    CHECK_OK_IN(l, test_engine_commit(l, 2, "string"));
    const lh_json *metadata = lake_metadata(l, "t");
    CHECK(lh_json_size(lh_json_get(metadata, "schemas")) == 2); /* the engine's own is not among them */
    const lh_json *fields = lh_json_get(lh_json_at(lh_json_get(metadata, "schemas"), 1), "fields");
    CHECK(lh_json_size(fields) == 1 && lh_json_int(lh_json_get(metadata, "last-column-id"), 0) == 2);
    CHECK_STR(lh_json_get_string(lh_json_at(fields, 0), "name"), LH_STR("id"));
    CHECK(test_current(l) == 77 && lh_json_int(lh_json_get(test_snapshot(l, 77), "schema-id"), -1) == 1);
    CHECK_OK_IN(l, test_rollback(l, -1));
    metadata = lake_metadata(l, "t");
    CHECK(test_current(l) != 77);
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "schemas")); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, "schema-id"), -1) == test_schema(l))
            CHECK(lh_json_int(lh_json_get(lh_json_at(lh_json_get(it.value, "fields"), 0), "id"), 0) == 1);
}

static void test_reshape__an_engine_that_wrote_other_columns_is_refused(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l);
    int64_t before = test_current(l);
    test_annotate(l);
    CHECK(test_engine_commit(l, 3, "string") == LH_INVALID);
    CHECK(test_engine_commit(l, 2, "int") == LH_INVALID);
    CHECK_OK_IN(l, lh_annotation_set_reshape(l->catalog, LAKE_NAME("t"), suite_json(l->arena, TEST_CAST),
                                             suite_json(l->arena, "{'__t':2,'__u':3}"), NULL, &l->err));
    CHECK(test_engine_commit(l, 2, "string") == LH_INVALID);
    CHECK(test_current(l) == before && test_schema(l) == 0);
}

/* ---- rollback ---- */

static void test_rollback__goes_back_and_forth(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l);
    int64_t first = test_current(l);
    CHECK(test_rollback(l, -1) == LH_INVALID && test_rollback(l, first) == LH_INVALID);
    CHECK(test_rollback(l, 4711) == LH_NOT_FOUND);
    CHECK_OK_IN(l, lake_commit(l, "t", "[]",
                               lh_arena_printf(l->arena,
                                               "[{'action':'set-snapshot-ref','ref-name':'main','type':'branch',"
                                               "'snapshot-id':%" PRId64 ",'min-snapshots-to-keep':7}]",
                                               first)
                                   .ptr));
    CHECK_OK_IN(l, test_reshape(l, TEST_RENAMED, 0, first));
    int64_t second = test_current(l);
    for (int i = 0; i < 2; i++) { /* how long main keeps its snapshots stays */
        CHECK_OK_IN(l, test_rollback(l, -1));
        const lh_json *main = lh_json_get(lh_json_get(lake_metadata(l, "t"), "refs"), "main");
        CHECK(lh_json_int(lh_json_get(main, "min-snapshots-to-keep"), 0) == 7);
    }
    CHECK(test_current(l) == second);
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/b.parquet", 1, &l->err));
    int64_t third = test_current(l);
    CHECK_OK_IN(l, test_rollback(l, -1));
    CHECK(test_current(l) == second);
    CHECK_COLUMN(l, "key");
    CHECK_OK_IN(l, test_rollback(l, -1));
    CHECK(test_current(l) == third);
    CHECK_OK_IN(l, test_rollback(l, first));
    CHECK(test_current(l) == first);
    CHECK_COLUMN(l, "id");
    CHECK_OK_IN(l, test_rollback(l, second)); /* no ancestor, but it was current once */
    CHECK(test_current(l) == second);
    CHECK_COLUMN(l, "key");
    CHECK_OK_IN(l, lake_commit(l, "t", "[]", "[{'action':'set-properties','updates':{'a':'b'}}]"));
    lake_open(l); /* and it was written down */
    CHECK(test_current(l) == second);
}

static void test_rollback__a_schema_younger_than_the_snapshot_comes_back(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l);
    int64_t first = test_current(l);
    CHECK_OK_IN(l, lake_commit(l, "t", "[]",
                               "[{'action':'add-schema','schema':{'type':'struct','fields':[{'id':1,'name':'later',"
                               "'required':false,'type':'long'}]}},{'action':'set-current-schema','schema-id':-1}]"));
    const lh_reshape reshape = {.schema_id = 1,
                                .snapshot_id = first,
                                .schema = suite_json(l->arena, TEST_RENAMED),
                                .properties = suite_json(l->arena, "{'lakehouse.migrated-from-schema-id':'1'}")};
    CHECK_OK_IN(l, lh_table_reshape(l->catalog, LAKE_NAME("t"), &reshape, &l->err));
    CHECK_COLUMN(l, "key");
    CHECK_OK_IN(l, test_rollback(l, -1));
    CHECK_COLUMN(l, "later");
    CHECK(test_current(l) == first);
}

static bool test_has_record(lake *l, const char *sha256) {
    lh_str text, key = lh_ingested_key(LAKE_NAME("t"), lh_str_from(sha256), l->arena);
    return lh_metastore_get(lh_catalog_metastore(l->catalog), key, l->arena, &text, NULL, NULL) == LH_OK;
}

static void test_rollback__records_of_files_follow_their_rows(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l);
    const lh_data_file file = {
        .location = lh_bucket_location(l->bucket, LH_STR("files/a.parquet"), l->arena), .size_bytes = 1, .rows = 1};
    const lh_change record = {.key = lh_ingested_key(LAKE_NAME("t"), LH_STR("abc"), l->arena), .text = LH_STR("{}")};
    CHECK_OK_IN(l, lh_table_append_files(l->catalog, LAKE_NAME("t"), &file, 1,
                                         suite_json(l->arena, "{'lakehouse.sha256':'abc','lakehouse.file':'a.csv'}"),
                                         &l->err));
    CHECK_OK_IN(l, lh_metastore_commit(lh_catalog_metastore(l->catalog), &record, 1, NULL, &l->err));
    CHECK_OK_IN(l, test_rollback(l, -1));
    CHECK(!test_has_record(l, "abc"));
    CHECK_OK_IN(l, test_rollback(l, -1));
    CHECK(test_has_record(l, "abc"));
}

LH_TEST_MAIN(LH_TEST(test_reshape__is_a_snapshot_of_the_same_files),
             LH_TEST(test_reshape__of_a_table_that_changed_meanwhile_is_refused_and_leaves_nothing),
             LH_TEST(test_reshape__a_table_without_a_snapshot_gets_the_schema),
             LH_TEST(test_reshape__the_engines_commit_gets_our_schema),
             LH_TEST(test_reshape__an_engine_that_wrote_other_columns_is_refused),
             LH_TEST(test_rollback__goes_back_and_forth),
             LH_TEST(test_rollback__a_schema_younger_than_the_snapshot_comes_back),
             LH_TEST(test_rollback__records_of_files_follow_their_rows))
