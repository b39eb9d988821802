/* Where a SQL statement ends: what a shell and a script reader must know before they send. */
#ifndef LH_CLI_STATEMENT_H
#define LH_CLI_STATEMENT_H
#include "base/base.h"

/* Takes the first complete unit off *text: one statement with its ';', or BEGIN … COMMIT as one (a transaction must
 * not be cut into several requests). False, and *text untouched, when none is complete yet. *ret: borrowed from *text. */
bool lh_cli_statement_next(lh_str *text, lh_str *ret);
/* Only white space, comments and ';'. */
bool lh_cli_statement_is_blank(lh_str text);
/* Has the statement's first word, whatever its case. */
bool lh_cli_statement_starts(lh_str text, const char *word);
#endif
