/* access: who may do what: API keys, and what a key permits. Every door asks here (HTTP, gRPC).
 * Depends on: base, storage, catalog. Used by: rpc, api. Thread-safe: any call, any thread. */
#ifndef LH_ACCESS_ACCESS_H
#define LH_ACCESS_ACCESS_H
#include "catalog/catalog.h"

typedef enum lh_permission { /* each reaches as far as those before it */
                             LH_PERMIT_PUBLIC,
                             LH_PERMIT_READ,
                             LH_PERMIT_WRITE,
                             LH_PERMIT_ADMIN,
} lh_permission;

typedef struct lh_identity {
    bool known;
    lh_permission permission;
    lh_str principal; /* id of a stored key (borrowed of what was shown), "admin", "-": authentication is off */
} lh_identity;

/* The key that a caller shows, of its two headers (or gRPC metadata): X-API-Key, else Authorization's bearer token; empty
 * when there is none. Borrowed from them. */
lh_str lh_access_key_shown(lh_str x_api_key, lh_str authorization);
/* Whose key is that? With auth.mode off everybody is known and may do everything. */
lh_identity lh_access_identify(const lh_config *config, lh_catalog *catalog, lh_str key);

/* {"items":[{"id","name","permission","created_at"}],"next_page_token":null}. Arena. */
LH_MUST_CHECK lh_code lh_access_keys_list(lh_catalog *catalog, lh_arena *arena, lh_json **ret, lh_error *err);
/* permission: "read", "write" or "admin". *ret (arena): {"id","name","permission","created_at","key"}; the key is shown this once
 * and kept nowhere. Errors: INVALID (name, permission), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_access_key_create(lh_catalog *catalog, lh_str name, lh_str permission, lh_arena *arena,
                                           lh_json **ret, lh_error *err);
/* Errors: NOT_FOUND, CONFLICT, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_access_key_revoke(lh_catalog *catalog, lh_str id, lh_arena *arena, lh_error *err);
#endif
