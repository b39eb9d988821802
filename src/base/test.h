/* Unit tests on cmocka: CHECK, LH_TEST, LH_TEST_MAIN. Only *_test.c includes this. */
#ifndef LH_BASE_TEST_H
#define LH_BASE_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/base.h"

#define CHECK(condition) _assert_true((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
/* The call gives LH_OK; prints the error when not. `err` must be in scope. */
#define CHECK_OK(call)                                                              \
    do {                                                                            \
        lh_code check_code_ = (call);                                               \
        if (check_code_ != LH_OK) print_error("%s: %s\n", lh_code_name(check_code_), err.message); \
        CHECK(check_code_ == LH_OK);                                                \
    } while (0)
#define CHECK_STR(got, expected)                                                    \
    do {                                                                            \
        lh_str got_ = (got), expected_ = (expected);                                \
        if (!lh_str_eq(got_, expected_)) print_error("got '%.*s', expected '%.*s'\n", LH_STR_ARG(got_), LH_STR_ARG(expected_)); \
        CHECK(lh_str_eq(got_, expected_));                                          \
    } while (0)

typedef struct lh_test { const char *name; void (*run)(void); } lh_test;
static void lh_test_adapter(void **state) { ((const lh_test *)*state)->run(); }
static inline int lh_test_main(lh_test *tests, size_t count) {
    struct CMUnitTest units[256];
    if (count > 256) return 1;
    for (size_t i = 0; i < count; i++) units[i] = (struct CMUnitTest){tests[i].name, lh_test_adapter, NULL, NULL, &tests[i]};
    return _cmocka_run_group_tests("tests", units, count, NULL, NULL);
}
#define LH_TEST(function) {#function, function}
#define LH_TEST_MAIN(...)                                     \
    int main(void) {                                          \
        lh_test tests_[] = {__VA_ARGS__};                     \
        return lh_test_main(tests_, sizeof tests_ / sizeof *tests_); \
    }
#endif
