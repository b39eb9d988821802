/* What the manifests of a table's current snapshot tell of its data files, compared with the files' footers, and restored: row
 * counts, sizes, statistics; and the totals of the snapshot's summary.
 *
 * The caller reads the footers. An entry is repeated as it is but for that: its place in time, its partition and all else its
 * writer told stay. Statistics that are there stay too, unless the row count was wrong, because then they are of other
 * rows. The commit is that of a rewrite (rewrite_commit.c): laid on what others did meanwhile, and no row changes. */
#include "catalog/entry_internal.h"
#include "catalog/rewrite_internal.h"

enum { RESYNC_ENTRY_BYTES = 64 << 20 };

struct resync_state {
    lh_catalog *catalog;
    lh_arena *arena;
    entry_fields fields;
    bool *gained;     /* of each field: some file got statistics of it */
    size_t *files;    /* entries of data files */
    lh_str *schemas;  /* of each manifest what entry_restored_schema() makes of its own; empty: not needed yet */
    uint64_t changed; /* files that got something */
};

lh_code lh_table_resync_plan(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_resync *ret, lh_error *err) {
    struct resync_state *state = LH_ARENA_NEW(arena, struct resync_state);
    lh_resync resync = {.state = state};
    if (!state) return lh_arena_check(arena, err);
    *state = (struct resync_state){.catalog = catalog, .arena = arena};
    LH_TRY(rewrite_plan_load(catalog, name, arena, &resync.plan, err));
    resync.plan.restores = true;
    const rewrite_state *now = resync.plan.state;
    LH_TRY(entry_fields_load(now->metadata, arena, &state->fields, err));
    state->gained = LH_ARENA_ARRAY(arena, bool, state->fields.count + 1);
    state->files = LH_ARENA_ARRAY(arena, size_t, now->count + 1);
    state->schemas = LH_ARENA_ARRAY(arena, lh_str, now->manifest_count + 1);
    if (!state->gained || !state->files || !state->schemas) return lh_arena_check(arena, err);
    for (size_t i = 0; i < now->count; i++)
        if (now->entries[i].content == REWRITE_CONTENT_DATA) state->files[resync.file_count++] = i;
    *ret = resync;
    return lh_arena_check(arena, err);
}

static rewrite_entry *resync_entry(const lh_resync *resync, size_t file) {
    return &resync->plan.state->entries[resync->state->files[file]];
}

lh_str lh_table_resync_file(const lh_resync *resync, size_t file) { return resync_entry(resync, file)->path; }

/* ---- one file ---- */

static lh_code resync_schema(struct resync_state *state, lh_str schema, size_t manifest, lh_str *ret, lh_error *err) {
    if (!state->schemas[manifest].len)
        LH_TRY(entry_restored_schema(schema, state->arena, &state->schemas[manifest], err));
    *ret = state->schemas[manifest];
    return LH_OK;
}

lh_code lh_table_resync_take(lh_resync *resync, size_t file, uint64_t size_bytes, const lh_file_footer *footer,
                             lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf restored = LH_BUF_INIT(RESYNC_ENTRY_BYTES);
    struct resync_state *state = resync->state;
    rewrite_entry *entry = resync_entry(resync, file);
    avro_value data_file = avro_field(entry->record, "data_file");
    entry_statistics had = {0}, told;
    size_t gained = 0;
    LH_TRY(lh_arena_new(2 * (size_t)RESYNC_ENTRY_BYTES, &scratch, err));
    had.arena = scratch;
    bool counted = (uint64_t)entry->rows == footer->rows, sized = (uint64_t)entry->size_bytes == size_bytes;
    if (counted) LH_TRY(entry_read(data_file, scratch, &had, err));
    LH_TRY(entry_of_footer(&state->fields, footer, scratch, &told, err));
    LH_TRY(entry_fill(&had, &told, &state->fields, state->gained, &gained, err));
    if (counted && sized && gained == 0) return LH_OK;
    entry_restore(data_file, footer->rows, size_bytes, &had, &restored);
    LH_TRY(lh_buf_check(&restored, err));
    LH_TRY(resync_schema(state, resync->plan.state->schemas[entry->manifest], entry->manifest, &entry->restored_schema,
                         err));
    entry->restored = lh_arena_dup(state->arena, lh_buf_str(&restored));
    entry->rows = (int64_t)footer->rows;
    entry->size_bytes = (int64_t)size_bytes;
    state->changed++;
    return lh_arena_check(state->arena, err);
}

/* ---- the whole ---- */

typedef struct resync_totals {
    uint64_t records, data_files, bytes, delete_files, positions, equalities;
} resync_totals;

static resync_totals resync_count(const rewrite_state *state) {
    resync_totals totals = {0};
    for (size_t i = 0; i < state->count; i++) {
        const rewrite_entry *entry = &state->entries[i];
        bool data = entry->content == REWRITE_CONTENT_DATA;
        uint64_t *rows = data                                          ? &totals.records
                         : entry->content == REWRITE_CONTENT_POSITIONS ? &totals.positions
                                                                       : &totals.equalities;
        *rows += (uint64_t)entry->rows;
        *(data ? &totals.data_files : &totals.delete_files) += 1;
        totals.bytes += (uint64_t)entry->size_bytes;
    }
    return totals;
}

/* Does the summary tell it? Of deletes, none are told by silence. */
static bool resync_says(const lh_json *summary, const char *name, uint64_t number, bool silence) {
    uint64_t told = 0;
    const lh_json *value = lh_json_get(summary, name);
    if (!value) return silence && number == 0;
    return lh_str_to_u64(lh_json_str(value, LH_STR_NONE), &told) == LH_OK && told == number;
}

static bool resync_is_told(const lh_json *summary, const resync_totals *totals) {
    return resync_says(summary, "total-records", totals->records, false) &&
           resync_says(summary, "total-data-files", totals->data_files, false) &&
           resync_says(summary, "total-files-size", totals->bytes, false) &&
           resync_says(summary, "total-delete-files", totals->delete_files, true) &&
           resync_says(summary, "total-position-deletes", totals->positions, true) &&
           resync_says(summary, "total-equality-deletes", totals->equalities, true);
}

lh_resynced lh_table_resync_result(const lh_resync *resync) {
    const rewrite_state *now = resync->plan.state;
    const resync_totals totals = resync_count(now);
    lh_resynced result = {.files = resync->state->changed, .row_count = -1};
    for (size_t i = 0; i < resync->state->fields.count; i++) result.columns += resync->state->gained[i];
    if (totals.equalities == 0 && totals.positions <= totals.records)
        result.row_count = (int64_t)(totals.records - totals.positions);
    result.needed =
        now->snapshot && (result.files > 0 || !resync_is_told(lh_json_get(now->snapshot, "summary"), &totals));
    return result;
}

lh_code lh_table_resync_commit(lh_catalog *catalog, lh_table_name name, const lh_resync *resync, const lh_json *summary,
                               int64_t *ret_snapshot_id, lh_error *err) {
    lh_rewritten done;
    LH_TRY(lh_table_rewrite_commit(catalog, name, &resync->plan, NULL, 0, false, summary, &done, err));
    *ret_snapshot_id = done.snapshot_id;
    return LH_OK;
}
