/* Searching: queries in batches, each made a probe once; the graph's candidates are scored from f32.
 *
 * A graph is walked past rows that are not allowed: the fewer are allowed, the longer the walk, and the more it misses, as the
 * allowed neighbours of a neighbourhood are no longer linked. A scan of the allowed ones gets shorter instead. Up to SEARCH_SCAN ×
 * √rows of them are scanned: measured as where the recall begins to suffer (docs/performance.md); the times meet later. The graph
 * finds fewer than k only where it has fallen apart: then the query is scanned, too.
 *
 * A walk's candidates come by the distances of codes, nearest first. Whose bound (exact.c) is below the worst of the k best so far is
 * not scored from f32: its 3 KB need not come from memory. */
#include "ann/ann_internal.h"

#include <math.h>

enum { SEARCH_SCAN = 64 };
#define SEARCH_ROUNDING 1e-6f /* more than a key is off, by the lengths of row and query */

typedef struct search_task {
    const lh_ann_index *index;
    const lh_ann_query *query;
    const ann_probe *probes;
    size_t count;
    const uint64_t *bits;
    const uint64_t *node_bits; /* those, and of a row in the graph where any twin of it may be found */
    uint64_t found;            /* so many rows can be found */
    uint32_t k, ef;
    unsigned threads;
    ann_item *items; /* count × k */
    uint32_t *counts;
    _Atomic size_t next;
    const char *_Atomic failed;
} search_task;

static bool search_allow(const void *ctx, uint32_t row) { return ann_bit(ctx, row); }

/* A context of the graph for this thread; waits for one. */
static unsigned search_enter(ann_gate *gate) {
    (void)pthread_mutex_lock(&gate->lock);
    while (gate->busy == UINT64_MAX) (void)pthread_cond_wait(&gate->freed, &gate->lock);
    unsigned context = (unsigned)__builtin_ctzll(~gate->busy);
    gate->busy |= UINT64_C(1) << context;
    (void)pthread_mutex_unlock(&gate->lock);
    return context;
}

static void search_leave(ann_gate *gate, unsigned context) {
    (void)pthread_mutex_lock(&gate->lock);
    gate->busy &= ~(UINT64_C(1) << context);
    (void)pthread_cond_signal(&gate->freed);
    (void)pthread_mutex_unlock(&gate->lock);
}

static bool search_may_find(const search_task *task, uint32_t row) { return !task->bits || ann_bit(task->bits, row); }

/* The largest key that a twin of a row with this key may have. */
static float search_twins_key(const search_task *task, const ann_probe *probe, uint32_t row, float key) {
    size_t at;
    const ann_block *block = ann_block_of(task->index, row, &at);
    float reach = ann_twins_reach(task->index, row) + SEARCH_ROUNDING * (block->meta[at].norm + probe->norm);
    if (task->index->options.metric != LH_ANN_L2) return key + reach * probe->norm;
    float distance = fmaxf(sqrtf(-key) - reach, 0);
    return -distance * distance;
}

/* The largest key that a row at this distance in the graph may have. */
static float search_high(const search_task *task, const ann_probe *probe, uint32_t row, float distance) {
    size_t at;
    const ann_block *block = ann_block_of(task->index, row, &at);
    if (task->index->options.config.dtype != LH_ANN_I8) return INFINITY; /* of the others no bound is known */
    return ann_code_off(&block->meta[at], probe, task->index->options.metric == LH_ANN_L2) - distance;
}

/* A row of the graph and its twins, unless none can be among the best. Of those with its vector no more than k can, the lowest. */
static void search_offer(const search_task *task, const ann_probe *probe, ann_top *top, uint32_t row, float distance) {
    const lh_ann_index *index = task->index;
    const ann_twin *twin = index->twin_count ? ann_twins_of(index, row) : NULL,
                   *end = index->twin_count ? index->twins + index->twin_count : NULL;
    bool has_twins = twin < end && twin->of == row;
    float high = search_high(task, probe, row, distance);
    if (!ann_top_takes(top, has_twins ? search_twins_key(task, probe, row, high) : high)) return;
    float key = ann_exact_key(index, probe, row);
    uint32_t same = 0;
    if (search_may_find(task, row)) {
        ann_top_offer(top, key, row);
        same++;
    }
    if (!has_twins || !ann_top_takes(top, search_twins_key(task, probe, row, key))) return;
    for (; twin < end && twin->of == row; twin++) {
        if (!search_may_find(task, twin->row)) continue;
        bool is_same = ann_bit(index->twins_same, (uint64_t)(twin - index->twins));
        if (is_same && same++ >= task->k) continue;
        ann_top_offer(top, is_same ? key : ann_exact_key(index, probe, twin->row), twin->row);
    }
}

static const char *search_graph(search_task *task, size_t q, unsigned context, uint32_t *rows, float *distances) {
    ann_space space = ann_space_of(task->index);
    size_t found = 0;
    const char *failed = ann_graph_search(task->index->graph, &space, &task->probes[q], task->ef, context,
                                          task->bits ? search_allow : NULL, task->node_bits, rows, distances, &found);
    if (failed) return failed;
    ann_top top = {.items = task->items + q * task->k, .k = task->k};
    for (size_t i = 0; i < found; i++) search_offer(task, &task->probes[q], &top, rows[i], distances[i]);
    ann_sort(top.items, top.count);
    task->counts[q] = (uint32_t)top.count;
    return NULL;
}

static void search_thread(void *ctx, unsigned n) {
    search_task *task = ctx;
    LH_CLEANUP(lh_free_pointer) uint32_t *rows = malloc(task->ef * sizeof *rows);
    LH_CLEANUP(lh_free_pointer) float *distances = malloc(task->ef * sizeof *distances);
    (void)n;
    if (!rows || !distances) {
        atomic_store(&task->failed, "out of memory");
        return;
    }
    unsigned context = search_enter(task->index->gate);
    while (!atomic_load_explicit(&task->failed, memory_order_relaxed) && !ann_cancelled(task->query->cancelled)) {
        size_t q = atomic_fetch_add(&task->next, 1);
        if (q >= task->count) break;
        const char *failed = search_graph(task, q, context, rows, distances);
        if (failed) atomic_store(&task->failed, failed);
    }
    search_leave(task->index->gate, context);
}

static lh_code search_scan(search_task *task, size_t first, size_t count, lh_error *err) {
    ann_exact_ask ask = {task->probes + first, count, task->k, task->bits, task->threads, task->query->cancelled};
    return ann_exact(task->index, &ask, task->items + first * task->k, task->counts + first, err);
}

static lh_code search_walk(search_task *task, lh_error *err) {
    ann_parallel(task->count < task->threads ? (unsigned)task->count : task->threads, search_thread, task);
    const char *failed = atomic_load(&task->failed);
    if (failed) return lh_fail(err, LH_NO_MEMORY, "search: %s", failed);
    if (ann_cancelled(task->query->cancelled)) return lh_fail(err, LH_CANCELLED, "the search was cancelled");
    for (size_t q = 0; q < task->count; q++)
        if (task->counts[q] < task->k && task->counts[q] < task->found) LH_TRY(search_scan(task, q, 1, err));
    return LH_OK;
}

/* The rows of one word that may be found. */
static uint64_t search_word(const lh_ann_index *index, const uint64_t *allowed, size_t i) {
    uint64_t bits = (allowed ? allowed[i] : UINT64_MAX) & ~(index->deleted_bits ? index->deleted_bits[i] : 0);
    uint64_t last = index->rows % 64;
    return last && i == (size_t)(index->rows / 64) ? bits & ((UINT64_C(1) << last) - 1) : bits;
}

static bool search_is_short(const lh_ann_index *index, uint64_t found) {
    return found < index->rows && (double)found <= (double)SEARCH_SCAN * sqrt((double)index->rows);
}

bool lh_ann_walks(const lh_ann_index *index, const uint64_t *allowed) {
    uint64_t found = 0;
    if (!index->graph || (!allowed && !index->deleted_bits)) return index->graph != NULL;
    for (size_t i = 0; i < (size_t)((index->rows + 63) / 64); i++)
        found += (uint64_t)__builtin_popcountll(search_word(index, allowed, i));
    return !search_is_short(index, found);
}

/* The rows that may be found, as bits; NULL for all. */
static lh_code search_bits(const lh_ann_index *index, const uint64_t *allowed, uint64_t **ret, uint64_t *ret_found,
                           lh_error *err) {
    *ret_found = index->rows;
    if (!allowed && !index->deleted_bits) return LH_OK;
    size_t words = (size_t)((index->rows + 63) / 64);
    uint64_t *bits = malloc(words * sizeof *bits + 1);
    if (!bits) return lh_fail(err, LH_NO_MEMORY, "search: out of memory");
    *ret_found = 0;
    for (size_t i = 0; i < words; i++) {
        bits[i] = search_word(index, allowed, i);
        *ret_found += (uint64_t)__builtin_popcountll(bits[i]);
    }
    *ret = bits;
    return LH_OK;
}

/* A twin that may be found lets the row that stands for it be found. */
static lh_code search_node_bits(const lh_ann_index *index, const uint64_t *bits, uint64_t **ret, lh_error *err) {
    size_t words = (size_t)((index->rows + 63) / 64);
    uint64_t *all = malloc(words * sizeof *all);
    if (!all) return lh_fail(err, LH_NO_MEMORY, "search: out of memory");
    memcpy(all, bits, words * sizeof *all);
    for (size_t i = 0; i < index->twin_count; i++) {
        ann_twin twin = index->twins[i];
        if (ann_bit(bits, twin.row)) all[twin.of >> 6] |= UINT64_C(1) << (twin.of & 63);
    }
    *ret = all;
    return LH_OK;
}

static lh_code search_check(const lh_ann_index *index, const lh_ann_query *query, lh_error *err) {
    if (query->k < 1 || query->k > LH_ANN_K_MAX)
        return lh_fail(err, LH_INVALID, "k is 1 to %d, not %" PRIu32, LH_ANN_K_MAX, query->k);
    if (query->ef > LH_ANN_EF_MAX)
        return lh_fail(err, LH_INVALID, "ef is at most %d, not %" PRIu32, LH_ANN_EF_MAX, query->ef);
    if (query->mode == LH_ANN_HNSW && !index->graph)
        return lh_fail(err, LH_INVALID, "the index has no graph for an HNSW search");
    return ann_check_vectors(query->vectors, query->count, index->options.dimensions, "query", err);
}

/* Answers a batch into `hits` and `counts`. room: vectors and codes of ANN_BATCH probes. */
static lh_code search_batch(search_task *task, const float *vectors, lh_ann_hit *hits, uint32_t *counts,
                            lh_error *err) {
    const lh_ann_index *index = task->index;
    size_t padded = index->padded;
    LH_CLEANUP(lh_free_pointer) ann_probe *probes = calloc(task->count, sizeof *probes);
    LH_CLEANUP(lh_free_pointer) float *copies = malloc(task->count * padded * sizeof *copies);
    LH_CLEANUP(lh_free_pointer) int16_t *codes = malloc(task->count * padded * sizeof *codes);
    if (!probes || !copies || !codes) return lh_fail(err, LH_NO_MEMORY, "search: out of memory");
    for (size_t q = 0; q < task->count; q++)
        ann_probe_init(index, vectors + q * index->options.dimensions, copies + q * padded, codes + q * padded,
                       &probes[q]);
    task->probes = probes;
    atomic_store(&task->next, 0);
    if (task->query->mode == LH_ANN_EXACT || search_is_short(index, task->found))
        LH_TRY(search_scan(task, 0, task->count, err));
    else LH_TRY(search_walk(task, err));
    for (size_t q = 0; q < task->count; q++) {
        counts[q] = task->counts[q];
        for (size_t i = 0; i < counts[q]; i++) {
            ann_item item = task->items[q * task->k + i];
            float score = index->options.metric == LH_ANN_L2 ? -item.key : item.key;
            hits[q * task->k + i] = (lh_ann_hit){item.row, score + 0.0f}; /* no -0 */
        }
    }
    return LH_OK;
}

static uint32_t search_ef(const lh_ann_index *index, const lh_ann_query *query) {
    uint32_t ef = query->ef ? query->ef : index->options.config.ef_search;
    return ef < query->k ? query->k : ef;
}

lh_code lh_ann_search(const lh_ann_index *index, const lh_ann_query *query, lh_ann_hit *hits, uint32_t *counts,
                      lh_error *err) {
    LH_CLEANUP(lh_free_pointer) uint64_t *bits = NULL;
    LH_CLEANUP(lh_free_pointer) uint64_t *node_bits = NULL;
    uint64_t found = 0;
    LH_TRY(search_check(index, query, err));
    LH_TRY(search_bits(index, query->allowed, &bits, &found, err));
    if (bits && index->twin_count && query->mode == LH_ANN_HNSW) LH_TRY(search_node_bits(index, bits, &node_bits, err));
    size_t count = query->count, batch = count < ANN_BATCH ? count : ANN_BATCH;
    LH_CLEANUP(lh_free_pointer)
    lh_ann_hit *all = malloc(count * query->k * sizeof *all + 1); /* on an error nothing is told */
    LH_CLEANUP(lh_free_pointer) uint32_t *all_counts = calloc(count + batch + 1, sizeof *all_counts);
    LH_CLEANUP(lh_free_pointer) ann_item *items = malloc(batch * query->k * sizeof *items + 1);
    if (!all || !all_counts || !items) return lh_fail(err, LH_NO_MEMORY, "search: out of memory");
    search_task task = {
        .index = index, .query = query, .bits = bits, .found = found, .k = query->k, .ef = search_ef(index, query)};
    task.node_bits = node_bits ? node_bits : bits;
    task.threads = ann_threads(query->threads);
    task.items = items;
    task.counts = all_counts + count;
    for (size_t first = 0; first < count; first += batch) {
        task.count = count - first < batch ? count - first : batch;
        const float *vectors = query->vectors + first * index->options.dimensions;
        LH_TRY(search_batch(&task, vectors, all + first * query->k, all_counts + first, err));
    }
    for (size_t q = 0; q < count; q++) memcpy(hits + q * query->k, all + q * query->k, all_counts[q] * sizeof *hits);
    if (count) memcpy(counts, all_counts, count * sizeof *counts);
    return LH_OK;
}
