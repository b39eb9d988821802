#include "base/test.h"
#include "cli/statement.h"

static void check_units(const char *text, size_t count, const char *const *expected, const char *left) {
    lh_str rest = lh_str_from(text), unit;
    for (size_t i = 0; i < count; i++) {
        CHECK(lh_cli_statement_next(&rest, &unit));
        CHECK_STR(unit, lh_str_from(expected[i]));
    }
    CHECK(!lh_cli_statement_next(&rest, &unit));
    CHECK_STR(rest, lh_str_from(left));
}

static void test_cli__statements_end_at_their_own_semicolon(void) {
    check_units("select 1; select 2;\nselect", 2, (const char *[]){"select 1;", " select 2;"}, "\nselect");
    check_units("select ';', \"a;b\"\"c;\" -- x;\n, /* ; /* ; */ ; */ 'it''s;';", 1,
                (const char *[]){"select ';', \"a;b\"\"c;\" -- x;\n, /* ; /* ; */ ; */ 'it''s;';"}, "");
    check_units("select $$a;b$$, $x$;$y$;$x$, $1;", 1, (const char *[]){"select $$a;b$$, $x$;$y$;$x$, $1;"}, "");
    check_units("select e'\\';', ae';';", 1, (const char *[]){"select e'\\';', ae';';"}, "");
}

static void test_cli__an_open_quote_or_comment_is_not_complete(void) {
    check_units("select 'a;", 0, NULL, "select 'a;");
    check_units("select \"a;", 0, NULL, "select \"a;");
    check_units("select $$;", 0, NULL, "select $$;");
    check_units("/* /* ; */ ;", 0, NULL, "/* /* ; */ ;");
    check_units("", 0, NULL, "");
}

static void test_cli__a_transaction_is_one_unit(void) {
    check_units("begin; insert into t values (1); commit; select 1;", 2,
                (const char *[]){"begin; insert into t values (1); commit;", " select 1;"}, "");
    check_units("-- note\nSTART TRANSACTION; select 1;", 0, NULL, "-- note\nSTART TRANSACTION; select 1;");
}

static void test_cli__comments_and_semicolons_are_blank(void) {
    CHECK(lh_cli_statement_is_blank(LH_STR(" ;\n-- x\n/* y */;")));
    CHECK(!lh_cli_statement_is_blank(LH_STR("-- x\n1")));
    CHECK(!lh_cli_statement_is_blank(LH_STR("'")));
    CHECK(lh_cli_statement_starts(LH_STR("/* a */ -- b\n Drop table x"), "drop"));
    CHECK(!lh_cli_statement_starts(LH_STR("(select 1)"), "select"));
    CHECK(!lh_cli_statement_starts(LH_STR(""), "drop"));
}

LH_TEST_MAIN(LH_TEST(test_cli__statements_end_at_their_own_semicolon),
             LH_TEST(test_cli__an_open_quote_or_comment_is_not_complete), LH_TEST(test_cli__a_transaction_is_one_unit),
             LH_TEST(test_cli__comments_and_semicolons_are_blank))
