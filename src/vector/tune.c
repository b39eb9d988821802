/* Tuning: the graph that the index has, then a ladder of graphs, each searched with several ef_search, which takes no building. Recall
 * grows with ef_search, so of each graph the smallest one that reaches the target is found by halving. Of those the fastest wins.
 * It ends when the budget is used up, or when TUNE_WORSE graphs in a row are no better than the best before them. Each measure is a trial
 * of the budget, also the one that comes last, below: as long as graphs are built, one is kept back for it.
 *
 * With filter_selectivity it is the filtered searches that are measured, but the target is to be reached without a filter, too: those
 * searches have the same graph. Where so few rows pass that they are scanned, the graph has no part in it, and is tuned without.
 *
 * What wins is promoted by one commit of the index's document, so that it is promoted or not, whatever happens; then the graph is made
 * ready, while searches have the one before. Threads link rows in an order of chance, so that one is not quite the graph that was
 * measured: it is measured, too, and a larger ef_search is promoted where it needs one. A tune that was cut off begins anew: all that
 * it leaves are lines of the journal. */
#include "vector/trial_internal.h"

enum {
    TUNE_QUERIES = 200,
    TUNE_WORSE = 3,
    TUNE_PROMOTE_TRIES = 20,
};

static const struct {
    uint32_t connectivity, ef_construction;
    lh_ann_dtype dtype;
} tune_ladder[] = {{16, 80, LH_ANN_I8},  {8, 40, LH_ANN_I8},   {12, 60, LH_ANN_I8},   {16, 128, LH_ANN_I8},
                   {24, 160, LH_ANN_I8}, {32, 200, LH_ANN_I8}, {32, 400, LH_ANN_F16}, {48, 400, LH_ANN_F32}};
static const uint32_t tune_efs[] = {10,  12,  16,  20,  24,  30,  40,  50,  64, 80,
                                    100, 128, 160, 200, 256, 320, 400, 512, 800};
enum { TUNE_RUNGS = sizeof tune_ladder / sizeof *tune_ladder, TUNE_EFS = sizeof tune_efs / sizeof *tune_efs };

typedef struct tune_try {
    lh_hnsw_config config;
    trial_figures figures;
    const lh_json *trial; /* as it was journaled; NULL: there is none yet */
} tune_try;

typedef struct tune {
    trial_bench bench;
    trial_bench whole;      /* of a filtered bench, the same without the filter; it has no reference of its own */
    bool filtered, scanned; /* scanned: a filter was asked for by which rows are few */
    vector_definition definition;
    lh_job *job;
    lh_arena *arena;
    double target,
        aim; /* aim: what a measure is to reach: more, where searches found less than an earlier measure did */
    uint64_t trials, trials_max, until_ns, trials_kept; /* trials_kept: of trials_max, for what is served in the end */
    tune_try winner, closest; /* closest: the one that found most */
} tune;

static bool tune_is_over(const tune *t) {
    return t->trials + t->trials_kept >= t->trials_max || lh_time_monotonic_ns() >= t->until_ns ||
           lh_cancel_fired(t->bench.cancel);
}

static bool tune_is_better(const tune_try *a, const tune_try *b) {
    return !b->trial || a->figures.p50_us < b->figures.p50_us;
}

/* One measure; *ret: did it reach the target? */
static lh_code tune_measure(tune *t, const lh_ann_index *ann, const lh_hnsw_config *config, double build_ms,
                            tune_try *best, bool *ret, lh_error *err) {
    tune_try made = {.config = *config};
    LH_TRY(trial_measure(&t->bench, ann, config->ef_search, &made.figures, err));
    const lh_uuid id = lh_uuid_new();
    lh_json *trial = trial_json(&t->bench, lh_uuid_str(&id), ann, config, &made.figures, build_ms, t->arena);
    LH_TRY(lh_arena_check(t->arena, err));
    LH_TRY(journal_append(t->bench.vector, &t->definition, trial, err));
    lh_json_remove(trial, LH_STR("schema_version"));
    made.trial = trial;
    t->trials++;
    lh_job_add_done(t->job, 1);
    *ret = made.figures.recall >= t->aim;
    if (*ret && t->filtered) {
        double recall;
        LH_TRY(trial_measure_recall(&t->whole, ann, config->ef_search, &recall, err));
        *ret = recall >= t->aim;
    }
    if (*ret && tune_is_better(&made, best)) *best = made;
    bool closer = made.figures.recall > t->closest.figures.recall ||
                  (made.figures.recall == t->closest.figures.recall && tune_is_better(&made, &t->closest));
    if (!t->closest.trial || closer) t->closest = made;
    return LH_OK;
}

/* The smallest ef_search of that graph that reaches the target. */
static lh_code tune_efs_of(tune *t, const lh_ann_index *ann, lh_hnsw_config config, double build_ms, tune_try *best,
                           lh_error *err) {
    size_t low = 0, high = TUNE_EFS;                                     /* high: the first that is known to reach it */
    while (low < TUNE_EFS - 1 && tune_efs[low + 1] <= t->bench.k) low++; /* below k they are all the same */
    while (low < high && !tune_is_over(t)) {
        size_t middle = low + (high - low) / 2;
        bool reached;
        config.ef_search = tune_efs[middle];
        LH_TRY(tune_measure(t, ann, &config, build_ms, best, &reached, err));
        if (reached) high = middle;
        else low = middle + 1;
    }
    return LH_OK;
}

/* *ret: is there a new winner? */
static lh_code tune_graph(tune *t, const lh_hnsw_config *config, bool *ret, lh_error *err) {
    LH_CLEANUP(lh_ann_freep) lh_ann_index *own = NULL;
    const vector_served *served = t->bench.served;
    tune_try best = {0};
    double build_ms = -1;
    *ret = false;
    bool there = vector_hnsw_same_graph(&served->config, config);
    if (!there) {
        lh_job_set_phase(t->job, "building");
        LH_TRY(trial_build(&t->bench, config, &own, &build_ms, err));
    }
    lh_job_set_phase(t->job, "measuring");
    LH_TRY(tune_efs_of(t, there ? served->ann : own, *config, build_ms, &best, err));
    *ret = best.trial && tune_is_better(&best, &t->winner);
    if (*ret) t->winner = best;
    return LH_OK;
}

static lh_code tune_search(tune *t, lh_error *err) {
    const lh_hnsw_config *now = &t->bench.served->config;
    bool won;
    int worse = 0;
    LH_TRY(tune_graph(t, now, &won, err));
    t->trials_kept = 1;
    for (size_t i = 0; i < TUNE_RUNGS && worse < TUNE_WORSE && !tune_is_over(t); i++) {
        lh_hnsw_config config = {tune_ladder[i].ef_construction, 1, tune_ladder[i].connectivity, tune_ladder[i].dtype,
                                 now->seed};
        if (vector_hnsw_same_graph(&config, now)) continue;
        LH_TRY(tune_graph(t, &config, &won, err));
        worse = won || !t->winner.trial ? 0 : worse + 1;
    }
    return lh_cancel_fired(t->bench.cancel) ? lh_fail(err, LH_CANCELLED, "the tune was cancelled") : LH_OK;
}

/* ---- the winner into the definition ---- */

static lh_code tune_try_promote(tune *t, lh_error *err) {
    vector_definition now;
    lh_change change;
    LH_TRY(vector_definition_read(t->bench.vector->catalog, t->definition.name, t->arena, &now, err));
    now.hnsw = t->winner.config;
    now.recall_target = t->target;
    LH_TRY(vector_definition_change(&now, t->arena, &change, err));
    LH_TRY(lh_metastore_commit(lh_catalog_metastore(t->bench.vector->catalog), &change, 1, NULL, err));
    t->definition = now;
    return LH_OK;
}

static lh_code tune_promote(tune *t, lh_error *err) {
    lh_code code = LH_CONFLICT;
    for (int i = 0; i < TUNE_PROMOTE_TRIES && code == LH_CONFLICT; i++) code = tune_try_promote(t, err);
    return code;
}

/* Of the rows that t->bench.served has: which of them the filter lets pass, and what is nearest to each query. */
static lh_code tune_open(tune *t, uint32_t k, double selectivity, lh_error *err) {
    t->bench.allowed = NULL;
    t->whole = t->bench;
    LH_TRY(trial_bench_open(&t->bench, k, selectivity, t->arena, err));
    t->filtered = t->bench.allowed != NULL;
    if (!t->filtered) return LH_OK;
    LH_TRY(trial_bench_open(&t->whole, k, 0, t->arena, err));
    if (lh_ann_walks(t->bench.served->ann, t->bench.allowed)) return LH_OK;
    t->bench = t->whole;
    t->filtered = false;
    t->scanned = true;
    return LH_OK;
}

/* The smallest ef_search, of that which won upward, by which the graph that is served reaches the target. Where the budget ends before,
 * what won stays as it was measured. */
static lh_code tune_verify(tune *t, lh_error *err) {
    lh_hnsw_config config = t->winner.config;
    uint32_t before = config.ef_search;
    tune_try best = {0};
    bool reached = false;
    for (size_t i = 0; i < TUNE_EFS && !reached && t->trials < t->trials_max && !lh_cancel_fired(t->bench.cancel);
         i++) {
        if (tune_efs[i] < before) continue;
        config.ef_search = tune_efs[i];
        LH_TRY(tune_measure(t, t->bench.served->ann, &config, -1, &best, &reached, err));
    }
    if (!reached) return LH_OK;
    t->winner = best;
    return config.ef_search == before ? LH_OK : tune_promote(t, err);
}

static lh_code tune_serve(tune *t, lh_error *err) {
    const vector_served *served = NULL;
    lh_error why = {0};
    lh_job_set_phase(t->job, "making ready");
    lh_code code = vector_served_build(t->bench.vector, &t->definition, t->bench.cancel, &served, &why);
    if (code != LH_OK) return LH_OK; /* the next search makes it, or says why not */
    bool measured = served == t->bench.served; /* what won is the graph that is there */
    vector_served_release(t->bench.vector, t->bench.served);
    t->bench.served = served;
    if (measured) return LH_OK;
    LH_TRY(tune_open(t, t->bench.k, t->bench.selectivity, err));
    return tune_verify(t, err);
}

/* ---- the job ---- */

static const char *tune_reason(const tune *t) {
    if (!t->winner.trial && t->filtered)
        return "no config reached the target with the filter and without; the one that found most with it is 'best'";
    if (!t->winner.trial) return "no config reached the target; the one that found most is 'best'";
    if (t->filtered) return "the fastest with the filter of those that reached the target with it and without";
    return t->scanned ? "the fastest of those that reached the target; searches by such a filter are exact, whatever "
                        "the graph, so it was measured without"
                      : "the fastest of those that reached the target";
}

static lh_json *tune_result(const tune *t, const lh_hnsw_config *before) {
    lh_arena *arena = t->arena;
    lh_json *result = lh_json_new_object(arena);
    const tune_try *best = t->winner.trial ? &t->winner : &t->closest;
    lh_json_set_string(arena, result, "index", t->definition.name);
    lh_json_set(arena, result, "recall_target", lh_json_new_real(arena, t->target));
    lh_json_set(arena, result, "aim", lh_json_new_real(arena, t->aim));
    lh_json_set_bool(arena, result, "promoted", t->winner.trial != NULL);
    lh_json_set_string(arena, result, "reason", lh_str_from(tune_reason(t)));
    lh_json_set_uint(arena, result, "trials", t->trials);
    lh_json_set(arena, result, "before", vector_hnsw_json(before, arena));
    lh_json_set(arena, result, "best", best->trial ? lh_json_copy(arena, best->trial) : lh_json_new_null(arena));
    return result;
}

/* The queries: those of an eval set, else sampled anew, and not kept. */
static lh_code tune_queries(tune *t, const lh_json *spec, lh_error *err) {
    trial_bench *bench = &t->bench;
    lh_str name = lh_json_get_string(spec, "eval");
    if (name.len) {
        LH_TRY(eval_find(bench->vector, name, t->arena, &bench->eval, err));
        return eval_read_object(bench->vector, &t->definition, t->arena, &bench->eval, err);
    }
    const eval_order order = {.vector = bench->vector,
                              .definition = &t->definition,
                              .served = bench->served,
                              .by = bench->by,
                              .cancel = bench->cancel,
                              .between = true,
                              .count = TUNE_QUERIES,
                              .k = EVAL_K,
                              .seed = EVAL_SEED};
    lh_job_set_phase(t->job, "making queries");
    return eval_sample(&order, t->arena, &bench->eval, err);
}

static lh_code tune_work(tune *t, const lh_json *spec, lh_json **ret, lh_error *err) {
    const lh_json *budget = lh_json_get(spec, "budget");
    lh_hnsw_config before = t->definition.hnsw;
    uint32_t k;
    LH_TRY(trial_read_k(spec, 0, &k, err));
    t->trials_max = lh_json_uint(lh_json_get(budget, "trials"), TUNE_TRIALS);
    t->until_ns =
        lh_time_monotonic_ns() + lh_json_uint(lh_json_get(budget, "seconds"), TUNE_SECONDS) * UINT64_C(1000000000);
    lh_job_set_total(t->job, t->trials_max);
    LH_TRY(vector_served_get(t->bench.vector, &t->definition, t->bench.cancel, &t->bench.served, err));
    LH_TRY(tune_queries(t, spec, err));
    LH_TRY(tune_open(t, k, lh_json_real(lh_json_get(spec, "filter_selectivity"), 0), err));
    LH_TRY(tune_search(t, err));
    if (t->winner.trial) LH_TRY(tune_promote(t, err));
    if (t->winner.trial) LH_TRY(tune_serve(t, err));
    *ret = tune_result(t, &before);
    return lh_arena_check(t->arena, err);
}

lh_code tune_run(void *ctx, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err) {
    tune t = {.bench = {.vector = ctx,
                        .by = lh_json_get_string(spec, "created_by"),
                        .job = lh_job_id(job),
                        .cancel = lh_job_cancel_of(job)},
              .job = job,
              .arena = arena};
    t.bench.definition = &t.definition;
    LH_TRY(vector_recall_target_parse(lh_json_get(spec, "recall_target"), &t.target, err));
    t.aim = lh_json_bool(lh_json_get(spec, "below_target"), false) ? (1 + t.target) / 2 : t.target;
    LH_TRY(
        vector_definition_read(t.bench.vector->catalog, lh_json_get_string(spec, "index"), arena, &t.definition, err));
    lh_code code = tune_work(&t, spec, ret, err);
    trial_bench_close(&t.bench);
    return code;
}

/* ---- asked for ---- */

static lh_code tune_submit(lh_jobs *jobs, const vector_definition *d, lh_json *spec, lh_str by, lh_arena *arena,
                           lh_json **ret, lh_error *err) {
    lh_json_set_string(arena, spec, "index", d->name);
    lh_json_set_string(arena, spec, "created_by", by);
    LH_TRY(lh_arena_check(arena, err));
    const lh_job_request job = {LH_STR(TUNE_JOB), vector_subject(d->name, arena), by, spec};
    return lh_job_submit(jobs, &job, arena, ret, err);
}

lh_code tune_ask(lh_jobs *jobs, const vector_definition *d, lh_str by, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *spec = lh_json_new_object(arena);
    lh_json_set(arena, spec, "recall_target", lh_json_new_real(arena, d->recall_target));
    lh_json_set_bool(arena, spec, "below_target", true);
    return tune_submit(jobs, d, spec, by, arena, ret, err);
}

lh_code lh_vector_tune(lh_vector *vector, lh_jobs *jobs, const lh_json *body, const lh_vector_caller *caller,
                       lh_arena *arena, lh_json **ret, lh_error *err) {
    vector_definition d;
    eval_set eval;
    tune_asked asked;
    lh_json *spec = lh_json_new_object(arena), *budget = lh_json_new_object(arena);
    LH_TRY(tune_read(body, &asked, err));
    LH_TRY(vector_require_index(vector, caller, asked.index, arena, &d, err));
    if (vector_is_lance(&d))
        return lh_fail(err, LH_CONFLICT, "the index '%.*s' is searched by Lance: it has no graph to tune",
                       LH_STR_ARG(d.name));
    if (asked.eval.len) LH_TRY(eval_require(vector, asked.eval, d.name, arena, &eval, err));
    double target = asked.recall_target > 0 ? asked.recall_target : d.recall_target;
    lh_json_set(arena, spec, "recall_target", lh_json_new_real(arena, target));
    if (asked.selectivity > 0)
        lh_json_set(arena, spec, "filter_selectivity", lh_json_new_real(arena, asked.selectivity));
    lh_json_set_uint(arena, budget, "trials", asked.trials);
    lh_json_set_uint(arena, budget, "seconds", asked.seconds);
    lh_json_set(arena, spec, "budget", budget);
    if (asked.k) lh_json_set_uint(arena, spec, "k", asked.k);
    if (asked.eval.len) lh_json_set_string(arena, spec, "eval", asked.eval);
    return tune_submit(jobs, &d, spec, caller->by, arena, ret, err);
}
