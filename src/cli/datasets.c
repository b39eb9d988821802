/* `lakehouse datasets`: list, show, drop over /datasets; describe, set, lineage, search over /catalog. diff, migrate,
 * rollback and scan are in datasets_schema.c. */
#include "cli/datasets_schema.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

static lh_code datasets_get(lh_connection *connection, lh_str path, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_str text;
    const lh_exchange exchange = {.method = "GET", .path = path};
    LH_TRY(lh_connection_do(connection, &exchange, arena, &text, err));
    return lh_json_parse(arena, text, ret, err);
}

static void datasets_add_head(lh_arena *arena, lh_json *columns, const char *name, const char *type) {
    lh_json *head = lh_json_new_object(arena);
    lh_json_set_string(arena, head, "name", lh_str_from(name));
    lh_json_set_string(arena, head, "type", lh_str_from(type));
    lh_json_append(columns, head);
}

static void datasets_add_rows(lh_arena *arena, lh_json *rows, const lh_json *items) {
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_json *row = lh_json_new_array(arena);
        lh_str updated = lh_json_get_string(it.value, "updated_at");
        lh_json_append(row,
                       lh_json_new_string(arena, lh_arena_printf(arena, "%.*s.%.*s",
                                                                 LH_STR_ARG(lh_json_get_string(it.value, "namespace")),
                                                                 LH_STR_ARG(lh_json_get_string(it.value, "name")))));
        lh_json_append(row, lh_json_new_uint(arena, lh_json_uint(lh_json_get(it.value, "row_count"), 0)));
        lh_json_append(row,
                       lh_json_new_string(arena, lh_cli_size(arena, lh_json_uint(lh_json_get(it.value, "bytes"), 0))));
        lh_json_append(row, lh_json_new_uint(arena, lh_json_uint(lh_json_get(it.value, "files"), 0)));
        lh_json_append(row, lh_json_new_uint(arena, lh_json_size(lh_json_get(it.value, "schema"))));
        lh_json_append(row, updated.len ? lh_json_new_string(arena, updated) : lh_json_new_null(arena));
        lh_json_append(rows, row);
    }
}

lh_code lh_cli_print_datasets(lh_connection *connection, lh_str filter, lh_cli_table_style style, lh_arena *arena,
                              lh_error *err) {
    lh_json *answer = lh_json_new_object(arena), *columns = lh_json_new_array(arena), *rows = lh_json_new_array(arena);
    datasets_add_head(arena, columns, "dataset", "VARCHAR");
    datasets_add_head(arena, columns, "rows", "BIGINT");
    datasets_add_head(arena, columns, "size", "DECIMAL"); /* right-aligned */
    datasets_add_head(arena, columns, "files", "BIGINT");
    datasets_add_head(arena, columns, "columns", "BIGINT");
    datasets_add_head(arena, columns, "updated", "VARCHAR");
    lh_str token = LH_STR_NONE;
    do {
        LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(64 << 10);
        lh_json *page = NULL;
        lh_buf_append(&path, LH_STR("/datasets?limit=500&filter="));
        lh_url_encode(&path, filter, false);
        if (token.len) lh_buf_append(&path, LH_STR("&page_token=")), lh_url_encode(&path, token, false);
        LH_TRY(lh_buf_check(&path, err));
        LH_TRY(datasets_get(connection, lh_buf_str(&path), arena, &page, err));
        datasets_add_rows(arena, rows, lh_json_get(page, "items"));
        token = lh_json_get_string(page, "next_page_token");
    } while (token.len);
    lh_json_set(arena, answer, "columns", columns);
    lh_json_set(arena, answer, "rows", rows);
    LH_TRY(lh_arena_check(arena, err));
    if (lh_json_size(rows) == 0) return printf("No datasets yet. Load one: lakehouse ingest FILE.csv\n"), LH_OK;
    return lh_cli_table_print(stdout, answer, style, arena, err);
}

static lh_code datasets_path(lh_str name, lh_buf *path, lh_error *err) {
    lh_buf_append(path, LH_STR("/datasets/by-name/"));
    lh_url_encode(path, name, false);
    return lh_buf_check(path, err);
}

static lh_code datasets_show(lh_connection *connection, lh_str name, lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(8192);
    lh_json *dataset = NULL;
    lh_str text;
    LH_TRY(datasets_path(name, &path, err));
    LH_TRY(datasets_get(connection, lh_buf_str(&path), arena, &dataset, err));
    LH_TRY(lh_json_write(arena, dataset, true, &text, err));
    printf("%.*s\n", LH_STR_ARG(text));
    return LH_OK;
}

static lh_code datasets_drop(lh_connection *connection, lh_str name, bool purge, lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(8192);
    LH_TRY(datasets_path(name, &path, err));
    if (purge) lh_buf_append(&path, LH_STR("?purge=true"));
    LH_TRY(lh_buf_check(&path, err));
    const lh_exchange exchange = {.method = "DELETE", .path = lh_buf_str(&path)};
    LH_TRY(lh_connection_do(connection, &exchange, arena, NULL, err));
    printf("dropped %.*s%s\n", LH_STR_ARG(name),
           purge ? " and its files" : "; its files stay (drop --purge removes them too)");
    return LH_OK;
}

/* ---- /catalog ---- */

static lh_code datasets_print(lh_connection *connection, const lh_buf *path, lh_arena *arena, lh_error *err) {
    lh_json *answer = NULL;
    lh_str text;
    LH_TRY(lh_buf_check(path, err));
    LH_TRY(datasets_get(connection, lh_buf_str(path), arena, &answer, err));
    LH_TRY(lh_json_write(arena, answer, true, &text, err));
    printf("%.*s\n", LH_STR_ARG(text));
    return LH_OK;
}

static lh_code datasets_describe(lh_connection *connection, lh_str name, bool lineage, lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(8192);
    lh_buf_append(&path, lineage ? LH_STR("/catalog/lineage/") : LH_STR("/catalog/datasets/by-name/"));
    lh_url_encode(&path, name, false);
    return datasets_print(connection, &path, arena, err);
}

static lh_code datasets_search(lh_connection *connection, lh_str text, lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(8192);
    lh_json *answer = NULL;
    lh_buf_append(&path, LH_STR("/catalog/search?limit=100&q="));
    lh_url_encode(&path, text, false);
    LH_TRY(lh_buf_check(&path, err));
    LH_TRY(datasets_get(connection, lh_buf_str(&path), arena, &answer, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);)
        printf("%.*s\t%.*s\n", LH_STR_ARG(lh_json_get_string(it.value, "dataset")),
               LH_STR_ARG(lh_json_get_string(it.value, "description")));
    return LH_OK;
}

/* The value of FIELD=VALUE: null for an empty one, words for tags, a number for the interval. */
static lh_json *datasets_value(lh_arena *arena, lh_str field, lh_str value) {
    int64_t number;
    if (value.len == 0) return lh_json_new_null(arena);
    if (lh_str_eq(field, LH_STR("expected_interval_s")) && lh_str_to_i64(value, &number) == LH_OK)
        return lh_json_new_int(arena, number);
    if (!lh_str_eq(field, LH_STR("tags"))) return lh_json_new_string(arena, value);
    lh_json *tags = lh_json_new_array(arena);
    while (value.len) lh_json_append(tags, lh_json_new_string(arena, lh_str_trim(lh_str_split(&value, ','))));
    return tags;
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
    lh_json_put(arena, lh_json_get_str(columns, column), lh_str_sub(word, dot, equals - dot),
                datasets_value(arena, LH_STR_NONE, value));
    return true;
}

static lh_code datasets_set(lh_connection *connection, lh_str name, const lh_cli_list *words, lh_arena *arena,
                            lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(8192);
    lh_json *patch = lh_json_new_object(arena);
    lh_str text;
    for (size_t i = 2; i < words->count; i++)
        if (!datasets_assign(arena, patch, lh_str_from(words->items[i])))
            return lh_fail(err, LH_INVALID, "'%s' is not FIELD=VALUE", words->items[i]);
    LH_TRY(lh_json_write(arena, patch, false, &text, err));
    lh_buf_append(&path, LH_STR("/catalog/datasets/by-name/"));
    lh_url_encode(&path, name, false);
    lh_buf_append(&path, LH_STR("/metadata"));
    LH_TRY(lh_buf_check(&path, err));
    const lh_exchange exchange = {.method = "PATCH", .path = lh_buf_str(&path), .body = text};
    LH_TRY(lh_connection_do(connection, &exchange, arena, NULL, err));
    printf("set %zu of %.*s\n", words->count - 2, LH_STR_ARG(name));
    return LH_OK;
}

static bool datasets_is_schema(lh_str verb) {
    return lh_str_eq(verb, LH_STR("diff")) || lh_str_eq(verb, LH_STR("migrate")) ||
           lh_str_eq(verb, LH_STR("rollback")) || lh_str_eq(verb, LH_STR("scan"));
}

static lh_code datasets_run(const lh_cli_source *source, lh_str verb, const lh_cli_list *words, lh_schema_job *job,
                            bool purge, lh_error *err) {
    lh_str name = job->name;
    LH_CLEANUP(lh_connection_closep) lh_connection *connection = NULL;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(LH_CLI_ARENA_BYTES, &arena, err));
    LH_TRY(lh_connection_open(source, false, &connection, err));
    job->connection = connection;
    job->arena = arena;
    if (datasets_is_schema(verb))
        return lh_cli_datasets_schema(job, verb, words->count > 2 ? words->items[2] : NULL, err);
    if (lh_str_eq(verb, LH_STR("show"))) return datasets_show(connection, name, arena, err);
    if (lh_str_eq(verb, LH_STR("drop"))) return datasets_drop(connection, name, purge, arena, err);
    if (lh_str_eq(verb, LH_STR("describe"))) return datasets_describe(connection, name, false, arena, err);
    if (lh_str_eq(verb, LH_STR("lineage"))) return datasets_describe(connection, name, true, arena, err);
    if (lh_str_eq(verb, LH_STR("search"))) return datasets_search(connection, name, arena, err);
    if (lh_str_eq(verb, LH_STR("set"))) return datasets_set(connection, name, words, arena, err);
    const lh_cli_table_style style = {.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
    return lh_cli_print_datasets(connection, name, style, arena, err);
}

/* What is wrong with the words; NULL: nothing. */
static const char *datasets_usage(lh_str verb, const lh_cli_list *words, const lh_schema_job *job) {
    bool set = lh_str_eq(verb, LH_STR("set")), diff = lh_str_eq(verb, LH_STR("diff")), assigns = words->count > 2;
    for (size_t i = 2; i < words->count && set; i++) assigns &= strchr(words->items[i], '=') != NULL;
    if (set && (!assigns || job->name.len == 0))
        return "datasets set takes a dataset and FIELD=VALUE, as in: datasets set orders owner=ann";
    if (diff && (words->count != 3 || job->name.len == 0))
        return "datasets diff takes a dataset and another one, or a file: datasets diff orders orders.csv";
    if (lh_str_eq(verb, LH_STR("migrate")) && !job->to == !job->rules)
        return "datasets migrate takes a dataset and either --to DATASET|FILE or --rules FILE.json";
    if (!set && !diff && (words->count > 2 || (job->name.len == 0 && !lh_str_eq(verb, LH_STR("list")))))
        return "datasets takes the name of one dataset behind the verb";
    return NULL;
}

int lh_cli_datasets(const lh_cli_command *self, int argc, char **argv) {
    static const char *const verbs[] = {"list",   "show", "drop",    "describe", "set", "lineage",
                                        "search", "diff", "migrate", "rollback", "scan"};
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    lh_schema_job job = {0};
    bool purge = false;
    const lh_cli_flag flags[] = {
        {.name = "purge", .help = "drop: remove the data files as well", .on = &purge},
        {.name = "to", .value_name = "DATASET|FILE", .help = "migrate: become as this is", .text = &job.to},
        {.name = "rules",
         .value_name = "FILE",
         .help = "migrate: rules, or a model's answer, as JSON",
         .text = &job.rules},
        {.name = "dry-run", .help = "migrate, scan: only show what would be done", .on = &job.dry_run},
        {.name = "min-confidence",
         .value_name = "0…1",
         .help = "migrate: skip rules below it (0.8)",
         .text = &job.min_confidence},
        {.name = "snapshot", .value_name = "ID", .help = "rollback: to this one, not the last", .text = &job.snapshot},
        {.name = "sample-rows", .value_name = "N", .help = "scan: rows to look at (10000)", .text = &job.sample_rows},
        {.name = "json", .help = "diff, scan: all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source),
    };
    setlocale(LC_ALL, "");
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    lh_str verb = lh_str_from(words.count ? words.items[0] : "list");
    job.name = lh_str_from(words.count > 1 ? words.items[1] : "");
    const char *near = lh_cli_nearest(verb, verbs, sizeof verbs / sizeof *verbs);
    if (!near || !lh_str_eq(verb, lh_str_from(near))) {
        lh_cli_complain(
            "datasets takes list, show, drop, describe, set, lineage, search, diff, migrate, rollback or scan, not "
            "'%.*s'",
            LH_STR_ARG(verb));
        return LH_EXIT_USAGE;
    }
    const char *wrong = datasets_usage(verb, &words, &job);
    if (wrong) {
        lh_cli_complain("%s", wrong);
        return LH_EXIT_USAGE;
    }
    lh_error err = {0};
    return datasets_run(&source, verb, &words, &job, purge, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}
