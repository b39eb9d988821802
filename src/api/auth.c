/* Whose key a request shows (access knows the keys), and /access/keys. */
#include "api/server_internal.h"

api_identity api_authenticate(lh_app *app, lh_str presented, bool internal_listener) {
    if (internal_listener) {
        bool engine = lh_equal_constant_time(presented, app->internal_token);
        return (api_identity){
            .known = engine, .engine = engine, .permission = engine ? LH_PERMIT_ADMIN : LH_PERMIT_PUBLIC};
    }
    lh_identity identity = lh_access_identify(app->config, app->catalog, presented);
    return (api_identity){
        .known = identity.known, .permission = identity.permission, .principal = identity.principal};
}

bool lh_request_knows_token(const lh_request *request, lh_str token) {
    return api_authenticate(lh_request_app(request), token, false).known;
}

/* ---- handlers ---- */

lh_code api_keys_list(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_access_keys_list(lh_request_app(request)->catalog, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_keys_create(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(lh_request_json(request, &body, err));
    static const char *const known[] = {"name", "permission"};
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(lh_access_key_create(lh_request_app(request)->catalog, lh_json_get_string(body, "name"),
                                lh_json_str(lh_json_get(body, "permission"), LH_STR("read")), lh_request_arena(request),
                                &answer, err));
    return lh_respond_json(request, 201, answer, err);
}

lh_code api_keys_revoke(lh_request *request, lh_error *err) {
    LH_TRY(lh_access_key_revoke(lh_request_app(request)->catalog, lh_request_param(request, "id"),
                                lh_request_arena(request), err));
    return lh_respond_empty(request, 204, err);
}
