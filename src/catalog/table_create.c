/* CREATE TABLE as a list of updates: a CreateTableRequest's schema gets fresh field ids, its spec and order follow them,
 * and the first metadata is built by the same updates as every later one. */
#include "catalog/table_metadata_internal.h"

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
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);)
        schema_fresh_id(arena, it.value, "id", next, renamed);
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);)
        schema_fresh_type(arena, lh_json_get(it.value, "type"), next, renamed);
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
static lh_json *metadata_renamed_fields(lh_arena *arena, const lh_json *given, const char *id_name,
                                        const lh_json *renamed) {
    lh_json *item = lh_json_is_object(given) ? lh_json_copy(arena, given) : lh_json_new_object(arena);
    if (!lh_json_is_array(lh_json_get(item, "fields"))) lh_json_set(arena, item, "fields", lh_json_new_array(arena));
    lh_json_set_int(arena, item, id_name, 0);
    for (lh_json_iter it = lh_json_each(lh_json_get(item, "fields")); lh_json_next(&it);)
        if (lh_json_get(it.value, "source-id"))
            lh_json_set(arena, it.value, "source-id",
                        schema_renamed(arena, renamed, lh_json_get(it.value, "source-id")));
    return item;
}

lh_code metadata_updates_for_create(lh_arena *arena, const lh_json *request, lh_str location, lh_json **ret,
                                    lh_error *err) {
    lh_json *updates = lh_json_new_array(arena), *renamed = lh_json_new_object(arena);
    lh_json *schema = lh_json_copy(arena, lh_json_get(request, "schema"));
    if (!lh_json_is_array(lh_json_get(schema, "fields")))
        return lh_fail(err, LH_INVALID, "'schema' with 'fields' is missing");
    int64_t last = 0, format = 2;
    schema_fresh_fields(arena, lh_json_get(schema, "fields"), &last, renamed);
    const lh_json *identifiers = lh_json_get(schema, "identifier-field-ids");
    if (lh_json_is_array(identifiers)) {
        lh_json *fresh = lh_json_new_array(arena);
        for (lh_json_iter it = lh_json_each(identifiers); lh_json_next(&it);)
            lh_json_append(fresh, schema_renamed(arena, renamed, it.value));
        lh_json_set(arena, schema, "identifier-field-ids", fresh);
    }
    lh_str wanted = lh_json_get_string(lh_json_get(request, "properties"), "format-version");
    if (wanted.len && lh_str_to_i64(wanted, &format) != LH_OK)
        return lh_fail(err, LH_INVALID, "property 'format-version' is no number");
    lh_json *properties = lh_json_new_object(arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(request, "properties")); lh_json_next(&it);)
        if (!metadata_is_reserved(it.name)) lh_json_put(arena, properties, it.name, lh_json_copy(arena, it.value));
    lh_uuid uuid = lh_uuid_new();
    lh_json_set_string(arena, metadata_update(arena, updates, "assign-uuid"), "uuid", lh_uuid_str(&uuid));
    lh_json_set_int(arena, metadata_update(arena, updates, "upgrade-format-version"), "format-version", format);
    lh_json_set(arena, metadata_update(arena, updates, "add-schema"), "schema", schema);
    lh_json_set_int(arena, metadata_update(arena, updates, "set-current-schema"), "schema-id", -1);
    lh_json *spec = metadata_renamed_fields(arena, lh_json_get(request, "partition-spec"), "spec-id", renamed);
    for (lh_json_iter it = lh_json_each(lh_json_get(spec, "fields")); lh_json_next(&it);)
        lh_json_remove(it.value, LH_STR("field-id"));
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
