/* Which columns a statement reads, and which of them the values of a written column come from, by its plan. What decides
 * which rows there are (filters, joins, groups) is no source, but for what is said to be equal. Uses DuckDB's own headers, as hot_shim.h does. */
#ifndef LH_ENGINE_SOURCE_SHIM_H
#define LH_ENGINE_SOURCE_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif
/* Once a database, before its first statement. */
bool source_shim_install(duckdb_database database);
/* From now on the statement that the connection prepares is traced. */
bool source_shim_begin(duckdb_connection connection);
/* The column `into` of what is written has values of `column` of the table. Each pair once. A form that is not traced has all
 * columns that are read as the sources of each that is written. */
typedef void (*source_fn)(void *ctx, const char *into, const char *catalog, const char *schema, const char *table,
                          const char *column);
/* Tells what the last statement was found to do, and ends it: first each column that it reads, with an empty `into`; one that no
 * operator needs, but for its scan, is not among them. */
void source_shim_end(duckdb_connection connection, source_fn fn, void *ctx);
#ifdef __cplusplus
}
#endif
#endif
