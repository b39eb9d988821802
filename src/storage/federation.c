/* All buckets of a lake seen as one. It has no calls of its own: bucket.c asks it whose key it is, and calls that bucket. */
#include "storage/registry_internal.h"

typedef struct federation {
    lh_bucket base;
    lh_registry *registry;
} federation;

lh_code federation_route(const lh_registry *registry, lh_str key, registry_member **ret, lh_str *ret_key,
                         lh_error *err) {
    registry_member *member = &registry->members[0];
    if (lh_str_starts(key, LH_STR("//"))) {
        lh_str rest = lh_str_sub(key, 2, SIZE_MAX);
        lh_str name = lh_str_split(&rest, '/');
        member = registry_find(registry, name);
        if (!member) return registry_unknown(registry, name, err);
        key = rest;
    }
    *ret = member;
    *ret_key = key;
    return LH_OK;
}

static lh_code federation_bucket(const lh_bucket *base, lh_str key, lh_bucket **ret, lh_str *ret_key, lh_error *err) {
    registry_member *member = NULL;
    lh_str rest;
    LH_TRY(federation_route(((const federation *)base)->registry, key, &member, &rest, err));
    LH_TRY(registry_bucket(member, ret, err));
    *ret_key = rest;
    return LH_OK;
}

static const lh_bucket *federation_holder(const lh_bucket *base, lh_str location, lh_str *ret_stem) {
    const lh_registry *registry = ((const federation *)base)->registry;
    for (size_t i = 0; i < registry->count; i++) {
        const lh_bucket *bucket = atomic_load(&registry->members[i].bucket);
        lh_str ignored;
        if (!bucket || !registry->members[i].active ||
            (!bucket_cut_root(location, bucket->location, &ignored) &&
             !bucket_cut_root(location, bucket->location_given, &ignored)))
            continue;
        *ret_stem = registry->members[i].stem;
        return bucket;
    }
    *ret_stem = LH_STR_NONE;
    return atomic_load(&registry->members[0].bucket);
}

static void federation_free(lh_bucket *base) {
    lh_str_free(base->location);
    free(base);
}

static const struct bucket_ops federation_ops = {
    .kind = "federation", .route = federation_bucket, .holder = federation_holder, .free = federation_free};

lh_code federation_new(lh_registry *registry, lh_bucket **ret, lh_error *err) {
    federation *made = calloc(1, sizeof *made);
    if (!made) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *made = (federation){.base.ops = &federation_ops, .registry = registry};
    const lh_bucket *primary = atomic_load(&registry->members[0].bucket);
    if (lh_str_dup(primary->location, &made->base.location) != LH_OK) {
        free(made);
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    }
    *ret = &made->base;
    return LH_OK;
}
