/* The proximity graph (HNSW) of USearch's header index.hpp behind a C face. It holds links only: distances are asked of an
 * ann_space. Private to ann. Calls that return a text: NULL is success, else why not (static). */
#ifndef LH_ANN_GRAPH_H
#define LH_ANN_GRAPH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ann_graph ann_graph;

/* Where rows lie: distances, smaller is nearer. */
typedef struct ann_space {
    const void *ctx;
    float (*between)(const void *ctx, uint32_t a, uint32_t b);
    float (*to_query)(const void *ctx, const void *query, uint32_t row);
    /* Of many, which come from memory while others are computed. */
    void (*to_rows)(const void *ctx, const void *query, const uint32_t *rows, size_t count, float *ret);
    void (*prefetch)(const void *ctx, uint32_t row);
} ann_space;

/* contexts: threads that work on it at once, each by a number of its own below that. */
const char *ann_graph_new(size_t connectivity, size_t contexts, ann_graph **ret);
void ann_graph_free(ann_graph *graph);
const char *ann_graph_reserve(ann_graph *graph, size_t more); /* rows to be linked, beyond those that are; alone */
/* Links a row. Rows may be linked in any order, each once; any number of contexts at once. */
const char *ann_graph_add(ann_graph *graph, const ann_space *space, uint32_t row, size_t ef, size_t context);
/* Counts the rows that a walk may never come to ("strays"): no chain of links leads to them from the entry, where walks begin, too. Two
 * rows that are linked at the same time may take each other's links away, and a full list drops the worst. Alone. */
const char *ann_graph_find_strays(ann_graph *graph, size_t *ret);
/* Links the nth of them anew; alone. room: for certain with the nearest row that has room for one more link. */
const char *ann_graph_relink(ann_graph *graph, const ann_space *space, size_t nth, size_t ef, bool room);
/* The `ef` nearest to a query (which only the space knows) that allow lets pass (NULL: all), nearest first, into rows[ef], with
 * their distances in the space. */
const char *ann_graph_search(const ann_graph *graph, const ann_space *space, const void *query, size_t ef,
                             size_t context, bool (*allow)(const void *ctx, uint32_t row), const void *allow_ctx,
                             uint32_t *rows, float *distances, size_t *ret);
size_t ann_graph_rows(const ann_graph *graph);
size_t ann_graph_memory_bytes(const ann_graph *graph);

size_t ann_graph_saved_bytes(const ann_graph *graph);
bool ann_graph_save(const ann_graph *graph, bool (*write)(void *ctx, const void *data, size_t bytes), void *ctx);
typedef struct ann_graph_saved {
    const void *data;
    size_t bytes;
    size_t rows, absent;         /* rows of the index, and how many of them are not in the graph */
    const uint64_t *absent_bits; /* a bit each for those; NULL for none */
} ann_graph_saved;
/* Takes a saved graph: copied, or `view`ed in place (then the bytes outlive it and it cannot grow). Every link is checked before:
 * damaged bytes are refused, which *ret_damaged tells from a lack of memory. */
const char *ann_graph_load(ann_graph *graph, const ann_graph_saved *saved, bool view, bool *ret_damaged);

#ifdef __cplusplus
}
#endif
#endif
