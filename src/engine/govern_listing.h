/* What a governed caller is shown where DuckDB lists the catalog: SHOW, information_schema. */
#ifndef LH_ENGINE_GOVERN_LISTING_H
#define LH_ENGINE_GOVERN_LISTING_H
#include "engine/run.h"

/* Is it a schema of such views? */
bool engine_listing_is(const char *schema);
/* One query that gives the rows of the view. Errors: DENIED (another view than schemata, tables, columns). */
LH_MUST_CHECK lh_code engine_listing_view(engine_run *run, const char *schema, const char *view, lh_buf *into,
                                          lh_error *err);
/* The same for SHOW: `what` is DuckDB's name for it ("tables", "databases", "schemas" with their quotes, or
 * __show_tables_expanded; empty: SHOW TABLES FROM). */
LH_MUST_CHECK lh_code engine_listing_show(engine_run *run, const char *catalog, const char *schema, const char *what,
                                          lh_buf *into, lh_error *err);
#endif
