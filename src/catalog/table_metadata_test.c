#include "catalog/table_suite.h"

/* ---- create ---- */

static void test_metadata__create_numbers_fields_anew(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{'format-version':'2','owner':'me'}");
    CHECK(suite_int(s, "format-version") == 2 && suite_int(s, "last-column-id") == 3);
    CHECK_JSON(s->arena, lh_json_at(suite_member(s, "schemas"), 0),
               "{'type':'struct','schema-id':0,'fields':[{'id':1,'name':'id','required':true,'type':'long'},"
               "{'id':2,'name':'name','required':false,'type':'string'},{'id':3,'name':'at','required':false,'type':'"
               "timestamp'}]}");
    CHECK_JSON(s->arena, suite_member(s, "partition-specs"), "[{'spec-id':0,'fields':[]}]");
    CHECK_JSON(s->arena, suite_member(s, "sort-orders"), "[{'order-id':0,'fields':[]}]");
    CHECK_JSON(s->arena, suite_member(s, "properties"), "{'owner':'me'}");
    CHECK(suite_int(s, "last-partition-id") == 999 && suite_int(s, "last-sequence-number") == 0);
    CHECK(suite_member(s, "schema") == NULL && suite_member(s, "current-snapshot-id") == NULL);
}

static lh_code test_create(suite *s, const char *request) {
    lh_json *updates = NULL;
    s->metadata = metadata_empty(s->arena);
    s->err = (lh_error){0};
    lh_code code =
        metadata_updates_for_create(s->arena, suite_json(s->arena, request), LH_STR("/lake/t"), &updates, &s->err);
    if (code == LH_OK) code = metadata_apply_updates(s->arena, s->metadata, updates, &s->err);
    return code == LH_OK ? metadata_finish(s->arena, s->metadata, LH_STR_NONE, 0, &s->err) : code;
}

static void test_metadata__create_lets_specs_orders_and_identifiers_follow_the_new_ids(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK(test_create(s, "{'schema':{'type':'struct','identifier-field-ids':[77],'fields':[{'id':5,'name':'m','"
                         "required':false,'type':{'type':'map',"
                         "'key-id':6,'key':'string','value-id':7,'value':{'type':'struct','fields':[{'id':8,'name':'x',"
                         "'required':false,'type':'int'}]},"
                         "'value-required':false}},{'id':77,'name':'day','required':true,'type':'date'}]},"
                         "'partition-spec':{'spec-id':4,'fields':[{'source-id':77,'field-id':1044,'transform':'month','"
                         "name':'day_month'}]},"
                         "'write-order':{'order-id':9,'fields':[{'source-id':77,'transform':'identity','direction':'"
                         "desc','null-order':'nulls-last'}]}}") == LH_OK);
    CHECK_JSON(s->arena, lh_json_get(metadata_current_schema(s->metadata), "fields"),
               "[{'id':1,'name':'m','required':false,'type':{'type':'map','key-id':3,'key':'string','value-id':4,'"
               "value':{'type':'struct',"
               "'fields':[{'id':5,'name':'x','required':false,'type':'int'}]},'value-required':false}},"
               "{'id':2,'name':'day','required':true,'type':'date'}]");
    CHECK_JSON(s->arena, lh_json_get(metadata_current_schema(s->metadata), "identifier-field-ids"), "[2]");
    CHECK_JSON(s->arena, suite_member(s, "partition-specs"),
               "[{'spec-id':0,'fields':[{'source-id':2,'field-id':1000,'transform':'month','name':'day_month'}]}]");
    CHECK_JSON(s->arena, suite_member(s, "sort-orders"),
               "[{'order-id':1,'fields':[{'source-id':2,'transform':'identity','direction':'desc','null-order':'nulls-"
               "last'}]}]");
    CHECK(suite_int(s, "default-sort-order-id") == 1 && suite_int(s, "last-column-id") == 5 &&
          suite_int(s, "last-partition-id") == 1000);
}

static void test_metadata__create_refuses_what_is_no_schema(void) {
    static const char *const bad[] = {
        "{}",
        "{'schema':7}",
        "{'schema':{'fields':[{'id':1,'name':'a'}]}}",
        "{'schema':{'fields':[{'id':1,'type':'int'}]}}",
        "{'schema':{'fields':[{'id':1,'name':'a','type':'integer'}]}}",
        "{'schema':{'fields':[{'id':1,'name':'a','type':'decimal(39,2)'}]}}",
        "{'schema':{'fields':[{'id':1,'name':'a','type':'int'},{'id':2,'name':'a','type':'int'}]}}",
        "{'schema':{'fields':[{'id':1,'name':'a','type':'variant'}]}}",
        "{'schema':{'fields':[{'id':1,'name':'a','type':{'type':'list'}}]}}",
        "{'schema':{'fields':[]},'properties':{'format-version':'4'}}",
        "{'schema':{'fields':[]},'properties':{'format-version':'two'}}",
        "{'schema':{'fields':[{'id':1,'name':'a','type':'int','initial-default':5}]}}",
        "{'schema':{'fields':[]},'properties':{'a':1}}",
        "{'schema':{'fields':[]},'partition-spec':{'fields':[{'source-id':2,'transform':'identity','name':'b'}]}}",
        "{'schema':{'identifier-field-ids':[9],'fields':[{'id':1,'name':'a','type':'int'}]}}",
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lh_code code = test_create(s, bad[i]);
        if (code != LH_INVALID) print_error("%s: %s\n", bad[i], lh_code_name(code));
        CHECK(code == LH_INVALID && s->err.message[0]);
    }
}

static void test_metadata__ten_thousand_columns_are_checked_at_once(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4 << 20);
    for (int i = 0; i < 10000; i++)
        lh_buf_printf(&text, "%s{'id':%d,'name':'c%d','required':false,'type':'int'}", i ? "," : "", i + 1, i);
    lh_buf_char(&text, '\0');
    CHECK(test_create(s, lh_arena_printf(s->arena, "{'schema':{'fields':[%s]}}", text.ptr).ptr) == LH_OK);
    CHECK(suite_int(s, "last-column-id") == 10000);
    CHECK(test_create(
              s, lh_arena_printf(s->arena, "{'schema':{'fields':[%s,{'id':5,'name':'c9999','type':'int'}]}}", text.ptr)
                     .ptr) == LH_INVALID);
}

/* ---- formats ---- */

static void test_metadata__format_1_keeps_what_old_readers_need(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{'format-version':'1'}");
    CHECK(suite_int(s, "format-version") == 1 && suite_member(s, "last-sequence-number") == NULL);
    CHECK(lh_json_equal(suite_member(s, "schema"), metadata_current_schema(s->metadata)));
    CHECK_JSON(s->arena, suite_member(s, "partition-spec"), "[]");
    CHECK_UPDATE(s, "[{'action':'add-snapshot','snapshot':{'snapshot-id':5,'timestamp-ms':100,'manifests':['/lake/t/"
                    "metadata/m.avro']}},"
                    "{'action':'set-snapshot-ref','ref-name':'main','type':'branch','snapshot-id':5}]");
    CHECK(suite_int(s, "current-snapshot-id") == 5);
    CHECK_REFUSED(s,
                  "[{'action':'add-spec','spec':{'fields':[{'source-id':1,'field-id':1004,'transform':'identity','name'"
                  ":'id'}]}}]",
                  "without gaps");
    CHECK_UPDATE(s, "[{'action':'add-spec','spec':{'fields':[{'source-id':1,'transform':'identity','name':'id'}]}},{'"
                    "action':'set-default-spec','spec-id':-1}]");
    CHECK_JSON(s->arena, suite_member(s, "partition-spec"),
               "[{'source-id':1,'field-id':1000,'transform':'identity','name':'id'}]");
    CHECK_UPDATE(s, "[{'action':'upgrade-format-version','format-version':2}]");
    CHECK(suite_int(s, "format-version") == 2 && suite_int(s, "last-sequence-number") == 0 &&
          suite_member(s, "schema") == NULL);
    CHECK_REFUSED(s, "[{'action':'upgrade-format-version','format-version':1}]", "back to 1");
    CHECK_REFUSED(s, "[{'action':'upgrade-format-version','format-version':4}]", "not supported");
    CHECK_REFUSED(s, "[{'action':'upgrade-format-version'}]", "not supported");
}

static void test_metadata__format_3_counts_row_ids(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{'format-version':'3'}");
    CHECK(suite_int(s, "next-row-id") == 0);
    CHECK_UPDATE(s, "[{'action':'enable-row-lineage'}]");
#define TEST_V3(members)                                                                                               \
    "[{'action':'add-snapshot','snapshot':{'manifest-list':'/"                                                         \
    "l','summary':{'operation':'append'},'timestamp-ms':9," members "}}]"
    CHECK_UPDATE(s, TEST_V3("'snapshot-id':1,'sequence-number':1,'first-row-id':0,'added-rows':10"));
    CHECK(suite_int(s, "next-row-id") == 10);
    CHECK(suite_update(s, TEST_V3("'snapshot-id':2,'sequence-number':2,'first-row-id':9,'added-rows':10")) ==
          LH_CONFLICT);
    CHECK_REFUSED(s, TEST_V3("'snapshot-id':2,'sequence-number':2"), "first-row-id");
    CHECK_REFUSED(s, TEST_V3("'snapshot-id':2,'sequence-number':2,'first-row-id':10,'added-rows':-1"), "added-rows");
    CHECK_UPDATE(s, TEST_V3("'snapshot-id':2,'sequence-number':2,'first-row-id':10,'added-rows':5"));
    CHECK(suite_int(s, "next-row-id") == 15);
    CHECK_UPDATE(s,
                 "[{'action':'add-encryption-key','encryption-key':{'key-id':'k','encrypted-key-metadata':'AA=='}}]");
    CHECK(lh_json_size(suite_member(s, "encryption-keys")) == 1);
    CHECK_REFUSED(s, "[{'action':'add-encryption-key','encryption-key':{'key-id':'k'}}]", "encrypted-key-metadata");
    CHECK_UPDATE(s, "[{'action':'remove-encryption-key','key-id':'k'}]");
    CHECK(suite_member(s, "encryption-keys") == NULL);
    CHECK_UPDATE(s, "[{'action':'add-schema','schema':{'fields':[{'id':4,'name':'v','type':'variant'},{'id':5,'name':'"
                    "g','type':'geometry(OGC:CRS84)'}]}}]");
}

static void test_metadata__format_2_has_no_row_lineage_and_no_keys(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_REFUSED(s, "[{'action':'enable-row-lineage'}]", "format-version 3");
    CHECK_REFUSED(s,
                  "[{'action':'add-encryption-key','encryption-key':{'key-id':'k','encrypted-key-metadata':'AA=='}}]",
                  "format-version 3");
    CHECK_REFUSED(s, "[{'action':'remove-encryption-key','key-id':'k'}]", "format-version 3");
}

/* ---- updates of the table as a whole ---- */

static void test_metadata__uuid_is_given_once(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    lh_str uuid = lh_json_get_string(s->metadata, "table-uuid");
    CHECK(lh_uuid_is_valid(uuid));
    CHECK_UPDATE(s, lh_arena_printf(s->arena, "[{'action':'assign-uuid','uuid':'%.*s'}]", LH_STR_ARG(uuid)).ptr);
    CHECK_REFUSED(s, "[{'action':'assign-uuid','uuid':'00000000-0000-4000-8000-000000000000'}]",
                  "cannot be reassigned");
    CHECK_REFUSED(s, "[{'action':'assign-uuid','uuid':'me'}]", "no UUID");
}

static void test_metadata__properties_and_location_are_set_and_removed(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{'a':'1','b':'2'}");
    CHECK_UPDATE(s, "[{'action':'set-properties','updates':{'b':'3','c':'4'}},{'action':'remove-properties','removals':"
                    "['a','zzz']}]");
    CHECK_JSON(s->arena, suite_member(s, "properties"), "{'b':'3','c':'4'}");
    CHECK_REFUSED(s, "[{'action':'set-properties','updates':{'b':3}}]", "must be a string");
    CHECK_REFUSED(s, "[{'action':'set-properties'}]", "updates");
    CHECK_REFUSED(s, "[{'action':'set-properties','updates':{'format-version':'3'}}]", "upgrade-format-version");
    CHECK_REFUSED(s, "[{'action':'set-properties','updates':{'current-snapshot-id':'3'}}]", "reserved");
    CHECK_REFUSED(s, "[{'action':'remove-properties'}]", "removals");
    CHECK_UPDATE(s, "[{'action':'set-location','location':'/lake/u//'}]");
    CHECK_STR(lh_json_get_string(s->metadata, "location"), LH_STR("/lake/u"));
    CHECK_REFUSED(s, "[{'action':'set-location','location':''}]", "location");
}

static void test_metadata__statistics_are_one_for_each_snapshot(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_UPDATE(
        s, "[{'action':'set-statistics','statistics':{'snapshot-id':1,'statistics-path':'a'}},"
           "{'action':'set-statistics','statistics':{'snapshot-id':2,'statistics-path':'b'}},"
           "{'action':'set-statistics','statistics':{'snapshot-id':1,'statistics-path':'c'}},"
           "{'action':'set-partition-statistics','partition-statistics':{'snapshot-id':1,'statistics-path':'p'}}]");
    CHECK_JSON(s->arena, suite_member(s, "statistics"),
               "[{'snapshot-id':2,'statistics-path':'b'},{'snapshot-id':1,'statistics-path':'c'}]");
    CHECK_UPDATE(
        s, "[{'action':'remove-statistics','snapshot-id':2},{'action':'remove-partition-statistics','snapshot-id':1}]");
    CHECK_JSON(s->arena, suite_member(s, "statistics"), "[{'snapshot-id':1,'statistics-path':'c'}]");
    CHECK(suite_member(s, "partition-statistics") == NULL);
    CHECK_REFUSED(s, "[{'action':'set-statistics','statistics':{'snapshot-id':1}}]", "statistics-path");
    CHECK_REFUSED(s, "[{'action':'set-partition-statistics'}]", "statistics-path");
    CHECK_REFUSED(s, "[{'action':'remove-statistics'}]", "snapshot-id");
    CHECK_REFUSED(s, "[{'action':'remove-partition-statistics'}]", "snapshot-id");
}

static void test_metadata__unknown_updates_are_refused(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_REFUSED(s, "[{'action':'make-tea'}]", "make-tea");
    CHECK_REFUSED(s, "[7]", "unknown update");
    CHECK_REFUSED(s, "{}", "must be an array");
    CHECK_UPDATE(s, "[]");
}

static void test_metadata__a_refused_list_leaves_the_metadata_alone(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    lh_str before = suite_text(s->arena, s->metadata);
    CHECK_REFUSED(s, "[{'action':'set-properties','updates':{'x':'y'}},{'action':'set-current-schema','schema-id':5}]",
                  "does not exist");
    CHECK_STR(suite_text(s->arena, s->metadata), before);
}

static void test_metadata__the_log_of_metadata_files_is_trimmed(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{'write.metadata.previous-versions-max':'3'}");
    for (int i = 0; i < 5; i++) CHECK_UPDATE(s, "[]");
    CHECK(lh_json_size(suite_member(s, "metadata-log")) == 3);
    CHECK_JSON(s->arena, lh_json_at(suite_member(s, "metadata-log"), 0),
               "{'timestamp-ms':5,'metadata-file':'/lake/t/metadata/before.json'}");
    CHECK_UPDATE(s, "[{'action':'set-properties','updates':{'write.metadata.previous-versions-max':'1'}}]");
    CHECK(lh_json_size(suite_member(s, "metadata-log")) == 1);
    CHECK_UPDATE(s, "[{'action':'set-properties','updates':{'write.metadata.previous-versions-max':'-7'}}]");
    CHECK(lh_json_size(suite_member(s, "metadata-log")) == 1);
}

static void test_metadata__last_updated_never_falls(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    int64_t created = suite_int(s, "last-updated-ms");
    CHECK(created > 0);
    CHECK_SNAPSHOT(s, 1, -1, 1, 1000, "main"); /* a clock far behind */
    CHECK(suite_int(s, "last-updated-ms") == created);
    CHECK(lh_json_int(lh_json_get(lh_json_at(suite_member(s, "snapshot-log"), 0), "timestamp-ms"), 0) == created);
    CHECK_SNAPSHOT(s, 2, 1, 2, created + 500000, "main"); /* one far ahead: as of its commit */
    int64_t made = lh_json_int(lh_json_get(lh_json_at(suite_member(s, "snapshots"), 1), "timestamp-ms"), 0);
    CHECK(made >= created && made <= lh_time_now_ms());
    CHECK(suite_int(s, "last-updated-ms") == made);
    CHECK(lh_json_int(lh_json_get(lh_json_at(suite_member(s, "snapshot-log"), 1), "timestamp-ms"), 0) == made);
    lh_json_set_int(s->arena, s->metadata, "last-updated-ms", created + 500000); /* a stranger's file */
    CHECK_UPDATE(s, "[]");
    CHECK(suite_int(s, "last-updated-ms") == created + 500000);
}

LH_TEST_MAIN(
    LH_TEST(test_metadata__create_numbers_fields_anew),
    LH_TEST(test_metadata__create_lets_specs_orders_and_identifiers_follow_the_new_ids),
    LH_TEST(test_metadata__create_refuses_what_is_no_schema),
    LH_TEST(test_metadata__ten_thousand_columns_are_checked_at_once),
    LH_TEST(test_metadata__format_1_keeps_what_old_readers_need), LH_TEST(test_metadata__format_3_counts_row_ids),
    LH_TEST(test_metadata__format_2_has_no_row_lineage_and_no_keys), LH_TEST(test_metadata__uuid_is_given_once),
    LH_TEST(test_metadata__properties_and_location_are_set_and_removed),
    LH_TEST(test_metadata__statistics_are_one_for_each_snapshot), LH_TEST(test_metadata__unknown_updates_are_refused),
    LH_TEST(test_metadata__a_refused_list_leaves_the_metadata_alone),
    LH_TEST(test_metadata__the_log_of_metadata_files_is_trimmed), LH_TEST(test_metadata__last_updated_never_falls))
