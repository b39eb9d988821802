#include "ai/ai_internal.h"
#include "base/test.h"

#include <math.h>

typedef struct hash_case {
    lh_arena *arena;
    lh_ai_embeddings got;
} hash_case;

static lh_code hash_run(const char *model, const lh_str *texts, size_t count, hash_case *ret, lh_error *err) {
    void *state = NULL;
    ai_setup setup = {.model = lh_str_from(model)};
    LH_TRY(ai_provider_hash.open(&setup, &state, err));
    lh_code code = lh_arena_new(8 << 20, &ret->arena, err);
    if (code == LH_OK)
        code = ai_provider_hash.embed(state, &(ai_try){.setup = &setup}, texts, count, ret->arena, &ret->got, err);
    ai_provider_hash.close(state);
    return code;
}

static double hash_cosine(const hash_case *of, size_t a, size_t b) {
    double sum = 0;
    for (size_t i = 0; i < of->got.dimensions; i++)
        sum += (double)of->got.values[a * of->got.dimensions + i] * (double)of->got.values[b * of->got.dimensions + i];
    return sum;
}

static void test_hash__vectors_have_length_one(void) {
    const lh_str texts[] = {LH_STR("a b c"), LH_STR("..."), LH_STR("\xC3\xA4\xE4\xBD\xA0"), LH_STR("x")};
    hash_case of = {0};
    lh_error err = {0};
    CHECK_OK(hash_run("hash", texts, 4, &of, &err));
    CHECK(of.got.dimensions == 384 && of.got.count == 4 && of.got.tokens == 5);
    for (size_t i = 0; i < 4; i++) CHECK(fabs(hash_cosine(&of, i, i) - 1) < 1e-6);
    lh_arena_free(of.arena);
}

static void test_hash__like_texts_are_nearer_than_others(void) {
    const lh_str texts[] = {LH_STR("nurse with night shifts"), LH_STR("Nurses, night shift!"),
                            LH_STR("welder for pipelines"), LH_STR("NURSE with: night shifts.")};
    hash_case of = {0};
    lh_error err = {0};
    CHECK_OK(hash_run("hash", texts, 4, &of, &err));
    CHECK(hash_cosine(&of, 0, 1) > hash_cosine(&of, 0, 2) + 0.2);
    CHECK(fabs(hash_cosine(&of, 0, 3) - 1) < 1e-6);
    lh_arena_free(of.arena);
}

/* What version 1 gives, for ever: indexes were made by it. */
static void test_hash__version_1_gives_what_it_gave(void) {
    const lh_str texts[] = {LH_STR("hello w\xC3\xB6rld")};
    const float expected[8] = {0.133630621f,  0.0f, 0.133630621f,  0.133630621f,
                               -0.801783726f, 0.0f, -0.534522484f, 0.133630621f};
    hash_case of = {0};
    lh_error err = {0};
    CHECK_OK(hash_run("hash-8", texts, 1, &of, &err));
    CHECK_STR(of.got.model.version, LH_STR("1-8"));
    for (size_t i = 0; i < 8; i++) {
        if (fabsf(of.got.values[i] - expected[i]) >= 1e-6f) print_error("%zu: %.9g\n", i, (double)of.got.values[i]);
        CHECK(fabsf(of.got.values[i] - expected[i]) < 1e-6f);
    }
    lh_arena_free(of.arena);
}

static void test_hash__the_model_says_how_many_dimensions(void) {
    const lh_str text = LH_STR("x");
    const char *const bad[] = {"hash-", "hash-0", "hash-16385", "hash-x", "hash384", "other"};
    lh_error err = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hash_case of = {0};
        CHECK(hash_run(bad[i], &text, 1, &of, &err) == LH_INVALID && !of.arena);
    }
    hash_case of = {0};
    CHECK_OK(hash_run("hash-1", &text, 1, &of, &err));
    CHECK(of.got.dimensions == 1 && fabsf(of.got.values[0]) == 1);
    lh_arena_free(of.arena);
}

LH_TEST_MAIN(LH_TEST(test_hash__vectors_have_length_one), LH_TEST(test_hash__like_texts_are_nearer_than_others),
             LH_TEST(test_hash__version_1_gives_what_it_gave), LH_TEST(test_hash__the_model_says_how_many_dimensions))
