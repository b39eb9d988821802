/* Rows of one vector. A graph cannot bear many of them: they are nearest to each other, so that all their links lead among themselves,
 * and who walks to them never leaves. An index in which a vector occurs more often than a row has links is scanned instead. Told by
 * hashes: two vectors that share one by chance only make the search slower. */
#include "ann/ann_internal.h"

typedef struct twin {
    uint64_t hash; /* 0: no row */
    uint64_t rows;
} twin;

static uint64_t twins_hash(const lh_ann_index *index, uint64_t row) {
    uint64_t hash =
        lh_hash_fast((lh_str){(const char *)ann_vector(index, row), index->options.dimensions * sizeof(float)});
    return hash ? hash : 1;
}

void ann_find_twins(lh_ann_index *index) {
    uint64_t size = 64, most = 0;
    while (size < 2 * index->rows) size *= 2;
    LH_CLEANUP(lh_free_pointer) twin *twins = calloc((size_t)size, sizeof *twins);
    index->twins = true; /* without memory to tell */
    if (!twins) return;
    for (uint64_t row = 0; row < index->rows; row++) {
        uint64_t hash = twins_hash(index, row), at = hash & (size - 1);
        while (twins[at].hash && twins[at].hash != hash) at = (at + 1) & (size - 1);
        twins[at].hash = hash;
        if (++twins[at].rows > most) most = twins[at].rows;
    }
    index->twins = most > index->options.config.connectivity;
}
