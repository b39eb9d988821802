#include "catalog/table_suite.h"

#define TEST_ADD_COLUMN                                                                                                \
    "{'action':'add-schema','schema':{'type':'struct','schema-id':17,'fields':[{'id':1,'name':'id','required':true,'"  \
    "type':'long'},"                                                                                                   \
    "{'id':2,'name':'name','required':false,'type':'string'},{'id':3,'name':'at','required':false,'type':'timestamp'}" \
    ","                                                                                                                \
    "{'id':4,'name':'more','required':false,'type':'double'}]}}"

/* ---- schemas ---- */

static void test_schema__minus_one_is_the_schema_added_last(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_UPDATE(s, "[" TEST_ADD_COLUMN ",{'action':'set-current-schema','schema-id':-1}]");
    CHECK(suite_int(s, "current-schema-id") == 1 && suite_int(s, "last-column-id") == 4);
    CHECK(lh_json_size(suite_member(s, "schemas")) == 2);
    CHECK_REFUSED(s, "[{'action':'set-current-schema','schema-id':-1}]", "none was added");
    CHECK_REFUSED(s, "[{'action':'set-current-schema','schema-id':9}]", "does not exist");
    CHECK_REFUSED(s, "[{'action':'set-current-schema'}]", "schema-id");
    CHECK_UPDATE(s, "[{'action':'set-current-schema','schema-id':0}]");
    CHECK(suite_int(s, "current-schema-id") == 0 && suite_int(s, "last-column-id") == 4);
    CHECK(lh_json_size(suite_member(s, "schemas")) == 2);
}

static void test_schema__what_a_writer_guessed_is_the_one_that_it_added(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_UPDATE(s, "[" TEST_ADD_COLUMN "]");
    CHECK_UPDATE(s, "[{'action':'add-schema','schema':{'type':'struct','schema-id':1,'fields':[{'id':1,'name':'id',"
                    "'required':true,'type':'long'}]}},{'action':'set-current-schema','schema-id':1}]");
    CHECK(suite_int(s, "current-schema-id") == 2 && lh_json_size(suite_member(s, "schemas")) == 3);
    CHECK_UPDATE(s, "[{'action':'set-current-schema','schema-id':1}]");
    CHECK(suite_int(s, "current-schema-id") == 1);
}

static void test_schema__duckdb_is_shown_a_current_schema_above_all_others(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_UPDATE(s, "[" TEST_ADD_COLUMN "]");
    lh_json *answer = lh_json_new_object(s->arena), *shown = lh_json_copy(s->arena, s->metadata);
    lh_json_set(s->arena, answer, "metadata", shown);
    lh_table_show_to_duckdb(answer, s->arena);
    CHECK(lh_json_int(lh_json_get(shown, "current-schema-id"), -1) == 1 << 30);
    CHECK(lh_json_size(lh_json_get(shown, "schemas")) == 3);
    CHECK_UPDATE(s, "[{'action':'set-current-schema','schema-id':1073741825}]");
    CHECK(suite_int(s, "current-schema-id") == 1);
    lh_json_set(s->arena, answer, "metadata", shown = lh_json_copy(s->arena, s->metadata));
    lh_table_show_to_duckdb(answer, s->arena); /* the highest already */
    CHECK(lh_json_equal(shown, s->metadata));
    lh_json_set_int(s->arena, shown, "last-updated-ms", lh_time_now_ms() + 60000); /* another server's clock */
    lh_table_show_to_duckdb(answer, s->arena);
    CHECK(lh_json_int(lh_json_get(shown, "last-updated-ms"), -1) == 0);
}

static void test_schema__an_equal_schema_is_reused(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_UPDATE(s, "[" TEST_ADD_COLUMN "]");
    CHECK_UPDATE(s, "[" TEST_ADD_COLUMN ",{'action':'set-current-schema','schema-id':-1}]");
    CHECK(lh_json_size(suite_member(s, "schemas")) == 2 && suite_int(s, "current-schema-id") == 1);
}

static void test_schema__last_column_id_never_falls(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_UPDATE(s, "[{'action':'add-schema','schema':{'fields':[{'id':1,'name':'id','required':true,'type':'long'}]},'"
                    "last-column-id':1}]");
    CHECK(suite_int(s, "last-column-id") == 3);
    CHECK_UPDATE(s, "[{'action':'add-schema','schema':{'fields':[{'id':1,'name':'l','required':true,'type':{'type':'"
                    "list','element-id':41,"
                    "'element':'fixed[7]','element-required':false}}]}}]");
    CHECK(suite_int(s, "last-column-id") == 41);
}

static void test_schema__field_ids_are_unique_over_all_levels(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_REFUSED(s,
                  "[{'action':'add-schema','schema':{'fields':[{'id':1,'name':'a','type':'int'},{'id':2,'name':'s','"
                  "type':{'type':'struct',"
                  "'fields':[{'id':1,'name':'b','type':'int'}]}}]}}]",
                  "two fields of id 1");
    CHECK_REFUSED(s,
                  "[{'action':'add-schema','schema':{'fields':[{'id':1,'name':'m','type':{'type':'map','key-id':2,'key'"
                  ":'int','value-id':2,"
                  "'value':'int'}}]}}]",
                  "two fields of id 2");
    CHECK_REFUSED(s,
                  "[{'action':'add-schema','schema':{'fields':[{'id':1,'name':'m','type':{'type':'map','key-id':2,'key'"
                  ":'int'}}]}}]",
                  "valid id");
    CHECK_REFUSED(s, "[{'action':'add-schema','schema':{'fields':[{'id':2147483648,'name':'m','type':'int'}]}}]",
                  "valid id");
    CHECK_REFUSED(s, "[{'action':'add-schema','schema':{'fields':{}}}]", "array");
    CHECK_REFUSED(s, "[{'action':'add-schema'}]", "array");
}

static void test_schema__types_are_those_of_the_specification(void) {
    static const char *const good[] = {"boolean", "int",    "long",      "float",           "double",
                                       "date",    "time",   "timestamp", "timestamptz",     "string",
                                       "uuid",    "binary", "fixed[16]", "decimal(38, 38)", "decimal(9,2)"};
    static const char *const bad[] = {
        "",        "INT",        "varchar",      "fixed",        "fixed[]",       "fixed[x]",      "fixed(3)",
        "decimal", "decimal(9)", "decimal(0,0)", "decimal(2,3)", "decimal(39,0)", "decimal(-1,0)", "timestamp_ns",
        "variant", "unknown",    "geometry"};
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
#define TEST_TYPE "[{'action':'add-schema','schema':{'fields':[{'id':1,'name':'a','required':false,'type':'%s'}]}}]"
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_UPDATE(s, lh_arena_printf(s->arena, TEST_TYPE, good[i]).ptr);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_REFUSED(s, lh_arena_printf(s->arena, TEST_TYPE, bad[i]).ptr, "type");
}

static void test_schema__the_one_in_use_is_not_removed(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_UPDATE(s, "[" TEST_ADD_COLUMN "]");
    CHECK_REFUSED(s, "[{'action':'remove-schemas','schema-ids':[1,0]}]", "in use");
    CHECK_REFUSED(s, "[{'action':'remove-schemas'}]", "ids");
    CHECK_UPDATE(s, "[{'action':'remove-schemas','schema-ids':[1,55]}]");
    CHECK(lh_json_size(suite_member(s, "schemas")) == 1);
}

/* ---- partition specs ---- */

static void test_spec__fields_get_ids_and_keep_them(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK_UPDATE(s, "[{'action':'add-spec','spec':{'fields':[{'source-id':3,'transform':'day','name':'at_day'}]}},{'"
                    "action':'set-default-spec','spec-id':-1}]");
    CHECK(suite_int(s, "default-spec-id") == 1 && suite_int(s, "last-partition-id") == 1000);
    CHECK_UPDATE(s,
                 "[{'action':'add-spec','spec':{'fields':[{'source-id':1,'transform':'bucket[16]','name':'id_bucket'},"
                 "{'source-id':3,'transform':'day','name':'at_day'}]}}]");
    CHECK_JSON(s->arena, lh_json_at(suite_member(s, "partition-specs"), 2),
               "{'spec-id':2,'fields':[{'source-id':1,'transform':'bucket[16]','name':'id_bucket','field-id':1001},"
               "{'source-id':3,'transform':'day','name':'at_day','field-id':1000}]}");
    CHECK(suite_int(s, "last-partition-id") == 1001);
    CHECK_UPDATE(s, "[{'action':'add-spec','spec':{'fields':[{'source-id':3,'transform':'day','name':'at_day'}]}},{'"
                    "action':'set-default-spec','spec-id':-1}]");
    CHECK(suite_int(s, "default-spec-id") == 1 && lh_json_size(suite_member(s, "partition-specs")) == 3);
    CHECK_UPDATE(s, "[{'action':'remove-partition-specs','spec-ids':[2]}]");
    CHECK_REFUSED(s, "[{'action':'remove-partition-specs','spec-ids':[1]}]", "in use");
    CHECK_REFUSED(s, "[{'action':'remove-partition-specs'}]", "ids");
    CHECK(lh_json_size(suite_member(s, "partition-specs")) == 2);
}

static void test_spec__names_and_columns_are_checked(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
#define TEST_SPEC(fields) "[{'action':'add-spec','spec':{'fields':[" fields "]}}]"
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':9,'transform':'day','name':'d'}"), "unknown column 9");
    CHECK_REFUSED(s, TEST_SPEC("{'transform':'day','name':'d'}"), "unknown column");
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':3,'name':'d'}"), "no transform");
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':3,'transform':'day'}"), "no name");
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':3,'transform':'fortnight','name':'f'}"), "unknown transform 'fortnight'");
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':1,'transform':'bucket[0]','name':'b'}"), "unknown transform");
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':1,'transform':'bucket','name':'b'}"), "unknown transform");
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':2,'transform':'day','name':'d'}"), "of type string does not take 'day'");
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':3,'transform':'truncate[2]','name':'d'}"), "does not take");
    CHECK_REFUSED(
        s,
        "[{'action':'add-sort-order','sort-order':{'fields':[{'source-id':1,'transform':'by moon','direction':"
        "'asc','null-order':'nulls-first'}]}}]",
        "unknown transform");
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':3,'transform':'day','name':'id'}"), "name of a column");
    CHECK_REFUSED(s, TEST_SPEC("{'source-id':1,'transform':'bucket[3]','name':'id'}"), "name of a column");
    CHECK_REFUSED(
        s, TEST_SPEC("{'source-id':3,'transform':'day','name':'d'},{'source-id':1,'transform':'identity','name':'d'}"),
        "of another");
    CHECK_REFUSED(s, "[{'action':'add-spec','spec':{}}]", "array");
    CHECK_UPDATE(s, TEST_SPEC("{'source-id':1,'transform':'identity','name':'id'}"));
    CHECK_UPDATE(s, TEST_SPEC("{'source-ids':[1],'transform':'truncate[4]','name':'id_trunc'}"));
    CHECK_REFUSED(s, "[{'action':'set-default-spec','spec-id':-1}]", "none was added");
    CHECK_REFUSED(s, "[{'action':'set-default-spec','spec-id':7}]", "does not exist");
}

static void test_spec__a_column_that_the_spec_needs_cannot_be_dropped(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    const char *drop =
        "[{'action':'add-schema','schema':{'fields':[{'id':1,'name':'id','required':true,'type':'long'}]}},"
        "{'action':'set-current-schema','schema-id':-1}]";
    CHECK_UPDATE(s, "[{'action':'add-spec','spec':{'fields':[{'source-id':3,'transform':'day','name':'at_day'}]}},{'"
                    "action':'set-default-spec','spec-id':-1}]");
    CHECK_REFUSED(s, drop, "partition spec needs column 3");
    CHECK_UPDATE(s, "[{'action':'set-default-spec','spec-id':0}]");
    CHECK_UPDATE(s, drop);
}

/* ---- sort orders ---- */

static void test_order__unsorted_is_0_and_others_count_from_1(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
#define TEST_ORDER(members)                                                                                            \
    "{'action':'add-sort-order','sort-order':{'order-id':44,'fields':[{'source-id':1,'transform':'identity'," members  \
    "}]}}"
    CHECK_UPDATE(
        s,
        "[" TEST_ORDER(
            "'direction':'asc','null-order':'nulls-first'") ",{'action':'set-default-sort-order','sort-order-id':-1}]");
    CHECK(suite_int(s, "default-sort-order-id") == 1);
    CHECK_UPDATE(s, "[" TEST_ORDER("'direction':'asc','null-order':'nulls-first'") "]");
    CHECK(lh_json_size(suite_member(s, "sort-orders")) == 2);
    CHECK_UPDATE(s, "[{'action':'add-sort-order','sort-order':{'order-id':3,'fields':[]}},{'action':'set-default-sort-"
                    "order','sort-order-id':-1}]");
    CHECK(suite_int(s, "default-sort-order-id") == 0 && lh_json_size(suite_member(s, "sort-orders")) == 2);
    CHECK_REFUSED(s, "[" TEST_ORDER("'direction':'up','null-order':'nulls-first'") "]", "direction");
    CHECK_REFUSED(s, "[" TEST_ORDER("'direction':'asc'") "]", "null-order");
    CHECK_REFUSED(s, "[{'action':'add-sort-order','sort-order':{}}]", "array");
    CHECK_REFUSED(s, "[{'action':'set-default-sort-order','sort-order-id':-1}]", "none was added");
    CHECK_REFUSED(s, "[{'action':'set-default-sort-order'}]", "sort-order-id");
}

LH_TEST_MAIN(LH_TEST(test_schema__minus_one_is_the_schema_added_last),
             LH_TEST(test_schema__what_a_writer_guessed_is_the_one_that_it_added),
             LH_TEST(test_schema__duckdb_is_shown_a_current_schema_above_all_others),
             LH_TEST(test_schema__an_equal_schema_is_reused), LH_TEST(test_schema__last_column_id_never_falls),
             LH_TEST(test_schema__field_ids_are_unique_over_all_levels),
             LH_TEST(test_schema__types_are_those_of_the_specification),
             LH_TEST(test_schema__the_one_in_use_is_not_removed), LH_TEST(test_spec__fields_get_ids_and_keep_them),
             LH_TEST(test_spec__names_and_columns_are_checked),
             LH_TEST(test_spec__a_column_that_the_spec_needs_cannot_be_dropped),
             LH_TEST(test_order__unsorted_is_0_and_others_count_from_1))
