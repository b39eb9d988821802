/* AWS Signature Version 4, the Authorization-header form:
 *
 *   canonical request = method \n path \n query \n (name:value \n)… \n signed-names \n payload-hash
 *   string to sign    = "AWS4-HMAC-SHA256" \n time \n day/region/service/aws4_request \n hex(sha256(canonical request))
 *   key               = hmac(hmac(hmac(hmac("AWS4"+secret, day), region), service), "aws4_request")
 *
 * The path is signed exactly as it is sent (S3 does not normalise it), so the encoding is done once, by the caller. */
#include "storage/s3_internal.h"

enum { SIGN_BYTES_MAX = 256 << 10 };

static int sign_compare_headers(const void *a, const void *b) {
    const lh_http_header *x = a, *y = b;
    int by_name = lh_str_cmp(x->name, y->name);
    return by_name ? by_name : lh_str_cmp(x->value, y->value);
}

static lh_str sign_encode(lh_str s, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf buf = LH_BUF_INIT(SIGN_BYTES_MAX);
    lh_url_encode(&buf, s, false);
    return lh_arena_dup(arena, lh_buf_str(&buf));
}

lh_code s3_canonical_query(const lh_http_header *pairs, size_t count, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(SIGN_BYTES_MAX);
    lh_http_header *encoded = LH_ARENA_ARRAY(arena, lh_http_header, count + 1);
    if (!encoded) return lh_arena_check(arena, err);
    for (size_t i = 0; i < count; i++)
        encoded[i] = (lh_http_header){sign_encode(pairs[i].name, arena), sign_encode(pairs[i].value, arena)};
    if (count) qsort(encoded, count, sizeof *encoded, sign_compare_headers);
    for (size_t i = 0; i < count; i++) {
        if (i) lh_buf_char(&out, '&');
        lh_buf_append(&out, encoded[i].name);
        lh_buf_char(&out, '=');
        lh_buf_append(&out, encoded[i].value);
    }
    LH_TRY(lh_buf_check(&out, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&out));
    return lh_arena_check(arena, err);
}

/* Header values are signed without white space at the ends, and with one space for each run of them. */
static void sign_append_value(lh_buf *into, lh_str value) {
    value = lh_str_trim(value);
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] != ' ' || value.ptr[i - 1] != ' ') lh_buf_char(into, value.ptr[i]);
}

static void sign_append_names(lh_buf *into, const lh_http_header *sorted, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i) lh_buf_char(into, ';');
        lh_buf_append(into, sorted[i].name);
    }
}

static lh_str sign_bytes(const lh_sha256 *hash) { return (lh_str){(const char *)hash->bytes, sizeof hash->bytes}; }

static lh_sha256 sign_key(const s3_sign_input *input, lh_str day) {
    char secret[256] = "AWS4"; /* open checks that it fits */
    size_t length = input->secret_key.len < sizeof secret - 4 ? input->secret_key.len : sizeof secret - 4;
    if (length) memcpy(secret + 4, input->secret_key.ptr, length);
    lh_sha256 key = lh_hmac_sha256((lh_str){secret, 4 + length}, day);
    explicit_bzero(secret, sizeof secret);
    key = lh_hmac_sha256(sign_bytes(&key), input->region);
    key = lh_hmac_sha256(sign_bytes(&key), input->service);
    return lh_hmac_sha256(sign_bytes(&key), LH_STR("aws4_request"));
}

lh_code s3_sign(const s3_sign_input *input, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(SIGN_BYTES_MAX);
    LH_CLEANUP(lh_buf_done) lh_buf names = LH_BUF_INIT(SIGN_BYTES_MAX);
    lh_http_header *sorted = LH_ARENA_ARRAY(arena, lh_http_header, input->header_count + 1);
    if (!sorted) return lh_arena_check(arena, err);
    if (input->header_count) memcpy(sorted, input->headers, input->header_count * sizeof *sorted);
    qsort(sorted, input->header_count, sizeof *sorted, sign_compare_headers);
    sign_append_names(&names, sorted, input->header_count);

    lh_buf_printf(&text, "%s\n%.*s\n%.*s\n", input->method, LH_STR_ARG(input->path), LH_STR_ARG(input->query));
    for (size_t i = 0; i < input->header_count; i++) {
        lh_buf_append(&text, sorted[i].name);
        lh_buf_char(&text, ':');
        sign_append_value(&text, sorted[i].value);
        lh_buf_char(&text, '\n');
    }
    lh_buf_printf(&text, "\n%.*s\n%.*s", LH_STR_ARG(lh_buf_str(&names)), LH_STR_ARG(input->payload_hash));
    LH_TRY(lh_buf_check(&text, err));
    LH_TRY(lh_buf_check(&names, err));

    lh_sha256 hash = lh_sha256_of(lh_buf_str(&text));
    lh_str day = lh_str_sub(input->time, 0, 8);
    lh_str scope = lh_arena_printf(arena, "%.*s/%.*s/%.*s/aws4_request", LH_STR_ARG(day), LH_STR_ARG(input->region),
                                   LH_STR_ARG(input->service));
    lh_str to_sign = lh_arena_printf(arena, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%s", LH_STR_ARG(input->time),
                                     LH_STR_ARG(scope), lh_sha256_to_hex(&hash).text);
    LH_TRY(lh_arena_check(arena, err));
    lh_sha256 key = sign_key(input, day);
    lh_sha256 signature = lh_hmac_sha256(sign_bytes(&key), to_sign);
    explicit_bzero(&key, sizeof key);
    *ret = lh_arena_printf(arena, "AWS4-HMAC-SHA256 Credential=%.*s/%.*s,SignedHeaders=%.*s,Signature=%s",
                           LH_STR_ARG(input->access_key), LH_STR_ARG(scope), LH_STR_ARG(lh_buf_str(&names)),
                           lh_sha256_to_hex(&signature).text);
    return lh_arena_check(arena, err);
}
