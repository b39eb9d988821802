/* The router: routes.def as a table, matched segment by segment. A path is split at '/' before it is
 * percent-decoded, so that %2F stays inside its segment; "{name...}" at the end takes the rest with its slashes.
 * HEAD goes to the path's GET when it has no HEAD of its own. */
#include "api/server_internal.h"

#include <stdio.h>

#define API_BODY(body_max) (body_max)
enum { STREAM = API_BODY_STREAM };
const api_route api_routes[API_ROUTE_COUNT] = {
#define LH_ROUTE(method, path, permission, lane, handler, summary, request, response, body_max)                        \
    [API_ROUTE_##handler] = {#method,        path,    #handler, summary, #request, #response, LH_PERMIT_##permission,  \
                             LH_LANE_##lane, handler, body_max},
#include "api/routes.def"
#undef LH_ROUTE
};

/* Could the path match? Compares what comes before the first parameter: most routes fall here. */
static bool router_may_match(const char *pattern, lh_str path) {
    size_t i = 0;
    for (; pattern[i] && pattern[i] != '{'; i++)
        if (i == path.len || path.ptr[i] != pattern[i]) return false;
    return pattern[i] == '{' || i == path.len;
}

/* Matches a raw path; the values stay percent-encoded. */
static bool router_match(const char *pattern, lh_str path, api_match *match) {
    match->param_count = 0;
    lh_str rest_pattern = lh_str_from(pattern);
    rest_pattern = lh_str_sub(rest_pattern, 1, SIZE_MAX);
    path = lh_str_sub(path, 1, SIZE_MAX);
    for (bool last = false; !last;) {
        bool pattern_ends = lh_str_find(rest_pattern, '/') == rest_pattern.len;
        lh_str want = lh_str_split(&rest_pattern, '/');
        bool param = want.len && want.ptr[0] == '{', rest = lh_str_ends(want, LH_STR("...}"));
        bool path_ends = rest || lh_str_find(path, '/') == path.len;
        lh_str have = rest ? path : lh_str_split(&path, '/');
        if (pattern_ends != path_ends) return false;
        if (param) {
            if (have.len == 0) return false;
            match->params[match->param_count++] = (api_param){want.ptr + 1, want.len - (rest ? 5 : 2), have};
        } else if (!lh_str_eq(want, have)) {
            return false;
        }
        last = pattern_ends;
    }
    return true;
}

static void router_allow(api_match *match, const char *method) {
    size_t used = strlen(match->allow);
    if (strstr(match->allow, method)) return;
    snprintf(match->allow + used, sizeof match->allow - used, "%s%s", used ? ", " : "", method);
}

lh_code api_router_find(lh_str method, lh_str raw_path, lh_arena *arena, api_match *ret, lh_error *err) {
    api_match found = {0};
    if (raw_path.len == 0 || raw_path.ptr[0] != '/')
        return lh_fail(err, LH_INVALID, "the request target must start with '/'");
    const api_route *get = NULL;
    bool head = lh_str_eq(method, LH_STR("HEAD"));
    for (size_t i = 0; i < API_ROUTE_COUNT && !found.route; i++) {
        if (!router_may_match(api_routes[i].path, raw_path) || !router_match(api_routes[i].path, raw_path, &found))
            continue;
        lh_str takes = lh_str_from(api_routes[i].method);
        if (lh_str_eq(method, takes)) found.route = &api_routes[i];
        else router_allow(&found, api_routes[i].method);
        if (head && lh_str_eq(takes, LH_STR("GET"))) get = &api_routes[i];
        if (lh_str_eq(takes, LH_STR("GET"))) router_allow(&found, "HEAD");
    }
    if (!found.route && get && router_match(get->path, raw_path, &found)) found.route = get;
    if (found.route) {
        for (size_t p = 0; p < found.param_count; p++) {
            LH_TRY(lh_url_decode(arena, found.params[p].value, &found.params[p].value, err));
            if (!lh_str_is_utf8(found.params[p].value)) return lh_fail(err, LH_INVALID, "the path is not UTF-8");
        }
        *ret = found;
        return LH_OK;
    }
    if (found.allow[0]) {
        memcpy(ret->allow, found.allow, sizeof found.allow);
        return lh_fail(err, LH_DENIED, "this path takes %s, not %.*s", found.allow, LH_STR_ARG(method));
    }
    return lh_fail(err, LH_NOT_FOUND, "no such path; GET /docs lists what there is");
}
