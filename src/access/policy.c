/* What the roles of a principal come to. docs/security.md has the rules in words; this is where they are:
 *  - a grant that denies wins; what no grant allows is denied;
 *  - allowing compares names exactly and level by level; denying compares them without case and with dots as they are read,
 *    so that a name with two readings is denied by both and allowed by one;
 *  - rows of several grants add up (OR). Columns add up among grants of one row filter; among different filters a column is
 *    shown as the grant that shows least of it, because a column of one grant must not be seen in the rows of another. With a
 *    grant without a filter only such grants show columns: its rows are all rows;
 *  - two different masks of a column make it null;
 *  - what is restricted is null unless a redaction of the grant says otherwise. */
#include "access/access_internal.h"

struct lh_policy {
    lh_str principal, id;     /* its name; and what no later principal of that name has */
    lh_str default_namespace; /* as grants write it, with dots */
    access_grant *grants;
    size_t count;
};

/* ---- names ---- */

static lh_str policy_map(lh_arena *arena, lh_str text, bool fold) {
    char *copy = lh_arena_alloc(arena, text.len + 1);
    if (!copy) return LH_STR_NONE;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (fold) {
            if (c >= 'A' && c <= 'Z') c = (char)(c | 0x20);
            if (c == '\x1f') c = '.';
            if (c == '\x1e') c = '/';
        } else if (c == '.') {
            c = '\x1f';
        }
        copy[i] = c;
    }
    copy[text.len] = '\0';
    return (lh_str){copy, text.len};
}

static bool policy_is_table(lh_resource_kind on) { return on == LH_ON_DATASET || on == LH_ON_VIEW; }

/* Levels and name, joined by 0x1F. */
static lh_str policy_path(const lh_resource *resource, lh_arena *arena) {
    if (policy_is_table(resource->on))
        return lh_arena_printf(arena, "%.*s\x1f%.*s", LH_STR_ARG(resource->table.namespace_),
                               LH_STR_ARG(resource->table.name));
    return resource->name;
}

static void policy_name_grant(const lh_policy *policy, access_grant *grant, lh_arena *arena) {
    lh_str name = grant->name;
    bool dotted = lh_str_find(name, '.') < name.len;
    if (policy_is_table(grant->on) && !dotted)
        name = lh_arena_printf(arena, "%.*s.%.*s", LH_STR_ARG(policy->default_namespace), LH_STR_ARG(name));
    bool levels = policy_is_table(grant->on) || grant->on == LH_ON_NAMESPACE;
    grant->path = levels ? policy_map(arena, name, false) : name;
    grant->folded = policy_map(arena, name, true);
}

static bool policy_within(lh_str path, lh_str namespace_, char separator) {
    return lh_str_eq(path, namespace_) ||
           (path.len > namespace_.len && lh_str_starts(path, namespace_) && path.ptr[namespace_.len] == separator);
}

static bool policy_is_system(lh_str folded) { return policy_within(folded, LH_STR("system"), '.'); }

typedef struct policy_target { /* a resource's names, as the two comparisons take them */
    lh_resource_kind on;
    lh_str path, folded;
} policy_target;

static policy_target policy_target_of(const lh_resource *resource, lh_arena *arena) {
    lh_str path = policy_path(resource, arena);
    if (resource->on == LH_ON_NAMESPACE) path = policy_map(arena, path, false);
    return (policy_target){resource->on, path, policy_map(arena, path, true)};
}

/* Can a grant of that kind concern a resource of this one? */
static bool policy_kinds_meet(lh_resource_kind grant, lh_resource_kind on) {
    return grant == on || (grant == LH_ON_NAMESPACE && policy_is_table(on));
}

static bool policy_denies_name(const lh_policy *policy, const access_grant *grant, const policy_target *target) {
    if (lh_str_eq(grant->name, LH_STR("*"))) return true;
    if (grant->on == LH_ON_NAMESPACE) return policy_within(target->folded, grant->folded, '.');
    if (lh_str_eq(target->folded, grant->folded)) return true;
    /* "a.b" may be the table b of a, or the table "a.b" of the default namespace */
    lh_str rest = lh_str_sub(target->folded, policy->default_namespace.len, SIZE_MAX);
    return policy_is_table(grant->on) &&
           lh_str_eq_nocase(lh_str_sub(target->folded, 0, policy->default_namespace.len), policy->default_namespace) &&
           rest.len && rest.ptr[0] == '.' && lh_str_eq(lh_str_sub(rest, 1, SIZE_MAX), grant->folded);
}

static bool policy_allows_name(const access_grant *grant, const policy_target *target) {
    if (lh_str_eq(grant->name, LH_STR("*")))
        return !(policy_is_table(target->on) || target->on == LH_ON_NAMESPACE) || !policy_is_system(target->folded);
    return grant->on == LH_ON_NAMESPACE ? policy_within(target->path, grant->path, '\x1f')
                                        : lh_str_eq(target->path, grant->path);
}

static bool policy_concerns(const lh_policy *policy, const access_grant *grant, lh_action action,
                            const policy_target *target) {
    if (!(grant->actions >> action & 1) || !policy_kinds_meet(grant->on, target->on)) return false;
    return grant->deny ? policy_denies_name(policy, grant, target) : policy_allows_name(grant, target);
}

/* ---- a principal's policy ---- */

static lh_code policy_add_role(lh_catalog *catalog, lh_str name, lh_policy *policy, lh_arena *arena, lh_error *err) {
    lh_json *role = NULL;
    uint64_t ignored;
    if (access_role_read(catalog, name, arena, &role, &ignored, err) != LH_OK)
        return lh_fail(err, LH_CORRUPT, "a role of the principal cannot be read");
    const lh_json *grants = lh_json_get(role, "grants");
    access_grant *all = LH_ARENA_ARRAY(arena, access_grant, policy->count + lh_json_size(grants) + 1);
    LH_TRY(lh_arena_check(arena, err));
    if (policy->count) memcpy(all, policy->grants, policy->count * sizeof *all);
    policy->grants = all;
    for (lh_json_iter it = lh_json_each(grants); lh_json_next(&it);) {
        access_grant *grant = &all[policy->count];
        LH_TRY(access_grant_read(it.value, it.index, grant, err));
        grant->role = name;
        policy_name_grant(policy, grant, arena);
        policy->count++;
    }
    return lh_arena_check(arena, err);
}

lh_code access_policy_of(lh_catalog *catalog, const lh_json *principal, lh_arena *arena, lh_policy **ret,
                         lh_error *err) {
    lh_policy *policy = LH_ARENA_NEW(arena, lh_policy);
    LH_TRY(lh_arena_check(arena, err));
    policy->principal = lh_json_get_string(principal, "name");
    policy->id = lh_json_get_string(principal, "id");
    policy->default_namespace = lh_namespace_text(lh_catalog_default_namespace(catalog), arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(principal, "roles")); lh_json_next(&it);)
        LH_TRY(policy_add_role(catalog, lh_json_str(it.value, LH_STR_NONE), policy, arena, err));
    *ret = policy;
    return LH_OK;
}

lh_code lh_access_policy(lh_catalog *catalog, lh_str principal, lh_arena *arena, lh_policy **ret, lh_error *err) {
    lh_json *doc = NULL;
    uint64_t ignored;
    LH_TRY(access_principal_read(catalog, principal, arena, &doc, &ignored, err));
    return access_policy_of(catalog, doc, arena, ret, err);
}

static bool policy_lifts_restricted(const access_grant *grant) {
    bool lifted = false;
    for (lh_json_iter it = lh_json_each(grant->redactions); lh_json_next(&it);) {
        if (!lh_str_eq(lh_json_get_string(it.value, "kind"), LH_STR("none"))) return false;
        lifted |= lh_str_eq(it.name, LH_STR("sensitivity:restricted"));
    }
    return lifted;
}

/* One grant that allows the action on all of that kind, as it is. */
static bool policy_gives_all(const lh_policy *policy, lh_action action, lh_resource_kind on, const char *name) {
    for (size_t i = 0; i < policy->count; i++) {
        const access_grant *grant = &policy->grants[i];
        if (grant->deny || grant->on != on || !(grant->actions >> action & 1)) continue;
        if (!lh_str_eq(grant->name, lh_str_from(name)) || grant->row_filter.len || grant->columns) continue;
        if (on != LH_ON_NAMESPACE || policy_lifts_restricted(grant)) return true;
    }
    return false;
}

static bool policy_is_whole(const lh_policy *policy, lh_action action) {
    static const lh_resource_kind others[] = {LH_ON_BUCKET, LH_ON_TOOL, LH_ON_INDEX, LH_ON_SYSTEM};
    for (size_t i = 0; i < policy->count; i++)
        if (policy->grants[i].deny) return false;
    bool whole = policy_gives_all(policy, action, LH_ON_NAMESPACE, "*") &&
                 policy_gives_all(policy, action, LH_ON_NAMESPACE, "system");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        whole = whole && policy_gives_all(policy, action, others[i], "*");
    return whole;
}

lh_permission access_policy_reach(const lh_policy *policy) {
    static const lh_permission reached[LH_ACTIONS] = {LH_PERMIT_READ, LH_PERMIT_WRITE, LH_PERMIT_ADMIN};
    lh_permission reach = LH_PERMIT_PUBLIC;
    for (int action = 0; action < LH_ACTIONS && policy_is_whole(policy, (lh_action)action); action++)
        reach = reached[action];
    return reach;
}

/* ---- resources ---- */

lh_resource lh_resource_dataset(lh_table_name table, lh_arena *arena) {
    return (lh_resource){LH_ON_DATASET, lh_table_name_text(table, arena), table};
}

lh_code lh_resource_parse(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_resource *ret, lh_error *err) {
    lh_resource resource = {.on = LH_ON_DATASET, .name = text};
    size_t colon = lh_str_find(text, ':');
    if (colon < text.len) {
        int on = 0;
        while (on < LH_ON_KINDS && !lh_str_eq(lh_str_sub(text, 0, colon), lh_str_from(lh_resource_kinds[on]))) on++;
        if (on == LH_ON_KINDS)
            return lh_fail(err, LH_INVALID,
                           "a resource is a dataset's name, or KIND:NAME with a kind of dataset, view, namespace, "
                           "bucket, tool, index, system");
        resource = (lh_resource){.on = (lh_resource_kind)on, .name = lh_str_sub(text, colon + 1, SIZE_MAX)};
    }
    if (resource.name.len == 0) return lh_fail(err, LH_INVALID, "the resource has no name");
    if (policy_is_table(resource.on)) {
        LH_TRY(lh_table_name_parse(catalog, resource.name, arena, &resource.table, err));
        resource.name = lh_table_name_text(resource.table, arena);
    }
    *ret = resource;
    return lh_arena_check(arena, err);
}

lh_code lh_action_parse(lh_str text, lh_action *ret, lh_error *err) {
    for (int action = 0; action < LH_ACTIONS; action++)
        if (lh_str_eq(text, lh_str_from(lh_action_names[action]))) return *ret = (lh_action)action, LH_OK;
    return lh_fail(err, LH_INVALID, "'action' must be read, write or admin");
}

/* ---- decisions ---- */

static bool policy_has_parts(const access_grant *grant) {
    return grant->row_filter.len || grant->columns || (grant->redactions && !policy_lifts_restricted(grant));
}

static lh_decision policy_decided(const access_grant *grant, lh_action action, lh_arena *arena) {
    lh_decision decision = {.allowed = !grant->deny, .role = grant->role, .grant = grant->index};
    decision.why = lh_arena_printf(arena, "grant %zu of role '%.*s' %s %s on %s '%.*s'", grant->index,
                                   LH_STR_ARG(grant->role), grant->deny ? "denies" : "allows", lh_action_names[action],
                                   lh_resource_kinds[grant->on], LH_STR_ARG(grant->name));
    return decision;
}

lh_decision lh_access_decide(const lh_policy *policy, lh_action action, const lh_resource *resource, lh_arena *arena) {
    const lh_decision none = {.why = LH_STR("no grant allows it")};
    policy_target target = policy_target_of(resource, arena);
    const access_grant *allows = NULL;
    bool limited = false;
    if (lh_arena_check(arena, NULL) != LH_OK) return none;
    for (size_t i = 0; i < policy->count; i++) {
        const access_grant *grant = &policy->grants[i];
        if (!policy_concerns(policy, grant, action, &target)) continue;
        if (grant->deny && !grant->columns) return policy_decided(grant, action, arena);
        limited |= grant->deny || policy_has_parts(grant);
        if (!grant->deny && !allows) allows = grant;
    }
    if (!allows) return none;
    lh_decision decision = policy_decided(allows, action, arena);
    decision.limited = limited;
    return decision;
}

/* ---- datasets that somebody made of what he saw in part ---- */

/* Does the grant show less by the names of columns or by rows? What it says of kinds and sensitivity goes with the values. */
static bool policy_limits_by_name(const access_grant *grant) {
    if (grant->row_filter.len || grant->columns) return true;
    for (lh_json_iter it = lh_json_each(grant->redactions); lh_json_next(&it);)
        if (!lh_str_starts(it.name, LH_STR("pii:")) && !lh_str_starts(it.name, LH_STR("sensitivity:"))) return true;
    return false;
}

/* *ret_named: a grant that allows names just this dataset. */
static bool policy_is_open(const lh_policy *policy, lh_action action, const lh_resource *resource, bool *ret_named,
                           lh_arena *arena) {
    policy_target target = policy_target_of(resource, arena);
    bool open = lh_access_decide(policy, action, resource, arena).allowed;
    *ret_named = false;
    for (size_t i = 0; i < policy->count; i++) {
        const access_grant *grant = &policy->grants[i];
        if (!policy_concerns(policy, grant, action, &target)) continue;
        if (!grant->deny && grant->on != LH_ON_NAMESPACE && !lh_str_eq(grant->name, LH_STR("*"))) *ret_named = true;
        open = open && !policy_limits_by_name(grant);
    }
    return open;
}

/* Rows that another put there who saw a part of their source are seen by those who see all rows and columns of that source, and
 * by those whom a grant gives the dataset by its name: else a filter ended with the first copy. */
static lh_code policy_derived(lh_catalog *catalog, const lh_policy *policy, lh_action action, lh_table_name table,
                              lh_arena *arena, bool *ret_seen, lh_error *err) {
    lh_lineage_part *parts = NULL;
    size_t count = 0;
    bool named;
    const lh_resource resource = lh_resource_dataset(table, arena);
    (void)policy_is_open(policy, action, &resource, &named, arena);
    *ret_seen = true;
    if (named) return LH_OK;
    LH_TRY(lh_lineage_parts(catalog, table, arena, &parts, &count, err));
    for (size_t i = 0; i < count && *ret_seen; i++) {
        const lh_resource parent = lh_resource_dataset(parts[i].parent, arena);
        if (!lh_str_eq(parts[i].by, policy->id))
            *ret_seen = policy_is_open(policy, LH_ACTION_READ, &parent, &named, arena);
    }
    return LH_OK;
}

/* ---- columns ---- */

typedef enum policy_shows { POLICY_HIDES, POLICY_MASKS, POLICY_SHOWS } policy_shows;
typedef struct policy_view { /* of one column */
    policy_shows shows;
    const lh_json *mask;
} policy_view;

static bool policy_names_column(const lh_json *columns, lh_str name, bool exact) {
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        lh_str listed = lh_json_str(it.value, LH_STR_NONE);
        if (exact ? lh_str_eq(listed, name) : lh_str_eq_nocase(listed, name)) return true;
    }
    return false;
}

static const lh_json *policy_null_mask(lh_arena *arena) {
    lh_json *mask = lh_json_new_object(arena);
    lh_json_set_string(arena, mask, "kind", LH_STR("null"));
    return mask;
}

/* Both hold: "none" gives way, and what differs is null. */
static const lh_json *policy_both(const lh_json *a, const lh_json *b, lh_arena *arena) {
    const lh_str none = LH_STR("none");
    if (!a || lh_str_eq(lh_json_get_string(a, "kind"), none)) return b ? b : a;
    if (!b || lh_str_eq(lh_json_get_string(b, "kind"), none)) return a;
    return lh_json_equal(a, b) ? a : policy_null_mask(arena);
}

/* The redaction by the column's name, else those by its kind and its sensitivity. NULL: none. */
static const lh_json *policy_redaction(const access_grant *grant, const lh_json *column, lh_arena *arena) {
    lh_str name = lh_json_get_string(column, "name"), kind = lh_json_get_string(column, "pii_kind");
    lh_str level = lh_json_str(lh_json_get(column, "sensitivity"), LH_STR("restricted"));
    const lh_json *by_kind = NULL, *by_level = NULL;
    for (lh_json_iter it = lh_json_each(grant->redactions); lh_json_next(&it);)
        if (lh_str_eq_nocase(it.name, name)) return it.value;
    if (kind.len && !lh_str_eq(kind, LH_STR("none"))) {
        by_kind = lh_json_get_str(grant->redactions, lh_arena_printf(arena, "pii:%.*s", LH_STR_ARG(kind)));
        if (!by_kind) by_kind = lh_json_get(grant->redactions, "pii:*");
    }
    by_level = lh_json_get_str(grant->redactions, lh_arena_printf(arena, "sensitivity:%.*s", LH_STR_ARG(level)));
    if (!by_level && lh_str_eq(level, LH_STR("restricted"))) by_level = policy_null_mask(arena);
    return policy_both(by_kind, by_level, arena);
}

static policy_view policy_view_by(const access_grant *grant, const lh_json *column, lh_arena *arena) {
    if (grant->columns && !policy_names_column(grant->columns, lh_json_get_string(column, "name"), true))
        return (policy_view){POLICY_HIDES, NULL};
    const lh_json *mask = policy_redaction(grant, column, arena);
    if (!mask || lh_str_eq(lh_json_get_string(mask, "kind"), LH_STR("none"))) return (policy_view){POLICY_SHOWS, NULL};
    return (policy_view){POLICY_MASKS, mask};
}

/* The view that shows more (most) or less of the two. */
static policy_view policy_join(policy_view a, policy_view b, bool most, lh_arena *arena) {
    if (a.shows == b.shows)
        return a.shows == POLICY_MASKS ? (policy_view){POLICY_MASKS, policy_both(a.mask, b.mask, arena)} : a;
    return (a.shows > b.shows) == most ? a : b;
}

typedef struct policy_allowed { /* the grants that allow, and their row filters */
    const access_grant **grants;
    size_t count;
    lh_str *filters; /* each once */
    size_t filter_count;
    bool unfiltered; /* one has none: all rows */
} policy_allowed;

static policy_view policy_view_under(const policy_allowed *allowed, lh_str filter, const lh_json *column,
                                     lh_arena *arena) {
    policy_view view = {POLICY_HIDES, NULL};
    for (size_t i = 0; i < allowed->count; i++)
        if (lh_str_eq(allowed->grants[i]->row_filter, filter))
            view = policy_join(view, policy_view_by(allowed->grants[i], column, arena), true, arena);
    return view;
}

static policy_view policy_view_of(const policy_allowed *allowed, const lh_json *column, lh_arena *arena) {
    if (allowed->unfiltered) return policy_view_under(allowed, LH_STR_NONE, column, arena);
    policy_view view = {POLICY_SHOWS, NULL};
    for (size_t i = 0; i < allowed->filter_count; i++)
        view = policy_join(view, policy_view_under(allowed, allowed->filters[i], column, arena), false, arena);
    return allowed->filter_count ? view : (policy_view){POLICY_HIDES, NULL};
}

static void policy_add_filter(policy_allowed *allowed, lh_str filter) {
    if (filter.len == 0) allowed->unfiltered = true;
    for (size_t i = 0; i < allowed->filter_count; i++)
        if (lh_str_eq(allowed->filters[i], filter)) return;
    if (filter.len) allowed->filters[allowed->filter_count++] = filter;
}

/* Splits the grants that concern the target into those that allow and those that deny columns. */
static lh_code policy_sort(const lh_policy *policy, lh_action action, const policy_target *target, lh_arena *arena,
                           policy_allowed *allowed, const access_grant **denying, size_t *denying_count,
                           lh_error *err) {
    allowed->grants = LH_ARENA_ARRAY(arena, const access_grant *, policy->count + 1);
    allowed->filters = LH_ARENA_ARRAY(arena, lh_str, policy->count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < policy->count; i++) {
        const access_grant *grant = &policy->grants[i];
        if (!policy_concerns(policy, grant, action, target)) continue;
        if (grant->deny) denying[(*denying_count)++] = grant;
        else {
            allowed->grants[allowed->count++] = grant;
            policy_add_filter(allowed, grant->row_filter);
        }
    }
    return LH_OK;
}

static lh_code policy_see(const lh_policy *policy, lh_action action, const lh_resource *resource,
                          const lh_json *columns, lh_arena *arena, lh_effective *effective, lh_error *err) {
    policy_target target = policy_target_of(resource, arena);
    policy_allowed allowed = {0};
    size_t denying_count = 0;
    const access_grant **denying = LH_ARENA_ARRAY(arena, const access_grant *, policy->count + 1);
    effective->columns = LH_ARENA_ARRAY(arena, lh_seen_column, lh_json_size(columns) + 1);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(policy_sort(policy, action, &target, arena, &allowed, denying, &denying_count, err));
    bool any = effective->decision.allowed;
    effective->whole = any && allowed.unfiltered;
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        lh_str name = lh_json_get_string(it.value, "name");
        policy_view view = policy_view_of(&allowed, it.value, arena);
        for (size_t i = 0; i < denying_count; i++)
            if (policy_names_column(denying[i]->columns, name, false)) view.shows = POLICY_HIDES;
        if (!any) view.shows = POLICY_HIDES;
        effective->whole = effective->whole && view.shows == POLICY_SHOWS;
        effective->columns[effective->column_count++] =
            (lh_seen_column){.name = name,
                             .type = lh_json_get(it.value, "type"),
                             .visible = view.shows != POLICY_HIDES,
                             .mask = view.shows == POLICY_MASKS ? view.mask : NULL};
    }
    if (any && !allowed.unfiltered)
        effective->row_filters = allowed.filters, effective->row_filter_count = allowed.filter_count;
    return lh_arena_check(arena, err);
}

lh_code lh_access_effective_view(lh_catalog *catalog, const lh_policy *policy, lh_action action, const lh_view *view,
                                 lh_arena *arena, lh_effective *ret, lh_error *err) {
    lh_json *columns = NULL;
    const lh_resource resource = {LH_ON_VIEW, lh_table_name_text(view->name, arena), view->name};
    lh_effective effective = {.decision = lh_access_decide(policy, action, &resource, arena)};
    LH_TRY(access_view_labels(catalog, view, arena, &columns, err));
    LH_TRY(policy_see(policy, action, &resource, columns, arena, &effective, err));
    *ret = effective;
    return LH_OK;
}

lh_code lh_access_effective(lh_catalog *catalog, const lh_policy *policy, lh_action action, lh_table_name table,
                            lh_arena *arena, lh_effective *ret, lh_error *err) {
    lh_json *columns = NULL;
    lh_effective effective = {0};
    LH_TRY(lh_dataset_columns(catalog, table, arena, &columns, &effective.state, err));
    const lh_resource resource = lh_resource_dataset(table, arena);
    effective.decision = lh_access_decide(policy, action, &resource, arena);
    bool seen = true;
    if (effective.decision.allowed && action == LH_ACTION_READ)
        LH_TRY(policy_derived(catalog, policy, action, table, arena, &seen, err));
    if (!seen)
        effective.decision =
            (lh_decision){.why = LH_STR("it was made of datasets of which the principal sees a part, and "
                                        "no grant names it")};
    LH_TRY(policy_see(policy, action, &resource, columns, arena, &effective, err));
    *ret = effective;
    return LH_OK;
}

lh_code lh_access_stands_for_view(lh_catalog *catalog, const lh_policy *policy, lh_action action, lh_table_name name,
                                  lh_arena *arena, lh_view *ret, bool *ret_stands, lh_error *err) {
    const lh_resource view = {LH_ON_VIEW, lh_table_name_text(name, arena), name};
    lh_effective dataset;
    bool found = false, seen = false;
    *ret_stands = false;
    LH_TRY(lh_access_view_find(catalog, name, arena, ret, &found, err));
    if (!found) return LH_OK;
    lh_code code = lh_access_effective(catalog, policy, action, name, arena, &dataset, err);
    if (code != LH_OK && code != LH_NOT_FOUND) return code;
    for (size_t i = 0; code == LH_OK && i < dataset.column_count; i++) seen = seen || dataset.columns[i].visible;
    *ret_stands = code == LH_NOT_FOUND || (!seen && lh_access_decide(policy, action, &view, arena).allowed);
    return LH_OK;
}

lh_code lh_access_require_whole(lh_catalog *catalog, lh_str principal, lh_action action, lh_table_name table,
                                lh_arena *arena, lh_error *err) {
    lh_policy *policy = NULL;
    lh_effective effective;
    const lh_resource resource = lh_resource_dataset(table, arena);
    bool may = false;
    if (lh_access_policy(catalog, principal, arena, &policy, err) == LH_OK)
        may = lh_access_decide(policy, action, &resource, arena).allowed;
    if (may) {
        LH_TRY(lh_access_effective(catalog, policy, action, table, arena, &effective, err));
        if (!effective.decision
                 .allowed) /* another's copy of a part: told like what is not there, which grants would allow */
            return lh_fail(err, LH_NOT_FOUND, "Table does not exist: %.*s", LH_STR_ARG(resource.name));
        may = effective.whole;
    }
    return may ? LH_OK
               : lh_fail(err, LH_DENIED, "the roles of '%.*s' do not give the dataset as a whole for this (%s)",
                         LH_STR_ARG(principal), lh_action_names[action]);
}
