/* Input: a location or a key. What is taken as a key must be safe to use as a path and map back to itself. */
#include <assert.h>

#include "storage/storage_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct bucket_ops ops = {.kind = "none"};
    lh_bucket buckets[] = {{.ops = &ops, .location = LH_STR("/srv/lake"), .location_given = LH_STR("/lake")},
                           {.ops = &ops, .location = LH_STR("s3://lake")}};
    lh_str text = {(const char *)data, size}, key, again;
    lh_arena *arena = NULL;
    if (lh_arena_new(1 << 20, &arena, NULL) != LH_OK) return 0;
    if (lh_key_check(text, NULL) == LH_OK) {
        assert(text.len > 0 && text.len <= LH_LIMIT_KEY_BYTES && lh_str_is_utf8(text));
        assert(text.ptr[0] != '/' && text.ptr[size - 1] != '/' && !memchr(text.ptr, 0, size));
        for (lh_str rest = text; rest.len;) {
            lh_str part = lh_str_split(&rest, '/');
            assert(part.len && !lh_str_eq(part, LH_STR(".")) && !lh_str_eq(part, LH_STR("..")));
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (lh_bucket_key_of(&buckets[i], text, arena, &key, NULL) != LH_OK) continue;
        assert(lh_key_check(key, NULL) == LH_OK);
        assert(lh_bucket_key_of(&buckets[i], lh_bucket_location(&buckets[i], key, arena), arena, &again, NULL) ==
                   LH_OK &&
               lh_str_eq(key, again));
    }
    lh_arena_free(arena);
    return 0;
}
