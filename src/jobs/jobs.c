/* What those who ask for work call. A job is changed by a commit that names the version it was read at, so a gateway that runs it
 * and one that cancels it cannot overwrite each other: who is late reads again. */
#include "jobs/jobs_internal.h"

#include <errno.h>

enum { JOBS_TRIES = 10 };

void jobs_tell(lh_jobs *jobs) {
    pthread_mutex_lock(&jobs->lock);
    jobs->changes++;
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock);
}

bool jobs_stopping(lh_jobs *jobs) {
    pthread_mutex_lock(&jobs->lock);
    bool stopping = jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return stopping;
}

/* There may be something to do. */
static void jobs_call(lh_jobs *jobs) {
    jobs_tell(jobs);
    pthread_mutex_lock(&jobs->lock);
    pthread_cond_broadcast(&jobs->work);
    pthread_mutex_unlock(&jobs->lock);
}

lh_job *jobs_find_locked(lh_jobs *jobs, lh_str id) {
    lh_job *job = jobs->running;
    while (job && !lh_str_eq(lh_uuid_str(&job->id), id)) job = job->next;
    return job;
}

/* ---- open and close ---- */

static lh_code jobs_start(lh_jobs *jobs, lh_error *err) {
    jobs->threads = calloc(jobs->thread_count + 1, sizeof *jobs->threads);
    if (!jobs->threads) return lh_fail(err, LH_NO_MEMORY, "jobs: out of memory");
    for (; jobs->started <= jobs->thread_count; jobs->started++)
        if (pthread_create(&jobs->threads[jobs->started], NULL,
                           jobs->started < jobs->thread_count ? jobs_thread : jobs_keeper, jobs) != 0)
            return lh_fail(err, LH_NO_MEMORY, "jobs: cannot start a thread");
    return LH_OK;
}

lh_code lh_jobs_new(const lh_jobs_options *options, lh_jobs **ret, lh_error *err) {
    LH_CLEANUP(lh_jobs_freep) lh_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs) return lh_fail(err, LH_NO_MEMORY, "jobs: out of memory");
    lh_cond_init(&jobs->changed);
    lh_cond_init(&jobs->work);
    pthread_mutex_init(&jobs->claiming, NULL);
    pthread_mutex_init(&jobs->lock, NULL);
    jobs->catalog = options->catalog;
    jobs->metastore = lh_catalog_metastore(options->catalog);
    jobs->kinds = options->kinds;
    jobs->kind_count = options->kind_count;
    jobs->thread_count = options->threads ? options->threads : 1;
    jobs_name_owner(jobs->owner, sizeof jobs->owner);
    LH_TRY(jobs_start(jobs, err));
    *ret = lh_take(&jobs);
    return LH_OK;
}

void lh_jobs_stop(lh_jobs *jobs) {
    if (!jobs) return;
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    for (lh_job *job = jobs->running; job; job = job->next) lh_cancel_fire(job->cancel);
    pthread_cond_broadcast(&jobs->changed);
    pthread_cond_broadcast(&jobs->work);
    pthread_mutex_unlock(&jobs->lock);
    while (jobs->started > 0) pthread_join(jobs->threads[--jobs->started], NULL);
}

void lh_jobs_free(lh_jobs *jobs) {
    if (!jobs) return;
    lh_jobs_stop(jobs);
    free(jobs->threads);
    pthread_cond_destroy(&jobs->changed);
    pthread_cond_destroy(&jobs->work);
    pthread_mutex_destroy(&jobs->claiming);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

/* ---- ask ---- */

static lh_json *jobs_show(lh_jobs *jobs, const job_record *record, lh_arena *arena) {
    pthread_mutex_lock(&jobs->lock); /* it may end while it is shown */
    lh_json *json = job_show_locked(*record, jobs_find_locked(jobs, record->id), arena);
    pthread_mutex_unlock(&jobs->lock);
    return json;
}

static bool jobs_knows(const lh_jobs *jobs, lh_str kind) {
    for (size_t i = 0; i < jobs->kind_count; i++)
        if (lh_str_eq(kind, lh_str_from(jobs->kinds[i].name))) return true;
    return false;
}

/* The open job of a subject; empty: there is none. */
static lh_str jobs_holder(lh_jobs *jobs, lh_str subject, lh_arena *arena) {
    lh_str text;
    uint64_t version;
    lh_json *holder = NULL;
    bool found =
        lh_metastore_get(jobs->metastore, job_subject_key(subject, arena), arena, &text, &version, NULL) == LH_OK &&
        lh_json_parse(arena, text, &holder, NULL) == LH_OK;
    return found ? lh_json_get_string(holder, "id") : LH_STR_NONE;
}

static lh_code jobs_is_busy(lh_jobs *jobs, lh_str subject, lh_arena *arena, lh_error *err) {
    lh_str id = jobs_holder(jobs, subject, arena);
    return lh_fail(err, LH_CONFLICT, "'%.*s' is being worked on already, by the job %.*s", LH_STR_ARG(subject),
                   LH_STR_ARG(id));
}

lh_code lh_job_submit(lh_jobs *jobs, const lh_job_request *request, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_uuid id = lh_uuid_new();
    if (!jobs_knows(jobs, request->kind))
        return lh_fail(err, LH_INVALID, "there are no jobs of the kind '%.*s'", LH_STR_ARG(request->kind));
    if (lh_metastore_count(jobs->metastore, LH_STR(JOBS_OPEN)) >= JOBS_OPEN_MAX)
        return lh_fail(err, LH_LIMIT, "%d jobs wait already; try again when some have ended", JOBS_OPEN_MAX);
    const job_record record = {.id = lh_arena_dup(arena, lh_uuid_str(&id)),
                               .kind = request->kind,
                               .subject = request->subject,
                               .state = LH_STR("queued"),
                               .by = request->by,
                               .spec = request->spec,
                               .created_ms = lh_time_now_ms(),
                               .total = UINT64_MAX,
                               .version = LH_VERSION_ABSENT};
    lh_code code = job_write(jobs, &record, true, arena, err);
    if (code == LH_CONFLICT) return jobs_is_busy(jobs, request->subject, arena, err);
    LH_TRY(code);
    jobs_call(jobs);
    *ret = jobs_show(jobs, &record, arena);
    return lh_arena_check(arena, err);
}

lh_code lh_job_get(lh_jobs *jobs, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err) {
    job_record record;
    LH_TRY(job_read(jobs, id, arena, &record, err));
    *ret = jobs_show(jobs, &record, arena);
    return lh_arena_check(arena, err);
}

lh_code lh_job_get_of(lh_jobs *jobs, lh_str subject, lh_arena *arena, lh_json **ret, lh_error *err) {
    return lh_job_get(jobs, jobs_holder(jobs, subject, arena), arena, ret, err);
}

static bool jobs_passes(const job_record *record, const lh_job_filter *filter) {
    return (!filter->state.len || lh_str_eq(filter->state, record->state)) &&
           (!filter->kind.len || lh_str_eq(filter->kind, record->kind)) &&
           (!filter->subject.len || lh_str_eq(filter->subject, record->subject)) &&
           (!filter->by.len || lh_str_eq(filter->by, record->by)) &&
           (!filter->page.token.len || lh_str_cmp(record->id, filter->page.token) < 0);
}

static int jobs_newest_first(const void *a, const void *b) {
    const job_record *x = a, *y = b;
    return lh_str_cmp(y->id, x->id);
}

lh_code lh_jobs_list(lh_jobs *jobs, const lh_job_filter *filter, lh_arena *arena, lh_json **ret, lh_error *err) {
    job_record *open, *ended;
    size_t open_count, ended_count, count = 0;
    LH_TRY(job_list(jobs, JOBS_ENDED, arena, &ended, &ended_count, err));
    LH_TRY(job_list(jobs, JOBS_OPEN, arena, &open, &open_count, err));
    job_record *all = LH_ARENA_ARRAY(arena, job_record, open_count + ended_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < open_count; i++)
        if (jobs_passes(&open[i], filter)) all[count++] = open[i];
    for (size_t i = 0; i < ended_count; i++)
        if (jobs_passes(&ended[i], filter)) all[count++] = ended[i];
    qsort(all, count, sizeof *all, jobs_newest_first);
    size_t shown = filter->page.limit && filter->page.limit < count ? filter->page.limit : count;
    lh_json *items = lh_json_new_array(arena);
    for (size_t i = 0; i < shown; i++) lh_json_append(items, jobs_show(jobs, &all[i], arena));
    *ret = lh_json_page(arena, items, shown < count ? all[shown - 1].id : LH_STR_NONE);
    return lh_arena_check(arena, err);
}

/* ---- change ---- */

/* A person's wish, written to the record. Errors: CONFLICT ends it. */
typedef lh_code (*jobs_wish)(job_record *record, lh_error *err);

static lh_code jobs_change(lh_jobs *jobs, lh_str id, jobs_wish wish, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_code code = LH_CONFLICT;
    job_record record;
    for (int i = 0; i < JOBS_TRIES && code == LH_CONFLICT; i++) {
        LH_TRY(job_read(jobs, id, arena, &record, err));
        bool was_open = job_is_open(&record);
        LH_TRY(wish(&record, err));
        if (!was_open && job_is_open(&record) && jobs_holder(jobs, record.subject, arena).len)
            return jobs_is_busy(jobs, record.subject, arena, err);
        code = was_open || job_is_open(&record) ? job_write(jobs, &record, was_open, arena, err) : LH_OK;
    }
    LH_TRY(code);
    pthread_mutex_lock(&jobs->lock);
    lh_job *live = record.cancel ? jobs_find_locked(jobs, id) : NULL;
    if (live) live->asked_to_end = true;
    if (live) lh_cancel_fire(live->cancel);
    pthread_mutex_unlock(&jobs->lock);
    jobs_call(jobs);
    *ret = jobs_show(jobs, &record, arena);
    return lh_arena_check(arena, err);
}

static lh_code jobs_wish_end(job_record *record, lh_error *err) {
    (void)err;
    if (!job_is_open(record)) return LH_OK;
    record->cancel = true; /* who runs it ends it */
    if (lh_str_eq(record->state, LH_STR("running"))) return LH_OK;
    record->state = LH_STR("cancelled");
    record->ended_ms = lh_time_now_ms();
    return LH_OK;
}

static lh_code jobs_wish_again(job_record *record, lh_error *err) {
    if (job_is_open(record) || lh_str_eq(record->state, LH_STR("succeeded")))
        return lh_fail(err, LH_CONFLICT, "the job %.*s is %.*s: only one that failed or was cancelled is tried again",
                       LH_STR_ARG(record->id), LH_STR_ARG(record->state));
    if (record->retired.len)
        return lh_fail(err, LH_CONFLICT, "the job %.*s is not tried again: %.*s", LH_STR_ARG(record->id),
                       LH_STR_ARG(record->retired));
    record->state = LH_STR("queued");
    record->cancel = false;
    record->attempts = record->cut_off = 0;
    record->not_before_ms = record->ended_ms = 0;
    record->error = NULL;
    return LH_OK;
}

lh_code lh_job_cancel(lh_jobs *jobs, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err) {
    return jobs_change(jobs, id, jobs_wish_end, arena, ret, err);
}

lh_code lh_job_retry(lh_jobs *jobs, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err) {
    return jobs_change(jobs, id, jobs_wish_again, arena, ret, err);
}

/* What each of the subject's jobs that could be tried again becomes. */
lh_code lh_jobs_retire(lh_jobs *jobs, lh_str subject, lh_str why, lh_arena *arena, lh_change **ret, size_t *ret_count,
                       lh_error *err) {
    job_record *ended;
    size_t count, used = 0;
    if (jobs_holder(jobs, subject, arena).len) return jobs_is_busy(jobs, subject, arena, err);
    LH_TRY(job_list(jobs, JOBS_ENDED, arena, &ended, &count, err));
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < count; i++) {
        if (!lh_str_eq(ended[i].subject, subject) || lh_str_eq(ended[i].state, LH_STR("succeeded"))) continue;
        ended[i].retired = why;
        LH_TRY(job_change(&ended[i], arena, &changes[used++], err));
    }
    changes[used++] = (lh_change){/* none begins meanwhile */
                                  .key = job_subject_key(subject, arena),
                                  .expected = LH_VERSION_ABSENT,
                                  .check_only = true};
    *ret = changes;
    *ret_count = used;
    return lh_arena_check(arena, err);
}

/* ---- watch ---- */

lh_code lh_job_watch(lh_jobs *jobs, lh_str id, uint64_t timeout_ms, uint64_t *change, lh_arena *arena, lh_json **ret,
                     lh_error *err) {
    const struct timespec until = lh_time_after_ms(timeout_ms);
    pthread_mutex_lock(&jobs->lock);
    while (*change && jobs->changes < *change && !jobs->stopping)
        if (pthread_cond_timedwait(&jobs->changed, &jobs->lock, &until) == ETIMEDOUT) break;
    *change = jobs->changes + 1;
    bool stopping = jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    if (stopping) return lh_fail(err, LH_UNAVAILABLE, "the server is stopping");
    return lh_job_get(jobs, id, arena, ret, err);
}

lh_jobs_stats lh_jobs_get_stats(lh_jobs *jobs) {
    uint64_t open = lh_metastore_count(jobs->metastore, LH_STR(JOBS_OPEN));
    pthread_mutex_lock(&jobs->lock);
    lh_jobs_stats stats = jobs->stats;
    pthread_mutex_unlock(&jobs->lock);
    stats.queued = open > stats.running ? open - stats.running : 0;
    return stats;
}
