#include "base/test.h"
#include "engine/engine_internal.h"

static void test_storage_failure__names_the_file_and_what_was_done(void) {
    static const struct {
        const char *message, *place, *why;
        lh_code code;
        bool write;
    } cases[] = {
        {"IO Error: Cannot open file \"/l/d a/x.parquet\": No such file or directory\n\nLINE 1: SELECT 's' FROM t",
         "/l/d a/x.parquet", "Cannot open file: No such file or directory", LH_NOT_FOUND, false},
        {"IO Error: Could not read enough bytes from file \"/l/x\": attempted to read 8 bytes from location 9", "/l/x",
         "Could not read enough bytes from file: attempted to read 8 bytes from location 9", LH_CORRUPT, false},
        {"IO Error: Cannot write to \"/l/data\" - it exists", "/l/data", "Cannot write to - it exists", LH_IO, true},
        {"Invalid Input Error: No magic bytes found at end of file 's3://b/x'", "s3://b/x",
         "No magic bytes found at end of file", LH_CORRUPT, false},
        {"Invalid Input Error: File '/l/x' too small to be a Parquet file", "/l/x",
         "File too small to be a Parquet file", LH_CORRUPT, false},
        {"IO Error: Could not connect to server error for HTTP PUT to 'http://h:1/b/x'", "http://h:1/b/x",
         "Could not connect to server error for HTTP PUT to", LH_UNAVAILABLE, true},
        {"HTTP Error: HTTP GET error on 'https://h/b/x' (HTTP 403)\n\n<AWSAccessKeyId>AKIA</AWSAccessKeyId>",
         "https://h/b/x", "HTTP GET error on (HTTP 403)", LH_DENIED, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        engine_failed_file file;
        CHECK(engine_storage_failure(cases[i].message, &file));
        CHECK_STR(file.place, lh_str_from(cases[i].place));
        CHECK_STR(lh_str_from(file.why), lh_str_from(cases[i].why));
        CHECK(file.code == cases[i].code && file.write == cases[i].write);
    }
}

static void test_storage_failure__a_message_that_quotes_a_user_is_none(void) {
    static const char *const messages[] = {
        "",
        "IO Error: ",
        "IO Error: it's",
        "Conversion Error: Could not convert string '/l/x' to INT32",
        "Invalid Input Error: IO Error: Cannot open file \"/l/x\": No such file or directory",
        "Invalid Input Error: '/l/x'",
        "Invalid Input Error: File '/l/x' is mine",
        "Permission Error: Cannot access file \"/l/x\" - file system operations are disabled by configuration",
        "Binder Error: Table \"/l/x\" does not exist\nIO Error: Cannot open file \"/l/x\": no",
    };
    engine_failed_file file;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) CHECK(!engine_storage_failure(messages[i], &file));
}

LH_TEST_MAIN(LH_TEST(test_storage_failure__names_the_file_and_what_was_done),
             LH_TEST(test_storage_failure__a_message_that_quotes_a_user_is_none))
