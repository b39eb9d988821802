/* Any text, cut by any options: chunks cover it in order, and none is longer than asked. The first two bytes are the options. */
#include "vector/vector_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_chunker_freep) lh_chunker *chunker = NULL;
    lh_text_chunk *chunks = NULL;
    size_t count = 0, covered = 0;
    if (size < 2 || lh_arena_new(16 << 20, &arena, NULL) != LH_OK) return 0;
    uint32_t chunk_size = 16 + data[0];
    const lh_chunk_options options = {.size = chunk_size, .overlap = data[1] % (chunk_size / 2 + 1)};
    lh_str text = {(const char *)data + 2, size - 2};
    if (lh_chunker_new(&options, &chunker, NULL) != LH_OK) return 0;
    if (lh_chunker_split(chunker, text, arena, &chunks, &count, NULL) != LH_OK) {
        assert(!lh_str_is_utf8(text));
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        size_t start = (size_t)(chunks[i].text.ptr - text.ptr);
        assert(start <= covered && start + chunks[i].text.len > covered);
        assert(chunks[i].end - chunks[i].start <= chunk_size && lh_str_is_utf8(chunks[i].text));
        covered = start + chunks[i].text.len;
    }
    assert(covered == text.len);
    return 0;
}
