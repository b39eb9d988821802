/* /ai/models: the registry of models, and which are in use. For administrators; which models there are is in api_ai.c. */
#include "api/ai.h"
#include "api/vectors.h"

enum { MODELS_NAMES = 20, MODELS_NAMES_BYTES = 4 << 10, MODELS_NAMES_SHOWN_BYTES = 120 };

static lh_str models_by(lh_request *request) { return api_ai_call(request, LH_STR_NONE).principal; }

/* The use that a body asks for; *task LH_AI_TASKS when it names none. */
static lh_code models_read_use(lh_request *request, lh_models_use *ret, lh_error *err) {
    static const char *const known[] = {"task", "profile"};
    lh_json *body = NULL;
    lh_str task;
    *ret = (lh_models_use){.task = LH_AI_TASKS, .by = models_by(request)};
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, 2, err));
    LH_TRY(api_ai_string(body, "task", false, &task, err));
    LH_TRY(api_ai_string(body, "profile", false, &ret->profile, err));
    if (!lh_json_is_null(lh_json_get(body, "profile")) && !lh_str_trim(ret->profile).len)
        return lh_fail(err, LH_INVALID, "'profile' must be the name of a principal; without it the model is for all");
    if (!task.len || lh_ai_task_of(task, &ret->task)) return LH_OK;
    return lh_fail(err, LH_INVALID, "'task' must be embed, generate or rerank");
}

lh_code api_models_register(lh_request *request, lh_error *err) {
    static const char *const known[] = {"name",  "task",  "provider", "model",          "url",    "base", "checksum",
                                        "notes", "check", "secret",   "context_tokens", "replace"};
    lh_json *body = NULL, *answer = NULL;
    bool check, replace;
    lh_str name;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(api_ai_string(body, "name", true, &name, err));
    LH_TRY(lh_body_bool(body, "check", true, &check, err));
    LH_TRY(lh_body_bool(body, "replace", false, &replace, err));
    LH_TRY(lh_models_register(lh_request_app(request)->models, body, models_by(request), lh_request_arena(request),
                              &answer, err));
    return lh_respond_json(request, 201, answer, err);
}

lh_code api_models_get(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_models_get(lh_request_app(request)->models, lh_request_param(request, "model"), lh_request_arena(request),
                         &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

/* An index without its model can be searched no more by what is asked in words. */
static lh_code models_check_indexes(lh_request *request, lh_str name, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *indexes = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf names = LH_BUF_INIT(MODELS_NAMES_BYTES);
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    const lh_vector_index_filter filter = {.model = name, .page = {.limit = MODELS_NAMES}};
    LH_TRY(lh_vector_index_list(vector, &filter, &caller, lh_request_arena(request), &indexes, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(indexes, "items")); lh_json_next(&it);)
        lh_buf_printf(&names, "%s%.*s", it.index ? ", " : "", LH_STR_ARG(lh_json_get_string(it.value, "name")));
    if (names.len == 0) return lh_buf_check(&names, err);
    return lh_fail(err, LH_CONFLICT,
                   "indexes are of the model '%.*s': index them anew by another, delete them, or say force=true: %.*s",
                   LH_STR_ARG(name), LH_STR_ARG(lh_str_cut_utf8(lh_buf_str(&names), MODELS_NAMES_SHOWN_BYTES)));
}

lh_code api_models_remove(lh_request *request, lh_error *err) {
    lh_str name = lh_request_param(request, "model");
    bool force;
    LH_TRY(lh_request_query_bool(request, "force", &force, err));
    if (!force) LH_TRY(models_check_indexes(request, name, err));
    LH_TRY(lh_models_remove(lh_request_app(request)->models, name, err));
    return lh_respond_empty(request, 204, err);
}

lh_code api_models_evaluate(lh_request *request, lh_error *err) {
    static const char *const known[] = {"eval"};
    lh_app *app = lh_request_app(request);
    lh_json *body = NULL, *job = NULL;
    lh_str eval;
    if (!app->evaluate) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, 1, err));
    LH_TRY(api_ai_string(body, "eval", false, &eval, err));
    LH_TRY(lh_evaluate_model(app->evaluate, app->jobs, lh_request_param(request, "model"), eval, models_by(request),
                             lh_request_arena(request), &job, err));
    return lh_respond_json(request, 202, job, err);
}

/* A model for a name that nobody has would never be used. Whom tokens may name, when unknown ones are trusted, is not known here. */
static lh_code models_check_profile(lh_request *request, lh_str profile, lh_error *err) {
    const lh_app *app = lh_request_app(request);
    lh_arena *arena = lh_request_arena(request);
    lh_json *principal = NULL, *keys = NULL;
    uint64_t version;
    if (!profile.len || lh_str_eq(profile, LH_STR("admin")) || lh_str_eq(profile, LH_STR("-")) ||
        lh_str_eq(app->config->auth_jwt_unknown_principal, LH_STR("claim")))
        return LH_OK;
    lh_code code = lh_access_principal_get(app->catalog, profile, arena, &principal, &version, err);
    if (code != LH_NOT_FOUND) return code;
    LH_TRY(lh_access_keys_list(app->access, arena, &keys, err)); /* a key without a principal goes by its id */
    for (lh_json_iter it = lh_json_each(lh_json_get(keys, "items")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "id"), profile)) return LH_OK;
    return lh_fail(err, LH_NOT_FOUND, "there is no principal '%.*s' that the model could be for",
                   LH_STR_ARG(lh_str_cut_utf8(profile, 64)));
}

lh_code api_models_activate(lh_request *request, lh_error *err) {
    lh_models_use use;
    lh_json *answer = NULL;
    LH_TRY(models_read_use(request, &use, err));
    LH_TRY(models_check_profile(request, use.profile, err));
    use.name = lh_request_param(request, "model");
    LH_TRY(lh_models_activate(lh_request_app(request)->models, &use, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_models_rollback(lh_request *request, lh_error *err) {
    lh_models_use use;
    lh_json *answer = NULL;
    LH_TRY(models_read_use(request, &use, err));
    if (use.task == LH_AI_TASKS) return lh_fail(err, LH_INVALID, "'task' must be embed, generate or rerank");
    LH_TRY(lh_models_rollback(lh_request_app(request)->models, &use, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}
