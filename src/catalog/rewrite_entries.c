/* The live entries of a snapshot, read whole: what a rewrite chooses from and repeats. An entry is kept as the bytes that its
 * writer made, under its manifest's schema, because statistics and partition values are repeated as they are. */
#include "catalog/rewrite_internal.h"

#include <stdlib.h>

enum { REWRITE_STATUS_DELETED = 2, REWRITE_MANIFEST_READ_BYTES = 256 << 20 };
/* file_path of position deletes (2147483546); DuckDB's extension writes its bounds under 2147483646 */
enum { REWRITE_PATH_ID = 2147483546, REWRITE_PATH_ID_OF_DUCKDB = 2147483646 };

typedef struct rewrite_reader {
    rewrite_state *state;
    size_t manifest;
} rewrite_reader;

typedef struct rewrite_bound {
    lh_str value;
} rewrite_bound;

static lh_code rewrite_take_bound(void *ctx, avro_value pair, lh_error *err) {
    rewrite_bound *bound = ctx;
    int64_t id = avro_int(avro_field(pair, "key"), -1);
    (void)err;
    if (id == REWRITE_PATH_ID || id == REWRITE_PATH_ID_OF_DUCKDB) bound->value = avro_str(avro_field(pair, "value"));
    return LH_OK;
}

lh_code rewrite_path_bounds(avro_value data_file, lh_str *ret_lower, lh_str *ret_upper, lh_error *err) {
    rewrite_bound lower = {0}, upper = {0};
    LH_TRY(avro_each(avro_field(data_file, "lower_bounds"), rewrite_take_bound, &lower, err));
    LH_TRY(avro_each(avro_field(data_file, "upper_bounds"), rewrite_take_bound, &upper, err));
    *ret_lower = lower.value;
    *ret_upper = upper.value;
    return LH_OK;
}

/* The data file that all of a position delete file's rows name, when it tells. */
lh_code rewrite_referenced(avro_value data_file, lh_str *ret, lh_error *err) {
    lh_str lower, upper;
    *ret = avro_str(avro_field(data_file, "referenced_data_file"));
    if (ret->len) return LH_OK;
    LH_TRY(rewrite_path_bounds(data_file, &lower, &upper, err));
    if (lower.len && lh_str_eq(lower, upper)) *ret = lower;
    return LH_OK;
}

static lh_code rewrite_push(rewrite_state *state, rewrite_entry entry, lh_error *err) {
    if (state->count == state->room) {
        size_t room = state->room ? state->room * 2 : 256;
        rewrite_entry *grown = LH_ARENA_ARRAY(state->arena, rewrite_entry, room);
        if (!grown) return lh_arena_check(state->arena, err);
        if (state->count) memcpy(grown, state->entries, state->count * sizeof *grown);
        state->entries = grown;
        state->room = room;
    }
    state->entries[state->count++] = entry;
    return LH_OK;
}

static bool rewrite_is_unpartitioned(const lh_json *metadata, int64_t spec_id) {
    const lh_json *spec = metadata_find(lh_json_get(metadata, "partition-specs"), "spec-id", spec_id);
    return lh_json_size(lh_json_get(spec, "fields")) == 0;
}

static lh_code rewrite_partition(rewrite_state *state, avro_value data_file, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 20);
    avro_canonical(avro_field(data_file, "partition"), &text);
    LH_TRY(lh_buf_check(&text, err));
    *ret = lh_arena_dup(state->arena, lh_buf_str(&text));
    return lh_arena_check(state->arena, err);
}

static lh_code rewrite_take_entry(void *ctx, avro_value record, lh_error *err) {
    rewrite_reader *reader = ctx;
    rewrite_state *state = reader->state;
    const manifest_list_entry *list = &state->manifests[reader->manifest];
    int64_t status = avro_int(avro_field(record, "status"), -1);
    if (status == REWRITE_STATUS_DELETED) return LH_OK;
    if (avro_raw(record, "sequence_number").len == 0)
        return lh_fail(
            err, LH_INVALID,
            "the table has manifests of format 1, which cannot be rewritten: rewrite them with another engine first");
    lh_str bytes = lh_arena_dup(state->arena, (lh_str){record.at, (size_t)(record.end - record.at)});
    LH_TRY(lh_arena_check(state->arena, err));
    rewrite_entry entry = {.record = {record.type, bytes.ptr, bytes.ptr + bytes.len}, .manifest = reader->manifest};
    avro_value data_file = avro_field(entry.record, "data_file");
    entry.spec_id = list->spec_id;
    entry.content = avro_int(avro_field(data_file, "content"), 0);
    entry.path = avro_str(avro_field(data_file, "file_path"));
    entry.rows = avro_int(avro_field(data_file, "record_count"), -1);
    entry.size_bytes = avro_int(avro_field(data_file, "file_size_in_bytes"), -1);
    entry.snapshot_id = avro_int(avro_field(entry.record, "snapshot_id"), list->snapshot_id);
    entry.sequence = avro_int(avro_field(entry.record, "sequence_number"), list->sequence);
    entry.file_sequence = avro_int(avro_field(entry.record, "file_sequence_number"), list->sequence);
    if (entry.path.len == 0 || entry.rows < 0 || entry.size_bytes < 0)
        return lh_fail(err, LH_CORRUPT, "a manifest entry has no path, size or row count");
    LH_TRY(rewrite_partition(state, data_file, &entry.partition, err));
    if (entry.content == REWRITE_CONTENT_POSITIONS) LH_TRY(rewrite_referenced(data_file, &entry.referenced, err));
    entry.everywhere =
        entry.content != REWRITE_CONTENT_DATA && rewrite_is_unpartitioned(state->metadata, entry.spec_id);
    return rewrite_push(state, entry, err);
}

static lh_code rewrite_read_manifest(rewrite_state *state, size_t manifest, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    lh_str path = state->manifests[manifest].path, key, bytes;
    LH_TRY(lh_arena_new((size_t)REWRITE_MANIFEST_READ_BYTES + (1 << 20), &scratch, err));
    LH_TRY(lh_bucket_key_of(state->catalog->bucket, path, scratch, &key, err));
    LH_TRY(lh_bucket_get(state->catalog->bucket, key, REWRITE_MANIFEST_READ_BYTES, scratch, &bytes, NULL, err));
    state->schemas[manifest] = lh_arena_dup(state->arena, avro_header(bytes, "avro.schema"));
    rewrite_reader reader = {state, manifest};
    return avro_read(bytes, path, state->arena, rewrite_take_entry, &reader, err);
}

static int rewrite_order(const void *a, const void *b) {
    const rewrite_entry *x = a, *y = b;
    if (x->spec_id != y->spec_id) return x->spec_id < y->spec_id ? -1 : 1;
    int order = lh_str_cmp(x->partition, y->partition);
    if (order) return order;
    if (x->content != y->content) return x->content < y->content ? -1 : 1;
    if (x->sequence != y->sequence) return x->sequence < y->sequence ? -1 : 1;
    return lh_str_cmp(x->path, y->path);
}

static size_t *rewrite_slot(const rewrite_state *state, lh_str path) {
    size_t at = (size_t)lh_hash_fast(path) & (state->slot_count - 1);
    while (state->slots[at] && !lh_str_eq(state->entries[state->slots[at] - 1].path, path))
        at = (at + 1) & (state->slot_count - 1);
    return &state->slots[at];
}

static lh_code rewrite_index(rewrite_state *state, lh_error *err) {
    for (state->slot_count = 64; state->slot_count < 2 * state->count;) state->slot_count *= 2;
    state->slots = LH_ARENA_ARRAY(state->arena, size_t, state->slot_count);
    if (!state->slots) return lh_arena_check(state->arena, err);
    for (size_t i = 0; i < state->count; i++)
        if (state->entries[i].content == REWRITE_CONTENT_DATA) *rewrite_slot(state, state->entries[i].path) = i + 1;
    return LH_OK;
}

rewrite_entry *rewrite_find(const rewrite_state *state, lh_str path) {
    size_t found = *rewrite_slot(state, path);
    return found ? &state->entries[found - 1] : NULL;
}

bool rewrite_same_partition(const rewrite_entry *a, const rewrite_entry *b) {
    return a->spec_id == b->spec_id && lh_str_eq(a->partition, b->partition);
}

lh_code rewrite_load(lh_catalog *catalog, lh_json *metadata, lh_arena *arena, rewrite_state *ret, lh_error *err) {
    rewrite_state state = {.catalog = catalog, .arena = arena, .metadata = metadata};
    state.snapshot = metadata_snapshot(metadata, metadata_current_snapshot_id(metadata));
    lh_str list = lh_json_get_string(state.snapshot, "manifest-list");
    if (list.len)
        LH_TRY(manifest_list_read(catalog->bucket, list, arena, &state.manifests, &state.manifest_count, err));
    else if (state.snapshot)
        return lh_fail(err, LH_INVALID, "the table's snapshot is of format 1: it cannot be rewritten");
    state.schemas = LH_ARENA_ARRAY(arena, lh_str, state.manifest_count + 1);
    if (!state.schemas) return lh_arena_check(arena, err);
    for (size_t i = 0; i < state.manifest_count; i++) LH_TRY(rewrite_read_manifest(&state, i, err));
    if (state.count) qsort(state.entries, state.count, sizeof *state.entries, rewrite_order);
    LH_TRY(rewrite_index(&state, err));
    *ret = state;
    return lh_arena_check(arena, err);
}

/* ---- manifests to be written ---- */

void rewrite_output_done(rewrite_output *output) {
    for (size_t i = 0; i < output->count; i++) lh_buf_done(&output->items[i].block);
}

lh_code rewrite_output_at(rewrite_output *output, lh_str schema, int64_t spec_id, int64_t content,
                          rewrite_manifest **ret, lh_error *err) {
    for (size_t i = output->count; i > 0; i--) { /* the newest of its kind is the open one */
        rewrite_manifest *item = &output->items[i - 1];
        if (item->spec_id != spec_id || item->content != content || !lh_str_eq(item->schema, schema)) continue;
        if (item->block.len > REWRITE_MANIFEST_BYTES) break;
        *ret = item;
        return LH_OK;
    }
    if (output->count == REWRITE_MANIFESTS_MAX)
        return lh_fail(err, LH_LIMIT, "a rewrite would write more than %d manifests", REWRITE_MANIFESTS_MAX);
    rewrite_manifest *item = &output->items[output->count++];
    *item = (rewrite_manifest){.schema = schema, .spec_id = spec_id, .content = content, .min_sequence = INT64_MAX};
    item->block = LH_BUF_INIT(REWRITE_AVRO_BYTES);
    *ret = item;
    return LH_OK;
}

lh_code rewrite_output_entry(rewrite_output *output, const rewrite_state *state, const rewrite_entry *entry, int status,
                             int64_t snapshot_id, lh_error *err) {
    rewrite_manifest *into = NULL;
    bool deleted = status == REWRITE_STATUS_DELETED;
    int64_t content = entry->content == REWRITE_CONTENT_DATA ? 0 : 1;
    bool restored = entry->restored.len > 0;
    lh_str schema = restored ? entry->restored_schema : state->schemas[entry->manifest];
    LH_TRY(rewrite_output_at(output, schema, entry->spec_id, content, &into, err));
    const avro_patch patches[] = {{.name = "status", .value = status},
                                  {.name = "snapshot_id", .value = deleted ? snapshot_id : entry->snapshot_id},
                                  {.name = "sequence_number", .value = entry->sequence},
                                  {.name = "file_sequence_number", .value = entry->file_sequence},
                                  {.name = "data_file", .raw = &entry->restored}};
    avro_copy(entry->record, patches, restored ? 5 : 4, &into->block);
    into->files[deleted ? 2 : 1]++;
    into->rows[deleted ? 2 : 1] += entry->rows;
    if (!deleted && entry->sequence < into->min_sequence) into->min_sequence = entry->sequence;
    return lh_buf_check(&into->block, err);
}

static lh_code rewrite_output_one(const rewrite_manifest *item, const rewrite_state *state, lh_str key,
                                  uint64_t *ret_length, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(REWRITE_AVRO_BYTES);
    const lh_json *spec = metadata_find(lh_json_get(state->metadata, "partition-specs"), "spec-id", item->spec_id);
    lh_str schema, fields = LH_STR("[]"), spec_id = lh_arena_printf(state->arena, "%" PRId64, item->spec_id);
    LH_TRY(lh_json_write(state->arena, metadata_current_schema(state->metadata), false, &schema, err));
    if (spec) LH_TRY(lh_json_write(state->arena, lh_json_get(spec, "fields"), false, &fields, err));
    const avro_pair metadata[] = {{"schema", schema},
                                  {"partition-spec", fields},
                                  {"partition-spec-id", spec_id},
                                  {"format-version", LH_STR("2")},
                                  {"content", item->content ? LH_STR("deletes") : LH_STR("data")}};
    int64_t records = item->files[0] + item->files[1] + item->files[2];
    avro_write_file(&file, item->schema, metadata, 5, records, lh_buf_str(&item->block));
    LH_TRY(lh_buf_check(&file, err));
    *ret_length = file.len;
    return lh_bucket_put(state->catalog->bucket, key, lh_buf_str(&file), (lh_put_condition){.if_absent = true}, NULL,
                         err);
}

lh_code rewrite_output_write(rewrite_output *output, const rewrite_state *state, lh_str prefix, int64_t snapshot_id,
                             int64_t sequence, lh_buf *list, int64_t *list_count, lh_error *err) {
    for (size_t i = 0; i < output->count; i++) {
        rewrite_manifest *item = &output->items[i];
        lh_str key = lh_arena_printf(state->arena, "%.*s-m%zu.avro", LH_STR_ARG(prefix), i);
        uint64_t length = 0;
        LH_TRY(lh_arena_check(state->arena, err));
        LH_TRY(rewrite_output_one(item, state, key, &length, err));
        manifest_list_entry entry = {.path = lh_bucket_location(state->catalog->bucket, key, state->arena),
                                     .length = (int64_t)length,
                                     .spec_id = item->spec_id,
                                     .content = item->content,
                                     .sequence = sequence,
                                     .min_sequence = item->min_sequence < sequence ? item->min_sequence : sequence,
                                     .snapshot_id = snapshot_id};
        memcpy(entry.files, item->files, sizeof entry.files);
        memcpy(entry.rows, item->rows, sizeof entry.rows);
        manifest_list_write_entry(list, &entry);
        ++*list_count;
    }
    return lh_buf_check(list, err);
}
