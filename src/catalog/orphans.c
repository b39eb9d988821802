/* Files in a table's folder that nothing names: what crashes, failed commits and broken-off writers left. Named is what any
 * snapshot names, the metadata now and in its log, statistics. What is kept beside the table (lh_table_beside()) has an owner who
 * knows what of it is needed. A file younger than the grace time is never an orphan: a
 * writer may be about to commit it.
 *
 * A writer may be slower than the grace time, so what is named is asked after the files are listed, and again before each batch
 * that is deleted. Meanwhile commits to the table are shut out, those of other processes too, as far as the catalog lies on a
 * local disk (table_sweep.c); the caller keeps out our own engine's statements by its lock. A commit that comes after its
 * files are gone is refused, because it syncs them. On S3 there is neither: there a foreign writer that is slower than the
 * grace time must not be. */
#include "catalog/catalog_internal.h"

enum { ORPHANS_SHOWN = 1000, ORPHANS_BATCH = 100, ORPHANS_WAIT_MS = 2000 };

struct lh_orphans {
    lh_catalog *catalog;
    lh_arena *arena;
    lh_table_name name;
    lh_orphan_options options;
    lh_str uuid;             /* of the table */
    lh_str beside;           /* what starts so is others' to keep */
    lh_object_entry *listed; /* older than the grace time */
    size_t count, room, at;  /* at: of the first one that is not decided */
    file_set named;
    uint64_t version; /* of the table's document whose metadata is in `named` */
    lh_str *gone;     /* keys, the first of them */
    uint64_t files, bytes;
};

static lh_code orphans_name_metadata(lh_orphans *o, const catalog_table *table, const lh_json *metadata,
                                     lh_error *err) {
    LH_TRY(file_set_add_snapshots(&o->named, metadata, NULL, false, err));
    LH_TRY(metadata_each_file(metadata, true, file_set_add, &o->named, err));
    lh_str own = lh_bucket_location(o->catalog->bucket, table->metadata_key, o->arena);
    return file_set_add(&o->named, (manifest_file){own, -1}, err);
}

/* ---- what is old ---- */

static lh_code orphans_push(lh_orphans *o, const lh_object_entry *entry, lh_error *err) {
    if (o->count == o->room) {
        size_t room = o->room ? o->room * 2 : 256;
        lh_object_entry *grown = LH_ARENA_ARRAY(o->arena, lh_object_entry, room);
        if (!grown) return lh_arena_check(o->arena, err);
        if (o->count) memcpy(grown, o->listed, o->count * sizeof *grown);
        o->listed = grown;
        o->room = room;
    }
    o->listed[o->count++] = *entry;
    return LH_OK;
}

static bool orphans_is_old(const lh_orphans *o, const lh_object_entry *entry) {
    return entry->modified_ms < o->options.older_than_ms && !lh_str_starts(entry->key, o->beside);
}

static lh_code orphans_list_folder(lh_orphans *o, lh_str folder, lh_error *err) {
    lh_object_page page = {.more = true};
    for (lh_str after = LH_STR_NONE; page.more;) {
        LH_TRY(lh_bucket_list(o->catalog->bucket, folder, after, LH_LIMIT_LIST_PAGE, o->arena, &page, err));
        for (size_t i = 0; i < page.count; i++)
            if (orphans_is_old(o, &page.entries[i])) LH_TRY(orphans_push(o, &page.entries[i], err));
        if (page.count == 0) break;
        after = page.entries[page.count - 1].key;
    }
    return LH_OK;
}

/* The table by now. Errors: CONFLICT (another one has its name), INVALID (its files may not be deleted). */
static lh_code orphans_table(lh_orphans *o, catalog_table *ret, lh_json **ret_metadata, lh_str *ret_folder,
                             lh_error *err) {
    LH_TRY(catalog_table_find(o->catalog, o->name, o->arena, ret, err));
    LH_TRY(catalog_metadata_load(o->catalog, ret->metadata_key, o->arena, ret_metadata, err));
    LH_TRY(catalog_table_folder(o->catalog, *ret_metadata, o->arena, ret_folder, err));
    if (!ret->owns_folder)
        return lh_fail(err, LH_INVALID,
                       "the table lies in a folder that its creator chose: what else is there may not be its own");
    lh_str uuid = lh_json_get_string(*ret_metadata, "table-uuid");
    if (o->uuid.len && !lh_str_eq(o->uuid, uuid))
        return lh_fail(err, LH_CONFLICT, "the table was replaced by another one meanwhile: try again");
    o->uuid = uuid;
    return LH_OK;
}

lh_code lh_table_list_orphans(lh_catalog *catalog, lh_table_name name, const lh_orphan_options *options,
                              lh_arena *arena, lh_orphans **ret, lh_error *err) {
    lh_orphans *o = lh_arena_alloc(arena, sizeof *o);
    catalog_table table;
    lh_json *metadata = NULL;
    lh_str folder;
    if (!o) return lh_arena_check(arena, err);
    *o = (lh_orphans){.catalog = catalog, .arena = arena, .name = name, .options = *options};
    o->named = (file_set){.catalog = catalog, .arena = arena};
    o->version = LH_VERSION_ABSENT;
    o->gone = LH_ARENA_ARRAY(arena, lh_str, ORPHANS_SHOWN);
    LH_TRY(orphans_table(o, &table, &metadata, &folder, err));
    o->beside = lh_arena_printf(arena, "%.*s" LH_TABLE_BESIDE, LH_STR_ARG(folder));
    LH_TRY(orphans_list_folder(o, folder, err));
    for (lh_json_iter it = lh_json_each(table.former); lh_json_next(&it);)
        LH_TRY(orphans_list_folder(o, lh_json_str(it.value, LH_STR_NONE), err));
    *ret = o;
    return lh_arena_check(arena, err);
}

/* ---- what of it goes ---- */

/* Adds what the table names by now; what it named before stays named. */
static lh_code orphans_refresh(lh_orphans *o, lh_error *err) {
    catalog_table table;
    lh_json *metadata = NULL;
    lh_str folder;
    LH_TRY(lh_metastore_refresh(o->catalog->metastore, err));
    LH_TRY(catalog_table_find(o->catalog, o->name, o->arena, &table, err));
    if (table.version == o->version) return LH_OK;
    LH_TRY(orphans_table(o, &table, &metadata, &folder, err));
    LH_TRY(orphans_name_metadata(o, &table, metadata, err));
    o->version = table.version;
    return LH_OK;
}

lh_code lh_table_remove_orphans(lh_orphans *o, bool *ret_more, lh_error *err) {
    LH_CLEANUP(lh_bucket_unlock) lh_bucket_lock lock = {0};
    if (!o->options.dry_run)
        LH_TRY(lh_bucket_lock_exclusive(o->catalog->bucket, catalog_table_key(o->name, o->arena), ORPHANS_WAIT_MS,
                                        &lock, err));
    LH_TRY(orphans_refresh(o, err));
    for (int taken = 0; o->at < o->count && taken < ORPHANS_BATCH; o->at++) {
        const lh_object_entry *entry = &o->listed[o->at];
        if (file_set_has(&o->named, entry->key)) continue;
        if (!o->options.dry_run) LH_TRY(lh_bucket_delete(o->catalog->bucket, entry->key, LH_STR_NONE, err));
        if (o->files < ORPHANS_SHOWN) o->gone[o->files] = entry->key;
        o->files++;
        o->bytes += entry->size_bytes;
        taken++;
    }
    *ret_more = o->at < o->count;
    return LH_OK;
}

lh_code lh_orphans_tell(const lh_orphans *o, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *answer = lh_json_new_object(arena), *files = lh_json_new_array(arena);
    for (uint64_t i = 0; i < o->files && i < ORPHANS_SHOWN; i++)
        lh_json_append(files, lh_json_new_string(arena, o->gone[i]));
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(o->name, arena));
    lh_json_set_bool(arena, answer, "dry_run", o->options.dry_run);
    lh_json_set_uint(arena, answer, "orphan_files", o->files);
    lh_json_set_uint(arena, answer, "orphan_bytes", o->bytes);
    lh_json_set(arena, answer, "files", files);
    *ret = answer;
    return lh_arena_check(arena, err);
}

/* ---- what is beside ---- */

lh_code lh_table_beside(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *work = NULL;
    catalog_table table;
    lh_json *metadata = NULL;
    lh_str folder;
    LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_METADATA_BYTES, &work, err));
    LH_TRY(catalog_table_read(catalog, name, work, &table, &metadata, err));
    if (!table.owns_folder)
        return lh_fail(err, LH_INVALID, "the table lies in a folder that its creator chose: nothing is kept beside it");
    LH_TRY(lh_bucket_key_of(catalog->bucket, lh_json_get_string(metadata, "location"), work, &folder, err));
    *ret = lh_arena_printf(arena, "%.*s/" LH_TABLE_BESIDE, LH_STR_ARG(folder));
    return lh_arena_check(arena, err);
}
