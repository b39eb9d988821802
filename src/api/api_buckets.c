/* The buckets of the lake: which there are, whether they answer, what failed; and records that do not name theirs. */
#include "api/api_internal.h"

lh_code api_buckets_list(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    bool details = lh_request_may(request, LH_PERMIT_ADMIN); /* paths and addresses are the operator's */
    LH_TRY(lh_registry_describe(lh_request_app(request)->registry, details, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_buckets_health(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    bool now;
    LH_TRY(lh_request_query_bool(request, "now", &now, err));
    if (now && !lh_request_may(request, LH_PERMIT_ADMIN))
        return lh_fail(err, LH_DENIED, "only an administrator has the buckets asked at once");
    LH_TRY(lh_registry_health(lh_request_app(request)->registry, now, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_buckets_errors(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    uint64_t limit;
    lh_error_filter filter = {.bucket = lh_request_query(request, "bucket"),
                              .operation = lh_request_query(request, "operation"),
                              .code = lh_request_query(request, "code"),
                              .after = lh_request_query(request, "page_token")};
    lh_str since = lh_request_query(request, "since");
    LH_TRY(lh_request_query_uint(request, "limit", 1, LH_LIMIT_LIST_PAGE, 100, &limit, err));
    if (since.len && lh_time_parse_rfc3339(since, &filter.since_ms) != LH_OK)
        return lh_fail(err, LH_INVALID, "'since' is a time as 2026-01-31T12:00:00Z");
    filter.limit = (size_t)limit;
    LH_TRY(lh_registry_errors(lh_request_app(request)->registry, &filter, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_buckets_migrate(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_catalog_stamp_buckets(lh_request_app(request)->catalog, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_dataset_move(lh_request *request, lh_error *err) {
    static const char *const known[] = {"bucket"};
    lh_app *app = lh_request_app(request);
    lh_json *body = NULL, *answer = NULL;
    lh_move_request move = {.cancel = lh_request_cancel(request)};
    if (!app->maintain) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, 1, err));
    move.bucket = lh_json_get_string(body, "bucket");
    if (move.bucket.len == 0) return lh_fail(err, LH_INVALID, "'bucket' is missing: where the dataset shall lie");
    LH_TRY(lh_table_name_parse(app->catalog, lh_request_param(request, "name"), lh_request_arena(request), &move.table,
                               err));
    LH_TRY(lh_move(app->maintain, &move, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}
