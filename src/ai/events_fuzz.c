/* Any bytes as a stream (first byte: its kind, and where it is cut): cut or whole, the events are the same. */
#include "ai/ai_internal.h"

#include <assert.h>

static lh_code fuzz_note(void *ctx, lh_str data, lh_error *err) {
    lh_buf *seen = ctx;
    assert(data.len <= LH_LIMIT_AI_EVENT_BYTES);
    lh_buf_printf(seen, "%zu:", data.len);
    lh_buf_append(seen, data);
    return lh_buf_check(seen, err);
}

static lh_code fuzz_read(ai_events_kind kind, lh_str bytes, size_t step, lh_buf *seen) {
    LH_CLEANUP(ai_events_done) ai_events events;
    lh_error err = {0};
    ai_events_init(&events, kind, fuzz_note, seen);
    for (size_t at = 0; at < bytes.len; at += step) LH_TRY(ai_events_feed(&events, lh_str_sub(bytes, at, step), &err));
    return ai_events_end(&events, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_buf_done) lh_buf whole = LH_BUF_INIT(16 << 20), cut = LH_BUF_INIT(16 << 20);
    if (size < 2) return 0;
    ai_events_kind kind = (ai_events_kind)(data[0] % 3);
    lh_str bytes = {(const char *)data + 1, size - 1};
    lh_code code = fuzz_read(kind, bytes, bytes.len, &whole);
    assert(code == fuzz_read(kind, bytes, 1 + data[0] / 3u, &cut));
    assert(code != LH_OK || lh_str_eq(lh_buf_str(&whole), lh_buf_str(&cut)));
    return 0;
}
