/* Paths beneath the root, and folders that survive a power cut.
 *
 * Every path is opened from the root's descriptor, and no symbolic link in it is followed: by openat2(2) in one
 * call, or part by part with O_NOFOLLOW where that call is missing. Keys have no ".." (checked before), so the
 * walk cannot climb either.
 *
 * A new folder is on disk once its parent was fsynced. Another process may have made a folder and not yet synced
 * it, so "it exists" is not "it is on disk": the first use of each folder syncs its parent, and a direct-mapped
 * table of path hashes remembers that (`lock` guards it; an overwritten slot only costs another fsync). */
#include "storage/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

static int path_openat2(int folder_fd, const char *path, int flags) {
    struct open_how how = {.flags = (uint64_t)(unsigned)flags,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    for (;;) {
        long fd = syscall(SYS_openat2, folder_fd, path, &how, sizeof how);
        if (fd >= 0) return (int)fd;
        if (errno != EINTR && errno != EAGAIN) return -errno; /* EAGAIN: a rename raced with the walk */
    }
}

/* One part of a path. A link is ELOOP also where the kernel calls it ENOTDIR. */
static int path_open_part(int folder_fd, const char *name, int flags) {
    struct stat st;
    int fd = openat(folder_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) return fd;
    int failed = errno;
    if (failed == ENOTDIR && fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        failed = ELOOP;
    return -failed;
}

static int path_walk(int root_fd, const char *path, int flags) {
    char name[LH_LIMIT_KEY_BYTES + 1];
    lh_str rest = lh_str_from(path);
    int fd = root_fd;
    for (;;) {
        lh_str part = lh_str_split(&rest, '/');
        if (lh_str_to_cstr(part, name, sizeof name, NULL) != LH_OK) part.len = 0;
        int next = part.len == 0 ? -EINVAL : path_open_part(fd, name, rest.len ? O_PATH | O_DIRECTORY : flags);
        if (fd != root_fd) close(fd);
        if (next < 0 || rest.len == 0) return next;
        fd = next;
    }
}

int file_open_beneath(const file_bucket *bucket, lh_str path, int flags) {
    char text[LH_LIMIT_KEY_BYTES + 1];
    if (path.len == 0) path = LH_STR(".");
    if (lh_str_to_cstr(path, text, sizeof text, NULL) != LH_OK) return -ENAMETOOLONG;
    flags |= O_CLOEXEC;
    return bucket->openat2_works ? path_openat2(bucket->root_fd, text, flags) : path_walk(bucket->root_fd, text, flags);
}

lh_code file_path_fail(lh_str path, int sys_errno, lh_error *err) {
    if (sys_errno == ELOOP || sys_errno == EXDEV)
        return lh_fail(err, LH_DENIED, "'%.*s' passes through a symbolic link", LH_STR_ARG(path));
    if (sys_errno == ENOTDIR) sys_errno = ENOENT; /* a part of it is an object */
    if (sys_errno == ENOENT) return lh_fail(err, LH_NOT_FOUND, "'%.*s' does not exist", LH_STR_ARG(path));
    return lh_fail_errno(err, sys_errno, "'%.*s'", LH_STR_ARG(path));
}

file_name file_name_of(lh_str key) {
    file_name out = {0};
    size_t at = lh_str_after_last(key, '/');
    out.folder = lh_str_sub(key, 0, at ? at - 1 : 0);
    lh_str name = lh_str_sub(key, at, sizeof out.name - 1); /* key checks keep it shorter */
    memcpy(out.name, name.ptr, name.len);
    return out;
}

lh_code file_folder_open(const file_bucket *bucket, lh_str path, int *ret_fd, lh_error *err) {
    int fd = file_open_beneath(bucket, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return file_path_fail(path, -fd, err);
    *ret_fd = fd;
    return LH_OK;
}

lh_code file_writable(file_bucket *bucket, lh_error *err) {
    int failed = atomic_load(&bucket->poisoned);
    if (failed == 0) return LH_OK;
    return lh_fail_errno(err, failed,
                         "an fsync failed earlier, so nothing more is written: check the disk, then restart");
}

int file_fsync(file_bucket *bucket, int fd) {
    int rc;
    do rc = bucket->options.sync ? bucket->options.sync(bucket->options.sync_ctx, fd) : fsync(fd);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : errno;
}

lh_code file_poison(file_bucket *bucket, int sys_errno, lh_str path, lh_error *err) {
    atomic_store(&bucket->poisoned, sys_errno);
    lh_error_set_errno(err, LH_IO, sys_errno, "cannot fsync '%.*s'", LH_STR_ARG(path));
    return LH_IO;
}

lh_code file_sync(file_bucket *bucket, int fd, lh_str path, lh_error *err) {
    int failed = file_fsync(bucket, fd);
    return failed == 0 ? LH_OK : file_poison(bucket, failed, path, err);
}

static bool path_synced(file_bucket *bucket, lh_str path, bool set) {
    lh_sha256 hash = lh_sha256_of(path);
    lh_sha256 *slot = &bucket->synced[(hash.bytes[0] | hash.bytes[1] << 8) % FILE_SYNCED_SLOTS];
    pthread_mutex_lock(&bucket->lock);
    bool known = memcmp(slot, &hash, sizeof hash) == 0;
    if (set) *slot = hash;
    pthread_mutex_unlock(&bucket->lock);
    return known;
}

/* Makes (if missing) and opens the folder `path` in its parent's descriptor; then its entry is on disk. */
static lh_code path_make_part(file_bucket *bucket, int parent_fd, lh_str path, int *ret_fd, lh_error *err) {
    file_name name = file_name_of(path);
    bool made = mkdirat(parent_fd, name.name, 0755) == 0;
    if (!made && errno != EEXIST) return lh_fail_errno(err, errno, "cannot make the folder '%.*s'", LH_STR_ARG(path));
    FILE_FD fd = path_open_part(parent_fd, name.name, O_RDONLY | O_DIRECTORY);
    if (fd == -ENOTDIR)
        return lh_fail(err, LH_CONFLICT, "'%.*s' is an object, so nothing can lie under it", LH_STR_ARG(path));
    if (fd < 0) return file_path_fail(path, -fd, err);
    if (made || !path_synced(bucket, path, false)) {
        LH_TRY(file_sync(bucket, parent_fd, path, err));
        path_synced(bucket, path, true);
    }
    *ret_fd = fd;
    fd = -1;
    return LH_OK;
}

lh_code file_folder_make(file_bucket *bucket, lh_str path, int *ret_fd, lh_error *err) {
    LH_TRY(file_writable(bucket, err));
    if (path.len == 0 || path_synced(bucket, path, false)) {
        int fd = file_open_beneath(bucket, path, O_RDONLY | O_DIRECTORY);
        if (fd >= 0) return *ret_fd = fd, LH_OK;
    }
    FILE_FD parent_fd = file_open_beneath(bucket, LH_STR_NONE, O_RDONLY | O_DIRECTORY);
    if (parent_fd < 0) return file_path_fail(LH_STR("the root"), -parent_fd, err);
    for (size_t end = 0; end < path.len; end++) {
        int fd = -1;
        end += lh_str_find(lh_str_sub(path, end, SIZE_MAX), '/');
        LH_TRY(path_make_part(bucket, parent_fd, lh_str_sub(path, 0, end), &fd, err));
        lh_fd_closep(&parent_fd);
        parent_fd = fd;
    }
    *ret_fd = parent_fd;
    parent_fd = -1;
    return LH_OK;
}
