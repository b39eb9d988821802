/* The namespace `system`, where the lake keeps tables of its own (the journal, the audit): what is of it, by name and by place. */
#include "catalog/catalog_internal.h"

bool lh_namespace_is_system(lh_str namespace_) {
    lh_str first = lh_str_sub(namespace_, 0, lh_str_find(namespace_, '\x1f'));
    return lh_str_eq_nocase(first, LH_STR("system"));
}

static bool system_not(void *ctx, lh_table_name name, lh_str column) {
    (void)ctx, (void)column;
    return !lh_namespace_is_system(name.namespace_);
}
const lh_dataset_seen lh_datasets_but_system = {NULL, system_not};

static lh_code system_add(lh_catalog *catalog, const char *prefix, lh_arena *arena, lh_system_folders *folders,
                          lh_error *err) {
    lh_document_page docs;
    LH_TRY(
        lh_metastore_list(catalog->metastore, lh_str_from(prefix), LH_STR_NONE, CATALOG_LIST_ALL, arena, &docs, err));
    for (size_t i = 0; i < docs.count; i++) {
        lh_json *doc = NULL;
        LH_TRY(lh_json_parse(arena, docs.items[i].text, &doc, err));
        lh_json *former = catalog_document_former(catalog, doc, arena);
        lh_str *items = LH_ARENA_ARRAY(arena, lh_str, folders->count + lh_json_size(former) + 1);
        LH_TRY(lh_arena_check(arena, err));
        if (folders->count) memcpy(items, folders->items, folders->count * sizeof *items);
        folders->items = items;
        items[folders->count++] = catalog_folder_of(catalog_document_metadata_key(catalog, doc, arena));
        for (lh_json_iter it = lh_json_each(former); lh_json_next(&it);)
            items[folders->count++] = lh_json_str(it.value, LH_STR_NONE);
    }
    return LH_OK;
}

lh_code lh_system_folders_list(lh_catalog *catalog, lh_arena *arena, lh_system_folders *ret, lh_error *err) {
    lh_system_folders folders = {.catalog = catalog};
    LH_TRY(system_add(catalog, "table/system/", arena, &folders, err));
    LH_TRY(system_add(catalog, "table/system\x1f", arena, &folders, err));
    *ret = folders;
    return LH_OK;
}

bool lh_system_folders_hold(const lh_system_folders *folders, lh_str key) {
    lh_str rest;
    (void)catalog_bucket_of(folders->catalog, key, &rest);
    bool lake = lh_str_eq(lh_str_split(&rest, '/'), LH_STR("lake"));
    bool held = lake && lh_str_eq_nocase(lh_str_split(&rest, '/'), LH_STR("system")); /* also what was dropped */
    for (size_t i = 0; i < folders->count && !held; i++) {
        lh_str folder = folders->items[i];
        if (lh_str_ends(folder, LH_STR("/"))) folder.len--;
        held = folder.len && catalog_lies_in(key, folder);
    }
    return held;
}
