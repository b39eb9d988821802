/* The records of a table in the metastore, as far as they only repeat what its metadata tells: its current snapshot, and when it
 * was made. One that lost them gets them back. What people said is told nowhere else, and not looked at. */
#include "catalog/dataset_internal.h"

enum { RECORDS_TRIES = 10, RECORDS_ARENA_BYTES = 4 * LH_LIMIT_METADATA_BYTES };

typedef struct records_state {
    lh_catalog *catalog;
    lh_table_name name;
    lh_arena *arena;
    lh_change changes[2];
    size_t count;
    lh_str created_at; /* of the table */
} records_state;

static void records_earlier(const lh_json *list, int64_t *first) {
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) {
        int64_t at = lh_json_int(lh_json_get(it.value, "timestamp-ms"), INT64_MAX);
        if (at > 0 && at < *first) *first = at;
    }
}

/* The earliest moment that the metadata knows of. */
static lh_str records_born(const lh_json *metadata, lh_arena *arena) {
    int64_t first = lh_json_int(lh_json_get(metadata, "last-updated-ms"), 0);
    records_earlier(lh_json_get(metadata, "snapshots"), &first);
    records_earlier(lh_json_get(metadata, "metadata-log"), &first);
    return lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(first).text));
}

static lh_code records_change(records_state *r, lh_str key, const lh_json *doc, uint64_t version, lh_error *err) {
    lh_change *change = &r->changes[r->count++];
    *change = (lh_change){.key = key, .expected = version};
    return lh_json_write(r->arena, doc, false, &change->text, err);
}

static lh_code records_table(records_state *r, lh_error *err) {
    lh_str text, key = catalog_table_key(r->name, r->arena);
    lh_json *doc = NULL, *metadata = NULL;
    uint64_t version;
    LH_TRY(lh_metastore_get(r->catalog->metastore, key, r->arena, &text, &version, err));
    LH_TRY(lh_json_parse(r->arena, text, &doc, err));
    LH_TRY(catalog_metadata_load(r->catalog, catalog_document_metadata_key(r->catalog, doc, r->arena), r->arena,
                                 &metadata, err));
    int64_t current = metadata_current_snapshot_id(metadata);
    r->created_at = lh_json_get_string(doc, "created_at");
    bool lost = r->created_at.len == 0 || lh_json_int(lh_json_get(doc, "snapshot_id"), -1) != current;
    if (!lost) return LH_OK;
    if (r->created_at.len == 0) r->created_at = records_born(metadata, r->arena);
    lh_json_set_string(r->arena, doc, "created_at", r->created_at);
    lh_json_set_int(r->arena, doc, "snapshot_id", current);
    return records_change(r, key, doc, version, err);
}

static lh_code records_dataset(records_state *r, lh_error *err) {
    lh_str text, key = lh_dataset_key(r->name, r->arena);
    lh_json *doc = NULL;
    uint64_t version;
    lh_code code = lh_metastore_get(r->catalog->metastore, key, r->arena, &text, &version, err);
    if (code == LH_NOT_FOUND) return LH_OK; /* of a stranger's table there is none */
    if (code != LH_OK) return code;
    LH_TRY(lh_json_parse(r->arena, text, &doc, err));
    if (lh_json_get_string(doc, "created_at").len) return LH_OK;
    lh_json_set_string(r->arena, doc, "created_at", r->created_at);
    return records_change(r, key, doc, version, err);
}

lh_code lh_table_restore_records(lh_catalog *catalog, lh_table_name name, bool dry_run, bool *ret, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(RECORDS_ARENA_BYTES, &arena, err));
        records_state r = {.catalog = catalog, .name = name, .arena = arena};
        LH_TRY(records_table(&r, err));
        LH_TRY(records_dataset(&r, err));
        LH_TRY(lh_arena_check(arena, err));
        bool changes = r.count > 0;
        lh_code code =
            changes && !dry_run ? lh_metastore_commit(catalog->metastore, r.changes, r.count, NULL, err) : LH_OK;
        if (code == LH_OK) *ret = changes;
        if (code != LH_CONFLICT || tries == RECORDS_TRIES) return code;
    }
}
