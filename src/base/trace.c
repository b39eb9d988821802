/* Spans and their way out.
 *
 * A span lies on its caller's stack and is linked to the one that was current on that thread
 * before it. lh_span_end() copies a recorded span into a queue; the batch thread takes the whole
 * queue every flush_ms, or when TRACE_BATCH spans wait, and prints or posts it. The queue is
 * bounded: a slow or dead receiver costs spans, which are counted, and never memory or a
 * caller's time.
 *
 * The current span is thread-local, against the rule of no hidden state: a span is begun and
 * ended on one thread, log lines and outgoing HTTP calls of any module must find the trace
 * without a handle in every signature, and a lost link costs a line in a trace, never a result.
 *
 * Invariants: `waiting` counts the records of the queue; a record belongs to the queue or to
 * the batch thread. `lock` guards the queue, `waiting`, `stopping`. */
#include "base/trace_internal.h"

#include "base/http_client.h"
#include "base/id.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/time.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    TRACE_BATCH = 512,
    TRACE_BODY_BYTES = 16 << 20,
    TRACE_POST_MS = 10000,
    TRACE_LAST_POST_MS = 2000, /* when the tracer is freed */
};

struct lh_tracer {
    lh_trace_exporter exporter;
    lh_str service_name, url; /* owned */
    uint64_t queue_max, flush_ms;
    lh_http_client *client; /* OTLP only; owned */
    pthread_t thread;
    bool thread_started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    trace_record *head, **tail;
    uint64_t waiting;
    bool stopping;
    _Atomic uint64_t dropped;
    bool failing; /* batch thread only: the last post failed, and was logged */
};

static _Thread_local lh_span *trace_current;

/* ---- the batch thread ---- */

static void trace_free_records(trace_record *records) {
    while (records) {
        trace_record *next = records->next;
        free(records);
        records = next;
    }
}

static void trace_print(lh_tracer *tracer, const trace_record *records) {
    LH_CLEANUP(lh_buf_done) lh_buf lines = LH_BUF_INIT(TRACE_BODY_BYTES);
    for (const trace_record *at = records; at; at = at->next) trace_json_line(at, tracer->service_name, &lines);
    for (size_t done = 0; done < lines.len;) {
        ssize_t written = write(STDOUT_FILENO, lines.ptr + done, lines.len - done);
        if (written <= 0) return; /* nobody reads stdout any more */
        done += (size_t)written;
    }
}

static lh_code trace_post(lh_tracer *tracer, const trace_record *records, uint64_t timeout_ms, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf body = LH_BUF_INIT(TRACE_BODY_BYTES);
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(trace_otlp_encode(records, tracer->service_name, &body, err));
    const lh_http_header type = {LH_STR("Content-Type"), LH_STR("application/x-protobuf")};
    const lh_http_call call = {.method = "POST",
                               .url = tracer->url,
                               .headers = &type,
                               .header_count = 1,
                               .body = lh_buf_str(&body),
                               .answer_max_bytes = 64 << 10,
                               .timeout_ms = timeout_ms};
    lh_http_answer answer;
    LH_TRY(lh_http_do(tracer->client, &call, arena, &answer, err));
    if (answer.status / 100 != 2)
        return lh_fail(err, LH_UNAVAILABLE, "'%.*s' answered %d", LH_STR_ARG(tracer->url), answer.status);
    return LH_OK;
}

static void trace_export(lh_tracer *tracer, trace_record *records, uint64_t count, uint64_t timeout_ms) {
    lh_error err = {0};
    if (tracer->exporter == LH_TRACE_STDOUT) {
        trace_print(tracer, records);
    } else if (trace_post(tracer, records, timeout_ms, &err) == LH_OK) {
        tracer->failing = false;
    } else {
        atomic_fetch_add(&tracer->dropped, count);
        if (!tracer->failing)
            lh_log(LH_LOG_WARN, "trace spans cannot be sent", "error", err.message,
                   NULL); /* once, until it works again */
        tracer->failing = true;
    }
    trace_free_records(records);
}

static void trace_wait_locked(lh_tracer *tracer) {
    while (!tracer->stopping && tracer->waiting == 0) pthread_cond_wait(&tracer->wake, &tracer->lock);
    const struct timespec until = lh_time_after_ms(tracer->flush_ms);
    while (!tracer->stopping && tracer->waiting < TRACE_BATCH)
        if (pthread_cond_timedwait(&tracer->wake, &tracer->lock, &until) != 0) break;
}

static void *trace_main(void *ctx) {
    lh_tracer *tracer = ctx;
    pthread_mutex_lock(&tracer->lock);
    for (;;) {
        trace_wait_locked(tracer);
        trace_record *records = tracer->head;
        uint64_t count = tracer->waiting;
        bool stopping = tracer->stopping;
        tracer->head = NULL;
        tracer->tail = &tracer->head;
        tracer->waiting = 0;
        pthread_mutex_unlock(&tracer->lock);
        if (records) trace_export(tracer, records, count, stopping ? TRACE_LAST_POST_MS : TRACE_POST_MS);
        if (stopping) return NULL;
        pthread_mutex_lock(&tracer->lock);
    }
}

/* ---- the tracer ---- */

static lh_code trace_open_otlp(lh_tracer *tracer, lh_str endpoint, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf url = LH_BUF_INIT(2048);
    if (!lh_str_starts(endpoint, LH_STR("http://")) && !lh_str_starts(endpoint, LH_STR("https://")))
        return lh_fail(err, LH_INVALID, "trace.otlp_endpoint '%.*s' is no http:// or https:// address",
                       LH_STR_ARG(endpoint));
    while (lh_str_ends(endpoint, LH_STR("/"))) endpoint.len--;
    lh_buf_append(&url, endpoint);
    if (!lh_str_ends(endpoint, LH_STR("/v1/traces"))) lh_buf_append(&url, LH_STR("/v1/traces"));
    LH_TRY(lh_buf_check(&url, err));
    if (lh_str_dup(lh_buf_str(&url), &tracer->url) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "trace: out of memory");
    const lh_http_client_options options = {.connections_max = 1};
    return lh_http_client_new(&options, &tracer->client, err);
}

static lh_code trace_start_thread(lh_tracer *tracer, lh_error *err) {
    if (pthread_create(&tracer->thread, NULL, trace_main, tracer) != 0)
        return lh_fail(err, LH_NO_MEMORY, "trace: cannot start a thread");
    tracer->thread_started = true;
    return LH_OK;
}

lh_code lh_tracer_new(const lh_tracer_options *options, lh_tracer **ret, lh_error *err) {
    LH_CLEANUP(lh_tracer_freep) lh_tracer *tracer = calloc(1, sizeof *tracer);
    if (!tracer) return lh_fail(err, LH_NO_MEMORY, "trace: out of memory");
    pthread_mutex_init(&tracer->lock, NULL);
    lh_cond_init(&tracer->wake);
    tracer->tail = &tracer->head;
    tracer->exporter = options->exporter;
    tracer->queue_max = options->queue_max;
    tracer->flush_ms = options->flush_ms;
    if (lh_str_dup(options->service_name, &tracer->service_name) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "trace: out of memory");
    if (tracer->exporter == LH_TRACE_OTLP) LH_TRY(trace_open_otlp(tracer, options->otlp_endpoint, err));
    if (tracer->exporter != LH_TRACE_NONE) LH_TRY(trace_start_thread(tracer, err));
    *ret = lh_take(&tracer);
    return LH_OK;
}

void lh_tracer_free(lh_tracer *tracer) {
    if (!tracer) return;
    if (tracer->thread_started) {
        pthread_mutex_lock(&tracer->lock);
        tracer->stopping = true;
        pthread_cond_signal(&tracer->wake);
        pthread_mutex_unlock(&tracer->lock);
        pthread_join(tracer->thread, NULL);
    }
    trace_free_records(tracer->head);
    lh_http_client_free(tracer->client);
    lh_str_free(tracer->service_name);
    lh_str_free(tracer->url);
    pthread_cond_destroy(&tracer->wake);
    pthread_mutex_destroy(&tracer->lock);
    free(tracer);
}

uint64_t lh_tracer_dropped(lh_tracer *tracer) { return atomic_load(&tracer->dropped); }

static void trace_queue(lh_tracer *tracer, trace_record *record) {
    pthread_mutex_lock(&tracer->lock);
    bool room = tracer->waiting < tracer->queue_max;
    if (room) {
        *tracer->tail = record;
        tracer->tail = &record->next;
        tracer->waiting++;
        if (tracer->waiting == 1 || tracer->waiting == TRACE_BATCH) pthread_cond_signal(&tracer->wake);
    }
    pthread_mutex_unlock(&tracer->lock);
    if (room) return;
    atomic_fetch_add(&tracer->dropped, 1);
    free(record);
}

/* ---- spans ---- */

static void trace_random_id(char *into, size_t size_bytes) {
    unsigned char bytes[16];
    lh_random_bytes(bytes, size_bytes);
    bytes[0] |= 1; /* never all zero */
    lh_hex(bytes, size_bytes, into);
}

static void trace_begin(lh_span *span, lh_tracer *tracer, const char *name) {
    span->tracer = tracer;
    span->parent = trace_current;
    span->trace_id[0] = span->span_id[0] = span->parent_id[0] = '\0';
    span->sampled = false;
    span->name = name;
    span->attribute_count = 0;
    span->start_unix_ns = 0;
    span->start_monotonic_ns = 0;
    if (tracer) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        span->start_unix_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
        span->start_monotonic_ns = lh_time_monotonic_ns();
    }
    trace_current = span;
}

void lh_span_begin_root(lh_tracer *tracer, const char *name, lh_str traceparent, lh_span *span) {
    trace_parent parent;
    bool recording = tracer && tracer->exporter != LH_TRACE_NONE;
    bool given = trace_parent_parse(traceparent, &parent);
    trace_begin(span, recording && (!given || parent.sampled) ? tracer : NULL, name);
    if (given) {
        memcpy(span->trace_id, parent.trace_id, sizeof span->trace_id);
        memcpy(span->parent_id, parent.span_id, sizeof span->parent_id);
    } else {
        trace_random_id(span->trace_id, 16);
    }
    span->sampled = given ? parent.sampled : recording;
    trace_random_id(span->span_id, 8);
}

void lh_span_adopt(lh_str traceparent) {
    trace_parent parent;
    lh_span *span = trace_current;
    if (!span || !trace_parent_parse(traceparent, &parent)) return;
    memcpy(span->trace_id, parent.trace_id, sizeof span->trace_id);
    memcpy(span->parent_id, parent.span_id, sizeof span->parent_id);
    span->sampled = parent.sampled;
    if (!parent.sampled) span->tracer = NULL;
}

void lh_span_begin(const char *name, lh_span *span) {
    const lh_span *parent = trace_current;
    trace_begin(span, parent ? parent->tracer : NULL, name);
    if (!parent) return;
    memcpy(span->trace_id, parent->trace_id, sizeof span->trace_id);
    memcpy(span->parent_id, parent->span_id, sizeof span->parent_id);
    span->sampled = parent->sampled;
    if (span->tracer) trace_random_id(span->span_id, 8);
    else
        memcpy(span->span_id, parent->span_id,
               sizeof span->span_id); /* what is not recorded must not be named as a parent */
}

/* Copies at most 95 bytes, whole characters; what is not UTF-8 is shown as '?'. */
static void trace_copy_text(char into[96], lh_str value) {
    size_t len = value.len < 95 ? value.len : 95;
    while (len && len < value.len && ((unsigned char)value.ptr[len] & 0xC0) == 0x80) len--;
    bool valid = lh_str_is_utf8((lh_str){value.ptr, len});
    for (size_t i = 0; i < len; i++) {
        char c = value.ptr[i];
        into[i] = c == '\0' || (!valid && (unsigned char)c >= 0x80) ? '?' : c;
    }
    into[len] = '\0';
}

void lh_span_string(lh_span *span, const char *name, lh_str value) {
    if (!span->tracer || span->attribute_count == LH_SPAN_ATTRIBUTES_MAX) return;
    size_t at = span->attribute_count++;
    span->attributes[at].name = name;
    span->attributes[at].is_number = false;
    span->attributes[at].number = 0;
    trace_copy_text(span->attributes[at].text, value);
}

void lh_span_number(lh_span *span, const char *name, int64_t value) {
    if (!span->tracer || span->attribute_count == LH_SPAN_ATTRIBUTES_MAX) return;
    size_t at = span->attribute_count++;
    span->attributes[at].name = name;
    span->attributes[at].is_number = true;
    span->attributes[at].number = value;
    span->attributes[at].text[0] = '\0';
}

static trace_record *trace_record_of(const lh_span *span, lh_code code) {
    trace_record *record = calloc(1, sizeof *record + span->attribute_count * sizeof record->attributes[0]);
    if (!record) return NULL;
    memcpy(record->trace_id, span->trace_id, sizeof record->trace_id);
    memcpy(record->span_id, span->span_id, sizeof record->span_id);
    memcpy(record->parent_id, span->parent_id, sizeof record->parent_id);
    record->root = span->parent == NULL;
    record->code = code;
    record->name = span->name;
    record->start_unix_ns = span->start_unix_ns;
    record->end_unix_ns = span->start_unix_ns + (int64_t)(lh_time_monotonic_ns() - span->start_monotonic_ns);
    record->attribute_count = span->attribute_count;
    for (size_t i = 0; i < span->attribute_count; i++) {
        record->attributes[i].name = span->attributes[i].name;
        record->attributes[i].is_number = span->attributes[i].is_number;
        record->attributes[i].number = span->attributes[i].number;
        memcpy(record->attributes[i].text, span->attributes[i].text, sizeof record->attributes[i].text);
    }
    return record;
}

void lh_span_end(lh_span *span, lh_code code) {
    trace_current = span->parent;
    lh_tracer *tracer = span->tracer;
    if (!tracer) return;
    trace_record *record = trace_record_of(span, code);
    if (record) trace_queue(tracer, record);
    else atomic_fetch_add(&tracer->dropped, 1);
    span->tracer = NULL; /* a second end would do nothing */
}

/* ---- the current span, for log lines and outgoing requests ---- */

lh_str lh_trace_parent_header(char into[56]) {
    if (!trace_current || !trace_current->trace_id[0]) return LH_STR_NONE;
    memcpy(into, "00-", 3);
    memcpy(into + 3, trace_current->trace_id, 32);
    into[35] = '-';
    memcpy(into + 36, trace_current->span_id, 16);
    memcpy(into + 52, trace_current->sampled ? "-01" : "-00", 4);
    return (lh_str){into, 55};
}

lh_str lh_trace_current_id(void) {
    return trace_current && trace_current->trace_id[0] ? (lh_str){trace_current->trace_id, 32} : LH_STR_NONE;
}
