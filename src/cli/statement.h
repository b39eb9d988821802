/* Where a SQL statement ends: what a shell and a script reader must know before they send. */
#ifndef LH_CLI_STATEMENT_H
#define LH_CLI_STATEMENT_H
#include "base/base.h"

/* Takes the first complete unit off *text: one statement with its ';', or BEGIN … COMMIT as one (a transaction must
 * not be cut into several requests). False, and *text untouched, when none is complete yet. *ret: borrowed from *text. */
bool lh_cli_statement_next(lh_str *text, lh_str *ret);
/* Takes a \command off *text, when one stands at its head: the rest of its line. Else false, *text untouched. */
bool lh_cli_statement_command(lh_str *text, lh_str *ret);
/* Only white space, whole comments and ';'. */
bool lh_cli_statement_is_blank(lh_str text);
/* The word of that number, from 0, when the text begins with so many; else empty. Borrowed. */
lh_str lh_cli_statement_word(lh_str text, size_t number);
/* Has the statement's first word, whatever its case. */
bool lh_cli_statement_starts(lh_str text, const char *word);
/* The last statement of a unit that is not blank. Borrowed. */
lh_str lh_cli_statement_last(lh_str unit);
/* BEGIN is there, its COMMIT not yet. */
bool lh_cli_statement_in_transaction(lh_str text);
#endif
