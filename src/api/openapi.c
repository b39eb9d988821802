/* GET /openapi.json and `lakehouse openapi`: the OpenAPI 3.1 document, written from routes.def and the tables of
 * schemas.c, in their order, so that it only changes when they do. */
#include "api/schemas.h"

/* ---- schemas ---- */

static lh_json *openapi_ref(lh_arena *arena, const char *section, const char *title) {
    lh_json *ref = lh_json_new_object(arena);
    lh_json_set_string(arena, ref, "$ref", lh_arena_printf(arena, "#/components/%s/%s", section, title));
    return ref;
}

static void openapi_words(lh_arena *arena, lh_json *into, lh_str words) {
    lh_json *list = lh_json_new_array(arena);
    while (words.len) lh_json_append(list, lh_json_new_string(arena, lh_str_split(&words, '|')));
    lh_json_set_string(arena, into, "type", LH_STR("string"));
    lh_json_set(arena, into, "enum", list);
}

/* The words of schemas.h to JSON Schema. */
static lh_json *openapi_type(lh_arena *arena, lh_str type) {
    if (type.ptr[0] == '$') return openapi_ref(arena, "schemas", api_schema_find(type.ptr + 1)->title);
    lh_json *schema = lh_json_new_object(arena);
    if (type.ptr[0] == '[') {
        lh_json_set_string(arena, schema, "type", LH_STR("array"));
        lh_json_set(arena, schema, "items", openapi_type(arena, lh_str_sub(type, 1, SIZE_MAX)));
    } else if (lh_str_find(type, '|') < type.len) {
        openapi_words(arena, schema, type);
    } else if (lh_str_eq(type, LH_STR("time"))) {
        lh_json_set_string(arena, schema, "type", LH_STR("string"));
        lh_json_set_string(arena, schema, "format", LH_STR("date-time"));
    } else if (lh_str_eq(type, LH_STR("file"))) {
        lh_json_set_string(arena, schema, "type", LH_STR("string"));
        lh_json_set_string(arena, schema, "format", LH_STR("binary"));
    } else if (!lh_str_eq(type, LH_STR("any"))) {
        lh_json_set_string(arena, schema, "type", type);
    }
    return schema;
}

static lh_json *openapi_schema(lh_arena *arena, const api_schema *schema) {
    lh_json *out = lh_json_new_object(arena), *properties = lh_json_new_object(arena),
            *required = lh_json_new_array(arena);
    lh_json_set_string(arena, out, "type", LH_STR("object"));
    for (size_t i = 0; i < schema->member_count; i++) {
        const api_member *member = &schema->members[i];
        lh_json *type = openapi_type(arena, lh_str_from(member->type));
        lh_json_set_string(arena, type, "description", lh_str_from(member->help));
        lh_json_set(arena, properties, member->name, type);
        if (member->required) lh_json_append(required, lh_json_new_string(arena, lh_str_from(member->name)));
    }
    lh_json_set(arena, out, "properties", properties);
    if (lh_json_size(required)) lh_json_set(arena, out, "required", required);
    return out;
}

static void openapi_media(lh_arena *arena, lh_json *content, const char *media, lh_json *schema) {
    lh_json *type = lh_json_new_object(arena);
    lh_json_set(arena, type, "schema", schema);
    lh_json_set(arena, content, media, type);
}

static lh_json *openapi_content(lh_arena *arena, const api_schema *schema) {
    lh_json *content = lh_json_new_object(arena);
    openapi_media(arena, content, schema->media,
                  schema->title ? openapi_ref(arena, "schemas", schema->title) : lh_json_new_object(arena));
    if (strcmp(schema->name, "rows") == 0) {
        openapi_media(arena, content, "application/x-ndjson", lh_json_new_object(arena));
        openapi_media(arena, content, "text/csv", lh_json_new_object(arena));
        openapi_media(arena, content, "application/vnd.apache.arrow.stream", lh_json_new_object(arena));
    }
    if (strcmp(schema->name, "ai_generated") == 0 || strcmp(schema->name, "openai_chat") == 0 ||
        strcmp(schema->name, "rag_answer") == 0)
        openapi_media(arena, content, "text/event-stream", lh_json_new_object(arena));
    return content;
}

/* ---- operations ---- */

static const struct {
    const char *name, *schema, *help;
} openapi_errors[] = {
    [API_ERRORS_OURS] = {"Error", "error",
                         "Refused or failed. 400 invalid, 401 unauthenticated, 403 denied, 404 not_found, 405 "
                         "method_not_allowed, 409 and 412 conflict, "
                         "413 too_large, 415 unsupported, 422 limit, 500 internal, io or corrupt, 503 unavailable "
                         "(Retry-After says when), 504 cancelled or timed out, 507 disk full"},
    [API_ERRORS_ICEBERG] = {"IcebergError", "iceberg_error",
                            "Refused or failed, as the Iceberg REST specification has it: "
                            "{\"error\":{\"message\",\"type\",\"code\"}}"},
    [API_ERRORS_OPENAI] = {"OpenAIError", "openai_error",
                           "Refused or failed, as OpenAI's API has it: "
                           "{\"error\":{\"message\",\"type\",\"param\",\"code\"}}"},
};

static lh_json *openapi_parameter(lh_arena *arena, const char *in, lh_str name, const char *type, const char *help) {
    lh_json *parameter = lh_json_new_object(arena);
    lh_json_set_string(arena, parameter, "name", name);
    lh_json_set_string(arena, parameter, "in", lh_str_from(in));
    if (strcmp(in, "path") == 0) lh_json_set_bool(arena, parameter, "required", true);
    lh_json_set_string(arena, parameter, "description", lh_str_from(help));
    lh_json_set(arena, parameter, "schema", openapi_type(arena, lh_str_from(type)));
    return parameter;
}

static const char *openapi_path_help(const api_route *route, lh_str name) {
    if (lh_str_eq(name, LH_STR("key"))) return "The object's key, with its slashes";
    if (lh_str_eq(name, LH_STR("namespace"))) return "Its levels joined by 0x1F (%1F)";
    if (lh_str_eq(name, LH_STR("name"))) return "t, or namespace.t";
    return lh_str_eq(name, LH_STR("id")) && strstr(route->path, "/keys/") ? "The key's id" : "Its name";
}

static lh_json *openapi_parameters(lh_arena *arena, const api_route *route) {
    lh_json *list = lh_json_new_array(arena);
    for (const char *open = strchr(route->path, '{'); open; open = strchr(open + 1, '{')) {
        lh_str name = {open + 1, strcspn(open + 1, ".}")};
        lh_json_append(list, openapi_parameter(arena, "path", name, "string", openapi_path_help(route, name)));
    }
    for (size_t i = 0; i < api_parameter_count; i++) {
        const api_parameter *p = &api_parameters[i];
        if (&api_routes[p->route] == route)
            lh_json_append(list, openapi_parameter(arena, p->in == API_IN_QUERY ? "query" : "header",
                                                   lh_str_from(p->name), p->type, p->help));
    }
    if (api_takes_idempotency_key(route))
        lh_json_append(list,
                       openapi_parameter(arena, "header", LH_STR("Idempotency-Key"), "string",
                                         "A UUID of version 7: the same request under it is done once, and answered "
                                         "the same again"));
    return list;
}

/* NULL: the good answer has none of its own. */
static lh_json *openapi_answer_headers(lh_arena *arena, const api_route *route) {
    lh_json *headers = lh_json_new_object(arena);
    for (size_t i = 0; i < api_answer_header_count; i++) {
        const api_answer_header *row = &api_answer_headers[i];
        if (&api_routes[row->route] != route) continue;
        lh_json *header = lh_json_new_object(arena);
        lh_json_set_string(arena, header, "description", lh_str_from(row->help));
        if (row->always) lh_json_set_bool(arena, header, "required", true);
        lh_json_set(arena, header, "schema", openapi_type(arena, LH_STR("string")));
        lh_json_set(arena, headers, row->name, header);
    }
    return lh_json_size(headers) ? headers : NULL;
}

static lh_json *openapi_responses(lh_arena *arena, const api_route *route) {
    lh_json *responses = lh_json_new_object(arena), *good = lh_json_new_object(arena);
    const api_schema *schema = api_schema_find(route->response);
    lh_json *headers = openapi_answer_headers(arena, route);
    lh_json_set_string(arena, good, "description", schema->media ? LH_STR("Done") : LH_STR("Done; no body"));
    if (headers) lh_json_set(arena, good, "headers", headers);
    if (schema->media) lh_json_set(arena, good, "content", openapi_content(arena, schema));
    lh_json_set(arena, responses, "2XX", good);
    lh_json_set(arena, responses, "default",
                openapi_ref(arena, "responses", openapi_errors[api_errors_of(route->path)].name));
    return responses;
}

static lh_json *openapi_operation(lh_arena *arena, const api_route *route) {
    static const char *const permissions[] = {[LH_PERMIT_PUBLIC] = "public",
                                              [LH_PERMIT_READ] = "read",
                                              [LH_PERMIT_WRITE] = "write",
                                              [LH_PERMIT_ADMIN] = "admin"};
    lh_json *operation = lh_json_new_object(arena), *tags = lh_json_new_array(arena),
            *parameters = openapi_parameters(arena, route);
    lh_str rest = lh_str_from(route->path + 1), tag = lh_str_split(&rest, '/');
    bool probe = rest.len == 0 && !lh_str_eq(tag, LH_STR("datasets"));
    lh_json_append(tags, lh_json_new_string(arena, probe ? LH_STR("server") : tag));
    lh_json_set_string(arena, operation, "operationId", lh_str_from(route->name + 4)); /* without api_ */
    lh_json_set_string(arena, operation, "summary", lh_str_from(route->summary));
    lh_json_set(arena, operation, "tags", tags);
    lh_json_set_string(arena, operation, "x-permission", lh_str_from(permissions[route->permission]));
    if (route->permission == LH_PERMIT_PUBLIC) lh_json_set(arena, operation, "security", lh_json_new_array(arena));
    if (lh_json_size(parameters)) lh_json_set(arena, operation, "parameters", parameters);
    const api_schema *schema = api_schema_find(route->request);
    if (schema->media) {
        lh_json *body = lh_json_new_object(arena);
        bool optional = strcmp(schema->name, "scan") == 0 || strcmp(schema->name, "journal_flush") == 0;
        lh_json_set_bool(arena, body, "required", !optional);
        lh_json_set(arena, body, "content", openapi_content(arena, schema));
        lh_json_set(arena, operation, "requestBody", body);
        if (route->body_max > 0) lh_json_set_int(arena, operation, "x-body-max-bytes", route->body_max);
    }
    lh_json_set(arena, operation, "responses", openapi_responses(arena, route));
    return operation;
}

static lh_json *openapi_paths(lh_arena *arena) {
    lh_json *paths = lh_json_new_object(arena);
    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(512), method = LH_BUF_INIT(16);
        lh_str pattern = lh_str_from(api_routes[i].path);
        size_t dots = lh_str_search(pattern, LH_STR("...}"));
        lh_buf_append(&path, dots == SIZE_MAX ? pattern : lh_str_sub(pattern, 0, dots));
        if (dots != SIZE_MAX) lh_buf_char(&path, '}');
        for (const char *c = api_routes[i].method; *c; c++) lh_buf_char(&method, (char)(*c | 0x20));
        lh_json *item = lh_json_get_str(paths, lh_buf_str(&path));
        if (!item) {
            item = lh_json_new_object(arena);
            lh_json_put(arena, paths, lh_buf_str(&path), item);
        }
        lh_json_put(arena, item, lh_buf_str(&method), openapi_operation(arena, &api_routes[i]));
    }
    return paths;
}

/* ---- the document ---- */

static lh_json *openapi_security_schemes(lh_arena *arena) {
    lh_json *schemes = lh_json_new_object(arena), *key = lh_json_new_object(arena), *bearer = lh_json_new_object(arena);
    lh_json_set_string(arena, key, "type", LH_STR("apiKey"));
    lh_json_set_string(arena, key, "in", LH_STR("header"));
    lh_json_set_string(arena, key, "name", LH_STR("X-API-Key"));
    lh_json_set_string(arena, bearer, "type", LH_STR("http"));
    lh_json_set_string(arena, bearer, "scheme", LH_STR("bearer"));
    lh_json_set(arena, schemes, "ApiKey", key);
    lh_json_set(arena, schemes, "Bearer", bearer);
    return schemes;
}

static lh_json *openapi_error_responses(lh_arena *arena) {
    lh_json *responses = lh_json_new_object(arena);
    for (size_t i = 0; i < sizeof openapi_errors / sizeof *openapi_errors; i++) {
        lh_json *response = lh_json_new_object(arena);
        lh_json_set_string(arena, response, "description", lh_str_from(openapi_errors[i].help));
        lh_json_set(arena, response, "content", openapi_content(arena, api_schema_find(openapi_errors[i].schema)));
        lh_json_set(arena, responses, openapi_errors[i].name, response);
    }
    return responses;
}

static lh_json *openapi_components(lh_arena *arena) {
    lh_json *components = lh_json_new_object(arena), *schemas = lh_json_new_object(arena);
    for (size_t i = 0; i < api_schema_count; i++)
        if (api_schemas[i].title)
            lh_json_set(arena, schemas, api_schemas[i].title, openapi_schema(arena, &api_schemas[i]));
    lh_json_set(arena, components, "schemas", schemas);
    lh_json_set(arena, components, "responses", openapi_error_responses(arena));
    lh_json_set(arena, components, "securitySchemes", openapi_security_schemes(arena));
    return components;
}

static lh_json *openapi_info(lh_arena *arena) {
    lh_json *info = lh_json_new_object(arena), *licence = lh_json_new_object(arena);
    lh_json_set_string(arena, info, "title", LH_STR("lakehouse"));
    lh_json_set_string(arena, info, "version", LH_STR("1.0"));
    lh_json_set_string(arena, info, "description",
                       LH_STR("Files in, Iceberg tables in the middle, SQL out. Lists are {items, next_page_token}; "
                              "errors are {error: {code, message, details, trace_id}}; times are RFC 3339 UTC."));
    lh_json_set_string(arena, licence, "name", LH_STR("Apache License 2.0"));
    lh_json_set_string(arena, licence, "identifier", LH_STR("Apache-2.0"));
    lh_json_set(arena, info, "license", licence);
    return info;
}

lh_code lh_api_openapi(lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *document = lh_json_new_object(arena), *security = lh_json_new_array(arena),
            *servers = lh_json_new_array(arena), *server = lh_json_new_object(arena);
    static const char *const schemes[] = {"ApiKey", "Bearer"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) { /* either will do */
        lh_json *one = lh_json_new_object(arena);
        lh_json_set(arena, one, schemes[i], lh_json_new_array(arena));
        lh_json_append(security, one);
    }
    lh_json_set_string(arena, server, "url", LH_STR("/"));
    lh_json_append(servers, server);
    lh_json_set_string(arena, document, "openapi", LH_STR("3.1.0"));
    lh_json_set(arena, document, "info", openapi_info(arena));
    lh_json_set(arena, document, "servers", servers);
    lh_json_set(arena, document, "security", security);
    lh_json_set(arena, document, "paths", openapi_paths(arena));
    lh_json_set(arena, document, "components", openapi_components(arena));
    return lh_json_write(arena, document, true, ret, err);
}

lh_code api_openapi(lh_request *request, lh_error *err) {
    lh_str text;
    LH_TRY(lh_api_openapi(lh_request_arena(request), &text, err));
    return lh_respond_bytes(request, 200, "application/json", text, err);
}
