/* What the files of the trial system share: eval sets, trials, their journal, tuning.
 *
 * Document vector/eval/<name>: {"schema_version":1,"name","index","k","count","object","snapshot_id","model":{"provider","name",
 * "version"},"seed" (null: given),"paraphrased","created_ms","created_by"}. The object, in the bucket of the index's table, is
 * _hnsw_trials/evals/<index>/<name>-<uuid>.json: {"schema_version":1,"dimensions","vectors" (base64 of f32, little-endian, one query after
 * the other),"queries":[{"query" (null: a vector alone),"source" given|window|paraphrase,"relevant":[ids] or null,"truth":[[id,chunk,
 * score],…]}]}. It is written before its document and removed after it.
 * Journal _hnsw_trials/<index>.jsonl, in that bucket: drawn in journal.c. */
#ifndef LH_VECTOR_TRIAL_INTERNAL_H
#define LH_VECTOR_TRIAL_INTERNAL_H
#include "vector/vector_internal.h"

#define TRIAL_FOLDER "_hnsw_trials/"
#define EVAL_DOCUMENT "vector/eval/"
#define EVAL_JOB "vector.eval"
#define TRIAL_JOB "vector.trial"
#define TUNE_JOB "vector.tune"

enum {
    EVAL_QUERIES_MAX = 1000,
    EVAL_K = 10,
    EVAL_K_MAX = 100,
    EVAL_TEXT_BYTES = 8 << 10,
    EVAL_OBJECT_BYTES = 60 << 20,
    EVAL_SEED = 42,
    TUNE_TRIALS = 40,
    TUNE_TRIALS_MAX = 1000,
    TUNE_SECONDS = 600,
    TUNE_SECONDS_MAX = 86400,
    JOURNAL_BYTES = 4 << 20,
    JOURNAL_LINE_BYTES = 16 << 10,
};

/* The key of an object in the bucket of the index's table. */
LH_MUST_CHECK lh_code trial_key(const lh_vector *vector, const vector_definition *definition, lh_str key,
                                lh_arena *arena, lh_str *ret, lh_error *err);

/* ---- eval.c: eval sets as they are kept ---- */
typedef struct eval_truth {
    lh_str id;
    int64_t chunk;
    float score;
} eval_truth;
typedef struct eval_query {
    lh_str text;   /* empty: a vector alone */
    lh_str source; /* given, window or paraphrase */
    const lh_json *relevant; /* ids, as texts whatever they were; NULL: it is not said */
    eval_truth *truth; /* the nearest, the best first */
    size_t truth_count;
} eval_query;
typedef struct eval_set {
    lh_str name, index, object, by;
    lh_ai_model model;
    uint32_t k;
    int64_t snapshot_id, seed, created_ms; /* snapshot_id: of the index's table; seed -1: it was given */
    uint64_t paraphrased, count, version;
    uint32_t dimensions; /* with what follows 0 or NULL until the object was read */
    float *vectors;
    eval_query *queries;
} eval_set; /* arena */
LH_MUST_CHECK lh_code eval_name_check(lh_str name, lh_error *err);
LH_MUST_CHECK lh_code eval_find(const lh_vector *vector, lh_str name, lh_arena *arena, eval_set *ret, lh_error *err);
LH_MUST_CHECK lh_code eval_read_object(const lh_vector *vector, const vector_definition *definition, lh_arena *arena,
                                       eval_set *eval, lh_error *err);
/* Writes both; the object of `before` (NULL: none) goes. Errors: CONFLICT (the document is another meanwhile), LIMIT, IO. */
LH_MUST_CHECK lh_code eval_store(const lh_vector *vector, const vector_definition *definition, const eval_set *before,
                                 lh_arena *arena, eval_set *eval, lh_error *err);
lh_change eval_removal(const eval_set *eval, lh_arena *arena);
LH_MUST_CHECK lh_code eval_remove(const lh_vector *vector, const vector_definition *definition, const eval_set *eval,
                                  lh_error *err);
typedef lh_code (*eval_fn)(void *ctx, const eval_set *eval, lh_arena *arena, lh_error *err);
/* Those behind `after` (empty: all), without their objects, by name. */
LH_MUST_CHECK lh_code eval_each(const lh_vector *vector, lh_str after, eval_fn each, void *ctx, lh_arena *arena,
                                lh_error *err);
lh_json *eval_show(const eval_set *eval, lh_arena *arena);

/* ---- trial_read.c: what is asked for; borrowed from the body, and nothing else is looked at. Errors: INVALID, LIMIT ---- */
typedef struct eval_asked {
    lh_str name, index;
    uint32_t k, count;
    const lh_json *queries; /* a list of `count` */
} eval_asked;
typedef struct sample_asked {
    lh_str index;
    uint32_t k, count;
    uint64_t seed;
    bool replace;
} sample_asked;
typedef struct trial_asked {
    lh_str index, eval;
    uint32_t k; /* 0: the eval set's */
    lh_hnsw_config config;
} trial_asked;
typedef struct tune_asked {
    lh_str index, eval;                /* eval empty: queries are sampled */
    uint32_t k;                        /* 0: the eval set's */
    double recall_target, selectivity; /* 0: the index's; all rows */
    uint64_t trials, seconds;
} tune_asked;
LH_MUST_CHECK lh_code eval_read(const lh_json *body, eval_asked *ret, lh_error *err);
LH_MUST_CHECK lh_code sample_read(const lh_json *body, sample_asked *ret, lh_error *err);
LH_MUST_CHECK lh_code trial_read(const lh_json *body, trial_asked *ret, lh_error *err);
LH_MUST_CHECK lh_code tune_read(const lh_json *body, tune_asked *ret, lh_error *err);
/* Of a body, or of a job's spec. */
LH_MUST_CHECK lh_code trial_read_k(const lh_json *body, uint32_t otherwise, uint32_t *ret, lh_error *err);
/* One of the queries. vector: room for the index's dimensions, set where the query has one instead of a text. Arena. */
LH_MUST_CHECK lh_code eval_query_read(const vector_definition *definition, const lh_json *given, lh_arena *arena,
                                      eval_query *ret, float *vector, lh_error *err);

/* ---- eval_make.c: eval sets as they are made ---- */
/* The k nearest of each query of `vectors` for certain. allowed: as of lh_ann_query. Arena. */
LH_MUST_CHECK lh_code eval_nearest(const vector_served *served, const float *vectors, size_t count, uint32_t k,
                                   const uint64_t *allowed, unsigned threads, lh_cancel *cancel, lh_arena *arena,
                                   lh_ann_hit **ret, uint32_t **ret_counts, lh_error *err);
typedef struct eval_order {
    lh_vector *vector;
    const vector_definition *definition;
    const vector_served *served;
    lh_str by;
    lh_cancel *cancel;
    bool paraphrase; /* where a generator is configured; the caller may call it */
    bool
        between; /* each vector lies between those of two pieces: such are harder to find the nearest of, as questions are */
    uint32_t count, k;
    uint64_t seed;
} eval_order;
/* Queries sampled from the index's chunks: the same seed and rows give the same ones, but for the generator's. Arena. */
LH_MUST_CHECK lh_code eval_sample(const eval_order *order, lh_arena *arena, eval_set *ret, lh_error *err);
/* Does a sampled set of that index take the place of this one? Errors: CONFLICT. */
LH_MUST_CHECK lh_code eval_may_replace(const eval_set *there, lh_str index, bool replace, lh_error *err);
lh_code eval_run(void *vector, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err);

/* ---- journal.c ---- */
typedef struct journal {
    lh_json **trials; /* the oldest first; what is known of each, no more */
    size_t count;
    uint64_t skipped; /* lines that are none */
} journal;            /* arena */
LH_MUST_CHECK lh_code journal_parse(lh_str text, lh_arena *arena, journal *ret, lh_error *err);
/* The text with the line behind it; the oldest lines go, so that `limit` bytes hold it. */
void journal_add(lh_str text, lh_str line, size_t limit, lh_buf *into);
/* Where an index's lies. Errors: as trial_key(). */
LH_MUST_CHECK lh_code journal_key(const lh_vector *vector, const vector_definition *definition, lh_arena *arena,
                                  lh_str *ret, lh_error *err);
LH_MUST_CHECK lh_code journal_read(const lh_vector *vector, const vector_definition *definition, lh_arena *arena,
                                   journal *ret, lh_error *err);
/* One that is there, by its id, is not added again: a job may run twice. */
LH_MUST_CHECK lh_code journal_append(const lh_vector *vector, const vector_definition *definition, const lh_json *trial,
                                     lh_error *err);

/* ---- best.c ---- */
typedef struct best_score {
    double recall, p50_us;
} best_score;
/* on[i]: no other is as good in both and better in one. Of equal ones the first. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code best_pareto(const best_score *scores, size_t count, bool *on, lh_error *err);

/* ---- trial.c: one measure ---- */
typedef struct trial_bench { /* what the trials of one eval set share */
    lh_vector *vector;
    const vector_definition *definition;
    const vector_served *served; /* owned: trial_bench_close() */
    eval_set eval;
    lh_str by, job; /* job: its id */
    lh_cancel *cancel;
    uint32_t k;
    double selectivity; /* 0: without a filter */
    uint64_t *allowed;
    float *worst; /* of each query the score of the last one of its truth */
    uint32_t *truth_counts;
    int64_t truth_snapshot_id;
} trial_bench;
typedef struct trial_figures {
    double recall, relevant_recall; /* relevant_recall -1: no query says what is relevant */
    double p50_us, p95_us, p99_us;
} trial_figures;
/* k 0: the eval set's. selectivity: a random filter lets so much pass. */
LH_MUST_CHECK lh_code trial_bench_open(trial_bench *bench, uint32_t k, double selectivity, lh_arena *arena,
                                       lh_error *err);
void trial_bench_close(trial_bench *bench);
/* Only the recall. */
LH_MUST_CHECK lh_code trial_measure_recall(const trial_bench *bench, const lh_ann_index *ann, uint32_t ef, double *ret,
                                           lh_error *err);
LH_MUST_CHECK lh_code trial_measure(const trial_bench *bench, const lh_ann_index *ann, uint32_t ef, trial_figures *ret,
                                    lh_error *err);
/* The graph of a config over the bench's rows; *ret_ms: how long it took. */
LH_MUST_CHECK lh_code trial_build(const trial_bench *bench, const lh_hnsw_config *config, lh_ann_index **ret,
                                  double *ret_ms, lh_error *err);
/* As the journal has it. build_ms below 0: the graph was there. */
lh_json *trial_json(const trial_bench *bench, lh_str id, const lh_ann_index *ann, const lh_hnsw_config *config,
                    const trial_figures *figures, double build_ms, lh_arena *arena);
lh_code trial_run(void *vector, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err);

/* ---- trials.c ---- */
LH_MUST_CHECK lh_code eval_require(const lh_vector *vector, lh_str name, lh_str index, lh_arena *arena, eval_set *ret,
                                   lh_error *err);

/* ---- tune.c ---- */
lh_code tune_run(void *vector, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err);
/* A tune that the sampler asks for. */
LH_MUST_CHECK lh_code tune_ask(lh_jobs *jobs, const vector_definition *definition, lh_str by, lh_arena *arena,
                               lh_json **ret, lh_error *err);
#endif
