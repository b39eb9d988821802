/* The feed of changes: what it tells, in which order, what it forgets, and what it survives. */
#include "catalog/metastore_suite.h"

/* The feed reads through a catalog; the suite has stores of two gateways on one bucket. */
static lh_catalog *feed_catalog(suite *s) {
    lh_catalog *catalog = NULL;
    const lh_catalog_options options = {
        .bucket = s->bucket, .checkpoint_entries = 1000, .default_namespace = LH_STR("data")};
    CHECK(lh_catalog_open(&options, &catalog, &s->err) == LH_OK);
    return catalog;
}

static uint64_t feed_put(lh_metastore *store, const char *key, const char *text) {
    uint64_t sequence = 0;
    CHECK(suite_commit(store, key, text, LH_VERSION_ANY, &sequence) == LH_OK);
    return sequence;
}

static lh_dataset_changes feed_after(suite *s, lh_catalog *catalog, uint64_t after) {
    lh_dataset_changes changes = {0};
    CHECK(lh_dataset_changes_after(catalog, after, s->arena, &changes, &s->err) == LH_OK);
    return changes;
}

static void test_catalog__changes_are_told_in_order(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    LH_CLEANUP(lh_catalog_freep) lh_catalog *catalog = feed_catalog(s);
    lh_metastore *store = lh_catalog_metastore(catalog);
    uint64_t start = lh_metastore_get_stats(store).sequence;
    uint64_t made = feed_put(store,
                             "table/a\x1f"
                             "b/t",
                             "{\"snapshot_id\":-1}");
    uint64_t changed = feed_put(store,
                                "table/a\x1f"
                                "b/t",
                                "{\"snapshot_id\":7}");
    feed_put(store, "namespace/x", "{}");
    uint64_t said = feed_put(store,
                             "about/a\x1f"
                             "b/t",
                             "{}");
    uint64_t dropped = feed_put(store,
                                "table/a\x1f"
                                "b/t",
                                "");
    uint64_t last = feed_put(store,
                             "about/a\x1f"
                             "b/t",
                             ""); /* of no table any more */
    const struct {
        uint64_t sequence;
        lh_changed kind;
        int64_t snapshot_id;
    } expected[] = {{made, LH_CHANGED_CREATED, -1},
                    {changed, LH_CHANGED_UPDATED, 7},
                    {said, LH_CHANGED_UPDATED, 7},
                    {dropped, LH_CHANGED_DROPPED, 7}};
    uint64_t after = start;
    for (size_t i = 0; i < 4; i++) {
        lh_dataset_changes got = feed_after(s, catalog, after);
        CHECK(got.count == 1 && got.behind == 4 - i && got.sequence == expected[i].sequence);
        CHECK(got.items[0].kind == expected[i].kind && got.items[0].snapshot_id == expected[i].snapshot_id);
        CHECK_STR(got.items[0].name.name, LH_STR("t"));
        CHECK_STR(got.items[0].name.namespace_, LH_STR("a\x1f"
                                                       "b"));
        after = got.sequence;
    }
    CHECK(feed_after(s, catalog, after).count == 0 && feed_after(s, catalog, after).sequence == last);
}

static void test_catalog__changes_of_one_commit_stay_together(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    LH_CLEANUP(lh_catalog_freep) lh_catalog *catalog = feed_catalog(s);
    lh_metastore *store = lh_catalog_metastore(catalog);
    uint64_t before = feed_put(store, "table/n/old", "{\"snapshot_id\":3}");
    const lh_change changes[] = {{.key = LH_STR("about/n/old"), .text = LH_STR_NONE},
                                 {.key = LH_STR("table/n/old"), .text = LH_STR_NONE},
                                 {.key = LH_STR("table/n/new"), .text = LH_STR("{\"snapshot_id\":3}")},
                                 {.key = LH_STR("about/n/new"), .text = LH_STR("{}")}};
    CHECK(lh_metastore_commit(store, changes, 4, NULL, &s->err) == LH_OK);
    lh_dataset_changes got = feed_after(s, catalog, before);
    CHECK(got.count == 2 && got.items[0].kind == LH_CHANGED_DROPPED && got.items[1].kind == LH_CHANGED_CREATED);
    CHECK_STR(got.items[1].name.name, LH_STR("new"));
}

static void test_catalog__changes_are_kept_over_a_restart_and_bounded(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    LH_CLEANUP(lh_catalog_freep) lh_catalog *catalog = feed_catalog(s);
    lh_dataset_changes got;
    uint64_t made = feed_put(lh_catalog_metastore(catalog), "table/n/t", "{\"snapshot_id\":3}");
    lh_catalog_free(lh_take(&catalog));
    catalog = feed_catalog(s); /* replays the log */
    CHECK(feed_after(s, catalog, made - 1).items[0].kind == LH_CHANGED_CREATED);
    lh_change changes[64];
    for (size_t i = 0; i < 64; i++)
        changes[i] = (lh_change){.key = lh_arena_printf(s->arena, "table/n/t%zu", i), .text = LH_STR("{}")};
    for (size_t i = 0; i < CHANGE_FEED_ITEMS / 64; i++)
        CHECK(lh_metastore_commit(lh_catalog_metastore(catalog), changes, 64, NULL, &s->err) == LH_OK);
    CHECK(lh_dataset_changes_after(catalog, made - 1, s->arena, &got, &s->err) == LH_NOT_FOUND);
    CHECK(feed_after(s, catalog, made).count == 64 && feed_after(s, catalog, made).behind == CHANGE_FEED_ITEMS);
}

static void feed_count(void *ctx) { ++*(int *)ctx; }

static void test_catalog__a_listener_hears_of_our_commits_and_of_others(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    LH_CLEANUP(lh_catalog_freep) lh_catalog *catalog = feed_catalog(s);
    int heard = 0;
    lh_dataset_changes_listen(catalog, feed_count, &heard);
    uint64_t ours = feed_put(lh_catalog_metastore(catalog), "table/n/t", "{\"snapshot_id\":1}");
    CHECK(heard == 1);
    suite_open(s, &s->other, 1000);
    uint64_t theirs = feed_put(s->other, "table/n/t", "{\"snapshot_id\":2}");
    CHECK(heard == 1 && feed_after(s, catalog, ours).count == 0);
    CHECK(lh_metastore_refresh(lh_catalog_metastore(catalog), &s->err) == LH_OK);
    CHECK(heard == 2 && feed_after(s, catalog, ours).sequence == theirs);
    lh_dataset_changes_listen(catalog, NULL, NULL);
    feed_put(lh_catalog_metastore(catalog), "table/n/t", "{\"snapshot_id\":3}");
    CHECK(heard == 2);
}

LH_TEST_MAIN(LH_TEST(test_catalog__changes_are_told_in_order),
             LH_TEST(test_catalog__changes_of_one_commit_stay_together),
             LH_TEST(test_catalog__changes_are_kept_over_a_restart_and_bounded),
             LH_TEST(test_catalog__a_listener_hears_of_our_commits_and_of_others))
