/* Documents, all of one job's in one commit:
 *   job/open/<id>      one that is queued or runs
 *   job/ended/<id>     one that has ended; the oldest go
 *   job/subject/<sha-256 of the subject>   {"schema_version":1,"id"}: the open one of that subject; written anew by each claim of it,
 *                      so that its version is a claim's fencing token
 * {"schema_version":1,"id","kind","subject","spec","state","created_by","created_at","started_at","ended_at","attempts",
 *  "not_before_ms","owner","lease_until_ms","cancel","cut_off","done_at_claim","done","total","problems","problem_count","error",
 *  "result","retired"}. A job that runs belongs to the gateway `owner`, as long as that renews its lease. */
#ifndef LH_JOBS_JOBS_INTERNAL_H
#define LH_JOBS_JOBS_INTERNAL_H
#include "jobs/jobs.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    JOBS_SCHEMA_VERSION = 1,
    JOBS_OPEN_MAX = 1000,
    JOBS_ENDED_KEPT = 1000,
    JOBS_PROBLEMS_KEPT = 100,
    JOBS_ATTEMPTS = 5,
    JOBS_CUT_OFF_MAX = 10, /* without anything done between */
    JOBS_LEASE_MS = 15000,
    JOBS_RENEW_MS = 4000,
    JOBS_LOOK_MS = 500,
    JOBS_ARENA_BYTES = 256 << 20,
};
#define JOBS_OPEN "job/open/"
#define JOBS_ENDED "job/ended/"

typedef struct job_record {
    lh_str id, kind, subject, state, by, owner, retired; /* retired: why it is not tried again; empty: it may be */
    const lh_json *spec, *error, *result, *problems;
    int64_t created_ms, started_ms, ended_ms; /* 0: not yet */
    int64_t not_before_ms, lease_until_ms;
    uint64_t attempts, cut_off, done, done_at_claim, total, problem_count; /* total UINT64_MAX: not known */
    bool cancel;
    uint64_t version; /* of the document read */
} job_record;         /* arena */

struct lh_job {
    lh_job *next; /* of jobs->running */
    lh_jobs *jobs;
    lh_cancel *cancel;
    lh_uuid id;
    lh_str subject; /* borrowed from the arena of this try */
    uint64_t claim; /* version of the subject's document */
    _Atomic(const char *) phase;
    atomic_uint_fast64_t done, total, problem_count;
    uint64_t renewed_ns; /* the keeper's */
    /* under jobs->lock */
    uint64_t done_at_start, started_ns; /* of the phase */
    lh_buf problems;                    /* members of a JSON array */
    uint64_t problems_kept;
    bool asked_to_end; /* by a person, not by our own end */
    bool renewing;     /* the keeper has it in hand, outside of the lock */
};

struct lh_jobs {
    lh_catalog *catalog;
    lh_metastore *metastore;
    const lh_job_kind *kinds;
    size_t kind_count, thread_count;
    pthread_t *threads; /* the last one renews leases */
    size_t started;
    char owner[160];
    pthread_mutex_t claiming; /* from the look for a job until it is in the list; taken before the lock */
    pthread_mutex_t lock;     /* guards what follows */
    pthread_cond_t changed;   /* something of a job, for who watches it */
    pthread_cond_t work;      /* there may be a job to take, or it is time to stop */
    bool stopping;
    lh_job *running;
    uint64_t changes; /* grows with whatever happens to a job here */
    lh_jobs_stats stats;
};

/* ---- record.c ---- */
lh_str job_key(const char *prefix, lh_str id, lh_arena *arena);
lh_str job_subject_key(lh_str subject, lh_arena *arena);
bool job_is_open(const job_record *record);
LH_MUST_CHECK lh_code job_parse(lh_document document, lh_arena *arena, job_record *ret, lh_error *err);
/* Wherever it is. Errors: NOT_FOUND, CORRUPT. */
LH_MUST_CHECK lh_code job_read(lh_jobs *jobs, lh_str id, lh_arena *arena, job_record *ret, lh_error *err);
/* That puts the record in the place of the version read; it is as open as it was. Arena. */
LH_MUST_CHECK lh_code job_change(const job_record *record, lh_arena *arena, lh_change *ret, lh_error *err);
/* Puts the record in the place of the version read; one that ended moves, with all that this takes. Errors: CONFLICT. */
LH_MUST_CHECK lh_code job_write(lh_jobs *jobs, const job_record *record, bool was_open, lh_arena *arena, lh_error *err);
/* As job_write(), of one that is open and runs here from now on. Its version becomes that of the commit, and so of the claim. */
LH_MUST_CHECK lh_code job_write_claim(lh_jobs *jobs, job_record *record, lh_arena *arena, lh_error *err);
/* How far the job that runs here is, into its record. */
void job_take_progress_locked(const lh_job *live, job_record *record, lh_arena *arena);
/* As people see it; live: the one that runs here, or NULL. */
lh_json *job_show_locked(job_record record, const lh_job *live, lh_arena *arena);
/* Those of the prefix, in the order of their ids. */
LH_MUST_CHECK lh_code job_list(lh_jobs *jobs, const char *prefix, lh_arena *arena, job_record **ret, size_t *ret_count,
                               lh_error *err);

/* ---- run.c ---- */
void *jobs_thread(void *jobs);
void *jobs_keeper(void *jobs);
void jobs_name_owner(char *into, size_t size_bytes);
lh_job *jobs_find_locked(lh_jobs *jobs, lh_str id);
void jobs_tell(lh_jobs *jobs); /* something changed */
bool jobs_stopping(lh_jobs *jobs);
/* Before one is tried again that was tried `attempts` times: 1 s, 4, 16, 64; each half by chance. */
int64_t jobs_pause_ms(uint64_t attempts);
#endif
