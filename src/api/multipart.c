/* The multipart reader: one window over the body, moved forward.
 *
 *     preamble CRLF --boundary CRLF headers CRLF CRLF content CRLF --boundary … CRLF --boundary-- epilogue
 *
 * The delimiter is "CRLF--boundary"; the window starts with a CRLF of our own, so that a body which begins with its
 * first boundary needs no case of its own. Content before a possible delimiter is handed out as it lies in
 * the window; only the last bytes, which may be the beginning of a delimiter, wait for more.
 * Names in Content-Disposition are taken as browsers and curl write them: in quotes, with \" or %22 for a quote.
 * Folded headers, encodings other than the identity and duplicated parameters are refused: nobody sends them honestly. */
#include "api/multipart.h"

typedef struct multipart_part {
    lh_str name, file_name, content_type;
    bool is_file, named;
} multipart_part; /* in headers[] */

typedef struct multipart {
    api_multipart_source source;
    const api_multipart_handler *handler;
    size_t start, end; /* what is unread in window */
    bool eof;
    char delimiter[4 + API_MULTIPART_BOUNDARY_BYTES];
    size_t delimiter_len, parts, stray_bytes;
    multipart_part part;
    lh_buf field;
    char headers[API_MULTIPART_HEADERS_BYTES];
    char window[API_MULTIPART_WINDOW_BYTES];
} multipart;

static void multipart_freep(multipart **m) {
    if (*m) lh_buf_done(&(*m)->field);
    free(*m);
}

/* ---- the window ---- */

static lh_str multipart_unread(const multipart *m) { return (lh_str){m->window + m->start, m->end - m->start}; }

static lh_code multipart_fill(multipart *m, lh_error *err) {
    size_t got = 0;
    if (m->eof) return lh_fail(err, LH_INVALID, "multipart: the body ends before its last boundary");
    if (m->start) memmove(m->window, m->window + m->start, m->end - m->start);
    m->end -= m->start;
    m->start = 0;
    LH_TRY(m->source.read(m->source.ctx, m->window + m->end, sizeof m->window - m->end, &got, err));
    m->end += got;
    m->eof = got == 0;
    return LH_OK;
}

static lh_code multipart_need(multipart *m, size_t bytes, lh_error *err) {
    while (m->end - m->start < bytes) LH_TRY(multipart_fill(m, err));
    return LH_OK;
}

typedef lh_code (*multipart_sink)(multipart *m, lh_str data, lh_error *err);

/* Hands everything before the next delimiter to `sink` and steps behind the delimiter. */
static lh_code multipart_until_delimiter(multipart *m, multipart_sink sink, lh_error *err) {
    for (;;) {
        lh_str unread = multipart_unread(m);
        const char *hit = memmem(unread.ptr, unread.len, m->delimiter, m->delimiter_len);
        size_t tail = m->delimiter_len - 1, give = hit                 ? (size_t)(hit - unread.ptr)
                                                   : unread.len > tail ? unread.len - tail
                                                                       : 0;
        if (give) LH_TRY(sink(m, lh_str_sub(unread, 0, give), err));
        m->start += give + (hit ? m->delimiter_len : 0);
        if (hit) return LH_OK;
        LH_TRY(multipart_fill(m, err));
    }
}

/* ---- sinks ---- */

static lh_code multipart_stray(multipart *m, lh_str data, lh_error *err) {
    m->stray_bytes += data.len;
    if (m->stray_bytes > API_MULTIPART_STRAY_BYTES)
        return lh_fail(err, LH_INVALID, "multipart: more than %d bytes outside of parts", API_MULTIPART_STRAY_BYTES);
    return LH_OK;
}

static lh_code multipart_to_field(multipart *m, lh_str data, lh_error *err) {
    lh_buf_append(&m->field, data);
    if (lh_buf_check(&m->field, NULL) == LH_LIMIT)
        return lh_fail(err, LH_LIMIT, "multipart: field '%.*s' has more than %d bytes", LH_STR_ARG(m->part.name),
                       API_MULTIPART_FIELD_BYTES);
    return lh_buf_check(&m->field, err);
}

static lh_code multipart_to_file(multipart *m, lh_str data, lh_error *err) {
    return m->handler->file_data(m->handler->ctx, data, err);
}

/* ---- a part's headers ---- */

static bool multipart_is_token_char(char c) {
    return (unsigned char)c > 0x20 && (unsigned char)c < 0x7F && !strchr("()<>@,;:\\\"/[]?=", c);
}

/* Takes a quoted string at *at (behind its first quote), unescaped in place. False when it does not end. */
static bool multipart_quoted(char *text, size_t len, size_t *at, lh_str *ret) {
    char *out = text + *at, *begin = out;
    for (size_t i = *at; i < len; i++) {
        char c = text[i];
        if (c == '"') {
            *at = i + 1;
            *ret = (lh_str){begin, (size_t)(out - begin)};
            return true;
        }
        if (c == '\\' && i + 1 < len && (text[i + 1] == '"' || text[i + 1] == '\\')) c = text[++i];
        else if (c == '%' && i + 2 < len && text[i + 1] == '2' && text[i + 2] == '2') c = '"', i += 2;
        *out++ = c;
    }
    return false;
}

static bool multipart_value(char *text, size_t len, size_t *at, lh_str *ret) {
    if (*at < len && text[*at] == '"') {
        ++*at;
        return multipart_quoted(text, len, at, ret);
    }
    size_t begin = *at;
    while (*at < len && multipart_is_token_char(text[*at])) ++*at;
    *ret = (lh_str){text + begin, *at - begin};
    return ret->len > 0;
}

static void multipart_skip_space(const char *text, size_t len, size_t *at) {
    while (*at < len && (text[*at] == ' ' || text[*at] == '\t')) ++*at;
}

/* One `name="value"` at *at. Parameters other than name and filename are passed over. */
static bool multipart_parameter(multipart *m, char *text, size_t len, size_t *at) {
    size_t begin = *at;
    while (*at < len && multipart_is_token_char(text[*at])) ++*at;
    lh_str name = {text + begin, *at - begin}, value;
    if (name.len == 0 || *at == len || text[(*at)++] != '=' || !multipart_value(text, len, at, &value)) return false;
    if (lh_str_eq_nocase(name, LH_STR("name"))) {
        if (m->part.named) return false;
        m->part.name = value;
        m->part.named = true;
    } else if (lh_str_eq_nocase(name, LH_STR("filename"))) {
        if (m->part.is_file) return false;
        m->part.file_name = value;
        m->part.is_file = true;
    }
    return true;
}

static bool multipart_disposition(multipart *m, char *text, size_t len) {
    size_t at = 9;
    if (len < at || !lh_str_eq_nocase((lh_str){text, at}, LH_STR("form-data"))) return false;
    for (;;) {
        multipart_skip_space(text, len, &at);
        if (at == len) return true;
        if (text[at++] != ';') return false;
        multipart_skip_space(text, len, &at);
        if (at == len) return true; /* a last ';' */
        if (!multipart_parameter(m, text, len, &at)) return false;
    }
}

static bool multipart_is_clean(lh_str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7F) return false;
    return lh_str_is_utf8(s);
}

/* One header line, `line` of `len` bytes in m->headers. */
static lh_code multipart_header(multipart *m, char *line, size_t len, lh_error *err) {
    lh_str value = {line, len}, name = lh_str_split(&value, ':');
    if (name.len == len || name.len == 0) return lh_fail(err, LH_INVALID, "multipart: a part has a malformed header");
    for (size_t i = 0; i < name.len; i++)
        if (!multipart_is_token_char(name.ptr[i]))
            return lh_fail(err, LH_INVALID, "multipart: a part's header name has a character that is not allowed");
    value = lh_str_trim(value);
    if (lh_str_eq_nocase(name, LH_STR("Content-Disposition"))) {
        if (m->part.named || m->part.is_file ||
            !multipart_disposition(m, line + (value.len ? (size_t)(value.ptr - line) : len), value.len))
            return lh_fail(err, LH_INVALID, "multipart: a part's Content-Disposition is malformed");
    } else if (lh_str_eq_nocase(name, LH_STR("Content-Type"))) {
        m->part.content_type = value;
    } else if (lh_str_eq_nocase(name, LH_STR("Content-Transfer-Encoding"))) {
        if (!lh_str_eq_nocase(value, LH_STR("binary")) && !lh_str_eq_nocase(value, LH_STR("8bit")) &&
            !lh_str_eq_nocase(value, LH_STR("7bit")))
            return lh_fail(err, LH_INVALID, "multipart: Content-Transfer-Encoding must be binary");
    }
    return LH_OK;
}

/* Finds the blank line behind the headers; the window starts at the CRLF that ends the boundary's line. Copies them to m->headers. */
static lh_code multipart_take_headers(multipart *m, size_t *ret_len, lh_error *err) {
    for (;;) {
        lh_str unread = multipart_unread(m);
        const char *hit = memmem(unread.ptr, unread.len, "\r\n\r\n", 4);
        size_t len = hit ? (size_t)(hit - unread.ptr) : unread.len;
        if (len > sizeof m->headers)
            return lh_fail(err, LH_LIMIT, "multipart: a part has more than %d bytes of headers",
                           API_MULTIPART_HEADERS_BYTES);
        if (hit) {
            *ret_len = len > 2 ? len - 2 : 0;
            memcpy(m->headers, unread.ptr + 2, *ret_len);
            m->start += len + 4;
            return LH_OK;
        }
        LH_TRY(multipart_fill(m, err));
    }
}

static lh_code multipart_read_headers(multipart *m, lh_error *err) {
    size_t len, next;
    LH_TRY(multipart_take_headers(m, &len, err));
    m->part = (multipart_part){0};
    for (size_t at = 0; at < len; at = next) {
        const char *end = memmem(m->headers + at, len - at, "\r\n", 2);
        size_t line = end ? (size_t)(end - m->headers) - at : len - at;
        next = at + line + (end ? 2 : 0);
        LH_TRY(multipart_header(m, m->headers + at, line, err));
    }
    if (!m->part.named) return lh_fail(err, LH_INVALID, "multipart: a part has no name in its Content-Disposition");
    if (!multipart_is_clean(m->part.name) || !multipart_is_clean(m->part.file_name))
        return lh_fail(err, LH_INVALID, "multipart: a part's name or file name is not clean UTF-8");
    return LH_OK;
}

/* ---- the body ---- */

static lh_code multipart_read_field(multipart *m, lh_error *err) {
    lh_buf_clear(&m->field);
    LH_TRY(multipart_until_delimiter(m, multipart_to_field, err));
    lh_str value = lh_buf_str(&m->field);
    if (!lh_str_is_utf8(value))
        return lh_fail(err, LH_INVALID, "multipart: field '%.*s' is not UTF-8", LH_STR_ARG(m->part.name));
    return m->handler->field(m->handler->ctx, m->part.name, value, err);
}

static lh_code multipart_read_file(multipart *m, lh_error *err) {
    const api_multipart_handler *h = m->handler;
    LH_TRY(h->file_begin(h->ctx, m->part.name, m->part.file_name, m->part.content_type, err));
    LH_TRY(multipart_until_delimiter(m, multipart_to_file, err));
    return h->file_end(h->ctx, err);
}

/* Behind a delimiter: "--" is the end; otherwise its line ends, with spaces that a gateway may have added. */
static lh_code multipart_boundary_line(multipart *m, bool *ret_last, lh_error *err) {
    LH_TRY(multipart_need(m, 2, err));
    *ret_last = memcmp(m->window + m->start, "--", 2) == 0;
    if (*ret_last) {
        m->start += 2;
        return LH_OK;
    }
    while (m->window[m->start] == ' ' || m->window[m->start] == '\t') {
        m->start++;
        LH_TRY(multipart_stray(m, LH_STR(" "), err));
        LH_TRY(multipart_need(m, 2, err));
    }
    if (memcmp(m->window + m->start, "\r\n", 2) != 0)
        return lh_fail(err, LH_INVALID, "multipart: a boundary is followed by something else");
    return LH_OK;
}

static lh_code multipart_epilogue(multipart *m, lh_error *err) {
    for (;;) {
        LH_TRY(multipart_stray(m, multipart_unread(m), err));
        m->start = m->end;
        if (m->eof) return LH_OK;
        LH_TRY(multipart_fill(m, err));
    }
}

static lh_code multipart_run(multipart *m, lh_error *err) {
    bool last;
    LH_TRY(multipart_until_delimiter(m, multipart_stray, err));
    for (;;) {
        LH_TRY(multipart_boundary_line(m, &last, err));
        if (last) return multipart_epilogue(m, err);
        if (++m->parts > API_MULTIPART_PARTS_MAX)
            return lh_fail(err, LH_LIMIT, "multipart: more than %d parts", API_MULTIPART_PARTS_MAX);
        LH_TRY(multipart_read_headers(m, err));
        LH_TRY(m->part.is_file ? multipart_read_file(m, err) : multipart_read_field(m, err));
    }
}

lh_code api_multipart_parse(lh_str boundary, api_multipart_source source, const api_multipart_handler *handler,
                            lh_error *err) {
    LH_CLEANUP(multipart_freep) multipart *m = NULL;
    if (boundary.len == 0 || boundary.len > API_MULTIPART_BOUNDARY_BYTES)
        return lh_fail(err, LH_INVALID, "multipart: the boundary must have 1 to %d characters",
                       API_MULTIPART_BOUNDARY_BYTES);
    m = malloc(sizeof *m);
    if (!m) return lh_fail(err, LH_NO_MEMORY, "multipart: out of memory");
    m->source = source;
    m->handler = handler;
    m->eof = false;
    m->parts = m->stray_bytes = 0;
    m->field = LH_BUF_INIT(API_MULTIPART_FIELD_BYTES);
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.ptr, boundary.len);
    m->delimiter_len = 4 + boundary.len;
    memcpy(m->window, "\r\n", 2);
    m->start = 0;
    m->end = 2;
    return multipart_run(m, err);
}

static bool multipart_is_boundary(lh_str s) { /* bcharsnospace of RFC 2046, and the space inside */
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("'()+_,-./:=? ", c))) return false;
    }
    return s.len > 0 && s.len <= API_MULTIPART_BOUNDARY_BYTES && s.ptr[s.len - 1] != ' ';
}

lh_code api_multipart_boundary(lh_str content_type, lh_str *ret, lh_error *err) {
    lh_str rest = content_type, type = lh_str_trim(lh_str_split(&rest, ';'));
    if (!lh_str_eq_nocase(type, LH_STR("multipart/form-data")))
        return lh_fail(err, LH_INVALID, "the Content-Type must be multipart/form-data");
    while (rest.len) { /* a boundary holds no ';' and needs no escape, so splitting is enough */
        lh_str value = lh_str_split(&rest, ';'), name = lh_str_trim(lh_str_split(&value, '='));
        if (!lh_str_eq_nocase(name, LH_STR("boundary"))) continue;
        value = lh_str_trim(value);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = lh_str_sub(value, 1, value.len - 2);
        if (!multipart_is_boundary(value))
            return lh_fail(err, LH_INVALID, "multipart: the boundary is malformed or longer than %d characters",
                           API_MULTIPART_BOUNDARY_BYTES);
        *ret = value;
        return LH_OK;
    }
    return lh_fail(err, LH_INVALID, "multipart: the Content-Type names no boundary");
}

static lh_code multipart_read_request(void *ctx, char *into, size_t cap_bytes, size_t *ret_len, lh_error *err) {
    return lh_request_read(ctx, into, cap_bytes, ret_len, err);
}

lh_code lh_request_multipart(lh_request *request, const api_multipart_handler *handler, lh_error *err) {
    lh_str boundary;
    LH_TRY(api_multipart_boundary(lh_request_header(request, "Content-Type"), &boundary, err));
    return api_multipart_parse(boundary, (api_multipart_source){multipart_read_request, request}, handler, err);
}
