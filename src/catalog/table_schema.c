/* Schemas, partition specs and sort orders of table metadata, and what a CREATE makes of them.
 *
 * A type is a name ("long", "decimal(9,2)") or an object: struct {fields}, list {element-id, element},
 * map {key-id, key, value-id, value}. Field ids are unique over the whole tree. An added schema, spec or order that
 * equals one that is there already takes that one's id (as Iceberg's reference implementation does). */
#include "catalog/table_metadata_internal.h"

/* ---- walking a type ---- */

static int64_t schema_highest_in_type(const lh_json *type);

int64_t metadata_highest_field_id(const lh_json *fields) {
    int64_t highest = 0;
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        int64_t id = lh_json_int(lh_json_get(it.value, "id"), 0), inner = schema_highest_in_type(lh_json_get(it.value, "type"));
        if (id > highest) highest = id;
        if (inner > highest) highest = inner;
    }
    return highest;
}

static int64_t schema_highest_in_type(const lh_json *type) {
    static const char *const ids[] = {"element-id", "key-id", "value-id"}, *const types[] = {"element", "key", "value"};
    int64_t highest = metadata_highest_field_id(lh_json_get(type, "fields"));
    for (int i = 0; i < 3; i++) {
        int64_t id = lh_json_int(lh_json_get(type, ids[i]), 0), inner = 0;
        if (lh_json_get(type, types[i])) inner = schema_highest_in_type(lh_json_get(type, types[i]));
        if (id > highest) highest = id;
        if (inner > highest) highest = inner;
    }
    return highest;
}

static bool schema_has_field(const lh_json *fields, int64_t id);

static bool schema_type_has_field(const lh_json *type, int64_t id) {
    static const char *const ids[] = {"element-id", "key-id", "value-id"}, *const types[] = {"element", "key", "value"};
    if (schema_has_field(lh_json_get(type, "fields"), id)) return true;
    for (int i = 0; i < 3; i++) {
        const lh_json *inner = lh_json_get(type, types[i]);
        if (lh_json_int(lh_json_get(type, ids[i]), 0) == id || (inner && schema_type_has_field(inner, id))) return true;
    }
    return false;
}

static bool schema_has_field(const lh_json *fields, int64_t id) {
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, "id"), 0) == id || schema_type_has_field(lh_json_get(it.value, "type"), id)) return true;
    return false;
}

static lh_code schema_check_fields(const lh_json *fields, lh_error *err);

static lh_code schema_check_type(const lh_json *type, lh_str field, lh_error *err) {
    if (lh_json_is_string(type)) return LH_OK;
    lh_str kind = lh_json_get_string(type, "type");
    if (lh_str_eq(kind, LH_STR("struct"))) return schema_check_fields(lh_json_get(type, "fields"), err);
    if (lh_str_eq(kind, LH_STR("list")) && lh_json_is_int(lh_json_get(type, "element-id")))
        return schema_check_type(lh_json_get(type, "element"), field, err);
    if (lh_str_eq(kind, LH_STR("map")) && lh_json_is_int(lh_json_get(type, "key-id")) && lh_json_is_int(lh_json_get(type, "value-id"))) {
        LH_TRY(schema_check_type(lh_json_get(type, "key"), field, err));
        return schema_check_type(lh_json_get(type, "value"), field, err);
    }
    return lh_fail(err, LH_INVALID, "field '%.*s' has no valid type", LH_STR_ARG(field));
}

static lh_code schema_check_fields(const lh_json *fields, lh_error *err) {
    if (!lh_json_is_array(fields)) return lh_fail(err, LH_INVALID, "a schema's 'fields' must be an array");
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        lh_str name = lh_json_get_string(it.value, "name");
        if (name.len == 0) return lh_fail(err, LH_INVALID, "field %zu of a schema has no name", it.index);
        if (lh_json_int(lh_json_get(it.value, "id"), -1) < 0) return lh_fail(err, LH_INVALID, "field '%.*s' has no id", LH_STR_ARG(name));
        LH_TRY(schema_check_type(lh_json_get(it.value, "type"), name, err));
        for (lh_json_iter other = lh_json_each(fields); lh_json_next(&other) && other.index < it.index;)
            if (lh_str_eq(lh_json_get_string(other.value, "name"), name) || lh_json_equal(lh_json_get(other.value, "id"), lh_json_get(it.value, "id")))
                return lh_fail(err, LH_INVALID, "field '%.*s' has the name or id of another", LH_STR_ARG(name));
    }
    return LH_OK;
}

/* ---- updates: schema ---- */

static bool schema_same(const lh_json *a, const lh_json *b) {
    const lh_json *ids_a = lh_json_get(a, "identifier-field-ids"), *ids_b = lh_json_get(b, "identifier-field-ids");
    bool same_ids = lh_json_size(ids_a) == 0 ? lh_json_size(ids_b) == 0 : lh_json_equal(ids_a, ids_b);
    return same_ids && lh_json_equal(lh_json_get(a, "fields"), lh_json_get(b, "fields"));
}

/* The id of an element that is the same, else one above the highest (at least `first`). */
static int64_t schema_pick_id(const lh_json *list, const char *id_name, const lh_json *item, bool (*same)(const lh_json *, const lh_json *), int64_t first, bool *ret_exists) {
    int64_t id = first;
    *ret_exists = false;
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) {
        int64_t have = lh_json_int(lh_json_get(it.value, id_name), 0);
        if (same(it.value, item)) return *ret_exists = true, have;
        if (have >= id) id = have + 1;
    }
    return id;
}

lh_code metadata_add_schema(metadata_change *change, const lh_json *update, lh_error *err) {
    const lh_json *schema = lh_json_get(update, "schema");
    LH_TRY(schema_check_fields(lh_json_get(schema, "fields"), err));
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "identifier-field-ids")); lh_json_next(&it);)
        if (!schema_has_field(lh_json_get(schema, "fields"), lh_json_int(it.value, -1)))
            return lh_fail(err, LH_INVALID, "identifier field %" PRId64 " is not in the schema", lh_json_int(it.value, -1));
    int64_t last = lh_json_int(lh_json_get(change->metadata, "last-column-id"), 0);
    int64_t highest = metadata_highest_field_id(lh_json_get(schema, "fields")), given = lh_json_int(lh_json_get(update, "last-column-id"), 0);
    if (given > highest) highest = given;
    if (highest > last) lh_json_set_int(change->arena, change->metadata, "last-column-id", highest);
    bool exists;
    int64_t id = schema_pick_id(lh_json_get(change->metadata, "schemas"), "schema-id", schema, schema_same, 0, &exists);
    if (!exists) {
        lh_json *copy = lh_json_copy(change->arena, schema);
        lh_json_set_string(change->arena, copy, "type", LH_STR("struct"));
        lh_json_set_int(change->arena, copy, "schema-id", id);
        lh_json_append(lh_json_get(change->metadata, "schemas"), copy);
    }
    change->last_schema = id;
    return LH_OK;
}

/* set-current-schema, set-default-spec, set-default-sort-order: -1 is the one added last. */
static lh_code metadata_set_default(metadata_change *change, const lh_json *update, const char *given, int64_t last, const char *list, const char *id_name, const char *member, lh_error *err) {
    if (!lh_json_is_int(lh_json_get(update, given))) return lh_fail(err, LH_INVALID, "an update lacks '%s'", given);
    int64_t id = lh_json_int(lh_json_get(update, given), -1);
    if (id == -1) id = last;
    if (id < 0) return lh_fail(err, LH_INVALID, "%s -1: none was added in this commit", given);
    if (!metadata_find(lh_json_get(change->metadata, list), id_name, id)) return lh_fail(err, LH_INVALID, "%s %" PRId64 " does not exist", given, id);
    lh_json_set_int(change->arena, change->metadata, member, id);
    return LH_OK;
}

lh_code metadata_set_current_schema(metadata_change *change, const lh_json *update, lh_error *err) {
    return metadata_set_default(change, update, "schema-id", change->last_schema, "schemas", "schema-id", "current-schema-id", err);
}
lh_code metadata_set_default_spec(metadata_change *change, const lh_json *update, lh_error *err) {
    return metadata_set_default(change, update, "spec-id", change->last_spec, "partition-specs", "spec-id", "default-spec-id", err);
}
lh_code metadata_set_default_sort_order(metadata_change *change, const lh_json *update, lh_error *err) {
    return metadata_set_default(change, update, "sort-order-id", change->last_order, "sort-orders", "order-id", "default-sort-order-id", err);
}

/* ---- updates: partition spec and sort order ---- */

static bool spec_same(const lh_json *a, const lh_json *b) { return lh_json_equal(lh_json_get(a, "fields"), lh_json_get(b, "fields")); }

/* Is the field in any schema that the table has? (A spec may name a column that a later schema dropped.) */
static bool metadata_knows_field(const lh_json *metadata, int64_t id) {
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "schemas")); lh_json_next(&it);)
        if (schema_has_field(lh_json_get(it.value, "fields"), id)) return true;
    return false;
}

static lh_code metadata_check_transform(metadata_change *change, const lh_json *field, const char *what, lh_error *err) {
    int64_t source = lh_json_int(lh_json_get(field, "source-id"), -1);
    const lh_json *sources = lh_json_get(field, "source-ids"); /* format 3 */
    if (source < 0 && lh_json_size(sources)) source = lh_json_int(lh_json_at(sources, 0), -1);
    if (!lh_json_is_string(lh_json_get(field, "transform"))) return lh_fail(err, LH_INVALID, "a field of a %s has no transform", what);
    if (!metadata_knows_field(change->metadata, source)) return lh_fail(err, LH_INVALID, "a field of a %s names unknown column %" PRId64, what, source);
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
    if (!lh_json_is_array(lh_json_get(given, "fields"))) return lh_fail(err, LH_INVALID, "a partition spec's 'fields' must be an array");
    lh_json *spec = lh_json_copy(change->arena, given);
    int64_t last = lh_json_int(lh_json_get(change->metadata, "last-partition-id"), 999);
    if (last < 999) last = 999;
    for (lh_json_iter it = lh_json_each(lh_json_get(spec, "fields")); lh_json_next(&it);) {
        LH_TRY(metadata_check_transform(change, it.value, "partition spec", err));
        if (lh_json_get_string(it.value, "name").len == 0) return lh_fail(err, LH_INVALID, "a partition field has no name");
        int64_t id = lh_json_int(lh_json_get(it.value, "field-id"), -1);
        if (id < 0) id = spec_field_id(change->metadata, it.value, last + 1);
        lh_json_set_int(change->arena, it.value, "field-id", id);
        if (id > last) last = id;
    }
    bool exists;
    int64_t id = schema_pick_id(lh_json_get(change->metadata, "partition-specs"), "spec-id", spec, spec_same, 0, &exists);
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
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) LH_TRY(metadata_check_transform(change, it.value, "sort order", err));
    bool exists;
    int64_t id = schema_pick_id(lh_json_get(change->metadata, "sort-orders"), "order-id", order, spec_same, 1, &exists);
    if (!exists && lh_json_size(fields) == 0) id = 0; /* "unsorted" is always order 0 */
    if (!exists) {
        lh_json *copy = lh_json_copy(change->arena, order);
        lh_json_set_int(change->arena, copy, "order-id", id);
        lh_json_append(lh_json_get(change->metadata, "sort-orders"), copy);
    }
    change->last_order = id;
    return LH_OK;
}

/* ---- create ---- */

/* Fresh ids: all fields of a struct first, then what is inside each, so that top-level columns are 1…n.
 * `renamed`: object of old id → new id. */
static void schema_fresh_type(lh_arena *arena, lh_json *type, int64_t *next, lh_json *renamed);

static int64_t schema_fresh_id(lh_arena *arena, lh_json *holder, const char *name, int64_t *next, lh_json *renamed) {
    int64_t old = lh_json_int(lh_json_get(holder, name), -1), fresh = ++*next;
    if (old >= 0) lh_json_put(arena, renamed, lh_arena_printf(arena, "%" PRId64, old), lh_json_new_int(arena, fresh));
    lh_json_set_int(arena, holder, name, fresh);
    return fresh;
}

static void schema_fresh_fields(lh_arena *arena, lh_json *fields, int64_t *next, lh_json *renamed) {
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) schema_fresh_id(arena, it.value, "id", next, renamed);
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) schema_fresh_type(arena, lh_json_get(it.value, "type"), next, renamed);
}

static void schema_fresh_type(lh_arena *arena, lh_json *type, int64_t *next, lh_json *renamed) {
    static const char *const ids[] = {"element-id", "key-id", "value-id"}, *const types[] = {"element", "key", "value"};
    if (!lh_json_is_object(type)) return;
    schema_fresh_fields(arena, lh_json_get(type, "fields"), next, renamed);
    for (int i = 0; i < 3; i++)
        if (lh_json_get(type, types[i])) schema_fresh_id(arena, type, ids[i], next, renamed);
    for (int i = 0; i < 3; i++)
        if (lh_json_get(type, types[i])) schema_fresh_type(arena, lh_json_get(type, types[i]), next, renamed);
}

static lh_json *schema_renamed(lh_arena *arena, const lh_json *renamed, const lh_json *old) {
    lh_str key = lh_arena_printf(arena, "%" PRId64, lh_json_int(old, -1));
    const lh_json *fresh = lh_json_get_str(renamed, key);
    return lh_json_copy(arena, fresh ? fresh : old);
}

static lh_json *metadata_update(lh_arena *arena, lh_json *updates, const char *action) {
    lh_json *update = lh_json_new_object(arena);
    lh_json_set_string(arena, update, "action", lh_str_from(action));
    lh_json_append(updates, update);
    return update;
}

/* The request's spec or order with source ids renamed; without one, an empty one. */
static lh_json *metadata_renamed_fields(lh_arena *arena, const lh_json *given, const char *id_name, const lh_json *renamed) {
    lh_json *item = lh_json_is_object(given) ? lh_json_copy(arena, given) : lh_json_new_object(arena);
    if (!lh_json_is_array(lh_json_get(item, "fields"))) lh_json_set(arena, item, "fields", lh_json_new_array(arena));
    lh_json_set_int(arena, item, id_name, 0);
    for (lh_json_iter it = lh_json_each(lh_json_get(item, "fields")); lh_json_next(&it);)
        if (lh_json_get(it.value, "source-id"))
            lh_json_set(arena, it.value, "source-id", schema_renamed(arena, renamed, lh_json_get(it.value, "source-id")));
    return item;
}

lh_code metadata_updates_for_create(lh_arena *arena, const lh_json *request, lh_str location, lh_json **ret, lh_error *err) {
    lh_json *updates = lh_json_new_array(arena), *renamed = lh_json_new_object(arena);
    lh_json *schema = lh_json_copy(arena, lh_json_get(request, "schema"));
    if (!lh_json_is_array(lh_json_get(schema, "fields"))) return lh_fail(err, LH_INVALID, "'schema' with 'fields' is missing");
    int64_t last = 0, format = 2;
    schema_fresh_fields(arena, lh_json_get(schema, "fields"), &last, renamed);
    const lh_json *identifiers = lh_json_get(schema, "identifier-field-ids");
    if (lh_json_is_array(identifiers)) {
        lh_json *fresh = lh_json_new_array(arena);
        for (lh_json_iter it = lh_json_each(identifiers); lh_json_next(&it);) lh_json_append(fresh, schema_renamed(arena, renamed, it.value));
        lh_json_set(arena, schema, "identifier-field-ids", fresh);
    }
    lh_json *properties = lh_json_is_object(lh_json_get(request, "properties")) ? lh_json_copy(arena, lh_json_get(request, "properties")) : lh_json_new_object(arena);
    lh_str wanted = lh_json_get_string(properties, "format-version");
    if (wanted.len && lh_str_to_i64(wanted, &format) != LH_OK) return lh_fail(err, LH_INVALID, "property 'format-version' is no number");
    lh_json_remove(properties, LH_STR("format-version"));
    lh_uuid uuid = lh_uuid_new();
    lh_json_set_string(arena, metadata_update(arena, updates, "assign-uuid"), "uuid", lh_uuid_str(&uuid));
    lh_json_set_int(arena, metadata_update(arena, updates, "upgrade-format-version"), "format-version", format);
    lh_json_set(arena, metadata_update(arena, updates, "add-schema"), "schema", schema);
    lh_json_set_int(arena, metadata_update(arena, updates, "set-current-schema"), "schema-id", -1);
    lh_json *spec = metadata_renamed_fields(arena, lh_json_get(request, "partition-spec"), "spec-id", renamed);
    for (lh_json_iter it = lh_json_each(lh_json_get(spec, "fields")); lh_json_next(&it);) lh_json_remove(it.value, LH_STR("field-id"));
    lh_json_set(arena, metadata_update(arena, updates, "add-spec"), "spec", spec);
    lh_json_set_int(arena, metadata_update(arena, updates, "set-default-spec"), "spec-id", -1);
    lh_json *order = metadata_renamed_fields(arena, lh_json_get(request, "write-order"), "order-id", renamed);
    lh_json_set(arena, metadata_update(arena, updates, "add-sort-order"), "sort-order", order);
    lh_json_set_int(arena, metadata_update(arena, updates, "set-default-sort-order"), "sort-order-id", -1);
    lh_json_set_string(arena, metadata_update(arena, updates, "set-location"), "location", location);
    lh_json_set(arena, metadata_update(arena, updates, "set-properties"), "updates", properties);
    *ret = updates;
    return lh_arena_check(arena, err);
}
