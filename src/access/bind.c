/* The policy of a principal as the engine keeps to it (lh_governor): each table that a statement names is looked up once, and
 * shown as the roles say. What may not be read and what is not there are refused in the same words. */
#include "access/identity_internal.h"

typedef struct bound { /* one table or view that was asked for */
    struct bound *next;
    lh_table_name name;
    const lh_relation *relation; /* NULL: it is not seen */
} bound;

typedef struct binding {
    lh_governor governor;
    lh_catalog *catalog;
    lh_str principal;
    const lh_json *document; /* of the principal; NULL for who sees all */
    bind_cache *cache;
    uint64_t sequence; /* of the metastore, as the request began */
    bool all;          /* of who sees all */
    bool system;       /* the namespace of that name is not kept from him besides */
    lh_policy *policy; /* once it was needed; NULL for who sees all */
    lh_arena *arena;
    bound *bounds;
} binding;

/* ---- a mask ---- */

lh_mask access_mask_of(const lh_json *mask, lh_str type) {
    static const struct {
        const char *name;
        lh_mask_kind kind;
    } kinds[] = {{"hash", LH_MASK_HASH}, {"sha256", LH_MASK_SHA256}, {"token", LH_MASK_TOKEN},
                 {"mask", LH_MASK_KEEP}, {"year", LH_MASK_YEAR},     {"bucket", LH_MASK_BUCKET}};
    lh_mask ret = {.kind = LH_MASK_NULL};
    if (!mask) return (lh_mask){.kind = LH_MASK_NONE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (lh_str_eq(lh_json_get_string(mask, "kind"), lh_str_from(kinds[i].name))) ret.kind = kinds[i].kind;
    ret.keep_prefix = (uint32_t)lh_json_int(lh_json_get(mask, "keep_prefix"), 0);
    ret.keep_suffix = (uint32_t)lh_json_int(lh_json_get(mask, "keep_suffix"), 0);
    ret.bucket = (uint64_t)lh_json_int(lh_json_get(mask, "n"), 0);
    return lh_mask_fits(&ret, type) ? ret : (lh_mask){.kind = LH_MASK_NULL}; /* shows less */
}

/* ---- a dataset ---- */

static lh_code bind_columns(const lh_effective *effective, lh_arena *arena, lh_relation *relation, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf type = LH_BUF_INIT(1 << 20);
    lh_relation_column *columns = LH_ARENA_ARRAY(arena, lh_relation_column, effective->column_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < effective->column_count; i++) {
        const lh_seen_column *seen = &effective->columns[i];
        if (!seen->visible) continue;
        lh_buf_clear(&type);
        lh_engine_type_sql(seen->type, &type);
        LH_TRY(lh_buf_check(&type, err));
        lh_str name = lh_arena_dup(arena, lh_buf_str(&type));
        columns[relation->column_count++] = (lh_relation_column){seen->name, name, access_mask_of(seen->mask, name)};
    }
    relation->columns = columns;
    return lh_arena_check(arena, err);
}

/* The filters as the engine checks them against the columns there are now, and the columns that they read: one that does not
 * fit any more shows nothing. */
static lh_code bind_filters(const lh_relation_column *columns, size_t count, const lh_str *filters, size_t filter_count,
                            lh_table_name name, lh_arena *arena, lh_relation *relation, lh_error *err) {
    lh_str *names = LH_ARENA_ARRAY(arena, lh_str, count + 1), *texts = LH_ARENA_ARRAY(arena, lh_str, filter_count + 1),
           *read = LH_ARENA_ARRAY(arena, lh_str, filter_count * count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < count; i++) names[i] = columns[i].name;
    relation->filter_column_count = 0;
    for (size_t i = 0; i < filter_count; i++) {
        lh_filter filter;
        if (lh_engine_filter_check(filters[i], names, count, arena, &filter, NULL) != LH_OK)
            return lh_fail(
                err, LH_DENIED,
                "a row filter of '%.*s' does not fit it any more: an administrator has to change the role or "
                "view",
                LH_STR_ARG(lh_table_name_text(name, arena)));
        texts[i] = filter.text;
        for (size_t c = 0; c < filter.column_count && relation->filter_column_count < filter_count * count; c++)
            read[relation->filter_column_count++] = filter.columns[c];
    }
    relation->filters = texts;
    relation->filter_count = filter_count;
    relation->filter_columns = read;
    return LH_OK;
}

static lh_code bind_effective_filters(const lh_effective *effective, lh_table_name name, lh_arena *arena,
                                      lh_relation *relation, lh_error *err) {
    lh_relation_column *all = LH_ARENA_ARRAY(arena, lh_relation_column, effective->column_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < effective->column_count; i++) all[i].name = effective->columns[i].name;
    return bind_filters(all, effective->column_count, effective->row_filters, effective->row_filter_count, name, arena,
                        relation, err);
}

/* Who can write a value and see its hash can ask for the hash of every guess: where one may write, hashes are null. */
static void bind_no_oracle(binding *b, lh_table_name table, const lh_relation_column *columns, size_t count) {
    const lh_resource resource = lh_resource_dataset(table, b->arena);
    if (b->all || !lh_access_decide(b->policy, LH_ACTION_WRITE, &resource, b->arena).allowed) return;
    lh_relation_column *own = (lh_relation_column *)(uintptr_t)columns; /* of the relation that is being made */
    for (size_t i = 0; i < count; i++)
        if (own[i].mask.kind == LH_MASK_HASH || own[i].mask.kind == LH_MASK_TOKEN || own[i].mask.kind == LH_MASK_SHA256)
            own[i].mask = (lh_mask){.kind = LH_MASK_NULL};
}

/* *ret NULL: it is not seen. */
static lh_code bind_dataset(binding *b, lh_table_name name, const lh_relation **ret, lh_error *err) {
    lh_effective effective;
    lh_relation *relation = LH_ARENA_NEW(b->arena, lh_relation);
    *ret = NULL;
    LH_TRY(lh_arena_check(b->arena, err));
    lh_code code = lh_access_effective(b->catalog, b->policy, LH_ACTION_READ, name, b->arena, &effective, err);
    if (code == LH_NOT_FOUND || (code == LH_OK && !effective.decision.allowed)) return LH_OK;
    if (code != LH_OK) return code;
    *relation = (lh_relation){.table = name,
                              .version = effective.state.version,
                              .schema_id = effective.state.schema_id,
                              .whole = effective.whole};
    LH_TRY(bind_effective_filters(&effective, name, b->arena, relation, err));
    LH_TRY(bind_columns(&effective, b->arena, relation, err));
    bind_no_oracle(b, name, relation->columns, relation->column_count);
    if (relation->column_count) *ret = relation;
    return LH_OK;
}

/* ---- a view ---- */

/* All of a dataset: what a view is over, whoever asks, since its author saw it. */
static lh_code bind_base(binding *b, lh_table_name name, lh_relation *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf type = LH_BUF_INIT(1 << 20);
    lh_json *columns = NULL;
    lh_table_state state;
    LH_TRY(lh_dataset_columns(b->catalog, name, b->arena, &columns, &state, err));
    lh_relation_column *all = LH_ARENA_ARRAY(b->arena, lh_relation_column, lh_json_size(columns) + 1);
    LH_TRY(lh_arena_check(b->arena, err));
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        lh_buf_clear(&type);
        lh_engine_type_sql(lh_json_get(it.value, "type"), &type);
        LH_TRY(lh_buf_check(&type, err));
        all[it.index] = (lh_relation_column){.name = lh_json_get_string(it.value, "name"),
                                             .type = lh_arena_dup(b->arena, lh_buf_str(&type))};
    }
    *ret = (lh_relation){.table = name,
                         .columns = all,
                         .column_count = lh_json_size(columns),
                         .version = state.version,
                         .schema_id = state.schema_id};
    return lh_arena_check(b->arena, err);
}

/* A dataset of who sees all. */
static lh_code bind_whole(binding *b, lh_table_name name, const lh_relation **ret, lh_error *err) {
    lh_relation *relation = LH_ARENA_NEW(b->arena, lh_relation);
    *ret = NULL;
    LH_TRY(lh_arena_check(b->arena, err));
    lh_code code = bind_base(b, name, relation, err);
    relation->whole = true;
    if (code == LH_OK) *ret = relation;
    return code == LH_NOT_FOUND ? LH_OK : code;
}

static lh_code bind_broken(lh_table_name name, lh_arena *arena, lh_error *err) {
    return lh_fail(err, LH_CONFLICT,
                   "the view '%.*s' is broken: what it reads has changed; GET /catalog/views says how",
                   LH_STR_ARG(lh_table_name_text(name, arena)));
}

/* As it is defined. */
static lh_code bind_view(binding *b, const lh_view *view, unsigned depth, const lh_relation **ret, lh_error *err) {
    lh_relation base, *relation = LH_ARENA_NEW(b->arena, lh_relation);
    const lh_relation *over = NULL;
    lh_relation_column *columns = LH_ARENA_ARRAY(b->arena, lh_relation_column, view->column_count + 1);
    lh_view below;
    bool found = false;
    LH_TRY(lh_arena_check(b->arena, err));
    if (depth == 0) return bind_broken(view->name, b->arena, err);
    if (view->base_is_view) LH_TRY(lh_access_view_find(b->catalog, view->base, b->arena, &below, &found, err));
    if (found) LH_TRY(bind_view(b, &below, depth - 1, &over, err));
    lh_code code = over ? LH_OK : view->base_is_view ? LH_NOT_FOUND : bind_base(b, view->base, &base, err);
    if (code == LH_NOT_FOUND) return bind_broken(view->name, b->arena, err);
    LH_TRY(code);
    const lh_relation *from = over ? over : &base;
    for (size_t i = 0; i < view->column_count; i++) {
        const lh_relation_column *of = NULL;
        for (size_t c = 0; c < from->column_count && !of; c++)
            if (lh_str_eq_nocase(from->columns[c].name, view->columns[i])) of = &from->columns[c];
        if (!of) return bind_broken(view->name, b->arena, err);
        const lh_json *mask = lh_json_get_str(view->redactions, view->columns[i]);
        lh_str type = over ? lh_relation_type(of) : of->type;
        columns[i] = (lh_relation_column){of->name, type, access_mask_of(mask, type)};
    }
    bind_no_oracle(b, from->table, columns, view->column_count);
    *relation = (lh_relation){.table = from->table,
                              .over = over,
                              .columns = columns,
                              .column_count = view->column_count,
                              .version = from->version,
                              .schema_id = from->schema_id,
                              .whole = b->all,
                              .view = true};
    if (bind_filters(from->columns, from->column_count, &view->row_filter, view->row_filter.len ? 1 : 0, view->name,
                     b->arena, relation, NULL) != LH_OK)
        return bind_broken(view->name, b->arena, err);
    *ret = relation;
    return LH_OK;
}

/* As a principal sees it, whose grants may show less of it. *ret NULL: nothing. */
static lh_code bind_granted_view(binding *b, lh_table_name name, const lh_relation **ret, lh_error *err) {
    lh_view view;
    bool found = false;
    lh_effective effective;
    const lh_relation *whole = NULL;
    const lh_resource resource = {LH_ON_VIEW, lh_table_name_text(name, b->arena), name};
    *ret = NULL;
    if (!b->all && !lh_access_decide(b->policy, LH_ACTION_READ, &resource, b->arena).allowed) return LH_OK;
    LH_TRY(lh_access_view_find(b->catalog, name, b->arena, &view, &found, err));
    if (!found) return LH_OK;
    lh_code code = bind_view(b, &view, LH_ACCESS_VIEW_DEPTH, &whole, err);
    if (code == LH_CONFLICT) return bind_broken(name, b->arena, err); /* it may be one below, which is hidden */
    LH_TRY(code);
    *ret = whole;
    if (b->all) return LH_OK;
    code = lh_access_effective_view(b->catalog, b->policy, LH_ACTION_READ, &view, b->arena, &effective, err);
    if (code == LH_NOT_FOUND) return bind_broken(name, b->arena, err);
    LH_TRY(code);
    if (effective.whole) return LH_OK;
    lh_relation *relation = LH_ARENA_NEW(b->arena, lh_relation);
    lh_relation_column *columns = LH_ARENA_ARRAY(b->arena, lh_relation_column, whole->column_count + 1);
    LH_TRY(lh_arena_check(b->arena, err));
    *relation = *whole;
    relation->over = whole;
    relation->columns = columns;
    relation->column_count = 0;
    for (size_t i = 0; i < whole->column_count; i++) {
        const lh_seen_column *seen = &effective.columns[i];
        lh_str type = lh_relation_type(&whole->columns[i]);
        if (seen->visible)
            columns[relation->column_count++] =
                (lh_relation_column){whole->columns[i].name, type, access_mask_of(seen->mask, type)};
    }
    bind_no_oracle(b, whole->table, columns, relation->column_count);
    LH_TRY(bind_effective_filters(&effective, name, b->arena, relation, err));
    *ret = relation->column_count ? relation : NULL;
    return LH_OK;
}

/* ---- the governor ---- */

static lh_code bind_denied(lh_table_name name, lh_arena *arena, lh_error *err) {
    return lh_fail(err, LH_DENIED, "there is no table '%.*s' that you may read",
                   LH_STR_ARG(lh_str_cut_utf8(lh_table_name_text(name, arena), 300)));
}

static bound *bind_find(binding *b, lh_table_name name) {
    for (bound *at = b->bounds; at; at = at->next)
        if (lh_str_eq(at->name.name, name.name) && lh_str_eq(at->name.namespace_, name.namespace_)) return at;
    return NULL;
}

static lh_code bind_policy(binding *b, lh_error *err) {
    return b->policy ? LH_OK : access_policy_of(b->catalog, b->document, b->arena, &b->policy, err);
}

static lh_code bind_look(binding *b, bound *found, lh_error *err) {
    if (!b->all && bind_cache_find(b->cache, b->sequence, b->principal, found->name, b->arena, &found->relation))
        return LH_OK;
    if (b->all) LH_TRY(bind_whole(b, found->name, &found->relation, err));
    else {
        LH_TRY(bind_policy(b, err));
        LH_TRY(bind_dataset(b, found->name, &found->relation, err));
    }
    if (!found->relation) LH_TRY(bind_granted_view(b, found->name, &found->relation, err));
    if (!b->all) bind_cache_put(b->cache, b->sequence, b->principal, found->name, found->relation);
    return LH_OK;
}

static lh_code bind_relation(void *ctx, lh_table_name name, lh_arena *arena, const lh_relation **ret, lh_error *err) {
    binding *b = ctx;
    bound *found = bind_find(b, name);
    if (!b->system && lh_namespace_is_system(name.namespace_)) return bind_denied(name, arena, err);
    if (!found) {
        found = LH_ARENA_NEW(b->arena, bound);
        LH_TRY(lh_arena_check(b->arena, err));
        found->name = (lh_table_name){lh_arena_dup(b->arena, name.namespace_), lh_arena_dup(b->arena, name.name)};
        LH_TRY(bind_look(b, found, err));
        found->next = b->bounds;
        b->bounds = found;
    }
    if (!found->relation) return bind_denied(name, arena, err);
    *ret = found->relation;
    return LH_OK;
}

static bool bind_may_make(binding *b, lh_table_name name) {
    lh_resource resource = lh_resource_dataset(name, b->arena);
    if (name.name.len == 0)
        resource = (lh_resource){.on = LH_ON_NAMESPACE, .name = lh_namespace_text(name.namespace_, b->arena)};
    lh_decision decision = lh_access_decide(b->policy, LH_ACTION_WRITE, &resource, b->arena);
    return decision.allowed && !decision.limited;
}

/* Adds the condition of one action, in which a row passes any of its filters, to those of the relation, which all must hold. */
static lh_code bind_limit_rows(const lh_effective *effective, lh_table_name name, lh_arena *arena,
                               lh_relation *relation, lh_str *filters, lh_str *read, lh_error *err) {
    lh_relation one = {0};
    lh_str text = LH_STR_NONE;
    if (effective->row_filter_count == 0) return LH_OK;
    LH_TRY(bind_effective_filters(effective, name, arena, &one, err));
    for (size_t i = 0; i < one.filter_count; i++)
        text = lh_arena_printf(arena, "%.*s%s%.*s", LH_STR_ARG(text), i ? " OR " : "", LH_STR_ARG(one.filters[i]));
    filters[relation->filter_count++] = text;
    for (size_t i = 0; i < one.filter_column_count; i++) read[relation->filter_column_count++] = one.filter_columns[i];
    return lh_arena_check(arena, err);
}

/* What may be written: columns that are as they are for each action that the statement takes, rows that pass for each. plain:
 * how many actions it takes, writing first. */
static lh_code bind_limits(binding *b, const lh_effective *effective, size_t plain, lh_table_name name,
                           const lh_relation **ret, lh_error *err) {
    lh_relation *relation = LH_ARENA_NEW(b->arena, lh_relation);
    size_t most = effective[0].column_count * (effective[0].row_filter_count + effective[1].row_filter_count);
    lh_str *filters = LH_ARENA_ARRAY(b->arena, lh_str, 2), *read = LH_ARENA_ARRAY(b->arena, lh_str, most + 1);
    LH_TRY(lh_arena_check(b->arena, err));
    *relation = (lh_relation){.table = name,
                              .version = effective->state.version,
                              .schema_id = effective->state.schema_id,
                              .filters = filters,
                              .filter_columns = read};
    lh_effective shown = effective[0];
    for (size_t i = 0; i < shown.column_count; i++) {
        bool own = true;
        for (size_t a = 0; a < plain; a++)
            own = own && effective[a].columns[i].visible && !effective[a].columns[i].mask;
        shown.columns[i].visible = true; /* named by filters */
        shown.columns[i].mask = own ? NULL : lh_json_new_object(b->arena);
    }
    for (size_t a = 0; a < plain; a++)
        LH_TRY(bind_limit_rows(&effective[a], name, b->arena, relation, filters, read, err));
    LH_TRY(bind_columns(&shown, b->arena, relation, err));
    *ret = relation;
    return LH_OK;
}

/* Every column of every row, masked or not. */
static bool bind_takes_all(const lh_effective *effective) {
    bool all = effective->decision.allowed && effective->row_filter_count == 0;
    for (size_t i = 0; i < effective->column_count; i++) all = all && effective->columns[i].visible;
    return all;
}

static lh_code bind_write(void *ctx, lh_write write, lh_table_name name, lh_arena *arena, const lh_relation **ret,
                          lh_error *err) {
    static const char *const what[] = {"insert into", "insert into", "change rows of", "define"};
    binding *b = ctx;
    lh_effective effective[2] = {0};                 /* to write, to read */
    size_t plain = write <= LH_WRITE_APPEND ? 1 : 2; /* who inserts need not read; but is told nothing of the rest */
    bool there = false, may = true, whole = true;
    *ret = NULL;
    if (!b->system && lh_namespace_is_system(name.namespace_)) return bind_denied(name, arena, err);
    if (b->all) return LH_OK;
    LH_TRY(bind_policy(b, err));
    for (size_t a = 0; a < 2 && name.name.len; a++) {
        lh_code code = lh_access_effective(b->catalog, b->policy, a ? LH_ACTION_READ : LH_ACTION_WRITE, name, b->arena,
                                           &effective[a], err);
        if (code != LH_OK && code != LH_NOT_FOUND) return code;
        there = code == LH_OK;
        if (!there) break;
        may = may && (a >= plain || effective[a].decision.allowed);
        whole = whole && effective[a].whole;
    }
    if (there && write == LH_WRITE_APPEND) may = whole = bind_takes_all(&effective[0]);
    if (!there) may = bind_may_make(b, name);
    else if (may && !whole && write != LH_WRITE_DEFINE) return bind_limits(b, effective, plain, name, ret, err);
    if (may && whole) return LH_OK;
    return lh_fail(err, LH_DENIED, "you may not %s '%.*s': that takes the right to write it%s", what[write],
                   LH_STR_ARG(lh_str_cut_utf8(lh_table_name_text(name, arena), 300)),
                   plain == 1                 ? ""
                   : write == LH_WRITE_CHANGE ? ", and to read it"
                                              : ", and to read it, every row and column");
}

static int bind_order(const void *a, const void *b) {
    const lh_listed *x = a, *y = b;
    int order = lh_str_cmp(x->name.namespace_, y->name.namespace_);
    return order ? order : lh_str_cmp(x->name.name, y->name.name);
}

/* Adds one that is seen; what is broken is passed over. */
static lh_code bind_add(binding *b, lh_table_name name, lh_arena *arena, lh_listed *listed, size_t *count,
                        lh_error *err) {
    lh_listed *next = &listed[*count];
    for (size_t i = 0; i < *count; i++) /* a view in the place of a dataset */
        if (lh_str_eq(listed[i].name.name, name.name) && lh_str_eq(listed[i].name.namespace_, name.namespace_))
            return LH_OK;
    lh_code code = bind_relation(b, name, arena, &next->relation, err);
    if (code == LH_OK) next->name = name, ++*count;
    return code == LH_DENIED || code == LH_CONFLICT ? LH_OK : code;
}

static lh_code bind_list(void *ctx, lh_arena *arena, lh_listed **ret, size_t *ret_count, lh_error *err) {
    binding *b = ctx;
    lh_table_name *names = NULL, *views = NULL;
    size_t count = 0, view_count = 0;
    uint64_t ignored;
    lh_str next;
    LH_TRY(lh_table_changed_since(b->catalog, 0, arena, &names, &count, &ignored, err));
    LH_TRY(lh_view_defined_list(b->catalog, (lh_page){0}, arena, &views, &view_count, &next, err));
    lh_listed *listed = LH_ARENA_ARRAY(arena, lh_listed, count + view_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) LH_TRY(bind_add(b, names[i], arena, listed, ret_count, err));
    for (size_t i = 0; i < view_count; i++) LH_TRY(bind_add(b, views[i], arena, listed, ret_count, err));
    if (*ret_count) qsort(listed, *ret_count, sizeof *listed, bind_order);
    *ret = listed;
    return LH_OK;
}

lh_code lh_access_bind(lh_access *access, lh_str principal, bool system, lh_arena *arena, const lh_governor **ret,
                       lh_error *err) {
    lh_json *doc = NULL;
    uint64_t ignored;
    binding *b = LH_ARENA_NEW(arena, binding);
    LH_TRY(lh_arena_check(arena, err));
    *b = (binding){.catalog = access->catalog,
                   .cache = access->bound,
                   .system = system,
                   .sequence = lh_metastore_get_stats(lh_catalog_metastore(access->catalog)).sequence,
                   .arena = arena};
    LH_TRY(access_principal_read(b->catalog, principal, arena, &doc, &ignored, err));
    b->principal = lh_arena_dup(arena, principal);
    b->document = doc;
    b->governor = (lh_governor){b, lh_json_get_string(doc, "id"), bind_relation, bind_write, bind_list};
    *ret = &b->governor;
    return LH_OK;
}

lh_code lh_access_bind_all(lh_catalog *catalog, bool system, lh_arena *arena, const lh_governor **ret, lh_error *err) {
    binding *b = LH_ARENA_NEW(arena, binding);
    LH_TRY(lh_arena_check(arena, err));
    *b = (binding){.catalog = catalog, .all = true, .system = system, .arena = arena};
    b->governor = (lh_governor){b, LH_STR_NONE, bind_relation, bind_write, bind_list};
    *ret = &b->governor;
    return LH_OK;
}
