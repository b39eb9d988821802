/* Avro files, of any bytes, read as a manifest list and as a manifest: every field that manifest.c asks for. */
#include "catalog/avro_internal.h"

/* A pair of a map by column, as column_statistics.c reads it. */
static lh_code fuzz_pair(void *ctx, avro_value pair, lh_error *err) {
    size_t *left = ctx;
    (void)err;
    (void)avro_int(avro_field(pair, "key"), 0);
    lh_str bound = avro_str(avro_field(pair, "value"));
    if (bound.len && (bound.ptr < pair.at || bound.ptr + bound.len > pair.end)) abort();
    if (*left == 0) return LH_CANCELLED;
    --*left;
    return LH_OK;
}

/* As a rewrite repeats entries: copied without a patch a record is what it was. */
static void fuzz_copy(avro_value record) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(16 << 20);
    const avro_patch patches[] = {{"status", 2, NULL}, {"sequence_number", INT64_MAX, NULL}};
    const lh_str whole = {record.at, (size_t)(record.end - record.at)};
    avro_copy(record, NULL, 0, &out);
    if (out.failed == LH_OK && (out.len != whole.len || (out.len && memcmp(out.ptr, whole.ptr, out.len) != 0))) abort();
    lh_buf_clear(&out);
    avro_copy(record, patches, 2, &out);
    lh_buf_clear(&out);
    avro_canonical(record, &out);
    lh_str raw = avro_raw(record, "data_file");
    if (raw.len && (raw.ptr < record.at || raw.ptr + raw.len > record.end)) abort();
}

static lh_code fuzz_record(void *ctx, avro_value record, lh_error *err) {
    static const char *const names[] = {"manifest_path", "added_snapshot_id", "sequence_number", "status", "data_file"};
    size_t *left = ctx;
    (void)err;
    if (*left == 0) return LH_CANCELLED;
    --*left;
    fuzz_copy(record);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        avro_value field = avro_field(record, names[i]), inner = avro_field(field, "file_path");
        lh_str text = avro_str(field), path = avro_str(inner);
        if (text.len && (text.ptr < record.at || text.ptr + text.len > record.end)) abort();
        if (path.len && (path.ptr < record.at || path.ptr + path.len > record.end)) abort();
        (void)avro_int(field, 0);
        LH_TRY(avro_each(avro_field(field, "null_value_counts"), fuzz_pair, left, NULL));
        LH_TRY(avro_each(avro_field(field, "lower_bounds"), fuzz_pair, left, NULL));
    }
    return LH_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    size_t left = 10000;
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    (void)avro_header((lh_str){(const char *)data, size}, "avro.schema");
    lh_code ignored = avro_read((lh_str){(const char *)data, size}, LH_STR("fuzz"), arena, fuzz_record, &left, NULL);
    (void)ignored;
    return 0;
}
