/* Resync: what records and manifests tell of tables, restored from the files (src/catalog/resync.c), a table after the other.
 *
 *   lh_table_resync_plan → of each data file: its size, its footer → lh_table_resync_commit, lh_table_restore_records
 *
 * A table that cannot be read is a problem in the answer, and stops no other. As for a compaction, the table's write lock is held
 * for the commit only, and what others commit meanwhile stays. */
#include "maintain/maintain_internal.h"

enum { RESYNC_TRIES = 3, RESYNC_ARENA_BYTES = 1 << 30, RESYNC_PAGE = 100, RESYNC_SHOWN = 10000 };

typedef struct resync_job {
    lh_maintain *maintain;
    const lh_resync_request *request;
    maintain_job job;
    lh_arena *arena; /* of the answer */
    lh_json *restored, *problems;
    uint64_t checked;
} resync_job;

/* ---- some files ---- */

/* An error of a file becomes one of the table that names it, which is there. */
static lh_code resync_file_failed(lh_code code, lh_str location, const char *why, lh_error *err) {
    if (code == LH_NOT_FOUND) return lh_fail(err, LH_CORRUPT, "'%.*s' is missing", LH_STR_ARG(location));
    if (code == LH_DENIED) code = LH_INVALID;
    return lh_fail(err, code, "'%.*s': %s", LH_STR_ARG(location), why);
}

/* Its size, and where the engine finds it. */
static lh_code resync_find(const resync_job *r, lh_str location, lh_arena *arena, lh_str *ret, uint64_t *ret_size,
                           lh_error *err) {
    lh_bucket *bucket = r->maintain->bucket;
    lh_str key;
    lh_object_info info;
    LH_TRY(lh_bucket_key_of(bucket, location, arena, &key, err));
    LH_TRY(lh_bucket_head(bucket, key, &info, err));
    *ret = lh_bucket_location(bucket, key, arena);
    *ret_size = info.size_bytes;
    return lh_arena_check(arena, err);
}

/* Those from `first` on, LH_FOOTERS_MAX at most. */
static lh_code resync_files(const resync_job *r, lh_session *session, lh_resync *resync, size_t first, size_t count,
                            lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    lh_str locations[LH_FOOTERS_MAX];
    uint64_t sizes[LH_FOOTERS_MAX];
    lh_file_footer footers[LH_FOOTERS_MAX];
    lh_error why = {0};
    lh_code code = LH_OK;
    size_t at = 0;
    LH_TRY(lh_arena_new(RESYNC_ARENA_BYTES / 4, &scratch, err));
    for (size_t i = 0; i < count && code == LH_OK; i++)
        code = resync_find(r, lh_table_resync_file(resync, first + (at = i)), scratch, &locations[i], &sizes[i], &why);
    if (code == LH_OK) code = lh_session_footers(session, locations, count, scratch, footers, &at, &why);
    for (size_t i = 0; i < count && code == LH_OK; i++)
        code = lh_table_resync_take(resync, first + (at = i), sizes[i], &footers[i], &why);
    return code == LH_OK ? LH_OK : resync_file_failed(code, lh_table_resync_file(resync, first + at), why.message, err);
}

/* ---- one table ---- */

typedef struct resync_outcome {
    lh_resynced found;
    int64_t snapshot_id; /* -1: none was made */
    bool records;
} resync_outcome;

static lh_code resync_read(resync_job *r, lh_resync *resync, lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    atomic_store(&r->job.phase, "reading");
    atomic_store(&r->job.files_total, resync->file_count);
    if (resync->file_count == 0) return LH_OK;
    LH_TRY(lh_session_open(r->maintain->engine, r->request->cancel, &session, err));
    for (size_t i = 0, count; i < resync->file_count; i += count) {
        count = resync->file_count - i < LH_FOOTERS_MAX ? resync->file_count - i : LH_FOOTERS_MAX;
        LH_TRY(resync_files(r, session, resync, i, count, err));
        atomic_store(&r->job.files_done, i + count);
    }
    return LH_OK;
}

static lh_code resync_commit(resync_job *r, lh_table_name table, const lh_resync *resync, lh_arena *arena, int64_t *ret,
                             lh_error *err) {
    lh_json *summary = lh_json_new_object(arena);
    lh_json_set_string(arena, summary, "lakehouse.source", LH_STR("resync"));
    lh_json_set_string(arena, summary, "lakehouse.job-id", lh_uuid_str(&r->job.id));
    atomic_store(&r->job.phase, "committing");
    LH_TRY(lh_engine_lock_table(r->maintain->engine, table, r->request->cancel, err));
    lh_code code = lh_table_resync_commit(r->maintain->catalog, table, resync, summary, ret, err);
    lh_engine_unlock_table(r->maintain->engine, table);
    return code;
}

static lh_code resync_try(resync_job *r, lh_table_name table, resync_outcome *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_resync resync;
    resync_outcome outcome = {.snapshot_id = -1};
    LH_TRY(lh_arena_new(RESYNC_ARENA_BYTES, &arena, err));
    atomic_store(&r->job.phase, "planning");
    atomic_store(&r->job.files_done, 0);
    LH_TRY(lh_table_resync_plan(r->maintain->catalog, table, arena, &resync, err));
    LH_TRY(resync_read(r, &resync, err));
    outcome.found = lh_table_resync_result(&resync);
    if (outcome.found.needed && !r->request->dry_run)
        LH_TRY(resync_commit(r, table, &resync, arena, &outcome.snapshot_id, err));
    *ret = outcome;
    return LH_OK;
}

static lh_json *resync_number(lh_arena *arena, int64_t number) {
    return number < 0 ? lh_json_new_null(arena) : lh_json_new_int(arena, number);
}

static void resync_tell(resync_job *r, lh_str dataset, const resync_outcome *outcome) {
    lh_json *item = lh_json_new_object(r->arena);
    if (lh_json_size(r->restored) == RESYNC_SHOWN) return;
    lh_json_set_string(r->arena, item, "dataset", dataset);
    lh_json_set(r->arena, item, "row_count", resync_number(r->arena, outcome->found.row_count));
    lh_json_set_uint(r->arena, item, "columns", outcome->found.columns);
    lh_json_set_uint(r->arena, item, "files_without_statistics", outcome->found.files);
    lh_json_set_bool(r->arena, item, "records", outcome->records);
    lh_json_set(r->arena, item, "snapshot_id", resync_number(r->arena, outcome->snapshot_id));
    lh_json_append(r->restored, item);
}

static void resync_complain(resync_job *r, lh_str dataset, const lh_error *why) {
    lh_json *item = lh_json_new_object(r->arena);
    if (lh_json_size(r->problems) == RESYNC_SHOWN) return;
    lh_json_set_string(r->arena, item, "dataset", dataset);
    lh_json_set_string(r->arena, item, "problem", lh_str_from(why->message));
    lh_json_append(r->problems, item);
}

/* Errors: those that end the whole. */
static lh_code resync_table(resync_job *r, lh_table_name table, lh_str dataset, lh_error *err) {
    resync_outcome outcome = {.snapshot_id = -1};
    lh_error why = {0};
    lh_code code = LH_CONFLICT;
    if (r->request->cancel && lh_cancel_fired(r->request->cancel))
        return lh_fail(err, LH_CANCELLED, "the resync was cancelled");
    maintain_job_at(r->maintain, &r->job, dataset);
    for (int tries = 0; code == LH_CONFLICT && tries < RESYNC_TRIES; tries++)
        code = resync_try(r, table, &outcome, &why);
    if (code == LH_OK)
        code = lh_table_restore_records(r->maintain->catalog, table, r->request->dry_run, &outcome.records, &why);
    maintain_job_at(r->maintain, &r->job, LH_STR_NONE);
    if (code == LH_CANCELLED || code == LH_NO_MEMORY) return lh_fail(err, code, "%s", why.message);
    if (code == LH_NOT_FOUND) return LH_OK; /* dropped meanwhile */
    r->checked++;
    if (code != LH_OK) resync_complain(r, dataset, &why);
    if (outcome.found.needed || outcome.records) resync_tell(r, dataset, &outcome);
    return lh_arena_check(r->arena, err);
}

/* ---- all tables ---- */

/* A page of them; *token is where the next begins, empty at the end. */
static lh_code resync_page(resync_job *r, lh_str *token, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *page = NULL;
    lh_table_name table;
    LH_TRY(lh_arena_new(RESYNC_ARENA_BYTES / 4, &arena, err));
    LH_TRY(lh_dataset_list(r->maintain->catalog, LH_STR_NONE, LH_STR_NONE, NULL, (lh_page){*token, RESYNC_PAGE}, arena,
                           &page, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(page, "items")); lh_json_next(&it);) {
        lh_str dataset;
        lh_error why = {0};
        if (lh_dataset_listed(r->maintain->catalog, it.value, arena, &dataset, &table, &why) != LH_OK)
            resync_complain(r, dataset, &why);
        else LH_TRY(resync_table(r, table, dataset, err));
    }
    *token = lh_arena_dup(r->arena, lh_json_get_string(page, "next_page_token"));
    return lh_arena_check(r->arena, err);
}

static lh_code resync_run(resync_job *r, lh_error *err) {
    lh_str token = LH_STR_NONE;
    if (r->request->table.name.len)
        return resync_table(r, r->request->table, lh_table_name_text(r->request->table, r->arena), err);
    do LH_TRY(resync_page(r, &token, err));
    while (token.len);
    return LH_OK;
}

lh_code lh_resync_missing(lh_maintain *maintain, const lh_resync_request *request, lh_arena *arena, lh_json **ret,
                          lh_error *err) {
    resync_job r = {.maintain = maintain, .request = request, .arena = arena};
    lh_json *answer = lh_json_new_object(arena);
    lh_span span;
    if (request->table.name.len && !lh_table_exists(maintain->catalog, request->table))
        return lh_fail(err, LH_NOT_FOUND, "Table does not exist: %.*s",
                       LH_STR_ARG(lh_table_name_text(request->table, arena)));
    r.restored = lh_json_new_array(arena);
    r.problems = lh_json_new_array(arena);
    r.job.kind = "resync";
    atomic_store(&r.job.phase, "planning");
    maintain_job_begin(maintain, &r.job);
    lh_span_begin("maintain.resync", &span);
    lh_code code = resync_run(&r, err);
    lh_span_end(&span, code);
    maintain_job_end(maintain, &r.job);
    if (code != LH_OK) return code;
    lh_json_set_bool(arena, answer, "dry_run", request->dry_run);
    lh_json_set_uint(arena, answer, "tables_checked", r.checked);
    lh_json_set(arena, answer, "restored", r.restored);
    lh_json_set(arena, answer, "problems", r.problems);
    *ret = answer;
    return lh_arena_check(arena, err);
}
