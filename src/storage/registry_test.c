#include "base/test.h"
#include "storage/registry_internal.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAKE_PROBE_INTERVAL_MS = 3600000 };

/* Three folders: the primary "one", "two", and "spare", which rescues. */
typedef struct lake {
    lh_arena *arena;
    lh_registry *registry;
    lh_bucket *whole;
    char folder[64];
    lh_error err;
} lake;

static lh_str lake_path(lake *l, const char *name) { return lh_arena_printf(l->arena, "%s/%s", l->folder, name); }

/* With "two" as it is told, or a folder of that name. */
static lake *lake_new_with(const lh_bucket_options *two) {
    lake *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    snprintf(l->folder, sizeof l->folder, "/tmp/lakehouse-registry-XXXXXX");
    CHECK(mkdtemp(l->folder) != NULL);
    CHECK(lh_arena_new(16 << 20, &l->arena, &l->err) == LH_OK);
    lh_bucket_options buckets[] = {{.name = LH_STR("one"), .root = lake_path(l, "one")},
                                   *two,
                                   {.name = LH_STR("spare"), .root = lake_path(l, "spare")}};
    if (!two->is_s3) buckets[1].root = lake_path(l, "two");
    const lh_registry_options options = {.buckets = buckets,
                                         .count = 3,
                                         .rescue = LH_STR("spare"),
                                         .probe_interval_ms = LAKE_PROBE_INTERVAL_MS,
                                         .probe_timeout_ms = 1000};
    lh_error err = {0};
    CHECK_OK(lh_registry_open(&options, &l->registry, &err));
    l->whole = lh_registry_whole(l->registry);
    return l;
}

static lake *lake_new(bool two_read_only) {
    return lake_new_with(&(lh_bucket_options){.name = LH_STR("two"), .read_only = two_read_only});
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

/* The newest record of that operation in the bucket "two". */
static void lake_check_journal(lake *l, const char *operation, const char *key, const char *code) {
    const lh_error_filter filter = {.bucket = LH_STR("two"), .operation = lh_str_from(operation), .limit = 1};
    lh_json *answer = NULL;
    CHECK(lh_registry_errors(l->registry, &filter, l->arena, &answer, &l->err) == LH_OK);
    const lh_json *first = lh_json_at(lh_json_get(answer, "items"), 0);
    CHECK_STR(lh_json_get_string(first, "key"), lh_str_from(key));
    CHECK_STR(lh_json_get_string(first, "code"), lh_str_from(code));
}

static bool lake_tell(lake *l, const char *place) {
    return lh_registry_tell(l->registry, "engine.read", lh_str_from(place), LH_IO, "why");
}

static void test_registry__who_knows_only_a_place_tells_what_failed_there(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new(false);
    static const char *const schemes[] = {"", "file:", "file://"};
    static const char *const outsides[] = {"/three/x", "/two", "/two/../one/x", "/two/.scratch/x"};
    char place[160];
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        snprintf(place, sizeof place, "%s%s/two/a b/x%zu", schemes[i], l->folder, i);
        CHECK(lake_tell(l, place));
        lake_check_journal(l, "engine.read", strstr(place, "a b"), "io");
    }
    for (size_t i = 0; i < sizeof outsides / sizeof *outsides; i++) {
        snprintf(place, sizeof place, "%s%s", l->folder, outsides[i]);
        CHECK(!lake_tell(l, place));
    }
    CHECK(!lake_tell(l, "") && !lake_tell(l, "two/x") && !lake_tell(l, "http://") &&
          !lake_tell(l, "http://127.0.0.1:9/silent/x"));
}

static void test_registry__the_url_of_an_object_is_told_with_its_key(void) {
    for (int path_style = 0; path_style < 2; path_style++) {
        const lh_bucket_options two = {.name = LH_STR("two"),
                                       .is_s3 = true,
                                       .s3 = {.endpoint = LH_STR("http://127.0.0.1:9/"),
                                              .region = LH_STR("us-east-1"),
                                              .bucket = LH_STR("silent"),
                                              .access_key = LH_STR("key"),
                                              .secret_key = LH_STR("secret"),
                                              .path_style = path_style}};
        LH_CLEANUP(lake_freep) lake *l = lake_new_with(&two);
        const char *own =
            path_style ? "http://127.0.0.1:9/silent/a%20b/%25.x?uploadId=1" : "http://silent.127.0.0.1:9/a%20b/%25.x";
        const char *other = path_style ? "http://silent.127.0.0.1:9/x" : "http://127.0.0.1:9/silent/x";
        CHECK(lake_tell(l, own));
        lake_check_journal(l, "engine.read", "a b/%.x", "io");
        CHECK(lake_tell(l, "s3://silent/c"));
        lake_check_journal(l, "engine.read", "c", "io");
        CHECK(!lake_tell(l, other) && !lake_tell(l, "http://127.0.0.1:9/silent2/x") && !lake_tell(l, "s3://silent2/x"));
        CHECK(!lake_tell(l, "http://127.0.0.1:9/silent/%zz") && !lake_tell(l, "http://127.0.0.1:9/silent/../x"));
    }
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

/* ---- asking ---- */

static const lh_json *lake_ask(lake *l, const char *name) {
    lh_json *answer = NULL;
    CHECK(lh_registry_health(l->registry, true, l->arena, &answer, &l->err) == LH_OK);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "name"), lh_str_from(name))) return it.value;
    CHECK(false);
    return NULL;
}

static uint64_t lake_due_ms(lake *l, const char *name) {
    pthread_mutex_lock(&l->registry->lock);
    uint64_t due_ms = registry_find(l->registry, lh_str_from(name))->health.due_ms;
    pthread_mutex_unlock(&l->registry->lock);
    return due_ms;
}

static void test_registry__a_bucket_that_does_not_answer_is_asked_up_to_8_times_less_often(void) {
    static const unsigned times[] = {1, 2, 4, 4, 8, 8, 8, 8, 8, 8};
    LH_CLEANUP(lake_freep) lake *l = lake_new(false);
    char path[128], away[128];
    CHECK_STR(lh_json_get_string(lake_ask(l, "two"), "state"), LH_STR("ok"));
    snprintf(path, sizeof path, "%s/two", l->folder);
    snprintf(away, sizeof away, "%s/two-away", l->folder);
    CHECK(rename(path, away) == 0);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        uint64_t before = lh_time_monotonic_ms();
        const lh_json *two = lake_ask(l, "two");
        CHECK_STR(lh_json_get_string(two, "state"), LH_STR("unreachable"));
        CHECK(lh_json_uint(lh_json_get(two, "failures"), 0) == i + 1);
        CHECK(lake_due_ms(l, "two") >= before + times[i] * (uint64_t)LAKE_PROBE_INTERVAL_MS);
        CHECK(lake_due_ms(l, "two") <= lh_time_monotonic_ms() + times[i] * (uint64_t)LAKE_PROBE_INTERVAL_MS);
    }
    CHECK(rename(away, path) == 0);
    CHECK_STR(lh_json_get_string(lake_ask(l, "two"), "state"), LH_STR("ok"));
    CHECK(lake_due_ms(l, "two") <= lh_time_monotonic_ms() + LAKE_PROBE_INTERVAL_MS);
}

static void test_registry__a_server_that_accepts_and_says_nothing_is_unreachable(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listening, (struct sockaddr *)&address, size) == 0 && listen(listening, 16) == 0);
    CHECK(getsockname(listening, (struct sockaddr *)&address, &size) == 0);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", ntohs(address.sin_port));
    const lh_bucket_options two = {.name = LH_STR("two"),
                                   .is_s3 = true,
                                   .s3 = {.endpoint = lh_str_from(endpoint),
                                          .region = LH_STR("us-east-1"),
                                          .bucket = LH_STR("silent"),
                                          .access_key = LH_STR("key"),
                                          .secret_key = LH_STR("secret"),
                                          .path_style = true,
                                          .timeout_ms = 3600000,
                                          .retries = 100}};
    LH_CLEANUP(lake_freep) lake *l = lake_new_with(&two);
    CHECK_STR(lh_json_get_string(lake_ask(l, "two"), "state"), LH_STR("unreachable"));
    CHECK_STR(lh_json_get_string(lake_ask(l, "one"), "state"), LH_STR("ok"));
    lake_check_journal(l, "probe", "", "unavailable");
    close(listening);
}

/* A disk in which calls hang until it is released. */
typedef struct hanging {
    struct bucket_ops ops;
    const struct bucket_ops *file;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hangs;
} hanging;

static lh_code hanging_probe(lh_bucket *bucket, uint64_t timeout_ms, lh_error *err) {
    hanging *h = (hanging *)(uintptr_t)bucket->ops;
    pthread_mutex_lock(&h->lock);
    while (h->hangs) pthread_cond_wait(&h->changed, &h->lock);
    pthread_mutex_unlock(&h->lock);
    return h->file->probe(bucket, timeout_ms, err);
}

static void test_registry__a_disk_that_hangs_holds_up_no_other_bucket(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new(false);
    hanging h = {.hangs = true};
    pthread_mutex_init(&h.lock, NULL);
    pthread_cond_init(&h.changed, NULL);
    CHECK_STR(lh_json_get_string(lake_ask(l, "two"), "state"), LH_STR("ok"));
    lh_bucket *two = atomic_load(&registry_find(l->registry, LH_STR("two"))->bucket);
    h.file = two->ops;
    h.ops = *two->ops;
    h.ops.probe = hanging_probe;
    two->ops = &h.ops;
    const lh_json *told = lake_ask(l, "two");
    CHECK_STR(lh_json_get_string(told, "state"), LH_STR("unreachable"));
    CHECK(strstr(lh_json_get_string(told, "error").ptr, "did not answer within 1000 ms"));
    lake_check_journal(l, "probe", "", "unavailable");
    char path[128], away[128];
    snprintf(path, sizeof path, "%s/one", l->folder);
    snprintf(away, sizeof away, "%s/one-away", l->folder);
    CHECK(rename(path, away) == 0); /* others are asked while it hangs */
    CHECK_STR(lh_json_get_string(lake_ask(l, "one"), "state"), LH_STR("unreachable"));
    CHECK(rename(away, path) == 0);
    CHECK_STR(lh_json_get_string(lake_ask(l, "one"), "state"), LH_STR("ok"));
    CHECK(lh_json_uint(lh_json_get(lake_ask(l, "two"), "failures"), 0) == 1); /* the one question still */
    pthread_mutex_lock(&h.lock);
    h.hangs = false;
    pthread_cond_broadcast(&h.changed);
    pthread_mutex_unlock(&h.lock);
    while (!lh_str_eq(lh_json_get_string(lake_ask(l, "two"), "state"), LH_STR("ok"))) lh_time_sleep_ms(10);
    two->ops = h.file;
}

static void *lake_ask_thread(void *arg) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *answer = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    CHECK(lh_registry_health(arg, true, arena, &answer, NULL) == LH_OK);
    return NULL;
}

static size_t open_files(void) {
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

static void test_registry__of_many_that_ask_at_once_one_opens_the_bucket(void) {
    enum { ROUNDS = 10, THREADS = 8, FILES = 3 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        LH_CLEANUP(lake_freep) lake *l = lake_new(false);
        char plug[128];
        snprintf(plug, sizeof plug, "%s/plug", l->folder);
        lh_registry_free(l->registry);
        FILE *file = fopen(plug, "w"); /* in the way of the folder: it cannot be opened */
        CHECK(file && fclose(file) == 0);
        const lh_bucket_options buckets[] = {{.name = LH_STR("one"), .root = lake_path(l, "one")},
                                             {.name = LH_STR("two"), .root = lake_path(l, "plug/two")}};
        const lh_registry_options options = {
            .buckets = buckets, .count = 2, .probe_interval_ms = LAKE_PROBE_INTERVAL_MS, .probe_timeout_ms = 10000};
        CHECK(lh_registry_open(&options, &l->registry, &l->err) == LH_OK);
        CHECK_STR(lh_json_get_string(lake_ask(l, "two"), "state"), LH_STR("unreachable"));
        size_t before = open_files();
        CHECK(unlink(plug) == 0);
        pthread_t threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, lake_ask_thread, l->registry) == 0);
        for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        CHECK_STR(lh_json_get_string(lake_ask(l, "two"), "state"), LH_STR("ok"));
        CHECK(open_files() == before + FILES);
    }
}

LH_TEST_MAIN(LH_TEST(test_registry__a_key_tells_its_bucket_and_so_does_a_location),
             LH_TEST(test_registry__a_read_only_bucket_takes_no_write),
             LH_TEST(test_registry__a_bucket_that_does_not_answer_is_asked_up_to_8_times_less_often),
             LH_TEST(test_registry__a_server_that_accepts_and_says_nothing_is_unreachable),
             LH_TEST(test_registry__a_disk_that_hangs_holds_up_no_other_bucket),
             LH_TEST(test_registry__of_many_that_ask_at_once_one_opens_the_bucket),
             LH_TEST(test_registry__a_stream_that_fails_is_told_with_its_key),
             LH_TEST(test_registry__who_knows_only_a_place_tells_what_failed_there),
             LH_TEST(test_registry__the_url_of_an_object_is_told_with_its_key),
             LH_TEST(test_registry__rescue_serves_for_want_of_the_bucket_only),
             LH_TEST(test_registry__a_bucket_comes_and_goes_while_others_are_served),
             LH_TEST(test_registry__what_fails_is_told_and_another_folder_in_its_place_is_taken_up))
