#include "catalog/table_suite.h"
#include "catalog/view_internal.h"

#define VIEW_VERSION(id, schema, text, dialect)                                                                        \
    "{'version-id':" #id ",'timestamp-ms':1" #id ",'schema-id':" #schema                                               \
    ",'summary':{'engine':'x'},'default-namespace':['data'],'representations':[{'type':'sql','sql':'" text             \
    "','dialect':'" dialect "'}]}"
#define VIEW_SCHEMA(name) "{'type':'struct','fields':[{'id':1,'name':'" name "','required':false,'type':'long'}]}"
#define VIEW_ADD(id, schema, text, dialect)                                                                            \
    "{'action':'add-view-version','view-version':" VIEW_VERSION(id, schema, text, dialect) "}"
#define VIEW_SET(id) "{'action':'set-current-view-version','view-version-id':" #id "}"

/* A view of one version, "select 1" in spark. */
static suite *view_new(void) {
    suite *s = calloc(1, sizeof *s);
    lh_json *updates = NULL;
    CHECK(s != NULL && lh_arena_new(64 << 20, &s->arena, &s->err) == LH_OK);
    const lh_json *request =
        suite_json(s->arena, "{'name':'v','properties':{'a':'b'},'schema':" VIEW_SCHEMA(
                                 "id") ",'view-version':" VIEW_VERSION(1, 0, "select 1", "spark") "}");
    s->metadata = view_metadata_empty(s->arena);
    CHECK(view_updates_for_create(s->arena, request, LH_STR("/lake/v"), &updates, &s->err) == LH_OK);
    CHECK(view_apply_updates(s->arena, s->metadata, updates, &s->err) == LH_OK);
    return s;
}

static lh_code view_try(suite *s, const char *updates) {
    lh_json *copy = lh_json_copy(s->arena, s->metadata);
    s->err = (lh_error){0};
    lh_code code = view_apply_updates(s->arena, copy, suite_json(s->arena, updates), &s->err);
    if (code == LH_OK) s->metadata = copy;
    return code;
}
static bool view_refuses(suite *s, const char *updates, const char *part) {
    lh_code code = view_try(s, updates);
    if (code != LH_INVALID || !strstr(s->err.message, part))
        print_error("%s: %s '%s'\n", updates, lh_code_name(code), s->err.message);
    return code == LH_INVALID && strstr(s->err.message, part);
}

static void test_view_metadata__a_new_view_has_its_first_version(void) {
    LH_CLEANUP(suite_freep) suite *s = view_new();
    CHECK(view_metadata_check(s->arena, s->metadata, &s->err) == LH_OK);
    CHECK(lh_uuid_is_valid(lh_json_get_string(s->metadata, "view-uuid")));
    CHECK(suite_int(s, "current-version-id") == 1 && suite_int(s, "format-version") == 1);
    CHECK_JSON(s->arena, suite_member(s, "version-log"), "[{'timestamp-ms':11,'version-id':1}]");
    CHECK_JSON(s->arena, suite_member(s, "versions"), "[" VIEW_VERSION(1, 0, "select 1", "spark") "]");
    CHECK_JSON(s->arena, suite_member(s, "properties"), "{'a':'b'}");
    CHECK(lh_json_get(s->metadata, "last-column-id") == NULL);
}

static void test_view_metadata__a_version_takes_the_next_id_or_that_of_its_like(void) {
    LH_CLEANUP(suite_freep) suite *s = view_new();
    CHECK(view_try(s, "[{'action':'add-schema','schema':" VIEW_SCHEMA("other") "}," VIEW_ADD(
                          1, -1, "select 2", "spark") "," VIEW_SET(-1) "]") == LH_OK);
    CHECK(suite_int(s, "current-version-id") == 2);
    CHECK(lh_json_size(suite_member(s, "schemas")) == 2 && lh_json_size(suite_member(s, "version-log")) == 2);
    CHECK(view_try(s, "[" VIEW_ADD(9, 0, "select 1", "spark") "," VIEW_SET(-1) "]") == LH_OK);
    CHECK(suite_int(s, "current-version-id") == 1 && lh_json_size(suite_member(s, "versions")) == 2);
    CHECK(lh_json_size(suite_member(s, "version-log")) == 3);
    CHECK(view_try(s, "[" VIEW_SET(1) "]") == LH_OK); /* it is already */
    CHECK(lh_json_size(suite_member(s, "version-log")) == 3);
}

static void test_view_metadata__what_is_wrong_is_refused(void) {
    LH_CLEANUP(suite_freep) suite *s = view_new();
    CHECK(view_refuses(s, "[" VIEW_ADD(2, 7, "select 2", "spark") "]", "unknown schema: 7"));
    CHECK(view_refuses(s, "[" VIEW_ADD(2, -1, "select 2", "spark") "]", "no schema has been added"));
    CHECK(view_refuses(s, "[" VIEW_SET(5) "]", "unknown version: 5"));
    CHECK(view_refuses(s, "[" VIEW_SET(-1) "]", "no current version id"));
    CHECK(view_refuses(s, "[" VIEW_ADD(2, 0, "select 2", "trino") "," VIEW_SET(-1) "]", "loss of view dialects"));
    CHECK(view_refuses(s, "[{'action':'assign-uuid','uuid':'00000000-0000-4000-8000-000000000001'}]", "reassign"));
    CHECK(view_refuses(s, "[{'action':'upgrade-format-version','format-version':2}]", "not supported"));
    CHECK(view_refuses(s, "[{'action':'add-spec'}]", "unknown update of a view 'add-spec'"));
    CHECK(view_refuses(s, "[{'action':'set-properties','updates':{'version.history-size':'0'}}]", "must be positive"));
    CHECK(view_refuses(s, "[{'action':'set-properties','updates':{'a':1}}]", "must be a string"));
    CHECK(view_refuses(s, "[{'action':'add-view-version','view-version':{'version-id':2}}]", "lacks 'timestamp-ms'"));
    CHECK(view_refuses(s,
                       "[{'action':'add-view-version','view-version':{'version-id':2,'timestamp-ms':1,'schema-id':0,"
                       "'summary':{},'default-namespace':[],'representations':[{'type':'sql','sql':'a','dialect':'x'},"
                       "{'type':'sql','sql':'b','dialect':'X'}]}}]",
                       "multiple queries for dialect X"));
    CHECK(view_refuses(s, "{}", "must be an array"));
    CHECK(suite_int(s, "current-version-id") == 1 && lh_json_size(suite_member(s, "versions")) == 1);
}

static void test_view_metadata__a_dialect_goes_only_when_the_view_allows_it(void) {
    LH_CLEANUP(suite_freep) suite *s = view_new();
    CHECK(view_try(s, "[{'action':'set-properties','updates':{'replace.drop-dialect.allowed':'true'}}," VIEW_ADD(
                          2, 0, "select 2", "trino") "," VIEW_SET(-1) "]") == LH_OK);
    CHECK(view_try(s, "[{'action':'remove-properties','removals':['replace.drop-dialect.allowed','a']}]") == LH_OK);
    CHECK_JSON(s->arena, suite_member(s, "properties"), "{}");
}

static void test_view_metadata__old_versions_go_with_their_log(void) {
    LH_CLEANUP(suite_freep) suite *s = view_new();
    CHECK(view_try(s, "[" VIEW_ADD(2, 0, "select 2", "spark") "," VIEW_SET(2) "]") == LH_OK);
    CHECK(view_try(s, "[{'action':'set-properties','updates':{'version.history-size':'2'}}," VIEW_ADD(
                          3, 0, "select 3", "spark") "," VIEW_SET(3) "]") == LH_OK);
    CHECK(lh_json_size(suite_member(s, "versions")) == 2);
    CHECK_JSON(s->arena, suite_member(s, "version-log"),
               "[{'timestamp-ms':12,'version-id':2},{'timestamp-ms':13,'version-id':3}]");
    CHECK(view_try(s, "[{'action':'set-properties','updates':{'version.history-size':'1'}}," VIEW_ADD(
                          4, 0, "select 4", "spark") "," VIEW_SET(2) "]") == LH_OK); /* the new and the current one */
    CHECK(lh_json_size(suite_member(s, "versions")) == 2 && suite_int(s, "current-version-id") == 2);
}

static void test_view_metadata__requirements_name_the_uuid(void) {
    LH_CLEANUP(suite_freep) suite *s = view_new();
    lh_str uuid = lh_json_get_string(s->metadata, "view-uuid");
    const char *same = lh_arena_printf(s->arena, "[{'type':'assert-view-uuid','uuid':'%.*s'}]", LH_STR_ARG(uuid)).ptr;
    CHECK(view_check_requirements(suite_json(s->arena, same), s->metadata, &s->err) == LH_OK);
    CHECK(view_check_requirements(NULL, s->metadata, &s->err) == LH_OK);
    CHECK(view_check_requirements(suite_json(s->arena, "[{'type':'assert-view-uuid','uuid':'x'}]"), s->metadata,
                                  &s->err) == LH_CONFLICT);
    CHECK(view_check_requirements(suite_json(s->arena, "[{'type':'assert-view-uuid'}]"), s->metadata, &s->err) ==
          LH_INVALID);
    CHECK(view_check_requirements(suite_json(s->arena, "[{'type':'assert-create'}]"), s->metadata, &s->err) ==
          LH_INVALID);
}

static void test_view_metadata__a_strangers_file_is_checked(void) {
    LH_CLEANUP(suite_freep) suite *s = view_new();
    static const char *const members[] = {"view-uuid",   "location", "versions",
                                          "version-log", "schemas",  "current-version-id"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        lh_json *copy = lh_json_copy(s->arena, s->metadata);
        lh_json_remove(copy, lh_str_from(members[i]));
        CHECK(view_metadata_check(s->arena, copy, &s->err) == LH_INVALID);
    }
}

LH_TEST_MAIN(LH_TEST(test_view_metadata__a_new_view_has_its_first_version),
             LH_TEST(test_view_metadata__a_version_takes_the_next_id_or_that_of_its_like),
             LH_TEST(test_view_metadata__what_is_wrong_is_refused),
             LH_TEST(test_view_metadata__a_dialect_goes_only_when_the_view_allows_it),
             LH_TEST(test_view_metadata__old_versions_go_with_their_log),
             LH_TEST(test_view_metadata__requirements_name_the_uuid),
             LH_TEST(test_view_metadata__a_strangers_file_is_checked))
