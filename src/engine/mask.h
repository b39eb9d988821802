/* Masks of columns (docs/adr/0021, section 4): what stands in the place of a value. None raises an error, so that a hidden
 * value tells nothing by one, and each gives the same for the same value, so that joins and groups work on it. */
#ifndef LH_ENGINE_MASK_H
#define LH_ENGINE_MASK_H
#include "engine/engine_internal.h"

typedef enum engine_mask_kind {
    ENGINE_MASK_NULL,   /* NULL of the column's type */
    ENGINE_MASK_HASH,   /* VARCHAR: HMAC-SHA-256 with the lake's key, 64 hex digits */
    ENGINE_MASK_SHA256, /* VARCHAR: without a key; a dictionary undoes it */
    ENGINE_MASK_TOKEN,  /* VARCHAR: "tok_" and the first 16 digits of the hash */
    ENGINE_MASK_KEEP, /* VARCHAR: the first and last characters, '*' for each between; all '*' when none would be between */
    ENGINE_MASK_YEAR, /* INTEGER, of a DATE or TIMESTAMP */
    ENGINE_MASK_BUCKET, /* of a number, in its type: the greatest multiple of n that is not above it; NULL where the type has none */
} engine_mask_kind;

typedef struct engine_mask {
    engine_mask_kind kind;
    uint32_t keep_prefix, keep_suffix; /* KEEP: characters as people count them (grapheme clusters, Unicode UAX 29) */
    uint64_t bucket;                   /* BUCKET: n, from 1 on */
} engine_mask;

/* The expression, of a column's name and its type as DuckDB writes it. Errors: INVALID (no mask of such a type). */
LH_MUST_CHECK lh_code engine_mask_sql(const engine_masks *masks, const engine_mask *mask, lh_str column, lh_str type,
                                      lh_buf *into, lh_error *err);
#endif
