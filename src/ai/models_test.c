/* Models that come and go while calls run; what a call is done by. */
#include "ai/ai.h"
#include "base/test.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct models_case {
    lh_arena *arena;
    lh_config config;
    lh_ai *ai;
} models_case;

static lh_code models_open(models_case *of, lh_error *err) {
    static char provider[] = "LAKEHOUSE__AI__EMBED_PROVIDER=hash";
    char *const environment[] = {provider, NULL};
    LH_TRY(lh_arena_new(256 << 20, &of->arena, err));
    LH_TRY(lh_config_load(of->arena, NULL, environment, NULL, 0, &of->config, err));
    return lh_ai_open(&of->config, &of->ai, err);
}

static void models_close(models_case *of) {
    lh_ai_free(of->ai);
    lh_arena_free(of->arena);
}

static lh_ai_definition models_hash(const char *name, const char *model) {
    return (lh_ai_definition){
        .task = LH_AI_EMBED, .name = lh_str_from(name), .provider = LH_STR("hash"), .model = lh_str_from(model)};
}

/* 0: the call failed. */
static size_t models_dimensions(models_case *of, lh_ai_call call) {
    const lh_str text = LH_STR("nurse");
    lh_ai_embeddings got = {0};
    return lh_ai_embed(of->ai, &call, &text, 1, of->arena, &got, NULL) == LH_OK ? got.dimensions : 0;
}

static void test_models__a_call_has_the_named_one_or_its_principal_s_or_everybody_s(void) {
    LH_CLEANUP(models_close) models_case of = {0};
    lh_error err = {0};
    CHECK_OK(models_open(&of, &err));
    lh_ai_definition a = models_hash("a", "hash-10"), b = models_hash("b", "hash-20"), taken = models_hash("hash", "hash-30");
    CHECK_OK(lh_ai_add(of.ai, &a, 1, &err));
    CHECK_OK(lh_ai_add(of.ai, &b, 1, &err));
    CHECK(lh_ai_add(of.ai, &taken, 1, &err) == LH_CONFLICT);
    CHECK(models_dimensions(&of, (lh_ai_call){0}) == 384);
    CHECK(models_dimensions(&of, (lh_ai_call){.model = LH_STR("b")}) == 20);
    CHECK_OK(lh_ai_use(of.ai, LH_AI_EMBED, LH_STR_NONE, LH_STR("a"), &err));
    CHECK_OK(lh_ai_use(of.ai, LH_AI_EMBED, LH_STR("ann"), LH_STR("b"), &err));
    CHECK(lh_ai_use(of.ai, LH_AI_EMBED, LH_STR("ann"), LH_STR("c"), &err) == LH_NOT_FOUND);
    CHECK(models_dimensions(&of, (lh_ai_call){.principal = LH_STR("bob")}) == 10);
    CHECK(models_dimensions(&of, (lh_ai_call){.principal = LH_STR("ann")}) == 20);
    CHECK(models_dimensions(&of, (lh_ai_call){.principal = LH_STR("ann"), .model = LH_STR("hash")}) == 384);
    b = models_hash("b", "hash-21"); /* takes the place */
    CHECK_OK(lh_ai_add(of.ai, &b, 1, &err));
    CHECK(models_dimensions(&of, (lh_ai_call){.principal = LH_STR("ann")}) == 21);
    lh_ai_remove(of.ai, LH_AI_EMBED, LH_STR("b"));
    CHECK(models_dimensions(&of, (lh_ai_call){.principal = LH_STR("ann")}) == 10);
    CHECK_OK(lh_ai_use(of.ai, LH_AI_EMBED, LH_STR_NONE, LH_STR_NONE, &err));
    CHECK(models_dimensions(&of, (lh_ai_call){0}) == 384);
    lh_ai_remove(of.ai, LH_AI_EMBED, LH_STR("hash")); /* the configuration's stays */
    CHECK(models_dimensions(&of, (lh_ai_call){0}) == 384);
}

static void test_models__a_superseded_version_does_the_calls_that_ask_for_it(void) {
    LH_CLEANUP(models_close) models_case of = {0};
    lh_error err = {0};
    lh_ai_definition versions[] = {models_hash("a", "hash-30"), models_hash("a", "hash-20"),
                                   models_hash("a", "hash-10")};
    const lh_ai_model made = {LH_STR("hash"), LH_STR("a"), LH_STR("1-20")};
    lh_ai_model now;
    int64_t since = 0;
    CHECK_OK(models_open(&of, &err));
    for (size_t i = 0; i < 3; i++) versions[i].since_ms = 1000 * (int64_t)(3 - i);
    versions[1].version = LH_STR("1-20");
    versions[2].version = LH_STR("1-10");
    CHECK_OK(lh_ai_add(of.ai, &versions[1], 1, &err));
    CHECK_OK(lh_ai_use(of.ai, LH_AI_EMBED, LH_STR("ann"), LH_STR("a"), &err));
    CHECK(!lh_ai_has_changed(of.ai, LH_AI_EMBED, &made, of.arena, &now, &since));
    CHECK_OK(lh_ai_add(of.ai, versions, 3, &err));
    CHECK(models_dimensions(&of, (lh_ai_call){.model = LH_STR("a")}) == 30);
    CHECK(models_dimensions(&of, (lh_ai_call){.principal = LH_STR("ann")}) == 30);
    CHECK(models_dimensions(&of, (lh_ai_call){.model = LH_STR("a"), .version = LH_STR("1-20")}) == 20);
    CHECK(models_dimensions(&of, (lh_ai_call){.model = LH_STR("a"), .version = LH_STR("1-10")}) == 10);
    CHECK(models_dimensions(&of, (lh_ai_call){.model = LH_STR("a"), .version = LH_STR("1-40")}) == 30);
    CHECK(lh_ai_has_changed(of.ai, LH_AI_EMBED, &made, of.arena, &now, &since) && since == 3000);
    CHECK_STR(now.version, LH_STR("1-30"));
    lh_json *list = NULL;
    CHECK_OK(lh_ai_models(of.ai, of.arena, &list, &err));
    CHECK(lh_json_size(lh_json_get(list, "items")) == 2); /* the configuration's, and one of the name */
    lh_ai_remove(of.ai, LH_AI_EMBED, LH_STR("a"));
    CHECK(models_dimensions(&of, (lh_ai_call){.model = LH_STR("a"), .version = LH_STR("1-20")}) == 0);
    CHECK(models_dimensions(&of, (lh_ai_call){.principal = LH_STR("ann")}) == 384);
}

static void test_models__a_task_without_any_has_one_once_it_is_in_use(void) {
    LH_CLEANUP(models_close) models_case of = {0};
    lh_error err = {0};
    lh_ai_model model;
    CHECK_OK(models_open(&of, &err));
    const lh_ai_definition endpoint = {.task = LH_AI_RERANK,
                                       .name = LH_STR("gpu"),
                                       .provider = LH_STR("openai"),
                                       .model = LH_STR("m"),
                                       .url = LH_STR("http://127.0.0.1:9/v1/")};
    CHECK(!lh_ai_has(of.ai, LH_AI_RERANK, &(lh_ai_call){0}));
    CHECK_OK(lh_ai_add(of.ai, &endpoint, 1, &err));
    CHECK(!lh_ai_has(of.ai, LH_AI_RERANK, &(lh_ai_call){0}));
    CHECK(lh_ai_find(of.ai, LH_AI_RERANK, &(lh_ai_call){0}, of.arena, &model, &err) == LH_UNAVAILABLE);
    CHECK(lh_ai_has(of.ai, LH_AI_RERANK, &(lh_ai_call){.model = LH_STR("gpu")}));
    CHECK_OK(lh_ai_use(of.ai, LH_AI_RERANK, LH_STR("ann"), LH_STR("gpu"), &err));
    CHECK(lh_ai_has(of.ai, LH_AI_RERANK, &(lh_ai_call){.principal = LH_STR("ann")}));
    CHECK(!lh_ai_has(of.ai, LH_AI_RERANK, &(lh_ai_call){.principal = LH_STR("bob")}));
    CHECK_OK(lh_ai_use(of.ai, LH_AI_RERANK, LH_STR_NONE, LH_STR("gpu"), &err));
    CHECK_OK(lh_ai_find(of.ai, LH_AI_RERANK, &(lh_ai_call){0}, of.arena, &model, &err));
    CHECK(lh_ai_has(of.ai, LH_AI_RERANK, &(lh_ai_call){0}) && lh_str_eq(model.name, LH_STR("gpu")));
}

static void test_models__tokens_are_counted_by_who_tells_them(void) {
    LH_CLEANUP(models_close) models_case of = {0};
    lh_error err = {0};
    uint64_t count = 0;
    CHECK_OK(models_open(&of, &err));
    CHECK_OK(lh_ai_count_tokens(of.ai, LH_AI_EMBED, &(lh_ai_call){0}, LH_STR("one two, three"), &count, &err));
    CHECK(count == 3);
    CHECK(lh_ai_count_tokens(of.ai, LH_AI_GENERATE, &(lh_ai_call){0}, LH_STR("x"), &count, &err) == LH_UNAVAILABLE);
}

typedef struct models_caller {
    models_case *of;
    _Atomic bool *ends;
    bool good;
} models_caller;

static void *models_call(void *arg) {
    models_caller *caller = arg;
    lh_arena *arena = NULL;
    const lh_str text = LH_STR("nurse");
    caller->good = true;
    while (!atomic_load(caller->ends) && lh_arena_new(1 << 20, &arena, NULL) == LH_OK) {
        lh_ai_embeddings got = {0};
        lh_json *list = NULL;
        lh_code code = lh_ai_embed(caller->of->ai, &(lh_ai_call){0}, &text, 1, arena, &got, NULL);
        bool known = got.dimensions == 384 || got.dimensions == 10 || got.dimensions == 20;
        caller->good = caller->good && code == LH_OK && known && lh_ai_models(caller->of->ai, arena, &list, NULL) == LH_OK;
        lh_arena_free(arena);
    }
    return NULL;
}

static void test_models__calls_go_on_while_models_come_and_go(void) {
    LH_CLEANUP(models_close) models_case of = {0};
    lh_error err = {0};
    _Atomic bool ends = false;
    models_caller callers[3];
    pthread_t threads[3];
    CHECK_OK(models_open(&of, &err));
    for (size_t i = 0; i < 3; i++) {
        callers[i] = (models_caller){.of = &of, .ends = &ends};
        CHECK(pthread_create(&threads[i], NULL, models_call, &callers[i]) == 0);
    }
    bool good = true;
    for (int round = 0; round < 300 && good; round++) {
        lh_ai_definition a = models_hash("a", round % 2 ? "hash-10" : "hash-20");
        good = lh_ai_add(of.ai, &a, 1, &err) == LH_OK &&
               lh_ai_use(of.ai, LH_AI_EMBED, LH_STR_NONE, LH_STR("a"), &err) == LH_OK;
        if (round % 3 == 0) lh_ai_remove(of.ai, LH_AI_EMBED, LH_STR("a"));
    }
    atomic_store(&ends, true);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        good = good && callers[i].good;
    }
    CHECK(good);
}

static void test_models__a_file_is_known_by_its_version_and_others_by_name_too(void) {
    const lh_ai_model file = {LH_STR("llama"), LH_STR("x"), LH_STR("0123456789abcdef")};
    lh_ai_model other = {LH_STR("llama"), LH_STR("/old/place/x.gguf"), LH_STR("0123456789abcdef")};
    CHECK(lh_ai_is_same(&file, &other));
    other.version = LH_STR("fedcba9876543210");
    CHECK(!lh_ai_is_same(&file, &other));
    CHECK(!lh_ai_is_same(&(lh_ai_model){LH_STR("llama"), LH_STR("x"), LH_STR_NONE},
                         &(lh_ai_model){LH_STR("llama"), LH_STR("y"), LH_STR_NONE}));
    CHECK(!lh_ai_is_same(&(lh_ai_model){LH_STR("hash"), LH_STR("hash-2"), LH_STR("1")},
                         &(lh_ai_model){LH_STR("hash"), LH_STR("hash-3"), LH_STR("1")}));
}

LH_TEST_MAIN(LH_TEST(test_models__a_file_is_known_by_its_version_and_others_by_name_too),
             LH_TEST(test_models__a_call_has_the_named_one_or_its_principal_s_or_everybody_s),
             LH_TEST(test_models__a_superseded_version_does_the_calls_that_ask_for_it),
             LH_TEST(test_models__a_task_without_any_has_one_once_it_is_in_use),
             LH_TEST(test_models__tokens_are_counted_by_who_tells_them),
             LH_TEST(test_models__calls_go_on_while_models_come_and_go))
