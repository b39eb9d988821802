/* What the sentences of a document are, and what it has that is none. */
#include "base/test.h"
#include "rag/rag_internal.h"

static void check_sentences(const char *text, rag_sentences_kind kind, bool under, const char *expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_breaks_freep) lh_breaks *breaks = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf all = LH_BUF_INIT(1 << 16);
    lh_error err = {0};
    rag_sentences got = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_breaks_new(LH_BREAKS_SENTENCES, LH_STR("en"), &breaks, &err));
    CHECK_OK(rag_sentences_of(breaks, lh_str_from(text), kind, arena, &got, &err));
    for (size_t i = 0; i < got.count; i++) {
        if (under) lh_buf_printf(&all, "(%.*s) ", LH_STR_ARG(got.items[i].under));
        lh_buf_printf(&all, "%.*s|", LH_STR_ARG(got.items[i].text));
    }
    CHECK_STR(lh_buf_str(&all), lh_str_from(expected));
}

static void check_document(const char *text, const char *expected) {
    check_sentences(text, RAG_SENTENCES_DOCUMENT, false, expected);
}

static void test_sentences__have_letters_and_no_marks_of_lists(void) {
    check_sentences("One is. Two was.\n3. Three\n- four\n\n17.\n* 5\n", RAG_SENTENCES_SAID, false,
                    "One is.|Two was.|Three|four|");
    check_document("# A head\nOne line\nis broken. And\nanother.\n- an item\n- [ ] two\n- [x] three\n\nEnd",
                   "One line is broken.|And another.|an item|two|three|End|");
    check_document("From: A. Moe\nTo: B. Roe\nDear all,\nit is so.\nAgent: Yes.\nThat: it\nis",
                   "From: A. Moe|To: B. Roe Dear all, it is so.|Agent: Yes.|That: it is|");
    check_document("   1  USE\n   Fill it with\n   fresh water. Do\n   - this\n   - that",
                   "1  USE Fill it with fresh water.|Do|this|that|");
    check_document("- [ ]\xE6\x90\x91 no box", "[ ]\xE6\x90\x91 no box|");
    check_document("", "");
    check_document("\n\n", "");
}

static void test_sentences__are_no_code(void) {
    check_document("Do:\n\n```sh\nrm x\n```\n", "Do:|");
    check_document("Do:\n```\nIt is code. So is this.\n\nAnd that.\n```\nThen go.", "Do:|Then go.|");
    check_document("It is code. So is this.\n```\nThen.\n  ~~~ sh\nlast\n~~~", "Then.|"); /* begins within */
    check_document("Take ```this``` word.\nNow.\n```sh\nIt goes on.", "Now.|");
    check_document("Use `x` now. ~~Not~~ so.", "Use `x` now.|~~Not~~ so.|");
}

static void test_sentences__are_no_front_matter(void) {
    check_document("---\ntitle: The lake\ntags:\n  - water\n- deep\n# note\n\n---\nIt is deep.", "It is deep.|");
    check_document("---\r\ntitle: The lake\r\n...\r\nIt is deep.\r\n", "It is deep.|");
    check_document("+++\ntitle = \"The lake\"\n[extra]\nfont.size = 3\n+++\n\nIt is deep.", "It is deep.|");
    /* a rule at the begin, a block without end, and one in the midst are none */
    check_document("---\nIt is deep.\n\n---\n\nSo it is.", "It is deep.|So it is.|");
    check_document("---\ntitle: The lake\nIt is deep.", "title: The lake It is deep.|");
    check_document("It is.\n\n---\nowner: me\n---\n", "It is.|");
    /* nor is what only a passage begins with */
    check_sentences("---\nFee: two crowns.\n\n---\nIt is deep.", RAG_SENTENCES_PART, false,
                    "Fee: two crowns.|It is deep.|");
}

static void test_sentences__of_an_image_are_its_words(void) {
    check_document("Click ![the wheel](wheel.png \"A wheel\") to set. Go!", "Click the wheel to set.|Go!|");
    check_document("![A map](https://a.example/map.png)\n\n![](b.png)\n![x][ref] ends.", "A map|x ends.|");
    check_document("So![not one] and ![nor this](", "So![not one] and ![nor this](|");
    check_sentences("See ![a map](a.png) here. So!", RAG_SENTENCES_SAID, false, "See ![a map](a.png) here.|So!|");
}

static void test_sentences__of_what_is_emphasised_are_its_words(void) {
    check_document("Between **Acme Inc.** (\"A\") and *Bex*. **Do it.** Then *go **on** now*.",
                   "Between Acme Inc. (\"A\") and Bex.|Do it.|Then go on now.|");
    check_document("Take *.txt and *.md of 2*3*4, 5 * 6 * 7, a note. So **it is", /* no marks */
                   "Take *.txt and *.md of 2*3*4, 5 * 6 * 7, a note.|So **it is|");
    check_document("* An *item*\n* **Two**\n", "An item|Two|");
    check_sentences("So **it** is.", RAG_SENTENCES_SAID, false, "So **it** is.|");
}

static void test_sentences__end_with_a_line_that_was_not_broken(void) {
    check_document("Unit Day Night\nIntensive care $84.00 $91.00\nEmergency $82.00 $89.25\nTravel nurses\n"
                   "Nurses who travel are engaged for thirteen weeks, and the hospital\nPatapsco has their rooms.",
                   "Unit Day Night|Intensive care $84.00 $91.00|Emergency $82.00 $89.25|"
                   "Nurses who travel are engaged for thirteen weeks, and the hospital Patapsco has their rooms.|");
    check_document("With kind regards\nMartha Eklund, accounts payable of the laboratory\n",
                   "Martha Eklund, accounts payable of the laboratory|");
    check_document(
        "In this case,\nMartha Eklund, who pays, is to be asked for it\nby letter", /* the comma; the small letter */
        "In this case, Martha Eklund, who pays, is to be asked for it by letter|");
}

static void test_sentences__of_a_table_say_what_its_cells_are(void) {
    check_document("Rates:\n\n| Country | Rate |\n|---|--:|\n| Japan | 52 |\n| France | |\n\nThat is all.",
                   "Rates:|Country: Japan; Rate: 52.|Country: France.|That is all.|");
    check_document("Country | Rate\n--- | ---\nJapan | 52 | more\nNo row.", "Country: Japan; Rate: 52; more.|No row.|");
    check_document("| Japan | 52 |\n| Peru | 14 |\n", "Japan | 52 ||Peru | 14 ||"); /* its head is elsewhere */
    check_document("Meals | 110\nSports | 35\nThat is all.", "Meals | 110|Sports | 35|That is all.|");
}

static void test_sentences__do_not_become_citations(void) {
    check_document("It is so [![](x)1]. See [1,\n2] too.", "It is so (1).|See (1, 2) too.|");
    check_document("| a |\n|---|\n| so [1 | 2] |\n", "a: so (1; 2).|");
}

static void test_sentences__know_their_headings(void) {
    check_sentences("First.\n# The router\nA. One.\n## Reset. Again\nHold it.\n## Update\nDo it.\n# End\nBye. See.",
                    RAG_SENTENCES_DOCUMENT, true,
                    "() First.|(The router) A. One.|(The router: Reset. Again) Hold it.|(The router: Update) Do "
                    "it.|(End) Bye.|(End) See.|");
    check_sentences("  3  FIRST USE\n  Fill it.\n\nREST & END\nBye.\nRATE: USD\nIt IS SO\nOK THEN.",
                    RAG_SENTENCES_DOCUMENT, true,
                    "(3  FIRST USE) Fill it.|(REST & END) Bye.|(REST & END) RATE: USD It IS SO OK THEN.|");
    check_sentences("The lake\n========\n\nIt is deep.\n\nFish\n----\n\nMany.\n#1 is pike.", RAG_SENTENCES_DOCUMENT,
                    true, "(The lake) It is deep.|(Fish) Many.|(Fish) 1 is pike.|");
}

/* They are embedded, each for itself with all above it. */
static void test_sentences__know_only_the_begin_of_long_headings(void) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 20), expected = LH_BUF_INIT(1 << 16);
    lh_buf_append(&text, LH_STR("# F"));
    for (int i = 0; i < 2000; i++) lh_buf_append(&text, LH_STR("ä"));
    for (int i = 0; i < 3; i++) {
        lh_buf_printf(&text, "\n%.*s ", i + 2, "####");
        for (int k = 0; k < 20000; k++) lh_buf_append(&text, LH_STR("A? ")); /* sentences, and one heading */
    }
    lh_buf_append(&text, LH_STR("\nIt is deep."));
    lh_buf_char(&text, '\0');
    lh_buf_append(&expected, LH_STR("(F"));
    for (int i = 0; i < 99; i++) lh_buf_append(&expected, LH_STR("ä"));
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 67; k++) lh_buf_append(&expected, k ? LH_STR(" A?") : LH_STR(": A?"));
    expected.len = 1 + 500;
    lh_buf_append(&expected, LH_STR(") It is deep.|"));
    lh_buf_char(&expected, '\0');
    check_sentences(text.ptr, RAG_SENTENCES_DOCUMENT, true, expected.ptr);
}

LH_TEST_MAIN(LH_TEST(test_sentences__have_letters_and_no_marks_of_lists), LH_TEST(test_sentences__are_no_code),
             LH_TEST(test_sentences__are_no_front_matter), LH_TEST(test_sentences__of_an_image_are_its_words),
             LH_TEST(test_sentences__of_what_is_emphasised_are_its_words),
             LH_TEST(test_sentences__end_with_a_line_that_was_not_broken),
             LH_TEST(test_sentences__of_a_table_say_what_its_cells_are),
             LH_TEST(test_sentences__do_not_become_citations), LH_TEST(test_sentences__know_their_headings),
             LH_TEST(test_sentences__know_only_the_begin_of_long_headings))
