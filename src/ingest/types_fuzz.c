/* Any bytes as the text of a type, and as JSON of an Iceberg type. What is read can be stored; what can be stored is
 * the same after it was written as SQL, and as Iceberg JSON, and read again. */
#include "base/fuzz.h"
#include "ingest/ingest_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned fuzz_depth(const ingest_type *type) {
    unsigned deepest = 0;
    for (size_t i = 0; i < type->count; i++) {
        unsigned inner = fuzz_depth(type->fields[i].type);
        if (inner > deepest) deepest = inner;
    }
    return deepest + 1;
}

static void fuzz_type(ingest_type *type, lh_arena *arena) {
    ingest_type *again = NULL;
    assert(fuzz_depth(type) <= INGEST_TYPE_DEPTH_MAX + 1u);
    ingest_type *stored = ingest_type_storable(type, arena);
    assert(stored && ingest_type_storable(stored, arena) == stored);
    assert(ingest_type_parse(ingest_type_text(stored, arena), arena, &again, NULL) == LH_OK);
    assert(ingest_type_equal(stored, again));
    int64_t next_id = 1;
    lh_json *json = ingest_type_to_iceberg(stored, &next_id, arena);
    assert(ingest_type_from_iceberg(json, arena, &again, NULL) == LH_OK);
    assert(ingest_type_equal(stored, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str text = {(const char *)data, size};
    ingest_type *type = NULL;
    lh_json *json = NULL;
    lh_error err = {0};
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    lh_code code = ingest_type_parse(text, arena, &type, &err);
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code == LH_OK) fuzz_type(type, arena);
    else {
        assert(!type);
        lh_fuzz_told(code, &err);
    }
    if (lh_json_parse(arena, text, &json, NULL) != LH_OK) return 0;
    type = NULL;
    code = ingest_type_from_iceberg(json, arena, &type, &err);
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code == LH_OK) fuzz_type(type, arena);
    return 0;
}
