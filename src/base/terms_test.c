/* What words a text has, and what their terms are. */
#include "base/test.h"

/* The terms of a text, with a bar behind each. */
static void check_terms(lh_str locale, lh_str text, lh_str expected) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf got = LH_BUF_INIT(1 << 16);
    lh_error err = {0};
    lh_str word;
    CHECK_OK(lh_terms_new(locale, &terms, &err));
    CHECK_OK(lh_terms_begin(terms, text, &err));
    while (lh_terms_next(terms, text, &word)) {
        lh_buf_append(&got, lh_terms_of(terms, word));
        lh_buf_char(&got, '|');
    }
    CHECK_STR(lh_buf_str(&got), expected);
}

static void test_terms__words_are_stems_in_lower_case_without_punctuation(void) {
    check_terms(LH_STR("en"), LH_STR("Registered NURSES, nursing (ICU) since 2019: \"caring\"!"),
                LH_STR("regist|nurs|nurs|icu|sinc|2019|care|"));
    check_terms(LH_STR("en"), LH_STR(""), LH_STR(""));
    check_terms(LH_STR("en"), LH_STR(" \n\t-- … 🙂 !?"), LH_STR(""));
    check_terms(LH_STR("en"), LH_STR("AB-1234/x 3.14 O'Neill"), LH_STR("ab|1234|x|3.14|o'neil|"));
}

static void test_terms__forms_of_one_character_are_one_term(void) {
    check_terms(LH_STR("de"), LH_STR("Straße STRASSE Ｃａｆé Cafe\xcc\x81 ﬁx x\xc2\xadyz"),
                LH_STR("strass|strass|café|café|fix|xyz|"));
}

static void test_terms__each_language_has_its_stems_or_none(void) {
    check_terms(LH_STR("de_CH"), LH_STR("Häuser Krankenschwestern"), LH_STR("haus|krankenschw|"));
    check_terms(LH_STR("fr"), LH_STR("infirmières continuation"), LH_STR("infirmi|continu|"));
    check_terms(LH_STR("ru"), LH_STR("Медсёстры работали"), LH_STR("медсестр|работа|"));
    check_terms(LH_STR("nb"), LH_STR("sykepleierne"), LH_STR("sykepleiern|"));
    check_terms(LH_STR("pl"), LH_STR("pielęgniarki"), LH_STR("pielęgniarki|"));
    check_terms(LH_STR(""), LH_STR("Nurses"), LH_STR("nurses|"));
}

static void test_terms__text_without_spaces_has_words(void) {
    check_terms(LH_STR("ja"), LH_STR("東京の看護師。"), LH_STR("東京|の|看護|師|"));
    check_terms(LH_STR("th"), LH_STR("พยาบาลวิชาชีพ"), LH_STR("พยาบาล|วิชาชีพ|"));
}

static void test_terms__a_long_word_is_cut_between_characters(void) {
    char text[400], expected[400];
    memset(text, 'x', sizeof text);
    memcpy(expected, text, sizeof expected);
    expected[256] = '|';
    check_terms(LH_STR(""), (lh_str){text, sizeof text}, (lh_str){expected, 257});
    memcpy(text + 255, "é", 2); /* the cut would be in the middle of it */
    expected[255] = '|';
    check_terms(LH_STR(""), (lh_str){text, sizeof text}, (lh_str){expected, 256});
}

static void test_terms__a_capital_is_one_of_any_script(void) {
    static const char *const capitals[] = {"Ann", "Ärzte", "Москва", "ǅ"}, *const others[] = {"",     "ann", "ärzte",
                                                                                              "東京", "7",   "\xff"};
    for (size_t i = 0; i < sizeof capitals / sizeof *capitals; i++)
        CHECK(lh_terms_is_capital(lh_str_from(capitals[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) CHECK(!lh_terms_is_capital(lh_str_from(others[i])));
}

LH_TEST_MAIN(LH_TEST(test_terms__a_capital_is_one_of_any_script),
             LH_TEST(test_terms__words_are_stems_in_lower_case_without_punctuation),
             LH_TEST(test_terms__forms_of_one_character_are_one_term),
             LH_TEST(test_terms__each_language_has_its_stems_or_none),
             LH_TEST(test_terms__text_without_spaces_has_words),
             LH_TEST(test_terms__a_long_word_is_cut_between_characters))
