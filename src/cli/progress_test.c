#include "base/test.h"
#include "cli/progress.h"

static void check_output(bool shown, bool rows, const char *expected) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *into = open_memstream(&text, &bytes);
    lh_progress p = lh_progress_start(into, shown, LH_STR("f.csv"), 4000000, 1000);
    p.counts_rows = rows;
    lh_progress_look(&p, LH_STR("a,b\n1,2\n3,"));
    lh_progress_add(&p, 1000000, 2000);
    lh_progress_add(&p, 1000, 2010); /* too soon to draw again */
    lh_progress_add(&p, 2999000, 3000);
    lh_progress_wait(&p, "loading", 3000);
    lh_progress_clear(&p);
    lh_progress_clear(&p);
    fclose(into);
    CHECK_STR(((lh_str){text, bytes}), lh_str_from(expected));
    free(text);
}

static void test_cli__a_terminal_sees_one_line_that_changes(void) {
    check_output(true, false,
                 "\r\x1B[Kf.csv  [######                  ]  25%  1.0 MB of 4.0 MB  1.0 MB/s  0:03 left"
                 "\r\x1B[Kf.csv  [########################] 100%  4.0 MB of 4.0 MB  2.0 MB/s"
                 "\r\x1B[Kf.csv  4.0 MB received in 2.0 s, loading\r\x1B[K");
}

static void test_cli__rows_are_counted_where_a_line_is_one(void) {
    check_output(true, true,
                 "\r\x1B[Kf.csv  [######                  ]  25%  1.0 MB of 4.0 MB  2 rows  1.0 MB/s  0:03 left"
                 "\r\x1B[Kf.csv  [########################] 100%  4.0 MB of 4.0 MB  2 rows  2.0 MB/s"
                 "\r\x1B[Kf.csv  4.0 MB received in 2.0 s, loading\r\x1B[K");
}

static void test_cli__a_log_sees_nothing(void) { check_output(false, true, ""); }

static void test_cli__what_others_count_is_told_with_their_rate(void) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *into = open_memstream(&text, &bytes);
    lh_progress p = lh_progress_start(into, true, LH_STR("papers"), 0, 1000);
    p.noun = "rows";
    lh_progress_say(&p, LH_STR("waiting"));
    lh_progress_stand(&p, 0, 50000, 0, LH_STR("reading"));
    lh_progress_stand(&p, 12000, 48000, 1520, LH_STR("embedding"));
    lh_progress_stand(&p, 47983, 48000, 4.25, LH_STR("embedding"));
    lh_progress_stand(&p, 48000, 48000, 4.25, LH_STR("making ready"));
    lh_progress_clear(&p);
    fclose(into);
    CHECK_STR(((lh_str){text, bytes}),
              LH_STR("\r\x1B[Kpapers  waiting"
                     "\r\x1B[Kpapers  [                        ]   0%  0 of 50000 rows  reading"
                     "\r\x1B[Kpapers  [######                  ]  25%  12000 of 48000 rows  1520 rows/s  0:24 left"
                     "\r\x1B[Kpapers  [####################### ]  99%  47983 of 48000 rows  4.2 rows/s  0:04 left"
                     "\r\x1B[Kpapers  [########################] 100%  48000 of 48000 rows  making ready\r\x1B[K"));
    free(text);
}

static void test_cli__sizes_are_short(void) {
    CHECK_STR(lh_str_from(lh_progress_bytes(0).text), LH_STR("0 B"));
    CHECK_STR(lh_str_from(lh_progress_bytes(999).text), LH_STR("999 B"));
    CHECK_STR(lh_str_from(lh_progress_bytes(999999).text), LH_STR("1.0 MB"));
    CHECK_STR(lh_str_from(lh_progress_bytes(123e9).text), LH_STR("123 GB"));
}

LH_TEST_MAIN(LH_TEST(test_cli__a_terminal_sees_one_line_that_changes), LH_TEST(test_cli__a_log_sees_nothing),
             LH_TEST(test_cli__rows_are_counted_where_a_line_is_one),
             LH_TEST(test_cli__what_others_count_is_told_with_their_rate), LH_TEST(test_cli__sizes_are_short))
