/* The survey of bytes as they come: what is counted, and where a fault is. */
#include "base/test.h"
#include "ingest/ingest_internal.h"

typedef struct looked {
    lh_code code;
    lh_error err;
    ingest_job job;
    lh_ingest_survey survey;
} looked;

static const looked *look_at(lh_str text, size_t piece, ingest_format format, uint64_t line_max) {
    static looked l;
    l = (looked){.job = {.format = format, .head = text}};
    ingest_survey_init(&l.survey, format == INGEST_NDJSON || format == INGEST_JSON_ARRAY, line_max);
    for (size_t at = 0; at < text.len; at += piece) ingest_survey_text(&l.survey, lh_str_sub(text, at, piece));
    l.code = ingest_survey_verdict(&l.survey, &l.job, &l.err);
    return &l;
}

static void test_ingest__a_file_is_the_same_however_it_arrives(void) {
    static const char text[] = "größe,€,\xF0\x9F\x8C\x8D\r\n1,2,3\r\n4,5,6";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        const looked *l = look_at(lh_str_from(text), piece, INGEST_CSV, 100);
        CHECK(l->code == LH_OK && l->job.bytes == sizeof text - 1 && l->job.lines == 3);
        CHECK(l->survey.longest_line == 17 && l->survey.crlf_lines == 2 && !l->job.mixed_lines && !l->job.long_lines);
    }
}

static void test_ingest__lines_are_counted_with_and_without_a_last_end(void) {
    static const struct {
        const char *text;
        uint64_t lines;
        bool mixed;
    } files[] = {{"a", 1, false},          {"a\n", 1, false},        {"a\nb", 2, false},
                 {"a\n\n", 2, false},      {"a\r\nb\nc\n", 3, true}, {"a\nb\r\n", 2, true},
                 {"a\r\nb\r\n", 2, false}, {"a\r\nb", 2, false},     {"\n", 1, false}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (size_t piece = 1; piece < 4; piece++) {
            const looked *l = look_at(lh_str_from(files[i].text), piece, INGEST_CSV, 100);
            CHECK(l->code == LH_OK && l->job.lines == files[i].lines && l->job.mixed_lines == files[i].mixed);
        }
}

static void test_ingest__what_is_not_utf8_is_found_in_its_place(void) {
    static const struct {
        const char *text;
        uint64_t line, column;
    } files[] = {{"a\n\xC3\x9F\xFF\n", 2, 3},
                 {"\xE9t\xE9\n", 1, 1},
                 {"ok\nok\n\xC0\xAF", 3, 1},    /* overlong */
                 {"ok\n\xED\xA0\x80\n", 2, 1}}; /* a surrogate */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (size_t piece = 1; piece < 9; piece++) {
            const looked *l = look_at(lh_str_from(files[i].text), piece, INGEST_CSV, 100);
            CHECK(l->code == LH_INVALID && l->err.line == files[i].line && l->err.column == files[i].column);
            CHECK(strstr(l->err.message, "not UTF-8"));
        }
    for (size_t piece = 1; piece < 5; piece++)
        for (size_t cut = 1; cut < 4; cut++) { /* 🌍 is four bytes */
            const looked *l = look_at((lh_str){"a\n\xF0\x9F\x8C\x8D", 2 + cut}, piece, INGEST_CSV, 100);
            CHECK(l->code == LH_INVALID && strstr(l->err.message, "ends inside a character"));
        }
}

static void test_ingest__nul_is_found_in_its_place(void) {
    for (size_t piece = 1; piece < 9; piece++) {
        const looked *l = look_at(LH_STR("a,b\n1,\0\n"), piece, INGEST_CSV, 100);
        CHECK(l->code == LH_INVALID && l->err.line == 2 && l->err.column == 3 && strstr(l->err.message, "NUL"));
    }
}

static void test_ingest__a_line_has_a_longest_length(void) {
    static const ingest_format formats[] = {INGEST_CSV, INGEST_NDJSON};
    for (size_t i = 0; i < 2; i++)
        for (size_t piece = 1; piece < 14; piece++) {
            CHECK(look_at(LH_STR("{}\n{\"345678\"}\n"), piece, formats[i], 10)->code == LH_OK);
            CHECK(look_at(LH_STR("{}\n{\"345678\"}"), piece, formats[i], 10)->code == LH_OK);
            const looked *l = look_at(LH_STR("{}\n{\"3456789\"}\n\n"), piece, formats[i], 10);
            CHECK(l->code == LH_LIMIT && l->err.line == 2 && l->err.column == 11);
        }
    CHECK(look_at(LH_STR("[{\"a text that is long\"}]"), 7, INGEST_JSON_ARRAY, 0)->code == LH_OK); /* 0: any */
}

static void test_ingest__json_is_bracketed_and_not_too_deep(void) {
    static const char *const open[] = {"[{\"a\":1},", "[{\"a\":1}", "[{\"", "[{\"a\":\"]}\\\"]}"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        for (size_t piece = 1; piece < 9; piece++) {
            const looked *l = look_at(lh_str_from(open[i]), piece, INGEST_JSON_ARRAY, 0);
            CHECK(l->code == LH_INVALID && strstr(l->err.message, "ends before its last bracket"));
        }
    char text[2 * INGEST_JSON_DEPTH_MAX + 4];
    for (size_t over = 0; over < 2; over++) {
        size_t depth = INGEST_JSON_DEPTH_MAX + over;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[0] = '{', text[2 * depth - 1] = '}';
        lh_code code = look_at((lh_str){text, 2 * depth}, 100, INGEST_JSON_ARRAY, 0)->code;
        CHECK(code == (over ? LH_LIMIT : LH_OK));
    }
    memset(text, '[', sizeof text);
    memcpy(text, "{\"", 2), memcpy(text + sizeof text - 2, "\"}", 2); /* in a string they are no brackets */
    CHECK(look_at((lh_str){text, sizeof text}, 100, INGEST_NDJSON, 0)->code == LH_OK);
}

static void test_ingest__json_holds_objects_only(void) {
    static const struct {
        const char *text, *why; /* NULL: none */
        ingest_format format;
        uint64_t line, column, objects;
    } files[] = {{"[{\"a\":[1,\"x\"]} ,\n{}]\n", NULL, INGEST_JSON_ARRAY, 0, 0, 2},
                 {"{\"a\":\"}{[\"}\r\n\n {}{}", NULL, INGEST_NDJSON, 0, 0, 3},
                 {"[1]", "element 1 is not", INGEST_JSON_ARRAY, 1, 2, 0},
                 {"[{},\n\"x\"]", "element 2 is not", INGEST_JSON_ARRAY, 2, 1, 0},
                 {"[{},[{}]]", "element 2 is not", INGEST_JSON_ARRAY, 1, 5, 0},
                 {"[{}] [{}]", "element 2 is not", INGEST_JSON_ARRAY, 1, 6, 0},
                 {"{}\n[{}]", "byte 1: not a JSON object", INGEST_NDJSON, 2, 1, 0},
                 {"{}\n  nan", "byte 3: not a JSON object", INGEST_NDJSON, 2, 3, 0},
                 {" [ ]", "an array without objects", INGEST_JSON_ARRAY, 0, 0, 0}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (size_t piece = 1; piece < 9; piece++) {
            const looked *l = look_at(lh_str_from(files[i].text), piece, files[i].format, 100);
            CHECK(l->code == (files[i].why ? LH_INVALID : LH_OK) && l->job.json_records == files[i].objects);
            CHECK(!files[i].why || strstr(l->err.message, files[i].why));
            CHECK(l->err.line == files[i].line && l->err.column == files[i].column);
        }
}

static void test_ingest__lone_cr_ends_no_line(void) {
    CHECK(look_at(LH_STR("a,b\r1,2\r"), 3, INGEST_CSV, 100)->code == LH_INVALID);
    CHECK(look_at(LH_STR("a,b\r\n"), 3, INGEST_CSV, 100)->code == LH_OK);
    CHECK(look_at(LH_STR("a\rb,c\n1,2\n"), 3, INGEST_CSV, 100)->code == LH_OK);
}

static void test_ingest__a_survey_hashes_all_bytes(void) {
    const lh_ingest ingest = {.line_max_bytes = 100};
    lh_ingest_survey *survey = NULL;
    lh_error err = {0};
    CHECK_OK(lh_ingest_survey_new(&ingest, &survey, &err));
    lh_ingest_survey_add(survey, LH_STR("ab"));
    lh_ingest_survey_add(survey, LH_STR("\xFF")); /* a fault of the text does not stop it */
    lh_ingest_survey_add(survey, LH_STR("c"));
    lh_ingest_survey_end(survey);
    CHECK(survey->received == 4 && survey->code == LH_INVALID);
    lh_sha256 hash = lh_sha256_of(LH_STR("ab\xFF\x63"));
    lh_sha256_hex hex = lh_sha256_to_hex(&hash);
    CHECK_STR(survey->sha256, lh_str_from(hex.text));
    lh_ingest_survey_free(survey);
}

LH_TEST_MAIN(LH_TEST(test_ingest__a_file_is_the_same_however_it_arrives),
             LH_TEST(test_ingest__lines_are_counted_with_and_without_a_last_end),
             LH_TEST(test_ingest__what_is_not_utf8_is_found_in_its_place),
             LH_TEST(test_ingest__nul_is_found_in_its_place), LH_TEST(test_ingest__a_line_has_a_longest_length),
             LH_TEST(test_ingest__json_is_bracketed_and_not_too_deep), LH_TEST(test_ingest__json_holds_objects_only),
             LH_TEST(test_ingest__lone_cr_ends_no_line),
             LH_TEST(test_ingest__a_survey_hashes_all_bytes))
