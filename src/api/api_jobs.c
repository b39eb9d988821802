/* /jobs: work in the background. A caller sees the jobs that it asked for; an administrator all of them. */
#include "api/request_internal.h"

enum { JOBS_PAGE = 100, JOBS_EVENT_MS = 250, JOBS_SILENCE_MS = 15000, JOBS_STREAMS_MAX = 16 };

static lh_code jobs_of(const lh_request *request, lh_jobs **ret, lh_error *err) {
    *ret = lh_request_app(request)->jobs;
    return *ret ? LH_OK : lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
}

static lh_str jobs_caller(const lh_request *request) {
    bool governed;
    lh_permission permission;
    return lh_request_principal(request, &governed, &permission);
}

static lh_code jobs_check_state(lh_str state, lh_error *err) {
    if (state.len == 0) return LH_OK;
    for (size_t i = 0; i < LH_JOB_STATES; i++)
        if (lh_str_eq(state, lh_str_from(lh_job_states[i]))) return LH_OK;
    return lh_fail(err, LH_INVALID, "'state' is queued, running, succeeded, failed or cancelled, not '%.*s'",
                   LH_STR_ARG(lh_str_cut_utf8(state, 100)));
}

lh_code api_jobs_list(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    lh_jobs *jobs;
    lh_job_filter filter = {.state = lh_request_query(request, "state"),
                            .kind = lh_request_query(request, "kind"),
                            .subject = lh_request_query(request, "subject")};
    LH_TRY(jobs_of(request, &jobs, err));
    LH_TRY(jobs_check_state(filter.state, err));
    if (!lh_request_may(request, LH_PERMIT_ADMIN)) filter.by = jobs_caller(request);
    LH_TRY(lh_request_page(request, JOBS_PAGE, &filter.page, err));
    LH_TRY(lh_jobs_list(jobs, &filter, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

/* That of the path, if the caller may see it; one of another is as one that is not there. */
static lh_code jobs_find(lh_request *request, lh_jobs **ret_jobs, lh_json **ret, lh_error *err) {
    lh_str id = lh_request_param(request, "id");
    LH_TRY(jobs_of(request, ret_jobs, err));
    LH_TRY(lh_job_get(*ret_jobs, id, lh_request_arena(request), ret, err));
    if (lh_request_may(request, LH_PERMIT_ADMIN) ||
        lh_str_eq(lh_json_get_string(*ret, "created_by"), jobs_caller(request)))
        return LH_OK;
    return lh_fail(err, LH_NOT_FOUND, "there is no job '%.*s'", LH_STR_ARG(id));
}

lh_code api_job_get(lh_request *request, lh_error *err) {
    lh_json *job = NULL;
    lh_jobs *jobs;
    LH_TRY(jobs_find(request, &jobs, &job, err));
    return lh_respond_json(request, 200, job, err);
}

lh_code api_job_cancel(lh_request *request, lh_error *err) {
    lh_json *job = NULL;
    lh_jobs *jobs;
    LH_TRY(jobs_find(request, &jobs, &job, err));
    LH_TRY(lh_job_cancel(jobs, lh_request_param(request, "id"), lh_request_arena(request), &job, err));
    return lh_respond_json(request, 202, job, err);
}

lh_code api_job_retry(lh_request *request, lh_error *err) {
    lh_json *job = NULL;
    lh_jobs *jobs;
    LH_TRY(jobs_find(request, &jobs, &job, err));
    LH_TRY(lh_job_retry(jobs, lh_request_param(request, "id"), lh_request_arena(request), &job, err));
    return lh_respond_json(request, 202, job, err);
}

/* ---- events, as HTML's specification has them (Server-sent events) ---- */

static lh_code jobs_send(lh_request *request, const lh_json *job, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str text;
    LH_TRY(lh_arena_new(4 << 20, &arena, err));
    LH_TRY(lh_json_write(arena, job, false, &text, err));
    lh_str event = lh_arena_printf(arena, "event: %s\ndata: %.*s\n\n", lh_job_has_ended(job) ? "end" : "progress",
                                   LH_STR_ARG(text));
    LH_TRY(lh_arena_check(arena, err));
    return lh_respond_write(request, event, err);
}

/* Until the job has ended, or the client has gone. Each look has an arena of its own: this may take hours. */
static lh_code jobs_stream(lh_request *request, lh_jobs *jobs, lh_error *err) {
    uint64_t change = 0;
    for (bool ended = false; !ended;) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_json *job = NULL;
        uint64_t before = change;
        LH_TRY(lh_arena_new(16 << 20, &arena, err));
        LH_TRY(lh_job_watch(jobs, lh_request_param(request, "id"), JOBS_SILENCE_MS, &change, arena, &job, err));
        bool silent = before != 0 && change == before;
        LH_TRY(silent ? lh_respond_write(request, LH_STR(": still here\n\n"), err) : jobs_send(request, job, err));
        ended = lh_job_has_ended(job);
        if (!ended) lh_time_sleep_ms(JOBS_EVENT_MS);
        if (lh_cancel_fired(lh_request_cancel(request))) return lh_fail(err, LH_CANCELLED, "the client has gone");
    }
    return LH_OK;
}

lh_code api_job_events(lh_request *request, lh_error *err) {
    api_counters *counters = api_request_counters(request);
    lh_json *job = NULL;
    lh_jobs *jobs;
    LH_TRY(jobs_find(request, &jobs, &job, err));
    lh_code code = LH_OK;
    if (atomic_fetch_add(&counters->event_streams, 1) >= JOBS_STREAMS_MAX) /* each holds a worker */
        code = lh_fail(err, LH_UNAVAILABLE, "%d streams of events are open; ask for the job itself, again and again",
                       JOBS_STREAMS_MAX);
    if (code == LH_OK) lh_respond_header(request, "Cache-Control", LH_STR("no-store"));
    if (code == LH_OK) code = lh_respond_begin(request, 200, "text/event-stream", UINT64_MAX, err);
    if (code == LH_OK) code = jobs_stream(request, jobs, err);
    atomic_fetch_sub(&counters->event_streams, 1);
    return code;
}
