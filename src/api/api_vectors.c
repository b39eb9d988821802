/* /vectors: indexes of embeddings, and searches in them. A search is audited as a statement is. */
#include "api/vectors.h"

enum { VECTORS_PAGE = 100 };

lh_code api_vectors_of(lh_request *request, lh_vector **ret, lh_vector_caller *ret_caller, lh_error *err) {
    lh_app *app = lh_request_app(request);
    bool governed, admin = lh_request_may(request, LH_PERMIT_ADMIN);
    lh_permission permission;
    *ret = app->vector;
    if (!app->vector) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    *ret_caller = (lh_vector_caller){.by = lh_request_principal(request, &governed, &permission),
                                     .cancel = lh_request_cancel(request),
                                     .jobs = app->jobs,
                                     .sees_jobs = admin};
    LH_TRY(api_governor(request, LH_PERMIT_READ, &ret_caller->governor, err));
    return ret_caller->governor
               ? LH_OK
               : lh_access_bind_all(app->catalog, admin, lh_request_arena(request), &ret_caller->views, err);
}

lh_code api_vectors_index(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *body = NULL, *job = NULL;
    static const char *const known[] = {"dataset", "id_column", "text_columns", "template", "index", "model",
                                        "metric",  "backend",   "chunk",        "refresh",  "hnsw",  "recall_target"};
    static const char *const of_chunk[] = {"size", "overlap", "unit", "locale"}, *const of_refresh[] = {"policy",
                                                                                                        "cron"};
    lh_profile_defaults defaults;
    lh_arena *arena = lh_request_arena(request);
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(api_profile_default(request, &defaults, err));
    caller.backend = defaults.backend;
    lh_str dataset = lh_json_get_string(body, "dataset");
    if (dataset.len) lh_json_set_string(arena, body, "dataset", api_profile_name(defaults, dataset, arena));
    if (!lh_json_is_null(lh_json_get(body, "chunk")))
        LH_TRY(lh_body_check(lh_json_get(body, "chunk"), of_chunk, sizeof of_chunk / sizeof *of_chunk, err));
    if (!lh_json_is_null(lh_json_get(body, "refresh")))
        LH_TRY(lh_body_check(lh_json_get(body, "refresh"), of_refresh, sizeof of_refresh / sizeof *of_refresh, err));
    if (!lh_json_is_null(lh_json_get(body, "model")) && !lh_json_is_string(lh_json_get(body, "model")))
        return lh_fail(err, LH_INVALID, "'model' must name a model");
    LH_TRY(lh_vector_index(vector, lh_request_app(request)->jobs, body, &caller, arena, &job, err));
    return lh_respond_json(request, 202, job, err);
}

lh_code api_vectors_indexes(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *answer = NULL;
    lh_vector_index_filter filter = {.dataset = lh_request_query(request, "dataset"),
                                     .model = lh_request_query(request, "model")};
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_request_page(request, VECTORS_PAGE, &filter.page, err));
    LH_TRY(lh_vector_index_list(vector, &filter, &caller, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_vectors_index_get(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *index = NULL;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_vector_index_get(vector, lh_request_param(request, "index"), &caller, lh_request_arena(request), &index,
                               err));
    return lh_respond_json(request, 200, index, err);
}

lh_code api_vectors_index_delete(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_vector_index_delete(vector, lh_request_app(request)->jobs, lh_request_param(request, "index"), &caller,
                                  lh_request_arena(request), err));
    return lh_respond_empty(request, 204, err);
}

lh_code api_vectors_refresh(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *answer = NULL;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_vector_refresh(vector, lh_request_app(request)->jobs, lh_request_param(request, "name"), &caller,
                             lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 202, answer, err);
}

lh_code api_vectors_stale(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_page page;
    lh_json *answer = NULL;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_request_page(request, VECTORS_PAGE, &page, err));
    LH_TRY(lh_vector_stale(vector, page, &caller, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

/* Without a vector's numbers; with audit.literals = "fingerprint" also without what was asked for. */
static lh_json *vectors_said(lh_request *request, const lh_json *body) {
    static const char *const values[] = {"query", "question", "filter"};
    lh_arena *arena = lh_request_arena(request);
    lh_json *said = lh_json_copy(arena, body);
    lh_json_remove(said, LH_STR("vector"));
    if (!lh_str_eq(lh_request_app(request)->config->audit_literals, LH_STR("fingerprint"))) return said;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (!lh_json_is_null(lh_json_get(said, values[i]))) lh_json_set_string(arena, said, values[i], LH_STR("?"));
    return said;
}

lh_code api_vectors_record(lh_request *request, const api_vectors_act *act, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_str text, datasets;
    LH_TRY(lh_json_write(arena, vectors_said(request, act->body), false, &text, err));
    LH_TRY(lh_json_write(arena, act->datasets, false, &datasets, err));
    const lh_audit_record record = {.trace_id = lh_trace_current_id(),
                                    .principal = act->by,
                                    .remote = lh_request_remote(request),
                                    .door = lh_str_from(act->door),
                                    .statement = text,
                                    .datasets = datasets,
                                    .columns = LH_STR("[]"),
                                    .snapshot_ids = LH_STR("[]"),
                                    .rows = act->rows,
                                    .elapsed_ms = lh_json_uint(lh_json_get(act->answer, "elapsed_ms"), 0),
                                    .outcome =
                                        act->code == LH_OK ? LH_STR("ok") : lh_str_from(lh_code_name(act->code))};
    return lh_audit_append(lh_request_app(request)->journal, &record, err);
}

lh_code api_vectors_search(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *body = NULL, *answer = NULL;
    lh_error ignored = {0};
    static const char *const known[] = {"index",   "query", "vector",  "k",      "filter",       "mode",
                                        "columns", "model", "weights", "rerank", "model_version"};
    static const char *const of_weights[] = {"vector", "text"}, *const of_rerank[] = {"model", "top_n"};
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    if (!lh_json_is_null(lh_json_get(body, "weights")))
        LH_TRY(lh_body_check(lh_json_get(body, "weights"), of_weights, 2, err));
    if (lh_json_is_object(lh_json_get(body, "rerank")))
        LH_TRY(lh_body_check(lh_json_get(body, "rerank"), of_rerank, 2, err));
    lh_code code = lh_vector_search(vector, body, &caller, lh_request_arena(request), &answer, err);
    lh_json *datasets = lh_json_new_array(lh_request_arena(request));
    lh_str dataset = lh_json_get_string(answer, "dataset");
    if (dataset.len) lh_json_append(datasets, lh_json_new_string(lh_request_arena(request), dataset));
    const api_vectors_act act = {.door = "vectors",
                                 .by = caller.by,
                                 .body = body,
                                 .answer = answer,
                                 .datasets = datasets,
                                 .rows = lh_json_size(lh_json_get(answer, "items")),
                                 .code = code};
    lh_code recorded = api_vectors_record(request, &act, code == LH_OK ? err : &ignored);
    if (code != LH_OK) return code;
    LH_TRY(recorded);
    return lh_respond_json(request, 200, answer, err);
}
