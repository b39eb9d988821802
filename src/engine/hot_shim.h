/* What the hot cache needs of DuckDB beyond its C API: names of tables replaced in a parsed statement, a look at the bound
 * plan, sizes. Uses DuckDB's own headers, which are pinned with the library (docs/adr/0017). */
#ifndef LH_ENGINE_HOT_SHIM_H
#define LH_ENGINE_HOT_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif
enum { HOT_NAME_BYTES = 32 };

/* From now on each bound plan of the database is looked at: a scan of a table in the hidden database `hot` that reads what
 * is no stored column (rowid) fails. A table there with a comment is the shell of a part: all columns, no rows; the
 * comment names the table that holds some of the columns, which is scanned in its place, or the statement fails. */
bool hot_shim_install(duckdb_database database, const char *hot);

/* May the name be read from the hidden database? true: ret is the table there (HOT_NAME_BYTES). */
typedef bool (*hot_resolve_fn)(void *ctx, const char *catalog, const char *schema, const char *table, char *ret);
/* Asks for each table that the statement reads, and puts the answer in its place; names of CTEs, AT (…) and what cannot be
 * told are left. `extracted` must hold exactly one statement. Returns the number of names replaced. */
size_t hot_shim_rewrite(duckdb_extracted_statements extracted, const char *hot, hot_resolve_fn resolve, void *ctx);

typedef struct hot_shim_size {
    uint64_t rows, bytes;
} hot_shim_size;
/* What a table of the hidden database takes. false: there is none. Not inside a transaction. */
bool hot_shim_measure(duckdb_connection connection, const char *hot, const char *table, hot_shim_size *ret);
/* Bytes that all tables in memory take, also those of uncommitted transactions. connection NULL: 0. */
uint64_t hot_shim_memory(duckdb_connection connection);
#ifdef __cplusplus
}
#endif
#endif
