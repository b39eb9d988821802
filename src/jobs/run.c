/* The threads. Each looks for a job that may be taken (queued; or running, of a gateway that is gone), claims it by a commit, and
 * runs it; one more renews the leases of those that run, saves how far they are, and sees whether another gateway cancelled one.
 * A gateway that cannot renew a lease in time has lost the job: it is ended here, without a word in its document. */
#include "jobs/jobs_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* ---- who we are ---- */

/* When the process of that id began, in clock ticks since the machine did; 0: there is none. */
static uint64_t run_process_start(long pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = '\0';
    char *at = strrchr(text, ')'); /* the program's name may hold anything */
    for (int i = 0; at && i < 20; i++) at = strchr(at + 1, ' ');
    lh_str rest = lh_str_from(at ? at + 1 : NULL);
    uint64_t start;
    return lh_str_to_u64(lh_str_split(&rest, ' '), &start) == LH_OK ? start : 0;
}

void jobs_name_owner(char *into, size_t size_bytes) {
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    snprintf(into, size_bytes, "%s/%ld/%" PRIu64, host, (long)getpid(), run_process_start(getpid()));
}

/* Is it of a process of this machine that has ended? Then nobody need wait for its lease. */
static bool run_is_gone(lh_str owner) {
    char host[64] = "";
    lh_str rest = owner, name = lh_str_split(&rest, '/'), pid_text = lh_str_split(&rest, '/');
    uint64_t pid, start;
    gethostname(host, sizeof host - 1);
    if (!lh_str_eq(name, lh_str_from(host)) || lh_str_to_u64(pid_text, &pid) != LH_OK ||
        lh_str_to_u64(rest, &start) != LH_OK)
        return false;
    return run_process_start((long)pid) != start;
}

/* ---- claims ---- */

static bool run_may_take(const lh_jobs *jobs, const job_record *record, int64_t now_ms) {
    if (lh_str_eq(record->state, LH_STR("queued"))) return record->not_before_ms <= now_ms;
    return record->lease_until_ms < now_ms || lh_str_eq(record->owner, lh_str_from(jobs->owner)) ||
           run_is_gone(record->owner);
}

static const lh_json *run_error(lh_code code, const char *message, lh_arena *arena) {
    lh_json *error = lh_json_new_object(arena);
    lh_json_set_string(arena, error, "code", lh_str_from(lh_code_name(code)));
    lh_json_set_string(arena, error, "message", lh_str_from(message));
    return error;
}

/* What the record becomes when it is taken up; it may be that it is ended with that. */
static void run_claim(lh_jobs *jobs, job_record *record, lh_arena *arena) {
    int64_t now_ms = lh_time_now_ms();
    bool was_cut_off = lh_str_eq(record->state, LH_STR("running"));
    record->cut_off = !was_cut_off || record->done > record->done_at_claim ? 0 : record->cut_off + 1;
    record->done_at_claim = record->done;
    record->owner = lh_str_from(jobs->owner);
    record->lease_until_ms = now_ms + JOBS_LEASE_MS;
    record->state = LH_STR("running");
    if (!was_cut_off) record->attempts++;
    if (!record->started_ms) record->started_ms = now_ms;
    if (!record->cancel && record->cut_off <= JOBS_CUT_OFF_MAX) return;
    record->state = record->cancel ? LH_STR("cancelled") : LH_STR("failed");
    record->ended_ms = now_ms;
    if (!record->cancel)
        record->error =
            run_error(LH_INTERNAL, "the server ended each time while the job ran, with nothing done", arena);
}

/* Finds one and claims it. False: there is none. Under jobs->claiming: one that is ours and in no list yet looks like one that we
 * lost. */
static bool run_take(lh_jobs *jobs, lh_arena *arena, job_record *ret) {
    job_record *open;
    size_t count;
    int64_t now_ms = lh_time_now_ms();
    if (job_list(jobs, JOBS_OPEN, arena, &open, &count, NULL) != LH_OK) return false;
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&jobs->lock);
        bool ours = jobs_find_locked(jobs, open[i].id) != NULL;
        pthread_mutex_unlock(&jobs->lock);
        if (ours || !run_may_take(jobs, &open[i], now_ms)) continue;
        run_claim(jobs, &open[i], arena);
        lh_code code = job_is_open(&open[i]) ? job_write_claim(jobs, &open[i], arena, NULL)
                                             : job_write(jobs, &open[i], true, arena, NULL);
        if (code != LH_OK) continue;
        jobs_tell(jobs);
        if (!job_is_open(&open[i])) continue;
        *ret = open[i];
        return true;
    }
    return false;
}

/* ---- one job ---- */

lh_str lh_job_id(const lh_job *job) { return lh_uuid_str(&job->id); }
lh_cancel *lh_job_cancel_of(lh_job *job) { return job->cancel; }

lh_change lh_job_claim(const lh_job *job, lh_arena *arena) {
    return (lh_change){.key = job_subject_key(job->subject, arena), .expected = job->claim, .check_only = true};
}

void lh_job_set_phase(lh_job *job, const char *phase) {
    pthread_mutex_lock(&job->jobs->lock); /* how fast it goes is told of each phase by itself */
    job->started_ns = lh_time_monotonic_ns();
    job->done_at_start = atomic_load(&job->done);
    pthread_mutex_unlock(&job->jobs->lock);
    atomic_store(&job->phase, phase);
    jobs_tell(job->jobs);
}

void lh_job_set_total(lh_job *job, uint64_t total) {
    atomic_store(&job->total, total);
    jobs_tell(job->jobs);
}

void lh_job_add_done(lh_job *job, uint64_t done) {
    atomic_fetch_add(&job->done, done);
    jobs_tell(job->jobs);
}

void lh_job_add_problem(lh_job *job, lh_str item, const char *message) {
    atomic_fetch_add(&job->problem_count, 1);
    pthread_mutex_lock(&job->jobs->lock);
    if (job->problems_kept < JOBS_PROBLEMS_KEPT) {
        lh_buf_printf(&job->problems, "%s{\"item\":", job->problems_kept ? "," : "");
        lh_buf_json_string(&job->problems, lh_str_cut_utf8(item, 200));
        lh_buf_printf(&job->problems, ",\"message\":");
        lh_buf_json_string(&job->problems, lh_str_from(message));
        lh_buf_char(&job->problems, '}');
        job->problems_kept++;
    }
    pthread_mutex_unlock(&job->jobs->lock);
    jobs_tell(job->jobs);
}

static bool run_is_worth_another_try(lh_code code) {
    return code == LH_UNAVAILABLE || code == LH_IO || code == LH_CONFLICT || code == LH_LIMIT;
}

int64_t jobs_pause_ms(uint64_t attempts) {
    uint64_t ms = 1000u << (2 * (attempts < 4 ? attempts - 1 : 3));
    return (int64_t)(ms / 2 + lh_random_below(ms / 2 + 1));
}

static void run_conclude(lh_job *job, job_record *record, lh_code code, const lh_json *result, const lh_error *why,
                         lh_arena *arena) {
    lh_jobs *jobs = job->jobs;
    bool again = run_is_worth_another_try(code) && record->attempts < JOBS_ATTEMPTS && !record->cancel;
    pthread_mutex_lock(&jobs->lock);
    bool asked = job->asked_to_end || record->cancel, put_back = code == LH_CANCELLED && !asked;
    pthread_mutex_unlock(&jobs->lock);
    record->owner = LH_STR_NONE;
    record->lease_until_ms = 0;
    record->result = result;
    record->error = code == LH_OK || code == LH_CANCELLED ? NULL : run_error(code, why->message, arena);
    if (again || put_back) {
        record->state = LH_STR("queued");
        record->not_before_ms = again ? lh_time_now_ms() + jobs_pause_ms(record->attempts) : 0;
        if (put_back) record->attempts--; /* it was our end, not the job's */
        return;
    }
    record->state = code == LH_OK ? LH_STR("succeeded") : code == LH_CANCELLED ? LH_STR("cancelled") : LH_STR("failed");
    record->ended_ms = lh_time_now_ms();
}

static void run_count(lh_jobs *jobs, const job_record *record) {
    pthread_mutex_lock(&jobs->lock);
    jobs->stats.running--;
    jobs->stats.succeeded += lh_str_eq(record->state, LH_STR("succeeded"));
    jobs->stats.failed += lh_str_eq(record->state, LH_STR("failed"));
    jobs->stats.cancelled += lh_str_eq(record->state, LH_STR("cancelled"));
    pthread_mutex_unlock(&jobs->lock);
}

/* Its end is written, unless it is another gateway's by now. Keeps trying while the store does not answer, as long as we live. */
static void run_end(lh_job *job, lh_code code, const lh_json *result, const lh_error *why, lh_arena *arena) {
    lh_jobs *jobs = job->jobs;
    job_record record;
    lh_code written = LH_CONFLICT;
    for (int i = 0; written == LH_CONFLICT || written == LH_UNAVAILABLE || written == LH_IO; i++) {
        if (i > 0) lh_time_sleep_ms(i < 10 ? 20 : 1000);
        if (i > 20 && jobs_stopping(jobs)) break;
        written = job_read(jobs, lh_job_id(job), arena, &record, NULL);
        if (written != LH_OK) continue;
        if (!lh_str_eq(record.owner, lh_str_from(jobs->owner))) break;
        pthread_mutex_lock(&jobs->lock);
        job_take_progress_locked(job, &record, arena);
        pthread_mutex_unlock(&jobs->lock);
        run_conclude(job, &record, code, result, why, arena);
        written = job_write(jobs, &record, true, arena, NULL);
    }
    if (written == LH_OK) run_count(jobs, &record);
    if (written == LH_OK && lh_str_eq(record.state, LH_STR("failed")))
        lh_log(LH_LOG_WARN, "job failed", "job", job->id.text, "code", lh_code_name(code), "why", why->message, NULL);
}

static void run_list(lh_job *job, const job_record *record) {
    lh_jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->lock);
    memcpy(job->id.text, record->id.ptr, sizeof job->id.text - 1);
    job->subject = record->subject;
    job->claim = record->version;
    job->started_ns = job->renewed_ns = lh_time_monotonic_ns();
    job->next = jobs->running;
    jobs->running = job;
    jobs->stats.running++;
    if (jobs->stopping) lh_cancel_fire(job->cancel);
    pthread_mutex_unlock(&jobs->lock);
}

static void run_unlist(lh_job *job) {
    pthread_mutex_lock(&job->jobs->lock);
    while (job->renewing) pthread_cond_wait(&job->jobs->changed, &job->jobs->lock);
    lh_job **at = &job->jobs->running;
    while (*at != job) at = &(*at)->next;
    *at = job->next;
    pthread_mutex_unlock(&job->jobs->lock);
}

static lh_code run_kind(lh_job *job, const job_record *record, lh_arena *arena, lh_json **ret, lh_error *err) {
    const lh_jobs *jobs = job->jobs;
    for (size_t i = 0; i < jobs->kind_count; i++)
        if (lh_str_eq(record->kind, lh_str_from(jobs->kinds[i].name)))
            return jobs->kinds[i].run(jobs->kinds[i].ctx, job, record->spec, arena, ret, err);
    return lh_fail(err, LH_INVALID, "this version knows no jobs of the kind '%.*s'", LH_STR_ARG(record->kind));
}

/* False: there is none to run. */
static bool run_job(lh_jobs *jobs, lh_arena *arena) {
    lh_job job = {.jobs = jobs, .problems = LH_BUF_INIT(1 << 20)};
    job_record record;
    lh_json *result = NULL;
    lh_error why = {0};
    atomic_store(&job.phase, "starting");
    atomic_store(&job.total, UINT64_MAX);
    if (lh_cancel_new(&job.cancel, NULL) != LH_OK) return false;
    pthread_mutex_lock(&jobs->claiming);
    bool taken = run_take(jobs, arena, &record);
    if (taken) run_list(&job, &record);
    pthread_mutex_unlock(&jobs->claiming);
    if (taken) {
        lh_code code = run_kind(&job, &record, arena, &result, &why);
        run_end(&job, code, result, &why, arena);
        run_unlist(&job);
        jobs_tell(jobs);
    }
    lh_cancel_free(job.cancel);
    lh_buf_done(&job.problems);
    return taken;
}

/* ---- threads ---- */

/* False once it is to stop. */
static bool run_wait(lh_jobs *jobs, uint64_t ms) {
    const struct timespec until = lh_time_after_ms(ms);
    pthread_mutex_lock(&jobs->lock);
    if (!jobs->stopping) pthread_cond_timedwait(&jobs->work, &jobs->lock, &until);
    bool go_on = !jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return go_on;
}

void *jobs_thread(void *arg) {
    lh_jobs *jobs = arg;
    bool go_on = true;
    while (go_on) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        bool ran = lh_arena_new(JOBS_ARENA_BYTES, &arena, NULL) == LH_OK && run_job(jobs, arena);
        go_on = !jobs_stopping(jobs);
        if (go_on && !ran) go_on = run_wait(jobs, JOBS_LOOK_MS);
    }
    return NULL;
}

/* Renews the lease of one job that runs, and heeds what its document says by now. */
static void keeper_renew(lh_jobs *jobs, lh_job *job, lh_arena *arena) {
    job_record record;
    lh_code code = job_read(jobs, lh_job_id(job), arena, &record, NULL);
    bool ours = code == LH_OK && lh_str_eq(record.owner, lh_str_from(jobs->owner)) && job_is_open(&record);
    bool late = lh_time_monotonic_ns() - job->renewed_ns > JOBS_LEASE_MS * UINT64_C(1000000);
    if ((code == LH_OK && (!ours || record.cancel)) || late) {
        pthread_mutex_lock(&jobs->lock);
        job->asked_to_end |= code == LH_OK && record.cancel;
        pthread_mutex_unlock(&jobs->lock);
        lh_cancel_fire(job->cancel);
        return;
    }
    if (code != LH_OK) return;
    record.done = atomic_load(&job->done);
    record.total = atomic_load(&job->total);
    record.lease_until_ms = lh_time_now_ms() + JOBS_LEASE_MS;
    if (job_write(jobs, &record, true, arena, NULL) == LH_OK) job->renewed_ns = lh_time_monotonic_ns();
}

/* The oldest of those that ended, beyond JOBS_ENDED_KEPT. */
static void keeper_prune(lh_jobs *jobs, lh_arena *arena) {
    lh_document_page page;
    uint64_t count = lh_metastore_count(jobs->metastore, LH_STR(JOBS_ENDED));
    if (count <= JOBS_ENDED_KEPT || lh_metastore_list(jobs->metastore, LH_STR(JOBS_ENDED), LH_STR_NONE,
                                                      (size_t)count - JOBS_ENDED_KEPT, arena, &page, NULL) != LH_OK)
        return;
    for (size_t i = 0; i < page.count; i++) {
        const lh_change change = {.key = page.items[i].key, .expected = page.items[i].version};
        if (lh_metastore_commit(jobs->metastore, &change, 1, NULL, NULL) != LH_OK) return;
    }
}

/* The job behind the last one, taken in hand: it stays in the list until it is let go. */
static lh_job *keeper_next(lh_jobs *jobs, lh_job *last) {
    pthread_mutex_lock(&jobs->lock);
    lh_job *job = last ? last->next : jobs->running;
    if (job) job->renewing = true;
    if (last) last->renewing = false;
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

void *jobs_keeper(void *arg) {
    lh_jobs *jobs = arg;
    uint64_t next_ns = lh_time_monotonic_ns() + JOBS_RENEW_MS * UINT64_C(1000000);
    while (run_wait(jobs, JOBS_LOOK_MS)) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        if (lh_time_monotonic_ns() < next_ns) continue;
        next_ns = lh_time_monotonic_ns() + JOBS_RENEW_MS * UINT64_C(1000000);
        if (lh_arena_new(JOBS_ARENA_BYTES, &arena, NULL) != LH_OK) continue;
        for (lh_job *job = keeper_next(jobs, NULL); job; job = keeper_next(jobs, job)) keeper_renew(jobs, job, arena);
        keeper_prune(jobs, arena);
    }
    return NULL;
}
