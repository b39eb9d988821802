/* Breaker, pauses and slots, by a clock of the test's own. */
#include "ai/ai_internal.h"
#include "base/test.h"

static bool gate_admits(ai_breaker *breaker, uint64_t now, bool *probe) {
    uint64_t wait = 0;
    return ai_breaker_admit(breaker, now, probe, &wait);
}

static void test_gate__a_breaker_opens_after_failures_in_a_row(void) {
    ai_breaker breaker;
    bool probe;
    uint64_t wait = 0, opened;
    ai_breaker_init(&breaker, 3, 1000);
    for (int i = 0; i < 2; i++) {
        CHECK(gate_admits(&breaker, 10, &probe) && !probe);
        ai_breaker_report(&breaker, 10, false, AI_OUTCOME_FAILED);
    }
    ai_breaker_report(&breaker, 10, false, AI_OUTCOME_GOOD); /* not in a row */
    for (int i = 0; i < 2; i++) ai_breaker_report(&breaker, 10, false, AI_OUTCOME_FAILED);
    ai_breaker_report(&breaker, 10, false, AI_OUTCOME_NONE); /* says nothing */
    CHECK(ai_breaker_look(&breaker, 10, &opened) == AI_BREAKER_CLOSED && opened == 0);
    ai_breaker_report(&breaker, 20, false, AI_OUTCOME_FAILED);
    CHECK(ai_breaker_look(&breaker, 20, &opened) == AI_BREAKER_OPEN && opened == 1);
    CHECK(!ai_breaker_admit(&breaker, 320, &probe, &wait) && wait == 700);
    ai_breaker_report(&breaker, 400, false, AI_OUTCOME_FAILED); /* of a call from before: it stays open no longer */
    CHECK(!gate_admits(&breaker, 1019, &probe));
    CHECK(ai_breaker_look(&breaker, 1020, &opened) == AI_BREAKER_HALF_OPEN && opened == 1);
    ai_breaker_done(&breaker);
}

static void test_gate__a_half_open_breaker_lets_one_call_through(void) {
    ai_breaker breaker;
    bool probe, other;
    uint64_t opened;
    ai_breaker_init(&breaker, 1, 1000);
    ai_breaker_report(&breaker, 0, false, AI_OUTCOME_FAILED);
    CHECK(gate_admits(&breaker, 1000, &probe) && probe);
    CHECK(!gate_admits(&breaker, 1001, &other));
    ai_breaker_report(&breaker, 1500, true, AI_OUTCOME_FAILED);
    CHECK(ai_breaker_look(&breaker, 2499, &opened) == AI_BREAKER_OPEN && opened == 2);
    CHECK(gate_admits(&breaker, 2500, &probe) && probe);
    ai_breaker_report(&breaker, 2500, true, AI_OUTCOME_NONE); /* its caller went away: the next one tries */
    CHECK(gate_admits(&breaker, 2501, &probe) && probe);
    ai_breaker_report(&breaker, 2502, true, AI_OUTCOME_GOOD);
    CHECK(ai_breaker_look(&breaker, 2502, &opened) == AI_BREAKER_CLOSED);
    CHECK(gate_admits(&breaker, 2502, &probe) && !probe && gate_admits(&breaker, 2502, &probe));
    ai_breaker_done(&breaker);
}

static void test_gate__a_breaker_of_no_failures_never_opens(void) {
    ai_breaker breaker;
    bool probe;
    ai_breaker_init(&breaker, 0, 1000);
    for (int i = 0; i < 100; i++) ai_breaker_report(&breaker, 0, false, AI_OUTCOME_FAILED);
    CHECK(gate_admits(&breaker, 0, &probe) && !probe);
    ai_breaker_done(&breaker);
}

static void test_gate__pauses_double_to_a_bound_and_begin_anywhere(void) {
    CHECK(ai_backoff_ms(1, 0, 0) == 0);
    CHECK(ai_backoff_ms(1, AI_BACKOFF_MS, 0) == AI_BACKOFF_MS && ai_backoff_ms(1, AI_BACKOFF_MS + 1, 0) == 0);
    CHECK(ai_backoff_ms(3, 4 * AI_BACKOFF_MS, 0) == 4 * AI_BACKOFF_MS);
    for (unsigned tried = 1; tried < 100; tried++) CHECK(ai_backoff_ms(tried, UINT64_MAX, 0) <= AI_BACKOFF_MAX_MS);
    CHECK(ai_backoff_ms(50, AI_BACKOFF_MAX_MS, 0) == AI_BACKOFF_MAX_MS);
}

static void test_gate__pauses_heed_retry_after_up_to_a_bound(void) {
    CHECK(ai_backoff_ms(1, 0, 3000) == 3000 && ai_backoff_ms(1, 7, 3000) == 3007);
    CHECK(ai_backoff_ms(1, 0, AI_RETRY_AFTER_MAX_MS) == AI_RETRY_AFTER_MAX_MS);
    CHECK(ai_backoff_ms(1, 0, AI_RETRY_AFTER_MAX_MS + 1) == UINT64_MAX);
}

static void test_gate__no_two_pauses_are_alike_for_long(void) {
    for (unsigned tried = 1; tried < 10; tried++) {
        uint64_t least = UINT64_MAX, most = 0;
        for (int i = 0; i < 64; i++) {
            uint64_t ms = ai_backoff_by_chance_ms(tried, 1000);
            CHECK(ms >= 1000 && ms <= 1000 + AI_BACKOFF_MAX_MS && (tried > 1 || ms <= 1000 + AI_BACKOFF_MS));
            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        CHECK(most - least > AI_BACKOFF_MS / 4);
    }
}

static void test_gate__slots_refuse_when_too_many_wait_and_end_with_the_call(void) {
    ai_slots slots;
    lh_error err = {0};
    _Atomic bool cancelled = true;
    ai_slots_init(&slots, 1, 1);
    CHECK_OK(ai_slots_take(&slots, NULL, UINT64_MAX, &err));
    CHECK(ai_slots_take(&slots, &cancelled, UINT64_MAX, &err) == LH_CANCELLED);
    CHECK(ai_slots_take(&slots, NULL, 0, &err) == LH_CANCELLED);
    slots.waiting = 1; /* somebody else's */
    CHECK(ai_slots_take(&slots, NULL, UINT64_MAX, &err) == LH_UNAVAILABLE);
    slots.waiting = 0;
    ai_slots_give(&slots);
    CHECK_OK(ai_slots_take(&slots, &cancelled, 0, &err)); /* nothing to wait for */
    ai_slots_give(&slots);
    CHECK(slots.running == 0 && slots.waiting == 0);
    ai_slots_done(&slots);
}

LH_TEST_MAIN(LH_TEST(test_gate__a_breaker_opens_after_failures_in_a_row),
             LH_TEST(test_gate__a_half_open_breaker_lets_one_call_through),
             LH_TEST(test_gate__a_breaker_of_no_failures_never_opens),
             LH_TEST(test_gate__pauses_double_to_a_bound_and_begin_anywhere),
             LH_TEST(test_gate__pauses_heed_retry_after_up_to_a_bound),
             LH_TEST(test_gate__no_two_pauses_are_alike_for_long),
             LH_TEST(test_gate__slots_refuse_when_too_many_wait_and_end_with_the_call))
