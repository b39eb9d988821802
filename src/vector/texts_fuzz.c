/* Any bytes as the file of an index's texts: refused, or every row of it lies within and is found by its id. What the head says the file
 * is of is set right first, or nothing would get past it; every other input (by its last byte) keeps its own. */
#include "vector/vector_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const vector_texts_head like = {
    .magic = "LHTEXTS", .version = 1, .row_bytes = sizeof(vector_text), .dimensions = 3, .table = "t", .model = "m"};

static void set_right(char *file) {
    vector_texts_head head;
    memcpy(&head, file, sizeof head);
    vector_texts_head right = like;
    right.row_count = head.row_count;
    right.texts_bytes = head.texts_bytes;
    right.snapshot_id = head.snapshot_id;
    memcpy(file, &right, sizeof right);
}

static void check_within(lh_str piece, const vector_served *s) {
    const char *end = (const char *)s->rows;
    assert(piece.ptr >= s->texts && piece.ptr <= end && piece.len <= (size_t)(end - piece.ptr));
}

/* Each row that is not gone has a place by its id, once; places go up by id. */
static void check_rows(const vector_served *s) {
    size_t live = 0, listed = 0;
    uint64_t *bits = calloc(vector_row_words(s), sizeof *bits);
    assert(bits);
    for (size_t row = 0; row < s->row_count; row++) {
        check_within(vector_served_id(s, row), s);
        check_within(vector_served_text(s, row), s);
        if (s->rows[row].chunk < 0) continue;
        const vector_place *place = vector_served_find(s, vector_served_id(s, row));
        assert(place && place->first + place->count <= vector_served_live(s));
        vector_mark_rows(s, place, true, bits);
        assert(bits[row >> 6] >> (row & 63) & 1);
        live++;
    }
    for (size_t i = 0; i < s->id_count; i++) {
        listed += s->ids[i].count;
        assert(s->ids[i].count > 0 && (i == 0 || lh_str_cmp(vector_served_id(s, s->order[s->ids[i - 1].first]),
                                                            vector_served_id(s, s->order[s->ids[i].first])) < 0));
    }
    assert(listed == live && live == vector_served_live(s));
    free(bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vector_served *served = calloc(1, sizeof *served);
    char *file = malloc(size ? size : 1); /* as large as the input: a byte behind it is not ours */
    assert(served && file);
    if (size) memcpy(file, data, size);
    if (size >= sizeof like && data[size - 1] % 2 == 0) set_right(file);
    if (vector_texts_take(served, (lh_str){file, size}, &like)) {
        assert((const char *)(served->rows + served->row_count) == file + size); /* nothing behind them */
        assert((uintptr_t)served->rows % _Alignof(vector_text) == 0);
        assert(vector_texts_list(served, NULL) == LH_OK);
        check_rows(served);
    }
    vector_served_free(served);
    free(file);
    return 0;
}
