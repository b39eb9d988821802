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

/* The request's arena is at its end, so that not even an error can be written. */
static lh_str errors_without_memory(bool iceberg) {
    return iceberg ? LH_STR("{\"error\":{\"message\":\"out of memory\",\"type\":\"InternalServerError\",\"code\":500}}")
                   : LH_STR("{\"error\":{\"code\":\"no_memory\",\"message\":\"out of memory\",\"details\":{},"
                            "\"trace_id\":\"\"}}");
}

lh_str api_error_body(lh_arena *arena, bool iceberg, unsigned status, lh_code code, const lh_error *err) {
    lh_json *body = lh_json_new_object(arena), *error = lh_json_new_object(arena);
    lh_json_set_string(arena, error, "message", lh_str_from(err->message));
    if (iceberg) {
        lh_json_set_string(arena, error, "type", lh_str_from(errors_iceberg_type(status)));
        lh_json_set_int(arena, error, "code", status);
    } else {
        lh_json *details = lh_json_new_object(arena);
        if (err->line) lh_json_set_uint(arena, details, "line", err->line);
        if (err->column) lh_json_set_uint(arena, details, "column", err->column);
        if (err->name[0]) lh_json_set_string(arena, details, "column_name", lh_str_from(err->name));
        const char *name = status == 401   ? "unauthenticated"
                           : status == 405 ? "method_not_allowed"
                           : status == 413 ? "too_large"
                           : status == 415 ? "unsupported"
                                           : lh_code_name(code);
        lh_json_set_string(arena, error, "code", lh_str_from(name));
        lh_json_set(arena, error, "details", details);
        lh_json_set_string(arena, error, "trace_id", lh_trace_current_id());
    }
    lh_json_set(arena, body, "error", error);
    lh_str text;
    if (lh_json_write(arena, body, false, &text, NULL) != LH_OK) return errors_without_memory(iceberg);
    return text;
}

/* The table of codes has no 412. */
lh_code lh_respond_precondition(lh_request *request, const char *message, lh_error *err) {
    lh_error why = {0};
    lh_error_set(&why, LH_CONFLICT, "%s", message);
    return lh_respond_bytes(request, 412, "application/json",
                            api_error_body(lh_request_arena(request), false, 412, LH_CONFLICT, &why), err);
}
