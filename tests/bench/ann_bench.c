/* src/ann as a shared library of flat calls, for tests/bench/ann.py. Any error ends the program. */
#include "ann/ann.h"

#include <stdio.h>

#define BENCH __attribute__((visibility("default")))
BENCH void *bench_build(int metric, uint32_t dimensions, int hnsw, const uint32_t *config, const float *vectors, size_t rows, unsigned threads);
BENCH void bench_search(const void *index, const float *vectors, size_t count, uint32_t k, int mode, uint32_t ef,
                        const uint64_t *allowed, unsigned threads, uint64_t *rows);
BENCH void bench_free(void *index);
BENCH uint64_t bench_bytes(const void *index, int mapped);

static void bench_need(lh_code code, const lh_error *err) {
    if (code == LH_OK) return;
    fprintf(stderr, "ann_bench: %s\n", err->message);
    abort();
}

/* config: ef_construction, ef_search, connectivity, dtype, seed */
void *bench_build(int metric, uint32_t dimensions, int hnsw, const uint32_t *config, const float *vectors, size_t rows, unsigned threads) {
    lh_ann_options options = {(lh_ann_metric)metric, dimensions, hnsw != 0,
                              {config[0], config[1], config[2], (lh_ann_dtype)config[3], config[4]}};
    lh_ann_work work = {.threads = threads};
    lh_error err = {0};
    lh_ann_index *index = NULL;
    bench_need(lh_ann_build(&options, vectors, rows, &work, &index, &err), &err);
    return index;
}

/* rows: count × k; UINT64_MAX where fewer were found. */
void bench_search(const void *index, const float *vectors, size_t count, uint32_t k, int mode, uint32_t ef, const uint64_t *allowed,
                  unsigned threads, uint64_t *rows) {
    lh_ann_query query = {.vectors = vectors, .count = count, .k = k, .mode = (lh_ann_mode)mode, .ef = ef, .allowed = allowed, .threads = threads};
    lh_error err = {0};
    lh_ann_hit *hits = malloc(count * k * sizeof *hits);
    uint32_t *counts = malloc(count * sizeof *counts);
    if (!hits || !counts) abort();
    bench_need(lh_ann_search(index, &query, hits, counts, &err), &err);
    for (size_t q = 0; q < count; q++)
        for (size_t i = 0; i < k; i++) rows[q * k + i] = i < counts[q] ? hits[q * k + i].row : UINT64_MAX;
    free(hits);
    free(counts);
}

void bench_free(void *index) { lh_ann_free(index); }

uint64_t bench_bytes(const void *index, int mapped) {
    lh_ann_info info = lh_ann_info_of(index);
    return mapped ? info.mapped_bytes : info.heap_bytes;
}
