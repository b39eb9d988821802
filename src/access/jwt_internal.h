/* Private to access: bearer tokens. jwt.c judges one token, jwks.c reads keys, issuer.c keeps the keys of the issuer fresh. */
#ifndef LH_ACCESS_JWT_INTERNAL_H
#define LH_ACCESS_JWT_INTERNAL_H
#include "access/access.h"
#include "base/public_key.h"

enum {
    JWT_TOKEN_BYTES_MAX = 16 << 10,
    JWT_MEMBERS_MAX = 128, /* of the header, and of the claims */
    JWT_SET_BYTES_MAX = 256 << 10,
    JWT_KEYS_MAX = 64,
    JWT_KEY_ID_BYTES_MAX = 256,
};

typedef struct jwt_key {
    lh_str id;          /* owned; empty: the set names none */
    const char *alg;    /* "RS256" or "ES256", by the kind of key: a token never chooses */
    lh_public_key *key; /* owned */
} jwt_key;

/* Keys of a JSON Web Key Set (RFC 7517). Owned: jwt_keys_free(). */
typedef struct jwt_keys {
    jwt_key items[JWT_KEYS_MAX];
    size_t count;
} jwt_keys;

/* What of the set verifies signatures by RS256 (RSA of 2048 to 8192 bits) or ES256 (P-256); all else in it is passed over.
 * Errors: INVALID (no set, none of its keys is of use), LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code jwt_keys_parse(lh_str text, jwt_keys **ret, lh_error *err);
void jwt_keys_free(jwt_keys *keys);
static inline void jwt_keys_freep(jwt_keys **keys) { jwt_keys_free(*keys); }

typedef struct jwt_rules {
    lh_str issuer, audience, principal_claim, permission_claim;
    int64_t leeway_ms;
} jwt_rules;

/* What a good token says. */
typedef struct jwt_token {
    lh_str principal;         /* arena */
    bool permits;             /* it has the permission's claim */
    lh_permission permission; /* of that claim; PUBLIC without it */
} jwt_token;

/* Judges a token (RFC 7515, 7519, 8725) at the time now_ms. Errors, without a value of the
 * token: DENIED; NOT_FOUND: signed by a key that is not in the set; INVALID and LIMIT: it is no token; NO_MEMORY. */
LH_MUST_CHECK lh_code jwt_verify(const jwt_rules *rules, const jwt_keys *keys, lh_str token, int64_t now_ms,
                                 lh_arena *arena, jwt_token *ret, lh_error *err);

/* Its second part alone: the claims, in base64url, of a token whose signature is good. Errors as above. */
LH_MUST_CHECK lh_code jwt_claims(const jwt_rules *rules, lh_str part, int64_t now_ms, lh_arena *arena, jwt_token *ret,
                                 lh_error *err);

/* RFC 4648 section 5 without padding, nothing else between. *ret: arena. Errors: INVALID. */
LH_MUST_CHECK lh_code jwt_base64url(lh_str text, lh_arena *arena, lh_str *ret, lh_error *err);

/* The issuer's keys, from auth.jwt_jwks, fetched anew by a thread of its own. Owned: jwt_issuer_free(). */
typedef struct jwt_issuer jwt_issuer;
LH_MUST_CHECK lh_code jwt_issuer_new(const lh_config *config, jwt_issuer **ret, lh_error *err);
void jwt_issuer_free(jwt_issuer *issuer); /* waits for a fetch under way */
static inline void jwt_issuer_freep(jwt_issuer **issuer) { jwt_issuer_free(*issuer); }
/* Errors are false; why is told in the log (debug). A token of an unknown key makes the thread fetch the keys. */
bool jwt_issuer_verify(jwt_issuer *issuer, lh_str token, lh_arena *arena, jwt_token *ret);
#endif
