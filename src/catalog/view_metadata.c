/* The rules of Iceberg view metadata, as pure functions on its JSON: the view requirements and updates of the REST
 * specification (CommitViewRequest), view format 1.
 *
 * A version is a schema, where its names are resolved, and one SQL text a dialect. An added version that says the same as
 * one that is there takes its id; one whose id is taken gets the next above the highest. Ids of -1 mean "the one added
 * last in this list". Nothing here touches storage. */
#include "catalog/table_metadata_internal.h"
#include "catalog/view_internal.h"

enum { VIEW_FORMAT = 1, VIEW_HISTORY_DEFAULT = 10 };

typedef struct view_change {
    lh_arena *arena;
    lh_json *metadata;                 /* the working copy */
    int64_t last_schema, last_version; /* added last in this list; -1: none yet */
    lh_json *added;                    /* ids of the versions added in this list */
    int64_t moved_ms;                  /* of the last set-current-view-version; -1: the current version stays */
} view_change;

lh_json *view_metadata_empty(lh_arena *arena) {
    static const char *const lists[] = {"versions", "version-log", "schemas"};
    lh_json *metadata = lh_json_new_object(arena);
    lh_json_set_int(arena, metadata, "format-version", VIEW_FORMAT);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        lh_json_set(arena, metadata, lists[i], lh_json_new_array(arena));
    lh_json_set(arena, metadata, "properties", lh_json_new_object(arena));
    return metadata;
}

static lh_json *view_find(const lh_json *metadata, int64_t id) {
    return metadata_find(lh_json_get(metadata, "versions"), "version-id", id);
}
static int64_t view_current_id(const lh_json *metadata) {
    return lh_json_int(lh_json_get(metadata, "current-version-id"), -1);
}

/* ---- requirements ---- */

lh_code view_check_requirements(const lh_json *requirements, const lh_json *metadata, lh_error *err) {
    if (!lh_json_is_null(requirements) && !lh_json_is_array(requirements))
        return lh_fail(err, LH_INVALID, "'requirements' must be an array");
    for (lh_json_iter it = lh_json_each(requirements); lh_json_next(&it);) {
        lh_str type = lh_json_get_string(it.value, "type"), want = lh_json_get_string(it.value, "uuid");
        lh_str is = lh_json_get_string(metadata, "view-uuid");
        if (!lh_str_eq(type, LH_STR("assert-view-uuid")))
            return lh_fail(err, LH_INVALID, "unknown requirement of a view '%.*s'", LH_STR_ARG(type));
        if (want.len == 0) return lh_fail(err, LH_INVALID, "assert-view-uuid lacks 'uuid'");
        if (!lh_str_eq_nocase(want, is))
            return lh_fail(err, LH_CONFLICT, "Requirement failed: view UUID does not match: expected %.*s != %.*s",
                           LH_STR_ARG(want), LH_STR_ARG(is));
    }
    return LH_OK;
}

/* ---- updates ---- */

static lh_code view_assign_uuid(view_change *change, const lh_json *update, lh_error *err) {
    lh_str uuid = lh_json_get_string(update, "uuid"), have = lh_json_get_string(change->metadata, "view-uuid");
    if (!lh_uuid_is_valid(uuid)) return lh_fail(err, LH_INVALID, "assign-uuid: '%.*s' is no UUID", LH_STR_ARG(uuid));
    if (have.len && !lh_str_eq_nocase(have, uuid)) return lh_fail(err, LH_INVALID, "Cannot reassign uuid");
    lh_json_set_string(change->arena, change->metadata, "view-uuid", uuid);
    return LH_OK;
}

static lh_code view_upgrade_format(view_change *change, const lh_json *update, lh_error *err) {
    (void)change;
    int64_t want = lh_json_int(lh_json_get(update, "format-version"), -1);
    if (want == VIEW_FORMAT) return LH_OK;
    return lh_fail(err, LH_INVALID, "format-version %" PRId64 " of a view is not supported", want);
}

static lh_code view_set_location(view_change *change, const lh_json *update, lh_error *err) {
    lh_str location = lh_json_get_string(update, "location");
    if (location.len == 0) return lh_fail(err, LH_INVALID, "set-location lacks 'location'");
    while (location.len > 1 && location.ptr[location.len - 1] == '/') location.len--;
    lh_json_set_string(change->arena, change->metadata, "location", location);
    return LH_OK;
}

static lh_code view_set_properties(view_change *change, const lh_json *update, lh_error *err) {
    const lh_json *updates = lh_json_get(update, "updates");
    if (!lh_json_is_object(updates)) return lh_fail(err, LH_INVALID, "set-properties lacks 'updates'");
    for (lh_json_iter it = lh_json_each(updates); lh_json_next(&it);) {
        if (!lh_json_is_string(it.value))
            return lh_fail(err, LH_INVALID, "property '%.*s' must be a string", LH_STR_ARG(it.name));
        lh_json_put(change->arena, lh_json_get(change->metadata, "properties"), it.name,
                    lh_json_copy(change->arena, it.value));
    }
    return LH_OK;
}

static lh_code view_remove_properties(view_change *change, const lh_json *update, lh_error *err) {
    const lh_json *names = lh_json_get(update, "removals");
    if (!lh_json_is_array(names)) return lh_fail(err, LH_INVALID, "remove-properties lacks 'removals'");
    for (lh_json_iter it = lh_json_each(names); lh_json_next(&it);)
        lh_json_remove(lh_json_get(change->metadata, "properties"), lh_json_str(it.value, LH_STR_NONE));
    return LH_OK;
}

/* The rules of a table's schema, of the newest format: a view may have any type, and keeps no last-column-id. */
static lh_code view_add_schema(view_change *change, const lh_json *update, lh_error *err) {
    lh_json *holder = lh_json_new_object(change->arena);
    lh_json_set_int(change->arena, holder, "format-version", METADATA_FORMAT_MAX);
    lh_json_set(change->arena, holder, "schemas",
                lh_json_copy(change->arena, lh_json_get(change->metadata, "schemas")));
    metadata_change schemas = {.arena = change->arena, .metadata = holder, .last_schema = -1, .given_schema = -1};
    LH_TRY(metadata_add_schema(&schemas, update, err));
    lh_json_set(change->arena, change->metadata, "schemas",
                lh_json_copy(change->arena, lh_json_get(holder, "schemas")));
    change->last_schema = schemas.last_schema;
    return LH_OK;
}

static lh_code view_check_representations(lh_arena *arena, const lh_json *list, lh_error *err) {
    lh_json *dialects = lh_json_new_array(arena);
    if (!lh_json_is_array(list) || lh_json_size(list) == 0)
        return lh_fail(err, LH_INVALID, "a view version's 'representations' must be an array of at least one");
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) {
        lh_str type = lh_json_get_string(it.value, "type"), dialect = lh_json_get_string(it.value, "dialect");
        if (!lh_str_eq(type, LH_STR("sql")))
            return lh_fail(err, LH_INVALID, "Found unsupported view representations: %.*s", LH_STR_ARG(type));
        if (dialect.len == 0 || !lh_json_is_string(lh_json_get(it.value, "sql")))
            return lh_fail(err, LH_INVALID, "a SQL representation lacks 'sql' or 'dialect'");
        for (lh_json_iter other = lh_json_each(dialects); lh_json_next(&other);)
            if (lh_str_eq_nocase(lh_json_str(other.value, LH_STR_NONE), dialect))
                return lh_fail(err, LH_INVALID, "Invalid view version: Cannot add multiple queries for dialect %.*s",
                               LH_STR_ARG(dialect));
        lh_json_append(dialects, lh_json_new_string(arena, dialect));
    }
    return lh_arena_check(arena, err);
}

static lh_code view_check_version(lh_arena *arena, const lh_json *version, lh_error *err) {
    const lh_json *levels = lh_json_get(version, "default-namespace"),
                  *catalog = lh_json_get(version, "default-catalog");
    if (!lh_json_is_int(lh_json_get(version, "version-id")) || lh_json_int(lh_json_get(version, "version-id"), -1) < 0)
        return lh_fail(err, LH_INVALID, "a view version lacks 'version-id'");
    if (!lh_json_is_int(lh_json_get(version, "timestamp-ms")) || !lh_json_is_int(lh_json_get(version, "schema-id")))
        return lh_fail(err, LH_INVALID, "a view version lacks 'timestamp-ms' or 'schema-id'");
    if (!lh_json_is_object(lh_json_get(version, "summary")))
        return lh_fail(err, LH_INVALID, "a view version lacks 'summary'");
    for (lh_json_iter it = lh_json_each(lh_json_get(version, "summary")); lh_json_next(&it);)
        if (!lh_json_is_string(it.value))
            return lh_fail(err, LH_INVALID, "'%.*s' of a view version's summary must be a string", LH_STR_ARG(it.name));
    if (!lh_json_is_array(levels)) return lh_fail(err, LH_INVALID, "a view version lacks 'default-namespace'");
    for (lh_json_iter it = lh_json_each(levels); lh_json_next(&it);)
        if (!lh_json_is_string(it.value))
            return lh_fail(err, LH_INVALID, "a view version's 'default-namespace' must be an array of strings");
    if (!lh_json_is_null(catalog) && !lh_json_is_string(catalog))
        return lh_fail(err, LH_INVALID, "a view version's 'default-catalog' must be a string");
    return view_check_representations(arena, lh_json_get(version, "representations"), err);
}

/* Do the versions behave the same? Their ids and times do not count. */
static bool view_same_version(const lh_json *a, const lh_json *b) {
    static const char *const members[] = {"summary", "representations", "default-namespace", "schema-id"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!lh_json_equal(lh_json_get(a, members[i]), lh_json_get(b, members[i]))) return false;
    return lh_str_eq(lh_json_get_string(a, "default-catalog"), lh_json_get_string(b, "default-catalog"));
}

static lh_code view_add_version(view_change *change, const lh_json *update, lh_error *err) {
    lh_arena *arena = change->arena;
    LH_TRY(view_check_version(arena, lh_json_get(update, "view-version"), err));
    lh_json *version = lh_json_copy(arena, lh_json_get(update, "view-version"));
    int64_t schema = lh_json_int(lh_json_get(version, "schema-id"), -1);
    if (schema == -1) schema = change->last_schema;
    if (schema == -1) return lh_fail(err, LH_INVALID, "Cannot set last added schema: no schema has been added");
    if (!metadata_find(lh_json_get(change->metadata, "schemas"), "schema-id", schema))
        return lh_fail(err, LH_INVALID, "Cannot add version with unknown schema: %" PRId64, schema);
    lh_json_set_int(arena, version, "schema-id", schema);
    bool exists;
    int64_t id = metadata_pick_id(lh_json_get(change->metadata, "versions"), "version-id", version, view_same_version,
                                  lh_json_int(lh_json_get(version, "version-id"), 0), &exists);
    change->last_version = id;
    if (exists) return LH_OK;
    lh_json_set_int(arena, version, "version-id", id);
    lh_json_append(lh_json_get(change->metadata, "versions"), version);
    lh_json_append(change->added, lh_json_new_int(arena, id));
    return LH_OK;
}

static bool view_has_id(const lh_json *ids, int64_t id) {
    for (lh_json_iter it = lh_json_each(ids); lh_json_next(&it);)
        if (lh_json_int(it.value, -1) == id) return true;
    return false;
}

static lh_code view_set_current(view_change *change, const lh_json *update, lh_error *err) {
    const lh_json *given = lh_json_get(update, "view-version-id");
    if (!lh_json_is_int(given)) return lh_fail(err, LH_INVALID, "an update lacks 'view-version-id'");
    int64_t id = lh_json_int(given, -1);
    if (id == -1) id = change->last_version;
    if (id == -1) return lh_fail(err, LH_INVALID, "Cannot set last version id: no current version id has been set");
    const lh_json *version = view_find(change->metadata, id);
    if (!version) return lh_fail(err, LH_INVALID, "Cannot set current version to unknown version: %" PRId64, id);
    if (id == view_current_id(change->metadata)) return LH_OK;
    lh_json_set_int(change->arena, change->metadata, "current-version-id", id);
    change->moved_ms =
        view_has_id(change->added, id) ? lh_json_int(lh_json_get(version, "timestamp-ms"), 0) : lh_time_now_ms();
    return LH_OK;
}

static const struct {
    const char *action;
    lh_code (*apply)(view_change *change, const lh_json *update, lh_error *err);
} view_updates[] = {
    {"assign-uuid", view_assign_uuid},       {"upgrade-format-version", view_upgrade_format},
    {"add-schema", view_add_schema},         {"set-location", view_set_location},
    {"set-properties", view_set_properties}, {"remove-properties", view_remove_properties},
    {"add-view-version", view_add_version},  {"set-current-view-version", view_set_current},
};

static lh_code view_apply(view_change *change, const lh_json *update, lh_error *err) {
    lh_str action = lh_json_get_string(update, "action");
    for (size_t i = 0; i < sizeof view_updates / sizeof *view_updates; i++)
        if (lh_str_eq(action, lh_str_from(view_updates[i].action))) return view_updates[i].apply(change, update, err);
    return lh_fail(err, LH_INVALID, "unknown update of a view '%.*s'", LH_STR_ARG(action));
}

/* ---- the whole ---- */

static bool view_speaks(const lh_json *version, lh_str dialect) {
    for (lh_json_iter it = lh_json_each(lh_json_get(version, "representations")); lh_json_next(&it);)
        if (lh_str_eq_nocase(lh_json_get_string(it.value, "dialect"), dialect)) return true;
    return false;
}

/* A view must not fall silent for an engine that could read it, unless its property says so. */
static lh_code view_check_dialects(const lh_json *metadata, const lh_json *before, lh_error *err) {
    lh_str allowed = lh_json_get_string(lh_json_get(metadata, "properties"), "replace.drop-dialect.allowed");
    const lh_json *now = view_find(metadata, view_current_id(metadata));
    if (lh_str_eq_nocase(allowed, LH_STR("true"))) return LH_OK;
    for (lh_json_iter it = lh_json_each(lh_json_get(before, "representations")); lh_json_next(&it);) {
        lh_str dialect = lh_json_get_string(it.value, "dialect");
        if (!view_speaks(now, dialect))
            return lh_fail(err, LH_INVALID,
                           "Cannot replace view due to loss of view dialects (replace.drop-dialect.allowed=false): "
                           "the new version lacks %.*s",
                           LH_STR_ARG(dialect));
    }
    return LH_OK;
}

/* Keeps the current version and the newest others; the log is kept from behind the last entry whose version is gone. */
static void view_expire(view_change *change, int64_t keep) {
    lh_arena *arena = change->arena;
    lh_json *metadata = change->metadata, *log = lh_json_new_array(arena);
    lh_json *versions = lh_json_get(metadata, "versions");
    int64_t current = view_current_id(metadata);
    while ((int64_t)lh_json_size(versions) > keep) {
        size_t oldest = SIZE_MAX;
        int64_t lowest = INT64_MAX;
        for (lh_json_iter it = lh_json_each(versions); lh_json_next(&it);) {
            int64_t id = lh_json_int(lh_json_get(it.value, "version-id"), 0);
            if (id == current || id >= lowest) continue;
            oldest = it.index;
            lowest = id;
        }
        if (oldest == SIZE_MAX) break;
        lh_json_remove_at(versions, oldest);
    }
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "version-log")); lh_json_next(&it);) {
        if (view_find(metadata, lh_json_int(lh_json_get(it.value, "version-id"), -1)))
            lh_json_append(log, lh_json_copy(arena, it.value));
        else log = lh_json_new_array(arena);
    }
    lh_json_set(arena, metadata, "version-log", log);
}

static lh_code view_finish(view_change *change, const lh_json *before, lh_error *err) {
    lh_arena *arena = change->arena;
    lh_json *metadata = change->metadata;
    int64_t current = view_current_id(metadata), history = VIEW_HISTORY_DEFAULT;
    if (lh_json_get_string(metadata, "location").len == 0)
        return lh_fail(err, LH_INVALID, "Invalid view location: null");
    if (!view_find(metadata, current)) return lh_fail(err, LH_INVALID, "Invalid view: no versions were added");
    LH_TRY(view_check_dialects(metadata, before, err));
    lh_str size = lh_json_get_string(lh_json_get(metadata, "properties"), "version.history-size");
    if (size.len && (lh_str_to_i64(size, &history) != LH_OK || history <= 0))
        return lh_fail(err, LH_INVALID, "version.history-size must be positive but was %.*s", LH_STR_ARG(size));
    if (change->moved_ms >= 0) {
        lh_json *entry = lh_json_new_object(arena);
        lh_json_set_int(arena, entry, "timestamp-ms", change->moved_ms);
        lh_json_set_int(arena, entry, "version-id", current);
        lh_json_append(lh_json_get(metadata, "version-log"), entry);
    }
    int64_t fresh = (int64_t)lh_json_size(change->added) + !view_has_id(change->added, current);
    view_expire(change, history > fresh ? history : fresh);
    return lh_arena_check(arena, err);
}

lh_code view_apply_updates(lh_arena *arena, lh_json *metadata, const lh_json *updates, lh_error *err) {
    if (!lh_json_is_array(updates)) return lh_fail(err, LH_INVALID, "'updates' must be an array");
    view_change change = {.arena = arena,
                          .metadata = metadata,
                          .last_schema = -1,
                          .last_version = -1,
                          .added = lh_json_new_array(arena),
                          .moved_ms = -1};
    const lh_json *before = lh_json_copy(arena, view_find(metadata, view_current_id(metadata)));
    if (!lh_json_is_object(lh_json_get(metadata, "properties")))
        lh_json_set(arena, metadata, "properties", lh_json_new_object(arena));
    for (lh_json_iter it = lh_json_each(updates); lh_json_next(&it);) LH_TRY(view_apply(&change, it.value, err));
    return view_finish(&change, before, err);
}

/* ---- create, register ---- */

static lh_json *view_update(lh_arena *arena, lh_json *updates, const char *action) {
    lh_json *update = lh_json_new_object(arena);
    lh_json_set_string(arena, update, "action", lh_str_from(action));
    lh_json_append(updates, update);
    return update;
}

lh_code view_updates_for_create(lh_arena *arena, const lh_json *request, lh_str location, lh_json **ret,
                                lh_error *err) {
    const lh_json *schema = lh_json_get(request, "schema"), *given = lh_json_get(request, "view-version"),
                  *properties = lh_json_get(request, "properties");
    if (!lh_json_is_object(schema)) return lh_fail(err, LH_INVALID, "'schema' is missing");
    if (!lh_json_is_object(given)) return lh_fail(err, LH_INVALID, "'view-version' is missing");
    lh_json *updates = lh_json_new_array(arena), *version = lh_json_copy(arena, given);
    lh_json_set_int(arena, version, "schema-id", -1);
    lh_uuid uuid = lh_uuid_new();
    lh_json_set_string(arena, view_update(arena, updates, "assign-uuid"), "uuid", lh_uuid_str(&uuid));
    lh_json_set_string(arena, view_update(arena, updates, "set-location"), "location", location);
    lh_json_set(arena, view_update(arena, updates, "add-schema"), "schema", lh_json_copy(arena, schema));
    lh_json_set(arena, view_update(arena, updates, "add-view-version"), "view-version", version);
    lh_json_set_int(arena, view_update(arena, updates, "set-current-view-version"), "view-version-id", -1);
    if (!lh_json_is_null(properties))
        lh_json_set(arena, view_update(arena, updates, "set-properties"), "updates", lh_json_copy(arena, properties));
    *ret = updates;
    return lh_arena_check(arena, err);
}

lh_code view_metadata_check(lh_arena *arena, const lh_json *metadata, lh_error *err) {
    static const char *const lists[] = {"versions", "version-log", "schemas"};
    if (lh_json_int(lh_json_get(metadata, "format-version"), 0) != VIEW_FORMAT ||
        !lh_uuid_is_valid(lh_json_get_string(metadata, "view-uuid")) ||
        lh_json_get_string(metadata, "location").len == 0)
        return lh_fail(err, LH_INVALID, "it is no Iceberg view metadata of format %d", VIEW_FORMAT);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!lh_json_is_array(lh_json_get(metadata, lists[i])))
            return lh_fail(err, LH_INVALID, "the view metadata lacks '%s'", lists[i]);
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "versions")); lh_json_next(&it);) {
        LH_TRY(view_check_version(arena, it.value, err));
        if (!metadata_find(lh_json_get(metadata, "schemas"), "schema-id",
                           lh_json_int(lh_json_get(it.value, "schema-id"), -1)))
            return lh_fail(err, LH_INVALID, "a version of the view has a schema that is not there");
    }
    if (!view_find(metadata, view_current_id(metadata)))
        return lh_fail(err, LH_INVALID, "the view metadata lacks its current version");
    return LH_OK;
}
