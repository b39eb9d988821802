/* What signs, for tests: keys made by OpenSSL. */
#ifndef LH_BASE_SIGNER_SUITE_H
#define LH_BASE_SIGNER_SUITE_H
#include "base/test.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#undef lh_error

typedef EVP_PKEY signer;
typedef enum { SIGNER_N, SIGNER_E, SIGNER_X, SIGNER_Y } signer_number;

static inline signer *signer_rsa(unsigned bits) { return EVP_RSA_gen(bits); }
static inline signer *signer_p256(void) { return EVP_EC_gen("P-256"); }
static inline void signer_free(signer *key) { EVP_PKEY_free(key); }

/* Big-endian, coordinates of 32 bytes; its size. */
static inline size_t signer_number_of(signer *key, signer_number which, unsigned char *into) {
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_EC_PUB_X,
                                        OSSL_PKEY_PARAM_EC_PUB_Y};
    BIGNUM *number = NULL;
    CHECK(EVP_PKEY_get_bn_param(key, names[which], &number) == 1);
    int size = which >= SIGNER_X ? 32 : BN_num_bytes(number);
    CHECK(BN_bn2binpad(number, into, size) == size);
    BN_free(number);
    return (size_t)size;
}

/* As a token has it: PKCS #1 of RSA, r and s of P-256. `into`: 1024 bytes. */
static inline size_t signer_sign(signer *key, lh_str text, unsigned char *into) {
    size_t size = 1024;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1);
    CHECK(EVP_DigestSign(context, into, &size, (const unsigned char *)text.ptr, text.len) == 1);
    EVP_MD_CTX_free(context);
    if (!EVP_PKEY_is_a(key, "EC")) return size;
    const unsigned char *at = into;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)size);
    CHECK(pair != NULL);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(pair), into, 32) == 32);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(pair), into + 32, 32) == 32);
    ECDSA_SIG_free(pair);
    return 64;
}
#endif
