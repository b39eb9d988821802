/* The suite of all buckets over a real S3 server (versitygw), and what only S3 has: answers that get lost on the way.
 * For that a proxy stands between: it passes bytes on and, when told to, answers 503 itself, closes the connection
 * at once, or lets the server do the work and swallows its answer. */
#include "storage/bucket_suite.h"
#include "storage/s3_internal.h"
#include "storage/s3_test_server.h"

#include <poll.h>
#include <stdatomic.h>

static struct {
    s3_test_server server;
} here;

static lh_bucket *open_url(const char *url, unsigned retries) {
    lh_bucket *bucket = NULL;
    lh_error err = {0};
    lh_s3_options options = s3_test_options(url);
    options.retries = retries;
    CHECK_OK(lh_bucket_open_s3(&options, &bucket, &err));
    return bucket;
}
static lh_bucket *suite_open(void) { return open_url(here.server.url, 4); }

/* ---- the proxy ---- */

typedef enum { PROXY_PASS, PROXY_503, PROXY_CLOSE, PROXY_SWALLOW } proxy_fault;
typedef struct proxy {
    int listen_fd, port, upstream_port;
    pthread_t thread;
    atomic_int fault, times; /* what to do to the next `times` requests that hold `needle` */
    _Atomic(const char *) needle;
    atomic_int connections, hits;
    char url[64];
} proxy;

static bool proxy_send(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* A request's first bytes: which fault is it to meet? */
static proxy_fault proxy_judge(proxy *p, const char *head) {
    const char *needle = atomic_load(&p->needle);
    if (atomic_load(&p->times) <= 0 || !needle || !strstr(head, needle)) return PROXY_PASS;
    atomic_fetch_sub(&p->times, 1);
    atomic_fetch_add(&p->hits, 1);
    return (proxy_fault)atomic_load(&p->fault);
}

/* Passes on until a side closes. A piece from the client that starts like a request is one: our client sends its head at once. */
static void proxy_serve(proxy *p, int client, int upstream) {
    static const char busy[] = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char buffer[64 << 10];
    struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = upstream, .events = POLLIN}};
    proxy_fault fault = PROXY_PASS;
    while (poll(fds, 2, -1) > 0) {
        if (fds[1].revents) {
            ssize_t got = recv(upstream, buffer, sizeof buffer, 0);
            if (got <= 0 || fault == PROXY_SWALLOW || !proxy_send(client, buffer, (size_t)got)) return;
        }
        if (fds[0].revents) {
            ssize_t got = recv(client, buffer, sizeof buffer - 1, 0);
            if (got <= 0) return;
            buffer[got] = '\0';
            bool request = !strncmp(buffer, "PUT ", 4) || !strncmp(buffer, "GET ", 4) || !strncmp(buffer, "POST ", 5) ||
                           !strncmp(buffer, "HEAD ", 5) || !strncmp(buffer, "DELETE ", 7);
            if (request) fault = proxy_judge(p, buffer);
            if (fault == PROXY_CLOSE) return;
            if (fault == PROXY_503) {
                (void)proxy_send(client, busy, sizeof busy - 1);
                return;
            }
            if (!proxy_send(upstream, buffer, (size_t)got)) return;
        }
    }
}

typedef struct proxy_pair {
    proxy *p;
    int client;
} proxy_pair;
static void *proxy_connection(void *ctx) {
    proxy_pair pair = *(proxy_pair *)ctx;
    free(ctx);
    int upstream = s3_test_connect(pair.p->upstream_port);
    if (upstream >= 0) {
        proxy_serve(pair.p, pair.client, upstream);
        close(upstream);
    }
    close(pair.client);
    atomic_fetch_sub(&pair.p->connections, 1);
    return NULL;
}

static void *proxy_main(void *ctx) {
    proxy *p = ctx;
    for (int fd; (fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
        pthread_t thread;
        proxy_pair *pair = malloc(sizeof *pair);
        if (!pair) abort();
        *pair = (proxy_pair){p, fd};
        atomic_fetch_add(&p->connections, 1);
        if (pthread_create(&thread, NULL, proxy_connection, pair) != 0) abort();
        pthread_detach(thread);
    }
    return NULL;
}

static proxy *proxy_start(void) {
    proxy *p = calloc(1, sizeof *p);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    CHECK(p != NULL);
    p->upstream_port = here.server.port;
    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(p->listen_fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(p->listen_fd, 64) == 0);
    CHECK(getsockname(p->listen_fd, (struct sockaddr *)&at, &size) == 0);
    snprintf(p->url, sizeof p->url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    CHECK(pthread_create(&p->thread, NULL, proxy_main, p) == 0);
    return p;
}

static void proxy_stop(proxy *p) { /* its clients are closed by now */
    shutdown(p->listen_fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    while (atomic_load(&p->connections) > 0) lh_time_sleep_ms(1);
    close(p->listen_fd);
    free(p);
}

static void proxy_plan(proxy *p, proxy_fault fault, int times, const char *needle) {
    atomic_store(&p->hits, 0);
    atomic_store(&p->fault, (int)fault);
    atomic_store(&p->needle, needle);
    atomic_store(&p->times, times);
}

/* ---- faults ---- */

static void test_s3__what_may_pass_is_tried_again(void) {
    SUITE;
    proxy *p = proxy_start();
    suite over = {.bucket = open_url(p->url, 3)};
    static const proxy_fault faults[] = {PROXY_503, PROXY_CLOSE, PROXY_SWALLOW};
    CHECK_OK(lh_arena_new(1 << 20, &over.arena, &err));
    for (size_t i = 0; i < 3; i++) {
        lh_object_page page;
        proxy_plan(p, faults[i], 2, "fault/a");
        suite_put(&over, "fault/a", "text");
        CHECK(atomic_load(&p->hits) == 2);
        proxy_plan(p, faults[i], 2, "fault/a");
        CHECK_STR(suite_get(&over, "fault/a"), LH_STR("text"));
        CHECK(atomic_load(&p->hits) == 2);
        proxy_plan(p, faults[i], 2, "list-type");
        CHECK_OK(lh_bucket_list(over.bucket, LH_STR("fault/"), LH_STR_NONE, 10, over.arena, &page, &err));
        CHECK(page.count == 1 && atomic_load(&p->hits) == 2);
        proxy_plan(p, faults[i], 2, "fault/a");
        CHECK_OK(lh_bucket_delete(over.bucket, LH_STR("fault/a"), LH_STR_NONE, &err));
    }
    proxy_plan(p, PROXY_503, 4, "fault/a"); /* one more than it tries */
    CHECK(lh_bucket_put(over.bucket, LH_STR("fault/a"), LH_STR("x"), SUITE_ANY, NULL, &err) == LH_UNAVAILABLE);
    CHECK(atomic_load(&p->hits) == 4);
    suite_done(&over);
    proxy_stop(p);
}

static void test_s3__a_conditional_put_whose_answer_got_lost_is_known_as_ours(void) {
    SUITE;
    proxy *p = proxy_start();
    suite over = {.bucket = open_url(p->url, 3)};
    lh_object_info first, second;
    proxy_plan(p, PROXY_SWALLOW, 1, "PUT ");
    CHECK_OK(lh_bucket_put(over.bucket, LH_STR("lost/a"), LH_STR("mine"), SUITE_ABSENT, &first,
                           &err)); /* the second try meets the first one's object */
    CHECK(atomic_load(&p->hits) == 1);
    CHECK_STR(suite_get(&s, "lost/a"), LH_STR("mine"));
    proxy_plan(p, PROXY_SWALLOW, 1, "PUT ");
    CHECK_OK(lh_bucket_put(over.bucket, LH_STR("lost/a"), LH_STR("again"),
                           (lh_put_condition){.if_etag = lh_str_from(first.etag)}, &second, &err));
    CHECK(atomic_load(&p->hits) == 1 && strcmp(first.etag, second.etag) != 0);
    CHECK_STR(suite_get(&s, "lost/a"), LH_STR("again"));
    /* and a stranger's object is not taken for ours */
    proxy_plan(p, PROXY_503, 1, "PUT ");
    CHECK(lh_bucket_put(over.bucket, LH_STR("lost/a"), LH_STR("again"), SUITE_ABSENT, NULL, &err) == LH_CONFLICT);
    proxy_plan(p, PROXY_SWALLOW, 1, "PUT ");
    CHECK(lh_bucket_put(over.bucket, LH_STR("lost/a"), LH_STR("again"), SUITE_ABSENT, NULL, &err) == LH_CONFLICT);
    suite_done(&over);
    proxy_stop(p);
}

static void test_s3__a_multipart_upload_survives_lost_parts_and_a_lost_end(void) {
    SUITE;
    enum { SIZE = 18 << 20 };
    LH_CLEANUP(lh_free_pointer) char *bytes = suite_pattern(SIZE, 5);
    static const char *const needles[] = {"partNumber=2", "uploads=", "POST /lake/parts/x?uploadId"};
    for (size_t i = 0; i < 3; i++) {
        proxy *p = proxy_start();
        suite over = {.bucket = open_url(p->url, 3)};
        char key[] = "parts/x";
        CHECK_OK(lh_bucket_delete(s.bucket, lh_str_from(key), LH_STR_NONE, &err));
        proxy_plan(p, PROXY_SWALLOW, 1, needles[i]);
        CHECK_OK(lh_bucket_put(over.bucket, lh_str_from(key), (lh_str){bytes, SIZE}, SUITE_ABSENT, NULL, &err));
        CHECK(atomic_load(&p->hits) == 1);
        lh_str text = suite_get(&s, key);
        CHECK(text.len == SIZE && memcmp(text.ptr, bytes, SIZE) == 0);
        suite_done(&over);
        proxy_stop(p);
    }
}

/* ---- opening ---- */

static void test_s3__opening_says_what_is_wrong(void) {
    lh_bucket *bucket = NULL;
    lh_error err = {0};
    lh_s3_options good = s3_test_options(here.server.url), bad = good;
    bad.retries = 0;
    bad.bucket = LH_STR("missing");
    CHECK(lh_bucket_open_s3(&bad, &bucket, &err) == LH_NOT_FOUND);
    bad.bucket = good.bucket;
    bad.secret_key = LH_STR("wrongsecret");
    CHECK(lh_bucket_open_s3(&bad, &bucket, &err) == LH_DENIED);
    CHECK(!strstr(err.message, "wrongsecret"));
    bad.secret_key = good.secret_key;
    char deaf[64];
    snprintf(deaf, sizeof deaf, "http://127.0.0.1:%d", s3_test_free_port()); /* nobody listens */
    bad.endpoint = lh_str_from(deaf);
    CHECK(lh_bucket_open_s3(&bad, &bucket, &err) == LH_UNAVAILABLE);
    static const char *const endpoints[] = {
        "", "127.0.0.1:9000", "ftp://x", "http://", "http://user:pass@host", "http://a b", "https://h/?q"};
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        bad.endpoint = lh_str_from(endpoints[i]);
        CHECK(lh_bucket_open_s3(&bad, &bucket, &err) == LH_INVALID);
    }
    bad.endpoint = good.endpoint;
    static const char *const names[] = {"", "ab", "UPPER", "a/b/c", "../lake"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bad.bucket = lh_str_from(names[i]);
        CHECK(lh_bucket_open_s3(&bad, &bucket, &err) == LH_INVALID);
    }
    CHECK(bucket == NULL);
}

static void test_s3__foreign_location_schemes_map_to_keys(void) {
    SUITE;
    lh_str key;
    CHECK_OK(lh_bucket_key_of(s.bucket, LH_STR("s3a://lake/t/x"), s.arena, &key, &err));
    CHECK_STR(key, LH_STR("t/x"));
    CHECK_STR(lh_bucket_location(s.bucket, LH_STR("t/x"), s.arena), LH_STR("s3://lake/t/x"));
    CHECK(!lh_bucket_is_local(s.bucket, LH_STR("t/x")));
}

int main(void) {
    lh_test tests[] = {
        SUITE_TESTS,
        LH_TEST(test_s3__what_may_pass_is_tried_again),
        LH_TEST(test_s3__a_conditional_put_whose_answer_got_lost_is_known_as_ours),
        LH_TEST(test_s3__a_multipart_upload_survives_lost_parts_and_a_lost_end),
        LH_TEST(test_s3__opening_says_what_is_wrong),
        LH_TEST(test_s3__foreign_location_schemes_map_to_keys),
    };
    here.server = s3_test_server_start();
    int failed = lh_test_main(tests, sizeof tests / sizeof *tests);
    s3_test_server_stop(&here.server);
    return failed != 0;
}
