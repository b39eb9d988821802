/* The ORDER BY of rewritten rows: what the caller asked for, or the table's sort order with its transforms. */
#include "maintain/maintain_internal.h"

enum { MAINTAIN_SORT_COLUMNS_MAX = 32 };

static void sort_direction(lh_buf *into, bool descending, bool nulls_first) {
    lh_buf_append(into, descending ? LH_STR(" DESC") : LH_STR(" ASC"));
    lh_buf_append(into, nulls_first ? LH_STR(" NULLS FIRST") : LH_STR(" NULLS LAST"));
}

static const lh_json *sort_column(const lh_rewrite_plan *plan, const char *member, const lh_json *value) {
    for (lh_json_iter it = lh_json_each(lh_json_get(plan->schema, "fields")); lh_json_next(&it);)
        if (lh_json_equal(lh_json_get(it.value, member), value)) return it.value;
    return NULL;
}

/* One of [{"column","direction","nulls"}]. */
static lh_code sort_asked(const lh_rewrite_plan *plan, const lh_json *key, lh_buf *into, lh_error *err) {
    const lh_json *column = sort_column(plan, "name", lh_json_get(key, "column"));
    lh_str direction = lh_json_str(lh_json_get(key, "direction"), LH_STR("asc"));
    bool descending = lh_str_eq(direction, LH_STR("desc"));
    lh_str nulls = lh_json_str(lh_json_get(key, "nulls"), descending ? LH_STR("last") : LH_STR("first"));
    if (!column || !lh_json_is_string(lh_json_get(column, "type")))
        return lh_fail(err, LH_INVALID, "'sort' names '%.*s', which is no column of a plain type",
                       LH_STR_ARG(lh_str_cut_utf8(lh_json_get_string(key, "column"), 100)));
    if (!descending && !lh_str_eq(direction, LH_STR("asc")))
        return lh_fail(err, LH_INVALID, "'direction' must be asc or desc");
    if (!lh_str_eq(nulls, LH_STR("first")) && !lh_str_eq(nulls, LH_STR("last")))
        return lh_fail(err, LH_INVALID, "'nulls' must be first or last");
    lh_buf_sql_identifier(into, lh_json_get_string(column, "name"));
    sort_direction(into, descending, lh_str_eq(nulls, LH_STR("first")));
    return LH_OK;
}

/* A column under one of Iceberg's transforms that keep its order; false for the others. */
static bool sort_transform(lh_str name, lh_str transform, lh_buf *into) {
    static const char *const parts[] = {"year", "month", "day", "hour"};
    if (lh_str_eq(transform, LH_STR("identity"))) {
        lh_buf_sql_identifier(into, name);
        return true;
    }
    for (size_t i = 0; i < 4; i++)
        if (lh_str_eq(transform, lh_str_from(parts[i]))) {
            lh_buf_printf(into, "date_trunc('%s', ", parts[i]);
            lh_buf_sql_identifier(into, name);
            lh_buf_char(into, ')');
            return true;
        }
    return false;
}

static lh_code sort_own(const lh_rewrite_plan *plan, const lh_json *field, lh_buf *into, lh_error *err) {
    const lh_json *column = sort_column(plan, "id", lh_json_get(field, "source-id"));
    lh_str transform = lh_json_get_string(field, "transform");
    if (!column || !sort_transform(lh_json_get_string(column, "name"), transform, into))
        return lh_fail(err, LH_INVALID,
                       "the table's sort order has a nested column or the transform '%.*s': name columns in 'sort'",
                       LH_STR_ARG(lh_str_cut_utf8(transform, 50)));
    sort_direction(into, lh_str_eq(lh_json_get_string(field, "direction"), LH_STR("desc")),
                   lh_str_eq(lh_json_get_string(field, "null-order"), LH_STR("nulls-first")));
    return LH_OK;
}

lh_code maintain_order_sql(const lh_rewrite_plan *plan, const lh_json *sort, lh_buf *into, bool *ret_table,
                           lh_error *err) {
    const lh_json *keys = sort ? sort : lh_json_get(plan->sort_order, "fields");
    *ret_table = !sort && lh_json_size(keys) > 0;
    if (lh_json_size(keys) > MAINTAIN_SORT_COLUMNS_MAX)
        return lh_fail(err, LH_INVALID, "a sort order has at most %d columns", MAINTAIN_SORT_COLUMNS_MAX);
    for (lh_json_iter it = lh_json_each(keys); lh_json_next(&it);) {
        lh_buf_append(into, it.index ? LH_STR(", ") : LH_STR(" ORDER BY "));
        LH_TRY(sort ? sort_asked(plan, it.value, into, err) : sort_own(plan, it.value, into, err));
    }
    return lh_buf_check(into, err);
}
