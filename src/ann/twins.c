/* Rows that lie so near to another that the codes do not tell them apart, of which the graph holds only one: a footer that stands in
 * 600 chunks, each with another page's number, would else have links to itself only, and a walk that comes there would never leave.
 * The others ("twins", most have the very same vector) hang on it in a list sorted by (of, row), so that those of a row lie together,
 * ascending. A search scores them by their own vectors, so nothing is lost. What has no twins pays nothing.
 *
 * Of each distinct vector the first row is found by hashing all vectors and comparing whole ones. Of these the near ones are found by
 * cells: rows whose projections on a few directions fall into the same interval, much wider than what is near and much narrower than
 * what is not. A family on the border of cells gets a row of the graph in each, which is no harm. In a crowded cell only the latest
 * are compared. An extension hashes the old rows again rather than to keep a table of them: it follows an opening of the file, which
 * has read them all. */
#include "ann/ann_internal.h"

#include <math.h>

enum { TWINS_PIECE = 256, TWINS_DIRECTIONS = 16, TWINS_COMPARED = 32 };
#define TWINS_REACH 4       /* × the error of a row's codes, within which they do not order rows well */
#define TWINS_CELL 24       /* × the reach that is usual */
#define TWINS_SLACK 1e-6    /* for another processor's sums */
#define TWINS_ROUNDING 0.29 /* × the scale × √components: the error that is usual */

typedef struct twins_hashing {
    const lh_ann_index *index;
    uint64_t rows;
    const int8_t *directions; /* NULL: vectors are hashed, not their cells */
    uint64_t *hashes;
    const _Atomic bool *cancelled;
    _Atomic uint64_t next;
} twins_hashing;

float ann_twins_reach(const lh_ann_index *index, uint32_t row) {
    size_t at;
    const ann_block *block = ann_block_of(index, row, &at);
    return TWINS_REACH * block->meta[at].error;
}

static lh_str twins_bytes(const lh_ann_index *index, uint64_t row) {
    return (lh_str){(const char *)ann_vector(index, row), index->padded * sizeof(float)};
}

static uint64_t twins_cell(const lh_ann_index *index, const int8_t *directions, uint64_t row) {
    size_t at, n = index->padded;
    const ann_block *block = ann_block_of(index, row, &at);
    double scale = (double)block->meta[at].scale;
    int32_t cell[TWINS_DIRECTIONS + 1] = {0};
    if (scale > 0 && isfinite(scale)) { /* the width is a power of two: that of a row a little longer is the same */
        double width = TWINS_CELL * TWINS_REACH * TWINS_ROUNDING * scale * sqrt((double)index->options.dimensions);
        (void)frexp(width, &cell[TWINS_DIRECTIONS]);
        width = ldexp(1, cell[TWINS_DIRECTIONS]);
        for (size_t i = 0; i < TWINS_DIRECTIONS; i++) {
            int32_t dot = index->kernels->dot_i8(block->codes + at * n, directions + i * n, n);
            cell[i] = (int32_t)floor(dot * scale / width);
        }
    }
    return lh_hash_fast((lh_str){(const char *)cell, sizeof cell});
}

static void twins_hash_some(void *ctx, unsigned n) {
    twins_hashing *task = ctx;
    (void)n;
    while (!ann_cancelled(task->cancelled)) {
        uint64_t from = atomic_fetch_add(&task->next, TWINS_PIECE);
        if (from >= task->rows) return;
        for (uint64_t row = from; row < from + TWINS_PIECE && row < task->rows; row++)
            task->hashes[row] = task->directions ? twins_cell(task->index, task->directions, row)
                                                 : lh_hash_fast(twins_bytes(task->index, row));
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

/* Which of them have the very vector of the row that stands for them: their scores need not be computed. */
static lh_code twins_mark_same(const lh_ann_index *index, const ann_twin *all, size_t count, uint64_t **ret,
                               lh_error *err) {
    uint64_t *same = calloc(count / 64 + 1, sizeof *same);
    if (!same) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq(twins_bytes(index, all[i].of), twins_bytes(index, all[i].row)))
            same[i >> 6] |= UINT64_C(1) << (i & 63);
    *ret = same;
    return LH_OK;
}

void ann_twins_done(ann_twins *twins) {
    free(twins->all);
    free(twins->same);
    free(twins->fresh);
}

/* Signs, the same each time: an extension must find the cells of the rows that were. */
static void twins_directions(const lh_ann_index *index, int8_t *ret) {
    uint64_t bits = 0;
    for (size_t i = 0; i < TWINS_DIRECTIONS * index->padded; i++) {
        if (i % 64 == 0) bits = lh_hash_fast((lh_str){(const char *)&i, sizeof i}) * UINT64_C(0x9e3779b97f4a7c15);
        ret[i] = bits >> (i % 64) & 1 ? 1 : -1;
    }
}

typedef struct twins_search {
    const lh_ann_index *index;
    uint64_t total, mask; /* of the table: a power of two less one */
    uint64_t *hashes;
    uint32_t *table;
    uint32_t *next; /* in a cell: the row before, plus one */
    uint32_t *of;   /* for each row the one that stands for it, itself where none does */
    int8_t *directions;
} twins_search;

static void twins_search_done(twins_search *search) {
    free(search->hashes);
    free(search->table);
    free(search->next);
    free(search->of);
    free(search->directions);
}

static lh_code twins_begin(const lh_ann_index *index, uint64_t rows, twins_search *ret, lh_error *err) {
    uint64_t total = index->rows + rows, room = 64;
    while (room < total * 2) room *= 2;
    LH_CLEANUP(twins_search_done)
    twins_search search = {.index = index, .total = total, .mask = room - 1};
    search.hashes = malloc(total * sizeof *search.hashes + 1);
    search.table = calloc(room, sizeof *search.table);
    search.next = malloc(total * sizeof *search.next + 1);
    search.of = malloc(total * sizeof *search.of + 1);
    search.directions = malloc(TWINS_DIRECTIONS * index->padded);
    if (!search.hashes || !search.table || !search.next || !search.of || !search.directions)
        return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    for (uint64_t row = 0; row < total; row++) search.of[row] = (uint32_t)row;
    for (size_t i = 0; i < index->twin_count; i++) search.of[index->twins[i].row] = index->twins[i].of;
    twins_directions(index, search.directions);
    *ret = search;
    search = (twins_search){0};
    return LH_OK;
}

static lh_code twins_hash(const twins_search *search, bool cells, const lh_ann_work *work, lh_error *err) {
    twins_hashing task = {.index = search->index, .rows = search->total, .hashes = search->hashes};
    task.directions = cells ? search->directions : NULL;
    task.cancelled = work->cancelled;
    ann_parallel(work->threads, twins_hash_some, &task);
    return ann_cancelled(work->cancelled) ? lh_fail(err, LH_CANCELLED, "building the index was cancelled") : LH_OK;
}

/* Old rows stay what they are. */
static void twins_find_same(twins_search *search) {
    for (uint64_t row = 0; row < search->total; row++) {
        uint32_t first = twins_place(search->index, search->hashes, search->table, search->mask, (uint32_t)row);
        if (row >= search->index->rows) search->of[row] = first;
    }
}

static bool twins_are_near(const lh_ann_index *index, uint32_t of, uint32_t row, double slack) {
    double reach = (double)ann_twins_reach(index, of);
    return index->kernels->exact_l2(ann_vector(index, of), ann_vector(index, row), index->padded) <=
           reach * reach * (1 + slack);
}

/* Among rows that are the first of their vector: they are new, or in the graph. */
static void twins_find_near(twins_search *search) {
    const lh_ann_index *index = search->index;
    memset(search->table, 0, (search->mask + 1) * sizeof *search->table);
    for (uint64_t row = 0; row < search->total; row++) {
        if (search->of[row] != row) continue;
        uint32_t *cell = &search->table[search->hashes[row] & search->mask], other = *cell;
        for (int tries = 0; other && row >= index->rows && tries < TWINS_COMPARED;
             other = search->next[other - 1], tries++)
            if (search->hashes[other - 1] == search->hashes[row] &&
                twins_are_near(index, other - 1, (uint32_t)row, 0)) {
                search->of[row] = other - 1;
                break;
            }
        if (search->of[row] != row) continue;
        search->next[row] = *cell;
        *cell = (uint32_t)row + 1;
    }
}

static lh_code twins_collect(const twins_search *search, ann_twins *ret, lh_error *err) {
    LH_CLEANUP(ann_twins_done) ann_twins twins = {0};
    const uint32_t *of = search->of;
    twins.all = malloc(search->total * sizeof *twins.all + 1);
    twins.fresh = malloc((search->total - search->index->rows) * sizeof *twins.fresh + 1);
    if (!twins.all || !twins.fresh) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    for (uint64_t row = 0; row < search->total; row++) {
        /* the first of a vector may itself have a row that stands for it */
        if (of[row] != row) twins.all[twins.count++] = (ann_twin){of[of[row]], (uint32_t)row};
        else if (row >= search->index->rows) twins.fresh[twins.fresh_count++] = (uint32_t)row;
    }
    qsort(twins.all, twins.count, sizeof *twins.all, twins_compare);
    LH_TRY(twins_mark_same(search->index, twins.all, twins.count, &twins.same, err));
    *ret = twins;
    twins = (ann_twins){0};
    return LH_OK;
}

lh_code ann_twins_find(const lh_ann_index *index, uint64_t rows, const lh_ann_work *work, ann_twins *ret,
                       lh_error *err) {
    LH_CLEANUP(twins_search_done) twins_search search = {0};
    LH_TRY(twins_begin(index, rows, &search, err));
    LH_TRY(twins_hash(&search, false, work, err));
    twins_find_same(&search);
    LH_TRY(twins_hash(&search, true, work, err));
    twins_find_near(&search);
    return twins_collect(&search, ret, err);
}

void ann_twins_take(lh_ann_index *index, ann_twins *twins) {
    ann_twin *all = twins->count ? realloc(twins->all, twins->count * sizeof *all) : NULL; /* most had room to spare */
    free(index->own_twins);
    free(index->twins_same);
    index->own_twins = NULL;
    index->twins_same = lh_take(&twins->same);
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

lh_code ann_twins_check(lh_ann_index *index, bool *ret_sound, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) uint64_t *bits = NULL;
    uint64_t seen = 0;
    bool sound = twins_in_order(index);
    if (sound) LH_TRY(ann_twins_bits(index, &bits, err));
    for (size_t i = 0; sound && i < index->twin_count; i++) {
        const ann_twin *twin = &index->twins[i];
        sound = !ann_bit(bits, twin->of) && twins_are_near(index, twin->of, twin->row, TWINS_SLACK);
    }
    for (size_t i = 0; bits && i < (index->rows + 63) / 64; i++) seen += (uint64_t)__builtin_popcountll(bits[i]);
    *ret_sound = sound && seen == index->twin_count; /* none twice */
    return sound ? twins_mark_same(index, index->twins, index->twin_count, &index->twins_same, err) : LH_OK;
}
