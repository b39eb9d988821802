/* What is of a person in a question, as tokens (names.c). */
#ifndef LH_ASK_NAMES_H
#define LH_ASK_NAMES_H
#include "ask/ask_internal.h"

typedef struct ask_names_asks {
    lh_ask *ask;
    const ask_schema *schema;
    const lh_ask_caller *caller;
    bool guess; /* words with a capital that are none of what the caller sees, for one who does not see all */
} ask_names_asks;
typedef struct ask_names {
    lh_str values[ASK_TOKENS_MAX];
    uint32_t numbers[ASK_TOKENS_MAX];
    size_t count;
} ask_names;
/* *ret: the text with <NAME_482913> for what is of a person, which is added to `names`. A value has the same number in each request of a
 * principal. Arena. Errors: LIMIT (too many words), a statement's, NO_MEMORY. */
LH_MUST_CHECK lh_code ask_names_put(const ask_names_asks *asks, lh_str text, ask_names *names, lh_arena *arena,
                                    lh_str *ret, lh_error *err);
/* Values for their tokens in a statement, within text literals only: a value is never SQL. */
LH_MUST_CHECK lh_code ask_names_back(const ask_names *names, lh_str sql, lh_arena *arena, lh_str *ret, lh_error *err);
/* Tokens for the values in a text such as an error, which may quote one. */
lh_str ask_names_hide(const ask_names *names, lh_str text, lh_arena *arena);
#endif
