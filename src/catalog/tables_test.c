#include "catalog/catalog_suite.h"

static lh_str test_folder(lake *l, const char *name) {
    lh_str key;
    CHECK_OK_IN(l, lh_bucket_key_of(l->bucket, lh_json_get_string(lake_metadata(l, name), "location"), l->arena, &key,
                                    &l->err));
    return key;
}

/* ---- create, load, list ---- */

static void test_tables__a_created_table_is_loaded_also_after_a_restart(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *created = NULL, *answer = NULL;
    lh_str etag, again;
    CHECK_OK_IN(l, lake_create(l, "t", ",'properties':{'a':'b'}", &created));
    CHECK_STR(lh_json_get_string(created, "metadata-location"),
              lh_json_get_string(lake_load(l, "t"), "metadata-location"));
    CHECK(lake_create(l, "t", "", NULL) == LH_CONFLICT && strstr(l->err.message, "Table already exists: data.t"));
    lake_open(l);
    CHECK_OK_IN(l, lh_table_load(l->catalog, LAKE_NAME("t"), false, LH_STR_NONE, l->arena, &answer, &etag, &l->err));
    CHECK(lh_json_equal(lh_json_get(answer, "metadata"), lh_json_get(created, "metadata")));
    CHECK_OK_IN(l, lh_table_load(l->catalog, LAKE_NAME("t"), false, etag, l->arena, &answer, &again, &l->err));
    CHECK(answer == NULL && lh_str_eq(etag, again));
    CHECK_OK_IN(l, lake_commit(l, "t", "[]", "[{'action':'set-properties','updates':{'c':'d'}}]"));
    CHECK_OK_IN(l, lh_table_load(l->catalog, LAKE_NAME("t"), false, etag, l->arena, &answer, &again, &l->err));
    CHECK(answer != NULL && !lh_str_eq(etag, again));
    CHECK(lh_table_load(l->catalog, LAKE_NAME("u"), false, LH_STR_NONE, l->arena, &answer, NULL, &l->err) ==
          LH_NOT_FOUND);
}

static void test_tables__only_named_snapshots_are_told_when_refs_are_asked_for(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *answer = NULL;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    for (int i = 0; i < 3; i++) CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/a.parquet", 5, &l->err));
    CHECK(lh_json_size(lh_json_get(lake_metadata(l, "t"), "snapshots")) == 3);
    CHECK_OK_IN(l, lh_table_load(l->catalog, LAKE_NAME("t"), true, LH_STR_NONE, l->arena, &answer, NULL, &l->err));
    CHECK(lh_json_size(lh_json_get(lh_json_get(answer, "metadata"), "snapshots")) == 1);
}

static void test_tables__are_listed_in_pages(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    char name[16];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "t%d", i);
        CHECK_OK_IN(l, lake_create(l, name, "", NULL));
    }
    lh_json *page = NULL;
    CHECK_OK_IN(l, lh_table_list(l->catalog, LH_STR("data"), (lh_page){LH_STR_NONE, 3}, l->arena, &page, &l->err));
    CHECK(lh_json_size(lh_json_get(page, "identifiers")) == 3);
    lh_str token = lh_json_get_string(page, "next-page-token");
    CHECK_OK_IN(l, lh_table_list(l->catalog, LH_STR("data"), (lh_page){token, 3}, l->arena, &page, &l->err));
    CHECK_JSON(l->arena, page,
               "{'identifiers':[{'namespace':['data'],'name':'t3'},{'namespace':['data'],'name':'t4'}],'next-page-"
               "token':null}");
    CHECK(lh_table_list(l->catalog, LH_STR("no"), (lh_page){0}, l->arena, &page, &l->err) == LH_NOT_FOUND);
    const lh_str foreign[] = {LH_STR("t2"), LH_STR("0123456789abcdef"), LH_STR("0123456789abcdeft2"),
                              lh_str_sub(token, 0, token.len - 1), lh_str_sub(token, 1, SIZE_MAX)};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        CHECK(lh_table_list(l->catalog, LH_STR("data"), (lh_page){foreign[i], 3}, l->arena, &page, &l->err) ==
              LH_INVALID);
        CHECK(strstr(l->err.message, "pageToken") != NULL);
    }
    CHECK(lh_view_list(l->catalog, LH_STR("data"), (lh_page){token, 3}, l->arena, &page, &l->err) == LH_INVALID);
    CHECK(lh_namespace_list(l->catalog, LH_STR_NONE, true, (lh_page){token, 3}, l->arena, &page, &l->err) ==
          LH_INVALID);
    CHECK_OK_IN(l, lh_table_drop(l->catalog, (lh_table_name){LH_STR("data"), LH_STR("t2")}, false, &l->err));
    CHECK_OK_IN(l, lh_table_list(l->catalog, LH_STR("data"), (lh_page){token, 1}, l->arena, &page, &l->err));
    CHECK_JSON(l->arena, lh_json_get(page, "identifiers"), "[{'namespace':['data'],'name':'t3'}]");
}

static void test_tables__folders_are_made_and_never_shared(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    lh_str first = test_folder(l, "t");
    char path[512];
    snprintf(path, sizeof path, "%s/%.*s/data", l->root, LH_STR_ARG(first));
    CHECK(access(path, F_OK) == 0);
    CHECK_OK_IN(l, lh_table_drop(l->catalog, LAKE_NAME("t"), false, &l->err));
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK(!lh_str_eq(first, test_folder(l, "t")));
    CHECK(lake_objects(l, first) == 1); /* not purged */
    char longest[256];
    memset(longest, 'x', 255);
    longest[255] = '\0';
    CHECK_OK_IN(l, lake_create(l, longest, "", NULL));
    CHECK_OK_IN(l, lake_create(l, "\xc3\xa4 b%", "", NULL));
    CHECK(lake_create(l, "a\\nb", "", NULL) == LH_INVALID);
    CHECK(lake_create(l, "../a/b", "", NULL) == LH_INVALID);
    CHECK_OK_IN(l, lake_create(l, "a/b", "", NULL));
    CHECK(lh_str_starts(test_folder(l, "a/b"), LH_STR("lake/data/a_b-")));
    CHECK(lake_create(l, "", "", NULL) == LH_INVALID);
}

static void test_tables__a_chosen_location_lies_in_the_bucket_and_is_free(void) {
    static const char *const bad[] = {"/etc",           "s3://other/x", "%s",      "%s/_catalog", "%s/_catalog/log",
                                      "%s/mine/inside", "%s/../x",      "relative"};
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "mine", lh_arena_printf(l->arena, ",'location':'%s/mine/'", l->root).ptr, NULL));
    CHECK_STR(test_folder(l, "mine"), LH_STR("mine"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lh_str where = lh_str_starts(lh_str_from(bad[i]), LH_STR("%s"))
                           ? lh_arena_printf(l->arena, "%s%s", l->root, bad[i] + 2)
                           : lh_str_from(bad[i]);
        lh_code code =
            lake_create(l, "t", lh_arena_printf(l->arena, ",'location':'%.*s'", LH_STR_ARG(where)).ptr, NULL);
        if (code != LH_INVALID) print_error("%.*s: %s\n", LH_STR_ARG(where), lh_code_name(code));
        CHECK(code == LH_INVALID);
    }
    CHECK_OK_IN(l, lake_create(l, "t", lh_arena_printf(l->arena, ",'location':'%s/mine2'", l->root).ptr, NULL));
    CHECK(lake_commit(l, "t", "[]",
                      lh_arena_printf(l->arena, "[{'action':'set-location','location':'%s/mine'}]", l->root).ptr) ==
          LH_INVALID);
    CHECK(lake_commit(l, "t", "[]", "[{'action':'set-location','location':'/tmp'}]") == LH_INVALID);
    CHECK_OK_IN(
        l, lake_commit(l, "t", "[]",
                       lh_arena_printf(l->arena, "[{'action':'set-location','location':'%s/mine3'}]", l->root).ptr));
    CHECK_STR(test_folder(l, "t"), LH_STR("mine3"));
}

/* ---- time ---- */

static int64_t test_snapshot_at(lake *l, int64_t at_ms) {
    int64_t id = -2;
    CHECK_OK_IN(l, lh_table_snapshot_at(l->catalog, LAKE_NAME("t"), at_ms, &id, &l->err));
    return id;
}

static void test_tables__the_snapshot_of_a_time_is_that_of_the_log(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    int64_t first = -1, second = -1;
    CHECK(lh_table_snapshot_at(l->catalog, LAKE_NAME("t"), 0, &first, &l->err) == LH_NOT_FOUND && first == -1);
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK(test_snapshot_at(l, INT64_MAX) == -1);
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/a.parquet", 1, &l->err));
    CHECK_OK_IN(l, lh_table_snapshot_id(l->catalog, LAKE_NAME("t"), &first, &l->err));
    lh_time_sleep_ms(2);
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/b.parquet", 1, &l->err));
    CHECK_OK_IN(l, lh_table_snapshot_id(l->catalog, LAKE_NAME("t"), &second, &l->err));
    lh_time_sleep_ms(2);
    CHECK_OK_IN(l, lake_commit(l, "t", "[]",
                               lh_arena_printf(l->arena,
                                               "[{'action':'set-snapshot-ref','ref-name':'main','type':'branch',"
                                               "'snapshot-id':%" PRId64 "}]",
                                               first)
                                   .ptr)); /* back */
    const lh_json *log = lh_json_get(lake_metadata(l, "t"), "snapshot-log");
    int64_t at[3];
    for (size_t i = 0; i < 3; i++) at[i] = lh_json_int(lh_json_get(lh_json_at(log, i), "timestamp-ms"), 0);
    CHECK(test_snapshot_at(l, INT64_MIN) == -1 && test_snapshot_at(l, at[0] - 1) == -1);
    CHECK(test_snapshot_at(l, at[0]) == first && test_snapshot_at(l, at[1] - 1) == first);
    CHECK(test_snapshot_at(l, at[1]) == second && test_snapshot_at(l, at[2] - 1) == second);
    CHECK(test_snapshot_at(l, at[2]) == first && test_snapshot_at(l, INT64_MAX) == first);
}

/* ---- staged create ---- */

static void test_tables__a_staged_create_becomes_a_table_by_its_commit(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *staged = NULL;
    CHECK_OK_IN(l, lake_create(l, "t", ",'stage-create':true", &staged));
    CHECK(lh_json_get(staged, "metadata-location") == NULL && !lh_table_exists(l->catalog, LAKE_NAME("t")));
    lh_str location = lh_json_get_string(lh_json_get(staged, "metadata"), "location");
    const char *updates = lh_arena_printf(l->arena,
                                          "[{'action':'assign-uuid','uuid':'00000000-0000-4000-8000-000000000001'},{'"
                                          "action':'upgrade-format-version','format-version':2},"
                                          "{'action':'add-schema','schema':{'type':'struct','fields':[{'id':1,'name':'"
                                          "id','required':false,'type':'long'}]}},"
                                          "{'action':'set-current-schema','schema-id':-1},{'action':'add-spec','spec':{"
                                          "'fields':[]}},{'action':'set-default-spec','spec-id':-1},"
                                          "{'action':'add-sort-order','sort-order':{'fields':[]}},{'action':'set-"
                                          "default-sort-order','sort-order-id':-1},"
                                          "{'action':'set-location','location':'%.*s'}]",
                                          LH_STR_ARG(location))
                              .ptr;
    CHECK(lake_commit(l, "t", "[]", updates) == LH_NOT_FOUND);
    CHECK(lake_commit(l, "t", "[{'type':'assert-create'}]", "[]") == LH_INVALID);
    CHECK(!lh_table_exists(l->catalog, LAKE_NAME("t")));
    CHECK_OK_IN(l, lake_commit(l, "t", "[{'type':'assert-create'}]", updates));
    CHECK(lake_commit(l, "t", "[{'type':'assert-create'}]", updates) == LH_CONFLICT);
    CHECK_STR(lh_json_get_string(lake_metadata(l, "t"), "location"), location);
    lh_str folder = test_folder(l, "t");
    CHECK_OK_IN(l, lh_bucket_put(l->bucket, lh_arena_printf(l->arena, "%.*s/data/left", LH_STR_ARG(folder)),
                                 LH_STR("x"), (lh_put_condition){0}, NULL, &l->err));
    CHECK_OK_IN(l, lh_table_drop(l->catalog, LAKE_NAME("t"), true, &l->err));
    CHECK(lake_objects(l, folder) == 0); /* its folder was its own */
}

/* ---- register, rename, drop ---- */

static lh_code test_register(lake *l, const char *name, lh_str location, bool overwrite) {
    lh_json *answer = NULL;
    const char *text = lh_arena_printf(l->arena, "{'name':'%s','metadata-location':'%.*s','overwrite':%s}", name,
                                       LH_STR_ARG(location), overwrite ? "true" : "false")
                           .ptr;
    return lh_table_register(l->catalog, LH_STR("data"), suite_json(l->arena, text), l->arena, &answer, &l->err);
}

static void test_tables__a_dropped_table_can_be_registered_again(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    int64_t snapshot;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/a.parquet", 5, &l->err));
    lh_str location = lh_json_get_string(lake_load(l, "t"), "metadata-location");
    CHECK(test_register(l, "u", location, false) == LH_INVALID); /* its folder is in use */
    CHECK_OK_IN(l, lh_table_drop(l->catalog, LAKE_NAME("t"), false, &l->err));
    CHECK_OK_IN(l, test_register(l, "u", location, false));
    CHECK_OK_IN(l, lh_table_snapshot_id(l->catalog, LAKE_NAME("u"), &snapshot, &l->err));
    CHECK(snapshot > 0);
    CHECK(test_register(l, "u", location, false) == LH_CONFLICT);
    CHECK_OK_IN(l, lake_commit(l, "u", "[]", "[{'action':'set-properties','updates':{'x':'y'}}]"));
    CHECK_OK_IN(l, test_register(l, "u", location, true)); /* back to what it was */
    CHECK_STR(lh_json_get_string(lake_load(l, "u"), "metadata-location"), location);
    CHECK(test_register(l, "v", LH_STR("/etc/passwd"), false) == LH_INVALID);
    CHECK(test_register(l, "v", lh_bucket_location(l->bucket, LH_STR("no/such.metadata.json"), l->arena), false) ==
          LH_INVALID);
    CHECK(test_register(l, "v", lh_bucket_location(l->bucket, LH_STR("files/a.parquet"), l->arena), false) ==
          LH_INVALID);
    CHECK(test_register(l, ".b", location, true) == LH_INVALID);
    CHECK_OK_IN(l, lh_bucket_delete(l->bucket, LH_STR("files/a.parquet"), LH_STR_NONE, &l->err));
    CHECK(test_register(l, "u", location, true) == LH_INVALID &&
          strstr(l->err.message, "not in the lake")); /* it could not be read */
}

static void test_tables__rename_moves_the_name_only(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "a", "", NULL));
    CHECK_OK_IN(l, lake_create(l, "b", "", NULL));
    lh_str location = lh_json_get_string(lake_load(l, "a"), "metadata-location");
#define TEST_RENAME(from, to)                                                                                          \
    suite_json(l->arena, "{'source':{'namespace':['data'],'name':'" from "'},'destination':" to "}")
    CHECK(lh_table_rename(l->catalog, TEST_RENAME("a", "{'namespace':['data'],'name':'b'}"), l->arena, &l->err) ==
          LH_CONFLICT);
    CHECK(lh_table_rename(l->catalog, TEST_RENAME("a", "{'namespace':['no'],'name':'b'}"), l->arena, &l->err) ==
          LH_NOT_FOUND);
    CHECK(lh_table_rename(l->catalog, TEST_RENAME("z", "{'namespace':['data'],'name':'c'}"), l->arena, &l->err) ==
          LH_NOT_FOUND);
    CHECK(lh_table_rename(l->catalog, TEST_RENAME("a", "{'namespace':['data']}"), l->arena, &l->err) == LH_INVALID);
    CHECK(lh_table_rename(l->catalog, TEST_RENAME("a", "7"), l->arena, &l->err) == LH_INVALID);
    CHECK_OK_IN(l,
                lh_table_rename(l->catalog, TEST_RENAME("a", "{'namespace':['data'],'name':'c'}"), l->arena, &l->err));
    CHECK(!lh_table_exists(l->catalog, LAKE_NAME("a")));
    CHECK_STR(lh_json_get_string(lake_load(l, "c"), "metadata-location"), location);
}

static void test_tables__purge_reaches_only_the_tables_own_files(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "own", "", NULL));
    CHECK_OK_IN(l, lake_create(l, "chosen", lh_arena_printf(l->arena, ",'location':'%s/chosen'", l->root).ptr, NULL));
    for (int i = 0; i < 3; i++) {
        CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "own", "files/shared.parquet", 1, &l->err));
        CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "chosen", "chosen/data/a.parquet", 1, &l->err));
        CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "chosen", "files/shared.parquet", 1, &l->err));
    }
    CHECK_OK_IN(
        l, lake_commit(
               l, "chosen", "[]",
               lh_arena_printf(
                   l->arena,
                   "[{'action':'set-statistics','statistics':{'snapshot-id':1,'statistics-path':'%s/_catalog/log'}}]",
                   l->root)
                   .ptr));
    CHECK_OK_IN(
        l, lh_bucket_put(l->bucket, LH_STR("chosen/notes.txt"), LH_STR("x"), (lh_put_condition){0}, NULL, &l->err));
    size_t log = lake_objects(l, LH_STR("_catalog/"));
    lh_str own = test_folder(l, "own");
    CHECK_OK_IN(l, lh_table_drop(l->catalog, LAKE_NAME("own"), true, &l->err));
    CHECK_OK_IN(l, lh_table_drop(l->catalog, LAKE_NAME("chosen"), true, &l->err));
    CHECK(lake_objects(l, own) == 0 && lake_objects(l, LH_STR("chosen/")) == 1); /* the note stays */
    CHECK(lake_objects(l, LH_STR("files/")) == 1 && lake_objects(l, LH_STR("_catalog/")) > log);
    CHECK(lh_table_drop(l->catalog, LAKE_NAME("own"), true, &l->err) == LH_NOT_FOUND);
}

LH_TEST_MAIN(LH_TEST(test_tables__a_created_table_is_loaded_also_after_a_restart),
             LH_TEST(test_tables__only_named_snapshots_are_told_when_refs_are_asked_for),
             LH_TEST(test_tables__are_listed_in_pages), LH_TEST(test_tables__folders_are_made_and_never_shared),
             LH_TEST(test_tables__a_chosen_location_lies_in_the_bucket_and_is_free),
             LH_TEST(test_tables__the_snapshot_of_a_time_is_that_of_the_log),
             LH_TEST(test_tables__a_staged_create_becomes_a_table_by_its_commit),
             LH_TEST(test_tables__a_dropped_table_can_be_registered_again),
             LH_TEST(test_tables__rename_moves_the_name_only),
             LH_TEST(test_tables__purge_reaches_only_the_tables_own_files))
