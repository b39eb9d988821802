/* /ai/models: the registry of models, and which are in use. For administrators; which models there are is in api_ai.c. */
#include "api/ai.h"

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
    static const char *const known[] = {"name", "task",     "provider", "model", "url",
                                        "base", "checksum", "notes",    "check", "secret"};
    lh_json *body = NULL, *answer = NULL;
    bool check;
    lh_str name;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(api_ai_string(body, "name", true, &name, err));
    LH_TRY(lh_body_bool(body, "check", true, &check, err));
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

lh_code api_models_remove(lh_request *request, lh_error *err) {
    LH_TRY(lh_models_remove(lh_request_app(request)->models, lh_request_param(request, "model"), err));
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

lh_code api_models_activate(lh_request *request, lh_error *err) {
    lh_models_use use;
    lh_json *answer = NULL;
    LH_TRY(models_read_use(request, &use, err));
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
