/* The module's state, and the list of the jobs that run, for those who ask how far they are. */
#include "maintain/maintain_internal.h"


lh_code lh_maintain_new(const lh_maintain_options *options, lh_maintain **ret, lh_error *err) {
    lh_maintain *maintain = calloc(1, sizeof *maintain);
    if (!maintain) return lh_fail(err, LH_NO_MEMORY, "maintain: out of memory");
    lh_cond_init(&maintain->wake);
    pthread_mutex_init(&maintain->lock, NULL);
    maintain->engine = options->engine;
    maintain->catalog = options->catalog;
    maintain->bucket = options->bucket;
    *ret = maintain;
    return LH_OK;
}

void lh_maintain_free(lh_maintain *maintain) {
    if (!maintain) return;
    lh_maintain_stop(maintain);
    lh_cancel_free(maintain->cancel);
    pthread_cond_destroy(&maintain->wake);
    pthread_mutex_destroy(&maintain->lock);
    free(maintain);
}

void maintain_job_begin(lh_maintain *maintain, maintain_job *job) {
    job->id = lh_uuid_new();
    job->started_ms = lh_time_now_ms();
    pthread_mutex_lock(&maintain->lock);
    job->next = maintain->jobs;
    maintain->jobs = job;
    pthread_mutex_unlock(&maintain->lock);
}

void maintain_job_at(lh_maintain *maintain, maintain_job *job, lh_str dataset) {
    pthread_mutex_lock(&maintain->lock);
    job->dataset = dataset;
    pthread_mutex_unlock(&maintain->lock);
}

void maintain_job_end(lh_maintain *maintain, maintain_job *job) {
    pthread_mutex_lock(&maintain->lock);
    maintain_job **at = &maintain->jobs;
    while (*at != job) at = &(*at)->next;
    *at = job->next;
    pthread_mutex_unlock(&maintain->lock);
}

lh_maintain_stats lh_maintain_get_stats(lh_maintain *maintain) {
    pthread_mutex_lock(&maintain->lock);
    lh_maintain_stats stats = maintain->stats;
    pthread_mutex_unlock(&maintain->lock);
    return stats;
}

static lh_json *maintain_job_json(const maintain_job *job, lh_arena *arena) {
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "id", lh_uuid_str(&job->id));
    lh_json_set_string(arena, item, "kind", lh_str_from(job->kind));
    lh_json_set_string(arena, item, "dataset", job->dataset);
    lh_json_set_string(arena, item, "phase", lh_str_from(atomic_load(&job->phase)));
    lh_json_set_uint(arena, item, "files_total", atomic_load(&job->files_total));
    lh_json_set_uint(arena, item, "files_done", atomic_load(&job->files_done));
    lh_json_set_string(arena, item, "started_at", lh_str_from(lh_time_rfc3339(job->started_ms).text));
    return item;
}

lh_code lh_maintain_jobs(lh_maintain *maintain, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *answer = lh_json_new_object(arena), *jobs = lh_json_new_array(arena), *policy = lh_json_new_object(arena);
    pthread_mutex_lock(&maintain->lock);
    lh_json_set_bool(arena, policy, "enabled", maintain->started);
    lh_json_set_uint(arena, policy, "rounds", maintain->stats.rounds);
    for (const maintain_job *job = maintain->jobs; job; job = job->next)
        lh_json_append(jobs, maintain_job_json(job, arena));
    pthread_mutex_unlock(&maintain->lock);
    lh_json_set(arena, answer, "jobs", jobs);
    lh_json_set(arena, answer, "policy", policy);
    *ret = answer;
    return lh_arena_check(arena, err);
}
