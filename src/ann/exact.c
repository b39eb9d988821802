/* Exact search: a scan of the i8 codes that leaves out only rows which cannot be among the best, then scores from f32.
 *
 * For a row x = x' + e (x' = scale × codes, ‖e‖ ≤ error) and a query y = y' + f:
 *     x·y = x'·y' + e·y + x'·f,  so  |x·y - x'·y'| ≤ error × ‖y‖ + (‖x‖ + error) × ‖f‖
 * x'·y' comes from a sum of integers, which is exact, times two scales. `slack` of a probe is ‖f‖ and, for what is rounded on the
 * way (the scales' products, the bound itself, the score to f32: less than ten roundings of 2^-24), 10^-6 of the length. So the
 * key of a row lies between low and high, both cheap. Of the k largest lows seen so far the smallest is a mark that at least k
 * rows reach: a row whose high is below it is out. What stays, some hundred rows of a hundred thousand, is scored from f32 by
 * descending high until that is below the worst of the k best. The answer is that of a full f64 scan, rounded to f32. Where
 * bounds tell nothing apart (all rows alike) all rows are scored: slower, not wrong.
 *
 * Threads draw pieces of rows; each has lists of its own, joined at the end. */
#include "ann/ann_internal.h"

#include <math.h>

enum { EXACT_PIECE = 256, EXACT_SPARSE = 4, EXACT_THREAD_BYTES = 1 << 20, EXACT_MANY = 4096 };

typedef struct exact_list {
    ann_top lows;
    ann_item *items; /* key: high */
    size_t count, room;
} exact_list;

typedef struct exact_scan {
    const lh_ann_index *index;
    const ann_exact_ask *ask;
    exact_list *lists; /* a thread's lie together: thread × ask->count + query */
    size_t piece;
    _Atomic uint64_t next;
    _Atomic bool no_memory;
} exact_scan;

static bool exact_push(exact_list *list, float high, uint32_t row) {
    if (list->count == list->room) {
        size_t kept = 0;
        for (size_t i = 0; i < list->count; i++)
            if (ann_top_takes(&list->lows, list->items[i].key)) list->items[kept++] = list->items[i];
        list->count = kept;
        if (kept > list->room / 2 || list->room == 0) {
            size_t room = list->room ? list->room * 2 : 1024;
            ann_item *items = realloc(list->items, room * sizeof *items);
            if (!items) return false;
            list->items = items;
            list->room = room;
        }
    }
    list->items[list->count++] = (ann_item){high, row};
    return true;
}

/* Rows first … first + count - 1 for one query; their dots lie `stride` apart. */
static bool exact_take(const exact_scan *scan, exact_list *list, const ann_probe *probe, const ann_meta *meta,
                       uint64_t first, size_t count, const int32_t *dots, size_t stride) {
    bool l2 = scan->index->options.metric == LH_ANN_L2;
    const uint64_t *bits = scan->ask->bits;
    for (size_t i = 0; i < count; i++) {
        float key = (float)dots[i * stride] * meta[i].scale * probe->scale;
        float off = ann_code_off(&meta[i], probe, l2);
        if (l2) key = 2 * key - (meta[i].square + probe->square);
        if (!ann_top_takes(&list->lows, key + off) || (bits && !ann_bit(bits, first + i))) continue;
        ann_top_offer(&list->lows, key - off, (uint32_t)(first + i));
        if (!exact_push(list, key + off, (uint32_t)(first + i))) return false;
    }
    return true;
}

static size_t exact_allowed(const uint64_t *bits, uint64_t first, size_t count) { /* first is a multiple of 64 */
    size_t allowed = 0;
    for (size_t i = 0; i < count; i += 64) {
        uint64_t word = bits[(first + i) >> 6];
        if (count - i < 64) word &= (UINT64_C(1) << (count - i)) - 1;
        allowed += (size_t)__builtin_popcountll(word);
    }
    return allowed;
}

static bool exact_piece_sparse(const exact_scan *scan, exact_list *lists, uint64_t first, size_t count) {
    const ann_kernels *kernels = scan->index->kernels;
    size_t at, n = scan->index->padded;
    const ann_block *block = ann_block_of(scan->index, first, &at);
    for (size_t i = 0; i < count; i++) {
        if (!ann_bit(scan->ask->bits, first + i)) continue;
        for (size_t q = 0; q < scan->ask->count; q++) {
            const ann_probe *probe = &scan->ask->probes[q];
            int32_t dot = kernels->dot_i8_i16(block->codes + (at + i) * n, probe->codes, n);
            if (!exact_take(scan, &lists[q], probe, &block->meta[at + i], first + i, 1, &dot, 1)) return false;
        }
    }
    return true;
}

static bool exact_piece(const exact_scan *scan, exact_list *lists, uint64_t first, size_t count) {
    const ann_kernels *kernels = scan->index->kernels;
    const ann_exact_ask *ask = scan->ask;
    size_t at, n = scan->index->padded, q = 0;
    int32_t dots[4 * EXACT_PIECE];
    const ann_block *block = ann_block_of(scan->index, first, &at);
    if (ask->bits) {
        size_t allowed = exact_allowed(ask->bits, first, count);
        if (allowed == 0) return true;
        if (allowed < count / EXACT_SPARSE) return exact_piece_sparse(scan, lists, first, count);
    }
    const int8_t *codes = block->codes + at * n;
    for (; q + 4 <= ask->count; q += 4) {
        kernels->scan4(codes, count, ask->probes[q].codes, n, dots);
        for (size_t j = 0; j < 4; j++)
            if (!exact_take(scan, &lists[q + j], &ask->probes[q + j], &block->meta[at], first, count, dots + j, 4))
                return false;
    }
    for (; q < ask->count; q++) {
        kernels->scan(codes, count, ask->probes[q].codes, n, dots);
        if (!exact_take(scan, &lists[q], &ask->probes[q], &block->meta[at], first, count, dots, 1)) return false;
    }
    return true;
}

static void exact_thread(void *ctx, unsigned n) {
    exact_scan *scan = ctx;
    uint64_t rows = scan->index->rows;
    exact_list *lists = &scan->lists[n * scan->ask->count];
    while (!ann_cancelled(scan->ask->cancelled) && !atomic_load_explicit(&scan->no_memory, memory_order_relaxed)) {
        uint64_t first = atomic_fetch_add(&scan->next, scan->piece);
        if (first >= rows) return;
        size_t count = rows - first < scan->piece ? (size_t)(rows - first) : scan->piece;
        if (!exact_piece(scan, lists, first, count)) atomic_store(&scan->no_memory, true);
    }
}

typedef struct exact_score {
    const exact_scan *scan;
    size_t q;
    const ann_item *items;
    size_t count;
    _Atomic size_t next;
} exact_score;

static void exact_score_thread(void *ctx, unsigned n) { /* into its list's heap, whose lows are not needed any more */
    exact_score *score = ctx;
    const ann_exact_ask *ask = score->scan->ask;
    ann_top *top = &score->scan->lists[n * ask->count + score->q].lows;
    top->count = 0;
    while (!ann_cancelled(ask->cancelled)) {
        size_t first = atomic_fetch_add(&score->next, EXACT_PIECE);
        for (size_t i = first; i < first + EXACT_PIECE && i < score->count; i++) {
            if (!ann_top_takes(top, score->items[i].key)) continue;
            ann_top_offer(top, ann_exact_key(score->scan->index, &ask->probes[score->q], score->items[i].row),
                          score->items[i].row);
        }
        if (first + EXACT_PIECE >= score->count) return;
    }
}

/* Where bounds leave many rows, they are scored by all threads, in any order. */
static lh_code exact_score_many(const exact_scan *scan, unsigned threads, size_t q, const ann_item *items, size_t count,
                                ann_top *top, lh_error *err) {
    exact_score score = {.scan = scan, .q = q, .items = items, .count = count};
    ann_parallel(threads, exact_score_thread, &score);
    if (ann_cancelled(scan->ask->cancelled)) return lh_fail(err, LH_CANCELLED, "the search was cancelled");
    for (unsigned t = 0; t < threads; t++) {
        const ann_top *part = &scan->lists[t * scan->ask->count + q].lows;
        for (size_t i = 0; i < part->count; i++) ann_top_offer(top, part->items[i].key, part->items[i].row);
    }
    return LH_OK;
}

/* Joins what the threads have of one query and scores it. `work` has room for all their lows and items. */
static lh_code exact_finish(const exact_scan *scan, unsigned threads, size_t q, ann_item *work, ann_item *ret,
                            uint32_t *ret_count, lh_error *err) {
    const ann_exact_ask *ask = scan->ask;
    size_t lows = 0, count = 0;
    for (unsigned t = 0; t < threads; t++) {
        const ann_top *top = &scan->lists[t * ask->count + q].lows;
        if (top->count) memcpy(work + lows, top->items, top->count * sizeof *work);
        lows += top->count;
    }
    ann_sort(work, lows);
    float mark = lows >= ask->k ? work[ask->k - 1].key : -INFINITY;
    for (unsigned t = 0; t < threads; t++) {
        const exact_list *list = &scan->lists[t * ask->count + q];
        for (size_t i = 0; i < list->count; i++)
            if (list->items[i].key >= mark) work[count++] = list->items[i];
    }
    ann_top top = {.items = ret, .k = ask->k};
    if (count > EXACT_MANY) {
        LH_TRY(exact_score_many(scan, threads, q, work, count, &top, err));
        count = 0;
    }
    ann_sort(work, count);
    for (size_t i = 0; i < count && ann_top_takes(&top, work[i].key); i++)
        ann_top_offer(&top, ann_exact_key(scan->index, &ask->probes[q], work[i].row), work[i].row);
    ann_sort(top.items, top.count);
    *ret_count = (uint32_t)top.count;
    return LH_OK;
}

static lh_code exact_finish_all(const exact_scan *scan, unsigned threads, ann_item *ret, uint32_t *ret_counts,
                                lh_error *err) {
    const ann_exact_ask *ask = scan->ask;
    size_t room = 1;
    for (size_t q = 0; q < ask->count; q++) {
        size_t lows = 0, items = 0;
        for (unsigned t = 0; t < threads; t++) {
            lows += scan->lists[t * ask->count + q].lows.count;
            items += scan->lists[t * ask->count + q].count;
        }
        if (lows > room) room = lows;
        if (items > room) room = items;
    }
    LH_CLEANUP(lh_free_pointer) ann_item *work = malloc(room * sizeof *work);
    if (!work) return lh_fail(err, LH_NO_MEMORY, "search: out of memory");
    for (size_t q = 0; q < ask->count; q++)
        LH_TRY(exact_finish(scan, threads, q, work, ret + q * ask->k, &ret_counts[q], err));
    return LH_OK;
}

static unsigned exact_threads(const lh_ann_index *index, unsigned wanted, size_t queries) {
    uint64_t bytes = index->rows * index->padded * queries, useful = 1 + bytes / EXACT_THREAD_BYTES;
    return useful < wanted ? (unsigned)useful : wanted;
}

lh_code ann_exact(const lh_ann_index *index, const ann_exact_ask *ask, ann_item *ret, uint32_t *ret_counts,
                  lh_error *err) {
    unsigned threads = exact_threads(index, ask->threads, ask->count);
    size_t lists = threads * ask->count, k = ask->k < index->rows ? ask->k : (size_t)index->rows;
    size_t block_rows = (size_t)1 << index->block_shift;
    exact_scan scan = {.index = index, .ask = ask, .piece = block_rows < EXACT_PIECE ? block_rows : EXACT_PIECE};
    LH_CLEANUP(lh_free_pointer) ann_item *lows = calloc(lists * k + 1, sizeof *lows);
    LH_CLEANUP(lh_free_pointer) exact_list *all = calloc(lists + 1, sizeof *all);
    if (!lows || !all) return lh_fail(err, LH_NO_MEMORY, "search: out of memory");
    for (size_t i = 0; i < lists; i++) all[i].lows = (ann_top){.items = lows + i * k, .k = k};
    scan.lists = all;
    lh_code code = LH_OK;
    if (k) {
        ann_parallel(threads, exact_thread, &scan);
        if (ann_cancelled(ask->cancelled)) code = lh_fail(err, LH_CANCELLED, "the search was cancelled");
        else if (atomic_load(&scan.no_memory)) code = lh_fail(err, LH_NO_MEMORY, "search: out of memory");
    }
    if (code == LH_OK) code = exact_finish_all(&scan, threads, ret, ret_counts, err);
    for (size_t i = 0; i < lists; i++) free(all[i].items);
    return code;
}
