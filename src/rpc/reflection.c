/* grpc.reflection.v1 and v1alpha: the descriptors of proto/, which the build embeds, by file name and by symbol. Each file
 * stands alone (none imports another), so an answer is always one file. */
#include "rpc/rpc_internal.h"

#include "descriptor_names.pb-c.h"
#include <grpc/reflection/v1/reflection.pb-c.h>

static const uint8_t reflection_bytes[] = {
#include "rpc_descriptors.h"
};

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

/* Is `symbol` the name `prefix`, or below it? Then *rest is what is left, without the dot between. */
static bool reflection_below(lh_str symbol, const char *prefix, lh_str *rest) {
    lh_str name = lh_str_from(prefix);
    if (!lh_str_starts(symbol, name) || (symbol.len > name.len && symbol.ptr[name.len] != '.')) return false;
    *rest = lh_str_sub(symbol, name.len + 1, SIZE_MAX);
    return true;
}

static bool reflection_named(Lh__Descriptor__Named *const *named, size_t count, lh_str symbol) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq(symbol, lh_str_from(named[i]->name))) return true;
    return false;
}

static bool reflection_in_message(const Lh__Descriptor__Message *message, lh_str symbol) {
    lh_str rest;
    if (!reflection_below(symbol, message->name, &rest)) return false;
    if (rest.len == 0 || reflection_named(message->field, message->n_field, rest) ||
        reflection_named(message->enum_type, message->n_enum_type, rest))
        return true;
    for (size_t i = 0; i < message->n_nested_type; i++)
        if (reflection_in_message(message->nested_type[i], rest)) return true;
    return false;
}

static bool reflection_in_file(const Lh__Descriptor__File *file, lh_str symbol) {
    lh_str inner, rest;
    if (!reflection_below(symbol, file->package, &inner)) return false;
    for (size_t i = 0; i < file->n_message_type; i++)
        if (reflection_in_message(file->message_type[i], inner)) return true;
    for (size_t i = 0; i < file->n_service; i++)
        if (reflection_below(inner, file->service[i]->name, &rest) &&
            (rest.len == 0 || reflection_named(file->service[i]->method, file->service[i]->n_method, rest)))
            return true;
    return reflection_named(file->enum_type, file->n_enum_type, inner);
}

/* Calls `each` for the files until it says true; *ret_bytes is then that file. */
typedef bool (*reflection_test)(const Lh__Descriptor__File *file, lh_str asked);
static lh_code reflection_find(reflection_test test, lh_str asked, lh_arena *arena, ProtobufCBinaryData *ret,
                               lh_error *err) {
    ProtobufCMessage *set = NULL, *file = NULL;
    LH_TRY(rpc_message_parse(&lh__descriptor__file_set__descriptor,
                             (lh_str){(const char *)reflection_bytes, sizeof reflection_bytes}, arena, &set, err));
    const Lh__Descriptor__FileSet *files = (const void *)set;
    for (size_t i = 0; i < files->n_file; i++) {
        lh_str bytes = {(const char *)files->file[i].data, files->file[i].len};
        LH_TRY(rpc_message_parse(&lh__descriptor__file__descriptor, bytes, arena, &file, err));
        if (test((const void *)file, asked)) return *ret = files->file[i], LH_OK;
    }
    return lh_fail(err, LH_NOT_FOUND, "'%.*s' is not known here", LH_STR_ARG(asked));
}

static bool reflection_is_file(const Lh__Descriptor__File *file, lh_str asked) {
    return lh_str_eq(asked, lh_str_from(file->name));
}

/* ---- answers ---- */

static lh_code reflection_answer_file(reflection_test test, const char *asked, lh_arena *arena,
                                      reflection_response *answer, lh_error *err) {
    Grpc__Reflection__V1__FileDescriptorResponse *file =
        LH_ARENA_NEW(arena, Grpc__Reflection__V1__FileDescriptorResponse);
    ProtobufCBinaryData *bytes = LH_ARENA_NEW(arena, ProtobufCBinaryData);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(reflection_find(test, lh_str_from(asked), arena, bytes, err));
    grpc__reflection__v1__file_descriptor_response__init(file);
    file->n_file_descriptor_proto = 1;
    file->file_descriptor_proto = bytes;
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    answer->file_descriptor_response = file;
    return LH_OK;
}

static lh_code reflection_answer_services(lh_arena *arena, reflection_response *answer, lh_error *err) {
    static char names[][48] = {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                               "grpc.reflection.v1alpha.ServerReflection", "lakehouse.v1.CatalogService"};
    enum { COUNT = sizeof names / sizeof *names };
    Grpc__Reflection__V1__ListServiceResponse *list = LH_ARENA_NEW(arena, Grpc__Reflection__V1__ListServiceResponse);
    Grpc__Reflection__V1__ServiceResponse *items = LH_ARENA_ARRAY(arena, Grpc__Reflection__V1__ServiceResponse, COUNT),
                                          **pointers =
                                              LH_ARENA_ARRAY(arena, Grpc__Reflection__V1__ServiceResponse *, COUNT);
    LH_TRY(lh_arena_check(arena, err));
    grpc__reflection__v1__list_service_response__init(list);
    for (size_t i = 0; i < COUNT; i++) {
        grpc__reflection__v1__service_response__init(pointers[i] = &items[i]);
        items[i].name = names[i];
    }
    list->n_service = COUNT;
    list->service = pointers;
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    answer->list_services_response = list;
    return LH_OK;
}

static lh_code reflection_answer(const reflection_request *request, lh_arena *arena, reflection_response *answer,
                                 lh_error *err) {
    switch ((int)request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        return reflection_answer_file(reflection_is_file, request->file_by_filename, arena, answer, err);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        return reflection_answer_file(reflection_in_file, request->file_containing_symbol, arena, answer, err);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        return reflection_answer_services(arena, answer, err);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        return lh_fail(err, LH_NOT_FOUND, "there are no extensions here");
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__NOT_SET:
    default: return lh_fail(err, LH_INVALID, "the request asks for nothing that is known here");
    }
}

/* What cannot be told is an answer too, not the end of the dialog. */
static lh_code reflection_answer_error(lh_code code, const lh_error *why, lh_arena *arena, reflection_response *answer,
                                       lh_error *err) {
    Grpc__Reflection__V1__ErrorResponse *error = LH_ARENA_NEW(arena, Grpc__Reflection__V1__ErrorResponse);
    char *message = lh_arena_alloc(arena, sizeof why->message);
    LH_TRY(lh_arena_check(arena, err));
    grpc__reflection__v1__error_response__init(error);
    memcpy(message, why->message, sizeof why->message);
    error->error_code = (int32_t)rpc_status_of(code);
    error->error_message = message;
    answer->message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    answer->error_response = error;
    return LH_OK;
}

lh_code rpc_reflect(rpc_call *call, const ProtobufCMessage *request, lh_arena *arena, ProtobufCMessage **ret,
                    lh_error *err) {
    lh_error why = {0};
    (void)call;
    union {
        const ProtobufCMessage *in;
        reflection_request *out;
    } asked = {.in = request};
    reflection_response *answer = LH_ARENA_NEW(arena, reflection_response);
    LH_TRY(lh_arena_check(arena, err));
    grpc__reflection__v1__server_reflection_response__init(answer);
    answer->valid_host = asked.out->host;
    answer->original_request = asked.out;
    lh_code code = reflection_answer(asked.out, arena, answer, &why);
    if (code != LH_OK) LH_TRY(reflection_answer_error(code, &why, arena, answer, err));
    *ret = &answer->base;
    return LH_OK;
}
