#include "engine/mask.h"

#include <stdio.h>

enum { MASK_TOKEN_DIGITS = 16, MASK_RANDOM_BYTES = 8 };

/* ---- one value ---- */

static bool mask_is_ascii(lh_str value) { /* where each byte is a character: CR LF is one of two */
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] >= 0x80 || value.ptr[i] == '\r') return false;
    return true;
}

static size_t mask_step(lh_str value, size_t at, bool ascii) {
    size_t width;
    return ascii ? 1 : lh_str_cluster(value, at, &width);
}

/* `into` has room for the value: no character is shorter than its '*'. */
static size_t mask_keep(lh_str value, int32_t prefix, int32_t suffix, char *into) {
    bool ascii = mask_is_ascii(value);
    size_t count = 0, used = 0, kept = (size_t)prefix + (size_t)suffix, i = 0;
    for (size_t at = 0; at < value.len; count++) at += mask_step(value, at, ascii);
    for (size_t at = 0, step; at < value.len; at += step, i++) {
        step = mask_step(value, at, ascii);
        bool shown = count > kept && (i < (size_t)prefix || i >= count - (size_t)suffix);
        if (shown) memcpy(into + used, value.ptr + at, step);
        else into[used] = '*';
        used += shown ? step : 1;
    }
    return used;
}

/* ---- one chunk ---- */

static lh_str mask_value(duckdb_vector vector, idx_t row) {
    duckdb_string_t *value = (duckdb_string_t *)duckdb_vector_get_data(vector) + row;
    return (lh_str){duckdb_string_t_data(value), duckdb_string_t_length(*value)};
}

static bool mask_is_null(duckdb_vector vector, idx_t row) {
    uint64_t *validity = duckdb_vector_get_validity(vector);
    return validity && !duckdb_validity_row_is_valid(validity, row);
}

static void mask_put_null(duckdb_vector output, idx_t row) {
    duckdb_vector_ensure_validity_writable(output);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
}

/* keep(value VARCHAR, prefix INTEGER, suffix INTEGER) */
static void mask_keep_function(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) {
    duckdb_vector values = duckdb_data_chunk_get_vector(chunk, 0);
    const int32_t *prefix = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 1)),
                  *suffix = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 2));
    char *into = NULL;
    size_t room = 0;
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk); row++) {
        if (mask_is_null(values, row)) {
            mask_put_null(output, row);
            continue;
        }
        lh_str value = mask_value(values, row);
        if (value.len >= room) {
            free(into);
            room = 2 * value.len + 64;
            into = malloc(room);
            if (!into) {
                duckdb_scalar_function_set_error(info, "out of memory");
                return;
            }
        }
        duckdb_vector_assign_string_element_len(output, row, into, mask_keep(value, prefix[row], suffix[row], into));
    }
    free(into);
}

/* hash(value VARCHAR), token(value VARCHAR) */
static void mask_hash_chunk(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output, lh_str before,
                            size_t digits) {
    const engine_masks *masks = duckdb_scalar_function_get_extra_info(info);
    LH_CLEANUP(lh_hmac_freep) lh_hmac *hmac = NULL;
    duckdb_vector values = duckdb_data_chunk_get_vector(chunk, 0);
    char text[80];
    memcpy(text, before.ptr, before.len);
    if (lh_hmac_new((lh_str){(const char *)masks->key, sizeof masks->key}, &hmac, NULL) != LH_OK) {
        duckdb_scalar_function_set_error(info, "out of memory");
        return;
    }
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk); row++) {
        if (mask_is_null(values, row)) {
            mask_put_null(output, row);
            continue;
        }
        lh_sha256 hash = lh_hmac_of(hmac, mask_value(values, row));
        lh_hex(hash.bytes, digits / 2, text + before.len);
        duckdb_vector_assign_string_element_len(output, row, text, before.len + digits);
    }
}

static void mask_hash_function(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) {
    mask_hash_chunk(info, chunk, output, LH_STR(""), 2 * sizeof(lh_sha256));
}

static void mask_token_function(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) {
    mask_hash_chunk(info, chunk, output, LH_STR("tok_"), MASK_TOKEN_DIGITS);
}

/* ---- registered ---- */

void engine_masks_init(engine_masks *masks, lh_str key) {
    unsigned char random[MASK_RANDOM_BYTES];
    lh_random_bytes(random, sizeof random);
    memcpy(masks->name, "lh_", 3);
    lh_hex(random, sizeof random, masks->name + 3);
    if (key.len == 0) lh_random_bytes(masks->key, sizeof masks->key);
    else {
        lh_sha256 hash = lh_sha256_of(key); /* of any length */
        memcpy(masks->key, hash.bytes, sizeof masks->key);
    }
}

static bool mask_register(duckdb_connection connection, engine_masks *masks, const char *kind, bool counts,
                          duckdb_scalar_function_t run) {
    char name[64];
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type varchar = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR),
                        integer = duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
    snprintf(name, sizeof name, "%s_%s", masks->name, kind);
    duckdb_scalar_function_set_name(function, name);
    duckdb_scalar_function_add_parameter(function, varchar);
    for (int i = 0; counts && i < 2; i++) duckdb_scalar_function_add_parameter(function, integer);
    duckdb_scalar_function_set_return_type(function, varchar);
    duckdb_scalar_function_set_special_handling(function); /* NULL: looked at by the function */
    duckdb_scalar_function_set_extra_info(function, masks, NULL);
    duckdb_scalar_function_set_function(function, run);
    bool registered = duckdb_register_scalar_function(connection, function) == DuckDBSuccess;
    duckdb_destroy_logical_type(&varchar);
    duckdb_destroy_logical_type(&integer);
    duckdb_destroy_scalar_function(&function);
    return registered;
}

lh_code engine_register_masks(engine_masks *masks, duckdb_database database, lh_error *err) {
    duckdb_connection connection = NULL;
    if (duckdb_connect(database, &connection) == DuckDBError)
        return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    bool registered = mask_register(connection, masks, "keep", true, mask_keep_function) &&
                      mask_register(connection, masks, "hash", false, mask_hash_function) &&
                      mask_register(connection, masks, "token", false, mask_token_function);
    duckdb_disconnect(&connection);
    return registered ? LH_OK : lh_fail(err, LH_INTERNAL, "engine: a function cannot be registered");
}

/* ---- as SQL ---- */

static bool mask_type_is(lh_str type, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq_nocase(type, lh_str_from(list[i]))) return true;
    return false;
}

bool lh_mask_fits(const lh_mask *mask, lh_str type) {
    LH_CLEANUP(lh_buf_done) lh_buf ignored = LH_BUF_INIT(4096);
    const engine_masks none = {0};
    bool counts = mask->kind != LH_MASK_KEEP || (mask->keep_prefix <= INT16_MAX && mask->keep_suffix <= INT16_MAX);
    if (mask->kind == LH_MASK_YEAR || mask->kind == LH_MASK_BUCKET)
        return engine_mask_sql(&none, mask, LH_STR("c"), type, &ignored, NULL) == LH_OK;
    return counts;
}

/* Integers by their remainder, which has the sign of the value; in 128 bits, where nothing overflows. The multiple below may lie
 * outside of the type. No TRY(): DuckDB computes what stands in it twice outside of it, once. */
static lh_code mask_bucket_sql(const lh_mask *mask, lh_str column, lh_str type, lh_buf *into, lh_error *err) {
    static const char *const integers[] = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",
                                           "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"};
    static const char *const floats[] = {"FLOAT", "DOUBLE"};
    bool decimal = type.len > 8 && lh_str_eq_nocase(lh_str_sub(type, 0, 8), LH_STR("DECIMAL("));
    bool whole = mask_type_is(type, integers, sizeof integers / sizeof *integers);
    if (!decimal && !whole && !mask_type_is(type, floats, 2))
        return lh_fail(err, LH_INVALID, "a mask of kind bucket is for numbers, not for %.*s", LH_STR_ARG(type));
    if (mask->bucket == 0 || mask->bucket > INT64_MAX)
        return lh_fail(err, LH_INVALID, "a mask of kind bucket takes n from 1 on");
    if (whole)
        lh_buf_printf(into,
                      "TRY_CAST(%.*s::HUGEINT - %.*s::HUGEINT %% %" PRIu64 " - CASE WHEN %.*s::HUGEINT %% %" PRIu64
                      " < 0 THEN %" PRIu64 " ELSE 0 END AS %.*s)",
                      LH_STR_ARG(column), LH_STR_ARG(column), mask->bucket, LH_STR_ARG(column), mask->bucket,
                      mask->bucket, LH_STR_ARG(type));
    else
        lh_buf_printf(into, "TRY_CAST(floor(%.*s::DOUBLE / %" PRIu64 ") * %" PRIu64 " AS %.*s)", LH_STR_ARG(column),
                      mask->bucket, mask->bucket, LH_STR_ARG(type));
    return lh_buf_check(into, err);
}

static lh_code mask_year_sql(lh_str column, lh_str type, lh_buf *into, lh_error *err) {
    static const char *const dates[] = {"DATE",         "TIMESTAMP",    "TIMESTAMP_S",
                                        "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"};
    if (!mask_type_is(type, dates, sizeof dates / sizeof *dates))
        return lh_fail(err, LH_INVALID, "a mask of kind year is for dates and timestamps, not for %.*s",
                       LH_STR_ARG(type));
    lh_buf_printf(into, "TRY_CAST(year(%.*s) AS INTEGER)", LH_STR_ARG(column));
    return lh_buf_check(into, err);
}

lh_code engine_mask_sql(const engine_masks *masks, const lh_mask *mask, lh_str column, lh_str type, lh_buf *into,
                        lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf quoted = LH_BUF_INIT(4096);
    lh_buf_sql_identifier(&quoted, column);
    LH_TRY(lh_buf_check(&quoted, err));
    lh_str name = lh_buf_str(&quoted);
    switch (mask->kind) {
    case LH_MASK_NONE: lh_buf_append(into, name); break;
    case LH_MASK_NULL: lh_buf_printf(into, "CASE WHEN false THEN %.*s END", LH_STR_ARG(name)); break;
    case LH_MASK_HASH: lh_buf_printf(into, "%s_hash(%.*s::VARCHAR)", masks->name, LH_STR_ARG(name)); break;
    case LH_MASK_SHA256: lh_buf_printf(into, "sha256(%.*s::VARCHAR)", LH_STR_ARG(name)); break;
    case LH_MASK_TOKEN: lh_buf_printf(into, "%s_token(%.*s::VARCHAR)", masks->name, LH_STR_ARG(name)); break;
    case LH_MASK_KEEP:
        if (mask->keep_prefix > INT16_MAX || mask->keep_suffix > INT16_MAX)
            return lh_fail(err, LH_INVALID, "a mask keeps %d characters at most", INT16_MAX);
        lh_buf_printf(into, "%s_keep(%.*s::VARCHAR, %" PRIu32 ", %" PRIu32 ")", masks->name, LH_STR_ARG(name),
                      mask->keep_prefix, mask->keep_suffix);
        break;
    case LH_MASK_YEAR: return mask_year_sql(name, type, into, err);
    case LH_MASK_BUCKET: return mask_bucket_sql(mask, name, type, into, err);
    }
    return lh_buf_check(into, err);
}

lh_str lh_relation_type(const lh_relation_column *column) {
    switch (column->mask.kind) {
    case LH_MASK_HASH:
    case LH_MASK_SHA256:
    case LH_MASK_TOKEN:
    case LH_MASK_KEEP: return LH_STR("VARCHAR");
    case LH_MASK_YEAR: return LH_STR("INTEGER");
    case LH_MASK_NONE:
    case LH_MASK_NULL:
    case LH_MASK_BUCKET: break;
    }
    return column->type;
}
