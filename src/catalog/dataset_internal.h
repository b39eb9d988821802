/* Private to catalog: a dataset's documents follow its table. */
#ifndef LH_CATALOG_DATASET_INTERNAL_H
#define LH_CATALOG_DATASET_INTERNAL_H
#include "catalog/catalog_internal.h"

/* The changes that remove, or move to the name `to`, the dataset's document and its "these bytes were ingested"
 * records; for the same metastore commit that drops or renames the table. Arena. Errors: NO_MEMORY, LIMIT. */
LH_MUST_CHECK lh_code dataset_drop_changes(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_change **ret,
                                           size_t *ret_count, lh_error *err);
LH_MUST_CHECK lh_code dataset_rename_changes(lh_catalog *catalog, lh_table_name from, lh_table_name to, lh_arena *arena,
                                             lh_change **ret, size_t *ret_count, lh_error *err);

/* {"schema": […], "schema_fingerprint", "row_count", "bytes", "files", "snapshot_id", "updated_at", "location"} of a
 * table's metadata, set on `into`. Pure. row_count, bytes and files are null where the metadata does not tell. */
void dataset_describe(const lh_json *metadata, lh_arena *arena, lh_json *into);
#endif
