/* Building and growing an index: rows first (rows.c), then which of them go into the graph (twins.c), then their links, by threads
 * that draw the next row to link.
 *
 * Rows are linked in an order that the seed shuffles: rows that are sorted by what they say, as files often are, would make a
 * poor graph. The order is row → (row × step + start) mod rows, with a step that has no divisor in common with rows. */
#include "ann/ann_internal.h"

enum { BUILD_MENDS = 16, BUILD_AHEAD = 3, BUILD_LINES = 16, BUILD_STARTS = 8 };

const char *lh_ann_metric_name(lh_ann_metric metric) {
    static const char *const names[LH_ANN_METRICS] = {"cosine", "dot", "l2"};
    return metric < LH_ANN_METRICS ? names[metric] : "unknown";
}

const char *lh_ann_dtype_name(lh_ann_dtype dtype) {
    static const char *const names[LH_ANN_DTYPES] = {"f32", "f16", "i8"};
    return dtype < LH_ANN_DTYPES ? names[dtype] : "unknown";
}

typedef struct parallel_thread {
    pthread_t thread;
    void (*work)(void *ctx, unsigned n);
    void *ctx;
    unsigned n;
} parallel_thread;

static void *parallel_run(void *arg) {
    const parallel_thread *thread = arg;
    thread->work(thread->ctx, thread->n);
    return NULL;
}

void ann_parallel(unsigned threads, void (*work)(void *ctx, unsigned n), void *ctx) {
    parallel_thread others[LH_ANN_THREADS_MAX];
    unsigned started = 0;
    for (unsigned n = 1; n < threads; n++) { /* without a thread its share is done here */
        others[started] = (parallel_thread){.work = work, .ctx = ctx, .n = n};
        if (pthread_create(&others[started].thread, NULL, parallel_run, &others[started]) == 0) started++;
        else work(ctx, n);
    }
    work(ctx, 0);
    for (unsigned i = 0; i < started; i++) (void)pthread_join(others[i].thread, NULL);
}

/* --- distances within the graph: smaller is nearer ----------------------------------------------------------------- */

static float build_distance(const lh_ann_index *index, float dot, float square_a, float square_b) {
    return index->options.metric == LH_ANN_L2 ? square_a + square_b - 2 * dot : -dot;
}

static float build_between(const void *ctx, uint32_t a, uint32_t b) {
    const lh_ann_index *index = ctx;
    size_t at_a, at_b, n = index->padded;
    const ann_block *block_a = ann_block_of(index, a, &at_a), *block_b = ann_block_of(index, b, &at_b);
    const ann_meta *meta_a = &block_a->meta[at_a], *meta_b = &block_b->meta[at_b];
    float dot = 0;
    switch (index->options.config.dtype) {
    case LH_ANN_F32: dot = index->kernels->dot_f32(block_a->vectors + at_a * n, block_b->vectors + at_b * n, n); break;
    case LH_ANN_F16:
        dot = index->kernels->dot_f16(block_a->halves + at_a * n, block_b->halves + at_b * n, n) *
              (127 * meta_a->scale) * (127 * meta_b->scale);
        break;
    case LH_ANN_I8:
    case LH_ANN_DTYPES:
        dot = (float)index->kernels->dot_i8(block_a->codes + at_a * n, block_b->codes + at_b * n, n) * meta_a->scale *
              meta_b->scale;
        break;
    }
    return build_distance(index, dot, meta_a->square, meta_b->square);
}

static float build_to_query(const void *ctx, const void *query, uint32_t row) {
    const lh_ann_index *index = ctx;
    const ann_probe *probe = query;
    size_t at, n = index->padded;
    const ann_block *block = ann_block_of(index, row, &at);
    const ann_meta *meta = &block->meta[at];
    float dot = 0;
    switch (index->options.config.dtype) {
    case LH_ANN_F32: dot = index->kernels->dot_f32(block->vectors + at * n, probe->vector, n); break;
    case LH_ANN_F16:
        dot = index->kernels->dot_f16_f32(block->halves + at * n, probe->vector, n) * (127 * meta->scale);
        break;
    case LH_ANN_I8:
    case LH_ANN_DTYPES:
        dot = (float)index->kernels->dot_i8_i16(block->codes + at * n, probe->codes, n) * meta->scale * probe->scale;
        break;
    }
    return build_distance(index, dot, meta->square, probe->square);
}

/* Asks for what a distance needs of a row. Inline for certain: gcc leaves out a call that does nothing else. */
__attribute__((always_inline)) static inline void build_fetch(const lh_ann_index *index, uint32_t row, size_t lines) {
    size_t at, n = index->padded, bytes = n;
    const ann_block *block = ann_block_of(index, row, &at);
    const char *start = (const char *)(block->codes + at * n);
    if (index->options.config.dtype == LH_ANN_F32) {
        start = (const char *)(block->vectors + at * n);
        bytes *= sizeof(float);
    }
    if (index->options.config.dtype == LH_ANN_F16) {
        start = (const char *)(block->halves + at * n);
        bytes *= sizeof(uint16_t);
    }
    __builtin_prefetch(&block->meta[at]);
    for (size_t i = 0; i < lines && i * 64 < bytes; i++) __builtin_prefetch(start + 64 * i);
}

/* Where many rows are asked for at once, their starts: the processor goes on by itself. */
static void build_prefetch(const void *ctx, uint32_t row) { build_fetch(ctx, row, BUILD_STARTS); }

static void build_to_rows(const void *ctx, const void *query, const uint32_t *rows, size_t count, float *ret) {
    for (size_t i = 0; i < count && i < BUILD_AHEAD; i++) build_fetch(ctx, rows[i], BUILD_LINES);
    for (size_t i = 0; i < count; i++) {
        if (i + BUILD_AHEAD < count) build_fetch(ctx, rows[i + BUILD_AHEAD], BUILD_LINES);
        ret[i] = build_to_query(ctx, query, rows[i]);
    }
}

ann_space ann_space_of(const lh_ann_index *index) {
    return (ann_space){index, build_between, build_to_query, build_to_rows, build_prefetch};
}

/* --- linking ------------------------------------------------------------------------------------------------------- */

typedef struct build_task {
    lh_ann_index *index;
    ann_space space;
    const uint32_t *fresh; /* the rows to link */
    uint64_t rows, step, start;
    const lh_ann_work *work;
    _Atomic uint64_t next;
    const char *_Atomic failed; /* the first that failed says why */
} build_task;

static uint64_t build_gcd(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void build_order(build_task *task, uint64_t seed) {
    uint64_t hash = lh_hash_fast((lh_str){(const char *)&seed, sizeof seed});
    task->start = hash % task->rows;
    task->step = (hash >> 20) % task->rows | 1;
    while (build_gcd(task->step, task->rows) != 1) task->step++;
}

static void build_link(void *ctx, unsigned n) {
    build_task *task = ctx;
    uint32_t ef = task->index->options.config.ef_construction;
    while (!atomic_load(&task->failed) && !ann_cancelled(task->work->cancelled)) {
        uint64_t next = atomic_fetch_add(&task->next, 1);
        if (next >= task->rows) return;
        uint32_t row = task->fresh[(next * task->step + task->start) % task->rows]; /* below 2^32 each: no overflow */
        const char *failed = ann_graph_add(task->index->graph, &task->space, row, ef, n);
        if (failed) {
            atomic_store(&task->failed, failed);
            return;
        }
        if (task->work->done_rows) atomic_fetch_add_explicit(task->work->done_rows, 1, memory_order_relaxed);
    }
}

/* Lets walks come to all rows. What a first round links may take a link from another; a few rounds, where rows with full lists are
 * avoided, end that but for a row or two, from which walks begin, too. A graph that is torn beyond this is as its rows are: all rounds together link less than a build does. */
static const char *build_mend(lh_ann_index *index, const lh_ann_work *work) {
    ann_space space = ann_space_of(index);
    uint32_t ef = index->options.config.ef_construction;
    const char *failed = NULL;
    for (int round = 0; round <= BUILD_MENDS && !failed; round++) {
        size_t strays = 0;
        failed = ann_graph_find_strays(index->graph, &strays);
        if (round == BUILD_MENDS || strays == 0 || strays > 64 + ann_graph_rows(index->graph) / BUILD_MENDS) break;
        for (size_t i = 0; i < strays && !failed && !ann_cancelled(work->cancelled); i++)
            failed = ann_graph_relink(index->graph, &space, i, ef, round > 0);
    }
    return failed;
}

/* On an error the graph may have rows that the index has not. */
static lh_code build_grow_graph(lh_ann_index *index, const ann_twins *twins, const lh_ann_work *work, lh_error *err) {
    build_task task = {.index = index, .space = ann_space_of(index), .work = work};
    task.fresh = twins->fresh;
    task.rows = twins->fresh_count;
    const char *failed = ann_graph_reserve(index->graph, twins->fresh_count);
    if (!failed && task.rows) {
        build_order(&task, index->options.config.seed);
        ann_parallel(work->threads, build_link, &task);
        failed = atomic_load(&task.failed);
        if (!failed && !ann_cancelled(work->cancelled)) failed = build_mend(index, work);
    }
    if (failed) return lh_fail(err, LH_NO_MEMORY, "cannot link the rows: %s", failed);
    if (ann_cancelled(work->cancelled)) return lh_fail(err, LH_CANCELLED, "building the index was cancelled");
    return LH_OK;
}

static lh_code build_new_graph(lh_ann_index *index, lh_error *err) {
    const char *failed = ann_graph_new(index->options.config.connectivity, ANN_SEARCHERS, &index->graph);
    return failed ? lh_fail(err, LH_NO_MEMORY, "cannot make a graph: %s", failed) : LH_OK;
}

static lh_code build_check(const lh_ann_options *options, lh_error *err) {
    const lh_hnsw_config *config = &options->config;
    if (options->metric >= LH_ANN_METRICS) return lh_fail(err, LH_INVALID, "ann: unknown metric");
    if (options->dimensions < 1 || options->dimensions > LH_ANN_DIMENSIONS_MAX)
        return lh_fail(err, LH_INVALID, "a vector has 1 to %d dimensions, not %" PRIu32, LH_ANN_DIMENSIONS_MAX,
                       options->dimensions);
    if (!options->hnsw) return LH_OK;
    if (config->dtype >= LH_ANN_DTYPES) return lh_fail(err, LH_INVALID, "ann: unknown dtype");
    if (config->connectivity < 2 || config->connectivity > LH_ANN_CONNECTIVITY_MAX)
        return lh_fail(err, LH_INVALID, "connectivity is 2 to %d, not %" PRIu32, LH_ANN_CONNECTIVITY_MAX,
                       config->connectivity);
    if (config->ef_construction < 1 || config->ef_construction > LH_ANN_EF_MAX)
        return lh_fail(err, LH_INVALID, "ef_construction is 1 to %d, not %" PRIu32, LH_ANN_EF_MAX,
                       config->ef_construction);
    if (config->ef_search < 1 || config->ef_search > LH_ANN_EF_MAX)
        return lh_fail(err, LH_INVALID, "ef_search is 1 to %d, not %" PRIu32, LH_ANN_EF_MAX, config->ef_search);
    return LH_OK;
}

static lh_ann_work build_work(const lh_ann_work *work) {
    lh_ann_work ret = work ? *work : (lh_ann_work){0};
    ret.threads = ann_threads(ret.threads);
    return ret;
}

lh_code lh_ann_build(const lh_ann_options *options, const float *vectors, size_t rows, const lh_ann_work *work,
                     lh_ann_index **ret, lh_error *err) {
    LH_CLEANUP(lh_ann_freep) lh_ann_index *index = NULL;
    lh_ann_options used = *options;
    LH_TRY(build_check(options, err));
    if (!used.hnsw) used.config = LH_HNSW_DEFAULTS;
    LH_TRY(ann_index_new(&used, &index, err));
    if (used.hnsw) LH_TRY(build_new_graph(index, err));
    LH_TRY(lh_ann_extend(index, vectors, rows, work, err));
    *ret = lh_take(&index);
    return LH_OK;
}

/* A graph that lies in the file is copied into memory. */
static lh_code build_own_graph(lh_ann_index *index, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) uint64_t *bits = NULL;
    if (index->graph_bytes.len == 0) return LH_OK;
    LH_TRY(ann_twins_bits(index, &bits, err));
    ann_graph *old = lh_take(&index->graph);
    lh_code code = build_new_graph(index, err);
    if (code == LH_OK) {
        bool damaged = false; /* it was checked when it was opened */
        ann_graph_saved saved = {index->graph_bytes.ptr, index->graph_bytes.len, index->rows, index->twin_count, bits};
        const char *failed = ann_graph_load(index->graph, &saved, false, &damaged);
        if (failed) code = lh_fail(err, LH_NO_MEMORY, "cannot load the graph: %s", failed);
    }
    if (code != LH_OK) { /* the old one serves on */
        ann_graph_free(index->graph);
        index->graph = old;
        return code;
    }
    ann_graph_free(old);
    index->graph_bytes = LH_STR_NONE;
    return LH_OK;
}

/* Takes so many rows more, which are appended but not counted yet, into the graph. On an error that may be gone. */
static lh_code build_extend_graph(lh_ann_index *index, uint64_t rows, const lh_ann_work *work, lh_error *err) {
    LH_CLEANUP(ann_twins_done) ann_twins twins = {0};
    LH_TRY(ann_twins_find(index, rows, work, &twins, err));
    LH_TRY(build_own_graph(index, err));
    if (work->done_rows) atomic_fetch_add_explicit(work->done_rows, rows - twins.fresh_count, memory_order_relaxed);
    lh_code code = build_grow_graph(index, &twins, work, err);
    if (code != LH_OK) { /* it links rows that are not there */
        ann_graph_free(lh_take(&index->graph));
        index->options.hnsw = false;
        twins.count = 0;
    }
    ann_twins_take(index, &twins);
    return code;
}

lh_code lh_ann_share(const lh_ann_index *rows, const lh_hnsw_config *config, const lh_ann_work *work,
                     lh_ann_index **ret, lh_error *err) {
    LH_CLEANUP(lh_ann_freep) lh_ann_index *index = NULL;
    lh_ann_options options = rows->options;
    lh_ann_work used = build_work(work);
    options.hnsw = true;
    options.config = *config;
    LH_TRY(build_check(&options, err));
    LH_TRY(ann_index_new(&options, &index, err));
    LH_TRY(ann_rows_share(index, rows, &used, err));
    LH_TRY(build_new_graph(index, err));
    LH_TRY(build_extend_graph(index, rows->rows, &used, err));
    index->rows = rows->rows;
    *ret = lh_take(&index);
    return LH_OK;
}

static lh_code build_extend_bits(lh_ann_index *index, uint64_t rows, lh_error *err) {
    if (!index->deleted_bits) return LH_OK;
    size_t before = (size_t)((index->rows + 63) / 64), after = (size_t)((index->rows + rows + 63) / 64);
    uint64_t *bits = realloc(index->deleted_bits, after * sizeof *bits);
    if (!bits) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    memset(bits + before, 0, (after - before) * sizeof *bits);
    index->deleted_bits = bits;
    return LH_OK;
}

lh_code lh_ann_extend(lh_ann_index *index, const float *vectors, size_t rows, const lh_ann_work *work, lh_error *err) {
    lh_ann_work used = build_work(work);
    lh_code code = ann_rows_append(index, vectors, rows, &used, err);
    if (code == LH_OK) code = build_extend_bits(index, rows, err);
    if (code == LH_OK && index->graph) code = build_extend_graph(index, rows, &used, err);
    if (code != LH_OK) {
        ann_rows_cut(index, index->rows);
        return code;
    }
    index->rows += rows;
    return LH_OK;
}

lh_code lh_ann_delete(lh_ann_index *index, const uint64_t *rows, size_t count, lh_error *err) {
    for (size_t i = 0; i < count; i++)
        if (rows[i] >= index->rows) return lh_fail(err, LH_INVALID, "there is no row %" PRIu64, rows[i]);
    if (!index->deleted_bits && count) {
        index->deleted_bits = calloc((size_t)((index->rows + 63) / 64), sizeof *index->deleted_bits);
        if (!index->deleted_bits) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t bit = UINT64_C(1) << (rows[i] & 63), *word = &index->deleted_bits[rows[i] >> 6];
        index->deleted += !(*word & bit);
        *word |= bit;
    }
    return LH_OK;
}
