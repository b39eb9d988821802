/* Is a sentence said by the passages that it cites? Two things are asked, each of which is easily fooled alone:
 *
 * - nearness: of the sentence and any sentence of those passages, the greatest cosine of their embeddings is at least RAG_SUPPORT_MIN
 *   (sentence against sentence, the best of all counts: SummaC, Laban et al., 2022);
 * - facts: every number, date and proper name of it stands in one of those passages (after Nan et al., 2021), since embeddings hardly
 *   tell 2019 from 2020. The word that begins it may be a name: unless it begins any sentence, it stands there or in the question.
 *
 * A sentence that cites nothing is not supported: who cannot look it up cannot check it (attribution, Rashkin et al., 2023; citations by
 * sentence, Gao et al., 2023). What neither sees: a "not", who did what to whom, words that only look like the passage's. Without an
 * embedder nearness is the share of the sentence's content words that the passages have. */
#include "rag/rag_internal.h"

#include <math.h>

enum { SUPPORT_TEXTS_MAX = 512 }; /* sentences of passages that are embedded; the first of each passage */

lh_code rag_embed(rag_run *run, const lh_str *texts, size_t count, float **ret, lh_error *err) {
    lh_ai_call call = rag_call(run);
    lh_ai_embeddings got;
    *ret = NULL;
    if (count == 0 || !lh_ai_has(run->rag->ai, LH_AI_EMBED, &call)) return LH_OK;
    LH_TRY(lh_ai_embed_kept(run->rag->ai, &call, texts, count, run->arena, &got, err));
    run->dimensions = got.dimensions;
    *ret = got.values;
    return LH_OK;
}

lh_code rag_embed_passages(rag_run *run, const bool *cited, lh_error *err) {
    size_t count = 0, at = 0;
    float *vectors = NULL;
    lh_str *texts = LH_ARENA_ARRAY(run->arena, lh_str, SUPPORT_TEXTS_MAX);
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < run->passage_count; i++) {
        rag_passage *p = &run->passages[i];
        if (!cited[i] || p->vectors) continue;
        size_t most = SUPPORT_TEXTS_MAX / run->passage_count;
        if (p->sentences.count > most) p->sentences.count = most;
        for (size_t k = 0; k < p->sentences.count; k++)
            texts[count++] = lh_str_cut_utf8(p->sentences.items[k].text, LH_LIMIT_AI_TEXT_BYTES);
    }
    LH_TRY(rag_embed(run, texts, count, &vectors, err));
    for (size_t i = 0; vectors && i < run->passage_count; i++) {
        rag_passage *p = &run->passages[i];
        if (!cited[i] || p->vectors) continue;
        p->vectors = vectors + at * run->dimensions;
        at += p->sentences.count;
    }
    return LH_OK;
}

bool rag_facts_hold(const rag_words *facts, const rag_passage *passages, const size_t *cited, size_t count) {
    for (size_t i = 0; i < facts->count; i++) {
        bool found = false;
        for (size_t k = 0; k < count && !found; k++)
            found = rag_words_have(&passages[cited[k] - 1].words, facts->items[i]);
        if (!found) return false;
    }
    return true;
}

typedef struct {
    lh_str text;
    const float *vector; /* NULL: no embedder */
    size_t *cited, cited_count;
} support_sentence;

/* Between -1 and 1. */
static lh_code support_nearness(rag_run *run, const support_sentence *s, double *ret, lh_error *err) {
    double best = 0;
    rag_words words = {0};
    LH_TRY(rag_words_of(run->terms, s->text, RAG_WORDS_CONTENT, run->arena, &words, err));
    for (size_t i = 0; i < s->cited_count; i++) {
        const rag_passage *p = &run->passages[s->cited[i] - 1];
        double near = s->vector ? 0 : rag_words_share(&p->words, &words);
        for (size_t k = 0; s->vector && p->vectors && k < p->sentences.count; k++) {
            double cosine = lh_ai_cosine(s->vector, p->vectors + k * run->dimensions, run->dimensions);
            if (cosine > near) near = cosine;
        }
        if (near > best) best = near;
    }
    *ret = best;
    return LH_OK;
}

/* asked: the words of the question. */
static lh_code support_tell(rag_run *run, const support_sentence *s, const rag_words *asked, lh_json *into,
                            lh_error *err) {
    lh_arena *arena = run->arena;
    lh_json *told = lh_json_new_object(arena), *citations = lh_json_new_array(arena);
    rag_words facts = {0}, lead = {0};
    double near = 0;
    LH_TRY(rag_words_of(run->terms, s->text, RAG_WORDS_FACTS, arena, &facts, err));
    LH_TRY(support_nearness(run, s, &near, err));
    LH_TRY(rag_words_of(run->terms, s->text, RAG_WORDS_LEAD, arena, &lead, err));
    bool known = rag_words_share(asked, &lead) == 1 || rag_facts_hold(&lead, run->passages, s->cited, s->cited_count);
    bool supported = s->cited_count > 0 && near >= RAG_SUPPORT_MIN && known &&
                     rag_facts_hold(&facts, run->passages, s->cited, s->cited_count);
    for (size_t i = 0; i < s->cited_count; i++) lh_json_append(citations, lh_json_new_uint(arena, s->cited[i]));
    lh_json_set_string(arena, told, "text", s->text);
    lh_json_set(arena, told, "citations", citations);
    lh_json_set_bool(arena, told, "supported", supported);
    lh_json_set(arena, told, "support", lh_json_new_real(arena, round(near * 1e4) / 1e4));
    lh_json_append(into, told);
    return lh_arena_check(arena, err);
}

/* Marks of a sentence stand within it, or behind it where only spaces come before them. */
static lh_code support_cite(rag_run *run, const rag_said *said, support_sentence *sentences, size_t count, bool *cited,
                            lh_error *err) {
    for (size_t i = 0; i < count; i++) {
        sentences[i].cited = LH_ARENA_ARRAY(run->arena, size_t, said->mark_count + 1);
        LH_TRY(lh_arena_check(run->arena, err));
    }
    for (size_t m = 0; m < said->mark_count; m++) {
        size_t at = 0;
        while (at + 1 < count && (size_t)(sentences[at + 1].text.ptr - said->plain.ptr) < said->marks[m].at) at++;
        if (count == 0) break;
        support_sentence *s = &sentences[at];
        bool again = false;
        for (size_t i = 0; i < s->cited_count; i++) again = again || s->cited[i] == said->marks[m].n;
        if (!again) s->cited[s->cited_count++] = said->marks[m].n;
        cited[said->marks[m].n - 1] = true;
    }
    return LH_OK;
}

lh_code rag_support(rag_run *run, const rag_said *said, lh_json **ret, lh_error *err) {
    lh_json *told = lh_json_new_array(run->arena);
    bool *cited = LH_ARENA_ARRAY(run->arena, bool, run->passage_count + 1);
    rag_sentences list = {0};
    float *vectors = NULL;
    rag_words asked = {0};
    LH_TRY(rag_words_of(run->terms, run->asked.question, RAG_WORDS_ALL, run->arena, &asked, err));
    LH_TRY(rag_sentences_of(run->sentences, said->plain, RAG_SENTENCES_SAID, run->arena, &list, err));
    size_t count = list.count < SUPPORT_TEXTS_MAX ? list.count : SUPPORT_TEXTS_MAX;
    support_sentence *sentences = LH_ARENA_ARRAY(run->arena, support_sentence, count + 1);
    lh_str *texts = LH_ARENA_ARRAY(run->arena, lh_str, count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < count; i++) sentences[i].text = texts[i] = list.items[i].text;
    LH_TRY(support_cite(run, said, sentences, count, cited, err));
    LH_TRY(rag_embed_passages(run, cited, err));
    if (said->mark_count) LH_TRY(rag_embed(run, texts, count, &vectors, err));
    for (size_t i = 0; i < count; i++) {
        sentences[i].vector = vectors ? vectors + i * run->dimensions : NULL;
        LH_TRY(support_tell(run, &sentences[i], &asked, told, err));
    }
    *ret = told;
    return LH_OK;
}
