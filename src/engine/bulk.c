/* Rows in bulk, for modules that compute on them: chunks of a result as they are in DuckDB's memory, and columns of ours put into
 * a table. Nothing goes through text. */
#include "engine/column.h"
#include "engine/engine_internal.h"

struct lh_chunk {
    duckdb_data_chunk chunk;
    uint64_t rows;
};

/* ---- out ---- */

lh_code engine_bulk_each(duckdb_result result, lh_chunk_fn each, void *ctx, lh_error *err) {
    lh_code code = LH_OK;
    while (code == LH_OK) {
        lh_chunk chunk = {.chunk = duckdb_fetch_chunk(result)};
        if (!chunk.chunk) break;
        chunk.rows = duckdb_data_chunk_get_size(chunk.chunk);
        code = each(ctx, &chunk, err);
        duckdb_destroy_data_chunk(&chunk.chunk);
    }
    return code;
}

uint64_t lh_chunk_rows(const lh_chunk *chunk) { return chunk->rows; }

/* The column's values; NULL where the row's is NULL. */
static const void *chunk_data(const lh_chunk *chunk, size_t column, uint64_t row, duckdb_vector *ret) {
    *ret = duckdb_data_chunk_get_vector(chunk->chunk, column);
    uint64_t *validity = duckdb_vector_get_validity(*ret);
    return validity && !(validity[row >> 6] >> (row & 63) & 1) ? NULL : duckdb_vector_get_data(*ret);
}

bool lh_chunk_string(const lh_chunk *chunk, size_t column, uint64_t row, lh_str *ret) {
    duckdb_vector vector;
    const duckdb_string_t *values = chunk_data(chunk, column, row, &vector);
    if (!values) return false;
    duckdb_string_t value = values[row];
    size_t len = duckdb_string_t_length(value);
    /* a short one lies within the vector itself, not in our copy of it */
    *ret = (lh_str){duckdb_string_is_inlined(value) ? values[row].value.inlined.inlined : value.value.pointer.ptr, len};
    return true;
}

bool lh_chunk_int(const lh_chunk *chunk, size_t column, uint64_t row, int64_t *ret) {
    duckdb_vector vector;
    const int64_t *values = chunk_data(chunk, column, row, &vector);
    if (!values) return false;
    *ret = values[row];
    return true;
}

bool lh_chunk_floats(const lh_chunk *chunk, size_t column, uint64_t row, const float **ret, size_t *ret_count) {
    duckdb_vector vector;
    const duckdb_list_entry *values = chunk_data(chunk, column, row, &vector);
    if (!values) return false;
    const float *floats = duckdb_vector_get_data(duckdb_list_vector_get_child(vector));
    *ret = floats + values[row].offset;
    *ret_count = values[row].length;
    return true;
}

/* ---- in ---- */

static bool bulk_fill_floats(const lh_bulk_column *column, size_t first, size_t rows, duckdb_vector vector) {
    size_t total = rows * column->width;
    if (duckdb_list_vector_reserve(vector, total) == DuckDBError) return false;
    if (duckdb_list_vector_set_size(vector, total) == DuckDBError) return false;
    float *into = duckdb_vector_get_data(duckdb_list_vector_get_child(vector));
    memcpy(into, column->floats + first * column->width, total * sizeof *into);
    duckdb_list_entry *entries = duckdb_vector_get_data(vector);
    for (size_t i = 0; i < rows; i++)
        entries[i] = (duckdb_list_entry){.offset = i * column->width, .length = column->width};
    return true;
}

static void bulk_fill_strings(const lh_bulk_column *column, size_t first, size_t rows, duckdb_vector vector) {
    for (size_t i = 0; i < rows; i++) {
        lh_str value = column->strings[first + i];
        if (value.ptr) {
            duckdb_vector_assign_string_element_len(vector, i, value.ptr, value.len);
            continue;
        }
        duckdb_vector_ensure_validity_writable(vector);
        duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), i);
    }
}

static bool bulk_fill(const lh_bulk_column *column, size_t first, size_t rows, duckdb_vector vector) {
    if (column->floats) return bulk_fill_floats(column, first, rows, vector);
    if (column->ints) memcpy(duckdb_vector_get_data(vector), column->ints + first, rows * sizeof *column->ints);
    else bulk_fill_strings(column, first, rows, vector);
    return true;
}

static duckdb_logical_type bulk_type(const lh_bulk_column *column) {
    if (!column->floats) return duckdb_create_logical_type(column->ints ? DUCKDB_TYPE_BIGINT : DUCKDB_TYPE_VARCHAR);
    duckdb_logical_type one = duckdb_create_logical_type(DUCKDB_TYPE_FLOAT), list = duckdb_create_list_type(one);
    duckdb_destroy_logical_type(&one);
    return list;
}

static bool bulk_append(duckdb_appender appender, const lh_bulk_column *columns, size_t column_count, size_t rows) {
    duckdb_logical_type types[LH_BULK_COLUMNS_MAX];
    size_t step = duckdb_vector_size();
    bool good = true;
    for (size_t i = 0; i < column_count; i++) types[i] = bulk_type(&columns[i]);
    for (size_t first = 0; good && first < rows; first += step) {
        size_t part = rows - first < step ? rows - first : step;
        duckdb_data_chunk chunk = duckdb_create_data_chunk(types, column_count);
        for (size_t i = 0; good && i < column_count; i++)
            good = bulk_fill(&columns[i], first, part, duckdb_data_chunk_get_vector(chunk, i));
        duckdb_data_chunk_set_size(chunk, part);
        good = good && duckdb_append_data_chunk(appender, chunk) == DuckDBSuccess;
        duckdb_destroy_data_chunk(&chunk);
    }
    for (size_t i = 0; i < column_count; i++) duckdb_destroy_logical_type(&types[i]);
    return good;
}

lh_code engine_bulk_append(duckdb_connection connection, const char *table, const lh_bulk_column *columns,
                           size_t column_count, size_t rows, lh_error *err) {
    duckdb_appender appender = NULL;
    if (column_count == 0 || column_count > LH_BULK_COLUMNS_MAX)
        return lh_fail(err, LH_INVALID, "rows of 1 to %d columns can be put into a table", LH_BULK_COLUMNS_MAX);
    bool good = duckdb_appender_create_ext(connection, "temp", "main", table, &appender) == DuckDBSuccess &&
                bulk_append(appender, columns, column_count, rows) && duckdb_appender_close(appender) == DuckDBSuccess;
    lh_code code = LH_OK;
    if (!good) {
        duckdb_error_data data = appender ? duckdb_appender_error_data(appender) : NULL;
        const char *message = data && duckdb_error_data_has_error(data) ? duckdb_error_data_message(data) : "no memory";
        code = lh_fail(err, LH_INTERNAL, "rows cannot be put into the table %s: %s", table, message);
        duckdb_destroy_error_data(&data);
    }
    duckdb_appender_destroy(&appender);
    return code;
}
