/* One request's SQL, from its text to bytes.
 *
 *   guard → lock the tables it writes → a connection → statement by statement → the last one's rows → unlock
 *
 * Each statement outside the text's own BEGIN … COMMIT runs in a transaction of ours: what prepare bound is what
 * execute reads (one loadTable a table), and the commit is ours to see. Reads are streamed; a write's rows (a count,
 * RETURNING) are held until its commit is done, so that an answer always means a durable change.
 * A write that met a foreign commit is rolled back and run again with jittered backoff; inside the text's own
 * transaction it is not, because what came before it is lost.
 * Locks are taken all before the first statement, in the order of their names, so that requests cannot deadlock, and
 * before the connection, so that waiting writers do not hold the pool. Of a governed caller only those of tables that he may
 * write: to wait for another would tell that someone writes it, and to hold it would keep its writers away. */
#include "engine/chunk_shim.h"
#include "engine/database_shim.h"
#include "engine/govern.h"
#include "engine/inherit.h"
#include "engine/prepared_shim.h"

#include <stdio.h>

/* ---- names ---- */
/* "a.b" → levels. */
static lh_str run_namespace(lh_str schema, lh_arena *arena) {
    lh_str copy = lh_arena_dup(arena, schema);
    for (size_t i = 0; i < copy.len; i++)
        if (copy.ptr[i] == '.') ((char *)(uintptr_t)copy.ptr)[i] = 0x1F;
    return lh_namespace_of_path(copy, arena);
}

/* DuckDB takes `main` for the default one, whatever that is called. */
static bool run_is_default(lh_str schema) { return schema.len == 0 || lh_str_eq(schema, LH_STR("main")); }

lh_str run_written_namespace(const engine_run *run, lh_str schema) {
    return run_is_default(schema) ? run->engine->default_namespace : run_namespace(schema, run->arena);
}

lh_namespace_of run_resolve_namespace(const engine_run *run, lh_str schema) {
    lh_namespace_of of = {.name = run_written_namespace(run, schema)}, found;
    lh_str text = lh_namespace_text(of.name, run->arena);
    bool known =
        run->engine->catalog && lh_namespace_of_sql(run->engine->catalog, text, run->arena, &found, NULL) == LH_OK;
    return known ? found : of;
}

bool run_resolve(const engine_run *run, const lh_str *parts, size_t count, lh_table_name *ret) {
    if (count > 1 && count < 4 && lh_str_eq_nocase(parts[0], LH_STR("lake"))) parts++, count--;
    if (count != 1 && count != 2) return false;
    lh_namespace_of of = run_resolve_namespace(run, count == 2 ? parts[0] : LH_STR_NONE);
    *ret = (lh_table_name){of.name, parts[count - 1]};
    return of.count < 2 && ret->name.len > 0 && ret->namespace_.len > 0;
}

static bool run_table_name(const engine_run *run, const lh_sql_table *table, lh_table_name *ret) {
    return run_resolve(run, table->parts, table->part_count, ret);
}

static int run_name_order(const void *a, const void *b) {
    const lh_table_name *x = a, *y = b;
    int order = lh_str_cmp(x->namespace_, y->namespace_);
    return order ? order : lh_str_cmp(x->name, y->name);
}

/* ---- locks ---- */
/* Whoever may change rows of it, or define it, may insert. A refusal's words are govern.c's. */
static bool run_may_write(const engine_run *run, lh_table_name name) {
    const lh_governor *governor = run->query->governor;
    const lh_relation *ignored = NULL;
    return !governor || governor->write(governor->ctx, LH_WRITE_INSERT, name, run->arena, &ignored, NULL) == LH_OK;
}

/* A namespace is the one that is there, whatever the case it is written in, also where the text itself makes it. */
static lh_table_name run_lock_name(const engine_run *run, lh_table_name name) {
    return (lh_table_name){lh_arena_lower(run->arena, name.namespace_), name.name};
}

static lh_code run_collect_locks(engine_run *run, lh_error *err) {
    run->locks = LH_ARENA_ARRAY(run->arena, lh_table_name, run->scan.table_count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    size_t count = 0;
    for (size_t i = 0; i < run->scan.table_count; i++) {
        const lh_sql_table *table = &run->scan.tables[i];
        lh_table_name name;
        if (!table->write || !run_table_name(run, table, &name) || !run_may_write(run, name)) continue;
        run->locks[count++] = run_lock_name(run, name);
    }
    LH_TRY(lh_arena_check(run->arena, err));
    if (count) qsort(run->locks, count, sizeof *run->locks, run_name_order);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || run_name_order(&run->locks[i], &run->locks[distinct - 1]) != 0)
            run->locks[distinct++] = run->locks[i];
    run->lock_count = distinct;
    return LH_OK;
}

/* Is it written, under a lock that is held? Nothing is done to what another may be writing just now. */
static bool run_holds(const engine_run *run, const lh_sql_table *table, lh_table_name *ret) {
    if (!table->write || !run->locked || !run_table_name(run, table, ret)) return false;
    const lh_table_name name = run_lock_name(run, *ret);
    return bsearch(&name, run->locks, run->locked, sizeof name, run_name_order) != NULL;
}

static lh_code run_lock(engine_run *run, lh_error *err) {
    LH_TRY(run_collect_locks(run, err));
    while (run->locked < run->lock_count) {
        LH_TRY(engine_lock_table(run->engine, run->locks[run->locked], run->query->cancel, run->deadline_ns, err));
        run->locked++;
    }
    return LH_OK;
}

static void run_unlock(engine_run *run) {
    for (size_t i = 0; run->engine->catalog && i < run->scan.table_count; i++) {
        lh_table_name name; /* an annotation that no commit took */
        if (run_holds(run, &run->scan.tables[i], &name)) lh_annotation_clear(run->engine->catalog, name);
    }
    while (run->locked > 0) lh_engine_unlock_table(run->engine, run->locks[--run->locked]);
}

/* ---- snapshots ---- */
/* False: no table. */
static bool run_state_of(engine_run *run, const lh_sql_table *table, lh_table_name *ret_name, lh_table_state *ret) {
    lh_catalog *catalog = run->engine->catalog;
    return catalog && run_table_name(run, table, ret_name) && lh_table_version(catalog, *ret_name, ret, NULL) == LH_OK;
}

static int64_t run_snapshot_of(engine_run *run, const lh_sql_table *table, lh_table_name *ret_name) {
    lh_table_state state;
    return run_state_of(run, table, ret_name, &state) ? state.snapshot_id : -2; /* no table */
}

/* Before a transaction begins: where each table stands. */
static lh_code run_snapshots_before(engine_run *run, lh_error *err) {
    if (!run->before) run->before = LH_ARENA_ARRAY(run->arena, run_before, run->scan.table_count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < run->scan.table_count; i++) {
        lh_table_state state = {0};
        run_before before = {0};
        bool found = run_state_of(run, &run->scan.tables[i], &before.name, &state);
        before.snapshot_id = found ? state.snapshot_id : -2;
        before.version = found ? state.version : 0;
        run->before[i] = before;
    }
    return lh_arena_check(run->arena, err);
}

bool run_constant_ms(engine_run *run, lh_str constant, int64_t *ret) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    duckdb_result result;
    lh_buf_append(&sql, LH_STR("SELECT epoch_ms(TRY_CAST(("));
    lh_buf_append(&sql, constant);
    lh_buf_append(&sql, LH_STR(") AS TIMESTAMP_MS))"));
    lh_buf_char(&sql, '\0');
    if (lh_buf_check(&sql, NULL) != LH_OK) return false;
    bool known = duckdb_query(run->connection->handle, sql.ptr, &result) == DuckDBSuccess &&
                 duckdb_row_count(&result) == 1 && !duckdb_value_is_null(&result, 0, 0);
    if (known) *ret = duckdb_value_int64(&result, 0, 0);
    duckdb_destroy_result(&result);
    return known;
}

/* The snapshot that is read of a table that stands at `now`; -1: none, or not known. */
static int64_t run_snapshot_read(engine_run *run, size_t at, lh_table_name name, int64_t now) {
    const lh_sql_table *table = &run->scan.tables[at];
    int64_t ms, id = -1;
    if (run->before[at].hot_id) return run->before[at].snapshot_id;
    if (table->has_at && table->at_timestamp.len == 0) return table->at_version;
    if (now != run->before[at].snapshot_id) return -1;
    if (!table->has_at) return now;
    if (!run_constant_ms(run, table->at_timestamp, &ms)) return -1;
    return lh_table_snapshot_at(run->engine->catalog, name, ms, &id, NULL) == LH_OK ? id : -1;
}

/* Is it a table that the statement reads? Of a governed caller's the policy told; the text may name others so. */
static bool run_reads(const engine_run *run, lh_table_name name) {
    if (!run->query->governor) return true;
    for (size_t i = 0; i < run->governed_count; i++)
        if (run_name_order(&run->governed[i]->table, &name) == 0) return true;
    return false;
}

/* After the last statement is bound: a table that stood still meanwhile was read as it stands. */
static lh_code run_snapshots_after(engine_run *run, size_t statement, lh_error *err) {
    run->snapshots = LH_ARENA_ARRAY(run->arena, engine_snapshot, run->scan.table_count + 1);
    run->snapshot_count = 0;
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < run->told_tables; i++) {
        const lh_sql_table *table = &run->scan.tables[i];
        lh_table_name name;
        int64_t now = table->write || table->statement != statement ? -2 : run_snapshot_of(run, table, &name);
        if (now == -2 || !run_reads(run, name)) continue;
        int64_t id = run_snapshot_read(run, i, name, now);
        lh_str text = lh_table_name_text(name, run->arena);
        bool known = false;
        for (size_t j = 0; j < run->snapshot_count; j++)
            if (lh_str_eq(run->snapshots[j].table, text) && run->snapshots[j].id == id) known = true;
        if (!known) run->snapshots[run->snapshot_count++] = (engine_snapshot){text, id};
    }
    return lh_arena_check(run->arena, err);
}

/* Of a table that is seen in part a snapshot's id would tell of changes that are not. Puts those first that are told. */
static size_t run_snapshots_shown(engine_run *run) {
    size_t shown = 0;
    for (size_t i = 0; i < run->snapshot_count; i++) {
        const engine_snapshot snapshot = run->snapshots[i];
        bool told = true;
        for (size_t g = 0; run->governor && g < run->governed_count; g++)
            if (lh_str_eq(lh_table_name_text(run->governed[g]->table, run->arena), snapshot.table))
                told = told && run->governed[g]->whole && !run->governed[g]->view;
        if (!told) continue;
        run->snapshots[i] = run->snapshots[shown];
        run->snapshots[shown++] = snapshot;
    }
    return shown;
}

/* ---- one prepared statement ---- */
static lh_code run_failure(engine_run *run, const char *message, lh_error *err) {
    lh_code stopped = engine_running_check(run->connection, err);
    if (stopped != LH_OK) return stopped;
    bool stored = !run->told && engine_tell_failure(run->engine, message); /* foreign SQL names no files itself */
    run->told |= stored;
    run->lost_race |= engine_is_foreign_commit(message); /* the ROLLBACK behind it may fail as well */
    run->over |= engine_is_over(message);
    lh_code code = engine_failure(message, run->query->sql, run->statement->offset, err);
    return run_govern_failure(run, message, stored ? engine_stored_failure(code, err) : code, err);
}

static lh_code run_check_type(duckdb_prepared_statement prepared, lh_error *err) {
    switch ((int)duckdb_prepared_statement_type(prepared)) {
    case DUCKDB_STATEMENT_TYPE_SELECT:
    case DUCKDB_STATEMENT_TYPE_INSERT:
    case DUCKDB_STATEMENT_TYPE_UPDATE:
    case DUCKDB_STATEMENT_TYPE_DELETE:
    case DUCKDB_STATEMENT_TYPE_MERGE_INTO:
    case DUCKDB_STATEMENT_TYPE_CREATE:
    case DUCKDB_STATEMENT_TYPE_ALTER:
    case DUCKDB_STATEMENT_TYPE_DROP:
    case DUCKDB_STATEMENT_TYPE_EXPLAIN:
    case DUCKDB_STATEMENT_TYPE_TRANSACTION: return LH_OK;
    default: return lh_fail(err, LH_DENIED, "this kind of statement is not allowed");
    }
}

static lh_code run_prepare(engine_run *run, duckdb_extracted_statements extracted, idx_t index,
                           duckdb_prepared_statement *prepared, lh_error *err) {
    LH_TRY(run_inherit_begin(run, err));
    duckdb_state state = duckdb_prepare_extracted_statement(run->connection->handle, extracted, index, prepared);
    LH_TRY(run_inherit_end(run, err));
    if (!run_govern_unchanged(run)) { /* also when it failed: DuckDB's words could be of columns that are new */
        run->lost_race = true;
        return lh_fail(err, LH_CONFLICT, "a table changed meanwhile");
    }
    if (state == DuckDBError) LH_TRY(engine_running_check(run->connection, err));
    if (state == DuckDBError) LH_TRY(run_govern_check_relations(run, err));
    if (state == DuckDBError) return run_failure(run, duckdb_prepare_error(*prepared), err);
    return run_check_type(*prepared, err);
}

/* reads: its rows are wanted, and come as they are computed. */
static lh_code run_execute(engine_run *run, duckdb_prepared_statement prepared, bool reads, duckdb_result *result,
                           lh_error *err) {
    duckdb_pending_result pending = NULL;
    bool stream = reads && !run_govern_computes_first(run, prepared);
    if (reads) prepared_shim_keep_plan(prepared); /* within a transaction, writes nothing */
    duckdb_state state =
        stream ? duckdb_pending_prepared_streaming(prepared, &pending) : duckdb_pending_prepared(prepared, &pending);
    lh_code code = LH_OK;
    if (state == DuckDBError) code = run_failure(run, duckdb_pending_error(pending), err);
    else if (!run_hot_unchanged(run)) code = lh_fail(err, LH_CONFLICT, "a table changed meanwhile");
    else {
        const char *failure = engine_pending_run(pending, result);
        if (failure) {
            code = run_failure(run, failure, err);
            duckdb_destroy_result(result);
        }
    }
    duckdb_destroy_pending(&pending);
    return code;
}

/* Rows of a result as they are handed out: as they come, or cut anew when their chunks would count what is hidden. */
typedef struct {
    engine_run *run;
    engine_rows *rows;
    duckdb_data_chunk held; /* NULL: as they come */
} run_out;

static lh_code out_rows(run_out *out, duckdb_data_chunk chunk) {
    engine_run *run = out->run;
    uint64_t max = run->query->rows_max, count = duckdb_data_chunk_get_size(chunk);
    uint64_t left = max ? max - out->rows->rows : count;
    run->truncated = count > left;
    engine_rows_chunk(out->rows, chunk, run->truncated ? left : count);
    return out->rows->out.code;
}

static lh_code out_chunk(run_out *out, duckdb_data_chunk chunk, lh_error *err) {
    if (!out->held) return out_rows(out, chunk);
    idx_t count = duckdb_data_chunk_get_size(chunk), size = duckdb_vector_size();
    for (idx_t first = 0, part; first < count && !out->run->truncated; first += part) {
        idx_t room = size - duckdb_data_chunk_get_size(out->held);
        part = count - first < room ? count - first : room;
        if (!chunk_shim_append(out->held, chunk, first, part))
            return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
        if (part < room) continue;
        LH_TRY(out_rows(out, out->held));
        duckdb_data_chunk_reset(out->held);
    }
    return LH_OK;
}

/* Hands out the rows up to rows_max. The rest of a truncated result is not computed. A result that is not streamed is of a
 * statement that took effect: no deadline turns that into an error any more. */
static lh_code run_fetch(engine_run *run, duckdb_result *result, bool streamed, engine_rows *rows, lh_error *err) {
    if (rows->ops == &engine_rows_arrow) rows->arrow_options = duckdb_result_get_arrow_options(result);
    lh_code code = LH_OK;
    run_out out = {.run = run, .rows = rows};
    if (run->query->governor && !run->governed_whole)
        out.held = duckdb_create_data_chunk(rows->types, rows->column_count);
    while (code == LH_OK && !run->truncated) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
        if (!chunk) break;
        code = out_chunk(&out, chunk, err);
        duckdb_destroy_data_chunk(&chunk);
        if (code == LH_OK && streamed) code = engine_running_check(run->connection, err);
    }
    bool rest = out.held && code == LH_OK && !run->truncated && duckdb_data_chunk_get_size(out.held) > 0;
    if (rest && !*(duckdb_result_error(result) ? duckdb_result_error(result) : "")) code = out_rows(&out, out.held);
    if (out.held) duckdb_destroy_data_chunk(&out.held);
    const char *message = code == LH_OK && !run->truncated ? duckdb_result_error(result) : NULL;
    return message && *message ? run_failure(run, message, err) : code;
}

/* ---- one statement of the text ---- */
typedef struct {
    engine_run *run;
    duckdb_extracted_statements extracted;
    idx_t count;
    duckdb_prepared_statement prepared;
    bool stream, has_result;
    duckdb_result result;
} run_step;

static void step_done(run_step *step) {
    if (step->has_result) duckdb_destroy_result(&step->result);
    if (step->prepared) duckdb_destroy_prepare(&step->prepared);
    if (step->extracted) duckdb_destroy_extracted(&step->extracted);
    run_govern_end(step->run);
}

static void run_count_bind(lh_engine *engine, uint64_t ns) {
    pthread_mutex_lock(&engine->lock);
    engine->stats.bound++;
    engine->stats.bind_ns += ns;
    pthread_mutex_unlock(&engine->lock);
}

static lh_code step_extract(run_step *step, lh_str sql, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4 << 20);
    lh_buf_append(&text, sql);
    lh_buf_char(&text, '\0');
    LH_TRY(lh_buf_check(&text, err));
    if (step->prepared) duckdb_destroy_prepare(&step->prepared);
    if (step->extracted) duckdb_destroy_extracted(&step->extracted);
    step->count = duckdb_extract_statements(step->run->connection->handle, text.ptr, &step->extracted);
    if (step->count == 0) return run_failure(step->run, duckdb_extract_statements_error(step->extracted), err);
    run_govern_end(step->run);
    uint64_t started_ns = lh_time_monotonic_ns();
    LH_TRY(run_govern(step->run, step->extracted, err));
    if (step->run->governor) run_count_bind(step->run->engine, lh_time_monotonic_ns() - started_ns);
    run_hot_rewrite(step->run, step->extracted, step->count);
    return run_govern_plan(step->run, err);
}

/* A column that the format cannot show is cast around the query, which is then prepared again. */
static lh_code step_columns(run_step *step, engine_rows *rows, lh_error *err) {
    engine_run *run = step->run;
    LH_TRY(engine_rows_columns(rows, step->prepared, false, run->arena, err));
    if (!engine_rows_needs_cast(rows)) return LH_OK;
    if (run->statement->verb != LH_VERB_QUERY || step->count != 1)
        return lh_fail(err, LH_INVALID,
                       "a column has a type that this format cannot show (VARIANT, GEOMETRY; for Arrow ENUM, BIGNUM, "
                       "UHUGEINT, BIT, TIME WITH TIME ZONE): cast it to VARCHAR");
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(8 << 20);
    LH_TRY(engine_rows_cast_sql(rows, run->statement->text, &sql, err));
    LH_TRY(step_extract(step, lh_buf_str(&sql), err));
    LH_TRY(run_prepare(run, step->extracted, 0, &step->prepared, err));
    return engine_rows_columns(rows, step->prepared, true, run->arena, err);
}

/* All that DuckDB made of one statement (PIVOT makes several); the last one's result stays in step->result. */
static lh_code step_run(run_step *step, engine_rows *rows, lh_error *err) {
    engine_run *run = step->run;
    bool nothing;
    LH_TRY(engine_listing_known(run, &nothing, err));
    LH_TRY(step_extract(step, nothing ? LH_STR("SELECT true AS \"Success\" WHERE false") : run->statement->text, err));
    idx_t count = step->count;
    for (idx_t i = 0; i < count; i++) {
        bool final = i + 1 == count;
        if (step->prepared) duckdb_destroy_prepare(&step->prepared);
        LH_TRY(run_prepare(run, step->extracted, i, &step->prepared, err));
        bool late = final && rows && engine_rows_unresolved(step->prepared);
        if (final && rows) {
            if (!late) LH_TRY(step_columns(step, rows, err));
            LH_TRY(run_snapshots_after(run, (size_t)(run->statement - run->scan.statements), err));
        }
        LH_TRY(engine_bind(step->prepared, run->query->params, err));
        LH_TRY(run_execute(run, step->prepared, final && rows && step->stream, &step->result, err));
        step->has_result = final;
        if (late) LH_TRY(engine_rows_result_columns(rows, &step->result, run->arena, err));
        if (!final) duckdb_destroy_result(&step->result);
    }
    return LH_OK;
}

static lh_code run_simple(engine_run *run, const char *sql, lh_error *err) {
    duckdb_result result;
    lh_code code = LH_OK;
    if (duckdb_query(run->connection->handle, sql, &result) == DuckDBError)
        code = run_failure(run, duckdb_result_error(&result), err);
    duckdb_destroy_result(&result);
    return code;
}

/* The extension's last step, behind the catalog's answer, fails in a database that is over. Where every table that is
 * written stands as it did before, nothing landed; else nobody can tell whose commit it was. */
static lh_code run_commit_end(engine_run *run, lh_code code, lh_error *err) {
    bool moved = false;
    engine_commit_end(run->connection);
    if (code == LH_OK || !run->over) return code;
    for (size_t i = 0; i < run->scan.table_count; i++) {
        lh_table_state state = {0};
        lh_table_name name;
        bool found = run_state_of(run, &run->scan.tables[i], &name, &state);
        uint64_t version = found ? state.version : 0;
        if (run->scan.tables[i].write && run->before[i].version != version) moved = true;
    }
    if (!moved) return code;
    return lh_fail(err, LH_INTERNAL,
                   "the query engine was started anew while this was committed, which may have landed: look before "
                   "you send it again");
}

static lh_code run_commit(engine_run *run, lh_error *err) {
    LH_TRY(engine_commit_begin(run->connection, err));
    return run_commit_end(run, run_simple(run, "COMMIT", err), err);
}

/* The text's own COMMIT (or ROLLBACK, which is as quick). */
static lh_code step_run_end(run_step *step, engine_rows *rows, lh_error *err) {
    LH_TRY(engine_commit_begin(step->run->connection, err));
    return run_commit_end(step->run, step_run(step, rows, err), err);
}

static lh_code run_step_in(engine_run *run, run_step *step, bool own, engine_rows *rows, lh_error *err) {
    LH_TRY(run->statement->verb == LH_VERB_END ? step_run_end(step, rows, err) : step_run(step, rows, err));
    if (!step->stream && own) LH_TRY(run_commit(run, err));
    if (rows) LH_TRY(run_fetch(run, &step->result, step->stream, rows, err));
    return LH_OK;
}

/* Files of a statement that failed; what cannot be removed is left for maintenance. An unknown outcome keeps them. */
static void run_sweep(engine_run *run, int64_t since_ms) {
    for (size_t i = 0; run->engine->catalog && i < run->scan.table_count; i++) {
        const lh_sql_table *table = &run->scan.tables[i];
        lh_table_name name;
        if (!run_holds(run, table, &name) || run->before[i].snapshot_id != run_snapshot_of(run, table, &name)) continue;
        lh_code ignored = lh_table_sweep(run->engine->catalog, name, run->before[i].snapshot_id, since_ms, NULL);
        (void)ignored;
    }
}

static bool run_same_table(const engine_run *run, const lh_sql_table *a, const lh_sql_table *b) {
    lh_table_name x, y;
    return run_table_name(run, a, &x) && run_table_name(run, b, &y) && lh_str_eq(x.name, y.name) &&
           lh_str_eq_nocase(x.namespace_, y.namespace_);
}

/* Does that statement write the target? */
static bool run_feeds(const engine_run *run, size_t statement, const lh_sql_table *target) {
    for (size_t i = 0; i < run->scan.table_count; i++) {
        const lh_sql_table *table = &run->scan.tables[i];
        if (table->write && table->statement == statement && run_same_table(run, table, target)) return true;
    }
    return false;
}

/* The caller, if he sees only a part of the table. */
static lh_str run_sees_part_of(const engine_run *run, lh_table_name name) {
    const lh_governor *governor = run->governor;
    const lh_relation *relation = NULL;
    if (!governor) return LH_STR_NONE;
    bool whole = governor->relation(governor->ctx, name, run->arena, &relation, NULL) == LH_OK && relation->whole;
    return whole ? LH_STR_NONE : governor->identity;
}

/* The tables that the statement writes get the tables that it reads as parents, in the commit that adds the rows. Of the
 * text's own transaction that commit comes last, so earlier statements count as well. DELETE moves no rows. */
static lh_code run_note_lineage(engine_run *run, lh_error *err) {
    size_t last = (size_t)(run->statement - run->scan.statements);
    lh_lineage_parent *parents = LH_ARENA_ARRAY(run->arena, lh_lineage_parent, run->scan.table_count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < run->scan.table_count && run->engine->catalog; i++) {
        const lh_sql_table *target = &run->scan.tables[i];
        size_t count = 0;
        lh_table_name name;
        if (target->statement != last || !run_holds(run, target, &name)) continue;
        for (size_t j = 0; j < run->scan.table_count; j++) {
            const lh_sql_table *source = &run->scan.tables[j];
            lh_str text = run->scan.statements[source->statement].text;
            bool counts = source->statement == last || (run->in_transaction && source->statement < last);
            if (source->write || !counts || !run_feeds(run, source->statement, target)) continue;
            if (lh_str_eq_nocase(lh_str_sub(text, 0, 6), LH_STR("delete"))) continue;
            if (run_snapshot_of(run, source, &parents[count].name) == -2) continue;
            parents[count].in_part_by = run_sees_part_of(run, parents[count].name);
            count++;
        }
        if (count) LH_TRY(lh_lineage_annotate(run->engine->catalog, name, parents, count, err));
    }
    return LH_OK;
}

static lh_code run_once(engine_run *run, engine_rows *rows, lh_error *err) {
    lh_verb verb = run->statement->verb;
    bool control = verb == LH_VERB_BEGIN || verb == LH_VERB_END;
    bool own = !control && !run->in_transaction;
    if (!run->in_transaction) LH_TRY(run_snapshots_before(run, err));
    if (run->statement->writes) LH_TRY(run_note_lineage(run, err));
    if (own) LH_TRY(engine_listing_refresh(run, err));
    if (own) LH_TRY(run_simple(run, "BEGIN TRANSACTION", err));
    run_step step = {.run = run, .stream = !run->statement->writes};
    int64_t since_ms = lh_time_now_ms();
    lh_code code = run_step_in(run, &step, own, rows, err);
    step_done(&step);
    if (own && (code != LH_OK || step.stream))
        (void)run_simple(run, "ROLLBACK", NULL); /* a read has nothing to commit */
    if (own && code != LH_OK && code != LH_UNAVAILABLE && run->statement->writes) run_sweep(run, since_ms);
    if (code == LH_OK && control) run->in_transaction = verb == LH_VERB_BEGIN;
    return code;
}

static void run_backoff(unsigned attempt) {
    lh_time_sleep_ms((UINT64_C(5) << attempt) + lh_random_below(UINT64_C(10) << attempt));
}

static lh_code run_statement(engine_run *run, engine_rows *rows, lh_error *err) {
    run->told = false;
    for (unsigned attempt = 0;; attempt++) {
        run->lost_race = false;
        lh_code code = run_once(run, rows, err);
        bool begun = rows && rows->begun;
        if (code == LH_OK) run_hot_count(run);
        bool ended = code == LH_CANCELLED || database_shim_is_over_for(run->connection->handle);
        if (run->hot_used && !run->hot_off && code != LH_OK && !ended && !begun) {
            run->hot_off = true; /* what is wrong is told by the lake */
            continue;
        }
        bool again =
            code == LH_CONFLICT && run->lost_race && !run->in_transaction && attempt < LH_ENGINE_RETRIES && !begun;
        if (!again) return code;
        pthread_mutex_lock(&run->engine->lock);
        run->engine->stats.conflicts_retried++;
        pthread_mutex_unlock(&run->engine->lock);
        run_backoff(attempt);
        LH_TRY(engine_running_check(run->connection, err));
    }
}

/* ---- the request ---- */
static lh_code run_statements(engine_run *run, engine_rows *rows, lh_error *err) {
    LH_TRY(engine_connection_enter(run->connection, err));
    for (size_t i = 0; i < run->scan.statement_count; i++) {
        run->statement = &run->scan.statements[i];
        run->hot_off = false;
        LH_TRY(run_statement(run, i + 1 == run->scan.statement_count ? rows : NULL, err));
    }
    run->elapsed_ms = (lh_time_monotonic_ns() - run->started_ns) / 1000000u;
    size_t shown = run_snapshots_shown(run);
    const engine_trailer trailer = {.snapshots = run->snapshots,
                                    .snapshot_count = shown,
                                    .elapsed_ms = run->elapsed_ms,
                                    .truncated = run->truncated};
    return engine_rows_end(rows, &trailer);
}

static lh_code run_connected(engine_run *run, engine_rows *rows, lh_error *err) {
    LH_TRY(engine_acquire(run->engine, run->query->cancel, run->deadline_ns, &run->connection, err));
    lh_code code =
        engine_running_begin(run->connection, run->query->cancel, run->deadline_ns, run->query->timeout_ms, err);
    engine_escape escape;
    if (code != LH_OK) engine_release(run->connection);
    else if (ENGINE_ESCAPE(&escape)) {
        code = run_statements(run, rows, err);
        engine_escape_done(&escape);
        engine_running_end(run->connection);
        engine_release(run->connection);
    } else code = run_govern_failure(run, escape.message, engine_abandon(run->connection, escape.message, err), err);
    return code;
}

static lh_code run_check_read_only(const lh_sql_scan *scan, lh_error *err) {
    bool writes = false;
    for (size_t i = 0; i < scan->statement_count; i++) writes |= scan->statements[i].writes;
    for (size_t i = 0; i < scan->table_count; i++) writes |= scan->tables[i].write;
    return writes ? lh_fail(err, LH_DENIED, "this statement changes the lake, and the caller may only read") : LH_OK;
}

/* A request is all there is of its transactions: one that stays open could only be lost, and nobody would be told. */
static lh_code run_check_closed(const lh_sql_scan *scan, lh_error *err) {
    bool open = false;
    for (size_t i = 0; i < scan->statement_count; i++) {
        lh_verb verb = scan->statements[i].verb;
        if (verb == LH_VERB_BEGIN || verb == LH_VERB_END) open = verb == LH_VERB_BEGIN;
    }
    return open ? lh_fail(err, LH_INVALID,
                          "BEGIN without COMMIT: a transaction must be whole in one request, as in BEGIN; INSERT …; "
                          "COMMIT. Nothing was done")
                : LH_OK;
}

/* A caller who sees all is governed just when the statement reads a view. */
static void run_look_for_views(engine_run *run) {
    const lh_governor *views = run->query->views;
    run->governor = run->query->governor;
    for (size_t i = 0; views && !run->governor && i < run->scan.table_count; i++) {
        const lh_relation *relation = NULL;
        lh_table_name name;
        lh_table_state ignored;
        if (run->scan.tables[i].write || run_state_of(run, &run->scan.tables[i], &name, &ignored)) continue;
        if (!run_table_name(run, &run->scan.tables[i], &name)) continue;
        if (views->relation(views->ctx, name, run->arena, &relation, NULL) == LH_OK && relation->view)
            run->governor = views;
    }
}

/* What views read in the end is read by the statement, too. */
static lh_code run_add_bases(engine_run *run, lh_error *err) {
    const lh_governor *governor = run->governor;
    size_t count = run->scan.table_count, total = count;
    if (!governor) return LH_OK;
    lh_sql_table *tables = LH_ARENA_ARRAY(run->arena, lh_sql_table, 2 * count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    if (count) memcpy(tables, run->scan.tables, count * sizeof *tables);
    for (size_t i = 0; i < count; i++) {
        const lh_relation *relation = NULL;
        lh_table_name name;
        if (tables[i].write || !run_table_name(run, &tables[i], &name)) continue;
        if (governor->relation(governor->ctx, name, run->arena, &relation, NULL) != LH_OK || !relation->view) continue;
        lh_sql_table base = {.part_count = 2, .statement = tables[i].statement, .has_at = tables[i].has_at};
        base.parts[0] = lh_namespace_text(relation->table.namespace_, run->arena);
        base.parts[1] = relation->table.name;
        tables[total++] = base;
    }
    run->scan.tables = tables;
    run->scan.table_count = total;
    run->told_tables = count;
    return lh_arena_check(run->arena, err);
}

static void run_tell_policy(const engine_run *run, lh_query_told *told) {
    for (size_t i = 0; run->governor && i < run->governed_count; i++) {
        const lh_relation *relation = run->governed[i];
        size_t masked = 0;
        for (size_t c = 0; c < relation->column_count; c++) masked += relation->columns[c].mask.kind != LH_MASK_NONE;
        lh_str line = lh_arena_printf(told->arena, "%.*s: %s%zu columns, %zu masked",
                                      LH_STR_ARG(lh_table_name_text(relation->table, told->arena)),
                                      relation->view ? "a view, " : "", relation->column_count, masked);
        for (size_t f = 0; f < relation->filter_count; f++)
            line = lh_arena_printf(told->arena, "%.*s%s%.*s", LH_STR_ARG(line), f ? " OR " : ", rows where ",
                                   LH_STR_ARG(relation->filters[f]));
        told->policy =
            lh_arena_printf(told->arena, "%.*s%s%.*s", LH_STR_ARG(told->policy), i ? "; " : "", LH_STR_ARG(line));
    }
}

static void run_tell(engine_run *run) {
    lh_query_told *told = run->query->told;
    if (!told) return;
    for (size_t i = 0; i < run->scan.table_count; i++) {
        lh_table_name name;
        bool known = false;
        if (!run_table_name(run, &run->scan.tables[i], &name)) continue;
        lh_str text = lh_table_name_text(name, told->arena);
        for (lh_json_iter it = lh_json_each(told->datasets); lh_json_next(&it);)
            known |= lh_str_eq(lh_json_str(it.value, LH_STR_NONE), text);
        if (!known) lh_json_append(told->datasets, lh_json_new_string(told->arena, text));
    }
    for (size_t i = 0; i < run->snapshot_count; i++)
        lh_json_append(told->snapshot_ids, lh_json_new_int(told->arena, run->snapshots[i].id));
    run_tell_policy(run, told);
}

static lh_code run_all(engine_run *run, lh_bytes_fn write, void *ctx, lh_query_outcome *ret, lh_error *err) {
    LH_TRY(lh_sql_scan_guarded(run->query->sql, run->arena, &run->scan, err));
    if (run->query->read_only) LH_TRY(run_check_read_only(&run->scan, err));
    LH_TRY(run_check_closed(&run->scan, err));
    run->told_tables = run->scan.table_count;
    run_look_for_views(run);
    LH_TRY(run_add_bases(run, err));
    engine_rows rows;
    LH_TRY(engine_rows_init(&rows, run->query, write, ctx, err));
    lh_code code = run_lock(run, err);
    if (code == LH_OK) code = run_connected(run, &rows, err);
    run_unlock(run);
    run_tell(run);
    *ret = (lh_query_outcome){.rows = rows.rows, .truncated = run->truncated, .elapsed_ms = run->elapsed_ms};
    engine_rows_done(&rows);
    return code;
}

static void run_count(lh_engine *engine, lh_code code) {
    pthread_mutex_lock(&engine->lock);
    engine->stats.statements++;
    if (code == LH_CANCELLED) engine->stats.cancelled++;
    else if (code != LH_OK) engine->stats.failed++;
    pthread_mutex_unlock(&engine->lock);
}

lh_code lh_engine_run(lh_engine *engine, const lh_query *query, lh_bytes_fn write, void *ctx, lh_query_outcome *ret,
                      lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &arena, err));
    uint64_t now = lh_time_monotonic_ns();
    engine_run run = {
        .engine = engine, .query = query, .arena = arena, .started_ns = now, .deadline_ns = LH_NO_DEADLINE};
    if (query->timeout_ms && query->timeout_ms < (LH_NO_DEADLINE - now) / 1000000u)
        run.deadline_ns = now + query->timeout_ms * 1000000u;
    lh_query_outcome outcome = {0};
    lh_span span;
    lh_span_begin("engine.query", &span);
    lh_code code = run_all(&run, write, ctx, &outcome, err);
    lh_span_string(&span, "db.system", LH_STR("duckdb"));
    lh_span_number(&span, "db.response.returned_rows", (int64_t)outcome.rows);
    lh_span_end(&span, code);
    run_count(engine, code);
    if (code == LH_OK) *ret = outcome;
    return code;
}
