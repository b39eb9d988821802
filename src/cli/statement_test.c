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

static void test_cli__an_open_comment_is_not_blank(void) {
    CHECK(!lh_cli_statement_is_blank(LH_STR("/* a;")));
    CHECK(!lh_cli_statement_is_blank(LH_STR(" ; /* a /* b */ ;\n")));
    CHECK(lh_cli_statement_is_blank(LH_STR("/* a; */")));
}

static void test_cli__words_and_the_last_statement(void) {
    CHECK_STR(lh_cli_statement_word(LH_STR("/* x */ create  or -- y\n replace table t"), 3), LH_STR("table"));
    CHECK_STR(lh_cli_statement_word(LH_STR("drop"), 1), LH_STR(""));
    CHECK_STR(lh_cli_statement_word(LH_STR("drop (a)"), 1), LH_STR(""));
    CHECK_STR(lh_cli_statement_last(LH_STR("begin; insert; commit;")), LH_STR(" commit;"));
    CHECK_STR(lh_cli_statement_last(LH_STR("select 1")), LH_STR("select 1"));
    CHECK_STR(lh_cli_statement_last(LH_STR("select 1; -- x")), LH_STR("select 1;"));
    CHECK_STR(lh_cli_statement_last(LH_STR("")), LH_STR(""));
}

static void test_cli__a_command_is_a_line_between_statements(void) {
    lh_str text = LH_STR(" -- x\n\\d sales\nselect 1;"), line;
    CHECK(lh_cli_statement_command(&text, &line));
    CHECK_STR(line, LH_STR("\\d sales"));
    CHECK_STR(text, LH_STR("select 1;"));
    CHECK(!lh_cli_statement_command(&text, &line));
    text = LH_STR("select 1\n\\d");
    CHECK(!lh_cli_statement_command(&text, &line));
}

static void test_cli__a_transaction_is_seen_while_it_is_open(void) {
    CHECK(lh_cli_statement_in_transaction(LH_STR("begin; insert")));
    CHECK(!lh_cli_statement_in_transaction(LH_STR("begin")));
    CHECK(!lh_cli_statement_in_transaction(LH_STR("select 1;")));
}

LH_TEST_MAIN(LH_TEST(test_cli__an_open_comment_is_not_blank), LH_TEST(test_cli__words_and_the_last_statement),
             LH_TEST(test_cli__a_command_is_a_line_between_statements),
             LH_TEST(test_cli__a_transaction_is_seen_while_it_is_open),
             LH_TEST(test_cli__statements_end_at_their_own_semicolon),
             LH_TEST(test_cli__an_open_quote_or_comment_is_not_complete), LH_TEST(test_cli__a_transaction_is_one_unit),
             LH_TEST(test_cli__comments_and_semicolons_are_blank))
