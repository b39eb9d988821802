/* An answer as an aligned table for people. */
#ifndef LH_CLI_TABLE_H
#define LH_CLI_TABLE_H
#include <stdio.h>

#include "base/base.h"

typedef struct lh_cli_table_style {
    size_t width;  /* columns of the terminal: wide cells are cut to fit; 0: nothing is cut */
    bool unicode;  /* lines of box-drawing characters, else ASCII */
    bool expanded; /* one line a value, as for rows too wide to read */
} lh_cli_table_style;

/* Prints {"columns":[{"name","type"}],"rows":[[…]]}. Numbers are right-aligned, null is NULL, control characters are
 * escaped (a terminal obeys them). Errors: IO, LIMIT or NO_MEMORY of the arena, INVALID (not such an answer). */
LH_MUST_CHECK lh_code lh_cli_table_print(FILE *into, const lh_json *answer, lh_cli_table_style style, lh_arena *arena,
                                         lh_error *err);
/* Columns of a terminal that the text takes. */
size_t lh_cli_text_width(lh_str text);
/* Bytes for people: "12.3 MB". Arena. */
lh_str lh_cli_size(lh_arena *arena, uint64_t bytes);
#endif
