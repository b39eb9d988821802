/* multipart/form-data (RFC 7578, RFC 2046 §5.1), read as a stream: small fields whole, files piece by piece.
 * Memory: one window of API_MULTIPART_WINDOW_BYTES, whatever the body's size. */
#ifndef LH_API_MULTIPART_H
#define LH_API_MULTIPART_H
#include "api/api_internal.h"

enum {
    API_MULTIPART_WINDOW_BYTES = 256 << 10,
    API_MULTIPART_FIELD_BYTES = 64 << 10,  /* a field that is no file */
    API_MULTIPART_HEADERS_BYTES = 8 << 10, /* all headers of one part */
    API_MULTIPART_PARTS_MAX = 256,
    API_MULTIPART_STRAY_BYTES = 64 << 10, /* before the first boundary; behind the last */
    API_MULTIPART_BOUNDARY_BYTES = 70,    /* RFC 2046 */
};

/* What the reader calls, in the order of the parts; each lh_str is borrowed until the call returns. Any
 * code but LH_OK ends the reading and is returned. A part is a file when it has a filename, were it empty. */
typedef struct api_multipart_handler {
    void *ctx;
    lh_code (*field)(void *ctx, lh_str name, lh_str value, lh_error *err); /* value: UTF-8 */
    /* content_type: as the part says it, empty when it does not. */
    lh_code (*file_begin)(void *ctx, lh_str name, lh_str file_name, lh_str content_type, lh_error *err);
    lh_code (*file_data)(void *ctx, lh_str data, lh_error *err); /* never empty */
    lh_code (*file_end)(void *ctx, lh_error *err);
} api_multipart_handler;

/* Where the bytes come from: as lh_request_read(). */
typedef struct api_multipart_source {
    lh_code (*read)(void *ctx, char *into, size_t cap_bytes, size_t *ret_len, lh_error *err);
    void *ctx;
} api_multipart_source;

/* The boundary that a Content-Type names. Borrowed from content_type. Errors: INVALID (another type, none, too long). */
LH_MUST_CHECK lh_code api_multipart_boundary(lh_str content_type, lh_str *ret, lh_error *err);
/* Reads to the end of the body. Errors: INVALID (cut short, malformed headers, a field that is not UTF-8),
 * LIMIT (a field, a part's headers, the number of parts), NO_MEMORY, and what source and handler return. */
LH_MUST_CHECK lh_code api_multipart_parse(lh_str boundary, api_multipart_source source,
                                          const api_multipart_handler *handler, lh_error *err);
/* Both for a request's body. */
LH_MUST_CHECK lh_code lh_request_multipart(lh_request *request, const api_multipart_handler *handler, lh_error *err);
#endif
