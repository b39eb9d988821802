/* The file of a form, streamed to the scratch folder and surveyed on the way. */
#ifndef LH_API_UPLOAD_H
#define LH_API_UPLOAD_H
#include "api/multipart.h"

typedef struct api_upload {
    lh_request *request;
    lh_ingest_survey *survey; /* owned */
    char path[4096];          /* of the scratch file; empty before it begins */
    int fd;                   /* -1 before and after */
    lh_str file_name;         /* without folders; arena */
    bool seen_file;
} api_upload;

/* What a form's handler does with its file; `name` of the field must be "file". Errors: INVALID, IO, LIMIT. */
LH_MUST_CHECK lh_code api_upload_begin(api_upload *upload, lh_str name, lh_str file_name, lh_error *err);
LH_MUST_CHECK lh_code api_upload_data(api_upload *upload, lh_str data, lh_error *err);
LH_MUST_CHECK lh_code api_upload_end(api_upload *upload, lh_error *err);
LH_MUST_CHECK lh_code api_upload_check(const api_upload *upload, lh_error *err); /* INVALID: no file came */
void api_upload_done(api_upload *upload);                                        /* removes the scratch file */
#endif
