/* Messages from bytes and to and from JSON, by protobuf-c's descriptors: a field added to a .proto file needs no code here. */
#include "rpc/rpc_internal.h"

/* protobuf-c allocates what it parses from the arena; what it frees on the way is freed with that. */
static void *message_alloc(void *arena, size_t size) { return lh_arena_alloc(arena, size); }
static void message_free(void *arena, void *pointer) { (void)arena, (void)pointer; }

static lh_code message_check(ProtobufCMessage *message, lh_error *err);

static void *message_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    union {
        const void *in;
        char *out;
    } at = {.in = message};
    return at.out + field->offset;
}

static size_t *message_quantifier(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    union {
        const void *in;
        char *out;
        size_t *count;
    } at = {.in = message};
    at.out += field->quantifier_offset;
    return at.count;
}

static bool message_has(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) return true;
    return *(const uint32_t *)message_quantifier(message, field) == field->id;
}

static lh_code message_check_one(const ProtobufCFieldDescriptor *field, void *value, lh_error *err) {
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) return value ? message_check(value, err) : LH_OK;
    if (value && !lh_str_is_utf8(lh_str_from(value))) return lh_fail(err, LH_INVALID, "'%s' is not UTF-8", field->name);
    return LH_OK;
}

/* Every text in it is UTF-8, which protobuf-c does not look at. Fields that we do not know are dropped, so that none is echoed. */
static lh_code message_check(ProtobufCMessage *message, lh_error *err) {
    message->n_unknown_fields = 0;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if ((field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE) ||
            !message_has(message, field))
            continue;
        void **at = message_field(message, field);
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            LH_TRY(message_check_one(field, *at, err));
            continue;
        }
        void **items = *at;
        for (size_t j = 0; j < *message_quantifier(message, field); j++)
            LH_TRY(message_check_one(field, items[j], err));
    }
    return LH_OK;
}

lh_code rpc_message_parse(const ProtobufCMessageDescriptor *type, lh_str bytes, lh_arena *arena, ProtobufCMessage **ret,
                          lh_error *err) {
    ProtobufCAllocator allocator = {message_alloc, message_free, arena};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, &allocator, bytes.len, (const uint8_t *)(bytes.len ? bytes.ptr : ""));
    LH_TRY(lh_arena_check(arena, err));
    if (!message) return lh_fail(err, LH_INVALID, "the request is no %s message", type->name);
    LH_TRY(message_check(message, err));
    *ret = message;
    return LH_OK;
}

/* ---- JSON ---- */

static const char *message_text(const lh_json *value, lh_arena *arena) {
    lh_str text = lh_json_str(value, LH_STR_NONE);
    if (!lh_json_is_string(value) && lh_json_write(arena, value, false, &text, NULL) != LH_OK) return NULL;
    return lh_arena_cstr(arena, text);
}

static lh_code message_set(const ProtobufCFieldDescriptor *field, void *at, const lh_json *value, lh_arena *arena,
                           lh_error *err) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: *(const char **)at = message_text(value, arena); return lh_arena_check(arena, err);
    case PROTOBUF_C_TYPE_MESSAGE: return rpc_message_from_json(field->descriptor, value, arena, at, err);
    case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)at = lh_json_bool(value, false); return LH_OK;
    case PROTOBUF_C_TYPE_INT64: *(int64_t *)at = lh_json_int(value, 0); return LH_OK;
    case PROTOBUF_C_TYPE_UINT64: *(uint64_t *)at = lh_json_uint(value, 0); return LH_OK;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BYTES:
    default: return lh_fail(err, LH_INTERNAL, "no JSON is turned into the type of field '%s'", field->name);
    }
}

/* Lists of texts and of messages, which both are pointers. */
static lh_code message_set_list(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                                const lh_json *array, lh_arena *arena, lh_error *err) {
    void **items = LH_ARENA_ARRAY(arena, void *, lh_json_size(array) + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(array); lh_json_next(&it);)
        LH_TRY(message_set(field, &items[it.index], it.value, arena, err));
    *(void ***)message_field(message, field) = items;
    *message_quantifier(message, field) = lh_json_size(array);
    return LH_OK;
}

lh_code rpc_message_from_json(const ProtobufCMessageDescriptor *type, const lh_json *json, lh_arena *arena,
                              ProtobufCMessage **ret, lh_error *err) {
    ProtobufCMessage *message = lh_arena_calloc(arena, 1, type->sizeof_message);
    LH_TRY(lh_arena_check(arena, err));
    protobuf_c_message_init(type, message);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        const lh_json *value = lh_json_get(json, field->name);
        if (lh_json_is_null(value)) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            LH_TRY(message_set_list(message, field, value, arena, err));
            continue;
        }
        LH_TRY(message_set(field, message_field(message, field), value, arena, err));
        if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset)
            *(protobuf_c_boolean *)message_quantifier(message, field) = 1;
    }
    *ret = message;
    return LH_OK;
}

lh_json *rpc_message_to_json(const ProtobufCMessage *message, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_STRING || !message_has(message, field)) continue;
        char **at = message_field(message, field);
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            if (*at && **at) lh_json_set_string(arena, json, field->name, lh_str_from(*at));
            continue;
        }
        size_t count = *message_quantifier(message, field);
        char **items = *(char ***)(void *)at;
        lh_json *array = lh_json_new_array(arena);
        for (size_t j = 0; j < count; j++) lh_json_append(array, lh_json_new_string(arena, lh_str_from(items[j])));
        if (count) lh_json_set(arena, json, field->name, array);
    }
    return json;
}
