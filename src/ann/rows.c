/* Rows: f32 vectors, their i8 codes (and halves), and what bounds the codes' error.
 *
 * x ≈ scale × codes, whose largest is ±127, with a scale for each row that keeps its length: were a row longer as codes than it is,
 * all rows near it would take it for their nearest, and the graph of i8 would link those to nothing else. As both are known, ‖x − scale × codes‖ is known, not guessed:
 * `error`. The exact scan stands on it (exact.c). A row whose largest component is too small for a scale has codes 0 and an
 * error of its whole length. */
#include "ann/ann_internal.h"

#include <math.h>
#include <sys/mman.h>

enum { ROWS_BLOCK_BYTES = 2 << 20, ROWS_HUGE_BYTES = 2 << 20, ROWS_PIECE = 64 };
#define ROWS_TINY 1e-30f
#define ROWS_CODES_SUM 16.5e6 /* × 127 stays below 2^31 with the rounding of 65536 codes */

unsigned ann_block_shift(size_t padded) {
    unsigned shift = 6;
    while (shift < 16 && (padded * sizeof(float) << (shift + 1)) <= ROWS_BLOCK_BYTES) shift++;
    return shift;
}

lh_code ann_index_new(const lh_ann_options *options, lh_ann_index **ret, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) ann_gate *gate = calloc(1, sizeof *gate);
    LH_CLEANUP(lh_free_pointer) lh_ann_index *index = calloc(1, sizeof *index);
    if (!index || !gate) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    index->options = *options;
    index->kernels = ann_kernels_of_cpu();
    index->padded = (options->dimensions + (size_t)ANN_LANES - 1) / ANN_LANES * ANN_LANES;
    index->block_shift = ann_block_shift(index->padded);
    if (pthread_mutex_init(&gate->lock, NULL) != 0) return lh_fail(err, LH_NO_MEMORY, "ann: cannot create lock");
    if (pthread_cond_init(&gate->freed, NULL) != 0) {
        pthread_mutex_destroy(&gate->lock);
        return lh_fail(err, LH_NO_MEMORY, "ann: cannot create lock");
    }
    index->gate = lh_take(&gate);
    *ret = lh_take(&index);
    return LH_OK;
}

lh_code ann_check_vectors(const float *vectors, size_t rows, size_t dimensions, const char *what, lh_error *err) {
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < dimensions; i++)
            if (!(fabsf(vectors[row * dimensions + i]) <= LH_ANN_VALUE_MAX)) /* a NaN, too */
                return lh_fail(err, LH_INVALID, "%s %zu: component %zu is not finite, or beyond ±%g", what, row, i,
                               (double)LH_ANN_VALUE_MAX);
    return LH_OK;
}

static void *rows_room(size_t bytes) {
    void *room = NULL;
    return posix_memalign(&room, 64, bytes) == 0 ? room : NULL;
}

/* A walk through the graph jumps among the codes of all rows: in small pages nearly each jump is one of the table of pages, too. NULL: so
 * little is not worth it, or there is no memory. */
static void *rows_huge_room(size_t bytes) {
    void *room = NULL;
    size_t whole = (bytes + ROWS_HUGE_BYTES - 1) / ROWS_HUGE_BYTES * ROWS_HUGE_BYTES;
    if (bytes < ROWS_HUGE_BYTES || posix_memalign(&room, ROWS_HUGE_BYTES, whole) != 0) return NULL;
    (void)madvise(room, whole, MADV_HUGEPAGE);
    return room;
}

static void rows_free_block(ann_block *block) {
    if (!block->mapped || block->own_halves) free(block->halves);
    if (block->mapped) return;
    free(block->vectors);
    free(block->room);
    free(block->meta);
}

/* codes: room for them in another block's; NULL: it gets its own. */
static lh_code rows_new_block(const lh_ann_index *index, int8_t *codes, ann_block *ret, lh_error *err) {
    size_t components = index->padded << index->block_shift;
    bool halves = index->options.hnsw && index->options.config.dtype == LH_ANN_F16;
    ann_block block = {.vectors = rows_room(components * sizeof(float)), .codes = codes};
    if (!codes) block.room = block.codes = rows_room(components);
    block.meta = rows_room(sizeof(ann_meta) << index->block_shift);
    if (halves) block.halves = rows_room(components * sizeof(uint16_t));
    if (!block.vectors || !block.codes || !block.meta || (halves && !block.halves)) {
        rows_free_block(&block);
        return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    }
    *ret = block;
    return LH_OK;
}

void ann_rows_cut(lh_ann_index *index, uint64_t rows) {
    size_t keep = (size_t)((rows + (UINT64_C(1) << index->block_shift) - 1) >> index->block_shift);
    while (index->block_count > keep) rows_free_block(&index->blocks[--index->block_count]);
}

/* The last block of a file's rows may have room left that is not ours to write: it gets a copy. */
static lh_code rows_own_last(lh_ann_index *index, lh_error *err) {
    size_t used;
    if (index->rows == 0) return LH_OK;
    ann_block *last = &index->blocks[index->block_count - 1], copy;
    (void)ann_block_of(index, index->rows - 1, &used);
    used++;
    if (!last->mapped || used == (size_t)1 << index->block_shift) return LH_OK;
    LH_TRY(rows_new_block(index, NULL, &copy, err));
    memcpy(copy.vectors, last->vectors, used * index->padded * sizeof(float));
    memcpy(copy.codes, last->codes, used * index->padded);
    memcpy(copy.meta, last->meta, used * sizeof(ann_meta));
    if (copy.halves) memcpy(copy.halves, last->halves, used * index->padded * sizeof(uint16_t));
    *last = copy;
    return LH_OK;
}

static lh_code rows_make_room(lh_ann_index *index, uint64_t rows, lh_error *err) {
    size_t wanted = (size_t)((rows + (UINT64_C(1) << index->block_shift) - 1) >> index->block_shift);
    if (wanted > index->block_room) {
        ann_block *blocks = realloc(index->blocks, wanted * sizeof *blocks);
        if (!blocks) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
        index->blocks = blocks;
        index->block_room = wanted;
    }
    size_t bytes = index->padded << index->block_shift, first = index->block_count;
    int8_t *codes = rows_huge_room((wanted - first) * bytes);
    while (index->block_count < wanted) {
        ann_block *block = &index->blocks[index->block_count];
        lh_code code = rows_new_block(index, codes ? codes + (index->block_count - first) * bytes : NULL, block, err);
        if (code != LH_OK) {
            if (index->block_count == first) free(codes);
            return code;
        }
        if (index->block_count++ == first && codes) block->room = codes;
    }
    return LH_OK;
}

/* Copies n components into `padded`, scaled to length 1 for the cosine. */
static void rows_copy(const lh_ann_index *index, const float *from, float *to) {
    size_t n = index->options.dimensions;
    memcpy(to, from, n * sizeof *to);
    memset(to + n, 0, (index->padded - n) * sizeof *to);
    if (index->options.metric != LH_ANN_COSINE) return;
    double square = 0;
    for (size_t i = 0; i < n; i++) square += (double)to[i] * to[i];
    double factor = square > 0 ? 1 / sqrt(square) : 0;
    for (size_t i = 0; i < n; i++) to[i] = (float)(to[i] * factor);
}

static float rows_up(double value) { return (float)(value * (1 + 1e-6)); }

static float rows_largest(const float *vector, size_t n) {
    float largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(vector[i]));
    return largest;
}

static void rows_encode(const float *vector, size_t n, int8_t *codes, ann_meta *meta) {
    float largest = rows_largest(vector, n), inverse = largest > ROWS_TINY ? 127 / largest : 0;
    double off = 0, square = 0, code_square = 0;
    for (size_t i = 0; i < n; i++) {
        float code = fminf(127, fmaxf(-127, rintf(vector[i] * inverse)));
        codes[i] = (int8_t)code;
        square += (double)vector[i] * vector[i];
        code_square += (double)code * code;
    }
    float scale = code_square > 0 ? (float)sqrt(square / code_square) : 0;
    for (size_t i = 0; i < n; i++) {
        double difference = (double)vector[i] - (double)scale * codes[i];
        off += difference * difference;
    }
    *meta = (ann_meta){scale, rows_up(sqrt(off)), rows_up(sqrt(square)), (float)square};
}

void ann_probe_init(const lh_ann_index *index, const float *query, float *vector, int16_t *codes, ann_probe *ret) {
    rows_copy(index, query, vector);
    double sum = 0, off = 0, square = 0;
    for (size_t i = 0; i < index->padded; i++) sum += fabs((double)vector[i]);
    float largest = rows_largest(vector, index->padded);
    double factor = largest > ROWS_TINY ? fmin(32767 / (double)largest, ROWS_CODES_SUM / sum) : 0;
    float scale = factor > 0 ? (float)(1 / factor) : 0;
    for (size_t i = 0; i < index->padded; i++) {
        codes[i] = (int16_t)fmin(32767, fmax(-32767, rint(vector[i] * factor)));
        double difference = (double)vector[i] - (double)scale * codes[i];
        off += difference * difference;
        square += (double)vector[i] * vector[i];
    }
    float norm = rows_up(sqrt(square)), error = rows_up(sqrt(off));
    *ret = (ann_probe){vector, codes, scale, norm, (float)square, error + 1e-6f * (norm + error)};
}

static void rows_halve(const lh_ann_index *index, const float *vector, const ann_block *block, size_t at) {
    float scale = block->meta[at].scale;
    index->kernels->to_f16(vector, scale > 0 ? 1 / (127 * scale) : 0, block->halves + at * index->padded,
                           index->padded);
}

typedef struct rows_task {
    lh_ann_index *index;
    const float *vectors;
    size_t rows;
    const _Atomic bool *cancelled;
    _Atomic size_t next;
} rows_task;

static void rows_fill(void *ctx, unsigned n) {
    rows_task *task = ctx;
    const lh_ann_index *index = task->index;
    (void)n;
    for (;;) {
        size_t from = atomic_fetch_add(&task->next, ROWS_PIECE), to = from + ROWS_PIECE;
        if (from >= task->rows || ann_cancelled(task->cancelled)) return;
        for (size_t i = from; i < to && i < task->rows; i++) {
            size_t at;
            const ann_block *block = ann_block_of(index, index->rows + i, &at);
            float *vector = block->vectors + at * index->padded;
            rows_copy(index, task->vectors + i * index->options.dimensions, vector);
            rows_encode(vector, index->padded, block->codes + at * index->padded, &block->meta[at]);
            if (block->halves) rows_halve(index, vector, block, at);
        }
    }
}

lh_code ann_rows_append(lh_ann_index *index, const float *vectors, size_t rows, const lh_ann_work *work,
                        lh_error *err) {
    if (rows > LH_ANN_ROWS_MAX - index->rows)
        return lh_fail(err, LH_LIMIT, "an index has at most %" PRIu32 " rows", LH_ANN_ROWS_MAX);
    LH_TRY(ann_check_vectors(vectors, rows, index->options.dimensions, "row", err));
    LH_TRY(rows_own_last(index, err));
    LH_TRY(rows_make_room(index, index->rows + rows, err));
    rows_task task = {.index = index, .vectors = vectors, .rows = rows, .cancelled = work->cancelled};
    ann_parallel(work->threads, rows_fill, &task);
    if (ann_cancelled(work->cancelled)) return lh_fail(err, LH_CANCELLED, "building the index was cancelled");
    return LH_OK;
}

/* ---- rows of another ---- */

static void rows_halve_some(void *ctx, unsigned n) {
    rows_task *task = ctx;
    const lh_ann_index *index = task->index;
    (void)n;
    for (;;) {
        size_t from = atomic_fetch_add(&task->next, ROWS_PIECE), to = from + ROWS_PIECE;
        if (from >= task->rows || ann_cancelled(task->cancelled)) return;
        for (size_t i = from; i < to && i < task->rows; i++) {
            size_t at;
            const ann_block *block = ann_block_of(index, i, &at);
            rows_halve(index, block->vectors + at * index->padded, block, at);
        }
    }
}

static lh_code rows_own_halves(lh_ann_index *index, uint64_t rows, const lh_ann_work *work, lh_error *err) {
    for (size_t i = 0; i < index->block_count; i++) {
        ann_block *block = &index->blocks[i];
        block->halves = rows_room((index->padded << index->block_shift) * sizeof(uint16_t));
        if (!block->halves) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
        block->own_halves = true;
    }
    rows_task task = {.index = index, .rows = (size_t)rows, .cancelled = work->cancelled};
    ann_parallel(work->threads, rows_halve_some, &task);
    return ann_cancelled(work->cancelled) ? lh_fail(err, LH_CANCELLED, "building the index was cancelled") : LH_OK;
}

lh_code ann_rows_share(lh_ann_index *index, const lh_ann_index *rows, const lh_ann_work *work, lh_error *err) {
    size_t words = (size_t)((rows->rows + 63) / 64);
    bool wants_halves = index->options.config.dtype == LH_ANN_F16;
    index->blocks = calloc(rows->block_count + 1, sizeof *index->blocks);
    if (rows->deleted_bits) index->deleted_bits = calloc(words + 1, sizeof *index->deleted_bits);
    if (!index->blocks || (rows->deleted_bits && !index->deleted_bits))
        return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    if (index->deleted_bits) memcpy(index->deleted_bits, rows->deleted_bits, words * sizeof *index->deleted_bits);
    index->deleted = rows->deleted;
    index->block_room = rows->block_count + 1;
    for (; index->block_count < rows->block_count; index->block_count++) {
        index->blocks[index->block_count] = rows->blocks[index->block_count];
        index->blocks[index->block_count].mapped = true;
        index->blocks[index->block_count].own_halves = false;
    }
    if (!wants_halves || !rows->block_count || rows->blocks[0].halves) return LH_OK;
    return rows_own_halves(index, rows->rows, work, err);
}

void lh_ann_free(lh_ann_index *index) {
    if (!index) return;
    ann_graph_free(index->graph);
    ann_rows_cut(index, 0);
    free(index->blocks);
    free(index->deleted_bits);
    free(index->own_twins);
    free(index->twins_same);
    if (index->map) (void)munmap(index->map, index->map_bytes);
    pthread_cond_destroy(&index->gate->freed);
    pthread_mutex_destroy(&index->gate->lock);
    free(index->gate);
    free(index);
}

const float *lh_ann_row(const lh_ann_index *index, uint64_t row) { return ann_vector(index, row); }

lh_ann_info lh_ann_info_of(const lh_ann_index *index) {
    lh_ann_info info = {.options = index->options,
                        .rows = index->rows,
                        .deleted = index->deleted,
                        .mapped_bytes = index->map_bytes,
                        .kernels = index->kernels->name};
    size_t of_row = index->padded * (sizeof(float) + sizeof(int8_t)) + sizeof(ann_meta);
    info.heap_bytes = sizeof *index + index->block_room * sizeof *index->blocks;
    if (index->deleted_bits) info.heap_bytes += (index->rows + 63) / 64 * sizeof(uint64_t);
    if (index->own_twins) info.heap_bytes += index->twin_count * sizeof *index->own_twins;
    if (index->twins_same) info.heap_bytes += (index->twin_count / 64 + 1) * sizeof *index->twins_same;
    for (size_t i = 0; i < index->block_count; i++) {
        const ann_block *block = &index->blocks[i];
        bool own_halves = block->halves && (!block->mapped || block->own_halves);
        size_t halves = own_halves ? index->padded * sizeof(uint16_t) : 0;
        info.heap_bytes += ((block->mapped ? 0 : of_row) + halves) << index->block_shift;
    }
    if (index->graph) info.graph_bytes = ann_graph_memory_bytes(index->graph);
    info.heap_bytes += info.graph_bytes;
    return info;
}
