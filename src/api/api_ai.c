/* /ai/: the models of the configuration. Who may call them: auth.c. */
#include "api/ai.h"

#include <math.h>
#include <stdio.h>

/* ---- requests ---- */

lh_ai_call api_ai_call(lh_request *request, lh_str model) {
    bool governed;
    lh_permission permission;
    return (lh_ai_call){.model = model,
                        .principal = lh_request_principal(request, &governed, &permission),
                        .cancelled = lh_cancel_flag(lh_request_cancel(request))};
}

lh_code api_ai_string(const lh_json *body, const char *name, bool required, lh_str *ret, lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    if (!lh_json_is_string(value) && (required || !lh_json_is_null(value)))
        return lh_fail(err, LH_INVALID, "'%s' must be a string", name);
    *ret = lh_json_str(value, LH_STR_NONE);
    return LH_OK;
}

lh_code api_ai_texts(const lh_json *body, const char *name, lh_arena *arena, lh_str **ret, size_t *ret_count,
                     lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    bool single = lh_json_is_string(value), absent = lh_json_is_null(value);
    if (!single && !absent && !lh_json_is_array(value))
        return lh_fail(err, LH_INVALID, "'%s' must be a string or an array of strings", name);
    size_t count = single ? 1 : lh_json_size(value), at = 0;
    if (count > LH_LIMIT_AI_TEXTS)
        return lh_fail(err, LH_LIMIT, "'%s' has %zu texts, more than %d", name, count, LH_LIMIT_AI_TEXTS);
    lh_str *texts = LH_ARENA_ARRAY(arena, lh_str, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    if (single) texts[at++] = lh_json_str(value, LH_STR_NONE);
    for (lh_json_iter it = lh_json_each(single ? NULL : value); lh_json_next(&it);) {
        if (!lh_json_is_string(it.value))
            return lh_fail(err, LH_INVALID, "'%s' must hold strings; item %zu is none", name, it.index);
        texts[at++] = lh_json_str(it.value, LH_STR_NONE);
    }
    *ret = texts;
    *ret_count = count;
    return LH_OK;
}

lh_code api_ai_max_tokens(const lh_json *body, const char *name, uint64_t *ret, lh_error *err) {
    uint64_t asked;
    LH_TRY(lh_body_uint(body, name, *ret, &asked, err));
    if (asked == 0 && !lh_json_is_null(lh_json_get(body, name)))
        return lh_fail(err, LH_INVALID, "'%s' must be 1 or more", name);
    *ret = asked;
    return LH_OK;
}

lh_code api_ai_sampling(const lh_json *body, lh_arena *arena, lh_ai_prompt *prompt, lh_error *err) {
    const lh_json *temperature = lh_json_get(body, "temperature");
    lh_str *stops = NULL;
    prompt->has_temperature = !lh_json_is_null(temperature);
    prompt->temperature = lh_json_real(temperature, NAN);
    if (prompt->has_temperature && isnan(prompt->temperature))
        return lh_fail(err, LH_INVALID, "'temperature' must be a number");
    if (!lh_json_is_null(lh_json_get(body, "top_p"))) {
        prompt->top_p = lh_json_real(lh_json_get(body, "top_p"), NAN);
        if (!(prompt->top_p > 0)) return lh_fail(err, LH_INVALID, "'top_p' must be above 0, to 1");
    }
    prompt->has_seed = !lh_json_is_null(lh_json_get(body, "seed"));
    LH_TRY(lh_body_uint(body, "seed", 0, &prompt->seed, err));
    LH_TRY(api_ai_texts(body, "stop", arena, &stops, &prompt->stop_count, err));
    prompt->stops = stops;
    return LH_OK;
}

/* ---- answers ---- */

enum { AI_NUMBER_BYTES = 32 };

/* Nine digits, which tell 32-bit numbers apart. printf() takes some eight times as long, so it is for those of unusual size. */
static size_t ai_number(float value, char into[AI_NUMBER_BYTES]) {
    double size = fabs((double)value), scaled = size * 1e8;
    int places = 8;
    size_t length = 0;
    if (value == 0) return into[0] = '0', 1;
    if (size < 1e-6 || size >= 1) return (size_t)snprintf(into, AI_NUMBER_BYTES, "%.9g", (double)value);
    for (; scaled < 1e8; places++) scaled *= 10;
    uint64_t digits = (uint64_t)(scaled + 0.5);
    for (; digits % 10 == 0; places--) digits /= 10;
    char reversed[AI_NUMBER_BYTES];
    for (int i = 0; i < places; i++, digits /= 10) reversed[length++] = (char)('0' + digits % 10);
    size_t at = 0;
    if (value < 0) into[at++] = '-';
    into[at++] = (char)('0' + digits); /* 1 when it was rounded up */
    if (places > 0) into[at++] = '.';
    while (length) into[at++] = reversed[--length];
    return at;
}

void api_ai_vector(lh_buf *into, const float *values, size_t count) {
    char number[AI_NUMBER_BYTES];
    for (size_t i = 0; i < count; i++) {
        lh_buf_char(into, i ? ',' : '[');
        lh_buf_append(into, (lh_str){number, ai_number(values[i], number)});
    }
    lh_buf_char(into, ']');
}

lh_code api_ai_event(lh_request *request, const char *name, const lh_json *data, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL; /* many small events would fill the request's */
    lh_str text;
    if (!lh_respond_begun(request)) LH_TRY(lh_respond_begin(request, 200, "text/event-stream", UINT64_MAX, err));
    LH_TRY(lh_arena_new(2 * LH_LIMIT_AI_ANSWER_BYTES, &arena, err));
    LH_TRY(lh_json_write(arena, data, false, &text, err));
    lh_str event = name ? lh_arena_printf(arena, "event: %s\ndata: %.*s\n\n", name, LH_STR_ARG(text))
                        : lh_arena_printf(arena, "data: %.*s\n\n", LH_STR_ARG(text));
    LH_TRY(lh_arena_check(arena, err));
    return lh_respond_write(request, event, err);
}

/* ---- what is there ---- */

lh_code api_ai_models(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_ai_models(lh_request_app(request)->ai, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_ai_health(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_ai_health(lh_request_app(request)->ai, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_ai_usage(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    lh_str own = api_ai_call(request, LH_STR_NONE).principal;
    bool all = lh_request_may(request, LH_PERMIT_ADMIN);
    if (own.len == 0) own = LH_STR("-"); /* empty is everybody */
    LH_TRY(lh_ai_usage(lh_request_app(request)->ai, all ? LH_STR_NONE : own, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

/* ---- calls ---- */

lh_code api_ai_embed(lh_request *request, lh_error *err) {
    static const char *const known[] = {"input", "model"};
    lh_arena *arena = lh_request_arena(request);
    lh_json *body = NULL;
    lh_str model, head, *texts = NULL;
    size_t count = 0;
    lh_ai_embeddings got;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, 2, err));
    LH_TRY(api_ai_string(body, "model", false, &model, err));
    LH_TRY(api_ai_texts(body, "input", arena, &texts, &count, err));
    lh_ai_call call = api_ai_call(request, model);
    LH_TRY(lh_ai_embed(lh_request_app(request)->ai, &call, texts, count, arena, &got, err));
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(API_AI_ANSWER_BYTES);
    LH_TRY(lh_json_write(arena, lh_ai_model_json(&got.model, arena), false, &head, err));
    lh_buf_printf(&out, "{\"model\":%.*s,\"dimensions\":%zu,\"embeddings\":[", LH_STR_ARG(head), got.dimensions);
    for (size_t i = 0; i < got.count; i++) {
        if (i) lh_buf_char(&out, ',');
        api_ai_vector(&out, got.values + i * got.dimensions, got.dimensions);
    }
    lh_buf_printf(&out, "],\"tokens\":%" PRIu64 "}", got.tokens);
    LH_TRY(lh_buf_check(&out, err));
    return lh_respond_bytes(request, 200, "application/json", lh_buf_str(&out), err);
}

static lh_code ai_messages(const lh_json *body, lh_arena *arena, lh_ai_prompt *prompt, lh_error *err) {
    static const char *const known[] = {"role", "content"};
    const lh_json *list = lh_json_get(body, "messages");
    lh_str text;
    LH_TRY(api_ai_string(body, "prompt", false, &text, err));
    if (lh_json_is_null(list) == (text.len == 0))
        return lh_fail(err, LH_INVALID,
                       text.len ? "'messages' and 'prompt' cannot both be given"
                                : "either 'messages' or 'prompt' is needed");
    if (text.len == 0 && !lh_json_is_array(list)) return lh_fail(err, LH_INVALID, "'messages' must be an array");
    size_t count = text.len ? 1 : lh_json_size(list);
    if (count > LH_LIMIT_AI_MESSAGES)
        return lh_fail(err, LH_LIMIT, "%zu messages are more than %d", count, LH_LIMIT_AI_MESSAGES);
    lh_ai_message *messages = LH_ARENA_ARRAY(arena, lh_ai_message, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    if (text.len) messages[0] = (lh_ai_message){LH_STR("user"), text};
    for (lh_json_iter it = lh_json_each(text.len ? NULL : list); lh_json_next(&it);) {
        LH_TRY(lh_body_check(it.value, known, 2, err));
        LH_TRY(api_ai_string(it.value, "role", true, &messages[it.index].role, err));
        LH_TRY(api_ai_string(it.value, "content", true, &messages[it.index].content, err));
    }
    prompt->messages = messages;
    prompt->message_count = count;
    return LH_OK;
}

static lh_json *ai_generated(lh_arena *arena, const lh_ai_text *text, bool whole) {
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set(arena, answer, "model", lh_ai_model_json(&text->model, arena));
    if (whole) lh_json_set_string(arena, answer, "text", text->text);
    lh_json_set_string(arena, answer, "finish_reason", text->finish_reason);
    lh_json_set_uint(arena, answer, "prompt_tokens", text->prompt_tokens);
    lh_json_set_uint(arena, answer, "tokens", text->tokens);
    return answer;
}

lh_code api_ai_piece(void *ctx, lh_str piece, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(2 * LH_LIMIT_AI_ANSWER_BYTES, &arena, err));
    lh_json *data = lh_json_new_object(arena);
    lh_json_set_string(arena, data, "text", piece);
    return api_ai_event(ctx, "piece", data, err);
}

lh_code api_ai_stream_failed(lh_request *request, lh_code code, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *data = lh_json_new_object(arena);
    if (!lh_respond_begun(request) || code == LH_CANCELLED || !err) return code;
    lh_json_set_string(arena, data, "code", lh_str_from(lh_code_name(code)));
    lh_json_set_string(arena, data, "message", lh_str_from(err->message));
    lh_code told = api_ai_event(request, "error", data, NULL);
    (void)told; /* the connection is cut all the same */
    return code;
}

lh_code api_ai_generate_read(const lh_json *body, lh_arena *arena, api_ai_asked *ret, lh_error *err) {
    static const char *const known[] = {"messages", "prompt", "model",       "stream",     "json_schema", "grammar",
                                        "stop",     "seed",   "temperature", "max_tokens", "top_p"};
    api_ai_asked asked = {.stream = false};
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(ai_messages(body, arena, &asked.prompt, err));
    LH_TRY(api_ai_string(body, "model", false, &asked.model, err));
    LH_TRY(api_ai_string(body, "grammar", false, &asked.prompt.grammar, err));
    LH_TRY(lh_body_bool(body, "stream", false, &asked.stream, err));
    LH_TRY(api_ai_max_tokens(body, "max_tokens", &asked.prompt.max_tokens, err));
    LH_TRY(api_ai_sampling(body, arena, &asked.prompt, err));
    if (!lh_json_is_null(lh_json_get(body, "json_schema"))) asked.prompt.json_schema = lh_json_get(body, "json_schema");
    *ret = asked;
    return LH_OK;
}

lh_code api_ai_generate(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *body = NULL;
    api_ai_asked asked;
    lh_ai_text text;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(api_ai_generate_read(body, arena, &asked, err));
    lh_ai_call call = api_ai_call(request, asked.model);
    lh_code code = lh_ai_generate(lh_request_app(request)->ai, &call, &asked.prompt, asked.stream ? api_ai_piece : NULL,
                                  request, arena, &text, err);
    if (code != LH_OK) return api_ai_stream_failed(request, code, err);
    if (asked.stream) return api_ai_event(request, "done", ai_generated(arena, &text, false), err);
    return lh_respond_json(request, 200, ai_generated(arena, &text, true), err);
}

lh_code api_ai_rerank(lh_request *request, lh_error *err) {
    static const char *const known[] = {"query", "documents", "top_n", "model"};
    lh_arena *arena = lh_request_arena(request);
    lh_json *body = NULL, *answer = lh_json_new_object(arena), *results = lh_json_new_array(arena);
    lh_str model, query, *documents = NULL;
    size_t count = 0;
    uint64_t top_n;
    lh_ai_ranking got;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, 4, err));
    LH_TRY(api_ai_string(body, "model", false, &model, err));
    LH_TRY(api_ai_string(body, "query", true, &query, err));
    LH_TRY(api_ai_texts(body, "documents", arena, &documents, &count, err));
    LH_TRY(lh_body_uint(body, "top_n", 0, &top_n, err));
    lh_ai_call call = api_ai_call(request, model);
    LH_TRY(lh_ai_rerank(lh_request_app(request)->ai, &call, query, documents, count,
                        top_n > count ? count : (size_t)top_n, arena, &got, err));
    for (size_t i = 0; i < got.count; i++) {
        lh_json *item = lh_json_new_object(arena);
        lh_json_set_uint(arena, item, "index", got.scores[i].document);
        lh_json_set(arena, item, "score", lh_json_new_real(arena, got.scores[i].score));
        lh_json_append(results, item);
    }
    lh_json_set(arena, answer, "model", lh_ai_model_json(&got.model, arena));
    lh_json_set(arena, answer, "results", results);
    lh_json_set_uint(arena, answer, "tokens", got.tokens);
    return lh_respond_json(request, 200, answer, err);
}
