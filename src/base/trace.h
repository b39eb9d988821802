/* Trace spans: OpenTelemetry's model, W3C Trace Context on the wire (`traceparent`).
 * A request's thread opens a root span; deeper calls open children of the thread's
 * current span and need no handle to the tracer. Without a current span (or with
 * exporter "none") a span costs a few instructions and goes nowhere.
 * Thread rule: a span is begun and ended on one thread; the tracer is thread-safe. */
#ifndef LH_BASE_TRACE_H
#define LH_BASE_TRACE_H
#include "base/str.h"

typedef struct lh_tracer lh_tracer;
typedef enum { LH_TRACE_NONE, LH_TRACE_STDOUT, LH_TRACE_OTLP } lh_trace_exporter;

typedef struct lh_tracer_options {
    lh_trace_exporter exporter;
    lh_str otlp_endpoint; /* "http://host:4318"; spans go to its /v1/traces as protobuf */
    lh_str service_name;
    uint64_t queue_max; /* spans waiting at most; more are dropped and counted */
    uint64_t flush_ms;  /* a batch leaves after that long, or when 512 spans wait */
} lh_tracer_options;

/* Starts the batch thread (unless NONE). Owned: lh_tracer_free(). Errors: INVALID, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_tracer_new(const lh_tracer_options *options, lh_tracer **ret, lh_error *err);
void lh_tracer_free(lh_tracer *tracer); /* sends what waits (2 s at most), stops the thread; NULL is fine */
static inline void lh_tracer_freep(lh_tracer **tracer) { lh_tracer_free(*tracer); }
uint64_t lh_tracer_dropped(lh_tracer *tracer);

enum { LH_SPAN_ATTRIBUTES_MAX = 12 };
typedef struct lh_span {
    lh_tracer *tracer;                             /* borrowed; NULL: not recorded, but ids are still made for roots */
    struct lh_span *parent;                        /* the thread's current span before this one */
    char trace_id[33], span_id[17], parent_id[17]; /* lower-case hex; empty when none */
    bool sampled;
    const char *name; /* borrowed: a literal */
    int64_t start_unix_ns;
    uint64_t start_monotonic_ns;
    size_t attribute_count;
    struct {
        const char *name;
        char text[96];
        int64_t number;
        bool is_number;
    } attributes[LH_SPAN_ATTRIBUTES_MAX];
} lh_span;

/* Opens a root (server) span and makes it the thread's current. traceparent: the request's header, empty
 * or malformed starts a new trace. `span` must stay where it is until ended. */
void lh_span_begin_root(lh_tracer *tracer, const char *name, lh_str traceparent, lh_span *span);
/* The thread's current span, which must be a root without children yet, becomes a child of that one; malformed: nothing. */
void lh_span_adopt(lh_str traceparent);
/* Opens a child of the thread's current span. */
void lh_span_begin(const char *name, lh_span *span);
void lh_span_string(lh_span *span, const char *name, lh_str value); /* cut to 95 bytes; beyond the maximum ignored */
void lh_span_number(lh_span *span, const char *name, int64_t value);
/* Ends it, makes its parent current again, queues it for export. code: the status. */
void lh_span_end(lh_span *span, lh_code code);
/* "00-<trace>-<span>-01" of the thread's current span for an outgoing request; empty when none. `into`: 56 bytes. */
lh_str lh_trace_parent_header(char into[56]);
/* Hex trace id of the thread's current span, empty when none. Borrowed until that span ends. */
lh_str lh_trace_current_id(void);
#endif
