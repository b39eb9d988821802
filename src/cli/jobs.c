/* `lakehouse jobs`: work in the background, over /jobs; and the bar of a job, for the commands that start one. The bar asks for the
 * job again and again, so that it goes on when the server was started anew. */
#include "cli/cli_internal.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "jobs/jobs.h"

#include <stdio.h>
#include <unistd.h>

enum { JOBS_FIRST_MS = 50, JOBS_LOOK_MS = 250, JOBS_AWAY_MS = 60000, JOBS_TOLD = 5 };

typedef struct jobs_job {
    lh_cli_session session;
    const lh_cli_list *words; /* the verb's own from 1 on */
    const char *state;
    bool json;
    _Atomic bool interrupted;
} jobs_job;

static lh_str jobs_text(const lh_json *job, const char *member) { return lh_json_get_string(job, member); }

static uint64_t jobs_count(const lh_json *job, const char *member) { return lh_json_uint(lh_json_get(job, member), 0); }

static lh_str jobs_message(const lh_json *job) { return lh_json_get_string(lh_json_get(job, "error"), "message"); }

static bool jobs_is(const lh_json *job, const char *state) {
    return lh_str_eq(jobs_text(job, "state"), lh_str_from(state));
}

/* ---- until it ends ---- */

static lh_code jobs_look(lh_connection *connection, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_str path;
    LH_TRY(lh_cli_path(arena, "/jobs/", id, "", &path, err));
    return lh_connection_get(connection, path, arena, ret, err);
}

static void jobs_draw(const lh_json *job, lh_progress *progress) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(2 * LH_ERROR_MESSAGE_BYTES);
    lh_str phase = jobs_text(job, "phase"), message = lh_str_cut_utf8(jobs_message(job), 60);
    const lh_json *total = lh_json_get(job, "total");
    double per_s = lh_json_real(lh_json_get(job, "rate_per_s"), 0);
    if (jobs_is(job, "queued")) {
        lh_buf_printf(&text, message.len ? "waits to try again: %.*s" : "waits for its turn", LH_STR_ARG(message));
        lh_progress_say(progress, lh_buf_str(&text));
    } else if (lh_json_is_null(total)) lh_progress_say(progress, phase);
    else lh_progress_stand(progress, jobs_count(job, "done"), lh_json_uint(total, 0), per_s, phase);
}

/* One look, in an arena of its own: this may take hours. *away_since_ms: when the server stopped to answer, 0: it does. */
static lh_code jobs_step(const lh_cli_session *session, lh_str id, lh_progress *progress, uint64_t *away_since_ms,
                         lh_json **ret_ended, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *job = NULL;
    uint64_t now_ms = lh_time_monotonic_ms();
    LH_TRY(lh_arena_new(LH_CLI_ARENA_BYTES, &arena, err));
    lh_code code = jobs_look(session->connection, id, arena, &job, err);
    if (code == LH_UNAVAILABLE && (!*away_since_ms || now_ms - *away_since_ms < JOBS_AWAY_MS)) {
        if (!*away_since_ms) *away_since_ms = now_ms;
        lh_progress_say(progress, LH_STR("the server does not answer"));
        return LH_OK;
    }
    LH_TRY(code);
    *away_since_ms = 0;
    if (jobs_is(job, "queued") || jobs_is(job, "running")) return jobs_draw(job, progress), LH_OK;
    *ret_ended = lh_json_copy(session->arena, job);
    return lh_arena_check(session->arena, err);
}

static lh_code jobs_await(const lh_cli_session *session, lh_str id, lh_str label, const _Atomic bool *interrupted,
                          lh_json **ret, lh_error *err) {
    lh_progress progress = lh_progress_start(stderr, isatty(STDERR_FILENO) != 0, label, 0, lh_time_monotonic_ms());
    uint64_t away_since_ms = 0, pause_ms = JOBS_FIRST_MS;
    lh_json *ended = NULL;
    lh_code code = LH_OK;
    progress.noun = "rows";
    while (code == LH_OK && !ended && !*interrupted) {
        code = jobs_step(session, id, &progress, &away_since_ms, &ended, err);
        if (code != LH_OK || ended) break;
        lh_time_sleep_ms(pause_ms);
        pause_ms = JOBS_LOOK_MS;
    }
    lh_progress_clear(&progress);
    LH_TRY(code);
    *ret = ended;
    return LH_OK;
}

/* ---- what came of it ---- */

static double jobs_seconds(const lh_json *job) {
    int64_t started_ms, ended_ms;
    if (lh_time_parse_rfc3339(jobs_text(job, "started_at"), &started_ms) != LH_OK ||
        lh_time_parse_rfc3339(jobs_text(job, "ended_at"), &ended_ms) != LH_OK)
        return 0;
    return (double)(ended_ms - started_ms) / 1000;
}

/* {"index":"notes","rows":20,"embedded_rows":3} → "20 rows, 3 embedded rows" */
static lh_str jobs_result(const lh_json *job, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(64 << 10);
    const lh_json *result = lh_json_get(job, "result");
    for (lh_json_iter it = lh_json_each(result); lh_json_next(&it);) {
        lh_str rest = it.name;
        if (!lh_json_is_int(it.value)) continue;
        if (lh_json_int(it.value, 0) == 1 && lh_str_ends(rest, LH_STR("s"))) rest.len--;
        lh_buf_printf(&text, "%s%" PRIi64, text.len ? ", " : "", lh_json_int(it.value, 0));
        while (rest.len) {
            lh_buf_char(&text, ' ');
            lh_buf_append(&text, lh_str_split(&rest, '_'));
        }
    }
    return lh_arena_dup(arena, lh_buf_str(&text));
}

static lh_code jobs_print_problems(const lh_json *job, size_t most, lh_arena *arena, lh_error *err) {
    static const lh_cli_column heads[] = {{"passed over", false}, {"because", false}};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, sizeof heads / sizeof *heads);
    const lh_json *problems = lh_json_get(job, "problems");
    if (lh_json_size(problems) == 0) return LH_OK;
    for (lh_json_iter it = lh_json_each(problems); lh_json_next(&it) && it.index < most;) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_value(&rows, lh_json_get(it.value, "item"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "message"));
    }
    LH_TRY(lh_cli_rows_print(&rows, lh_cli_style_to_fit(), err));
    uint64_t count = jobs_count(job, "problem_count");
    size_t shown = most < lh_json_size(problems) ? most : lh_json_size(problems);
    if (count > shown && shown < lh_json_size(problems))
        printf("%zu of %" PRIu64 "; `lakehouse jobs show %.*s` lists more\n", shown, count,
               LH_STR_ARG(jobs_text(job, "id")));
    else if (count > shown) printf("the first %zu of %" PRIu64 "\n", shown, count);
    return LH_OK;
}

static lh_code jobs_tell_end(const lh_json *job, lh_str label, lh_arena *arena, lh_error *err) {
    lh_str id = jobs_text(job, "id"), result = jobs_result(job, arena);
    if (jobs_is(job, "failed"))
        return lh_fail(err, LH_INTERNAL, "the job failed: %.*s (`lakehouse jobs retry %.*s` tries it again)",
                       LH_STR_ARG(jobs_message(job)), LH_STR_ARG(id));
    if (!jobs_is(job, "succeeded"))
        return lh_fail(err, LH_CANCELLED, "the job was cancelled; `lakehouse jobs retry %.*s` goes on with it",
                       LH_STR_ARG(id));
    printf("%.*s: done in %.1f s%s%.*s\n", LH_STR_ARG(label), jobs_seconds(job), result.len ? ": " : "",
           LH_STR_ARG(result));
    return jobs_print_problems(job, JOBS_TOLD, arena, err);
}

/* A stack of our own ends with us, and puts back what it works on. */
static lh_code jobs_interrupted(const lh_cli_session *session, lh_str id, lh_error *err) {
    if (lh_connection_is_here(session->connection))
        return lh_fail(err, LH_CANCELLED,
                       "interrupted; the job %.*s goes on when the lake is served, or opened again by `lakehouse jobs "
                       "watch` with --root",
                       LH_STR_ARG(id));
    return lh_fail(err, LH_CANCELLED,
                   "interrupted; the job goes on: `lakehouse jobs watch %.*s` shows it, `lakehouse jobs cancel "
                   "%.*s` ends it",
                   LH_STR_ARG(id), LH_STR_ARG(id));
}

lh_code lh_cli_job_watch(const lh_cli_session *session, lh_str id, lh_str label, bool json,
                         const _Atomic bool *interrupted, lh_error *err) {
    lh_json *job = NULL;
    LH_TRY(jobs_await(session, id, label, interrupted, &job, err));
    if (!job) return jobs_interrupted(session, id, err);
    if (!json) return jobs_tell_end(job, label, session->arena, err);
    LH_TRY(lh_cli_print_json(job, session->arena, err));
    return jobs_is(job, "succeeded")
               ? LH_OK
               : lh_fail(err, LH_INTERNAL, "the job is %.*s", LH_STR_ARG(jobs_text(job, "state")));
}

/* ---- verbs ---- */

static lh_str jobs_done(const lh_json *job, lh_arena *arena) {
    const lh_json *total = lh_json_get(job, "total");
    if (lh_json_is_null(total)) return LH_STR_NONE;
    return lh_arena_printf(arena, "%" PRIu64 " of %" PRIu64, jobs_count(job, "done"), lh_json_uint(total, 0));
}

static lh_code jobs_list(jobs_job *job, lh_error *err) {
    static const lh_cli_column heads[] = {{"job", false},  {"kind", false},       {"of", false}, {"state", false},
                                          {"done", false}, {"created_at", false}, {"by", false}};
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(4096);
    lh_arena *arena = job->session.arena;
    lh_json *answer = NULL;
    lh_buf_append(&path, LH_STR("/jobs"));
    lh_cli_query(&path, "state", lh_str_from(job->state));
    LH_TRY(lh_buf_check(&path, err));
    LH_TRY(lh_connection_get_all(job->session.connection, lh_buf_str(&path), arena, &answer, err));
    const lh_json *items = lh_json_get(answer, "items");
    if (job->json) return lh_cli_print_json(items, arena, err);
    if (lh_json_size(items) == 0) return printf("no jobs that you may see\n"), LH_OK;
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, jobs_text(it.value, "id"));
        lh_cli_rows_text(&rows, jobs_text(it.value, "kind"));
        lh_cli_rows_text(&rows, jobs_text(it.value, "subject"));
        lh_cli_rows_text(&rows, jobs_text(it.value, "state"));
        lh_cli_rows_text(&rows, jobs_done(it.value, arena));
        lh_cli_rows_text(&rows, jobs_text(it.value, "created_at"));
        lh_cli_rows_text(&rows, jobs_text(it.value, "created_by"));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static lh_code jobs_show(jobs_job *job, lh_error *err) {
    static const char *const members[] = {"kind",       "subject",    "state",    "phase",   "created_by",
                                          "created_at", "started_at", "ended_at", "attempts"};
    static const lh_cli_column heads[] = {{"job", false}, {"", false}};
    lh_arena *arena = job->session.arena;
    lh_json *told = NULL;
    LH_TRY(jobs_look(job->session.connection, lh_cli_word(job->words, 1), arena, &told, err));
    if (job->json) return lh_cli_print_json(told, arena, err);
    const struct {
        const char *name;
        lh_str text;
    } more[] = {{"done", jobs_done(told, arena)}, {"result", jobs_result(told, arena)}, {"error", jobs_message(told)}};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, sizeof heads / sizeof *heads);
    lh_cli_rows_next(&rows);
    lh_cli_rows_text(&rows, LH_STR("id"));
    lh_cli_rows_text(&rows, jobs_text(told, "id"));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (lh_json_is_null(lh_json_get(told, members[i]))) continue;
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_str_from(members[i]));
        lh_cli_rows_value(&rows, lh_json_get(told, members[i]));
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (!more[i].text.len) continue;
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_str_from(more[i].name));
        lh_cli_rows_text(&rows, more[i].text);
    }
    LH_TRY(lh_cli_rows_print(&rows, lh_cli_style_to_fit(), err));
    return jobs_print_problems(told, SIZE_MAX, arena, err);
}

static lh_code jobs_watch(jobs_job *job, lh_error *err) {
    lh_str id = lh_cli_word(job->words, 1);
    lh_json *told = NULL;
    LH_TRY(jobs_look(job->session.connection, id, job->session.arena, &told, err));
    return lh_cli_job_watch(&job->session, id, jobs_text(told, "subject"), job->json, &job->interrupted, err);
}

static lh_code jobs_post(jobs_job *job, const char *what, lh_json **ret, lh_error *err) {
    lh_str path;
    LH_TRY(lh_cli_path(job->session.arena, "/jobs/", lh_cli_word(job->words, 1), what, &path, err));
    return lh_connection_send(job->session.connection, "POST", path, NULL, job->session.arena, ret, err);
}

static lh_code jobs_cancel(jobs_job *job, lh_error *err) {
    lh_json *told = NULL;
    LH_TRY(jobs_post(job, "/cancel", &told, err));
    if (job->json) return lh_cli_print_json(told, job->session.arena, err);
    lh_str id = jobs_text(told, "id"), state = jobs_text(told, "state");
    if (jobs_is(told, "running")) printf("%.*s is told to end\n", LH_STR_ARG(id));
    else if (jobs_is(told, "cancelled")) printf("%.*s is cancelled\n", LH_STR_ARG(id));
    else printf("%.*s has ended already: %.*s\n", LH_STR_ARG(id), LH_STR_ARG(state));
    return LH_OK;
}

static lh_code jobs_retry(jobs_job *job, lh_error *err) {
    lh_json *told = NULL;
    LH_TRY(jobs_post(job, "/retry", &told, err));
    if (job->json) return lh_cli_print_json(told, job->session.arena, err);
    printf("%.*s is queued again%s\n", LH_STR_ARG(jobs_text(told, "id")),
           lh_connection_is_here(job->session.connection)
               ? ", and runs when the lake is served, or opened by `lakehouse jobs watch` with --root"
               : "");
    return LH_OK;
}

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(jobs_job *job, lh_error *err);
} jobs_verbs[] = {{{"list", "no more words", 0, 0}, jobs_list},
                  {{"show", "ID", 1, 1}, jobs_show},
                  {{"watch", "ID", 1, 1}, jobs_watch},
                  {{"cancel", "ID", 1, 1}, jobs_cancel},
                  {{"retry", "ID", 1, 1}, jobs_retry}};

const char *lh_cli_jobs_verb(size_t i) {
    return i < sizeof jobs_verbs / sizeof *jobs_verbs ? jobs_verbs[i].verb.name : NULL;
}

static int jobs_run(const lh_cli_source *source, size_t verb, jobs_job *job) {
    lh_error err = {0};
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    if (lh_cli_session_open(source, &session, &err) != LH_OK) return lh_cli_fail(&err);
    job->session = session;
    if (jobs_verbs[verb].run(job, &err) == LH_OK) return LH_EXIT_DONE;
    return lh_cli_fail_or_interrupted(job->interrupted, &err);
}

int lh_cli_jobs(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    jobs_job job = {.words = &words};
    const lh_cli_flag flags[] = {{.name = "state",
                                  .value_name = "STATE",
                                  .help = "list: queued, running, succeeded, failed or cancelled ones",
                                  .text = &job.state},
                                 {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
                                 LH_CLI_CLIENT_FLAGS(source),
                                 LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    size_t verb = lh_cli_find_verb(self, words.count ? words.items[0] : "list");
    if (verb == SIZE_MAX || !lh_cli_takes(self, &jobs_verbs[verb].verb, &words) ||
        !lh_cli_is_one_of("state", job.state, lh_job_states, LH_JOB_STATES))
        return LH_EXIT_USAGE;
    lh_interrupt interrupt = {0};
    if (jobs_verbs[verb].run == jobs_watch) (void)lh_interrupt_start(&interrupt, &job.interrupted);
    status = jobs_run(&source, verb, &job);
    lh_interrupt_stop(&interrupt);
    return status;
}
