/* /catalog: what is known of datasets beyond their tables; lineage; search. The ETag of a description is the version of
 * what PATCH changes, so that a load between GET and PATCH does not get in the way. */
#include "api/governed.h"

enum { METADATA_DEPTH_MAX = 20, METADATA_DEPTH = 3, METADATA_SEARCH_PAGE = 20 };

static lh_code metadata_name(lh_request *request, lh_table_name *ret, lh_error *err) {
    return lh_table_name_parse(lh_request_app(request)->catalog, lh_request_param(request, "name"),
                               lh_request_arena(request), ret, err);
}

static lh_str metadata_etag(lh_request *request, uint64_t version) {
    return lh_arena_printf(lh_request_arena(request), "m%" PRIu64, version);
}

static lh_code metadata_answer(lh_request *request, lh_table_name name, lh_error *err) {
    lh_json *answer = NULL;
    uint64_t version = 0;
    const lh_relation *shown = NULL;
    lh_arena *arena = lh_request_arena(request);
    LH_TRY(api_shown(request, name, &shown, err));
    if (shown && shown->view)
        return lh_fail(err, LH_DENIED, "of a view GET /datasets/by-name tells what there is to tell");
    LH_TRY(
        lh_dataset_describe(lh_request_app(request)->catalog, name, api_seen(request), arena, &answer, &version, err));
    if (!shown) lh_respond_etag(request, metadata_etag(request, version));     /* counts the commits of the lake */
    if (shown) lh_json_set(arena, answer, "lineage", lh_json_new_null(arena)); /* names its parents */
    return lh_respond_json(request, 200, api_shown_dataset(shown, answer, arena), err);
}

lh_code api_metadata_get(lh_request *request, lh_error *err) {
    lh_table_name name;
    LH_TRY(metadata_name(request, &name, err));
    return metadata_answer(request, name, err);
}

static lh_code metadata_refuse(lh_request *request, lh_error *err) {
    return lh_respond_precondition(request, "what is said of the dataset has another ETag", err);
}

lh_code api_metadata_patch(lh_request *request, lh_error *err) {
    lh_catalog *catalog = lh_request_app(request)->catalog;
    lh_str match = lh_request_header(request, "If-Match");
    lh_table_name name;
    lh_json *patch = NULL;
    uint64_t version = 0;
    LH_TRY(metadata_name(request, &name, err));
    LH_TRY(lh_request_json(request, &patch, err));
    LH_TRY(lh_dataset_metadata_version(catalog, name, &version, err));
    if (!lh_request_matches(request, metadata_etag(request, version))) return metadata_refuse(request, err);
    bool exact = match.len && !lh_str_eq(lh_str_trim(match), LH_STR("*"));
    lh_code code = lh_dataset_patch(catalog, name, patch, exact ? &version : NULL, err);
    if (code == LH_CONFLICT && exact) return metadata_refuse(request, err);
    return code == LH_OK ? metadata_answer(request, name, err) : code;
}

lh_code api_lineage_get(lh_request *request, lh_error *err) {
    lh_str direction = lh_request_query(request, "direction");
    lh_lineage_direction way = LH_LINEAGE_BOTH;
    lh_table_name name;
    uint64_t depth;
    lh_json *answer = NULL;
    LH_TRY(metadata_name(request, &name, err));
    LH_TRY(lh_request_query_uint(request, "depth", 1, METADATA_DEPTH_MAX, METADATA_DEPTH, &depth, err));
    if (lh_str_eq(direction, LH_STR("up"))) way = LH_LINEAGE_UP;
    else if (lh_str_eq(direction, LH_STR("down"))) way = LH_LINEAGE_DOWN;
    else if (direction.len && !lh_str_eq(direction, LH_STR("both")))
        return lh_fail(err, LH_INVALID, "'direction' must be up, down or both");
    LH_TRY(lh_lineage_get(lh_request_app(request)->catalog, name, way, (unsigned)depth, api_seen(request),
                          lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

typedef struct search_seen {
    lh_request *request;
    const lh_governor *governor;
} search_seen;

/* Only what is seen is searched. */
static bool search_shows(void *ctx, lh_table_name name, lh_str column) {
    search_seen *seen = ctx;
    const lh_relation *relation = NULL;
    if (seen->governor->relation(seen->governor->ctx, name, lh_request_arena(seen->request), &relation, NULL) != LH_OK)
        return false;
    if (relation->view) return false; /* in the place of a dataset of which nothing is seen */
    bool shown = column.len == 0;
    for (size_t i = 0; i < relation->column_count && !shown; i++) shown = lh_str_eq(relation->columns[i].name, column);
    return shown;
}

lh_code api_catalog_search(lh_request *request, lh_error *err) {
    lh_page page;
    lh_json *answer = NULL;
    LH_TRY(lh_request_page(request, METADATA_SEARCH_PAGE, &page, err));
    search_seen seen = {.request = request};
    const lh_dataset_seen filter = {&seen, search_shows};
    LH_TRY(api_governor(request, LH_PERMIT_READ, &seen.governor, err));
    LH_TRY(lh_dataset_search(lh_request_app(request)->catalog, lh_request_query(request, "q"), page,
                             seen.governor ? &filter : api_seen(request), lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}
