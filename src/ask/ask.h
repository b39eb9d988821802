/* ask: a question in words to SQL over what its caller may see, and the answer.
 * Depends on: base, pii, ai, storage, catalog, engine, access. Used by: api. Thread-safe: any call, any thread. */
#ifndef LH_ASK_ASK_H
#define LH_ASK_ASK_H
#include "access/access.h"
#include "ai/ai.h"

typedef struct lh_ask lh_ask;
/* engine (attached), catalog, ai: borrowed for life. mask_key: lh_access_mask_key()'s, of which tokens are made. Owned: lh_ask_free(). Errors:
 * NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ask_new(lh_engine *engine, lh_catalog *catalog, lh_ai *ai, lh_str mask_key, lh_ask **ret,
                                 lh_error *err);
void lh_ask_free(lh_ask *ask); /* NULL is fine */
static inline void lh_ask_freep(lh_ask **ask) { lh_ask_free(*ask); }

typedef struct lh_ask_caller {
    lh_str by;
    const lh_governor *governor; /* what it sees; NULL: all */
    const lh_governor *views;    /* without a governor: all that there is, by lh_access_bind_all() */
    bool models;                 /* it may call models */
    bool tokens;                 /* personal data of a question goes to them as tokens */
    lh_cancel *cancel;           /* may be NULL */
    uint64_t timeout_ms;         /* of each statement, and of reading the question; 0: none */
    /* Each statement that ran, for the audit; may be NULL. */
    lh_code (*ran)(void *ctx, lh_str sql, const lh_query_told *told, const lh_query_outcome *outcome, lh_code code,
                   lh_error *err);
    void *ctx;
} lh_ask_caller; /* borrowed */

/* body: {"question","limit"?,"now"?,"tokens"?,"model"?,"parts"?:{"examples","planner","values","synonyms","model","grammar","repair"}}. *ret: {"question",
 * "refused": false,"answer","sql","columns","rows","row_count","truncated","chart":{"type","x","y"},"confidence","by": example|planner|model,
 * "model","unplaced","assumptions","repairs","elapsed_ms"}, or {"question","refused": true,"reason","unplaced","assumptions","nearest":{"question",
 * "sql"}|null,"confidence","elapsed_ms"}. Arena. Errors: INVALID, LIMIT (the question), and a statement's. */
LH_MUST_CHECK lh_code lh_ask_question(lh_ask *ask, const lh_json *body, const lh_ask_caller *caller, lh_arena *arena,
                                      lh_json **ret, lh_error *err);

#define LH_ASK_SILENT "the model does not answer" /* the reason of a refusal for want of the model */

/* ---- a dataset in a few sentences (summary.c) ---- */
/* body: {"model"?}. *ret: {"dataset","summary","by": model|facts,"model","facts","warning"}. Arena. Errors: NOT_FOUND (it sees none),
 * and a statement's. */
LH_MUST_CHECK lh_code lh_ask_summary(lh_ask *ask, lh_table_name name, const lh_json *body, const lh_ask_caller *caller,
                                     lh_arena *arena, lh_json **ret, lh_error *err);

/* ---- verified questions (examples.c): what an administrator says is the SQL of a question ---- */
/* body: {"question","sql"}; takes the place of one of the same words, and *ret_replaced says that there was one. *ret:
 * {"id","question","sql","created_by","created_at","replaced"}. The SQL must be one query, and run as the caller's. Errors: INVALID, LIMIT,
 * CONFLICT (others give the same one again and again), and a statement's. */
LH_MUST_CHECK lh_code lh_ask_example_put(lh_ask *ask, const lh_json *body, const lh_ask_caller *caller, lh_arena *arena,
                                         bool *ret_replaced, lh_json **ret, lh_error *err);
/* {"items":[…],"next_page_token"}, by id. Arena. */
LH_MUST_CHECK lh_code lh_ask_examples(lh_ask *ask, lh_page page, lh_arena *arena, lh_json **ret, lh_error *err);
/* One of them. Arena. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_ask_example_get(lh_ask *ask, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err);
/* Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_ask_example_delete(lh_ask *ask, lh_str id, lh_arena *arena, lh_error *err);
#endif
