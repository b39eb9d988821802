/* ai, llama: a GGUF model in this process, by llama.cpp: vectors of texts, or answers to messages. Private to ai.
 * Thread rule: any call, any thread; calls share the model's contexts and wait for each other. */
#ifndef LH_AI_LLAMA_H
#define LH_AI_LLAMA_H
#include "base/base.h"

enum {
    AI_LLAMA_THREADS_MAX = 64,
    AI_LLAMA_STOPS_MAX = 16,
    AI_LLAMA_STOP_BYTES = 256,
    AI_LLAMA_MESSAGES_MAX = 1024,
    AI_LLAMA_TEXT_BYTES = 16 << 20, /* of one text, of all messages */
};

typedef struct ai_llama ai_llama;
typedef enum { AI_LLAMA_EMBED, AI_LLAMA_GENERATE } ai_llama_kind;

typedef struct ai_llama_facts {
    lh_str name;             /* the file's own; borrowed from the model */
    uint32_t dimensions;     /* of a vector */
    uint32_t context_tokens; /* of one text or conversation */
    char version[17];        /* the first digits of the file's SHA-256 */
} ai_llama_facts;

/* Opens and maps a model file. context_tokens: 0 for all that the model was trained for. threads: 1 to AI_LLAMA_THREADS_MAX.
 * Owned: ai_llama_free(). Errors: NOT_FOUND, IO, INVALID (no GGUF file, not a model of that kind, threads), CORRUPT (llama.cpp
 * does not read it), UNAVAILABLE (the processor is below AVX2, FMA, F16C, BMI2), NO_MEMORY. */
LH_MUST_CHECK lh_code ai_llama_open(lh_str path, ai_llama_kind kind, uint32_t threads, uint32_t context_tokens,
                                    ai_llama **ret, lh_error *err);
void ai_llama_free(ai_llama *model); /* NULL is fine; no call may be running */
static inline void ai_llama_freep(ai_llama **model) { ai_llama_free(*model); }
ai_llama_facts ai_llama_about(const ai_llama *model);

/* When a call is to end before its time: looked at while it waits for its turn, and within and between its batches. */
typedef struct ai_llama_limit {
    const _Atomic bool *cancelled; /* NULL: never */
    uint64_t deadline_ms;          /* of lh_time_monotonic_ms(); 0: none */
} ai_llama_limit;

typedef struct ai_llama_embedded {
    uint64_t tokens;    /* that were read */
    uint64_t truncated; /* texts that were longer than the context and cut there */
} ai_llama_embedded;
/* Vectors of length 1, `dimensions` floats a text, in the order of the texts, into `into`. batch_ms: the most that one batch of
 * texts may take, its wait among that; 0: anything. On an error `into` holds anything. Errors: CANCELLED, UNAVAILABLE (the time went
 * by), LIMIT (a text's bytes), NO_MEMORY, INTERNAL. */
LH_MUST_CHECK lh_code ai_llama_embed(ai_llama *model, const lh_str *texts, size_t count, ai_llama_limit limit,
                                     uint64_t batch_ms, float *into, ai_llama_embedded *ret, lh_error *err);
/* Tokens of a text, with those that the model puts around it. Errors: LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code ai_llama_count_tokens(ai_llama *model, lh_str text, uint64_t *ret, lh_error *err);

typedef struct ai_llama_message {
    lh_str role, content; /* system, user or assistant */
} ai_llama_message;
typedef struct ai_llama_options {
    double temperature;  /* 0: always the likeliest token */
    double top_p;        /* of the likeliest tokens so much together; 0: of all */
    uint32_t seed;       /* the same seed gives the same answer */
    uint32_t max_tokens; /* 0: up to the end of the context */
    const lh_str *stops; /* the answer ends before the first of these */
    size_t stop_count;
    lh_str grammar; /* GBNF, its rule `root`; empty for none */
    /* NULL, or called with each part of the answer, whole characters; another code than OK ends the call with that. */
    lh_code (*on_piece)(void *ctx, lh_str piece, lh_error *err);
    void *ctx;
    ai_llama_limit limit;
} ai_llama_options;
typedef enum { AI_LLAMA_STOPPED, AI_LLAMA_LENGTH } ai_llama_finish;
typedef struct ai_llama_answer {
    lh_str text; /* arena */
    uint64_t prompt_tokens, completion_tokens;
    uint64_t kept_tokens; /* of the prompt's, which the call before on that context had read */
    ai_llama_finish finish;
} ai_llama_answer;
/* The model's answer to the messages, by its own chat template. Words of a message that look like the template's marks are text.
 * Errors: INVALID (a role, no message, the grammar, too many stops), LIMIT (longer than the context), CANCELLED, UNAVAILABLE (the
 * time went by), NO_MEMORY, INTERNAL. */
LH_MUST_CHECK lh_code ai_llama_generate(ai_llama *model, const ai_llama_message *messages, size_t count,
                                        const ai_llama_options *options, lh_arena *arena, ai_llama_answer *ret,
                                        lh_error *err);

/* A grammar for JSON that fits the schema. Errors: INVALID with the reason. */
LH_MUST_CHECK lh_code ai_json_schema_to_grammar(lh_str schema, lh_arena *arena, lh_str *ret, lh_error *err);
#endif
