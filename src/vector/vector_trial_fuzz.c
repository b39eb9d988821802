/* Any bytes as the body of a request under /vectors/hnsw: evals, autogen, trial or tune, as the first byte says. It is refused with words, or
 * is one within its bounds, whose queries are read as those of an index of three dimensions. */
#include "vector/trial_internal.h"
#include "base/fuzz.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lh_code fuzz_queries(const eval_asked *asked, lh_ann_metric metric, lh_arena *arena, lh_error *err) {
    const vector_definition d = {.name = LH_STR("notes"), .dimensions = 3, .metric = metric};
    for (lh_json_iter it = lh_json_each(asked->queries); lh_json_next(&it);) {
        eval_query query;
        float vector[3] = {NAN, NAN, NAN};
        LH_TRY(eval_query_read(&d, it.value, arena, &query, vector, err));
        assert(query.text.len <= EVAL_TEXT_BYTES && lh_str_eq(query.source, LH_STR("given")));
        for (size_t i = 0; i < 3; i++) assert(query.text.len ? isnan(vector[i]) : fabsf(vector[i]) <= LH_ANN_VALUE_MAX);
        assert(!query.text.len || lh_str_trim(query.text).len);
        assert(!query.relevant || (lh_json_size(query.relevant) >= 1 && lh_json_size(query.relevant) <= EVAL_K_MAX));
        for (lh_json_iter id = lh_json_each(query.relevant); lh_json_next(&id);) assert(lh_json_is_string(id.value));
    }
    return LH_OK;
}

static lh_code fuzz_eval(const lh_json *body, lh_ann_metric metric, lh_arena *arena, lh_error *err) {
    eval_asked asked;
    LH_TRY(eval_read(body, &asked, err));
    assert(asked.index.len && asked.name.len && asked.k >= 1 && asked.k <= EVAL_K_MAX);
    assert(asked.count >= 1 && asked.count <= EVAL_QUERIES_MAX && lh_json_size(asked.queries) == asked.count);
    return fuzz_queries(&asked, metric, arena, err);
}

static lh_code fuzz_sample(const lh_json *body, lh_error *err) {
    sample_asked asked;
    LH_TRY(sample_read(body, &asked, err));
    assert(asked.index.len && asked.k >= 1 && asked.k <= EVAL_K_MAX && asked.seed <= INT64_MAX);
    assert(asked.count >= 1 && asked.count <= EVAL_QUERIES_MAX);
    return LH_OK;
}

/* What goes into the job's spec is read there as the same. */
static lh_code fuzz_trial(const lh_json *body, lh_arena *arena, lh_error *err) {
    trial_asked asked;
    lh_hnsw_config again;
    LH_TRY(trial_read(body, &asked, err));
    assert(asked.index.len && asked.eval.len && asked.k <= EVAL_K_MAX);
    assert(vector_hnsw_parse(vector_hnsw_json(&asked.config, arena), &again, NULL) == LH_OK);
    assert(vector_hnsw_same_graph(&asked.config, &again) && asked.config.ef_search == again.ef_search);
    return LH_OK;
}

static lh_code fuzz_tune(const lh_json *body, lh_error *err) {
    tune_asked asked;
    LH_TRY(tune_read(body, &asked, err));
    assert(asked.index.len && asked.k <= EVAL_K_MAX && asked.recall_target >= 0 && asked.recall_target <= 1);
    assert(asked.selectivity >= 0 && asked.selectivity <= 1);
    assert(asked.trials >= 1 && asked.trials <= TUNE_TRIALS_MAX);
    assert(asked.seconds >= 1 && asked.seconds <= TUNE_SECONDS_MAX);
    return LH_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *body = NULL;
    lh_error err = {0};
    lh_code code;
    if (!lh_fuzz_body(data, size, 256 << 10, 64 << 20, &arena, &body)) return 0;
    switch (data[0] % 4) {
    case 0: code = fuzz_eval(body, (lh_ann_metric)(data[0] / 4 % LH_ANN_METRICS), arena, &err); break;
    case 1: code = fuzz_sample(body, &err); break;
    case 2: code = fuzz_trial(body, arena, &err); break;
    default: code = fuzz_tune(body, &err); break;
    }
    if (code != LH_OK) lh_fuzz_refused(code, &err);
    return 0;
}
