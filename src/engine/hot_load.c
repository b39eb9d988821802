/* The loader: one thread that makes an entry what the lake has now.
 *
 *   nothing changed but the table's document → only the version
 *   only files were appended                 → their rows, read through metadata that names just them (lh_table_added_plan)
 *   all else                                 → the old copy goes, a new one is made
 *
 * What is read is what the table was at one version: the version before the transaction is that after its first bind, and
 * within a transaction DuckDB's extension reads a table as of its begin. It has connections of its own, so that neither
 * statements nor writers wait for it; a load is stopped when it grows beyond the room that there is, is evicted, or takes
 * too long. */
#include "engine/escape.h"
#include "engine/hot.h"

#include <stdio.h>

enum {
    HOT_TRIES = 20,
    HOT_GROUPS_MAX = 64,
    HOT_RETRY_MS = 30000,
    HOT_RETRY_LARGE_MS = 600000, /* of what was too large, or met an error of DuckDB's own */
    HOT_DROP_TRIES = 50,
    HOT_ROOM_STEP = 1 << 20
};

typedef struct hot_load {
    engine_hot *hot;
    lh_arena *arena;
    uint64_t id;
    lh_table_name name; /* arena */
    lh_str *columns;    /* arena */
    size_t column_count;
    hot_entry entry; /* a copy, which becomes what the entry is; its pointers are not used */
    duckdb_connection connection;
    uint64_t deadline_ns, room, begun_bytes, reached;
    double progress;
    uint64_t changed_rows; /* of the last statement */
    bool over;             /* it was stopped because there was no room */
    bool moved;            /* the table changed under it */
} hot_load;

/* ---- statements ---- */

static lh_code load_stopped(hot_load *load, lh_error *err) {
    engine_hot *hot = load->hot;
    pthread_mutex_lock(&hot->lock);
    hot_entry *entry = hot_by_id_locked(hot, load->id);
    bool doomed = !entry || entry->doomed || hot->stopping;
    if (entry) entry->progress = load->progress;
    pthread_mutex_unlock(&hot->lock);
    uint64_t now = hot_shim_memory(load->connection);
    load->reached = now > load->begun_bytes ? now - load->begun_bytes : 0;
    load->over = load->reached > load->room;
    if (doomed) return lh_fail(err, LH_CANCELLED, "evicted while it was loaded");
    if (load->over) return lh_fail(err, LH_LIMIT, "no room");
    if (lh_time_monotonic_ns() > load->deadline_ns)
        return lh_fail(err, LH_CANCELLED, "loading took longer than cache.load_timeout_ms, %" PRIu64 " ms",
                       load->hot->load_timeout_ms);
    return LH_OK;
}

/* DuckDB's error of a statement, told to the journal of the buckets too. */
static lh_code load_failure(const hot_load *load, const char *message, lh_error *err) {
    engine_tell_failure(load->hot->engine, message);
    return engine_failure(message, LH_STR_NONE, 0, err);
}

static lh_code load_pending(hot_load *load, duckdb_pending_result pending, duckdb_result *result, lh_error *err) {
    unsigned idle = 0;
    for (;;) {
        duckdb_pending_state state = engine_pending_task(pending, &idle);
        if (state == DUCKDB_PENDING_ERROR) return load_failure(load, duckdb_pending_error(pending), err);
        if (duckdb_pending_execution_is_finished(state)) break;
        double percent = duckdb_query_progress(load->connection).percentage;
        if (percent > 0) load->progress = percent / 100;
        lh_code code = load_stopped(load, err);
        if (code != LH_OK) {
            duckdb_interrupt(load->connection);
            return code;
        }
    }
    if (duckdb_execute_pending(pending, result) == DuckDBError)
        return load_failure(load, duckdb_result_error(result), err);
    load->changed_rows = duckdb_rows_changed(result);
    return LH_OK;
}

static lh_code load_statement(hot_load *load, const char *sql, lh_error *err) {
    duckdb_prepared_statement prepared = NULL;
    duckdb_pending_result pending = NULL;
    duckdb_result result = {0};
    lh_code code = LH_OK;
    if (duckdb_prepare(load->connection, sql, &prepared) == DuckDBError)
        code = load_failure(load, duckdb_prepare_error(prepared), err);
    else if (duckdb_pending_prepared(prepared, &pending) == DuckDBError)
        code = load_failure(load, duckdb_pending_error(pending), err);
    else code = load_pending(load, pending, &result, err);
    duckdb_destroy_result(&result);
    duckdb_destroy_pending(&pending);
    duckdb_destroy_prepare(&prepared);
    return code;
}

/* One of our own statements, to its end; the buffer is empty behind it. */
static lh_code load_run(hot_load *load, lh_buf *sql, lh_error *err) {
    engine_escape escape;
    lh_code code = LH_OK;
    lh_buf_char(sql, '\0');
    LH_TRY(lh_buf_check(sql, err));
    if (ENGINE_ESCAPE(&escape)) {
        code = load_statement(load, sql->ptr, err);
        engine_escape_done(&escape);
    } else {
        load->connection = NULL; /* abandoned: see escape.h */
        code = engine_escape_failure(load->hot->engine, escape.message, err);
    }
    lh_buf_clear(sql);
    return code;
}

static lh_code load_simple(hot_load *load, const char *sql, lh_error *err) {
    if (!load->connection) return lh_fail(err, LH_INTERNAL, "the engine's connection was lost");
    return engine_execute(load->connection, sql, err);
}

static void load_rollback(hot_load *load) {
    lh_code ignored = load_simple(load, "ROLLBACK", NULL);
    (void)ignored;
}

static void load_hot_name(const engine_hot *hot, const char *name, lh_buf *sql) {
    lh_buf_printf(sql, "\"%s\".main.\"%s\"", hot->database, name);
}

static void load_columns(const hot_load *load, lh_buf *sql) {
    if (load->column_count == 0) lh_buf_char(sql, '*');
    for (size_t i = 0; i < load->column_count; i++) {
        if (i) lh_buf_append(sql, LH_STR(", "));
        lh_buf_sql_identifier(sql, load->columns[i]);
    }
}

void hot_drop(engine_hot *hot, char names[][HOT_NAME_BYTES], size_t count) {
    duckdb_connection connection = NULL;
    bool any = false;
    for (size_t i = 0; i < count; i++) any |= names[i][0] != '\0';
    if (!any) return;
    pthread_mutex_lock(&hot->engine->lock);
    duckdb_state state = duckdb_connect(hot->engine->database, &connection);
    pthread_mutex_unlock(&hot->engine->lock);
    for (size_t i = 0; i < count && state != DuckDBError; i++) {
        char sql[256];
        if (!names[i][0]) continue;
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS \"%s\".main.\"%s\"", hot->database, names[i]);
        for (unsigned tries = 0; engine_execute(connection, sql, NULL) != LH_OK && tries < HOT_DROP_TRIES; tries++)
            lh_time_sleep_ms(2); /* another change of the hidden database came between */
        names[i][0] = '\0';
    }
    if (connection) duckdb_disconnect(&connection);
}

/* ---- room ---- */

hot_entry *hot_victim_locked(engine_hot *hot, const hot_entry *for_entry) {
    hot_entry *victim = NULL;
    for (hot_entry *at = hot->entries; at; at = at->next) {
        bool kept = at == for_entry || at->busy || at->bytes == 0;
        kept |= for_entry->origin == LH_CACHE_AUTOMATIC && at->origin != LH_CACHE_AUTOMATIC;
        if (!kept && (!victim || at->used_tick < victim->used_tick)) victim = at;
    }
    return victim;
}

/* What the entry could have at most, all others that may go gone. */
static uint64_t load_room_max_locked(engine_hot *hot, const hot_entry *entry) {
    uint64_t kept = 0;
    for (const hot_entry *at = hot->entries; at; at = at->next) {
        bool stays = at != entry && entry->origin == LH_CACHE_AUTOMATIC && at->origin != LH_CACHE_AUTOMATIC;
        if (stays) kept += at->bytes;
    }
    return hot->limit_bytes > kept ? hot->limit_bytes - kept : 0;
}

static lh_code load_too_large(const hot_load *load, uint64_t most, lh_error *err) {
    return lh_fail(err, LH_LIMIT,
                   "the dataset needs more than the %" PRIu64 " bytes that the cache may give it (cache.limit_bytes is "
                   "%" PRIu64 "): pin fewer columns, or raise the limit",
                   most, load->hot->limit_bytes);
}

/* Evicts others, the least lately used first, until `need` bytes are free for this entry as a whole. */
static lh_code load_make_room(hot_load *load, uint64_t need, lh_error *err) {
    engine_hot *hot = load->hot;
    for (;;) {
        char gone[2][HOT_NAME_BYTES] = {"", ""};
        pthread_mutex_lock(&hot->lock);
        hot_entry *entry = hot_by_id_locked(hot, load->id);
        uint64_t others = hot_bytes_locked(hot) - entry->bytes, most = load_room_max_locked(hot, entry);
        hot_entry *victim = need <= most && others + need > hot->limit_bytes ? hot_victim_locked(hot, entry) : NULL;
        if (victim) hot_remove_locked(hot, victim, gone), hot->evictions++;
        pthread_mutex_unlock(&hot->lock);
        if (need > most) return load_too_large(load, most, err);
        load->room = others < hot->limit_bytes ? hot->limit_bytes - others : 0;
        if (!victim) return LH_OK;
        hot_drop(hot, gone, 2);
    }
}

/* ---- a whole copy ---- */

static void load_new_names(hot_load *load) {
    engine_hot *hot = load->hot;
    pthread_mutex_lock(&hot->lock);
    snprintf(load->entry.data, HOT_NAME_BYTES, "%" PRIu64, ++hot->tables);
    load->entry.shell[0] = '\0';
    if (load->column_count) snprintf(load->entry.shell, HOT_NAME_BYTES, "%" PRIu64, ++hot->tables);
    pthread_mutex_unlock(&hot->lock);
}

/* A part's shell has all columns and no rows. */
static lh_code load_shell(hot_load *load, lh_buf *sql, lh_error *err) {
    if (load->column_count == 0) return LH_OK;
    lh_buf_append(sql, LH_STR("CREATE TABLE "));
    load_hot_name(load->hot, load->entry.shell, sql);
    lh_buf_append(sql, LH_STR(" AS SELECT * FROM "));
    lh_engine_table_sql(load->name, load->arena, sql);
    lh_buf_append(sql, LH_STR(" LIMIT 0"));
    LH_TRY(load_run(load, sql, err));
    lh_buf_append(sql, LH_STR("COMMENT ON TABLE "));
    load_hot_name(load->hot, load->entry.shell, sql);
    lh_buf_printf(sql, " IS '%s'", load->entry.data);
    return load_run(load, sql, err);
}

/* Binds the table in the transaction, so that all of it reads one state, and sees whether that is the one looked up. */
static lh_code load_bind(hot_load *load, lh_buf *sql, lh_error *err) {
    lh_table_state now;
    lh_buf_append(sql, LH_STR("SELECT "));
    load_columns(load, sql);
    lh_buf_append(sql, LH_STR(" FROM "));
    lh_engine_table_sql(load->name, load->arena, sql);
    lh_buf_append(sql, LH_STR(" LIMIT 0"));
    LH_TRY(load_run(load, sql, err));
    LH_TRY(lh_table_version(load->hot->engine->catalog, load->name, &now, err));
    load->moved = now.version != load->entry.state.version;
    return load->moved ? lh_fail(err, LH_CONFLICT, "the table changes faster than it can be looked at") : LH_OK;
}

static lh_code load_copy(hot_load *load, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    LH_TRY(load_bind(load, &sql, err));
    LH_TRY(load_shell(load, &sql, err));
    lh_buf_append(&sql, LH_STR("CREATE TABLE "));
    load_hot_name(load->hot, load->entry.data, &sql);
    lh_buf_append(&sql, LH_STR(" AS SELECT "));
    load_columns(load, &sql);
    lh_buf_append(&sql, LH_STR(" FROM "));
    lh_engine_table_sql(load->name, load->arena, &sql);
    return load_run(load, &sql, err);
}

/* In one transaction; what is there behind it was committed. */
static lh_code load_in_transaction(hot_load *load, lh_code (*body)(hot_load *load, lh_error *err), lh_error *err) {
    load->over = load->moved = false;
    load->begun_bytes = hot_shim_memory(load->connection);
    LH_TRY(load_simple(load, "BEGIN TRANSACTION", err));
    lh_code code = body(load, err);
    if (code == LH_OK) code = load_simple(load, "COMMIT", err);
    if (code != LH_OK) load_rollback(load);
    return code;
}

/* The size is known only now: others go, or it does. */
static lh_code load_settle(hot_load *load, lh_error *err) {
    hot_shim_size size = {0};
    if (!hot_shim_measure(load->connection, load->hot->database, load->entry.data, &size))
        return lh_fail(err, LH_INTERNAL, "the copy cannot be measured");
    load->entry.rows = size.rows;
    load->entry.bytes = size.bytes;
    load->entry.held = true;
    return load_make_room(load, size.bytes, err);
}

static void load_forget_copy(hot_load *load) {
    char gone[2][HOT_NAME_BYTES];
    engine_hot *hot = load->hot;
    memcpy(gone[0], load->entry.data, HOT_NAME_BYTES);
    memcpy(gone[1], load->entry.shell, HOT_NAME_BYTES);
    load->entry.held = false;
    load->entry.rows = load->entry.bytes = 0;
    load->entry.data[0] = load->entry.shell[0] = '\0';
    pthread_mutex_lock(&hot->lock);
    hot_entry *entry = hot_by_id_locked(hot, load->id);
    entry->held = false;
    entry->rows = entry->bytes = 0;
    entry->data[0] = entry->shell[0] = '\0';
    pthread_mutex_unlock(&hot->lock);
    hot_drop(hot, gone, 2); /* no table ever has the name of another */
}

/* What to ask for after a load was stopped for want of room. */
static uint64_t load_next_need(hot_load *load) {
    engine_hot *hot = load->hot;
    uint64_t need = 2 * load->room + HOT_ROOM_STEP;
    if (load->progress > 0.05 && (double)load->reached / load->progress < 1e18) {
        uint64_t guess = (uint64_t)((double)load->reached / load->progress);
        if (guess > load->room && guess < need) need = guess;
    }
    pthread_mutex_lock(&hot->lock);
    uint64_t most = load_room_max_locked(hot, hot_by_id_locked(hot, load->id));
    pthread_mutex_unlock(&hot->lock);
    return need > most && load->room < most ? most : need; /* all that there can be, once */
}

static lh_code load_full(hot_load *load, lh_error *err) {
    uint64_t need = 1;
    load_forget_copy(load);
    for (unsigned tries = 0;; tries++) {
        LH_TRY(load_make_room(load, need, err));
        LH_TRY(lh_table_get_state(load->hot->engine->catalog, load->name, &load->entry.state, err));
        load_new_names(load);
        lh_code code = load_in_transaction(load, load_copy, err);
        if (code == LH_OK) break;
        load->entry.data[0] = load->entry.shell[0] = '\0';
        bool again = (load->over || load->moved) && tries < HOT_TRIES;
        if (!again) return code;
        if (load->over) need = load_next_need(load);
        else lh_time_sleep_ms(lh_random_below(UINT64_C(4) << (tries < 8 ? tries : 8)));
    }
    load->entry.full_loads++;
    lh_code code = load_settle(load, err);
    if (code != LH_OK) load_forget_copy(load);
    return code;
}

/* ---- only what was appended ---- */

typedef struct hot_delta {
    lh_rewrite_plan plan;
    lh_uuid id;
    uint64_t rows;
} hot_delta;

static lh_code delta_group(hot_load *load, hot_delta *delta, size_t group, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_str source;
    LH_TRY(lh_table_rewrite_source(load->hot->engine->catalog, &delta->plan, group, lh_uuid_str(&delta->id),
                                   load->arena, &source, err));
    lh_buf_append(&sql, LH_STR("INSERT INTO "));
    load_hot_name(load->hot, load->entry.data, &sql);
    lh_buf_append(&sql, LH_STR(" SELECT "));
    load_columns(load, &sql);
    lh_buf_append(&sql, LH_STR(" FROM iceberg_scan("));
    lh_buf_sql_string(&sql, source);
    lh_buf_char(&sql, ')');
    LH_TRY(load_run(load, &sql, err));
    delta->rows += load->changed_rows;
    return LH_OK;
}

static lh_code delta_insert(hot_load *load, hot_delta *delta, lh_error *err) {
    load->begun_bytes = hot_shim_memory(load->connection);
    load->over = false;
    LH_TRY(load_simple(load, "BEGIN TRANSACTION", err));
    lh_code code = LH_OK;
    for (size_t i = 0; code == LH_OK && i < delta->plan.group_count; i++) code = delta_group(load, delta, i, err);
    if (code == LH_OK && delta->rows != delta->plan.rows)
        code = lh_fail(err, LH_CORRUPT, "%" PRIu64 " rows were appended, %" PRIu64 " could be read", delta->plan.rows,
                       delta->rows);
    if (code == LH_OK) code = load_simple(load, "COMMIT", err);
    if (code != LH_OK) load_rollback(load);
    return code;
}

/* Errors: whatever they are, a whole copy is made instead. */
static lh_code load_delta(hot_load *load, const lh_table_state *state, lh_error *err) {
    lh_catalog *catalog = load->hot->engine->catalog;
    hot_delta delta = {.id = lh_uuid_new()};
    LH_TRY(lh_table_added_plan(catalog, load->name, load->entry.state.snapshot_id, load->arena, &delta.plan, err));
    if (delta.plan.snapshot_id != state->snapshot_id || delta.plan.group_count > HOT_GROUPS_MAX)
        return lh_fail(err, LH_CONFLICT, "the table changed meanwhile");
    LH_TRY(load_make_room(load, load->entry.bytes + 1, err));
    load->room -= load->entry.bytes;
    lh_code code = delta_insert(load, &delta, err);
    lh_table_rewrite_done(catalog, &delta.plan, lh_uuid_str(&delta.id), false);
    if (code != LH_OK) return code;
    load->entry.state = *state;
    load->entry.delta_loads++;
    load->entry.delta_rows += delta.rows;
    return load_settle(load, err);
}

/* ---- one entry ---- */

static bool load_same_form(const lh_table_state *a, const lh_table_state *b) {
    return strcmp(a->uuid.text, b->uuid.text) == 0 && a->schema_id == b->schema_id;
}

/* version: that is looked at. With `withdraw` no statement takes the entry up from here on. */
static void load_note(hot_load *load, uint64_t version, bool withdraw) {
    pthread_mutex_lock(&load->hot->lock);
    hot_entry *entry = hot_by_id_locked(load->hot, load->id);
    entry->tried_version = load->entry.tried_version = version;
    if (withdraw) entry->version = 0;
    pthread_mutex_unlock(&load->hot->lock);
}

static lh_code load_entry(hot_load *load, lh_error *err) {
    hot_entry *entry = &load->entry;
    lh_table_state state;
    lh_code found = lh_table_get_state(load->hot->engine->catalog, load->name, &state, err);
    if (found == LH_NOT_FOUND) load_forget_copy(load);
    if (found != LH_OK) return found;
    load_note(load, state.version, false);
    pthread_mutex_lock(&load->hot->engine->lock);
    uint64_t generation = load->hot->engine->generation;
    duckdb_state connected = duckdb_connect(load->hot->engine->database, &load->connection);
    pthread_mutex_unlock(&load->hot->engine->lock);
    if (connected == DuckDBError) return lh_fail(err, LH_NO_MEMORY, "engine: no more connections");
    bool here = entry->held && entry->generation == generation && load_same_form(&entry->state, &state);
    if (here && entry->state.snapshot_id == state.snapshot_id) {
        entry->state = state;
        return LH_OK;
    }
    load_note(load, state.version, true);
    load->room = UINT64_MAX;
    if (here && load_delta(load, &state, NULL) == LH_OK) return LH_OK;
    if (!load->connection) return lh_fail(err, LH_INTERNAL, "the engine's connection was lost");
    lh_code code = load_full(load, err);
    entry->generation = generation;
    return code;
}

/* Takes over what came of it. */
static void load_finish_locked(hot_load *load, lh_code code, const lh_error *err, char (*gone)[HOT_NAME_BYTES]) {
    engine_hot *hot = load->hot;
    hot_entry *entry = hot_by_id_locked(hot, load->id), *result = &load->entry;
    bool reopened = code == LH_OK && result->generation != hot->generation;
    hot->full_loads += result->full_loads - entry->full_loads;
    hot->delta_loads += result->delta_loads - entry->delta_loads;
    entry->busy = false;
    entry->held = result->held && !reopened;
    entry->version = code == LH_OK && !reopened ? result->state.version : 0;
    entry->generation = result->generation;
    entry->state = result->state;
    memcpy(entry->data, result->data, sizeof entry->data);
    memcpy(entry->shell, result->shell, sizeof entry->shell);
    entry->rows = entry->held ? result->rows : 0;
    entry->bytes = entry->held ? result->bytes : 0;
    entry->full_loads = result->full_loads;
    entry->delta_loads = result->delta_loads;
    entry->delta_rows = result->delta_rows;
    entry->failed = code;
    if (code == LH_INTERNAL) entry->wanted = false; /* it may have ended the database, and would so again */
    entry->tried_version = result->tried_version;
    entry->retry_ns = lh_time_monotonic_ns() +
                      UINT64_C(1000000) * (code == LH_LIMIT || code == LH_INTERNAL ? HOT_RETRY_LARGE_MS : HOT_RETRY_MS);
    snprintf(entry->failure, sizeof entry->failure, "%s", code == LH_OK ? "" : err->message);
    if (code == LH_OK) entry->loaded_ms = lh_time_now_ms();
    if (reopened) entry->wanted = true;
    bool dropped =
        code == LH_NOT_FOUND && entry->origin == LH_CACHE_AUTOMATIC; /* others wait for the next of that name */
    if (entry->doomed || dropped) hot_remove_locked(hot, entry, gone);
}

static lh_code load_begin_locked(engine_hot *hot, hot_entry *entry, hot_load *load) {
    entry->wanted = false;
    entry->busy = true;
    entry->progress = 0;
    load->entry = *entry;
    load->id = entry->id;
    load->name =
        (lh_table_name){lh_arena_dup(load->arena, entry->name.namespace_), lh_arena_dup(load->arena, entry->name.name)};
    load->columns = LH_ARENA_ARRAY(load->arena, lh_str, entry->column_count + 1);
    if (!load->columns) return LH_NO_MEMORY;
    for (; load->column_count < entry->column_count; load->column_count++)
        load->columns[load->column_count] = lh_arena_dup(load->arena, entry->columns[load->column_count]);
    load->deadline_ns =
        hot->load_timeout_ms ? lh_time_monotonic_ns() + hot->load_timeout_ms * 1000000u : LH_NO_DEADLINE;
    return lh_arena_check(load->arena, NULL);
}

/* Called and returns with the lock held. */
static void loader_work_locked(engine_hot *hot, hot_entry *entry) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    char gone[2][HOT_NAME_BYTES] = {"", ""};
    lh_error err = {0};
    lh_code code = lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &arena, &err);
    hot_load load = {.hot = hot, .arena = arena, .entry = *entry, .id = entry->id};
    entry->wanted = false;
    if (code == LH_OK) code = load_begin_locked(hot, entry, &load);
    pthread_mutex_unlock(&hot->lock);
    if (code == LH_OK) code = load_entry(&load, &err);
    if (load.connection) engine_disconnect(&load.connection);
    (void)engine_revive(hot->engine, NULL);
    pthread_mutex_lock(&hot->lock);
    load_finish_locked(&load, code, &err, gone);
    pthread_cond_broadcast(&hot->changed);
    pthread_mutex_unlock(&hot->lock);
    hot_drop(hot, gone, 2);
    pthread_mutex_lock(&hot->lock);
}

/* The one that was asked for first. */
static hot_entry *loader_next_locked(engine_hot *hot) {
    hot_entry *next = NULL;
    for (hot_entry *at = hot->entries; at; at = at->next)
        if (at->wanted && (!next || at->id < next->id)) next = at;
    return next;
}

static void *loader_run(void *arg) {
    engine_hot *hot = arg;
    pthread_mutex_lock(&hot->lock);
    while (!hot->stopping) {
        hot_entry *next = loader_next_locked(hot);
        if (next) loader_work_locked(hot, next);
        else pthread_cond_wait(&hot->work, &hot->lock);
    }
    pthread_mutex_unlock(&hot->lock);
    return NULL;
}

lh_code hot_loader_start(engine_hot *hot, lh_error *err) {
    if (pthread_create(&hot->thread, NULL, loader_run, hot) != 0)
        return lh_fail(err, LH_NO_MEMORY, "cannot start the cache's loader");
    hot->started = true;
    return LH_OK;
}

void hot_loader_stop(engine_hot *hot) {
    if (hot->started) pthread_join(hot->thread, NULL);
    hot->started = false;
}
