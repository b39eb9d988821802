/* grpc.health.v1.Health: "" is the server, "lakehouse.v1.CatalogService" its service; both serve from when the engine is
 * there until the server stops. */
#include "rpc/rpc_internal.h"

#include <grpc/health/v1/health.pb-c.h>

static bool health_knows(lh_str service) {
    return service.len == 0 || lh_str_eq(service, LH_STR("lakehouse.v1.CatalogService"));
}

static int health_status(const lh_rpc *rpc) {
    return atomic_load(&rpc->ingest) && !atomic_load(&rpc->draining)
               ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
               : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
}

static lh_code health_answer(int status, lh_arena *arena, ProtobufCMessage **ret, lh_error *err) {
    Grpc__Health__V1__HealthCheckResponse *answer = LH_ARENA_NEW(arena, Grpc__Health__V1__HealthCheckResponse);
    LH_TRY(lh_arena_check(arena, err));
    grpc__health__v1__health_check_response__init(answer);
    answer->status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    *ret = &answer->base;
    return LH_OK;
}

lh_code rpc_health_check(rpc_call *call, const ProtobufCMessage *request, lh_arena *arena, ProtobufCMessage **ret,
                         lh_error *err) {
    const Grpc__Health__V1__HealthCheckRequest *check = (const void *)request;
    if (!health_knows(lh_str_from(check->service)))
        return lh_fail(err, LH_NOT_FOUND, "there is no service '%s'", check->service);
    return health_answer(health_status(call->rpc), arena, ret, err);
}

enum {
    HEALTH_NOTHING_TOLD = 0,
    HEALTH_STRANGE = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
};

lh_code rpc_health_watch(rpc_call *call, const ProtobufCMessage *request, lh_arena *arena, ProtobufCMessage **ret,
                         lh_error *err) {
    const Grpc__Health__V1__HealthCheckRequest *watch = (const void *)request;
    (void)arena, (void)ret, (void)err;
    call->after = health_knows(lh_str_from(watch->service)); /* our own set of services never changes */
    return LH_OK;
}

lh_code rpc_health_next(rpc_call *call, lh_arena *arena, ProtobufCMessage **ret, lh_error *err) {
    int status = call->after ? health_status(call->rpc) : HEALTH_STRANGE;
    if (status == call->told) return LH_OK;
    call->told = status;
    return health_answer(status, arena, ret, err);
}
