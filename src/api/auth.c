/* Whose key a request shows (access knows the keys), and /access/keys. */
#include "api/ai.h"
#include "api/request_internal.h"

api_identity api_authenticate(lh_app *app, lh_str presented, lh_address from, bool internal_listener, lh_arena *arena) {
    if (internal_listener) {
        bool engine = lh_equal_constant_time(presented, app->internal_token);
        return (api_identity){
            .known = engine, .engine = engine, .permission = engine ? LH_PERMIT_ADMIN : LH_PERMIT_PUBLIC};
    }
    lh_identity identity = lh_access_identify(app->access, presented, from, arena);
    return (api_identity){.known = identity.known,
                          .retry_after_ms = identity.retry_after_ms,
                          .permission = identity.permission,
                          .principal = identity.principal,
                          .governed = identity.governed,
                          .scope = identity.scope,
                          .owner = identity.owner};
}

lh_str api_retry_after(uint32_t retry_after_ms, lh_arena *arena) {
    return lh_arena_printf(arena, "%" PRIu32, retry_after_ms / 1000 + 1);
}

bool lh_request_knows_token(const lh_request *request, lh_str token, lh_str *ret_retry_after) {
    lh_arena *arena = lh_request_arena(request);
    api_identity identity = api_authenticate(lh_request_app(request), token, request->from, false, arena);
    *ret_retry_after = identity.retry_after_ms ? api_retry_after(identity.retry_after_ms, arena) : LH_STR_NONE;
    return identity.known && (token.len > 0 || !identity.governed); /* who is anonymous needs no token */
}

lh_code lh_request_governor(lh_request *request, const lh_governor **ret, lh_error *err) {
    bool part =
        request->permission < LH_PERMIT_READ; /* who sees the whole lake must be administrator to see `system` */
    if (!request->governor)
        LH_TRY(lh_access_bind(lh_request_app(request)->access, request->principal,
                              part || request->permission >= LH_PERMIT_ADMIN, request->arena, &request->governor, err));
    *ret = request->governor;
    return LH_OK;
}

/* ---- routes that ask a principal's roles ---- */

typedef enum auth_asks {
    AUTH_HANDLER, /* the handler: it shows and changes nothing but what the caller may */
    AUTH_DATASET, /* {name} must be the caller's as a whole */
    AUTH_TABLE,   /* the same of {namespace} and {table} */
    AUTH_AI,      /* may the caller call models? */
} auth_asks;
/* Every other route wants a principal that sees the whole lake. Nothing that takes locations of files is here, commits of Iceberg
 * clients neither: files of a hidden table could be named in them, and read as one's own. */
static const struct {
    int route;
    auth_asks asks;
} auth_asking[] = {
    {API_ROUTE_api_access_me, AUTH_HANDLER},
    {API_ROUTE_api_query_sql, AUTH_HANDLER},
    {API_ROUTE_api_ask, AUTH_HANDLER},
    {API_ROUTE_api_dataset_summary, AUTH_HANDLER},
    {API_ROUTE_api_ingest_file, AUTH_HANDLER},
    {API_ROUTE_api_datasets_list, AUTH_HANDLER},
    {API_ROUTE_api_dataset_get, AUTH_HANDLER},
    {API_ROUTE_api_metadata_get, AUTH_HANDLER},
    {API_ROUTE_api_catalog_search, AUTH_HANDLER},
    {API_ROUTE_api_dataset_delete, AUTH_HANDLER},
    {API_ROUTE_api_layout_get, AUTH_DATASET},
    {API_ROUTE_api_jobs_list, AUTH_HANDLER},
    {API_ROUTE_api_job_get, AUTH_HANDLER},
    {API_ROUTE_api_job_events, AUTH_HANDLER},
    {API_ROUTE_api_job_cancel, AUTH_HANDLER},
    {API_ROUTE_api_job_retry, AUTH_HANDLER},
    {API_ROUTE_api_vectors_index, AUTH_HANDLER},
    {API_ROUTE_api_vectors_indexes, AUTH_HANDLER},
    {API_ROUTE_api_vectors_index_get, AUTH_HANDLER},
    {API_ROUTE_api_vectors_index_delete, AUTH_HANDLER},
    {API_ROUTE_api_vectors_search, AUTH_HANDLER},
    {API_ROUTE_api_vectors_rag, AUTH_HANDLER},
    {API_ROUTE_api_vectors_refresh, AUTH_HANDLER},
    {API_ROUTE_api_vectors_stale, AUTH_HANDLER},
    {API_ROUTE_api_hnsw_eval_create, AUTH_HANDLER},
    {API_ROUTE_api_hnsw_evals, AUTH_HANDLER},
    {API_ROUTE_api_hnsw_eval_get, AUTH_HANDLER},
    {API_ROUTE_api_hnsw_eval_delete, AUTH_HANDLER},
    {API_ROUTE_api_hnsw_eval_autogen, AUTH_HANDLER},
    {API_ROUTE_api_hnsw_trial, AUTH_HANDLER},
    {API_ROUTE_api_hnsw_trials, AUTH_HANDLER},
    {API_ROUTE_api_hnsw_trials_best, AUTH_HANDLER},
    {API_ROUTE_api_hnsw_tune, AUTH_HANDLER},
    {API_ROUTE_api_ai_models, AUTH_AI},
    {API_ROUTE_api_ai_health, AUTH_AI},
    {API_ROUTE_api_ai_usage, AUTH_AI},
    {API_ROUTE_api_ai_embed, AUTH_AI},
    {API_ROUTE_api_ai_generate, AUTH_AI},
    {API_ROUTE_api_ai_rerank, AUTH_AI},
    {API_ROUTE_api_v1_models, AUTH_AI},
    {API_ROUTE_api_v1_model, AUTH_AI},
    {API_ROUTE_api_v1_chat, AUTH_AI},
    {API_ROUTE_api_v1_embeddings, AUTH_AI},
    {API_ROUTE_api_iceberg_config, AUTH_HANDLER},
    {API_ROUTE_api_iceberg_namespaces, AUTH_HANDLER},
    {API_ROUTE_api_iceberg_namespace_load, AUTH_HANDLER},
    {API_ROUTE_api_iceberg_namespace_exists, AUTH_HANDLER},
    {API_ROUTE_api_iceberg_tables, AUTH_HANDLER},
    {API_ROUTE_api_iceberg_table_load, AUTH_TABLE},
    {API_ROUTE_api_iceberg_table_exists, AUTH_TABLE},
    {API_ROUTE_api_iceberg_metrics, AUTH_TABLE},
};

/* Its row; SIZE_MAX: none. */
static size_t auth_row(const api_route *route) {
    for (size_t i = 0; i < sizeof auth_asking / sizeof *auth_asking; i++)
        if (&api_routes[auth_asking[i].route] == route) return i;
    return SIZE_MAX;
}

bool api_may_try(const api_identity *identity, const api_route *route) {
    if (identity->permission >= route->permission) return true;
    return identity->governed && identity->scope >= route->permission && auth_row(route) != SIZE_MAX;
}

/* Calls to models cost money. Who has roles may make them by a grant on tool:ai, or, where no role speaks of that, by seeing the
 * whole lake. */
lh_code api_may_call_models(lh_request *request, lh_error *err) {
    lh_policy *policy = NULL;
    if (!request->governed) return LH_OK; /* its permission was asked */
    LH_TRY(lh_access_policy(lh_request_app(request)->catalog, request->principal, request->arena, &policy, err));
    lh_decision decision = lh_access_decide(policy, LH_ACTION_READ,
                                            &(lh_resource){.on = LH_ON_TOOL, .name = LH_STR("ai")}, request->arena);
    bool silent = !decision.allowed && decision.role.len == 0;
    if (decision.allowed || (silent && request->permission >= request->match.route->permission)) return LH_OK;
    return lh_fail(err, LH_DENIED, "calls to models need a grant to read the tool 'ai'");
}

lh_code api_authorize(lh_request *request, lh_error *err) {
    const api_route *route = request->match.route;
    size_t asks = auth_row(route);
    lh_table_name table;
    if (request->governed && asks != SIZE_MAX && auth_asking[asks].asks == AUTH_AI) return api_may_call_models(request, err);
    if (request->permission >= route->permission) return api_refuse_system_params(request, err);
    if (!request->governed || asks == SIZE_MAX)
        return lh_fail(err, LH_DENIED, "this key's permission does not reach to '%s'", route->summary);
    if (auth_asking[asks].asks == AUTH_HANDLER) return LH_OK;
    lh_catalog *catalog = lh_request_app(request)->catalog;
    lh_action action = route->permission == LH_PERMIT_READ    ? LH_ACTION_READ
                       : route->permission == LH_PERMIT_WRITE ? LH_ACTION_WRITE
                                                              : LH_ACTION_ADMIN;
    if (auth_asking[asks].asks == AUTH_TABLE)
        table = (lh_table_name){lh_namespace_of_path(lh_request_param(request, "namespace"), request->arena),
                                lh_request_param(request, "table")};
    else LH_TRY(lh_table_name_parse(catalog, lh_request_param(request, "name"), request->arena, &table, err));
    return lh_access_require_whole(catalog, request->principal, action, table, request->arena, err);
}

/* ---- handlers ---- */

lh_code api_keys_list(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_access_keys_list(lh_request_app(request)->access, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_keys_create(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(lh_request_json(request, &body, err));
    static const char *const known[] = {"name", "permission", "expires_at"}, *const of_principal[] = {
                                                                                 "principal", "scope", "expires_at"};
    lh_catalog *catalog = lh_request_app(request)->catalog;
    lh_arena *arena = lh_request_arena(request);
    bool owned = lh_json_get(body, "principal") != NULL;
    LH_TRY(lh_body_check(body, owned ? of_principal : known, 3, err));
    const lh_json *ends = lh_json_get(body, "expires_at"); /* of another type is not without */
    lh_str expires_at = lh_json_str(ends, LH_STR_NONE);
    if (ends && expires_at.len == 0)
        return lh_fail(err, LH_INVALID, "'expires_at' must be a time such as 2027-01-31T00:00:00Z");
    if (owned)
        LH_TRY(lh_access_key_create_for(catalog, lh_json_get_string(body, "principal"),
                                        lh_json_str(lh_json_get(body, "scope"), LH_STR("admin")), expires_at, arena,
                                        &answer, err));
    else
        LH_TRY(lh_access_key_create(catalog, lh_json_get_string(body, "name"),
                                    lh_json_str(lh_json_get(body, "permission"), LH_STR("read")), expires_at, arena,
                                    &answer, err));
    return lh_respond_json(request, 201, answer, err);
}

lh_code api_keys_rotate(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_access_key_rotate(lh_request_app(request)->catalog, lh_request_param(request, "id"),
                                lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_keys_revoke(lh_request *request, lh_error *err) {
    LH_TRY(lh_access_key_revoke(lh_request_app(request)->catalog, lh_request_param(request, "id"),
                                lh_request_arena(request), err));
    return lh_respond_empty(request, 204, err);
}
