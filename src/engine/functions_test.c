/* The list of functions against the DuckDB that we run, with our extensions. */
#include "engine/engine_suite.h"
#include "engine/functions.h"
#include "engine/sql_guard.h"

static bool is_ours(const char *name) { return strcmp(name, "lh_sample") == 0; } /* comes with the first sample */

static void test_engine__each_function_of_duckdb_is_listed_and_each_listed_one_is_there(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    size_t count = 0, found = 0, wrongs = 0;
    const lh_sql_function *list = lh_sql_function_list(&count);
    bool *seen = lh_arena_alloc(s->arena, count);
    CHECK(seen);
    memset(seen, 0, count);
    lh_str names =
        suite_run(s, /* pragmas are statements: PRAGMA and CALL are refused */
                  "SELECT DISTINCT lower(function_name) AS name FROM duckdb_functions() WHERE function_type <> "
                  "'pragma' ORDER BY 1",
                  LH_FORMAT_NDJSON);
    CHECK(s->outcome.rows > 900);
    while (names.len) {
        lh_json *row = NULL;
        CHECK(lh_json_parse(s->arena, lh_str_split(&names, '\n'), &row, &s->err) == LH_OK);
        lh_str name = lh_json_str(lh_json_get(row, "name"), LH_STR_NONE);
        if (lh_str_starts(name, lh_str_from(s->engine->masks.name))) continue; /* ours, called by no text */
        for (found = 0; found < count && !lh_str_eq(name, lh_str_from(list[found].name)); found++) continue;
        if (found == count) print_error("DuckDB's %.*s is not in functions.def\n", LH_STR_ARG(name)), wrongs++;
        else seen[found] = true;
        CHECK(found == count || lh_sql_function_find(name) == list[found].class_);
    }
    for (size_t i = 0; i < count; i++)
        if (!seen[i] && !is_ours(list[i].name)) print_error("no function is called %s\n", list[i].name), wrongs++;
    CHECK(wrongs == 0);
}

static void test_engine__the_list_is_sorted_and_in_lower_case(void) {
    size_t count = 0;
    const lh_sql_function *list = lh_sql_function_list(&count);
    for (size_t i = 0; i < count; i++) {
        bool after = i == 0 || strcmp(list[i - 1].name, list[i].name) < 0;
        if (!after) print_error("%s is not in its place\n", list[i].name);
        CHECK(after && lh_sql_function_find(lh_str_from(list[i].name)) == list[i].class_);
        for (const char *c = list[i].name; *c; c++) CHECK(*c < 'A' || *c > 'Z');
    }
}

static void test_engine__functions_are_allowed_by_their_class(void) {
    static const struct {
        const char *name;
        lh_sql_function_class class_;
        bool allowed;
    } cases[] = {
        {"lower", LH_SQL_FUNCTION_TOTAL, true},
        {"LoWeR", LH_SQL_FUNCTION_TOTAL, true},
        {"chr", LH_SQL_FUNCTION_RAISES, true},
        {"substr", LH_SQL_FUNCTION_RAISES, true}, /* of an offset beyond 32 bits */
        {"+", LH_SQL_FUNCTION_RAISES, true},
        {"unnest", LH_SQL_FUNCTION_TABLE, true},
        {"duckdb_tables", LH_SQL_FUNCTION_ADMIN, true},
        {"read_csv", LH_SQL_FUNCTION_NEVER, false},
        {"QUERY", LH_SQL_FUNCTION_NEVER, false},
        {"summary", LH_SQL_FUNCTION_NEVER, false},
        {"finalize", LH_SQL_FUNCTION_NEVER, false},
        {"", LH_SQL_FUNCTION_NONE, false},
        {"decimal", LH_SQL_FUNCTION_NONE, true}, /* a type; an alias; a slip */
        {"lowr", LH_SQL_FUNCTION_NONE, true},
        {"read_tomorrow", LH_SQL_FUNCTION_NONE, false},
        {"delta_scan", LH_SQL_FUNCTION_NONE, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_str name = lh_str_from(cases[i].name);
        bool right = lh_sql_function_find(name) == cases[i].class_ && lh_sql_function_allowed(name) == cases[i].allowed;
        if (!right) print_error("%s\n", cases[i].name);
        CHECK(right);
    }
    CHECK(lh_sql_function_find((lh_str){"lower\0x", 7}) == LH_SQL_FUNCTION_NONE);
}

/* A class is a claim: of what is TOTAL, values at the edges of what the functions take. */
static void test_engine__total_functions_raise_nothing(void) {
    static const char *const texts[] = {
        "lower",      "upper",  "lcase", "ucase",   "length",  "len",  "strlen", "char_length", "character_length",
        "bit_length", "ascii",  "ord",   "unicode", "reverse", "trim", "ltrim",  "rtrim",       "md5",
        "sha1",       "sha256", "typeof"};
    static const char *const pairs[] = {"concat",    "contains", "prefix", "suffix", "starts_with",
                                        "ends_with", "strpos",   "instr",  "trim",   "ltrim",
                                        "rtrim",     "greatest", "least",  "nullif", "concat_ws"};
    static const char *const operators[] = {"||", "~~", "!~~", "~~*", "!~~*", "^@"};
    const char *values = "WITH v(a) AS (VALUES ('') , (NULL), ('%'), ('\\'), ('a\\'), ('_%_'), (repeat('é', 3000)), "
                         "('e' || chr(769)), (chr(0) || 'x'), (chr(1114111)), ('🏴‍☠️'), ('İı')) ";
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK(lh_sql_function_find(lh_str_from(texts[i])) == LH_SQL_FUNCTION_TOTAL);
        lh_str sql = lh_arena_printf(s->arena, "%s SELECT count(%s(a)) FROM v", values, texts[i]);
        (void)suite_run(s, sql.ptr, LH_FORMAT_CSV);
    }
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        CHECK(lh_sql_function_find(lh_str_from(pairs[i])) == LH_SQL_FUNCTION_TOTAL);
        lh_str sql = lh_arena_printf(s->arena, "%s SELECT count(%s(v.a, w.a)) FROM v, v AS w", values, pairs[i]);
        (void)suite_run(s, sql.ptr, LH_FORMAT_CSV);
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        CHECK(lh_sql_function_find(lh_str_from(operators[i])) == LH_SQL_FUNCTION_TOTAL);
        lh_str sql = lh_arena_printf(s->arena, "%s SELECT count(v.a %s w.a) FROM v, v AS w", values, operators[i]);
        (void)suite_run(s, sql.ptr, LH_FORMAT_CSV);
    }
    CHECK(suite_try(s, "SELECT substr('a', i) FROM (VALUES (4294967296)) t(i)", LH_FORMAT_CSV) == LH_INVALID);
    CHECK(suite_try(s, "SELECT left('a', i) FROM (VALUES (4294967296)) t(i)", LH_FORMAT_CSV) == LH_INVALID);
}

static void test_engine__what_is_no_function_duckdb_answers(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    CHECK(suite_try(s, "SELECT 1,\n lowr('A')", LH_FORMAT_CSV) == LH_INVALID);
    CHECK(strstr(s->err.message, "lowr") && strstr(s->err.message, "lower") && s->err.line == 2);
    CHECK(suite_try(s, "SELECT sleep_ms(1)", LH_FORMAT_CSV) == LH_DENIED && strstr(s->err.message, "sleep_ms"));
    CHECK(suite_try(s, "SELECT \"+\"(1, 2), v.a FROM (VALUES (1)) v(a)", LH_FORMAT_CSV) == LH_OK);
}

LH_TEST_MAIN(LH_TEST(test_engine__each_function_of_duckdb_is_listed_and_each_listed_one_is_there),
             LH_TEST(test_engine__the_list_is_sorted_and_in_lower_case),
             LH_TEST(test_engine__functions_are_allowed_by_their_class),
             LH_TEST(test_engine__total_functions_raise_nothing),
             LH_TEST(test_engine__what_is_no_function_duckdb_answers))
