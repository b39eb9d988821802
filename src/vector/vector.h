/* vector: rows of a dataset as embeddings in a table, found again by meaning.
 * Depends on: base, storage, catalog, engine, access, jobs, ai, ann. Used by: api, cli. Thread-safe: any call, any thread, but
 * for a chunker. */
#ifndef LH_VECTOR_VECTOR_H
#define LH_VECTOR_VECTOR_H
#include "base/base.h"

/* ---- text into chunks (chunk.c) ---- */
enum { LH_CHUNK_SIZE_MIN = 16, LH_CHUNK_SIZE_MAX = 1 << 20, LH_CHUNK_TEXT_BYTES = 64 << 20 };
typedef struct lh_chunk_options {
    uint32_t size;    /* at most, in characters (code points), or in tokens with count_tokens */
    uint32_t overlap; /* at most, in the same unit: whole sentences of the chunk before */
    lh_str locale;    /* whose rules say where a sentence ends, "en", "de_CH"; empty: the root's */
    size_t (*count_tokens)(void *ctx, lh_str text); /* NULL: characters */
    void *tokens_ctx;
} lh_chunk_options;
typedef struct lh_text_chunk {
    lh_str text;       /* borrowed from the text that was cut */
    size_t start, end; /* characters of that text, from 0; end exclusive */
} lh_text_chunk;
/* Of one thread at a time. options: borrowed until the call returns, but for tokens_ctx. Owned: lh_chunker_free(). Errors: INVALID. */
typedef struct lh_chunker lh_chunker;
LH_MUST_CHECK lh_code lh_chunker_new(const lh_chunk_options *options, lh_chunker **ret, lh_error *err);
void lh_chunker_free(lh_chunker *chunker);
static inline void lh_chunker_freep(lh_chunker **chunker) { lh_chunker_free(*chunker); }
/* The chunks in order; none of an empty text. A sentence is cut only when it does not fit into a chunk, a word only when that does
 * not, a character never. *ret: arena, its texts borrowed from `text`. Errors: INVALID (not UTF-8), LIMIT (LH_CHUNK_TEXT_BYTES),
 * NO_MEMORY. */
LH_MUST_CHECK lh_code lh_chunker_split(lh_chunker *chunker, lh_str text, lh_arena *arena, lh_text_chunk **ret,
                                       size_t *ret_count, lh_error *err);
#endif
