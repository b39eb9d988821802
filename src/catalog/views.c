/* Views of the Iceberg REST catalog: list, load, create, register, replace, rename, drop.
 *
 * The document "view/<levels>/<name>" is {"schema_version":1,"metadata_key":"…","created_at":"…"}, and of a view of ours also
 * {"definition":{…},"base":{…}} (defined_views.c). Its metadata files are
 * written once beneath its location, as those of tables, and stay when it is replaced or dropped: a dropped view can be
 * registered again. A name belongs to a table or to a view: each commit that makes one requires that the other is absent. */
#include "catalog/view_internal.h"

enum { VIEW_TRIES = 30 };

lh_str catalog_view_key(lh_table_name name, lh_arena *arena) {
    return lh_arena_printf(arena, "view/%.*s/%.*s", LH_STR_ARG(name.namespace_), LH_STR_ARG(name.name));
}

lh_code view_find_document(lh_catalog *catalog, lh_table_name name, lh_arena *arena, catalog_view *ret, lh_error *err) {
    lh_str text;
    lh_json *doc = NULL;
    catalog_view view = {.name = name};
    lh_code code =
        lh_metastore_get(catalog->metastore, catalog_view_key(name, arena), arena, &text, &view.version, err);
    if (code == LH_NOT_FOUND)
        return lh_fail(err, LH_NOT_FOUND, "View does not exist: %.*s", LH_STR_ARG(lh_table_name_text(name, arena)));
    if (code != LH_OK) return code;
    LH_TRY(lh_json_parse(arena, text, &doc, err));
    view.metadata_key = lh_json_get_string(doc, "metadata_key");
    view.created_at = lh_json_get_string(doc, "created_at");
    view.definition = lh_json_get(doc, "definition");
    view.base = lh_json_get(doc, "base");
    *ret = view;
    return LH_OK;
}

lh_code view_document(const catalog_view *view, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *doc = lh_json_new_object(arena);
    lh_json_set_int(arena, doc, "schema_version", 1);
    lh_json_set_string(arena, doc, "metadata_key", view->metadata_key);
    lh_json_set_string(arena, doc, "created_at", view->created_at);
    if (view->definition) {
        lh_json_set(arena, doc, "definition", lh_json_copy(arena, view->definition));
        lh_json_set(arena, doc, "base", lh_json_copy(arena, view->base));
    }
    return lh_json_write(arena, doc, false, ret, err);
}

/* One that access defined is changed where it was defined, and goes by no other door. */
static lh_code view_find_own(lh_catalog *catalog, lh_table_name name, lh_arena *arena, catalog_view *ret,
                             lh_error *err) {
    catalog_view view;
    LH_TRY(view_find_document(catalog, name, arena, &view, err));
    if (view.definition)
        return lh_fail(err, LH_DENIED, "'%.*s' is a view of the lake's own: change it by /catalog/views",
                       LH_STR_ARG(lh_table_name_text(name, arena)));
    *ret = view;
    return LH_OK;
}

lh_code lh_view_exists(lh_catalog *catalog, lh_table_name name, bool *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(256 << 10, &arena, err));
    catalog_view view;
    lh_code code = view_find_document(catalog, name, arena, &view, err);
    if (code != LH_OK && code != LH_NOT_FOUND) return code;
    *ret = code == LH_OK;
    return LH_OK;
}

static lh_code view_metadata_load(lh_catalog *catalog, lh_str key, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_str text;
    lh_error why = {0};
    lh_json *metadata = NULL;
    bool cached = metadata_cache_get(catalog->cache, key, arena, &text);
    if (!cached) {
        lh_code code = lh_bucket_get(catalog->bucket, key, LH_LIMIT_METADATA_BYTES, arena, &text, NULL, err);
        if (code == LH_NOT_FOUND)
            return lh_fail(err, LH_CORRUPT, "the metadata file '%.*s' is missing", LH_STR_ARG(key));
        if (code != LH_OK) return code;
    }
    lh_code code = lh_json_parse(arena, text, &metadata, &why);
    if (code == LH_OK) code = view_metadata_check(arena, metadata, &why);
    if (code == LH_INVALID)
        return lh_fail(err, LH_CORRUPT, "the metadata file '%.*s' is broken: %s", LH_STR_ARG(key), why.message);
    if (code != LH_OK) return lh_fail(err, code, "the metadata file '%.*s': %s", LH_STR_ARG(key), why.message);
    if (!cached) metadata_cache_put(catalog->cache, key, text);
    *ret = metadata;
    return lh_arena_check(arena, err);
}

/* The file's location, in the form (with or without a scheme) that its folder was given in. */
static lh_str view_metadata_location(lh_catalog *catalog, lh_str key, const lh_json *metadata, lh_arena *arena) {
    lh_str folder = catalog_metadata_folder(metadata, arena), folder_key;
    if (lh_bucket_key_of(catalog->bucket, folder, arena, &folder_key, NULL) != LH_OK || !lh_str_starts(key, folder_key))
        return lh_bucket_location(catalog->bucket, key, arena);
    return lh_arena_printf(arena, "%.*s%.*s", LH_STR_ARG(folder),
                           LH_STR_ARG(lh_str_sub(key, folder_key.len, SIZE_MAX)));
}

/* LoadViewResult. */
static lh_json *view_answer(lh_catalog *catalog, lh_str key, lh_json *metadata, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_string(arena, answer, "metadata-location", view_metadata_location(catalog, key, metadata, arena));
    lh_json_set(arena, answer, "metadata", metadata);
    lh_json_set(arena, answer, "config", lh_json_new_object(arena));
    return answer;
}

lh_code view_load_file(lh_catalog *catalog, lh_str metadata_key, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *metadata = NULL;
    LH_TRY(view_metadata_load(catalog, metadata_key, arena, &metadata, err));
    *ret = view_answer(catalog, metadata_key, metadata, arena);
    return lh_arena_check(arena, err);
}

/* ---- list, load ---- */

lh_code lh_view_list(lh_catalog *catalog, lh_str namespace_, lh_page page, lh_arena *arena, lh_json **ret,
                     lh_error *err) {
    uint64_t ignored;
    LH_TRY(catalog_namespace_version(catalog, namespace_, &ignored, err));
    return catalog_list_identifiers(catalog, "view", namespace_, page, arena, ret, err);
}

lh_code lh_view_load(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret, lh_error *err) {
    catalog_view view;
    LH_TRY(view_find_document(catalog, name, arena, &view, err));
    return view_load_file(catalog, view.metadata_key, arena, ret, err);
}

/* ---- create, register ---- */

static lh_code view_must_be_new(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_error *err) {
    uint64_t ignored;
    bool exists;
    LH_TRY(catalog_check_name(name.name, "view", err));
    LH_TRY(catalog_namespace_version(catalog, name.namespace_, &ignored, err));
    LH_TRY(lh_view_exists(catalog, name, &exists, err));
    lh_str text = lh_table_name_text(name, arena);
    if (exists) return lh_fail(err, LH_CONFLICT, "View already exists: %.*s", LH_STR_ARG(text));
    if (lh_table_exists(catalog, name))
        return lh_fail(err, LH_CONFLICT, "Table with same name already exists: %.*s", LH_STR_ARG(text));
    return dotted_must_be_new(catalog, name, arena, err);
}

/* Puts the document of a new view; `from` (NULL: none) is removed in the same commit. */
static lh_code view_insert(lh_catalog *catalog, const catalog_view *view, const catalog_view *from, lh_arena *arena,
                           lh_error *err) {
    const catalog_answer loaded = {.kind = CATALOG_ANSWER_VIEW, .name = view->name, .metadata_key = view->metadata_key};
    for (int tries = 0;; tries++) {
        lh_change changes[4] = {
            {.key = catalog_view_key(view->name, arena), .expected = LH_VERSION_ABSENT},
            {.key = catalog_table_key(view->name, arena), .expected = LH_VERSION_ABSENT, .check_only = true},
            {.key = catalog_namespace_key(view->name.namespace_, arena), .check_only = true}};
        LH_TRY(view_must_be_new(catalog, view->name, arena, err));
        LH_TRY(catalog_namespace_version(catalog, view->name.namespace_, &changes[2].expected, err));
        LH_TRY(view_document(view, arena, &changes[0].text, err));
        if (from) {
            catalog_view now;
            LH_TRY(view_find_own(catalog, from->name, arena, &now, err));
            LH_TRY(view_document(&(catalog_view){.metadata_key = now.metadata_key, .created_at = now.created_at}, arena,
                                 &changes[0].text, err));
            changes[3] = (lh_change){.key = catalog_view_key(from->name, arena), .expected = now.version};
        }
        LH_TRY(lh_arena_check(arena, err));
        lh_code code = catalog_commit(catalog, changes, from ? 4 : 3, from ? &(catalog_answer){0} : &loaded, err);
        if (code != LH_CONFLICT || tries == VIEW_TRIES) return code;
    }
}

/* Where a view's files go: in the bucket, and in no table's folder, whose purge would take them. */
static lh_code view_check_location(lh_catalog *catalog, const lh_json *metadata, lh_table_name name, lh_arena *arena,
                                   lh_error *err) {
    lh_str ignored, folder = catalog_metadata_folder(metadata, arena);
    LH_TRY(table_check_location(catalog, lh_json_get_string(metadata, "location"), name, true, arena, &ignored, err));
    return table_check_location(catalog, folder, name, true, arena, &ignored, err);
}

lh_code lh_view_create(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena, lh_json **ret,
                       lh_error *err) {
    catalog_view view = {.name = {namespace_, lh_json_get_string(request, "name")}};
    lh_str location = lh_json_get_string(request, "location");
    lh_json *updates = NULL, *metadata = view_metadata_empty(arena);
    LH_TRY(view_must_be_new(catalog, view.name, arena, err));
    if (location.len == 0) location = lh_bucket_location(catalog->bucket, table_new_folder(view.name, arena), arena);
    LH_TRY(view_updates_for_create(arena, request, location, &updates, err));
    LH_TRY(view_apply_updates(arena, metadata, updates, err));
    LH_TRY(view_check_location(catalog, metadata, view.name, arena, err));
    LH_TRY(catalog_metadata_write(catalog, metadata, LH_STR_NONE, arena, &view.metadata_key, err));
    view.created_at = lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    lh_code code = view_insert(catalog, &view, NULL, arena, err);
    if (code == LH_CONFLICT || code == LH_NOT_FOUND || code == LH_CANCELLED)
        catalog_metadata_remove(catalog, view.metadata_key);
    if (code != LH_OK) return code;
    *ret = view_answer(catalog, view.metadata_key, metadata, arena);
    return lh_arena_check(arena, err);
}

lh_code lh_view_register(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena, lh_json **ret,
                         lh_error *err) {
    catalog_view view = {.name = {namespace_, lh_json_get_string(request, "name")}};
    lh_str location = lh_json_get_string(request, "metadata-location");
    lh_json *metadata = NULL;
    if (location.len == 0) return lh_fail(err, LH_INVALID, "'metadata-location' is missing");
    LH_TRY(view_must_be_new(catalog, view.name, arena, err));
    if (lh_bucket_key_of(catalog->bucket, location, arena, &view.metadata_key, NULL) != LH_OK)
        return lh_fail(err, LH_INVALID, "'%.*s' does not lie inside this lake's bucket", LH_STR_ARG(location));
    lh_code code = view_metadata_load(catalog, view.metadata_key, arena, &metadata, err);
    if (code == LH_CORRUPT)
        return lh_fail(err, LH_INVALID, "'%.*s' is not there, or is no Iceberg view metadata", LH_STR_ARG(location));
    if (code != LH_OK) return code;
    LH_TRY(view_check_location(catalog, metadata, view.name, arena, err));
    LH_TRY(lh_bucket_sync(catalog->bucket, view.metadata_key, err));
    view.created_at = lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    LH_TRY(view_insert(catalog, &view, NULL, arena, err));
    *ret = view_answer(catalog, view.metadata_key, metadata, arena);
    return lh_arena_check(arena, err);
}

/* ---- replace, rename, drop ---- */

static lh_code view_try_replace(lh_catalog *catalog, lh_table_name name, const lh_json *request, bool *ret_again,
                                lh_arena *arena, lh_json **ret, lh_error *err) {
    catalog_view view;
    lh_json *metadata = NULL;
    lh_change change = {.key = catalog_view_key(name, arena)};
    *ret_again = false;
    LH_TRY(view_find_own(catalog, name, arena, &view, err));
    LH_TRY(view_metadata_load(catalog, view.metadata_key, arena, &metadata, err));
    LH_TRY(view_check_requirements(lh_json_get(request, "requirements"), metadata, err));
    lh_str before = lh_arena_dup(arena, catalog_metadata_folder(metadata, arena)), old_key = view.metadata_key;
    LH_TRY(view_apply_updates(arena, metadata, lh_json_get(request, "updates"), err));
    if (!lh_str_eq(before, catalog_metadata_folder(metadata, arena)))
        LH_TRY(view_check_location(catalog, metadata, name, arena, err));
    LH_TRY(catalog_metadata_write(catalog, metadata, old_key, arena, &view.metadata_key, err));
    change.expected = view.version;
    LH_TRY(view_document(&view, arena, &change.text, err));
    const catalog_answer answer = {.kind = CATALOG_ANSWER_VIEW, .name = name, .metadata_key = view.metadata_key};
    lh_code code = catalog_commit(catalog, &change, 1, &answer, err);
    if (code == LH_CONFLICT || code == LH_CANCELLED) catalog_metadata_remove(catalog, view.metadata_key);
    *ret_again = code == LH_CONFLICT;
    if (code == LH_OK) *ret = view_answer(catalog, view.metadata_key, metadata, arena);
    return code;
}

lh_code lh_view_replace(lh_catalog *catalog, lh_table_name name, const lh_json *request, lh_arena *arena, lh_json **ret,
                        lh_error *err) {
    for (int tries = 0;; tries++) {
        bool again = false;
        LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL; /* each try parses the metadata anew */
        LH_TRY(lh_arena_new(8 * (size_t)LH_LIMIT_METADATA_BYTES, &scratch, err));
        lh_json *answer = NULL;
        lh_code code = view_try_replace(catalog, name, request, &again, scratch, &answer, err);
        if (code == LH_OK) {
            *ret = lh_json_copy(arena, answer);
            return lh_arena_check(arena, err);
        }
        if (!again) return code;
        if (tries == VIEW_TRIES) return lh_fail(err, LH_CONFLICT, "the view is changed too often: try again");
        lh_time_sleep_ms(lh_random_below(1u << (tries < 6 ? tries : 6)));
    }
}

lh_code lh_view_rename(lh_catalog *catalog, const lh_json *request, lh_arena *arena, lh_error *err) {
    lh_table_name from, to;
    catalog_view view;
    LH_TRY(table_identifier(lh_json_get(request, "source"), arena, &from, err));
    LH_TRY(table_identifier(lh_json_get(request, "destination"), arena, &to, err));
    LH_TRY(view_find_own(catalog, from, arena, &view, err));
    catalog_view renamed = view;
    renamed.name = to;
    lh_error why = {0};
    return table_rename_failed(view_insert(catalog, &renamed, &view, arena, &why), from, to, &why, err);
}

lh_code lh_view_drop(lh_catalog *catalog, lh_table_name name, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(1 << 20, &arena, err));
        catalog_view view;
        LH_TRY(view_find_own(catalog, name, arena, &view, err));
        const lh_change change = {.key = catalog_view_key(name, arena), .expected = view.version};
        LH_TRY(lh_arena_check(arena, err));
        lh_code code = catalog_commit(catalog, &change, 1, &(catalog_answer){0}, err);
        if (code != LH_CONFLICT || tries == VIEW_TRIES) return code;
    }
}
