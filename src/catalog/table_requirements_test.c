#include "catalog/table_suite.h"

static lh_code test_require(suite *s, const char *requirement, bool exists) {
    lh_json *list = lh_json_new_array(s->arena);
    lh_json_append(list, suite_json(s->arena, requirement));
    s->err = (lh_error){0};
    return metadata_check_requirements(list, exists ? s->metadata : NULL, &s->err);
}

static void test_requirements__assert_create_needs_that_the_table_is_not_there(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK(test_require(s, "{'type':'assert-create'}", false) == LH_OK);
    CHECK(test_require(s, "{'type':'assert-create'}", true) == LH_CONFLICT);
}

static void test_requirements__uuid_is_compared_without_case(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    lh_json_set_string(s->arena, s->metadata, "table-uuid", LH_STR("0a1b2c3d-0000-4000-8000-00000000000a"));
    CHECK(test_require(s, "{'type':'assert-table-uuid','uuid':'0A1B2C3D-0000-4000-8000-00000000000A'}", true) == LH_OK);
    CHECK(test_require(s, "{'type':'assert-table-uuid','uuid':'0a1b2c3d-0000-4000-8000-00000000000b'}", true) ==
          LH_CONFLICT);
    CHECK(test_require(s, "{'type':'assert-table-uuid'}", true) == LH_INVALID);
    CHECK(test_require(s, "{'type':'assert-table-uuid','uuid':'0a1b2c3d-0000-4000-8000-00000000000a'}", false) ==
          LH_CONFLICT);
}

static void test_requirements__a_ref_must_be_where_the_client_saw_it(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK(test_require(s, "{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':null}", true) == LH_OK);
    CHECK(test_require(s, "{'type':'assert-ref-snapshot-id','ref':'main'}", true) == LH_OK);
    CHECK(test_require(s, "{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':7}", true) == LH_CONFLICT);
    CHECK(strstr(s->err.message, "does not exist") != NULL);
    CHECK_SNAPSHOT(s, 7, -1, 1, 100, "main");
    CHECK(test_require(s, "{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':7}", true) == LH_OK);
    CHECK(test_require(s, "{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':8}", true) == LH_CONFLICT);
    CHECK(test_require(s, "{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':null}", true) == LH_CONFLICT);
    CHECK(strstr(s->err.message, "created concurrently") != NULL);
    CHECK(test_require(s, "{'type':'assert-ref-snapshot-id','ref':'main','snapshot-id':'7'}", true) == LH_INVALID);
    CHECK(test_require(s, "{'type':'assert-ref-snapshot-id','snapshot-id':7}", true) == LH_INVALID);
}

#define TEST_ID "{'type':'%s','%s':%" PRId64 "}"
static void test_requirements__ids_must_be_those_of_the_table(void) {
    static const struct {
        const char *type, *member;
        int64_t is;
    } ids[] = {
        {"assert-last-assigned-field-id", "last-assigned-field-id", 3},
        {"assert-current-schema-id", "current-schema-id", 0},
        {"assert-last-assigned-partition-id", "last-assigned-partition-id", 999},
        {"assert-default-spec-id", "default-spec-id", 0},
        {"assert-default-sort-order-id", "default-sort-order-id", 0},
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        CHECK(test_require(s, lh_arena_printf(s->arena, TEST_ID, ids[i].type, ids[i].member, ids[i].is).ptr, true) ==
              LH_OK);
        CHECK(test_require(s, lh_arena_printf(s->arena, TEST_ID, ids[i].type, ids[i].member, ids[i].is + 1).ptr,
                           true) == LH_CONFLICT);
        CHECK(test_require(s, lh_arena_printf(s->arena, "{'type':'%s'}", ids[i].type).ptr, true) == LH_INVALID);
        CHECK(test_require(s, lh_arena_printf(s->arena, "{'type':'%s','%s':'0'}", ids[i].type, ids[i].member).ptr,
                           true) == LH_INVALID);
    }
}

static void test_requirements__an_unknown_one_is_refused(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new("{}");
    CHECK(test_require(s, "{'type':'assert-moon-phase'}", true) == LH_INVALID);
    CHECK(test_require(s, "{'type':'assert-moon-phase'}", false) == LH_INVALID);
    CHECK(test_require(s, "{}", true) == LH_INVALID);
    CHECK(test_require(s, "7", true) == LH_INVALID);
    CHECK(metadata_check_requirements(suite_json(s->arena, "{'type':'assert-create'}"), s->metadata, &s->err) ==
          LH_INVALID);
    CHECK(metadata_check_requirements(NULL, s->metadata, &s->err) == LH_INVALID);
    CHECK(metadata_check_requirements(suite_json(s->arena, "[]"), s->metadata, &s->err) == LH_OK);
}

LH_TEST_MAIN(LH_TEST(test_requirements__assert_create_needs_that_the_table_is_not_there),
             LH_TEST(test_requirements__uuid_is_compared_without_case),
             LH_TEST(test_requirements__a_ref_must_be_where_the_client_saw_it),
             LH_TEST(test_requirements__ids_must_be_those_of_the_table),
             LH_TEST(test_requirements__an_unknown_one_is_refused))
