/* Words that count, and whether the facts of a sentence stand in a passage. */
#include "base/test.h"
#include "rag/rag_internal.h"

static lh_str words_joined(const rag_words *words, lh_arena *arena) {
    lh_str all = LH_STR("");
    for (size_t i = 0; i < words->count; i++)
        all = lh_arena_printf(arena, "%.*s%.*s|", LH_STR_ARG(all), LH_STR_ARG(words->items[i]));
    return all;
}

static void check_words(const char *text, rag_words_kind kind, const char *expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    lh_error err = {0};
    rag_words words = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_terms_new(LH_STR("en"), &terms, &err));
    CHECK_OK(rag_words_of(terms, lh_str_from(text), kind, arena, &words, &err));
    CHECK_STR(words_joined(&words, arena), lh_str_from(expected));
}

static void test_words__of_a_question_those_count_that_say_what_it_is_about(void) {
    check_words("How long do the deleted files stay in it?", RAG_WORDS_CONTENT, "delet|file|long|stay|");
    check_words("What is it?", RAG_WORDS_CONTENT, "");
    check_words("Wie ist der Urlaub für uns?", RAG_WORDS_CONTENT, "urlaub|");
    check_words("¿Cuál es el plazo de la devolución? Combien sont les frais?", RAG_WORDS_CONTENT,
                "devolución|frai|plazo|");
    check_words("Why did their son die?", RAG_WORDS_CONTENT, "die|son|");
    check_words("files FILE the filing", RAG_WORDS_ALL, "file|the|");
}

static void test_words__facts_are_numbers_and_names(void) {
    check_words("The lake Arden lies 1,812.5 m high since 07 May 2019, says NASA.", RAG_WORDS_FACTS,
                "1812.5|2019|7|arden|may|nasa|");
    check_words("Prices rose.", RAG_WORDS_FACTS, "");
    check_words("NASA said that I saw Örebro", RAG_WORDS_FACTS, "nasa|örebro|");
    check_words("0 and 00 and 0.50 and B12", RAG_WORDS_FACTS, "0|0.50|b12|");
}

static void check_names(const char *question, size_t expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    lh_error err = {0};
    size_t names = 99;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_terms_new(LH_STR("en"), &terms, &err));
    CHECK_OK(rag_words_names(terms, lh_str_from(question), arena, &names, &err));
    CHECK(names == expected);
}

static void test_words__names_are_of_one_or_several_words_and_not_the_nouns_of_german(void) {
    check_names("What does Mr. Owen Hill earn?", 1);
    check_names("How long did Grace Lind work at Timber Paper in 2019?", 3);
    check_names("How long is it?", 0);
    check_names("Wie lange dauert die Probezeit?", 0);
    check_names("", 0);
}

static void test_words__what_leads_a_sentence_may_be_a_name(void) {
    check_words("Churchill built it in 1742.", RAG_WORDS_LEAD, "churchil|");
    check_words("It was Churchill.", RAG_WORDS_LEAD, "");
    check_words("According to Marr, it is old.", RAG_WORDS_LEAD, "");
    check_words("Yes, Marr did.", RAG_WORDS_LEAD, "");
    check_words("file names", RAG_WORDS_LEAD, "");
}

static void check_facts(const char *sentence, bool expected) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    lh_error err = {0};
    rag_words facts = {0};
    rag_passage passages[2] = {0};
    static const size_t cited[] = {1, 2};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_terms_new(LH_STR("en"), &terms, &err));
    CHECK_OK(rag_words_of(terms, LH_STR("The tower of Saint Bride was built in 1742."), RAG_WORDS_ALL, arena,
                          &passages[0].words, &err));
    CHECK_OK(rag_words_of(terms, LH_STR("It has 1,214 steps, says Ewan Marr."), RAG_WORDS_ALL, arena,
                          &passages[1].words, &err));
    CHECK_OK(rag_words_of(terms, lh_str_from(sentence), RAG_WORDS_FACTS, arena, &facts, &err));
    CHECK(rag_facts_hold(&facts, passages, cited, 2) == expected);
}

static void test_words__facts_hold_when_a_cited_passage_has_each(void) {
    check_facts("Saint Bride has 1214 steps and is of 1742.", true);
    check_facts("it is old", true);
    check_facts("Saint Bride has 1215 steps.", false);
    check_facts("The tower of Saint Mary is of 1742.", false);
}

LH_TEST_MAIN(LH_TEST(test_words__of_a_question_those_count_that_say_what_it_is_about),
             LH_TEST(test_words__facts_are_numbers_and_names),
             LH_TEST(test_words__names_are_of_one_or_several_words_and_not_the_nouns_of_german),
             LH_TEST(test_words__what_leads_a_sentence_may_be_a_name),
             LH_TEST(test_words__facts_hold_when_a_cited_passage_has_each))
