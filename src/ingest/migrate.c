/* A dataset's schema migrated, and taken back.
 *
 * Under the table's write lock: read the schema, check the rules against it, count the values that a cast would lose, and commit.
 * Without new values that is a commit of our own (lh_table_reshape). With them the engine adds temporary columns and fills
 * them in one transaction, and its commit takes the new schema along (lh_annotation_set_reshape), so in both ways there is
 * one commit, and one snapshot to roll back from. A commit that lost a race starts again from the schema. */
#include "ingest/evolve_internal.h"

enum { MIGRATE_RULES_BYTES = 64 << 10 };

typedef struct migration {
    lh_ingest *ingest;
    const lh_schema_migration *request;
    lh_arena *arena;
    lh_session *session;
    evolve_source table;
    lh_json *rules_json, *skipped, *casts, *suggestions; /* of what is done, and not */
    evolve_rules rules;
    evolve_plan plan;
    int64_t snapshot_before;
} migration;

/* ---- which rules ---- */

/* Those of enough confidence go on. */
static void migrate_sort_out(migration *m, const lh_json *rules) {
    m->rules_json = lh_json_new_array(m->arena);
    for (lh_json_iter it = lh_json_each(rules); lh_json_next(&it);) {
        const lh_json *confidence = lh_json_get(it.value, "confidence");
        bool sure = !confidence || lh_json_real(confidence, 0) >= m->request->min_confidence;
        lh_json_append(sure ? m->rules_json : m->skipped, lh_json_copy(m->arena, it.value));
    }
}

/* Tables of rules are checked whole: what is wrong in a rule that is not applied is wrong too. */
static lh_code migrate_rules_given(migration *m, lh_error *err) {
    const lh_json *rules = m->request->rules;
    evolve_rules all;
    LH_TRY(evolve_rules_check(rules, &m->table.side, m->arena, &all, err));
    migrate_sort_out(m, lh_json_is_object(rules) ? lh_json_get(rules, "rules") : rules);
    return LH_OK;
}

static lh_code migrate_rules_found(migration *m, lh_error *err) {
    evolve_comparison comparison = {0};
    const lh_schema_diff wanted = {.from = {.dataset = m->request->dataset, .snapshot_id = -1},
                                   .to = *m->request->to,
                                   .values = true,
                                   .cancel = m->request->cancel};
    lh_code code = evolve_compare(m->ingest, m->session, &wanted, m->arena, &comparison, err);
    if (code == LH_OK) {
        migrate_sort_out(m, comparison.rules);
        m->suggestions = comparison.suggestions;
    }
    evolve_compare_done(&comparison);
    return code;
}

/* A default is a text from outside: is it one of its type? */
static lh_code migrate_check_defaults(migration *m, lh_error *err) {
    for (size_t i = 0; i < m->rules.count; i++) {
        const evolve_rule *rule = &m->rules.items[i];
        if (rule->op != EVOLVE_ADD || !rule->fallback) continue;
        for (size_t j = 0; j < m->plan.written_count; j++) {
            if (!lh_str_eq(m->plan.written[j].final_name, rule->to[0])) continue;
            LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
            lh_buf_printf(&sql, "SELECT %.*s", LH_STR_ARG(m->plan.written[j].sql));
            lh_code code = evolve_run(m->session, &sql, m->arena, NULL, err);
            if (code == LH_INVALID)
                return lh_fail(err, LH_INVALID, "rule %zu: the default of '%.*s' is no %.*s", i + 1,
                               LH_STR_ARG(rule->to[0]), LH_STR_ARG(ingest_type_text(rule->type, m->arena)));
            if (code != LH_OK) return code;
        }
    }
    return LH_OK;
}

static lh_code migrate_refuse_casts(const migration *m, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(600);
    for (lh_json_iter it = lh_json_each(m->casts); lh_json_next(&it);) {
        uint64_t failed = lh_json_uint(lh_json_get(it.value, "failed"), 0);
        if (failed == 0 || lh_json_bool(lh_json_get(it.value, "null_on_error"), false)) continue;
        lh_buf_printf(&text, "%s'%.*s': %" PRIu64 " of %" PRIu64 " to %.*s", text.len ? ", " : "",
                      LH_STR_ARG(lh_json_get_string(it.value, "column")), failed,
                      lh_json_uint(lh_json_get(it.value, "rows"), 0), LH_STR_ARG(lh_json_get_string(it.value, "type")));
    }
    return lh_fail(err, LH_INVALID, "values cannot be cast (%.*s); on_error null would make them NULL",
                   LH_STR_ARG(lh_buf_str(&text)));
}

static lh_code migrate_prepare(migration *m, lh_error *err) {
    lh_table_name name;
    uint64_t refused = 0;
    m->table = (evolve_source){0};
    m->skipped = lh_json_new_array(m->arena);
    m->suggestions = lh_json_new_array(m->arena);
    LH_TRY(lh_table_name_parse(m->ingest->catalog, m->request->dataset, m->arena, &name, err));
    LH_TRY(evolve_source_table(m->ingest, name, -1, m->arena, &m->table, err));
    m->snapshot_before = lh_json_int(lh_json_get(m->table.metadata, "current-snapshot-id"), -1);
    if (lh_json_int(lh_json_get(m->table.metadata, "format-version"), 0) < 2)
        return lh_fail(err, LH_INVALID, "the schema of a table of format 1 cannot be migrated");
    LH_TRY(m->request->rules ? migrate_rules_given(m, err) : migrate_rules_found(m, err));
    LH_TRY(evolve_rules_check(m->rules_json, &m->table.side, m->arena, &m->rules, err));
    LH_TRY(evolve_plan_make(m->table.metadata, &m->table.side, &m->rules, m->arena, &m->plan, err));
    LH_TRY(migrate_check_defaults(m, err));
    LH_TRY(evolve_count_failures(m->session, m->table.relation, &m->rules, m->arena, &m->casts, &refused, err));
    return refused && !m->request->dry_run ? migrate_refuse_casts(m, err) : LH_OK;
}

/* ---- a dry run ---- */

static void migrate_list(const lh_json *list, lh_buf *into) {
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) {
        if (lh_str_ends(lh_buf_str(into), LH_STR(" ")) == false) lh_buf_append(into, LH_STR(", "));
        lh_buf_append(into, lh_json_get_string(it.value, "sql"));
    }
}

static lh_json *migrate_sample_side(const migration *m, const lh_json *list, const lh_json *rows, size_t from) {
    lh_json *side = lh_json_new_object(m->arena), *columns = lh_json_new_array(m->arena),
            *values = lh_json_new_array(m->arena);
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);)
        lh_json_append(columns, lh_json_copy(m->arena, lh_json_get(it.value, "name")));
    for (lh_json_iter row = lh_json_each(rows); lh_json_next(&row);) {
        lh_json *cells = lh_json_new_array(m->arena);
        for (lh_json_iter cell = lh_json_each(row.value); lh_json_next(&cell);)
            if (cell.index >= from && cell.index < from + lh_json_size(list))
                lh_json_append(cells, lh_json_copy(m->arena, cell.value));
        lh_json_append(values, cells);
    }
    lh_json_set(m->arena, side, "columns", columns);
    lh_json_set(m->arena, side, "rows", values);
    return side;
}

/* The columns that change, in the same rows, as they are and as they would be. */
static lh_code migrate_sample(migration *m, lh_json *answer, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(8 * LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_buf_append(&sql, LH_STR("SELECT "));
    migrate_list(m->plan.before, &sql);
    migrate_list(m->plan.after, &sql);
    if (lh_buf_str(&sql).len == 7) lh_buf_append(&sql, LH_STR("NULL"));
    lh_buf_printf(&sql, " FROM %.*s LIMIT %zu", LH_STR_ARG(m->table.relation), m->request->sample_rows);
    LH_TRY(evolve_run(m->session, &sql, m->arena, &result, err));
    const lh_json *rows = lh_json_get(result, "rows");
    lh_json_set(m->arena, answer, "before", migrate_sample_side(m, m->plan.before, rows, 0));
    lh_json_set(m->arena, answer, "after", migrate_sample_side(m, m->plan.after, rows, lh_json_size(m->plan.before)));
    return LH_OK;
}

/* ---- the commit ---- */

static lh_code migrate_properties(const migration *m, lh_json **ret, lh_error *err) {
    lh_json *properties = lh_json_new_object(m->arena);
    lh_str rules, schema = lh_arena_printf(m->arena, "%" PRId64,
                                           lh_json_int(lh_json_get(m->table.metadata, "current-schema-id"), 0));
    LH_TRY(lh_json_write(m->arena, m->rules_json, false, &rules, err));
    lh_json_set_string(m->arena, properties, LH_SUMMARY_SCHEMA_BEFORE, schema);
    if (rules.len <= MIGRATE_RULES_BYTES) lh_json_set_string(m->arena, properties, "lakehouse.migration", rules);
    *ret = properties;
    return LH_OK;
}

static lh_code migrate_statement(migration *m, const lh_buf *sql, lh_error *err) {
    return evolve_run(m->session, sql, m->arena, NULL, err);
}

static lh_code migrate_add_columns(migration *m, lh_error *err) {
    for (size_t i = 0; i < m->plan.written_count; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
        lh_buf_printf(&sql, "ALTER TABLE %.*s ADD COLUMN ", LH_STR_ARG(m->table.relation));
        lh_buf_sql_identifier(&sql, m->plan.written[i].name);
        lh_buf_char(&sql, ' ');
        ingest_type_sql(m->plan.written[i].type, &sql);
        LH_TRY(migrate_statement(m, &sql, err));
    }
    return LH_OK;
}

static lh_code migrate_fill_columns(migration *m, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(8 * LH_LIMIT_SQL_BYTES);
    lh_buf_printf(&sql, "UPDATE %.*s SET ", LH_STR_ARG(m->table.relation));
    for (size_t i = 0; i < m->plan.written_count; i++) {
        if (i) lh_buf_append(&sql, LH_STR(", "));
        lh_buf_sql_identifier(&sql, m->plan.written[i].name);
        lh_buf_printf(&sql, " = %.*s", LH_STR_ARG(m->plan.written[i].sql));
    }
    return migrate_statement(m, &sql, err);
}

static lh_code migrate_transaction(migration *m, lh_error *err) {
    LH_TRY(lh_session_run(m->session, LH_STR("BEGIN"), NULL, m->arena, NULL, err));
    lh_code code = migrate_add_columns(m, err);
    if (code == LH_OK) code = migrate_fill_columns(m, err);
    if (code == LH_OK) return lh_session_commit(m->session, err);
    lh_code ignored = lh_session_run(m->session, LH_STR("ROLLBACK"), NULL, m->arena, NULL, NULL);
    (void)ignored;
    return code;
}

/* The engine's commit, with everything that travels with it. */
static lh_code migrate_by_engine(migration *m, const lh_json *properties, lh_error *err) {
    lh_catalog *catalog = m->ingest->catalog;
    lh_json *written = lh_json_new_object(m->arena);
    lh_change document;
    bool said = false;
    int64_t since_ms = lh_time_now_ms();
    for (size_t i = 0; i < m->plan.written_count; i++)
        lh_json_put(m->arena, written, m->plan.written[i].name, lh_json_new_int(m->arena, m->plan.written[i].id));
    LH_TRY(lh_dataset_follow(catalog, m->table.name, m->plan.moved, m->arena, &document, &said, err));
    LH_TRY(lh_annotation_set(catalog, m->table.name, properties, &document, said ? 1 : 0, err));
    lh_code code = lh_annotation_set_reshape(catalog, m->table.name, m->plan.schema, written, m->plan.moved, err);
    if (code == LH_OK) code = migrate_transaction(m, err);
    lh_annotation_clear(catalog, m->table.name);
    if (code != LH_OK && code != LH_UNAVAILABLE) { /* an unknown outcome keeps its files */
        lh_code ignored = lh_table_sweep(catalog, m->table.name, m->snapshot_before, since_ms, NULL);
        (void)ignored;
    }
    return code;
}

static lh_code migrate_commit(migration *m, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *properties = NULL, *result = NULL;
    bool rows = false;
    LH_TRY(migrate_properties(m, &properties, err));
    if (m->plan.written_count) { /* the engine cannot update what has no rows */
        lh_buf_printf(&sql, "SELECT count(*) FROM (SELECT 1 FROM %.*s LIMIT 1)", LH_STR_ARG(m->table.relation));
        LH_TRY(evolve_run(m->session, &sql, m->arena, &result, err));
        rows = lh_json_int(lh_json_at(lh_json_at(lh_json_get(result, "rows"), 0), 0), 0) > 0;
    }
    if (rows) return migrate_by_engine(m, properties, err);
    const lh_reshape reshape = {.schema_id = lh_json_int(lh_json_get(m->table.metadata, "current-schema-id"), 0),
                                .snapshot_id = m->snapshot_before,
                                .schema = m->plan.schema,
                                .properties = properties,
                                .moved = m->plan.moved};
    return lh_table_reshape(m->ingest->catalog, m->table.name, &reshape, err);
}

/* ---- the whole ---- */

static lh_json *migrate_snapshot(const migration *m, int64_t id) {
    return id < 0 ? lh_json_new_null(m->arena) : lh_json_new_int(m->arena, id);
}

static lh_json *migrate_columns(const migration *m) {
    lh_json *columns = lh_json_new_array(m->arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(m->plan.schema, "fields")); lh_json_next(&it);) {
        ingest_type *type = NULL;
        lh_json *column = lh_json_new_object(m->arena);
        lh_json_set(m->arena, column, "name", lh_json_copy(m->arena, lh_json_get(it.value, "name")));
        if (ingest_type_from_iceberg(lh_json_get(it.value, "type"), m->arena, &type, NULL) == LH_OK)
            lh_json_set_string(m->arena, column, "type", ingest_type_text(type, m->arena));
        lh_json_append(columns, column);
    }
    return columns;
}

static lh_code migrate_answer(migration *m, lh_json **ret, lh_error *err) {
    lh_json *answer = lh_json_new_object(m->arena);
    int64_t snapshot = m->snapshot_before;
    lh_json_set_string(m->arena, answer, "dataset", lh_table_name_text(m->table.name, m->arena));
    lh_json_set_bool(m->arena, answer, "dry_run", m->request->dry_run);
    lh_json_set(m->arena, answer, "applied", lh_json_copy(m->arena, m->rules_json));
    lh_json_set(m->arena, answer, "skipped", m->skipped);
    lh_json_set(m->arena, answer, "suggestions", lh_json_copy(m->arena, m->suggestions));
    lh_json_set(m->arena, answer, "casts", m->casts);
    lh_json_set(m->arena, answer, "columns", migrate_columns(m));
    if (m->request->dry_run) LH_TRY(migrate_sample(m, answer, err));
    else LH_TRY(lh_table_snapshot_id(m->ingest->catalog, m->table.name, &snapshot, err));
    lh_json_set(m->arena, answer, "snapshot_before", migrate_snapshot(m, m->snapshot_before));
    lh_json_set(m->arena, answer, "snapshot_id", migrate_snapshot(m, snapshot));
    LH_TRY(lh_arena_check(m->arena, err));
    *ret = answer;
    return LH_OK;
}

static lh_code migrate_run(migration *m, lh_json **ret, lh_error *err) {
    lh_code code = LH_CONFLICT;
    LH_TRY(lh_session_open(m->ingest->engine, m->request->cancel, &m->session, err));
    for (int tries = 0; code == LH_CONFLICT && tries < INGEST_TRIES; tries++) {
        code = migrate_prepare(m, err);
        if (code == LH_OK && !m->request->dry_run && m->rules.count) code = migrate_commit(m, err);
    }
    return code == LH_OK ? migrate_answer(m, ret, err) : code;
}

lh_code lh_schema_migrate(lh_ingest *ingest, const lh_schema_migration *request, lh_arena *arena, lh_json **ret,
                          lh_error *err) {
    migration m = {.ingest = ingest, .request = request, .arena = arena};
    lh_table_name name;
    lh_span span;
    LH_TRY(lh_table_name_parse(ingest->catalog, request->dataset, arena, &name, err));
    lh_span_begin("schema.migrate", &span);
    lh_code code = request->dry_run ? LH_OK : lh_engine_lock_table(ingest->engine, name, request->cancel, err);
    bool locked = code == LH_OK && !request->dry_run;
    if (code == LH_OK) code = migrate_run(&m, ret, err);
    lh_session_close(m.session);
    if (locked) lh_engine_unlock_table(ingest->engine, name);
    lh_span_end(&span, code);
    return code;
}

lh_code lh_schema_rollback(lh_ingest *ingest, lh_str dataset, int64_t snapshot_id, lh_cancel *cancel, lh_arena *arena,
                           lh_json **ret, lh_error *err) {
    lh_table_name name;
    LH_TRY(lh_table_name_parse(ingest->catalog, dataset, arena, &name, err));
    LH_TRY(lh_engine_lock_table(ingest->engine, name, cancel, err));
    lh_code code = lh_table_rollback(ingest->catalog, name, snapshot_id, arena, ret, err);
    lh_engine_unlock_table(ingest->engine, name);
    return code;
}
