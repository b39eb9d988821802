/* Schema evolution by ourselves, for an append whose file has more or wider columns: builds an ordinary
 * CommitTableRequest (add-schema, set-current-schema) with the requirement that the current schema is the one that was
 * read, so that a concurrent change of the schema is seen and the evolution made again from the new one. */
#include "catalog/catalog_internal.h"

#include <stdio.h>

/* decimal(P, S) → its numbers. */
static bool evolve_decimal(lh_str type, uint64_t *precision, uint64_t *scale) {
    if (!lh_str_starts(type, LH_STR("decimal(")) || !lh_str_ends(type, LH_STR(")"))) return false;
    lh_str rest = lh_str_sub(type, 8, type.len - 9), first = lh_str_split(&rest, ',');
    return lh_str_to_u64(lh_str_trim(first), precision) == LH_OK && lh_str_to_u64(lh_str_trim(rest), scale) == LH_OK;
}

/* Iceberg spec, "Schema evolution": what readers of old files can still read. */
static bool evolve_may_widen(lh_str from, lh_str to) {
    uint64_t p1, s1, p2, s2;
    if (lh_str_eq(from, LH_STR("int")) && lh_str_eq(to, LH_STR("long"))) return true;
    if (lh_str_eq(from, LH_STR("float")) && lh_str_eq(to, LH_STR("double"))) return true;
    return evolve_decimal(from, &p1, &s1) && evolve_decimal(to, &p2, &s2) && s1 == s2 && p2 > p1 && p2 <= 38;
}

static lh_json *evolve_field(const lh_json *schema, lh_str name) {
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "name"), name)) return it.value;
    return NULL;
}

/* A copy of `type` whose inner fields have ids from *last + 1 on. */
static void evolve_number(lh_arena *arena, lh_json *type, int64_t *last) {
    static const char *const ids[] = {"element-id", "key-id", "value-id"}, *const types[] = {"element", "key", "value"};
    if (!lh_json_is_object(type)) return;
    for (lh_json_iter it = lh_json_each(lh_json_get(type, "fields")); lh_json_next(&it);)
        lh_json_set_int(arena, it.value, "id", ++*last);
    for (lh_json_iter it = lh_json_each(lh_json_get(type, "fields")); lh_json_next(&it);)
        evolve_number(arena, lh_json_get(it.value, "type"), last);
    for (int i = 0; i < 3; i++)
        if (lh_json_get(type, types[i]))
            lh_json_set_int(arena, type, ids[i], ++*last), evolve_number(arena, lh_json_get(type, types[i]), last);
}

static lh_code evolve_apply(lh_arena *arena, lh_json *schema, int64_t *last, const lh_json *add, const lh_json *widen,
                            lh_error *err) {
    for (lh_json_iter it = lh_json_each(widen); lh_json_next(&it);) {
        lh_str name = lh_json_get_string(it.value, "name"), to = lh_json_get_string(it.value, "type");
        lh_json *field = evolve_field(schema, name);
        if (!field) return lh_fail(err, LH_INVALID, "column '%.*s' does not exist", LH_STR_ARG(name));
        lh_str from = lh_json_get_string(field, "type");
        if (lh_str_eq(from, to)) continue;
        if (!evolve_may_widen(from, to))
            return lh_fail(err, LH_INVALID, "column '%.*s' cannot change from %.*s to %.*s", LH_STR_ARG(name),
                           LH_STR_ARG(from), LH_STR_ARG(to));
        lh_json_set_string(arena, field, "type", to);
    }
    for (lh_json_iter it = lh_json_each(add); lh_json_next(&it);) {
        lh_str name = lh_json_get_string(it.value, "name");
        if (evolve_field(schema, name)) continue; /* another writer added it */
        lh_json *field = lh_json_new_object(arena), *type = lh_json_copy(arena, lh_json_get(it.value, "type"));
        lh_json_set_int(arena, field, "id", ++*last);
        lh_json_set_string(arena, field, "name", name);
        lh_json_set_bool(arena, field, "required", false);
        evolve_number(arena, type, last);
        lh_json_set(arena, field, "type", type);
        if (lh_json_get(it.value, "doc"))
            lh_json_set(arena, field, "doc", lh_json_copy(arena, lh_json_get(it.value, "doc")));
        lh_json_append(lh_json_get(schema, "fields"), field);
    }
    return lh_arena_check(arena, err);
}

static lh_json *evolve_request(lh_arena *arena, const lh_json *metadata, lh_json *schema, int64_t last) {
    lh_json *request = lh_json_new_object(arena), *requirements = lh_json_new_array(arena),
            *updates = lh_json_new_array(arena);
    lh_json *requirement = lh_json_new_object(arena), *added = lh_json_new_object(arena),
            *current = lh_json_new_object(arena);
    lh_json_set_string(arena, requirement, "type", LH_STR("assert-current-schema-id"));
    lh_json_set(arena, requirement, "current-schema-id",
                lh_json_copy(arena, lh_json_get(metadata, "current-schema-id")));
    lh_json_append(requirements, requirement);
    lh_json_set_string(arena, added, "action", LH_STR("add-schema"));
    lh_json_set(arena, added, "schema", schema);
    lh_json_set_int(arena, added, "last-column-id", last);
    lh_json_append(updates, added);
    lh_json_set_string(arena, current, "action", LH_STR("set-current-schema"));
    lh_json_set_int(arena, current, "schema-id", -1);
    lh_json_append(updates, current);
    lh_json_set(arena, request, "requirements", requirements);
    lh_json_set(arena, request, "updates", updates);
    return request;
}

lh_code lh_table_evolve(lh_catalog *catalog, lh_table_name name, const lh_json *add, const lh_json *widen,
                        lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_METADATA_BYTES, &arena, err));
        catalog_table table;
        lh_json *metadata = NULL, *answer = NULL;
        LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
        lh_json *schema = lh_json_copy(arena, metadata_current_schema(metadata));
        int64_t last = lh_json_int(lh_json_get(metadata, "last-column-id"), 0);
        LH_TRY(evolve_apply(arena, schema, &last, add, widen, err));
        lh_code code =
            lh_table_commit(catalog, name, evolve_request(arena, metadata, schema, last), false, arena, &answer, err);
        if (code != LH_CONFLICT || tries == 10) return code;
    }
}
