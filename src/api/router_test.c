#include "api/schemas.h"
#include "base/test.h"

/* "name" of the route and its parameters, or the code: what a path leads to. */
static lh_str find(lh_arena *arena, const char *method, const char *path) {
    api_match match = {0};
    lh_error err = {0};
    lh_code code = api_router_find(lh_str_from(method), lh_str_from(path), arena, &match, &err);
    if (code == LH_DENIED) return lh_arena_printf(arena, "405 %s", match.allow);
    if (code != LH_OK) return lh_str_from(lh_code_name(code));
    lh_str text = lh_str_from(match.route->name);
    for (size_t i = 0; i < match.param_count; i++)
        text = lh_arena_printf(arena, "%.*s %.*s=%.*s", LH_STR_ARG(text), (int)match.params[i].name_len,
                               match.params[i].name, LH_STR_ARG(match.params[i].value));
    return text;
}
#define FIND(method, path, expected) CHECK_STR(find(arena, method, path), LH_STR(expected))

static void test_router__segments_are_matched_whole(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    FIND("GET", "/", "api_home");
    FIND("GET", "/health", "api_health");
    FIND("GET", "/datasets", "api_datasets_list");
    FIND("POST", "/datasets", "api_datasets_register");
    FIND("GET", "/datasets/by-name/a.b", "api_dataset_get name=a.b");
    FIND("GET", "/iceberg/v1/namespaces/n/tables/t", "api_iceberg_table_load namespace=n table=t");
    FIND("POST", "/iceberg/v1/namespaces/n/tables/t/metrics", "api_iceberg_metrics namespace=n table=t");
    FIND("GET", "/iceberg/v1/namespaces/tables/tables/tables", "api_iceberg_table_load namespace=tables table=tables");
    FIND("GET", "/storage/objects/a/b//c", "api_object_get key=a/b//c");
}

static void test_router__what_does_not_match_is_not_found(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    static const char *const paths[] = {"/nope",
                                        "/Health",
                                        "/health/",
                                        "//health",
                                        "/healthy",
                                        "/heal",
                                        "/datasets/",
                                        "/datasets/by-name",
                                        "/datasets/by-name/",
                                        "/datasets/by-name/a/",
                                        "/datasets/by-name/a/b",
                                        "/storage/objects/",
                                        "/iceberg/v1/namespaces//tables",
                                        "/iceberg/v1/namespaces/n/tables/",
                                        "/iceberg/v1/namespaces/n/tables/t/x",
                                        "/%68ealth",
                                        "/datasets/../health"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        lh_str got = find(arena, "GET", paths[i]);
        if (!lh_str_eq(got, LH_STR("not_found"))) print_error("%s: %.*s\n", paths[i], LH_STR_ARG(got));
        CHECK_STR(got, LH_STR("not_found"));
    }
    FIND("GET", "health", "invalid");
    FIND("GET", "", "invalid");
}

static void test_router__a_known_path_tells_its_methods(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    FIND("PUT", "/health", "405 GET, HEAD");
    FIND("get", "/health", "405 GET, HEAD");
    FIND("GET", "/query/sql", "405 POST");
    FIND("PATCH", "/storage/objects/a", "405 GET, HEAD, PUT, DELETE");
    FIND("PUT", "/iceberg/v1/namespaces/n/tables/t", "405 GET, HEAD, POST, DELETE");
}

static void test_router__head_goes_to_its_own_route_or_to_get(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    FIND("HEAD", "/health", "api_health");
    FIND("HEAD", "/datasets/by-name/x", "api_dataset_get name=x");
    FIND("HEAD", "/storage/objects/x/y", "api_object_head key=x/y");
    FIND("HEAD", "/iceberg/v1/namespaces/n/tables/t", "api_iceberg_table_exists namespace=n table=t");
    FIND("HEAD", "/query/sql", "405 POST");
}

static void test_router__segments_are_decoded_after_they_are_split(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    FIND("GET", "/datasets/by-name/a%2Fb", "api_dataset_get name=a/b");
    FIND("GET", "/datasets/by-name/a%252Fb", "api_dataset_get name=a%2Fb");
    FIND("GET", "/iceberg/v1/namespaces/a%1Fb/tables",
         "api_iceberg_tables namespace=a\x1f"
         "b");
    FIND("GET", "/datasets/by-name/a+b%20c", "api_dataset_get name=a+b c");
    FIND("GET", "/datasets/by-name/%zz", "invalid");
    FIND("GET", "/datasets/by-name/%4", "invalid");
    FIND("GET", "/storage/objects/..%2Fx", "api_object_get key=../x"); /* the handler's lh_key_check() refuses it */
    api_match match;
    CHECK(api_router_find(LH_STR("GET"), LH_STR("/datasets/by-name/a%00b"), arena, &match, NULL) == LH_OK);
    CHECK_STR(match.params[0].value, LH_STR("a\0b"));
}

static void test_router__every_route_names_schemas_that_exist(void) {
    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        const api_route *route = &api_routes[i];
        if (!api_schema_find(route->request) || !api_schema_find(route->response)) print_error("%s\n", route->name);
        CHECK(api_schema_find(route->request) && api_schema_find(route->response));
        CHECK((strcmp(route->request, "none") == 0) == (route->body_max == 0));
        CHECK(strncmp(route->name, "api_", 4) == 0 && route->path[0] == '/');
    }
    for (size_t i = 0; i < api_schema_count; i++)
        for (size_t m = 0; m < api_schemas[i].member_count; m++) {
            const char *type = api_schemas[i].members[m].type;
            const api_schema *other =
                type[strspn(type, "[")] == '$' ? api_schema_find(type + strspn(type, "[") + 1) : &api_schemas[i];
            CHECK(other && other->title);
        }
}

static void test_router__the_openapi_document_is_written(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_str text;
    lh_json *document = NULL;
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    CHECK_OK(lh_api_openapi(arena, &text, &err));
    CHECK_OK(lh_json_parse(arena, text, &document, &err));
    const lh_json *paths = lh_json_get(document, "paths");
    size_t operations = 0;
    for (lh_json_iter it = lh_json_each(paths); lh_json_next(&it);) operations += lh_json_size(it.value);
    CHECK(operations == API_ROUTE_COUNT);
    const lh_json *get = lh_json_get(lh_json_get(paths, "/storage/objects/{key}"), "get");
    CHECK_STR(lh_json_get_string(get, "operationId"), LH_STR("object_get"));
    CHECK_STR(lh_json_get_string(get, "x-permission"), LH_STR("read"));
}

LH_TEST_MAIN(LH_TEST(test_router__segments_are_matched_whole), LH_TEST(test_router__what_does_not_match_is_not_found),
             LH_TEST(test_router__a_known_path_tells_its_methods),
             LH_TEST(test_router__head_goes_to_its_own_route_or_to_get),
             LH_TEST(test_router__segments_are_decoded_after_they_are_split),
             LH_TEST(test_router__every_route_names_schemas_that_exist),
             LH_TEST(test_router__the_openapi_document_is_written))
