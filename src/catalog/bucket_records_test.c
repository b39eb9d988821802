#include "catalog/catalog_suite.h"

/* A lake of two buckets, "first" and "second", with one table in each. */
typedef struct two {
    lake *lake;
    lh_registry *registry;
    lh_catalog *catalog;
} two;

static void two_done(two *t) {
    lh_catalog_free(t->catalog);
    lh_registry_free(t->registry);
    lake_free(t->lake);
}

static two two_new(void) {
    two t = {.lake = lake_new()};
    lh_arena *arena = t.lake->arena;
    const lh_bucket_options buckets[] = {
        {.name = LH_STR("first"), .root = lh_arena_printf(arena, "%s/one", t.lake->root)},
        {.name = LH_STR("second"), .root = lh_arena_printf(arena, "%s/two", t.lake->root)}};
    const lh_registry_options options = {
        .buckets = buckets, .count = 2, .probe_interval_ms = 3600000, .probe_timeout_ms = 1000};
    CHECK_OK_IN(t.lake, lh_registry_open(&options, &t.registry, &t.lake->err));
    const lh_catalog_options catalog = {.bucket = lh_registry_whole(t.registry),
                                        .registry = t.registry,
                                        .checkpoint_entries = 1000,
                                        .default_namespace = LH_STR("data")};
    CHECK_OK_IN(t.lake, lh_catalog_open(&catalog, &t.catalog, &t.lake->err));
    return t;
}

static lh_json *two_create(two *t, const char *name, const char *properties) {
    lh_json *request = NULL, *answer = NULL;
    lh_arena *arena = t->lake->arena;
    lh_str text = lh_arena_printf(arena,
                                  "{\"name\":\"%s\",\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":"
                                  "\"id\",\"type\":\"long\",\"required\":false}]},"
                                  "\"properties\":{%s}}",
                                  name, properties);
    CHECK_OK_IN(t->lake, lh_json_parse(arena, text, &request, &t->lake->err));
    CHECK_OK_IN(t->lake, lh_table_create(t->catalog, LH_STR("data"), request, arena, &answer, &t->lake->err));
    return answer;
}

static lh_json *two_record(two *t, const char *key, uint64_t *ret_version) {
    lh_str text;
    lh_json *doc = NULL;
    CHECK_OK_IN(t->lake, lh_metastore_get(lh_catalog_metastore(t->catalog), lh_str_from(key), t->lake->arena, &text,
                                          ret_version, &t->lake->err));
    CHECK_OK_IN(t->lake, lh_json_parse(t->lake->arena, text, &doc, &t->lake->err));
    return doc;
}

static void test_bucket_records__a_table_goes_where_its_property_says_and_its_record_tells(void) {
    LH_CLEANUP(two_done) two t = two_new();
    lh_str bucket;
    uint64_t version;
    two_create(&t, "a", "");
    lh_json *answer = two_create(&t, "b", "\"lakehouse.bucket\":\"second\"");
    CHECK(lh_str_search(lh_json_get_string(answer, "metadata-location"), LH_STR("/two/lake/data/b-")) != SIZE_MAX);
    CHECK_STR(lh_json_get_string(two_record(&t, "table/data/a", &version), "bucket"), LH_STR("first"));
    const lh_json *b = two_record(&t, "table/data/b", &version);
    CHECK_STR(lh_json_get_string(b, "bucket"), LH_STR("second"));
    CHECK(lh_str_starts(lh_json_get_string(b, "metadata_key"), LH_STR("lake/data/b-"))); /* a key of that bucket */
    CHECK_OK_IN(t.lake, lh_table_bucket(t.catalog, (lh_table_name){LH_STR("data"), LH_STR("b")}, t.lake->arena, &bucket,
                                        &t.lake->err));
    CHECK_STR(bucket, LH_STR("second"));
    CHECK(lh_catalog_check_bucket(t.catalog, LH_STR("third"), &t.lake->err) == LH_UNAVAILABLE);
    CHECK(strstr(t.lake->err.message, "first, second"));
}

static void test_bucket_records__a_record_of_before_means_the_primary_and_is_stamped_once(void) {
    LH_CLEANUP(two_done) two t = two_new();
    lh_json *answer = NULL;
    uint64_t version;
    two_create(&t, "old", "");
    two_create(&t, "new", "\"lakehouse.bucket\":\"second\"");
    lh_json *record = two_record(&t, "table/data/old", &version);
    lh_json_remove(record, LH_STR("bucket"));
    lh_change change = {.key = LH_STR("table/data/old"), .expected = version};
    CHECK_OK_IN(t.lake, lh_json_write(t.lake->arena, record, false, &change.text, &t.lake->err));
    CHECK_OK_IN(t.lake, lh_metastore_commit(lh_catalog_metastore(t.catalog), &change, 1, NULL, &t.lake->err));
    const lh_table_name old = {LH_STR("data"), LH_STR("old")};
    lh_str bucket;
    CHECK_OK_IN(t.lake, lh_table_bucket(t.catalog, old, t.lake->arena, &bucket, &t.lake->err));
    CHECK_STR(bucket, LH_STR("first"));
    CHECK_OK_IN(t.lake, lh_catalog_stamp_buckets(t.catalog, t.lake->arena, &answer, &t.lake->err));
    CHECK(lh_json_uint(lh_json_get(answer, "stamped"), 9) == 1 && lh_json_uint(lh_json_get(answer, "already"), 9) == 1);
    CHECK_STR(lh_json_get_string(two_record(&t, "table/data/old", &version), "bucket"), LH_STR("first"));
    CHECK_OK_IN(t.lake, lh_catalog_stamp_buckets(t.catalog, t.lake->arena, &answer, &t.lake->err));
    CHECK(lh_json_uint(lh_json_get(answer, "stamped"), 9) == 0);
    CHECK_OK_IN(t.lake, lh_table_load(t.catalog, old, false, LH_STR_NONE, t.lake->arena, &answer, NULL, &t.lake->err));
}

LH_TEST_MAIN(LH_TEST(test_bucket_records__a_table_goes_where_its_property_says_and_its_record_tells),
             LH_TEST(test_bucket_records__a_record_of_before_means_the_primary_and_is_stamped_once))
