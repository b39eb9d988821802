/* Server-sent events (WHATWG HTML §9.2) and NDJSON, cut at any byte. Of an event only `data` counts; several lines of it are joined by
 * LF. Lines end by LF, CR, or CR LF; a BOM at the start is passed over. Unlike a browser's, the last event counts also when the blank
 * line behind it is missing: some servers leave that out, and whether a stream was whole its content says. */
#include "ai/ai_internal.h"

void ai_events_init(ai_events *events, ai_events_kind kind, lh_code (*on_event)(void *ctx, lh_str data, lh_error *err),
                    void *ctx) {
    *events = (ai_events){.kind = kind,
                          .on_event = on_event,
                          .ctx = ctx,
                          .line = LH_BUF_INIT(LH_LIMIT_AI_EVENT_BYTES),
                          .data = LH_BUF_INIT(LH_LIMIT_AI_EVENT_BYTES)};
}

void ai_events_done(ai_events *events) {
    lh_buf_done(&events->line);
    lh_buf_done(&events->data);
}

static lh_code events_append(lh_buf *buf, lh_str s, lh_error *err) {
    lh_buf_append(buf, s);
    if (buf->failed == LH_LIMIT)
        return lh_fail(err, LH_LIMIT, "an event of the endpoint's stream is larger than %d bytes",
                       LH_LIMIT_AI_EVENT_BYTES);
    return lh_buf_check(buf, err);
}

static lh_code events_dispatch(ai_events *events, lh_error *err) {
    if (!events->has_data) return LH_OK;
    lh_code code = events->on_event(events->ctx, lh_buf_str(&events->data), err);
    lh_buf_clear(&events->data);
    events->has_data = false;
    return code;
}

static lh_code events_sse_line(ai_events *events, lh_str line, lh_error *err) {
    if (!events->after_start && lh_str_starts(line, LH_STR("\xEF\xBB\xBF"))) line = lh_str_sub(line, 3, SIZE_MAX);
    events->after_start = true;
    if (line.len == 0) return events_dispatch(events, err);
    size_t colon = lh_str_find(line, ':');
    lh_str value = lh_str_sub(line, colon + 1, SIZE_MAX);
    if (!lh_str_eq(lh_str_sub(line, 0, colon), LH_STR("data"))) return LH_OK; /* a comment, or another field */
    if (value.len && value.ptr[0] == ' ') value = lh_str_sub(value, 1, SIZE_MAX);
    if (events->has_data) LH_TRY(events_append(&events->data, LH_STR("\n"), err));
    events->has_data = true;
    return events_append(&events->data, value, err);
}

static lh_code events_line(ai_events *events, lh_error *err) {
    lh_str line = lh_buf_str(&events->line);
    lh_code code = events->kind == AI_EVENTS_SSE ? events_sse_line(events, line, err)
                   : lh_str_trim(line).len == 0  ? LH_OK
                                                 : events->on_event(events->ctx, line, err);
    lh_buf_clear(&events->line);
    return code;
}

lh_code ai_events_feed(ai_events *events, lh_str bytes, lh_error *err) {
    if (events->kind == AI_EVENTS_WHOLE) return events_append(&events->line, bytes, err);
    while (bytes.len) {
        if (events->after_cr && bytes.ptr[0] == '\n') bytes = lh_str_sub(bytes, 1, SIZE_MAX);
        events->after_cr = false;
        size_t end = 0;
        while (end < bytes.len && bytes.ptr[end] != '\n' && bytes.ptr[end] != '\r') end++;
        LH_TRY(events_append(&events->line, lh_str_sub(bytes, 0, end), err));
        if (end == bytes.len) return LH_OK;
        events->after_cr = bytes.ptr[end] == '\r';
        LH_TRY(events_line(events, err));
        bytes = lh_str_sub(bytes, end + 1, SIZE_MAX);
    }
    return LH_OK;
}

lh_code ai_events_end(ai_events *events, lh_error *err) {
    if (events->kind == AI_EVENTS_WHOLE) return events->on_event(events->ctx, lh_buf_str(&events->line), err);
    if (events->line.len) LH_TRY(events_line(events, err));
    return events_dispatch(events, err);
}
