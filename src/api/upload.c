/* See upload.h. */
#include "api/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

lh_code api_upload_begin(api_upload *upload, lh_str name, lh_str file_name, lh_error *err) {
    lh_app *app = lh_request_app(upload->request);
    if (upload->seen_file) return lh_fail(err, LH_INVALID, "the form has more than one file");
    if (!lh_str_eq(name, LH_STR("file")))
        return lh_fail(err, LH_INVALID, "the file's form field must be called 'file'");
    upload->seen_file = true;
    file_name = lh_str_sub(file_name, lh_str_after_last(file_name, '/'), SIZE_MAX);
    upload->file_name =
        lh_arena_dup(lh_request_arena(upload->request), lh_str_cut_utf8(file_name, LH_LIMIT_NAME_BYTES));
    lh_uuid id = lh_uuid_new();
    snprintf(upload->path, sizeof upload->path, "%.*s/upload-%s", LH_STR_ARG(app->scratch_dir), id.text);
    upload->fd = open(upload->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (upload->fd < 0) return lh_fail_errno(err, errno, "cannot make a scratch file");
    return lh_ingest_survey_new(app->ingest, &upload->survey, err);
}

lh_code api_upload_data(api_upload *upload, lh_str data, lh_error *err) {
    lh_ingest_survey_add(upload->survey, data);
    return lh_ingest_write(upload->fd, data, err);
}

lh_code api_upload_end(api_upload *upload, lh_error *err) {
    lh_ingest_survey_end(upload->survey);
    int fd = upload->fd;
    upload->fd = -1;
    return close(fd) == 0 ? LH_OK : lh_fail_errno(err, errno, "cannot store the upload");
}

lh_code api_upload_check(const api_upload *upload, lh_error *err) {
    return upload->seen_file ? LH_OK : lh_fail(err, LH_INVALID, "the form has no file");
}

void api_upload_done(api_upload *upload) {
    if (upload->fd >= 0) close(upload->fd);
    if (upload->path[0]) unlink(upload->path);
    lh_ingest_survey_free(upload->survey);
}
