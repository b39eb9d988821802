/* `traceparent` of W3C Trace Context level 1:
 *
 *   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *   version-trace id (32)-parent's span id (16)-flags (bit 0: sampled), lower-case hex
 *
 * Version ff is invalid; of versions after 00 the same first 55 characters count, and
 * more may follow behind another '-'. Ids of zeros only are invalid. */
#include "base/trace_internal.h"

#include <string.h>

enum { TRACE_PARENT_BYTES = 55 };

static int trace_hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

static bool trace_is_hex(lh_str text) {
    for (size_t i = 0; i < text.len; i++)
        if (trace_hex_value(text.ptr[i]) < 0) return false;
    return true;
}

static bool trace_is_id(lh_str text) {
    bool zero = true;
    for (size_t i = 0; i < text.len; i++) zero &= text.ptr[i] == '0';
    return !zero && trace_is_hex(text);
}

bool trace_parent_parse(lh_str header, trace_parent *ret) {
    lh_str text = lh_str_trim(header);
    if (text.len < TRACE_PARENT_BYTES || text.ptr[2] != '-' || text.ptr[35] != '-' || text.ptr[52] != '-') return false;
    lh_str version = lh_str_sub(text, 0, 2), trace_id = lh_str_sub(text, 3, 32);
    lh_str span_id = lh_str_sub(text, 36, 16), flags = lh_str_sub(text, 53, 2);
    if (!trace_is_hex(version) || lh_str_eq(version, LH_STR("ff"))) return false;
    if (lh_str_eq(version, LH_STR("00")) ? text.len != TRACE_PARENT_BYTES
                                         : text.len > TRACE_PARENT_BYTES && text.ptr[TRACE_PARENT_BYTES] != '-')
        return false;
    if (!trace_is_id(trace_id) || !trace_is_id(span_id) || !trace_is_hex(flags)) return false;
    *ret = (trace_parent){.sampled = trace_hex_value(flags.ptr[1]) & 1};
    memcpy(ret->trace_id, trace_id.ptr, trace_id.len);
    memcpy(ret->span_id, span_id.ptr, span_id.len);
    return true;
}
