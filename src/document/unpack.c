/* An archive as its files, one after the other, each whole in memory and no larger than it may be. Nothing is written, so a
 * path in it is only a name. What comes out is counted: an archive that holds far more than its size is refused. */
#include "document/document_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

enum { UNPACK_BLOCK = 1 << 18 };
#define UNPACK_TIME_END INT64_C(253402300800) /* the year 10000 */

typedef struct unpack {
    const lh_document_unpacking *how;
    struct archive *archive;
    lh_buf bytes;   /* of the file at hand */
    uint64_t total; /* unpacked so far */
} unpack;

static void unpack_archive_freep(struct archive **archive) {
    if (*archive) archive_read_free(*archive);
}

static lh_code unpack_broken(struct archive *archive, lh_error *err) {
    const char *why = archive_error_string(archive);
    return lh_fail(err, LH_INVALID, "the archive is broken: %s", why ? why : "it cannot be read");
}

static void unpack_too_large(lh_document_file *file) {
    file->code = LH_LIMIT;
    file->fault = LH_DOCUMENT_TOO_LARGE;
}

static lh_code unpack_take(unpack *u, lh_document_file *file, lh_error *err) {
    for (;;) {
        if (u->how->cancel && lh_cancel_fired(u->how->cancel)) return lh_fail(err, LH_CANCELLED, "cancelled");
        char *room = lh_buf_reserve(&u->bytes, UNPACK_BLOCK);
        if (!room && u->bytes.failed == LH_NO_MEMORY) return lh_buf_check(&u->bytes, err);
        if (!room) {
            unpack_too_large(file);
            return LH_OK;
        }
        la_ssize_t got = archive_read_data(u->archive, room, UNPACK_BLOCK);
        if (got == ARCHIVE_FATAL) return unpack_broken(u->archive, err);
        if (got < 0) {
            const char *why = archive_error_string(u->archive);
            file->code = LH_INVALID;
            file->fault = why ? why : "it cannot be unpacked";
            return LH_OK;
        }
        if (got == 0) return LH_OK;
        u->bytes.len += (size_t)got;
        u->total += (uint64_t)got;
        if (u->total > DOCUMENT_RATIO_FREE_BYTES && u->total / DOCUMENT_RATIO_MAX > u->how->packed_bytes)
            return lh_fail(err, LH_LIMIT, "the archive unpacks to more than %d times its size", DOCUMENT_RATIO_MAX);
    }
}

/* UTF-8 where the archive says so or it is; else the bytes as they stand there. */
static lh_str unpack_path(struct archive_entry *entry) {
    const char *name = archive_entry_pathname_utf8(entry);
    lh_str path = lh_str_from(name ? name : archive_entry_pathname(entry));
    while (lh_str_starts(path, LH_STR("/")) || lh_str_starts(path, LH_STR("./")))
        path = lh_str_sub(path, path.ptr[0] == '/' ? 1 : 2, SIZE_MAX);
    return path;
}

/* A time that a calendar has: an archive may say anything. */
static void unpack_modified(struct archive_entry *entry, lh_document_file *file) {
    int64_t seconds = (int64_t)archive_entry_mtime(entry);
    file->has_modified = archive_entry_mtime_is_set(entry) && seconds >= 0 && seconds < UNPACK_TIME_END;
    if (file->has_modified) file->modified_ms = seconds * 1000;
}

static lh_code unpack_entry(unpack *u, struct archive_entry *entry, lh_error *err) {
    uint64_t max = u->how->file_max_bytes;
    lh_document_file file = {.path = unpack_path(entry)};
    unpack_modified(entry, &file);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) || file.path.len == 0) return LH_OK;
    lh_buf_clear(&u->bytes);
    bool large = archive_entry_size_is_set(entry) && (uint64_t)archive_entry_size(entry) > max;
    if (large) unpack_too_large(&file);
    else if (lh_document_kind_of(file.path) != LH_DOCUMENT_NONE) LH_TRY(unpack_take(u, &file, err));
    if (u->bytes.len > max) unpack_too_large(&file);
    file.bytes = file.code != LH_OK ? LH_STR_NONE : lh_buf_str(&u->bytes);
    return u->how->each(u->how->ctx, &file, err);
}

static lh_code unpack_all(unpack *u, lh_error *err) {
    struct archive_entry *entry;
    for (int status; (status = archive_read_next_header(u->archive, &entry)) != ARCHIVE_EOF;) {
        if (status < ARCHIVE_WARN) return unpack_broken(u->archive, err);
        LH_TRY(unpack_entry(u, entry, err));
    }
    return LH_OK;
}

static lh_code unpack_in_utf8(const lh_document_unpacking *unpacking, lh_error *err) {
    LH_CLEANUP(unpack_archive_freep) struct archive *archive = archive_read_new();
    if (!archive) return lh_fail(err, LH_NO_MEMORY, "document: out of memory");
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_format_zip(archive);
    if (archive_read_open_fd(archive, unpacking->fd, UNPACK_BLOCK) != ARCHIVE_OK) return unpack_broken(archive, err);
    unpack u = {.how = unpacking, .archive = archive};
    u.bytes = LH_BUF_INIT((size_t)unpacking->file_max_bytes + UNPACK_BLOCK);
    lh_code code = unpack_all(&u, err);
    lh_buf_done(&u.bytes);
    return code;
}

/* libarchive brings names into the locale's encoding, which is this thread's for as long as it works. */
lh_code lh_document_unpack(const lh_document_unpacking *unpacking, lh_error *err) {
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    lh_code code = unpack_in_utf8(unpacking, err);
    if (before) uselocale(before);
    if (utf8) freelocale(utf8);
    return code;
}
