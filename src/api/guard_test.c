#include "api/server_internal.h"
#include "base/test.h"

typedef struct header {
    const char *name, *value;
} header;

static const char *verdict(const char *method, const char *version, const header *headers, size_t count) {
    api_guard guard = {0};
    for (size_t i = 0; i < count; i++)
        api_guard_header(&guard, lh_str_from(headers[i].name), lh_str_from(headers[i].value));
    return api_guard_verdict(&guard, lh_str_from(method), lh_str_from(version));
}
#define VERDICT(version, ...)                                                                                          \
    verdict("POST", version, (const header[]){__VA_ARGS__}, sizeof((const header[]){__VA_ARGS__}) / sizeof(header))
#define HOST {"Host", "x"}

static void test_guard__honest_requests_pass(void) {
    CHECK(!VERDICT("HTTP/1.1", HOST));
    CHECK(!VERDICT("HTTP/1.1", HOST, {"content-length", "0"}));
    CHECK(!VERDICT("HTTP/1.1", {"hOST", "x"}, {"Transfer-Encoding", "Chunked"}));
    CHECK(!VERDICT("HTTP/1.1", HOST, {"X-Empty", ""}, {"X-Tab", "a\tb"}, {"X-Utf8", "\xc3\xa9"},
                   {"!#$%&'*+-.^_`|~09azAZ", "1"}));
    CHECK(!VERDICT("HTTP/1.0", {"Accept", "*/*"})); /* Host came with 1.1 */
    CHECK(!VERDICT("HTTP/1.1", HOST, {"Content-Length", "999999999999999999"}));
}

static void test_guard__two_ways_to_measure_a_body_are_refused(void) {
    CHECK(VERDICT("HTTP/1.1", HOST, {"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}));
    CHECK(VERDICT("HTTP/1.1", HOST, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}));
    CHECK(VERDICT("HTTP/1.1", HOST, {"Content-Length", "5"}, {"Content-Length", "5"}));
    CHECK(VERDICT("HTTP/1.1", HOST, {"Transfer-Encoding", "chunked"}, {"transfer-encoding", "chunked"}));
    CHECK(VERDICT("HTTP/1.0", HOST, {"Transfer-Encoding", "chunked"}));
}

static void test_guard__two_callers_in_one_request_are_refused(void) {
    CHECK(VERDICT("HTTP/1.1", HOST, {"Authorization", "Bearer a"}, {"authorization", "Bearer a"}));
    CHECK(VERDICT("HTTP/1.1", HOST, {"X-API-Key", "a"}, {"x-api-key", "b"}));
    CHECK(!VERDICT("HTTP/1.1", HOST, {"X-API-Key", "a"}, {"Authorization", "Bearer a"}));
}

static void test_guard__odd_lengths_and_encodings_are_refused(void) {
    static const char *const lengths[] = {
        "", " ", "+5", "-5", "0x5", "5,5", "5 5", "5a", "5\t", "99999999999999999999", "1e3", "\xd9\xa5"};
    static const char *const encodings[] = {
        "",         "identity",    "gzip",        "gzip, chunked", "chunked, chunked",
        "xchunked", "\"chunked\"", "chunked;q=1", "chunked\t",     " chunked"};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        CHECK(VERDICT("HTTP/1.1", HOST, {"Content-Length", lengths[i]}));
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++)
        CHECK(VERDICT("HTTP/1.1", HOST, {"Transfer-Encoding", encodings[i]}));
}

static void test_guard__names_must_be_tokens_and_values_clean(void) {
    static const char *const names[] = {"",    "Content-Length ", "Content-Length\t", " A",  "a b", "a:b",
                                        "(a)", "a\x7f",           "a\xc3\xa9",        "a/b", "{a}"};
    static const char *const values[] = {"a\rb", "a\nb", "a\x01", "\x7f", "a\x0b"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) CHECK(VERDICT("HTTP/1.1", HOST, {names[i], "x"}));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) CHECK(VERDICT("HTTP/1.1", HOST, {"A", values[i]}));
    api_guard guard = {.hosts = 1};
    api_guard_header(&guard, LH_STR("A"), LH_STR("a\0b"));
    CHECK(guard.reason);
    guard = (api_guard){.hosts = 1};
    api_guard_header(&guard, LH_STR("A\0"), LH_STR("b"));
    CHECK(guard.reason);
}

static void test_guard__host_method_and_version(void) {
    CHECK(VERDICT("HTTP/1.1", {"A", "b"}));
    CHECK(VERDICT("HTTP/1.1", HOST, {"host", "y"}));
    CHECK(VERDICT("HTTP/2.0", HOST));
    CHECK(VERDICT("HTTP/1.10", HOST));
    CHECK(VERDICT("", HOST));
    CHECK(verdict("G T", "HTTP/1.1", (const header[]){HOST}, 1));
    CHECK(verdict("", "HTTP/1.1", (const header[]){HOST}, 1));
    CHECK(!verdict("PROPFIND", "HTTP/1.1", (const header[]){HOST}, 1)); /* unknown, but a method: 405 later */
}

static void test_guard__targets(void) {
    static const char *const bad[] = {"", "*", "http://x/", "a", "/a b", "/a\tb", "/a\r", "/\x01", "/\x7f", "/a#b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(api_guard_target(lh_str_from(bad[i])));
    CHECK(api_guard_target(LH_STR("/a\0b")));
    CHECK(!api_guard_target(LH_STR("/")));
    CHECK(!api_guard_target(LH_STR("//a/%00/..?x=%20&y")));
}

LH_TEST_MAIN(LH_TEST(test_guard__honest_requests_pass), LH_TEST(test_guard__two_ways_to_measure_a_body_are_refused),
             LH_TEST(test_guard__two_callers_in_one_request_are_refused),
             LH_TEST(test_guard__odd_lengths_and_encodings_are_refused),
             LH_TEST(test_guard__names_must_be_tokens_and_values_clean), LH_TEST(test_guard__host_method_and_version),
             LH_TEST(test_guard__targets))
