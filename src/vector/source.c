/* The rows of a dataset as texts. They are read by one governed statement, so that a view is read as what it shows, and come as
 * lines of JSON. The text of a row is its text columns, a line each, or the template filled with them; NULL is left out. One that is too
 * long for a line of JSON comes without its text, and says so. */
#include "vector/vector_internal.h"

#include <stdio.h>

enum { SOURCE_LINE_BYTES = 256 << 20, SOURCE_ROW_BYTES = 512 << 20 };

/* ---- a governed query, row by row ---- */

typedef struct {
    vector_object_fn each;
    void *ctx;
    lh_buf line;
} query_lines;

static lh_code query_line(query_lines *lines, lh_str line, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *row = NULL;
    if (line.len == 0) return LH_OK;
    LH_TRY(lh_arena_new(SOURCE_ROW_BYTES, &arena, err));
    LH_TRY(lh_json_parse(arena, line, &row, err));
    return lines->each(lines->ctx, row, arena, err);
}

static lh_code query_bytes(void *ctx, lh_str data, lh_error *err) {
    query_lines *lines = ctx;
    while (data.len) {
        size_t end = lh_str_find(data, '\n');
        if (end == data.len || lines->line.len) lh_buf_append(&lines->line, lh_str_sub(data, 0, end));
        if (end == data.len) break;
        lh_str line = lines->line.len ? lh_buf_str(&lines->line) : lh_str_sub(data, 0, end);
        LH_TRY(lh_buf_check(&lines->line, err));
        LH_TRY(query_line(lines, line, err));
        lh_buf_clear(&lines->line);
        data = lh_str_sub(data, end + 1, SIZE_MAX);
    }
    return lh_buf_check(&lines->line, err);
}

lh_code vector_query(lh_engine *engine, const lh_query *query, vector_object_fn each, void *ctx, lh_error *err) {
    query_lines lines = {.each = each, .ctx = ctx};
    const lh_buf empty = LH_BUF_INIT(SOURCE_LINE_BYTES);
    lh_query own = *query;
    lh_query_outcome outcome;
    lines.line = empty;
    own.format = LH_FORMAT_NDJSON;
    own.read_only = true;
    lh_code code = lh_engine_run(engine, &own, query_bytes, &lines, &outcome, err);
    if (code == LH_OK) code = query_line(&lines, lh_buf_str(&lines.line), err);
    lh_buf_done(&lines.line);
    return code;
}

/* ---- the text of a row ---- */

static void source_cell_name(size_t i, char into[24]) { snprintf(into, 24, "c%zu", i); }

static lh_str source_cell(const lh_json *row, size_t i) {
    char name[24];
    source_cell_name(i, name);
    return lh_json_get_string(row, name);
}

static lh_str source_value(const vector_definition *d, const lh_json *row, lh_str column) {
    for (size_t i = 0; i < d->text_column_count; i++)
        if (lh_str_eq(d->text_columns[i], column)) return source_cell(row, i);
    return LH_STR_NONE;
}

static void source_fill_template(const vector_definition *d, const lh_json *row, lh_buf *into) {
    lh_str rest = d->template_;
    while (rest.len) {
        size_t at = 0;
        while (at < rest.len && rest.ptr[at] != '{' && rest.ptr[at] != '}') at++;
        lh_buf_append(into, lh_str_sub(rest, 0, at));
        if (at == rest.len) return;
        if (at + 1 < rest.len && rest.ptr[at + 1] == rest.ptr[at]) {
            lh_buf_char(into, rest.ptr[at]);
            rest = lh_str_sub(rest, at + 2, SIZE_MAX);
            continue;
        }
        lh_str inner = lh_str_sub(rest, at + 1, SIZE_MAX);
        size_t end = lh_str_find(inner, '}');
        lh_buf_append(into, source_value(d, row, lh_str_sub(inner, 0, end)));
        rest = lh_str_sub(inner, end + 1, SIZE_MAX);
    }
}

static void source_text(const vector_definition *d, const lh_json *row, lh_buf *into) {
    if (d->template_.len) {
        source_fill_template(d, row, into);
        return;
    }
    for (size_t i = 0; i < d->text_column_count; i++) {
        lh_str value = source_cell(row, i);
        if (value.len && into->len) lh_buf_char(into, '\n');
        lh_buf_append(into, value);
    }
}

/* ---- statements ---- */

/* The texts of a row, unless there is more of them than a line of JSON has room for: o. */
static void source_sql(const vector_source *source, lh_arena *arena, lh_buf *into) {
    const vector_definition *d = source->definition;
    char name[24];
    lh_buf_append(into, LH_STR("SELECT i, o"));
    for (size_t i = 0; i < d->text_column_count; i++) {
        source_cell_name(i, name);
        lh_buf_printf(into, ", CASE WHEN NOT o THEN %s END AS %s", name, name);
    }
    lh_buf_append(into, LH_STR(" FROM (SELECT *, "));
    for (size_t i = 0; i < d->text_column_count; i++) {
        source_cell_name(i, name);
        lh_buf_printf(into, "%scoalesce(strlen(%s), 0)", i ? " + " : "", name);
    }
    lh_buf_printf(into, " > %d AS o FROM (SELECT CAST(", VECTOR_TEXT_BYTES);
    lh_buf_sql_identifier(into, d->id_column);
    lh_buf_append(into, LH_STR(" AS VARCHAR) AS i"));
    for (size_t i = 0; i < d->text_column_count; i++) {
        source_cell_name(i, name);
        lh_buf_append(into, LH_STR(", CAST("));
        lh_buf_sql_identifier(into, d->text_columns[i]);
        lh_buf_printf(into, " AS VARCHAR) AS %s", name);
    }
    lh_buf_append(into, LH_STR(" FROM "));
    lh_engine_table_sql(d->dataset, arena, into);
    if (source->filter.len) lh_buf_append(into, LH_STR(" WHERE ")), lh_buf_append(into, source->filter);
    lh_buf_append(into, LH_STR("))"));
}

typedef struct {
    const vector_source *source;
    vector_row_fn each;
    void *ctx;
    lh_buf text;
} source_reader;

static lh_code source_row(void *ctx, const lh_json *row, lh_arena *arena, lh_error *err) {
    source_reader *reader = ctx;
    vector_row one = {.id = lh_json_get_string(row, "i")};
    (void)arena;
    if (lh_json_is_null(lh_json_get(row, "i"))) one.id = LH_STR_NONE;
    lh_buf_clear(&reader->text);
    source_text(reader->source->definition, row, &reader->text);
    LH_TRY(lh_buf_check(&reader->text, err));
    one.text = lh_buf_str(&reader->text);
    one.too_long = lh_json_bool(lh_json_get(row, "o"), false);
    if (one.too_long) {
        one.text = LH_STR_NONE;
        memset(one.hash, '-', VECTOR_HASH_BYTES); /* no text's */
    } else {
        lh_sha256 hash = lh_sha256_of(one.text);
        memcpy(one.hash, lh_sha256_to_hex(&hash).text, sizeof one.hash);
    }
    return reader->each(reader->ctx, &one, err);
}

lh_code vector_source_read(const vector_source *source, vector_row_fn each, void *ctx, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    source_reader reader = {.source = source, .each = each, .ctx = ctx};
    const lh_buf text = LH_BUF_INIT(SOURCE_LINE_BYTES);
    reader.text = text;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    source_sql(source, arena, &sql);
    LH_TRY(lh_buf_check(&sql, err));
    const lh_query query = {
        .sql = lh_buf_str(&sql), .cancel = source->cancel, .governor = source->governor, .views = source->views};
    lh_code code = vector_query(source->engine, &query, source_row, &reader, err);
    lh_buf_done(&reader.text);
    return code;
}

static lh_code source_take_count(void *ctx, const lh_json *row, lh_arena *arena, lh_error *err) {
    (void)arena, (void)err;
    *(uint64_t *)ctx = lh_json_uint(lh_json_get(row, "n"), 0);
    return LH_OK;
}

lh_code vector_source_count(const vector_source *source, lh_arena *arena, uint64_t *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_buf_append(&sql, LH_STR("SELECT count(*) AS n FROM "));
    lh_engine_table_sql(source->definition->dataset, arena, &sql);
    LH_TRY(lh_buf_check(&sql, err));
    const lh_query query = {.sql = lh_buf_str(&sql), .cancel = source->cancel, .views = source->views};
    return vector_query(source->engine, &query, source_take_count, ret, err);
}

/* ---- the columns ---- */

static lh_code source_take_type(void *ctx, const lh_json *row, lh_arena *arena, lh_error *err) {
    (void)arena, (void)err;
    lh_str type = lh_json_get_string(row, "t");
    *(bool *)ctx = lh_str_eq(type, LH_STR("BIGINT")) || lh_str_eq(type, LH_STR("INTEGER")) ||
                   lh_str_eq(type, LH_STR("SMALLINT")) || lh_str_eq(type, LH_STR("TINYINT"));
    return LH_OK;
}

/* The type of a column that is there even where no row is: an aggregate has always one. */
lh_code vector_source_check(lh_engine *engine, const lh_vector_caller *caller, vector_definition *definition,
                            lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_buf_append(&sql, LH_STR("SELECT typeof(min("));
    lh_buf_sql_identifier(&sql, definition->id_column);
    lh_buf_append(&sql, LH_STR(")) AS t FROM (SELECT "));
    lh_buf_sql_identifier(&sql, definition->id_column);
    for (size_t i = 0; i < definition->text_column_count; i++) {
        lh_buf_append(&sql, LH_STR(", "));
        lh_buf_sql_identifier(&sql, definition->text_columns[i]);
    }
    lh_buf_append(&sql, LH_STR(" FROM "));
    lh_engine_table_sql(definition->dataset, arena, &sql);
    lh_buf_append(&sql, LH_STR(" LIMIT 0)"));
    LH_TRY(lh_buf_check(&sql, err));
    const lh_query query = {
        .sql = lh_buf_str(&sql), .cancel = caller->cancel, .governor = caller->governor, .views = caller->views};
    lh_code code = vector_query(engine, &query, source_take_type, &definition->id_is_integer, err);
    if (code != LH_OK && err) err->line = err->column = 0; /* of a statement that the caller did not write */
    return code;
}
