/* The Iceberg REST catalog over HTTP (the REST OpenAPI of Apache Iceberg 1.10): the wire side of src/catalog.
 * Namespaces in paths are levels joined by 0x1F. Errors carry the specification's exception names. */
#include "api/governed.h"
#include "api/iceberg_internal.h"
#include "api/range.h"

#include <errno.h>

/* ---- errors ---- */

static const iceberg_names iceberg_namespace = {"NoSuchNamespaceException", "AlreadyExistsException"};
static const iceberg_names iceberg_namespace_drop = {"NoSuchNamespaceException", "NamespaceNotEmptyException"};
static const iceberg_names iceberg_table = {"NoSuchTableException", "CommitFailedException"};
static const iceberg_names iceberg_table_new = {"NoSuchTableException", "AlreadyExistsException"};

lh_code iceberg_refuse(lh_request *request, unsigned status, const char *type, const lh_error *why, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *body = lh_json_new_object(arena), *error = lh_json_new_object(arena);
    lh_json_set_string(arena, error, "message", lh_str_from(why->message));
    lh_json_set_string(arena, error, "type", lh_str_from(type));
    lh_json_set_uint(arena, error, "code", status);
    lh_json_set(arena, body, "error", error);
    return lh_respond_json(request, status, body, err);
}

lh_code iceberg_fail(lh_request *request, lh_code code, const iceberg_names *names, lh_error *err) {
    const lh_error why = *err;
    if (code == LH_CONFLICT) return iceberg_refuse(request, 409, names->conflict, &why, err);
    if (code != LH_NOT_FOUND) return code;
    bool no_namespace = lh_str_starts(lh_str_from(why.message), LH_STR("Namespace does not exist"));
    return iceberg_refuse(request, 404, no_namespace ? "NoSuchNamespaceException" : names->not_found, &why, err);
}

lh_code iceberg_commit_fail(lh_request *request, lh_code code, const iceberg_names *names, lh_error *err) {
    const lh_error why = *err;
    bool unknown = code == LH_UNAVAILABLE || (code == LH_IO && why.sys_errno != ENOSPC && why.sys_errno != EDQUOT);
    return unknown ? iceberg_refuse(request, 500, "CommitStateUnknownException", &why, err)
                   : iceberg_fail(request, code, names, err);
}

lh_code iceberg_answer(lh_request *request, lh_code code, const lh_json *answer, const iceberg_names *names,
                       lh_error *err) {
    return code == LH_OK ? lh_respond_json(request, 200, answer, err) : iceberg_fail(request, code, names, err);
}

lh_code iceberg_answer_empty(lh_request *request, lh_code code, const iceberg_names *names, lh_error *err) {
    return code == LH_OK ? lh_respond_empty(request, 204, err) : iceberg_fail(request, code, names, err);
}

/* ---- what requests have in common ---- */

lh_catalog *iceberg_catalog(lh_request *request) { return lh_request_catalog(request); }

/* The engine knows a namespace by the spelling that it first saw, and keeps that when one of another case takes its place. */
static lh_str iceberg_spelled(lh_request *request, lh_str name) {
    lh_arena *arena = lh_request_arena(request);
    lh_namespace_of of;
    bool found =
        lh_request_is_engine(request) &&
        lh_namespace_of_sql(iceberg_catalog(request), lh_namespace_text(name, arena), arena, &of, NULL) == LH_OK;
    return found && of.count == 1 ? of.name : name;
}

lh_str iceberg_namespace_name(lh_request *request) {
    return iceberg_spelled(request,
                           lh_namespace_of_path(lh_request_param(request, "namespace"), lh_request_arena(request)));
}

static lh_table_name iceberg_table_name(lh_request *request) {
    return (lh_table_name){iceberg_namespace_name(request), lh_request_param(request, "table")};
}

lh_code iceberg_body(lh_request *request, lh_json **ret, lh_error *err) {
    LH_TRY(lh_request_json(request, ret, err));
    LH_TRY(lh_body_check_object(*ret, err));
    return api_refuse_system_body(request, *ret, err);
}

lh_code iceberg_page(lh_request *request, lh_page *ret, lh_error *err) {
    uint64_t size;
    LH_TRY(lh_request_query_uint(request, "pageSize", 1, 1000000, 0, &size, err));
    *ret = (lh_page){lh_request_query(request, "pageToken"), size};
    /* a client that can page says so by sending pageToken, even if empty */
    if (size == 0 && lh_request_has_query(request, "pageToken")) ret->limit = LH_LIMIT_LIST_PAGE;
    return LH_OK;
}

/* ---- configuration ---- */

lh_code api_iceberg_config(lh_request *request, lh_error *err) {
    static const char *const routes[] = {
#define LH_ROUTE(method, path, permission, lane, handler, summary, request, response, body_max) #method " " path,
#include "api/routes.def"
#undef LH_ROUTE
    };
    lh_arena *arena = lh_request_arena(request);
    lh_json *answer = lh_json_new_object(arena), *endpoints = lh_json_new_array(arena);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        lh_str rest = lh_str_from(routes[i]), method = lh_str_split(&rest, ' ');
        if (!lh_str_starts(rest, LH_STR("/iceberg/v1/")) || lh_str_ends(rest, LH_STR("/config")) ||
            lh_str_ends(rest, LH_STR("/oauth/tokens")))
            continue;
        lh_json_append(endpoints,
                       lh_json_new_string(arena, lh_arena_printf(arena, "%.*s /v1/{prefix}%.*s", LH_STR_ARG(method),
                                                                 LH_STR_ARG(lh_str_sub(rest, 11, SIZE_MAX)))));
    }
    lh_json_set(arena, answer, "defaults", lh_json_new_object(arena));
    lh_json_set(arena, answer, "overrides", lh_json_new_object(arena));
    lh_json_set(arena, answer, "endpoints", endpoints);
    int64_t lifetime_ms = lh_request_app(request)->config->catalog_idempotency_lifetime_ms;
    lh_json_set_string(arena, answer, "idempotency-key-lifetime",
                       lifetime_ms % 60000 == 0 ? lh_arena_printf(arena, "PT%" PRId64 "M", lifetime_ms / 60000)
                                                : lh_arena_printf(arena, "PT%" PRId64 ".%03dS", lifetime_ms / 1000,
                                                                  (int)(lifetime_ms % 1000)));
    return lh_respond_json(request, 200, answer, err);
}

/* The fields of a token request that we look at. */
typedef struct iceberg_grant {
    lh_str type, secret, subject;
} iceberg_grant;

/* HTTP Basic, as RFC 6749 §2.3.1 has it: base64 of "id:secret", each form-encoded. Empty when there is none, or it is bad. */
static lh_str iceberg_basic_secret(lh_request *request) {
    lh_arena *arena = lh_request_arena(request);
    lh_str header = lh_request_header(request, "Authorization"), secret;
    if (header.len < 6 || !lh_str_eq_nocase(lh_str_sub(header, 0, 6), LH_STR("Basic "))) return LH_STR_NONE;
    char *decoded = lh_arena_alloc(arena, header.len);
    size_t bytes = 0;
    if (!decoded || lh_base64_decode(lh_str_trim(lh_str_sub(header, 6, SIZE_MAX)), decoded, &bytes) != LH_OK)
        return LH_STR_NONE;
    secret = (lh_str){decoded, bytes};
    (void)lh_str_split(&secret, ':');
    return lh_url_decode(arena, secret, &secret, NULL) == LH_OK ? secret : LH_STR_NONE;
}

static lh_code iceberg_grant_read(lh_request *request, iceberg_grant *ret, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    iceberg_grant grant = {0};
    lh_str body;
    LH_TRY(lh_request_body(request, &body, err));
    for (lh_str rest = body; rest.len;) {
        lh_str value = lh_str_split(&rest, '&'), name = lh_str_split(&value, '=');
        LH_TRY(lh_url_decode(arena, value, &value, err));
        if (lh_str_eq(name, LH_STR("grant_type"))) grant.type = value;
        if (lh_str_eq(name, LH_STR("client_secret"))) grant.secret = value;
        if (lh_str_eq(name, LH_STR("subject_token"))) grant.subject = value;
    }
    if (grant.secret.len == 0) grant.secret = iceberg_basic_secret(request);
    *ret = grant;
    return lh_arena_check(arena, err);
}

static lh_code iceberg_oauth_refuse(lh_request *request, unsigned status, const char *error, const char *why,
                                    lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_string(arena, answer, "error", lh_str_from(error));
    lh_json_set_string(arena, answer, "error_description", lh_str_from(why));
    return lh_respond_json(request, status, answer, err);
}

/* RFC 6749 client credentials: the API key is the client secret (in the body or as HTTP Basic; the client's id does not
 * matter), and it is also the token. An exchange (RFC 8693) gives the token back. */
lh_code api_iceberg_oauth(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    iceberg_grant grant;
    LH_TRY(iceberg_grant_read(request, &grant, err));
    bool exchange = lh_str_eq(grant.type, LH_STR("urn:ietf:params:oauth:grant-type:token-exchange"));
    if (!exchange && !lh_str_eq(grant.type, LH_STR("client_credentials")))
        return iceberg_oauth_refuse(request, 400, "unsupported_grant_type", "send grant_type=client_credentials", err);
    lh_str token = exchange ? grant.subject : grant.secret, retry_after;
    bool known = lh_request_knows_token(request, token, &retry_after);
    if (retry_after.len) {
        lh_respond_header(request, "Retry-After", retry_after);
        return iceberg_oauth_refuse(request, 429, "slow_down", "too many requests or wrong keys; try again later", err);
    }
    if (!known)
        return iceberg_oauth_refuse(request, 401, "invalid_client",
                                    "send a valid API key as client_secret, or as HTTP Basic's password", err);
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_string(arena, answer, "access_token", token.len ? token : LH_STR("anonymous"));
    lh_json_set_string(arena, answer, "token_type", LH_STR("bearer"));
    lh_json_set_string(arena, answer, "issued_token_type", LH_STR("urn:ietf:params:oauth:token-type:access_token"));
    lh_json_set_int(arena, answer, "expires_in", 3600);
    return lh_respond_json(request, 200, answer, err);
}

/* ---- namespaces ---- */

/* Of a caller who sees a part: those that hold something that is seen, below `parent` and one level deep; all on one page. */
static lh_code iceberg_shown_namespaces(lh_request *request, const lh_governor *governor, lh_str parent, lh_json **ret,
                                        lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *answer = lh_json_new_object(arena), *namespaces = lh_json_new_array(arena);
    lh_listed *listed = NULL;
    size_t count = 0, from = parent.len ? parent.len + 1 : 0;
    lh_str last = LH_STR_NONE;
    LH_TRY(governor->list(governor->ctx, arena, &listed, &count, err));
    for (size_t i = 0; i < count; i++) { /* by name: those of one namespace stand together */
        lh_str whole = listed[i].name.namespace_;
        bool within = whole.len > from && lh_str_starts(whole, parent) && (from == 0 || whole.ptr[from - 1] == '\x1f');
        if (!within) continue;
        lh_str rest = lh_str_sub(whole, from, SIZE_MAX);
        lh_str shown = lh_str_sub(whole, 0, from + lh_str_find(rest, '\x1f'));
        if (lh_str_eq(shown, last)) continue;
        lh_json_append(namespaces, lh_namespace_levels(shown, arena));
        last = shown;
    }
    lh_json_set(arena, answer, "namespaces", namespaces);
    lh_json_set(arena, answer, "next-page-token", lh_json_new_null(arena));
    *ret = answer;
    return lh_arena_check(arena, err);
}

static lh_code iceberg_shown_tables(lh_request *request, const lh_governor *governor, lh_str namespace_, lh_json **ret,
                                    lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *answer = lh_json_new_object(arena), *identifiers = lh_json_new_array(arena);
    lh_listed *listed = NULL;
    size_t count = 0;
    LH_TRY(governor->list(governor->ctx, arena, &listed, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (!lh_str_eq(listed[i].name.namespace_, namespace_)) continue;
        lh_json *identifier = lh_json_new_object(arena);
        lh_json_set(arena, identifier, "namespace", lh_namespace_levels(namespace_, arena));
        lh_json_set_string(arena, identifier, "name", listed[i].name.name);
        lh_json_append(identifiers, identifier);
    }
    lh_json_set(arena, answer, "identifiers", identifiers);
    lh_json_set(arena, answer, "next-page-token", lh_json_new_null(arena));
    *ret = answer;
    return lh_arena_check(arena, err);
}

/* Something in it, or below it, must be seen; whatever its properties say is not told. */
static lh_code iceberg_shown_namespace(lh_request *request, const lh_governor *governor, lh_json **ret, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_str name = iceberg_namespace_name(request);
    lh_listed *listed = NULL;
    size_t count = 0;
    bool seen = false;
    LH_TRY(governor->list(governor->ctx, arena, &listed, &count, err));
    for (size_t i = 0; i < count && !seen; i++) {
        lh_str whole = listed[i].name.namespace_;
        seen = lh_str_eq(whole, name) ||
               (whole.len > name.len && lh_str_starts(whole, name) && whole.ptr[name.len] == '\x1f');
    }
    if (!seen || name.len == 0) return lh_fail(err, LH_DENIED, "there is no namespace of that name that you may read");
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set(arena, answer, "namespace", lh_namespace_levels(name, arena));
    lh_json_set(arena, answer, "properties", lh_json_new_object(arena));
    *ret = answer;
    return lh_arena_check(arena, err);
}

lh_code api_iceberg_namespaces(lh_request *request, lh_error *err) {
    lh_page page;
    lh_json *answer = NULL;
    const lh_governor *governor = NULL;
    lh_arena *arena = lh_request_arena(request);
    LH_TRY(iceberg_page(request, &page, err));
    LH_TRY(api_governor(request, LH_PERMIT_READ, &governor, err));
    lh_str parent = lh_namespace_of_path(lh_request_query(request, "parent"), arena);
    if (governor) {
        LH_TRY(iceberg_shown_namespaces(request, governor, parent, &answer, err));
        return lh_respond_json(request, 200, answer, err);
    }
    LH_TRY(api_refuse_system(request, parent, err));
    lh_code code = lh_namespace_list(iceberg_catalog(request), parent, !api_seen(request), page, arena, &answer, err);
    return iceberg_answer(request, code, answer, &iceberg_namespace, err);
}

lh_code api_iceberg_namespace_create(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    lh_code code = lh_namespace_create(iceberg_catalog(request), body, lh_request_arena(request), &answer, err);
    return iceberg_answer(request, code, answer, &iceberg_namespace, err);
}

static lh_code iceberg_namespace_of(lh_request *request, lh_json **ret, lh_error *err) {
    const lh_governor *governor = NULL;
    LH_TRY(api_governor(request, LH_PERMIT_READ, &governor, err));
    if (governor) return iceberg_shown_namespace(request, governor, ret, err);
    return lh_namespace_load(iceberg_catalog(request), iceberg_namespace_name(request), lh_request_arena(request), ret,
                             err);
}

lh_code api_iceberg_namespace_load(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    lh_code code = iceberg_namespace_of(request, &answer, err);
    return iceberg_answer(request, code, answer, &iceberg_namespace, err);
}

lh_code api_iceberg_namespace_exists(lh_request *request, lh_error *err) {
    lh_json *answer = NULL;
    lh_code code = iceberg_namespace_of(request, &answer, err);
    return iceberg_answer_empty(request, code, &iceberg_namespace, err);
}

lh_code api_iceberg_namespace_drop(lh_request *request, lh_error *err) {
    return iceberg_answer_empty(request,
                                lh_namespace_drop(iceberg_catalog(request), iceberg_namespace_name(request), err),
                                &iceberg_namespace_drop, err);
}

lh_code api_iceberg_namespace_update(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    lh_code code = lh_namespace_update(iceberg_catalog(request), iceberg_namespace_name(request), body,
                                       lh_request_arena(request), &answer, err);
    return iceberg_answer(request, code, answer, &iceberg_namespace, err);
}

/* ---- tables ---- */

lh_code api_iceberg_tables(lh_request *request, lh_error *err) {
    lh_page page;
    lh_json *answer = NULL;
    const lh_governor *governor = NULL;
    LH_TRY(iceberg_page(request, &page, err));
    LH_TRY(api_governor(request, LH_PERMIT_READ, &governor, err));
    if (governor) {
        LH_TRY(iceberg_shown_tables(request, governor, iceberg_namespace_name(request), &answer, err));
        return lh_respond_json(request, 200, answer, err);
    }
    lh_code code = lh_table_list(iceberg_catalog(request), iceberg_namespace_name(request), page,
                                 lh_request_arena(request), &answer, err);
    return iceberg_answer(request, code, answer, &iceberg_namespace, err);
}

/* Keys open the whole bucket, so they are for those only who may write, where the configuration allows it. */
static bool iceberg_may_vend(lh_request *request) {
    return lh_request_app(request)->config->storage_vend_credentials && lh_request_may(request, LH_PERMIT_WRITE);
}

/* … and who ask. */
static bool iceberg_vends(lh_request *request) {
    lh_str wanted = lh_request_header(request, "X-Iceberg-Access-Delegation");
    if (!iceberg_may_vend(request)) return false;
    while (wanted.len)
        if (lh_str_eq(lh_str_trim(lh_str_split(&wanted, ',')), LH_STR("vended-credentials"))) return true;
    return false;
}

/* DuckDB counts ids of schemas from the current one's. */
static void iceberg_show(lh_request *request, lh_json *answer) {
    if (lh_str_starts(lh_request_header(request, "User-Agent"), LH_STR("duckdb/")))
        lh_table_show_to_duckdb(answer, lh_request_arena(request));
}

void iceberg_suit(lh_request *request, lh_json *answer) {
    iceberg_show(request, answer);
    if (iceberg_vends(request)) lh_table_vend(iceberg_catalog(request), answer, lh_request_arena(request));
}

void iceberg_tag(lh_request *request, const lh_json *answer) {
    lh_arena *arena = lh_request_arena(request);
    lh_str location = lh_json_get_string(answer, "metadata-location"), key;
    bool is_table = lh_json_get(lh_json_get(answer, "metadata"), "table-uuid") != NULL;
    if (!is_table || lh_bucket_key_of(lh_request_app(request)->bucket, location, arena, &key, NULL) != LH_OK) return;
    lh_respond_etag(request, lh_table_etag(key, false, arena));
}

static lh_code iceberg_answer_table(lh_request *request, lh_code code, lh_json *answer, lh_error *err) {
    if (code == LH_OK) iceberg_suit(request, answer), iceberg_tag(request, answer);
    return iceberg_answer(request, code, answer, &iceberg_table_new, err);
}

/* A commit of our engine belongs to the trace of who holds the table's lock. */
static void iceberg_link(lh_request *request, lh_table_name name) {
    char parent[56];
    if (lh_request_is_engine(request))
        lh_span_adopt(lh_engine_trace_of(lh_request_app(request)->engine, &name, parent));
}

lh_code api_iceberg_table_create(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    iceberg_link(request, (lh_table_name){iceberg_namespace_name(request), lh_json_get_string(body, "name")});
    lh_code code = lh_table_create(iceberg_catalog(request), iceberg_namespace_name(request), body,
                                   lh_request_arena(request), &answer, err);
    return iceberg_answer_table(request, code, answer, err);
}

lh_code api_iceberg_table_register(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    lh_code code = lh_table_register(iceberg_catalog(request), iceberg_namespace_name(request), body,
                                     lh_request_arena(request), &answer, err);
    return iceberg_answer_table(request, code, answer, err);
}

/* The If-None-Match header's tag without its quotes and weakness; none of a list, which is looked at after the load. */
static lh_str iceberg_etag(lh_request *request) {
    lh_str tag = lh_str_trim(lh_request_header(request, "If-None-Match"));
    if (lh_str_find(tag, ',') < tag.len) return LH_STR_NONE;
    if (lh_str_starts(tag, LH_STR("W/"))) tag = lh_str_sub(tag, 2, SIZE_MAX);
    return tag.len >= 2 && tag.ptr[0] == '"' ? lh_str_sub(tag, 1, tag.len - 2) : tag;
}

lh_code api_iceberg_table_load(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_str snapshots = lh_request_query(request, "snapshots"), etag;
    lh_json *answer = NULL;
    bool refs = lh_str_eq(snapshots, LH_STR("refs"));
    if (snapshots.len && !refs && !lh_str_eq(snapshots, LH_STR("all")))
        return lh_fail(err, LH_INVALID, "snapshots must be all or refs");
    lh_code code = lh_table_load(iceberg_catalog(request), iceberg_table_name(request), refs, iceberg_etag(request),
                                 arena, &answer, &etag, err);
    if (code != LH_OK) return iceberg_fail(request, code, &iceberg_table, err);
    if (answer) iceberg_suit(request, answer);
    lh_respond_etag(request, etag);
    if (api_etag_list_has(lh_request_header(request, "If-None-Match"), etag, true)) answer = NULL;
    return answer ? lh_respond_json(request, 200, answer, err) : lh_respond_empty(request, 304, err);
}

/* loadCredentials: of a local table none, and none where keys are not vended. */
lh_code api_iceberg_credentials(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *table = NULL, *answer = lh_json_new_object(arena);
    lh_str etag;
    lh_code code = lh_table_load(iceberg_catalog(request), iceberg_table_name(request), true, LH_STR_NONE, arena,
                                 &table, &etag, err);
    if (code != LH_OK) return iceberg_fail(request, code, &iceberg_table, err);
    if (iceberg_may_vend(request)) lh_table_vend(iceberg_catalog(request), table, arena);
    lh_json *vended = lh_json_get(table, "storage-credentials");
    lh_json_set(arena, answer, "storage-credentials", vended ? vended : lh_json_new_array(arena));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_iceberg_table_exists(lh_request *request, lh_error *err) {
    int64_t ignored;
    lh_code code = lh_table_snapshot_id(iceberg_catalog(request), iceberg_table_name(request), &ignored, err);
    return iceberg_answer_empty(request, code, &iceberg_table, err);
}

/* ["a","b"] as the path has it. */
static lh_str iceberg_joined(lh_request *request, const lh_json *levels) {
    lh_str joined = LH_STR_NONE;
    for (lh_json_iter it = lh_json_each(levels); lh_json_next(&it);)
        joined = lh_arena_printf(lh_request_arena(request), "%.*s%s%.*s", LH_STR_ARG(joined), it.index ? "\x1f" : "",
                                 LH_STR_ARG(lh_json_str(it.value, LH_STR_NONE)));
    return joined;
}

/* Of a body's {"namespace","name"}. */
static void iceberg_spell(lh_request *request, lh_json *identifier) {
    if (!lh_request_is_engine(request) || !lh_json_is_array(lh_json_get(identifier, "namespace"))) return;
    lh_str name = iceberg_spelled(request, iceberg_joined(request, lh_json_get(identifier, "namespace")));
    lh_json_set(lh_request_arena(request), identifier, "namespace",
                lh_namespace_levels(name, lh_request_arena(request)));
}

lh_code api_iceberg_table_commit(lh_request *request, lh_error *err) {
    lh_json *body = NULL, *answer = NULL;
    lh_table_name name = iceberg_table_name(request);
    LH_TRY(iceberg_body(request, &body, err));
    iceberg_link(request, name);
    lh_code code = lh_table_commit(iceberg_catalog(request), name, body, lh_request_is_engine(request),
                                   lh_request_arena(request), &answer, err);
    if (code != LH_OK) return iceberg_commit_fail(request, code, &iceberg_table, err);
    iceberg_show(request, answer);
    iceberg_tag(request, answer);
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_iceberg_table_drop(lh_request *request, lh_error *err) {
    bool purge;
    LH_TRY(lh_request_query_bool(request, "purgeRequested", &purge, err));
    iceberg_link(request, iceberg_table_name(request));
    return iceberg_answer_empty(
        request, lh_table_drop(iceberg_catalog(request), iceberg_table_name(request), purge, err), &iceberg_table, err);
}

lh_code api_iceberg_table_rename(lh_request *request, lh_error *err) {
    lh_json *body = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    iceberg_spell(request, lh_json_get(body, "source"));
    iceberg_spell(request, lh_json_get(body, "destination"));
    return iceberg_answer_empty(request,
                                lh_table_rename(iceberg_catalog(request), body, lh_request_arena(request), err),
                                &iceberg_table_new, err);
}

/* Scan and commit reports of clients: checked to be JSON and to name a table that exists, then dropped. */
lh_code api_iceberg_metrics(lh_request *request, lh_error *err) {
    lh_json *body = NULL;
    int64_t ignored;
    LH_TRY(iceberg_body(request, &body, err));
    lh_code code = lh_table_snapshot_id(iceberg_catalog(request), iceberg_table_name(request), &ignored, err);
    return iceberg_answer_empty(request, code, &iceberg_table, err);
}

lh_code api_iceberg_transaction(lh_request *request, lh_error *err) {
    lh_json *body = NULL;
    LH_TRY(iceberg_body(request, &body, err));
    lh_json *changes = lh_json_get(body, "table-changes");
    for (size_t i = 0; i < lh_json_size(changes); i++)
        iceberg_spell(request, lh_json_get(lh_json_at(changes, i), "identifier"));
    const lh_json *first = lh_json_get(lh_json_at(lh_json_get(body, "table-changes"), 0), "identifier");
    iceberg_link(request, (lh_table_name){iceberg_joined(request, lh_json_get(first, "namespace")),
                                          lh_json_get_string(first, "name")});
    lh_code code = lh_transaction_commit(iceberg_catalog(request), body, lh_request_is_engine(request),
                                         lh_request_arena(request), err);
    return code == LH_OK ? lh_respond_empty(request, 204, err)
                         : iceberg_commit_fail(request, code, &iceberg_table, err);
}
