/* Waiting for a connection, stopping what runs, and the write locks of tables. No test waits for a time: each waits for
 * what the engine says of itself, and a statement that is to be stopped would run for hours. */
#include "engine/engine_suite.h"

#define SLOW "SELECT sum(a.range * b.range) FROM range(1000000) a, range(10000000) b"

/* ---- another thread ---- */
typedef struct worker {
    suite *s;
    pthread_t thread;
    lh_cancel *cancel;
    lh_session *session;
    lh_table_name table;
    uint64_t timeout_ms;
    const char *sql;
    lh_code code;
    lh_error err;
    _Atomic int *turn;
    int order;
} worker;

static lh_code worker_write(void *ctx, lh_str data, lh_error *err) {
    (void)ctx, (void)data, (void)err;
    return LH_OK;
}

static void *worker_query(void *arg) {
    worker *w = arg;
    lh_query_outcome outcome;
    const lh_query query = {.sql = lh_str_from(w->sql), .cancel = w->cancel, .timeout_ms = w->timeout_ms};
    w->code = lh_engine_run(w->s->engine, &query, worker_write, NULL, &outcome, &w->err);
    return NULL;
}

static void *worker_session(void *arg) {
    worker *w = arg;
    w->code = lh_session_open(w->s->engine, w->cancel, &w->session, &w->err);
    if (w->turn) w->order = (*w->turn)++;
    lh_session_close(w->session);
    return NULL;
}

static void *worker_lock(void *arg) {
    worker *w = arg;
    w->code = lh_engine_lock_table(w->s->engine, w->table, w->cancel, &w->err);
    if (w->turn) w->order = (*w->turn)++;
    if (w->code == LH_OK) lh_engine_unlock_table(w->s->engine, w->table);
    return NULL;
}

static void worker_start(worker *w, void *(*run)(void *)) { CHECK(pthread_create(&w->thread, NULL, run, w) == 0); }
static void worker_join(worker *w) { CHECK(pthread_join(w->thread, NULL) == 0); }

static void wait_for(suite *s, uint64_t running, uint64_t waiting) {
    for (;;) {
        lh_engine_stats stats = lh_engine_get_stats(s->engine);
        if (stats.running == running && stats.waiting == waiting) return;
        lh_time_sleep_ms(1);
    }
}

static lh_session *session_of(suite *s) {
    lh_session *session = NULL;
    CHECK(lh_session_open(s->engine, NULL, &session, &s->err) == LH_OK);
    return session;
}

/* ---- the pool ---- */
static void test_engine__a_full_queue_is_refused_at_once(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 1);
    lh_session *held = session_of(s), *refused = NULL;
    worker waiting = {.s = s};
    worker_start(&waiting, worker_session);
    wait_for(s, 0, 1);
    CHECK(suite_try(s, "SELECT 1", LH_FORMAT_JSON) == LH_UNAVAILABLE && s->text.len == 0);
    CHECK(strstr(s->err.message, "all 1 connections") && strstr(s->err.message, "1 statements wait"));
    CHECK(lh_session_open(s->engine, NULL, &refused, &s->err) == LH_UNAVAILABLE && !refused);
    lh_session_close(held);
    worker_join(&waiting);
    CHECK(waiting.code == LH_OK);
    (void)suite_run(s, "SELECT 1", LH_FORMAT_JSON);
}

static void test_engine__without_a_queue_nobody_waits(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(2, 0);
    lh_session *first = session_of(s), *second = session_of(s), *third = NULL;
    CHECK(lh_session_open(s->engine, NULL, &third, &s->err) == LH_UNAVAILABLE);
    lh_session_close(first);
    third = session_of(s);
    lh_session_close(second);
    lh_session_close(third);
}

static void test_engine__who_came_first_goes_first(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 8);
    lh_session *held = session_of(s);
    _Atomic int turn = 0;
    worker workers[5] = {{0}};
    for (int i = 0; i < 5; i++) {
        workers[i] = (worker){.s = s, .turn = &turn};
        worker_start(&workers[i], worker_session);
        wait_for(s, 0, (uint64_t)i + 1);
    }
    lh_session_close(held);
    for (int i = 0; i < 5; i++) {
        worker_join(&workers[i]);
        CHECK(workers[i].code == LH_OK && workers[i].order == i);
    }
}

static void test_engine__a_waiter_can_be_cancelled(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 8);
    LH_CLEANUP(lh_cancel_freep) lh_cancel *cancel = NULL;
    CHECK(lh_cancel_new(&cancel, NULL) == LH_OK);
    lh_session *held = session_of(s);
    worker before = {.s = s}, gone = {.s = s, .cancel = cancel}, behind = {.s = s};
    worker *all[] = {&before, &gone, &behind};
    for (size_t i = 0; i < 3; i++) {
        worker_start(all[i], worker_session);
        wait_for(s, 0, i + 1);
    }
    lh_cancel_fire(cancel);
    worker_join(&gone);
    CHECK(gone.code == LH_CANCELLED && strstr(gone.err.message, "cancelled while waiting for a connection"));
    wait_for(s, 0, 2);
    lh_session_close(held);
    worker_join(&before);
    worker_join(&behind);
    CHECK(before.code == LH_OK && behind.code == LH_OK);
}

static void test_engine__a_waiter_has_its_deadline(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 8);
    lh_session *held = session_of(s);
    const lh_query query = {.sql = LH_STR("SELECT 1"), .timeout_ms = 20};
    CHECK(suite_query(s, &query) == LH_CANCELLED && strstr(s->err.message, "timed out while waiting"));
    wait_for(s, 0, 0);
    lh_session_close(held);
}

/* ---- stopping ---- */
static void test_engine__what_runs_can_be_cancelled(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    LH_CLEANUP(lh_cancel_freep) lh_cancel *cancel = NULL;
    CHECK(lh_cancel_new(&cancel, NULL) == LH_OK);
    worker slow = {.s = s, .cancel = cancel, .sql = SLOW};
    worker_start(&slow, worker_query);
    wait_for(s, 1, 0);
    lh_cancel_fire(cancel);
    lh_cancel_fire(cancel); /* any number of times */
    worker_join(&slow);
    CHECK(slow.code == LH_CANCELLED && lh_cancel_fired(cancel));
    CHECK_STR(lh_str_from(slow.err.message), LH_STR("cancelled"));
    (void)suite_run(s, "SELECT 1", LH_FORMAT_JSON); /* the connection is as good as new */
    lh_engine_stats stats = lh_engine_get_stats(s->engine);
    CHECK(stats.statements == 2 && stats.cancelled == 1 && stats.failed == 0);
}

/* At whatever moment it is fired: before the statement, in it, or behind it. */
static void test_engine__a_cancel_is_never_lost(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(2, 0);
    for (unsigned i = 0; i < 40; i++) {
        LH_CLEANUP(lh_cancel_freep) lh_cancel *cancel = NULL;
        CHECK(lh_cancel_new(&cancel, NULL) == LH_OK);
        worker slow = {.s = s, .cancel = cancel, .sql = SLOW};
        worker_start(&slow, worker_query);
        for (volatile unsigned spin = 0; spin < i * 20000; spin++) continue;
        lh_cancel_fire(cancel);
        worker_join(&slow);
        CHECK(slow.code == LH_CANCELLED);
    }
    (void)suite_run(s, "SELECT 1", LH_FORMAT_JSON);
}

static void test_engine__a_fired_cancel_stops_what_comes_later(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    LH_CLEANUP(lh_cancel_freep) lh_cancel *cancel = NULL;
    lh_session *session = NULL;
    CHECK(lh_cancel_new(&cancel, NULL) == LH_OK);
    CHECK(lh_session_open(s->engine, cancel, &session, NULL) == LH_OK);
    CHECK(lh_session_run(session, LH_STR("SELECT 1"), NULL, s->arena, NULL, &s->err) == LH_OK);
    lh_cancel_fire(cancel);
    CHECK(lh_session_run(session, LH_STR("SELECT 1"), NULL, s->arena, NULL, &s->err) == LH_CANCELLED);
    lh_session_close(session);
    const lh_query query = {.sql = LH_STR("SELECT 1"), .cancel = cancel};
    CHECK(suite_query(s, &query) == LH_CANCELLED && s->text.len == 0);
}

static void test_engine__what_runs_has_its_deadline(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    const lh_query query = {.sql = LH_STR(SLOW), .timeout_ms = 1000}; /* it is not to pass before that runs */
    CHECK(suite_query(s, &query) == LH_CANCELLED && s->text.len == 0);
    CHECK_STR(lh_str_from(s->err.message), LH_STR("timed out after 1000 ms"));
    const lh_query far = {.sql = LH_STR("SELECT 1"), .timeout_ms = UINT64_MAX}; /* does not wrap */
    CHECK(suite_query(s, &far) == LH_OK);
}

typedef struct taker {
    lh_cancel *cancel;
    size_t bytes;
} taker;

static lh_code taker_write(void *ctx, lh_str data, lh_error *err) {
    taker *t = ctx;
    (void)err;
    t->bytes += data.len;
    lh_cancel_fire(t->cancel);
    return LH_OK;
}

static void test_engine__an_answer_under_way_can_be_cancelled(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    LH_CLEANUP(lh_cancel_freep) lh_cancel *cancel = NULL;
    CHECK(lh_cancel_new(&cancel, NULL) == LH_OK);
    taker t = {.cancel = cancel};
    lh_query_outcome outcome = {.rows = 77};
    const lh_query query = {.sql = LH_STR("FROM range(1000000000000)"), .format = LH_FORMAT_NDJSON, .cancel = cancel};
    CHECK(lh_engine_run(s->engine, &query, taker_write, &t, &outcome, &s->err) == LH_CANCELLED);
    CHECK(t.bytes > 0 && outcome.rows == 77); /* untouched on failure */
    (void)suite_run(s, "SELECT 1", LH_FORMAT_JSON);
}

static void test_engine__many_run_and_are_stopped_at_once(void) {
    enum { WORKERS = 6 };
    LH_CLEANUP(suite_freep) suite *s = suite_new(4, WORKERS); /* one is left for the quick */
    worker workers[WORKERS] = {{0}};
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.s = s, .sql = i % 2 ? "SELECT count(*) FROM range(1000)" : SLOW};
        CHECK(lh_cancel_new(&workers[i].cancel, NULL) == LH_OK);
    }
    for (size_t i = 0; i < WORKERS; i++) worker_start(&workers[i], worker_query);
    for (size_t i = 1; i < WORKERS; i += 2) worker_join(&workers[i]);
    wait_for(s, 3, 0);
    for (size_t i = 0; i < WORKERS; i += 2) lh_cancel_fire(workers[i].cancel);
    for (size_t i = 0; i < WORKERS; i++) {
        if (i % 2 == 0) worker_join(&workers[i]);
        CHECK(workers[i].code == (i % 2 ? LH_OK : LH_CANCELLED));
        lh_cancel_free(workers[i].cancel);
    }
    wait_for(s, 0, 0);
}

/* ---- write locks ---- */
static lh_table_name table_of(const char *name) { return (lh_table_name){LH_STR("data"), lh_str_from(name)}; }

static void test_engine__a_table_has_one_writer(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    _Atomic int turn = 0;
    worker workers[3] = {{0}};
    CHECK(lh_engine_lock_table(s->engine, table_of("t"), NULL, &s->err) == LH_OK);
    CHECK(lh_engine_lock_table(s->engine, table_of("u"), NULL, &s->err) == LH_OK); /* another table, */
    CHECK(lh_engine_lock_table(s->engine, table_of("T"), NULL, &s->err) == LH_OK); /* as is one of another case */
    for (int i = 0; i < 3; i++) {
        workers[i] = (worker){.s = s, .turn = &turn, .table = table_of("t")};
        if (i == 1) workers[i].table.namespace_ = LH_STR("Data"); /* of a namespace the case does not matter */
        worker_start(&workers[i], worker_lock);
        wait_for(s, 0, (uint64_t)i + 1);
    }
    lh_engine_unlock_table(s->engine, table_of("u"));
    lh_engine_unlock_table(s->engine, table_of("T"));
    CHECK(turn == 0);
    lh_engine_unlock_table(s->engine, table_of("t"));
    for (int i = 0; i < 3; i++) {
        worker_join(&workers[i]);
        CHECK(workers[i].code == LH_OK && workers[i].order == i);
    }
    CHECK(s->engine->table_locks == NULL); /* none is kept that nobody wants */
}

static void test_engine__who_waits_for_a_table_can_be_cancelled(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    LH_CLEANUP(lh_cancel_freep) lh_cancel *cancel = NULL;
    CHECK(lh_cancel_new(&cancel, NULL) == LH_OK);
    CHECK(lh_engine_lock_table(s->engine, table_of("t"), NULL, &s->err) == LH_OK);
    worker gone = {.s = s, .cancel = cancel, .table = table_of("t")};
    worker_start(&gone, worker_lock);
    wait_for(s, 0, 1);
    lh_cancel_fire(cancel);
    worker_join(&gone);
    CHECK(gone.code == LH_CANCELLED && strstr(gone.err.message, "write lock"));
    const lh_query query = {.sql = LH_STR("INSERT INTO data.t VALUES (1)"), .timeout_ms = 20};
    CHECK(suite_query(s, &query) == LH_CANCELLED && strstr(s->err.message, "timed out while waiting"));
    lh_engine_unlock_table(s->engine, table_of("t"));
    CHECK(s->engine->table_locks == NULL);
}

/* A caller who may write "mine" only; of which it is asked before the locks are taken, and where a statement that writes it begins. */
typedef struct governed {
    suite *s;
    unsigned asked;
    bool free; /* could another lock "secret" then? */
} governed;

static lh_code governed_relation(void *ctx, lh_table_name name, lh_arena *arena, const lh_relation **ret,
                                 lh_error *err) {
    (void)ctx, (void)name, (void)arena, (void)ret;
    return lh_fail(err, LH_DENIED, "not to be read");
}

static lh_code governed_write(void *ctx, lh_write write, lh_table_name name, lh_arena *arena, const lh_relation **ret,
                              lh_error *err) {
    governed *g = ctx;
    (void)write, (void)arena;
    *ret = NULL;
    if (!lh_str_eq(name.name, LH_STR("mine"))) return lh_fail(err, LH_DENIED, "not to be written");
    if (++g->asked < 2) return LH_OK;
    uint64_t until_ns = lh_time_monotonic_ns() + 100000000u;
    g->free = engine_lock_table(g->s->engine, table_of("secret"), NULL, until_ns, NULL) == LH_OK;
    if (g->free) lh_engine_unlock_table(g->s->engine, table_of("secret"));
    return lh_fail(err, LH_DENIED, "that was all");
}

static lh_code governed_run(governed *g, const char *sql) {
    const lh_governor governor = {.ctx = g, .relation = governed_relation, .write = governed_write};
    const lh_query query = {.sql = lh_str_from(sql), .timeout_ms = 60000, .governor = &governor};
    return suite_query(g->s, &query);
}

static void test_engine__who_may_not_write_a_table_neither_waits_for_it_nor_holds_it(void) {
    static const char *const statements[] = {"INSERT INTO data.secret VALUES (1)",
                                             "UPDATE data.secret SET a = 1",
                                             "DELETE FROM data.secret",
                                             "DROP TABLE data.secret",
                                             "CREATE TABLE data.secret (a INT)",
                                             "ALTER TABLE data.secret ADD b INT"};
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    governed g = {.s = s};
    CHECK(lh_engine_lock_table(s->engine, table_of("secret"), NULL, &s->err) == LH_OK);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        CHECK(governed_run(&g, statements[i]) == LH_DENIED);
        CHECK(strstr(s->err.message, "not to be written"));
    }
    lh_engine_unlock_table(s->engine, table_of("secret"));
    CHECK(governed_run(&g, "INSERT INTO data.mine VALUES (1); INSERT INTO data.secret VALUES (1)") == LH_DENIED);
    CHECK(strstr(s->err.message, "that was all"));
    CHECK(g.asked == 2 && g.free);
    CHECK(s->engine->table_locks == NULL);
}

LH_TEST_MAIN(LH_TEST(test_engine__a_full_queue_is_refused_at_once), LH_TEST(test_engine__without_a_queue_nobody_waits),
             LH_TEST(test_engine__who_came_first_goes_first), LH_TEST(test_engine__a_waiter_can_be_cancelled),
             LH_TEST(test_engine__a_waiter_has_its_deadline), LH_TEST(test_engine__what_runs_can_be_cancelled),
             LH_TEST(test_engine__a_cancel_is_never_lost), LH_TEST(test_engine__a_fired_cancel_stops_what_comes_later),
             LH_TEST(test_engine__what_runs_has_its_deadline),
             LH_TEST(test_engine__an_answer_under_way_can_be_cancelled),
             LH_TEST(test_engine__many_run_and_are_stopped_at_once), LH_TEST(test_engine__a_table_has_one_writer),
             LH_TEST(test_engine__who_waits_for_a_table_can_be_cancelled),
             LH_TEST(test_engine__who_may_not_write_a_table_neither_waits_for_it_nor_holds_it))
