/* Workers: a fixed group of threads with a bounded queue. Thread-safe but for new and free. */
#ifndef LH_BASE_WORKERS_H
#define LH_BASE_WORKERS_H
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct lh_workers lh_workers;
/* run(job) is called by one of the threads for each job. waiting_max: jobs that wait for a thread. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code lh_workers_new(size_t threads, size_t waiting_max, void (*run)(void *job), lh_workers **ret,
                                     lh_error *err);
void lh_workers_free(lh_workers *workers); /* runs what waits, then joins; NULL is fine */
static inline void lh_workers_freep(lh_workers **workers) { lh_workers_free(*workers); }
bool lh_workers_submit(lh_workers *workers, void *job); /* false: too many wait */
size_t lh_workers_waiting(lh_workers *workers);
bool lh_workers_are_full(lh_workers *workers);
#endif
