/* Times of crontab(5), against dates that a calendar tells. */
#include "base/test.h"
#include "jobs/jobs.h"

static bool matches(const char *cron_text, const char *time_text) {
    lh_error err = {0};
    lh_cron cron;
    int64_t ms;
    CHECK_OK(lh_cron_parse(lh_str_from(cron_text), &cron, &err));
    CHECK_OK(lh_time_parse_rfc3339(lh_str_from(time_text), &ms));
    return lh_cron_matches(&cron, ms);
}

static void test_cron__fields_match_what_they_name(void) {
    CHECK(matches("* * * * *", "2026-11-28T19:10:59Z"));
    CHECK(matches("10 19 28 11 *", "2026-11-28T19:10:00Z") && !matches("11 19 28 11 *", "2026-11-28T19:10:00Z"));
    CHECK(matches("*/15 * * * *", "2026-11-28T19:45:00Z") && !matches("*/15 * * * *", "2026-11-28T19:46:00Z"));
    CHECK(matches("0 6-8/2,20 * * *", "2026-11-28T08:00:00Z") && !matches("0 6-8/2,20 * * *", "2026-11-28T07:00:00Z"));
    CHECK(matches("0 6-8/2,20 * * *", "2026-11-28T20:00:00Z"));
}

static void test_cron__of_two_days_one_is_enough(void) {
    CHECK(matches("0 0 1 * 6", "2026-11-28T00:00:00Z")); /* a Saturday */
    CHECK(matches("0 0 1 * 6", "2026-12-01T00:00:00Z")); /* a first */
    CHECK(!matches("0 0 1 * 6", "2026-11-29T00:00:00Z"));
    CHECK(!matches("0 0 * * 1-5", "2026-11-28T00:00:00Z") && matches("0 0 * * 7", "2026-11-29T00:00:00Z"));
}

static void test_cron__what_is_no_time_is_refused(void) {
    static const char *const bad[] = {"",          "* * * *",    "* * * * * *", "60 * * * *",   "* 24 * * *",
                                      "* * 0 * *", "* * * 13 *", "* * * * 8",   "5-1 * * * *",  "*/0 * * * *",
                                      "a * * * *", "1, * * * *", ",1 * * * *",  "1-2-3 * * * *"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lh_cron cron;
        lh_error err = {0};
        CHECK(lh_cron_parse(lh_str_from(bad[i]), &cron, &err) == LH_INVALID && err.message[0]);
    }
}

LH_TEST_MAIN(LH_TEST(test_cron__fields_match_what_they_name), LH_TEST(test_cron__of_two_days_one_is_enough),
             LH_TEST(test_cron__what_is_no_time_is_refused))
