/* Streams, cut at every byte. */
#include "ai/ai_internal.h"
#include "base/test.h"

static lh_code events_note(void *ctx, lh_str data, lh_error *err) {
    lh_buf *seen = ctx;
    (void)err;
    lh_buf_printf(seen, "[%.*s]", LH_STR_ARG(data));
    return LH_OK;
}

/* In pieces of `step` bytes. */
static lh_code events_read(ai_events_kind kind, lh_str bytes, size_t step, lh_buf *seen, lh_error *err) {
    LH_CLEANUP(ai_events_done) ai_events events;
    ai_events_init(&events, kind, events_note, seen);
    for (size_t at = 0; at < bytes.len; at += step) LH_TRY(ai_events_feed(&events, lh_str_sub(bytes, at, step), err));
    return ai_events_end(&events, err);
}

static void events_check(ai_events_kind kind, lh_str bytes, lh_str expected) {
    for (size_t step = 1; step <= bytes.len; step++) {
        LH_CLEANUP(lh_buf_done) lh_buf seen = LH_BUF_INIT(1 << 20);
        lh_error err = {0};
        CHECK_OK(events_read(kind, bytes, step, &seen, &err));
        CHECK_STR(lh_buf_str(&seen), expected);
    }
}

static void test_events__data_of_server_sent_events(void) {
    events_check(AI_EVENTS_SSE, LH_STR("data: a\n\ndata:b\r\n\r\ndata:  c\r\rdata: [DONE]\n\n"),
                 LH_STR("[a][b][ c][[DONE]]"));
}

static void test_events__other_fields_and_comments_are_passed_over(void) {
    events_check(AI_EVENTS_SSE,
                 LH_STR("\xEF\xBB\xBF: ping\nevent: x\nid: 1\nretry: 5\ndata: a\nunknown\n\n\n: ping\n\n"),
                 LH_STR("[a]"));
}

static void test_events__lines_of_data_are_joined(void) {
    events_check(AI_EVENTS_SSE, LH_STR("data: a\ndata\ndata: b\n\n"), LH_STR("[a\n\nb]"));
}

static void test_events__the_last_event_needs_no_blank_line(void) {
    events_check(AI_EVENTS_SSE, LH_STR("data: a\n\ndata: b"), LH_STR("[a][b]"));
}

static void test_events__lines_that_are_not_blank(void) {
    events_check(AI_EVENTS_LINES, LH_STR("{\"a\":1}\n\r\n  \n{\"b\":\"\xC3\xA4\"}\r\n{}"),
                 LH_STR("[{\"a\":1}][{\"b\":\"\xC3\xA4\"}][{}]"));
}

static void test_events__a_whole_is_one(void) { events_check(AI_EVENTS_WHOLE, LH_STR("{\n}\n"), LH_STR("[{\n}\n]")); }

static void test_events__an_event_beyond_the_cap_is_refused(void) {
    static const ai_events_kind kinds[] = {AI_EVENTS_SSE, AI_EVENTS_LINES, AI_EVENTS_WHOLE};
    LH_CLEANUP(lh_free_pointer) char *much = malloc(LH_LIMIT_AI_EVENT_BYTES);
    CHECK(much);
    memset(much, 'x', LH_LIMIT_AI_EVENT_BYTES);
    for (size_t i = 0; i < 3; i++) {
        LH_CLEANUP(ai_events_done) ai_events events;
        LH_CLEANUP(lh_buf_done) lh_buf seen = LH_BUF_INIT(1 << 20);
        lh_error err = {0};
        ai_events_init(&events, kinds[i], events_note, &seen);
        CHECK_OK(ai_events_feed(&events, (lh_str){much, LH_LIMIT_AI_EVENT_BYTES}, &err));
        CHECK(ai_events_feed(&events, LH_STR("x"), &err) == LH_LIMIT);
    }
}

static lh_code events_refuse(void *ctx, lh_str data, lh_error *err) {
    (void)data, ++*(int *)ctx;
    return lh_fail(err, LH_CONFLICT, "no");
}

static void test_events__a_refusal_ends_the_stream(void) {
    LH_CLEANUP(ai_events_done) ai_events events;
    int calls = 0;
    lh_error err = {0};
    ai_events_init(&events, AI_EVENTS_LINES, events_refuse, &calls);
    CHECK(ai_events_feed(&events, LH_STR("a\nb\n"), &err) == LH_CONFLICT && calls == 1);
}

LH_TEST_MAIN(LH_TEST(test_events__data_of_server_sent_events),
             LH_TEST(test_events__other_fields_and_comments_are_passed_over),
             LH_TEST(test_events__lines_of_data_are_joined), LH_TEST(test_events__the_last_event_needs_no_blank_line),
             LH_TEST(test_events__lines_that_are_not_blank), LH_TEST(test_events__a_whole_is_one),
             LH_TEST(test_events__an_event_beyond_the_cap_is_refused), LH_TEST(test_events__a_refusal_ends_the_stream))
