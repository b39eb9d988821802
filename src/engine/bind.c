/* JSON values as parameters: null, true, 12, 1.5, "text", and lists of one of these. Dates and the like come as
 * strings, which DuckDB casts where it needs them. */
#include "engine/engine_internal.h"

#include <stdio.h>

static duckdb_value bind_scalar(const lh_json *value) {
    switch (lh_json_type_of(value)) {
    case LH_JSON_BOOL: return duckdb_create_bool(lh_json_bool(value, false));
    case LH_JSON_REAL: return duckdb_create_double(lh_json_real(value, 0));
    case LH_JSON_STRING: {
        lh_str text = lh_json_str(value, LH_STR_NONE);
        return duckdb_create_varchar_length(text.ptr ? text.ptr : "", text.len);
    }
    case LH_JSON_INT: {
        int64_t small = lh_json_int(value, INT64_MAX);
        if (small == INT64_MAX)
            return duckdb_create_uint64(lh_json_uint(value, 0)); /* above INT64_MAX, or equal to it */
        return duckdb_create_int64(small);
    }
    case LH_JSON_NONE:
    case LH_JSON_NULL:
    case LH_JSON_ARRAY:
    case LH_JSON_OBJECT: break;
    }
    return duckdb_create_null_value();
}

static duckdb_type bind_list_type(const lh_json *list) {
    duckdb_type type = DUCKDB_TYPE_INVALID;
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) {
        duckdb_type here = DUCKDB_TYPE_INVALID;
        switch (lh_json_type_of(it.value)) {
        case LH_JSON_BOOL: here = DUCKDB_TYPE_BOOLEAN; break;
        case LH_JSON_INT: here = DUCKDB_TYPE_BIGINT; break;
        case LH_JSON_REAL: here = DUCKDB_TYPE_DOUBLE; break;
        case LH_JSON_STRING: here = DUCKDB_TYPE_VARCHAR; break;
        case LH_JSON_NONE:
        case LH_JSON_NULL: continue;
        case LH_JSON_ARRAY:
        case LH_JSON_OBJECT: return DUCKDB_TYPE_INVALID;
        }
        bool numbers = (type == DUCKDB_TYPE_BIGINT && here == DUCKDB_TYPE_DOUBLE) ||
                       (type == DUCKDB_TYPE_DOUBLE && here == DUCKDB_TYPE_BIGINT);
        if (numbers) here = DUCKDB_TYPE_DOUBLE;
        else if (type != DUCKDB_TYPE_INVALID && here != type) return DUCKDB_TYPE_INVALID;
        type = here;
    }
    return type == DUCKDB_TYPE_INVALID ? DUCKDB_TYPE_VARCHAR : type;
}

static duckdb_value bind_element(const lh_json *value, duckdb_type type) {
    bool widen = type == DUCKDB_TYPE_DOUBLE && lh_json_is_int(value);
    return widen ? duckdb_create_double(lh_json_real(value, 0)) : bind_scalar(value);
}

static lh_code bind_list(const lh_json *list, const char *name, duckdb_value *ret, lh_error *err) {
    size_t count = lh_json_size(list), made = 0;
    duckdb_type type = bind_list_type(list);
    if (type == DUCKDB_TYPE_INVALID)
        return lh_fail(err, LH_INVALID, "params: %s: a list may hold only booleans, only numbers or only strings",
                       name);
    duckdb_value *values = calloc(count ? count : 1, sizeof *values);
    if (!values) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) values[made++] = bind_element(it.value, type);
    duckdb_logical_type logical = duckdb_create_logical_type(type);
    *ret = duckdb_create_list_value(logical, values, made);
    duckdb_destroy_logical_type(&logical);
    for (size_t i = 0; i < made; i++) duckdb_destroy_value(&values[i]);
    free(values);
    return *ret ? LH_OK : lh_fail(err, LH_INVALID, "params: %s: this list cannot be bound", name);
}

static lh_code bind_one(duckdb_prepared_statement statement, idx_t index, const char *name, const lh_json *value,
                        lh_error *err) {
    duckdb_value bound = NULL;
    if (lh_json_is_object(value))
        return lh_fail(err, LH_INVALID, "params: %s: an object cannot be bound; pass it as a JSON string", name);
    if (lh_json_is_array(value)) LH_TRY(bind_list(value, name, &bound, err));
    else bound = bind_scalar(value);
    duckdb_state state = duckdb_bind_value(statement, index, bound);
    duckdb_destroy_value(&bound);
    return state == DuckDBSuccess ? LH_OK : lh_fail(err, LH_INVALID, "params: %s cannot be bound", name);
}

static lh_code bind_positions(duckdb_prepared_statement statement, idx_t wanted, const lh_json *params, lh_error *err) {
    size_t given = lh_json_size(params);
    if (given != wanted)
        return lh_fail(err, LH_INVALID, "params: the statement takes %" PRIu64 " values, %zu are given",
                       (uint64_t)wanted, given);
    idx_t index = 1;
    for (lh_json_iter it = lh_json_each(params); lh_json_next(&it); index++) {
        char name[32];
        snprintf(name, sizeof name, "$%" PRIu64, (uint64_t)index);
        LH_TRY(bind_one(statement, index, name, it.value, err));
    }
    return LH_OK;
}

static lh_code bind_names(duckdb_prepared_statement statement, idx_t wanted, const lh_json *params, lh_error *err) {
    for (idx_t i = 1; i <= wanted; i++) {
        const char *name = duckdb_parameter_name(statement, i);
        const lh_json *value = name ? lh_json_get(params, name) : NULL;
        lh_code code = LH_INVALID;
        if (value) code = bind_one(statement, i, name, value, err);
        else lh_error_set(err, code, "params: $%s is missing", name ? name : "?");
        if (name) duckdb_free((void *)(uintptr_t)name);
        LH_TRY(code);
    }
    return LH_OK;
}

lh_code engine_bind(duckdb_prepared_statement statement, const lh_json *params, lh_error *err) {
    idx_t wanted = duckdb_nparams(statement);
    if (wanted == 0) return LH_OK;
    if (lh_json_is_null(params))
        return lh_fail(err, LH_INVALID, "params: the statement takes %" PRIu64 " values, none are given",
                       (uint64_t)wanted);
    if (lh_json_is_array(params)) return bind_positions(statement, wanted, params, err);
    if (lh_json_is_object(params)) return bind_names(statement, wanted, params, err);
    return lh_fail(err, LH_INVALID, "params: an array (for $1, ?) or an object (for $name) is wanted");
}
