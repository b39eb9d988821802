#include "ai/ai_internal.h"
#include "base/test.h"

static lh_str usage_text(lh_ai *ai, lh_str principal, lh_arena *arena) {
    lh_json *got = NULL;
    lh_str text = LH_STR_NONE;
    lh_error err = {0};
    CHECK_OK(lh_ai_usage(ai, principal, arena, &got, &err));
    CHECK_OK(lh_json_write(arena, got, false, &text, &err));
    return text;
}

static void test_usage__is_counted_by_principal_and_task(void) {
    lh_ai ai = {0};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    ai_usage_init(&ai.usage);
    ai_usage_add(&ai.usage, LH_STR("bob"), LH_AI_EMBED, (ai_counters){.calls = 1, .tokens_in = 5});
    ai_usage_add(&ai.usage, LH_STR("ann"), LH_AI_GENERATE, (ai_counters){1, 1, 2, 3});
    ai_usage_add(&ai.usage, LH_STR("bob"), LH_AI_EMBED, (ai_counters){.calls = 1, .tokens_in = 2});
    CHECK_STR(usage_text(&ai, LH_STR("bob"), arena),
              LH_STR("{\"items\":[{\"principal\":\"bob\",\"task\":\"embed\",\"calls\":2,"
                     "\"failed\":0,\"tokens_in\":7,\"tokens_out\":0}]}"));
    CHECK_STR(usage_text(&ai, LH_STR("eve"), arena), LH_STR("{\"items\":[]}"));
    CHECK(lh_str_search(usage_text(&ai, LH_STR_NONE, arena), LH_STR("\"ann\"")) != SIZE_MAX);
    CHECK(ai.usage.totals[LH_AI_EMBED].tokens_in == 7 && ai.usage.totals[LH_AI_GENERATE].failed == 1);
    ai_usage_done(&ai.usage);
}

static void test_usage__beyond_its_table_is_counted_together(void) {
    lh_ai ai = {0};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(4 << 20, &arena, &err));
    ai_usage_init(&ai.usage);
    for (unsigned i = 0; i < LH_LIMIT_AI_PRINCIPALS + 3; i++) {
        char name[16];
        int size = snprintf(name, sizeof name, "p%u", i * 7919 % 5000);
        ai_usage_add(&ai.usage, (lh_str){name, (size_t)size}, LH_AI_EMBED, (ai_counters){.calls = 1});
    }
    CHECK(ai.usage.count == LH_LIMIT_AI_PRINCIPALS && ai.usage.others.counters[LH_AI_EMBED].calls == 3);
    for (size_t i = 1; i < ai.usage.count; i++)
        CHECK(lh_str_cmp(ai.usage.rows[i - 1].principal, ai.usage.rows[i].principal) < 0);
    CHECK(lh_str_search(usage_text(&ai, LH_STR_NONE, arena), LH_STR("\"(others)\"")) != SIZE_MAX);
    ai_usage_done(&ai.usage);
}

LH_TEST_MAIN(LH_TEST(test_usage__is_counted_by_principal_and_task),
             LH_TEST(test_usage__beyond_its_table_is_counted_together))
