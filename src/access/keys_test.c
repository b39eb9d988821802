/* Keys: who is known by which, and what of a key is kept. */
#include "access/access_suite.h"

static lh_identity lake_identify(lake *l, lh_str key) {
    return lh_access_identify(l->access, key, (lh_address){0}, l->arena);
}

static void test_access__the_key_shown_is_of_either_header(void) {
    CHECK_STR(lh_access_key_shown(LH_STR("k"), LH_STR("Bearer other")), LH_STR("k"));
    CHECK_STR(lh_access_key_shown(LH_STR_NONE, LH_STR("bearer  k ")), LH_STR("k"));
    static const char *const none[] = {"Basic aTpr", "Bearer", "Bearer ", "lh_key", "Bearerlh_key", "Token lh_key"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) /* nobody's, but not nothing */
        CHECK_STR(lh_access_key_shown(LH_STR_NONE, lh_str_from(none[i])), LH_STR("\n"));
    CHECK(lh_access_key_shown(LH_STR_NONE, LH_STR_NONE).len == 0);
}

static void test_access__a_key_is_known_until_it_is_revoked(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_json *made = NULL;
    lake_open(&l);
    CHECK_OK(lh_access_key_create(l.catalog, LH_STR("me"), LH_STR("write"), LH_STR_NONE, l.arena, &made, &err));
    lh_str key = lh_json_get_string(made, "key"), id = lh_json_get_string(made, "id");
    CHECK(lake_identify(&l, key).known && lake_identify(&l, key).permission == LH_PERMIT_WRITE);
    CHECK(!lake_identify(&l, lh_str_sub(key, 0, key.len - 1)).known);
    CHECK(!lake_identify(&l, lh_arena_printf(l.arena, "%.*s0", LH_STR_ARG(key))).known);
    CHECK(!lake_identify(&l, LH_STR("lh_")).known && !lake_identify(&l, LH_STR_NONE).known);
    CHECK_OK(lh_access_key_revoke(l.catalog, id, l.arena, &err));
    CHECK(!lake_identify(&l, key).known);
    CHECK(lh_access_key_revoke(l.catalog, id, l.arena, &err) == LH_NOT_FOUND);
}

static lh_json *lake_document(lake *l, const lh_json *made) {
    lh_error err = {0};
    lh_str text, key = lh_arena_printf(l->arena, "key/%.*s", LH_STR_ARG(lh_json_get_string(made, "id")));
    lh_json *doc = NULL;
    CHECK_OK(lh_metastore_get(lh_catalog_metastore(l->catalog), key, l->arena, &text, NULL, &err));
    CHECK(lh_str_search(text, lh_str_sub(lh_json_get_string(made, "key"), 16, SIZE_MAX)) == SIZE_MAX); /* the secret */
    CHECK_OK(lh_json_parse(l->arena, text, &doc, &err));
    return doc;
}

static void test_access__a_document_has_a_hash_under_a_salt_of_its_own(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_str salts[2], hashes[2];
    lake_open(&l);
    for (size_t i = 0; i < 2; i++) {
        lh_json *made = NULL;
        CHECK_OK(lh_access_key_create(l.catalog, LH_STR("twin"), LH_STR("read"), LH_STR_NONE, l.arena, &made, &err));
        lh_json *doc = lake_document(&l, made);
        lh_str secret = lh_str_sub(lh_json_get_string(made, "key"), 16, SIZE_MAX);
        salts[i] = lh_json_get_string(doc, "salt"), hashes[i] = lh_json_get_string(doc, "hash");
        CHECK(secret.len == 64 && salts[i].len == 32 && hashes[i].len == 64);
        lh_sha256 salted = lh_hmac_sha256(salts[i], secret), plain = lh_sha256_of(secret);
        lh_sha256_hex expected = lh_sha256_to_hex(&salted), unsalted = lh_sha256_to_hex(&plain);
        CHECK_STR(hashes[i], lh_str_from(expected.text));
        CHECK(!lh_str_eq(hashes[i], lh_str_from(unsalted.text)));
    }
    CHECK(!lh_str_eq(salts[0], salts[1]) && !lh_str_eq(hashes[0], hashes[1]));
}

static void test_access__the_admin_key_and_no_authentication(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lake_open(&l);
    CHECK(!lake_identify(&l, LH_STR_NONE).known); /* an empty admin key lets nobody in */
    l.config.auth_admin_key = LH_STR("secret");
    CHECK(lake_identify(&l, LH_STR("secret")).permission == LH_PERMIT_ADMIN);
    CHECK(!lake_identify(&l, LH_STR("secret2")).known);
    lh_access_free(lh_take(&l.access));
    l.config.auth_mode = LH_STR("off");
    CHECK_OK(lh_access_new(&l.config, l.catalog, &l.access, &err));
    CHECK(lake_identify(&l, LH_STR_NONE).known && lake_identify(&l, LH_STR_NONE).permission == LH_PERMIT_ADMIN);
}

static void test_access__a_list_shows_no_secret(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_json *made = NULL, *listed = NULL;
    lh_str text;
    lake_open(&l);
    CHECK_OK(lh_access_key_create(l.catalog, LH_STR("me"), LH_STR("read"), LH_STR_NONE, l.arena, &made, &err));
    CHECK(lh_access_key_create(l.catalog, LH_STR_NONE, LH_STR("read"), LH_STR_NONE, l.arena, &made, &err) ==
          LH_INVALID);
    CHECK(lh_access_key_create(l.catalog, LH_STR("x"), LH_STR("god"), LH_STR_NONE, l.arena, &made, &err) == LH_INVALID);
    CHECK_OK(lh_access_keys_list(l.access, l.arena, &listed, &err));
    CHECK(lh_json_size(lh_json_get(listed, "items")) == 1);
    CHECK_OK(lh_json_write(l.arena, listed, false, &text, &err));
    CHECK(lh_str_search(text, LH_STR("hash")) == SIZE_MAX && lh_str_search(text, LH_STR("salt")) == SIZE_MAX);
    CHECK(lh_str_search(text, LH_STR("\"key\"")) == SIZE_MAX);
}

static lh_json *lake_key(lake *l, lh_str expires_at) {
    lh_error err = {0};
    lh_json *made = NULL;
    CHECK_OK(lh_access_key_create(l->catalog, LH_STR("me"), LH_STR("write"), expires_at, l->arena, &made, &err));
    return made;
}

/* Writes the key's document with another end, as if time had passed. */
static void lake_end(lake *l, const lh_json *made, const char *expires_at) {
    lh_error err = {0};
    lh_json *doc = lake_document(l, made);
    lh_change change = {.key = lh_arena_printf(l->arena, "key/%.*s", LH_STR_ARG(lh_json_get_string(made, "id")))};
    lh_json_set_string(l->arena, doc, "expires_at", lh_str_from(expires_at));
    CHECK_OK(lh_json_write(l->arena, doc, false, &change.text, &err));
    CHECK_OK(lh_metastore_commit(lh_catalog_metastore(l->catalog), &change, 1, NULL, &err));
}

static void test_access__a_key_is_refused_from_its_end_on(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_json *none = NULL;
    lake_open(&l);
    lh_json *made = lake_key(&l, LH_STR("2999-01-31T01:00:00+01:00"));
    lh_str key = lh_json_get_string(made, "key");
    CHECK_STR(lh_json_get_string(made, "expires_at"), LH_STR("2999-01-31T00:00:00.000Z"));
    CHECK(lake_identify(&l, key).known);
    const char *const over[] = {"2020-01-01T00:00:00Z", "tomorrow", ""};
    for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
        lake_end(&l, made, over[i]);
        CHECK(!lake_identify(&l, key).known);
        CHECK(lh_access_key_rotate(l.catalog, lh_json_get_string(made, "id"), l.arena, &none, &err) == LH_CONFLICT);
    }
    for (size_t i = 0; i < 2; i++)
        CHECK(lh_access_key_create(l.catalog, LH_STR("me"), LH_STR("read"), lh_str_from(over[i]), l.arena, &none,
                                   &err) == LH_INVALID);
}

static void lake_principal(lake *l, const char *name, const char *role) {
    lh_error err = {0};
    lh_json *body = NULL, *ignored = NULL;
    lh_str text = lh_arena_printf(l->arena, "{\"name\":\"%s\",\"kind\":\"user\",\"roles\":[\"%s\"]}", name, role);
    CHECK_OK(lh_json_parse(l->arena, text, &body, &err));
    CHECK_OK(lh_access_principal_create(l->catalog, body, l->arena, &ignored, &err));
}

static void test_access__a_principals_key_has_an_end_too(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_json *body = NULL, *made = NULL, *again = NULL;
    lake_open(&l);
    CHECK_OK(lh_json_parse(l.arena, LH_STR("{\"name\":\"ann\",\"kind\":\"user\",\"roles\":[\"admin\"]}"), &body, &err));
    CHECK_OK(lh_access_principal_create(l.catalog, body, l.arena, &made, &err));
    const lh_str ann = LH_STR("ann"), read = LH_STR("read"), end = LH_STR("2999-01-31T00:00:00Z");
    CHECK_OK(lh_access_key_create_for(l.catalog, ann, read, end, l.arena, &made, &err));
    CHECK_STR(lh_json_get_string(made, "expires_at"), LH_STR("2999-01-31T00:00:00.000Z"));
    CHECK_OK(lh_access_key_rotate(l.catalog, lh_json_get_string(made, "id"), l.arena, &again, &err));
    lh_str key = lh_json_get_string(again, "key");
    CHECK(!lake_identify(&l, lh_json_get_string(made, "key")).known);
    CHECK(lake_identify(&l, key).governed && lake_identify(&l, key).permission == LH_PERMIT_READ);
    lake_end(&l, again, "2020-01-01T00:00:00Z");
    CHECK(!lake_identify(&l, key).known);
    CHECK(lh_access_key_create_for(l.catalog, ann, read, LH_STR("2020-01-01T00:00:00Z"), l.arena, &made, &err) ==
          LH_INVALID);
}

static void test_access__an_admin_key_is_made_once(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_json *made = NULL;
    lh_str first, again;
    lake_open(&l);
    CHECK_OK(lh_access_key_create(l.catalog, LH_STR("r"), LH_STR("write"), LH_STR_NONE, l.arena, &made, &err));
    CHECK_OK(lh_access_admin_key_ensure(l.catalog, l.arena, &first, &err));
    CHECK(lake_identify(&l, first).permission == LH_PERMIT_ADMIN && !lake_identify(&l, first).governed);
    CHECK_OK(lh_access_admin_key_ensure(l.catalog, l.arena, &again, &err));
    CHECK(again.len == 0);
    CHECK_OK(lh_access_key_revoke(l.catalog, lh_str_sub(first, 3, 12), l.arena, &err));
    lake_principal(&l, "bot", "agent"); /* whose key reaches not so far; the boss's does */
    CHECK_OK(lh_access_key_create_for(l.catalog, LH_STR("bot"), LH_STR("admin"), LH_STR_NONE, l.arena, &made, &err));
    CHECK_OK(lh_access_admin_key_ensure(l.catalog, l.arena, &again, &err));
    CHECK(again.len > 0);
    CHECK_OK(lh_access_key_revoke(l.catalog, lh_str_sub(again, 3, 12), l.arena, &err));
    lake_principal(&l, "boss", "admin");
    CHECK_OK(lh_access_key_create_for(l.catalog, LH_STR("boss"), LH_STR("admin"), LH_STR_NONE, l.arena, &made, &err));
    CHECK_OK(lh_access_admin_key_ensure(l.catalog, l.arena, &again, &err));
    CHECK(again.len == 0);
    lake_end(&l, made, "2020-01-01T00:00:00Z");
    CHECK_OK(lh_access_admin_key_ensure(l.catalog, l.arena, &again, &err));
    CHECK(again.len > 0);
}

static void test_access__nobody_is_a_principal_only_when_it_is_configured(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    lake_principal(&l, "guest", "admin");
    CHECK(!lake_identify(&l, LH_STR_NONE).known);
    l.config.auth_anonymous = LH_STR("guest");
    lh_identity guest = lake_identify(&l, LH_STR_NONE);
    CHECK(guest.known && guest.governed && guest.permission == LH_PERMIT_READ && guest.scope == LH_PERMIT_READ);
    CHECK_STR(guest.principal, LH_STR("guest"));
    CHECK(!lake_identify(&l, LH_STR("wrong")).known && !lake_identify(&l, LH_STR("lh_")).known);
    l.config.auth_anonymous = LH_STR("nobody");
    CHECK(!lake_identify(&l, LH_STR_NONE).known);
}

static void test_access__a_rotated_key_has_one_secret_the_new_one(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_json *again = NULL;
    lake_open(&l);
    lh_json *made = lake_key(&l, LH_STR("2999-01-31T00:00:00Z")), *before = lake_document(&l, made);
    lh_str id = lh_json_get_string(made, "id"), old = lh_json_get_string(made, "key");
    CHECK_OK(lh_access_key_rotate(l.catalog, id, l.arena, &again, &err));
    lh_str key = lh_json_get_string(again, "key");
    CHECK(!lake_identify(&l, old).known && lake_identify(&l, key).permission == LH_PERMIT_WRITE);
    CHECK_STR(lake_identify(&l, key).principal, id);
    lh_json *doc = lake_document(&l, again);
    static const char *const kept[] = {"id", "name", "permission", "created_at", "expires_at"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        CHECK_STR(lh_json_get_string(doc, kept[i]), lh_json_get_string(before, kept[i]));
    CHECK(!lh_str_eq(lh_json_get_string(doc, "salt"), lh_json_get_string(before, "salt")));
    CHECK(lh_json_get(doc, "rotated_at") != NULL);
    CHECK(lh_access_key_rotate(l.catalog, LH_STR("none"), l.arena, &again, &err) == LH_NOT_FOUND);
}

LH_TEST_MAIN(LH_TEST(test_access__a_key_is_refused_from_its_end_on),
             LH_TEST(test_access__a_principals_key_has_an_end_too), LH_TEST(test_access__an_admin_key_is_made_once),
             LH_TEST(test_access__nobody_is_a_principal_only_when_it_is_configured),
             LH_TEST(test_access__a_rotated_key_has_one_secret_the_new_one),
             LH_TEST(test_access__the_key_shown_is_of_either_header),
             LH_TEST(test_access__a_key_is_known_until_it_is_revoked),
             LH_TEST(test_access__a_document_has_a_hash_under_a_salt_of_its_own),
             LH_TEST(test_access__the_admin_key_and_no_authentication), LH_TEST(test_access__a_list_shows_no_secret))
