/* Views of ours: what they are access knows; here is how they are kept. The document "view/<levels>/<name>" of one has, besides
 * the members of an Iceberg view (views.c), {"definition":{…},"base":{"namespace","name","view":bool}}. Its Iceberg metadata, for other
 * engines to see, is written beneath _catalog/views/ and goes with the view; the definition is what counts.
 * One may have the name of a table, if it says so; a table is never made with the name of a view that is there. */
#include "catalog/readers_internal.h"
#include "catalog/view_internal.h"

static lh_json *defined_base(const lh_defined_view *view, lh_arena *arena) {
    lh_json *base = lh_json_new_object(arena);
    lh_json_set_string(arena, base, "namespace", view->base.namespace_);
    lh_json_set_string(arena, base, "name", view->base.name);
    lh_json_set_bool(arena, base, "view", view->base_is_view);
    return base;
}

static readers_base defined_read_base(const lh_json *base) {
    return (readers_base){.name = {lh_json_get_string(base, "namespace"), lh_json_get_string(base, "name")},
                          .is_view = lh_json_bool(lh_json_get(base, "view"), false)};
}

static lh_code defined_must_be_new(lh_catalog *catalog, const lh_defined_view *view, lh_arena *arena, lh_error *err) {
    bool exists;
    lh_str text = lh_table_name_text(view->name, arena);
    LH_TRY(catalog_check_name(view->name.name, "view", err));
    LH_TRY(lh_view_exists(catalog, view->name, &exists, err));
    if (exists) return lh_fail(err, LH_CONFLICT, "there is a view '%.*s' already", LH_STR_ARG(text));
    return dotted_must_be_new(catalog, view->name, arena, err);
}

/* The Iceberg metadata, in a file beneath _catalog/views/. */
static lh_code defined_write(lh_catalog *catalog, const lh_defined_view *view, lh_arena *arena, lh_str *ret_key,
                             lh_error *err) {
    lh_json *updates = NULL, *metadata = view_metadata_empty(arena);
    lh_str folder = lh_arena_printf(arena, "_catalog/views/%.*s", LH_STR_ARG(table_new_folder(view->name, arena)));
    lh_str location = lh_bucket_location(catalog->bucket, folder, arena);
    LH_TRY(view_updates_for_create(arena, view->request, location, &updates, err));
    LH_TRY(view_apply_updates(arena, metadata, updates, err));
    return catalog_metadata_write(catalog, metadata, LH_STR_NONE, arena, ret_key, err);
}

static lh_code defined_commit(lh_catalog *catalog, const lh_defined_view *view, const catalog_view *document,
                              bool *ret_again, lh_arena *arena, lh_error *err) {
    const readers_base base = {.name = view->base, .is_view = view->base_is_view};
    const readers_base self = {.name = view->name, .is_view = true};
    lh_change changes[6] = {
        {.key = catalog_view_key(view->name, arena), .expected = view->expected},
        {.key = catalog_namespace_key(view->name.namespace_, arena), .check_only = true},
        {.key = base.is_view ? catalog_view_key(base.name, arena) : catalog_table_key(base.name, arena),
         .expected = view->base_version,
         .check_only = true},
    };
    size_t count = 4;
    LH_TRY(view_document(document, arena, &changes[0].text, err));
    LH_TRY(catalog_namespace_version(catalog, view->name.namespace_, &changes[1].expected, err));
    LH_TRY(readers_put(catalog, &base, view->name, view->columns, arena, &changes[3], err));
    if (view->expected != LH_VERSION_ABSENT) /* what reads it was made for what it was */
        LH_TRY(readers_must_be_none(catalog, &self, "changed", arena, &changes[count++], err));
    if (!view->shadows)
        changes[count++] =
            (lh_change){.key = catalog_table_key(view->name, arena), .expected = LH_VERSION_ABSENT, .check_only = true};
    LH_TRY(lh_arena_check(arena, err));
    lh_code code = catalog_commit(catalog, changes, count, &(catalog_answer){0}, err);
    *ret_again = code == LH_CONFLICT;
    return code;
}

lh_code lh_view_define(lh_catalog *catalog, const lh_defined_view *view, bool *ret_again, lh_arena *arena,
                       lh_error *err) {
    catalog_view before = {0}, document = {.name = view->name};
    lh_json *base = defined_base(view, arena), *definition = lh_json_copy(arena, view->definition);
    *ret_again = false;
    if (view->expected == LH_VERSION_ABSENT) LH_TRY(defined_must_be_new(catalog, view, arena, err));
    else LH_TRY(view_find_document(catalog, view->name, arena, &before, err));
    if (!view->shadows && lh_table_exists(catalog, view->name))
        return lh_fail(
            err, LH_CONFLICT,
            "there is a dataset '%.*s': a view has its name only with \"shadow\": true, and is seen by those "
            "who are granted the view and not the dataset",
            LH_STR_ARG(lh_table_name_text(view->name, arena)));
    document.created_at = before.created_at.len
                              ? before.created_at
                              : lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    document.definition = definition;
    document.base = base;
    LH_TRY(defined_write(catalog, view, arena, &document.metadata_key, err));
    lh_code code = defined_commit(catalog, view, &document, ret_again, arena, err);
    if (code == LH_CONFLICT || code == LH_NOT_FOUND || code == LH_LIMIT)
        catalog_metadata_remove(catalog, document.metadata_key);
    if (code == LH_OK && before.metadata_key.len) catalog_metadata_remove(catalog, before.metadata_key);
    return code;
}

lh_code lh_view_definition(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_view_defined *ret,
                           lh_error *err) {
    catalog_view view;
    lh_str text = lh_table_name_text(name, arena);
    lh_code code = view_find_document(catalog, name, arena, &view, NULL);
    if (code == LH_NOT_FOUND || (code == LH_OK && !view.definition))
        return lh_fail(err, LH_NOT_FOUND, "there is no view '%.*s'%s", LH_STR_ARG(text),
                       code == LH_OK ? " of the lake's own: it is an Iceberg view of a client" : "");
    if (code != LH_OK) return lh_fail(err, code, "the view '%.*s' cannot be read", LH_STR_ARG(text));
    const readers_base base = defined_read_base(view.base);
    *ret = (lh_view_defined){.name = name,
                             .definition = view.definition,
                             .base = base.name,
                             .base_is_view = base.is_view,
                             .created_at = view.created_at,
                             .version = view.version};
    return LH_OK;
}

lh_code lh_view_readers(lh_catalog *catalog, lh_table_name base, bool base_is_view, lh_arena *arena, lh_json **ret,
                        lh_error *err) {
    const readers_base of = {.name = base, .is_view = base_is_view};
    return readers_list(catalog, &of, arena, ret, err);
}

/* "view/<levels>/<name>" */
static lh_table_name defined_name_of(lh_str key, lh_arena *arena) {
    lh_str rest = lh_arena_dup(arena, lh_str_sub(key, sizeof "view/" - 1, SIZE_MAX));
    lh_str namespace_ = lh_str_split(&rest, '/');
    return (lh_table_name){namespace_, rest};
}

lh_code lh_view_defined_list(lh_catalog *catalog, lh_page page, lh_arena *arena, lh_table_name **ret, size_t *ret_count,
                             lh_str *ret_next, lh_error *err) {
    const lh_str prefix = LH_STR("view/");
    lh_str after = page.token.len ? lh_arena_printf(arena, "view/%.*s", LH_STR_ARG(page.token)) : LH_STR_NONE;
    lh_document_page docs;
    lh_str next = LH_STR_NONE;
    size_t count = 0;
    LH_TRY(lh_metastore_list(catalog->metastore, prefix, after, CATALOG_LIST_ALL, arena, &docs, err));
    lh_table_name *names = LH_ARENA_ARRAY(arena, lh_table_name, docs.count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < docs.count && next.len == 0; i++) {
        lh_json *doc = NULL;
        LH_TRY(lh_json_parse(arena, docs.items[i].text, &doc, err));
        if (!lh_json_get(doc, "definition")) continue;
        if (page.limit && count == page.limit) {
            next = lh_str_sub(catalog_view_key(names[count - 1], arena), prefix.len, SIZE_MAX);
            break;
        }
        names[count++] = defined_name_of(docs.items[i].key, arena);
    }
    *ret = names;
    *ret_count = count;
    *ret_next = next;
    return lh_arena_check(arena, err);
}

lh_code lh_view_undefine(lh_catalog *catalog, lh_table_name name, uint64_t expected, lh_arena *arena, lh_error *err) {
    catalog_view view;
    const readers_base self = {.name = name, .is_view = true};
    lh_change changes[3] = {{.key = catalog_view_key(name, arena), .expected = expected}};
    LH_TRY(view_find_document(catalog, name, arena, &view, err));
    const readers_base base = defined_read_base(view.base);
    LH_TRY(readers_must_be_none(catalog, &self, "dropped", arena, &changes[1], err));
    LH_TRY(readers_put(catalog, &base, name, NULL, arena, &changes[2], err));
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(catalog_commit(catalog, changes, 3, &(catalog_answer){0}, err));
    catalog_metadata_remove(catalog, view.metadata_key);
    return LH_OK;
}
