/* Ollama's own API: /api/embed, /api/chat as NDJSON, and /api/tags, whose digest of a model is its version. `ollama pull` may change it
 * at any time, and vectors of two models must not be taken for one's: behind each embedding it is asked for once more. A
 * text is a text, whichever wrote it: there it is asked for once a minute. `lock` guards what was answered. */
#include "ai/ai_internal.h"

#include <math.h>
#include <stdio.h>

enum { OLLAMA_VERSION_MS = 60000 };

typedef struct ollama_state {
    pthread_mutex_t lock;
    char version[80]; /* empty: not known */
    uint64_t asked_ms;
} ollama_state;

static lh_code ollama_open(const ai_setup *setup, void **ret, lh_error *err) {
    ollama_state *state = calloc(1, sizeof *state);
    (void)setup;
    if (!state) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_mutex_init(&state->lock, NULL);
    *ret = state;
    return LH_OK;
}

static void ollama_close(void *of) {
    ollama_state *state = of;
    if (!state) return;
    pthread_mutex_destroy(&state->lock);
    free(state);
}

/* ---- which model ---- */

/* "name" is "name:latest". */
static bool ollama_is(lh_str listed, lh_str model) {
    lh_str rest = lh_str_sub(listed, model.len, SIZE_MAX);
    return lh_str_starts(listed, model) && (rest.len == 0 || lh_str_eq(rest, LH_STR(":latest")));
}

/* *ret: its digest; of the arena. Errors: UNAVAILABLE (it has no such model, …). */
static lh_code ollama_digest(ai_try *one, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(ai_endpoint_ask(&(ai_exchange){one, "GET", "/api/tags", NULL, arena}, &answer, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "models")); lh_json_next(&it);)
        if (ollama_is(lh_json_get_string(it.value, "name"), one->setup->model)) {
            *ret = lh_json_get_string(it.value, "digest");
            return LH_OK;
        }
    one->alive = true;
    return lh_fail(err, LH_UNAVAILABLE, "%.*s has no model '%.*s': ollama pull fetches it", LH_STR_ARG(one->setup->url),
                   LH_STR_ARG(one->setup->model));
}

static lh_code ollama_check(void *state, ai_try *one, lh_arena *arena, lh_error *err) {
    lh_str digest;
    (void)state;
    return ollama_digest(one, arena, &digest, err);
}

static lh_str ollama_version(void *of, lh_arena *arena) {
    ollama_state *state = of;
    pthread_mutex_lock(&state->lock);
    lh_str version = lh_arena_dup(arena, lh_str_from(state->version));
    pthread_mutex_unlock(&state->lock);
    return version;
}

/* Looks, or not when that was done less than so long ago, as a part of a call. Several may at once: it changes nothing. */
static lh_code ollama_look(ollama_state *state, ai_try *one, uint64_t age_ms, lh_arena *arena, lh_str *ret,
                           lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    lh_str digest = LH_STR_NONE;
    uint64_t now = lh_time_monotonic_ms();
    pthread_mutex_lock(&state->lock);
    bool due = !state->version[0] || now - state->asked_ms >= age_ms;
    pthread_mutex_unlock(&state->lock);
    if (due) {
        LH_TRY(lh_arena_new(64 << 20, &scratch, err));
        LH_TRY(ollama_digest(one, scratch, &digest, err));
        pthread_mutex_lock(&state->lock);
        snprintf(state->version, sizeof state->version, "%.*s", LH_STR_ARG(lh_str_cut_utf8(digest, 79)));
        state->asked_ms = now;
        pthread_mutex_unlock(&state->lock);
    }
    *ret = ollama_version(state, arena);
    return lh_arena_check(arena, err);
}

/* ---- embed ---- */

static lh_code ollama_embed(void *state, ai_try *one, const lh_str *texts, size_t count, lh_arena *arena,
                            lh_ai_embeddings *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    lh_str before, version;
    LH_TRY(ollama_look(state, one, OLLAMA_VERSION_MS, arena, &before, err));
    LH_TRY(lh_arena_new(AI_EXCHANGE_BYTES, &scratch, err));
    lh_json *body = lh_json_new_object(scratch), *answer = NULL;
    lh_json_set_string(scratch, body, "model", one->setup->model);
    lh_json_set(scratch, body, "input", ai_endpoint_texts(texts, count, scratch));
    one->only_too_long = true;
    LH_TRY(ai_endpoint_ask(&(ai_exchange){one, "POST", "/api/embed", body, scratch}, &answer, err));
    const lh_json *vectors = lh_json_get(answer, "embeddings");
    size_t dimensions = lh_json_size(lh_json_at(vectors, 0));
    bool fits = lh_json_size(vectors) == count && dimensions && dimensions <= LH_LIMIT_AI_DIMENSIONS;
    float *values = fits ? LH_ARENA_ARRAY(arena, float, count *dimensions) : NULL;
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter vector = lh_json_each(fits ? vectors : NULL); fits && lh_json_next(&vector);) {
        fits = lh_json_size(vector.value) == dimensions;
        for (lh_json_iter it = lh_json_each(fits ? vector.value : NULL); lh_json_next(&it);)
            values[vector.index * dimensions + it.index] = (float)lh_json_real(it.value, NAN);
    }
    if (!fits)
        return lh_fail(err, LH_CORRUPT, "%.*s gave vectors that do not fit %zu texts", LH_STR_ARG(one->setup->url),
                       count);
    LH_TRY(ollama_look(state, one, 0, arena, &version, err));
    if (!lh_str_eq(before, version)) {
        one->again = one->alive = true;
        return lh_fail(err, LH_UNAVAILABLE, "the model '%.*s' of %.*s became another one during the call",
                       LH_STR_ARG(one->setup->model), LH_STR_ARG(one->setup->url));
    }
    *ret = (lh_ai_embeddings){.values = values, .count = count, .dimensions = dimensions};
    ret->model.version = version;
    ret->tokens = lh_json_uint(lh_json_get(answer, "prompt_eval_count"), 0);
    return LH_OK;
}

/* ---- generate ---- */

typedef struct ollama_stream {
    const ai_exchange *exchange;
    ai_sink *sink;
    lh_arena *arena; /* the call's */
    lh_ai_text *got;
    bool ended;
} ollama_stream;

static lh_code ollama_on_line(void *ctx, lh_str data, lh_error *err) {
    ollama_stream *stream = ctx;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *event = NULL;
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    if (lh_json_parse(arena, data, &event, NULL) != LH_OK || !lh_json_is_object(event))
        return lh_fail(err, LH_CORRUPT, "%.*s streams what is no JSON", LH_STR_ARG(stream->exchange->one->setup->url));
    if (!lh_json_is_null(lh_json_get(event, "error"))) return ai_endpoint_failed(stream->exchange, event, err);
    LH_TRY(ai_sink_put(stream->sink, lh_json_get_string(lh_json_get(event, "message"), "content"), err));
    if (!lh_json_bool(lh_json_get(event, "done"), false)) return LH_OK;
    lh_str reason = lh_str_cut_utf8(lh_json_get_string(event, "done_reason"), 32);
    stream->ended = true;
    if (reason.len) stream->got->finish_reason = lh_arena_dup(stream->arena, reason);
    stream->got->prompt_tokens = lh_json_uint(lh_json_get(event, "prompt_eval_count"), 0);
    stream->got->tokens = lh_json_uint(lh_json_get(event, "eval_count"), 0);
    return lh_arena_check(stream->arena, err);
}

static lh_json *ollama_prompt(const lh_ai_prompt *prompt, lh_str model, lh_arena *arena) {
    lh_json *body = lh_json_new_object(arena), *options = lh_json_new_object(arena);
    if (prompt->has_temperature)
        lh_json_set(arena, options, "temperature", lh_json_new_real(arena, prompt->temperature));
    if (prompt->top_p > 0) lh_json_set(arena, options, "top_p", lh_json_new_real(arena, prompt->top_p));
    if (prompt->has_seed) lh_json_set_uint(arena, options, "seed", prompt->seed);
    if (prompt->max_tokens) lh_json_set_uint(arena, options, "num_predict", prompt->max_tokens);
    if (prompt->stop_count)
        lh_json_set(arena, options, "stop", ai_endpoint_texts(prompt->stops, prompt->stop_count, arena));
    lh_json_set_string(arena, body, "model", model);
    lh_json_set(arena, body, "messages", ai_endpoint_messages(prompt, arena));
    lh_json_set_bool(arena, body, "stream", true);
    lh_json_set_bool(arena, body, "truncate", false); /* or what does not fit goes in silence: the rules first, */
    lh_json_set_bool(arena, body, "shift", false);    /* and the beginning while it writes */
    lh_json_set(arena, body, "options", options);
    if (prompt->json_schema) lh_json_set(arena, body, "format", lh_json_copy(arena, prompt->json_schema));
    return body;
}

static lh_code ollama_generate(void *state, ai_try *one, const lh_ai_prompt *prompt, ai_sink *sink, lh_arena *arena,
                               lh_ai_text *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    LH_CLEANUP(ai_events_done) ai_events events;
    lh_ai_text got = {.finish_reason = LH_STR("stop")};
    ollama_stream stream = {.sink = sink, .arena = arena, .got = &got};
    ai_events_init(&events, AI_EVENTS_LINES, ollama_on_line, &stream);
    if (prompt->grammar.len) return lh_fail(err, LH_INVALID, "Ollama follows a JSON schema, but no grammar");
    LH_TRY(ollama_look(state, one, OLLAMA_VERSION_MS, arena, &got.model.version, err));
    LH_TRY(lh_arena_new(AI_EXCHANGE_BYTES, &scratch, err));
    const ai_exchange exchange = {one, "POST", "/api/chat", ollama_prompt(prompt, one->setup->model, scratch), scratch};
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

const struct ai_provider_ops ai_provider_ollama = {.name = "ollama",
                                                   .remote = true,
                                                   .url = "http://127.0.0.1:11434",
                                                   .open = ollama_open,
                                                   .close = ollama_close,
                                                   .embed = ollama_embed,
                                                   .generate = ollama_generate,
                                                   .version = ollama_version,
                                                   .check = ollama_check};
