/* POST /ingest/file: a multipart form, its file streamed to the scratch folder and surveyed on the way, then ingested.
 * Fields: dataset, mode, key, format, on_error, on_schema_change, options (JSON), source; in any order before or after the file.
 * Those before it are checked before it is read. */
#include "api/governed.h"
#include "api/upload.h"

typedef struct ingest_upload {
    lh_request *request;
    lh_ingest_request job;
    lh_json *options;
    api_upload file;
} ingest_upload;

static lh_code upload_field(void *ctx, lh_str name, lh_str value, lh_error *err) {
    ingest_upload *upload = ctx;
    lh_arena *arena = lh_request_arena(upload->request);
    struct {
        const char *name;
        lh_str *into;
    } fields[] = {{"dataset", &upload->job.dataset},
                  {"mode", &upload->job.mode},
                  {"key", &upload->job.key},
                  {"format", &upload->job.format},
                  {"on_error", &upload->job.on_error},
                  {"source", &upload->job.source},
                  {"on_schema_change", &upload->job.on_schema_change}};
    if (lh_str_eq(name, LH_STR("options")))
        return value.len ? lh_json_parse(arena, value, &upload->options, err) : LH_OK;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (lh_str_eq(name, lh_str_from(fields[i].name))) {
            *fields[i].into = lh_arena_dup(arena, value);
            return lh_arena_check(arena, err);
        }
    return lh_fail(err, LH_INVALID,
                   "unknown form field '%.*s'; known: dataset, mode, key, format, on_error, "
                   "on_schema_change, options, source, file",
                   LH_STR_ARG(lh_str_cut_utf8(name, 100)));
}

static lh_code upload_file_begin(void *ctx, lh_str name, lh_str file_name, lh_str content_type, lh_error *err) {
    ingest_upload *upload = ctx;
    (void)content_type;
    upload->job.options = upload->options;
    bool all = lh_request_may(upload->request, LH_PERMIT_WRITE); /* else it could tell what is there */
    if (all) LH_TRY(api_refuse_system_name(upload->request, upload->job.dataset, err));
    if (all)
        LH_TRY(lh_ingest_check(lh_request_app(upload->request)->ingest, &upload->job, lh_request_arena(upload->request),
                               err));
    return api_upload_begin(&upload->file, name, file_name, err);
}

static lh_code upload_file_data(void *ctx, lh_str data, lh_error *err) {
    return api_upload_data(&((ingest_upload *)ctx)->file, data, err);
}

static lh_code upload_file_end(void *ctx, lh_error *err) { return api_upload_end(&((ingest_upload *)ctx)->file, err); }

/* Bucket and namespace: as the request says, else as its profile does. A default is no wish: a dataset that is elsewhere
 * already stays there. A bucket of one's choice takes the right to all, as a profile does. */
static lh_code upload_place(ingest_upload *upload, lh_error *err) {
    lh_request *request = upload->request;
    lh_ingest_request *job = &upload->job;
    lh_profile_defaults defaults;
    job->bucket = lh_request_header(request, "X-Lakehouse-Bucket");
    if (job->bucket.len && !lh_request_may(request, LH_PERMIT_WRITE))
        return lh_fail(err, LH_DENIED, "X-Lakehouse-Bucket is for those who may write the whole lake");
    LH_TRY(api_profile_default(request, &defaults, err));
    job->dataset = api_profile_name(defaults, job->dataset, lh_request_arena(request));
    job->default_bucket = defaults.bucket;
    return lh_arena_check(lh_request_arena(request), err);
}

/* Appending and creating add rows; the other modes take some away. */
static lh_code upload_authorize(ingest_upload *upload, lh_error *err) {
    lh_request *request = upload->request;
    lh_str mode = upload->job.mode;
    lh_table_name name;
    if (lh_request_may(request, LH_PERMIT_ADMIN)) return LH_OK;
    LH_TRY(lh_table_name_parse(lh_request_app(request)->catalog, upload->job.dataset, lh_request_arena(request), &name,
                               err));
    bool adds = mode.len == 0 || lh_str_eq(mode, LH_STR("create")) || lh_str_eq(mode, LH_STR("append"));
    LH_TRY(api_may_write(request, adds ? LH_WRITE_INSERT : LH_WRITE_DEFINE, name, err));
    if (lh_ingest_puts_aside(&upload->job)) {
        name.name = lh_arena_printf(lh_request_arena(request), "%.*s__rejects", LH_STR_ARG(name.name));
        LH_TRY(api_may_write(request, LH_WRITE_APPEND, name, err));
    }
    return LH_OK;
}

static lh_code upload_run(ingest_upload *upload, lh_error *err) {
    lh_app *app = lh_request_app(upload->request);
    const api_multipart_handler handler = {upload, upload_field, upload_file_begin, upload_file_data, upload_file_end};
    lh_json *answer = NULL;
    if (!app->ingest) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_request_multipart(upload->request, &handler, err));
    LH_TRY(api_upload_check(&upload->file, err));
    upload->job.file_name = upload->file.file_name;
    LH_TRY(upload_place(upload, err));
    LH_TRY(upload_authorize(upload, err));
    upload->job.path = lh_str_from(upload->file.path);
    upload->job.survey = upload->file.survey;
    upload->job.options = upload->options;
    upload->job.cancel = lh_request_cancel(upload->request);
    if (upload->job.source.len == 0) upload->job.source = LH_STR("upload");
    LH_TRY(lh_ingest_file(app->ingest, &upload->job, lh_request_arena(upload->request), &answer, err));
    bool known = lh_json_bool(lh_json_get(answer, "deduplicated"), false);
    bool created = !known && (upload->job.mode.len == 0 || lh_str_eq(upload->job.mode, LH_STR("create")));
    return lh_respond_json(upload->request, created ? 201 : 200, answer, err);
}

lh_code api_ingest_file(lh_request *request, lh_error *err) {
    ingest_upload upload = {.request = request, .file = {.request = request, .fd = -1}};
    lh_code code = upload_run(&upload, err);
    api_upload_done(&upload.file);
    return code;
}
