/* What the verbs of `lakehouse vectors` share. */
#ifndef LH_CLI_VECTORS_INTERNAL_H
#define LH_CLI_VECTORS_INTERNAL_H
#include "cli/cli_internal.h"

typedef struct lh_vectors_job {
    lh_cli_session session;
    const lh_cli_list *words; /* the verb's own from 1 on */
    const char *id, *template_, *index, *model, *metric, *backend, *profile, *chunk_unit, *locale, *refresh, *cron,
        *filter, *mode, *weights, *columns, *hnsw, *eval, *recall_text, *selectivity, *vector, *queries;
    const char *size_text, *overlap_text, *k_text, *count_text, *seed_text, *trials_text, *seconds_text;
    uint64_t chunk_size, chunk_overlap, k, count, seed, trials, seconds;
    lh_cli_list texts;
    bool rerank, no_wait, yes, json;
    _Atomic bool interrupted;
} lh_vectors_job;

void lh_vectors_tell_job(const lh_vectors_job *job, const lh_json *told);
LH_MUST_CHECK lh_code lh_vectors_await(const lh_vectors_job *job, const lh_json *told, lh_error *err);

/* vectors_trials.c */
/* Of "a=1,b=c", as --hnsw has it; the server says what is wrong with it. */
lh_json *lh_vectors_members(const lh_vectors_job *job, const char *text);
LH_MUST_CHECK lh_code lh_vectors_eval(lh_vectors_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_vectors_evals(lh_vectors_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_vectors_drop_eval(lh_vectors_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_vectors_trial(lh_vectors_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_vectors_trials(lh_vectors_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_vectors_best(lh_vectors_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_vectors_cache(lh_vectors_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_vectors_tune(lh_vectors_job *job, lh_error *err);
#endif
