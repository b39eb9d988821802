/* One exchange with an endpoint: JSON there, JSON or a stream of events back, and what a failure means.
 *
 * An endpoint's own words may repeat what it was sent, key and prompt included, and our errors go to callers and logs. So of its
 * answer only one short line is taken, and none that has six bytes of the key or twelve of a text in a row. */
#include "ai/ai_internal.h"

enum {
    ENDPOINT_REFUSAL_BYTES = 64 << 10, /* read of an answer that is an error */
    ENDPOINT_SENTENCE_BYTES = 160,
    ENDPOINT_KEY_PART = 6,
    ENDPOINT_TEXT_PART = 12,
    ENDPOINT_SEARCH_BYTES = 1 << 20, /* texts that a line is looked for in; with more it is left out */
};

/* ---- parts of a request ---- */

lh_json *ai_endpoint_texts(const lh_str *texts, size_t count, lh_arena *arena) {
    lh_json *list = lh_json_new_array(arena);
    for (size_t i = 0; i < count; i++) lh_json_append(list, lh_json_new_string(arena, texts[i]));
    return list;
}

lh_json *ai_endpoint_messages(const lh_ai_prompt *prompt, lh_arena *arena) {
    lh_json *list = lh_json_new_array(arena);
    for (size_t i = 0; i < prompt->message_count; i++) {
        lh_json *message = lh_json_new_object(arena);
        lh_json_set_string(arena, message, "role", prompt->messages[i].role);
        lh_json_set_string(arena, message, "content", prompt->messages[i].content);
        lh_json_append(list, message);
    }
    return list;
}

/* ---- an endpoint's own words ---- */

/* Have they a run of that many bytes in common? */
static bool endpoint_shares(lh_str sentence, lh_str text, size_t run) {
    if (text.len < run) return false;
    for (size_t i = 0; i + run <= sentence.len; i++)
        if (lh_str_search(text, lh_str_sub(sentence, i, run)) != SIZE_MAX) return true;
    return false;
}

/* Does a text of the request come up? Its model and its words for options may. *left: bytes that may still be searched. */
static bool endpoint_repeats(lh_str sentence, const lh_json *sent, size_t *left) {
    static const char *const plain[] = {"model", "role", "encoding_format", "type"};
    lh_str text = lh_json_str(sent, LH_STR_NONE);
    if (text.len > *left) return true;
    *left -= text.len;
    if (endpoint_shares(sentence, text, ENDPOINT_TEXT_PART)) return true;
    for (lh_json_iter it = lh_json_each(sent); lh_json_next(&it);) {
        bool skip = false;
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
            skip = skip || lh_str_eq(it.name, lh_str_from(plain[i]));
        if (!skip && endpoint_repeats(sentence, it.value, left)) return true;
    }
    return false;
}

/* OpenAI {"error":{"message"}}, Ollama {"error":"…"}, others {"message"} or {"detail"}. */
static lh_str endpoint_message(const lh_json *answer) {
    const lh_json *error = lh_json_get(answer, "error"), *found = lh_json_get(error, "message");
    if (!found) found = error;
    if (!lh_json_is_string(found)) found = lh_json_get(answer, "message");
    if (!lh_json_is_string(found)) found = lh_json_get(answer, "detail");
    return lh_json_str(found, LH_STR_NONE);
}

/* As one clean line; empty when it says nothing, or what may not be repeated. */
static lh_str endpoint_sentence(const ai_exchange *exchange, const lh_json *answer) {
    size_t left = ENDPOINT_SEARCH_BYTES;
    lh_str cut = lh_str_cut_utf8(lh_str_trim(endpoint_message(answer)), ENDPOINT_SENTENCE_BYTES);
    char *text = lh_arena_alloc(exchange->arena, cut.len + 1);
    if (!text || !lh_str_is_utf8(cut)) return LH_STR_NONE;
    for (size_t i = 0; i < cut.len; i++)
        text[i] = (unsigned char)cut.ptr[i] < ' ' || cut.ptr[i] == 0x7f ? ' ' : cut.ptr[i];
    lh_str sentence = {text, cut.len};
    bool told = endpoint_shares(sentence, exchange->one->setup->api_key, ENDPOINT_KEY_PART) ||
                endpoint_repeats(sentence, exchange->body, &left);
    return told ? LH_STR_NONE : sentence;
}

lh_code ai_endpoint_failed(const ai_exchange *exchange, const lh_json *answer, lh_error *err) {
    lh_str sentence = endpoint_sentence(exchange, answer);
    exchange->one->again = true;
    return lh_fail(err, LH_UNAVAILABLE, "%.*s failed%s%.*s", LH_STR_ARG(exchange->one->setup->url),
                   sentence.len ? ": " : "", LH_STR_ARG(sentence));
}

/* ---- what a status means ---- */

static lh_code endpoint_code(int status) {
    return status == 400 || status == 413 || status == 422 ? LH_INVALID : LH_UNAVAILABLE;
}

/* The status that says whether the request is at fault, or the endpoint. llama.cpp's server answers 500 when a text is too long for
 * its batch. Behind Ollama's door a program of its own holds the model, and when that one dies or is ended the answer is 400. */
static int endpoint_meant(const ai_try *one, int status, lh_str message) {
    bool too_long = lh_str_search(message, LH_STR("too large to process")) != SIZE_MAX ||
                    lh_str_search(message, LH_STR("context length")) != SIZE_MAX;
    if (status == 500 && too_long) return 400;
    return status == 400 && one->only_too_long && !too_long ? 500 : status;
}

static lh_code endpoint_refused(const ai_exchange *exchange, int status, lh_str retry_after, lh_str body,
                                lh_error *err) {
    ai_try *one = exchange->one;
    lh_json *answer = NULL;
    uint64_t seconds = 0;
    if (lh_json_parse(exchange->arena, body, &answer, NULL) != LH_OK) answer = NULL;
    int meant = endpoint_meant(one, status, endpoint_message(answer));
    one->again = meant == 408 || meant == 429 || meant == 500 || (meant >= 502 && meant <= 504);
    one->alive = (meant < 500 && meant != 408) || meant == 501; /* 501: it was not started for this */
    if (lh_str_to_u64(retry_after, &seconds) == LH_OK)
        one->retry_after_ms = seconds < 86400 ? seconds * 1000 : (uint64_t)86400000;
    lh_str sentence = endpoint_sentence(exchange, answer);
    const char *what = status == 401 || status == 403       ? "refuses the key"
                       : status == 404                      ? "has no such model or path"
                       : status == 429                      ? "has too many requests"
                       : status / 100 == 3                  ? "sends elsewhere, which is not followed"
                       : endpoint_code(meant) == LH_INVALID ? "refuses the request"
                                                            : "failed";
    return lh_fail(err, endpoint_code(meant), "%.*s %s (%d)%s%.*s", LH_STR_ARG(one->setup->url), what, status,
                   sentence.len ? ": " : "", LH_STR_ARG(sentence));
}

/* lh_http_do() gave no answer. */
static lh_code endpoint_silent(const ai_exchange *exchange, lh_code code, const lh_error *why, lh_error *err) {
    if (code == LH_INVALID) code = LH_UNAVAILABLE; /* the URL was looked at: what answered speaks no HTTP */
    exchange->one->again = code == LH_UNAVAILABLE;
    if (code == LH_CANCELLED) return lh_fail(err, code, "the call was cancelled");
    return lh_fail(err, code, "%.*s: %s", LH_STR_ARG(exchange->one->setup->url), why->message);
}

/* ---- exchanges ---- */

static lh_code endpoint_call(const ai_exchange *exchange, lh_http_header headers[3], lh_http_call *ret, lh_error *err) {
    const ai_setup *setup = exchange->one->setup;
    lh_str body = LH_STR_NONE;
    size_t count = 0;
    if (exchange->body) LH_TRY(lh_json_write(exchange->arena, exchange->body, false, &body, err));
    headers[count++] =
        (lh_http_header){LH_STR("Accept"), LH_STR("application/json, text/event-stream, application/x-ndjson")};
    if (exchange->body) headers[count++] = (lh_http_header){LH_STR("Content-Type"), LH_STR("application/json")};
    if (setup->api_key.len)
        headers[count++] = (lh_http_header){
            LH_STR("Authorization"), lh_arena_printf(exchange->arena, "Bearer %.*s", LH_STR_ARG(setup->api_key))};
    *ret = (lh_http_call){.method = exchange->method,
                          .url = lh_arena_printf(exchange->arena, "%.*s%s", LH_STR_ARG(setup->url), exchange->path),
                          .headers = headers,
                          .header_count = count,
                          .body = body,
                          .timeout_ms = exchange->one->timeout_ms,
                          .cancelled = exchange->one->cancelled};
    return lh_arena_check(exchange->arena, err);
}

lh_code ai_endpoint_ask(const ai_exchange *exchange, lh_json **ret, lh_error *err) {
    lh_http_header headers[3];
    lh_http_call call;
    lh_http_answer answer;
    lh_error why = {0};
    lh_json *got = NULL;
    LH_TRY(endpoint_call(exchange, headers, &call, err));
    lh_code code = lh_http_do(exchange->one->setup->http, &call, exchange->arena, &answer, &why);
    if (code != LH_OK) return endpoint_silent(exchange, code, &why, err);
    if (answer.status / 100 != 2)
        return endpoint_refused(exchange, answer.status, lh_http_answer_header(&answer, "retry-after"),
                                lh_str_sub(answer.body, 0, ENDPOINT_REFUSAL_BYTES), err);
    code = lh_json_parse(exchange->arena, answer.body, &got, NULL);
    if (code == LH_NO_MEMORY || code == LH_LIMIT) return lh_fail(err, code, "the endpoint's answer is too large");
    if (code != LH_OK)
        return lh_fail(err, LH_CORRUPT, "%.*s answered what is no JSON", LH_STR_ARG(exchange->one->setup->url));
    *ret = got;
    return LH_OK;
}

/* ---- streams ---- */

typedef struct endpoint_stream {
    const ai_exchange *exchange;
    ai_events *events;
    int status;
    lh_str retry_after;
    lh_buf refusal;
    lh_code code;
    lh_error why;
} endpoint_stream;

static lh_code endpoint_on_headers(void *ctx, int status, const lh_http_header *headers, size_t count) {
    endpoint_stream *stream = ctx;
    stream->status = status;
    for (size_t i = 0; i < count; i++) {
        if (lh_str_eq(headers[i].name, LH_STR("retry-after"))) stream->retry_after = headers[i].value;
        if (stream->events->kind == AI_EVENTS_SSE && lh_str_eq(headers[i].name, LH_STR("content-type")) &&
            lh_str_starts(headers[i].value, LH_STR("application/json")))
            stream->events->kind = AI_EVENTS_WHOLE; /* it does not stream */
    }
    return LH_OK;
}

static lh_code endpoint_on_bytes(void *ctx, lh_str data) {
    endpoint_stream *stream = ctx;
    if (stream->status / 100 == 2) {
        stream->code = ai_events_feed(stream->events, data, &stream->why);
        return stream->code;
    }
    lh_buf_append(&stream->refusal, lh_str_sub(data, 0, ENDPOINT_REFUSAL_BYTES - stream->refusal.len));
    return lh_buf_check(&stream->refusal, NULL);
}

static lh_code endpoint_run(endpoint_stream *stream, lh_error *err) {
    const ai_exchange *exchange = stream->exchange;
    lh_http_header headers[3];
    lh_http_call call;
    lh_http_answer answer;
    lh_error why = {0};
    LH_TRY(endpoint_call(exchange, headers, &call, err));
    call.on_headers = endpoint_on_headers;
    call.write = endpoint_on_bytes;
    call.write_ctx = stream;
    lh_code code = lh_http_do(exchange->one->setup->http, &call, exchange->arena, &answer, &why);
    if (stream->code != LH_OK) return lh_fail(err, stream->code, "%s", stream->why.message);
    if (code != LH_OK) return endpoint_silent(exchange, code, &why, err);
    if (stream->status / 100 != 2)
        return endpoint_refused(exchange, stream->status, stream->retry_after, lh_buf_str(&stream->refusal), err);
    return ai_events_end(stream->events, err);
}

lh_code ai_endpoint_stream(const ai_exchange *exchange, ai_events *events, lh_error *err) {
    endpoint_stream stream = {.exchange = exchange, .events = events, .refusal = LH_BUF_INIT(ENDPOINT_REFUSAL_BYTES)};
    lh_code code = endpoint_run(&stream, err);
    lh_buf_done(&stream.refusal);
    return code;
}
