/* What running a statement needs of DuckDB beyond its C API. Uses DuckDB's own headers, as hot_shim.h does. */
#ifndef LH_ENGINE_PREPARED_SHIM_H
#define LH_ENGINE_PREPARED_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif
/* A statement that was prepared within a transaction and is executed within it, once, keeps the plan that it has. Otherwise
 * DuckDB makes a plan anew for each that reads the lake, whose tables it takes for changed each time. One with parameters is
 * left: in a plan that knows their values fewer files are read. */
void prepared_shim_keep_plan(duckdb_prepared_statement prepared);

/* Is a transaction open? */
bool prepared_shim_in_transaction(duckdb_connection connection);
#ifdef __cplusplus
}
#endif
#endif
