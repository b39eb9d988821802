/* Vectors that wait for their commit: found again by their texts, of one table and one model, never from a file that is not whole. */
#include "base/test.h"
#include "vector/vector_internal.h"

#include <stdio.h>
#include <unistd.h>

enum { KEPT_DIMENSIONS = 3, KEPT_CHUNKS = 2 };

typedef struct {
    char folder[64];
    lh_vector vector;
    vector_definition definition;
    lh_arena *arena;
    vector_batch batch;
} kept_case;

static void kept_begin(kept_case *of) {
    static lh_str texts[KEPT_CHUNKS];
    static float vectors[KEPT_CHUNKS * KEPT_DIMENSIONS] = {1, 2, 3, 4, 5, 6};
    texts[0] = LH_STR("a text");
    texts[1] = LH_STR("");
    *of = (kept_case){.folder = "/tmp/lakehouse-kept-XXXXXX"};
    CHECK(mkdtemp(of->folder) != NULL);
    CHECK(lh_arena_new(1 << 20, &of->arena, NULL) == LH_OK);
    of->vector.folder = lh_str_from(of->folder);
    of->definition.table = (lh_table_name){LH_STR(VECTOR_NAMESPACE), LH_STR("notes")};
    of->definition.model = (lh_ai_model){.provider = LH_STR("p"), .name = LH_STR("m"), .version = LH_STR("1")};
    of->definition.dimensions = KEPT_DIMENSIONS;
    of->batch = (vector_batch){.arena = of->arena, .chunk_count = KEPT_CHUNKS, .texts = texts, .vectors = vectors};
    vector_kept_save(&of->vector, &of->definition, &of->batch);
    CHECK(of->batch.kept != NULL);
}

static void kept_end(kept_case *of) {
    vector_kept_remove(&of->vector, of->definition.table.name);
    CHECK(rmdir(of->folder) == 0); /* nothing else was left */
    lh_arena_free(of->arena);
}

/* The second number of the text's vector; -1: it has none. */
static double kept_ask(kept_case *of, lh_str text) {
    LH_CLEANUP(vector_kept_freep) vector_kept *kept = NULL;
    CHECK(vector_kept_open(&of->vector, &of->definition, &kept, NULL) == LH_OK);
    const float *vector = vector_kept_find(kept, text);
    return vector ? (double)vector[1] : -1;
}

static void test_kept__a_vector_is_found_by_its_text(void) {
    kept_case of;
    kept_begin(&of);
    CHECK(kept_ask(&of, LH_STR("a text")) == 2 && kept_ask(&of, LH_STR("")) == 5 && kept_ask(&of, LH_STR("b")) == -1);
    of.definition.table.name = LH_STR("note"); /* not the same for the same beginning */
    CHECK(kept_ask(&of, LH_STR("a text")) == -1);
    vector_kept_remove(&of.vector, of.definition.table.name);
    of.definition.table.name = LH_STR("notes");
    CHECK(kept_ask(&of, LH_STR("a text")) == 2);
    unlink(of.batch.kept);
    CHECK(kept_ask(&of, LH_STR("a text")) == -1);
    kept_end(&of);
}

static void test_kept__those_of_another_model_are_none_and_go(void) {
    for (int i = 0; i < 3; i++) {
        kept_case of;
        kept_begin(&of);
        if (i == 0) of.definition.model.version = LH_STR("2");
        if (i == 1) of.definition.model.name = LH_STR("n");
        if (i == 2) of.definition.dimensions = 2;
        CHECK(kept_ask(&of, LH_STR("a text")) == -1);
        CHECK(access(of.batch.kept, F_OK) != 0);
        kept_end(&of);
    }
}

static void test_kept__a_file_that_is_torn_or_changed_is_none(void) {
    kept_case of;
    kept_begin(&of);
    char bytes[1024], changed[1024];
    FILE *file = fopen(of.batch.kept, "re");
    CHECK(file != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    CHECK(size > 0 && size < sizeof bytes);
    for (size_t i = 0; i < 2 * size; i++) { /* cut at each byte, then one of them another */
        memcpy(changed, bytes, size);
        changed[i % size] ^= 1;
        file = fopen(of.batch.kept, "we");
        CHECK(file != NULL &&
              fwrite(i < size ? bytes : changed, 1, i < size ? i : size, file) == (i < size ? i : size));
        fclose(file);
        CHECK(kept_ask(&of, LH_STR("a text")) == -1);
    }
    kept_end(&of);
}

static void test_kept__a_folder_that_is_gone_keeps_nothing(void) {
    kept_case of;
    kept_begin(&of);
    kept_end(&of);
    CHECK(lh_arena_new(1 << 20, &of.arena, NULL) == LH_OK);
    of.batch =
        (vector_batch){.arena = of.arena, .chunk_count = 1, .texts = of.batch.texts, .vectors = of.batch.vectors};
    vector_kept_save(&of.vector, &of.definition, &of.batch);
    CHECK(of.batch.kept == NULL && kept_ask(&of, LH_STR("a text")) == -1);
    lh_arena_free(of.arena);
}

LH_TEST_MAIN(LH_TEST(test_kept__a_vector_is_found_by_its_text),
             LH_TEST(test_kept__those_of_another_model_are_none_and_go),
             LH_TEST(test_kept__a_file_that_is_torn_or_changed_is_none),
             LH_TEST(test_kept__a_folder_that_is_gone_keeps_nothing))
