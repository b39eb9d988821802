/* Sensitivity goes with values: a column that a statement writes gets, in the commit of its rows, the highest sensitivity and
 * the kinds of personal data of the columns that its values come from (source_shim.h). */
#include "engine/inherit.h"
#include "engine/source_shim.h"

enum { INHERIT_TOLD_MAX = 1000 }; /* columns of one request */

typedef struct inherit {
    engine_run *run;
    lh_json *columns;   /* {column: {"sensitivity","pii_kind"}} */
    lh_json *described; /* {"<namespace>\x1f\x1f<table>": columns as lh_dataset_columns() has them} */
    lh_code code;
    lh_error *err;
} inherit;

lh_code run_inherit_begin(engine_run *run, lh_error *err) {
    if (!run->engine->catalog || (!run->statement->writes && !run->query->told)) return LH_OK;
    return source_shim_begin(run->connection->handle) ? LH_OK : lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
}

static const lh_json *inherit_described(inherit *in, lh_table_name table) {
    lh_arena *arena = in->run->arena;
    lh_table_state ignored;
    lh_json *columns = NULL;
    lh_str key = lh_arena_printf(arena, "%.*s\x1f\x1f%.*s", LH_STR_ARG(table.namespace_), LH_STR_ARG(table.name));
    if (lh_json_get_str(in->described, key)) return lh_json_get_str(in->described, key);
    lh_code code = lh_dataset_columns(in->run->engine->catalog, table, arena, &columns, &ignored, in->err);
    if (code == LH_NOT_FOUND) return NULL; /* no table of the lake */
    if (code != LH_OK) in->code = code;
    else lh_json_put(arena, in->described, key, columns);
    return columns;
}

/* What is no sensitivity counts as the highest. */
static int inherit_rank(lh_str sensitivity) {
    int rank = lh_sensitivity_rank(sensitivity);
    return rank < 0 ? lh_sensitivity_rank(LH_STR("restricted")) : rank;
}

static void inherit_from(inherit *in, lh_str into, const lh_json *column) {
    lh_arena *arena = in->run->arena;
    lh_str level = lh_json_get_string(column, "sensitivity"), kind = lh_json_get_string(column, "pii_kind");
    lh_json *have = lh_json_get_str(in->columns, into);
    if (!have) {
        lh_json_put(arena, in->columns, into, lh_json_new_object(arena));
        have = lh_json_get_str(in->columns, into);
        lh_json_set_string(arena, have, "sensitivity", level);
    } else if (inherit_rank(level) > inherit_rank(lh_json_get_string(have, "sensitivity"))) {
        lh_json_set_string(arena, have, "sensitivity", level);
    }
    lh_str before = lh_json_get_string(have, "pii_kind");
    if (kind.len == 0 || lh_str_eq(kind, LH_STR("none")) || lh_str_eq(kind, before)) return;
    lh_json_set_string(arena, have, "pii_kind", before.len ? LH_STR("several") : kind);
}

/* For the audit: data.t.c. */
static void inherit_read(engine_run *run, const lh_str parts[3], lh_str column) {
    lh_query_told *told = run->query->told;
    lh_table_name name;
    size_t hot = 0;
    while (hot < run->hot_name_count && !lh_str_eq(parts[2], lh_str_from(run->hot_names[hot]))) hot++;
    if (hot < run->hot_name_count) name = run->hot_tables[hot];
    else if (!run_resolve(run, parts, 3, &name)) return;
    lh_str text = lh_arena_printf(told->arena, "%.*s.%.*s", LH_STR_ARG(lh_table_name_text(name, told->arena)),
                                  LH_STR_ARG(column));
    for (lh_json_iter it = lh_json_each(told->columns); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), text)) return;
    if (lh_json_size(told->columns) < INHERIT_TOLD_MAX)
        lh_json_append(told->columns, lh_json_new_string(told->arena, text));
}

static void inherit_told(void *ctx, const char *into, const char *catalog, const char *schema, const char *table,
                         const char *column) {
    inherit *in = ctx;
    lh_arena *arena = in->run->arena;
    const lh_str parts[3] = {lh_arena_dup(arena, lh_str_from(catalog)), lh_arena_dup(arena, lh_str_from(schema)),
                             lh_arena_dup(arena, lh_str_from(table))};
    lh_table_name name;
    if (!into[0]) {
        if (in->run->query->told) inherit_read(in->run, parts, lh_str_from(column));
        return;
    }
    if (in->code != LH_OK || !run_resolve(in->run, parts, 3, &name)) return;
    const lh_json *columns = inherit_described(in, name);
    lh_str to = lh_arena_dup(arena, lh_str_from(into));
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);)
        if (lh_str_eq_nocase(lh_json_get_string(it.value, "name"), lh_str_from(column))) inherit_from(in, to, it.value);
    const lh_json *earlier =
        lh_json_get_str(in->run->inherited, lh_table_name_text(name, arena)); /* not committed yet */
    for (lh_json_iter it = lh_json_each(earlier); lh_json_next(&it);)
        if (lh_str_eq_nocase(it.name, lh_str_from(column))) inherit_from(in, to, it.value);
}

lh_code run_inherit_end(engine_run *run, lh_error *err) {
    if (!run->engine->catalog || (!run->statement->writes && !run->query->told)) return LH_OK;
    if (!run->in_transaction || !run->inherited) run->inherited = lh_json_new_object(run->arena);
    inherit in = {.run = run, .columns = lh_json_new_object(run->arena), .described = lh_json_new_object(run->arena)};
    in.err = err;
    source_shim_end(run->connection->handle, inherit_told, &in);
    LH_TRY(in.code);
    LH_TRY(lh_arena_check(run->arena, err));
    if (lh_json_size(in.columns) == 0) return LH_OK;
    size_t statement = (size_t)(run->statement - run->scan.statements);
    for (size_t i = 0; i < run->scan.table_count; i++) {
        const lh_sql_table *target = &run->scan.tables[i];
        if (!target->write || target->statement != statement) continue;
        lh_str target_name = lh_table_name_text(run->before[i].name, run->arena);
        const lh_json *earlier = lh_json_get_str(run->inherited, target_name); /* of the same transaction */
        for (lh_json_iter it = lh_json_each(earlier); lh_json_next(&it);) inherit_from(&in, it.name, it.value);
        lh_json_put(run->arena, run->inherited, target_name, lh_json_copy(run->arena, in.columns));
        LH_TRY(lh_annotation_set_inherited(run->engine->catalog, run->before[i].name, in.columns, err));
    }
    return LH_OK;
}
