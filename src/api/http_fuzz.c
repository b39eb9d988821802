/* A request's head as lines: method, target, then "name: value" lines. Guard, router and query decoding must hold, and
 * what the router accepts must be a route with its parameters decoded from the path. */
#include "api/range.h"
#include "api/server_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_route(lh_str method, lh_str target, lh_arena *arena) {
    api_match match = {0};
    lh_str query = target, path = lh_str_split(&query, '?');
    lh_code code = api_router_find(method, path, arena, &match, NULL);
    if (code == LH_OK) {
        assert(match.route && match.param_count <= API_PARAMS_MAX);
        for (size_t i = 0; i < match.param_count; i++)
            assert(match.params[i].value.len <= path.len && match.params[i].value.len > 0);
    } else {
        assert(code == LH_NOT_FOUND || code == LH_INVALID || (code == LH_DENIED && match.allow[0]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lh_arena *arena = NULL;
    if (lh_arena_new(1 << 20, &arena, NULL) != LH_OK) return 0;
    lh_str rest = {(const char *)data, size}, method = lh_str_split(&rest, '\n'), target = lh_str_split(&rest, '\n');
    api_guard guard = {0};
    while (rest.len) {
        lh_str value = lh_str_split(&rest, '\n'), name = lh_str_split(&value, ':');
        uint64_t offset = 0, length = 0;
        api_guard_header(&guard, name, value);
        if (api_range_parse(value, 1000, &offset, &length) == API_RANGE_PART)
            assert(offset < 1000 && length >= 1 && length <= 1000 - offset);
    }
    const char *reason = api_guard_verdict(&guard, method, LH_STR("HTTP/1.1"));
    if (!reason) assert(guard.hosts == 1 && guard.lengths + guard.encodings <= 1);
    if (!api_guard_target(target)) fuzz_route(method, target, arena);
    lh_arena_free(arena);
    return 0;
}
