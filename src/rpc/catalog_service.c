/* lakehouse.v1.CatalogService, but for its stream (changes.c). */
#include "lakehouse.pb-c.h"
#include "rpc/rpc_internal.h"

enum { LIST_DEFAULT = 100 };

lh_code rpc_datasets_list(rpc_call *call, const ProtobufCMessage *request, lh_arena *arena, ProtobufCMessage **ret,
                          lh_error *err) {
    const Lakehouse__V1__ListDatasetsRequest *list = (const void *)request;
    lh_json *answer = NULL;
    if (list->limit > LH_LIMIT_LIST_PAGE)
        return lh_fail(err, LH_INVALID, "'limit' must be a number from 1 to %d, not %u", LH_LIMIT_LIST_PAGE,
                       list->limit);
    const lh_page page = {lh_str_from(list->page_token), list->limit ? list->limit : LIST_DEFAULT};
    LH_TRY(lh_dataset_list(call->rpc->catalog, lh_str_from(list->namespace_), lh_str_from(list->filter),
                           call->admin ? NULL : &lh_datasets_but_system, page, arena, &answer, err));
    return rpc_message_from_json(&lakehouse__v1__list_datasets_response__descriptor, answer, arena, ret, err);
}

lh_code rpc_dataset_get(rpc_call *call, const ProtobufCMessage *request, lh_arena *arena, ProtobufCMessage **ret,
                        lh_error *err) {
    const Lakehouse__V1__GetDatasetRequest *get = (const void *)request;
    lh_table_name name;
    lh_json *answer = NULL;
    LH_TRY(lh_table_name_parse(call->rpc->catalog, lh_str_from(get->name), arena, &name, err));
    if (!call->admin && lh_namespace_is_system(name.namespace_)) return lh_fail(err, LH_DENIED, LH_SYSTEM_DENIED);
    LH_TRY(lh_dataset_get(call->rpc->catalog, name, arena, &answer, err));
    return rpc_message_from_json(&lakehouse__v1__dataset__descriptor, answer, arena, ret, err);
}

lh_code rpc_dataset_register(rpc_call *call, const ProtobufCMessage *request, lh_arena *arena, ProtobufCMessage **ret,
                             lh_error *err) {
    lh_ingest *ingest = atomic_load(&call->rpc->ingest);
    lh_json *answer = NULL;
    if (!ingest) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_ingest_register(ingest, rpc_message_to_json(request, arena), call->admin, arena, &answer, err));
    return rpc_message_from_json(&lakehouse__v1__dataset__descriptor, answer, arena, ret, err);
}
