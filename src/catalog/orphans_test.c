#include "catalog/catalog_suite.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { HOUR_MS = 3600 * 1000 };

static lh_orphan_options test_hour_old(bool dry_run) {
    return (lh_orphan_options){.older_than_ms = lh_time_now_ms() - HOUR_MS, .dry_run = dry_run};
}

static lh_str test_folder(lake *l) {
    lh_str folder;
    CHECK_OK_IN(l, lh_bucket_key_of(l->bucket, lh_json_get_string(lake_metadata(l, "t"), "location"), l->arena, &folder,
                                    &l->err));
    return folder;
}

/* A file in the table's folder that was written two hours ago. Returns its key. */
static lh_str test_old_object(lake *l, const char *name) {
    lh_str key = lh_arena_printf(l->arena, "%.*s/%s", LH_STR_ARG(test_folder(l)), name);
    struct timespec times[2] = {{.tv_sec = (time_t)(lh_time_now_ms() / 1000) - 7200}, {0}};
    times[1] = times[0];
    CHECK_OK_IN(l, lh_bucket_put(l->bucket, key, LH_STR("PAR1PAR1"), (lh_put_condition){0}, NULL, &l->err));
    lh_str path = lh_arena_printf(l->arena, "%s/%.*s", l->root, LH_STR_ARG(key));
    CHECK(utimensat(AT_FDCWD, path.ptr, times, 0) == 0);
    return key;
}

static lh_str test_old_file(lake *l, const char *name) {
    return test_old_object(l, lh_arena_printf(l->arena, "data/%s", name).ptr);
}

/* What a slow writer does at its end: its file has been there for long. */
static lh_code test_commit_file(lake *l, lh_str key) {
    const lh_data_file file = {.location = lh_bucket_location(l->bucket, key, l->arena), .size_bytes = 8, .rows = 1};
    return lh_table_append_files(l->catalog, LAKE_NAME("t"), &file, 1, NULL, &l->err);
}

static bool test_exists(lake *l, lh_str key) {
    lh_object_info info;
    return lh_bucket_head(l->bucket, key, &info, NULL) == LH_OK;
}

static lh_orphans *test_list(lake *l, bool dry_run) {
    lh_orphans *orphans = NULL;
    const lh_orphan_options options = test_hour_old(dry_run);
    CHECK_OK_IN(l, lh_table_list_orphans(l->catalog, LAKE_NAME("t"), &options, l->arena, &orphans, &l->err));
    return orphans;
}

static uint64_t test_removed(lake *l, const lh_orphans *orphans) {
    lh_json *told = NULL;
    CHECK_OK_IN(l, lh_orphans_tell(orphans, l->arena, &told, &l->err));
    return lh_json_uint(lh_json_get(told, "orphan_files"), 0);
}

static void test_orphans__a_commit_after_the_listing_keeps_its_old_files(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    bool more = true;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    lh_str slow = test_old_file(l, "slow.parquet"), orphan = test_old_file(l, "orphan.parquet");
    lh_orphans *dry = test_list(l, true), *orphans = test_list(l, false);
    CHECK_OK_IN(l, test_commit_file(l, slow));
    CHECK_OK_IN(l, lh_table_remove_orphans(dry, &more, &l->err));
    CHECK(!more && test_removed(l, dry) == 1 && test_exists(l, orphan));
    CHECK_OK_IN(l, lh_table_remove_orphans(orphans, &more, &l->err));
    CHECK(!more && test_removed(l, orphans) == 1);
    CHECK(test_exists(l, slow) && !test_exists(l, orphan));
}

static void test_orphans__a_commit_between_two_batches_keeps_its_old_files(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    bool more = false;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    for (int i = 0; i < 120; i++) (void)test_old_file(l, lh_arena_printf(l->arena, "a-%03d.parquet", i).ptr);
    lh_str slow = test_old_file(l, "b.parquet");
    lh_orphans *orphans = test_list(l, false);
    CHECK_OK_IN(l, lh_table_remove_orphans(orphans, &more, &l->err));
    CHECK(more && test_removed(l, orphans) == 100 && test_exists(l, slow));
    CHECK_OK_IN(l, test_commit_file(l, slow));
    CHECK_OK_IN(l, lh_table_remove_orphans(orphans, &more, &l->err));
    CHECK(!more && test_removed(l, orphans) == 120 && test_exists(l, slow));
}

static void test_orphans__a_commit_of_files_that_are_gone_is_refused(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    bool more = false;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    lh_str late = test_old_file(l, "late.parquet");
    CHECK_OK_IN(l, lh_table_remove_orphans(test_list(l, false), &more, &l->err));
    CHECK(!test_exists(l, late));
    CHECK(test_commit_file(l, late) == LH_INVALID && strstr(l->err.message, "names a file"));
}

static void test_orphans__a_commit_that_runs_shuts_removal_out(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    LH_CLEANUP(lh_bucket_unlock) lh_bucket_lock lock = {0};
    bool more = false;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    lh_str old = test_old_file(l, "old.parquet");
    lh_orphans *dry = test_list(l, true);
    CHECK_OK_IN(l, lh_bucket_lock_shared(l->bucket, catalog_table_key(LAKE_NAME("t"), l->arena), &lock, &l->err));
    CHECK_OK_IN(l, lh_table_remove_orphans(dry, &more, &l->err)); /* a dry run waits for nobody */
    CHECK(lh_table_remove_orphans(test_list(l, false), &more, &l->err) == LH_UNAVAILABLE);
    CHECK(test_exists(l, old));
}

static void test_orphans__another_table_of_the_name_is_a_conflict(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    bool more = false;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    lh_str old = test_old_file(l, "old.parquet");
    lh_orphans *orphans = test_list(l, false);
    CHECK_OK_IN(l, lh_table_drop(l->catalog, LAKE_NAME("t"), false, &l->err));
    CHECK(lh_table_remove_orphans(orphans, &more, &l->err) == LH_NOT_FOUND);
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK(lh_table_remove_orphans(orphans, &more, &l->err) == LH_CONFLICT);
    CHECK(test_exists(l, old)); /* it can be registered again */
}

static void test_orphans__what_is_kept_beside_the_table_stays_until_its_drop(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    bool more = true;
    lh_str beside;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    lh_str orphan = test_old_file(l, "orphan.parquet"), kept = test_old_object(l, "index/kept");
    CHECK_OK_IN(l, lh_table_beside(l->catalog, LAKE_NAME("t"), l->arena, &beside, &l->err));
    CHECK(lh_str_starts(kept, beside));
    CHECK_OK_IN(l, lh_table_remove_orphans(test_list(l, false), &more, &l->err));
    CHECK(!test_exists(l, orphan) && test_exists(l, kept));
    CHECK_OK_IN(l, lh_table_drop(l->catalog, LAKE_NAME("t"), true, &l->err));
    CHECK(!test_exists(l, kept));
    CHECK(lh_table_beside(l->catalog, LAKE_NAME("t"), l->arena, &beside, &l->err) == LH_NOT_FOUND);
}

LH_TEST_MAIN(LH_TEST(test_orphans__what_is_kept_beside_the_table_stays_until_its_drop),
             LH_TEST(test_orphans__a_commit_after_the_listing_keeps_its_old_files),
             LH_TEST(test_orphans__a_commit_between_two_batches_keeps_its_old_files),
             LH_TEST(test_orphans__a_commit_of_files_that_are_gone_is_refused),
             LH_TEST(test_orphans__a_commit_that_runs_shuts_removal_out),
             LH_TEST(test_orphans__another_table_of_the_name_is_a_conflict))
