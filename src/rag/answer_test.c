/* What of a model's words is shown: marks, links, and a stream of them. */
#include "base/test.h"
#include "rag/rag_internal.h"

static const rag_passage answer_passages[] = {{.text = {"See https://a.example/x, and www.a.example.", 43}},
                                              {.text = {"Nothing.", 8}},
                                              {.text = {"//c.example/y is (https://c.example/z)", 38}}};
enum { ANSWER_PASSAGES = sizeof answer_passages / sizeof *answer_passages };

/* Reads a text, and compares text, plain, and marks as "at:n ". */
static rag_said answer_check(const char *given, const char *text, const char *plain, const char *marks) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf got = LH_BUF_INIT(4096);
    lh_error err = {0};
    rag_said said = {0};
    CHECK_OK(lh_arena_new(64 << 20, &arena, &err));
    CHECK_OK(rag_said_read(lh_str_from(given), answer_passages, ANSWER_PASSAGES, arena, &said, &err));
    CHECK_STR(said.text, lh_str_from(text));
    CHECK_STR(said.plain, lh_str_from(plain));
    for (size_t i = 0; i < said.mark_count; i++) lh_buf_printf(&got, "%zu:%zu ", said.marks[i].at, said.marks[i].n);
    CHECK_STR(lh_buf_str(&got), lh_str_from(marks));
    return said;
}

static void test_answer__marks_are_numbers_of_passages(void) {
    CHECK(answer_check("Wet [1]. Dry. [2][3] So", "Wet [1]. Dry. [2][3] So", "Wet. Dry. So", "3:1 9:2 9:3 ").invented ==
          0);
    answer_check("A [1, 3; 2] B", "A [1][3][2] B", "A B", "1:1 1:3 1:2 ");
    answer_check("A [1-3] B [^2] C [2-1]", "A [1][2][3] B [2] C [2]", "A B C", "1:1 1:2 1:3 3:2 5:2 ");
    answer_check("A [1][1] B", "A [1] B", "A B", "1:1 ");
    answer_check("[1] A", "[1] A", " A", "0:1 ");
    answer_check("a [x], b[ ], [1", "a [x], b[ ], [1", "a [x], b[ ], [1", "");
    answer_check("", "", "", "");
}

static void test_answer__marks_of_passages_that_are_not_there_go(void) {
    CHECK(answer_check("A [4]. B [0] C [99999999] D [1, 9].", "A. B C D [1].", "A. B C D.", "8:1 ").invented == 4);
    CHECK(answer_check("A [[9]1]", "A [1]", "A", "1:1 ").invented == 1);  /* what is left is a mark itself */
    CHECK(answer_check("A [1-900]", "A [1]", "A", "1:1 ").invented == 0); /* no range goes on for ever */
    answer_check("A [18446744073709551617]", "A [18446744073709551617]", "A [18446744073709551617]", "");
}

static void test_answer__links_stay_when_a_cited_passage_has_them(void) {
    CHECK(answer_check("At https://a.example/x. [1]", "At https://a.example/x. [1]", "At https://a.example/x.", "23:1 ")
              .links == 0);
    CHECK(answer_check("At https://a.example/x. [2]", "At …. [2]", "At ….", "7:2 ").links == 1);
    CHECK(answer_check("[a](https://c.example/z) //c.example/y [3]", "[a](https://c.example/z) //c.example/y [3]",
                       "[a](https://c.example/z) //c.example/y", "38:3 ")
              .links == 0);
    CHECK(answer_check("[1](https://a.example/x) [1]", "[1](https://a.example/x) [1]", "[1](https://a.example/x)",
                       "24:1 ")
              .links == 0);
    CHECK(answer_check("[1](https://b.example/x)", "[1]", "", "0:1 ").links == 1);
    CHECK(answer_check("https://a.example/x2 https://a.example/ [1]", "… … [1]", "… …", "7:1 ").links == 2);
    CHECK(answer_check("WWW.A.example www.a.example [1]", "… www.a.example [1]", "… www.a.example", "17:1 ").links ==
          1);
}

static void test_answer__what_would_be_a_link_goes(void) {
    static const char *const links[] = {"![x](https://b.example/?q=1)",
                                        "![x](<https://b.example/?q=1> \"title\")",
                                        "[x](b.example/a(b)c)",
                                        "[x](/\\b.example)",
                                        "[x](javascript:alert(1))",
                                        "<img src=//b.example/x>",
                                        "<img src=//b.example/x",
                                        "<a\nhref='https://b.example'>",
                                        "https://b.example",
                                        "see:https://b.example",
                                        "1https://b.example",
                                        "[![x](https://b.example/1)](https://b.example/2)",
                                        "[r]:\n  <https://b.example/>",
                                        "[r]: //b.example/x",
                                        "ht<i a=b>tps://b.example",
                                        "https\\://b.example",
                                        "http&colon;//b.example",
                                        "ht\xc2\xadtps://b.example",
                                        "www.b.example"};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_error err = {0};
        rag_said said = {0};
        CHECK_OK(lh_arena_new(64 << 20, &arena, &err));
        CHECK_OK(rag_said_read(lh_str_from(links[i]), answer_passages, ANSWER_PASSAGES, arena, &said, &err));
        if (said.links == 0 || lh_str_search(said.text, LH_STR("b.example")) != SIZE_MAX)
            print_error("%s: %.*s\n", links[i], LH_STR_ARG(said.text));
        CHECK(said.links > 0 && lh_str_search(said.text, LH_STR("b.example")) == SIZE_MAX);
    }
    answer_check("<a b=c", "a b=c", "a b=c", "");
    answer_check("a < b, x <- y, a/b, 3 // 4, AT&T; [1]: yes.", "a < b, x <- y, a/b, 3 // 4, AT&T; [1]: yes.",
                 "a < b, x <- y, a/b, 3 // 4, AT&T;: yes.", "33:1 ");
}

static void test_answer__text_without_end_of_links_is_not_shown(void) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 16);
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    rag_said said = {0};
    for (int i = 0; i < 40; i++) lh_buf_append(&text, LH_STR("["));
    for (int i = 0; i < 40; i++) lh_buf_append(&text, LH_STR("[9]1]"));
    CHECK_OK(lh_arena_new(64 << 20, &arena, &err));
    CHECK_OK(rag_said_read(lh_buf_str(&text), NULL, 0, arena, &said, &err));
    CHECK(said.mark_count == 0 && lh_str_search(said.text, LH_STR("[9]")) == SIZE_MAX);
}

static void test_answer__a_long_one_is_read_in_good_time(void) {
    static const char *const pieces[] = {"<a ", "[", "![", "](", "]: /", "[1,", "&amp", "http://", "<a b=", "www."};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4 << 20);
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_error err = {0};
        rag_said said = {0};
        while (text.len < 60000) lh_buf_append(&text, lh_str_from(pieces[i]));
        lh_buf_append(&text, LH_STR(" src='x' [a](y) [1]"));
        CHECK_OK(lh_arena_new(256 << 20, &arena, &err));
        CHECK_OK(rag_said_read(lh_buf_str(&text), answer_passages, ANSWER_PASSAGES, arena, &said, &err));
        CHECK(lh_str_search(said.text, LH_STR("](")) == SIZE_MAX &&
              lh_str_search(said.text, LH_STR("http:")) == SIZE_MAX);
    }
}

/* ---- a stream ---- */

static lh_code answer_take(void *ctx, lh_str piece, lh_error *err) {
    lh_buf_append(ctx, piece);
    lh_buf_char(ctx, '|');
    return lh_buf_check(ctx, err);
}

static void check_stream(const char *text, size_t step, const char *expected) {
    LH_CLEANUP(lh_buf_done) lh_buf got = LH_BUF_INIT(1 << 16);
    LH_CLEANUP(rag_filter_done) rag_filter filter;
    rag_passage passages[ANSWER_PASSAGES];
    lh_error err = {0};
    memcpy(passages, answer_passages, sizeof passages);
    const lh_rag_events events = {.on_piece = answer_take, .ctx = &got};
    const rag_run run = {.events = &events, .passages = passages, .passage_count = ANSWER_PASSAGES};
    rag_filter_init(&filter, &run);
    for (lh_str rest = lh_str_from(text); rest.len; rest = lh_str_sub(rest, step, rest.len))
        CHECK_OK(rag_filter_put(&filter, lh_str_sub(rest, 0, step), &err));
    CHECK_OK(rag_filter_end(&filter, &err));
    CHECK_STR(lh_buf_str(&got), lh_str_from(expected));
}

static void test_answer__a_stream_goes_on_by_words_and_holds_links_back(void) {
    check_stream("one two three", 1, "one| two| three|");
    check_stream("one two three", 100, "one two| three|");
    check_stream("a ![x y](https://b.example/ q) b", 1, "a| [x y]| b|");
    check_stream("a [x] (y) b", 3, "a| [x]| (y)| b|");
    check_stream("a < b <i> c", 1, "a| <| b| <i>| c|");
    check_stream("[r]: //b.example/x end", 1, "[r]: …| end|");
    check_stream("a < b <i> c", 4, "a <| b| <i>| c|");
    check_stream("an [open one\n\nhttps://b.example/x https://a.example/x", 1,
                 "an| [open one\n|\n…| https://a.example/x|");
}

static void test_answer__a_stream_without_spaces_goes_on_by_characters(void) {
    check_stream("\xE6\xB9\x96\xE5\x9C\xA8\xE5\xB1\xB1", 1, "\xE6\xB9\x96|\xE5\x9C\xA8|\xE5\xB1\xB1|");
    check_stream("\xE6\xB9\x96\xE5\x9C\xA8\xE5\xB1\xB1", 5, "\xE6\xB9\x96|\xE5\x9C\xA8\xE5\xB1\xB1|");
    check_stream("\xE6\xB9\x96[1\xE5\x9C\xA8]\xE5\xB1\xB1", 1, "\xE6\xB9\x96|[1\xE5\x9C\xA8]\xE5\xB1\xB1|");
    check_stream("\xE6\xB9\x96http://b.example/\xE5\x9C\xA8?q \xE5\xB1\xB1", 1,
                 "\xE6\xB9\x96|\xE2\x80\xA6| \xE5\xB1\xB1|");
    check_stream("![x](\xE6\xB9\x96/b)\xE5\xB1\xB1", 1, "[x]\xE5\xB1\xB1|");
    check_stream("[r]: \xE6\xB9\x96/b.example \xE5\xB1\xB1", 1, "[r]: \xE2\x80\xA6| \xE5\xB1\xB1|");
    /* what is not seen does not part what it stands in */
    check_stream("w\xC2\xADww.b.example", 1, "\xE2\x80\xA6|");
    check_stream("w\xFFww.b.example", 1, "\xE2\x80\xA6|");
    check_stream("[x]\xC2\xAD(/b.example)", 1, "[x]|");
    check_stream("[r]:\xFF /b.example end", 1, "[r]: …| end|");
}

LH_TEST_MAIN(LH_TEST(test_answer__marks_are_numbers_of_passages),
             LH_TEST(test_answer__marks_of_passages_that_are_not_there_go),
             LH_TEST(test_answer__links_stay_when_a_cited_passage_has_them),
             LH_TEST(test_answer__what_would_be_a_link_goes),
             LH_TEST(test_answer__text_without_end_of_links_is_not_shown),
             LH_TEST(test_answer__a_long_one_is_read_in_good_time),
             LH_TEST(test_answer__a_stream_goes_on_by_words_and_holds_links_back),
             LH_TEST(test_answer__a_stream_without_spaces_goes_on_by_characters))
