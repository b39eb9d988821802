/* Functions of which one call can take minutes or gigabytes, and cannot be interrupted: DuckDB looks at time-outs between
 * vectors of rows only, and does not count what they take in memory. They get bounds on their arguments, for everybody. Uses
 * DuckDB's own headers, as hot_shim.h does. */
#ifndef LH_ENGINE_BOUNDS_SHIM_H
#define LH_ENGINE_BOUNDS_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif
/* Once a database. false: one of the functions is not there, or out of memory. */
bool bounds_shim_install(duckdb_database database);
#ifdef __cplusplus
}
#endif
#endif
