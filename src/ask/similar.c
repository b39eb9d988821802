/* Which texts are like a question: by their vectors, where the caller may call models and one embeds, else by their words. Vectors are kept with
 * what was read of tables, by the model and the text. No order fails for a model's sake. */
#include "ask/similar.h"

#include <math.h>

enum { SIMILAR_EMBEDDED = 256, SIMILAR_TEXT_BYTES = 2000 };

typedef struct similar {
    lh_ask *ask;
    const lh_ask_caller *caller;
    const lh_str *texts;
    size_t count;
    lh_arena *arena;
    ask_similar_one *order;
} similar;

static int similar_better(const void *a, const void *b) {
    const ask_similar_one *left = a, *right = b;
    if (left->score != right->score) return left->score < right->score ? 1 : -1;
    return left->text < right->text ? -1 : left->text > right->text;
}

static bool similar_has(const ask_token *tokens, size_t count, lh_str stem) {
    for (size_t i = 0; i < count; i++)
        if (tokens[i].kind != ASK_STOP && lh_str_eq(tokens[i].stem, stem)) return true;
    return false;
}

/* A word counts by how few of the texts have it. */
static lh_code similar_by_words(similar *s, lh_str question, lh_error *err) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    ask_token *asked = NULL;
    size_t asked_count = 0;
    LH_TRY(lh_terms_new(LH_STR("en"), &terms, err));
    LH_TRY(ask_tokens(terms, question, s->arena, &asked, &asked_count, err));
    size_t *holders = LH_ARENA_ARRAY(s->arena, size_t, asked_count + 1);
    bool *held = LH_ARENA_ARRAY(s->arena, bool, s->count *asked_count + 1);
    LH_TRY(lh_arena_check(s->arena, err));
    for (size_t t = 0; t < s->count; t++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *own = NULL;
        ask_token *words = NULL;
        size_t count = 0;
        LH_TRY(lh_arena_new(4 << 20, &own, err));
        if (ask_tokens(terms, s->texts[t], own, &words, &count, NULL) != LH_OK) continue;
        for (size_t i = 0; i < asked_count; i++)
            if (asked[i].kind != ASK_STOP && !similar_has(asked, i, asked[i].stem) &&
                similar_has(words, count, asked[i].stem))
                held[t * asked_count + i] = true, holders[i]++;
    }
    for (size_t t = 0; t < s->count; t++) {
        s->order[t] = (ask_similar_one){.text = t};
        for (size_t i = 0; i < asked_count; i++)
            if (held[t * asked_count + i]) s->order[t].score += log(1 + (double)s->count / (double)holders[i]);
    }
    qsort(s->order, s->count, sizeof *s->order, similar_better);
    return LH_OK;
}

static lh_sha256 similar_key(const lh_ai_model *model, lh_str text, lh_arena *arena) {
    return lh_sha256_of(lh_arena_printf(arena, "vector|%.*s|%.*s|%.*s|%.*s", LH_STR_ARG(model->provider),
                                        LH_STR_ARG(model->name), LH_STR_ARG(model->version), LH_STR_ARG(text)));
}

/* Of the first `count` of the order, which are put in it anew. */
static lh_code similar_by_vectors(similar *s, const lh_ai_call *call, lh_str question, size_t count, lh_error *err) {
    lh_str *kept = LH_ARENA_ARRAY(s->arena, lh_str, count), *unknown = LH_ARENA_ARRAY(s->arena, lh_str, count + 1);
    size_t *places = LH_ARENA_ARRAY(s->arena, size_t, count), missing = 0;
    lh_ai_model model;
    lh_ai_embeddings made;
    LH_TRY(lh_arena_check(s->arena, err));
    LH_TRY(lh_ai_find(s->ask->ai, LH_AI_EMBED, call, s->arena, &model, err));
    unknown[0] = question;
    for (size_t i = 0; i < count; i++) {
        lh_sha256 key = similar_key(&model, s->texts[s->order[i].text], s->arena);
        kept[i] = ask_kept_find(s->ask, &key, s->arena);
        if (kept[i].len == 0) places[missing++] = i, unknown[missing] = s->texts[s->order[i].text];
    }
    LH_TRY(lh_ai_embed(s->ask->ai, call, unknown, missing + 1, s->arena, &made, err));
    size_t bytes = made.dimensions * sizeof *made.values;
    for (size_t i = 0; i < missing; i++) {
        lh_sha256 key = similar_key(&made.model, unknown[i + 1], s->arena);
        kept[places[i]] = (lh_str){(const char *)(made.values + (i + 1) * made.dimensions), bytes};
        ask_kept_put(s->ask, &key, kept[places[i]]);
    }
    float *one = LH_ARENA_ARRAY(s->arena, float, made.dimensions + 1);
    LH_TRY(lh_arena_check(s->arena, err));
    for (size_t i = 0; i < count; i++) {
        bool fits = kept[i].len == bytes;
        if (fits) memcpy(one, kept[i].ptr, bytes);
        s->order[i].score = fits ? lh_ai_cosine(made.values, one, made.dimensions) : 0;
    }
    qsort(s->order, count, sizeof *s->order, similar_better);
    return LH_OK;
}

lh_code ask_similar(lh_ask *ask, const lh_ask_caller *caller, lh_str question, const lh_str *texts, size_t count,
                    bool vectors, lh_arena *arena, ask_similar_one **ret, lh_error *err) {
    lh_str *cut = LH_ARENA_ARRAY(arena, lh_str, count + 1);
    similar s = {ask, caller, cut, count, arena, LH_ARENA_ARRAY(arena, ask_similar_one, count + 1)};
    const lh_ai_call call = ask_call(caller, LH_STR_NONE);
    lh_error ignored = {0};
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < count; i++) cut[i] = lh_str_cut_utf8(texts[i], SIMILAR_TEXT_BYTES);
    LH_TRY(similar_by_words(&s, question, err));
    if (count && vectors && caller->models && lh_ai_has(ask->ai, LH_AI_EMBED, &call)) {
        lh_code code =
            similar_by_vectors(&s, &call, question, count < SIMILAR_EMBEDDED ? count : SIMILAR_EMBEDDED, &ignored);
        if (code == LH_CANCELLED || code == LH_NO_MEMORY) return *err = ignored, code;
    }
    *ret = s.order;
    return LH_OK;
}
