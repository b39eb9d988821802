/* Names of datasets, made of names of files. */
#include "base/test.h"
#include "ingest/ingest.h"

static void test_ingest__a_dataset_named_after_its_file_needs_no_quotes(void) {
    static const struct {
        const char *file, *wanted;
    } pairs[] = {{"flights.csv.gz", "flights"},
                 {"2024-sales report (final).csv", "t_2024_sales_report_final"},
                 {"Kunden Größe.csv", "kunden_größe"},
                 {"_a__b_.csv", "a_b"},
                 {"Order.csv", "t_order"},
                 {"orders.csv", "orders"},
                 {"pivot_wider", "t_pivot_wider"},
                 {"wide", "wide"},
                 {"with", "t_with"},
                 {"all", "t_all"},
                 {"\"quoted\"; --.csv", "quoted"},
                 {"(1).csv", "t_1"},
                 {".hidden", "t"},
                 {"", "t"},
                 {"---.csv", "t"}};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        CHECK_STR(lh_ingest_dataset_name(lh_str_from(pairs[i].file), arena), lh_str_from(pairs[i].wanted));
    char text[300];
    memset(text, '7', sizeof text);
    memcpy(text + 252, "é", 2);
    CHECK(lh_ingest_dataset_name((lh_str){text, 255}, arena).len == 254); /* "t_", and cut at a character */
}

LH_TEST_MAIN(LH_TEST(test_ingest__a_dataset_named_after_its_file_needs_no_quotes))
