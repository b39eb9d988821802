/* Iceberg's JSON types ↔ the tree of types.c. */
#include "ingest/ingest_internal.h"

static const struct {
    const char *name;
    ingest_kind kind;
} iceberg_names[] = {
    {"boolean", INGEST_BOOLEAN},
    {"int", INGEST_INTEGER},
    {"long", INGEST_BIGINT},
    {"float", INGEST_FLOAT},
    {"double", INGEST_DOUBLE},
    {"date", INGEST_DATE},
    {"time", INGEST_TIME},
    {"timestamp", INGEST_TIMESTAMP},
    {"timestamptz", INGEST_TIMESTAMPTZ},
    {"string", INGEST_VARCHAR},
    {"uuid", INGEST_UUID},
    {"binary", INGEST_BLOB},
    {"timestamp_ns", INGEST_TIMESTAMP_NS},
};

static lh_code iceberg_primitive(lh_str name, ingest_type *type, lh_arena *arena, lh_error *err) {
    for (size_t i = 0; i < sizeof iceberg_names / sizeof *iceberg_names; i++)
        if (lh_str_eq(name, lh_str_from(iceberg_names[i].name))) {
            type->kind = iceberg_names[i].kind;
            return LH_OK;
        }
    if (lh_str_starts(name, LH_STR("fixed["))) {
        type->kind = INGEST_BLOB;
        return LH_OK;
    }
    ingest_type *decimal = NULL;
    if (!lh_str_starts(name, LH_STR("decimal(")) || ingest_type_parse(name, arena, &decimal, NULL) != LH_OK)
        return lh_fail(err, LH_INVALID, "the table has a column of type %.*s, which ingest cannot write",
                       LH_STR_ARG(lh_str_sub(name, 0, 100)));
    *type = *decimal;
    return LH_OK;
}

static lh_code iceberg_nested(const lh_json *json, unsigned depth, lh_arena *arena, ingest_type **ret, lh_error *err);

static lh_code iceberg_struct(const lh_json *fields, unsigned depth, ingest_type *type, lh_arena *arena,
                              lh_error *err) {
    type->kind = INGEST_STRUCT;
    type->fields = LH_ARENA_ARRAY(arena, ingest_field, lh_json_size(fields) + 1);
    if (!type->fields) return lh_arena_check(arena, err);
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        ingest_field *field = &type->fields[type->count++];
        field->name = lh_json_get_string(it.value, "name");
        LH_TRY(iceberg_nested(lh_json_get(it.value, "type"), depth + 1, arena, &field->type, err));
    }
    return LH_OK;
}

static lh_code iceberg_nested(const lh_json *json, unsigned depth, lh_arena *arena, ingest_type **ret, lh_error *err) {
    ingest_type *type = ingest_type_new(INGEST_OTHER, arena);
    if (!type) return lh_arena_check(arena, err);
    if (depth > INGEST_TYPE_DEPTH_MAX)
        return lh_fail(err, LH_LIMIT, "types are nested deeper than %d", INGEST_TYPE_DEPTH_MAX);
    lh_str word = lh_json_is_string(json) ? lh_json_str(json, LH_STR_NONE) : lh_json_get_string(json, "type");
    if (lh_json_is_string(json)) {
        LH_TRY(iceberg_primitive(word, type, arena, err));
    } else if (lh_str_eq(word, LH_STR("struct"))) {
        LH_TRY(iceberg_struct(lh_json_get(json, "fields"), depth, type, arena, err));
    } else if (lh_str_eq(word, LH_STR("list")) || lh_str_eq(word, LH_STR("map"))) {
        bool map = word.ptr[0] == 'm';
        type->kind = map ? INGEST_MAP : INGEST_LIST;
        type->count = map ? 2 : 1;
        type->fields = LH_ARENA_ARRAY(arena, ingest_field, type->count);
        if (!type->fields) return lh_arena_check(arena, err);
        LH_TRY(
            iceberg_nested(lh_json_get(json, map ? "key" : "element"), depth + 1, arena, &type->fields[0].type, err));
        type->fields[0].name = map ? LH_STR("key") : LH_STR("element");
        if (map) LH_TRY(iceberg_nested(lh_json_get(json, "value"), depth + 1, arena, &type->fields[1].type, err));
        if (map) type->fields[1].name = LH_STR("value");
    } else {
        return lh_fail(err, LH_INVALID, "the table has a column of a type that ingest cannot write");
    }
    *ret = type;
    return LH_OK;
}

lh_code ingest_type_from_iceberg(const lh_json *json, lh_arena *arena, ingest_type **ret, lh_error *err) {
    return iceberg_nested(json, 0, arena, ret, err);
}

static lh_json *iceberg_field(const ingest_field *field, int64_t id, int64_t *next_id, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena);
    lh_json_set_int(arena, json, "id", id);
    lh_json_set_string(arena, json, "name", field->name);
    lh_json_set_bool(arena, json, "required", false);
    lh_json_set(arena, json, "type", ingest_type_to_iceberg(field->type, next_id, arena));
    return json;
}

lh_json *ingest_type_to_iceberg(const ingest_type *type, int64_t *next_id, lh_arena *arena) {
    if (type->kind == INGEST_DECIMAL)
        return lh_json_new_string(arena, lh_arena_printf(arena, "decimal(%u, %u)", type->precision, type->scale));
    if (type->kind != INGEST_STRUCT && type->kind != INGEST_LIST && type->kind != INGEST_MAP) {
        for (size_t i = 0; i < sizeof iceberg_names / sizeof *iceberg_names; i++)
            if (iceberg_names[i].kind == type->kind)
                return lh_json_new_string(arena, lh_str_from(iceberg_names[i].name));
        return lh_json_new_string(arena, LH_STR("string"));
    }
    lh_json *json = lh_json_new_object(arena);
    int64_t first = *next_id;
    *next_id += (int64_t)type->count; /* ids of this level before those of the levels below it */
    if (type->kind == INGEST_STRUCT) {
        lh_json *fields = lh_json_new_array(arena);
        for (size_t i = 0; i < type->count; i++)
            lh_json_append(fields, iceberg_field(&type->fields[i], first + (int64_t)i, next_id, arena));
        lh_json_set_string(arena, json, "type", LH_STR("struct"));
        lh_json_set(arena, json, "fields", fields);
        return json;
    }
    bool map = type->kind == INGEST_MAP;
    lh_json_set_string(arena, json, "type", map ? LH_STR("map") : LH_STR("list"));
    lh_json_set_int(arena, json, map ? "key-id" : "element-id", first);
    lh_json_set(arena, json, map ? "key" : "element", ingest_type_to_iceberg(type->fields[0].type, next_id, arena));
    if (map) lh_json_set_int(arena, json, "value-id", first + 1);
    if (map) lh_json_set(arena, json, "value", ingest_type_to_iceberg(type->fields[1].type, next_id, arena));
    lh_json_set_bool(arena, json, map ? "value-required" : "element-required", false);
    return json;
}
