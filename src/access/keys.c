/* API keys. A key is "lh_<id>_<secret>": the id (12 hex digits) finds the document "key/<id>", the secret (256 random
 * bits) is compared in constant time as HMAC-SHA-256 under the key's salt. The secret is shown once and kept nowhere.
 * Document: {"schema_version":1,"id","name","permission":"read|write|admin","salt","hash","created_at"}, "expires_at" of a key that
 * ends, "rotated_at" of one that got another secret; a principal's key has
 * "principal", "principal_id" and "scope":"read|write|admin" as well, and the permission "roles", which a version that knows no
 * principals takes for none. */
#include "access/identity_internal.h"

enum { KEYS_MAX = 100000 }; /* that are listed */

static const char *const keys_permissions[] = {
    [LH_PERMIT_PUBLIC] = "", [LH_PERMIT_READ] = "read", [LH_PERMIT_WRITE] = "write", [LH_PERMIT_ADMIN] = "admin"};

bool access_permission_parse(lh_str text, lh_permission *ret) {
    for (int p = LH_PERMIT_READ; p <= LH_PERMIT_ADMIN; p++)
        if (lh_str_eq(text, lh_str_from(keys_permissions[p]))) return *ret = (lh_permission)p, true;
    return false;
}

static lh_sha256_hex keys_hash(lh_str salt, lh_str secret) {
    lh_sha256 hash = lh_hmac_sha256(salt, secret);
    return lh_sha256_to_hex(&hash);
}

/* ---- who is that? ---- */

lh_str lh_access_key_shown(lh_str x_api_key, lh_str authorization) {
    const lh_str scheme = LH_STR("Bearer "), nobodys = LH_STR("\n"); /* which no header can have */
    if (x_api_key.len || !authorization.len) return x_api_key;
    if (!lh_str_eq_nocase(lh_str_sub(authorization, 0, scheme.len), scheme)) return nobodys;
    lh_str token = lh_str_trim(lh_str_sub(authorization, scheme.len, SIZE_MAX));
    return token.len ? token : nobodys;
}

/* Ended, or of a time that cannot be read. */
static bool keys_is_over(const lh_json *doc) {
    int64_t expires_ms = 0;
    const lh_json *expires = lh_json_get(doc, "expires_at");
    return expires && (lh_time_parse_rfc3339(lh_json_str(expires, LH_STR_NONE), &expires_ms) != LH_OK ||
                       lh_time_now_ms() >= expires_ms);
}

/* The key's principal as it is now. False: it is gone, or a role of it cannot be read. */
static bool keys_govern(lh_catalog *catalog, const lh_json *key, lh_arena *arena, lh_identity *ret) {
    lh_json *principal = NULL;
    uint64_t ignored;
    lh_permission scope;
    lh_str name = lh_json_get_string(key, "principal");
    return access_permission_parse(lh_json_get_string(key, "scope"), &scope) &&
           access_principal_read(catalog, name, arena, &principal, &ignored, NULL) == LH_OK &&
           lh_str_eq(lh_json_get_string(principal, "id"), lh_json_get_string(key, "principal_id")) &&
           access_govern(catalog, principal, scope, arena, ret);
}

bool access_key_find(lh_catalog *catalog, lh_str presented, lh_arena *into, lh_identity *ret, lh_str *ret_id) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str rest = presented, text;
    lh_json *doc = NULL;
    if (!lh_str_eq(lh_str_split(&rest, '_'), LH_STR("lh")) || lh_arena_new(64 << 10, &arena, NULL) != LH_OK)
        return false;
    lh_str id = lh_str_split(&rest, '_'), key = lh_arena_printf(arena, "key/%.*s", LH_STR_ARG(id));
    if (lh_metastore_get(lh_catalog_metastore(catalog), key, arena, &text, NULL, NULL) != LH_OK) return false;
    if (lh_json_parse(arena, text, &doc, NULL) != LH_OK) return false;
    lh_sha256_hex hash = keys_hash(lh_json_get_string(doc, "salt"), rest);
    *ret = (lh_identity){.known = true, .principal = id, .owner = id};
    if (!lh_equal_constant_time(lh_str_from(hash.text), lh_json_get_string(doc, "hash"))) return false;
    if (keys_is_over(doc)) return false;
    *ret_id = id;
    if (lh_json_get(doc, "principal")) return keys_govern(catalog, doc, into, ret);
    bool good = access_permission_parse(lh_json_get_string(doc, "permission"), &ret->permission);
    ret->scope = ret->permission;
    return good;
}

/* ---- the keys ---- */

static bool keys_is_admin(lh_catalog *catalog, const lh_json *doc, lh_arena *arena) {
    lh_identity identity = {0};
    if (keys_is_over(doc)) return false;
    return lh_json_get(doc, "principal")
               ? keys_govern(catalog, doc, arena, &identity) && identity.permission == LH_PERMIT_ADMIN
               : lh_str_eq(lh_json_get_string(doc, "permission"), LH_STR("admin"));
}

lh_code lh_access_admin_key_ensure(lh_catalog *catalog, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_document_page docs;
    lh_json *doc = NULL, *made = NULL;
    LH_TRY(lh_metastore_list(lh_catalog_metastore(catalog), LH_STR("key/"), LH_STR_NONE, KEYS_MAX, arena, &docs, err));
    for (size_t i = 0; i < docs.count; i++)
        if (lh_json_parse(arena, docs.items[i].text, &doc, NULL) == LH_OK && keys_is_admin(catalog, doc, arena)) {
            *ret = LH_STR_NONE;
            return LH_OK;
        }
    LH_TRY(lh_access_key_create(catalog, LH_STR("first admin"), LH_STR("admin"), LH_STR_NONE, arena, &made, err));
    *ret = lh_json_get_string(made, "key");
    return LH_OK;
}

static lh_json *keys_public(lh_arena *arena, const lh_json *doc) {
    static const char *const members[] = {"id", "name", "permission", "created_at"};
    lh_json *item = lh_json_new_object(arena);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        lh_json_set_string(arena, item, members[i], lh_json_get_string(doc, members[i]));
    if (lh_json_get(doc, "principal")) {
        lh_json_set_string(arena, item, "permission", lh_json_get_string(doc, "scope"));
        lh_json_set_string(arena, item, "principal", lh_json_get_string(doc, "principal"));
        lh_json_set_string(arena, item, "scope", lh_json_get_string(doc, "scope"));
    }
    static const char *const times[] = {"expires_at", "rotated_at"};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (lh_json_get(doc, times[i])) lh_json_set_string(arena, item, times[i], lh_json_get_string(doc, times[i]));
    return item;
}

lh_code lh_access_keys_list(lh_access *access, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_document_page docs;
    LH_TRY(lh_metastore_list(lh_catalog_metastore(access->catalog), LH_STR("key/"), LH_STR_NONE, KEYS_MAX, arena, &docs,
                             err));
    lh_json *items = lh_json_new_array(arena), *doc = NULL;
    for (size_t i = 0; i < docs.count; i++) {
        LH_TRY(lh_json_parse(arena, docs.items[i].text, &doc, err));
        lh_json *item = keys_public(arena, doc);
        int64_t used_ms = usage_last_ms(access->usage, access->catalog, lh_json_get_string(doc, "id"), arena);
        if (used_ms) lh_json_set_string(arena, item, "last_used_at", lh_str_from(lh_time_rfc3339(used_ms).text));
        lh_json_append(items, item);
    }
    *ret = lh_json_page(arena, items, LH_STR_NONE);
    return LH_OK;
}

/* Gives the document another secret, which is returned. */
static lh_str keys_draw_secret(lh_json *doc, lh_arena *arena) {
    unsigned char random[16 + 32];
    char salt[33], secret[65];
    lh_random_bytes(random, sizeof random);
    lh_hex(random, 16, salt);
    lh_hex(random + 16, 32, secret);
    lh_sha256_hex hash = keys_hash(lh_str_from(salt), lh_str_from(secret));
    lh_json_set_string(arena, doc, "salt", lh_str_from(salt));
    lh_json_set_string(arena, doc, "hash", lh_str_from(hash.text));
    return lh_arena_dup(arena, lh_str_from(secret));
}

/* What is shown once: the key's description with the key itself. */
static lh_json *keys_shown(const lh_json *doc, lh_str secret, lh_arena *arena) {
    lh_json *answer = keys_public(arena, doc);
    lh_str id = lh_json_get_string(doc, "id");
    lh_json_set_string(arena, answer, "key",
                       lh_arena_printf(arena, "lh_%.*s_%.*s", LH_STR_ARG(id), LH_STR_ARG(secret)));
    return answer;
}

static lh_code keys_set_end(lh_json *doc, lh_str expires_at, lh_arena *arena, lh_error *err) {
    int64_t ms = 0;
    if (expires_at.len == 0) return LH_OK;
    if (lh_time_parse_rfc3339(expires_at, &ms) != LH_OK)
        return lh_fail(err, LH_INVALID, "'expires_at' must be a time such as 2027-01-31T00:00:00Z");
    if (ms <= lh_time_now_ms()) return lh_fail(err, LH_INVALID, "'expires_at' is over already");
    lh_json_set_string(arena, doc, "expires_at", lh_str_from(lh_time_rfc3339(ms).text));
    return LH_OK;
}

/* Makes a key of the document's members so far; *ret is what is shown. changes: room for one more behind `count`. */
static lh_code keys_make(lh_catalog *catalog, lh_json *doc, lh_change *changes, size_t count, lh_arena *arena,
                         lh_json **ret, lh_error *err) {
    unsigned char random[6];
    char id[13];
    lh_random_bytes(random, sizeof random);
    lh_hex(random, sizeof random, id);
    lh_json_set_int(arena, doc, "schema_version", 1);
    lh_json_set_string(arena, doc, "id", lh_str_from(id));
    lh_str secret = keys_draw_secret(doc, arena);
    lh_json_set_string(arena, doc, "created_at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    changes[count] = (lh_change){.key = lh_arena_printf(arena, "key/%s", id), .expected = LH_VERSION_ABSENT};
    LH_TRY(lh_json_write(arena, doc, false, &changes[count].text, err));
    LH_TRY(lh_metastore_commit(lh_catalog_metastore(catalog), changes, count + 1, NULL, err));
    *ret = keys_shown(doc, secret, arena);
    return LH_OK;
}

static lh_code keys_check_permission(lh_str permission, const char *what, lh_error *err) {
    lh_permission ignored;
    return access_permission_parse(permission, &ignored)
               ? LH_OK
               : lh_fail(err, LH_INVALID, "'%s' must be read, write or admin", what);
}

lh_code lh_access_key_create(lh_catalog *catalog, lh_str name, lh_str permission, lh_str expires_at, lh_arena *arena,
                             lh_json **ret, lh_error *err) {
    lh_change change;
    if (name.len == 0 || name.len > LH_LIMIT_NAME_BYTES)
        return lh_fail(err, LH_INVALID, "'name' must have 1 to %d bytes", LH_LIMIT_NAME_BYTES);
    LH_TRY(keys_check_permission(permission, "permission", err));
    lh_json *doc = lh_json_new_object(arena);
    lh_json_set_string(arena, doc, "name", name);
    lh_json_set_string(arena, doc, "permission", permission);
    LH_TRY(keys_set_end(doc, expires_at, arena, err));
    return keys_make(catalog, doc, &change, 0, arena, ret, err);
}

lh_code lh_access_key_create_for(lh_catalog *catalog, lh_str principal, lh_str scope, lh_str expires_at,
                                 lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *owner = NULL;
    lh_change changes[2] = {{.check_only = true}}; /* the principal stays while its key is made */
    LH_TRY(keys_check_permission(scope, "scope", err));
    LH_TRY(access_principal_read(catalog, principal, arena, &owner, &changes[0].expected, err));
    changes[0].key = access_principal_key(principal, arena);
    lh_json *doc = lh_json_new_object(arena);
    lh_json_set_string(arena, doc, "name", principal);
    lh_json_set_string(arena, doc, "permission", LH_STR("roles"));
    lh_json_set_string(arena, doc, "scope", scope);
    lh_json_set_string(arena, doc, "principal", principal);
    lh_json_set_string(arena, doc, "principal_id", lh_json_get_string(owner, "id"));
    LH_TRY(keys_set_end(doc, expires_at, arena, err));
    return keys_make(catalog, doc, changes, 1, arena, ret, err);
}

lh_code lh_access_key_rotate(lh_catalog *catalog, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_metastore *metastore = lh_catalog_metastore(catalog);
    lh_change change = {.key = lh_arena_printf(arena, "key/%.*s", LH_STR_ARG(id))};
    lh_json *doc = NULL;
    lh_str text;
    if (lh_metastore_get(metastore, change.key, arena, &text, &change.expected, NULL) != LH_OK)
        return lh_fail(err, LH_NOT_FOUND, "there is no API key with id '%.*s'", LH_STR_ARG(id));
    LH_TRY(lh_json_parse(arena, text, &doc, err));
    if (keys_is_over(doc)) return lh_fail(err, LH_CONFLICT, "this key is expired: make a new one");
    lh_str secret = keys_draw_secret(doc, arena);
    lh_json_set_string(arena, doc, "rotated_at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    LH_TRY(lh_json_write(arena, doc, false, &change.text, err));
    LH_TRY(lh_metastore_commit(metastore, &change, 1, NULL, err));
    *ret = keys_shown(doc, secret, arena);
    return LH_OK;
}

lh_code lh_access_key_revoke(lh_catalog *catalog, lh_str id, lh_arena *arena, lh_error *err) {
    lh_metastore *metastore = lh_catalog_metastore(catalog);
    lh_change changes[] = {{.key = lh_arena_printf(arena, "key/%.*s", LH_STR_ARG(id))}, {.key = usage_key(id, arena)}};
    lh_str text;
    if (lh_metastore_get(metastore, changes[0].key, arena, &text, &changes[0].expected, NULL) != LH_OK)
        return lh_fail(err, LH_NOT_FOUND, "there is no API key with id '%.*s'", LH_STR_ARG(id));
    return lh_metastore_commit(metastore, changes, 2, NULL, err);
}
