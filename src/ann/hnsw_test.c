#include "ann/ann_suite.h"
#include "ann/ann_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

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
    return sum / (double)QUERIES;
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

/* Of so many rows that a filter of most of them is walked, and one of few is scanned. */
static void test_ann__a_walk_past_filtered_and_deleted_rows_keeps_the_recall(void) {
    enum { MANY = 12000 };
    float *vectors = suite_clustered(21, MANY, DIMENSIONS, 120, 0.4f),
          *queries = suite_clustered(21, QUERIES, DIMENSIONS, 120, 0.4f);
    lh_hnsw_config config = LH_HNSW_DEFAULTS;
    config.connectivity = 3; /* so few links that a walk of allowed rows alone would not get far */
    lh_ann_index *index = suite_build(LH_ANN_COSINE, DIMENSIONS, true, config, vectors, MANY, 1);
    lh_error err = {0};
    double whole = recall_of(index, queries, 100, NULL);
    CHECK(lh_ann_walks(index, NULL) && whole >= 0.85);
    static const uint64_t shares[][3] = {{10, 9, true}, {10, 6, true}, {10, 5, false}, {50, 1, false}};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        uint64_t *bits = every(MANY, shares[i][0], shares[i][1]);
        CHECK(lh_ann_walks(index, bits) == shares[i][2]);
        if (shares[i][2]) CHECK(recall_of(index, queries, 100, bits) >= whole - 0.01);
        else CHECK(recall_of(index, queries, 1, bits) >= 1);
        free(bits);
    }
    for (uint64_t row = 0; row < MANY; row += 4) CHECK_OK(lh_ann_delete(index, &row, 1, &err));
    CHECK(lh_ann_walks(index, NULL) && recall_of(index, queries, 100, NULL) >= whole - 0.01);
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

/* Many rows of few vectors, and a query for each: as the graph has no more nodes than ef, it must answer as the exact search. */
typedef struct twins_case {
    size_t distinct, rows;
    float *middle, *vectors;
    uint64_t *allowed;
} twins_case;

static twins_case twins_new(suite_random *random, size_t distinct, size_t rows, float noise) {
    twins_case c = {.distinct = distinct, .rows = rows, .middle = malloc(distinct * 8 * sizeof(float))};
    c.vectors = malloc(rows * 8 * sizeof(float));
    c.allowed = calloc(rows / 64 + 1, sizeof *c.allowed);
    CHECK(c.middle && c.vectors && c.allowed);
    for (size_t i = 0; i < distinct * 8; i++) c.middle[i] = suite_normal(random);
    for (size_t row = 0; row < rows; row++) {
        size_t one = suite_next(random) % distinct;
        if (suite_next(random) % 2) one = one * one / distinct; /* some often, some seldom */
        for (size_t i = 0; i < 8; i++)
            c.vectors[row * 8 + i] = c.middle[one * 8 + i] + (noise > 0 ? noise * suite_normal(random) : 0);
        if (suite_next(random) % 10)
            c.allowed[row / 64] |= UINT64_C(1) << row % 64; /* so many that they are not scanned */
    }
    return c;
}

static void twins_free(twins_case *c) {
    free(c->middle);
    free(c->vectors);
    free(c->allowed);
}

static void check_as_exact(const lh_ann_index *index, const twins_case *c, uint32_t k, const uint64_t *allowed) {
    lh_error err = {0};
    lh_ann_hit *hits[2];
    uint32_t *counts[2];
    for (int mode = LH_ANN_EXACT; mode <= LH_ANN_HNSW; mode++) {
        lh_ann_query query = {c->middle, c->distinct, k, (lh_ann_mode)mode, 40, allowed, 2, NULL};
        hits[mode] = malloc(c->distinct * k * sizeof **hits);
        counts[mode] = malloc(c->distinct * sizeof **counts);
        CHECK(hits[mode] && counts[mode]);
        CHECK_OK(lh_ann_search(index, &query, hits[mode], counts[mode], &err));
    }
    for (size_t q = 0; q < c->distinct; q++) {
        CHECK(counts[0][q] == counts[1][q]);
        for (size_t i = q * k; i < q * k + counts[0][q]; i++)
            CHECK(hits[0][i].row == hits[1][i].row && hits[0][i].score == hits[1][i].score);
    }
    for (int mode = 0; mode < 2; mode++) {
        free(hits[mode]);
        free(counts[mode]);
    }
}

static void test_ann__many_rows_of_one_vector_hide_nothing(void) {
    suite_random random = {77};
    twins_case c = twins_new(&random, 5, 3000, 0);
    for (int dtype = 0; dtype < LH_ANN_DTYPES; dtype++) {
        lh_hnsw_config config = LH_HNSW_DEFAULTS;
        config.dtype = (lh_ann_dtype)dtype;
        lh_ann_index *index = suite_build(LH_ANN_COSINE, 8, true, config, c.vectors, c.rows, 2);
        check_as_exact(index, &c, K, NULL);
        CHECK(lh_ann_info_of(index).graph_bytes < 64 * 1024); /* of five rows, not of three thousand */
        lh_ann_free(index);
    }
    twins_free(&c);
}

/* Whatever happens to it: grown in pieces, rows deleted, filtered, another graph made of it, saved and opened, grown again. */
static void test_ann__rows_of_few_vectors_are_found_as_by_exact_search(void) {
    char path[] = "/tmp/lh-ann-twins-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    lh_error err = {0};
    for (uint64_t seed = 1; seed <= 16; seed++) {
        suite_random random = {seed * 7919};
        bool differ = seed > 8; /* by less than their codes show: a few of each are in the graph */
        twins_case c = twins_new(&random, 1 + suite_next(&random) % (differ ? 6 : 30), 6000 + suite_next(&random) % 500,
                                 differ ? 1e-4f : 0);
        lh_hnsw_config config = {20, 10, 16, (lh_ann_dtype)(seed % LH_ANN_DTYPES), seed};
        uint32_t k = 1 + (uint32_t)(suite_next(&random) % 35);
        size_t first = suite_next(&random) % 100, done = first;
        lh_ann_index *index = suite_build((lh_ann_metric)(seed % 2 ? LH_ANN_L2 : LH_ANN_COSINE), 8, true, config,
                                          c.vectors, first, 1 + seed % 2);
        lh_ann_work work = {.threads = 2};
        while (done < 5500) {
            size_t more = 1 + suite_next(&random) % 2500;
            if (more > 5500 - done) more = 5500 - done;
            CHECK_OK(lh_ann_extend(index, c.vectors + done * 8, more, &work, &err));
            done += more;
        }
        check_as_exact(index, &c, k, NULL);
        check_as_exact(index, &c, k, c.allowed);
        for (uint64_t row = 0; row < 20; row++) /* among them those that stand for others */
            CHECK_OK(lh_ann_delete(index, &row, 1, &err));
        check_as_exact(index, &c, k, NULL);
        lh_ann_index *shared = NULL, *opened = NULL;
        config.dtype = (lh_ann_dtype)((seed + 1) % LH_ANN_DTYPES);
        CHECK_OK(lh_ann_share(index, &config, &work, &shared, &err));
        check_as_exact(shared, &c, k, c.allowed);
        lh_ann_free(shared);
        CHECK_OK(lh_ann_save(index, path, LH_STR("b"), &err));
        CHECK_OK(lh_ann_open(path, LH_STR("b"), 2, &opened, &err));
        check_as_exact(opened, &c, k, c.allowed);
        CHECK_OK(lh_ann_extend(opened, c.vectors + done * 8, c.rows - done, &work, &err));
        check_as_exact(opened, &c, k, c.allowed);
        lh_ann_free(opened);
        lh_ann_free(index);
        twins_free(&c);
    }
    CHECK(unlink(path) == 0);
}

/* Each row, asked for by its own vector with an ef that leaves out none: a row that no walk comes to is missed. */
static void check_all_are_found(const float *vectors, size_t rows, lh_hnsw_config config, unsigned threads) {
    lh_error err = {0};
    lh_ann_hit *hits = malloc(rows * sizeof *hits);
    uint32_t *counts = malloc(rows * sizeof *counts);
    lh_ann_index *index = suite_build(LH_ANN_COSINE, DIMENSIONS, true, config, vectors, rows, threads);
    CHECK(hits && counts);
    lh_ann_query query = {vectors, rows, 1, LH_ANN_HNSW, (uint32_t)rows, NULL, 2, NULL};
    CHECK_OK(lh_ann_search(index, &query, hits, counts, &err));
    for (size_t row = 0; row < rows; row++) CHECK(counts[row] == 1 && hits[row].row == row);
    lh_ann_free(index);
    free(hits);
    free(counts);
}

static void test_ann__no_row_is_out_of_the_way_of_a_walk(void) {
    enum { FEW = 1500 };
    float *sparse = suite_clustered(18, FEW, DIMENSIONS, 15, 0.4f),
          *dense = suite_clustered(19, FEW, DIMENSIONS, 2, 0.05f);
    lh_hnsw_config config = LH_HNSW_DEFAULTS;
    for (unsigned threads = 1; threads <= 4; threads *= 4) {
        check_all_are_found(dense, FEW, config, threads); /* codes that are longer than their row would be hubs here */
        config.connectivity = 3;                          /* lists that are full soon */
        check_all_are_found(sparse, FEW, config, threads);
        config.connectivity = LH_HNSW_DEFAULTS.connectivity;
    }
    free(sparse);
    free(dense);
}

/* The share of hits that are as near as the nearest are. */
static double recall_of_scores(const lh_ann_index *index, const float *queries) {
    lh_ann_hit truth[QUERIES * K], hits[QUERIES * K];
    uint32_t counts[QUERIES];
    size_t good = 0;
    search(index, queries, LH_ANN_EXACT, 0, NULL, 2, truth, counts);
    search(index, queries, LH_ANN_HNSW, 0, NULL, 2, hits, counts);
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t i = 0; i < K; i++) good += hits[q * K + i].score >= truth[q * K + K - 1].score;
    return (double)good / (QUERIES * K);
}

/* Pages that differ in their number, noise of a batch: five families of rows that lie nearer to each other than their codes show. */
static void test_ann__rows_that_are_nearly_the_same_do_not_tear_the_graph(void) {
    enum { FAMILIES = 5 };
    float *near = suite_clustered(21, QUERIES / 2, DIMENSIONS, FAMILIES, 0.01f),
          *far = suite_clustered(22, QUERIES / 2, DIMENSIONS, 40, 0.4f),
          *queries = malloc(sizeof(float) * QUERIES * DIMENSIONS);
    CHECK(queries);
    memcpy(queries, near, sizeof(float) * QUERIES / 2 * DIMENSIONS);
    memcpy(queries + QUERIES / 2 * DIMENSIONS, far, sizeof(float) * QUERIES / 2 * DIMENSIONS);
    for (int power = -6; power <= -3; power++)
        for (int dtype = 0; dtype < LH_ANN_DTYPES; dtype++) {
            float *vectors = suite_clustered(21, ROWS, DIMENSIONS, FAMILIES, powf(10, (float)power));
            lh_hnsw_config config = LH_HNSW_DEFAULTS;
            config.dtype = (lh_ann_dtype)dtype;
            lh_ann_index *index = suite_build(LH_ANN_COSINE, DIMENSIONS, true, config, vectors, ROWS, 2);
            CHECK(recall_of_scores(index, queries) == 1);
            CHECK(lh_ann_info_of(index).graph_bytes < 256 * 1024); /* of a few rows of each */
            lh_ann_free(index);
            free(vectors);
        }
    free(queries);
    free(near);
    free(far);
}

static void test_ann__rows_that_differ_are_all_in_the_graph(void) {
    for (size_t dimensions = 4; dimensions <= 64; dimensions *= 4) {
        float *vectors = suite_clustered(23, ROWS, dimensions, 40, 0.4f);
        lh_ann_index *index = suite_build(LH_ANN_L2, dimensions, true, LH_HNSW_DEFAULTS, vectors, ROWS, 2);
        CHECK(index->twin_count < ROWS / 100);
        lh_ann_free(index);
        free(vectors);
    }
}

LH_TEST_MAIN(LH_TEST(test_ann__the_graph_finds_nearly_all_for_every_metric_and_dtype),
             LH_TEST(test_ann__filters_keep_the_recall_and_let_nothing_else_through),
             LH_TEST(test_ann__a_walk_past_filtered_and_deleted_rows_keeps_the_recall),
             LH_TEST(test_ann__deleted_rows_are_found_by_no_mode), LH_TEST(test_ann__growing_is_as_good_as_building),
             LH_TEST(test_ann__one_thread_and_a_seed_give_the_same_graph),
             LH_TEST(test_ann__a_build_can_be_cancelled_and_counts_its_rows),
             LH_TEST(test_ann__another_graph_of_the_same_rows_is_as_one_built_of_them),
             LH_TEST(test_ann__no_row_is_out_of_the_way_of_a_walk),
             LH_TEST(test_ann__many_rows_of_one_vector_hide_nothing),
             LH_TEST(test_ann__rows_of_few_vectors_are_found_as_by_exact_search),
             LH_TEST(test_ann__rows_that_are_nearly_the_same_do_not_tear_the_graph),
             LH_TEST(test_ann__rows_that_differ_are_all_in_the_graph), LH_TEST(test_ann__many_threads_search_one_index))
