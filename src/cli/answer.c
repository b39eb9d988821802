/* What `lakehouse sql` prints: an answer as a table and its foot, a change as psql says it ("INSERT 2"), an error with its place. */
#include "cli/sql_internal.h"
#include "cli/statement.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ANSWER_LINE_WIDTH = 100 }; /* of the line shown with an error */

static void answer_time(const lh_sql *sql, const char *before, uint64_t started_ns, const char *after) {
    double ms = (double)(lh_time_monotonic_ns() - started_ns) / 1e6;
    if (!sql->timing) return;
    fputs(before, sql->out);
    fprintf(sql->out, ms < 10 ? "%.1f ms" : ms < 10000 ? "%.0f ms" : "%.3g ms", ms);
    fputs(after, sql->out);
}

static void answer_foot(const lh_sql *sql, const lh_json *answer, uint64_t started_ns) {
    uint64_t rows = lh_json_uint(lh_json_get(answer, "row_count"), 0);
    bool cut = lh_json_bool(lh_json_get(answer, "truncated"), false);
    fprintf(sql->out, "(%s%" PRIu64 " row%s", cut ? "first " : "", rows, rows == 1 ? "" : "s");
    answer_time(sql, " in ", started_ns, "");
    if (cut) fprintf(sql->out, "; %s 0 shows all", sql->style.shell ? "\\limit" : "--limit");
    fputs(")\n", sql->out);
}

/* ---- changes ---- */
static bool answer_word_is(lh_str word, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq_nocase(word, lh_str_from(words[i]))) return true;
    return false;
}

static void answer_print_upper(FILE *into, lh_str word) {
    for (size_t i = 0; i < word.len; i++)
        fputc(word.ptr[i] >= 'a' && word.ptr[i] <= 'z' ? word.ptr[i] - 32 : word.ptr[i], into);
}

/* "CREATE OR REPLACE TABLE t" → TABLE. */
static lh_str answer_object(lh_str statement) {
    static const char *const between[] = {"or", "replace", "temp", "temporary"};
    lh_str word = LH_STR_NONE;
    for (size_t n = 1; n < 5; n++) {
        word = lh_cli_statement_word(statement, n);
        if (!answer_word_is(word, between, sizeof between / sizeof *between)) break;
    }
    return word;
}

/* The answer is of a change: one column, Count or Success, and a statement that changes. False: it is a table. */
static bool answer_print_change(FILE *into, lh_str statement, const lh_json *answer) {
    static const char *const rows_of[] = {"insert", "update", "delete", "merge", "truncate"};
    static const char *const objects_of[] = {"create", "alter", "drop"};
    static const char *const ends[] = {"commit", "end", "rollback", "abort"};
    const lh_json *columns = lh_json_get(answer, "columns"), *rows = lh_json_get(answer, "rows");
    lh_str head = lh_json_get_string(lh_json_at(columns, 0), "name"), word = lh_cli_statement_word(statement, 0);
    bool rows_change = answer_word_is(word, rows_of, sizeof rows_of / sizeof *rows_of),
         object_changes = answer_word_is(word, objects_of, sizeof objects_of / sizeof *objects_of);
    if (!rows_change && !object_changes && !answer_word_is(word, ends, sizeof ends / sizeof *ends)) return false;
    if (lh_json_size(columns) > 1 ||
        (head.len && !lh_str_eq(head, LH_STR("Count")) && !lh_str_eq(head, LH_STR("Success"))))
        return false;
    uint64_t count = lh_json_uint(lh_json_at(lh_json_at(rows, 0), 0), 0);
    answer_print_upper(into, word);
    if (object_changes) fputc(' ', into), answer_print_upper(into, answer_object(statement));
    if (rows_change) fprintf(into, " %" PRIu64, count);
    else if (object_changes && lh_json_size(rows)) fprintf(into, ", %" PRIu64 " row%s", count, count == 1 ? "" : "s");
    return true;
}

lh_code lh_sql_print_answer(const lh_sql *sql, lh_str unit, lh_str text, uint64_t started_ns, lh_arena *arena,
                            lh_error *err) {
    lh_json *answer = NULL;
    struct winsize size;
    LH_TRY(lh_json_parse_exact(arena, text, &answer, err)); /* every digit as it was sent */
    if (answer_print_change(sql->out, lh_cli_statement_last(unit), answer)) {
        answer_time(sql, " (", started_ns, ")");
        fputc('\n', sql->out);
        return LH_OK;
    }
    lh_cli_table_style style = sql->style;
    if (ioctl(fileno(sql->out), TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
    LH_TRY(lh_cli_table_print(sql->out, answer, style, arena, err));
    answer_foot(sql, answer, started_ns);
    return LH_OK;
}

/* ---- errors ---- */
static size_t answer_character(lh_str text, size_t i) { /* behind the character at i */
    for (i++; i < text.len && ((unsigned char)text.ptr[i] & 0xC0) == 0x80;) i++;
    return i;
}

static void answer_put_line(lh_str text) { /* tabs as spaces, so that the caret stands right */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        fputc(c < 0x20 || c == 0x7F ? ' ' : c, stderr);
    }
}

/* The line, cut around the column, and a caret under it. */
static void answer_point(uint64_t number, lh_str line, uint64_t column) {
    size_t at = 0, from = 0;
    for (uint64_t k = 1; k < column && at < line.len; k++) {
        at = answer_character(line, at);
        if (lh_str_width(lh_str_sub(line, from, at - from)) > ANSWER_LINE_WIDTH / 2)
            from = answer_character(line, from);
    }
    lh_str shown = lh_str_cut_utf8(lh_str_sub(line, from, SIZE_MAX), ANSWER_LINE_WIDTH);
    bool cut = shown.len < line.len - from;
    int label = fprintf(stderr, "LINE %" PRIu64 ": ", number);
    if (from) fputs("...", stderr), label += 3;
    answer_put_line(shown);
    fprintf(stderr, "%s\n%*s^\n", cut ? "..." : "", label + (int)lh_str_width(lh_str_sub(line, from, at - from)), "");
}

/* Line and column of the unit's start, from 1. */
static void answer_start(lh_str before, uint64_t *ret_line, uint64_t *ret_column) {
    *ret_line = *ret_column = 1;
    for (size_t i = 0; i < before.len; i = answer_character(before, i)) {
        if (before.ptr[i] == '\n') ++*ret_line, *ret_column = 1;
        else ++*ret_column;
    }
}

static lh_str answer_line(lh_str whole, uint64_t number) {
    while (--number && whole.len) (void)lh_str_split(&whole, '\n');
    lh_str line = lh_str_split(&whole, '\n');
    if (lh_str_ends(line, LH_STR("\r"))) line.len--;
    return line;
}

void lh_sql_report(const lh_sql *sql, const char *file, lh_str whole, lh_str unit, const lh_error *err) {
    uint64_t line, column;
    if (sql->out == stdout && err->sys_errno == EPIPE) return; /* whoever read has enough */
    fflush(stdout);
    fputs(err->code == LH_CANCELLED ? "cancelled: " : sql->style.shell ? "error: " : "lakehouse: ", stderr);
    if (err->line == 0) {
        fprintf(stderr, "%s%s%s\n", file ? file : "", file ? ": " : "", err->message);
        return;
    }
    answer_start(lh_str_sub(whole, 0, (size_t)(unit.ptr - whole.ptr)), &line, &column);
    line += err->line - 1;
    column = err->line == 1 ? column + err->column - 1 : err->column;
    if (file) fprintf(stderr, "%s:%" PRIu64 ":%" PRIu64 ": ", file, line, column);
    fprintf(stderr, "%s\n", err->message);
    answer_point(line, answer_line(whole, line), column);
}
