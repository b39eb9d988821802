#include "base/test.h"
#include "storage/registry_internal.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Three folders: the primary "one", "two", and "spare", which rescues. */
typedef struct lake {
    lh_arena *arena;
    lh_registry *registry;
    lh_bucket *whole;
    char folder[64];
    lh_error err;
} lake;

static lh_str lake_path(lake *l, const char *name) { return lh_arena_printf(l->arena, "%s/%s", l->folder, name); }

static lake *lake_new(bool two_read_only) {
    lake *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    snprintf(l->folder, sizeof l->folder, "/tmp/lakehouse-registry-XXXXXX");
    CHECK(mkdtemp(l->folder) != NULL);
    CHECK(lh_arena_new(16 << 20, &l->arena, &l->err) == LH_OK);
    const lh_bucket_options buckets[] = {{.name = LH_STR("one"), .root = lake_path(l, "one")},
                                         {.name = LH_STR("two"), .root = lake_path(l, "two"), .read_only = two_read_only},
                                         {.name = LH_STR("spare"), .root = lake_path(l, "spare")}};
    const lh_registry_options options = {.buckets = buckets,
                                         .count = 3,
                                         .rescue = LH_STR("spare"),
                                         .probe_interval_ms = 3600000,
                                         .probe_timeout_ms = 1000};
    lh_error err = {0};
    CHECK_OK(lh_registry_open(&options, &l->registry, &err));
    l->whole = lh_registry_whole(l->registry);
    return l;
}

static int lake_unlink(const char *path, const struct stat *st, int kind, struct FTW *walk) {
    (void)st, (void)kind, (void)walk;
    return remove(path);
}

static void lake_free(lake *l) {
    lh_registry_free(l->registry);
    lh_arena_free(l->arena);
    nftw(l->folder, lake_unlink, 16, FTW_DEPTH | FTW_PHYS);
    free(l);
}
static void lake_freep(lake **l) { lake_free(*l); }

static lh_str lake_put(lake *l, lh_str bucket, const char *key) {
    lh_str whole;
    CHECK(lh_registry_key(l->registry, bucket, lh_str_from(key), l->arena, &whole, &l->err) == LH_OK);
    CHECK(lh_bucket_put(l->whole, whole, LH_STR("bytes"), (lh_put_condition){0}, NULL, &l->err) == LH_OK);
    return whole;
}

static void test_registry__a_key_tells_its_bucket_and_so_does_a_location(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new(false);
    lh_str a = lake_put(l, LH_STR("one"), "t/a"), b = lake_put(l, LH_STR("two"), "t/b"), key;
    CHECK_STR(a, LH_STR("t/a"));
    CHECK_STR(b, LH_STR("//two/t/b"));
    lh_str location = lh_bucket_location(l->whole, b, l->arena);
    CHECK(lh_str_ends(location, LH_STR("/two/t/b")));
    CHECK(lh_bucket_key_of(l->whole, location, l->arena, &key, &l->err) == LH_OK);
    CHECK_STR(key, b);
    CHECK(lh_bucket_key_of(l->whole, lh_bucket_location(l->whole, a, l->arena), l->arena, &key, &l->err) == LH_OK);
    CHECK_STR(key, a);
    CHECK(lh_bucket_key_of(l->whole, LH_STR("/elsewhere/x"), l->arena, &key, &l->err) == LH_DENIED);
    CHECK(lh_bucket_is_local(l->whole, b));
    lh_object_page page;
    CHECK(lh_bucket_list(l->whole, LH_STR("//two/t/"), LH_STR_NONE, 10, l->arena, &page, &l->err) == LH_OK);
    CHECK(page.count == 1);
    CHECK_STR(page.entries[0].key, b);
    CHECK(lh_bucket_head(l->whole, LH_STR("//three/x"), &(lh_object_info){0}, &l->err) == LH_UNAVAILABLE);
    CHECK(strstr(l->err.message, "one, two, spare"));
    CHECK(lh_bucket_head(l->whole, LH_STR("//two/../one/t/a"), &(lh_object_info){0}, &l->err) == LH_INVALID);
}

static void test_registry__a_read_only_bucket_takes_no_write(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new(true);
    const lh_put_condition any = {0};
    CHECK(lh_bucket_put(l->whole, LH_STR("//two/a"), LH_STR("x"), any, NULL, &l->err) == LH_DENIED);
    CHECK(lh_bucket_delete(l->whole, LH_STR("//two/a"), LH_STR_NONE, &l->err) == LH_DENIED);
    CHECK(lh_bucket_make_folder(l->whole, LH_STR("//two/a"), &l->err) == LH_DENIED);
}

static lh_code lake_read(lake *l, const char *bucket, const char *key, lh_str *ret_from) {
    lh_object_info info;
    return lh_registry_head(l->registry, lh_str_from(bucket), lh_str_from(key), &info, ret_from, &l->err);
}

static void test_registry__rescue_serves_for_want_of_the_bucket_only(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new(false);
    lh_str from;
    lake_put(l, LH_STR("two"), "both"), lake_put(l, LH_STR("spare"), "both"), lake_put(l, LH_STR("spare"), "only");
    CHECK(lake_read(l, "two", "both", &from) == LH_OK);
    CHECK_STR(from, LH_STR("two"));
    CHECK(lake_read(l, "two", "only", &from) == LH_NOT_FOUND); /* its bucket answers: it is not there */
    CHECK(lake_read(l, "nine", "both", &from) == LH_UNAVAILABLE);
    char path[128], away[128];
    snprintf(path, sizeof path, "%s/two", l->folder);
    snprintf(away, sizeof away, "%s/two-away", l->folder);
    CHECK(rename(path, away) == 0); /* unplugged */
    CHECK(rmdir(path) != 0);
    CHECK(lake_read(l, "two", "only", &from) == LH_OK);
    CHECK_STR(from, LH_STR("spare"));
    CHECK(lake_read(l, "two", "nowhere", &from) == LH_NOT_FOUND); /* in neither */
    CHECK(rename(away, path) == 0);
    CHECK(lake_read(l, "two", "only", &from) == LH_NOT_FOUND);
}

static void test_registry__what_fails_is_told_and_another_folder_in_its_place_is_taken_up(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new(false);
    char path[128], away[128];
    lh_json *answer = NULL;
    lh_str from;
    snprintf(path, sizeof path, "%s/two", l->folder);
    snprintf(away, sizeof away, "%s/two-away", l->folder);
    CHECK(rename(path, away) == 0);
    CHECK(lake_read(l, "two", "x", &from) == LH_NOT_FOUND); /* nor has the rescue bucket it */
    CHECK(lh_registry_health(l->registry, true, l->arena, &answer, &l->err) == LH_OK);
    CHECK_STR(lh_json_get_string(lh_json_at(lh_json_get(answer, "items"), 0), "state"), LH_STR("ok"));
    CHECK_STR(lh_json_get_string(lh_json_at(lh_json_get(answer, "items"), 1), "state"), LH_STR("unreachable"));
    const lh_error_filter filter = {.bucket = LH_STR("two"), .limit = 1};
    CHECK(lh_registry_errors(l->registry, &filter, l->arena, &answer, &l->err) == LH_OK);
    const lh_json *first = lh_json_at(lh_json_get(answer, "items"), 0);
    CHECK_STR(lh_json_get_string(first, "code"), LH_STR("unavailable"));
    lh_error_filter next = filter;
    next.after = lh_json_get_string(answer, "next_page_token");
    CHECK(next.after.len == 36);
    CHECK(lh_registry_errors(l->registry, &next, l->arena, &answer, &l->err) == LH_OK);
    CHECK(!lh_str_eq(lh_json_get_string(lh_json_at(lh_json_get(answer, "items"), 0), "id"), lh_json_get_string(first, "id")));
    CHECK(mkdir(path, 0755) == 0); /* a new disk at the same place */
    CHECK(lh_registry_health(l->registry, true, l->arena, &answer, &l->err) == LH_OK);
    CHECK_STR(lh_json_get_string(lh_json_at(lh_json_get(answer, "items"), 1), "state"), LH_STR("ok"));
    lake_put(l, LH_STR("two"), "fresh");
    char object[160];
    snprintf(object, sizeof object, "%s/fresh", path);
    CHECK(access(object, F_OK) == 0);
}

static void test_registry__a_bucket_comes_and_goes_while_others_are_served(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new(false);
    const lh_bucket_options late = {.name = LH_STR("late"), .root = lake_path(l, "late")};
    const lh_bucket_options inside = {.name = LH_STR("inside"), .root = lake_path(l, "two/inside")};
    CHECK(lh_registry_add(l->registry, &late, &l->err) == LH_OK);
    CHECK(lh_registry_add(l->registry, &late, &l->err) == LH_CONFLICT);
    CHECK(lh_registry_add(l->registry, &inside, &l->err) == LH_INVALID);
    lh_str key = lake_put(l, LH_STR("late"), "a");
    CHECK(lh_registry_remove(l->registry, LH_STR("two"), &l->err) == LH_DENIED);
    CHECK(lh_registry_remove(l->registry, LH_STR("nine"), &l->err) == LH_NOT_FOUND);
    CHECK(lh_registry_remove(l->registry, LH_STR("late"), &l->err) == LH_OK);
    CHECK(lh_bucket_head(l->whole, key, &(lh_object_info){0}, &l->err) == LH_UNAVAILABLE);
    size_t count = lh_registry_count(l->registry);
    CHECK(lh_registry_add(l->registry, &late, &l->err) == LH_OK); /* the same: its place is taken again */
    CHECK(lh_registry_count(l->registry) == count);
    CHECK(lh_bucket_head(l->whole, key, &(lh_object_info){0}, &l->err) == LH_OK);
}

/* The newest record of the bucket "two". */
static void lake_check_journal(lake *l, const char *operation, const char *key, const char *code) {
    const lh_error_filter filter = {.bucket = LH_STR("two"), .limit = 1};
    lh_json *answer = NULL;
    CHECK(lh_registry_errors(l->registry, &filter, l->arena, &answer, &l->err) == LH_OK);
    const lh_json *first = lh_json_at(lh_json_get(answer, "items"), 0);
    CHECK_STR(lh_json_get_string(first, "operation"), lh_str_from(operation));
    CHECK_STR(lh_json_get_string(first, "key"), lh_str_from(key));
    CHECK_STR(lh_json_get_string(first, "code"), lh_str_from(code));
}

static void lake_remove_temporary_files(lake *l) {
    char path[400];
    snprintf(path, sizeof path, "%s/two/.scratch/put", l->folder);
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}

static void test_registry__a_stream_that_fails_is_told_with_its_key(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new(false);
    lh_object_writer *writer = NULL;
    lh_object_reader *reader = NULL;
    char bytes[16], path[128];
    size_t got = 0;
    struct rlimit before, small;
    CHECK(lh_bucket_put_begin(l->whole, LH_STR("//two/t/long"), (lh_put_condition){0}, &writer, &l->err) == LH_OK);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = before;
    small.rlim_cur = 4;
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &small) == 0); /* the disk is full */
    lh_code code = lh_put_write(writer, LH_STR("more than four bytes"), &l->err);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(code == LH_IO);
    lake_check_journal(l, "put", "t/long", "io");
    lh_put_abort(writer);
    CHECK(lh_bucket_put_begin(l->whole, LH_STR("//two/t/lost"), (lh_put_condition){0}, &writer, &l->err) == LH_OK);
    lake_remove_temporary_files(l);
    CHECK(lh_put_commit(writer, NULL, &l->err) == LH_IO);
    lake_check_journal(l, "put", "t/lost", "io");
    lh_str key = lake_put(l, LH_STR("two"), "t/cut");
    CHECK(lh_bucket_get_open(l->whole, key, LH_RANGE_ALL, &reader, NULL, &l->err) == LH_OK);
    snprintf(path, sizeof path, "%s/two/t/cut", l->folder);
    CHECK(truncate(path, 0) == 0);
    CHECK(lh_get_read(reader, bytes, sizeof bytes, &got, &l->err) == LH_CORRUPT);
    lh_get_close(reader);
    lake_check_journal(l, "get", "t/cut", "corrupt");
}

LH_TEST_MAIN(LH_TEST(test_registry__a_key_tells_its_bucket_and_so_does_a_location),
             LH_TEST(test_registry__a_read_only_bucket_takes_no_write),
             LH_TEST(test_registry__a_stream_that_fails_is_told_with_its_key),
             LH_TEST(test_registry__rescue_serves_for_want_of_the_bucket_only),
             LH_TEST(test_registry__a_bucket_comes_and_goes_while_others_are_served),
             LH_TEST(test_registry__what_fails_is_told_and_another_folder_in_its_place_is_taken_up))
