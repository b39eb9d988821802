/* What Tab can put at the cursor of the shell: commands and their words, tables, columns, keywords. */
#ifndef LH_CLI_COMPLETION_H
#define LH_CLI_COMPLETION_H
#include "base/base.h"

typedef struct lh_completion_name {
    lh_str text; /* unquoted */
    bool table;  /* else a column */
} lh_completion_name;

typedef struct lh_completion_names {
    const lh_completion_name *items;
    size_t count;
} lh_completion_names;

enum { LH_COMPLETION_SHOWN_MAX = 64 };
typedef struct lh_completion {
    size_t replaced;                       /* so many bytes before the cursor go */
    char insert[512];                      /* and this comes in their place; empty: nothing changes */
    lh_str found[LH_COMPLETION_SHOWN_MAX]; /* the candidates, borrowed from names or static */
    size_t total;
} lh_completion;

/* before: the line up to the cursor; earlier: the statement's lines before it. */
void lh_complete(lh_str before, lh_str earlier, lh_completion_names names, lh_completion *ret);
#endif
