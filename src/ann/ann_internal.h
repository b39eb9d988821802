/* Private to ann: how rows are kept, the kernels, the graph. */
#ifndef LH_ANN_ANN_INTERNAL_H
#define LH_ANN_ANN_INTERNAL_H
#include "ann/ann.h"
#include "ann/graph.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    ANN_LANES = 64,     /* dimensions are padded with zeros to a multiple of this: no kernel has a remainder */
    ANN_BATCH = 64,     /* queries that are answered together */
    ANN_SEARCHERS = 64, /* threads in the graph at once; one more waits */
};

/* What is known of a row beside its numbers: x ≈ scale × codes, and how far that is off. */
typedef struct ann_meta {
    float scale;
    float error;  /* at least ‖x − scale × codes‖ */
    float norm;   /* at least ‖x‖ */
    float square; /* ‖x‖², rounded */
} ann_meta;

/* Rows come in blocks of 1 << block_shift, so that appending moves none. All are padded to `padded` components. */
typedef struct ann_block {
    float *vectors;
    int8_t *codes;
    uint16_t *halves; /* only with dtype F16: x / (127 × scale), so that any length fits */
    ann_meta *meta;
    void *room;      /* owned: where codes lie, of this block and those behind it whose room is NULL */
    bool mapped;     /* in the file, or another index's: not ours */
    bool own_halves; /* but these are */
} ann_block;

/* A query as the exact scan and the i8 graph see it: y ≈ scale × codes, with 16 bits. Sums of |codes| × 127 fit 31 bits. */
typedef struct ann_probe {
    const float *vector; /* padded; cosine: normalised */
    const int16_t *codes;
    float scale, norm, square;
    float slack; /* the query's own error, with that of computing in f32: see exact.c */
} ann_probe;

typedef struct ann_kernels {
    const char *name;
    int32_t (*dot_i8)(const int8_t *a, const int8_t *b, size_t n);
    int32_t (*dot_i8_i16)(const int8_t *a, const int16_t *b, size_t n);
    float (*dot_f32)(const float *a, const float *b, size_t n);
    float (*dot_f16_f32)(const uint16_t *a, const float *b, size_t n);
    float (*dot_f16)(const uint16_t *a, const uint16_t *b, size_t n);
    double (*exact_dot)(const float *a, const float *b, size_t n);
    double (*exact_l2)(const float *a, const float *b, size_t n);
    void (*scan)(const int8_t *rows, size_t count, const int16_t *query, size_t n, int32_t *dots);
    /* Four queries, n components apart: dots[4 × row + query]. */
    void (*scan4)(const int8_t *rows, size_t count, const int16_t *queries, size_t n, int32_t *dots);
    void (*to_f16)(const float *from, float factor, uint16_t *to, size_t n);
} ann_kernels;
const ann_kernels *ann_kernels_of_cpu(void);
const ann_kernels *ann_kernels_portable(void);
const ann_kernels *ann_kernels_avx2(void); /* NULL where the processor has none */
const ann_kernels *ann_kernels_vnni(void); /* as well; those, but for scan4 */
void ann_vnni_scan4(const int8_t *rows, size_t count, const int16_t *queries, size_t n, int32_t *dots);

/* A row that is not in the graph: it lies within the reach of `of`, a lower row, which is. */
typedef struct ann_twin {
    uint32_t of, row;
} ann_twin;

/* Who may be in the graph: a context each. */
typedef struct ann_gate {
    pthread_mutex_t lock; /* guards busy */
    pthread_cond_t freed;
    uint64_t busy; /* bit n: context n is in use */
} ann_gate;

struct lh_ann_index {
    lh_ann_options options;
    const ann_kernels *kernels;
    size_t padded;
    unsigned block_shift;
    ann_block *blocks;
    size_t block_count, block_room;
    uint64_t rows, deleted;
    uint64_t *deleted_bits; /* NULL: none is */
    void *map;              /* the file, NULL for none */
    size_t map_bytes;
    const ann_twin *twins; /* only with a graph: by `of`, then `row` */
    size_t twin_count;
    ann_twin *own_twins;  /* what `twins` is, unless that lies in `map` */
    uint64_t *twins_same; /* bit i: twins[i] has the very vector of its `of`; NULL without twins */
    ann_graph *graph;    /* NULL: none */
    lh_str
        graph_bytes; /* the saved graph within `map`, where `graph` still lies in it and so cannot grow; else empty */
    ann_gate *gate;
};

static inline const ann_block *ann_block_of(const lh_ann_index *index, uint64_t row, size_t *ret_at) {
    *ret_at = (size_t)(row & ((UINT64_C(1) << index->block_shift) - 1));
    return &index->blocks[row >> index->block_shift];
}
static inline const float *ann_vector(const lh_ann_index *index, uint64_t row) {
    size_t at;
    const ann_block *block = ann_block_of(index, row, &at);
    return block->vectors + at * index->padded;
}
static inline bool ann_bit(const uint64_t *bits, uint64_t n) { return bits[n >> 6] >> (n & 63) & 1; }
static inline unsigned ann_threads(unsigned wanted) {
    return wanted == 0 ? 1 : wanted < LH_ANN_THREADS_MAX ? wanted : LH_ANN_THREADS_MAX;
}
static inline bool ann_cancelled(const _Atomic bool *flag) {
    return flag && atomic_load_explicit(flag, memory_order_relaxed);
}
/* The key of a row for a probe from the f32 vectors: its score, for L2 minus it. */
static inline float ann_exact_key(const lh_ann_index *index, const ann_probe *probe, uint64_t row) {
    const float *x = ann_vector(index, row);
    return index->options.metric == LH_ANN_L2 ? -(float)index->kernels->exact_l2(x, probe->vector, index->padded)
                                              : (float)index->kernels->exact_dot(x, probe->vector, index->padded);
}

/* How far a key from codes may be off: exact.c. */
static inline float ann_code_off(const ann_meta *meta, const ann_probe *probe, bool l2) {
    float off = meta->error * probe->norm + (meta->norm + meta->error) * probe->slack;
    return l2 ? 2 * off + 2e-6f * (meta->square + probe->square) : off;
}

/* rows.c */
unsigned ann_block_shift(size_t padded);
lh_code ann_index_new(const lh_ann_options *options, lh_ann_index **ret, lh_error *err);
lh_code ann_check_vectors(const float *vectors, size_t rows, size_t dimensions, const char *what, lh_error *err);
/* Appends rows without touching the graph or index->rows. */
lh_code ann_rows_append(lh_ann_index *index, const float *vectors, size_t rows, const lh_ann_work *work, lh_error *err);
/* Rows of another index, without its graph. */
lh_code ann_rows_share(lh_ann_index *index, const lh_ann_index *rows, const lh_ann_work *work, lh_error *err);
void ann_rows_cut(lh_ann_index *index, uint64_t rows); /* frees blocks beyond so many rows */
/* Room: `padded` floats and `padded` int16 of the caller's. */
void ann_probe_init(const lh_ann_index *index, const float *query, float *vector, int16_t *codes, ann_probe *ret);

/* build.c */
ann_space ann_space_of(const lh_ann_index *index);
/* Runs work(ctx, n) for n < threads, in so many threads; the caller's is one. */
void ann_parallel(unsigned threads, void (*work)(void *ctx, unsigned n), void *ctx);

/* top.c: the best k of what is offered: a heap whose first item is the worst of them. */
typedef struct ann_item {
    float key; /* larger is nearer */
    uint32_t row;
} ann_item;
typedef struct ann_top {
    ann_item *items; /* room for k */
    size_t count, k;
} ann_top;
void ann_top_offer(ann_top *top, float key, uint32_t row);
void ann_sort(ann_item *items, size_t count); /* best first */
static inline bool ann_top_takes(const ann_top *top, float key) {
    return top->count < top->k || key >= top->items[0].key;
}

/* twins.c */
typedef struct ann_twins {
    ann_twin *all; /* owned, sorted as in the index */
    size_t count;
    uint64_t *same;  /* owned, as in the index */
    uint32_t *fresh; /* owned: the new rows that go into the graph, ascending */
    size_t fresh_count;
} ann_twins;
/* All twins as they will be with so many rows more, which are appended but not counted yet. Owned: ann_twins_done(). Errors:
 * CANCELLED, NO_MEMORY. */
lh_code ann_twins_find(const lh_ann_index *index, uint64_t rows, const lh_ann_work *work, ann_twins *ret,
                       lh_error *err);
void ann_twins_done(ann_twins *twins);
/* Moves them into the index. */
void ann_twins_take(lh_ann_index *index, ann_twins *twins);
/* A bit for each row that is a twin; NULL when none is. Owned: free(). */
lh_code ann_twins_bits(const lh_ann_index *index, uint64_t **ret, lh_error *err);
/* Where the twins of a row begin, or would. */
const ann_twin *ann_twins_of(const lh_ann_index *index, uint32_t row);
/* Whether what a file says of twins holds. */
lh_code ann_twins_check(lh_ann_index *index, bool *ret_sound, lh_error *err);
/* How far from this row its twins lie at most. */
float ann_twins_reach(const lh_ann_index *index, uint32_t row);

/* file.c: sets all digests of a file in memory whose head says where its sections lie. Errors: INTERNAL (beyond the file), NO_MEMORY. */
lh_code ann_file_seal(char *file, size_t bytes, unsigned threads, lh_error *err);

/* exact.c: for each probe the k best of the rows in `bits` (NULL: all), best first. */
typedef struct ann_exact_ask {
    const ann_probe *probes;
    size_t count; /* at most ANN_BATCH */
    uint32_t k;
    const uint64_t *bits;
    unsigned threads;
    const _Atomic bool *cancelled;
} ann_exact_ask;
/* ret: count × k items; ret_counts: how many of each. */
lh_code ann_exact(const lh_ann_index *index, const ann_exact_ask *ask, ann_item *ret, uint32_t *ret_counts,
                  lh_error *err);
#endif
