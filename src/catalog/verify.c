/* Does every file that a table names exist, with the size that its manifest tells? Nothing is read but manifests and heads. */
#include "catalog/catalog_internal.h"

enum { VERIFY_ARENA_BYTES = 1 << 30, VERIFY_SHOWN = 1000 };

static lh_json *verify_problem(lh_arena *arena, lh_str key, const char *what) {
    lh_json *problem = lh_json_new_object(arena);
    lh_json_set_string(arena, problem, "file", key);
    lh_json_set_string(arena, problem, "problem", lh_str_from(what));
    return problem;
}

static lh_code verify_file(lh_catalog *catalog, const struct file_set_item *item, lh_arena *arena, lh_json *problems,
                           lh_error *err) {
    lh_object_info info;
    lh_code code = lh_bucket_head(catalog->bucket, item->key, &info, err);
    if (code != LH_OK && code != LH_NOT_FOUND) return code;
    bool other = code == LH_OK && item->size_bytes >= 0 && (uint64_t)item->size_bytes != info.size_bytes;
    if ((code == LH_NOT_FOUND || other) && lh_json_size(problems) < VERIFY_SHOWN)
        lh_json_append(problems, verify_problem(arena, item->key, other ? "it has another size" : "it is missing"));
    return LH_OK;
}

lh_code lh_table_verify(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *work = NULL;
    LH_TRY(lh_arena_new(VERIFY_ARENA_BYTES, &work, err));
    file_set set = {.catalog = catalog, .arena = work};
    catalog_table table;
    lh_json *metadata = NULL, *problems = lh_json_new_array(arena), *answer = lh_json_new_object(arena);
    lh_error why = {0};
    LH_TRY(catalog_table_find(catalog, name, work, &table, err));
    lh_code code = catalog_metadata_load(catalog, table.metadata_key, work, &metadata, &why);
    if (code == LH_OK) code = file_set_add_snapshots(&set, metadata, NULL, false, &why);
    lh_str at = table.metadata_key;
    for (size_t i = 0; code == LH_OK && i < set.room; i++) {
        if (set.slots[i].key.len == 0) continue;
        at = set.slots[i].key;
        code = verify_file(catalog, &set.slots[i], arena, problems, &why);
    }
    /* a bucket that does not answer is this table's problem, and not a reason to look at no other */
    bool told = code == LH_CORRUPT || code == LH_NOT_FOUND || code == LH_UNAVAILABLE || code == LH_IO;
    if (told) lh_json_append(problems, verify_problem(arena, at, why.message));
    else if (code != LH_OK) {
        if (err) *err = why;
        return code;
    }
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(name, arena));
    lh_json_set_bool(arena, answer, "ok", lh_json_size(problems) == 0);
    lh_json_set_uint(arena, answer, "files", set.count);
    lh_json_set(arena, answer, "problems", problems);
    *ret = answer;
    return lh_arena_check(arena, err);
}
