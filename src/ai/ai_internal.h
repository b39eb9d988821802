/* Private to ai: providers, and what stands between a call and its provider. See ai.c for the way of a call. */
#ifndef LH_AI_AI_INTERNAL_H
#define LH_AI_AI_INTERNAL_H
#include "ai/ai.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- providers ---- */
typedef struct ai_setup { /* borrowed for life */
    lh_ai_task task;
    lh_str model, url, api_key; /* url: without a slash at its end */
    lh_http_client *http;
} ai_setup;
/* One try of a call. */
typedef struct ai_try {
    const ai_setup *setup;
    const _Atomic bool *cancelled;
    uint64_t timeout_ms;       /* 0: none */
    uint64_t call_deadline_ms; /* of all tries; 0: none */
    bool asked;          /* false: the breaker kept it from the provider */
    bool only_too_long;  /* set by the provider: a 400 is a refusal only when it says that the text is too long */
    /* set by the provider when the try failed: */
    bool again;              /* may be tried again: connect, time-out, 429, 5xx */
    bool alive;              /* the endpoint answered and refused: no sign that it is down */
    uint64_t retry_after_ms; /* 0: the endpoint did not say */
} ai_try;
/* Where the text of a generation goes; ai_sink_put() for each piece. */
typedef struct ai_sink {
    lh_buf text; /* the whole */
    lh_ai_piece_fn on_piece;
    void *ctx;
    bool began; /* a piece went to on_piece */
} ai_sink;
/* Errors: LIMIT (LH_LIMIT_AI_ANSWER_BYTES), on_piece's. */
LH_MUST_CHECK lh_code ai_sink_put(ai_sink *sink, lh_str piece, lh_error *err);

/* A way to reach models. Each task that it serves has a state of its own; calls come from any thread, several at once. A task
 * whose function is NULL is not served. Functions fill `one` when they fail. */
struct ai_provider_ops {
    const char *name;
    bool remote;       /* has a url: is tried again, and has a breaker */
    const char *model; /* when the setting is empty; NULL: it must be set */
    const char *url;   /* the same, of who is remote */
    bool ends_texts;   /* also those without max_tokens, which else have ai.max_tokens */
    /* Looks at the settings. Also run by commands that call no model: one in process is loaded by its first call. */
    lh_code (*open)(const ai_setup *setup, void **ret, lh_error *err);
    void (*close)(void *state); /* NULL is fine */
    /* ret->values, and ret->model.version where there is one: arena; the rest of ret->model is not set here. */
    lh_code (*embed)(void *state, ai_try *one, const lh_str *texts, size_t count, lh_arena *arena,
                     lh_ai_embeddings *ret, lh_error *err);
    /* Pieces go to the sink; ret->text is not set here. ret->model as above. */
    lh_code (*generate)(void *state, ai_try *one, const lh_ai_prompt *prompt, ai_sink *sink, lh_arena *arena,
                        lh_ai_text *ret, lh_error *err);
    /* ret->scores: arena, one a document at most, in any order. ret->model as above. */
    lh_code (*rerank)(void *state, ai_try *one, lh_str query, const lh_str *documents, size_t count, size_t top_n,
                      lh_arena *arena, lh_ai_ranking *ret, lh_error *err);
    /* The model's version, as far as it is known; asks nobody. Arena. NULL: never known. */
    lh_str (*version)(void *state, lh_arena *arena);
    /* Tokens of a text, with those that the model puts around it. NULL: not told. */
    lh_code (*count)(void *state, lh_str text, uint64_t *ret, lh_error *err);
    /* Tokens of a prompt and its answer together. NULL: not told. */
    lh_code (*context)(void *state, uint64_t *ret, lh_error *err);
    /* Does it answer, and has it the model? NULL: always. */
    lh_code (*check)(void *state, ai_try *one, lh_arena *arena, lh_error *err);
};
extern const struct ai_provider_ops ai_provider_llama, ai_provider_hash, ai_provider_openai, ai_provider_ollama;

/* ---- events.c: the stream of an endpoint, cut into events as it comes ---- */
typedef enum {
    AI_EVENTS_SSE,   /* server-sent events: the data of each */
    AI_EVENTS_LINES, /* NDJSON: each line that is not blank */
    AI_EVENTS_WHOLE, /* all of it is one */
} ai_events_kind;
typedef struct ai_events {
    ai_events_kind kind;
    lh_code (*on_event)(void *ctx, lh_str data, lh_error *err); /* any code but LH_OK ends the stream */
    void *ctx;
    lh_buf line, data; /* begun: of LH_LIMIT_AI_EVENT_BYTES */
    bool after_cr, after_start, has_data;
} ai_events;
void ai_events_init(ai_events *events, ai_events_kind kind, lh_code (*on_event)(void *ctx, lh_str data, lh_error *err),
                    void *ctx);
void ai_events_done(ai_events *events);
/* Errors: LIMIT (an event is larger), on_event's. */
LH_MUST_CHECK lh_code ai_events_feed(ai_events *events, lh_str bytes, lh_error *err);
LH_MUST_CHECK lh_code ai_events_end(ai_events *events, lh_error *err); /* what is begun is an event */

/* ---- endpoint.c: one exchange with an endpoint ---- */
typedef struct ai_exchange {
    ai_try *one;
    const char *method, *path; /* path: behind setup->url */
    const lh_json *body;       /* NULL: none */
    lh_arena *arena;           /* for the exchange; AI_EXCHANGE_BYTES will do */
} ai_exchange;
enum { AI_EXCHANGE_BYTES = 256 << 20 };
/* The JSON that is answered. Errors: those of ai.h; UNAVAILABLE with one->again, alive and retry_after_ms set. */
LH_MUST_CHECK lh_code ai_endpoint_ask(const ai_exchange *exchange, lh_json **ret, lh_error *err);
/* The answer goes to events, as it comes. */
LH_MUST_CHECK lh_code ai_endpoint_stream(const ai_exchange *exchange, ai_events *events, lh_error *err);
/* Arrays for a request's body. Arena. */
lh_json *ai_endpoint_texts(const lh_str *texts, size_t count, lh_arena *arena);
lh_json *ai_endpoint_messages(const lh_ai_prompt *prompt, lh_arena *arena);
/* An error that stands in a good answer. Always fails. */
LH_MUST_CHECK lh_code ai_endpoint_failed(const ai_exchange *exchange, const lh_json *answer, lh_error *err);

/* ---- gate.c: what a call passes on its way; times are given, so that tests have their own clock ---- */
typedef struct ai_breaker {
    unsigned failures_max; /* 0: never opens */
    uint64_t open_ms;
    pthread_mutex_t lock;   /* guards all below */
    unsigned failures;      /* one after another */
    uint64_t open_until_ms; /* 0: closed */
    bool probing;           /* half open: one call is let through */
    uint64_t opened;        /* how often */
} ai_breaker;
typedef enum { AI_BREAKER_CLOSED, AI_BREAKER_OPEN, AI_BREAKER_HALF_OPEN } ai_breaker_state;
typedef enum {
    AI_OUTCOME_GOOD,
    AI_OUTCOME_FAILED,
    AI_OUTCOME_NONE
} ai_outcome; /* NONE: says nothing of the endpoint */
void ai_breaker_init(ai_breaker *breaker, unsigned failures_max, uint64_t open_ms);
void ai_breaker_done(ai_breaker *breaker);
/* False: it is open; *ret_wait_ms says for how long. After true exactly one ai_breaker_report(), with the same *ret_probe. */
bool ai_breaker_admit(ai_breaker *breaker, uint64_t now_ms, bool *ret_probe, uint64_t *ret_wait_ms);
void ai_breaker_report(ai_breaker *breaker, uint64_t now_ms, bool probe, ai_outcome outcome);
ai_breaker_state ai_breaker_look(ai_breaker *breaker, uint64_t now_ms, uint64_t *ret_opened);

enum { AI_BACKOFF_MS = 200, AI_BACKOFF_MAX_MS = 20000, AI_RETRY_AFTER_MAX_MS = 30000 };
/* The pause before the next try, `tried` having failed: anything up to a bound that doubles; not less than what the endpoint asked
 * for. random: of all 64-bit numbers. UINT64_MAX: it asked for more than AI_RETRY_AFTER_MAX_MS, so there is none. */
uint64_t ai_backoff_ms(unsigned tried, uint64_t random, uint64_t retry_after_ms);
uint64_t ai_backoff_by_chance_ms(unsigned tried, uint64_t retry_after_ms);

typedef struct ai_slots {
    size_t running_max, waiting_max;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t freed;
    size_t running, waiting;
} ai_slots;
void ai_slots_init(ai_slots *slots, size_t running_max, size_t waiting_max);
void ai_slots_done(ai_slots *slots);
/* deadline_ms: of lh_time_monotonic_ms(). Errors: UNAVAILABLE (too many wait), CANCELLED (the flag, the deadline). */
LH_MUST_CHECK lh_code ai_slots_take(ai_slots *slots, const _Atomic bool *cancelled, uint64_t deadline_ms,
                                    lh_error *err);
void ai_slots_give(ai_slots *slots);

/* ---- usage.c: who used how much ---- */
typedef struct ai_counters {
    uint64_t calls, failed, tokens_in, tokens_out;
} ai_counters;
typedef struct ai_usage_row {
    lh_str principal; /* owned */
    ai_counters counters[LH_AI_TASKS];
} ai_usage_row;
typedef struct ai_usage {
    pthread_mutex_t lock; /* guards all below */
    ai_counters totals[LH_AI_TASKS];
    size_t count;
    ai_usage_row *rows; /* sorted by principal; LH_LIMIT_AI_PRINCIPALS at most, later ones are in `others` */
    ai_usage_row others;
} ai_usage;
void ai_usage_init(ai_usage *usage);
void ai_usage_done(ai_usage *usage);
void ai_usage_add(ai_usage *usage, lh_str principal, lh_ai_task task, ai_counters more);

/* ---- kept.c: vectors of texts that come again ---- */
typedef struct ai_kept_item ai_kept_item;
typedef struct ai_kept {
    uint64_t limit_bytes; /* 0: nothing is kept */
    size_t bucket_count;  /* a power of two */
    pthread_mutex_t lock; /* guards all below */
    ai_kept_item **buckets, *newest, *oldest;
    uint64_t bytes, found;
} ai_kept;
LH_MUST_CHECK lh_code ai_kept_init(ai_kept *kept, uint64_t limit_bytes, lh_error *err); /* zeroed before */
void ai_kept_done(ai_kept *kept);
/* A copy, arena; NULL: it is not there. */
const float *ai_kept_find(ai_kept *kept, const lh_sha256 *key, lh_arena *arena, size_t *ret_dimensions);
/* Takes the place of one of the key; what there is no memory for is not kept. */
void ai_kept_put(ai_kept *kept, const lh_sha256 *key, const float *values, size_t dimensions);
void ai_kept_metrics(ai_kept *kept, lh_buf *into);

/* ---- models.c: which models there are, and which one does a call ---- */
typedef struct ai_endpoint { /* a URL that models have in common */
    struct ai_endpoint *next;
    unsigned models;
    lh_str url; /* owned */
    ai_breaker breaker;
} ai_endpoint;
typedef struct ai_model {
    struct ai_model *next; /* of its task; under ai->lock, with the next two */
    unsigned users;        /* calls that have it */
    bool gone;             /* from the list: goes with its last user */
    bool configured;       /* by the configuration: stays */
    bool superseded;       /* under ai->lock: does only calls that ask for its version */
    lh_arena *arena;       /* owned; of the texts below */
    lh_str name, version;  /* version: as in the definition */
    uint64_t context_tokens; /* the same */
    int64_t since_ms;        /* the same; under ai->lock */
    const struct ai_provider_ops *ops;
    void *state;
    ai_setup setup;
    ai_endpoint *endpoint; /* NULL: not remote */
    /* the last check, under ai->checking: */
    uint64_t checked_ms, elapsed_ms;
    bool good;
    lh_error why;
} ai_model;
typedef struct ai_use {
    struct ai_use *next;
    lh_str principal; /* owned; empty: all that have none of their own */
    ai_model *model;
} ai_use;
typedef struct ai_task {
    ai_model *models; /* the configured one, when there is one, first; under ai->lock, as uses */
    ai_use *uses;
    ai_slots slots;
    _Atomic uint64_t retries;
} ai_task;
/* Puts the model of the configuration into its task. Errors: INVALID, NO_MEMORY. */
LH_MUST_CHECK lh_code ai_models_configure(lh_ai *ai, const lh_ai_definition *definition, lh_error *err);
/* The model's version, as far as it is known; asks nobody. Arena. */
lh_str ai_model_version(const ai_model *model, lh_arena *arena);
/* The model for the call; given back by ai_models_release(). Errors: UNAVAILABLE (the task has none), NOT_FOUND. */
LH_MUST_CHECK lh_code ai_models_take(lh_ai *ai, lh_ai_task task, const lh_ai_call *call, ai_model **ret, lh_error *err);
/* The one after `model`, NULL for the first, of those that are not superseded; for walks, which take each and give it back: *ret NULL at
 * the end. */
ai_model *ai_models_next(lh_ai *ai, lh_ai_task task, ai_model *model);
/* How often breakers of the task's endpoints opened, each once, however many models it has. */
uint64_t ai_models_opened(lh_ai *ai, lh_ai_task task);
void ai_models_release(lh_ai *ai, ai_model *model);                          /* NULL is fine */
bool ai_models_is_in_use(lh_ai *ai, lh_ai_task task, const ai_model *model); /* by who has none of its own */
void ai_models_free(lh_ai *ai);

/* ---- the whole ---- */
struct lh_ai {
    const lh_config *config;
    lh_http_client *http;
    char *ca_file; /* owned */
    ai_task tasks[LH_AI_TASKS];
    void (*follow)(void *ctx);
    void *follow_ctx;
    pthread_mutex_t lock; /* guards the lists of models, uses and endpoints */
    ai_endpoint *endpoints;
    ai_usage usage;
    ai_kept kept;
    pthread_mutex_t checking; /* held during a check: others wait for its answer */
};
#endif
