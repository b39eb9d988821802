/* Public keys that verify signatures (OpenSSL). Immutable once made: any thread. */
#ifndef LH_BASE_PUBLIC_KEY_H
#define LH_BASE_PUBLIC_KEY_H
#include "base/str.h"

typedef struct lh_public_key lh_public_key;

/* Numbers are big-endian, without a leading zero. RSA of 2048 to 8192 bits with an odd exponent of at most 4 bytes: verifies
 * RSASSA-PKCS1-v1_5 with SHA-256. Owned: lh_public_key_free(). Errors: INVALID (also OpenSSL's no), NO_MEMORY. */
LH_MUST_CHECK lh_code lh_public_key_rsa(lh_str modulus, lh_str exponent, lh_public_key **ret, lh_error *err);
/* A point of P-256, 32 bytes each: verifies ECDSA with SHA-256, a signature being r and s, 32 bytes each. Errors: INVALID, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_public_key_p256(lh_str x, lh_str y, lh_public_key **ret, lh_error *err);
void lh_public_key_free(lh_public_key *key); /* NULL is fine */
static inline void lh_public_key_freep(lh_public_key **key) { lh_public_key_free(*key); }
bool lh_public_key_verify(const lh_public_key *key, lh_str content, lh_str signature);
#endif
