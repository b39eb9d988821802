/* The S3 bucket's parts: s3_sign.c (SigV4), s3_xml.c (answers), s3_request.c (one request with retries),
 * s3_put.c (writing), s3_bucket.c (the rest). */
#ifndef LH_STORAGE_S3_INTERNAL_H
#define LH_STORAGE_S3_INTERNAL_H
#include "storage/storage_internal.h"

enum {
    S3_PART_BYTES = 8 << 20,  /* a put's buffer: smaller objects go in one PUT */
    S3_PARTS_PER_SIZE = 1000, /* then the parts double: 10,000 parts hold more than a terabyte */
    S3_PARTS_MAX = 10000,
    S3_READ_BYTES = 8 << 20, /* a get fetches that much at a time */
    S3_XML_BYTES = 16 << 20,
    S3_HEADERS_MAX = 8,
    S3_QUERY_MAX = 8,
    S3_BACKOFF_MS = 100,
    S3_BACKOFF_MAX_MS = 5000,
};

typedef struct s3_bucket {
    lh_bucket base;
    lh_http_client *http;
    lh_str origin;                         /* owned: "https://host:port" */
    lh_str host;                           /* owned: as in the Host header */
    lh_str path_prefix;                    /* owned: "/bucket", or "" in virtual-host style; percent-encoded */
    lh_str region, access_key, secret_key; /* owned */
    unsigned retries;
    size_t part_bytes; /* S3_PART_BYTES, smaller in tests of servers that allow it */
} s3_bucket;
static inline s3_bucket *s3_of(lh_bucket *bucket) { return (s3_bucket *)bucket; }

/* ---- s3_sign.c ---- */
typedef struct s3_sign_input {
    const char *method;
    lh_str path;                   /* percent-encoded, as it is sent */
    lh_str query;                  /* canonical, as it is sent: s3_canonical_query */
    const lh_http_header *headers; /* all that are signed, "host" among them; lower-case names; any order */
    size_t header_count;
    lh_str payload_hash; /* hex SHA-256 of the body, or UNSIGNED-PAYLOAD */
    lh_str access_key, secret_key, region, service;
    lh_str time; /* 20130524T000000Z */
} s3_sign_input;
/* Pairs percent-encoded, sorted and joined: "a=1&b=". Arena. */
LH_MUST_CHECK lh_code s3_canonical_query(const lh_http_header *pairs, size_t count, lh_arena *arena, lh_str *ret,
                                         lh_error *err);
/* The value of the Authorization header. Arena. Errors: NO_MEMORY, LIMIT. */
LH_MUST_CHECK lh_code s3_sign(const s3_sign_input *input, lh_arena *arena, lh_str *ret, lh_error *err);

/* ---- s3_xml.c ---- all texts arena; CORRUPT for what is not the XML that was expected */
typedef struct s3_xml_list {
    lh_object_entry *entries;
    size_t count;
    bool truncated;
} s3_xml_list;
LH_MUST_CHECK lh_code s3_xml_parse_list(lh_str xml, lh_arena *arena, s3_xml_list *ret, lh_error *err);
/* Text of the element `name` right below the root; *ret_root the root's name. Absent: empty. */
LH_MUST_CHECK lh_code s3_xml_parse_value(lh_str xml, const char *name, lh_arena *arena, lh_str *ret_root, lh_str *ret,
                                         lh_error *err);
lh_str s3_etag_plain(lh_str quoted); /* without quotes */
/* "Fri, 24 May 2013 00:00:00 GMT"; 0 when it is something else. */
int64_t s3_time_of(lh_str http_date);

/* ---- s3_request.c ---- */
typedef struct s3_request {
    const char *method;
    lh_str key; /* empty: the bucket */
    lh_http_header query[S3_QUERY_MAX];
    size_t query_count;
    lh_http_header headers[S3_HEADERS_MAX]; /* lower-case names */
    size_t header_count;
    lh_str body;
    /* Where a 2xx body goes instead of the answer; on_headers starts it anew at each try. */
    lh_http_write_fn write;
    lh_code (*on_headers)(void *ctx, int status, const lh_http_header *headers, size_t count);
    void *ctx;
    uint64_t once_within_ms; /* not 0: one try, of so long */
} s3_request;
typedef struct s3_answer {
    lh_http_answer http;
    lh_str error_code; /* of an answer that is no success: "NoSuchKey" …; empty when it had none */
} s3_answer;
static inline void s3_request_header(s3_request *request, lh_str name, lh_str value) {
    if (request->header_count < S3_HEADERS_MAX)
        request->headers[request->header_count++] = (lh_http_header){name, value};
}
static inline void s3_request_query(s3_request *request, lh_str name, lh_str value) {
    if (request->query_count < S3_QUERY_MAX) request->query[request->query_count++] = (lh_http_header){name, value};
}
/* Signs, sends, and repeats what may pass (5xx, 429, no connection) with jittered backoff. A final 2xx is LH_OK;
 * other statuses give NOT_FOUND (404), DENIED (403), CONFLICT (409, 412), LIMIT (416), INVALID (other 4xx),
 * UNAVAILABLE (still failing); ret is filled for them too. */
LH_MUST_CHECK lh_code s3_do(s3_bucket *bucket, const s3_request *request, lh_arena *arena, s3_answer *ret,
                            lh_error *err);
uint64_t s3_backoff_ms(unsigned attempt); /* to wait behind the failed try `attempt`, from 0; random */
/* ETag, Last-Modified and Content-Length of an answer. CORRUPT without an ETag that fits. */
LH_MUST_CHECK lh_code s3_info_of(const lh_http_header *headers, size_t count, lh_object_info *ret, lh_error *err);
lh_str s3_header_of(const lh_http_header *headers, size_t count, const char *name);

/* ---- s3_put.c ---- */
lh_code s3_put_begin(lh_bucket *bucket, lh_str key, lh_put_condition condition, lh_object_writer **ret, lh_error *err);
lh_code s3_put_write(lh_object_writer *writer, lh_str data, lh_error *err);
lh_code s3_put_commit(lh_object_writer *writer, lh_object_info *ret, lh_error *err);
void s3_put_abort(lh_object_writer *writer);
#define S3_PUT_ID_HEADER "x-amz-meta-lakehouse-put"
/* HEAD; *ret_put_id (arena, may be NULL) is the id that the put carried, empty when none. */
LH_MUST_CHECK lh_code s3_head_object(s3_bucket *bucket, lh_str key, lh_arena *arena, lh_object_info *ret,
                                     lh_str *ret_put_id, lh_error *err);
#endif
