/* JSON Web Key Sets. A key is taken by its kind alone: an RSA key verifies RS256, a key on P-256 verifies ES256, and a key
 * that says it is for something else (alg, use, key_ops) is passed over, as symmetric keys are. A private part is never read. */
#include "access/jwt_internal.h"

static lh_str jwks_bytes(const lh_json *item, const char *name, lh_arena *arena) {
    lh_str bytes = LH_STR_NONE;
    return jwt_base64url(lh_json_get_string(item, name), arena, &bytes, NULL) == LH_OK ? bytes : LH_STR_NONE;
}

/* INVALID: not one of use. */
static lh_code jwks_key(const lh_json *item, bool rsa, lh_arena *arena, lh_public_key **ret) {
    if (rsa) return lh_public_key_rsa(jwks_bytes(item, "n", arena), jwks_bytes(item, "e", arena), ret, NULL);
    if (!lh_str_eq(lh_json_get_string(item, "crv"), LH_STR("P-256"))) return LH_INVALID;
    return lh_public_key_p256(jwks_bytes(item, "x", arena), jwks_bytes(item, "y", arena), ret, NULL);
}

/* Absent, or that text. */
static bool jwks_says(const lh_json *item, const char *name, const char *text) {
    const lh_json *value = lh_json_get(item, name);
    return !value || lh_str_eq(lh_json_str(value, LH_STR_NONE), lh_str_from(text));
}

static bool jwks_verifies(const lh_json *item) {
    const lh_json *operations = lh_json_get(item, "key_ops");
    if (!operations) return true;
    for (lh_json_iter it = lh_json_each(operations); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), LH_STR("verify"))) return true;
    return false;
}

static lh_code jwks_take(jwt_keys *keys, const lh_json *item, lh_arena *arena, lh_error *err) {
    lh_str kind = lh_json_get_string(item, "kty"), id = lh_json_get_string(item, "kid");
    bool rsa = lh_str_eq(kind, LH_STR("RSA")), ec = lh_str_eq(kind, LH_STR("EC"));
    const char *alg = rsa ? "RS256" : "ES256";
    if ((!rsa && !ec) || id.len > JWT_KEY_ID_BYTES_MAX || !jwks_says(item, "alg", alg) ||
        !jwks_says(item, "use", "sig") || !jwks_verifies(item))
        return LH_OK;
    LH_CLEANUP(lh_public_key_freep) lh_public_key *key = NULL;
    if (jwks_key(item, rsa, arena, &key) != LH_OK) return LH_OK;
    jwt_key *into = &keys->items[keys->count];
    if (lh_str_dup(id, &into->id) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "token keys: out of memory");
    into->alg = alg;
    into->key = lh_take(&key);
    keys->count++;
    return LH_OK;
}

lh_code jwt_keys_parse(lh_str text, jwt_keys **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(jwt_keys_freep) jwt_keys *keys = calloc(1, sizeof *keys);
    lh_json *set = NULL;
    if (!keys) return lh_fail(err, LH_NO_MEMORY, "token keys: out of memory");
    if (text.len > JWT_SET_BYTES_MAX)
        return lh_fail(err, LH_LIMIT, "the key set has more than %d bytes", JWT_SET_BYTES_MAX);
    LH_TRY(lh_arena_new(16 << 20, &arena, err));
    LH_TRY(lh_json_parse(arena, text, &set, err));
    const lh_json *items = lh_json_get(set, "keys");
    if (!lh_json_is_array(items)) return lh_fail(err, LH_INVALID, "the key set has no array 'keys'");
    if (lh_json_size(items) > JWT_KEYS_MAX)
        return lh_fail(err, LH_LIMIT, "the key set has more than %d keys", JWT_KEYS_MAX);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) LH_TRY(jwks_take(keys, it.value, arena, err));
    LH_TRY(lh_arena_check(arena, err));
    if (keys->count == 0)
        return lh_fail(err, LH_INVALID, "the key set has no key for RS256 (RSA of 2048 to 8192 bits) or ES256 (P-256)");
    *ret = lh_take(&keys);
    return LH_OK;
}

void jwt_keys_free(jwt_keys *keys) {
    if (!keys) return;
    for (size_t i = 0; i < keys->count; i++) {
        lh_str_free(keys->items[i].id);
        lh_public_key_free(keys->items[i].key);
    }
    free(keys);
}
