#include "base/test.h"
#include "cli/table.h"

static void check_table(const char *json, lh_cli_table_style style, const char *expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_json *answer = NULL;
    char *text = NULL;
    size_t bytes = 0;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_json_parse_exact(arena, lh_str_from(json), &answer, &err));
    FILE *into = open_memstream(&text, &bytes);
    CHECK_OK(lh_cli_table_print(into, answer, style, arena, &err));
    fclose(into);
    CHECK_STR(((lh_str){text, bytes}), lh_str_from(expected));
    free(text);
}

static void test_cli__numbers_stand_right_and_text_left(void) {
    check_table("{\"columns\":[{\"name\":\"city\",\"type\":\"VARCHAR\"},{\"name\":\"n\",\"type\":\"BIGINT\"},{\"name\":"
                "\"d\",\"type\":\"DECIMAL(9,2)\"}],"
                "\"rows\":[[\"Zürich\",7,\"1.50\"],[null,12345,null]]}",
                (lh_cli_table_style){.unicode = true},
                " city   │     n │    d\n────────┼───────┼──────\n Zürich │     7 │ 1.50\n NULL   │ 12345 │ NULL\n");
}

static void test_cli__wide_characters_take_two_columns(void) {
    CHECK(lh_str_width(LH_STR("日本")) == 4 && lh_str_width(LH_STR("e\xCC\x81")) == 1 && lh_str_width(LH_STR("")) == 0);
    check_table("{\"columns\":[{\"name\":\"a\",\"type\":\"VARCHAR\"},{\"name\":\"b\",\"type\":\"VARCHAR\"}],\"rows\":[["
                "\"日本\",\"x\"],[\"y\",\"z\"]]}",
                (lh_cli_table_style){0}, " a    | b\n------+---\n 日本 | x\n y    | z\n");
}

static void test_cli__control_characters_never_reach_the_terminal(void) {
    check_table(
        "{\"columns\":[{\"name\":\"a\\u001b[2J\",\"type\":\"VARCHAR\"}],\"rows\":[[\"l1\\nl2\\t\\u0007\\u009b\"]]}",
        (lh_cli_table_style){0}, " a\\x1B[2J\n----------------------\n l1\\nl2\\t\\x07\\xC2\\x9B\n");
}

static void test_cli__a_narrow_terminal_cuts_the_widest_column(void) {
    check_table("{\"columns\":[{\"name\":\"id\",\"type\":\"INTEGER\"},{\"name\":\"text\",\"type\":\"VARCHAR\"}],"
                "\"rows\":[[1,\"a long text that does not fit\"],[2,\"short\"]]}",
                (lh_cli_table_style){.width = 20, .unicode = true},
                " id │ text\n────┼───────────────\n  1 │ a long text …\n  2 │ short\n");
}

static void test_cli__numbers_and_dates_are_never_cut(void) {
    check_table(
        "{\"columns\":[{\"name\":\"a_long_name_of_n\",\"type\":\"HUGEINT\"},{\"name\":\"day\",\"type\":\"DATE\"},"
        "{\"name\":\"text\",\"type\":\"VARCHAR\"}],"
        "\"rows\":[[1234567890123,\"2026-01-31\",\"a long text\"]]}",
        (lh_cli_table_style){.width = 39},
        " a_long_name_~ | day        | text\n---------------+------------+----------\n"
        " 1234567890123 | 2026-01-31 | a long ~\n");
}

static void test_cli__columns_that_do_not_fit_are_left_out_and_named(void) {
    const char *json =
        "{\"columns\":[{\"name\":\"a\",\"type\":\"INTEGER\"},{\"name\":\"b\",\"type\":\"DATE\"},{\"name\":\"c\","
        "\"type\":\"DATE\"},{\"name\":\"d\",\"type\":\"INTEGER\"}],"
        "\"rows\":[[1,\"2026-01-31\",\"2026-02-28\",4]]}";
    check_table(json, (lh_cli_table_style){.width = 28, .unicode = true},
                " a │ b          │ … │ d\n───┼────────────┼───┼───\n 1 │ 2026-01-31 │ … │ 4\n"
                "(1 of 4 columns do not fit and are left out; -x shows all)\n");
    check_table(json, (lh_cli_table_style){.width = 12, .shell = true},
                " a | ~ | d\n---+---+---\n 1 | ~ | 4\n(2 of 4 columns do not fit and are left out; \\x shows all)\n");
    check_table(json, (lh_cli_table_style){.width = 2, .shell = true},
                " a | ~ | d\n---+---+---\n 1 | ~ | 4\n(2 of 4 columns do not fit and are left out; \\x shows all)\n");
}

static void test_cli__every_digit_is_printed(void) {
    check_table("{\"columns\":[{\"name\":\"d\",\"type\":\"DECIMAL(38,2)\"},{\"name\":\"l\",\"type\":\"HUGEINT[]\"}],"
                "\"rows\":[[1.10,[170141183460469231731687303715884105727]],[-0.00,[1e3]]]}",
                (lh_cli_table_style){0},
                "     d | l\n-------+-------------------------------------------\n"
                "  1.10 | [170141183460469231731687303715884105727]\n -0.00 | [1e3]\n");
}

static void test_cli__a_plan_keeps_its_lines(void) {
    check_table("{\"columns\":[{\"name\":\"explain_key\",\"type\":\"VARCHAR\"},{\"name\":\"explain_value\",\"type\":"
                "\"VARCHAR\"}],"
                "\"rows\":[[\"physical_plan\",\"+--+\\n|\\u001b |\\n+--+\\n\"]]}",
                (lh_cli_table_style){.width = 4}, "+--+\n|\\x1B |\n+--+\n");
}

static void test_cli__nested_values_are_json_and_expanded_rows_are_lines(void) {
    check_table("{\"columns\":[{\"name\":\"l\",\"type\":\"INTEGER[]\"},{\"name\":\"total\",\"type\":\"DOUBLE\"}],"
                "\"rows\":[[[1,2],0.5]]}",
                (lh_cli_table_style){.expanded = true}, "- row 1\n  l      [1,2]\n  total  0.5\n");
}

static void test_cli__an_answer_of_another_shape_is_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_json *answer = NULL;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_json_parse(arena, LH_STR("{\"columns\":[{\"name\":\"a\"}],\"rows\":[[1,2]]}"), &answer, &err));
    CHECK(lh_cli_table_print(stderr, answer, (lh_cli_table_style){0}, arena, &err) == LH_INVALID);
    CHECK(lh_cli_table_print(stderr, NULL, (lh_cli_table_style){0}, arena, &err) == LH_INVALID);
}

LH_TEST_MAIN(LH_TEST(test_cli__numbers_stand_right_and_text_left), LH_TEST(test_cli__wide_characters_take_two_columns),
             LH_TEST(test_cli__control_characters_never_reach_the_terminal),
             LH_TEST(test_cli__a_narrow_terminal_cuts_the_widest_column),
             LH_TEST(test_cli__numbers_and_dates_are_never_cut),
             LH_TEST(test_cli__columns_that_do_not_fit_are_left_out_and_named),
             LH_TEST(test_cli__every_digit_is_printed), LH_TEST(test_cli__a_plan_keeps_its_lines),
             LH_TEST(test_cli__nested_values_are_json_and_expanded_rows_are_lines),
             LH_TEST(test_cli__an_answer_of_another_shape_is_refused))
