#include "catalog/catalog_suite.h"

#define TEST_KEY "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

/* A request under the key; what: stands for its hash. */
static lh_idempotency test_record(lake *l, const char *what, int64_t lifetime_ms) {
    return (lh_idempotency){.document = lh_idempotency_document(LH_STR("me"), LH_STR(TEST_KEY), l->arena),
                            .request = lh_str_from(what),
                            .lifetime_ms = lifetime_ms};
}

static lh_code test_create(lake *l, lh_catalog *catalog, lh_idempotency *record, const char *name) {
    lh_json *answer = NULL;
    const char *text = lh_arena_printf(l->arena, "{'namespace':['%s']}", name).ptr;
    return lh_namespace_create(lh_catalog_recording(catalog, record, l->arena), suite_json(l->arena, text), l->arena,
                               &answer, &l->err);
}

static unsigned test_status(lake *l, const lh_idempotency *record) {
    lh_idempotent_answer answer = {.status = 999};
    CHECK_OK_IN(l, lh_idempotency_find(l->catalog, record, l->arena, &answer, &l->err));
    return answer.status;
}

static uint64_t test_sequence(lake *l) { return lh_metastore_get_stats(lh_catalog_metastore(l->catalog)).sequence; }

static void test_idempotency__the_record_is_in_the_commit_that_does_the_request(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_idempotency record = test_record(l, "one", 60000);
    lh_idempotent_answer answer;
    uint64_t before = test_sequence(l);
    CHECK(test_status(l, &record) == 0);
    CHECK_OK_IN(l, test_create(l, l->catalog, &record, "a"));
    CHECK(record.done && test_sequence(l) == before + 1);
    CHECK(lh_idempotency_count(l->catalog) == 1);
    lake_open(l);
    CHECK_OK_IN(l, lh_idempotency_find(l->catalog, &record, l->arena, &answer, &l->err));
    CHECK(answer.status == 200 && !answer.is_table);
    CHECK_JSON(l->arena, answer.body, "{'namespace':['a'],'properties':{}}");
    record.request = LH_STR("another");
    CHECK(lh_idempotency_find(l->catalog, &record, l->arena, &answer, &l->err) == LH_CONFLICT);
}

static void test_idempotency__a_commit_that_fails_leaves_no_record(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_idempotency record = test_record(l, "one", 60000);
    CHECK(test_create(l, l->catalog, &record, "data") == LH_CONFLICT);
    CHECK(strstr(l->err.message, "Namespace already exists: data") != NULL);
    CHECK(!record.done && lh_idempotency_count(l->catalog) == 0);
    CHECK_OK_IN(l, lh_idempotency_put(l->catalog, &record, 409, LH_STR("{\"error\":{}}"), l->arena, &l->err));
    CHECK(test_status(l, &record) == 409);
    CHECK(lh_idempotency_put(l->catalog, &record, 404, LH_STR("{}"), l->arena, &l->err) == LH_CANCELLED);
    CHECK(test_status(l, &record) == 409);
}

/* A second gateway that has not seen the first one's commit. */
static void test_idempotency__what_another_gateway_did_is_not_done_again(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    LH_CLEANUP(lh_catalog_freep) lh_catalog *other = NULL;
    const lh_catalog_options options = {
        .bucket = l->bucket, .checkpoint_entries = 1000, .default_namespace = LH_STR("data")};
    CHECK_OK_IN(l, lh_catalog_open(&options, &other, &l->err));
    lh_idempotency here = test_record(l, "one", 60000), there = test_record(l, "one", 60000);
    CHECK_OK_IN(l, test_create(l, l->catalog, &here, "a"));
    CHECK(test_create(l, other, &there, "b") == LH_CANCELLED); /* other names: only the record is in the way */
    lh_json *answer = NULL;
    CHECK(!there.done);
    CHECK(lh_namespace_load(other, LH_STR("b"), l->arena, &answer, &l->err) == LH_NOT_FOUND);
}

static void test_idempotency__an_expired_record_counts_as_none_and_is_replaced(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_idempotency old = test_record(l, "old", -1), record = test_record(l, "new", 60000);
    CHECK_OK_IN(l, test_create(l, l->catalog, &old, "a"));
    CHECK(test_status(l, &record) == 0);
    CHECK_OK_IN(l, test_create(l, l->catalog, &record, "b"));
    CHECK(test_status(l, &record) == 200 && lh_idempotency_count(l->catalog) == 1);
}

static void test_idempotency__expired_and_too_many_records_are_removed(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    for (int i = 0; i < 50; i++) {
        lh_idempotency record = test_record(l, "r", i < 20 ? -1 : 60000 + i);
        record.document = lh_arena_printf(l->arena, "idempotent/me/%d", i);
        CHECK_OK_IN(l, lh_idempotency_put(l->catalog, &record, 404, LH_STR("{}"), l->arena, &l->err));
    }
    CHECK_OK_IN(l, lh_idempotency_expire(l->catalog, 1000, &l->err));
    CHECK(lh_idempotency_count(l->catalog) == 30);
    CHECK_OK_IN(l, lh_idempotency_expire(l->catalog, 20, &l->err));
    CHECK(lh_idempotency_count(l->catalog) == 17); /* one below nine tenths */
    lh_idempotency newest = test_record(l, "r", 60000), oldest = newest;
    newest.document = LH_STR("idempotent/me/49");
    oldest.document = LH_STR("idempotent/me/32");
    CHECK(test_status(l, &newest) == 404 && test_status(l, &oldest) == 0);
    CHECK(lh_metastore_count(lh_catalog_metastore(l->catalog), LH_STR("namespace/")) == 1);
}

static void test_idempotency__a_record_that_would_be_too_long_refuses_the_request(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    LH_CLEANUP(lh_buf_done) lh_buf name = LH_BUF_INIT(1 << 20);
    lh_idempotency record = test_record(l, "one", 60000);
    lh_json *request = suite_json(l->arena, "{'updates':{}}"), *answer = NULL;
    for (int i = 0; i < LH_LIMIT_IDEMPOTENCY_BYTES; i++) lh_buf_char(&name, 'x');
    lh_json_put(l->arena, lh_json_get(request, "updates"), lh_buf_str(&name),
                lh_json_new_string(l->arena, LH_STR("v")));
    CHECK(lh_namespace_update(lh_catalog_recording(l->catalog, &record, l->arena), LH_STR("data"), request, l->arena,
                              &answer, &l->err) == LH_INVALID);
    CHECK(!record.done && lh_idempotency_count(l->catalog) == 0);
    CHECK_OK_IN(l, lh_namespace_load(l->catalog, LH_STR("data"), l->arena, &answer, &l->err));
    CHECK(lh_json_size(lh_json_get(answer, "properties")) == 0);
}

LH_TEST_MAIN(LH_TEST(test_idempotency__the_record_is_in_the_commit_that_does_the_request),
             LH_TEST(test_idempotency__a_commit_that_fails_leaves_no_record),
             LH_TEST(test_idempotency__what_another_gateway_did_is_not_done_again),
             LH_TEST(test_idempotency__an_expired_record_counts_as_none_and_is_replaced),
             LH_TEST(test_idempotency__expired_and_too_many_records_are_removed),
             LH_TEST(test_idempotency__a_record_that_would_be_too_long_refuses_the_request))
