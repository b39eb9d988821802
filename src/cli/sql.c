/* `lakehouse sql`: statements go to POST /query/sql one by one, a transaction as one. The formats but "table" are the
 * server's bytes, streamed to stdout as they come; a table needs the whole answer to align it, so it has a limit. */
#include "cli/sql_internal.h"
#include "cli/statement.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SQL_TABLE_ROWS = 10000, SQL_SCRIPT_BYTES_MAX = 64 << 20 };

const char *const lh_sql_formats[5] = {"table", "json", "ndjson", "csv", "arrow"};

bool lh_sql_format_known(const char *format) {
    for (size_t i = 0; i < 5; i++)
        if (strcmp(format, lh_sql_formats[i]) == 0) return true;
    return false;
}

static lh_code sql_on_bytes(void *ctx, lh_str data) {
    (void)ctx;
    return fwrite(data.ptr, 1, data.len, stdout) == data.len ? LH_OK : LH_IO;
}

static void sql_print_foot(const lh_sql *sql, const lh_json *answer, uint64_t started_ns) {
    uint64_t rows = lh_json_uint(lh_json_get(answer, "row_count"), 0);
    double ms = (double)(lh_time_monotonic_ns() - started_ns) / 1e6;
    if (lh_json_size(lh_json_get(answer, "columns")) == 0) printf("(done");
    else if (lh_json_bool(lh_json_get(answer, "truncated"), false))
        printf("(first %" PRIu64 " rows; --limit 0 shows all", rows);
    else printf("(%" PRIu64 " row%s", rows, rows == 1 ? "" : "s");
    if (sql->timing) printf(ms < 10 ? " in %.1f ms" : ms < 10000 ? " in %.0f ms" : " in %.3g ms", ms);
    printf(")\n");
}

static lh_code sql_print_table(lh_sql *sql, lh_str text, uint64_t started_ns, lh_arena *arena, lh_error *err) {
    lh_json *answer = NULL;
    struct winsize size;
    LH_TRY(lh_json_parse_exact(arena, text, &answer, err)); /* every digit as it was sent */
    lh_cli_table_style style = sql->style;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
    LH_TRY(lh_cli_table_print(stdout, answer, style, arena, err));
    sql_print_foot(sql, answer, started_ns);
    return LH_OK;
}

static lh_str sql_request(const lh_sql *sql, lh_str statement, bool table, lh_arena *arena) {
    lh_str text = LH_STR_NONE;
    lh_json *body = lh_json_new_object(arena);
    lh_json_set_string(arena, body, "sql", statement);
    lh_json_set_string(arena, body, "format", lh_str_from(table ? "json" : sql->format));
    if (sql->limit) lh_json_set_uint(arena, body, "limit", sql->limit);
    return lh_json_write(arena, body, false, &text, NULL) == LH_OK ? text : LH_STR_NONE; /* the arena remembers */
}

lh_code lh_sql_run(lh_sql *sql, lh_str statement, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(LH_CLI_ARENA_BYTES * 4ul, &arena, err));
    bool table = strcmp(sql->format, "table") == 0;
    uint64_t started_ns = lh_time_monotonic_ns();
    lh_exchange exchange = {.method = "POST",
                            .path = LH_STR("/query/sql"),
                            .body = sql_request(sql, statement, table, arena),
                            .answer_max_bytes = LH_CLI_ARENA_BYTES,
                            .cancelled = &sql->cancelled};
    LH_TRY(lh_arena_check(arena, err));
    if (!table) exchange.write = sql_on_bytes;
    lh_str text = LH_STR_NONE;
    LH_TRY(lh_connection_do(sql->connection, &exchange, arena, table ? &text : NULL, err));
    if (table) LH_TRY(sql_print_table(sql, text, started_ns, arena, err));
    else if (strcmp(sql->format, "json") == 0) putchar('\n');
    return fflush(stdout) == 0 ? LH_OK : lh_fail_errno(err, errno, "cannot write the answer");
}

lh_code lh_sql_script(lh_sql *sql, lh_str text, lh_error *err) {
    lh_str unit;
    while (lh_cli_statement_next(&text, &unit))
        if (!lh_cli_statement_is_blank(unit)) LH_TRY(lh_sql_run(sql, unit, err));
    return lh_cli_statement_is_blank(text) ? LH_OK : lh_sql_run(sql, text, err); /* the last needs no ';' */
}

static lh_code sql_read_all(int fd, const char *path, lh_buf *into, lh_error *err) {
    for (;;) {
        char *room = lh_buf_reserve(into, 64 << 10);
        if (!room) return lh_buf_check(into, err);
        ssize_t got = read(fd, room, 64 << 10);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lh_fail_errno(err, errno, "cannot read %s", path);
        if (got == 0) return LH_OK;
        into->len += (size_t)got;
    }
}

lh_code lh_sql_read_file(const lh_sql *sql, const char *path, lh_buf *into, lh_error *err) {
    if (strcmp(path, "-") == 0) return sql_read_all(STDIN_FILENO, "the standard input", into, err);
    int fd = -1;
    LH_TRY(lh_connection_open_file(sql->connection, path, &fd, err));
    lh_code code = sql_read_all(fd, path, into, err);
    close(fd);
    return code;
}

static lh_code sql_run_files(lh_sql *sql, const lh_cli_list *files, lh_error *err) {
    for (size_t i = 0; i < files->count; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(SQL_SCRIPT_BYTES_MAX);
        LH_TRY(lh_sql_read_file(sql, files->items[i], &text, err));
        LH_TRY(lh_sql_script(sql, lh_buf_str(&text), err));
    }
    return LH_OK;
}

static int sql_all(lh_sql *sql, const lh_cli_list *statements, lh_cli_list *files) {
    lh_error err = {0};
    bool terminal = isatty(STDIN_FILENO) != 0;
    if (statements->count == 0 && files->count == 0 && terminal) return lh_sql_shell(sql);
    if (statements->count == 0 && files->count == 0) files->items[files->count++] = "-";
    for (size_t i = 0; i < statements->count; i++)
        if (lh_sql_script(sql, lh_str_from(statements->items[i]), &err) != LH_OK) return lh_cli_fail(&err);
    return sql_run_files(sql, files, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}

static int sql_read_options(lh_sql *sql, const char *limit) {
    sql->style.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    sql->timing = true;
    if (!lh_sql_format_known(sql->format)) {
        lh_cli_complain("--format is one of table, json, ndjson, csv, arrow, not '%s'", sql->format);
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
    lh_sql sql = {.format = "table"};
    const lh_cli_flag flags[] = {
        {.name = "command",
         .letter = 'c',
         .value_name = "SQL",
         .help = "run this and end (may be repeated)",
         .list = &statements},
        {.name = "format",
         .value_name = "FORMAT",
         .help = "table (default), json, ndjson, csv, arrow",
         .text = &sql.format},
        {.name = "limit",
         .value_name = "ROWS",
         .help = "rows of one answer; 0: all (default: 10000 for table, else all)",
         .text = &limit},
        {.name = "expanded", .letter = 'x', .help = "one line a value", .on = &sql.style.expanded},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source),
    };
    setlocale(LC_ALL, "");
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &files);
    if (status < 0) status = sql_read_options(&sql, limit);
    if (status >= 0) return status;
    lh_error err = {0};
    LH_CLEANUP(lh_connection_closep) lh_connection *connection = NULL;
    if (lh_connection_open(&source, false, &connection, &err) != LH_OK) return lh_cli_fail(&err);
    sql.connection = connection;
    return sql_all(&sql, &statements, &files);
}
