/* `lakehouse vectors`: indexes of embeddings, over /vectors. */
#include "cli/interrupt.h"
#include "cli/vectors_internal.h"

#include <stdio.h>

static void vectors_set(const lh_vectors_job *job, lh_json *into, const char *member, const char *text) {
    if (text) lh_json_set_string(job->session.arena, into, member, lh_str_from(text));
}

static lh_code vectors_path(const lh_vectors_job *job, lh_str *ret, lh_error *err) {
    return lh_cli_path(job->session.arena, "/vectors/indexes/", lh_cli_word(job->words, 1), "", ret, err);
}

/* ---- index ---- */

static lh_json *vectors_body(const lh_vectors_job *job) {
    lh_arena *arena = job->session.arena;
    lh_json *body = lh_json_new_object(arena), *chunk = lh_json_new_object(arena), *texts = lh_json_new_array(arena),
            *refresh = lh_json_new_object(arena);
    lh_json_set_string(arena, body, "dataset", lh_cli_word(job->words, 1));
    vectors_set(job, body, "id_column", job->id);
    vectors_set(job, body, "template", job->template_);
    vectors_set(job, body, "index", job->index);
    vectors_set(job, body, "model", job->model);
    vectors_set(job, body, "metric", job->metric);
    vectors_set(job, body, "backend", job->backend);
    for (size_t i = 0; i < job->texts.count; i++)
        lh_json_append(texts, lh_json_new_string(arena, lh_cli_word(&job->texts, i)));
    if (job->texts.count) lh_json_set(arena, body, "text_columns", texts);
    if (job->size_text) lh_json_set_uint(arena, chunk, "size", job->chunk_size);
    if (job->overlap_text) lh_json_set_uint(arena, chunk, "overlap", job->chunk_overlap);
    vectors_set(job, chunk, "unit", job->chunk_unit);
    vectors_set(job, chunk, "locale", job->locale);
    if (lh_json_size(chunk)) lh_json_set(arena, body, "chunk", chunk);
    vectors_set(job, refresh, "policy", job->refresh ? job->refresh : job->cron ? "scheduled" : NULL);
    vectors_set(job, refresh, "cron", job->cron);
    if (lh_json_size(refresh)) lh_json_set(arena, body, "refresh", refresh);
    if (job->hnsw) lh_json_set(arena, body, "hnsw", lh_vectors_members(job, job->hnsw));
    return body;
}

void lh_vectors_tell_job(const lh_vectors_job *job, const lh_json *told) {
    lh_str id = lh_json_get_string(told, "id");
    if (lh_connection_is_here(job->session.connection))
        printf("the job %.*s runs when the lake is served, or opened by `lakehouse jobs watch` with --root\n",
               LH_STR_ARG(id));
    else printf("the job %.*s runs; `lakehouse jobs watch %.*s` shows it\n", LH_STR_ARG(id), LH_STR_ARG(id));
}

lh_code lh_vectors_await(const lh_vectors_job *job, const lh_json *told, lh_error *err) {
    lh_str name = lh_json_get_string(lh_json_get(told, "spec"), "index");
    return lh_cli_job_watch(&job->session, lh_json_get_string(told, "id"), name, job->json, &job->interrupted, err);
}

static lh_code vectors_index(lh_vectors_job *job, lh_error *err) {
    const lh_http_header profile = {LH_STR("X-Lakehouse-Profile"), lh_str_from(job->profile)};
    lh_exchange exchange = {.method = "POST", .path = LH_STR("/vectors/index"), .headers = &profile, .header_count = 1};
    lh_json *told = NULL;
    lh_str answer;
    LH_TRY(lh_json_write(job->session.arena, vectors_body(job), false, &exchange.body, err));
    LH_TRY(lh_connection_do(job->session.connection, &exchange, job->session.arena, &answer, err));
    LH_TRY(lh_json_parse(job->session.arena, answer, &told, err));
    if (!job->no_wait) return lh_vectors_await(job, told, err);
    if (job->json) return lh_cli_print_json(told, job->session.arena, err);
    return lh_vectors_tell_job(job, told), LH_OK;
}

/* Each of the dataset's indexes by a job of its own; all are told of, whichever fails. */
static lh_code vectors_refresh(lh_vectors_job *job, lh_error *err) {
    lh_json *answer = NULL;
    lh_str path;
    lh_code code = LH_OK;
    LH_TRY(lh_cli_path(job->session.arena, "/vectors/refresh/", lh_cli_word(job->words, 1), "", &path, err));
    LH_TRY(lh_connection_send(job->session.connection, "POST", path, NULL, job->session.arena, &answer, err));
    const lh_json *items = lh_json_get(answer, "items");
    if (job->no_wait && job->json) return lh_cli_print_json(items, job->session.arena, err);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it) && !job->interrupted;) {
        lh_error why = {0};
        if (job->no_wait) lh_vectors_tell_job(job, it.value);
        else if (lh_vectors_await(job, it.value, &why) != LH_OK) {
            if (code != LH_OK) (void)lh_cli_fail(err);
            *err = why;
            code = why.code;
        }
    }
    const lh_json *problem = lh_json_at(lh_json_get(answer, "problems"), 0);
    if (code != LH_OK || !problem) return code;
    lh_str index = lh_json_get_string(problem, "index"), message = lh_json_get_string(problem, "message");
    return lh_fail(err, LH_UNAVAILABLE, "the index '%.*s' is not refreshed: %.*s", LH_STR_ARG(index),
                   LH_STR_ARG(message));
}

/* ---- what there is ---- */

static lh_code vectors_list(lh_vectors_job *job, lh_error *err) {
    static const char *const members[] = {"name", "dataset", "metric", "rows", "chunks", "stale", "last_embedded_at"};
    enum { COUNT = sizeof members / sizeof *members, MODEL = 2 };
    lh_cli_column heads[COUNT + 1] = {{"index", false}};
    lh_arena *arena = job->session.arena;
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get_all(job->session.connection, LH_STR("/vectors/indexes"), arena, &answer, err));
    const lh_json *items = lh_json_get(answer, "items");
    if (job->json) return lh_cli_print_json(items, arena, err);
    if (lh_json_size(items) == 0)
        return printf("no indexes that you may search; `lakehouse vectors index DATASET --id COLUMN --text COLUMN` "
                      "makes one\n"),
               LH_OK;
    for (size_t i = 1; i < COUNT; i++)
        heads[i + (i >= MODEL)] = (lh_cli_column){members[i], i == MODEL + 1 || i == MODEL + 2};
    heads[MODEL] = (lh_cli_column){"model", false};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, COUNT + 1);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        for (size_t i = 0; i < COUNT; i++) {
            if (i == MODEL) lh_cli_rows_value(&rows, lh_json_get(lh_json_get(it.value, "model"), "name"));
            if (i == COUNT - 1) lh_cli_rows_time(&rows, it.value, members[i]);
            else lh_cli_rows_known(&rows, lh_json_get(it.value, members[i]));
        }
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static lh_code vectors_stale(lh_vectors_job *job, lh_error *err) {
    static const char *const members[] = {"index",         "dataset",          "embedding_stale_since",
                                          "stale_because", "last_embedded_at", "refresh"};
    enum { COUNT = sizeof members / sizeof *members, EMBEDDED = 4 };
    lh_cli_column heads[COUNT];
    lh_arena *arena = job->session.arena;
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get_all(job->session.connection, LH_STR("/vectors/stale"), arena, &answer, err));
    const lh_json *items = lh_json_get(answer, "items");
    if (job->json) return lh_cli_print_json(items, arena, err);
    if (lh_json_size(items) == 0)
        return printf("no index that you may know it of is stale (it is told to who sees the whole lake)\n"), LH_OK;
    for (size_t i = 0; i < COUNT; i++) heads[i] = (lh_cli_column){members[i], false};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, COUNT);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        for (size_t i = 0; i < COUNT; i++)
            if (i == EMBEDDED) lh_cli_rows_time(&rows, it.value, members[i]);
            else lh_cli_rows_value(&rows, lh_json_get(it.value, members[i]));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static void vectors_tell(lh_cli_rows *rows, lh_str name, const lh_json *value) {
    if (lh_json_is_null(value)) return;
    lh_cli_rows_next(rows);
    lh_cli_rows_text(rows, name);
    lh_cli_rows_value(rows, value);
}

static lh_code vectors_show(lh_vectors_job *job, lh_error *err) {
    static const char *const members[] = {"name",
                                          "dataset",
                                          "id_column",
                                          "text_columns",
                                          "template",
                                          "metric",
                                          "backend",
                                          "table",
                                          "rows",
                                          "chunks",
                                          "stale",
                                          "stale_because",
                                          "embedding_stale_since",
                                          "dataset_snapshot_id",
                                          "created_at",
                                          "created_by",
                                          "recall_target"},
                             *const parts[][6] = {
                                 {"recall", "value", "sampled", "below_target"},
                                 {"hnsw", "ef_construction", "ef_search", "connectivity", "dtype", "seed"},
                                 {"graph", "came", "in_bucket", "problem"},
                                 {"model", "name", "provider", "version", "dimensions"},
                                 {"chunk", "size", "overlap", "unit", "locale"},
                                 {"refresh", "policy", "cron"}};
    static const lh_cli_column heads[] = {{"index", false}, {"", false}};
    lh_arena *arena = job->session.arena;
    lh_json *answer = NULL;
    lh_str path;
    LH_TRY(vectors_path(job, &path, err));
    LH_TRY(lh_connection_get(job->session.connection, path, arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, arena, err);
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        vectors_tell(&rows, lh_str_from(members[i]), lh_json_get(answer, members[i]));
    if (lh_json_get(answer, "last_embedded_at")) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, LH_STR("last_embedded_at"));
        lh_cli_rows_time(&rows, answer, "last_embedded_at");
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t k = 1; k < sizeof *parts / sizeof **parts && parts[i][k]; k++)
            vectors_tell(&rows, lh_arena_printf(arena, "%s.%s", parts[i][0], parts[i][k]),
                         lh_json_get(lh_json_get(answer, parts[i][0]), parts[i][k]));
    return lh_cli_rows_print(&rows, lh_cli_style_to_fit(), err);
}

static lh_code vectors_drop(lh_vectors_job *job, lh_error *err) {
    lh_str path, name = lh_cli_word(job->words, 1);
    LH_TRY(vectors_path(job, &path, err));
    if (!job->yes &&
        !lh_cli_confirm(lh_arena_printf(job->session.arena, "Drop the index %.*s, with its table?", LH_STR_ARG(name))))
        return lh_fail(err, LH_CANCELLED, "nothing was dropped (--yes asks no question)");
    const lh_exchange exchange = {.method = "DELETE", .path = path};
    LH_TRY(lh_connection_do(job->session.connection, &exchange, job->session.arena, NULL, err));
    printf("dropped %.*s, with its table\n", LH_STR_ARG(name));
    return LH_OK;
}

/* ---- search ---- */

static lh_code vectors_numbers(const lh_vectors_job *job, lh_json *body, lh_error *err) {
    lh_json *vector = NULL;
    if (!job->vector) return LH_OK;
    if (lh_json_parse(job->session.arena, lh_str_from(job->vector), &vector, NULL) != LH_OK ||
        !lh_json_is_array(vector))
        return lh_fail(err, LH_INVALID, "--vector takes an array of numbers, as '[0.25, -1, 0]'");
    lh_json_set(job->session.arena, body, "vector", vector);
    return LH_OK;
}

static lh_json *vectors_question(const lh_vectors_job *job) {
    lh_arena *arena = job->session.arena;
    lh_json *body = lh_json_new_object(arena), *columns = lh_json_new_array(arena);
    lh_json_set_string(arena, body, "index", lh_cli_word(job->words, 1));
    if (job->words->count > 2) lh_json_set_string(arena, body, "query", lh_cli_word(job->words, 2));
    if (job->k_text) lh_json_set_uint(arena, body, "k", job->k);
    vectors_set(job, body, "filter", job->filter);
    vectors_set(job, body, "mode", job->mode);
    if (job->weights) lh_json_set(arena, body, "weights", lh_vectors_members(job, job->weights));
    if (job->rerank) lh_json_set_bool(arena, body, "rerank", true);
    for (lh_str rest = lh_str_from(job->columns); rest.len;)
        lh_json_append(columns, lh_json_new_string(arena, lh_str_trim(lh_str_split(&rest, ','))));
    if (job->columns || !job->json) lh_json_set(arena, body, "columns", columns); /* what is not shown is not read */
    return body;
}

/* Score, id, the columns asked for, and the text as one line: last, so that it takes what the others leave. */
static lh_code vectors_print(const lh_vectors_job *job, const lh_json *asked, const lh_json *items, lh_error *err) {
    lh_arena *arena = job->session.arena;
    size_t columns = lh_json_size(asked);
    lh_cli_column *heads = LH_ARENA_ARRAY(arena, lh_cli_column, columns + 3);
    LH_TRY(lh_arena_check(arena, err));
    heads[0] = (lh_cli_column){"score", true};
    heads[1] = (lh_cli_column){"id", false};
    for (size_t i = 0; i < columns; i++)
        heads[i + 2] = (lh_cli_column){lh_arena_cstr(arena, lh_json_str(lh_json_at(asked, i), LH_STR_NONE)), false};
    heads[columns + 2] = (lh_cli_column){"text", false};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, columns + 3);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_arena_printf(arena, "%.4f", lh_json_real(lh_json_get(it.value, "score"), 0)));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "id"));
        for (size_t i = 0; i < columns; i++)
            lh_cli_rows_value(&rows, lh_json_get(lh_json_get(it.value, "columns"), heads[i + 2].name));
        lh_cli_rows_text(&rows, lh_cli_line(arena, lh_json_get_string(it.value, "text")));
    }
    return lh_cli_rows_print(&rows, lh_cli_style_to_fit(), err);
}

static lh_code vectors_search(lh_vectors_job *job, lh_error *err) {
    lh_json *answer = NULL, *body = vectors_question(job);
    LH_TRY(vectors_numbers(job, body, err));
    LH_TRY(lh_connection_send(job->session.connection, "POST", LH_STR("/vectors/search"), body, job->session.arena,
                              &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->session.arena, err);
    const lh_json *items = lh_json_get(answer, "items");
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "warnings")); lh_json_next(&it);)
        fprintf(stderr, "%.*s\n", LH_STR_ARG(lh_json_str(it.value, LH_STR_NONE)));
    if (lh_json_size(items) == 0) return printf("nothing was found\n"), LH_OK;
    return vectors_print(job, lh_json_get(body, "columns"), items, err);
}

/* ---- the command ---- */

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(lh_vectors_job *job, lh_error *err);
    bool starts_job;
} vectors_verbs[] = {{{"list", "no more words", 0, 0}, vectors_list, false},
                     {{"index", "DATASET", 1, 1}, vectors_index, true},
                     {{"refresh", "DATASET", 1, 1}, vectors_refresh, true},
                     {{"stale", "no more words", 0, 0}, vectors_stale, false},
                     {{"search", "NAME and the question, in quotes", 2, 2}, vectors_search, false},
                     {{"show", "NAME", 1, 1}, vectors_show, false},
                     {{"eval", "NAME and a name for the queries", 2, 2}, lh_vectors_eval, true},
                     {{"evals", "perhaps NAME", 0, 1}, lh_vectors_evals, false},
                     {{"drop-eval", "the eval set's NAME", 1, 1}, lh_vectors_drop_eval, false},
                     {{"trial", "NAME and the eval set's", 2, 2}, lh_vectors_trial, true},
                     {{"trials", "NAME", 1, 1}, lh_vectors_trials, false},
                     {{"best", "NAME", 1, 1}, lh_vectors_best, false},
                     {{"tune", "NAME", 1, 1}, lh_vectors_tune, true},
                     {{"cache", "no more words", 0, 0}, lh_vectors_cache, false},
                     {{"drop", "NAME", 1, 1}, vectors_drop, false}};

const char *lh_cli_vectors_verb(size_t i) {
    return i < sizeof vectors_verbs / sizeof *vectors_verbs ? vectors_verbs[i].verb.name : NULL;
}

static bool vectors_is_understood(lh_vectors_job *job, size_t verb) {
    enum { METRICS = 3 };
    static const char *const units[] = {"characters", "tokens"}, *const metrics[METRICS] = {"cosine", "dot", "l2"},
                             *const backends[] = {"hnsw", "lance"},
                             *const policies[] = {"manual", "on_append", "scheduled"},
                             *const modes[] = {"hnsw", "exact", "text", "hybrid"},
                             *const bests[METRICS] = {"pareto", "recall", "latency"};
    bool is_index = vectors_verbs[verb].run == vectors_index, is_best = vectors_verbs[verb].run == lh_vectors_best;
    if (is_index && !job->id) lh_cli_complain("index needs --id: the column that tells rows apart, as --id id");
    else if (is_index && !job->texts.count == !job->template_)
        lh_cli_complain(
            "index needs what to embed: --text COLUMN, once or more, or --template 'a text with {columns}'");
    else if (job->refresh && strcmp(job->refresh, "scheduled") == 0 && !job->cron)
        lh_cli_complain("--refresh scheduled needs --cron: the times, in UTC, as --cron '30 6 * * 1-5' (minute, hour, "
                        "day, month, weekday)");
    else
        return lh_cli_is_one_of("chunk-unit", job->chunk_unit, units, sizeof units / sizeof *units) &&
               lh_cli_is_one_of("metric", job->metric, is_best ? bests : metrics, METRICS) &&
               lh_cli_is_one_of("backend", job->backend, backends, sizeof backends / sizeof *backends) &&
               lh_cli_is_one_of("mode", job->mode, modes, sizeof modes / sizeof *modes) &&
               lh_cli_is_one_of("refresh", job->refresh, policies, sizeof policies / sizeof *policies) &&
               lh_cli_number("chunk-size", job->size_text, &job->chunk_size) &&
               lh_cli_number("chunk-overlap", job->overlap_text, &job->chunk_overlap) &&
               lh_cli_number("k", job->k_text, &job->k) && lh_cli_number("count", job->count_text, &job->count) &&
               lh_cli_number("seed", job->seed_text, &job->seed) &&
               lh_cli_number("trials", job->trials_text, &job->trials) &&
               lh_cli_number("seconds", job->seconds_text, &job->seconds);
    return false;
}

static int vectors_run(const lh_cli_source *source, size_t verb, lh_vectors_job *job) {
    lh_error err = {0};
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    if (lh_cli_session_open(source, &session, &err) != LH_OK) return lh_cli_fail(&err);
    job->session = session;
    if (vectors_verbs[verb].run(job, &err) == LH_OK) return LH_EXIT_DONE;
    return lh_cli_fail_or_interrupted(job->interrupted, &err);
}

static int vectors_go(const lh_cli_command *self, const lh_cli_source *source, lh_vectors_job *job) {
    size_t verb = lh_cli_find_verb(self, job->words->count ? job->words->items[0] : "list");
    if (verb == SIZE_MAX) return LH_EXIT_USAGE;
    lh_cli_verb takes = vectors_verbs[verb].verb;
    if (job->vector && vectors_verbs[verb].run == vectors_search) takes.least = 1; /* it stands for the question */
    if (!lh_cli_takes(self, &takes, job->words) || !vectors_is_understood(job, verb)) return LH_EXIT_USAGE;
    lh_interrupt interrupt = {0};
    if (vectors_verbs[verb].starts_job) (void)lh_interrupt_start(&interrupt, &job->interrupted);
    int status = vectors_run(source, verb, job);
    lh_interrupt_stop(&interrupt);
    return status;
}

int lh_cli_vectors(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    lh_vectors_job job = {.words = &words};
    const lh_cli_flag flags[] = {
        {.name = "id", .value_name = "COLUMN", .help = "index: the column that tells rows apart", .text = &job.id},
        {.name = "text",
         .letter = 't',
         .value_name = "COLUMN",
         .help = "index: a column to embed; several, as lines of one text",
         .list = &job.texts},
        {.name = "template",
         .value_name = "TEXT",
         .help = "index: instead of --text, a text with {columns} in it",
         .text = &job.template_},
        {.name = "index", .value_name = "NAME", .help = "index: its name (default: the dataset's)", .text = &job.index},
        {.name = "model", .value_name = "NAME", .help = "index: which embeds (else the server's)", .text = &job.model},
        {.name = "metric",
         .value_name = "M",
         .help = "index: cosine (default), dot, l2; best: pareto (default), recall, latency",
         .text = &job.metric},
        {.name = "backend", .value_name = "B", .help = "index: hnsw (default), lance", .text = &job.backend},
        {.name = "profile", .value_name = "USER", .help = "index: whose namespace and backend", .text = &job.profile},
        {.name = "chunk-size", .value_name = "N", .help = "index: a longer text is cut (1000)", .text = &job.size_text},
        {.name = "chunk-overlap",
         .value_name = "N",
         .help = "index: of two chunks (a tenth)",
         .text = &job.overlap_text},
        {.name = "chunk-unit", .value_name = "U", .help = "index: characters, tokens", .text = &job.chunk_unit},
        {.name = "locale", .value_name = "L", .help = "index: whose sentences, as de", .text = &job.locale},
        {.name = "refresh", .value_name = "W", .help = "index: manual, on_append, scheduled", .text = &job.refresh},
        {.name = "cron", .value_name = "TIMES", .help = "index: when, in UTC: '30 6 * * 1-5'", .text = &job.cron},
        {.name = "hnsw", .value_name = "A=B", .help = "index, trial: ef_search=60,dtype=f16", .text = &job.hnsw},
        {.name = "count", .value_name = "N", .help = "eval: queries that are drawn (100)", .text = &job.count_text},
        {.name = "seed", .value_name = "N", .help = "eval: the same draws the same (42)", .text = &job.seed_text},
        {.name = "queries", .value_name = "FILE", .help = "eval: [{\"query\", \"relevant\"}, …]", .text = &job.queries},
        {.name = "recall", .value_name = "R", .help = "tune: to reach, as 0.98", .text = &job.recall_text},
        {.name = "eval", .value_name = "NAME", .help = "tune, best: by that eval set", .text = &job.eval},
        {.name = "trials", .value_name = "N", .help = "tune: at most so many (40)", .text = &job.trials_text},
        {.name = "seconds", .value_name = "N", .help = "tune: at most so long (600)", .text = &job.seconds_text},
        {.name = "selectivity", .value_name = "S", .help = "tune: filters pass 0.1 of all", .text = &job.selectivity},
        {.name = "no-wait", .help = "start the job, and do not wait for its end", .on = &job.no_wait},
        {.name = "k", .letter = 'k', .value_name = "N", .help = "search: how many (10)", .text = &job.k_text},
        {.name = "vector", .value_name = "NUMBERS", .help = "search: for '[0.25, -1, …]'", .text = &job.vector},
        {.name = "filter", .value_name = "SQL", .help = "search: of rows where \"year > 2020\"", .text = &job.filter},
        {.name = "mode", .value_name = "M", .help = "search: hnsw (default), exact, text, hybrid", .text = &job.mode},
        {.name = "weights",
         .value_name = "A=B",
         .help = "search by hybrid: of its rankings, vector=1,text=2",
         .text = &job.weights},
        {.name = "rerank", .help = "search: order what is found by the model that reranks", .on = &job.rerank},
        {.name = "columns", .value_name = "A,B", .help = "search: columns beside the text", .text = &job.columns},
        {.name = "yes", .letter = 'y', .help = "drop, drop-eval: ask no question", .on = &job.yes},
        {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    return vectors_go(self, &source, &job);
}
