/* Tests only: a catalog on a file bucket in a fresh folder, and short ways to use it. JSON texts as in table_suite.h. */
#ifndef LH_CATALOG_CATALOG_SUITE_H
#define LH_CATALOG_CATALOG_SUITE_H
#include "catalog/table_suite.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

/* The call gives LH_OK; prints the error of the lake when not. */
#define CHECK_OK_IN(l, call)                                                                                           \
    do {                                                                                                               \
        lh_code in_code_ = (call);                                                                                     \
        if (in_code_ != LH_OK) print_error("%s: %s\n", lh_code_name(in_code_), (l)->err.message);                      \
        CHECK(in_code_ == LH_OK);                                                                                      \
    } while (0)

typedef struct lake {
    char root[64];
    lh_bucket *bucket;
    lh_catalog *catalog;
    lh_arena *arena;
    lh_error err;
} lake;

static inline void lake_open(lake *l) {
    lh_catalog_free(l->catalog);
    l->catalog = NULL;
    const lh_catalog_options options = {
        .bucket = l->bucket, .checkpoint_entries = 1000, .default_namespace = LH_STR("data")};
    CHECK_OK_IN(l, lh_catalog_open(&options, &l->catalog, &l->err));
}

static inline lake *lake_new(void) {
    lake *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    snprintf(l->root, sizeof l->root, "/tmp/lh-catalog-XXXXXX");
    CHECK(mkdtemp(l->root) != NULL);
    CHECK(lh_arena_new(512 << 20, &l->arena, &l->err) == LH_OK);
    CHECK(lh_bucket_open_file(lh_str_from(l->root), &l->bucket, &l->err) == LH_OK);
    lake_open(l);
    return l;
}

static inline int lake_unlink(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static inline void lake_free(lake *l) {
    lh_catalog_free(l->catalog);
    lh_bucket_free(l->bucket);
    lh_arena_free(l->arena);
    nftw(l->root, lake_unlink, 16, FTW_DEPTH | FTW_PHYS);
    free(l);
}
static inline void lake_freep(lake **l) { lake_free(*l); }

#define LAKE_NAME(table) ((lh_table_name){LH_STR("data"), lh_str_from(table)})
#define LAKE_SCHEMA "'schema':{'type':'struct','fields':[{'id':1,'name':'id','required':false,'type':'long'}]}"

/* POST …/tables; more: further members, each with its comma before it. */
static inline lh_code lake_create(lake *l, const char *name, const char *more, lh_json **ret) {
    lh_json *ignored = NULL;
    const char *text = lh_arena_printf(l->arena, "{'name':'%s'," LAKE_SCHEMA "%s}", name, more).ptr;
    return lh_table_create(l->catalog, LH_STR("data"), suite_json(l->arena, text), l->arena, ret ? ret : &ignored,
                           &l->err);
}

static inline lh_json *lake_load(lake *l, const char *name) {
    lh_json *answer = NULL;
    CHECK_OK_IN(l, lh_table_load(l->catalog, LAKE_NAME(name), false, LH_STR_NONE, l->arena, &answer, NULL, &l->err));
    return answer;
}
static inline lh_json *lake_metadata(lake *l, const char *name) { return lh_json_get(lake_load(l, name), "metadata"); }

static inline lh_code lake_commit(lake *l, const char *name, const char *requirements, const char *updates) {
    lh_json *request = lh_json_new_object(l->arena), *answer = NULL;
    lh_json_set(l->arena, request, "requirements", suite_json(l->arena, requirements));
    lh_json_set(l->arena, request, "updates", suite_json(l->arena, updates));
    l->err = (lh_error){0};
    return lh_table_commit(l->catalog, LAKE_NAME(name), request, false, l->arena, &answer, &l->err);
}

/* Puts an object that stands for a Parquet file and appends it to the table. */
static inline lh_code lake_append(lh_catalog *catalog, lh_bucket *bucket, const char *table, const char *key,
                                  uint64_t rows, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(lh_bucket_put(bucket, lh_str_from(key), LH_STR("PAR1PAR1"), (lh_put_condition){0}, NULL, err));
    const lh_data_file file = {
        .location = lh_bucket_location(bucket, lh_str_from(key), arena), .size_bytes = 8, .rows = rows};
    return lh_table_append_files(catalog, LAKE_NAME(table), &file, 1, NULL, err);
}

/* How many objects have that prefix. */
static inline size_t lake_objects(lake *l, lh_str prefix) {
    lh_object_page page;
    CHECK_OK_IN(l, lh_bucket_list(l->bucket, prefix, LH_STR_NONE, 100000, l->arena, &page, &l->err));
    return page.count;
}
#endif
