/* The rules of Iceberg table metadata, as pure functions on its JSON: requirements and updates of the
 * REST specification (CommitTableRequest), formats 1 to 3.
 *
 * An update list is applied to a working copy; metadata_finish() then checks what must hold of the whole and
 * keeps the logs. Ids of -1 in set-* updates mean "the one added last in this list". Nothing here touches storage. */
#include "catalog/table_metadata_internal.h"

lh_json *metadata_find(const lh_json *array, const char *id_name, int64_t id) {
    for (lh_json_iter it = lh_json_each(array); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, id_name), INT64_MIN) == id) return it.value;
    return NULL;
}

lh_json *metadata_snapshot(const lh_json *metadata, int64_t id) {
    return metadata_find(lh_json_get(metadata, "snapshots"), "snapshot-id", id);
}
int64_t metadata_current_snapshot_id(const lh_json *metadata) {
    return lh_json_int(lh_json_get(metadata, "current-snapshot-id"), -1);
}

bool metadata_descends(const lh_json *metadata, int64_t from, int64_t id) {
    for (size_t left = lh_json_size(lh_json_get(metadata, "snapshots")); left > 0 && from >= 0 && from != id; left--)
        from = lh_json_int(lh_json_get(metadata_snapshot(metadata, from), "parent-snapshot-id"), -1);
    return id >= 0 && from == id;
}

int64_t metadata_rows_changed_ms(const lh_json *metadata, int64_t id) {
    int64_t at = -1;
    for (size_t left = lh_json_size(lh_json_get(metadata, "snapshots")); left > 0; left--) {
        const lh_json *snapshot = metadata_snapshot(metadata, id), *summary = lh_json_get(snapshot, "summary");
        if (!snapshot) break;
        at = lh_json_int(lh_json_get(snapshot, "timestamp-ms"), -1);
        if (!lh_str_eq(lh_json_get_string(summary, "operation"), LH_STR("replace"))) break;
        int64_t told = -1;
        if (lh_time_parse_rfc3339(lh_json_get_string(summary, LH_SUMMARY_ROWS_CHANGED_AT), &told) == LH_OK) return told;
        id = lh_json_int(lh_json_get(snapshot, "parent-snapshot-id"), -1);
    }
    return at;
}

lh_json *metadata_main_stands(lh_arena *arena, int64_t snapshot_id) {
    lh_json *requirement = lh_json_new_object(arena);
    lh_json_set_string(arena, requirement, "type", LH_STR("assert-ref-snapshot-id"));
    lh_json_set_string(arena, requirement, "ref", LH_STR("main"));
    lh_json_set(arena, requirement, "snapshot-id",
                snapshot_id < 0 ? lh_json_new_null(arena) : lh_json_new_int(arena, snapshot_id));
    return requirement;
}

lh_json *metadata_current_schema(const lh_json *metadata) {
    return metadata_find(lh_json_get(metadata, "schemas"), "schema-id",
                         lh_json_int(lh_json_get(metadata, "current-schema-id"), -1));
}

int64_t metadata_format(const lh_json *metadata) { return lh_json_int(lh_json_get(metadata, "format-version"), 0); }

lh_json *metadata_empty(lh_arena *arena) {
    static const char *const lists[] = {"schemas",   "partition-specs", "sort-orders",
                                        "snapshots", "snapshot-log",    "metadata-log"};
    lh_json *metadata = lh_json_new_object(arena);
    lh_json_set_int(arena, metadata, "format-version", 2);
    lh_json_set_int(arena, metadata, "last-sequence-number", 0);
    lh_json_set_int(arena, metadata, "last-updated-ms", 0);
    lh_json_set_int(arena, metadata, "last-column-id", 0);
    lh_json_set_int(arena, metadata, "last-partition-id", METADATA_FIRST_PARTITION_ID - 1);
    lh_json_set(arena, metadata, "properties", lh_json_new_object(arena));
    lh_json_set(arena, metadata, "refs", lh_json_new_object(arena));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        lh_json_set(arena, metadata, lists[i], lh_json_new_array(arena));
    return metadata;
}

/* ---- updates ---- */

void metadata_remove_ids(metadata_change *change, const char *list, const char *id_name, const lh_json *ids) {
    lh_json *kept = lh_json_new_array(change->arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(change->metadata, list)); lh_json_next(&it);) {
        bool remove = false;
        for (lh_json_iter id = lh_json_each(ids); lh_json_next(&id);)
            remove |= lh_json_equal(id.value, lh_json_get(it.value, id_name));
        if (!remove) lh_json_append(kept, lh_json_copy(change->arena, it.value));
    }
    lh_json_set(change->arena, change->metadata, list, kept);
}

static lh_code metadata_assign_uuid(metadata_change *change, const lh_json *update, lh_error *err) {
    lh_str uuid = lh_json_get_string(update, "uuid"), have = lh_json_get_string(change->metadata, "table-uuid");
    if (!lh_uuid_is_valid(uuid)) return lh_fail(err, LH_INVALID, "assign-uuid: '%.*s' is no UUID", LH_STR_ARG(uuid));
    if (have.len && !lh_str_eq_nocase(have, uuid))
        return lh_fail(err, LH_INVALID, "the table's UUID cannot be reassigned");
    lh_json_set_string(change->arena, change->metadata, "table-uuid", uuid);
    return LH_OK;
}

static lh_code metadata_upgrade_format(metadata_change *change, const lh_json *update, lh_error *err) {
    int64_t want = lh_json_int(lh_json_get(update, "format-version"), -1), have = metadata_format(change->metadata);
    bool fresh = lh_json_size(lh_json_get(change->metadata, "schemas")) == 0; /* staged create may choose freely */
    if (want < 1 || want > METADATA_FORMAT_MAX)
        return lh_fail(err, LH_INVALID, "format-version %" PRId64 " is not supported", want);
    if (want < have && !fresh)
        return lh_fail(err, LH_INVALID, "the table cannot go from format %" PRId64 " back to %" PRId64, have, want);
    lh_json_set_int(change->arena, change->metadata, "format-version", want);
    if (want >= 2 && lh_json_is_null(lh_json_get(change->metadata, "last-sequence-number")))
        lh_json_set_int(change->arena, change->metadata, "last-sequence-number", 0);
    if (want >= 3 && lh_json_is_null(lh_json_get(change->metadata, "next-row-id")))
        lh_json_set_int(change->arena, change->metadata, "next-row-id", 0);
    return LH_OK;
}

static lh_code metadata_set_location(metadata_change *change, const lh_json *update, lh_error *err) {
    lh_str location = lh_json_get_string(update, "location");
    if (location.len == 0) return lh_fail(err, LH_INVALID, "set-location lacks 'location'");
    while (location.len > 1 && location.ptr[location.len - 1] == '/') location.len--;
    lh_json_set_string(change->arena, change->metadata, "location", location);
    return LH_OK;
}

/* These are other members of the metadata: as properties they would contradict them. */
bool metadata_is_reserved(lh_str property) {
    static const char *const names[] = {"format-version",           "uuid",
                                        "snapshot-count",           "current-snapshot-id",
                                        "current-snapshot-summary", "current-snapshot-timestamp-ms",
                                        "current-schema",           "default-partition-spec",
                                        "default-sort-order"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (lh_str_eq(property, lh_str_from(names[i]))) return true;
    return false;
}

static lh_code metadata_set_properties(metadata_change *change, const lh_json *update, lh_error *err) {
    const lh_json *updates = lh_json_get(update, "updates");
    if (!lh_json_is_object(updates)) updates = lh_json_get(update, "updated"); /* the name in older clients */
    if (!lh_json_is_object(updates)) return lh_fail(err, LH_INVALID, "set-properties lacks 'updates'");
    for (lh_json_iter it = lh_json_each(updates); lh_json_next(&it);) {
        if (!lh_json_is_string(it.value))
            return lh_fail(err, LH_INVALID, "property '%.*s' must be a string", LH_STR_ARG(it.name));
        if (metadata_is_reserved(it.name))
            return lh_fail(err, LH_INVALID, "property '%.*s' is reserved%s", LH_STR_ARG(it.name),
                           lh_str_eq(it.name, LH_STR("format-version"))
                               ? ": the update upgrade-format-version changes the format"
                               : "");
        lh_json_put(change->arena, lh_json_get(change->metadata, "properties"), it.name,
                    lh_json_copy(change->arena, it.value));
    }
    return LH_OK;
}

static lh_code metadata_remove_properties(metadata_change *change, const lh_json *update, lh_error *err) {
    const lh_json *names = lh_json_get(update, "removals");
    if (!lh_json_is_array(names)) names = lh_json_get(update, "removed");
    if (!lh_json_is_array(names)) return lh_fail(err, LH_INVALID, "remove-properties lacks 'removals'");
    for (lh_json_iter it = lh_json_each(names); lh_json_next(&it);)
        lh_json_remove(lh_json_get(change->metadata, "properties"), lh_json_str(it.value, LH_STR_NONE));
    return LH_OK;
}

/* Appends to metadata.<list>, made when missing, after removing what has the same id. */
static lh_code metadata_replace_in(metadata_change *change, const char *list, const char *id_name, const lh_json *item,
                                   lh_error *err) {
    const lh_json *id = lh_json_get(item, id_name);
    if (lh_json_is_null(id)) return lh_fail(err, LH_INVALID, "an element of %s lacks '%s'", list, id_name);
    lh_json *ids = lh_json_new_array(change->arena);
    lh_json_append(ids, lh_json_copy(change->arena, id));
    metadata_remove_ids(change, list, id_name, ids);
    lh_json_append(lh_json_get(change->metadata, list), lh_json_copy(change->arena, item));
    return LH_OK;
}

static lh_code metadata_remove_from(metadata_change *change, const char *list, const char *id_name, const lh_json *id,
                                    lh_error *err) {
    if (lh_json_is_null(id)) return lh_fail(err, LH_INVALID, "an update lacks '%s'", id_name);
    lh_json *ids = lh_json_new_array(change->arena);
    lh_json_append(ids, lh_json_copy(change->arena, id));
    metadata_remove_ids(change, list, id_name, ids);
    return LH_OK;
}

static lh_code metadata_check_statistics(const lh_json *statistics, lh_error *err) {
    if (lh_json_is_int(lh_json_get(statistics, "snapshot-id")) && lh_json_get_string(statistics, "statistics-path").len)
        return LH_OK;
    return lh_fail(err, LH_INVALID, "statistics lack 'snapshot-id' or 'statistics-path'");
}

static lh_code metadata_set_statistics(metadata_change *change, const lh_json *update, lh_error *err) {
    LH_TRY(metadata_check_statistics(lh_json_get(update, "statistics"), err));
    return metadata_replace_in(change, "statistics", "snapshot-id", lh_json_get(update, "statistics"), err);
}
static lh_code metadata_remove_statistics(metadata_change *change, const lh_json *update, lh_error *err) {
    return metadata_remove_from(change, "statistics", "snapshot-id", lh_json_get(update, "snapshot-id"), err);
}
static lh_code metadata_set_partition_statistics(metadata_change *change, const lh_json *update, lh_error *err) {
    LH_TRY(metadata_check_statistics(lh_json_get(update, "partition-statistics"), err));
    return metadata_replace_in(change, "partition-statistics", "snapshot-id",
                               lh_json_get(update, "partition-statistics"), err);
}
static lh_code metadata_remove_partition_statistics(metadata_change *change, const lh_json *update, lh_error *err) {
    return metadata_remove_from(change, "partition-statistics", "snapshot-id", lh_json_get(update, "snapshot-id"), err);
}

/* Removes schemas or specs, but never the one in use. */
static lh_code metadata_remove_unused(metadata_change *change, const char *list, const char *id_name,
                                      const char *in_use, const lh_json *ids, lh_error *err) {
    if (!lh_json_is_array(ids)) return lh_fail(err, LH_INVALID, "an update of %s lacks its ids", list);
    for (lh_json_iter it = lh_json_each(ids); lh_json_next(&it);)
        if (lh_json_equal(it.value, lh_json_get(change->metadata, in_use)))
            return lh_fail(err, LH_INVALID, "%s %" PRId64 " is in use and cannot be removed", id_name,
                           lh_json_int(it.value, 0));
    metadata_remove_ids(change, list, id_name, ids);
    return LH_OK;
}

static lh_code metadata_remove_specs(metadata_change *change, const lh_json *update, lh_error *err) {
    return metadata_remove_unused(change, "partition-specs", "spec-id", "default-spec-id",
                                  lh_json_get(update, "spec-ids"), err);
}
static lh_code metadata_remove_schemas(metadata_change *change, const lh_json *update, lh_error *err) {
    return metadata_remove_unused(change, "schemas", "schema-id", "current-schema-id",
                                  lh_json_get(update, "schema-ids"), err);
}

static lh_code metadata_need_v3(const metadata_change *change, const char *what, lh_error *err) {
    return metadata_format(change->metadata) >= 3 ? LH_OK : lh_fail(err, LH_INVALID, "%s needs format-version 3", what);
}
static lh_code metadata_enable_row_lineage(metadata_change *change, const lh_json *update, lh_error *err) {
    (void)update; /* always on in format 3 */
    return metadata_need_v3(change, "row lineage", err);
}
static lh_code metadata_add_key(metadata_change *change, const lh_json *update, lh_error *err) {
    const lh_json *key = lh_json_get(update, "encryption-key");
    LH_TRY(metadata_need_v3(change, "an encryption key", err));
    if (!lh_json_is_string(lh_json_get(key, "key-id")) ||
        !lh_json_is_string(lh_json_get(key, "encrypted-key-metadata")))
        return lh_fail(err, LH_INVALID, "an encryption key lacks 'key-id' or 'encrypted-key-metadata'");
    return metadata_replace_in(change, "encryption-keys", "key-id", key, err);
}
static lh_code metadata_remove_key(metadata_change *change, const lh_json *update, lh_error *err) {
    LH_TRY(metadata_need_v3(change, "an encryption key", err));
    return metadata_remove_from(change, "encryption-keys", "key-id", lh_json_get(update, "key-id"), err);
}

typedef lh_code (*metadata_update_fn)(metadata_change *change, const lh_json *update, lh_error *err);
static const struct {
    const char *action;
    metadata_update_fn apply;
} metadata_updates[] = {
    {"assign-uuid", metadata_assign_uuid},
    {"upgrade-format-version", metadata_upgrade_format},
    {"add-schema", metadata_add_schema},
    {"set-current-schema", metadata_set_current_schema},
    {"add-spec", metadata_add_spec},
    {"set-default-spec", metadata_set_default_spec},
    {"add-sort-order", metadata_add_sort_order},
    {"set-default-sort-order", metadata_set_default_sort_order},
    {"add-snapshot", metadata_add_snapshot},
    {"set-snapshot-ref", metadata_set_ref},
    {"remove-snapshots", metadata_remove_snapshots},
    {"remove-snapshot-ref", metadata_remove_ref},
    {"set-location", metadata_set_location},
    {"set-properties", metadata_set_properties},
    {"remove-properties", metadata_remove_properties},
    {"set-statistics", metadata_set_statistics},
    {"remove-statistics", metadata_remove_statistics},
    {"set-partition-statistics", metadata_set_partition_statistics},
    {"remove-partition-statistics", metadata_remove_partition_statistics},
    {"remove-partition-specs", metadata_remove_specs},
    {"remove-schemas", metadata_remove_schemas},
    {"enable-row-lineage", metadata_enable_row_lineage},
    {"add-encryption-key", metadata_add_key},
    {"remove-encryption-key", metadata_remove_key},
};

static lh_code metadata_apply(metadata_change *change, const lh_json *update, lh_error *err) {
    lh_str action = lh_json_get_string(update, "action");
    for (size_t i = 0; i < sizeof metadata_updates / sizeof *metadata_updates; i++)
        if (lh_str_eq(action, lh_str_from(metadata_updates[i].action)))
            return metadata_updates[i].apply(change, update, err);
    return lh_fail(err, LH_INVALID, "unknown update '%.*s'", LH_STR_ARG(action));
}

/* One log entry however often main moved within the list: readers only ever see the last. */
static void metadata_log_main(metadata_change *change) {
    lh_arena *arena = change->arena;
    int64_t id = metadata_current_snapshot_id(change->metadata);
    if (!change->moved_main || id < 0) return;
    if (!change->added_snapshot) metadata_touch(change, lh_time_now_ms());
    lh_json *entry = lh_json_new_object(arena);
    lh_json_set_int(arena, entry, "timestamp-ms", lh_json_int(lh_json_get(change->metadata, "last-updated-ms"), 0));
    lh_json_set_int(arena, entry, "snapshot-id", id);
    lh_json_append(lh_json_get(change->metadata, "snapshot-log"), entry);
}

lh_code metadata_apply_updates(lh_arena *arena, lh_json *metadata, const lh_json *updates, lh_error *err) {
    static const char *const lists[] = {"snapshots",  "snapshot-log",         "metadata-log",
                                        "statistics", "partition-statistics", "encryption-keys"};
    if (!lh_json_is_array(updates)) return lh_fail(err, LH_INVALID, "'updates' must be an array");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) /* optional in files of strangers */
        if (!lh_json_is_array(lh_json_get(metadata, lists[i])))
            lh_json_set(arena, metadata, lists[i], lh_json_new_array(arena));
    if (!lh_json_is_object(lh_json_get(metadata, "properties")))
        lh_json_set(arena, metadata, "properties", lh_json_new_object(arena));
    if (!lh_json_is_object(lh_json_get(metadata, "refs")))
        lh_json_set(arena, metadata, "refs", lh_json_new_object(arena));
    metadata_change change = {
        .arena = arena, .metadata = metadata, .last_schema = -1, .last_spec = -1, .last_order = -1, .given_schema = -1};
    for (lh_json_iter it = lh_json_each(updates); lh_json_next(&it);) LH_TRY(metadata_apply(&change, it.value, err));
    metadata_log_main(&change);
    if (!change.added_snapshot) metadata_touch(&change, lh_time_now_ms());
    if (change.reshaped) LH_TRY(metadata_check_shape(metadata, err));
    return lh_arena_check(arena, err);
}

/* ---- the whole ---- */

/* Writers put files where these properties say: not among other tables' files, or the catalog's own. */
static lh_code metadata_check_paths(const lh_json *metadata, lh_error *err) {
    static const char *const paths[] = {"write.data.path", "write.metadata.path", "write.object-storage.path",
                                        "write.folder-storage.path"};
    lh_str location = lh_json_get_string(metadata, "location");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        lh_str path = lh_json_get_string(lh_json_get(metadata, "properties"), paths[i]);
        bool below = lh_str_starts(path, location) && (lh_str_ends(location, LH_STR("/")) ||
                                                       lh_str_starts(lh_str_sub(path, location.len, 1), LH_STR("/")));
        if (path.len && (!below || lh_str_search(path, LH_STR("..")) != SIZE_MAX))
            return lh_fail(err, LH_INVALID, "property '%s' must lie below the table's location", paths[i]);
    }
    return LH_OK;
}

static lh_code metadata_check_whole(const lh_json *metadata, lh_error *err) {
    LH_TRY(metadata_check_paths(metadata, err));
    if (!lh_uuid_is_valid(lh_json_get_string(metadata, "table-uuid")))
        return lh_fail(err, LH_INVALID, "the table has no UUID");
    if (lh_json_get_string(metadata, "location").len == 0) return lh_fail(err, LH_INVALID, "the table has no location");
    if (!metadata_current_schema(metadata)) return lh_fail(err, LH_INVALID, "the table has no current schema");
    int64_t spec = lh_json_int(lh_json_get(metadata, "default-spec-id"), -1),
            order = lh_json_int(lh_json_get(metadata, "default-sort-order-id"), -1);
    if (!metadata_find(lh_json_get(metadata, "partition-specs"), "spec-id", spec))
        return lh_fail(err, LH_INVALID, "the table has no default partition spec");
    if (!metadata_find(lh_json_get(metadata, "sort-orders"), "order-id", order))
        return lh_fail(err, LH_INVALID, "the table has no default sort order");
    return LH_OK;
}

static lh_code metadata_check_snapshots(const lh_json *metadata, lh_error *err) {
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "snapshots")); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, "snapshot-id"), -1) < 0 ||
            (!lh_json_is_string(lh_json_get(it.value, "manifest-list")) &&
             !lh_json_is_array(lh_json_get(it.value, "manifests")))) /* as format 1 may have it */
            return lh_fail(err, LH_INVALID, "snapshot %zu of the table has no id or no manifest list", it.index);
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "refs")); lh_json_next(&it);)
        if (!metadata_snapshot(metadata, lh_json_int(lh_json_get(it.value, "snapshot-id"), -1)))
            return lh_fail(err, LH_INVALID, "the table lacks the snapshot of its branch or tag '%.*s'",
                           LH_STR_ARG(it.name));
    const lh_json *main = lh_json_get(lh_json_get(metadata, "refs"), "main");
    if (lh_json_int(lh_json_get(main, "snapshot-id"), -1) != metadata_current_snapshot_id(metadata))
        return lh_fail(err, LH_INVALID, "the table's current snapshot is not that of its branch 'main'");
    return LH_OK;
}

lh_code metadata_check_stored(lh_arena *arena, const lh_json *metadata, lh_error *err) {
    LH_TRY(metadata_check_whole(metadata, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "schemas")); lh_json_next(&it);)
        LH_TRY(metadata_check_schema(arena, it.value, metadata_format(metadata), err));
    LH_TRY(metadata_check_shape(metadata, err));
    return metadata_check_snapshots(metadata, err);
}

/* Format 1 keeps the current schema and spec a second time, for old readers. */
static void metadata_write_v1_members(lh_arena *arena, lh_json *metadata) {
    int64_t spec = lh_json_int(lh_json_get(metadata, "default-spec-id"), -1);
    if (metadata_format(metadata) != 1) {
        lh_json_remove(metadata, LH_STR("schema"));
        lh_json_remove(metadata, LH_STR("partition-spec"));
        return;
    }
    lh_json_set(arena, metadata, "schema", lh_json_copy(arena, metadata_current_schema(metadata)));
    const lh_json *fields =
        lh_json_get(metadata_find(lh_json_get(metadata, "partition-specs"), "spec-id", spec), "fields");
    lh_json_set(arena, metadata, "partition-spec", lh_json_copy(arena, fields));
    lh_json_remove(metadata, LH_STR("last-sequence-number"));
}

static int64_t metadata_property_int(const lh_json *metadata, const char *name, int64_t otherwise) {
    int64_t value;
    return lh_str_to_i64(lh_json_get_string(lh_json_get(metadata, "properties"), name), &value) == LH_OK ? value
                                                                                                         : otherwise;
}

lh_code metadata_finish(lh_arena *arena, lh_json *metadata, lh_str previous_location, int64_t previous_ms,
                        lh_error *err) {
    LH_TRY(metadata_check_whole(metadata, err));
    lh_json *log = lh_json_get(metadata, "metadata-log");
    if (previous_location.len) {
        lh_json *entry = lh_json_new_object(arena);
        lh_json_set_int(arena, entry, "timestamp-ms", previous_ms);
        lh_json_set_string(arena, entry, "metadata-file", previous_location);
        lh_json_append(log, entry);
    }
    int64_t keep = metadata_property_int(metadata, "write.metadata.previous-versions-max", 100);
    while (lh_json_size(log) > (size_t)(keep < 1 ? 1 : keep)) lh_json_remove_at(log, 0);
    metadata_write_v1_members(arena, metadata);
    static const char *const optional[] = {"statistics", "partition-statistics", "encryption-keys"};
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        if (lh_json_size(lh_json_get(metadata, optional[i])) == 0) lh_json_remove(metadata, lh_str_from(optional[i]));
    return lh_arena_check(arena, err);
}
