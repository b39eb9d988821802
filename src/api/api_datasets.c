/* /datasets: what is in the lake, as people see it. */
#include "api/governed.h"

static lh_code dataset_name(lh_request *request, lh_table_name *ret, lh_error *err) {
    return lh_table_name_parse(lh_request_app(request)->catalog, lh_request_param(request, "name"),
                               lh_request_arena(request), ret, err);
}

lh_code api_datasets_list(lh_request *request, lh_error *err) {
    lh_page page;
    lh_json *answer = NULL;
    LH_TRY(lh_request_page(request, 100, &page, err));
    const lh_governor *governor = NULL;
    LH_TRY(api_governor(request, LH_PERMIT_READ, &governor, err));
    if (governor) {
        LH_TRY(api_shown_datasets(request, governor, page, &answer, err));
        return lh_respond_json(request, 200, answer, err);
    }
    LH_TRY(lh_dataset_list(lh_request_app(request)->catalog, lh_request_query(request, "namespace"),
                           lh_request_query(request, "filter"), api_seen(request), page, lh_request_arena(request),
                           &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_datasets_register(lh_request *request, lh_error *err) {
    lh_app *app = lh_request_app(request);
    lh_arena *arena = lh_request_arena(request);
    lh_json *body = NULL, *answer = NULL;
    lh_profile_defaults defaults;
    if (!app->ingest) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(api_profile_default(request, &defaults, err));
    lh_str name = lh_json_get_string(body, "name");
    if (name.len) lh_json_set_string(arena, body, "name", api_profile_name(defaults, name, arena));
    LH_TRY(lh_ingest_register(app->ingest, body, lh_request_may(request, LH_PERMIT_ADMIN), arena, &answer, err));
    return lh_respond_json(request, 201, answer, err);
}

lh_code api_dataset_get(lh_request *request, lh_error *err) {
    lh_table_name name;
    lh_json *answer = NULL;
    const lh_relation *shown = NULL;
    LH_TRY(dataset_name(request, &name, err));
    LH_TRY(api_shown(request, name, &shown, err));
    LH_TRY(api_shown_get(request, shown, name, &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_dataset_delete(lh_request *request, lh_error *err) {
    lh_table_name name;
    LH_TRY(dataset_name(request, &name, err));
    LH_TRY(api_may_write(request, LH_WRITE_DEFINE, name, err));
    bool purge;
    LH_TRY(lh_request_query_bool(request, "purge", &purge, err));
    LH_TRY(lh_dataset_delete(lh_request_app(request)->catalog, name, purge, err));
    return lh_respond_empty(request, 204, err);
}
