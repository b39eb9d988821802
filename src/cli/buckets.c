/* `lakehouse buckets`: the buckets of a lake, over /storage. */
#include "cli/cli_internal.h"

#include <locale.h>
#include <stdio.h>

enum { BUCKETS_MEMBERS_MAX = 8 };

typedef struct buckets_job {
    lh_connection *connection;
    lh_arena *arena;
    const char *bucket, *limit;
} buckets_job;

/* The members of each item as a table. */
static lh_code buckets_print(const buckets_job *job, const lh_json *items, const char *const *members, size_t count,
                             lh_error *err) {
    lh_cli_column heads[BUCKETS_MEMBERS_MAX] = {0};
    for (size_t i = 0; i < count; i++) heads[i].name = members[i];
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, count);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        for (size_t i = 0; i < count; i++) lh_cli_rows_json(&rows, lh_json_get(it.value, members[i]));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static lh_code buckets_list(const buckets_job *job, lh_error *err) {
    static const char *const members[] = {"name", "kind", "state", "primary", "rescue", "read_only", "location"};
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/storage/buckets"), job->arena, &answer, err));
    return buckets_print(job, lh_json_get(answer, "items"), members, sizeof members / sizeof *members, err);
}

/* Fails when one does not answer, for scripts. */
static lh_code buckets_health(const buckets_job *job, lh_error *err) {
    static const char *const members[] = {"name", "state", "since", "latency_ms", "failures", "error"};
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/storage/bucket-health?now=true"), job->arena, &answer, err));
    LH_TRY(buckets_print(job, lh_json_get(answer, "items"), members, sizeof members / sizeof *members, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);)
        if (!lh_str_eq(lh_json_get_string(it.value, "state"), LH_STR("ok")))
            return lh_fail(err, LH_UNAVAILABLE, "the bucket '%.*s' does not answer",
                           LH_STR_ARG(lh_json_get_string(it.value, "name")));
    return LH_OK;
}

static lh_code buckets_errors(const buckets_job *job, lh_error *err) {
    static const char *const members[] = {"time", "bucket", "operation", "key", "code", "message"};
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(8192);
    lh_json *answer = NULL;
    lh_buf_append(&path, LH_STR("/storage/errors?limit="));
    lh_url_encode(&path, lh_str_from(job->limit ? job->limit : "20"), false);
    if (job->bucket) lh_buf_append(&path, LH_STR("&bucket=")), lh_url_encode(&path, lh_str_from(job->bucket), false);
    LH_TRY(lh_buf_check(&path, err));
    LH_TRY(lh_connection_get(job->connection, lh_buf_str(&path), job->arena, &answer, err));
    return buckets_print(job, lh_json_get(answer, "items"), members, sizeof members / sizeof *members, err);
}

static lh_code buckets_migrate(const buckets_job *job, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/catalog/migrate-buckets"), NULL, job->arena, &answer,
                              err));
    printf("%" PRIu64 " records now name the bucket '%.*s'; %" PRIu64 " named theirs already\n",
           lh_json_uint(lh_json_get(answer, "stamped"), 0), LH_STR_ARG(lh_json_get_string(answer, "bucket")),
           lh_json_uint(lh_json_get(answer, "already"), 0));
    return LH_OK;
}

static const struct {
    const char *verb;
    lh_code (*run)(const buckets_job *job, lh_error *err);
} buckets_verbs[] = {
    {"list", buckets_list}, {"health", buckets_health}, {"errors", buckets_errors}, {"migrate", buckets_migrate}};

const char *lh_cli_buckets_verb(size_t i) {
    return i < sizeof buckets_verbs / sizeof *buckets_verbs ? buckets_verbs[i].verb : NULL;
}

static lh_code buckets_run(const lh_cli_source *source, size_t verb, buckets_job *job, lh_error *err) {
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    LH_TRY(lh_cli_session_open(source, &session, err));
    job->connection = session.connection;
    job->arena = session.arena;
    return buckets_verbs[verb].run(job, err);
}

int lh_cli_buckets(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    buckets_job job = {0};
    const lh_cli_flag flags[] = {
        {.name = "bucket", .value_name = "NAME", .help = "errors: only of this bucket", .text = &job.bucket},
        {.name = "limit", .value_name = "N", .help = "errors: so many (20)", .text = &job.limit},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source),
    };
    setlocale(LC_ALL, "");
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    lh_str verb = lh_str_from(words.count ? words.items[0] : "list");
    for (size_t i = 0; words.count < 2 && i < sizeof buckets_verbs / sizeof *buckets_verbs; i++) {
        if (!lh_str_eq(verb, lh_str_from(buckets_verbs[i].verb))) continue;
        lh_error err = {0};
        return buckets_run(&source, i, &job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
    }
    lh_cli_complain("buckets takes list, health, errors or migrate");
    return LH_EXIT_USAGE;
}
