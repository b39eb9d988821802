/* Row filters: text from outside that decides which rows a principal sees. What may be in one is told by filter_shim.cc; here
 * columns are looked up, places counted in lines, and a filter is bound to a table of the lake. */
#include "engine/engine_internal.h"
#include "engine/escape.h"
#include "engine/filter_shim.h"
#include "engine/functions.h"
#include "engine/sql_lex.h"

#include <stdio.h>

enum {
    FILTER_BYTES_MAX = 8192,
    FILTER_COLUMNS_MAX = FILTER_BYTES_MAX / 2
}; /* a name and what divides it from the next */

typedef struct filter_job {
    const lh_str *names; /* NULL: not known */
    size_t name_count;
    lh_arena *arena;
    lh_filter filter;
    char unknown[LH_LIMIT_NAME_BYTES + 1];
    int64_t place; /* of the unknown column */
} filter_job;

static bool filter_is_total(void *ctx, const char *function) {
    (void)ctx;
    return lh_sql_function_find(lh_str_from(function)) == LH_SQL_FUNCTION_TOTAL;
}

/* The name as the table has it; ptr NULL: it has none such. */
static lh_str filter_find_name(const filter_job *job, lh_str name) {
    if (!job->names) return lh_arena_dup(job->arena, name);
    for (size_t i = 0; i < job->name_count; i++)
        if (lh_str_eq_nocase(job->names[i], name)) return job->names[i];
    return LH_STR_NONE;
}

static bool filter_add_column(void *ctx, const char *text, int64_t place) {
    filter_job *job = ctx;
    lh_str name = filter_find_name(job, lh_str_from(text));
    if (!name.ptr) {
        snprintf(job->unknown, sizeof job->unknown, "%s", text);
        job->place = place;
        return false;
    }
    for (size_t i = 0; i < job->filter.column_count; i++)
        if (lh_str_eq_nocase(job->filter.columns[i], name)) return true;
    job->filter.columns[job->filter.column_count++] = name;
    return true;
}

static bool filter_set_text(void *ctx, const char *normalized, size_t len) {
    filter_job *job = ctx;
    job->filter.text = lh_arena_dup(job->arena, (lh_str){normalized, len});
    return job->filter.text.ptr != NULL;
}

static lh_code filter_placed(lh_str text, int64_t place, lh_code code, lh_error *err) {
    if (err && place >= 0 && (uint64_t)place <= text.len) lh_sql_place(text, (size_t)place, &err->line, &err->column);
    return code;
}

static lh_code filter_failed(filter_code code, lh_str text, const filter_outcome *outcome, const filter_job *job,
                             lh_error *err) {
    lh_str what = lh_str_cut_utf8(lh_str_from(outcome->what), sizeof outcome->what);
    switch (code) {
    case FILTER_SYNTAX:
        return filter_placed(text, outcome->place,
                             lh_fail(err, LH_INVALID, "the row filter is no SQL: %.*s", LH_STR_ARG(what)), err);
    case FILTER_REFUSED:
        return filter_placed(text, outcome->place, lh_fail(err, LH_INVALID, "the row filter: %.*s", LH_STR_ARG(what)),
                             err);
    case FILTER_STOPPED:
        return filter_placed(
            text, job->place,
            lh_fail(err, LH_INVALID, "the row filter names '%s', which is no column of the dataset", job->unknown),
            err);
    case FILTER_OK: return LH_OK;
    case FILTER_FAILED:
    case FILTER_NO_MEMORY: break;
    }
    return lh_fail(err, LH_NO_MEMORY, "out of memory");
}

lh_code lh_engine_filter_check(lh_str text, const lh_str *names, size_t count, lh_arena *arena, lh_filter *ret,
                               lh_error *err) {
    char sql[FILTER_BYTES_MAX + 1];
    filter_job job = {.names = names, .name_count = count, .arena = arena, .place = -1};
    filter_outcome outcome;
    const filter_out out = {filter_is_total, filter_add_column, filter_set_text, &job};
    if (text.len == 0 || text.len > FILTER_BYTES_MAX || !lh_str_is_utf8(text) || memchr(text.ptr, '\0', text.len))
        return lh_fail(err, LH_INVALID, "a row filter is an SQL condition of 1 to %d bytes, without NUL",
                       FILTER_BYTES_MAX);
    memcpy(sql, text.ptr, text.len);
    sql[text.len] = '\0';
    job.filter.columns =
        LH_ARENA_ARRAY(arena, lh_str, names && count < FILTER_COLUMNS_MAX ? count + 1 : FILTER_COLUMNS_MAX);
    LH_TRY(lh_arena_check(arena, err));
    filter_code code = filter_shim_check(sql, &out, &outcome);
    if (code != FILTER_OK) return filter_failed(code, text, &outcome, &job, err);
    if (job.filter.text.len > FILTER_BYTES_MAX) /* it is read again */
        return lh_fail(err, LH_INVALID, "the row filter: its normal form has %zu bytes, %d at most",
                       job.filter.text.len, FILTER_BYTES_MAX);
    *ret = job.filter;
    return lh_arena_check(arena, err);
}

/* SELECT <filter> FROM (SELECT <columns, masked ones as NULL of their type> FROM lake.ns.t) */
static lh_code filter_sql(lh_table_name table, const lh_filter_column *columns, size_t count, lh_str text, lh_buf *into,
                          lh_arena *arena, lh_error *err) {
    lh_buf_printf(into, "SELECT %.*s FROM (SELECT ", LH_STR_ARG(text));
    for (size_t i = 0; i < count; i++) {
        if (i) lh_buf_append(into, LH_STR(", "));
        if (columns[i].type.len) lh_buf_printf(into, "NULL::%.*s AS ", LH_STR_ARG(columns[i].type));
        lh_buf_sql_identifier(into, columns[i].name);
    }
    lh_buf_append(into, LH_STR(" FROM lake."));
    lh_buf_sql_identifier(into, lh_namespace_text(table.namespace_, arena));
    lh_buf_char(into, '.');
    lh_buf_sql_identifier(into, table.name);
    lh_buf_append(into, LH_STR(") AS \" row\""));
    lh_buf_char(into, '\0');
    LH_TRY(lh_arena_check(arena, err));
    return lh_buf_check(into, err);
}

static lh_code filter_bind(engine_connection *connection, const char *sql, lh_str text, lh_error *err) {
    const filter_out out = {.is_total = filter_is_total};
    filter_outcome outcome;
    char message[2048];
    filter_code code = filter_shim_bind(connection->handle, sql, &out, &outcome, message, sizeof message);
    if (code != FILTER_FAILED) return filter_failed(code, text, &outcome, NULL, err);
    LH_TRY(engine_running_check(connection, err));
    engine_tell_failure(connection->engine, message);
    lh_error why = {0}; /* its place is in a text of ours */
    lh_code failed = engine_failure(message, lh_str_from(sql), 0, &why);
    return lh_fail(err, failed, failed == LH_INVALID ? "the row filter: %s" : "%s", why.message);
}

/* The caller gives the connection back, unless it was lost (*ret_lost). */
static lh_code filter_bind_watched(engine_connection *connection, const char *sql, lh_str text, bool *ret_lost,
                                   lh_error *err) {
    engine_escape escape;
    LH_TRY(engine_running_begin(connection, NULL, LH_NO_DEADLINE, 0, err));
    if (!ENGINE_ESCAPE(&escape)) {
        *ret_lost = true;
        return engine_abandon(connection, escape.message, err);
    }
    lh_code code = filter_bind(connection, sql, text, err);
    engine_escape_done(&escape);
    engine_running_end(connection);
    return code;
}

lh_code lh_engine_filter_bind(lh_engine *engine, lh_table_name table, const lh_filter_column *columns, size_t count,
                              lh_str text, lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 << 20);
    engine_connection *connection = NULL;
    bool lost = false;
    LH_TRY(filter_sql(table, columns, count, text, &sql, arena, err));
    LH_TRY(engine_acquire(engine, NULL, LH_NO_DEADLINE, &connection, err));
    lh_code code = engine_connection_enter(connection, err);
    if (code == LH_OK) code = filter_bind_watched(connection, sql.ptr, text, &lost, err);
    if (!lost) engine_release(connection);
    return code;
}
