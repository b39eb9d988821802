/* Questions and the SQL that they come to. */
#include "base/test.h"

#include "ask/plan_test_schema.h"

static const struct {
    const char *question, *sql;
} rows[] = {
#include "ask/plan_test_rows.h"
};

static void test_plan__each_question_has_its_sql(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    size_t wrong = 0;
    CHECK_OK(lh_arena_new(256 << 20, &arena, &err));
    ask_schema schema = schema_of(library, sizeof library / sizeof *library, arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask_planned planned;
        const ask_question question = {.text = lh_str_from(rows[i].question), .today = ask_day(2026, 11, 28)};
        CHECK_OK(ask_plan_question(&schema, &question, arena, &planned, &err));
        bool good = lh_str_eq(planned.sql, lh_str_from(rows[i].sql));
        if (!good) {
            lh_str unplaced, assumptions;
            CHECK_OK(lh_json_write(arena, planned.unplaced, false, &unplaced, &err));
            CHECK_OK(lh_json_write(arena, planned.assumptions, false, &assumptions, &err));
            print_error("%s\n   got      %.*s\n   expected %s\n   %.2f unplaced %.*s assumed %.*s %.*s\n",
                        rows[i].question, LH_STR_ARG(planned.sql), rows[i].sql, planned.confidence,
                        LH_STR_ARG(unplaced), LH_STR_ARG(assumptions), LH_STR_ARG(planned.reason));
            wrong++;
        }
    }
    print_message("%zu of %zu questions\n", sizeof rows / sizeof *rows - wrong, sizeof rows / sizeof *rows);
    CHECK(wrong == 0);
}

static void test_plan__ends_for_who_is_gone_or_whose_time_is_over(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_cancel_freep) lh_cancel *cancel = NULL;
    lh_error err = {0};
    ask_planned planned;
    CHECK_OK(lh_arena_new(64 << 20, &arena, &err));
    CHECK_OK(lh_cancel_new(&cancel, &err));
    ask_schema schema = schema_of(library, sizeof library / sizeof *library, arena);
    ask_question question = {.text = LH_STR("How many readers are there?"), .cancel = cancel};
    CHECK_OK(ask_plan_question(&schema, &question, arena, &planned, &err));
    question.deadline_ms = 1; /* of a clock that is past it */
    CHECK(ask_plan_question(&schema, &question, arena, &planned, &err) == LH_CANCELLED);
    CHECK_STR(lh_str_from(err.message), LH_STR("the question's time went by"));
    question.deadline_ms = UINT64_MAX;
    CHECK_OK(ask_plan_question(&schema, &question, arena, &planned, &err));
    lh_cancel_fire(cancel);
    CHECK(ask_plan_question(&schema, &question, arena, &planned, &err) == LH_CANCELLED);
}

LH_TEST_MAIN(LH_TEST(test_plan__each_question_has_its_sql),
             LH_TEST(test_plan__ends_for_who_is_gone_or_whose_time_is_over))
