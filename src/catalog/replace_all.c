/* The engine's INSERT becomes a replacement of all rows: its snapshot gets a manifest list of only the data manifests that it
 * added itself, and is of operation "overwrite". Nothing of what was there is needed by it, deletes neither, so expiry frees
 * all of it. The engine's own list, which repeats what was there, is removed after the commit. A file without rows is a DELETE
 * of all rows instead, of which nothing is taken: its file of positions is left to the removal of orphans. */
#include "catalog/catalog_internal.h"

enum { REPLACE_LIST_BYTES = 64 << 20 };

static lh_code replace_list(lh_catalog *catalog, const lh_json *snapshot, lh_str old_list, lh_str key, lh_arena *arena,
                            lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf block = LH_BUF_INIT(REPLACE_LIST_BYTES);
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(REPLACE_LIST_BYTES);
    manifest_list_entry *entries = NULL;
    size_t count = 0;
    int64_t kept = 0, id = lh_json_int(lh_json_get(snapshot, "snapshot-id"), -1);
    LH_TRY(manifest_list_read(catalog->bucket, old_list, arena, &entries, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (entries[i].snapshot_id != id || entries[i].content != 0) continue;
        manifest_list_write_entry(&block, &entries[i]);
        kept++;
    }
    int64_t sequence = lh_json_int(lh_json_get(snapshot, "sequence-number"), 0);
    manifest_list_write(&file, id, sequence, kept, kept ? lh_buf_str(&block) : LH_STR(""));
    LH_TRY(lh_buf_check(&block, err));
    LH_TRY(lh_buf_check(&file, err));
    return lh_bucket_put(catalog->bucket, key, lh_buf_str(&file), (lh_put_condition){.if_absent = true}, NULL, err);
}

static void replace_number(lh_json *summary, const char *name, uint64_t number, lh_arena *arena) {
    lh_json_set_string(arena, summary, name, lh_arena_printf(arena, "%" PRIu64, number));
}

static lh_code replace_summary(lh_catalog *catalog, const lh_json *metadata, lh_json *snapshot, lh_arena *arena,
                               lh_error *err) {
    static const char *const gone[][2] = {{"deleted-data-files", "total-data-files"},
                                          {"deleted-records", "total-records"},
                                          {"removed-files-size", "total-files-size"}};
    lh_json *summary = lh_json_get(snapshot, "summary");
    const lh_json *parent = metadata_snapshot(metadata, lh_json_int(lh_json_get(snapshot, "parent-snapshot-id"), -1));
    manifest_totals totals = {0};
    LH_TRY(manifest_count(catalog->bucket, lh_json_get_string(snapshot, "manifest-list"), &totals, err));
    lh_json_set_string(arena, summary, "operation", LH_STR("overwrite"));
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        const lh_json *before = lh_json_get(lh_json_get(parent, "summary"), gone[i][1]);
        if (lh_json_is_string(before)) lh_json_set(arena, summary, gone[i][0], lh_json_copy(arena, before));
    }
    replace_number(summary, "total-data-files", totals.data_files, arena);
    replace_number(summary, "total-records", totals.records, arena);
    replace_number(summary, "total-files-size", totals.bytes, arena);
    static const char *const none[] = {"total-delete-files", "total-position-deletes", "total-equality-deletes"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) replace_number(summary, none[i], 0, arena);
    return lh_arena_check(arena, err);
}

lh_code replace_all(lh_catalog *catalog, const lh_json *metadata, lh_json *snapshot, lh_arena *arena, lh_str *ret_old,
                    lh_str *ret_new, lh_error *err) {
    lh_str list = lh_json_get_string(snapshot, "manifest-list"), folder, old_key;
    lh_uuid uuid = lh_uuid_new();
    LH_TRY(lh_bucket_key_of(catalog->bucket, list, arena, &old_key, err));
    LH_TRY(lh_bucket_key_of(catalog->bucket, lh_json_get_string(metadata, "location"), arena, &folder, err));
    lh_str key = lh_arena_printf(arena, "%.*s/metadata/snap-%" PRId64 "-0-%s.avro", LH_STR_ARG(folder),
                                 lh_json_int(lh_json_get(snapshot, "snapshot-id"), 0), uuid.text);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(replace_list(catalog, snapshot, list, key, arena, err));
    *ret_new = key;
    *ret_old = old_key;
    lh_json_set_string(arena, snapshot, "manifest-list", lh_bucket_location(catalog->bucket, key, arena));
    return replace_summary(catalog, metadata, snapshot, arena, err);
}
