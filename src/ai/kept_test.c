#include "ai/ai_internal.h"
#include "base/test.h"

static lh_sha256 kept_test_key(unsigned char of) { return (lh_sha256){{of, [9] = 7}}; }

static bool kept_test_has(ai_kept *kept, unsigned char of, lh_arena *arena) {
    const lh_sha256 key = kept_test_key(of);
    size_t dimensions = 0;
    const float *got = ai_kept_find(kept, &key, arena, &dimensions);
    CHECK(!got || (dimensions == 100 && got[0] == (float)of && got[99] == (float)of));
    return got != NULL;
}

static void kept_test_put(ai_kept *kept, unsigned char of) {
    const lh_sha256 key = kept_test_key(of);
    float values[100];
    for (size_t i = 0; i < 100; i++) values[i] = (float)of;
    ai_kept_put(kept, &key, values, 100);
}

static void test_kept__those_not_used_for_longest_go(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    ai_kept kept = {0};
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(ai_kept_init(&kept, 1500, &err)); /* three vectors of 100 */
    for (unsigned char i = 1; i <= 3; i++) kept_test_put(&kept, i);
    CHECK(kept.bytes > 1200 && kept_test_has(&kept, 1, arena));
    kept_test_put(&kept, 3); /* again: still one */
    kept_test_put(&kept, 4);
    CHECK(!kept_test_has(&kept, 2, arena) && kept_test_has(&kept, 1, arena) && kept_test_has(&kept, 3, arena));
    CHECK(kept_test_has(&kept, 4, arena) && kept.bytes <= 1500 && kept.found == 4);
    ai_kept_put(&kept, &(lh_sha256){{9}}, (const float[400]){0}, 400); /* larger than all */
    CHECK(kept_test_has(&kept, 4, arena));
    ai_kept_done(&kept);
}

typedef struct kept_case {
    lh_arena *arena;
    lh_config config;
    lh_ai *ai;
} kept_case;

static lh_code kept_case_open(char *const *environment, kept_case *of, lh_error *err) {
    LH_TRY(lh_arena_new(64 << 20, &of->arena, err));
    LH_TRY(lh_config_load(of->arena, NULL, environment, NULL, 0, &of->config, err));
    return lh_ai_open(&of->config, &of->ai, err);
}

static void kept_case_close(kept_case *of) {
    lh_ai_free(of->ai);
    lh_arena_free(of->arena);
}

/* Embeds, as lh_ai_embed() does; returns the calls and tokens that it took. */
static ai_counters kept_case_embed(kept_case *of, const char *principal, const char *model, const lh_str *texts,
                                   size_t count) {
    const lh_ai_call call = {.principal = lh_str_from(principal), .model = lh_str_from(model)};
    lh_ai_embeddings plain = {0}, got = {0};
    lh_error err = {0};
    CHECK_OK(lh_ai_embed(of->ai, &call, texts, count, of->arena, &plain, &err));
    const ai_counters before = of->ai->usage.totals[LH_AI_EMBED];
    CHECK_OK(lh_ai_embed_kept(of->ai, &call, texts, count, of->arena, &got, &err));
    const ai_counters after = of->ai->usage.totals[LH_AI_EMBED];
    CHECK(got.count == count && got.dimensions == plain.dimensions && lh_ai_is_same(&got.model, &plain.model));
    CHECK(memcmp(got.values, plain.values, count * got.dimensions * sizeof *got.values) == 0);
    return (ai_counters){.calls = after.calls - before.calls, .tokens_in = after.tokens_in - before.tokens_in};
}

static void test_kept__what_is_kept_is_not_embedded_again(void) {
    char provider[] = "LAKEHOUSE__AI__EMBED_PROVIDER=hash";
    char *const environment[] = {provider, NULL};
    const lh_str texts[] = {LH_STR("one two"), LH_STR("three"), LH_STR("four five six")};
    const lh_ai_definition other = {
        .task = LH_AI_EMBED, .name = LH_STR("other"), .provider = LH_STR("hash"), .model = LH_STR("hash-8")};
    LH_CLEANUP(kept_case_close) kept_case of = {0};
    lh_error err = {0};
    CHECK_OK(kept_case_open(environment, &of, &err));
    CHECK_OK(lh_ai_add(of.ai, &other, 1, &err));
    ai_counters took = kept_case_embed(&of, "ann", "", texts, 2);
    CHECK(took.calls == 1 && took.tokens_in > 0);
    CHECK(kept_case_embed(&of, "ann", "", texts, 2).calls == 0);
    took = kept_case_embed(&of, "ann", "", texts, 3);
    CHECK(took.calls == 1 && took.tokens_in == kept_case_embed(&of, "bob", "", texts + 2, 1).tokens_in);
    CHECK(kept_case_embed(&of, "bob", "", texts, 2).calls == 1);      /* who asks is not told what others had */
    CHECK(kept_case_embed(&of, "ann", "other", texts, 3).calls == 1); /* nor is it another model's */
}

static void test_kept__nothing_is_when_the_setting_is_0(void) {
    char provider[] = "LAKEHOUSE__AI__EMBED_PROVIDER=hash", none[] = "LAKEHOUSE__AI__KEPT_BYTES=0";
    char *const environment[] = {provider, none, NULL};
    const lh_str text = LH_STR("one");
    LH_CLEANUP(kept_case_close) kept_case of = {0};
    lh_error err = {0};
    CHECK_OK(kept_case_open(environment, &of, &err));
    for (int i = 0; i < 2; i++) CHECK(kept_case_embed(&of, "ann", "", &text, 1).calls == 1);
}

LH_TEST_MAIN(LH_TEST(test_kept__those_not_used_for_longest_go), LH_TEST(test_kept__what_is_kept_is_not_embedded_again),
             LH_TEST(test_kept__nothing_is_when_the_setting_is_0))
