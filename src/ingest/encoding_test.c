/* Windows-1252 told from what it is not. */
#include "base/test.h"
#include "ingest/ingest_internal.h"

static bool is_windows_1252(lh_str text, size_t block) {
    ingest_encoding e = {0};
    for (size_t at = 0; at < text.len; at += block) ingest_encoding_add(&e, lh_str_sub(text, at, block));
    return ingest_encoding_is_windows_1252(&e);
}

static void test_ingest__windows_1252_is_found(void) {
    static const char *const texts[] = {
        "M\xfcller,caf\xe9\n", "\xc9" "cole", "\xe0 la carte; d\xe9j\xe0 vu", "cr\xe9\xe9" "e", "na\xefve \x96 \x93quoted\x94 \x80 5",
        "Stra\xdf" "e 12 \xb0", "\xd1u\xf1oa", "1,\xa3" "5\n2,\xa3" "6\n", "fianc\xe9",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t block = 1; block < 4; block++) CHECK(is_windows_1252(lh_str_from(texts[i]), block));
}

static void test_ingest__what_is_not_windows_1252_is_not_taken_for_it(void) {
    static const char *const texts[] = {
        "",
        "plain",
        "1,\xff\xfe\n",                                    /* no words */
        "caf\xc3\xa9 and a broken place \xff\n",           /* UTF-8 */
        "caf\xc3\xa9,caf\xc3\xa9,caf\xc3\xa9,fianc\xe9\n", /* most of it is */
        "\xcf\xf0\xe8\xe2\xe5\xf2 \xec\xe8\xf0\n",       /* windows-1251 */
        "\x83n\x83\x8d\x81[\n",                           /* Shift JIS */
        "M\xfcller\x81",                                   /* a byte that it lacks */
        ("k\x94nnen, m\x84" "chtig, gr\x81n"),              /* code page 437 */
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) CHECK(!is_windows_1252(lh_str_from(texts[i]), 3));
}

LH_TEST_MAIN(LH_TEST(test_ingest__windows_1252_is_found),
             LH_TEST(test_ingest__what_is_not_windows_1252_is_not_taken_for_it))
