/* The HTTP server on libmicrohttpd (epoll, a small pool of I/O threads): start, drain, stop.
 *
 * A request's way: an I/O thread (connection.c) checks the head: guard, route, authentication, permission, body cap;
 * what fails is answered at once. The rest goes to its lane (lanes), whose worker runs the handler as blocking
 * code (request.c), while the I/O thread moves the body's bytes in and the answer's bytes out through bounded rings,
 * suspending the connection whenever it would have to wait. A watchdog looks at suspended connections, which
 * libmicrohttpd does not read, and cancels requests whose client went away.
 * The engine calls the catalog on a second listener, loopback only, which serves nothing but /iceberg to the token
 * made at start: it works whatever the public address or TLS is, and does not share the public connection limit. */
#include "api/request_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVER_CATALOG_THREADS = 8, SERVER_CATALOG_WAITING = 4096, SERVER_CANCEL_MS = 5000 };

/* ---- start and stop ---- */

static lh_code server_address(lh_str listen, struct sockaddr_storage *ret, socklen_t *ret_size, lh_error *err) {
    char text[300];
    LH_TRY(lh_str_to_cstr(listen, text, sizeof text, err));
    char *colon = strrchr(text, ':');
    if (!colon) return lh_fail(err, LH_INVALID, "server.listen '%s' must be HOST:PORT", text);
    *colon = '\0';
    uint64_t port;
    if (lh_str_to_u64(lh_str_from(colon + 1), &port) != LH_OK || port > UINT16_MAX)
        return lh_fail(err, LH_INVALID, "server.listen '%.*s': the port must be a number from 0 to 65535",
                       LH_STR_ARG(listen));
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

static lh_code server_listen(const struct sockaddr_storage *address, socklen_t size, lh_str name, int *ret,
                             uint16_t *ret_port, lh_error *err) {
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0) return lh_fail_errno(err, errno, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_storage bound = {0};
    socklen_t bound_size = sizeof bound;
    if (bind(fd, (const struct sockaddr *)address, size) != 0 || listen(fd, 511) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &bound_size) != 0) {
        int why = errno;
        close(fd);
        if (why == EADDRINUSE)
            return lh_fail(err, LH_IO, "%.*s is in use: stop what listens there, or choose another with --listen",
                           LH_STR_ARG(name));
        return lh_fail_errno(err, why, "cannot listen on %.*s", LH_STR_ARG(name));
    }
    uint16_t port = bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                : ((struct sockaddr_in *)&bound)->sin_port;
    *ret_port = ntohs(port);
    *ret = fd;
    return LH_OK;
}

static unsigned server_io_threads(void) {
    unsigned cores = lh_machine_processors();
    return cores < 8 ? 2 : cores > 32 ? 8 : cores / 4;
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
    LH_TRY(lh_config_read_tls(config, arena, &certificate, &key, err));
    LH_TRY(server_address(config->server_listen, &address, &size, err));
    LH_TRY(server_listen(&address, size, config->server_listen, &fd, &port, err));
    server->daemon = api_connection_daemon(
        server, &(api_listener){fd, false, address.ss_family == AF_INET6, server_io_threads(), certificate, key});
    if (!server->daemon) {
        close(fd);
        return lh_fail(err, LH_INVALID,
                       certificate ? "the HTTP server does not start: check the TLS certificate and key"
                                   : "the HTTP server does not start");
    }
    lh_str host = lh_str_sub(config->server_listen, 0,
                             config->server_listen.len -
                                 (size_t)(strlen(strrchr(lh_arena_cstr(arena, config->server_listen), ':'))));
    lh_str url = lh_arena_printf(arena, "%s://%.*s:%u", certificate ? "https" : "http",
                                 LH_STR_ARG(host.len ? host : LH_STR("0.0.0.0")), (unsigned)port);
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
    server->internal = api_connection_daemon(server, &(api_listener){fd, true, false, 1, NULL, NULL});
    if (!server->internal) {
        close(fd);
        return lh_fail(err, LH_INTERNAL, "the engine's listener does not start");
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%u/iceberg", (unsigned)port);
    return lh_str_dup(lh_str_from(url), &server->engine_url) == LH_OK
               ? LH_OK
               : lh_fail(err, LH_NO_MEMORY, "server: out of memory");
}

static void server_run_request(void *request) { api_request_run(request); }

lh_code lh_server_start(lh_app *app, lh_server **ret, lh_error *err) {
    LH_CLEANUP(lh_server_freep) lh_server *server = calloc(1, sizeof *server);
    if (!server) return lh_fail(err, LH_NO_MEMORY, "server: out of memory");
    server->app = app;
    server->starting = *app;
    server->starting.engine = NULL;
    server->starting.ingest = NULL;
    server->starting.maintain = NULL;
    api_linger_init(&server->lingering);
    api_idempotency_init(&server->idempotency);
    pthread_mutex_init(&server->watch_lock, NULL);
    pthread_mutex_init(&server->active_lock, NULL);
    pthread_cond_init(&server->active_changed, NULL);
    LH_TRY(lh_workers_new(SERVER_CATALOG_THREADS, SERVER_CATALOG_WAITING, server_run_request,
                          &server->lanes[LH_LANE_CATALOG], err));
    LH_TRY(lh_workers_new((size_t)app->config->server_workers, (size_t)app->config->server_queue_max,
                          server_run_request, &server->lanes[LH_LANE_WORK], err));
    LH_TRY(server_start_internal(server, err));
    LH_TRY(server_start_public(server, err));
    if (pthread_create(&server->watchdog, NULL, api_connection_watchdog, server) != 0)
        return lh_fail(err, LH_NO_MEMORY, "server: cannot start a thread");
    server->watchdog_started = true;
    *ret = lh_take(&server);
    return LH_OK;
}

void lh_server_ready(lh_server *server) { atomic_store(&server->ready, true); }
lh_str lh_server_url(const lh_server *server) { return server->url; }
lh_str lh_server_engine_url(const lh_server *server) { return server->engine_url; }

/* Waits until no request is active, `until_ms` at most. */
static bool server_wait_idle(lh_server *server, uint64_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_mutex_lock(&server->active_lock);
    while (server->active_count && pthread_cond_timedwait(&server->active_changed, &server->active_lock, &until) == 0)
        continue;
    bool idle = server->active_count == 0;
    pthread_mutex_unlock(&server->active_lock);
    return idle;
}

static void server_each_active(lh_server *server, void (*act)(lh_request *request)) {
    pthread_mutex_lock(&server->active_lock);
    for (lh_request *request = server->active; request; request = request->older) act(request);
    pthread_mutex_unlock(&server->active_lock);
}

void lh_server_drain(lh_server *server) {
    if (!server->daemon || atomic_exchange(&server->draining, true)) return;
    int fd = MHD_quiesce_daemon(server->daemon);
    if (fd >= 0) close(fd);
    if (server_wait_idle(server, (uint64_t)server->app->config->server_drain_timeout_ms)) return;
    server_each_active(server, api_request_stop); /* cancelled handlers still answer (503) */
    if (server_wait_idle(server, SERVER_CANCEL_MS)) return;
    server_each_active(server, api_request_abandon);
    server_wait_idle(server, SERVER_CANCEL_MS);
}

void lh_server_free(lh_server *server) {
    if (!server) return;
    lh_server_drain(server);
    atomic_store(&server->stopping, true);
    if (server->watchdog_started) pthread_join(server->watchdog, NULL);
    if (server->daemon) MHD_stop_daemon(server->daemon);
    if (server->internal) MHD_stop_daemon(server->internal);
    for (int i = 0; i < 2; i++) lh_workers_free(server->lanes[i]);
    api_idempotency_done(&server->idempotency);
    api_linger_done(&server->lingering);
    pthread_cond_destroy(&server->active_changed);
    pthread_mutex_destroy(&server->active_lock);
    pthread_mutex_destroy(&server->watch_lock);
    lh_str_free(server->url);
    lh_str_free(server->engine_url);
    free(server);
}
