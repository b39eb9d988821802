/* Data files that lie in the bucket already become a snapshot without being copied: one manifest that names them, a
 * manifest list that also repeats what the table had, and an ordinary commit. Field ids are those of the Iceberg
 * spec, "Manifests". */
#include "catalog/entry_internal.h"

enum { APPEND_FILES_MAX = 100000, APPEND_AVRO_BYTES = 256 << 20, APPEND_STATISTICS_BYTES = 64 << 20 };

/* ---- manifest and manifest list ---- */

/* What one append needs while it is prepared. */
typedef struct append {
    lh_catalog *catalog;
    lh_arena *arena;
    const lh_json *metadata;
    const lh_data_file *files;
    size_t count;
    int64_t snapshot_id, sequence;
    uint64_t rows, bytes;
    lh_str folder, manifest_key, list_key; /* keys in the bucket */
    size_t manifest_length;
} append;

static lh_code append_put(append *a, const lh_buf *bytes, lh_str key, lh_error *err) {
    LH_TRY(lh_buf_check(bytes, err));
    return lh_bucket_put(a->catalog->bucket, key, lh_buf_str(bytes), (lh_put_condition){.if_absent = true}, NULL, err);
}

static lh_code append_write_entry(append *a, const lh_data_file *file, const entry_fields *fields, lh_buf *block,
                                  lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    entry_statistics statistics = {0};
    LH_TRY(lh_arena_new(APPEND_STATISTICS_BYTES, &scratch, err));
    if (file->footer) LH_TRY(entry_of_footer(fields, file->footer, scratch, &statistics, err));
    avro_write_long(block, 1); /* added */
    avro_write_some_long(block, a->snapshot_id);
    avro_write_null(block); /* sequence numbers are inherited from the manifest list */
    avro_write_null(block);
    avro_write_long(block, 0); /* data */
    avro_write_string(block, file->location);
    avro_write_string(block, LH_STR("PARQUET"));
    avro_write_long(block, (int64_t)file->rows);
    avro_write_long(block, (int64_t)file->size_bytes);
    entry_write(&statistics, block);
    avro_write_null(block); /* no sort order */
    return lh_buf_check(block, err);
}

static lh_code append_write_manifest(append *a, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf block = LH_BUF_INIT(APPEND_AVRO_BYTES);
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(APPEND_AVRO_BYTES);
    entry_fields fields;
    LH_TRY(entry_fields_load(a->metadata, a->arena, &fields, err));
    for (size_t i = 0; i < a->count; i++) LH_TRY(append_write_entry(a, &a->files[i], &fields, &block, err));
    lh_str schema;
    LH_TRY(lh_json_write(a->arena, metadata_current_schema(a->metadata), false, &schema, err));
    lh_str spec_id = lh_arena_printf(a->arena, "%" PRId64, lh_json_int(lh_json_get(a->metadata, "default-spec-id"), 0));
    const avro_pair metadata[] = {{"schema", schema},
                                  {"partition-spec", LH_STR("[]")},
                                  {"partition-spec-id", spec_id},
                                  {"format-version", LH_STR("2")},
                                  {"content", LH_STR("data")}};
    lh_str entries = entry_schema(LH_STR("{\"type\":\"record\",\"name\":\"r102\",\"fields\":[]}"), a->arena);
    LH_TRY(lh_arena_check(a->arena, err));
    avro_write_file(&file, entries, metadata, 5, (int64_t)a->count, lh_buf_str(&block));
    a->manifest_length = file.len;
    return append_put(a, &file, a->manifest_key, err);
}

static lh_code append_write_list(append *a, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf block = LH_BUF_INIT(APPEND_AVRO_BYTES);
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(APPEND_AVRO_BYTES);
    manifest_list_entry *old = NULL;
    size_t old_count = 0;
    const lh_json *current = metadata_snapshot(a->metadata, metadata_current_snapshot_id(a->metadata));
    if (current)
        LH_TRY(manifest_list_read(a->catalog->bucket, lh_json_get_string(current, "manifest-list"), a->arena, &old,
                                  &old_count, err));
    const manifest_list_entry added = {.path = lh_bucket_location(a->catalog->bucket, a->manifest_key, a->arena),
                                       .length = (int64_t)a->manifest_length,
                                       .spec_id = lh_json_int(lh_json_get(a->metadata, "default-spec-id"), 0),
                                       .sequence = a->sequence,
                                       .min_sequence = a->sequence,
                                       .snapshot_id = a->snapshot_id,
                                       .files = {(int64_t)a->count, 0, 0},
                                       .rows = {(int64_t)a->rows, 0, 0}};
    manifest_list_write_entry(&block, &added);
    for (size_t i = 0; i < old_count; i++) manifest_list_write_entry(&block, &old[i]);
    LH_TRY(lh_buf_check(&block, err));
    manifest_list_write(&file, a->snapshot_id, a->sequence, (int64_t)old_count + 1, lh_buf_str(&block));
    return append_put(a, &file, a->list_key, err);
}

/* ---- the commit ---- */

static lh_json *append_snapshot(append *a, const lh_json *extra) {
    lh_arena *arena = a->arena;
    lh_json *snapshot = lh_json_new_object(arena), *summary = lh_json_new_object(arena);
    const lh_json *current = metadata_snapshot(a->metadata, metadata_current_snapshot_id(a->metadata));
    lh_json_set_int(arena, snapshot, "snapshot-id", a->snapshot_id);
    if (current)
        lh_json_set(arena, snapshot, "parent-snapshot-id", lh_json_copy(arena, lh_json_get(current, "snapshot-id")));
    lh_json_set_int(arena, snapshot, "sequence-number", a->sequence);
    lh_json_set_int(arena, snapshot, "timestamp-ms", lh_time_now_ms());
    lh_json_set_string(arena, snapshot, "manifest-list", lh_bucket_location(a->catalog->bucket, a->list_key, arena));
    lh_json_set(arena, snapshot, "schema-id", lh_json_copy(arena, lh_json_get(a->metadata, "current-schema-id")));
    lh_json_set_string(arena, summary, "operation", LH_STR("append"));
    static const char *const totals[][2] = {{"added-data-files", "total-data-files"},
                                            {"added-records", "total-records"},
                                            {"added-files-size", "total-files-size"}};
    const uint64_t added[] = {a->count, a->rows, a->bytes};
    for (int i = 0; i < 3; i++) {
        uint64_t before = 0;
        lh_str had = lh_json_get_string(lh_json_get(current, "summary"), totals[i][1]);
        bool known = !current || lh_str_to_u64(had, &before) == LH_OK;
        lh_json_set_string(arena, summary, totals[i][0], lh_arena_printf(arena, "%" PRIu64, added[i]));
        if (known)
            lh_json_set_string(arena, summary, totals[i][1], lh_arena_printf(arena, "%" PRIu64, before + added[i]));
    }
    for (lh_json_iter it = lh_json_each(extra); lh_json_next(&it);)
        lh_json_put(arena, summary, it.name, lh_json_copy(arena, it.value));
    lh_json_set(arena, snapshot, "summary", summary);
    return snapshot;
}

static lh_json *append_request(append *a, const lh_json *extra) {
    lh_arena *arena = a->arena;
    lh_json *request = lh_json_new_object(arena), *requirements = lh_json_new_array(arena),
            *updates = lh_json_new_array(arena);
    lh_json *add = lh_json_new_object(arena), *ref = lh_json_new_object(arena);
    lh_json_append(requirements, metadata_main_stands(arena, metadata_current_snapshot_id(a->metadata)));
    lh_json_set_string(arena, add, "action", LH_STR("add-snapshot"));
    lh_json_set(arena, add, "snapshot", append_snapshot(a, extra));
    lh_json_append(updates, add);
    lh_json_set_string(arena, ref, "action", LH_STR("set-snapshot-ref"));
    lh_json_set_string(arena, ref, "ref-name", LH_STR("main"));
    lh_json_set_string(arena, ref, "type", LH_STR("branch"));
    lh_json_set_int(arena, ref, "snapshot-id", a->snapshot_id);
    lh_json_append(updates, ref);
    lh_json_set(arena, request, "requirements", requirements);
    lh_json_set(arena, request, "updates", updates);
    return request;
}

static lh_code append_prepare(append *a, lh_table_name name, lh_error *err) {
    catalog_table table;
    lh_json *metadata = NULL;
    LH_TRY(catalog_table_read(a->catalog, name, a->arena, &table, &metadata, err));
    int64_t spec = lh_json_int(lh_json_get(metadata, "default-spec-id"), 0);
    if (lh_json_int(lh_json_get(metadata, "format-version"), 0) < 2)
        return lh_fail(err, LH_INVALID, "files can be added to a table of format 2 or 3 only");
    if (lh_json_size(lh_json_get(metadata_find(lh_json_get(metadata, "partition-specs"), "spec-id", spec), "fields")))
        return lh_fail(err, LH_INVALID, "files cannot be added to a partitioned table");
    a->metadata = metadata;
    a->snapshot_id = (int64_t)(lh_random_below((uint64_t)INT64_MAX - 1) + 1);
    a->sequence = lh_json_int(lh_json_get(metadata, "last-sequence-number"), 0) + 1;
    lh_uuid uuid = lh_uuid_new();
    LH_TRY(lh_bucket_key_of(a->catalog->bucket, lh_json_get_string(metadata, "location"), a->arena, &a->folder, err));
    a->manifest_key = lh_arena_printf(a->arena, "%.*s/metadata/%s-m0.avro", LH_STR_ARG(a->folder), uuid.text);
    a->list_key = lh_arena_printf(a->arena, "%.*s/metadata/snap-%" PRId64 "-0-%s.avro", LH_STR_ARG(a->folder),
                                  a->snapshot_id, uuid.text);
    return lh_arena_check(a->arena, err);
}

lh_code lh_table_append_files(lh_catalog *catalog, lh_table_name name, const lh_data_file *files, size_t count,
                              const lh_json *summary, lh_error *err) {
    if (count == 0 || count > APPEND_FILES_MAX)
        return lh_fail(err, LH_INVALID, "1 to %d files can be added at once", APPEND_FILES_MAX);
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new((size_t)APPEND_AVRO_BYTES + 4 * (size_t)LH_LIMIT_METADATA_BYTES, &arena, err));
        append a = {.catalog = catalog, .arena = arena, .files = files, .count = count};
        for (size_t i = 0; i < count; i++) a.rows += files[i].rows, a.bytes += files[i].size_bytes;
        lh_json *answer = NULL;
        LH_TRY(append_prepare(&a, name, err));
        LH_TRY(append_write_manifest(&a, err));
        LH_TRY(append_write_list(&a, err));
        lh_code code = lh_table_commit(catalog, name, append_request(&a, summary), false, arena, &answer, err);
        if (code == LH_CONFLICT || code == LH_INVALID) { /* nothing names them: they go again */
            catalog_metadata_remove(catalog, a.manifest_key);
            catalog_metadata_remove(catalog, a.list_key);
        }
        if (code != LH_CONFLICT || tries == 10) return code;
    }
}
