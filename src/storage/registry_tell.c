/* The journal's records of those who work in the buckets without storage's calls, as the engine does: they know a place, not a
 * bucket and a key. */
#include "storage/registry_internal.h"

static lh_str tell_without_scheme(lh_str url) {
    size_t at = lh_str_search(url, LH_STR("://"));
    return at == SIZE_MAX ? url : lh_str_sub(url, at + 3, SIZE_MAX);
}

/* The key in that bucket's service of an URL without its scheme, percent-encoded: "host/bucket/key", or "bucket.host/key". */
static bool tell_key_of_url(lh_str url, const lh_s3_options *s3, lh_arena *arena, lh_str *ret) {
    lh_str endpoint = tell_without_scheme(s3->endpoint), start;
    while (lh_str_ends(endpoint, LH_STR("/"))) endpoint.len--;
    start = s3->path_style ? lh_arena_printf(arena, "%.*s/%.*s/", LH_STR_ARG(endpoint), LH_STR_ARG(s3->bucket))
                           : lh_arena_printf(arena, "%.*s.%.*s/", LH_STR_ARG(s3->bucket), LH_STR_ARG(endpoint));
    if (start.len == 0 || !lh_str_starts(url, start)) return false;
    *ret = lh_str_sub(url, start.len, SIZE_MAX);
    return true;
}

/* As "s3://bucket/key" when it is an URL of one of the buckets, without its query; else as it is. */
static lh_str tell_location(const lh_registry *registry, lh_str place, lh_arena *arena) {
    lh_str url = tell_without_scheme(lh_str_sub(place, 0, lh_str_find(place, '?'))), raw, key;
    if (!lh_str_starts(place, LH_STR("http://")) && !lh_str_starts(place, LH_STR("https://"))) return place;
    for (size_t i = 0; i < registry->count; i++) {
        const registry_member *member = &registry->members[i];
        const lh_s3_options *s3 = &member->options.s3;
        if (member->active && member->options.is_s3 && tell_key_of_url(url, s3, arena, &raw) &&
            lh_url_decode(arena, raw, &key, NULL) == LH_OK)
            return lh_arena_printf(arena, "s3://%.*s/%.*s", LH_STR_ARG(s3->bucket), LH_STR_ARG(key));
    }
    return place;
}

bool lh_registry_tell(lh_registry *registry, const char *operation, lh_str place, lh_code code, const char *message) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    registry_member *member = NULL;
    lh_str key;
    if (lh_arena_new(256 << 10, &arena, NULL) != LH_OK) return false;
    lh_str location = tell_location(registry, place, arena);
    if (lh_bucket_key_of(registry->whole, location, arena, &key, NULL) != LH_OK ||
        federation_route(registry, key, &member, &key, NULL) != LH_OK)
        return false;
    registry_failed(member, operation, key, code, message);
    return true;
}
