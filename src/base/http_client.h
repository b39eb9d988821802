/* HTTP client on libcurl: a pool of easy handles with kept-alive connections.
 * Thread-safe. Sends `traceparent` of the current span. Never follows redirects. */
#ifndef LH_BASE_HTTP_CLIENT_H
#define LH_BASE_HTTP_CLIENT_H
#include "base/arena.h"
#include "base/buf.h"

typedef struct lh_http_client lh_http_client;

typedef struct lh_http_client_options {
    size_t connections_max;      /* easy handles kept; more calls wait; 0 = 16 */
    uint64_t connect_timeout_ms; /* 0 = 5000 */
    uint64_t idle_timeout_ms;    /* no byte for that long fails the call; 0 = 30000 */
    const char *ca_file;         /* PEM file to trust instead of the system's; NULL: those. Borrowed for life */
} lh_http_client_options;

LH_MUST_CHECK lh_code lh_http_client_new(const lh_http_client_options *options, lh_http_client **ret, lh_error *err);
void lh_http_client_free(lh_http_client *client);
static inline void lh_http_client_freep(lh_http_client **client) { lh_http_client_free(*client); }

typedef struct lh_http_header {
    lh_str name, value;
} lh_http_header;

/* Body producer: fills up to cap_bytes, sets *ret_len (0 = end). Body consumer: takes all of data.
 * Any code but LH_OK aborts the call, which then fails with that code. */
typedef lh_code (*lh_http_read_fn)(void *ctx, char *into, size_t cap_bytes, size_t *ret_len);
typedef lh_code (*lh_http_write_fn)(void *ctx, lh_str data);

typedef struct lh_http_call {
    const char *method; /* "GET", "PUT", … */
    lh_str url;         /* already percent-encoded; sent as it is (no dot-segment removal) */
    const lh_http_header *headers;
    size_t header_count;
    lh_str body;          /* when read is NULL */
    lh_http_read_fn read; /* streams body_bytes bytes */
    void *read_ctx;
    uint64_t body_bytes;    /* with read: the Content-Length */
    lh_http_write_fn write; /* NULL: the body goes to lh_http_answer.body, up to answer_max_bytes */
    void *write_ctx;
    /* Called once with status and headers before the first write(); NULL is fine. */
    lh_code (*on_headers)(void *ctx, int status, const lh_http_header *headers, size_t count);
    uint64_t answer_max_bytes;     /* 0 = 64 MiB */
    uint64_t timeout_ms;           /* whole call; 0 = none */
    const _Atomic bool *cancelled; /* once true the call fails with CANCELLED within a second; NULL is fine */
} lh_http_call;

typedef struct lh_http_answer {
    int status;
    lh_http_header *headers; /* arena; names lower-case */
    size_t header_count;
    lh_str body; /* arena */
} lh_http_answer;

/* One exchange, blocking. Any HTTP status is LH_OK; the caller looks at it.
 * Errors: UNAVAILABLE (resolve, connect, time-out, reset), LIMIT (answer too large), INVALID, NO_MEMORY, a callback's code. */
LH_MUST_CHECK lh_code lh_http_do(lh_http_client *client, const lh_http_call *call, lh_arena *arena, lh_http_answer *ret,
                                 lh_error *err);
lh_str lh_http_answer_header(const lh_http_answer *answer, const char *lower_name); /* empty when absent */
/* Percent-encodes everything but RFC 3986 unreserved characters (and '/' with keep_slash). Appends. */
void lh_url_encode(lh_buf *into, lh_str s, bool keep_slash);
/* Decodes %XX ('+' stays). Errors: INVALID (a bad escape). */
LH_MUST_CHECK lh_code lh_url_decode(lh_arena *arena, lh_str s, lh_str *ret, lh_error *err);
#endif
