/* A grammar of the SQL that a model may write (grammar.c). */
#ifndef LH_ASK_GRAMMAR_H
#define LH_ASK_GRAMMAR_H
#include "ask/ask_internal.h"

enum { ASK_GRAMMAR_BYTES = 64 << 10 };
#define ASK_MODEL_NONE "NONE" /* what a model answers that cannot */
/* GBNF, rule `root`: ASK_MODEL_NONE, or one SELECT that names no table and no column but those of the schema, ASK_GRAMMAR_BYTES at most; tables from the end on
 * are left out, and joins, until it fits. Empty: not one table fits. Arena. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code ask_grammar(const ask_schema *schema, lh_arena *arena, lh_str *ret, lh_error *err);
#endif
