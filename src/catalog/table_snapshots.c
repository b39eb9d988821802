/* Snapshots, branches and tags of table metadata: the updates add-snapshot, set-snapshot-ref, remove-snapshots and
 * remove-snapshot-ref, and the snapshot log.
 *
 * Invariants: a ref names a snapshot that is there; "main" and current-snapshot-id are the same or both absent;
 * last-sequence-number never falls; times in the log never fall (a client whose clock is behind gets the time of the entry
 * before); no snapshot is made after its commit (one of a client whose clock is ahead gets the time of its commit: readers
 * that ask for the state as of now, as DuckDB does, would miss it until then). */
#include "catalog/table_metadata_internal.h"

void metadata_touch(metadata_change *change, int64_t now_ms) {
    int64_t last = lh_json_int(lh_json_get(change->metadata, "last-updated-ms"), 0);
    lh_json_set_int(change->arena, change->metadata, "last-updated-ms", now_ms > last ? now_ms : last);
}

/* Format 3: a snapshot takes the row ids from first-row-id on, which no other has. */
static lh_code snapshot_take_row_ids(metadata_change *change, const lh_json *snapshot, lh_error *err) {
    int64_t next = lh_json_int(lh_json_get(change->metadata, "next-row-id"), 0);
    int64_t first = lh_json_int(lh_json_get(snapshot, "first-row-id"), -1);
    int64_t rows = lh_json_int(lh_json_get(snapshot, "added-rows"), 0);
    if (first < 0) return lh_fail(err, LH_INVALID, "add-snapshot lacks 'first-row-id', which format 3 needs");
    if (rows < 0 || rows > INT64_MAX - first)
        return lh_fail(err, LH_INVALID, "add-snapshot has an impossible 'added-rows'");
    if (first < next)
        return lh_fail(err, LH_CONFLICT, "Requirement failed: first-row-id %" PRId64 " is behind next-row-id %" PRId64,
                       first, next);
    lh_json_set_int(change->arena, change->metadata, "next-row-id", first + rows);
    return LH_OK;
}

lh_code metadata_add_snapshot(metadata_change *change, const lh_json *update, lh_error *err) {
    const lh_json *snapshot = lh_json_get(update, "snapshot");
    int64_t id = lh_json_int(lh_json_get(snapshot, "snapshot-id"), -1);
    int64_t sequence = lh_json_int(lh_json_get(snapshot, "sequence-number"), 0);
    int64_t format = metadata_format(change->metadata);
    if (id < 0 || !lh_json_is_int(lh_json_get(snapshot, "timestamp-ms")))
        return lh_fail(err, LH_INVALID, "add-snapshot lacks 'snapshot-id' or 'timestamp-ms'");
    if (format >= 2 && (!lh_json_is_string(lh_json_get(snapshot, "manifest-list")) ||
                        !lh_json_is_string(lh_json_get(lh_json_get(snapshot, "summary"), "operation"))))
        return lh_fail(err, LH_INVALID, "add-snapshot lacks 'manifest-list' or 'summary.operation'");
    if (format >= 2 && !lh_json_is_int(lh_json_get(snapshot, "sequence-number")))
        return lh_fail(err, LH_INVALID, "add-snapshot lacks 'sequence-number'");
    const lh_json *given = lh_json_get(snapshot, "schema-id");
    int64_t schema = metadata_named_schema(change, lh_json_int(given, -1));
    if (!lh_json_is_null(given) && !metadata_find(lh_json_get(change->metadata, "schemas"), "schema-id", schema))
        return lh_fail(err, LH_INVALID, "snapshot %" PRId64 " names unknown schema %" PRId64, id, schema);
    if (metadata_snapshot(change->metadata, id))
        return lh_fail(err, LH_INVALID, "snapshot %" PRId64 " exists already", id);
    int64_t last = lh_json_int(lh_json_get(change->metadata, "last-sequence-number"), 0);
    bool has_parent = !lh_json_is_null(lh_json_get(snapshot, "parent-snapshot-id"));
    if (format >= 2 && has_parent && sequence <= last)
        return lh_fail(err, LH_CONFLICT,
                       "Requirement failed: snapshot's sequence number %" PRId64 " is not above the last, %" PRId64,
                       sequence, last);
    if (format >= 3) LH_TRY(snapshot_take_row_ids(change, snapshot, err));
    lh_json *copy = lh_json_copy(change->arena, snapshot);
    int64_t made_ms = lh_json_int(lh_json_get(snapshot, "timestamp-ms"), 0), now_ms = lh_time_now_ms();
    if (made_ms > now_ms) made_ms = now_ms;
    lh_json_set_int(change->arena, copy, "timestamp-ms", made_ms);
    if (!lh_json_is_null(given)) lh_json_set_int(change->arena, copy, "schema-id", schema);
    if (format >= 2 && sequence > last)
        lh_json_set_int(change->arena, change->metadata, "last-sequence-number", sequence);
    lh_json_append(lh_json_get(change->metadata, "snapshots"), copy);
    metadata_touch(change, made_ms);
    change->added_snapshot = true;
    return LH_OK;
}

/* How long expiry keeps a ref and its snapshots; only a branch keeps more than one snapshot. */
static lh_code ref_set_retention(lh_arena *arena, lh_json *ref, const lh_json *update, lh_str name, lh_error *err) {
    static const char *const options[] = {"max-ref-age-ms", "max-snapshot-age-ms", "min-snapshots-to-keep"};
    bool tag = lh_str_eq(lh_json_get_string(ref, "type"), LH_STR("tag"));
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const lh_json *value = lh_json_get(update, options[i]);
        if (lh_json_is_null(value)) continue;
        if (!lh_json_is_int(value) || lh_json_int(value, 0) <= 0)
            return lh_fail(err, LH_INVALID, "ref '%.*s': %s must be a number above 0", LH_STR_ARG(name), options[i]);
        if (tag && i > 0) return lh_fail(err, LH_INVALID, "ref '%.*s': a tag has no %s", LH_STR_ARG(name), options[i]);
        lh_json_set(arena, ref, options[i], lh_json_copy(arena, value));
    }
    return LH_OK;
}

lh_code metadata_set_ref(metadata_change *change, const lh_json *update, lh_error *err) {
    lh_arena *arena = change->arena;
    lh_str name = lh_json_get_string(update, "ref-name"), type = lh_json_get_string(update, "type");
    int64_t id = lh_json_int(lh_json_get(update, "snapshot-id"), -1);
    if (name.len == 0) return lh_fail(err, LH_INVALID, "set-snapshot-ref lacks 'ref-name'");
    if (!lh_str_eq(type, LH_STR("branch")) && !lh_str_eq(type, LH_STR("tag")))
        return lh_fail(err, LH_INVALID, "ref '%.*s': type must be branch or tag", LH_STR_ARG(name));
    const lh_json *snapshot = metadata_snapshot(change->metadata, id);
    if (!snapshot) return lh_fail(err, LH_INVALID, "ref '%.*s' names unknown snapshot %" PRId64, LH_STR_ARG(name), id);
    bool main = lh_str_eq(name, LH_STR("main"));
    if (main && !lh_str_eq(type, LH_STR("branch"))) return lh_fail(err, LH_INVALID, "ref 'main' must be a branch");
    lh_json *ref = lh_json_new_object(arena);
    lh_json_set_int(arena, ref, "snapshot-id", id);
    lh_json_set_string(arena, ref, "type", type);
    LH_TRY(ref_set_retention(arena, ref, update, name, err));
    if (main && metadata_current_snapshot_id(change->metadata) != id) {
        change->moved_main = true;
        lh_json_set_int(arena, change->metadata, "current-snapshot-id", id);
    }
    lh_json_put(arena, lh_json_get(change->metadata, "refs"), name, ref);
    return LH_OK;
}

/* Removes the ref; without main the table has no current snapshot. Its history stays: a replaced table is still the same. */
static void metadata_drop_ref(metadata_change *change, lh_str name) {
    lh_json_remove(lh_json_get(change->metadata, "refs"), name);
    if (!lh_str_eq(name, LH_STR("main"))) return;
    lh_json_remove(change->metadata, LH_STR("current-snapshot-id"));
    change->moved_main = false;
}

lh_code metadata_remove_ref(metadata_change *change, const lh_json *update, lh_error *err) {
    lh_str name = lh_json_get_string(update, "ref-name");
    if (name.len == 0) return lh_fail(err, LH_INVALID, "remove-snapshot-ref lacks 'ref-name'");
    metadata_drop_ref(change, name);
    return LH_OK;
}

/* An entry whose snapshot is gone makes the history before it meaningless. */
static void metadata_prune_snapshot_log(metadata_change *change) {
    lh_json *kept = lh_json_new_array(change->arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(change->metadata, "snapshot-log")); lh_json_next(&it);) {
        if (!metadata_snapshot(change->metadata, lh_json_int(lh_json_get(it.value, "snapshot-id"), -1)))
            kept = lh_json_new_array(change->arena);
        else lh_json_append(kept, lh_json_copy(change->arena, it.value));
    }
    lh_json_set(change->arena, change->metadata, "snapshot-log", kept);
}

lh_code metadata_remove_snapshots(metadata_change *change, const lh_json *update, lh_error *err) {
    const lh_json *ids = lh_json_get(update, "snapshot-ids");
    if (!lh_json_is_array(ids)) return lh_fail(err, LH_INVALID, "remove-snapshots lacks 'snapshot-ids'");
    metadata_remove_ids(change, "snapshots", "snapshot-id", ids);
    lh_json *refs = lh_json_copy(change->arena, lh_json_get(change->metadata, "refs"));
    for (lh_json_iter it = lh_json_each(refs); lh_json_next(&it);)
        if (!metadata_snapshot(change->metadata, lh_json_int(lh_json_get(it.value, "snapshot-id"), -1)))
            metadata_drop_ref(change, it.name);
    metadata_prune_snapshot_log(change);
    metadata_remove_ids(change, "statistics", "snapshot-id", ids);
    metadata_remove_ids(change, "partition-statistics", "snapshot-id", ids);
    return LH_OK;
}
