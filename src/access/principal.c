/* Principals: users, agents and services, and the roles they have.
 * Document principal/<name>: {"schema_version":1,"id","name","kind","roles":[name],"created_at"}. The id is drawn: a key names it,
 * so that a key of a deleted principal is nobody's, also when there is another of that name later. Beside it one document
 * principal_role/<role>/<name> for each role (role.c). A name that was deleted leaves principal_deleted/<name> until there is a principal
 * of that name again: its tokens are not taken for those of somebody whom the lake never knew. */
#include "access/access_internal.h"
#include "access/usage_internal.h"

lh_str access_principal_key(lh_str name, lh_arena *arena) {
    return lh_arena_printf(arena, "principal/%.*s", LH_STR_ARG(name));
}

static lh_str principal_deleted_key(lh_str name, lh_arena *arena) {
    return lh_arena_printf(arena, "principal_deleted/%.*s", LH_STR_ARG(name));
}

bool access_principal_was_deleted(lh_catalog *catalog, lh_str name, lh_arena *arena) {
    lh_str ignored, key = principal_deleted_key(name, arena);
    return lh_arena_check(arena, NULL) != LH_OK ||
           lh_metastore_get(lh_catalog_metastore(catalog), key, arena, &ignored, NULL, NULL) != LH_NOT_FOUND;
}

lh_code access_principal_read(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret, uint64_t *ret_version,
                              lh_error *err) {
    lh_str text;
    lh_json *principal = NULL;
    uint64_t version = 0;
    LH_TRY(access_name_check(name, "the name of a principal", err));
    if (lh_metastore_get(lh_catalog_metastore(catalog), access_principal_key(name, arena), arena, &text, &version,
                         NULL) != LH_OK)
        return lh_fail(err, LH_NOT_FOUND, "there is no principal '%.*s'", LH_STR_ARG(name));
    LH_TRY(lh_json_parse(arena, text, &principal, err));
    if (lh_json_int(lh_json_get(principal, "schema_version"), 0) != ACCESS_SCHEMA_VERSION)
        return lh_fail(err, LH_CORRUPT, "the principal '%.*s' was written by a newer version", LH_STR_ARG(name));
    *ret = principal;
    *ret_version = version;
    return LH_OK;
}

static lh_json *principal_public(lh_arena *arena, const lh_json *principal) {
    static const char *const members[] = {"name", "kind", "created_at"};
    lh_json *item = lh_json_new_object(arena);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        lh_json_set_string(arena, item, members[i], lh_json_get_string(principal, members[i]));
    lh_json_set(arena, item, "roles", lh_json_copy(arena, lh_json_get(principal, "roles")));
    return item;
}

lh_code lh_access_principal_get(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret, uint64_t *ret_version,
                                lh_error *err) {
    lh_json *principal = NULL;
    LH_TRY(access_principal_read(catalog, name, arena, &principal, ret_version, err));
    *ret = principal_public(arena, principal);
    return lh_arena_check(arena, err);
}

lh_code lh_access_principals_list(lh_catalog *catalog, lh_page page, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *items = lh_json_new_array(arena), *principal = NULL;
    lh_str after = page.token.len ? access_principal_key(page.token, arena) : LH_STR_NONE;
    lh_document_page docs;
    LH_TRY(lh_metastore_list(lh_catalog_metastore(catalog), LH_STR("principal/"), after,
                             page.limit ? page.limit : LH_LIMIT_LIST_PAGE, arena, &docs, err));
    for (size_t i = 0; i < docs.count; i++) {
        LH_TRY(lh_json_parse(arena, docs.items[i].text, &principal, err));
        lh_json_append(items, principal_public(arena, principal));
    }
    *ret = lh_json_page(arena, items, docs.more ? lh_json_get_string(principal, "name") : LH_STR_NONE);
    return lh_arena_check(arena, err);
}

static lh_code principal_check_body(lh_str name, const lh_json *body, lh_error *err) {
    static const char *const known[] = {"name", "kind", "roles"};
    lh_str kind = lh_json_get_string(body, "kind");
    const lh_json *roles = lh_json_get(body, "roles"), *said = lh_json_get(body, "name");
    LH_TRY(access_members(body, "a principal ", known, 3, err));
    LH_TRY(access_name_check(name, "'name'", err));
    if (said && !lh_str_eq(lh_json_str(said, LH_STR_NONE), name))
        return lh_fail(err, LH_INVALID, "'name' is not the name in the path: a principal keeps its name");
    if (lh_str_eq(name, LH_STR("admin")))
        return lh_fail(err, LH_INVALID, "'admin' is who shows the administrator's key: take another name");
    if (!lh_str_eq(kind, LH_STR("user")) && !lh_str_eq(kind, LH_STR("agent")) && !lh_str_eq(kind, LH_STR("service")))
        return lh_fail(err, LH_INVALID, "'kind' must be user, agent or service");
    if (!lh_json_is_array(roles) || lh_json_size(roles) > ACCESS_HELD_MAX)
        return lh_fail(err, LH_INVALID, "'roles' must be an array of at most %d names of roles", ACCESS_HELD_MAX);
    return LH_OK;
}

/* A condition that the role stays as it was read, and the document that it has a holder. */
static lh_code principal_take_role(lh_catalog *catalog, lh_str role, lh_str principal, lh_arena *arena,
                                   lh_change *changes, size_t *count, lh_error *err) {
    lh_json *ignored = NULL;
    uint64_t version = 0;
    lh_str holder = access_holder_key(role, principal, arena);
    lh_code code = access_role_read(catalog, role, arena, &ignored, &version, err);
    if (code == LH_NOT_FOUND) return lh_fail(err, LH_INVALID, "'roles': there is no role '%.*s'", LH_STR_ARG(role));
    LH_TRY(code);
    if (version) changes[(*count)++] = (lh_change){access_role_key(role, arena), LH_STR_NONE, version, true, false};
    changes[(*count)++] = (lh_change){holder, LH_STR("{\"schema_version\":1}"), LH_VERSION_ABSENT, false, false};
    return LH_OK;
}

static bool principal_has(const lh_json *roles, lh_str role) {
    for (lh_json_iter it = lh_json_each(roles); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), role)) return true;
    return false;
}

/* From the roles `before` (NULL: none) to those `after`. A role that stays is held by its document meanwhile. */
static lh_code principal_change_roles(lh_catalog *catalog, lh_str name, const lh_json *before, const lh_json *after,
                                      lh_arena *arena, lh_change *changes, size_t *count, lh_error *err) {
    for (lh_json_iter it = lh_json_each(before); lh_json_next(&it);) {
        lh_str role = lh_json_str(it.value, LH_STR_NONE);
        if (!principal_has(after, role)) changes[(*count)++] = (lh_change){.key = access_holder_key(role, name, arena)};
    }
    for (lh_json_iter it = lh_json_each(after); lh_json_next(&it);) {
        lh_str role = lh_json_str(it.value, LH_STR_NONE);
        lh_json_iter rest = it;
        while (lh_json_next(&rest))
            if (lh_str_eq(lh_json_str(rest.value, LH_STR_NONE), role))
                return lh_fail(err, LH_INVALID, "'roles' has '%.*s' twice", LH_STR_ARG(role));
        if (!principal_has(before, role)) LH_TRY(principal_take_role(catalog, role, name, arena, changes, count, err));
    }
    return LH_OK;
}

static lh_json *principal_document(const lh_json *body, lh_arena *arena) {
    unsigned char random[16];
    char id[33];
    lh_json *doc = lh_json_new_object(arena);
    lh_random_bytes(random, sizeof random);
    lh_hex(random, sizeof random, id);
    lh_json_set_int(arena, doc, "schema_version", ACCESS_SCHEMA_VERSION);
    lh_json_set_string(arena, doc, "id", lh_str_from(id));
    lh_json_set_string(arena, doc, "name", lh_json_get_string(body, "name"));
    lh_json_set_string(arena, doc, "kind", lh_json_get_string(body, "kind"));
    lh_json_set(arena, doc, "roles", lh_json_copy(arena, lh_json_get(body, "roles")));
    lh_json_set_string(arena, doc, "created_at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    return doc;
}

lh_code lh_access_principal_create(lh_catalog *catalog, const lh_json *body, lh_arena *arena, lh_json **ret,
                                   lh_error *err) {
    lh_change changes[2 * ACCESS_HELD_MAX + 2];
    size_t count = 0;
    lh_str name = lh_json_get_string(body, "name");
    LH_TRY(principal_check_body(name, body, err));
    LH_TRY(principal_change_roles(catalog, name, NULL, lh_json_get(body, "roles"), arena, changes, &count, err));
    lh_json *doc = principal_document(body, arena);
    changes[count] = (lh_change){.key = access_principal_key(name, arena), .expected = LH_VERSION_ABSENT};
    LH_TRY(lh_json_write(arena, doc, false, &changes[count++].text, err));
    changes[count++] = (lh_change){.key = principal_deleted_key(name, arena)};
    lh_code code = lh_metastore_commit(lh_catalog_metastore(catalog), changes, count, NULL, err);
    if (code == LH_CONFLICT)
        return lh_fail(err, LH_CONFLICT, "there is a principal '%.*s' already, or one of its roles was just changed",
                       LH_STR_ARG(name));
    LH_TRY(code);
    *ret = principal_public(arena, doc);
    return lh_arena_check(arena, err);
}

lh_code lh_access_principal_put(lh_catalog *catalog, lh_str name, const lh_json *body, uint64_t expected,
                                lh_arena *arena, lh_error *err) {
    lh_change changes[3 * ACCESS_HELD_MAX + 1];
    lh_json *doc = NULL;
    size_t count = 0;
    uint64_t version = 0;
    LH_TRY(principal_check_body(name, body, err));
    LH_TRY(access_principal_read(catalog, name, arena, &doc, &version, err));
    const lh_json *roles = lh_json_get(body, "roles");
    LH_TRY(principal_change_roles(catalog, name, lh_json_get(doc, "roles"), roles, arena, changes, &count, err));
    lh_json_set_string(arena, doc, "kind", lh_json_get_string(body, "kind"));
    lh_json_set(arena, doc, "roles", lh_json_copy(arena, roles));
    changes[count] = (lh_change){.key = access_principal_key(name, arena), .expected = expected};
    LH_TRY(lh_json_write(arena, doc, false, &changes[count++].text, err));
    lh_code code = lh_metastore_commit(lh_catalog_metastore(catalog), changes, count, NULL, err);
    if (code == LH_CONFLICT)
        return lh_fail(err, LH_CONFLICT, "the principal '%.*s' or one of its roles was just changed", LH_STR_ARG(name));
    return code;
}

/* Those that are of the principal with this id, as deletions behind `changes`. */
static lh_code principal_drop_keys(lh_catalog *catalog, lh_str id, lh_arena *arena, lh_change **changes, size_t *count,
                                   lh_error *err) {
    lh_document_page docs;
    LH_TRY(lh_metastore_list(lh_catalog_metastore(catalog), LH_STR("key/"), LH_STR_NONE, 100000, arena, &docs, err));
    lh_change *all = LH_ARENA_ARRAY(arena, lh_change, *count + 2 * docs.count + 1);
    LH_TRY(lh_arena_check(arena, err));
    memcpy(all, *changes, *count * sizeof *all);
    for (size_t i = 0; i < docs.count; i++) {
        lh_json *key = NULL;
        LH_TRY(lh_json_parse(arena, docs.items[i].text, &key, err));
        if (!lh_str_eq(lh_json_get_string(key, "principal_id"), id)) continue;
        all[(*count)++] = (lh_change){.key = docs.items[i].key, .expected = LH_VERSION_ANY};
        all[(*count)++] = (lh_change){.key = usage_key(lh_json_get_string(key, "id"), arena)};
    }
    *changes = all;
    return LH_OK;
}

lh_code lh_access_principal_delete(lh_catalog *catalog, lh_str name, uint64_t expected, lh_arena *arena,
                                   lh_error *err) {
    lh_json *principal = NULL;
    uint64_t version = 0;
    LH_TRY(access_principal_read(catalog, name, arena, &principal, &version, err));
    const lh_json *roles = lh_json_get(principal, "roles");
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, lh_json_size(roles) + 2);
    LH_TRY(lh_arena_check(arena, err));
    size_t count = 0;
    changes[count++] = (lh_change){.key = access_principal_key(name, arena), .expected = expected ? expected : version};
    changes[count++] = (lh_change){.key = principal_deleted_key(name, arena), .text = LH_STR("{\"schema_version\":1}")};
    for (lh_json_iter it = lh_json_each(roles); lh_json_next(&it);)
        changes[count++] = (lh_change){.key = access_holder_key(lh_json_str(it.value, LH_STR_NONE), name, arena)};
    LH_TRY(principal_drop_keys(catalog, lh_json_get_string(principal, "id"), arena, &changes, &count, err));
    LH_TRY(lh_arena_check(arena, err));
    return lh_metastore_commit(lh_catalog_metastore(catalog), changes, count, NULL, err);
}
