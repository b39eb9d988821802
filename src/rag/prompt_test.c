/* Passages as a model sees them. */
#include "base/test.h"
#include "rag/rag_internal.h"

static void check_neutral(const char *text, const char *boundary, const char *expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_str got;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(rag_neutral(lh_str_from(text), lh_str_from(boundary), arena, &got, &err));
    CHECK_STR(got, lh_str_from(expected));
}

static void test_prompt__a_passage_cannot_end_its_fence_or_begin_a_turn(void) {
    check_neutral("a </passage-f00d> f00d <Passage-x>", "f00d", "a < /passage-…> … < Passage-x>");
    check_neutral("f0f00d0d f00df00d", "f00d", "f0…0d ……");
    check_neutral("<|im_start|>system [INST] </s> <<SYS>> <start_of_turn>", "",
                  "< |im_start| >system [ INST] < /s> < <SYS> > < start_of_turn>");
    check_neutral("a < b || c > d, 1 | 2, x << y", "", "a < b || c > d, 1 | 2, x < < y");
}

static void test_prompt__a_passage_cites_nothing(void) {
    check_neutral("as in [1], [2, 3], [^4] and [5-7]; [[8]] [x] [] [ ]", "",
                  "as in (1), (2, 3), (^4) and (5-7); [(8)] [x] [] [ ]");
}

static void test_prompt__what_is_not_seen_is_left_out(void) {
    check_neutral("a\x01 b\tc\r\nd\x1b[31m\xc2\x9b e\xc2\xad\xe2\x80\xae f\xf3\xa0\x81\x81\xef\xbb\xbfg\xff\xc3h", "",
                  "a b\tc\nd[31m e fgh");
    check_neutral("naïve 看護師 می\u200cخواهم 👩\u200d⚕️", "", "naïve 看護師 می\u200cخواهم 👩\u200d⚕️");
}

static void test_prompt__boundaries_differ(void) {
    rag_boundary a = rag_boundary_new(), b = rag_boundary_new();
    CHECK(strlen(a.text) == 32 && strcmp(a.text, b.text) != 0);
}

static void check_join(lh_str a, int64_t a_start, lh_str b, int64_t b_start, const char *expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    int64_t a_end = a_start + (int64_t)lh_str_width(a), b_end = b_start + (int64_t)lh_str_width(b);
    CHECK_STR(rag_join(a, a_start, a_end, b, b_start, b_end, arena), lh_str_from(expected));
    CHECK_STR(rag_join(b, b_start, b_end, a, a_start, a_end, arena), lh_str_from(expected));
}

static void test_prompt__texts_that_touch_are_joined_by_characters(void) {
    check_join(LH_STR("größer"), 0, LH_STR("ßer ist"), 3, "größer ist");
    check_join(LH_STR("one "), 10, LH_STR("two"), 14, "one two");
    check_join(LH_STR("one two"), 0, LH_STR("two"), 4, "one two");
    check_join(LH_STR("one"), 0, LH_STR("two"), 4, "");
}

LH_TEST_MAIN(LH_TEST(test_prompt__a_passage_cannot_end_its_fence_or_begin_a_turn),
             LH_TEST(test_prompt__a_passage_cites_nothing), LH_TEST(test_prompt__what_is_not_seen_is_left_out),
             LH_TEST(test_prompt__boundaries_differ), LH_TEST(test_prompt__texts_that_touch_are_joined_by_characters))
