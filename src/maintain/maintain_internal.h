/* Private to maintain: its state, and the list of what runs. */
#ifndef LH_MAINTAIN_INTERNAL_H
#define LH_MAINTAIN_INTERNAL_H
#include <pthread.h>
#include <stdatomic.h>

#include "maintain/maintain.h"

enum { MAINTAIN_JOBS_MAX = 64 };

/* One that runs; lies on its thread's stack, linked under maintain->lock. Numbers are read by others; dataset under the lock. */
typedef struct maintain_job {
    struct maintain_job *next;
    lh_uuid id;
    const char *kind;
    lh_str dataset;
    int64_t started_ms;
    _Atomic(const char *) phase;
    _Atomic uint64_t files_total, files_done;
} maintain_job;

/* lock guards jobs, stats and stopping; wake is on the monotonic clock. */
struct lh_maintain {
    lh_engine *engine;
    lh_catalog *catalog;
    lh_bucket *bucket;
    pthread_mutex_t lock;
    maintain_job *jobs;
    lh_maintain_stats stats;
    lh_maintain_policy policy; /* the rest is policy.c's */
    lh_cancel *cancel;
    pthread_t thread;
    pthread_cond_t wake;
    bool started, stopping;
};

void maintain_job_begin(lh_maintain *maintain, maintain_job *job);
/* It is at another table now; dataset is borrowed until the next call. */
void maintain_job_at(lh_maintain *maintain, maintain_job *job, lh_str dataset);
void maintain_job_end(lh_maintain *maintain, maintain_job *job);

/* sort.c: appends " ORDER BY …" for the order asked for, or the table's. *ret_table: it is the table's own order. Errors: INVALID. */
LH_MUST_CHECK lh_code maintain_order_sql(const lh_rewrite_plan *plan, const lh_json *sort, lh_buf *into,
                                         bool *ret_table, lh_error *err);
#endif
