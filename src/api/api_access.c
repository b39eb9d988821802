/* /access: roles, principals, and what the ones give the others. The ETag of either is the version of its document. */
#include "api/api_internal.h"

enum { ACCESS_PAGE = 100 };

static lh_catalog *access_catalog(const lh_request *request) { return lh_request_app(request)->catalog; }

/* ---- roles ---- */

lh_code api_roles_list(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    lh_page page;
    LH_TRY(lh_request_page(request, ACCESS_PAGE, &page, err));
    LH_TRY(lh_access_roles_list(access_catalog(request), page, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

static lh_str access_etag(const lh_request *request, uint64_t version) {
    return lh_arena_printf(lh_request_arena(request), "r%" PRIu64, version);
}

static lh_code access_answer_role(lh_request *request, lh_str name, unsigned status, lh_error *err) {
    lh_json *role = NULL;
    uint64_t version = 0;
    LH_TRY(lh_access_role_get(access_catalog(request), name, lh_request_arena(request), &role, &version, err));
    lh_respond_etag(request, access_etag(request, version));
    return lh_respond_json(request, status, role, err);
}

lh_code api_role_get(lh_request *request, lh_error *err) {
    return access_answer_role(request, lh_request_param(request, "role"), 200, err);
}

lh_code api_role_create(lh_request *request, lh_error *err) {
    lh_json *body = NULL;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check_object(body, err));
    lh_str name = lh_json_get_string(body, "name");
    LH_TRY(lh_access_role_put(access_catalog(request), name, body, LH_VERSION_ABSENT, lh_request_arena(request), err));
    return access_answer_role(request, name, 201, err);
}

/* The version of the role in the path. *ret_fits: If-Match is absent, or has it. */
static lh_code access_match_role(lh_request *request, uint64_t *ret_version, bool *ret_fits, lh_error *err) {
    lh_json *ignored = NULL;
    LH_TRY(lh_access_role_get(access_catalog(request), lh_request_param(request, "role"), lh_request_arena(request),
                              &ignored, ret_version, err));
    *ret_fits = lh_request_matches(request, access_etag(request, *ret_version));
    return LH_OK;
}

static const char access_other_version[] = "the role has another ETag";

lh_code api_role_put(lh_request *request, lh_error *err) {
    lh_str name = lh_request_param(request, "role");
    lh_json *body = NULL;
    uint64_t version;
    bool fits;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check_object(body, err));
    LH_TRY(access_match_role(request, &version, &fits, err));
    if (!fits) return lh_respond_precondition(request, access_other_version, err);
    lh_code code = lh_access_role_put(access_catalog(request), name, body, version, lh_request_arena(request), err);
    if (code == LH_CONFLICT && lh_request_header(request, "If-Match").len) /* it was changed meanwhile */
        return lh_respond_precondition(request, access_other_version, err);
    return code == LH_OK ? access_answer_role(request, name, 200, err) : code;
}

lh_code api_role_delete(lh_request *request, lh_error *err) {
    uint64_t version;
    bool fits;
    LH_TRY(access_match_role(request, &version, &fits, err));
    if (!fits) return lh_respond_precondition(request, access_other_version, err);
    LH_TRY(lh_access_role_delete(access_catalog(request), lh_request_param(request, "role"), version,
                                 lh_request_arena(request), err));
    return lh_respond_empty(request, 204, err);
}

/* ---- principals ---- */

lh_code api_principals_list(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    lh_page page;
    LH_TRY(lh_request_page(request, ACCESS_PAGE, &page, err));
    LH_TRY(lh_access_principals_list(access_catalog(request), page, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

static lh_str access_principal_etag(const lh_request *request, uint64_t version) {
    return lh_arena_printf(lh_request_arena(request), "p%" PRIu64, version);
}

static lh_code access_answer_principal(lh_request *request, lh_str name, unsigned status, lh_error *err) {
    lh_json *principal = NULL;
    uint64_t version = 0;
    LH_TRY(
        lh_access_principal_get(access_catalog(request), name, lh_request_arena(request), &principal, &version, err));
    lh_respond_etag(request, access_principal_etag(request, version));
    return lh_respond_json(request, status, principal, err);
}

lh_code api_principal_create(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *ignored = NULL;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_access_principal_create(access_catalog(request), body, lh_request_arena(request), &ignored, err));
    return access_answer_principal(request, lh_json_get_string(body, "name"), 201, err);
}

lh_code api_principal_get(lh_request *request, lh_error *err) {
    return access_answer_principal(request, lh_request_param(request, "principal"), 200, err);
}

/* The version of the principal in the path. *ret_fits: If-Match is absent, or has it. */
static lh_code access_match_principal(lh_request *request, uint64_t *ret_version, bool *ret_fits, lh_error *err) {
    lh_json *ignored = NULL;
    LH_TRY(lh_access_principal_get(access_catalog(request), lh_request_param(request, "principal"),
                                   lh_request_arena(request), &ignored, ret_version, err));
    *ret_fits = lh_request_matches(request, access_principal_etag(request, *ret_version));
    return LH_OK;
}

static const char access_other_principal[] = "the principal has another ETag";

lh_code api_principal_put(lh_request *request, lh_error *err) {
    lh_str name = lh_request_param(request, "principal");
    lh_json *body = NULL;
    uint64_t version;
    bool fits;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check_object(body, err));
    LH_TRY(access_match_principal(request, &version, &fits, err));
    if (!fits) return lh_respond_precondition(request, access_other_principal, err);
    lh_code code =
        lh_access_principal_put(access_catalog(request), name, body, version, lh_request_arena(request), err);
    if (code == LH_CONFLICT && access_match_principal(request, &version, &fits, NULL) == LH_OK && !fits)
        return lh_respond_precondition(request, access_other_principal, err); /* it was changed meanwhile */
    return code == LH_OK ? access_answer_principal(request, name, 200, err) : code;
}

lh_code api_principal_delete(lh_request *request, lh_error *err) {
    uint64_t version;
    bool fits;
    LH_TRY(access_match_principal(request, &version, &fits, err));
    if (!fits) return lh_respond_precondition(request, access_other_principal, err);
    LH_TRY(lh_access_principal_delete(access_catalog(request), lh_request_param(request, "principal"), version,
                                      lh_request_arena(request), err));
    return lh_respond_empty(request, 204, err);
}

/* ---- who may do what ---- */

lh_code api_access_me(lh_request *request, lh_error *err) {
    static const char *const permissions[] = {"none", "read", "write", "admin"};
    lh_arena *arena = lh_request_arena(request);
    lh_json *answer = lh_json_new_object(arena), *principal = NULL, *roles = lh_json_new_array(arena);
    bool governed;
    lh_permission permission;
    lh_str name = lh_request_principal(request, &governed, &permission), kind = LH_STR("key");
    if (governed) {
        uint64_t ignored;
        LH_TRY(lh_access_principal_get(access_catalog(request), name, arena, &principal, &ignored, err));
        kind = lh_json_get_string(principal, "kind");
        roles = lh_json_copy(arena, lh_json_get(principal, "roles"));
    } else if (lh_str_eq(name, LH_STR("admin"))) kind = name;
    else if (lh_str_eq(name, LH_STR("-"))) kind = LH_STR("local");
    lh_json_set_string(arena, answer, "principal", name);
    lh_json_set_string(arena, answer, "kind", kind);
    lh_json_set(arena, answer, "roles", roles);
    lh_json_set_string(arena, answer, "permission", lh_str_from(permissions[permission]));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_access_check(lh_request *request, lh_error *err) {
    static const char *const known[] = {"principal", "action", "resource"};
    lh_arena *arena = lh_request_arena(request);
    lh_json *body = NULL, *answer = lh_json_new_object(arena);
    lh_action action;
    lh_resource resource;
    lh_policy *policy = NULL;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    lh_str principal = lh_json_get_string(body, "principal");
    LH_TRY(lh_action_parse(lh_json_get_string(body, "action"), &action, err));
    lh_str text = lh_json_get_string(body, "resource");
    LH_TRY(lh_resource_parse(access_catalog(request), text, arena, &resource, err));
    LH_TRY(lh_access_policy(access_catalog(request), principal, arena, &policy, err));
    lh_view view;
    bool stands = false, plain = lh_str_find(text, ':') == text.len;
    if (plain)
        LH_TRY(lh_access_stands_for_view(access_catalog(request), policy, action, resource.table, arena, &view, &stands,
                                         err));
    if (stands) resource.on = LH_ON_VIEW;
    lh_decision decision = lh_access_decide(policy, action, &resource, arena);
    lh_json_set_string(arena, answer, "principal", principal);
    lh_json_set_string(arena, answer, "action", lh_str_from(lh_action_names[action]));
    lh_json_set_string(arena, answer, "resource",
                       lh_arena_printf(arena, "%s:%.*s", lh_resource_kinds[resource.on], LH_STR_ARG(resource.name)));
    lh_json_set_string(arena, answer, "decision", decision.allowed ? LH_STR("allow") : LH_STR("deny"));
    lh_json_set_bool(arena, answer, "limited", decision.limited);
    lh_json_set_string(arena, answer, "why", decision.why);
    lh_json_set(arena, answer, "role",
                decision.role.len ? lh_json_new_string(arena, decision.role) : lh_json_new_null(arena));
    lh_json_set(arena, answer, "grant",
                decision.role.len ? lh_json_new_uint(arena, decision.grant) : lh_json_new_null(arena));
    return lh_respond_json(request, 200, answer, err);
}

/* For people to read: a governor takes each filter by itself. Empty: every row. */
static lh_str access_row_filter(const lh_effective *effective, lh_arena *arena) {
    lh_str text = effective->row_filter_count == 1 ? effective->row_filters[0] : LH_STR_NONE;
    for (size_t i = 0; effective->row_filter_count > 1 && i < effective->row_filter_count; i++)
        text = lh_arena_printf(arena, "%.*s%s(%.*s)", LH_STR_ARG(text), i ? " OR " : "",
                               LH_STR_ARG(effective->row_filters[i]));
    return text;
}

static void access_set_filter(lh_json *answer, lh_str text, lh_arena *arena) {
    lh_json_set(arena, answer, "row_filter", text.len ? lh_json_new_string(arena, text) : lh_json_new_null(arena));
}

static void access_set_columns(lh_json *answer, const lh_effective *effective, lh_arena *arena) {
    lh_json *columns = lh_json_new_array(arena), *hidden = lh_json_new_array(arena), *masks = lh_json_new_object(arena);
    for (size_t i = 0; i < effective->column_count; i++) {
        const lh_seen_column *column = &effective->columns[i];
        lh_json_append(column->visible ? columns : hidden, lh_json_new_string(arena, column->name));
        if (column->visible && column->mask) lh_json_put(arena, masks, column->name, lh_json_copy(arena, column->mask));
    }
    lh_json_set(arena, answer, "columns", columns);
    lh_json_set(arena, answer, "masks", masks);
    lh_json_set(arena, answer, "hidden", hidden);
}

/* Of a view and those that it is over: what each shows by itself, and, added to the masks and the filter of the grants, all together. A
 * mask works on what the one below leaves, so the last is told. */
static lh_code access_add_view(lh_request *request, const lh_view *view, unsigned depth, lh_json *masks, lh_str *filter,
                               lh_json **ret, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *told = lh_json_new_object(arena), *over = lh_json_new_null(arena);
    lh_view below;
    bool found = false;
    for (lh_json_iter it = lh_json_each(view->redactions); lh_json_next(&it);)
        if (!lh_json_get_str(masks, it.name)) lh_json_put(arena, masks, it.name, lh_json_copy(arena, it.value));
    if (view->row_filter.len)
        *filter = filter->len
                      ? lh_arena_printf(arena, "%.*s AND (%.*s)", LH_STR_ARG(view->row_filter), LH_STR_ARG(*filter))
                      : view->row_filter;
    if (view->base_is_view && depth)
        LH_TRY(lh_access_view_find(access_catalog(request), view->base, arena, &below, &found, err));
    if (found) LH_TRY(access_add_view(request, &below, depth - 1, masks, filter, &over, err));
    lh_json_set_string(arena, told, "base_dataset", lh_table_name_text(view->base, arena));
    lh_json_set(arena, told, "masks", lh_json_copy(arena, view->redactions));
    access_set_filter(told, view->row_filter, arena);
    lh_json_set(arena, told, "over", over);
    *ret = told;
    return lh_arena_check(arena, err);
}

static lh_code access_set_view(lh_request *request, lh_json *answer, const lh_view *view, lh_str filter,
                               lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *told = NULL, *grants = lh_json_new_object(arena), *masks = lh_json_new_object(arena), *all;
    lh_json_set(arena, grants, "masks", lh_json_copy(arena, lh_json_get(answer, "masks")));
    access_set_filter(grants, filter, arena);
    all = lh_json_copy(arena, lh_json_get(answer, "masks"));
    LH_TRY(access_add_view(request, view, LH_ACCESS_VIEW_DEPTH, all, &filter, &told, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "columns")); lh_json_next(&it);) {
        lh_str name = lh_json_str(it.value, LH_STR_NONE);
        if (lh_json_get_str(all, name))
            lh_json_put(arena, masks, name, lh_json_copy(arena, lh_json_get_str(all, name)));
    }
    lh_json_set(arena, answer, "masks", masks);
    access_set_filter(answer, filter, arena);
    lh_json_set(arena, answer, "view", told);
    lh_json_set(arena, answer, "grants", grants);
    return lh_arena_check(arena, err);
}

lh_code api_access_effective(lh_request *request, lh_error *err) {
    lh_catalog *catalog = access_catalog(request);
    lh_arena *arena = lh_request_arena(request);
    lh_json *answer = lh_json_new_object(arena);
    lh_policy *policy = NULL;
    lh_effective effective;
    lh_table_name table;
    lh_view view;
    bool governed, stands;
    lh_permission ignored;
    lh_str principal = lh_request_query(request, "principal"),
           caller = lh_request_principal(request, &governed, &ignored);
    if (principal.len == 0 && !governed)
        return lh_fail(err, LH_INVALID, "'principal' is missing: the caller has no roles of its own");
    if (principal.len == 0) principal = caller;
    LH_TRY(lh_access_policy(catalog, principal, arena, &policy, err));
    LH_TRY(lh_table_name_parse(catalog, lh_request_param(request, "dataset"), arena, &table, err));
    LH_TRY(lh_access_stands_for_view(catalog, policy, LH_ACTION_READ, table, arena, &view, &stands, err));
    if (stands) LH_TRY(lh_access_view_check(catalog, NULL, &view, arena, err));
    if (stands) LH_TRY(lh_access_effective_view(catalog, policy, LH_ACTION_READ, &view, arena, &effective, err));
    else LH_TRY(lh_access_effective(catalog, policy, LH_ACTION_READ, table, arena, &effective, err));
    lh_json_set_string(arena, answer, "principal", principal);
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(table, arena));
    lh_json_set_string(arena, answer, "decision", effective.decision.allowed ? LH_STR("allow") : LH_STR("deny"));
    lh_json_set_string(arena, answer, "why", effective.decision.why);
    lh_json_set_bool(arena, answer, "whole", effective.whole && !stands);
    access_set_columns(answer, &effective, arena);
    access_set_filter(answer, access_row_filter(&effective, arena), arena);
    lh_json_set(arena, answer, "view", lh_json_new_null(arena));
    lh_json_set(arena, answer, "grants", lh_json_new_null(arena));
    if (stands) LH_TRY(access_set_view(request, answer, &view, access_row_filter(&effective, arena), err));
    return lh_respond_json(request, 200, answer, err);
}
