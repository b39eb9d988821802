/* Range headers and lists of entity tags (RFC 9110, sections 14 and 8.8.3). */
#include "api/range.h"

/* Digits only; more than 64 bits hold become UINT64_MAX, which is beyond every object. */
static bool range_number(lh_str text, uint64_t *ret) {
    if (text.len == 0) return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    if (lh_str_to_u64(text, ret) != LH_OK) *ret = UINT64_MAX;
    return true;
}

api_range_kind api_range_parse(lh_str header, uint64_t size_bytes, uint64_t *ret_offset, uint64_t *ret_length) {
    uint64_t first, last = UINT64_MAX;
    lh_str text = lh_str_trim(header);
    if (text.len < 6 || !lh_str_eq_nocase(lh_str_sub(text, 0, 6), LH_STR("bytes="))) return API_RANGE_WHOLE;
    lh_str range = lh_str_trim(lh_str_sub(text, 6, SIZE_MAX));
    size_t dash = lh_str_find(range, '-');
    if (dash == range.len) return API_RANGE_WHOLE;
    lh_str from = lh_str_sub(range, 0, dash), to = lh_str_sub(range, dash + 1, SIZE_MAX);
    if (from.len == 0) { /* "-500": the last 500 bytes */
        uint64_t tail;
        if (!range_number(to, &tail)) return API_RANGE_WHOLE;
        if (tail == 0 || size_bytes == 0) return API_RANGE_NONE;
        *ret_length = tail < size_bytes ? tail : size_bytes;
        *ret_offset = size_bytes - *ret_length;
        return API_RANGE_PART;
    }
    if (!range_number(from, &first) || (to.len && !range_number(to, &last)) || last < first) return API_RANGE_WHOLE;
    if (first >= size_bytes) return API_RANGE_NONE;
    *ret_offset = first;
    *ret_length = (last < size_bytes - 1 ? last : size_bytes - 1) - first + 1;
    return API_RANGE_PART;
}

bool api_etag_list_has(lh_str list, lh_str etag, bool weak) {
    lh_str rest = lh_str_trim(list);
    if (lh_str_eq(rest, LH_STR("*"))) return true;
    while (rest.len) {
        bool is_weak = lh_str_starts(rest, LH_STR("W/"));
        if (is_weak) rest = lh_str_sub(rest, 2, SIZE_MAX);
        if (rest.len == 0 || rest.ptr[0] != '"') return false; /* malformed: matches nothing more */
        rest = lh_str_sub(rest, 1, SIZE_MAX);
        size_t end = lh_str_find(rest, '"');
        if (end == rest.len) return false;
        if ((weak || !is_weak) && lh_str_eq(lh_str_sub(rest, 0, end), etag)) return true;
        rest = lh_str_trim(lh_str_sub(rest, end + 1, SIZE_MAX));
        if (rest.len && rest.ptr[0] != ',') return false;
        rest = lh_str_trim(lh_str_sub(rest, 1, SIZE_MAX));
    }
    return false;
}
