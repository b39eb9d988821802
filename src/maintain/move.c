/* A table moves to another bucket: all its rows are written anew there, as a compaction does it, and the snapshot of the
 * new files is committed together with the table's new location. Files of earlier snapshots stay where they are, named by
 * those snapshots, until expiry and the removal of orphans take them.
 * The new folder is written down before its first file (dropped.c), so that what a crash leaves there is found.
 * Writers of this process wait meanwhile. One of another process that commits in between makes all be done again. */
#include "maintain/maintain_internal.h"

static lh_code move_locked(lh_maintain *maintain, const lh_move_request *request, lh_arena *arena, lh_json **ret,
                           lh_error *err) {
    lh_str before, location;
    LH_TRY(lh_table_bucket(maintain->catalog, request->table, arena, &before, err));
    if (lh_str_eq(before, request->bucket))
        return lh_fail(err, LH_CONFLICT, "the dataset lies in the bucket '%.*s' already", LH_STR_ARG(before));
    LH_TRY(lh_table_reserve_location(maintain->catalog, request->table, request->bucket, arena, &location, err));
    const lh_compact_request rewrite = {.table = request->table,
                                        .target_bytes = LH_COMPACT_TARGET_BYTES,
                                        .all = true,
                                        .location = location,
                                        .cancel = request->cancel};
    lh_code code = lh_compact(maintain, &rewrite, arena, ret, err);
    if (code != LH_OK) {
        lh_table_release_location(maintain->catalog, location);
        return code;
    }
    lh_json_set_string(arena, *ret, "bucket", request->bucket);
    lh_json_set_string(arena, *ret, "bucket_before", before);
    lh_json_set_string(arena, *ret, "location", location);
    return lh_arena_check(arena, err);
}

lh_code lh_move(lh_maintain *maintain, const lh_move_request *request, lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_TRY(lh_catalog_check_bucket(maintain->catalog, request->bucket, err));
    LH_TRY(lh_engine_lock_table(maintain->engine, request->table, request->cancel, err));
    lh_code code = move_locked(maintain, request, arena, ret, err);
    lh_engine_unlock_table(maintain->engine, request->table);
    return code;
}
