/* Who listens at an address, and may we? Asked before `serve` makes any folder, by `doctor`, and by every client. */
#include "cli/cli_internal.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

bool lh_cli_port_is_free(lh_str listen, int *ret_errno) {
    char host[256], port[16];
    lh_str rest = listen;
    size_t colon = listen.len;
    while (colon && listen.ptr[colon - 1] != ':') colon--;
    rest.len = colon ? colon - 1 : 0;
    if (rest.len >= 2 && rest.ptr[0] == '[') rest = lh_str_sub(rest, 1, rest.len - 2);
    *ret_errno = EINVAL;
    if (lh_str_to_cstr(rest, host, sizeof host, NULL) != LH_OK ||
        lh_str_to_cstr(lh_str_sub(listen, colon, SIZE_MAX), port, sizeof port, NULL) != LH_OK)
        return false;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    if (getaddrinfo(*host ? host : NULL, port, &hints, &found) != 0) return false;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    bool free_port = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                     bind(fd, found->ai_addr, found->ai_addrlen) == 0;
    *ret_errno = free_port ? 0 : errno;
    if (fd >= 0) close(fd);
    freeaddrinfo(found);
    return free_port;
}

lh_str lh_cli_configured_url(const lh_config *config, lh_arena *arena) {
    return lh_arena_printf(arena, "%s://%.*s", config->server_tls_key.len ? "https" : "http",
                           LH_STR_ARG(config->server_listen));
}

lh_code lh_cli_check_lakehouse(lh_http_client *client, lh_str url, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_http_answer answer = {0};
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    const lh_http_call call = {.method = "GET",
                               .url = lh_arena_printf(arena, "%.*s/health", LH_STR_ARG(url)),
                               .answer_max_bytes = 64 << 10,
                               .timeout_ms = 3000};
    LH_TRY(lh_http_do(client, &call, arena, &answer, err));
    return answer.status == 200
               ? LH_OK
               : lh_fail(err, LH_UNAVAILABLE, "another program listens there (GET /health is %d)", answer.status);
}
