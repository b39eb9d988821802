/* The pool of connections and the timer.
 * Connections are opened when first needed, up to connections_max; one comes free → the first waiter gets it. More
 * than queue_max waiters: UNAVAILABLE at once. engine->lock guards the lists.
 * The timer thread sleeps until the nearest deadline of what runs. An interrupt that comes in the moment before
 * DuckDB starts a statement is lost, so a statement to be stopped is interrupted again every 20 ms until it ends. */
#include "engine/database_shim.h"
#include "engine/engine_internal.h"
#include "engine/prepared_shim.h"

enum { TIMER_REPEAT_NS = 20 * 1000 * 1000 };

static lh_code pool_open_locked(lh_engine *engine, engine_connection **ret, lh_error *err) {
    size_t seat = 0;
    engine_connection *fresh = NULL;
    LH_TRY(engine_connection_open_locked(engine, &fresh, err));
    engine->all_count++;
    while (engine->all[seat]) seat++; /* all_count says that there is one */
    *ret = engine->all[seat] = fresh;
    return LH_OK;
}

static lh_code pool_take_locked(lh_engine *engine, lh_cancel *cancel, uint64_t deadline_ns, engine_connection **ret,
                                lh_error *err) {
    if (engine->closing) return lh_fail(err, LH_UNAVAILABLE, "the engine is closing");
    if (engine->idle_count > 0) {
        *ret = engine->idle[--engine->idle_count];
        return LH_OK;
    }
    if (engine->all_count < engine->connections_max) return pool_open_locked(engine, ret, err);
    if (engine->pool_queue.count >= engine->queue_max)
        return lh_fail(err, LH_UNAVAILABLE,
                       "all %u connections of the engine are busy and %u statements wait already; try again later",
                       engine->connections_max, engine->queue_max);
    void *got = NULL;
    LH_TRY(
        engine_wait_locked(engine, &engine->pool_queue, cancel, deadline_ns, "a connection of the engine", &got, err));
    *ret = got;
    return LH_OK;
}

static void pool_put_locked(engine_connection *connection) {
    lh_engine *engine = connection->engine;
    if (!engine_grant_locked(&engine->pool_queue, connection)) engine->idle[engine->idle_count++] = connection;
    if (engine->closing) pthread_cond_broadcast(&engine->timer_wake);
}

lh_code engine_acquire(lh_engine *engine, lh_cancel *cancel, uint64_t deadline_ns, engine_connection **ret,
                       lh_error *err) {
    engine_connection *connection = NULL;
    pthread_mutex_lock(&engine->lock);
    lh_code code = pool_take_locked(engine, cancel, deadline_ns, &connection, err);
    pthread_mutex_unlock(&engine->lock);
    if (code != LH_OK) return code;
    code = engine_revive(engine, err);
    pthread_mutex_lock(&engine->lock);
    if (code == LH_OK) code = engine_connection_renew_locked(connection, err);
    if (code != LH_OK) pool_put_locked(connection);
    pthread_mutex_unlock(&engine->lock);
    if (code != LH_OK) return code;
    *ret = connection;
    return LH_OK;
}

void engine_release(engine_connection *connection) {
    lh_engine *engine = connection->engine;
    if (prepared_shim_in_transaction(connection->handle)) (void)duckdb_query(connection->handle, "ROLLBACK", NULL);
    database_shim_roll_back(connection->handle); /* if that was refused */
    (void)engine_revive(engine, NULL);
    pthread_mutex_lock(&engine->lock);
    pool_put_locked(connection);
    pthread_mutex_unlock(&engine->lock);
}

/* DuckDB's exceptions tell what they are as JSON: {"exception_type":"IO","exception_message":"…",…}. */
lh_code engine_escape_failure(const lh_engine *engine, const char *message, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *told = NULL;
    if (lh_arena_new(64 << 10, &arena, NULL) == LH_OK &&
        lh_json_parse(arena, lh_str_from(message), &told, NULL) == LH_OK) {
        lh_str plain =
            lh_arena_printf(arena, "%.*s Error: %.*s", LH_STR_ARG(lh_json_get_string(told, "exception_type")),
                            LH_STR_ARG(lh_json_get_string(told, "exception_message")));
        if (plain.len) message = plain.ptr; /* with a NUL behind it */
    }
    engine_tell_failure(engine, message);
    return engine_failure(message, LH_STR_NONE, 0, err);
}

lh_code engine_abandon(engine_connection *connection, const char *message, lh_error *err) {
    lh_engine *engine = connection->engine;
    engine_running_end(connection);
    lh_code code = engine_stored_failure(engine_escape_failure(engine, message, err), err);
    pthread_mutex_lock(&engine->lock);
    for (size_t i = 0; i < LH_ENGINE_CONNECTIONS_MAX; i++)
        if (engine->all[i] == connection) engine->all[i] = NULL;
    engine->all_count--;
    engine_connection *fresh = NULL; /* who waits for a connection gets another */
    bool wanted = engine->pool_queue.first != NULL && !engine->closing;
    if (wanted && pool_open_locked(engine, &fresh, NULL) == LH_OK) pool_put_locked(fresh);
    pthread_mutex_unlock(&engine->lock);
    return code;
}

static void running_cancelled(void *ctx) {
    engine_connection *connection = ctx;
    lh_engine *engine = connection->engine;
    pthread_mutex_lock(&engine->lock);
    connection->cancelled = true;
    if (connection->running && !connection->committing) duckdb_interrupt(connection->handle);
    pthread_cond_broadcast(&engine->timer_wake);
    pthread_mutex_unlock(&engine->lock);
}

static void running_link_locked(engine_connection *connection) {
    lh_engine *engine = connection->engine;
    connection->running = true;
    connection->previous = NULL;
    connection->next = engine->running;
    if (connection->next) connection->next->previous = connection;
    engine->running = connection;
}

static void running_unlink_locked(engine_connection *connection) {
    if (connection->previous) connection->previous->next = connection->next;
    else connection->engine->running = connection->next;
    if (connection->next) connection->next->previous = connection->previous;
    connection->running = false;
}

lh_code engine_running_begin(engine_connection *connection, lh_cancel *cancel, uint64_t deadline_ns,
                             uint64_t timeout_ms, lh_error *err) {
    lh_engine *engine = connection->engine;
    pthread_mutex_lock(&engine->lock);
    connection->cancelled = connection->timed_out = connection->committing = false;
    connection->deadline_ns = deadline_ns;
    connection->timeout_ms = timeout_ms;
    connection->cancel = cancel;
    connection->trace[0] = '\0';
    (void)lh_trace_parent_header(connection->trace);
    running_link_locked(connection);
    if (deadline_ns != LH_NO_DEADLINE) pthread_cond_broadcast(&engine->timer_wake);
    pthread_mutex_unlock(&engine->lock);
    if (!lh_cancel_watch(cancel, running_cancelled, connection)) return LH_OK;
    engine_running_end(connection);
    return lh_fail(err, LH_CANCELLED, "cancelled");
}

void engine_running_end(engine_connection *connection) {
    if (!connection->running) return; /* only its own thread changes that */
    lh_cancel_unwatch(connection->cancel);
    pthread_mutex_lock(&connection->engine->lock);
    running_unlink_locked(connection);
    if (connection->engine->closing) pthread_cond_broadcast(&connection->engine->timer_wake);
    pthread_mutex_unlock(&connection->engine->lock);
}

static lh_code running_check_locked(const engine_connection *connection, lh_error *err) {
    bool late = connection->timed_out || lh_time_monotonic_ns() >= connection->deadline_ns;
    if (connection->committing) return LH_OK;
    if (connection->cancelled) return lh_fail(err, LH_CANCELLED, "cancelled");
    if (connection->engine->closing) return lh_fail(err, LH_CANCELLED, "cancelled: the engine is closing");
    if (late) return lh_fail(err, LH_CANCELLED, "timed out after %" PRIu64 " ms", connection->timeout_ms);
    return LH_OK;
}

lh_code engine_running_check(engine_connection *connection, lh_error *err) {
    pthread_mutex_lock(&connection->engine->lock);
    lh_code code = running_check_locked(connection, err);
    pthread_mutex_unlock(&connection->engine->lock);
    return code;
}

lh_code engine_commit_begin(engine_connection *connection, lh_error *err) {
    pthread_mutex_lock(&connection->engine->lock);
    lh_code code = running_check_locked(connection, err);
    connection->committing = code == LH_OK;
    pthread_mutex_unlock(&connection->engine->lock);
    return code;
}

void engine_commit_end(engine_connection *connection) {
    pthread_mutex_lock(&connection->engine->lock);
    connection->committing = false;
    pthread_cond_broadcast(&connection->engine->timer_wake);
    pthread_mutex_unlock(&connection->engine->lock);
}

/* Interrupts what is to be stopped; returns when to look again. */
static uint64_t timer_sweep_locked(lh_engine *engine) {
    uint64_t now = lh_time_monotonic_ns(), next = LH_NO_DEADLINE;
    for (engine_connection *at = engine->running; at; at = at->next) {
        if (at->committing) continue; /* wakes us at its end */
        bool late = now >= at->deadline_ns;
        if (late) at->timed_out = true;
        bool stop = late || at->cancelled || engine->closing;
        if (stop) duckdb_interrupt(at->handle);
        uint64_t again = stop ? now + TIMER_REPEAT_NS : at->deadline_ns;
        if (again < next) next = again;
    }
    return next;
}

static void *timer_run(void *arg) {
    lh_engine *engine = arg;
    pthread_mutex_lock(&engine->lock);
    while (!engine->closing || engine->running) {
        uint64_t next = timer_sweep_locked(engine);
        const struct timespec until = lh_time_instant(next);
        if (next == LH_NO_DEADLINE) pthread_cond_wait(&engine->timer_wake, &engine->lock);
        else (void)pthread_cond_timedwait(&engine->timer_wake, &engine->lock, &until);
    }
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}

lh_code engine_timer_start(lh_engine *engine, lh_error *err) {
    if (pthread_create(&engine->timer, NULL, timer_run, engine) != 0)
        return lh_fail(err, LH_NO_MEMORY, "cannot start the engine's timer thread");
    engine->timer_started = true;
    return LH_OK;
}

void engine_timer_stop(lh_engine *engine) {
    pthread_mutex_lock(&engine->lock);
    engine->closing = true;
    for (engine_waiter *at = engine->pool_queue.first; at; at = at->next) pthread_cond_signal(&at->cond);
    for (engine_table_lock *lock = engine->table_locks; lock; lock = lock->next)
        for (engine_waiter *at = lock->queue.first; at; at = at->next) pthread_cond_signal(&at->cond);
    pthread_cond_broadcast(&engine->timer_wake);
    pthread_mutex_unlock(&engine->lock);
    if (engine->timer_started) pthread_join(engine->timer, NULL);
    engine->timer_started = false;
    pthread_mutex_lock(&engine->lock); /* those that hold a connection without running a statement give it back */
    while (engine->idle_count < engine->all_count) pthread_cond_wait(&engine->timer_wake, &engine->lock);
    pthread_mutex_unlock(&engine->lock);
}
