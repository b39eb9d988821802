#include "base/test.h"
#include "storage/registry_internal.h"

#include <ftw.h>
#include <unistd.h>

/* A primary that can be down, in whose next put `burst` records more are added to the log, or another gateway is faster. */
typedef struct primary {
    struct bucket_ops ops;
    const struct bucket_ops *file;
    lh_bucket *bucket;
    error_log *log;
    lh_arena *arena;
    char folder[64];
    atomic_bool down, overtaken;
    atomic_uint added, burst, refused;
} primary;

static primary *primary_of(const lh_bucket *bucket) { return (primary *)(uintptr_t)bucket->ops; }

static void primary_add(primary *p, unsigned count, const char *message) {
    for (unsigned i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "%06u", atomic_fetch_add(&p->added, 1));
        error_log_add(p->log, LH_STR("disk2"), "get", lh_str_from(key), LH_IO, message);
    }
}

static lh_code primary_get_open(lh_bucket *bucket, lh_str key, lh_byte_range range, lh_object_reader **ret,
                                lh_object_info *ret_info, lh_error *err) {
    primary *p = primary_of(bucket);
    if (!p->down) return p->file->get_open(bucket, key, range, ret, ret_info, err);
    p->refused++;
    return lh_fail(err, LH_UNAVAILABLE, "down");
}

/* The log of another gateway gets a record, and is written. */
static void primary_add_elsewhere(primary *p) {
    char key[16];
    error_log *other = NULL;
    lh_error err = {0};
    CHECK_OK(error_log_new(p->bucket, &other, &err));
    snprintf(key, sizeof key, "%06u", atomic_fetch_add(&p->added, 1));
    error_log_add(other, LH_STR("disk2"), "get", lh_str_from(key), LH_IO, "elsewhere");
    error_log_free(other);
}

static lh_code primary_put_commit(lh_object_writer *writer, lh_object_info *ret, lh_error *err) {
    primary *p = primary_of(writer->bucket);
    primary_add(p, atomic_exchange(&p->burst, 0), "meanwhile");
    if (atomic_exchange(&p->overtaken, false)) primary_add_elsewhere(p);
    return p->file->put_commit(writer, ret, err);
}

static primary *primary_new(void) {
    primary *p = calloc(1, sizeof *p);
    lh_error err = {0};
    CHECK(p != NULL);
    snprintf(p->folder, sizeof p->folder, "/tmp/lakehouse-error-log-XXXXXX");
    CHECK(mkdtemp(p->folder) != NULL);
    CHECK_OK(lh_arena_new((size_t)1 << 30, &p->arena, &err));
    CHECK_OK(lh_bucket_open_file(lh_str_from(p->folder), &p->bucket, &err));
    p->file = p->bucket->ops;
    p->ops = *p->file;
    p->ops.get_open = primary_get_open;
    p->ops.put_commit = primary_put_commit;
    p->bucket->ops = &p->ops;
    CHECK_OK(error_log_new(p->bucket, &p->log, &err));
    return p;
}

/* Fills the ring while the primary is down; what is tried next has all of it. */
static void primary_fill(primary *p) {
    p->down = true;
    primary_add(p, 2000, "before");
    for (unsigned until = p->refused + 2; p->refused < until;) lh_time_sleep_ms(10);
}

/* Writes what waits, and begins anew as another process would. */
static void primary_restart(primary *p) {
    lh_error err = {0};
    error_log_free(p->log);
    CHECK_OK(error_log_new(p->bucket, &p->log, &err));
}

static int primary_unlink(const char *path, const struct stat *st, int kind, struct FTW *walk) {
    (void)st, (void)kind, (void)walk;
    return remove(path);
}

static void primary_freep(primary **p) {
    error_log_free((*p)->log);
    lh_bucket_free((*p)->bucket);
    lh_arena_free((*p)->arena);
    nftw((*p)->folder, primary_unlink, 16, FTW_DEPTH | FTW_PHYS);
    free(*p);
}

/* All records, newest first, page by page. */
static lh_json *primary_read(primary *p) {
    lh_error_filter filter = {.limit = 1000};
    lh_json *all = lh_json_new_array(p->arena);
    lh_error err = {0};
    do {
        lh_json *answer = NULL;
        CHECK_OK(error_log_read(p->log, &filter, p->arena, &answer, &err));
        for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);)
            lh_json_append(all, lh_json_copy(p->arena, it.value));
        filter.after = lh_json_get_string(answer, "next_page_token");
    } while (filter.after.len);
    return all;
}

/* Keys from `newest` down, none left out and none twice; ret_dropped: the sum of the records that count lost ones. */
static unsigned primary_check_rows(const lh_json *items, unsigned newest, uint64_t *ret_dropped) {
    unsigned rows = 0;
    *ret_dropped = 0;
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        char key[16];
        uint64_t dropped = lh_json_uint(lh_json_get(it.value, "dropped"), 0);
        *ret_dropped += dropped;
        if (dropped) continue;
        snprintf(key, sizeof key, "%06u", newest - rows++);
        CHECK_STR(lh_json_get_string(it.value, "key"), lh_str_from(key));
    }
    return rows;
}

static uint64_t primary_size(primary *p, const char *name) {
    lh_object_info info = {0};
    char key[64];
    snprintf(key, sizeof key, "_errors/%s", name);
    lh_code code = lh_bucket_head(p->bucket, lh_str_from(key), &info, NULL);
    CHECK(code == LH_OK || code == LH_NOT_FOUND);
    return info.size_bytes;
}

static void test_error_log__a_full_file_becomes_an_older_one_and_the_fifth_goes(void) {
    LH_CLEANUP(primary_freep) primary *p = primary_new();
    char message[501] = {0};
    uint64_t dropped = 0;
    memset(message, 'm', 500);
    while (p->added < 2000) primary_add(p, 500, message), primary_restart(p);
    CHECK(primary_size(p, "bucket_errors.jsonl") > 1 << 20);
    CHECK(primary_size(p, "bucket_errors.1.jsonl") == 0);
    while (p->added < 12000) primary_add(p, 500, message), primary_restart(p);
    const char *const names[] = {"bucket_errors.1.jsonl", "bucket_errors.2.jsonl", "bucket_errors.3.jsonl",
                                 "bucket_errors.4.jsonl"};
    for (size_t i = 0; i < 4; i++) {
        CHECK(primary_size(p, names[i]) > 1 << 20);
        CHECK(primary_size(p, names[i]) < 2 << 20);
    }
    CHECK(primary_size(p, "bucket_errors.5.jsonl") == 0);
    unsigned rows = primary_check_rows(primary_read(p), 11999, &dropped);
    CHECK(rows > 4 * 1500 && rows < 12000);
    CHECK(dropped == 0);
}

static void test_error_log__what_another_gateway_wrote_meanwhile_stays(void) {
    LH_CLEANUP(primary_freep) primary *p = primary_new();
    for (unsigned round = 0; round < 3; round++) { /* first there is no file, then one of before */
        p->overtaken = true;
        primary_add(p, 1, "here");
        primary_restart(p);
        CHECK(!p->overtaken);
    }
    CHECK(lh_json_size(primary_read(p)) == 6);
}

static void test_error_log__the_last_2000_wait_while_the_primary_is_down(void) {
    LH_CLEANUP(primary_freep) primary *p = primary_new();
    uint64_t dropped = 0;
    p->down = true;
    primary_add(p, 2500, "\x01 a message of many escapes \x02");
    CHECK(primary_check_rows(primary_read(p), 2499, &dropped) == 2000); /* what waits is told, too */
    CHECK(dropped == 500);
    CHECK(primary_size(p, "bucket_errors.jsonl") == 0);
    p->down = false;
    primary_restart(p);
    CHECK(primary_check_rows(primary_read(p), 2499, &dropped) == 2000);
    CHECK(dropped == 500);
    CHECK(primary_size(p, "bucket_errors.jsonl") > 0);
}

static void test_error_log__a_full_ring_of_long_records_is_written_in_parts(void) {
    LH_CLEANUP(primary_freep) primary *p = primary_new();
    char message[501] = {0};
    uint64_t dropped = 0;
    memset(message, 1, 500); /* "\u0001", six bytes each */
    p->down = true;
    primary_add(p, 2000, message);
    p->down = false;
    primary_restart(p);
    unsigned rows = primary_check_rows(primary_read(p), 1999, &dropped);
    CHECK(rows > 1000); /* five files of them; the older ones rotated away */
    CHECK(dropped == 0);
}

static void test_error_log__what_comes_while_a_full_ring_is_written_is_written_or_counted(void) {
    LH_CLEANUP(primary_freep) primary *p = primary_new();
    uint64_t dropped = 0;
    primary_fill(p);
    p->burst = 300; /* 300 of the first leave the ring while they are written: nothing is lost */
    p->down = false;
    primary_restart(p);
    CHECK(primary_check_rows(primary_read(p), 2299, &dropped) == 2300);
    CHECK(dropped == 0);
    primary_fill(p);
    p->burst = 2100; /* all that is written leaves the ring, and 100 that no file has */
    p->down = false;
    primary_restart(p);
    lh_json *items = primary_read(p);
    CHECK(lh_json_size(items) == 2300 + 2000 + 2000 + 1);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);)
        dropped += lh_json_uint(lh_json_get(it.value, "dropped"), 0);
    CHECK(dropped == 100);
}

LH_TEST_MAIN(LH_TEST(test_error_log__a_full_file_becomes_an_older_one_and_the_fifth_goes),
             LH_TEST(test_error_log__what_another_gateway_wrote_meanwhile_stays),
             LH_TEST(test_error_log__the_last_2000_wait_while_the_primary_is_down),
             LH_TEST(test_error_log__a_full_ring_of_long_records_is_written_in_parts),
             LH_TEST(test_error_log__what_comes_while_a_full_ring_is_written_is_written_or_counted))
