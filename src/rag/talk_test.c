/* Conversations, by a clock of the tests. */
#include "base/test.h"
#include "rag/rag_internal.h"

static rag_talk *talk_new(rag_talk_limits limits) {
    rag_talk *talk = NULL;
    lh_error err = {0};
    CHECK_OK(rag_talk_new(limits, &talk, &err));
    return talk;
}

static void talk_say(rag_talk *talk, const char *id, const char *by, uint64_t now_ms, const char *question) {
    lh_error err = {0};
    const rag_turn turn = {lh_str_from(question), LH_STR("answer")};
    CHECK_OK(rag_talk_add(talk, lh_str_from(id), lh_str_from(by), now_ms, &turn, &err));
}

/* Its questions, with a bar behind each; "-": it is not there. */
static void check_talk(rag_talk *talk, const char *id, const char *by, uint64_t now_ms, const char *expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    rag_turn *turns = NULL;
    size_t count = 0;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_code code = rag_talk_turns(talk, lh_str_from(id), lh_str_from(by), now_ms, arena, &turns, &count, &err);
    lh_str got = code == LH_OK ? LH_STR("") : LH_STR("-");
    CHECK(code == LH_OK || code == LH_NOT_FOUND);
    for (size_t i = 0; i < count; i++)
        got = lh_arena_printf(arena, "%.*s%.*s|", LH_STR_ARG(got), LH_STR_ARG(turns[i].question));
    CHECK_STR(got, lh_str_from(expected));
}

static void test_talk__the_last_turns_of_one_principal_are_kept(void) {
    rag_talk *talk = talk_new((rag_talk_limits){.turns = 2, .per_principal = 8, .bytes = 1 << 20, .ttl_ms = 100});
    for (int i = 0; i < 3; i++) talk_say(talk, "a", "ann", 0, (const char *[]){"one", "two", "three"}[i]);
    check_talk(talk, "a", "ann", 0, "two|three|");
    check_talk(talk, "a", "bob", 0, "-");
    check_talk(talk, "b", "ann", 0, "-");
    talk_say(talk, "a", "bob", 0, "his own"); /* of that id, too */
    check_talk(talk, "a", "ann", 0, "two|three|");
    rag_talk_free(talk);
}

static void test_talk__it_ends_so_long_after_its_last_turn(void) {
    rag_talk *talk = talk_new((rag_talk_limits){.turns = 2, .per_principal = 8, .bytes = 1 << 20, .ttl_ms = 100});
    uint64_t count, bytes;
    talk_say(talk, "a", "ann", 1000, "one");
    talk_say(talk, "b", "ann", 1050, "two");
    check_talk(talk, "a", "ann", 1099, "one|"); /* to look is no turn */
    check_talk(talk, "a", "ann", 1100, "-");
    check_talk(talk, "b", "ann", 1100, "two|");
    rag_talk_count(talk, 1200, &count, &bytes);
    CHECK(count == 0 && bytes == 0);
    rag_talk_free(talk);
}

static void test_talk__one_principal_has_so_many(void) {
    rag_talk *talk = talk_new((rag_talk_limits){.turns = 2, .per_principal = 2, .bytes = 1 << 20, .ttl_ms = 100});
    talk_say(talk, "bob's", "bob", 0, "x");
    talk_say(talk, "a", "ann", 1, "one");
    talk_say(talk, "b", "ann", 2, "two");
    talk_say(talk, "a", "ann", 3, "three");
    talk_say(talk, "c", "ann", 4, "four");
    check_talk(talk, "b", "ann", 5, "-"); /* not used for longest */
    check_talk(talk, "a", "ann", 5, "one|three|");
    check_talk(talk, "c", "ann", 5, "four|");
    check_talk(talk, "bob's", "bob", 5, "x|");
    rag_talk_free(talk);
}

static void test_talk__all_together_have_so_many_bytes(void) {
    rag_talk *talk = talk_new((rag_talk_limits){.turns = 9, .per_principal = 99, .bytes = 4096, .ttl_ms = 100});
    char text[1501], id[12];
    uint64_t count, bytes;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 9; i++) {
        snprintf(id, sizeof id, "%d", i);
        talk_say(talk, id, "ann", (uint64_t)i, text);
        rag_talk_count(talk, (uint64_t)i, &count, &bytes);
        CHECK(bytes <= 4096 && count == (i ? 2 : 1));
    }
    for (int i = 0; i < 9; i++) talk_say(talk, "8", "ann", 9, text); /* one alone is too large */
    rag_talk_count(talk, 9, &count, &bytes);
    CHECK(bytes <= 4096);
    rag_talk_free(talk);
}

LH_TEST_MAIN(LH_TEST(test_talk__the_last_turns_of_one_principal_are_kept),
             LH_TEST(test_talk__it_ends_so_long_after_its_last_turn), LH_TEST(test_talk__one_principal_has_so_many),
             LH_TEST(test_talk__all_together_have_so_many_bytes))
