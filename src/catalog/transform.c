/* The transforms of the Iceberg specification ("Partition Transforms"): what a partition or sort field makes of a column. */
#include "catalog/catalog_internal.h"

/* "bucket[16]" for the name "bucket", with a number that is not 0. */
static bool transform_has_number(lh_str transform, const char *name) {
    lh_str rest = lh_str_sub(transform, strlen(name), SIZE_MAX);
    uint64_t number;
    if (!lh_str_starts(transform, lh_str_from(name)) || rest.len < 3 || rest.ptr[0] != '[' ||
        rest.ptr[rest.len - 1] != ']')
        return false;
    return lh_str_to_u64(lh_str_sub(rest, 1, rest.len - 2), &number) == LH_OK && number > 0 && number <= INT32_MAX;
}

static bool transform_starts_any(lh_str text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_starts(text, lh_str_from(words[i]))) return true;
    return false;
}

bool transform_exists(lh_str transform) {
    static const char *const names[] = {"identity", "void", "year", "month", "day", "hour"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (lh_str_eq(transform, lh_str_from(names[i]))) return true;
    return transform_has_number(transform, "bucket") || transform_has_number(transform, "truncate");
}

bool transform_takes(lh_str transform, lh_str type) {
    static const char *const whole[] = {"variant", "geometry", "geography"}; /* have no values to compare */
    static const char *const cut[] = {"int", "long", "decimal(", "string", "binary"};
    static const char *const hashed[] = {"int",  "long", "decimal(", "string", "binary",
                                         "date", "time", "uuid",     "fixed["}; /* "time" also begins timestamps */
    bool date = lh_str_eq(type, LH_STR("date")), stamp = lh_str_starts(type, LH_STR("timestamp"));
    if (!transform_exists(transform)) return false;
    if (lh_str_eq(transform, LH_STR("void"))) return true;
    if (lh_str_eq(transform, LH_STR("identity"))) return type.len > 0 && !transform_starts_any(type, whole, 3);
    if (lh_str_eq(transform, LH_STR("hour"))) return stamp;
    if (lh_str_starts(transform, LH_STR("bucket"))) return transform_starts_any(type, hashed, 9);
    if (lh_str_starts(transform, LH_STR("truncate"))) return transform_starts_any(type, cut, 5);
    return date || stamp;
}
