/* Schemas of table metadata: what makes one valid, add-schema, set-current-schema.
 *
 * A type is a name ("long", "decimal(9,2)") or an object: struct {fields}, list {element-id, element},
 * map {key-id, key, value-id, value}. Field ids are unique over the whole tree. An added schema that equals one that is
 * there already takes that one's id (as Iceberg's reference implementation does; specs and orders likewise). */
#include "catalog/table_metadata_internal.h"

/* ---- walking a type ---- */

static int64_t schema_highest_in_type(const lh_json *type);

int64_t metadata_highest_field_id(const lh_json *fields) {
    int64_t highest = 0;
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        int64_t id = lh_json_int(lh_json_get(it.value, "id"), 0),
                inner = schema_highest_in_type(lh_json_get(it.value, "type"));
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

static bool schema_type_has_field(const lh_json *type, int64_t id) {
    static const char *const ids[] = {"element-id", "key-id", "value-id"}, *const types[] = {"element", "key", "value"};
    if (metadata_has_field(lh_json_get(type, "fields"), id)) return true;
    for (int i = 0; i < 3; i++) {
        const lh_json *inner = lh_json_get(type, types[i]);
        if (lh_json_int(lh_json_get(type, ids[i]), 0) == id || (inner && schema_type_has_field(inner, id))) return true;
    }
    return false;
}

bool metadata_has_field(const lh_json *fields, int64_t id) {
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, "id"), 0) == id ||
            schema_type_has_field(lh_json_get(it.value, "type"), id))
            return true;
    return false;
}

/* ---- checking ---- */

typedef struct schema_check {
    lh_arena *arena;
    int64_t format;
    int64_t *ids; /* of all fields so far; arena */
    size_t count, room;
} schema_check;

/* "fixed[16]" with '[' → 16; "decimal(9, 2)" with '(' → 9 and 2. */
static bool schema_type_numbers(lh_str type, lh_str name, char open, uint64_t *first, uint64_t *second) {
    lh_str rest = lh_str_sub(type, name.len, SIZE_MAX);
    if (!lh_str_starts(type, name) || rest.len < 3 || rest.ptr[0] != open) return false;
    if (rest.ptr[rest.len - 1] != (open == '(' ? ')' : ']')) return false;
    rest = lh_str_sub(rest, 1, rest.len - 2);
    if (!second) return lh_str_to_u64(lh_str_trim(rest), first) == LH_OK;
    lh_str head = lh_str_split(&rest, ',');
    return lh_str_to_u64(lh_str_trim(head), first) == LH_OK && lh_str_to_u64(lh_str_trim(rest), second) == LH_OK;
}

/* The format that brought a primitive type; 0 for none. */
static int64_t schema_primitive_format(lh_str type) {
    static const char *const old[] = {"boolean", "int",       "long",        "float",  "double", "date",
                                      "time",    "timestamp", "timestamptz", "string", "uuid",   "binary"};
    static const char *const third[] = {"timestamp_ns", "timestamptz_ns", "unknown",
                                        "variant",      "geometry",       "geography"};
    uint64_t first, second;
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        if (lh_str_eq(type, lh_str_from(old[i]))) return 1;
    for (size_t i = 0; i < sizeof third / sizeof *third; i++)
        if (lh_str_eq(type, lh_str_from(third[i]))) return 3;
    if (schema_type_numbers(type, LH_STR("fixed"), '[', &first, NULL)) return 1;
    if (schema_type_numbers(type, LH_STR("decimal"), '(', &first, &second))
        return first >= 1 && first <= 38 && second <= first;
    bool geo = lh_str_starts(type, LH_STR("geometry(")) || lh_str_starts(type, LH_STR("geography("));
    return geo && lh_str_ends(type, LH_STR(")")) ? 3 : 0;
}

static lh_code schema_take_id(schema_check *check, const lh_json *id, lh_str field, lh_error *err) {
    if (!lh_json_is_int(id) || lh_json_int(id, -1) < 0 || lh_json_int(id, -1) > INT32_MAX)
        return lh_fail(err, LH_INVALID, "field '%.*s' has no valid id", LH_STR_ARG(field));
    if (check->count == check->room) {
        size_t room = check->room ? check->room * 2 : 256;
        int64_t *grown = LH_ARENA_ARRAY(check->arena, int64_t, room);
        if (!grown) return lh_arena_check(check->arena, err);
        if (check->count) memcpy(grown, check->ids, check->count * sizeof *grown);
        check->ids = grown;
        check->room = room;
    }
    check->ids[check->count++] = lh_json_int(id, -1);
    return LH_OK;
}

static lh_code schema_check_fields(schema_check *check, const lh_json *fields, lh_error *err);

static lh_code schema_check_type(schema_check *check, const lh_json *type, lh_str field, lh_error *err) {
    if (lh_json_is_string(type)) {
        lh_str name = lh_json_str(type, LH_STR_NONE);
        int64_t format = schema_primitive_format(name);
        if (format == 0)
            return lh_fail(err, LH_INVALID, "field '%.*s' has unknown type '%.*s'", LH_STR_ARG(field),
                           LH_STR_ARG(name));
        if (format <= check->format) return LH_OK;
        return lh_fail(err, LH_INVALID, "field '%.*s': type %.*s needs format-version %" PRId64, LH_STR_ARG(field),
                       LH_STR_ARG(name), format);
    }
    lh_str kind = lh_json_get_string(type, "type");
    if (lh_str_eq(kind, LH_STR("struct"))) return schema_check_fields(check, lh_json_get(type, "fields"), err);
    if (lh_str_eq(kind, LH_STR("list"))) {
        LH_TRY(schema_take_id(check, lh_json_get(type, "element-id"), field, err));
        return schema_check_type(check, lh_json_get(type, "element"), field, err);
    }
    if (!lh_str_eq(kind, LH_STR("map")))
        return lh_fail(err, LH_INVALID, "field '%.*s' has no valid type", LH_STR_ARG(field));
    LH_TRY(schema_take_id(check, lh_json_get(type, "key-id"), field, err));
    LH_TRY(schema_take_id(check, lh_json_get(type, "value-id"), field, err));
    LH_TRY(schema_check_type(check, lh_json_get(type, "key"), field, err));
    return schema_check_type(check, lh_json_get(type, "value"), field, err);
}

static int schema_compare_ids(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static lh_code schema_check_fields(schema_check *check, const lh_json *fields, lh_error *err) {
    if (!lh_json_is_array(fields)) return lh_fail(err, LH_INVALID, "a schema's 'fields' must be an array");
    size_t count = lh_json_size(fields);
    lh_str *names = LH_ARENA_ARRAY(check->arena, lh_str, count + 1);
    if (!names) return lh_arena_check(check->arena, err);
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        lh_str name = names[it.index] = lh_json_get_string(it.value, "name");
        if (name.len == 0) return lh_fail(err, LH_INVALID, "field %zu of a schema has no name", it.index);
        LH_TRY(schema_take_id(check, lh_json_get(it.value, "id"), name, err));
        LH_TRY(schema_check_type(check, lh_json_get(it.value, "type"), name, err));
        if (check->format < 3 && !lh_json_is_null(lh_json_get(it.value, "initial-default")))
            return lh_fail(err, LH_INVALID, "field '%.*s': initial-default needs format-version 3", LH_STR_ARG(name));
    }
    qsort(names, count, sizeof *names, lh_str_order);
    for (size_t i = 1; i < count; i++)
        if (lh_str_eq(names[i - 1], names[i]))
            return lh_fail(err, LH_INVALID, "a schema has two fields '%.*s'", LH_STR_ARG(names[i]));
    return LH_OK;
}

lh_code metadata_check_schema(lh_arena *arena, const lh_json *schema, int64_t format, lh_error *err) {
    schema_check check = {.arena = arena, .format = format};
    LH_TRY(schema_check_fields(&check, lh_json_get(schema, "fields"), err));
    if (check.count) qsort(check.ids, check.count, sizeof *check.ids, schema_compare_ids);
    for (size_t i = 1; i < check.count; i++)
        if (check.ids[i - 1] == check.ids[i])
            return lh_fail(err, LH_INVALID, "a schema has two fields of id %" PRId64, check.ids[i]);
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "identifier-field-ids")); lh_json_next(&it);) {
        int64_t id = lh_json_int(it.value, -1);
        if (!metadata_has_field(lh_json_get(schema, "fields"), id))
            return lh_fail(err, LH_INVALID, "identifier field %" PRId64 " is not in the schema", id);
        const lh_json *field = metadata_find(lh_json_get(schema, "fields"), "id", id); /* NULL: within a struct */
        if (field && !lh_json_bool(lh_json_get(field, "required"), false))
            return lh_fail(err, LH_INVALID, "identifier field %" PRId64 " must be a required column", id);
    }
    return LH_OK;
}

/* ---- updates: schema ---- */

static bool schema_same(const lh_json *a, const lh_json *b) {
    const lh_json *ids_a = lh_json_get(a, "identifier-field-ids"), *ids_b = lh_json_get(b, "identifier-field-ids");
    bool same_ids = lh_json_size(ids_a) == 0 ? lh_json_size(ids_b) == 0 : lh_json_equal(ids_a, ids_b);
    return same_ids && lh_json_equal(lh_json_get(a, "fields"), lh_json_get(b, "fields"));
}

int64_t metadata_pick_id(const lh_json *list, const char *id_name, const lh_json *item,
                         bool (*same)(const lh_json *, const lh_json *), int64_t first, bool *ret_exists) {
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
    LH_TRY(metadata_check_schema(change->arena, schema, metadata_format(change->metadata), err));
    int64_t last = lh_json_int(lh_json_get(change->metadata, "last-column-id"), 0);
    int64_t highest = metadata_highest_field_id(lh_json_get(schema, "fields")),
            given = lh_json_int(lh_json_get(update, "last-column-id"), 0);
    if (given > highest) highest = given;
    if (highest > last) lh_json_set_int(change->arena, change->metadata, "last-column-id", highest);
    bool exists;
    int64_t id =
        metadata_pick_id(lh_json_get(change->metadata, "schemas"), "schema-id", schema, schema_same, 0, &exists);
    if (!exists) {
        lh_json *copy = lh_json_copy(change->arena, schema);
        lh_json_set_string(change->arena, copy, "type", LH_STR("struct"));
        lh_json_set_int(change->arena, copy, "schema-id", id);
        lh_json_append(lh_json_get(change->metadata, "schemas"), copy);
    }
    change->last_schema = id;
    change->given_schema = lh_json_int(lh_json_get(schema, "schema-id"), -1);
    return LH_OK;
}

int64_t metadata_named_schema(const metadata_change *change, int64_t id) {
    return id >= 0 && id == change->given_schema ? change->last_schema : metadata_shown_schema(id);
}

lh_code metadata_set_default(metadata_change *change, const lh_json *update, const char *given, int64_t last,
                             const char *list, const char *id_name, const char *member, lh_error *err) {
    if (!lh_json_is_int(lh_json_get(update, given))) return lh_fail(err, LH_INVALID, "an update lacks '%s'", given);
    int64_t id = lh_json_int(lh_json_get(update, given), -1);
    if (id == -1) id = last;
    if (id < 0) return lh_fail(err, LH_INVALID, "%s -1: none was added in this commit", given);
    if (!metadata_find(lh_json_get(change->metadata, list), id_name, id))
        return lh_fail(err, LH_INVALID, "%s %" PRId64 " does not exist", given, id);
    lh_json_set_int(change->arena, change->metadata, member, id);
    change->reshaped = true;
    return LH_OK;
}

lh_code metadata_set_current_schema(metadata_change *change, const lh_json *update, lh_error *err) {
    int64_t given = lh_json_int(lh_json_get(update, "schema-id"), -1), id = metadata_named_schema(change, given);
    lh_json *named = lh_json_copy(change->arena, update);
    if (id != given) lh_json_set_int(change->arena, named, "schema-id", id);
    return metadata_set_default(change, named, "schema-id", change->last_schema, "schemas", "schema-id",
                                "current-schema-id", err);
}

/* ---- ids as DuckDB is shown them ---- */

enum { SCHEMA_SHOWN_FIRST = 1 << 30 }; /* plus the schema's own id, so that it tells which was current */

int64_t metadata_shown_schema(int64_t id) { return id >= SCHEMA_SHOWN_FIRST ? id - SCHEMA_SHOWN_FIRST : id; }

static void table_show_schema(lh_json *metadata, lh_arena *arena) {
    lh_json *schemas = lh_json_get(metadata, "schemas");
    int64_t current = lh_json_int(lh_json_get(metadata, "current-schema-id"), -1), highest = current;
    for (lh_json_iter it = lh_json_each(schemas); lh_json_next(&it);) {
        int64_t id = lh_json_int(lh_json_get(it.value, "schema-id"), 0);
        if (id > highest) highest = id;
    }
    const lh_json *schema = metadata_find(schemas, "schema-id", current);
    if (!schema || highest == current || highest >= SCHEMA_SHOWN_FIRST) return;
    lh_json *copy = lh_json_copy(arena, schema);
    lh_json_set_int(arena, copy, "schema-id", SCHEMA_SHOWN_FIRST + current);
    lh_json_append(schemas, copy);
    lh_json_set_int(arena, metadata, "current-schema-id", SCHEMA_SHOWN_FIRST + current);
}

/* Times in the list that are beyond `now_ms` become the latest that is not. */
static void table_show_past(lh_json *list, int64_t now_ms, lh_arena *arena) {
    int64_t past = 0;
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) {
        int64_t at = lh_json_int(lh_json_get(it.value, "timestamp-ms"), 0);
        if (at > past && at <= now_ms) past = at;
    }
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, "timestamp-ms"), 0) > now_ms)
            lh_json_set_int(arena, it.value, "timestamp-ms", past);
}

void lh_table_show_to_duckdb(lh_json *answer, lh_arena *arena) {
    lh_json *metadata = lh_json_get(answer, "metadata");
    int64_t now_ms = lh_time_now_ms();
    table_show_schema(metadata, arena);
    if (lh_json_int(lh_json_get(metadata, "last-updated-ms"), 0) <= now_ms) return;
    lh_json_set_int(arena, metadata, "last-updated-ms", 0);
    table_show_past(lh_json_get(metadata, "snapshots"), now_ms, arena);
    table_show_past(lh_json_get(metadata, "snapshot-log"), now_ms, arena);
}
