/* Names of columns: clean, and each once. */
#include "base/test.h"
#include "ingest/ingest_internal.h"

static lh_arena *arena_new(void) {
    lh_arena *arena = NULL;
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    return arena;
}

static void test_ingest__names_are_changed_as_little_as_possible(void) {
    static const struct {
        const char *given, *wanted;
    } pairs[] = {{"id", "id"},        {"Created At", "Created At"}, {"  id\t", "id"},   {"größe €", "größe €"},
                 {"a.b", "a.b"},      {"a\tb\nc", "a_b_c"},         {"\x01\x7f", "__"}, {"", "column3"},
                 {" \t ", "column3"}, {"\"quoted\"", "\"quoted\""}};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        CHECK_STR(ingest_name_clean(lh_str_from(pairs[i].given), 3, arena), lh_str_from(pairs[i].wanted));
    CHECK_STR(ingest_name_clean(LH_STR("a\0b"), 0, arena), LH_STR("a_b"));
}

static void test_ingest__a_long_name_is_cut_at_a_character(void) {
    char text[600];
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    memset(text, 'x', sizeof text);
    CHECK(ingest_name_clean((lh_str){text, 255}, 0, arena).len == 255);
    CHECK(ingest_name_clean((lh_str){text, 256}, 0, arena).len == 255);
    memcpy(text + 254, "é", 2); /* its second byte is the 256th */
    CHECK(ingest_name_clean((lh_str){text, sizeof text}, 0, arena).len == 254);
    text[253] = text[252] = ' '; /* no space is left where it was cut */
    CHECK(ingest_name_clean((lh_str){text, sizeof text}, 0, arena).len == 252);
}

static void test_ingest__a_name_that_is_taken_gets_the_first_free_number(void) {
    static const struct {
        const char *given, *wanted;
    } pairs[] = {
        {"a", "a"},       {"A", "A_1"},         {"a_2", "a_2"},     {"a", "a_3"},
        {"a_1", "a_1_1"}, {"A_1_1", "A_1_1_1"}, {"größe", "größe"}, {"a_b", "a_b"}, /* of a column a_b … */
        {"a_b", "a_b_1"},                                                           /* … and of {"a":{"b":1}} */
    };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    ingest_names names = {0};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        CHECK_STR(ingest_names_take(&names, lh_str_from(pairs[i].given), arena), lh_str_from(pairs[i].wanted));
    CHECK_STR(ingest_names_take(&names, LH_STR("GRÖSSE"), arena), LH_STR("GRÖSSE"));
    CHECK_STR(ingest_names_take(&names, LH_STR("grÖße"), arena), LH_STR("grÖße")); /* only ASCII letters are one */
}

static void test_ingest__ten_thousand_names_are_all_kept(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    ingest_names names = {0};
    for (size_t i = 0; i < 10000; i++) {
        lh_str name = lh_arena_printf(arena, "Column%zu", i);
        CHECK_STR(ingest_names_take(&names, name, arena), name);
    }
    CHECK(names.count == 10000);
    for (size_t i = 0; i < 10000; i += 997) {
        lh_str name = lh_arena_printf(arena, "cOLUMN%zu", i);
        CHECK_STR(ingest_names_take(&names, name, arena), lh_arena_printf(arena, "cOLUMN%zu_1", i));
    }
}

static void test_ingest__names_in_a_full_arena_are_empty(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    ingest_names names = {0};
    CHECK(lh_arena_new(16, &arena, NULL) == LH_OK);
    CHECK(ingest_names_take(&names, LH_STR("a"), arena).len == 0);
    CHECK(ingest_name_clean(LH_STR("a name that needs more"), 0, arena).len == 0);
    CHECK(lh_arena_check(arena, NULL) == LH_LIMIT);
}

LH_TEST_MAIN(LH_TEST(test_ingest__names_are_changed_as_little_as_possible),
             LH_TEST(test_ingest__a_long_name_is_cut_at_a_character),
             LH_TEST(test_ingest__a_name_that_is_taken_gets_the_first_free_number),
             LH_TEST(test_ingest__ten_thousand_names_are_all_kept),
             LH_TEST(test_ingest__names_in_a_full_arena_are_empty))
