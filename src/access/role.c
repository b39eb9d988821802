/* Roles: names for lists of grants.
 * Document role/<name>: {"schema_version":1,"name","description","grants":[grant.c],"created_at","updated_at"}.
 * Four are built in and cannot be changed; they have no documents. A role that a principal has cannot go: its holders are
 * documents, whose absence is a condition of the commit that deletes it. */
#include "access/access_internal.h"

/* "*" of a namespace leaves out the namespace `system`. What is `restricted` is null where a role does not lift that. */
static const struct {
    const char *name, *description, *grants;
} role_built_in[] = {
    {"admin", "Everything, as it is",
     "[{\"effect\":\"allow\",\"on\":\"namespace\",\"name\":\"*\",\"actions\":[\"read\",\"write\",\"admin\"],"
     "\"redactions\":{\"sensitivity:restricted\":{\"kind\":\"none\"}}},"
     "{\"effect\":\"allow\",\"on\":\"namespace\",\"name\":\"system\",\"actions\":[\"read\",\"write\",\"admin\"],"
     "\"redactions\":{\"sensitivity:restricted\":{\"kind\":\"none\"}}},"
     "{\"effect\":\"allow\",\"on\":\"bucket\",\"name\":\"*\",\"actions\":[\"read\",\"write\",\"admin\"]},"
     "{\"effect\":\"allow\",\"on\":\"tool\",\"name\":\"*\",\"actions\":[\"read\",\"write\",\"admin\"]},"
     "{\"effect\":\"allow\",\"on\":\"index\",\"name\":\"*\",\"actions\":[\"read\",\"write\",\"admin\"]},"
     "{\"effect\":\"allow\",\"on\":\"system\",\"name\":\"*\",\"actions\":[\"read\",\"write\",\"admin\"]}]"},
    {"agent", "Views, tools and indexes, no dataset",
     "[{\"effect\":\"allow\",\"on\":\"view\",\"name\":\"*\",\"actions\":[\"read\"]},"
     "{\"effect\":\"allow\",\"on\":\"tool\",\"name\":\"*\",\"actions\":[\"read\"]},"
     "{\"effect\":\"allow\",\"on\":\"index\",\"name\":\"*\",\"actions\":[\"read\"]}]"},
    {"analyst", "Reads every dataset; of personal data a hash, of what is restricted nothing",
     "[{\"effect\":\"allow\",\"on\":\"namespace\",\"name\":\"*\",\"actions\":[\"read\"],"
     "\"redactions\":{\"sensitivity:restricted\":{\"kind\":\"null\"},\"pii:*\":{\"kind\":\"hash\"}}},"
     "{\"effect\":\"allow\",\"on\":\"index\",\"name\":\"*\",\"actions\":[\"read\"]}]"},
    {"recruiter", "Reads and writes every dataset; of what is restricted nothing",
     "[{\"effect\":\"allow\",\"on\":\"namespace\",\"name\":\"*\",\"actions\":[\"read\",\"write\"],"
     "\"redactions\":{\"sensitivity:restricted\":{\"kind\":\"null\"}}},"
     "{\"effect\":\"allow\",\"on\":\"index\",\"name\":\"*\",\"actions\":[\"read\"]}]"},
};
enum { ROLE_BUILT_IN = sizeof role_built_in / sizeof *role_built_in };

static size_t role_find_built_in(lh_str name) {
    for (size_t i = 0; i < ROLE_BUILT_IN; i++)
        if (lh_str_eq(name, lh_str_from(role_built_in[i].name))) return i;
    return ROLE_BUILT_IN;
}

lh_str access_role_key(lh_str name, lh_arena *arena) { return lh_arena_printf(arena, "role/%.*s", LH_STR_ARG(name)); }

lh_str access_holder_key(lh_str role, lh_str principal, lh_arena *arena) {
    return lh_arena_printf(arena, "principal_role/%.*s/%.*s", LH_STR_ARG(role), LH_STR_ARG(principal));
}

static lh_code role_of_built_in(size_t i, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *role = lh_json_new_object(arena), *grants = NULL;
    LH_TRY(lh_json_parse(arena, lh_str_from(role_built_in[i].grants), &grants, err));
    lh_json_set_string(arena, role, "name", lh_str_from(role_built_in[i].name));
    lh_json_set_string(arena, role, "description", lh_str_from(role_built_in[i].description));
    lh_json_set(arena, role, "grants", grants);
    *ret = role;
    return lh_arena_check(arena, err);
}

lh_code access_role_read(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret, uint64_t *ret_version,
                         lh_error *err) {
    size_t built_in = role_find_built_in(name);
    lh_str text;
    uint64_t version = 0;
    lh_json *role = NULL;
    if (built_in < ROLE_BUILT_IN) {
        *ret_version = 0;
        return role_of_built_in(built_in, arena, ret, err);
    }
    LH_TRY(access_name_check(name, "the name of a role", err));
    if (lh_metastore_get(lh_catalog_metastore(catalog), access_role_key(name, arena), arena, &text, &version, NULL) !=
        LH_OK)
        return lh_fail(err, LH_NOT_FOUND, "there is no role '%.*s'", LH_STR_ARG(name));
    LH_TRY(lh_json_parse(arena, text, &role, err));
    if (lh_json_int(lh_json_get(role, "schema_version"), 0) != ACCESS_SCHEMA_VERSION)
        return lh_fail(err, LH_CORRUPT, "the role '%.*s' was written by a newer version", LH_STR_ARG(name));
    *ret = role;
    *ret_version = version;
    return LH_OK;
}

static void role_set_time(lh_arena *arena, lh_json *into, const lh_json *role, const char *name) {
    lh_str time = lh_json_get_string(role, name);
    lh_json_set(arena, into, name, time.len ? lh_json_new_string(arena, time) : lh_json_new_null(arena));
}

static lh_json *role_public(lh_arena *arena, const lh_json *role) {
    lh_json *item = lh_json_new_object(arena);
    lh_str name = lh_json_get_string(role, "name");
    lh_json_set_string(arena, item, "name", name);
    lh_json_set_string(arena, item, "description", lh_json_get_string(role, "description"));
    lh_json_set_bool(arena, item, "built_in", role_find_built_in(name) < ROLE_BUILT_IN);
    lh_json_set(arena, item, "grants", lh_json_copy(arena, lh_json_get(role, "grants")));
    role_set_time(arena, item, role, "created_at");
    role_set_time(arena, item, role, "updated_at");
    return item;
}

lh_code lh_access_role_get(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret, uint64_t *ret_version,
                           lh_error *err) {
    lh_json *role = NULL;
    uint64_t version = 0;
    LH_TRY(access_role_read(catalog, name, arena, &role, &version, err));
    *ret = role_public(arena, role);
    *ret_version = version;
    return lh_arena_check(arena, err);
}

/* All names, in order. Arena. */
static lh_code role_names(lh_catalog *catalog, lh_arena *arena, lh_str **ret, size_t *ret_count, lh_error *err) {
    const lh_str prefix = LH_STR("role/");
    lh_document_page docs;
    LH_TRY(lh_metastore_list(lh_catalog_metastore(catalog), prefix, LH_STR_NONE, ACCESS_ROLES_MAX, arena, &docs, err));
    lh_str *names = LH_ARENA_ARRAY(arena, lh_str, docs.count + ROLE_BUILT_IN);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < docs.count; i++) names[i] = lh_str_sub(docs.items[i].key, prefix.len, SIZE_MAX);
    for (size_t i = 0; i < ROLE_BUILT_IN; i++) names[docs.count + i] = lh_str_from(role_built_in[i].name);
    *ret_count = docs.count + ROLE_BUILT_IN;
    qsort(names, *ret_count, sizeof *names, lh_str_order);
    *ret = names;
    return LH_OK;
}

lh_code lh_access_roles_list(lh_catalog *catalog, lh_page page, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *items = lh_json_new_array(arena);
    lh_str *names = NULL, last = LH_STR_NONE, next = LH_STR_NONE;
    size_t count = 0, taken = 0;
    LH_TRY(role_names(catalog, arena, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        lh_json *role = NULL;
        uint64_t version;
        if (page.token.len && lh_str_cmp(names[i], page.token) <= 0) continue;
        if (taken == page.limit && page.limit) {
            next = last;
            break;
        }
        LH_TRY(access_role_read(catalog, names[i], arena, &role, &version, err));
        lh_json_append(items, role_public(arena, role));
        last = names[i], taken++;
    }
    *ret = lh_json_page(arena, items, next);
    return lh_arena_check(arena, err);
}

static lh_code role_check_grants(lh_catalog *catalog, const lh_json *grants, lh_arena *arena, lh_error *err) {
    for (lh_json_iter it = lh_json_each(grants); lh_json_next(&it);) {
        access_grant grant;
        LH_TRY(access_grant_check(it.value, it.index, &grant, err));
        LH_TRY(access_filter_check(catalog, &grant, arena, err));
    }
    return LH_OK;
}

static lh_code role_check_body(lh_catalog *catalog, lh_str name, const lh_json *body, lh_arena *arena, lh_error *err) {
    static const char *const known[] = {"name", "description", "grants"};
    const lh_json *grants = lh_json_get(body, "grants"), *description = lh_json_get(body, "description");
    LH_TRY(access_members(body, "a role ", known, 3, err));
    LH_TRY(access_name_check(name, "the name of a role", err));
    if (!lh_json_is_null(lh_json_get(body, "name")) && !lh_str_eq(lh_json_get_string(body, "name"), name))
        return lh_fail(err, LH_INVALID, "'name' must be the role's, '%.*s', or be left out", LH_STR_ARG(name));
    if (!lh_json_is_null(description) &&
        (!lh_json_is_string(description) || lh_json_str(description, LH_STR_NONE).len > ACCESS_DESCRIPTION_BYTES))
        return lh_fail(err, LH_INVALID, "'description' must be a text of at most %d bytes", ACCESS_DESCRIPTION_BYTES);
    if (!lh_json_is_array(grants) || lh_json_size(grants) > ACCESS_GRANTS_MAX)
        return lh_fail(err, LH_INVALID, "'grants' must be an array of at most %d grants", ACCESS_GRANTS_MAX);
    return role_check_grants(catalog, grants, arena, err);
}

static lh_code role_refuse_built_in(lh_str name, lh_error *err) {
    return role_find_built_in(name) == ROLE_BUILT_IN
               ? LH_OK
               : lh_fail(err, LH_DENIED, "the role '%.*s' is built in: it cannot be changed or deleted",
                         LH_STR_ARG(name));
}

static lh_code role_commit(lh_catalog *catalog, lh_str name, const lh_json *role, uint64_t expected, lh_arena *arena,
                           lh_error *err) {
    lh_change change = {.key = access_role_key(name, arena), .expected = expected};
    LH_TRY(lh_json_write(arena, role, false, &change.text, err));
    lh_code code = lh_metastore_commit(lh_catalog_metastore(catalog), &change, 1, NULL, err);
    if (code == LH_CONFLICT && expected == LH_VERSION_ABSENT)
        return lh_fail(err, LH_CONFLICT, "there is a role '%.*s' already", LH_STR_ARG(name));
    return code;
}

lh_code lh_access_role_put(lh_catalog *catalog, lh_str name, const lh_json *body, uint64_t expected, lh_arena *arena,
                           lh_error *err) {
    lh_json *role = lh_json_new_object(arena), *before = NULL;
    lh_str now = lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text)), created = now;
    uint64_t ignored;
    LH_TRY(role_check_body(catalog, name, body, arena, err));
    LH_TRY(role_refuse_built_in(name, err));
    if (expected != LH_VERSION_ABSENT) {
        LH_TRY(access_role_read(catalog, name, arena, &before, &ignored, err));
        created = lh_json_get_string(before, "created_at");
    } else if (lh_metastore_count(lh_catalog_metastore(catalog), LH_STR("role/")) >= ACCESS_ROLES_MAX) {
        return lh_fail(err, LH_LIMIT, "there are %d roles already", ACCESS_ROLES_MAX);
    }
    lh_json_set_int(arena, role, "schema_version", ACCESS_SCHEMA_VERSION);
    lh_json_set_string(arena, role, "name", name);
    lh_json_set_string(arena, role, "description", lh_json_get_string(body, "description"));
    lh_json_set(arena, role, "grants", lh_json_copy(arena, lh_json_get(body, "grants")));
    lh_json_set_string(arena, role, "created_at", created);
    lh_json_set_string(arena, role, "updated_at", now);
    return role_commit(catalog, name, role, expected, arena, err);
}

lh_code lh_access_role_delete(lh_catalog *catalog, lh_str name, uint64_t expected, lh_arena *arena, lh_error *err) {
    lh_metastore *metastore = lh_catalog_metastore(catalog);
    lh_str holders = access_holder_key(name, LH_STR_NONE, arena);
    LH_TRY(role_refuse_built_in(name, err));
    const lh_change changes[] = {{.key = access_role_key(name, arena), .expected = expected},
                                 {.key = holders, .expected = LH_VERSION_ABSENT, .check_only = true, .prefix = true}};
    LH_TRY(lh_arena_check(arena, err));
    lh_code code = lh_metastore_commit(metastore, changes, 2, NULL, err);
    if (code == LH_CONFLICT && lh_metastore_count(metastore, holders))
        return lh_fail(err, LH_CONFLICT, "principals have the role '%.*s': delete them first", LH_STR_ARG(name));
    return code;
}
