/* lh_code → HTTP status → body. 401, 405, 413, 415 and 429 come from connection.c, before any module runs. */
#include "api/server_internal.h"

#include <errno.h>

unsigned api_status_of(lh_code code, const lh_error *err) {
    static const unsigned statuses[LH_CODE_COUNT] = {
        [LH_OK] = 200,      [LH_INVALID] = 400,     [LH_NOT_FOUND] = 404, [LH_CONFLICT] = 409,
        [LH_DENIED] = 403,  [LH_LIMIT] = 422,       [LH_NO_MEMORY] = 503, [LH_IO] = 500,
        [LH_CORRUPT] = 500, [LH_UNAVAILABLE] = 503, [LH_CANCELLED] = 504, [LH_INTERNAL] = 500,
    };
    if (err && (err->sys_errno == ENOSPC || err->sys_errno == EDQUOT)) return 507;
    return (unsigned)code < LH_CODE_COUNT ? statuses[code] : 500;
}

/* Iceberg's exception for a status that a handler did not name itself. */
static const char *errors_iceberg_type(unsigned status) {
    switch (status) {
    case 400:
    case 405:
    case 413:
    case 415: return "BadRequestException";
    case 401: return "NotAuthorizedException";
    case 403: return "ForbiddenException";
    case 404: return "NotFoundException"; /* a path: what a handler misses it names itself */
    case 409: return "CommitFailedException";
    case 429: return "TooManyRequestsException";
    case 503: return "ServiceUnavailableException";
    default: return "InternalServerError";
    }
}

/* OpenAI's kind of error for a status. */
static const char *errors_openai_type(unsigned status) {
    switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    default: return status < 500 ? "invalid_request_error" : "server_error";
    }
}

api_errors api_errors_of(const char *path) {
    return strncmp(path, "/iceberg/", 9) == 0 ? API_ERRORS_ICEBERG
           : strncmp(path, "/v1/", 4) == 0    ? API_ERRORS_OPENAI
                                              : API_ERRORS_OURS;
}

/* The request's arena is at its end, so that not even an error can be written. */
static lh_str errors_without_memory(api_errors errors) {
    static const char *const texts[] = {
        [API_ERRORS_OURS] =
            "{\"error\":{\"code\":\"no_memory\",\"message\":\"out of memory\",\"details\":{},\"trace_id\":\"\"}}",
        [API_ERRORS_ICEBERG] =
            "{\"error\":{\"message\":\"out of memory\",\"type\":\"InternalServerError\",\"code\":500}}",
        [API_ERRORS_OPENAI] = ("{\"error\":{\"message\":\"out of "
                               "memory\",\"type\":\"server_error\",\"param\":null,\"code\":\"no_memory\"}}"),
    };
    return lh_str_from(texts[errors]);
}

/* The stable name of what went wrong. */
static lh_str errors_name(unsigned status, lh_code code) {
    return lh_str_from(status == 401   ? "unauthenticated"
                       : status == 405 ? "method_not_allowed"
                       : status == 413 ? "too_large"
                       : status == 415 ? "unsupported"
                                       : lh_code_name(code));
}

lh_str api_error_body(lh_arena *arena, api_errors errors, unsigned status, lh_code code, const lh_error *err) {
    lh_json *body = lh_json_new_object(arena), *error = lh_json_new_object(arena);
    lh_json_set_string(arena, error, "message", lh_str_from(err->message));
    if (errors == API_ERRORS_ICEBERG) {
        lh_json_set_string(arena, error, "type", lh_str_from(errors_iceberg_type(status)));
        lh_json_set_int(arena, error, "code", status);
    } else if (errors == API_ERRORS_OPENAI) {
        lh_json_set_string(arena, error, "type", lh_str_from(errors_openai_type(status)));
        lh_json_set(arena, error, "param", lh_json_new_null(arena));
        lh_json_set_string(arena, error, "code", errors_name(status, code));
    } else {
        lh_json *details = lh_json_new_object(arena);
        if (err->line) lh_json_set_uint(arena, details, "line", err->line);
        if (err->column) lh_json_set_uint(arena, details, "column", err->column);
        if (err->name[0]) lh_json_set_string(arena, details, "column_name", lh_str_from(err->name));
        lh_json_set_string(arena, error, "code", errors_name(status, code));
        lh_json_set(arena, error, "details", details);
        lh_json_set_string(arena, error, "trace_id", lh_trace_current_id());
    }
    lh_json_set(arena, body, "error", error);
    lh_str text;
    if (lh_json_write(arena, body, false, &text, NULL) != LH_OK) return errors_without_memory(errors);
    return text;
}

/* The table of codes has no 412. */
lh_code lh_respond_precondition(lh_request *request, const char *message, lh_error *err) {
    lh_error why = {0};
    lh_error_set(&why, LH_CONFLICT, "%s", message);
    return lh_respond_bytes(request, 412, "application/json",
                            api_error_body(lh_request_arena(request), API_ERRORS_OURS, 412, LH_CONFLICT, &why), err);
}
