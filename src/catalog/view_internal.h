/* Private to catalog: the rules of Iceberg view metadata (view spec v1), pure functions on its JSON. */
#ifndef LH_CATALOG_VIEW_INTERNAL_H
#define LH_CATALOG_VIEW_INTERNAL_H
#include "catalog/catalog_internal.h"

/* ---- views.c ---- */
typedef struct catalog_view {
    lh_table_name name;
    lh_str metadata_key, created_at; /* arena */
    lh_json *definition, *base;      /* NULL: an Iceberg view of a client */
    uint64_t version;
} catalog_view;
/* Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code view_find_document(lh_catalog *catalog, lh_table_name name, lh_arena *arena, catalog_view *ret,
                                         lh_error *err);
LH_MUST_CHECK lh_code view_document(const catalog_view *view, lh_arena *arena, lh_str *ret, lh_error *err);

/* ---- view_metadata.c ---- */
/* Metadata without versions, which updates build up. */
lh_json *view_metadata_empty(lh_arena *arena);
/* CreateViewRequest → the updates that make its first metadata. Errors: INVALID. */
LH_MUST_CHECK lh_code view_updates_for_create(lh_arena *arena, const lh_json *request, lh_str location, lh_json **ret,
                                              lh_error *err);
/* Errors: INVALID (unknown requirement, uuid missing), CONFLICT (not met). */
LH_MUST_CHECK lh_code view_check_requirements(const lh_json *requirements, const lh_json *metadata, lh_error *err);
/* Applies the updates in order, checks the whole, logs the current version and lets old versions go. metadata is changed
 * in place (work on a copy). Errors: INVALID. */
LH_MUST_CHECK lh_code view_apply_updates(lh_arena *arena, lh_json *metadata, const lh_json *updates, lh_error *err);
/* Is it what the specification calls view metadata? For files of strangers. Errors: INVALID. */
LH_MUST_CHECK lh_code view_metadata_check(lh_arena *arena, const lh_json *metadata, lh_error *err);
/* LoadViewResult of a metadata file. Errors: CORRUPT (also when it is not there), the bucket's. */
LH_MUST_CHECK lh_code view_load_file(lh_catalog *catalog, lh_str metadata_key, lh_arena *arena, lh_json **ret,
                                     lh_error *err);
#endif
