/* See govern.h. The text of a relation, whose names nobody else can write:
 *
 *     SELECT "a", mask("b") AS "b" FROM lake."ns"."t" AS <mark> WHERE (<filter> OR …) LIMIT <nonce>
 */
#include "engine/govern.h"
#include "engine/govern_listing.h"
#include "engine/functions.h"
#include "engine/govern_plan.h"
#include "engine/hot.h"
#include "engine/mask.h"
#include "engine/source_shim.h"
#include "engine/tree_shim.h"

#include <stdio.h>

enum { GOVERN_RELATION_BYTES = 4 << 20, GOVERN_DEPTH_MAX = 16, GOVERN_COUNT_MS = 60000 };

typedef struct govern { /* one walk over a statement */
    engine_run *run;
    lh_buf query; /* the last one put in */
    char schema[1024];
    bool checked; /* the target gets a check */
    lh_code code;
    lh_error *err;
} govern;

/* ---- a relation as text ---- */

static lh_code govern_column(const engine_run *run, const lh_relation_column *column, lh_buf *into, lh_error *err) {
    if (column->mask.kind == LH_MASK_NONE) lh_buf_sql_identifier(into, column->name);
    else {
        LH_TRY(engine_mask_sql(&run->engine->masks, &column->mask, column->name, column->type, into, err));
        lh_buf_append(into, LH_STR(" AS "));
        lh_buf_sql_identifier(into, column->name);
    }
    return LH_OK;
}

static void govern_filters(const lh_relation *relation, lh_buf *into) {
    for (size_t i = 0; i < relation->filter_count; i++)
        lh_buf_printf(into, "%s(%.*s)", i ? " OR " : " WHERE (", LH_STR_ARG(relation->filters[i]));
    if (relation->filter_count) lh_buf_char(into, ')');
}

/* at_snapshot -1: as it is now. */
static lh_code govern_sql(const engine_run *run, const lh_relation *relation, int64_t at_snapshot, unsigned depth,
                          lh_buf *into, lh_error *err) {
    if (depth > GOVERN_DEPTH_MAX) return lh_fail(err, LH_LIMIT, "a view over more than %d views", GOVERN_DEPTH_MAX);
    lh_buf_append(into, LH_STR("SELECT "));
    for (size_t i = 0; i < relation->column_count; i++) {
        if (i) lh_buf_append(into, LH_STR(", "));
        LH_TRY(govern_column(run, &relation->columns[i], into, err));
    }
    lh_buf_append(into, LH_STR(" FROM "));
    if (relation->over) {
        lh_buf_char(into, '(');
        LH_TRY(govern_sql(run, relation->over, at_snapshot, depth + 1, into, err));
        lh_buf_char(into, ')');
    } else {
        lh_engine_table_sql(relation->table, run->arena, into);
    }
    lh_buf_printf(into, " AS %s", run->engine->masks.name);
    if (!relation->over && at_snapshot >= 0) lh_buf_printf(into, " AT (VERSION => %" PRId64 ")", at_snapshot);
    govern_filters(relation, into);
    lh_buf_printf(into, " LIMIT %" PRIu64, run->engine->govern_nonce);
    return lh_buf_check(into, err);
}

static bool govern_hides_rows(const lh_relation *relation) {
    for (; relation; relation = relation->over)
        if (relation->filter_count) return true;
    return false;
}

/* ---- which relation ---- */

static bool govern_resolve(const engine_run *run, const tree_ref *ref, lh_table_name *ret) {
    lh_str parts[3] = {lh_str_from(ref->catalog), lh_str_from(ref->schema), lh_str_from(ref->table)};
    size_t first = parts[0].len ? 0 : parts[1].len ? 1 : 2;
    for (size_t i = first; i < 3; i++) parts[i] = lh_arena_dup(run->arena, parts[i]);
    return run_resolve(run, parts + first, 3 - first, ret);
}

static bool govern_is_lake(const tree_ref *ref) {
    lh_str catalog = lh_str_from(ref->catalog);
    return catalog.len == 0 || lh_str_eq_nocase(catalog, LH_STR("lake"));
}

/* In a lake of before that was refused two namespaces may differ in case only. DuckDB takes either for the other. */
static lh_code govern_check_one(const engine_run *run, const tree_ref *ref, lh_error *err) {
    if (!govern_is_lake(ref) || run_resolve_namespace(run, lh_str_from(ref->schema)).count < 2) return LH_OK;
    return lh_fail(err, LH_INVALID,
                   "there is more than one namespace '%.*s', in different cases of its letters, which SQL cannot tell "
                   "apart: move the tables of all but one elsewhere and drop it, by /iceberg/v1",
                   LH_STR_ARG(lh_namespace_text(run_written_namespace(run, lh_str_from(ref->schema)), run->arena)));
}

static lh_table_name govern_written(const engine_run *run, const tree_ref *ref) {
    return (lh_table_name){run_written_namespace(run, lh_arena_dup(run->arena, lh_str_from(ref->schema))),
                           lh_arena_dup(run->arena, lh_str_from(ref->table))};
}

static lh_code govern_ask(govern *g, const tree_ref *ref, const lh_relation **ret, lh_table_name *ret_name,
                          lh_error *err) {
    const lh_governor *governor = g->run->governor;
    if (!g->run->query->governor) LH_TRY(govern_check_one(g->run, ref, err)); /* of others it could be hidden */
    if (!govern_resolve(g->run, ref, ret_name))
        return lh_fail(err, LH_DENIED, "there is no table '%s' that you may read", ref->table);
    const lh_table_name written = govern_written(g->run, ref);
    bool as_written = lh_str_eq(written.namespace_, ret_name->namespace_);
    lh_code code = governor->relation(governor->ctx, *ret_name, g->run->arena, ret, err);
    if (code != LH_DENIED || as_written) return code;
    return governor->relation(governor->ctx, written, g->run->arena, ret,
                              err); /* in the words of one that is not there */
}

/* The snapshot of AT (VERSION => 1) or AT (TIMESTAMP => …), which must have the columns that the policy was asked about. */
static lh_code govern_at(govern *g, const tree_ref *ref, const lh_relation *relation, int64_t *ret, lh_error *err) {
    engine_run *run = g->run;
    lh_str at = lh_str_from(ref->at), value = LH_STR_NONE;
    const lh_str version = LH_STR("AT (VERSION => "), timestamp = LH_STR("AT (TIMESTAMP => ");
    int64_t ms, schema_id;
    *ret = -1;
    if (at.len == 0) return LH_OK;
    bool by_version = lh_str_starts(at, version);
    size_t before = by_version ? version.len : timestamp.len;
    if (by_version || lh_str_starts(at, timestamp)) value = lh_str_sub(at, before, at.len - before - 1);
    bool known = by_version ? lh_str_to_i64(value, ret) == LH_OK && *ret >= 0
                            : value.len && run_constant_ms(run, value, &ms) &&
                                  lh_table_snapshot_at(run->engine->catalog, relation->table, ms, ret, NULL) == LH_OK &&
                                  *ret >= 0;
    if (!known || lh_table_snapshot_schema(run->engine->catalog, relation->table, *ret, &schema_id, NULL) != LH_OK)
        return lh_fail(err, LH_INVALID, "'%s' has no such snapshot", ref->table);
    if (schema_id != relation->schema_id)
        return lh_fail(err, LH_DENIED,
                       "'%s' had other columns then, of which nobody has said what you may see; ask for a snapshot of "
                       "its present form",
                       ref->table);
    return LH_OK;
}

static lh_code govern_note(engine_run *run, const lh_relation *relation, const char *said, lh_error *err) {
    run->governed_references++;
    for (size_t i = 0; i < run->governed_count; i++)
        if (run->governed[i] == relation) return LH_OK;
    if (run->governed_count == run->governed_max) {
        size_t max = run->governed_max ? 2 * run->governed_max : 8;
        const lh_relation **more = LH_ARENA_ARRAY(run->arena, const lh_relation *, max);
        lh_str *more_said = LH_ARENA_ARRAY(run->arena, lh_str, max);
        LH_TRY(lh_arena_check(run->arena, err));
        if (run->governed_count) {
            memcpy(more, run->governed, run->governed_count * sizeof *more);
            memcpy(more_said, run->governed_said, run->governed_count * sizeof *more_said);
        }
        run->governed = more;
        run->governed_said = more_said;
        run->governed_max = max;
    }
    run->governed_said[run->governed_count] = lh_arena_dup(run->arena, lh_str_from(said));
    run->governed[run->governed_count++] = relation;
    run->governed_whole &= relation->whole;
    return LH_OK;
}

/* DuckDB reads and binds each reference anew, which nothing interrupts. */
static lh_code govern_count(engine_run *run, size_t bytes, lh_error *err) {
    run->governed_bytes += bytes;
    if (run->governed_references > LH_LIMIT_SQL_REFERENCES) return lh_sql_too_many_references(err);
    if (run->governed_bytes > LH_LIMIT_GOVERNED_BYTES)
        return lh_fail(err, LH_LIMIT,
                       "what is seen of the tables and views of this statement takes more than %d bytes of SQL: name "
                       "fewer of them, each once, by WITH, or make several statements of it",
                       LH_LIMIT_GOVERNED_BYTES);
    return engine_running_check(run->connection, err);
}

static lh_code govern_read(govern *g, const tree_ref *ref, tree_put *put, lh_error *err) {
    engine_run *run = g->run;
    const lh_relation *relation = NULL;
    lh_table_name name;
    int64_t snapshot;
    lh_buf_clear(&g->query);
    if (engine_listing_is(ref->schema)) {
        LH_TRY(engine_listing_view(run, ref->schema, ref->table, &g->query, err));
    } else {
        LH_TRY(govern_ask(g, ref, &relation, &name, err));
        LH_TRY(govern_at(g, ref, relation, &snapshot, err));
        LH_TRY(govern_note(run, relation, ref->table, err));
        LH_TRY(govern_sql(run, relation, snapshot, 0, &g->query, err));
        LH_TRY(govern_count(run, g->query.len, err));
        put->hides_rows = govern_hides_rows(relation);
        put->catalog = "lake";
        snprintf(g->schema, sizeof g->schema, "%.*s", LH_STR_ARG(lh_namespace_text(name.namespace_, run->arena)));
        put->schema = g->schema;
    }
    lh_buf_char(&g->query, '\0');
    put->query = g->query.ptr;
    return lh_buf_check(&g->query, err);
}

static lh_code govern_listing(govern *g, const tree_ref *ref, tree_put *put, lh_error *err) {
    lh_buf_clear(&g->query);
    LH_TRY(engine_listing_show(g->run, ref->catalog, ref->schema, ref->table, &g->query, err));
    lh_buf_char(&g->query, '\0');
    put->query = g->query.ptr;
    return lh_buf_check(&g->query, err);
}

/* ---- what is written ---- */

static const lh_relation_column *govern_find(const lh_relation *relation, lh_str name) {
    for (size_t i = 0; i < relation->column_count; i++)
        if (lh_str_eq_nocase(relation->columns[i].name, name)) return &relation->columns[i];
    return NULL;
}

static bool govern_filters_read(const lh_relation *limits, lh_str column) {
    for (size_t i = 0; i < limits->filter_column_count; i++)
        if (lh_str_eq_nocase(limits->filter_columns[i], column)) return true;
    return false;
}

static bool govern_names(const tree_ref *ref, lh_str column) {
    for (size_t i = 0; i < ref->column_count; i++)
        if (lh_str_eq_nocase(lh_str_from(ref->columns[i]), column)) return true;
    return false;
}

static lh_code govern_columns(const tree_ref *ref, const lh_relation *limits, bool set, lh_error *err) {
    if (ref->column_count == 0 && ref->change == TREE_INSERT)
        return lh_fail(err, LH_DENIED,
                       "name the columns, as in INSERT INTO %s (a, b) …: not all of them are yours to write",
                       ref->table);
    for (size_t i = 0; i < ref->column_count; i++) {
        const lh_relation_column *column = govern_find(limits, lh_str_from(ref->columns[i]));
        if (!column || column->mask.kind != LH_MASK_NONE)
            return lh_fail(err, LH_DENIED, "'%s' has no column '%s' that you may write", ref->table, ref->columns[i]);
        if (set && govern_filters_read(limits, column->name))
            return lh_fail(err, LH_DENIED, "'%s' of '%s' decides which rows you may write: it cannot be set",
                           ref->columns[i], ref->table);
    }
    for (size_t i = 0; i < limits->filter_column_count && !set; i++) /* a default of the table's could be another */
        if (!govern_names(ref, limits->filter_columns[i]))
            return lh_fail(err, LH_DENIED, "name the column '%.*s' of '%s': it decides which rows you may write",
                           LH_STR_ARG(limits->filter_columns[i]), ref->table);
    return LH_OK;
}

static void govern_all_filters(const lh_relation *limits, lh_buf *into) {
    if (limits->filter_count == 0) lh_buf_append(into, LH_STR("true"));
    for (size_t i = 0; i < limits->filter_count; i++)
        lh_buf_printf(into, "%s(%.*s)", i ? " AND " : "", LH_STR_ARG(limits->filters[i]));
}

/* SELECT CASE WHEN <filters> THEN a ELSE error(…) END, b FROM (SELECT a::T AS a, b::U AS b, NULL::V AS c FROM <source> AS
 * <mark>(a, b)): rows as they would be, of which one that does not pass ends the statement. */
static void govern_insert_sql(const engine_run *run, const tree_ref *ref, const lh_relation *limits, lh_buf *into) {
    const char *mark = run->engine->masks.name;
    lh_buf_append(into, LH_STR("SELECT CASE WHEN "));
    govern_all_filters(limits, into);
    for (size_t i = 0; i < ref->column_count; i++) {
        lh_buf_append(into, i ? LH_STR(", ") : LH_STR(" THEN "));
        lh_buf_sql_identifier(into, lh_str_from(ref->columns[i]));
        if (i == 0) lh_buf_printf(into, " ELSE error('%s_outside') END", mark);
    }
    lh_buf_append(into, LH_STR(" FROM (SELECT "));
    for (size_t i = 0; i < limits->column_count; i++) {
        const lh_relation_column *column = &limits->columns[i];
        bool given = govern_names(ref, column->name);
        if (i) lh_buf_append(into, LH_STR(", "));
        lh_buf_append(into, LH_STR("CAST("));
        if (given) lh_buf_sql_identifier(into, column->name);
        else lh_buf_append(into, LH_STR("NULL"));
        lh_buf_printf(into, " AS %.*s) AS ", LH_STR_ARG(column->type));
        lh_buf_sql_identifier(into, column->name);
    }
    lh_buf_printf(into, " FROM %s AS %s(", mark, mark);
    for (size_t i = 0; i < ref->column_count; i++) {
        if (i) lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_identifier(into, lh_str_from(ref->columns[i]));
    }
    lh_buf_append(into, LH_STR(")) AS "));
    lh_buf_append(into, lh_str_from(mark));
}

static lh_code govern_limits(govern *g, const tree_ref *ref, const lh_relation *limits, tree_put *put, lh_error *err) {
    bool insert = ref->change == TREE_INSERT;
    lh_buf_clear(&g->query);
    for (size_t i = 0; i < limits->column_count && !insert; i++)
        if (limits->columns[i].mask.kind != LH_MASK_NONE)
            return lh_fail(err, LH_DENIED,
                           "you may not change rows of '%s': not all of its columns are yours to read "
                           "and write",
                           ref->table);
    LH_TRY(govern_columns(ref, limits, !insert, err));
    if (insert) govern_insert_sql(g->run, ref, limits, &g->query);
    else govern_all_filters(limits, &g->query);
    lh_buf_char(&g->query, '\0');
    if (insert) put->query = g->query.ptr, put->table = g->run->engine->masks.name;
    else put->condition = g->query.ptr;
    g->checked = true;
    LH_TRY(govern_note(g->run, limits, ref->table, err));
    return lh_buf_check(&g->query, err);
}

/* A namespace is asked for by its own name, which may be that of the catalog; one that is to be made by the name as it is written. */
static bool govern_target_name(const engine_run *run, const tree_ref *ref, lh_table_name *ret) {
    bool makes = ref->change == TREE_CREATE_SCHEMA;
    if (!makes && ref->change != TREE_DROP_SCHEMA) return govern_resolve(run, ref, ret);
    lh_namespace_of of = run_resolve_namespace(run, lh_str_from(ref->schema));
    *ret = (lh_table_name){makes ? govern_written(run, ref).namespace_ : of.name, LH_STR_NONE};
    return ref->schema[0] && govern_is_lake(ref) && of.count < 2;
}

/* One in a namespace of another case that may not be written is as one in a namespace that is not there, also in words. */
static lh_code govern_ask_write(govern *g, const tree_ref *ref, lh_write write, lh_table_name name,
                                const lh_relation **ret, lh_error *err) {
    engine_run *run = g->run;
    const lh_governor *governor = run->governor;
    const lh_table_name written = {govern_written(run, ref).namespace_, name.name};
    bool there = ref->change == TREE_CREATE_SCHEMA || run_resolve_namespace(run, lh_str_from(ref->schema)).count == 1;
    lh_code code = governor->write(governor->ctx, write, name, run->arena, ret, err);
    if (code == LH_DENIED && !lh_str_eq(written.namespace_, name.namespace_)) {
        there = false;
        code = governor->write(governor->ctx, write, written, run->arena, ret, err);
    }
    if (code != LH_OK || there) return code;
    return lh_fail(err, LH_INVALID, "there is no namespace '%.*s'",
                   LH_STR_ARG(lh_namespace_text(written.namespace_, run->arena)));
}

/* What is asked of the policy and what DuckDB writes to is the same table: the statement gets its name in full. */
static lh_code govern_target(govern *g, const tree_ref *ref, tree_put *put, lh_error *err) {
    engine_run *run = g->run;
    bool schema = ref->change == TREE_CREATE_SCHEMA || ref->change == TREE_DROP_SCHEMA;
    const lh_relation *limits = NULL;
    lh_table_name name = {0};
    if (!run->query->governor) LH_TRY(govern_check_one(run, ref, err));
    bool known = ref->change != TREE_OTHER && govern_target_name(run, ref, &name);
    if (!known) return lh_fail(err, LH_DENIED, "'%s' is nothing that you may change", ref->table);
    if (ref->change == TREE_ALTER && run->in_transaction)
        return lh_fail(err, LH_DENIED, "ALTER is not possible inside BEGIN … COMMIT when not all of the lake is seen");
    lh_write write = ref->change == TREE_INSERT                                 ? LH_WRITE_INSERT
                     : ref->change == TREE_UPDATE || ref->change == TREE_DELETE ? LH_WRITE_CHANGE
                                                                                : LH_WRITE_DEFINE;
    LH_TRY(govern_ask_write(g, ref, write, name, &limits, err));
    run->governed_target = name;
    run->governed_writes = true;
    if (schema) return LH_OK;
    run->governed_checked = limits && ref->change != TREE_INSERT;
    put->catalog = "lake";
    snprintf(g->schema, sizeof g->schema, "%.*s", LH_STR_ARG(lh_namespace_text(name.namespace_, run->arena)));
    put->schema = g->schema;
    put->name = lh_arena_printf(run->arena, "%.*s", LH_STR_ARG(name.name)).ptr;
    LH_TRY(lh_arena_check(run->arena, err));
    return limits ? govern_limits(g, ref, limits, put, err) : LH_OK;
}

/* ---- the walk ---- */

static tree_act govern_ref(void *ctx, const tree_ref *ref, tree_put *put) {
    govern *g = ctx;
    g->checked = false;
    switch (ref->use) {
    case TREE_TARGET: g->code = govern_target(g, ref, put, g->err); break;
    case TREE_LISTING: g->code = govern_listing(g, ref, put, g->err); break;
    case TREE_READ: g->code = govern_read(g, ref, put, g->err); break;
    }
    if (g->code != LH_OK) return TREE_REFUSE;
    if (ref->use != TREE_TARGET) return TREE_PUT_QUERY;
    return g->checked ? TREE_PUT_CHECK : TREE_PUT_TABLE;
}

static lh_code govern_refused(const govern *g, tree_code code, const tree_outcome *outcome) {
    switch (code) {
    case TREE_OK: return LH_OK;
    case TREE_REFUSED: return g->code;
    case TREE_STAR:
        return lh_fail(g->err, LH_DENIED,
                       "a column with both * and a query in it needs a name when not all of a table is seen: add AS");
    case TREE_SEED:
        return lh_fail(g->err, LH_DENIED, "a sample with a seed is not possible when some rows are not seen");
    case TREE_NO_MEMORY: return lh_fail(g->err, LH_NO_MEMORY, "engine: out of memory");
    case TREE_UNKNOWN:
    case TREE_WRONG: break;
    }
    return lh_fail(g->err, LH_DENIED, "this form (%s) is not possible when not all of the lake is seen", outcome->what);
}

static tree_act govern_one(void *ctx, const tree_ref *ref, tree_put *put) {
    govern *g = ctx;
    (void)put;
    g->code = ref->use == TREE_LISTING ? LH_OK : govern_check_one(g->run, ref, g->err);
    return g->code == LH_OK ? TREE_KEEP : TREE_REFUSE;
}

/* Of who sees all nothing is governed but which table is meant. */
static lh_code govern_names_one(engine_run *run, duckdb_extracted_statements extracted, lh_error *err) {
    govern g = {.run = run, .code = LH_OK, .err = err};
    tree_outcome outcome;
    if (!run->engine->catalog || !lh_catalog_has_namesakes(run->engine->catalog)) return LH_OK;
    return govern_refused(&g, tree_shim_walk(extracted, govern_one, &g, &outcome), &outcome);
}

lh_code run_govern(engine_run *run, duckdb_extracted_statements extracted, lh_error *err) {
    if (!run->governor) return govern_names_one(run, extracted, err);
    LH_CLEANUP(lh_buf_done) lh_buf query = LH_BUF_INIT(GOVERN_RELATION_BYTES);
    govern g = {.run = run, .query = query, .code = LH_OK, .err = err};
    tree_outcome outcome;
    run->governed_count = run->governed_references = run->governed_bytes = 0;
    run->governed_whole = true;
    run->governed_writes = run->governed_checked = false;
    tree_code walked = tree_shim_walk(extracted, govern_ref, &g, &outcome);
    query = g.query;
    lh_code code = govern_refused(&g, walked, &outcome);
    if (code != LH_OK && outcome.place >= 0 && err)
        lh_sql_place(run->query->sql, run->statement->offset + (size_t)outcome.place, &err->line, &err->column);
    if (code == LH_OK && run->statement->verb == LH_VERB_EXPLAIN && !run->governed_whole)
        code = lh_fail(err, LH_DENIED, "EXPLAIN shows how a table is read, and of one of these not all is seen");
    return code;
}

/* ---- the plan ---- */

static govern_function govern_classify(const char *name) {
    switch (lh_sql_function_find(lh_str_from(name))) {
    case LH_SQL_FUNCTION_TOTAL: return GOVERN_TOTAL;
    case LH_SQL_FUNCTION_RAISES: return GOVERN_RAISES;
    case LH_SQL_FUNCTION_TABLE: return GOVERN_TABLE;
    case LH_SQL_FUNCTION_ADMIN:
    case LH_SQL_FUNCTION_NEVER:
    case LH_SQL_FUNCTION_NONE: break;
    }
    return GOVERN_REFUSED;
}

lh_code engine_govern_install(lh_engine *engine, duckdb_database database, lh_error *err) {
    if (engine->govern_nonce == 0) engine->govern_nonce = (UINT64_C(1) << 62) + lh_random_below(UINT64_C(1) << 62);
    bool installed = source_shim_install(database) && govern_plan_install(database, govern_classify);
    if (!installed) return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    return LH_OK;
}

static const char *govern_cstr(const engine_run *run, lh_str text) {
    return lh_arena_printf(run->arena, "%.*s", LH_STR_ARG(text)).ptr;
}

static govern_table govern_table_of(const engine_run *run, lh_table_name name) {
    return (govern_table){"lake", govern_cstr(run, lh_namespace_text(name.namespace_, run->arena)),
                          govern_cstr(run, name.name), 0};
}

/* ---- how many rows are seen ---- */

/* The place of a relation's count, or the oldest one's. */
static engine_seen_rows *seen_place_locked(lh_engine *engine, const lh_sha256 *relation) {
    engine_seen_rows *place = &engine->seen_rows[0];
    for (size_t i = 0; i < ENGINE_SEEN_ROWS_MAX; i++) {
        engine_seen_rows *at = &engine->seen_rows[i];
        if (memcmp(&at->relation, relation, sizeof *relation) == 0) return at;
        if (at->at_ms < place->at_ms) place = at;
    }
    return place;
}

static bool seen_known(engine_run *run, const lh_sha256 *key, uint64_t version, uint64_t *ret) {
    pthread_mutex_lock(&run->engine->lock);
    const engine_seen_rows *at = seen_place_locked(run->engine, key);
    bool known = at->at_ms && memcmp(&at->relation, key, sizeof *key) == 0 &&
                 (at->version == version || lh_time_now_ms() < at->at_ms + GOVERN_COUNT_MS);
    if (known) *ret = at->rows;
    pthread_mutex_unlock(&run->engine->lock);
    return known;
}

static bool seen_count(engine_run *run, const char *sql, uint64_t *ret) {
    duckdb_result result;
    bool counted =
        duckdb_query(run->connection->handle, sql, &result) == DuckDBSuccess && duckdb_row_count(&result) == 1;
    if (counted) *ret = (uint64_t)duckdb_value_int64(&result, 0, 0) + 1; /* 0 is "not known" */
    duckdb_destroy_result(&result);
    return counted;
}

/* The planner orders joins by it, and may not know how many rows there are in all. Counted anew when the table has changed, but
 * not each minute's every time: it is an estimate. 0: not known. */
static uint64_t govern_rows(engine_run *run, const lh_relation *relation) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(GOVERN_RELATION_BYTES);
    uint64_t rows = 0;
    if (run->governed_references < 2 || !govern_hides_rows(relation)) return 0;
    lh_buf_append(&sql, LH_STR("SELECT count(*) FROM ("));
    if (govern_sql(run, relation, -1, 0, &sql, NULL) != LH_OK) return 0;
    lh_buf_append(&sql, LH_STR(")"));
    lh_sha256 key = lh_sha256_of(lh_buf_str(&sql));
    lh_buf_char(&sql, '\0');
    if (lh_buf_check(&sql, NULL) != LH_OK) return 0;
    if (seen_known(run, &key, relation->version, &rows) || !seen_count(run, sql.ptr, &rows)) return rows;
    pthread_mutex_lock(&run->engine->lock);
    *seen_place_locked(run->engine, &key) = (engine_seen_rows){key, relation->version, rows, lh_time_now_ms()};
    pthread_mutex_unlock(&run->engine->lock);
    return rows;
}

lh_code run_govern_plan(engine_run *run, lh_error *err) {
    if (!run->governor) return LH_OK;
    size_t count = 0;
    govern_table *tables = LH_ARENA_ARRAY(run->arena, govern_table, run->governed_count + run->hot_name_count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < run->governed_count; i++) {
        tables[count] = govern_table_of(run, run->governed[i]->table);
        tables[count++].rows = govern_rows(run, run->governed[i]);
    }
    for (size_t i = 0; i < run->hot_name_count; i++)
        tables[count++] = (govern_table){run->engine->hot->database, "main", run->hot_names[i], 0};
    const govern_table target = govern_table_of(run, run->governed_target);
    const govern_plan plan = {.nonce = run->engine->govern_nonce,
                              .tables = tables,
                              .table_count = count,
                              .target = run->governed_writes ? &target : NULL,
                              .checked = run->governed_checked};
    LH_TRY(lh_arena_check(run->arena, err));
    run->governing = govern_plan_begin(run->connection->handle, &plan);
    return run->governing ? LH_OK : lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
}

void run_govern_end(engine_run *run) {
    if (run->governing) govern_plan_end(run->connection->handle);
    run->governing = false;
}

bool run_govern_computes_first(const engine_run *run, duckdb_prepared_statement prepared) {
    bool hides = false;
    for (size_t i = 0; run->governing && i < run->governed_count; i++) hides |= govern_hides_rows(run->governed[i]);
    if (!hides) return false;
    bool planned_again = duckdb_nparams(prepared) > 0; /* once their types are known */
    return planned_again || govern_plan_may_raise(run->connection->handle);
}

bool run_govern_unchanged(engine_run *run) {
    for (size_t i = 0; run->governor && i < run->governed_count; i++) {
        const lh_relation *relation = run->governed[i];
        lh_table_state now;
        if (lh_table_version(run->engine->catalog, relation->table, &now, NULL) != LH_OK) return false;
        if (now.version == relation->version) continue;
        if (lh_table_get_state(run->engine->catalog, relation->table, &now, NULL) != LH_OK) return false;
        if (now.schema_id != relation->schema_id) return false;
    }
    return true;
}

/* ---- errors ---- */

/* A relation that does not bind by itself: DuckDB's words are of columns that nobody may see. */
lh_code run_govern_check_relations(engine_run *run, lh_error *err) {
    for (size_t i = 0; run->governor && i < run->governed_count; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(GOVERN_RELATION_BYTES);
        duckdb_prepared_statement prepared = NULL;
        if (run->governed[i]->filter_count == 0 && !run->governed[i]->over) continue;
        LH_TRY(engine_running_check(run->connection, err));
        lh_buf_append(&sql, LH_STR("SELECT 1 FROM ("));
        LH_TRY(govern_sql(run, run->governed[i], -1, 0, &sql, err));
        lh_buf_append(&sql, LH_STR(")"));
        lh_buf_char(&sql, '\0');
        LH_TRY(lh_buf_check(&sql, err));
        bool good = duckdb_prepare(run->connection->handle, sql.ptr, &prepared) == DuckDBSuccess;
        lh_code why = good ? LH_OK : engine_failure(duckdb_prepare_error(prepared), LH_STR_NONE, 0, NULL);
        duckdb_destroy_prepare(&prepared);
        LH_TRY(engine_running_check(run->connection, err));
        if (why == LH_INVALID) /* else something else went wrong, as it did with the statement */
            return lh_fail(
                err, LH_DENIED,
                "a row filter of '%.*s' does not fit it any more: an administrator has to change the role or "
                "view",
                LH_STR_ARG(run->governed_said[i]));
    }
    return LH_OK;
}

lh_code run_govern_failure(const engine_run *run, const char *message, lh_code code, lh_error *err) {
    char nonce[24];
    if (!run->governor || code == LH_CANCELLED || code == LH_LIMIT || code == LH_CONFLICT || engine_is_over(message))
        return code;
    snprintf(nonce, sizeof nonce, "%" PRIu64, run->engine->govern_nonce);
    const char *outside = message ? strstr(message, run->engine->masks.name) : NULL;
    if (outside && strncmp(outside + strlen(run->engine->masks.name), "_outside", 8) == 0)
        return lh_fail(err, LH_DENIED, "a row lies outside of those that you may write; nothing was written");
    if (message && (strstr(message, run->engine->masks.name) || strstr(message, nonce)))
        return lh_fail(err, code == LH_INTERNAL ? LH_INVALID : code,
                       "this statement is not possible over tables of which a part is seen");
    if (message && strstr(message, "NOT NULL constraint failed")) /* of which column may be hidden */
        return lh_fail(err, LH_INVALID, "a column that must have a value has none; nothing was written");
    char *guess = err ? strstr(err->message, "\nDid you mean ") : NULL; /* DuckDB's, over the whole catalog */
    if (guess) *guess = '\0';
    if (code == LH_INVALID || code == LH_DENIED) return code;
    return lh_fail(err, code, "a table could not be read or written; the operator's log says why");
}
