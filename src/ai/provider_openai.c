/* Any endpoint that speaks OpenAI's API: vLLM, llama.cpp's server, a hosted one, another lakehouse. The URL goes up to, and with, its
 * version: http://host:8000/v1. Texts are always asked for as a stream, so that a call can be cancelled and a piece be seen at once;
 * an endpoint that answers with the whole is understood too. A rerank is Jina's and Cohere's: POST /rerank. */
#include "ai/ai_internal.h"

#include <math.h>

static lh_code openai_vector(const lh_json *embedding, float *into, size_t dimensions, lh_arena *arena) {
    if (lh_json_is_string(embedding)) { /* base64 of 32-bit numbers, little-endian */
        lh_str text = lh_json_str(embedding, LH_STR_NONE);
        size_t size = 0;
        unsigned char *bytes = lh_arena_alloc(arena, text.len + 3);
        if (!bytes || lh_base64_decode(text, (char *)bytes, &size) != LH_OK || size != dimensions * 4)
            return LH_CORRUPT;
        for (size_t i = 0; i < dimensions; i++) {
            uint32_t bits = (uint32_t)bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 |
                            (uint32_t)bytes[4 * i + 2] << 16 | (uint32_t)bytes[4 * i + 3] << 24;
            memcpy(&into[i], &bits, sizeof bits);
        }
        return LH_OK;
    }
    if (lh_json_size(embedding) != dimensions) return LH_CORRUPT;
    for (lh_json_iter it = lh_json_each(embedding); lh_json_next(&it);)
        into[it.index] = (float)lh_json_real(it.value, NAN);
    return LH_OK;
}

static size_t openai_dimensions(const lh_json *embedding) {
    lh_str text = lh_json_str(embedding, LH_STR_NONE);
    size_t padding = lh_str_ends(text, LH_STR("==")) ? 2 : lh_str_ends(text, LH_STR("=")) ? 1 : 0;
    if (lh_json_is_array(embedding)) return lh_json_size(embedding);
    return text.len < 4 || text.len % 4 ? 0 : (text.len / 4 * 3 - padding) / 4;
}

/* values: of the call's arena. */
static lh_code openai_vectors(const ai_exchange *exchange, const lh_json *answer, size_t count, lh_arena *arena,
                              lh_ai_embeddings *ret, lh_error *err) {
    const lh_json *data = lh_json_get(answer, "data");
    size_t dimensions = openai_dimensions(lh_json_get(lh_json_at(data, 0), "embedding"));
    lh_code code =
        lh_json_size(data) == count && dimensions && dimensions <= LH_LIMIT_AI_DIMENSIONS ? LH_OK : LH_CORRUPT;
    float *values = code == LH_OK ? LH_ARENA_ARRAY(arena, float, count *dimensions) : NULL;
    bool *seen = LH_ARENA_ARRAY(exchange->arena, bool, count);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_arena_check(exchange->arena, err));
    for (lh_json_iter it = lh_json_each(data); code == LH_OK && lh_json_next(&it);) {
        uint64_t index = lh_json_uint(lh_json_get(it.value, "index"), it.index);
        if (index >= count || seen[index]) code = LH_CORRUPT;
        else
            code = openai_vector(lh_json_get(it.value, "embedding"), values + index * dimensions, dimensions,
                                 exchange->arena);
        if (code == LH_OK) seen[index] = true;
    }
    if (code != LH_OK)
        return lh_fail(err, code, "%.*s gave vectors that do not fit %zu texts", LH_STR_ARG(exchange->one->setup->url),
                       count);
    *ret = (lh_ai_embeddings){.values = values, .count = count, .dimensions = dimensions};
    ret->tokens = lh_json_uint(lh_json_get(lh_json_get(answer, "usage"), "prompt_tokens"), 0);
    return LH_OK;
}

static lh_code openai_embed(void *state, ai_try *one, const lh_str *texts, size_t count, lh_arena *arena,
                            lh_ai_embeddings *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    (void)state;
    LH_TRY(lh_arena_new(AI_EXCHANGE_BYTES, &scratch, err));
    lh_json *body = lh_json_new_object(scratch), *answer = NULL;
    lh_json_set_string(scratch, body, "model", one->setup->model);
    lh_json_set(scratch, body, "input", ai_endpoint_texts(texts, count, scratch));
    lh_json_set_string(scratch, body, "encoding_format", LH_STR("float"));
    const ai_exchange exchange = {one, "POST", "/embeddings", body, scratch};
    LH_TRY(ai_endpoint_ask(&exchange, &answer, err));
    return openai_vectors(&exchange, answer, count, arena, ret, err);
}

/* ---- generate ---- */

typedef struct openai_stream {
    const ai_exchange *exchange;
    ai_sink *sink;
    lh_arena *arena; /* the call's */
    lh_ai_text *got;
    bool ended;
} openai_stream;

static lh_code openai_on_event(void *ctx, lh_str data, lh_error *err) {
    openai_stream *stream = ctx;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *event = NULL;
    if (lh_str_eq(data, LH_STR("[DONE]"))) {
        stream->ended = true;
        return LH_OK;
    }
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    if (lh_json_parse(arena, data, &event, NULL) != LH_OK || !lh_json_is_object(event))
        return lh_fail(err, LH_CORRUPT, "%.*s streams what is no JSON", LH_STR_ARG(stream->exchange->one->setup->url));
    if (!lh_json_is_null(lh_json_get(event, "error"))) return ai_endpoint_failed(stream->exchange, event, err);
    const lh_json *choice = lh_json_at(lh_json_get(event, "choices"), 0), *usage = lh_json_get(event, "usage"),
                  *delta = lh_json_get(choice, "delta");
    if (!delta) delta = lh_json_get(choice, "message"); /* of an endpoint that does not stream */
    LH_TRY(ai_sink_put(stream->sink, lh_json_get_string(delta, "content"), err));
    lh_str reason = lh_str_cut_utf8(lh_json_get_string(choice, "finish_reason"), 32);
    if (reason.len) {
        stream->ended = true;
        stream->got->finish_reason = lh_arena_dup(stream->arena, reason);
    }
    if (lh_json_is_object(usage)) {
        stream->got->prompt_tokens = lh_json_uint(lh_json_get(usage, "prompt_tokens"), 0);
        stream->got->tokens = lh_json_uint(lh_json_get(usage, "completion_tokens"), 0);
    }
    return lh_arena_check(stream->arena, err);
}

static void openai_set_format(const lh_ai_prompt *prompt, lh_arena *arena, lh_json *body) {
    if (prompt->grammar.len)
        lh_json_set_string(arena, body, "grammar", prompt->grammar); /* llama.cpp's server knows it */
    if (!prompt->json_schema) return;
    lh_json *format = lh_json_new_object(arena), *named = lh_json_new_object(arena);
    lh_json_set_string(arena, named, "name", LH_STR("answer"));
    lh_json_set(arena, named, "schema", lh_json_copy(arena, prompt->json_schema));
    lh_json_set_bool(arena, named, "strict", true);
    lh_json_set_string(arena, format, "type", LH_STR("json_schema"));
    lh_json_set(arena, format, "json_schema", named);
    lh_json_set(arena, body, "response_format", format);
}

static lh_json *openai_prompt(const lh_ai_prompt *prompt, lh_str model, lh_arena *arena) {
    lh_json *body = lh_json_new_object(arena), *options = lh_json_new_object(arena);
    lh_json_set_string(arena, body, "model", model);
    lh_json_set(arena, body, "messages", ai_endpoint_messages(prompt, arena));
    lh_json_set_bool(arena, body, "stream", true);
    lh_json_set_bool(arena, options, "include_usage", true);
    lh_json_set(arena, body, "stream_options", options);
    if (prompt->has_temperature) lh_json_set(arena, body, "temperature", lh_json_new_real(arena, prompt->temperature));
    if (prompt->top_p > 0) lh_json_set(arena, body, "top_p", lh_json_new_real(arena, prompt->top_p));
    if (prompt->has_seed) lh_json_set_uint(arena, body, "seed", prompt->seed);
    if (prompt->max_tokens) lh_json_set_uint(arena, body, "max_tokens", prompt->max_tokens);
    if (prompt->stop_count)
        lh_json_set(arena, body, "stop", ai_endpoint_texts(prompt->stops, prompt->stop_count, arena));
    openai_set_format(prompt, arena, body);
    return body;
}

static lh_code openai_generate(void *state, ai_try *one, const lh_ai_prompt *prompt, ai_sink *sink, lh_arena *arena,
                               lh_ai_text *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    LH_CLEANUP(ai_events_done) ai_events events;
    lh_ai_text got = {.finish_reason = LH_STR("stop")};
    (void)state;
    openai_stream stream = {.sink = sink, .arena = arena, .got = &got};
    ai_events_init(&events, AI_EVENTS_SSE, openai_on_event, &stream);
    LH_TRY(lh_arena_new(AI_EXCHANGE_BYTES, &scratch, err));
    const ai_exchange exchange = {one, "POST", "/chat/completions", openai_prompt(prompt, one->setup->model, scratch),
                                  scratch};
    stream.exchange = &exchange;
    LH_TRY(lh_arena_check(scratch, err));
    lh_code code = ai_endpoint_stream(&exchange, &events, err);
    if (code == LH_OK && !stream.ended) {
        one->again = true;
        code = lh_fail(err, LH_UNAVAILABLE, "the stream of %.*s broke off", LH_STR_ARG(one->setup->url));
    }
    *ret = got; /* what was used up counts, also when it failed */
    return code;
}

/* ---- rerank ---- */

static lh_code openai_rerank(void *state, ai_try *one, lh_str query, const lh_str *documents, size_t count,
                             size_t top_n, lh_arena *arena, lh_ai_ranking *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    (void)state;
    LH_TRY(lh_arena_new(AI_EXCHANGE_BYTES, &scratch, err));
    lh_json *body = lh_json_new_object(scratch), *answer = NULL;
    lh_json_set_string(scratch, body, "model", one->setup->model);
    lh_json_set_string(scratch, body, "query", query);
    lh_json_set(scratch, body, "documents", ai_endpoint_texts(documents, count, scratch));
    lh_json_set_uint(scratch, body, "top_n", top_n);
    const ai_exchange exchange = {one, "POST", "/rerank", body, scratch};
    LH_TRY(ai_endpoint_ask(&exchange, &answer, err));
    const lh_json *results = lh_json_get(answer, "results");
    size_t given = lh_json_size(results);
    if (!lh_json_is_array(results) || given > count || given < top_n)
        return lh_fail(err, LH_CORRUPT, "%.*s ranked %zu of %zu documents", LH_STR_ARG(one->setup->url), given, count);
    lh_ai_score *scores = LH_ARENA_ARRAY(arena, lh_ai_score, given + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(results); lh_json_next(&it);)
        scores[it.index] = (lh_ai_score){(size_t)lh_json_uint(lh_json_get(it.value, "index"), UINT64_MAX),
                                         lh_json_real(lh_json_get(it.value, "relevance_score"), NAN)};
    *ret = (lh_ai_ranking){.scores = scores, .count = given};
    ret->tokens = lh_json_uint(lh_json_get(lh_json_get(answer, "usage"), "total_tokens"), 0);
    return LH_OK;
}

/* The list of models answers. Which names it has says little: llama.cpp's server takes any. */
static lh_code openai_check(void *state, ai_try *one, lh_arena *arena, lh_error *err) {
    lh_json *answer = NULL;
    (void)state;
    return ai_endpoint_ask(&(ai_exchange){one, "GET", "/models", NULL, arena}, &answer, err);
}

const struct ai_provider_ops ai_provider_openai = {.name = "openai",
                                                   .remote = true,
                                                   .ends_texts = true,
                                                   .embed = openai_embed,
                                                   .generate = openai_generate,
                                                   .rerank = openai_rerank,
                                                   .check = openai_check};
