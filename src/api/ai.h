/* What /ai/ (api_ai.c), OpenAI's /v1/ (api_v1.c) and /vectors/rag (api_rag.c) share: members of a request, events, and answers with
 * vectors. */
#ifndef LH_API_AI_H
#define LH_API_AI_H
#include "api/api_internal.h"

/* May the caller call models? Errors: DENIED. */
LH_MUST_CHECK lh_code api_may_call_models(lh_request *request, lh_error *err);
/* A stream that has begun cannot have another status: its last event tells. Returns code. */
lh_code api_ai_stream_failed(lh_request *request, lh_code code, lh_error *err);
/* Sends a piece of a text as the event `piece`. Fits lh_ai_piece_fn with the request as ctx. */
lh_code api_ai_piece(void *request, lh_str piece, lh_error *err);
/* The caller's call of a task. */
lh_ai_call api_ai_call(lh_request *request, lh_str model);
/* A member that is a text; not required: it may be absent. Errors: INVALID. */
LH_MUST_CHECK lh_code api_ai_string(const lh_json *body, const char *name, bool required, lh_str *ret, lh_error *err);
/* A member that is a text, or an array of them: LH_LIMIT_AI_TEXTS at most; count 0 when it is absent. Arena. Errors: INVALID, LIMIT. */
LH_MUST_CHECK lh_code api_ai_texts(const lh_json *body, const char *name, lh_arena *arena, lh_str **ret,
                                   size_t *ret_count, lh_error *err);
/* *ret stays when the body has none. Errors: INVALID (0, or no number). */
LH_MUST_CHECK lh_code api_ai_max_tokens(const lh_json *body, const char *name, uint64_t *ret, lh_error *err);
/* temperature, top_p, seed and stop, which both have. Errors: INVALID, LIMIT. */
LH_MUST_CHECK lh_code api_ai_sampling(const lh_json *body, lh_arena *arena, lh_ai_prompt *prompt, lh_error *err);
/* What the body of a request for a text asks for. */
typedef struct api_ai_asked {
    lh_str model; /* empty: the task's */
    bool stream;
    bool usage; /* of a stream: its tokens are told at its end */
    lh_ai_prompt prompt;
} api_ai_asked; /* borrowed from the body; arena */
/* Of /ai/generate, and of /v1/chat/completions. Errors: INVALID, LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code api_ai_generate_read(const lh_json *body, lh_arena *arena, api_ai_asked *ret, lh_error *err);
LH_MUST_CHECK lh_code api_v1_chat_read(const lh_json *body, lh_arena *arena, api_ai_asked *ret, lh_error *err);
/* Appends `[0.25,…]`: what a reader takes for the same 32-bit number. */
void api_ai_vector(lh_buf *into, const float *values, size_t count);
/* Sends `event: NAME` (NULL: none) and `data: JSON`, beginning the answer when that is not done. */
LH_MUST_CHECK lh_code api_ai_event(lh_request *request, const char *name, const lh_json *data, lh_error *err);
enum { API_AI_ANSWER_BYTES = 128 << 20 }; /* of vectors, as text */
#endif
