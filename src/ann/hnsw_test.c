#include "ann/ann_suite.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ROWS = 3000, DIMENSIONS = 48, QUERIES = 40, K = 10 };

static void search(const lh_ann_index *index, const float *queries, lh_ann_mode mode, uint32_t ef,
                   const uint64_t *allowed, unsigned threads, lh_ann_hit *hits, uint32_t *counts) {
    lh_ann_query query = {queries, QUERIES, K, mode, ef, allowed, threads, NULL};
    lh_error err = {0};
    CHECK_OK(lh_ann_search(index, &query, hits, counts, &err));
}

static double recall_of(const lh_ann_index *index, const float *queries, uint32_t ef, const uint64_t *allowed) {
    lh_ann_hit truth[QUERIES * K], hits[QUERIES * K];
    uint32_t counts[QUERIES], found[QUERIES];
    double sum = 0;
    search(index, queries, LH_ANN_EXACT, 0, allowed, 2, truth, counts);
    search(index, queries, LH_ANN_HNSW, ef, allowed, 2, hits, found);
    for (size_t q = 0; q < QUERIES; q++) {
        CHECK(counts[q] == found[q]);
        for (size_t i = 0; i < counts[q]; i++) /* what both found has the same score */
            for (size_t j = 0; j < counts[q]; j++)
                if (truth[q * K + i].row == hits[q * K + j].row) CHECK(truth[q * K + i].score == hits[q * K + j].score);
        sum += suite_recall(truth + q * K, hits + q * K, counts[q]);
    }
    return sum / QUERIES;
}

static void test_ann__the_graph_finds_nearly_all_for_every_metric_and_dtype(void) {
    float *vectors = suite_clustered(11, ROWS, DIMENSIONS, 40, 0.4f),
          *queries = suite_clustered(11, QUERIES, DIMENSIONS, 40, 0.4f);
    for (int metric = 0; metric < LH_ANN_METRICS; metric++)
        for (int dtype = 0; dtype < LH_ANN_DTYPES; dtype++) {
            lh_hnsw_config config = LH_HNSW_DEFAULTS;
            config.dtype = (lh_ann_dtype)dtype;
            lh_ann_index *index = suite_build((lh_ann_metric)metric, DIMENSIONS, true, config, vectors, ROWS, 2);
            double recall = recall_of(index, queries, 120, NULL);
            if (recall < 0.95)
                print_error("%s %s: recall %g\n", lh_ann_metric_name((lh_ann_metric)metric),
                            lh_ann_dtype_name((lh_ann_dtype)dtype), recall);
            CHECK(recall >= 0.95);
            lh_ann_free(index);
        }
    free(vectors);
    free(queries);
}

static uint64_t *every(size_t rows, uint64_t nth, uint64_t below) {
    uint64_t *bits = calloc(rows / 64 + 1, sizeof *bits);
    CHECK(bits);
    for (uint64_t row = 0; row < rows; row++)
        if (row % nth < below) bits[row / 64] |= UINT64_C(1) << row % 64;
    return bits;
}

static void test_ann__filters_keep_the_recall_and_let_nothing_else_through(void) {
    float *vectors = suite_clustered(12, ROWS, DIMENSIONS, 40, 0.4f),
          *queries = suite_clustered(12, QUERIES, DIMENSIONS, 40, 0.4f);
    lh_ann_index *index = suite_build(LH_ANN_COSINE, DIMENSIONS, true, LH_HNSW_DEFAULTS, vectors, ROWS, 2);
    static const uint64_t shares[][2] = {{10, 9}, {10, 5}, {4, 1}, {20, 1}, {1000, 1}, {ROWS, 1}, {ROWS, 0}};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        uint64_t *bits = every(ROWS, shares[i][0], shares[i][1]);
        lh_ann_hit hits[QUERIES * K];
        uint32_t counts[QUERIES];
        search(index, queries, LH_ANN_HNSW, 80, bits, 1, hits, counts);
        for (size_t q = 0; q < QUERIES; q++)
            for (size_t j = 0; j < counts[q]; j++) CHECK(hits[q * K + j].row % shares[i][0] < shares[i][1]);
        CHECK(recall_of(index, queries, 80, bits) >= 0.95);
        free(bits);
    }
    lh_ann_free(index);
    free(vectors);
    free(queries);
}

static void test_ann__deleted_rows_are_found_by_no_mode(void) {
    float *vectors = suite_clustered(13, ROWS, DIMENSIONS, 40, 0.4f),
          *queries = suite_clustered(13, QUERIES, DIMENSIONS, 40, 0.4f);
    lh_ann_index *index = suite_build(LH_ANN_L2, DIMENSIONS, true, LH_HNSW_DEFAULTS, vectors, ROWS, 2);
    lh_error err = {0};
    lh_ann_hit hits[QUERIES * K];
    uint32_t counts[QUERIES];
    search(index, queries, LH_ANN_HNSW, 80, NULL, 1, hits, counts);
    for (size_t i = 0; i < QUERIES * K; i++)
        CHECK_OK(lh_ann_delete(index, &hits[i].row, 1, &err)); /* the best of each */
    uint64_t gone[QUERIES * K];
    for (size_t i = 0; i < QUERIES * K; i++) gone[i] = hits[i].row;
    for (int mode = LH_ANN_EXACT; mode <= LH_ANN_HNSW; mode++) {
        search(index, queries, (lh_ann_mode)mode, 120, NULL, 1, hits, counts);
        for (size_t q = 0; q < QUERIES; q++)
            for (size_t j = 0; j < counts[q]; j++)
                for (size_t i = 0; i < QUERIES * K; i++) CHECK(hits[q * K + j].row != gone[i]);
    }
    CHECK(recall_of(index, queries, 120, NULL) >= 0.95);
    for (uint64_t row = 0; row < ROWS; row++) CHECK_OK(lh_ann_delete(index, &row, 1, &err));
    CHECK(lh_ann_info_of(index).deleted == ROWS && lh_ann_info_of(index).rows == ROWS);
    search(index, queries, LH_ANN_HNSW, 80, NULL, 1, hits, counts);
    for (size_t q = 0; q < QUERIES; q++) CHECK(counts[q] == 0);
    lh_ann_free(index);
    free(vectors);
    free(queries);
}

static void test_ann__growing_is_as_good_as_building(void) {
    float *vectors = suite_clustered(14, ROWS, DIMENSIONS, 40, 0.4f),
          *queries = suite_clustered(14, QUERIES, DIMENSIONS, 40, 0.4f);
    lh_ann_index *whole = suite_build(LH_ANN_COSINE, DIMENSIONS, true, LH_HNSW_DEFAULTS, vectors, ROWS, 2);
    lh_ann_index *grown = suite_build(LH_ANN_COSINE, DIMENSIONS, true, LH_HNSW_DEFAULTS, vectors, 0, 2);
    lh_ann_work work = {.threads = 2};
    lh_error err = {0};
    uint64_t deleted = 3;
    for (size_t row = 0, step = 1; row < ROWS; row += step, step = step * 3 + 1) {
        if (step > ROWS - row) step = ROWS - row;
        CHECK_OK(lh_ann_extend(grown, vectors + row * DIMENSIONS, step, &work, &err));
        if (row == 0 || row > deleted) CHECK(lh_ann_info_of(grown).rows == row + step);
    }
    lh_ann_hit a[QUERIES * K], b[QUERIES * K];
    uint32_t counts[2][QUERIES];
    search(whole, queries, LH_ANN_EXACT, 0, NULL, 1, a, counts[0]);
    search(grown, queries, LH_ANN_EXACT, 0, NULL, 1, b, counts[1]);
    for (size_t i = 0; i < QUERIES * K; i++) CHECK(a[i].row == b[i].row && a[i].score == b[i].score);
    CHECK(recall_of(grown, queries, 100, NULL) >= recall_of(whole, queries, 100, NULL) - 0.03);
    CHECK_OK(lh_ann_delete(grown, &deleted, 1, &err));
    CHECK_OK(lh_ann_extend(grown, vectors, 200, &work, &err)); /* the deleted one stays so, the new ones are not */
    CHECK(lh_ann_info_of(grown).deleted == 1);
    lh_ann_hit twice[2];
    uint32_t found;
    CHECK_OK(lh_ann_search(grown, &(lh_ann_query){.vectors = vectors + 5 * DIMENSIONS, .count = 1, .k = 2}, twice,
                           &found, &err));
    CHECK(found == 2 && twice[0].row == 5 && twice[1].row == ROWS + 5);
    CHECK_OK(lh_ann_search(grown, &(lh_ann_query){.vectors = vectors + 3 * DIMENSIONS, .count = 1, .k = 1}, twice,
                           &found, &err));
    CHECK(found == 1 && twice[0].row == ROWS + 3);
    lh_ann_free(whole);
    lh_ann_free(grown);
    free(vectors);
    free(queries);
}

static void test_ann__one_thread_and_a_seed_give_the_same_graph(void) {
    float *vectors = suite_clustered(15, 800, DIMENSIONS, 10, 0.8f),
          *queries = suite_clustered(15, QUERIES, DIMENSIONS, 10, 0.8f);
    lh_hnsw_config config = {8, 10, 4, LH_ANN_I8, 1},
                   other = {8, 10, 4, LH_ANN_I8, 2}; /* so poor that the order shows */
    lh_ann_index *index[3] = {suite_build(LH_ANN_COSINE, DIMENSIONS, true, config, vectors, 800, 1),
                              suite_build(LH_ANN_COSINE, DIMENSIONS, true, config, vectors, 800, 1),
                              suite_build(LH_ANN_COSINE, DIMENSIONS, true, other, vectors, 800, 1)};
    lh_ann_hit hits[3][QUERIES * K];
    uint32_t counts[QUERIES];
    size_t same[3] = {0};
    for (size_t n = 0; n < 3; n++) {
        search(index[n], queries, LH_ANN_HNSW, 10, NULL, 1, hits[n], counts);
        for (size_t i = 0; i < QUERIES * K; i++) same[n] += hits[n][i].row == hits[0][i].row;
        lh_ann_free(index[n]);
    }
    CHECK(same[1] == QUERIES * K && same[2] < QUERIES * K);
    free(vectors);
    free(queries);
}

typedef struct ann_canceller {
    _Atomic bool cancelled, stop;
    _Atomic uint64_t done;
} ann_canceller;

static void *cancel_after_some(void *arg) {
    ann_canceller *canceller = arg;
    while (atomic_load(&canceller->done) < 50 && !atomic_load(&canceller->stop)) lh_time_sleep_us(50);
    atomic_store(&canceller->cancelled, true);
    return NULL;
}

static void test_ann__a_build_can_be_cancelled_and_counts_its_rows(void) {
    float *vectors = suite_clustered(16, ROWS, DIMENSIONS, 40, 0.4f);
    lh_ann_options options = {LH_ANN_COSINE, DIMENSIONS, true, LH_HNSW_DEFAULTS};
    options.config.ef_construction = 2000; /* slow enough to be caught at it */
    ann_canceller canceller = {0};
    lh_ann_work work = {2, &canceller.cancelled, &canceller.done};
    lh_ann_index *index = NULL;
    lh_error err = {0};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, cancel_after_some, &canceller) == 0);
    CHECK(lh_ann_build(&options, vectors, ROWS, &work, &index, &err) == LH_CANCELLED && !index);
    atomic_store(&canceller.stop, true);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(atomic_load(&canceller.done) >= 50 && atomic_load(&canceller.done) < ROWS);

    atomic_store(&canceller.done, 0);
    options.config.ef_construction = 80;
    index = suite_build(LH_ANN_COSINE, DIMENSIONS, true, options.config, vectors, 1000, 1);
    atomic_store(&canceller.cancelled, true);
    CHECK(lh_ann_extend(index, vectors, 1000, &work, &err) == LH_CANCELLED);
    CHECK(lh_ann_info_of(index).rows == 1000);
    lh_ann_hit hit;
    uint32_t count;
    CHECK_OK(lh_ann_search(index, &(lh_ann_query){.vectors = vectors, .count = 1, .k = 1}, &hit, &count, &err));
    CHECK(hit.row == 0);
    lh_ann_free(index);
    work.cancelled = NULL;
    index = NULL;
    CHECK_OK(lh_ann_build(&options, vectors, 1000, &work, &index, &err));
    CHECK(atomic_load(&canceller.done) == 1000);
    lh_ann_free(index);
    free(vectors);
}

typedef struct ann_searcher {
    const lh_ann_index *index;
    const float *queries;
    const lh_ann_hit *truth;
    lh_ann_mode mode;
    bool differs;
} ann_searcher;

static void *search_often(void *arg) {
    ann_searcher *searcher = arg;
    lh_ann_hit hits[QUERIES * K];
    uint32_t counts[QUERIES];
    for (int i = 0; i < 3; i++) {
        search(searcher->index, searcher->queries, searcher->mode, 60, NULL, 1 + (unsigned)i, hits, counts);
        for (size_t j = 0; j < QUERIES * K; j++) searcher->differs |= hits[j].row != searcher->truth[j].row;
    }
    return NULL;
}

/* More threads than the graph has contexts, too. */
static void test_ann__many_threads_search_one_index(void) {
    enum { THREADS = 70 };
    float *vectors = suite_clustered(17, ROWS, DIMENSIONS, 40, 0.4f),
          *queries = suite_clustered(17, QUERIES, DIMENSIONS, 40, 0.4f);
    lh_ann_index *index = suite_build(LH_ANN_COSINE, DIMENSIONS, true, LH_HNSW_DEFAULTS, vectors, ROWS, 3);
    lh_ann_hit truth[2][QUERIES * K];
    uint32_t counts[QUERIES];
    for (int mode = 0; mode < 2; mode++) search(index, queries, (lh_ann_mode)mode, 60, NULL, 1, truth[mode], counts);
    pthread_t threads[THREADS];
    ann_searcher searchers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        searchers[i] = (ann_searcher){index, queries, truth[i % 8 != 0], (lh_ann_mode)(i % 8 != 0), false};
        CHECK(pthread_create(&threads[i], NULL, search_often, &searchers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(!searchers[i].differs);
    }
    lh_ann_free(index);
    free(vectors);
    free(queries);
}

static void test_ann__another_graph_of_the_same_rows_is_as_one_built_of_them(void) {
    float *vectors = suite_clustered(17, ROWS, DIMENSIONS, 40, 0.4f),
          *queries = suite_clustered(17, QUERIES, DIMENSIONS, 40, 0.4f);
    const uint64_t gone[] = {0, 5, 2999};
    lh_error err = {0};
    for (int from = 0; from < LH_ANN_DTYPES; from++)
        for (int to = 0; to < LH_ANN_DTYPES; to++) {
            lh_hnsw_config config = {60, 40, 12, (lh_ann_dtype)to, 7}, before = LH_HNSW_DEFAULTS;
            before.dtype = (lh_ann_dtype)from;
            lh_ann_index *rows = suite_build(LH_ANN_COSINE, DIMENSIONS, true, before, vectors, ROWS, 2), *shared = NULL;
            lh_ann_index *built = suite_build(LH_ANN_COSINE, DIMENSIONS, true, config, vectors, ROWS, 1);
            lh_ann_hit a[QUERIES * K], b[QUERIES * K];
            uint32_t a_counts[QUERIES], b_counts[QUERIES];
            CHECK_OK(lh_ann_delete(rows, gone, 3, &err));
            CHECK_OK(lh_ann_delete(built, gone, 3, &err));
            CHECK_OK(lh_ann_share(rows, &config, NULL, &shared, &err));
            search(built, queries, LH_ANN_HNSW, 0, NULL, 1, a, a_counts);
            search(shared, queries, LH_ANN_HNSW, 0, NULL, 1, b, b_counts);
            for (size_t q = 0; q < QUERIES; q++) {
                CHECK(a_counts[q] == b_counts[q]);
                for (size_t i = q * K; i < q * K + a_counts[q]; i++)
                    CHECK(a[i].row == b[i].row && a[i].score == b[i].score);
            }
            lh_ann_info info = lh_ann_info_of(shared), whole = lh_ann_info_of(built);
            CHECK(info.rows == ROWS && info.deleted == 3 && info.options.config.seed == 7 && info.graph_bytes > 0);
            CHECK(info.heap_bytes < whole.heap_bytes / 2);
            lh_ann_free(shared);
            CHECK(recall_of(rows, queries, 120, NULL) > 0.9); /* it is as it was */
            lh_ann_free(rows);
            lh_ann_free(built);
        }
    lh_ann_index *rows = suite_build(LH_ANN_L2, DIMENSIONS, true, LH_HNSW_DEFAULTS, vectors, ROWS, 2), *shared = NULL;
    lh_hnsw_config bad = LH_HNSW_DEFAULTS;
    bad.connectivity = 1;
    CHECK(lh_ann_share(rows, &bad, NULL, &shared, &err) == LH_INVALID && !shared);
    lh_ann_free(rows);
    free(vectors);
    free(queries);
}

/* Boilerplate: one text again and again. */
static void test_ann__many_rows_of_one_vector_do_not_hide_the_others(void) {
    enum { DISTINCT = 5, COPIES = 400, MANY = DISTINCT * COPIES };
    float *distinct = suite_clustered(3, DISTINCT, DIMENSIONS, DISTINCT, 0.01f);
    float *vectors = malloc(MANY * DIMENSIONS * sizeof *vectors);
    lh_ann_hit hits[DISTINCT * K];
    uint32_t counts[DISTINCT];
    lh_error err = {0};
    CHECK(vectors);
    for (size_t i = 0; i < MANY; i++)
        memcpy(vectors + i * DIMENSIONS, distinct + i % DISTINCT * DIMENSIONS, DIMENSIONS * sizeof *vectors);
    for (size_t first = 0; first < 2; first++) { /* built of all at once, and grown */
        size_t rows = first ? 10 : MANY;
        lh_ann_index *index = suite_build(LH_ANN_COSINE, DIMENSIONS, true, LH_HNSW_DEFAULTS, vectors, rows, 2);
        if (first) CHECK_OK(lh_ann_extend(index, vectors + rows * DIMENSIONS, MANY - rows, NULL, &err));
        const lh_ann_query query = {.vectors = distinct, .count = DISTINCT, .k = K, .mode = LH_ANN_HNSW};
        CHECK_OK(lh_ann_search(index, &query, hits, counts, &err));
        for (size_t q = 0; q < DISTINCT; q++)
            for (size_t i = 0; i < K; i++) CHECK(counts[q] == K && hits[q * K + i].score > 0.9999f);
        lh_ann_free(index);
    }
    free(vectors);
    free(distinct);
}

LH_TEST_MAIN(LH_TEST(test_ann__many_rows_of_one_vector_do_not_hide_the_others),
             LH_TEST(test_ann__the_graph_finds_nearly_all_for_every_metric_and_dtype),
             LH_TEST(test_ann__filters_keep_the_recall_and_let_nothing_else_through),
             LH_TEST(test_ann__deleted_rows_are_found_by_no_mode), LH_TEST(test_ann__growing_is_as_good_as_building),
             LH_TEST(test_ann__one_thread_and_a_seed_give_the_same_graph),
             LH_TEST(test_ann__a_build_can_be_cancelled_and_counts_its_rows),
             LH_TEST(test_ann__another_graph_of_the_same_rows_is_as_one_built_of_them),
             LH_TEST(test_ann__many_threads_search_one_index))
