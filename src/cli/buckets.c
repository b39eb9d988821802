/* `lakehouse buckets`: the buckets of a lake, over /storage; their objects are in buckets_objects.c. */
#include "cli/buckets_internal.h"

#include <stdio.h>

enum { BUCKETS_PATH_BYTES = 64 << 10 };

/* The members of each item as a table; with --json the whole answer. */
static lh_code buckets_print(const lh_buckets_job *job, const lh_json *answer, const lh_cli_column *members,
                             size_t count, lh_error *err) {
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_cli_rows rows = lh_cli_rows_new(job->arena, members, count);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        for (size_t i = 0; i < count; i++) lh_cli_rows_json(&rows, lh_json_get(it.value, members[i].name));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

lh_code lh_buckets_page(const lh_buckets_job *job, lh_buf *path, const char *limit, const lh_cli_column *members,
                        size_t count, lh_error *err) {
    lh_json *answer = NULL;
    if (job->limit) limit = job->limit;
    bool all = !limit && !job->page_token;
    lh_cli_query(path, "limit", all ? lh_arena_printf(job->arena, "%d", LH_LIMIT_LIST_PAGE) : lh_str_from(limit));
    lh_cli_query(path, "page_token", lh_str_from(job->page_token));
    LH_TRY(lh_buf_check(path, err));
    if (all) LH_TRY(lh_connection_get_all(job->connection, lh_buf_str(path), job->arena, &answer, err));
    else LH_TRY(lh_connection_get(job->connection, lh_buf_str(path), job->arena, &answer, err));
    LH_TRY(buckets_print(job, answer, members, count, err));
    lh_str next = lh_json_get_string(answer, "next_page_token");
    if (next.len) lh_cli_complain("there are more: --page-token '%.*s'", LH_STR_ARG(next));
    return LH_OK;
}

static lh_code buckets_list(const lh_buckets_job *job, lh_error *err) {
    static const lh_cli_column members[] = {{"name", false},    {"kind", false},   {"state", false},
                                            {"primary", false}, {"rescue", false}, {"read_only", false},
                                            {"location", false}};
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/storage/buckets"), job->arena, &answer, err));
    return buckets_print(job, answer, members, sizeof members / sizeof *members, err);
}

/* Fails when one does not answer, for scripts. */
static lh_code buckets_health(const lh_buckets_job *job, lh_error *err) {
    static const lh_cli_column members[] = {{"name", false},      {"state", false},   {"since", false},
                                            {"latency_ms", true}, {"failures", true}, {"error", false}};
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/storage/bucket-health?now=true"), job->arena, &answer, err));
    LH_TRY(buckets_print(job, answer, members, sizeof members / sizeof *members, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);)
        if (!lh_str_eq(lh_json_get_string(it.value, "state"), LH_STR("ok")))
            return lh_fail(err, LH_UNAVAILABLE, "the bucket '%.*s' does not answer",
                           LH_STR_ARG(lh_json_get_string(it.value, "name")));
    return LH_OK;
}

static lh_code buckets_errors(const lh_buckets_job *job, lh_error *err) {
    static const lh_cli_column members[] = {{"time", false}, {"bucket", false}, {"operation", false},
                                            {"key", false},  {"code", false},   {"message", false}};
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(BUCKETS_PATH_BYTES);
    lh_buf_append(&path, LH_STR("/storage/errors"));
    lh_cli_query(&path, "bucket", lh_str_from(job->bucket));
    lh_cli_query(&path, "operation", lh_str_from(job->operation));
    lh_cli_query(&path, "code", lh_str_from(job->code));
    lh_cli_query(&path, "since", lh_str_from(job->since));
    return lh_buckets_page(job, &path, "20", members, sizeof members / sizeof *members, err);
}

static lh_code buckets_migrate(const lh_buckets_job *job, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/catalog/migrate-buckets"), NULL, job->arena, &answer,
                              err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("%" PRIu64 " records now name the bucket '%.*s'; %" PRIu64 " named theirs already\n",
           lh_json_uint(lh_json_get(answer, "stamped"), 0), LH_STR_ARG(lh_json_get_string(answer, "bucket")),
           lh_json_uint(lh_json_get(answer, "already"), 0));
    return LH_OK;
}

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(const lh_buckets_job *job, lh_error *err);
} buckets_verbs[] = {
    {{"list", "no more words", 0, 0}, buckets_list},
    {{"health", "no more words", 0, 0}, buckets_health},
    {{"errors", "no more words; --bucket NAME and others choose among them", 0, 0}, buckets_errors},
    {{"migrate", "no more words", 0, 0}, buckets_migrate},
    {{"objects", "BUCKET, and perhaps --prefix TEXT", 1, 1}, lh_buckets_objects},
    {{"get", "BUCKET KEY [FILE|-], as in: buckets get archive in/may.csv", 2, 3}, lh_buckets_get},
    {{"put", "BUCKET KEY FILE|-, as in: buckets put archive in/may.csv may.csv", 3, 3}, lh_buckets_put},
    {{"remove", "BUCKET KEY", 2, 2}, lh_buckets_remove},
};

const char *lh_cli_buckets_verb(size_t i) {
    return i < sizeof buckets_verbs / sizeof *buckets_verbs ? buckets_verbs[i].verb.name : NULL;
}

static lh_code buckets_run(const lh_cli_source *source, size_t verb, lh_buckets_job *job, lh_error *err) {
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    LH_TRY(lh_cli_session_open(source, &session, err));
    job->connection = session.connection;
    job->arena = session.arena;
    return buckets_verbs[verb].run(job, err);
}

int lh_cli_buckets(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    lh_buckets_job job = {.words = &words};
    lh_error err = {0};
    const lh_cli_flag flags[] = {
        {.name = "bucket", .value_name = "NAME", .help = "errors: only of this bucket", .text = &job.bucket},
        {.name = "operation",
         .value_name = "NAME",
         .help = "errors: only of this one, as get or put",
         .text = &job.operation},
        {.name = "code", .value_name = "CODE", .help = "errors: only with this one, as unavailable", .text = &job.code},
        {.name = "since",
         .value_name = "TIME",
         .help = "errors: not older, as 2026-01-31T12:00:00Z",
         .text = &job.since},
        {.name = "prefix", .value_name = "TEXT", .help = "objects: only keys that begin so", .text = &job.prefix},
        {.name = "limit",
         .value_name = "N",
         .help = "errors: so many (20); objects: so many (all)",
         .text = &job.limit},
        {.name = "page-token",
         .value_name = "TOKEN",
         .help = "errors, objects: go on behind it",
         .text = &job.page_token},
        {.name = "yes", .letter = 'y', .help = "remove: ask no question", .on = &job.yes},
        {.name = "quiet", .letter = 'q', .help = "get, put: no progress", .on = &job.quiet},
        {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source),
    };
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    size_t verb = lh_cli_find_verb(self, words.count ? words.items[0] : "list");
    if (verb == SIZE_MAX || !lh_cli_takes(self, &buckets_verbs[verb].verb, &words)) return LH_EXIT_USAGE;
    return buckets_run(&source, verb, &job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}
