/* A set of the bucket's keys, as manifests name them: what a table still needs, and what it does not need any more.
 * Open addressing; a slot without a key is free. */
#include "catalog/catalog_internal.h"

static struct file_set_item *file_set_slot(const file_set *set, lh_str key) {
    size_t at = (size_t)lh_hash_fast(key) & (set->room - 1);
    while (set->slots[at].key.len && !lh_str_eq(set->slots[at].key, key)) at = (at + 1) & (set->room - 1);
    return &set->slots[at];
}

static lh_code file_set_grow(file_set *set, lh_error *err) {
    file_set old = *set;
    set->room = old.room ? old.room * 2 : 1024;
    set->slots = LH_ARENA_ARRAY(set->arena, struct file_set_item, set->room);
    if (!set->slots) {
        *set = old;
        return lh_arena_check(set->arena, err);
    }
    memset(set->slots, 0, set->room * sizeof *set->slots);
    for (size_t i = 0; i < old.room; i++)
        if (old.slots[i].key.len) *file_set_slot(set, old.slots[i].key) = old.slots[i];
    return LH_OK;
}

lh_code file_set_add(void *ctx, manifest_file file, lh_error *err) {
    file_set *set = ctx;
    lh_str key;
    lh_code code = lh_bucket_key_of(set->catalog->bucket, file.location, set->arena, &key, err);
    if (code == LH_DENIED || code == LH_INVALID) return LH_OK; /* a stranger's file */
    if (code != LH_OK) return code;
    if (2 * (set->count + 1) > set->room) LH_TRY(file_set_grow(set, err));
    struct file_set_item *slot = file_set_slot(set, key);
    if (slot->key.len == 0) {
        *slot = (struct file_set_item){lh_arena_dup(set->arena, key), -1};
        set->count++;
    }
    if (file.size_bytes >= 0) slot->size_bytes = file.size_bytes;
    return lh_arena_check(set->arena, err);
}

bool file_set_has(const file_set *set, lh_str key) { return set->room && file_set_slot(set, key)->key.len != 0; }

lh_code metadata_each_file(const lh_json *metadata, bool log, manifest_fn each, void *ctx, lh_error *err) {
    static const char *const lists[][2] = {{"statistics", "statistics-path"},
                                           {"partition-statistics", "statistics-path"},
                                           {"metadata-log", "metadata-file"}};
    size_t count = sizeof lists / sizeof *lists - !log;
    for (size_t i = 0; i < count; i++)
        for (lh_json_iter it = lh_json_each(lh_json_get(metadata, lists[i][0])); lh_json_next(&it);) {
            int64_t bytes = lh_json_int(lh_json_get(it.value, "file-size-in-bytes"), -1);
            LH_TRY(each(ctx, (manifest_file){lh_json_get_string(it.value, lists[i][1]), bytes}, err));
        }
    return LH_OK;
}

static bool file_set_wants(const lh_json *only, int64_t id) {
    for (lh_json_iter it = lh_json_each(only); lh_json_next(&it);)
        if (lh_json_int(it.value, -1) == id) return true;
    return only == NULL;
}

lh_code file_set_add_snapshots(file_set *set, const lh_json *metadata, const lh_json *only, bool gone, lh_error *err) {
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "snapshots")); lh_json_next(&it);) {
        if (!file_set_wants(only, lh_json_int(lh_json_get(it.value, "snapshot-id"), -1))) continue;
        lh_error why = {0};
        lh_code code =
            manifest_walk(set->catalog->bucket, it.value, gone ? MANIFEST_ALL : MANIFEST_LIVE, file_set_add, set, &why);
        if (code == LH_NOT_FOUND && gone) continue;
        if (code == LH_NOT_FOUND)
            return lh_fail(err, LH_CORRUPT, "a file of snapshot %" PRId64 " is missing: %s",
                           lh_json_int(lh_json_get(it.value, "snapshot-id"), -1), why.message);
        if (code != LH_OK) return lh_fail(err, code, "%s", why.message);
    }
    return LH_OK;
}

lh_code catalog_table_folder(lh_catalog *catalog, const lh_json *metadata, lh_arena *arena, lh_str *ret,
                             lh_error *err) {
    lh_str enabled = lh_json_get_string(lh_json_get(metadata, "properties"), "gc.enabled"), folder;
    if (lh_str_eq_nocase(enabled, LH_STR("false")))
        return lh_fail(err, LH_INVALID, "the table's property gc.enabled is false: its files may not be deleted");
    LH_TRY(lh_bucket_key_of(catalog->bucket, lh_json_get_string(metadata, "location"), arena, &folder, err));
    *ret = lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder));
    return lh_arena_check(arena, err);
}
