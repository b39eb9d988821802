/* Expiry of snapshots, as the Iceberg specification describes a table's retention ("Snapshot Retention Policy").
 *
 * Kept: of each branch the newest min-snapshots-to-keep snapshots, and those younger than the age; the snapshot of each tag;
 * refs other than main go when their snapshot is older than max-ref-age-ms. Snapshots that no ref reaches are kept
 * while they are young. One that was current until a moment ago is kept for the grace time, however old it is: a
 * statement that runs may still read it.
 * Files go after the commit is durable, and only those in the table's folder (or one that it left) that no remaining snapshot names. A crash in
 * between leaves orphans, which the removal of orphans finds. */
#include "catalog/catalog_internal.h"

enum { EXPIRE_TRIES = 10, EXPIRE_ARENA_BYTES = 1 << 30 };

typedef struct expiry {
    lh_catalog *catalog;
    lh_arena *arena;
    const lh_expire_options *options;
    catalog_table table;
    lh_json *metadata;
    int64_t now_ms;
    lh_json *kept, *snapshots, *refs; /* ids that stay; ids that go; names that go */
} expiry;

static bool expiry_has(const lh_json *ids, int64_t id) {
    for (lh_json_iter it = lh_json_each(ids); lh_json_next(&it);)
        if (lh_json_int(it.value, -1) == id) return true;
    return false;
}

static void expiry_keep(expiry *e, int64_t id) {
    if (!expiry_has(e->kept, id)) lh_json_append(e->kept, lh_json_new_int(e->arena, id));
}

static int64_t expiry_time(const lh_json *snapshot) {
    return lh_json_int(lh_json_get(snapshot, "timestamp-ms"), INT64_MAX);
}

static int64_t expiry_bound(const lh_json *ref, const char *member, int64_t otherwise) {
    const lh_json *value = lh_json_get(ref, member);
    return lh_json_is_int(value) ? lh_json_int(value, 0) : otherwise;
}

/* From the head back through the parents. */
static void expiry_keep_branch(expiry *e, const lh_json *ref) {
    int64_t count = expiry_bound(ref, "min-snapshots-to-keep", e->options->retain_last);
    int64_t age_ms = expiry_bound(ref, "max-snapshot-age-ms", -1);
    int64_t oldest = age_ms < 0 ? e->options->older_than_ms : e->now_ms - age_ms;
    int64_t id = lh_json_int(lh_json_get(ref, "snapshot-id"), -1);
    size_t left = lh_json_size(lh_json_get(e->metadata, "snapshots"));
    for (int64_t n = 0; left > 0; n++, left--) { /* a circle of parents ends as well */
        const lh_json *snapshot = metadata_snapshot(e->metadata, id);
        if (!snapshot || (n >= count && expiry_time(snapshot) < oldest)) return;
        expiry_keep(e, id);
        id = lh_json_int(lh_json_get(snapshot, "parent-snapshot-id"), -1);
    }
}

static void expiry_refs(expiry *e) {
    for (lh_json_iter it = lh_json_each(lh_json_get(e->metadata, "refs")); lh_json_next(&it);) {
        int64_t id = lh_json_int(lh_json_get(it.value, "snapshot-id"), -1);
        int64_t age_ms = expiry_bound(it.value, "max-ref-age-ms", -1);
        bool main = lh_str_eq(it.name, LH_STR("main"));
        bool old = age_ms >= 0 && expiry_time(metadata_snapshot(e->metadata, id)) < e->now_ms - age_ms;
        if (old && !main) lh_json_append(e->refs, lh_json_new_string(e->arena, it.name));
        else if (lh_str_eq(lh_json_get_string(it.value, "type"), LH_STR("tag"))) expiry_keep(e, id);
        else expiry_keep_branch(e, it.value);
    }
}

/* Is it an ancestor of a ref's snapshot, so that the ref's rules decide? */
static bool expiry_is_reachable(const expiry *e, int64_t wanted) {
    for (lh_json_iter it = lh_json_each(lh_json_get(e->metadata, "refs")); lh_json_next(&it);) {
        int64_t id = lh_json_int(lh_json_get(it.value, "snapshot-id"), -1);
        if (metadata_descends(e->metadata, id, wanted)) return true;
    }
    return false;
}

/* When another snapshot took its place as the current one; 0 when it never was. */
static int64_t expiry_replaced_ms(const expiry *e, int64_t id) {
    const lh_json *log = lh_json_get(e->metadata, "snapshot-log");
    int64_t replaced = 0;
    for (size_t i = 0; i + 1 < lh_json_size(log); i++)
        if (lh_json_int(lh_json_get(lh_json_at(log, i), "snapshot-id"), -1) == id)
            replaced = lh_json_int(lh_json_get(lh_json_at(log, i + 1), "timestamp-ms"), 0);
    return replaced;
}

static lh_code expiry_decide(expiry *e, lh_error *err) {
    e->kept = lh_json_new_array(e->arena);
    e->snapshots = lh_json_new_array(e->arena);
    e->refs = lh_json_new_array(e->arena);
    expiry_keep(e, metadata_current_snapshot_id(e->metadata));
    expiry_refs(e);
    for (lh_json_iter it = lh_json_each(lh_json_get(e->metadata, "snapshots")); lh_json_next(&it);) {
        int64_t id = lh_json_int(lh_json_get(it.value, "snapshot-id"), -1);
        bool young = expiry_time(it.value) >= e->options->older_than_ms && !expiry_is_reachable(e, id);
        bool in_grace = expiry_replaced_ms(e, id) > e->now_ms - e->options->grace_ms;
        if (young || in_grace || expiry_has(e->kept, id)) expiry_keep(e, id);
        else lh_json_append(e->snapshots, lh_json_new_int(e->arena, id));
    }
    return lh_arena_check(e->arena, err);
}

static lh_json *expiry_update(lh_arena *arena, const char *action, const char *member, lh_json *value) {
    lh_json *update = lh_json_new_object(arena);
    lh_json_set_string(arena, update, "action", lh_str_from(action));
    lh_json_set(arena, update, member, value);
    return update;
}

static lh_code expiry_commit(expiry *e, lh_table_name name, lh_error *err) {
    lh_arena *arena = e->arena;
    lh_json *request = lh_json_new_object(arena), *requirements = lh_json_new_array(arena),
            *updates = lh_json_new_array(arena), *answer = NULL;
    lh_json_append(requirements, metadata_main_stands(arena, metadata_current_snapshot_id(e->metadata)));
    for (lh_json_iter it = lh_json_each(e->refs); lh_json_next(&it);)
        lh_json_append(updates, expiry_update(arena, "remove-snapshot-ref", "ref-name", lh_json_copy(arena, it.value)));
    lh_json_append(updates,
                   expiry_update(arena, "remove-snapshots", "snapshot-ids", lh_json_copy(arena, e->snapshots)));
    lh_json_set(arena, request, "requirements", requirements);
    lh_json_set(arena, request, "updates", updates);
    LH_TRY(lh_arena_check(arena, err));
    return lh_table_commit(e->catalog, name, request, false, arena, &answer, err);
}

/* `after`: the metadata as committed; NULL in a dry run, where what stays is what is not expired. */
static lh_code expiry_files(expiry *e, const lh_json *after, uint64_t *ret_files, uint64_t *ret_bytes, lh_error *err) {
    file_set gone = {.catalog = e->catalog, .arena = e->arena}, stays = gone;
    lh_str folder;
    LH_TRY(catalog_table_folder(e->catalog, e->metadata, e->arena, &folder, err));
    LH_TRY(file_set_add_snapshots(&stays, after ? after : e->metadata, after ? NULL : e->kept, false, err));
    LH_TRY(file_set_add_snapshots(&gone, e->metadata, e->snapshots, true, err));
    for (size_t i = 0; i < gone.room; i++) {
        const struct file_set_item *item = &gone.slots[i];
        bool own = lh_str_starts(item->key, folder) || catalog_is_former(&e->table, item->key);
        if (!item->key.len || !own || file_set_has(&stays, item->key)) continue;
        ++*ret_files;
        *ret_bytes += item->size_bytes > 0 ? (uint64_t)item->size_bytes : 0;
        if (after) LH_TRY(lh_bucket_delete(e->catalog->bucket, item->key, LH_STR_NONE, err));
    }
    return LH_OK;
}

static lh_code expiry_try(expiry *e, lh_table_name name, uint64_t *ret_files, uint64_t *ret_bytes, lh_error *err) {
    catalog_table table;
    lh_json *after = NULL;
    lh_str folder;
    LH_TRY(catalog_table_find(e->catalog, name, e->arena, &table, err));
    e->table = table;
    LH_TRY(catalog_metadata_load(e->catalog, table.metadata_key, e->arena, &e->metadata, err));
    LH_TRY(catalog_table_folder(e->catalog, e->metadata, e->arena, &folder, err));
    LH_TRY(expiry_decide(e, err));
    if (lh_json_size(e->snapshots) == 0 && lh_json_size(e->refs) == 0) return LH_OK;
    if (!e->options->dry_run) {
        uint64_t files = 0, bytes = 0; /* what stays must be readable, or nothing is expired at all */
        LH_TRY(expiry_files(e, NULL, &files, &bytes, err));
        LH_TRY(expiry_commit(e, name, err));
        LH_TRY(catalog_table_read(e->catalog, name, e->arena, &table, &after, err));
    }
    return expiry_files(e, after, ret_files, ret_bytes, err);
}

lh_code lh_table_expire(lh_catalog *catalog, lh_table_name name, const lh_expire_options *options, lh_arena *arena,
                        lh_json **ret, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *work = NULL;
        LH_TRY(lh_arena_new(EXPIRE_ARENA_BYTES, &work, err));
        expiry e = {.catalog = catalog, .arena = work, .options = options, .now_ms = lh_time_now_ms()};
        uint64_t files = 0, bytes = 0;
        lh_code code = expiry_try(&e, name, &files, &bytes, err);
        if (code == LH_CONFLICT && tries < EXPIRE_TRIES) continue;
        if (code != LH_OK) return code;
        lh_json *answer = lh_json_new_object(arena);
        lh_json_set_string(arena, answer, "dataset", lh_table_name_text(name, arena));
        lh_json_set_bool(arena, answer, "dry_run", options->dry_run);
        lh_json_set(arena, answer, "expired_snapshots", lh_json_copy(arena, e.snapshots));
        lh_json_set(arena, answer, "expired_refs", lh_json_copy(arena, e.refs));
        lh_json_set_uint(arena, answer, "kept_snapshots",
                         lh_json_size(lh_json_get(e.metadata, "snapshots")) - lh_json_size(e.snapshots));
        lh_json_set_uint(arena, answer, "deleted_files", files);
        lh_json_set_uint(arena, answer, "deleted_bytes", bytes);
        *ret = answer;
        return lh_arena_check(arena, err);
    }
}
