/* The gRPC server on gRPC's C core: start, drain, stop, metrics.
 *
 * A call's way: a few calls are always awaited (call.c). One that arrives is checked (method, key, permission), its
 * message is read, and its handler runs: on a worker (work.c), or, where it only looks at memory, on the poller that
 * read it. Its answer and status leave in one batch. Watches (watch.c) stay, and are moved by the pump's thread.
 * Pollers take gRPC's events from one completion queue, and do its I/O meanwhile; they never wait for storage. */
#include "rpc/rpc_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grpc/grpc_security.h>
#include <grpc/support/log.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SERVER_AWAITED = 4,
    SERVER_CANCEL_MS = 5000,
    SERVER_METADATA_BYTES = 16 << 10,
    SERVER_HANDSHAKE_MS = 10000,
    SERVER_KEEPALIVE_MS = 60000, /* a client that does not answer for so long, and then for 20 s more, is gone */
    SERVER_KEEPALIVE_WAIT_MS = 20000,
    SERVER_PINGS_MS = 10000,         /* a client that pings more often, with nothing to send, is disconnected */
    SERVER_MEMORY_BYTES = 128 << 20, /* of gRPC's own, beyond which it reads no further and takes no connection */
};

/* gRPC's own log is about its insides: only with log.level debug. */
static void server_log(gpr_log_func_args *args) { lh_log(LH_LOG_DEBUG, "grpc", "text", args->message, NULL); }

static void *server_poll(void *arg) {
    lh_rpc *rpc = arg;
    for (;;) {
        grpc_event event = grpc_completion_queue_next(rpc->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN) return NULL;
        if (event.type != GRPC_OP_COMPLETE || !atomic_load(&rpc->handed)) continue;
        rpc_tag *tag = event.tag;
        if (tag == &rpc->shutdown) {
            pthread_mutex_lock(&rpc->drain_lock);
            rpc->drained = true;
            pthread_cond_broadcast(&rpc->drain_changed);
            pthread_mutex_unlock(&rpc->drain_lock);
            continue;
        }
        rpc_call *call = tag->call;
        tag->done(call, event.success != 0);
        rpc_call_unref(call);
    }
}

/* ---- listening ---- */

/* Why gRPC could not listen, which it does not say: asks the system. */
static lh_code server_why_not(lh_str address, const char *host, const char *port, lh_error *err) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    int failed = getaddrinfo(host, port, &hints, &found);
    if (failed) return lh_fail(err, LH_INVALID, "grpc.host '%s': %s", host, gai_strerror(failed));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool bound = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
    int why = errno;
    if (fd >= 0) close(fd);
    freeaddrinfo(found);
    if (bound) return lh_fail(err, LH_INVALID, "the gRPC server does not start: check the TLS certificate and key");
    if (why == EADDRINUSE)
        return lh_fail(
            err, LH_IO,
            "%.*s is in use: stop what listens there, choose another grpc.port (0 picks one), or turn gRPC off "
            "with grpc.enabled = false",
            LH_STR_ARG(address));
    return lh_fail_errno(err, why, "cannot listen on %.*s", LH_STR_ARG(address));
}

static lh_code server_credentials(const lh_config *config, lh_arena *arena, grpc_server_credentials **ret,
                                  lh_error *err) {
    grpc_ssl_pem_key_cert_pair pair = {0};
    LH_TRY(lh_config_read_tls(config, arena, &pair.cert_chain, &pair.private_key, err));
    *ret = pair.cert_chain ? grpc_ssl_server_credentials_create(NULL, &pair, 1, 0, NULL)
                           : grpc_insecure_server_credentials_create();
    return *ret ? LH_OK : lh_fail(err, LH_INVALID, "the gRPC server does not start: check the TLS certificate and key");
}

static lh_code server_listen(lh_rpc *rpc, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    grpc_server_credentials *credentials = NULL;
    lh_str host = rpc->config->grpc_host;
    char port[12];
    LH_TRY(lh_arena_new(8 << 20, &arena, err));
    LH_TRY(server_credentials(rpc->config, arena, &credentials, err));
    if (lh_str_starts(host, LH_STR("[")) && lh_str_ends(host, LH_STR("]"))) host = lh_str_sub(host, 1, host.len - 2);
    bool ipv6 = lh_str_find(host, ':') < host.len;
    snprintf(port, sizeof port, "%u", (unsigned)lh_config_grpc_port(rpc->config));
    const char *open = ipv6 ? "[" : "", *close = ipv6 ? "]" : "";
    lh_str wanted = lh_arena_printf(arena, "%s%.*s%s:%s", open, LH_STR_ARG(host), close, port);
    const char *wanted_text = lh_arena_cstr(arena, wanted), *host_text = lh_arena_cstr(arena, host);
    LH_TRY(lh_arena_check(arena, err));
    int bound = grpc_server_add_http2_port(rpc->server, wanted_text, credentials);
    grpc_server_credentials_release(credentials);
    if (bound <= 0) return server_why_not(wanted, host_text, port, err);
    lh_str address = lh_arena_printf(arena, "%s%.*s%s:%d", open, LH_STR_ARG(host), close, bound);
    return lh_str_dup(address, &rpc->address) == LH_OK ? LH_OK : lh_fail(err, LH_NO_MEMORY, "gRPC: out of memory");
}

static char *server_key(const char *name) { /* gRPC's structure wants it without const, and only reads it */
    union {
        const char *in;
        char *out;
    } key = {.in = name};
    return key.out;
}

static grpc_arg server_arg(const char *name, int64_t value) {
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = server_key(name), .value.integer = (int)value};
}

static lh_code server_open(lh_rpc *rpc, lh_error *err) {
    const lh_config *config = rpc->config;
    grpc_resource_quota *quota = grpc_resource_quota_create("lakehouse");
    grpc_resource_quota_resize(quota, SERVER_MEMORY_BYTES);
    grpc_arg args[] = {
        {.type = GRPC_ARG_POINTER,
         .key = server_key(GRPC_ARG_RESOURCE_QUOTA),
         .value.pointer = {quota, grpc_resource_quota_arg_vtable()}},
        server_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, SERVER_PINGS_MS),
        server_arg(GRPC_ARG_ALLOW_REUSEPORT, 0), /* else two servers may share a port */
        server_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, config->grpc_streams_max),
        server_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, config->grpc_message_max_bytes),
        server_arg(GRPC_ARG_MAX_METADATA_SIZE, SERVER_METADATA_BYTES),
        server_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, SERVER_HANDSHAKE_MS),
        server_arg(GRPC_ARG_KEEPALIVE_TIME_MS, SERVER_KEEPALIVE_MS),
        server_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, SERVER_KEEPALIVE_WAIT_MS),
        server_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0),
        server_arg(GRPC_ARG_MAX_CONNECTION_IDLE_MS, config->server_idle_timeout_ms),
        server_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
                   1), /* none: a small message may unpack into GiB */
    };
    const grpc_channel_args all = {sizeof args / sizeof *args, args};
    rpc->queue = grpc_completion_queue_create_for_next(NULL);
    rpc->server = grpc_server_create(&all, NULL);
    grpc_resource_quota_unref(quota);
    grpc_server_register_completion_queue(rpc->server, rpc->queue, NULL);
    for (; rpc->poller_count < RPC_POLLERS; rpc->poller_count++)
        if (pthread_create(&rpc->pollers[rpc->poller_count], NULL, server_poll, rpc) != 0)
            return lh_fail(err, LH_NO_MEMORY, "gRPC: cannot start %d threads", RPC_POLLERS);
    LH_TRY(server_listen(rpc, err));
    grpc_server_start(rpc->server);
    for (int i = 0; i < SERVER_AWAITED; i++) rpc_call_await(rpc);
    return LH_OK;
}

static void server_run_call(void *call) { rpc_call_run(call); }

lh_code lh_rpc_start(const lh_config *config, lh_catalog *catalog, lh_access *access, lh_tracer *tracer, lh_rpc **ret,
                     lh_error *err) {
    LH_CLEANUP(lh_rpc_freep) lh_rpc *rpc = calloc(1, sizeof *rpc);
    if (!rpc) return lh_fail(err, LH_NO_MEMORY, "gRPC: out of memory");
    rpc->config = config;
    rpc->catalog = catalog;
    rpc->access = access;
    rpc->tracer = tracer;
    pthread_mutex_init(&rpc->drain_lock, NULL);
    lh_cond_init(&rpc->drain_changed);
    pthread_mutex_init(&rpc->watch_lock, NULL);
    pthread_mutex_init(&rpc->pump_lock, NULL);
    lh_cond_init(&rpc->pump_changed);
    gpr_set_log_function(server_log);
    grpc_init();
    LH_TRY(lh_workers_new(RPC_WORKERS, RPC_QUEUE_MAX, server_run_call, &rpc->workers, err));
    LH_TRY(rpc_watch_start(rpc, err));
    LH_TRY(server_open(rpc, err));
    *ret = lh_take(&rpc);
    return LH_OK;
}

void lh_rpc_ready(lh_rpc *rpc, lh_ingest *ingest) {
    atomic_store(&rpc->ingest, ingest);
    rpc_watch_wake(rpc); /* who watches the health */
}

lh_str lh_rpc_address(const lh_rpc *rpc) { return rpc->address; }

/* ---- stopping ---- */

void lh_rpc_drain_begin(lh_rpc *rpc) {
    if (atomic_exchange(&rpc->draining, true) || !rpc->server) return;
    rpc->drain_started_ms = lh_time_monotonic_ms();
    rpc_watch_end_all(rpc);
    atomic_fetch_add(&rpc->handed, 1);
    grpc_server_shutdown_and_notify(rpc->server, rpc->queue, &rpc->shutdown);
}

/* Waits until gRPC has no call left, `wait_ms` at most. */
static bool server_wait_drained(lh_rpc *rpc, uint64_t wait_ms) {
    const struct timespec until = lh_time_after_ms(wait_ms);
    pthread_mutex_lock(&rpc->drain_lock);
    while (!rpc->drained && pthread_cond_timedwait(&rpc->drain_changed, &rpc->drain_lock, &until) == 0) continue;
    bool drained = rpc->drained;
    pthread_mutex_unlock(&rpc->drain_lock);
    return drained;
}

void lh_rpc_drain(lh_rpc *rpc) {
    lh_rpc_drain_begin(rpc);
    if (!rpc->server || !rpc->poller_count) return;
    uint64_t max_ms = (uint64_t)rpc->config->server_drain_timeout_ms,
             gone_ms = lh_time_monotonic_ms() - rpc->drain_started_ms;
    if (server_wait_drained(rpc, gone_ms < max_ms ? max_ms - gone_ms : 0)) return;
    grpc_server_cancel_all_calls(rpc->server);
    server_wait_drained(rpc, SERVER_CANCEL_MS);
}

static void server_close(lh_rpc *rpc) {
    if (!rpc->server) return;
    pthread_mutex_lock(&rpc->drain_lock); /* no call has a handler any more, and all are cancelled */
    while (rpc->poller_count && !rpc->drained) pthread_cond_wait(&rpc->drain_changed, &rpc->drain_lock);
    pthread_mutex_unlock(&rpc->drain_lock);
    grpc_completion_queue_shutdown(rpc->queue);
    for (size_t i = 0; i < rpc->poller_count; i++) pthread_join(rpc->pollers[i], NULL);
    if (!rpc->poller_count) server_poll(rpc); /* none could be started: takes what is left */
    grpc_server_destroy(rpc->server);
    grpc_completion_queue_destroy(rpc->queue);
}

void lh_rpc_free(lh_rpc *rpc) {
    if (!rpc) return;
    lh_rpc_drain(rpc);
    lh_workers_free(rpc->workers);
    rpc_watch_stop(rpc);
    server_close(rpc);
    grpc_shutdown();
    pthread_cond_destroy(&rpc->pump_changed);
    pthread_mutex_destroy(&rpc->pump_lock);
    pthread_mutex_destroy(&rpc->watch_lock);
    pthread_cond_destroy(&rpc->drain_changed);
    pthread_mutex_destroy(&rpc->drain_lock);
    lh_str_free(rpc->address);
    free(rpc);
}

/* ---- metrics ---- */

void lh_rpc_metrics(lh_rpc *rpc, lh_buf *into) {
    lh_buf_printf(into, "# HELP lakehouse_grpc_calls_total gRPC calls that ended, by method and status.\n"
                        "# TYPE lakehouse_grpc_calls_total counter\n");
    for (size_t m = 0; m <= RPC_METHODS_MAX; m++)
        for (int s = 0; s < RPC_STATUSES; s++) {
            uint64_t count = atomic_load(&rpc->finished[m][s]);
            if (count)
                lh_buf_printf(into, "lakehouse_grpc_calls_total{method=\"%s\",status=\"%s\"} %" PRIu64 "\n",
                              m < rpc_method_count ? rpc_methods[m].path + 1 : "", rpc_status_name((grpc_status_code)s),
                              count);
        }
    pthread_mutex_lock(&rpc->watch_lock);
    size_t watches = 0;
    for (size_t i = 0; i < RPC_METHODS_MAX; i++) watches += rpc->watch_counts[i];
    pthread_mutex_unlock(&rpc->watch_lock);
    lh_buf_printf(into,
                  "# HELP lakehouse_grpc_active gRPC calls under way.\n# TYPE lakehouse_grpc_active gauge\n"
                  "lakehouse_grpc_active %" PRIu64 "\n"
                  "# HELP lakehouse_grpc_watches gRPC streams that wait for changes.\n"
                  "# TYPE lakehouse_grpc_watches gauge\nlakehouse_grpc_watches %zu\n",
                  atomic_load(&rpc->active), watches);
}
