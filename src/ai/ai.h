/* ai: one interface to models that embed, generate and rerank, in process or at an endpoint; which, the configuration says.
 * Depends on: base. Used by: vector, rag, api, cli. Thread-safe: any call, any thread; calls block. Nothing of a prompt, a text or a key is
 * logged, or stands in an error. */
#ifndef LH_AI_AI_H
#define LH_AI_AI_H
#include "base/base.h"

typedef enum lh_ai_task { LH_AI_EMBED, LH_AI_GENERATE, LH_AI_RERANK, LH_AI_TASKS } lh_ai_task;
extern const char *const lh_ai_task_names[LH_AI_TASKS]; /* "embed", … */

bool lh_ai_task_of(lh_str name, lh_ai_task *ret); /* false: there is no such task */

typedef struct lh_ai lh_ai;
/* Takes the settings of [ai]; does no I/O: a model in process is loaded by the first call that needs it. config: borrowed for
 * life. Owned: lh_ai_free(). Errors: INVALID (a setting), NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ai_open(const lh_config *config, lh_ai **ret, lh_error *err);
void lh_ai_free(lh_ai *ai); /* no call may be running; NULL is fine */
static inline void lh_ai_freep(lh_ai **ai) { lh_ai_free(*ai); }

/* Who asks, and how long it may take. */
typedef struct lh_ai_call {
    lh_str model;                  /* by name, or a file's path; empty: the one in use for the task */
    lh_str version; /* of the named one: a superseded version does the call when it is this; else the model's own */
    lh_str principal;              /* whose tokens are counted */
    const _Atomic bool *cancelled; /* once true the call ends with CANCELLED within a second; NULL is fine */
    uint64_t timeout_ms;           /* of the whole call, tries included; 0: each try has ai.timeout_ms */
} lh_ai_call;

typedef struct lh_ai_model {
    lh_str provider, name;
    lh_str version; /* another one when the same text may give other vectors; empty: the provider does not tell */
} lh_ai_model;
/* Do both make the same vectors? A file is known by its version, wherever it lies; others by their name too. */
bool lh_ai_is_same(const lh_ai_model *a, const lh_ai_model *b);
/* {"provider","name","version"}, null for no version; arena. */
lh_json *lh_ai_model_json(const lh_ai_model *model, lh_arena *arena);

/* Errors of all three tasks below: INVALID (what is asked; the endpoint's refusal of it), LIMIT (a cap of limits.h, or of the
 * endpoint's answer), NOT_FOUND (call->model), CONFLICT (it is another than was registered), UNAVAILABLE (the task has no model; the
 * endpoint does not answer, refuses the key, or its breaker is open; too many calls wait), CORRUPT (an answer that makes no sense),
 * CANCELLED, NO_MEMORY. */

typedef struct lh_ai_embeddings {
    float *values; /* arena: `dimensions` of each text, in the order of the texts; all finite */
    size_t count, dimensions;
    lh_ai_model model; /* arena */
    uint64_t tokens;   /* as the provider counts */
} lh_ai_embeddings;
/* Up to LH_LIMIT_AI_TEXTS texts of LH_LIMIT_AI_TEXT_BYTES; none may be empty. */
LH_MUST_CHECK lh_code lh_ai_embed(lh_ai *ai, const lh_ai_call *call, const lh_str *texts, size_t count, lh_arena *arena,
                                  lh_ai_embeddings *ret, lh_error *err);
/* The same, of texts that come again: a vector that was made for the principal and is kept (ai.kept_bytes) is not made again, and
 * ret->tokens are those of the others. */
LH_MUST_CHECK lh_code lh_ai_embed_kept(lh_ai *ai, const lh_ai_call *call, const lh_str *texts, size_t count,
                                       lh_arena *arena, lh_ai_embeddings *ret, lh_error *err);
double lh_ai_cosine(const float *a, const float *b, size_t dimensions); /* 0 when one of them is all zeros */

typedef struct lh_ai_message {
    lh_str role, content; /* role: system, user or assistant */
} lh_ai_message;
typedef struct lh_ai_prompt { /* zeroed: a prompt without options */
    const lh_ai_message *messages;
    size_t message_count;
    bool has_temperature, has_seed;
    double temperature; /* 0 to 2 */
    double top_p;       /* only the likeliest tokens that make up so much together: above 0, to 1; 0: all */
    uint64_t seed;
    uint64_t max_tokens; /* 0: the provider's */
    const lh_str *stops; /* where one comes up the text ends, without it */
    size_t stop_count;
    const lh_json *json_schema; /* the text is JSON of that schema; NULL: any text */
    lh_str grammar;             /* GBNF, which the text follows; empty: none. Not with json_schema */
} lh_ai_prompt;
/* A piece of the text as it comes. Any code but LH_OK ends the call, which then fails with it. */
typedef lh_code (*lh_ai_piece_fn)(void *ctx, lh_str piece, lh_error *err);
typedef struct lh_ai_text {
    lh_str text;                    /* arena; all of it, also when it went to on_piece */
    lh_str finish_reason;           /* "stop", "length", or the provider's word; arena */
    lh_ai_model model;              /* arena */
    uint64_t prompt_tokens, tokens; /* tokens: of the text; 0 when the provider does not tell */
} lh_ai_text;
/* on_piece NULL: only the whole. A call that failed after its first piece is not tried again. */
LH_MUST_CHECK lh_code lh_ai_generate(lh_ai *ai, const lh_ai_call *call, const lh_ai_prompt *prompt,
                                     lh_ai_piece_fn on_piece, void *ctx, lh_arena *arena, lh_ai_text *ret,
                                     lh_error *err);

typedef struct lh_ai_score {
    size_t document; /* its index */
    double score;    /* larger fits better; comparable within one call */
} lh_ai_score;
typedef struct lh_ai_ranking {
    lh_ai_score *scores; /* arena; best first */
    size_t count;
    lh_ai_model model; /* arena */
    uint64_t tokens;
} lh_ai_ranking;
/* Of the documents the top_n that fit the query best; 0: all. A generator is never asked instead. */
LH_MUST_CHECK lh_code lh_ai_rerank(lh_ai *ai, const lh_ai_call *call, lh_str query, const lh_str *documents,
                                   size_t count, size_t top_n, lh_arena *arena, lh_ai_ranking *ret, lh_error *err);

/* Tokens of a text, as the model counts them. Errors: as above; INVALID (it does not tell). */
LH_MUST_CHECK lh_code lh_ai_count_tokens(lh_ai *ai, lh_ai_task task, const lh_ai_call *call, lh_str text, uint64_t *ret,
                                         lh_error *err);

/* Tokens of a prompt and its answer together that the model takes; 0: not known. One in process is loaded to tell. Errors: as above. */
LH_MUST_CHECK lh_code lh_ai_context_tokens(lh_ai *ai, lh_ai_task task, const lh_ai_call *call, uint64_t *ret,
                                           lh_error *err);

/* ---- which models there are ---- */
typedef struct lh_ai_definition {
    lh_ai_task task;
    lh_str name; /* that calls say */
    lh_str provider, model, url,
        api_key;    /* as in the configuration: model is a file's path, or the endpoint's name for it */
    lh_str version; /* that it has to be, or of a model whose provider does not tell; empty: any */
    uint64_t
        context_tokens; /* of a prompt and its answer together, of a model whose provider does not tell; 0: not known */
    int64_t since_ms;   /* since when it has the name, Unix milliseconds; 0: now */
} lh_ai_definition; /* borrowed */
enum { LH_AI_VERSIONS_MAX = 4 };
/* Adds a model beside the configured one, or in the place of the added one of that name, which serves its last calls. versions: of one
 * name and task, 1 to LH_AI_VERSIONS_MAX of them; the first does the calls, the others are superseded: each does those that ask for its
 * version, loaded for the first of them. The first stays as it is where it is there already. Loads and asks nothing. Errors: INVALID,
 * CONFLICT (the configuration has that name), LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ai_add(lh_ai *ai, const lh_ai_definition *versions, size_t count, lh_error *err);
/* Would lh_ai_add() take it? Loads and asks nothing. Errors: INVALID, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ai_check(lh_ai *ai, const lh_ai_definition *definition, lh_error *err);
/* The added one of that name, if there is one, with its superseded versions; who used it has the task's again. */
void lh_ai_remove(lh_ai *ai, lh_ai_task task, lh_str name);
/* From now on the calls of that principal, or with an empty one of all who have none of their own, that name no model have this
 * one; an empty name: the task's again. Errors: NOT_FOUND, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ai_use(lh_ai *ai, lh_ai_task task, lh_str principal, lh_str name, lh_error *err);
/* What stands for the version of a model whose provider tells none: the first digits of the SHA-256 of where it is and of its name
 * there, so that vectors of two endpoints are told apart. */
lh_str lh_ai_endpoint_version(lh_str url, lh_str model, lh_arena *arena);
/* The file of a model of the provider llama: of a name without '/' in models/ beside the binary. Errors: INVALID, IO. */
LH_MUST_CHECK lh_code lh_ai_model_file(lh_str model, char into[4096], lh_error *err);
/* What takes up models that somebody else registered: called before a call is told that there is none of its name, or done by another
 * version than it asks for. Set before the first call and after the last; fn NULL: nothing does. */
void lh_ai_set_follow(lh_ai *ai, void (*fn)(void *ctx), void *ctx);
void lh_ai_follow(lh_ai *ai); /* the same, for who is about to rely on a version */
/* Is there a model that would do the call? Without one it is UNAVAILABLE. */
bool lh_ai_has(lh_ai *ai, lh_ai_task task, const lh_ai_call *call);
/* Which would do the call; its version as far as it is known. Arena. Errors: UNAVAILABLE (there is none), NOT_FOUND. */
LH_MUST_CHECK lh_code lh_ai_find(lh_ai *ai, lh_ai_task task, const lh_ai_call *call, lh_arena *arena, lh_ai_model *ret,
                                 lh_error *err);
/* Does the model of that name make other vectors now, as far as is known? *ret: it, arena; *ret_since_ms: since when it has the name.
 * Asks no endpoint. */
bool lh_ai_has_changed(lh_ai *ai, lh_ai_task task, const lh_ai_model *model, lh_arena *arena, lh_ai_model *ret,
                       int64_t *ret_since_ms);
/* {"items":[{"task","provider","model","version","source":"configuration|registered","in_use"}]}: version null when it is not known;
 * in_use: by the calls of who has none of its own. Does no I/O. Arena. */
LH_MUST_CHECK lh_code lh_ai_models(lh_ai *ai, lh_arena *arena, lh_json **ret, lh_error *err);
/* {"status","tasks":[{"task","provider","model","in_use","status":"ok|failed|none","breaker":"closed|open|half_open"|null,"elapsed_ms",
 * "message"?}]}: asks each endpoint, at most once a second; of a task without one status none. `status` is of those in use. Arena. */
LH_MUST_CHECK lh_code lh_ai_health(lh_ai *ai, lh_arena *arena, lh_json **ret, lh_error *err);
/* {"items":[{"principal","task","calls","failed","tokens_in","tokens_out"}]} since the start, by principal; of one principal, or
 * with an empty one of all. Arena. */
LH_MUST_CHECK lh_code lh_ai_usage(lh_ai *ai, lh_str principal, lh_arena *arena, lh_json **ret, lh_error *err);
/* Appends its metrics in Prometheus' text format. */
void lh_ai_metrics(lh_ai *ai, lh_buf *into);
#endif
