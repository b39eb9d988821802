#include "ann/ann_suite.h"
#include "ann/ann_internal.h"

typedef struct judged {
    double key;
    uint64_t row;
} judged;

static int judged_compare(const void *a, const void *b) {
    const judged *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* In f64, as the book says. */
static double judge(lh_ann_metric metric, const float *x, const float *y, size_t n) {
    double dot = 0, xx = 0, yy = 0, l2 = 0;
    for (size_t i = 0; i < n; i++) {
        dot += (double)x[i] * y[i];
        xx += (double)x[i] * x[i];
        yy += (double)y[i] * y[i];
        l2 += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    }
    if (metric == LH_ANN_L2) return -l2;
    if (metric == LH_ANN_DOT) return dot;
    return xx > 0 && yy > 0 ? dot / sqrt(xx * yy) : 0;
}

/* What is found must be the k best by f64, where f32 can tell the difference; scores too. */
static void check_against_f64(const lh_ann_index *index, lh_ann_metric metric, const float *vectors, size_t rows,
                              size_t dimensions, const float *query, uint32_t k, const uint64_t *allowed,
                              const uint64_t *gone, const lh_ann_hit *hits, uint32_t count) {
    judged *all = malloc(rows * sizeof *all + 1);
    size_t found = 0;
    double size = 1e-30;
    CHECK(all && index);
    for (size_t row = 0; row < rows; row++) {
        if ((allowed && !ann_bit(allowed, row)) || (gone && ann_bit(gone, row))) continue;
        all[found++] = (judged){judge(metric, vectors + row * dimensions, query, dimensions), row};
        if (fabs(all[found - 1].key) > size) size = fabs(all[found - 1].key);
    }
    qsort(all, found, sizeof *all, judged_compare);
    CHECK(count == (found < k ? found : k));
    for (size_t i = 0; i < count; i++) {
        double key = metric == LH_ANN_L2 ? -(double)hits[i].score : (double)hits[i].score;
        CHECK(!(allowed && !ann_bit(allowed, hits[i].row)) && !(gone && ann_bit(gone, hits[i].row)));
        CHECK(fabs(key - all[i].key) <= 2e-6 * (metric == LH_ANN_COSINE ? 1 : size));
        CHECK(fabs(judge(metric, vectors + hits[i].row * dimensions, query, dimensions) - key) <=
              2e-6 * (metric == LH_ANN_COSINE ? 1 : size));
        if (i)
            CHECK(hits[i - 1].score != hits[i].score ? (metric == LH_ANN_L2) == (hits[i - 1].score < hits[i].score)
                                                     : hits[i - 1].row < hits[i].row);
        for (size_t j = 0; j < i; j++) CHECK(hits[j].row != hits[i].row);
    }
    free(all);
}

static uint64_t *random_bits(suite_random *random, size_t rows, unsigned of_hundred) {
    uint64_t *bits = calloc(rows / 64 + 1, sizeof *bits);
    CHECK(bits);
    for (size_t row = 0; row < rows; row++)
        if (suite_next(random) % 100 < of_hundred) bits[row / 64] |= UINT64_C(1) << row % 64;
    return bits;
}

/* Among the rows: copies of others, of the query, zeros, and very long and very short ones. */
static void spoil(suite_random *random, float *vectors, size_t rows, size_t dimensions, const float *query) {
    for (size_t row = 0; row < rows; row++) {
        float *vector = vectors + row * dimensions;
        switch (suite_next(random) % 12) {
        case 0: memset(vector, 0, dimensions * sizeof *vector); break;
        case 1: memcpy(vector, vectors + suite_next(random) % rows * dimensions, dimensions * sizeof *vector); break;
        case 2: memcpy(vector, query, dimensions * sizeof *vector); break;
        case 3:
            for (size_t i = 0; i < dimensions; i++) vector[i] *= 1e-20f;
            break;
        case 4:
            for (size_t i = 0; i < dimensions; i++) vector[i] *= 50;
            break;
        default: break;
        }
    }
}

static void try_shape(suite_random *random, size_t dimensions, size_t rows, size_t queries, uint32_t k) {
    lh_error err = {0};
    for (int metric = 0; metric < LH_ANN_METRICS; metric++) {
        float *vectors = suite_clustered(suite_next(random), rows, dimensions, 1 + rows / 20, suite_unit(random));
        float *asked = suite_clustered(suite_next(random), queries, dimensions, 3, 0.5f);
        if (queries > 2) memset(asked, 0, dimensions * sizeof *asked);
        if (suite_next(random) % 2) spoil(random, vectors, rows, dimensions, asked + (queries - 1) * dimensions);
        lh_ann_index *index = suite_build((lh_ann_metric)metric, dimensions, false, LH_HNSW_DEFAULTS, vectors, rows, 2);
        uint64_t *allowed =
                     suite_next(random) % 2 ? random_bits(random, rows, (unsigned)(suite_next(random) % 101)) : NULL,
                 *gone = NULL;
        if (rows && suite_next(random) % 2) {
            gone = random_bits(random, rows, 30);
            for (uint64_t row = 0; row < rows; row++)
                if (ann_bit(gone, row)) CHECK_OK(lh_ann_delete(index, &row, 1, &err));
        }
        lh_ann_hit *hits = malloc(queries * k * sizeof *hits);
        uint32_t *counts = malloc(queries * sizeof *counts);
        lh_ann_query query = {asked, queries, k, LH_ANN_EXACT, 0, allowed, 1 + (unsigned)(suite_next(random) % 3),
                              NULL};
        CHECK(hits && counts);
        CHECK_OK(lh_ann_search(index, &query, hits, counts, &err));
        for (size_t q = 0; q < queries; q++)
            check_against_f64(index, (lh_ann_metric)metric, vectors, rows, dimensions, asked + q * dimensions, k,
                              allowed, gone, hits + q * k, counts[q]);
        free(hits);
        free(counts);
        free(allowed);
        free(gone);
        lh_ann_free(index);
        free(vectors);
        free(asked);
    }
}

static void test_ann__exact_is_what_f64_says_for_any_shape(void) {
    suite_random random = {20261128};
    static const size_t dimensions[] = {1, 2, 3, 7, 8, 9, 31, 63, 64, 65, 100, 384, 777};
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++)
        for (size_t round = 0; round < 4; round++)
            try_shape(&random, dimensions[i], suite_next(&random) % 700, 1 + suite_next(&random) % 9,
                      1 + (uint32_t)(suite_next(&random) % 30));
    try_shape(&random, 4, 0, 3, 5);       /* no rows */
    try_shape(&random, 16, 3, 2, 100);    /* k > rows */
    try_shape(&random, 24, 5000, 70, 10); /* more queries than a batch, several pieces */
    try_shape(&random, 2, 70000, 1, 300); /* more rows than a block of any size */
}

static void test_ann__equal_rows_come_by_number_however_many(void) {
    enum { ROWS = 9000, DIMENSIONS = 20 };
    float *vectors = malloc(sizeof(float) * ROWS * DIMENSIONS);
    lh_ann_hit hits[50];
    uint32_t count;
    lh_error err = {0};
    CHECK(vectors);
    for (size_t i = 0; i < (size_t)ROWS * DIMENSIONS; i++) vectors[i] = (float)(i % DIMENSIONS) + 1;
    lh_ann_index *index = suite_build(LH_ANN_COSINE, DIMENSIONS, false, LH_HNSW_DEFAULTS, vectors, ROWS, 2);
    lh_ann_query query = {.vectors = vectors, .count = 1, .k = 50, .threads = 2};
    CHECK_OK(lh_ann_search(index, &query, hits, &count, &err));
    CHECK(count == 50);
    for (uint32_t i = 0; i < 50; i++) CHECK(hits[i].row == i && fabsf(hits[i].score - 1) < 1e-6f);
    lh_ann_free(index);
    free(vectors);
}

static void kernels_check(const ann_kernels *fast) {
    const ann_kernels *plain = ann_kernels_portable();
    suite_random random = {7};
    if (!fast) return;
    for (size_t n = ANN_LANES; n <= 10 * (size_t)ANN_LANES; n += ANN_LANES) {
        int8_t codes[2][10 * ANN_LANES], rows[5 * 10 * ANN_LANES];
        int16_t wide[4 * 10 * ANN_LANES];
        float floats[2][10 * ANN_LANES];
        uint16_t halves[2][2][10 * ANN_LANES];
        int32_t dots[2][20];
        bool extreme = n % 128 == 0;
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < 2; j++) {
                codes[j][i] =
                    (int8_t)(extreme ? (suite_next(&random) % 2 ? 127 : -127) : (int)(suite_next(&random) % 255) - 127);
                floats[j][i] = suite_normal(&random) * (i % 9 ? 1 : 1e-7f);
            }
        }
        for (size_t i = 0; i < 5 * n; i++) rows[i] = (int8_t)((int)(suite_next(&random) % 255) - 127);
        for (size_t i = 0; i < 4 * n; i++) wide[i] = (int16_t)((int)(suite_next(&random) % 40001) - 20000);
        CHECK(plain->dot_i8(codes[0], codes[1], n) == fast->dot_i8(codes[0], codes[1], n));
        CHECK(plain->dot_i8_i16(codes[0], wide, n) == fast->dot_i8_i16(codes[0], wide, n));
        for (size_t rows_count = 0; rows_count <= 5; rows_count++) {
            plain->scan(rows, rows_count, wide, n, dots[0]);
            fast->scan(rows, rows_count, wide, n, dots[1]);
            CHECK(memcmp(dots[0], dots[1], rows_count * sizeof **dots) == 0);
            plain->scan4(rows, rows_count, wide, n, dots[0]);
            fast->scan4(rows, rows_count, wide, n, dots[1]);
            CHECK(memcmp(dots[0], dots[1], 4 * rows_count * sizeof **dots) == 0);
        }
        for (size_t j = 0; j < 2; j++) {
            plain->to_f16(floats[j], 0.7f, halves[0][j], n);
            fast->to_f16(floats[j], 0.7f, halves[1][j], n);
            CHECK(memcmp(halves[0][j], halves[1][j], n * sizeof ***halves) == 0);
        }
        double dot = plain->exact_dot(floats[0], floats[1], n);
        CHECK(fabs(dot - fast->exact_dot(floats[0], floats[1], n)) < 1e-10);
        CHECK(fabs(plain->exact_l2(floats[0], floats[1], n) - fast->exact_l2(floats[0], floats[1], n)) < 1e-10);
        CHECK(fabs((double)plain->dot_f32(floats[0], floats[1], n) - dot) < 1e-3);
        CHECK(fabs((double)fast->dot_f32(floats[0], floats[1], n) - dot) < 1e-3);
        float mixed = plain->dot_f16_f32(halves[0][0], floats[1], n),
              half = plain->dot_f16(halves[0][0], halves[0][1], n);
        CHECK(fabs((double)mixed - 0.7 * dot) < 0.1 && fabs((double)half - 0.49 * dot) < 0.1);
        CHECK(fabsf(mixed - fast->dot_f16_f32(halves[0][0], floats[1], n)) < 1e-3f);
        CHECK(fabsf(half - fast->dot_f16(halves[0][0], halves[0][1], n)) < 1e-3f);
    }
}

static void test_ann__kernels_of_the_processor_say_what_plain_c_says(void) {
    kernels_check(ann_kernels_avx2());
    kernels_check(ann_kernels_vnni());
}

static void test_ann__bad_questions_are_refused(void) {
    float vectors[6] = {1, 0, 0, 1, 1, 1}, bad[2] = {1, NAN}, large[2] = {1e16f, 0};
    lh_error err = {0};
    lh_ann_hit hits[4];
    uint32_t count = 77;
    uint64_t row = 3;
    lh_ann_options options = {LH_ANN_DOT, 2, false, LH_HNSW_DEFAULTS};
    lh_ann_index *index = suite_build(LH_ANN_DOT, 2, false, LH_HNSW_DEFAULTS, vectors, 3, 1), *none = NULL;
    CHECK(lh_ann_search(index, &(lh_ann_query){.vectors = vectors, .count = 1, .k = 0}, hits, &count, &err) ==
          LH_INVALID);
    CHECK(lh_ann_search(index, &(lh_ann_query){.vectors = vectors, .count = 1, .k = LH_ANN_K_MAX + 1}, hits, &count,
                        &err) == LH_INVALID);
    CHECK(lh_ann_search(index, &(lh_ann_query){.vectors = bad, .count = 1, .k = 1}, hits, &count, &err) == LH_INVALID);
    CHECK(strstr(err.message, "query 0: component 1"));
    CHECK(lh_ann_search(index, &(lh_ann_query){.vectors = large, .count = 1, .k = 1}, hits, &count, &err) ==
          LH_INVALID);
    CHECK(lh_ann_search(index, &(lh_ann_query){.vectors = vectors, .count = 1, .k = 1, .mode = LH_ANN_HNSW}, hits,
                        &count, &err) == LH_INVALID);
    CHECK(lh_ann_search(index, &(lh_ann_query){.vectors = vectors, .count = 1, .k = 1, .ef = LH_ANN_EF_MAX + 1}, hits,
                        &count, &err) == LH_INVALID);
    CHECK(count == 77);
    CHECK(lh_ann_delete(index, &row, 1, &err) == LH_INVALID);
    CHECK(lh_ann_extend(index, bad, 1, NULL, &err) == LH_INVALID && lh_ann_info_of(index).rows == 3);
    CHECK(lh_ann_build(&options, bad, 1, NULL, &none, &err) == LH_INVALID && !none);
    options.dimensions = 0;
    CHECK(lh_ann_build(&options, vectors, 1, NULL, &none, &err) == LH_INVALID);
    options.dimensions = LH_ANN_DIMENSIONS_MAX + 1;
    CHECK(lh_ann_build(&options, vectors, 1, NULL, &none, &err) == LH_INVALID);
    options = (lh_ann_options){LH_ANN_DOT, 2, true, LH_HNSW_DEFAULTS};
    options.config.connectivity = 1;
    CHECK(lh_ann_build(&options, vectors, 1, NULL, &none, &err) == LH_INVALID);
    options.config.connectivity = 16;
    options.config.ef_construction = 0;
    CHECK(lh_ann_build(&options, vectors, 1, NULL, &none, &err) == LH_INVALID);
    options.config.ef_construction = 80;
    options.config.ef_search = LH_ANN_EF_MAX + 1;
    CHECK(lh_ann_build(&options, vectors, 1, NULL, &none, &err) == LH_INVALID && !none);
    lh_ann_free(index);
}

static void test_ann__a_row_is_given_as_it_is_kept(void) {
    const float vectors[] = {3, 4, 0, -2};
    lh_ann_index *cosine = suite_build(LH_ANN_COSINE, 2, false, LH_HNSW_DEFAULTS, vectors, 2, 1);
    lh_ann_index *dot = suite_build(LH_ANN_DOT, 2, false, LH_HNSW_DEFAULTS, vectors, 2, 1);
    CHECK(fabsf(lh_ann_row(cosine, 0)[0] - 0.6f) < 1e-6f && fabsf(lh_ann_row(cosine, 1)[1] + 1) < 1e-6f);
    CHECK(memcmp(lh_ann_row(dot, 1), vectors + 2, 2 * sizeof *vectors) == 0);
    lh_ann_free(cosine);
    lh_ann_free(dot);
}

static void test_ann__a_search_can_be_cancelled(void) {
    float *vectors = suite_clustered(1, 3000, 64, 10, 0.3f);
    _Atomic bool cancelled = true;
    lh_ann_hit hits[4];
    uint32_t count = 77;
    lh_error err = {0};
    lh_ann_index *index = suite_build(LH_ANN_L2, 64, true, LH_HNSW_DEFAULTS, vectors, 3000, 1);
    lh_ann_query query = {.vectors = vectors, .count = 1, .k = 4, .cancelled = &cancelled};
    CHECK(lh_ann_search(index, &query, hits, &count, &err) == LH_CANCELLED);
    query.mode = LH_ANN_HNSW;
    CHECK(lh_ann_search(index, &query, hits, &count, &err) == LH_CANCELLED && count == 77);
    lh_ann_free(index);
    free(vectors);
}

/* Of 64 components a block has 8,192 rows, 512 KiB of codes: what is appended at once has them in one room of huge pages. */
static void test_ann__rows_that_come_together_have_their_codes_together(void) {
    enum { FIRST = 10000, MORE = 50000, DIMENSIONS = 64, BLOCK = 8192, HUGE = 2 << 20 };
    float *vectors = suite_clustered(3, FIRST + MORE, DIMENSIONS, 50, 0.5f);
    _Atomic bool cancelled = true;
    const lh_ann_work never = {.threads = 2, .cancelled = &cancelled}, work = {.threads = 2};
    lh_error err = {0};
    lh_ann_index *index = suite_build(LH_ANN_DOT, DIMENSIONS, false, LH_HNSW_DEFAULTS, vectors, FIRST, 2);
    CHECK(index->block_count == 2 && index->blocks[0].room && index->blocks[1].room);
    CHECK(lh_ann_extend(index, vectors + FIRST * DIMENSIONS, MORE, &never, &err) == LH_CANCELLED);
    CHECK(index->block_count == 2 && index->rows == FIRST); /* and they went as they came */
    CHECK_OK(lh_ann_extend(index, vectors + FIRST * DIMENSIONS, MORE, &work, &err));
    CHECK(index->block_count == 8 && (uintptr_t)index->blocks[2].codes % HUGE == 0);
    for (size_t i = 3; i < 8; i++)
        CHECK(!index->blocks[i].room &&
              index->blocks[i].codes == index->blocks[2].codes + (i - 2) * BLOCK * DIMENSIONS);
    for (size_t row = 0; row < FIRST + MORE; row += 6007) {
        lh_ann_hit hits[5];
        uint32_t count = 0;
        const lh_ann_query query = {.vectors = vectors + row * DIMENSIONS, .count = 1, .k = 5, .threads = 2};
        CHECK_OK(lh_ann_search(index, &query, hits, &count, &err));
        check_against_f64(index, LH_ANN_DOT, vectors, FIRST + MORE, DIMENSIONS, query.vectors, 5, NULL, NULL, hits,
                          count);
    }
    lh_ann_free(index);
    free(vectors);
}

LH_TEST_MAIN(LH_TEST(test_ann__exact_is_what_f64_says_for_any_shape),
             LH_TEST(test_ann__equal_rows_come_by_number_however_many),
             LH_TEST(test_ann__kernels_of_the_processor_say_what_plain_c_says),
             LH_TEST(test_ann__bad_questions_are_refused), LH_TEST(test_ann__a_row_is_given_as_it_is_kept),
             LH_TEST(test_ann__a_search_can_be_cancelled),
             LH_TEST(test_ann__rows_that_come_together_have_their_codes_together))
