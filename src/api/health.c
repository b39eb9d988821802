/* GET /health: the process answers. GET /ready: each part does. GET /: what is here. */
#include "api/server_internal.h"

lh_code api_health(lh_request *request, lh_error *err) {
    lh_json *body = lh_json_new_object(lh_request_arena(request));
    lh_json_set_string(lh_request_arena(request), body, "status", LH_STR("ok"));
    return lh_respond_json(request, 200, body, err);
}

static bool health_part(lh_json *parts, lh_arena *arena, const char *name, lh_code code, const char *message) {
    lh_json *part = lh_json_new_object(arena);
    lh_json_set_string(arena, part, "status", lh_str_from(code == LH_OK ? "ok" : "failed"));
    if (code != LH_OK) lh_json_set_string(arena, part, "message", lh_str_from(message));
    lh_json_set(arena, parts, name, part);
    return code == LH_OK;
}

lh_code api_ready(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_app *app = lh_request_app(request);
    lh_json *body = lh_json_new_object(arena), *parts = lh_json_new_object(arena);
    lh_object_page page;
    lh_error why = {0};
    lh_code code = lh_bucket_list(app->bucket, LH_STR("_catalog/"), LH_STR_NONE, 1, arena, &page, &why);
    bool ok = health_part(parts, arena, "storage", code, why.message);
    code = lh_metastore_refresh(lh_catalog_metastore(app->catalog), &why);
    ok &= health_part(parts, arena, "metastore", code, why.message);
    lh_error_set(&why, LH_UNAVAILABLE, "starting");
    code = app->engine ? lh_engine_check(app->engine, &why) : LH_UNAVAILABLE;
    ok &= health_part(parts, arena, "engine", code, why.message);
    lh_json_set_string(arena, body, "status", ok ? LH_STR("ready") : LH_STR("not ready"));
    lh_json_set(arena, body, "parts", parts);
    if (!ok) lh_respond_header(request, "Retry-After", LH_STR("1"));
    return lh_respond_json(request, ok ? 200 : 503, body, err);
}

lh_code api_home(lh_request *request, lh_error *err) {
    static const char page[] =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\">"
        "<title>lakehouse</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:4rem "
        "auto;padding:0 1rem}"
        "code{background:#f2f2f2;padding:.1em .3em;border-radius:3px}li{margin:.4em 0}</style>"
        "<h1>lakehouse</h1><p>This server answers SQL over a governed Iceberg lake.</p><ul>"
        "<li><a href=\"/docs\">/docs</a>: every route, to read and to try</li>"
        "<li><a href=\"/datasets\">/datasets</a>: what is in the lake</li>"
        "<li><code>POST /query/sql</code>: SQL in, JSON, NDJSON, CSV or Arrow out</li>"
        "<li><code>/iceberg</code>: the Iceberg REST catalog for PyIceberg, DuckDB, Spark</li>"
        "<li><a href=\"/ready\">/ready</a>, <a href=\"/metrics\">/metrics</a>: for who operates it</li></ul></html>";
    return lh_respond_bytes(request, 200, "text/html; charset=utf-8", (lh_str){page, sizeof page - 1}, err);
}
