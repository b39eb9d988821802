/* What a statement of our own engine left behind when it failed: data files that no snapshot names. Without this a full
 * disk stays full. Only files that look like the engine's (named by a UUID of version 7, whose first 48 bits are the
 * time in milliseconds, or a deletion file), written since the statement began, and only when the table stands where
 * it stood before, so that nobody else's commit can name them. Commits to the table are shut out meanwhile, those of
 * other processes too: each commit shares the table's lock from before it syncs its files until it is done. A foreign DuckDB that writes
 * at the same moment may lose a file that it has not committed; its commit is then refused, because it syncs its files.
 *
 * A table that is created with its rows has a folder before it exists: the last of these are remembered here. */
#include "catalog/catalog_internal.h"

#include <stdlib.h>

enum { SWEEP_STAGED = 64, SWEEP_WAIT_MS = 2000 };

typedef struct staged_folder {
    lh_str table, folder; /* owned: the table's key; the folder's key with its '/' */
} staged_folder;

struct staged_folders {
    pthread_mutex_t lock;
    staged_folder items[SWEEP_STAGED];
    size_t next;
};

lh_code staged_folders_new(staged_folders **ret, lh_error *err) {
    staged_folders *staged = calloc(1, sizeof *staged);
    if (!staged) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    pthread_mutex_init(&staged->lock, NULL);
    *ret = staged;
    return LH_OK;
}

static void staged_folder_clear(staged_folder *item) {
    lh_str_free(item->table);
    lh_str_free(item->folder);
    *item = (staged_folder){0};
}

void staged_folders_free(staged_folders *staged) {
    if (!staged) return;
    for (size_t i = 0; i < SWEEP_STAGED; i++) staged_folder_clear(&staged->items[i]);
    pthread_mutex_destroy(&staged->lock);
    free(staged);
}

void staged_folders_add(staged_folders *staged, lh_str table, lh_str folder) {
    pthread_mutex_lock(&staged->lock);
    staged_folder *item = &staged->items[staged->next++ % SWEEP_STAGED];
    staged_folder_clear(item);
    if (lh_str_dup(table, &item->table) != LH_OK || lh_str_dup(folder, &item->folder) != LH_OK)
        staged_folder_clear(item); /* forgotten: maintenance finds it */
    pthread_mutex_unlock(&staged->lock);
}

/* The newest folder staged for this table; it is forgotten. Arena. */
static lh_str staged_folders_take(staged_folders *staged, lh_str table, lh_arena *arena) {
    lh_str found = LH_STR_NONE;
    pthread_mutex_lock(&staged->lock);
    for (size_t i = 1; i <= SWEEP_STAGED && !found.len; i++) {
        staged_folder *item = &staged->items[(staged->next - i) % SWEEP_STAGED];
        if (item->table.len == 0 || !lh_str_eq(item->table, table)) continue;
        found = lh_arena_dup(arena, item->folder);
        staged_folder_clear(item);
    }
    pthread_mutex_unlock(&staged->lock);
    return found;
}

static bool sweep_is_engines(lh_str key) {
    lh_str name = lh_str_sub(key, lh_str_after_last(key, '/'), SIZE_MAX);
    bool seven = name.len == 36 + 8 && name.ptr[14] == '7' && lh_str_ends(name, LH_STR(".parquet"));
    return seven || (name.len == 36 + 16 && lh_str_ends(name, LH_STR("-deletes.parquet")));
}

static lh_code sweep_folder(lh_catalog *catalog, lh_str folder, int64_t since_ms, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (!lh_bucket_is_local(catalog->bucket, folder)) return LH_OK; /* only a disk runs full */
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    lh_object_page page = {.more = true};
    for (lh_str after = LH_STR_NONE; page.more;) {
        LH_TRY(lh_bucket_list(catalog->bucket, folder, after, LH_LIMIT_LIST_PAGE, arena, &page, err));
        for (size_t i = 0; i < page.count; i++) {
            const lh_object_entry *entry = &page.entries[i];
            if (entry->modified_ms >= since_ms && sweep_is_engines(entry->key))
                LH_TRY(lh_bucket_delete(catalog->bucket, entry->key, LH_STR_NONE, err));
            after = entry->key;
        }
        if (page.count == 0) break;
    }
    return LH_OK;
}

lh_code lh_table_sweep(lh_catalog *catalog, lh_table_name name, int64_t snapshot_before, int64_t since_ms,
                       lh_error *err) {
    if (!lh_bucket_is_local(catalog->bucket, LH_STR("_catalog"))) return LH_OK; /* there are no locks then */
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_bucket_unlock) lh_bucket_lock lock = {0};
    LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_JSON_BYTES, &arena, err));
    LH_TRY(lh_bucket_lock_exclusive(catalog->bucket, catalog_table_key(name, arena), SWEEP_WAIT_MS, &lock, err));
    LH_TRY(lh_metastore_refresh(catalog->metastore, err)); /* what stands is now known, and stays */
    catalog_table table;
    lh_json *metadata = NULL;
    lh_str folder;
    lh_code found = catalog_table_find(catalog, name, arena, &table, err);
    if (found == LH_NOT_FOUND) {
        folder = staged_folders_take(catalog->staged, catalog_table_key(name, arena), arena);
        if (folder.len == 0) return LH_OK;
        LH_TRY(sweep_folder(catalog, folder, since_ms, err));
        dropped_release(catalog, lh_str_sub(folder, 0, folder.len - 1), arena);
        return LH_OK;
    }
    if (found != LH_OK || table.snapshot_id != snapshot_before) return found;
    LH_TRY(catalog_metadata_load(catalog, table.metadata_key, arena, &metadata, err));
    LH_TRY(lh_bucket_key_of(catalog->bucket, lh_json_get_string(metadata, "location"), arena, &folder, err));
    return sweep_folder(catalog, lh_arena_printf(arena, "%.*s/data/", LH_STR_ARG(folder)), since_ms, err);
}
