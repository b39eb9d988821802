/* Keys and locations: what may name an object, and how an object is named to other programs.
 * A key is a path of parts; no part is empty, "." or "..", so a key never means two things. */
#include "storage/storage_internal.h"

enum { KEY_PART_BYTES_MAX = 255 }; /* NAME_MAX: the same keys must fit both kinds of bucket */

static lh_code key_part_check(lh_str part, lh_error *err) {
    if (part.len == 0)
        return lh_fail(err, LH_INVALID, "the key has an empty part (a '/' at its start or end, or two in a row)");
    if (lh_str_eq(part, LH_STR(".")) || lh_str_eq(part, LH_STR("..")))
        return lh_fail(err, LH_INVALID, "the key has a part '%.*s'; '.' and '..' are not allowed", LH_STR_ARG(part));
    if (part.len > KEY_PART_BYTES_MAX)
        return lh_fail(err, LH_INVALID, "a part of the key has %zu bytes; %d are allowed", part.len,
                       KEY_PART_BYTES_MAX);
    return LH_OK;
}

bool bucket_key_is_scratch(lh_str key) {
    return lh_str_eq(key, LH_STR(BUCKET_SCRATCH)) || lh_str_starts(key, LH_STR(BUCKET_SCRATCH "/"));
}

lh_code lh_key_check(lh_str key, lh_error *err) {
    if (key.len == 0) return lh_fail(err, LH_INVALID, "the key is empty");
    if (key.len > LH_LIMIT_KEY_BYTES)
        return lh_fail(err, LH_INVALID, "the key has %zu bytes; %d are allowed", key.len, LH_LIMIT_KEY_BYTES);
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.ptr[i] < 0x20 || key.ptr[i] == 0x7F)
            return lh_fail(err, LH_INVALID, "the key holds a control character (0x%02x at byte %zu)",
                           (unsigned char)key.ptr[i], i);
    if (!lh_str_is_utf8(key)) return lh_fail(err, LH_INVALID, "the key is not UTF-8");
    for (lh_str rest = key;;) {
        size_t slash = lh_str_find(rest, '/');
        LH_TRY(key_part_check(lh_str_sub(rest, 0, slash), err));
        if (slash == rest.len) break;
        rest = lh_str_sub(rest, slash + 1, SIZE_MAX);
    }
    if (bucket_key_is_scratch(key))
        return lh_fail(err, LH_INVALID, "keys under '" BUCKET_SCRATCH "' are the store's own");
    return LH_OK;
}

lh_str lh_bucket_location(const lh_bucket *bucket, lh_str key, lh_arena *arena) {
    lh_bucket *holder = NULL;
    if (bucket->ops->route && bucket->ops->route(bucket, key, &holder, &key, NULL) == LH_OK) bucket = holder;
    if (key.len == 0) return lh_arena_dup(arena, bucket->location);
    return lh_arena_printf(arena, "%.*s/%.*s", LH_STR_ARG(bucket->location), LH_STR_ARG(key));
}

bool bucket_cut_root(lh_str location, lh_str root, lh_str *ret) {
    if (root.len == 0 || !lh_str_starts(location, root)) return false;
    lh_str rest = lh_str_sub(location, root.len, SIZE_MAX);
    if (rest.len == 0 || rest.ptr[0] != '/') return false;
    *ret = lh_str_sub(rest, 1, SIZE_MAX);
    return true;
}

/* The forms that other programs write, as the one that buckets use; INVALID for anything else. */
static lh_code key_location_plain(lh_str location, lh_arena *arena, lh_str *ret, lh_error *err) {
    if (lh_str_starts(location, LH_STR("s3a://")) || lh_str_starts(location, LH_STR("s3n://"))) {
        *ret = lh_arena_printf(arena, "s3%.*s", LH_STR_ARG(lh_str_sub(location, 3, SIZE_MAX)));
        return lh_arena_check(arena, err);
    }
    if (lh_str_starts(location, LH_STR("file:///"))) location = lh_str_sub(location, 7, SIZE_MAX);
    else if (lh_str_starts(location, LH_STR("file:/")) && !lh_str_starts(location, LH_STR("file://")))
        location = lh_str_sub(location, 5, SIZE_MAX);
    if (lh_str_starts(location, LH_STR("/")) || lh_str_starts(location, LH_STR("s3://"))) return *ret = location, LH_OK;
    return lh_fail(err, LH_INVALID, "'%.*s' is not a location: an absolute path, file:///…, s3://… or s3a://… is",
                   LH_STR_ARG(lh_str_cut_utf8(location, 200)));
}

lh_code lh_bucket_key_of(const lh_bucket *bucket, lh_str location, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_str plain, key, stem = LH_STR_NONE;
    if (location.len == 0) return lh_fail(err, LH_INVALID, "the location is empty");
    LH_TRY(key_location_plain(location, arena, &plain, err));
    if (bucket->ops->holder) bucket = bucket->ops->holder(bucket, plain, &stem);
    if (!bucket_cut_root(plain, bucket->location, &key) && !bucket_cut_root(plain, bucket->location_given, &key))
        return lh_fail(err, LH_DENIED, "'%.*s' is outside the store", LH_STR_ARG(lh_str_cut_utf8(location, 200)));
    if (lh_str_ends(key, LH_STR("/"))) key.len--; /* a folder's location often ends with one */
    for (lh_str rest = key; rest.len;)
        if (lh_str_eq(lh_str_split(&rest, '/'), LH_STR("..")))
            return lh_fail(err, LH_DENIED, "a location must not hold '..'");
    LH_TRY(lh_key_check(key, err));
    *ret = lh_arena_printf(arena, "%.*s%.*s", LH_STR_ARG(stem), LH_STR_ARG(key));
    return lh_arena_check(arena, err);
}
