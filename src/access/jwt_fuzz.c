/* Any bytes as a key set (first byte k), as a token (t), which is never good, as a token's header (h), and as its claims (c). */
#include "access/jwt_internal.h"
#include "base/fuzz.h"

#include <assert.h>

/* An RSA key whose private part nobody has. */
static const char fuzz_set[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"e\":\"AQAB\",\"n\":\""
    "wUWVw5LW7YCeq7prdkjDrok4hBqenNhXmdbkcy22tQqj_h9HxVCi3phhFGRSiBqbfGA1Ixn1YKWYrEamCufAnmGhDubxciAhwfgI"
    "vXjVLArQpYYChTgReo7AzviNMpVi5IWYWXgE-nTRVeBfTRB0E4WcWJUg7ih-CGTueeZvxeBAwFfScu17ez7KuAjn_vSb-KEhDmB4"
    "x5WodDbCJ4as34Y0ulvZ_LHgXLiiQ6kclxOAn6hSX49ePLg6QgmJIK4Ha7KD13sFB71ZwOwCcP0bbx_mGZULxIwmbATqZREDNX9l"
    "mU2XrIodL98dK985qrpNTRvmo6oFhOFYJjaTJUMqww"
    "\"},"
    "{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":\"P-256\",\"x\":\"OeMdlRK9E8gokLI-BttJdO2GMIc9aZkdB902Hi4bSI0\",\"y\":"
    "\"9xnyjZGyzsq4TD_FQl5nCsE10-7pOY2zJr5O2PWe6Zs\"}]}";

static void fuzz_encode(lh_buf *into, lh_str bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t at = 0; at < bytes.len * 8; at += 6) {
        unsigned high = (unsigned char)bytes.ptr[at / 8],
                 low = at / 8 + 1 < bytes.len ? (unsigned char)bytes.ptr[at / 8 + 1] : 0;
        lh_buf_char(into, digits[(high << 8 | low) >> (10 - at % 8) & 63]);
    }
}

static const jwt_rules fuzz_rules = {{"i", 1}, {"a", 1}, {"sub", 3}, {"p", 1}, 1000};

static void fuzz_token(const jwt_keys *keys, lh_str token) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    jwt_token good = {0};
    lh_error err = {0};
    if (lh_arena_new(4 << 20, &arena, &err) != LH_OK) return;
    lh_code code = jwt_verify(&fuzz_rules, keys, token, 1800000000000, arena, &good, &err);
    assert(code != LH_OK && !good.principal.len);
    lh_fuzz_told(code, &err);
}

static void fuzz_claims(lh_str part, lh_arena *arena) {
    jwt_token good = {0};
    lh_error err = {0};
    lh_code code = jwt_claims(&fuzz_rules, part, 1800000000000, arena, &good, &err);
    assert(code == LH_OK || !good.principal.len);
    if (code != LH_OK) lh_fuzz_told(code, &err);
    assert(code != LH_OK || (good.principal.len > 0 && good.permits == (good.permission > LH_PERMIT_PUBLIC)));
}

/* What the encoder writes, the decoder reads. */
static void fuzz_part(const jwt_keys *keys, bool header, lh_str part) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4 << 20);
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str back;
    fuzz_encode(&text, part);
    if (lh_buf_check(&text, NULL) != LH_OK || lh_arena_new(8 << 20, &arena, NULL) != LH_OK) return;
    assert(jwt_base64url(lh_buf_str(&text), arena, &back, NULL) == LH_OK && lh_str_eq(back, part));
    lh_str encoded = lh_buf_str(&text);
    if (header) fuzz_token(keys, lh_arena_printf(arena, "%.*s.e30.AAAA", LH_STR_ARG(encoded)));
    else fuzz_claims(encoded, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(jwt_keys_freep) jwt_keys *keys = NULL, *other = NULL;
    lh_error err = {0};
    if (size == 0 || jwt_keys_parse(lh_str_from(fuzz_set), &keys, &err) != LH_OK) return 0;
    lh_str rest = {(const char *)data + 1, size - 1};
    if (data[0] == 'k') {
        lh_code code = jwt_keys_parse(rest, &other, &err);
        assert((code == LH_OK) == (other != NULL));
        if (code != LH_OK) lh_fuzz_told(code, &err);
    } else if (data[0] == 't') {
        fuzz_token(keys, rest);
    } else {
        fuzz_part(keys, data[0] == 'h', rest);
    }
    return 0;
}
