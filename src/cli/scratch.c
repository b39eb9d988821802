/* Scratch: uploads and spill files of one process.
 *
 *   <root>/.scratch/run-<uuid>/lock   locked (flock) while the process lives
 *   <root>/.scratch/run-<uuid>/...    whatever the modules put there
 *
 * A crash leaves a folder whose lock is free; the next start removes it. A folder that a sweep took in
 * the moment before its maker locked it is made again under another name. */
#include "cli/cli_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

void lh_cli_remove_tree(const char *path) { (void)nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static lh_code scratch_fail(const char *path, int failed, lh_error *err) {
    if (failed != EACCES && failed != EROFS && failed != EPERM)
        return lh_fail_errno(err, failed, "cannot make %s", path);
    return lh_fail(
        err, LH_DENIED,
        "this user may not write in the lake (%s: %s), which even reading it needs: ask a server that runs on "
        "it (--url), or change the folder's permissions",
        path, strerrorname_np(failed));
}

static int scratch_lock(const char *folder, int flags) { /* the locked descriptor, or -1 */
    char path[4200];
    snprintf(path, sizeof path, "%s/lock", folder);
    int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/* Folders that no living process holds. */
static void scratch_sweep(const char *parent) {
    DIR *dir = opendir(parent);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[4400];
        if (strncmp(entry->d_name, "run-", 4) != 0) continue;
        snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
        if (rmdir(path) == 0) continue; /* its maker died before it made the lock */
        int fd = scratch_lock(path, 0);
        if (fd < 0) continue;
        lh_cli_remove_tree(path);
        close(fd);
    }
    closedir(dir);
}

static lh_code scratch_make(const char *parent, lh_scratch *scratch, lh_error *err) {
    for (int tries_left = 3; tries_left > 0; tries_left--) { /* a sweep may take the folder before it is locked */
        lh_uuid id = lh_uuid_new();
        if ((size_t)snprintf(scratch->path, sizeof scratch->path, "%s/run-%s", parent, id.text) >= sizeof scratch->path)
            return lh_fail(err, LH_INVALID, "the path %s is too long", parent);
        if (mkdir(scratch->path, 0700) != 0) return scratch_fail(scratch->path, errno, err);
        scratch->lock_fd = scratch_lock(scratch->path, O_CREAT);
        if (scratch->lock_fd >= 0) return LH_OK;
    }
    return lh_fail_errno(err, errno, "cannot lock the scratch folder %s", scratch->path);
}

lh_code lh_scratch_open(lh_str root, lh_scratch *ret, lh_error *err) {
    char path[4096], real[4096], parent[4096 + 16];
    LH_TRY(lh_str_to_cstr(root, path, sizeof path - 16, err));
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return lh_fail_errno(err, errno, "cannot make the lake's folder %s", path);
    if (!realpath(path, real)) return lh_fail_errno(err, errno, "cannot find the lake's folder %s", path);
    snprintf(parent, sizeof parent, "%s/.scratch", real);
    if (mkdir(parent, 0755) != 0 && errno != EEXIST) return scratch_fail(parent, errno, err);
    scratch_sweep(parent);
    lh_scratch scratch = {.lock_fd = -1};
    LH_TRY(scratch_make(parent, &scratch, err));
    *ret = scratch;
    return LH_OK;
}

void lh_scratch_close(lh_scratch *scratch) {
    if (scratch->lock_fd < 0) return;
    lh_cli_remove_tree(scratch->path);
    close(scratch->lock_fd);
    scratch->lock_fd = -1;
}
