#include "base/test.h"

static void test_base__json_round_trip_keeps_order_and_replaces_in_place(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_json *v = NULL;
    CHECK_OK(lh_json_parse(arena, LH_STR("{\"a\":1,\"b\":[true,null,\"x\"],\"c\":-5.5}"), &v, &err));
    CHECK(lh_json_int(lh_json_get(v, "a"), 0) == 1);
    CHECK(lh_json_size(lh_json_get(v, "b")) == 3);
    lh_json_set_int(arena, v, "b", 7);
    lh_str text;
    CHECK_OK(lh_json_write(arena, v, false, &text, &err));
    CHECK_STR(text, LH_STR("{\"a\":1,\"b\":7,\"c\":-5.5}"));
    size_t seen = 0;
    for (lh_json_iter it = lh_json_each(v); lh_json_next(&it); seen++) CHECK(it.name.len == 1 && it.index == seen);
    CHECK(seen == 3);
}

static void test_base__json_keeps_the_text_of_numbers_when_asked(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_json *v = NULL;
    CHECK_OK(lh_json_parse_exact(arena, LH_STR("[1.10,123456789012345678901234567890,-7,8]"), &v, &err));
    lh_str text;
    CHECK_OK(lh_json_write(arena, v, false, &text, &err));
    CHECK_STR(text, LH_STR("[1.10,123456789012345678901234567890,-7,8]"));
    CHECK(lh_json_type_of(lh_json_at(v, 0)) == LH_JSON_REAL && lh_json_type_of(lh_json_at(v, 1)) == LH_JSON_REAL);
    CHECK(lh_json_is_int(lh_json_at(v, 2)) && lh_json_int(lh_json_at(v, 2), 0) == -7);
    CHECK(lh_json_uint(lh_json_at(v, 3), 0) == 8 && lh_json_uint(lh_json_at(v, 2), 5) == 5);
    CHECK(lh_json_parse_exact(arena, LH_STR("[01]"), &v, &err) == LH_INVALID);
}

static void test_base__json_error_names_line_and_column(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_json *v = NULL;
    CHECK(lh_json_parse(arena, LH_STR("{\"a\":1,\n  bad}"), &v, &err) == LH_INVALID);
    CHECK(err.line == 2 && err.column == 3);
    CHECK(v == NULL);
}

static void test_base__json_deep_nesting_is_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(16 << 20, &arena, &err));
    char *deep = malloc(100000);
    memset(deep, '[', 100000);
    lh_json *v = NULL;
    CHECK(lh_json_parse(arena, (lh_str){deep, 100000}, &v, &err) == LH_LIMIT);
    free(deep);
}

static void test_base__arena_cap_is_a_sticky_limit(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1000, &arena, &err));
    CHECK(lh_arena_alloc(arena, 500) != NULL);
    CHECK(lh_arena_alloc(arena, 600) == NULL);
    CHECK(lh_arena_check(arena, &err) == LH_LIMIT);
    CHECK(lh_json_new_object(arena) == NULL || lh_arena_check(arena, NULL) == LH_LIMIT);
}

static void test_base__buf_cap_is_a_sticky_limit(void) {
    LH_CLEANUP(lh_buf_done) lh_buf buf = LH_BUF_INIT(300); /* more than its first piece of memory */
    lh_error err = {0};
    for (int i = 0; i < 300; i++) lh_buf_char(&buf, 'x');
    CHECK(buf.len == 300 && lh_buf_check(&buf, &err) == LH_OK); /* exact fit */
    lh_buf_char(&buf, 'y');
    CHECK(buf.len == 300 && lh_buf_check(&buf, &err) == LH_LIMIT);
    CHECK_STR(lh_str_from(err.message), LH_STR("larger than 300 bytes"));
    buf.len = 200; /* room again, but what failed stays failed */
    lh_buf_append(&buf, LH_STR("z"));
    CHECK(buf.len == 200 && lh_buf_reserve(&buf, 1) == NULL && lh_buf_check(&buf, NULL) == LH_LIMIT);
    lh_buf_clear(&buf);
    lh_buf_append(&buf, LH_STR("anew"));
    CHECK(lh_buf_check(&buf, NULL) == LH_OK && buf.room_bytes <= 300);
    CHECK(lh_buf_reserve(&buf, SIZE_MAX) == NULL && lh_buf_check(&buf, NULL) == LH_LIMIT); /* does not wrap */
    CHECK_STR(lh_buf_str(&buf), LH_STR("anew"));
}

static void test_base__utf8_refuses_overlong_and_surrogates(void) {
    CHECK(lh_str_is_utf8(LH_STR("h\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")));
    CHECK(!lh_str_is_utf8(LH_STR("\xC0\x80")));
    CHECK(!lh_str_is_utf8(LH_STR("\xED\xA0\x80")));
    CHECK(!lh_str_is_utf8(LH_STR("\xF4\x90\x80\x80")));
    CHECK(!lh_str_is_utf8(LH_STR("\xE2\x82")));
}

static void test_base__json_string_escapes_and_repairs(void) {
    LH_CLEANUP(lh_buf_done) lh_buf buf = LH_BUF_INIT(1000);
    lh_buf_json_string(&buf, LH_STR("a\"\\\n\x01\xFFz"));
    CHECK_STR(lh_buf_str(&buf), LH_STR("\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBDz\""));
}

static void test_base__times_round_trip(void) {
    int64_t ms = 0;
    CHECK(lh_time_parse_rfc3339(LH_STR("2026-11-23T14:55:33.120Z"), &ms) == LH_OK);
    CHECK_STR(lh_str_from(lh_time_rfc3339(ms).text), LH_STR("2026-11-23T14:55:33.120Z"));
    CHECK_STR(lh_str_from(lh_time_http(ms).text), LH_STR("Mon, 23 Nov 2026 14:55:33 GMT"));
    CHECK(lh_time_parse_rfc3339(LH_STR("2026-11-23T15:55:33.12+01:00"), &ms) == LH_OK);
    CHECK_STR(lh_str_from(lh_time_rfc3339(ms).text), LH_STR("2026-11-23T14:55:33.120Z"));
    CHECK(lh_time_parse_rfc3339(LH_STR("2026-13-23T15:55:33Z"), &ms) == LH_INVALID);
}

static void test_base__uuids_are_valid_distinct_and_ordered(void) {
    lh_uuid a = lh_uuid_new();
    lh_time_sleep_ms(2);
    lh_uuid b = lh_uuid_new();
    CHECK(lh_uuid_is_valid(lh_uuid_str(&a)) && a.text[14] == '7');
    CHECK(lh_str_cmp(lh_uuid_str(&a), lh_uuid_str(&b)) < 0);
}

static void test_base__sha256_and_hmac_of_published_vectors(void) {
    lh_sha256 h = lh_sha256_of(LH_STR("abc")); /* FIPS 180-4 */
    CHECK_STR(lh_str_from(lh_sha256_to_hex(&h).text),
              LH_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    h = lh_hmac_sha256(LH_STR("Jefe"), LH_STR("what do ya want for nothing?")); /* RFC 4231, case 2 */
    CHECK_STR(lh_str_from(lh_sha256_to_hex(&h).text),
              LH_STR("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    LH_CLEANUP(lh_hmac_freep) lh_hmac *hmac = NULL;
    CHECK(lh_hmac_new(LH_STR("Jefe"), &hmac, NULL) == LH_OK);
    for (int i = 0; i < 2; i++) {
        (void)lh_hmac_of(hmac, LH_STR("")); /* leaves nothing behind */
        lh_sha256 again = lh_hmac_of(hmac, LH_STR("what do ya want for nothing?"));
        CHECK(memcmp(again.bytes, h.bytes, sizeof h.bytes) == 0);
    }
}

static void check_base64(const char *text, const char *expected) { /* NULL: refused */
    char into[64];
    size_t bytes = 0;
    lh_code code = lh_base64_decode(lh_str_from(text), into, &bytes);
    CHECK((code == LH_OK) == (expected != NULL));
    if (!expected) return;
    CHECK_STR(((lh_str){into, bytes}), lh_str_from(expected));
    CHECK_STR(((lh_str){into, lh_base64_encode(lh_str_from(expected), into)}), lh_str_from(text));
}

static void test_base__base64_of_published_vectors_and_what_is_none(void) {
    check_base64("", ""); /* RFC 4648, section 10 */
    check_base64("Zg==", "f");
    check_base64("Zm8=", "fo");
    check_base64("Zm9vYmFy", "foobar");
    check_base64("/+8=", "\xFF\xEF");
    static const char *const bad[] = {
        "Z", "Zg=", "Zg", "Z===", "====", "Zh==", "Zm9=", "Zm8=Zm8=", "Zm 8", "Zm8\n", "_-8="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) check_base64(bad[i], NULL);
}

static void test_base__numbers_refuse_overflow_and_signs(void) {
    uint64_t u;
    int64_t i;
    CHECK(lh_str_after_last(LH_STR("a/b/c"), '/') == 4);
    CHECK(lh_str_after_last(LH_STR("a/"), '/') == 2);
    CHECK(lh_str_after_last(LH_STR("a"), '/') == 0);
    CHECK(lh_str_after_last(LH_STR_NONE, '/') == 0);
    CHECK(lh_str_to_u64(LH_STR("18446744073709551615"), &u) == LH_OK && u == UINT64_MAX);
    CHECK(lh_str_to_u64(LH_STR("18446744073709551616"), &u) == LH_INVALID);
    CHECK(lh_str_to_u64(LH_STR("+1"), &u) == LH_INVALID);
    CHECK(lh_str_to_i64(LH_STR("-9223372036854775808"), &i) == LH_OK && i == INT64_MIN);
    CHECK(lh_str_to_i64(LH_STR("9223372036854775808"), &i) == LH_INVALID);
}

static void test_base__an_error_message_is_utf8_whatever_it_quotes(void) {
    lh_error err = {0};
    lh_error_set(&err, LH_INVALID, "no '%s' and no '%.*s' here", "\xFF!\xC3(\xE2\x82", 3, "\xC3\xA9\xC3\xA9");
    CHECK_STR(lh_str_from(err.message), LH_STR("no '?!?(?\?' and no '\xC3\xA9?' here"));
    lh_error_set_name(&err, LH_STR("k\xFF\xC3\xA9"));
    CHECK_STR(lh_str_from(err.name), LH_STR("k?\xC3\xA9"));
    lh_error_set(&err, LH_INVALID, "\x80");
    CHECK_STR(lh_str_from(err.message), LH_STR("?"));
}

static void test_base__long_error_message_is_cut_at_a_character(void) {
    lh_error err = {0};
    char text[LH_ERROR_MESSAGE_BYTES + 10];
    memset(text, 'x', sizeof text);
    memcpy(text + LH_ERROR_MESSAGE_BYTES - 2, "\xE2\x82\xAC", 3);
    text[sizeof text - 1] = '\0';
    lh_error_set(&err, LH_INVALID, "%s", text);
    CHECK(strlen(err.message) == LH_ERROR_MESSAGE_BYTES - 2);
    CHECK(lh_str_is_utf8(lh_str_from(err.message)));
}

static void test_base__siphash_of_published_vectors(void) {
    static const struct {
        size_t size;
        uint64_t hash;
    } vectors[] = {{0, 0x726fdb47dd0e0e31u}, {1, 0x74f839c593dc67fdu}, {15, 0xa129ca6149be45e5u}};
    unsigned char secret[16];
    char text[16];
    for (unsigned i = 0; i < 16; i++) secret[i] = (unsigned char)i, text[i] = (char)i;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        CHECK(lh_hash_keyed(secret, (lh_str){text, vectors[i].size}) == vectors[i].hash);
    CHECK(lh_hash_keyed(secret, LH_STR_NONE) == vectors[0].hash);
}

static void test_base__letters_lose_their_marks(void) {
    LH_CLEANUP(lh_buf_done) lh_buf buf = LH_BUF_INIT(1000);
    lh_error err = {0};
    lh_buf_without_marks(
        &buf,
        LH_STR(
            "r\xC3\xA9sum\x65\xCC\x81 \xEA\xB0\x84 \xE0\xA4\xB0\xE0\xA5\x8D \xFF!")); /* é, e´, Hangul, Devanagari, no UTF-8 */
    CHECK_OK(lh_buf_check(&buf, &err));
    CHECK_STR(lh_buf_str(&buf), LH_STR("resume \xE1\x84\x80\xE1\x85\xA1\xE1\x86\xAB \xE0\xA4\xB0 \xFF!"));
}

LH_TEST_MAIN(LH_TEST(test_base__letters_lose_their_marks),
             LH_TEST(test_base__json_round_trip_keeps_order_and_replaces_in_place),
             LH_TEST(test_base__json_keeps_the_text_of_numbers_when_asked),
             LH_TEST(test_base__json_error_names_line_and_column), LH_TEST(test_base__json_deep_nesting_is_refused),
             LH_TEST(test_base__arena_cap_is_a_sticky_limit), LH_TEST(test_base__buf_cap_is_a_sticky_limit),
             LH_TEST(test_base__utf8_refuses_overlong_and_surrogates),
             LH_TEST(test_base__json_string_escapes_and_repairs), LH_TEST(test_base__times_round_trip),
             LH_TEST(test_base__uuids_are_valid_distinct_and_ordered),
             LH_TEST(test_base__sha256_and_hmac_of_published_vectors), LH_TEST(test_base__siphash_of_published_vectors),
             LH_TEST(test_base__base64_of_published_vectors_and_what_is_none),
             LH_TEST(test_base__numbers_refuse_overflow_and_signs),
             LH_TEST(test_base__an_error_message_is_utf8_whatever_it_quotes),
             LH_TEST(test_base__long_error_message_is_cut_at_a_character))
