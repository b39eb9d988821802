/* Masks as statements of ours run them, on values at the edges of their types. */
#include "engine/engine_suite.h"
#include "engine/mask.h"

static lh_str mask_text(suite *s, const lh_mask *mask, const char *type, lh_buf *into) {
    lh_buf_clear(into);
    lh_code code = engine_mask_sql(&s->engine->masks, mask, LH_STR("c"), lh_str_from(type), into, &s->err);
    if (code != LH_OK) print_error("%s\n", s->err.message);
    CHECK(code == LH_OK);
    return lh_buf_str(into);
}

/* The mask of each of the values, as text; NULL: "-". */
static lh_str masked(suite *s, const lh_mask *mask, const char *type, const char *values) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 16);
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(1 << 20);
    lh_json *rows = NULL;
    CHECK(lh_session_open(s->engine, NULL, &session, &s->err) == LH_OK);
    lh_str expression = mask_text(s, mask, type, &text);
    lh_buf_printf(&sql, "SELECT string_agg(coalesce((%.*s)::VARCHAR, '-'), ' ') FROM (SELECT unnest([%s])::%s AS c)",
                  LH_STR_ARG(expression), values, type);
    lh_code code = lh_session_run(session, lh_buf_str(&sql), NULL, s->arena, &rows, &s->err);
    if (code != LH_OK) print_error("%s\n%.*s\n", s->err.message, LH_STR_ARG(lh_buf_str(&sql)));
    CHECK(code == LH_OK);
    return lh_json_str(lh_json_at(lh_json_at(lh_json_get(rows, "rows"), 0), 0), LH_STR("?"));
}

static void test_mask__kept_characters_are_those_that_people_count(void) {
    static const struct {
        uint32_t prefix, suffix;
        const char *values, *expected;
    } cases[] = {
        {3, 2, "'CAN000001', 'CAN001', 'CAN01', 'C', '', NULL", "CAN****01 CAN*01 ***** *  -"},
        {0, 0, "'abc', 'größe'", "*** *****"},
        {1, 0, "'größe', 'ö', 'öl'", "g**** * ö*"},
        {0, 1, "'größe', 'x'", "****e *"},
        {1, 1, "'e\u0301te\u0301', '日本語', '👨‍👩‍👧x👍🏽'",
         "e\u0301*e\u0301 日*語 👨‍👩‍👧*👍🏽"},
        {1, 1, "'a' || chr(13) || chr(10) || 'b'", "a*b"},
        {32767, 1, "'abc'", "***"},
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lh_mask mask = {.kind = LH_MASK_KEEP, .keep_prefix = cases[i].prefix, .keep_suffix = cases[i].suffix};
        CHECK_STR(masked(s, &mask, "VARCHAR", cases[i].values), lh_str_from(cases[i].expected));
    }
    const lh_mask mask = {.kind = LH_MASK_KEEP, .keep_prefix = 1, .keep_suffix = 1};
    CHECK_STR(masked(s, &mask, "DATE", "'2024-02-29', NULL"), LH_STR("2********9 -"));
    CHECK_STR(masked(s, &mask, "INTEGER[]", "[1, 2], NULL"), LH_STR("[****] -"));
}

static void test_mask__a_hash_is_keyed_and_the_same_for_the_same(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    const lh_mask hash = {.kind = LH_MASK_HASH}, token = {.kind = LH_MASK_TOKEN}, plain = {.kind = LH_MASK_SHA256};
    lh_str key = {(const char *)s->engine->masks.key, sizeof s->engine->masks.key};
    lh_sha256 keyed = lh_hmac_sha256(key, LH_STR("ann@example.com")), number = lh_hmac_sha256(key, LH_STR("7"));
    lh_str expected = lh_str_from(lh_sha256_to_hex(&keyed).text);
    CHECK_STR(masked(s, &hash, "VARCHAR", "'ann@example.com', NULL, 'ann@example.com'"),
              lh_arena_printf(s->arena, "%.*s - %.*s", LH_STR_ARG(expected), LH_STR_ARG(expected)));
    CHECK_STR(masked(s, &token, "VARCHAR", "'ann@example.com', NULL"),
              lh_arena_printf(s->arena, "tok_%.16s -", expected.ptr));
    CHECK_STR(masked(s, &hash, "BIGINT", "7"), lh_str_from(lh_sha256_to_hex(&number).text));
    lh_sha256 unkeyed = lh_sha256_of(LH_STR("a"));
    CHECK_STR(masked(s, &plain, "VARCHAR", "'a', NULL"),
              lh_arena_printf(s->arena, "%s -", lh_sha256_to_hex(&unkeyed).text));
    engine_masks again = {0}, other = {0};
    engine_masks_init(&again, LH_STR("secret"));
    engine_masks_init(&other, LH_STR("secret"));
    CHECK(memcmp(again.key, other.key, sizeof again.key) == 0 && strcmp(again.name, other.name) != 0);
}

static void test_mask__numbers_and_dates_keep_their_types_and_raise_nothing(void) {
    static const struct {
        const char *type, *values, *expected;
    } buckets[] = {
        {"INTEGER", "0, 1, 9, 10, 11, -1, -10, -11, NULL", "0 0 0 10 10 -10 -10 -20 -"},
        {"TINYINT", "127, -128", "120 -"},
        {"BIGINT", "9223372036854775807, -9223372036854775808", "9223372036854775800 -"},
        {"UBIGINT", "18446744073709551615, 0", "18446744073709551610 0"},
        {"DOUBLE", "12.5, -0.5, 'nan'::DOUBLE, 'inf'::DOUBLE, NULL", "10.0 -10.0 nan inf -"},
        {"DECIMAL(9,2)", "12.34, -12.34, NULL", "10.00 -20.00 -"},
        {"DECIMAL(3,2)", "9.99, -9.99", "0.00 -"},
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    const lh_mask bucket = {.kind = LH_MASK_BUCKET, .bucket = 10}, year = {.kind = LH_MASK_YEAR},
                  null = {.kind = LH_MASK_NULL};
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++)
        CHECK_STR(masked(s, &bucket, buckets[i].type, buckets[i].values), lh_str_from(buckets[i].expected));
    CHECK_STR(masked(s, &year, "DATE", "'2024-02-29', 'infinity', '290309-12-22 (BC)', NULL"),
              LH_STR("2024 - -290308 -"));
    CHECK_STR(masked(s, &year, "TIMESTAMP", "'2024-02-29 12:00:00', '-infinity'"), LH_STR("2024 -"));
    CHECK_STR(masked(s, &null, "INTEGER", "1, 2"), LH_STR("- -"));
}

static void test_mask__what_has_no_such_mask_is_refused(void) {
    static const struct {
        lh_mask mask;
        const char *type;
    } refused[] = {{{.kind = LH_MASK_BUCKET, .bucket = 10}, "VARCHAR"},
                   {{.kind = LH_MASK_BUCKET, .bucket = 10}, "HUGEINT"},
                   {{.kind = LH_MASK_BUCKET}, "INTEGER"},
                   {{.kind = LH_MASK_BUCKET, .bucket = UINT64_MAX}, "INTEGER"},
                   {{.kind = LH_MASK_YEAR}, "VARCHAR"},
                   {{.kind = LH_MASK_KEEP, .keep_prefix = 40000}, "VARCHAR"}};
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf into = LH_BUF_INIT(1 << 16);
        CHECK(engine_mask_sql(&s->engine->masks, &refused[i].mask, LH_STR("c"), lh_str_from(refused[i].type), &into,
                              &s->err) == LH_INVALID);
    }
}

LH_TEST_MAIN(LH_TEST(test_mask__kept_characters_are_those_that_people_count),
             LH_TEST(test_mask__a_hash_is_keyed_and_the_same_for_the_same),
             LH_TEST(test_mask__numbers_and_dates_keep_their_types_and_raise_nothing),
             LH_TEST(test_mask__what_has_no_such_mask_is_refused))
