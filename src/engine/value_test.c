/* The text of every type's values, in JSON and CSV: docs/reference/types.md, and the edges of each type. */
#include "engine/engine_suite.h"

/* The value of a one-column, one-row JSON answer, and the type that it names. */
static lh_str json_value(suite *s, const char *expression, lh_str *ret_type) {
    lh_str sql = lh_arena_printf(s->arena, "SELECT %s AS v", expression);
    lh_str text = suite_run(s, lh_arena_cstr(s->arena, sql), LH_FORMAT_JSON);
    lh_json *json = NULL;
    CHECK(lh_json_parse(s->arena, text, &json, NULL) == LH_OK); /* whatever the value, the answer is JSON */
    *ret_type = lh_json_get_string(lh_json_at(lh_json_get(json, "columns"), 0), "type");
    size_t from = lh_str_search(text, LH_STR("\"rows\":[\n[")),
           to = lh_str_search(text, LH_STR("]\n],\"row_count\":1,"));
    CHECK(from != SIZE_MAX && to != SIZE_MAX);
    return lh_arena_dup(s->arena, lh_str_sub(text, from + 10, to - from - 10));
}

static lh_str csv_value(suite *s, const char *expression) {
    lh_str sql = lh_arena_printf(s->arena, "SELECT %s AS v", expression);
    lh_str text = suite_run(s, lh_arena_cstr(s->arena, sql), LH_FORMAT_CSV);
    CHECK(lh_str_starts(text, LH_STR("v\r\n")) && lh_str_ends(text, LH_STR("\r\n")));
    return lh_arena_dup(s->arena, lh_str_sub(text, 3, text.len - 5));
}

typedef struct form {
    const char *expression, *type, *json, *csv; /* csv NULL: as in JSON */
} form;

static void check_forms(const form *forms, size_t count) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t i = 0; i < count; i++) {
        lh_str type, json = json_value(s, forms[i].expression, &type);
        if (!lh_str_eq(json, lh_str_from(forms[i].json))) print_error("%s:\n", forms[i].expression);
        CHECK_STR(json, lh_str_from(forms[i].json));
        CHECK_STR(type, lh_str_from(forms[i].type));
        CHECK_STR(csv_value(s, forms[i].expression), lh_str_from(forms[i].csv ? forms[i].csv : forms[i].json));
    }
}
#define CHECK_FORMS(forms) check_forms((forms), sizeof(forms) / sizeof *(forms))

static void test_engine__numbers_have_all_their_digits(void) {
    static const form forms[] = {
        {"true", "BOOLEAN", "true", NULL},
        {"false", "BOOLEAN", "false", NULL},
        {"(-128)::TINYINT", "TINYINT", "-128", NULL},
        {"(-32768)::SMALLINT", "SMALLINT", "-32768", NULL},
        {"(-2147483648)::INTEGER", "INTEGER", "-2147483648", NULL},
        {"(-9223372036854775808)::BIGINT", "BIGINT", "-9223372036854775808", NULL},
        {"255::UTINYINT", "UTINYINT", "255", NULL},
        {"65535::USMALLINT", "USMALLINT", "65535", NULL},
        {"4294967295::UINTEGER", "UINTEGER", "4294967295", NULL},
        {"18446744073709551615::UBIGINT", "UBIGINT", "18446744073709551615", NULL},
        {"0::HUGEINT", "HUGEINT", "0", NULL},
        {"(-1)::HUGEINT", "HUGEINT", "-1", NULL},
        {"1000000000000000000::HUGEINT", "HUGEINT", "1000000000000000000", NULL},
        {"18446744073709551616::HUGEINT", "HUGEINT", "18446744073709551616", NULL},
        {"100000000000000000000000000000000000001::HUGEINT", "HUGEINT", "100000000000000000000000000000000000001",
         NULL},
        {"170141183460469231731687303715884105727::HUGEINT", "HUGEINT", "170141183460469231731687303715884105727",
         NULL},
        {"'-170141183460469231731687303715884105728'::HUGEINT", "HUGEINT", "-170141183460469231731687303715884105728",
         NULL},
        {"340282366920938463463374607431768211455::UHUGEINT", "UHUGEINT", "340282366920938463463374607431768211455",
         NULL},
        {"'0'::BIGNUM", "BIGNUM", "0", NULL},
        {"'-1'::BIGNUM", "BIGNUM", "-1", NULL},
        {"'255'::BIGNUM", "BIGNUM", "255", NULL},
        {"'-256'::BIGNUM", "BIGNUM", "-256", NULL},
        {"('1' || repeat('0', 100))::BIGNUM", "BIGNUM",
         "1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "0",
         NULL},
    };
    CHECK_FORMS(forms);
}

static void test_engine__decimals_keep_their_scale(void) {
    static const form forms[] = {
        {"12.5::DECIMAL(4,2)", "DECIMAL(4,2)", "12.50", NULL}, /* 16 bits */
        {"(-0.01)::DECIMAL(4,2)", "DECIMAL(4,2)", "-0.01", NULL},
        {"0::DECIMAL(4,4)", "DECIMAL(4,4)", "0.0000", NULL},
        {"(-99999.9999)::DECIMAL(9,4)", "DECIMAL(9,4)", "-99999.9999", NULL},                 /* 32 */
        {"1234567890123456.78::DECIMAL(18,2)", "DECIMAL(18,2)", "1234567890123456.78", NULL}, /* 64 */
        {"'-9999999999999999999999999999.9999999999'::DECIMAL(38,10)", "DECIMAL(38,10)",
         "-9999999999999999999999999999.9999999999", NULL}, /* 128 */
        {"'0.00000000000000000000000000000000000001'::DECIMAL(38,38)", "DECIMAL(38,38)",
         "0.00000000000000000000000000000000000001", NULL},
        {"42::DECIMAL(38,0)", "DECIMAL(38,0)", "42", NULL},
        {"1000000000000000000.5::DECIMAL(38,1)", "DECIMAL(38,1)", "1000000000000000000.5", NULL},
    };
    CHECK_FORMS(forms);
}

static void test_engine__reals_are_the_shortest_that_read_back(void) {
    static const form forms[] = {
        {"0.1::DOUBLE", "DOUBLE", "0.1", NULL},
        {"1::DOUBLE", "DOUBLE", "1.0", NULL},
        {"'-0.0'::DOUBLE", "DOUBLE", "-0.0", NULL},
        {"(1::DOUBLE / 3)", "DOUBLE", "0.3333333333333333", NULL},
        {"1e300::DOUBLE", "DOUBLE", "1e+300", NULL},
        {"5e-324::DOUBLE", "DOUBLE", "5e-324", NULL},
        {"1.7976931348623157e308::DOUBLE", "DOUBLE", "1.7976931348623157e+308", NULL},
        {"0.1::FLOAT", "FLOAT", "0.1", NULL},
        {"16777216::FLOAT", "FLOAT", "16777216.0", NULL},
        {"3.4028235e38::FLOAT", "FLOAT", "3.4028235e+38", NULL},
        {"'nan'::DOUBLE", "DOUBLE", "\"NaN\"", "NaN"},
        {"'inf'::DOUBLE", "DOUBLE", "\"Infinity\"", "Infinity"},
        {"'-inf'::DOUBLE", "DOUBLE", "\"-Infinity\"", "-Infinity"},
        {"'nan'::FLOAT", "FLOAT", "\"NaN\"", "NaN"},
        {"'-inf'::FLOAT", "FLOAT", "\"-Infinity\"", "-Infinity"},
        {"['inf'::FLOAT, 1]", "FLOAT[]", "[\"Infinity\",1.0]", "\"[\"\"Infinity\"\",1.0]\""},
    };
    CHECK_FORMS(forms);
}

static void test_engine__times_are_iso(void) {
    static const form forms[] = {
        {"DATE '2026-01-31'", "DATE", "\"2026-01-31\"", "2026-01-31"},
        {"DATE '1970-01-01'", "DATE", "\"1970-01-01\"", "1970-01-01"},
        {"DATE '1969-12-31'", "DATE", "\"1969-12-31\"", "1969-12-31"},
        {"DATE '2000-02-29'", "DATE", "\"2000-02-29\"", "2000-02-29"},
        {"DATE '0001-01-01'", "DATE", "\"0001-01-01\"", "0001-01-01"},
        {"DATE '0044-03-15 (BC)'", "DATE", "\"-0043-03-15\"", "-0043-03-15"},
        {"DATE '12026-01-01'", "DATE", "\"+12026-01-01\"", "+12026-01-01"},
        {"DATE 'infinity'", "DATE", "\"infinity\"", "infinity"},
        {"DATE '-infinity'", "DATE", "\"-infinity\"", "-infinity"},
        {"TIME '00:00:00'", "TIME", "\"00:00:00\"", "00:00:00"},
        {"TIME '12:34:56.5'", "TIME", "\"12:34:56.5\"", "12:34:56.5"},
        {"TIME '23:59:59.999999'", "TIME", "\"23:59:59.999999\"", "23:59:59.999999"},
        {"'12:34:56.123456789'::TIME_NS", "TIME_NS", "\"12:34:56.123456789\"", "12:34:56.123456789"},
        {"'12:34:56+02:30'::TIMETZ", "TIME WITH TIME ZONE", "\"12:34:56+02:30\"", "12:34:56+02:30"},
        {"'12:34:56.25-15:59'::TIMETZ", "TIME WITH TIME ZONE", "\"12:34:56.25-15:59\"", "12:34:56.25-15:59"},
        {"'00:00:00+01:02:03'::TIMETZ", "TIME WITH TIME ZONE", "\"00:00:00+01:02:03\"", "00:00:00+01:02:03"},
        {"TIMESTAMP '2026-01-31 12:34:56.5'", "TIMESTAMP", "\"2026-01-31T12:34:56.5\"", "2026-01-31T12:34:56.5"},
        {"TIMESTAMP '1969-12-31 23:59:59.999999'", "TIMESTAMP", "\"1969-12-31T23:59:59.999999\"",
         "1969-12-31T23:59:59.999999"},
        {"TIMESTAMP '0044-03-15 (BC) 10:00:00'", "TIMESTAMP", "\"-0043-03-15T10:00:00\"", "-0043-03-15T10:00:00"},
        {"TIMESTAMP 'infinity'", "TIMESTAMP", "\"infinity\"", "infinity"},
        {"TIMESTAMP '-infinity'", "TIMESTAMP", "\"-infinity\"", "-infinity"},
        {"TIMESTAMPTZ '2026-01-31 12:34:56.5+02'", "TIMESTAMP WITH TIME ZONE", "\"2026-01-31T10:34:56.5Z\"",
         "2026-01-31T10:34:56.5Z"},
        {"TIMESTAMPTZ 'infinity'", "TIMESTAMP WITH TIME ZONE", "\"infinity\"", "infinity"},
        {"'2026-01-31 12:34:56'::TIMESTAMP_S", "TIMESTAMP_S", "\"2026-01-31T12:34:56\"", "2026-01-31T12:34:56"},
        {"'2026-01-31 12:34:56.789'::TIMESTAMP_MS", "TIMESTAMP_MS", "\"2026-01-31T12:34:56.789\"",
         "2026-01-31T12:34:56.789"},
        {"'2026-01-31 12:34:56.000000001'::TIMESTAMP_NS", "TIMESTAMP_NS", "\"2026-01-31T12:34:56.000000001\"",
         "2026-01-31T12:34:56.000000001"},
    };
    CHECK_FORMS(forms);
}

static void test_engine__intervals_are_iso_with_signs(void) {
    static const form forms[] = {
        {"INTERVAL '0 days'", "INTERVAL", "\"PT0S\"", "PT0S"},
        {"INTERVAL '1 year 2 months 3 days 4 hours 5 minutes 6.5 seconds'", "INTERVAL", "\"P1Y2M3DT4H5M6.5S\"",
         "P1Y2M3DT4H5M6.5S"},
        {"INTERVAL '-90 minutes'", "INTERVAL", "\"PT-1H-30M\"", "PT-1H-30M"},
        {"INTERVAL '-1 microsecond'", "INTERVAL", "\"PT-0.000001S\"", "PT-0.000001S"},
        {"INTERVAL '-14 months'", "INTERVAL", "\"P-1Y-2M\"", "P-1Y-2M"},
        {"INTERVAL '1 month' - INTERVAL '1 day'", "INTERVAL", "\"P1M-1D\"", "P1M-1D"},
        {"INTERVAL '100 hours'", "INTERVAL", "\"PT100H\"", "PT100H"},
    };
    CHECK_FORMS(forms);
}

static void test_engine__texts_and_bytes_are_quoted(void) {
    static const form forms[] = {
        {"'plain'", "VARCHAR", "\"plain\"", "plain"},
        {"''", "VARCHAR", "\"\"", "\"\""},
        {"NULL::VARCHAR", "VARCHAR", "null", ""},
        {"NULL", "INTEGER", "null", ""},
        {"'a\"b,c'", "VARCHAR", "\"a\\\"b,c\"", "\"a\"\"b,c\""},
        {"E'line\\nend\\r\\ttab\\\\'", "VARCHAR", "\"line\\nend\\r\\ttab\\\\\"", "\"line\nend\r\ttab\\\""},
        {"chr(1) || chr(31) || chr(127)", "VARCHAR", "\"\\u0001\\u001f\x7f\"", "\x01\x1f\x7f"},
        {"'größe € 🌍'", "VARCHAR", "\"größe € 🌍\"", "größe € 🌍"},
        {"'a text of more than twelve bytes'", "VARCHAR", "\"a text of more than twelve bytes\"",
         "a text of more than twelve bytes"},
        {"''::BLOB", "BLOB", "\"\"", ""},
        {"'\\xAA\\x00\\xFF\\x10'::BLOB", "BLOB", "\"qgD/EA==\"", "qgD/EA=="},
        {"'\\xAB\\xFB'::BLOB", "BLOB", "\"q/s=\"", "q/s="},
        {"'abc'::BLOB", "BLOB", "\"YWJj\"", "YWJj"},
        {"'1'::BIT", "BIT", "\"1\"", "1"},
        {"'10101'::BIT", "BIT", "\"10101\"", "10101"},
        {"'0000000010101010'::BIT", "BIT", "\"0000000010101010\"", "0000000010101010"},
        {"'00000000-0000-0000-0000-000000000000'::UUID", "UUID", "\"00000000-0000-0000-0000-000000000000\"",
         "00000000-0000-0000-0000-000000000000"},
        {"'FFFFFFFF-ffff-ffff-ffff-fffffffffffe'::UUID", "UUID", "\"ffffffff-ffff-ffff-ffff-fffffffffffe\"",
         "ffffffff-ffff-ffff-ffff-fffffffffffe"},
        {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "UUID", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"",
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
        {"'it''s'::ENUM('x', 'it''s')", "ENUM('x', 'it''s')", "\"it's\"", "it's"},
        {"'{\"a\": [1, 2]}'::JSON", "JSON", "\"{\\\"a\\\": [1, 2]}\"", "\"{\"\"a\"\": [1, 2]}\""},
    };
    CHECK_FORMS(forms);
}

static void test_engine__what_nests_is_json(void) {
    static const form forms[] = {
        {"[]::INTEGER[]", "INTEGER[]", "[]", NULL},
        {"[1, NULL, 3]", "INTEGER[]", "[1,null,3]", "\"[1,null,3]\""},
        {"NULL::INTEGER[]", "INTEGER[]", "null", ""},
        {"[[1, 2], NULL, [], [3]]", "INTEGER[][]", "[[1,2],null,[],[3]]", "\"[[1,2],null,[],[3]]\""},
        {"[1.5, 2]::FLOAT[2]", "FLOAT[2]", "[1.5,2.0]", "\"[1.5,2.0]\""},
        {"[['a', 'b'], NULL, ['c', NULL]]::VARCHAR[2][]", "VARCHAR[2][]", "[[\"a\",\"b\"],null,[\"c\",null]]",
         "\"[[\"\"a\"\",\"\"b\"\"],null,[\"\"c\"\",null]]\""},
        {"{'a': 1, 'b \"c': 'x', 'd': NULL}", "STRUCT(\"a\" INTEGER, \"b \"\"c\" VARCHAR, \"d\" INTEGER)",
         "{\"a\":1,\"b \\\"c\":\"x\",\"d\":null}", "\"{\"\"a\"\":1,\"\"b \\\"\"c\"\":\"\"x\"\",\"\"d\"\":null}\""},
        {"NULL::STRUCT(a INTEGER)", "STRUCT(\"a\" INTEGER)", "null", ""},
        {"row(1, 'x')", "STRUCT(INTEGER, VARCHAR)", "[1,\"x\"]", "\"[1,\"\"x\"\"]\""},
        {"[{'a': [1]}, {'a': NULL}, NULL]", "STRUCT(\"a\" INTEGER[])[]", "[{\"a\":[1]},{\"a\":null},null]",
         "\"[{\"\"a\"\":[1]},{\"\"a\"\":null},null]\""},
        {"MAP {'k': 1, 'l': NULL}", "MAP(VARCHAR, INTEGER)",
         "[{\"key\":\"k\",\"value\":1},{\"key\":\"l\",\"value\":null}]",
         "\"[{\"\"key\"\":\"\"k\"\",\"\"value\"\":1},{\"\"key\"\":\"\"l\"\",\"\"value\"\":null}]\""},
        {"MAP {}::MAP(INTEGER, DATE)", "MAP(INTEGER, DATE)", "[]", NULL},
        {"MAP {[1]: {'a': DATE '2026-01-31'}}", "MAP(INTEGER[], STRUCT(\"a\" DATE))",
         "[{\"key\":[1],\"value\":{\"a\":\"2026-01-31\"}}]",
         "\"[{\"\"key\"\":[1],\"\"value\"\":{\"\"a\"\":\"\"2026-01-31\"\"}}]\""},
        {"1::UNION(num INTEGER, str VARCHAR)", "UNION(\"num\" INTEGER, \"str\" VARCHAR)", "{\"num\":1}",
         "\"{\"\"num\"\":1}\""},
        {"'x'::UNION(num INTEGER, str VARCHAR)", "UNION(\"num\" INTEGER, \"str\" VARCHAR)", "{\"str\":\"x\"}",
         "\"{\"\"str\"\":\"\"x\"\"}\""},
        {"['y'::ENUM('x', 'y')]", "ENUM('x', 'y')[]", "[\"y\"]", "\"[\"\"y\"\"]\""},
        {"[170141183460469231731687303715884105727::HUGEINT]", "HUGEINT[]", "[170141183460469231731687303715884105727]",
         NULL},
        {"{'t': TIMESTAMP '2026-01-31 00:00:00', 'i': INTERVAL '1 day', 'u': '1'::BIT}",
         "STRUCT(\"t\" TIMESTAMP, \"i\" INTERVAL, \"u\" BIT)",
         "{\"t\":\"2026-01-31T00:00:00\",\"i\":\"P1D\",\"u\":\"1\"}",
         "\"{\"\"t\"\":\"\"2026-01-31T00:00:00\"\",\"\"i\"\":\"\"P1D\"\",\"\"u\"\":\"\"1\"\"}\""},
    };
    CHECK_FORMS(forms);
}

static void test_engine__types_without_a_form_are_cast(void) {
    static const form forms[] = {
        {"42::VARIANT", "VARIANT", "\"42\"", "42"},
        {"['a'::VARIANT]", "VARIANT[]", "[\"a\"]", "\"[\"\"a\"\"]\""},
        {"'POINT (1 2)'::GEOMETRY", "GEOMETRY", "\"POINT (1 2)\"", "POINT (1 2)"},
        {"'LINESTRING (0 0, 1 1)'::GEOMETRY", "GEOMETRY", "\"LINESTRING (0 0, 1 1)\"", "\"LINESTRING (0 0, 1 1)\""},
        {"['POINT (1 2)'::GEOMETRY]", "GEOMETRY[]", "[\"POINT (1 2)\"]", "\"[\"\"POINT (1 2)\"\"]\""},
    };
    CHECK_FORMS(forms);
}

/* Rows of several vectors, with NULLs between, so that every offset counts. */
static void test_engine__each_row_has_its_own_values(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    enum { ROWS = 5000 };
    lh_str text =
        suite_run(s,
                  "SELECT i, CASE WHEN i % 3 = 0 THEN NULL ELSE [i, NULL] END AS l, (CASE WHEN i % 5 = 0 THEN NULL "
                  "ELSE [i, -i] END)::BIGINT[2] AS a, CASE WHEN i % 7 = 0 THEN NULL ELSE {'n': i, 's': 'a text that is "
                  "not inlined ' || i} END "
                  "AS "
                  "s, MAP([i], ['v' || i]) AS m, ('e' || i % 300)::VARCHAR AS e, 'const' AS c FROM range(5000) r(i)",
                  LH_FORMAT_NDJSON);
    for (uint64_t i = 0; i < ROWS; i++) {
        lh_str l = i % 3 == 0 ? LH_STR("null") : lh_arena_printf(s->arena, "[%" PRIu64 ",null]", i);
        lh_str a = i % 5 == 0 ? LH_STR("null") : lh_arena_printf(s->arena, "[%" PRIu64 ",-%" PRIu64 "]", i, i);
        lh_str n = i % 7 == 0
                       ? LH_STR("null")
                       : lh_arena_printf(s->arena,
                                         "{\"n\":%" PRIu64 ",\"s\":\"a text that is not inlined %" PRIu64 "\"}", i, i);
        lh_str wanted = lh_arena_printf(s->arena,
                                        "{\"i\":%" PRIu64 ",\"l\":%.*s,\"a\":%.*s,\"s\":%.*s,\"m\":[{\"key\":%" PRIu64
                                        ",\"value\":\"v%" PRIu64 "\"}],\"e\":\"e%" PRIu64 "\",\"c\":\"const\"}",
                                        i, LH_STR_ARG(l), LH_STR_ARG(a), LH_STR_ARG(n), i, i, i % 300);
        CHECK_STR(lh_str_split(&text, '\n'), wanted);
    }
    CHECK(text.len == 0 && s->outcome.rows == ROWS);
}

static void test_engine__large_enums_have_wide_labels(void) {
    static const unsigned sizes[] = {2, 256, 257, 70000};
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
        lh_buf_append(&sql, LH_STR("SELECT v::ENUM("));
        for (unsigned j = 0; j < sizes[i]; j++) lh_buf_printf(&sql, "%s'l%u'", j ? "," : "", j);
        lh_buf_printf(&sql, ") AS v FROM (VALUES ('l0'), ('l%u')) t(v)", sizes[i] - 1);
        const lh_query query = {.sql = lh_buf_str(&sql), .format = LH_FORMAT_CSV};
        CHECK(suite_query(s, &query) == LH_OK);
        CHECK_STR(lh_buf_str(&s->text), lh_arena_printf(s->arena, "v\r\nl0\r\nl%u\r\n", sizes[i] - 1));
    }
}

static void test_engine__types_nest_to_a_limit(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t depth = 63; depth <= 66; depth++) {
        LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4096);
        lh_buf_append(&sql, LH_STR("SELECT "));
        for (size_t i = 32; i < depth; i++) lh_buf_char(&sql, '[');
        lh_buf_char(&sql, 'v');
        for (size_t i = 32; i < depth; i++) lh_buf_char(&sql, ']');
        lh_buf_append(
            &sql, LH_STR(" AS w FROM (SELECT [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]] AS v)"));
        const lh_query query = {.sql = lh_buf_str(&sql), .format = LH_FORMAT_NDJSON};
        lh_code code = suite_query(s, &query);
        CHECK(code == (depth <= 64 ? LH_OK : LH_INVALID));
        if (code != LH_OK) CHECK(strstr(s->err.message, "nests deeper than 64"));
    }
}

static void test_engine__names_of_columns_are_quoted(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    const char *sql = "SELECT 1 AS \"a\"\"b,c\", 2 AS \"größe\"";
    CHECK_STR(suite_run(s, sql, LH_FORMAT_NDJSON), LH_STR("{\"a\\\"b,c\":1,\"größe\":2}\n"));
    CHECK_STR(suite_run(s, sql, LH_FORMAT_CSV), LH_STR("\"a\"\"b,c\",größe\r\n1,2\r\n"));
}

LH_TEST_MAIN(LH_TEST(test_engine__numbers_have_all_their_digits), LH_TEST(test_engine__decimals_keep_their_scale),
             LH_TEST(test_engine__reals_are_the_shortest_that_read_back), LH_TEST(test_engine__times_are_iso),
             LH_TEST(test_engine__intervals_are_iso_with_signs), LH_TEST(test_engine__texts_and_bytes_are_quoted),
             LH_TEST(test_engine__what_nests_is_json), LH_TEST(test_engine__types_without_a_form_are_cast),
             LH_TEST(test_engine__each_row_has_its_own_values), LH_TEST(test_engine__large_enums_have_wide_labels),
             LH_TEST(test_engine__types_nest_to_a_limit), LH_TEST(test_engine__names_of_columns_are_quoted))
