/* Files in a table's folder that nothing names: what crashes, failed commits and broken-off writers left. Named is what any
 * snapshot names, the metadata now and in its log, statistics. A file younger than the grace time is never an orphan: a
 * writer may be about to commit it. So the metadata is loaded after the listing's time is taken, and a file that is
 * older than the grace and not named by then cannot be named later, except by a writer slower than the grace. */
#include "catalog/catalog_internal.h"

enum { ORPHANS_ARENA_BYTES = 1 << 30, ORPHANS_SHOWN = 1000 };

typedef struct orphans {
    lh_catalog *catalog;
    lh_arena *arena; /* of the work */
    const lh_orphan_options *options;
    file_set named;
    lh_json *shown;
    uint64_t files, bytes;
} orphans;

static lh_code orphans_name_metadata(orphans *o, const catalog_table *table, const lh_json *metadata, lh_error *err) {
    static const char *const lists[][2] = {{"metadata-log", "metadata-file"},
                                           {"statistics", "statistics-path"},
                                           {"partition-statistics", "statistics-path"}};
    LH_TRY(file_set_add_snapshots(&o->named, metadata, NULL, false, err));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (lh_json_iter it = lh_json_each(lh_json_get(metadata, lists[i][0])); lh_json_next(&it);)
            LH_TRY(file_set_add(&o->named, (manifest_file){lh_json_get_string(it.value, lists[i][1]), -1}, err));
    lh_str own = lh_bucket_location(o->catalog->bucket, table->metadata_key, o->arena);
    return file_set_add(&o->named, (manifest_file){own, -1}, err);
}

static lh_code orphans_take(orphans *o, const lh_object_entry *entry, lh_arena *arena, lh_error *err) {
    if (entry->modified_ms >= o->options->older_than_ms || file_set_has(&o->named, entry->key)) return LH_OK;
    o->files++;
    o->bytes += entry->size_bytes;
    if (lh_json_size(o->shown) < ORPHANS_SHOWN) lh_json_append(o->shown, lh_json_new_string(arena, entry->key));
    return o->options->dry_run ? LH_OK : lh_bucket_delete(o->catalog->bucket, entry->key, LH_STR_NONE, err);
}

static lh_code orphans_folder(orphans *o, lh_str folder, lh_arena *arena, lh_error *err) {
    lh_object_page page = {.more = true};
    for (lh_str after = LH_STR_NONE; page.more;) {
        LH_TRY(lh_bucket_list(o->catalog->bucket, folder, after, LH_LIMIT_LIST_PAGE, o->arena, &page, err));
        for (size_t i = 0; i < page.count; i++) LH_TRY(orphans_take(o, &page.entries[i], arena, err));
        if (page.count == 0) break;
        after = page.entries[page.count - 1].key;
    }
    return LH_OK;
}

lh_code lh_table_remove_orphans(lh_catalog *catalog, lh_table_name name, const lh_orphan_options *options,
                                lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *work = NULL;
    LH_TRY(lh_arena_new(ORPHANS_ARENA_BYTES, &work, err));
    orphans o = {.catalog = catalog, .arena = work, .options = options, .shown = lh_json_new_array(arena)};
    o.named = (file_set){.catalog = catalog, .arena = work};
    catalog_table table;
    lh_json *metadata = NULL;
    lh_str folder;
    LH_TRY(catalog_table_find(catalog, name, work, &table, err));
    LH_TRY(catalog_metadata_load(catalog, table.metadata_key, work, &metadata, err));
    LH_TRY(catalog_table_folder(catalog, metadata, work, &folder, err));
    if (!table.owns_folder)
        return lh_fail(err, LH_INVALID,
                       "the table lies in a folder that its creator chose: what else is there may not be its own");
    LH_TRY(orphans_name_metadata(&o, &table, metadata, err));
    LH_TRY(orphans_folder(&o, folder, arena, err));
    for (lh_json_iter it = lh_json_each(table.former); lh_json_next(&it);)
        LH_TRY(orphans_folder(&o, lh_json_str(it.value, LH_STR_NONE), arena, err));
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(name, arena));
    lh_json_set_bool(arena, answer, "dry_run", options->dry_run);
    lh_json_set_uint(arena, answer, "orphan_files", o.files);
    lh_json_set_uint(arena, answer, "orphan_bytes", o.bytes);
    lh_json_set(arena, answer, "files", o.shown);
    *ret = answer;
    return lh_arena_check(arena, err);
}
