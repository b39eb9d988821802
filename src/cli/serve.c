/* `lakehouse serve`: runs the stack until SIGTERM or SIGINT, then drains it. Those two signals are blocked in
 * every thread and taken by sigwait() here, so no handler runs in the middle of anything; a second one, during
 * the drain, ends the process at once. */
#include "cli/cli_internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static sigset_t serve_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

static lh_log_level serve_log_level(lh_str word) {
    static const char *const words[] = {"debug", "info", "warn", "error", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (lh_str_eq(word, lh_str_from(words[i]))) return (lh_log_level)i;
    return LH_LOG_INFO;
}

static void serve_log_start(lh_stack *stack, const lh_config *config, uint64_t started_ms) {
    char sequence[24], entries[24], replay[24], total[24];
    lh_metastore_stats stats = lh_stack_replay(stack);
    snprintf(sequence, sizeof sequence, "%" PRIu64, stats.sequence);
    snprintf(entries, sizeof entries, "%" PRIu64, stats.replayed_entries);
    snprintf(replay, sizeof replay, "%" PRIu64, stats.replay_ms);
    snprintf(total, sizeof total, "%" PRIu64, lh_time_monotonic_ms() - started_ms);
    lh_log(LH_LOG_INFO, "ready", "version", LH_VERSION, "metastore_sequence", sequence, "replayed_entries", entries,
           "replay_ms", replay, "start_ms", total, NULL);
    if (lh_str_eq(config->auth_mode, LH_STR("off")))
        lh_log(LH_LOG_WARN,
               "authentication is off: whoever reaches this address is the local administrator, and can read and "
               "change the "
               "lake (auth.mode = \"keys\" turns it on)",
               NULL);
}

/* The first key goes to whoever starts the server, on stdout, which is not the log, and nowhere else. */
static lh_code serve_print_admin_key(lh_stack *stack, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str key;
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    LH_TRY(lh_stack_make_admin_key(stack, arena, &key, err));
    if (key.len) printf("admin key, shown this once: %.*s\n", LH_STR_ARG(key));
    fflush(stdout);
    return LH_OK;
}

/* Several servers of one lake are allowed; who starts a second one by mistake shall see it. */
static void serve_log_others(const lh_config *config) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (lh_arena_new(1 << 20, &arena, NULL) != LH_OK) return;
    lh_announced others = lh_announced_on(config->storage_root, arena);
    for (size_t i = 0; i < others.count; i++) {
        const char *url = lh_arena_cstr(arena, others.urls[i]);
        if (url) lh_log(LH_LOG_INFO, "another server serves this root too", "url", url, NULL);
    }
}

/* Before any folder is made. Another lakehouse at the address is told from another program. */
static lh_code serve_check_address(const lh_config *config, lh_error *err) {
    int failed = 0;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_http_client_freep) lh_http_client *client = NULL;
    if (lh_cli_port_is_free(config->server_listen, &failed) || failed != EADDRINUSE)
        return LH_OK; /* the server says it */
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(lh_http_client_new(&(lh_http_client_options){0}, &client, err));
    lh_str url = lh_cli_configured_url(config, arena);
    if (lh_cli_check_lakehouse(client, url, NULL) != LH_OK)
        return lh_fail(err, LH_IO, "%.*s is in use: stop what listens there, or choose another with --listen",
                       LH_STR_ARG(config->server_listen));
    lh_announced servers = lh_announced_on(config->storage_root, arena);
    if (lh_announced_has(&servers, url))
        return lh_fail(err, LH_CONFLICT, "a lakehouse serves %.*s on %.*s already", LH_STR_ARG(config->storage_root),
                       LH_STR_ARG(config->server_listen));
    return lh_fail(err, LH_CONFLICT,
                   "another lakehouse, of another root, listens on %.*s: choose another address with --listen, as "
                   "--listen 127.0.0.1:0",
                   LH_STR_ARG(config->server_listen));
}

static lh_code serve_start(const lh_config *config, lh_stack **ret, lh_error *err) {
    uint64_t started_ms = lh_time_monotonic_ms();
    LH_CLEANUP(lh_stack_closep) lh_stack *stack = NULL;
    LH_TRY(serve_check_address(config, err));
    LH_TRY(lh_stack_listen(config, config->grpc_enabled, &stack, err));
    printf("listening on %.*s\n", LH_STR_ARG(lh_stack_url(stack)));
    lh_str grpc = lh_stack_grpc(stack);
    if (grpc.len) printf("grpc on %.*s\n", LH_STR_ARG(grpc));
    fflush(stdout);
    LH_TRY(serve_print_admin_key(stack, err));
    serve_log_others(config); /* the engine takes another working folder */
    LH_TRY(lh_stack_ready(stack, err));
    LH_TRY(lh_stack_announce(stack, err));
    LH_TRY(lh_stack_maintain(stack, err));
    LH_TRY(lh_stack_follow(stack, err));
    lh_stack_map(stack);
    serve_log_start(stack, config, started_ms);
    *ret = lh_take(&stack);
    return LH_OK;
}

/* Blocks until a signal to stop; later signals then have their default effect again. */
static void serve_wait(void) {
    sigset_t set = serve_signals();
    int got = 0;
    while (sigwait(&set, &got) != 0) continue;
    lh_log(LH_LOG_INFO, "stopping", "signal", got == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int lh_cli_serve(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    const lh_cli_flag flags[] = {
        LH_CLI_CONFIG_FLAGS(source),
        {.name = "listen",
         .value_name = "HOST:PORT",
         .help = "where to listen (default 127.0.0.1:3100; port 0 picks one)",
         .text = &source.listen},
    };
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, NULL);
    if (status >= 0) return status;
    lh_error err = {0};
    lh_config config;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (lh_arena_new(8 << 20, &arena, &err) != LH_OK || lh_cli_config(&source, arena, &config, &err) != LH_OK)
        return lh_cli_fail(&err);
    lh_log_set_level(serve_log_level(config.log_level));
    sigset_t set = serve_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    LH_CLEANUP(lh_stack_closep) lh_stack *stack = NULL;
    if (serve_start(&config, &stack, &err) != LH_OK) return lh_cli_fail(&err);
    serve_wait();
    lh_stack_close(lh_take(&stack));
    lh_log(LH_LOG_INFO, "stopped", NULL);
    return LH_EXIT_DONE;
}
