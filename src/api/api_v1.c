/* /v1/: the models as OpenAI's API has them, so that its SDKs work. What is asked for and cannot be done is refused, what only
 * hints is passed over. Errors have that API's form (errors.c). */
#include "api/ai.h"

#include <math.h>
#include <stdio.h>

/* ---- requests ---- */

typedef struct v1_member {
    const char *name;
    enum {
        V1_TAKEN, /* read elsewhere */
        V1_HINT,  /* passed over */
        V1_ONE,   /* only 1 can be done, */
        V1_ZERO,  /* 0, */
        V1_FALSE, /* false, */
        V1_EMPTY, /* [] or {}, */
        V1_NONE   /* none */
    } kind;
} v1_member;

static bool v1_fits(const v1_member *member, const lh_json *value) {
    if (lh_json_is_null(value) || member->kind == V1_TAKEN || member->kind == V1_HINT) return true;
    if (member->kind == V1_EMPTY)
        return (lh_json_is_array(value) || lh_json_is_object(value)) && lh_json_size(value) == 0;
    if (member->kind == V1_NONE) return lh_str_eq(lh_json_str(value, LH_STR_NONE), LH_STR("none"));
    if (member->kind == V1_FALSE) return lh_json_type_of(value) == LH_JSON_BOOL && !lh_json_bool(value, true);
    return lh_json_real(value, NAN) == (member->kind == V1_ONE ? 1 : 0);
}

static const char *const v1_only[] = {
    [V1_ONE] = "1", [V1_ZERO] = "0", [V1_FALSE] = "false", [V1_EMPTY] = "empty", [V1_NONE] = "none"};

static lh_code v1_check(const lh_json *body, const v1_member *members, size_t count, lh_error *err) {
    const char *names[48];
    for (size_t i = 0; i < count; i++) names[i] = members[i].name;
    LH_TRY(lh_body_check_given(body, names, count, err)); /* SDKs write what is not set as null */
    for (size_t i = 0; i < count; i++)
        if (!v1_fits(&members[i], lh_json_get(body, members[i].name)))
            return lh_fail(err, LH_INVALID, "'%s' can only be %s here", members[i].name, v1_only[members[i].kind]);
    return LH_OK;
}

/* ---- models ---- */

static lh_json *v1_model(const lh_json *model, lh_arena *arena) {
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "id", lh_json_get_string(model, "model"));
    lh_json_set_string(arena, item, "object", LH_STR("model"));
    lh_json_set_int(arena, item, "created", 0);
    lh_json_set_string(arena, item, "owned_by", lh_json_get_string(model, "provider"));
    return item;
}

lh_code api_v1_model(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *models = NULL;
    lh_str name = lh_request_param(request, "model");
    LH_TRY(lh_ai_models(lh_request_app(request)->ai, arena, &models, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(models, "items")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "model"), name))
            return lh_respond_json(request, 200, v1_model(it.value, arena), err);
    return lh_fail(err, LH_NOT_FOUND, "there is no model '%.*s': GET /v1/models lists them",
                   LH_STR_ARG(lh_str_cut_utf8(name, 64)));
}

/* A model of two tasks is one here. */
lh_code api_v1_models(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *answer = lh_json_new_object(arena), *data = lh_json_new_array(arena), *models = NULL;
    LH_TRY(lh_ai_models(lh_request_app(request)->ai, arena, &models, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(models, "items")); lh_json_next(&it);) {
        bool listed = false;
        lh_str name = lh_json_get_string(it.value, "model");
        for (lh_json_iter other = lh_json_each(data); lh_json_next(&other);)
            listed = listed || lh_str_eq(lh_json_get_string(other.value, "id"), name);
        if (!listed) lh_json_append(data, v1_model(it.value, arena));
    }
    lh_json_set_string(arena, answer, "object", LH_STR("list"));
    lh_json_set(arena, answer, "data", data);
    return lh_respond_json(request, 200, answer, err);
}

/* ---- embeddings ---- */

/* Token ids, flat or a list a text, which some SDKs send by themselves: they are of another model's vocabulary. */
static lh_code v1_no_tokens(const lh_json *input, lh_error *err) {
    for (lh_json_iter it = lh_json_each(lh_json_is_array(input) ? input : NULL); lh_json_next(&it);)
        if (lh_json_is_array(it.value) || lh_json_type_of(it.value) == LH_JSON_INT)
            return lh_fail(
                err, LH_INVALID,
                "'input' must be texts, not tokens: which word a number means is known to OpenAI's models only");
    return LH_OK;
}

/* 32-bit numbers, little-endian, as base64. */
static lh_code v1_base64(lh_buf *out, const float *values, size_t count, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) unsigned char *bytes = malloc(count * 4);
    if (!bytes) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (size_t b = 0; b < 4; b++) bytes[4 * i + b] = (unsigned char)(bits >> (8 * b));
    }
    lh_buf_char(out, '"');
    char *room = lh_buf_reserve(out, (count * 4 + 2) / 3 * 4);
    LH_TRY(lh_buf_check(out, err));
    out->len += lh_base64_encode((lh_str){(const char *)bytes, count * 4}, room);
    lh_buf_char(out, '"');
    return LH_OK;
}

static lh_code v1_embedded(lh_request *request, const lh_ai_embeddings *got, bool base64, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(API_AI_ANSWER_BYTES);
    lh_buf_printf(&out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < got->count; i++) {
        const float *vector = got->values + i * got->dimensions;
        lh_buf_printf(&out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i ? "," : "", i);
        if (base64) LH_TRY(v1_base64(&out, vector, got->dimensions, err));
        else api_ai_vector(&out, vector, got->dimensions);
        lh_buf_char(&out, '}');
    }
    lh_buf_printf(&out, "],\"model\":");
    lh_buf_json_string(&out, got->model.name);
    lh_buf_printf(&out, ",\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}}", got->tokens,
                  got->tokens);
    LH_TRY(lh_buf_check(&out, err));
    return lh_respond_bytes(request, 200, "application/json", lh_buf_str(&out), err);
}

lh_code api_v1_embeddings(lh_request *request, lh_error *err) {
    static const v1_member known[] = {{"input", V1_TAKEN},
                                      {"model", V1_TAKEN},
                                      {"encoding_format", V1_TAKEN},
                                      {"dimensions", V1_TAKEN},
                                      {"user", V1_HINT}};
    lh_arena *arena = lh_request_arena(request);
    lh_json *body = NULL;
    lh_str model, format, *texts = NULL;
    size_t count = 0;
    uint64_t dimensions;
    lh_ai_embeddings got;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(v1_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(api_ai_string(body, "model", true, &model, err));
    LH_TRY(api_ai_string(body, "encoding_format", false, &format, err));
    LH_TRY(lh_body_uint(body, "dimensions", 0, &dimensions, err));
    LH_TRY(v1_no_tokens(lh_json_get(body, "input"), err));
    LH_TRY(api_ai_texts(body, "input", arena, &texts, &count, err));
    bool base64 = lh_str_eq(format, LH_STR("base64"));
    if (format.len && !base64 && !lh_str_eq(format, LH_STR("float")))
        return lh_fail(err, LH_INVALID, "'encoding_format' must be float or base64");
    lh_ai_call call = api_ai_call(request, model);
    LH_TRY(lh_ai_embed(lh_request_app(request)->ai, &call, texts, count, arena, &got, err));
    if (dimensions && dimensions != got.dimensions)
        return lh_fail(err, LH_INVALID, "'dimensions' can only be %zu, which the model has", got.dimensions);
    return v1_embedded(request, &got, base64, err);
}

/* ---- chat ---- */

/* A text, or parts of which each is one. */
static lh_code v1_content(const lh_json *content, size_t index, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(LH_LIMIT_AI_TEXT_BYTES);
    *ret = lh_json_str(content, LH_STR_NONE);
    if (lh_json_is_string(content)) return LH_OK;
    bool parts = lh_json_is_array(content);
    for (lh_json_iter it = lh_json_each(content); parts && lh_json_next(&it);) {
        parts = lh_str_eq(lh_json_get_string(it.value, "type"), LH_STR("text")) &&
                lh_json_is_string(lh_json_get(it.value, "text"));
        lh_buf_append(&text, lh_json_get_string(it.value, "text"));
    }
    if (!parts)
        return lh_fail(err, LH_INVALID, "'content' of message %zu must be a string, or parts of type text", index);
    LH_TRY(lh_buf_check(&text, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&text));
    return lh_arena_check(arena, err);
}

static lh_code v1_messages(const lh_json *body, lh_arena *arena, lh_ai_prompt *prompt, lh_error *err) {
    static const v1_member known[] = {
        /* an answer that was given is a message of the next request, with all its members */
        {"role", V1_TAKEN},
        {"content", V1_TAKEN},
        {"name", V1_TAKEN},
        {"annotations", V1_HINT},
        {"tool_calls", V1_EMPTY}};
    const lh_json *list = lh_json_get(body, "messages");
    size_t count = lh_json_size(list);
    if (!lh_json_is_array(list)) return lh_fail(err, LH_INVALID, "'messages' must be an array");
    if (count > LH_LIMIT_AI_MESSAGES)
        return lh_fail(err, LH_LIMIT, "%zu messages are more than %d", count, LH_LIMIT_AI_MESSAGES);
    lh_ai_message *messages = LH_ARENA_ARRAY(arena, lh_ai_message, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) {
        lh_ai_message *message = &messages[it.index];
        LH_TRY(v1_check(it.value, known, sizeof known / sizeof *known, err));
        LH_TRY(api_ai_string(it.value, "role", true, &message->role, err));
        if (lh_str_eq(message->role, LH_STR("developer"))) message->role = LH_STR("system");
        LH_TRY(v1_content(lh_json_get(it.value, "content"), it.index, arena, &message->content, err));
    }
    prompt->messages = messages;
    prompt->message_count = count;
    return LH_OK;
}

static lh_code v1_response_format(const lh_json *format, lh_arena *arena, lh_ai_prompt *prompt, lh_error *err) {
    lh_str type = lh_json_get_string(format, "type");
    if (lh_json_is_null(format) || lh_str_eq(type, LH_STR("text"))) return LH_OK;
    if (lh_str_eq(type, LH_STR("json_schema"))) {
        prompt->json_schema = lh_json_get(lh_json_get(format, "json_schema"), "schema");
    } else if (lh_str_eq(type, LH_STR("json_object"))) {
        lh_json *any = lh_json_new_object(arena);
        lh_json_set_string(arena, any, "type", LH_STR("object"));
        prompt->json_schema = any;
    }
    return lh_json_is_object(prompt->json_schema)
               ? LH_OK
               : lh_fail(err, LH_INVALID,
                         "'response_format' must be of type text, json_object, or json_schema with its schema");
}

typedef struct v1_chat {
    lh_request *request;
    lh_str id;
    int64_t created;
    bool begun; /* the first chunk of a stream says whose message it is */
    api_ai_asked asked;
} v1_chat;

static const v1_member v1_chat_members[] = {{"model", V1_TAKEN},
                                            {"messages", V1_TAKEN},
                                            {"stream", V1_TAKEN},
                                            {"stream_options", V1_TAKEN},
                                            {"max_tokens", V1_TAKEN},
                                            {"max_completion_tokens", V1_TAKEN},
                                            {"temperature", V1_TAKEN},
                                            {"seed", V1_TAKEN},
                                            {"stop", V1_TAKEN},
                                            {"response_format", V1_TAKEN},
                                            {"grammar", V1_TAKEN},
                                            {"n", V1_ONE},
                                            {"top_p", V1_TAKEN},
                                            {"tools", V1_EMPTY},
                                            {"tool_choice", V1_NONE},
                                            {"functions", V1_EMPTY},
                                            {"function_call", V1_NONE},
                                            {"parallel_tool_calls", V1_HINT},
                                            {"logit_bias", V1_EMPTY},
                                            {"top_logprobs", V1_ZERO},
                                            {"presence_penalty", V1_ZERO},
                                            {"frequency_penalty", V1_ZERO},
                                            {"logprobs", V1_FALSE},
                                            {"user", V1_HINT},
                                            {"metadata", V1_HINT},
                                            {"store", V1_FALSE},
                                            {"service_tier", V1_HINT},
                                            {"safety_identifier", V1_HINT},
                                            {"prompt_cache_key", V1_HINT},
                                            {"prompt_cache_retention", V1_HINT}};

lh_code api_v1_chat_read(const lh_json *body, lh_arena *arena, api_ai_asked *ret, lh_error *err) {
    static const char *const stream_options[] = {"include_usage", "include_obfuscation"};
    const lh_json *options = lh_json_get(body, "stream_options");
    api_ai_asked asked = {.stream = false};
    lh_ai_prompt *prompt = &asked.prompt;
    LH_TRY(v1_check(body, v1_chat_members, sizeof v1_chat_members / sizeof *v1_chat_members, err));
    LH_TRY(api_ai_string(body, "model", true, &asked.model, err));
    LH_TRY(v1_messages(body, arena, prompt, err));
    LH_TRY(lh_body_bool(body, "stream", false, &asked.stream, err));
    if (!lh_json_is_null(options)) {
        LH_TRY(lh_body_check(options, stream_options, 2, err));
        LH_TRY(lh_body_bool(options, "include_usage", false, &asked.usage, err));
    }
    LH_TRY(api_ai_max_tokens(body, "max_tokens", &prompt->max_tokens, err));
    LH_TRY(api_ai_max_tokens(body, "max_completion_tokens", &prompt->max_tokens, err));
    LH_TRY(api_ai_string(body, "grammar", false, &prompt->grammar, err));
    LH_TRY(v1_response_format(lh_json_get(body, "response_format"), arena, prompt, err));
    LH_TRY(api_ai_sampling(body, arena, prompt, err));
    *ret = asked;
    return LH_OK;
}

static lh_json *v1_head(const v1_chat *chat, const char *object, lh_arena *arena) {
    lh_json *head = lh_json_new_object(arena);
    lh_json_set_string(arena, head, "id", chat->id);
    lh_json_set_string(arena, head, "object", lh_str_from(object));
    lh_json_set_int(arena, head, "created", chat->created);
    lh_json_set_string(arena, head, "model", chat->asked.model);
    return head;
}

static lh_json *v1_choice(lh_arena *arena, const char *member, lh_json *content, lh_str finish_reason) {
    lh_json *choices = lh_json_new_array(arena), *choice = lh_json_new_object(arena);
    lh_json_set_int(arena, choice, "index", 0);
    lh_json_set(arena, choice, member, content);
    lh_json_set(arena, choice, "logprobs", lh_json_new_null(arena));
    lh_json_set(arena, choice, "finish_reason",
                finish_reason.len ? lh_json_new_string(arena, finish_reason) : lh_json_new_null(arena));
    lh_json_append(choices, choice);
    return choices;
}

static lh_json *v1_usage(lh_arena *arena, const lh_ai_text *text) {
    lh_json *usage = lh_json_new_object(arena);
    lh_json_set_uint(arena, usage, "prompt_tokens", text->prompt_tokens);
    lh_json_set_uint(arena, usage, "completion_tokens", text->tokens);
    lh_json_set_uint(arena, usage, "total_tokens", text->prompt_tokens + text->tokens);
    return usage;
}

static lh_json *v1_message(lh_arena *arena, bool role, lh_str text) {
    lh_json *message = lh_json_new_object(arena);
    if (role) lh_json_set_string(arena, message, "role", LH_STR("assistant"));
    lh_json_set_string(arena, message, "content", text);
    return message;
}

static lh_code v1_on_piece(void *ctx, lh_str piece, lh_error *err) {
    v1_chat *chat = ctx;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(2 * LH_LIMIT_AI_ANSWER_BYTES, &arena, err));
    lh_json *chunk = v1_head(chat, "chat.completion.chunk", arena);
    lh_json_set(arena, chunk, "choices",
                v1_choice(arena, "delta", v1_message(arena, !chat->begun, piece), LH_STR_NONE));
    chat->begun = true;
    return api_ai_event(chat->request, NULL, chunk, err);
}

static lh_code v1_stream_end(const v1_chat *chat, const lh_ai_text *text, lh_error *err) {
    lh_arena *arena = lh_request_arena(chat->request);
    lh_json *last = v1_head(chat, "chat.completion.chunk", arena),
            *usage = v1_head(chat, "chat.completion.chunk", arena),
            *delta = chat->begun ? lh_json_new_object(arena) : v1_message(arena, true, LH_STR(""));
    lh_json_set(arena, last, "choices", v1_choice(arena, "delta", delta, text->finish_reason));
    LH_TRY(api_ai_event(chat->request, NULL, last, err));
    lh_json_set(arena, usage, "choices", lh_json_new_array(arena));
    lh_json_set(arena, usage, "usage", v1_usage(arena, text));
    if (chat->asked.usage) LH_TRY(api_ai_event(chat->request, NULL, usage, err));
    return lh_respond_write(chat->request, LH_STR("data: [DONE]\n\n"), err);
}

/* A stream that has begun cannot have another status: its last event tells. */
static lh_code v1_stream_failed(lh_request *request, lh_code code, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *data = lh_json_new_object(arena), *error = lh_json_new_object(arena);
    if (!lh_respond_begun(request) || code == LH_CANCELLED || !err) return code;
    lh_json_set_string(arena, error, "message", lh_str_from(err->message));
    lh_json_set_string(arena, error, "type", LH_STR("server_error"));
    lh_json_set_string(arena, error, "code", lh_str_from(lh_code_name(code)));
    lh_json_set(arena, data, "error", error);
    lh_code told = api_ai_event(request, NULL, data, NULL);
    (void)told; /* the connection is cut all the same */
    return code;
}

lh_code api_v1_chat(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *body = NULL;
    lh_ai_text text;
    lh_uuid id = lh_uuid_new();
    v1_chat chat = {
        .request = request, .id = lh_arena_printf(arena, "chatcmpl-%s", id.text), .created = lh_time_now_ms() / 1000};
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(api_v1_chat_read(body, arena, &chat.asked, err));
    lh_ai_call call = api_ai_call(request, chat.asked.model);
    lh_code code = lh_ai_generate(lh_request_app(request)->ai, &call, &chat.asked.prompt,
                                  chat.asked.stream ? v1_on_piece : NULL, &chat, arena, &text, err);
    if (code != LH_OK) return v1_stream_failed(request, code, err);
    if (chat.asked.stream) return v1_stream_end(&chat, &text, err);
    lh_json *answer = v1_head(&chat, "chat.completion", arena);
    lh_json_set(arena, answer, "choices",
                v1_choice(arena, "message", v1_message(arena, true, text.text), text.finish_reason));
    lh_json_set(arena, answer, "usage", v1_usage(arena, &text));
    return lh_respond_json(request, 200, answer, err);
}
