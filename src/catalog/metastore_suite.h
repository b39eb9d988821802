/* Tests only: a file bucket in a fresh folder with metastores on it, and short ways to use them. */
#ifndef LH_CATALOG_METASTORE_SUITE_H
#define LH_CATALOG_METASTORE_SUITE_H
#include "base/test.h"
#include "catalog/metastore_internal.h"

#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct suite {
    char root[64];
    lh_bucket *bucket;
    lh_metastore *store, *other; /* of two gateways */
    lh_arena *arena;
    lh_error err;
} suite;

static inline suite *suite_new(void) {
    suite *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    snprintf(s->root, sizeof s->root, "/tmp/lh-metastore-XXXXXX");
    CHECK(mkdtemp(s->root) != NULL);
    CHECK(lh_arena_new(256 << 20, &s->arena, &s->err) == LH_OK);
    CHECK(lh_bucket_open_file(lh_str_from(s->root), &s->bucket, &s->err) == LH_OK);
    return s;
}

static inline int suite_unlink(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static inline void suite_free(suite *s) {
    lh_metastore_free(s->store);
    lh_metastore_free(s->other);
    lh_bucket_free(s->bucket);
    lh_arena_free(s->arena);
    nftw(s->root, suite_unlink, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
}
static inline void suite_freep(suite **s) { suite_free(*s); }

static inline void suite_open(suite *s, lh_metastore **store, uint64_t checkpoint_entries) {
    lh_metastore_free(*store);
    *store = NULL;
    lh_code code = lh_metastore_open(s->bucket, checkpoint_entries, store, &s->err);
    if (code != LH_OK) print_error("open: %s\n", s->err.message);
    CHECK(code == LH_OK);
}

static inline lh_code suite_commit(lh_metastore *store, const char *key, const char *text, uint64_t expected,
                                   uint64_t *ret) {
    const lh_change change = {.key = lh_str_from(key), .text = lh_str_from(text), .expected = expected};
    return lh_metastore_commit(store, &change, 1, ret, NULL);
}

/* A commit that must succeed; gives its sequence. */
static inline uint64_t suite_put(lh_metastore *store, const char *key, const char *text) {
    uint64_t sequence = 0;
    CHECK(suite_commit(store, key, text, LH_VERSION_ANY, &sequence) == LH_OK);
    return sequence;
}

/* The document's text, "" when absent. Arena. */
static inline lh_str suite_get(suite *s, lh_metastore *store, const char *key, uint64_t *ret_version) {
    lh_str text = LH_STR_NONE;
    uint64_t version = 0;
    lh_code code = lh_metastore_get(store, lh_str_from(key), s->arena, &text, &version, NULL);
    CHECK(code == LH_OK || code == LH_NOT_FOUND);
    if (ret_version) *ret_version = version;
    return text;
}

/* All documents as lines "key version text". Arena. */
static inline lh_str suite_dump(suite *s, lh_metastore *store) {
    LH_CLEANUP(lh_buf_done) lh_buf dump = LH_BUF_INIT(64 << 20);
    lh_document_page page;
    CHECK(lh_metastore_list(store, LH_STR_NONE, LH_STR_NONE, 1 << 24, s->arena, &page, &s->err) == LH_OK);
    for (size_t i = 0; i < page.count; i++)
        lh_buf_printf(&dump, "%.*s %" PRIu64 " %.*s\n", LH_STR_ARG(page.items[i].key), page.items[i].version,
                      LH_STR_ARG(page.items[i].text));
    return lh_arena_dup(s->arena, lh_buf_str(&dump));
}

static inline void suite_wait_checkpoint(lh_metastore *store, uint64_t sequence) {
    while (lh_metastore_get_stats(store).checkpoint_sequence < sequence) sched_yield();
}

/* The checkpoint thread has nothing left to do: also what it deletes is deleted. */
static inline void suite_settle(suite *s, lh_metastore **store, uint64_t checkpoint_entries) {
    suite_wait_checkpoint(*store, lh_metastore_get_stats(*store).sequence);
    suite_open(s, store, checkpoint_entries);
}

/* Overwrites an object of the catalog, or creates it; an empty text deletes. */
static inline void suite_damage(suite *s, lh_str key, lh_str text) {
    if (text.len) CHECK(lh_bucket_put(s->bucket, key, text, (lh_put_condition){0}, NULL, &s->err) == LH_OK);
    else CHECK(lh_bucket_delete(s->bucket, key, LH_STR_NONE, &s->err) == LH_OK);
}
static inline lh_str suite_object(suite *s, lh_str key) {
    lh_str text = LH_STR_NONE;
    CHECK(lh_bucket_get(s->bucket, key, 64 << 20, s->arena, &text, NULL, &s->err) == LH_OK);
    return text;
}
#endif
