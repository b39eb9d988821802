/* Private to table_metadata.c and table_schema.c: one list of updates being applied. */
#ifndef LH_CATALOG_TABLE_METADATA_INTERNAL_H
#define LH_CATALOG_TABLE_METADATA_INTERNAL_H
#include "catalog/catalog_internal.h"

typedef struct metadata_change {
    lh_arena *arena;
    lh_json *metadata;                           /* the working copy */
    int64_t last_schema, last_spec, last_order;  /* added last in this list; -1: none yet */
    bool added_snapshot, moved_main;
} metadata_change;

int64_t metadata_format(const lh_json *metadata);
lh_code metadata_add_schema(metadata_change *change, const lh_json *update, lh_error *err);
lh_code metadata_set_current_schema(metadata_change *change, const lh_json *update, lh_error *err);
lh_code metadata_add_spec(metadata_change *change, const lh_json *update, lh_error *err);
lh_code metadata_set_default_spec(metadata_change *change, const lh_json *update, lh_error *err);
lh_code metadata_add_sort_order(metadata_change *change, const lh_json *update, lh_error *err);
lh_code metadata_set_default_sort_order(metadata_change *change, const lh_json *update, lh_error *err);
lh_code metadata_add_snapshot(metadata_change *change, const lh_json *update, lh_error *err);
lh_code metadata_set_ref(metadata_change *change, const lh_json *update, lh_error *err);
lh_code metadata_remove_ref(metadata_change *change, const lh_json *update, lh_error *err);
lh_code metadata_remove_snapshots(metadata_change *change, const lh_json *update, lh_error *err);
#endif
