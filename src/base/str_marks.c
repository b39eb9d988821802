/* Letters without their marks, by utf8proc. */
#include "base/buf.h"

#include <utf8proc.h>

void lh_buf_without_marks(lh_buf *buf, lh_str s) {
    for (size_t at = 0; at < s.len;) {
        utf8proc_int32_t point = -1, parts[32];
        utf8proc_ssize_t bytes =
            utf8proc_iterate((const utf8proc_uint8_t *)s.ptr + at, (utf8proc_ssize_t)(s.len - at), &point);
        if (bytes <= 0) { /* no UTF-8 */
            lh_buf_char(buf, s.ptr[at++]);
            continue;
        }
        int last_class = UTF8PROC_BOUNDCLASS_START;
        utf8proc_ssize_t count = utf8proc_decompose_char(point, parts, 32, UTF8PROC_DECOMPOSE, &last_class);
        for (utf8proc_ssize_t i = 0; i < count && i < 32; i++) {
            utf8proc_uint8_t encoded[4];
            if (utf8proc_category(parts[i]) == UTF8PROC_CATEGORY_MN) continue;
            lh_buf_append(buf, (lh_str){(const char *)encoded, (size_t)utf8proc_encode_char(parts[i], encoded)});
        }
        at += (size_t)bytes;
    }
}
