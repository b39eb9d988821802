/* A schema changed as a whole: columns renamed, dropped, reordered, added, and those whose values were cast.
 *
 * Names and places of columns are only metadata, because Iceberg's files know columns by field id. So a change without new
 * values is one commit that rewrites nothing: the schema, and a snapshot that repeats the manifest list of the one
 * before. That snapshot is what a rollback goes back from; it is of operation "replace", the same rows in another form.
 *
 * New values are new columns (a field id never changes its type but to a wider one), and the engine writes them: it adds
 * temporary columns and fills them in one transaction. Its commit would leave them at the end, under their temporary names,
 * with a schema for each ALTER. Hence reshape_updates(): of the engine's commit the snapshot is taken, of ours the schema, in
 * which the ids of those columns have their final names and places. Both land in one metadata file.
 *
 * A snapshot that came of either tells in its summary which schema was current before it (LH_SUMMARY_SCHEMA_BEFORE), because
 * the snapshot before may be older than that schema. */
#include "catalog/reshape_internal.h"

#include "catalog/dataset_internal.h"

enum { RESHAPE_LIST_BYTES = 256 << 20 };

/* ---- pieces of a request ---- */

static lh_json *reshape_update(lh_arena *arena, lh_json *updates, const char *action) {
    lh_json *update = lh_json_new_object(arena);
    lh_json_set_string(arena, update, "action", lh_str_from(action));
    lh_json_append(updates, update);
    return lh_json_at(updates, lh_json_size(updates) - 1);
}

static void reshape_set_schema(lh_arena *arena, lh_json *updates, int64_t id) { /* -1: the one just added */
    lh_json_set_int(arena, reshape_update(arena, updates, "set-current-schema"), "schema-id", id);
}

static void reshape_add_schema(lh_arena *arena, lh_json *updates, const lh_json *schema) {
    lh_json *add = reshape_update(arena, updates, "add-schema");
    lh_json_set(arena, add, "schema", lh_json_copy(arena, schema));
    lh_json_set_int(arena, add, "last-column-id", metadata_highest_field_id(lh_json_get(schema, "fields")));
    reshape_set_schema(arena, updates, -1);
}

/* Moves main; how long it and its snapshots are kept stays. */
static void reshape_set_main(lh_arena *arena, lh_json *updates, const lh_json *metadata, int64_t snapshot_id) {
    lh_json *update = reshape_update(arena, updates, "set-snapshot-ref");
    for (lh_json_iter it = lh_json_each(lh_json_get(lh_json_get(metadata, "refs"), "main")); lh_json_next(&it);)
        lh_json_put(arena, update, it.name, lh_json_copy(arena, it.value));
    lh_json_set_string(arena, update, "ref-name", LH_STR("main"));
    lh_json_set_string(arena, update, "type", LH_STR("branch"));
    lh_json_set_int(arena, update, "snapshot-id", snapshot_id);
}

/* The request of those updates, which requires the schema and the snapshot to be these. */
static lh_json *reshape_request(lh_arena *arena, lh_json *updates, int64_t schema_id, int64_t snapshot_id) {
    lh_json *request = lh_json_new_object(arena), *requirements = lh_json_new_array(arena),
            *schema = lh_json_new_object(arena);
    lh_json_set_string(arena, schema, "type", LH_STR("assert-current-schema-id"));
    lh_json_set_int(arena, schema, "current-schema-id", schema_id);
    lh_json_append(requirements, schema);
    lh_json_append(requirements, metadata_main_stands(arena, snapshot_id));
    lh_json_set(arena, request, "requirements", requirements);
    lh_json_set(arena, request, "updates", updates);
    return request;
}

/* ---- the engine's commit with our schema ---- */

static bool reshape_is_of_schema(lh_str action) {
    return lh_str_eq(action, LH_STR("add-schema")) || lh_str_eq(action, LH_STR("set-current-schema"));
}

static const lh_json *reshape_field(const lh_json *schema, const char *member, const lh_json *value) {
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);)
        if (lh_json_equal(lh_json_get(it.value, member), value)) return it.value;
    return NULL;
}

/* The values were written under the ids of the engine's last schema: are they those of ours, and of the same type? */
static lh_code reshape_check_written(const lh_json *metadata, const lh_json *reshape, const lh_json *theirs,
                                     lh_arena *arena, lh_error *err) {
    const lh_json *schema = lh_json_get(reshape, "schema"), *written = lh_json_get(reshape, "written");
    size_t found = 0;
    for (lh_json_iter it = lh_json_each(lh_json_get(theirs, "fields")); lh_json_next(&it);) {
        const lh_json *id = lh_json_get(it.value, "id");
        if (reshape_field(metadata_current_schema(metadata), "id", id)) continue;
        const lh_json *ours = reshape_field(schema, "id", id),
                      *wanted = lh_json_get_str(written, lh_json_get_string(it.value, "name"));
        if (!ours || !lh_json_equal(wanted, id) ||
            !lh_json_equal(lh_json_get(ours, "type"), lh_json_get(it.value, "type")))
            return lh_fail(err, LH_INVALID, "the engine's column '%.*s' is not the one that was to be written",
                           LH_STR_ARG(lh_json_get_string(it.value, "name")));
        found++;
    }
    if (found != lh_json_size(written))
        return lh_fail(err, LH_INVALID, "the engine wrote %zu of %zu new columns", found, lh_json_size(written));
    return lh_arena_check(arena, err);
}

lh_code reshape_updates(const lh_json *metadata, const lh_json *reshape, const lh_json **updates, lh_arena *arena,
                        lh_error *err) {
    lh_json *changed = lh_json_new_array(arena);
    const lh_json *theirs = NULL;
    reshape_add_schema(arena, changed, lh_json_get(reshape, "schema"));
    for (lh_json_iter it = lh_json_each(*updates); lh_json_next(&it);) {
        lh_str action = lh_json_get_string(it.value, "action");
        if (lh_str_eq(action, LH_STR("add-schema"))) theirs = lh_json_get(it.value, "schema");
        if (reshape_is_of_schema(action)) continue;
        lh_json *copy = lh_json_copy(arena, it.value);
        if (lh_str_eq(action, LH_STR("add-snapshot"))) /* of a schema that will not be there; reshape_mark() sets it */
            lh_json_remove(lh_json_get(copy, "snapshot"), LH_STR("schema-id"));
        lh_json_append(changed, copy);
    }
    LH_TRY(reshape_check_written(metadata, reshape, theirs, arena, err));
    LH_TRY(lh_arena_check(arena, err));
    *updates = changed;
    return LH_OK;
}

void reshape_mark(lh_json *metadata, const lh_json *updates, lh_arena *arena) {
    for (lh_json_iter it = lh_json_each(updates); lh_json_next(&it);) {
        if (!lh_str_eq(lh_json_get_string(it.value, "action"), LH_STR("add-snapshot"))) continue;
        int64_t id = lh_json_int(lh_json_get(lh_json_get(it.value, "snapshot"), "snapshot-id"), -1);
        lh_json *snapshot = metadata_snapshot(metadata, id);
        if (snapshot)
            lh_json_set(arena, snapshot, "schema-id", lh_json_copy(arena, lh_json_get(metadata, "current-schema-id")));
    }
}

/* ---- a commit of our own ---- */

/* The parent's manifest list under a new name: expiry of the one snapshot must not take the other's. */
static lh_code reshape_copy_list(lh_catalog *catalog, const lh_json *metadata, const lh_json *parent, int64_t id,
                                 lh_arena *arena, lh_str *ret_key, lh_error *err) {
    lh_str folder, key, bytes;
    lh_uuid uuid = lh_uuid_new();
    LH_TRY(lh_bucket_key_of(catalog->bucket, lh_json_get_string(metadata, "location"), arena, &folder, err));
    LH_TRY(lh_bucket_key_of(catalog->bucket, lh_json_get_string(parent, "manifest-list"), arena, &key, err));
    LH_TRY(lh_bucket_get(catalog->bucket, key, RESHAPE_LIST_BYTES, arena, &bytes, NULL, err));
    key = lh_arena_printf(arena, "%.*s/metadata/snap-%" PRId64 "-0-%s.avro", LH_STR_ARG(folder), id, uuid.text);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_bucket_put(catalog->bucket, key, bytes, (lh_put_condition){.if_absent = true}, NULL, err));
    *ret_key = key;
    return LH_OK;
}

static lh_json *reshape_snapshot(const lh_reshape *reshape, const lh_json *metadata, const lh_json *parent, int64_t id,
                                 lh_arena *arena) {
    static const char *const totals[] = {"total-records",      "total-data-files",       "total-files-size",
                                         "total-delete-files", "total-position-deletes", "total-equality-deletes"};
    lh_json *snapshot = lh_json_new_object(arena), *summary = lh_json_new_object(arena);
    lh_json_set_int(arena, snapshot, "snapshot-id", id);
    lh_json_set(arena, snapshot, "parent-snapshot-id", lh_json_copy(arena, lh_json_get(parent, "snapshot-id")));
    lh_json_set_int(arena, snapshot, "sequence-number",
                    lh_json_int(lh_json_get(metadata, "last-sequence-number"), 0) + 1);
    lh_json_set_int(arena, snapshot, "timestamp-ms", lh_time_now_ms());
    lh_json_set_string(arena, summary, "operation", LH_STR("replace"));
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++) {
        const lh_json *total = lh_json_get(lh_json_get(parent, "summary"), totals[i]);
        if (lh_json_is_string(total)) lh_json_set(arena, summary, totals[i], lh_json_copy(arena, total));
    }
    for (lh_json_iter it = lh_json_each(reshape->properties); lh_json_next(&it);)
        lh_json_put(arena, summary, it.name, lh_json_copy(arena, it.value));
    lh_json_set(arena, snapshot, "summary", summary);
    if (lh_json_int(lh_json_get(metadata, "format-version"), 2) >= 3) {
        lh_json_set_int(arena, snapshot, "first-row-id", lh_json_int(lh_json_get(metadata, "next-row-id"), 0));
        lh_json_set_int(arena, snapshot, "added-rows", 0);
    }
    return snapshot;
}

lh_code lh_dataset_follow(lh_catalog *catalog, lh_table_name name, const lh_json *moved, lh_arena *arena,
                          lh_change *ret, bool *ret_found, lh_error *err) {
    lh_json *about = NULL;
    uint64_t version = 0;
    *ret_found = false;
    LH_TRY(dataset_about_read(catalog, name, arena, &about, &version, err));
    lh_json *columns = lh_json_get(about, "columns");
    for (lh_json_iter it = lh_json_each(moved); lh_json_next(&it);) {
        const lh_json *said = lh_json_get_str(columns, it.name);
        if (lh_json_is_null(said)) continue;
        lh_json_put(arena, columns, lh_arena_printf(arena, "%" PRId64, lh_json_int(it.value, 0)),
                    lh_json_copy(arena, said)); /* the old one stays, for a rollback */
        *ret_found = true;
    }
    if (!*ret_found) return lh_arena_check(arena, err);
    *ret = (lh_change){.key = dataset_about_key(name, arena), .expected = version};
    return lh_json_write(arena, about, false, &ret->text, err);
}

lh_code lh_table_reshape(lh_catalog *catalog, lh_table_name name, const lh_reshape *reshape, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new((size_t)RESHAPE_LIST_BYTES + 4 * (size_t)LH_LIMIT_METADATA_BYTES, &arena, err));
    catalog_table table;
    lh_json *metadata = NULL, *answer = NULL, *updates = lh_json_new_array(arena);
    lh_str list_key = LH_STR_NONE;
    lh_change document;
    bool said = false;
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    if (lh_json_int(lh_json_get(metadata, "format-version"), 0) < 2)
        return lh_fail(err, LH_INVALID, "the schema of a table of format 1 cannot be migrated");
    LH_TRY(lh_dataset_follow(catalog, name, reshape->moved, arena, &document, &said, err));
    reshape_add_schema(arena, updates, reshape->schema);
    const lh_json *parent = metadata_snapshot(metadata, reshape->snapshot_id);
    bool repeats = parent && lh_json_is_string(lh_json_get(parent, "manifest-list"));
    if (repeats) {
        int64_t id = (int64_t)(lh_random_below((uint64_t)INT64_MAX - 1) + 1);
        lh_json *snapshot = reshape_snapshot(reshape, metadata, parent, id, arena);
        LH_TRY(reshape_copy_list(catalog, metadata, parent, id, arena, &list_key, err));
        lh_json_set_string(arena, snapshot, "manifest-list", lh_bucket_location(catalog->bucket, list_key, arena));
        lh_json_set(arena, reshape_update(arena, updates, "add-snapshot"), "snapshot", snapshot);
        reshape_set_main(arena, updates, metadata, id);
    }
    const annotation carried = {.documents = &document, .count = said ? 1 : 0, .recast = reshape->moved};
    lh_code code =
        table_commit_carrying(catalog, name, reshape_request(arena, updates, reshape->schema_id, reshape->snapshot_id),
                              &carried, arena, &answer, err);
    if (list_key.len && (code == LH_CONFLICT || code == LH_INVALID)) catalog_metadata_remove(catalog, list_key);
    return code;
}

/* ---- back ---- */

/* The snapshot to go to: the one asked for, if main was ever on it; else the last that main was on before. */
static lh_code rollback_target(const lh_json *metadata, int64_t asked, int64_t *ret, lh_error *err) {
    int64_t current = metadata_current_snapshot_id(metadata), before = -1;
    bool known = false;
    if (current < 0) return lh_fail(err, LH_INVALID, "the table has no snapshot to go back from");
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "snapshot-log")); lh_json_next(&it);) {
        int64_t id = lh_json_int(lh_json_get(it.value, "snapshot-id"), -1);
        known |= id == asked;
        if (id != current && metadata_snapshot(metadata, id)) before = id;
    }
    if (asked < 0 && before < 0)
        before = lh_json_int(lh_json_get(metadata_snapshot(metadata, current), "parent-snapshot-id"), -1);
    int64_t target = asked < 0 ? before : asked;
    if (!metadata_snapshot(metadata, target))
        return asked < 0 ? lh_fail(err, LH_INVALID, "the table has no snapshot before its current one")
                         : lh_fail(err, LH_NOT_FOUND, "snapshot %" PRId64 " does not exist (any more)", asked);
    if (target == current) return lh_fail(err, LH_INVALID, "snapshot %" PRId64 " is the current one", target);
    if (asked >= 0 && !known && !metadata_descends(metadata, current, asked))
        return lh_fail(err, LH_INVALID, "snapshot %" PRId64 " was never the table's current one", asked);
    *ret = target;
    return LH_OK;
}

/* The schema that was current when the target was: the target's, or a later one that a migration then replaced. */
static int64_t rollback_schema(const lh_json *metadata, int64_t target) {
    int64_t current = metadata_current_snapshot_id(metadata), told = -1;
    const lh_json *snapshot = metadata_snapshot(metadata, current), *schemas = lh_json_get(metadata, "schemas");
    bool migrated = lh_json_int(lh_json_get(snapshot, "parent-snapshot-id"), -1) == target;
    lh_str text = lh_json_get_string(lh_json_get(snapshot, "summary"), LH_SUMMARY_SCHEMA_BEFORE);
    if (migrated && lh_str_to_i64(text, &told) == LH_OK && metadata_find(schemas, "schema-id", told)) return told;
    int64_t id = lh_json_int(lh_json_get(metadata_snapshot(metadata, target), "schema-id"), -1);
    return metadata_find(schemas, "schema-id", id) ? id : lh_json_int(lh_json_get(metadata, "current-schema-id"), 0);
}

typedef struct rollback_records {
    lh_catalog *catalog;
    lh_table_name name;
    lh_arena *arena;
    lh_change *changes;
    size_t count;
} rollback_records;

/* A file's "these bytes were ingested" record goes with its rows, or comes back with them. */
static lh_code rollback_record(rollback_records *r, const lh_json *snapshot, bool gone, lh_error *err) {
    lh_metastore *metastore = r->catalog->metastore;
    const lh_json *summary = lh_json_get(snapshot, "summary");
    lh_str sha256 = lh_json_get_string(summary, "lakehouse.sha256"), text;
    uint64_t version = 0;
    if (sha256.len == 0) return LH_OK;
    lh_change change = {.key = lh_ingested_key(r->name, sha256, r->arena)};
    lh_code code = lh_metastore_get(metastore, change.key, r->arena, &text, &version, err);
    if (code != LH_OK && code != LH_NOT_FOUND) return code;
    if ((code == LH_OK) != gone) return LH_OK;
    change.expected = gone ? version : LH_VERSION_ABSENT;
    if (!gone) {
        lh_json *record = lh_json_new_object(r->arena), *dataset = NULL;
        lh_str key = lh_dataset_key(r->name, r->arena);
        if (lh_metastore_get(metastore, key, r->arena, &text, &version, NULL) == LH_OK)
            LH_TRY(lh_json_parse(r->arena, text, &dataset, err));
        lh_json_set_int(r->arena, record, "schema_version", 1);
        lh_json_set_string(r->arena, record, "source", lh_json_get_string(summary, "lakehouse.source"));
        lh_json_set_string(r->arena, record, "file", lh_json_get_string(summary, "lakehouse.file"));
        lh_json_set_string(r->arena, record, "sha256", sha256);
        lh_json_set_string(r->arena, record, "job_id", lh_json_get_string(summary, "lakehouse.job-id"));
        lh_json_set_string(r->arena, record, "generation", lh_json_get_string(dataset, "generation"));
        LH_TRY(lh_json_write(r->arena, record, false, &change.text, err));
    }
    r->changes[r->count++] = change;
    return LH_OK;
}

/* Along the history of `from` as far as `to` does not share it. */
static lh_code rollback_walk(rollback_records *r, const lh_json *metadata, int64_t from, int64_t to, bool gone,
                             lh_error *err) {
    for (size_t left = lh_json_size(lh_json_get(metadata, "snapshots")); left > 0 && from >= 0; left--) {
        if (metadata_descends(metadata, to, from)) return LH_OK;
        const lh_json *snapshot = metadata_snapshot(metadata, from);
        LH_TRY(rollback_record(r, snapshot, gone, err));
        from = lh_json_int(lh_json_get(snapshot, "parent-snapshot-id"), -1);
    }
    return LH_OK;
}

static lh_code rollback_try(lh_catalog *catalog, lh_table_name name, int64_t asked, lh_arena *arena, lh_json **ret,
                            lh_error *err) {
    catalog_table table;
    lh_json *metadata = NULL, *updates = lh_json_new_array(arena), *committed = NULL;
    int64_t target = -1;
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    LH_TRY(rollback_target(metadata, asked, &target, err));
    int64_t current = metadata_current_snapshot_id(metadata), schema = rollback_schema(metadata, target);
    rollback_records r = {.catalog = catalog, .name = name, .arena = arena};
    r.changes = LH_ARENA_ARRAY(arena, lh_change, 2 * lh_json_size(lh_json_get(metadata, "snapshots")) + 1);
    if (!r.changes) return lh_arena_check(arena, err);
    LH_TRY(rollback_walk(&r, metadata, current, target, true, err));
    LH_TRY(rollback_walk(&r, metadata, target, current, false, err));
    reshape_set_main(arena, updates, metadata, target);
    reshape_set_schema(arena, updates, schema);
    const annotation carried = {.documents = r.changes, .count = r.count};
    int64_t schema_before = lh_json_int(lh_json_get(metadata, "current-schema-id"), 0);
    LH_TRY(table_commit_carrying(catalog, name, reshape_request(arena, updates, schema_before, current), &carried,
                                 arena, &committed, err));
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(name, arena));
    lh_json_set_int(arena, answer, "snapshot_id", target);
    lh_json_set_int(arena, answer, "snapshot_before", current);
    lh_json_set(arena, answer, "schema_id",
                lh_json_copy(arena, lh_json_get(lh_json_get(committed, "metadata"), "current-schema-id")));
    *ret = answer;
    return LH_OK;
}

lh_code lh_table_rollback(lh_catalog *catalog, lh_table_name name, int64_t snapshot_id, lh_arena *arena, lh_json **ret,
                          lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
        lh_json *answer = NULL;
        LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_METADATA_BYTES, &scratch, err));
        lh_code code = rollback_try(catalog, name, snapshot_id, scratch, &answer, err);
        if (code == LH_OK) *ret = lh_json_copy(arena, answer);
        if (code != LH_CONFLICT || tries == 10) return code == LH_OK ? lh_arena_check(arena, err) : code;
    }
}
