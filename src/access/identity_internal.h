/* Private to access: what the doors ask. */
#ifndef LH_ACCESS_IDENTITY_INTERNAL_H
#define LH_ACCESS_IDENTITY_INTERNAL_H
#include "access/access_internal.h"
#include "access/jwt_internal.h"
#include "access/throttle_internal.h"
#include "access/usage_internal.h"

struct lh_access {
    const lh_config *config; /* borrowed, as the catalog */
    lh_catalog *catalog;
    jwt_issuer *issuer; /* NULL: no tokens are accepted */
    usage *usage;       /* this and the next NULL: nobody is asked for a key */
    throttle *throttle;
    bind_cache *bound;
};

/* "read", "write" or "admin". */
bool access_permission_parse(lh_str text, lh_permission *ret);
/* The stored key that is shown, and whose it is. False: it is none, or lets nobody in. The identity borrows of presented and
 * into, *ret_id of presented. */
bool access_key_find(lh_catalog *catalog, lh_str presented, lh_arena *into, lh_identity *ret, lh_str *ret_id);
/* A principal's identity by its document, cut by a scope. False: a role of it cannot be read. */
bool access_govern(lh_catalog *catalog, const lh_json *principal, lh_permission scope, lh_arena *arena,
                   lh_identity *ret);
#endif
