/* Private to the table_*.c that know metadata: one list of updates being applied. */
#ifndef LH_CATALOG_TABLE_METADATA_INTERNAL_H
#define LH_CATALOG_TABLE_METADATA_INTERNAL_H
#include "catalog/catalog_internal.h"

enum { METADATA_FORMAT_MAX = 3, METADATA_FIRST_PARTITION_ID = 1000 };

typedef struct metadata_change {
    lh_arena *arena;
    lh_json *metadata;                          /* the working copy */
    int64_t last_schema, last_spec, last_order; /* added last in this list; -1: none yet */
    int64_t given_schema;                       /* the id that its writer thought last_schema has; -1: none */
    bool added_snapshot, moved_main;
    bool reshaped; /* another current schema, default spec or default order */
} metadata_change;

bool metadata_is_reserved(lh_str property); /* a property's name that no table keeps */
int64_t metadata_format(const lh_json *metadata);
void metadata_touch(metadata_change *change, int64_t now_ms); /* last-updated-ms, which never falls */
/* The default spec and order take their values from columns of the current schema. */
lh_code metadata_check_shape(const lh_json *metadata, lh_error *err);
/* Has the current schema all columns that the spec takes values from? */
bool metadata_spec_is_readable(const lh_json *metadata, int64_t spec_id);
/* Names, types and ids of one schema, as far as the format has them. */
lh_code metadata_check_schema(lh_arena *arena, const lh_json *schema, int64_t format, lh_error *err);
/* Removes from metadata.<list> the elements whose `id_name` is in the array of ids. */
void metadata_remove_ids(metadata_change *change, const char *list, const char *id_name, const lh_json *ids);
bool metadata_has_field(const lh_json *fields, int64_t id); /* also within nested types */
/* The id of an element that is the same as item, else one above the highest (at least `first`). */
int64_t metadata_pick_id(const lh_json *list, const char *id_name, const lh_json *item,
                         bool (*same)(const lh_json *, const lh_json *), int64_t first, bool *ret_exists);
/* set-current-schema, set-default-spec, set-default-sort-order: sets metadata.<member> to update.<given>, an id in
 * metadata.<list>; -1 is the one added last. */
lh_code metadata_set_default(metadata_change *change, const lh_json *update, const char *given, int64_t last,
                             const char *list, const char *id_name, const char *member, lh_error *err);
lh_code metadata_add_schema(metadata_change *change, const lh_json *update, lh_error *err);
/* The id of a schema that an update names: of the one that the same list has added, by the id that its writer gave it; or as it
 * was shown to DuckDB. */
int64_t metadata_named_schema(const metadata_change *change, int64_t id);
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
