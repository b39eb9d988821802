/* Members of a JSON request body. */
#include "api/api_internal.h"

lh_code lh_body_check_object(const lh_json *body, lh_error *err) {
    return lh_json_is_object(body) ? LH_OK : lh_fail(err, LH_INVALID, "the request body must be a JSON object");
}

lh_code lh_body_check(const lh_json *body, const char *const *known, size_t count, lh_error *err) {
    LH_TRY(lh_body_check_object(body, err));
    uint64_t seen = 0; /* two members of one name: two readers could take two of them */
    for (lh_json_iter it = lh_json_each(body); lh_json_next(&it);) {
        uint64_t found = 0;
        for (size_t i = 0; i < count && i < 64; i++)
            if (lh_str_eq(it.name, lh_str_from(known[i]))) found = UINT64_C(1) << i;
        if (found & seen) return lh_fail(err, LH_INVALID, "field '%.*s' stands twice", LH_STR_ARG(it.name));
        seen |= found;
        if (found) continue;
        LH_CLEANUP(lh_buf_done) lh_buf names = LH_BUF_INIT(200);
        for (size_t i = 0; i < count; i++) lh_buf_printf(&names, i ? ", %s" : "%s", known[i]);
        return lh_fail(err, LH_INVALID, "unknown field '%.*s'; known: %.*s", LH_STR_ARG(lh_str_cut_utf8(it.name, 50)),
                       LH_STR_ARG(lh_buf_str(&names)));
    }
    return LH_OK;
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
