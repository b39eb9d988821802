/* Which defined views (defined_views.c) read a table or a view: so that it does not go, nor a column that one of them names.
 *
 * Document "readers/table/<levels>/<name>", or "readers/view/…" of a view:
 *   {"schema_version":1,"views":[{"name":"ns.v","columns":["c",…]},…]}
 * The commit that makes or drops a view puts that of its base. A commit that drops or renames the base, or takes columns away
 * from it, requires the version that was looked at, so that no view comes between. */
#include "catalog/readers_internal.h"

enum { READERS_MAX = 1000 };

static lh_str readers_key(const readers_base *base, lh_arena *arena) {
    return lh_arena_printf(arena, "readers/%s/%.*s/%.*s", base->is_view ? "view" : "table",
                           LH_STR_ARG(base->name.namespace_), LH_STR_ARG(base->name.name));
}

/* *ret: the array "views". *ret_version: LH_VERSION_ABSENT when there are none. */
static lh_code readers_load(lh_catalog *catalog, const readers_base *base, lh_arena *arena, lh_json **ret,
                            uint64_t *ret_version, lh_error *err) {
    lh_str text;
    lh_json *doc = NULL;
    lh_code code = lh_metastore_get(catalog->metastore, readers_key(base, arena), arena, &text, ret_version, err);
    if (code == LH_NOT_FOUND) {
        *ret = lh_json_new_array(arena);
        *ret_version = LH_VERSION_ABSENT;
        return lh_arena_check(arena, err);
    }
    if (code != LH_OK) return code;
    LH_TRY(lh_json_parse(arena, text, &doc, err));
    *ret = lh_json_get(doc, "views");
    return LH_OK;
}

lh_code readers_list(lh_catalog *catalog, const readers_base *base, lh_arena *arena, lh_json **ret, lh_error *err) {
    uint64_t ignored;
    return readers_load(catalog, base, arena, ret, &ignored, err);
}

lh_code readers_put(lh_catalog *catalog, const readers_base *base, lh_table_name view, const lh_json *columns,
                    lh_arena *arena, lh_change *ret, lh_error *err) {
    lh_json *before = NULL, *views = lh_json_new_array(arena), *doc = lh_json_new_object(arena);
    lh_str name = lh_table_name_text(view, arena);
    lh_change change = {.key = readers_key(base, arena)};
    LH_TRY(readers_load(catalog, base, arena, &before, &change.expected, err));
    for (lh_json_iter it = lh_json_each(before); lh_json_next(&it);)
        if (!lh_str_eq(lh_json_get_string(it.value, "name"), name))
            lh_json_append(views, lh_json_copy(arena, it.value));
    if (columns) {
        lh_json *item = lh_json_new_object(arena);
        if (lh_json_size(views) == READERS_MAX)
            return lh_fail(err, LH_LIMIT, "%d views read '%.*s' already", READERS_MAX,
                           LH_STR_ARG(lh_table_name_text(base->name, arena)));
        lh_json_set_string(arena, item, "name", name);
        lh_json_set(arena, item, "columns", lh_json_copy(arena, columns));
        lh_json_append(views, item);
    }
    lh_json_set_int(arena, doc, "schema_version", 1);
    lh_json_set(arena, doc, "views", views);
    if (lh_json_size(views)) LH_TRY(lh_json_write(arena, doc, false, &change.text, err));
    change.check_only = lh_json_size(views) == 0 && change.expected == LH_VERSION_ABSENT;
    *ret = change;
    return lh_arena_check(arena, err);
}

/* "'a', 'b' and 3 more". */
static lh_str readers_names(const lh_json *views, lh_arena *arena) {
    enum { SHOWN = 5 };
    lh_str text = LH_STR_NONE;
    size_t count = lh_json_size(views);
    for (lh_json_iter it = lh_json_each(views); lh_json_next(&it) && it.index < SHOWN;)
        text = lh_arena_printf(arena, "%.*s%s'%.*s'", LH_STR_ARG(text), it.index ? ", " : "",
                               LH_STR_ARG(lh_json_get_string(it.value, "name")));
    return count > SHOWN ? lh_arena_printf(arena, "%.*s and %zu more", LH_STR_ARG(text), count - SHOWN) : text;
}

lh_code readers_must_be_none(lh_catalog *catalog, const readers_base *base, const char *what, lh_arena *arena,
                             lh_change *ret, lh_error *err) {
    lh_json *views = NULL;
    lh_change change = {.key = readers_key(base, arena), .expected = LH_VERSION_ABSENT, .check_only = true};
    uint64_t ignored;
    LH_TRY(readers_load(catalog, base, arena, &views, &ignored, err));
    if (lh_json_size(views))
        return lh_fail(err, LH_CONFLICT, "%s '%.*s' cannot be %s: it is read by the views %.*s; drop them first",
                       base->is_view ? "the view" : "the dataset", LH_STR_ARG(lh_table_name_text(base->name, arena)),
                       what, LH_STR_ARG(readers_names(views, arena)));
    *ret = change;
    return lh_arena_check(arena, err);
}

static bool readers_has(const lh_json *columns, lh_str name) {
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);)
        if (lh_str_eq_nocase(lh_json_str(it.value, LH_STR_NONE), name)) return true;
    return false;
}

/* The views that name the column. */
static lh_json *readers_of_column(const lh_json *views, lh_str column, lh_arena *arena) {
    lh_json *found = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(views); lh_json_next(&it);)
        if (readers_has(lh_json_get(it.value, "columns"), column)) lh_json_append(found, lh_json_copy(arena, it.value));
    return found;
}

lh_code readers_must_not_name(lh_catalog *catalog, const readers_base *base, const lh_str *columns, size_t count,
                              lh_arena *arena, lh_change *ret, lh_error *err) {
    lh_json *views = NULL;
    lh_change change = {.key = readers_key(base, arena), .check_only = true};
    LH_TRY(readers_load(catalog, base, arena, &views, &change.expected, err));
    for (size_t i = 0; i < count; i++) {
        const lh_json *found = readers_of_column(views, columns[i], arena);
        if (lh_json_size(found))
            return lh_fail(
                err, LH_CONFLICT,
                "the column '%.*s' of '%.*s' cannot be dropped, renamed or replaced: it is read by the views %.*s; "
                "drop or change them first",
                LH_STR_ARG(columns[i]), LH_STR_ARG(lh_table_name_text(base->name, arena)),
                LH_STR_ARG(readers_names(found, arena)));
    }
    *ret = change;
    return lh_arena_check(arena, err);
}
