/* The lake's key of hashes and tokens: the same for every gateway of the lake and for ever, so that masks of one value are equal and
 * can be joined. An object beside the metastore, made when it is first asked for; /storage gives it to nobody. */
#include "access/access.h"

enum { MASK_KEY_BYTES = 32, MASK_KEY_READ_MAX = 1024 };

static lh_code mask_key_make(lh_bucket *bucket, lh_error *err) {
    unsigned char random[MASK_KEY_BYTES];
    char text[2 * MASK_KEY_BYTES + 1];
    lh_random_bytes(random, sizeof random);
    lh_hex(random, sizeof random, text);
    lh_code code = lh_bucket_put(bucket, LH_STR(LH_MASK_KEY_OBJECT), lh_str_from(text),
                                 (lh_put_condition){.if_absent = true}, NULL, err);
    explicit_bzero(random, sizeof random);
    explicit_bzero(text, sizeof text);
    return code == LH_CONFLICT ? LH_OK : code; /* another gateway was faster */
}

lh_code lh_access_mask_key(lh_bucket *bucket, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_code code = lh_bucket_get(bucket, LH_STR(LH_MASK_KEY_OBJECT), MASK_KEY_READ_MAX, arena, ret, NULL, err);
    if (code == LH_NOT_FOUND) {
        LH_TRY(mask_key_make(bucket, err));
        code = lh_bucket_get(bucket, LH_STR(LH_MASK_KEY_OBJECT), MASK_KEY_READ_MAX, arena, ret, NULL, err);
    }
    if (code == LH_OK && ret->len < MASK_KEY_BYTES)
        return lh_fail(err, LH_CORRUPT, "the object %s of the lake is damaged: hashes would be others",
                       LH_MASK_KEY_OBJECT);
    return code;
}
