/* Writing an object to S3. Up to one part is gathered in memory; an object no larger goes in one PUT, a larger one
 * as a multipart upload, which becomes visible with its last call only.
 *
 * Conditions travel as If-None-Match: * and If-Match on that last call. When its answer got lost, it is sent again, by
 * us or by curl (which repeats, without a word, a call on a kept connection that turns out dead); if it is then
 * refused ("exists already", "no such upload"), it may be our own first try that won. So the object carries the put's
 * id as metadata, and a HEAD after each refusal tells. Without that, a metastore entry of ours would look like a
 * stranger's. */
#include "storage/s3_internal.h"

enum { S3_PUT_ARENA_BYTES = 256 << 10, S3_COMPLETE_BYTES = 4 << 20, S3_COMMIT_ARENA_BYTES = 48 << 20 };

typedef struct s3_part_etag {
    char text[LH_ETAG_BYTES];
} s3_part_etag;

typedef struct s3_writer {
    lh_object_writer base;
    lh_str key; /* owned */
    bool if_absent;
    char if_etag[LH_ETAG_BYTES + 2]; /* quoted, "": no such condition */
    lh_uuid put_id;
    lh_buf part;
    size_t part_bytes;   /* of the parts now */
    lh_str upload_id;    /* owned; empty before the first part is sent */
    s3_part_etag *etags; /* owned, room for etag_room */
    size_t part_count, etag_room;
    uint64_t size_bytes;
    bool failed;
} s3_writer;

static void s3_put_free(s3_writer *writer) {
    if (!writer) return;
    lh_str_free(writer->key);
    lh_str_free(writer->upload_id);
    lh_buf_done(&writer->part);
    free(writer->etags);
    free(writer);
}
static void s3_put_freep(s3_writer **writer) { s3_put_free(*writer); }

lh_code s3_put_begin(lh_bucket *base, lh_str key, lh_put_condition condition, lh_object_writer **ret, lh_error *err) {
    LH_CLEANUP(s3_put_freep) s3_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    size_t part_bytes = s3_of(base)->part_bytes;
    *writer = (s3_writer){.base.bucket = base,
                          .if_absent = condition.if_absent,
                          .put_id = lh_uuid_new(),
                          .part_bytes = part_bytes,
                          .part = LH_BUF_INIT(part_bytes)};
    if (condition.if_etag.len) {
        writer->if_etag[0] = '"';
        memcpy(writer->if_etag + 1, condition.if_etag.ptr,
               condition.if_etag.len); /* shorter than LH_ETAG_BYTES: checked */
        writer->if_etag[condition.if_etag.len + 1] = '"';
    }
    if (lh_str_dup(key, &writer->key) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *ret = &lh_take(&writer)->base;
    return LH_OK;
}

static void s3_put_id_header(const s3_writer *writer, s3_request *request) {
    s3_request_header(request, LH_STR(S3_PUT_ID_HEADER), lh_uuid_str(&writer->put_id));
}

static lh_code s3_put_start(s3_writer *writer, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str root, id;
    s3_answer answer;
    s3_request request = {.method = "POST", .key = writer->key};
    LH_TRY(lh_arena_new(S3_PUT_ARENA_BYTES, &arena, err));
    s3_request_query(&request, LH_STR("uploads"), LH_STR(""));
    s3_put_id_header(writer, &request);
    LH_TRY(s3_do(s3_of(writer->base.bucket), &request, arena, &answer, err));
    LH_TRY(s3_xml_parse_value(answer.http.body, "UploadId", arena, &root, &id, err));
    if (id.len == 0) return lh_fail(err, LH_CORRUPT, "the S3 service began an upload without an id");
    return lh_str_dup(id, &writer->upload_id) == LH_OK ? LH_OK : lh_fail(err, LH_NO_MEMORY, "out of memory");
}

static lh_code s3_put_part_slot(s3_writer *writer, lh_error *err) {
    if (writer->part_count == S3_PARTS_MAX)
        return lh_fail(err, LH_LIMIT, "'%.*s' is too large: over %d parts", LH_STR_ARG(writer->key), S3_PARTS_MAX);
    if (writer->part_count < writer->etag_room) return LH_OK;
    size_t room = writer->etag_room ? 2 * writer->etag_room : 16;
    s3_part_etag *grown = realloc(writer->etags, room * sizeof *grown);
    if (!grown) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    writer->etags = grown;
    writer->etag_room = room;
    return LH_OK;
}

/* Sends what is gathered as the next part. */
static lh_code s3_put_part(s3_writer *writer, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    s3_answer answer;
    lh_object_info info;
    if (writer->upload_id.len == 0) LH_TRY(s3_put_start(writer, err));
    LH_TRY(s3_put_part_slot(writer, err));
    LH_TRY(lh_arena_new(S3_PUT_ARENA_BYTES, &arena, err));
    s3_request request = {.method = "PUT", .key = writer->key, .body = lh_buf_str(&writer->part)};
    s3_request_query(&request, LH_STR("partNumber"), lh_arena_printf(arena, "%zu", writer->part_count + 1));
    s3_request_query(&request, LH_STR("uploadId"), writer->upload_id);
    LH_TRY(s3_do(s3_of(writer->base.bucket), &request, arena, &answer, err));
    LH_TRY(s3_info_of(answer.http.headers, answer.http.header_count, &info, err));
    memcpy(writer->etags[writer->part_count++].text, info.etag, sizeof info.etag);
    lh_buf_clear(&writer->part);
    if (writer->part_count % S3_PARTS_PER_SIZE == 0 && writer->part_bytes < (128u << 20)) {
        writer->part_bytes *= 2;
        writer->part.cap_bytes = writer->part_bytes;
    }
    return LH_OK;
}

lh_code s3_put_write(lh_object_writer *base, lh_str data, lh_error *err) {
    s3_writer *writer = (s3_writer *)base;
    while (data.len) {
        if (writer->part.len == writer->part_bytes) {
            lh_code code = s3_put_part(writer, err);
            if (code != LH_OK) return writer->failed = true, code;
        }
        lh_str piece = lh_str_sub(data, 0, writer->part_bytes - writer->part.len);
        lh_buf_append(&writer->part, piece);
        lh_code code = lh_buf_check(&writer->part, err);
        if (code != LH_OK) return writer->failed = true, code;
        writer->size_bytes += piece.len;
        data = lh_str_sub(data, piece.len, SIZE_MAX);
    }
    return LH_OK;
}

static void s3_put_conditions(const s3_writer *writer, s3_request *request) {
    if (writer->if_absent) s3_request_header(request, LH_STR("if-none-match"), LH_STR("*"));
    if (writer->if_etag[0]) s3_request_header(request, LH_STR("if-match"), lh_str_from(writer->if_etag));
}

static lh_code s3_put_single(s3_writer *writer, lh_arena *arena, s3_answer *answer, lh_object_info *ret,
                             lh_error *err) {
    s3_request request = {.method = "PUT", .key = writer->key, .body = lh_buf_str(&writer->part)};
    s3_put_conditions(writer, &request);
    s3_put_id_header(writer, &request);
    LH_TRY(s3_do(s3_of(writer->base.bucket), &request, arena, answer, err));
    return s3_info_of(answer->http.headers, answer->http.header_count, ret, err);
}

static lh_code s3_put_complete(s3_writer *writer, lh_arena *arena, s3_answer *answer, lh_object_info *ret,
                               lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf body = LH_BUF_INIT(S3_COMPLETE_BYTES);
    lh_str root, etag;
    if (writer->part.len) LH_TRY(s3_put_part(writer, err));
    lh_buf_append(&body, LH_STR("<CompleteMultipartUpload>"));
    for (size_t i = 0; i < writer->part_count; i++) /* hex and '-': nothing to escape; the quotes are part of it */
        lh_buf_printf(&body, "<Part><PartNumber>%zu</PartNumber><ETag>&quot;%s&quot;</ETag></Part>", i + 1,
                      writer->etags[i].text);
    lh_buf_append(&body, LH_STR("</CompleteMultipartUpload>"));
    LH_TRY(lh_buf_check(&body, err));
    s3_request request = {.method = "POST", .key = writer->key, .body = lh_buf_str(&body)};
    s3_request_query(&request, LH_STR("uploadId"), writer->upload_id);
    s3_put_conditions(writer, &request);
    LH_TRY(s3_do(s3_of(writer->base.bucket), &request, arena, answer, err));
    LH_TRY(s3_xml_parse_value(answer->http.body, "ETag", arena, &root, &etag, err));
    if (!lh_str_eq(root, LH_STR("CompleteMultipartUploadResult")))
        return lh_fail(err, LH_CORRUPT, "the S3 service did not say that the upload is complete");
    lh_object_info info = {0};
    LH_TRY(lh_str_to_cstr(s3_etag_plain(etag), info.etag, sizeof info.etag, err));
    *ret = info;
    return LH_OK;
}

/* A refused put: is the object there the one that this put wrote? */
static bool s3_put_was_ours(const s3_writer *writer, lh_arena *arena, lh_object_info *ret) {
    lh_str put_id;
    lh_object_info info;
    if (s3_head_object(s3_of(writer->base.bucket), writer->key, arena, &info, &put_id, NULL) != LH_OK) return false;
    if (!lh_str_eq(put_id, lh_uuid_str(&writer->put_id))) return false;
    *ret = info;
    return true;
}

static void s3_put_drop_upload(const s3_writer *writer) { /* best effort; a lifecycle rule takes what stays */
    lh_arena *arena = NULL;
    s3_answer answer;
    if (writer->upload_id.len == 0 || lh_arena_new(S3_PUT_ARENA_BYTES, &arena, NULL) != LH_OK) return;
    s3_request request = {.method = "DELETE", .key = writer->key};
    s3_request_query(&request, LH_STR("uploadId"), writer->upload_id);
    (void)!s3_do(s3_of(writer->base.bucket), &request, arena, &answer, NULL);
    lh_arena_free(arena);
}

lh_code s3_put_commit(lh_object_writer *base, lh_object_info *ret, lh_error *err) {
    LH_CLEANUP(s3_put_freep) s3_writer *writer = (s3_writer *)base;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    s3_answer answer = {0};
    lh_object_info info = {0};
    lh_error own = {0};
    if (writer->failed) {
        s3_put_drop_upload(writer);
        return lh_fail(err, LH_IO, "'%.*s' was not written: an earlier write of it failed", LH_STR_ARG(writer->key));
    }
    LH_TRY(lh_arena_new(S3_COMMIT_ARENA_BYTES, &arena, err));
    lh_code code = writer->upload_id.len ? s3_put_complete(writer, arena, &answer, &info, &own)
                                         : s3_put_single(writer, arena, &answer, &info, &own);
    bool refused = code == LH_CONFLICT || code == LH_NOT_FOUND;
    if (refused && s3_put_was_ours(writer, arena, &info)) code = LH_OK;
    if (code != LH_OK && writer->upload_id.len) s3_put_drop_upload(writer);
    if (refused && code == LH_NOT_FOUND && writer->if_etag[0]) code = LH_CONFLICT; /* If-Match on what is not there */
    if (code == LH_CONFLICT)
        return lh_fail(err, LH_CONFLICT, "'%.*s' %s", LH_STR_ARG(writer->key),
                       writer->if_absent ? "exists already" : "has another version, or is gone");
    if (code != LH_OK) {
        lh_error_set(err, code, "%s", own.message);
        return code;
    }
    info.size_bytes = writer->size_bytes;
    if (info.modified_ms == 0) info.modified_ms = s3_time_of(lh_http_answer_header(&answer.http, "date"));
    if (info.modified_ms == 0) info.modified_ms = lh_time_now_ms();
    *ret = info;
    return LH_OK;
}

void s3_put_abort(lh_object_writer *base) {
    s3_writer *writer = (s3_writer *)base;
    s3_put_drop_upload(writer);
    s3_put_free(writer);
}
