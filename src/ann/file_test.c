#include "ann/ann_suite.h"
#include "ann/ann_internal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { K = 5, QUERIES = 20 };

typedef struct file_place {
    char folder[64], path[96];
} file_place;

static file_place place_new(void) {
    file_place place = {.folder = "/tmp/lh-ann-XXXXXX"};
    CHECK(mkdtemp(place.folder));
    CHECK(snprintf(place.path, sizeof place.path, "%s/index", place.folder) > 0);
    return place;
}
static void place_done(const file_place *place) {
    (void)unlink(place->path);
    CHECK(rmdir(place->folder) == 0); /* no temporary file stays */
}

static char *read_all(const char *path, size_t *ret_bytes) {
    struct stat st = {0};
    FILE *file = fopen(path, "rb");
    CHECK(file && fstat(fileno(file), &st) == 0);
    char *data = malloc((size_t)st.st_size + 1);
    CHECK(data && fread(data, 1, (size_t)st.st_size, file) == (size_t)st.st_size);
    CHECK(fclose(file) == 0);
    *ret_bytes = (size_t)st.st_size;
    return data;
}
static void write_all(const char *path, const char *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(data, 1, bytes, file) == bytes && fclose(file) == 0);
}

static void check_same(const lh_ann_index *a, const lh_ann_index *b, const float *queries, lh_ann_mode mode) {
    lh_ann_query query = {queries, QUERIES, K, mode, 0, NULL, 2, NULL};
    lh_ann_hit hits[2][QUERIES * K];
    uint32_t counts[2][QUERIES];
    lh_error err = {0};
    CHECK_OK(lh_ann_search(a, &query, hits[0], counts[0], &err));
    CHECK_OK(lh_ann_search(b, &query, hits[1], counts[1], &err));
    for (size_t q = 0; q < QUERIES; q++) {
        CHECK(counts[0][q] == counts[1][q]);
        for (size_t i = 0; i < counts[0][q]; i++)
            CHECK(hits[0][q * K + i].row == hits[1][q * K + i].row &&
                  hits[0][q * K + i].score == hits[1][q * K + i].score);
    }
}

static void test_ann_file__what_is_opened_answers_as_what_was_saved(void) {
    file_place place = place_new();
    lh_error err = {0};
    for (int metric = 0; metric < LH_ANN_METRICS; metric++)
        for (int dtype = 0; dtype <= LH_ANN_DTYPES; dtype++) { /* the last: no graph */
            size_t rows = 3000, dimensions = 40;
            float *vectors = suite_clustered(3, rows + 500, dimensions, 20, 0.5f),
                  *queries = suite_clustered(3, QUERIES, dimensions, 20, 0.5f);
            bool hnsw = dtype < LH_ANN_DTYPES;
            lh_hnsw_config config = {50, 70, 12, hnsw ? (lh_ann_dtype)dtype : LH_ANN_F16, 9};
            lh_ann_index *index = suite_build((lh_ann_metric)metric, dimensions, hnsw, config, vectors, rows, 2),
                         *opened = NULL;
            uint64_t gone[] = {1, 64, 2999};
            if (metric) CHECK_OK(lh_ann_delete(index, gone, 3, &err));
            CHECK_OK(lh_ann_save(index, place.path, LH_STR("snapshot 7\0model"), &err));
            CHECK_OK(lh_ann_open(place.path, LH_STR("snapshot 7\0model"), 2, &opened, &err));
            lh_ann_info info = lh_ann_info_of(opened), was = lh_ann_info_of(index);
            CHECK(info.rows == rows && info.deleted == was.deleted && info.options.metric == was.options.metric);
            CHECK(info.options.hnsw == hnsw && info.options.config.ef_search == was.options.config.ef_search);
            CHECK(info.options.config.connectivity == was.options.config.connectivity &&
                  info.options.config.seed == was.options.config.seed);
            CHECK(info.mapped_bytes > rows * dimensions * 5 && info.heap_bytes < info.mapped_bytes &&
                  was.heap_bytes > rows * dimensions * 5);
            check_same(index, opened, queries, LH_ANN_EXACT);
            if (hnsw) check_same(index, opened, queries, LH_ANN_HNSW);
            /* It grows, takes deletions and is saved over the file that it lies in. */
            CHECK_OK(lh_ann_extend(opened, vectors + rows * dimensions, 500, NULL, &err));
            CHECK_OK(lh_ann_extend(index, vectors + rows * dimensions, 500, NULL, &err));
            CHECK_OK(lh_ann_delete(opened, &(uint64_t){3200}, 1, &err));
            CHECK_OK(lh_ann_delete(index, &(uint64_t){3200}, 1, &err));
            check_same(index, opened, queries, LH_ANN_EXACT);
            CHECK_OK(lh_ann_save(opened, place.path, LH_STR("snapshot 8"), &err));
            lh_ann_free(opened);
            opened = NULL;
            CHECK_OK(lh_ann_open(place.path, LH_STR("snapshot 8"), 1, &opened, &err));
            CHECK(lh_ann_info_of(opened).rows == rows + 500);
            check_same(index, opened, queries, LH_ANN_EXACT);
            lh_ann_free(opened);
            lh_ann_free(index);
            free(vectors);
            free(queries);
        }
    place_done(&place);
}

static void test_ann_file__an_empty_index_is_a_file_as_well(void) {
    file_place place = place_new();
    lh_error err = {0};
    float vector[3] = {1, 2, 3};
    lh_ann_hit hit;
    uint32_t count = 9;
    lh_ann_index *index = suite_build(LH_ANN_COSINE, 3, true, LH_HNSW_DEFAULTS, vector, 0, 1), *opened = NULL;
    CHECK_OK(lh_ann_save(index, place.path, LH_STR_NONE, &err));
    CHECK_OK(lh_ann_open(place.path, LH_STR_NONE, 1, &opened, &err));
    CHECK_OK(lh_ann_search(opened, &(lh_ann_query){.vectors = vector, .count = 1, .k = 1, .mode = LH_ANN_HNSW}, &hit,
                           &count, &err));
    CHECK(count == 0);
    CHECK_OK(lh_ann_extend(opened, vector, 1, NULL, &err));
    CHECK_OK(lh_ann_search(opened, &(lh_ann_query){.vectors = vector, .count = 1, .k = 1, .mode = LH_ANN_HNSW}, &hit,
                           &count, &err));
    CHECK(count == 1 && hit.row == 0 && fabsf(hit.score - 1) < 1e-6f);
    lh_ann_free(opened);
    lh_ann_free(index);
    place_done(&place);
}

static void test_ann_file__another_binding_is_a_conflict(void) {
    file_place place = place_new();
    lh_error err = {0};
    float vector[3] = {1, 2, 3};
    char large[LH_ANN_BINDING_BYTES + 1] = {0};
    lh_ann_index *index = suite_build(LH_ANN_DOT, 3, false, LH_HNSW_DEFAULTS, vector, 1, 1), *opened = NULL;
    CHECK(lh_ann_open(place.path, LH_STR_NONE, 1, &opened, &err) == LH_NOT_FOUND);
    CHECK(lh_ann_save(index, place.path, (lh_str){large, sizeof large}, &err) == LH_INVALID);
    CHECK_OK(lh_ann_save(index, place.path, (lh_str){large, sizeof large - 1}, &err));
    CHECK(lh_ann_open(place.path, (lh_str){large, sizeof large - 2}, 1, &opened, &err) == LH_CONFLICT);
    CHECK(lh_ann_open(place.path, LH_STR_NONE, 1, &opened, &err) == LH_CONFLICT && !opened);
    CHECK_OK(lh_ann_open(place.path, (lh_str){large, sizeof large - 1}, 1, &opened, &err));
    lh_ann_free(opened);
    CHECK(lh_ann_save(index, "/nowhere/at/all", LH_STR_NONE, &err) != LH_OK);
    CHECK(lh_ann_save(index, place.folder, LH_STR_NONE, &err) == LH_IO); /* a folder: the temporary file goes again */
    lh_ann_free(index);
    place_done(&place);
}

/* A small file with every section. */
static char *small_file(const file_place *place, size_t *ret_bytes) {
    lh_error err = {0};
    float *vectors = suite_clustered(5, 40, 6, 3, 0.5f);
    for (size_t row = 30; row < 40; row++) {
        memcpy(vectors + row * 6, vectors + row % 3 * 6, 6 * sizeof *vectors);
        if (row % 2) vectors[row * 6] += 1e-5f; /* not the same, but as near as that */
    }
    lh_hnsw_config config = LH_HNSW_DEFAULTS;
    config.dtype = LH_ANN_F16;
    config.connectivity = 3;
    lh_ann_index *index = suite_build(LH_ANN_L2, 6, true, config, vectors, 40, 1);
    CHECK_OK(lh_ann_delete(index, &(uint64_t){9}, 1, &err));
    CHECK_OK(lh_ann_save(index, place->path, LH_STR("b"), &err));
    lh_ann_free(index);
    free(vectors);
    return read_all(place->path, ret_bytes);
}

static void test_ann_file__every_cut_and_every_flipped_byte_is_refused(void) {
    file_place place = place_new();
    size_t bytes;
    lh_error err = {0};
    lh_ann_index *opened = NULL;
    char *file = small_file(&place, &bytes);
    int fd = open(place.path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    bool sanitized = getenv("LAKEHOUSE_SANITIZED") != NULL;
    for (size_t i = 0; i < bytes; i += sanitized ? 7 : 1) { /* opened anew each time: nothing is mapped meanwhile */
        char flipped = (char)(file[i] ^ (1 << i % 8));
        CHECK(pwrite(fd, &flipped, 1, (off_t)i) == 1);
        CHECK(lh_ann_open(place.path, LH_STR("b"), 1, &opened, &err) == LH_CORRUPT && !opened);
        CHECK(pwrite(fd, &file[i], 1, (off_t)i) == 1);
    }
    CHECK_OK(lh_ann_open(place.path, LH_STR("b"), 1, &opened, &err)); /* it is whole again */
    lh_ann_free(lh_take(&opened));
    for (size_t length = bytes; length-- > 0;) {
        CHECK(ftruncate(fd, (off_t)length) == 0);
        CHECK(lh_ann_open(place.path, LH_STR("b"), 1, &opened, &err) == LH_CORRUPT && !opened);
    }
    CHECK(close(fd) == 0);
    char *longer = calloc(1, bytes + 4096);
    CHECK(longer);
    memcpy(longer, file, bytes);
    write_all(place.path, longer, bytes + 4096);
    CHECK(lh_ann_open(place.path, LH_STR("b"), 1, &opened, &err) == LH_CORRUPT);
    write_all(place.path, "not an index", 12);
    CHECK(lh_ann_open(place.path, LH_STR("b"), 1, &opened, &err) == LH_CORRUPT);
    free(longer);
    free(file);
    place_done(&place);
}

/* A row that hangs on one that lies elsewhere would never be scored where it should. */
static void test_ann_file__a_row_that_hangs_on_a_far_one_is_refused(void) {
    file_place place = place_new();
    size_t bytes;
    lh_error err = {0};
    lh_ann_index *opened = NULL;
    char *file = small_file(&place, &bytes);
    CHECK_OK(lh_ann_open(place.path, LH_STR("b"), 1, &opened, &err));
    CHECK(opened->twin_count > 0);
    size_t at = (size_t)((const char *)opened->twins - (const char *)opened->map);
    ann_twin twin = opened->twins[0];
    size_t graph_row = twin.of + 1; /* another row that is in the graph */
    lh_ann_free(lh_take(&opened));
    twin.of = (uint32_t)graph_row;
    memcpy(file + at, &twin, sizeof twin);
    CHECK_OK(ann_file_seal(file, bytes, 1, &err));
    write_all(place.path, file, bytes);
    CHECK(lh_ann_open(place.path, LH_STR("b"), 1, &opened, &err) == LH_CORRUPT && !opened);
    CHECK(strstr(err.message, "stand for others"));
    free(file);
    place_done(&place);
}

/* Bytes that are wrong but whose checksums are right: an index that leads outside is refused, another one answers. */
static void test_ann_file__a_graph_that_leads_outside_is_refused(void) {
    file_place place = place_new();
    size_t bytes, refused = 0;
    lh_error err = {0};
    char *file = small_file(&place, &bytes);
    for (size_t i = 0; i < bytes; i += 11) {
        lh_ann_index *opened = NULL;
        char *copy = malloc(bytes);
        CHECK(copy);
        memcpy(copy, file, bytes);
        copy[i] = (char)(copy[i] ^ (i % 2 ? 0xff : 0x10));
        if (ann_file_seal(copy, bytes, 1, &err) == LH_OK) {
            write_all(place.path, copy, bytes);
            lh_code code = lh_ann_open(place.path, LH_STR("b"), 1, &opened, &err);
            CHECK(code == LH_OK || code == LH_CORRUPT || code == LH_CONFLICT);
            refused += code != LH_OK;
            float queries[6] = {1, 2, 3, 4, 5, 6};
            lh_ann_hit hits[3];
            uint32_t count;
            for (int mode = 0; opened && mode < 2; mode++) {
                lh_ann_query query = {.vectors = queries, .count = 1, .k = 3, .mode = (lh_ann_mode)mode};
                lh_code answer = opened && lh_ann_info_of(opened).options.dimensions <= 6
                                     ? lh_ann_search(opened, &query, hits, &count, &err)
                                     : LH_OK;
                CHECK(answer == LH_OK || answer == LH_INVALID);
            }
            lh_ann_free(opened);
        }
        free(copy);
    }
    CHECK(refused > 100);
    free(file);
    place_done(&place);
}

LH_TEST_MAIN(LH_TEST(test_ann_file__what_is_opened_answers_as_what_was_saved),
             LH_TEST(test_ann_file__an_empty_index_is_a_file_as_well),
             LH_TEST(test_ann_file__another_binding_is_a_conflict),
             LH_TEST(test_ann_file__every_cut_and_every_flipped_byte_is_refused),
             LH_TEST(test_ann_file__a_row_that_hangs_on_a_far_one_is_refused),
             LH_TEST(test_ann_file__a_graph_that_leads_outside_is_refused))
