/* Lines of the journal: what is a trial, what is passed over, how old ones go; and which trials none beats. */
#include "base/test.h"
#include "vector/trial_internal.h"

#define GOOD                                                                                                           \
    "{\"schema_version\":1,\"id\":\"a\",\"index\":\"i\",\"eval\":null,\"k\":10,\"config\":{\"ef_search\":7},"          \
    "\"recall_at_k\":0.5,\"relevant_recall\":null,\"p50_us\":1.5,\"p95_us\":2,\"p99_us\":3,\"build_ms\":null,"         \
    "\"memory_bytes\":1,\"graph_bytes\":1,\"rows\":1,\"dimensions\":1,\"queries\":1,\"filter_selectivity\":null,"      \
    "\"truth_snapshot\":-1,\"threads\":1,\"cores\":1,\"job\":null,\"by\":\"b\",\"at\":\"t\"}"

static journal parse(const char *text, lh_arena *arena) {
    journal read = {0};
    lh_error err = {0};
    CHECK_OK(journal_parse(lh_str_from(text), arena, &read, &err));
    return read;
}

static void test_journal__good_lines_are_trials_and_all_others_are_counted(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    journal read = parse("", arena);
    CHECK(read.count == 0 && read.skipped == 0);
    read = parse(GOOD "\n\n" GOOD, arena); /* the last one without its line feed is whole all the same */
    CHECK(read.count == 2 && read.skipped == 0);
    CHECK(lh_json_int(lh_json_get(lh_json_get(read.trials[0], "config"), "ef_search"), 0) == 7);
    CHECK(lh_json_int(lh_json_get(lh_json_get(read.trials[0], "config"), "connectivity"), 0) == 16);
    read = parse("{\"schema_version\":1}\n[]\nx\n" GOOD "\n{\"schema_version\":1,\"id\":\"a\",\"ind", arena);
    CHECK(read.count == 1 && read.skipped == 4);
}

static void test_journal__a_member_of_another_kind_makes_a_line_no_trial(void) {
    static const char *const changes[][2] = {{"\"recall_at_k\":0.5", "\"recall_at_k\":1.5"},
                                             {"\"p50_us\":1.5", "\"p50_us\":-1"},
                                             {"\"rows\":1", "\"rows\":\"1\""},
                                             {"\"ef_search\":7", "\"ef_search\":0"},
                                             {"\"ef_search\":7", "\"speed\":7"},
                                             {"\"by\":\"b\"", "\"by\":null"},
                                             {"\"schema_version\":1", "\"schema_version\":2"}};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        lh_str text = LH_STR(GOOD);
        size_t at = lh_str_search(text, lh_str_from(changes[i][0])), length = strlen(changes[i][0]);
        CHECK(at != SIZE_MAX);
        lh_str changed = lh_arena_printf(arena, "%.*s%s%s", (int)at, text.ptr, changes[i][1], text.ptr + at + length);
        journal read = {0};
        CHECK(journal_parse(changed, arena, &read, NULL) == LH_OK && read.count == 0 && read.skipped == 1);
    }
}

static void added(const char *text, const char *line, size_t limit, const char *want) {
    LH_CLEANUP(lh_buf_done) lh_buf into = LH_BUF_INIT(1 << 20);
    journal_add(lh_str_from(text), lh_str_from(line), limit, &into);
    CHECK(lh_str_eq(lh_buf_str(&into), lh_str_from(want)));
}

static void test_journal__a_line_is_added_and_the_oldest_go(void) {
    added("", "a", 100, "a\n");
    added("a\n", "b", 100, "a\nb\n");
    added("a\nto", "b", 100, "a\nto\nb\n"); /* what is torn gets its end */
    added("aaaa\nbbbb\n", "cccc", 16, "aaaa\nbbbb\ncccc\n");
    added("aaaa\nbbbb\n", "cccc", 15, "bbbb\ncccc\n");
    added("aaaa\nbbbb", "cccc", 14, "bbbb\ncccc\n");
    added("aaaa\n", "cccc", 1, "cccc\n");
}

static void test_best__pareto_has_what_no_other_beats(void) {
    const best_score scores[] = {{0.9, 100}, {0.95, 100}, {0.95, 100}, {0.99, 300}, {0.98, 400}, {0.5, 50}, {0.4, 60}};
    bool on[7];
    CHECK(best_pareto(scores, 7, on, NULL) == LH_OK);
    const bool want[] = {false, true, false, true, false, true, false};
    for (size_t i = 0; i < 7; i++) CHECK(on[i] == want[i]);
    CHECK(best_pareto(scores, 0, on, NULL) == LH_OK);
}

LH_TEST_MAIN(LH_TEST(test_journal__good_lines_are_trials_and_all_others_are_counted),
             LH_TEST(test_journal__a_member_of_another_kind_makes_a_line_no_trial),
             LH_TEST(test_journal__a_line_is_added_and_the_oldest_go),
             LH_TEST(test_best__pareto_has_what_no_other_beats))
