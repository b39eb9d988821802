/* The journal without an engine: what is appended is read from the buffer; and what happens when the disk does not take it.
 * With an engine, tests/api/test_journal.py. */
#include "base/test.h"
#include "journal/journal_internal.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct suite {
    char root[64], folder[128];
    lh_bucket *bucket;
    lh_catalog *catalog;
    lh_journal *journal;
    lh_arena *arena;
} suite;

static void suite_open(suite *s, lh_journal_options options) {
    lh_error err = {0};
    options.catalog = s->catalog;
    options.folder = lh_str_from(s->folder);
    options.scratch_dir = lh_str_from(s->root);
    options.flush_records = options.flush_bytes = options.flush_ms = 1 << 30;
    if (!options.buffer_max_bytes) options.buffer_max_bytes = 1 << 20;
    CHECK_OK(lh_journal_open(&options, &s->journal, &err));
}

static void suite_init(suite *s, lh_journal_options options) {
    lh_error err = {0};
    *s = (suite){.root = "/tmp/lh-journal-XXXXXX"};
    CHECK(mkdtemp(s->root) != NULL);
    snprintf(s->folder, sizeof s->folder, "%s/journal", s->root);
    CHECK_OK(lh_bucket_open_file(lh_str_from(s->root), &s->bucket, &err));
    const lh_catalog_options catalog = {
        .bucket = s->bucket, .checkpoint_entries = 100, .default_namespace = LH_STR("data")};
    CHECK_OK(lh_catalog_open(&catalog, &s->catalog, &err));
    CHECK_OK(lh_arena_new(16 << 20, &s->arena, &err));
    suite_open(s, options);
}

static void suite_done(suite *s) {
    char command[128];
    lh_journal_close(s->journal);
    lh_catalog_free(s->catalog);
    lh_bucket_free(s->bucket);
    lh_arena_free(s->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", s->root);
    FILE *gone = popen(command, "r"); /* NOLINT(cert-env33-c): a folder of the test's own */
    if (gone) pclose(gone);
}

static const lh_json *suite_audit(suite *s, lh_audit_query query) {
    lh_json *answer = NULL;
    lh_error err = {0};
    if (query.page.limit == 0) query.page.limit = 100;
    CHECK_OK(lh_audit_read(s->journal, &query, s->arena, &answer, &err));
    return lh_json_get(answer, "items");
}

static lh_audit_record record_of(const char *principal, const char *datasets, const char *outcome) {
    return (lh_audit_record){.trace_id = LH_STR("ab"),
                             .principal = lh_str_from(principal),
                             .remote = LH_STR("127.0.0.1"),
                             .door = LH_STR("http"),
                             .statement = LH_STR("SELECT 'secret', 12.5e-3 FROM \"my't\" -- note"),
                             .datasets = lh_str_from(datasets),
                             .rows = 3,
                             .bytes = 40,
                             .elapsed_ms = 5,
                             .outcome = lh_str_from(outcome)};
}

static void suite_append(suite *s, const char *principal, const char *datasets, const char *outcome) {
    lh_error err = {0};
    const lh_audit_record record = record_of(principal, datasets, outcome);
    CHECK_OK(lh_audit_append(s->journal, &record, &err));
}

static void test_audit__records_are_found_by_principal_dataset_outcome_and_time(void) {
    suite s;
    suite_init(&s, (lh_journal_options){.audit = true});
    suite_append(&s, "ann", "[\"data.t\",\"data.u\"]", "ok");
    suite_append(&s, "ben", "[\"data.t2\"]", "denied");
    suite_append(&s, "ann", "[]", "ok");
    CHECK(lh_json_size(suite_audit(&s, (lh_audit_query){0})) == 3);
    CHECK(lh_json_size(suite_audit(&s, (lh_audit_query){.principal = LH_STR("ann")})) == 2);
    CHECK(lh_json_size(suite_audit(&s, (lh_audit_query){.outcome = LH_STR("denied")})) == 1);
    const lh_json *found = suite_audit(&s, (lh_audit_query){.dataset = LH_STR("data.t")});
    CHECK(lh_json_size(found) == 1);
    const lh_json *item = lh_json_at(found, 0);
    CHECK_STR(lh_json_get_string(item, "principal"), LH_STR("ann"));
    CHECK_STR(lh_json_str(lh_json_at(lh_json_get(item, "datasets"), 1), LH_STR_NONE), LH_STR("data.u"));
    CHECK(lh_json_int(lh_json_get(item, "rows"), 0) == 3 && lh_json_is_null(lh_json_get(item, "policy")));
    CHECK_STR(lh_json_get_string(item, "statement"), LH_STR("SELECT 'secret', 12.5e-3 FROM \"my't\" -- note"));
    int64_t now_ms = lh_time_now_ms();
    CHECK(lh_json_size(suite_audit(&s, (lh_audit_query){.since_ms = now_ms + 60000})) == 0);
    CHECK(lh_json_size(suite_audit(&s, (lh_audit_query){.since_ms = now_ms - 60000, .until_ms = now_ms + 60000})) == 3);
    suite_done(&s);
}

static void test_audit__off_records_nothing(void) {
    suite s;
    suite_init(&s, (lh_journal_options){.audit = false});
    suite_append(&s, "ann", "[]", "ok");
    CHECK(lh_json_size(suite_audit(&s, (lh_audit_query){0})) == 0);
    suite_done(&s);
}

static void test_audit__a_fingerprint_holds_no_value(void) {
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        {"SELECT 'secret', 12.5e-3 FROM \"my't\" -- note", "SELECT ?, ? FROM \"my't\" "},
        {"SELECT a1, t.b2 FROM t1 WHERE x='it''s' AND y>.5", "SELECT a1, t.b2 FROM t1 WHERE x=? AND y>?"},
        {"SELECT $$secret$$, $q$a$$b$q$, $1, $name", "SELECT ?, ?, $1, $name"},
        {"SELECT E'a\\'secret', 0xff, 1_000 /* secret */ + 1", "SELECT E?, ?, ?  + ?"},
        {"SELECT 'open secret", "SELECT ?"},
        {"/* open secret", ""},
        {"SELECT x'00ff'::BLOB", "SELECT x?::BLOB"},
    };
    suite s;
    lh_error err = {0};
    suite_init(&s, (lh_journal_options){.audit = true, .audit_fingerprint = true});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_audit_record record = record_of("ann", "[]", "ok");
        record.statement = lh_str_from(cases[i].sql);
        CHECK_OK(lh_audit_append(s.journal, &record, &err));
        lh_json *answer = NULL;
        const lh_audit_query query = {.page.limit = 1};
        CHECK_OK(lh_audit_read(s.journal, &query, s.arena, &answer, &err));
        CHECK_STR(lh_json_get_string(lh_json_at(lh_json_get(answer, "items"), 0), "statement"),
                  lh_str_from(cases[i].expected));
    }
    suite_done(&s);
}

static void test_audit__what_cannot_be_written_is_refused_unless_it_is_open(void) {
    for (int open = 0; open < 2; open++) {
        suite s;
        lh_error err = {0};
        suite_init(&s, (lh_journal_options){.audit = true, .audit_open = open == 1});
        char away[160];
        snprintf(away, sizeof away, "%s-away", s.folder);
        CHECK(rename(s.folder, away) == 0); /* the file cannot be made there any more */
        const lh_audit_record record = record_of("ann", "[]", "ok");
        lh_code code = lh_audit_append(s.journal, &record, &err);
        CHECK(code == (open ? LH_OK : LH_UNAVAILABLE));
        CHECK(open || strstr(err.message, "audit cannot be written"));
        lh_json *stats = NULL;
        CHECK_OK(lh_journal_stats(s.journal, s.arena, &stats, &err));
        CHECK(lh_json_int(lh_json_get(stats, "audit_lost"), -1) == open);
        CHECK(lh_json_size(suite_audit(&s, (lh_audit_query){0})) == 0);
        CHECK(rename(away, s.folder) == 0);
        suite_append(&s, "ben", "[]", "ok"); /* and it goes on when it can */
        const lh_json *items = suite_audit(&s, (lh_audit_query){0});
        CHECK(lh_json_size(items) == 1 && lh_json_int(lh_json_get(lh_json_at(items, 0), "seq"), 0) == 1);
        suite_done(&s);
    }
}

/* ---- many at once ---- */

enum { THREADS = 8, EACH = 50 };

static void *append_many(void *arg) {
    suite *s = arg;
    for (size_t i = 0; i < EACH; i++) {
        const lh_journal_event events[2] = {{.entity_type = LH_STR("t"), .entity_id = LH_STR("1")},
                                            {.entity_type = LH_STR("t"), .entity_id = LH_STR("2")}};
        lh_journal_receipt receipt;
        if (lh_journal_append(s->journal, events, 2, &receipt, NULL) != LH_OK ||
            receipt.last_seq != receipt.first_seq + 1)
            return s;
    }
    return NULL;
}

static void test_journal__threads_share_a_chain_that_goes_on_after_a_restart(void) {
    suite s;
    lh_error err = {0};
    pthread_t threads[THREADS];
    journal_wal wal = {0};
    suite_init(&s, (lh_journal_options){0});
    for (size_t i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, append_many, &s) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        CHECK(failed == NULL);
    }
    const lh_uuid writer = s.journal->writers[JOURNAL_MUTATIONS]->base.writer;
    lh_journal_close(lh_take(&s.journal));
    suite_open(&s, (lh_journal_options){0});
    CHECK_STR(lh_uuid_str(&s.journal->writers[JOURNAL_MUTATIONS]->base.writer), lh_uuid_str(&writer));
    CHECK(append_many(&s) == NULL);
    CHECK_OK(journal_writer_inspect(s.journal->writers[JOURNAL_MUTATIONS], &wal, &err));
    CHECK(wal.count == 2 * (THREADS + 1) * EACH && wal.problem_count == 0 && !wal.torn);
    journal_wal_done(&wal);
    suite_done(&s);
}

static void test_journal__a_failed_write_takes_back_all_of_it_and_nothing_else(void) {
    suite s;
    lh_error err = {0};
    journal_wal wal = {0};
    suite_init(&s, (lh_journal_options){0});
    CHECK(append_many(&s) == NULL);
    journal_writer *writer = s.journal->writers[JOURNAL_MUTATIONS];
    int good = writer->fd, bad = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK(bad >= 0);
    writer->fd = bad;
    CHECK(append_many(&s) != NULL);
    CHECK(writer->count == 2 * EACH && writer->last_seq == 2 * EACH && writer->broken);
    close(good);
    CHECK(append_many(&s) == NULL); /* the file is written anew */
    CHECK_OK(journal_writer_inspect(writer, &wal, &err));
    CHECK(wal.count == 4 * EACH && wal.problem_count == 0 && !wal.torn);
    journal_wal_done(&wal);
    suite_done(&s);
}

static void test_journal__a_full_buffer_refuses(void) {
    suite s;
    lh_error err = {0};
    lh_code code = LH_OK;
    size_t accepted = 0;
    suite_init(&s, (lh_journal_options){.buffer_max_bytes = 4096});
    while (code == LH_OK && accepted < 1000) {
        const lh_journal_event event = {.entity_type = LH_STR("t"), .entity_id = LH_STR("1")};
        lh_journal_receipt receipt;
        code = lh_journal_append(s.journal, &event, 1, &receipt, &err);
        accepted += code == LH_OK;
    }
    CHECK(code == LH_UNAVAILABLE && accepted > 10 && strstr(err.message, "try again later"));
    suite_done(&s);
}

/* ---- two documents ---- */

static void test_journal__a_diff_goes_into_objects_only(void) {
    suite s;
    lh_error err = {0};
    lh_json *before = NULL, *after = NULL;
    lh_journal_event *events = NULL;
    size_t count = 0;
    suite_init(&s, (lh_journal_options){0});
    CHECK_OK(lh_json_parse_exact(
        s.arena, LH_STR("{\"a\":{\"b\":{\"c\":1,\"d\":2}},\"l\":[{\"x\":1}],\"n\":1,\"o\":{}}"), &before, &err));
    CHECK_OK(lh_json_parse_exact(
        s.arena, LH_STR("{\"a\":{\"b\":{\"c\":1,\"d\":3}},\"l\":[{\"x\":2}],\"n\":1.0,\"o\":null,\"p.q\":{}}"), &after,
        &err));
    const lh_journal_event common = {.entity_type = LH_STR("t"), .entity_id = LH_STR("1"), .actor = LH_STR("ann")};
    CHECK_OK(lh_journal_diff(&common, before, after, s.arena, &events, &count, &err));
    static const char *const expected[][3] = {{"a.b.d", "2", "3"},
                                              {"l", "[{\"x\":1}]", "[{\"x\":2}]"},
                                              {"n", "1", "1.0"},
                                              {"o", "{}", "null"},
                                              {"p\\.q", "", "{}"}};
    CHECK(count == sizeof expected / sizeof *expected);
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(events[i].field, lh_str_from(expected[i][0]));
        CHECK_STR(events[i].old_value, lh_str_from(expected[i][1]));
        CHECK_STR(events[i].new_value, lh_str_from(expected[i][2]));
        CHECK_STR(events[i].actor, LH_STR("ann"));
    }
    CHECK_OK(lh_journal_diff(&common, NULL, before, s.arena, &events, &count, &err));
    CHECK(count == 4);
    CHECK(lh_journal_diff(&common, NULL, NULL, s.arena, &events, &count, &err) == LH_INVALID);
    suite_done(&s);
}

LH_TEST_MAIN(LH_TEST(test_audit__records_are_found_by_principal_dataset_outcome_and_time),
             LH_TEST(test_audit__off_records_nothing), LH_TEST(test_audit__a_fingerprint_holds_no_value),
             LH_TEST(test_audit__what_cannot_be_written_is_refused_unless_it_is_open),
             LH_TEST(test_journal__threads_share_a_chain_that_goes_on_after_a_restart),
             LH_TEST(test_journal__a_failed_write_takes_back_all_of_it_and_nothing_else),
             LH_TEST(test_journal__a_full_buffer_refuses), LH_TEST(test_journal__a_diff_goes_into_objects_only))
