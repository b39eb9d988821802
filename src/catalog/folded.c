/* Names that differ in case only. SQL looks a namespace up without regard to the case of ASCII letters, so at most one namespace
 * may have each form:
 *   "folded/<a.b in lower case>"  {"schema_version":1,"namespaces":[["A","b"]]}
 * The document makes the check part of the commit that makes a namespace, and finds the one that SQL names. It has more than one
 * only in a lake of before there were such documents, which get them when the catalog is opened. */
#include "catalog/catalog_internal.h"

enum { FOLDED_AT_ONCE = 500, FOLDED_TRIES = 20, FOLDED_ARENA_BYTES = 1 << 30 };
#define FOLDED_PREFIX "folded/"

static lh_str folded_key(lh_str text, lh_arena *arena) {
    return lh_arena_printf(arena, FOLDED_PREFIX "%.*s", LH_STR_ARG(lh_arena_lower(arena, text)));
}

/* `namespaces` empty: the document is removed. */
static lh_code folded_text(lh_json *namespaces, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *doc = lh_json_new_object(arena);
    *ret = LH_STR_NONE;
    if (lh_json_size(namespaces) == 0) return lh_arena_check(arena, err);
    lh_json_set_int(arena, doc, "schema_version", 1);
    lh_json_set(arena, doc, "namespaces", namespaces);
    return lh_json_write(arena, doc, false, ret, err);
}

/* *ret_version LH_VERSION_ABSENT: there is none, and *ret is an empty list. */
static lh_code folded_read(lh_catalog *catalog, lh_str key, lh_arena *arena, const lh_json **ret, uint64_t *ret_version,
                           lh_error *err) {
    lh_str text;
    lh_json *doc = NULL;
    *ret = lh_json_new_array(arena);
    *ret_version = LH_VERSION_ABSENT;
    lh_code code = lh_metastore_get(catalog->metastore, key, arena, &text, ret_version, err);
    if (code == LH_NOT_FOUND) return lh_arena_check(arena, err);
    if (code != LH_OK) return code;
    LH_TRY(lh_json_parse(arena, text, &doc, err));
    *ret = lh_json_get(doc, "namespaces");
    return LH_OK;
}

lh_code folded_claim(lh_str namespace_, lh_arena *arena, lh_change *ret, lh_error *err) {
    lh_json *namespaces = lh_json_new_array(arena);
    *ret = (lh_change){.key = folded_key(lh_namespace_text(namespace_, arena), arena), .expected = LH_VERSION_ABSENT};
    lh_json_append(namespaces, lh_namespace_levels(namespace_, arena));
    return folded_text(namespaces, arena, &ret->text, err);
}

lh_code folded_release(lh_catalog *catalog, lh_str namespace_, lh_arena *arena, lh_change *ret, lh_error *err) {
    const lh_json *namespaces = NULL, *own = lh_namespace_levels(namespace_, arena);
    lh_json *left = lh_json_new_array(arena);
    *ret = (lh_change){.key = folded_key(lh_namespace_text(namespace_, arena), arena)};
    LH_TRY(folded_read(catalog, ret->key, arena, &namespaces, &ret->expected, err));
    ret->check_only = ret->expected == LH_VERSION_ABSENT;
    for (lh_json_iter it = lh_json_each(namespaces); lh_json_next(&it);)
        if (!lh_json_equal(it.value, own)) lh_json_append(left, lh_json_copy(arena, it.value));
    return folded_text(left, arena, &ret->text, err);
}

lh_code lh_namespace_of_sql(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_namespace_of *ret, lh_error *err) {
    const lh_json *namespaces;
    uint64_t ignored;
    lh_namespace_of of = {.count = 0};
    LH_TRY(dotted_namespace(catalog, text, arena, &of.name, err));
    if (catalog_check_namespace(of.name, NULL) == LH_OK) {
        LH_TRY(folded_read(catalog, folded_key(text, arena), arena, &namespaces, &ignored, err));
        of.count = lh_json_size(namespaces);
        if (of.count == 1) LH_TRY(catalog_namespace_from_json(lh_json_at(namespaces, 0), arena, &of.name, err));
    }
    *ret = of;
    return lh_arena_check(arena, err);
}

bool lh_catalog_has_namesakes(const lh_catalog *catalog) { return catalog->namesakes; }

/* ---- documents of a lake that has none yet ---- */

typedef struct folded_name {
    lh_str key, namespace_;
} folded_name;

static int folded_order(const void *a, const void *b) {
    const folded_name *x = a, *y = b;
    int order = lh_str_cmp(x->key, y->key);
    return order ? order : lh_str_cmp(x->namespace_, y->namespace_);
}

static lh_code folded_names(lh_catalog *catalog, lh_arena *arena, folded_name **ret, size_t *ret_count, lh_error *err) {
    const lh_str prefix = LH_STR("namespace/");
    lh_document_page docs;
    LH_TRY(lh_metastore_list(catalog->metastore, prefix, LH_STR_NONE, CATALOG_LIST_ALL, arena, &docs, err));
    folded_name *names = LH_ARENA_ARRAY(arena, folded_name, docs.count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < docs.count; i++) {
        names[i].namespace_ = lh_str_sub(docs.items[i].key, prefix.len, SIZE_MAX);
        names[i].key = folded_key(lh_namespace_text(names[i].namespace_, arena), arena);
    }
    LH_TRY(lh_arena_check(arena, err));
    if (docs.count) qsort(names, docs.count, sizeof *names, folded_order);
    *ret = names;
    *ret_count = docs.count;
    return LH_OK;
}

/* The next change that is missing: names and documents are both in the order of their keys. False: none. */
static lh_code folded_next(const folded_name *names, size_t count, size_t *name, const lh_document_page *docs,
                           size_t *doc, lh_arena *arena, lh_change *ret, bool *ret_found, lh_error *err) {
    for (*ret_found = false; !*ret_found && (*name < count || *doc < docs->count);) {
        const lh_document *is = *doc < docs->count ? &docs->items[*doc] : NULL;
        lh_json *namespaces = lh_json_new_array(arena), *have = NULL;
        bool named = *name < count && (!is || lh_str_cmp(names[*name].key, is->key) <= 0);
        lh_str key = named ? names[*name].key : is->key;
        if (is && !lh_str_eq(is->key, key)) is = NULL;
        for (; named && *name < count && lh_str_eq(names[*name].key, key); ++*name)
            lh_json_append(namespaces, lh_namespace_levels(names[*name].namespace_, arena));
        *ret = (lh_change){.key = key, .expected = is ? is->version : LH_VERSION_ABSENT};
        if (is) LH_TRY(lh_json_parse(arena, is->text, &have, err));
        *doc += is != NULL;
        *ret_found = !is || !lh_json_equal(lh_json_get(have, "namespaces"), namespaces);
        LH_TRY(folded_text(namespaces, arena, &ret->text, err));
    }
    return LH_OK;
}

static lh_code folded_try_repair(lh_catalog *catalog, lh_arena *arena, lh_error *err) {
    lh_change changes[FOLDED_AT_ONCE];
    folded_name *names = NULL;
    lh_document_page docs;
    size_t name_count = 0, name = 0, doc = 0, count;
    LH_TRY(folded_names(catalog, arena, &names, &name_count, err));
    for (size_t i = 1; i < name_count; i++) catalog->namesakes |= lh_str_eq(names[i].key, names[i - 1].key);
    LH_TRY(
        lh_metastore_list(catalog->metastore, LH_STR(FOLDED_PREFIX), LH_STR_NONE, CATALOG_LIST_ALL, arena, &docs, err));
    do {
        bool found = true;
        for (count = 0; found && count < FOLDED_AT_ONCE; count += found)
            LH_TRY(folded_next(names, name_count, &name, &docs, &doc, arena, &changes[count], &found, err));
        if (count) LH_TRY(lh_metastore_commit(catalog->metastore, changes, count, NULL, err));
    } while (count == FOLDED_AT_ONCE);
    return LH_OK;
}

lh_code folded_repair(lh_catalog *catalog, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(FOLDED_ARENA_BYTES, &arena, err));
        lh_code code = folded_try_repair(catalog, arena, err);
        if (code != LH_CONFLICT || tries == FOLDED_TRIES) return code;
    }
}
