/* Masks of columns (docs/adr/0021, section 4): what stands in the place of a value. None raises an error, so that a hidden
 * value tells nothing by one, and each gives the same for the same value, so that joins and groups work on it. */
#ifndef LH_ENGINE_MASK_H
#define LH_ENGINE_MASK_H
#include "engine/engine_internal.h"

/* The expression, of a column's name and its type as DuckDB writes it. Errors: INVALID (no mask of such a type). */
LH_MUST_CHECK lh_code engine_mask_sql(const engine_masks *masks, const lh_mask *mask, lh_str column, lh_str type,
                                      lh_buf *into, lh_error *err);
#endif
