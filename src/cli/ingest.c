/* `lakehouse ingest`: each file goes to POST /ingest/file as a form (form.c). */
#include "cli/cli_internal.h"
#include "cli/form.h"
#include "ingest/ingest.h"

#include <stdio.h>
#include <unistd.h>

typedef struct ingest_flags {
    const char *dataset, *mode, *key, *format, *on_error, *on_schema_change;
    lh_cli_list options; /* name=value */
    bool quiet;
} ingest_flags;

/* ---- options: numbers, booleans and JSON as they look, the rest text ---- */
static lh_json *ingest_option_value(lh_arena *arena, lh_str text) {
    lh_json *value = NULL;
    bool plain = lh_str_eq(text, LH_STR("true")) || lh_str_eq(text, LH_STR("false")) ||
                 (text.len && (text.ptr[0] == '{' || text.ptr[0] == '['));
    int64_t number;
    if (plain && lh_json_parse(arena, text, &value, NULL) == LH_OK) return value;
    if (lh_str_to_i64(text, &number) == LH_OK) return lh_json_new_int(arena, number);
    if (lh_str_eq(text, LH_STR("\\t"))) text = LH_STR("\t"); /* as people write --option delimiter=\t */
    return lh_json_new_string(arena, text);
}

static lh_code ingest_options(const lh_cli_list *list, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_str text = LH_STR_NONE;
    lh_json *object = lh_json_new_object(arena);
    for (size_t i = 0; i < list->count; i++) {
        lh_str value = lh_str_from(list->items[i]);
        if (lh_str_find(value, '=') == value.len)
            return lh_fail(err, LH_INVALID, "--option takes name=value, as in --option delimiter=';', not '%s'",
                           list->items[i]);
        lh_str name = lh_str_split(&value, '=');
        bool text_only = lh_str_eq(name, LH_STR("null")) || lh_str_eq(name, LH_STR("delimiter")) ||
                         lh_str_eq(name, LH_STR("quote")) || lh_str_eq(name, LH_STR("escape"));
        bool tab = lh_str_eq(value, LH_STR("\\t"));
        lh_json_put(arena, object, name,
                    text_only && !tab ? lh_json_new_string(arena, value) : ingest_option_value(arena, value));
    }
    if (list->count) LH_TRY(lh_json_write(arena, object, false, &text, err));
    *ret = text;
    return lh_arena_check(arena, err);
}

static lh_code ingest_fields(const ingest_flags *flags, lh_str dataset, lh_form *form, lh_arena *arena, lh_error *err) {
    lh_str options = LH_STR_NONE;
    LH_TRY(ingest_options(&flags->options, arena, &options, err));
    lh_form_field(form, "dataset", dataset);
    lh_form_field(form, "mode", lh_str_from(flags->mode));
    lh_form_field(form, "key", lh_str_from(flags->key));
    lh_form_field(form, "format", lh_str_from(flags->format));
    lh_form_field(form, "on_error", lh_str_from(flags->on_error));
    lh_form_field(form, "on_schema_change", lh_str_from(flags->on_schema_change));
    lh_form_field(form, "options", options);
    lh_form_field(form, "source", LH_STR("cli"));
    return LH_OK;
}

/* ---- the result ---- */
static void ingest_print_names(const lh_json *names, const char *what) {
    for (lh_json_iter it = lh_json_each(names); lh_json_next(&it);) {
        lh_str name =
            lh_json_is_object(it.value) ? lh_json_get_string(it.value, "name") : lh_json_str(it.value, LH_STR_NONE);
        printf("%s%.*s", it.index ? ", " : what, LH_STR_ARG(name));
    }
    if (lh_json_size(names)) putchar('\n');
}

/* What was guessed, and may have been guessed wrongly. */
static void ingest_print_reading(const lh_json *answer) {
    lh_str encoding = lh_json_get_string(answer, "encoding"), dates = lh_json_get_string(answer, "date_format");
    if (encoding.len && !lh_str_eq(encoding, LH_STR("utf-8"))) printf("  read as %.*s\n", LH_STR_ARG(encoding));
    if (dates.len) printf("  dates read as %.*s\n", LH_STR_ARG(dates));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "warnings")); lh_json_next(&it);)
        printf("  warning: %.*s\n", LH_STR_ARG(lh_json_str(it.value, LH_STR_NONE)));
}

static void ingest_print(const lh_json *answer, lh_str file_name, uint64_t bytes, uint64_t elapsed_ms) {
    lh_str dataset = lh_json_get_string(answer, "dataset");
    uint64_t rows = lh_json_uint(lh_json_get(answer, "rows"), 0),
             rejected = lh_json_uint(lh_json_get(answer, "rejected"), 0);
    double seconds = (double)(elapsed_ms ? elapsed_ms : 1) / 1000.0;
    if (lh_json_bool(lh_json_get(answer, "deduplicated"), false)) {
        printf("%.*s: these bytes are in %.*s already, nothing to do\n", LH_STR_ARG(file_name), LH_STR_ARG(dataset));
        return;
    }
    printf("%.*s → %.*s: %" PRIu64 " rows, %zu columns, %s in %.2f s (%s/s)\n", LH_STR_ARG(file_name),
           LH_STR_ARG(dataset), rows, lh_json_size(lh_json_get(answer, "columns")),
           lh_progress_bytes((double)bytes).text, seconds, lh_progress_bytes((double)bytes / seconds).text);
    ingest_print_reading(answer);
    ingest_print_names(lh_json_get(answer, "added_columns"), "  added columns: ");
    ingest_print_names(lh_json_get(answer, "widened_columns"), "  widened columns: ");
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "migrated_columns")); lh_json_next(&it);)
        printf("  %.*s: %.*s → %.*s\n", LH_STR_ARG(lh_json_get_string(it.value, "kind")),
               LH_STR_ARG(lh_json_get_string(it.value, "from")), LH_STR_ARG(lh_json_get_string(it.value, "to")));
    if (rejected)
        printf("  %" PRIu64 " rows were rejected; lines and reasons are in %.*s\n", rejected,
               LH_STR_ARG(lh_json_get_string(answer, "rejects_dataset")));
}

/* ---- one file ---- */
static lh_code ingest_send(lh_connection *connection, const ingest_flags *flags, lh_form *form, lh_arena *arena,
                           lh_error *err) {
    lh_str dataset = flags->dataset ? lh_str_from(flags->dataset) : lh_ingest_dataset_name(form->file_name, arena);
    uint64_t started_ms = lh_time_monotonic_ms(), size = form->left;
    lh_json *answer = NULL;
    LH_TRY(ingest_fields(flags, dataset, form, arena, err));
    lh_progress progress = lh_progress_start(stderr, isatty(STDERR_FILENO) != 0, form->file_name, size, started_ms);
    if (flags->quiet) progress.told_percent = 100, progress.terminal = false;
    form->progress = &progress;
    lh_code code = lh_form_post(connection, LH_STR("/ingest/file"), form, arena, &answer, err);
    form->progress = NULL;
    lh_progress_clear(&progress);
    LH_TRY(code);
    ingest_print(answer, form->file_name, size, lh_time_monotonic_ms() - started_ms);
    return LH_OK;
}

static lh_code ingest_file(lh_connection *connection, const ingest_flags *flags, const char *path, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_form_done) lh_form form;
    lh_form_init(&form);
    LH_TRY(lh_arena_new(LH_CLI_ARENA_BYTES, &arena, err));
    LH_TRY(lh_form_open(connection, path, &form, err));
    return ingest_send(connection, flags, &form, arena, err);
}

static int ingest_all(const lh_cli_source *source, ingest_flags *flags, const lh_cli_list *files) {
    lh_error err = {0};
    LH_CLEANUP(lh_connection_closep) lh_connection *connection = NULL;
    if (lh_connection_open(source, flags->quiet, &connection, &err) != LH_OK) return lh_cli_fail(&err);
    for (size_t i = 0; i < files->count; i++) {
        if (ingest_file(connection, flags, files->items[i], &err) != LH_OK) {
            if (files->count > i + 1)
                lh_cli_complain("stopped at file %zu of %zu; those before it are loaded", i + 1, files->count);
            return lh_cli_fail(&err);
        }
        bool one_table = flags->dataset &&
                         (!flags->mode || strcmp(flags->mode, "create") == 0 || strcmp(flags->mode, "replace") == 0);
        if (one_table) flags->mode = "append"; /* the further files of one dataset */
    }
    return LH_EXIT_DONE;
}

int lh_cli_ingest(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    ingest_flags flags = {0};
    lh_cli_list files = {0};
    const lh_cli_flag rows[] = {
        {.name = "dataset",
         .letter = 'd',
         .value_name = "NAME",
         .help = "table, as name or namespace.name (default: the file's name)",
         .text = &flags.dataset},
        {.name = "mode",
         .value_name = "MODE",
         .help = "create (default), append, replace, upsert",
         .text = &flags.mode},
        {.name = "key",
         .value_name = "COLUMNS",
         .help = "upsert: the columns that make a row the same, by commas",
         .text = &flags.key},
        {.name = "format",
         .value_name = "FORMAT",
         .help = "csv, tsv, json, ndjson, parquet (default: by name and content)",
         .text = &flags.format},
        {.name = "on-error",
         .value_name = "WHAT",
         .help = "fail (default) or quarantine: bad rows go to NAME__rejects",
         .text = &flags.on_error},
        {.name = "on-schema-change",
         .value_name = "WHAT",
         .help = "a dataset that is there: add (default), fail, migrate",
         .text = &flags.on_schema_change},
        {.name = "option",
         .letter = 'o',
         .value_name = "KEY=VALUE",
         .help = "delimiter, quote, header, null, all_varchar, columns, flatten …",
         .list = &flags.options},
        {.name = "quiet", .letter = 'q', .help = "no progress", .on = &flags.quiet},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source),
    };
    int status = lh_cli_parse(self, rows, sizeof rows / sizeof *rows, argc, argv, &files);
    if (status >= 0) return status;
    if (files.count == 0) {
        lh_cli_complain("ingest needs a file: lakehouse ingest flights.csv");
        return LH_EXIT_USAGE;
    }
    return ingest_all(&source, &flags, &files);
}
