/* The metastore on a real S3 server: conditional puts, races and compaction between gateways. Skipped (77) without one. */
#include "catalog/metastore_suite.h"
#include "storage/s3_test_server.h"

static s3_test_server server; /* one for all tests of this program */

static suite *s3_suite_new(const char *bucket_prefix) {
    suite *s = calloc(1, sizeof *s);
    char folder[256];
    CHECK(s != NULL);
    snprintf(folder, sizeof folder, "%s/%s", server.folder, bucket_prefix); /* a folder is a bucket there */
    CHECK(mkdir(folder, 0755) == 0);
    lh_s3_options options = s3_test_options(server.url);
    options.bucket = lh_str_from(bucket_prefix);
    CHECK(lh_arena_new(256 << 20, &s->arena, &s->err) == LH_OK);
    lh_code code = lh_bucket_open_s3(&options, &s->bucket, &s->err);
    if (code != LH_OK) print_error("%s\n", s->err.message);
    CHECK(code == LH_OK);
    return s;
}

static void s3_suite_free(suite *s) {
    lh_metastore_free(s->store);
    lh_metastore_free(s->other);
    lh_bucket_free(s->bucket);
    lh_arena_free(s->arena);
    free(s);
}
static void s3_suite_freep(suite **s) { s3_suite_free(*s); }

enum { S3_THREADS = 4, S3_ROUNDS = 12 };
typedef struct s3_racer {
    lh_metastore *store;
    int thread, done;
} s3_racer;

static void *s3_race(void *ctx) {
    s3_racer *r = ctx;
    for (int i = 0; i < S3_ROUNDS; i++) {
        char key[64];
        snprintf(key, sizeof key, "thread%d/%d", r->thread, i);
        r->done += suite_commit(r->store, key, "{}", LH_VERSION_ABSENT, NULL) == LH_OK;
    }
    return NULL;
}

static void test_metastore__gateways_on_s3_race_and_lose_nothing(void) {
    LH_CLEANUP(s3_suite_freep) suite *s = s3_suite_new("race");
    pthread_t threads[S3_THREADS];
    s3_racer racers[S3_THREADS];
    suite_open(s, &s->store, 6);
    suite_open(s, &s->other, 1000);
    for (int i = 0; i < S3_THREADS; i++) {
        racers[i] = (s3_racer){i % 2 ? s->other : s->store, i, 0};
        CHECK(pthread_create(&threads[i], NULL, s3_race, &racers[i]) == 0);
    }
    for (int i = 0; i < S3_THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(racers[i].done == S3_ROUNDS);
    }
    CHECK(lh_metastore_refresh(s->store, &s->err) == LH_OK && lh_metastore_refresh(s->other, &s->err) == LH_OK);
    CHECK(lh_metastore_get_stats(s->store).documents == S3_THREADS * S3_ROUNDS);
    CHECK_STR(suite_dump(s, s->store), suite_dump(s, s->other));
    lh_str before = suite_dump(s, s->other);
    suite_open(s, &s->store, 1000);
    CHECK_STR(suite_dump(s, s->store), before);
}

static void test_metastore__a_sleeper_on_s3_does_not_write_into_a_compacted_log(void) {
    LH_CLEANUP(s3_suite_freep) suite *s = s3_suite_new("sleeper");
    suite_open(s, &s->store, 3);
    for (int i = 1; i <= 9; i++) {
        char key[32];
        snprintf(key, sizeof key, "k%d", i);
        suite_put(s->store, key, "{}");
        if (i == 2) suite_open(s, &s->other, 1000);
        if (i % 3 == 0) suite_wait_checkpoint(s->store, (uint64_t)i);
    }
    suite_open(s, &s->store, 1000);
    s->other->looked_ms = metastore_clock_ms(); /* it believes that it has just looked */
    CHECK(suite_put(s->other, "awake", "{}") == 10);
    CHECK(lh_metastore_refresh(s->store, &s->err) == LH_OK);
    CHECK_STR(suite_dump(s, s->store), suite_dump(s, s->other));
}

int main(void) {
    server = s3_test_server_start();
    lh_test tests[] = {LH_TEST(test_metastore__gateways_on_s3_race_and_lose_nothing),
                       LH_TEST(test_metastore__a_sleeper_on_s3_does_not_write_into_a_compacted_log)};
    int failed = lh_test_main(tests, sizeof tests / sizeof *tests);
    s3_test_server_stop(&server);
    return failed;
}
