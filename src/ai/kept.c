/* Vectors of short texts that come again and again (sentences of passages), in memory: those not used for longest go when all are too many
 * bytes. Each is found by the SHA-256 of who asked, the model, its version and the text. By who asked, too: without that a cache by the
 * text alone, which nobody can list, would still tell who asks for a text whether somebody else had it embedded, by the tokens that are
 * counted and by the time that it takes, and so what stands in rows that are hidden. `lock` guards all but the limit and the buckets' number. */
#include "ai/ai_internal.h"

enum { KEPT_BYTES_A_BUCKET = 1024, KEPT_BUCKETS_MAX = 1 << 20 };

struct ai_kept_item {
    ai_kept_item *next;          /* of its bucket */
    ai_kept_item *newer, *older; /* by use */
    lh_sha256 key;
    size_t dimensions;
    float values[];
};

lh_code ai_kept_init(ai_kept *kept, uint64_t limit_bytes, lh_error *err) {
    pthread_mutex_init(&kept->lock, NULL);
    kept->limit_bytes = limit_bytes;
    kept->bucket_count = 1;
    while (kept->bucket_count < KEPT_BUCKETS_MAX && kept->bucket_count < limit_bytes / KEPT_BYTES_A_BUCKET)
        kept->bucket_count *= 2;
    kept->buckets = calloc(kept->bucket_count, sizeof *kept->buckets);
    return kept->buckets ? LH_OK : lh_fail(err, LH_NO_MEMORY, "out of memory");
}

static ai_kept_item **kept_bucket(ai_kept *kept, const lh_sha256 *key) {
    uint64_t start;
    memcpy(&start, key->bytes, sizeof start);
    return &kept->buckets[start & (kept->bucket_count - 1)];
}

/* Where it hangs; of none where it would. */
static ai_kept_item **kept_find_locked(ai_kept *kept, const lh_sha256 *key) {
    ai_kept_item **at = kept_bucket(kept, key);
    while (*at && memcmp((*at)->key.bytes, key->bytes, sizeof key->bytes) != 0) at = &(*at)->next;
    return at;
}

static void kept_unlink_locked(ai_kept *kept, ai_kept_item *item) {
    *(item->newer ? &item->newer->older : &kept->newest) = item->older;
    *(item->older ? &item->older->newer : &kept->oldest) = item->newer;
}

static void kept_first_locked(ai_kept *kept, ai_kept_item *item) {
    item->newer = NULL;
    item->older = kept->newest;
    *(kept->newest ? &kept->newest->newer : &kept->oldest) = item;
    kept->newest = item;
}

static size_t kept_bytes(size_t dimensions) { return sizeof(ai_kept_item) + dimensions * sizeof(float); }

static void kept_drop_locked(ai_kept *kept, ai_kept_item *item) {
    *kept_find_locked(kept, &item->key) = item->next;
    kept_unlink_locked(kept, item);
    kept->bytes -= kept_bytes(item->dimensions);
    free(item);
}

void ai_kept_done(ai_kept *kept) {
    while (kept->newest) kept_drop_locked(kept, kept->newest);
    free(kept->buckets);
    pthread_mutex_destroy(&kept->lock);
}

const float *ai_kept_find(ai_kept *kept, const lh_sha256 *key, lh_arena *arena, size_t *ret_dimensions) {
    float *copy = NULL;
    pthread_mutex_lock(&kept->lock);
    ai_kept_item *item = *kept_find_locked(kept, key);
    if (item) copy = LH_ARENA_ARRAY(arena, float, item->dimensions);
    if (copy) {
        memcpy(copy, item->values, item->dimensions * sizeof *copy);
        *ret_dimensions = item->dimensions;
        kept_unlink_locked(kept, item);
        kept_first_locked(kept, item);
        kept->found++;
    }
    pthread_mutex_unlock(&kept->lock);
    return copy;
}

void ai_kept_put(ai_kept *kept, const lh_sha256 *key, const float *values, size_t dimensions) {
    ai_kept_item *item = kept_bytes(dimensions) <= kept->limit_bytes ? malloc(kept_bytes(dimensions)) : NULL;
    if (!item) return;
    *item = (ai_kept_item){.key = *key, .dimensions = dimensions};
    memcpy(item->values, values, dimensions * sizeof *values);
    pthread_mutex_lock(&kept->lock);
    ai_kept_item **at = kept_find_locked(kept, key);
    if (*at) kept_drop_locked(kept, *at);
    while (kept->bytes + kept_bytes(dimensions) > kept->limit_bytes) kept_drop_locked(kept, kept->oldest);
    at = kept_bucket(kept, key);
    item->next = *at;
    *at = item;
    kept_first_locked(kept, item);
    kept->bytes += kept_bytes(dimensions);
    pthread_mutex_unlock(&kept->lock);
}

void ai_kept_metrics(ai_kept *kept, lh_buf *into) {
    pthread_mutex_lock(&kept->lock);
    uint64_t bytes = kept->bytes, found = kept->found;
    pthread_mutex_unlock(&kept->lock);
    lh_buf_printf(
        into,
        "# HELP lakehouse_ai_kept_bytes Vectors of texts that are kept.\n# TYPE lakehouse_ai_kept_bytes gauge\n"
        "lakehouse_ai_kept_bytes %" PRIu64 "\n"
        "# HELP lakehouse_ai_kept_found_total Texts whose vector was kept.\n"
        "# TYPE lakehouse_ai_kept_found_total counter\nlakehouse_ai_kept_found_total %" PRIu64 "\n",
        bytes, found);
}

/* ---- embedding ---- */

static void kept_part(lh_sha256_stream *stream, lh_str part) {
    const uint64_t length = part.len;
    lh_sha256_stream_add(stream, (lh_str){(const char *)&length, sizeof length});
    lh_sha256_stream_add(stream, part);
}

static lh_code kept_key(const lh_ai_call *call, const lh_ai_model *model, lh_str text, lh_sha256 *ret, lh_error *err) {
    LH_CLEANUP(lh_sha256_stream_freep) lh_sha256_stream *stream = NULL;
    LH_TRY(lh_sha256_stream_new(&stream, err));
    kept_part(stream, call->principal);
    kept_part(stream, model->provider);
    kept_part(stream, model->name);
    kept_part(stream, model->version);
    lh_sha256_stream_add(stream, text);
    *ret = lh_sha256_stream_end(stream);
    return LH_OK;
}

typedef struct kept_run {
    lh_ai *ai;
    const lh_ai_call *call;
    const lh_str *texts;
    size_t count;
    lh_arena *arena;
    const float **found;            /* by text; NULL: not kept */
    lh_str *asked;                  /* those that are not */
    size_t asked_count, dimensions; /* dimensions: of those found, 0 when there are none, or they differ */
} kept_run;

static lh_code kept_look(kept_run *run, const lh_ai_model *model, lh_error *err) {
    bool differ = false;
    size_t first = 0;
    for (size_t i = 0; i < run->count; i++) {
        lh_sha256 key;
        size_t dimensions = 0;
        LH_TRY(kept_key(run->call, model, run->texts[i], &key, err));
        run->found[i] = ai_kept_find(&run->ai->kept, &key, run->arena, &dimensions);
        if (!run->found[i]) run->asked[run->asked_count++] = run->texts[i];
        else if (first == 0) first = dimensions;
        else differ = differ || dimensions != first;
    }
    run->dimensions = differ ? 0 : first;
    return lh_arena_check(run->arena, err);
}

static lh_code kept_store(const kept_run *run, const lh_str *texts, const lh_ai_embeddings *got, lh_error *err) {
    for (size_t i = 0; i < got->count; i++) {
        lh_sha256 key;
        LH_TRY(kept_key(run->call, &got->model, texts[i], &key, err));
        ai_kept_put(&run->ai->kept, &key, got->values + i * got->dimensions, got->dimensions);
    }
    return LH_OK;
}

/* Those found and those made, in the order of the texts. */
static lh_code kept_merge(const kept_run *run, const lh_ai_embeddings *made, float **ret, lh_error *err) {
    const size_t dimensions = run->dimensions;
    size_t at = 0;
    float *values = LH_ARENA_ARRAY(run->arena, float, run->count *dimensions);
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < run->count; i++)
        memcpy(values + i * dimensions, run->found[i] ? run->found[i] : made->values + dimensions * at++,
               dimensions * sizeof *values);
    *ret = values;
    return LH_OK;
}

lh_code lh_ai_embed_kept(lh_ai *ai, const lh_ai_call *call, const lh_str *texts, size_t count, lh_arena *arena,
                         lh_ai_embeddings *ret, lh_error *err) {
    kept_run run = {.ai = ai, .call = call, .texts = texts, .count = count, .arena = arena};
    lh_ai_embeddings made = {0};
    if (ai->kept.limit_bytes == 0) return lh_ai_embed(ai, call, texts, count, arena, ret, err);
    run.found = LH_ARENA_ARRAY(arena, const float *, count + 1);
    run.asked = LH_ARENA_ARRAY(arena, lh_str, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_ai_find(ai, LH_AI_EMBED, call, arena, &made.model, err));
    LH_TRY(kept_look(&run, &made.model, err));
    const lh_ai_model found_of = made.model;
    bool some = run.asked_count < count;
    if (run.asked_count) {
        LH_TRY(lh_ai_embed(ai, call, run.asked, run.asked_count, arena, &made, err));
        LH_TRY(kept_store(&run, run.asked, &made, err));
    }
    if (!some) return *ret = made, LH_OK;
    bool same = run.dimensions && lh_ai_is_same(&found_of, &made.model) &&
                (run.asked_count == 0 || made.dimensions == run.dimensions);
    if (!same) { /* the model became another one meanwhile */
        LH_TRY(lh_ai_embed(ai, call, texts, count, arena, &made, err));
        LH_TRY(kept_store(&run, texts, &made, err));
        return *ret = made, LH_OK;
    }
    LH_TRY(kept_merge(&run, &made, &made.values, err));
    made.count = count;
    made.dimensions = run.dimensions;
    *ret = made;
    return LH_OK;
}
