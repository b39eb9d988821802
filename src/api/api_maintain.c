/* Maintenance: expiry of snapshots, removal of orphans, verification. Ages are relative to now, in milliseconds. */
#include "api/api_internal.h"

#define MAINTAIN_HOUR_MS UINT64_C(3600000)
#define MAINTAIN_DAY_MS (24 * MAINTAIN_HOUR_MS)
#define MAINTAIN_EXPIRE_AGE_MS (5 * MAINTAIN_DAY_MS) /* as Iceberg's history.expire.max-snapshot-age-ms */
#define MAINTAIN_ORPHAN_AGE_MS (3 * MAINTAIN_DAY_MS)

static lh_code maintain_dataset(lh_request *request, lh_table_name *ret, lh_error *err) {
    return lh_table_name_parse(lh_request_app(request)->catalog, lh_request_param(request, "name"),
                               lh_request_arena(request), ret, err);
}

/* A moment so long ago; ages beyond 1970 are 1970. */
static int64_t maintain_ago(uint64_t age_ms) {
    uint64_t now = (uint64_t)lh_time_now_ms();
    return age_ms < now ? (int64_t)(now - age_ms) : 0;
}

lh_code api_dataset_expire(lh_request *request, lh_error *err) {
    static const char *const known[] = {"older_than_ms", "retain_last", "grace_ms", "dry_run"};
    lh_json *body = NULL, *answer = NULL;
    lh_table_name name;
    uint64_t age, retain, grace;
    lh_expire_options options = {0};
    LH_TRY(maintain_dataset(request, &name, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(lh_body_uint(body, "older_than_ms", MAINTAIN_EXPIRE_AGE_MS, &age, err));
    LH_TRY(lh_body_uint(body, "retain_last", 1, &retain, err));
    LH_TRY(lh_body_uint(body, "grace_ms", MAINTAIN_HOUR_MS, &grace, err));
    LH_TRY(lh_body_bool(body, "dry_run", false, &options.dry_run, err));
    if (retain == 0 || retain > INT32_MAX) return lh_fail(err, LH_INVALID, "'retain_last' must be at least 1");
    options.older_than_ms = maintain_ago(age);
    options.retain_last = (int64_t)retain;
    options.grace_ms = lh_time_now_ms() - maintain_ago(grace);
    LH_TRY(lh_table_expire(lh_request_app(request)->catalog, name, &options, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_dataset_orphans(lh_request *request, lh_error *err) {
    static const char *const known[] = {"older_than_ms", "dry_run"};
    lh_json *body = NULL, *answer = NULL;
    uint64_t age;
    lh_app *app = lh_request_app(request);
    lh_orphans_request orphans = {.cancel = lh_request_cancel(request)};
    if (!app->maintain) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(maintain_dataset(request, &orphans.table, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(lh_body_uint(body, "older_than_ms", MAINTAIN_ORPHAN_AGE_MS, &age, err));
    LH_TRY(lh_body_bool(body, "dry_run", false, &orphans.options.dry_run, err));
    if (age < MAINTAIN_HOUR_MS)
        return lh_fail(err, LH_INVALID,
                       "'older_than_ms' must be at least %" PRIu64 ", an hour: a writer may be about to commit younger "
                       "files",
                       MAINTAIN_HOUR_MS);
    orphans.options.older_than_ms = maintain_ago(age);
    LH_TRY(lh_remove_orphans(app->maintain, &orphans, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_catalog_remove_dropped(lh_request *request, lh_error *err) {
    static const char *const known[] = {"older_than_ms", "dry_run"};
    lh_json *body = NULL, *answer = NULL;
    uint64_t age;
    lh_orphan_options options = {0};
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(lh_body_uint(body, "older_than_ms", MAINTAIN_ORPHAN_AGE_MS, &age, err));
    LH_TRY(lh_body_bool(body, "dry_run", false, &options.dry_run, err));
    options.older_than_ms = maintain_ago(age);
    LH_TRY(
        lh_catalog_remove_dropped(lh_request_app(request)->catalog, &options, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_compact(lh_request *request, lh_error *err) {
    static const char *const known[] = {"dataset", "target_file_bytes", "small_file_bytes", "sort",
                                        "all",     "deletes_only",      "dry_run"};
    lh_app *app = lh_request_app(request);
    lh_json *body = NULL, *answer = NULL;
    lh_compact_request compact = {.cancel = lh_request_cancel(request)};
    if (!app->maintain) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    lh_str dataset = lh_json_get_string(body, "dataset");
    if (dataset.len == 0) return lh_fail(err, LH_INVALID, "'dataset' is missing: the table's name, or namespace.table");
    LH_TRY(lh_table_name_parse(app->catalog, dataset, lh_request_arena(request), &compact.table, err));
    LH_TRY(lh_body_uint(body, "target_file_bytes", LH_COMPACT_TARGET_BYTES, &compact.target_bytes, err));
    LH_TRY(lh_body_uint(body, "small_file_bytes", 0, &compact.small_bytes, err));
    LH_TRY(lh_body_bool(body, "all", false, &compact.all, err));
    LH_TRY(lh_body_bool(body, "deletes_only", false, &compact.deletes_only, err));
    LH_TRY(lh_body_bool(body, "dry_run", false, &compact.dry_run, err));
    compact.sort = lh_json_get(body, "sort");
    if (compact.sort && !lh_json_is_array(compact.sort))
        return lh_fail(err, LH_INVALID, "'sort' must be an array of {column, direction, nulls}");
    LH_TRY(lh_compact(app->maintain, &compact, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_catalog_resync(lh_request *request, lh_error *err) {
    static const char *const known[] = {"dataset", "dry_run"};
    lh_app *app = lh_request_app(request);
    lh_json *body = NULL, *answer = NULL;
    lh_resync_request resync = {.cancel = lh_request_cancel(request)};
    if (!app->maintain) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(lh_body_bool(body, "dry_run", false, &resync.dry_run, err));
    const lh_json *dataset = lh_json_get(body, "dataset");
    if (dataset)
        LH_TRY(lh_table_name_parse(app->catalog, lh_json_str(dataset, LH_STR_NONE), lh_request_arena(request),
                                   &resync.table, err));
    LH_TRY(lh_resync_missing(app->maintain, &resync, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

static lh_code maintain_answer_layout(lh_request *request, lh_table_name name, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_table_layout(lh_request_app(request)->catalog, name, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_layout_get(lh_request *request, lh_error *err) {
    lh_table_name name;
    LH_TRY(maintain_dataset(request, &name, err));
    return maintain_answer_layout(request, name, err);
}

lh_code api_layout_put(lh_request *request, lh_error *err) {
    static const char *const known[] = {"sort", "partition", "bloom"};
    lh_json *body = NULL;
    lh_table_name name;
    LH_TRY(maintain_dataset(request, &name, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(lh_table_set_layout(lh_request_app(request)->catalog, name, body, err));
    return maintain_answer_layout(request, name, err);
}

lh_code api_maintenance(lh_request *request, lh_error *err) {
    lh_app *app = lh_request_app(request);
    lh_json *answer = NULL;
    if (!app->maintain) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_maintain_jobs(app->maintain, lh_request_arena(request), &answer, err));
    api_hide_system(request, answer, "jobs", "dataset");
    return lh_respond_json(request, 200, answer, err);
}

/* One dataset, or a page of all. */
lh_code api_catalog_verify(lh_request *request, lh_error *err) {
    lh_catalog *catalog = lh_request_app(request)->catalog;
    lh_arena *arena = lh_request_arena(request);
    lh_json *items = lh_json_new_array(arena), *item = NULL, *page = NULL;
    lh_str dataset = lh_request_query(request, "dataset");
    lh_table_name name;
    uint64_t limit;
    LH_TRY(lh_request_query_uint(request, "limit", 1, LH_LIMIT_LIST_PAGE, 100, &limit, err));
    if (dataset.len) {
        LH_TRY(lh_table_name_parse(catalog, dataset, arena, &name, err));
        LH_TRY(lh_table_verify(catalog, name, arena, &item, err));
        lh_json_append(items, item);
    } else {
        const lh_page wanted = {lh_request_query(request, "page_token"), limit};
        LH_TRY(lh_dataset_list(catalog, LH_STR_NONE, LH_STR_NONE, NULL, wanted, arena, &page, err));
    }
    for (lh_json_iter it = lh_json_each(lh_json_get(page, "items")); lh_json_next(&it);) {
        lh_str text;
        LH_TRY(lh_dataset_listed(catalog, it.value, arena, &text, &name, err));
        lh_code code = lh_table_verify(catalog, name, arena, &item, err);
        if (code == LH_NOT_FOUND) continue; /* dropped meanwhile */
        if (code != LH_OK) return code;
        lh_json_append(items, item);
    }
    const lh_json *answer = lh_json_page(arena, items, lh_json_get_string(page, "next_page_token"));
    LH_TRY(lh_arena_check(arena, err));
    return lh_respond_json(request, 200, answer, err);
}
