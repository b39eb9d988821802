/* Indexes held ready for searches. One is of a snapshot of its table and never changes; a search finds that of the table's current
 * snapshot, whatever its graph was built by, or waits while it is made, one at a time. Trials build further graphs of its rows. Beyond the memory limit those go that were not used for longest. Its words are
 * read when a search first asks for them, also one index at a time, and are kept as long as it is. */
#include "vector/vector_internal.h"

#include <sys/mman.h>

/* ---- the life of one ---- */

void vector_served_free(vector_served *served) {
    if (!served) return;
    lh_ann_free(served->ann);
    if (served->file) munmap((void *)(uintptr_t)served->file, served->file_bytes);
    vector_bm25_free(served->bm25);
    free(served->current);
    free(served->binding);
    free(served->base_binding);
    free(served->lance);
    free(served->order);
    free(served->ids);
    lh_str_free(served->name);
    free(served);
}

static void served_unlist_locked(lh_vector *vector, vector_served *served) {
    vector_served **at = &vector->served;
    while (*at != served) at = &(*at)->next;
    *at = served->next;
    served->dropped = true;
    if (served->users == 0) vector_served_free(served);
}

void vector_served_release(lh_vector *vector, const vector_served *served) {
    if (!served) return;
    vector_served *own = (vector_served *)(uintptr_t)served; /* the count is ours to change */
    pthread_mutex_lock(&vector->lock);
    bool last = --own->users == 0 && own->dropped;
    pthread_mutex_unlock(&vector->lock);
    if (last) vector_served_free(own);
}

void vector_served_forget(lh_vector *vector, lh_str name) {
    pthread_mutex_lock(&vector->lock);
    for (vector_served *at = vector->served, *next; at; at = next) {
        next = at->next;
        if (lh_str_eq(at->name, name)) served_unlist_locked(vector, at);
    }
    pthread_mutex_unlock(&vector->lock);
    vector_load_remove_files(vector, name);
}

void vector_served_free_all(lh_vector *vector) {
    while (vector->served) served_unlist_locked(vector, vector->served);
}

/* ---- finding one ---- */

/* config NULL: of any. */
static vector_served *served_find_locked(lh_vector *vector, lh_str name, int64_t snapshot_id,
                                         const lh_hnsw_config *config) {
    vector_served *at = vector->served;
    while (at && !(lh_str_eq(at->name, name) && at->snapshot_id == snapshot_id &&
                   (!config || vector_hnsw_same_graph(&at->config, config))))
        at = at->next;
    if (!at) return NULL;
    at->users++;
    at->last_use = ++vector->uses;
    return at;
}

/* While all are too large, the one goes that was not used for longest. */
static void served_fit_locked(lh_vector *vector, const vector_served *kept) {
    for (;;) {
        uint64_t bytes = 0;
        vector_served *oldest = NULL;
        for (vector_served *at = vector->served; at; at = at->next) {
            bytes += at->bytes;
            if (at != kept && (!oldest || at->last_use < oldest->last_use)) oldest = at;
        }
        if (bytes <= vector->memory_limit_bytes || !oldest) return;
        vector->stats.evictions++;
        served_unlist_locked(vector, oldest);
    }
}

/* Others of its name go. */
static void served_list_locked(lh_vector *vector, vector_served *served) {
    for (vector_served *at = vector->served, *next; at; at = next) {
        next = at->next;
        if (lh_str_eq(at->name, served->name)) served_unlist_locked(vector, at);
    }
    served->next = vector->served;
    vector->served = served;
    served->users = 1;
    served->last_use = ++vector->uses;
    served_fit_locked(vector, served);
}

typedef struct {
    lh_str name; /* of the table */
    int64_t snapshot_id;
    const lh_hnsw_config *config; /* NULL: any */
    bool asked;                   /* by somebody: a hit, or a miss */
} served_wanted;

/* Waits for its turn to make one. *ret NULL: it is the caller's; else another made it meanwhile, or had. */
static lh_code served_begin(lh_vector *vector, const served_wanted *wanted, lh_cancel *cancel, vector_served **ret,
                            lh_error *err) {
    pthread_mutex_lock(&vector->lock);
    while (!(*ret = served_find_locked(vector, wanted->name, wanted->snapshot_id, wanted->config)) && vector->loading)
        if (!vector_wait_locked(vector, cancel)) break;
    bool mine = !*ret && !vector->loading;
    if (mine) vector->loading = true;
    if (wanted->asked) (*(*ret ? &vector->stats.hits : &vector->stats.misses))++;
    pthread_mutex_unlock(&vector->lock);
    return mine || *ret ? LH_OK : lh_fail(err, LH_CANCELLED, "waiting for the index was cancelled");
}

static void served_end(lh_vector *vector, vector_served *made) {
    pthread_mutex_lock(&vector->lock);
    vector->loading = false;
    if (made) served_list_locked(vector, made);
    pthread_cond_broadcast(&vector->changed);
    pthread_mutex_unlock(&vector->lock);
}

static lh_code served_get(lh_vector *vector, const vector_definition *d, const lh_hnsw_config *config,
                          lh_cancel *cancel, const vector_served **ret, lh_error *err) {
    int64_t snapshot_id;
    vector_served *served = NULL;
    LH_TRY(lh_table_snapshot_id(vector->catalog, d->table, &snapshot_id, err));
    const served_wanted wanted = {d->table.name, snapshot_id, config, true};
    LH_TRY(served_begin(vector, &wanted, cancel, &served, err));
    if (!served) {
        lh_code code = vector_load(vector, d, snapshot_id, cancel, &served, err);
        served_end(vector, served);
        LH_TRY(code);
    }
    *ret = served;
    return LH_OK;
}

lh_code vector_served_get(lh_vector *vector, const vector_definition *d, lh_cancel *cancel, const vector_served **ret,
                          lh_error *err) {
    return served_get(vector, d, NULL, cancel, ret, err);
}

lh_code vector_served_build(lh_vector *vector, const vector_definition *d, lh_cancel *cancel, const vector_served **ret,
                            lh_error *err) {
    return served_get(vector, d, &d->hnsw, cancel, ret, err);
}

lh_code vector_served_map(lh_vector *vector, const vector_definition *d, lh_cancel *cancel, lh_error *err) {
    int64_t snapshot_id;
    vector_served *served = NULL;
    lh_code code = LH_OK;
    LH_TRY(lh_table_snapshot_id(vector->catalog, d->table, &snapshot_id, err));
    const served_wanted wanted = {d->table.name, snapshot_id, NULL, false};
    LH_TRY(served_begin(vector, &wanted, cancel, &served, err));
    if (!served) {
        code = vector_load_map(vector, d, snapshot_id, &served, err);
        served_end(vector, served);
    }
    vector_served_release(vector, served);
    return code;
}

bool vector_served_is_behind(lh_vector *vector, const vector_definition *d) {
    bool behind = false;
    pthread_mutex_lock(&vector->lock);
    for (const vector_served *at = vector->served; at; at = at->next)
        if (lh_str_eq(at->name, d->table.name)) behind = !vector_hnsw_same_graph(&at->config, &d->hnsw);
    pthread_mutex_unlock(&vector->lock);
    return behind;
}

const vector_served *vector_served_ref(lh_vector *vector, const vector_served *served) {
    vector_served *own = (vector_served *)(uintptr_t)served; /* the count is ours to change */
    pthread_mutex_lock(&vector->lock);
    own->users++;
    pthread_mutex_unlock(&vector->lock);
    return served;
}

lh_json *lh_vector_cache_stats(lh_vector *vector, lh_arena *arena) {
    lh_vector_stats stats = lh_vector_get_stats(vector);
    lh_json *json = lh_json_new_object(arena);
    lh_json_set_uint(arena, json, "entries", stats.indexes);
    lh_json_set_uint(arena, json, "bytes", stats.bytes);
    lh_json_set_uint(arena, json, "mapped_bytes", stats.mapped_bytes);
    lh_json_set_uint(arena, json, "limit", vector->memory_limit_bytes);
    lh_json_set_uint(arena, json, "hits", stats.hits);
    lh_json_set_uint(arena, json, "misses", stats.misses);
    lh_json_set_uint(arena, json, "evictions", stats.evictions);
    return json;
}

void vector_mark_rows(const vector_served *served, const vector_place *place, bool on, uint64_t *bits) {
    for (size_t i = 0; i < place->count; i++) {
        size_t at = served->order[place->first + i];
        uint64_t bit = UINT64_C(1) << (at & 63);
        if (on) bits[at >> 6] |= bit;
        else bits[at >> 6] &= ~bit;
    }
}

const vector_place *vector_served_find(const vector_served *s, lh_str id) {
    size_t low = 0, high = s->id_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = lh_str_cmp(vector_served_id(s, s->order[s->ids[middle].first]), id);
        if (order == 0) return &s->ids[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

/* ---- its words ---- */

static lh_str served_document(const void *ctx, size_t document) {
    const vector_served *served = ctx;
    return vector_served_text(served, served->order[document]);
}

static lh_code served_read_words(const vector_served *served, const vector_definition *d, lh_cancel *cancel,
                                 vector_bm25 **ret, lh_error *err) {
    const vector_documents documents = {vector_served_live(served), served_document, served};
    return vector_bm25_build(&documents, d->locale, lh_cancel_flag(cancel), ret, err);
}

lh_code vector_served_bm25(lh_vector *vector, const vector_served *served, const vector_definition *d,
                           lh_cancel *cancel, const vector_bm25 **ret, lh_error *err) {
    vector_served *own = (vector_served *)(uintptr_t)served; /* the words are ours to add */
    vector_bm25 *made = NULL;
    lh_code code = LH_OK;
    pthread_mutex_lock(&vector->lock);
    while (!served->bm25 && vector->reading_words) pthread_cond_wait(&vector->changed, &vector->lock);
    if (!served->bm25) {
        vector->reading_words = true;
        pthread_mutex_unlock(&vector->lock);
        code = served_read_words(served, d, cancel, &made, err);
        pthread_mutex_lock(&vector->lock);
        vector->reading_words = false;
        own->bm25 = made;
        if (made) own->bytes += vector_bm25_bytes(made);
        served_fit_locked(vector, served);
        pthread_cond_broadcast(&vector->changed);
    }
    if (code == LH_OK) *ret = served->bm25;
    pthread_mutex_unlock(&vector->lock);
    return code;
}
