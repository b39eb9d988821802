/* A connection that is closed while its client still sends makes the client's machine throw the answer away, or stop with a broken
 * pipe before it reads it (RFC 9112, 9.6). So of a request that is refused before its body is read the socket is kept beside
 * libmicrohttpd's, with the end of what we send said to it (over TLS libmicrohttpd itself does not), so that its close() of its own
 * descriptor ends nothing. What still comes is read and thrown away until the client ends, or for a while: the watchdog does it, every
 * API_WATCH_MS. It alone reads and closes `sockets`, without a lock; I/O threads, which must not wait for that, put theirs into `added`.
 * Where there are too many the oldest go: who sends nothing more cannot keep others from their answers. */
#include "api/request_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_MS = 5000,
    LINGER_READ_BYTES = 64 << 10,
    LINGER_ROUND_BYTES = 16 << 20, /* of all sockets together, so that they do not keep the watchdog */
};

void api_linger_init(api_lingering *all) { pthread_mutex_init(&all->lock, NULL); }

static void linger_close_oldest(api_lingerer *sockets, size_t *count, size_t gone) {
    for (size_t i = 0; i < gone; i++) close(sockets[i].fd);
    *count -= gone;
    memmove(sockets, sockets + gone, *count * sizeof *sockets);
}

void api_linger_done(api_lingering *all) {
    linger_close_oldest(all->added, &all->added_count, all->added_count);
    linger_close_oldest(all->sockets, &all->count, all->count);
    pthread_mutex_destroy(&all->lock);
}

void api_linger_add(api_lingering *all, int fd) {
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (own < 0) return;
    shutdown(own, SHUT_WR);
    pthread_mutex_lock(&all->lock);
    if (all->added_count == API_LINGERING_MAX) linger_close_oldest(all->added, &all->added_count, 1);
    all->added[all->added_count++] = (api_lingerer){own, lh_time_monotonic_ms() + LINGER_MS};
    pthread_mutex_unlock(&all->lock);
}

static void linger_take(api_lingering *all) {
    api_lingerer added[API_LINGERING_MAX];
    pthread_mutex_lock(&all->lock);
    size_t count = all->added_count;
    memcpy(added, all->added, count * sizeof *added);
    all->added_count = 0;
    pthread_mutex_unlock(&all->lock);
    if (all->count + count > API_LINGERING_MAX)
        linger_close_oldest(all->sockets, &all->count, all->count + count - API_LINGERING_MAX);
    memcpy(all->sockets + all->count, added, count * sizeof *added);
    all->count += count;
}

/* Has its client ended, or gone? *ret: how much was read, hardly more than most_bytes. */
static bool linger_is_over(const api_lingerer *one, size_t most_bytes, size_t *ret) {
    char bytes[LINGER_READ_BYTES];
    ssize_t got = 1;
    size_t read = 0;
    for (; got > 0 && read < most_bytes; read += got > 0 ? (size_t)got : 0)
        got = recv(one->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    bool waits = got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
    *ret = read;
    return !waits || lh_time_monotonic_ms() > one->until_ms;
}

void api_linger_look(api_lingering *all) {
    size_t left = LINGER_ROUND_BYTES, kept = 0;
    linger_take(all);
    for (size_t i = 0; i < all->count; i++) {
        size_t read, share = left / (all->count - i);
        bool over = linger_is_over(&all->sockets[i], share, &read);
        left -= read < left ? read : left;
        if (over) close(all->sockets[i].fd);
        else all->sockets[kept++] = all->sockets[i];
    }
    all->count = kept;
}
