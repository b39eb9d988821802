/* Keeping indexes up with their datasets. An index is stale when the dataset's snapshot is another than was embedded, whoever made
 * it, or the model of its name makes other vectors by now. One thread looks every few seconds: what is to follow each change is
 * refreshed, and what has its time at that time, each by the job that made it. A job that fails is asked for again: at each such time, or
 * after pauses that grow; not one that was cancelled. */
#include "vector/vector_internal.h"

enum {
    REFRESH_LOOK_MS = 2000,
    REFRESH_ARENA_BYTES = 64 << 20,
    REFRESH_PAUSE_MS = 10000,
    REFRESH_PAUSE_MAX_MS = 3600000
};

/* ---- what is stale ---- */

/* When the dataset came to be another than what was embedded: the time of the snapshot behind that one. 0: it is not. */
static int64_t stale_dataset_since(lh_catalog *catalog, const vector_definition *d, lh_arena *arena) {
    lh_json *loaded = NULL;
    lh_str etag;
    int64_t now = -1, since = 0;
    bool behind = false;
    if (d->over_view || lh_table_snapshot_id(catalog, d->dataset, &now, NULL) != LH_OK ||
        now == d->dataset_snapshot_id ||
        lh_table_load(catalog, d->dataset, false, LH_STR_NONE, arena, &loaded, &etag, NULL) != LH_OK)
        return 0;
    const lh_json *log = lh_json_get(lh_json_get(loaded, "metadata"), "snapshot-log");
    for (lh_json_iter it = lh_json_each(log); lh_json_next(&it);) {
        int64_t id = lh_json_int(lh_json_get(it.value, "snapshot-id"), -1),
                at = lh_json_int(lh_json_get(it.value, "timestamp-ms"), 0);
        if (id == d->dataset_snapshot_id) behind = true, since = 0;
        else if (!since && (behind || at >= d->last_embedded_ms)) since = at;
    }
    return since ? since : d->last_embedded_ms;
}

vector_stale vector_stale_of(lh_vector *vector, const vector_definition *d, lh_arena *arena) {
    int64_t model_ms = 0, dataset_ms = stale_dataset_since(vector->catalog, d, arena);
    lh_ai_model now;
    if (d->last_embedded_ms && lh_ai_has_changed(vector->ai, LH_AI_EMBED, &d->model, arena, &now, &model_ms))
        return (vector_stale){"model", model_ms > d->last_embedded_ms ? model_ms : d->last_embedded_ms};
    return (vector_stale){dataset_ms ? "dataset" : NULL, dataset_ms};
}

static lh_json *stale_item(const vector_definition *d, vector_stale stale, lh_arena *arena) {
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "index", d->name);
    lh_json_set_string(arena, item, "dataset", lh_table_name_text(d->dataset, arena));
    lh_json_set_string(arena, item, "embedding_stale_since", lh_str_from(lh_time_rfc3339(stale.since_ms).text));
    lh_json_set_string(arena, item, "stale_because", lh_str_from(stale.because));
    vector_set_time(arena, item, "last_embedded_at", d->last_embedded_ms);
    lh_json_set_string(arena, item, "refresh", d->refresh);
    return item;
}

static lh_code stale_take(void *ctx, const vector_definition *d, lh_arena *arena, lh_json **ret, lh_error *err) {
    (void)err;
    vector_stale stale = vector_stale_of(ctx, d, arena);
    *ret = stale.because ? stale_item(d, stale, arena) : NULL;
    return LH_OK;
}

lh_code lh_vector_stale(lh_vector *vector, lh_page page, const lh_vector_caller *caller, lh_arena *arena, lh_json **ret,
                        lh_error *err) {
    if (!caller->governor) return vector_definition_list(vector, page, stale_take, vector, arena, ret, err);
    /* of a dataset seen in part it would tell of hidden changes */
    *ret = lh_json_page(arena, lh_json_new_array(arena), LH_STR_NONE);
    return lh_arena_check(arena, err);
}

/* ---- asked for ---- */

/* The job that made the index, once more. */
static lh_code refresh_ask(lh_vector *vector, lh_jobs *jobs, const vector_definition *d, const lh_vector_caller *caller,
                           lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *body = vector_definition_json(d, arena);
    lh_json_remove(body, LH_STR("model")); /* it keeps its own, as long as that is there */
    lh_json_remove(body, LH_STR("hnsw"));  /* as it is when the job runs */
    lh_json_remove(body, LH_STR("recall_target"));
    lh_json_remove(body, LH_STR("refresh"));
    return lh_vector_index(vector, jobs, body, caller, arena, ret, err);
}

typedef struct {
    lh_vector *vector;
    const lh_vector_caller *caller;
    lh_table_name dataset;
    vector_definition *found;
    size_t count, room;
} refresh_list;

/* Those of the dataset that the caller may write. */
static lh_code refresh_take(void *ctx, const vector_definition *d, lh_arena *arena, lh_error *err) {
    refresh_list *list = ctx;
    bool may;
    if (!lh_str_eq(d->dataset.namespace_, list->dataset.namespace_) || !lh_str_eq(d->dataset.name, list->dataset.name))
        return LH_OK;
    LH_TRY(vector_may_index(list->vector, list->caller, d, arena, &may, err));
    if (!may) return LH_OK;
    if (list->count == list->room) {
        vector_definition *more = LH_ARENA_ARRAY(arena, vector_definition, list->room * 2 + 8);
        LH_TRY(lh_arena_check(arena, err));
        for (size_t i = 0; i < list->count; i++) more[i] = list->found[i];
        list->found = more;
        list->room = list->room * 2 + 8;
    }
    list->found[list->count++] = *d;
    return LH_OK;
}

/* The job that embeds into the index now; NULL: none does. */
static const lh_json *refresh_running(lh_jobs *jobs, const vector_definition *d, lh_arena *arena) {
    static const char *const states[] = {"running", "queued"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        lh_json *list = NULL;
        const lh_job_filter filter = {.subject = vector_subject(d->name, arena),
                                      .kind = LH_STR(VECTOR_JOB_INDEX),
                                      .state = lh_str_from(states[i])};
        if (lh_jobs_list(jobs, &filter, arena, &list, NULL) == LH_OK && lh_json_size(lh_json_get(list, "items")))
            return lh_json_at(lh_json_get(list, "items"), 0);
    }
    return NULL;
}

static lh_json *refresh_problem(const vector_definition *d, lh_code code, const lh_error *why, lh_arena *arena) {
    lh_json *problem = lh_json_new_object(arena);
    lh_json_set_string(arena, problem, "index", d->name);
    lh_json_set_string(arena, problem, "code", lh_str_from(lh_code_name(code)));
    lh_json_set_string(arena, problem, "message", lh_arena_dup(arena, lh_str_from(why->message)));
    return problem;
}

/* Each that can be: what keeps one from it does not keep the others. */
lh_code lh_vector_refresh(lh_vector *vector, lh_jobs *jobs, lh_str dataset, const lh_vector_caller *caller,
                          lh_arena *arena, lh_json **ret, lh_error *err) {
    refresh_list list = {.vector = vector, .caller = caller};
    lh_json *answer = lh_json_new_object(arena), *items = lh_json_new_array(arena),
            *problems = lh_json_new_array(arena);
    lh_error why = {0};
    lh_code code = LH_OK;
    LH_TRY(lh_table_name_parse(vector->catalog, dataset, arena, &list.dataset, err));
    LH_TRY(vector_definition_each(vector, refresh_take, &list, arena, err));
    if (!list.count)
        return lh_fail(err, caller->governor ? LH_DENIED : LH_NOT_FOUND,
                       "there is no index of '%.*s' that you may write",
                       LH_STR_ARG(lh_table_name_text(list.dataset, arena)));
    for (size_t i = 0; i < list.count; i++) {
        const vector_definition *d = &list.found[i];
        lh_json *job = NULL;
        code = refresh_ask(vector, jobs, d, caller, arena, &job, &why);
        const lh_json *running = code == LH_CONFLICT ? refresh_running(jobs, d, arena) : NULL;
        if (running) job = lh_json_copy(arena, running);
        if (job) lh_json_append(items, job);
        else lh_json_append(problems, refresh_problem(d, code, &why, arena));
    }
    if (!lh_json_size(items)) return lh_fail(err, code, "%s", why.message);
    lh_json_set(arena, answer, "items", items);
    lh_json_set(arena, answer, "problems", problems);
    *ret = answer;
    return lh_arena_check(arena, err);
}

/* ---- by itself ---- */

/* For which snapshot of its dataset, and which model, an index was asked to be refreshed, and when it is asked again. */
typedef struct asked {
    struct asked *next;
    lh_str index; /* owned */
    bool was;     /* asked for the two that follow */
    int64_t snapshot_id;
    uint64_t model; /* a hash of the version that its model has now; 0: that of the index */
    uint64_t pause_ms, next_ms;
} asked;

struct vector_watch {
    lh_vector *vector;
    lh_jobs *jobs;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping; /* under lock */
    asked *asked;
    int64_t minute; /* that was looked at last */
    bool new_minute;
};

static asked *watch_asked(vector_watch *watch, const vector_definition *d) {
    asked *at = watch->asked;
    while (at && !lh_str_eq(at->index, d->name)) at = at->next;
    if (at || !(at = calloc(1, sizeof *at))) return at;
    if (lh_str_dup(d->name, &at->index) != LH_OK) return free(at), NULL;
    at->next = watch->asked;
    return watch->asked = at;
}

/* The last job of the index failed, or there is none. */
static bool watch_failed(const vector_watch *watch, const vector_definition *d, lh_arena *arena) {
    lh_json *list = NULL;
    const lh_job_filter filter = {.subject = vector_subject(d->name, arena), .page = {.limit = 1}};
    if (lh_jobs_list(watch->jobs, &filter, arena, &list, NULL) != LH_OK) return false;
    const lh_json *last = lh_json_at(lh_json_get(list, "items"), 0);
    return !last || lh_str_eq(lh_json_get_string(last, "state"), LH_STR("failed"));
}

/* What has its time is asked for each time. */
static bool watch_was_asked(vector_watch *watch, const vector_definition *d, int64_t snapshot_id, uint64_t model,
                            lh_arena *arena) {
    asked *at = watch_asked(watch, d);
    if (!at) return true;
    uint64_t now = lh_time_monotonic_ms();
    bool again = at->was && at->snapshot_id == snapshot_id && at->model == model;
    if (again && lh_str_eq(d->refresh, LH_STR("on_append")) && (now < at->next_ms || !watch_failed(watch, d, arena)))
        return true;
    at->pause_ms = !again                                    ? REFRESH_PAUSE_MS
                   : at->pause_ms * 2 < REFRESH_PAUSE_MAX_MS ? at->pause_ms * 2
                                                             : REFRESH_PAUSE_MAX_MS;
    at->next_ms = now + at->pause_ms;
    at->was = true;
    at->snapshot_id = snapshot_id;
    at->model = model;
    return false;
}

static void watch_forget(vector_watch *watch, const vector_definition *d) {
    for (asked *at = watch->asked; at; at = at->next)
        if (lh_str_eq(at->index, d->name)) at->was = false;
}

static bool watch_is_due(vector_watch *watch, const vector_definition *d) {
    lh_cron cron;
    if (lh_str_eq(d->refresh, LH_STR("on_append"))) return true;
    return lh_str_eq(d->refresh, LH_STR("scheduled")) && watch->new_minute &&
           lh_cron_parse(d->cron, &cron, NULL) == LH_OK && lh_cron_matches(&cron, watch->minute * 60000);
}

static lh_code watch_take(void *ctx, const vector_definition *d, lh_arena *arena, lh_error *err) {
    vector_watch *watch = ctx;
    lh_json *job = NULL;
    lh_error why = {0};
    int64_t now = d->dataset_snapshot_id, since_ms;
    uint64_t hash = 0;
    lh_ai_model model;
    (void)err;
    if (d->over_view || !d->last_embedded_ms || !watch_is_due(watch, d) ||
        lh_table_snapshot_id(watch->vector->catalog, d->dataset, &now, NULL) != LH_OK)
        return LH_OK;
    if (lh_ai_has_changed(watch->vector->ai, LH_AI_EMBED, &d->model, arena, &model, &since_ms))
        hash = lh_hash_fast(model.version);
    if ((now == d->dataset_snapshot_id && !hash) || watch_was_asked(watch, d, now, hash, arena)) return LH_OK;
    const lh_vector_caller caller = {.by = d->by};
    lh_code code = refresh_ask(watch->vector, watch->jobs, d, &caller, arena, &job, &why);
    if (code == LH_CONFLICT) watch_forget(watch, d); /* a job is at work: ask behind it */
    if (code != LH_OK && code != LH_CONFLICT)
        lh_log(LH_LOG_WARN, "an index is not refreshed", "index", lh_arena_cstr(arena, d->name), "code",
               lh_code_name(code), "why", why.message, NULL);
    return LH_OK;
}

static bool watch_wait(vector_watch *watch) {
    const struct timespec until = lh_time_after_ms(REFRESH_LOOK_MS);
    pthread_mutex_lock(&watch->lock);
    if (!watch->stopping) pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
    bool go_on = !watch->stopping;
    pthread_mutex_unlock(&watch->lock);
    return go_on;
}

static void *watch_run(void *arg) {
    vector_watch *watch = arg;
    while (watch_wait(watch)) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        int64_t minute = lh_time_now_ms() / 60000;
        watch->new_minute = minute != watch->minute;
        watch->minute = minute;
        if (lh_arena_new(REFRESH_ARENA_BYTES, &arena, NULL) == LH_OK)
            (void)!vector_definition_each(watch->vector, watch_take, watch, arena, NULL);
    }
    return NULL;
}

lh_code lh_vector_watch(lh_vector *vector, lh_jobs *jobs, lh_error *err) {
    vector_watch *watch = calloc(1, sizeof *watch);
    if (!watch) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    lh_cond_init(&watch->changed);
    pthread_mutex_init(&watch->lock, NULL);
    watch->vector = vector;
    watch->jobs = jobs;
    watch->minute = lh_time_now_ms() / 60000;
    if (pthread_create(&watch->thread, NULL, watch_run, watch) != 0) {
        pthread_cond_destroy(&watch->changed);
        pthread_mutex_destroy(&watch->lock);
        free(watch);
        return lh_fail(err, LH_NO_MEMORY, "vector: cannot start a thread");
    }
    vector->watch = watch;
    return vector_recall_start(vector, jobs, err);
}

void lh_vector_unwatch(lh_vector *vector) {
    vector_watch *watch = vector ? vector->watch : NULL;
    if (!watch) return;
    vector_recall_stop(vector);
    vector->watch = NULL;
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    for (asked *at = watch->asked, *next; at; at = next) {
        next = at->next;
        lh_str_free(at->index);
        free(at);
    }
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}
