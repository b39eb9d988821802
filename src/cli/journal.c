/* `lakehouse journal`: what changed, and whether the record of it is whole. */
#include "cli/cli_internal.h"

#include <stdio.h>

typedef struct journal_job {
    lh_connection *connection;
    lh_arena *arena;
    lh_str entity, limit;
    bool json;
} journal_job;

static lh_str journal_short(lh_arena *arena, const lh_json *value) {
    lh_str text = LH_STR_NONE;
    if (lh_json_is_null(value) || lh_json_write(arena, value, false, &text, NULL) != LH_OK) return LH_STR_NONE;
    return text;
}

static lh_code journal_print_events(const journal_job *job, lh_str path, lh_error *err) {
    static const lh_cli_column heads[] = {{"time", false},     {"actor", false}, {"action", false},
                                          {"entity", false},   {"field", false}, {"old_value", false},
                                          {"new_value", false}};
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "time"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "actor"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "action"));
        lh_cli_rows_text(&rows, lh_arena_printf(job->arena, "%.*s %.*s",
                                                LH_STR_ARG(lh_json_get_string(it.value, "entity_type")),
                                                LH_STR_ARG(lh_json_get_string(it.value, "entity_id"))));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "field"));
        lh_cli_rows_text(&rows, journal_short(job->arena, lh_json_get(it.value, "old_value")));
        lh_cli_rows_text(&rows, journal_short(job->arena, lh_json_get(it.value, "new_value")));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static lh_code journal_path(const journal_job *job, const char *path, lh_str tail, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(8192);
    lh_buf_append(&text, lh_str_from(path));
    if (tail.len) lh_url_encode(&text, tail, false);
    lh_cli_query(&text, "limit", job->limit);
    LH_TRY(lh_buf_check(&text, err));
    *ret = lh_arena_dup(job->arena, lh_buf_str(&text));
    return lh_arena_check(job->arena, err);
}

static lh_code journal_recent(const journal_job *job, lh_error *err) {
    lh_str path;
    LH_TRY(journal_path(job, "/journal/recent", LH_STR_NONE, &path, err));
    return journal_print_events(job, path, err);
}

static lh_code journal_history(const journal_job *job, lh_error *err) {
    lh_str path;
    LH_TRY(journal_path(job, "/journal/history/", job->entity, &path, err));
    return journal_print_events(job, path, err);
}

static lh_code journal_flush(const journal_job *job, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/journal/flush"), NULL, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("%.*s moved to the tables\n",
           LH_STR_ARG(lh_cli_counted(job->arena, lh_json_uint(lh_json_get(answer, "flushed"), 0), "record")));
    return LH_OK;
}

static void journal_print_part(const journal_job *job, const char *name, const lh_json *part) {
    printf("%-8s %" PRIu64 " in the table, %" PRIu64 " buffered (%.*s)\n", name,
           lh_json_uint(lh_json_get(part, "table_records"), 0), lh_json_uint(lh_json_get(part, "buffered_records"), 0),
           LH_STR_ARG(lh_cli_size(job->arena, lh_json_uint(lh_json_get(part, "buffered_bytes"), 0))));
    for (lh_json_iter it = lh_json_each(lh_json_get(part, "writers")); lh_json_next(&it);)
        printf("         writer %.*s, seq %" PRIu64 ", head %.*s\n", LH_STR_ARG(lh_json_get_string(it.value, "writer")),
               lh_json_uint(lh_json_get(it.value, "seq"), 0), LH_STR_ARG(lh_json_get_string(it.value, "head")));
}

static lh_code journal_stats(const journal_job *job, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/journal/stats"), job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    journal_print_part(job, "journal", lh_json_get(answer, "journal"));
    journal_print_part(job, "audit", lh_json_get(answer, "audit"));
    lh_str failure = lh_json_get_string(answer, "last_error");
    if (failure.len) printf("the last flush failed: %.*s\n", LH_STR_ARG(failure));
    return LH_OK;
}

static void journal_print_verified(const lh_json *answer) {
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "writers")); lh_json_next(&it);)
        printf("%.*s writer %.*s: %" PRIu64 " records, seq %" PRIu64 " to %" PRIu64 "\n  head %.*s\n",
               LH_STR_ARG(lh_json_get_string(it.value, "table")), LH_STR_ARG(lh_json_get_string(it.value, "writer")),
               lh_json_uint(lh_json_get(it.value, "records"), 0), lh_json_uint(lh_json_get(it.value, "first_seq"), 0),
               lh_json_uint(lh_json_get(it.value, "last_seq"), 0), LH_STR_ARG(lh_json_get_string(it.value, "head")));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "problems")); lh_json_next(&it);)
        printf("%.*s: %.*s writer %.*s seq %" PRIu64 ": %.*s\n", LH_STR_ARG(lh_json_get_string(it.value, "problem")),
               LH_STR_ARG(lh_json_get_string(it.value, "table")), LH_STR_ARG(lh_json_get_string(it.value, "writer")),
               lh_json_uint(lh_json_get(it.value, "seq"), 0), LH_STR_ARG(lh_json_get_string(it.value, "message")));
}

/* Fails when something was found, so that a script sees it. */
static lh_code journal_verify(const journal_job *job, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/journal/verify"), job->arena, &answer, err));
    if (job->json) LH_TRY(lh_cli_print_json(answer, job->arena, err));
    else journal_print_verified(answer);
    uint64_t problems = lh_json_uint(lh_json_get(answer, "problem_count"), 0);
    fflush(stdout);
    if (problems)
        return lh_fail(err, LH_CORRUPT, "%.*s in the journal is not what was recorded",
                       LH_STR_ARG(lh_cli_counted(job->arena, problems, "record")));
    if (!job->json)
        printf("%.*s, none changed, dropped or reordered\n",
               LH_STR_ARG(lh_cli_counted(job->arena, lh_json_uint(lh_json_get(answer, "records"), 0), "record")));
    return LH_OK;
}

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(const journal_job *job, lh_error *err);
} journal_verbs[] = {{{"recent", "no more words", 0, 0}, journal_recent},
                     {{"history", "ENTITY_ID", 1, 1}, journal_history},
                     {{"stats", "no more words", 0, 0}, journal_stats},
                     {{"flush", "no more words", 0, 0}, journal_flush},
                     {{"verify", "no more words", 0, 0}, journal_verify}};

const char *lh_cli_journal_verb(size_t i) {
    return i < sizeof journal_verbs / sizeof *journal_verbs ? journal_verbs[i].verb.name : NULL;
}

static lh_code journal_run(const lh_cli_source *source, size_t verb, journal_job *job, lh_error *err) {
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    LH_TRY(lh_cli_session_open(source, &session, err));
    job->connection = session.connection;
    job->arena = session.arena;
    return journal_verbs[verb].run(job, err);
}

int lh_cli_journal(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    journal_job job = {0};
    lh_error err = {0};
    const char *limit = NULL;
    const lh_cli_flag flags[] = {
        {.name = "limit", .value_name = "N", .help = "so many events (default 100)", .text = &limit},
        {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    job.entity = lh_cli_word(&words, 1);
    job.limit = lh_str_from(limit);
    size_t verb = lh_cli_find_verb(self, words.count ? words.items[0] : "recent");
    if (verb == SIZE_MAX || !lh_cli_takes(self, &journal_verbs[verb].verb, &words)) return LH_EXIT_USAGE;
    return journal_run(&source, verb, &job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}
