/* What a request says of a view:
 *   {"name","base_dataset","columns":[name],"row_filter"?:SQL,"column_redactions"?:{column:{"kind","keep_prefix"?,…}},"shadow"?:bool,
 *    "description"?}
 * Kinds are null, hash, mask, year, bucket, token and none, their first letter also as a capital. Whether the columns are there, and
 * the filter is one, view.c knows. */
#include "access/access_internal.h"

static lh_code body_text(const lh_json *body, const char *name, size_t max_bytes, bool lines, lh_str *ret,
                         lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    if (lh_json_is_null(value)) return LH_OK;
    *ret = lh_json_str(value, LH_STR_NONE);
    return access_text_is_plain(*ret, max_bytes, lines)
               ? LH_OK
               : lh_fail(err, LH_INVALID, "'%s' of a view must be a text of 1 to %zu bytes", name, max_bytes);
}

static bool body_has(const lh_json *columns, lh_str name, size_t before) {
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it) && it.index < before;)
        if (lh_str_eq_nocase(lh_json_str(it.value, LH_STR_NONE), name)) return true;
    return false;
}

static lh_code body_columns(const lh_json *columns, lh_error *err) {
    bool good = lh_json_is_array(columns) && lh_json_size(columns) > 0 && lh_json_size(columns) <= ACCESS_COLUMNS_MAX;
    for (lh_json_iter it = lh_json_each(good ? columns : NULL); good && lh_json_next(&it);) {
        lh_str name = lh_json_str(it.value, LH_STR_NONE);
        good = access_text_is_plain(name, LH_LIMIT_NAME_BYTES, false);
        if (good && body_has(columns, name, it.index))
            return lh_fail(err, LH_INVALID, "'columns' of a view has '%.*s' twice", LH_STR_ARG(name));
    }
    return good
               ? LH_OK
               : lh_fail(err, LH_INVALID, "'columns' of a view must be an array of 1 to %d names of the base's columns",
                         ACCESS_COLUMNS_MAX);
}

/* A copy with its kind in lower case: "Null" is "null". */
static lh_code body_redaction(const lh_json *given, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *redaction = lh_json_copy(arena, given);
    lh_str kind = lh_arena_dup(arena, lh_json_get_string(given, "kind"));
    LH_TRY(lh_arena_check(arena, err));
    if (!lh_json_is_object(given)) return lh_fail(err, LH_INVALID, "a redaction must be a JSON object");
    if (kind.len && kind.ptr[0] >= 'A' && kind.ptr[0] <= 'Z') {
        char first = (char)(kind.ptr[0] + ('a' - 'A'));
        kind = lh_arena_printf(arena, "%c%.*s", first, LH_STR_ARG(lh_str_sub(kind, 1, SIZE_MAX)));
    }
    LH_TRY(access_members(given, "a redaction ", (const char *const[]){"kind", "keep_prefix", "keep_suffix", "n"}, 4,
                          err));
    if (kind.len) lh_json_set_string(arena, redaction, "kind", kind);
    *ret = redaction;
    return access_redaction_check(redaction, err);
}

static lh_code body_redactions(const lh_json *given, const lh_json *columns, lh_arena *arena, lh_json **ret,
                               lh_error *err) {
    lh_json *redactions = lh_json_new_object(arena), *redaction = NULL;
    if (!lh_json_is_null(given) && !lh_json_is_object(given))
        return lh_fail(err, LH_INVALID, "'column_redactions' of a view must be an object by column");
    for (lh_json_iter it = lh_json_each(given); lh_json_next(&it);) {
        lh_str name = LH_STR_NONE;
        for (lh_json_iter c = lh_json_each(columns); lh_json_next(&c);)
            if (lh_str_eq_nocase(lh_json_str(c.value, LH_STR_NONE), it.name)) name = lh_json_str(c.value, LH_STR_NONE);
        if (!name.len)
            return lh_fail(err, LH_INVALID, "'column_redactions' names '%.*s', which is none of the view's 'columns'",
                           LH_STR_ARG(lh_str_cut_utf8(it.name, 60)));
        if (lh_json_get_str(redactions, name))
            return lh_fail(err, LH_INVALID, "'column_redactions' has '%.*s' twice", LH_STR_ARG(name));
        LH_TRY(body_redaction(it.value, arena, &redaction, err));
        lh_json_put(arena, redactions, name, redaction);
    }
    *ret = redactions;
    return lh_arena_check(arena, err);
}

lh_code access_view_body_read(const lh_json *body, lh_arena *arena, access_view_body *ret, lh_error *err) {
    static const char *const known[] = {"name",   "base_dataset", "columns", "row_filter", "column_redactions",
                                        "shadow", "description"};
    access_view_body view = {.columns = lh_json_get(body, "columns")};
    const lh_json *shadow = lh_json_get(body, "shadow");
    LH_TRY(access_members(body, "a view ", known, sizeof known / sizeof *known, err));
    LH_TRY(body_text(body, "name", 4 * LH_LIMIT_NAME_BYTES, false, &view.name, err));
    LH_TRY(body_text(body, "base_dataset", 4 * LH_LIMIT_NAME_BYTES, false, &view.base, err));
    LH_TRY(body_text(body, "description", ACCESS_DESCRIPTION_BYTES, true, &view.description, err));
    LH_TRY(body_text(body, "row_filter", ACCESS_FILTER_BYTES, true, &view.row_filter, err));
    if (!view.base.len)
        return lh_fail(err, LH_INVALID, "'base_dataset' of a view is missing: the dataset or view it shows");
    LH_TRY(body_columns(view.columns, err));
    LH_TRY(body_redactions(lh_json_get(body, "column_redactions"), view.columns, arena, &view.redactions, err));
    if (!lh_json_is_null(shadow) && lh_json_type_of(shadow) != LH_JSON_BOOL)
        return lh_fail(err, LH_INVALID, "'shadow' of a view must be true or false");
    view.shadow = lh_json_bool(shadow, false);
    *ret = view;
    return LH_OK;
}
