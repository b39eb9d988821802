#include "engine/engine_suite.h"

static void sample_of(suite *s, lh_session *session, lh_sample *sample, const char *columns, const char *rows) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(1 << 16);
    lh_buf_append(&sql, LH_STR("SELECT count(*) FROM "));
    lh_buf_append(&sql, lh_str_from(rows));
    lh_buf_append(&sql, LH_STR(" WHERE "));
    lh_sample_sql(sample, &sql);
    lh_buf_printf(&sql, ", %s)", columns);
    lh_code code = lh_session_run(session, lh_buf_str(&sql), NULL, s->arena, NULL, &s->err);
    if (code != LH_OK) print_error("%s\n", s->err.message);
    CHECK(code == LH_OK);
}

static void test_sample__is_drawn_from_all_rows_and_of_each_once(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    lh_sample *sample = NULL;
    unsigned tenths[10] = {0};
    static char seen[200000];
    CHECK(lh_session_open(s->engine, NULL, &session, &s->err) == LH_OK);
    CHECK(lh_sample_new(s->engine, 1000, 2, &sample, &s->err) == LH_OK && lh_sample_rows(sample) == 0);
    sample_of(s, session, sample, "i, 'v' || i", "range(200000) r(i)");
    CHECK(lh_sample_rows(sample) == 1000);
    for (size_t row = 0; row < 1000; row++) {
        lh_str number = LH_STR_NONE, text = LH_STR_NONE;
        uint64_t i = 0;
        CHECK(lh_sample_value(sample, row, 0, &number) && lh_sample_value(sample, row, 1, &text));
        CHECK(lh_str_to_u64(number, &i) == LH_OK && i < 200000 && seen[i]++ == 0);
        CHECK_STR(text, lh_arena_printf(s->arena, "v%" PRIu64, i));
        tenths[i / 20000]++;
    }
    for (size_t i = 0; i < 10; i++) CHECK(tenths[i] > 40 && tenths[i] < 180); /* 100, six deviations */
    lh_sample_free(sample);
}

static void test_sample__values_are_texts_and_a_second_try_begins_anew(void) {
    static const char *const texts[] = {"1.50", "2024-02-29", "a,\"b", NULL, "true"};
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    lh_sample *sample = NULL;
    lh_str value;
    CHECK(lh_session_open(s->engine, NULL, &session, &s->err) == LH_OK);
    CHECK(lh_sample_new(s->engine, 10, 6, &sample, &s->err) == LH_OK);
    for (int i = 0; i < 2; i++) {
        lh_sample_clear(sample);
        sample_of(s, session, sample,
                  "1.50::DECIMAL(9,2), DATE '2024-02-29', 'a,\"b', NULL::VARCHAR, true, repeat('\xc3\xa9', 5000)",
                  "range(7)");
        CHECK(lh_sample_rows(sample) == 7);
    }
    for (size_t i = 0; i < 5; i++) {
        CHECK(lh_sample_value(sample, 6, i, &value) == (texts[i] != NULL));
        CHECK_STR(value, texts[i] ? lh_str_from(texts[i]) : LH_STR_NONE);
    }
    CHECK(lh_sample_value(sample, 0, 5, &value) && value.len == 1024);
    lh_sample_free(sample);
}

/* 32 MiB hold 2,000 rows of 300 short columns, and some 109 of 300 columns of 1 KiB. */
static void test_sample__wide_rows_are_fewer_by_their_bytes(void) {
    static const char *const columns[] = {"i", "repeat('x', 1024) || i"};
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf list = LH_BUF_INIT(1 << 16);
    lh_sample *sample = NULL;
    CHECK(lh_session_open(s->engine, NULL, &session, &s->err) == LH_OK);
    CHECK(lh_sample_new(s->engine, 2000, 300, &sample, &s->err) == LH_OK);
    for (size_t wide = 0; wide < 2; wide++) {
        lh_buf_clear(&list);
        for (size_t i = 0; i < 300; i++) lh_buf_printf(&list, i ? ", %s" : "%s", columns[wide]);
        lh_buf_char(&list, '\0');
        lh_sample_clear(sample);
        sample_of(s, session, sample, list.ptr, "range(4000) r(i)");
        CHECK(wide ? lh_sample_rows(sample) > 100 && lh_sample_rows(sample) < 110 : lh_sample_rows(sample) == 2000);
        lh_str value;
        for (size_t row = 0; row < lh_sample_rows(sample); row++)
            CHECK(lh_sample_value(sample, row, 299, &value) && value.len <= 1024);
    }
    lh_sample_free(sample);
}

static void test_sample__is_not_for_others(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    lh_sample *sample = NULL;
    CHECK(suite_try(s, "SELECT lh_sample(1, 'x')", LH_FORMAT_JSON) == LH_DENIED);
    CHECK(suite_try(s, "SELECT \"lh_sample\"(1, 'x')", LH_FORMAT_JSON) == LH_DENIED);
    CHECK(lh_sample_new(s->engine, 10, 0, &sample, &s->err) == LH_LIMIT && !sample);
    CHECK(lh_sample_new(s->engine, 10, 100000, &sample, &s->err) == LH_LIMIT && !sample);
}

LH_TEST_MAIN(LH_TEST(test_sample__is_drawn_from_all_rows_and_of_each_once),
             LH_TEST(test_sample__values_are_texts_and_a_second_try_begins_anew),
             LH_TEST(test_sample__wide_rows_are_fewer_by_their_bytes), LH_TEST(test_sample__is_not_for_others))
