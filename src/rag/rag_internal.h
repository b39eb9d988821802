/* What the files of rag share. */
#ifndef LH_RAG_RAG_INTERNAL_H
#define LH_RAG_RAG_INTERNAL_H
#include "rag/rag.h"

#include <pthread.h>

enum {
    RAG_QUESTION_BYTES = 8 << 10,
    RAG_INDEXES_MAX = 8,
    RAG_K = 8,
    RAG_K_MAX = 64,
    RAG_ANSWER_TOKENS = 512,     /* when the request does not say */
    RAG_CONTEXT_TOKENS_MIN = 64, /* of passages */
    RAG_TEXT_BYTES = 64 << 20,   /* cap of a text that is made here */
    RAG_SAID_BYTES = 256 << 10,  /* of what a model says; the rest is cut off */
    RAG_CONVERSATION_ID_BYTES = 64,
};
#define RAG_MIN_SCORE 0.25 /* a nearness by vector, where the request does not say */
#define RAG_SUPPORT_MIN 0.5
#define RAG_NO_ANSWER "The documents do not answer this question."

/* ---- read.c: what is asked ---- */
typedef enum { RAG_HYBRID, RAG_HNSW, RAG_EXACT, RAG_TEXT, RAG_MODES } rag_mode;
extern const char *const rag_mode_names[RAG_MODES];
typedef struct rag_request {
    lh_str question, indexes[RAG_INDEXES_MAX], conversation_id;
    size_t index_count;
    uint32_t k;
    rag_mode mode;
    const lh_json *filter, *columns, *rerank; /* as given */
    bool generate, has_temperature;
    double min_score, temperature;
    uint64_t max_context_tokens, max_tokens;
} rag_request; /* borrowed from the body */
LH_MUST_CHECK lh_code rag_read(const lh_json *body, uint64_t context_tokens, rag_request *ret, lh_error *err);

/* ---- words.c: what words a text has ---- */
typedef struct rag_words {
    lh_str *items; /* in order, each once: stems, and numbers without what groups their digits; arena */
    size_t count;
} rag_words;
bool rag_words_have(const rag_words *words, lh_str word);
/* How many of `of` they have; 1 when there is none in it. */
double rag_words_share(const rag_words *words, const rag_words *of);
typedef enum { RAG_WORDS_ALL, RAG_WORDS_CONTENT, RAG_WORDS_FACTS, RAG_WORDS_LEAD } rag_words_kind;
/* CONTENT: without words that stand in any text. FACTS: numbers, and names: words with a capital that do not begin the
 * text, and those with two. LEAD: the word that begins it, when it has a capital and may be a name. Errors: LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code rag_words_of(lh_terms *terms, lh_str text, rag_words_kind kind, lh_arena *arena, rag_words *ret,
                                   lh_error *err);
/* How many names and numbers it has; those that follow each other are one ("Owen Hill"). Of German none: its nouns look like them. */
LH_MUST_CHECK lh_code rag_words_names(lh_terms *terms, lh_str text, lh_arena *arena, size_t *ret, lh_error *err);
/* ---- sentences.c ---- */
typedef struct rag_sentence {
    lh_str text;
    lh_str under; /* the headings that it stands under, one after the other; empty: none that is in the text */
} rag_sentence;
typedef struct rag_sentences {
    rag_sentence *items; /* arena */
    size_t count;
} rag_sentences;
/* DOCUMENT: a single end of a line ends no sentence, and what is none is left out; PART: of one, but not its begin. */
typedef enum { RAG_SENTENCES_SAID, RAG_SENTENCES_DOCUMENT, RAG_SENTENCES_PART } rag_sentences_kind;
/* The sentences that have a letter, without what stands around them. *ret is borrowed from the text, or arena where it is of a
 * document. */
LH_MUST_CHECK lh_code rag_sentences_of(lh_breaks *sentences, lh_str text, rag_sentences_kind kind, lh_arena *arena,
                                       rag_sentences *ret, lh_error *err);

/* ---- a passage ---- */
typedef struct rag_passage {
    size_t at; /* its index, of the request's */
    lh_str dataset;
    const lh_json *id, *columns;
    int64_t chunk, start, end; /* characters of the row's text */
    lh_str text;               /* as the row has it */
    lh_str shown;              /* as a model and an answer may have it: rag_neutral() */
    double score;
    rag_sentences sentences; /* of shown */
    rag_words words;
    float *vectors; /* of the sentences; NULL: not embedded */
} rag_passage;      /* arena */

/* ---- one call ---- */
typedef struct rag_run {
    lh_rag *rag;
    const lh_rag_caller *caller;
    const lh_rag_events *events; /* may be NULL */
    lh_arena *arena;
    rag_request asked;
    lh_terms *terms; /* owned */
    lh_breaks *sentences;
    lh_str query; /* what is searched: the question, with what the conversation adds */
    lh_json *datasets, *warnings;
    rag_passage *passages; /* those of the context, n from 1 */
    size_t passage_count;
    bool counts; /* does the model tell its tokens? */
    uint64_t
        window; /* tokens of a prompt and its answer together: of the setting, or of the model where it takes fewer */
    uint64_t context_tokens, dropped;
    size_t dimensions; /* of the sentences' vectors */
} rag_run;
void rag_warn(rag_run *run, const char *format, ...) LH_PRINTF(2, 3);
lh_ai_call rag_call(const rag_run *run);

/* ---- retrieve.c ---- */
/* Sets passages, best first, at most k, and dropped. */
LH_MUST_CHECK lh_code rag_retrieve(rag_run *run, lh_error *err);
/* Of two hits of one row, [start, end) each, whose texts touch: one text. Arena. Empty: they do not. */
lh_str rag_join(lh_str a, int64_t a_start, int64_t a_end, lh_str b, int64_t b_start, int64_t b_end, lh_arena *arena);

/* ---- prompt.c: passages as data ---- */
typedef struct rag_boundary {
    char text[33];
} rag_boundary;
rag_boundary rag_boundary_new(void);
/* Appends the text without control and invisible characters; what is not UTF-8 is left out. */
void rag_visible(lh_str text, lh_buf *into);
/* The text as rag_visible() has it, without the boundary, what models take for a turn of their talk, and numbers in brackets,
 * which would pass for citations. Arena. */
LH_MUST_CHECK lh_code rag_neutral(lh_str text, lh_str boundary, lh_arena *arena, lh_str *ret, lh_error *err);
/* As a model counts, or more, but for numbers: of most models a token has three bytes or more. */
static inline uint64_t rag_tokens(lh_str text) { return (text.len + 2) / 3; }
typedef struct rag_turn {
    lh_str question, answer;
} rag_turn;
/* Keeps of the passages those that fit, numbers them, and counts. Errors: LIMIT (question and history leave no room). */
LH_MUST_CHECK lh_code rag_fit(rag_run *run, const rag_turn *turns, size_t turn_count, lh_error *err);
LH_MUST_CHECK lh_code rag_prompt(const rag_run *run, const rag_turn *turns, size_t turn_count, lh_str boundary,
                                 lh_ai_message **ret, size_t *ret_count, lh_error *err);
/* One that asks for the last question as one that stands alone. */
LH_MUST_CHECK lh_code rag_prompt_rewrite(const rag_run *run, const rag_turn *turns, size_t turn_count,
                                         lh_ai_message **ret, size_t *ret_count, lh_error *err);

/* ---- answer.c: what a model said, made safe ---- */
typedef struct rag_mark {
    size_t at; /* behind so many bytes of `plain` */
    size_t n;
} rag_mark;
typedef struct rag_said {
    lh_str text;  /* with marks [n] of passages that are there */
    lh_str plain; /* without marks */
    rag_mark *marks;
    size_t mark_count, invented, links; /* invented, links: taken out */
} rag_said;                             /* arena */
/* passages: what marks may name; only links of those that are cited stay. Errors: LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code rag_said_read(lh_str text, const rag_passage *passages, size_t count, lh_arena *arena,
                                    rag_said *ret, lh_error *err);
/* Takes pieces as they come, and hands on what is whole, without links that no passage has. */
typedef struct rag_filter {
    const rag_run *run;
    lh_buf held;   /* visible characters */
    char begun[4]; /* a character that is not whole yet */
    size_t begun_bytes;
    size_t scanned, taken;    /* scanned: of it; taken: in all */
    unsigned squares, rounds; /* brackets that are open */
    bool angle, definition;   /* in a tag; behind "]:" */
    bool address;             /* in a word that may be one */
    char before;
} rag_filter;
void rag_filter_init(rag_filter *filter, const rag_run *run);
void rag_filter_done(rag_filter *filter);
lh_code rag_filter_put(void *filter, lh_str piece, lh_error *err); /* fits lh_ai_piece_fn */
LH_MUST_CHECK lh_code rag_filter_end(rag_filter *filter, lh_error *err);

/* ---- links.c ---- */
/* Appends the text without links, images and tags whose address stands in none of the passages (those with cited[i], or all when it
 * is NULL); returns how many were taken out. One pass: what is left may form another. */
size_t rag_links_clean(lh_str text, const rag_passage *passages, size_t count, const bool *cited, lh_buf *into);

/* ---- support.c ---- */
/* Embeds the sentences of the passages that have none yet, of those with cited[i]. Without an embedder: nothing. */
LH_MUST_CHECK lh_code rag_embed_passages(rag_run *run, const bool *cited, lh_error *err);
/* Vectors of texts; NULL without an embedder. Arena. */
LH_MUST_CHECK lh_code rag_embed(rag_run *run, const lh_str *texts, size_t count, float **ret, lh_error *err);
/* Are all facts of a sentence among the words of the passages that it cites? */
bool rag_facts_hold(const rag_words *facts, const rag_passage *passages, const size_t *cited, size_t count);
/* [{"text","citations","supported","support"}] of what was said. */
LH_MUST_CHECK lh_code rag_support(rag_run *run, const rag_said *said, lh_json **ret, lh_error *err);

/* ---- extract.c ---- */
/* Appends the sentence as a line with the mark of its passage, the n-th: read again, with others around it, that mark is the only
 * one of it, whatever the document has hidden in it. */
LH_MUST_CHECK lh_code rag_extract_line(lh_str sentence, const rag_passage *passages, size_t n, lh_arena *arena,
                                       lh_buf *into, lh_error *err);
/* The best sentences of the passages, a line each, with their marks. */
LH_MUST_CHECK lh_code rag_extract(rag_run *run, lh_str *ret, lh_error *err);

/* ---- talk.c: conversations ---- */
typedef struct rag_talk rag_talk;
typedef struct rag_talk_limits {
    uint64_t turns, per_principal, bytes, ttl_ms;
} rag_talk_limits;
LH_MUST_CHECK lh_code rag_talk_new(rag_talk_limits limits, rag_talk **ret, lh_error *err);
void rag_talk_free(rag_talk *talk);
/* The turns of a conversation of that principal, the oldest first; arena. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code rag_talk_turns(rag_talk *talk, lh_str id, lh_str principal, uint64_t now_ms, lh_arena *arena,
                                     rag_turn **ret, size_t *ret_count, lh_error *err);
/* Adds a turn, and begins the conversation when there is none of that id. Without room for it: nothing. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code rag_talk_add(rag_talk *talk, lh_str id, lh_str principal, uint64_t now_ms, const rag_turn *turn,
                                   lh_error *err);
void rag_talk_count(rag_talk *talk, uint64_t now_ms, uint64_t *ret_count, uint64_t *ret_bytes);

struct lh_rag {
    lh_vector *vector;
    lh_ai *ai;
    lh_str locale; /* owned */
    uint64_t context_tokens;
    rag_talk *talk;       /* owned */
    bool talks;           /* are conversations kept? */
    pthread_mutex_t lock; /* guards stats */
    lh_rag_stats stats;
};
#endif
