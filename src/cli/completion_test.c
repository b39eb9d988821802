#include "base/test.h"
#include "cli/completion.h"

static const lh_completion_name test_names[] = {
    {{"sales", 5}, true},  {{"sales_2024", 10}, true},     {{"order lines", 11}, true},  {{"amount", 6}, false},
    {{"order", 5}, false}, {{"Customer Name", 13}, false}, {{"Customer Id", 11}, false}, {{"saldo", 5}, false}};

static lh_completion complete(const char *before, const char *earlier) {
    lh_completion found;
    const lh_completion_names names = {test_names, sizeof test_names / sizeof *test_names};
    lh_complete(lh_str_from(before), lh_str_from(earlier), names, &found);
    return found;
}

static void check_insert(const char *before, size_t replaced, const char *insert) {
    lh_completion c = complete(before, "");
    CHECK(c.replaced == replaced);
    CHECK_STR(lh_str_from(c.insert), lh_str_from(insert));
}

static void test_cli__one_candidate_goes_in_whole(void) {
    check_insert("select am", 2, "amount ");
    check_insert("SELECT AM", 2, "amount ");
    check_insert("sel", 3, "SELECT ");
    check_insert("select nothing_like_it", 15, "");
}

static void test_cli__a_name_that_needs_quotes_gets_them(void) {
    check_insert("select Cust", 4, "\"Customer ");
    check_insert("select \"Customer N", 11, "\"Customer Name\" ");
    check_insert("select Customer_", 9, "");
    check_insert("select s.orde", 4, "\"order");
    check_insert("select s.\"order", 6, "");
    check_insert("from order", 5, "\"order lines\" ");
}

static void test_cli__where_a_table_is_wanted_only_tables_are_offered(void) {
    check_insert("select 1 from sal", 3, "sales");
    CHECK(complete("select 1 from s", "").total == 2);
    CHECK(complete("s", "select 1\nfrom\n").total == 2);
    CHECK(complete("select 1 from ", "").total == 3);
    CHECK(complete("select sal", "").total == 3);
    CHECK(complete("select t.a", "").total == 1); /* no AND, no AS */
}

static void test_cli__commands_and_their_words_complete(void) {
    check_insert("\\form", 5, "\\format ");
    check_insert("\\format c", 1, "csv ");
    check_insert("\\d sal", 3, "sales");
    check_insert("\\d am", 2, "");
    check_insert("\\d ord", 3, "\"order lines\" ");
    check_insert("\\i sal", 3, "");
    check_insert("\\o", 2, "\\o ");
}

LH_TEST_MAIN(LH_TEST(test_cli__one_candidate_goes_in_whole), LH_TEST(test_cli__a_name_that_needs_quotes_gets_them),
             LH_TEST(test_cli__where_a_table_is_wanted_only_tables_are_offered),
             LH_TEST(test_cli__commands_and_their_words_complete))
