/* Namespaces of the Iceberg REST catalog. A namespace's parent must exist, and its dotted form be nobody else's
 * (dotted.c), nor its name in another case (folded.c); only an empty one can be dropped, which the metastore checks in the same commit (no table, no view, no child). */
#include "catalog/catalog_internal.h"

lh_code catalog_namespace_version(lh_catalog *catalog, lh_str namespace_, uint64_t *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    lh_str text;
    /* A name that cannot be is one that is not: an engine that asks for it may go on. */
    if (catalog_check_namespace(namespace_, err) == LH_INVALID)
        return lh_fail(err, LH_NOT_FOUND, "Namespace does not exist: %.*s",
                       LH_STR_ARG(lh_namespace_text(lh_str_sub(namespace_, 0, LH_LIMIT_NAME_BYTES), arena)));
    lh_code code =
        lh_metastore_get(catalog->metastore, catalog_namespace_key(namespace_, arena), arena, &text, ret, err);
    if (code != LH_NOT_FOUND) return code;
    return lh_fail(err, LH_NOT_FOUND, "Namespace does not exist: %.*s",
                   LH_STR_ARG(lh_namespace_text(namespace_, arena)));
}

static lh_code namespace_document(const lh_json *properties, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *doc = lh_json_new_object(arena);
    lh_json_set_int(arena, doc, "schema_version", 1);
    lh_json_set(arena, doc, "properties", properties ? lh_json_copy(arena, properties) : lh_json_new_object(arena));
    return lh_json_write(arena, doc, false, ret, err);
}

static lh_code namespace_check_properties(const lh_json *properties, lh_error *err) {
    if (lh_json_is_null(properties)) return LH_OK;
    if (!lh_json_is_object(properties)) return lh_fail(err, LH_INVALID, "'properties' must be an object of strings");
    for (lh_json_iter it = lh_json_each(properties); lh_json_next(&it);)
        if (!lh_json_is_string(it.value))
            return lh_fail(err, LH_INVALID, "property '%.*s' must be a string", LH_STR_ARG(it.name));
    return LH_OK;
}

static lh_json *namespace_answer(lh_str namespace_, const lh_json *properties, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set(arena, answer, "namespace", lh_namespace_levels(namespace_, arena));
    lh_json_set(arena, answer, "properties",
                lh_json_is_object(properties) ? lh_json_copy(arena, properties) : lh_json_new_object(arena));
    return answer;
}

lh_code lh_namespace_create(lh_catalog *catalog, const lh_json *request, lh_arena *arena, lh_json **ret,
                            lh_error *err) {
    lh_str name, text;
    const lh_json *properties = lh_json_get(request, "properties");
    LH_TRY(catalog_namespace_from_json(lh_json_get(request, "namespace"), arena, &name, err));
    if (lh_namespace_is_system(name) && !lh_str_starts(name, LH_STR("system")))
        return lh_fail(err, LH_INVALID, "the namespace 'system' is the lake's own, in lower case");
    LH_TRY(namespace_check_properties(properties, err));
    LH_TRY(namespace_document(lh_json_is_object(properties) ? properties : NULL, arena, &text, err));
    lh_change changes[5] = {{.key = catalog_namespace_key(name, arena), .text = text, .expected = LH_VERSION_ABSENT}};
    size_t count = 1, claims, cut = name.len;
    while (cut > 0 && name.ptr[cut - 1] != '\x1f') cut--;
    if (cut > 0) { /* the parent must stay while we are made */
        lh_str parent = lh_str_sub(name, 0, cut - 1);
        LH_TRY(catalog_namespace_version(catalog, parent, &changes[1].expected, err));
        changes[1].key = catalog_namespace_key(parent, arena);
        changes[count++].check_only = true;
    }
    LH_TRY(dotted_claim(name, arena, changes + count, &claims, err));
    count += claims;
    LH_TRY(folded_claim(name, arena, &changes[count++], err));
    LH_TRY(lh_arena_check(arena, err));
    const catalog_answer answer = {.kind = CATALOG_ANSWER_NAMESPACE, .name = {.namespace_ = name}};
    lh_code code = catalog_commit(catalog, changes, count, &answer, err);
    if (code == LH_CONFLICT)
        return lh_fail(err, code, "Namespace already exists: %.*s, in this or another case of its letters",
                       LH_STR_ARG(lh_namespace_text(name, arena)));
    if (code != LH_OK) return code;
    *ret = namespace_answer(name, properties, arena);
    return lh_arena_check(arena, err);
}

lh_code lh_namespace_list(lh_catalog *catalog, lh_str parent, bool system, lh_page page, lh_arena *arena, lh_json **ret,
                          lh_error *err) {
    uint64_t ignored;
    if (parent.len) LH_TRY(catalog_namespace_version(catalog, parent, &ignored, err));
    lh_str prefix =
        parent.len ? lh_arena_printf(arena, "namespace/%.*s\x1f", LH_STR_ARG(parent)) : LH_STR("namespace/");
    lh_str after, last = LH_STR_NONE;
    lh_document_page docs;
    LH_TRY(catalog_page_after(page.token, prefix, arena, &after, err));
    LH_TRY(lh_metastore_list(catalog->metastore, prefix, after, CATALOG_LIST_ALL, arena, &docs, err));
    lh_json *answer = lh_json_new_object(arena), *list = lh_json_new_array(arena);
    size_t listed = 0, i = 0;
    for (; i < docs.count && (page.limit == 0 || listed < page.limit); i++) {
        lh_str rest = lh_str_sub(docs.items[i].key, prefix.len, SIZE_MAX);
        if (lh_str_find(rest, '\x1f') < rest.len) continue; /* a grandchild */
        lh_str name = lh_str_sub(docs.items[i].key, sizeof "namespace/" - 1, SIZE_MAX);
        if (!system && lh_namespace_is_system(name)) continue;
        lh_json_append(list, lh_namespace_levels(name, arena));
        last = docs.items[i].key;
        listed++;
    }
    lh_json_set(arena, answer, "namespaces", list);
    lh_json_set(arena, answer, "next-page-token",
                i < docs.count ? lh_json_new_string(arena, catalog_page_token(last, prefix.len, arena))
                               : lh_json_new_null(arena));
    *ret = answer;
    return lh_arena_check(arena, err);
}

static lh_code namespace_read(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret, uint64_t *ret_version,
                              lh_error *err) {
    lh_str text;
    LH_TRY(catalog_namespace_version(catalog, name, ret_version, err));
    LH_TRY(lh_metastore_get(catalog->metastore, catalog_namespace_key(name, arena), arena, &text, ret_version, err));
    return lh_json_parse(arena, text, ret, err);
}

lh_code lh_namespace_load(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *doc = NULL;
    uint64_t version;
    LH_TRY(namespace_read(catalog, name, arena, &doc, &version, err));
    *ret = namespace_answer(name, lh_json_get(doc, "properties"), arena);
    return lh_arena_check(arena, err);
}

/* UpdateNamespacePropertiesRequest on `properties`; fills the three lists of the response. */
static lh_code namespace_change_properties(lh_json *properties, const lh_json *request, lh_arena *arena,
                                           lh_json *answer, lh_error *err) {
    const lh_json *updates = lh_json_get(request, "updates");
    lh_json *updated = lh_json_new_array(arena), *removed = lh_json_new_array(arena),
            *missing = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(request, "removals")); lh_json_next(&it);) {
        lh_str name = lh_json_str(it.value, LH_STR_NONE);
        if (lh_json_get_str(updates, name))
            return lh_fail(err, LH_INVALID, "property '%.*s' is both removed and updated", LH_STR_ARG(name));
        lh_json_append(lh_json_get_str(properties, name) ? removed : missing, lh_json_new_string(arena, name));
        lh_json_remove(properties, name);
    }
    for (lh_json_iter it = lh_json_each(updates); lh_json_next(&it);) {
        lh_json_put(arena, properties, it.name, lh_json_copy(arena, it.value));
        lh_json_append(updated, lh_json_new_string(arena, it.name));
    }
    lh_json_set(arena, answer, "updated", updated);
    lh_json_set(arena, answer, "removed", removed);
    lh_json_set(arena, answer, "missing", missing);
    return lh_arena_check(arena, err);
}

lh_code lh_namespace_update(lh_catalog *catalog, lh_str name, const lh_json *request, lh_arena *arena, lh_json **ret,
                            lh_error *err) {
    LH_TRY(namespace_check_properties(lh_json_get(request, "updates"), err));
    for (int tries = 0;; tries++) {
        lh_json *doc = NULL, *answer = lh_json_new_object(arena);
        lh_change change = {.key = catalog_namespace_key(name, arena)};
        LH_TRY(namespace_read(catalog, name, arena, &doc, &change.expected, err));
        LH_TRY(namespace_change_properties(lh_json_get(doc, "properties"), request, arena, answer, err));
        LH_TRY(lh_json_write(arena, doc, false, &change.text, err));
        lh_code code =
            catalog_commit(catalog, &change, 1, &(catalog_answer){.kind = CATALOG_ANSWER_BODY, .body = answer}, err);
        if (code == LH_OK) *ret = answer;
        if (code != LH_CONFLICT || tries == 20) return code;
    }
}

lh_code lh_namespace_drop(lh_catalog *catalog, lh_str name, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    lh_change changes[6] = {{.key = catalog_namespace_key(name, arena)}};
    LH_TRY(catalog_namespace_version(catalog, name, &changes[0].expected, err));
    lh_str inside[3] = {lh_arena_printf(arena, "table/%.*s/", LH_STR_ARG(name)),
                        lh_arena_printf(arena, "view/%.*s/", LH_STR_ARG(name)),
                        lh_arena_printf(arena, "namespace/%.*s\x1f", LH_STR_ARG(name))};
    for (int i = 0; i < 3; i++)
        changes[i + 1] =
            (lh_change){.key = inside[i], .expected = LH_VERSION_ABSENT, .check_only = true, .prefix = true};
    LH_TRY(folded_release(catalog, name, arena, &changes[4], err));
    bool claimed = dotted_release(name, arena, &changes[5]);
    LH_TRY(lh_arena_check(arena, err));
    lh_code code = catalog_commit(catalog, changes, 5 + claimed, &(catalog_answer){0}, err);
    if (code != LH_CONFLICT) return code;
    return lh_fail(err, LH_CONFLICT, "Namespace is not empty: %.*s; drop its tables, views and namespaces first",
                   LH_STR_ARG(lh_namespace_text(name, arena)));
}
