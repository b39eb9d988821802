/* The job that compares two models. A generator is asked the verified questions with everything else of Ask switched off, and its rows
 * are compared with those of the SQL that an administrator said is right: as sets with duplicates, in any order, without names. */
#include "evaluate/evaluate.h"

#define EVALUATE_JOB "model.evaluate"

typedef struct {
    lh_evaluate *evaluate;
    lh_job *job;
    lh_arena *arena;
    lh_ai_task task;
    lh_str eval, by;
} evaluation;

static lh_code evaluate_task(lh_evaluate *evaluate, lh_str model, lh_arena *arena, lh_ai_task *ret, lh_error *err) {
    lh_json *registered = NULL;
    LH_TRY(lh_models_get(evaluate->models, model, arena, &registered, err));
    if (lh_ai_task_of(lh_json_get_string(registered, "task"), ret)) return LH_OK;
    return lh_fail(err, LH_CORRUPT, "the model '%.*s' is of a task that is not known", LH_STR_ARG(model));
}

/* ---- generators ---- */

/* Answered by that model alone; an empty one: by the verified SQL alone. */
static lh_json *evaluate_body(lh_str question, lh_str model, lh_arena *arena) {
    lh_json *body = lh_json_new_object(arena), *parts = lh_json_new_object(arena);
    lh_json_set_string(arena, body, "question", question);
    lh_json_set_bool(arena, parts, "planner", false);
    lh_json_set_bool(arena, parts, model.len ? "examples" : "model", false);
    if (model.len) lh_json_set_string(arena, body, "model", model);
    lh_json_set(arena, body, "parts", parts);
    return body;
}

static int evaluate_by_text(const void *a, const void *b) {
    const lh_str *left = a, *right = b;
    size_t size = left->len < right->len ? left->len : right->len;
    int order = size ? memcmp(left->ptr, right->ptr, size) : 0;
    return order ? order : (left->len > right->len) - (left->len < right->len);
}

static lh_code evaluate_rows(const lh_json *answer, lh_arena *arena, lh_str **ret, size_t *ret_count, lh_error *err) {
    const lh_json *rows = lh_json_get(answer, "rows");
    *ret_count = lh_json_size(rows);
    *ret = LH_ARENA_ARRAY(arena, lh_str, *ret_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(rows); lh_json_next(&it);)
        LH_TRY(lh_json_write(arena, it.value, false, &(*ret)[it.index], err));
    qsort(*ret, *ret_count, sizeof **ret, evaluate_by_text);
    return LH_OK;
}

static lh_code evaluate_same_rows(const lh_json *a, const lh_json *b, lh_arena *arena, bool *ret, lh_error *err) {
    lh_str *left, *right;
    size_t left_count, right_count;
    LH_TRY(evaluate_rows(a, arena, &left, &left_count, err));
    LH_TRY(evaluate_rows(b, arena, &right, &right_count, err));
    *ret = left_count == right_count && !lh_json_bool(lh_json_get(a, "refused"), false) &&
           !lh_json_bool(lh_json_get(b, "refused"), false);
    for (size_t i = 0; i < left_count && *ret; i++) *ret = lh_str_eq(left[i], right[i]);
    return LH_OK;
}

typedef struct {
    uint64_t right, wrong, refused;
} evaluate_counts;

/* An answer of one question counts; what fails for another reason than the question ends the job. */
static lh_code evaluate_question(const evaluation *e, const lh_ask_caller *caller, lh_str question, lh_str model,
                                 evaluate_counts *counts, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *right = NULL, *got = NULL;
    lh_error why = {0};
    bool same = false;
    LH_TRY(lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &arena, err));
    LH_TRY(lh_ask_question(e->evaluate->ask, evaluate_body(question, LH_STR_NONE, arena), caller, arena, &right, err));
    lh_code code =
        lh_ask_question(e->evaluate->ask, evaluate_body(question, model, arena), caller, arena, &got, &why);
    if (code == LH_UNAVAILABLE || code == LH_CANCELLED || code == LH_NO_MEMORY) return *err = why, code;
    if (code == LH_OK) LH_TRY(evaluate_same_rows(right, got, arena, &same, err));
    if (lh_str_eq(lh_json_get_string(got, "reason"), LH_STR(LH_ASK_SILENT)))
        return lh_fail(err, LH_UNAVAILABLE, "the model '%.*s' does not answer", LH_STR_ARG(model));
    bool refused = code != LH_OK || lh_json_bool(lh_json_get(got, "refused"), false);
    counts->right += same;
    counts->refused += refused;
    counts->wrong += !same && !refused;
    lh_job_add_done(e->job, 1);
    return LH_OK;
}

static lh_code evaluate_generator(const evaluation *e, lh_str model, lh_json **ret, lh_error *err) {
    const lh_governor *views = NULL;
    lh_json *examples = NULL;
    evaluate_counts counts = {0};
    LH_TRY(lh_access_bind_all(e->evaluate->catalog, false, e->arena, &views, err));
    LH_TRY(lh_ask_examples(e->evaluate->ask, (lh_page){0}, e->arena, &examples, err));
    const lh_json *items = lh_json_get(examples, "items");
    const lh_ask_caller caller = {
        .by = e->by, .views = views, .models = true, .tokens = true, .cancel = lh_job_cancel_of(e->job)};
    if (!lh_json_size(items))
        return lh_fail(err, LH_INVALID, "there are no verified questions: put some by POST /ask/examples");
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);)
        LH_TRY(evaluate_question(e, &caller, lh_json_get_string(it.value, "question"), model, &counts, err));
    lh_json *result = lh_json_new_object(e->arena);
    lh_json_set(e->arena, result, "execution_accuracy",
                lh_json_new_real(e->arena, (double)counts.right / (double)lh_json_size(items)));
    lh_json_set_uint(e->arena, result, "questions", lh_json_size(items));
    lh_json_set_uint(e->arena, result, "wrong", counts.wrong);
    lh_json_set_uint(e->arena, result, "refused", counts.refused);
    *ret = result;
    return lh_arena_check(e->arena, err);
}

/* ---- both ---- */

static lh_code evaluate_one(const evaluation *e, lh_str model, lh_json **ret, lh_error *err) {
    if (e->task == LH_AI_GENERATE) return evaluate_generator(e, model, ret, err);
    const lh_vector_judging judging = {.eval = e->eval,
                                       .model = model,
                                       .task = e->task,
                                       .by = e->by,
                                       .cancel = lh_job_cancel_of(e->job),
                                       .job = e->job};
    return lh_vector_judge(e->evaluate->vector, &judging, e->arena, ret, err);
}

/* The one in use, if that is another one. A reranker is also compared with none. */
static lh_code evaluate_current(const evaluation *e, lh_str model, lh_json **ret, lh_error *err) {
    lh_ai_model current = {0};
    lh_code code = lh_ai_find(e->evaluate->ai, e->task, &(lh_ai_call){.principal = e->by}, e->arena, &current, err);
    *ret = lh_json_new_null(e->arena);
    if (code != LH_OK && code != LH_UNAVAILABLE) return code;
    if ((code == LH_UNAVAILABLE && e->task != LH_AI_RERANK) || lh_str_eq(current.name, model)) return LH_OK;
    LH_TRY(evaluate_one(e, current.name, ret, err));
    lh_json_set(e->arena, *ret, "model",
                current.name.len ? lh_json_new_string(e->arena, current.name) : lh_json_new_null(e->arena));
    return lh_arena_check(e->arena, err);
}

/* By its first figure. */
static lh_json *evaluate_better(const evaluation *e, const lh_json *candidate, const lh_json *current) {
    const char *by = e->task == LH_AI_GENERATE ? "execution_accuracy" : "ndcg";
    double mine = lh_json_real(lh_json_get(candidate, by), 0), other = lh_json_real(lh_json_get(current, by), 0);
    if (lh_json_is_null(current) || (mine <= other && mine >= other)) return lh_json_new_null(e->arena);
    return lh_json_new_bool(e->arena, mine > other);
}

static lh_code evaluate_run(void *ctx, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret,
                            lh_error *err) {
    evaluation e = {.evaluate = ctx,
                    .job = job,
                    .arena = arena,
                    .eval = lh_json_get_string(spec, "eval"),
                    .by = lh_json_get_string(spec, "created_by")};
    lh_str model = lh_json_get_string(spec, "model");
    lh_json *candidate = NULL, *current = NULL, *result = lh_json_new_object(arena);
    LH_TRY(evaluate_task(ctx, model, arena, &e.task, err));
    lh_job_set_phase(job, "the model");
    LH_TRY(evaluate_one(&e, model, &candidate, err));
    lh_job_set_phase(job, "the model in use");
    LH_TRY(evaluate_current(&e, model, &current, err));
    lh_json_set_string(arena, result, "model", model);
    lh_json_set_string(arena, result, "task", lh_str_from(lh_ai_task_names[e.task]));
    lh_json_set(arena, result, "eval", e.eval.len ? lh_json_new_string(arena, e.eval) : lh_json_new_null(arena));
    lh_json_set(arena, result, "better", evaluate_better(&e, candidate, current));
    lh_json_set(arena, result, "candidate", candidate);
    lh_json_set(arena, result, "current", current);
    lh_json_set_string(arena, result, "at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    lh_json_set_string(arena, result, "by", e.by);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_models_record(e.evaluate->models, model, result, err));
    *ret = result;
    return LH_OK;
}

lh_job_kind lh_evaluate_job_kind(lh_evaluate *evaluate) {
    return (lh_job_kind){.name = EVALUATE_JOB, .run = evaluate_run, .ctx = evaluate};
}

lh_code lh_evaluate_model(lh_evaluate *evaluate, lh_jobs *jobs, lh_str model, lh_str eval, lh_str by, lh_arena *arena,
                          lh_json **ret, lh_error *err) {
    lh_ai_task task;
    lh_json *spec = lh_json_new_object(arena);
    LH_TRY(evaluate_task(evaluate, model, arena, &task, err));
    if ((task == LH_AI_GENERATE) == (eval.len > 0))
        return lh_fail(err, LH_INVALID,
                       task == LH_AI_GENERATE ? "a generator is judged by the verified questions of Ask, not by 'eval'"
                                              : "'eval' must name an eval set (POST /vectors/hnsw/evals)");
    lh_json_set_string(arena, spec, "model", model);
    lh_json_set_string(arena, spec, "eval", eval);
    lh_json_set_string(arena, spec, "created_by", by);
    LH_TRY(lh_arena_check(arena, err));
    const lh_job_request job = {LH_STR(EVALUATE_JOB), lh_arena_printf(arena, "model:%.*s", LH_STR_ARG(model)), by, spec};
    return lh_job_submit(jobs, &job, arena, ret, err);
}
