/* AWS's published examples: four of "Examples: Signature Calculations" of the S3 API reference (service s3) and
 * some of the Signature Version 4 test suite (service "service"). */
#include "base/test.h"
#include "storage/s3_internal.h"

static lh_str sign_of(lh_arena *arena, s3_sign_input input) {
    lh_str out = LH_STR_NONE;
    lh_error err = {0};
    CHECK_OK(s3_sign(&input, arena, &out, &err));
    size_t at = lh_str_search(out, LH_STR("Signature="));
    CHECK(at != SIZE_MAX);
    return lh_str_sub(out, at + 10, SIZE_MAX);
}

#define EMPTY_HASH LH_STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
#define HOST {LH_STR("host"), LH_STR("examplebucket.s3.amazonaws.com")}
#define DATE {LH_STR("x-amz-date"), LH_STR("20130524T000000Z")}
#define HASH {LH_STR("x-amz-content-sha256"), EMPTY_HASH}

static s3_sign_input example_s3(const char *method, lh_str path, lh_str query, const lh_http_header *headers,
                                size_t count, lh_str hash) {
    return (s3_sign_input){.method = method,
                           .path = path,
                           .query = query,
                           .headers = headers,
                           .header_count = count,
                           .payload_hash = hash,
                           .access_key = LH_STR("AKIAIOSFODNN7EXAMPLE"),
                           .secret_key = LH_STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                           .region = LH_STR("us-east-1"),
                           .service = LH_STR("s3"),
                           .time = LH_STR("20130524T000000Z")};
}

static lh_arena *arena_new(void) {
    lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    return arena;
}

static void test_s3_sign__get_object_with_range(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    lh_http_header headers[] = {DATE, HOST, {LH_STR("range"), LH_STR("bytes=0-9")}, HASH};
    lh_str out;
    lh_error err = {0};
    s3_sign_input input = example_s3("GET", LH_STR("/test.txt"), LH_STR(""), headers, 4, EMPTY_HASH);
    CHECK_OK(s3_sign(&input, arena, &out, &err));
    CHECK_STR(out, LH_STR("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                          "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                          "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

static void test_s3_sign__put_object_with_an_encoded_path(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    lh_sha256 hash = lh_sha256_of(LH_STR("Welcome to Amazon S3."));
    lh_sha256_hex hex = lh_sha256_to_hex(&hash);
    lh_http_header headers[] = {HOST,
                                DATE,
                                {LH_STR("date"), LH_STR("Fri, 24 May 2013 00:00:00 GMT")},
                                {LH_STR("x-amz-storage-class"), LH_STR("REDUCED_REDUNDANCY")},
                                {LH_STR("x-amz-content-sha256"), lh_str_from(hex.text)}};
    CHECK_STR(
        sign_of(arena, example_s3("PUT", LH_STR("/test%24file.text"), LH_STR(""), headers, 5, lh_str_from(hex.text))),
        LH_STR("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

static void test_s3_sign__query_without_value_and_sorted_query(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    lh_http_header headers[] = {HOST, DATE, HASH};
    lh_http_header lifecycle[] = {{LH_STR("lifecycle"), LH_STR("")}};
    lh_http_header list[] = {{LH_STR("prefix"), LH_STR("J")}, {LH_STR("max-keys"), LH_STR("2")}};
    lh_str query;
    lh_error err = {0};
    CHECK_OK(s3_canonical_query(lifecycle, 1, arena, &query, &err));
    CHECK_STR(sign_of(arena, example_s3("GET", LH_STR("/"), query, headers, 3, EMPTY_HASH)),
              LH_STR("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
    CHECK_OK(s3_canonical_query(list, 2, arena, &query, &err));
    CHECK_STR(query, LH_STR("max-keys=2&prefix=J"));
    CHECK_STR(sign_of(arena, example_s3("GET", LH_STR("/"), query, headers, 3, EMPTY_HASH)),
              LH_STR("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

static lh_str suite(lh_arena *arena, const char *method, lh_str path, const lh_http_header *query, size_t query_count) {
    lh_http_header headers[] = {{LH_STR("host"), LH_STR("example.amazonaws.com")},
                                {LH_STR("x-amz-date"), LH_STR("20150830T123600Z")}};
    s3_sign_input input = {.method = method,
                           .path = path,
                           .headers = headers,
                           .header_count = 2,
                           .payload_hash = EMPTY_HASH,
                           .access_key = LH_STR("AKIDEXAMPLE"),
                           .secret_key = LH_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                           .region = LH_STR("us-east-1"),
                           .service = LH_STR("service"),
                           .time = LH_STR("20150830T123600Z")};
    CHECK(s3_canonical_query(query, query_count, arena, &input.query, NULL) == LH_OK);
    return sign_of(arena, input);
}

static void test_s3_sign__signature_version_4_test_suite(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    lh_http_header unordered[] = {{LH_STR("Param2"), LH_STR("value2")}, {LH_STR("Param1"), LH_STR("value1")}};
    CHECK_STR(suite(arena, "GET", LH_STR("/"), NULL, 0),
              LH_STR("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")); /* get-vanilla */
    CHECK_STR(suite(arena, "POST", LH_STR("/"), NULL, 0),
              LH_STR("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")); /* post-vanilla */
    CHECK_STR(suite(arena, "GET", LH_STR("/%E1%88%B4"), NULL, 0),
              LH_STR("8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85")); /* get-utf8 */
    CHECK_STR(
        suite(arena, "GET", LH_STR("/"), unordered, 2),
        LH_STR(
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")); /* get-vanilla-query-order-key-case */
}

LH_TEST_MAIN(LH_TEST(test_s3_sign__get_object_with_range), LH_TEST(test_s3_sign__put_object_with_an_encoded_path),
             LH_TEST(test_s3_sign__query_without_value_and_sorted_query),
             LH_TEST(test_s3_sign__signature_version_4_test_suite))
