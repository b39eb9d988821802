/* A view as an Iceberg view, with its SQL in DuckDB's dialect, so that other engines see what it is. The masks that take the
 * lake's secret (hash, token) are NULL there: no other engine can compute them, and none shall show the value instead. */
#include "access/view_internal.h"

static void sql_mask(lh_buf *into, lh_str column, const lh_json *mask) {
    int64_t prefix = lh_json_int(lh_json_get(mask, "keep_prefix"), 0),
            suffix = lh_json_int(lh_json_get(mask, "keep_suffix"), 0);
    LH_CLEANUP(lh_buf_done) lh_buf name = LH_BUF_INIT(4096);
    lh_buf_sql_identifier(&name, column);
    lh_str c = lh_buf_str(&name);
    lh_buf_printf(into,
                  "CASE WHEN length(CAST(%.*s AS VARCHAR)) > %" PRId64 " THEN left(CAST(%.*s AS VARCHAR), %" PRId64
                  ") || repeat('*', length(CAST(%.*s AS VARCHAR)) - %" PRId64
                  ") || right(CAST(%.*s AS VARCHAR), %" PRId64 ") ELSE repeat('*', length(CAST(%.*s AS VARCHAR))) END",
                  LH_STR_ARG(c), prefix + suffix, LH_STR_ARG(c), prefix, LH_STR_ARG(c), prefix + suffix, LH_STR_ARG(c),
                  suffix, LH_STR_ARG(c));
}

static void sql_column(lh_buf *into, lh_str column, const lh_json *redaction) {
    lh_str kind = lh_json_get_string(redaction, "kind");
    if (!redaction) {
        lh_buf_sql_identifier(into, column);
        return;
    }
    if (lh_str_eq(kind, LH_STR("mask"))) sql_mask(into, column, redaction);
    else if (lh_str_eq(kind, LH_STR("year"))) {
        lh_buf_append(into, LH_STR("CAST(year("));
        lh_buf_sql_identifier(into, column);
        lh_buf_append(into, LH_STR(") AS INTEGER)"));
    } else if (lh_str_eq(kind, LH_STR("bucket"))) {
        int64_t n = lh_json_int(lh_json_get(redaction, "n"), 1);
        lh_buf_append(into, LH_STR("floor("));
        lh_buf_sql_identifier(into, column);
        lh_buf_printf(into, " / %" PRId64 ") * %" PRId64, n, n);
    } else lh_buf_append(into, LH_STR("NULL"));
    lh_buf_append(into, LH_STR(" AS "));
    lh_buf_sql_identifier(into, column);
}

static void sql_write(lh_buf *into, const lh_view *view, lh_arena *arena) {
    lh_buf_append(into, LH_STR("SELECT "));
    for (size_t i = 0; i < view->column_count; i++) {
        if (i) lh_buf_append(into, LH_STR(", "));
        sql_column(into, view->columns[i], lh_json_get_str(view->redactions, view->columns[i]));
    }
    lh_buf_append(into, LH_STR(" FROM "));
    lh_buf_sql_identifier(into, lh_namespace_text(view->base.namespace_, arena));
    lh_buf_char(into, '.');
    lh_buf_sql_identifier(into, view->base.name);
    if (view->row_filter.len) lh_buf_printf(into, " WHERE %.*s", LH_STR_ARG(view->row_filter));
}

static lh_json *sql_version(const lh_view *view, lh_str sql, lh_arena *arena) {
    lh_json *version = lh_json_new_object(arena), *list = lh_json_new_array(arena), *text = lh_json_new_object(arena);
    lh_json_set_string(arena, text, "type", LH_STR("sql"));
    lh_json_set_string(arena, text, "sql", sql);
    lh_json_set_string(arena, text, "dialect", LH_STR("duckdb"));
    lh_json_append(list, text);
    lh_json_set_int(arena, version, "version-id", 1);
    lh_json_set_int(arena, version, "timestamp-ms", lh_time_now_ms());
    lh_json_set_int(arena, version, "schema-id", 0);
    lh_json_set(arena, version, "summary", lh_json_new_object(arena));
    lh_json_set(arena, version, "default-namespace", lh_namespace_levels(view->name.namespace_, arena));
    lh_json_set(arena, version, "representations", list);
    return version;
}

lh_code access_view_request(const lh_view *view, const access_columns *columns, lh_arena *arena, lh_json **ret,
                            lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 << 20);
    lh_json *request = lh_json_new_object(arena), *schema = lh_json_new_object(arena),
            *fields = lh_json_new_array(arena), *properties = lh_json_new_object(arena);
    for (size_t i = 0; i < columns->count; i++) lh_json_append(fields, lh_json_copy(arena, columns->fields[i]));
    lh_json_set_string(arena, schema, "type", LH_STR("struct"));
    lh_json_set_int(arena, schema, "schema-id", 0);
    lh_json_set(arena, schema, "fields", fields);
    sql_write(&sql, view, arena);
    LH_TRY(lh_buf_check(&sql, err));
    lh_json_set_string(arena, properties, "lakehouse.view", LH_STR("safe"));
    lh_json_set_string(arena, request, "name", view->name.name);
    lh_json_set(arena, request, "schema", schema);
    lh_json_set(arena, request, "view-version", sql_version(view, lh_buf_str(&sql), arena));
    lh_json_set(arena, request, "properties", properties);
    *ret = request;
    return lh_arena_check(arena, err);
}
