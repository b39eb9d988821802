/* Manifest lists and manifests (Avro): the files that a snapshot added, which must be durable before the commit that names
 * them; the files that a purge deletes; what a snapshot's files add up to.
 * Both are outside bytes: sizes are capped, and what cannot be decoded is CORRUPT.
 *
 * Manifest list record: manifest_path, added_snapshot_id, sequence_number, …   Manifest record: status (0 existing, 1
 * added, 2 deleted), data_file {file_path, content, record_count, …} (Iceberg spec, "Manifests"). */
#include "catalog/avro_internal.h"
#include "catalog/catalog_internal.h"

#include <stdio.h>

enum { MANIFEST_BYTES = 256 << 20, MANIFEST_STATUS_ADDED = 1, MANIFEST_STATUS_DELETED = 2 };

static lh_code manifest_read_file(lh_bucket *bucket, lh_str location, avro_record_fn each, void *ctx, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(2 * (size_t)MANIFEST_BYTES, &arena, err));
    lh_str key, bytes;
    LH_TRY(lh_bucket_key_of(bucket, location, arena, &key, err));
    LH_TRY(lh_bucket_get(bucket, key, MANIFEST_BYTES, arena, &bytes, NULL, err));
    return avro_read(bytes, location, arena, each, ctx, err);
}

static lh_code manifest_path_of(avro_value record, lh_str *ret, lh_error *err) {
    lh_str path = avro_str(avro_field(record, "manifest_path"));
    if (path.len == 0) return lh_fail(err, LH_CORRUPT, "a manifest list entry has no path");
    *ret = path;
    return LH_OK;
}

/* ---- walking ---- */

typedef struct manifest_state {
    lh_bucket *bucket;
    int64_t snapshot_id, sequence; /* sequence 0: format 1, which has none */
    manifest_scope scope;
    manifest_fn each;
    void *ctx;
} manifest_state;

static lh_code manifest_each_entry(void *ctx, avro_value record, lh_error *err) {
    const manifest_state *state = ctx;
    int64_t status = avro_int(avro_field(record, "status"), -1);
    lh_str path = avro_str(avro_field(avro_field(record, "data_file"), "file_path"));
    if (path.len == 0) return lh_fail(err, LH_CORRUPT, "a manifest entry has no file path");
    bool wanted = state->scope == MANIFEST_ALL || status == MANIFEST_STATUS_ADDED ||
                  (state->scope == MANIFEST_LIVE && status != MANIFEST_STATUS_DELETED);
    int64_t size = avro_int(avro_field(avro_field(record, "data_file"), "file_size_in_bytes"), -1);
    return wanted ? state->each(state->ctx, (manifest_file){path, size}, err) : LH_OK;
}

static lh_code manifest_each_manifest(void *ctx, avro_value record, lh_error *err) {
    manifest_state *state = ctx;
    lh_str path;
    LH_TRY(manifest_path_of(record, &path, err));
    int64_t sequence = avro_int(avro_field(record, "sequence_number"), 0);
    bool own = avro_int(avro_field(record, "added_snapshot_id"), state->snapshot_id) == state->snapshot_id ||
               (state->sequence > 0 && sequence >= state->sequence);
    if (state->scope == MANIFEST_ADDED && !own) return LH_OK;
    LH_TRY(manifest_read_file(state->bucket, path, manifest_each_entry, state, err));
    return state->each(state->ctx, (manifest_file){path, avro_int(avro_field(record, "manifest_length"), -1)}, err);
}

/* Format 1 may name its manifests in the snapshot itself. */
static lh_code manifest_walk_inline(manifest_state *state, const lh_json *manifests, lh_error *err) {
    for (lh_json_iter it = lh_json_each(manifests); lh_json_next(&it);) {
        lh_str path = lh_json_str(it.value, LH_STR_NONE);
        LH_TRY(manifest_read_file(state->bucket, path, manifest_each_entry, state, err));
        LH_TRY(state->each(state->ctx, (manifest_file){path, -1}, err));
    }
    return LH_OK;
}

lh_code manifest_walk(lh_bucket *bucket, const lh_json *snapshot, manifest_scope scope, manifest_fn each, void *ctx,
                      lh_error *err) {
    lh_str list = lh_json_get_string(snapshot, "manifest-list");
    manifest_state state = {.bucket = bucket, .scope = scope, .each = each, .ctx = ctx};
    state.snapshot_id = lh_json_int(lh_json_get(snapshot, "snapshot-id"), -1);
    state.sequence = lh_json_int(lh_json_get(snapshot, "sequence-number"), 0);
    if (list.len == 0) return manifest_walk_inline(&state, lh_json_get(snapshot, "manifests"), err);
    LH_TRY(manifest_read_file(bucket, list, manifest_each_manifest, &state, err));
    return each(ctx, (manifest_file){list, -1}, err);
}

/* ---- counting ---- */

typedef struct manifest_sum {
    lh_bucket *bucket;
    manifest_totals totals;
} manifest_sum;

static lh_code manifest_sum_entry(void *ctx, avro_value record, lh_error *err) {
    manifest_sum *sum = ctx;
    avro_value data_file = avro_field(record, "data_file");
    if (avro_int(avro_field(record, "status"), -1) == MANIFEST_STATUS_DELETED) return LH_OK;
    int64_t bytes = avro_int(avro_field(data_file, "file_size_in_bytes"), -1);
    int64_t rows = avro_int(avro_field(data_file, "record_count"), -1);
    if (bytes < 0 || rows < 0) return lh_fail(err, LH_CORRUPT, "a manifest entry has no size or no row count");
    sum->totals.bytes += (uint64_t)bytes;
    switch (avro_int(avro_field(data_file, "content"), 0)) { /* absent in format 1 */
    case 0:
        sum->totals.data_files++;
        sum->totals.records += (uint64_t)rows;
        break;
    case 1: sum->totals.position_deletes += (uint64_t)rows; break;
    case 2: sum->totals.equality_deletes += (uint64_t)rows; break;
    default: return lh_fail(err, LH_CORRUPT, "a manifest entry has an unknown content");
    }
    return LH_OK;
}

static lh_code manifest_sum_manifest(void *ctx, avro_value record, lh_error *err) {
    manifest_sum *sum = ctx;
    lh_str path;
    LH_TRY(manifest_path_of(record, &path, err));
    return manifest_read_file(sum->bucket, path, manifest_sum_entry, sum, err);
}

lh_code manifest_count(lh_bucket *bucket, lh_str manifest_list, manifest_totals *ret, lh_error *err) {
    manifest_sum sum = {.bucket = bucket};
    LH_TRY(manifest_read_file(bucket, manifest_list, manifest_sum_manifest, &sum, err));
    *ret = sum.totals;
    return LH_OK;
}

typedef struct manifest_live {
    lh_bucket *bucket;
    avro_record_fn each;
    void *ctx;
} manifest_live;

static lh_code manifest_live_entry(void *ctx, avro_value record, lh_error *err) {
    const manifest_live *live = ctx;
    bool gone = avro_int(avro_field(record, "status"), -1) == MANIFEST_STATUS_DELETED;
    return gone ? LH_OK : live->each(live->ctx, record, err);
}

static lh_code manifest_live_manifest(void *ctx, avro_value record, lh_error *err) {
    manifest_live *live = ctx;
    lh_str path;
    LH_TRY(manifest_path_of(record, &path, err));
    return manifest_read_file(live->bucket, path, manifest_live_entry, live, err);
}

lh_code manifest_each_live(lh_bucket *bucket, lh_str manifest_list, avro_record_fn each, void *ctx, lh_error *err) {
    manifest_live live = {bucket, each, ctx};
    return manifest_read_file(bucket, manifest_list, manifest_live_manifest, &live, err);
}

/* ---- a list's entries ---- */

typedef struct manifest_list_state {
    lh_arena *arena;
    manifest_list_entry *entries;
    size_t count, room;
} manifest_list_state;

static lh_code manifest_list_add(void *ctx, avro_value record, lh_error *err) {
    static const char *const files[] = {"added_files_count", "existing_files_count", "deleted_files_count"};
    static const char *const rows[] = {"added_rows_count", "existing_rows_count", "deleted_rows_count"};
    manifest_list_state *list = ctx;
    manifest_list_entry entry = {0};
    LH_TRY(manifest_path_of(record, &entry.path, err));
    entry.path = lh_arena_dup(list->arena, entry.path);
    entry.length = avro_int(avro_field(record, "manifest_length"), 0);
    entry.spec_id = avro_int(avro_field(record, "partition_spec_id"), 0);
    entry.content = avro_int(avro_field(record, "content"), 0);
    entry.sequence = avro_int(avro_field(record, "sequence_number"), 0);
    entry.min_sequence = avro_int(avro_field(record, "min_sequence_number"), 0);
    entry.snapshot_id = avro_int(avro_field(record, "added_snapshot_id"), 0);
    for (int i = 0; i < 3; i++) {
        entry.files[i] = avro_int(avro_field(record, files[i]), 0);
        entry.rows[i] = avro_int(avro_field(record, rows[i]), 0);
    }
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

lh_code manifest_list_read(lh_bucket *bucket, lh_str manifest_list, lh_arena *arena, manifest_list_entry **ret,
                           size_t *ret_count, lh_error *err) {
    manifest_list_state list = {.arena = arena};
    LH_TRY(manifest_read_file(bucket, manifest_list, manifest_list_add, &list, err));
    *ret = list.entries;
    *ret_count = list.count;
    return LH_OK;
}

/* ---- writing a list ---- */

static const char manifest_list_schema[] = "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":["
                                           "{\"name\":\"manifest_path\",\"type\":\"string\",\"field-id\":500},"
                                           "{\"name\":\"manifest_length\",\"type\":\"long\",\"field-id\":501},"
                                           "{\"name\":\"partition_spec_id\",\"type\":\"int\",\"field-id\":502},"
                                           "{\"name\":\"content\",\"type\":\"int\",\"field-id\":517},"
                                           "{\"name\":\"sequence_number\",\"type\":\"long\",\"field-id\":515},"
                                           "{\"name\":\"min_sequence_number\",\"type\":\"long\",\"field-id\":516},"
                                           "{\"name\":\"added_snapshot_id\",\"type\":\"long\",\"field-id\":503},"
                                           "{\"name\":\"added_files_count\",\"type\":\"int\",\"field-id\":504},"
                                           "{\"name\":\"existing_files_count\",\"type\":\"int\",\"field-id\":505},"
                                           "{\"name\":\"deleted_files_count\",\"type\":\"int\",\"field-id\":506},"
                                           "{\"name\":\"added_rows_count\",\"type\":\"long\",\"field-id\":512},"
                                           "{\"name\":\"existing_rows_count\",\"type\":\"long\",\"field-id\":513},"
                                           "{\"name\":\"deleted_rows_count\",\"type\":\"long\",\"field-id\":514}]}";

void manifest_list_write_entry(lh_buf *block, const manifest_list_entry *entry) {
    avro_write_string(block, entry->path);
    const int64_t numbers[] = {entry->length,   entry->spec_id,      entry->content,
                               entry->sequence, entry->min_sequence, entry->snapshot_id};
    for (size_t i = 0; i < 6; i++) avro_write_long(block, numbers[i]);
    for (size_t i = 0; i < 3; i++) avro_write_long(block, entry->files[i]);
    for (size_t i = 0; i < 3; i++) avro_write_long(block, entry->rows[i]);
}

void manifest_list_write(lh_buf *file, int64_t snapshot_id, int64_t sequence, int64_t count, lh_str block) {
    char numbers[2][32];
    snprintf(numbers[0], sizeof numbers[0], "%" PRId64, snapshot_id);
    snprintf(numbers[1], sizeof numbers[1], "%" PRId64, sequence);
    const avro_pair metadata[] = {{"snapshot-id", lh_str_from(numbers[0])},
                                  {"format-version", LH_STR("2")},
                                  {"sequence-number", lh_str_from(numbers[1])}};
    avro_write_file(file, lh_str_from(manifest_list_schema), metadata, 3, count, block);
}

/* ---- syncing ---- */

/* A file outside of the lake is its owner's to keep: a client may commit one, our engine does not read it. */
static lh_code manifest_sync_file(void *ctx, manifest_file file, lh_error *err) {
    lh_catalog *catalog = ctx;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(64 << 10, &arena, err));
    lh_str key;
    lh_code code = lh_bucket_key_of(catalog->bucket, file.location, arena, &key, err);
    if (code == LH_DENIED || code == LH_INVALID) return LH_OK;
    return code == LH_OK ? lh_bucket_sync(catalog->bucket, key, err) : code;
}

/* Manifests of a codec that avro_read.c lacks: everything in the table's folder is synced instead. */
static lh_code manifest_sync_folder(lh_catalog *catalog, lh_str table_location, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(256 << 20, &arena, err));
    lh_str folder, after = LH_STR_NONE;
    LH_TRY(lh_bucket_key_of(catalog->bucket, table_location, arena, &folder, err));
    folder = lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder));
    lh_object_page page = {.more = true};
    while (page.more) {
        LH_TRY(lh_bucket_list(catalog->bucket, folder, after, LH_LIMIT_LIST_PAGE, arena, &page, err));
        for (size_t i = 0; i < page.count; i++) LH_TRY(lh_bucket_sync(catalog->bucket, page.entries[i].key, err));
        if (page.count) after = page.entries[page.count - 1].key;
    }
    return LH_OK;
}

static lh_code manifest_is_local(lh_catalog *catalog, lh_str location, bool *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(64 << 10, &arena, err));
    lh_str key;
    lh_code code = lh_bucket_key_of(catalog->bucket, location, arena, &key, err);
    if (code == LH_DENIED) return lh_fail(err, LH_INVALID, "the snapshot names a file that is not in the lake");
    if (code == LH_OK) *ret = lh_bucket_is_local(catalog->bucket, key);
    return code;
}

lh_code manifest_sync(lh_catalog *catalog, const lh_json *snapshot, manifest_scope scope, lh_str table_location,
                      lh_error *err) {
    lh_str list = lh_json_get_string(snapshot, "manifest-list");
    lh_error why = {0};
    lh_code code;
    bool local = false;
    LH_TRY(manifest_is_local(catalog, list.len ? list : table_location, &local, err));
    if (local) code = manifest_walk(catalog->bucket, snapshot, scope, manifest_sync_file, catalog, &why);
    else
        code = list.len ? manifest_sync_file(catalog, (manifest_file){list, -1}, &why)
                        : LH_OK; /* S3 acknowledged each object itself */
    if (code == LH_UNAVAILABLE && local) return manifest_sync_folder(catalog, table_location, err);
    if (code == LH_NOT_FOUND || code == LH_DENIED)
        return lh_fail(err, LH_INVALID, "the snapshot names a file that is not in the lake: %s", why.message);
    if (code == LH_CORRUPT || code == LH_INVALID)
        return lh_fail(err, LH_INVALID, "the snapshot is broken: %s", why.message);
    if (code != LH_OK && err) *err = why;
    return code;
}
