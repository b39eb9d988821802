/* A connection that is closed while its client still sends makes the client's machine throw the answer away, or stop with a broken
 * pipe before it reads it (RFC 9112, 9.6). So of a request that is refused before its body is read the socket is kept beside
 * libmicrohttpd's: that has said the end of what we send, and its close() of its own descriptor ends nothing. What still comes is read and
 * thrown away until the client ends, or for a while: the watchdog does it, every API_WATCH_MS. `lock` guards the sockets. */
#include "api/request_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_MS = 5000,
    LINGER_READ_BYTES = 64 << 10,
    LINGER_ROUND_BYTES = 16 << 20, /* of one socket at a time, so that none keeps the watchdog */
};

void api_linger_init(api_lingering *all) { pthread_mutex_init(&all->lock, NULL); }

void api_linger_done(api_lingering *all) {
    for (size_t i = 0; i < all->count; i++) close(all->sockets[i].fd);
    all->count = 0;
    pthread_mutex_destroy(&all->lock);
}

void api_linger_add(api_lingering *all, int fd) {
    pthread_mutex_lock(&all->lock);
    int own = all->count < API_LINGERING_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (own >= 0) all->sockets[all->count++] = (api_lingerer){own, lh_time_monotonic_ms() + LINGER_MS};
    pthread_mutex_unlock(&all->lock);
}

/* Has its client ended, or gone? */
static bool linger_is_over(const api_lingerer *one) {
    char bytes[LINGER_READ_BYTES];
    ssize_t got = 1;
    for (size_t read = 0; got > 0 && read < LINGER_ROUND_BYTES; read += (size_t)got)
        got = recv(one->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    bool waits = got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
    return !waits || lh_time_monotonic_ms() > one->until_ms;
}

void api_linger_look(api_lingering *all) {
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->count;) {
        if (!linger_is_over(&all->sockets[i])) {
            i++;
            continue;
        }
        close(all->sockets[i].fd);
        all->sockets[i] = all->sockets[--all->count];
    }
    pthread_mutex_unlock(&all->lock);
}
