#include "api/request_internal.h"
#include "base/test.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEST_SOCKETS = API_LINGERING_MAX + 10, TEST_FULL = 16 };

typedef struct pair {
    int server, client;
} pair;

static pair pair_new(api_lingering *all) {
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    api_linger_add(all, fds[0]);
    return (pair){fds[0], fds[1]};
}

/* libmicrohttpd closes its own. */
static void pair_left(pair *p) { close(p->server); }

static bool pair_reads(const pair *p) { return send(p->client, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1; }

static void test_linger__it_says_the_end_and_reads_on(void) {
    api_lingering all = {0};
    char byte;
    api_linger_init(&all);
    pair p = pair_new(&all);
    CHECK(recv(p.client, &byte, 1, MSG_DONTWAIT) == 0); /* over TLS nobody else has said it */
    pair_left(&p);
    for (int i = 0; i < 3; i++) {
        CHECK(pair_reads(&p));
        api_linger_look(&all);
        CHECK(all.count == 1);
    }
    close(p.client);
    api_linger_look(&all);
    CHECK(all.count == 0);
    api_linger_done(&all);
}

static void check_newest(bool looked_between) {
    api_lingering all = {0};
    pair pairs[TEST_SOCKETS];
    api_linger_init(&all);
    for (size_t i = 0; i < TEST_SOCKETS; i++) {
        pairs[i] = pair_new(&all);
        pair_left(&pairs[i]);
        if (looked_between && i % 7 == 0) api_linger_look(&all);
    }
    api_linger_look(&all);
    CHECK(all.count == API_LINGERING_MAX);
    for (size_t i = 0; i < TEST_SOCKETS; i++) {
        CHECK(pair_reads(&pairs[i]) == (i >= TEST_SOCKETS - API_LINGERING_MAX));
        if (i % 2) close(pairs[i].client);
    }
    api_linger_look(&all);
    CHECK(all.count == API_LINGERING_MAX / 2);
    api_linger_done(&all);
    for (size_t i = 0; i < TEST_SOCKETS; i += 2) {
        CHECK(!pair_reads(&pairs[i]));
        close(pairs[i].client);
    }
}

static void test_linger__the_oldest_go(void) {
    check_newest(false);
    check_newest(true);
}

/* Of TCP, of which the kernel holds megabytes; full. Adds what was sent. */
static pair pair_new_full(api_lingering *all, size_t *sent) {
    static const char bytes[64 << 10];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0 && client >= 0 && bind(listener, (void *)&address, size) == 0 && listen(listener, 1) == 0);
    CHECK(getsockname(listener, (void *)&address, &size) == 0 && connect(client, (void *)&address, size) == 0);
    pair p = {accept(listener, NULL, NULL), client};
    CHECK(p.server >= 0);
    close(listener);
    for (ssize_t got = 1; got > 0; *sent += got > 0 ? (size_t)got : 0)
        got = send(client, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    api_linger_add(all, p.server);
    pair_left(&p);
    return p;
}

static void test_linger__a_round_has_one_bound_for_all(void) {
    static char bytes[64 << 10];
    const size_t bound = (16 << 20) + TEST_FULL * sizeof bytes;
    api_lingering all = {0};
    pair pairs[TEST_FULL];
    size_t sent = 0, left = 0;
    api_linger_init(&all);
    for (size_t i = 0; i < TEST_FULL; i++) pairs[i] = pair_new_full(&all, &sent);
    api_linger_look(&all);
    CHECK(all.count == TEST_FULL);
    for (size_t i = 0; i < TEST_FULL; i++) shutdown(pairs[i].client, SHUT_WR);
    for (size_t i = 0; i < TEST_FULL; i++)
        for (ssize_t got = 1; got > 0; left += got > 0 ? (size_t)got : 0)
            got = recv(all.sockets[i].fd, bytes, sizeof bytes, 0);
    CHECK(left <= sent && sent - left <= bound);
    for (size_t i = 0; i < TEST_FULL; i++) close(pairs[i].client);
    api_linger_done(&all);
}

LH_TEST_MAIN(LH_TEST(test_linger__it_says_the_end_and_reads_on), LH_TEST(test_linger__the_oldest_go),
             LH_TEST(test_linger__a_round_has_one_bound_for_all))
