/* Dropping a table, and purging its files after the drop is durable.
 *
 * A folder that we made for the table is emptied. Of any other folder only those files go that the table's metadata names
 * and that lie in the folder: metadata of strangers may name anything, also other tables' files. What a crash
 * leaves behind of a folder of ours is found by its document (dropped.c). */
#include "catalog/catalog_internal.h"
#include "catalog/dataset_internal.h"
#include "catalog/readers_internal.h"

enum { DROP_TRIES = 30, DROP_PURGE_ARENA_BYTES = 512 << 20 };

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

/* Keys are collected before anything is deleted: snapshots share manifests. */
static lh_code table_purge_files(lh_catalog *catalog, const catalog_table *table, const lh_json *metadata,
                                 lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(DROP_PURGE_ARENA_BYTES, &arena, err));
    lh_str folder;
    LH_TRY(lh_bucket_key_of(catalog->bucket, lh_json_get_string(metadata, "location"), arena, &folder, err));
    folder = lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder));
    for (lh_json_iter it = lh_json_each(table->former); lh_json_next(&it);)
        LH_TRY(table_purge_folder(catalog, lh_json_str(it.value, LH_STR_NONE), err));
    if (table->owns_folder) return table_purge_folder(catalog, folder, err);
    file_set set = {.catalog = catalog, .arena = arena};
    LH_TRY(file_set_add_snapshots(&set, metadata, NULL, true, err));
    LH_TRY(metadata_each_file(metadata, true, file_set_add, &set, err));
    for (size_t i = 0; i < set.room; i++)
        if (set.slots[i].key.len && lh_str_starts(set.slots[i].key, folder))
            LH_TRY(lh_bucket_delete(catalog->bucket, set.slots[i].key, LH_STR_NONE, err));
    return lh_bucket_delete(catalog->bucket, table->metadata_key, LH_STR_NONE, err);
}

/* The folder, when it was made for the table alone; else empty. */
static lh_str table_own_folder(const catalog_table *table) {
    return table->owns_folder ? catalog_folder_of(table->metadata_key) : LH_STR_NONE;
}

static lh_code table_try_drop(lh_catalog *catalog, const catalog_table *table, const lh_change *with, size_t with_count,
                              lh_arena *arena, lh_error *err) {
    lh_change *extra = NULL;
    size_t extra_count = 0, count = 0;
    LH_TRY(dataset_drop_changes(catalog, table->name, arena, &extra, &extra_count, err));
    lh_str folder = table_own_folder(table);
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, extra_count + with_count + 3);
    if (!changes) return lh_arena_check(arena, err);
    const readers_base base = {.name = table->name};
    changes[count++] = (lh_change){.key = catalog_table_key(table->name, arena), .expected = table->version};
    LH_TRY(readers_must_be_none(catalog, &base, "dropped", arena, &changes[count++], err));
    if (folder.len) LH_TRY(dropped_change(table, folder, arena, &changes[count++], err));
    for (size_t i = 0; i < extra_count; i++) changes[count++] = extra[i];
    for (size_t i = 0; i < with_count; i++) changes[count++] = with[i];
    LH_TRY(lh_arena_check(arena, err));
    return catalog_commit(catalog, changes, count, &(catalog_answer){0}, err);
}

static lh_code table_drop(lh_catalog *catalog, lh_table_name name, bool purge, int tries_max, const lh_change *with,
                          size_t with_count, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_JSON_BYTES, &arena, err));
        catalog_table table;
        lh_json *metadata = NULL;
        lh_error why = {0};
        LH_TRY(catalog_table_find(catalog, name, arena, &table, err));
        if (purge) LH_TRY(catalog_metadata_load(catalog, table.metadata_key, arena, &metadata, err));
        lh_code code = table_try_drop(catalog, &table, with, with_count, arena, err);
        if (code == LH_CONFLICT && tries < tries_max) continue;
        if (code != LH_OK || !purge) return code;
        code = table_purge_files(catalog, &table, metadata, &why);
        lh_str own = table_own_folder(&table);
        if (code == LH_OK) return own.len ? dropped_forget(catalog, own, arena, err) : LH_OK;
        return lh_fail(err, LH_IO, "the table is dropped, but not all of its files are deleted: %s", why.message);
    }
}

lh_code lh_table_drop(lh_catalog *catalog, lh_table_name name, bool purge, lh_error *err) {
    return table_drop(catalog, name, purge, DROP_TRIES, NULL, 0, err);
}

lh_code lh_table_drop_with(lh_catalog *catalog, lh_table_name name, const lh_change *changes, size_t count,
                           lh_error *err) {
    return table_drop(catalog, name, true, 0, changes, count, err);
}
