/* The I/O side: libmicrohttpd's callbacks.
 *
 * connection_begin() runs when a request's head is complete: guard, route, authentication, permission, body cap. What
 * fails there is answered at once; the rest becomes an lh_request. From then on the callbacks only move bytes between the
 * connection and the request's rings, and suspend the connection where they would have to wait. The request gets into its
 * lane when its body is whole, or more than its ring holds: a client that sends slowly holds no worker.
 * A refused request whose body is not read closes its connection, so that no byte of it is taken for another request; what
 * its client still sends is read for a while (linger.c).
 *
 * Watching: each open connection has an api_connection in the server's list, which `watch_lock` guards; the
 * watchdog shuts down those that give no whole request head in time (slow or silent clients). */
#include "api/request_internal.h"
#include "api/schemas.h"

#include <stdio.h>
#include <sys/socket.h>

/* ---- answering before there is a worker ---- */

typedef struct connection_refusal {
    unsigned status;
    lh_code code;
    const char *header, *value; /* one more header, or NULL */
    api_errors errors;
    lh_error why;
} connection_refusal;

/* Counts, logs, traces a refusal and writes its body. Arena. */
static lh_str connection_refusal_body(lh_server *server, const connection_refusal *refusal, lh_str traceparent,
                                      lh_arena *arena, char trace_id[33]) {
    lh_span span;
    char status[12];
    lh_span_begin_root(server->app->tracer, "refused", traceparent, &span);
    lh_span_number(&span, "http.response.status_code", refusal->status);
    memcpy(trace_id, span.trace_id, sizeof span.trace_id);
    lh_str body = api_error_body(arena, refusal->errors, refusal->status, refusal->code, &refusal->why);
    snprintf(status, sizeof status, "%u", refusal->status);
    lh_log(LH_LOG_DEBUG, "refused", "status", status, "reason", refusal->why.message, NULL);
    lh_span_end(&span, refusal->code);
    atomic_fetch_add(refusal->status == 401 ? &server->metrics.unauthorized : &server->metrics.refused, 1);
    return body;
}

static api_connection *connection_watched(struct MHD_Connection *connection) { /* NULL: there was no memory for it */
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* Answers without reading the body: libmicrohttpd then closes the connection. */
static enum MHD_Result connection_refuse(lh_server *server, struct MHD_Connection *connection,
                                         const connection_refusal *refusal) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    char trace_id[33];
    if (lh_arena_new(64 << 10, &arena, NULL) != LH_OK) return MHD_NO;
    lh_str traceparent = lh_str_from(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "traceparent"));
    lh_str body = connection_refusal_body(server, refusal, traceparent, arena, trace_id);
    union {
        const char *in;
        void *out;
    } bytes = {.in = body.ptr};
    struct MHD_Response *response = MHD_create_response_from_buffer(body.len, bytes.out, MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "X-Trace-Id", trace_id);
    if (refusal->errors == API_ERRORS_OPENAI) MHD_add_response_header(response, API_REQUEST_ID, trace_id);
    if (refusal->header) MHD_add_response_header(response, refusal->header, refusal->value);
    MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result queued = MHD_queue_response(connection, refusal->status, response);
    MHD_destroy_response(response);
    api_connection *watched = connection_watched(connection);
    if (watched) watched->unread = true;
    return queued;
}

/* ---- the request ---- */

static lh_request *connection_request_new(lh_server *server, struct MHD_Connection *connection) {
    lh_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    pthread_mutex_init(&request->lock, NULL);
    pthread_cond_init(&request->changed, NULL);
    request->server = server;
    request->connection = connection;
    request->references = 1;
    request->started_ns = lh_time_monotonic_ns();
    if (lh_arena_new(API_ARENA_BYTES, &request->arena, NULL) != LH_OK ||
        lh_cancel_new(&request->cancel, NULL) != LH_OK) {
        api_request_unref(request);
        return NULL;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    request->socket = info ? info->connect_fd : -1;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    request->from = lh_address_of_socket(info ? info->client_addr : NULL);
    return request;
}

typedef struct connection_fields {
    lh_request *request;
    bool bad;
} connection_fields;

static enum MHD_Result connection_copy_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                             const char *value, size_t value_size) {
    connection_fields *fields = cls;
    lh_request *request = fields->request;
    struct api_field field = {{name, name_size}, {value, value_size}, kind == MHD_GET_ARGUMENT_KIND};
    if (request->field_count == API_FIELDS_MAX) fields->bad = true;
    if (field.is_query && !fields->bad)
        fields->bad = lh_url_decode(request->arena, field.name, &field.name, NULL) != LH_OK ||
                      lh_url_decode(request->arena, field.value, &field.value, NULL) != LH_OK ||
                      !lh_str_is_utf8(field.name) || !lh_str_is_utf8(field.value);
    if (fields->bad) return MHD_NO;
    field.name = lh_arena_dup(request->arena, field.name);
    field.value = lh_arena_dup(request->arena, field.value);
    request->fields[request->field_count++] = field;
    return MHD_YES;
}

static bool connection_copy_fields(lh_request *request, struct MHD_Connection *connection) {
    connection_fields fields = {.request = request};
    request->fields = LH_ARENA_ARRAY(request->arena, struct api_field, API_FIELDS_MAX);
    if (!request->fields) return false;
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, connection_copy_field, &fields);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, connection_copy_field, &fields);
    return !fields.bad && lh_arena_check(request->arena, NULL) == LH_OK;
}

static lh_str connection_key(const lh_request *request) {
    return lh_access_key_shown(lh_request_header(request, "X-API-Key"), lh_request_header(request, "Authorization"));
}

/* Does the announced length fit the route's cap? The guard has let pass one of the two headers at most. */
static bool connection_body_fits(lh_request *request) {
    const api_route *route = request->match.route;
    request->body_max =
        route->body_max == API_BODY_STREAM ? request->server->app->config->server_body_max_bytes : route->body_max;
    if (request->content_length == UINT64_MAX) return route->body_max != 0;
    return request->content_length <= (uint64_t)request->body_max;
}

static void connection_body_length(lh_request *request) {
    lh_str length = lh_request_header(request, "Content-Length");
    request->content_length = lh_request_header(request, "Transfer-Encoding").len ? UINT64_MAX : 0;
    if (length.len && lh_str_to_u64(length, &request->content_length) != LH_OK)
        request->content_length = UINT64_MAX - 1; /* the guard saw digits */
}

/* Query parameters that our own routes do not have (Iceberg's clients may send more than we know; a probe may add what
 * it likes), and bodies that are not sent as they are. */
static void connection_check_fields(const lh_request *request, connection_refusal *refusal) {
    const api_route *route = request->match.route;
    bool strict = request->errors != API_ERRORS_ICEBERG && route->permission != LH_PERMIT_PUBLIC;
    for (size_t i = 0; i < request->field_count && refusal->status == 0; i++) {
        const struct api_field *field = &request->fields[i];
        if (field->is_query && strict) {
            refusal->code = api_parameter_check(route, field->name, &refusal->why);
            if (refusal->code != LH_OK) refusal->status = 400;
        } else if (!field->is_query && lh_str_eq_nocase(field->name, LH_STR("Content-Encoding")) &&
                   !lh_str_eq_nocase(field->value, LH_STR("identity"))) {
            refusal->status = 415, refusal->header = "Accept-Encoding", refusal->value = "identity";
            refusal->code = lh_fail(&refusal->why, LH_INVALID,
                                    "a request body is taken as it is, without a Content-Encoding; a file may be "
                                    "compressed itself (.gz, .zst)");
        }
    }
}

/* Who asks. A public route does not look at keys, and tells nobody whether one is good. */
static api_identity connection_identify(lh_request *request, lh_permission needs) {
    api_identity identity = {0};
    if (needs != LH_PERMIT_PUBLIC || request->internal_listener)
        identity = api_authenticate(request->server->app, connection_key(request), request->from,
                                    request->internal_listener, request->arena);
    request->engine = identity.engine;
    request->permission = identity.permission;
    request->principal = identity.principal;
    request->governed = identity.governed;
    request->scope = identity.scope;
    request->owner = identity.owner;
    return identity;
}

static void connection_refuse_throttled(lh_request *request, uint32_t retry_after_ms, connection_refusal *refusal) {
    lh_str seconds = api_retry_after(retry_after_ms, request->arena);
    refusal->status = 429, refusal->header = "Retry-After", refusal->value = seconds.len ? seconds.ptr : "1";
    refusal->code = lh_fail(&refusal->why, LH_LIMIT,
                            "too many requests of this key or address, or too many wrong keys of it; try again in %s s",
                            refusal->value);
}

/* Where no length would do, it is not the length that is wrong. */
static void connection_refuse_body(const lh_request *request, connection_refusal *refusal) {
    bool none = request->match.route->body_max == 0;
    refusal->status = none ? 400 : 413;
    refusal->code =
        none ? lh_fail(&refusal->why, LH_INVALID, "this path takes no request body")
             : lh_fail(&refusal->why, LH_LIMIT, "the request body is larger than %" PRId64 " bytes", request->body_max);
}

/* Route, key, permission, body. Fills *refusal (its status stays 0 when the request may run). */
static void connection_check(lh_request *request, connection_refusal *refusal) {
    lh_error *why = &refusal->why;
    lh_code found = api_router_find(request->method, request->path, request->arena, &request->match, why);
    lh_permission needs = found == LH_OK ? request->match.route->permission : LH_PERMIT_READ;
    api_identity identity = connection_identify(request, needs);
    if (identity.retry_after_ms) {
        connection_refuse_throttled(request, identity.retry_after_ms, refusal);
    } else if (!identity.known && needs != LH_PERMIT_PUBLIC) { /* before 404 and 405: a stranger learns no paths */
        refusal->status = 401, refusal->header = "WWW-Authenticate", refusal->value = "Bearer";
        refusal->code = lh_fail(why, LH_DENIED, "an API key is needed: send it as X-API-Key or as a bearer token");
    } else if (found != LH_OK) {
        refusal->status = found == LH_DENIED ? 405 : found == LH_INVALID ? 400 : 404;
        refusal->code = found;
        if (refusal->status == 405) refusal->header = "Allow", refusal->value = request->match.allow;
    } else if (!api_may_try(&identity, request->match.route)) {
        refusal->status = 403;
        refusal->code =
            lh_fail(why, LH_DENIED, "this key's permission does not reach to '%s'", request->match.route->summary);
    } else if (!connection_body_fits(request)) {
        connection_refuse_body(request, refusal);
    } else {
        connection_check_fields(request, refusal);
    }
}

static void connection_refuse_busy(connection_refusal *refusal) {
    refusal->status = 503, refusal->header = "Retry-After", refusal->value = "1";
    refusal->code = lh_fail(&refusal->why, LH_UNAVAILABLE, "too many requests wait; try again in a second");
}

/* A request without a body, or with one that is read: answered as if a handler had, so that its connection is kept. */
static void connection_refuse_whole(lh_request *request, const connection_refusal *refusal) {
    char trace_id[33];
    lh_str body = connection_refusal_body(request->server, refusal, lh_request_header(request, "traceparent"),
                                          request->arena, trace_id);
    api_request_name_trace(request, lh_str_from(trace_id));
    if (refusal->header) lh_respond_header(request, refusal->header, lh_str_from(refusal->value));
    api_request_answer_early(request, refusal->status, "application/json", body);
}

static void connection_submit(lh_request *request) {
    request->submitted = true;
    api_request_ref(request); /* the worker's */
    if (lh_workers_submit(request->server->lanes[request->match.route->lane], request)) return;
    api_request_unref(request);
    connection_refusal refusal = {.errors = request->errors};
    connection_refuse_busy(&refusal);
    connection_refuse_whole(request, &refusal);
}

/* ---- a head is complete ---- */

typedef struct connection_head {
    const char *url, *method, *version;
    bool internal, bad_target;
} connection_head;

static const char connection_bad_target = 0; /* marks, by its address, a request whose raw target is refused */

/* Called with the raw target, before anything is split or decoded. It lies in the request line, cut off by a NUL where
 * the space before the version was: a NUL of the client's own ends it before that. */
static void *connection_target(void *cls, const char *target, struct MHD_Connection *connection) {
    (void)cls, (void)connection;
    union {
        const char *in;
        void *out;
    } mark = {.in = &connection_bad_target};
    bool whole = strncmp(target + strlen(target) + 1, "HTTP/", 5) == 0;
    return !whole || api_guard_target(lh_str_from(target)) ? mark.out : NULL;
}

/* libmicrohttpd hands out each header as pointers into the bytes that it read, with NULs in place of the colon and of
 * the line's CR and LF. So what its parser let pass shows in where they lie: a line that ended without CR, a NUL
 * of the client's, a folded line (copied elsewhere), a line without a name (left out). */
typedef struct connection_heads {
    api_guard guard;
    const char *end; /* of the last value, NULL at first */
} connection_heads;

static bool connection_is_next_line(const connection_heads *heads, const char *name) {
    return !heads->end || name == heads->end + 2;
}

static bool connection_is_one_line(const char *name, size_t name_size, const char *value) {
    const char *at = name + name_size + 1;
    if (value < at || value - at > 1024) return false;
    while (at < value && (*at == ' ' || *at == '\t')) at++;
    return at == value;
}

static enum MHD_Result connection_guard_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                               const char *value, size_t value_size) {
    connection_heads *heads = cls;
    (void)kind;
    if (!heads->guard.reason &&
        (!connection_is_next_line(heads, name) || !connection_is_one_line(name, name_size, value)))
        heads->guard.reason = "each header must be one line with a name, ended by CR LF, without NUL";
    heads->end = value + value_size;
    api_guard_header(&heads->guard, (lh_str){name, name_size}, (lh_str){value, value_size});
    return MHD_YES;
}

/* The empty line follows the last header. */
static void connection_guard_end(connection_heads *heads) {
    static const char ends[4] = {0};
    if (!heads->guard.reason && heads->end && memcmp(heads->end, ends, sizeof ends) != 0)
        heads->guard.reason = "the headers must end with an empty line of CR LF";
}

/* What may be refused before memory is spent on a request. */
static bool connection_guard(struct MHD_Connection *connection, const connection_head *head,
                             connection_refusal *refusal) {
    connection_heads heads = {0};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, connection_guard_header, &heads);
    connection_guard_end(&heads);
    const char *reason = head->bad_target
                             ? "the request target must start with '/' and hold no space, control character or fragment"
                             : api_guard_verdict(&heads.guard, lh_str_from(head->method), lh_str_from(head->version));
    refusal->errors = api_errors_of(head->url);
    if (reason) {
        refusal->status = 400;
        refusal->code = lh_fail(&refusal->why, LH_INVALID, "%s", reason);
    } else if (head->internal && refusal->errors != API_ERRORS_ICEBERG) {
        refusal->status = 404;
        refusal->code = lh_fail(&refusal->why, LH_NOT_FOUND, "not here");
    }
    return refusal->status == 0;
}

/* Asked of a request that is listed: lh_server_drain() sees it, or it sees that the server drains. */
static void connection_guard_drain(const lh_request *request, connection_refusal *refusal) {
    if (refusal->status != 0 || request->internal_listener || !atomic_load(&request->server->draining)) return;
    refusal->status = 503, refusal->header = "Retry-After", refusal->value = "5";
    refusal->code = lh_fail(&refusal->why, LH_UNAVAILABLE, "the server is stopping");
}

static void connection_set_busy(struct MHD_Connection *connection, bool busy) {
    api_connection *watched = connection_watched(connection);
    if (!watched) return;
    atomic_store_explicit(&watched->since_ms, lh_time_monotonic_ms(), memory_order_relaxed);
    atomic_store_explicit(&watched->busy, busy, memory_order_release);
}

static enum MHD_Result connection_begin(lh_server *server, struct MHD_Connection *connection,
                                        const connection_head *head, void **con_cls) {
    connection_refusal refusal = {0};
    connection_set_busy(connection, true);
    if (!connection_guard(connection, head, &refusal)) return connection_refuse(server, connection, &refusal);
    lh_request *request = connection_request_new(server, connection);
    if (!request) return MHD_NO;
    request->errors = refusal.errors;
    request->internal_listener = head->internal;
    request->head_only = strcmp(head->method, "HEAD") == 0;
    request->method = lh_arena_dup(request->arena, lh_str_from(head->method));
    request->path = lh_arena_dup(request->arena, lh_str_from(head->url));
    if (connection_copy_fields(request, connection)) {
        connection_body_length(request);
        connection_check(request, &refusal);
    } else {
        refusal.status = 400;
        refusal.code = lh_fail(
            &refusal.why, LH_INVALID,
            "the query string is not UTF-8 or has a bad %%-escape, or there are more than %d headers and parameters",
            API_FIELDS_MAX);
        request->content_length = UINT64_MAX;
    }
    api_request_enlist(request);
    connection_guard_drain(request, &refusal);
    if (refusal.status == 0 && lh_workers_are_full(server->lanes[request->match.route->lane]))
        connection_refuse_busy(&refusal);
    request->submitted = refusal.status != 0;
    if (refusal.status != 0 && request->content_length == 0) connection_refuse_whole(request, &refusal);
    if (refusal.status == 0 || request->content_length == 0) {
        *con_cls = request;
        return MHD_YES;
    }
    enum MHD_Result queued = connection_refuse(server, connection, &refusal);
    api_request_unref(request);
    return queued;
}

/* ---- libmicrohttpd's callbacks ---- */

static enum MHD_Result connection_continue(lh_server *server, struct MHD_Connection *connection, lh_request *request,
                                           const char *upload_data, size_t *upload_size) {
    if (!request->submitted && (*upload_size == 0 || !api_request_has_room(request, *upload_size)))
        connection_submit(request);
    if (*upload_size) {
        size_t taken = api_request_take_upload(request, upload_data, *upload_size);
        if (taken == SIZE_MAX) return MHD_NO;
        atomic_fetch_add_explicit(&server->metrics.bytes_in, taken, memory_order_relaxed);
        *upload_size -= taken;
        return MHD_YES;
    }
    switch (api_request_await_answer(request)) {
    case API_AWAIT_SUSPENDED: return MHD_YES;
    case API_AWAIT_GONE: return MHD_NO;
    case API_AWAIT_READY: break;
    }
    struct MHD_Response *response = api_request_response(request);
    if (!response) return MHD_NO;
    /* libmicrohttpd takes a chunked body's lines also without CR: nothing behind one is read as a request */
    if (request->content_length == UINT64_MAX || atomic_load(&server->draining))
        MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result queued = MHD_queue_response(connection, request->status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result connection_handle(lh_server *server, struct MHD_Connection *connection, connection_head *head,
                                         const char *upload_data, size_t *upload_size, void **con_cls) {
    if (*con_cls && *con_cls != (const void *)&connection_bad_target)
        return connection_continue(server, connection, *con_cls, upload_data, upload_size);
    head->bad_target = *con_cls != NULL;
    *con_cls = NULL;
    return connection_begin(server, connection, head, con_cls);
}

static enum MHD_Result connection_public(void *cls, struct MHD_Connection *connection, const char *url,
                                         const char *method, const char *version, const char *upload_data,
                                         size_t *upload_size, void **con_cls) {
    return connection_handle(cls, connection, &(connection_head){url, method, version, false, false}, upload_data,
                             upload_size, con_cls);
}

static enum MHD_Result connection_engine(void *cls, struct MHD_Connection *connection, const char *url,
                                         const char *method, const char *version, const char *upload_data,
                                         size_t *upload_size, void **con_cls) {
    return connection_handle(cls, connection, &(connection_head){url, method, version, true, false}, upload_data,
                             upload_size, con_cls);
}

static void connection_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                                 enum MHD_RequestTerminationCode code) {
    lh_server *server = cls;
    lh_request *request = *con_cls;
    connection_set_busy(connection, false);
    *con_cls = NULL;
    if (!request || request == (const void *)&connection_bad_target) return;
    bool whole = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    atomic_fetch_add_explicit(&server->metrics.bytes_out, api_request_detach(request), memory_order_relaxed);
    if (!whole) api_request_abandon(request);
    if (!request->submitted)
        api_metrics_count(&server->metrics, request->match.route, 0,
                          (lh_time_monotonic_ns() - request->started_ns) / 1000);
    api_request_unref(request);
}

static void connection_changed(void *cls, struct MHD_Connection *connection, void **socket_context,
                               enum MHD_ConnectionNotificationCode what) {
    lh_server *server = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        api_connection *watched = calloc(1, sizeof *watched);
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context = watched;
        if (!watched) return; /* served all the same, only not watched */
        watched->socket = info ? info->connect_fd : -1;
        atomic_store(&watched->since_ms, lh_time_monotonic_ms());
        pthread_mutex_lock(&server->watch_lock);
        watched->older = server->connections;
        if (server->connections) server->connections->newer = watched;
        server->connections = watched;
        pthread_mutex_unlock(&server->watch_lock);
        return;
    }
    api_connection *watched = *socket_context; /* its socket is closed after this call */
    if (!watched) return;
    pthread_mutex_lock(&server->watch_lock);
    *(watched->newer ? &watched->newer->older : &server->connections) = watched->older;
    if (watched->older) watched->older->newer = watched->newer;
    pthread_mutex_unlock(&server->watch_lock);
    if (watched->unread) api_linger_add(&server->lingering, watched->socket);
    free(watched);
}

/* Paths and arguments stay percent-encoded: the router splits before it decodes. */
static size_t connection_keep_encoded(void *cls, struct MHD_Connection *connection, char *text) {
    (void)cls, (void)connection;
    return strlen(text);
}

struct MHD_Daemon *api_connection_daemon(lh_server *server, const api_listener *listener) {
    const lh_config *config = server->app->config;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, NULL}, {MHD_OPTION_HTTPS_MEM_KEY, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    union {
        const char *in;
        void *out;
    } pem[2] = {{.in = listener->certificate}, {.in = listener->key}};
    tls[0].ptr_value = pem[0].out;
    tls[1].ptr_value = pem[1].out;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                     (listener->certificate ? MHD_USE_TLS : 0) | (listener->ipv6 ? MHD_USE_IPv6 : 0);
    unsigned idle_seconds = (unsigned)((config->server_idle_timeout_ms + 999) / 1000);
    return MHD_start_daemon(
        flags, 0, NULL, NULL, listener->internal ? connection_engine : connection_public, server,
        MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_THREAD_POOL_SIZE, listener->threads,
        MHD_OPTION_CONNECTION_LIMIT, listener->internal ? 1024u : (unsigned)config->server_connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)64 << 10,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, connection_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server, MHD_OPTION_URI_LOG_CALLBACK, connection_target, NULL,
        MHD_OPTION_UNESCAPE_CALLBACK, connection_keep_encoded, NULL, MHD_OPTION_ARRAY,
        listener->certificate ? tls : none, MHD_OPTION_END);
}

/* ---- watchdog ---- */

/* libmicrohttpd does not read suspended connections: looks whether their clients are still there. */
static void connection_watch_requests(lh_server *server) {
    pthread_mutex_lock(&server->active_lock); /* keeps each request alive while it is looked at */
    for (lh_request *request = server->active; request; request = request->older)
        if (api_request_client_gone(request)) api_request_abandon(request);
    pthread_mutex_unlock(&server->active_lock);
}

static void connection_watch_heads(lh_server *server) {
    uint64_t now_ms = lh_time_monotonic_ms(), most_ms = (uint64_t)server->app->config->server_idle_timeout_ms;
    pthread_mutex_lock(&server->watch_lock);
    for (api_connection *c = server->connections; c; c = c->older)
        if (!atomic_load_explicit(&c->busy, memory_order_acquire) &&
            now_ms > atomic_load_explicit(&c->since_ms, memory_order_relaxed) + most_ms)
            shutdown(c->socket, SHUT_RDWR); /* libmicrohttpd sees its end, and closes it */
    pthread_mutex_unlock(&server->watch_lock);
}

void *api_connection_watchdog(void *arg) {
    lh_server *server = arg;
    for (unsigned round = 0; !atomic_load(&server->stopping); round++) {
        lh_time_sleep_ms(API_WATCH_MS);
        connection_watch_requests(server);
        api_linger_look(&server->lingering);
        if (round % 10 == 0) connection_watch_heads(server);
    }
    return NULL;
}
