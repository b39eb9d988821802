/* ann: nearest neighbours among vectors in memory: exact search and HNSW, and the file that an index is kept in.
 * Depends on: base. Used by: vector.
 * Thread rule: any number of threads may search, save and ask at once; build, extend, delete and free need the index alone. */
#ifndef LH_ANN_ANN_H
#define LH_ANN_ANN_H
#include "base/base.h"

typedef enum lh_ann_metric {
    LH_ANN_COSINE, /* score: the cosine, larger is nearer; a zero vector has 0 to every other. Vectors are kept normalised */
    LH_ANN_DOT, /* score: the dot product, larger is nearer */
    LH_ANN_L2,  /* score: the squared distance, smaller is nearer */
    LH_ANN_METRICS
} lh_ann_metric;
const char *lh_ann_metric_name(lh_ann_metric metric); /* "cosine", "dot", "l2" */

typedef enum lh_ann_dtype { LH_ANN_F32, LH_ANN_F16, LH_ANN_I8, LH_ANN_DTYPES } lh_ann_dtype;
const char *lh_ann_dtype_name(lh_ann_dtype dtype); /* "f32", "f16", "i8" */

enum {
    LH_ANN_DIMENSIONS_MAX = 65536,
    LH_ANN_K_MAX = 16384,
    LH_ANN_EF_MAX = 16384,
    LH_ANN_CONNECTIVITY_MAX = 256,
    LH_ANN_THREADS_MAX = 64,
    LH_ANN_BINDING_BYTES = 512,
    LH_ANN_FILE_VERSION = 2, /* of the file that an index is saved in; no other is opened */
};
#define LH_ANN_ROWS_MAX UINT32_C(0xfffffff0)
#define LH_ANN_VALUE_MAX 1e15f /* of a vector's component, so that no sum of squares overflows */

/* How the graph is built and searched. The same rows, seed and one thread give the same graph. */
typedef struct lh_hnsw_config {
    uint32_t ef_construction; /* candidates when a row is linked, 1 … EF_MAX */
    uint32_t ef_search;       /* candidates of a search, of which the best k are given, 1 … EF_MAX */
    uint32_t connectivity;    /* links of a row and level, twice as many on the lowest; 2 … CONNECTIVITY_MAX */
    lh_ann_dtype dtype;       /* what distances within the graph are made of; what is found is scored from f32 */
    uint64_t seed;            /* of the order in which rows are linked */
} lh_hnsw_config;
#define LH_HNSW_DEFAULTS ((lh_hnsw_config){80, 50, 16, LH_ANN_I8, 42})

typedef struct lh_ann_options {
    lh_ann_metric metric;
    uint32_t dimensions; /* 1 … DIMENSIONS_MAX */
    bool hnsw;           /* exact search works without */
    lh_hnsw_config config;
} lh_ann_options;

/* How a long call works. NULL stands for one thread, without a switch. */
typedef struct lh_ann_work {
    unsigned threads;              /* 0: one */
    const _Atomic bool *cancelled; /* borrowed; NULL: cannot be */
    _Atomic uint64_t *done_rows;   /* borrowed, counts up as rows are linked; NULL: not counted */
} lh_ann_work;

typedef struct lh_ann_index lh_ann_index;

/* Builds an index of `rows` vectors, one after the other in `vectors` (borrowed, copied), numbered from 0. No rows are fine.
 * Owned: lh_ann_free(). Errors: INVALID (options; a component that is not finite or beyond VALUE_MAX, named by its row), LIMIT
 * (rows), CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ann_build(const lh_ann_options *options, const float *vectors, size_t rows,
                                   const lh_ann_work *work, lh_ann_index **ret, lh_error *err);
void lh_ann_free(lh_ann_index *index); /* NULL is fine */
static inline void lh_ann_freep(lh_ann_index **index) { lh_ann_free(*index); }

/* Appends rows, numbered on; the graph grows, it is not built anew. An index that was opened from a file takes its graph into
 * memory for that; the file is not changed. On an error no row was added, but after CANCELLED or NO_MEMORY the graph may be
 * gone (lh_ann_info says so): exact search still works. Errors: as lh_ann_build(). */
LH_MUST_CHECK lh_code lh_ann_extend(lh_ann_index *index, const float *vectors, size_t rows, const lh_ann_work *work,
                                    lh_error *err);

/* Another graph of the rows of `rows` (borrowed for life: it must not be changed meanwhile), which are not copied; of dtype F16 the
 * copies in f16 are its own, where `rows` has none. What is deleted there is so here. Owned: lh_ann_free(). Errors: INVALID
 * (config), CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ann_share(const lh_ann_index *rows, const lh_hnsw_config *config, const lh_ann_work *work,
                                   lh_ann_index **ret, lh_error *err);

/* From now on no search finds these rows. Their numbers are not used again; a row that is deleted already is fine.
 * Errors: INVALID (a number that no row has; then none is deleted). */
LH_MUST_CHECK lh_code lh_ann_delete(lh_ann_index *index, const uint64_t *rows, size_t count, lh_error *err);

typedef struct lh_ann_info {
    lh_ann_options options; /* hnsw: whether there is a graph now */
    uint64_t rows, deleted; /* rows: with the deleted ones */
    uint64_t heap_bytes;    /* memory of its own */
    uint64_t mapped_bytes;  /* of the file it was opened from, which the system may take back */
    uint64_t graph_bytes;   /* of the graph, wherever it lies; 0: there is none */
    const char *kernels;    /* "avx2" or "portable" */
} lh_ann_info;
lh_ann_info lh_ann_info_of(const lh_ann_index *index);

/* A row's vector, as it is kept (of COSINE normalised). Borrowed until the index changes. */
const float *lh_ann_row(const lh_ann_index *index, uint64_t row);

typedef enum lh_ann_mode {
    LH_ANN_EXACT, /* the k nearest, for certain */
    LH_ANN_HNSW,  /* most of the k nearest; exact where so few rows are allowed that this is faster */
} lh_ann_mode;

typedef struct lh_ann_query {
    const float *vectors; /* borrowed: `count` of them, one after the other */
    size_t count;
    uint32_t k; /* 1 … K_MAX */
    lh_ann_mode mode;
    uint32_t ef;                   /* HNSW: instead of the index's ef_search; 0: that one. At least k is taken */
    const uint64_t *allowed;       /* borrowed: bit n%64 of word n/64 lets row n be found; NULL: all */
    unsigned threads;              /* 0: one. More are used only where it pays */
    const _Atomic bool *cancelled; /* borrowed; NULL: cannot be */
} lh_ann_query;

typedef struct lh_ann_hit {
    uint64_t row;
    float score; /* of the f32 vectors, summed in f64: the same on every processor */
} lh_ann_hit;

/* Does an HNSW search walk the graph? Where so few rows may be found that a scan of them is as good, it does not, and is exact. */
bool lh_ann_walks(const lh_ann_index *index, const uint64_t *allowed);
/* Searches for each query its k nearest rows that are allowed and not deleted, best first, equal scores by row number. hits:
 * k for each query; counts: one each, less than k where fewer rows are there. Both untouched on an error. Errors: INVALID
 * (query; HNSW without a graph; components as for lh_ann_build), CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ann_search(const lh_ann_index *index, const lh_ann_query *query, lh_ann_hit *hits,
                                    uint32_t *counts, lh_error *err);

/* Writes the index to a temporary file beside `path`, syncs it and gives it the name: after OK the whole of it is on disk, else
 * the file that was there is untouched. binding (borrowed, at most BINDING_BYTES): what the index belongs to, such as snapshot
 * and model. Errors: INVALID (binding), IO, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ann_save(const lh_ann_index *index, const char *path, lh_str binding, lh_error *err);
/* Opens a saved index, mapped rather than read. Owned: lh_ann_free(); the file may be replaced or removed meanwhile, but not
 * changed in place. Errors: NOT_FOUND; CORRUPT (torn, cut, of another format, version or byte order, a checksum that differs,
 * a graph that points outside); CONFLICT (whole, but of another binding); IO, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_ann_open(const char *path, lh_str binding, unsigned threads, lh_ann_index **ret,
                                  lh_error *err);
#endif
