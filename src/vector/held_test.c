/* Batches that wait for their commit come back as they were, from memory and from the file. */
#include "base/test.h"
#include "vector/vector_internal.h"

#include <unistd.h>

enum { HELD_DIMENSIONS = 3 };

static lh_vector held_lake(char *folder) {
    CHECK(mkdtemp(folder) != NULL);
    return (lh_vector){.folder = lh_str_from(folder)};
}

/* Batch n has n chunks, and n + 1 ids that it replaces. */
static vector_batch *held_batch(size_t n) {
    vector_batch *batch = NULL;
    size_t room = 0;
    CHECK(vector_batch_new(&batch, NULL) == LH_OK && vector_batch_reserve(batch, n, &room, NULL) == LH_OK);
    lh_arena *arena = batch->arena;
    batch->vectors = lh_arena_calloc(arena, n * HELD_DIMENSIONS + 1, sizeof *batch->vectors);
    batch->replaced = LH_ARENA_ARRAY(arena, lh_str, n + 1);
    for (; batch->chunk_count < n; batch->chunk_count++) {
        size_t i = batch->chunk_count;
        batch->ids[i] = lh_arena_printf(arena, "id %zu.%zu", n, i);
        batch->texts[i] = i % 2 ? LH_STR_NONE : lh_arena_dup(arena, (lh_str){"a\0\xff", 3});
        batch->hashes[i] = lh_arena_printf(arena, "hash %zu", i);
        batch->numbers[i] = (int64_t)i;
        batch->starts[i] = (int64_t)(10 * i);
        batch->ends[i] = INT64_MAX;
        for (size_t k = 0; k < HELD_DIMENSIONS; k++)
            batch->vectors[i * HELD_DIMENSIONS + k] = (float)(100 * n + 10 * i + k);
    }
    for (; batch->replaced_count <= n; batch->replaced_count++)
        batch->replaced[batch->replaced_count] = lh_arena_printf(arena, "old %zu.%zu", n, batch->replaced_count);
    return batch;
}

static bool held_same(const lh_str *a, const lh_str *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!lh_str_eq(a[i], b[i])) return false;
    return true;
}

/* ctx: how often each batch was seen. */
static lh_code held_see(void *ctx, const vector_batch *got, lh_error *err) {
    size_t n = got->chunk_count;
    vector_batch *wanted = held_batch(n);
    (void)err;
    CHECK(got->replaced_count == n + 1 && held_same(got->replaced, wanted->replaced, n + 1));
    CHECK(held_same(got->ids, wanted->ids, n) && held_same(got->texts, wanted->texts, n) &&
          held_same(got->hashes, wanted->hashes, n));
    for (size_t i = 0; i < n; i++)
        CHECK(got->numbers[i] == wanted->numbers[i] && got->starts[i] == wanted->starts[i] &&
              got->ends[i] == wanted->ends[i]);
    CHECK(memcmp(got->vectors, wanted->vectors, n * HELD_DIMENSIONS * sizeof *got->vectors) == 0);
    vector_batch_free(wanted);
    ((int *)ctx)[n]++;
    return LH_OK;
}

static void test_held__batches_come_back_from_memory_and_from_the_file(void) {
    for (size_t memory = 1; memory <= 1 << 30; memory = memory == 1 ? 20 << 10 : memory << 15) {
        char folder[] = "/tmp/lakehouse-held-XXXXXX";
        lh_vector lake = held_lake(folder);
        LH_CLEANUP(vector_held_freep) vector_held *held = NULL;
        CHECK(vector_held_new(&lake, LH_STR("job"), HELD_DIMENSIONS, memory, &held, NULL) == LH_OK);
        for (int round = 0; round < 2; round++) {
            int seen[8] = {0};
            for (size_t n = 0; n < 8; n++) {
                CHECK(vector_held_add(held, held_batch(n), NULL) == LH_OK);
                if (n == 4) CHECK(vector_held_each(held, held_see, seen, NULL) == LH_OK); /* it goes on behind a look */
            }
            CHECK(vector_held_each(held, held_see, seen, NULL) == LH_OK);
            for (size_t n = 0; n < 8; n++) CHECK(seen[n] == (n <= 4 ? 2 : 1));
            CHECK(vector_held_counted(held).chunks == 28 && vector_held_counted(held).replaced == 36);
            vector_held_landed(held);
            CHECK(vector_held_counted(held).chunks == 0 && vector_held_each(held, held_see, NULL, NULL) == LH_OK);
        }
        CHECK(rmdir(folder) == 0); /* the file has no name */
    }
}

static lh_code held_refuse(void *ctx, const vector_batch *batch, lh_error *err) {
    (void)ctx, (void)batch;
    return lh_fail(err, LH_CONFLICT, "no");
}

static void test_held__what_fails_is_told(void) {
    char folder[] = "/tmp/lakehouse-held-XXXXXX";
    lh_vector lake = held_lake(folder);
    for (size_t memory = 1; memory <= 1 << 30; memory <<= 30) {
        LH_CLEANUP(vector_held_freep) vector_held *held = NULL;
        CHECK(vector_held_new(&lake, LH_STR("job"), HELD_DIMENSIONS, memory, &held, NULL) == LH_OK);
        CHECK(vector_held_add(held, held_batch(2), NULL) == LH_OK);
        CHECK(vector_held_each(held, held_refuse, NULL, NULL) == LH_CONFLICT);
    }
    CHECK(rmdir(folder) == 0);
    LH_CLEANUP(vector_held_freep) vector_held *nowhere = NULL;
    CHECK(vector_held_new(&lake, LH_STR("job"), HELD_DIMENSIONS, 1, &nowhere, NULL) == LH_OK);
    CHECK(vector_held_add(nowhere, held_batch(2), NULL) != LH_OK);
}

LH_TEST_MAIN(LH_TEST(test_held__batches_come_back_from_memory_and_from_the_file), LH_TEST(test_held__what_fails_is_told))
