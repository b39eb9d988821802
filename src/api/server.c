/* The HTTP server on libmicrohttpd (epoll, a small pool of I/O threads).
 *
 * A request's way: the I/O thread calls server_handle() when the headers are complete: guard, route,
 * authentication, permission and body cap are checked there, and what fails is answered at once. Otherwise the request
 * goes to its lane, whose worker runs the handler as blocking code, while the I/O thread moves the body's
 * bytes in and the answer's bytes out through bounded rings, suspending the connection whenever it would have to wait.
 * A watchdog looks at suspended connections, which libmicrohttpd does not read, and cancels requests
 * whose client went away.
 * The engine calls the catalog on a second listener, loopback only, which serves nothing but /iceberg to the token
 * made at start: it works whatever the public address or TLS is, and does not share the public connection limit. */
#include "api/request_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVER_CATALOG_THREADS = 8, SERVER_CATALOG_WAITING = 4096, SERVER_WATCH_MS = 100, SERVER_IDLE_SECONDS = 120 };

/* ---- answering from the I/O thread, before there is a worker ---- */

static enum MHD_Result server_refuse(lh_server *server, struct MHD_Connection *connection, unsigned status, bool iceberg, const char *header, const char *value, lh_code code, const char *message) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (lh_arena_new(64 << 10, &arena, NULL) != LH_OK) return MHD_NO;
    lh_error err = {.code = code};
    snprintf(err.message, sizeof err.message, "%s", message);
    lh_str body = api_error_body(arena, iceberg, status, code, &err);
    union { const char *in; void *out; } bytes = {.in = body.ptr};
    struct MHD_Response *response = MHD_create_response_from_buffer(body.len, bytes.out, MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    if (header) MHD_add_response_header(response, header, value);
    MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    atomic_fetch_add(status == 401 ? &server->metrics.unauthorized : &server->metrics.refused, 1);
    return queued;
}

static enum MHD_Result server_guard_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value, size_t value_size) {
    (void)kind;
    api_guard_header(cls, (lh_str){name, name_size}, (lh_str){value, value_size});
    return MHD_YES;
}

static lh_str server_presented_key(struct MHD_Connection *connection) {
    const char *key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-API-Key");
    if (key) return lh_str_from(key);
    lh_str bearer = lh_str_from(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"));
    return bearer.len > 7 && lh_str_eq_nocase(lh_str_sub(bearer, 0, 7), LH_STR("Bearer ")) ? lh_str_trim(lh_str_sub(bearer, 7, SIZE_MAX)) : LH_STR_NONE;
}

/* ---- taking a request ---- */

static void server_activate(lh_server *server, lh_request *request) {
    pthread_mutex_lock(&server->active_lock);
    request->older = server->active;
    if (server->active) server->active->newer = request;
    server->active = request;
    server->active_count++;
    pthread_mutex_unlock(&server->active_lock);
    atomic_fetch_add(&server->metrics.in_flight, 1);
}

static void server_deactivate(lh_server *server, lh_request *request) {
    pthread_mutex_lock(&server->active_lock);
    *(request->newer ? &request->newer->older : &server->active) = request->older;
    if (request->older) request->older->newer = request->newer;
    server->active_count--;
    pthread_cond_broadcast(&server->active_changed);
    pthread_mutex_unlock(&server->active_lock);
    atomic_fetch_sub(&server->metrics.in_flight, 1);
}

static lh_request *server_request_new(lh_server *server, struct MHD_Connection *connection) {
    lh_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    pthread_mutex_init(&request->lock, NULL);
    pthread_cond_init(&request->changed, NULL);
    request->server = server;
    request->connection = connection;
    request->references = 1;
    request->started_ns = lh_time_monotonic_ns();
    if (lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES * 4UL, &request->arena, NULL) != LH_OK || lh_cancel_new(&request->cancel, NULL) != LH_OK) {
        api_request_unref(request);
        return NULL;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    request->socket = info ? info->connect_fd : -1;
    return request;
}

typedef struct server_fields { lh_request *request; bool bad; } server_fields;

static enum MHD_Result server_copy_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value, size_t value_size) {
    server_fields *fields = cls;
    lh_request *request = fields->request;
    struct api_field field = {{name, name_size}, {value, value_size}, kind == MHD_GET_ARGUMENT_KIND};
    if (request->field_count == API_FIELDS_MAX) fields->bad = true;
    if (field.is_query && !fields->bad)
        fields->bad = lh_url_decode(request->arena, field.name, &field.name, NULL) != LH_OK || lh_url_decode(request->arena, field.value, &field.value, NULL) != LH_OK;
    if (fields->bad) return MHD_NO;
    field.name = lh_arena_dup(request->arena, field.name);
    field.value = lh_arena_dup(request->arena, field.value);
    request->fields[request->field_count++] = field;
    return MHD_YES;
}

static bool server_copy_fields(lh_request *request, struct MHD_Connection *connection) {
    server_fields fields = {.request = request};
    request->fields = LH_ARENA_ARRAY(request->arena, struct api_field, API_FIELDS_MAX);
    if (!request->fields) return false;
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, server_copy_field, &fields);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, server_copy_field, &fields);
    return !fields.bad && lh_arena_check(request->arena, NULL) == LH_OK;
}

/* The body's announced length against the route's cap. */
static bool server_body_fits(lh_request *request, struct MHD_Connection *connection) {
    const api_route *route = request->match.route;
    request->body_max = route->body_max == API_BODY_STREAM ? request->server->app->config->server_body_max_bytes : route->body_max;
    const char *chunked = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding");
    lh_str length = lh_str_from(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length"));
    request->content_length = chunked ? UINT64_MAX : 0;
    if (length.len && lh_str_to_u64(length, &request->content_length) != LH_OK) return false;
    if (chunked) return route->body_max != 0;
    return request->content_length <= (uint64_t)request->body_max;
}

static enum MHD_Result server_begin(lh_server *server, bool internal, struct MHD_Connection *connection, const char *url, const char *method, const char *version, void **con_cls) {
    api_guard guard = {0};
    bool iceberg = strncmp(url, "/iceberg/", 9) == 0, http11 = strcmp(version, "HTTP/1.1") == 0;
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, server_guard_header, &guard);
    const char *reason = api_guard_verdict(&guard, http11);
    if (!reason) reason = api_guard_target(lh_str_from(url));
    if (reason) return server_refuse(server, connection, 400, iceberg, NULL, NULL, LH_INVALID, reason);
    if (internal && !iceberg) return server_refuse(server, connection, 404, false, NULL, NULL, LH_NOT_FOUND, "not here");
    if (atomic_load(&server->draining) && !internal)
        return server_refuse(server, connection, 503, iceberg, "Retry-After", "5", LH_UNAVAILABLE, "the server is stopping");
    lh_request *request = server_request_new(server, connection);
    if (!request) return MHD_NO;
    lh_error err = {0};
    request->method = lh_arena_dup(request->arena, lh_str_from(method));
    request->path = lh_arena_dup(request->arena, lh_str_from(url));
    if (!server_copy_fields(request, connection)) { /* a bad escape in the query, or too many fields */
        api_request_unref(request);
        return server_refuse(server, connection, 400, iceberg, NULL, NULL, LH_INVALID, "the query string cannot be decoded, or there are too many headers");
    }
    request->iceberg = iceberg;
    request->internal_listener = internal;
    lh_code found = api_router_find(request->method, request->path, request->arena, &request->match, &err);
    api_identity identity = api_authenticate(server->app, server_presented_key(connection), internal);
    request->engine = identity.engine;
    unsigned status = 0;
    const char *header = NULL, *value = NULL;
    lh_permission needs = found == LH_OK ? request->match.route->permission : LH_PERMIT_READ;
    if (!identity.known && needs != LH_PERMIT_PUBLIC) { /* before 404 and 405: a stranger learns no paths */
        status = 401, header = "WWW-Authenticate", value = "Bearer";
        found = lh_fail(&err, LH_DENIED, "an API key is needed: send it as X-API-Key or as a bearer token");
    } else if (found != LH_OK) {
        status = found == LH_DENIED ? 405 : found == LH_INVALID ? 400 : 404;
        if (status == 405) header = "Allow", value = request->match.allow;
    } else if (identity.permission < needs) {
        status = 403;
        found = lh_fail(&err, LH_DENIED, "this key's permission does not reach to '%s'", request->match.route->summary);
    } else if (!server_body_fits(request, connection)) {
        status = 413;
        found = lh_fail(&err, LH_LIMIT, "the request body is larger than %" PRId64 " bytes", request->body_max);
    } else {
        request->references = 2;
        server_activate(server, request);
        if (api_lane_submit(&server->lanes[request->match.route->lane], request)) {
            *con_cls = request;
            return MHD_YES;
        }
        request->references = 1;
        server_deactivate(server, request);
        status = 503, header = "Retry-After", value = "1";
        found = lh_fail(&err, LH_UNAVAILABLE, "too many requests wait; try again in a second");
    }
    enum MHD_Result queued = server_refuse(server, connection, status, iceberg, header, value, found, err.message);
    api_request_unref(request);
    return queued;
}

static enum MHD_Result server_handle(lh_server *server, bool internal, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload_data, size_t *upload_size, void **con_cls) {
    lh_request *request = *con_cls;
    if (!request) return server_begin(server, internal, connection, url, method, version, con_cls);
    if (*upload_size) {
        size_t taken = api_request_take_upload(request, upload_data, *upload_size);
        if (taken == SIZE_MAX) return MHD_NO;
        atomic_fetch_add(&server->metrics.bytes_in, taken);
        *upload_size -= taken;
        return MHD_YES;
    }
    api_request_upload_end(request);
    if (!api_request_await_answer(request)) return MHD_YES;
    struct MHD_Response *response = api_request_response(request);
    if (!response) return MHD_NO;
    enum MHD_Result queued = MHD_queue_response(connection, request->status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result server_public(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload_data, size_t *upload_size, void **con_cls) {
    return server_handle(cls, false, connection, url, method, version, upload_data, upload_size, con_cls);
}

static enum MHD_Result server_engine_only(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload_data, size_t *upload_size, void **con_cls) {
    return server_handle(cls, true, connection, url, method, version, upload_data, upload_size, con_cls);
}

static void server_completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode code) {
    lh_server *server = cls;
    lh_request *request = *con_cls;
    (void)connection;
    if (!request) return;
    *con_cls = NULL;
    pthread_mutex_lock(&request->lock);
    uint64_t sent = request->answer == API_ANSWER_WHOLE ? request->body.len : request->out_bytes;
    request->connection = NULL; /* libmicrohttpd frees it when we return */
    pthread_mutex_unlock(&request->lock);
    atomic_fetch_add(&server->metrics.bytes_out, sent);
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK) api_request_abandon(request);
    server_deactivate(server, request);
    api_request_unref(request);
}

/* Paths and arguments stay percent-encoded: the router splits before it decodes. */
static size_t server_keep_encoded(void *cls, struct MHD_Connection *connection, char *text) {
    (void)cls, (void)connection;
    return strlen(text);
}

/* ---- watchdog ---- */

static bool server_client_gone(int socket) {
    struct pollfd fd = {.fd = socket, .events = POLLRDHUP};
    return socket >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void *server_watch(void *arg) {
    lh_server *server = arg;
    while (!atomic_load(&server->stopping)) {
        lh_time_sleep_ms(SERVER_WATCH_MS);
        pthread_mutex_lock(&server->active_lock); /* keeps each request alive while it is looked at */
        for (lh_request *request = server->active; request; request = request->older) {
            pthread_mutex_lock(&request->lock);
            bool look = request->suspended && !request->gone;
            pthread_mutex_unlock(&request->lock);
            if (look && server_client_gone(request->socket)) api_request_abandon(request);
        }
        pthread_mutex_unlock(&server->active_lock);
    }
    return NULL;
}

/* ---- start and stop ---- */

static lh_code server_address(lh_str listen, struct sockaddr_storage *ret, socklen_t *ret_size, lh_error *err) {
    char text[300];
    LH_TRY(lh_str_to_cstr(listen, text, sizeof text, err));
    char *colon = strrchr(text, ':');
    if (!colon) return lh_fail(err, LH_INVALID, "server.listen '%s' must be HOST:PORT", text);
    *colon = '\0';
    char *host = text;
    if (host[0] == '[' && colon > host + 1 && colon[-1] == ']') colon[-1] = '\0', host++;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    int failed = getaddrinfo(*host ? host : NULL, colon + 1, &hints, &found);
    if (failed) return lh_fail(err, LH_INVALID, "server.listen '%.*s': %s", LH_STR_ARG(listen), gai_strerror(failed));
    memcpy(ret, found->ai_addr, found->ai_addrlen);
    *ret_size = found->ai_addrlen;
    freeaddrinfo(found);
    return LH_OK;
}

static lh_code server_listen(const struct sockaddr_storage *address, socklen_t size, lh_str name, int *ret, uint16_t *ret_port, lh_error *err) {
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0) return lh_fail_errno(err, errno, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_storage bound;
    socklen_t bound_size = sizeof bound;
    if (bind(fd, (const struct sockaddr *)address, size) != 0 || listen(fd, 511) != 0 || getsockname(fd, (struct sockaddr *)&bound, &bound_size) != 0) {
        int why = errno;
        close(fd);
        if (why == EADDRINUSE) return lh_fail(err, LH_IO, "%.*s is in use: stop what listens there, or choose another with --listen", LH_STR_ARG(name));
        return lh_fail_errno(err, why, "cannot listen on %.*s", LH_STR_ARG(name));
    }
    uint16_t port = bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port;
    *ret_port = ntohs(port);
    *ret = fd;
    return LH_OK;
}

static lh_code server_read_file(lh_str path, lh_arena *arena, const char **ret, lh_error *err) {
    const char *name = lh_arena_cstr(arena, path);
    FILE *file = name ? fopen(name, "rb") : NULL;
    if (!file) return lh_fail_errno(err, errno, "cannot read '%.*s'", LH_STR_ARG(path));
    char *text = lh_arena_calloc(arena, 1, 1 << 20);
    size_t size = text ? fread(text, 1, (1 << 20) - 1, file) : 0;
    fclose(file);
    if (size == 0) return lh_fail(err, LH_INVALID, "'%.*s' is empty", LH_STR_ARG(path));
    *ret = text;
    return LH_OK;
}

static struct MHD_Daemon *server_daemon(lh_server *server, int fd, bool internal, const char *certificate, const char *key, bool ipv6) {
    const lh_config *config = server->app->config;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, NULL}, {MHD_OPTION_HTTPS_MEM_KEY, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    union { const char *in; void *out; } pem[2] = {{.in = certificate}, {.in = key}};
    tls[0].ptr_value = pem[0].out;
    tls[1].ptr_value = pem[1].out;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | (certificate ? MHD_USE_TLS : 0) | (ipv6 ? MHD_USE_IPv6 : 0);
    return MHD_start_daemon(flags, 0, NULL, NULL, internal ? server_engine_only : server_public, server,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, internal ? 1u : 2u,
                            MHD_OPTION_CONNECTION_LIMIT, internal ? 1024u : (unsigned)config->server_connections_max,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_SECONDS,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)64 << 10, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                            MHD_OPTION_NOTIFY_COMPLETED, server_completed, server,
                            MHD_OPTION_UNESCAPE_CALLBACK, server_keep_encoded, NULL,
                            MHD_OPTION_ARRAY, certificate ? tls : none, MHD_OPTION_END);
}

static lh_code server_start_public(lh_server *server, lh_error *err) {
    const lh_config *config = server->app->config;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(8 << 20, &arena, err));
    struct sockaddr_storage address;
    socklen_t size;
    int fd;
    uint16_t port;
    const char *certificate = NULL, *key = NULL;
    if (config->server_tls_certificate.len) {
        LH_TRY(server_read_file(config->server_tls_certificate, arena, &certificate, err));
        LH_TRY(server_read_file(config->server_tls_key, arena, &key, err));
    }
    LH_TRY(server_address(config->server_listen, &address, &size, err));
    LH_TRY(server_listen(&address, size, config->server_listen, &fd, &port, err));
    server->daemon = server_daemon(server, fd, false, certificate, key, address.ss_family == AF_INET6);
    if (!server->daemon) {
        close(fd);
        return lh_fail(err, LH_INVALID, certificate ? "the HTTP server does not start: check the TLS certificate and key" : "the HTTP server does not start");
    }
    lh_str host = lh_str_sub(config->server_listen, 0, config->server_listen.len - (size_t)(strlen(strrchr(lh_arena_cstr(arena, config->server_listen), ':'))));
    lh_str url = lh_arena_printf(arena, "%s://%.*s:%u", certificate ? "https" : "http", LH_STR_ARG(host.len ? host : LH_STR("0.0.0.0")), (unsigned)port);
    return lh_str_dup(url, &server->url) == LH_OK ? LH_OK : lh_fail(err, LH_NO_MEMORY, "server: out of memory");
}

static lh_code server_start_internal(lh_server *server, lh_error *err) {
    struct sockaddr_storage address = {0};
    struct sockaddr_in *loopback = (struct sockaddr_in *)&address;
    loopback->sin_family = AF_INET;
    loopback->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd;
    uint16_t port;
    char url[64];
    LH_TRY(server_listen(&address, sizeof *loopback, LH_STR("the engine's loopback address"), &fd, &port, err));
    server->internal = server_daemon(server, fd, true, NULL, NULL, false);
    if (!server->internal) {
        close(fd);
        return lh_fail(err, LH_INTERNAL, "the engine's listener does not start");
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%u/iceberg", (unsigned)port);
    return lh_str_dup(lh_str_from(url), &server->engine_url) == LH_OK ? LH_OK : lh_fail(err, LH_NO_MEMORY, "server: out of memory");
}

lh_code lh_server_start(lh_app *app, lh_server **ret, lh_error *err) {
    LH_CLEANUP(lh_server_freep) lh_server *server = calloc(1, sizeof *server);
    if (!server) return lh_fail(err, LH_NO_MEMORY, "server: out of memory");
    server->app = app;
    pthread_mutex_init(&server->active_lock, NULL);
    pthread_cond_init(&server->active_changed, NULL);
    LH_TRY(api_lane_init(&server->lanes[LH_LANE_CATALOG], SERVER_CATALOG_THREADS, SERVER_CATALOG_WAITING, err));
    LH_TRY(api_lane_init(&server->lanes[LH_LANE_WORK], (size_t)app->config->server_workers, (size_t)app->config->server_queue_max, err));
    LH_TRY(server_start_internal(server, err));
    LH_TRY(server_start_public(server, err));
    if (pthread_create(&server->watchdog, NULL, server_watch, server) != 0) return lh_fail(err, LH_NO_MEMORY, "server: cannot start a thread");
    server->watchdog_started = true;
    *ret = lh_take(&server);
    return LH_OK;
}

void lh_server_ready(lh_server *server) { atomic_store(&server->ready, true); }
lh_str lh_server_url(const lh_server *server) { return server->url; }
lh_str lh_server_engine_url(const lh_server *server) { return server->engine_url; }

/* Waits until no request is active, `until_ms` at most. */
static bool server_wait_idle(lh_server *server, uint64_t until_ms) {
    pthread_mutex_lock(&server->active_lock);
    while (server->active_count && lh_time_monotonic_ms() < until_ms) {
        struct timespec soon;
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_nsec += 20000000;
        if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
        pthread_cond_timedwait(&server->active_changed, &server->active_lock, &soon);
    }
    bool idle = server->active_count == 0;
    pthread_mutex_unlock(&server->active_lock);
    return idle;
}

void lh_server_drain(lh_server *server) {
    if (!server->daemon || atomic_exchange(&server->draining, true)) return;
    int fd = MHD_quiesce_daemon(server->daemon);
    if (fd >= 0) close(fd);
    if (server_wait_idle(server, lh_time_monotonic_ms() + (uint64_t)server->app->config->server_drain_timeout_ms)) return;
    pthread_mutex_lock(&server->active_lock);
    for (lh_request *request = server->active; request; request = request->older) api_request_abandon(request);
    pthread_mutex_unlock(&server->active_lock);
    server_wait_idle(server, lh_time_monotonic_ms() + 5000);
}

void lh_server_free(lh_server *server) {
    if (!server) return;
    lh_server_drain(server);
    atomic_store(&server->stopping, true);
    if (server->watchdog_started) pthread_join(server->watchdog, NULL);
    if (server->daemon) MHD_stop_daemon(server->daemon);
    if (server->internal) MHD_stop_daemon(server->internal);
    for (int i = 0; i < 2; i++) api_lane_done(&server->lanes[i]);
    pthread_cond_destroy(&server->active_changed);
    pthread_mutex_destroy(&server->active_lock);
    lh_str_free(server->url);
    lh_str_free(server->engine_url);
    free(server);
}
