/* Rows of a governed answer, cut anew: the chunks that DuckDB gives are what is left of vectors of 2,048 rows, so that their sizes
 * count the hidden rows between. Uses DuckDB's own headers, as hot_shim.h does. */
#ifndef LH_ENGINE_CHUNK_SHIM_H
#define LH_ENGINE_CHUNK_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif
/* Appends rows `first` … `first + count` of `from` to `into`, which was made with room for them. False: out of memory. */
bool chunk_shim_append(duckdb_data_chunk into, duckdb_data_chunk from, idx_t first, idx_t count);

/* Values of fixed width that are NULL become zero: what lies there otherwise is whatever was there before. */
void chunk_shim_clear_nulls(duckdb_data_chunk chunk);
#ifdef __cplusplus
}
#endif
#endif
