/* Writes Avro object container files: "Obj" 1, map of metadata (avro.schema, avro.codec, the caller's), sync marker;
 * then a block: count, bytes, records, sync marker. Written by hand because field ids in the schema and pairs in the
 * metadata, which Iceberg requires, must reach the file as they are. */
#include "catalog/avro_internal.h"

void avro_write_long(lh_buf *out, int64_t value) {
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; zigzag >= 0x80; zigzag >>= 7) lh_buf_char(out, (char)(unsigned char)(zigzag | 0x80));
    lh_buf_char(out, (char)(unsigned char)zigzag);
}

void avro_write_string(lh_buf *out, lh_str value) {
    avro_write_long(out, (int64_t)value.len);
    lh_buf_append(out, value);
}

void avro_write_null(lh_buf *out) { avro_write_long(out, 0); }

void avro_write_some_long(lh_buf *out, int64_t value) {
    avro_write_long(out, 1);
    avro_write_long(out, value);
}

void avro_write_raw(lh_buf *out, lh_str bytes) {
    if (bytes.len) lh_buf_append(out, bytes);
}

static void avro_write_pair(lh_buf *out, lh_str name, lh_str value) {
    avro_write_string(out, name);
    avro_write_string(out, value);
}

void avro_write_file(lh_buf *out, lh_str schema, const avro_pair *metadata, size_t count, int64_t records,
                     lh_str block) {
    char marker[16];
    lh_random_bytes(marker, sizeof marker);
    const lh_str sync = {marker, sizeof marker};
    lh_buf_append(out, LH_STR("Obj\x01"));
    avro_write_long(out, (int64_t)count + 2);
    avro_write_pair(out, LH_STR("avro.schema"), schema);
    avro_write_pair(out, LH_STR("avro.codec"), LH_STR("null"));
    for (size_t i = 0; i < count; i++) avro_write_pair(out, lh_str_from(metadata[i].name), metadata[i].value);
    avro_write_long(out, 0);
    lh_buf_append(out, sync);
    if (records == 0) return;
    avro_write_long(out, records);
    avro_write_long(out, (int64_t)block.len);
    lh_buf_append(out, block);
    lh_buf_append(out, sync);
}
