/* `lakehouse models`: the models that there are, which are in use, and the registry of more, over /ai/models. */
#include "cli/cli_internal.h"
#include "cli/interrupt.h"

#include <stdio.h>

typedef struct models_job {
    lh_cli_session session;
    lh_connection *connection; /* the session's, as arena */
    lh_arena *arena;
    const lh_cli_list *words; /* the verb's own from 1 on */
    const char *task, *provider, *model, *url, *secret, *base, *checksum, *notes, *profile, *eval, *context_text;
    uint64_t context_tokens;
    bool unchecked, replace, force, json;
    _Atomic bool interrupted;
} models_job;

static void models_set(const models_job *job, lh_json *body, const char *name, const char *value) {
    if (value) lh_json_set_string(job->arena, body, name, lh_str_from(value));
}

static lh_code models_list(models_job *job, lh_error *err) {
    static const char *const members[] = {"task", "model", "provider", "version", "source"};
    enum { COUNT = sizeof members / sizeof *members, STATUS = COUNT, IN_USE = COUNT + 1, HEADS = COUNT + 2 };
    lh_cli_column heads[HEADS];
    lh_json *answer = NULL, *health = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/ai/models"), job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(lh_json_get(answer, "items"), job->arena, err);
    LH_TRY(lh_connection_get(job->connection, LH_STR("/ai/health"), job->arena, &health, err));
    for (size_t i = 0; i < COUNT; i++) heads[i] = (lh_cli_column){members[i], false};
    heads[STATUS] = (lh_cli_column){"status", false};
    heads[IN_USE] = (lh_cli_column){"in use", false};
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, HEADS);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);) {
        lh_str status = LH_STR_NONE;
        for (lh_json_iter of = lh_json_each(lh_json_get(health, "tasks")); lh_json_next(&of);)
            if (lh_json_equal(lh_json_get(of.value, "task"), lh_json_get(it.value, "task")) &&
                lh_json_equal(lh_json_get(of.value, "model"), lh_json_get(it.value, "model")))
                status = lh_json_get_string(of.value, "status");
        lh_cli_rows_next(&rows);
        for (size_t i = 0; i < COUNT; i++) lh_cli_rows_value(&rows, lh_json_get(it.value, members[i]));
        lh_cli_rows_text(&rows, status);
        lh_cli_rows_text(&rows, lh_json_bool(lh_json_get(it.value, "in_use"), false) ? LH_STR("yes") : LH_STR_NONE);
    }
    if (lh_json_size(lh_json_get(answer, "items"))) return lh_cli_rows_print(&rows, lh_cli_style(), err);
    printf("no models: set ai.embed_provider and the like, or `lakehouse models add`\n");
    return LH_OK;
}

static lh_code models_path(const models_job *job, const char *after, lh_str *ret, lh_error *err) {
    return lh_cli_path(job->arena, "/ai/models/", lh_cli_word(job->words, 1), after, ret, err);
}

static lh_code models_show(models_job *job, lh_error *err) {
    lh_json *answer = NULL;
    lh_str path;
    LH_TRY(models_path(job, "", &path, err));
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &answer, err));
    return lh_cli_print_json(answer, job->arena, err);
}

static lh_code models_add(models_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_json_set_string(job->arena, body, "name", lh_cli_word(job->words, 1));
    models_set(job, body, "task", job->task);
    models_set(job, body, "provider", job->provider);
    models_set(job, body, "model", job->model);
    models_set(job, body, "url", job->url);
    models_set(job, body, "secret", job->secret);
    models_set(job, body, "base", job->base);
    models_set(job, body, "checksum", job->checksum);
    models_set(job, body, "notes", job->notes);
    if (job->context_text) lh_json_set_uint(job->arena, body, "context_tokens", job->context_tokens);
    lh_json_set_bool(job->arena, body, "check", !job->unchecked);
    lh_json_set_bool(job->arena, body, "replace", job->replace);
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/ai/models"), body, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_str name = lh_json_get_string(answer, "name");
    printf("registered %.*s%s; `lakehouse models use %.*s` puts it to use\n", LH_STR_ARG(name),
           job->unchecked ? "" : ", which answers", LH_STR_ARG(name));
    return LH_OK;
}

static lh_code models_told(const models_job *job, const lh_json *answer, lh_error *err) {
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_str model = lh_json_get_string(answer, "model"), profile = lh_json_get_string(answer, "profile");
    printf("%.*s: %.*s is in use%s%.*s\n", LH_STR_ARG(lh_json_get_string(answer, "task")),
           LH_STR_ARG(model.len ? model : LH_STR("the configuration's")), profile.len ? " by " : "", LH_STR_ARG(profile));
    return LH_OK;
}

static lh_code models_change_use(models_job *job, lh_str path, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    models_set(job, body, "task", job->task);
    models_set(job, body, "profile", job->profile);
    LH_TRY(lh_connection_send(job->connection, "POST", path, body, job->arena, &answer, err));
    return models_told(job, answer, err);
}

static lh_code models_use(models_job *job, lh_error *err) {
    lh_str path;
    LH_TRY(models_path(job, "/activate", &path, err));
    return models_change_use(job, path, err);
}

static lh_code models_rollback(models_job *job, lh_error *err) {
    if (!job->task) return lh_fail(err, LH_INVALID, "--task says which: embed, generate or rerank");
    return models_change_use(job, LH_STR("/ai/rollback"), err);
}

static void models_print_figures(const char *label, const lh_json *figures) {
    if (lh_json_is_null(figures)) return;
    printf("%s:", label);
    for (lh_json_iter it = lh_json_each(figures); lh_json_next(&it);)
        if (lh_json_type_of(it.value) == LH_JSON_REAL || lh_json_is_int(it.value))
            printf("  %.*s %.4g", LH_STR_ARG(it.name), lh_json_real(it.value, (double)lh_json_int(it.value, 0)));
    printf("\n");
}

/* The job's end says how it went, the model's record what came of it. */
static lh_code models_evaluate(models_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *started = NULL, *model = NULL;
    lh_str path, shown;
    LH_TRY(models_path(job, "/evaluate", &path, err));
    LH_TRY(models_path(job, "", &shown, err));
    models_set(job, body, "eval", job->eval);
    LH_TRY(lh_connection_send(job->connection, "POST", path, body, job->arena, &started, err));
    LH_TRY(lh_cli_job_watch(&job->session, lh_json_get_string(started, "id"), lh_cli_word(job->words, 1), job->json,
                            &job->interrupted, err));
    if (job->json) return LH_OK;
    LH_TRY(lh_connection_get(job->connection, shown, job->arena, &model, err));
    const lh_json *evaluations = lh_json_get(model, "evaluations");
    const lh_json *last = lh_json_at(evaluations, lh_json_size(evaluations) - 1);
    models_print_figures("this model", lh_json_get(last, "candidate"));
    models_print_figures("in use", lh_json_get(last, "current"));
    return LH_OK;
}

static lh_code models_remove(models_job *job, lh_error *err) {
    lh_str path;
    LH_TRY(models_path(job, "", &path, err));
    const lh_exchange exchange = {.method = "DELETE",
                                  .path = job->force ? lh_arena_printf(job->arena, "%.*s?force=true", LH_STR_ARG(path))
                                                     : path};
    LH_TRY(lh_connection_do(job->connection, &exchange, job->arena, NULL, err));
    printf("removed %.*s\n", LH_STR_ARG(lh_cli_word(job->words, 1)));
    return LH_OK;
}

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(models_job *job, lh_error *err);
} models_verbs[] = {{{"list", "no more words", 0, 0}, models_list},
                    {{"show", "NAME", 1, 1}, models_show},
                    {{"add", "NAME", 1, 1}, models_add},
                    {{"use", "NAME", 1, 1}, models_use},
                    {{"evaluate", "NAME", 1, 1}, models_evaluate},
                    {{"rollback", "no more words", 0, 0}, models_rollback},
                    {{"remove", "NAME", 1, 1}, models_remove}};

const char *lh_cli_models_verb(size_t i) {
    return i < sizeof models_verbs / sizeof *models_verbs ? models_verbs[i].verb.name : NULL;
}

static lh_code models_run(const lh_cli_source *source, size_t verb, models_job *job, lh_error *err) {
    LH_TRY(lh_cli_session_open(source, &job->session, err));
    job->connection = job->session.connection;
    job->arena = job->session.arena;
    return models_verbs[verb].run(job, err);
}

int lh_cli_models(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    models_job job = {.words = &words};
    lh_error err = {0};
    const lh_cli_flag flags[] = {
        {.name = "task",
         .value_name = "TASK",
         .help = "add, use, rollback: embed, generate or rerank",
         .text = &job.task},
        {.name = "provider",
         .value_name = "NAME",
         .help = "add: llama (a file), openai, ollama or hash",
         .text = &job.provider},
        {.name = "model",
         .value_name = "MODEL",
         .help = "add: a GGUF file's whole path, or the endpoint's name",
         .text = &job.model},
        {.name = "model-url", .value_name = "URL", .help = "add: of the endpoint, up to its version", .text = &job.url},
        {.name = "secret",
         .value_name = "NAME",
         .help = "add: whose api_key is sent (storage.secrets_file)",
         .text = &job.secret},
        {.name = "base", .value_name = "NAME", .help = "add: the model that it was tuned from", .text = &job.base},
        {.name = "checksum", .value_name = "SHA256", .help = "add: that the file must have", .text = &job.checksum},
        {.name = "context-tokens",
         .value_name = "N",
         .help = "add: that it takes of a prompt and its answer",
         .text = &job.context_text},
        {.name = "notes", .value_name = "TEXT", .help = "add: for people", .text = &job.notes},
        {.name = "no-check", .help = "add: do not try it first", .on = &job.unchecked},
        {.name = "replace",
         .help = "add: in the place of one of that name, which still answers for indexes that it made",
         .on = &job.replace},
        {.name = "force", .help = "remove: also when indexes are of it", .on = &job.force},
        {.name = "profile",
         .value_name = "NAME",
         .help = "use, rollback: only for that principal",
         .text = &job.profile},
        {.name = "eval",
         .value_name = "NAME",
         .help = "evaluate: by that eval set; a generator needs none",
         .text = &job.eval},
        {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    size_t verb = lh_cli_find_verb(self, words.count ? words.items[0] : "list");
    if (verb == SIZE_MAX || !lh_cli_takes(self, &models_verbs[verb].verb, &words) ||
        !lh_cli_number("context-tokens", job.context_text, &job.context_tokens))
        return LH_EXIT_USAGE;
    lh_interrupt interrupt = {0};
    if (models_verbs[verb].run == models_evaluate) (void)lh_interrupt_start(&interrupt, &job.interrupted);
    lh_code code = models_run(&source, verb, &job, &err);
    lh_interrupt_stop(&interrupt);
    lh_cli_session_done(&job.session);
    if (code == LH_OK) return LH_EXIT_DONE;
    return lh_cli_fail_or_interrupted(job.interrupted, &err);
}
