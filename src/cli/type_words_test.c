#include "base/test.h"
#include "cli/cli_internal.h"

static void check_type(const char *iceberg, const char *sql) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_STR(lh_cli_type(arena, lh_str_from(iceberg)), lh_str_from(sql));
}

static void test_cli__types_are_said_as_sql_says_them(void) {
    check_type("long", "BIGINT");
    check_type("string", "VARCHAR");
    check_type("timestamptz", "TIMESTAMP WITH TIME ZONE");
    check_type("decimal(9, 2)", "DECIMAL(9,2)");
    check_type("fixed[16]", "BLOB");
    check_type("list<list<int>>", "INTEGER[][]");
    check_type("map<string, struct<a: decimal(9, 2), b c: list<int>>>",
               "MAP(VARCHAR, STRUCT(a DECIMAL(9,2), \"b c\" INTEGER[]))");
}

static void test_cli__an_unknown_type_stays_as_it_is(void) {
    check_type("variant", "variant");
    check_type("list<variant>", "variant[]");
    check_type("", "");
    check_type("list<", "list<");
    check_type("map<>", "MAP(, )");
    check_type(">", ">");
}

LH_TEST_MAIN(LH_TEST(test_cli__types_are_said_as_sql_says_them), LH_TEST(test_cli__an_unknown_type_stays_as_it_is))
