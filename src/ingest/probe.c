/* A second look at columns whose values would lose something in the type that DuckDB found, at the rows it was found from:
 *   DOUBLE of whole numbers alone   → DECIMAL(38,0), or VARCHAR beyond 38 digits; once the whole file has no other number
 *   JSON: timestamps, some with an offset from UTC → TIMESTAMP WITH TIME ZONE, as CSV has them
 *   JSON: dates and timestamps that are not ISO    → VARCHAR: DuckDB found them by trying one form after the other
 * The columns are read as text meanwhile. When that fails nothing changes: the load will say what is wrong with the file. */
#include "ingest/ingest_internal.h"

#define PROBE_OFFSET "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"

typedef struct probe {
    ingest_job *job;
    ingest_column **columns;
    ingest_type *found; /* their types, as they were */
    size_t count;
} probe;

static bool probe_is_json(const ingest_job *job) { return job->json_field_count != 0; }

static bool probe_has_timestamp(const ingest_type *type) {
    if (type->kind == INGEST_TIMESTAMP) return true;
    for (size_t i = 0; i < type->count; i++)
        if (probe_has_timestamp(type->fields[i].type)) return true;
    return false;
}

static bool probe_wants(const ingest_job *job, const ingest_column *column) {
    const ingest_csv_options *formats = &job->options.csv;
    if (column->given || job->options.all_varchar) return false;
    if (column->found->kind == INGEST_DOUBLE) return true;
    if (!probe_is_json(job)) return false;
    if (column->found->kind == INGEST_DATE) return formats->date_format.len == 0;
    bool timestamps = column->found->kind == INGEST_VARCHAR || probe_has_timestamp(column->found);
    return timestamps && formats->timestamp_format.len == 0;
}

/* The type to take instead, as an expression over the column's text `p<i>`; NULL: the one that was found. */
static void probe_verdict_sql(const ingest_type *found, size_t i, lh_buf *into) {
    if (found->kind == INGEST_DOUBLE)
        lh_buf_printf(into,
                      "CASE WHEN bool_and(regexp_full_match(p%zu, '-?[0-9]+')) THEN "
                      "if(max(length(ltrim(p%zu, '-0'))) <= 38, 'DECIMAL(38,0)', 'VARCHAR') END",
                      i, i);
    else if (found->kind == INGEST_DATE)
        lh_buf_printf(into, "if(count(p%zu) > count(TRY_CAST(p%zu AS DATE)), 'VARCHAR', NULL)", i, i);
    else if (found->count)
        lh_buf_printf(into,
                      "if(bool_or(regexp_matches(p%zu, '[0-9]:[0-9]{2}([.][0-9]+)? ?" PROBE_OFFSET
                      "\"')), 'TIMESTAMPTZ', NULL)",
                      i);
    else
        lh_buf_printf(into,
                      "CASE WHEN bool_or(regexp_full_match(p%zu, '[0-9]+-[0-9]+-[0-9]+[T ][0-9:.]+ ?" PROBE_OFFSET
                      "')) AND count(p%zu) = count(TRY_CAST(p%zu AS TIMESTAMPTZ)) THEN 'TIMESTAMPTZ' "
                      "WHEN count(p%zu) > count(TRY_CAST(p%zu AS TIMESTAMP)) THEN 'VARCHAR' END",
                      i, i, i, i, i);
}

static lh_code probe_ask(const probe *p, int64_t rows, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 * LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    for (size_t i = 0; i < p->count; i++) {
        lh_buf_append(&sql, i ? LH_STR(", ") : LH_STR("SELECT "));
        probe_verdict_sql(&p->found[i], i, &sql);
    }
    for (size_t i = 0; i < p->count; i++) {
        lh_buf_append(&sql, i ? LH_STR(", ") : LH_STR(" FROM (SELECT "));
        lh_buf_append(&sql, p->columns[i]->expression);
        lh_buf_printf(&sql, " AS p%zu", i);
    }
    lh_buf_append(&sql, LH_STR(" FROM "));
    for (size_t i = 0; i < p->count; i++) *p->columns[i]->found = (ingest_type){.kind = INGEST_VARCHAR};
    ingest_relation_sql(p->job, &sql);
    for (size_t i = 0; i < p->count; i++) *p->columns[i]->found = p->found[i];
    if (rows >= 0) lh_buf_printf(&sql, " LIMIT %" PRId64, rows);
    lh_buf_char(&sql, ')');
    LH_TRY(lh_buf_check(&sql, err));
    LH_TRY(lh_session_run(p->job->session, lh_buf_str(&sql), NULL, p->job->arena, &result, err));
    *ret = lh_json_at(lh_json_get(result, "rows"), 0);
    return *ret ? LH_OK : lh_fail(err, LH_INTERNAL, "the sample has no answer");
}

static void probe_set(ingest_type *type, ingest_kind from, ingest_kind to) {
    if (type->kind == from) type->kind = to;
    for (size_t i = 0; i < type->count; i++) probe_set(type->fields[i].type, from, to);
}

/* A column without offsets is read like one with them, and stored in UTC: one further down is not lost. */
static void probe_keep(const ingest_job *job, ingest_column *column) {
    if (!probe_is_json(job) || column->found->kind != INGEST_TIMESTAMP) return;
    column->target = ingest_type_new(INGEST_TIMESTAMP, job->arena);
    column->found->kind = INGEST_TIMESTAMPTZ;
}

static void probe_apply(const ingest_job *job, ingest_column *column, lh_str verdict) {
    if (verdict.len == 0) {
        probe_keep(job, column);
        return;
    }
    if (lh_str_eq(verdict, LH_STR("TIMESTAMPTZ")) && column->found->kind != INGEST_VARCHAR)
        probe_set(column->found, INGEST_TIMESTAMP, INGEST_TIMESTAMPTZ);
    else if (lh_str_eq(verdict, LH_STR("TIMESTAMPTZ"))) column->found->kind = INGEST_TIMESTAMPTZ;
    else if (lh_str_eq(verdict, LH_STR("VARCHAR"))) column->found->kind = INGEST_VARCHAR;
    else *column->found = (ingest_type){.kind = INGEST_DECIMAL, .precision = 38};
    column->target = ingest_type_storable(column->found, job->arena);
}

lh_code ingest_probe(ingest_job *job, lh_error *err) {
    probe p = {.job = job,
               .columns = LH_ARENA_ARRAY(job->arena, ingest_column *, job->column_count + 1),
               .found = LH_ARENA_ARRAY(job->arena, ingest_type, job->column_count + 1)};
    if (!p.columns || !p.found) return lh_arena_check(job->arena, err);
    for (size_t i = 0; i < job->column_count; i++) {
        if (!probe_wants(job, &job->columns[i])) continue;
        p.columns[p.count] = &job->columns[i];
        p.found[p.count++] = *job->columns[i].found;
    }
    if (p.count == 0) return LH_OK;
    lh_json *verdicts = NULL;
    int64_t rows = job->whole_sample ? -1 : job->options.sample_rows;
    lh_code code = probe_ask(&p, rows, &verdicts, err);
    bool sure = rows < 0;
    for (size_t i = 0; code == LH_OK && i < p.count && !sure; i++)
        if (p.found[i].kind == INGEST_DOUBLE && !lh_json_is_null(lh_json_at(verdicts, i))) {
            code = probe_ask(&p, -1, &verdicts, err);
            sure = true;
        }
    if (code == LH_CANCELLED || code == LH_NO_MEMORY) return code;
    for (size_t i = 0; i < p.count; i++)
        probe_apply(job, p.columns[i],
                    code == LH_OK ? lh_json_str(lh_json_at(verdicts, i), LH_STR_NONE) : LH_STR_NONE);
    return lh_arena_check(job->arena, err);
}
