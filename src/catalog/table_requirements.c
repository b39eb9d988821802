/* The requirements of a commit (CommitTableRequest.requirements): what the client saw must still hold. Each is checked
 * against the metadata that the commit starts from; one that does not hold is CONFLICT, so that the client reads again;
 * one that we do not know is INVALID, because to ignore it would lose updates. */
#include "catalog/catalog_internal.h"

/* A requirement that an id is still the one that the client saw. */
typedef struct metadata_id_rule {
    const char *type, *given, *kept, *what;
} metadata_id_rule;

static lh_code metadata_require_id(const lh_json *requirement, const metadata_id_rule *rule, const lh_json *metadata,
                                   lh_error *err) {
    const lh_json *expected = lh_json_get(requirement, rule->given);
    if (!lh_json_is_int(expected)) return lh_fail(err, LH_INVALID, "a requirement lacks the number '%s'", rule->given);
    int64_t want = lh_json_int(expected, 0), have = lh_json_int(lh_json_get(metadata, rule->kept), INT64_MIN);
    if (strcmp(rule->kept, "current-schema-id") == 0) want = metadata_shown_schema(want);
    if (want != have)
        return lh_fail(err, LH_CONFLICT, "Requirement failed: %s changed: expected %" PRId64 ", is %" PRId64,
                       rule->what, want, have);
    return LH_OK;
}

static lh_code metadata_require_ref(const lh_json *requirement, const lh_json *metadata, lh_error *err) {
    lh_str ref = lh_json_get_string(requirement, "ref");
    if (ref.len == 0) return lh_fail(err, LH_INVALID, "assert-ref-snapshot-id lacks 'ref'");
    const lh_json *expected = lh_json_get(requirement, "snapshot-id");
    if (!lh_json_is_null(expected) && !lh_json_is_int(expected))
        return lh_fail(err, LH_INVALID, "assert-ref-snapshot-id: 'snapshot-id' must be a number or null");
    const lh_json *have = lh_json_get(lh_json_get_str(lh_json_get(metadata, "refs"), ref), "snapshot-id");
    int64_t want = lh_json_int(expected, -1), is = lh_json_int(have, -1);
    if (want == is) return LH_OK; /* null and absent are both -1 */
    if (is == -1)
        return lh_fail(err, LH_CONFLICT, "Requirement failed: ref '%.*s' does not exist, expected snapshot %" PRId64,
                       LH_STR_ARG(ref), want);
    if (want == -1)
        return lh_fail(err, LH_CONFLICT, "Requirement failed: ref '%.*s' was created concurrently", LH_STR_ARG(ref));
    return lh_fail(err, LH_CONFLICT, "Requirement failed: ref '%.*s' changed: expected %" PRId64 ", is %" PRId64,
                   LH_STR_ARG(ref), want, is);
}

static lh_code metadata_require(const lh_json *requirement, const lh_json *metadata, lh_error *err) {
    static const metadata_id_rule ids[] = {
        {"assert-last-assigned-field-id", "last-assigned-field-id", "last-column-id", "last assigned field id"},
        {"assert-current-schema-id", "current-schema-id", "current-schema-id", "current schema"},
        {"assert-last-assigned-partition-id", "last-assigned-partition-id", "last-partition-id",
         "last assigned partition id"},
        {"assert-default-spec-id", "default-spec-id", "default-spec-id", "default partition spec"},
        {"assert-default-sort-order-id", "default-sort-order-id", "default-sort-order-id", "default sort order"},
    };
    lh_str type = lh_json_get_string(requirement, "type");
    if (lh_str_eq(type, LH_STR("assert-create")))
        return metadata ? lh_fail(err, LH_CONFLICT, "Requirement failed: table already exists") : LH_OK;
    bool known = lh_str_eq(type, LH_STR("assert-table-uuid")) || lh_str_eq(type, LH_STR("assert-ref-snapshot-id"));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) known |= lh_str_eq(type, lh_str_from(ids[i].type));
    if (!known) return lh_fail(err, LH_INVALID, "unknown requirement '%.*s'", LH_STR_ARG(type));
    if (!metadata) return lh_fail(err, LH_CONFLICT, "Requirement failed: table does not exist");
    if (lh_str_eq(type, LH_STR("assert-ref-snapshot-id"))) return metadata_require_ref(requirement, metadata, err);
    if (lh_str_eq(type, LH_STR("assert-table-uuid"))) {
        lh_str want = lh_json_get_string(requirement, "uuid"), is = lh_json_get_string(metadata, "table-uuid");
        if (want.len == 0) return lh_fail(err, LH_INVALID, "assert-table-uuid lacks 'uuid'");
        if (!lh_str_eq_nocase(want, is))
            return lh_fail(err, LH_CONFLICT, "Requirement failed: UUID does not match: expected %.*s, is %.*s",
                           LH_STR_ARG(want), LH_STR_ARG(is));
        return LH_OK;
    }
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (lh_str_eq(type, lh_str_from(ids[i].type))) return metadata_require_id(requirement, &ids[i], metadata, err);
    return lh_fail(err, LH_INTERNAL, "requirement '%.*s' is not handled", LH_STR_ARG(type));
}

lh_code metadata_check_requirements(const lh_json *requirements, const lh_json *metadata, lh_error *err) {
    if (!lh_json_is_array(requirements))
        return lh_fail(err, LH_INVALID, "'requirements' must be an array; [] asks for nothing");
    for (lh_json_iter it = lh_json_each(requirements); lh_json_next(&it);)
        LH_TRY(metadata_require(it.value, metadata, err));
    return LH_OK;
}
