/* The body of POST /ask. */
#include "ask/ask_internal.h"

enum { REQUEST_ROWS = 1000 };

static lh_code request_part(const lh_json *parts, const char *name, bool *ret, lh_error *err) {
    const lh_json *value = lh_json_get(parts, name);
    if (!lh_json_is_null(value) && lh_json_type_of(value) != LH_JSON_BOOL)
        return lh_fail(err, LH_INVALID, "'parts.%s' must be true or false", name);
    *ret = lh_json_bool(value, true);
    return LH_OK;
}

lh_code ask_request_read(const lh_json *body, bool tokens, ask_request *ret, lh_error *err) {
    const lh_json *limit = lh_json_get(body, "limit"), *now = lh_json_get(body, "now"),
                  *parts = lh_json_get(body, "parts");
    int64_t now_ms = lh_time_now_ms();
    ret->question = lh_json_get_string(body, "question");
    ret->model = lh_json_get_string(body, "model");
    if (lh_str_trim(ret->question).len == 0) return lh_fail(err, LH_INVALID, "'question' must be a text");
    if (ret->question.len > LH_LIMIT_QUESTION_BYTES)
        return lh_fail(err, LH_LIMIT, "a question has at most %d bytes", LH_LIMIT_QUESTION_BYTES);
    if (!lh_str_is_utf8(ret->question)) return lh_fail(err, LH_INVALID, "'question' is not UTF-8");
    ret->rows_max = lh_json_is_null(limit) ? REQUEST_ROWS : lh_json_uint(limit, 0);
    if (ret->rows_max < 1 || ret->rows_max > ASK_ROWS_MAX)
        return lh_fail(err, LH_INVALID, "'limit' is 1 to %d", ASK_ROWS_MAX);
    if (!lh_json_is_null(now) && lh_time_parse_rfc3339(lh_json_str(now, LH_STR_NONE), &now_ms) != LH_OK)
        return lh_fail(err, LH_INVALID, "'now' must be a time such as 2026-03-01T12:00:00Z");
    ret->today = now_ms / 86400000 - (now_ms % 86400000 < 0);
    ret->tokens = tokens || lh_json_bool(lh_json_get(body, "tokens"), false);
    LH_TRY(request_part(parts, "examples", &ret->examples, err));
    LH_TRY(request_part(parts, "planner", &ret->planner, err));
    LH_TRY(request_part(parts, "values", &ret->values, err));
    LH_TRY(request_part(parts, "synonyms", &ret->synonyms, err));
    LH_TRY(request_part(parts, "model", &ret->by_model, err));
    LH_TRY(request_part(parts, "grammar", &ret->grammar, err));
    return request_part(parts, "repair", &ret->repair, err);
}
