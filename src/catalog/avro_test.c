#include "base/test.h"
#include "catalog/avro_internal.h"

#include <zlib.h>

static const char test_schema[] =
    "{\"type\":\"record\",\"name\":\"r\",\"fields\":["
    "{\"name\":\"skipped\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"kv\",\"fields\":["
    "{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":[\"null\",\"bytes\"]}]}}},"
    "{\"name\":\"number\",\"type\":\"long\"},"
    "{\"name\":\"maybe\",\"type\":[\"null\",\"long\"]},"
    "{\"name\":\"counts\",\"type\":[\"null\",{\"type\":\"map\",\"values\":\"double\"}]},"
    "{\"name\":\"inner\",\"type\":{\"type\":\"record\",\"name\":\"ns.in\",\"fields\":["
    "{\"name\":\"hash\",\"type\":{\"type\":\"fixed\",\"name\":\"f\",\"size\":3}},{\"name\":\"text\",\"type\":"
    "\"string\"}]}},"
    "{\"name\":\"again\",\"type\":\"f\"}]}";

static void test_record(lh_buf *out, int64_t number, bool maybe, lh_str text) {
    avro_write_long(out, 2); /* array block of two */
    avro_write_long(out, 7), avro_write_null(out);
    avro_write_long(out, 8), avro_write_long(out, 1), avro_write_string(out, LH_STR("xyz"));
    avro_write_long(out, -1); /* a block with its size */
    avro_write_long(out, 2), avro_write_long(out, 9), avro_write_null(out);
    avro_write_long(out, 0);
    avro_write_long(out, number);
    if (maybe) avro_write_some_long(out, number + 1);
    else avro_write_null(out);
    avro_write_long(out, 1), avro_write_long(out, 1); /* a map of one double */
    avro_write_string(out, LH_STR("key")), lh_buf_append(out, LH_STR("12345678")), avro_write_long(out, 0);
    lh_buf_append(out, LH_STR("abc"));
    avro_write_string(out, text);
    lh_buf_append(out, LH_STR("def"));
}

typedef struct test_seen {
    size_t count;
    int64_t numbers[8], maybes[8];
    char texts[8][16];
} test_seen;

static lh_code test_each(void *ctx, avro_value record, lh_error *err) {
    test_seen *seen = ctx;
    (void)err;
    if (seen->count == 8) return LH_OK;
    seen->numbers[seen->count] = avro_int(avro_field(record, "number"), -1);
    seen->maybes[seen->count] = avro_int(avro_field(record, "maybe"), -1);
    lh_str text = avro_str(avro_field(avro_field(record, "inner"), "text"));
    snprintf(seen->texts[seen->count++], 16, "%.*s", LH_STR_ARG(text));
    return LH_OK;
}

static lh_code test_read(lh_str bytes, test_seen *seen, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    *seen = (test_seen){0};
    return avro_read(bytes, LH_STR("m.avro"), arena, test_each, seen, err);
}

static void test_write(lh_buf *file) {
    LH_CLEANUP(lh_buf_done) lh_buf block = LH_BUF_INIT(1 << 20);
    test_record(&block, INT64_MAX - 1, true, LH_STR("first"));
    test_record(&block, INT64_MIN, false, LH_STR(""));
    const avro_pair pairs[] = {{"format-version", LH_STR("2")}};
    avro_write_file(file, lh_str_from(test_schema), pairs, 1, 2, lh_buf_str(&block));
    CHECK(lh_buf_check(file, NULL) == LH_OK);
}

static void test_avro__what_is_written_is_read_again(void) {
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(1 << 20);
    test_seen seen;
    lh_error err = {0};
    test_write(&file);
    CHECK_OK(test_read(lh_buf_str(&file), &seen, &err));
    CHECK(seen.count == 2);
    CHECK(seen.numbers[0] == INT64_MAX - 1 && seen.maybes[0] == INT64_MAX);
    CHECK(seen.numbers[1] == INT64_MIN && seen.maybes[1] == -1);
    CHECK(strcmp(seen.texts[0], "first") == 0 && seen.texts[1][0] == '\0');
}

static void test_avro__a_field_that_is_absent_gives_the_default(void) {
    CHECK(avro_field((avro_value){0}, "x").type == NULL);
    CHECK(avro_int((avro_value){0}, 42) == 42);
    CHECK(avro_str((avro_value){0}).len == 0);
}

static void test_avro__a_file_cut_anywhere_is_corrupt(void) {
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(1 << 20);
    test_seen seen;
    test_write(&file);
    size_t header = lh_str_search(lh_buf_str(&file), LH_STR("avro.codec"));
    for (size_t len = 0; len < file.len; len++) {
        char *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read beyond the end */
        memcpy(exact, file.ptr, len);
        lh_code code = test_read((lh_str){exact, len}, &seen, NULL);
        free(exact);
        if (code == LH_OK) CHECK(seen.count == 0 && len > header); /* right behind the header: no block yet */
        else CHECK(code == LH_CORRUPT);
    }
}

static void test_compressed(lh_buf *file, const char *codec, lh_str packed, int64_t records) {
    lh_buf_append(file, LH_STR("Obj\x01"));
    avro_write_long(file, 2);
    avro_write_string(file, LH_STR("avro.codec")), avro_write_string(file, lh_str_from(codec));
    avro_write_string(file, LH_STR("avro.schema")), avro_write_string(file, lh_str_from(test_schema));
    avro_write_long(file, 0);
    lh_buf_append(file, LH_STR("0123456789abcdef"));
    avro_write_long(file, records);
    avro_write_string(file, packed);
    lh_buf_append(file, LH_STR("0123456789abcdef"));
}

static void test_avro__deflate_is_read_and_another_codec_refused(void) {
    LH_CLEANUP(lh_buf_done) lh_buf block = LH_BUF_INIT(1 << 20);
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(1 << 20);
    LH_CLEANUP(lh_buf_done) lh_buf other = LH_BUF_INIT(1 << 20);
    unsigned char packed[4096];
    test_seen seen;
    lh_error err = {0};
    for (int i = 0; i < 5; i++) test_record(&block, i, i % 2, LH_STR("deflated"));
    z_stream stream = {
        .next_in = (Bytef *)block.ptr, .avail_in = (uInt)block.len, .next_out = packed, .avail_out = sizeof packed};
    CHECK(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    lh_str bytes = {(const char *)packed, sizeof packed - stream.avail_out};
    deflateEnd(&stream);
    test_compressed(&file, "deflate", bytes, 5);
    CHECK_OK(test_read(lh_buf_str(&file), &seen, &err));
    CHECK(seen.count == 5 && seen.numbers[4] == 4 && strcmp(seen.texts[4], "deflated") == 0);
    lh_buf_clear(&file);
    test_compressed(&file, "deflate", lh_str_sub(bytes, 0, bytes.len - 3), 5);
    CHECK(test_read(lh_buf_str(&file), &seen, NULL) == LH_CORRUPT);
    test_compressed(&other, "zstandard", bytes, 5);
    CHECK(test_read(lh_buf_str(&other), &seen, &err) == LH_UNAVAILABLE);
    CHECK(strstr(err.message, "zstandard") != NULL);
}

static void test_bomb(const char *schema, int64_t records) {
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(1 << 20);
    test_seen seen;
    avro_write_file(&file, lh_str_from(schema), NULL, 0, records, LH_STR("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    CHECK(test_read(lh_buf_str(&file), &seen, NULL) == LH_CORRUPT);
}

/* r1 is two nulls, r2 two r1, …, r40 two r39: 2^40 steps for no byte. */
static void test_avro__values_without_bytes_end(void) {
    LH_CLEANUP(lh_buf_done) lh_buf tower = LH_BUF_INIT(1 << 20);
    test_bomb("{\"type\":\"record\",\"name\":\"r\",\"fields\":["
              "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":\"null\"}}]}",
              1);
    test_bomb("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"r\"}]}", 1);
    test_bomb("{\"type\":\"record\",\"name\":\"r\",\"fields\":[]}", INT64_MAX);
    for (int i = 40; i > 0; i--)
        lh_buf_printf(&tower, "{\"type\":\"record\",\"name\":\"r%d\",\"fields\":[{\"name\":\"a\",\"type\":", i);
    lh_buf_append(&tower, LH_STR("\"null\"},{\"name\":\"b\",\"type\":\"null\"}]}"));
    for (int i = 1; i < 40; i++) lh_buf_printf(&tower, "},{\"name\":\"b\",\"type\":\"r%d\"}]}", i);
    lh_buf_char(&tower, '\0');
    test_bomb(tower.ptr, 1);
}

LH_TEST_MAIN(LH_TEST(test_avro__what_is_written_is_read_again),
             LH_TEST(test_avro__a_field_that_is_absent_gives_the_default),
             LH_TEST(test_avro__a_file_cut_anywhere_is_corrupt),
             LH_TEST(test_avro__deflate_is_read_and_another_codec_refused),
             LH_TEST(test_avro__values_without_bytes_end))
