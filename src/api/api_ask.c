/* /ask: questions in words. Each statement that answers one is audited as a statement of the caller. */
#include "api/ai.h"
#include "api/governed.h"

enum { ASK_EXAMPLES_PAGE = 100 };

static lh_code ask_record(void *ctx, lh_str sql, const lh_query_told *told, const lh_query_outcome *outcome,
                          lh_code code, lh_error *err) {
    const api_statement statement = {.door = "ask",
                                     .sql = sql,
                                     .told = told,
                                     .outcome = outcome,
                                     .result = code == LH_OK ? LH_STR("ok") : lh_str_from(lh_code_name(code))};
    return api_record_statement(ctx, &statement, err);
}

static lh_code ask_of(lh_request *request, lh_ask **ret, lh_ask_caller *ret_caller, lh_error *err) {
    lh_app *app = lh_request_app(request);
    bool governed;
    lh_permission permission;
    *ret = app->ask;
    if (!app->ask) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    *ret_caller = (lh_ask_caller){.by = lh_request_principal(request, &governed, &permission),
                                  .models = api_may_call_models(request, NULL) == LH_OK,
                                  .tokens = app->config->ask_tokens,
                                  .cancel = lh_request_cancel(request),
                                  .timeout_ms = (uint64_t)app->config->query_timeout_ms,
                                  .ran = ask_record,
                                  .ctx = request};
    LH_TRY(api_governor(request, LH_PERMIT_READ, &ret_caller->governor, err));
    /* what a question is about is never the journal */
    return lh_access_bind_all(app->catalog, false, lh_request_arena(request), &ret_caller->views, err);
}

lh_code api_ask(lh_request *request, lh_error *err) {
    static const char *const known[] = {"question", "limit", "now", "tokens", "model", "parts"},
                             *const of_parts[] = {"examples", "planner", "values", "synonyms",
                                                  "model",    "grammar", "repair"};
    lh_ask *ask;
    lh_ask_caller caller;
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(ask_of(request, &ask, &caller, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    if (!lh_json_is_null(lh_json_get(body, "parts")))
        LH_TRY(lh_body_check(lh_json_get(body, "parts"), of_parts, sizeof of_parts / sizeof *of_parts, err));
    LH_TRY(lh_ask_question(ask, body, &caller, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_dataset_summary(lh_request *request, lh_error *err) {
    static const char *const known[] = {"model"};
    lh_ask *ask;
    lh_ask_caller caller;
    lh_table_name name;
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(ask_of(request, &ask, &caller, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, 1, err));
    LH_TRY(lh_table_name_parse(lh_request_app(request)->catalog, lh_request_param(request, "name"),
                               lh_request_arena(request), &name, err));
    LH_TRY(lh_ask_summary(ask, name, body, &caller, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_ask_examples(lh_request *request, lh_error *err) {
    lh_ask *ask;
    lh_ask_caller caller;
    lh_page page;
    lh_json *answer = NULL;
    LH_TRY(ask_of(request, &ask, &caller, err));
    LH_TRY(lh_request_page(request, ASK_EXAMPLES_PAGE, &page, err));
    LH_TRY(lh_ask_examples(ask, page, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_ask_example_get(lh_request *request, lh_error *err) {
    lh_ask *ask;
    lh_ask_caller caller;
    lh_json *answer = NULL;
    LH_TRY(ask_of(request, &ask, &caller, err));
    LH_TRY(lh_ask_example_get(ask, lh_request_param(request, "id"), lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_ask_example_put(lh_request *request, lh_error *err) {
    static const char *const known[] = {"question", "sql"};
    lh_ask *ask;
    lh_ask_caller caller;
    bool replaced = false;
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(ask_of(request, &ask, &caller, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, 2, err));
    LH_TRY(lh_ask_example_put(ask, body, &caller, lh_request_arena(request), &replaced, &answer, err));
    return lh_respond_json(request, replaced ? 200 : 201, answer, err);
}

lh_code api_ask_example_delete(lh_request *request, lh_error *err) {
    lh_ask *ask;
    lh_ask_caller caller;
    LH_TRY(ask_of(request, &ask, &caller, err));
    LH_TRY(lh_ask_example_delete(ask, lh_request_param(request, "id"), lh_request_arena(request), err));
    return lh_respond_empty(request, 204, err);
}
