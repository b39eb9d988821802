/* Deletes by position that come too late: their writer looked at a data file before a compaction replaced it, and commits them
 * after. The rows live on in another file, so the delete would be lost without a word. Seen of DuckDB's extension, whose statement
 * may read an older snapshot than its commit names as parent. Such a commit is a conflict, so that its writer does it again.
 *
 * Looked at are the compactions among the last snapshots; without one nothing is read. A delete file of several data files
 * does not tell which, and passes. */
#include "catalog/rewrite_internal.h"

enum { STALE_SNAPSHOTS = 32, STALE_MANIFEST_BYTES = 64 << 20 };

typedef struct stale_check {
    lh_catalog *catalog;
    lh_arena *arena;
    lh_str *paths; /* data files that the new deletes name */
    size_t count, room;
    bool found;
} stale_check;

static lh_code stale_add(void *ctx, avro_value record, lh_error *err) {
    stale_check *check = ctx;
    avro_value data_file = avro_field(record, "data_file");
    lh_str path = LH_STR_NONE;
    if (avro_int(avro_field(record, "status"), -1) != 1 || avro_int(avro_field(data_file, "content"), 0) != 1)
        return LH_OK;
    LH_TRY(rewrite_referenced(data_file, &path, err));
    if (!path.len) return LH_OK;
    if (check->count == check->room) {
        size_t room = check->room ? check->room * 2 : 64;
        lh_str *grown = LH_ARENA_ARRAY(check->arena, lh_str, room);
        if (!grown) return lh_arena_check(check->arena, err);
        if (check->count) memcpy(grown, check->paths, check->count * sizeof *grown);
        check->paths = grown;
        check->room = room;
    }
    check->paths[check->count++] = lh_arena_dup(check->arena, path);
    return lh_arena_check(check->arena, err);
}

static lh_code stale_compare(void *ctx, avro_value record, lh_error *err) {
    stale_check *check = ctx;
    (void)err;
    if (avro_int(avro_field(record, "status"), -1) != 2) return LH_OK;
    lh_str path = avro_str(avro_field(avro_field(record, "data_file"), "file_path"));
    for (size_t i = 0; i < check->count; i++) check->found |= lh_str_eq(check->paths[i], path);
    return LH_OK;
}

/* The manifests of that content which the snapshot itself wrote. */
static lh_code stale_walk(stale_check *check, const lh_json *snapshot, int64_t content, avro_record_fn each,
                          lh_error *err) {
    manifest_list_entry *manifests = NULL;
    size_t count = 0;
    lh_str list = lh_json_get_string(snapshot, "manifest-list");
    int64_t id = lh_json_int(lh_json_get(snapshot, "snapshot-id"), -1);
    LH_TRY(manifest_list_read(check->catalog->bucket, list, check->arena, &manifests, &count, err));
    for (size_t i = 0; i < count; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
        lh_str key, bytes;
        if (manifests[i].content != content || manifests[i].snapshot_id != id) continue;
        LH_TRY(lh_arena_new(2 * (size_t)STALE_MANIFEST_BYTES, &scratch, err));
        LH_TRY(lh_bucket_key_of(check->catalog->bucket, manifests[i].path, scratch, &key, err));
        LH_TRY(lh_bucket_get(check->catalog->bucket, key, STALE_MANIFEST_BYTES, scratch, &bytes, NULL, err));
        LH_TRY(avro_read(bytes, manifests[i].path, scratch, each, check, err));
    }
    return LH_OK;
}

static bool stale_is_compaction(const lh_json *snapshot) {
    return lh_str_eq(lh_json_get_string(lh_json_get(snapshot, "summary"), "lakehouse.source"), LH_STR("compaction"));
}

lh_code stale_deletes_check(lh_catalog *catalog, const lh_json *metadata, const lh_json *snapshot, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    const lh_json *at = snapshot;
    stale_check check = {.catalog = catalog};
    if (stale_is_compaction(snapshot)) return LH_OK; /* checked its files itself */
    for (int i = 0; i < STALE_SNAPSHOTS; i++) {
        at = metadata_snapshot(metadata, lh_json_int(lh_json_get(at, "parent-snapshot-id"), -1));
        if (!at) return LH_OK;
        if (!stale_is_compaction(at)) continue;
        if (!arena) {
            LH_TRY(lh_arena_new(4 * (size_t)STALE_MANIFEST_BYTES, &arena, err));
            check.arena = arena;
            LH_TRY(stale_walk(&check, snapshot, 1, stale_add, err));
            if (check.count == 0) return LH_OK;
        }
        lh_code code = stale_walk(&check, at, 0, stale_compare, err);
        if (code == LH_NOT_FOUND) return LH_OK; /* expired behind our back: older ones are gone as well */
        if (code != LH_OK) return code;
        if (check.found)
            return lh_fail(err, LH_CONFLICT,
                           "the commit deletes rows of a file that compaction has replaced meanwhile: try again");
    }
    return LH_OK;
}
