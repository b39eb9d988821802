/* Which columns hold personal data: a sample of rows through the engine, values counted by pii, verdicts told to the catalog, which
 * keeps what a person declared.
 *
 * The sample is a reservoir of all rows. Of a load it is taken while the file is read (lh_sample); of a table on demand it is
 * staged in a temporary table, some columns at a time, and fetched in pages that fit into a JSON document. What a part of the
 * rows tells only adds to what is known. */
#include "ingest/evolve_internal.h"
#include "pii/pii.h"

enum {
    SCAN_ROWS_OF_LOAD = 2000,
    SCAN_COLUMNS_OF_LOAD = 500, /* each statement about a very wide table takes the engine seconds: on demand only */
    SCAN_PART_VALUES = 10,      /* fewer say nothing of a column with other values: check digits fit by chance */
    SCAN_STAGE_COLUMNS = 64,
    SCAN_PAGE_COLUMNS = 16,
    SCAN_PAGE_ROWS = 1000,
    SCAN_VALUE_CHARS = 512, /* 1000 rows of 16 such values, each character escaped, are below LH_LIMIT_JSON_BYTES */
    SCAN_PAGE_ARENA_BYTES = 4 * LH_LIMIT_JSON_BYTES,
};

#define SCAN_SEEN "\"\x01\"" /* a column that no file has */

typedef struct scan_column {
    const evolve_column *column;
    const char *skipped; /* why it is not looked at; NULL: it is */
    bool partly;         /* it has values in rows that are not looked at */
    lh_pii_column counts;
    lh_pii_verdict verdict;
} scan_column;

typedef struct scan {
    lh_ingest *ingest;
    lh_session *session; /* borrowed */
    lh_arena *arena;
    evolve_source table;
    scan_column *columns;
    size_t count;
    size_t rows_wanted;
    uint64_t rows; /* sampled */
    bool part;     /* there are rows that are not looked at */
} scan;

static const char *scan_type(const ingest_type *type, lh_pii_type *ret) {
    switch ((int)type->kind) {
    case INGEST_VARCHAR:
    case INGEST_JSON: *ret = LH_PII_TYPE_TEXT; return NULL;
    case INGEST_INTEGER:
    case INGEST_BIGINT: *ret = LH_PII_TYPE_WHOLE; return NULL;
    case INGEST_FLOAT:
    case INGEST_DOUBLE: *ret = LH_PII_TYPE_NUMBER; return NULL;
    case INGEST_DECIMAL: *ret = type->scale ? LH_PII_TYPE_NUMBER : LH_PII_TYPE_WHOLE; return NULL;
    case INGEST_DATE:
    case INGEST_TIMESTAMP:
    case INGEST_TIMESTAMPTZ: *ret = LH_PII_TYPE_DATE; return NULL;
    case INGEST_LIST:
    case INGEST_STRUCT:
    case INGEST_MAP: return "nested values are not looked at";
    default: return "values of this type are not looked at";
    }
}

static lh_code scan_open(scan *s, lh_table_name name, lh_error *err) {
    LH_TRY(evolve_source_table(s->ingest, name, -1, s->arena, &s->table, err));
    s->columns = LH_ARENA_ARRAY(s->arena, scan_column, s->table.side.count);
    if (!s->columns) return lh_arena_check(s->arena, err);
    for (size_t i = 0; i < s->table.side.count; i++) {
        lh_pii_type type = LH_PII_TYPE_TEXT;
        scan_column *column = &s->columns[s->count++];
        *column = (scan_column){.column = &s->table.side.columns[i]};
        column->skipped = scan_type(column->column->type, &type);
        lh_pii_begin(&column->counts, column->column->name, type);
    }
    return LH_OK;
}

/* ---- the sample ---- */

static void scan_select(const scan *s, size_t from, size_t to, lh_buf *sql) {
    lh_buf_append(sql, LH_STR("SELECT "));
    for (size_t i = from; i < to; i++) {
        lh_buf_append(sql, i > from ? LH_STR(", left(CAST(") : LH_STR("left(CAST("));
        lh_buf_sql_identifier(sql, s->columns[i].column->name);
        lh_buf_printf(sql, " AS VARCHAR), %d) AS c%zu", SCAN_VALUE_CHARS, i);
    }
    lh_buf_append(sql, LH_STR(" FROM "));
    lh_buf_append(sql, s->table.relation);
}

static lh_code scan_stage(scan *s, size_t from, size_t to, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_buf_append(&sql, LH_STR("CREATE OR REPLACE TEMP TABLE lh_pii_sample AS "));
    scan_select(s, from, to, &sql);
    lh_buf_printf(&sql, " TABLESAMPLE reservoir(%zu ROWS)", s->rows_wanted);
    return evolve_run(s->session, &sql, s->arena, NULL, err);
}

static void scan_count(scan *s, size_t from, const lh_json *rows) {
    for (lh_json_iter row = lh_json_each(rows); lh_json_next(&row);) {
        for (lh_json_iter cell = lh_json_each(row.value); lh_json_next(&cell);) {
            lh_pii_column *counts = &s->columns[from + cell.index].counts;
            if (lh_json_is_null(cell.value)) lh_pii_add_null(counts);
            else lh_pii_add(counts, lh_json_str(cell.value, LH_STR_NONE));
        }
    }
}

/* One page of some columns; *ret: rows that it had. */
static lh_code scan_page(scan *s, size_t from, size_t to, uint64_t at, uint64_t *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    LH_TRY(lh_arena_new(SCAN_PAGE_ARENA_BYTES, &arena, err));
    lh_buf_append(&sql, LH_STR("SELECT "));
    for (size_t i = from; i < to; i++) lh_buf_printf(&sql, "%sc%zu", i > from ? ", " : "", i);
    lh_buf_printf(&sql, " FROM temp.main.lh_pii_sample WHERE rowid >= %" PRIu64 " AND rowid < %" PRIu64, at,
                  at + SCAN_PAGE_ROWS);
    LH_TRY(evolve_run(s->session, &sql, arena, &result, err));
    scan_count(s, from, lh_json_get(result, "rows"));
    *ret = lh_json_size(lh_json_get(result, "rows"));
    return LH_OK;
}

static lh_code scan_pages(scan *s, size_t from, size_t to, lh_error *err) {
    for (size_t first = from; first < to; first += SCAN_PAGE_COLUMNS) {
        size_t last = first + SCAN_PAGE_COLUMNS < to ? first + SCAN_PAGE_COLUMNS : to;
        uint64_t at = 0, got = SCAN_PAGE_ROWS;
        for (; got == SCAN_PAGE_ROWS; at += got) LH_TRY(scan_page(s, first, last, at, &got, err));
        if (at > s->rows) s->rows = at;
    }
    return LH_OK;
}

/* Columns that are looked at come first, the others keep their verdict NONE. */
static size_t scan_sort(scan *s) {
    size_t looked_at = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->columns[i].skipped) continue;
        scan_column column = s->columns[i];
        memmove(&s->columns[looked_at + 1], &s->columns[looked_at], (i - looked_at) * sizeof column);
        s->columns[looked_at++] = column;
    }
    return looked_at;
}

static void scan_judge(scan *s, size_t looked_at) {
    for (size_t i = 0; i < looked_at; i++) {
        scan_column *column = &s->columns[i];
        column->verdict = lh_pii_end(&column->counts);
        if (column->partly && column->verdict.values < SCAN_PART_VALUES) column->verdict.kind = LH_PII_NONE;
    }
}

static lh_code scan_run(scan *s, lh_error *err) {
    size_t looked_at = scan_sort(s);
    for (size_t from = 0; from < looked_at; from += SCAN_STAGE_COLUMNS) {
        size_t to = from + SCAN_STAGE_COLUMNS < looked_at ? from + SCAN_STAGE_COLUMNS : looked_at;
        LH_TRY(scan_stage(s, from, to, err));
        LH_TRY(scan_pages(s, from, to, err));
    }
    scan_judge(s, looked_at);
    return LH_OK;
}

/* ---- verdicts ---- */

static double scan_share(uint64_t part, uint64_t whole) {
    return whole ? (double)(uint64_t)((double)part / (double)whole * 1000 + 0.5) / 1000 : 0;
}

static lh_json *scan_evidence(const scan_column *column, lh_arena *arena) {
    const lh_pii_verdict *verdict = &column->verdict;
    lh_json *evidence = lh_json_new_object(arena);
    lh_json_set_uint(arena, evidence, "values", verdict->values);
    lh_json_set_uint(arena, evidence, "nulls", column->counts.nulls + column->counts.blanks);
    lh_json_set_uint(arena, evidence, "matched", verdict->matched);
    lh_json_set(arena, evidence, "share", lh_json_new_real(arena, scan_share(verdict->matched, verdict->values)));
    lh_json_set_bool(arena, evidence, "named", verdict->named);
    if (verdict->scheme) lh_json_set_string(arena, evidence, "scheme", lh_str_from(verdict->scheme));
    if (verdict->kind != LH_PII_TEXT) return evidence;
    lh_json *found = lh_json_new_object(arena);
    for (int kind = 0; kind < LH_PII_KINDS; kind++)
        if (verdict->found[kind])
            lh_json_set_uint(arena, found, lh_pii_kind_name((lh_pii_kind)kind), verdict->found[kind]);
    lh_json_set(arena, evidence, "found", found);
    return evidence;
}

static double scan_confidence(double confidence) { return (double)(int)(confidence * 100 + 0.5) / 100; }

static lh_code scan_tell(const scan *s, lh_error *err) {
    lh_arena *arena = s->arena;
    lh_json *verdicts = lh_json_new_object(arena);
    for (size_t i = 0; i < s->count; i++) {
        const scan_column *column = &s->columns[i];
        if (column->skipped) continue;
        lh_json *verdict = lh_json_new_object(arena);
        lh_json_set_int(arena, verdict, "field_id", column->column->id);
        if (column->verdict.kind != LH_PII_NONE) {
            lh_json_set_string(arena, verdict, "pii_kind", lh_str_from(lh_pii_kind_name(column->verdict.kind)));
            lh_json_set(arena, verdict, "confidence",
                        lh_json_new_real(arena, scan_confidence(column->verdict.confidence)));
            lh_json_set(arena, verdict, "evidence", scan_evidence(column, arena));
        }
        lh_json_put(arena, verdicts, column->column->name, verdict);
    }
    LH_TRY(lh_arena_check(arena, err));
    return lh_dataset_set_detected(s->ingest->catalog, s->table.name, verdicts, s->part, err);
}

/* ---- on demand ---- */

/* What stands of the column now: a person's word beside what was found. */
static void scan_declared(const lh_json *described, lh_str name, lh_arena *arena, lh_json *into) {
    for (lh_json_iter it = lh_json_each(lh_json_get(described, "columns")); lh_json_next(&it);) {
        bool declared = lh_str_eq(lh_json_get_string(it.value, "said_by"), LH_STR("declared"));
        if (!lh_str_eq(lh_json_get_string(it.value, "name"), name)) continue;
        lh_json_set(arena, into, "declared",
                    declared ? lh_json_copy(arena, lh_json_get(it.value, "pii_kind")) : lh_json_new_null(arena));
        return;
    }
}

static lh_json *scan_column_json(const scan_column *column, const lh_json *described, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena);
    bool found = column->verdict.kind != LH_PII_NONE;
    lh_json_set_string(arena, json, "name", column->column->name);
    lh_json_set_string(arena, json, "type", ingest_type_text(column->column->type, arena));
    lh_json_set(arena, json, "pii_kind",
                found ? lh_json_new_string(arena, lh_str_from(lh_pii_kind_name(column->verdict.kind)))
                      : lh_json_new_null(arena));
    lh_json_set(arena, json, "confidence",
                found ? lh_json_new_real(arena, scan_confidence(column->verdict.confidence)) : lh_json_new_null(arena));
    lh_json_set(arena, json, "declared", lh_json_new_null(arena));
    scan_declared(described, column->column->name, arena, json);
    if (column->skipped) lh_json_set_string(arena, json, "skipped", lh_str_from(column->skipped));
    else lh_json_set(arena, json, "evidence", scan_evidence(column, arena));
    return json;
}

static lh_code scan_answer(const scan *s, bool dry_run, lh_json **ret, lh_error *err) {
    lh_arena *arena = s->arena;
    lh_json *answer = lh_json_new_object(arena), *columns = lh_json_new_array(arena), *described = NULL;
    uint64_t version;
    LH_TRY(lh_dataset_describe(s->ingest->catalog, s->table.name, NULL, arena, &described, &version, err));
    int64_t snapshot = lh_json_int(lh_json_get(s->table.metadata, "current-snapshot-id"), -1);
    for (size_t place = 0; place < s->table.side.count; place++) /* in the table's order */
        for (size_t i = 0; i < s->count; i++)
            if (s->columns[i].column == &s->table.side.columns[place])
                lh_json_append(columns, scan_column_json(&s->columns[i], described, arena));
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(s->table.name, arena));
    lh_json_set(arena, answer, "snapshot_id",
                snapshot < 0 ? lh_json_new_null(arena) : lh_json_new_int(arena, snapshot));
    lh_json_set_bool(arena, answer, "dry_run", dry_run);
    lh_json_set_uint(arena, answer, "sampled_rows", s->rows);
    lh_json_set(arena, answer, "columns", columns);
    LH_TRY(lh_arena_check(arena, err));
    *ret = answer;
    return LH_OK;
}

static lh_code scan_dataset(scan *s, const lh_ingest_scan_request *request, lh_json **ret, lh_error *err) {
    lh_table_name name;
    LH_TRY(lh_table_name_parse(s->ingest->catalog, request->dataset, s->arena, &name, err));
    LH_TRY(scan_open(s, name, err));
    LH_TRY(lh_session_open(s->ingest->engine, request->cancel, &s->session, err));
    lh_code code = scan_run(s, err);
    lh_session_close(s->session);
    if (code == LH_OK && !request->dry_run) code = scan_tell(s, err);
    return code == LH_OK ? scan_answer(s, request->dry_run, ret, err) : code;
}

lh_code lh_ingest_scan(lh_ingest *ingest, const lh_ingest_scan_request *request, lh_arena *arena, lh_json **ret,
                       lh_error *err) {
    scan s = {.ingest = ingest, .arena = arena, .rows_wanted = request->sample_rows};
    lh_span span;
    lh_span_begin("ingest.scan", &span);
    lh_code code = scan_dataset(&s, request, ret, err);
    lh_span_end(&span, code);
    return code;
}

/* ---- after a load ---- */

static lh_json *scan_found(const scan *s) {
    lh_json *list = lh_json_new_array(s->arena);
    for (size_t i = 0; i < s->count; i++) {
        const lh_pii_verdict *verdict = &s->columns[i].verdict;
        if (verdict->kind == LH_PII_NONE) continue;
        lh_json *item = lh_json_new_object(s->arena);
        lh_json_set_string(s->arena, item, "column", s->columns[i].column->name);
        lh_json_set_string(s->arena, item, "pii_kind", lh_str_from(lh_pii_kind_name(verdict->kind)));
        lh_json_set(s->arena, item, "confidence", lh_json_new_real(s->arena, scan_confidence(verdict->confidence)));
        lh_json_append(list, item);
    }
    return list;
}

static bool scan_has(const lh_json *columns, lh_str name) {
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);)
        if (lh_str_eq_nocase(lh_json_get_string(it.value, "name"), name)) return true;
    return false;
}

/* ---- the sample of a load ---- */

static bool scan_looks_at(const ingest_column *column) {
    lh_pii_type ignored;
    return scan_type(column->target, &ignored) == NULL;
}

void ingest_sample_begin(ingest_job *job) {
    size_t columns = 0;
    if (job->sample) {
        lh_sample_clear(job->sample); /* a try before */
        return;
    }
    if (!job->ingest->detect_pii || job->column_count > SCAN_COLUMNS_OF_LOAD) return;
    for (size_t i = 0; i < job->column_count; i++) columns += scan_looks_at(&job->columns[i]);
    if (columns && lh_sample_new(job->ingest->engine, SCAN_ROWS_OF_LOAD, columns, &job->sample, NULL) != LH_OK)
        job->sample = NULL; /* a load without a sample is a load */
}

void ingest_sample_sql(const ingest_job *job, lh_str extra, lh_buf *into) {
    if (!job->sample) {
        ingest_select_sql(job, extra, into);
        return;
    }
    lh_buf_append(into, LH_STR("SELECT * EXCLUDE (" SCAN_SEEN ") FROM (SELECT *, "));
    lh_sample_sql(job->sample, into);
    for (size_t i = 0; i < job->column_count; i++) {
        if (!scan_looks_at(&job->columns[i])) continue;
        lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_identifier(into, job->columns[i].name);
    }
    lh_buf_append(into, LH_STR(") AS " SCAN_SEEN " FROM ("));
    ingest_select_sql(job, extra, into);
    lh_buf_append(into, LH_STR(")) WHERE " SCAN_SEEN));
}

static scan_column *scan_find(const scan *s, lh_str name) {
    for (size_t i = 0; i < s->count; i++)
        if (!s->columns[i].skipped && lh_str_eq_nocase(s->columns[i].column->name, name)) return &s->columns[i];
    return NULL;
}

static void scan_sample(scan *s, const ingest_job *job) {
    size_t place = 0;
    s->rows = lh_sample_rows(job->sample);
    for (size_t i = 0; i < job->column_count; i++) {
        if (!scan_looks_at(&job->columns[i])) continue;
        scan_column *column = scan_find(s, job->columns[i].name);
        for (size_t row = 0; column && row < s->rows; row++) {
            lh_str value;
            if (lh_sample_value(job->sample, row, place, &value)) lh_pii_add(&column->counts, value);
            else lh_pii_add_null(&column->counts);
        }
        place++;
    }
}

static lh_code scan_load(scan *s, const ingest_job *job, bool whole, const lh_json *answer, lh_error *err) {
    if (!job->sample) return lh_fail(err, LH_LIMIT, "more than %d columns are not scanned", SCAN_COLUMNS_OF_LOAD);
    LH_TRY(scan_open(s, job->name, err));
    s->part = !whole;
    const lh_json *added = lh_json_get(answer, "added_columns");
    for (size_t i = 0; i < s->count; i++) s->columns[i].partly = !whole && !scan_has(added, s->columns[i].column->name);
    scan_sample(s, job);
    scan_judge(s, scan_sort(s));
    return scan_tell(s, err);
}

/* A load that could tell something new. */
static bool scan_is_due(const ingest_job *job, bool whole, const lh_json *answer) {
    if (!job->ingest->detect_pii || lh_json_bool(lh_json_get(answer, "deduplicated"), false)) return false;
    return whole || lh_json_size(lh_json_get(answer, "added_columns")) > 0 ||
           lh_json_uint(lh_json_get(answer, "rows"), 0) >= SCAN_PART_VALUES;
}

void ingest_scan_loaded(ingest_job *job, lh_json *answer) {
    bool whole = !job->exists || lh_str_eq(job->request->mode, LH_STR("replace"));
    scan s = {.ingest = job->ingest, .arena = job->arena};
    lh_json *found = NULL;
    lh_span span;
    if (!scan_is_due(job, whole, answer)) return;
    lh_span_begin("ingest.scan", &span);
    lh_code code = scan_load(&s, job, whole, answer, NULL);
    if (code == LH_OK) found = scan_found(&s);
    lh_json_set(job->arena, answer, "pii", found ? found : lh_json_new_null(job->arena));
    lh_span_end(&span, code);
}
