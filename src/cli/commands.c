/* The \commands of `lakehouse sql` as a table: one row gives the command, its help and its completion. */
#include "cli/sql_internal.h"

#include <stdio.h>

enum { COMMANDS_DEPTH_MAX = 16, COMMANDS_SCRIPT_BYTES_MAX = 64 << 20 };

static lh_code command_list(lh_sql *sql, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    return lh_cli_print_datasets(sql->out, sql->connection, LH_STR_NONE, true, sql->style, arena, err);
}

static lh_code command_tables(lh_sql *sql, lh_str argument, lh_error *err) {
    (void)argument;
    return command_list(sql, err);
}

static lh_code command_describe(lh_sql *sql, lh_str argument, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(8192), name = LH_BUF_INIT(8192);
    lh_json *dataset = NULL;
    if (argument.len == 0) return command_list(sql, err);
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    lh_buf_append(&path, LH_STR("/datasets/by-name/"));
    lh_cli_table_name_read(&name, argument);
    LH_TRY(lh_buf_check(&name, err));
    lh_url_encode(&path, lh_buf_str(&name), false);
    LH_TRY(lh_buf_check(&path, err));
    LH_TRY(lh_connection_get(sql->connection, lh_buf_str(&path), arena, &dataset, err));
    LH_TRY(lh_cli_print_columns(sql->out, lh_json_get(dataset, "schema"), sql->style, arena, err));
    name.len = 0;
    lh_cli_table_name_append(&name, lh_json_get_string(dataset, "namespace"), lh_json_get_string(dataset, "name"));
    fprintf(sql->out, "%.*s: %.*s", LH_STR_ARG(lh_buf_str(&name)), LH_STR_ARG(lh_cli_extent(dataset, arena)));
    if (!lh_json_is_null(lh_json_get(dataset, "snapshot_id")))
        fprintf(sql->out, ", snapshot %" PRId64, lh_json_int(lh_json_get(dataset, "snapshot_id"), -1));
    fputc('\n', sql->out);
    return LH_OK;
}

static lh_code command_namespaces(lh_sql *sql, lh_str argument, lh_error *err) {
    static const lh_cli_column heads[] = {{"namespace", false}};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *answer = NULL;
    (void)argument;
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    LH_TRY(lh_connection_get(sql->connection, LH_STR("/iceberg/v1/namespaces"), arena, &answer, err));
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, 1);
    rows.into = sql->out;
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "namespaces")); lh_json_next(&it);) {
        LH_CLEANUP(lh_buf_done) lh_buf name = LH_BUF_INIT(64 << 10);
        for (lh_json_iter level = lh_json_each(it.value); lh_json_next(&level);)
            lh_buf_printf(&name, "%s%.*s", level.index ? "." : "", LH_STR_ARG(lh_json_str(level.value, LH_STR_NONE)));
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_buf_str(&name));
    }
    return lh_cli_rows_print(&rows, sql->style, err);
}

static lh_code command_include(lh_sql *sql, lh_str argument, lh_error *err) {
    char path[4096];
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(COMMANDS_SCRIPT_BYTES_MAX);
    if (sql->depth == COMMANDS_DEPTH_MAX)
        return lh_fail(err, LH_LIMIT, "\\i within \\i more than %d deep", COMMANDS_DEPTH_MAX);
    LH_TRY(lh_str_to_cstr(argument, path, sizeof path, err));
    LH_TRY(lh_sql_read_file(sql, path, &text, err));
    sql->depth++;
    bool done = lh_sql_script(sql, path, lh_buf_str(&text));
    sql->depth--;
    return done ? LH_OK : lh_fail(err, LH_INVALID, "\\i %s stopped there", path);
}

static lh_code command_output(lh_sql *sql, lh_str argument, lh_error *err) {
    char path[4096];
    FILE *out = stdout;
    if (argument.len) {
        LH_TRY(lh_str_to_cstr(argument, path, sizeof path, err));
        LH_TRY(lh_connection_create_file(sql->connection, path, &out, err));
    }
    return lh_sql_write_to(sql, out, err);
}

static lh_code command_format(lh_sql *sql, lh_str argument, lh_error *err) {
    for (size_t i = 0; i + 1 < LH_SQL_FORMATS; i++) /* not arrow: it is binary */
        if (lh_str_eq(argument, lh_str_from(lh_sql_formats[i]))) {
            sql->format = lh_sql_formats[i];
            return LH_OK;
        }
    return lh_fail(err, LH_INVALID, "\\format takes table, json, ndjson or csv");
}

static lh_code command_limit(lh_sql *sql, lh_str argument, lh_error *err) {
    uint64_t limit = 0;
    if (lh_str_to_u64(argument, &limit) != LH_OK)
        return lh_fail(err, LH_INVALID, "\\limit takes a number of rows, 0 for all, not '%.*s'", LH_STR_ARG(argument));
    sql->limit = limit;
    if (limit) printf("at most %" PRIu64 " rows of an answer\n", limit);
    else printf("all rows of an answer\n");
    return LH_OK;
}

static lh_code command_timing(lh_sql *sql, lh_str argument, lh_error *err) {
    (void)argument, (void)err;
    sql->timing = !sql->timing;
    printf("times are %s\n", sql->timing ? "on" : "off");
    return LH_OK;
}

static lh_code command_expanded(lh_sql *sql, lh_str argument, lh_error *err) {
    (void)argument, (void)err;
    sql->style.expanded = !sql->style.expanded;
    printf("one line a value: %s\n", sql->style.expanded ? "on" : "off");
    return LH_OK;
}

static lh_code command_leave(lh_sql *sql, lh_str argument, lh_error *err) {
    (void)argument, (void)err;
    sql->leave = true;
    return LH_OK;
}

static lh_code command_help(lh_sql *sql, lh_str argument, lh_error *err) {
    (void)sql, (void)argument, (void)err;
    printf("A statement ends with ';' and may span lines; BEGIN … COMMIT is sent as one. Ctrl-C drops or stops it, "
           "Ctrl-D\n"
           "leaves, Tab completes, Ctrl-R searches.\n");
    for (size_t i = 0; i < lh_sql_command_count; i++) {
        const lh_sql_command *command = &lh_sql_commands[i];
        char left[64];
        if (!command->help) continue;
        snprintf(left, sizeof left, "%s%s%s", command->name, command->argument ? " " : "",
                 command->argument ? command->argument : "");
        printf("  %-14s %s\n", left, command->help);
    }
    return LH_OK;
}

const lh_sql_command lh_sql_commands[] = {
    {"\\d", "[NAME]", "columns of a table; without a name all tables", command_describe},
    {"\\dt", NULL, "the tables", command_tables},
    {"\\dn", NULL, "the namespaces", command_namespaces},
    {"\\i", "FILE", "run a script", command_include},
    {"\\o", "[FILE]", "answers go to a file; without a name to the terminal again", command_output},
    {"\\format", "FORMAT", "table, json, ndjson, csv", command_format},
    {"\\limit", "ROWS", "rows of one answer, 0 for all", command_limit},
    {"\\timing", NULL, "times on or off", command_timing},
    {"\\x", NULL, "one line a value, on or off", command_expanded},
    {"\\?", NULL, "this text", command_help},
    {"\\h", NULL, NULL, command_help},
    {"\\q", NULL, "leave", command_leave},
};
const size_t lh_sql_command_count = sizeof lh_sql_commands / sizeof *lh_sql_commands;

static lh_code command_unknown(lh_str word, lh_error *err) {
    const char *names[sizeof lh_sql_commands / sizeof *lh_sql_commands];
    for (size_t i = 0; i < lh_sql_command_count; i++) names[i] = lh_sql_commands[i].name;
    const char *near = word.len > 2 ? lh_cli_nearest(word, names, lh_sql_command_count) : NULL;
    if (near) return lh_fail(err, LH_INVALID, "no command %.*s; did you mean %s?", LH_STR_ARG(word), near);
    return lh_fail(err, LH_INVALID, "no command %.*s; \\? lists them", LH_STR_ARG(lh_str_cut_utf8(word, 60)));
}

lh_code lh_sql_command_run(lh_sql *sql, lh_str line, lh_error *err) {
    lh_str argument = lh_str_trim(line);
    while (lh_str_ends(argument, LH_STR(";"))) argument.len--;
    lh_str word = lh_str_split(&argument, ' ');
    argument = lh_str_trim(argument);
    for (size_t i = 0; i < lh_sql_command_count; i++) {
        const lh_sql_command *command = &lh_sql_commands[i];
        if (!lh_str_eq(word, lh_str_from(command->name))) continue;
        if (argument.len && !command->argument)
            return lh_fail(err, LH_INVALID, "%s takes nothing behind it, not '%.*s'", command->name,
                           LH_STR_ARG(lh_str_cut_utf8(argument, 60)));
        if (argument.len == 0 && command->argument && command->argument[0] != '[')
            return lh_fail(err, LH_INVALID, "%s takes a %s: %s", command->name, command->argument, command->help);
        return command->run(sql, argument, err);
    }
    return command_unknown(word, err);
}
