/* One measure: a graph over the rows that are held ready, searched by the queries of an eval set, one query at a time by one thread.
 *
 * Recall: the share of the k nearest that were found; a hit as near as the last of them counts, so that equal texts do not. A first
 * pass over the queries tells it and warms up; then they are timed, pass after pass, until there are TRIAL_SAMPLES or a second is
 * over. The rows are the served index's (vectors and codes), which searches use at the same time: only the graph is the trial's. */
#include "vector/trial_internal.h"


enum { TRIAL_SAMPLES = 1000 };
#define TRIAL_TIME_NS UINT64_C(1000000000)

/* ---- what the trials of one eval set share ---- */

/* A part of the rows, drawn by chance, but the same one each time. */
static lh_code bench_filter(trial_bench *bench, lh_arena *arena, lh_error *err) {
    size_t rows = bench->served->row_count;
    uint64_t *bits = LH_ARENA_ARRAY(arena, uint64_t, rows / 64 + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t hash = lh_hash_fast((lh_str){(const char *)&row, sizeof row}) * UINT64_C(0x9e3779b97f4a7c15);
        if ((double)(hash >> 11) < bench->selectivity * (double)(UINT64_C(1) << 53))
            bits[row >> 6] |= UINT64_C(1) << (row & 63);
    }
    bench->allowed = bits;
    return LH_OK;
}

static bool bench_has_truth(const trial_bench *bench) {
    return !bench->allowed && bench->eval.snapshot_id == bench->served->snapshot_id && bench->k <= bench->eval.k;
}

static lh_code bench_truth(trial_bench *bench, lh_arena *arena, lh_error *err) {
    const eval_set *eval = &bench->eval;
    lh_ann_hit *hits = NULL;
    uint32_t *counts = NULL;
    bench->worst = LH_ARENA_ARRAY(arena, float, eval->count + 1);
    bench->truth_counts = LH_ARENA_ARRAY(arena, uint32_t, eval->count + 1);
    LH_TRY(lh_arena_check(arena, err));
    bench->truth_snapshot_id = bench->served->snapshot_id;
    bool stored = bench_has_truth(bench);
    if (!stored)
        LH_TRY(eval_nearest(bench->served, eval->vectors, eval->count, bench->k, bench->allowed, bench->vector->threads,
                            bench->cancel, arena, &hits, &counts, err));
    for (size_t q = 0; q < eval->count; q++) {
        const eval_query *query = &eval->queries[q];
        size_t count = stored ? query->truth_count : counts[q];
        if (count > bench->k) count = bench->k;
        bench->truth_counts[q] = (uint32_t)count;
        if (count) bench->worst[q] = stored ? query->truth[count - 1].score : hits[q * bench->k + count - 1].score;
    }
    return LH_OK;
}

static lh_code bench_check_model(const trial_bench *bench, lh_error *err) {
    const vector_definition *d = bench->definition;
    const lh_ai_model *model = &bench->eval.model;
    if (bench->eval.dimensions == d->dimensions && lh_ai_is_same(model, &d->model)) return LH_OK;
    return lh_fail(err, LH_INVALID,
                   "the queries are of the model %.*s, version '%.*s', the index '%.*s' is of another: make the eval "
                   "set anew",
                   LH_STR_ARG(model->name), LH_STR_ARG(model->version), LH_STR_ARG(d->name));
}

lh_code trial_bench_open(trial_bench *bench, uint32_t k, double selectivity, lh_arena *arena, lh_error *err) {
    bench->k = k ? k : bench->eval.k;
    bench->selectivity = selectivity;
    LH_TRY(bench_check_model(bench, err));
    if (!bench->served) LH_TRY(vector_served_get(bench->vector, bench->definition, bench->cancel, &bench->served, err));
    if (selectivity > 0) LH_TRY(bench_filter(bench, arena, err));
    return bench_truth(bench, arena, err);
}

void trial_bench_close(trial_bench *bench) {
    vector_served_release(bench->vector, bench->served);
    bench->served = NULL;
}

lh_code trial_build(const trial_bench *bench, const lh_hnsw_config *config, lh_ann_index **ret, double *ret_ms,
                    lh_error *err) {
    const lh_ann_work work = {.threads = bench->vector->threads, .cancelled = lh_cancel_flag(bench->cancel)};
    uint64_t started_ns = lh_time_monotonic_ns();
    LH_TRY(lh_ann_share(bench->served->ann, config, &work, ret, err));
    *ret_ms = (double)(lh_time_monotonic_ns() - started_ns) / 1e6;
    return LH_OK;
}

/* ---- figures ---- */

static lh_code measure_one(const trial_bench *bench, const lh_ann_index *ann, uint32_t ef, size_t q, lh_ann_hit *hits,
                           uint32_t *ret_count, lh_error *err) {
    const lh_ann_query query = {.vectors = bench->eval.vectors + q * bench->eval.dimensions,
                                .count = 1,
                                .k = bench->k,
                                .mode = LH_ANN_HNSW,
                                .ef = ef,
                                .allowed = bench->allowed,
                                .cancelled = lh_cancel_flag(bench->cancel)};
    return lh_ann_search(ann, &query, hits, ret_count, err);
}

static double measure_recall(const trial_bench *bench, size_t q, const lh_ann_hit *hits, uint32_t count) {
    bool small = bench->definition->metric == LH_ANN_L2;
    uint32_t truth = bench->truth_counts[q], found = 0;
    for (uint32_t i = 0; i < count && found < truth; i++)
        found += small ? hits[i].score <= bench->worst[q] : hits[i].score >= bench->worst[q];
    return truth ? (double)found / truth : 1;
}

static double measure_relevant(const trial_bench *bench, const lh_json *relevant, const lh_ann_hit *hits,
                               uint32_t count) {
    size_t of = lh_json_size(relevant), found = 0;
    for (lh_json_iter it = lh_json_each(relevant); lh_json_next(&it);) {
        bool hit = false;
        for (uint32_t i = 0; i < count && !hit; i++)
            hit = lh_str_eq(vector_served_id(bench->served, hits[i].row), lh_json_str(it.value, LH_STR_NONE));
        found += hit;
    }
    if (of > bench->k) of = bench->k;
    return found >= of ? 1 : (double)found / (double)of;
}

static lh_code measure_found(const trial_bench *bench, const lh_ann_index *ann, uint32_t ef, trial_figures *ret,
                             lh_error *err) {
    lh_ann_hit hits[EVAL_K_MAX];
    double recall = 0, relevant = 0;
    size_t judged = 0;
    uint32_t count = 0;
    for (size_t q = 0; q < bench->eval.count; q++) {
        const lh_json *wanted = bench->eval.queries[q].relevant;
        LH_TRY(measure_one(bench, ann, ef, q, hits, &count, err));
        recall += measure_recall(bench, q, hits, count);
        if (wanted) relevant += measure_relevant(bench, wanted, hits, count), judged++;
    }
    ret->recall = recall / (double)bench->eval.count;
    ret->relevant_recall = judged ? relevant / (double)judged : -1;
    return LH_OK;
}

static int measure_order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double measure_percentile(const double *sorted, size_t count, unsigned percent) {
    size_t rank = (count * percent + 99) / 100;
    return sorted[rank ? rank - 1 : 0];
}

static lh_code measure_times(const trial_bench *bench, const lh_ann_index *ann, uint32_t ef, trial_figures *ret,
                             lh_error *err) {
    size_t count = 0, room = TRIAL_SAMPLES + (size_t)bench->eval.count;
    LH_CLEANUP(lh_free_pointer) double *us = calloc(room, sizeof *us);
    uint64_t until_ns = lh_time_monotonic_ns() + TRIAL_TIME_NS;
    lh_ann_hit hits[EVAL_K_MAX];
    uint32_t found = 0;
    if (!us) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    while (count < TRIAL_SAMPLES && (count == 0 || lh_time_monotonic_ns() < until_ns))
        for (size_t q = 0; q < bench->eval.count; q++) {
            uint64_t started_ns = lh_time_monotonic_ns();
            LH_TRY(measure_one(bench, ann, ef, q, hits, &found, err));
            us[count++] = (double)(lh_time_monotonic_ns() - started_ns) / 1e3;
        }
    qsort(us, count, sizeof *us, measure_order);
    ret->p50_us = measure_percentile(us, count, 50);
    ret->p95_us = measure_percentile(us, count, 95);
    ret->p99_us = measure_percentile(us, count, 99);
    return LH_OK;
}

lh_code trial_measure_recall(const trial_bench *bench, const lh_ann_index *ann, uint32_t ef, double *ret,
                             lh_error *err) {
    trial_figures figures;
    LH_TRY(measure_found(bench, ann, ef, &figures, err));
    *ret = figures.recall;
    return LH_OK;
}

lh_code trial_measure(const trial_bench *bench, const lh_ann_index *ann, uint32_t ef, trial_figures *ret,
                      lh_error *err) {
    LH_TRY(measure_found(bench, ann, ef, ret, err));
    return measure_times(bench, ann, ef, ret, err);
}

static lh_json *trial_share(double value, lh_arena *arena) {
    return value < 0 ? lh_json_new_null(arena) : lh_json_new_real(arena, value);
}

lh_json *trial_json(const trial_bench *bench, lh_str id, const lh_ann_index *ann, const lh_hnsw_config *config,
                    const trial_figures *figures, double build_ms, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena);
    const lh_ann_info info = lh_ann_info_of(ann), rows = lh_ann_info_of(bench->served->ann);
    bool own = ann != bench->served->ann;
    lh_json_set_int(arena, json, "schema_version", VECTOR_SCHEMA_VERSION);
    lh_json_set_string(arena, json, "id", id);
    lh_json_set_string(arena, json, "index", bench->definition->name);
    lh_json_set(arena, json, "eval",
                bench->eval.name.len ? lh_json_new_string(arena, bench->eval.name) : lh_json_new_null(arena));
    lh_json_set_uint(arena, json, "k", bench->k);
    lh_json_set(arena, json, "config", vector_hnsw_json(config, arena));
    lh_json_set(arena, json, "recall_at_k", lh_json_new_real(arena, figures->recall));
    lh_json_set(arena, json, "relevant_recall", trial_share(figures->relevant_recall, arena));
    lh_json_set(arena, json, "p50_us", lh_json_new_real(arena, figures->p50_us));
    lh_json_set(arena, json, "p95_us", lh_json_new_real(arena, figures->p95_us));
    lh_json_set(arena, json, "p99_us", lh_json_new_real(arena, figures->p99_us));
    lh_json_set(arena, json, "build_ms", trial_share(build_ms, arena));
    lh_json_set_uint(arena, json, "memory_bytes",
                     own ? rows.heap_bytes + rows.mapped_bytes - rows.graph_bytes + info.heap_bytes
                         : rows.heap_bytes + rows.mapped_bytes);
    lh_json_set_uint(arena, json, "graph_bytes", info.graph_bytes);
    lh_json_set_uint(arena, json, "rows", vector_served_live(bench->served));
    lh_json_set_uint(arena, json, "dimensions", bench->definition->dimensions);
    lh_json_set_uint(arena, json, "queries", bench->eval.count);
    lh_json_set(arena, json, "filter_selectivity",
                trial_share(bench->selectivity > 0 ? bench->selectivity : -1, arena));
    lh_json_set_int(arena, json, "truth_snapshot", bench->truth_snapshot_id);
    lh_json_set_uint(arena, json, "threads", bench->vector->threads);
    lh_json_set_uint(arena, json, "cores", lh_machine_processors());
    lh_json_set_string(arena, json, "job", bench->job);
    lh_json_set_string(arena, json, "by", bench->by);
    lh_json_set_string(arena, json, "at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    return json;
}

/* ---- the job ---- */

static lh_code trial_run_in(trial_bench *bench, lh_job *job, const lh_hnsw_config *config, lh_arena *arena,
                            lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_ann_freep) lh_ann_index *ann = NULL;
    trial_figures figures;
    double build_ms;
    lh_job_set_phase(job, "building");
    LH_TRY(trial_build(bench, config, &ann, &build_ms, err));
    lh_job_set_phase(job, "measuring");
    LH_TRY(trial_measure(bench, ann, config->ef_search, &figures, err));
    lh_json *trial = trial_json(bench, bench->job, ann, config, &figures, build_ms, arena);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(journal_append(bench->vector, bench->definition, trial, err));
    lh_json_remove(trial, LH_STR("schema_version"));
    *ret = lh_json_new_object(arena);
    lh_json_set_string(arena, *ret, "index", bench->definition->name);
    lh_json_set(arena, *ret, "trial", trial);
    return lh_arena_check(arena, err);
}

lh_code trial_run(void *ctx, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err) {
    vector_definition d;
    lh_hnsw_config config;
    uint32_t k;
    trial_bench bench = {.vector = ctx,
                         .definition = &d,
                         .by = lh_json_get_string(spec, "created_by"),
                         .job = lh_job_id(job),
                         .cancel = lh_job_cancel_of(job)};
    LH_TRY(vector_definition_read(bench.vector->catalog, lh_json_get_string(spec, "index"), arena, &d, err));
    LH_TRY(vector_hnsw_parse(lh_json_get(spec, "config"), &config, err));
    LH_TRY(trial_read_k(spec, 0, &k, err));
    LH_TRY(eval_find(bench.vector, lh_json_get_string(spec, "eval"), arena, &bench.eval, err));
    LH_TRY(eval_read_object(bench.vector, &d, arena, &bench.eval, err));
    lh_job_set_phase(job, "making ready");
    lh_code code = trial_bench_open(&bench, k, 0, arena, err);
    if (code == LH_OK) code = trial_run_in(&bench, job, &config, arena, ret, err);
    trial_bench_close(&bench);
    return code;
}
