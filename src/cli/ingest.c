/* `lakehouse ingest`: each file goes to POST /ingest/file as a form (form.c). */
#include "cli/cli_internal.h"
#include "cli/form.h"
#include "cli/interrupt.h"
#include "document/document.h"
#include "ingest/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct ingest_flags {
    const char *dataset, *mode, *key, *format, *on_error, *on_schema_change, *bucket, *profile, *source;
    lh_cli_list options; /* name=value */
    bool quiet, documents;    /* documents: the file at hand is sent as an archive of them */
    _Atomic bool interrupted; /* Ctrl-C */
} ingest_flags;

/* ---- what can be said before anything is sent ---- */
static bool ingest_check_dataset(const char *name) {
    if (!name) return true;
    lh_str rest = lh_str_from(name);
    bool wrong = rest.len == 0 || lh_str_ends(rest, LH_STR(".")) || strchr(name, '/') != NULL;
    while (rest.len && !wrong) wrong = lh_str_split(&rest, '.').len == 0;
    if (wrong) lh_cli_complain("--dataset takes a name, as flights or sales.orders, not '%s'", name);
    return !wrong;
}

static bool ingest_check_key(const ingest_flags *flags) {
    bool upsert = flags->mode && strcmp(flags->mode, "upsert") == 0;
    if (upsert && !(flags->key && *flags->key)) {
        lh_cli_complain("--mode upsert needs --key: the columns that make a row the same, as --key id");
        return false;
    }
    if (flags->key && !upsert)
        lh_cli_complain("--key is for --mode upsert; with --mode %s it says nothing",
                        flags->mode ? flags->mode : "create");
    return upsert || !flags->key;
}

static bool ingest_check_files(const ingest_flags *flags, const lh_cli_list *files) {
    for (size_t i = 0; i < files->count; i++) {
        bool is_stdin = strcmp(files->items[i], "-") == 0;
        if (is_stdin && !flags->dataset) lh_cli_complain("the standard input has no name: say --dataset NAME");
        if (is_stdin && !flags->dataset) return false;
        if (is_stdin || access(files->items[i], R_OK) == 0) continue;
        lh_cli_complain("cannot open %s: %s%s", files->items[i], strerrordesc_np(errno),
                        files->count > 1 ? "; nothing was loaded" : "");
        return false;
    }
    return true;
}

static bool ingest_is_understood(const ingest_flags *flags) {
    static const char *const modes[] = {"create", "append", "replace", "upsert"},
                             *const errors[] = {"fail", "quarantine"}, *const changes[] = {"add", "fail", "migrate"},
                             *const formats[] = {"csv", "tsv", "json", "ndjson", "parquet", "documents"};
    return lh_cli_is_one_of("mode", flags->mode, modes, 4) && lh_cli_is_one_of("format", flags->format, formats, 6) &&
           lh_cli_is_one_of("on-error", flags->on_error, errors, 2) &&
           lh_cli_is_one_of("on-schema-change", flags->on_schema_change, changes, 3) && ingest_check_key(flags) &&
           ingest_check_dataset(flags->dataset);
}

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

/* A folder holds documents; of files a name says it, but a .txt may be a table, too. */
static bool ingest_is_documents(const ingest_flags *flags, lh_connection *connection, const char *path) {
    struct stat st;
    lh_document_kind kind = lh_document_kind_of(lh_str_from(path));
    if (strcmp(path, "-") == 0) return false;
    if (fstatat(lh_connection_folder(connection), path, &st, 0) == 0 && S_ISDIR(st.st_mode)) return true;
    if (flags->format) return strcmp(flags->format, "documents") == 0;
    return kind != LH_DOCUMENT_NONE && kind != LH_DOCUMENT_TEXT;
}

static lh_code ingest_fields(const ingest_flags *flags, lh_str dataset, lh_form *form, lh_arena *arena, lh_error *err) {
    lh_str options = LH_STR_NONE;
    LH_TRY(ingest_options(&flags->options, arena, &options, err));
    lh_form_field(form, "dataset", dataset);
    lh_form_field(form, "mode", lh_str_from(flags->mode));
    lh_form_field(form, "key", lh_str_from(flags->key));
    lh_form_field(form, "format", flags->documents ? LH_STR("documents") : lh_str_from(flags->format));
    lh_form_field(form, "on_error", lh_str_from(flags->on_error));
    lh_form_field(form, "on_schema_change", lh_str_from(flags->on_schema_change));
    lh_form_field(form, "options", options);
    lh_form_field(form, "source", lh_str_from(flags->source ? flags->source : "cli"));
    lh_form_header(form, "X-Lakehouse-Bucket", lh_str_from(flags->bucket));
    lh_form_header(form, "X-Lakehouse-Profile", lh_str_from(flags->profile));
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
    bool documents = lh_str_eq(lh_json_get_string(answer, "format"), LH_STR("documents"));
    double seconds = (double)(elapsed_ms ? elapsed_ms : 1) / 1000.0;
    if (lh_json_bool(lh_json_get(answer, "deduplicated"), false)) {
        printf("%.*s: these bytes are in %.*s already, nothing to do\n", LH_STR_ARG(file_name), LH_STR_ARG(dataset));
        return;
    }
    size_t columns = lh_json_size(lh_json_get(answer, "columns"));
    printf("%.*s → %.*s: %" PRIu64 " row%s, %zu column%s, %s in %.2f s (%.0f rows/s, %s/s)\n", LH_STR_ARG(file_name),
           LH_STR_ARG(dataset), rows, rows == 1 ? "" : "s", columns, columns == 1 ? "" : "s",
           lh_progress_bytes((double)bytes).text, seconds, (double)rows / seconds,
           lh_progress_bytes((double)bytes / seconds).text);
    ingest_print_reading(answer);
    ingest_print_names(lh_json_get(answer, "added_columns"), "  added columns: ");
    ingest_print_names(lh_json_get(answer, "widened_columns"), "  widened columns: ");
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "migrated_columns")); lh_json_next(&it);)
        printf("  %.*s: %.*s → %.*s\n", LH_STR_ARG(lh_json_get_string(it.value, "kind")),
               LH_STR_ARG(lh_json_get_string(it.value, "from")), LH_STR_ARG(lh_json_get_string(it.value, "to")));
    if (rejected)
        printf("  %" PRIu64 " %s%s rejected; %s and reasons are in %.*s\n", rejected, documents ? "file" : "row",
               rejected == 1 ? " was" : "s were", documents ? "names" : "lines",
               LH_STR_ARG(lh_json_get_string(answer, "rejects_dataset")));
}

/* ---- one file ---- */

/* The server speaks of fields of its form; here they are flags. */
static void ingest_reword(lh_error *err) {
    static const struct {
        const char *field, *flag;
    } words[] = {{"options.encoding", "-o encoding=…"},
                 {"options.", "-o "},
                 {"'dataset'", "--dataset"},
                 {"'mode'", "--mode"},
                 {"'key'", "--key"},
                 {"'format'", "--format"},
                 {"'on_error'", "--on-error"},
                 {"on_error=", "--on-error "},
                 {"'on_schema_change'", "--on-schema-change"},
                 {"on_schema_change=", "--on-schema-change "},
                 {"mode=", "--mode "},
                 {"use mode ", "use --mode "}};
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(2 * LH_ERROR_MESSAGE_BYTES);
    lh_str rest = lh_str_from(err->message);
    while (rest.len) {
        lh_str took = lh_str_sub(rest, 0, 1), put = took;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (lh_str_starts(rest, lh_str_from(words[i].field)) && took.len == 1)
                took = lh_str_from(words[i].field), put = lh_str_from(words[i].flag);
        lh_buf_append(&text, put);
        rest = lh_str_sub(rest, took.len, SIZE_MAX);
    }
    lh_str reworded = lh_buf_str(&text);
    if (lh_buf_check(&text, NULL) == LH_OK) lh_error_set(err, err->code, "%.*s", LH_STR_ARG(reworded));
}

/* Is a line of the file a row of the table, but for breaks within quotes? */
static bool ingest_has_lines(lh_str file_name) {
    static const char *const ends[] = {".csv", ".tsv", ".tab", ".ndjson", ".jsonl"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (lh_str_ends(file_name, lh_str_from(ends[i]))) return true;
    return false;
}

static lh_code ingest_send(lh_connection *connection, const ingest_flags *flags, lh_form *form, lh_arena *arena,
                           lh_error *err) {
    lh_str dataset = flags->dataset ? lh_str_from(flags->dataset) : lh_ingest_dataset_name(form->file_name, arena);
    uint64_t started_ms = lh_time_monotonic_ms(), size = form->left;
    lh_json *answer = NULL;
    LH_TRY(ingest_fields(flags, dataset, form, arena, err));
    bool shown = !flags->quiet && isatty(STDERR_FILENO);
    lh_progress progress = lh_progress_start(stderr, shown, form->file_name, size, started_ms);
    progress.counts_rows = ingest_has_lines(form->file_name);
    form->progress = &progress;
    lh_code code = lh_form_post(connection, LH_STR("/ingest/file"), form, arena, &answer, err);
    form->progress = NULL;
    lh_progress_clear(&progress);
    if (code != LH_OK && flags->interrupted)
        return form->left
                   ? lh_fail(err, LH_CANCELLED, "interrupted; nothing of %.*s was loaded", LH_STR_ARG(form->file_name))
                   : lh_fail(
                         err, LH_CANCELLED,
                         "interrupted; the server may have loaded %.*s: look with `lakehouse datasets history %.*s`",
                         LH_STR_ARG(form->file_name), LH_STR_ARG(dataset));
    LH_TRY(code);
    ingest_print(answer, form->file_name, size, lh_time_monotonic_ms() - started_ms);
    return LH_OK;
}

static lh_code ingest_file(lh_connection *connection, ingest_flags *flags, const char *path, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_form_done) lh_form form;
    uint64_t others = 0;
    lh_form_init(&form);
    form.cancelled = &flags->interrupted;
    LH_TRY(lh_arena_new(LH_CLI_ARENA_BYTES, &arena, err));
    flags->documents = ingest_is_documents(flags, connection, path);
    if (!flags->documents) LH_TRY(lh_form_open(connection, path, &form, err));
    else LH_TRY(lh_form_open_documents(connection, path, &form, arena, &others, err));
    LH_TRY(ingest_send(connection, flags, &form, arena, err));
    if (others)
        printf("  %" PRIu64 " file%s passed over, being no document\n", others, others == 1 ? " was" : "s were");
    return LH_OK;
}

static int ingest_all(const lh_cli_source *source, ingest_flags *flags, const lh_cli_list *files) {
    lh_error err = {0};
    LH_CLEANUP(lh_connection_closep) lh_connection *connection = NULL;
    if (lh_connection_open(source, flags->quiet, &connection, &err) != LH_OK) return lh_cli_fail(&err);
    for (size_t i = 0; i < files->count; i++) {
        if (ingest_file(connection, flags, files->items[i], &err) != LH_OK) {
            if (files->count > i + 1)
                lh_cli_complain("stopped at file %zu of %zu; those before it are loaded", i + 1, files->count);
            ingest_reword(&err);
            return lh_cli_fail_or_interrupted(flags->interrupted, &err);
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
         .help = "csv, tsv, json, ndjson, parquet, documents (default: by name and content)",
         .text = &flags.format},
        {.name = "on-error",
         .value_name = "WHAT",
         .help = "fail (default, but of documents) or quarantine: to NAME__rejects",
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
        {.name = "bucket", .value_name = "NAME", .help = "where a new dataset shall lie", .text = &flags.bucket},
        {.name = "profile",
         .value_name = "USER",
         .help = "bucket and namespace of an active profile, where none is said",
         .text = &flags.profile},
        {.name = "source", .value_name = "TEXT", .help = "kept in the lineage (cli)", .text = &flags.source},
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
    if (!ingest_is_understood(&flags)) return LH_EXIT_USAGE;
    if (!ingest_check_files(&flags, &files)) return LH_EXIT_FAILED;
    lh_interrupt interrupt = {0};
    (void)lh_interrupt_start(&interrupt, &flags.interrupted);
    status = ingest_all(&source, &flags, &files);
    lh_interrupt_stop(&interrupt);
    return status;
}
