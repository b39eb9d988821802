/* A line "METHOD /path", as routes.def has it, and any bytes as the JSON body of that route (of another line, the first byte picks one):
 * types, names and what the AI routes share are looked at as a handler does. What is refused is refused in words that can be sent, and
 * what passes has the types that the document promises. */
#include "api/ai.h"
#include "api/schemas.h"
#include "base/fuzz.h"

#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool fuzz_takes_json(const api_route *route) {
    const char *media = api_schema_find(route->request)->media;
    return media && strcmp(media, "application/json") == 0;
}

static const api_route *fuzz_route(lh_str line) {
    lh_str path = line, method = lh_str_split(&path, ' ');
    const api_route *any = NULL;
    size_t skip = line.len ? (unsigned char)line.ptr[0] % API_ROUTE_COUNT : 0;
    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        const api_route *route = &api_routes[i];
        if (!fuzz_takes_json(route)) continue;
        if (lh_str_eq(method, lh_str_from(route->method)) && lh_str_eq(path, lh_str_from(route->path))) return route;
        if (!any || i <= skip) any = route;
    }
    return any;
}

/* What the caller gets: JSON that has the message as it is. */
static void fuzz_refused(lh_code code, const lh_error *err, const api_route *route, lh_arena *arena) {
    lh_json *sent = NULL;
    api_errors errors = api_errors_of(route->path);
    lh_fuzz_refused(code, err);
    lh_str text = api_error_body(arena, errors, api_status_of(code, err), code, err);
    assert(text.len < 8 * LH_ERROR_MESSAGE_BYTES);
    if (lh_arena_check(arena, NULL) != LH_OK) return;
    assert(lh_json_parse(arena, text, &sent, NULL) == LH_OK);
    lh_str message = lh_json_get_string(lh_json_get(sent, "error"), "message");
    assert(lh_str_eq(message, lh_str_from(err->message)));
}

/* By the first letter of the type alone: another way than body.c's. */
static void fuzz_typed(const lh_json *value, const char *type) {
    if (lh_json_is_null(value) || strcmp(type, "any") == 0) return;
    lh_json_type is = lh_json_type_of(value);
    if (type[0] == '[') {
        assert(is == LH_JSON_ARRAY);
        for (lh_json_iter it = lh_json_each(value); lh_json_next(&it);) fuzz_typed(it.value, type + 1);
    } else if (type[0] == '$') {
        const api_schema *schema = api_schema_find(type + 1);
        assert(is == LH_JSON_OBJECT);
        for (size_t i = 0; i < schema->member_count; i++)
            fuzz_typed(lh_json_get(value, schema->members[i].name), schema->members[i].type);
    } else if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0) {
        assert(is == LH_JSON_INT || (is == LH_JSON_REAL && type[0] == 'n'));
    } else if (strcmp(type, "boolean") == 0) {
        assert(is == LH_JSON_BOOL);
    } else {
        assert(is == (strcmp(type, "object") == 0 ? LH_JSON_OBJECT : LH_JSON_STRING));
    }
}

/* A refused name is told with all that are known: the last of them, too. */
static void fuzz_names(const api_route *route, const lh_json *body, lh_arena *arena) {
    const api_schema *schema = api_schema_find(route->request);
    const char *known[64];
    lh_error err = {0};
    if (schema->member_count == 0 || schema->member_count > 64) return;
    for (size_t i = 0; i < schema->member_count; i++) known[i] = schema->members[i].name;
    lh_code code = lh_body_check(body, known, schema->member_count, &err);
    if (code == LH_OK) {
        for (lh_json_iter it = lh_json_each(body); lh_json_next(&it);)
            assert(lh_json_equal(it.value, lh_json_get_str(body, it.name))); /* no other has its name */
        return;
    }
    fuzz_refused(code, &err, route, arena);
    if (lh_str_starts(lh_str_from(err.message), LH_STR("unknown field")))
        assert(lh_str_ends(lh_str_from(err.message), lh_str_from(known[schema->member_count - 1])));
}

static void fuzz_texts(const api_route *route, const lh_json *body, const char *name, lh_arena *arena) {
    lh_str *texts = NULL;
    size_t count = 0;
    lh_error err = {0};
    lh_code code = api_ai_texts(body, name, arena, &texts, &count, &err);
    if (code != LH_OK) fuzz_refused(code, &err, route, arena);
    assert(count <= LH_LIMIT_AI_TEXTS);
    for (size_t i = 0; i < count; i++) assert(lh_str_is_utf8(texts[i]));
}

static void fuzz_ai(const api_route *route, const lh_json *body, lh_arena *arena) {
    lh_ai_prompt prompt = {0};
    lh_error err = {0};
    lh_str model;
    uint64_t max_tokens = 7;
    lh_code code = api_ai_sampling(body, arena, &prompt, &err);
    if (code == LH_OK)
        assert(prompt.stop_count <= LH_LIMIT_AI_TEXTS && prompt.has_temperature == !isnan(prompt.temperature));
    else fuzz_refused(code, &err, route, arena);
    code = api_ai_max_tokens(body, "max_tokens", &max_tokens, &err);
    if (code == LH_OK) assert(max_tokens >= 1);
    else fuzz_refused(code, &err, route, arena);
    code = api_ai_string(body, "model", true, &model, &err);
    if (code == LH_OK) assert(lh_str_is_utf8(model));
    else fuzz_refused(code, &err, route, arena);
    fuzz_texts(route, body, "input", arena);
    fuzz_texts(route, body, "documents", arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *body = NULL;
    lh_error err = {0};
    lh_str rest = {(const char *)data, size};
    if (size > 256 << 10 || lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    const api_route *route = fuzz_route(lh_str_split(&rest, '\n'));
    lh_code code = lh_json_parse(arena, rest, &body, &err);
    if (code != LH_OK) return fuzz_refused(code, &err, route, arena), 0;
    code = api_body_check_types(route, body, &err);
    if (code != LH_OK) fuzz_refused(code, &err, route, arena);
    if (code == LH_OK && lh_json_is_object(body)) {
        const api_schema *schema = api_schema_find(route->request);
        for (size_t i = 0; i < schema->member_count; i++)
            fuzz_typed(lh_json_get(body, schema->members[i].name), schema->members[i].type);
    }
    fuzz_names(route, body, arena);
    fuzz_ai(route, body, arena);
    return 0;
}
