/* jobs: work in the background that outlives a restart. A job is a document of the metastore; threads of any gateway of the lake
 * take the documents up, one gateway a job, and those who wait see how far it is.
 * Depends on: base, storage, catalog. Used by: vector, api, cli. Thread-safe: any call, any thread. */
#ifndef LH_JOBS_JOBS_H
#define LH_JOBS_JOBS_H
#include "catalog/catalog.h"

typedef struct lh_jobs lh_jobs;
typedef struct lh_job lh_job; /* one that runs here */

typedef struct lh_job_kind {
    const char *name; /* as in the documents: it cannot be renamed */
    /* Does the work, on a thread of jobs. spec: as it was submitted; arena: of this try. *ret: an object, or NULL. It is called
     * again for a job that was cut off, or that failed with UNAVAILABLE, IO, CONFLICT or LIMIT (with growing pauses, five times),
     * and goes on from what is done by then. Once lh_job_cancel_of() has fired it ends with CANCELLED. */
    lh_code (*run)(void *ctx, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err);
    void *ctx;
} lh_job_kind;

typedef struct lh_jobs_options {
    lh_catalog *catalog;      /* borrowed for life */
    size_t threads;           /* jobs that run here at once */
    const lh_job_kind *kinds; /* borrowed for life */
    size_t kind_count;
} lh_jobs_options;
/* Starts the threads, which take up what a process before left. Owned: lh_jobs_free(). Errors: NO_MEMORY, IO. */
LH_MUST_CHECK lh_code lh_jobs_new(const lh_jobs_options *options, lh_jobs **ret, lh_error *err);
void lh_jobs_stop(lh_jobs *jobs); /* what runs ends, and is queued again; waits for that */
void lh_jobs_free(lh_jobs *jobs); /* stops; NULL is fine */
static inline void lh_jobs_freep(lh_jobs **jobs) { lh_jobs_free(*jobs); }

/* ---- for those who ask for work ----
 * A job as they see it: {"id","kind","subject","state" queued|running|succeeded|failed|cancelled,"phase","spec","created_by",
 * "created_at","started_at"?,"ended_at"?,"attempts","done","total" (null: not known),"rate_per_s"?,"eta_s"?,"problems":[{"item",
 * "message"}, the first hundred],"problem_count","error":{"code","message"}?,"result"?}. Arena. */
typedef struct lh_job_request {
    lh_str kind;
    lh_str subject; /* what it works on: one job of a subject at a time */
    lh_str by;
    const lh_json *spec; /* an object */
} lh_job_request;
/* Errors: CONFLICT (one of that subject is queued or runs; the message has its id), INVALID (no such kind), LIMIT (too many wait),
 * IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_job_submit(lh_jobs *jobs, const lh_job_request *request, lh_arena *arena, lh_json **ret,
                                    lh_error *err);
/* Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_job_get(lh_jobs *jobs, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err);
/* The one of that subject that is queued or runs. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_job_get_of(lh_jobs *jobs, lh_str subject, lh_arena *arena, lh_json **ret, lh_error *err);
typedef struct lh_job_filter {
    lh_str state, kind, subject, by; /* empty: any */
    lh_page page;
} lh_job_filter;
/* {"items":[…],"next_page_token"}, the newest first. */
LH_MUST_CHECK lh_code lh_jobs_list(lh_jobs *jobs, const lh_job_filter *filter, lh_arena *arena, lh_json **ret,
                                   lh_error *err);
/* One that has ended stays as it is. Errors: NOT_FOUND, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_job_cancel(lh_jobs *jobs, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err);
/* One that failed or was cancelled is queued again. Errors: NOT_FOUND, CONFLICT (it has not ended, or succeeded; its subject
 * is gone; another one of its subject is at work), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_job_retry(lh_jobs *jobs, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err);
/* For who deletes a subject: what has to be in the same commit, so that none of its jobs is at work then, and none that has ended is tried
 * again, since that would bring it back. why: for people, told to who asks for that. Of what has changed since the commit is CONFLICT,
 * and they are asked for once more. Arena. Errors: CONFLICT (one is queued or runs), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_jobs_retire(lh_jobs *jobs, lh_str subject, lh_str why, lh_arena *arena, lh_change **ret,
                                     size_t *ret_count, lh_error *err);
/* The job, once anything of a job may be another than *change says (0: at once) or timeout_ms passed; *change: for the next call,
 * and as it was after such a time. Errors: NOT_FOUND, UNAVAILABLE (jobs were stopped). */
LH_MUST_CHECK lh_code lh_job_watch(lh_jobs *jobs, lh_str id, uint64_t timeout_ms, uint64_t *change, lh_arena *arena,
                                   lh_json **ret, lh_error *err);
bool lh_job_has_ended(const lh_json *job);
enum { LH_JOB_STATES = 5 };
extern const char *const lh_job_states[LH_JOB_STATES];

typedef struct lh_jobs_stats {
    uint64_t running, queued, succeeded, failed, cancelled; /* the last three: here, since the start */
} lh_jobs_stats;
lh_jobs_stats lh_jobs_get_stats(lh_jobs *jobs);

/* ---- for the kinds: of the job that runs ---- */
lh_str lh_job_id(const lh_job *job);                   /* borrowed */
lh_cancel *lh_job_cancel_of(lh_job *job);              /* borrowed */
/* Of a commit that may only land as long as the job is this gateway's: one that stood still too long for its lease, and whose job another
 * has by now, gets a CONFLICT. */
lh_change lh_job_claim(const lh_job *job, lh_arena *arena);
void lh_job_set_phase(lh_job *job, const char *phase); /* static text */
void lh_job_set_total(lh_job *job, uint64_t total);
void lh_job_add_done(lh_job *job, uint64_t done);
/* A part that could not be done and is passed over. message: for people, nothing secret in it. */
void lh_job_add_problem(lh_job *job, lh_str item, const char *message);

/* ---- times to do something at (cron.c) ---- */
enum { LH_CRON_FIELDS = 5 };
typedef struct lh_cron {
    uint64_t bits[LH_CRON_FIELDS];
    bool any[LH_CRON_FIELDS];
} lh_cron; /* plain value */
/* "30 6 * * 1-5", as crontab(5) has it, in UTC. Errors: INVALID. */
LH_MUST_CHECK lh_code lh_cron_parse(lh_str text, lh_cron *ret, lh_error *err);
bool lh_cron_matches(const lh_cron *cron, int64_t ms); /* is the minute of that wall clock time one of them? */
#endif
