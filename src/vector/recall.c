/* A served index keeps its promise: one search of the graph in so many is asked once more, exactly, and what was found of that is kept in a
 * window. Below the target it is said, and the index is tuned anew, once a snapshot. A search pays for a copy of its query, at most
 * once in `sample_ms`; the exact search is this file's thread's. The query lives until then, in memory, and is told to nobody.
 *
 * The same thread makes indexes ready before anybody waits for them: at a start those whose files are at hand, those of a bucket that
 * came, and those whose definition has another config than the graph that is held. What searches made ready it writes to the bucket (beside.c).
 *
 * `lock` guards all but what is set at the start. The thread alone changes windows' contents, holding it. */
#include "vector/trial_internal.h"

#include <stdio.h>

enum {
    RECALL_WINDOW = 200,
    RECALL_ENOUGH = 50,
    RECALL_LOOK_MS = 2000,
    RECALL_PAUSE_MS = 60000,
    RECALL_ARENA_BYTES = 64 << 20,
};

typedef struct recall_sample {
    lh_str index;                /* owned, as all of it */
    const vector_served *served; /* a reference */
    lh_hnsw_config config;
    float *query, *scores; /* scores: of what was found, `found` of them */
    uint64_t *allowed;
    uint32_t k, found;
} recall_sample;

typedef struct recall_window {
    struct recall_window *next;
    lh_str index;          /* owned */
    lh_hnsw_config config; /* what the samples are of; another one begins anew */
    double values[RECALL_WINDOW];
    size_t count, at;
    bool below;
    int64_t tuned_snapshot_id;
} recall_window;

typedef struct recall_bucket {
    struct recall_bucket *next;
    lh_str name; /* owned */
} recall_bucket;

struct vector_recall {
    lh_vector *vector;
    lh_jobs *jobs;
    lh_cancel *cancel;
    uint64_t sample_every, sample_ms;
    bool retune;
    pthread_t thread;
    bool started;
    _Atomic uint64_t searches;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping, to_map;
    recall_sample *pending;
    uint64_t next_sample_ns, next_look_ns;
    recall_window *windows;
    recall_bucket *buckets;
    uint64_t samples, tunes;
};

/* ---- samples ---- */

static void recall_sample_free(lh_vector *vector, recall_sample *sample) {
    if (!sample) return;
    vector_served_release(vector, sample->served);
    lh_str_free(sample->index);
    free(sample->query);
    free(sample->scores);
    free(sample->allowed);
    free(sample);
}

static void *recall_copy(const void *from, size_t bytes) {
    void *copy = malloc(bytes + 1);
    if (copy && bytes) memcpy(copy, from, bytes);
    return copy;
}

static recall_sample *recall_sample_new(lh_vector *vector, const vector_definition *d, const vector_served *served,
                                        const lh_ann_query *query, const lh_ann_hit *hits, uint32_t found) {
    recall_sample *sample = calloc(1, sizeof *sample);
    if (!sample) return NULL;
    sample->k = query->k;
    sample->found = found;
    sample->config = served->config;
    sample->config.ef_search = query->ef;
    sample->query = recall_copy(query->vectors, d->dimensions * sizeof *sample->query);
    sample->scores = calloc(found + 1, sizeof *sample->scores);
    if (query->allowed)
        sample->allowed = recall_copy(query->allowed, vector_row_words(served) * sizeof *sample->allowed);
    if (lh_str_dup(d->name, &sample->index) == LH_OK && sample->query && sample->scores &&
        (sample->allowed || !query->allowed)) {
        for (uint32_t i = 0; i < found; i++) sample->scores[i] = hits[i].score;
        sample->served = vector_served_ref(vector, served);
        return sample;
    }
    recall_sample_free(vector, sample);
    return NULL;
}

void vector_recall_offer(lh_vector *vector, const vector_definition *d, const vector_served *served,
                         const lh_ann_query *query, const lh_ann_hit *hits, uint32_t found) {
    vector_recall *recall = vector->recall;
    if (!recall->sample_every || !lh_ann_walks(served->ann, query->allowed))
        return; /* a scan says nothing of the graph */
    if (atomic_fetch_add(&recall->searches, 1) % recall->sample_every) return;
    pthread_mutex_lock(&recall->lock);
    uint64_t now_ns = lh_time_monotonic_ns();
    bool takes = recall->started && !recall->pending && !recall->stopping && now_ns >= recall->next_sample_ns;
    if (takes) recall->next_sample_ns = now_ns + recall->sample_ms * UINT64_C(1000000);
    pthread_mutex_unlock(&recall->lock);
    recall_sample *sample = takes ? recall_sample_new(vector, d, served, query, hits, found) : NULL;
    if (!sample) return;
    pthread_mutex_lock(&recall->lock);
    if (!recall->pending && !recall->stopping) recall->pending = lh_take(&sample);
    pthread_cond_broadcast(&recall->changed);
    pthread_mutex_unlock(&recall->lock);
    recall_sample_free(vector, sample);
}

/* The share of the k nearest that were found. False: it cannot be told. */
static bool recall_of(const vector_recall *recall, const recall_sample *sample, double *ret) {
    LH_CLEANUP(lh_free_pointer) lh_ann_hit *hits = calloc(sample->k, sizeof *hits);
    const lh_ann_query query = {.vectors = sample->query,
                                .count = 1,
                                .k = sample->k,
                                .mode = LH_ANN_EXACT,
                                .allowed = sample->allowed,
                                .cancelled = lh_cancel_flag(recall->cancel)};
    uint32_t count = 0, found = 0;
    if (!hits || lh_ann_search(sample->served->ann, &query, hits, &count, NULL) != LH_OK || !count) return false;
    bool small = lh_ann_info_of(sample->served->ann).options.metric == LH_ANN_L2;
    float worst = hits[count - 1].score;
    for (uint32_t i = 0; i < sample->found && found < count; i++)
        found += small ? sample->scores[i] <= worst : sample->scores[i] >= worst;
    *ret = (double)found / count;
    return true;
}

/* ---- windows ---- */

static recall_window *recall_find_locked(const vector_recall *recall, lh_str index) {
    recall_window *at = recall->windows;
    while (at && !lh_str_eq(at->index, index)) at = at->next;
    return at;
}

static recall_window *recall_window_locked(vector_recall *recall, const recall_sample *sample) {
    recall_window *window = recall_find_locked(recall, sample->index);
    if (!window) {
        window = calloc(1, sizeof *window);
        if (!window || lh_str_dup(sample->index, &window->index) != LH_OK) {
            free(window);
            return NULL;
        }
        window->tuned_snapshot_id = -1;
        window->next = recall->windows;
        recall->windows = window;
    }
    bool same = vector_hnsw_same_graph(&window->config, &sample->config) &&
                window->config.ef_search == sample->config.ef_search;
    if (!same) window->count = window->at = 0, window->below = false;
    window->config = sample->config;
    return window;
}

static double recall_mean(const recall_window *window) {
    double sum = 0;
    for (size_t i = 0; i < window->count; i++) sum += window->values[i];
    return window->count ? sum / (double)window->count : 0;
}

static void recall_ask(vector_recall *recall, recall_window *window, const vector_definition *d, int64_t snapshot_id,
                       lh_arena *arena) {
    lh_json *job = NULL;
    lh_error why = {0};
    lh_code code = tune_ask(recall->jobs, d, d->by, arena, &job, &why);
    if (code == LH_CONFLICT) return; /* a job is at work on it: it is asked for again */
    pthread_mutex_lock(&recall->lock);
    window->tuned_snapshot_id = snapshot_id;
    recall->tunes += code == LH_OK;
    pthread_mutex_unlock(&recall->lock);
    if (code != LH_OK)
        lh_log(LH_LOG_WARN, "an index below its recall is not tuned", "index", lh_arena_cstr(arena, d->name), "code",
               lh_code_name(code), "why", why.message, NULL);
}

static void recall_judge(vector_recall *recall, recall_window *window, const vector_definition *d, int64_t snapshot_id,
                         lh_arena *arena) {
    pthread_mutex_lock(&recall->lock);
    double mean = recall_mean(window);
    bool was = window->below;
    window->below = window->count >= RECALL_ENOUGH && mean < d->recall_target;
    bool news = window->below && !was,
         tunes = window->below && recall->retune && window->tuned_snapshot_id != snapshot_id;
    pthread_mutex_unlock(&recall->lock);
    if (news)
        lh_log(LH_LOG_WARN, "the recall of an index is below its target", "index", lh_arena_cstr(arena, d->name),
               "recall", lh_arena_cstr(arena, lh_arena_printf(arena, "%.4f", mean)), "target",
               lh_arena_cstr(arena, lh_arena_printf(arena, "%.4f", d->recall_target)), NULL);
    if (tunes) recall_ask(recall, window, d, snapshot_id, arena);
}

static void recall_take(vector_recall *recall, const recall_sample *sample) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    vector_definition d;
    double value;
    if (lh_arena_new(RECALL_ARENA_BYTES, &arena, NULL) != LH_OK || !recall_of(recall, sample, &value) ||
        vector_definition_read(recall->vector->catalog, sample->index, arena, &d, NULL) != LH_OK)
        return;
    pthread_mutex_lock(&recall->lock);
    recall_window *window = recall_window_locked(recall, sample);
    if (window) {
        window->values[window->at] = value;
        window->at = (window->at + 1) % RECALL_WINDOW;
        if (window->count < RECALL_WINDOW) window->count++;
        recall->samples++;
    }
    pthread_mutex_unlock(&recall->lock);
    if (window) recall_judge(recall, window, &d, sample->served->snapshot_id, arena);
}

/* ---- shown ---- */

lh_json *vector_recall_show(lh_vector *vector, const vector_definition *d, lh_arena *arena) {
    vector_recall *recall = vector->recall;
    lh_json *json = lh_json_new_object(arena);
    pthread_mutex_lock(&recall->lock);
    const recall_window *window = recall_find_locked(recall, d->name);
    size_t count = window ? window->count : 0;
    double mean = window ? recall_mean(window) : 0;
    bool below = window && window->below;
    pthread_mutex_unlock(&recall->lock);
    lh_json_set_uint(arena, json, "sampled", count);
    lh_json_set(arena, json, "value", count ? lh_json_new_real(arena, mean) : lh_json_new_null(arena));
    lh_json_set(arena, json, "target", lh_json_new_real(arena, d->recall_target));
    lh_json_set_bool(arena, json, "below_target", below);
    return json;
}

void vector_recall_count(lh_vector *vector, lh_vector_stats *stats) {
    vector_recall *recall = vector->recall;
    pthread_mutex_lock(&recall->lock);
    stats->recall_samples = recall->samples;
    stats->tunes = recall->tunes;
    for (const recall_window *at = recall->windows; at; at = at->next) stats->below_target += at->below;
    pthread_mutex_unlock(&recall->lock);
}

void lh_vector_metrics(lh_vector *vector, lh_buf *into) {
    vector_recall *recall = vector->recall;
    lh_buf_append(into, LH_STR("# HELP lakehouse_vector_recall Of searches in the graph that were asked exactly, too.\n"
                               "# TYPE lakehouse_vector_recall gauge\n"));
    pthread_mutex_lock(&recall->lock);
    for (const recall_window *at = recall->windows; at; at = at->next)
        if (at->count)
            lh_buf_printf(into, "lakehouse_vector_recall{index=\"%.*s\"} %.6f\n", LH_STR_ARG(at->index),
                          recall_mean(at));
    pthread_mutex_unlock(&recall->lock);
}

void vector_recall_forget(lh_vector *vector, lh_str index) {
    vector_recall *recall = vector->recall;
    pthread_mutex_lock(&recall->lock);
    recall_window *window = recall_find_locked(recall, index); /* the thread may be at it: it stays */
    if (window) window->count = window->at = 0, window->below = false, window->tuned_snapshot_id = -1;
    pthread_mutex_unlock(&recall->lock);
}

/* ---- made ready ---- */

static void recall_make_ready(vector_recall *recall, const vector_definition *d, bool build) {
    const vector_served *served = NULL;
    lh_error why = {0};
    lh_code code = build ? vector_served_build(recall->vector, d, recall->cancel, &served, &why)
                         : vector_served_get(recall->vector, d, recall->cancel, &served, &why);
    if (code == LH_OK) vector_served_release(recall->vector, served);
    if (code == LH_OK || code == LH_CANCELLED) return;
    char name[VECTOR_NAME_BYTES + 1];
    snprintf(name, sizeof name, "%.*s", LH_STR_ARG(d->name));
    lh_log(LH_LOG_WARN, "an index is not made ready", "index", name, "code", lh_code_name(code), "why", why.message,
           NULL);
    recall->next_look_ns = lh_time_monotonic_ns() + RECALL_PAUSE_MS * UINT64_C(1000000);
}

static lh_code recall_look(void *ctx, const vector_definition *d, lh_arena *arena, lh_error *err) {
    vector_recall *recall = ctx;
    (void)arena, (void)err;
    if (d->dimensions && !lh_cancel_fired(recall->cancel) && vector_served_is_behind(recall->vector, d))
        recall_make_ready(recall, d, true);
    return LH_OK;
}

typedef struct {
    vector_recall *recall;
    uint64_t mapped, left_out;
} recall_mapping;

static lh_code recall_map(void *ctx, const vector_definition *d, lh_arena *arena, lh_error *err) {
    recall_mapping *mapping = ctx;
    lh_error why = {0};
    (void)err;
    if (!d->dimensions || lh_cancel_fired(mapping->recall->cancel)) return LH_OK;
    lh_code code = vector_served_map(mapping->recall->vector, d, mapping->recall->cancel, &why);
    (*(code == LH_OK ? &mapping->mapped : &mapping->left_out))++;
    lh_log(LH_LOG_DEBUG, code == LH_OK ? "an index is mapped" : "an index is not mapped", "index",
           lh_arena_cstr(arena, d->name), "why", why.message, NULL);
    return LH_OK;
}

static void recall_map_all(vector_recall *recall, lh_arena *arena) {
    recall_mapping mapping = {.recall = recall};
    char mapped[24], left_out[24], elapsed[24];
    uint64_t started = lh_time_monotonic_ms();
    (void)!vector_definition_each(recall->vector, recall_map, &mapping, arena, NULL);
    snprintf(mapped, sizeof mapped, "%" PRIu64, mapping.mapped);
    snprintf(left_out, sizeof left_out, "%" PRIu64, mapping.left_out);
    snprintf(elapsed, sizeof elapsed, "%" PRIu64, lh_time_monotonic_ms() - started);
    if (mapping.mapped || mapping.left_out)
        lh_log(LH_LOG_INFO, "indexes of vectors are mapped", "indexes", mapped, "left_out", left_out, "elapsed_ms",
               elapsed, NULL);
}

void lh_vector_map(lh_vector *vector) {
    vector_recall *recall = vector->recall;
    pthread_mutex_lock(&recall->lock);
    recall->to_map = true;
    pthread_cond_broadcast(&recall->changed);
    pthread_mutex_unlock(&recall->lock);
}

typedef struct {
    vector_recall *recall;
    lh_str bucket;
} recall_warming;

static bool recall_lies_in(const vector_recall *recall, lh_table_name table, lh_str bucket, lh_arena *arena) {
    lh_str of;
    return lh_table_bucket(recall->vector->catalog, table, arena, &of, NULL) == LH_OK && lh_str_eq(of, bucket);
}

static lh_code recall_warm(void *ctx, const vector_definition *d, lh_arena *arena, lh_error *err) {
    const recall_warming *warming = ctx;
    (void)err;
    if (d->dimensions && !lh_cancel_fired(warming->recall->cancel) &&
        (recall_lies_in(warming->recall, d->dataset, warming->bucket, arena) ||
         recall_lies_in(warming->recall, d->table, warming->bucket, arena)))
        recall_make_ready(warming->recall, d, false);
    return LH_OK;
}

void lh_vector_warm(lh_vector *vector, lh_str bucket) {
    vector_recall *recall = vector->recall;
    recall_bucket *added = calloc(1, sizeof *added);
    if (!added || lh_str_dup(bucket, &added->name) != LH_OK) {
        free(added);
        return;
    }
    pthread_mutex_lock(&recall->lock);
    added->next = recall->buckets;
    recall->buckets = added;
    pthread_cond_broadcast(&recall->changed);
    pthread_mutex_unlock(&recall->lock);
}

/* ---- the thread ---- */

typedef struct {
    recall_sample *sample; /* owned, as the bucket; NULL: none */
    recall_bucket *bucket;
    bool map;
} recall_work;

/* Waits for something to do. False: it is to end. */
static bool recall_wait(vector_recall *recall, recall_work *ret) {
    const struct timespec until = lh_time_after_ms(RECALL_LOOK_MS);
    pthread_mutex_lock(&recall->lock);
    if (!recall->stopping && !recall->pending && !recall->buckets && !recall->to_map)
        pthread_cond_timedwait(&recall->changed, &recall->lock, &until);
    *ret = (recall_work){lh_take(&recall->pending), recall->buckets, recall->to_map};
    if (ret->bucket) recall->buckets = ret->bucket->next;
    recall->to_map = false;
    bool go_on = !recall->stopping;
    pthread_mutex_unlock(&recall->lock);
    return go_on;
}

static void recall_turn(vector_recall *recall, const recall_work *work) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (work->sample) recall_take(recall, work->sample);
    if (lh_arena_new(RECALL_ARENA_BYTES, &arena, NULL) != LH_OK) return;
    if (work->map) recall_map_all(recall, arena);
    if (work->bucket) {
        recall_warming warming = {recall, work->bucket->name};
        (void)!vector_definition_each(recall->vector, recall_warm, &warming, arena, NULL);
    }
    if (lh_time_monotonic_ns() < recall->next_look_ns) return;
    recall->next_look_ns = lh_time_monotonic_ns() + RECALL_LOOK_MS * UINT64_C(1000000);
    (void)!vector_definition_each(recall->vector, recall_look, recall, arena, NULL);
    vector_beside_keep_all(recall->vector, recall->cancel);
}

static void *recall_run(void *arg) {
    vector_recall *recall = arg;
    bool go_on = true;
    while (go_on) {
        recall_work work;
        go_on = recall_wait(recall, &work);
        if (go_on) recall_turn(recall, &work);
        recall_sample_free(recall->vector, work.sample);
        if (work.bucket) lh_str_free(work.bucket->name);
        free(work.bucket);
    }
    return NULL;
}

lh_code vector_recall_new(lh_vector *vector, const lh_vector_options *options, lh_error *err) {
    vector_recall *recall = calloc(1, sizeof *recall);
    if (!recall || lh_cancel_new(&recall->cancel, NULL) != LH_OK) {
        free(recall);
        return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    }
    pthread_mutex_init(&recall->lock, NULL);
    lh_cond_init(&recall->changed);
    recall->vector = vector;
    recall->sample_every = options->recall_sample_every;
    recall->sample_ms = options->recall_sample_ms;
    recall->retune = options->recall_retune;
    vector->recall = recall;
    return LH_OK;
}

lh_code vector_recall_start(lh_vector *vector, lh_jobs *jobs, lh_error *err) {
    vector_recall *recall = vector->recall;
    recall->jobs = jobs;
    if (pthread_create(&recall->thread, NULL, recall_run, recall) != 0)
        return lh_fail(err, LH_NO_MEMORY, "vector: cannot start a thread");
    pthread_mutex_lock(&recall->lock);
    recall->started = true;
    pthread_mutex_unlock(&recall->lock);
    return LH_OK;
}

void vector_recall_stop(lh_vector *vector) {
    vector_recall *recall = vector->recall;
    pthread_mutex_lock(&recall->lock);
    bool started = recall->started;
    recall->stopping = true;
    pthread_cond_broadcast(&recall->changed);
    pthread_mutex_unlock(&recall->lock);
    lh_cancel_fire(recall->cancel);
    if (started) pthread_join(recall->thread, NULL);
    recall->started = false;
}

void vector_recall_free(lh_vector *vector) {
    vector_recall *recall = vector->recall;
    if (!recall) return;
    recall_sample_free(vector, recall->pending);
    for (recall_window *at = recall->windows, *next; at; at = next) {
        next = at->next;
        lh_str_free(at->index);
        free(at);
    }
    for (recall_bucket *at = recall->buckets, *next; at; at = next) {
        next = at->next;
        lh_str_free(at->name);
        free(at);
    }
    pthread_cond_destroy(&recall->changed);
    pthread_mutex_destroy(&recall->lock);
    lh_cancel_free(recall->cancel);
    free(recall);
}
