/* How the graph of an index is built and searched, as JSON has it, and how good the index promises to be. */
#include "vector/vector_internal.h"

#include <math.h>

static lh_code hnsw_number(const lh_json *given, const char *name, uint32_t min, uint32_t max, uint32_t *ret,
                           lh_error *err) {
    const lh_json *value = lh_json_get(given, name);
    if (lh_json_is_null(value)) return LH_OK;
    uint64_t number = lh_json_uint(value, UINT64_MAX);
    if (number < min || number > max)
        return lh_fail(err, LH_INVALID, "'%s' of an HNSW config is %" PRIu32 " to %" PRIu32, name, min, max);
    *ret = (uint32_t)number;
    return LH_OK;
}

static lh_code hnsw_dtype(const lh_json *given, lh_ann_dtype *ret, lh_error *err) {
    const lh_json *value = lh_json_get(given, "dtype");
    if (lh_json_is_null(value)) return LH_OK;
    lh_str name = lh_json_str(value, LH_STR_NONE);
    for (int dtype = 0; dtype < LH_ANN_DTYPES; dtype++)
        if (lh_str_eq(name, lh_str_from(lh_ann_dtype_name((lh_ann_dtype)dtype))))
            return *ret = (lh_ann_dtype)dtype, LH_OK;
    return lh_fail(err, LH_INVALID, "'dtype' of an HNSW config is f32, f16 or i8, not '%.*s'",
                   LH_STR_ARG(lh_str_cut_utf8(name, 100)));
}

/* What is not given is of LH_HNSW_DEFAULTS. */
lh_code vector_hnsw_parse(const lh_json *given, lh_hnsw_config *ret, lh_error *err) {
    static const char *const known[] = {"ef_construction", "ef_search", "connectivity", "dtype", "seed"};
    lh_hnsw_config config = LH_HNSW_DEFAULTS;
    if (!lh_json_is_null(given) && !lh_json_is_object(given))
        return lh_fail(err, LH_INVALID, "an HNSW config is {ef_construction, ef_search, connectivity, dtype, seed}");
    for (lh_json_iter it = lh_json_each(given); lh_json_next(&it);) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) found |= lh_str_eq(it.name, lh_str_from(known[i]));
        if (!found)
            return lh_fail(
                err, LH_INVALID,
                "an HNSW config has no '%.*s': it is {ef_construction, ef_search, connectivity, dtype, seed}",
                LH_STR_ARG(lh_str_cut_utf8(it.name, 100)));
    }
    LH_TRY(hnsw_number(given, "ef_construction", 1, LH_ANN_EF_MAX, &config.ef_construction, err));
    LH_TRY(hnsw_number(given, "ef_search", 1, LH_ANN_EF_MAX, &config.ef_search, err));
    LH_TRY(hnsw_number(given, "connectivity", 2, LH_ANN_CONNECTIVITY_MAX, &config.connectivity, err));
    LH_TRY(hnsw_dtype(given, &config.dtype, err));
    const lh_json *seed = lh_json_get(given, "seed");
    if (!lh_json_is_null(seed) && (!lh_json_is_int(seed) || lh_json_int(seed, -1) < 0))
        return lh_fail(err, LH_INVALID, "'seed' of an HNSW config is a whole number, 0 or more");
    config.seed = lh_json_uint(seed, config.seed);
    *ret = config;
    return LH_OK;
}

lh_json *vector_hnsw_json(const lh_hnsw_config *config, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena);
    lh_json_set_uint(arena, json, "ef_construction", config->ef_construction);
    lh_json_set_uint(arena, json, "ef_search", config->ef_search);
    lh_json_set_uint(arena, json, "connectivity", config->connectivity);
    lh_json_set_string(arena, json, "dtype", lh_str_from(lh_ann_dtype_name(config->dtype)));
    lh_json_set_uint(arena, json, "seed", config->seed);
    return json;
}

bool vector_hnsw_same_graph(const lh_hnsw_config *a, const lh_hnsw_config *b) {
    return a->ef_construction == b->ef_construction && a->connectivity == b->connectivity && a->dtype == b->dtype &&
           a->seed == b->seed;
}

lh_code vector_recall_target_parse(const lh_json *given, double *ret, lh_error *err) {
    if (lh_json_is_null(given)) return *ret = VECTOR_RECALL_TARGET, LH_OK;
    double target = lh_json_real(given, NAN);
    if (!(target > 0 && target <= 1)) return lh_fail(err, LH_INVALID, "'recall_target' is a number above 0, at most 1");
    *ret = target;
    return LH_OK;
}
