/* `lakehouse tables`: maintenance over /catalog; with --json each verb prints the server's answer as it is. */
#include "cli/cli_internal.h"

#include <stdio.h>

typedef struct tables_job {
    lh_connection *connection;
    lh_arena *arena;
    lh_str name;
    const char *days, *retain, *grace, *target, *sort, *given;
    bool dry_run, all, json;
} tables_job;

/* A number in `unit`s of the member, as --older-than DAYS in milliseconds, into the body. */
static lh_code tables_number(const tables_job *job, lh_json *body, const char *flag, const char *text,
                             const char *member, uint64_t unit, lh_error *err) {
    uint64_t number = 0;
    if (!text) return LH_OK;
    if (lh_str_to_u64(lh_str_from(text), &number) != LH_OK || number > INT64_MAX / unit)
        return lh_fail(err, LH_INVALID, "--%s must be a whole number, not '%s'", flag, text);
    lh_json_set_uint(job->arena, body, member, number * unit);
    return LH_OK;
}

static lh_code tables_post(const tables_job *job, const char *verb, lh_json *body, lh_json **ret, lh_error *err) {
    lh_str path;
    if (job->dry_run) lh_json_set_bool(job->arena, body, "dry_run", true);
    LH_TRY(lh_cli_path(job->arena, "/catalog/datasets/by-name/", job->name, verb, &path, err));
    return lh_connection_send(job->connection, "POST", path, body, job->arena, ret, err);
}

static uint64_t tables_count(const lh_json *answer, const char *member) {
    return lh_json_uint(lh_json_get(answer, member), 0);
}

static lh_code tables_expire(const tables_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    LH_TRY(tables_number(job, body, "older-than", job->days, "older_than_ms", UINT64_C(86400000), err));
    LH_TRY(tables_number(job, body, "retain-last", job->retain, "retain_last", 1, err));
    LH_TRY(tables_number(job, body, "grace", job->grace, "grace_ms", 60000, err));
    LH_TRY(tables_post(job, "/expire-snapshots", body, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    size_t expired = lh_json_size(lh_json_get(answer, "expired_snapshots"));
    uint64_t bytes = tables_count(answer, "deleted_bytes"); /* as far as manifests tell: 0 of lists of manifests */
    lh_str gone = lh_cli_counted(job->arena, expired, "snapshot"),
           files = lh_cli_counted(job->arena, tables_count(answer, "deleted_files"), "file");
    printf("%s%.*s expired, %" PRIu64 " kept; %.*s%s%.*s\n", job->dry_run ? "dry run: " : "", LH_STR_ARG(gone),
           tables_count(answer, "kept_snapshots"), LH_STR_ARG(files), bytes ? ", " : "",
           LH_STR_ARG(bytes ? lh_cli_size(job->arena, bytes) : LH_STR_NONE));
    if (expired == 0 && tables_count(answer, "kept_snapshots") > 1)
        printf("What is younger stays (--older-than, %s days), as does the newest, and what was the current one within "
               "the "
               "last %s minutes, which a statement may still read (--grace)\n",
               job->days ? job->days : "5", job->grace ? job->grace : "60");
    return LH_OK;
}

static lh_code tables_orphans(const tables_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    LH_TRY(tables_number(job, body, "older-than", job->days, "older_than_ms", UINT64_C(86400000), err));
    LH_TRY(tables_post(job, "/remove-orphans", body, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "files")); lh_json_next(&it);)
        printf("  %.*s\n", LH_STR_ARG(lh_json_str(it.value, LH_STR_NONE)));
    printf("%s%" PRIu64 " orphan file%s, %.*s\n", job->dry_run ? "dry run: " : "", tables_count(answer, "orphan_files"),
           tables_count(answer, "orphan_files") == 1 ? "" : "s",
           LH_STR_ARG(lh_cli_size(job->arena, tables_count(answer, "orphan_bytes"))));
    return LH_OK;
}

static lh_code tables_dropped(const tables_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    LH_TRY(tables_number(job, body, "older-than", job->days, "older_than_ms", UINT64_C(86400000), err));
    if (job->dry_run) lh_json_set_bool(job->arena, body, "dry_run", true);
    LH_TRY(
        lh_connection_send(job->connection, "POST", LH_STR("/catalog/remove-dropped"), body, job->arena, &answer, err));
    const lh_json *problems = lh_json_get(answer, "problems");
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "tables")); lh_json_next(&it);)
        printf("  %.*s, %s %.*s: %" PRIu64 " files\n", LH_STR_ARG(lh_json_get_string(it.value, "dataset")),
               lh_json_get_string(it.value, "metadata").len ? "dropped" : "broken off",
               LH_STR_ARG(lh_json_get_string(it.value, "dropped_at")), tables_count(it.value, "files"));
    for (lh_json_iter it = lh_json_each(problems); lh_json_next(&it);)
        printf("  %.*s: %.*s\n", LH_STR_ARG(lh_json_get_string(it.value, "folder")),
               LH_STR_ARG(lh_json_get_string(it.value, "problem")));
    printf("%s%" PRIu64 " files of dropped tables, %.*s\n", job->dry_run ? "dry run: " : "",
           tables_count(answer, "files"), LH_STR_ARG(lh_cli_size(job->arena, tables_count(answer, "bytes"))));
    return lh_json_size(problems) == 0 ? LH_OK
                                       : lh_fail(err, LH_IO,
                                                 "what is named above could not be removed; it is tried again "
                                                 "when you call this again");
}

static void tables_print_verified(const lh_json *item) {
    bool ok = lh_json_bool(lh_json_get(item, "ok"), false);
    printf("%-6s %.*s: %" PRIu64 " file%s\n", ok ? "ok" : "BROKEN", LH_STR_ARG(lh_json_get_string(item, "dataset")),
           tables_count(item, "files"), tables_count(item, "files") == 1 ? "" : "s");
    for (lh_json_iter p = lh_json_each(lh_json_get(item, "problems")); lh_json_next(&p);)
        printf("       %.*s: %.*s\n", LH_STR_ARG(lh_json_get_string(p.value, "file")),
               LH_STR_ARG(lh_json_get_string(p.value, "problem")));
}

static lh_code tables_verify_page(const tables_job *job, lh_str token, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(64 << 10);
    lh_buf_append(&path, LH_STR("/catalog/verify"));
    lh_cli_query(&path, "dataset", job->name);
    lh_cli_query(&path, "page_token", token);
    LH_TRY(lh_buf_check(&path, err));
    return lh_connection_get(job->connection, lh_buf_str(&path), job->arena, ret, err);
}

/* As words page by page, as JSON one array of all. Fails when a dataset has a problem. */
static lh_code tables_verify(const tables_job *job, lh_error *err) {
    size_t bad = 0;
    lh_str token = LH_STR_NONE;
    lh_json *all = lh_json_new_array(job->arena);
    do {
        lh_json *page = NULL;
        LH_TRY(tables_verify_page(job, token, &page, err));
        for (lh_json_iter it = lh_json_each(lh_json_get(page, "items")); lh_json_next(&it);) {
            bad += !lh_json_bool(lh_json_get(it.value, "ok"), false);
            if (job->json) lh_json_append(all, lh_json_copy(job->arena, it.value));
            else tables_print_verified(it.value);
        }
        token = lh_json_get_string(page, "next_page_token");
    } while (token.len);
    if (job->json) LH_TRY(lh_cli_print_json(all, job->arena, err));
    return bad ? lh_fail(err, LH_CORRUPT, "%zu dataset%s files that are missing or of another size: restore them", bad,
                         bad == 1 ? " has" : "s have")
               : LH_OK;
}

/* "day,month(at),id desc" as [{"column","transform","direction"}]. */
static lh_json *tables_keys(const tables_job *job, lh_str text, bool directed) {
    lh_json *keys = lh_json_new_array(job->arena);
    for (lh_str rest = text; rest.len;) {
        lh_json *key = lh_json_new_object(job->arena);
        lh_str part = lh_str_trim(lh_str_split(&rest, ','));
        bool descending = lh_str_ends(part, LH_STR(" desc")) || lh_str_ends(part, LH_STR(" DESC"));
        if (descending) part = lh_str_trim(lh_str_sub(part, 0, part.len - 5));
        size_t open = lh_str_find(part, '(');
        if (open < part.len && lh_str_ends(part, LH_STR(")"))) {
            lh_json_set_string(job->arena, key, "transform", lh_str_sub(part, 0, open));
            part = lh_str_sub(part, open + 1, part.len - open - 2);
        }
        lh_json_set_string(job->arena, key, "column", part);
        if (directed) lh_json_set_string(job->arena, key, "direction", descending ? LH_STR("desc") : LH_STR("asc"));
        lh_json_append(keys, key);
    }
    return keys;
}

static lh_code tables_compact(const tables_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_json_set_string(job->arena, body, "dataset", job->name);
    LH_TRY(tables_number(job, body, "target", job->target, "target_file_bytes", 1 << 20, err));
    if (job->sort) lh_json_set(job->arena, body, "sort", tables_keys(job, lh_str_from(job->sort), true));
    if (job->all) lh_json_set_bool(job->arena, body, "all", true);
    if (job->dry_run) lh_json_set_bool(job->arena, body, "dry_run", true);
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/query/compact"), body, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_str before = lh_cli_size(job->arena, tables_count(answer, "bytes_before"));
    if (tables_count(answer, "files_before") == 0) printf("nothing to compact\n");
    else if (job->dry_run)
        printf("dry run: %" PRIu64 " files, %.*s would be rewritten\n", tables_count(answer, "files_before"),
               LH_STR_ARG(before));
    else
        printf("%" PRIu64 " files, %.*s became %" PRIu64 ", %.*s; %" PRIu64 " delete files went\n",
               tables_count(answer, "files_before"), LH_STR_ARG(before), tables_count(answer, "files_after"),
               LH_STR_ARG(lh_cli_size(job->arena, tables_count(answer, "bytes_after"))),
               tables_count(answer, "delete_files_removed"));
    return LH_OK;
}

static void tables_print_resynced(const tables_job *job, const lh_json *answer) {
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "restored")); lh_json_next(&it);) {
        lh_str files = lh_cli_counted(job->arena, tables_count(it.value, "files_without_statistics"), "file"),
               columns = lh_cli_counted(job->arena, tables_count(it.value, "columns"), "column");
        lh_str rows = lh_json_is_null(lh_json_get(it.value, "row_count"))
                          ? LH_STR("rows not known")
                          : lh_cli_counted(job->arena, tables_count(it.value, "row_count"), "row");
        printf("restored %.*s: %.*s, statistics of %.*s in %.*s\n", LH_STR_ARG(lh_json_get_string(it.value, "dataset")),
               LH_STR_ARG(rows), LH_STR_ARG(columns), LH_STR_ARG(files));
    }
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "problems")); lh_json_next(&it);)
        printf("PROBLEM  %.*s: %.*s\n", LH_STR_ARG(lh_json_get_string(it.value, "dataset")),
               LH_STR_ARG(lh_json_get_string(it.value, "problem")));
    printf("%s%" PRIu64 " checked, %zu restored\n", job->dry_run ? "dry run: " : "",
           tables_count(answer, "tables_checked"), lh_json_size(lh_json_get(answer, "restored")));
}

/* Fails when a table had a problem, as verify does. */
static lh_code tables_resync(const tables_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    if (job->name.len) lh_json_set_string(job->arena, body, "dataset", job->name);
    if (job->dry_run) lh_json_set_bool(job->arena, body, "dry_run", true);
    LH_TRY(
        lh_connection_send(job->connection, "POST", LH_STR("/catalog/resync-missing"), body, job->arena, &answer, err));
    size_t problems = lh_json_size(lh_json_get(answer, "problems"));
    if (job->json) LH_TRY(lh_cli_print_json(answer, job->arena, err));
    else tables_print_resynced(job, answer);
    if (problems) return lh_fail(err, LH_CORRUPT, "%zu datasets have problems", problems);
    return LH_OK;
}

/* Sets one part of the layout when the command has a second word, and prints it. */
static lh_code tables_layout(const tables_job *job, const char *member, lh_json *value, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_str path, text;
    LH_TRY(lh_cli_path(job->arena, "/catalog/datasets/by-name/", job->name, "/layout", &path, err));
    lh_json_set(job->arena, body, member, value);
    LH_TRY(lh_connection_send(job->connection, job->given ? "PUT" : "GET", path, job->given ? body : NULL, job->arena,
                              &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    LH_TRY(lh_json_write(job->arena, lh_json_get(answer, member), false, &text, err));
    printf("%s: %.*s\n", member, LH_STR_ARG(text));
    return LH_OK;
}

static lh_code tables_sort(const tables_job *job, lh_error *err) {
    return tables_layout(job, "sort", tables_keys(job, lh_str_from(job->given ? job->given : ""), true), err);
}

static lh_code tables_partition(const tables_job *job, lh_error *err) {
    return tables_layout(job, "partition", tables_keys(job, lh_str_from(job->given ? job->given : ""), false), err);
}

static lh_code tables_bloom(const tables_job *job, lh_error *err) {
    lh_json *columns = lh_json_new_array(job->arena);
    for (lh_str rest = lh_str_from(job->given ? job->given : ""); rest.len;)
        lh_json_append(columns, lh_json_new_string(job->arena, lh_str_trim(lh_str_split(&rest, ','))));
    return tables_layout(job, "bloom", columns, err);
}

/* What runs now, of whoever asked for it. */
static lh_code tables_jobs(const tables_job *job, lh_error *err) {
    static const lh_cli_column heads[] = {{"job", false},  {"dataset", false}, {"phase", false},
                                          {"files", true}, {"done", true},     {"since", false}};
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/maintenance"), job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    const lh_json *jobs = lh_json_get(answer, "jobs"), *policy = lh_json_get(answer, "policy");
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(jobs); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_value(&rows, lh_json_get(it.value, "kind"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "dataset"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "phase"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "files_total"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "files_done"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "started_at"));
    }
    if (lh_json_size(jobs)) LH_TRY(lh_cli_rows_print(&rows, lh_cli_style(), err));
    else printf("no job runs\n");
    if (!lh_json_bool(lh_json_get(policy, "enabled"), false))
        return printf("the background policy is off (maintenance.enabled)\n"), LH_OK;
    lh_str rounds = lh_cli_counted(job->arena, tables_count(policy, "rounds"), "round");
    printf("the background policy is on: %.*s since the server started\n", LH_STR_ARG(rounds));
    return LH_OK;
}

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(const tables_job *job, lh_error *err);
} tables_verbs[] = {{{"compact", "NAME", 1, 1}, tables_compact},
                    {{"expire", "NAME", 1, 1}, tables_expire},
                    {{"orphans", "NAME", 1, 1}, tables_orphans},
                    {{"verify", "at most one NAME", 0, 1}, tables_verify},
                    {{"dropped", "no more words", 0, 0}, tables_dropped},
                    {{"sort", "NAME, and perhaps COLUMNS as 'country,id desc'", 1, 2}, tables_sort},
                    {{"partition", "NAME, and perhaps COLUMNS as 'month(since)'", 1, 2}, tables_partition},
                    {{"bloom", "NAME, and perhaps COLUMNS as id,email", 1, 2}, tables_bloom},
                    {{"resync", "at most one NAME", 0, 1}, tables_resync},
                    {{"jobs", "no more words", 0, 0}, tables_jobs}};

const char *lh_cli_tables_verb(size_t i) {
    return i < sizeof tables_verbs / sizeof *tables_verbs ? tables_verbs[i].verb.name : NULL;
}

static lh_code tables_run(const lh_cli_source *source, size_t verb, tables_job *job, lh_error *err) {
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    LH_TRY(lh_cli_session_open(source, &session, err));
    job->connection = session.connection;
    job->arena = session.arena;
    return tables_verbs[verb].run(job, err);
}

int lh_cli_tables(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    tables_job job = {0};
    lh_error err = {0};
    const lh_cli_flag flags[] = {
        {.name = "older-than",
         .value_name = "DAYS",
         .help = "what is younger stays (5, for orphans and dropped 3)",
         .text = &job.days},
        {.name = "retain-last", .value_name = "N", .help = "expire: so many snapshots stay (1)", .text = &job.retain},
        {.name = "grace",
         .value_name = "MINUTES",
         .help = "expire: what was current so lately stays (60)",
         .text = &job.grace},
        {.name = "target", .value_name = "MIB", .help = "compact: size of the new files (256)", .text = &job.target},
        {.name = "sort",
         .value_name = "COLUMNS",
         .help = "compact: 'day,id desc'; else the table's own order",
         .text = &job.sort},
        {.name = "all", .help = "compact: rewrite every file, not only small ones", .on = &job.all},
        {.name = "dry-run", .help = "only say what would be done", .on = &job.dry_run},
        {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source),
    };
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    job.name = lh_cli_word(&words, 1);
    job.given = words.count > 2 ? words.items[2] : NULL;
    size_t verb = lh_cli_find_verb(self, words.count ? words.items[0] : "");
    if (verb == SIZE_MAX || !lh_cli_takes(self, &tables_verbs[verb].verb, &words)) return LH_EXIT_USAGE;
    return tables_run(&source, verb, &job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}
