/* What people do with eval sets and trials: who may make an index may, and to others there are none. */
#include "vector/trial_internal.h"

/* That eval set, of that index. */
lh_code eval_require(const lh_vector *vector, lh_str name, lh_str index, lh_arena *arena, eval_set *ret,
                     lh_error *err) {
    LH_TRY(eval_find(vector, name, arena, ret, err));
    if (lh_str_eq(ret->index, index)) return LH_OK;
    return lh_fail(err, LH_NOT_FOUND, "there is no eval set '%.*s' of the index '%.*s'", LH_STR_ARG(name),
                   LH_STR_ARG(index));
}

/* ---- eval sets ---- */

static lh_code trials_may_see(lh_vector *vector, const lh_vector_caller *caller, const eval_set *eval, lh_arena *arena,
                              vector_definition *ret, bool *ret_may, lh_error *err) {
    lh_code code = vector_definition_read(vector->catalog, eval->index, arena, ret, err);
    if (code == LH_NOT_FOUND) return *ret_may = false, LH_OK;
    LH_TRY(code);
    return vector_may_index(vector, caller, ret, arena, ret_may, err);
}

static lh_code trials_find_eval(lh_vector *vector, lh_str name, const lh_vector_caller *caller, lh_arena *arena,
                                eval_set *ret, vector_definition *ret_definition, lh_error *err) {
    bool may;
    LH_TRY(eval_find(vector, name, arena, ret, err));
    LH_TRY(trials_may_see(vector, caller, ret, arena, ret_definition, &may, err));
    return may ? LH_OK : lh_fail(err, LH_NOT_FOUND, "there is no eval set '%.*s'", LH_STR_ARG(name));
}

typedef struct {
    lh_vector *vector;
    const lh_vector_caller *caller;
    lh_str index;
    size_t limit;
    lh_json *items;
    lh_str last, next;
} trials_evals;

static lh_code trials_take_eval(void *ctx, const eval_set *eval, lh_arena *arena, lh_error *err) {
    trials_evals *list = ctx;
    vector_definition d;
    bool may;
    if (list->next.len || (list->index.len && !lh_str_eq(list->index, eval->index))) return LH_OK;
    LH_TRY(trials_may_see(list->vector, list->caller, eval, arena, &d, &may, err));
    if (!may) return LH_OK;
    if (lh_json_size(list->items) == list->limit) return list->next = list->last, LH_OK;
    lh_json_append(list->items, eval_show(eval, arena));
    list->last = eval->name;
    return LH_OK;
}

lh_code lh_vector_eval_list(lh_vector *vector, lh_str index, lh_page page, const lh_vector_caller *caller,
                            lh_arena *arena, lh_json **ret, lh_error *err) {
    trials_evals list = {.vector = vector,
                         .caller = caller,
                         .index = index,
                         .limit = page.limit ? page.limit : SIZE_MAX,
                         .items = lh_json_new_array(arena)};
    LH_TRY(eval_each(vector, page.token, trials_take_eval, &list, arena, err));
    *ret = lh_json_page(arena, list.items, list.next);
    return lh_arena_check(arena, err);
}

lh_code lh_vector_eval_get(lh_vector *vector, lh_str name, const lh_vector_caller *caller, lh_arena *arena,
                           lh_json **ret, lh_error *err) {
    vector_definition d;
    eval_set eval;
    LH_TRY(trials_find_eval(vector, name, caller, arena, &eval, &d, err));
    LH_TRY(eval_read_object(vector, &d, arena, &eval, err));
    *ret = eval_show(&eval, arena);
    lh_json_set_string(arena, *ret, "dataset", lh_table_name_text(d.dataset, arena));
    return lh_arena_check(arena, err);
}

lh_code lh_vector_eval_delete(lh_vector *vector, lh_str name, const lh_vector_caller *caller, lh_arena *arena,
                              lh_error *err) {
    vector_definition d;
    eval_set eval;
    LH_TRY(trials_find_eval(vector, name, caller, arena, &eval, &d, err));
    return eval_remove(vector, &d, &eval, err);
}

lh_code lh_vector_eval_autogen(lh_vector *vector, lh_jobs *jobs, lh_str name, const lh_json *body,
                               const lh_vector_caller *caller, lh_arena *arena, lh_json **ret, lh_error *err) {
    vector_definition d;
    eval_set there;
    sample_asked asked;
    lh_json *spec = lh_json_new_object(arena);
    LH_TRY(sample_read(body, &asked, err));
    LH_TRY(eval_name_check(name, err));
    LH_TRY(vector_require_index(vector, caller, asked.index, arena, &d, err));
    if (eval_find(vector, name, arena, &there, NULL) == LH_OK)
        LH_TRY(eval_may_replace(&there, d.name, asked.replace, err));
    lh_json_set_string(arena, spec, "name", name);
    lh_json_set_string(arena, spec, "index", d.name);
    lh_json_set_uint(arena, spec, "count", asked.count);
    lh_json_set_uint(arena, spec, "k", asked.k);
    lh_json_set_uint(arena, spec, "seed", asked.seed);
    lh_json_set_bool(arena, spec, "replace", asked.replace);
    lh_json_set_bool(arena, spec, "paraphrase", caller->may_generate);
    lh_json_set_string(arena, spec, "created_by", caller->by);
    const lh_job_request job = {LH_STR(EVAL_JOB), lh_arena_printf(arena, "eval:%.*s", LH_STR_ARG(name)), caller->by,
                                spec};
    LH_TRY(lh_arena_check(arena, err));
    return lh_job_submit(jobs, &job, arena, ret, err);
}

/* ---- trials ---- */

/* Of its own subject: trials of one index may run at once, and beside a refresh. */
lh_code lh_vector_trial(lh_vector *vector, lh_jobs *jobs, const lh_json *body, const lh_vector_caller *caller,
                        lh_arena *arena, lh_json **ret, lh_error *err) {
    vector_definition d;
    eval_set eval;
    trial_asked asked;
    const lh_uuid id = lh_uuid_new();
    lh_json *spec = lh_json_new_object(arena);
    LH_TRY(trial_read(body, &asked, err));
    LH_TRY(vector_require_index(vector, caller, asked.index, arena, &d, err));
    LH_TRY(eval_require(vector, asked.eval, d.name, arena, &eval, err));
    lh_json_set_string(arena, spec, "index", d.name);
    lh_json_set_string(arena, spec, "eval", asked.eval);
    lh_json_set(arena, spec, "config", vector_hnsw_json(&asked.config, arena));
    if (asked.k) lh_json_set_uint(arena, spec, "k", asked.k);
    lh_json_set_string(arena, spec, "created_by", caller->by);
    const lh_job_request job = {LH_STR(TRIAL_JOB), lh_arena_printf(arena, "trial:%.*s/%s", LH_STR_ARG(d.name), id.text),
                                caller->by, spec};
    LH_TRY(lh_arena_check(arena, err));
    return lh_job_submit(jobs, &job, arena, ret, err);
}

static lh_code trials_read(lh_vector *vector, lh_str index, const lh_vector_caller *caller, lh_arena *arena,
                           journal *ret, lh_error *err) {
    vector_definition d;
    LH_TRY(vector_require_index(vector, caller, index, arena, &d, err));
    return journal_read(vector, &d, arena, ret, err);
}

lh_code lh_vector_trial_list(lh_vector *vector, lh_str index, lh_page page, const lh_vector_caller *caller,
                             lh_arena *arena, lh_json **ret, lh_error *err) {
    journal read;
    lh_json *items = lh_json_new_array(arena);
    LH_TRY(trials_read(vector, index, caller, arena, &read, err));
    size_t at = read.count, limit = page.limit ? page.limit : SIZE_MAX;
    if (page.token.len) {
        while (at > 0 && !lh_str_eq(lh_json_get_string(read.trials[at - 1], "id"), page.token)) at--;
        if (at == 0)
            return lh_fail(err, LH_INVALID, "'page_token' is not one that this list gave, or its trial is gone");
        at--;
    }
    while (at > 0 && lh_json_size(items) < limit) lh_json_append(items, read.trials[--at]);
    lh_str next = at > 0 ? lh_json_get_string(read.trials[at], "id") : LH_STR_NONE;
    *ret = lh_json_page(arena, items, next);
    lh_json_set_uint(arena, *ret, "skipped_lines", read.skipped);
    return lh_arena_check(arena, err);
}

/* ---- the best ---- */

static best_score trials_score(const lh_json *trial) {
    return (best_score){lh_json_real(lh_json_get(trial, "recall_at_k"), 0),
                        lh_json_real(lh_json_get(trial, "p50_us"), 0)};
}

/* Measured by the same questions, for as many hits, on the same rows. */
static bool trials_compare(const lh_json *a, const lh_json *b) {
    return lh_str_eq(lh_json_get_string(a, "eval"), lh_json_get_string(b, "eval")) &&
           lh_json_int(lh_json_get(a, "k"), 0) == lh_json_int(lh_json_get(b, "k"), 0) &&
           lh_json_int(lh_json_get(a, "truth_snapshot"), -1) == lh_json_int(lh_json_get(b, "truth_snapshot"), -1);
}

/* Without a filter, and of that eval set (empty: of any), those that can be compared with the newest. */
static void trials_keep(journal *read, lh_str eval) {
    size_t kept = 0;
    for (size_t i = 0; i < read->count; i++) {
        const lh_json *trial = read->trials[i];
        bool same = !eval.len || lh_str_eq(lh_json_get_string(trial, "eval"), eval);
        if (same && lh_json_is_null(lh_json_get(trial, "filter_selectivity"))) read->trials[kept++] = read->trials[i];
    }
    read->count = kept;
    for (size_t i = kept = 0; i < read->count; i++)
        if (trials_compare(read->trials[i], read->trials[read->count - 1])) read->trials[kept++] = read->trials[i];
    read->count = kept;
}

static int trials_by_time(const void *a, const void *b) {
    double x = trials_score(*(lh_json *const *)a).p50_us, y = trials_score(*(lh_json *const *)b).p50_us;
    return (x > y) - (x < y);
}

static lh_code trials_pareto(const journal *read, lh_json *items, lh_arena *arena, lh_error *err) {
    best_score *scores = LH_ARENA_ARRAY(arena, best_score, read->count + 1);
    bool *on = LH_ARENA_ARRAY(arena, bool, read->count + 1);
    size_t kept = 0;
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < read->count; i++) scores[i] = trials_score(read->trials[i]);
    LH_TRY(best_pareto(scores, read->count, on, err));
    for (size_t i = 0; i < read->count; i++)
        if (on[i]) read->trials[kept++] = read->trials[i];
    if (kept) qsort(read->trials, kept, sizeof *read->trials, trials_by_time);
    for (size_t i = 0; i < kept; i++) lh_json_append(items, read->trials[i]);
    return LH_OK;
}

static void trials_single(const journal *read, bool by_recall, lh_json *items) {
    size_t best = 0;
    for (size_t i = 1; i < read->count; i++) {
        best_score a = trials_score(read->trials[i]), b = trials_score(read->trials[best]);
        bool less = a.p50_us<b.p50_us, more = a.recall> b.recall;
        if (by_recall ? more || (a.recall == b.recall && less) : less || (a.p50_us == b.p50_us && more)) best = i;
    }
    if (read->count) lh_json_append(items, read->trials[best]);
}

lh_code lh_vector_trial_best(lh_vector *vector, lh_str index, lh_str metric, lh_str eval,
                             const lh_vector_caller *caller, lh_arena *arena, lh_json **ret, lh_error *err) {
    journal read;
    lh_json *items = lh_json_new_array(arena);
    if (!metric.len) metric = LH_STR("pareto");
    bool by_recall = lh_str_eq(metric, LH_STR("recall")), by_time = lh_str_eq(metric, LH_STR("latency"));
    if (!by_recall && !by_time && !lh_str_eq(metric, LH_STR("pareto")))
        return lh_fail(err, LH_INVALID, "'metric' is recall, latency or pareto");
    LH_TRY(trials_read(vector, index, caller, arena, &read, err));
    trials_keep(&read, eval);
    if (by_recall || by_time) trials_single(&read, by_recall, items);
    else LH_TRY(trials_pareto(&read, items, arena, err));
    *ret = lh_json_new_object(arena);
    lh_json_set_string(arena, *ret, "metric", metric);
    lh_json_set(arena, *ret, "items", items);
    return lh_arena_check(arena, err);
}

/* ---- with their index ---- */

typedef struct {
    lh_str index;
    lh_change *changes;
    size_t count, room;
} trials_of_index;

static lh_code trials_take_change(void *ctx, const eval_set *eval, lh_arena *arena, lh_error *err) {
    trials_of_index *of = ctx;
    if (!lh_str_eq(eval->index, of->index)) return LH_OK;
    if (of->count == of->room) {
        lh_change *more = LH_ARENA_ARRAY(arena, lh_change, 2 * of->room + 8);
        LH_TRY(lh_arena_check(arena, err));
        for (size_t i = 0; i < of->count; i++) more[i] = of->changes[i];
        of->changes = more;
        of->room = 2 * of->room + 8;
    }
    of->changes[of->count++] = eval_removal(eval, arena);
    return lh_arena_check(arena, err);
}

lh_code vector_trials_changes(const lh_vector *vector, lh_str index, lh_arena *arena, lh_change **ret,
                              size_t *ret_count, lh_error *err) {
    trials_of_index of = {.index = index};
    LH_TRY(eval_each(vector, LH_STR_NONE, trials_take_change, &of, arena, err));
    *ret = of.changes;
    *ret_count = of.count;
    return LH_OK;
}

lh_code vector_trials_files(const lh_vector *vector, const vector_definition *d, lh_arena *arena,
                            vector_trial_files *ret, lh_error *err) {
    lh_str evals = lh_arena_printf(arena, TRIAL_FOLDER "evals/%.*s/", LH_STR_ARG(d->name));
    *ret = (vector_trial_files){0};
    LH_TRY(lh_arena_check(arena, err));
    if (!lh_table_exists(vector->catalog, d->table)) return LH_OK; /* nobody knows where they lay */
    LH_TRY(journal_key(vector, d, arena, &ret->journal, err));
    return trial_key(vector, d, evals, arena, &ret->evals, err);
}

/* Eval sets have texts of the dataset, and what was measured is of rows that are gone; also objects that a process which was killed left. */
lh_code vector_trials_sweep(const lh_vector *vector, const vector_trial_files *files, lh_arena *arena, lh_error *err) {
    lh_bucket *bucket = lh_registry_whole(vector->registry);
    lh_object_page page = {.more = files->evals.len > 0};
    lh_str after = LH_STR_NONE;
    if (files->journal.len) LH_TRY(lh_bucket_delete(bucket, files->journal, LH_STR_NONE, err));
    while (page.more) {
        LH_TRY(lh_bucket_list(bucket, files->evals, after, 1000, arena, &page, err));
        for (size_t i = 0; i < page.count; i++)
            LH_TRY(lh_bucket_delete(bucket, after = page.entries[i].key, LH_STR_NONE, err));
    }
    return LH_OK;
}
