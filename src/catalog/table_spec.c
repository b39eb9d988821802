/* Partition specs and sort orders of table metadata: add-spec, add-sort-order and their set-default-…
 *
 * A field of either takes its value from a column (source-id) by a transform. Partition fields have ids of their own,
 * from 1000 on; the same (column, transform) keeps its id from spec to spec. Order 0 is "unsorted". */
#include "catalog/table_metadata_internal.h"

static bool spec_same(const lh_json *a, const lh_json *b) {
    return lh_json_equal(lh_json_get(a, "fields"), lh_json_get(b, "fields"));
}

/* Is the field in any schema that the table has? (A spec may name a column that a later schema dropped.) */
static bool metadata_knows_field(const lh_json *metadata, int64_t id) {
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "schemas")); lh_json_next(&it);)
        if (metadata_has_field(lh_json_get(it.value, "fields"), id)) return true;
    return false;
}

/* The column that a partition or sort field is made from; -1 when it is not told. */
static int64_t metadata_source_of(const lh_json *field) {
    const lh_json *several = lh_json_get(field, "source-ids"); /* format 3 */
    return lh_json_int(lh_json_size(several) ? lh_json_at(several, 0) : lh_json_get(field, "source-id"), -1);
}

/* The type of a column that values can be taken from: at the top or within structs, not within lists or maps; empty without. */
static lh_str schema_source_type(const lh_json *fields, int64_t id) {
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        const lh_json *type = lh_json_get(it.value, "type");
        if (lh_json_is_string(type) && lh_json_int(lh_json_get(it.value, "id"), -1) == id)
            return lh_json_str(type, LH_STR_NONE);
        if (!lh_str_eq(lh_json_get_string(type, "type"), LH_STR("struct"))) continue;
        lh_str inner = schema_source_type(lh_json_get(type, "fields"), id);
        if (inner.len) return inner;
    }
    return LH_STR_NONE;
}

static lh_code metadata_check_transform(metadata_change *change, const lh_json *field, const char *what,
                                        lh_error *err) {
    int64_t source = metadata_source_of(field);
    lh_str transform = lh_json_get_string(field, "transform"),
           type = schema_source_type(lh_json_get(metadata_current_schema(change->metadata), "fields"), source),
           shown = lh_str_cut_utf8(transform, 50);
    if (transform.len == 0) return lh_fail(err, LH_INVALID, "a field of a %s has no transform", what);
    if (!transform_exists(transform))
        return lh_fail(err, LH_INVALID,
                       "a field of a %s has an unknown transform '%.*s': identity, void, year, month, day, hour, "
                       "bucket[N] or truncate[N]",
                       what, LH_STR_ARG(shown));
    if (!metadata_knows_field(change->metadata, source))
        return lh_fail(err, LH_INVALID, "a field of a %s names unknown column %" PRId64, what, source);
    if (type.len && !transform_takes(transform, type)) /* one that the current schema lacks: metadata_check_shape() */
        return lh_fail(err, LH_INVALID, "a field of a %s: column %" PRId64 " of type %.*s does not take '%.*s'", what,
                       source, LH_STR_ARG(type), LH_STR_ARG(shown));
    return LH_OK;
}

static lh_code metadata_check_sources(const lh_json *metadata, const lh_json *fields, const char *what, lh_error *err) {
    const lh_json *columns = lh_json_get(metadata_current_schema(metadata), "fields");
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);)
        if (!lh_str_eq(lh_json_get_string(it.value, "transform"), LH_STR("void")) &&
            schema_source_type(columns, metadata_source_of(it.value)).len == 0)
            return lh_fail(err, LH_INVALID,
                           "the %s needs column %" PRId64 ", which the schema lacks or which is no single value", what,
                           metadata_source_of(it.value));
    return LH_OK;
}

bool metadata_spec_is_readable(const lh_json *metadata, int64_t spec_id) {
    const lh_json *spec = metadata_find(lh_json_get(metadata, "partition-specs"), "spec-id", spec_id);
    return metadata_check_sources(metadata, lh_json_get(spec, "fields"), "", NULL) == LH_OK;
}

lh_code metadata_check_shape(const lh_json *metadata, lh_error *err) {
    int64_t spec = lh_json_int(lh_json_get(metadata, "default-spec-id"), -1);
    int64_t order = lh_json_int(lh_json_get(metadata, "default-sort-order-id"), -1);
    const lh_json *partitions =
        lh_json_get(metadata_find(lh_json_get(metadata, "partition-specs"), "spec-id", spec), "fields");
    const lh_json *sorts =
        lh_json_get(metadata_find(lh_json_get(metadata, "sort-orders"), "order-id", order), "fields");
    LH_TRY(metadata_check_sources(metadata, partitions, "partition spec", err));
    return metadata_check_sources(metadata, sorts, "sort order", err);
}

/* Partition names are columns of the partition: unique, and a table column's name only for that column's own values. */
static lh_code spec_check_name(const lh_json *metadata, const lh_json *fields, const lh_json *field, size_t index,
                               lh_error *err) {
    lh_str name = lh_json_get_string(field, "name"), transform = lh_json_get_string(field, "transform");
    if (name.len == 0) return lh_fail(err, LH_INVALID, "a partition field has no name");
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it) && it.index < index;)
        if (lh_str_eq(lh_json_get_string(it.value, "name"), name) ||
            (!lh_json_is_null(lh_json_get(field, "field-id")) &&
             lh_json_equal(lh_json_get(it.value, "field-id"), lh_json_get(field, "field-id"))))
            return lh_fail(err, LH_INVALID, "partition field '%.*s' has the name or id of another", LH_STR_ARG(name));
    bool own = lh_str_eq(transform, LH_STR("identity")) || lh_str_eq(transform, LH_STR("void"));
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata_current_schema(metadata), "fields")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "name"), name) &&
            !(own && lh_json_int(lh_json_get(it.value, "id"), -2) == metadata_source_of(field)))
            return lh_fail(err, LH_INVALID, "partition field '%.*s' has the name of a column", LH_STR_ARG(name));
    return LH_OK;
}

/* A partition field without an id takes that of the same (source, transform) in an older spec, else the next. */
static int64_t spec_field_id(const lh_json *metadata, const lh_json *field, int64_t next) {
    for (lh_json_iter spec = lh_json_each(lh_json_get(metadata, "partition-specs")); lh_json_next(&spec);)
        for (lh_json_iter it = lh_json_each(lh_json_get(spec.value, "fields")); lh_json_next(&it);)
            if (lh_json_equal(lh_json_get(it.value, "source-id"), lh_json_get(field, "source-id")) &&
                lh_json_equal(lh_json_get(it.value, "transform"), lh_json_get(field, "transform")))
                return lh_json_int(lh_json_get(it.value, "field-id"), next);
    return next;
}

lh_code metadata_add_spec(metadata_change *change, const lh_json *update, lh_error *err) {
    const lh_json *given = lh_json_get(update, "spec");
    if (!lh_json_is_array(lh_json_get(given, "fields")))
        return lh_fail(err, LH_INVALID, "a partition spec's 'fields' must be an array");
    lh_json *spec = lh_json_copy(change->arena, given);
    int64_t last = lh_json_int(lh_json_get(change->metadata, "last-partition-id"), 0);
    if (last < METADATA_FIRST_PARTITION_ID - 1) last = METADATA_FIRST_PARTITION_ID - 1;
    for (lh_json_iter it = lh_json_each(lh_json_get(spec, "fields")); lh_json_next(&it);) {
        LH_TRY(metadata_check_transform(change, it.value, "partition spec", err));
        LH_TRY(spec_check_name(change->metadata, lh_json_get(spec, "fields"), it.value, it.index, err));
        int64_t id = lh_json_int(lh_json_get(it.value, "field-id"), -1);
        if (id < 0) id = spec_field_id(change->metadata, it.value, last + 1);
        if (metadata_format(change->metadata) == 1 && id != METADATA_FIRST_PARTITION_ID + (int64_t)it.index)
            return lh_fail(err, LH_INVALID, "format 1 numbers partition fields from %d without gaps",
                           METADATA_FIRST_PARTITION_ID);
        lh_json_set_int(change->arena, it.value, "field-id", id);
        if (id > last) last = id;
    }
    bool exists;
    int64_t id =
        metadata_pick_id(lh_json_get(change->metadata, "partition-specs"), "spec-id", spec, spec_same, 0, &exists);
    if (!exists) {
        lh_json_set_int(change->arena, spec, "spec-id", id);
        lh_json_append(lh_json_get(change->metadata, "partition-specs"), spec);
    }
    lh_json_set_int(change->arena, change->metadata, "last-partition-id", last);
    change->last_spec = id;
    return LH_OK;
}

lh_code metadata_add_sort_order(metadata_change *change, const lh_json *update, lh_error *err) {
    const lh_json *order = lh_json_get(update, "sort-order"), *fields = lh_json_get(order, "fields");
    if (!lh_json_is_array(fields)) return lh_fail(err, LH_INVALID, "a sort order's 'fields' must be an array");
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        lh_str direction = lh_json_get_string(it.value, "direction"),
               nulls = lh_json_get_string(it.value, "null-order");
        LH_TRY(metadata_check_transform(change, it.value, "sort order", err));
        if (!lh_str_eq(direction, LH_STR("asc")) && !lh_str_eq(direction, LH_STR("desc")))
            return lh_fail(err, LH_INVALID, "a sort field's direction must be asc or desc");
        if (!lh_str_eq(nulls, LH_STR("nulls-first")) && !lh_str_eq(nulls, LH_STR("nulls-last")))
            return lh_fail(err, LH_INVALID, "a sort field's null-order must be nulls-first or nulls-last");
    }
    bool exists;
    int64_t id =
        metadata_pick_id(lh_json_get(change->metadata, "sort-orders"), "order-id", order, spec_same, 1, &exists);
    if (!exists && lh_json_size(fields) == 0) id = 0; /* "unsorted" is always order 0 */
    if (!exists) {
        lh_json *copy = lh_json_copy(change->arena, order);
        lh_json_set_int(change->arena, copy, "order-id", id);
        lh_json_append(lh_json_get(change->metadata, "sort-orders"), copy);
    }
    change->last_order = id;
    return LH_OK;
}

lh_code metadata_set_default_spec(metadata_change *change, const lh_json *update, lh_error *err) {
    return metadata_set_default(change, update, "spec-id", change->last_spec, "partition-specs", "spec-id",
                                "default-spec-id", err);
}
lh_code metadata_set_default_sort_order(metadata_change *change, const lh_json *update, lh_error *err) {
    return metadata_set_default(change, update, "sort-order-id", change->last_order, "sort-orders", "order-id",
                                "default-sort-order-id", err);
}
