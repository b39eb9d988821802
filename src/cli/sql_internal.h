/* One state for `lakehouse sql`, whether it reads -c, scripts or a terminal. Private to sql.c and shell.c. */
#ifndef LH_CLI_SQL_INTERNAL_H
#define LH_CLI_SQL_INTERNAL_H
#include "cli/cli_internal.h"
#include "cli/table.h"

typedef struct lh_sql {
    lh_connection *connection; /* borrowed */
    const char *format;        /* one of lh_sql_formats */
    lh_cli_table_style style;
    uint64_t limit; /* rows of one answer; 0: all */
    bool timing;
    _Atomic bool cancelled; /* Ctrl-C */
} lh_sql;

extern const char *const lh_sql_formats[5];
bool lh_sql_format_known(const char *format);
/* Runs one unit of lh_cli_statement_next() and prints its answer. Errors: the server's. */
LH_MUST_CHECK lh_code lh_sql_run(lh_sql *sql, lh_str statement, lh_error *err);
/* Runs a whole script; stops at the first error. */
LH_MUST_CHECK lh_code lh_sql_script(lh_sql *sql, lh_str text, lh_error *err);
/* The bytes of a file, or of standard input for "-". Owned: lh_buf_done(). Errors: NOT_FOUND, IO, LIMIT. */
LH_MUST_CHECK lh_code lh_sql_read_file(const lh_sql *sql, const char *path, lh_buf *into, lh_error *err);
/* The shell on a terminal. Returns the exit status. */
int lh_sql_shell(lh_sql *sql);
#endif
