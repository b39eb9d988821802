/* Manifest lists and manifests (Avro), read with libavro: to find the files that a snapshot added, which must be
 * durable before the commit that names them, and the files that a purge deletes.
 * Both are outside bytes: sizes are capped, and what cannot be decoded is CORRUPT.
 *
 * Manifest list record: manifest_path, added_snapshot_id, …   Manifest record: status (0 existing, 1 added,
 * 2 deleted), data_file {file_path, …} (Iceberg spec, "Manifests"). */
#include "catalog/catalog_internal.h"

#include <avro.h>
#include <stdio.h>

enum { MANIFEST_BYTES = 256 << 20 };

typedef lh_code (*manifest_record_fn)(void *ctx, const avro_value_t *record, lh_error *err);

static bool manifest_string(const avro_value_t *record, const char *name, lh_str *ret) {
    avro_value_t field, branch;
    const char *text;
    size_t size;
    if (avro_value_get_by_name(record, name, &field, NULL) != 0) return false;
    if (avro_value_get_type(&field) == AVRO_UNION) {
        if (avro_value_get_current_branch(&field, &branch) != 0) return false;
        field = branch;
    }
    if (avro_value_get_type(&field) != AVRO_STRING || avro_value_get_string(&field, &text, &size) != 0 || size == 0) return false;
    *ret = (lh_str){text, size - 1}; /* size counts the NUL */
    return true;
}

/* An int or long, also inside a union; `otherwise` when absent or null. */
static int64_t manifest_number(const avro_value_t *record, const char *name, int64_t otherwise) {
    avro_value_t field, branch;
    int64_t wide;
    int32_t narrow;
    if (avro_value_get_by_name(record, name, &field, NULL) != 0) return otherwise;
    if (avro_value_get_type(&field) == AVRO_UNION) {
        if (avro_value_get_current_branch(&field, &branch) != 0) return otherwise;
        field = branch;
    }
    if (avro_value_get_type(&field) == AVRO_INT64) return avro_value_get_long(&field, &wide) == 0 ? wide : otherwise;
    if (avro_value_get_type(&field) == AVRO_INT32) return avro_value_get_int(&field, &narrow) == 0 ? narrow : otherwise;
    return otherwise;
}

/* Calls `each` for every record of an Avro file in memory. */
static lh_code manifest_records(lh_str bytes, lh_str name, manifest_record_fn each, void *ctx, lh_error *err) {
    union { const char *in; void *out; } memory = {.in = bytes.ptr}; /* only read */
    FILE *file = bytes.len ? fmemopen(memory.out, bytes.len, "rb") : NULL;
    if (!file) return lh_fail(err, LH_CORRUPT, "the manifest '%.*s' is empty", LH_STR_ARG(name));
    avro_file_reader_t reader = NULL;
    if (avro_file_reader_fp(file, "manifest", 0, &reader) != 0) {
        fclose(file);
        return lh_fail(err, LH_CORRUPT, "the manifest '%.*s' is no Avro file", LH_STR_ARG(name));
    }
    avro_schema_t schema = avro_file_reader_get_writer_schema(reader);
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    avro_value_t record;
    lh_code code = LH_OK;
    if (!iface || avro_generic_value_new(iface, &record) != 0) {
        code = lh_fail(err, LH_CORRUPT, "the manifest '%.*s' has an unknown Avro schema", LH_STR_ARG(name));
    } else {
        int status;
        while (code == LH_OK && (status = avro_file_reader_read_value(reader, &record)) == 0) {
            code = each(ctx, &record, err);
            avro_value_reset(&record);
        }
        if (code == LH_OK && status != EOF) code = lh_fail(err, LH_CORRUPT, "the manifest '%.*s' cannot be decoded", LH_STR_ARG(name));
        avro_value_decref(&record);
    }
    if (iface) avro_value_iface_decref(iface);
    avro_schema_decref(schema);
    avro_file_reader_close(reader);
    fclose(file);
    return code;
}

typedef struct manifest_state {
    lh_bucket *bucket;
    int64_t snapshot_id;
    manifest_scope scope;
    manifest_fn each;
    void *ctx;
} manifest_state;

static lh_code manifest_read_file(lh_bucket *bucket, lh_str location, manifest_record_fn each, void *ctx, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(2 * (size_t)MANIFEST_BYTES, &arena, err));
    lh_str key, bytes;
    LH_TRY(lh_bucket_key_of(bucket, location, arena, &key, err));
    LH_TRY(lh_bucket_get(bucket, key, MANIFEST_BYTES, arena, &bytes, NULL, err));
    return manifest_records(bytes, location, each, ctx, err);
}

static lh_code manifest_each_entry(void *ctx, const avro_value_t *record, lh_error *err) {
    const manifest_state *state = ctx;
    avro_value_t data_file;
    lh_str path;
    int64_t status = manifest_number(record, "status", -1);
    if (avro_value_get_by_name(record, "data_file", &data_file, NULL) != 0 || !manifest_string(&data_file, "file_path", &path))
        return lh_fail(err, LH_CORRUPT, "a manifest entry has no file path");
    bool wanted = state->scope == MANIFEST_ALL || status == 1;
    return wanted ? state->each(state->ctx, path, err) : LH_OK;
}

static lh_code manifest_each_manifest(void *ctx, const avro_value_t *record, lh_error *err) {
    manifest_state *state = ctx;
    lh_str path;
    if (!manifest_string(record, "manifest_path", &path)) return lh_fail(err, LH_CORRUPT, "a manifest list entry has no path");
    bool own = manifest_number(record, "added_snapshot_id", state->snapshot_id) == state->snapshot_id;
    if (state->scope == MANIFEST_ADDED && !own) return LH_OK;
    LH_TRY(manifest_read_file(state->bucket, path, manifest_each_entry, state, err));
    return state->each(state->ctx, path, err);
}

lh_code manifest_walk(lh_bucket *bucket, lh_str manifest_list, int64_t snapshot_id, manifest_scope scope, manifest_fn each, void *ctx, lh_error *err) {
    manifest_state state = {bucket, snapshot_id, scope, each, ctx};
    LH_TRY(manifest_read_file(bucket, manifest_list, manifest_each_manifest, &state, err));
    return each(ctx, manifest_list, err);
}

typedef struct manifest_sum {
    lh_bucket *bucket;
    manifest_totals totals;
} manifest_sum;

static lh_code manifest_sum_entry(void *ctx, const avro_value_t *record, lh_error *err) {
    manifest_sum *sum = ctx;
    avro_value_t data_file;
    if (manifest_number(record, "status", -1) == 2) return LH_OK; /* deleted */
    if (avro_value_get_by_name(record, "data_file", &data_file, NULL) != 0) return lh_fail(err, LH_CORRUPT, "a manifest entry has no data file");
    int64_t bytes = manifest_number(&data_file, "file_size_in_bytes", 0), rows = manifest_number(&data_file, "record_count", 0);
    int64_t content = manifest_number(&data_file, "content", 0); /* 0 data, 1 position deletes, 2 equality deletes; absent in format 1 */
    if (bytes < 0 || rows < 0) return lh_fail(err, LH_CORRUPT, "a manifest entry has a negative size");
    sum->totals.bytes += (uint64_t)bytes;
    if (content == 0) sum->totals.data_files++, sum->totals.records += (uint64_t)rows;
    if (content == 1) sum->totals.position_deletes += (uint64_t)rows;
    if (content == 2) sum->totals.equality_deletes += (uint64_t)rows;
    return LH_OK;
}

static lh_code manifest_sum_manifest(void *ctx, const avro_value_t *record, lh_error *err) {
    manifest_sum *sum = ctx;
    lh_str path;
    if (!manifest_string(record, "manifest_path", &path)) return lh_fail(err, LH_CORRUPT, "a manifest list entry has no path");
    return manifest_read_file(sum->bucket, path, manifest_sum_entry, sum, err);
}

lh_code manifest_count(lh_bucket *bucket, lh_str manifest_list, manifest_totals *ret, lh_error *err) {
    manifest_sum sum = {.bucket = bucket};
    LH_TRY(manifest_read_file(bucket, manifest_list, manifest_sum_manifest, &sum, err));
    *ret = sum.totals;
    return LH_OK;
}

typedef struct manifest_list_state { lh_arena *arena; manifest_list_entry *entries; size_t count, room; } manifest_list_state;

static lh_code manifest_list_add(void *ctx, const avro_value_t *record, lh_error *err) {
    manifest_list_state *list = ctx;
    manifest_list_entry entry;
    if (!manifest_string(record, "manifest_path", &entry.path)) return lh_fail(err, LH_CORRUPT, "a manifest list entry has no path");
    entry.path = lh_arena_dup(list->arena, entry.path);
    entry.length = manifest_number(record, "manifest_length", 0);
    entry.spec_id = manifest_number(record, "partition_spec_id", 0);
    entry.content = manifest_number(record, "content", 0);
    entry.sequence = manifest_number(record, "sequence_number", 0);
    entry.min_sequence = manifest_number(record, "min_sequence_number", 0);
    entry.snapshot_id = manifest_number(record, "added_snapshot_id", 0);
    static const char *const files[] = {"added_files_count", "existing_files_count", "deleted_files_count"};
    static const char *const rows[] = {"added_rows_count", "existing_rows_count", "deleted_rows_count"};
    for (int i = 0; i < 3; i++) entry.files[i] = manifest_number(record, files[i], 0), entry.rows[i] = manifest_number(record, rows[i], 0);
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        manifest_list_entry *grown = LH_ARENA_ARRAY(list->arena, manifest_list_entry, room);
        if (!grown) return lh_arena_check(list->arena, err);
        if (list->count) memcpy(grown, list->entries, list->count * sizeof *grown);
        list->entries = grown;
        list->room = room;
    }
    list->entries[list->count++] = entry;
    return lh_arena_check(list->arena, err);
}

lh_code manifest_list_read(lh_bucket *bucket, lh_str manifest_list, lh_arena *arena, manifest_list_entry **ret, size_t *ret_count, lh_error *err) {
    manifest_list_state list = {.arena = arena};
    LH_TRY(manifest_read_file(bucket, manifest_list, manifest_list_add, &list, err));
    *ret = list.entries;
    *ret_count = list.count;
    return LH_OK;
}

static lh_code manifest_sync_file(void *ctx, lh_str location, lh_error *err) {
    lh_catalog *catalog = ctx;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(64 << 10, &arena, err));
    lh_str key;
    LH_TRY(lh_bucket_key_of(catalog->bucket, location, arena, &key, err));
    return lh_bucket_sync(catalog->bucket, key, err);
}

/* A codec that libavro lacks: everything in the table's folder is synced instead. */
static lh_code manifest_sync_folder(lh_catalog *catalog, lh_str table_location, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(256 << 20, &arena, err));
    lh_str folder, after = LH_STR_NONE;
    LH_TRY(lh_bucket_key_of(catalog->bucket, table_location, arena, &folder, err));
    lh_object_page page = {.more = true};
    while (page.more) {
        LH_TRY(lh_bucket_list(catalog->bucket, lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder)), after, LH_LIMIT_LIST_PAGE, arena, &page, err));
        for (size_t i = 0; i < page.count; i++) LH_TRY(lh_bucket_sync(catalog->bucket, page.entries[i].key, err));
        if (page.count) after = page.entries[page.count - 1].key;
    }
    return LH_OK;
}

lh_code manifest_sync(lh_catalog *catalog, const lh_json *snapshot, lh_str table_location, lh_error *err) {
    lh_str list = lh_json_get_string(snapshot, "manifest-list");
    lh_error why = {0};
    if (list.len == 0) return manifest_sync_folder(catalog, table_location, err); /* format 1 with inline manifests */
    if (!lh_bucket_is_local(catalog->bucket)) return manifest_sync_file(catalog, list, err); /* S3 acknowledged the rest */
    lh_code code = manifest_walk(catalog->bucket, list, lh_json_int(lh_json_get(snapshot, "snapshot-id"), -1), MANIFEST_ADDED,
                                 manifest_sync_file, catalog, &why);
    if (code == LH_CORRUPT) return manifest_sync_folder(catalog, table_location, err);
    if (code == LH_NOT_FOUND || code == LH_DENIED) return lh_fail(err, LH_INVALID, "the snapshot names a file that is not in the lake: %s", why.message);
    if (code != LH_OK && err) *err = why;
    return code;
}
