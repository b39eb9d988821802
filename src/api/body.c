/* Members of a JSON request body. */
#include "api/schemas.h"

#include <stdio.h>

/* ---- types, as the OpenAPI document has them ---- */

enum { BODY_PATH_BYTES = 200 };

typedef struct body_kind {
    const char *type;
    lh_json_type is, or_is;
    const char *words;
} body_kind;

/* Of the types that schemas.h lists; words, times and files are texts. */
static const body_kind *body_kind_of(lh_str type) {
    static const body_kind kinds[] = {{"object", LH_JSON_OBJECT, LH_JSON_OBJECT, "an object"},
                                      {"integer", LH_JSON_INT, LH_JSON_INT, "a whole number"},
                                      {"number", LH_JSON_INT, LH_JSON_REAL, "a number"},
                                      {"boolean", LH_JSON_BOOL, LH_JSON_BOOL, "true or false"}};
    static const body_kind array = {"[", LH_JSON_ARRAY, LH_JSON_ARRAY, "an array"},
                           text = {"string", LH_JSON_STRING, LH_JSON_STRING, "a text"};
    if (type.ptr[0] == '[') return &array;
    if (type.ptr[0] == '$') return &kinds[0];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (lh_str_eq(type, lh_str_from(kinds[i].type))) return &kinds[i];
    return &text;
}

static lh_code body_check_value(const lh_json *value, lh_str type, const char *path, lh_error *err);

/* Members that it does not know, and those that are absent, are the handler's to name. */
static lh_code body_check_members(const lh_json *object, const api_schema *schema, const char *path, lh_error *err) {
    char name[BODY_PATH_BYTES];
    for (size_t i = 0; i < schema->member_count; i++) {
        const api_member *member = &schema->members[i];
        snprintf(name, sizeof name, "%s%s%s", path, path[0] ? "." : "", member->name);
        LH_TRY(body_check_value(lh_json_get(object, member->name), lh_str_from(member->type), name, err));
    }
    return LH_OK;
}

/* NULL is as good as absent. Schemas may stand in each other, values only as deep as JSON does. */
static lh_code body_check_value(const lh_json *value, lh_str type, const char *path, lh_error *err) {
    char name[BODY_PATH_BYTES];
    if (lh_json_is_null(value) || lh_str_eq(type, LH_STR("any"))) return LH_OK;
    const body_kind *kind = body_kind_of(type);
    if (lh_json_type_of(value) != kind->is && lh_json_type_of(value) != kind->or_is)
        return lh_fail(err, LH_INVALID, "'%s' must be %s", path, kind->words);
    if (type.ptr[0] == '$') return body_check_members(value, api_schema_find(type.ptr + 1), path, err);
    if (type.ptr[0] != '[') return LH_OK;
    for (lh_json_iter it = lh_json_each(value); lh_json_next(&it);) {
        snprintf(name, sizeof name, "%s[%zu]", path, it.index);
        LH_TRY(body_check_value(it.value, lh_str_sub(type, 1, SIZE_MAX), name, err));
    }
    return LH_OK;
}

lh_code api_body_check_types(const api_route *route, const lh_json *body, lh_error *err) {
    const api_schema *schema = api_schema_find(route->request);
    return lh_json_is_object(body) ? body_check_members(body, schema, "", err) : LH_OK;
}

/* ---- members ---- */

lh_code lh_body_check_object(const lh_json *body, lh_error *err) {
    return lh_json_is_object(body) ? LH_OK : lh_fail(err, LH_INVALID, "the request body must be a JSON object");
}

static lh_code body_check_known(const lh_json *body, const char *const *known, size_t count, bool null_is_absent,
                                lh_error *err) {
    LH_TRY(lh_body_check_object(body, err));
    uint64_t seen = 0; /* two members of one name: two readers could take two of them */
    for (lh_json_iter it = lh_json_each(body); lh_json_next(&it);) {
        uint64_t found = 0;
        for (size_t i = 0; i < count && i < 64; i++)
            if (lh_str_eq(it.name, lh_str_from(known[i]))) found = UINT64_C(1) << i;
        if (found & seen) return lh_fail(err, LH_INVALID, "field '%.*s' stands twice", LH_STR_ARG(it.name));
        seen |= found;
        if (found || (null_is_absent && lh_json_is_null(it.value))) continue;
        LH_CLEANUP(lh_buf_done) lh_buf names = LH_BUF_INIT(LH_ERROR_MESSAGE_BYTES);
        for (size_t i = 0; i < count; i++) lh_buf_printf(&names, i ? ", %s" : "%s", known[i]);
        return lh_fail(err, LH_INVALID, "unknown field '%.*s'; known: %.*s", LH_STR_ARG(lh_str_cut_utf8(it.name, 50)),
                       LH_STR_ARG(lh_buf_str(&names)));
    }
    return LH_OK;
}

lh_code lh_body_check(const lh_json *body, const char *const *known, size_t count, lh_error *err) {
    return body_check_known(body, known, count, false, err);
}

lh_code lh_body_check_given(const lh_json *body, const char *const *known, size_t count, lh_error *err) {
    return body_check_known(body, known, count, true, err);
}

lh_code lh_body_uint(const lh_json *body, const char *name, uint64_t otherwise, uint64_t *ret, lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    int64_t number = lh_json_int(value, -1);
    if (!lh_json_is_null(value) && number < 0)
        return lh_fail(err, LH_INVALID, "'%s' must be a whole number, 0 or more", name);
    *ret = lh_json_is_null(value) ? otherwise : (uint64_t)number;
    return LH_OK;
}

lh_code lh_body_bool(const lh_json *body, const char *name, bool otherwise, bool *ret, lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    if (!lh_json_is_null(value) && lh_json_type_of(value) != LH_JSON_BOOL)
        return lh_fail(err, LH_INVALID, "'%s' must be true or false", name);
    *ret = lh_json_bool(value, otherwise);
    return LH_OK;
}
