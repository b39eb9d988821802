/* The body of a search: every member is looked at before anything else is, and an error names it. Only what takes the index to judge (how
 * many numbers a vector has, the words of a filter) is looked at later. */
#include "vector/vector_internal.h"

#include <math.h>

enum {
    READ_K = 10,
    READ_K_MAX = 1000,
    READ_RERANKED = 50, /* the first so many, or k */
    READ_WEIGHT_MAX = 1000,
    READ_COLUMNS_MAX = 1000,
};

const char *const vector_mode_names[VECTOR_MODES] = {"exact", "hnsw", "text", "hybrid"};

static const lh_json *read_given(const lh_json *body, const char *name) {
    const lh_json *value = lh_json_get(body, name);
    return lh_json_is_null(value) ? NULL : value;
}

static lh_code read_k(const lh_json *body, vector_asked *ret, lh_error *err) {
    const lh_json *given = read_given(body, "k");
    uint64_t k = given ? lh_json_uint(given, 0) : READ_K;
    if (k < 1 || k > READ_K_MAX) return lh_fail(err, LH_INVALID, "'k' is 1 to %d", READ_K_MAX);
    ret->k = ret->wanted = (uint32_t)k;
    return LH_OK;
}

static lh_code read_mode(const lh_json *body, vector_asked *ret, lh_error *err) {
    lh_str mode = lh_json_str(lh_json_get(body, "mode"), LH_STR("hnsw"));
    for (int i = 0; i < VECTOR_MODES; i++)
        if (lh_str_eq(mode, lh_str_from(vector_mode_names[i]))) return ret->mode = (vector_mode)i, LH_OK;
    return lh_fail(err, LH_INVALID, "'mode' is exact, hnsw, text or hybrid, not '%.*s'",
                   LH_STR_ARG(lh_str_cut_utf8(mode, 100)));
}

static lh_code read_weight(const lh_json *weights, const char *name, double *ret, lh_error *err) {
    const lh_json *given = read_given(weights, name);
    *ret = given ? lh_json_real(given, NAN) : 1;
    if (*ret >= 0 && *ret <= (double)READ_WEIGHT_MAX) return LH_OK;
    return lh_fail(err, LH_INVALID, "'weights.%s' is a number from 0 to %d", name, READ_WEIGHT_MAX);
}

static lh_code read_weights(const lh_json *body, vector_asked *ret, lh_error *err) {
    const lh_json *weights = read_given(body, "weights");
    if (weights && ret->mode != VECTOR_HYBRID) return lh_fail(err, LH_INVALID, "'weights' are of the mode hybrid");
    LH_TRY(read_weight(weights, "vector", &ret->weights[VECTOR_BY_VECTOR], err));
    LH_TRY(read_weight(weights, "text", &ret->weights[VECTOR_BY_TEXT], err));
    ret->by_vector = ret->mode != VECTOR_TEXT && ret->weights[VECTOR_BY_VECTOR] > 0;
    ret->by_words = ret->mode == VECTOR_TEXT || (ret->mode == VECTOR_HYBRID && ret->weights[VECTOR_BY_TEXT] > 0);
    if (ret->by_vector || ret->by_words) return LH_OK;
    return lh_fail(err, LH_INVALID, "one of 'weights' must be more than 0");
}

static lh_code read_rerank(const lh_json *body, vector_asked *ret, lh_error *err) {
    const lh_json *rerank = read_given(body, "rerank"), *given = read_given(rerank, "top_n");
    bool is_object = lh_json_is_object(rerank);
    if (!is_object && rerank && lh_json_type_of(rerank) != LH_JSON_BOOL)
        return lh_fail(err, LH_INVALID, "'rerank' is true, false or {\"model\", \"top_n\"}");
    ret->rerank = is_object || lh_json_bool(rerank, false);
    if (!ret->rerank) return LH_OK;
    uint64_t top_n = ret->k > READ_RERANKED ? ret->k : READ_RERANKED;
    if (given) top_n = lh_json_uint(given, 0);
    if (top_n < ret->k || top_n > READ_K_MAX)
        return lh_fail(err, LH_INVALID, "'rerank.top_n' is 'k', %" PRIu32 ", to %d", ret->k, READ_K_MAX);
    ret->wanted = (uint32_t)top_n;
    ret->reranker = lh_json_get_string(rerank, "model");
    return LH_OK;
}

static lh_code read_query(const lh_json *body, vector_asked *ret, lh_error *err) {
    bool words = ret->mode == VECTOR_TEXT || ret->mode == VECTOR_HYBRID;
    ret->text = lh_json_get_string(body, "query");
    ret->vector = read_given(body, "vector");
    if (ret->vector && ret->mode == VECTOR_TEXT)
        return lh_fail(err, LH_INVALID, "the mode text takes 'query', not 'vector'");
    if (ret->vector && !words && ret->text.len)
        return lh_fail(err, LH_INVALID, "give 'query' or 'vector', not both; the mode hybrid takes both");
    if (lh_str_trim(ret->text).len == 0 && (!ret->vector || words || ret->rerank))
        return lh_fail(err, LH_INVALID, "'query' must be a text to search for");
    return LH_OK;
}

static lh_code read_columns(const lh_json *body, vector_asked *ret, lh_error *err) {
    ret->columns = read_given(body, "columns");
    if (ret->columns && !lh_json_is_array(ret->columns))
        return lh_fail(err, LH_INVALID, "'columns' must be a list of names");
    if (lh_json_size(ret->columns) > READ_COLUMNS_MAX) /* each is compared with each */
        return lh_fail(err, LH_INVALID, "'columns' has %zu names, more than %d", lh_json_size(ret->columns),
                       READ_COLUMNS_MAX);
    for (lh_json_iter it = lh_json_each(ret->columns); lh_json_next(&it);) {
        if (!lh_json_is_string(it.value)) return lh_fail(err, LH_INVALID, "'columns' must be a list of names");
        lh_str name = lh_json_str(it.value, LH_STR_NONE);
        for (lh_json_iter before = lh_json_each(ret->columns); lh_json_next(&before) && before.index < it.index;)
            if (lh_str_eq_nocase(lh_json_str(before.value, LH_STR_NONE), name))
                return lh_fail(err, LH_INVALID, "'columns' names '%.*s' twice", LH_STR_ARG(lh_str_cut_utf8(name, 100)));
    }
    return LH_OK;
}

lh_code vector_search_read(const lh_json *body, vector_asked *ret, lh_error *err) {
    vector_asked asked = {.index = lh_json_get_string(body, "index"),
                          .model = lh_json_get_string(body, "model"),
                          .model_version = lh_json_get_string(body, "model_version"),
                          .filter = read_given(body, "filter")};
    if (asked.index.len == 0) return lh_fail(err, LH_INVALID, "'index' must name an index");
    LH_TRY(read_k(body, &asked, err));
    LH_TRY(read_mode(body, &asked, err));
    LH_TRY(read_weights(body, &asked, err));
    LH_TRY(read_rerank(body, &asked, err));
    LH_TRY(read_query(body, &asked, err));
    LH_TRY(read_columns(body, &asked, err));
    *ret = asked;
    return LH_OK;
}

lh_code vector_numbers_read(const vector_definition *d, const lh_json *vector, const char *what, float *into,
                            lh_error *err) {
    bool zero = true;
    if (!lh_json_is_array(vector) || lh_json_size(vector) != d->dimensions)
        return lh_fail(err, LH_INVALID, "%s must have the %" PRIu32 " numbers of the index '%.*s'", what, d->dimensions,
                       LH_STR_ARG(d->name));
    for (lh_json_iter it = lh_json_each(vector); lh_json_next(&it);) {
        double number = lh_json_real(it.value, NAN);
        if (isnan(number)) return lh_fail(err, LH_INVALID, "%s must have numbers only", what);
        if (!(fabs(number) <= (double)LH_ANN_VALUE_MAX))
            return lh_fail(err, LH_INVALID, "%s has a number beyond ±%g", what, (double)LH_ANN_VALUE_MAX);
        into[it.index] = (float)number;
        zero = zero && into[it.index] == 0;
    }
    if (zero && d->metric == LH_ANN_COSINE)
        return lh_fail(err, LH_INVALID, "%s is all zero: it has no direction, which the metric cosine compares", what);
    return LH_OK;
}
