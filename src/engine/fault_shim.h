/* Statements in which DuckDB 1.5.5 or its iceberg extension would end the process, or the database for everybody, are told
 * by their plans, and are errors instead, or do what DuckDB would: nothing, where no row can be changed. A new version of
 * DuckDB is a look at each. Uses DuckDB's own headers, as hot_shim.h does. */
#ifndef LH_ENGINE_FAULT_SHIM_H
#define LH_ENGINE_FAULT_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif
/* Once a database, for every statement of it from now on. false: out of memory. */
bool fault_shim_install(duckdb_database database);
#ifdef __cplusplus
}
#endif
#endif
