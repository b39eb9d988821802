/* Which trials are worth a look: those that no other one beats in recall and latency. */
#include "vector/trial_internal.h"

static int best_order(const void *a, const void *b, void *ctx) {
    const best_score *scores = ctx;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    if (scores[i].p50_us != scores[j].p50_us) return scores[i].p50_us < scores[j].p50_us ? -1 : 1;
    if (scores[i].recall != scores[j].recall) return scores[i].recall > scores[j].recall ? -1 : 1;
    return i < j ? -1 : 1;
}

/* The fastest first: one that is slower must find more than all before it. */
lh_code best_pareto(const best_score *scores, size_t count, bool *on, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) size_t *order = calloc(count + 1, sizeof *order);
    double recall = -1;
    if (!order) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    for (size_t i = 0; i < count; i++) order[i] = i;
    qsort_r(order, count, sizeof *order, best_order, (void *)(uintptr_t)scores);
    for (size_t i = 0; i < count; i++) {
        on[order[i]] = scores[order[i]].recall > recall;
        if (on[order[i]]) recall = scores[order[i]].recall;
    }
    return LH_OK;
}
