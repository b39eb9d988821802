/* What the verbs of `lakehouse buckets` share. */
#ifndef LH_CLI_BUCKETS_INTERNAL_H
#define LH_CLI_BUCKETS_INTERNAL_H
#include "cli/cli_internal.h"

typedef struct lh_buckets_job {
    lh_connection *connection;
    lh_arena *arena;
    const lh_cli_list *words;                                                    /* from the verb on */
    const char *bucket, *operation, *code, *since, *prefix, *limit, *page_token; /* NULL: not given */
    bool json, yes, quiet;
} lh_buckets_job;

/* The page that --limit (else `limit`) and --page-token ask for, without any of them every item, as a table with a column for
 * each member. path: what they are appended to. */
LH_MUST_CHECK lh_code lh_buckets_page(const lh_buckets_job *job, lh_buf *path, const char *limit,
                                      const lh_cli_column *members, size_t count, lh_error *err);

/* buckets_objects.c */
LH_MUST_CHECK lh_code lh_buckets_objects(const lh_buckets_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_buckets_get(const lh_buckets_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_buckets_put(const lh_buckets_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_buckets_remove(const lh_buckets_job *job, lh_error *err);
#endif
