/* What fuzzers of request bodies share. Only *_fuzz.c includes this. */
#ifndef LH_BASE_FUZZ_H
#define LH_BASE_FUZZ_H
#include "base/base.h"

#include <assert.h>

/* Of the bytes the first says what else the request is of, and the rest is its body. False: too many, or no JSON. *arena is the caller's. */
static inline bool lh_fuzz_body(const uint8_t *data, size_t size, size_t size_max, size_t arena_bytes, lh_arena **arena,
                                lh_json **body) {
    if (size < 1 || size > size_max || lh_arena_new(arena_bytes, arena, NULL) != LH_OK) return false;
    return lh_json_parse(*arena, (lh_str){(const char *)data + 1, size - 1}, body, NULL) == LH_OK;
}

/* A refusal has its code and words. */
static inline void lh_fuzz_told(lh_code code, const lh_error *err) {
    assert(err->code == code && err->message[0] && lh_str_is_utf8(lh_str_from(err->message)));
}

/* One of a body, within the arena that it is read into. */
static inline void lh_fuzz_refused(lh_code code, const lh_error *err) {
    assert(code == LH_INVALID || code == LH_LIMIT || code == LH_NO_MEMORY);
    lh_fuzz_told(code, err);
}
#endif
