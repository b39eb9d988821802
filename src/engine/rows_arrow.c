/* Arrow IPC stream: schema, one record batch a chunk (2048 rows at most), end of stream. DuckDB makes the arrays
 * (C data interface), nanoarrow writes them. */
#include <nanoarrow/nanoarrow.h>
#include <nanoarrow/nanoarrow_ipc.h>

#include "engine/chunk_shim.h"
#include "engine/rows.h"

typedef struct arrow_state {
    struct ArrowSchema schema;
    struct ArrowIpcWriter writer;
    struct ArrowArrayView view;
    bool has_writer, has_view;
} arrow_state;

static void arrow_fail(engine_rows *rows, const char *what, const char *message) {
    if (rows->out.code == LH_OK)
        rows->out.code = lh_fail(rows->out.err, LH_INTERNAL, "Arrow: %s: %s", what, message ? message : "failed");
}

static ArrowErrorCode arrow_write(struct ArrowIpcOutputStream *stream, const void *bytes, int64_t size_bytes,
                                  int64_t *written, struct ArrowError *error) {
    (void)error;
    engine_rows *rows = stream->private_data;
    engine_out_bytes(&rows->out, (lh_str){bytes, (size_t)size_bytes});
    *written = size_bytes;
    return rows->out.code == LH_OK ? NANOARROW_OK : EIO;
}

static void arrow_stream_release(struct ArrowIpcOutputStream *stream) { stream->release = NULL; }

static bool arrow_check(engine_rows *rows, duckdb_error_data error, const char *what) {
    bool failed = error && duckdb_error_data_has_error(error);
    if (failed) arrow_fail(rows, what, duckdb_error_data_message(error));
    if (error) duckdb_destroy_error_data(&error);
    return !failed;
}

/* DuckDB wants the logical types and names again. */
static bool arrow_schema(engine_rows *rows, arrow_state *state) {
    const char **names = calloc(rows->column_count + 1, sizeof *names);
    if (!names) {
        rows->out.code = lh_fail(rows->out.err, LH_NO_MEMORY, "out of memory");
        return false;
    }
    for (size_t i = 0; i < rows->column_count; i++)
        names[i] = rows->columns[i].name.ptr ? rows->columns[i].name.ptr : "";
    duckdb_error_data error =
        duckdb_to_arrow_schema(rows->arrow_options, rows->types, names, rows->column_count, &state->schema);
    free(names);
    return arrow_check(rows, error, "schema");
}

static void arrow_open(engine_rows *rows, arrow_state *state) {
    struct ArrowError error = {0};
    struct ArrowIpcOutputStream stream = {.write = arrow_write, .release = arrow_stream_release, .private_data = rows};
    state->has_writer = ArrowIpcWriterInit(&state->writer, &stream) == NANOARROW_OK;
    if (!state->has_writer) arrow_fail(rows, "writer", "out of memory");
    else if (ArrowIpcWriterWriteSchema(&state->writer, &state->schema, &error) != NANOARROW_OK)
        arrow_fail(rows, "schema", error.message);
    else {
        state->has_view = ArrowArrayViewInitFromSchema(&state->view, &state->schema, &error) == NANOARROW_OK;
        if (!state->has_view) arrow_fail(rows, "schema", error.message);
    }
}

static void arrow_begin(engine_rows *rows) {
    arrow_state *state = calloc(1, sizeof *state);
    rows->arrow = state;
    if (!state) rows->out.code = lh_fail(rows->out.err, LH_NO_MEMORY, "out of memory");
    else if (arrow_schema(rows, state)) arrow_open(rows, state);
}

static void arrow_chunk(engine_rows *rows, duckdb_data_chunk chunk, uint64_t count) {
    arrow_state *state = rows->arrow;
    struct ArrowArray array = {0};
    struct ArrowError error = {0};
    if (duckdb_data_chunk_get_size(chunk) != count) duckdb_data_chunk_set_size(chunk, count);
    chunk_shim_clear_nulls(chunk);
    if (arrow_check(rows, duckdb_data_chunk_to_arrow(rows->arrow_options, chunk, &array), "batch")) {
        if (ArrowArrayViewSetArray(&state->view, &array, &error) != NANOARROW_OK ||
            ArrowIpcWriterWriteArrayView(&state->writer, &state->view, &error) != NANOARROW_OK)
            arrow_fail(rows, "batch", error.message);
    }
    if (array.release) array.release(&array);
}

static void arrow_end(engine_rows *rows, const engine_trailer *trailer) {
    (void)trailer;
    arrow_state *state = rows->arrow;
    struct ArrowError error = {0};
    if (ArrowIpcWriterWriteArrayView(&state->writer, NULL, &error) != NANOARROW_OK)
        arrow_fail(rows, "end", error.message);
}

static void arrow_done(engine_rows *rows) {
    arrow_state *state = rows->arrow;
    if (!state) return;
    if (state->has_view) ArrowArrayViewReset(&state->view);
    if (state->has_writer) ArrowIpcWriterReset(&state->writer);
    if (state->schema.release) state->schema.release(&state->schema);
    free(state);
    rows->arrow = NULL;
}

const struct engine_rows_ops engine_rows_arrow = {
    .begin = arrow_begin, .chunk = arrow_chunk, .end = arrow_end, .done = arrow_done};
