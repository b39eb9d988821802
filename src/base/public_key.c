#include "base/base.h"
#include "base/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#undef lh_error /* a name of OpenSSL's hash tables */

enum { KEY_RSA_BYTES_MIN = 256, KEY_RSA_BYTES_MAX = 1024, KEY_EXPONENT_BYTES_MAX = 4, KEY_P256_BYTES = 32 };

struct lh_public_key {
    EVP_PKEY *key;
    bool is_p256;
};

static void key_pkey_freep(EVP_PKEY **key) { EVP_PKEY_free(*key); }
static void key_context_freep(EVP_PKEY_CTX **context) { EVP_PKEY_CTX_free(*context); }
static void key_builder_freep(OSSL_PARAM_BLD **builder) { OSSL_PARAM_BLD_free(*builder); }
static void key_params_freep(OSSL_PARAM **params) { OSSL_PARAM_free(*params); }
static void key_number_freep(BIGNUM **number) { BN_free(*number); }

/* NULL: not a key that OpenSSL takes. */
static EVP_PKEY *key_build(const char *kind, OSSL_PARAM_BLD *builder) {
    LH_CLEANUP(key_params_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    LH_CLEANUP(key_context_freep) EVP_PKEY_CTX *making = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    LH_CLEANUP(key_pkey_freep) EVP_PKEY *key = NULL;
    if (!params || !making || EVP_PKEY_fromdata_init(making) != 1 ||
        EVP_PKEY_fromdata(making, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    LH_CLEANUP(key_context_freep) EVP_PKEY_CTX *checking = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    return checking && EVP_PKEY_public_check(checking) == 1 ? lh_take(&key) : NULL;
}

static lh_code key_hand_over(EVP_PKEY *key, bool is_p256, lh_public_key **ret, lh_error *err) {
    lh_public_key *made = key ? calloc(1, sizeof *made) : NULL;
    ERR_clear_error(); /* the thread's queue of errors is for whoever comes next */
    if (!key) return lh_fail(err, LH_INVALID, "not a public key");
    if (!made) {
        EVP_PKEY_free(key);
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    }
    *made = (lh_public_key){key, is_p256};
    *ret = made;
    return LH_OK;
}

static EVP_PKEY *key_rsa(lh_str modulus, lh_str exponent) {
    LH_CLEANUP(key_number_freep) BIGNUM *n = BN_bin2bn((const unsigned char *)modulus.ptr, (int)modulus.len, NULL);
    LH_CLEANUP(key_number_freep) BIGNUM *e = BN_bin2bn((const unsigned char *)exponent.ptr, (int)exponent.len, NULL);
    LH_CLEANUP(key_builder_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    bool good = n && e && builder && BN_is_odd(e) && !BN_is_one(e) &&
                OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
                OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1;
    return good ? key_build("RSA", builder) : NULL;
}

lh_code lh_public_key_rsa(lh_str modulus, lh_str exponent, lh_public_key **ret, lh_error *err) {
    if (modulus.len < KEY_RSA_BYTES_MIN || modulus.len > KEY_RSA_BYTES_MAX || modulus.ptr[0] == 0 ||
        exponent.len == 0 || exponent.len > KEY_EXPONENT_BYTES_MAX)
        return lh_fail(err, LH_INVALID, "not an RSA key of 2048 to 8192 bits");
    return key_hand_over(key_rsa(modulus, exponent), false, ret, err);
}

static EVP_PKEY *key_p256(lh_str x, lh_str y) {
    unsigned char point[1 + 2 * KEY_P256_BYTES] = {4}; /* 4: both coordinates follow */
    memcpy(point + 1, x.ptr, KEY_P256_BYTES);
    memcpy(point + 1 + KEY_P256_BYTES, y.ptr, KEY_P256_BYTES);
    LH_CLEANUP(key_builder_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    bool good = builder && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
                OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1;
    return good ? key_build("EC", builder) : NULL;
}

lh_code lh_public_key_p256(lh_str x, lh_str y, lh_public_key **ret, lh_error *err) {
    if (x.len != KEY_P256_BYTES || y.len != KEY_P256_BYTES) return lh_fail(err, LH_INVALID, "not a point of P-256");
    return key_hand_over(key_p256(x, y), true, ret, err);
}

void lh_public_key_free(lh_public_key *key) {
    if (!key) return;
    EVP_PKEY_free(key->key);
    free(key);
}

/* r and s to OpenSSL's form, DER; its size, 0: out of memory. */
static size_t key_der(lh_str raw, unsigned char *into) {
    const unsigned char *bytes = (const unsigned char *)raw.ptr;
    BIGNUM *r = BN_bin2bn(bytes, KEY_P256_BYTES, NULL), *s = BN_bin2bn(bytes + KEY_P256_BYTES, KEY_P256_BYTES, NULL);
    ECDSA_SIG *signature = ECDSA_SIG_new();
    bool made = r && s && signature && ECDSA_SIG_set0(signature, r, s) == 1;
    if (!made) BN_free(r), BN_free(s);
    int size = made ? i2d_ECDSA_SIG(signature, &into) : 0;
    ECDSA_SIG_free(signature);
    return size > 0 ? (size_t)size : 0;
}

bool lh_public_key_verify(const lh_public_key *key, lh_str content, lh_str signature) {
    unsigned char der[2 * KEY_P256_BYTES + 16];
    const unsigned char *bytes = (const unsigned char *)signature.ptr;
    size_t size = signature.len;
    if (key->is_p256 && size != 2 * KEY_P256_BYTES) return false;
    if (key->is_p256) bytes = der, size = key_der(signature, der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = size && context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->key) == 1 &&
                EVP_DigestVerify(context, bytes, size, (const unsigned char *)content.ptr, content.len) == 1;
    EVP_MD_CTX_free(context);
    if (!good) ERR_clear_error();
    return good;
}
