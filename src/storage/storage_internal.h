/* What the two kinds of bucket share. A bucket's first member is struct lh_bucket, so are the writer's and
 * reader's; bucket.c checks the arguments, opens the trace spans and calls through `ops`. */
#ifndef LH_STORAGE_STORAGE_INTERNAL_H
#define LH_STORAGE_STORAGE_INTERNAL_H
#include "storage/storage.h"

/* Keys are checked before any of these is called; etags come without quotes. */
struct bucket_ops {
    const char *kind; /* "file", "s3": for trace spans */
    lh_code (*put_begin)(lh_bucket *bucket, lh_str key, lh_put_condition condition, lh_object_writer **ret,
                         lh_error *err);
    lh_code (*put_write)(lh_object_writer *writer, lh_str data, lh_error *err);
    lh_code (*put_commit)(lh_object_writer *writer, lh_object_info *ret, lh_error *err); /* frees */
    void (*put_abort)(lh_object_writer *writer);                                         /* frees */
    /* NULL, or: begins the put of a file that gets a second name, and has all its bytes; makes such a name of an object. Any error:
     * it is to be copied. */
    lh_code (*put_link)(lh_bucket *bucket, lh_str key, const char *path, lh_object_writer **ret, lh_error *err);
    lh_code (*get_link)(lh_bucket *bucket, lh_str key, const char *path, lh_error *err);
    lh_code (*get_open)(lh_bucket *bucket, lh_str key, lh_byte_range range, lh_object_reader **ret,
                        lh_object_info *ret_info, lh_error *err);
    lh_code (*get_read)(lh_object_reader *reader, char *into, size_t cap_bytes, size_t *ret_len, lh_error *err);
    void (*get_close)(lh_object_reader *reader); /* frees */
    lh_code (*head)(lh_bucket *bucket, lh_str key, lh_object_info *ret, lh_error *err);
    lh_code (*remove)(lh_bucket *bucket, lh_str key, lh_str if_etag, lh_error *err);
    lh_code (*list)(lh_bucket *bucket, lh_str prefix, lh_str after, size_t limit, lh_arena *arena, lh_object_page *ret,
                    lh_error *err);
    lh_code (*make_folder)(lh_bucket *bucket, lh_str key, lh_error *err);
    lh_code (*sync)(lh_bucket *bucket, lh_str key, lh_error *err);
    /* NULL: no locks. exclusive: UNAVAILABLE at once when it is held. *ret: the file descriptor that holds it. */
    lh_code (*lock)(lh_bucket *bucket, lh_str name, bool exclusive, int *ret, lh_error *err);
    /* NULL, or a quick look whether a bucket of a registry is still where it was. Errors: UNAVAILABLE. */
    lh_code (*present)(lh_bucket *bucket, lh_error *err);
    /* Does it answer, within timeout_ms? A folder that came back (mounted again) is taken up. */
    lh_code (*probe)(lh_bucket *bucket, uint64_t timeout_ms, lh_error *err);
    /* NULL, or of several buckets seen as one: the one that holds `key`, and its key there. */
    lh_code (*route)(const lh_bucket *bucket, lh_str key, lh_bucket **ret, lh_str *ret_key, lh_error *err);
    /* With route: the one that the location lies in (or any), and what comes before its keys. */
    const lh_bucket *(*holder)(const lh_bucket *bucket, lh_str location, lh_str *ret_stem);
    void (*free)(lh_bucket *bucket);
};

/* Is told of each call that failed for want of the bucket (IO, UNAVAILABLE, DENIED, CORRUPT). Any thread. */
typedef struct bucket_observer {
    void (*failed)(void *ctx, const char *operation, lh_str key, lh_code code, const char *message);
    void *ctx;
} bucket_observer;

struct lh_bucket {
    const struct bucket_ops *ops;
    lh_str location;       /* owned: "/abs/root" or "s3://bucket", no slash at the end */
    lh_str location_given; /* owned: the same as the caller wrote it, when symbolic links made it differ; else empty */
    bool read_only;
    bucket_observer observer; /* failed may be NULL */
};
/* key: NUL-terminated; bucket.c's, for the observer. */
struct lh_object_writer {
    lh_bucket *bucket;
    char key[LH_LIMIT_KEY_BYTES + 1];
};
struct lh_object_reader {
    lh_bucket *bucket;
    char key[LH_LIMIT_KEY_BYTES + 1];
};

/* Keys under it hold what a store needs for itself; no bucket lists, reads or writes them by key. */
#define BUCKET_SCRATCH ".scratch"
bool bucket_key_is_scratch(lh_str key);
/* Cuts `root` and the '/' after it off the location; false when it lies elsewhere. */
bool bucket_cut_root(lh_str location, lh_str root, lh_str *ret);
/* Could a key that starts with `prefix` start with `start`, or the other way round? For walking a tree. */
static inline bool bucket_prefix_meets(lh_str prefix, lh_str start) {
    return lh_str_starts(prefix, start) || lh_str_starts(start, prefix);
}

/* Seams for tests: how a file bucket reaches the disk. All zero: as in production. */
typedef struct file_options {
    bool walk;                      /* resolve paths part by part, as on kernels without openat2 */
    int (*sync)(void *ctx, int fd); /* instead of fsync(2); sets errno */
    void *sync_ctx;
} file_options;
LH_MUST_CHECK lh_code bucket_open_file_with(lh_str root, file_options options, lh_bucket **ret, lh_error *err);
#endif
