/* Tests only: what every kind of bucket must do. The including test defines `static lh_bucket *suite_open(void)`,
 * which opens the same bucket each time, and puts SUITE_TESTS into its list. Each test keeps to keys of its own. */
#ifndef LH_STORAGE_BUCKET_SUITE_H
#define LH_STORAGE_BUCKET_SUITE_H
#include "base/test.h"
#include "storage/storage.h"

#include <pthread.h>
#include <unistd.h>

static lh_bucket *suite_open(void);

typedef struct suite {
    lh_bucket *bucket;
    lh_arena *arena;
    lh_error err;
} suite;
static void suite_done(suite *s) {
    lh_bucket_free(s->bucket);
    lh_arena_free(s->arena);
}
static suite suite_begin(void) {
    suite s = {.bucket = suite_open()};
    CHECK(s.bucket && lh_arena_new(256 << 20, &s.arena, &s.err) == LH_OK);
    return s;
}
#define SUITE                                                                                                          \
    LH_CLEANUP(suite_done) suite s = suite_begin();                                                                    \
    LH_UNUSED lh_error err = {0}
static const lh_put_condition SUITE_ANY = {0}, SUITE_ABSENT = {.if_absent = true};

static void suite_put(suite *s, const char *key, const char *text) {
    lh_error err = {0};
    CHECK_OK(lh_bucket_put(s->bucket, lh_str_from(key), lh_str_from(text), SUITE_ANY, NULL, &err));
}
static lh_str suite_get(suite *s, const char *key) {
    lh_str text = LH_STR_NONE;
    lh_error err = {0};
    CHECK_OK(lh_bucket_get(s->bucket, lh_str_from(key), 64 << 20, s->arena, &text, NULL, &err));
    return text;
}

/* Bytes that tell their place, so that a torn or shifted object shows. */
static char *suite_pattern(size_t size, unsigned seed) {
    char *bytes = malloc(size + 1);
    CHECK(bytes != NULL);
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (char)(x >> 24);
    }
    return bytes;
}

static void test_bucket__what_was_put_is_got(void) {
    SUITE;
    static const size_t sizes[] = {0, 1, 4096, 1000003};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        LH_CLEANUP(lh_free_pointer) char *bytes = suite_pattern(sizes[i], (unsigned)i);
        lh_object_info put, got, head;
        lh_str text;
        int64_t before = lh_time_now_ms();
        CHECK_OK(lh_bucket_put(s.bucket, LH_STR("round/trip.bin"), (lh_str){bytes, sizes[i]}, SUITE_ANY, &put, &err));
        CHECK_OK(lh_bucket_get(s.bucket, LH_STR("round/trip.bin"), sizes[i], s.arena, &text, &got, &err));
        CHECK_OK(lh_bucket_head(s.bucket, LH_STR("round/trip.bin"), &head, &err));
        CHECK(text.len == sizes[i] && memcmp(text.ptr, bytes, sizes[i]) == 0);
        CHECK(put.size_bytes == sizes[i] && got.size_bytes == sizes[i] && head.size_bytes == sizes[i]);
        CHECK(put.etag[0] && strcmp(put.etag, got.etag) == 0 && strcmp(put.etag, head.etag) == 0 &&
              !strchr(put.etag, '"'));
        CHECK(head.modified_ms >= before - 2000 && head.modified_ms <= lh_time_now_ms() + 2000 &&
              head.modified_ms == got.modified_ms);
        if (sizes[i])
            CHECK(lh_bucket_get(s.bucket, LH_STR("round/trip.bin"), sizes[i] - 1, s.arena, &text, NULL, &err) ==
                  LH_LIMIT);
    }
}

static void test_bucket__etag_changes_with_each_version(void) {
    SUITE;
    lh_object_info first, second;
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("etag"), LH_STR("one"), SUITE_ANY, &first, &err));
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("etag"), LH_STR("two"), SUITE_ANY, &second, &err));
    CHECK(strcmp(first.etag, second.etag) != 0);
}

static void test_bucket__what_is_not_there_is_not_found(void) {
    SUITE;
    lh_object_info info;
    lh_str text;
    lh_object_reader *reader = NULL;
    suite_put(&s, "missing/folder/object", "x");
    static const char *const keys[] = {"nothing", "missing/folder", "missing/folder/other",
                                       "missing/folder/object/below"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        CHECK(lh_bucket_head(s.bucket, lh_str_from(keys[i]), &info, &err) == LH_NOT_FOUND);
        CHECK(lh_bucket_get(s.bucket, lh_str_from(keys[i]), 100, s.arena, &text, NULL, &err) == LH_NOT_FOUND);
        CHECK(lh_bucket_get_open(s.bucket, lh_str_from(keys[i]), LH_RANGE_ALL, &reader, &info, &err) == LH_NOT_FOUND);
        CHECK(lh_bucket_sync(s.bucket, lh_str_from(keys[i]), &err) == LH_NOT_FOUND);
        CHECK_OK(lh_bucket_delete(s.bucket, lh_str_from(keys[i]), LH_STR_NONE, &err));
    }
    CHECK(reader == NULL);
    CHECK_OK(lh_bucket_sync(s.bucket, LH_STR("missing/folder/object"), &err));
    CHECK_STR(suite_get(&s, "missing/folder/object"), LH_STR("x"));
}

static void suite_check_range(suite *s, const char *whole, size_t size, uint64_t offset, uint64_t length) {
    LH_CLEANUP(lh_get_closep) lh_object_reader *reader = NULL;
    lh_object_info info;
    lh_error err = {0};
    uint64_t expected = size - offset < length ? size - offset : length, at = 0;
    CHECK_OK(lh_bucket_get_open(s->bucket, LH_STR("ranges"), (lh_byte_range){offset, length}, &reader, &info, &err));
    CHECK(info.size_bytes == size);
    for (size_t got = 1; got > 0; at += got) {
        char piece[70001];
        CHECK_OK(lh_get_read(reader, piece, sizeof piece, &got, &err));
        CHECK(at + got <= expected && memcmp(piece, whole + offset + at, got) == 0);
    }
    CHECK(at == expected);
}

static void test_bucket__ranges(void) {
    SUITE;
    enum { SIZE = 9000000 }; /* more than an S3 reader fetches at once */
    LH_CLEANUP(lh_free_pointer) char *bytes = suite_pattern(SIZE, 7);
    lh_object_reader *reader = NULL;
    lh_object_info info;
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("ranges"), (lh_str){bytes, SIZE}, SUITE_ANY, NULL, &err));
    static const uint64_t ranges[][2] = {
        {0, UINT64_MAX}, {0, 1},   {5, 10},        {SIZE - 1, 1}, {SIZE - 1, UINT64_MAX},
        {SIZE, 5},       {100, 0}, {8388600, 100}, {1, SIZE}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        suite_check_range(&s, bytes, SIZE, ranges[i][0], ranges[i][1]);
    CHECK(lh_bucket_get_open(s.bucket, LH_STR("ranges"), (lh_byte_range){SIZE + 1, 5}, &reader, &info, &err) ==
          LH_LIMIT);
    CHECK(reader == NULL);
    suite_put(&s, "ranges", "");
    suite_check_range(&s, "", 0, 0, UINT64_MAX);
    suite_check_range(&s, "", 0, 0, 10);
    CHECK(lh_bucket_get_open(s.bucket, LH_STR("ranges"), (lh_byte_range){1, 5}, &reader, &info, &err) == LH_LIMIT);
}

static void test_bucket__streamed_put_of_many_pieces(void) {
    SUITE;
    enum { SIZE = 20 * 1000 * 1000 }; /* several parts on S3 */
    LH_CLEANUP(lh_free_pointer) char *bytes = suite_pattern(SIZE, 3);
    lh_object_writer *writer = NULL;
    lh_object_info info, head;
    CHECK_OK(lh_bucket_put_begin(s.bucket, LH_STR("stream/large"), SUITE_ABSENT, &writer, &err));
    for (size_t at = 0, piece = 1; at < SIZE; at += piece, piece = piece * 7 % 1000003) {
        if (piece > SIZE - at) piece = SIZE - at;
        CHECK_OK(lh_put_write(writer, (lh_str){bytes + at, piece}, &err));
    }
    CHECK(lh_bucket_head(s.bucket, LH_STR("stream/large"), &head, &err) == LH_NOT_FOUND); /* nothing before commit */
    CHECK_OK(lh_put_commit(writer, &info, &err));
    CHECK(info.size_bytes == SIZE);
    lh_str text = suite_get(&s, "stream/large");
    CHECK(text.len == SIZE && memcmp(text.ptr, bytes, SIZE) == 0);
    CHECK(lh_bucket_put(s.bucket, LH_STR("stream/large"), (lh_str){bytes, SIZE}, SUITE_ABSENT, NULL, &err) ==
          LH_CONFLICT);
    CHECK_OK(lh_bucket_head(s.bucket, LH_STR("stream/large"), &head, &err));
    CHECK(strcmp(head.etag, info.etag) == 0);
    lh_put_condition mine = {.if_etag = lh_str_from(info.etag)};
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("stream/large"), (lh_str){bytes, SIZE - 1}, mine, NULL, &err));
    CHECK(lh_bucket_put(s.bucket, LH_STR("stream/large"), (lh_str){bytes, SIZE}, mine, NULL, &err) == LH_CONFLICT);
    CHECK_OK(lh_bucket_delete(s.bucket, LH_STR("stream/large"), LH_STR_NONE, &err));
}

static void test_bucket__aborted_put_leaves_nothing(void) {
    SUITE;
    lh_object_writer *writer = NULL;
    lh_object_page page;
    LH_CLEANUP(lh_free_pointer) char *bytes = suite_pattern(9 << 20, 1);
    for (size_t size = 10; size <= 9 << 20; size += (9 << 20) - 10) {
        CHECK_OK(lh_bucket_put_begin(s.bucket, LH_STR("abort/one"), SUITE_ANY, &writer, &err));
        CHECK_OK(lh_put_write(writer, (lh_str){bytes, size}, &err));
        lh_put_abort(writer);
    }
    CHECK_OK(lh_bucket_list(s.bucket, LH_STR("abort/"), LH_STR_NONE, 10, s.arena, &page, &err));
    CHECK(page.count == 0 && !page.more);
    lh_put_abort(NULL);
}

static void test_bucket__if_absent_never_replaces(void) {
    SUITE;
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("absent/a"), LH_STR("first"), SUITE_ABSENT, NULL, &err));
    CHECK(lh_bucket_put(s.bucket, LH_STR("absent/a"), LH_STR("second"), SUITE_ABSENT, NULL, &err) == LH_CONFLICT);
    CHECK_STR(suite_get(&s, "absent/a"), LH_STR("first"));
    CHECK_OK(lh_bucket_delete(s.bucket, LH_STR("absent/a"), LH_STR_NONE, &err));
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("absent/a"), LH_STR("third"), SUITE_ABSENT, NULL, &err));
    lh_put_condition both = {.if_absent = true, .if_etag = LH_STR("x")};
    CHECK(lh_bucket_put(s.bucket, LH_STR("absent/b"), LH_STR("x"), both, NULL, &err) == LH_INVALID);
}

static void test_bucket__if_etag_replaces_only_that_version(void) {
    SUITE;
    lh_object_info first, second;
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("cas/a"), LH_STR("one"), SUITE_ANY, &first, &err));
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("cas/a"), LH_STR("two"),
                           (lh_put_condition){.if_etag = lh_str_from(first.etag)}, &second, &err));
    CHECK(lh_bucket_put(s.bucket, LH_STR("cas/a"), LH_STR("three"),
                        (lh_put_condition){.if_etag = lh_str_from(first.etag)}, NULL, &err) == LH_CONFLICT);
    CHECK_STR(suite_get(&s, "cas/a"), LH_STR("two"));
    CHECK(lh_bucket_delete(s.bucket, LH_STR("cas/a"), lh_str_from(first.etag), &err) == LH_CONFLICT);
    CHECK_OK(lh_bucket_delete(s.bucket, LH_STR("cas/a"), lh_str_from(second.etag), &err));
    CHECK(lh_bucket_delete(s.bucket, LH_STR("cas/a"), lh_str_from(second.etag), &err) == LH_CONFLICT);
    CHECK(lh_bucket_put(s.bucket, LH_STR("cas/a"), LH_STR("four"),
                        (lh_put_condition){.if_etag = lh_str_from(second.etag)}, NULL, &err) == LH_CONFLICT);
    char long_etag[300];
    memset(long_etag, 'a', sizeof long_etag);
    CHECK(lh_bucket_put(s.bucket, LH_STR("cas/b"), LH_STR("x"),
                        (lh_put_condition){.if_etag = {long_etag, sizeof long_etag}}, NULL, &err) == LH_CONFLICT);
}

enum { SUITE_THREADS = 8, SUITE_ROUNDS = 10 };
typedef struct suite_racer {
    lh_bucket *bucket; /* shared */
    int id, won[SUITE_ROUNDS], other;
    pthread_barrier_t *barrier;
} suite_racer;

static void *suite_race_absent(void *ctx) {
    suite_racer *racer = ctx;
    for (int round = 0; round < SUITE_ROUNDS; round++) {
        char key[64], text[16];
        snprintf(key, sizeof key, "race/%d", round);
        snprintf(text, sizeof text, "%d", racer->id);
        pthread_barrier_wait(racer->barrier);
        lh_code code = lh_bucket_put(racer->bucket, lh_str_from(key), lh_str_from(text), SUITE_ABSENT, NULL, NULL);
        racer->won[round] = code == LH_OK;
        racer->other += code != LH_OK && code != LH_CONFLICT;
    }
    return NULL;
}

static void test_bucket__of_many_threads_exactly_one_creates(void) {
    SUITE;
    pthread_barrier_t barrier;
    pthread_t threads[SUITE_THREADS];
    suite_racer racers[SUITE_THREADS];
    pthread_barrier_init(&barrier, NULL, SUITE_THREADS);
    for (int i = 0; i < SUITE_THREADS; i++) {
        racers[i] = (suite_racer){.bucket = s.bucket, .id = i, .barrier = &barrier};
        CHECK(pthread_create(&threads[i], NULL, suite_race_absent, &racers[i]) == 0);
    }
    for (int i = 0; i < SUITE_THREADS; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    for (int round = 0; round < SUITE_ROUNDS; round++) {
        int winners = 0, winner = -1;
        char key[64], text[16];
        for (int i = 0; i < SUITE_THREADS; i++)
            if (racers[i].won[round]) winners++, winner = i;
        snprintf(key, sizeof key, "race/%d", round);
        snprintf(text, sizeof text, "%d", winner);
        CHECK(winners == 1);
        CHECK_STR(suite_get(&s, key), lh_str_from(text));
    }
    for (int i = 0; i < SUITE_THREADS; i++) CHECK(racers[i].other == 0);
}

static lh_code suite_add_one(lh_bucket *bucket, lh_arena *arena) { /* read, add, put if nobody else did */
    lh_str text;
    lh_object_info info;
    uint64_t value;
    LH_TRY(lh_bucket_get(bucket, LH_STR("counter"), 100, arena, &text, &info, NULL));
    LH_TRY(lh_str_to_u64(text, &value));
    return lh_bucket_put(bucket, LH_STR("counter"), lh_arena_printf(arena, "%" PRIu64, value + 1),
                         (lh_put_condition){.if_etag = lh_str_from(info.etag)}, NULL, NULL);
}

static void *suite_count(void *ctx) {
    suite_racer *racer = ctx;
    for (int added = 0; added < SUITE_ROUNDS;) {
        lh_arena *arena = NULL;
        lh_code code = lh_arena_new(1 << 16, &arena, NULL);
        if (code == LH_OK) code = suite_add_one(racer->bucket, arena);
        lh_arena_free(arena);
        added += code == LH_OK;
        if (code == LH_OK || code == LH_CONFLICT || code == LH_CORRUPT)
            continue; /* CORRUPT: replaced while it was read */
        racer->other++;
        return NULL;
    }
    return NULL;
}

static void test_bucket__conditional_replacements_lose_no_update(void) {
    SUITE;
    pthread_t threads[4];
    suite_racer racers[4];
    suite_put(&s, "counter", "0");
    for (int i = 0; i < 4; i++) {
        racers[i] = (suite_racer){.bucket = s.bucket};
        CHECK(pthread_create(&threads[i], NULL, suite_count, &racers[i]) == 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) CHECK(racers[i].other == 0);
    CHECK_STR(suite_get(&s, "counter"), LH_STR("40"));
}

static void test_bucket__a_reader_sees_one_version_only(void) {
    SUITE;
    enum { SIZE = 17 << 20 };
    LH_CLEANUP(lh_free_pointer) char *old = suite_pattern(SIZE, 1), *new = suite_pattern(SIZE, 2), *read = malloc(SIZE);
    LH_CLEANUP(lh_get_closep) lh_object_reader *reader = NULL;
    size_t at = 0, got = 1;
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("torn"), (lh_str){old, SIZE}, SUITE_ANY, NULL, &err));
    CHECK_OK(lh_bucket_get_open(s.bucket, LH_STR("torn"), LH_RANGE_ALL, &reader, NULL, &err));
    CHECK_OK(lh_get_read(reader, read, 1000, &got, &err));
    at = got;
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("torn"), (lh_str){new, SIZE}, SUITE_ANY, NULL, &err));
    lh_code code = LH_OK;
    while (code == LH_OK && got > 0 && at < SIZE) {
        code = lh_get_read(reader, read + at, SIZE - at, &got, &err);
        if (code == LH_OK) at += got;
    }
    CHECK(memcmp(read, old, at) == 0); /* the old one, whole or (S3) cut off with an error */
    CHECK(code == LH_OK ? at == SIZE : code == LH_CORRUPT);
}

static int suite_compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void test_bucket__list_pages_in_byte_order(void) {
    SUITE;
    const char *keys[] = {"list/a",
                          "list/a b",
                          "list/a!",
                          "list/a.b",
                          "list/ab/c",
                          "list/ab/c/d e+f%20g&h=i",
                          "list/ab.c",
                          "list/b/\xC3\xA9t\xC3\xA9",
                          "list/b/\xF0\x9F\x8C\x8A",
                          "list/b/Z",
                          "list/b/z",
                          "list/b/0",
                          "list/c/c/c/c/c",
                          "list/c/c.txt",
                          "list/d'\"<>",
                          "list/e;:@,$?#[]",
                          "list/~",
                          "list/\xEF\xBF\xBD"};
    enum { COUNT = sizeof keys / sizeof *keys };
    suite_put(&s, "lisa", "x");
    suite_put(&s, "list0", "x");
    size_t put = 0;
    for (size_t i = 0; i < COUNT; i++) {
        lh_code code = lh_bucket_put(s.bucket, lh_str_from(keys[i]), LH_STR("xyz"), SUITE_ANY, NULL, &err);
        if (code == LH_CONFLICT) continue; /* an object below an object: not in a file system */
        if (code != LH_OK) print_error("%s: %s\n", keys[i], err.message);
        CHECK(code == LH_OK);
        keys[put++] = keys[i];
    }
    qsort(keys, put, sizeof *keys, suite_compare);
    for (size_t limit = 1; limit < 30; limit += 3) {
        lh_str after = LH_STR_NONE;
        size_t seen = 0;
        for (bool more = true; more;) {
            lh_object_page page;
            CHECK_OK(lh_bucket_list(s.bucket, LH_STR("list/"), after, limit, s.arena, &page, &err));
            CHECK(page.count <= limit && (page.count == limit || !page.more));
            for (size_t i = 0; i < page.count; i++, seen++) {
                CHECK(seen < put);
                CHECK_STR(page.entries[i].key, lh_str_from(keys[seen]));
                CHECK(page.entries[i].size_bytes == 3 && page.entries[i].etag.len > 0 &&
                      page.entries[i].modified_ms > 0);
                after = page.entries[i].key;
            }
            more = page.more;
        }
        CHECK(seen == put);
    }
}

static size_t suite_count_listed(suite *s, const char *prefix, const char *after) {
    lh_object_page page;
    lh_error err = {0};
    CHECK_OK(lh_bucket_list(s->bucket, lh_str_from(prefix), lh_str_from(after), 1000, s->arena, &page, &err));
    for (size_t i = 0; i < page.count; i++)
        CHECK(lh_str_starts(page.entries[i].key, lh_str_from(prefix)) &&
              lh_str_cmp(page.entries[i].key, lh_str_from(after)) > 0);
    return page.count;
}

static void test_bucket__list_by_prefix_and_after(void) {
    SUITE;
    static const char *const keys[] = {"pre/aa/1", "pre/aa/2", "pre/ab/1", "pre/b"};
    for (size_t i = 0; i < 4; i++) suite_put(&s, keys[i], "x");
    CHECK(suite_count_listed(&s, "pre/", "") == 4);
    CHECK(suite_count_listed(&s, "pre/a", "") == 3);
    CHECK(suite_count_listed(&s, "pre/aa/", "") == 2);
    CHECK(suite_count_listed(&s, "pre/aa/1", "") == 1);
    CHECK(suite_count_listed(&s, "pre/aa/1/", "") == 0);
    CHECK(suite_count_listed(&s, "pre/", "pre/aa/1") == 3);
    CHECK(suite_count_listed(&s, "pre/", "pre/aa/") == 4);
    CHECK(suite_count_listed(&s, "pre/", "pre/ab") == 2);
    CHECK(suite_count_listed(&s, "pre/", "pre/zzz") == 0);
    CHECK(suite_count_listed(&s, "pre/", "a") == 4);
    CHECK(suite_count_listed(&s, "nothing/here/", "") == 0);
    CHECK(suite_count_listed(&s, "pre/../pre/", "") == 0);
    lh_object_page page;
    CHECK(lh_bucket_list(s.bucket, LH_STR("pre/"), LH_STR_NONE, 0, s.arena, &page, &err) == LH_INVALID);
}

static void test_bucket__bad_keys_are_refused(void) {
    SUITE;
    const lh_str keys[] = {LH_STR(""),
                           LH_STR("/"),
                           LH_STR("/a"),
                           LH_STR("a/"),
                           LH_STR("a//b"),
                           LH_STR("."),
                           LH_STR(".."),
                           LH_STR("a/../b"),
                           LH_STR("a/./b"),
                           LH_STR("../x"),
                           LH_STR("a\0b"),
                           LH_STR("a\nb"),
                           LH_STR("a\x7F"),
                           LH_STR("a\xFF"),
                           LH_STR("a\xC0\x80"),
                           LH_STR(".scratch"),
                           LH_STR(".scratch/put/x")};
    lh_object_info info;
    lh_object_writer *writer = NULL;
    lh_object_reader *reader = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        CHECK(lh_bucket_put_begin(s.bucket, keys[i], SUITE_ANY, &writer, &err) == LH_INVALID);
        CHECK(lh_bucket_get_open(s.bucket, keys[i], LH_RANGE_ALL, &reader, &info, &err) == LH_INVALID);
        CHECK(lh_bucket_head(s.bucket, keys[i], &info, &err) == LH_INVALID);
        CHECK(lh_bucket_delete(s.bucket, keys[i], LH_STR_NONE, &err) == LH_INVALID);
        CHECK(lh_bucket_make_folder(s.bucket, keys[i], &err) == LH_INVALID);
        CHECK(lh_bucket_sync(s.bucket, keys[i], &err) == LH_INVALID);
    }
    char long_key[LH_LIMIT_KEY_BYTES + 1];
    memset(long_key, 'k', sizeof long_key);
    for (size_t i = 100; i < sizeof long_key; i += 100) long_key[i] = '/';
    CHECK(lh_key_check((lh_str){long_key, LH_LIMIT_KEY_BYTES}, &err) == LH_OK &&
          lh_key_check((lh_str){long_key, sizeof long_key}, &err) == LH_INVALID);
    CHECK(lh_key_check(LH_STR("..."), &err) == LH_OK && lh_key_check(LH_STR(".scratchy"), &err) == LH_OK &&
          lh_key_check(LH_STR("a/.scratch"), &err) == LH_OK);
}

static void test_bucket__location_and_key_are_inverse(void) {
    SUITE;
    static const char *const keys[] = {"a", "main/t/data/x y.parquet", "\xC3\xA9"};
    lh_str key;
    for (size_t i = 0; i < 3; i++) {
        lh_str location = lh_bucket_location(s.bucket, lh_str_from(keys[i]), s.arena);
        CHECK_OK(lh_bucket_key_of(s.bucket, location, s.arena, &key, &err));
        CHECK_STR(key, lh_str_from(keys[i]));
        CHECK_OK(
            lh_bucket_key_of(s.bucket, lh_arena_printf(s.arena, "%.*s/", LH_STR_ARG(location)), s.arena, &key, &err));
        CHECK_STR(key, lh_str_from(keys[i]));
    }
    lh_str root = lh_bucket_location(s.bucket, LH_STR_NONE, s.arena);
    CHECK(lh_bucket_key_of(s.bucket, root, s.arena, &key, &err) == LH_DENIED);
    CHECK(lh_bucket_key_of(s.bucket, lh_arena_printf(s.arena, "%.*s2/a", LH_STR_ARG(root)), s.arena, &key, &err) ==
          LH_DENIED);
    CHECK(lh_bucket_key_of(s.bucket, lh_arena_printf(s.arena, "%.*s/a/../../b", LH_STR_ARG(root)), s.arena, &key,
                           &err) == LH_DENIED);
    CHECK(lh_bucket_key_of(s.bucket, lh_arena_printf(s.arena, "%.*s/.scratch/put/x", LH_STR_ARG(root)), s.arena, &key,
                           &err) == LH_INVALID);
    CHECK(lh_bucket_key_of(s.bucket, LH_STR("/etc/passwd"), s.arena, &key, &err) == LH_DENIED);
    CHECK(lh_bucket_key_of(s.bucket, LH_STR("file:///etc/passwd"), s.arena, &key, &err) == LH_DENIED);
    CHECK(lh_bucket_key_of(s.bucket, LH_STR("s3://another/a"), s.arena, &key, &err) == LH_DENIED);
    CHECK(lh_bucket_key_of(s.bucket, LH_STR("a/b"), s.arena, &key, &err) == LH_INVALID);
    CHECK(lh_bucket_key_of(s.bucket, LH_STR("http://x/y"), s.arena, &key, &err) == LH_INVALID);
    CHECK(lh_bucket_key_of(s.bucket, LH_STR(""), s.arena, &key, &err) == LH_INVALID);
}

static void test_bucket__folders_can_be_made_and_are_no_objects(void) {
    SUITE;
    CHECK_OK(lh_bucket_make_folder(s.bucket, LH_STR("made/data/deep"), &err));
    CHECK_OK(lh_bucket_make_folder(s.bucket, LH_STR("made/data/deep"), &err));
    CHECK(suite_count_listed(&s, "made/", "") == 0);
    suite_put(&s, "made/data/deep/x", "x");
    CHECK(suite_count_listed(&s, "made/", "") == 1);
}

/* Of 9 MB, which is more than one part of an S3 upload. */
static void test_bucket__a_file_becomes_an_object_and_an_object_a_file(void) {
    SUITE;
    char folder[] = "/tmp/lakehouse-files-XXXXXX", in[64], out[64];
    const _Atomic bool cancelled = true;
    const size_t size = 9 << 20;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(in, sizeof in, "%s/in", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    for (unsigned seed = 1; seed <= 2; seed++) { /* the second time it is there already */
        LH_CLEANUP(lh_free_pointer) char *bytes = suite_pattern(size, seed), *got = malloc(size + 1);
        FILE *file = fopen(in, "we");
        CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
        CHECK_OK(lh_bucket_put_file(s.bucket, LH_STR("files/one"), in, NULL, &err));
        CHECK_OK(lh_bucket_put_file(s.bucket, LH_STR("files/one"), in, NULL, &err));
        CHECK(remove(in) == 0);
        CHECK_OK(lh_bucket_get_file(s.bucket, LH_STR("files/one"), out, NULL, &err));
        file = fopen(out, "re");
        CHECK(file && fread(got, 1, size + 1, file) == size && fclose(file) == 0);
        CHECK(memcmp(got, bytes, size) == 0 && remove(out) == 0);
    }
    CHECK(lh_bucket_put_file(s.bucket, LH_STR("files/none"), in, NULL, &err) == LH_NOT_FOUND);
    CHECK(lh_bucket_get_file(s.bucket, LH_STR("files/none"), out, NULL, &err) == LH_NOT_FOUND);
    if (!lh_bucket_is_local(s.bucket, LH_STR("files")))
        CHECK(lh_bucket_get_file(s.bucket, LH_STR("files/one"), out, &cancelled, &err) == LH_CANCELLED);
    CHECK(suite_count_listed(&s, "files/", "") == 1);
    CHECK(rmdir(folder) == 0); /* no half a file is left */
}

#define SUITE_TESTS                                                                                                    \
    LH_TEST(test_bucket__what_was_put_is_got), LH_TEST(test_bucket__etag_changes_with_each_version),                   \
        LH_TEST(test_bucket__what_is_not_there_is_not_found), LH_TEST(test_bucket__ranges),                            \
        LH_TEST(test_bucket__streamed_put_of_many_pieces), LH_TEST(test_bucket__aborted_put_leaves_nothing),           \
        LH_TEST(test_bucket__if_absent_never_replaces), LH_TEST(test_bucket__if_etag_replaces_only_that_version),      \
        LH_TEST(test_bucket__of_many_threads_exactly_one_creates),                                                     \
        LH_TEST(test_bucket__conditional_replacements_lose_no_update),                                                 \
        LH_TEST(test_bucket__a_reader_sees_one_version_only), LH_TEST(test_bucket__list_pages_in_byte_order),          \
        LH_TEST(test_bucket__list_by_prefix_and_after), LH_TEST(test_bucket__bad_keys_are_refused),                    \
        LH_TEST(test_bucket__location_and_key_are_inverse),                                                            \
        LH_TEST(test_bucket__folders_can_be_made_and_are_no_objects),                                                  \
        LH_TEST(test_bucket__a_file_becomes_an_object_and_an_object_a_file)
#endif
