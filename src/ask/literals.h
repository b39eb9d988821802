/* Where the literals of a model's SQL come from (literals.c). */
#ifndef LH_ASK_LITERALS_H
#define LH_ASK_LITERALS_H
#include "ask/ask_internal.h"

typedef struct ask_literals_asks {
    const ask_schema *schema;
    const ask_question *question;
    const lh_json *unplaced;     /* words of it that the planner could not place; NULL: it was not asked */
    const ask_example *examples; /* that the model was shown */
    size_t example_count;
} ask_literals_asks; /* borrowed */
typedef struct ask_literals {
    lh_json *doubts; /* an array of sentences: what is not sure of them */
    lh_str
        invented; /* one that comes from nowhere, where words of the question have no place either; ptr NULL: there is none */
} ask_literals; /* arena */
/* Looks at what the query, which binds, compares with. Does no I/O. Errors: INVALID (it is not one query, or has too many
 * literals), LIMIT (too many words), NO_MEMORY. */
LH_MUST_CHECK lh_code ask_literals_place(const ask_literals_asks *asks, lh_str sql, lh_arena *arena, ask_literals *ret,
                                         lh_error *err);
#endif
