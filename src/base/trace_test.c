/* Spans, and their export to a real OTLP receiver: a thread of this test that takes HTTP posts. */
#include "base/test.h"
#include "base/trace_internal.h"
#include "otlp_trace.pb-c.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the receiver ---- */

enum { RECEIVER_BODIES = 16, RECEIVER_BYTES = 4 << 20 };
typedef struct receiver {
    int listen_fd, port, status; /* status: what every post is answered with */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t came;
    bool hold; /* answer nothing until false */
    int count;
    char head[4096];
    lh_buf bodies[RECEIVER_BODIES];
} receiver;

static bool receiver_read(receiver *r, int fd) { /* one request; false at the end of the connection */
    LH_CLEANUP(lh_buf_done) lh_buf request = LH_BUF_INIT(RECEIVER_BYTES);
    size_t head = SIZE_MAX, body = 0;
    while (head == SIZE_MAX || request.len < head + body) {
        char *room = lh_buf_reserve(&request, 65536);
        ssize_t got = room ? recv(fd, room, 65536, 0) : 0;
        if (got <= 0) return false;
        request.len += (size_t)got;
        size_t end = lh_str_search(lh_buf_str(&request), LH_STR("\r\n\r\n"));
        if (head != SIZE_MAX || end == SIZE_MAX) continue;
        head = end + 4;
        size_t at = lh_str_search(lh_buf_str(&request), LH_STR("Content-Length: "));
        lh_str rest = lh_str_sub(lh_buf_str(&request), at + 16, SIZE_MAX);
        uint64_t length = 0;
        if (at == SIZE_MAX || lh_str_to_u64(lh_str_sub(rest, 0, lh_str_find(rest, '\r')), &length) != LH_OK)
            return false;
        body = (size_t)length;
    }
    pthread_mutex_lock(&r->lock);
    if (r->count < RECEIVER_BODIES) {
        lh_str text = lh_buf_str(&request);
        snprintf(r->head, sizeof r->head, "%.*s", (int)(head < 4000 ? head : 4000), text.ptr);
        lh_buf_append(&r->bodies[r->count++], lh_str_sub(text, head, SIZE_MAX));
    }
    pthread_cond_broadcast(&r->came);
    while (r->hold) pthread_cond_wait(&r->came, &r->lock);
    pthread_mutex_unlock(&r->lock);
    return true;
}

static void *receiver_main(void *ctx) {
    receiver *r = ctx;
    for (int fd; (fd = accept(r->listen_fd, NULL, NULL)) >= 0; close(fd))
        while (receiver_read(r, fd)) {
            char answer[128];
            int n = snprintf(answer, sizeof answer,
                             "HTTP/1.1 %d x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
                             r->status);
            if (send(fd, answer, (size_t)n, MSG_NOSIGNAL) != n) break;
        }
    return NULL;
}

static receiver *receiver_new(int status) {
    receiver *r = calloc(1, sizeof *r);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    CHECK(r != NULL);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->came, NULL);
    r->status = status;
    for (int i = 0; i < RECEIVER_BODIES; i++) r->bodies[i] = LH_BUF_INIT(RECEIVER_BYTES);
    r->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(r->listen_fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(r->listen_fd, 16) == 0);
    CHECK(getsockname(r->listen_fd, (struct sockaddr *)&at, &size) == 0);
    r->port = ntohs(at.sin_port);
    CHECK(pthread_create(&r->thread, NULL, receiver_main, r) == 0);
    return r;
}

static void receiver_release(receiver *r) {
    pthread_mutex_lock(&r->lock);
    r->hold = false;
    pthread_cond_broadcast(&r->came);
    pthread_mutex_unlock(&r->lock);
}

static void receiver_wait(receiver *r, int count) {
    pthread_mutex_lock(&r->lock);
    while (r->count < count) pthread_cond_wait(&r->came, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static void receiver_free(receiver *r) { /* the tracer is freed by now */
    receiver_release(r);
    shutdown(r->listen_fd, SHUT_RDWR);
    pthread_join(r->thread, NULL);
    close(r->listen_fd);
    for (int i = 0; i < RECEIVER_BODIES; i++) lh_buf_done(&r->bodies[i]);
    pthread_cond_destroy(&r->came);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static lh_tracer *tracer_to(const receiver *r, uint64_t queue_max, uint64_t flush_ms) {
    char url[64];
    lh_error err = {0};
    lh_tracer *tracer = NULL;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", r->port);
    const lh_tracer_options options = {.exporter = LH_TRACE_OTLP,
                                       .otlp_endpoint = lh_str_from(url),
                                       .service_name = LH_STR("lake-test"),
                                       .queue_max = queue_max,
                                       .flush_ms = flush_ms};
    CHECK_OK(lh_tracer_new(&options, &tracer, &err));
    return tracer;
}

/* ---- tests ---- */

static void test_trace__traceparent_is_taken_only_when_well_formed(void) {
    static const struct {
        const char *text;
        bool valid, sampled;
    } cases[] = {
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true, true},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", true, true},
        {" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\t", true, true},
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later", true, true},
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.later", false, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false, false},
        {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false, false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false, false},
        {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", false, false},
        {"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trace_parent parent = {.sampled = false};
        CHECK(trace_parent_parse(lh_str_from(cases[i].text), &parent) == cases[i].valid);
        if (!cases[i].valid) continue;
        CHECK(parent.sampled == cases[i].sampled);
        CHECK_STR(lh_str_from(parent.trace_id), LH_STR("4bf92f3577b34da6a3ce929d0e0e4736"));
        CHECK_STR(lh_str_from(parent.span_id), LH_STR("00f067aa0ba902b7"));
    }
}

static void test_trace__spans_nest_on_their_thread_and_go_out_as_traceparent(void) {
    lh_span root, child, alone;
    char header[56];
    CHECK(lh_trace_current_id().len == 0 && lh_trace_parent_header(header).len == 0);
    lh_span_begin("alone", &alone); /* without a root nothing is recorded or sent on */
    CHECK(lh_trace_current_id().len == 0 && lh_trace_parent_header(header).len == 0);
    lh_span_end(&alone, LH_OK);
    lh_span_begin_root(NULL, "root", LH_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &root);
    CHECK_STR(lh_trace_current_id(), LH_STR("4bf92f3577b34da6a3ce929d0e0e4736"));
    CHECK_STR(lh_str_from(root.parent_id), LH_STR("00f067aa0ba902b7"));
    lh_span_begin("child", &child);
    CHECK_STR(lh_trace_current_id(), LH_STR("4bf92f3577b34da6a3ce929d0e0e4736"));
    lh_str sent = lh_trace_parent_header(header);
    CHECK(sent.len == 55 && lh_str_ends(sent, LH_STR("-01")));
    CHECK_STR(lh_str_sub(sent, 36, 16),
              lh_str_from(root.span_id)); /* the child is not recorded: the root is the parent */
    lh_span_end(&child, LH_OK);
    CHECK_STR(lh_trace_current_id(), lh_str_from(root.trace_id));
    lh_span_end(&root, LH_OK);
    CHECK(lh_trace_current_id().len == 0);
    lh_span_begin_root(NULL, "root", LH_STR("nonsense"), &root);
    CHECK(strlen(root.trace_id) == 32 && root.parent_id[0] == '\0');
    lh_span_end(&root, LH_OK);
}

static const char *attribute_of(const Lh__Otlp__Span *span, const char *key, int64_t *ret_number) {
    for (size_t i = 0; i < span->n_attributes; i++)
        if (strcmp(span->attributes[i]->key, key) == 0) {
            const Lh__Otlp__AnyValue *value = span->attributes[i]->value;
            if (value->value_case != LH__OTLP__ANY_VALUE__VALUE_INT_VALUE) return value->string_value;
            *ret_number = value->int_value;
            return "";
        }
    return NULL;
}

static void test_trace__spans_arrive_at_an_otlp_receiver(void) {
    receiver *r = receiver_new(200);
    lh_tracer *tracer = tracer_to(r, 100, 60000);
    lh_span root, child;
    int64_t number = 0;
    char long_text[200], ids[2][17];
    memset(long_text, 'x', sizeof long_text);
    memcpy(long_text + 94, "\xE2\x82\xAC", 3); /* a character across the cut */
    lh_span_begin_root(tracer, "GET /x", LH_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &root);
    lh_span_begin("catalog.commit", &child);
    lh_span_number(&child, "catalog.sequence", -7);
    lh_span_string(&child, "long", (lh_str){long_text, sizeof long_text});
    lh_span_string(&child, "bytes", LH_STR("a\xFF\0b"));
    for (int i = 0; i < 20; i++) lh_span_number(&child, "many", i);
    memcpy(ids[0], root.span_id, 17), memcpy(ids[1], child.span_id, 17);
    lh_span_end(&child, LH_CONFLICT);
    lh_span_end(&root, LH_OK);
    lh_tracer_free(tracer); /* sends what waits, long before flush_ms */
    receiver_wait(r, 1);
    CHECK(strncmp(r->head, "POST /v1/traces HTTP/1.1\r\n", 26) == 0 &&
          strstr(r->head, "Content-Type: application/x-protobuf\r\n"));
    Lh__Otlp__ExportRequest *request =
        lh__otlp__export_request__unpack(NULL, r->bodies[0].len, (const uint8_t *)r->bodies[0].ptr);
    CHECK(request && request->n_resource_spans == 1 && request->resource_spans[0]->n_scope_spans == 1);
    CHECK(strcmp(request->resource_spans[0]->resource->attributes[0]->key, "service.name") == 0);
    CHECK(strcmp(request->resource_spans[0]->resource->attributes[0]->value->string_value, "lake-test") == 0);
    CHECK(request->resource_spans[0]->scope_spans[0]->n_spans == 2);
    const Lh__Otlp__Span *inner = request->resource_spans[0]->scope_spans[0]->spans[0],
                         *outer = request->resource_spans[0]->scope_spans[0]->spans[1];
    char hex[33];
    CHECK(inner->trace_id.len == 16 && inner->span_id.len == 8 && inner->parent_span_id.len == 8);
    lh_hex(inner->trace_id.data, 16, hex);
    CHECK_STR(lh_str_from(hex), LH_STR("4bf92f3577b34da6a3ce929d0e0e4736"));
    lh_hex(inner->span_id.data, 8, hex);
    CHECK_STR(lh_str_from(hex), lh_str_from(ids[1]));
    lh_hex(inner->parent_span_id.data, 8, hex);
    CHECK_STR(lh_str_from(hex), lh_str_from(ids[0]));
    CHECK(inner->kind == LH__OTLP__SPAN__KIND__KIND_INTERNAL && outer->kind == LH__OTLP__SPAN__KIND__KIND_SERVER);
    CHECK(inner->status->code == LH__OTLP__STATUS__CODE__CODE_ERROR &&
          outer->status->code == LH__OTLP__STATUS__CODE__CODE_UNSET);
    CHECK(strcmp(inner->status->message, "conflict") == 0);
    CHECK(outer->start_time_unix_nano <= inner->start_time_unix_nano &&
          inner->end_time_unix_nano <= outer->end_time_unix_nano + 1000000);
    CHECK(attribute_of(inner, "catalog.sequence", &number) && number == -7);
    CHECK(strlen(attribute_of(inner, "long", &number)) == 94);
    CHECK(strcmp(attribute_of(inner, "bytes", &number), "a??b") == 0);
    CHECK(inner->n_attributes == LH_SPAN_ATTRIBUTES_MAX);
    lh__otlp__export_request__free_unpacked(request, NULL);
    receiver_free(r);
}

static void test_trace__an_unsampled_parent_is_not_recorded(void) {
    receiver *r = receiver_new(200);
    lh_tracer *tracer = tracer_to(r, 100, 60000);
    lh_span root;
    lh_span_begin_root(tracer, "quiet", LH_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), &root);
    lh_span_end(&root, LH_OK);
    lh_tracer_free(tracer);
    CHECK(r->count == 0);
    receiver_free(r);
}

static void test_trace__a_full_queue_drops_and_counts(void) {
    receiver *r = receiver_new(200);
    lh_tracer *tracer = tracer_to(r, 10, 1);
    lh_span root;
    r->hold = true;
    lh_span_begin_root(tracer, "first", LH_STR_NONE, &root);
    lh_span_end(&root, LH_OK);
    receiver_wait(r, 1); /* the batch thread waits for its answer now */
    for (int i = 0; i < 25; i++) {
        lh_span_begin_root(tracer, "span", LH_STR_NONE, &root);
        lh_span_end(&root, LH_OK);
    }
    CHECK(lh_tracer_dropped(tracer) == 15);
    receiver_release(r);
    receiver_wait(r, 2);
    lh_tracer_free(tracer);
    receiver_free(r);
}

static void test_trace__a_refusing_receiver_costs_spans_only(void) {
    receiver *r = receiver_new(503);
    lh_tracer *tracer = tracer_to(r, 1000, 1);
    lh_span root;
    lh_log_set_level(LH_LOG_OFF);
    for (int i = 0; i < 3; i++) {
        lh_span_begin_root(tracer, "span", LH_STR_NONE, &root);
        lh_span_end(&root, LH_OK);
        while (lh_tracer_dropped(tracer) < (uint64_t)i + 1) sched_yield();
    }
    CHECK(lh_tracer_dropped(tracer) == 3);
    lh_tracer_free(tracer);
    lh_log_set_level(LH_LOG_INFO);
    receiver_free(r);
}

static void test_trace__stdout_gets_a_line_of_json_a_span(void) {
    int fds[2], saved = dup(STDOUT_FILENO);
    lh_error err = {0};
    lh_tracer *tracer = NULL;
    lh_span root;
    char text[4096];
    const lh_tracer_options options = {
        .exporter = LH_TRACE_STDOUT, .service_name = LH_STR("lake \"x\""), .queue_max = 10, .flush_ms = 60000};
    CHECK_OK(lh_tracer_new(&options, &tracer, &err));
    fflush(stdout);
    CHECK(pipe(fds) == 0 && dup2(fds[1], STDOUT_FILENO) == STDOUT_FILENO);
    close(fds[1]);
    lh_span_begin_root(tracer, "GET /y", LH_STR_NONE, &root);
    lh_span_string(&root, "path", LH_STR("/y?\n"));
    lh_span_end(&root, LH_NOT_FOUND);
    lh_tracer_free(tracer);
    CHECK(dup2(saved, STDOUT_FILENO) == STDOUT_FILENO);
    close(saved);
    ssize_t got = read(fds[0], text, sizeof text);
    close(fds[0]);
    CHECK(got > 1 && text[got - 1] == '\n');
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *line = NULL;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_json_parse(arena, (lh_str){text, (size_t)got}, &line, &err));
    CHECK_STR(lh_json_get_string(line, "span"), LH_STR("GET /y"));
    CHECK_STR(lh_json_get_string(line, "status"), LH_STR("not_found"));
    CHECK_STR(lh_json_get_string(line, "service"), LH_STR("lake \"x\""));
    CHECK_STR(lh_json_get_string(lh_json_get(line, "attributes"), "path"), LH_STR("/y?\n"));
    CHECK(lh_json_int(lh_json_get(line, "duration_us"), -1) >= 0);
}

static void test_trace__a_bad_endpoint_is_invalid_and_none_needs_nothing(void) {
    lh_tracer *tracer = NULL;
    lh_error err = {0};
    lh_tracer_options options = {
        .exporter = LH_TRACE_OTLP, .otlp_endpoint = LH_STR("localhost:4318"), .queue_max = 10, .flush_ms = 1};
    CHECK(lh_tracer_new(&options, &tracer, &err) == LH_INVALID);
    CHECK(tracer == NULL && strstr(err.message, "localhost:4318"));
    options.exporter = LH_TRACE_NONE;
    CHECK_OK(lh_tracer_new(&options, &tracer, &err));
    lh_span root;
    char header[56];
    lh_span_begin_root(tracer, "root", LH_STR_NONE, &root);
    CHECK(lh_str_ends(lh_trace_parent_header(header), LH_STR("-00"))); /* nobody records: say so */
    lh_span_end(&root, LH_OK);
    lh_tracer_free(tracer);
    lh_tracer_free(NULL);
}

LH_TEST_MAIN(LH_TEST(test_trace__traceparent_is_taken_only_when_well_formed),
             LH_TEST(test_trace__spans_nest_on_their_thread_and_go_out_as_traceparent),
             LH_TEST(test_trace__spans_arrive_at_an_otlp_receiver),
             LH_TEST(test_trace__an_unsampled_parent_is_not_recorded),
             LH_TEST(test_trace__a_full_queue_drops_and_counts),
             LH_TEST(test_trace__a_refusing_receiver_costs_spans_only),
             LH_TEST(test_trace__stdout_gets_a_line_of_json_a_span),
             LH_TEST(test_trace__a_bad_endpoint_is_invalid_and_none_needs_nothing))
