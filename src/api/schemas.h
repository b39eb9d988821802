/* Private to api: the tables behind the OpenAPI document: bodies that routes.def names, query parameters and headers. */
#ifndef LH_API_SCHEMAS_H
#define LH_API_SCHEMAS_H
#include "api/server_internal.h"

/* A member. type: "string", "integer", "number", "boolean", "object", "any", "time" (RFC 3339), "file", "a|b|c" (words),
 * "$x" (schema x), and "[" before any of these (an array of it). */
typedef struct api_member {
    const char *name, *type;
    bool required;
    const char *help;
} api_member;
typedef struct api_schema {
    const char *name;          /* as in routes.def */
    const char *title;         /* its name under components/schemas; NULL: written in place */
    const char *media;         /* content type; NULL: no body */
    const api_member *members; /* NULL: any content of that type */
    size_t member_count;
} api_schema;
/* NULL for a name that no row has. Borrowed: static. */
const api_schema *api_schema_find(const char *name);

typedef enum { API_IN_QUERY, API_IN_HEADER } api_in;
typedef struct api_parameter {
    int route;
    api_in in;
    const char *name, *type, *help;
} api_parameter; /* route: API_ROUTE_… */
extern const api_parameter api_parameters[];
extern const size_t api_parameter_count;
typedef struct api_answer_header {
    int route; /* API_ROUTE_… */
    const char *name;
    bool always; /* in each good answer */
    const char *help;
} api_answer_header;
extern const api_answer_header api_answer_headers[];
extern const size_t api_answer_header_count;
/* Refuses a query parameter that the route does not have, naming those that it has. Errors: INVALID. */
LH_MUST_CHECK lh_code api_parameter_check(const api_route *route, lh_str name, lh_error *err);
extern const api_schema api_schemas[];
extern const size_t api_schema_count;
#endif
