/* The body of a question: every member is looked at before anything is searched, and an error names it. What the search itself takes
 * (filter, columns, rerank) it looks at. */
#include "rag/rag_internal.h"

#include <math.h>

const char *const rag_mode_names[RAG_MODES] = {"hybrid", "hnsw", "exact", "text"};

static lh_code read_string(const lh_json *body, const char *name, lh_str *ret, lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    if (!lh_json_is_string(value) && !lh_json_is_null(value))
        return lh_fail(err, LH_INVALID, "'%s' must be a text", name);
    *ret = lh_json_str(value, LH_STR_NONE);
    return LH_OK;
}

static lh_code read_number(const lh_json *body, const char *name, double least, double most, bool *ret_has, double *ret,
                           lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    *ret_has = !lh_json_is_null(value);
    if (!*ret_has) return LH_OK;
    double number = lh_json_real(value, lh_json_is_int(value) ? (double)lh_json_int(value, 0) : NAN);
    if (!(number >= least && number <= most))
        return lh_fail(err, LH_INVALID, "'%s' is a number from %g to %g", name, least, most);
    *ret = number;
    return LH_OK;
}

static lh_code read_count(const lh_json *body, const char *name, uint64_t least, uint64_t most, uint64_t *ret,
                          lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    if (lh_json_is_null(value)) return LH_OK;
    uint64_t number = lh_json_uint(value, UINT64_MAX);
    if (!lh_json_is_int(value) || number < least || number > most)
        return lh_fail(err, LH_INVALID, "'%s' is a whole number from %" PRIu64 " to %" PRIu64, name, least, most);
    *ret = number;
    return LH_OK;
}

static lh_code read_question(const lh_json *body, rag_request *ret, lh_error *err) {
    LH_TRY(read_string(body, "question", &ret->question, err));
    ret->question = lh_str_trim(ret->question);
    if (ret->question.len == 0) return lh_fail(err, LH_INVALID, "'question' must be a text to answer");
    if (ret->question.len > RAG_QUESTION_BYTES)
        return lh_fail(err, LH_LIMIT, "'question' has %zu bytes, more than %d", ret->question.len, RAG_QUESTION_BYTES);
    return LH_OK;
}

static lh_code read_index(rag_request *ret, lh_str name, lh_error *err) {
    if (name.len == 0) return lh_fail(err, LH_INVALID, "'indexes' must name indexes, and none of them is empty");
    for (size_t i = 0; i < ret->index_count; i++)
        if (lh_str_eq(ret->indexes[i], name)) return LH_OK;
    ret->indexes[ret->index_count++] = name;
    return LH_OK;
}

static lh_code read_indexes(const lh_json *body, rag_request *ret, lh_error *err) {
    const lh_json *list = lh_json_get(body, "indexes");
    lh_str one;
    LH_TRY(read_string(body, "index", &one, err));
    if ((one.len > 0) != lh_json_is_null(list))
        return lh_fail(err, LH_INVALID, "either 'index' or 'indexes' must say where to look");
    if (one.len) return read_index(ret, one, err);
    if (!lh_json_is_array(list) || lh_json_size(list) == 0)
        return lh_fail(err, LH_INVALID, "'indexes' must be a list of names");
    if (lh_json_size(list) > RAG_INDEXES_MAX)
        return lh_fail(err, LH_LIMIT, "'indexes' has %zu names, more than %d", lh_json_size(list), RAG_INDEXES_MAX);
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);)
        LH_TRY(read_index(ret, lh_json_str(it.value, LH_STR_NONE), err));
    return LH_OK;
}

static lh_code read_mode(const lh_json *body, rag_request *ret, lh_error *err) {
    lh_str mode;
    LH_TRY(read_string(body, "mode", &mode, err));
    for (int i = 0; i < RAG_MODES; i++)
        if (mode.len == 0 || lh_str_eq(mode, lh_str_from(rag_mode_names[i]))) return ret->mode = (rag_mode)i, LH_OK;
    return lh_fail(err, LH_INVALID, "'mode' is hybrid, hnsw, exact or text, not '%.*s'",
                   LH_STR_ARG(lh_str_cut_utf8(mode, 100)));
}

static lh_code read_rerank(const lh_json *body, rag_request *ret, lh_error *err) {
    const lh_json *rerank = lh_json_get(body, "rerank");
    bool is_bool = lh_json_type_of(rerank) == LH_JSON_BOOL;
    if (!lh_json_is_null(rerank) && !is_bool && !lh_json_is_object(rerank))
        return lh_fail(err, LH_INVALID, "'rerank' is true, false or {\"model\"}");
    ret->rerank = lh_json_is_object(rerank) || lh_json_bool(rerank, false) ? rerank : NULL;
    return LH_OK;
}

static lh_code read_generate(const lh_json *body, rag_request *ret, lh_error *err) {
    const lh_json *generate = lh_json_get(body, "generate");
    ret->generate = lh_json_bool(generate, true);
    if (lh_json_is_null(generate) || lh_json_type_of(generate) == LH_JSON_BOOL) return LH_OK;
    return lh_fail(err, LH_INVALID, "'generate' is true, or false for sentences of the passages as they are");
}

lh_code rag_read(const lh_json *body, uint64_t context_tokens, rag_request *ret, lh_error *err) {
    uint64_t k = RAG_K;
    bool has_min_score;
    *ret = (rag_request){.max_context_tokens = context_tokens,
                         .max_tokens = RAG_ANSWER_TOKENS,
                         .min_score = RAG_MIN_SCORE,
                         .filter = lh_json_get(body, "filter"),
                         .columns = lh_json_get(body, "columns")};
    LH_TRY(read_question(body, ret, err));
    LH_TRY(read_indexes(body, ret, err));
    LH_TRY(read_count(body, "k", 1, RAG_K_MAX, &k, err));
    LH_TRY(read_mode(body, ret, err));
    LH_TRY(read_rerank(body, ret, err));
    LH_TRY(read_generate(body, ret, err));
    LH_TRY(read_number(body, "min_score", -1e9, 1e9, &has_min_score, &ret->min_score, err));
    if (has_min_score && ret->mode == RAG_TEXT)
        return lh_fail(err, LH_INVALID, "'min_score' is of vectors, which the mode text does not look at");
    LH_TRY(read_number(body, "temperature", 0, 2, &ret->has_temperature, &ret->temperature, err));
    LH_TRY(
        read_count(body, "max_context_tokens", RAG_CONTEXT_TOKENS_MIN, context_tokens, &ret->max_context_tokens, err));
    LH_TRY(read_count(body, "max_tokens", 1, context_tokens / 2, &ret->max_tokens, err));
    if (ret->max_tokens > context_tokens / 2) ret->max_tokens = context_tokens / 2;
    LH_TRY(read_string(body, "conversation_id", &ret->conversation_id, err));
    if (ret->conversation_id.len > RAG_CONVERSATION_ID_BYTES)
        return lh_fail(err, LH_LIMIT, "'conversation_id' has more than %d bytes", RAG_CONVERSATION_ID_BYTES);
    ret->k = (uint32_t)k;
    return LH_OK;
}
