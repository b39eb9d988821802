/* Two rankings into one by reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009): places are added up, not scores, which do not
 * compare. */
#include "vector/vector_internal.h"

enum { FUSE_K = 60 };

static int fuse_by_row(const void *a, const void *b) {
    const vector_hit *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

static uint32_t fuse_best_rank(const vector_hit *hit) {
    uint32_t best = UINT32_MAX;
    for (int way = 0; way < VECTOR_WAYS; way++)
        if (hit->ranks[way] && hit->ranks[way] < best) best = hit->ranks[way];
    return best;
}

static int fuse_by_score(const void *a, const void *b) {
    const vector_hit *x = a, *y = b;
    uint32_t best_x = fuse_best_rank(x), best_y = fuse_best_rank(y);
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return best_x != best_y ? (best_x > best_y) - (best_x < best_y) : fuse_by_row(a, b);
}

size_t vector_fuse(vector_hit *hits, size_t count, const double weights[VECTOR_WAYS]) {
    size_t kept = 0;
    if (count == 0) return 0;
    qsort(hits, count, sizeof *hits, fuse_by_row);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || hits[kept - 1].row != hits[i].row) {
            hits[kept++] = hits[i];
            continue;
        }
        for (int way = 0; way < VECTOR_WAYS; way++)
            if (hits[i].ranks[way]) hits[kept - 1].ranks[way] = hits[i].ranks[way];
    }
    for (size_t i = 0; i < kept; i++) {
        hits[i].score = 0;
        for (int way = 0; way < VECTOR_WAYS; way++)
            if (hits[i].ranks[way]) hits[i].score += weights[way] / (double)(FUSE_K + hits[i].ranks[way]);
    }
    qsort(hits, kept, sizeof *hits, fuse_by_score);
    return kept;
}
