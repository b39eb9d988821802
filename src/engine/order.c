/* A sort order as SQL: of keys {"column","transform","direction" asc|desc,"nulls" first|last}, as the catalog tells them. */
#include "engine/engine_internal.h"

/* A column under one of Iceberg's transforms that keep its order; false for the others. */
static bool order_column(lh_str name, lh_str transform, lh_buf *into) {
    static const char *const parts[] = {"year", "month", "day", "hour"};
    if (transform.len == 0 || lh_str_eq(transform, LH_STR("identity"))) {
        lh_buf_sql_identifier(into, name);
        return true;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!lh_str_eq(transform, lh_str_from(parts[i]))) continue;
        lh_buf_printf(into, "date_trunc('%s', ", parts[i]);
        lh_buf_sql_identifier(into, name);
        lh_buf_char(into, ')');
        return true;
    }
    return false;
}

lh_code lh_engine_order_sql(const lh_json *keys, lh_buf *into, lh_error *err) {
    for (lh_json_iter it = lh_json_each(keys); lh_json_next(&it);) {
        lh_str column = lh_json_get_string(it.value, "column"), transform = lh_json_get_string(it.value, "transform");
        bool descending = lh_str_eq(lh_json_get_string(it.value, "direction"), LH_STR("desc"));
        bool last = lh_str_eq(
            lh_json_str(lh_json_get(it.value, "nulls"), descending ? LH_STR("last") : LH_STR("first")), LH_STR("last"));
        lh_buf_append(into, it.index ? LH_STR(", ") : LH_STR(" ORDER BY "));
        if (column.len == 0 || !order_column(column, transform, into))
            return lh_fail(err, LH_INVALID, "the sort order has a nested column or the transform '%.*s'",
                           LH_STR_ARG(lh_str_cut_utf8(transform, 50)));
        lh_buf_append(into, descending ? LH_STR(" DESC") : LH_STR(" ASC"));
        lh_buf_append(into, last ? LH_STR(" NULLS LAST") : LH_STR(" NULLS FIRST"));
    }
    return lh_buf_check(into, err);
}
