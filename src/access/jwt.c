/* One bearer token, judged: HEADER.CLAIMS.SIGNATURE, each base64url. First the signature, by a key of the set that the
 * header's kid names and whose kind gives the algorithm; what else the header has of keys (jwk, jku, x5c, x5u) is never looked at.
 * Only then the claims. A member that stands twice is refused in both, because readers differ in which they take. */
#include "access/identity_internal.h"

#include <math.h>

/* ---- base64url ---- */

static int jwt_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

lh_code jwt_base64url(lh_str text, lh_arena *arena, lh_str *ret, lh_error *err) {
    char *bytes = lh_arena_alloc(arena, text.len / 4 * 3 + 3);
    size_t count = 0, bit_count = 0;
    uint32_t bits = 0;
    if (!bytes) return lh_arena_check(arena, err);
    for (size_t i = 0; i < text.len; i++) {
        int digit = jwt_digit(text.ptr[i]);
        if (digit < 0) return lh_fail(err, LH_INVALID, "not base64url");
        bits = (bits << 6 | (uint32_t)digit) & 0xFFFF;
        bit_count += 6;
        if (bit_count < 8) continue;
        bit_count -= 8;
        bytes[count++] = (char)(bits >> bit_count);
    }
    bool whole = text.len % 4 != 1 && (bits & ((1u << bit_count) - 1)) == 0; /* no bits that stand for nothing */
    if (!whole) return lh_fail(err, LH_INVALID, "not base64url");
    *ret = (lh_str){bytes, count};
    return LH_OK;
}

/* ---- parts ---- */

static bool jwt_names_differ(const lh_json *object) {
    for (lh_json_iter a = lh_json_each(object); lh_json_next(&a);)
        for (lh_json_iter b = a; lh_json_next(&b);)
            if (lh_str_eq(a.name, b.name)) return false;
    return true;
}

static lh_code jwt_object(lh_str part, const char *what, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_str text = LH_STR_NONE;
    lh_json *object = NULL;
    if (jwt_base64url(part, arena, &text, NULL) != LH_OK || lh_json_parse(arena, text, &object, NULL) != LH_OK ||
        !lh_json_is_object(object))
        return lh_fail(err, LH_INVALID, "its %s is no JSON object in base64url", what);
    if (lh_json_size(object) > JWT_MEMBERS_MAX)
        return lh_fail(err, LH_LIMIT, "its %s has more than %d members", what, JWT_MEMBERS_MAX);
    if (!jwt_names_differ(object)) return lh_fail(err, LH_INVALID, "its %s has a member twice", what);
    *ret = object;
    return LH_OK;
}

/* ---- signature ---- */

static bool jwt_type_fits(const lh_json *header) {
    const lh_json *type = lh_json_get(header, "typ");
    lh_str text = lh_json_str(type, LH_STR_NONE);
    return !type || lh_str_eq_nocase(text, LH_STR("JWT")) || lh_str_eq_nocase(text, LH_STR("at+jwt")) ||
           lh_str_eq_nocase(text, LH_STR("application/at+jwt"));
}

/* The key of that id; without an id in the header the only one for the algorithm. */
static lh_code jwt_find_key(const jwt_keys *keys, const lh_json *header, const jwt_key **ret, lh_error *err) {
    lh_str alg = lh_json_get_string(header, "alg"), id = lh_json_get_string(header, "kid");
    const lh_json *named = lh_json_get(header, "kid");
    const jwt_key *found = NULL;
    size_t count = 0;
    if (!lh_str_eq(alg, LH_STR("RS256")) && !lh_str_eq(alg, LH_STR("ES256")))
        return lh_fail(err, LH_DENIED, "it is not signed by RS256 or ES256");
    if (named && (id.len == 0 || id.len > JWT_KEY_ID_BYTES_MAX))
        return lh_fail(err, LH_INVALID, "its kid is no text of 1 to %d bytes", JWT_KEY_ID_BYTES_MAX);
    for (size_t i = 0; keys && i < keys->count; i++) {
        const jwt_key *key = &keys->items[i];
        bool fits = lh_str_eq(lh_str_from(key->alg), alg) && (!named || lh_str_eq(key->id, id));
        if (fits && count++ == 0) found = key;
    }
    if (!found) return lh_fail(err, LH_NOT_FOUND, "the issuer has no such key");
    if (count > 1) return lh_fail(err, LH_DENIED, "it does not say which of the issuer's keys signed it");
    *ret = found;
    return LH_OK;
}

static lh_code jwt_check_signature(const jwt_keys *keys, const lh_json *header, lh_str content, lh_str part,
                                   lh_arena *arena, lh_error *err) {
    const jwt_key *key = NULL;
    lh_str signature = LH_STR_NONE;
    if (lh_json_get(header, "crit")) return lh_fail(err, LH_DENIED, "its header asks for an extension (crit)");
    if (!jwt_type_fits(header)) return lh_fail(err, LH_DENIED, "its typ is not JWT or at+jwt");
    LH_TRY(jwt_find_key(keys, header, &key, err));
    LH_TRY(jwt_base64url(part, arena, &signature, err));
    return lh_public_key_verify(key->key, content, signature) ? LH_OK
                                                              : lh_fail(err, LH_DENIED, "its signature does not fit");
}

/* ---- claims ---- */

static bool jwt_is_for(const lh_json *audience, lh_str ours) {
    if (!lh_json_is_array(audience)) return lh_str_eq(lh_json_str(audience, LH_STR_NONE), ours);
    for (lh_json_iter it = lh_json_each(audience); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), ours)) return true;
    return false;
}

/* Milliseconds of a NumericDate; `otherwise` when it is absent. */
static lh_code jwt_time(const lh_json *claims, const char *name, double otherwise, double *ret, lh_error *err) {
    const lh_json *value = lh_json_get(claims, name);
    lh_json_type type = lh_json_type_of(value);
    if (value && type != LH_JSON_INT && type != LH_JSON_REAL)
        return lh_fail(err, LH_INVALID, "its %s is no number", name);
    *ret = value ? lh_json_real(value, NAN) * 1000 : otherwise;
    return LH_OK;
}

/* Written so that a time that is no number (NAN) refuses. */
static lh_code jwt_check_times(const lh_json *claims, int64_t now_ms, int64_t leeway_ms, lh_error *err) {
    double expires, begins, issued, now = (double)now_ms, leeway = (double)leeway_ms;
    LH_TRY(jwt_time(claims, "exp", NAN, &expires, err));
    LH_TRY(jwt_time(claims, "nbf", -INFINITY, &begins, err));
    LH_TRY(jwt_time(claims, "iat", -INFINITY, &issued, err));
    if (!(now < expires + leeway)) return lh_fail(err, LH_DENIED, "it is expired, or does not say until when it holds");
    if (!(begins <= now + leeway)) return lh_fail(err, LH_DENIED, "it does not hold yet");
    if (!(issued <= now + leeway)) return lh_fail(err, LH_DENIED, "it was issued in the future");
    return LH_OK;
}

/* "admin" and "-" are the local administrator, and 12 hexadecimal digits are a key's id: no token is taken for one of them. */
static bool jwt_is_reserved(lh_str name) {
    size_t hex = 0;
    for (size_t i = 0; i < name.len; i++)
        hex += (name.ptr[i] >= '0' && name.ptr[i] <= '9') || (name.ptr[i] >= 'a' && name.ptr[i] <= 'f');
    return (name.len == 12 && hex == 12) || lh_str_eq(name, LH_STR("admin")) || lh_str_eq(name, LH_STR("-"));
}

static bool jwt_is_name(lh_str name) {
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7F) return false;
    return name.len > 0 && name.len <= LH_LIMIT_NAME_BYTES && !jwt_is_reserved(name);
}

lh_code jwt_claims(const jwt_rules *rules, lh_str part, int64_t now_ms, lh_arena *arena, jwt_token *ret,
                   lh_error *err) {
    lh_json *claims = NULL;
    LH_TRY(jwt_object(part, "claims", arena, &claims, err));
    const lh_json *permission = lh_json_get_str(claims, rules->permission_claim);
    jwt_token token = {.principal = lh_json_str(lh_json_get_str(claims, rules->principal_claim), LH_STR_NONE),
                       .permits = permission != NULL};
    if (rules->issuer.len == 0 || !lh_str_eq(lh_json_get_string(claims, "iss"), rules->issuer))
        return lh_fail(err, LH_DENIED, "its iss is not auth.jwt_issuer");
    if (rules->audience.len == 0 || !jwt_is_for(lh_json_get(claims, "aud"), rules->audience))
        return lh_fail(err, LH_DENIED, "its aud has not auth.jwt_audience");
    LH_TRY(jwt_check_times(claims, now_ms, rules->leeway_ms, err));
    if (!jwt_is_name(token.principal))
        return lh_fail(err, LH_DENIED,
                       "its claim of auth.jwt_principal_claim is no name of 1 to %d bytes, or a reserved one",
                       LH_LIMIT_NAME_BYTES);
    if (permission && !access_permission_parse(lh_json_str(permission, LH_STR_NONE), &token.permission))
        return lh_fail(err, LH_DENIED, "its claim of auth.jwt_permission_claim is not read, write or admin");
    *ret = token;
    return LH_OK;
}

lh_code jwt_verify(const jwt_rules *rules, const jwt_keys *keys, lh_str token, int64_t now_ms, lh_arena *arena,
                   jwt_token *ret, lh_error *err) {
    lh_str rest = token, header_part = lh_str_split(&rest, '.'), claims_part = lh_str_split(&rest, '.');
    lh_str content = lh_str_sub(token, 0, header_part.len + 1 + claims_part.len);
    lh_json *header = NULL;
    if (token.len > JWT_TOKEN_BYTES_MAX)
        return lh_fail(err, LH_LIMIT, "it has more than %d bytes", JWT_TOKEN_BYTES_MAX);
    if (claims_part.len == 0 || rest.len == 0) return lh_fail(err, LH_INVALID, "it has not three parts");
    LH_TRY(jwt_object(header_part, "header", arena, &header, err));
    LH_TRY(jwt_check_signature(keys, header, content, rest, arena, err));
    return jwt_claims(rules, claims_part, now_ms, arena, ret, err);
}
