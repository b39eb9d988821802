/* Writing an object: into a temporary file, then into its name in one step.
 *
 *   .scratch/put/<uuid>   locked (flock) while its writer lives; fsynced before it gets its name
 *
 * commit: fsync the file → make and fsync its folders → link(2) (only if absent) or rename(2) → fsync the folder.
 * link fails where the name exists, so of many writers that want a name to be new exactly one wins, also across
 * processes. "Only if this version" is a look and a rename under the key's exclusive lock; other puts and deletes
 * hold it shared, so none slips in between.
 *
 * A version's ETag is made of inode, size and modification time, and the time is set here: later than that of any
 * earlier put of this process, whatever the file system's clock granularity is. So a name that is overwritten
 * twice within a clock tick, and gets its first inode back, still has a new ETag. */
#include "storage/file_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

enum { PUT_FLUSH_BYTES = 16 << 20, PUT_STALE_SECONDS = 3600 };

typedef struct file_writer {
    lh_object_writer base;
    lh_str key; /* owned */
    bool if_absent;
    char if_etag[LH_ETAG_BYTES]; /* "" : no such condition */
    int fd;
    lh_uuid temp;
    uint64_t size_bytes, flushed_bytes;
    bool failed; /* a write failed: commit must not */
} file_writer;

static void put_free(file_writer *writer) { /* what has no name yet is removed */
    if (!writer) return;
    if (writer->fd >= 0) {
        (void)unlinkat(file_of(writer->base.bucket)->put_fd, writer->temp.text, 0);
        close(writer->fd);
    }
    lh_str_free(writer->key);
    free(writer);
}
static void put_freep(file_writer **writer) { put_free(*writer); }

/* Says CONFLICT before a byte is sent; commit decides for good. */
static lh_code put_check_early(file_bucket *bucket, lh_str key, lh_put_condition condition, lh_error *err) {
    struct stat st;
    if (!condition.if_absent && condition.if_etag.len == 0) return LH_OK;
    FILE_FD fd = file_open_beneath(bucket, key, O_PATH | O_NOFOLLOW);
    bool exists = fd >= 0 && fstat(fd, &st) == 0;
    if (condition.if_absent && exists) return lh_fail(err, LH_CONFLICT, "'%.*s' exists already", LH_STR_ARG(key));
    if (condition.if_etag.len && (!exists || !file_etag_is(&st, condition.if_etag)))
        return lh_fail(err, LH_CONFLICT, "'%.*s' %s", LH_STR_ARG(key),
                       exists ? "has another version" : "does not exist");
    return LH_OK;
}

static lh_code put_new(lh_bucket *base, lh_str key, lh_put_condition condition, file_writer **ret, lh_error *err) {
    LH_CLEANUP(put_freep) file_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *writer = (file_writer){.base.bucket = base, .if_absent = condition.if_absent, .fd = -1, .temp = lh_uuid_new()};
    if (condition.if_etag.len) memcpy(writer->if_etag, condition.if_etag.ptr, condition.if_etag.len);
    if (lh_str_dup(key, &writer->key) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *ret = lh_take(&writer);
    return LH_OK;
}

lh_code file_put_begin(lh_bucket *base, lh_str key, lh_put_condition condition, lh_object_writer **ret, lh_error *err) {
    file_bucket *bucket = file_of(base);
    LH_CLEANUP(put_freep) file_writer *writer = NULL;
    LH_TRY(file_writable(bucket, err));
    LH_TRY(put_check_early(bucket, key, condition, err));
    LH_TRY(put_new(base, key, condition, &writer, err));
    writer->fd = openat(bucket->put_fd, writer->temp.text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (writer->fd < 0) return lh_fail_errno(err, errno, "cannot make a temporary file");
    (void)flock(writer->fd,
                LOCK_EX | LOCK_NB); /* nobody else has it yet; where locks do not work its age protects it */
    *ret = &lh_take(&writer)->base;
    return LH_OK;
}

/* The temporary file is a second name of a file that is there already; the rest is as for any other. */
lh_code file_put_link(lh_bucket *base, lh_str key, const char *path, lh_object_writer **ret, lh_error *err) {
    file_bucket *bucket = file_of(base);
    LH_CLEANUP(put_freep) file_writer *writer = NULL;
    struct stat st;
    LH_TRY(file_writable(bucket, err));
    LH_TRY(put_new(base, key, (lh_put_condition){0}, &writer, err));
    FILE_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        linkat(AT_FDCWD, path, bucket->put_fd, writer->temp.text, 0) != 0)
        return lh_fail_errno(err, errno, "cannot link %s", path);
    writer->fd = fd;
    fd = -1;
    (void)flock(writer->fd, LOCK_EX | LOCK_NB);
    *ret = &lh_take(&writer)->base;
    return LH_OK;
}

lh_code file_put_write(lh_object_writer *base, lh_str data, lh_error *err) {
    file_writer *writer = (file_writer *)base;
    while (data.len) {
        ssize_t written = write(writer->fd, data.ptr, data.len);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            writer->failed = true;
            return lh_fail_errno(err, written < 0 ? errno : ENOSPC, "cannot write '%.*s'", LH_STR_ARG(writer->key));
        }
        writer->size_bytes += (uint64_t)written;
        data = lh_str_sub(data, (size_t)written, SIZE_MAX);
    }
    uint64_t waiting = writer->size_bytes - writer->flushed_bytes;
    if (waiting >= PUT_FLUSH_BYTES) { /* start the disk early; the fsync at the end is what counts */
        (void)sync_file_range(writer->fd, (off_t)writer->flushed_bytes, (off_t)waiting, SYNC_FILE_RANGE_WRITE);
        writer->flushed_bytes = writer->size_bytes;
    }
    return LH_OK;
}

static int64_t put_next_mtime(file_bucket *bucket) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    pthread_mutex_lock(&bucket->lock);
    if (ns <= bucket->last_mtime_ns) ns = bucket->last_mtime_ns + 1;
    bucket->last_mtime_ns = ns;
    pthread_mutex_unlock(&bucket->lock);
    return ns;
}

/* After this the bytes are on disk, under a name that nobody reads. */
static lh_code put_settle(file_writer *writer, struct stat *ret, lh_error *err) {
    file_bucket *bucket = file_of(writer->base.bucket);
    int64_t ns = put_next_mtime(bucket);
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    if (futimens(writer->fd, (struct timespec[2]){time, time}) != 0)
        return lh_fail_errno(err, errno, "cannot set the time of '%.*s'", LH_STR_ARG(writer->key));
    int failed = file_fsync(bucket, writer->fd);
    if (failed == ENOSPC || failed == EDQUOT) /* full, not broken: only this file is lost, and it is thrown away */
        return lh_fail_errno(err, failed, "cannot write '%.*s'", LH_STR_ARG(writer->key));
    if (failed != 0) return file_poison(bucket, failed, writer->key, err);
    if (fstat(writer->fd, ret) != 0) return lh_fail_errno(err, errno, "'%.*s'", LH_STR_ARG(writer->key));
    return LH_OK;
}

static lh_code put_name_fail(const file_writer *writer, int sys_errno, lh_error *err) {
    if (sys_errno == EEXIST) return lh_fail(err, LH_CONFLICT, "'%.*s' exists already", LH_STR_ARG(writer->key));
    if (sys_errno == EISDIR || sys_errno == ENOTEMPTY)
        return lh_fail(err, LH_CONFLICT, "'%.*s' is a folder, so it cannot be an object", LH_STR_ARG(writer->key));
    return lh_fail_errno(err, sys_errno == ENOENT ? EIO : sys_errno, "cannot name '%.*s'", LH_STR_ARG(writer->key));
}

/* Gives the file its name in the folder, as the condition allows. */
static lh_code put_name(file_writer *writer, int folder_fd, const char *name, bool linked, lh_error *err) {
    file_bucket *bucket = file_of(writer->base.bucket);
    FILE_FD lock_fd = -1;
    struct stat st;
    if (writer->if_absent) {
        if (linkat(bucket->put_fd, writer->temp.text, folder_fd, name, 0) != 0)
            return put_name_fail(writer, errno, err);
        (void)unlinkat(bucket->put_fd, writer->temp.text, 0);
        return LH_OK;
    }
    LH_TRY(file_lock_key(bucket, writer->key, writer->if_etag[0] != '\0', &lock_fd, err));
    if (writer->if_etag[0]) {
        bool exists = fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (!exists) return lh_fail(err, LH_CONFLICT, "'%.*s' does not exist", LH_STR_ARG(writer->key));
        if (!file_etag_is(&st, lh_str_from(writer->if_etag)))
            return lh_fail(err, LH_CONFLICT, "'%.*s' has another version", LH_STR_ARG(writer->key));
    }
    if (renameat(bucket->put_fd, writer->temp.text, folder_fd, name) != 0) return put_name_fail(writer, errno, err);
    if (linked)
        (void)unlinkat(bucket->put_fd, writer->temp.text, 0); /* of two names of one file a rename leaves both */
    return LH_OK;
}

lh_code file_put_commit(lh_object_writer *base, lh_object_info *ret, lh_error *err) {
    LH_CLEANUP(put_freep) file_writer *writer = (file_writer *)base;
    file_bucket *bucket = file_of(base->bucket);
    FILE_FD folder_fd = -1;
    struct stat st = {0};
    if (writer->failed)
        return lh_fail(err, LH_IO, "'%.*s' was not written: an earlier write of it failed", LH_STR_ARG(writer->key));
    LH_TRY(file_writable(bucket, err));
    file_name name = file_name_of(writer->key);
    LH_TRY(put_settle(writer, &st, err));
    LH_TRY(file_folder_make(bucket, name.folder, &folder_fd, err));
    LH_TRY(put_name(writer, folder_fd, name.name, st.st_nlink > 1, err));
    lh_fd_closep(&writer->fd); /* it is an object now: nothing to remove */
    LH_TRY(file_sync(bucket, folder_fd, writer->key, err));
    *ret = file_info_of(&st);
    return LH_OK;
}

void file_put_abort(lh_object_writer *writer) { put_free((file_writer *)writer); }

static void put_sweep_one(const file_bucket *bucket, const char *name, time_t now) {
    struct stat st;
    if (fstatat(bucket->put_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) return;
    if (now - st.st_mtime < PUT_STALE_SECONDS) return;
    FILE_FD fd = openat(bucket->put_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) (void)unlinkat(bucket->put_fd, name, 0);
}

void file_put_sweep(const file_bucket *bucket) {
    int fd = openat(bucket->put_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return; /* only tidying */
    }
    time_t now = time(NULL);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (lh_uuid_is_valid(lh_str_from(entry->d_name))) put_sweep_one(bucket, entry->d_name, now);
    closedir(dir);
}
