/* Tables that a command makes itself, in the shape of an answer of /query/sql, and the words that go with them. */
#include "cli/cli_internal.h"

#include <langinfo.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

lh_cli_table_style lh_cli_style(void) {
    return (lh_cli_table_style){.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
}

lh_cli_table_style lh_cli_style_to_fit(void) {
    lh_cli_table_style style = lh_cli_style();
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
    return style;
}

lh_cli_rows lh_cli_rows_new(lh_arena *arena, const lh_cli_column *columns, size_t count) {
    lh_cli_rows rows = {.into = stdout,
                        .arena = arena,
                        .answer = lh_json_new_object(arena),
                        .rows = lh_json_new_array(arena),
                        .row = NULL};
    lh_json *heads = lh_json_new_array(arena);
    for (size_t i = 0; i < count; i++) {
        lh_json *head = lh_json_new_object(arena);
        lh_json_set_string(arena, head, "name", lh_str_from(columns[i].name));
        lh_json_set_string(arena, head, "type", lh_str_from(columns[i].number ? "BIGINT" : "VARCHAR"));
        lh_json_append(heads, head);
    }
    lh_json_set(arena, rows.answer, "columns", heads);
    return rows;
}

void lh_cli_rows_next(lh_cli_rows *rows) {
    rows->row = lh_json_new_array(rows->arena);
    lh_json_append(rows->rows, rows->row);
}

void lh_cli_rows_text(lh_cli_rows *rows, lh_str text) {
    lh_json_append(rows->row, lh_json_new_string(rows->arena, text));
}

void lh_cli_rows_count(lh_cli_rows *rows, uint64_t number) {
    lh_json_append(rows->row, lh_json_new_uint(rows->arena, number));
}

void lh_cli_rows_json(lh_cli_rows *rows, const lh_json *value) {
    lh_json_append(rows->row, value ? lh_json_copy(rows->arena, value) : lh_json_new_null(rows->arena));
}

void lh_cli_rows_value(lh_cli_rows *rows, const lh_json *value) {
    if (lh_json_is_null(value)) lh_cli_rows_text(rows, LH_STR_NONE);
    else lh_cli_rows_json(rows, value);
}

void lh_cli_rows_known(lh_cli_rows *rows, const lh_json *value) {
    if (lh_json_is_null(value)) lh_cli_rows_text(rows, LH_STR("-"));
    else lh_cli_rows_json(rows, value);
}

void lh_cli_rows_size(lh_cli_rows *rows, const lh_json *bytes) {
    lh_cli_rows_text(rows, lh_json_is_null(bytes) ? LH_STR("-") : lh_cli_size(rows->arena, lh_json_uint(bytes, 0)));
}

void lh_cli_rows_time(lh_cli_rows *rows, const lh_json *of, const char *member) {
    const lh_json *value = lh_json_get(of, member);
    if (value && lh_json_is_null(value)) lh_cli_rows_text(rows, LH_STR("never"));
    else lh_cli_rows_known(rows, value);
}

lh_code lh_cli_rows_print(lh_cli_rows *rows, lh_cli_table_style style, lh_error *err) {
    lh_json_set(rows->arena, rows->answer, "rows", rows->rows);
    LH_TRY(lh_arena_check(rows->arena, err));
    return lh_cli_table_print(rows->into, rows->answer, style, rows->arena, err);
}

lh_code lh_cli_print_json(const lh_json *value, lh_arena *arena, lh_error *err) {
    lh_str text;
    LH_TRY(lh_json_write(arena, value, true, &text, err));
    printf("%.*s\n", LH_STR_ARG(text));
    return LH_OK;
}

lh_str lh_cli_counted(lh_arena *arena, uint64_t number, const char *noun) {
    return lh_arena_printf(arena, "%" PRIu64 " %s%s", number, noun, number == 1 ? "" : "s");
}

lh_str lh_cli_line(lh_arena *arena, lh_str text) {
    LH_CLEANUP(lh_buf_done) lh_buf line = LH_BUF_INIT(LH_CLI_ARENA_BYTES);
    while (text.len) {
        lh_buf_append(&line, lh_str_split(&text, '\n'));
        if (text.len) lh_buf_char(&line, ' ');
    }
    return lh_arena_dup(arena, lh_buf_str(&line));
}
