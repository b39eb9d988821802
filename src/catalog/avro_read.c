/* Reads Avro object container files (manifests and manifest lists, which strangers write):
 *
 *   "Obj" 1, map {avro.schema: JSON, avro.codec, …}, 16 bytes sync marker,
 *   then blocks: count, size, records (compressed by the codec), the sync marker again.
 *   Numbers are zigzag varints; a record is its fields one after another; a union is a branch's number and its value.
 *
 * The schema becomes a tree of avro_type (named types are referred to by name, so it may have cycles); a record is walked
 * once to find its end, so that it is known to be whole, and again for each field asked for. Nothing is built in memory.
 * Invariants: `at` never passes `end`; a file is walked in a number of steps that its size bounds; recursion is
 * bounded by AVRO_DEPTH. Own code and not a library: those at hand leak on broken files or lose field ids. */
#include "catalog/avro_internal.h"

#include <zlib.h>

enum { AVRO_DEPTH = 64, AVRO_NAMES_MAX = 1000, AVRO_STEPS = 100000, AVRO_STEPS_PER_BYTE = 16 };

typedef enum { /* in the order of avro_names */
               AVRO_NULL,
               AVRO_BOOLEAN,
               AVRO_INT,
               AVRO_LONG,
               AVRO_FLOAT,
               AVRO_DOUBLE,
               AVRO_BYTES,
               AVRO_STRING,
               AVRO_FIXED,
               AVRO_ENUM,
               AVRO_ARRAY,
               AVRO_MAP,
               AVRO_UNION,
               AVRO_RECORD,
} avro_kind;

struct avro_type {
    avro_kind kind;
    size_t count;         /* fields, branches; 1 for items and values */
    uint64_t size;        /* of a fixed */
    avro_type **children; /* arena */
    lh_str *names;        /* of a record's fields; arena */
};

/* ---- the schema ---- */

typedef struct avro_schema {
    lh_arena *arena;
    struct {
        lh_str name;
        avro_type *type;
    } named[AVRO_NAMES_MAX];
    size_t named_count;
} avro_schema;

static lh_code avro_parse_type(avro_schema *schema, const lh_json *json, int depth, avro_type **ret, lh_error *err);

static avro_type *avro_new_type(avro_schema *schema, avro_kind kind, size_t count) {
    avro_type *type = LH_ARENA_NEW(schema->arena, avro_type);
    avro_type **children = LH_ARENA_ARRAY(schema->arena, avro_type *, count ? count : 1);
    lh_str *names = LH_ARENA_ARRAY(schema->arena, lh_str, count ? count : 1);
    if (!type || !children || !names) return NULL;
    *type = (avro_type){.kind = kind, .count = count, .children = children, .names = names};
    return type;
}

static lh_str avro_last_name(lh_str name) { /* namespaces are not looked at: manifests have none */
    for (size_t dot; (dot = lh_str_find(name, '.')) < name.len;) name = lh_str_sub(name, dot + 1, SIZE_MAX);
    return name;
}

static lh_code avro_parse_name(avro_schema *schema, lh_str name, avro_type **ret, lh_error *err) {
    static const char *const primitives[] = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"};
    for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++)
        if (lh_str_eq(name, lh_str_from(primitives[i]))) {
            *ret = avro_new_type(schema, (avro_kind)i, 0);
            return lh_arena_check(schema->arena, err);
        }
    for (size_t i = 0; i < schema->named_count; i++)
        if (lh_str_eq(schema->named[i].name, avro_last_name(name))) return *ret = schema->named[i].type, LH_OK;
    return lh_fail(err, LH_CORRUPT, "unknown type in an Avro schema");
}

static lh_code avro_name_type(avro_schema *schema, const lh_json *json, avro_type *type, lh_error *err) {
    if (schema->named_count == AVRO_NAMES_MAX) return lh_fail(err, LH_CORRUPT, "an Avro schema has too many types");
    schema->named[schema->named_count].name = avro_last_name(lh_json_get_string(json, "name"));
    schema->named[schema->named_count++].type = type;
    return LH_OK;
}

static lh_code avro_parse_record(avro_schema *schema, const lh_json *json, int depth, avro_type **ret, lh_error *err) {
    const lh_json *fields = lh_json_get(json, "fields");
    if (!lh_json_is_array(fields)) return lh_fail(err, LH_CORRUPT, "a record in an Avro schema has no fields");
    avro_type *type = avro_new_type(schema, AVRO_RECORD, lh_json_size(fields));
    if (!type) return lh_arena_check(schema->arena, err);
    LH_TRY(avro_name_type(schema, json, type, err));
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        type->names[it.index] = lh_json_get_string(it.value, "name");
        LH_TRY(avro_parse_type(schema, lh_json_get(it.value, "type"), depth + 1, &type->children[it.index], err));
    }
    *ret = type;
    return LH_OK;
}

static lh_code avro_parse_object(avro_schema *schema, const lh_json *json, int depth, avro_type **ret, lh_error *err) {
    const lh_json *inner = lh_json_get(json, "type");
    lh_str kind = lh_json_str(inner, LH_STR_NONE);
    if (lh_str_eq(kind, LH_STR("record"))) return avro_parse_record(schema, json, depth, ret, err);
    bool map = lh_str_eq(kind, LH_STR("map")), array = lh_str_eq(kind, LH_STR("array"));
    bool fixed = lh_str_eq(kind, LH_STR("fixed")), enumeration = lh_str_eq(kind, LH_STR("enum"));
    if (!map && !array && !fixed && !enumeration) return avro_parse_type(schema, inner, depth + 1, ret, err);
    avro_type *type = avro_new_type(schema, map ? AVRO_MAP : array ? AVRO_ARRAY : fixed ? AVRO_FIXED : AVRO_ENUM, 1);
    if (!type) return lh_arena_check(schema->arena, err);
    if (fixed) type->size = lh_json_uint(lh_json_get(json, "size"), UINT64_MAX);
    if (fixed || enumeration) LH_TRY(avro_name_type(schema, json, type, err));
    if (map || array)
        LH_TRY(
            avro_parse_type(schema, lh_json_get(json, map ? "values" : "items"), depth + 1, &type->children[0], err));
    *ret = type;
    return LH_OK;
}

static lh_code avro_parse_type(avro_schema *schema, const lh_json *json, int depth, avro_type **ret, lh_error *err) {
    if (depth > AVRO_DEPTH) return lh_fail(err, LH_CORRUPT, "an Avro schema is nested too deep");
    if (lh_json_is_string(json)) return avro_parse_name(schema, lh_json_str(json, LH_STR_NONE), ret, err);
    if (lh_json_is_object(json)) return avro_parse_object(schema, json, depth, ret, err);
    if (!lh_json_is_array(json)) return lh_fail(err, LH_CORRUPT, "a type is missing in an Avro schema");
    avro_type *type = avro_new_type(schema, AVRO_UNION, lh_json_size(json));
    if (!type) return lh_arena_check(schema->arena, err);
    for (lh_json_iter it = lh_json_each(json); lh_json_next(&it);)
        LH_TRY(avro_parse_type(schema, it.value, depth + 1, &type->children[it.index], err));
    *ret = type;
    return LH_OK;
}

/* ---- values ---- */

/* Where a walk is. fuel: steps it may still take; values without bytes (null, empty records) would let a small schema ask
 * for endless ones. */
typedef struct avro_cursor {
    const char *at, *end;
    uint64_t fuel;
} avro_cursor;

static bool avro_get_long(avro_cursor *in, int64_t *ret) {
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        unsigned char byte = (unsigned char)*in->at++;
        bits |= (uint64_t)(byte & 0x7F) << shift;
        if (byte & 0x80) continue;
        *ret = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
        return true;
    }
    return false;
}

static bool avro_pass(avro_cursor *in, uint64_t size) {
    if (size > (uint64_t)(in->end - in->at)) return false;
    in->at += size;
    return true;
}

static bool avro_get_string(avro_cursor *in, lh_str *ret) {
    int64_t size;
    if (!avro_get_long(in, &size) || size < 0 || (uint64_t)size > (uint64_t)(in->end - in->at)) return false;
    *ret = (lh_str){in->at, (size_t)size};
    in->at += size;
    return true;
}

static bool avro_skip(const avro_type *type, avro_cursor *in, int depth);

/* Arrays and maps: blocks of (count, items), the last one empty; a negative count is followed by the block's size. */
static bool avro_skip_items(const avro_type *type, avro_cursor *in, int depth) {
    int64_t count, size;
    lh_str key;
    for (;;) {
        if (!avro_get_long(in, &count)) return false;
        if (count == 0) return true;
        if (count < 0) {
            if (!avro_get_long(in, &size) || size < 0 || !avro_pass(in, (uint64_t)size)) return false;
            continue;
        }
        for (; count > 0; count--) {
            if (type->kind == AVRO_MAP && !avro_get_string(in, &key)) return false;
            if (!avro_skip(type->children[0], in, depth + 1)) return false;
        }
    }
}

static bool avro_skip(const avro_type *type, avro_cursor *in, int depth) {
    int64_t number;
    lh_str text;
    if (depth > AVRO_DEPTH || in->fuel-- == 0) return false;
    switch (type->kind) {
    case AVRO_NULL: return true;
    case AVRO_BOOLEAN: return avro_pass(in, 1);
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM: return avro_get_long(in, &number);
    case AVRO_FLOAT: return avro_pass(in, 4);
    case AVRO_DOUBLE: return avro_pass(in, 8);
    case AVRO_BYTES:
    case AVRO_STRING: return avro_get_string(in, &text);
    case AVRO_FIXED: return avro_pass(in, type->size);
    case AVRO_ARRAY:
    case AVRO_MAP: return avro_skip_items(type, in, depth);
    case AVRO_UNION:
        if (!avro_get_long(in, &number) || number < 0 || (uint64_t)number >= type->count) return false;
        return avro_skip(type->children[number], in, depth + 1);
    case AVRO_RECORD:
        for (size_t i = 0; i < type->count; i++)
            if (!avro_skip(type->children[i], in, depth + 1)) return false;
        return true;
    }
    return false;
}

/* The value at the cursor; a union's branch in its stead. */
static avro_value avro_value_at(const avro_type *type, avro_cursor *in) {
    const avro_value absent = {0};
    int64_t branch;
    for (int depth = 0; type->kind == AVRO_UNION; depth++) {
        if (depth == AVRO_DEPTH || !avro_get_long(in, &branch) || branch < 0 || (uint64_t)branch >= type->count)
            return absent;
        type = type->children[branch];
    }
    return type->kind == AVRO_NULL ? absent : (avro_value){type, in->at, in->end};
}

avro_value avro_field(avro_value record, const char *name) {
    avro_cursor in = {record.at, record.end, UINT64_MAX}; /* walked before: it ends */
    if (!record.type || record.type->kind != AVRO_RECORD) return (avro_value){0};
    for (size_t i = 0; i < record.type->count; i++) {
        if (lh_str_eq(record.type->names[i], lh_str_from(name))) return avro_value_at(record.type->children[i], &in);
        if (!avro_skip(record.type->children[i], &in, 0)) break;
    }
    return (avro_value){0};
}

int64_t avro_int(avro_value value, int64_t otherwise) {
    int64_t number;
    if (!value.type || (value.type->kind != AVRO_INT && value.type->kind != AVRO_LONG)) return otherwise;
    return avro_get_long(&(avro_cursor){value.at, value.end, 0}, &number) ? number : otherwise;
}

lh_str avro_str(avro_value value) {
    lh_str text;
    if (!value.type || (value.type->kind != AVRO_STRING && value.type->kind != AVRO_BYTES)) return LH_STR_NONE;
    return avro_get_string(&(avro_cursor){value.at, value.end, 0}, &text) ? text : LH_STR_NONE;
}

lh_code avro_each(avro_value array, avro_record_fn each, void *ctx, lh_error *err) {
    /* a block with its size was passed over before, not walked */
    avro_cursor in = {array.at, array.end, AVRO_STEPS + AVRO_STEPS_PER_BYTE * (size_t)(array.end - array.at)};
    int64_t count, size;
    if (!array.type || array.type->kind != AVRO_ARRAY) return LH_OK;
    const avro_type *type = array.type->children[0];
    while (avro_get_long(&in, &count) && count != 0 && count != INT64_MIN) {
        if (count < 0 && !avro_get_long(&in, &size)) return LH_OK;
        for (count = count < 0 ? -count : count; count > 0; count--) {
            avro_cursor item = in;
            if (!avro_skip(type, &in, 0)) return LH_OK;
            LH_TRY(each(ctx, avro_value_at(type, &item), err));
        }
    }
    return LH_OK;
}

/* ---- values as they are encoded ---- */

lh_str avro_raw(avro_value record, const char *name) {
    avro_cursor in = {record.at, record.end, UINT64_MAX};
    if (!record.type || record.type->kind != AVRO_RECORD) return LH_STR_NONE;
    for (size_t i = 0; i < record.type->count; i++) {
        const char *from = in.at;
        if (!avro_skip(record.type->children[i], &in, 0)) break;
        if (lh_str_eq(record.type->names[i], lh_str_from(name))) return (lh_str){from, (size_t)(in.at - from)};
    }
    return LH_STR_NONE;
}

static void avro_canonical_record(avro_value record, lh_buf *out) {
    avro_cursor in = {record.at, record.end, UINT64_MAX};
    for (size_t i = 0; i < record.type->count; i++) {
        avro_cursor value = in;
        if (!avro_skip(record.type->children[i], &in, 0)) return;
        avro_canonical(avro_value_at(record.type->children[i], &value), out);
    }
}

void avro_canonical(avro_value value, lh_buf *out) {
    avro_cursor in = {value.at, value.end, UINT64_MAX};
    lh_str text = avro_str(value);
    if (!value.type) {
        lh_buf_char(out, 'n');
        return;
    }
    switch (value.type->kind) {
    case AVRO_INT:
    case AVRO_LONG: lh_buf_printf(out, "i%" PRId64 ";", avro_int(value, 0)); return;
    case AVRO_RECORD: avro_canonical_record(value, out); return;
    case AVRO_NULL:
    case AVRO_BOOLEAN:
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_FIXED:
    case AVRO_ENUM:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION:
        if (avro_skip(value.type, &in, 0)) text = (lh_str){value.at, (size_t)(in.at - value.at)};
        break;
    case AVRO_BYTES:
    case AVRO_STRING: break;
    }
    lh_buf_printf(out, "b%zu:", text.len);
    avro_write_raw(out, text);
}

/* An int or a long, or an optional one. */
static bool avro_write_number(const avro_type *type, int64_t value, lh_buf *out) {
    if (type->kind == AVRO_UNION) {
        for (size_t i = 0; i < type->count; i++) {
            avro_kind kind = type->children[i]->kind;
            if (kind != AVRO_INT && kind != AVRO_LONG) continue;
            avro_write_long(out, (int64_t)i);
            avro_write_long(out, value);
            return true;
        }
        return false;
    }
    if (type->kind != AVRO_INT && type->kind != AVRO_LONG) return false;
    avro_write_long(out, value);
    return true;
}

void avro_copy(avro_value record, const avro_patch *patches, size_t count, lh_buf *out) {
    avro_cursor in = {record.at, record.end, UINT64_MAX};
    if (!record.type || record.type->kind != AVRO_RECORD) return;
    for (size_t i = 0; i < record.type->count; i++) {
        const avro_type *type = record.type->children[i];
        const char *from = in.at;
        bool patched = false;
        if (!avro_skip(type, &in, 0)) return;
        for (size_t p = 0; p < count && !patched; p++) {
            if (!lh_str_eq(record.type->names[i], lh_str_from(patches[p].name))) continue;
            if (patches[p].raw) avro_write_raw(out, *patches[p].raw);
            patched = patches[p].raw || avro_write_number(type, patches[p].value, out);
        }
        if (!patched) avro_write_raw(out, (lh_str){from, (size_t)(in.at - from)});
    }
}

/* ---- the file ---- */

typedef struct avro_file {
    avro_cursor in; /* its fuel is for all records */
    lh_str name, sync;
    avro_type *type;
    bool deflate;
} avro_file;

static lh_code avro_broken(const avro_file *file, lh_error *err) {
    return lh_fail(err, LH_CORRUPT, "the manifest '%.*s' cannot be decoded", LH_STR_ARG(file->name));
}

lh_str avro_header(lh_str bytes, const char *name) {
    avro_cursor in = {bytes.ptr, bytes.ptr + bytes.len, 0};
    int64_t count, size;
    lh_str key, value;
    if (!lh_str_starts(bytes, LH_STR("Obj\x01"))) return LH_STR_NONE;
    for (in.at += 4; avro_get_long(&in, &count) && count != 0 && count != INT64_MIN;) {
        if (count < 0 && !avro_get_long(&in, &size)) return LH_STR_NONE;
        for (count = count < 0 ? -count : count; count > 0; count--) {
            if (!avro_get_string(&in, &key) || !avro_get_string(&in, &value)) return LH_STR_NONE;
            if (lh_str_eq(key, lh_str_from(name))) return value;
        }
    }
    return LH_STR_NONE;
}

/* The header's map; finds the schema's text and the codec. */
static lh_code avro_read_header(avro_file *file, lh_str *ret_schema, lh_str *ret_codec, lh_error *err) {
    avro_cursor *in = &file->in;
    int64_t count, size;
    lh_str key, value;
    if (!lh_str_starts((lh_str){in->at, (size_t)(in->end - in->at)}, LH_STR("Obj\x01")))
        return lh_fail(err, LH_CORRUPT, "the manifest '%.*s' is no Avro file", LH_STR_ARG(file->name));
    for (in->at += 4;;) {
        if (!avro_get_long(in, &count) || count == INT64_MIN) return avro_broken(file, err);
        if (count == 0) break;
        if (count < 0 && !avro_get_long(in, &size)) return avro_broken(file, err);
        for (count = count < 0 ? -count : count; count > 0; count--) {
            if (!avro_get_string(in, &key) || !avro_get_string(in, &value)) return avro_broken(file, err);
            if (lh_str_eq(key, LH_STR("avro.schema"))) *ret_schema = value;
            if (lh_str_eq(key, LH_STR("avro.codec"))) *ret_codec = value;
        }
    }
    file->sync = (lh_str){in->at, 16};
    return avro_pass(in, 16) ? LH_OK : avro_broken(file, err);
}

static lh_code avro_open(avro_file *file, lh_arena *arena, lh_error *err) {
    lh_str text = LH_STR_NONE, codec = LH_STR("null");
    lh_json *json = NULL;
    lh_error why = {0};
    LH_TRY(avro_read_header(file, &text, &codec, err));
    file->deflate = lh_str_eq(codec, LH_STR("deflate"));
    if (!file->deflate && codec.len && !lh_str_eq(codec, LH_STR("null")))
        return lh_fail(err, LH_UNAVAILABLE,
                       "the manifest '%.*s' is compressed by the codec '%.*s', which is not supported",
                       LH_STR_ARG(file->name), LH_STR_ARG(codec));
    avro_schema *schema = LH_ARENA_NEW(arena, avro_schema);
    if (!schema) return lh_arena_check(arena, err);
    schema->arena = arena;
    lh_code code = lh_json_parse(arena, text, &json, &why);
    if (code == LH_OK) code = avro_parse_type(schema, json, 0, &file->type, &why);
    if (code == LH_OK && file->type->kind != AVRO_RECORD) code = LH_CORRUPT;
    if (code == LH_NO_MEMORY) return lh_fail(err, code, "catalog: out of memory");
    if (code != LH_OK)
        return lh_fail(err, LH_CORRUPT, "the manifest '%.*s' has no valid schema", LH_STR_ARG(file->name));
    return LH_OK;
}

/* Raw deflate (RFC 1951) of one block. */
static lh_code avro_inflate(const avro_file *file, lh_str packed, lh_buf *out, lh_error *err) {
    z_stream stream = {0};
    union {
        const char *in;
        Bytef *out;
    } input = {.in = packed.ptr}; /* zlib only reads it */
    if (inflateInit2(&stream, -15) != Z_OK) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    stream.next_in = input.out;
    stream.avail_in = (uInt)packed.len;
    int status = Z_OK;
    while (status == Z_OK) {
        size_t step = 64 << 10;
        char *into = lh_buf_reserve(out, step);
        if (!into) break;
        union {
            char *in;
            Bytef *out;
        } output = {.in = into};
        stream.next_out = output.out;
        stream.avail_out = (uInt)step;
        status = inflate(&stream, Z_NO_FLUSH);
        out->len += step - stream.avail_out;
        if (status == Z_OK && stream.avail_in == 0 && stream.avail_out) break; /* cut short */
    }
    inflateEnd(&stream);
    return status == Z_STREAM_END ? LH_OK : avro_broken(file, err);
}

static lh_code avro_read_records(avro_file *file, lh_str block, int64_t count, avro_record_fn each, void *ctx,
                                 lh_error *err) {
    avro_cursor in = {block.ptr, block.ptr + block.len, file->in.fuel + AVRO_STEPS_PER_BYTE * block.len};
    for (; count > 0; count--) {
        avro_value record = {file->type, in.at, NULL};
        if (!avro_skip(file->type, &in, 0)) return avro_broken(file, err);
        record.end = in.at;
        LH_TRY(each(ctx, record, err));
    }
    file->in.fuel = in.fuel;
    return in.at == in.end ? LH_OK : avro_broken(file, err);
}

lh_code avro_read(lh_str bytes, lh_str name, lh_arena *arena, avro_record_fn each, void *ctx, lh_error *err) {
    if (bytes.len == 0) return lh_fail(err, LH_CORRUPT, "the manifest '%.*s' is empty", LH_STR_ARG(name));
    avro_file file = {.in = {bytes.ptr, bytes.ptr + bytes.len, AVRO_STEPS}, .name = name};
    LH_CLEANUP(lh_buf_done) lh_buf plain = LH_BUF_INIT(AVRO_BLOCK_BYTES);
    LH_TRY(avro_open(&file, arena, err));
    while (file.in.at < file.in.end) {
        int64_t count;
        lh_str block, sync = {NULL, 16};
        if (!avro_get_long(&file.in, &count) || count < 0 || !avro_get_string(&file.in, &block))
            return avro_broken(&file, err);
        sync.ptr = file.in.at;
        if (!avro_pass(&file.in, 16) || !lh_str_eq(sync, file.sync) || block.len > AVRO_BLOCK_BYTES)
            return avro_broken(&file, err);
        if (file.deflate) {
            lh_buf_clear(&plain);
            LH_TRY(avro_inflate(&file, block, &plain, err));
            block = plain.len ? lh_buf_str(&plain) : LH_STR("");
        }
        LH_TRY(avro_read_records(&file, block, count, each, ctx, err));
    }
    return LH_OK;
}
