/* The namespace `system` is for administrators at every door: who reads or writes the whole lake, and is none, is refused what names it or
 * lies in its tables' folders, and lists leave it out. (What objects are refused: api_storage.c.) */
#include "api/request_internal.h"

/* With a permission below the route's, roles have let the caller in, and say what it sees: `system` when they name it. */
static bool system_is_hidden(const lh_request *request) {
    return request->permission < LH_PERMIT_ADMIN && request->permission >= request->match.route->permission;
}

const lh_dataset_seen *api_seen(const lh_request *request) {
    return system_is_hidden(request) ? &lh_datasets_but_system : NULL;
}

lh_code api_refuse_system(const lh_request *request, lh_str namespace_, lh_error *err) {
    bool refused = system_is_hidden(request) && lh_namespace_is_system(namespace_);
    return refused ? lh_fail(err, LH_DENIED, LH_SYSTEM_DENIED) : LH_OK;
}

lh_code api_refuse_system_name(lh_request *request, lh_str dataset, lh_error *err) {
    lh_table_name name;
    if (!system_is_hidden(request) ||
        lh_table_name_parse(lh_request_app(request)->catalog, dataset, request->arena, &name, NULL) != LH_OK)
        return LH_OK; /* what is no name is told by who looks for it */
    return api_refuse_system(request, name.namespace_, err);
}

lh_code api_refuse_system_params(lh_request *request, lh_error *err) {
    lh_str namespace_ = lh_request_param(request, "namespace"), name = lh_request_param(request, "name");
    LH_TRY(api_refuse_system(request, lh_namespace_of_path(namespace_, request->arena), err));
    return name.len ? api_refuse_system_name(request, name, err) : LH_OK;
}

static bool system_is_told(lh_request *request, const lh_system_folders *folders, const lh_json *value) {
    lh_str key, location = lh_json_str(value, LH_STR_NONE);
    const lh_json *namespace_ = lh_json_get(value, "namespace");
    if (lh_json_is_array(namespace_) && lh_namespace_is_system(lh_json_str(lh_json_at(namespace_, 0), LH_STR_NONE)))
        return true;
    if (location.len &&
        lh_bucket_key_of(lh_request_app(request)->bucket, location, request->arena, &key, NULL) == LH_OK &&
        lh_system_folders_hold(folders, key))
        return true;
    for (lh_json_iter it = lh_json_each(value); lh_json_next(&it);)
        if (system_is_told(request, folders, it.value)) return true;
    return false;
}

lh_code api_refuse_system_body(lh_request *request, const lh_json *body, lh_error *err) {
    lh_system_folders folders;
    if (!system_is_hidden(request)) return LH_OK;
    LH_TRY(lh_system_folders_list(lh_request_app(request)->catalog, request->arena, &folders, err));
    bool told = system_is_told(request, &folders, body);
    LH_TRY(lh_arena_check(request->arena, err));
    return told ? lh_fail(err, LH_DENIED, LH_SYSTEM_DENIED) : LH_OK;
}

static bool system_is_text(lh_str name) { /* "system", "system.t", … */
    return lh_namespace_is_system(lh_str_sub(name, 0, lh_str_find(name, '.')));
}

void api_hide_system(const lh_request *request, lh_json *answer, const char *list, const char *member) {
    lh_json *shown = lh_json_new_array(request->arena);
    if (!system_is_hidden(request)) return;
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, list)); lh_json_next(&it);)
        if (!system_is_text(lh_json_get_string(it.value, member)))
            lh_json_append(shown, lh_json_copy(request->arena, it.value));
    lh_json_set(request->arena, answer, list, shown);
}
