/* What a handler sees. A handler is blocking code on a worker thread: it reads the body,
 * calls modules and answers; the server moves the bytes. When a handler returns an error and has
 * not begun its answer, the server writes the error body (Iceberg's envelope under /iceberg/). */
#ifndef LH_API_API_INTERNAL_H
#define LH_API_API_INTERNAL_H
#include "api/api.h"

typedef struct lh_request lh_request;

typedef lh_code (*lh_handler)(lh_request *request, lh_error *err);

typedef enum {                  /* whose threads run it */
               LH_LANE_CATALOG, /* short work that the engine may wait for: never runs SQL */
               LH_LANE_WORK,
} lh_lane;

lh_app *lh_request_app(const lh_request *request);
lh_catalog *lh_request_catalog(const lh_request *request); /* the app's; with an Idempotency-Key, one that records it */
lh_arena *lh_request_arena(const lh_request *request);
lh_str lh_request_method(const lh_request *request);
/* Decoded path parameter of the route's {name}; a last {key...} takes the rest with its slashes. */
lh_str lh_request_param(const lh_request *request, const char *name);
/* Decoded query parameter; empty when absent (lh_request_has_query tells). */
lh_str lh_request_query(const lh_request *request, const char *name);
bool lh_request_has_query(const lh_request *request, const char *name);
/* Query parameter as a number in [min, max]; `otherwise` when absent. Errors: INVALID naming it. */
LH_MUST_CHECK lh_code lh_request_query_uint(const lh_request *request, const char *name, uint64_t min, uint64_t max,
                                            uint64_t otherwise, uint64_t *ret, lh_error *err);
/* The page of a list that limit (1 to LH_LIMIT_LIST_PAGE, else `otherwise`) and page_token ask for. Errors: INVALID. */
LH_MUST_CHECK lh_code lh_request_page(const lh_request *request, uint64_t otherwise, lh_page *ret, lh_error *err);
/* Is If-Match absent, or has it that tag? */
bool lh_request_matches(const lh_request *request, lh_str etag);
/* true, false (any case), 1 or 0; false when absent. Errors: INVALID naming it. */
LH_MUST_CHECK lh_code lh_request_query_bool(const lh_request *request, const char *name, bool *ret, lh_error *err);
lh_str lh_request_header(const lh_request *request, const char *name); /* any case; empty when absent */
lh_str lh_request_principal(const lh_request *request, bool *ret_governed,
                            lh_permission *ret_permission); /* who calls */
lh_permission lh_request_scope(const lh_request *request);  /* of a governed caller: nothing beyond */
lh_str lh_request_remote(const lh_request *request);        /* the address that calls, as text; arena */
/* What the roles of a governed caller give: made when it is first asked for. Errors: as lh_access_bind(). */
LH_MUST_CHECK lh_code lh_request_governor(lh_request *request, const lh_governor **ret, lh_error *err);
bool lh_request_may(const lh_request *request, lh_permission permission); /* does the caller's key reach that far? */
/* Would a request with that key be let in? *ret_retry_after: not empty when it is not heard now. */
bool lh_request_knows_token(const lh_request *request, lh_str token, lh_str *ret_retry_after);
bool lh_request_is_engine(const lh_request *request);    /* authenticated by the internal token */
lh_cancel *lh_request_cancel(const lh_request *request); /* fires when the client goes away or the server drains */

/* Next piece of the body, blocking; *ret_len 0 at its end. Errors: INVALID (cut short), LIMIT (over the route's cap), CANCELLED. */
LH_MUST_CHECK lh_code lh_request_read(lh_request *request, char *into, size_t cap_bytes, size_t *ret_len,
                                      lh_error *err);
uint64_t lh_request_content_length(const lh_request *request); /* UINT64_MAX when chunked */
/* The whole body (arena), as bytes or as JSON. Errors: as above, and JSON's. */
LH_MUST_CHECK lh_code lh_request_body(lh_request *request, lh_str *ret, lh_error *err);
LH_MUST_CHECK lh_code lh_request_json(lh_request *request, lh_json **ret, lh_error *err);
/* body.c: a JSON body's members. INVALID: not an object; a member that is not known (the message lists those that are; 64 at
 * most), or stands twice;
 * not a whole number >= 0; neither true nor false. An absent or null one is `otherwise`. lh_body_check_given() takes a null one
 * for absent, whatever its name. */
LH_MUST_CHECK lh_code lh_body_check_object(const lh_json *body, lh_error *err);
LH_MUST_CHECK lh_code lh_body_check(const lh_json *body, const char *const *known, size_t count, lh_error *err);
LH_MUST_CHECK lh_code lh_body_check_given(const lh_json *body, const char *const *known, size_t count, lh_error *err);
LH_MUST_CHECK lh_code lh_body_uint(const lh_json *body, const char *name, uint64_t otherwise, uint64_t *ret,
                                   lh_error *err);
LH_MUST_CHECK lh_code lh_body_bool(const lh_json *body, const char *name, bool otherwise, bool *ret, lh_error *err);

/* Answer: headers first, then one of: whole, JSON, empty, or begin + write…. (The stream ends when the handler
 * returns LH_OK; on an error after begin the connection is cut, so that the client sees it is not whole.) */
void lh_respond_header(lh_request *request, const char *name, lh_str value);
void lh_respond_etag(lh_request *request, lh_str etag); /* without quotes, which it gets */
LH_MUST_CHECK lh_code lh_respond_json(lh_request *request, unsigned status, const lh_json *body, lh_error *err);
LH_MUST_CHECK lh_code lh_respond_bytes(lh_request *request, unsigned status, const char *content_type, lh_str body,
                                       lh_error *err);
LH_MUST_CHECK lh_code lh_respond_empty(lh_request *request, unsigned status, lh_error *err);
/* 412, for an If-Match that another version has. */
LH_MUST_CHECK lh_code lh_respond_precondition(lh_request *request, const char *message, lh_error *err);
/* length: UINT64_MAX when unknown (chunked). */
LH_MUST_CHECK lh_code lh_respond_begin(lh_request *request, unsigned status, const char *content_type, uint64_t length,
                                       lh_error *err);
/* Blocks while the client is slow. Errors: CANCELLED when it went away. Fits lh_bytes_fn with the request as ctx. */
LH_MUST_CHECK lh_code lh_respond_write(void *request, lh_str data, lh_error *err);
bool lh_respond_begun(const lh_request *request);

/* ---- profiles.c ---- */
typedef struct lh_profile_defaults {
    lh_str bucket, namespace_, backend; /* empty: none */
} lh_profile_defaults;
/* Those of the profile that the header X-Lakehouse-Profile names; none without it. Arena. Errors: NOT_FOUND (not active),
 * DENIED (a profile is not that of who has its name: it is for those who may write the whole lake). */
LH_MUST_CHECK lh_code api_profile_default(lh_request *request, lh_profile_defaults *ret, lh_error *err);
/* A dataset's name that has no dot is of the default namespace, if there is one. Arena. */
lh_str api_profile_name(lh_profile_defaults defaults, lh_str dataset, lh_arena *arena);

/* ---- api_storage.c ---- */
/* May the caller have to do with an object? whole: the key of all buckets. Errors: INVALID (no key), DENIED. */
LH_MUST_CHECK lh_code api_object_check(lh_request *request, lh_str key, lh_str whole, lh_error *err);

/* ---- system.c: the namespace `system` is for administrators. A caller whose roles decide is none of its concern: LH_OK. ---- */
const lh_dataset_seen *api_seen(const lh_request *request); /* NULL: all datasets are listed */
LH_MUST_CHECK lh_code api_refuse_system(const lh_request *request, lh_str namespace_, lh_error *err);
LH_MUST_CHECK lh_code api_refuse_system_name(lh_request *request, lh_str dataset,
                                             lh_error *err); /* as people write it */
/* The {namespace} or {name} of the path. */
LH_MUST_CHECK lh_code api_refuse_system_params(lh_request *request, lh_error *err);
/* Any "namespace" in it, and any location. */
LH_MUST_CHECK lh_code api_refuse_system_body(lh_request *request, const lh_json *body, lh_error *err);
/* Takes the items out of answer[list] whose member (a dataset or a namespace as text) is of it. */
void api_hide_system(const lh_request *request, lh_json *answer, const char *list, const char *member);

/* Handlers, one per line of routes.def. */
#define LH_ROUTE(method, path, permission, lane, handler, summary, request, response, body_max)                        \
    lh_code handler(lh_request *request_, lh_error *err);
#include "api/routes.def"
#undef LH_ROUTE
#endif
