/* `lakehouse sql`: statements go to POST /query/sql one by one, a transaction as one. The formats but "table" are the
 * server's bytes, streamed out as they come; a table needs the whole answer to align it, so it has a limit.
 * What is printed is in answer.c, the \commands are in commands.c. */
#include "cli/interrupt.h"
#include "cli/sql_internal.h"
#include "cli/statement.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#define SQL_CANNOT_WRITE_FILE "cannot write the answer to the file of \\o"
enum { SQL_TABLE_ROWS = 10000, SQL_SCRIPT_BYTES_MAX = 64 << 20 };

const char *const lh_sql_formats[LH_SQL_FORMATS] = {"table", "json", "ndjson", "csv", "arrow"};

bool lh_sql_format_known(const char *format) {
    for (size_t i = 0; i < LH_SQL_FORMATS; i++)
        if (strcmp(format, lh_sql_formats[i]) == 0) return true;
    return false;
}

static lh_code sql_on_bytes(void *ctx, lh_str data) {
    lh_sql *sql = ctx;
    if (fwrite(data.ptr, 1, data.len, sql->out) == data.len) return LH_OK;
    sql->write_errno = errno;
    return LH_IO;
}

static lh_str sql_request(const lh_sql *sql, lh_str statement, bool table, lh_arena *arena) {
    lh_str text = LH_STR_NONE;
    lh_json *body = lh_json_new_object(arena);
    lh_json_set_string(arena, body, "sql", statement);
    lh_json_set_string(arena, body, "format", lh_str_from(table ? "json" : sql->format));
    if (sql->limit) lh_json_set_uint(arena, body, "limit", sql->limit);
    return lh_json_write(arena, body, false, &text, NULL) == LH_OK ? text : LH_STR_NONE; /* the arena remembers */
}

/* Sends off what is printed. Errors: IO, of this write or one before: write_errno remembers it. */
static lh_code sql_flush(lh_sql *sql, lh_error *err) {
    if ((fflush(sql->out) != 0 || ferror(sql->out)) && !sql->write_errno) sql->write_errno = errno;
    if (!sql->write_errno) return LH_OK;
    if (sql->out != stdout) return lh_fail_errno(err, sql->write_errno, SQL_CANNOT_WRITE_FILE);
    return lh_fail_errno(err, sql->write_errno, "cannot write the answer");
}

lh_code lh_sql_write_to(lh_sql *sql, FILE *out, lh_error *err) {
    bool said = sql->write_errno != 0;
    int failed = sql->out != stdout && fclose(sql->out) != 0 ? errno : 0;
    sql->out = out;
    sql->write_errno = 0;
    return failed && !said ? lh_fail_errno(err, failed, SQL_CANNOT_WRITE_FILE) : LH_OK;
}

/* Everything of the answer goes out. Errors: the server's; IO when it cannot be written. */
static lh_code sql_run(lh_sql *sql, lh_str unit, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(LH_CLI_ARENA_BYTES * 4ul, &arena, err));
    bool table = strcmp(sql->format, "table") == 0;
    uint64_t started_ns = lh_time_monotonic_ns();
    lh_exchange exchange = {.method = "POST",
                            .path = LH_STR("/query/sql"),
                            .body = sql_request(sql, unit, table, arena),
                            .answer_max_bytes = LH_CLI_ARENA_BYTES,
                            .cancelled = &sql->cancelled};
    LH_TRY(lh_arena_check(arena, err));
    if (!table) exchange.write = sql_on_bytes, exchange.write_ctx = sql;
    lh_str text = LH_STR_NONE;
    lh_code code = lh_connection_do(sql->connection, &exchange, arena, table ? &text : NULL, err);
    if (code == LH_OK && table) code = lh_sql_print_answer(sql, unit, text, started_ns, arena, err);
    else if (code == LH_OK && strcmp(sql->format, "json") == 0) fputc('\n', sql->out);
    lh_code written = sql_flush(sql, err);
    return written == LH_OK ? code : written;
}

static bool sql_run_unit(lh_sql *sql, const char *file, lh_str whole, lh_str unit) {
    lh_error err = {0};
    if (lh_cli_statement_is_blank(unit) || sql_run(sql, unit, &err) == LH_OK) return true;
    lh_sql_report(sql, file, whole, unit, &err);
    return false;
}

static bool sql_run_command(lh_sql *sql, const char *file, lh_str line) {
    lh_error err = {0};
    lh_code code = lh_sql_command_run(sql, line, &err);
    if (code == LH_OK) code = sql_flush(sql, &err);
    if (code != LH_OK) lh_sql_report(sql, file, line, line, &err);
    return code == LH_OK;
}

bool lh_sql_run_ready(lh_sql *sql, const char *file, lh_str *text) {
    lh_str whole = *text, part;
    bool done = true;
    while (done && !sql->leave) {
        if (lh_cli_statement_command(text, &part)) done = sql_run_command(sql, file, part);
        else if (lh_cli_statement_next(text, &part)) done = sql_run_unit(sql, file, whole, part);
        else return true;
    }
    *text = LH_STR_NONE;
    return done;
}

bool lh_sql_script(lh_sql *sql, const char *file, lh_str text) {
    lh_str rest = text;
    return lh_sql_run_ready(sql, file, &rest) && sql_run_unit(sql, file, text, rest);
}

/* The -c texts, each ended as if by ';'. A transaction may reach over several: BEGIN in one, COMMIT in a later one. */
static bool sql_run_commands(lh_sql *sql, const lh_cli_list *texts) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(SQL_SCRIPT_BYTES_MAX);
    for (size_t i = 0; i < texts->count && !sql->leave; i++) {
        lh_buf_append(&text, lh_str_from(texts->items[i]));
        bool waits = i + 1 < texts->count && (lh_cli_statement_starts(lh_buf_str(&text), "begin") ||
                                              lh_cli_statement_starts(lh_buf_str(&text), "start"));
        if (waits) lh_buf_append(&text, LH_STR("\n;"));
        lh_str rest = lh_buf_str(&text);
        if (waits && !lh_sql_run_ready(sql, NULL, &rest)) return false;
        if (waits && lh_cli_statement_in_transaction(rest)) {
            memmove(text.ptr, rest.ptr, rest.len);
            text.len = rest.len;
            continue;
        }
        if (!lh_sql_script(sql, NULL, rest)) return false;
        lh_buf_clear(&text);
    }
    return true;
}

lh_code lh_sql_read_file(const lh_sql *sql, const char *path, lh_buf *into, lh_error *err) {
    if (strcmp(path, "-") == 0) return lh_cli_read_all(STDIN_FILENO, "the standard input", into, err);
    return lh_connection_read_file(sql->connection, path, into, err);
}

/* `lakehouse sql "select 1"` looks for a file of that name. */
static int sql_fail_file(const char *path, const lh_error *err) {
    if (strchr(path, ' ') == NULL) return lh_cli_fail(err);
    lh_cli_complain("%s; to run a statement: lakehouse sql -c '…'", err->message);
    return LH_EXIT_FAILED;
}

static int sql_run_files(lh_sql *sql, const lh_cli_list *files) {
    for (size_t i = 0; i < files->count && !sql->leave; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(SQL_SCRIPT_BYTES_MAX);
        lh_error err = {0};
        bool is_stdin = strcmp(files->items[i], "-") == 0;
        if (lh_sql_read_file(sql, files->items[i], &text, &err) != LH_OK) return sql_fail_file(files->items[i], &err);
        if (!lh_sql_script(sql, is_stdin ? NULL : files->items[i], lh_buf_str(&text))) return LH_EXIT_FAILED;
    }
    return LH_EXIT_DONE;
}

static int sql_batch(lh_sql *sql, const lh_cli_list *statements, lh_cli_list *files) {
    if (statements->count == 0 && files->count == 0) files->items[files->count++] = "-";
    int status = sql_run_commands(sql, statements) ? sql_run_files(sql, files) : LH_EXIT_FAILED;
    return sql->out == stdout && sql->write_errno == EPIPE ? LH_EXIT_PIPE : status;
}

static int sql_read_options(lh_sql *sql, const char *limit) {
    sql->style.unicode = lh_cli_style().unicode;
    sql->timing = true;
    if (!lh_sql_format_known(sql->format)) {
        lh_cli_complain("--format is one of table, json, ndjson, csv, arrow, not '%s'", sql->format);
        return LH_EXIT_USAGE;
    }
    if (sql->style.expanded && strcmp(sql->format, "table") != 0) {
        lh_cli_complain("--expanded is a way to print a table, not %s", sql->format);
        return LH_EXIT_USAGE;
    }
    if (strcmp(sql->format, "arrow") == 0 && isatty(STDOUT_FILENO)) {
        lh_cli_complain("arrow is binary: send it to a file or a pipe");
        return LH_EXIT_USAGE;
    }
    sql->limit = strcmp(sql->format, "table") == 0 ? SQL_TABLE_ROWS : 0;
    if (limit && lh_str_to_u64(lh_str_from(limit), &sql->limit) != LH_OK) {
        lh_cli_complain("--limit takes a number of rows, not '%s'", limit);
        return LH_EXIT_USAGE;
    }
    return -1;
}

int lh_cli_sql(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list statements = {0}, files = {0};
    const char *limit = NULL;
    lh_sql sql = {.format = "table", .out = stdout};
    const lh_cli_flag flags[] = {
        {.name = "command",
         .letter = 'c',
         .value_name = "SQL",
         .help = "run this and end; again for more (BEGIN in one, COMMIT in a later one)",
         .list = &statements},
        {.name = "format",
         .value_name = "FORMAT",
         .help = "table (default), json, ndjson, csv, arrow",
         .text = &sql.format},
        {.name = "limit",
         .value_name = "ROWS",
         .help = "rows of one answer; 0: all (default: 10000 for table, else all)",
         .text = &limit},
        {.name = "expanded", .letter = 'x', .help = "one line a value of a table", .on = &sql.style.expanded},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source),
    };
    setlocale(LC_ALL, "");
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &files);
    if (status < 0) status = sql_read_options(&sql, limit);
    if (status >= 0) return status;
    lh_error err = {0};
    lh_interrupt interrupt = {0};
    bool shell = statements.count == 0 && files.count == 0 && isatty(STDIN_FILENO) != 0;
    if (shell) (void)lh_interrupt_start(&interrupt, &sql.cancelled); /* else Ctrl-C ends us */
    if (lh_connection_open(&source, false, &sql.connection, &err) != LH_OK) status = lh_cli_fail(&err);
    else status = shell ? lh_sql_shell(&sql) : sql_batch(&sql, &statements, &files);
    if (lh_sql_write_to(&sql, stdout, &err) != LH_OK) status = lh_cli_fail(&err);
    lh_connection_close(sql.connection);
    lh_interrupt_stop(&interrupt);
    return status;
}
