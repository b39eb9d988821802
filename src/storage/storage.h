/* storage: objects in a bucket, on disk or on S3, behind one interface.
 * Keys are UTF-8, 1…1024 bytes, '/'-separated, without empty, "." or ".." parts, NUL or
 * control characters; nothing reaches outside the bucket's root, symbolic links included.
 * A put that returned LH_OK is durable (fsynced file and folders, or acknowledged by S3) and
 * atomic: readers see the whole old or the whole new object.
 * Depends on: base. Used by: catalog, engine, ingest, api. Thread-safe: a bucket; a writer or
 * reader belongs to one thread at a time. */
#ifndef LH_STORAGE_STORAGE_H
#define LH_STORAGE_STORAGE_H
#include "base/base.h"

typedef struct lh_bucket lh_bucket;
typedef struct lh_object_writer lh_object_writer;
typedef struct lh_object_reader lh_object_reader;

enum { LH_ETAG_BYTES = 128 };
typedef struct lh_object_info {
    uint64_t size_bytes;
    int64_t modified_ms;
    char etag[LH_ETAG_BYTES]; /* without quotes; changes whenever the object does */
} lh_object_info;

typedef struct lh_s3_options {
    lh_str endpoint, region, bucket, access_key, secret_key; /* copied */
    bool path_style;
    bool lazy; /* it may be opened while it does not answer */
    uint64_t timeout_ms;
    unsigned retries;
} lh_s3_options;

/* Opens (creates) the folder `root` as a bucket. Owned: lh_bucket_free(). Errors: IO, DENIED, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_bucket_open_file(lh_str root, lh_bucket **ret, lh_error *err);
/* Makes an S3 bucket; checks the options and that the bucket answers. Errors: INVALID, UNAVAILABLE, DENIED, NOT_FOUND. */
LH_MUST_CHECK lh_code lh_bucket_open_s3(const lh_s3_options *options, lh_bucket **ret, lh_error *err);
void lh_bucket_free(lh_bucket *bucket);
static inline void lh_bucket_freep(lh_bucket **bucket) { lh_bucket_free(*bucket); }

/* Where an object lies for other programs: "/abs/root/key" or "s3://bucket/key". Arena. key "" gives the root. */
lh_str lh_bucket_location(const lh_bucket *bucket, lh_str key, lh_arena *arena);
/* The key of such a location ("file:///…", "/…", "s3://…", "s3a://…"). Errors: DENIED (outside this bucket), INVALID. */
LH_MUST_CHECK lh_code lh_bucket_key_of(const lh_bucket *bucket, lh_str location, lh_arena *arena, lh_str *ret,
                                       lh_error *err);
/* Does the key's object lie on a disk of this machine? */
bool lh_bucket_is_local(const lh_bucket *bucket, lh_str key);
/* Does the bucket answer, within about timeout_ms (a folder on a disk that hangs: when it does)? Not for a registry's
 * whole. Errors: UNAVAILABLE, NOT_FOUND, DENIED, IO. */
LH_MUST_CHECK lh_code lh_bucket_probe(lh_bucket *bucket, uint64_t timeout_ms, lh_error *err);
/* Errors: INVALID with the reason. */
LH_MUST_CHECK lh_code lh_key_check(lh_str key, lh_error *err);

/* At most one of the two; all zero: unconditional. */
typedef struct lh_put_condition {
    bool if_absent; /* else CONFLICT */
    lh_str if_etag; /* replace only this version; else CONFLICT (also when there is none) */
} lh_put_condition;

/* Streams an object in: begin, write…, then commit or abort (which free the writer; commit also on failure).
 * Nothing is visible before commit. Errors: INVALID (key), CONFLICT, IO (sys_errno ENOSPC when full), UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_bucket_put_begin(lh_bucket *bucket, lh_str key, lh_put_condition condition,
                                          lh_object_writer **ret, lh_error *err);
LH_MUST_CHECK lh_code lh_put_write(lh_object_writer *writer, lh_str data, lh_error *err);
LH_MUST_CHECK lh_code lh_put_commit(lh_object_writer *writer /* moved */, lh_object_info *ret, lh_error *err);
void lh_put_abort(lh_object_writer *writer /* moved; NULL is fine */);
/* The same in one call, for small objects. ret may be NULL. */
LH_MUST_CHECK lh_code lh_bucket_put(lh_bucket *bucket, lh_str key, lh_str data, lh_put_condition condition,
                                    lh_object_info *ret, lh_error *err);

/* A file of this machine's disk as an object, by the piece. In a folder on the same disk it gets a second name instead of a copy: it must
 * not be changed in place from now on. cancelled: may be NULL. Errors: as the put's, CANCELLED. */
LH_MUST_CHECK lh_code lh_bucket_put_file(lh_bucket *bucket, lh_str key, const char *path, const _Atomic bool *cancelled,
                                         lh_error *err);
/* The other way round, into a file that is not there yet; not synced. It is not to be changed either. After an error there is none.
 * Errors: as lh_bucket_get_open(), CORRUPT (it was replaced meanwhile), CANCELLED. */
LH_MUST_CHECK lh_code lh_bucket_get_file(lh_bucket *bucket, lh_str key, const char *path, const _Atomic bool *cancelled,
                                         lh_error *err);

/* Half-open byte range; length UINT64_MAX: to the end. */
typedef struct lh_byte_range {
    uint64_t offset, length;
} lh_byte_range;
#define LH_RANGE_ALL ((lh_byte_range){0, UINT64_MAX})
/* Streams an object out. info describes the whole object. Errors: INVALID, NOT_FOUND, LIMIT (offset beyond the end), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_bucket_get_open(lh_bucket *bucket, lh_str key, lh_byte_range range, lh_object_reader **ret,
                                         lh_object_info *ret_info, lh_error *err);
/* Fills up to cap_bytes; *ret_len 0 at the end. */
LH_MUST_CHECK lh_code lh_get_read(lh_object_reader *reader, char *into, size_t cap_bytes, size_t *ret_len,
                                  lh_error *err);
void lh_get_close(lh_object_reader *reader);
static inline void lh_get_closep(lh_object_reader **reader) { lh_get_close(*reader); }
/* The whole object. Arena. Errors: as above and LIMIT (larger than max_bytes). ret_info may be NULL. */
LH_MUST_CHECK lh_code lh_bucket_get(lh_bucket *bucket, lh_str key, uint64_t max_bytes, lh_arena *arena, lh_str *ret,
                                    lh_object_info *ret_info, lh_error *err);

LH_MUST_CHECK lh_code lh_bucket_head(lh_bucket *bucket, lh_str key, lh_object_info *ret,
                                     lh_error *err); /* NOT_FOUND … */
/* Deleting what is not there is LH_OK. if_etag: empty, or delete only this version (CONFLICT). */
LH_MUST_CHECK lh_code lh_bucket_delete(lh_bucket *bucket, lh_str key, lh_str if_etag, lh_error *err);

typedef struct lh_object_entry {
    lh_str key;
    uint64_t size_bytes;
    int64_t modified_ms;
    lh_str etag;
} lh_object_entry;
typedef struct lh_object_page {
    lh_object_entry *entries;
    size_t count;
    bool more;
} lh_object_page; /* arena */
/* Keys that start with `prefix`, in byte order, those after `after` (exclusive), `limit` at most. */
LH_MUST_CHECK lh_code lh_bucket_list(lh_bucket *bucket, lh_str prefix, lh_str after, size_t limit, lh_arena *arena,
                                     lh_object_page *ret, lh_error *err);

/* Local buckets: makes the folders of `key` (all of it a folder), durably. S3: nothing to do. */
LH_MUST_CHECK lh_code lh_bucket_make_folder(lh_bucket *bucket, lh_str key, lh_error *err);
/* Local buckets: fsyncs an object that another program wrote, and its folder, so that a commit may name it.
 * S3: checks that it is there. Errors: NOT_FOUND, IO. */
LH_MUST_CHECK lh_code lh_bucket_sync(lh_bucket *bucket, lh_str key, lh_error *err);

/* A lock by name between all threads and processes on one local bucket: many share it, or one has it alone (names may
 * collide: then it excludes more). S3 has none: LH_OK, nothing is held. A plain value; release it with lh_bucket_unlock(), which
 * also takes {0}. Shared waits. Exclusive waits wait_ms at most, then UNAVAILABLE. Errors: IO. */
typedef struct lh_bucket_lock {
    int fd_plus_one;
} lh_bucket_lock;
LH_MUST_CHECK lh_code lh_bucket_lock_shared(lh_bucket *bucket, lh_str name, lh_bucket_lock *ret, lh_error *err);
LH_MUST_CHECK lh_code lh_bucket_lock_exclusive(lh_bucket *bucket, lh_str name, uint64_t wait_ms, lh_bucket_lock *ret,
                                               lh_error *err);
void lh_bucket_unlock(lh_bucket_lock *lock);

#include "storage/registry.h"
#endif
