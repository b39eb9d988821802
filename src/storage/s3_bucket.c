#include "storage/storage_internal.h"

lh_code lh_bucket_open_s3(const lh_s3_options *options, lh_bucket **ret, lh_error *err) {
    (void)options, (void)ret;
    return lh_fail(err, LH_UNAVAILABLE, "S3 buckets are not in this build");
}
