/* Tokens: signed here by OpenSSL with keys made here, judged by a set that is written here, too. */
#include "access/access_suite.h"
#include "access/identity_internal.h"
#include "base/signer_suite.h"

enum { NOW_S = 1800000000 };
#define GOOD_CLAIMS                                                                                                    \
    "{\"iss\":\"https://idp\",\"aud\":\"lake\",\"sub\":\"ada\",\"lakehouse_permission\":\"write\",\"exp\":1800000060}"

/* ---- a small issuer ---- */

typedef struct issuer {
    signer *rsa, *ec, *other;
    lh_arena *arena;
    lh_str set;
    jwt_keys *keys;
    jwt_rules rules;
} issuer;

static lh_str base64url(lh_arena *arena, const void *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *bytes = data;
    char *text = lh_arena_calloc(arena, 1, size * 2 + 4);
    size_t bits = size * 8, count = 0;
    for (size_t at = 0; at < bits; at += 6) {
        unsigned two = (unsigned)bytes[at / 8] << 8 | (at / 8 + 1 < size ? bytes[at / 8 + 1] : 0u);
        text[count++] = digits[two >> (10 - at % 8) & 63];
    }
    return (lh_str){text, count};
}

static lh_str number_member(issuer *i, signer *key, signer_number which) {
    unsigned char into[1024];
    return base64url(i->arena, into, signer_number_of(key, which, into));
}

static lh_str rsa_jwk(issuer *i, signer *key, const char *more) {
    return lh_arena_printf(i->arena, "{\"kty\":\"RSA\",\"n\":\"%.*s\",\"e\":\"%.*s\"%s}",
                           LH_STR_ARG(number_member(i, key, SIGNER_N)), LH_STR_ARG(number_member(i, key, SIGNER_E)),
                           more);
}

static lh_str ec_jwk(issuer *i, signer *key, const char *more) {
    return lh_arena_printf(i->arena, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.*s\",\"y\":\"%.*s\"%s}",
                           LH_STR_ARG(number_member(i, key, SIGNER_X)), LH_STR_ARG(number_member(i, key, SIGNER_Y)),
                           more);
}

static void issuer_open(issuer *i) {
    lh_error err = {0};
    *i = (issuer){
        .rules = {LH_STR("https://idp"), LH_STR("lake"), LH_STR("sub"), LH_STR("lakehouse_permission"), 30000}};
    CHECK_OK(lh_arena_new(16 << 20, &i->arena, &err));
    CHECK((i->rsa = signer_rsa(2048)) && (i->ec = signer_p256()));
    i->set = lh_arena_printf(i->arena, "{\"keys\":[%.*s,{\"kty\":\"oct\",\"kid\":\"h\",\"k\":\"c2VjcmV0\"},%.*s]}",
                             LH_STR_ARG(rsa_jwk(i, i->rsa, ",\"kid\":\"r\",\"use\":\"sig\",\"alg\":\"RS256\"")),
                             LH_STR_ARG(ec_jwk(i, i->ec, ",\"kid\":\"e\",\"key_ops\":[\"verify\"]")));
    CHECK_OK(jwt_keys_parse(i->set, &i->keys, &err));
}

static void issuer_done(issuer *i) {
    jwt_keys_free(i->keys);
    signer_free(i->rsa);
    signer_free(i->other);
    signer_free(i->ec);
    lh_arena_free(i->arena);
}

static lh_str content(issuer *i, const char *header, const char *claims) {
    return lh_arena_printf(i->arena, "%.*s.%.*s", LH_STR_ARG(base64url(i->arena, header, strlen(header))),
                           LH_STR_ARG(base64url(i->arena, claims, strlen(claims))));
}

static lh_str token_by(issuer *i, signer *key, const char *header, const char *claims) {
    unsigned char bytes[1024];
    lh_str text = content(i, header, claims);
    size_t size = signer_sign(key, text, bytes);
    return lh_arena_printf(i->arena, "%.*s.%.*s", LH_STR_ARG(text), LH_STR_ARG(base64url(i->arena, bytes, size)));
}

static lh_str token(issuer *i, const char *claims) {
    return token_by(i, i->rsa, "{\"alg\":\"RS256\",\"kid\":\"r\"}", claims);
}

static lh_code judged(issuer *i, lh_str text, jwt_token *ret) {
    lh_error err = {0};
    lh_code code = jwt_verify(&i->rules, i->keys, text, (int64_t)NOW_S * 1000, i->arena, ret, &err);
    CHECK(code == LH_OK || err.message[0]);
    return code;
}

static lh_code judge(issuer *i, lh_str text) {
    jwt_token good = {0};
    lh_code code = judged(i, text, &good);
    CHECK((good.principal.len > 0) == (code == LH_OK)); /* untouched on failure */
    return code;
}

/* ---- what is good ---- */

static void test_jwt__both_algorithms_give_the_principal_and_its_permission(void) {
    LH_CLEANUP(issuer_done) issuer i;
    issuer_open(&i);
    const lh_str tokens[] = {
        token(&i, GOOD_CLAIMS), token_by(&i, i.ec, "{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"at+jwt\"}", GOOD_CLAIMS),
        token_by(&i, i.rsa, "{\"alg\":\"RS256\",\"typ\":\"jwt\"}", GOOD_CLAIMS)}; /* the only RSA key */
    for (size_t t = 0; t < 3; t++) {
        jwt_token good = {0};
        CHECK(judged(&i, tokens[t], &good) == LH_OK);
        CHECK(good.permits && good.permission == LH_PERMIT_WRITE);
        CHECK_STR(good.principal, LH_STR("ada"));
    }
}

static void test_jwt__es256_signatures_of_every_shape(void) {
    LH_CLEANUP(issuer_done) issuer i;
    issuer_open(&i);
    for (int round = 0; round < 300; round++) /* r or s begins with a zero byte, or a set bit, in many of them */
        CHECK(judge(&i, token_by(&i, i.ec, "{\"alg\":\"ES256\",\"kid\":\"e\"}", GOOD_CLAIMS)) == LH_OK);
}

static lh_str claims_with(issuer *i, const char *more) {
    return lh_arena_printf(i->arena, "{\"sub\":\"ada\",\"lakehouse_permission\":\"read\"%s}", more);
}

static lh_code judge_claims(issuer *i, const char *more) { return judge(i, token(i, claims_with(i, more).ptr)); }

static void test_jwt__audiences_and_times(void) {
    LH_CLEANUP(issuer_done) issuer i;
    issuer_open(&i);
#define ISS ",\"iss\":\"https://idp\""
#define AUD ",\"aud\":\"lake\""
#define EXP ",\"exp\":1800000060"
    const char *const good[] = {ISS AUD EXP, ISS EXP ",\"aud\":[\"x\",\"lake\"]", ISS AUD ",\"exp\":1799999971",
                                ISS AUD ",\"exp\":1800000000.5", ISS AUD EXP ",\"nbf\":1800000030,\"iat\":1800000030"};
    const char *const denied[] = {ISS AUD,
                                  ISS EXP,
                                  AUD EXP,
                                  ISS AUD ",\"exp\":1799999970",
                                  ISS AUD ",\"exp\":-1",
                                  ISS AUD EXP ",\"nbf\":1800000031",
                                  ISS AUD EXP ",\"iat\":1800000031",
                                  ISS EXP ",\"aud\":\"lak\"",
                                  ISS EXP ",\"aud\":[]",
                                  ISS EXP ",\"aud\":[\"x\",1]",
                                  ISS EXP ",\"aud\":{\"lake\":1}",
                                  ISS EXP ",\"aud\":[[\"lake\"]]",
                                  AUD EXP ",\"iss\":\"https://idp/\"",
                                  AUD EXP ",\"iss\":[\"https://idp\"]"};
    const char *const invalid[] = {
        ISS AUD ",\"exp\":\"1800000060\"",   ISS AUD ",\"exp\":null", ISS AUD EXP ",\"nbf\":true",
        ISS AUD EXP ",\"iat\":[]",           ISS AUD EXP EXP,         ISS ISS AUD EXP,
        ISS AUD EXP ",\"s\\u0075b\":\"eve\""};
    for (size_t t = 0; t < sizeof good / sizeof *good; t++) CHECK(judge_claims(&i, good[t]) == LH_OK);
    for (size_t t = 0; t < sizeof denied / sizeof *denied; t++) CHECK(judge_claims(&i, denied[t]) == LH_DENIED);
    for (size_t t = 0; t < sizeof invalid / sizeof *invalid; t++) CHECK(judge_claims(&i, invalid[t]) == LH_INVALID);
}

static void test_jwt__who_it_is_and_what_it_permits_is_denied_by_default(void) {
    LH_CLEANUP(issuer_done) issuer i;
    issuer_open(&i);
    const char *const people[] = {"\"lakehouse_permission\":\"admin\"",
                                  "\"sub\":\"ada\",\"lakehouse_permission\":null",
                                  "\"sub\":\"\",\"lakehouse_permission\":\"admin\"",
                                  "\"sub\":7,\"lakehouse_permission\":\"admin\"",
                                  "\"sub\":\"admin\",\"lakehouse_permission\":\"admin\"",
                                  "\"sub\":\"-\",\"lakehouse_permission\":\"admin\"",
                                  "\"sub\":\"0123456789ab\",\"lakehouse_permission\":\"read\"",
                                  "\"sub\":\"a\\u0000b\",\"lakehouse_permission\":\"read\"",
                                  "\"sub\":\"ada\",\"lakehouse_permission\":\"Admin\"",
                                  "\"sub\":\"ada\",\"lakehouse_permission\":[\"admin\"]",
                                  "\"sub\":\"ada\",\"lakehouse_permission\":\"\""};
    for (size_t t = 0; t < sizeof people / sizeof *people; t++) {
        lh_str claims = lh_arena_printf(i.arena, "{%s" ISS AUD EXP "}", people[t]);
        CHECK(judge(&i, token(&i, claims.ptr)) == LH_DENIED);
    }
    jwt_token bare = {0}; /* no claim permits nothing: the principal's roles say all of it */
    CHECK(judged(&i, token(&i, "{\"sub\":\"ada\"" ISS AUD EXP "}"), &bare) == LH_OK);
    CHECK(!bare.permits && bare.permission == LH_PERMIT_PUBLIC);
    i.rules.audience = LH_STR_NONE; /* nothing configured matches nothing, rather than all */
    CHECK(judge(&i, token(&i, "{\"sub\":\"ada\",\"lakehouse_permission\":\"read\"" ISS EXP "}")) == LH_DENIED);
}

/* ---- what is not ---- */

static void test_jwt__only_the_two_algorithms(void) {
    LH_CLEANUP(issuer_done) issuer i;
    issuer_open(&i);
    const char *const headers[] = {"{\"alg\":\"none\"}",
                                   "{\"alg\":\"None\",\"kid\":\"r\"}",
                                   "{\"alg\":\"HS256\",\"kid\":\"r\"}",
                                   "{\"alg\":\"HS256\",\"kid\":\"h\"}",
                                   "{\"alg\":\"RS512\",\"kid\":\"r\"}",
                                   "{\"alg\":\"PS256\",\"kid\":\"r\"}",
                                   "{\"alg\":\"rs256\",\"kid\":\"r\"}",
                                   "{\"kid\":\"r\"}",
                                   "{\"alg\":[\"RS256\"],\"kid\":\"r\"}",
                                   "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"b64\"],\"b64\":false}",
                                   "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"logout+jwt\"}"};
    for (size_t t = 0; t < sizeof headers / sizeof *headers; t++)
        CHECK(judge(&i, token_by(&i, i.rsa, headers[t], GOOD_CLAIMS)) == LH_DENIED);
    lh_str unsigned_one = lh_arena_printf(i.arena, "%.*s.", LH_STR_ARG(content(&i, "{\"alg\":\"none\"}", GOOD_CLAIMS)));
    CHECK(judge(&i, unsigned_one) == LH_INVALID);
}

/* HMAC under the public key's own bytes: the classic confusion. */
static void test_jwt__a_public_key_is_no_secret_of_an_hmac(void) {
    LH_CLEANUP(issuer_done) issuer i;
    issuer_open(&i);
    lh_str secret = rsa_jwk(&i, i.rsa, ""), text = content(&i, "{\"alg\":\"HS256\",\"kid\":\"r\"}", GOOD_CLAIMS);
    lh_sha256 mac = lh_hmac_sha256(secret, text);
    lh_str forged = lh_arena_printf(i.arena, "%.*s.%.*s", LH_STR_ARG(text),
                                    LH_STR_ARG(base64url(i.arena, mac.bytes, sizeof mac.bytes)));
    CHECK(judge(&i, forged) == LH_DENIED);
    CHECK(judge(&i, token_by(&i, i.rsa, "{\"alg\":\"ES256\",\"kid\":\"e\"}", GOOD_CLAIMS)) ==
          LH_DENIED); /* RSA's under EC's key */
    CHECK(judge(&i, token_by(&i, i.ec, "{\"alg\":\"RS256\",\"kid\":\"r\"}", GOOD_CLAIMS)) == LH_DENIED);
    CHECK(judge(&i, token_by(&i, i.ec, "{\"alg\":\"RS256\",\"kid\":\"e\"}", GOOD_CLAIMS)) == LH_NOT_FOUND);
}

static void test_jwt__another_key_is_refused_also_when_the_token_brings_it(void) {
    LH_CLEANUP(issuer_done) issuer i;
    issuer_open(&i);
    CHECK((i.other = signer_rsa(2048)) != NULL);
    lh_str jwk = rsa_jwk(&i, i.other, "");
    lh_str brought = lh_arena_printf(
        i.arena, "{\"alg\":\"RS256\",\"kid\":\"r\",\"jwk\":%.*s,\"jku\":\"https://evil/keys\"}", LH_STR_ARG(jwk));
    CHECK(judge(&i, token_by(&i, i.other, brought.ptr, GOOD_CLAIMS)) == LH_DENIED);
    CHECK(judge(&i, token_by(&i, i.rsa, brought.ptr, GOOD_CLAIMS)) == LH_OK); /* it is not looked at at all */
    CHECK(judge(&i, token_by(&i, i.other, "{\"alg\":\"RS256\",\"kid\":\"r\"}", GOOD_CLAIMS)) == LH_DENIED);
    CHECK(judge(&i, token_by(&i, i.other, "{\"alg\":\"RS256\",\"kid\":\"unknown\"}", GOOD_CLAIMS)) == LH_NOT_FOUND);
    CHECK(judge(&i, token_by(&i, i.rsa, "{\"alg\":\"RS256\",\"kid\":null}", GOOD_CLAIMS)) == LH_INVALID);
    CHECK(judge(&i, token_by(&i, i.rsa, "{\"alg\":\"RS256\",\"kid\":\"r\",\"kid\":\"r\"}", GOOD_CLAIMS)) == LH_INVALID);
    jwt_keys_free(lh_take(&i.keys));
    CHECK(judge(&i, token(&i, GOOD_CLAIMS)) == LH_NOT_FOUND); /* no keys yet */
}

static void test_jwt__every_changed_byte_is_noticed(void) {
    LH_CLEANUP(issuer_done) issuer i;
    issuer_open(&i);
    lh_str good = token(&i, GOOD_CLAIMS);
    char *changed = lh_arena_calloc(i.arena, 1, good.len + 1);
    for (size_t at = 0; at < good.len; at++) {
        memcpy(changed, good.ptr, good.len);
        changed[at] = good.ptr[at] == 'A' ? 'B' : 'A';
        CHECK(judge(&i, (lh_str){changed, good.len}) != LH_OK);
        CHECK(judge(&i, lh_str_sub(good, 0, at)) != LH_OK);
    }
    const char *const tails[] = {"=", "==", ".", "\n", " ", "A", "AA", ".AA"};
    for (size_t t = 0; t < sizeof tails / sizeof *tails; t++)
        CHECK(judge(&i, lh_arena_printf(i.arena, "%.*s%s", LH_STR_ARG(good), tails[t])) != LH_OK);
}

static void test_jwt__base64url_has_one_text_for_each_value(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_str bytes;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(jwt_base64url(LH_STR("-_8"), arena, &bytes, &err));
    CHECK_STR(bytes, LH_STR("\xFB\xFF"));
    CHECK_OK(jwt_base64url(LH_STR_NONE, arena, &bytes, &err));
    CHECK(bytes.len == 0);
    const char *const bad[] = {"A", "AAAAA", "AB", "-_9", "+/8", "AA==", "AA A", "AA\n", "\xC3\xA9"};
    for (size_t t = 0; t < sizeof bad / sizeof *bad; t++)
        CHECK(jwt_base64url(lh_str_from(bad[t]), arena, &bytes, &err) == LH_INVALID);
}

static void test_jwt__sizes_are_bounded(void) {
    LH_CLEANUP(issuer_done) issuer i;
    issuer_open(&i);
    char big[JWT_TOKEN_BYTES_MAX + 2];
    memset(big, 'A', sizeof big);
    CHECK(judge(&i, (lh_str){big, JWT_TOKEN_BYTES_MAX + 1}) == LH_LIMIT);
    CHECK(judge(&i, (lh_str){big, JWT_TOKEN_BYTES_MAX}) == LH_INVALID);
    LH_CLEANUP(lh_buf_done) lh_buf many = LH_BUF_INIT(1 << 20);
    lh_buf_printf(&many, "{\"a\":1");
    for (int n = 0; n < JWT_MEMBERS_MAX; n++) lh_buf_printf(&many, ",\"x%d\":1", n);
    lh_buf_printf(&many, "}");
    lh_buf_char(&many, 0);
    CHECK(judge(&i, token(&i, many.ptr)) == LH_LIMIT);
}

/* ---- sets ---- */

static void test_jwt__keys_that_are_not_for_it_are_passed_over(void) {
    LH_CLEANUP(issuer_done) issuer i;
    lh_error err = {0};
    issuer_open(&i);
    CHECK(i.keys->count == 2);
    signer *small = signer_rsa(1024);
    const lh_str useless[] = {
        rsa_jwk(&i, i.rsa, ",\"use\":\"enc\""),
        rsa_jwk(&i, i.rsa, ",\"alg\":\"RS512\""),
        rsa_jwk(&i, small, ""),
        rsa_jwk(&i, i.rsa, ",\"key_ops\":[\"sign\"]"),
        ec_jwk(&i, i.ec, ",\"alg\":\"ES384\""),
        LH_STR("{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}"),
        LH_STR("7"),
        LH_STR("{}"),
        LH_STR("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
               "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}")}; /* not on the curve */
    signer_free(small);
    for (size_t t = 0; t < sizeof useless / sizeof *useless; t++) {
        jwt_keys *keys = NULL;
        CHECK(jwt_keys_parse(lh_arena_printf(i.arena, "{\"keys\":[%.*s]}", LH_STR_ARG(useless[t])), &keys, &err) ==
              LH_INVALID);
        CHECK(keys == NULL);
    }
    jwt_keys *none = NULL;
    CHECK(jwt_keys_parse(LH_STR("{\"keys\":{}}"), &none, &err) == LH_INVALID);
    CHECK(jwt_keys_parse(LH_STR("no JSON"), &none, &err) == LH_INVALID);
    char *big = lh_arena_calloc(i.arena, 1, JWT_SET_BYTES_MAX + 1);
    memset(big, ' ', JWT_SET_BYTES_MAX + 1);
    CHECK(jwt_keys_parse((lh_str){big, JWT_SET_BYTES_MAX + 1}, &none, &err) == LH_LIMIT);
}

static void test_jwt__two_keys_without_an_id_are_not_guessed_among(void) {
    LH_CLEANUP(issuer_done) issuer i;
    lh_error err = {0};
    issuer_open(&i);
    CHECK((i.other = signer_rsa(2048)) != NULL);
    jwt_keys_free(lh_take(&i.keys));
    lh_str set = lh_arena_printf(i.arena, "{\"keys\":[%.*s,%.*s]}", LH_STR_ARG(rsa_jwk(&i, i.rsa, "")),
                                 LH_STR_ARG(rsa_jwk(&i, i.other, "")));
    CHECK_OK(jwt_keys_parse(set, &i.keys, &err));
    CHECK(judge(&i, token_by(&i, i.rsa, "{\"alg\":\"RS256\"}", GOOD_CLAIMS)) == LH_DENIED);
}

/* ---- through the door's call, with the set in a file ---- */

typedef struct door {
    issuer i;
    lake l;
    char path[32];
} door;

static void door_open(door *d) {
    lh_error err = {0};
    issuer_open(&d->i);
    lake_open(&d->l);
    snprintf(d->path, sizeof d->path, "/tmp/lh-jwks-XXXXXX");
    int fd = mkstemp(d->path);
    CHECK(fd >= 0 && write(fd, d->i.set.ptr, d->i.set.len) == (ssize_t)d->i.set.len && close(fd) == 0);
    lh_access_free(lh_take(&d->l.access));
    d->l.config = (lh_config){.auth_mode = LH_STR("keys"),
                              .auth_jwt_jwks = lh_str_from(d->path),
                              .auth_jwt_issuer = d->i.rules.issuer,
                              .auth_jwt_audience = d->i.rules.audience,
                              .auth_jwt_principal_claim = d->i.rules.principal_claim,
                              .auth_jwt_permission_claim = d->i.rules.permission_claim,
                              .auth_jwt_unknown_principal = LH_STR("claim"),
                              .auth_jwt_refresh_ms = 60000,
                              .auth_jwt_refetch_min_ms = 60000};
    CHECK_OK(lh_access_new(&d->l.config, d->l.catalog, &d->l.access, &err));
}

static void door_done(door *d) {
    unlink(d->path);
    lake_done(&d->l);
    issuer_done(&d->i);
}

static lh_str door_token(door *d, const char *sub, const char *more) {
    lh_str claims = lh_arena_printf(d->i.arena, "{\"sub\":\"%s\"%s" ISS AUD ",\"exp\":%" PRId64 "}", sub, more,
                                    lh_time_now_ms() / 1000 + 60);
    return token(&d->i, claims.ptr);
}

static lh_identity door_ask(door *d, const char *sub, const char *more) {
    return lh_access_identify(d->l.access, door_token(d, sub, more), (lh_address){0}, d->l.arena);
}

#define PERMITS(word) ",\"lakehouse_permission\":\"" word "\""

static void test_jwt__the_doors_take_tokens_of_the_file(void) {
    LH_CLEANUP(door_done) door d;
    door_open(&d);
    lh_str good = door_token(&d, "ada", PERMITS("admin"));
    lh_identity identity = lh_access_identify(d.l.access, good, (lh_address){0}, d.l.arena);
    CHECK(identity.known && !identity.governed && identity.permission == LH_PERMIT_ADMIN);
    CHECK_STR(identity.principal, LH_STR("ada"));
    CHECK(!lh_access_identify(d.l.access, lh_str_sub(good, 0, good.len - 4), (lh_address){0}, d.l.arena).known);
    CHECK(!lh_access_identify(d.l.access, token(&d.i, GOOD_CLAIMS "x"), (lh_address){0}, d.l.arena).known);
    CHECK(!lh_access_identify(d.l.access, LH_STR_NONE, (lh_address){0}, d.l.arena).known);
}

static void door_principal(door *d, const char *name, const char *role) {
    lh_error err = {0};
    lh_json *body = NULL, *ignored = NULL;
    lh_str text = lh_arena_printf(d->l.arena, "{\"name\":\"%s\",\"kind\":\"user\",\"roles\":[\"%s\"]}", name, role);
    CHECK_OK(lh_json_parse(d->l.arena, text, &body, &err));
    CHECK_OK(lh_access_principal_create(d->l.catalog, body, d->l.arena, &ignored, &err));
}

static void test_jwt__a_stored_principals_token_reaches_no_further_than_its_roles(void) {
    LH_CLEANUP(door_done) door d;
    door_open(&d);
    door_principal(&d, "ada", "agent");
    door_principal(&d, "boss", "admin");
    static const struct {
        const char *sub, *more;
        lh_permission permission, scope;
    } cases[] = {{"ada", PERMITS("admin"), LH_PERMIT_PUBLIC, LH_PERMIT_ADMIN},
                 {"ada", "", LH_PERMIT_PUBLIC, LH_PERMIT_ADMIN},
                 {"ada", PERMITS("read"), LH_PERMIT_PUBLIC, LH_PERMIT_READ},
                 {"boss", PERMITS("read"), LH_PERMIT_READ, LH_PERMIT_READ},
                 {"boss", PERMITS("admin"), LH_PERMIT_ADMIN, LH_PERMIT_ADMIN},
                 {"boss", "", LH_PERMIT_ADMIN, LH_PERMIT_ADMIN}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        lh_identity identity = door_ask(&d, cases[c].sub, cases[c].more);
        CHECK(identity.known && identity.governed);
        CHECK(identity.permission == cases[c].permission && identity.scope == cases[c].scope);
        CHECK_STR(identity.principal, lh_str_from(cases[c].sub));
    }
    CHECK(!door_ask(&d, "boss", PERMITS("root")).known);
}

static void test_jwt__who_is_not_stored_may_do_nothing_unless_the_claim_is_trusted(void) {
    LH_CLEANUP(door_done) door d;
    door_open(&d);
    CHECK(door_ask(&d, "eve", PERMITS("write")).permission == LH_PERMIT_WRITE);
    CHECK(door_ask(&d, "no principal's name", PERMITS("read")).permission == LH_PERMIT_READ);
    lh_identity bare = door_ask(&d, "eve", "");
    CHECK(bare.known && !bare.governed && bare.permission == LH_PERMIT_PUBLIC && bare.scope == LH_PERMIT_PUBLIC);
    d.l.config.auth_jwt_unknown_principal = LH_STR("deny");
    lh_identity denied = door_ask(&d, "eve", PERMITS("admin"));
    CHECK(denied.known && !denied.governed);
    CHECK(denied.permission == LH_PERMIT_PUBLIC && denied.scope == LH_PERMIT_PUBLIC);
}

static void test_jwt__deleting_a_principal_elevates_no_token(void) {
    lh_error err = {0};
    LH_CLEANUP(door_done) door d;
    door_open(&d);
    door_principal(&d, "ada", "agent");
    CHECK_OK(lh_access_principal_delete(d.l.catalog, LH_STR("ada"), LH_VERSION_ANY, d.l.arena, &err));
    lh_identity gone = door_ask(&d, "ada", PERMITS("admin"));
    CHECK(gone.known && gone.permission == LH_PERMIT_PUBLIC && gone.scope == LH_PERMIT_PUBLIC);
    door_principal(&d, "ada", "admin");
    CHECK(door_ask(&d, "ada", PERMITS("admin")).permission == LH_PERMIT_ADMIN);
    CHECK_OK(lh_access_principal_delete(d.l.catalog, LH_STR("ada"), LH_VERSION_ANY, d.l.arena, &err));
    CHECK(door_ask(&d, "ada", PERMITS("admin")).permission == LH_PERMIT_PUBLIC);
}

LH_TEST_MAIN(LH_TEST(test_jwt__both_algorithms_give_the_principal_and_its_permission),
             LH_TEST(test_jwt__es256_signatures_of_every_shape), LH_TEST(test_jwt__audiences_and_times),
             LH_TEST(test_jwt__who_it_is_and_what_it_permits_is_denied_by_default),
             LH_TEST(test_jwt__only_the_two_algorithms), LH_TEST(test_jwt__a_public_key_is_no_secret_of_an_hmac),
             LH_TEST(test_jwt__another_key_is_refused_also_when_the_token_brings_it),
             LH_TEST(test_jwt__every_changed_byte_is_noticed), LH_TEST(test_jwt__base64url_has_one_text_for_each_value),
             LH_TEST(test_jwt__sizes_are_bounded), LH_TEST(test_jwt__keys_that_are_not_for_it_are_passed_over),
             LH_TEST(test_jwt__two_keys_without_an_id_are_not_guessed_among),
             LH_TEST(test_jwt__the_doors_take_tokens_of_the_file),
             LH_TEST(test_jwt__a_stored_principals_token_reaches_no_further_than_its_roles),
             LH_TEST(test_jwt__who_is_not_stored_may_do_nothing_unless_the_claim_is_trusted),
             LH_TEST(test_jwt__deleting_a_principal_elevates_no_token))
