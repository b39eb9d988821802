/* What the writers share: choice of the format, columns, begin before the first row. */
#include "engine/rows.h"

static const struct engine_rows_ops *const rows_formats[] = {[LH_FORMAT_JSON] = &engine_rows_json,
                                                             [LH_FORMAT_NDJSON] = &engine_rows_ndjson,
                                                             [LH_FORMAT_CSV] = &engine_rows_csv,
                                                             [LH_FORMAT_ARROW] = &engine_rows_arrow};

const char *lh_format_content_type(lh_format format) {
    switch (format) {
    case LH_FORMAT_JSON: return "application/json";
    case LH_FORMAT_NDJSON: return "application/x-ndjson";
    case LH_FORMAT_CSV: return "text/csv; charset=utf-8; header=present";
    case LH_FORMAT_ARROW: break;
    }
    return "application/vnd.apache.arrow.stream";
}

lh_code engine_rows_init(engine_rows *rows, const lh_query *query, lh_bytes_fn write, void *ctx, lh_error *err) {
    *rows = (engine_rows){.ops = rows_formats[query->format],
                          .objects = query->rows_as_objects || query->format == LH_FORMAT_NDJSON};
    return engine_out_init(&rows->out, write, ctx, query->result_max_bytes, err);
}

static lh_code collect_bytes(void *ctx, lh_str data, lh_error *err) {
    lh_buf *text = ctx;
    lh_buf_append(text, data);
    return lh_buf_check(text, err);
}

/* {"first": for the first column, ,"name": for the others: made once, copied a million times. */
static lh_code rows_keys(engine_rows *rows, lh_arena *arena, lh_error *err) {
    rows->keys = LH_ARENA_ARRAY(arena, lh_str, rows->column_count ? rows->column_count : 1);
    LH_TRY(lh_arena_check(arena, err));
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(16 << 20);
    for (size_t i = 0; i < rows->column_count; i++) {
        engine_out out;
        lh_buf_clear(&text);
        LH_TRY(engine_out_init(&out, collect_bytes, &text, 0, err));
        engine_out_char(&out, i ? ',' : '{');
        engine_out_json_string(&out, rows->columns[i].name);
        engine_out_char(&out, ':');
        engine_out_flush(&out);
        engine_out_done(&out);
        LH_TRY(lh_buf_check(&text, err));
        rows->keys[i] = lh_arena_dup(arena, lh_buf_str(&text));
    }
    return lh_arena_check(arena, err);
}

static void rows_free_types(engine_rows *rows) {
    for (size_t i = 0; rows->types && i < rows->column_count; i++) duckdb_destroy_logical_type(&rows->types[i]);
    free(rows->types);
    rows->types = NULL;
}

static lh_code rows_column(engine_rows *rows, duckdb_prepared_statement statement, size_t index, lh_arena *arena,
                           lh_error *err) {
    const char *name = duckdb_prepared_statement_column_name(statement, index);
    rows->types[index] = duckdb_prepared_statement_column_logical_type(statement, index);
    lh_code code = engine_column_init(&rows->columns[index], lh_str_from(name), rows->types[index], arena, err);
    duckdb_free((void *)(uintptr_t)name);
    return code;
}

static lh_code rows_make_columns(engine_rows *rows, size_t count, lh_arena *arena, lh_error *err) {
    rows_free_types(rows);
    rows->columns = LH_ARENA_ARRAY(arena, engine_column, count ? count : 1);
    rows->types = calloc(count ? count : 1, sizeof(duckdb_logical_type));
    rows->column_count = rows->types ? count : 0;
    if (!rows->types) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    return lh_arena_check(arena, err);
}

bool engine_rows_unresolved(duckdb_prepared_statement statement) {
    bool unresolved = false;
    for (idx_t i = 0; i < duckdb_prepared_statement_column_count(statement); i++) {
        duckdb_type type = duckdb_prepared_statement_column_type(statement, i);
        unresolved = unresolved || type == DUCKDB_TYPE_INVALID || type == DUCKDB_TYPE_ANY;
    }
    return unresolved;
}

lh_code engine_rows_result_columns(engine_rows *rows, duckdb_result *result, lh_arena *arena, lh_error *err) {
    LH_TRY(rows_make_columns(rows, duckdb_column_count(result), arena, err));
    for (size_t i = 0; i < rows->column_count; i++) {
        rows->types[i] = duckdb_column_logical_type(result, i);
        LH_TRY(engine_column_init(&rows->columns[i], lh_str_from(duckdb_column_name(result, i)), rows->types[i], arena,
                                  err));
    }
    return rows->objects ? rows_keys(rows, arena, err) : LH_OK;
}

lh_code engine_rows_columns(engine_rows *rows, duckdb_prepared_statement statement, bool recast, lh_arena *arena,
                            lh_error *err) {
    size_t count = duckdb_prepared_statement_column_count(statement);
    const engine_column *before = recast ? rows->columns : NULL;
    LH_TRY(rows_make_columns(rows, count, arena, err));
    for (size_t i = 0; i < count; i++) {
        LH_TRY(rows_column(rows, statement, i, arena, err));
        if (before) rows->columns[i].type_name = before[i].type_name;
    }
    return rows->objects ? rows_keys(rows, arena, err) : LH_OK;
}

static bool column_needs_cast(const engine_rows *rows, const engine_column *column) {
    return column->cast_always || (rows->ops == &engine_rows_arrow && column->cast_for_arrow);
}

bool engine_rows_needs_cast(const engine_rows *rows) {
    for (size_t i = 0; i < rows->column_count; i++)
        if (column_needs_cast(rows, &rows->columns[i])) return true;
    return false;
}

lh_code engine_rows_cast_sql(const engine_rows *rows, lh_str sql, lh_buf *ret, lh_error *err) {
    lh_buf_append(ret, LH_STR("SELECT "));
    for (size_t i = 0; i < rows->column_count; i++) {
        const engine_column *column = &rows->columns[i];
        bool cast = column_needs_cast(rows, column);
        if (cast) lh_buf_printf(ret, "%sCAST(c%zu AS %.*s) AS ", i ? ", " : "", i, LH_STR_ARG(column->cast_name));
        else lh_buf_printf(ret, "%sc%zu AS ", i ? ", " : "", i);
        lh_buf_sql_identifier(ret, column->name);
    }
    lh_buf_append(ret, LH_STR(" FROM (\n"));
    lh_buf_append(ret, sql);
    lh_buf_append(ret, LH_STR("\n) AS result("));
    for (size_t i = 0; i < rows->column_count; i++) lh_buf_printf(ret, "%sc%zu", i ? ", " : "", i);
    lh_buf_char(ret, ')');
    return lh_buf_check(ret, err);
}

static void rows_begin(engine_rows *rows) {
    if (rows->begun) return;
    rows->begun = true;
    rows->ops->begin(rows);
}

void engine_rows_chunk(engine_rows *rows, duckdb_data_chunk chunk, uint64_t count) {
    rows_begin(rows);
    if (rows->out.code != LH_OK || count == 0) return;
    for (size_t i = 0; i < rows->column_count; i++)
        engine_column_load(&rows->columns[i], duckdb_data_chunk_get_vector(chunk, i));
    rows->ops->chunk(rows, chunk, count);
    rows->rows += count;
}

lh_code engine_rows_end(engine_rows *rows, const engine_trailer *trailer) {
    rows_begin(rows);
    if (rows->out.code == LH_OK) rows->ops->end(rows, trailer);
    engine_out_flush(&rows->out);
    return rows->out.code;
}

void engine_rows_done(engine_rows *rows) {
    if (rows->ops && rows->ops->done) rows->ops->done(rows);
    rows_free_types(rows);
    if (rows->arrow_options) duckdb_destroy_arrow_options(&rows->arrow_options);
    engine_out_done(&rows->out);
}
