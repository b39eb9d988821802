#include "base/test.h"
#include "cli/table.h"

static void check_table(const char *json, lh_cli_table_style style, const char *expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_json *answer = NULL;
    char *text = NULL;
    size_t bytes = 0;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_json_parse(arena, lh_str_from(json), &answer, &err));
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
    CHECK(lh_cli_text_width(LH_STR("日本")) == 4 && lh_cli_text_width(LH_STR("e\xCC\x81")) == 1 &&
          lh_cli_text_width(LH_STR("")) == 0);
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
             LH_TEST(test_cli__nested_values_are_json_and_expanded_rows_are_lines),
             LH_TEST(test_cli__an_answer_of_another_shape_is_refused))
