/* Row filters of grants, when a role is kept. A grant that names more than one dataset or view, or one that is not there yet, has
 * columns that are not known: whoever reads by it checks the filter again, with them. */
#include "access/access_internal.h"

static const lh_json *filter_schema(const lh_json *table) {
    const lh_json *metadata = lh_json_get(table, "metadata");
    int64_t id = lh_json_int(lh_json_get(metadata, "current-schema-id"), -1);
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "schemas")); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, "schema-id"), -1) == id) return lh_json_get(it.value, "fields");
    return NULL;
}

lh_code access_columns_of(lh_catalog *catalog, lh_table_name table, lh_arena *arena, access_columns *ret,
                          lh_error *err) {
    lh_json *answer = NULL;
    lh_str etag;
    LH_TRY(lh_table_load(catalog, table, true, LH_STR_NONE, arena, &answer, &etag, err));
    const lh_json *fields = filter_schema(answer);
    access_columns columns = {.dataset = table};
    columns.names = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(fields) + 1);
    columns.fields = LH_ARENA_ARRAY(arena, lh_json *, lh_json_size(fields) + 1);
    columns.masked = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(fields) + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it); columns.count++) {
        columns.names[columns.count] = lh_json_get_string(it.value, "name");
        columns.fields[columns.count] = it.value;
        columns.masked[columns.count] = LH_STR_NONE;
    }
    *ret = columns;
    return LH_OK;
}

/* The columns of what the grant names, if that is one dataset or view, and there; else names is NULL. */
static lh_code filter_columns(lh_catalog *catalog, const access_grant *grant, lh_arena *arena, access_columns *ret,
                              lh_error *err) {
    lh_table_name name;
    lh_view view;
    bool found = false;
    if ((grant->on != LH_ON_DATASET && grant->on != LH_ON_VIEW) || lh_str_eq(grant->name, LH_STR("*")) ||
        lh_table_name_parse(catalog, grant->name, arena, &name, NULL) != LH_OK)
        return LH_OK;
    if (grant->on == LH_ON_DATASET)
        return lh_table_exists(catalog, name) ? access_columns_of(catalog, name, arena, ret, err) : LH_OK;
    LH_TRY(lh_access_view_find(catalog, name, arena, &view, &found, err));
    return found ? access_view_columns(catalog, name, arena, ret, err) : LH_OK;
}

lh_code access_filter_check(lh_catalog *catalog, const access_grant *grant, lh_arena *arena, lh_error *err) {
    access_columns columns = {0};
    lh_filter ignored;
    lh_error why = {0};
    if (grant->row_filter.len == 0) return LH_OK;
    LH_TRY(filter_columns(catalog, grant, arena, &columns, err));
    lh_code code = lh_engine_filter_check(grant->row_filter, columns.names, columns.count, arena, &ignored, &why);
    if (code == LH_OK) return LH_OK;
    lh_error_set(err, code, "grant %zu: %s", grant->index, why.message);
    if (err) err->line = why.line, err->column = why.column;
    return code;
}
