/* The first byte chooses a method; the rest is a request of it. What parses becomes JSON; what asks reflection is answered, in
 * a message that parses again. */
#include "rpc/rpc_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(const ProtobufCMessage *answer, lh_arena *arena) {
    ProtobufCMessage *again = NULL;
    size_t len = protobuf_c_message_get_packed_size(answer);
    uint8_t *bytes = lh_arena_alloc(arena, len);
    if (!bytes) return;
    assert(protobuf_c_message_pack(answer, bytes) == len);
    lh_code code = rpc_message_parse(answer->descriptor, (lh_str){(const char *)bytes, len}, arena, &again, NULL);
    assert(code == LH_OK || code == LH_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    ProtobufCMessage *request = NULL, *answer = NULL;
    lh_str text;
    if (size == 0 || lh_arena_new(16 << 20, &arena, NULL) != LH_OK) return 0;
    const rpc_method *method = &rpc_methods[data[0] % rpc_method_count];
    lh_str bytes = {(const char *)data + 1, size - 1};
    if (rpc_message_parse(method->request, bytes, arena, &request, NULL) != LH_OK) return 0;
    lh_code code = lh_json_write(arena, rpc_message_to_json(request, arena), false, &text, NULL);
    assert(code == LH_OK || code == LH_LIMIT);
    rpc_call call = {0};
    if (method->kind == RPC_DIALOG && rpc_reflect(&call, request, arena, &answer, NULL) == LH_OK)
        check_answer(answer, arena);
    return 0;
}
