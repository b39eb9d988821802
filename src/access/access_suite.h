/* Tests only: a lake in a folder of its own, with authentication by keys. */
#ifndef LH_ACCESS_ACCESS_SUITE_H
#define LH_ACCESS_ACCESS_SUITE_H
#include "access/access.h"
#include "base/test.h"

#include <ftw.h>
#include <unistd.h>

typedef struct lake {
    char root[64];
    lh_bucket *bucket;
    lh_catalog *catalog;
    lh_access *access;
    lh_arena *arena;
    lh_config config;
} lake;

static inline void lake_open(lake *l) {
    lh_error err = {0};
    *l = (lake){.config = {.auth_mode = LH_STR("keys")}};
    snprintf(l->root, sizeof l->root, "/tmp/lh-access-XXXXXX");
    CHECK(mkdtemp(l->root) != NULL);
    CHECK_OK(lh_arena_new(64 << 20, &l->arena, &err));
    CHECK_OK(lh_bucket_open_file(lh_str_from(l->root), &l->bucket, &err));
    const lh_catalog_options options = {
        .bucket = l->bucket, .checkpoint_entries = 1000, .default_namespace = LH_STR("data")};
    CHECK_OK(lh_catalog_open(&options, &l->catalog, &err));
    CHECK_OK(lh_access_new(&l->config, l->catalog, &l->access, &err));
}

static inline int lake_unlink(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static inline void lake_done(lake *l) {
    lh_access_free(l->access);
    lh_catalog_free(l->catalog);
    lh_bucket_free(l->bucket);
    lh_arena_free(l->arena);
    nftw(l->root, lake_unlink, 16, FTW_DEPTH | FTW_PHYS);
}
#endif
