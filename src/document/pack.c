/* A folder's documents as one tar. Names are sorted by their bytes and only name, size, bytes and time of change go in, so that
 * a folder of which nothing changed is the same bytes again. Every step is relative to a folder that is open, and follows no link:
 * nothing from outside the folder gets in, whatever is moved meanwhile. */
#include "document/document_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PACK_BLOCK = 1 << 18, PACK_PATH_BYTES = 4096 };

typedef struct pack {
    struct archive *archive;
    const _Atomic bool *cancelled;
    lh_document_packed done;
    char *block;                /* PACK_BLOCK */
    char path[PACK_PATH_BYTES]; /* within the folder, as it goes into the archive */
} pack;

static lh_code pack_broken(const pack *p, lh_error *err) {
    const char *why = archive_error_string(p->archive);
    return lh_fail(err, LH_IO, "cannot put the documents aside: %s", why ? why : "no reason is known");
}

static lh_code pack_bytes(const pack *p, int fd, uint64_t left, lh_error *err) {
    while (left) {
        if (p->cancelled && *p->cancelled) return lh_fail(err, LH_CANCELLED, "interrupted");
        ssize_t got = read(fd, p->block, left < PACK_BLOCK ? (size_t)left : PACK_BLOCK);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lh_fail_errno(err, errno, "cannot read %s", p->path);
        if (got == 0) return lh_fail(err, LH_INVALID, "%s became shorter while it was read", p->path);
        if (archive_write_data(p->archive, p->block, (size_t)got) != got) return pack_broken(p, err);
        left -= (uint64_t)got;
    }
    return LH_OK;
}

static lh_code pack_file(pack *p, int fd, const struct stat *st, lh_error *err) {
    struct archive_entry *entry = archive_entry_new();
    if (!entry) return lh_fail(err, LH_NO_MEMORY, "document: out of memory");
    archive_entry_set_pathname(entry, p->path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, st->st_size);
    archive_entry_set_mtime(entry, st->st_mtim.tv_sec, 0);
    int status = archive_write_header(p->archive, entry);
    archive_entry_free(entry);
    if (status != ARCHIVE_OK) return pack_broken(p, err);
    p->done.documents++;
    return pack_bytes(p, fd, (uint64_t)st->st_size, err);
}

static int pack_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }
static int pack_by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static lh_code pack_name(pack *p, int folder, const char *name, unsigned depth, lh_error *err);

static lh_code pack_folder(pack *p, int folder, unsigned depth, lh_error *err) {
    struct dirent **names = NULL;
    if (depth > DOCUMENT_FOLDERS_MAX)
        return lh_fail(err, LH_LIMIT, "%s is deeper than %d folders", p->path, DOCUMENT_FOLDERS_MAX);
    int count = scandirat(folder, ".", &names, pack_visible, pack_by_bytes);
    if (count < 0) return lh_fail_errno(err, errno, "cannot read the folder %s", p->path);
    lh_code code = LH_OK;
    for (int i = 0; i < count; i++) {
        if (code == LH_OK) code = pack_name(p, folder, names[i]->d_name, depth, err);
        free(names[i]);
    }
    free(names);
    return code;
}

/* p->path becomes <path>/<name> until it has been looked at. */
static lh_code pack_name(pack *p, int folder, const char *name, unsigned depth, lh_error *err) {
    size_t before = strlen(p->path);
    struct stat st;
    int put = snprintf(p->path + before, sizeof p->path - before, "%s%s", before ? "/" : "", name);
    if (put < 0 || (size_t)put >= sizeof p->path - before)
        return lh_fail(err, LH_LIMIT, "a path of more than %d bytes", PACK_PATH_BYTES);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return lh_fail_errno(err, errno, "cannot look at %s", p->path);
    bool wanted =
        S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && lh_document_kind_of(lh_str_from(name)) != LH_DOCUMENT_NONE);
    lh_code code = LH_OK;
    if (wanted) {
        LH_CLEANUP(lh_fd_closep) int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) != 0) return lh_fail_errno(err, errno, "cannot open %s", p->path);
        if (S_ISDIR(st.st_mode)) code = pack_folder(p, fd, depth + 1, err);
        else if (S_ISREG(st.st_mode)) code = pack_file(p, fd, &st, err);
    } else p->done.others++;
    p->path[before] = '\0';
    return code;
}

/* What was named may be a link: it is what was asked for. */
static lh_code pack_root(pack *p, int folder_fd, const char *path, lh_error *err) {
    struct stat st;
    LH_CLEANUP(lh_fd_closep) int fd = openat(folder_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) return lh_fail_errno(err, errno, "cannot open %s", path);
    if (S_ISDIR(st.st_mode)) return pack_folder(p, fd, 1, err);
    if (!S_ISREG(st.st_mode)) return lh_fail(err, LH_INVALID, "%s is neither a file nor a folder", path);
    const char *slash = strrchr(path, '/');
    snprintf(p->path, sizeof p->path, "%s", slash ? slash + 1 : path);
    return pack_file(p, fd, &st, err);
}

static lh_code pack_open(pack *p, int fd, lh_error *err) {
    if (!p->archive || !p->block) return lh_fail(err, LH_NO_MEMORY, "document: out of memory");
    archive_write_set_format_pax_restricted(p->archive);
    archive_write_set_bytes_in_last_block(p->archive, 1);
    /* names are bytes: no locale has a say in them */
    if (archive_write_set_options(p->archive, "hdrcharset=BINARY") != ARCHIVE_OK ||
        archive_write_open_fd(p->archive, fd) != ARCHIVE_OK)
        return pack_broken(p, err);
    return LH_OK;
}

lh_code lh_document_pack(int folder_fd, const char *path, int fd, const _Atomic bool *cancelled,
                         lh_document_packed *ret, lh_error *err) {
    pack *p = calloc(1, sizeof *p);
    if (!p) return lh_fail(err, LH_NO_MEMORY, "document: out of memory");
    p->archive = archive_write_new();
    p->block = malloc(PACK_BLOCK);
    p->cancelled = cancelled;
    lh_code code = pack_open(p, fd, err);
    if (code == LH_OK) code = pack_root(p, folder_fd, path, err);
    if (code == LH_OK && archive_write_close(p->archive) != ARCHIVE_OK) code = pack_broken(p, err);
    if (code == LH_OK) *ret = p->done;
    archive_write_free(p->archive);
    free(p->block);
    free(p);
    return code;
}
