/* One state for `lakehouse sql`, whether it reads -c, scripts or a terminal. Shared by sql.c, answer.c, commands.c, shell.c. */
#ifndef LH_CLI_SQL_INTERNAL_H
#define LH_CLI_SQL_INTERNAL_H
#include "cli/cli_internal.h"
#include "cli/table.h"

enum { LH_SQL_FORMATS = 5 };

typedef struct lh_sql {
    lh_connection *connection; /* borrowed */
    const char *format;        /* one of lh_sql_formats */
    lh_cli_table_style style;
    uint64_t limit; /* rows of one answer; 0: all */
    bool timing;
    bool leave;             /* \q */
    unsigned depth;         /* of \i in \i */
    FILE *out;              /* where answers go: stdout, or the file of \o */
    int write_errno;        /* out takes no more */
    _Atomic bool cancelled; /* Ctrl-C */
} lh_sql;

extern const char *const lh_sql_formats[LH_SQL_FORMATS];
bool lh_sql_format_known(const char *format);

/* ---- sql.c ---- */
/* Runs the complete units and \commands at the head of *text and cuts them off; `file` names it in errors (NULL: none). False:
 * one failed, which was said on stderr, and *text is empty: what follows may lean on what failed. */
bool lh_sql_run_ready(lh_sql *sql, const char *file, lh_str *text);
/* Runs a whole script, whose last statement needs no ';'. False as above. */
bool lh_sql_script(lh_sql *sql, const char *file, lh_str text);
/* From now on answers go to `out`, which is moved here; the file before it is closed. Errors: IO, of what that file
 * did not take, unless it was said already. */
LH_MUST_CHECK lh_code lh_sql_write_to(lh_sql *sql, FILE *out, lh_error *err);
/* The bytes of a file, or of standard input for "-". Owned: lh_buf_done(). Errors: NOT_FOUND, IO, LIMIT. */
LH_MUST_CHECK lh_code lh_sql_read_file(const lh_sql *sql, const char *path, lh_buf *into, lh_error *err);

/* ---- answer.c ---- */
/* Prints the answer to `unit` as a table with its foot, or as "INSERT 2". */
LH_MUST_CHECK lh_code lh_sql_print_answer(const lh_sql *sql, lh_str unit, lh_str answer, uint64_t started_ns,
                                          lh_arena *arena, lh_error *err);
/* Says on stderr what went wrong with `unit`, a part of `whole`: file, line, column, and the line with a caret. */
void lh_sql_report(const lh_sql *sql, const char *file, lh_str whole, lh_str unit, const lh_error *err);

/* ---- commands.c ---- */
typedef struct lh_sql_command {
    const char *name;     /* "\\d" */
    const char *argument; /* "FILE"; in brackets: may be left out; NULL: none */
    const char *help;
    lh_code (*run)(lh_sql *sql, lh_str argument, lh_error *err);
} lh_sql_command;
extern const lh_sql_command lh_sql_commands[];
extern const size_t lh_sql_command_count;
/* Runs one line that begins with '\'. Errors: INVALID (no such command, a wrong argument), and the command's. */
LH_MUST_CHECK lh_code lh_sql_command_run(lh_sql *sql, lh_str line, lh_error *err);

/* The shell on a terminal. Returns the exit status. */
int lh_sql_shell(lh_sql *sql);
#endif
