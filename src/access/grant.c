/* Grants of a role, as JSON:
 *   {"effect":"allow|deny","on":"dataset|view|namespace|bucket|tool|index|system","name":"t"|"*","actions":["read","write","admin"],
 *    "row_filter"?:SQL,"columns"?:[name],"redactions"?:{column:{"kind",…}}}
 * A redaction's key is a column's name, "pii:<kind>" or "sensitivity:<level>". A grant that denies has no row filter and no
 * redactions; with columns it denies only those. The same reader serves requests and documents, so nothing can be kept that is
 * not understood when it is read again. */
#include "access/access_internal.h"

const char *const lh_action_names[LH_ACTIONS] = {"read", "write", "admin"};
const char *const lh_resource_kinds[LH_ON_KINDS] = {"dataset", "view",  "namespace", "bucket",
                                                    "tool",    "index", "system"};

static size_t grant_find(lh_str text, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq(text, lh_str_from(names[i]))) return i;
    return count;
}

lh_code access_members(const lh_json *object, const char *where, const char *const *known, size_t count,
                       lh_error *err) {
    if (!lh_json_is_object(object))
        return lh_fail(err, LH_INVALID, "%smust be a JSON object", where[0] ? where : "it ");
    uint64_t seen = 0;
    for (lh_json_iter it = lh_json_each(object); lh_json_next(&it);) {
        size_t at = grant_find(it.name, known, count);
        if (at == count)
            return lh_fail(err, LH_INVALID, "%shas an unknown field '%.*s'", where,
                           LH_STR_ARG(lh_str_cut_utf8(it.name, 50)));
        if (seen >> at & 1) return lh_fail(err, LH_INVALID, "%shas the field '%s' twice", where, known[at]);
        seen |= UINT64_C(1) << at;
    }
    return LH_OK;
}

static bool grant_name_has(char c, bool first) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return plain || (!first && c != '\0' && strchr("._-@+", c));
}

lh_code access_name_check(lh_str name, const char *what, lh_error *err) {
    bool good = name.len > 0 && name.len <= ACCESS_NAME_BYTES;
    for (size_t i = 0; good && i < name.len; i++) good = grant_name_has(name.ptr[i], i == 0);
    return good ? LH_OK
                : lh_fail(err, LH_INVALID,
                          "%s must have 1 to %d characters: letters, digits, '.', '_', '-', '@', '+', first a letter "
                          "or a digit",
                          what, ACCESS_NAME_BYTES);
}

bool access_text_is_plain(lh_str text, size_t max_bytes, bool lines) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == 0x7F || (c < 0x20 && !(lines && (c == '\n' || c == '\t' || c == '\r')))) return false;
    }
    return text.len > 0 && text.len <= max_bytes;
}

static lh_code grant_read_actions(const lh_json *actions, size_t index, access_grant *grant, lh_error *err) {
    for (lh_json_iter it = lh_json_each(actions); lh_json_next(&it);) {
        size_t action = grant_find(lh_json_str(it.value, LH_STR_NONE), lh_action_names, LH_ACTIONS);
        if (action == LH_ACTIONS || grant->actions >> action & 1)
            return lh_fail(err, LH_INVALID, "'actions' of grant %zu must be read, write or admin, each once", index);
        grant->actions |= 1u << action;
    }
    return lh_json_is_array(actions) && grant->actions
               ? LH_OK
               : lh_fail(err, LH_INVALID, "'actions' of grant %zu must be an array of read, write, admin", index);
}

static lh_code grant_read_columns(const lh_json *columns, size_t index, access_grant *grant, lh_error *err) {
    if (lh_json_is_null(columns)) return LH_OK;
    bool good = lh_json_is_array(columns) && lh_json_size(columns) > 0 && lh_json_size(columns) <= ACCESS_COLUMNS_MAX;
    for (lh_json_iter it = lh_json_each(good ? columns : NULL); good && lh_json_next(&it);)
        good = access_text_is_plain(lh_json_str(it.value, LH_STR_NONE), LH_LIMIT_NAME_BYTES, false);
    if (!good)
        return lh_fail(err, LH_INVALID, "'columns' of grant %zu must be an array of 1 to %d names", index,
                       ACCESS_COLUMNS_MAX);
    grant->columns = columns;
    return LH_OK;
}

static bool grant_is_count(const lh_json *value, int64_t least) {
    return lh_json_is_null(value) ? least == 0
                                  : lh_json_is_int(value) && lh_json_int(value, -1) >= least &&
                                        (least > 0 || lh_json_int(value, -1) <= ACCESS_KEEP_MAX);
}

/* none: as it is, though a rule for its sensitivity or kind would mask it. */
lh_code access_redaction_check(const lh_json *redaction, lh_error *err) {
    static const char *const plain[] = {"kind"}, *const mask[] = {"kind", "keep_prefix", "keep_suffix"},
                             *const bucket[] = {"kind", "n"};
    static const char *const kinds[] = {"none", "null", "hash", "sha256", "token", "year"};
    lh_str kind = lh_json_get_string(redaction, "kind");
    if (lh_str_eq(kind, LH_STR("mask"))) {
        LH_TRY(access_members(redaction, "a redaction ", mask, 3, err));
        if (!grant_is_count(lh_json_get(redaction, "keep_prefix"), 0) ||
            !grant_is_count(lh_json_get(redaction, "keep_suffix"), 0))
            return lh_fail(err, LH_INVALID, "'keep_prefix' and 'keep_suffix' of a mask must be 0 to %d",
                           ACCESS_KEEP_MAX);
        return LH_OK;
    }
    if (lh_str_eq(kind, LH_STR("bucket"))) {
        LH_TRY(access_members(redaction, "a redaction ", bucket, 2, err));
        return grant_is_count(lh_json_get(redaction, "n"), 1)
                   ? LH_OK
                   : lh_fail(err, LH_INVALID, "'n' of a bucket must be a whole number, 1 or more");
    }
    if (grant_find(kind, kinds, sizeof kinds / sizeof *kinds) == sizeof kinds / sizeof *kinds)
        return lh_fail(err, LH_INVALID,
                       "'kind' of a redaction must be null, hash, sha256, mask, year, bucket, token or none");
    return access_members(redaction, "a redaction ", plain, 1, err);
}

static lh_code grant_check_redacted(lh_str name, lh_error *err) {
    const lh_str prefix = LH_STR("sensitivity:");
    if (!access_text_is_plain(name, LH_LIMIT_NAME_BYTES, false))
        return lh_fail(err, LH_INVALID, "'redactions' names columns of 1 to %d bytes", LH_LIMIT_NAME_BYTES);
    if (lh_str_starts(name, prefix) && lh_sensitivity_rank(lh_str_sub(name, prefix.len, SIZE_MAX)) < 0)
        return lh_fail(err, LH_INVALID, "a redaction by sensitivity is of public, internal, confidential, restricted");
    return LH_OK;
}

static lh_code grant_read_redactions(const lh_json *redactions, size_t index, access_grant *grant, lh_error *err) {
    if (lh_json_is_null(redactions)) return LH_OK;
    if (!lh_json_is_object(redactions) || lh_json_size(redactions) > ACCESS_COLUMNS_MAX)
        return lh_fail(err, LH_INVALID, "'redactions' of grant %zu must be an object of at most %d columns", index,
                       ACCESS_COLUMNS_MAX);
    for (lh_json_iter it = lh_json_each(redactions); lh_json_next(&it);) {
        LH_TRY(grant_check_redacted(it.name, err));
        LH_TRY(access_redaction_check(it.value, err));
    }
    if (lh_json_size(redactions)) grant->redactions = redactions;
    return LH_OK;
}

static lh_code grant_read_filter(const lh_json *filter, size_t index, access_grant *grant, lh_error *err) {
    if (lh_json_is_null(filter)) return LH_OK;
    grant->row_filter = lh_json_str(filter, LH_STR_NONE);
    return access_text_is_plain(grant->row_filter, ACCESS_FILTER_BYTES, true)
               ? LH_OK
               : lh_fail(err, LH_INVALID, "'row_filter' of grant %zu must be an SQL condition of 1 to %d bytes", index,
                         ACCESS_FILTER_BYTES);
}

static lh_code grant_check_parts(const access_grant *grant, lh_error *err) {
    bool parts = grant->row_filter.len || grant->columns || grant->redactions;
    if (parts && grant->on > LH_ON_NAMESPACE)
        return lh_fail(err, LH_INVALID,
                       "grant %zu: 'row_filter', 'columns' and 'redactions' go with a dataset, view or namespace",
                       grant->index);
    if (grant->deny && (grant->row_filter.len || grant->redactions))
        return lh_fail(err, LH_INVALID,
                       "grant %zu: one that denies takes 'columns', no 'row_filter' and no 'redactions'", grant->index);
    return LH_OK;
}

lh_code access_grant_check(const lh_json *json, size_t index, access_grant *ret, lh_error *err) {
    access_grant grant;
    LH_TRY(access_grant_read(json, index, &grant, err));
    for (lh_json_iter it = lh_json_each(grant.redactions); lh_json_next(&it);)
        if (lh_json_get_str(grant.redactions, it.name) != it.value)
            return lh_fail(err, LH_INVALID, "'redactions' of grant %zu has a column twice", index);
    *ret = grant;
    return LH_OK;
}

lh_code access_grant_read(const lh_json *json, size_t index, access_grant *ret, lh_error *err) {
    static const char *const known[] = {"effect", "on", "name", "actions", "row_filter", "columns", "redactions"};
    access_grant grant = {.index = index, .name = lh_json_get_string(json, "name")};
    lh_str effect = lh_json_get_string(json, "effect");
    LH_TRY(access_members(json, "a grant ", known, sizeof known / sizeof *known, err));
    grant.deny = lh_str_eq(effect, LH_STR("deny"));
    if (!grant.deny && !lh_str_eq(effect, LH_STR("allow")))
        return lh_fail(err, LH_INVALID, "'effect' of grant %zu must be allow or deny", index);
    size_t on = grant_find(lh_json_get_string(json, "on"), lh_resource_kinds, LH_ON_KINDS);
    if (on == LH_ON_KINDS)
        return lh_fail(err, LH_INVALID,
                       "'on' of grant %zu must be dataset, view, namespace, bucket, tool, index or system", index);
    grant.on = (lh_resource_kind)on;
    if (!access_text_is_plain(grant.name, 4 * LH_LIMIT_NAME_BYTES, false))
        return lh_fail(err, LH_INVALID, "'name' of grant %zu must be a name, or * for all", index);
    LH_TRY(grant_read_actions(lh_json_get(json, "actions"), index, &grant, err));
    LH_TRY(grant_read_filter(lh_json_get(json, "row_filter"), index, &grant, err));
    LH_TRY(grant_read_columns(lh_json_get(json, "columns"), index, &grant, err));
    LH_TRY(grant_read_redactions(lh_json_get(json, "redactions"), index, &grant, err));
    LH_TRY(grant_check_parts(&grant, err));
    *ret = grant;
    return LH_OK;
}
