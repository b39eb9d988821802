#include "catalog/table_suite.h"

/* A table that was made at 0, so that snapshots may have known times. */
static suite *suite_long_ago(void) {
    suite *s = suite_new("{}");
    lh_json_set_int(s->arena, s->metadata, "last-updated-ms", 0);
    return s;
}

static void test_snapshots__main_and_the_current_snapshot_are_one(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_long_ago();
    CHECK_SNAPSHOT(s, 11, -1, 1, 9001, "main");
    CHECK_SNAPSHOT(s, 12, 11, 2, 9002, "main");
    CHECK(suite_int(s, "current-snapshot-id") == 12 && suite_int(s, "last-sequence-number") == 2);
    CHECK_JSON(s->arena, suite_member(s, "refs"), "{'main':{'snapshot-id':12,'type':'branch'}}");
    CHECK_JSON(s->arena, suite_member(s, "snapshot-log"),
               "[{'timestamp-ms':9001,'snapshot-id':11},{'timestamp-ms':9002,'snapshot-id':12}]");
    CHECK_UPDATE(s,
                 "[{'action':'set-snapshot-ref','ref-name':'main','type':'branch','snapshot-id':11}]"); /* roll back */
    CHECK(suite_int(s, "current-snapshot-id") == 11 && lh_json_size(suite_member(s, "snapshot-log")) == 3);
    CHECK_UPDATE(s, "[{'action':'set-snapshot-ref','ref-name':'main','type':'branch','snapshot-id':11}]");
    CHECK(lh_json_size(suite_member(s, "snapshot-log")) == 3);
    CHECK_UPDATE(s, "[{'action':'remove-snapshot-ref','ref-name':'main'}]");
    CHECK(suite_member(s, "current-snapshot-id") == NULL && lh_json_size(suite_member(s, "snapshot-log")) == 3);
    CHECK(lh_json_size(suite_member(s, "snapshots")) == 2);
}

static void test_snapshots__steps_within_one_commit_are_one_log_entry(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_long_ago();
#define TEST_ADD(id, sequence)                                                                                         \
    "{'action':'add-snapshot','snapshot':{'snapshot-id':" id ",'sequence-number':" sequence                            \
    ",'timestamp-ms':9000,'manifest-list':'/l','summary':{'operation':'append'}}}"
#define TEST_MAIN(id) "{'action':'set-snapshot-ref','ref-name':'main','type':'branch','snapshot-id':" id "}"
    CHECK_UPDATE(s, "[" TEST_ADD("1", "1") "," TEST_MAIN("1") "," TEST_ADD("2", "2") "," TEST_MAIN("2") "]");
    CHECK_JSON(s->arena, suite_member(s, "snapshot-log"), "[{'timestamp-ms':9000,'snapshot-id':2}]");
}

static void test_snapshots__what_add_snapshot_needs(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_SNAPSHOT(s, 11, -1, 5, 100, "main");
    CHECK(suite_snapshot(s, 11, 11, 6, 100, NULL) == LH_INVALID);  /* the id is taken */
    CHECK(suite_snapshot(s, 12, 11, 5, 100, NULL) == LH_CONFLICT); /* the sequence number is not above the last */
    CHECK_SNAPSHOT(s, 12, -1, 5, 100, NULL);                       /* without a parent it may be old */
    CHECK(suite_int(s, "last-sequence-number") == 5);
    CHECK_REFUSED(s, "[{'action':'add-snapshot'}]", "snapshot-id");
    CHECK_REFUSED(s, "[{'action':'add-snapshot','snapshot':{'snapshot-id':13,'timestamp-ms':1}}]", "manifest-list");
    CHECK_REFUSED(s, "[{'action':'add-snapshot','snapshot':{'snapshot-id':13,'timestamp-ms':1,'manifest-list':'/l'}}]",
                  "operation");
    CHECK_REFUSED(s,
                  "[{'action':'add-snapshot','snapshot':{'snapshot-id':13,'timestamp-ms':1,'manifest-list':'/"
                  "l','summary':{'operation':'append'}}}]",
                  "sequence-number");
    CHECK_REFUSED(s,
                  "[{'action':'add-snapshot','snapshot':{'snapshot-id':13,'timestamp-ms':1,'sequence-number':9,'schema-"
                  "id':3,'manifest-list':'/l',"
                  "'summary':{'operation':'append'}}}]",
                  "unknown schema 3");
}

static void test_snapshots__refs_are_checked(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_SNAPSHOT(s, 1, -1, 1, 100, "main");
#define TEST_REF(members) "[{'action':'set-snapshot-ref'," members "}]"
    CHECK_UPDATE(s, TEST_REF("'ref-name':'t','type':'tag','snapshot-id':1,'max-ref-age-ms':5"));
    CHECK_UPDATE(
        s,
        TEST_REF("'ref-name':'b','type':'branch','snapshot-id':1,'max-snapshot-age-ms':6,'min-snapshots-to-keep':7"));
    CHECK_JSON(s->arena, suite_member(s, "refs"),
               "{'main':{'snapshot-id':1,'type':'branch'},'t':{'snapshot-id':1,'type':'tag','max-ref-age-ms':5},"
               "'b':{'snapshot-id':1,'type':'branch','max-snapshot-age-ms':6,'min-snapshots-to-keep':7}}");
    CHECK_REFUSED(s, TEST_REF("'type':'tag','snapshot-id':1"), "ref-name");
    CHECK_REFUSED(s, TEST_REF("'ref-name':'x','type':'twig','snapshot-id':1"), "branch or tag");
    CHECK_REFUSED(s, TEST_REF("'ref-name':'x','type':'tag','snapshot-id':2"), "unknown snapshot 2");
    CHECK_REFUSED(s, TEST_REF("'ref-name':'x','type':'tag'"), "unknown snapshot");
    CHECK_REFUSED(s, TEST_REF("'ref-name':'main','type':'tag','snapshot-id':1"), "must be a branch");
    CHECK_REFUSED(s, TEST_REF("'ref-name':'x','type':'tag','snapshot-id':1,'min-snapshots-to-keep':1"), "a tag has no");
    CHECK_REFUSED(s, TEST_REF("'ref-name':'x','type':'branch','snapshot-id':1,'min-snapshots-to-keep':0"), "above 0");
    CHECK_REFUSED(s, TEST_REF("'ref-name':'x','type':'branch','snapshot-id':1,'max-ref-age-ms':'1'"), "above 0");
    CHECK_REFUSED(s, "[{'action':'remove-snapshot-ref'}]", "ref-name");
    CHECK_UPDATE(
        s, "[{'action':'remove-snapshot-ref','ref-name':'t'},{'action':'remove-snapshot-ref','ref-name':'never'}]");
    CHECK(lh_json_size(suite_member(s, "refs")) == 2);
}

static void test_snapshots__removing_one_takes_its_refs_statistics_and_history(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_long_ago();
    for (int64_t id = 1; id <= 4; id++) CHECK_SNAPSHOT(s, id, id - 1 ? id - 1 : -1, id, 9000 + id, "main");
    CHECK_UPDATE(s, "[{'action':'set-snapshot-ref','ref-name':'old','type':'tag','snapshot-id':2},"
                    "{'action':'set-statistics','statistics':{'snapshot-id':2,'statistics-path':'a'}},"
                    "{'action':'set-statistics','statistics':{'snapshot-id':3,'statistics-path':'b'}}]");
    CHECK_UPDATE(s, "[{'action':'remove-snapshots','snapshot-ids':[2,77]}]");
    CHECK(lh_json_size(suite_member(s, "snapshots")) == 3 && metadata_snapshot(s->metadata, 2) == NULL);
    CHECK_JSON(s->arena, suite_member(s, "refs"), "{'main':{'snapshot-id':4,'type':'branch'}}");
    CHECK_JSON(s->arena, suite_member(s, "statistics"), "[{'snapshot-id':3,'statistics-path':'b'}]");
    /* what came before the gap would tell a wrong history */
    CHECK_JSON(s->arena, suite_member(s, "snapshot-log"),
               "[{'timestamp-ms':9003,'snapshot-id':3},{'timestamp-ms':9004,'snapshot-id':4}]");
    CHECK_UPDATE(s, "[{'action':'remove-snapshots','snapshot-ids':[4]}]");
    CHECK(suite_member(s, "current-snapshot-id") == NULL && lh_json_size(suite_member(s, "refs")) == 0);
    CHECK_REFUSED(s, "[{'action':'remove-snapshots'}]", "snapshot-ids");
}

LH_TEST_MAIN(LH_TEST(test_snapshots__main_and_the_current_snapshot_are_one),
             LH_TEST(test_snapshots__steps_within_one_commit_are_one_log_entry),
             LH_TEST(test_snapshots__what_add_snapshot_needs), LH_TEST(test_snapshots__refs_are_checked),
             LH_TEST(test_snapshots__removing_one_takes_its_refs_statistics_and_history))
