/* Schemas: diff, prompt, migrate, rollback; the scan for personal data. A side of a diff is {"dataset","snapshot_id"?} or {"object","format"?,"options"?}; or
 * the request is a form with a dataset and a file, which is the new side. */
#include "api/upload.h"

enum { SCHEMA_SAMPLE_ROWS = 5, SCHEMA_SAMPLE_MAX = 100, SCHEMA_SCAN_ROWS = 10000 };
#define SCHEMA_CONFIDENCE 0.8

typedef struct schema_form {
    lh_request *request;
    lh_schema_diff *diff;
    lh_ingest_request file;
    lh_json *members, *options; /* form fields as text */
    api_upload upload;
} schema_form;

typedef lh_code (*schema_call)(lh_ingest *ingest, const lh_schema_diff *request, lh_arena *arena, lh_json **ret,
                               lh_error *err);

static lh_code schema_ingest(lh_request *request, lh_ingest **ret, lh_error *err) {
    *ret = lh_request_app(request)->ingest;
    return *ret ? LH_OK : lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
}

/* ---- members ---- */

static lh_code schema_text(const lh_json *body, const char *name, lh_str *ret, lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    if (!lh_json_is_null(value) && !lh_json_is_string(value))
        return lh_fail(err, LH_INVALID, "'%s' must be a string", name);
    *ret = lh_json_str(value, LH_STR_NONE);
    return LH_OK;
}

static lh_code schema_snapshot(const lh_json *body, int64_t *ret, lh_error *err) {
    const lh_json *value = lh_json_get(body, "snapshot_id");
    if (lh_json_is_null(value)) return *ret = -1, LH_OK;
    if (lh_json_is_string(value) && lh_str_to_i64(lh_json_str(value, LH_STR_NONE), ret) == LH_OK && *ret >= 0)
        return LH_OK;
    if (!lh_json_is_int(value) || lh_json_int(value, -1) < 0)
        return lh_fail(err, LH_INVALID, "'snapshot_id' must be a snapshot's id");
    *ret = lh_json_int(value, -1);
    return LH_OK;
}

static lh_code schema_confidence(const lh_json *body, double *ret, lh_error *err) {
    const lh_json *value = lh_json_get(body, "min_confidence");
    double number = lh_json_is_null(value) ? SCHEMA_CONFIDENCE : lh_json_real(value, -1);
    if (!(number >= 0 && number <= 1)) return lh_fail(err, LH_INVALID, "'min_confidence' must be a number from 0 to 1");
    *ret = number;
    return LH_OK;
}

static lh_code schema_sample_rows(const lh_json *body, size_t *ret, lh_error *err) {
    uint64_t rows;
    LH_TRY(lh_body_uint(body, "sample_rows", SCHEMA_SAMPLE_ROWS, &rows, err));
    if (rows > SCHEMA_SAMPLE_MAX)
        return lh_fail(err, LH_INVALID, "'sample_rows' must be at most %d", SCHEMA_SAMPLE_MAX);
    *ret = (size_t)rows;
    return LH_OK;
}

static lh_code schema_side(lh_request *request, const lh_json *body, const char *name, lh_schema_side *ret,
                           lh_error *err) {
    static const char *const known[] = {"dataset", "snapshot_id", "object", "format", "options"};
    const lh_json *side = lh_json_get(body, name), *options = lh_json_get(side, "options");
    if (!lh_json_is_object(side))
        return lh_fail(err, LH_INVALID, "'%s' must be an object with 'dataset' or 'object'", name);
    LH_TRY(lh_body_check(side, known, sizeof known / sizeof *known, err));
    LH_TRY(schema_text(side, "dataset", &ret->dataset, err));
    LH_TRY(schema_text(side, "object", &ret->object, err));
    LH_TRY(schema_text(side, "format", &ret->format, err));
    LH_TRY(schema_snapshot(side, &ret->snapshot_id, err));
    ret->options = lh_json_is_null(options) ? NULL : options;
    if ((ret->dataset.len > 0) == (ret->object.len > 0))
        return lh_fail(err, LH_INVALID, "'%s' must name either a dataset or an object", name);
    return ret->object.len ? api_object_check(request, ret->object, ret->object, err)
                           : api_refuse_system_name(request, ret->dataset, err);
}

/* ---- a form ---- */

static lh_code form_field(void *ctx, lh_str name, lh_str value, lh_error *err) {
    static const char *const known[] = {"dataset", "snapshot_id", "format", "min_confidence", "sample_rows"};
    schema_form *form = ctx;
    lh_arena *arena = lh_request_arena(form->request);
    if (lh_str_eq(name, LH_STR("options"))) return value.len ? lh_json_parse(arena, value, &form->options, err) : LH_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!lh_str_eq(name, lh_str_from(known[i]))) continue;
        lh_json *number = NULL;
        bool is_number = i >= 3 && lh_json_parse(arena, value, &number, NULL) == LH_OK;
        if (value.len) lh_json_put(arena, form->members, name, is_number ? number : lh_json_new_string(arena, value));
        return lh_arena_check(arena, err);
    }
    return lh_fail(err, LH_INVALID,
                   "unknown form field '%.*s'; known: dataset, snapshot_id, format, options, min_confidence, "
                   "sample_rows, file",
                   LH_STR_ARG(lh_str_cut_utf8(name, 100)));
}

static lh_code form_file_begin(void *ctx, lh_str name, lh_str file_name, lh_str content_type, lh_error *err) {
    (void)content_type;
    return api_upload_begin(&((schema_form *)ctx)->upload, name, file_name, err);
}
static lh_code form_file_data(void *ctx, lh_str data, lh_error *err) {
    return api_upload_data(&((schema_form *)ctx)->upload, data, err);
}
static lh_code form_file_end(void *ctx, lh_error *err) { return api_upload_end(&((schema_form *)ctx)->upload, err); }

static lh_code form_read(schema_form *form, lh_error *err) {
    const api_multipart_handler handler = {form, form_field, form_file_begin, form_file_data, form_file_end};
    lh_schema_diff *diff = form->diff;
    form->members = lh_json_new_object(lh_request_arena(form->request));
    LH_TRY(lh_request_multipart(form->request, &handler, err));
    LH_TRY(api_upload_check(&form->upload, err));
    LH_TRY(schema_text(form->members, "dataset", &diff->from.dataset, err));
    LH_TRY(schema_snapshot(form->members, &diff->from.snapshot_id, err));
    LH_TRY(schema_confidence(form->members, &diff->min_confidence, err));
    LH_TRY(schema_sample_rows(form->members, &diff->sample_rows, err));
    if (diff->from.dataset.len == 0) return lh_fail(err, LH_INVALID, "the form has no 'dataset'");
    LH_TRY(api_refuse_system_name(form->request, diff->from.dataset, err));
    form->file = (lh_ingest_request){.path = lh_str_from(form->upload.path),
                                     .file_name = form->upload.file_name,
                                     .format = lh_json_get_string(form->members, "format"),
                                     .options = form->options,
                                     .survey = form->upload.survey,
                                     .cancel = diff->cancel};
    diff->to.file = &form->file;
    return LH_OK;
}

static lh_code schema_read(lh_request *request, lh_schema_diff *ret, lh_error *err) {
    static const char *const known[] = {"from", "to", "values", "min_confidence", "sample_rows"};
    lh_json *body = NULL;
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(schema_side(request, body, "from", &ret->from, err));
    LH_TRY(schema_side(request, body, "to", &ret->to, err));
    LH_TRY(lh_body_bool(body, "values", true, &ret->values, err));
    LH_TRY(schema_confidence(body, &ret->min_confidence, err));
    return schema_sample_rows(body, &ret->sample_rows, err);
}

static lh_code schema_compare(lh_request *request, schema_call call, lh_error *err) {
    lh_ingest *ingest = NULL;
    lh_json *answer = NULL;
    lh_schema_diff diff = {.from.snapshot_id = -1, .to.snapshot_id = -1, .values = true};
    schema_form form = {.request = request, .diff = &diff, .upload = {.request = request, .fd = -1}};
    bool is_form = lh_str_starts(lh_request_header(request, "Content-Type"), LH_STR("multipart/"));
    LH_TRY(schema_ingest(request, &ingest, err));
    diff.cancel = lh_request_cancel(request);
    lh_code code = is_form ? form_read(&form, err) : schema_read(request, &diff, err);
    if (code == LH_OK) code = call(ingest, &diff, lh_request_arena(request), &answer, err);
    api_upload_done(&form.upload);
    return code == LH_OK ? lh_respond_json(request, 200, answer, err) : code;
}

lh_code api_schema_diff(lh_request *request, lh_error *err) { return schema_compare(request, lh_schema_compare, err); }
lh_code api_schema_prompt(lh_request *request, lh_error *err) { return schema_compare(request, lh_schema_prompt, err); }

/* ---- changes ---- */

/* "answer" is the text or the object that a model gave. */
static lh_code schema_rules(lh_request *request, const lh_json *body, const lh_json **ret, lh_error *err) {
    const lh_json *rules = lh_json_get(body, "rules"), *answer = lh_json_get(body, "answer");
    lh_json *parsed = NULL;
    if (!lh_json_is_null(rules) + !lh_json_is_null(answer) + !lh_json_is_null(lh_json_get(body, "to")) != 1)
        return lh_fail(err, LH_INVALID, "the request must have one of 'rules', 'answer' and 'to'");
    if (lh_json_is_string(answer)) {
        LH_TRY(lh_json_parse(lh_request_arena(request), lh_json_str(answer, LH_STR_NONE), &parsed, err));
        answer = parsed;
    }
    *ret = lh_json_is_null(rules) ? answer : rules;
    if (!lh_json_is_null(answer) && !lh_json_is_object(answer))
        return lh_fail(err, LH_INVALID, "'answer' must be an object with 'rules'");
    if (!lh_json_is_null(rules) && !lh_json_is_array(rules))
        return lh_fail(err, LH_INVALID, "'rules' must be an array");
    return LH_OK;
}

lh_code api_schema_migrate(lh_request *request, lh_error *err) {
    static const char *const known[] = {"rules", "answer", "to", "dry_run", "min_confidence", "sample_rows"};
    lh_ingest *ingest = NULL;
    lh_json *body = NULL, *answer = NULL;
    lh_schema_side to = {.snapshot_id = -1};
    lh_schema_migration migration = {.dataset = lh_request_param(request, "name")};
    LH_TRY(schema_ingest(request, &ingest, err));
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(schema_rules(request, body, &migration.rules, err));
    if (lh_json_is_null(migration.rules)) {
        LH_TRY(schema_side(request, body, "to", &to, err));
        migration.rules = NULL;
        migration.to = &to;
    }
    LH_TRY(lh_body_bool(body, "dry_run", false, &migration.dry_run, err));
    LH_TRY(schema_confidence(body, &migration.min_confidence, err));
    LH_TRY(schema_sample_rows(body, &migration.sample_rows, err));
    migration.cancel = lh_request_cancel(request);
    LH_TRY(lh_schema_migrate(ingest, &migration, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

/* A body that may be left away. */
static lh_code schema_body_or_none(lh_request *request, lh_json **ret, lh_error *err) {
    lh_str text;
    LH_TRY(lh_request_body(request, &text, err));
    if (text.len) return lh_json_parse(lh_request_arena(request), text, ret, err);
    *ret = lh_json_new_object(lh_request_arena(request));
    return LH_OK;
}

lh_code api_schema_rollback(lh_request *request, lh_error *err) {
    static const char *const known[] = {"snapshot_id"};
    lh_ingest *ingest = NULL;
    lh_json *body = NULL, *answer = NULL;
    int64_t snapshot_id;
    LH_TRY(schema_ingest(request, &ingest, err));
    LH_TRY(schema_body_or_none(request, &body, err));
    LH_TRY(lh_body_check(body, known, 1, err));
    LH_TRY(schema_snapshot(body, &snapshot_id, err));
    LH_TRY(lh_schema_rollback(ingest, lh_request_param(request, "name"), snapshot_id, lh_request_cancel(request),
                              lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_dataset_scan(lh_request *request, lh_error *err) {
    static const char *const known[] = {"sample_rows", "dry_run"};
    lh_ingest *ingest = NULL;
    lh_json *body = NULL, *answer = NULL;
    uint64_t rows;
    lh_ingest_scan_request scan = {.dataset = lh_request_param(request, "name"), .cancel = lh_request_cancel(request)};
    LH_TRY(schema_ingest(request, &ingest, err));
    LH_TRY(schema_body_or_none(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(lh_body_bool(body, "dry_run", false, &scan.dry_run, err));
    LH_TRY(lh_body_uint(body, "sample_rows", SCHEMA_SCAN_ROWS, &rows, err));
    if (rows == 0 || rows > LH_LIMIT_SCAN_ROWS)
        return lh_fail(err, LH_INVALID, "'sample_rows' must be from 1 to %d", LH_LIMIT_SCAN_ROWS);
    scan.sample_rows = (size_t)rows;
    LH_TRY(lh_ingest_scan(ingest, &scan, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}
