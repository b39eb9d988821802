/* A reservoir of the rows that pass a statement of ours (Vitter, "Random sampling with a reservoir", 1985, algorithm R): the
 * statement calls a function of DuckDB's that is always true and looks at its arguments. So a load is sampled while it is
 * read, from all of its rows, and nothing is read twice. */
#include "engine/column.h"
#include "engine/engine_internal.h"

enum { SAMPLE_BYTES = 32 << 20, SAMPLE_VALUE_BYTES = 1024, SAMPLE_COLUMNS = 1024 };
#define SAMPLE_NULL UINT32_MAX
#define SAMPLE_FUNCTION "lh_sample"

typedef struct {
    char *ptr; /* of each column its length, or SAMPLE_NULL, and its bytes */
    size_t len;
} sample_row;

struct lh_sample {
    struct lh_sample *next; /* of the engine's, under sample_lock, as all that follows */
    lh_engine *engine;
    int64_t id;
    size_t column_count, rows_asked, rows_max, rows, bytes;
    uint64_t seen, random; /* of lh_random_seeded() */
    sample_row *values;
    lh_arena *arena;        /* of types */
    engine_column *columns; /* NULL until the first chunk came */
    lh_buf row;             /* the one at hand */
    engine_out out;
    bool failed;
};

/* ---- one row ---- */

static lh_code sample_collect(void *ctx, lh_str data, lh_error *err) {
    lh_sample *sample = ctx;
    lh_buf_append(&sample->row, data);
    return lh_buf_check(&sample->row, err);
}

static void sample_value(lh_sample *sample, const engine_column *column, uint64_t row) {
    size_t at = sample->row.len;
    uint32_t len = SAMPLE_NULL;
    lh_buf_append(&sample->row, (lh_str){(const char *)&len, sizeof len});
    if (engine_column_is_null(column, row)) return;
    engine_value_text(&sample->out, column, row, SAMPLE_VALUE_BYTES);
    engine_out_flush(&sample->out);
    if (sample->out.code != LH_OK || sample->row.len < at + sizeof len) {
        sample->failed = true;
        return;
    }
    len = (uint32_t)(sample->row.len - at - sizeof len);
    memcpy(sample->row.ptr + at, &len, sizeof len);
}

static uint64_t sample_random_below(lh_sample *sample, uint64_t bound) {
    return (uint64_t)((engine_u128)lh_random_seeded(&sample->random) * bound >> 64); /* a bias of bound / 2^64 */
}

/* A sample of fewer: a random one of a random sample's rows goes, and its place stays closed. */
static void sample_drop_one(lh_sample *sample) {
    sample_row *dropped = &sample->values[sample_random_below(sample, sample->rows)];
    sample->bytes -= dropped->len;
    free(dropped->ptr);
    *dropped = sample->values[--sample->rows];
    sample->rows_max = sample->rows;
}

static void sample_take(lh_sample *sample, size_t place, uint64_t row) {
    lh_buf_clear(&sample->row);
    for (size_t i = 0; i < sample->column_count; i++) sample_value(sample, &sample->columns[i], row);
    char *copy = sample->failed ? NULL : malloc(sample->row.len);
    if (!copy) {
        sample->failed = true;
        return;
    }
    memcpy(copy, sample->row.ptr, sample->row.len);
    if (place == sample->rows) {
        sample->rows++;
    } else {
        sample->bytes -= sample->values[place].len;
        free(sample->values[place].ptr);
    }
    sample->values[place] = (sample_row){copy, sample->row.len};
    sample->bytes += sample->row.len;
    while (sample->bytes > SAMPLE_BYTES) sample_drop_one(sample);
}

/* ---- one chunk ---- */

static bool sample_types(lh_sample *sample, duckdb_data_chunk chunk) {
    sample->columns = LH_ARENA_ARRAY(sample->arena, engine_column, sample->column_count);
    bool known = sample->columns != NULL;
    for (size_t i = 0; known && i < sample->column_count; i++) {
        duckdb_logical_type type = duckdb_vector_get_column_type(duckdb_data_chunk_get_vector(chunk, i + 1));
        known = engine_column_init(&sample->columns[i], LH_STR_NONE, type, sample->arena, NULL) == LH_OK;
        duckdb_destroy_logical_type(&type);
    }
    return known;
}

static void sample_add(lh_sample *sample, duckdb_data_chunk chunk, uint64_t count) {
    bool loaded = false;
    if (sample->failed || duckdb_data_chunk_get_column_count(chunk) != sample->column_count + 1) return;
    if (!sample->columns && !sample_types(sample, chunk)) sample->failed = true;
    for (uint64_t row = 0; row < count && !sample->failed; row++) {
        uint64_t place = sample->seen++;
        if (place >= sample->rows_max) place = sample_random_below(sample, sample->seen);
        if (place >= sample->rows_max) continue;
        for (size_t i = 0; !loaded && i < sample->column_count; i++)
            engine_column_load(&sample->columns[i], duckdb_data_chunk_get_vector(chunk, i + 1));
        loaded = true;
        sample_take(sample, (size_t)place, row);
    }
}

/* lh_sample(id BIGINT, values…) BOOLEAN: true. Any thread of DuckDB's. */
static void sample_function(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) {
    lh_engine *engine = duckdb_scalar_function_get_extra_info(info);
    uint64_t count = duckdb_data_chunk_get_size(chunk);
    memset(duckdb_vector_get_data(output), 1, count);
    if (count == 0) return;
    int64_t id = *(const int64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
    pthread_mutex_lock(&engine->sample_lock);
    for (lh_sample *sample = engine->samples; sample; sample = sample->next)
        if (sample->id == id) sample_add(sample, chunk, count);
    pthread_mutex_unlock(&engine->sample_lock);
}

lh_code engine_register_sample(lh_engine *engine, duckdb_database database, lh_error *err) {
    duckdb_connection connection = NULL;
    if (duckdb_connect(database, &connection) == DuckDBError)
        return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type bigint = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT),
                        any = duckdb_create_logical_type(DUCKDB_TYPE_ANY),
                        boolean = duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
    duckdb_scalar_function_set_name(function, SAMPLE_FUNCTION);
    duckdb_scalar_function_add_parameter(function, bigint);
    duckdb_scalar_function_set_varargs(function, any);
    duckdb_scalar_function_set_return_type(function, boolean);
    duckdb_scalar_function_set_special_handling(function); /* NULL is a value like others */
    duckdb_scalar_function_set_volatile(function);
    duckdb_scalar_function_set_extra_info(function, engine, NULL);
    duckdb_scalar_function_set_function(function, sample_function);
    bool registered = duckdb_register_scalar_function(connection, function) == DuckDBSuccess;
    duckdb_destroy_logical_type(&bigint);
    duckdb_destroy_logical_type(&any);
    duckdb_destroy_logical_type(&boolean);
    duckdb_destroy_scalar_function(&function);
    duckdb_disconnect(&connection);
    return registered ? LH_OK : lh_fail(err, LH_INTERNAL, "engine: a function cannot be registered");
}

/* ---- for the loads ---- */

static void sample_free(lh_sample *sample) {
    if (!sample) return;
    for (size_t i = 0; i < sample->rows; i++) free(sample->values[i].ptr);
    free(sample->values);
    engine_out_done(&sample->out);
    lh_buf_done(&sample->row);
    lh_arena_free(sample->arena);
    free(sample);
}

static lh_code sample_init(lh_sample *sample, size_t rows, size_t columns, lh_error *err) {
    sample->column_count = columns;
    sample->rows_max = sample->rows_asked = rows;
    const lh_buf row = LH_BUF_INIT(columns * (SAMPLE_VALUE_BYTES + 64) + 4096);
    sample->row = row;
    lh_random_bytes(&sample->random, sizeof sample->random);
    sample->values = calloc(sample->rows_max, sizeof *sample->values);
    if (!sample->values) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    LH_TRY(lh_arena_new(16 << 20, &sample->arena, err));
    return engine_out_init(&sample->out, sample_collect, sample, 0, NULL);
}

lh_code lh_sample_new(lh_engine *engine, size_t rows, size_t columns, lh_sample **ret, lh_error *err) {
    if (columns == 0 || columns > SAMPLE_COLUMNS)
        return lh_fail(err, LH_LIMIT, "a sample is of 1 to %d columns", SAMPLE_COLUMNS);
    lh_sample *sample = calloc(1, sizeof *sample);
    if (!sample) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    lh_code code = sample_init(sample, rows, columns, err);
    if (code != LH_OK) {
        sample_free(sample);
        return code;
    }
    sample->engine = engine;
    pthread_mutex_lock(&engine->sample_lock);
    sample->id = ++engine->sample_ids;
    sample->next = engine->samples;
    engine->samples = sample;
    pthread_mutex_unlock(&engine->sample_lock);
    *ret = sample;
    return LH_OK;
}

void lh_sample_free(lh_sample *sample) {
    if (!sample) return;
    lh_engine *engine = sample->engine;
    pthread_mutex_lock(&engine->sample_lock);
    for (lh_sample **at = &engine->samples; *at; at = &(*at)->next)
        if (*at == sample) {
            *at = sample->next;
            break;
        }
    pthread_mutex_unlock(&engine->sample_lock);
    sample_free(sample);
}

void lh_sample_clear(lh_sample *sample) {
    pthread_mutex_lock(&sample->engine->sample_lock);
    for (size_t i = 0; i < sample->rows; i++) free(sample->values[i].ptr);
    sample->rows = sample->bytes = 0;
    sample->rows_max = sample->rows_asked;
    sample->seen = 0;
    sample->columns = NULL;
    pthread_mutex_unlock(&sample->engine->sample_lock);
}

void lh_sample_sql(const lh_sample *sample, lh_buf *into) {
    lh_buf_printf(into, SAMPLE_FUNCTION "(%" PRId64, sample->id);
}

size_t lh_sample_rows(const lh_sample *sample) {
    pthread_mutex_lock(&sample->engine->sample_lock);
    size_t rows = sample->failed ? 0 : sample->rows;
    pthread_mutex_unlock(&sample->engine->sample_lock);
    return rows;
}

bool lh_sample_value(const lh_sample *sample, size_t row, size_t column, lh_str *ret) {
    const char *at = sample->values[row].ptr;
    uint32_t len;
    for (size_t i = 0;; i++) {
        memcpy(&len, at, sizeof len);
        at += sizeof len;
        if (i == column) break;
        at += len == SAMPLE_NULL ? 0 : len;
    }
    *ret = len == SAMPLE_NULL ? LH_STR_NONE : (lh_str){at, len};
    return len != SAMPLE_NULL;
}
