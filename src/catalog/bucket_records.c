/* Which bucket a table's record names. Records of before there were several name none, and mean the primary: they are given
 * its name, so that they mean the same when another bucket becomes the primary. */
#include "catalog/catalog_internal.h"

enum { STAMP_PAGE = 500, STAMP_TRIES = 30, STAMP_ARENA_BYTES = 64 << 20 };

typedef struct stamp_counts {
    uint64_t stamped, already;
} stamp_counts;

/* One record. CONFLICT: somebody changed it meanwhile. */
static lh_code stamp_record(lh_catalog *catalog, const lh_document *record, lh_str primary, lh_arena *arena,
                            stamp_counts *counts, lh_error *err) {
    lh_json *doc = NULL;
    lh_change change = {.key = record->key, .expected = record->version};
    LH_TRY(lh_json_parse(arena, record->text, &doc, err));
    if (lh_json_get(doc, "bucket")) return counts->already++, LH_OK;
    lh_json_set_string(arena, doc, "bucket", primary);
    LH_TRY(lh_json_write(arena, doc, false, &change.text, err));
    LH_TRY(lh_metastore_commit(catalog->metastore, &change, 1, NULL, err));
    counts->stamped++;
    return LH_OK;
}

/* The record as it is now: again after a lost race. One that is gone needs nothing. */
static lh_code stamp_record_again(lh_catalog *catalog, lh_document record, lh_str primary, lh_arena *arena,
                                  stamp_counts *counts, lh_error *err) {
    lh_code code = stamp_record(catalog, &record, primary, arena, counts, err);
    for (int tries = 0; code == LH_CONFLICT && tries < STAMP_TRIES; tries++) {
        code = lh_metastore_get(catalog->metastore, record.key, arena, &record.text, &record.version, err);
        if (code == LH_NOT_FOUND) return LH_OK;
        if (code == LH_OK) code = stamp_record(catalog, &record, primary, arena, counts, err);
    }
    return code;
}

lh_code lh_catalog_stamp_buckets(lh_catalog *catalog, lh_arena *arena, lh_json **ret, lh_error *err) {
    stamp_counts counts = {0};
    lh_str ignored, after = LH_STR_NONE, primary = catalog_bucket_of(catalog, LH_STR("x"), &ignored);
    if (primary.len == 0) return lh_fail(err, LH_INVALID, "this lake has one bucket, which has no name");
    for (bool more = true; more;) {
        LH_CLEANUP(lh_arena_freep) lh_arena *work = NULL;
        lh_document_page page;
        LH_TRY(lh_arena_new(STAMP_ARENA_BYTES, &work, err));
        LH_TRY(lh_metastore_list(catalog->metastore, LH_STR("table/"), after, STAMP_PAGE, work, &page, err));
        for (size_t i = 0; i < page.count; i++)
            LH_TRY(stamp_record_again(catalog, page.items[i], primary, work, &counts, err));
        more = page.more;
        if (page.count) after = lh_arena_dup(arena, page.items[page.count - 1].key);
        LH_TRY(lh_arena_check(arena, err));
    }
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_uint(arena, answer, "stamped", counts.stamped);
    lh_json_set_uint(arena, answer, "already", counts.already);
    lh_json_set_string(arena, answer, "bucket", primary);
    *ret = answer;
    return lh_arena_check(arena, err);
}
