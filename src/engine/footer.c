/* What the footers of Parquet files tell of their rows and columns: DuckDB reads them, many in one statement, because planning
 * it takes longer than reading a file. A row of the answer is a column.
 *
 * Bounds are told a row group at a time, as text. The least and the greatest are found by the values that the texts are of, and
 * told only when every row group with values has them: else a reader would pass over rows. Never told are those of INT96,
 * whose order writers got wrong, and of texts that are no UTF-8, which DuckDB writes with \x. Only DuckDB leaves them out of a
 * float column with NaN; other writers leave the NaN out of them (no_nan). */
#include "engine/engine_internal.h"

enum { FOOTER_SQL_BYTES = 4 << 20, FOOTER_ARENA_BYTES = 256 << 20 };

/* $f: a list of files. A leaf's place among the leaves is the number that the row groups know it by; a column of the first level is
 * one whose path is its name. */
static const char footer_sql[] =
    "WITH leaves AS (SELECT file_name, row_number() OVER (PARTITION BY file_name ORDER BY column_id) - 1 AS leaf, "
    "name, field_id, duckdb_type, "
    "repetition_type, CASE WHEN duckdb_type LIKE 'DECIMAL%' OR duckdb_type LIKE '%INT%' THEN 'number' "
    "WHEN duckdb_type IN ('FLOAT', 'DOUBLE') THEN 'real' "
    "WHEN duckdb_type IN ('DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE') THEN 'time' ELSE 'text' END AS kind "
    "FROM parquet_schema($f) WHERE num_children IS NULL), "
    "told AS (SELECT l.*, m.total_compressed_size AS size, m.stats_null_count AS nulls, "
    "coalesce(m.stats_null_count = m.num_values, false) AS is_empty, "
    "CASE WHEN m.type <> 'INT96' THEN m.stats_min_value END AS low, "
    "CASE WHEN m.type <> 'INT96' THEN m.stats_max_value END AS high "
    "FROM parquet_metadata($f) m JOIN leaves l ON m.file_name = l.file_name AND m.column_id = l.leaf AND "
    "m.path_in_schema = l.name "
    "WHERE l.repetition_type <> 'REPEATED'), "
    "keyed AS (SELECT *, TRY_CAST(replace(low, '.', '') AS HUGEINT) AS low_number, "
    "TRY_CAST(replace(high, '.', '') AS HUGEINT) AS high_number, "
    "TRY_CAST(low AS DOUBLE) AS low_real, TRY_CAST(high AS DOUBLE) AS high_real, "
    "TRY_CAST(low AS TIMESTAMPTZ) AS low_time, TRY_CAST(high AS TIMESTAMPTZ) AS high_time FROM told), "
    "columns AS (SELECT file_name, leaf, name, field_id, duckdb_type, sum(size) AS size, "
    "CASE WHEN count(nulls) = count(*) THEN sum(nulls) WHEN repetition_type = 'REQUIRED' THEN 0 END AS nulls, "
    "CASE WHEN bool_and(is_empty OR CASE kind "
    "WHEN 'number' THEN low_number IS NOT NULL AND high_number IS NOT NULL "
    "WHEN 'real' THEN low_real IS NOT NULL AND high_real IS NOT NULL "
    "WHEN 'time' THEN low_time IS NOT NULL AND high_time IS NOT NULL "
    "ELSE coalesce(NOT contains(low || high, '\\x'), false) END) THEN "
    "{low: CASE kind WHEN 'number' THEN arg_min(low, low_number) WHEN 'real' THEN arg_min(low, low_real) "
    "WHEN 'time' THEN arg_min(low, low_time) ELSE min(low) END, "
    "high: CASE kind WHEN 'number' THEN arg_max(high, high_number) WHEN 'real' THEN arg_max(high, high_real) "
    "WHEN 'time' THEN arg_max(high, high_time) ELSE max(high) END} END AS bounds "
    "FROM keyed GROUP BY file_name, leaf, name, field_id, duckdb_type, repetition_type, kind) "
    "SELECT f.file_name, f.num_rows, c.name, c.field_id, c.duckdb_type, c.size::BIGINT, c.nulls::BIGINT, "
    "left(c.bounds.low, 100), left(c.bounds.high, 100), coalesce(starts_with(f.created_by, 'DuckDB '), false) "
    "FROM parquet_file_metadata($f) f LEFT JOIN columns c ON c.file_name = f.file_name ORDER BY f.file_name, c.leaf";

static void footer_write_list(const lh_str *locations, size_t count, lh_buf *into) {
    for (size_t i = 0; i < count; i++) {
        lh_buf_char(into, i ? ',' : '[');
        lh_buf_sql_string(into, locations[i]);
    }
    lh_buf_char(into, ']');
}

static void footer_write_sql(const lh_str *locations, size_t count, lh_buf *into) {
    for (lh_str rest = lh_str_from(footer_sql); rest.len;) {
        size_t at = lh_str_search(rest, LH_STR("$f"));
        lh_buf_append(into, lh_str_sub(rest, 0, at));
        if (at == SIZE_MAX) return;
        footer_write_list(locations, count, into);
        rest = lh_str_sub(rest, at + 2, SIZE_MAX);
    }
}

static lh_file_column footer_column(const lh_json *row, lh_arena *arena) {
    const lh_json *low = lh_json_at(row, 7), *high = lh_json_at(row, 8);
    return (lh_file_column){.name = lh_arena_dup(arena, lh_json_str(lh_json_at(row, 2), LH_STR_NONE)),
                            .field_id = lh_json_int(lh_json_at(row, 3), -1),
                            .type = lh_arena_dup(arena, lh_json_str(lh_json_at(row, 4), LH_STR_NONE)),
                            .size_bytes = lh_json_int(lh_json_at(row, 5), -1),
                            .nulls = lh_json_int(lh_json_at(row, 6), -1),
                            .bounded = lh_json_is_string(low) && lh_json_is_string(high),
                            .min = lh_arena_dup(arena, lh_json_str(low, LH_STR_NONE)),
                            .max = lh_arena_dup(arena, lh_json_str(high, LH_STR_NONE)),
                            .no_nan = lh_json_bool(lh_json_at(row, 9), false)};
}

/* Rows come by file. */
static lh_code footer_take(const lh_json *rows, const lh_str *locations, size_t count, lh_arena *arena,
                           lh_file_footer *ret, lh_error *err) {
    lh_file_column *columns = LH_ARENA_ARRAY(arena, lh_file_column, lh_json_size(rows) + 1);
    size_t at = 0, used = 0, seen = 0;
    if (!columns) return lh_arena_check(arena, err);
    for (lh_json_iter it = lh_json_each(rows); lh_json_next(&it);) {
        lh_str name = lh_json_str(lh_json_at(it.value, 0), LH_STR_NONE);
        if (it.index == 0 || !lh_str_eq(name, locations[at])) {
            for (at = 0; at < count && !lh_str_eq(name, locations[at]);) at++;
            if (at == count) break; /* a '*' makes it a pattern */
            ret[at] = (lh_file_footer){.rows = lh_json_uint(lh_json_at(it.value, 1), 0), .columns = columns + used};
            seen++;
        }
        if (!lh_json_is_string(lh_json_at(it.value, 2))) continue; /* a file without such a column */
        columns[used++] = footer_column(it.value, arena);
        ret[at].count++;
    }
    if (seen != count) return lh_fail(err, LH_INVALID, "its name stands for other files");
    return lh_arena_check(arena, err);
}

static lh_code footer_read(lh_session *session, const lh_str *locations, size_t count, lh_arena *arena,
                           lh_file_footer *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(FOOTER_SQL_BYTES);
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    lh_json *answer = NULL;
    lh_error why = {0};
    LH_TRY(lh_arena_new(FOOTER_ARENA_BYTES, &scratch, err));
    footer_write_sql(locations, count, &sql);
    LH_TRY(lh_buf_check(&sql, err));
    lh_code code = lh_session_run(session, lh_buf_str(&sql), NULL, scratch, &answer, &why);
    if (code == LH_INVALID) return lh_fail(err, LH_INVALID, "it is no Parquet file that can be read");
    if (code != LH_OK) return lh_fail(err, code, "%s", why.message);
    return footer_take(lh_json_get(answer, "rows"), locations, count, arena, ret, err);
}

/* May they be read by one statement? Not a name that is a pattern, and no file twice: its columns would be added up. */
static bool footer_can_share(const lh_str *locations, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < locations[i].len; at++)
            if (strchr("*?[", locations[i].ptr[at])) return false;
        for (size_t before = 0; before < i; before++)
            if (lh_str_eq(locations[before], locations[i])) return false;
    }
    return true;
}

lh_code lh_session_footers(lh_session *session, const lh_str *locations, size_t count, lh_arena *arena,
                           lh_file_footer *ret, size_t *ret_failed, lh_error *err) {
    lh_code code = LH_OK;
    *ret_failed = 0;
    if (count > 1 && footer_can_share(locations, count)) {
        code = footer_read(session, locations, count, arena, ret, err);
        if (code == LH_OK || code == LH_CANCELLED) return code;
    }
    for (size_t i = 0; i < count; i++) { /* one of them is amiss: which? */
        *ret_failed = i;
        LH_TRY(footer_read(session, &locations[i], 1, arena, &ret[i], err));
    }
    return LH_OK;
}
