/* A question to SQL by a model (model.c). */
#ifndef LH_ASK_MODEL_H
#define LH_ASK_MODEL_H
#include "ask/ask_internal.h"

enum { ASK_MODEL_VALUES = 8 }; /* of a column, that it is shown */
typedef struct ask_model_asks {
    lh_ask *ask;
    const ask_schema *schema;
    const ask_question *question;
    const lh_ask_caller *caller;
    lh_str model; /* empty: the task's */
    bool tokens, grammar, examples;
    const lh_json *unplaced; /* words of the question that the planner could not place; NULL: it was not asked */
    int repairs_max; /* 2 at most */
    uint64_t rows_max;
} ask_model_asks;
typedef struct ask_modelled {
    lh_str sql; /* empty: what it wrote does not run; or `none`, or `silent` */
    lh_str model;
    bool silent; /* it does not answer */
    bool none;   /* it says that what the caller sees does not hold what is asked for */
    lh_str invented; /* a literal of it that comes from nowhere: then it did not run, and there is no `sql` */
    lh_json *doubts; /* what is not sure of its literals; NULL or empty: nothing */
    lh_json *result;
    uint64_t repairs;
} ask_modelled; /* arena */
/* Errors: the model's, and a statement's that are none of the SQL. */
LH_MUST_CHECK lh_code ask_model(const ask_model_asks *asks, lh_arena *arena, ask_modelled *ret, lh_error *err);
#endif
