/* What all doors share for telling who calls: the configuration, the stored keys (keys.c), the issuer of tokens (issuer.c). */
#include "access/identity_internal.h"

static lh_code identity_open_throttle(const lh_config *config, throttle **ret, lh_error *err) {
    const throttle_rules rules = {.address_rate = (uint64_t)config->auth_address_requests_per_s,
                                  .key_rate = (uint64_t)config->auth_key_requests_per_s,
                                  .failures_max = (uint64_t)config->auth_lockout_failures,
                                  .window_ms = (uint64_t)config->auth_lockout_window_ms,
                                  .lock_ms = (uint64_t)config->auth_lockout_ms,
                                  .lock_max_ms = (uint64_t)config->auth_lockout_max_ms};
    return throttle_new(&rules, ret, err);
}

lh_code lh_access_new(const lh_config *config, lh_catalog *catalog, lh_access **ret, lh_error *err) {
    LH_CLEANUP(lh_access_freep) lh_access *access = calloc(1, sizeof *access);
    if (!access) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    access->config = config;
    access->catalog = catalog;
    LH_TRY(bind_cache_new(&access->bound, err));
    if (!lh_str_eq(config->auth_mode, LH_STR("off"))) {
        LH_TRY(identity_open_throttle(config, &access->throttle, err));
        LH_TRY(usage_new(catalog, &access->usage, err));
    }
    if (config->auth_jwt_jwks.len) LH_TRY(jwt_issuer_new(config, &access->issuer, err));
    *ret = lh_take(&access);
    return LH_OK;
}

void lh_access_free(lh_access *access) {
    if (!access) return;
    jwt_issuer_free(access->issuer);
    usage_free(access->usage);
    throttle_free(access->throttle);
    bind_cache_free(access->bound);
    free(access);
}

/* ---- who is that? ---- */

static const lh_identity identity_nobody = {0};

static lh_identity identity_admin(const char *name) {
    return (lh_identity){.known = true,
                         .permission = LH_PERMIT_ADMIN,
                         .principal = lh_str_from(name),
                         .scope = LH_PERMIT_ADMIN,
                         .owner = lh_str_from(name)};
}

bool access_govern(lh_catalog *catalog, const lh_json *principal, lh_permission scope, lh_arena *arena,
                   lh_identity *ret) {
    lh_policy *policy = NULL;
    if (access_policy_of(catalog, principal, arena, &policy, NULL) != LH_OK) return false;
    lh_permission reach = access_policy_reach(policy);
    *ret = (lh_identity){.known = true,
                         .permission = reach < scope ? reach : scope,
                         .principal = lh_json_get_string(principal, "name"),
                         .governed = true,
                         .scope = scope,
                         .owner =
                             lh_arena_printf(arena, "principal:%.*s", LH_STR_ARG(lh_json_get_string(principal, "id")))};
    return lh_arena_check(arena, NULL) == LH_OK;
}

/* A good token of somebody who is no stored principal: known, and may do nothing, unless the configuration trusts the claim.
 * Whoever was a principal once is not trusted more for having been deleted. */
static lh_identity identity_of_stranger(const lh_access *access, const jwt_token *token, lh_arena *arena) {
    lh_str owner = lh_arena_printf(arena, "token:%.*s", LH_STR_ARG(token->principal));
    lh_identity identity = {.known = true, .principal = token->principal, .owner = owner};
    bool trusted = lh_str_eq(access->config->auth_jwt_unknown_principal, LH_STR("claim"));
    if (trusted && !access_principal_was_deleted(access->catalog, token->principal, arena))
        identity.permission = identity.scope = token->permission;
    return identity;
}

static lh_identity identity_of_token(const lh_access *access, const jwt_token *token, lh_arena *arena) {
    lh_json *principal = NULL;
    lh_identity identity;
    uint64_t ignored;
    lh_code code = access_principal_read(access->catalog, token->principal, arena, &principal, &ignored, NULL);
    if (code == LH_NOT_FOUND || code == LH_INVALID) return identity_of_stranger(access, token, arena);
    lh_permission scope = token->permits ? token->permission : LH_PERMIT_ADMIN;
    bool good = code == LH_OK && access_govern(access->catalog, principal, scope, arena, &identity);
    return good ? identity : identity_nobody;
}

/* A caller without any key: a principal that the configuration names, which reads at most. */
static lh_identity identity_anonymous(const lh_access *access, lh_arena *arena) {
    lh_json *principal = NULL;
    lh_identity identity;
    uint64_t ignored;
    lh_str name = access->config->auth_anonymous;
    bool good = name.len && access_principal_read(access->catalog, name, arena, &principal, &ignored, NULL) == LH_OK &&
                access_govern(access->catalog, principal, LH_PERMIT_READ, arena, &identity);
    return good ? identity : identity_nobody;
}

static lh_identity identity_of_key(lh_access *access, lh_str key, lh_arena *arena) {
    lh_str admin = access->config->auth_admin_key, id;
    lh_identity stored;
    jwt_token token;
    if (admin.len && lh_equal_constant_time(key, admin)) return identity_admin("admin");
    if (access_key_find(access->catalog, key, arena, &stored, &id)) {
        usage_note(access->usage, id, lh_time_now_ms());
        return stored;
    }
    if (access->issuer && jwt_issuer_verify(access->issuer, key, arena, &token))
        return identity_of_token(access, &token, arena);
    return identity_nobody;
}

static lh_identity identity_waits(uint64_t wait_ms) {
    return (lh_identity){.retry_after_ms = wait_ms < UINT32_MAX ? (uint32_t)wait_ms : UINT32_MAX};
}

lh_identity lh_access_identify(lh_access *access, lh_str key, lh_address from, lh_arena *arena) {
    if (!access->throttle) return identity_admin("-");
    uint64_t now_ns = lh_time_monotonic_ns(), wait_ms = throttle_enter(access->throttle, from, key, now_ns);
    if (wait_ms) return identity_waits(wait_ms);
    if (key.len == 0) return identity_anonymous(access, arena);
    lh_identity identity = identity_of_key(access, key, arena);
    if (identity.known) wait_ms = throttle_was_good(access->throttle, from, key, now_ns);
    else if (throttle_was_wrong(access->throttle, from, key, now_ns))
        lh_log(LH_LOG_WARN, "an address showed too many wrong keys, and is not heard for a while", NULL);
    return wait_ms ? identity_waits(wait_ms) : identity;
}
