/* Faults, crashes and full queues. The linker's --wrap puts the functions below between the metastore
 * and its bucket (and malloc), so that any call can be held, fail, or lose its answer. */
#include "catalog/metastore_suite.h"

#include <signal.h>
#include <sys/wait.h>

typedef enum {
    FAULT_NONE,
    FAULT_BEFORE,
    FAULT_AFTER
} fault_kind; /* the call is not made, or made and its answer lost */

static struct {
    _Atomic int countdown; /* the call that brings it to 0 fails; below 0: none */
    _Atomic int kind, code;
    lh_metastore *_Atomic gate; /* holds a put until `gate_waiters` callers queue behind it */
    _Atomic size_t gate_waiters;
    _Atomic bool random; /* each call fails with one chance in eight */
} fault = {.countdown = -1};
static _Thread_local int fault_malloc = -1; /* allocations of this thread until one fails */

static void fault_set(fault_kind kind, lh_code code, int countdown) {
    atomic_store(&fault.kind, (int)kind);
    atomic_store(&fault.code, (int)code);
    atomic_store(&fault.countdown, countdown);
}

static fault_kind fault_next(lh_code *ret_code, lh_error *err) {
    fault_kind kind = FAULT_NONE;
    if (atomic_load(&fault.random)) {
        uint64_t draw = lh_random_below(16);
        kind = draw == 0 ? FAULT_BEFORE : draw == 1 ? FAULT_AFTER : FAULT_NONE;
        *ret_code = lh_random_below(2) ? LH_IO : LH_UNAVAILABLE;
    } else if (atomic_load(&fault.countdown) >= 0 && atomic_fetch_sub(&fault.countdown, 1) == 0) {
        kind = (fault_kind)atomic_load(&fault.kind);
        *ret_code = (lh_code)atomic_load(&fault.code);
    }
    if (kind != FAULT_NONE) lh_error_set(err, *ret_code, "injected");
    return kind;
}

static size_t fault_queue_length(lh_metastore *store) {
    size_t length = 0;
    pthread_mutex_lock(&store->queue_lock);
    for (const metastore_waiter *at = store->queue_head; at; at = at->next) length++;
    pthread_mutex_unlock(&store->queue_lock);
    return length;
}

lh_code __real_lh_bucket_put(lh_bucket *bucket, lh_str key, lh_str data, lh_put_condition condition,
                             lh_object_info *ret, lh_error *err);
lh_code __wrap_lh_bucket_put(lh_bucket *bucket, lh_str key, lh_str data, lh_put_condition condition,
                             lh_object_info *ret, lh_error *err);
lh_code __wrap_lh_bucket_put(lh_bucket *bucket, lh_str key, lh_str data, lh_put_condition condition,
                             lh_object_info *ret, lh_error *err) {
    lh_code failed = LH_OK;
    lh_metastore *gate = atomic_exchange(&fault.gate, NULL);
    while (gate && fault_queue_length(gate) < atomic_load(&fault.gate_waiters)) sched_yield();
    fault_kind kind = fault_next(&failed, err);
    if (kind == FAULT_BEFORE) return failed;
    lh_code code = __real_lh_bucket_put(bucket, key, data, condition, ret, err);
    return kind == FAULT_AFTER ? failed : code;
}

lh_code __real_lh_put_commit(lh_object_writer *writer, lh_object_info *ret, lh_error *err);
lh_code __wrap_lh_put_commit(lh_object_writer *writer, lh_object_info *ret, lh_error *err);
lh_code __wrap_lh_put_commit(lh_object_writer *writer, lh_object_info *ret, lh_error *err) { /* of checkpoints */
    lh_code failed = LH_OK;
    fault_kind kind = atomic_load(&fault.random) ? fault_next(&failed, err) : FAULT_NONE;
    if (kind == FAULT_BEFORE) return lh_put_abort(writer), failed;
    lh_code code = __real_lh_put_commit(writer, ret, err);
    return kind == FAULT_AFTER ? failed : code;
}

lh_code __real_lh_bucket_get(lh_bucket *bucket, lh_str key, uint64_t max, lh_arena *arena, lh_str *ret,
                             lh_object_info *ret_info, lh_error *err);
lh_code __wrap_lh_bucket_get(lh_bucket *bucket, lh_str key, uint64_t max, lh_arena *arena, lh_str *ret,
                             lh_object_info *ret_info, lh_error *err);
lh_code __wrap_lh_bucket_get(lh_bucket *bucket, lh_str key, uint64_t max, lh_arena *arena, lh_str *ret,
                             lh_object_info *ret_info, lh_error *err) {
    lh_code failed = LH_OK;
    if (atomic_load(&fault.random) && fault_next(&failed, err) != FAULT_NONE) return failed;
    return __real_lh_bucket_get(bucket, key, max, arena, ret, ret_info, err);
}

lh_code __real_lh_bucket_list(lh_bucket *bucket, lh_str prefix, lh_str after, size_t limit, lh_arena *arena,
                              lh_object_page *ret, lh_error *err);
lh_code __wrap_lh_bucket_list(lh_bucket *bucket, lh_str prefix, lh_str after, size_t limit, lh_arena *arena,
                              lh_object_page *ret, lh_error *err);
lh_code __wrap_lh_bucket_list(lh_bucket *bucket, lh_str prefix, lh_str after, size_t limit, lh_arena *arena,
                              lh_object_page *ret, lh_error *err) {
    lh_code failed = LH_OK;
    if (atomic_load(&fault.random) && fault_next(&failed, err) != FAULT_NONE) return failed;
    return __real_lh_bucket_list(bucket, prefix, after, limit, arena, ret, err);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size) {
    if (fault_malloc >= 0 && fault_malloc-- == 0) return NULL;
    return __real_malloc(size);
}
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
    if (fault_malloc >= 0 && fault_malloc-- == 0) return NULL;
    return __real_calloc(count, size);
}

/* ---- group commit ---- */

typedef struct caller {
    lh_metastore *store;
    char key[32];
    uint64_t expected, sequence;
    lh_code code;
} caller;

static void *caller_main(void *ctx) {
    caller *c = ctx;
    c->code = suite_commit(c->store, c->key, "{\"by\":\"caller\"}", c->expected, &c->sequence);
    return NULL;
}

static void test_metastore__callers_share_an_entry_and_a_conflict_hurts_one_only(void) {
    enum { CALLERS = 12 };
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 1000);
    caller callers[CALLERS];
    pthread_t threads[CALLERS];
    atomic_store(&fault.gate_waiters, CALLERS - 1);
    atomic_store(&fault.gate, s->store); /* the first put waits until all the others are in the queue */
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.store = s->store, .expected = i == 7 ? 99 : LH_VERSION_ABSENT};
        snprintf(callers[i].key, sizeof callers[i].key, "key%d", i == 9 ? 8 : i); /* 8 and 9 want to make the same */
        CHECK(pthread_create(&threads[i], NULL, caller_main, &callers[i]) == 0);
        while (i == 0 && atomic_load(&fault.gate) != NULL) sched_yield(); /* caller 0 leads alone */
    }
    for (int i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < CALLERS; i++) {
        bool alone = i == 7, rival = i == 8 || i == 9;
        if (!rival) CHECK(callers[i].code == (alone ? LH_CONFLICT : LH_OK));
        if (callers[i].code == LH_OK) CHECK(callers[i].sequence == (i == 0 ? 1 : 2));
    }
    CHECK((callers[8].code == LH_OK) != (callers[9].code == LH_OK));
    lh_metastore_stats stats = lh_metastore_get_stats(s->store);
    CHECK(stats.sequence == 2 && stats.commits == CALLERS - 2 && stats.conflicts == 2 &&
          stats.documents == CALLERS - 2);
}

/* ---- faults ---- */

static void test_metastore__a_failed_put_changes_nothing_and_the_next_works(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 1000);
    fault_set(FAULT_BEFORE, LH_IO, 0);
    CHECK(suite_commit(s->store, "k", "{}", LH_VERSION_ANY, NULL) == LH_IO);
    CHECK(suite_get(s, s->store, "k", NULL).len == 0);
    fault_set(FAULT_BEFORE, LH_UNAVAILABLE, 0);
    CHECK(suite_commit(s->store, "k", "{}", LH_VERSION_ANY, NULL) == LH_UNAVAILABLE);
    CHECK(suite_put(s->store, "k", "{}") == 1);
}

static void test_metastore__a_lost_answer_is_found_by_reading_the_entry_back(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 1000);
    fault_set(FAULT_AFTER, LH_UNAVAILABLE, 0);
    CHECK(suite_put(s->store, "a", "{\"n\":1}") == 1);
    fault_set(FAULT_AFTER, LH_CONFLICT, 0); /* a put sent twice by the HTTP layer */
    CHECK(suite_put(s->store, "a", "{\"n\":2}") == 2);
    fault_set(FAULT_AFTER, LH_IO, 0); /* unknown outcome: told as an error … */
    CHECK(suite_commit(s->store, "a", "{\"n\":3}", 2, NULL) == LH_IO);
    CHECK(suite_put(s->store, "b", "{}") == 4); /* … and what landed is found by the next commit */
    CHECK_STR(suite_get(s, s->store, "a", NULL), LH_STR("{\"n\":3}"));
    lh_str before = suite_dump(s, s->store);
    suite_open(s, &s->store, 1000);
    CHECK_STR(suite_dump(s, s->store), before);
}

static void test_metastore__random_faults_lose_no_acknowledged_commit(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    bool acknowledged[600] = {false}, failed[600] = {false};
    lh_log_set_level(LH_LOG_OFF); /* checkpoints fail too, as they should */
    suite_open(s, &s->store, 10);
    suite_open(s, &s->other, 15);
    atomic_store(&fault.random, true);
    for (int i = 0; i < 600; i++) {
        char left[64], right[64];
        snprintf(left, sizeof left, "left/%d", i);
        snprintf(right, sizeof right, "right/%d", i);
        const lh_change pair[] = {{.key = lh_str_from(left), .text = LH_STR("{}"), .expected = LH_VERSION_ABSENT},
                                  {.key = lh_str_from(right), .text = LH_STR("{}"), .expected = LH_VERSION_ABSENT}};
        lh_code code = lh_metastore_commit(i % 3 ? s->store : s->other, pair, 2, NULL, &s->err);
        CHECK(code == LH_OK || code == LH_IO || code == LH_UNAVAILABLE);
        acknowledged[i] = code == LH_OK;
        failed[i] = !acknowledged[i];
    }
    atomic_store(&fault.random, false);
    lh_log_set_level(LH_LOG_INFO);
    CHECK(lh_metastore_refresh(s->store, &s->err) == LH_OK && lh_metastore_refresh(s->other, &s->err) == LH_OK);
    CHECK_STR(suite_dump(s, s->other), suite_dump(s, s->store));
    lh_str before = suite_dump(s, s->store);
    suite_open(s, &s->store, 10);
    CHECK_STR(suite_dump(s, s->store), before);
    size_t lost = 0, half = 0, failures = 0;
    for (int i = 0; i < 600; i++) {
        char left[64], right[64];
        snprintf(left, sizeof left, "left/%d", i);
        snprintf(right, sizeof right, "right/%d", i);
        bool is_left = suite_get(s, s->store, left, NULL).len > 0,
             is_right = suite_get(s, s->store, right, NULL).len > 0;
        lost += acknowledged[i] && !is_left;
        half += is_left != is_right;
        failures += failed[i];
    }
    CHECK(lost == 0 && half == 0);
    CHECK(failures > 0 && failures < 600);
}

static void test_metastore__any_allocation_may_fail(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    suite_open(s, &s->store, 1000);
    suite_put(s->store, "k", "{\"v\":0}");
    lh_code code = LH_NO_MEMORY;
    int nth = 0;
    for (; code != LH_OK && nth < 1000; nth++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", nth);
        fault_malloc = nth;
        code = suite_commit(s->store, key, "{\"v\":1}", LH_VERSION_ANY, NULL);
        fault_malloc = -1;
        bool unknown = code == LH_UNAVAILABLE; /* memory ran out behind the put */
        CHECK(code == LH_OK || code == LH_NO_MEMORY || unknown);
        CHECK(lh_metastore_refresh(s->store, &s->err) == LH_OK);
        CHECK(unknown || (suite_get(s, s->store, key, NULL).len > 0) == (code == LH_OK));
    }
    CHECK(nth > 5 && code == LH_OK);
    code = LH_NO_MEMORY;
    for (nth = 0; code != LH_OK && nth < 1000; nth++) {
        lh_metastore *again = NULL;
        fault_malloc = nth;
        code = lh_metastore_open(s->bucket, 1000, &again, &s->err);
        fault_malloc = -1;
        CHECK(code == LH_OK ? again != NULL : code == LH_NO_MEMORY && !again);
        if (code == LH_OK) CHECK_STR(suite_dump(s, again), suite_dump(s, s->store));
        lh_metastore_free(again);
    }
    CHECK(nth > 5 && code == LH_OK);
}

/* ---- crashes ---- */

enum { CRASH_THREADS = 3, CRASH_ROUNDS = 15 };
typedef struct crasher {
    lh_metastore *store;
    int pipe, thread, round;
} crasher;

static void *crash_thread(void *ctx) { /* commits pairs and reports each that was acknowledged, for ever */
    const crasher *c = ctx;
    for (int i = 0;; i++) {
        char left[64], right[64];
        snprintf(left, sizeof left, "left/%d/%d/%d", c->round, c->thread, i);
        snprintf(right, sizeof right, "right/%d/%d/%d", c->round, c->thread, i);
        const lh_change pair[] = {{.key = lh_str_from(left), .text = LH_STR("{}")},
                                  {.key = lh_str_from(right), .text = LH_STR("{}")}};
        const int report[] = {c->thread, i};
        if (lh_metastore_commit(c->store, pair, 2, NULL, NULL) != LH_OK ||
            write(c->pipe, report, sizeof report) != sizeof report)
            _exit(2);
    }
    return NULL;
}

static void crash_child(const char *root, int pipe_fd, int round) {
    lh_bucket *bucket = NULL;
    lh_metastore *store = NULL;
    crasher crashers[CRASH_THREADS];
    pthread_t threads[CRASH_THREADS];
    if (lh_bucket_open_file(lh_str_from(root), &bucket, NULL) != LH_OK ||
        lh_metastore_open(bucket, 8, &store, NULL) != LH_OK)
        _exit(3);
    for (int i = 0; i < CRASH_THREADS; i++) {
        crashers[i] = (crasher){store, pipe_fd, i, round};
        if (pthread_create(&threads[i], NULL, crash_thread, &crashers[i]) != 0) _exit(4);
    }
    pause();
    _exit(5);
}

static void test_metastore__sigkill_at_any_moment_loses_nothing_and_leaves_no_half(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new();
    for (int round = 0; round < CRASH_ROUNDS; round++) {
        int fds[2], report[2], last[CRASH_THREADS] = {-1, -1, -1}, reports = 0, want = (int)lh_random_below(60);
        CHECK(pipe(fds) == 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) crash_child(s->root, fds[1], round);
        close(fds[1]);
        while (read(fds[0], report, sizeof report) == sizeof report) {
            last[report[0]] = report[1];
            if (++reports == want + 1) CHECK(kill(child, SIGKILL) == 0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        close(fds[0]);
        suite_open(s, &s->store, 1000);
        for (int thread = 0; thread < CRASH_THREADS; thread++)
            for (int i = 0; i <= last[thread] + 1; i++) {
                lh_str left = lh_arena_printf(s->arena, "left/%d/%d/%d", round, thread, i),
                       right = lh_arena_printf(s->arena, "right/%d/%d/%d", round, thread, i);
                bool is_left = suite_get(s, s->store, left.ptr, NULL).len > 0,
                     is_right = suite_get(s, s->store, right.ptr, NULL).len > 0;
                CHECK(is_left == is_right);
                CHECK(is_left || i == last[thread] + 1); /* the one in flight may be there or not */
            }
        lh_metastore_free(s->store);
        s->store = NULL;
    }
}

LH_TEST_MAIN(LH_TEST(test_metastore__callers_share_an_entry_and_a_conflict_hurts_one_only),
             LH_TEST(test_metastore__a_failed_put_changes_nothing_and_the_next_works),
             LH_TEST(test_metastore__a_lost_answer_is_found_by_reading_the_entry_back),
             LH_TEST(test_metastore__random_faults_lose_no_acknowledged_commit),
             LH_TEST(test_metastore__any_allocation_may_fail),
             LH_TEST(test_metastore__sigkill_at_any_moment_loses_nothing_and_leaves_no_half))
