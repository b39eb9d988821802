/* /vectors/hnsw: eval sets, trials of how graphs are built and searched, tuning. */
#include "api/ai.h"
#include "api/vectors.h"

enum { TRIALS_PAGE = 100 };

static lh_code trials_body(lh_request *request, const char *const *known, size_t count, lh_json **ret, lh_error *err) {
    LH_TRY(lh_request_json(request, ret, err));
    return lh_body_check(*ret, known, count, err);
}

lh_code api_hnsw_cache_stats(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    return lh_respond_json(request, 200, lh_vector_cache_stats(vector, lh_request_arena(request)), err);
}

lh_code api_hnsw_eval_create(lh_request *request, lh_error *err) {
    static const char *const known[] = {"name", "index", "queries", "k"}, *const of_query[] = {"query", "vector",
                                                                                               "relevant"};
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *body = NULL, *eval = NULL;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(trials_body(request, known, 4, &body, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(body, "queries")); lh_json_next(&it);)
        LH_TRY(lh_body_check(it.value, of_query, 3, err));
    LH_TRY(lh_vector_eval_create(vector, body, &caller, lh_request_arena(request), &eval, err));
    return lh_respond_json(request, 201, eval, err);
}

lh_code api_hnsw_evals(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *answer = NULL;
    lh_page page;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_request_page(request, TRIALS_PAGE, &page, err));
    LH_TRY(lh_vector_eval_list(vector, lh_request_query(request, "index"), page, &caller, lh_request_arena(request),
                               &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_hnsw_eval_get(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_arena *arena = lh_request_arena(request);
    lh_json *eval = NULL, *asked = lh_json_new_object(arena), *datasets = lh_json_new_array(arena);
    lh_str name = lh_request_param(request, "eval");
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_vector_eval_get(vector, name, &caller, arena, &eval, err));
    lh_json_set_string(arena, asked, "eval", name);
    lh_json_append(datasets, lh_json_new_string(arena, lh_json_get_string(eval, "dataset")));
    const api_vectors_act act = {.door = "vectors",
                                 .by = caller.by,
                                 .body = asked,
                                 .answer = eval,
                                 .datasets = datasets,
                                 .rows = lh_json_size(lh_json_get(eval, "queries"))};
    LH_TRY(api_vectors_record(request, &act, err));
    return lh_respond_json(request, 200, eval, err);
}

lh_code api_hnsw_eval_delete(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_vector_eval_delete(vector, lh_request_param(request, "eval"), &caller, lh_request_arena(request), err));
    return lh_respond_empty(request, 204, err);
}

lh_code api_hnsw_eval_autogen(lh_request *request, lh_error *err) {
    static const char *const known[] = {"index", "count", "seed", "k", "replace"};
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *body = NULL, *job = NULL;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(trials_body(request, known, 5, &body, err));
    caller.may_generate = api_may_call_models(request, NULL) == LH_OK;
    LH_TRY(lh_vector_eval_autogen(vector, lh_request_app(request)->jobs, lh_request_param(request, "eval"), body,
                                  &caller, lh_request_arena(request), &job, err));
    return lh_respond_json(request, 202, job, err);
}

lh_code api_hnsw_trial(lh_request *request, lh_error *err) {
    static const char *const known[] = {"index", "eval", "config", "k"};
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *body = NULL, *job = NULL;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(trials_body(request, known, 4, &body, err));
    LH_TRY(lh_vector_trial(vector, lh_request_app(request)->jobs, body, &caller, lh_request_arena(request), &job, err));
    return lh_respond_json(request, 202, job, err);
}

lh_code api_hnsw_trials(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *answer = NULL;
    lh_page page;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_request_page(request, TRIALS_PAGE, &page, err));
    LH_TRY(lh_vector_trial_list(vector, lh_request_param(request, "index"), page, &caller, lh_request_arena(request),
                                &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_hnsw_trials_best(lh_request *request, lh_error *err) {
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *answer = NULL;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(lh_vector_trial_best(vector, lh_request_param(request, "index"), lh_request_query(request, "metric"),
                                lh_request_query(request, "eval"), &caller, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_hnsw_tune(lh_request *request, lh_error *err) {
    static const char *const known[] = {"index", "recall_target", "filter_selectivity", "budget", "eval", "k"},
                             *const of_budget[] = {"trials", "seconds"};
    lh_vector *vector;
    lh_vector_caller caller;
    lh_json *body = NULL, *job = NULL;
    LH_TRY(api_vectors_of(request, &vector, &caller, err));
    LH_TRY(trials_body(request, known, 6, &body, err));
    if (!lh_json_is_null(lh_json_get(body, "budget")))
        LH_TRY(lh_body_check(lh_json_get(body, "budget"), of_budget, 2, err));
    LH_TRY(lh_vector_tune(vector, lh_request_app(request)->jobs, body, &caller, lh_request_arena(request), &job, err));
    return lh_respond_json(request, 202, job, err);
}
