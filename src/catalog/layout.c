/* How a table's files are laid out: the sort order and the partition spec of its metadata, and the columns that get bloom filters
 * (Iceberg's properties write.parquet.bloom-filter-enabled.column.<name>), told and set by column names. What exists already
 * stays as it was written; compaction sorts it anew, and keeps it in the partitions that it has. */
#include "catalog/catalog_internal.h"

enum { LAYOUT_TRIES = 10, LAYOUT_KEYS_MAX = 32 };
#define LAYOUT_BLOOM "write.parquet.bloom-filter-enabled.column."

static const lh_json *layout_column(const lh_json *metadata, const char *member, const lh_json *value) {
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata_current_schema(metadata), "fields")); lh_json_next(&it);)
        if (lh_json_equal(lh_json_get(it.value, member), value)) return it.value;
    return NULL;
}

/* ---- told ---- */

static void layout_told_column(lh_json *key, const lh_json *metadata, const lh_json *field, lh_arena *arena) {
    const lh_json *column = layout_column(metadata, "id", lh_json_get(field, "source-id"));
    lh_json_set(arena, key, "column",
                column ? lh_json_copy(arena, lh_json_get(column, "name")) : lh_json_new_null(arena));
    lh_json_set_string(arena, key, "transform", lh_json_get_string(field, "transform"));
}

lh_json *layout_sort(const lh_json *metadata, lh_arena *arena) {
    lh_json *keys = lh_json_new_array(arena);
    const lh_json *order = metadata_find(lh_json_get(metadata, "sort-orders"), "order-id",
                                         lh_json_int(lh_json_get(metadata, "default-sort-order-id"), 0));
    for (lh_json_iter it = lh_json_each(lh_json_get(order, "fields")); lh_json_next(&it);) {
        lh_json *key = lh_json_new_object(arena);
        bool first = lh_str_eq(lh_json_get_string(it.value, "null-order"), LH_STR("nulls-first"));
        layout_told_column(key, metadata, it.value, arena);
        lh_json_set_string(arena, key, "direction", lh_json_get_string(it.value, "direction"));
        lh_json_set_string(arena, key, "nulls", first ? LH_STR("first") : LH_STR("last"));
        lh_json_append(keys, key);
    }
    return keys;
}

static lh_json *layout_partition(const lh_json *metadata, lh_arena *arena) {
    lh_json *keys = lh_json_new_array(arena);
    const lh_json *spec = metadata_find(lh_json_get(metadata, "partition-specs"), "spec-id",
                                        lh_json_int(lh_json_get(metadata, "default-spec-id"), 0));
    for (lh_json_iter it = lh_json_each(lh_json_get(spec, "fields")); lh_json_next(&it);) {
        lh_json *key = lh_json_new_object(arena);
        layout_told_column(key, metadata, it.value, arena);
        lh_json_append(keys, key);
    }
    return keys;
}

static lh_json *layout_bloom(const lh_json *metadata, lh_arena *arena) {
    lh_json *columns = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "properties")); lh_json_next(&it);)
        if (lh_str_starts(it.name, LH_STR(LAYOUT_BLOOM)) &&
            lh_str_eq_nocase(lh_json_str(it.value, LH_STR_NONE), LH_STR("true")))
            lh_json_append(columns, lh_json_new_string(arena, lh_str_sub(it.name, strlen(LAYOUT_BLOOM), SIZE_MAX)));
    return columns;
}

static lh_json *layout_answer(lh_table_name name, const lh_json *metadata, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(name, arena));
    lh_json_set(arena, answer, "sort", layout_sort(metadata, arena));
    lh_json_set(arena, answer, "partition", layout_partition(metadata, arena));
    lh_json_set(arena, answer, "bloom", layout_bloom(metadata, arena));
    return answer;
}

lh_code lh_table_layout(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *work = NULL;
    catalog_table table;
    lh_json *metadata = NULL;
    LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_METADATA_BYTES, &work, err));
    LH_TRY(catalog_table_read(catalog, name, work, &table, &metadata, err));
    *ret = lh_json_copy(arena, layout_answer(name, metadata, work));
    return lh_arena_check(arena, err);
}

/* ---- set ---- */

/* The engine's ORDER BY knows no bucket or truncate. */
static bool layout_transform_fits(lh_str transform, lh_str type, bool sort) {
    bool numbered = lh_str_find(transform, '[') < transform.len;
    return !lh_str_eq(transform, LH_STR("void")) && !(sort && numbered) && transform_takes(transform, type);
}

/* One key as a field of a spec or an order: its source and transform. */
static lh_code layout_field(const lh_json *metadata, const lh_json *key, bool sort, lh_arena *arena, lh_json **ret,
                            lh_error *err) {
    const lh_json *column = layout_column(metadata, "name", lh_json_get(key, "column"));
    lh_str transform = lh_json_str(lh_json_get(key, "transform"), LH_STR("identity"));
    lh_str name = lh_str_cut_utf8(lh_json_get_string(key, "column"), 100);
    if (!column) return lh_fail(err, LH_INVALID, "'%.*s' is no column of the table", LH_STR_ARG(name));
    if (!layout_transform_fits(transform, lh_json_get_string(column, "type"), sort))
        return lh_fail(
            err, LH_INVALID, "column '%.*s' does not take the transform '%.*s': identity, year, month, day, hour%s",
            LH_STR_ARG(name), LH_STR_ARG(lh_str_cut_utf8(transform, 50)), sort ? "" : ", bucket[N], truncate[N]");
    *ret = lh_json_new_object(arena);
    lh_json_set(arena, *ret, "source-id", lh_json_copy(arena, lh_json_get(column, "id")));
    lh_json_set_string(arena, *ret, "transform", transform);
    return LH_OK;
}

static lh_code layout_sort_field(const lh_json *key, lh_json *field, lh_arena *arena, lh_error *err) {
    lh_str direction = lh_json_str(lh_json_get(key, "direction"), LH_STR("asc"));
    bool descending = lh_str_eq(direction, LH_STR("desc"));
    lh_str nulls = lh_json_str(lh_json_get(key, "nulls"), descending ? LH_STR("last") : LH_STR("first"));
    if (!descending && !lh_str_eq(direction, LH_STR("asc")))
        return lh_fail(err, LH_INVALID, "'direction' must be asc or desc");
    if (!lh_str_eq(nulls, LH_STR("first")) && !lh_str_eq(nulls, LH_STR("last")))
        return lh_fail(err, LH_INVALID, "'nulls' must be first or last");
    lh_json_set_string(arena, field, "direction", direction);
    lh_json_set_string(arena, field, "null-order", lh_arena_printf(arena, "nulls-%.*s", LH_STR_ARG(nulls)));
    return LH_OK;
}

static lh_json *layout_update(lh_json *updates, const char *action, lh_arena *arena) {
    lh_json *update = lh_json_new_object(arena);
    lh_json_set_string(arena, update, "action", lh_str_from(action));
    lh_json_append(updates, update);
    return lh_json_at(updates, lh_json_size(updates) - 1);
}

static lh_code layout_keys(const lh_json *layout, const char *member, const lh_json **ret, lh_error *err) {
    *ret = lh_json_get(layout, member);
    if (*ret && !lh_json_is_array(*ret)) return lh_fail(err, LH_INVALID, "'%s' must be an array", member);
    if (lh_json_size(*ret) > LAYOUT_KEYS_MAX)
        return lh_fail(err, LH_INVALID, "'%s' has more than %d columns", member, LAYOUT_KEYS_MAX);
    return LH_OK;
}

static lh_code layout_set_sort(const lh_json *metadata, const lh_json *layout, lh_json *updates, lh_arena *arena,
                               lh_error *err) {
    const lh_json *keys = NULL;
    lh_json *order = lh_json_new_object(arena), *fields = lh_json_new_array(arena);
    LH_TRY(layout_keys(layout, "sort", &keys, err));
    if (!keys) return LH_OK;
    for (lh_json_iter it = lh_json_each(keys); lh_json_next(&it);) {
        lh_json *field = NULL;
        LH_TRY(layout_field(metadata, it.value, true, arena, &field, err));
        LH_TRY(layout_sort_field(it.value, field, arena, err));
        lh_json_append(fields, field);
    }
    lh_json_set(arena, order, "fields", fields);
    lh_json_set(arena, layout_update(updates, "add-sort-order", arena), "sort-order", order);
    lh_json_set_int(arena, layout_update(updates, "set-default-sort-order", arena), "sort-order-id", -1);
    return LH_OK;
}

/* The name of a partition field, as other engines choose it. */
static lh_str layout_partition_name(const lh_json *key, lh_arena *arena) {
    lh_str column = lh_json_get_string(key, "column");
    lh_str transform = lh_json_str(lh_json_get(key, "transform"), LH_STR("identity"));
    if (lh_str_eq(transform, LH_STR("identity"))) return column;
    lh_str kind = lh_str_sub(transform, 0, lh_str_find(transform, '['));
    if (lh_str_eq(kind, LH_STR("truncate"))) kind = LH_STR("trunc");
    return lh_arena_printf(arena, "%.*s_%.*s", LH_STR_ARG(column), LH_STR_ARG(kind));
}

static lh_code layout_set_partition(const lh_json *metadata, const lh_json *layout, lh_json *updates, lh_arena *arena,
                                    lh_error *err) {
    const lh_json *keys = NULL;
    lh_json *spec = lh_json_new_object(arena), *fields = lh_json_new_array(arena);
    LH_TRY(layout_keys(layout, "partition", &keys, err));
    if (!keys) return LH_OK;
    for (lh_json_iter it = lh_json_each(keys); lh_json_next(&it);) {
        lh_json *field = NULL;
        LH_TRY(layout_field(metadata, it.value, false, arena, &field, err));
        lh_json_set_string(arena, field, "name", layout_partition_name(it.value, arena));
        lh_json_append(fields, field);
    }
    lh_json_set(arena, spec, "fields", fields);
    lh_json_set(arena, layout_update(updates, "add-spec", arena), "spec", spec);
    lh_json_set_int(arena, layout_update(updates, "set-default-spec", arena), "spec-id", -1);
    return LH_OK;
}

static lh_code layout_set_bloom(const lh_json *metadata, const lh_json *layout, lh_json *updates, lh_arena *arena,
                                lh_error *err) {
    const lh_json *columns = NULL;
    lh_json *set = lh_json_new_object(arena), *gone = lh_json_new_array(arena);
    LH_TRY(layout_keys(layout, "bloom", &columns, err));
    if (!columns) return LH_OK;
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        lh_str name = lh_json_str(it.value, LH_STR_NONE);
        if (!layout_column(metadata, "name", it.value))
            return lh_fail(err, LH_INVALID, "'%.*s' is no column of the table", LH_STR_ARG(lh_str_cut_utf8(name, 100)));
        lh_json_put(arena, set, lh_arena_printf(arena, LAYOUT_BLOOM "%.*s", LH_STR_ARG(name)),
                    lh_json_new_string(arena, LH_STR("true")));
    }
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "properties")); lh_json_next(&it);)
        if (lh_str_starts(it.name, LH_STR(LAYOUT_BLOOM)) && !lh_json_get_str(set, it.name))
            lh_json_append(gone, lh_json_new_string(arena, it.name));
    if (lh_json_size(gone)) lh_json_set(arena, layout_update(updates, "remove-properties", arena), "removals", gone);
    if (lh_json_size(set)) lh_json_set(arena, layout_update(updates, "set-properties", arena), "updates", set);
    return LH_OK;
}

static lh_code layout_try(lh_catalog *catalog, lh_table_name name, const lh_json *layout, lh_arena *arena,
                          lh_error *err) {
    catalog_table table;
    lh_json *metadata = NULL, *answer = NULL, *updates = lh_json_new_array(arena), *request = lh_json_new_object(arena),
            *requirements = lh_json_new_array(arena), *schema = lh_json_new_object(arena);
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    LH_TRY(layout_set_sort(metadata, layout, updates, arena, err));
    LH_TRY(layout_set_partition(metadata, layout, updates, arena, err));
    LH_TRY(layout_set_bloom(metadata, layout, updates, arena, err));
    if (lh_json_size(updates) == 0) return lh_arena_check(arena, err);
    lh_json_set_string(arena, schema, "type", LH_STR("assert-current-schema-id"));
    lh_json_set(arena, schema, "current-schema-id", lh_json_copy(arena, lh_json_get(metadata, "current-schema-id")));
    lh_json_append(requirements, schema);
    lh_json_set(arena, request, "requirements", requirements);
    lh_json_set(arena, request, "updates", updates);
    return lh_table_commit(catalog, name, request, false, arena, &answer, err);
}

lh_code lh_table_set_layout(lh_catalog *catalog, lh_table_name name, const lh_json *layout, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_METADATA_BYTES, &arena, err));
        lh_code code = layout_try(catalog, name, layout, arena, err);
        if (code != LH_CONFLICT || tries == LAYOUT_TRIES) return code;
    }
}
