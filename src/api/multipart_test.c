#include "api/multipart.h"
#include "base/test.h"

/* A body given in pieces of `step` bytes, and a log of what the reader called. */
typedef struct fixture {
    lh_str body;
    size_t at, step, fail_file_after;
    lh_buf log;
    uint64_t file_bytes;
} fixture;

static lh_code fixture_read(void *ctx, char *into, size_t cap_bytes, size_t *ret_len, lh_error *err) {
    fixture *f = ctx;
    (void)err;
    lh_str piece = lh_str_sub(f->body, f->at, f->step < cap_bytes ? f->step : cap_bytes);
    if (piece.len) memcpy(into, piece.ptr, piece.len);
    f->at += piece.len;
    *ret_len = piece.len;
    return LH_OK;
}
static lh_code fixture_field(void *ctx, lh_str name, lh_str value, lh_error *err) {
    fixture *f = ctx;
    (void)err;
    lh_buf_printf(&f->log, "%.*s=%.*s;", LH_STR_ARG(name), LH_STR_ARG(value));
    return LH_OK;
}
static lh_code fixture_begin(void *ctx, lh_str name, lh_str file_name, lh_str content_type, lh_error *err) {
    fixture *f = ctx;
    (void)err;
    lh_buf_printf(&f->log, "%.*s<%.*s|%.*s|", LH_STR_ARG(name), LH_STR_ARG(file_name), LH_STR_ARG(content_type));
    return LH_OK;
}
static lh_code fixture_data(void *ctx, lh_str data, lh_error *err) {
    fixture *f = ctx;
    f->file_bytes += data.len;
    if (f->fail_file_after && f->file_bytes > f->fail_file_after) return lh_fail(err, LH_IO, "disk full");
    if (f->log.len < 4096) lh_buf_append(&f->log, data);
    return LH_OK;
}
static lh_code fixture_end(void *ctx, lh_error *err) {
    fixture *f = ctx;
    (void)err;
    lh_buf_char(&f->log, '>');
    return LH_OK;
}

static lh_code fixture_run(fixture *f, lh_error *err) {
    const api_multipart_handler handler = {f, fixture_field, fixture_begin, fixture_data, fixture_end};
    f->at = 0;
    f->file_bytes = 0;
    f->log.cap_bytes = 1 << 20;
    lh_buf_clear(&f->log);
    return api_multipart_parse(LH_STR("xyz"), (api_multipart_source){fixture_read, f}, &handler, err);
}

static void check_refused(lh_str body, lh_code code, const char *word) {
    lh_error err = {0};
    fixture f = {.body = body, .step = 7};
    lh_code got = fixture_run(&f, &err);
    if (got != code || !strstr(err.message, word)) print_error("got %s: %s\n", lh_code_name(got), err.message);
    CHECK(got == code && strstr(err.message, word));
    lh_buf_done(&f.log);
}

#define PART(disposition, content) "--xyz\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" content "\r\n"
#define END "--xyz--\r\n"

static void test_multipart__parts_come_in_order_whatever_the_pieces(void) {
    lh_error err = {0};
    fixture f = {.body = LH_STR("preamble\r\n" PART("name=\"dataset\"", "trips") PART(
                     "name=key", "") "--xyz \t\r\ncontent-disposition: FORM-DATA; filename=\"a.csv\"; "
                                     "name=\"file\"\r\nContent-Type: text/csv\r\n\r\n"
                                     "1,2\r\n--xy\r\n-\r--xyz\n\r\n" END "epilogue")};
    for (f.step = 1; f.step < 300; f.step++) {
        CHECK_OK(fixture_run(&f, &err));
        CHECK_STR(lh_buf_str(&f.log), LH_STR("dataset=trips;key=;file<a.csv|text/csv|1,2\r\n--xy\r\n-\r--xyz\n>"));
    }
    lh_buf_done(&f.log);
}

static void test_multipart__an_empty_form_and_an_empty_file_are_fine(void) {
    lh_error err = {0};
    fixture f = {.body = LH_STR(END), .step = 64};
    CHECK_OK(fixture_run(&f, &err));
    CHECK(f.log.len == 0);
    f.body = LH_STR(PART("name=\"f\"; filename=\"\"", "") END);
    CHECK_OK(fixture_run(&f, &err));
    CHECK_STR(lh_buf_str(&f.log), LH_STR("f<||>"));
    lh_buf_done(&f.log);
}

static void test_multipart__names_are_unescaped(void) {
    lh_error err = {0};
    fixture f = {.body = LH_STR(PART("name=\"a\\\"b\\\\c\"; filename=\"d:\\dir\\x%22y;z=1.csv\"", "!") END),
                 .step = 64};
    CHECK_OK(fixture_run(&f, &err));
    CHECK_STR(lh_buf_str(&f.log), LH_STR("a\"b\\c<d:\\dir\\x\"y;z=1.csv||!>"));
    lh_buf_done(&f.log);
}

static void test_multipart__what_is_malformed_is_refused(void) {
    check_refused(LH_STR(""), LH_INVALID, "ends before");
    check_refused(LH_STR("no boundary at all"), LH_INVALID, "ends before");
    check_refused(LH_STR("--xyz"), LH_INVALID, "ends before");
    check_refused(LH_STR("--xyzzy\r\n"), LH_INVALID, "followed by something else");
    check_refused(LH_STR(PART("name=\"a\"", "cut")), LH_INVALID, "ends before");
    check_refused(LH_STR("--xyz\r\n\r\nx\r\n" END), LH_INVALID, "no name");
    check_refused(LH_STR(PART("filename=\"a\"", "x") END), LH_INVALID, "no name");
    check_refused(LH_STR(PART("name=\"a\"; name=\"b\"", "x") END), LH_INVALID, "malformed");
    check_refused(LH_STR(PART("name=\"a", "x") END), LH_INVALID, "malformed");
    check_refused(LH_STR(PART("name=", "x") END), LH_INVALID, "malformed");
    check_refused(LH_STR("--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n" END), LH_INVALID, "malformed");
    check_refused(LH_STR("--xyz\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\nx\r\n" END), LH_INVALID,
                  "malformed");
    check_refused(LH_STR("--xyz\r\nContent-Disposition : form-data; name=a\r\n\r\nx\r\n" END), LH_INVALID,
                  "not allowed");
    check_refused(
        LH_STR("--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n" END),
        LH_INVALID, "binary");
    check_refused(LH_STR(PART("name=\"a\xff\"", "x") END), LH_INVALID, "UTF-8");
    check_refused(LH_STR(PART("name=\"a\0b\"", "x") END), LH_INVALID, "UTF-8");
    check_refused(LH_STR(PART("name=\"a\"", "\xc3") END), LH_INVALID, "not UTF-8");
}

static void fill(lh_buf *buf, char c, size_t count) {
    char *room = lh_buf_reserve(buf, count);
    CHECK(room != NULL);
    memset(room, c, count);
    buf->len += count;
}

static void test_multipart__limits_hold(void) {
    LH_CLEANUP(lh_buf_done) lh_buf body = LH_BUF_INIT(4 << 20);
    lh_buf_append(&body, LH_STR("--xyz\r\nContent-Disposition: form-data; name=big\r\n\r\n"));
    size_t head = body.len;
    fill(&body, 'x', API_MULTIPART_FIELD_BYTES);
    lh_buf_append(&body, LH_STR("\r\n" END));
    lh_error err = {0};
    fixture f = {.body = lh_buf_str(&body), .step = 1000};
    CHECK_OK(fixture_run(&f, &err)); /* exact fit */
    lh_buf_done(&f.log);
    body.len = head;
    fill(&body, 'x', API_MULTIPART_FIELD_BYTES + 1);
    lh_buf_append(&body, LH_STR("\r\n" END));
    check_refused(lh_buf_str(&body), LH_LIMIT, "'big'");
    lh_buf_clear(&body);
    lh_buf_append(&body, LH_STR("--xyz\r\nX: "));
    fill(&body, 'x', 1 << 20);
    check_refused(lh_buf_str(&body), LH_LIMIT, "headers");
    lh_buf_clear(&body);
    for (int i = 0; i <= API_MULTIPART_PARTS_MAX; i++) lh_buf_append(&body, LH_STR(PART("name=a", "")));
    check_refused(lh_buf_str(&body), LH_LIMIT, "parts");
    lh_buf_clear(&body);
    fill(&body, 'x', 1 << 20);
    check_refused(lh_buf_str(&body), LH_INVALID, "outside of parts");
    lh_buf_clear(&body);
    lh_buf_append(&body, LH_STR(END));
    fill(&body, 'x', 1 << 20);
    check_refused(lh_buf_str(&body), LH_INVALID, "outside of parts");
}

static void test_multipart__a_file_larger_than_the_window_streams_whole(void) {
    LH_CLEANUP(lh_buf_done) lh_buf body = LH_BUF_INIT(4 << 20);
    lh_buf_append(&body, LH_STR("--xyz\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n"));
    fill(&body, '\r', 1 << 20); /* every byte could begin a delimiter */
    lh_buf_append(&body, LH_STR("\r\n" END));
    lh_error err = {0};
    fixture f = {.body = lh_buf_str(&body), .step = 16384};
    CHECK_OK(fixture_run(&f, &err));
    CHECK(f.file_bytes == 1 << 20);
    f.fail_file_after = 100000;
    CHECK(fixture_run(&f, &err) == LH_IO); /* the callback's error comes through */
    CHECK(strstr(err.message, "disk full"));
    lh_buf_done(&f.log);
}

static void test_multipart__the_boundary_is_found_in_the_content_type(void) {
    lh_error err = {0};
    lh_str boundary;
    CHECK_OK(api_multipart_boundary(LH_STR("multipart/form-data; boundary=abc"), &boundary, &err));
    CHECK_STR(boundary, LH_STR("abc"));
    CHECK_OK(
        api_multipart_boundary(LH_STR("Multipart/Form-Data ; charset=utf-8; Boundary=\"a b'c\""), &boundary, &err));
    CHECK_STR(boundary, LH_STR("a b'c"));
    CHECK(api_multipart_boundary(LH_STR("multipart/mixed; boundary=abc"), &boundary, &err) == LH_INVALID);
    CHECK(api_multipart_boundary(LH_STR("multipart/form-data"), &boundary, &err) == LH_INVALID);
    CHECK(api_multipart_boundary(LH_STR("multipart/form-data; boundary="), &boundary, &err) == LH_INVALID);
    CHECK(api_multipart_boundary(LH_STR("multipart/form-data; boundary=\"a\r\""), &boundary, &err) == LH_INVALID);
    CHECK(api_multipart_boundary(
              LH_STR("multipart/form-data; "
                     "boundary=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggggggggh"),
              &boundary, &err) == LH_INVALID);
    CHECK(api_multipart_boundary(LH_STR(""), &boundary, &err) == LH_INVALID);
}

LH_TEST_MAIN(LH_TEST(test_multipart__parts_come_in_order_whatever_the_pieces),
             LH_TEST(test_multipart__an_empty_form_and_an_empty_file_are_fine),
             LH_TEST(test_multipart__names_are_unescaped), LH_TEST(test_multipart__what_is_malformed_is_refused),
             LH_TEST(test_multipart__limits_hold), LH_TEST(test_multipart__a_file_larger_than_the_window_streams_whole),
             LH_TEST(test_multipart__the_boundary_is_found_in_the_content_type))
