/* Which rows of an index have the text that their row of the dataset has now. An index is older than its dataset: a row that it
 * has may have been another, which the caller never saw, and an id may be that of several rows, some of which are hidden. What is
 * told by id alone would be the text of the one beside the columns of the other. So a governed search takes a row for a candidate only
 * when the dataset has its id once, with a text of the hash that the index has. That is the same for whoever asks, and is
 * read once a snapshot of the dataset; who sees the row is asked at each search. */
#include "vector/vector_internal.h"

enum { CURRENT_TRIES = 3 };

typedef struct {
    const vector_served *served;
    uint64_t *bits, *seen; /* seen: by id */
} current_marks;

static lh_code current_mark(void *ctx, const vector_row *row, lh_error *err) {
    current_marks *marks = ctx;
    (void)err;
    const vector_place *place = row->id.ptr ? vector_served_find(marks->served, row->id) : NULL;
    if (!place) return LH_OK;
    size_t id = (size_t)(place - marks->served->ids);
    lh_sha256 hash;
    memcpy(hash.bytes, marks->served->rows[marks->served->order[place->first]].hash, sizeof hash.bytes);
    bool same = memcmp(lh_sha256_to_hex(&hash).text, row->hash, VECTOR_HASH_BYTES) == 0;
    bool first = !(marks->seen[id >> 6] >> (id & 63) & 1);
    marks->seen[id >> 6] |= UINT64_C(1) << (id & 63);
    vector_mark_rows(marks->served, place, first && same, marks->bits);
    return LH_OK;
}

lh_code vector_current_read(const vector_source *source, const vector_served *served, uint64_t *bits, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) uint64_t *seen = calloc(served->id_count / 64 + 1, sizeof *seen);
    if (!seen) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    current_marks marks = {served, bits, seen};
    return vector_source_read(source, current_mark, &marks, err);
}

/* Copies what is there of the snapshot, or waits for its turn to make it: *ret_mine. */
static lh_code current_begin(lh_vector *vector, const vector_served *served, int64_t snapshot_id, lh_cancel *cancel,
                             uint64_t *into, bool *ret_mine, lh_error *err) {
    bool there = false;
    pthread_mutex_lock(&vector->lock);
    while (!(there = served->current && served->current_snapshot_id == snapshot_id) && vector->reading_rows)
        if (!vector_wait_locked(vector, cancel)) break;
    *ret_mine = !there && !vector->reading_rows;
    if (there) memcpy(into, served->current, vector_row_words(served) * sizeof *into);
    if (*ret_mine) vector->reading_rows = true;
    pthread_mutex_unlock(&vector->lock);
    return there || *ret_mine ? LH_OK : lh_fail(err, LH_CANCELLED, "waiting for the rows of the dataset was cancelled");
}

/* made: moved; NULL: there is none. */
static void current_end(lh_vector *vector, const vector_served *served, uint64_t *made, int64_t snapshot_id) {
    vector_served *own = (vector_served *)(uintptr_t)served; /* the bits are ours to add */
    pthread_mutex_lock(&vector->lock);
    vector->reading_rows = false;
    if (made) {
        if (!own->current) own->bytes += vector_row_words(served) * sizeof *made;
        free(own->current);
        own->current = made;
        own->current_snapshot_id = snapshot_id;
    }
    pthread_cond_broadcast(&vector->changed);
    pthread_mutex_unlock(&vector->lock);
}

/* *ret_made: is the dataset still of the snapshot that it was before it was read? */
static lh_code current_make(lh_vector *vector, const vector_served *served, const vector_definition *d,
                            lh_cancel *cancel, int64_t snapshot_id, uint64_t *into, bool *ret_made, lh_error *err) {
    const vector_source source = {.engine = vector->engine, .definition = d, .cancel = cancel};
    size_t words = vector_row_words(served);
    int64_t now = -1;
    uint64_t *bits = calloc(words, sizeof *bits);
    lh_code code = LH_OK;
    if (bits) code = vector_current_read(&source, served, bits, err);
    else code = lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    if (code == LH_OK) code = lh_table_snapshot_id(vector->catalog, d->dataset, &now, err);
    *ret_made = code == LH_OK && now == snapshot_id;
    if (*ret_made) memcpy(into, bits, words * sizeof *into);
    current_end(vector, served, *ret_made ? lh_take(&bits) : NULL, snapshot_id);
    free(bits);
    return code;
}

lh_code vector_current(lh_vector *vector, const vector_served *served, const vector_definition *d, lh_cancel *cancel,
                       lh_arena *arena, uint64_t **ret, int64_t *ret_snapshot_id, lh_error *err) {
    uint64_t *bits = LH_ARENA_ARRAY(arena, uint64_t, vector_row_words(served));
    LH_TRY(lh_arena_check(arena, err));
    *ret = NULL;
    for (int i = 0; i < CURRENT_TRIES && !*ret; i++) {
        bool mine = false, made = true;
        LH_TRY(lh_table_snapshot_id(vector->catalog, d->dataset, ret_snapshot_id, err));
        LH_TRY(current_begin(vector, served, *ret_snapshot_id, cancel, bits, &mine, err));
        if (mine) LH_TRY(current_make(vector, served, d, cancel, *ret_snapshot_id, bits, &made, err));
        if (made) *ret = bits;
    }
    return LH_OK;
}
