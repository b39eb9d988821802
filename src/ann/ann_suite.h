/* Made vectors for ann's tests. */
#ifndef LH_ANN_ANN_SUITE_H
#define LH_ANN_ANN_SUITE_H
#include "ann/ann.h"
#include "base/test.h"

#include <math.h>

typedef struct suite_random {
    uint64_t state;
} suite_random;

static inline uint64_t suite_next(suite_random *random) { /* xorshift64* */
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(2685821657736338717);
}
static inline float suite_unit(suite_random *random) { return (float)(suite_next(random) >> 40) / (float)(1 << 24); }
static inline float suite_normal(suite_random *random) { /* near enough: of the centre of the bell */
    float sum = 0;
    for (int i = 0; i < 6; i++) sum += suite_unit(random);
    return (sum - 3) * 1.4142f;
}

/* rows × dimensions numbers around `clusters` centres. Owned: free(). The same seed and clusters give the same centres. */
static inline float *suite_clustered(uint64_t seed, size_t rows, size_t dimensions, size_t clusters, float spread) {
    suite_random centres = {seed * 2 + 1}, random = {seed + rows * 977 + 12345};
    float *middle = malloc(clusters * dimensions * sizeof *middle + 1),
          *vectors = malloc(rows * dimensions * sizeof *vectors + 1);
    CHECK(middle && vectors);
    for (size_t i = 0; i < clusters * dimensions; i++) middle[i] = suite_normal(&centres);
    for (size_t row = 0; row < rows; row++) {
        size_t cluster = suite_next(&random) % clusters;
        for (size_t i = 0; i < dimensions; i++)
            vectors[row * dimensions + i] = middle[cluster * dimensions + i] + spread * suite_normal(&random);
    }
    free(middle);
    return vectors;
}

static inline lh_ann_index *suite_build(lh_ann_metric metric, size_t dimensions, bool hnsw, lh_hnsw_config config,
                                        const float *vectors, size_t rows, unsigned threads) {
    lh_ann_options options = {metric, (uint32_t)dimensions, hnsw, config};
    lh_ann_work work = {.threads = threads};
    lh_ann_index *index = NULL;
    lh_error err = {0};
    CHECK_OK(lh_ann_build(&options, vectors, rows, &work, &index, &err));
    return index;
}

/* The share of `truth` that is in `hits`. */
static inline double suite_recall(const lh_ann_hit *truth, const lh_ann_hit *hits, size_t count) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) found += truth[i].row == hits[j].row;
    return count ? (double)found / (double)count : 1;
}
#endif
