/* Keys: who is known by which, and what of a key is kept. */
#include "access/access.h"
#include "base/test.h"

#include <ftw.h>
#include <unistd.h>

typedef struct lake {
    char root[64];
    lh_bucket *bucket;
    lh_catalog *catalog;
    lh_arena *arena;
    lh_config config;
} lake;

static void lake_open(lake *l) {
    lh_error err = {0};
    *l = (lake){.config = {.auth_mode = LH_STR("keys")}};
    snprintf(l->root, sizeof l->root, "/tmp/lh-access-XXXXXX");
    CHECK(mkdtemp(l->root) != NULL);
    CHECK_OK(lh_arena_new(8 << 20, &l->arena, &err));
    CHECK_OK(lh_bucket_open_file(lh_str_from(l->root), &l->bucket, &err));
    const lh_catalog_options options = {
        .bucket = l->bucket, .checkpoint_entries = 1000, .default_namespace = LH_STR("data")};
    CHECK_OK(lh_catalog_open(&options, &l->catalog, &err));
}

static int lake_unlink(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void lake_done(lake *l) {
    lh_catalog_free(l->catalog);
    lh_bucket_free(l->bucket);
    lh_arena_free(l->arena);
    nftw(l->root, lake_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static lh_identity lake_identify(lake *l, lh_str key) { return lh_access_identify(&l->config, l->catalog, key); }

static void test_access__the_key_shown_is_of_either_header(void) {
    CHECK_STR(lh_access_key_shown(LH_STR("k"), LH_STR("Bearer other")), LH_STR("k"));
    CHECK_STR(lh_access_key_shown(LH_STR_NONE, LH_STR("bearer  k ")), LH_STR("k"));
    CHECK(lh_access_key_shown(LH_STR_NONE, LH_STR("Basic aTpr")).len == 0);
    CHECK(lh_access_key_shown(LH_STR_NONE, LH_STR("Bearer")).len == 0);
    CHECK(lh_access_key_shown(LH_STR_NONE, LH_STR_NONE).len == 0);
}

static void test_access__a_key_is_known_until_it_is_revoked(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_json *made = NULL;
    lake_open(&l);
    CHECK_OK(lh_access_key_create(l.catalog, LH_STR("me"), LH_STR("write"), l.arena, &made, &err));
    lh_str key = lh_json_get_string(made, "key"), id = lh_json_get_string(made, "id");
    CHECK(lake_identify(&l, key).known && lake_identify(&l, key).permission == LH_PERMIT_WRITE);
    CHECK(!lake_identify(&l, lh_str_sub(key, 0, key.len - 1)).known);
    CHECK(!lake_identify(&l, lh_arena_printf(l.arena, "%.*s0", LH_STR_ARG(key))).known);
    CHECK(!lake_identify(&l, LH_STR("lh_")).known && !lake_identify(&l, LH_STR_NONE).known);
    CHECK_OK(lh_access_key_revoke(l.catalog, id, l.arena, &err));
    CHECK(!lake_identify(&l, key).known);
    CHECK(lh_access_key_revoke(l.catalog, id, l.arena, &err) == LH_NOT_FOUND);
}

static void test_access__the_admin_key_and_no_authentication(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    CHECK(!lake_identify(&l, LH_STR_NONE).known); /* an empty admin key lets nobody in */
    l.config.auth_admin_key = LH_STR("secret");
    CHECK(lake_identify(&l, LH_STR("secret")).permission == LH_PERMIT_ADMIN);
    CHECK(!lake_identify(&l, LH_STR("secret2")).known);
    l.config.auth_mode = LH_STR("off");
    CHECK(lake_identify(&l, LH_STR_NONE).known && lake_identify(&l, LH_STR_NONE).permission == LH_PERMIT_ADMIN);
}

static void test_access__a_list_shows_no_secret(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_json *made = NULL, *listed = NULL;
    lh_str text;
    lake_open(&l);
    CHECK_OK(lh_access_key_create(l.catalog, LH_STR("me"), LH_STR("read"), l.arena, &made, &err));
    CHECK(lh_access_key_create(l.catalog, LH_STR_NONE, LH_STR("read"), l.arena, &made, &err) == LH_INVALID);
    CHECK(lh_access_key_create(l.catalog, LH_STR("x"), LH_STR("god"), l.arena, &made, &err) == LH_INVALID);
    CHECK_OK(lh_access_keys_list(l.catalog, l.arena, &listed, &err));
    CHECK(lh_json_size(lh_json_get(listed, "items")) == 1);
    CHECK_OK(lh_json_write(l.arena, listed, false, &text, &err));
    CHECK(lh_str_search(text, LH_STR("hash")) == SIZE_MAX && lh_str_search(text, LH_STR("salt")) == SIZE_MAX);
    CHECK(lh_str_search(text, LH_STR("\"key\"")) == SIZE_MAX);
}

LH_TEST_MAIN(LH_TEST(test_access__the_key_shown_is_of_either_header),
             LH_TEST(test_access__a_key_is_known_until_it_is_revoked),
             LH_TEST(test_access__the_admin_key_and_no_authentication), LH_TEST(test_access__a_list_shows_no_secret))
