/* Which lines are headings, rules, items and fences. */
#include "base/test.h"
#include "base/base.h"

static void test_markdown__headings_have_up_to_six_marks_and_a_space(void) {
    CHECK(lh_markdown_heading(LH_STR("# a")) == 1 && lh_markdown_heading(LH_STR("###### a")) == 6);
    CHECK(lh_markdown_heading(LH_STR("##")) == 2 && lh_markdown_heading(LH_STR("#\ta\r")) == 1);
    CHECK(!lh_markdown_heading(LH_STR("")) && !lh_markdown_heading(LH_STR("#a")));
    CHECK(!lh_markdown_heading(LH_STR("####### a")) && !lh_markdown_heading(LH_STR("a # b")));
}

static void test_markdown__a_line_over_a_rule_is_a_heading_unless_it_is_of_a_list(void) {
    CHECK(lh_markdown_is_underlined(LH_STR("Title"), LH_STR("===")));
    CHECK(lh_markdown_is_underlined(LH_STR("3.14 is pi\r"), LH_STR("-----\r")));
    static const char *const none[][2] = {{"Title", "=="},   {"Title", "==-"}, {"Title", "***"}, {"", "==="},
                                          {"---", "---"},    {"- a", "---"},   {"1. a", "---"},  {"> a", "---"},
                                          {"# a", "======"}, {"|a|", "---"},   {"Title", ""}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CHECK(!lh_markdown_is_underlined(lh_str_from(none[i][0]), lh_str_from(none[i][1])));
    CHECK(lh_markdown_is_blank(LH_STR(" \t")) && lh_markdown_is_blank(LH_STR("***")) &&
          !lh_markdown_is_blank(LH_STR("--")));
}

static void test_markdown__marks_of_lists_are_counted(void) {
    CHECK(lh_markdown_list_mark(LH_STR("- a")) == 2 && lh_markdown_list_mark(LH_STR("- [x] a")) == 6);
    CHECK(lh_markdown_list_mark(LH_STR("12) a")) == 4 && lh_markdown_list_mark(LH_STR("3.5 a")) == 0);
}

static void test_markdown__fences_say_what_they_are_of(void) {
    char of = 0;
    bool info = true;
    CHECK(lh_markdown_fence(LH_STR("```"), &of, &info) == 3 && of == '`' && !info);
    CHECK(lh_markdown_fence(LH_STR("  ~~~~ sh\r"), &of, &info) == 4 && of == '~' && info);
    CHECK(!lh_markdown_fence(LH_STR("``"), &of, &info) && !lh_markdown_fence(LH_STR("```a```"), &of, &info));
    CHECK(!lh_markdown_fence(LH_STR("==="), &of, &info) && !lh_markdown_fence(LH_STR(""), &of, &info));
}

LH_TEST_MAIN(LH_TEST(test_markdown__headings_have_up_to_six_marks_and_a_space),
             LH_TEST(test_markdown__a_line_over_a_rule_is_a_heading_unless_it_is_of_a_list),
             LH_TEST(test_markdown__marks_of_lists_are_counted), LH_TEST(test_markdown__fences_say_what_they_are_of))
