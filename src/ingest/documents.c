/* Documents → NDJSON with a row for each, which the load takes as it takes any other. What was sent is one document, or an archive
 * (tar, zip) of a folder of them. One is in memory at a time. Files that cannot be read go to the rejects with the
 * reason, by their path; files of other kinds are passed over, and told. */
#include "ingest/ingest_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DOCUMENTS_ARENA_FREE_BYTES = 8 << 20, DOCUMENTS_TOLD = 3, DOCUMENTS_CHARSET_BYTES = 1024 };

typedef struct documents {
    ingest_job *job;
    int out;
    uint64_t rows, others;
    lh_str told[DOCUMENTS_TOLD]; /* the first of the others */
} documents;

/* clang-format off */
static const struct { const char *name; ingest_kind kind; } documents_columns[] = {
    {"path", INGEST_VARCHAR}, {"title", INGEST_VARCHAR}, {"text", INGEST_VARCHAR}, {"format", INGEST_VARCHAR},
    {"size", INGEST_BIGINT}, {"modified", INGEST_TIMESTAMPTZ}, {"sha256", INGEST_VARCHAR},
};
/* clang-format on */
enum { DOCUMENTS_COLUMNS = sizeof documents_columns / sizeof *documents_columns };

bool ingest_is_documents(const lh_ingest_request *request) {
    lh_document_kind kind = lh_document_kind_of(request->file_name);
    if (request->format.len) return lh_str_eq_nocase(request->format, LH_STR("documents"));
    return kind != LH_DOCUMENT_NONE && kind != LH_DOCUMENT_TEXT; /* a .txt is as often a table */
}

bool lh_ingest_puts_aside(const lh_ingest_request *request) {
    return lh_str_eq(request->on_error, LH_STR("quarantine")) ||
           (request->on_error.len == 0 && ingest_is_documents(request));
}

lh_code ingest_documents_fields(const ingest_job *job, ingest_field **ret, size_t *ret_count, lh_error *err) {
    ingest_field *fields = LH_ARENA_ARRAY(job->arena, ingest_field, DOCUMENTS_COLUMNS);
    if (!fields) return lh_arena_check(job->arena, err);
    for (size_t i = 0; i < DOCUMENTS_COLUMNS; i++)
        fields[i] = (ingest_field){lh_str_from(documents_columns[i].name),
                                   ingest_type_new(documents_columns[i].kind, job->arena)};
    *ret = fields;
    *ret_count = DOCUMENTS_COLUMNS;
    return lh_arena_check(job->arena, err);
}

/* ---- bytes → UTF-8 ---- */

static void documents_iconv_closep(iconv_t *converter) {
    if (*converter != (iconv_t)-1) iconv_close(*converter);
}

static lh_code documents_convert(const char *encoding, lh_str bytes, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(documents_iconv_closep) iconv_t converter = iconv_open("UTF-8", encoding);
    if (converter == (iconv_t)-1) return lh_fail(err, LH_INVALID, "its encoding %s is not known", encoding);
    size_t room = bytes.len * 3 + 4, left = bytes.len, free_room = room;
    char *text = lh_arena_alloc(arena, room), *into = text, *from = NULL;
    if (!text) return lh_arena_check(arena, err);
    memcpy(&from, &bytes.ptr, sizeof from); /* iconv only reads it */
    if (left && iconv(converter, &from, &left, &into, &free_room) == (size_t)-1)
        return lh_fail(err, LH_INVALID, "it is not %s", encoding);
    *ret = (lh_str){text, room - free_room};
    return LH_OK;
}

/* <meta charset="…"> or <meta … content="text/html; charset=…"> in the first KiB, where browsers look for it. Empty: none. */
static lh_str documents_charset(lh_str bytes, lh_arena *arena) {
    lh_str head = lh_arena_lower(arena, lh_str_sub(bytes, 0, DOCUMENTS_CHARSET_BYTES));
    size_t at = lh_str_search(head, LH_STR("charset="));
    if (at == SIZE_MAX) return LH_STR_NONE;
    lh_str name = lh_str_sub(head, at + 8, 40);
    while (name.len && (name.ptr[0] == '"' || name.ptr[0] == '\'')) name = lh_str_sub(name, 1, SIZE_MAX);
    size_t len = 0;
    while (len < name.len &&
           (name.ptr[len] == '-' || name.ptr[len] == '_' || (name.ptr[len] >= '0' && name.ptr[len] <= '9') ||
            (name.ptr[len] >= 'a' && name.ptr[len] <= 'z')))
        len++;
    lh_str found = lh_arena_dup(arena, lh_str_sub(name, 0, len));
    return lh_str_eq(found, LH_STR("iso-8859-1")) ? LH_STR("windows-1252") : found; /* as browsers take it */
}

/* By its mark, else as the caller or the page itself says, else UTF-8, else windows-1252 when it looks like that. */
static lh_code documents_decode(const ingest_job *job, lh_document_kind kind, lh_str bytes, lh_arena *arena,
                                lh_str *ret, lh_error *err) {
    static const char *const marks[] = {"\xff\xfe", "\xfe\xff"}, *const marked[] = {"UTF-16LE", "UTF-16BE"};
    lh_str mark = LH_STR("\xef\xbb\xbf"), said = job->options.encoding, text = bytes;
    const char *encoding = NULL;
    for (size_t i = 0; i < 2 && !encoding; i++)
        if (lh_str_starts(bytes, lh_str_from(marks[i]))) encoding = marked[i];
    if (!encoding && said.len == 0 && kind == LH_DOCUMENT_HTML && !lh_str_is_utf8(bytes))
        said = documents_charset(bytes, arena);
    if (!encoding && said.len && !lh_str_starts(bytes, mark)) encoding = lh_arena_cstr(arena, said);
    if (encoding && strcmp(encoding, "latin-1") == 0) encoding = "iso-8859-1"; /* iconv's word */
    if (encoding && strcmp(encoding, "utf-8") != 0) LH_TRY(documents_convert(encoding, bytes, arena, &text, err));
    else if (!lh_str_is_utf8(bytes)) {
        ingest_encoding looks = {0};
        ingest_encoding_add(&looks, bytes);
        if (encoding || !ingest_encoding_is_windows_1252(&looks))
            return lh_fail(err, LH_INVALID, "it is not UTF-8; name the encoding (latin-1, utf-16) in options.encoding");
        LH_TRY(documents_convert("WINDOWS-1252", bytes, arena, &text, err));
    }
    if (lh_str_starts(text, mark)) text = lh_str_sub(text, mark.len, SIZE_MAX);
    if (lh_str_find(text, '\0') < text.len) return lh_fail(err, LH_INVALID, "it has a NUL byte, so it is no text");
    *ret = text;
    return lh_arena_check(arena, err);
}

/* ---- a document → a row ---- */

static void documents_member(lh_buf *row, size_t column, lh_str value) {
    lh_buf_char(row, column ? ',' : '{');
    lh_buf_json_string(row, lh_str_from(documents_columns[column].name));
    lh_buf_char(row, ':');
    if (documents_columns[column].kind == INGEST_BIGINT) lh_buf_append(row, value);
    else if (value.len == 0) lh_buf_append(row, LH_STR("null"));
    else lh_buf_json_string(row, value);
}

static lh_code documents_row(const documents *d, const lh_document_file *file, lh_document_kind kind,
                             const lh_document_text *document, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf row = LH_BUF_INIT((size_t)d->job->ingest->line_max_bytes);
    char size[24];
    lh_sha256 hash = lh_sha256_of(file->bytes);
    lh_sha256_hex hex = lh_sha256_to_hex(&hash);
    lh_time_text modified = lh_time_rfc3339(file->modified_ms);
    snprintf(size, sizeof size, "%zu", file->bytes.len);
    const lh_str values[DOCUMENTS_COLUMNS] = {
        file->path,           document->title,
        document->text,       lh_str_from(lh_document_kind_name(kind)),
        lh_str_from(size),    file->has_modified ? lh_str_from(modified.text) : LH_STR_NONE,
        lh_str_from(hex.text)};
    for (size_t i = 0; i < DOCUMENTS_COLUMNS; i++) documents_member(&row, i, values[i]);
    lh_buf_append(&row, LH_STR("}\n"));
    if (row.failed == LH_LIMIT) return lh_fail(err, LH_LIMIT, LH_DOCUMENT_LONG_TEXT);
    LH_TRY(lh_buf_check(&row, err));
    return lh_ingest_write(d->out, lh_buf_str(&row), err);
}

static bool documents_leaves(lh_str path) { /* "a/../../b" */
    while (path.len)
        if (lh_str_eq(lh_str_split(&path, '/'), LH_STR(".."))) return true;
    return false;
}

static lh_code documents_read(documents *d, const lh_document_file *file, lh_document_kind kind, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_document_text document;
    const ingest_job *job = d->job;
    lh_document_source source = {.kind = kind,
                                 .path = file->path,
                                 .bytes = file->bytes,
                                 .text_max_bytes = (size_t)job->ingest->line_max_bytes,
                                 .cancel = job->request->cancel};
    if (file->code != LH_OK) return lh_fail(err, file->code, "%s", file->fault);
    if (!lh_str_is_utf8(file->path)) return lh_fail(err, LH_INVALID, "its name is not UTF-8");
    if (documents_leaves(file->path)) return lh_fail(err, LH_INVALID, "its path leads out of the folder");
    LH_TRY(lh_arena_new(4 * file->bytes.len + 4 * source.text_max_bytes + DOCUMENTS_ARENA_FREE_BYTES, &arena, err));
    if (lh_document_is_text(kind)) LH_TRY(documents_decode(job, kind, file->bytes, arena, &source.bytes, err));
    LH_TRY(lh_document_read(&source, arena, &document, err));
    return documents_row(d, file, kind, &document, err);
}

static lh_str documents_shown(lh_str path, lh_arena *arena) { /* as UTF-8, whatever it is */
    lh_error shown = {0};
    lh_error_set(&shown, LH_INVALID, "%.*s", LH_STR_ARG(path));
    return lh_arena_dup(arena, lh_str_from(shown.message));
}

static lh_code documents_each(void *ctx, const lh_document_file *file, lh_error *err) {
    documents *d = ctx;
    ingest_job *job = d->job;
    lh_error why = {0};
    lh_document_kind kind = lh_document_kind_of(file->path);
    if (kind == LH_DOCUMENT_NONE) {
        if (d->others < DOCUMENTS_TOLD) d->told[d->others] = documents_shown(file->path, job->arena);
        d->others++;
        return lh_arena_check(job->arena, err);
    }
    lh_code code = documents_read(d, file, kind, &why);
    bool ours = code == LH_NO_MEMORY || code == LH_IO || code == LH_CANCELLED || code == LH_INTERNAL;
    if (code == LH_OK) d->rows++;
    if (code == LH_OK) return LH_OK;
    if (ours) return lh_fail(err, code, "%s", why.message);
    lh_str path = documents_shown(file->path, job->arena);
    if (!job->quarantine)
        return lh_fail(err, code, "%.*s: %s; on_error=quarantine puts such files aside", LH_STR_ARG(path), why.message);
    const ingest_reject reject = {.reason = lh_str_from(why.message), .file = path};
    return ingest_take_out(job, &reject, err);
}

/* ---- what was sent ---- */

static bool documents_is_tar(lh_str head) { return lh_str_eq(lh_str_sub(head, 257, 5), LH_STR("ustar")); }

static lh_code documents_single(documents *d, int fd, uint64_t size, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf bytes = LH_BUF_INIT((size_t)d->job->ingest->document_max_bytes + 1);
    lh_document_file file = {.path = d->job->request->file_name};
    bool large = size > d->job->ingest->document_max_bytes;
    char *into = large ? NULL : lh_buf_reserve(&bytes, (size_t)size);
    if (large) file.code = LH_LIMIT, file.fault = LH_DOCUMENT_TOO_LARGE;
    else if (!into) return lh_buf_check(&bytes, err);
    while (into && bytes.len < size) {
        size_t got = 0;
        LH_TRY(ingest_read(fd, into + bytes.len, (size_t)size - bytes.len, &got, err));
        if (got == 0) return lh_fail(err, LH_IO, "the uploaded file became shorter");
        bytes.len += got;
    }
    file.bytes = lh_buf_str(&bytes);
    return documents_each(d, &file, err);
}

static lh_code documents_take(documents *d, lh_error *err) {
    const ingest_job *job = d->job;
    LH_CLEANUP(lh_fd_closep) int fd = -1;
    struct stat st;
    LH_TRY(ingest_open(job->path, &fd, err));
    if (fstat(fd, &st) != 0) return lh_fail_errno(err, errno, "cannot read the uploaded file");
    if (lh_document_kind_of(job->request->file_name) != LH_DOCUMENT_NONE && !documents_is_tar(job->head))
        return documents_single(d, fd, (uint64_t)st.st_size, err);
    const lh_document_unpacking unpacking = {.fd = fd,
                                             .packed_bytes = (uint64_t)st.st_size,
                                             .file_max_bytes = job->ingest->document_max_bytes,
                                             .cancel = job->request->cancel,
                                             .each = documents_each,
                                             .ctx = d};
    return lh_document_unpack(&unpacking, err);
}

static void documents_tell_others(documents *d) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4 * LH_ERROR_MESSAGE_BYTES);
    if (d->others == 0) return;
    lh_buf_printf(&text, "%" PRIu64 " file%s passed over, being no document: ", d->others,
                  d->others == 1 ? " was" : "s were");
    for (size_t i = 0; i < DOCUMENTS_TOLD && i < d->others; i++)
        lh_buf_printf(&text, "%s%.*s", i ? ", " : "", LH_STR_ARG(d->told[i]));
    if (d->others > DOCUMENTS_TOLD) lh_buf_append(&text, LH_STR(", …"));
    d->job->warning = lh_arena_dup(d->job->arena, lh_buf_str(&text));
}

lh_code ingest_documents_open(ingest_job *job, lh_error *err) {
    documents d = {.job = job, .out = -1};
    LH_TRY(ingest_scratch(job, 0, "documents", &d.out, err));
    lh_code code = documents_take(&d, err);
    close(d.out);
    if (code != LH_OK) return code;
    documents_tell_others(&d);
    if (d.rows + job->reject_count == 0)
        return lh_fail(err, LH_INVALID, "it holds no documents: .md, .txt, .html, .docx or .pdf");
    job->format = INGEST_DOCUMENTS;
    job->path = lh_str_from(job->scratch[0]);
    return LH_OK;
}
