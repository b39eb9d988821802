/* What DuckDB's C API does not tell of a database, or do to it. */
#ifndef LH_ENGINE_DATABASE_SHIM_H
#define LH_ENGINE_DATABASE_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
/* After a FATAL, or an INTERNAL error while it runs something, DuckDB refuses all that comes after. Then true, and `ret` has
 * the error, cut to `size` bytes with a NUL. */
bool database_shim_is_over(duckdb_database database, char *ret, size_t size);
/* The same of the connection's database. NULL: false. */
bool database_shim_is_over_for(duckdb_connection connection);
/* Ends the transaction that the connection may have, as ROLLBACK would, which such a database refuses; and what the iceberg
 * extension throws then stays in here, where it would end the process in duckdb_disconnect(). NULL is fine. */
void database_shim_roll_back(duckdb_connection connection);
#ifdef __cplusplus
}
#endif
#endif
