/* The bodies of requests about eval sets, trials and tunes: every member is looked at before anything else is, and an error names it.
 * The queries of an eval set take the index to judge, which is read in between. */
#include "vector/trial_internal.h"

#include <math.h>

static lh_code read_index(const lh_json *body, lh_str *ret, lh_error *err) {
    *ret = lh_json_get_string(body, "index");
    return ret->len ? LH_OK : lh_fail(err, LH_INVALID, "'index' must name an index");
}

lh_code trial_read_k(const lh_json *body, uint32_t otherwise, uint32_t *ret, lh_error *err) {
    const lh_json *given = lh_json_get(body, "k");
    uint64_t k = lh_json_is_null(given) ? otherwise : lh_json_uint(given, UINT64_MAX);
    if (!lh_json_is_null(given) && (k < 1 || k > EVAL_K_MAX))
        return lh_fail(err, LH_INVALID, "'k' is 1 to %d", EVAL_K_MAX);
    *ret = (uint32_t)k;
    return LH_OK;
}

/* ---- eval sets ---- */

lh_code eval_read(const lh_json *body, eval_asked *ret, lh_error *err) {
    eval_asked asked = {.name = lh_json_get_string(body, "name"), .queries = lh_json_get(body, "queries")};
    size_t count = lh_json_size(asked.queries);
    LH_TRY(read_index(body, &asked.index, err));
    LH_TRY(eval_name_check(asked.name, err));
    LH_TRY(trial_read_k(body, EVAL_K, &asked.k, err));
    if (!lh_json_is_array(asked.queries) || count < 1 || count > EVAL_QUERIES_MAX)
        return lh_fail(err, LH_INVALID, "'queries' is a list of 1 to %d", EVAL_QUERIES_MAX);
    asked.count = (uint32_t)count;
    *ret = asked;
    return LH_OK;
}

static lh_code read_relevant(const lh_json *ids, lh_arena *arena, eval_query *query, lh_error *err) {
    if (lh_json_is_null(ids)) return LH_OK;
    if (!lh_json_is_array(ids) || lh_json_size(ids) == 0 || lh_json_size(ids) > EVAL_K_MAX)
        return lh_fail(err, LH_INVALID, "'relevant' of a query is 1 to %d ids", EVAL_K_MAX);
    lh_json *list = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(ids); lh_json_next(&it);) {
        bool is_long = lh_json_is_int(it.value) && lh_json_uint(it.value, 0) <= INT64_MAX;
        if (!lh_json_is_string(it.value) && !is_long)
            return lh_fail(err, LH_INVALID, "'relevant' of a query has ids: texts or whole numbers of 64 bits");
        lh_json_append(list,
                       lh_json_is_string(it.value)
                           ? lh_json_copy(arena, it.value)
                           : lh_json_new_string(arena, lh_arena_printf(arena, "%" PRId64, lh_json_int(it.value, 0))));
    }
    query->relevant = list;
    return lh_arena_check(arena, err);
}

lh_code eval_query_read(const vector_definition *d, const lh_json *given, lh_arena *arena, eval_query *ret,
                        float *vector, lh_error *err) {
    const lh_json *numbers = lh_json_get(given, "vector");
    lh_str text = lh_json_get_string(given, "query");
    bool blank = lh_str_trim(text).len == 0;
    *ret = (eval_query){.text = blank ? LH_STR_NONE : text, .source = LH_STR("given")};
    if (!lh_json_is_object(given) || blank == lh_json_is_null(numbers))
        return lh_fail(err, LH_INVALID, "each of 'queries' has 'query', a text, or 'vector'");
    if (text.len > EVAL_TEXT_BYTES) return lh_fail(err, LH_LIMIT, "'query' has at most %d bytes", EVAL_TEXT_BYTES);
    LH_TRY(read_relevant(lh_json_get(given, "relevant"), arena, ret, err));
    return blank ? vector_numbers_read(d, numbers, "'vector' of a query", vector, err) : LH_OK;
}

lh_code sample_read(const lh_json *body, sample_asked *ret, lh_error *err) {
    const lh_json *seed = lh_json_get(body, "seed"), *replace = lh_json_get(body, "replace");
    uint64_t count = lh_json_uint(lh_json_get(body, "count"), 0);
    sample_asked asked = {
        .count = (uint32_t)count, .seed = lh_json_uint(seed, EVAL_SEED), .replace = lh_json_bool(replace, false)};
    LH_TRY(read_index(body, &asked.index, err));
    LH_TRY(trial_read_k(body, EVAL_K, &asked.k, err));
    if (count < 1 || count > EVAL_QUERIES_MAX) return lh_fail(err, LH_INVALID, "'count' is 1 to %d", EVAL_QUERIES_MAX);
    if (!lh_json_is_null(seed) && (!lh_json_is_int(seed) || lh_json_int(seed, -1) < 0))
        return lh_fail(err, LH_INVALID, "'seed' is a whole number, 0 or more");
    if (!lh_json_is_null(replace) && lh_json_type_of(replace) != LH_JSON_BOOL)
        return lh_fail(err, LH_INVALID, "'replace' is true or false");
    *ret = asked;
    return LH_OK;
}

/* ---- trials ---- */

lh_code trial_read(const lh_json *body, trial_asked *ret, lh_error *err) {
    trial_asked asked = {.eval = lh_json_get_string(body, "eval")};
    LH_TRY(read_index(body, &asked.index, err));
    if (!asked.eval.len) return lh_fail(err, LH_INVALID, "'eval' must name an eval set");
    LH_TRY(vector_hnsw_parse(lh_json_get(body, "config"), &asked.config, err));
    LH_TRY(trial_read_k(body, 0, &asked.k, err));
    *ret = asked;
    return LH_OK;
}

/* ---- tunes ---- */

static lh_code read_budget(const lh_json *budget, const char *name, uint64_t max, uint64_t *ret, lh_error *err) {
    const lh_json *value = lh_json_get(budget, name);
    if (lh_json_is_null(value)) return LH_OK;
    uint64_t number = lh_json_uint(value, 0);
    if (number < 1 || number > max) return lh_fail(err, LH_INVALID, "'budget.%s' is 1 to %" PRIu64, name, max);
    *ret = number;
    return LH_OK;
}

lh_code tune_read(const lh_json *body, tune_asked *ret, lh_error *err) {
    const lh_json *target = lh_json_get(body, "recall_target"), *part = lh_json_get(body, "filter_selectivity"),
                  *budget = lh_json_get(body, "budget"), *eval = lh_json_get(body, "eval");
    tune_asked asked = {.eval = lh_json_get_string(body, "eval"), .trials = TUNE_TRIALS, .seconds = TUNE_SECONDS};
    LH_TRY(read_index(body, &asked.index, err));
    if (!lh_json_is_null(target)) LH_TRY(vector_recall_target_parse(target, &asked.recall_target, err));
    if (!lh_json_is_null(part)) asked.selectivity = lh_json_real(part, NAN);
    if (!lh_json_is_null(part) && !(asked.selectivity > 0 && asked.selectivity <= 1))
        return lh_fail(err, LH_INVALID, "'filter_selectivity' is a number above 0, at most 1");
    if (!lh_json_is_null(budget) && !lh_json_is_object(budget))
        return lh_fail(err, LH_INVALID, "'budget' is {\"trials\", \"seconds\"}");
    LH_TRY(read_budget(budget, "trials", TUNE_TRIALS_MAX, &asked.trials, err));
    LH_TRY(read_budget(budget, "seconds", TUNE_SECONDS_MAX, &asked.seconds, err));
    LH_TRY(trial_read_k(body, 0, &asked.k, err));
    if (!lh_json_is_null(eval) && !asked.eval.len) return lh_fail(err, LH_INVALID, "'eval' must name an eval set");
    *ret = asked;
    return LH_OK;
}
