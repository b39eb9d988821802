/* Tokens of the Iceberg lists: 16 hex digits, the start of the SHA-256 of the last item's key, and the key's part behind the
 * list's prefix. The digits tell a token of ours for this list from everything else; nothing is kept, so that it holds after a
 * restart, on another gateway, and when its item is gone. */
#include "catalog/catalog_internal.h"

enum { PAGE_TOKEN_DIGITS = 16 };

lh_str catalog_page_token(lh_str key, size_t prefix_bytes, lh_arena *arena) {
    const lh_sha256 hash = lh_sha256_of(key);
    const lh_sha256_hex hex = lh_sha256_to_hex(&hash);
    return lh_arena_printf(arena, "%.*s%.*s", PAGE_TOKEN_DIGITS, hex.text,
                           LH_STR_ARG(lh_str_sub(key, prefix_bytes, SIZE_MAX)));
}

lh_code catalog_page_after(lh_str token, lh_str prefix, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_str last = lh_str_sub(token, PAGE_TOKEN_DIGITS, SIZE_MAX), key = LH_STR_NONE;
    if (token.len) {
        key = lh_arena_printf(arena, "%.*s%.*s", LH_STR_ARG(prefix), LH_STR_ARG(last));
        LH_TRY(lh_arena_check(arena, err));
        if (!lh_str_eq(catalog_page_token(key, prefix.len, arena), token))
            return lh_fail(err, LH_INVALID,
                           "pageToken is not one that this list gave: send next-page-token of the page before as it "
                           "came, or leave pageToken empty for the first page");
    }
    *ret = key;
    return lh_arena_check(arena, err);
}
