/* The job that embeds a dataset. It compares the dataset with the table first, row by row by a hash of the text: what is new or
 * changed goes to a spool file, so that no statement stays open while models work, and what is gone is noted. Then three threads
 * work behind each other, with short queues between:
 *
 *   spool → rows into chunks → batches → model → table, a commit every checkpoint_chunks
 *
 * A batch has whole rows, and so has a commit: a job that was killed compares again, and goes on with what the table lacks. What
 * was embedded for it and is in no commit yet is in files (kept.c): no more than the batch before the model is embedded twice.
 * A row that cannot be embedded is set aside as a problem of the job; the rest goes on. */
#include "vector/vector_internal.h"

enum {
    BUILD_BATCH_CHUNKS = 256,
    BUILD_QUEUE_MAX = 4,
    BUILD_LOOK_MS = 100,
    BUILD_HELD_BYTES = 64 << 20, /* of batches, in memory */
};

typedef struct {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    vector_batch *first, *last;
    size_t count;
    bool closed; /* nothing more comes */
} build_queue;

typedef struct {
    lh_vector *vector;
    lh_job *job;
    vector_definition *definition;
    vector_known *known;
    vector_kept *kept;
    FILE *spool;
    lh_str model_name; /* that was asked for */
    bool refreshes;    /* the index is whole already: one commit */
    uint64_t spooled, same, same_twice, embedded, removed;
    build_queue chunked, vectored;
    pthread_mutex_t lock; /* guards the two */
    lh_code code;         /* of the first thread that failed */
    lh_error why;
} build;

/* ---- threads and queues ---- */

static void build_fail(build *b, lh_code code, const lh_error *why) {
    pthread_mutex_lock(&b->lock);
    if (b->code == LH_OK) {
        b->code = code;
        b->why = *why;
    }
    pthread_mutex_unlock(&b->lock);
}

static lh_code build_check(build *b, lh_error *err) {
    pthread_mutex_lock(&b->lock);
    lh_code code = b->code;
    if (code != LH_OK && err) *err = b->why;
    pthread_mutex_unlock(&b->lock);
    if (code != LH_OK) return code;
    return lh_cancel_fired(lh_job_cancel_of(b->job)) ? lh_fail(err, LH_CANCELLED, "the job was cancelled") : LH_OK;
}

static void queue_init(build_queue *queue) {
    lh_cond_init(&queue->changed);
    pthread_mutex_init(&queue->lock, NULL);
}

static void queue_done(build_queue *queue) {
    for (vector_batch *batch = queue->first, *next; batch; batch = next) {
        next = batch->next;
        vector_batch_free(batch);
    }
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

/* Not for long: whether the job goes on is looked at between. */
static void queue_wait_locked(build_queue *queue) {
    const struct timespec until = lh_time_after_ms(BUILD_LOOK_MS);
    (void)pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
}

/* Moves the batch into the queue, when that has room. */
static lh_code queue_push(build *b, build_queue *queue, vector_batch *batch, lh_error *err) {
    lh_code code = build_check(b, err);
    pthread_mutex_lock(&queue->lock);
    while (code == LH_OK && queue->count >= BUILD_QUEUE_MAX) {
        queue_wait_locked(queue);
        code = build_check(b, err);
    }
    if (code == LH_OK) {
        batch->next = NULL;
        *(queue->last ? &queue->last->next : &queue->first) = batch;
        queue->last = batch;
        queue->count++;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    if (code != LH_OK) vector_batch_free(batch);
    return code;
}

/* *ret NULL: nothing more comes. */
static lh_code queue_pop(build *b, build_queue *queue, vector_batch **ret, lh_error *err) {
    lh_code code = build_check(b, err);
    pthread_mutex_lock(&queue->lock);
    while (code == LH_OK && !queue->first && !queue->closed) {
        queue_wait_locked(queue);
        code = build_check(b, err);
    }
    *ret = NULL;
    if (code == LH_OK && queue->first) {
        *ret = queue->first;
        queue->first = queue->first->next;
        if (!queue->first) queue->last = NULL;
        (*ret)->next = NULL;
        queue->count--;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return code;
}

static void queue_close(build_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

/* ---- the spool: {id bytes, text bytes, replaces, hash} and the two texts ---- */

typedef struct {
    uint64_t id_bytes, text_bytes, replaces;
    char hash[VECTOR_HASH_BYTES];
} spool_head;

static lh_code spool_write(build *b, const vector_row *row, bool replaces, lh_error *err) {
    spool_head head = {.id_bytes = row->id.len, .text_bytes = row->text.len, .replaces = replaces};
    memcpy(head.hash, row->hash, sizeof head.hash);
    LH_TRY(vector_scratch_write(b->spool, &head, sizeof head, err));
    LH_TRY(vector_scratch_write(b->spool, row->id.ptr, row->id.len, err));
    LH_TRY(vector_scratch_write(b->spool, row->text.ptr, row->text.len, err));
    b->spooled++;
    return LH_OK;
}

/* ---- comparing ---- */

static lh_code build_compare(void *ctx, const vector_row *row, lh_error *err) {
    build *b = ctx;
    vector_standing standing;
    LH_TRY(build_check(b, err));
    if (!row->id.ptr) {
        lh_job_add_problem(b->job, LH_STR("NULL"), "a row whose id is NULL cannot be found again: it is left out");
        return LH_OK;
    }
    LH_TRY(vector_known_see(b->known, row->id, (lh_str){row->hash, VECTOR_HASH_BYTES}, &standing, err));
    if (standing == VECTOR_TWICE || standing == VECTOR_SAME_TWICE) {
        b->same_twice += standing == VECTOR_SAME_TWICE;
        lh_job_add_problem(b->job, row->id, "several rows have this id: all of them are left out");
        return LH_OK;
    }
    if (row->too_long) lh_job_add_problem(b->job, row->id, "its text is longer than 10 MiB"); /* on: the old one goes */
    if (standing != VECTOR_SAME) return spool_write(b, row, standing == VECTOR_CHANGED, err);
    b->same++;
    lh_job_add_done(b->job, 1);
    return LH_OK;
}

static lh_code build_read(build *b, lh_arena *arena, lh_error *err) {
    const lh_governor *views = NULL;
    lh_cancel *cancel = lh_job_cancel_of(b->job);
    uint64_t total = 0;
    LH_TRY(lh_access_bind_all(b->vector->catalog, false, arena, &views, err));
    const vector_source source = {
        .engine = b->vector->engine, .definition = b->definition, .views = views, .cancel = cancel};
    lh_job_set_phase(b->job, "reading");
    LH_TRY(vector_store_load(b->vector, b->definition, cancel, b->known, err));
    LH_TRY(vector_source_count(&source, arena, &total, err));
    lh_job_set_total(b->job, total);
    LH_TRY(vector_source_read(&source, build_compare, b, err));
    LH_TRY(vector_scratch_rewind(b->spool, err));
    lh_job_set_total(b->job, b->same + b->spooled);
    return LH_OK;
}

/* ---- rows into batches of chunks ---- */

static void batch_add(vector_batch *batch, lh_str id, lh_str hash, int64_t number, const lh_text_chunk *chunk) {
    size_t at = batch->chunk_count++;
    batch->ids[at] = id;
    batch->texts[at] = chunk->text;
    batch->hashes[at] = hash;
    batch->numbers[at] = number;
    batch->starts[at] = (int64_t)chunk->start;
    batch->ends[at] = (int64_t)chunk->end;
}

static void batch_move(vector_batch *batch, size_t from, size_t to) {
    batch->ids[to] = batch->ids[from];
    batch->texts[to] = batch->texts[from];
    batch->hashes[to] = batch->hashes[from];
    batch->numbers[to] = batch->numbers[from];
    batch->starts[to] = batch->starts[from];
    batch->ends[to] = batch->ends[from];
}

/* One row of the spool into the batch. One that cannot be cut is a problem, as one that the model refuses is: what the table has of its
 * text before goes all the same, since an index that is not stale has no text that its dataset has no more. */
static lh_code batch_read_row(build *b, lh_chunker *chunker, vector_batch *batch, size_t *room, lh_error *err) {
    spool_head head;
    lh_str id, text, hash;
    lh_text_chunk *chunks;
    size_t count;
    lh_error why = {0};
    LH_TRY(vector_scratch_read(b->spool, &head, sizeof head, err));
    LH_TRY(vector_scratch_read_str(b->spool, (size_t)head.id_bytes, batch->arena, &id, err));
    LH_TRY(vector_scratch_read_str(b->spool, (size_t)head.text_bytes, batch->arena, &text, err));
    hash = lh_arena_dup(batch->arena, (lh_str){head.hash, sizeof head.hash});
    batch->rows++;
    if (vector_known_is_twice(b->known, id)) return LH_OK; /* what the table has of them goes with what is gone */
    if (head.replaces) batch->replaced[batch->replaced_count++] = id;
    lh_code code = lh_chunker_split(chunker, text, batch->arena, &chunks, &count, &why);
    if (code == LH_INVALID || code == LH_LIMIT) {
        lh_job_add_problem(b->job, id, why.message);
        return LH_OK;
    }
    if (code != LH_OK) return *err = why, code;
    LH_TRY(vector_batch_reserve(batch, count, room, err));
    int64_t number = 0;
    for (size_t i = 0; i < count; i++)
        if (lh_str_trim(chunks[i].text).len) batch_add(batch, id, hash, number++, &chunks[i]);
    return lh_arena_check(batch->arena, err);
}

/* As the model counts, without the tokens that it puts around a text. A failure is kept, and ends the job. */
typedef struct {
    build *b;
    uint64_t around;
} build_tokens;

static size_t build_count_tokens(void *ctx, lh_str text) {
    const build_tokens *tokens = ctx;
    const lh_ai_call call = {.model = tokens->b->definition->model.name, .principal = tokens->b->definition->by};
    uint64_t count = 0;
    lh_error why = {0};
    lh_code code = lh_ai_count_tokens(tokens->b->vector->ai, LH_AI_EMBED, &call, text, &count, &why);
    if (code != LH_OK) build_fail(tokens->b, code, &why);
    return count > tokens->around ? (size_t)(count - tokens->around) : 0;
}

static lh_code build_chunk_all(build *b, lh_error *err) {
    LH_CLEANUP(lh_chunker_freep) lh_chunker *chunker = NULL;
    const vector_definition *d = b->definition;
    build_tokens tokens = {.b = b};
    if (d->by_tokens) tokens.around = build_count_tokens(&tokens, LH_STR_NONE);
    const lh_chunk_options options = {.size = d->chunk_size,
                                      .overlap = d->chunk_overlap,
                                      .locale = d->locale,
                                      .count_tokens = d->by_tokens ? build_count_tokens : NULL,
                                      .tokens_ctx = &tokens};
    LH_TRY(lh_chunker_new(&options, &chunker, err));
    for (uint64_t left = b->spooled; left > 0;) {
        vector_batch *batch = NULL;
        size_t room = 0, replaced_max = left < BUILD_BATCH_CHUNKS ? (size_t)left : BUILD_BATCH_CHUNKS;
        LH_TRY(vector_batch_new(&batch, err));
        batch->replaced = LH_ARENA_ARRAY(batch->arena, lh_str, replaced_max);
        lh_code code = lh_arena_check(batch->arena, err);
        while (code == LH_OK && left > 0 && batch->chunk_count < BUILD_BATCH_CHUNKS && batch->rows < replaced_max) {
            code = batch_read_row(b, chunker, batch, &room, err);
            left--;
        }
        if (code != LH_OK) {
            vector_batch_free(batch);
            return code;
        }
        LH_TRY(queue_push(b, &b->chunked, batch, err));
    }
    return LH_OK;
}

static void *build_chunker(void *arg) {
    build *b = arg;
    lh_error err = {0};
    lh_code code = build_chunk_all(b, &err);
    if (code != LH_OK) build_fail(b, code, &err);
    queue_close(&b->chunked);
    return NULL;
}

/* ---- batches through the model ---- */

static bool build_is_of(const vector_definition *d, const lh_ai_embeddings *got) {
    return got->dimensions == d->dimensions && lh_ai_is_same(&got->model, &d->model);
}

/* A table has vectors of one model and version only: one that changes while the job runs ends it, and the next try starts anew. */
static lh_code embed_check_model(build *b, const lh_ai_embeddings *got, lh_error *err) {
    if (build_is_of(b->definition, got)) return LH_OK;
    return lh_fail(err, LH_CONFLICT, "the model %.*s is another than when the job began: version '%.*s'",
                   LH_STR_ARG(got->model.name), LH_STR_ARG(got->model.version));
}

/* Vectors of count chunks from `first` on: those that were kept, the others by the model. *ret_asked: are there others? */
static lh_code embed_texts(build *b, vector_batch *batch, size_t first, size_t count, float *into, bool *ret_asked,
                           lh_error *err) {
    const lh_ai_call call = {.model = b->definition->model.name,
                             .principal = b->definition->by,
                             .cancelled = lh_cancel_flag(lh_job_cancel_of(b->job))};
    const size_t dimensions = b->definition->dimensions, bytes = dimensions * sizeof *into;
    lh_str *texts = LH_ARENA_ARRAY(batch->arena, lh_str, count);
    size_t *places = LH_ARENA_ARRAY(batch->arena, size_t, count), asked = 0;
    LH_TRY(lh_arena_check(batch->arena, err));
    for (size_t i = 0; i < count; i++) {
        const float *kept = vector_kept_find(b->kept, batch->texts[first + i]);
        if (kept) memcpy(into + i * dimensions, kept, bytes);
        else {
            texts[asked] = batch->texts[first + i];
            places[asked++] = i;
        }
    }
    *ret_asked = asked > 0;
    for (size_t from = 0, end; from < asked; from = end) {
        lh_ai_embeddings got;
        end = asked - from > LH_LIMIT_AI_TEXTS ? from + LH_LIMIT_AI_TEXTS : asked;
        LH_TRY(lh_ai_embed(b->vector->ai, &call, texts + from, end - from, batch->arena, &got, err));
        LH_TRY(embed_check_model(b, &got, err));
        for (size_t i = from; i < end; i++)
            memcpy(into + places[i] * dimensions, got.values + (i - from) * dimensions, bytes);
    }
    return LH_OK;
}

static bool embed_is_of_the_text(lh_code code) { return code == LH_INVALID || code == LH_LIMIT; }

/* Row by row, those that the model refuses set aside. */
static lh_code embed_rows(build *b, vector_batch *batch, lh_error *err) {
    size_t kept = 0, dimensions = b->definition->dimensions;
    for (size_t first = 0, end; first < batch->chunk_count; first = end) {
        bool asked;
        lh_error why = {0};
        for (end = first + 1; end < batch->chunk_count && batch->numbers[end] != 0;) end++;
        /* to where they belong once the rows before are set aside: never beyond `first` */
        lh_code code = embed_texts(b, batch, first, end - first, batch->vectors + kept * dimensions, &asked, &why);
        if (embed_is_of_the_text(code)) {
            lh_job_add_problem(b->job, batch->ids[first], why.message);
            continue;
        }
        if (code != LH_OK) return *err = why, code;
        for (size_t i = first; i < end; i++) batch_move(batch, i, kept++);
    }
    batch->chunk_count = kept;
    return LH_OK;
}

static lh_code embed_batch(build *b, vector_batch *batch, lh_error *err) {
    lh_error why = {0};
    bool asked = true;
    if (batch->chunk_count == 0) return LH_OK;
    batch->vectors = lh_arena_calloc(batch->arena, batch->chunk_count * b->definition->dimensions, sizeof(float));
    LH_TRY(lh_arena_check(batch->arena, err));
    lh_code code = embed_texts(b, batch, 0, batch->chunk_count, batch->vectors, &asked, &why);
    if (embed_is_of_the_text(code)) code = embed_rows(b, batch, &why);
    if (code != LH_OK) return *err = why, code;
    if (asked) vector_kept_save(b->vector, b->definition, batch);
    return LH_OK;
}

static lh_code build_embed_all(build *b, lh_error *err) {
    for (;;) {
        vector_batch *batch = NULL;
        LH_TRY(queue_pop(b, &b->chunked, &batch, err));
        if (!batch) return LH_OK;
        lh_code code = embed_batch(b, batch, err);
        if (code != LH_OK) {
            vector_batch_free(batch);
            return code;
        }
        lh_job_add_done(b->job, batch->rows);
        LH_TRY(queue_push(b, &b->vectored, batch, err));
    }
}

static void *build_embedder(void *arg) {
    build *b = arg;
    lh_error err = {0};
    lh_code code = build_embed_all(b, &err);
    if (code != LH_OK) build_fail(b, code, &err);
    queue_close(&b->vectored);
    return NULL;
}

/* ---- into the table ---- */

/* A batch of the ids that the dataset has no more, or more than once. */
static lh_code build_gone(build *b, vector_batch **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL; /* until the batch owns it */
    vector_batch *batch = NULL;
    size_t at = 0, count = 0;
    lh_str id;
    while (vector_known_gone(b->known, &at, &id)) count++;
    LH_TRY(vector_batch_new(&batch, err));
    arena = batch->arena;
    batch->replaced = LH_ARENA_ARRAY(arena, lh_str, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    at = 0;
    while (vector_known_gone(b->known, &at, &id)) batch->replaced[batch->replaced_count++] = id;
    b->removed = count;
    *ret = batch;
    lh_take(&arena);
    return LH_OK;
}

static lh_code build_commit(const vector_store *store, vector_held *held, lh_error *err) {
    LH_TRY(vector_store_commit(store, held, err));
    vector_held_landed(held);
    return LH_OK;
}

static lh_code build_write_all(build *b, vector_held *held, lh_error *err) {
    const vector_store store = {b->vector, b->definition, b->job};
    vector_batch *batch = NULL;
    LH_TRY(build_gone(b, &batch, err));
    while (batch) {
        for (size_t i = 0; i < batch->chunk_count; i++) b->embedded += batch->numbers[i] == 0;
        LH_TRY(vector_held_add(held, batch, err));
        bool due = !b->refreshes && vector_held_counted(held).chunks >= b->vector->checkpoint_chunks;
        if (due) LH_TRY(build_commit(&store, held, err));
        LH_TRY(queue_pop(b, &b->vectored, &batch, err));
    }
    return build_commit(&store, held, err);
}

static lh_code build_pipeline(build *b, lh_error *err) {
    LH_CLEANUP(vector_held_freep) vector_held *held = NULL;
    pthread_t chunker, embedder;
    LH_TRY(vector_held_new(b->vector, lh_job_id(b->job), b->definition->dimensions, BUILD_HELD_BYTES, &held, err));
    queue_init(&b->chunked);
    queue_init(&b->vectored);
    bool chunks = pthread_create(&chunker, NULL, build_chunker, b) == 0;
    bool embeds = chunks && pthread_create(&embedder, NULL, build_embedder, b) == 0;
    lh_code code = LH_OK;
    if (!embeds) code = lh_fail(err, LH_NO_MEMORY, "vector: cannot start the threads of an index");
    if (code == LH_OK) code = build_write_all(b, held, err);
    if (code != LH_OK) build_fail(b, code, err);
    if (chunks) pthread_join(chunker, NULL);
    if (embeds) pthread_join(embedder, NULL);
    queue_done(&b->chunked);
    queue_done(&b->vectored);
    return code;
}

/* ---- the job ---- */

/* Of the job and its model, so that a try after a crash goes on with it, and one with another model does not. */
static lh_str build_table(const build *b, const lh_ai_model *model, lh_arena *arena) {
    lh_sha256 hash =
        lh_sha256_of(lh_arena_printf(arena, "%.*s/%.*s/%.*s/%.*s", LH_STR_ARG(lh_job_id(b->job)),
                                     LH_STR_ARG(model->provider), LH_STR_ARG(model->name), LH_STR_ARG(model->version)));
    return lh_arena_printf(arena, "%.*s_%.8s", LH_STR_ARG(b->definition->name), lh_sha256_to_hex(&hash).text);
}

/* The model that answers now, before anything is read. For another than the index is of all rows are embedded anew, into a table of
 * their own; searches have the old one until the end. */
static lh_code build_ask_model(build *b, lh_arena *arena, lh_error *err) {
    vector_definition *d = b->definition;
    const lh_str probe = LH_STR("lakehouse");
    const lh_ai_call call = {
        .model = b->model_name, .principal = d->by, .cancelled = lh_cancel_flag(lh_job_cancel_of(b->job))};
    lh_ai_embeddings got;
    lh_error why = {0};
    lh_ai_follow(b->vector->ai); /* another gateway's new version is the one to embed by */
    lh_code code = lh_ai_embed(b->vector->ai, &call, &probe, 1, arena, &got, &why);
    if (code == LH_CONFLICT) return lh_fail(err, LH_INVALID, "%s", why.message); /* so it stays */
    if (code != LH_OK) return *err = why, code;
    b->refreshes = d->last_embedded_ms != 0;
    if (d->dimensions && build_is_of(d, &got)) return LH_OK;
    if (d->dimensions) {
        b->refreshes = false;
        d->table.name = build_table(b, &got.model, arena);
    }
    d->model = got.model;
    d->dimensions = (uint32_t)got.dimensions;
    return lh_arena_check(arena, err);
}

static lh_code build_register(build *b, lh_arena *arena, lh_error *err) {
    lh_change change;
    lh_metastore *metastore = lh_catalog_metastore(b->vector->catalog);
    LH_TRY(vector_definition_change(b->definition, arena, &change, err));
    return lh_metastore_commit(metastore, &change, 1, &b->definition->version, err);
}

/* The first search need not wait. What keeps it from that, but for a cancel, is told to the search. */
static lh_code build_warm(build *b, lh_error *err) {
    const vector_served *served = NULL;
    lh_error why = {0};
    lh_job_set_phase(b->job, "making ready");
    lh_code code = vector_served_build(b->vector, b->definition, lh_job_cancel_of(b->job), &served, &why);
    if (code == LH_OK && vector_is_lance(b->definition))
        code = vector_lance_ready(b->vector, b->definition, served, lh_job_cancel_of(b->job), &why);
    if (code == LH_OK) {
        lh_job_set_phase(b->job, "keeping");
        vector_beside_keep(b->vector, served, lh_job_cancel_of(b->job));
    }
    if (served) vector_served_release(b->vector, served);
    return code == LH_CANCELLED ? lh_fail(err, code, "%s", why.message) : LH_OK;
}

/* What a deletion that was killed left of the trials of an index of that name. This one has none before its first job has ended. */
static lh_code build_sweep(const build *b, lh_arena *arena, lh_error *err) {
    vector_trial_files files;
    LH_TRY(vector_trials_files(b->vector, b->definition, arena, &files, err));
    return vector_trials_sweep(b->vector, &files, arena, err);
}

/* A table of that name that no index knows is somebody else's. */
static lh_code build_begin(build *b, lh_arena *arena, lh_error *err) {
    vector_definition *d = b->definition;
    lh_job_set_phase(b->job, "asking the model");
    LH_TRY(build_ask_model(b, arena, err));
    if (d->version == LH_VERSION_ABSENT) {
        if (lh_table_exists(b->vector->catalog, d->table))
            return lh_fail(err, LH_INVALID,
                           "there is a table '%.*s' that is no index's: drop it, or name the index anew",
                           LH_STR_ARG(lh_table_name_text(d->table, arena)));
        LH_TRY(build_register(b, arena, err));
    }
    LH_TRY(vector_store_make(b->vector, d, arena, err));
    return d->last_embedded_ms ? LH_OK : build_sweep(b, arena, err);
}

static lh_code build_run(build *b, lh_arena *arena, lh_error *err) {
    vector_definition *d = b->definition;
    const vector_store store = {b->vector, d, b->job};
    int64_t snapshot_id = -1;
    LH_TRY(build_begin(b, arena, err));
    if (!d->over_view) LH_TRY(lh_table_snapshot_id(b->vector->catalog, d->dataset, &snapshot_id, err));
    LH_TRY(build_read(b, arena, err));
    lh_job_set_phase(b->job, "embedding");
    LH_TRY(vector_kept_open(b->vector, d, &b->kept, err));
    LH_TRY(build_pipeline(b, err));
    LH_TRY(build_warm(b, err));
    LH_TRY(vector_store_count(&store, d, err));
    d->dataset_snapshot_id = snapshot_id;
    d->last_embedded_ms = lh_time_now_ms();
    LH_TRY(build_register(b, arena, err));
    vector_kept_remove(b->vector, d->table.name);
    vector_store_sweep(b->vector, d,
                       d->table.name); /* a search that still wants the old one reads the document again */
    return LH_OK;
}

static lh_json *build_result(const build *b, lh_arena *arena) {
    lh_json *result = lh_json_new_object(arena);
    lh_json_set_string(arena, result, "index", b->definition->name);
    lh_json_set_uint(arena, result, "rows", b->definition->rows);
    lh_json_set_uint(arena, result, "chunks", b->definition->chunks);
    lh_json_set_uint(arena, result, "embedded_rows", b->embedded);
    lh_json_set_uint(arena, result, "unchanged_rows", b->same - b->same_twice);
    lh_json_set_uint(arena, result, "removed_rows", b->removed);
    return result;
}

/* The definition: that of the document, else the job's own. */
static lh_code build_define(lh_vector *vector, const lh_json *spec, lh_arena *arena, vector_definition *ret,
                            lh_error *err) {
    vector_definition asked;
    LH_TRY(vector_definition_parse(vector->catalog, spec, vector->locale, arena, &asked, err));
    asked.by = lh_json_get_string(spec, "created_by");
    asked.over_view = lh_json_bool(lh_json_get(spec, "over_view"), false);
    asked.id_is_integer = lh_json_bool(lh_json_get(spec, "id_is_integer"), false);
    asked.created_ms = lh_time_now_ms();
    asked.dimensions = 0;
    lh_code code = vector_definition_read(vector->catalog, asked.name, arena, ret, err);
    if (code == LH_NOT_FOUND) return *ret = asked, LH_OK;
    LH_TRY(code);
    if (vector_definition_difference(&asked, ret))
        return lh_fail(err, LH_INVALID, "the index '%.*s' is of something else meanwhile", LH_STR_ARG(asked.name));
    ret->refresh = asked.refresh;
    ret->cron = asked.cron;
    if (!lh_json_is_null(lh_json_get(spec, "hnsw"))) ret->hnsw = asked.hnsw;
    if (!lh_json_is_null(lh_json_get(spec, "recall_target"))) ret->recall_target = asked.recall_target;
    return LH_OK;
}

lh_code vector_run_index(void *ctx, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err) {
    vector_definition definition;
    build b = {.vector = ctx, .job = job, .definition = &definition};
    LH_TRY(build_define(ctx, spec, arena, &definition, err));
    b.model_name = lh_json_get_string(lh_json_get(spec, "model"), "name");
    pthread_mutex_init(&b.lock, NULL);
    lh_code code = vector_scratch_open(b.vector, "spool", lh_job_id(job), &b.spool, err);
    if (code == LH_OK) code = vector_known_new(&b.known, err);
    if (code == LH_OK) code = build_run(&b, arena, err);
    vector_known_free(b.known);
    vector_kept_free(b.kept);
    if (b.spool) fclose(b.spool);
    pthread_mutex_destroy(&b.lock);
    LH_TRY(code);
    *ret = build_result(&b, arena);
    return lh_arena_check(arena, err);
}
