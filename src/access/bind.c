/* The policy of a principal as the engine keeps to it (lh_governor): each table that a statement names is looked up once, and
 * shown as the roles say. What may not be read and what is not there are refused in the same words. */
#include "access/access_internal.h"

typedef struct bound { /* one table or view that was asked for */
    struct bound *next;
    lh_table_name name;
    lh_code code;
    const lh_relation *relation;
} bound;

typedef struct binding {
    lh_governor governor;
    lh_catalog *catalog;
    const lh_policy *policy;
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

static lh_code bind_dataset(binding *b, lh_table_name name, const lh_relation **ret, lh_error *err) {
    lh_effective effective;
    lh_relation *relation = LH_ARENA_NEW(b->arena, lh_relation);
    LH_TRY(lh_arena_check(b->arena, err));
    LH_TRY(lh_access_effective(b->catalog, b->policy, LH_ACTION_READ, name, b->arena, &effective, err));
    if (!effective.decision.allowed) return lh_fail(err, LH_NOT_FOUND, "denied");
    *relation = (lh_relation){.table = name,
                              .filters = effective.row_filters,
                              .filter_count = effective.row_filter_count,
                              .version = effective.state.version,
                              .schema_id = effective.state.schema_id,
                              .whole = effective.whole};
    LH_TRY(bind_columns(&effective, b->arena, relation, err));
    *ret = relation;
    return relation->column_count ? LH_OK : lh_fail(err, LH_NOT_FOUND, "no column");
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

static lh_code bind_relation(void *ctx, lh_table_name name, lh_arena *arena, const lh_relation **ret, lh_error *err) {
    binding *b = ctx;
    bound *found = bind_find(b, name);
    if (!found) {
        found = LH_ARENA_NEW(b->arena, bound);
        LH_TRY(lh_arena_check(b->arena, err));
        found->name = (lh_table_name){lh_arena_dup(b->arena, name.namespace_), lh_arena_dup(b->arena, name.name)};
        found->code = bind_dataset(b, found->name, &found->relation, err);
        if (found->code != LH_OK && found->code != LH_NOT_FOUND) return found->code;
        found->next = b->bounds;
        b->bounds = found;
    }
    if (found->code != LH_OK) return bind_denied(name, arena, err);
    *ret = found->relation;
    return LH_OK;
}

/* *ret_there: there is such a table. */
static lh_code bind_is_whole(binding *b, lh_action action, lh_table_name name, bool *ret, bool *ret_there,
                             lh_error *err) {
    lh_effective effective;
    lh_code code = lh_access_effective(b->catalog, b->policy, action, name, b->arena, &effective, err);
    *ret_there = code == LH_OK;
    *ret = code == LH_OK && effective.whole;
    return code == LH_NOT_FOUND ? LH_OK : code;
}

static bool bind_may_make(binding *b, lh_table_name name) {
    lh_resource resource = lh_resource_dataset(name, b->arena);
    if (name.name.len == 0)
        resource = (lh_resource){.on = LH_ON_NAMESPACE, .name = lh_namespace_text(name.namespace_, b->arena)};
    lh_decision decision = lh_access_decide(b->policy, LH_ACTION_WRITE, &resource, b->arena);
    return decision.allowed && !decision.limited;
}

static lh_code bind_write(void *ctx, lh_write write, lh_table_name name, lh_arena *arena, lh_error *err) {
    binding *b = ctx;
    bool writes = false, reads = true, there = false;
    if (name.name.len) LH_TRY(bind_is_whole(b, LH_ACTION_WRITE, name, &writes, &there, err));
    if (there && write != LH_WRITE_INSERT) LH_TRY(bind_is_whole(b, LH_ACTION_READ, name, &reads, &there, err));
    bool may = there ? writes && reads : bind_may_make(b, name);
    if (may) return LH_OK;
    return lh_fail(err, LH_DENIED, "you may not %s '%.*s': that takes the right to write it%s",
                   write == LH_WRITE_INSERT   ? "insert into"
                   : write == LH_WRITE_CHANGE ? "change rows of"
                                              : "define",
                   LH_STR_ARG(lh_str_cut_utf8(lh_table_name_text(name, arena), 300)),
                   write == LH_WRITE_INSERT ? ", every column of it" : ", and to read every row and column of it");
}

static int bind_order(const void *a, const void *b) {
    const lh_listed *x = a, *y = b;
    int order = lh_str_cmp(x->name.namespace_, y->name.namespace_);
    return order ? order : lh_str_cmp(x->name.name, y->name.name);
}

static lh_code bind_list(void *ctx, lh_arena *arena, lh_listed **ret, size_t *ret_count, lh_error *err) {
    binding *b = ctx;
    lh_table_name *names = NULL;
    size_t count = 0, seen = 0;
    uint64_t ignored;
    LH_TRY(lh_table_changed_since(b->catalog, 0, arena, &names, &count, &ignored, err));
    lh_listed *listed = LH_ARENA_ARRAY(arena, lh_listed, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < count; i++) {
        lh_code code = bind_relation(b, names[i], arena, &listed[seen].relation, err);
        if (code != LH_OK && code != LH_DENIED) return code;
        if (code == LH_OK) listed[seen++].name = names[i];
    }
    if (seen) qsort(listed, seen, sizeof *listed, bind_order);
    *ret = listed;
    *ret_count = seen;
    return LH_OK;
}

lh_code lh_access_bind(lh_catalog *catalog, lh_str principal, lh_arena *arena, const lh_governor **ret, lh_error *err) {
    lh_policy *policy = NULL;
    binding *b = LH_ARENA_NEW(arena, binding);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_access_policy(catalog, principal, arena, &policy, err));
    *b = (binding){.catalog = catalog, .policy = policy, .arena = arena};
    b->governor = (lh_governor){b, lh_arena_dup(arena, principal), bind_relation, bind_write, bind_list};
    *ret = &b->governor;
    return LH_OK;
}
