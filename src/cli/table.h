/* An answer as an aligned table for people. */
#ifndef LH_CLI_TABLE_H
#define LH_CLI_TABLE_H
#include <stdio.h>

#include "base/base.h"

typedef struct lh_cli_table_style {
    size_t width;  /* columns of the terminal: wide text is cut to fit, then columns are left out; 0: all is shown */
    bool unicode;  /* lines of box-drawing characters, else ASCII */
    bool expanded; /* one line a value, as for rows too wide to read */
    bool shell;    /* hints name the shell's commands, not flags */
} lh_cli_table_style;

/* Prints {"columns":[{"name","type"}],"rows":[[…]]}. Numbers are right-aligned, null is NULL, control characters are
 * escaped (a terminal obeys them), the plan of EXPLAIN is printed as it is drawn. Errors: IO, LIMIT or NO_MEMORY of the arena, INVALID (not such an answer). */
LH_MUST_CHECK lh_code lh_cli_table_print(FILE *into, const lh_json *answer, lh_cli_table_style style, lh_arena *arena,
                                         lh_error *err);
/* Bytes for people: "12.3 MB". Arena. */
lh_str lh_cli_size(lh_arena *arena, uint64_t bytes);
#endif
