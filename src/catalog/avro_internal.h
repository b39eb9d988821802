/* Private to catalog: Avro object container files, as far as Iceberg's manifests need them (see avro_read.c). */
#ifndef LH_CATALOG_AVRO_INTERNAL_H
#define LH_CATALOG_AVRO_INTERNAL_H
#include "base/base.h"

/* ---- reading ---- */
typedef struct avro_type avro_type;
/* One encoded value; borrowed from the file's bytes. type NULL: absent or null. A union is already its branch. */
typedef struct avro_value {
    const avro_type *type;
    const char *at, *end;
} avro_value;
typedef lh_code (*avro_record_fn)(void *ctx, avro_value record, lh_error *err);

/* Calls `each` for every record of the file; a value and its strings live until `each` returns. name: for errors. arena
 * keeps the schema. Codecs: null and deflate. Errors: UNAVAILABLE (another codec), CORRUPT (no Avro file, broken, or
 * blocks of more than AVRO_BLOCK_BYTES), NO_MEMORY, LIMIT (arena), each's. */
enum { AVRO_BLOCK_BYTES = 256 << 20 };
LH_MUST_CHECK lh_code avro_read(lh_str bytes, lh_str name, lh_arena *arena, avro_record_fn each, void *ctx,
                                lh_error *err);
avro_value avro_field(avro_value record, const char *name);
int64_t avro_int(avro_value value, int64_t otherwise); /* of an int or a long */
lh_str avro_str(avro_value value);                     /* of a string or bytes; empty otherwise */
/* Calls `each` for each item of an array; nothing for what is none. Errors: each's. */
LH_MUST_CHECK lh_code avro_each(avro_value array, avro_record_fn each, void *ctx, lh_error *err);
/* A pair of a file's header ("avro.schema"); empty when it has none or is no Avro file. Borrowed from the bytes. */
lh_str avro_header(lh_str bytes, const char *name);
lh_str avro_raw(avro_value record, const char *name); /* a field as it is encoded, the branch of a union included */
/* The value as text that two schemas of the same field share: a null, numbers, bytes; of a record its fields in order. */
void avro_canonical(avro_value value, lh_buf *out);
/* Appends the record, some of its (maybe optional) int and long fields with other values. What it lacks is passed over. */
typedef struct avro_patch {
    const char *name;
    int64_t value;
    const lh_str *raw; /* of any field: encoded already, empty to leave it out; NULL: value */
} avro_patch;
void avro_copy(avro_value record, const avro_patch *patches, size_t count, lh_buf *out);

/* manifest.c: calls `each` for every live entry (data and delete files) of a snapshot's manifests. Errors: as manifest_walk. */
struct lh_bucket;
LH_MUST_CHECK lh_code manifest_each_live(struct lh_bucket *bucket, lh_str manifest_list, avro_record_fn each, void *ctx,
                                         lh_error *err);

/* ---- writing: a file of one uncompressed block ---- */
typedef struct avro_pair {
    const char *name;
    lh_str value;
} avro_pair;
void avro_write_long(lh_buf *out, int64_t value);
void avro_write_string(lh_buf *out, lh_str value);
void avro_write_null(lh_buf *out);                     /* of a union [null, …] */
void avro_write_some_long(lh_buf *out, int64_t value); /* of a union [null, long] */
void avro_write_raw(lh_buf *out, lh_str bytes);        /* encoded already */
/* Appends a whole file: schema as JSON text, metadata beside avro.schema and avro.codec, the encoded records. */
void avro_write_file(lh_buf *out, lh_str schema, const avro_pair *metadata, size_t count, int64_t records,
                     lh_str block);

#endif
