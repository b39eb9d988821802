/* From rules to the table's new schema, by field ids.
 *
 *   rename, a wider type   the same id                        only metadata
 *   drop                   the id is gone                     only metadata
 *   add without default    a new id, no values                only metadata
 *   cast, add with a default, split, merge: a new id, whose values the engine writes (reshape.c of catalog)
 * A cast column stays in its place; what a split or merge makes stands where its first source stood; what is added comes
 * last. Ids of written columns come right after the table's last, in the order in which the engine adds them. */
#include "ingest/evolve_internal.h"

typedef struct plan {
    const lh_json *metadata;
    const lh_json *old; /* fields of the current schema */
    lh_json *fields;    /* of the new one */
    const evolve_side *table;
    const evolve_rules *rules;
    lh_arena *arena;
    evolve_plan *out;
    int64_t next_id, nested_id;
} plan;

static const lh_json *plan_current_schema(const lh_json *metadata) {
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "schemas")); lh_json_next(&it);)
        if (lh_json_equal(lh_json_get(it.value, "schema-id"), lh_json_get(metadata, "current-schema-id")))
            return it.value;
    return NULL;
}

/* The rule that takes the column; *ret_first: and it is the first that it takes. */
static const evolve_rule *plan_rule(const plan *p, const evolve_column *column, bool *ret_first) {
    for (size_t i = 0; i < p->rules->count; i++)
        for (size_t j = 0; j < p->rules->items[i].from_count; j++)
            if (p->rules->items[i].from[j] == column) return *ret_first = j == 0, &p->rules->items[i];
    return NULL;
}

static bool plan_writes(const evolve_rule *rule) {
    if (rule->op == EVOLVE_CAST) return evolve_fit_of(rule->cast.from, rule->type) != EVOLVE_FIT_WIDENS;
    return rule->op == EVOLVE_SPLIT || rule->op == EVOLVE_MERGE || (rule->op == EVOLVE_ADD && rule->fallback);
}

/* ---- what the engine computes ---- */

static void plan_split_sql(const evolve_rule *rule, size_t part, lh_buf *into) {
    bool last = part + 1 == rule->to_count;
    if (last) { /* all that is left, with the separators in it */
        lh_buf_append(into, LH_STR("nullif(trim(array_to_string(string_split("));
        lh_buf_sql_identifier(into, rule->from[0]->name);
        lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_string(into, rule->separator);
        lh_buf_printf(into, ")[%zu:], ", part + 1);
        lh_buf_sql_string(into, rule->separator);
        lh_buf_append(into, LH_STR(")), '')"));
        return;
    }
    lh_buf_append(into, LH_STR("nullif(trim(split_part("));
    lh_buf_sql_identifier(into, rule->from[0]->name);
    lh_buf_append(into, LH_STR(", "));
    lh_buf_sql_string(into, rule->separator);
    lh_buf_printf(into, ", %zu)), '')", part + 1);
}

static void plan_merge_sql(const evolve_rule *rule, lh_buf *into) {
    lh_buf_append(into, LH_STR("nullif(concat_ws("));
    lh_buf_sql_string(into, rule->separator);
    for (size_t i = 0; i < rule->from_count; i++) {
        lh_buf_append(into, LH_STR(", CAST("));
        lh_buf_sql_identifier(into, rule->from[i]->name);
        lh_buf_append(into, LH_STR(" AS VARCHAR)"));
    }
    lh_buf_append(into, LH_STR("), '')"));
}

static void plan_default_sql(const evolve_rule *rule, lh_arena *arena, lh_buf *into) {
    lh_str text = lh_json_str(rule->fallback, LH_STR_NONE);
    if (!lh_json_is_string(rule->fallback)) (void)(lh_json_write(arena, rule->fallback, false, &text, NULL) == LH_OK);
    lh_buf_append(into, LH_STR("CAST("));
    lh_buf_sql_string(into, text);
    lh_buf_append(into, LH_STR(" AS "));
    ingest_type_sql(rule->type, into);
    lh_buf_char(into, ')');
}

static lh_str plan_sql(const plan *p, const evolve_rule *rule, size_t part, bool null) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    if (rule->op == EVOLVE_CAST) evolve_cast_sql(&rule->cast, rule->from[0]->name, null, &sql);
    else if (rule->op == EVOLVE_SPLIT) plan_split_sql(rule, part, &sql);
    else if (rule->op == EVOLVE_MERGE) plan_merge_sql(rule, &sql);
    else plan_default_sql(rule, p->arena, &sql);
    return lh_arena_dup(p->arena, lh_buf_str(&sql));
}

/* ---- fields ---- */

static lh_json *plan_add_field(plan *p, lh_str name, const ingest_type *type, int64_t id) {
    lh_json *field = lh_json_new_object(p->arena);
    lh_json_set_int(p->arena, field, "id", id);
    lh_json_set_string(p->arena, field, "name", name);
    lh_json_set_bool(p->arena, field, "required", false);
    lh_json_set(p->arena, field, "type", ingest_type_to_iceberg(type, &p->nested_id, p->arena));
    lh_json_append(p->fields, field);
    return lh_json_at(p->fields, lh_json_size(p->fields) - 1);
}

static void plan_note(plan *p, lh_json *list, lh_str name, lh_str sql) {
    lh_json *item = lh_json_new_object(p->arena);
    lh_json_set_string(p->arena, item, "name", name);
    lh_json_set_string(p->arena, item, "sql", sql);
    lh_json_append(list, item);
}

static lh_str plan_identifier(const plan *p, lh_str name) {
    LH_CLEANUP(lh_buf_done) lh_buf quoted = LH_BUF_INIT(4096);
    lh_buf_sql_identifier(&quoted, name);
    return lh_arena_dup(p->arena, lh_buf_str(&quoted));
}

/* What the engine writes for the rule; the fields are those that lie ready under these names. */
static void plan_write(plan *p, const evolve_rule *rule, const lh_json *old) {
    static const ingest_type text = {.kind = INGEST_VARCHAR};
    for (size_t i = 0; i < rule->to_count; i++) {
        evolve_written *written = &p->out->written[p->out->written_count++];
        *written =
            (evolve_written){.final_name = rule->to[i], .id = p->next_id++, .type = rule->type ? rule->type : &text};
        written->name = lh_arena_printf(p->arena, "__lakehouse_%zu", p->out->written_count);
        while (evolve_side_find(p->table, written->name))
            written->name = lh_arena_printf(p->arena, "%.*s_", LH_STR_ARG(written->name));
        written->sql = plan_sql(p, rule, i, rule->null_on_error);
        lh_json *field = plan_add_field(p, rule->to[i], written->type, written->id);
        plan_note(p, p->out->after, rule->to[i], plan_sql(p, rule, i, true));
        if (rule->op != EVOLVE_CAST) continue;
        if (lh_json_get(old, "doc"))
            lh_json_set(p->arena, field, "doc", lh_json_copy(p->arena, lh_json_get(old, "doc")));
        lh_json_put(p->arena, p->out->moved, lh_arena_printf(p->arena, "%" PRId64, rule->from[0]->id),
                    lh_json_new_int(p->arena, written->id));
    }
}

/* One old column and its rule. */
static void plan_column(plan *p, const evolve_column *column, const lh_json *old) {
    bool first = false;
    const evolve_rule *rule = plan_rule(p, column, &first);
    lh_str quoted = plan_identifier(p, column->name);
    if (rule) plan_note(p, p->out->before, column->name, quoted);
    if (!rule || rule->keep || rule->op == EVOLVE_RENAME || (rule->op == EVOLVE_CAST && !plan_writes(rule))) {
        lh_json *field = lh_json_copy(p->arena, old);
        if (rule && !rule->keep) lh_json_set_string(p->arena, field, "name", rule->to[0]);
        if (rule && rule->op == EVOLVE_CAST)
            lh_json_set(p->arena, field, "type", ingest_type_to_iceberg(rule->type, &p->nested_id, p->arena));
        lh_json_append(p->fields, field);
        if (rule) plan_note(p, p->out->after, rule->keep ? column->name : rule->to[0], quoted);
    }
    if (rule && first && plan_writes(rule)) plan_write(p, rule, old);
}

/* ---- what must not go ---- */

static bool plan_has_id(const lh_json *fields, int64_t id) {
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, "id"), -1) == id) return true;
    return false;
}

static lh_code plan_check_sources(const plan *p, const lh_json *list, const char *id_name, const char *current,
                                  const char *what, lh_error *err) {
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) {
        if (!lh_json_equal(lh_json_get(it.value, id_name), lh_json_get(p->metadata, current))) continue;
        for (lh_json_iter f = lh_json_each(lh_json_get(it.value, "fields")); lh_json_next(&f);) {
            int64_t id = lh_json_int(lh_json_get(f.value, "source-id"), -1);
            if (plan_has_id(p->old, id) && !plan_has_id(p->fields, id))
                return lh_fail(err, LH_INVALID, "the table's %s needs a column that the rules take away", what);
        }
    }
    return LH_OK;
}

static lh_code plan_check(const plan *p, const lh_json *schema, lh_error *err) {
    LH_TRY(plan_check_sources(p, lh_json_get(p->metadata, "partition-specs"), "spec-id", "default-spec-id",
                              "partitioning", err));
    LH_TRY(plan_check_sources(p, lh_json_get(p->metadata, "sort-orders"), "order-id", "default-sort-order-id",
                              "sort order", err));
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "identifier-field-ids")); lh_json_next(&it);)
        if (plan_has_id(p->old, lh_json_int(it.value, -1)) && !plan_has_id(p->fields, lh_json_int(it.value, -1)))
            return lh_fail(err, LH_INVALID, "the table's key needs a column that the rules take away");
    return lh_arena_check(p->arena, err);
}

lh_code evolve_plan_make(const lh_json *metadata, const evolve_side *table, const evolve_rules *rules, lh_arena *arena,
                         evolve_plan *ret, lh_error *err) {
    const lh_json *schema = plan_current_schema(metadata);
    evolve_plan out = {.schema = lh_json_copy(arena, schema)};
    plan p = {
        .metadata = metadata, .old = lh_json_get(schema, "fields"), .table = table, .rules = rules, .arena = arena};
    p.out = &out;
    p.fields = lh_json_new_array(arena);
    out.moved = lh_json_new_object(arena);
    out.before = lh_json_new_array(arena);
    out.after = lh_json_new_array(arena);
    out.written = LH_ARENA_ARRAY(arena, evolve_written, rules->count * EVOLVE_PARTS_MAX + 1);
    LH_TRY(lh_arena_check(arena, err));
    size_t written = 0;
    for (size_t i = 0; i < rules->count; i++)
        if (plan_writes(&rules->items[i])) written += rules->items[i].to_count;
    p.next_id = lh_json_int(lh_json_get(metadata, "last-column-id"), 0) + 1;
    p.nested_id = p.next_id + (int64_t)written;
    for (lh_json_iter it = lh_json_each(p.old); lh_json_next(&it);)
        plan_column(&p, &table->columns[it.index], it.value);
    for (size_t i = 0; i < rules->count; i++) {
        const evolve_rule *rule = &rules->items[i];
        if (rule->op != EVOLVE_ADD) continue;
        if (rule->fallback) plan_write(&p, rule, NULL);
        else plan_add_field(&p, rule->to[0], rule->type, p.nested_id++);
    }
    LH_TRY(plan_check(&p, schema, err));
    lh_json_set(arena, out.schema, "fields", p.fields);
    lh_json_remove(out.schema, LH_STR("schema-id"));
    LH_TRY(lh_arena_check(arena, err));
    *ret = out;
    return LH_OK;
}
