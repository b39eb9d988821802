/* The interface itself, as other modules use it; endpoints are for tests/api/test_ai.py. */
#include "ai/ai.h"
#include "base/test.h"

#include <stdatomic.h>

typedef struct calls_case {
    lh_arena *arena;
    lh_config config;
    lh_ai *ai;
} calls_case;

static lh_code calls_open(char *const *environment, calls_case *of, lh_error *err) {
    LH_TRY(lh_arena_new(64 << 20, &of->arena, err));
    LH_TRY(lh_config_load(of->arena, NULL, environment, NULL, 0, &of->config, err));
    return lh_ai_open(&of->config, &of->ai, err);
}

static void calls_close(calls_case *of) {
    lh_ai_free(of->ai);
    lh_arena_free(of->arena);
}

static char calls_hash[] = "LAKEHOUSE__AI__EMBED_PROVIDER=hash";

static void test_calls__embed_gives_a_vector_a_text_in_order(void) {
    char *const environment[] = {calls_hash, NULL};
    const lh_str texts[] = {LH_STR("a"), LH_STR("b"), LH_STR("a")};
    LH_CLEANUP(calls_close) calls_case of = {0};
    lh_ai_embeddings got = {0};
    lh_ai_model model = {0};
    lh_error err = {0};
    CHECK_OK(calls_open(environment, &of, &err));
    CHECK(lh_ai_has(of.ai, LH_AI_EMBED, &(lh_ai_call){0}) && !lh_ai_has(of.ai, LH_AI_RERANK, &(lh_ai_call){0}));
    CHECK_OK(lh_ai_find(of.ai, LH_AI_EMBED, &(lh_ai_call){0}, of.arena, &model, &err));
    CHECK_STR(model.provider, LH_STR("hash"));
    CHECK_OK(lh_ai_embed(of.ai, &(lh_ai_call){0}, texts, 3, of.arena, &got, &err));
    size_t size = got.dimensions * sizeof *got.values;
    CHECK(got.count == 3 && got.dimensions == 384);
    CHECK_STR(got.model.version, LH_STR("1-384"));
    CHECK(memcmp(got.values, got.values + 2 * got.dimensions, size) == 0);
    CHECK(memcmp(got.values, got.values + got.dimensions, size) != 0);
}

static void test_calls__what_cannot_be_leaves_the_outputs_alone(void) {
    char *const environment[] = {calls_hash, NULL};
    const lh_str text = LH_STR("a"), bad = LH_STR("\xFF");
    const _Atomic bool cancelled = true;
    LH_CLEANUP(calls_close) calls_case of = {0};
    lh_ai_embeddings got = {.count = 7};
    lh_ai_text generated = {.tokens = 7};
    lh_ai_ranking ranking = {.count = 7};
    const lh_ai_message hello = {LH_STR("user"), LH_STR("hello")};
    const lh_ai_prompt prompt = {.messages = &hello, .message_count = 1};
    lh_error err = {0};
    CHECK_OK(calls_open(environment, &of, &err));
    lh_ai_call stopped = {.cancelled = &cancelled}, other = {.model = LH_STR("other")}, plain = {0};
    CHECK(lh_ai_embed(of.ai, &stopped, &text, 1, of.arena, &got, &err) == LH_CANCELLED);
    CHECK(lh_ai_embed(of.ai, &other, &text, 1, of.arena, &got, &err) == LH_NOT_FOUND);
    CHECK(lh_ai_embed(of.ai, &plain, &bad, 1, of.arena, &got, &err) == LH_INVALID);
    CHECK(lh_ai_embed(of.ai, &plain, &text, 0, of.arena, &got, &err) == LH_INVALID);
    CHECK(lh_ai_generate(of.ai, &plain, &prompt, NULL, NULL, of.arena, &generated, &err) == LH_UNAVAILABLE);
    CHECK(lh_ai_generate(of.ai, &plain, &(lh_ai_prompt){0}, NULL, NULL, of.arena, &generated, &err) == LH_INVALID);
    CHECK(lh_ai_rerank(of.ai, &plain, text, &text, 1, 0, of.arena, &ranking, &err) == LH_UNAVAILABLE);
    CHECK(got.count == 7 && generated.tokens == 7 && ranking.count == 7);
}

/* Its tries would take minutes. Nothing listens on port 1. */
static void test_calls__no_try_is_made_beyond_the_time_of_the_call(void) {
    char provider[] = "LAKEHOUSE__AI__EMBED_PROVIDER=openai", model[] = "LAKEHOUSE__AI__EMBED_MODEL=m",
         url[] = "LAKEHOUSE__AI__EMBED_URL=http://127.0.0.1:1", retries[] = "LAKEHOUSE__AI__RETRIES=20",
         breaker[] = "LAKEHOUSE__AI__BREAKER_FAILURES=0";
    char *const environment[] = {provider, model, url, retries, breaker, NULL};
    const lh_str text = LH_STR("a");
    LH_CLEANUP(calls_close) calls_case of = {0};
    lh_ai_embeddings got = {0};
    lh_error err = {0};
    CHECK_OK(calls_open(environment, &of, &err));
    CHECK(lh_ai_embed(of.ai, &(lh_ai_call){.timeout_ms = 500}, &text, 1, of.arena, &got, &err) == LH_UNAVAILABLE);
    CHECK(lh_str_search(lh_str_from(err.message), LH_STR("http://127.0.0.1:1: ")) == 0);
}

LH_TEST_MAIN(LH_TEST(test_calls__embed_gives_a_vector_a_text_in_order),
             LH_TEST(test_calls__what_cannot_be_leaves_the_outputs_alone),
             LH_TEST(test_calls__no_try_is_made_beyond_the_time_of_the_call))
