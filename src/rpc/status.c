/* lh_code → gRPC status, in one table. A handler's own choice (call->status) comes first. */
#include "rpc/rpc_internal.h"

grpc_status_code rpc_status_of(lh_code code) {
    static const grpc_status_code statuses[LH_CODE_COUNT] = {
        [LH_OK] = GRPC_STATUS_OK,
        [LH_INVALID] = GRPC_STATUS_INVALID_ARGUMENT,
        [LH_NOT_FOUND] = GRPC_STATUS_NOT_FOUND,
        [LH_CONFLICT] = GRPC_STATUS_ALREADY_EXISTS,
        [LH_DENIED] = GRPC_STATUS_PERMISSION_DENIED,
        [LH_LIMIT] = GRPC_STATUS_RESOURCE_EXHAUSTED,
        [LH_NO_MEMORY] = GRPC_STATUS_RESOURCE_EXHAUSTED,
        [LH_IO] = GRPC_STATUS_INTERNAL,
        [LH_CORRUPT] = GRPC_STATUS_DATA_LOSS,
        [LH_UNAVAILABLE] = GRPC_STATUS_UNAVAILABLE,
        [LH_CANCELLED] = GRPC_STATUS_CANCELLED,
        [LH_INTERNAL] = GRPC_STATUS_INTERNAL,
    };
    return (unsigned)code < LH_CODE_COUNT ? statuses[code] : GRPC_STATUS_INTERNAL;
}

const char *rpc_status_name(grpc_status_code status) {
    static const char *const names[RPC_STATUSES] = {
        "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED",
    };
    return (unsigned)status < RPC_STATUSES ? names[status] : "UNKNOWN";
}
