/* Lines as the names of a file's columns: what comes out is clean, and no two are the same. */
#include "ingest/ingest_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_NAMES_MAX = 64 };

static void fuzz_clean(lh_str name, lh_str clean, size_t position, lh_arena *arena) {
    assert(clean.len > 0 && clean.len <= LH_LIMIT_NAME_BYTES);
    for (size_t i = 0; i < clean.len; i++) assert((unsigned char)clean.ptr[i] >= 0x20 && clean.ptr[i] != 0x7F);
    assert(!lh_str_is_utf8(name) || lh_str_is_utf8(clean));
    assert(lh_str_eq(ingest_name_clean(clean, position, arena), clean));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str rest = {(const char *)data, size}, names[FUZZ_NAMES_MAX];
    ingest_names taken = {0};
    size_t count = 0;
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    while (rest.len && count < FUZZ_NAMES_MAX) {
        lh_str name = lh_str_split(&rest, '\n');
        lh_str clean = ingest_name_clean(name, count, arena);
        fuzz_clean(name, clean, count, arena);
        names[count] = ingest_names_take(&taken, clean, arena);
        assert(lh_str_starts(names[count], clean));
        for (size_t i = 0; i < count; i++) assert(!lh_str_eq_nocase(names[i], names[count]));
        count++;
    }
    assert(taken.count == count);
    return 0;
}
