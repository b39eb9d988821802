/* Private to base: what trace.c queues, and its two wire forms. */
#ifndef LH_BASE_TRACE_INTERNAL_H
#define LH_BASE_TRACE_INTERNAL_H
#include "base/buf.h"
#include "base/trace.h"

/* An ended span on its way out: lh_span without its unused attributes. Owned by the queue. */
typedef struct trace_record {
    struct trace_record *next;
    char trace_id[33], span_id[17], parent_id[17];
    bool root;
    lh_code code;
    const char *name;
    int64_t start_unix_ns, end_unix_ns;
    size_t attribute_count;
    struct {
        const char *name;
        char text[96];
        int64_t number;
        bool is_number;
    } attributes[];
} trace_record;

typedef struct trace_parent {
    char trace_id[33], span_id[17];
    bool sampled;
} trace_parent;

/* W3C Trace Context 1, `traceparent` of any version. False: malformed, *ret untouched. */
bool trace_parent_parse(lh_str header, trace_parent *ret);
/* The records as one OTLP ExportTraceServiceRequest, appended. Errors: LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code trace_otlp_encode(const trace_record *first, lh_str service_name, lh_buf *into, lh_error *err);
/* One record as a line of JSON, appended. */
void trace_json_line(const trace_record *record, lh_str service_name, lh_buf *into);
#endif
