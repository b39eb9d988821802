/* llama.cpp's calls that may throw, behind a C face: nothing thrown leaves them. Private to ai; only llama.c and bert.c
 * include it. */
#ifndef LH_AI_LLAMA_SHIM_H
#define LH_AI_LLAMA_SHIM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llama.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { AI_SHIM_REASON_BYTES = 256 };
typedef struct ai_shim_reason {
    char text[AI_SHIM_REASON_BYTES]; /* empty when nothing was said */
} ai_shim_reason;

void ai_shim_start(
    void); /* the back end, and llama.cpp's log: its errors become the reason of the thread's call; any number of times */

/* NULL, and the reason. */
struct gguf_context *ai_shim_gguf(const char *path, ai_shim_reason *reason); /* a file's head, without its tensors */
struct llama_model *ai_shim_model(const char *path, bool only_words, ai_shim_reason *reason);
struct llama_context *ai_shim_context(struct llama_model *model, struct llama_context_params params,
                                      ai_shim_reason *reason);
struct llama_sampler *ai_shim_grammar(const struct llama_vocab *vocab, const char *grammar, ai_shim_reason *reason);

/* As llama_tokenize() without a limit: false when it threw. free() *ret. */
bool ai_shim_tokenize(const struct llama_vocab *vocab, const char *text, size_t text_bytes, bool add_special,
                      bool parse_special, llama_token **ret, size_t *ret_count);
/* llama.cpp's answer (0 is good), or INT32_MIN when it threw. */
int32_t ai_shim_encode(struct llama_context *context, struct llama_batch batch, ai_shim_reason *reason);
int32_t ai_shim_decode(struct llama_context *context, struct llama_batch batch, ai_shim_reason *reason);
bool ai_shim_sample(struct llama_sampler *sampler, struct llama_context *context, llama_token *ret,
                    ai_shim_reason *reason);
/* The token of the highest logit that the grammar allows, which then takes it in. Of one logit, the first. */
bool ai_shim_sample_best(struct llama_sampler *grammar, struct llama_context *context, const struct llama_vocab *vocab,
                         llama_token *ret, ai_shim_reason *reason);
/* As llama_chat_apply_template(), -1 also when it threw. */
int32_t ai_shim_chat(const char *chat_template, const struct llama_chat_message *messages, size_t count, char *into,
                     int32_t into_bytes);

/* A grammar of a JSON schema. NULL, and the reason. free() it. */
char *ai_shim_schema_grammar(const char *schema, size_t schema_bytes, ai_shim_reason *reason);

#ifdef __cplusplus
}
#endif
#endif
