/* Against a small real server of this test: one thread, one connection after another, kept alive. */
#include "base/http_client.h"
#include "base/test.h"
#include "base/trace.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct fake_server {
    int listen_fd, port;
    pthread_t thread;
    atomic_int connections;
    char request[64 << 10]; /* the one at hand: head and body */
    size_t request_len, head_len;
    pthread_mutex_t lock;
    char whole[64 << 10]; /* under lock: the last one that came whole */
} fake_server;

static bool fake_send(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* One request into server->request; false when the client went away. */
static bool fake_receive(fake_server *server, int fd) {
    server->request_len = server->head_len = 0;
    size_t need = SIZE_MAX;
    while (server->request_len < need) {
        ssize_t got =
            recv(fd, server->request + server->request_len, sizeof server->request - 1 - server->request_len, 0);
        if (got <= 0) return false;
        server->request_len += (size_t)got;
        server->request[server->request_len] = '\0';
        const char *end = strstr(server->request, "\r\n\r\n"),
                   *length = strcasestr(server->request, "\r\nContent-Length: ");
        if (!end) continue;
        server->head_len = (size_t)(end - server->request) + 4;
        if (strncmp(server->request, "PUT /refused", 12) == 0 &&
            strcasestr(server->request, "\r\nExpect: 100-continue\r\n"))
            break;
        need = server->head_len + (length && length < end ? strtoul(length + 18, NULL, 10) : 0);
    }
    pthread_mutex_lock(&server->lock);
    memcpy(server->whole, server->request, server->request_len + 1);
    pthread_mutex_unlock(&server->lock);
    return true;
}

static bool fake_is(const fake_server *server, const char *path) {
    const char *at = strchr(server->request, ' ');
    return at && strncmp(at + 1, path, strlen(path)) == 0;
}

static bool fake_answer(fake_server *server, int fd) { /* false: close */
    char head[256];
    if (fake_is(server, "/drop")) return false;
    if (fake_is(server, "/silent")) {
        char byte;
        while (recv(fd, &byte, 1, 0) > 0) continue; /* until the client gives up */
        return false;
    }
    if (fake_is(server, "/short")) return fake_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 42), false;
    if (fake_is(server, "/refused")) /* and the connection with it: its body was not read */
        return fake_send(fd, "HTTP/1.1 403 Forbidden\r\nX: y\r\nContent-Length: 2\r\n\r\nno", 53), false;
    if (fake_is(server, "/away"))
        return fake_send(fd, "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n", 58);
    if (fake_is(server, "/big")) {
        static const char block[100000] = {'x'};
        if (!fake_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n", 45)) return false;
        for (int i = 0; i < 100; i++)
            if (!fake_send(fd, block, sizeof block)) return false;
        return true;
    }
    size_t body = server->request_len - server->head_len;
    bool head_only = strncmp(server->request, "HEAD ", 5) == 0;
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 418 Teapot\r\nX-Mixed-CASE:  padded "
                     "\r\nContent-Length: %zu\r\n\r\n",
                     body);
    return fake_send(fd, head, (size_t)n) && (head_only || fake_send(fd, server->request + server->head_len, body));
}

static void *fake_main(void *ctx) {
    fake_server *server = ctx;
    for (int fd; (fd = accept(server->listen_fd, NULL, NULL)) >= 0; close(fd)) {
        atomic_fetch_add(&server->connections, 1);
        while (fake_receive(server, fd) && fake_answer(server, fd)) continue;
    }
    return NULL;
}

static void fake_start(fake_server *server) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    memset(server, 0, sizeof *server);
    pthread_mutex_init(&server->lock, NULL);
    server->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(server->listen_fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(server->listen_fd, 16) == 0);
    CHECK(getsockname(server->listen_fd, (struct sockaddr *)&at, &size) == 0);
    server->port = ntohs(at.sin_port);
    CHECK(pthread_create(&server->thread, NULL, fake_main, server) == 0);
}

static void fake_stop(fake_server *server) { /* the client is freed by now */
    shutdown(server->listen_fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listen_fd);
}

typedef struct fixture {
    fake_server server;
    lh_http_client *client;
    lh_arena *arena;
    lh_http_answer answer;
    lh_error err;
} fixture;

static fixture *fixture_with(uint64_t idle_timeout_ms) {
    fixture *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    fake_start(&f->server);
    lh_http_client_options options = {.connections_max = 2, .idle_timeout_ms = idle_timeout_ms};
    CHECK(lh_http_client_new(&options, &f->client, &f->err) == LH_OK);
    CHECK(lh_arena_new(32 << 20, &f->arena, &f->err) == LH_OK);
    return f;
}

/* No answer takes that long, however slow the machine. */
static fixture *fixture_new(void) { return fixture_with(60000); }

static void fixture_free(fixture *f) {
    lh_http_client_free(f->client);
    fake_stop(&f->server);
    lh_arena_free(f->arena);
    free(f);
}

static const char *fixture_request(fixture *f) {
    pthread_mutex_lock(&f->server.lock);
    lh_str copy = lh_arena_dup(f->arena, lh_str_from(f->server.whole));
    pthread_mutex_unlock(&f->server.lock);
    CHECK(copy.ptr);
    return copy.ptr; /* with a NUL behind it */
}

static lh_code fixture_do(fixture *f, const char *path, lh_http_call call) {
    call.url = lh_arena_printf(f->arena, "http://127.0.0.1:%d%s", f->server.port, path);
    return lh_http_do(f->client, &call, f->arena, &f->answer, &f->err);
}

static void test_http_client__sends_what_it_was_given_and_returns_status_headers_and_body(void) {
    fixture *f = fixture_new();
    lh_http_header headers[] = {{LH_STR("X-One"), LH_STR("a b")}, {LH_STR("X-Empty"), LH_STR("")}};
    lh_error err = {0};
    CHECK_OK(fixture_do(
        f, "/a/../echo%2F?z=1&a=2",
        (lh_http_call){.method = "PUT", .headers = headers, .header_count = 2, .body = LH_STR("hello\0there")}));
    CHECK(f->answer.status == 418);
    CHECK_STR(f->answer.body, LH_STR("hello\0there"));
    CHECK_STR(lh_http_answer_header(&f->answer, "x-mixed-case"), LH_STR("padded"));
    CHECK_STR(lh_http_answer_header(&f->answer, "x-early"), LH_STR("")); /* of the interim answer */
    CHECK(strncmp(fixture_request(f), "PUT /a/../echo%2F?z=1&a=2 HTTP/1.1\r\n", 36) == 0);
    CHECK(strstr(fixture_request(f), "\r\nX-One: a b\r\n") && strstr(fixture_request(f), "\r\nX-Empty:\r\n"));
    CHECK(!strcasestr(fixture_request(f), "Expect:") && !strcasestr(fixture_request(f), "Content-Type:"));
    CHECK(!strcasestr(fixture_request(f), "Transfer-Encoding:"));
    fixture_free(f);
}

static void test_http_client__sends_the_traceparent_of_the_span_it_runs_in(void) {
    fixture *f = fixture_new();
    lh_error err = {0};
    lh_span root, child;
    char header[56];
    CHECK_OK(fixture_do(f, "/echo", (lh_http_call){.method = "GET"}));
    CHECK(!strcasestr(fixture_request(f), "traceparent"));
    lh_span_begin_root(NULL, "root", LH_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &root);
    lh_span_begin("child", &child);
    snprintf(header, sizeof header, "00-4bf92f3577b34da6a3ce929d0e0e4736-%s-01", child.span_id);
    CHECK_OK(fixture_do(f, "/echo", (lh_http_call){.method = "GET"}));
    const char *sent = strstr(fixture_request(f), "\r\ntraceparent: ");
    CHECK(sent != NULL && strncmp(sent + 15, header, 55) == 0 && strncmp(sent + 70, "\r\n", 2) == 0);
    CHECK(!strstr(sent + 15, "traceparent") && !strstr(header, "00f067aa0ba902b7")); /* the caller's span is not ours */
    lh_span_end(&child, LH_OK);
    lh_span_end(&root, LH_OK);
    CHECK_OK(fixture_do(f, "/echo", (lh_http_call){.method = "GET"}));
    CHECK(!strcasestr(fixture_request(f), "traceparent"));
    fixture_free(f);
}

static void test_http_client__connection_is_kept_for_the_next_call(void) {
    fixture *f = fixture_new();
    lh_error err = {0};
    for (int i = 0; i < 5; i++) CHECK_OK(fixture_do(f, "/echo", (lh_http_call){.method = i % 2 ? "GET" : "POST"}));
    CHECK_OK(fixture_do(f, "/echo", (lh_http_call){.method = "HEAD"}));
    CHECK_OK(fixture_do(f, "/echo", (lh_http_call){.method = "DELETE"}));
    CHECK(atomic_load(&f->server.connections) == 1);
    fixture_free(f);
}

static void test_http_client__dropped_short_or_silent_answers_are_unavailable(void) {
    fixture *f = fixture_with(1000);
    CHECK(fixture_do(f, "/drop", (lh_http_call){.method = "GET"}) == LH_UNAVAILABLE);
    CHECK(fixture_do(f, "/short", (lh_http_call){.method = "GET"}) == LH_UNAVAILABLE);
    CHECK(fixture_do(f, "/silent", (lh_http_call){.method = "GET"}) == LH_UNAVAILABLE); /* idle_timeout_ms */
    CHECK(fixture_do(f, "/silent", (lh_http_call){.method = "GET", .timeout_ms = 50}) == LH_UNAVAILABLE);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int deaf = socket(AF_INET, SOCK_STREAM, 0); /* bound, not listening */
    CHECK(bind(deaf, (struct sockaddr *)&at, sizeof at) == 0 && getsockname(deaf, (struct sockaddr *)&at, &size) == 0);
    f->server.port = ntohs(at.sin_port);
    CHECK(fixture_do(f, "/", (lh_http_call){.method = "GET"}) == LH_UNAVAILABLE);
    close(deaf);
    CHECK(f->answer.status == 0); /* untouched */
    fixture_free(f);
}

static void test_http_client__redirects_are_not_followed_and_other_schemes_not_opened(void) {
    fixture *f = fixture_new();
    lh_error err = {0};
    CHECK_OK(fixture_do(f, "/away", (lh_http_call){.method = "GET"}));
    CHECK(f->answer.status == 302);
    lh_http_call call = {.method = "GET", .url = LH_STR("file:///etc/hostname")};
    CHECK(lh_http_do(f->client, &call, f->arena, &f->answer, &err) == LH_INVALID);
    fixture_free(f);
}

static void test_http_client__line_breaks_cannot_be_smuggled_into_headers_or_url(void) {
    fixture *f = fixture_new();
    lh_http_header bad[] = {{LH_STR("X"), LH_STR("a\r\nY: b")}};
    CHECK(fixture_do(f, "/", (lh_http_call){.method = "GET", .headers = bad, .header_count = 1}) == LH_INVALID);
    bad[0] = (lh_http_header){LH_STR("X: y\n"), LH_STR("a")};
    CHECK(fixture_do(f, "/", (lh_http_call){.method = "GET", .headers = bad, .header_count = 1}) == LH_INVALID);
    CHECK(fixture_do(f, "/ HTTP/1.1\r\nX: y", (lh_http_call){.method = "GET"}) == LH_INVALID);
    CHECK(atomic_load(&f->server.connections) == 0);
    fixture_free(f);
}

typedef struct stream {
    uint64_t left, got;
    int status, told;
    lh_code answer;
} stream;
static lh_code stream_read(void *ctx, char *into, size_t cap_bytes, size_t *ret_len) {
    stream *s = ctx;
    size_t give = s->left < 1000 ? (size_t)s->left : 1000;
    if (give > cap_bytes) give = cap_bytes;
    memset(into, 'r', give);
    s->left -= give;
    *ret_len = give;
    return s->answer;
}
static lh_code stream_write(void *ctx, lh_str data) {
    stream *s = ctx;
    s->got += data.len;
    return s->answer;
}
static lh_code stream_headers(void *ctx, int status, const lh_http_header *headers, size_t count) {
    stream *s = ctx;
    s->status = status;
    s->told++;
    return headers && count ? LH_OK : LH_INTERNAL;
}

static void test_http_client__bodies_stream_both_ways(void) {
    fixture *f = fixture_new();
    lh_error err = {0};
    stream out = {.left = 30000}, in = {0};
    CHECK_OK(fixture_do(f, "/echo",
                        (lh_http_call){.method = "PUT",
                                       .read = stream_read,
                                       .read_ctx = &out,
                                       .body_bytes = 30000,
                                       .write = stream_write,
                                       .write_ctx = &in,
                                       .on_headers = stream_headers}));
    CHECK(out.left == 0 && in.got == 30000 && in.status == 418 && in.told == 1);
    in = (stream){0};
    CHECK_OK(fixture_do(f, "/big", (lh_http_call){.method = "GET", .write = stream_write, .write_ctx = &in}));
    CHECK(in.got == 10000000);
    fixture_free(f);
}

static void test_http_client__a_long_stream_that_is_refused_is_not_sent(void) {
    fixture *f = fixture_new();
    lh_error err = {0};
    stream out = {.left = 3000000}, in = {0};
    CHECK_OK(fixture_do(f, "/refused",
                        (lh_http_call){.method = "PUT",
                                       .read = stream_read,
                                       .read_ctx = &out,
                                       .body_bytes = 3000000,
                                       .write = stream_write,
                                       .write_ctx = &in,
                                       .on_headers = stream_headers}));
    CHECK(in.status == 403 && in.got == 2 && out.left == 3000000);
    CHECK_OK(fixture_do(f, "/echo", (lh_http_call){.method = "GET"}));
    fixture_free(f);
}

static void test_http_client__a_callbacks_code_is_the_calls_code(void) {
    fixture *f = fixture_new();
    lh_error err = {0};
    stream s = {.left = 3000, .answer = LH_DENIED};
    CHECK(fixture_do(f, "/echo",
                     (lh_http_call){.method = "PUT", .read = stream_read, .read_ctx = &s, .body_bytes = 3000}) ==
          LH_DENIED);
    CHECK(fixture_do(f, "/big", (lh_http_call){.method = "GET", .write = stream_write, .write_ctx = &s}) == LH_DENIED);
    s = (stream){.left = 100};
    CHECK(fixture_do(f, "/echo",
                     (lh_http_call){.method = "PUT", .read = stream_read, .read_ctx = &s, .body_bytes = 3000}) ==
          LH_INVALID);
    _Atomic bool cancelled = true;
    CHECK(fixture_do(f, "/silent", (lh_http_call){.method = "GET", .cancelled = &cancelled}) == LH_CANCELLED);
    CHECK_OK(fixture_do(f, "/echo", (lh_http_call){.method = "GET"})); /* and the handles still serve */
    fixture_free(f);
}

static void test_http_client__answer_over_its_cap_is_refused(void) {
    fixture *f = fixture_new();
    CHECK(fixture_do(f, "/big", (lh_http_call){.method = "GET", .answer_max_bytes = 9999999}) == LH_LIMIT);
    CHECK(fixture_do(f, "/big", (lh_http_call){.method = "GET", .answer_max_bytes = 10000000}) == LH_OK);
    CHECK(f->answer.body.len == 10000000);
    fixture_free(f);
}

static void *caller_main(void *ctx) {
    fixture *f = ctx;
    lh_arena *arena = NULL;
    lh_code code = lh_arena_new(1 << 20, &arena, NULL);
    lh_http_call call = {.method = "GET", .url = LH_STR_NONE};
    lh_http_answer answer = {0};
    call.url = lh_arena_printf(arena, "http://127.0.0.1:%d/drop", f->server.port);
    for (int i = 0; i < 20 && code == LH_OK; i++)
        if (lh_http_do(f->client, &call, arena, &answer, NULL) != LH_UNAVAILABLE) code = LH_INTERNAL;
    lh_arena_free(arena);
    return code == LH_OK ? f : NULL;
}

static void test_http_client__more_threads_than_connections_wait_their_turn(void) {
    fixture *f = fixture_new();
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) CHECK(pthread_create(&threads[i], NULL, caller_main, f) == 0);
    for (int i = 0; i < 6; i++) {
        void *done = NULL;
        pthread_join(threads[i], &done);
        CHECK(done == f);
    }
    fixture_free(f);
}

static void test_http_client__percent_encoding_round_trips(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf buf = LH_BUF_INIT(1000);
    lh_error err = {0};
    lh_str out;
    CHECK_OK(lh_arena_new(1 << 16, &arena, &err));
    lh_url_encode(&buf, LH_STR("a/b c+\0\xC3\xA9~"), true);
    CHECK_STR(lh_buf_str(&buf), LH_STR("a/b%20c%2B%00%C3%A9~"));
    CHECK_OK(lh_url_decode(arena, lh_buf_str(&buf), &out, &err));
    CHECK_STR(out, LH_STR("a/b c+\0\xC3\xA9~"));
    lh_buf_clear(&buf);
    lh_url_encode(&buf, LH_STR("a/b"), false);
    CHECK_STR(lh_buf_str(&buf), LH_STR("a%2Fb"));
    CHECK(lh_url_decode(arena, LH_STR("a%2"), &out, &err) == LH_INVALID);
    CHECK(lh_url_decode(arena, LH_STR("a%zz"), &out, &err) == LH_INVALID);
}

LH_TEST_MAIN(LH_TEST(test_http_client__sends_what_it_was_given_and_returns_status_headers_and_body),
             LH_TEST(test_http_client__sends_the_traceparent_of_the_span_it_runs_in),
             LH_TEST(test_http_client__connection_is_kept_for_the_next_call),
             LH_TEST(test_http_client__dropped_short_or_silent_answers_are_unavailable),
             LH_TEST(test_http_client__redirects_are_not_followed_and_other_schemes_not_opened),
             LH_TEST(test_http_client__line_breaks_cannot_be_smuggled_into_headers_or_url),
             LH_TEST(test_http_client__bodies_stream_both_ways),
             LH_TEST(test_http_client__a_long_stream_that_is_refused_is_not_sent),
             LH_TEST(test_http_client__a_callbacks_code_is_the_calls_code),
             LH_TEST(test_http_client__answer_over_its_cap_is_refused),
             LH_TEST(test_http_client__more_threads_than_connections_wait_their_turn),
             LH_TEST(test_http_client__percent_encoding_round_trips))
