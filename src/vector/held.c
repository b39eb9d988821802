/* Batches that wait for their commit: in memory, and where they are more than that is to hold, in a scratch file:
 *
 *   {chunks, replaced ids} and of each chunk {number, start, end, bytes of id, text, hash}, of each replaced id its bytes,
 *   then all these texts in that order, then the vectors */
#include "vector/vector_internal.h"

#include <errno.h>
#include <unistd.h>

enum { HELD_ROOM = 64 };

struct vector_held {
    const lh_vector *vector;
    lh_str job;
    size_t dimensions, memory_bytes;
    vector_batch *first; /* in memory */
    size_t bytes;        /* of those */
    FILE *file;          /* NULL: none was needed yet */
    uint64_t filed;      /* batches in the file */
    vector_held_count count;
};

typedef struct {
    uint64_t chunks, replaced;
} held_head;

typedef struct {
    int64_t number, start, end;
    uint64_t id_bytes, text_bytes, hash_bytes;
} held_chunk;

void vector_batch_free(vector_batch *batch) {
    if (batch) lh_arena_free(batch->arena); /* the batch itself lies there */
}

lh_code vector_batch_new(vector_batch **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(VECTOR_ARENA_BYTES, &arena, err));
    vector_batch *batch = lh_arena_calloc(arena, 1, sizeof *batch);
    LH_TRY(lh_arena_check(arena, err));
    batch->arena = lh_take(&arena);
    *ret = batch;
    return LH_OK;
}

lh_code vector_batch_reserve(vector_batch *batch, size_t more, size_t *room, lh_error *err) {
    if (batch->chunk_count + more <= *room) return LH_OK;
    size_t count = batch->chunk_count, size = 2 * (count + more) + HELD_ROOM;
    lh_str *strings = LH_ARENA_ARRAY(batch->arena, lh_str, 3 * size);
    int64_t *ints = LH_ARENA_ARRAY(batch->arena, int64_t, 3 * size);
    LH_TRY(lh_arena_check(batch->arena, err));
    if (count) {
        memcpy(strings, batch->ids, count * sizeof *strings);
        memcpy(strings + size, batch->texts, count * sizeof *strings);
        memcpy(strings + 2 * size, batch->hashes, count * sizeof *strings);
        memcpy(ints, batch->numbers, count * sizeof *ints);
        memcpy(ints + size, batch->starts, count * sizeof *ints);
        memcpy(ints + 2 * size, batch->ends, count * sizeof *ints);
    }
    batch->ids = strings;
    batch->texts = strings + size;
    batch->hashes = strings + 2 * size;
    batch->numbers = ints;
    batch->starts = ints + size;
    batch->ends = ints + 2 * size;
    *room = size;
    return LH_OK;
}

lh_code vector_held_new(const lh_vector *vector, lh_str job, size_t dimensions, size_t memory_bytes, vector_held **ret,
                        lh_error *err) {
    vector_held *held = calloc(1, sizeof *held);
    if (!held) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    *held = (vector_held){.vector = vector, .job = job, .dimensions = dimensions, .memory_bytes = memory_bytes};
    *ret = held;
    return LH_OK;
}

static void held_let_go(vector_held *held) {
    for (vector_batch *batch = held->first, *next; batch; batch = next) {
        next = batch->next;
        vector_batch_free(batch);
    }
    held->first = NULL;
    held->bytes = 0;
}

void vector_held_free(vector_held *held) {
    if (!held) return;
    held_let_go(held);
    if (held->file) fclose(held->file);
    free(held);
}

vector_held_count vector_held_counted(const vector_held *held) { return held->count; }

/* ---- into the file ---- */

static lh_code held_write(const vector_held *held, const vector_batch *batch, lh_error *err) {
    const held_head head = {batch->chunk_count, batch->replaced_count};
    LH_TRY(vector_scratch_write(held->file, &head, sizeof head, err));
    for (size_t i = 0; i < batch->chunk_count; i++) {
        const held_chunk chunk = {batch->numbers[i], batch->starts[i],    batch->ends[i],
                                  batch->ids[i].len, batch->texts[i].len, batch->hashes[i].len};
        LH_TRY(vector_scratch_write(held->file, &chunk, sizeof chunk, err));
    }
    for (size_t i = 0; i < batch->replaced_count; i++)
        LH_TRY(vector_scratch_write(held->file, &batch->replaced[i].len, sizeof batch->replaced[i].len, err));
    for (size_t i = 0; i < batch->chunk_count; i++) {
        LH_TRY(vector_scratch_write(held->file, batch->ids[i].ptr, batch->ids[i].len, err));
        LH_TRY(vector_scratch_write(held->file, batch->texts[i].ptr, batch->texts[i].len, err));
        LH_TRY(vector_scratch_write(held->file, batch->hashes[i].ptr, batch->hashes[i].len, err));
    }
    for (size_t i = 0; i < batch->replaced_count; i++)
        LH_TRY(vector_scratch_write(held->file, batch->replaced[i].ptr, batch->replaced[i].len, err));
    return vector_scratch_write(held->file, batch->vectors,
                                batch->chunk_count * held->dimensions * sizeof *batch->vectors, err);
}

static lh_code held_spill(vector_held *held, lh_error *err) {
    if (!held->file) LH_TRY(vector_scratch_open(held->vector, "held", held->job, &held->file, err));
    if (fseek(held->file, 0, SEEK_END) != 0)
        return lh_fail_errno(err, errno, "cannot write the scratch file of an index");
    for (const vector_batch *batch = held->first; batch; batch = batch->next) {
        LH_TRY(held_write(held, batch, err));
        held->filed++;
    }
    held_let_go(held);
    return LH_OK;
}

lh_code vector_held_add(vector_held *held, vector_batch *batch, lh_error *err) {
    batch->next = held->first;
    held->first = batch;
    held->bytes += lh_arena_used_bytes(batch->arena);
    held->count.chunks += batch->chunk_count;
    held->count.replaced += batch->replaced_count;
    return held->bytes >= held->memory_bytes ? held_spill(held, err) : LH_OK;
}

/* ---- back ---- */

static lh_code held_read(const vector_held *held, vector_batch *into, lh_error *err) {
    held_head head;
    lh_arena *arena = into->arena;
    LH_TRY(vector_scratch_read(held->file, &head, sizeof head, err));
    const size_t chunks = (size_t)head.chunks, replaced = (size_t)head.replaced;
    held_chunk *heads = LH_ARENA_ARRAY(arena, held_chunk, chunks + 1);
    size_t *sizes = LH_ARENA_ARRAY(arena, size_t, replaced + 1), room = 0;
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(vector_batch_reserve(into, chunks, &room, err));
    LH_TRY(vector_scratch_read(held->file, heads, chunks * sizeof *heads, err));
    LH_TRY(vector_scratch_read(held->file, sizes, replaced * sizeof *sizes, err));
    into->replaced = LH_ARENA_ARRAY(arena, lh_str, replaced + 1);
    into->vectors = lh_arena_calloc(arena, chunks * held->dimensions + 1, sizeof *into->vectors);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < chunks; i++) {
        LH_TRY(vector_scratch_read_str(held->file, (size_t)heads[i].id_bytes, arena, &into->ids[i], err));
        LH_TRY(vector_scratch_read_str(held->file, (size_t)heads[i].text_bytes, arena, &into->texts[i], err));
        LH_TRY(vector_scratch_read_str(held->file, (size_t)heads[i].hash_bytes, arena, &into->hashes[i], err));
        into->numbers[i] = heads[i].number;
        into->starts[i] = heads[i].start;
        into->ends[i] = heads[i].end;
    }
    for (size_t i = 0; i < replaced; i++)
        LH_TRY(vector_scratch_read_str(held->file, sizes[i], arena, &into->replaced[i], err));
    into->chunk_count = chunks;
    into->replaced_count = replaced;
    return vector_scratch_read(held->file, into->vectors, chunks * held->dimensions * sizeof *into->vectors, err);
}

static lh_code held_each_filed(const vector_held *held, vector_held_fn each, void *ctx, lh_error *err) {
    if (held->filed) LH_TRY(vector_scratch_rewind(held->file, err));
    for (uint64_t i = 0; i < held->filed; i++) {
        vector_batch *batch = NULL;
        LH_TRY(vector_batch_new(&batch, err));
        lh_code code = held_read(held, batch, err);
        if (code == LH_OK) code = each(ctx, batch, err);
        vector_batch_free(batch);
        LH_TRY(code);
    }
    return LH_OK;
}

lh_code vector_held_each(const vector_held *held, vector_held_fn each, void *ctx, lh_error *err) {
    LH_TRY(held_each_filed(held, each, ctx, err));
    for (const vector_batch *batch = held->first; batch; batch = batch->next) LH_TRY(each(ctx, batch, err));
    return LH_OK;
}

void vector_held_landed(vector_held *held) {
    for (const vector_batch *batch = held->first; batch; batch = batch->next)
        if (batch->kept) unlink(batch->kept);
    held_let_go(held);
    if (held->file) fclose(held->file);
    held->file = NULL;
    held->filed = 0;
    held->count = (vector_held_count){0};
}
