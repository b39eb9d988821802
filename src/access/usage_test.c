/* When a key was used last: kept, written seldom, gone with the key. */
#include "access/access_suite.h"
#include "access/usage_internal.h"

enum { HOUR_MS = 3600 * 1000 };

static lh_str lake_key_id(lake *l, lh_str *ret_key) {
    lh_error err = {0};
    lh_json *made = NULL;
    CHECK_OK(lh_access_key_create(l->catalog, LH_STR("me"), LH_STR("read"), LH_STR_NONE, l->arena, &made, &err));
    if (ret_key) *ret_key = lh_json_get_string(made, "key");
    return lh_json_get_string(made, "id");
}

static bool lake_has(lake *l, lh_str key) {
    lh_str ignored;
    return lh_metastore_get(lh_catalog_metastore(l->catalog), key, l->arena, &ignored, NULL, NULL) == LH_OK;
}

static lh_str lake_last_used(lake *l) {
    lh_error err = {0};
    lh_json *listed = NULL;
    CHECK_OK(lh_access_keys_list(l->access, l->arena, &listed, &err));
    return lh_json_get_string(lh_json_at(lh_json_get(listed, "items"), 0), "last_used_at");
}

static void test_usage__a_key_is_written_once_an_hour_and_no_other(void) {
    LH_CLEANUP(lake_done) lake l;
    LH_CLEANUP(usage_freep) usage *u = NULL;
    lh_error err = {0};
    lake_open(&l);
    CHECK_OK(usage_new(l.catalog, &u, &err));
    lh_str id = lake_key_id(&l, NULL), idle = lake_key_id(&l, NULL);
    int64_t now_ms = lh_time_now_ms();
    CHECK(usage_last_ms(u, l.catalog, id, l.arena) == 0 && usage_flush(u, true) == 0);
    usage_note(u, id, now_ms);
    CHECK(usage_last_ms(u, l.catalog, id, l.arena) == now_ms);
    CHECK(usage_flush(u, false) == 1);
    CHECK(usage_flush(u, false) == 0);
    usage_note(u, id, now_ms + HOUR_MS - 1);
    CHECK(usage_last_ms(u, l.catalog, id, l.arena) == now_ms + HOUR_MS - 1);
    CHECK(usage_flush(u, false) == 0); /* not an hour later yet */
    CHECK(usage_last_ms(NULL, l.catalog, id, l.arena) == now_ms);
    usage_note(u, id, now_ms + HOUR_MS);
    usage_note(u, id, now_ms); /* an older time takes nothing back */
    CHECK(usage_flush(u, false) == 1);
    CHECK(usage_last_ms(NULL, l.catalog, id, l.arena) == now_ms + HOUR_MS);
    CHECK(!lake_has(&l, usage_key(idle, l.arena)));
}

static void test_usage__the_end_of_the_server_writes_the_rest(void) {
    LH_CLEANUP(lake_done) lake l;
    usage *u = NULL;
    lh_error err = {0};
    lake_open(&l);
    lh_str id = lake_key_id(&l, NULL);
    int64_t now_ms = lh_time_now_ms();
    for (int64_t round = 0; round < 3;
         round++) { /* each time as a server that starts anew and knows only the documents */
        CHECK_OK(usage_new(l.catalog, &u, &err));
        usage_note(u, id, now_ms + round);
        CHECK(round == 0 || usage_flush(u, false) == 0); /* written within the hour, by the server before */
        usage_free(u);
        CHECK(usage_last_ms(NULL, l.catalog, id, l.arena) == now_ms + round);
    }
}

static void test_usage__it_goes_with_the_key(void) {
    LH_CLEANUP(lake_done) lake l;
    LH_CLEANUP(usage_freep) usage *u = NULL;
    lh_error err = {0};
    lake_open(&l);
    CHECK_OK(usage_new(l.catalog, &u, &err));
    lh_str id = lake_key_id(&l, NULL), document = usage_key(id, l.arena);
    usage_note(u, id, lh_time_now_ms());
    CHECK(usage_flush(u, true) == 1 && lake_has(&l, document));
    usage_note(u, id, lh_time_now_ms() + HOUR_MS);
    CHECK_OK(lh_access_key_revoke(l.catalog, id, l.arena, &err));
    CHECK(!lake_has(&l, document));
    CHECK(usage_flush(u, true) == 0 && !lake_has(&l, document)); /* what was noted meanwhile brings it not back */
}

static void test_usage__memory_is_bounded(void) {
    LH_CLEANUP(lake_done) lake l;
    LH_CLEANUP(usage_freep) usage *u = NULL;
    lh_error err = {0};
    char id[24];
    lake_open(&l);
    CHECK_OK(usage_new(l.catalog, &u, &err));
    int64_t now_ms = lh_time_now_ms();
    for (int64_t n = 0; n < 20000; n++) {
        snprintf(id, sizeof id, "%012" PRIx64, (uint64_t)n);
        usage_note(u, lh_str_from(id), now_ms + n);
    }
    CHECK(usage_last_ms(u, l.catalog, lh_str_from(id), l.arena) == now_ms + 19999); /* the last ones are known */
    CHECK(usage_flush(u, true) == 0);                                               /* none of them is a key */
    usage_note(u, LH_STR("x"), now_ms);                                             /* no id at all */
}

static void test_usage__the_doors_note_it_and_the_list_shows_it(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_str key;
    lake_open(&l);
    lake_key_id(&l, &key);
    CHECK(lake_last_used(&l).len == 0);
    CHECK(!lh_access_identify(l.access, lh_str_sub(key, 0, key.len - 1), (lh_address){0}, l.arena).known);
    CHECK(lake_last_used(&l).len == 0); /* a wrong secret is no use of the key */
    CHECK(lh_access_identify(l.access, key, (lh_address){0}, l.arena).known);
    int64_t used_ms = 0, now_ms = lh_time_now_ms();
    CHECK(lh_time_parse_rfc3339(lake_last_used(&l), &used_ms) == LH_OK && now_ms - used_ms < HOUR_MS);
}

LH_TEST_MAIN(LH_TEST(test_usage__a_key_is_written_once_an_hour_and_no_other),
             LH_TEST(test_usage__the_end_of_the_server_writes_the_rest), LH_TEST(test_usage__it_goes_with_the_key),
             LH_TEST(test_usage__memory_is_bounded), LH_TEST(test_usage__the_doors_note_it_and_the_list_shows_it))
