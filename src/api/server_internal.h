/* Private to api: the server's pieces. See server.c for how a request moves. */
#ifndef LH_API_SERVER_INTERNAL_H
#define LH_API_SERVER_INTERNAL_H
#include "api/api_internal.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- routes (router.c) ---- */
enum {
#define LH_ROUTE(method, path, permission, lane, handler, summary, request, response, body_max) API_ROUTE_##handler,
#include "api/routes.def"
#undef LH_ROUTE
    API_ROUTE_COUNT
};
enum { API_BODY_STREAM = -1, API_PARAMS_MAX = 4 };
typedef struct api_route {
    const char *method, *path, *name, *summary, *request, *response;
    lh_permission permission;
    lh_lane lane;
    lh_handler handler;
    int64_t body_max; /* bytes; 0: no body; API_BODY_STREAM: the setting */
} api_route;
extern const api_route api_routes[API_ROUTE_COUNT];
bool api_takes_idempotency_key(const api_route *route); /* idempotency.c */
/* Refuses a member of another type than the route's schema says, by name (body.c). Errors: INVALID. */
LH_MUST_CHECK lh_code api_body_check_types(const api_route *route, const lh_json *body, lh_error *err);

typedef struct api_param {
    const char *name;
    size_t name_len;
    lh_str value;
} api_param; /* name within route.path */
typedef struct api_match {
    const api_route *route;
    api_param params[API_PARAMS_MAX];
    size_t param_count;
    char allow[64]; /* with LH_DENIED (405): the methods that the path has */
} api_match;
/* Finds the route of a raw (percent-encoded) path. Errors: NOT_FOUND, DENIED (405, ret->allow filled), INVALID (bad escape). */
LH_MUST_CHECK lh_code api_router_find(lh_str method, lh_str raw_path, lh_arena *arena, api_match *ret, lh_error *err);

/* ---- errors (errors.c) ---- */
unsigned api_status_of(lh_code code, const lh_error *err);
/* In whose words an error is told: ours, Iceberg's under /iceberg/, OpenAI's under /v1/. */
typedef enum { API_ERRORS_OURS, API_ERRORS_ICEBERG, API_ERRORS_OPENAI } api_errors;
#define API_REQUEST_ID "X-Request-Id" /* OpenAI's name of a trace's id */
api_errors api_errors_of(const char *path);
/* Arena. */
lh_str api_error_body(lh_arena *arena, api_errors errors, unsigned status, lh_code code, const lh_error *err);

/* ---- authentication (auth.c) ---- */
typedef struct api_identity {
    bool known, engine;
    uint32_t retry_after_ms; /* these as in lh_identity */
    lh_permission permission;
    lh_str principal;
    bool governed;
    lh_permission scope;
    lh_str owner;
} api_identity;
/* presented: X-API-Key or the bearer token; empty when none. The identity borrows of it and of the arena. */
api_identity api_authenticate(lh_app *app, lh_str presented, lh_address from, bool internal_listener, lh_arena *arena);
/* Of a Retry-After. Arena. */
lh_str api_retry_after(uint32_t retry_after_ms, lh_arena *arena);
/* May this caller try the route? False: 403 at once. */
bool api_may_try(const api_identity *identity, const api_route *route);

/* ---- request guard (guard.c) ---- */
typedef struct api_guard {
    unsigned hosts, lengths, encodings, keys, authorizations;
    const char *reason;
} api_guard;
/* Looks at one header; sets guard->reason at the first thing that is wrong. */
void api_guard_header(api_guard *guard, lh_str name, lh_str value);
/* After all headers: the reason to refuse, or NULL. method, version: of the request line. */
const char *api_guard_verdict(const api_guard *guard, lh_str method, lh_str version);
/* The raw request target: the reason to refuse, or NULL. */
const char *api_guard_target(lh_str target);

/* ---- metrics (metrics.c) ---- */
enum { API_LATENCY_BUCKETS = 12 };
typedef struct api_counters {
    _Atomic uint64_t requests[API_ROUTE_COUNT][6]; /* by status class; 0: cut */
    _Atomic uint64_t latency[API_ROUTE_COUNT][API_LATENCY_BUCKETS + 1], latency_us[API_ROUTE_COUNT];
    _Atomic uint64_t bytes_in, bytes_out, refused, unauthorized, event_streams;
} api_counters;
void api_metrics_count(api_counters *metrics, const api_route *route, unsigned status, uint64_t elapsed_us);
api_counters *api_request_counters(const lh_request *request);
uint64_t api_request_in_flight(const lh_request *request); /* requests of the server that are not done */
uint64_t api_request_waiting(const lh_request *request);   /* length of the queue of LH_LANE_WORK */
bool api_request_ready(const lh_request *request);         /* lh_server_ready() was called */
#endif
