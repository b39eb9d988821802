/* The request guard: refuses what two HTTP parsers could read in two ways (request smuggling), before anything
 * else looks at the request. RFC 9112 §6.3 (message body length), RFC 9110 §5.6.2 (tokens); also who
 * asks, which a proxy before us may have looked at. libmicrohttpd 0.9.75
 * lets several of these through (connection.c looks at the layout of its lines, too). A refused request is answered 400 and its connection closed, so that
 * bytes behind it are never taken for another request. */
#include "api/server_internal.h"

static bool guard_is_token(lh_str name) {
    static const char extra[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr(extra, c))) return false;
    }
    return name.len > 0;
}

static bool guard_is_digits(lh_str value) {
    uint64_t ignored;
    return value.len > 0 && value.len < 19 && lh_str_to_u64(value, &ignored) == LH_OK;
}

void api_guard_header(api_guard *guard, lh_str name, lh_str value) {
    if (guard->reason) return;
    if (!guard_is_token(name)) guard->reason = "a header name has a character that is not allowed";
    for (size_t i = 0; i < value.len && !guard->reason; i++)
        if (((unsigned char)value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7F)
            guard->reason = "a header value has a control character";
    if (guard->reason) return;
    if (lh_str_eq_nocase(name, LH_STR("Host"))) guard->hosts++;
    if (lh_str_eq_nocase(name, LH_STR("X-API-Key"))) guard->keys++;
    if (lh_str_eq_nocase(name, LH_STR("Authorization"))) guard->authorizations++;
    if (lh_str_eq_nocase(name, LH_STR("Content-Length"))) {
        guard->lengths++;
        if (!guard_is_digits(value)) guard->reason = "Content-Length is not a number";
    }
    if (lh_str_eq_nocase(name, LH_STR("Transfer-Encoding"))) {
        guard->encodings++;
        if (!lh_str_eq_nocase(value, LH_STR("chunked")))
            guard->reason = "the only Transfer-Encoding understood is chunked";
    }
}

const char *api_guard_verdict(const api_guard *guard, lh_str method, lh_str version) {
    if (!guard_is_token(method)) return "the method has a character that is not allowed";
    bool http11 = lh_str_eq(version, LH_STR("HTTP/1.1"));
    if (!http11 && !lh_str_eq(version, LH_STR("HTTP/1.0"))) return "the version must be HTTP/1.1 or HTTP/1.0";
    if (guard->reason) return guard->reason;
    if (guard->hosts > 1) return "more than one Host header";
    if (http11 && guard->hosts == 0) return "the Host header is missing";
    if (guard->keys > 1) return "more than one X-API-Key header";
    if (guard->authorizations > 1) return "more than one Authorization header";
    if (guard->lengths > 1) return "more than one Content-Length header";
    if (guard->encodings > 1) return "more than one Transfer-Encoding header";
    if (guard->encodings && guard->lengths) return "both Transfer-Encoding and Content-Length";
    if (guard->encodings && !http11) return "Transfer-Encoding in HTTP/1.0";
    return NULL;
}

const char *api_guard_target(lh_str target) {
    if (target.len == 0 || target.ptr[0] != '/') return "the request target must start with '/'";
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.ptr[i] <= 0x20 || target.ptr[i] == 0x7F || target.ptr[i] == '#')
            return "the request target has a space, a control character or a fragment";
    return NULL;
}
