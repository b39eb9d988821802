/* Two rankings into one: against the sum written out. */
#include "base/test.h"
#include "vector/vector_internal.h"

#include <math.h>

static const double EQUAL[VECTOR_WAYS] = {1, 1};

static vector_hit by_vector(uint64_t row, uint32_t rank) { return (vector_hit){.row = row, .ranks = {rank, 0}}; }

static vector_hit by_text(uint64_t row, uint32_t rank) { return (vector_hit){.row = row, .ranks = {0, rank}}; }

static void test_fuse__places_are_added_up(void) {
    vector_hit hits[] = {by_vector(7, 1), by_vector(8, 2), by_vector(9, 3), by_text(9, 1), by_text(5, 2)};
    CHECK(vector_fuse(hits, 5, EQUAL) == 4);
    CHECK(hits[0].row == 9 && hits[0].ranks[VECTOR_BY_VECTOR] == 3 && hits[0].ranks[VECTOR_BY_TEXT] == 1);
    CHECK(fabs(hits[0].score - (1.0 / 63 + 1.0 / 61)) < 1e-15);
    CHECK(hits[1].row == 7 && hits[1].ranks[VECTOR_BY_TEXT] == 0 && fabs(hits[1].score - 1.0 / 61) < 1e-15);
    CHECK(hits[2].row == 5 && hits[3].row == 8); /* both second: by row */
}

static void test_fuse__weights_count(void) {
    const double weights[VECTOR_WAYS] = {[VECTOR_BY_VECTOR] = 1, [VECTOR_BY_TEXT] = 3};
    vector_hit hits[] = {by_vector(1, 1), by_vector(2, 2), by_text(3, 1), by_text(2, 90)};
    CHECK(vector_fuse(hits, 4, weights) == 3);
    CHECK(hits[0].row == 3 && fabs(hits[0].score - 3.0 / 61) < 1e-15);
    CHECK(hits[1].row == 2 && fabs(hits[1].score - (1.0 / 62 + 3.0 / 150)) < 1e-15);
}

static void test_fuse__nothing_of_nothing(void) { CHECK(vector_fuse(NULL, 0, EQUAL) == 0); }

LH_TEST_MAIN(LH_TEST(test_fuse__places_are_added_up), LH_TEST(test_fuse__weights_count),
             LH_TEST(test_fuse__nothing_of_nothing))
