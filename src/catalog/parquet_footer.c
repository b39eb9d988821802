/* Distinct counts in the footer of a Parquet file, for which no engine is asked: the file's metadata is one struct of Thrift's
 * compact protocol, of which all but a few fields is passed over.
 *
 *   FileMetaData 2: schema [SchemaElement 5: children, 9: field id], 4: row groups [RowGroup 1: columns [ColumnChunk 3:
 *   ColumnMetaData 12: Statistics 4: distinct count]]; a column of a row group is a leaf of the schema, in its order
 *
 * Counts of several row groups do not add up, so only those of a file of one are told. Outside bytes: each read is checked
 * against the end, and after the first that does not fit nothing more is read. */
#include "catalog/dataset_internal.h"

enum { THRIFT_DEPTH = 16 };
enum {
    THRIFT_STOP,
    THRIFT_TRUE,
    THRIFT_FALSE,
    THRIFT_BYTE,
    THRIFT_I16,
    THRIFT_I32,
    THRIFT_I64,
    THRIFT_DOUBLE,
    THRIFT_BINARY,
    THRIFT_LIST,
    THRIFT_SET,
    THRIFT_MAP,
    THRIFT_STRUCT
};

typedef struct thrift {
    lh_str rest;
    bool bad;
} thrift;

static void thrift_fail(thrift *t) {
    t->bad = true;
    t->rest = LH_STR_NONE;
}

static unsigned thrift_byte(thrift *t) {
    if (t->rest.len == 0) return thrift_fail(t), 0;
    unsigned byte = (unsigned char)t->rest.ptr[0];
    t->rest = lh_str_sub(t->rest, 1, SIZE_MAX);
    return byte;
}

static uint64_t thrift_varint(thrift *t) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned byte = thrift_byte(t);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    return thrift_fail(t), 0;
}

static int64_t thrift_int(thrift *t) {
    uint64_t value = thrift_varint(t);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static void thrift_pass(thrift *t, uint64_t bytes) {
    if (bytes > t->rest.len) thrift_fail(t);
    else t->rest = lh_str_sub(t->rest, (size_t)bytes, SIZE_MAX);
}

/* The next field of a struct: its type, THRIFT_STOP at the end. *id: of the field before; 0 at the start. */
static unsigned thrift_field(thrift *t, int64_t *id) {
    unsigned head = thrift_byte(t), type = head & 0xf;
    if (type == THRIFT_STOP || t->bad) return THRIFT_STOP;
    *id = head >> 4 ? *id + (head >> 4) : thrift_int(t);
    if (*id < 0 || *id > INT16_MAX) return thrift_fail(t), THRIFT_STOP;
    return type;
}

/* Number of items, which take a byte each at least. */
static size_t thrift_list(thrift *t, unsigned *ret_type) {
    unsigned head = thrift_byte(t);
    uint64_t count = head >> 4 == 15 ? thrift_varint(t) : head >> 4;
    *ret_type = head & 0xf;
    if (count > t->rest.len) return thrift_fail(t), 0;
    return (size_t)count;
}

static void thrift_skip(thrift *t, unsigned type, unsigned depth);

static void thrift_skip_list(thrift *t, unsigned depth) {
    unsigned type;
    for (size_t left = thrift_list(t, &type); left && !t->bad; left--) {
        if (type == THRIFT_TRUE || type == THRIFT_FALSE) thrift_pass(t, 1);
        else thrift_skip(t, type, depth);
    }
}

static void thrift_skip(thrift *t, unsigned type, unsigned depth) {
    int64_t id = 0;
    if (depth == THRIFT_DEPTH) thrift_fail(t);
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE: break;
    case THRIFT_BYTE: thrift_pass(t, 1); break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64: (void)thrift_varint(t); break;
    case THRIFT_DOUBLE: thrift_pass(t, 8); break;
    case THRIFT_BINARY: thrift_pass(t, thrift_varint(t)); break;
    case THRIFT_LIST:
    case THRIFT_SET: thrift_skip_list(t, depth + 1); break;
    case THRIFT_STRUCT:
        for (unsigned inner; (inner = thrift_field(t, &id)) != THRIFT_STOP;) thrift_skip(t, inner, depth + 1);
        break;
    default: thrift_fail(t); /* a map: the footer has none */
    }
}

/* ---- the footer ---- */

typedef struct footer {
    thrift in;
    lh_arena *arena;
    parquet_distinct *leaves;
    size_t count, row_groups;
} footer;

static void footer_schema_element(footer *f) {
    parquet_distinct leaf = {.field_id = -1, .distinct = -1};
    int64_t id = 0, children = 0;
    for (unsigned type; (type = thrift_field(&f->in, &id)) != THRIFT_STOP;) {
        if (id == 5 && type == THRIFT_I32) children = thrift_int(&f->in);
        else if (id == 9 && type == THRIFT_I32) leaf.field_id = thrift_int(&f->in);
        else thrift_skip(&f->in, type, 0);
    }
    if (children == 0) f->leaves[f->count++] = leaf;
}

static void footer_schema(footer *f) {
    unsigned type;
    size_t left = thrift_list(&f->in, &type);
    f->leaves = type == THRIFT_STRUCT && !f->leaves ? LH_ARENA_ARRAY(f->arena, parquet_distinct, left + 1) : NULL;
    if (!f->leaves) thrift_fail(&f->in);
    for (; left && !f->in.bad; left--) footer_schema_element(f);
}

static void footer_statistics(footer *f, parquet_distinct *leaf) {
    int64_t id = 0;
    for (unsigned type; (type = thrift_field(&f->in, &id)) != THRIFT_STOP;) {
        if (id == 4 && type == THRIFT_I64) leaf->distinct = thrift_int(&f->in);
        else thrift_skip(&f->in, type, 0);
    }
}

/* ColumnChunk, and within it ColumnMetaData: the field of the one that holds the other. */
static void footer_column(footer *f, parquet_distinct *leaf, bool chunk) {
    int64_t id = 0;
    for (unsigned type; (type = thrift_field(&f->in, &id)) != THRIFT_STOP;) {
        if (chunk && id == 3 && type == THRIFT_STRUCT) footer_column(f, leaf, false);
        else if (!chunk && id == 12 && type == THRIFT_STRUCT) footer_statistics(f, leaf);
        else thrift_skip(&f->in, type, 0);
    }
}

static void footer_row_group(footer *f) {
    int64_t id = 0;
    for (unsigned type, item; (type = thrift_field(&f->in, &id)) != THRIFT_STOP;) {
        if (id != 1 || type != THRIFT_LIST) {
            thrift_skip(&f->in, type, 0);
            continue;
        }
        size_t count = thrift_list(&f->in, &item);
        if (item != THRIFT_STRUCT || count != f->count) thrift_fail(&f->in);
        for (size_t i = 0; i < count && !f->in.bad; i++) footer_column(f, &f->leaves[i], true);
    }
}

static void footer_row_groups(footer *f) {
    unsigned type;
    f->row_groups = thrift_list(&f->in, &type);
    if (f->row_groups == 1 && type == THRIFT_STRUCT) footer_row_group(f);
    else thrift_fail(&f->in);
}

size_t parquet_footer_distinct(lh_str bytes, lh_arena *arena, parquet_distinct **ret) {
    footer f = {.in = {.rest = bytes}, .arena = arena};
    int64_t id = 0;
    for (unsigned type; (type = thrift_field(&f.in, &id)) != THRIFT_STOP && f.row_groups == 0;) {
        if (id == 2 && type == THRIFT_LIST) footer_schema(&f);
        else if (id == 4 && type == THRIFT_LIST) footer_row_groups(&f);
        else thrift_skip(&f.in, type, 0);
    }
    if (f.in.bad || f.row_groups != 1) return 0;
    *ret = f.leaves;
    return f.count;
}

/* ---- the file ---- */

enum { FOOTER_GUESS = 64 << 10, FOOTER_BYTES = 4 << 20, FOOTER_TAIL = 8 /* its length, "PAR1" */ };

/* The last bytes of the file; empty when they cannot be read. */
static lh_str footer_read_tail(lh_bucket *bucket, lh_str key, uint64_t size, uint64_t bytes, lh_arena *arena) {
    LH_CLEANUP(lh_get_closep) lh_object_reader *reader = NULL;
    lh_byte_range range = {size - bytes, bytes};
    lh_object_info info;
    char *into = lh_arena_alloc(arena, (size_t)bytes);
    size_t have = 0, got = 1;
    if (!into || lh_bucket_get_open(bucket, key, range, &reader, &info, NULL) != LH_OK) return LH_STR_NONE;
    for (; have < bytes && got; have += got)
        if (lh_get_read(reader, into + have, (size_t)bytes - have, &got, NULL) != LH_OK) return LH_STR_NONE;
    return have == bytes ? (lh_str){into, have} : LH_STR_NONE;
}

/* Bytes of the footer, as the file's last 8 tell; 0: it is no Parquet file. */
static uint64_t footer_length(lh_str tail) {
    uint64_t length = 0;
    if (tail.len < FOOTER_TAIL || !lh_str_ends(tail, LH_STR("PAR1"))) return 0;
    for (size_t i = 0; i < 4; i++) length |= (uint64_t)(unsigned char)tail.ptr[tail.len - FOOTER_TAIL + i] << (8 * i);
    return length;
}

size_t parquet_file_distinct(lh_bucket *bucket, lh_str location, uint64_t size, lh_arena *arena,
                             parquet_distinct **ret) {
    lh_str key;
    if (size < FOOTER_TAIL || lh_bucket_key_of(bucket, location, arena, &key, NULL) != LH_OK) return 0;
    lh_str tail = footer_read_tail(bucket, key, size, size < FOOTER_GUESS ? size : FOOTER_GUESS, arena);
    uint64_t length = footer_length(tail);
    if (length == 0 || length > FOOTER_BYTES || length > size - FOOTER_TAIL) return 0;
    if (length > tail.len - FOOTER_TAIL) tail = footer_read_tail(bucket, key, size, length + FOOTER_TAIL, arena);
    if (tail.len < length + FOOTER_TAIL) return 0;
    return parquet_footer_distinct(lh_str_sub(tail, tail.len - FOOTER_TAIL - (size_t)length, (size_t)length), arena,
                                   ret);
}
