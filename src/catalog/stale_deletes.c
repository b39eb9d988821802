/* Deletes by position that come too late: their writer looked at a data file before a compaction replaced it, and commits them
 * after. The rows live on in another file, so the delete would be lost without a word. Seen of DuckDB's extension, whose statement
 * may read an older snapshot than its commit names as parent. Such a commit is a conflict, so that its writer does it again.
 *
 * Looked at are snapshots that add deletes by position to a table in whose history something was replaced, or whose history is not
 * whole any more. A delete file of one data file is fine when the snapshot has that file. One of several only tells between which
 * paths they lie: when a file that was replaced within the last hour lies there, it may be meant, and the commit is refused; a
 * statement that is slower than that finds its snapshot expired by default. */
#include "catalog/rewrite_internal.h"

#include <stdlib.h>

enum { STALE_MANIFEST_BYTES = 64 << 20, STALE_HOUR_MS = 3600 * 1000 };

/* The data files that a new delete file may name: one, which is in the snapshot or not, or those between two paths. */
typedef struct stale_delete {
    lh_str lower, upper; /* empty: without end */
    bool one, found;
} stale_delete;

typedef struct stale_check {
    lh_catalog *catalog;
    lh_arena *arena;
    stale_delete *deletes; /* those of one file first, by path */
    size_t count, room, ones;
    bool replaced; /* a file between the paths of one of several */
} stale_check;

static lh_code stale_conflict(lh_error *err) {
    return lh_fail(err, LH_CONFLICT,
                   "the commit deletes rows of a file that compaction has replaced meanwhile: try again");
}

/* ---- the new deletes ---- */

static lh_code stale_add(void *ctx, avro_value record, lh_error *err) {
    stale_check *check = ctx;
    avro_value data_file = avro_field(record, "data_file");
    stale_delete item = {0};
    if (avro_int(avro_field(record, "status"), -1) != 1 || avro_int(avro_field(data_file, "content"), 0) != 1)
        return LH_OK;
    LH_TRY(rewrite_referenced(data_file, &item.lower, err));
    item.one = item.lower.len > 0;
    if (!item.one) LH_TRY(rewrite_path_bounds(data_file, &item.lower, &item.upper, err));
    if (check->count == check->room) {
        size_t room = check->room ? check->room * 2 : 64;
        stale_delete *grown = LH_ARENA_ARRAY(check->arena, stale_delete, room);
        if (!grown) return lh_arena_check(check->arena, err);
        if (check->count) memcpy(grown, check->deletes, check->count * sizeof *grown);
        check->deletes = grown;
        check->room = room;
    }
    item.lower = lh_arena_dup(check->arena, item.lower);
    item.upper = lh_arena_dup(check->arena, item.upper);
    check->ones += item.one;
    check->deletes[check->count++] = item;
    return lh_arena_check(check->arena, err);
}

static int stale_order(const void *a, const void *b) {
    const stale_delete *x = a, *y = b;
    if (x->one != y->one) return x->one ? -1 : 1;
    return lh_str_cmp(x->lower, y->lower);
}

/* ---- what is there, and what is not any more ---- */

static lh_code stale_meet_live(void *ctx, avro_value record, lh_error *err) {
    stale_check *check = ctx;
    avro_value data_file = avro_field(record, "data_file");
    (void)err;
    if (avro_int(avro_field(data_file, "content"), 0) != 0) return LH_OK;
    const stale_delete wanted = {.lower = avro_str(avro_field(data_file, "file_path")), .one = true};
    stale_delete *end = check->deletes + check->ones;
    stale_delete *found = bsearch(&wanted, check->deletes, check->ones, sizeof wanted, stale_order);
    while (found && found > check->deletes && stale_order(found - 1, &wanted) == 0) found--;
    for (; found && found < end && stale_order(found, &wanted) == 0; found++) found->found = true;
    return LH_OK;
}

static lh_code stale_meet_removed(void *ctx, avro_value record, lh_error *err) {
    stale_check *check = ctx;
    (void)err;
    if (avro_int(avro_field(record, "status"), -1) != 2) return LH_OK;
    lh_str path = avro_str(avro_field(avro_field(record, "data_file"), "file_path"));
    for (size_t i = check->ones; i < check->count; i++) {
        const stale_delete *item = &check->deletes[i];
        check->replaced |=
            lh_str_cmp(item->lower, path) <= 0 && (!item->upper.len || lh_str_cmp(path, item->upper) <= 0);
    }
    return LH_OK;
}

/* The manifests of that content which the snapshot itself wrote. */
static lh_code stale_walk(stale_check *check, const lh_json *snapshot, int64_t content, avro_record_fn each,
                          lh_error *err) {
    manifest_list_entry *manifests = NULL;
    size_t count = 0;
    lh_str list = lh_json_get_string(snapshot, "manifest-list");
    int64_t id = lh_json_int(lh_json_get(snapshot, "snapshot-id"), -1);
    LH_TRY(manifest_list_read(check->catalog->bucket, list, check->arena, &manifests, &count, err));
    for (size_t i = 0; i < count; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
        lh_str key, bytes;
        if (manifests[i].content != content || manifests[i].snapshot_id != id) continue;
        LH_TRY(lh_arena_new(2 * (size_t)STALE_MANIFEST_BYTES, &scratch, err));
        LH_TRY(lh_bucket_key_of(check->catalog->bucket, manifests[i].path, scratch, &key, err));
        LH_TRY(lh_bucket_get(check->catalog->bucket, key, STALE_MANIFEST_BYTES, scratch, &bytes, NULL, err));
        LH_TRY(avro_read(bytes, manifests[i].path, scratch, each, check, err));
    }
    return LH_OK;
}

/* ---- the table's history ---- */

static bool stale_is_replacement(const lh_json *snapshot) {
    return lh_str_eq(lh_json_get_string(lh_json_get(snapshot, "summary"), "operation"), LH_STR("replace"));
}

static const lh_json *stale_parent(const lh_json *metadata, const lh_json *snapshot) {
    return metadata_snapshot(metadata, lh_json_int(lh_json_get(snapshot, "parent-snapshot-id"), -1));
}

/* May a file have been replaced before the snapshot? Its oldest ancestor has a parent when others expired. */
static bool stale_is_possible(const lh_json *metadata, const lh_json *snapshot) {
    size_t left = lh_json_size(lh_json_get(metadata, "snapshots"));
    for (const lh_json *at = snapshot; left > 0; left--) {
        const lh_json *parent = stale_parent(metadata, at);
        if (!parent) return lh_json_int(lh_json_get(at, "parent-snapshot-id"), -1) >= 0;
        if (stale_is_replacement(parent)) return true;
        at = parent;
    }
    return true; /* a circle */
}

static lh_code stale_check_ones(stale_check *check, const lh_json *snapshot, lh_error *err) {
    if (check->ones == 0) return LH_OK;
    LH_TRY(manifest_each_live(check->catalog->bucket, lh_json_get_string(snapshot, "manifest-list"), stale_meet_live,
                              check, err));
    for (size_t i = 0; i < check->ones; i++)
        if (!check->deletes[i].found) return stale_conflict(err);
    return LH_OK;
}

static lh_code stale_check_several(stale_check *check, const lh_json *metadata, const lh_json *snapshot,
                                   lh_error *err) {
    int64_t since_ms = lh_time_now_ms() - STALE_HOUR_MS;
    size_t left = lh_json_size(lh_json_get(metadata, "snapshots"));
    if (check->ones == check->count) return LH_OK;
    for (const lh_json *at = stale_parent(metadata, snapshot); at && left > 0;
         at = stale_parent(metadata, at), left--) {
        if (!stale_is_replacement(at) || lh_json_int(lh_json_get(at, "timestamp-ms"), 0) < since_ms) continue;
        lh_code code = stale_walk(check, at, 0, stale_meet_removed, err);
        if (code != LH_OK && code != LH_NOT_FOUND) return code; /* expired behind our back */
        if (check->replaced)
            return lh_fail(err, LH_CONFLICT,
                           "the commit may delete rows of a file that compaction replaced within the last hour: try "
                           "again, or with a delete file for each data file (write.delete.granularity=file)");
    }
    return LH_OK;
}

lh_code stale_deletes_check(lh_catalog *catalog, const lh_json *metadata, const lh_json *snapshot, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    stale_check check = {.catalog = catalog};
    bool ours =
        lh_str_eq(lh_json_get_string(lh_json_get(snapshot, "summary"), "lakehouse.source"), LH_STR("compaction"));
    if (ours || !lh_json_get_string(snapshot, "manifest-list").len || !stale_is_possible(metadata, snapshot))
        return LH_OK; /* a compaction checks its files itself */
    LH_TRY(lh_arena_new(4 * (size_t)STALE_MANIFEST_BYTES, &arena, err));
    check.arena = arena;
    LH_TRY(stale_walk(&check, snapshot, 1, stale_add, err));
    if (check.count == 0) return LH_OK;
    qsort(check.deletes, check.count, sizeof *check.deletes, stale_order);
    LH_TRY(stale_check_ones(&check, snapshot, err));
    return stale_check_several(&check, metadata, snapshot, err);
}
