/* What a terminal shows of a text: characters that are shown as one (grapheme clusters), and their columns. */
#include "base/str.h"

#include <utf8proc.h>

size_t lh_str_cluster(lh_str s, size_t at, size_t *ret_width) {
    utf8proc_int32_t first = -1, before = -1, point = -1, state = 0;
    size_t bytes = 0;
    *ret_width = 1;
    for (; at + bytes < s.len; before = point) {
        utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)s.ptr + at + bytes,
                                                (utf8proc_ssize_t)(s.len - at - bytes), &point);
        if (len <= 0 || (bytes && utf8proc_grapheme_break_stateful(before, point, &state))) break;
        if (bytes == 0) first = point;
        bytes += (size_t)len;
    }
    if (bytes == 0) return 1; /* no UTF-8 */
    int width = utf8proc_charwidth(first);
    *ret_width = width > 0 ? (size_t)width : 0;
    return bytes;
}

size_t lh_str_width(lh_str s) {
    size_t total = 0, width;
    for (size_t at = 0; at < s.len; total += width) at += lh_str_cluster(s, at, &width);
    return total;
}
