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

/* ---- dataset_metadata.c ---- */
#define DATASET_SENSITIVITY "internal" /* of a dataset of which nobody said it */
lh_str dataset_about_key(lh_table_name name, lh_arena *arena);
/* What was said of the dataset: an empty object and version 0 when nothing was. Arena. Errors: CORRUPT, INVALID. */
LH_MUST_CHECK lh_code dataset_about_read(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                                         uint64_t *ret_version, lh_error *err);

/* The change of what is said of a dataset that a commit with inherited sensitivity carries; *ret_found false: none is needed.
 * schema: as it is after the commit. Arena. */
LH_MUST_CHECK lh_code dataset_inherit(lh_catalog *catalog, lh_table_name name, const lh_json *schema,
                                      const lh_json *inherited, lh_arena *arena, lh_change *ret, bool *ret_found,
                                      lh_error *err);

/* ---- dataset_lineage.c ---- */
lh_str lineage_key(lh_table_name name, lh_arena *arena);
/* The changes to other datasets' lineage that a rename of `from` needs, or its drop (to NULL). They expect the versions
 * read. Arena. */
LH_MUST_CHECK lh_code lineage_parent_changes(lh_catalog *catalog, lh_table_name from, const lh_table_name *to,
                                             lh_arena *arena, lh_change **ret, size_t *ret_count, lh_error *err);

/* ---- parquet_footer.c ---- */
typedef struct parquet_distinct {
    int64_t field_id, distinct; /* -1: not told */
} parquet_distinct;
/* Distinct values of each leaf column, nulls aside, as the footer of a file of one row group tells; the number of leaves, 0 when
 * the bytes are no such footer. Arena. */
size_t parquet_footer_distinct(lh_str bytes, lh_arena *arena, parquet_distinct **ret);
/* The same of a file; 0 also when it cannot be read. */
size_t parquet_file_distinct(lh_bucket *bucket, lh_str location, uint64_t size, lh_arena *arena,
                             parquet_distinct **ret);

/* ---- column_statistics.c ---- */
/* *ret: object by field id of {"values","nulls","min","max","distinct","exact"}, as far as the current snapshot's manifests tell for
 * each of its files; without a snapshot, or with more than COLUMN_MANIFESTS manifests, empty. Arena. Errors: as manifest_walk. */
LH_MUST_CHECK lh_code column_statistics(lh_bucket *bucket, const lh_json *metadata, lh_arena *arena, lh_json **ret,
                                        lh_error *err);

/* Sets "schema", "schema_fingerprint", "row_count", "bytes", "files", "snapshot_id", "updated_at", "location" of a table's
 * metadata on `into`. totals: of the current snapshot's manifests; NULL takes the snapshot's summary, and a number
 * that it does not tell is null. Pure. */
void dataset_describe(const lh_json *metadata, const manifest_totals *totals, lh_arena *arena, lh_json *into);
/* Does the current snapshot's summary tell rows, bytes and files? */
bool dataset_summary_is_complete(const lh_json *metadata);
#endif
