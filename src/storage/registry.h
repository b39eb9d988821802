/* registry: the buckets of one lake by name, whether they answer, and what failed. Part of storage's interface
 * (storage.h includes it).
 *
 * All of them together are one lh_bucket (lh_registry_whole): a key of the primary is as it was, a key of another bucket is
 * "//<name>/<key>", which no bucket's own key can be. So who works with tables need not know where they lie. */
#ifndef LH_STORAGE_REGISTRY_H
#define LH_STORAGE_REGISTRY_H

typedef struct lh_registry lh_registry;

typedef struct lh_bucket_options { /* strings are copied */
    lh_str name;
    bool is_s3, read_only;
    lh_str root;      /* file */
    lh_s3_options s3; /* s3 */
} lh_bucket_options;

typedef struct lh_registry_options {
    const lh_bucket_options *buckets; /* the first is the primary */
    size_t count;
    lh_str rescue; /* a bucket's name, or empty */
    uint64_t probe_interval_ms, probe_timeout_ms;
} lh_registry_options;

/* What the configuration says: storage.buckets with the primary first; relative paths are of `folder`. Errors: those of secrets
 * and of lh_registry_open(). */
LH_MUST_CHECK lh_code lh_registry_open_config(const lh_config *config, lh_str folder, lh_registry **ret, lh_error *err);
/* One such bucket as options. Arena. Errors: those of lh_secret_find(). */
LH_MUST_CHECK lh_code lh_bucket_options_from(const lh_config *config, lh_str folder, const lh_bucket_config *bucket,
                                             lh_arena *arena, lh_bucket_options *ret, lh_error *err);
lh_s3_options lh_s3_options_from(const lh_config *config); /* storage.s3_…; borrowed from config */

/* Opens all. The primary must answer; another bucket may not yet: it is asked again and again. Errors: those of the primary's
 * opening; INVALID (a name twice, a bucket within another, two S3 buckets of one name). Owned: lh_registry_free(). */
LH_MUST_CHECK lh_code lh_registry_open(const lh_registry_options *options, lh_registry **ret, lh_error *err);
void lh_registry_free(lh_registry *registry);
static inline void lh_registry_freep(lh_registry **registry) { lh_registry_free(*registry); }

enum { LH_REGISTRY_BUCKETS_MAX = 256 };
/* Takes a bucket up while others are at work. Errors: CONFLICT (there is one of that name), LIMIT, and as lh_registry_open(). */
LH_MUST_CHECK lh_code lh_registry_add(lh_registry *registry, const lh_bucket_options *options, lh_error *err);
/* Serves such a bucket no more; what is at work in it ends. Errors: NOT_FOUND, DENIED (it is of the configuration). */
LH_MUST_CHECK lh_code lh_registry_remove(lh_registry *registry, lh_str name, lh_error *err);
bool lh_registry_is_active(const lh_registry *registry, size_t index); /* false: was removed */

lh_bucket *lh_registry_whole(lh_registry *registry); /* borrowed: all buckets as one */
size_t lh_registry_count(const lh_registry *registry);
/* Options and location (empty while it could not be opened) of the bucket at `index`; 0 is the primary. Borrowed. */
const lh_bucket_options *lh_registry_options_at(const lh_registry *registry, size_t index);
lh_str lh_registry_location_at(const lh_registry *registry, size_t index);
/* Index of the bucket that holds the whole's key. Errors: UNAVAILABLE (none of that name). */
LH_MUST_CHECK lh_code lh_registry_index_of(const lh_registry *registry, lh_str key, size_t *ret, lh_error *err);
/* The key of `key` in that bucket, as the whole knows it. Arena. Errors: UNAVAILABLE, naming those that there are. */
LH_MUST_CHECK lh_code lh_registry_key(const lh_registry *registry, lh_str bucket, lh_str key, lh_arena *arena, lh_str *ret,
                                      lh_error *err);

/* Reads from the bucket, or, when that does not answer, from the rescue bucket; *ret_from (borrowed) is the name of the one
 * that answered. A missing object of a bucket that answers is NOT_FOUND, and never looked for elsewhere; what both lack, too. Otherwise
 * as lh_bucket_get_open() and lh_bucket_head(). Errors also: UNAVAILABLE (unknown bucket; or none answers). */
LH_MUST_CHECK lh_code lh_registry_get_open(lh_registry *registry, lh_str bucket, lh_str key, lh_byte_range range,
                                           lh_object_reader **ret, lh_object_info *ret_info, lh_str *ret_from,
                                           lh_error *err);
LH_MUST_CHECK lh_code lh_registry_head(lh_registry *registry, lh_str bucket, lh_str key, lh_object_info *ret,
                                       lh_str *ret_from, lh_error *err);

/* {"name","kind","primary","rescue","read_only","state"} a bucket, and with `details` "location" and, of S3, "endpoint"
 * and "region". Arena. */
LH_MUST_CHECK lh_code lh_registry_describe(lh_registry *registry, bool details, lh_arena *arena, lh_json **ret,
                                           lh_error *err);
/* {"name","state" ok|unreachable|unknown,"checked_at","since","latency_ms","failures" (in a row),"error"} a bucket. `now`: asks each
 * bucket first. Arena. */
LH_MUST_CHECK lh_code lh_registry_health(lh_registry *registry, bool now, lh_arena *arena, lh_json **ret, lh_error *err);

/* For those who work in the buckets without the calls of a bucket: what failed at `place` (an absolute path, a location, or an URL
 * of an S3 service) is told to the journal, and the bucket is asked soon. message: no secrets, nothing of a table's content.
 * False: the place lies in none of the buckets. */
bool lh_registry_tell(lh_registry *registry, const char *operation, lh_str place, lh_code code, const char *message);

/* ---- what failed: "_errors/bucket_errors.jsonl" of the primary, newest last; older ones in bucket_errors.<n>.jsonl ---- */
typedef struct lh_error_filter {
    lh_str bucket, operation, code; /* empty: any */
    int64_t since_ms;               /* wall clock */
    lh_str after;                   /* id of the last one of the page before */
    size_t limit;
} lh_error_filter;
/* {"items":[{"id","time","bucket","operation","key","code","message"}],"next_page_token"}, newest first. Arena. */
LH_MUST_CHECK lh_code lh_registry_errors(lh_registry *registry, const lh_error_filter *filter, lh_arena *arena,
                                         lh_json **ret, lh_error *err);
#endif
