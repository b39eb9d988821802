/* `lakehouse datasets`: the verbs as a table; list and drop over /datasets, set and search over /catalog. The other verbs are in
 * datasets_show.c, datasets_schema.c and datasets_scan.c. */
#include "cli/datasets_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* ---- list ---- */
static void datasets_add(lh_cli_rows *rows, const lh_json *dataset, bool as_sql) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(64 << 10);
    lh_str levels = lh_json_get_string(dataset, "namespace"), name = lh_json_get_string(dataset, "name");
    if (as_sql) lh_cli_table_name_append(&text, levels, name);
    else lh_buf_printf(&text, "%.*s.%.*s", LH_STR_ARG(levels), LH_STR_ARG(name));
    lh_cli_rows_next(rows);
    lh_cli_rows_text(rows, lh_buf_str(&text));
    lh_cli_rows_known(rows, lh_json_get(dataset, "row_count"));
    lh_cli_rows_size(rows, lh_json_get(dataset, "bytes"));
    lh_cli_rows_known(rows, lh_json_get(dataset, "files"));
    lh_cli_rows_count(rows, lh_json_size(lh_json_get(dataset, "schema")));
    lh_cli_rows_known(rows, lh_json_get(dataset, "updated_at"));
}

/* All of them, one array. */
static lh_code datasets_fetch_all(lh_connection *connection, lh_str filter, lh_arena *arena, lh_json **ret,
                                  lh_error *err) {
    lh_json *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_path(arena, "/datasets?limit=500&filter=", filter, "", &path, err));
    LH_TRY(lh_connection_get_all(connection, path, arena, &answer, err));
    *ret = lh_json_get(answer, "items");
    return LH_OK;
}

lh_code lh_cli_print_datasets(FILE *into, lh_connection *connection, lh_str filter, bool as_sql,
                              lh_cli_table_style style, lh_arena *arena, lh_error *err) {
    static const lh_cli_column heads[] = {{"dataset", false}, {"rows", true},    {"size", true},
                                          {"files", true},    {"columns", true}, {"updated", false}};
    lh_json *all = NULL;
    LH_TRY(datasets_fetch_all(connection, filter, arena, &all, err));
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, sizeof heads / sizeof *heads);
    rows.into = into;
    for (lh_json_iter it = lh_json_each(all); lh_json_next(&it);) datasets_add(&rows, it.value, as_sql);
    if (lh_json_size(all)) return lh_cli_rows_print(&rows, style, err);
    if (filter.len) fprintf(into, "No dataset that you may see has '%.*s' in its name.\n", LH_STR_ARG(filter));
    else fprintf(into, "No datasets yet, or none that you may see. Load one: lakehouse ingest FILE.csv\n");
    return LH_OK;
}

static lh_code datasets_list(const lh_datasets_job *job, lh_error *err) {
    lh_json *all = NULL;
    if (!job->json)
        return lh_cli_print_datasets(stdout, job->connection, job->name, false, lh_cli_style(), job->arena, err);
    LH_TRY(datasets_fetch_all(job->connection, job->name, job->arena, &all, err));
    return lh_cli_print_json(all, job->arena, err);
}

/* ---- drop ---- */

static lh_code datasets_confirm(const lh_datasets_job *job, lh_error *err) {
    lh_str path;
    lh_json *dataset = NULL;
    if (job->yes || !isatty(STDIN_FILENO)) return LH_OK;
    LH_TRY(lh_cli_path(job->arena, "/datasets/by-name/", job->name, "", &path, err));
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &dataset, err));
    lh_str question =
        lh_arena_printf(job->arena, "Drop %.*s.%.*s (%.*s)%s?", LH_STR_ARG(lh_json_get_string(dataset, "namespace")),
                        LH_STR_ARG(lh_json_get_string(dataset, "name")), LH_STR_ARG(lh_cli_extent(dataset, job->arena)),
                        job->purge ? " and its files" : "");
    if (lh_cli_confirm(question)) return LH_OK;
    return lh_fail(err, LH_CANCELLED, "nothing was dropped (--yes asks no question)");
}

static lh_code datasets_drop(const lh_datasets_job *job, lh_error *err) {
    lh_str path;
    LH_TRY(datasets_confirm(job, err));
    LH_TRY(lh_cli_path(job->arena, "/datasets/by-name/", job->name, job->purge ? "?purge=true" : "", &path, err));
    const lh_exchange exchange = {.method = "DELETE", .path = path};
    LH_TRY(lh_connection_do(job->connection, &exchange, job->arena, NULL, err));
    printf("dropped %.*s%s\n", LH_STR_ARG(job->name),
           job->purge ? " and its files" : "; its files stay (drop --purge removes them too)");
    return LH_OK;
}

/* ---- search, set ---- */
static lh_code datasets_search(const lh_datasets_job *job, lh_error *err) {
    static const lh_cli_column heads[] = {{"dataset", false}, {"description", false}};
    LH_CLEANUP(lh_buf_done) lh_buf words = LH_BUF_INIT(8192);
    lh_json *answer = NULL;
    lh_str path;
    for (size_t i = 1; i < job->words->count; i++)
        lh_buf_printf(&words, "%s%s", i > 1 ? " " : "", job->words->items[i]);
    LH_TRY(lh_buf_check(&words, err));
    LH_TRY(lh_cli_path(job->arena, "/catalog/search?limit=100&q=", lh_buf_str(&words), "", &path, err));
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &answer, err));
    const lh_json *items = lh_json_get(answer, "items");
    if (job->json) return lh_cli_print_json(items, job->arena, err);
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "dataset"));
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "description"));
    }
    if (lh_json_size(items)) return lh_cli_rows_print(&rows, lh_cli_style(), err);
    printf("Nothing has all of: %.*s\n", LH_STR_ARG(lh_buf_str(&words)));
    return LH_OK;
}

/* The value of FIELD=VALUE: null for an empty one, a list for tags and synonyms, a number for the interval, true or false for key. */
static lh_json *datasets_value(lh_arena *arena, lh_str field, lh_str value) {
    int64_t number;
    if (value.len == 0) return lh_json_new_null(arena);
    if (lh_str_eq(field, LH_STR("expected_interval_s")) && lh_str_to_i64(value, &number) == LH_OK)
        return lh_json_new_int(arena, number);
    bool yes = lh_str_eq(value, LH_STR("true"));
    if (lh_str_eq(field, LH_STR("key")) && (yes || lh_str_eq(value, LH_STR("false"))))
        return lh_json_new_bool(arena, yes);
    if (!lh_str_eq(field, LH_STR("tags")) && !lh_str_eq(field, LH_STR("synonyms")))
        return lh_json_new_string(arena, value);
    lh_json *words = lh_json_new_array(arena);
    while (value.len) lh_json_append(words, lh_json_new_string(arena, lh_str_trim(lh_str_split(&value, ','))));
    return words;
}

/* Puts one "owner=ann" or "columns.NAME.pii_kind=email" into the patch; false: it has no '='. */
static bool datasets_assign(lh_arena *arena, lh_json *patch, lh_str word) {
    size_t equals = lh_str_find(word, '='), prefix = sizeof "columns." - 1, dot = equals;
    lh_str field = lh_str_sub(word, 0, equals), value = lh_str_sub(word, equals + 1, SIZE_MAX);
    if (equals == word.len || equals == 0) return false;
    while (dot > prefix && word.ptr[dot - 1] != '.') dot--;
    if (!lh_str_starts(field, LH_STR("columns.")) || dot <= prefix) {
        lh_json_put(arena, patch, field, datasets_value(arena, field, value));
        return true;
    }
    lh_str column = lh_str_sub(word, prefix, dot - 1 - prefix);
    if (!lh_json_get(patch, "columns")) lh_json_set(arena, patch, "columns", lh_json_new_object(arena));
    lh_json *columns = lh_json_get(patch, "columns");
    if (!lh_json_get_str(columns, column)) lh_json_put(arena, columns, column, lh_json_new_object(arena));
    lh_str of_column = lh_str_sub(word, dot, equals - dot);
    lh_json_put(arena, lh_json_get_str(columns, column), of_column, datasets_value(arena, of_column, value));
    return true;
}

static lh_code datasets_set(const lh_datasets_job *job, lh_error *err) {
    lh_json *patch = lh_json_new_object(job->arena), *answer = NULL;
    lh_str path;
    for (size_t i = 2; i < job->words->count; i++)
        if (!datasets_assign(job->arena, patch, lh_str_from(job->words->items[i])))
            return lh_fail(err, LH_INVALID, "'%s' is not FIELD=VALUE, as owner=ann", job->words->items[i]);
    LH_TRY(lh_cli_path(job->arena, "/catalog/datasets/by-name/", job->name, "/metadata", &path, err));
    LH_TRY(lh_connection_send(job->connection, "PATCH", path, patch, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("%.*s now has", LH_STR_ARG(job->name));
    for (size_t i = 2; i < job->words->count; i++) printf("%s %s", i > 2 ? "," : "", job->words->items[i]);
    putchar('\n');
    return LH_OK;
}

/* ---- move ---- */
static lh_code datasets_move(const lh_datasets_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_str path;
    lh_json_set_string(job->arena, body, "bucket", lh_str_from(job->words->items[2]));
    LH_TRY(lh_cli_path(job->arena, "/catalog/datasets/by-name/", job->name, "/move", &path, err));
    LH_TRY(lh_connection_send(job->connection, "POST", path, body, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("moved %.*s from %.*s to %.*s: %" PRIu64 " rows, %.*s\n", LH_STR_ARG(job->name),
           LH_STR_ARG(lh_json_get_string(answer, "bucket_before")), LH_STR_ARG(lh_json_get_string(answer, "bucket")),
           lh_json_uint(lh_json_get(answer, "rows"), 0),
           LH_STR_ARG(lh_cli_size(job->arena, lh_json_uint(lh_json_get(answer, "bytes_after"), 0))));
    return LH_OK;
}

/* ---- summary ---- */
static lh_code datasets_summary(const lh_datasets_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_path(job->arena, "/datasets/", job->name, "/summary", &path, err));
    LH_TRY(lh_connection_send(job->connection, "POST", path, body, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_str warning = lh_json_get_string(answer, "warning");
    printf("%.*s\n", LH_STR_ARG(lh_json_get_string(answer, "summary")));
    if (warning.len) fprintf(stderr, "%.*s\n", LH_STR_ARG(warning));
    return LH_OK;
}

/* ---- the verbs ---- */
static const struct {
    lh_cli_verb verb;
    lh_datasets_verb run;
} datasets_verbs[] = {
    {{"list", "[PART OF A NAME]", 0, 1}, datasets_list},
    {{"show", "NAME", 1, 1}, lh_datasets_show},
    {{"describe", "NAME", 1, 1}, lh_datasets_describe},
    {{"summary", "NAME", 1, 1}, datasets_summary},
    {{"history", "NAME", 1, 1}, lh_datasets_history},
    {{"lineage", "NAME", 1, 1}, lh_datasets_lineage},
    {{"search", "WORDS", 1, LH_CLI_LIST_MAX}, datasets_search},
    {{"set", "NAME FIELD=VALUE…, as in: datasets set orders owner=ann", 2, LH_CLI_LIST_MAX}, datasets_set},
    {{"drop", "NAME", 1, 1}, datasets_drop},
    {{"diff", "NAME and another dataset, or a file: datasets diff orders orders.csv", 2, 2}, lh_datasets_diff},
    {{"prompt", "NAME and another dataset, or a file: datasets prompt orders orders.csv", 2, 2}, lh_datasets_prompt},
    {{"migrate", "NAME and either --to DATASET|FILE or --rules FILE.json", 1, 1}, lh_datasets_migrate},
    {{"rollback", "NAME", 1, 1}, lh_datasets_rollback},
    {{"scan", "NAME", 1, 1}, lh_datasets_scan},
    {{"move", "NAME BUCKET, as in: datasets move orders archive", 2, 2}, datasets_move},
};
enum { DATASETS_VERBS = sizeof datasets_verbs / sizeof *datasets_verbs };

const char *lh_cli_datasets_verb(size_t i) { return i < DATASETS_VERBS ? datasets_verbs[i].verb.name : NULL; }

/* What the number of words does not tell. */
static bool datasets_is_understood(size_t verb, const lh_datasets_job *job) {
    bool understood = datasets_verbs[verb].run != lh_datasets_migrate || !job->to != !job->rules;
    for (size_t i = 2; datasets_verbs[verb].run == datasets_set && i < job->words->count; i++)
        understood &= strchr(job->words->items[i], '=') != NULL;
    if (!understood)
        lh_cli_complain("datasets %s takes %s", datasets_verbs[verb].verb.name, datasets_verbs[verb].verb.takes);
    return understood;
}

static int datasets_run(const lh_cli_source *source, size_t verb, lh_datasets_job *job) {
    lh_error err = {0};
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    if (lh_cli_session_open(source, &session, &err) != LH_OK) return lh_cli_fail(&err);
    job->connection = session.connection;
    job->arena = session.arena;
    return datasets_verbs[verb].run(job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}

int lh_cli_datasets(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    lh_datasets_job job = {.words = &words};
    const lh_cli_flag flags[] = {
        {.name = "purge", .help = "drop: remove the data files as well", .on = &job.purge},
        {.name = "yes", .letter = 'y', .help = "drop: ask no question", .on = &job.yes},
        {.name = "to", .value_name = "DATASET|FILE", .help = "migrate: become as this is", .text = &job.to},
        {.name = "rules",
         .value_name = "FILE",
         .help = "migrate: rules, or a model's answer, as JSON",
         .text = &job.rules},
        {.name = "dry-run", .help = "migrate, scan: only show what would be done", .on = &job.dry_run},
        {.name = "min-confidence",
         .value_name = "0…1",
         .help = "migrate: skip rules below it, prompt: ask for them (0.8)",
         .text = &job.min_confidence},
        {.name = "snapshot", .value_name = "ID", .help = "rollback: to this one, not the last", .text = &job.snapshot},
        {.name = "sample-rows",
         .value_name = "N",
         .help = "scan: rows to look at (10000); prompt: to show (5)",
         .text = &job.sample_rows},
        {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source),
    };
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    job.name = lh_cli_word(&words, 1);
    size_t verb = lh_cli_find_verb(self, words.count ? words.items[0] : "list");
    if (verb == SIZE_MAX || !lh_cli_takes(self, &datasets_verbs[verb].verb, &words)) return LH_EXIT_USAGE;
    if (!datasets_is_understood(verb, &job)) return LH_EXIT_USAGE;
    return datasets_run(&source, verb, &job);
}
