/* An answer without a model: of the passages the sentences that are nearest to the question, each with its mark. Nearness is the mean
 * of the cosine of the embeddings and of the share of the question's content words that the sentence has; without an embedder it is
 * that share. A sentence also speaks of what is spoken of around it ("## Reset", "Hold the button."), so a part of the nearness of its
 * headings, or of the sentence before it, is added. What follows the best sentence is said with it.
 *
 * Some sentence is always the nearest, also where none is an answer: the best must be near enough itself, or stand under what is
 * asked, and speak of who or what is asked about. */
#include "rag/rag_internal.h"

enum { EXTRACT_SENTENCES = 4, EXTRACT_WORDS_MIN = 3, EXTRACT_ROUNDS = 4 };
#define EXTRACT_SAME 0.95   /* two sentences that say the same */
#define EXTRACT_ECHO 0.8    /* so much of the question's words */
#define EXTRACT_AROUND 0.5  /* of the nearness of what a sentence stands under or behind */
#define EXTRACT_MIN 0.35    /* of the score of a sentence that answers */
#define EXTRACT_STRANGE 0.6 /* of the nearness of one that has not all names and numbers of the question around it */
#define EXTRACT_SHARE 0.5   /* of the question's words, more of them: by them it is near enough */
#define EXTRACT_UNDER 0.6   /* of the nearness of a heading, or of a question before it, that is what is asked */
#define EXTRACT_OF_BEST 0.6 /* what is less near than so much of the nearest is no answer */

typedef struct {
    lh_str text, under; /* under: headings */
    size_t n, order;
    double score, near;  /* near: it alone, without what takes from its score or adds to it */
    const float *vector; /* NULL: no embedder */
    bool answers;        /* is it near enough to be one? */
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
    rag_words content, all, facts;
    size_t names;        /* of the facts: "Owen Hill" is one */
    rag_words rest;      /* content words that are no facts: what is asked of those */
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

static lh_code extract_near(rag_run *run, const extract_asked *asked, lh_str text, const float *vector,
                            rag_words *words, double *ret_cosine, double *ret, lh_error *err) {
    LH_TRY(rag_words_of(run->terms, text, RAG_WORDS_ALL, run->arena, words, err));
    double share = asked->content.count ? rag_words_share(words, &asked->content) : 0;
    *ret_cosine = asked->vector && vector ? lh_ai_cosine(asked->vector, vector, run->dimensions) : share;
    *ret = (share + *ret_cosine) / 2;
    return LH_OK;
}

/* What a sentence stands under or behind: how near it is, and has it a word of what is asked, but for names and numbers? */
typedef struct {
    double near;
    bool tells;
} extract_around;

/* Does it speak of something else: is a name or a number of the question not in the passage, or has the sentence, with what is around
 * it, of a question about one name nothing that is asked of it ("To: Owen Hill" does not tell which team he supports)? Where all
 * words have a capital that says nothing. */
static bool extract_is_strange(const rag_passage *p, const extract_asked *asked, bool tells) {
    return asked->rest.count > 0 && ((asked->names == 1 && !tells) || rag_words_share(&p->words, &asked->facts) < 1);
}

static lh_code extract_score(rag_run *run, const extract_asked *asked, extract_around around, extract_around *ret,
                             extract_sentence *s, lh_error *err) {
    rag_words words = {0};
    double cosine;
    LH_TRY(extract_near(run, asked, s->text, s->vector, &words, &cosine, &s->near, err));
    bool asks = extract_is_question(s->text);
    *ret = (extract_around){s->near, rag_words_share(&words, &asked->rest) > 0};
    s->score = s->near + EXTRACT_AROUND * around.near;
    bool tells = ret->tells || around.tells;
    bool near = cosine >= run->asked.min_score || 2 * s->near - cosine > EXTRACT_SHARE ||
                (tells && around.near >= EXTRACT_UNDER);
    bool strange = s->near < EXTRACT_STRANGE && extract_is_strange(&run->passages[s->n - 1], asked, tells);
    s->answers = near && s->score >= EXTRACT_MIN && !strange;
    s->is_echo = extract_is_echo(run, asked, &words, s->text) || (asks && cosine > EXTRACT_SAME);
    if (words.count < EXTRACT_WORDS_MIN || s->is_part || asks || strange)
        s->score -= 1; /* only where there is nothing else */
    return LH_OK;
}

/* Was it cut off where the passage begins or ends? */
static bool extract_is_part(const rag_passage *p, size_t at) {
    lh_str text = p->sentences.items[at].text;
    char first = text.ptr[0], last = text.ptr[text.len - 1];
    bool goes_on = (first >= 'a' && first <= 'z') || (first >= '0' && first <= '9');
    bool ends = strchr(".!?:;|\"')`", last) || (unsigned char)last >= 0x80 || lh_str_ends(p->text, LH_STR("\n")) ||
                lh_str_search(text, LH_STR(" | ")) != SIZE_MAX;
    return p->sentences.count > 1 && ((at == 0 && p->start > 0 && goes_on) || (at + 1 == p->sentences.count && !ends));
}

static lh_code extract_ask(rag_run *run, extract_asked *ret, lh_error *err) {
    float *vector = NULL;
    LH_TRY(rag_words_of(run->terms, run->query, RAG_WORDS_CONTENT, run->arena, &ret->content, err));
    LH_TRY(rag_words_of(run->terms, run->query, RAG_WORDS_ALL, run->arena, &ret->all, err));
    LH_TRY(rag_words_of(run->terms, run->query, RAG_WORDS_FACTS, run->arena, &ret->facts, err));
    LH_TRY(rag_words_names(run->terms, run->query, run->arena, &ret->names, err));
    LH_TRY(rag_embed(run, &run->query, 1, &vector, err));
    ret->rest.items = LH_ARENA_ARRAY(run->arena, lh_str, ret->content.count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < ret->content.count; i++)
        if (!rag_words_have(&ret->facts, ret->content.items[i]))
            ret->rest.items[ret->rest.count++] = ret->content.items[i];
    ret->vector = vector;
    ret->is_question = extract_is_question(run->query);
    return LH_OK;
}

/* Of the headings of each passage, those of sentences that follow each other once. Arena. */
static lh_code extract_headings(rag_run *run, const rag_passage *p, const extract_asked *asked, extract_around **ret,
                                lh_error *err) {
    const rag_sentences *list = &p->sentences;
    lh_str *texts = LH_ARENA_ARRAY(run->arena, lh_str, list->count + 1);
    extract_around *around = LH_ARENA_ARRAY(run->arena, extract_around, list->count + 1), last = {0};
    float *vectors = NULL;
    rag_words words = {0};
    size_t count = 0, at = 0;
    double cosine;
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t k = 0; k < list->count; k++)
        if (list->items[k].under.len && (k == 0 || list->items[k].under.ptr != list->items[k - 1].under.ptr))
            texts[count++] = lh_str_cut_utf8(list->items[k].under, LH_LIMIT_AI_TEXT_BYTES);
    LH_TRY(rag_embed(run, texts, count, &vectors, err));
    for (size_t k = 0; k < list->count; k++) {
        bool same = k && list->items[k].under.ptr == list->items[k - 1].under.ptr;
        if (list->items[k].under.len == 0) last = (extract_around){0};
        else if (!same) {
            LH_TRY(extract_near(run, asked, texts[at], vectors ? vectors + at * run->dimensions : NULL, &words, &cosine,
                                &last.near, err));
            last.tells = rag_words_share(&words, &asked->rest) > 0;
            at++;
        }
        around[k] = last;
    }
    *ret = around;
    return LH_OK;
}

static lh_code extract_passage(rag_run *run, size_t n, const extract_asked *asked, extract_sentence *all, size_t *at,
                               lh_error *err) {
    const rag_passage *p = &run->passages[n - 1];
    extract_around *headings = NULL, before = {0};
    LH_TRY(extract_headings(run, p, asked, &headings, err));
    for (size_t k = 0; k < p->sentences.count; k++) {
        extract_sentence *s = &all[*at];
        *s = (extract_sentence){.text = p->sentences.items[k].text, .under = p->sentences.items[k].under, .n = n};
        s->order = *at;
        s->is_part = extract_is_part(p, k);
        if (p->vectors) s->vector = p->vectors + k * run->dimensions;
        const extract_around around = {headings[k].near > before.near ? headings[k].near : before.near,
                                       headings[k].tells || before.tells};
        LH_TRY(extract_score(run, asked, around, &before, s, err));
        if (!s->is_echo) ++*at;
    }
    return LH_OK;
}

static lh_code extract_all(rag_run *run, extract_sentence **ret, size_t *ret_count, lh_error *err) {
    size_t count = 0, at = 0;
    extract_asked asked = {0};
    for (size_t i = 0; i < run->passage_count; i++) count += run->passages[i].sentences.count;
    extract_sentence *all = LH_ARENA_ARRAY(run->arena, extract_sentence, count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    LH_TRY(extract_ask(run, &asked, err));
    for (size_t i = 0; i < run->passage_count; i++) LH_TRY(extract_passage(run, i + 1, &asked, all, &at, err));
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

/* What is taken out when an answer is read leaves another mark behind ("[2[<b x=y>1]]"), so all of it goes here, until nothing does. */
static lh_code extract_read(lh_str sentence, const rag_passage *passage, lh_arena *arena, lh_str *ret, lh_error *err) {
    for (int round = 0; round < EXTRACT_ROUNDS; round++) {
        rag_said said = {0};
        lh_str cited = lh_arena_printf(arena, "%.*s [1]", LH_STR_ARG(sentence)), before = sentence; /* its links stay */
        LH_TRY(lh_arena_check(arena, err));
        LH_TRY(rag_said_read(cited, passage, 1, arena, &said, err));
        LH_TRY(rag_neutral(said.plain, LH_STR_NONE, arena, &sentence, err));
        if (!lh_str_eq(sentence, before)) continue;
        *ret = sentence;
        return LH_OK;
    }
    *ret = LH_STR_NONE; /* without end: not shown */
    return LH_OK;
}

lh_code rag_extract_line(lh_str sentence, const rag_passage *passages, size_t n, lh_arena *arena, lh_buf *into,
                         lh_error *err) {
    LH_TRY(extract_read(sentence, &passages[n - 1], arena, &sentence, err));
    if (sentence.len == 0) return LH_OK;
    if (into->len) lh_buf_char(into, '\n');
    size_t ended = sentence.len; /* tags */
    while (ended > 0 && sentence.ptr[ended - 1] != '>') ended--;
    for (size_t i = 0; i < sentence.len; i++) {
        char c = sentence.ptr[i];
        lh_buf_char(into, c == '\n' ? ' ' : c);
        if (c == '<' && i >= ended) lh_buf_char(into, ' '); /* the next line would end it, and take the mark with it */
    }
    lh_buf_printf(into, " [%zu]", n);
    return LH_OK;
}

/* The sentence behind the best one, where it goes on with it; NULL: none. */
static const extract_sentence *extract_next(const extract_sentence *all, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (all[i].n == all[0].n && all[i].order == all[0].order + 1)
            return all[i].score >= 0 && lh_str_eq(all[i].under, all[0].under) ? &all[i] : NULL;
    return NULL;
}

/* Of the sentences, best first, those to say: the return value is how many. */
static size_t extract_take(const rag_run *run, const extract_sentence *all, size_t count,
                           extract_sentence taken[EXTRACT_SENTENCES]) {
    size_t took = 0;
    if (count == 0) return 0;
    taken[took++] = all[0];
    const extract_sentence *next = extract_next(all, count);
    if (next && extract_says_more(run, next, taken, took)) taken[took++] = *next;
    for (size_t i = 1; i < count && took < EXTRACT_SENTENCES; i++) {
        if (all[i].score < EXTRACT_OF_BEST * all[0].score) break;
        if (extract_says_more(run, &all[i], taken, took)) taken[took++] = all[i];
    }
    return took;
}

lh_code rag_extract(rag_run *run, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(RAG_TEXT_BYTES);
    bool *all = LH_ARENA_ARRAY(run->arena, bool, run->passage_count + 1);
    extract_sentence *sentences = NULL, taken[EXTRACT_SENTENCES];
    size_t count = 0, took;
    LH_TRY(lh_arena_check(run->arena, err));
    memset(all, true, run->passage_count);
    LH_TRY(rag_embed_passages(run, all, err));
    LH_TRY(extract_all(run, &sentences, &count, err));
    took = extract_take(run, sentences, count, taken);
    for (size_t i = 0; i < took && taken[0].answers; i++)
        LH_TRY(rag_extract_line(taken[i].text, run->passages, taken[i].n, run->arena, &text, err));
    LH_TRY(lh_buf_check(&text, err));
    *ret = lh_arena_dup(run->arena, lh_buf_str(&text));
    return lh_arena_check(run->arena, err);
}
