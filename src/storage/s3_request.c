/* One request to S3: build, sign, send, and repeat what may pass.
 *
 * Every request we send may be repeated: a put carries the same bytes to the same key, and a conditional one
 * finds out by itself whether an earlier try has won (s3_put.c). The wait behind try n is random
 * in [1, 100 ms · 2^n], 5 s at most, so that many gateways do not come back at once. */
#include "storage/s3_internal.h"

#include <stdio.h>
#include <time.h>

enum { S3_SIGNED_MAX = S3_HEADERS_MAX + 3, S3_MESSAGE_BYTES = 300 };

static lh_code s3_path(const s3_bucket *bucket, lh_str key, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(16 << 10);
    lh_buf_append(&path, bucket->path_prefix);
    if (key.len || bucket->path_prefix.len == 0) lh_buf_char(&path, '/');
    lh_url_encode(&path, key, true);
    LH_TRY(lh_buf_check(&path, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&path));
    return lh_arena_check(arena, err);
}

static lh_str s3_now(char into[17]) {
    time_t now = time(NULL);
    struct tm tm = {0};
    gmtime_r(&now, &tm);
    strftime(into, 17, "%Y%m%dT%H%M%SZ", &tm);
    return (lh_str){into, 16};
}

/* One try. Any HTTP status is LH_OK. */
static lh_code s3_send(s3_bucket *bucket, const s3_request *request, lh_arena *arena, lh_http_answer *ret,
                       lh_error *err) {
    lh_str path, query, authorization;
    char now[17];
    lh_http_header headers[S3_SIGNED_MAX + 1];
    lh_sha256 hash = lh_sha256_of(request->body);
    lh_sha256_hex hash_hex = lh_sha256_to_hex(&hash);
    size_t count = 0;
    LH_TRY(s3_path(bucket, request->key, arena, &path, err));
    LH_TRY(s3_canonical_query(request->query, request->query_count, arena, &query, err));
    headers[count++] = (lh_http_header){LH_STR("host"), bucket->host};
    headers[count++] = (lh_http_header){LH_STR("x-amz-content-sha256"), {hash_hex.text, LH_SHA256_HEX_BYTES}};
    headers[count++] = (lh_http_header){LH_STR("x-amz-date"), s3_now(now)};
    for (size_t i = 0; i < request->header_count; i++) headers[count++] = request->headers[i];
    s3_sign_input sign = {
        .method = request->method,
        .path = path,
        .query = query,
        .headers = headers,
        .header_count = count,
        .payload_hash = {hash_hex.text, LH_SHA256_HEX_BYTES},
        .access_key = bucket->access_key,
        .secret_key = bucket->secret_key,
        .region = bucket->region,
        .service = LH_STR("s3"),
        .time = {now, 16},
    };
    LH_TRY(s3_sign(&sign, arena, &authorization, err));
    headers[count++] = (lh_http_header){LH_STR("authorization"), authorization};
    lh_http_call call = {
        .method = request->method,
        .headers = headers,
        .header_count = count,
        .body = request->body,
        .url = lh_arena_printf(arena, "%.*s%.*s%s%.*s", LH_STR_ARG(bucket->origin), LH_STR_ARG(path),
                               query.len ? "?" : "", LH_STR_ARG(query)),
        .write = request->write,
        .write_ctx = request->ctx,
        .on_headers = request->on_headers,
        .answer_max_bytes = S3_XML_BYTES,
        .timeout_ms = request->once_within_ms,
    };
    LH_TRY(lh_arena_check(arena, err));
    return lh_http_do(bucket->http, &call, arena, ret, err);
}

/* Code of an error answer; the message goes into `message`. A 200 may hold an error, too (CompleteMultipartUpload). */
static void s3_read_error(s3_answer *answer, lh_arena *arena, char *message) {
    lh_str root, code, text;
    message[0] = '\0';
    answer->error_code = LH_STR_NONE;
    if (answer->http.body.len == 0 ||
        lh_str_search(lh_str_sub(answer->http.body, 0, 1024), LH_STR("<Error>")) == SIZE_MAX)
        return;
    if (s3_xml_parse_value(answer->http.body, "Code", arena, &root, &code, NULL) != LH_OK ||
        !lh_str_eq(root, LH_STR("Error")))
        return;
    answer->error_code = code;
    if (s3_xml_parse_value(answer->http.body, "Message", arena, &root, &text, NULL) == LH_OK)
        snprintf(message, S3_MESSAGE_BYTES, "%.*s", LH_STR_ARG(lh_str_sub(text, 0, S3_MESSAGE_BYTES - 1)));
}

static bool s3_may_pass(const s3_answer *answer) {
    static const char *const codes[] = {
        "SlowDown",        "InternalError", "ServiceUnavailable", "RequestTimeout", "ConditionalRequestConflict",
        "OperationAborted"};
    int status = answer->http.status;
    if (status == 429 || status == 500 || status == 502 || status == 503 || status == 504) return true;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (lh_str_eq(answer->error_code, lh_str_from(codes[i]))) return true;
    return false;
}

static lh_code s3_judge(const s3_request *request, const s3_answer *answer, const char *message, lh_error *err) {
    int status = answer->http.status;
    bool success = status >= 200 && status < 300 && answer->error_code.len == 0;
    if (success) return LH_OK;
    lh_code code = s3_may_pass(answer)              ? LH_UNAVAILABLE
                   : status == 404                  ? LH_NOT_FOUND
                   : status == 401 || status == 403 ? LH_DENIED
                   : status == 409 || status == 412 ? LH_CONFLICT
                   : status == 416                  ? LH_LIMIT
                   : status >= 400 && status < 500  ? LH_INVALID
                                                    : LH_IO;
    lh_error_set(err, code, "S3 %s '%.*s': %d %.*s%s%s", request->method, LH_STR_ARG(request->key), status,
                 LH_STR_ARG(answer->error_code), message[0] ? ": " : "", message);
    return code;
}

uint64_t s3_backoff_ms(unsigned attempt) {
    uint64_t most = (uint64_t)S3_BACKOFF_MS << (attempt < 10 ? attempt : 10);
    return lh_random_below(most < S3_BACKOFF_MAX_MS ? most : S3_BACKOFF_MAX_MS) + 1;
}

lh_code s3_do(s3_bucket *bucket, const s3_request *request, lh_arena *arena, s3_answer *ret, lh_error *err) {
    char message[S3_MESSAGE_BYTES] = "";
    s3_answer answer = {0};
    for (unsigned attempt = 0;; attempt++) {
        bool last = attempt >= bucket->retries || request->once_within_ms > 0;
        lh_code code = s3_send(bucket, request, arena, &answer.http, err);
        if (code != LH_OK && (code != LH_UNAVAILABLE || last)) return code;
        if (code == LH_OK) {
            s3_read_error(&answer, arena, message);
            *ret = answer;
            if (last || !s3_may_pass(&answer)) return s3_judge(request, &answer, message, err);
        }
        lh_time_sleep_ms(s3_backoff_ms(attempt));
    }
}

lh_str s3_header_of(const lh_http_header *headers, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq(headers[i].name, lh_str_from(name))) return headers[i].value;
    return LH_STR_NONE;
}

lh_code s3_info_of(const lh_http_header *headers, size_t count, lh_object_info *ret, lh_error *err) {
    lh_object_info info = {0};
    lh_str etag = s3_etag_plain(s3_header_of(headers, count, "etag"));
    if (etag.len == 0 || lh_str_to_cstr(etag, info.etag, sizeof info.etag, NULL) != LH_OK)
        return lh_fail(err, LH_CORRUPT, "the S3 service's answer has no usable ETag");
    info.modified_ms = s3_time_of(s3_header_of(headers, count, "last-modified"));
    (void)!lh_str_to_u64(s3_header_of(headers, count, "content-length"), &info.size_bytes); /* absent: 0 */
    *ret = info;
    return LH_OK;
}
