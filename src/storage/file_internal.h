/* The file bucket's parts: file_bucket.c (open, read, delete), file_path.c (paths and durable folders),
 * file_put.c (writing), file_list.c (listing). */
#ifndef LH_STORAGE_FILE_INTERNAL_H
#define LH_STORAGE_FILE_INTERNAL_H
#include "storage/storage_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_SYNCED_SLOTS = 1024, FILE_LOCK_STRIPES = 64 };

typedef struct file_bucket {
    lh_bucket base;
    file_options options;
    int root_fd, put_fd, lock_fd;        /* the root, .scratch/put, .scratch/lock */
    bool openat2_works;                  /* set at open */
    atomic_int poisoned;                 /* errno of a failed fsync; from then on nothing is written */
    pthread_mutex_t lock;                /* guards what follows */
    int64_t last_mtime_ns;               /* every put of this process gets a later one */
    lh_sha256 synced[FILE_SYNCED_SLOTS]; /* hashes of folder paths whose entries are known to be on disk */
} file_bucket;

static inline file_bucket *file_of(lh_bucket *bucket) { return (file_bucket *)bucket; }

#define FILE_FD LH_CLEANUP(lh_fd_closep) int /* closes itself */

/* ---- file_path.c ---- */
/* Opens `path` (a key, or empty for the root) with O_CLOEXEC and without following any symbolic link: fd, or -errno. */
int file_open_beneath(const file_bucket *bucket, lh_str path, int flags);
/* Was it because of a link (or a kind of file) that must not be followed? Then DENIED, else by errno. */
lh_code file_path_fail(lh_str path, int sys_errno, lh_error *err);
/* The folder's part of a key ("" at the top) and the rest. The name is NUL-terminated in `name`. */
typedef struct file_name {
    lh_str folder;
    char name[256];
} file_name;
file_name file_name_of(lh_str key);
/* Opens the folder (readable, so that it can be synced). Errors: NOT_FOUND, DENIED, IO. */
LH_MUST_CHECK lh_code file_folder_open(const file_bucket *bucket, lh_str path, int *ret_fd, lh_error *err);
/* The same, making what is missing of it; then every folder on the way is on disk. Errors also: CONFLICT (a part is an object). */
LH_MUST_CHECK lh_code file_folder_make(file_bucket *bucket, lh_str path, int *ret_fd, lh_error *err);
/* fsync: 0 or an errno. */
int file_fsync(file_bucket *bucket, int fd);
/* Stops all writes of the bucket because an fsync failed: what the kernel still held may be lost, and a second
 * fsync would not say so. Gives IO. */
lh_code file_poison(file_bucket *bucket, int sys_errno, lh_str path, lh_error *err);
/* Both. Errors: IO. */
LH_MUST_CHECK lh_code file_sync(file_bucket *bucket, int fd, lh_str path, lh_error *err);
/* IO when an earlier fsync failed. */
LH_MUST_CHECK lh_code file_writable(file_bucket *bucket, lh_error *err);

/* ---- file_bucket.c ---- */
lh_object_info file_info_of(const struct stat *st);
bool file_etag_is(const struct stat *st, lh_str etag);
/* Locks the key's stripe among threads and processes, until the fd is closed. */
LH_MUST_CHECK lh_code file_lock_key(const file_bucket *bucket, lh_str key, bool exclusive, int *ret_fd, lh_error *err);

/* ---- file_put.c ---- */
lh_code file_put_begin(lh_bucket *bucket, lh_str key, lh_put_condition condition, lh_object_writer **ret,
                       lh_error *err);
lh_code file_put_link(lh_bucket *bucket, lh_str key, const char *path, lh_object_writer **ret, lh_error *err);
lh_code file_put_write(lh_object_writer *writer, lh_str data, lh_error *err);
lh_code file_put_commit(lh_object_writer *writer, lh_object_info *ret, lh_error *err);
void file_put_abort(lh_object_writer *writer);
/* Removes temporary files that no living writer holds and that are older than an hour. */
void file_put_sweep(const file_bucket *bucket);

/* ---- file_list.c ---- */
lh_code file_list(lh_bucket *bucket, lh_str prefix, lh_str after, size_t limit, lh_arena *arena, lh_object_page *ret,
                  lh_error *err);
#endif
