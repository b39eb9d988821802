/* Row filters of grants, when a role is kept. A grant that names more than one dataset, or one that is not there yet, has columns
 * that are not known: whoever reads by it checks the filter again, with them. */
#include "access/access_internal.h"

lh_code access_columns_of(lh_catalog *catalog, lh_table_name table, lh_arena *arena, access_columns *ret,
                          lh_error *err) {
    lh_json *dataset = NULL;
    access_columns columns = {0};
    LH_TRY(lh_dataset_get(catalog, table, arena, &dataset, err));
    const lh_json *schema = lh_json_get(dataset, "schema");
    columns.names = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(schema) + 1);
    columns.types = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(schema) + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(schema); lh_json_next(&it);) {
        columns.names[columns.count] = lh_json_get_string(it.value, "name");
        columns.types[columns.count++] = lh_json_get_string(it.value, "type");
    }
    *ret = columns;
    return LH_OK;
}

lh_code access_filter_check(lh_catalog *catalog, const access_grant *grant, lh_arena *arena, lh_error *err) {
    lh_table_name table;
    access_columns columns = {0};
    lh_filter ignored;
    lh_error why = {0};
    if (grant->row_filter.len == 0) return LH_OK;
    if (grant->on == LH_ON_DATASET && !lh_str_eq(grant->name, LH_STR("*")) &&
        lh_table_name_parse(catalog, grant->name, arena, &table, NULL) == LH_OK && lh_table_exists(catalog, table))
        LH_TRY(access_columns_of(catalog, table, arena, &columns, err));
    lh_code code = lh_engine_filter_check(grant->row_filter, columns.names, columns.count, arena, &ignored, &why);
    if (code == LH_OK) return LH_OK;
    lh_error_set(err, code, "grant %zu: %s", grant->index, why.message);
    if (err) err->line = why.line, err->column = why.column;
    return code;
}
