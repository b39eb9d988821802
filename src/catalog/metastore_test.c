#include "catalog/metastore_suite.h"

/* ---- one gateway ---- */

static void test_metastore__get_and_list_give_documents_by_key_with_versions(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 100);
    const lh_change changes[] = {{.key = LH_STR("b/2"), .text = LH_STR("{\"n\":2}")},
                                 {.key = LH_STR("a"), .text = LH_STR("{ \"n\" : 1 }")},
                                 {.key = LH_STR("b/1"), .text = LH_STR("{\"n\":1.0}")},
                                 {.key = LH_STR("c\x1f"
                                                "d"),
                                  .text = LH_STR("{}")}};
    uint64_t sequence = 0, version = 0;
    CHECK(lh_metastore_commit(s->store, changes, 4, &sequence, &s->err) == LH_OK);
    CHECK(sequence == 1);
    CHECK(suite_put(s->store, "b/3", "{}") == 2);
    CHECK_STR(suite_get(s, s->store, "a", &version), LH_STR("{\"n\":1}"));
    CHECK(version == 1);
    lh_document_page page;
    CHECK(lh_metastore_list(s->store, LH_STR("b/"), LH_STR_NONE, 2, s->arena, &page, &s->err) == LH_OK);
    CHECK(page.count == 2 && page.more);
    CHECK_STR(page.items[0].key, LH_STR("b/1"));
    CHECK_STR(page.items[0].text, LH_STR("{\"n\":1.0}"));
    CHECK(lh_metastore_list(s->store, LH_STR("b/"), page.items[1].key, 2, s->arena, &page, &s->err) == LH_OK);
    CHECK(page.count == 1 && !page.more && page.items[0].version == 2);
    CHECK(lh_metastore_get(s->store, LH_STR("b"), s->arena, &page.items[0].text, NULL, &s->err) == LH_NOT_FOUND);
    lh_str before = suite_dump(s, s->store);
    suite_open(s, &s->store, 100);
    CHECK_STR(suite_dump(s, s->store), before);
    CHECK(lh_metastore_get_stats(s->store).replayed_entries == 2 && lh_metastore_get_stats(s->store).documents == 5);
}

static void test_metastore__versions_guard_puts_deletes_and_checks(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 100);
    CHECK(suite_commit(s->store, "k", "{\"v\":1}", LH_VERSION_ABSENT, NULL) == LH_OK);
    CHECK(suite_commit(s->store, "k", "{\"v\":2}", LH_VERSION_ABSENT, NULL) == LH_CONFLICT);
    CHECK(suite_commit(s->store, "k", "{\"v\":2}", 1, NULL) == LH_OK);
    CHECK(suite_commit(s->store, "k", "{\"v\":3}", 1, NULL) == LH_CONFLICT);
    CHECK(suite_commit(s->store, "k", "", 1, NULL) == LH_CONFLICT);
    lh_change pair[] = {{.key = LH_STR("k"), .expected = 1, .check_only = true},
                        {.key = LH_STR("other"), .text = LH_STR("{}")}};
    CHECK(lh_metastore_commit(s->store, pair, 2, NULL, &s->err) == LH_CONFLICT);
    CHECK(strstr(s->err.message, "'k'") != NULL);
    CHECK(suite_get(s, s->store, "other", NULL).len == 0); /* all or nothing */
    pair[0].expected = 2;
    CHECK(lh_metastore_commit(s->store, pair, 2, NULL, &s->err) == LH_OK);
    uint64_t version = 0;
    CHECK_STR(suite_get(s, s->store, "k", &version), LH_STR("{\"v\":2}"));
    CHECK(version == 2); /* checking is no change */
    CHECK(suite_commit(s->store, "k", "", 2, NULL) == LH_OK);
    CHECK(suite_get(s, s->store, "k", NULL).len == 0);
    CHECK(suite_commit(s->store, "k", "", LH_VERSION_ANY, NULL) == LH_OK); /* nothing to delete */
    CHECK(lh_metastore_get_stats(s->store).conflicts == 4);
}

static void test_metastore__prefix_check_wants_no_document_beneath(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 100);
    suite_put(s->store, "table/a/t", "{}");
    lh_change drop[] = {{.key = LH_STR("namespace/a"), .expected = LH_VERSION_ANY},
                        {.key = LH_STR("table/a/"), .expected = LH_VERSION_ABSENT, .check_only = true, .prefix = true}};
    CHECK(lh_metastore_commit(s->store, drop, 2, NULL, &s->err) == LH_CONFLICT);
    suite_put(s->store, "table/a/t", "");
    CHECK(lh_metastore_commit(s->store, drop, 2, NULL, &s->err) == LH_OK);
}

static void test_metastore__what_could_not_be_read_back_is_refused(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 100);
    CHECK(suite_commit(s->store, "k", "{\"open\":", LH_VERSION_ANY, NULL) == LH_INVALID);
    CHECK(suite_commit(s->store, "k", "[1]", LH_VERSION_ANY, NULL) == LH_INVALID);
    CHECK(suite_commit(s->store, "", "{}", LH_VERSION_ANY, NULL) == LH_INVALID);
    CHECK(suite_commit(s->store, "\xFF", "{}", LH_VERSION_ANY, NULL) == LH_INVALID);
    LH_CLEANUP(lh_buf_done) lh_buf deep = LH_BUF_INIT(1 << 20), large = LH_BUF_INIT(64 << 20);
    lh_buf_append(&deep, LH_STR("{\"a\":"));
    for (int i = 0; i < 510; i++) lh_buf_char(&deep, '[');
    for (int i = 0; i < 510; i++) lh_buf_char(&deep, ']');
    lh_buf_append(&deep, LH_STR("}\0"));
    CHECK(suite_commit(s->store, "k", deep.ptr, LH_VERSION_ANY, NULL) == LH_LIMIT);
    lh_buf_append(&large, LH_STR("{\"a\":\""));
    for (int i = 0; i < 25 << 20; i++) lh_buf_char(&large, 'x');
    lh_buf_append(&large, LH_STR("\"}\0"));
    CHECK(suite_commit(s->store, "k", large.ptr, LH_VERSION_ANY, NULL) == LH_LIMIT);
    CHECK(suite_put(s->store, "k", "{\n\"lines\" :\n1}") == 1); /* nothing was written before */
    suite_open(s, &s->store, 1);                                /* and a checkpoint, a document a line, takes it */
    suite_settle(s, &s->store, 1);
    CHECK_STR(suite_get(s, s->store, "k", NULL), LH_STR("{\"lines\":1}"));
    CHECK(lh_metastore_get_stats(s->store).replayed_entries == 0);
}

/* ---- checkpoints ---- */

/* The same random commits go to a store with many checkpoints and to one with none; both are opened again and again. */
static void test_metastore__checkpoint_and_tail_equal_the_full_replay(void) {
    LH_CLEANUP(suite_freep) suite *often = suite_new();
    LH_CLEANUP(suite_freep) suite *never = suite_new();
    suite_open(often, &often->store, 7);
    suite_open(never, &never->store, UINT64_MAX / 2);
    srandom(20261123);
    for (int round = 0; round < 400; round++) {
        char keys[4][64], texts[4][128];
        lh_change changes[4] = {{.key = LH_STR_NONE}};
        size_t count = 1 + (size_t)random() % 4;
        for (size_t i = 0; i < count; i++) {
            snprintf(keys[i], sizeof keys[i], "%c/%ld\x1f\"", (int)('a' + random() % 3), random() % 40);
            snprintf(texts[i], sizeof texts[i], "{\"round\":%d,\"x\":%ld.5,\"s\":\"\\u00e9\\n\"}", round, random());
            changes[i].key = lh_str_from(keys[i]);
            if (random() % 4) changes[i].text = lh_str_from(texts[i]);
        }
        CHECK(lh_metastore_commit(often->store, changes, count, NULL, &often->err) == LH_OK);
        CHECK(lh_metastore_commit(never->store, changes, count, NULL, &never->err) == LH_OK);
        if (random() % 10 == 0) suite_open(often, &often->store, 7);
    }
    suite_open(never, &never->store, UINT64_MAX / 2);
    CHECK_STR(suite_dump(often, often->store), suite_dump(never, never->store));
    suite_open(often, &often->store, 7);
    CHECK_STR(suite_dump(often, often->store), suite_dump(never, never->store));
    CHECK(lh_metastore_get_stats(never->store).replayed_entries == 400);
    CHECK(lh_metastore_get_stats(often->store).replayed_entries < 400);
    suite_put(often->store, "settle", "{}"); /* its checkpoint is due by now or soon */
}

static void test_metastore__old_entries_are_removed_behind_the_checkpoint_before(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 5);
    for (int i = 1; i <= 15; i++) {
        suite_put(s->store, "k", "{}");
        if (i % 5 == 0) suite_wait_checkpoint(s->store, (uint64_t)i);
    }
    lh_metastore_free(s->store); /* waits for the thread */
    s->store = NULL;
    lh_object_page page;
    CHECK(lh_bucket_list(s->bucket, LH_STR("_catalog/"), LH_STR_NONE, 100, s->arena, &page, &s->err) == LH_OK);
    CHECK(page.count == 2 + 5);
    CHECK_STR(page.entries[0].key, LH_STR("_catalog/checkpoint/00000000000000000010.jsonl"));
    CHECK_STR(page.entries[1].key, LH_STR("_catalog/checkpoint/00000000000000000015.jsonl"));
    CHECK_STR(page.entries[2].key, LH_STR("_catalog/log/00000000000000000011.json"));
}

/* ---- damage: never silent loss ---- */

static void suite_expect_corrupt(suite *s, const char *named) {
    lh_metastore *store = NULL;
    memset(&s->err, 0, sizeof s->err);
    CHECK(lh_metastore_open(s->bucket, 5, &store, &s->err) == LH_CORRUPT);
    CHECK(store == NULL);
    if (!strstr(s->err.message, named)) print_error("'%s' does not name '%s'\n", s->err.message, named);
    CHECK(strstr(s->err.message, named) != NULL);
}

static void test_metastore__a_damaged_entry_is_corrupt_and_named(void) {
    static const char entry2[] = "_catalog/log/00000000000000000002.json";
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 100);
    for (int i = 0; i < 3; i++) suite_put(s->store, "k", "{}");
    lh_metastore_free(s->store);
    s->store = NULL;
    lh_str key = lh_str_from(entry2), whole = suite_object(s, key);
    for (size_t cut = 0; cut < whole.len - 2; cut += 7) { /* torn anywhere */
        suite_damage(s, key, cut ? lh_str_sub(whole, 0, cut) : LH_STR("\0"));
        suite_expect_corrupt(s, entry2);
    }
    suite_damage(s, key, LH_STR("{\"format\":\"lakehouse-log\",\"schema_version\":2,\"sequence\":2,\"changes\":[]}"));
    suite_expect_corrupt(s, "schema version 2");
    suite_damage(s, key, LH_STR("{\"format\":\"lakehouse-log\",\"schema_version\":1,\"sequence\":3,\"changes\":[]}"));
    suite_expect_corrupt(s, entry2);
    suite_damage(
        s, key,
        LH_STR("{\"format\":\"lakehouse-log\",\"schema_version\":1,\"sequence\":2,\"changes\":[{\"key\":\"k\"}]}"));
    suite_expect_corrupt(s, entry2);
    suite_damage(s, key,
                 LH_STR("{\"format\":\"lakehouse-log\",\"schema_version\":1,\"sequence\":2,\"previous\":\"stranger\","
                        "\"changes\":[]}"));
    suite_expect_corrupt(s, entry2);
    suite_damage(s, key, LH_STR_NONE); /* missing in the middle */
    suite_expect_corrupt(s, entry2);
    suite_damage(s, key, whole);
    suite_open(s, &s->store, 100);
    CHECK(lh_metastore_get_stats(s->store).sequence == 3);
}

static void test_metastore__entries_of_the_first_version_load_without_ids(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_damage(s, LH_STR("_catalog/log/00000000000000000001.json"),
                 LH_STR("{\"format\":\"lakehouse-log\",\"schema_version\":1,\"sequence\":1,\"changes\":[{\"key\":\"a\","
                        "\"put\":{\"x\":1},\"later\":0}]}"));
    suite_damage(s, LH_STR("_catalog/log/00000000000000000002.json"),
                 LH_STR("{\"format\":\"lakehouse-log\",\"schema_version\":1,\"sequence\":2,\"new\":[],\"changes\":[{"
                        "\"key\":\"b\",\"put\":{}}]}"));
    suite_damage(s, LH_STR("_catalog/checkpoint/00000000000000000001.jsonl"),
                 LH_STR("{\"format\":\"lakehouse-checkpoint\",\"schema_version\":1,\"sequence\":1}\n{\"version\":1,"
                        "\"key\":\"a\",\"put\":{\"x\":1}}\n{\"end\":true,\"documents\":1}\n"));
    suite_open(s, &s->store, 100);
    CHECK_STR(suite_dump(s, s->store), LH_STR("a 1 {\"x\":1}\nb 2 {}\n"));
    CHECK(suite_put(s->store, "c", "{}") == 3);
    suite_open(s, &s->store, 100);
    CHECK(lh_metastore_get_stats(s->store).sequence == 3);
}

static void test_metastore__a_torn_checkpoint_falls_back_only_when_the_log_reaches_it(void) {
    static const char newest[] = "_catalog/checkpoint/00000000000000000010.jsonl";
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 5);
    for (int i = 1; i <= 10; i++) {
        char key[32];
        snprintf(key, sizeof key, "k%d", i);
        suite_put(s->store, key, "{\"a\":[1,2]}");
        if (i % 5 == 0) suite_wait_checkpoint(s->store, (uint64_t)i);
    }
    suite_open(s, &s->store, 1000);
    lh_str before = suite_dump(s, s->store), whole = suite_object(s, lh_str_from(newest));
    lh_metastore_free(s->store);
    s->store = NULL;
    for (size_t cut = 1; cut < whole.len - 1; cut += 11) {
        suite_damage(s, lh_str_from(newest), lh_str_sub(whole, 0, cut));
        suite_open(s, &s->store, 1000);
        CHECK_STR(suite_dump(s, s->store), before);
        CHECK(lh_metastore_get_stats(s->store).checkpoint_sequence == 5);
    }
    suite_open(s, &s->store, 5); /* writes number 10 again, whole */
    suite_wait_checkpoint(s->store, 10);
    suite_open(s, &s->store, 1000);
    CHECK(lh_metastore_get_stats(s->store).replayed_entries == 0);
    suite_damage(s, lh_str_from(newest), LH_STR("{\"format\":"));
    suite_damage(s, LH_STR("_catalog/log/00000000000000000010.json"), LH_STR_NONE);
    suite_expect_corrupt(s, newest); /* the log alone ends at 9 */
}

/* ---- two gateways ---- */

enum { RACE_THREADS = 3, RACE_ROUNDS = 40 };
typedef struct racer {
    lh_metastore *store;
    int done, unknown; /* unknown: 64 commits and a checkpoint of others fell between our write and our look at it */
} racer;

static void *race_main(void *ctx) { /* adds one to a counter, with the version it read */
    racer *r = ctx;
    for (int i = 0; i < RACE_ROUNDS;) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_str text;
        uint64_t version = 0;
        lh_json *document = NULL;
        char next[64];
        if (lh_arena_new(1 << 20, &arena, NULL) != LH_OK ||
            lh_metastore_get(r->store, LH_STR("counter"), arena, &text, &version, NULL) != LH_OK ||
            lh_json_parse(arena, text, &document, NULL) != LH_OK)
            return NULL;
        snprintf(next, sizeof next, "{\"n\":%" PRId64 "}", lh_json_int(lh_json_get(document, "n"), 0) + 1);
        lh_code code = suite_commit(r->store, "counter", next, version, NULL);
        if (code != LH_OK && code != LH_CONFLICT && code != LH_UNAVAILABLE) return NULL;
        if (code == LH_OK) i++, r->done++;
        if (code == LH_UNAVAILABLE) i++, r->unknown++;
    }
    return NULL;
}

static void test_metastore__two_gateways_race_and_no_commit_is_lost(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 9);
    suite_put(s->store, "counter", "{\"n\":0}");
    suite_open(s, &s->other, 4);
    pthread_t threads[2 * RACE_THREADS];
    racer racers[2 * RACE_THREADS];
    for (int i = 0; i < 2 * RACE_THREADS; i++) {
        racers[i] = (racer){i % 2 ? s->other : s->store, 0, 0};
        CHECK(pthread_create(&threads[i], NULL, race_main, &racers[i]) == 0);
    }
    int done = 0, unknown = 0;
    for (int i = 0; i < 2 * RACE_THREADS; i++) {
        pthread_join(threads[i], NULL);
        done += racers[i].done, unknown += racers[i].unknown;
        CHECK(racers[i].done + racers[i].unknown == RACE_ROUNDS);
    }
    CHECK(lh_metastore_refresh(s->store, &s->err) == LH_OK && lh_metastore_refresh(s->other, &s->err) == LH_OK);
    lh_json *counter = NULL;
    CHECK(lh_json_parse(s->arena, suite_get(s, s->store, "counter", NULL), &counter, &s->err) == LH_OK);
    int64_t counted = lh_json_int(lh_json_get(counter, "n"), -1);
    CHECK(counted >= done && counted <= done + unknown);
    CHECK_STR(suite_dump(s, s->store), suite_dump(s, s->other));
    lh_str before = suite_dump(s, s->store);
    suite_open(s, &s->store, 9);
    CHECK_STR(suite_dump(s, s->store), before);
}

/* The store `other` stays at entry 4 while the first commits up to `last` and compacts. */
static suite *suite_with_sleeper(int last) {
    suite *s = suite_new();
    suite_open(s, &s->store, 5);
    for (int i = 1; i <= last; i++) {
        char key[32];
        snprintf(key, sizeof key, "k%d", i);
        suite_put(s->store, key, "{}");
        if (i == 4) suite_open(s, &s->other, 1000);
        if (i % 5 == 0) suite_wait_checkpoint(s->store, (uint64_t)i);
    }
    suite_open(s, &s->store, 5);
    CHECK(lh_metastore_get_stats(s->other).sequence == 4);
    s->other->looked_ms = metastore_clock_ms(); /* it believes that it has just looked */
    return s;
}

static void test_metastore__a_gateway_that_slept_through_a_compaction_loses_no_commit(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_with_sleeper(15);
    CHECK(suite_put(s->other, "awake", "{\"me\":1}") == 16); /* not 5, which existed and is gone */
    CHECK(suite_commit(s->other, "k9", "{}", LH_VERSION_ABSENT, NULL) ==
          LH_CONFLICT); /* it knows what it had slept through */
    suite_put(s->store, "first", "{}");
    CHECK(lh_metastore_refresh(s->other, &s->err) == LH_OK);
    CHECK_STR(suite_dump(s, s->store), suite_dump(s, s->other));
    suite_open(s, &s->store, 1000);
    CHECK_STR(suite_get(s, s->store, "awake", NULL), LH_STR("{\"me\":1}"));
    lh_object_info info;
    CHECK(lh_bucket_head(s->bucket, LH_STR("_catalog/log/00000000000000000005.json"), &info, &s->err) == LH_NOT_FOUND);
}

static void test_metastore__what_nobody_can_tell_is_unavailable_and_takes_nothing_back(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_with_sleeper(80); /* the checkpoints know the last 64 ids: not that of 5 */
    const lh_change change = {.key = LH_STR("awake"), .text = LH_STR("{}")};
    CHECK(lh_metastore_commit(s->other, &change, 1, NULL, &s->err) == LH_UNAVAILABLE);
    lh_object_info info;
    CHECK(lh_bucket_head(s->bucket, LH_STR("_catalog/log/00000000000000000005.json"), &info, &s->err) == LH_OK);
    CHECK_STR(suite_dump(s, s->store),
              suite_dump(s, s->other)); /* it has loaded the log's end, and goes on from there */
    CHECK(suite_put(s->other, "awake", "{}") == 81);
}

static void test_metastore__whoever_has_not_looked_for_a_while_looks_first(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_with_sleeper(80);
    s->other->looked_ms = 0;
    CHECK(suite_put(s->other, "awake", "{}") == 81);
}

/* Another sleeper crashed right after its put of entry `last`, which continues what this one sees. */
static void suite_check_orphans(int last) {
    LH_CLEANUP(suite_freep) suite *s = suite_with_sleeper(15);
    for (int i = 5; i <= last; i++) {
        char name[64];
        suite_damage(
            s, metastore_log_key((uint64_t)i, name),
            lh_arena_printf(s->arena,
                            "{\"format\":\"lakehouse-log\",\"schema_version\":1,\"sequence\":%d,\"id\":\"orphan%d\","
                            "\"changes\":[{\"key\":\"ghost\",\"put\":{}}]}",
                            i, i));
    }
    CHECK(lh_metastore_refresh(s->other, &s->err) == LH_OK);
    CHECK_STR(suite_dump(s, s->other), suite_dump(s, s->store));
    CHECK(suite_get(s, s->other, "ghost", NULL).len == 0);
    CHECK(suite_put(s->other, "k", "{}") == 16);
}

static void test_metastore__an_entry_left_in_a_hole_is_not_followed(void) {
    suite_check_orphans(5);  /* a gap comes after it */
    suite_check_orphans(10); /* the real entry 11 comes after it, and names another one before itself */
}

LH_TEST_MAIN(LH_TEST(test_metastore__get_and_list_give_documents_by_key_with_versions),
             LH_TEST(test_metastore__versions_guard_puts_deletes_and_checks),
             LH_TEST(test_metastore__prefix_check_wants_no_document_beneath),
             LH_TEST(test_metastore__what_could_not_be_read_back_is_refused),
             LH_TEST(test_metastore__checkpoint_and_tail_equal_the_full_replay),
             LH_TEST(test_metastore__old_entries_are_removed_behind_the_checkpoint_before),
             LH_TEST(test_metastore__a_damaged_entry_is_corrupt_and_named),
             LH_TEST(test_metastore__entries_of_the_first_version_load_without_ids),
             LH_TEST(test_metastore__a_torn_checkpoint_falls_back_only_when_the_log_reaches_it),
             LH_TEST(test_metastore__two_gateways_race_and_no_commit_is_lost),
             LH_TEST(test_metastore__a_gateway_that_slept_through_a_compaction_loses_no_commit),
             LH_TEST(test_metastore__what_nobody_can_tell_is_unavailable_and_takes_nothing_back),
             LH_TEST(test_metastore__whoever_has_not_looked_for_a_while_looks_first),
             LH_TEST(test_metastore__an_entry_left_in_a_hole_is_not_followed))
