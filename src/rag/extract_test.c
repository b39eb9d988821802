/* What of a document's sentence stands in an answer without a model. */
#include "base/test.h"
#include "rag/rag_internal.h"

enum { EXTRACT_PASSAGES = 3 };

/* The sentences as lines of the third passage; read again, they cite that one alone. */
static void check_lines(const char *const sentences[2], const char *expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf lines = LH_BUF_INIT(1 << 16);
    const rag_passage passages[EXTRACT_PASSAGES] = {
        {.text = {"One.", 4}}, {.text = {"Two.", 4}}, {.text = {"//c.example/y", 13}}};
    lh_error err = {0};
    rag_said said = {0};
    CHECK_OK(lh_arena_new(64 << 20, &arena, &err));
    for (int i = 0; i < 2; i++) {
        lh_str text;
        CHECK_OK(rag_neutral(lh_str_from(sentences[i]), LH_STR_NONE, arena, &text, &err));
        CHECK_OK(rag_extract_line(text, passages, 3, arena, &lines, &err));
    }
    CHECK_STR(lh_buf_str(&lines), lh_str_from(expected));
    CHECK_OK(rag_said_read(lh_buf_str(&lines), passages, EXTRACT_PASSAGES, arena, &said, &err));
    for (size_t i = 0; i < said.mark_count; i++) CHECK(said.marks[i].n == 3);
    CHECK(said.invented == 0 && said.links == 0);
}

static void test_extract__a_line_cites_its_passage_alone(void) {
    static const struct {
        const char *sentences[2], *lines;
    } cases[] = {
        {{"It is so.", "See //c.example/y now."}, "It is so. [3]\nSee //c.example/y now. [3]"},
        {{"A [1] [<b x=y>1] joke [2[<b x=y>1]].", "End."}, "A (1) joke (2). [3]\nEnd. [3]"},
        {{"A joke [2<[<i x=y>1]b x=y>].", "[2[2[<b x=y>1]]]"}, "A joke. [3]\n[2(2)] [3]"},
        {{"A joke [2<b.", "x=y>] or not."}, "A joke [2< b. [3]\nx=y>] or not. [3]"},
        {{"A joke [2<b> or <b.", "x=y>] or not."}, "A joke [2<b> or < b. [3]\nx=y>] or not. [3]"},
        {{"A joke [2[a](b", "c)] or not."}, "A joke [2[a]b [3]\nc)] or not. [3]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_lines(cases[i].sentences, cases[i].lines);
}

LH_TEST_MAIN(LH_TEST(test_extract__a_line_cites_its_passage_alone))
