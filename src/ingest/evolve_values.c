/* What the engine can tell of values: hashes of a column's distinct ones (the lowest, so that two columns' can be
 * compared without moving them), splits and merges that values bear out, casts that fail. Only counts leave this file.
 *
 * Before hashing, a value is made the text that its kind does not show in: 1, 1.0 and '1' are one value, and so are a day
 * and its midnight. */
#include "ingest/evolve_internal.h"

lh_code evolve_run(lh_session *session, const lh_buf *sql, lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_TRY(lh_buf_check(sql, err));
    return lh_session_run(session, lh_buf_str(sql), NULL, arena, ret, err);
}

static const lh_json *values_cell(const lh_json *result, size_t column) {
    return lh_json_at(lh_json_at(lh_json_get(result, "rows"), 0), column);
}

/* A count, which is text when it is large. */
static uint64_t values_count(const lh_json *result, size_t column) {
    const lh_json *cell = values_cell(result, column);
    uint64_t count = 0;
    if (lh_json_is_string(cell)) return lh_str_to_u64(lh_json_str(cell, LH_STR_NONE), &count) == LH_OK ? count : 0;
    return lh_json_uint(cell, 0);
}

/* ---- hashes ---- */

static void values_text_sql(const evolve_column *column, lh_buf *into) {
    LH_CLEANUP(lh_buf_done) lh_buf name = LH_BUF_INIT(4096);
    lh_buf_sql_identifier(&name, column->name);
    const lh_str x = lh_buf_str(&name);
    switch ((int)column->type->kind) {
    case INGEST_DECIMAL:
    case INGEST_FLOAT:
    case INGEST_DOUBLE:
        lh_buf_printf(into, "regexp_replace(CAST(%.*s AS VARCHAR), '\\.0+$', '')", LH_STR_ARG(x));
        break;
    case INGEST_TIMESTAMP:
    case INGEST_TIMESTAMPTZ:
        lh_buf_printf(into, "regexp_replace(CAST(%.*s AS VARCHAR), '(\\+00)$| 00:00:00(\\+00)?$', '')", LH_STR_ARG(x));
        break;
    case INGEST_VARCHAR: lh_buf_printf(into, "nullif(lower(trim(%.*s)), '')", LH_STR_ARG(x)); break;
    default: lh_buf_printf(into, "CAST(%.*s AS VARCHAR)", LH_STR_ARG(x));
    }
}

static lh_code values_read_hashes(evolve_column *column, const lh_json *result, lh_arena *arena, lh_error *err) {
    lh_str rest = lh_json_str(values_cell(result, 1), LH_STR_NONE);
    uint64_t *hashes = LH_ARENA_ARRAY(arena, uint64_t, EVOLVE_HASHES);
    if (!hashes) return lh_arena_check(arena, err);
    column->distinct = values_count(result, 0);
    for (column->hash_count = 0; rest.len && column->hash_count < EVOLVE_HASHES; column->hash_count++)
        LH_TRY(lh_str_to_u64(lh_str_split(&rest, ','), &hashes[column->hash_count]));
    column->hashes = hashes;
    return LH_OK;
}

static lh_code values_hash(lh_session *session, lh_str relation, evolve_column *column, lh_arena *arena,
                           lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(8 * LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_buf_append(&sql, LH_STR("WITH v AS MATERIALIZED (SELECT DISTINCT hash(t) AS h FROM (SELECT "));
    values_text_sql(column, &sql);
    lh_buf_printf(&sql, " AS t FROM %.*s LIMIT %d) WHERE t IS NOT NULL) ", LH_STR_ARG(relation), EVOLVE_VALUE_ROWS);
    lh_buf_printf(&sql,
                  "SELECT (SELECT count(*) FROM v), (SELECT string_agg(CAST(h AS VARCHAR), ',' ORDER BY h) FROM "
                  "(SELECT h FROM v ORDER BY h LIMIT %d))",
                  EVOLVE_HASHES);
    LH_TRY(evolve_run(session, &sql, arena, &result, err));
    return values_read_hashes(column, result, arena, err);
}

lh_code evolve_values_of(lh_session *session, lh_str relation, evolve_side *side, const evolve_side *other,
                         lh_arena *arena, lh_error *err) {
    size_t looked = 0;
    for (size_t i = 0; i < side->count && looked < EVOLVE_VALUE_COLUMNS; i++) {
        if (side->columns[i].type->count || evolve_side_find(other, side->columns[i].name)) continue;
        LH_TRY(values_hash(session, relation, &side->columns[i], arena, err));
        looked++;
    }
    return LH_OK;
}

/* ---- splits and merges ---- */

enum { SUGGEST_COLUMNS = 4, SUGGEST_VALUES = 10000, SUGGEST_SEPARATORS = 8 };
static const char *const suggest_separators[SUGGEST_SEPARATORS] = {" ", ", ", ",", "-", "_", "/", "; ", "|"};

typedef struct suggestion { /* `whole` of one side is the two `parts` of the other */
    const evolve_column *whole, *parts[2];
    lh_str whole_relation, parts_relation;
    bool split;
    const char *separator;
    double confidence;
    uint64_t values, agreeing;
} suggestion;

/* *ret_values: different values of the whole; *ret_agreeing: those that are two parts of one row, joined. */
static lh_code suggest_count(lh_session *session, suggestion *s, lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(8 * LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_buf_append(&sql, LH_STR("WITH w AS (SELECT DISTINCT lower(trim("));
    lh_buf_sql_identifier(&sql, s->whole->name);
    lh_buf_printf(&sql, ")) AS v FROM %.*s WHERE v IS NOT NULL ORDER BY hash(v) LIMIT %d), p AS (SELECT lower(trim(",
                  LH_STR_ARG(s->whole_relation), SUGGEST_VALUES);
    lh_buf_sql_identifier(&sql, s->parts[0]->name);
    lh_buf_append(&sql, LH_STR(")) || "));
    lh_buf_sql_string(&sql, lh_str_from(s->separator));
    lh_buf_append(&sql, LH_STR(" || lower(trim("));
    lh_buf_sql_identifier(&sql, s->parts[1]->name);
    lh_buf_printf(
        &sql,
        ")) AS v FROM %.*s) SELECT (SELECT count(*) FROM w), (SELECT count(*) FROM w WHERE v IN (SELECT v FROM p))",
        LH_STR_ARG(s->parts_relation));
    LH_TRY(evolve_run(session, &sql, arena, &result, err));
    s->values = values_count(result, 0);
    s->agreeing = values_count(result, 1);
    return LH_OK;
}

static lh_code suggest_try(lh_session *session, suggestion *s, suggestion *best, lh_arena *arena, lh_error *err) {
    LH_TRY(suggest_count(session, s, arena, err));
    double share = s->values ? (double)s->agreeing / (double)s->values : 0;
    s->confidence = s->agreeing >= 2 && share >= 0.3 ? 0.5 + 0.45 * share * (s->agreeing >= 8 ? 1 : 0.7) : 0;
    if (s->confidence > best->confidence) *best = *s;
    return LH_OK;
}

static lh_json *suggest_json(const suggestion *s, lh_arena *arena) {
    lh_json *rule = lh_json_new_object(arena), *names = lh_json_new_array(arena), *reasons = lh_json_new_array(arena);
    for (int i = 0; i < 2; i++) lh_json_append(names, lh_json_new_string(arena, s->parts[i]->name));
    lh_json_set_string(arena, rule, "op", s->split ? LH_STR("split") : LH_STR("merge"));
    if (s->split) lh_json_set_string(arena, rule, "column", s->whole->name);
    lh_json_set(arena, rule, s->split ? "into" : "columns", names);
    if (!s->split) lh_json_set_string(arena, rule, "to", s->whole->name);
    lh_json_set_string(arena, rule, "separator", lh_str_from(s->separator));
    lh_json_set(arena, rule, "confidence", lh_json_new_real(arena, evolve_round(s->confidence)));
    lh_json_append(reasons,
                   lh_json_new_string(
                       arena, lh_arena_printf(arena, "%" PRIu64 " of %" PRIu64 " values are two joined ones of a row",
                                              s->agreeing, s->values)));
    lh_json_set(arena, rule, "reasons", reasons);
    return rule;
}

/* Which separators stand in a third of the whole's values, at least? */
static lh_code suggest_separators_of(lh_session *session, const suggestion *s, bool *ret, lh_arena *arena,
                                     lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(8 * LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_buf_append(&sql, LH_STR("SELECT count(v)"));
    for (size_t i = 0; i < SUGGEST_SEPARATORS; i++) {
        lh_buf_append(&sql, LH_STR(", count(v) FILTER (contains(v, "));
        lh_buf_sql_string(&sql, lh_str_from(suggest_separators[i]));
        lh_buf_append(&sql, LH_STR("))"));
    }
    lh_buf_append(&sql, LH_STR(" FROM (SELECT trim("));
    lh_buf_sql_identifier(&sql, s->whole->name);
    lh_buf_printf(&sql, ") AS v FROM %.*s LIMIT %d)", LH_STR_ARG(s->whole_relation), SUGGEST_VALUES);
    LH_TRY(evolve_run(session, &sql, arena, &result, err));
    for (size_t i = 0; i < SUGGEST_SEPARATORS; i++)
        ret[i] = values_count(result, 0) > 0 && 3 * values_count(result, i + 1) >= values_count(result, 0);
    return LH_OK;
}

/* All pairs of `parts`, all separators that there are. */
static lh_code suggest_whole(lh_session *session, suggestion s, const evolve_column *const *parts, size_t count,
                             lh_arena *arena, lh_json *list, lh_error *err) {
    suggestion best = {0};
    bool has[SUGGEST_SEPARATORS];
    LH_TRY(suggest_separators_of(session, &s, has, arena, err));
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            for (size_t k = 0; i != j && k < SUGGEST_SEPARATORS; k++) {
                if (!has[k]) continue;
                s.parts[0] = parts[i];
                s.parts[1] = parts[j];
                s.separator = suggest_separators[k];
                LH_TRY(suggest_try(session, &s, &best, arena, err));
            }
    if (best.confidence > 0) lh_json_append(list, suggest_json(&best, arena));
    return LH_OK;
}

lh_code evolve_suggest(lh_session *session, const evolve_diff *diff, lh_str from, lh_str to, lh_arena *arena,
                       lh_json **ret, lh_error *err) {
    const evolve_column *removed[SUGGEST_COLUMNS], *added[SUGGEST_COLUMNS];
    size_t removed_count = 0, added_count = 0;
    lh_json *list = lh_json_new_array(arena);
    for (size_t i = 0; i < diff->count; i++) { /* a weak renaming may be a part of a split as well */
        const evolve_change *change = &diff->changes[i];
        bool sure = change->kind == EVOLVE_TYPE_CHANGED ||
                    (change->kind == EVOLVE_RENAMED && change->confidence >= EVOLVE_CONFIDENCE_MIN);
        bool from_text = change->from && change->from->type->kind == INGEST_VARCHAR;
        bool to_text = change->to && change->to->type->kind == INGEST_VARCHAR;
        if (!sure && from_text && removed_count < SUGGEST_COLUMNS) removed[removed_count++] = change->from;
        if (!sure && to_text && added_count < SUGGEST_COLUMNS) added[added_count++] = change->to;
    }
    for (size_t i = 0; added_count >= 2 && i < removed_count; i++) {
        const suggestion s = {.whole = removed[i], .whole_relation = from, .parts_relation = to, .split = true};
        LH_TRY(suggest_whole(session, s, added, added_count, arena, list, err));
    }
    for (size_t i = 0; removed_count >= 2 && i < added_count; i++) {
        const suggestion s = {.whole = added[i], .whole_relation = to, .parts_relation = from};
        LH_TRY(suggest_whole(session, s, removed, removed_count, arena, list, err));
    }
    LH_TRY(lh_arena_check(arena, err));
    *ret = list;
    return LH_OK;
}

/* ---- casts that fail ---- */

/* "lossy": the value came out another one than it went in, as 1.5 does as an integer. */
static void failures_sql(const evolve_rule *rule, lh_str relation, lh_buf *into) {
    LH_CLEANUP(lh_buf_done) lh_buf name = LH_BUF_INIT(4096);
    bool numbers = rule->cast.from->kind != INGEST_VARCHAR && rule->type->kind != INGEST_VARCHAR &&
                   rule->cast.form == EVOLVE_FORM_CAST;
    lh_buf_sql_identifier(&name, rule->from[0]->name);
    lh_buf_append(into, LH_STR("SELECT count(x), count(x) FILTER (y IS NULL), "));
    if (numbers) {
        lh_buf_append(into, LH_STR("count(x) FILTER (y IS NOT NULL AND TRY(CAST(y AS "));
        ingest_type_sql(rule->cast.from, into);
        lh_buf_append(into, LH_STR(")) IS DISTINCT FROM x)"));
    } else {
        lh_buf_append(into, LH_STR("0"));
    }
    lh_buf_printf(into, " FROM (SELECT %.*s AS x, ", LH_STR_ARG(lh_buf_str(&name)));
    evolve_cast_sql(&rule->cast, rule->from[0]->name, true, into);
    lh_buf_printf(into, " AS y FROM %.*s)", LH_STR_ARG(relation));
}

/* Empty texts are NULL afterwards in the forms that trim: no failure. */
static bool failures_empty_is_null(const evolve_rule *rule) { return rule->cast.form != EVOLVE_FORM_CAST; }

lh_code evolve_count_failures(lh_session *session, lh_str relation, const evolve_rules *rules, lh_arena *arena,
                              lh_json **ret, uint64_t *ret_refused, lh_error *err) {
    lh_json *list = lh_json_new_array(arena);
    uint64_t refused = 0;
    for (size_t i = 0; i < rules->count; i++) {
        const evolve_rule *rule = &rules->items[i];
        LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(8 * LH_LIMIT_SQL_BYTES);
        lh_json *result = NULL, *item = lh_json_new_object(arena);
        if (rule->op != EVOLVE_CAST) continue;
        failures_sql(rule, relation, &sql);
        if (failures_empty_is_null(rule) && rule->cast.from->kind == INGEST_VARCHAR)
            lh_buf_append(&sql, LH_STR(" WHERE trim(x) <> ''"));
        LH_TRY(evolve_run(session, &sql, arena, &result, err));
        uint64_t failed = values_count(result, 1);
        lh_json_set_string(arena, item, "column", rule->from[0]->name);
        lh_json_set_string(arena, item, "type", ingest_type_text(rule->type, arena));
        lh_json_set_uint(arena, item, "rows", values_count(result, 0));
        lh_json_set_uint(arena, item, "failed", failed);
        lh_json_set_uint(arena, item, "lossy", values_count(result, 2));
        lh_json_set_bool(arena, item, "null_on_error", rule->null_on_error);
        lh_json_append(list, item);
        if (!rule->null_on_error) refused += failed;
    }
    LH_TRY(lh_arena_check(arena, err));
    *ret = list;
    if (ret_refused) *ret_refused = refused;
    return LH_OK;
}

lh_code evolve_refine_casts(lh_session *session, lh_str relation, const evolve_side *side, lh_json *rules,
                            lh_arena *arena, lh_error *err) {
    for (lh_json_iter it = lh_json_each(rules); lh_json_next(&it);) {
        lh_json *alone = lh_json_new_array(arena), *counts = NULL;
        evolve_rules one = {0};
        if (!lh_str_eq(lh_json_get_string(it.value, "op"), LH_STR("cast"))) continue;
        lh_json_append(alone, lh_json_copy(arena, it.value));
        if (evolve_rules_check(alone, side, arena, &one, NULL) != LH_OK) continue; /* a stranger's odd name */
        if (evolve_fit_of(one.items[0].cast.from, one.items[0].type) == EVOLVE_FIT_WIDENS) continue;
        LH_TRY(evolve_count_failures(session, relation, &one, arena, &counts, NULL, err));
        const lh_json *count = lh_json_at(counts, 0);
        double rows = lh_json_real(lh_json_get(count, "rows"), 0),
               sure = lh_json_real(lh_json_get(it.value, "confidence"), 0);
        double bad = lh_json_real(lh_json_get(count, "failed"), 0) + lh_json_real(lh_json_get(count, "lossy"), 0);
        if (rows <= 0) continue;
        bool renamed = lh_json_get(it.value, "to") != NULL;
        double confidence = bad > 0 ? sure * (1 - bad / rows) : renamed ? sure / 0.9 * 0.97 : 0.95;
        lh_json_set(arena, it.value, "confidence", lh_json_new_real(arena, evolve_round(confidence)));
    }
    return lh_arena_check(arena, err);
}
