/* Dropping a table, and purging its files after the drop is durable.
 *
 * A folder that we made for the table is emptied. Of any other folder only those files go that the table's metadata names
 * and that lie in the folder: metadata of strangers may name anything, also other tables' files. What a crash
 * leaves behind is named by nothing. */
#include "catalog/catalog_internal.h"
#include "catalog/dataset_internal.h"

enum { DROP_TRIES = 30, DROP_PURGE_ARENA_BYTES = 512 << 20 };

/* Keys to delete, collected before anything is: snapshots share manifests. Arena. */
typedef struct table_purge {
    lh_catalog *catalog;
    lh_arena *arena;
    lh_str folder; /* with its '/' */
    lh_str *keys;
    size_t count, room;
} table_purge;

static lh_code table_purge_add(void *ctx, lh_str location, lh_error *err) {
    table_purge *purge = ctx;
    lh_str key;
    lh_code code = lh_bucket_key_of(purge->catalog->bucket, location, purge->arena, &key, err);
    if (code == LH_DENIED || code == LH_INVALID || (code == LH_OK && !lh_str_starts(key, purge->folder))) return LH_OK;
    if (code != LH_OK) return code;
    if (purge->count == purge->room) {
        size_t room = purge->room ? purge->room * 2 : 256;
        lh_str *grown = LH_ARENA_ARRAY(purge->arena, lh_str, room);
        if (!grown) return lh_arena_check(purge->arena, err);
        if (purge->count) memcpy(grown, purge->keys, purge->count * sizeof *grown);
        purge->keys = grown;
        purge->room = room;
    }
    purge->keys[purge->count++] = lh_arena_dup(purge->arena, key);
    return lh_arena_check(purge->arena, err);
}

/* Everything under the table's own folder. */
static lh_code table_purge_folder(lh_catalog *catalog, lh_str folder, lh_error *err) {
    for (bool more = true; more;) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(16 << 20, &arena, err));
        lh_object_page page;
        LH_TRY(lh_bucket_list(catalog->bucket, folder, LH_STR_NONE, LH_LIMIT_LIST_PAGE, arena, &page, err));
        for (size_t i = 0; i < page.count; i++)
            LH_TRY(lh_bucket_delete(catalog->bucket, page.entries[i].key, LH_STR_NONE, err));
        more = page.more;
    }
    return LH_OK;
}

/* What the metadata names: files of each snapshot, statistics, older metadata. */
static lh_code table_purge_collect(table_purge *purge, const lh_json *metadata, lh_error *err) {
    static const char *const lists[][2] = {{"metadata-log", "metadata-file"},
                                           {"statistics", "statistics-path"},
                                           {"partition-statistics", "statistics-path"}};
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "snapshots")); lh_json_next(&it);) {
        lh_code code = manifest_walk(purge->catalog->bucket, it.value, MANIFEST_ALL, table_purge_add, purge, err);
        if (code != LH_OK && code != LH_NOT_FOUND) return code; /* an expired snapshot's files may be gone already */
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (lh_json_iter it = lh_json_each(lh_json_get(metadata, lists[i][0])); lh_json_next(&it);)
            LH_TRY(table_purge_add(purge, lh_json_get_string(it.value, lists[i][1]), err));
    return LH_OK;
}

static lh_code table_purge_files(lh_catalog *catalog, const catalog_table *table, const lh_json *metadata,
                                 lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(DROP_PURGE_ARENA_BYTES, &arena, err));
    lh_str folder;
    LH_TRY(lh_bucket_key_of(catalog->bucket, lh_json_get_string(metadata, "location"), arena, &folder, err));
    folder = lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder));
    if (table->owns_folder) return table_purge_folder(catalog, folder, err);
    table_purge purge = {.catalog = catalog, .arena = arena, .folder = folder};
    LH_TRY(table_purge_collect(&purge, metadata, err));
    for (size_t i = 0; i < purge.count; i++) LH_TRY(lh_bucket_delete(catalog->bucket, purge.keys[i], LH_STR_NONE, err));
    return lh_bucket_delete(catalog->bucket, table->metadata_key, LH_STR_NONE, err);
}

static lh_code table_try_drop(lh_catalog *catalog, const catalog_table *table, lh_arena *arena, lh_error *err) {
    lh_change *extra = NULL;
    size_t extra_count = 0;
    LH_TRY(dataset_drop_changes(catalog, table->name, arena, &extra, &extra_count, err));
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, extra_count + 1);
    if (!changes) return lh_arena_check(arena, err);
    changes[0] = (lh_change){.key = catalog_table_key(table->name, arena), .expected = table->version};
    if (extra_count) memcpy(changes + 1, extra, extra_count * sizeof *extra);
    LH_TRY(lh_arena_check(arena, err));
    return lh_metastore_commit(catalog->metastore, changes, extra_count + 1, NULL, err);
}

lh_code lh_table_drop(lh_catalog *catalog, lh_table_name name, bool purge, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_JSON_BYTES, &arena, err));
        catalog_table table;
        lh_json *metadata = NULL;
        lh_error why = {0};
        LH_TRY(catalog_table_find(catalog, name, arena, &table, err));
        if (purge) LH_TRY(catalog_metadata_load(catalog, table.metadata_key, arena, &metadata, err));
        lh_code code = table_try_drop(catalog, &table, arena, err);
        if (code == LH_CONFLICT && tries < DROP_TRIES) continue;
        if (code != LH_OK || !purge) return code;
        code = table_purge_files(catalog, &table, metadata, &why);
        if (code == LH_OK) return LH_OK;
        return lh_fail(err, LH_IO, "the table is dropped, but not all of its files are deleted: %s", why.message);
    }
}
