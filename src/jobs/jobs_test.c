/* Jobs over a real metastore on disk: two sets of threads stand for two gateways of one lake. */
#include "base/test.h"
#include "jobs/jobs_internal.h"

#include <stdio.h>
#include <unistd.h>

typedef struct suite {
    char root[64];
    lh_bucket *bucket;
    lh_catalog *catalog;
    lh_arena *arena;
    lh_jobs *jobs;
    atomic_uint runs, failures_left, hold;
} suite;

/* Counts to spec.count; holds on while suite.hold; fails while failures are left. */
static lh_code suite_run(void *ctx, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err) {
    suite *s = ctx;
    uint64_t count = lh_json_uint(lh_json_get(spec, "count"), 1);
    atomic_fetch_add(&s->runs, 1);
    lh_job_set_phase(job, "counting");
    lh_job_set_total(job, count);
    if (atomic_load(&s->failures_left) > 0) {
        atomic_fetch_sub(&s->failures_left, 1);
        return lh_fail(err, LH_UNAVAILABLE, "not now");
    }
    if (lh_json_bool(lh_json_get(spec, "bad"), false)) return lh_fail(err, LH_INVALID, "never");
    for (uint64_t i = 0; i < count; i++) {
        if (i == 1) lh_job_add_problem(job, LH_STR("item \"1\""), "odd");
        lh_job_add_done(job, 1);
    }
    while (atomic_load(&s->hold) && !lh_cancel_fired(lh_job_cancel_of(job))) lh_time_sleep_ms(1);
    if (lh_cancel_fired(lh_job_cancel_of(job))) return lh_fail(err, LH_CANCELLED, "cancelled");
    *ret = lh_json_new_object(arena);
    lh_json_set_uint(arena, *ret, "counted", count);
    return LH_OK;
}

static void suite_open(suite *s) {
    lh_error err = {0};
    const lh_job_kind kind = {"count", suite_run, s};
    static lh_job_kind kinds[1];
    kinds[0] = kind;
    const lh_jobs_options options = {.catalog = s->catalog, .threads = 2, .kinds = kinds, .kind_count = 1};
    CHECK_OK(lh_jobs_new(&options, &s->jobs, &err));
}

static void suite_init(suite *s) {
    lh_error err = {0};
    *s = (suite){.root = "/tmp/lh-jobs-XXXXXX"};
    CHECK(mkdtemp(s->root) != NULL);
    CHECK_OK(lh_bucket_open_file(lh_str_from(s->root), &s->bucket, &err));
    const lh_catalog_options catalog = {
        .bucket = s->bucket, .checkpoint_entries = 100, .default_namespace = LH_STR("data")};
    CHECK_OK(lh_catalog_open(&catalog, &s->catalog, &err));
    CHECK_OK(lh_arena_new(64 << 20, &s->arena, &err));
    suite_open(s);
}

static void suite_done(suite *s) {
    char command[128];
    lh_jobs_free(s->jobs);
    lh_catalog_free(s->catalog);
    lh_bucket_free(s->bucket);
    lh_arena_free(s->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", s->root);
    FILE *gone = popen(command, "r"); /* NOLINT(cert-env33-c): a folder of the test's own */
    if (gone) pclose(gone);
}

static lh_code suite_submit(suite *s, const char *subject, const char *spec, lh_json **ret, lh_error *ret_why) {
    lh_json *parsed = NULL;
    lh_error err = {0};
    CHECK_OK(lh_json_parse(s->arena, lh_str_from(spec), &parsed, &err));
    const lh_job_request request = {LH_STR("count"), lh_str_from(subject), LH_STR("ann"), parsed};
    return lh_job_submit(s->jobs, &request, s->arena, ret, ret_why);
}

static lh_str suite_id(const lh_json *job) { return lh_json_get_string(job, "id"); }

static lh_json *suite_get(suite *s, lh_str id) {
    lh_error err = {0};
    lh_json *job = NULL;
    CHECK_OK(lh_job_get(s->jobs, id, s->arena, &job, &err));
    return job;
}

static lh_json *suite_await(suite *s, lh_str id, const char *state) {
    lh_error err = {0};
    lh_json *job = suite_get(s, id);
    uint64_t change = 0, until_ms = lh_time_monotonic_ms() + 300000; /* of a slow machine's */
    while (!lh_str_eq(lh_json_get_string(job, "state"), lh_str_from(state)) && lh_time_monotonic_ms() < until_ms)
        CHECK_OK(lh_job_watch(s->jobs, id, 50, &change, s->arena, &job, &err));
    CHECK(lh_str_eq(lh_json_get_string(job, "state"), lh_str_from(state)));
    return job;
}

static void test_jobs__one_runs_to_its_end_and_tells_what_it_did(void) {
    suite s;
    lh_error err = {0};
    lh_json *job = NULL;
    suite_init(&s);
    CHECK(suite_submit(&s, "a", "{\"count\":5}", &job, &err) == LH_OK);
    job = suite_await(&s, suite_id(job), "succeeded");
    CHECK(lh_json_uint(lh_json_get(job, "done"), 0) == 5 && lh_json_uint(lh_json_get(job, "total"), 0) == 5);
    CHECK(lh_json_uint(lh_json_get(lh_json_get(job, "result"), "counted"), 0) == 5);
    const lh_json *problems = lh_json_get(job, "problems");
    CHECK(lh_json_size(problems) == 1 && lh_json_uint(lh_json_get(job, "problem_count"), 0) == 1);
    CHECK(lh_str_eq(lh_json_get_string(lh_json_at(problems, 0), "item"), LH_STR("item \"1\"")));
    CHECK(lh_json_get(job, "ended_at") != NULL && lh_job_has_ended(job));
    suite_done(&s);
}

static void test_jobs__one_of_a_subject_at_a_time(void) {
    suite s;
    lh_error err = {0};
    lh_json *first = NULL, *second = NULL;
    suite_init(&s);
    atomic_store(&s.hold, 1);
    CHECK(suite_submit(&s, "a", "{}", &first, &err) == LH_OK);
    CHECK(suite_submit(&s, "a", "{}", &second, &err) == LH_CONFLICT);
    CHECK(strstr(err.message, lh_arena_cstr(s.arena, suite_id(first))) != NULL);
    CHECK(suite_submit(&s, "b", "{}", &second, &err) == LH_OK);
    atomic_store(&s.hold, 0);
    suite_await(&s, suite_id(first), "succeeded");
    CHECK(suite_submit(&s, "a", "{}", &second, &err) == LH_OK);
    suite_await(&s, suite_id(second), "succeeded");
    suite_done(&s);
}

static void test_jobs__each_runs_once_however_many_threads_look(void) {
    enum { MANY = 300 };
    suite s;
    lh_error err = {0};
    lh_str ids[MANY];
    char subject[16];
    suite_init(&s);
    for (int i = 0; i < MANY; i++) {
        lh_json *job = NULL;
        snprintf(subject, sizeof subject, "%d", i);
        CHECK(suite_submit(&s, subject, "{}", &job, &err) == LH_OK);
        ids[i] = suite_id(job);
    }
    for (int i = 0; i < MANY; i++) suite_await(&s, ids[i], "succeeded");
    CHECK(atomic_load(&s.runs) == MANY);
    suite_done(&s);
}

static void test_jobs__one_that_fails_for_now_is_tried_again_and_one_that_is_wrong_is_not(void) {
    suite s;
    lh_error err = {0};
    lh_json *job = NULL;
    suite_init(&s);
    atomic_store(&s.failures_left, 1);
    CHECK(suite_submit(&s, "a", "{\"count\":2}", &job, &err) == LH_OK);
    job = suite_await(&s, suite_id(job), "succeeded");
    CHECK(atomic_load(&s.runs) == 2 && lh_json_uint(lh_json_get(job, "attempts"), 0) == 2);
    CHECK(suite_submit(&s, "b", "{\"bad\":true}", &job, &err) == LH_OK);
    job = suite_await(&s, suite_id(job), "failed");
    CHECK(lh_str_eq(lh_json_get_string(lh_json_get(job, "error"), "message"), LH_STR("never")));
    CHECK(lh_json_uint(lh_json_get(job, "attempts"), 0) == 1);
    suite_done(&s);
}

static void test_jobs__pauses_grow_and_are_half_by_chance(void) {
    static const int64_t longest_ms[] = {1000, 4000, 16000, 64000, 64000};
    for (uint64_t attempts = 1; attempts <= 5; attempts++) {
        int64_t most = longest_ms[attempts - 1], first = jobs_pause_ms(attempts);
        bool differ = false;
        for (int i = 0; i < 64; i++) {
            int64_t ms = jobs_pause_ms(attempts);
            CHECK(ms >= most / 2 && ms <= most);
            differ |= ms != first;
        }
        CHECK(differ);
    }
}

static void test_jobs__one_is_cancelled_and_tried_again(void) {
    suite s;
    lh_error err = {0};
    lh_json *job = NULL;
    suite_init(&s);
    atomic_store(&s.hold, 1);
    CHECK(suite_submit(&s, "a", "{}", &job, &err) == LH_OK);
    lh_str id = suite_id(job);
    suite_await(&s, id, "running");
    CHECK_OK(lh_job_cancel(s.jobs, id, s.arena, &job, &err));
    suite_await(&s, id, "cancelled");
    CHECK_OK(lh_job_cancel(s.jobs, id, s.arena, &job, &err)); /* it has ended: fine */
    atomic_store(&s.hold, 0);
    CHECK_OK(lh_job_retry(s.jobs, id, s.arena, &job, &err));
    suite_await(&s, id, "succeeded");
    CHECK(lh_job_retry(s.jobs, id, s.arena, &job, &err) == LH_CONFLICT);
    CHECK(lh_job_get(s.jobs, LH_STR("0199aaaa-0000-7000-8000-000000000000"), s.arena, &job, &err) == LH_NOT_FOUND);
    suite_done(&s);
}

/* "a" goes, by that change. */
static lh_code suite_retire(suite *s, const lh_change *gone, lh_error *err) {
    lh_change *changes;
    size_t count;
    LH_TRY(lh_jobs_retire(s->jobs, LH_STR("a"), LH_STR("a has gone"), s->arena, &changes, &count, err));
    lh_change *all = LH_ARENA_ARRAY(s->arena, lh_change, count + 1);
    LH_TRY(lh_arena_check(s->arena, err));
    all[0] = *gone;
    for (size_t i = 0; i < count; i++) all[i + 1] = changes[i];
    return lh_metastore_commit(lh_catalog_metastore(s->catalog), all, count + 1, NULL, err);
}

static void test_jobs__none_of_a_subject_that_has_gone_is_tried_again(void) {
    suite s;
    lh_error err = {0};
    lh_json *job = NULL, *other = NULL;
    suite_init(&s);
    CHECK(suite_submit(&s, "a", "{\"bad\":true}", &job, &err) == LH_OK);
    lh_str id = suite_id(suite_await(&s, suite_id(job), "failed"));
    CHECK(suite_submit(&s, "b", "{\"bad\":true}", &other, &err) == LH_OK);
    suite_await(&s, suite_id(other), "failed");
    lh_change gone = {.key = LH_STR("subject/a"), .text = LH_STR("{}"), .expected = 7}; /* of another version */
    CHECK(suite_retire(&s, &gone, &err) == LH_CONFLICT);
    CHECK_OK(lh_job_retry(s.jobs, id, s.arena, &job, &err)); /* as the subject is there still */
    suite_await(&s, id, "failed");
    gone.expected = LH_VERSION_ABSENT;
    CHECK_OK(suite_retire(&s, &gone, &err));
    CHECK(lh_metastore_count(lh_catalog_metastore(s.catalog), LH_STR("subject/a")) == 1);
    CHECK(lh_job_retry(s.jobs, id, s.arena, &job, &err) == LH_CONFLICT && strstr(err.message, "a has gone"));
    CHECK_OK(lh_job_retry(s.jobs, suite_id(other), s.arena, &other, &err));
    suite_await(&s, suite_id(other), "failed");
    atomic_store(&s.hold, 1); /* a new one of the subject is as any other, and keeps it from going */
    CHECK(suite_submit(&s, "a", "{}", &job, &err) == LH_OK);
    CHECK_OK(lh_job_get_of(s.jobs, LH_STR("a"), s.arena, &other, &err));
    CHECK(lh_str_eq(suite_id(other), suite_id(job)));
    gone.expected = LH_VERSION_ANY;
    gone.text = LH_STR_NONE;
    CHECK(suite_retire(&s, &gone, &err) == LH_CONFLICT);
    CHECK(lh_metastore_count(lh_catalog_metastore(s.catalog), LH_STR("subject/a")) == 1);
    atomic_store(&s.hold, 0);
    suite_await(&s, suite_id(job), "succeeded");
    CHECK(lh_job_get_of(s.jobs, LH_STR("a"), s.arena, &other, &err) == LH_NOT_FOUND);
    suite_done(&s);
}

static void test_jobs__what_runs_at_the_end_of_the_server_is_taken_up_by_the_next(void) {
    suite s;
    lh_error err = {0};
    lh_json *job = NULL;
    suite_init(&s);
    atomic_store(&s.hold, 1);
    CHECK(suite_submit(&s, "a", "{\"count\":3}", &job, &err) == LH_OK);
    lh_str id = suite_id(job);
    suite_await(&s, id, "running");
    lh_jobs_free(s.jobs);
    atomic_store(&s.hold, 0);
    suite_open(&s);
    job = suite_await(&s, id, "succeeded");
    CHECK(atomic_load(&s.runs) >= 2 && lh_json_uint(lh_json_get(job, "attempts"), 0) == 1);
    suite_done(&s);
}

static void test_jobs__one_of_a_process_that_is_gone_is_taken_up_at_once(void) {
    suite s;
    lh_error err = {0};
    lh_json *job = NULL;
    job_record record;
    suite_init(&s);
    lh_jobs_stop(s.jobs);
    CHECK(suite_submit(&s, "a", "{}", &job, &err) == LH_OK);
    lh_str id = suite_id(job);
    CHECK_OK(job_read(s.jobs, id, s.arena, &record, &err));
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    record.state = LH_STR("running");
    record.owner = lh_arena_printf(s.arena, "%s/%ld/%d", host, (long)getpid(), 1); /* ours began later */
    record.lease_until_ms = lh_time_now_ms() + 3600000;
    CHECK_OK(job_write(s.jobs, &record, true, s.arena, &err));
    lh_jobs_free(s.jobs);
    suite_open(&s);
    suite_await(&s, id, "succeeded");
    suite_done(&s);
}

static void test_jobs__one_of_another_machine_is_left_alone_until_its_lease_ends(void) {
    suite s;
    lh_error err = {0};
    lh_json *job = NULL;
    job_record record;
    suite_init(&s);
    lh_jobs_stop(s.jobs);
    CHECK(suite_submit(&s, "a", "{}", &job, &err) == LH_OK);
    CHECK_OK(job_read(s.jobs, suite_id(job), s.arena, &record, &err));
    record.state = LH_STR("running");
    record.owner = LH_STR("another.host/1/1");
    record.lease_until_ms = lh_time_now_ms() + 3600000;
    CHECK_OK(job_write(s.jobs, &record, true, s.arena, &err));
    lh_jobs_free(s.jobs);
    suite_open(&s);
    lh_json *other = NULL;
    CHECK(suite_submit(&s, "b", "{}", &other, &err) == LH_OK);
    suite_await(&s, suite_id(other), "succeeded");
    CHECK(lh_str_eq(lh_json_get_string(suite_get(&s, suite_id(job)), "state"), LH_STR("running")));
    CHECK_OK(job_read(s.jobs, suite_id(job), s.arena, &record, &err));
    record.lease_until_ms = lh_time_now_ms() - 1;
    CHECK_OK(job_write(s.jobs, &record, true, s.arena, &err));
    suite_await(&s, suite_id(job), "succeeded");
    suite_done(&s);
}

static void test_jobs__a_claim_holds_until_the_next(void) {
    suite s;
    lh_error err = {0};
    lh_json *job = NULL;
    job_record record;
    suite_init(&s);
    lh_jobs_stop(s.jobs);
    CHECK(suite_submit(&s, "a", "{}", &job, &err) == LH_OK);
    CHECK_OK(job_read(s.jobs, suite_id(job), s.arena, &record, &err));
    record.state = LH_STR("running");
    job_record late = record;
    CHECK_OK(job_write_claim(s.jobs, &record, s.arena, &err));
    const lh_job held = {.subject = LH_STR("a"), .claim = record.version};
    const lh_change changes[] = {{.key = LH_STR("of the job"), .text = LH_STR("{}")}, lh_job_claim(&held, s.arena)};
    CHECK(job_write_claim(s.jobs, &late, s.arena, &err) == LH_CONFLICT); /* read before the claim */
    CHECK_OK(lh_metastore_commit(s.jobs->metastore, changes, 2, NULL, &err));
    CHECK_OK(job_read(s.jobs, suite_id(job), s.arena, &record, &err));
    record.lease_until_ms = 1; /* renewed: the claim is as it was */
    CHECK_OK(job_write(s.jobs, &record, true, s.arena, &err));
    CHECK_OK(lh_metastore_commit(s.jobs->metastore, changes, 2, NULL, &err));
    CHECK_OK(job_read(s.jobs, suite_id(job), s.arena, &record, &err));
    CHECK_OK(job_write_claim(s.jobs, &record, s.arena, &err));
    CHECK(lh_metastore_commit(s.jobs->metastore, changes, 2, NULL, &err) == LH_CONFLICT);
    suite_done(&s);
}

static void test_jobs__the_list_is_newest_first_in_pages_and_by_state(void) {
    suite s;
    lh_error err = {0};
    lh_json *jobs[3], *list = NULL;
    suite_init(&s);
    for (int i = 0; i < 3; i++) {
        const char subject[2] = {(char)('a' + i), '\0'};
        CHECK(suite_submit(&s, subject, i == 1 ? "{\"bad\":true}" : "{}", &jobs[i], &err) == LH_OK);
        suite_await(&s, suite_id(jobs[i]), i == 1 ? "failed" : "succeeded");
    }
    lh_job_filter filter = {.page = {.limit = 2}};
    CHECK_OK(lh_jobs_list(s.jobs, &filter, s.arena, &list, &err));
    CHECK(lh_json_size(lh_json_get(list, "items")) == 2);
    CHECK(lh_str_eq(suite_id(lh_json_at(lh_json_get(list, "items"), 0)), suite_id(jobs[2])));
    filter.page.token = lh_json_get_string(list, "next_page_token");
    CHECK_OK(lh_jobs_list(s.jobs, &filter, s.arena, &list, &err));
    CHECK(lh_json_size(lh_json_get(list, "items")) == 1 && lh_json_is_null(lh_json_get(list, "next_page_token")));
    filter = (lh_job_filter){.state = LH_STR("failed")};
    CHECK_OK(lh_jobs_list(s.jobs, &filter, s.arena, &list, &err));
    CHECK(lh_json_size(lh_json_get(list, "items")) == 1);
    suite_done(&s);
}

LH_TEST_MAIN(LH_TEST(test_jobs__one_runs_to_its_end_and_tells_what_it_did),
             LH_TEST(test_jobs__one_of_a_subject_at_a_time),
             LH_TEST(test_jobs__each_runs_once_however_many_threads_look),
             LH_TEST(test_jobs__one_that_fails_for_now_is_tried_again_and_one_that_is_wrong_is_not),
             LH_TEST(test_jobs__pauses_grow_and_are_half_by_chance),
             LH_TEST(test_jobs__one_is_cancelled_and_tried_again),
             LH_TEST(test_jobs__none_of_a_subject_that_has_gone_is_tried_again),
             LH_TEST(test_jobs__what_runs_at_the_end_of_the_server_is_taken_up_by_the_next),
             LH_TEST(test_jobs__one_of_a_process_that_is_gone_is_taken_up_at_once),
             LH_TEST(test_jobs__one_of_another_machine_is_left_alone_until_its_lease_ends),
             LH_TEST(test_jobs__a_claim_holds_until_the_next),
             LH_TEST(test_jobs__the_list_is_newest_first_in_pages_and_by_state))
