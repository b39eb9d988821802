/* From the configuration to buckets: paths are made absolute (the process changes its folder), secrets are found by name. */
#include "storage/registry_internal.h"

#include <unistd.h>

enum { REGISTRY_CONFIG_ARENA_BYTES = 4 << 20 };

static lh_str config_absolute(lh_str folder, lh_str path, lh_arena *arena) {
    if (path.len == 0 || lh_str_starts(path, LH_STR("/"))) return path;
    return lh_arena_printf(arena, "%.*s/%.*s", LH_STR_ARG(folder), LH_STR_ARG(path));
}

static lh_code config_find_secret(const lh_config *config, lh_str folder, lh_str name, lh_arena *arena, lh_secret *ret,
                                  lh_error *err) {
    LH_TRY(lh_secret_of(config, folder, name, arena, ret, err));
    return ret->access_key.len
               ? LH_OK
               : lh_fail(err, LH_INVALID, "the secret '%.*s' is an API key; a bucket needs access_key and secret_key",
                         LH_STR_ARG(name));
}

lh_code lh_bucket_options_from(const lh_config *config, lh_str folder, const lh_bucket_config *bucket, lh_arena *arena,
                               lh_bucket_options *ret, lh_error *err) {
    lh_bucket_options options = {.name = bucket->name, .read_only = bucket->read_only};
    options.is_s3 = lh_str_eq(bucket->kind, LH_STR("s3"));
    if (options.is_s3) {
        lh_secret secret = {0};
        LH_TRY(config_find_secret(config, folder, bucket->secret.len ? bucket->secret : bucket->name, arena, &secret,
                                  err));
        options.s3 = (lh_s3_options){.endpoint = bucket->endpoint,
                                     .region = bucket->region,
                                     .bucket = bucket->bucket.len ? bucket->bucket : bucket->name,
                                     .access_key = secret.access_key,
                                     .secret_key = secret.secret_key,
                                     .path_style = bucket->path_style,
                                     .timeout_ms = (uint64_t)config->storage_s3_timeout_ms,
                                     .retries = (unsigned)config->storage_s3_retries};
    } else {
        options.root = config_absolute(folder, bucket->root, arena);
    }
    *ret = options;
    return lh_arena_check(arena, err);
}

lh_s3_options lh_s3_options_from(const lh_config *c) {
    return (lh_s3_options){.endpoint = c->storage_s3_endpoint,
                           .region = c->storage_s3_region,
                           .bucket = c->storage_s3_bucket,
                           .access_key = c->storage_s3_access_key,
                           .secret_key = c->storage_s3_secret_key,
                           .path_style = c->storage_s3_path_style,
                           .timeout_ms = (uint64_t)c->storage_s3_timeout_ms,
                           .retries = (unsigned)c->storage_s3_retries};
}

/* The bucket of storage.kind. */
static lh_bucket_options config_plain_bucket(const lh_config *config, lh_str folder, lh_arena *arena) {
    lh_bucket_options plain = {.name = lh_config_primary(config)};
    plain.is_s3 = lh_str_eq(config->storage_kind, LH_STR("s3"));
    if (plain.is_s3) plain.s3 = lh_s3_options_from(config);
    else plain.root = config_absolute(folder, config->storage_root, arena);
    return plain;
}

/* All of them, the primary first. */
static lh_code config_buckets(const lh_config *config, lh_str folder, lh_arena *arena, lh_registry_options *ret,
                              lh_error *err) {
    bool listed = lh_config_lists_primary(config);
    size_t count = listed ? 0 : 1;
    lh_bucket_options *buckets = LH_ARENA_ARRAY(arena, lh_bucket_options, config->storage_bucket_count + 1);
    if (!buckets) return lh_arena_check(arena, err);
    if (!listed) buckets[0] = config_plain_bucket(config, folder, arena);
    for (size_t i = 0; i < config->storage_bucket_count; i++) {
        LH_TRY(lh_bucket_options_from(config, folder, &config->storage_buckets[i], arena, &buckets[count], err));
        if (listed && lh_str_eq(buckets[count].name, lh_config_primary(config))) {
            lh_bucket_options first = buckets[0];
            buckets[0] = buckets[count];
            buckets[count] = first;
        }
        count++;
    }
    *ret = (lh_registry_options){.buckets = buckets,
                                 .count = count,
                                 .rescue = config->storage_rescue_bucket,
                                 .probe_interval_ms = (uint64_t)config->storage_probe_interval_ms,
                                 .probe_timeout_ms = (uint64_t)config->storage_probe_timeout_ms};
    return lh_arena_check(arena, err);
}

lh_code lh_registry_open_config(const lh_config *config, lh_str folder, lh_registry **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_registry_options options;
    LH_TRY(lh_arena_new(REGISTRY_CONFIG_ARENA_BYTES, &arena, err));
    LH_TRY(config_buckets(config, folder, arena, &options, err));
    return lh_registry_open(&options, ret, err);
}
