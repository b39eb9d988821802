/* Names with dots. SQL, paths and messages write ["a","b"] and ["a.b"] alike, and table "b.c" of ["a"] as table "c" of
 * ["a","b"]: at most one namespace, and one table or view, may have each dotted form.
 *   "dotted/<a.b>"  {"schema_version":1,"namespace":["a.b"]}  of each namespace that has a dot within a level
 * The document makes the check part of the commit that makes a namespace, and finds the namespace of a dotted form. Of tables
 * and views the check is made before the commit only: of two that are made at the same moment, the one that a lookup finds
 * first is the one whose own name has fewer dots. */
#include "catalog/catalog_internal.h"

static bool dotted_within_level(lh_str namespace_) { return lh_str_find(namespace_, '.') < namespace_.len; }

static lh_str dotted_key(lh_str text, lh_arena *arena) {
    return lh_arena_printf(arena, "dotted/%.*s", LH_STR_ARG(text));
}

/* ["a","b"] of "a.b". */
static lh_str dotted_plain(lh_str text, lh_arena *arena) {
    return lh_namespace_of_path(catalog_swap_bytes(text, '.', '\x1f', arena), arena);
}

static lh_code dotted_has(lh_catalog *catalog, lh_str key, bool *ret, lh_arena *arena, lh_error *err) {
    lh_str text;
    uint64_t version;
    lh_code code = lh_metastore_get(catalog->metastore, key, arena, &text, &version, err);
    *ret = code == LH_OK;
    return code == LH_NOT_FOUND ? LH_OK : code;
}

lh_code dotted_claim(lh_str namespace_, lh_arena *arena, lh_change changes[2], size_t *ret_count, lh_error *err) {
    lh_str text = lh_namespace_text(namespace_, arena);
    changes[0] = (lh_change){.key = dotted_key(text, arena), .expected = LH_VERSION_ABSENT, .check_only = true};
    *ret_count = 1;
    if (!dotted_within_level(namespace_)) return lh_arena_check(arena, err);
    lh_json *doc = lh_json_new_object(arena);
    lh_json_set_int(arena, doc, "schema_version", 1);
    lh_json_set(arena, doc, "namespace", lh_namespace_levels(namespace_, arena));
    changes[0].check_only = false;
    LH_TRY(lh_json_write(arena, doc, false, &changes[0].text, err));
    lh_str plain = catalog_namespace_key(dotted_plain(text, arena), arena);
    changes[1] = (lh_change){.key = plain, .expected = LH_VERSION_ABSENT, .check_only = true};
    *ret_count = 2;
    return lh_arena_check(arena, err);
}

bool dotted_release(lh_str namespace_, lh_arena *arena, lh_change *ret) {
    *ret = (lh_change){.key = dotted_key(lh_namespace_text(namespace_, arena), arena), .expected = LH_VERSION_ANY};
    return dotted_within_level(namespace_);
}

lh_code dotted_namespace(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_str plain = dotted_plain(text, arena), found;
    lh_json *doc = NULL;
    uint64_t version;
    *ret = plain;
    if (lh_metastore_get(catalog->metastore, dotted_key(text, arena), arena, &found, &version, NULL) != LH_OK)
        return lh_arena_check(arena, err); /* a name that is no key is no namespace's, and refused by who takes it */
    LH_TRY(lh_json_parse(arena, found, &doc, err));
    return catalog_namespace_from_json(lh_json_get(doc, "namespace"), arena, ret, err);
}

/* The reading of "a.b.t" with the table's name behind the dot: is there such a table or view? */
static lh_code dotted_reading(lh_catalog *catalog, lh_str text, size_t dot, lh_arena *arena, lh_table_name *ret,
                              bool *ret_exists, lh_error *err) {
    lh_table_name name = {.name = lh_arena_dup(arena, lh_str_sub(text, dot + 1, SIZE_MAX))};
    *ret_exists = false;
    LH_TRY(dotted_namespace(catalog, lh_str_sub(text, 0, dot), arena, &name.namespace_, err));
    *ret = name;
    if (catalog_check_namespace(name.namespace_, NULL) != LH_OK ||
        catalog_check_name(name.name, "table", NULL) != LH_OK)
        return LH_OK;
    LH_TRY(dotted_has(catalog, catalog_table_key(name, arena), ret_exists, arena, err));
    if (!*ret_exists) LH_TRY(dotted_has(catalog, catalog_view_key(name, arena), ret_exists, arena, err));
    return lh_arena_check(arena, err);
}

lh_code dotted_find(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_table_name *ret, lh_error *err) {
    lh_table_name first = {0};
    size_t readings = 0;
    for (size_t dot = text.len; dot-- > 0;) {
        lh_table_name name;
        bool exists;
        if (text.ptr[dot] != '.') continue;
        LH_TRY(dotted_reading(catalog, text, dot, arena, &name, &exists, err));
        if (readings++ == 0 || exists) first = name;
        if (exists) break;
    }
    *ret = first;
    return LH_OK;
}

lh_code dotted_must_be_new(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_error *err) {
    lh_str text = lh_table_name_text(name, arena);
    lh_table_name other;
    bool exists;
    LH_TRY(lh_arena_check(arena, err));
    for (size_t dot = text.len; dot-- > 0;) {
        if (text.ptr[dot] != '.' || text.len - dot - 1 == name.name.len) continue;
        LH_TRY(dotted_reading(catalog, text, dot, arena, &other, &exists, err));
        if (exists)
            return lh_fail(err, LH_CONFLICT, "Table already exists: %.*s, as '%.*s' of another namespace",
                           LH_STR_ARG(text), LH_STR_ARG(other.name));
    }
    return LH_OK;
}
