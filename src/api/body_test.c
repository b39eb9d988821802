#include "api/api_internal.h"
#include "base/test.h"

enum { NAMES = 40 };

static void test_body__an_unknown_member_is_told_all_that_are_known(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    const char *known[NAMES];
    lh_json *body = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    for (int i = 0; i < NAMES; i++) known[i] = lh_arena_printf(arena, "member_number_%d", i).ptr;
    CHECK_OK(lh_json_parse(arena, LH_STR("{\"member_number_7\":1,\"other\":2}"), &body, &err));
    CHECK(lh_body_check(body, known, NAMES, &err) == LH_INVALID);
    CHECK(lh_str_starts(lh_str_from(err.message),
                        LH_STR("unknown field 'other'; known: member_number_0, member_number_1")));
    CHECK(lh_str_ends(lh_str_from(err.message), LH_STR(", member_number_39")));
}

static void test_body__a_member_that_stands_twice_is_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    static const char *const known[] = {"a", "b"};
    lh_json *body = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_json_parse(arena, LH_STR("{\"a\":1,\"b\":2,\"a\":1}"), &body, &err));
    CHECK(lh_body_check(body, known, 2, &err) == LH_INVALID);
    CHECK(lh_str_eq(lh_str_from(err.message), LH_STR("field 'a' stands twice")));
}

static void test_body__a_null_member_of_any_name_is_absent_where_only_what_is_given_counts(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    static const char *const known[] = {"a"};
    lh_json *body = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_json_parse(arena, LH_STR("{\"a\":1,\"other\":null}"), &body, &err));
    CHECK_OK(lh_body_check_given(body, known, 1, &err));
    CHECK(lh_body_check(body, known, 1, &err) == LH_INVALID);
    CHECK_OK(lh_json_parse(arena, LH_STR("{\"a\":null,\"other\":false}"), &body, &err));
    CHECK(lh_body_check_given(body, known, 1, &err) == LH_INVALID);
    CHECK_OK(lh_json_parse(arena, LH_STR("{\"a\":null,\"a\":1}"), &body, &err));
    CHECK(lh_body_check_given(body, known, 1, &err) == LH_INVALID);
}

LH_TEST_MAIN(LH_TEST(test_body__an_unknown_member_is_told_all_that_are_known),
             LH_TEST(test_body__a_member_that_stands_twice_is_refused),
             LH_TEST(test_body__a_null_member_of_any_name_is_absent_where_only_what_is_given_counts))
