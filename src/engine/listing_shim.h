/* duckdb_tables(), duckdb_columns() and their like, of which SHOW, information_schema and pg_catalog are made, without what is gone:
 * the Iceberg extension lists what its catalog ever had, until the database ends, but for what a DROP of this very database took away; and a
 * schema as it was first written.
 * Uses DuckDB's own headers, as hot_shim.h does. */
#ifndef LH_ENGINE_LISTING_SHIM_H
#define LH_ENGINE_LISTING_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#ifdef __cplusplus
extern "C" {
#endif
enum { LISTING_SCHEMA_BYTES = 4096 };
/* Whether the attached `lake` has that table now; table NULL: that schema. spelled: set to how the schema is written now, where that is in
 * other letters of the same; else left. On any thread, within a statement. */
typedef bool (*listing_has_fn)(void *ctx, const char *schema, const char *table, char spelled[LISTING_SCHEMA_BYTES]);
/* Once a database. ctx: borrowed for the database's life. false: a function is not there, has another form, or out of memory. */
bool listing_shim_install(duckdb_database database, listing_has_fn has, void *ctx);
#ifdef __cplusplus
}
#endif
#endif
