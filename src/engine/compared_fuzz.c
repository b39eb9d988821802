/* Any text as a query: the literals that it compares are told, or it is none. */
#include "engine/engine.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_compared *items = NULL;
    size_t count = 0;
    lh_error err = {0};
    if (size > 16 << 10 || lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    lh_code code = lh_sql_compared((lh_str){(const char *)data, size}, arena, &items, &count, &err);
    if (code != LH_OK) {
        assert(code == LH_INVALID || code == LH_LIMIT || code == LH_NO_MEMORY);
        assert(err.code == code && !items && !count);
        return 0;
    }
    assert(count <= LH_COMPARED_MAX);
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < items[i].column_count; c++) assert(items[i].columns[c].ptr);
    return 0;
}
