/* Where sentences end, and where they only seem to. */
#include "base/test.h"

static void check(const char *locale, const char *text, const char *expected) {
    LH_CLEANUP(lh_breaks_freep) lh_breaks *breaks = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf got = LH_BUF_INIT(1 << 16);
    lh_error err = {0};
    lh_str piece;
    CHECK(setenv("LC_ALL", "de_DE.UTF-8", 1) == 0); /* which ICU reads once: no test may depend on it */
    CHECK_OK(lh_breaks_new(LH_BREAKS_SENTENCES, lh_str_from(locale), &breaks, &err));
    CHECK_OK(lh_breaks_begin(breaks, lh_str_from(text), &err));
    while (lh_breaks_next(breaks, lh_str_from(text), &piece))
        lh_buf_printf(&got, "%.*s|", LH_STR_ARG(lh_str_trim(piece)));
    CHECK_STR(lh_buf_str(&got), lh_str_from(expected));
}

static void test_breaks__no_sentence_ends_behind_an_abbreviation(void) {
    check("en", "Call Dr. Smith now. He is in.", "Call Dr. Smith now.|He is in.|");
    check("en", "It is Ms. A. K. Brandt; see Mr. J. R. Hill. Go.", "It is Ms. A. K. Brandt; see Mr. J. R. Hill.|Go.|");
    check("en", "Take e.g. Sand (cf. Marr et al. Again). End.", "Take e.g. Sand (cf. Marr et al. Again).|End.|");
    check("en", "By St. Mary's of Acme Inc. Bristol. End.", "By St. Mary's of Acme Inc. Bristol.|End.|");
    check("en", "See No. 5 Main, Fig. 3 Left. Is it? No. Ask.", "See No. 5 Main, Fig. 3 Left.|Is it?|No.|Ask.|");
    check("en", "Am 15. Januar kam Hr. Dr. Meyer, z.B. Abends. Ende.",
          "Am 15. Januar kam Hr. Dr. Meyer, z.B. Abends.|Ende.|");
    check("de", "Das Jahr 300 n. Chr. War gut. Vgl. Band Zwei. Ende.",
          "Das Jahr 300 n. Chr. War gut.|Vgl. Band Zwei.|Ende.|");
    check("es", "La Sra. Romero y el Excmo. Alcalde. Fin.", "La Sra. Romero y el Excmo. Alcalde.|Fin.|");
    check("en", "Look: ![A map](a.png) is here. End!", "Look: ![A map](a.png) is here.|End!|");
    check("en", "By É. Zola, J. R. Hill (p. 5, S. 7), z. B. Abends. Ende.",
          "By É. Zola, J. R. Hill (p. 5, S. 7), z. B. Abends.|Ende.|");
    check("en", "E.g. The sea, i.e. It, in the U.S. Navy. End.", "E.g. The sea, i.e. It, in the U.S. Navy.|End.|");
    check("en", "Am 3. Mai, dem 15. Mai. Am 1. März 2020 auch. Ende.",
          "Am 3. Mai, dem 15. Mai.|Am 1. März 2020 auch.|Ende.|");
    check("ja", "船は出航する。東京から。", "船は出航する。|東京から。|");
}

static void test_breaks__a_sentence_ends_behind_what_only_looks_like_one(void) {
    check("en", "Read the FAQ. Then go to the UK. It is far.", "Read the FAQ.|Then go to the UK.|It is far.|");
    check("en", "Start the PC. Press OK. It runs.", "Start the PC.|Press OK.|It runs.|");
    check("en", "Open until 9 p.m. Ring at 6 a.m. Else wait.", "Open until 9 p.m.|Ring at 6 a.m.|Else wait.|");
    check("en", "It took 5 ms. Then 3 more. So it was 12. Who knows?",
          "It took 5 ms.|Then 3 more.|So it was 12.|Who knows?|");
    check("en", "It is 5 %. Next is 20 °. Then 3 m ². Also 5 m. So on.",
          "It is 5 %.|Next is 20 °.|Then 3 m ².|Also 5 m.|So on.|");
    check("en", "See chapter 15. Maintenance is next, 5. Juniper too.",
          "See chapter 15.|Maintenance is next, 5.|Juniper too.|");
    check("de", "Es hat Vitamin C. Es ist gut. Die Acme Inc. Sie ist alt.",
          "Es hat Vitamin C.|Es ist gut.|Die Acme Inc.|Sie ist alt.|");
    check("en", "It has vitamin C. It's good, by Acme Inc. However, it is plan B. 5 Are left.",
          "It has vitamin C.|It's good, by Acme Inc.|However, it is plan B.|5 Are left.|");
    check("en", "It is by Dr.\nSmith came. So", "It is by Dr.|Smith came.|So|");
    check("en", "Dr.", "Dr.|");
    check("en", "Mr. ", "Mr.|");
    check("en", "", "");
}

/* ICU opens that of LC_ALL for a language that it has nothing of. */
static void test_breaks__a_language_without_a_list_does_not_take_that_of_the_process(void) {
    check("nl", "Hij is van de Fam. Bakker. Einde.", "Hij is van de Fam.|Bakker.|Einde.|");
    check("de_AT", "Er ist von der Fam. Huber. Ende.", "Er ist von der Fam. Huber.|Ende.|");
}

LH_TEST_MAIN(LH_TEST(test_breaks__no_sentence_ends_behind_an_abbreviation),
             LH_TEST(test_breaks__a_sentence_ends_behind_what_only_looks_like_one),
             LH_TEST(test_breaks__a_language_without_a_list_does_not_take_that_of_the_process))
