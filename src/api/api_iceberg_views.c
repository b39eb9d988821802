/* Views of the Iceberg REST catalog over HTTP: the wire side of src/catalog/views.c. */
#include "api/iceberg_internal.h"

static const iceberg_names iceberg_view = {"NoSuchViewException", "CommitFailedException"};
static const iceberg_names iceberg_view_new = {"NoSuchViewException", "AlreadyExistsException"};

/* What the rules of view metadata refuse has a type of its own, which Java's client knows. */
static lh_code iceberg_view_refuse(lh_request *request, lh_code code, const iceberg_names *names, lh_error *err) {
    const lh_error why = *err;
    if (code == LH_INVALID) return iceberg_refuse(request, 400, "IllegalArgumentException", &why, err);
    return iceberg_commit_fail(request, code, names, err);
}

static lh_table_name iceberg_view_name(lh_request *request) {
    return (lh_table_name){iceberg_namespace_name(request), lh_request_param(request, "view")};
}

lh_code api_iceberg_views(lh_request *request, lh_error *err) {
    lh_page page;
    lh_json *answer = NULL;
    LH_TRY(iceberg_page(request, &page, err));
    lh_code code = lh_view_list(iceberg_catalog(request), iceberg_namespace_name(request), page,
                                lh_request_arena(request), &answer, err);
    return iceberg_answer(request, code, answer, &iceberg_view, err);
}

lh_code api_iceberg_view_create(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    lh_code code = lh_view_create(iceberg_catalog(request), iceberg_namespace_name(request), body,
                                  lh_request_arena(request), &answer, err);
    return code == LH_OK ? lh_respond_json(request, 200, answer, err)
                         : iceberg_view_refuse(request, code, &iceberg_view_new, err);
}

lh_code api_iceberg_view_register(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    lh_code code = lh_view_register(iceberg_catalog(request), iceberg_namespace_name(request), body,
                                    lh_request_arena(request), &answer, err);
    return iceberg_answer(request, code, answer, &iceberg_view_new, err);
}

lh_code api_iceberg_view_load(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    lh_code code =
        lh_view_load(iceberg_catalog(request), iceberg_view_name(request), lh_request_arena(request), &answer, err);
    return iceberg_answer(request, code, answer, &iceberg_view, err);
}

lh_code api_iceberg_view_exists(lh_request *request, lh_error *err) {
    bool exists = false;
    LH_TRY(lh_view_exists(iceberg_catalog(request), iceberg_view_name(request), &exists, err));
    return lh_respond_empty(request, exists ? 204 : 404, err);
}

lh_code api_iceberg_view_replace(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    lh_code code = lh_view_replace(iceberg_catalog(request), iceberg_view_name(request), body,
                                   lh_request_arena(request), &answer, err);
    return code == LH_OK ? lh_respond_json(request, 200, answer, err)
                         : iceberg_view_refuse(request, code, &iceberg_view, err);
}

lh_code api_iceberg_view_drop(lh_request *request, lh_error *err) {
    return iceberg_answer_empty(request, lh_view_drop(iceberg_catalog(request), iceberg_view_name(request), err),
                                &iceberg_view, err);
}

lh_code api_iceberg_view_rename(lh_request *request, lh_error *err) {
    lh_json *body = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    return iceberg_answer_empty(request, lh_view_rename(iceberg_catalog(request), body, lh_request_arena(request), err),
                                &iceberg_view_new, err);
}
