/* Rows with the same vector, of which the graph holds only the lowest: a footer that stands in 600 chunks would else have links to
 * itself only, and a walk that comes there would never leave. The others ("twins") hang on it in a list sorted by (of, row), so
 * that those of a row lie together, ascending. What has no twins pays nothing.
 *
 * They are found by hashing all vectors and comparing whole ones. An extension hashes the old rows again rather than to keep a
 * table of them: it follows an opening of the file, which has read them all. */
#include "ann/ann_internal.h"

enum { TWINS_PIECE = 256 };

typedef struct twins_hashing {
    const lh_ann_index *index;
    uint64_t rows;
    uint64_t *hashes;
    const _Atomic bool *cancelled;
    _Atomic uint64_t next;
} twins_hashing;

static lh_str twins_bytes(const lh_ann_index *index, uint64_t row) {
    return (lh_str){(const char *)ann_vector(index, row), index->padded * sizeof(float)};
}

static void twins_hash_some(void *ctx, unsigned n) {
    twins_hashing *task = ctx;
    (void)n;
    while (!ann_cancelled(task->cancelled)) {
        uint64_t from = atomic_fetch_add(&task->next, TWINS_PIECE);
        if (from >= task->rows) return;
        for (uint64_t row = from; row < from + TWINS_PIECE && row < task->rows; row++)
            task->hashes[row] = lh_hash_fast(twins_bytes(task->index, row));
    }
}

static int twins_compare(const void *a, const void *b) {
    const ann_twin *x = a, *y = b;
    if (x->of != y->of) return x->of < y->of ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* The row in the table whose vector `row` has, or `row` itself, which is then in the table. */
static uint32_t twins_place(const lh_ann_index *index, const uint64_t *hashes, uint32_t *table, uint64_t mask,
                            uint32_t row) {
    for (uint64_t at = hashes[row] & mask;; at = (at + 1) & mask) {
        if (!table[at]) {
            table[at] = row + 1;
            return row;
        }
        uint32_t other = table[at] - 1;
        if (hashes[other] == hashes[row] && lh_str_eq(twins_bytes(index, other), twins_bytes(index, row))) return other;
    }
}

void ann_twins_done(ann_twins *twins) {
    free(twins->all);
    free(twins->fresh);
}

/* Room for what the new rows may add, with the old ones in it. */
static lh_code twins_begin(const lh_ann_index *index, uint64_t rows, ann_twins *twins, lh_error *err) {
    twins->all = malloc((index->twin_count + rows + 1) * sizeof *twins->all);
    twins->fresh = malloc((rows + 1) * sizeof *twins->fresh);
    if (!twins->all || !twins->fresh) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    if (index->twin_count) memcpy(twins->all, index->twins, index->twin_count * sizeof *twins->all);
    twins->count = index->twin_count;
    return LH_OK;
}

lh_code ann_twins_find(const lh_ann_index *index, uint64_t rows, const lh_ann_work *work, ann_twins *ret,
                       lh_error *err) {
    uint64_t total = index->rows + rows, room = 64;
    while (room < total * 2) room *= 2;
    LH_CLEANUP(ann_twins_done) ann_twins twins = {0};
    LH_CLEANUP(lh_free_pointer) uint64_t *bits = NULL;
    LH_CLEANUP(lh_free_pointer) uint64_t *hashes = malloc(total * sizeof *hashes + 1);
    LH_CLEANUP(lh_free_pointer) uint32_t *table = calloc(room, sizeof *table);
    if (!hashes || !table) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    LH_TRY(twins_begin(index, rows, &twins, err));
    LH_TRY(ann_twins_bits(index, &bits, err));
    twins_hashing task = {.index = index, .rows = total, .hashes = hashes, .cancelled = work->cancelled};
    ann_parallel(work->threads, twins_hash_some, &task);
    if (ann_cancelled(work->cancelled)) return lh_fail(err, LH_CANCELLED, "building the index was cancelled");
    for (uint64_t row = 0; row < total; row++) {
        if (bits && row < index->rows && ann_bit(bits, row)) continue;
        uint32_t of = twins_place(index, hashes, table, room - 1, (uint32_t)row);
        if (of != row) twins.all[twins.count++] = (ann_twin){of, (uint32_t)row};
        else if (row >= index->rows) twins.fresh[twins.fresh_count++] = (uint32_t)row;
    }
    qsort(twins.all, twins.count, sizeof *twins.all, twins_compare);
    *ret = twins;
    twins = (ann_twins){0};
    return LH_OK;
}

void ann_twins_take(lh_ann_index *index, ann_twins *twins) {
    ann_twin *all = twins->count ? realloc(twins->all, twins->count * sizeof *all) : NULL; /* most had room to spare */
    free(index->own_twins);
    index->own_twins = NULL;
    if (twins->count) index->own_twins = all ? all : twins->all;
    else free(twins->all);
    twins->all = NULL;
    index->twins = index->own_twins;
    index->twin_count = twins->count;
}

lh_code ann_twins_bits(const lh_ann_index *index, uint64_t **ret, lh_error *err) {
    if (index->twin_count == 0) return LH_OK;
    uint64_t *bits = calloc((size_t)((index->rows + 63) / 64), sizeof *bits);
    if (!bits) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    for (size_t i = 0; i < index->twin_count; i++)
        bits[index->twins[i].row >> 6] |= UINT64_C(1) << (index->twins[i].row & 63);
    *ret = bits;
    return LH_OK;
}

const ann_twin *ann_twins_of(const lh_ann_index *index, uint32_t row) {
    size_t low = 0, high = index->twin_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->twins[middle].of < row) low = middle + 1;
        else high = middle;
    }
    return index->twins + low;
}

static bool twins_in_order(const lh_ann_index *index) {
    for (size_t i = 0; i < index->twin_count; i++) {
        const ann_twin *twin = &index->twins[i];
        if (twin->of >= twin->row || twin->row >= index->rows) return false;
        if (i && twins_compare(twin - 1, twin) >= 0) return false;
    }
    return true;
}

lh_code ann_twins_check(const lh_ann_index *index, bool *ret_sound, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) uint64_t *bits = NULL;
    uint64_t seen = 0;
    bool sound = twins_in_order(index);
    if (sound) LH_TRY(ann_twins_bits(index, &bits, err));
    for (size_t i = 0; sound && i < index->twin_count; i++) {
        const ann_twin *twin = &index->twins[i];
        sound = !ann_bit(bits, twin->of) && lh_str_eq(twins_bytes(index, twin->of), twins_bytes(index, twin->row));
    }
    for (size_t i = 0; bits && i < (index->rows + 63) / 64; i++) seen += (uint64_t)__builtin_popcountll(bits[i]);
    *ret_sound = sound && seen == index->twin_count; /* none twice */
    return LH_OK;
}
