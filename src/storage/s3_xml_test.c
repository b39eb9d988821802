#include "base/test.h"
#include "storage/s3_internal.h"

static lh_arena *arena_new(void) {
    lh_arena *arena = NULL;
    CHECK(lh_arena_new(4 << 20, &arena, NULL) == LH_OK);
    return arena;
}

static void test_s3_xml__list_with_encoded_keys(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    s3_xml_list list;
    lh_error err = {0};
    CHECK_OK(s3_xml_parse_list(
        LH_STR(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult "
            "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Name>lake</Name><Contents><Key>a%2Bb+c%C3%A9/x</Key><LastModified>2026-11-23T10:00:00.000Z</LastModified>"
            "<ETag>&quot;abc-2&quot;</ETag><Size>12</Size><Owner><ID>Key</ID></Owner></Contents><Contents><Key>z</"
            "Key><Size>0</Size></Contents>"
            "<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType></ListBucketResult>"),
        arena, &list, &err));
    CHECK(list.count == 2 && list.truncated && list.entries[0].size_bytes == 12 &&
          list.entries[0].modified_ms == 1795428000000);
    CHECK_STR(list.entries[0].key, LH_STR("a+b c\xC3\xA9/x"));
    CHECK_STR(list.entries[0].etag, LH_STR("abc-2"));
    CHECK_STR(list.entries[1].key, LH_STR("z"));
}

static void test_s3_xml__keys_stay_as_they_are_without_url_encoding(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    s3_xml_list list;
    lh_error err = {0};
    CHECK_OK(
        s3_xml_parse_list(LH_STR("<ListBucketResult><Contents><Key>a+b%20&amp;</Key></Contents></ListBucketResult>"),
                          arena, &list, &err));
    CHECK(list.count == 1 && !list.truncated);
    CHECK_STR(list.entries[0].key, LH_STR("a+b%20&"));
}

static void test_s3_xml__what_it_should_not_be_is_corrupt(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    s3_xml_list list = {0};
    static const char *const texts[] = {
        "",
        "not xml",
        "<ListBucketResult>",
        "<Other/>",
        "<ListBucketResult><Contents><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><LastModified>yesterday</LastModified></Contents></ListBucketResult>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><ListBucketResult/>",
        ("<ListBucketResult><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"
         "</a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></ListBucketResult>"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(s3_xml_parse_list(lh_str_from(texts[i]), arena, &list, NULL) == LH_CORRUPT);
    CHECK(s3_xml_parse_list(LH_STR("<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key></"
                                   "Contents></ListBucketResult>"),
                            arena, &list, NULL) == LH_INVALID);
    CHECK(list.count == 0 && list.entries == NULL);
}

static void test_s3_xml__values_and_dates(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    lh_str root, value;
    lh_error err = {0};
    CHECK_OK(
        s3_xml_parse_value(LH_STR("<Error><Code>NoSuchKey</Code><Message>m</Message><Sub><Code>x</Code></Sub></Error>"),
                           "Code", arena, &root, &value, &err));
    CHECK_STR(root, LH_STR("Error"));
    CHECK_STR(value, LH_STR("NoSuchKey"));
    CHECK_STR(s3_etag_plain(LH_STR("W/\"a\"")), LH_STR("a"));
    CHECK_STR(s3_etag_plain(LH_STR("\"")), LH_STR("\""));
    CHECK(s3_time_of(LH_STR("Fri, 24 May 2013 00:00:00 GMT")) == 1369353600000);
    CHECK(s3_time_of(LH_STR("Fri, 24 Xyz 2013 00:00:00 GMT")) == 0 && s3_time_of(LH_STR("")) == 0 &&
          s3_time_of(LH_STR("2013-05-24")) == 0);
}

LH_TEST_MAIN(LH_TEST(test_s3_xml__list_with_encoded_keys),
             LH_TEST(test_s3_xml__keys_stay_as_they_are_without_url_encoding),
             LH_TEST(test_s3_xml__what_it_should_not_be_is_corrupt), LH_TEST(test_s3_xml__values_and_dates))
