#include "base/base.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

struct lh_sha256_stream {
    EVP_MD_CTX *ctx;
};

lh_code lh_sha256_stream_new(lh_sha256_stream **ret, lh_error *err) {
    lh_sha256_stream *stream = calloc(1, sizeof *stream);
    if (!stream || !(stream->ctx = EVP_MD_CTX_new()) || EVP_DigestInit_ex(stream->ctx, EVP_sha256(), NULL) != 1) {
        lh_sha256_stream_free(stream);
        return lh_fail(err, LH_NO_MEMORY, "SHA-256: out of memory");
    }
    *ret = stream;
    return LH_OK;
}

/* OpenSSL's digest calls only fail on misuse of a context that was set up: our bug. */
static void hash_must(int result) {
    if (result != 1) abort();
}

void lh_sha256_stream_add(lh_sha256_stream *stream, lh_str data) {
    if (data.len) hash_must(EVP_DigestUpdate(stream->ctx, data.ptr, data.len));
}

lh_sha256 lh_sha256_stream_end(lh_sha256_stream *stream) {
    lh_sha256 hash;
    hash_must(EVP_DigestFinal_ex(stream->ctx, hash.bytes, NULL));
    return hash;
}

void lh_sha256_stream_free(lh_sha256_stream *stream) {
    if (!stream) return;
    EVP_MD_CTX_free(stream->ctx);
    free(stream);
}

lh_sha256 lh_sha256_of(lh_str data) {
    lh_sha256 hash;
    hash_must(EVP_Digest(data.ptr ? data.ptr : "", data.len, hash.bytes, NULL, EVP_sha256(), NULL));
    return hash;
}

lh_sha256 lh_hmac_sha256(lh_str key, lh_str data) {
    lh_sha256 hash;
    unsigned length = 0;
    hash_must(HMAC(EVP_sha256(), key.ptr ? key.ptr : "", (int)key.len,
                   (const unsigned char *)(data.ptr ? data.ptr : ""), data.len, hash.bytes, &length) != NULL);
    return hash;
}

struct lh_hmac {
    EVP_MAC_CTX *ctx;
};

lh_code lh_hmac_new(lh_str key, lh_hmac **ret, lh_error *err) {
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    lh_hmac *hmac = calloc(1, sizeof *hmac);
    if (hmac && mac) hmac->ctx = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (!hmac || !hmac->ctx || EVP_MAC_init(hmac->ctx, (const unsigned char *)key.ptr, key.len, params) != 1) {
        lh_hmac_free(hmac);
        return lh_fail(err, LH_NO_MEMORY, "HMAC: out of memory");
    }
    *ret = hmac;
    return LH_OK;
}

lh_sha256 lh_hmac_of(lh_hmac *hmac, lh_str data) {
    lh_sha256 hash;
    hash_must(EVP_MAC_init(hmac->ctx, NULL, 0, NULL)); /* with the key that it has */
    if (data.len) hash_must(EVP_MAC_update(hmac->ctx, (const unsigned char *)data.ptr, data.len));
    hash_must(EVP_MAC_final(hmac->ctx, hash.bytes, NULL, sizeof hash.bytes));
    return hash;
}

void lh_hmac_free(lh_hmac *hmac) {
    if (!hmac) return;
    EVP_MAC_CTX_free(hmac->ctx);
    free(hmac);
}

void lh_hex(const void *data, size_t size_bytes, char *into) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size_bytes; i++) {
        into[2 * i] = digits[bytes[i] >> 4];
        into[2 * i + 1] = digits[bytes[i] & 15];
    }
    into[2 * size_bytes] = '\0';
}

lh_sha256_hex lh_sha256_to_hex(const lh_sha256 *hash) {
    lh_sha256_hex hex;
    lh_hex(hash->bytes, sizeof hash->bytes, hex.text);
    return hex;
}

static int base64_value(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

size_t lh_base64_encode(lh_str data, char *into) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)data.ptr;
    size_t size = 0;
    for (size_t i = 0; i < data.len; i += 3) {
        size_t left = data.len - i;
        unsigned a = p[i], b = left > 1 ? p[i + 1] : 0, c = left > 2 ? p[i + 2] : 0;
        into[size++] = letters[a >> 2];
        into[size++] = letters[(a & 3) << 4 | b >> 4];
        into[size++] = left > 1 ? letters[(b & 15) << 2 | c >> 6] : '=';
        into[size++] = left > 2 ? letters[c & 63] : '=';
    }
    return size;
}

lh_code lh_base64_decode(lh_str text, char *into, size_t *ret_bytes) {
    size_t padding = lh_str_ends(text, LH_STR("==")) ? 2 : lh_str_ends(text, LH_STR("=")) ? 1 : 0, bytes = 0;
    uint32_t bits = 0;
    if (text.len % 4) return LH_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        int value = i < text.len - padding ? base64_value(text.ptr[i]) : 0;
        if (value < 0) return LH_INVALID;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 3) continue;
        size_t whole = i + 1 == text.len ? 3 - padding : 3;
        if (whole < 3 && (bits & ((1u << (8 * (3 - whole))) - 1))) return LH_INVALID; /* bits that stand for nothing */
        for (size_t b = 0; b < whole; b++) into[bytes++] = (char)(bits >> (16 - 8 * b));
        bits = 0;
    }
    *ret_bytes = bytes;
    return LH_OK;
}

bool lh_equal_constant_time(lh_str a, lh_str b) {
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

uint64_t lh_hash_fast(lh_str s) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < s.len; i++) hash = (hash ^ (unsigned char)s.ptr[i]) * 1099511628211u;
    return hash;
}

typedef struct hash_sip {
    uint64_t v[4];
} hash_sip;

static uint64_t hash_rotate(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }

static uint64_t hash_sip_word(const unsigned char *bytes, size_t count) {
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++) word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

static void hash_sip_rounds(hash_sip *s, int rounds) {
    uint64_t *v = s->v;
    for (; rounds; rounds--) {
        v[0] += v[1], v[2] += v[3];
        v[1] = hash_rotate(v[1], 13) ^ v[0], v[3] = hash_rotate(v[3], 16) ^ v[2];
        v[0] = hash_rotate(v[0], 32);
        v[2] += v[1], v[0] += v[3];
        v[1] = hash_rotate(v[1], 17) ^ v[2], v[3] = hash_rotate(v[3], 21) ^ v[0];
        v[2] = hash_rotate(v[2], 32);
    }
}

static void hash_sip_add(hash_sip *s, uint64_t word) {
    s->v[3] ^= word;
    hash_sip_rounds(s, 2);
    s->v[0] ^= word;
}

uint64_t lh_hash_keyed(const unsigned char secret[16], lh_str s) {
    const unsigned char *bytes = (const unsigned char *)s.ptr;
    uint64_t k0 = hash_sip_word(secret, 8), k1 = hash_sip_word(secret + 8, 8);
    hash_sip sip = {
        {0x736f6d6570736575u ^ k0, 0x646f72616e646f6du ^ k1, 0x6c7967656e657261u ^ k0, 0x7465646279746573u ^ k1}};
    size_t at = 0;
    for (; s.len - at >= 8; at += 8) hash_sip_add(&sip, hash_sip_word(bytes + at, 8));
    uint64_t last = (uint64_t)s.len << 56;
    if (at < s.len) last |= hash_sip_word(bytes + at, s.len - at);
    hash_sip_add(&sip, last);
    sip.v[2] ^= 0xff;
    hash_sip_rounds(&sip, 4);
    return sip.v[0] ^ sip.v[1] ^ sip.v[2] ^ sip.v[3];
}
