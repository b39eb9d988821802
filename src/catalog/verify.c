/* Does every file that a table names exist, with the size that its manifest (or, of statistics, the metadata) tells? Nothing is
 * read but manifests and heads. What cannot be checked is a problem as well. */
#include "catalog/catalog_internal.h"

enum { VERIFY_ARENA_BYTES = 1 << 30, VERIFY_SHOWN = 1000 };

typedef struct verification {
    lh_catalog *catalog;
    file_set files;
    lh_arena *arena; /* of the answer */
    lh_json *problems;
} verification;

static void verify_problem(verification *v, lh_str file, const char *what) {
    lh_json *problem = lh_json_new_object(v->arena);
    if (lh_json_size(v->problems) == VERIFY_SHOWN) return;
    lh_json_set_string(v->arena, problem, "file", file);
    lh_json_set_string(v->arena, problem, "problem", lh_str_from(what));
    lh_json_append(v->problems, problem);
}

/* A bucket that does not answer is this table's problem, and not a reason to look at no other. */
static lh_code verify_told(verification *v, lh_str file, lh_code code, const lh_error *why, lh_error *err) {
    bool told = code == LH_CORRUPT || code == LH_NOT_FOUND || code == LH_UNAVAILABLE || code == LH_IO;
    told |= code == LH_DENIED || code == LH_INVALID; /* a manifest outside of the lake */
    if (told) verify_problem(v, file, why->message);
    else if (code != LH_OK && err) *err = *why;
    return told ? LH_OK : code;
}

/* Usable as a manifest_fn: what lies outside of the lake's buckets cannot be looked at, and is not read either. */
static lh_code verify_add(void *ctx, manifest_file file, lh_error *err) {
    verification *v = ctx;
    lh_str key;
    lh_code code = lh_bucket_key_of(v->catalog->bucket, file.location, v->files.arena, &key, NULL);
    if (code != LH_DENIED && code != LH_INVALID) return file_set_add(&v->files, file, err);
    for (lh_json_iter it = lh_json_each(v->problems); lh_json_next(&it);) /* other snapshots name it, too */
        if (lh_str_eq(lh_json_get_string(it.value, "file"), file.location)) return LH_OK;
    verify_problem(v, file.location, "it lies outside of the lake's buckets");
    return lh_arena_check(v->arena, err);
}

static lh_code verify_add_metadata(verification *v, const catalog_table *table, const lh_json *metadata,
                                   lh_error *err) {
    lh_str own = lh_bucket_location(v->catalog->bucket, table->metadata_key, v->files.arena);
    LH_TRY(verify_add(v, (manifest_file){own, -1}, err));
    return metadata_each_file(metadata, false, verify_add, v, err);
}

static lh_code verify_file(verification *v, const struct file_set_item *item, lh_error *err) {
    lh_object_info info;
    lh_code code = lh_bucket_head(v->catalog->bucket, item->key, &info, err);
    if (code == LH_NOT_FOUND) verify_problem(v, item->key, "it is missing");
    else if (code != LH_OK) return code;
    else if (item->size_bytes >= 0 && (uint64_t)item->size_bytes != info.size_bytes)
        verify_problem(v, item->key, "it has another size");
    return LH_OK;
}

static bool verify_is_down(lh_code code) { return code == LH_UNAVAILABLE || code == LH_IO; }

/* Each snapshot by itself, so that the files of the others are looked for as well. *ret_down: the bucket does not answer. */
static lh_code verify_snapshots(verification *v, const lh_json *metadata, bool *ret_down, lh_error *err) {
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "snapshots")); lh_json_next(&it) && !*ret_down;) {
        lh_error why = {0};
        lh_code code = manifest_walk(v->catalog->bucket, it.value, MANIFEST_LIVE, verify_add, v, &why);
        *ret_down = verify_is_down(code);
        LH_TRY(verify_told(v, lh_json_get_string(it.value, "manifest-list"), code, &why, err));
    }
    return LH_OK;
}

static lh_code verify_table(verification *v, const catalog_table *table, lh_error *err) {
    lh_json *metadata = NULL;
    lh_error why = {0};
    bool down = false;
    lh_code code = catalog_metadata_load(v->catalog, table->metadata_key, v->files.arena, &metadata, &why);
    if (code != LH_OK) return verify_told(v, table->metadata_key, code, &why, err);
    LH_TRY(verify_add_metadata(v, table, metadata, err));
    LH_TRY(verify_snapshots(v, metadata, &down, err));
    for (size_t i = 0; i < v->files.room && !down; i++) {
        if (v->files.slots[i].key.len == 0) continue;
        code = verify_file(v, &v->files.slots[i], &why);
        down = verify_is_down(code);
        LH_TRY(verify_told(v, v->files.slots[i].key, code, &why, err));
    }
    return LH_OK;
}

lh_code lh_table_verify(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *work = NULL;
    LH_TRY(lh_arena_new(VERIFY_ARENA_BYTES, &work, err));
    verification v = {.catalog = catalog, .arena = arena, .problems = lh_json_new_array(arena)};
    v.files = (file_set){.catalog = catalog, .arena = work};
    catalog_table table;
    lh_json *answer = lh_json_new_object(arena);
    LH_TRY(catalog_table_find(catalog, name, work, &table, err));
    LH_TRY(verify_table(&v, &table, err));
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(name, arena));
    lh_json_set_bool(arena, answer, "ok", lh_json_size(v.problems) == 0);
    lh_json_set_uint(arena, answer, "files", v.files.count);
    lh_json_set(arena, answer, "problems", v.problems);
    *ret = answer;
    return lh_arena_check(arena, err);
}
