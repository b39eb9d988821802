/* Whatever a client sends as traceparent: refused, or made of valid ids that are sent on unchanged. */
#include "base/base.h"
#include "base/trace_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lh_str header = {(const char *)data, size};
    trace_parent parent;
    lh_span span;
    char text[56];
    lh_span_begin_root(NULL, "fuzz", header, &span);
    lh_str sent = lh_trace_parent_header(text);
    if (sent.len != 55) abort();
    trace_parent again;
    if (!trace_parent_parse(sent, &again)) abort();
    if (trace_parent_parse(header, &parent) && memcmp(again.trace_id, parent.trace_id, 33) != 0) abort();
    lh_span_end(&span, LH_OK);
    return 0;
}
