/* The ORDER BY of rewritten rows: what the caller asked for, or the table's sort order. */
#include "maintain/maintain_internal.h"

enum { MAINTAIN_SORT_COLUMNS_MAX = 32 };

static const lh_json *sort_column(const lh_rewrite_plan *plan, const lh_json *name) {
    for (lh_json_iter it = lh_json_each(lh_json_get(plan->schema, "fields")); lh_json_next(&it);)
        if (lh_json_equal(lh_json_get(it.value, "name"), name)) return it.value;
    return NULL;
}

static lh_code sort_check(const lh_rewrite_plan *plan, const lh_json *key, lh_error *err) {
    const lh_json *column = sort_column(plan, lh_json_get(key, "column"));
    lh_str direction = lh_json_str(lh_json_get(key, "direction"), LH_STR("asc")),
           nulls = lh_json_str(lh_json_get(key, "nulls"), LH_STR("first"));
    if (!column || !lh_json_is_string(lh_json_get(column, "type")))
        return lh_fail(err, LH_INVALID, "'sort' names '%.*s', which is no column of a plain type",
                       LH_STR_ARG(lh_str_cut_utf8(lh_json_get_string(key, "column"), 100)));
    if (!lh_str_eq(direction, LH_STR("asc")) && !lh_str_eq(direction, LH_STR("desc")))
        return lh_fail(err, LH_INVALID, "'direction' must be asc or desc");
    if (!lh_str_eq(nulls, LH_STR("first")) && !lh_str_eq(nulls, LH_STR("last")))
        return lh_fail(err, LH_INVALID, "'nulls' must be first or last");
    return LH_OK;
}

lh_code maintain_order_sql(const lh_rewrite_plan *plan, const lh_json *sort, lh_buf *into, bool *ret_table,
                           lh_error *err) {
    const lh_json *keys = sort ? sort : plan->sort_keys;
    *ret_table = !sort && lh_json_size(keys) > 0;
    if (lh_json_size(keys) > MAINTAIN_SORT_COLUMNS_MAX)
        return lh_fail(err, LH_INVALID, "a sort order has at most %d columns", MAINTAIN_SORT_COLUMNS_MAX);
    for (lh_json_iter it = lh_json_each(sort); lh_json_next(&it);) LH_TRY(sort_check(plan, it.value, err));
    return lh_engine_order_sql(keys, into, err);
}
