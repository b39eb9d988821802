/* First byte: the size of the pieces; then the body, with boundary "b". The callbacks must come in a sensible order,
 * and the pieces must make no difference. */
#include "api/multipart.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_run {
    lh_str body;
    size_t at, step;
    bool in_file;
    uint64_t hash, parts;
} fuzz_run;

static void fuzz_mix(fuzz_run *run, lh_str s) {
    for (size_t i = 0; i < s.len; i++) run->hash = (run->hash ^ (unsigned char)s.ptr[i]) * 1099511628211u;
}
static lh_code fuzz_read(void *ctx, char *into, size_t cap_bytes, size_t *ret_len, lh_error *err) {
    fuzz_run *run = ctx;
    (void)err;
    lh_str piece = lh_str_sub(run->body, run->at, run->step < cap_bytes ? run->step : cap_bytes);
    if (piece.len) memcpy(into, piece.ptr, piece.len);
    run->at += piece.len;
    *ret_len = piece.len;
    return LH_OK;
}
static lh_code fuzz_field(void *ctx, lh_str name, lh_str value, lh_error *err) {
    fuzz_run *run = ctx;
    (void)err;
    assert(!run->in_file && lh_str_is_utf8(name) && lh_str_is_utf8(value) && value.len <= API_MULTIPART_FIELD_BYTES);
    run->parts++;
    fuzz_mix(run, name);
    fuzz_mix(run, value);
    return LH_OK;
}
static lh_code fuzz_begin(void *ctx, lh_str name, lh_str file_name, lh_str content_type, lh_error *err) {
    fuzz_run *run = ctx;
    (void)err;
    assert(!run->in_file && lh_str_is_utf8(name) && lh_str_is_utf8(file_name));
    run->in_file = true;
    run->parts++;
    fuzz_mix(run, name);
    fuzz_mix(run, file_name);
    fuzz_mix(run, content_type);
    return LH_OK;
}
static lh_code fuzz_data(void *ctx, lh_str data, lh_error *err) {
    fuzz_run *run = ctx;
    (void)err;
    assert(run->in_file && data.len > 0);
    fuzz_mix(run, data);
    return LH_OK;
}
static lh_code fuzz_end(void *ctx, lh_error *err) {
    fuzz_run *run = ctx;
    (void)err;
    assert(run->in_file);
    run->in_file = false;
    return LH_OK;
}

static lh_code fuzz_once(fuzz_run *run) {
    const api_multipart_handler handler = {run, fuzz_field, fuzz_begin, fuzz_data, fuzz_end};
    return api_multipart_parse(LH_STR("b"), (api_multipart_source){fuzz_read, run}, &handler, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    lh_str body = {(const char *)data + 1, size - 1}, boundary;
    fuzz_run whole = {.body = body, .step = SIZE_MAX}, pieces = {.body = body, .step = 1u + data[0] % 64u};
    lh_code a = fuzz_once(&whole), b = fuzz_once(&pieces);
    assert(a == b && (a != LH_OK || (whole.hash == pieces.hash && whole.parts == pieces.parts)));
    lh_code ignored = api_multipart_boundary(body, &boundary, NULL);
    (void)ignored;
    (void)a;
    (void)b;
    return 0;
}
