/* Folders of tables that were dropped, and of moves under way; the removal of their files.
 *
 * A drop leaves a document "dropped/<folder>" in its commit, when the folder was made by us for the table alone; a purge deletes the
 * files and then the document, so that a crash in between is found. Without purge the table can be registered again, which
 * takes the document away in the same commit. Removal marks the document before the first file goes; from then on the table
 * cannot be registered. The document goes last, so a removal that was broken off is done again.
 *
 * A move, and a table that is created with its rows, write such a document before the first file, and their commit takes it
 * away. So what they leave that broke off is removed like a dropped table's files, and what is slower than the grace time is
 * refused its commit. */
#include "catalog/catalog_internal.h"

enum { DROPPED_SHOWN = 1000, DROPPED_PROBLEMS = 100, DROPPED_ARENA_BYTES = 256 << 20 };
#define DROPPED_PREFIX "dropped/"

static lh_str dropped_key(lh_str folder, lh_arena *arena) {
    return lh_arena_printf(arena, DROPPED_PREFIX "%.*s", LH_STR_ARG(folder));
}

lh_code dropped_change(const catalog_table *table, lh_str folder, lh_arena *arena, lh_change *ret, lh_error *err) {
    lh_json *document = lh_json_new_object(arena);
    lh_json_set_int(arena, document, "schema_version", 1);
    lh_json_set_string(arena, document, "table", lh_table_name_text(table->name, arena));
    lh_json_set_string(arena, document, "folder", folder);
    lh_json_set_string(arena, document, "metadata_key", table->metadata_key);
    lh_json_set_int(arena, document, "dropped_at_ms", lh_time_now_ms());
    if (table->former) lh_json_set(arena, document, "former", lh_json_copy(arena, table->former));
    *ret = (lh_change){.key = dropped_key(folder, arena), .expected = LH_VERSION_ANY};
    return lh_json_write(arena, document, false, &ret->text, err);
}

lh_code dropped_forget(lh_catalog *catalog, lh_str folder, lh_arena *arena, lh_error *err) {
    const lh_change gone = {.key = dropped_key(folder, arena), .expected = LH_VERSION_ANY};
    LH_TRY(lh_arena_check(arena, err));
    return lh_metastore_commit(catalog->metastore, &gone, 1, NULL, err);
}

lh_code dropped_return(lh_catalog *catalog, lh_str folder, lh_arena *arena, lh_change *ret, bool *ret_found,
                       lh_error *err) {
    lh_str text;
    lh_json *document = NULL;
    uint64_t version;
    lh_str key = dropped_key(folder, arena);
    lh_code code = lh_metastore_get(catalog->metastore, key, arena, &text, &version, err);
    *ret_found = code == LH_OK;
    if (code == LH_NOT_FOUND) return LH_OK;
    if (code != LH_OK) return code;
    LH_TRY(lh_json_parse(arena, text, &document, err));
    if (lh_json_bool(lh_json_get(document, "removing"), false))
        return lh_fail(err, LH_CONFLICT, "the files of the dropped table in '%.*s' are being removed",
                       LH_STR_ARG(folder));
    *ret = (lh_change){.key = key, .expected = version};
    return LH_OK;
}

/* ---- the folder of what is not committed yet ---- */

lh_code dropped_reserve(lh_catalog *catalog, lh_table_name name, lh_str folder, lh_arena *arena, lh_error *err) {
    lh_change reserved;
    LH_TRY(dropped_change(&(catalog_table){.name = name}, folder, arena, &reserved, err));
    LH_TRY(lh_arena_check(arena, err));
    return lh_metastore_commit(catalog->metastore, &reserved, 1, NULL, err);
}

lh_code lh_table_reserve_location(lh_catalog *catalog, lh_table_name name, lh_str bucket, lh_arena *arena, lh_str *ret,
                                  lh_error *err) {
    lh_str folder;
    LH_TRY(lh_table_new_location(catalog, name, bucket, arena, ret, err));
    LH_TRY(lh_bucket_key_of(catalog->bucket, *ret, arena, &folder, err));
    return dropped_reserve(catalog, name, folder, arena, err);
}

void dropped_release(lh_catalog *catalog, lh_str folder, lh_arena *arena) {
    lh_object_page page;
    lh_str prefix = lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder));
    lh_code code = lh_bucket_list(catalog->bucket, prefix, LH_STR_NONE, 1, arena, &page, NULL);
    if (code == LH_OK && page.count == 0) code = dropped_forget(catalog, folder, arena, NULL);
    (void)code; /* what is not forgotten now is removed as if it were a dropped table */
}

void lh_table_release_location(lh_catalog *catalog, lh_str location) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str folder;
    if (lh_arena_new(1 << 20, &arena, NULL) == LH_OK &&
        lh_bucket_key_of(catalog->bucket, location, arena, &folder, NULL) == LH_OK)
        dropped_release(catalog, folder, arena);
}

/* ---- removal ---- */

typedef struct dropped_removal {
    lh_catalog *catalog;
    const lh_orphan_options *options;
    lh_json *tables, *problems; /* of the answer's arena */
    uint64_t files, bytes;
} dropped_removal;

/* Counts the folder's files, and deletes them. */
static lh_code dropped_files(dropped_removal *r, lh_str folder, uint64_t *ret_files, uint64_t *ret_bytes,
                             lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(DROPPED_ARENA_BYTES, &arena, err));
    lh_object_page page = {.more = true};
    lh_str prefix = lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder));
    for (lh_str after = LH_STR_NONE; page.more;) {
        LH_TRY(lh_bucket_list(r->catalog->bucket, prefix, after, LH_LIMIT_LIST_PAGE, arena, &page, err));
        for (size_t i = 0; i < page.count; i++) {
            ++*ret_files;
            *ret_bytes += page.entries[i].size_bytes;
            after = page.entries[i].key;
            if (!r->options->dry_run) LH_TRY(lh_bucket_delete(r->catalog->bucket, after, LH_STR_NONE, err));
        }
        if (page.count == 0) break;
    }
    return LH_OK;
}

/* From now on the table cannot be registered. Errors: CONFLICT (it just was). */
static lh_code dropped_mark(dropped_removal *r, const lh_document *document, lh_json *told, lh_arena *arena,
                            lh_error *err) {
    lh_change change = {.key = document->key, .expected = document->version};
    lh_json_set_bool(arena, told, "removing", true);
    LH_TRY(lh_json_write(arena, told, false, &change.text, err));
    return lh_metastore_commit(r->catalog->metastore, &change, 1, NULL, err);
}

/* A former folder of the document, without its '/'. */
static lh_str dropped_former(const lh_json *former) {
    lh_str folder = lh_json_str(former, LH_STR("/"));
    return lh_str_sub(folder, 0, folder.len - 1);
}

/* Is the folder below lake/ of its bucket, and does no table lie there by now? */
static bool dropped_is_free(const dropped_removal *r, lh_str folder) {
    lh_str in_bucket;
    (void)catalog_bucket_of(r->catalog, folder, &in_bucket);
    return lh_str_starts(in_bucket, LH_STR("lake/")) &&
           table_folder_is_free(r->catalog, folder, (lh_table_name){LH_STR(""), LH_STR("")}, NULL) == LH_OK;
}

static lh_code dropped_one(dropped_removal *r, const lh_document *document, lh_arena *arena, lh_error *err) {
    lh_json *told = NULL;
    uint64_t files = 0, bytes = 0;
    LH_TRY(lh_json_parse(arena, document->text, &told, err));
    lh_str folder = lh_json_get_string(told, "folder");
    const lh_json *former = lh_json_get(told, "former");
    int64_t at_ms = lh_json_int(lh_json_get(told, "dropped_at_ms"), INT64_MAX);
    if (at_ms > r->options->older_than_ms || !dropped_is_free(r, folder)) return LH_OK;
    for (lh_json_iter it = lh_json_each(former); lh_json_next(&it);)
        if (!dropped_is_free(r, dropped_former(it.value))) return LH_OK;
    if (!r->options->dry_run) {
        lh_code code = dropped_mark(r, document, told, arena, err);
        if (code == LH_CONFLICT) return LH_OK;
        if (code != LH_OK) return code;
    }
    LH_TRY(dropped_files(r, folder, &files, &bytes, err));
    for (lh_json_iter it = lh_json_each(former); lh_json_next(&it);)
        LH_TRY(dropped_files(r, dropped_former(it.value), &files, &bytes, err));
    if (!r->options->dry_run) LH_TRY(dropped_forget(r->catalog, folder, arena, err));
    r->files += files;
    r->bytes += bytes;
    if (lh_json_size(r->tables) >= DROPPED_SHOWN) return LH_OK;
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "dataset", lh_json_get_string(told, "table"));
    lh_json_set_string(arena, item, "dropped_at", lh_str_from(lh_time_rfc3339(at_ms).text));
    lh_json_set_string(arena, item, "metadata", lh_json_get_string(told, "metadata_key"));
    lh_json_set_uint(arena, item, "files", files);
    lh_json_set_uint(arena, item, "bytes", bytes);
    lh_json_append(r->tables, item);
    return lh_arena_check(arena, err);
}

/* A bucket that does not answer, or is not there, stops no other. */
static lh_code dropped_try(dropped_removal *r, const lh_document *document, lh_arena *arena, lh_error *err) {
    lh_error failure = {0};
    lh_code code = dropped_one(r, document, arena, &failure);
    if (code == LH_OK || lh_json_size(r->problems) >= DROPPED_PROBLEMS) return LH_OK;
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "folder", lh_str_sub(document->key, sizeof DROPPED_PREFIX - 1, SIZE_MAX));
    lh_json_set_string(arena, item, "problem", lh_str_from(failure.message));
    lh_json_append(r->problems, item);
    return lh_arena_check(arena, err);
}

lh_code lh_catalog_remove_dropped(lh_catalog *catalog, const lh_orphan_options *options, lh_arena *arena, lh_json **ret,
                                  lh_error *err) {
    dropped_removal r = {.catalog = catalog,
                         .options = options,
                         .tables = lh_json_new_array(arena),
                         .problems = lh_json_new_array(arena)};
    lh_document_page page = {.more = true};
    for (lh_str after = LH_STR(DROPPED_PREFIX); page.more;) {
        LH_TRY(lh_metastore_list(catalog->metastore, LH_STR(DROPPED_PREFIX), after, LH_LIMIT_LIST_PAGE, arena, &page,
                                 err));
        for (size_t i = 0; i < page.count; i++) LH_TRY(dropped_try(&r, &page.items[i], arena, err));
        if (page.count == 0) break;
        after = page.items[page.count - 1].key;
    }
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_bool(arena, answer, "dry_run", options->dry_run);
    lh_json_set_uint(arena, answer, "files", r.files);
    lh_json_set_uint(arena, answer, "bytes", r.bytes);
    lh_json_set(arena, answer, "tables", r.tables);
    lh_json_set(arena, answer, "problems", r.problems);
    *ret = answer;
    return lh_arena_check(arena, err);
}
