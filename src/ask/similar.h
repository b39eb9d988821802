/* Texts that are like a question (similar.c). */
#ifndef LH_ASK_SIMILAR_H
#define LH_ASK_SIMILAR_H
#include "ask/ask_internal.h"

typedef struct ask_similar_one {
    size_t text;  /* its index */
    double score; /* 0: nothing of it is like the question */
} ask_similar_one;
/* All texts, those most like the question first; none may be empty. vectors: the texts and the question may go to a model. Arena. Errors: LIMIT (words of the question), CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code ask_similar(lh_ask *ask, const lh_ask_caller *caller, lh_str question, const lh_str *texts,
                                  size_t count, bool vectors, lh_arena *arena, ask_similar_one **ret, lh_error *err);
#endif
