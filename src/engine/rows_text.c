/* JSON, NDJSON and CSV.
 * JSON: {"columns":[{"name","type"}],"rows":[[…],…],"row_count":n,"elapsed_ms":n,"snapshots":[…],"truncated":false}
 * NDJSON: one object a line. CSV: RFC 4180, CRLF, a header; NULL is nothing, the empty string "". */
#include "engine/rows.h"

static void out_str(engine_rows *rows, const char *text) { engine_out_bytes(&rows->out, lh_str_from(text)); }

static void json_columns(engine_rows *rows) {
    out_str(rows, "{\"columns\":[");
    for (size_t i = 0; i < rows->column_count; i++) {
        out_str(rows, i ? ",{\"name\":" : "{\"name\":");
        engine_out_json_string(&rows->out, rows->columns[i].name);
        out_str(rows, ",\"type\":");
        engine_out_json_string(&rows->out, rows->columns[i].type_name);
        engine_out_char(&rows->out, '}');
    }
    out_str(rows, "],\"rows\":[");
}

static void json_array_row(engine_rows *rows, uint64_t row) {
    engine_out_char(&rows->out, '[');
    for (size_t i = 0; i < rows->column_count; i++) {
        if (i) engine_out_char(&rows->out, ',');
        engine_value_json(&rows->out, &rows->columns[i], row);
    }
    engine_out_char(&rows->out, ']');
}

static void json_object_row(engine_rows *rows, uint64_t row) {
    for (size_t i = 0; i < rows->column_count; i++) {
        engine_out_bytes(&rows->out, rows->keys[i]);
        engine_value_json(&rows->out, &rows->columns[i], row);
    }
    if (rows->column_count == 0) engine_out_char(&rows->out, '{');
    engine_out_char(&rows->out, '}');
}

static void json_chunk(engine_rows *rows, duckdb_data_chunk chunk, uint64_t count) {
    (void)chunk;
    for (uint64_t row = 0; row < count && rows->out.code == LH_OK; row++) {
        if (rows->rows + row > 0) engine_out_char(&rows->out, ',');
        engine_out_char(&rows->out, '\n');
        if (rows->objects) json_object_row(rows, row);
        else json_array_row(rows, row);
    }
}

static void json_end(engine_rows *rows, const engine_trailer *trailer) {
    out_str(rows, rows->rows ? "\n],\"row_count\":" : "],\"row_count\":");
    engine_out_u64(&rows->out, rows->rows);
    out_str(rows, ",\"elapsed_ms\":");
    engine_out_u64(&rows->out, trailer->elapsed_ms);
    out_str(rows, ",\"snapshots\":[");
    for (size_t i = 0; i < trailer->snapshot_count; i++) {
        out_str(rows, i ? ",{\"table\":" : "{\"table\":");
        engine_out_json_string(&rows->out, trailer->snapshots[i].table);
        out_str(rows, ",\"snapshot_id\":");
        if (trailer->snapshots[i].id < 0) out_str(rows, "null");
        else engine_out_i64(&rows->out, trailer->snapshots[i].id);
        engine_out_char(&rows->out, '}');
    }
    out_str(rows, trailer->truncated ? "],\"truncated\":true}\n" : "],\"truncated\":false}\n");
}

static void ndjson_begin(engine_rows *rows) { (void)rows; }

static void ndjson_chunk(engine_rows *rows, duckdb_data_chunk chunk, uint64_t count) {
    (void)chunk;
    for (uint64_t row = 0; row < count && rows->out.code == LH_OK; row++) {
        json_object_row(rows, row);
        engine_out_char(&rows->out, '\n');
    }
}

static void plain_end(engine_rows *rows, const engine_trailer *trailer) { (void)rows, (void)trailer; }

static void csv_begin(engine_rows *rows) {
    for (size_t i = 0; i < rows->column_count; i++) {
        if (i) engine_out_char(&rows->out, ',');
        engine_out_csv_string(&rows->out, rows->columns[i].name);
    }
    if (rows->column_count) out_str(rows, "\r\n");
}

static void csv_chunk(engine_rows *rows, duckdb_data_chunk chunk, uint64_t count) {
    (void)chunk;
    for (uint64_t row = 0; row < count && rows->out.code == LH_OK; row++) {
        for (size_t i = 0; i < rows->column_count; i++) {
            if (i) engine_out_char(&rows->out, ',');
            engine_value_csv(&rows->out, &rows->columns[i], row);
        }
        out_str(rows, "\r\n");
    }
}

const struct engine_rows_ops engine_rows_json = {.begin = json_columns, .chunk = json_chunk, .end = json_end};
const struct engine_rows_ops engine_rows_ndjson = {.begin = ndjson_begin, .chunk = ndjson_chunk, .end = plain_end};
const struct engine_rows_ops engine_rows_csv = {.begin = csv_begin, .chunk = csv_chunk, .end = plain_end};
