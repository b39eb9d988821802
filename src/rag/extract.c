/* An answer without a model: of the passages the sentences that are nearest to the question, each with its mark. Nearness is the mean
 * of the cosine of the embeddings and of the share of the question's content words that the sentence has; without an embedder it is
 * that share. */
#include "rag/rag_internal.h"

enum { EXTRACT_SENTENCES = 4, EXTRACT_WORDS_MIN = 3 };
#define EXTRACT_SAME 0.95   /* two sentences that say the same */
#define EXTRACT_ECHO 0.8    /* so much of the question's words */
#define EXTRACT_OF_BEST 0.6 /* what is less near than so much of the nearest is no answer */

typedef struct {
    lh_str text;
    size_t n, order;
    double score;
    const float *vector; /* NULL: no embedder */
    bool is_part;        /* of a sentence */
    bool is_echo;        /* of the question: no answer */
} extract_sentence;

static int extract_compare(const void *a, const void *b) {
    const extract_sentence *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->order > y->order) - (x->order < y->order);
}

/* What is asked. */
typedef struct {
    rag_words content, all;
    bool is_question;    /* as its end says */
    const float *vector; /* NULL: no embedder */
} extract_asked;

static bool extract_is_question(lh_str text) {
    text = lh_str_trim(text);
    return lh_str_ends(text, LH_STR("?")) || lh_str_ends(text, LH_STR("\xEF\xBC\x9F")) || /* ？ */
           lh_str_ends(text, LH_STR("\xD8\x9F"));                                         /* ؟ */
}

static lh_str extract_first_word(lh_str text) { return lh_str_sub(text, 0, lh_str_find(text, ' ')); }

/* The question again, or nearly: all its words are the question's, and nearly all of the question's are there. "Bathing is allowed"
 * answers "Is bathing allowed?": what does not ask is an echo only when it begins as the question does. */
static bool extract_is_echo(const rag_run *run, const extract_asked *asked, const rag_words *words, lh_str text) {
    bool asks = extract_is_question(text);
    bool begins =
        asked->is_question && lh_str_eq_nocase(extract_first_word(text), extract_first_word(lh_str_trim(run->query)));
    return (asks || begins) && rag_words_share(&asked->all, words) == 1 &&
           rag_words_share(words, &asked->all) >= EXTRACT_ECHO;
}

static lh_code extract_score(rag_run *run, const extract_asked *asked, extract_sentence *s, lh_error *err) {
    rag_words words = {0};
    LH_TRY(rag_words_of(run->terms, s->text, RAG_WORDS_ALL, run->arena, &words, err));
    double share = asked->content.count ? rag_words_share(&words, &asked->content) : 0;
    double near = asked->vector && s->vector ? lh_ai_cosine(asked->vector, s->vector, run->dimensions) : share;
    bool asks = extract_is_question(s->text);
    s->score = (share + near) / 2;
    s->is_echo = extract_is_echo(run, asked, &words, s->text) || (asks && near > EXTRACT_SAME);
    if (words.count < EXTRACT_WORDS_MIN || s->is_part || asks) s->score -= 1; /* only where there is nothing else */
    return LH_OK;
}

/* Was it cut off where the passage begins or ends? */
static bool extract_is_part(const rag_passage *p, size_t at) {
    lh_str text = p->sentences[at];
    char first = text.ptr[0], last = text.ptr[text.len - 1];
    bool goes_on = (first >= 'a' && first <= 'z') || (first >= '0' && first <= '9');
    bool ends = strchr(".!?:;|\"')`", last) || (unsigned char)last >= 0x80;
    return p->sentence_count > 1 && ((at == 0 && p->start > 0 && goes_on) || (at + 1 == p->sentence_count && !ends));
}

static lh_code extract_ask(rag_run *run, extract_asked *ret, lh_error *err) {
    float *vector = NULL;
    LH_TRY(rag_words_of(run->terms, run->query, RAG_WORDS_CONTENT, run->arena, &ret->content, err));
    LH_TRY(rag_words_of(run->terms, run->query, RAG_WORDS_ALL, run->arena, &ret->all, err));
    LH_TRY(rag_embed(run, &run->query, 1, &vector, err));
    ret->vector = vector;
    ret->is_question = extract_is_question(run->query);
    return LH_OK;
}

static lh_code extract_all(rag_run *run, extract_sentence **ret, size_t *ret_count, lh_error *err) {
    size_t count = 0, at = 0;
    extract_asked asked = {0};
    for (size_t i = 0; i < run->passage_count; i++) count += run->passages[i].sentence_count;
    extract_sentence *all = LH_ARENA_ARRAY(run->arena, extract_sentence, count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    LH_TRY(extract_ask(run, &asked, err));
    for (size_t i = 0; i < run->passage_count; i++) {
        const rag_passage *p = &run->passages[i];
        for (size_t k = 0; k < p->sentence_count; k++) {
            all[at] = (extract_sentence){.text = p->sentences[k], .n = i + 1, .order = at};
            all[at].is_part = extract_is_part(p, k);
            if (p->vectors) all[at].vector = p->vectors + k * run->dimensions;
            LH_TRY(extract_score(run, &asked, &all[at], err));
            if (!all[at].is_echo) at++;
        }
    }
    qsort(all, at, sizeof *all, extract_compare);
    *ret = all;
    *ret_count = at;
    return LH_OK;
}

static bool extract_says_more(const rag_run *run, const extract_sentence *s, const extract_sentence *taken,
                              size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (lh_str_eq(s->text, taken[i].text)) return false;
        if (s->vector && taken[i].vector && lh_ai_cosine(s->vector, taken[i].vector, run->dimensions) > EXTRACT_SAME)
            return false;
    }
    return true;
}

/* A sentence over several lines is one line. */
static void extract_line(lh_buf *into, const extract_sentence *s) {
    if (into->len) lh_buf_char(into, '\n');
    for (size_t i = 0; i < s->text.len; i++) lh_buf_char(into, s->text.ptr[i] == '\n' ? ' ' : s->text.ptr[i]);
    lh_buf_printf(into, " [%zu]", s->n);
}

lh_code rag_extract(rag_run *run, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(RAG_TEXT_BYTES);
    bool *all = LH_ARENA_ARRAY(run->arena, bool, run->passage_count + 1);
    extract_sentence *sentences = NULL, taken[EXTRACT_SENTENCES];
    size_t count = 0, took = 0;
    LH_TRY(lh_arena_check(run->arena, err));
    memset(all, true, run->passage_count);
    LH_TRY(rag_embed_passages(run, all, err));
    LH_TRY(extract_all(run, &sentences, &count, err));
    for (size_t i = 0; i < count && took < EXTRACT_SENTENCES; i++) {
        if (i && sentences[i].score < EXTRACT_OF_BEST * sentences[0].score) break;
        if (!extract_says_more(run, &sentences[i], taken, took)) continue;
        taken[took++] = sentences[i];
        extract_line(&text, &sentences[i]);
    }
    LH_TRY(lh_buf_check(&text, err));
    *ret = lh_arena_dup(run->arena, lh_buf_str(&text));
    return lh_arena_check(run->arena, err);
}
