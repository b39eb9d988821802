#include "catalog/catalog_suite.h"
#include "catalog/dataset_internal.h"

static void test_table(lake *l, const char *name) {
    char request[512];
    snprintf(request, sizeof request, "{'name':'%s'," LAKE_SCHEMA "}", name);
    lh_json *ignored = NULL;
    CHECK_OK_IN(
        l, lh_table_create(l->catalog, LH_STR("data"), suite_json(l->arena, request), l->arena, &ignored, &l->err));
}

static lh_json *test_described(lake *l, const char *name, uint64_t *ret_version) {
    lh_json *dataset = NULL;
    CHECK_OK_IN(l, lh_dataset_describe(l->catalog, LAKE_NAME(name), NULL, l->arena, &dataset, ret_version, &l->err));
    return dataset;
}

static const lh_json *test_column(lake *l, const char *name) {
    uint64_t version;
    return lh_json_at(lh_json_get(test_described(l, name, &version), "columns"), 0);
}

static lh_code test_patch(lake *l, const char *name, const char *patch, const uint64_t *if_version) {
    return lh_dataset_patch(l->catalog, LAKE_NAME(name), suite_json(l->arena, patch), if_version, &l->err);
}

static void test_metadata__a_declared_verdict_stays_over_a_detected_one(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l, "t");
    lh_json *found =
        suite_json(l->arena, "{'id':{'pii_kind':'phone','confidence':0.75,'evidence':{'values':40}},'gone':null}");
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), found, false, &l->err));
    CHECK_STR(lh_json_get_string(test_column(l, "t"), "said_by"), LH_STR("detected"));
    CHECK(lh_json_int(lh_json_get(lh_json_get(test_column(l, "t"), "evidence"), "values"), 0) == 40);
    CHECK_OK_IN(l, test_patch(l, "t", "{'columns':{'id':{'pii_kind':'none'}}}", NULL));
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), found, false, &l->err));
    CHECK_STR(lh_json_get_string(test_column(l, "t"), "pii_kind"), LH_STR("none"));
    CHECK_OK_IN(l, test_patch(l, "t", "{'columns':{'id':{'pii_kind':null}}}", NULL));
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), found, false, &l->err));
    CHECK_STR(lh_json_get_string(test_column(l, "t"), "pii_kind"), LH_STR("phone"));
    CHECK_OK_IN(
        l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), suite_json(l->arena, "{'id':null}"), false, &l->err));
    CHECK(lh_json_is_null(lh_json_get(test_column(l, "t"), "pii_kind")));
    found = suite_json(l->arena, "{'id':{'pii_kind':'phone','confidence':1.5}}");
    CHECK(lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), found, false, &l->err) == LH_INVALID);
}

static void test_metadata__what_a_part_of_the_rows_tells_replaces_no_verdict(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l, "t");
    lh_json *nothing = suite_json(l->arena, "{'id':null}");
    lh_json *phone = suite_json(l->arena, "{'id':{'pii_kind':'phone','confidence':0.75}}");
    lh_json *email = suite_json(l->arena, "{'id':{'pii_kind':'email','confidence':0.9}}");
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), phone, true, &l->err)); /* there was none */
    CHECK_STR(lh_json_get_string(test_column(l, "t"), "pii_kind"), LH_STR("phone"));
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), email, true, &l->err));
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), nothing, true, &l->err));
    CHECK_STR(lh_json_get_string(test_column(l, "t"), "pii_kind"), LH_STR("phone"));
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), email, false, &l->err));
    CHECK_STR(lh_json_get_string(test_column(l, "t"), "pii_kind"), LH_STR("email"));
    CHECK_OK_IN(l, test_patch(l, "t", "{'columns':{'id':{'pii_kind':'none'}}}", NULL));
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), phone, true, &l->err));
    CHECK_STR(lh_json_get_string(test_column(l, "t"), "pii_kind"), LH_STR("none"));
}

static void test_metadata__a_verdict_is_of_a_field_id_and_the_same_again_changes_nothing(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    uint64_t first = 0, second = 0;
    test_table(l, "t");
    CHECK_OK_IN(
        l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"),
                                   suite_json(l->arena, "{'id':{'field_id':77,'pii_kind':'phone','confidence':1}}"),
                                   false, &l->err)); /* of a column that had the name when it was read */
    test_described(l, "t", &first);
    CHECK(first == 0 && lh_json_is_null(lh_json_get(test_column(l, "t"), "pii_kind")));
    lh_json *found = suite_json(l->arena, "{'id':{'field_id':1,'pii_kind':'phone','confidence':1}}");
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), found, false, &l->err));
    test_described(l, "t", &first);
    CHECK_STR(lh_json_get_string(test_column(l, "t"), "pii_kind"), LH_STR("phone"));
    CHECK_OK_IN(l, lh_dataset_set_detected(l->catalog, LAKE_NAME("t"), found, false, &l->err));
    test_described(l, "t", &second);
    CHECK(first > 0 && first == second);
}

static void test_metadata__a_version_lets_one_writer_through(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l, "t");
    uint64_t first = 99, second = 99;
    test_described(l, "t", &first);
    CHECK(first == 0);
    CHECK_OK_IN(l, test_patch(l, "t", "{'owner':'ann'}", &first));
    CHECK(test_patch(l, "t", "{'owner':'bob'}", &first) == LH_CONFLICT);
    lh_json *dataset = test_described(l, "t", &second);
    CHECK(second > 0);
    CHECK_STR(lh_json_get_string(dataset, "owner"), LH_STR("ann"));
    CHECK(test_patch(l, "none", "{'owner':'bob'}", NULL) == LH_NOT_FOUND);
    CHECK(test_patch(l, "t", "{'ownr':'bob'}", NULL) == LH_INVALID && strstr(l->err.message, "'owner'"));
}

static void test_metadata__an_older_document_loads_with_defaults(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l, "t");
    const lh_change old = {.key = dataset_about_key(LAKE_NAME("t"), l->arena),
                           .text = LH_STR("{\"owner\":\"ann\",\"later\":1}")};
    CHECK_OK_IN(l, lh_metastore_commit(l->catalog->metastore, &old, 1, NULL, &l->err));
    uint64_t version;
    lh_json *dataset = test_described(l, "t", &version);
    CHECK_STR(lh_json_get_string(dataset, "owner"), LH_STR("ann"));
    CHECK_STR(lh_json_get_string(dataset, "sensitivity"), LH_STR("internal"));
    CHECK(lh_json_size(lh_json_get(dataset, "tags")) == 0 && lh_json_is_array(lh_json_get(dataset, "tags")));
    CHECK_OK_IN(l, test_patch(l, "t", "{'tags':['x']}", NULL)); /* and keeps what it does not know */
    lh_json *about = NULL;
    CHECK_OK_IN(l, dataset_about_read(l->catalog, LAKE_NAME("t"), l->arena, &about, &version, &l->err));
    CHECK(lh_json_int(lh_json_get(about, "later"), 0) == 1);
}

static void test_metadata__a_drop_leaves_nothing_and_a_rename_takes_all(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    test_table(l, "t"), test_table(l, "child");
    CHECK_OK_IN(l, test_patch(l, "t", "{'owner':'ann'}", NULL));
    const lh_change edge = {.key = lineage_key(LAKE_NAME("child"), l->arena),
                            .text = LH_STR("{\"parents\":[{\"namespace\":\"data\",\"name\":\"t\"}]}")};
    CHECK_OK_IN(l, lh_metastore_commit(l->catalog->metastore, &edge, 1, NULL, &l->err));
    CHECK_OK_IN(
        l,
        lh_table_rename(
            l->catalog,
            suite_json(l->arena,
                       "{'source':{'namespace':['data'],'name':'t'},'destination':{'namespace':['data'],'name':'u'}}"),
            l->arena, &l->err));
    uint64_t version;
    CHECK_STR(lh_json_get_string(test_described(l, "u", &version), "owner"), LH_STR("ann"));
    lh_json *graph = NULL;
    CHECK_OK_IN(l, lh_lineage_get(l->catalog, LAKE_NAME("child"), LH_LINEAGE_UP, 3, NULL, l->arena, &graph, &l->err));
    CHECK(lh_json_size(lh_json_get(graph, "nodes")) == 2);
    CHECK_OK_IN(l, lh_table_drop(l->catalog, LAKE_NAME("u"), false, &l->err));
    test_table(l, "u");
    CHECK_STR(lh_json_get_string(test_described(l, "u", &version), "owner"), LH_STR(""));
    CHECK_OK_IN(l, lh_lineage_get(l->catalog, LAKE_NAME("child"), LH_LINEAGE_UP, 3, NULL, l->arena, &graph, &l->err));
    CHECK(lh_json_size(lh_json_get(graph, "nodes")) == 1 && lh_json_size(lh_json_get(graph, "dropped")) == 1);
}

LH_TEST_MAIN(LH_TEST(test_metadata__a_declared_verdict_stays_over_a_detected_one),
             LH_TEST(test_metadata__what_a_part_of_the_rows_tells_replaces_no_verdict),
             LH_TEST(test_metadata__a_verdict_is_of_a_field_id_and_the_same_again_changes_nothing),
             LH_TEST(test_metadata__a_version_lets_one_writer_through),
             LH_TEST(test_metadata__an_older_document_loads_with_defaults),
             LH_TEST(test_metadata__a_drop_leaves_nothing_and_a_rename_takes_all))
