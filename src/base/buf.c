#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>

void lh_buf_done(lh_buf *buf) {
    free(buf->ptr);
    *buf = LH_BUF_INIT(buf->cap_bytes);
}

void lh_buf_clear(lh_buf *buf) {
    buf->len = 0;
    buf->failed = LH_OK;
}

char *lh_buf_reserve(lh_buf *buf, size_t size_bytes) {
    if (buf->failed != LH_OK) return NULL;
    if (size_bytes > buf->cap_bytes - buf->len) {
        buf->failed = LH_LIMIT;
        return NULL;
    }
    size_t need = buf->len + size_bytes;
    if (need > buf->room_bytes || !buf->ptr) {
        size_t room = buf->room_bytes ? buf->room_bytes : 256;
        while (room < need) room *= 2;
        if (room > buf->cap_bytes) room = buf->cap_bytes;
        char *grown = realloc(buf->ptr, room ? room : 1);
        if (!grown) {
            buf->failed = LH_NO_MEMORY;
            return NULL;
        }
        buf->ptr = grown;
        buf->room_bytes = room;
    }
    return buf->ptr + buf->len;
}

void lh_buf_append(lh_buf *buf, lh_str s) {
    if (s.len == 0) return;
    char *at = lh_buf_reserve(buf, s.len);
    if (!at) return;
    memcpy(at, s.ptr, s.len);
    buf->len += s.len;
}

void lh_buf_char(lh_buf *buf, char c) { lh_buf_append(buf, (lh_str){&c, 1}); }

void lh_buf_printf(lh_buf *buf, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length >= 0) {
        char *at = lh_buf_reserve(buf, (size_t)length + 1); /* one more for the NUL that vsnprintf writes */
        if (at) {
            vsnprintf(at, (size_t)length + 1, format, again);
            buf->len += (size_t)length;
        }
    }
    va_end(again);
}

/* Bytes of the valid UTF-8 character at s[0], 0 when it is none. */
static size_t buf_utf8_length(lh_str s) {
    size_t length = (unsigned char)s.ptr[0] < 0x80   ? 1
                    : (unsigned char)s.ptr[0] < 0xE0 ? 2
                    : (unsigned char)s.ptr[0] < 0xF0 ? 3
                                                     : 4;
    return length <= s.len && lh_str_is_utf8((lh_str){s.ptr, length}) ? length : 0;
}

void lh_buf_json_string(lh_buf *buf, lh_str s) {
    static const char hex[] = "0123456789abcdef";
    lh_buf_char(buf, '"');
    size_t clean = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t length = c >= 0x80 ? buf_utf8_length(lh_str_sub(s, i, SIZE_MAX)) : 0;
        if (length) {
            i += length;
            continue;
        }
        lh_buf_append(buf, lh_str_sub(s, clean, i - clean));
        if (c >= 0x80) lh_buf_append(buf, LH_STR("\xEF\xBF\xBD"));
        else if (c == '"' || c == '\\') lh_buf_append(buf, (lh_str){(char[]){'\\', (char)c}, 2});
        else if (c == '\n') lh_buf_append(buf, LH_STR("\\n"));
        else if (c == '\t') lh_buf_append(buf, LH_STR("\\t"));
        else if (c == '\r') lh_buf_append(buf, LH_STR("\\r"));
        else lh_buf_append(buf, (lh_str){(char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6});
        clean = ++i;
    }
    lh_buf_append(buf, lh_str_sub(s, clean, SIZE_MAX));
    lh_buf_char(buf, '"');
}

static void buf_quoted(lh_buf *buf, lh_str s, char quote) {
    lh_buf_char(buf, quote);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == quote) lh_buf_char(buf, quote);
        lh_buf_char(buf, s.ptr[i]);
    }
    lh_buf_char(buf, quote);
}

void lh_buf_sql_identifier(lh_buf *buf, lh_str name) { buf_quoted(buf, name, '"'); }
void lh_buf_sql_string(lh_buf *buf, lh_str s) { buf_quoted(buf, s, '\''); }

lh_code lh_buf_check(const lh_buf *buf, lh_error *err) {
    if (buf->failed == LH_LIMIT) return lh_fail(err, LH_LIMIT, "larger than %zu bytes", buf->cap_bytes);
    if (buf->failed != LH_OK) return lh_fail(err, buf->failed, "out of memory");
    return LH_OK;
}
