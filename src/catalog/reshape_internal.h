/* Private to catalog: commits that change a schema as a whole (see reshape.c). */
#ifndef LH_CATALOG_RESHAPE_INTERNAL_H
#define LH_CATALOG_RESHAPE_INTERNAL_H
#include "catalog/catalog_internal.h"

/* The engine's updates with its schemas replaced by reshape.schema; metadata is as before. *updates: arena.
 * Errors: INVALID (the engine gave the columns of reshape.written other ids). */
LH_MUST_CHECK lh_code reshape_updates(const lh_json *metadata, const lh_json *reshape, const lh_json **updates,
                                      lh_arena *arena, lh_error *err);
/* After those were applied: the snapshots that they add have the current schema. */
void reshape_mark(lh_json *metadata, const lh_json *updates, lh_arena *arena);

/* table_commit.c: a commit of our own that carries documents. *ret: as lh_table_commit(). */
LH_MUST_CHECK lh_code table_commit_carrying(lh_catalog *catalog, lh_table_name name, const lh_json *request,
                                            const annotation *carried, lh_arena *arena, lh_json **ret, lh_error *err);
#endif
