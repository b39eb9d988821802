/* Every method, and nowhere else: the path, the permission, how it moves, its request and its handler. */
#include "rpc/rpc_internal.h"

#include "lakehouse.pb-c.h"
#include <grpc/health/v1/health.pb-c.h>
#include <grpc/reflection/v1/reflection.pb-c.h>

#define CATALOG "/lakehouse.v1.CatalogService/"
#define HEALTH "/grpc.health.v1.Health/"
#define REFLECTION "/ServerReflectionInfo"

const rpc_method rpc_methods[] = {
    {CATALOG "ListDatasets", "ListDatasets", LH_PERMIT_READ, RPC_UNARY, false,
     &lakehouse__v1__list_datasets_request__descriptor, rpc_datasets_list, NULL, NULL},
    {CATALOG "GetDataset", "GetDataset", LH_PERMIT_READ, RPC_UNARY, false,
     &lakehouse__v1__get_dataset_request__descriptor, rpc_dataset_get, NULL, NULL},
    {CATALOG "RegisterDataset", "RegisterDataset", LH_PERMIT_WRITE, RPC_UNARY, false,
     &lakehouse__v1__register_dataset_request__descriptor, rpc_dataset_register, NULL, NULL},
    {CATALOG "WatchChanges", "WatchChanges", LH_PERMIT_READ, RPC_WATCH, false,
     &lakehouse__v1__watch_changes_request__descriptor, rpc_changes_watch, rpc_changes_next, rpc_changes_is_slow},
    {HEALTH "Check", "Health.Check", LH_PERMIT_PUBLIC, RPC_UNARY, true,
     &grpc__health__v1__health_check_request__descriptor, rpc_health_check, NULL, NULL},
    {HEALTH "Watch", "Health.Watch", LH_PERMIT_PUBLIC, RPC_WATCH, true,
     &grpc__health__v1__health_check_request__descriptor, rpc_health_watch, rpc_health_next, NULL},
    {"/grpc.reflection.v1.ServerReflection" REFLECTION, "Reflection.v1", LH_PERMIT_READ, RPC_DIALOG, true,
     &grpc__reflection__v1__server_reflection_request__descriptor, rpc_reflect, NULL, NULL},
    {"/grpc.reflection.v1alpha.ServerReflection" REFLECTION, "Reflection.v1alpha", LH_PERMIT_READ, RPC_DIALOG, true,
     &grpc__reflection__v1__server_reflection_request__descriptor, rpc_reflect, NULL, NULL},
};
const size_t rpc_method_count = sizeof rpc_methods / sizeof *rpc_methods;
_Static_assert(sizeof rpc_methods / sizeof *rpc_methods <= RPC_METHODS_MAX, "raise RPC_METHODS_MAX");

const rpc_method *rpc_method_find(lh_str path) {
    for (size_t i = 0; i < rpc_method_count; i++)
        if (lh_str_eq(path, lh_str_from(rpc_methods[i].path))) return &rpc_methods[i];
    return NULL;
}
