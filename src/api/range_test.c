#include "api/range.h"
#include "base/test.h"

static void test_range__each_form(void) {
    static const struct {
        const char *header;
        uint64_t size;
        api_range_kind kind;
        uint64_t offset, length;
    } cases[] = {
        {"bytes=0-9", 100, API_RANGE_PART, 0, 10},
        {"BYTES=90-", 100, API_RANGE_PART, 90, 10},
        {"bytes=90-1000", 100, API_RANGE_PART, 90, 10},
        {"bytes=-10", 100, API_RANGE_PART, 90, 10},
        {"bytes=-1000", 100, API_RANGE_PART, 0, 100},
        {" bytes= 5-5 ", 100, API_RANGE_PART, 5, 1},
        {"bytes=0-99999999999999999999999", 100, API_RANGE_PART, 0, 100},
        {"bytes=100-", 100, API_RANGE_NONE, 0, 0},
        {"bytes=99999999999999999999999-", 100, API_RANGE_NONE, 0, 0},
        {"bytes=0-", 0, API_RANGE_NONE, 0, 0},
        {"bytes=-0", 100, API_RANGE_NONE, 0, 0},
        {"bytes=-5", 0, API_RANGE_NONE, 0, 0},
        {"bytes=9-0", 100, API_RANGE_WHOLE, 0, 0},
        {"bytes=0-1,4-5", 100, API_RANGE_WHOLE, 0, 0},
        {"bytes=a-b", 100, API_RANGE_WHOLE, 0, 0},
        {"bytes=-", 100, API_RANGE_WHOLE, 0, 0},
        {"bytes=+1-2", 100, API_RANGE_WHOLE, 0, 0},
        {"rows=0-9", 100, API_RANGE_WHOLE, 0, 0},
        {"", 100, API_RANGE_WHOLE, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t offset = 0, length = 0;
        api_range_kind kind = api_range_parse(lh_str_from(cases[i].header), cases[i].size, &offset, &length);
        if (kind != cases[i].kind || offset != cases[i].offset || length != cases[i].length)
            print_error("case '%s'\n", cases[i].header);
        CHECK(kind == cases[i].kind && offset == cases[i].offset && length == cases[i].length);
    }
}

static void test_range__lists_of_entity_tags(void) {
    lh_str tag = LH_STR("abc");
    CHECK(api_etag_list_has(LH_STR("\"abc\""), tag, false) && api_etag_list_has(LH_STR("*"), tag, false));
    CHECK(api_etag_list_has(LH_STR("\"x\", \"y,\" ,\"abc\""), tag, false));
    CHECK(!api_etag_list_has(LH_STR("W/\"abc\""), tag, false) && api_etag_list_has(LH_STR("W/\"abc\""), tag, true));
    CHECK(!api_etag_list_has(LH_STR("abc"), tag, true) && !api_etag_list_has(LH_STR(""), tag, true));
    CHECK(!api_etag_list_has(LH_STR("\"abc"), tag, true) && !api_etag_list_has(LH_STR("\"x\" \"abc\""), tag, true));
}

LH_TEST_MAIN(LH_TEST(test_range__each_form), LH_TEST(test_range__lists_of_entity_tags))
