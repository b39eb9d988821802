/* `lakehouse datasets show | describe | history | lineage`: answers of the server as pages for people. */
#include "cli/datasets_internal.h"

#include <stdio.h>

enum { SHOW_LABEL_WIDTH = 12 };

static void show_pair(const char *label, lh_str text) {
    if (text.len) printf("  %-*s %.*s\n", SHOW_LABEL_WIDTH, label, LH_STR_ARG(text));
}

static lh_str show_words(const lh_json *words, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 20);
    for (lh_json_iter it = lh_json_each(words); lh_json_next(&it);) {
        if (it.index) lh_buf_append(&text, LH_STR(", "));
        lh_buf_append(&text, lh_json_str(it.value, LH_STR_NONE));
    }
    return lh_arena_dup(arena, lh_buf_str(&text));
}

static lh_str show_origin(const lh_json *origin, lh_arena *arena) {
    lh_str file = lh_json_get_string(origin, "file"), source = lh_json_get_string(origin, "source");
    if (file.len == 0) return source;
    return source.len ? lh_arena_printf(arena, "%.*s, by %.*s", LH_STR_ARG(file), LH_STR_ARG(source)) : file;
}

lh_str lh_cli_extent(const lh_json *dataset, lh_arena *arena) {
    const lh_json *known = lh_json_get(dataset, "row_count");
    if (lh_json_is_null(lh_json_get(dataset, "files"))) return LH_STR("how much is not told to you");
    lh_str rows = lh_json_is_null(known) ? LH_STR("an unknown number of rows")
                                         : lh_cli_counted(arena, lh_json_uint(known, 0), "row"),
           size = lh_cli_size(arena, lh_json_uint(lh_json_get(dataset, "bytes"), 0)),
           files = lh_cli_counted(arena, lh_json_uint(lh_json_get(dataset, "files"), 0), "file");
    return lh_arena_printf(arena, "%.*s, %.*s in %.*s", LH_STR_ARG(rows), LH_STR_ARG(size), LH_STR_ARG(files));
}

static void show_head(const lh_json *dataset, lh_arena *arena) {
    int64_t snapshot = lh_json_int(lh_json_get(dataset, "snapshot_id"), -1);
    printf("%.*s.%.*s\n", LH_STR_ARG(lh_json_get_string(dataset, "namespace")),
           LH_STR_ARG(lh_json_get_string(dataset, "name")));
    show_pair("description", lh_json_get_string(dataset, "description"));
    show_pair("owner", lh_json_get_string(dataset, "owner"));
    show_pair("sensitivity", lh_json_get_string(dataset, "sensitivity"));
    show_pair("tags", show_words(lh_json_get(dataset, "tags"), arena));
    show_pair("synonyms", show_words(lh_json_get(dataset, "synonyms"), arena));
    show_pair("holds", lh_cli_extent(dataset, arena));
    show_pair("updated", lh_json_get_string(dataset, "updated_at"));
    show_pair("created", lh_json_get_string(dataset, "created_at"));
    show_pair("freshness", lh_json_get_string(lh_json_get(dataset, "freshness"), "status"));
    show_pair("last load", show_origin(lh_json_get(dataset, "origin"), arena));
    show_pair("location", lh_json_get_string(dataset, "location"));
    if (snapshot >= 0) show_pair("snapshot", lh_arena_printf(arena, "%" PRId64, snapshot));
    putchar('\n');
}

lh_code lh_cli_print_columns(FILE *into, const lh_json *columns, lh_cli_table_style style, lh_arena *arena,
                             lh_error *err) {
    static const lh_cli_column heads[] = {{"column", false}, {"type", false}, {"nullable", false}};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, sizeof heads / sizeof *heads);
    rows.into = into;
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "name"));
        lh_cli_rows_text(&rows, lh_cli_type(arena, lh_json_get_string(it.value, "type")));
        lh_cli_rows_text(&rows, lh_json_bool(lh_json_get(it.value, "nullable"), true) ? LH_STR("yes") : LH_STR("no"));
    }
    return lh_cli_rows_print(&rows, style, err);
}

static lh_code show_described_columns(const lh_json *columns, lh_arena *arena, lh_error *err) {
    static const lh_cli_column heads[] = {{"column", false},   {"type", false},        {"description", false},
                                          {"synonyms", false}, {"sensitivity", false}, {"pii", false},
                                          {"nulls", true},     {"min", false},         {"max", false}};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        const lh_json *statistics = lh_json_get(it.value, "statistics");
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "name"));
        lh_cli_rows_text(&rows, lh_cli_type(arena, lh_json_get_string(it.value, "type")));
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "description"));
        lh_cli_rows_text(&rows, show_words(lh_json_get(it.value, "synonyms"), arena));
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "sensitivity"));
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "pii_kind"));
        lh_cli_rows_value(&rows, lh_json_get(statistics, "nulls"));
        lh_cli_rows_value(&rows, lh_json_get(statistics, "min"));
        lh_cli_rows_value(&rows, lh_json_get(statistics, "max"));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static lh_code show_fetch(const lh_datasets_job *job, const char *before, lh_json **ret, lh_error *err) {
    lh_str path;
    LH_TRY(lh_cli_path(job->arena, before, job->name, "", &path, err));
    return lh_connection_get(job->connection, path, job->arena, ret, err);
}

lh_code lh_datasets_show(const lh_datasets_job *job, lh_error *err) {
    lh_json *dataset = NULL;
    LH_TRY(show_fetch(job, "/datasets/by-name/", &dataset, err));
    if (job->json) return lh_cli_print_json(dataset, job->arena, err);
    show_head(dataset, job->arena);
    return lh_cli_print_columns(stdout, lh_json_get(dataset, "schema"), lh_cli_style(), job->arena, err);
}

lh_code lh_datasets_describe(const lh_datasets_job *job, lh_error *err) {
    lh_json *dataset = NULL;
    LH_TRY(show_fetch(job, "/catalog/datasets/by-name/", &dataset, err));
    if (job->json) return lh_cli_print_json(dataset, job->arena, err);
    show_head(dataset, job->arena);
    return show_described_columns(lh_json_get(dataset, "columns"), job->arena, err);
}

/* ---- lineage ---- */
static const lh_json *lineage_node(const lh_json *answer, lh_str id) {
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "nodes")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "id"), id)) return it.value;
    return NULL;
}

static lh_str lineage_words(const lh_json *node, lh_str id, lh_arena *arena) {
    if (!node) return id;
    return lh_arena_printf(arena, "%.*s %.*s", LH_STR_ARG(lh_json_get_string(node, "kind")),
                           LH_STR_ARG(lh_json_get_string(node, "name")));
}

lh_code lh_datasets_lineage(const lh_datasets_job *job, lh_error *err) {
    static const lh_cli_column heads[] = {{"from", false}, {"how", false}, {"to", false}, {"at", false}};
    lh_json *answer = NULL;
    LH_TRY(show_fetch(job, "/catalog/lineage/", &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "edges")); lh_json_next(&it);) {
        lh_str from = lh_json_get_string(it.value, "from"), to = lh_json_get_string(it.value, "to");
        const lh_json *source = lineage_node(answer, from), *target = lineage_node(answer, to);
        lh_str at = lh_json_get_string(source, "at");
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lineage_words(source, from, job->arena));
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "kind"));
        lh_cli_rows_text(&rows, lineage_words(target, to, job->arena));
        lh_cli_rows_text(&rows, at.len ? at : lh_json_get_string(target, "at"));
    }
    if (lh_json_size(rows.rows) == 0)
        return printf("nothing is known of where %.*s came from\n", LH_STR_ARG(job->name)), LH_OK;
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

/* ---- history ---- */

/* The Iceberg catalog's path of the dataset: its namespace's levels are parted by %1F. */
static lh_code history_path(const lh_datasets_job *job, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(16 << 10);
    lh_json *dataset = NULL;
    LH_TRY(show_fetch(job, "/datasets/by-name/", &dataset, err));
    lh_buf_append(&path, LH_STR("/iceberg/v1/namespaces/"));
    lh_str levels = lh_json_get_string(dataset, "namespace");
    for (bool first = true; levels.len; first = false) {
        if (!first) lh_buf_append(&path, LH_STR("%1F"));
        lh_url_encode(&path, lh_str_split(&levels, '.'), false);
    }
    lh_buf_append(&path, LH_STR("/tables/"));
    lh_url_encode(&path, lh_json_get_string(dataset, "name"), false);
    LH_TRY(lh_buf_check(&path, err));
    *ret = lh_arena_dup(job->arena, lh_buf_str(&path));
    return lh_arena_check(job->arena, err);
}

static void history_row(lh_cli_rows *rows, const lh_json *snapshot, int64_t current) {
    const lh_json *summary = lh_json_get(snapshot, "summary");
    int64_t id = lh_json_int(lh_json_get(snapshot, "snapshot-id"), -1);
    lh_cli_rows_next(rows);
    lh_cli_rows_count(rows, (uint64_t)id);
    lh_cli_rows_text(rows, lh_str_from(lh_time_rfc3339(lh_json_int(lh_json_get(snapshot, "timestamp-ms"), 0)).text));
    lh_cli_rows_text(rows, lh_json_get_string(summary, "operation"));
    lh_cli_rows_text(rows, lh_json_get_string(summary, "total-records"));
    lh_cli_rows_text(rows, lh_json_get_string(summary, "lakehouse.file"));
    lh_cli_rows_text(rows, id == current ? LH_STR("yes") : LH_STR_NONE);
}

lh_code lh_datasets_history(const lh_datasets_job *job, lh_error *err) {
    static const lh_cli_column heads[] = {{"snapshot", true}, {"at", false},   {"operation", false},
                                          {"rows", true},     {"file", false}, {"current", false}};
    lh_str path;
    lh_json *answer = NULL;
    LH_TRY(history_path(job, &path, err));
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &answer, err));
    const lh_json *metadata = lh_json_get(answer, "metadata"), *snapshots = lh_json_get(metadata, "snapshots");
    if (job->json) return lh_cli_print_json(snapshots, job->arena, err);
    int64_t current = lh_json_int(lh_json_get(metadata, "current-snapshot-id"), -1);
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(snapshots); lh_json_next(&it);) history_row(&rows, it.value, current);
    if (lh_json_size(snapshots) == 0) return printf("%.*s has no snapshot yet\n", LH_STR_ARG(job->name)), LH_OK;
    LH_TRY(lh_cli_rows_print(&rows, lh_cli_style(), err));
    printf("As it was: SELECT … FROM %.*s AT (VERSION => SNAPSHOT)\n", LH_STR_ARG(job->name));
    return LH_OK;
}
