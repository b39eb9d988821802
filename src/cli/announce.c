/* Which servers run on a root. Each says so in a file of its own, so that several may serve one lake:
 *
 *   <root>/.scratch/server-<uuid>.json   {"pid":…,"url":"…"}, locked (flock) while its server lives
 *
 * It is a hint for other commands, checked before use. The file of a server that died is removed by the next that starts;
 * one that was swept in the moment before its maker locked it is made again. */
#include "cli/cli_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANNOUNCE_BYTES_MAX = 4096 };

static bool announce_is_name(const char *name) {
    lh_str text = lh_str_from(name);
    return lh_str_starts(text, LH_STR("server-")) && lh_str_ends(text, LH_STR(".json"));
}

/* Removes the files that nobody holds. */
static void announce_sweep(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!announce_is_name(entry->d_name)) continue;
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) (void)unlinkat(dirfd(dir), entry->d_name, 0);
        close(fd);
    }
    closedir(dir);
}

static lh_code announce_make(const char *folder, lh_announcement *announcement, lh_error *err) {
    struct stat st;
    for (int tries_left = 3; tries_left > 0; tries_left--) {
        if ((size_t)snprintf(announcement->path, sizeof announcement->path, "%s/server-%s.json", folder,
                             lh_uuid_new().text) >= sizeof announcement->path)
            return lh_fail(err, LH_INVALID, "the path %s is too long", folder);
        int fd = open(announcement->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0) return lh_fail_errno(err, errno, "cannot write %s", announcement->path);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0) {
            announcement->fd = fd;
            return LH_OK;
        }
        close(fd);
    }
    return lh_fail(err, LH_IO, "cannot lock %s", announcement->path);
}

lh_code lh_announce(const char *folder, lh_str url, lh_announcement *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(ANNOUNCE_BYTES_MAX);
    lh_announcement made = {.fd = -1};
    lh_buf_printf(&text, "{\"pid\":%ld,\"url\":", (long)getpid());
    lh_buf_json_string(&text, url);
    lh_buf_printf(&text, "}\n");
    LH_TRY(lh_buf_check(&text, err));
    announce_sweep(folder);
    LH_TRY(announce_make(folder, &made, err));
    if (write(made.fd, text.ptr, text.len) != (ssize_t)text.len) {
        int failed = errno;
        lh_announcement_withdraw(&made);
        return lh_fail_errno(err, failed, "cannot write in %s", folder);
    }
    *ret = made;
    return LH_OK;
}

void lh_announcement_withdraw(lh_announcement *announcement) {
    if (announcement->fd < 0) return;
    (void)unlink(announcement->path);
    close(announcement->fd);
    announcement->fd = -1;
}

/* The URL in the file, when its server lives. */
static lh_str announce_read(int folder_fd, const char *name, lh_arena *arena) {
    char text[ANNOUNCE_BYTES_MAX];
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return LH_STR_NONE;
    bool lives = flock(fd, LOCK_SH | LOCK_NB) != 0;
    ssize_t got = read(fd, text, sizeof text);
    close(fd);
    lh_json *found = NULL;
    if (!lives || got <= 0 || lh_json_parse(arena, (lh_str){text, (size_t)got}, &found, NULL) != LH_OK)
        return LH_STR_NONE;
    return lh_json_get_string(found, "url");
}

lh_announced lh_announced_on(lh_str root, lh_arena *arena) {
    lh_announced found = {0};
    const char *folder = lh_arena_cstr(arena, lh_arena_printf(arena, "%.*s/.scratch", LH_STR_ARG(root)));
    DIR *dir = folder ? opendir(folder) : NULL;
    if (!dir) return found;
    for (struct dirent *entry; found.count < LH_ANNOUNCED_MAX && (entry = readdir(dir));) {
        lh_str url = announce_is_name(entry->d_name) ? announce_read(dirfd(dir), entry->d_name, arena) : LH_STR_NONE;
        if (url.len) found.urls[found.count++] = url;
    }
    closedir(dir);
    return found;
}

bool lh_announced_has(const lh_announced *servers, lh_str url) {
    for (size_t i = 0; i < servers->count; i++)
        if (lh_str_eq(servers->urls[i], url)) return true;
    return false;
}
