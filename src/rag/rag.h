/* rag: a question is answered from the texts of indexes, with citations that are checked.
 * Depends on: base, ai, vector. Used by: api, cli. Thread-safe: any call, any thread; calls block. Nothing of a question, a text or
 * an answer is logged, or stands in an error. */
#ifndef LH_RAG_RAG_H
#define LH_RAG_RAG_H
#include "ai/ai.h"
#include "vector/vector.h"

typedef struct lh_rag lh_rag;
typedef struct lh_rag_options {
    lh_vector *vector; /* borrowed for life, as ai */
    lh_ai *ai;
    lh_str locale;                                             /* of sentences and words */
    uint64_t context_tokens;                                   /* of a prompt and its answer together */
    uint64_t conversation_turns;                               /* that are kept of a conversation; 0: there are none */
    uint64_t conversations_per_principal, conversations_bytes; /* the one not used for longest goes */
    uint64_t conversation_ttl_ms;                              /* since its last turn */
} lh_rag_options;
/* Owned: lh_rag_free(). Errors: NO_MEMORY, INVALID (locale). */
LH_MUST_CHECK lh_code lh_rag_new(const lh_rag_options *options, lh_rag **ret, lh_error *err);
void lh_rag_free(lh_rag *rag); /* no call may be running; NULL is fine */
static inline void lh_rag_freep(lh_rag **rag) { lh_rag_free(*rag); }

typedef struct lh_rag_caller {
    lh_vector_caller reader;
    bool may_generate; /* may it call a model that generates? */
} lh_rag_caller;       /* borrowed */

/* What comes before the answer is whole. Any code but LH_OK ends the call, which then fails with it. */
typedef struct lh_rag_events {
    lh_code (*on_citations)(void *ctx, const lh_json *data, lh_error *err); /* {"citations","context"}; once */
    lh_code (*on_piece)(void *ctx, lh_str piece,
                        lh_error *err); /* without links that no passage has; not checked else */
    void *ctx;
} lh_rag_events;

/* body: {"question","index"|"indexes":[…],"k"?,"mode"? hybrid|hnsw|exact|text,"filter"?,"columns"?,"rerank"?,"min_score"?,
 * "max_context_tokens"?,"max_tokens"?,"temperature"?,"generate"?,"conversation_id"?}. *ret: {"answer","sentences":[{"text",
 * "citations":[n],"supported","support"}],"citations":[{"n","index","dataset","id","chunk","start","end","text","score","columns"}],
 * "context":{"passages","tokens","dropped"},"query","model","usage","no_answer","conversation_id","warnings":[…],"elapsed_ms"}; arena.
 * events: NULL for the answer alone. ret_datasets (arena): what was searched, also when the call failed behind that. Errors: those
 * of lh_vector_search() and lh_ai_generate(); INVALID, LIMIT (a member); NOT_FOUND (the conversation); DENIED (may_generate). */
LH_MUST_CHECK lh_code lh_rag_answer(lh_rag *rag, const lh_json *body, const lh_rag_caller *caller,
                                    const lh_rag_events *events, lh_arena *arena, lh_json **ret_datasets, lh_json **ret,
                                    lh_error *err);
typedef struct lh_rag_stats {
    uint64_t conversations, conversation_bytes; /* that are kept */
    uint64_t answers, no_answers;               /* no_answers: those of them that say so */
} lh_rag_stats;
lh_rag_stats lh_rag_get_stats(lh_rag *rag);
#endif
