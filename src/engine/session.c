/* Our own statements on one connection: not guarded, run to their end, answers as JSON or in chunks. */
#include "engine/engine_internal.h"
#include "engine/escape.h"
#include "engine/rows.h"

struct lh_session {
    engine_connection *connection; /* NULL once it is lost */
    lh_cancel *cancel;             /* borrowed */
};

/* One statement, and what becomes of its rows. */
typedef struct {
    lh_str sql;
    const lh_json *params;
    bool commit; /* it cannot be stopped */
    lh_arena *arena;
    lh_json **ret;    /* NULL: the rows are not asked for */
    lh_chunk_fn each; /* NULL: they are not handed out in chunks */
    void *ctx;
} session_statement;

lh_code lh_session_open(lh_engine *engine, lh_cancel *cancel, lh_session **ret, lh_error *err) {
    lh_session *session = calloc(1, sizeof *session);
    if (!session) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    session->cancel = cancel;
    lh_code code = engine_acquire(engine, cancel, LH_NO_DEADLINE, &session->connection, err);
    if (code == LH_OK && (code = engine_connection_enter(session->connection, err)) != LH_OK)
        engine_release(session->connection);
    if (code != LH_OK) {
        free(session);
        return code;
    }
    *ret = session;
    return LH_OK;
}

/* A session's temporary tables hold what it read, would hide tables of the lake that have their names, and live as long
 * as DuckDB's connection, which others would use next: that one goes, and a fresh one takes its place. */
void lh_session_close(lh_session *session) {
    if (!session) return;
    if (session->connection) {
        engine_connection_reset(session->connection);
        engine_release(session->connection);
    }
    free(session);
}

double lh_session_progress(lh_session *session) {
    if (!session->connection) return -1;
    double percent = duckdb_query_progress(session->connection->handle).percentage;
    return percent < 0 ? -1 : percent / 100;
}

static lh_code session_failure(lh_session *session, lh_str sql, const char *message, lh_error *err) {
    lh_code stopped = engine_running_check(session->connection, err);
    if (stopped != LH_OK) return stopped;
    engine_tell_failure(session->connection->engine, message);
    return engine_failure(message, sql, 0, err);
}

static lh_code session_collect(void *ctx, lh_str data, lh_error *err) {
    lh_buf *text = ctx;
    lh_buf_append(text, data);
    return lh_buf_check(text, err);
}

/* The result through the JSON writer, parsed again: one form of each type, one place that knows it. */
static lh_code session_rows(duckdb_prepared_statement prepared, duckdb_result *result, lh_arena *arena, lh_json **ret,
                            lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(LH_LIMIT_JSON_BYTES);
    engine_rows rows;
    LH_TRY(engine_rows_init(&rows, &(lh_query){.format = LH_FORMAT_JSON}, session_collect, &text, err));
    lh_code code = engine_rows_columns(&rows, prepared, false, arena, err);
    while (code == LH_OK) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
        if (!chunk) break;
        engine_rows_chunk(&rows, chunk, duckdb_data_chunk_get_size(chunk));
        duckdb_destroy_data_chunk(&chunk);
        code = rows.out.code;
    }
    if (code == LH_OK) code = engine_rows_end(&rows, &(engine_trailer){0});
    engine_rows_done(&rows);
    return code == LH_OK ? lh_json_parse(arena, lh_buf_str(&text), ret, err) : code;
}

static lh_code session_take(lh_session *session, const session_statement *statement, duckdb_prepared_statement prepared,
                            duckdb_result *result, lh_error *err) {
    if (statement->ret) return session_rows(prepared, result, statement->arena, statement->ret, err);
    if (!statement->each) return LH_OK;
    LH_TRY(engine_bulk_each(*result, statement->each, statement->ctx, err));
    const char *message = duckdb_result_error(result); /* a chunk that could not be computed ends the stream */
    return message && *message ? session_failure(session, statement->sql, message, err) : LH_OK;
}

static lh_code session_execute(lh_session *session, const session_statement *statement,
                               duckdb_prepared_statement prepared, lh_error *err) {
    duckdb_pending_result pending = NULL;
    duckdb_result result = {0};
    duckdb_state begun = statement->each ? duckdb_pending_prepared_streaming(prepared, &pending)
                                         : duckdb_pending_prepared(prepared, &pending);
    const char *failure = begun == DuckDBSuccess ? engine_pending_run(pending, &result) : duckdb_pending_error(pending);
    lh_code code = failure ? session_failure(session, statement->sql, failure, err)
                           : session_take(session, statement, prepared, &result, err);
    duckdb_destroy_result(&result);
    duckdb_destroy_pending(&pending);
    return code;
}

static lh_code session_run(lh_session *session, const session_statement *statement, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(16 << 20);
    lh_buf_append(&text, statement->sql);
    lh_buf_char(&text, '\0');
    LH_TRY(lh_buf_check(&text, err));
    duckdb_prepared_statement prepared = NULL;
    lh_code code = LH_OK;
    if (duckdb_prepare(session->connection->handle, text.ptr, &prepared) == DuckDBError)
        code = session_failure(session, statement->sql, duckdb_prepare_error(prepared), err);
    if (code == LH_OK) code = engine_bind(prepared, statement->params, err);
    if (code == LH_OK) code = session_execute(session, statement, prepared, err);
    duckdb_destroy_prepare(&prepared);
    return code;
}

/* One statement under the watch of the pool's timer. */
static lh_code session_run_watched(lh_session *session, const session_statement *statement, lh_error *err) {
    engine_connection *connection = session->connection;
    engine_escape escape;
    if (!connection) return lh_fail(err, LH_INTERNAL, "the engine's connection was lost");
    LH_TRY(engine_running_begin(connection, session->cancel, LH_NO_DEADLINE, 0, err));
    lh_code code = statement->commit ? engine_commit_begin(connection, err) : LH_OK;
    if (code == LH_OK && !ENGINE_ESCAPE(&escape)) {
        session->connection = NULL;
        return engine_abandon(connection, escape.message, err);
    }
    if (code == LH_OK) {
        code = session_run(session, statement, err);
        engine_escape_done(&escape);
        if (statement->commit) engine_commit_end(connection);
    }
    engine_running_end(connection);
    return code;
}

static lh_code session_run_traced(lh_session *session, const session_statement *statement, lh_error *err) {
    lh_span span;
    lh_span_begin("engine.query", &span);
    lh_code code = session_run_watched(session, statement, err);
    lh_span_string(&span, "db.system", LH_STR("duckdb"));
    lh_span_end(&span, code);
    return code;
}

lh_code lh_session_run(lh_session *session, lh_str sql, const lh_json *params, lh_arena *arena, lh_json **ret,
                       lh_error *err) {
    return session_run_traced(session, &(session_statement){.sql = sql, .params = params, .arena = arena, .ret = ret},
                              err);
}

lh_code lh_session_each(lh_session *session, lh_str sql, const lh_json *params, lh_chunk_fn each, void *ctx,
                        lh_error *err) {
    return session_run_traced(session, &(session_statement){.sql = sql, .params = params, .each = each, .ctx = ctx},
                              err);
}

lh_code lh_session_commit(lh_session *session, lh_error *err) {
    return session_run_watched(session, &(session_statement){.sql = LH_STR("COMMIT"), .commit = true}, err);
}

lh_code lh_session_append(lh_session *session, const char *table, const lh_bulk_column *columns, size_t column_count,
                          size_t rows, lh_error *err) {
    if (!session->connection) return lh_fail(err, LH_INTERNAL, "the engine's connection was lost");
    return engine_bulk_append(session->connection->handle, table, columns, column_count, rows, err);
}

void lh_engine_table_sql(lh_table_name name, lh_arena *arena, lh_buf *into) {
    lh_buf_append(into, LH_STR("lake."));
    lh_buf_sql_identifier(into, lh_namespace_text(name.namespace_, arena));
    lh_buf_char(into, '.');
    lh_buf_sql_identifier(into, name.name);
}
