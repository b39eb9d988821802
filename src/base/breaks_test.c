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
    check("en", "By St. Mary's of Acme Co. KG and Acme Inc. (\"A\") and U.S. Steel. End.",
          "By St. Mary's of Acme Co. KG and Acme Inc. (\"A\") and U.S. Steel.|End.|");
    check("en", "See No. 5 Main, licence no. R2199 (REV. 7), Fig. 3 Left. Is it? No. Ask.",
          "See No. 5 Main, licence no. R2199 (REV. 7), Fig. 3 Left.|Is it?|No.|Ask.|");
    check("en", "Am 15. Januar kam Hr. Dr. Meyer, z.B. Abends. Ende.",
          "Am 15. Januar kam Hr. Dr. Meyer, z.B. Abends.|Ende.|");
    check("de", "Das Jahr 300 n. Chr. War gut. Vgl. Band Zwei. Ende.",
          "Das Jahr 300 n. Chr. War gut.|Vgl. Band Zwei.|Ende.|");
    check("es", "La Sra. Romero y el Excmo. Alcalde. Fin.", "La Sra. Romero y el Excmo. Alcalde.|Fin.|");
    check("en", "So. **Note.** It is *so!* Else go. * Not so. **B** is.",
          "So.|**Note.** It is *so!* Else go.|* Not so.|**B** is.|");
    check("en", "Look: ![A map](a.png) is here. End!", "Look: ![A map](a.png) is here.|End!|");
    check("en", "By É. Zola, J. R. Hill (p. 5, S. 7), z. B. Abends. Ende.",
          "By É. Zola, J. R. Hill (p. 5, S. 7), z. B. Abends.|Ende.|");
    check("en", "E.g. The sea, i.e. It, in the U.S. Navy. End.", "E.g. The sea, i.e. It, in the U.S. Navy.|End.|");
    check("en", "Am 3. Mai, dem 15. Mai. Am 1. März 2020 auch. Ende.",
          "Am 3. Mai, dem 15. Mai.|Am 1. März 2020 auch.|Ende.|");
    check("de", "Bis zum 3. Quartal kommt i.d.R. Frau Huber, bzw. Herr Dipl.-Ing. Graf. Im 4. Quartal auch.",
          "Bis zum 3. Quartal kommt i.d.R. Frau Huber, bzw. Herr Dipl.-Ing. Graf.|Im 4. Quartal auch.|");
    check("fr", "Selon M. Dupont et Mme. Roy, av. J.-C. Rome existe. Fin.",
          "Selon M. Dupont et Mme. Roy, av. J.-C. Rome existe.|Fin.|");
    check("es", "El Lic. Soto vive en la Av. Juárez, p. ej. Torre Alta. Fin.",
          "El Lic. Soto vive en la Av. Juárez, p. ej. Torre Alta.|Fin.|");
    check("en", "1. Choose it. 2. Take it on Oct. 5 from George W. Bush. End.",
          "1. Choose it.|2. Take it on Oct. 5 from George W. Bush.|End.|");
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
    check("en", "It has vitamin C. Next dose is for Acme Inc. Zebras come in. To All. As said, go on. Up it is.",
          "It has vitamin C.|Next dose is for Acme Inc.|Zebras come in.|To All.|As said, go on.|Up it is.|");
    check("en", "Log In. Do as they Do. Is it option B. Bring it On. If not, see section A. Done.",
          "Log In.|Do as they Do.|Is it option B.|Bring it On.|If not, see section A.|Done.|");
    check("en", "It is of the U.S. The law of Main St. When it is by John Hill Jr. He said etc. Then go.",
          "It is of the U.S.|The law of Main St.|When it is by John Hill Jr.|He said etc.|Then go.|");
    check("de",
          "Nehmen Sie Vitamin C. Danach den Port. Alt ist die Fa. Huber & Co. KG. Es gilt Satz 3. Danach usw. Ende.",
          "Nehmen Sie Vitamin C.|Danach den Port.|Alt ist die Fa. Huber & Co. KG.|Es gilt Satz 3.|Danach usw.|Ende.|");
    check("fr", "Prenez de la vitamine C. Ensuite, allez à la mer. Tout va bien. Fin.",
          "Prenez de la vitamine C.|Ensuite, allez à la mer.|Tout va bien.|Fin.|");
    check("es", "Toma vitamina C. Luego ve al mar. Allí hay sol. Todo bien. Fin.",
          "Toma vitamina C.|Luego ve al mar.|Allí hay sol.|Todo bien.|Fin.|");
    check("en", "It is by Dr.\nSmith came. So", "It is by Dr.|Smith came.|So|");
    check("en", "Dr.", "Dr.|");
    check("en", "Mr. ", "Mr.|");
    check("en", "", "");
}

static void test_breaks__abbreviations_are_those_of_any_locale(void) {
    check("nl", "Zij is van de Fam. Bakker. Einde.", "Zij is van de Fam. Bakker.|Einde.|");
    check("root", "She asked Herrn Dr. Graf, z. Hd. Frau Roth. End.",
          "She asked Herrn Dr. Graf, z. Hd. Frau Roth.|End.|");
}

LH_TEST_MAIN(LH_TEST(test_breaks__no_sentence_ends_behind_an_abbreviation),
             LH_TEST(test_breaks__a_sentence_ends_behind_what_only_looks_like_one),
             LH_TEST(test_breaks__abbreviations_are_those_of_any_locale))
