/* A folder as a bucket: an object is a regular file whose path below the root is its key.
 *
 *   <root>/<key>              the object's bytes, nothing else; other programs may read and write them
 *   <root>/.scratch/put/      files being written (see file_put.c)
 *   <root>/.scratch/lock/NN   empty; flock of NN = key's stripe orders conditional puts and deletes
 *
 * Empty folders stay when their last object goes: an engine may be about to write there.
 * ETag: <mtime ns>-<size>-<inode>, in hex. A file that another program rewrites in place changes its ETag as far
 * as the file system's clock tells. */
#include "storage/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>

static int64_t file_mtime_ns(const struct stat *st) {
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

lh_object_info file_info_of(const struct stat *st) {
    lh_object_info info = {.size_bytes = (uint64_t)st->st_size, .modified_ms = file_mtime_ns(st) / 1000000};
    snprintf(info.etag, sizeof info.etag, "%" PRIx64 "-%" PRIx64 "-%" PRIx64, (uint64_t)file_mtime_ns(st),
             (uint64_t)st->st_size, (uint64_t)st->st_ino);
    return info;
}

bool file_etag_is(const struct stat *st, lh_str etag) {
    lh_object_info info = file_info_of(st);
    return S_ISREG(st->st_mode) && lh_str_eq(lh_str_from(info.etag), etag);
}

/* The stripe of `key` in a family of lock files. An open of its own: threads exclude each other too. */
static lh_code file_lock(const file_bucket *bucket, const char *family, lh_str key, int operation, int *ret_fd,
                         lh_error *err) {
    char name[8];
    snprintf(name, sizeof name, "%s%02x", family, (unsigned)(lh_hash_fast(key) % FILE_LOCK_STRIPES));
    FILE_FD fd = openat(bucket->lock_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return lh_fail_errno(err, errno == ENOENT ? EIO : errno, "cannot open a lock file");
    while (flock(fd, operation) != 0) {
        if (errno == EWOULDBLOCK) return lh_fail(err, LH_UNAVAILABLE, "'%.*s' is locked", LH_STR_ARG(key));
        if (errno != EINTR) return lh_fail_errno(err, errno, "cannot lock '%.*s'", LH_STR_ARG(key));
    }
    *ret_fd = fd;
    fd = -1;
    return LH_OK;
}

lh_code file_lock_key(const file_bucket *bucket, lh_str key, bool exclusive, int *ret_fd, lh_error *err) {
    return file_lock(bucket, "", key, exclusive ? LOCK_EX : LOCK_SH, ret_fd, err);
}

static lh_code file_lock_name(lh_bucket *base, lh_str name, bool exclusive, int *ret_fd, lh_error *err) {
    return file_lock(file_of(base), "n", name, exclusive ? LOCK_EX | LOCK_NB : LOCK_SH, ret_fd, err);
}

/* ---- reading ---- */

typedef struct file_reader {
    lh_object_reader base;
    int fd;
    uint64_t offset, left_bytes;
} file_reader;

/* Opens what is an object: a regular file. A folder or a device under that name is no object; O_NONBLOCK (which
 * openat2 refuses beside O_PATH) keeps the opening of a pipe from waiting. */
static lh_code file_open_object(const file_bucket *bucket, lh_str key, int flags, int *ret_fd, struct stat *ret_st,
                                lh_error *err) {
    FILE_FD fd = file_open_beneath(bucket, key, flags | O_NOFOLLOW);
    if (fd == -ENXIO || fd == -EISDIR) return file_path_fail(key, ENOENT, err); /* a socket or pipe; a folder */
    if (fd < 0) return file_path_fail(key, -fd, err);
    struct stat st;
    if (fstat(fd, &st) != 0) return lh_fail_errno(err, errno, "'%.*s'", LH_STR_ARG(key));
    if (S_ISLNK(st.st_mode)) return file_path_fail(key, ELOOP, err);
    if (!S_ISREG(st.st_mode)) return file_path_fail(key, ENOENT, err);
    *ret_st = st;
    *ret_fd = fd;
    fd = -1;
    return LH_OK;
}

static lh_code file_get_open(lh_bucket *base, lh_str key, lh_byte_range range, lh_object_reader **ret,
                             lh_object_info *ret_info, lh_error *err) {
    FILE_FD fd = -1;
    struct stat st;
    LH_TRY(file_open_object(file_of(base), key, O_RDONLY | O_NONBLOCK, &fd, &st, err));
    uint64_t size = (uint64_t)st.st_size;
    if (range.offset > size)
        return lh_fail(err, LH_LIMIT, "'%.*s' has %" PRIu64 " bytes; none at %" PRIu64, LH_STR_ARG(key), size,
                       range.offset);
    file_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    uint64_t left = size - range.offset;
    *reader = (file_reader){
        .base.bucket = base, .fd = fd, .offset = range.offset, .left_bytes = range.length < left ? range.length : left};
    fd = -1;
    *ret = &reader->base;
    *ret_info = file_info_of(&st);
    return LH_OK;
}

static lh_code file_get_read(lh_object_reader *base, char *into, size_t cap_bytes, size_t *ret_len, lh_error *err) {
    file_reader *reader = (file_reader *)base;
    size_t want = reader->left_bytes < cap_bytes ? (size_t)reader->left_bytes : cap_bytes;
    if (want > SSIZE_MAX) want = SSIZE_MAX;
    ssize_t got;
    do got = want ? pread(reader->fd, into, want, (off_t)reader->offset) : 0;
    while (got < 0 && errno == EINTR);
    if (got < 0) return lh_fail_errno(err, errno, "cannot read an object");
    if (got == 0 && want) return lh_fail(err, LH_CORRUPT, "an object became shorter while it was read");
    reader->offset += (uint64_t)got;
    reader->left_bytes -= (uint64_t)got;
    *ret_len = (size_t)got;
    return LH_OK;
}

static void file_get_close(lh_object_reader *base) {
    close(((file_reader *)base)->fd);
    free(base);
}

/* By the descriptor: the key's own way in holds for it, and no link is followed. */
static lh_code file_get_link(lh_bucket *base, lh_str key, const char *path, lh_error *err) {
    FILE_FD fd = -1;
    struct stat st;
    char own[64];
    LH_TRY(file_open_object(file_of(base), key, O_PATH, &fd, &st, err));
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, own, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0
               ? LH_OK
               : lh_fail_errno(err, errno, "cannot link '%.*s'", LH_STR_ARG(key));
}

static lh_code file_head(lh_bucket *base, lh_str key, lh_object_info *ret, lh_error *err) {
    FILE_FD fd = -1;
    struct stat st;
    LH_TRY(file_open_object(file_of(base), key, O_PATH, &fd, &st, err));
    *ret = file_info_of(&st);
    return LH_OK;
}

/* ---- the rest ---- */

static lh_code file_remove(lh_bucket *base, lh_str key, lh_str if_etag, lh_error *err) {
    file_bucket *bucket = file_of(base);
    FILE_FD folder_fd = -1, lock_fd = -1;
    struct stat st;
    LH_TRY(file_writable(bucket, err));
    file_name name = file_name_of(key);
    lh_code code = file_folder_open(bucket, name.folder, &folder_fd, err);
    if (code != LH_OK && code != LH_NOT_FOUND) return code;
    if (code == LH_OK) LH_TRY(file_lock_key(bucket, key, if_etag.len != 0, &lock_fd, err));
    bool exists = code == LH_OK && fstatat(folder_fd, name.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode);
    if (!exists) return if_etag.len ? lh_fail(err, LH_CONFLICT, "'%.*s' does not exist", LH_STR_ARG(key)) : LH_OK;
    if (!S_ISREG(st.st_mode)) return lh_fail(err, LH_DENIED, "'%.*s' is not a regular file", LH_STR_ARG(key));
    if (if_etag.len && !file_etag_is(&st, if_etag))
        return lh_fail(err, LH_CONFLICT, "'%.*s' has another version", LH_STR_ARG(key));
    if (unlinkat(folder_fd, name.name, 0) != 0 && errno != ENOENT)
        return lh_fail_errno(err, errno, "cannot delete '%.*s'", LH_STR_ARG(key));
    return file_sync(bucket, folder_fd, key, err);
}

static lh_code file_make_folder(lh_bucket *base, lh_str key, lh_error *err) {
    FILE_FD fd = -1;
    return file_folder_make(file_of(base), key, &fd, err);
}

static lh_code file_sync_object(lh_bucket *base, lh_str key, lh_error *err) {
    file_bucket *bucket = file_of(base);
    FILE_FD fd = -1, folder_fd = -1;
    struct stat st;
    LH_TRY(file_writable(bucket, err));
    LH_TRY(file_open_object(bucket, key, O_RDONLY | O_NONBLOCK, &fd, &st, err));
    LH_TRY(file_sync(bucket, fd, key, err));
    LH_TRY(file_folder_make(bucket, file_name_of(key).folder, &folder_fd, err)); /* exists; syncs the way to it */
    return file_sync(bucket, folder_fd, key, err);
}

/* A folder of the store's own. DENIED when something else has its name. */
static lh_code file_open_scratch(const file_bucket *bucket, const char *path, int *ret_fd, lh_error *err) {
    if (mkdirat(bucket->root_fd, path, 0700) != 0 && errno != EEXIST)
        return lh_fail_errno(err, errno, "cannot make %s in the store", path);
    int fd = file_open_beneath(bucket, lh_str_from(path), O_RDONLY | O_DIRECTORY);
    if (fd < 0) return lh_fail(err, LH_DENIED, "%s in the store is not a folder of its own", path);
    *ret_fd = fd;
    return LH_OK;
}

/* The folder at the root's path is another than the one we hold, as after a new mount: takes that one. dup3() puts each
 * new folder in place of the old one in one step, so calls under way see one or the other. */
static lh_code file_take_up(file_bucket *bucket, const char *path, lh_error *err) {
    file_bucket fresh = {.options = bucket->options, .root_fd = -1, .put_fd = -1, .lock_fd = -1};
    FILE_FD scratch_fd = -1;
    fresh.openat2_works = bucket->openat2_works;
    fresh.root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lh_code code = fresh.root_fd < 0 ? lh_fail_errno(err, errno == ENOENT ? EIO : errno, "cannot open the folder %s", path)
                                     : file_open_scratch(&fresh, BUCKET_SCRATCH, &scratch_fd, err);
    if (code == LH_OK) code = file_open_scratch(&fresh, BUCKET_SCRATCH "/put", &fresh.put_fd, err);
    if (code == LH_OK) code = file_open_scratch(&fresh, BUCKET_SCRATCH "/lock", &fresh.lock_fd, err);
    if (code == LH_OK &&
        (dup3(fresh.root_fd, bucket->root_fd, O_CLOEXEC) < 0 || dup3(fresh.put_fd, bucket->put_fd, O_CLOEXEC) < 0 ||
         dup3(fresh.lock_fd, bucket->lock_fd, O_CLOEXEC) < 0))
        code = lh_fail_errno(err, errno, "cannot take up the folder %s again", path);
    pthread_mutex_lock(&bucket->lock);
    if (code == LH_OK) memset(bucket->synced, 0, sizeof bucket->synced); /* of the folder before */
    pthread_mutex_unlock(&bucket->lock);
    lh_fd_closep(&fresh.root_fd);
    lh_fd_closep(&fresh.put_fd);
    lh_fd_closep(&fresh.lock_fd);
    return code;
}

/* Is the folder that we hold the one that other programs find there? One that was moved away would take our writes, and
 * the engine, which goes by path, would see none of them. */
static lh_code file_present(lh_bucket *base, lh_error *err) {
    char path[PATH_MAX];
    struct stat now, held;
    LH_TRY(lh_str_to_cstr(base->location, path, sizeof path, err));
    if (stat(path, &now) != 0) return lh_fail(err, LH_UNAVAILABLE, "the bucket's folder %s is gone", path);
    if (fstat(file_of(base)->root_fd, &held) != 0 || now.st_dev != held.st_dev || now.st_ino != held.st_ino)
        return lh_fail(err, LH_UNAVAILABLE, "another folder is at %s than was there", path);
    return LH_OK;
}

static lh_code file_probe(lh_bucket *base, uint64_t timeout_ms, lh_error *err) {
    (void)timeout_ms; /* a call that hangs in a disk cannot be left: the registry does not wait for its thread */
    file_bucket *bucket = file_of(base);
    char path[PATH_MAX];
    struct stat now, held;
    LH_TRY(lh_str_to_cstr(base->location, path, sizeof path, err));
    if (stat(path, &now) != 0)
        return lh_fail(err, LH_UNAVAILABLE, "the bucket's folder %s is gone", path);
    if (!S_ISDIR(now.st_mode)) return lh_fail(err, LH_UNAVAILABLE, "%s is no folder any more", path);
    if (fstat(bucket->root_fd, &held) != 0) return lh_fail_errno(err, errno, "the bucket's folder %s", path);
    if (now.st_dev != held.st_dev || now.st_ino != held.st_ino) LH_TRY(file_take_up(bucket, path, err));
    return file_writable(bucket, err);
}

static void file_free(lh_bucket *base) {
    file_bucket *bucket = file_of(base);
    lh_fd_closep(&bucket->root_fd);
    lh_fd_closep(&bucket->put_fd);
    lh_fd_closep(&bucket->lock_fd);
    pthread_mutex_destroy(&bucket->lock);
    lh_str_free(base->location);
    lh_str_free(base->location_given);
    free(bucket);
}

static const struct bucket_ops file_ops = {
    .kind = "file",
    .put_begin = file_put_begin,
    .put_write = file_put_write,
    .put_commit = file_put_commit,
    .put_abort = file_put_abort,
    .put_link = file_put_link,
    .get_link = file_get_link,
    .get_open = file_get_open,
    .get_read = file_get_read,
    .get_close = file_get_close,
    .head = file_head,
    .remove = file_remove,
    .list = file_list,
    .make_folder = file_make_folder,
    .sync = file_sync_object,
    .lock = file_lock_name,
    .present = file_present,
    .probe = file_probe,
    .free = file_free,
};

/* ---- opening ---- */

/* mkdir -p, each new folder's parent fsynced. `path` is changed and put back. */
static lh_code file_make_root(file_bucket *bucket, char *path, lh_error *err) {
    for (char *end = path;; end++) {
        if (*end != '/' && *end != '\0') continue;
        char kept = *end;
        *end = '\0';
        bool made = path[0] != '\0' && mkdir(path, 0755) == 0;
        int failed = path[0] == '\0' || made || errno == EEXIST || kept ? 0 : errno; /* what matters is the last */
        if (made) {
            char parent[PATH_MAX + 4];
            snprintf(parent, sizeof parent, "%s/..", path);
            FILE_FD fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            failed = fd < 0 ? errno : file_fsync(bucket, fd);
        }
        if (failed) return lh_fail_errno(err, failed == ENOENT ? EIO : failed, "cannot make the folder %s", path);
        *end = kept;
        if (!kept) return LH_OK;
    }
}

/* Resolves the root's own path (links in it are the operator's choice) and opens it. */
static lh_code file_open_root(file_bucket *bucket, const char *path, lh_error *err) {
    char real[PATH_MAX];
    if (!realpath(path, real)) return lh_fail_errno(err, errno, "cannot find the folder %s", path);
    if (real[1] == '\0') return lh_fail(err, LH_DENIED, "the machine's root folder cannot be a bucket");
    bucket->root_fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bucket->root_fd < 0) return lh_fail_errno(err, errno, "cannot open the folder %s", real);
    if (lh_str_dup(lh_str_from(real), &bucket->base.location) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    lh_str given = lh_str_from(path);
    while (lh_str_ends(given, LH_STR("/"))) given.len--;
    if (path[0] == '/' && !lh_str_eq(given, bucket->base.location) &&
        lh_str_dup(given, &bucket->base.location_given) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    return LH_OK;
}

static lh_code file_bucket_fill(file_bucket *bucket, char *path, lh_error *err) {
    FILE_FD scratch_fd = -1;
    LH_TRY(file_make_root(bucket, path, err));
    LH_TRY(file_open_root(bucket, path, err));
    bucket->openat2_works = !bucket->options.walk;
    int probe = bucket->openat2_works ? file_open_beneath(bucket, LH_STR_NONE, O_PATH | O_DIRECTORY) : -1;
    bucket->openat2_works = probe >= 0; /* missing in old kernels, forbidden in some containers */
    lh_fd_closep(&probe);
    LH_TRY(file_open_scratch(bucket, BUCKET_SCRATCH, &scratch_fd, err));
    LH_TRY(file_open_scratch(bucket, BUCKET_SCRATCH "/put", &bucket->put_fd, err));
    LH_TRY(file_open_scratch(bucket, BUCKET_SCRATCH "/lock", &bucket->lock_fd, err));
    file_put_sweep(bucket);
    return LH_OK;
}

lh_code bucket_open_file_with(lh_str root, file_options options, lh_bucket **ret, lh_error *err) {
    char path[PATH_MAX];
    if (root.len == 0) return lh_fail(err, LH_INVALID, "the store's folder has no name");
    LH_TRY(lh_str_to_cstr(root, path, sizeof path, err));
    file_bucket *bucket = calloc(1, sizeof *bucket);
    if (!bucket) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *bucket = (file_bucket){.base.ops = &file_ops, .options = options, .root_fd = -1, .put_fd = -1, .lock_fd = -1};
    pthread_mutex_init(&bucket->lock, NULL);
    LH_CLEANUP(lh_bucket_freep) lh_bucket *owned = &bucket->base;
    LH_TRY(file_bucket_fill(bucket, path, err));
    *ret = lh_take(&owned);
    return LH_OK;
}

lh_code lh_bucket_open_file(lh_str root, lh_bucket **ret, lh_error *err) {
    return bucket_open_file_with(root, (file_options){0}, ret, err);
}
