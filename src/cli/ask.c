/* `lakehouse ask "how many …"`: a question to POST /ask; `lakehouse ask examples`: the verified ones, over /ask/examples. */
#include "cli/cli_internal.h"

#include <stdio.h>

typedef struct ask_job {
    lh_cli_session session;
    const lh_cli_list *words;
    const char *limit_text, *model;
    uint64_t limit;
    bool json;
} ask_job;

static lh_code ask_print_rows(const ask_job *job, const lh_json *answer, lh_error *err) {
    lh_arena *arena = job->session.arena;
    const lh_json *columns = lh_json_get(answer, "columns");
    lh_cli_column *heads = LH_ARENA_ARRAY(arena, lh_cli_column, lh_json_size(columns) + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);)
        heads[it.index] = (lh_cli_column){lh_arena_cstr(arena, lh_json_get_string(it.value, "name")), false};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, lh_json_size(columns));
    for (lh_json_iter row = lh_json_each(lh_json_get(answer, "rows")); lh_json_next(&row);) {
        lh_cli_rows_next(&rows);
        for (lh_json_iter cell = lh_json_each(row.value); lh_json_next(&cell);) lh_cli_rows_value(&rows, cell.value);
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

/* *ret: it was answered. */
static lh_code ask_print(const ask_job *job, const lh_json *answer, bool *ret, lh_error *err) {
    const lh_json *nearest = lh_json_get(answer, "nearest");
    *ret = !lh_json_bool(lh_json_get(answer, "refused"), false);
    if (job->json) return lh_cli_print_json(answer, job->session.arena, err);
    if (*ret) {
        LH_TRY(ask_print_rows(job, answer, err));
        printf("%.*s\n", LH_STR_ARG(lh_json_get_string(answer, "sql")));
    } else printf("refused: %.*s\n", LH_STR_ARG(lh_json_get_string(answer, "reason")));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "unplaced")); lh_json_next(&it);)
        printf("not understood: %.*s\n", LH_STR_ARG(lh_json_str(it.value, LH_STR_NONE)));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "assumptions")); lh_json_next(&it);)
        printf("assumed: %.*s\n", LH_STR_ARG(lh_json_str(it.value, LH_STR_NONE)));
    if (!*ret && nearest) printf("ask instead: %.*s\n", LH_STR_ARG(lh_json_get_string(nearest, "question")));
    return LH_OK;
}

static int ask_run(const lh_cli_source *source, ask_job *job) {
    lh_error err = {0};
    bool answered = false;
    lh_json *answer = NULL;
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    if (lh_cli_session_open(source, &session, &err) != LH_OK) return lh_cli_fail(&err);
    job->session = session;
    lh_json *body = lh_json_new_object(session.arena);
    lh_json_set_string(session.arena, body, "question", lh_cli_word(job->words, 0));
    if (job->limit_text) lh_json_set_uint(session.arena, body, "limit", job->limit);
    if (job->model) lh_json_set_string(session.arena, body, "model", lh_str_from(job->model));
    if (lh_connection_send(session.connection, "POST", LH_STR("/ask"), body, session.arena, &answer, &err) != LH_OK ||
        ask_print(job, answer, &answered, &err) != LH_OK)
        return lh_cli_fail(&err);
    return answered ? LH_EXIT_DONE : LH_EXIT_FAILED;
}

/* ---- verified questions ---- */

static lh_code examples_path(const ask_job *job, lh_str *ret, lh_error *err) {
    return lh_cli_path(job->session.arena, "/ask/examples/", lh_cli_word(job->words, 1), "", ret, err);
}

static lh_code examples_list(const ask_job *job, lh_error *err) {
    static const char *const members[] = {"id", "question", "sql", "created_by"};
    enum { COUNT = sizeof members / sizeof *members };
    lh_arena *arena = job->session.arena;
    lh_cli_column heads[COUNT];
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get_all(job->session.connection, LH_STR("/ask/examples"), arena, &answer, err));
    if (job->json) return lh_cli_print_json(lh_json_get(answer, "items"), arena, err);
    for (size_t i = 0; i < COUNT; i++) heads[i] = (lh_cli_column){members[i], false};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, COUNT);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        for (size_t i = 0; i < COUNT; i++)
            lh_cli_rows_text(&rows, lh_cli_line(arena, lh_json_get_string(it.value, members[i])));
    }
    if (lh_json_size(lh_json_get(answer, "items"))) return lh_cli_rows_print(&rows, lh_cli_style(), err);
    printf("no verified questions: `lakehouse ask examples add QUESTION SQL`\n");
    return LH_OK;
}

static lh_code examples_show(const ask_job *job, lh_error *err) {
    lh_json *answer = NULL;
    lh_str path;
    LH_TRY(examples_path(job, &path, err));
    LH_TRY(lh_connection_get(job->session.connection, path, job->session.arena, &answer, err));
    return lh_cli_print_json(answer, job->session.arena, err);
}

static lh_code examples_add(const ask_job *job, lh_error *err) {
    lh_arena *arena = job->session.arena;
    lh_json *body = lh_json_new_object(arena), *answer = NULL;
    lh_json_set_string(arena, body, "question", lh_cli_word(job->words, 1));
    lh_json_set_string(arena, body, "sql", lh_cli_word(job->words, 2));
    LH_TRY(lh_connection_send(job->session.connection, "POST", LH_STR("/ask/examples"), body, arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, arena, err);
    printf("%s %.*s\n", lh_json_bool(lh_json_get(answer, "replaced"), false) ? "replaced" : "added",
           LH_STR_ARG(lh_json_get_string(answer, "id")));
    return LH_OK;
}

static lh_code examples_remove(const ask_job *job, lh_error *err) {
    lh_exchange exchange = {.method = "DELETE"};
    LH_TRY(examples_path(job, &exchange.path, err));
    LH_TRY(lh_connection_do(job->session.connection, &exchange, job->session.arena, NULL, err));
    printf("removed %.*s\n", LH_STR_ARG(lh_cli_word(job->words, 1)));
    return LH_OK;
}

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(const ask_job *job, lh_error *err);
} examples_verbs[] = {{{"list", "no more words", 0, 0}, examples_list},
                      {{"show", "ID", 1, 1}, examples_show},
                      {{"add", "QUESTION and SQL, each in quotes", 2, 2}, examples_add},
                      {{"remove", "ID", 1, 1}, examples_remove}};

static const char *examples_verb(size_t i) {
    return i < sizeof examples_verbs / sizeof *examples_verbs ? examples_verbs[i].verb.name : NULL;
}

const char *lh_cli_ask_verb(size_t i) { return i == 0 ? "examples" : NULL; }

/* `ask examples VERB …`: the words from the second on are those of a command of its own. */
static int examples_run(const lh_cli_source *source, const ask_job *asked) {
    static const lh_cli_command self = {.name = "ask examples", .verb = examples_verb};
    lh_error err = {0};
    lh_cli_list words = {.count = asked->words->count - 1};
    memcpy(words.items, asked->words->items + 1, words.count * sizeof *words.items);
    ask_job job = *asked;
    job.words = &words;
    size_t verb = lh_cli_find_verb(&self, words.count ? words.items[0] : "list");
    if (verb == SIZE_MAX || !lh_cli_takes(&self, &examples_verbs[verb].verb, &words)) return LH_EXIT_USAGE;
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    if (lh_cli_session_open(source, &session, &err) != LH_OK) return lh_cli_fail(&err);
    job.session = session;
    return examples_verbs[verb].run(&job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}

int lh_cli_ask(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    ask_job job = {.words = &words};
    const lh_cli_flag flags[] = {
        {.name = "limit", .value_name = "N", .help = "rows of the answer (1000)", .text = &job.limit_text},
        {.name = "model", .value_name = "NAME", .help = "which model is asked what needs one", .text = &job.model},
        {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    if (words.count && strcmp(words.items[0], "examples") == 0) return examples_run(&source, &job);
    if (words.count != 1) {
        lh_cli_complain("ask takes one question, in quotes");
        return LH_EXIT_USAGE;
    }
    if (job.limit_text && lh_str_to_u64(lh_str_from(job.limit_text), &job.limit) != LH_OK) {
        lh_cli_complain("--limit takes a number");
        return LH_EXIT_USAGE;
    }
    return ask_run(&source, &job);
}
