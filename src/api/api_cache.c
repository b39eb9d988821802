/* /query/cache: pins, evictions and what the hot cache holds. */
#include "api/api_internal.h"

enum { CACHE_COLUMNS_MAX = 1000 };

static lh_code cache_engine(lh_request *request, lh_engine **ret, lh_error *err) {
    *ret = lh_request_app(request)->engine;
    return *ret ? LH_OK : lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
}

static lh_code cache_columns(const lh_json *columns, lh_arena *arena, lh_cache_pin *pin, lh_error *err) {
    lh_str *names = LH_ARENA_ARRAY(arena, lh_str, CACHE_COLUMNS_MAX);
    if (!columns || lh_json_is_null(columns)) return lh_arena_check(arena, err);
    if (!lh_json_is_array(columns) || lh_json_size(columns) == 0 || lh_json_size(columns) > CACHE_COLUMNS_MAX)
        return lh_fail(err, LH_INVALID, "'columns' must be an array of 1 to %d names; leave it out to pin all",
                       CACHE_COLUMNS_MAX);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        lh_str name = lh_json_str(it.value, LH_STR_NONE);
        if (name.len == 0) return lh_fail(err, LH_INVALID, "'columns' must be an array of names");
        names[pin->column_count++] = name;
    }
    pin->columns = names;
    return LH_OK;
}

static lh_json *cache_item(lh_json *stats, lh_str dataset) {
    for (lh_json_iter it = lh_json_each(lh_json_get(stats, "items")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "dataset"), dataset)) return it.value;
    return NULL;
}

lh_code api_cache_pin(lh_request *request, lh_error *err) {
    static const char *const known[] = {"dataset", "columns", "wait"};
    lh_arena *arena = lh_request_arena(request);
    lh_engine *engine = NULL;
    lh_json *body = NULL, *stats = NULL;
    lh_cache_pin pin = {.origin = LH_CACHE_BY_REQUEST, .cancel = lh_request_cancel(request)};
    LH_TRY(cache_engine(request, &engine, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    lh_str dataset = lh_json_get_string(body, "dataset");
    if (dataset.len == 0) return lh_fail(err, LH_INVALID, "'dataset' is missing: the table's name, or namespace.table");
    LH_TRY(lh_table_name_parse(lh_request_app(request)->catalog, dataset, arena, &pin.table, err));
    LH_TRY(cache_columns(lh_json_get(body, "columns"), arena, &pin, err));
    LH_TRY(lh_body_bool(body, "wait", true, &pin.wait, err));
    LH_TRY(lh_cache_pin_table(engine, &pin, err));
    LH_TRY(lh_cache_stats(engine, arena, &stats, err));
    lh_json *item = cache_item(stats, lh_table_name_text(pin.table, arena));
    if (!item) return lh_fail(err, LH_CONFLICT, "the dataset was evicted while it was loaded");
    return lh_respond_json(request, pin.wait ? 200 : 202, item, err);
}

lh_code api_cache_evict(lh_request *request, lh_error *err) {
    static const char *const known[] = {"dataset", "all"};
    lh_arena *arena = lh_request_arena(request);
    lh_engine *engine = NULL;
    lh_json *body = NULL, *answer = lh_json_new_object(arena);
    lh_table_name name;
    bool all;
    uint64_t bytes = 0;
    size_t count = 0;
    LH_TRY(cache_engine(request, &engine, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(lh_body_bool(body, "all", false, &all, err));
    lh_str dataset = lh_json_get_string(body, "dataset");
    if (all == (dataset.len > 0)) return lh_fail(err, LH_INVALID, "name either 'dataset', or \"all\": true");
    if (!all) LH_TRY(lh_table_name_parse(lh_request_app(request)->catalog, dataset, arena, &name, err));
    LH_TRY(lh_cache_evict(engine, all ? NULL : &name, &bytes, &count, err));
    lh_json_set_uint(arena, answer, "evicted", count);
    lh_json_set_uint(arena, answer, "bytes", bytes);
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_cache_stats(lh_request *request, lh_error *err) {
    lh_engine *engine = NULL;
    lh_json *stats = NULL;
    LH_TRY(cache_engine(request, &engine, err));
    LH_TRY(lh_cache_stats(engine, lh_request_arena(request), &stats, err));
    api_hide_system(request, stats, "items", "dataset");
    return lh_respond_json(request, 200, stats, err);
}
