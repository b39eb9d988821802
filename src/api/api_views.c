/* /catalog/views: AI-safe views. The ETag of one is the version of its document. */
#include "api/api_internal.h"

enum { VIEWS_PAGE = 100 };

static lh_catalog *views_catalog(const lh_request *request) { return lh_request_app(request)->catalog; }

lh_code api_views_list(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    lh_page page;
    LH_TRY(lh_request_page(request, VIEWS_PAGE, &page, err));
    LH_TRY(lh_access_views_list(views_catalog(request), page, lh_request_arena(request), &answer, err));
    api_hide_system(request, answer, "items", "namespace");
    return lh_respond_json(request, 200, answer, err);
}

static lh_str views_etag(const lh_request *request, uint64_t version) {
    return lh_arena_printf(lh_request_arena(request), "v%" PRIu64, version);
}

static lh_code views_answer(lh_request *request, lh_table_name name, unsigned status, lh_error *err) {
    lh_json *view = NULL;
    uint64_t version = 0;
    LH_TRY(lh_access_view_get(views_catalog(request), lh_request_app(request)->engine, name, lh_request_arena(request),
                              &view, &version, err));
    lh_respond_etag(request, views_etag(request, version));
    return lh_respond_json(request, status, view, err);
}

static lh_code views_name(const lh_request *request, lh_table_name *ret, lh_error *err) {
    return lh_table_name_parse(views_catalog(request), lh_request_param(request, "name"), lh_request_arena(request),
                               ret, err);
}

lh_code api_view_get(lh_request *request, lh_error *err) {
    lh_table_name name;
    LH_TRY(views_name(request, &name, err));
    return views_answer(request, name, 200, err);
}

/* The request as access takes it; its name is still to come. */
static lh_code views_put(lh_request *request, lh_view_put *ret, lh_error *err) {
    const lh_app *app = lh_request_app(request);
    lh_json *body = NULL;
    bool ignored;
    lh_permission permission;
    if (!app->engine) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check_object(body, err));
    *ret = (lh_view_put){.catalog = app->catalog,
                         .engine = app->engine,
                         .body = body,
                         .expected = LH_VERSION_ABSENT,
                         .by = lh_request_principal(request, &ignored, &permission)};
    return LH_OK;
}

lh_code api_view_create(lh_request *request, lh_error *err) {
    lh_view_put put;
    lh_table_name name;
    LH_TRY(views_put(request, &put, err));
    LH_TRY(lh_access_view_put(&put, lh_request_arena(request), &name, err));
    return views_answer(request, name, 201, err);
}

/* The version of the view in the path. *ret_fits: If-Match is absent, or has it. */
static lh_code views_match(lh_request *request, lh_table_name *ret, uint64_t *ret_version, bool *ret_fits,
                           lh_error *err) {
    lh_view_defined view;
    LH_TRY(views_name(request, ret, err));
    LH_TRY(lh_view_definition(views_catalog(request), *ret, lh_request_arena(request), &view, err));
    *ret_version = view.version;
    *ret_fits = lh_request_matches(request, views_etag(request, view.version));
    return LH_OK;
}

static const char views_other_version[] = "the view has another ETag";

lh_code api_view_put(lh_request *request, lh_error *err) {
    lh_view_put put;
    lh_table_name name;
    bool fits;
    LH_TRY(views_put(request, &put, err));
    LH_TRY(views_match(request, &put.name, &put.expected, &fits, err));
    if (!fits) return lh_respond_precondition(request, views_other_version, err);
    LH_TRY(lh_access_view_put(&put, lh_request_arena(request), &name, err));
    return views_answer(request, name, 200, err);
}

lh_code api_view_delete(lh_request *request, lh_error *err) {
    lh_table_name name;
    uint64_t version;
    bool fits;
    LH_TRY(views_match(request, &name, &version, &fits, err));
    if (!fits) return lh_respond_precondition(request, views_other_version, err);
    LH_TRY(lh_access_view_delete(views_catalog(request), name, version, lh_request_arena(request), err));
    return lh_respond_empty(request, 204, err);
}
