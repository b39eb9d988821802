/* SHA-256, HMAC-SHA-256 (OpenSSL), hex, base64, constant-time compare, and a fast hash for tables in memory. */
#ifndef LH_BASE_HASH_H
#define LH_BASE_HASH_H
#include "base/str.h"

enum { LH_SHA256_BYTES = 32, LH_SHA256_HEX_BYTES = 64 };
typedef struct lh_sha256 {
    unsigned char bytes[LH_SHA256_BYTES];
} lh_sha256;
typedef struct lh_sha256_hex {
    char text[LH_SHA256_HEX_BYTES + 1];
} lh_sha256_hex;

/* A running hash. Owned: lh_sha256_stream_free(). NO_MEMORY when OpenSSL cannot. */
typedef struct lh_sha256_stream lh_sha256_stream;
LH_MUST_CHECK lh_code lh_sha256_stream_new(lh_sha256_stream **ret, lh_error *err);
void lh_sha256_stream_add(lh_sha256_stream *stream, lh_str data);
lh_sha256 lh_sha256_stream_end(lh_sha256_stream *stream); /* once */
void lh_sha256_stream_free(lh_sha256_stream *stream);
static inline void lh_sha256_stream_freep(lh_sha256_stream **stream) { lh_sha256_stream_free(*stream); }

lh_sha256 lh_sha256_of(lh_str data);
lh_sha256 lh_hmac_sha256(lh_str key, lh_str data);
/* HMAC-SHA-256 of many texts with one key, of one thread at a time. Owned: lh_hmac_free(). NO_MEMORY when OpenSSL cannot. */
typedef struct lh_hmac lh_hmac;
LH_MUST_CHECK lh_code lh_hmac_new(lh_str key, lh_hmac **ret, lh_error *err);
lh_sha256 lh_hmac_of(lh_hmac *hmac, lh_str data);
void lh_hmac_free(lh_hmac *hmac);
static inline void lh_hmac_freep(lh_hmac **hmac) { lh_hmac_free(*hmac); }
lh_sha256_hex lh_sha256_to_hex(const lh_sha256 *hash);        /* lower-case */
void lh_hex(const void *data, size_t size_bytes, char *into); /* writes 2*size digits and a NUL */
/* RFC 4648 §4, with its padding. into: room for 4 bytes of each 3 begun; no NUL behind them. Returns their number. */
size_t lh_base64_encode(lh_str data, char *into);
/* The way back; nothing else may stand between. into: room for 3 bytes of each 4. Errors: INVALID. */
LH_MUST_CHECK lh_code lh_base64_decode(lh_str text, char *into, size_t *ret_bytes);
/* Equal, in time that depends on the lengths only. */
bool lh_equal_constant_time(lh_str a, lh_str b);
/* SipHash-2-4: for hash tables whose keys come from strangers; nobody without the 16 bytes of `secret` finds two texts of one hash. */
uint64_t lh_hash_keyed(const unsigned char secret[16], lh_str s);
/* FNV-1a, 64 bits: for hash tables, not for secrets or files. */
uint64_t lh_hash_fast(lh_str s);
#endif
