/* POST /ingest/file: a multipart form, its file streamed to the scratch folder and surveyed on the way, then ingested.
 * Fields: dataset, mode, key, format, on_error, options (JSON), source; in any order before or after the file. */
#include "api/api_internal.h"
#include "api/multipart.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

typedef struct ingest_upload {
    lh_request *request;
    lh_ingest_request job;
    lh_json *options;
    lh_ingest_survey *survey;
    char path[4096];
    int fd;
    bool seen_file;
} ingest_upload;

static lh_code upload_field(void *ctx, lh_str name, lh_str value, lh_error *err) {
    ingest_upload *upload = ctx;
    lh_arena *arena = lh_request_arena(upload->request);
    struct {
        const char *name;
        lh_str *into;
    } fields[] = {{"dataset", &upload->job.dataset},   {"mode", &upload->job.mode},
                  {"key", &upload->job.key},           {"format", &upload->job.format},
                  {"on_error", &upload->job.on_error}, {"source", &upload->job.source}};
    if (lh_str_eq(name, LH_STR("options")))
        return value.len ? lh_json_parse(arena, value, &upload->options, err) : LH_OK;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (lh_str_eq(name, lh_str_from(fields[i].name))) {
            *fields[i].into = lh_arena_dup(arena, value);
            return lh_arena_check(arena, err);
        }
    return lh_fail(err, LH_INVALID,
                   "unknown form field '%.*s'; known: dataset, mode, key, format, on_error, options, source, file",
                   LH_STR_ARG(lh_str_sub(name, 0, 100)));
}

static lh_code upload_file_begin(void *ctx, lh_str name, lh_str file_name, lh_str content_type, lh_error *err) {
    ingest_upload *upload = ctx;
    (void)content_type;
    if (upload->seen_file) return lh_fail(err, LH_INVALID, "the form has more than one file");
    if (!lh_str_eq(name, LH_STR("file")))
        return lh_fail(err, LH_INVALID, "the file's form field must be called 'file'");
    upload->seen_file = true;
    while (lh_str_find(file_name, '/') < file_name.len)
        file_name = lh_str_sub(file_name, lh_str_find(file_name, '/') + 1, SIZE_MAX);
    upload->job.file_name =
        lh_arena_dup(lh_request_arena(upload->request), lh_str_sub(file_name, 0, LH_LIMIT_NAME_BYTES));
    lh_uuid id = lh_uuid_new();
    snprintf(upload->path, sizeof upload->path, "%.*s/upload-%s",
             LH_STR_ARG(lh_request_app(upload->request)->scratch_dir), id.text);
    upload->fd = open(upload->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (upload->fd < 0) return lh_fail_errno(err, errno, "cannot make a scratch file");
    return lh_ingest_survey_new(lh_request_app(upload->request)->ingest, &upload->survey, err);
}

static lh_code upload_file_data(void *ctx, lh_str data, lh_error *err) {
    ingest_upload *upload = ctx;
    lh_ingest_survey_add(upload->survey, data);
    while (data.len) {
        ssize_t written = write(upload->fd, data.ptr, data.len);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return lh_fail_errno(err, written < 0 ? errno : EIO, "cannot store the upload");
        data = lh_str_sub(data, (size_t)written, SIZE_MAX);
    }
    return LH_OK;
}

static lh_code upload_file_end(void *ctx, lh_error *err) {
    ingest_upload *upload = ctx;
    lh_ingest_survey_end(upload->survey);
    int fd = upload->fd;
    upload->fd = -1;
    return close(fd) == 0 ? LH_OK : lh_fail_errno(err, errno, "cannot store the upload");
}

static lh_code upload_run(ingest_upload *upload, lh_error *err) {
    lh_app *app = lh_request_app(upload->request);
    const api_multipart_handler handler = {upload, upload_field, upload_file_begin, upload_file_data, upload_file_end};
    lh_json *answer = NULL;
    if (!app->ingest) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_request_multipart(upload->request, &handler, err));
    if (!upload->seen_file) return lh_fail(err, LH_INVALID, "the form has no file");
    upload->job.path = lh_str_from(upload->path);
    upload->job.survey = upload->survey;
    upload->job.options = upload->options;
    upload->job.cancel = lh_request_cancel(upload->request);
    if (upload->job.source.len == 0) upload->job.source = LH_STR("upload");
    LH_TRY(lh_ingest_file(app->ingest, &upload->job, lh_request_arena(upload->request), &answer, err));
    bool known = lh_json_bool(lh_json_get(answer, "deduplicated"), false);
    bool created = !known && (upload->job.mode.len == 0 || lh_str_eq(upload->job.mode, LH_STR("create")));
    return lh_respond_json(upload->request, created ? 201 : 200, answer, err);
}

lh_code api_ingest_file(lh_request *request, lh_error *err) {
    ingest_upload upload = {.request = request, .fd = -1};
    lh_code code = upload_run(&upload, err);
    if (upload.fd >= 0) close(upload.fd);
    if (upload.path[0]) unlink(upload.path);
    lh_ingest_survey_free(upload.survey);
    return code;
}
