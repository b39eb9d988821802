/* ai, bert: vectors by the forward pass of BERT, written for AVX2 and for short texts. Private to ai.
 * It knows one layout of GGUF files: architecture `bert`, absolute positions, GELU, the norm after each half of a layer, the mean
 * of the tokens as the vector, weights of f32 or f16. llama.cpp does all others.
 * Thread rule: a model never changes; a room is one thread's at a time. */
#ifndef LH_AI_BERT_H
#define LH_AI_BERT_H
#include "base/base.h"

enum { AI_BERT_TOKENS_MAX = 8192 }; /* of a text that a model may be made for */

typedef struct ai_bert ai_bert;
typedef struct ai_bert_facts {
    uint32_t dimensions;     /* of a vector */
    uint32_t context_tokens; /* of one text */
} ai_bert_facts;

/* Reads a model's weights; the file stays mapped, for its table of words. The processor must have AVX2, FMA and F16C.
 * Owned: ai_bert_free(). Errors: NOT_FOUND, IO, INVALID (another layout than the one above: a tensor is missing, unknown, of
 * another shape or type), CORRUPT (it ends early, or a weight is no number), NO_MEMORY. */
LH_MUST_CHECK lh_code ai_bert_open(const char *path, ai_bert **ret, lh_error *err);
void ai_bert_free(ai_bert *model); /* NULL is fine */
static inline void ai_bert_freep(ai_bert **model) { ai_bert_free(*model); }
ai_bert_facts ai_bert_about(const ai_bert *model);

/* Where a batch of at most `tokens` tokens is worked on. Owned: ai_bert_room_free(). Errors: NO_MEMORY. */
typedef struct ai_bert_room ai_bert_room;
LH_MUST_CHECK lh_code ai_bert_room_new(const ai_bert *model, size_t tokens, ai_bert_room **ret, lh_error *err);
void ai_bert_room_free(ai_bert_room *room); /* NULL is fine */

typedef struct ai_bert_text {
    const int32_t *tokens; /* borrowed for the call; with the marks around a text */
    uint32_t count;        /* 1 to context_tokens */
    float *into;           /* `dimensions` floats: the mean, not yet of length 1 */
} ai_bert_text;
/* The vectors of texts that have no more tokens than the room has. They do not depend on what else is in the batch.
 * Errors: CORRUPT (the model has no weights for a token), INVALID (more tokens than fit). */
LH_MUST_CHECK lh_code ai_bert_embed(const ai_bert *model, ai_bert_room *room, const ai_bert_text *texts, size_t count,
                                    lh_error *err);
#endif
