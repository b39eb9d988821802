/* What was sent → a plain UTF-8 file that DuckDB reads.
 *
 * Compression is found by magic bytes and undone by libarchive into a scratch file (zip: exactly one file), with a
 * limit on the ratio. A UTF-16 byte-order mark, or the option `encoding`, has the file transcoded by iconv, and only then
 * its first character tells CSV from JSON; JSON loses a UTF-8 mark, too, which DuckDB refuses there. What a reader
 * would choke on is refused (survey.c); but a CSV that is not UTF-8 may be windows-1252 (encoding.c). Nothing is read whole into memory. */
#include "ingest/ingest_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdio.h>
#include <unistd.h>

enum { SOURCE_BLOCK = 1 << 20 };
#define SOURCE_UTF8_MARK "\xef\xbb\xbf"

const char *ingest_format_name(ingest_format format) {
    static const char *const names[] = {
        [INGEST_CSV] = "csv",       [INGEST_TSV] = "tsv",         [INGEST_JSON_ARRAY] = "json",
        [INGEST_NDJSON] = "ndjson", [INGEST_PARQUET] = "parquet", [INGEST_DOCUMENTS] = "documents"};
    return names[format];
}

bool ingest_format_parse(lh_str name, ingest_format *ret) {
    static const struct {
        const char *name;
        ingest_format format;
    } names[] = {{"csv", INGEST_CSV},
                 {"tsv", INGEST_TSV},
                 {"json", INGEST_JSON_ARRAY},
                 {"ndjson", INGEST_NDJSON},
                 {"jsonl", INGEST_NDJSON},
                 {"parquet", INGEST_PARQUET},
                 {"documents", INGEST_DOCUMENTS}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (lh_str_eq_nocase(name, lh_str_from(names[i].name))) return *ret = names[i].format, true;
    return false;
}

static lh_code source_cancelled(const ingest_job *job, lh_error *err) {
    if (job->request->cancel && lh_cancel_fired(job->request->cancel))
        return lh_fail(err, LH_CANCELLED, "the ingest was cancelled");
    return LH_OK;
}

lh_code ingest_open(lh_str path, int *ret, lh_error *err) {
    char name[4096];
    LH_TRY(lh_str_to_cstr(path, name, sizeof name, err));
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot open the uploaded file");
    *ret = fd;
    return LH_OK;
}

lh_code ingest_scratch(ingest_job *job, int slot, const char *suffix, int *ret, lh_error *err) {
    lh_uuid id = lh_uuid_new();
    snprintf(job->scratch[slot], sizeof job->scratch[slot], "%.*s/ingest-%s.%s", LH_STR_ARG(job->ingest->scratch_dir),
             id.text, suffix);
    int fd = open(job->scratch[slot], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot make a scratch file");
    *ret = fd;
    return LH_OK;
}

lh_code lh_ingest_write(int fd, lh_str data, lh_error *err) {
    while (data.len) {
        ssize_t written = write(fd, data.ptr, data.len);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return lh_fail_errno(err, written < 0 ? errno : EIO, "cannot write a scratch file");
        data = lh_str_sub(data, (size_t)written, SIZE_MAX);
    }
    return LH_OK;
}

lh_code ingest_read(int fd, char *into, size_t cap, size_t *ret, lh_error *err) {
    ssize_t got;
    do got = read(fd, into, cap);
    while (got < 0 && errno == EINTR);
    if (got < 0) return lh_fail_errno(err, errno, "cannot read the uploaded file");
    *ret = (size_t)got;
    return LH_OK;
}

lh_code ingest_source_head(ingest_job *job, size_t bytes, lh_error *err) {
    LH_CLEANUP(lh_fd_closep) int fd = -1;
    char *head = lh_arena_alloc(job->arena, bytes);
    if (!head) return lh_arena_check(job->arena, err);
    LH_TRY(ingest_open(job->path, &fd, err));
    size_t used = 0, got = 1;
    while (used < bytes && got) {
        LH_TRY(ingest_read(fd, head + used, bytes - used, &got, err));
        used += got;
    }
    job->head = (lh_str){head, used};
    return LH_OK;
}

/* ---- Excel ---- */

static lh_code source_excel(lh_error *err) {
    return lh_fail(err, LH_INVALID, "Excel files are not read yet: save the sheet as CSV (UTF-8) and send that");
}

static bool source_is_office(struct archive_entry *entry) { /* .xlsx begins so */
    const char *name = archive_entry_pathname(entry);
    return name && (strcmp(name, "[Content_Types].xml") == 0 || strncmp(name, "xl/", 3) == 0);
}

/* ---- decompression ---- */

static bool source_is_compressed(const ingest_job *job) {
    if (job->options.compression.len) return !lh_str_eq(job->options.compression, LH_STR("none"));
    return lh_str_starts(job->head, LH_STR("\x1f\x8b")) || lh_str_starts(job->head, LH_STR("\x28\xb5\x2f\xfd")) ||
           lh_str_starts(job->head, LH_STR("PK\x03\x04"));
}

static void source_archive_freep(struct archive **archive) {
    if (*archive) archive_read_free(*archive);
}

static lh_code source_archive_error(struct archive *archive, lh_error *err) {
    const char *why = archive_error_string(archive);
    return lh_fail(err, LH_INVALID, "the compressed file is broken: %s", why ? why : "cannot be read");
}

/* Is the file packed as the option `compression`, if any, says? */
static lh_code source_packed_as_said(const ingest_job *job, struct archive *archive, lh_error *err) {
    lh_str said = job->options.compression;
    int filter = archive_filter_code(archive, 0);
    if ((lh_str_eq(said, LH_STR("gzip")) && filter != ARCHIVE_FILTER_GZIP) ||
        (lh_str_eq(said, LH_STR("zstd")) && filter != ARCHIVE_FILTER_ZSTD) ||
        (lh_str_eq(said, LH_STR("zip")) && archive_format(archive) != ARCHIVE_FORMAT_ZIP))
        return lh_fail(err, LH_INVALID, "the file is not %.*s, as 'compression' says; without that option it is found",
                       LH_STR_ARG(said));
    return LH_OK;
}

static lh_code source_copy_entry(ingest_job *job, struct archive *archive, int out, uint64_t packed, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) char *block = malloc(SOURCE_BLOCK);
    if (!block) return lh_fail(err, LH_NO_MEMORY, "ingest: out of memory");
    for (uint64_t total = 0;;) {
        LH_TRY(source_cancelled(job, err));
        la_ssize_t got = archive_read_data(archive, block, SOURCE_BLOCK);
        if (got < 0) return source_archive_error(archive, err);
        if (got == 0) return LH_OK;
        total += (uint64_t)got;
        if (total > INGEST_RATIO_FREE_BYTES && total / INGEST_RATIO_MAX > packed)
            return lh_fail(err, LH_LIMIT, "the file unpacks to more than %d times its size", INGEST_RATIO_MAX);
        LH_TRY(lh_ingest_write(out, (lh_str){block, (size_t)got}, err));
    }
}

static lh_code source_decompress(ingest_job *job, lh_error *err) {
    LH_CLEANUP(source_archive_freep) struct archive *archive = archive_read_new();
    LH_CLEANUP(lh_fd_closep) int in = -1;
    LH_CLEANUP(lh_fd_closep) int out = -1;
    struct archive_entry *entry;
    if (!archive) return lh_fail(err, LH_NO_MEMORY, "ingest: out of memory");
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_zip(archive);
    archive_read_support_format_raw(archive);
    LH_TRY(ingest_open(job->path, &in, err));
    uint64_t packed = (uint64_t)lseek(in, 0, SEEK_END);
    lseek(in, 0, SEEK_SET);
    LH_TRY(ingest_scratch(job, 0, "plain", &out, err));
    if (archive_read_open_fd(archive, in, SOURCE_BLOCK) != ARCHIVE_OK) return source_archive_error(archive, err);
    bool found = false;
    for (int status; (status = archive_read_next_header(archive, &entry)) != ARCHIVE_EOF;) {
        if (status < ARCHIVE_WARN) return source_archive_error(archive, err);
        LH_TRY(source_packed_as_said(job, archive, err));
        bool zip = archive_format(archive) == ARCHIVE_FORMAT_ZIP;
        if (zip && archive_entry_filetype(entry) != AE_IFREG) continue;
        if (zip && source_is_office(entry)) return source_excel(err);
        if (found) return lh_fail(err, LH_INVALID, "the archive holds more than one file: send them one by one");
        found = true;
        LH_TRY(source_copy_entry(job, archive, out, packed, err));
    }
    if (!found) return lh_fail(err, LH_INVALID, "the archive holds no file");
    job->path = lh_str_from(job->scratch[0]);
    return ingest_source_head(job, INGEST_HEAD_BYTES, err);
}

/* ---- encoding ---- */

typedef struct source_encoding_name {
    const char *iconv, *ours; /* iconv's word, and that of the option */
} source_encoding_name;

/* By the byte-order mark, or as the caller says; UTF-8 otherwise. */
static const source_encoding_name *source_encoding(const ingest_job *job) {
    static const source_encoding_name names[] = {{"UTF-8", "utf-8"},
                                                 {"UTF-16LE", "utf-16le"},
                                                 {"UTF-16BE", "utf-16be"},
                                                 {"ISO-8859-1", "latin-1"},
                                                 {"WINDOWS-1252", "windows-1252"}};
    if (lh_str_starts(job->head, LH_STR("\xff\xfe"))) return &names[1];
    if (lh_str_starts(job->head, LH_STR("\xfe\xff"))) return &names[2];
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (lh_str_eq(job->options.encoding, lh_str_from(names[i].ours))) return &names[i];
    return &names[lh_str_eq(job->options.encoding, LH_STR("utf-16")) ? 1 : 0];
}

static void source_iconv_closep(iconv_t *converter) {
    if (*converter != (iconv_t)-1) iconv_close(*converter);
}

static lh_code source_transcode(ingest_job *job, const char *encoding, lh_error *err) {
    LH_CLEANUP(lh_fd_closep) int in = -1;
    LH_CLEANUP(lh_fd_closep) int out = -1;
    LH_CLEANUP(source_iconv_closep) iconv_t converter = iconv_open("UTF-8", encoding);
    LH_CLEANUP(lh_free_pointer) char *from = malloc(SOURCE_BLOCK);
    LH_CLEANUP(lh_free_pointer) char *to = malloc(4 * (size_t)SOURCE_BLOCK);
    if (!from || !to || converter == (iconv_t)-1) return lh_fail(err, LH_NO_MEMORY, "ingest: out of memory");
    LH_TRY(ingest_open(job->path, &in, err));
    LH_TRY(ingest_scratch(job, 1, "utf8", &out, err));
    bool first = true;
    for (size_t kept = 0, got = 1; got || kept;) {
        LH_TRY(source_cancelled(job, err));
        LH_TRY(ingest_read(in, from + kept, SOURCE_BLOCK - kept, &got, err));
        char *at = from, *write_at = to;
        size_t left = kept + got, room = 4 * (size_t)SOURCE_BLOCK;
        if (left == 0) break;
        if (iconv(converter, &at, &left, &write_at, &room) == (size_t)-1 && (errno != EINVAL || got == 0))
            return lh_fail(err, LH_INVALID, "the file is not %s", encoding);
        lh_str text = {to, (size_t)(write_at - to)};
        while (first && lh_str_starts(text, LH_STR(SOURCE_UTF8_MARK))) text = lh_str_sub(text, 3, SIZE_MAX);
        first = false;
        LH_TRY(lh_ingest_write(out, text, err));
        memmove(from, at, left);
        kept = left;
    }
    job->path = lh_str_from(job->scratch[1]);
    return ingest_source_head(job, INGEST_HEAD_BYTES, err);
}

/* ---- format ---- */

static bool source_name_ends(lh_str name, const char *suffix) {
    lh_str end = lh_str_from(suffix);
    return name.len >= end.len && lh_str_eq_nocase(lh_str_sub(name, name.len - end.len, end.len), end);
}

/* The file's name without the end that says how it is packed. */
static lh_str source_name(const ingest_job *job) {
    static const char *const packed[] = {".gz", ".zst", ".zip"};
    lh_str name = job->request->file_name;
    for (size_t i = 0; i < 3; i++)
        if (source_name_ends(name, packed[i])) name.len -= strlen(packed[i]);
    return name;
}

static bool source_is_parquet(const ingest_job *job) {
    lh_str given = job->request->format;
    if (given.len) return lh_str_eq_nocase(given, LH_STR("parquet"));
    return lh_str_starts(job->head, LH_STR("PAR1")) || source_name_ends(source_name(job), ".parquet");
}

static bool source_is_json(const ingest_job *job) {
    return job->format == INGEST_JSON_ARRAY || job->format == INGEST_NDJSON;
}

static lh_code source_detect_format(ingest_job *job, lh_error *err) {
    lh_str given = job->request->format, name = source_name(job);
    if (given.len && ingest_format_parse(given, &job->format)) return LH_OK;
    if (given.len)
        return lh_fail(err, LH_INVALID, "format '%.*s' is not known; known: csv, tsv, json, ndjson, parquet, documents",
                       LH_STR_ARG(lh_str_cut_utf8(given, 50)));
    bool marked = lh_str_starts(job->head, LH_STR(SOURCE_UTF8_MARK));
    lh_str start = lh_str_trim(marked ? lh_str_sub(job->head, 3, SIZE_MAX) : job->head);
    job->format = INGEST_CSV;
    if (source_is_parquet(job)) job->format = INGEST_PARQUET;
    else if (source_name_ends(name, ".tsv") || source_name_ends(name, ".tab")) job->format = INGEST_TSV;
    else if (source_name_ends(name, ".ndjson") || source_name_ends(name, ".jsonl")) job->format = INGEST_NDJSON;
    else if (source_name_ends(name, ".csv")) job->format = INGEST_CSV;
    else if (start.len && start.ptr[0] == '[') job->format = INGEST_JSON_ARRAY;
    else if (start.len && start.ptr[0] == '{')
        job->format = source_name_ends(name, ".json") ? INGEST_JSON_ARRAY : INGEST_NDJSON;
    else if (source_name_ends(name, ".json"))
        return lh_fail(err, LH_INVALID, "a JSON file must hold objects, or an array of them");
    return LH_OK;
}

/* ---- checked ---- */

/* The file as sent was surveyed while it came; what was made of it, and JSON, is read once more. */
static lh_code source_check_file(ingest_job *job, lh_error *err) {
    LH_CLEANUP(lh_fd_closep) int fd = -1;
    LH_CLEANUP(lh_free_pointer) char *block = malloc(SOURCE_BLOCK);
    if (!block) return lh_fail(err, LH_NO_MEMORY, "ingest: out of memory");
    lh_ingest_survey survey;
    ingest_survey_init(&survey, source_is_json(job),
                       job->format == INGEST_JSON_ARRAY ? 0 : job->ingest->line_max_bytes);
    survey.any_value = job->quarantine && job->format == INGEST_NDJSON; /* source_split_ndjson() takes them out */
    LH_TRY(ingest_open(job->path, &fd, err));
    for (size_t got = 1; got && survey.code == LH_OK;) {
        LH_TRY(source_cancelled(job, err));
        LH_TRY(ingest_read(fd, block, SOURCE_BLOCK, &got, err));
        ingest_survey_text(&survey, (lh_str){block, got});
    }
    return ingest_survey_verdict(&survey, job, err);
}

static lh_code source_check_once(ingest_job *job, lh_error *err) {
    bool as_sent = job->path.ptr == job->request->path.ptr;
    return as_sent && !source_is_json(job) ? ingest_survey_verdict(job->request->survey, job, err)
                                           : source_check_file(job, err);
}

static lh_code source_looks_like_windows_1252(ingest_job *job, bool *ret, lh_error *err) {
    LH_CLEANUP(lh_fd_closep) int fd = -1;
    LH_CLEANUP(lh_free_pointer) char *block = malloc(SOURCE_BLOCK);
    ingest_encoding encoding = {0};
    if (!block) return lh_fail(err, LH_NO_MEMORY, "ingest: out of memory");
    LH_TRY(ingest_open(job->path, &fd, err));
    for (size_t got = 1; got && !encoding.impossible;) {
        LH_TRY(source_cancelled(job, err));
        LH_TRY(ingest_read(fd, block, SOURCE_BLOCK, &got, err));
        ingest_encoding_add(&encoding, (lh_str){block, got});
    }
    *ret = ingest_encoding_is_windows_1252(&encoding);
    return LH_OK;
}

static lh_code source_check(ingest_job *job, lh_error *err) {
    lh_error why = {0};
    bool windows = false;
    lh_code code = source_check_once(job, &why);
    if (job->not_utf8 && !source_is_json(job) && job->options.encoding.len == 0)
        LH_TRY(source_looks_like_windows_1252(job, &windows, err));
    if (windows) {
        job->encoding = "windows-1252";
        LH_TRY(source_transcode(job, "WINDOWS-1252", err));
        return source_check_once(job, err);
    }
    if (code != LH_OK && err) *err = why;
    return code;
}

lh_code ingest_take_out(ingest_job *job, const ingest_reject *reject, lh_error *err) {
    if (job->reject_count == INGEST_REJECTS_MAX)
        return lh_fail(err, LH_LIMIT, "more than %d bad lines or files", INGEST_REJECTS_MAX);
    if (job->reject_count == job->reject_room) {
        size_t room = job->reject_room ? job->reject_room * 2 : 64;
        ingest_reject *grown = LH_ARENA_ARRAY(job->arena, ingest_reject, room);
        if (!grown) return lh_arena_check(job->arena, err);
        if (job->reject_count) memcpy(grown, job->rejects, job->reject_count * sizeof *grown);
        job->rejects = grown;
        job->reject_room = room;
    }
    job->rejects[job->reject_count++] =
        (ingest_reject){reject->line, lh_arena_dup(job->arena, reject->reason),
                        lh_arena_dup(job->arena, lh_str_sub(reject->raw, 0, INGEST_REJECT_BYTES)),
                        lh_arena_dup(job->arena, reject->file)};
    return lh_arena_check(job->arena, err);
}

/* NDJSON with quarantine: lines that are no JSON object leave for the rejects, the others go to a new file. */
static lh_code source_split_ndjson(ingest_job *job, lh_error *err) {
    char name[4096];
    LH_TRY(lh_str_to_cstr(job->path, name, sizeof name, err));
    FILE *in = fopen(name, "rb");
    if (!in) return lh_fail_errno(err, errno, "cannot open the uploaded file");
    LH_CLEANUP(lh_fd_closep) int out = -1;
    char *text = NULL;
    size_t room = 0;
    lh_code code = ingest_scratch(job, 2, "good", &out, err);
    for (uint64_t line = 1; code == LH_OK; line++) {
        ssize_t got = getline(&text, &room, in);
        if (got < 0) break;
        lh_str raw = lh_str_trim((lh_str){text, (size_t)got});
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_error why = {0};
        lh_json *value = NULL;
        if (raw.len == 0) continue;
        code = lh_arena_new(8 * raw.len + (1 << 20), &arena, err);
        if (code != LH_OK) break;
        ingest_reject bad = {.line = line, .raw = raw};
        if (lh_json_parse(arena, raw, &value, &why) != LH_OK) bad.reason = lh_str_from(why.message);
        else if (!lh_json_is_object(value)) bad.reason = LH_STR("not a JSON object");
        if (bad.reason.len) code = ingest_take_out(job, &bad, err);
        else if ((code = lh_ingest_write(out, raw, err)) == LH_OK) code = lh_ingest_write(out, LH_STR("\n"), err);
    }
    free(text);
    fclose(in);
    if (code == LH_OK) job->path = lh_str_from(job->scratch[2]);
    return code;
}

lh_code ingest_source_open(ingest_job *job, lh_error *err) {
    job->path = job->request->path;
    job->sha256 = job->request->survey->sha256;
    LH_TRY(ingest_source_head(job, INGEST_HEAD_BYTES, err));
    if (job->head.len == 0) return lh_fail(err, LH_INVALID, "the file is empty");
    if (ingest_is_documents(job->request)) return ingest_documents_open(job, err);
    if (lh_str_starts(job->head, LH_STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))) return source_excel(err); /* .xls */
    if (source_is_compressed(job)) LH_TRY(source_decompress(job, err));
    if (job->head.len == 0) return lh_fail(err, LH_INVALID, "the file is empty");
    const source_encoding_name *encoding = source_encoding(job);
    job->encoding = encoding->ours;
    if (!source_is_parquet(job) && !lh_str_eq(lh_str_from(encoding->ours), LH_STR("utf-8")))
        LH_TRY(source_transcode(job, encoding->iconv, err));
    LH_TRY(source_detect_format(job, err));
    if (job->format == INGEST_PARQUET) return LH_OK;
    if (source_is_json(job) && lh_str_starts(job->head, LH_STR(SOURCE_UTF8_MARK)))
        LH_TRY(source_transcode(job, "UTF-8", err));
    LH_TRY(source_check(job, err));
    if (lh_str_trim(job->head).len == 0 && job->bytes <= job->head.len)
        return lh_fail(err, LH_INVALID, "the file holds nothing but white space");
    return job->quarantine && job->format == INGEST_NDJSON ? source_split_ndjson(job, err) : LH_OK;
}

void ingest_source_done(ingest_job *job) {
    for (int i = 0; i < 3; i++)
        if (job->scratch[i][0]) unlink(job->scratch[i]);
}
