/* The load itself: one statement or one transaction of the engine, so that a dataset changes in one commit.
 *
 * The engine's write lock of the table, and that of its rejects, is held by the caller (ingest.c), from before it takes a
 * connection, which is the order in which SQL takes them. What is remembered of the file (hash, name, source, job) is
 * annotated: the catalog puts it into the snapshot's summary and writes the dataset's document and the "these bytes were
 * ingested" record in the same metastore commit, so that the answer "deduplicated" can never be given for rows that are
 * not there. */
#include "ingest/ingest_internal.h"

static bool load_mode(const ingest_job *job, const char *mode) {
    lh_str given = job->request->mode.len ? job->request->mode : LH_STR("create");
    return lh_str_eq(given, lh_str_from(mode));
}

/* ---- SQL pieces ---- */

static void load_names(const ingest_job *job, lh_buf *into) {
    for (size_t i = 0; i < job->column_count; i++) {
        if (i) lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_identifier(into, job->columns[i].name);
    }
}

static void load_expression(const ingest_column *column, lh_buf *into) {
    const ingest_type *target = column->target;
    bool whole = target->kind == INGEST_INTEGER || target->kind == INGEST_BIGINT ||
                 (target->kind == INGEST_DECIMAL && target->scale == 0);
    if (!column->exact || !whole) {
        lh_buf_append(into, column->expression);
        return;
    }
    lh_buf_printf(into, "if(contains(%.*s, '.'), error(", LH_STR_ARG(column->expression));
    lh_buf_sql_string(into, LH_STR("column \""));
    lh_buf_append(into, LH_STR(" || "));
    lh_buf_sql_string(into, column->name);
    lh_buf_printf(into, " || '\": ' || %.*s || ' is not a whole number'), %.*s)", LH_STR_ARG(column->expression),
                  LH_STR_ARG(column->expression));
}

void ingest_select_sql(const ingest_job *job, lh_str extra, lh_buf *into) {
    lh_buf_append(into, LH_STR("SELECT "));
    for (size_t i = 0; i < job->column_count; i++) {
        const ingest_column *column = &job->columns[i];
        bool same = ingest_type_equal(column->found, column->target) ||
                    ((job->format == INGEST_CSV || job->format == INGEST_TSV) && column->target->count == 0);
        if (i) lh_buf_append(into, LH_STR(", "));
        if (!same) lh_buf_append(into, LH_STR("CAST("));
        load_expression(column, into);
        if (!same) lh_buf_append(into, LH_STR(" AS ")), ingest_type_sql(column->target, into), lh_buf_char(into, ')');
        lh_buf_append(into, LH_STR(" AS "));
        lh_buf_sql_identifier(into, column->name);
    }
    lh_buf_append(into, extra);
    lh_buf_append(into, LH_STR(" FROM "));
    ingest_relation_sql(job, into);
}

static lh_code load_run(ingest_job *job, const lh_buf *sql, lh_json **ret, lh_error *err) {
    LH_TRY(lh_buf_check(sql, err));
    lh_code code = lh_session_run(job->session, lh_buf_str(sql), NULL, job->arena, ret, err);
    return code == LH_OK ? LH_OK : ingest_relation_error(job, code, err);
}

static lh_code load_run_text(ingest_job *job, const char *text, lh_error *err) {
    return lh_session_run(job->session, lh_str_from(text), NULL, job->arena, NULL, err);
}

static uint64_t load_count(const lh_json *result) {
    return (uint64_t)lh_json_int(lh_json_at(lh_json_at(lh_json_get(result, "rows"), 0), 0), 0);
}

/* ---- the modes ---- */

static bool load_has(const ingest_job *job, lh_str name, bool fetched) {
    for (size_t i = 0; i < job->column_count; i++)
        if (lh_str_eq(job->columns[i].name, name)) return true;
    for (size_t i = 0; fetched && i < job->absent_count; i++)
        if (lh_str_eq(job->absent[i], name)) return true;
    return false;
}

/* The table's sort order. A column that the file lacks has one value in all its rows, so that they are sorted without it;
 * fetched: the staged rows have it nevertheless (an upsert). */
static void load_order(const ingest_job *job, bool fetched, lh_buf *into) {
    LH_CLEANUP(lh_buf_done) lh_buf order = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *layout = NULL, *keys = lh_json_new_array(job->arena);
    if (lh_table_layout(job->ingest->catalog, job->name, job->arena, &layout, NULL) != LH_OK) return;
    for (lh_json_iter it = lh_json_each(lh_json_get(layout, "sort")); lh_json_next(&it);)
        if (load_has(job, lh_json_get_string(it.value, "column"), fetched))
            lh_json_append(keys, lh_json_copy(job->arena, it.value));
    if (lh_json_size(keys) && lh_engine_order_sql(keys, &order, NULL) == LH_OK) lh_buf_append(into, lh_buf_str(&order));
}

static lh_code load_insert(ingest_job *job, uint64_t *ret_rows, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 * LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_buf_append(&sql, LH_STR("INSERT INTO "));
    lh_engine_table_sql(job->name, job->arena, &sql);
    lh_buf_append(&sql, LH_STR(" ("));
    load_names(job, &sql);
    lh_buf_append(&sql, LH_STR(") "));
    ingest_sample_sql(job, LH_STR_NONE, &sql);
    load_order(job, false, &sql);
    LH_TRY(load_run(job, &sql, &result, err));
    *ret_rows = load_count(result);
    return LH_OK;
}

static lh_code load_delete_all(ingest_job *job, uint64_t *ret_rows, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_buf_append(&sql, LH_STR("DELETE FROM "));
    lh_engine_table_sql(job->name, job->arena, &sql);
    LH_TRY(load_run(job, &sql, &result, err));
    *ret_rows = load_count(result);
    return LH_OK;
}

/* Appends, for each name of the comma-separated list: `"key", …`, `"key" IS NULL OR …`, `t."key" = s."key" AND …`. */
typedef enum load_keys { LOAD_KEYS_LISTED, LOAD_KEYS_ANY_NULL, LOAD_KEYS_EQUAL } load_keys;

static void load_key(lh_str name, load_keys form, lh_buf *into) {
    if (form == LOAD_KEYS_EQUAL) {
        lh_buf_append(into, LH_STR("t."));
        lh_buf_sql_identifier(into, name);
        lh_buf_append(into, LH_STR(" = s."));
    }
    lh_buf_sql_identifier(into, name);
    if (form == LOAD_KEYS_ANY_NULL) lh_buf_append(into, LH_STR(" IS NULL"));
}

static lh_code load_each_key(const ingest_job *job, load_keys form, lh_buf *into, lh_error *err) {
    static const char *const between[] = {", ", " OR ", " AND "};
    size_t count = 0;
    for (lh_str rest = job->request->key; rest.len; count++) {
        lh_str key = lh_str_trim(lh_str_split(&rest, ','));
        const ingest_column *found = NULL;
        for (size_t i = 0; i < job->column_count; i++)
            if (lh_str_eq_nocase(job->columns[i].name, key)) found = &job->columns[i];
        if (!found)
            return lh_fail(err, LH_INVALID, "key column '%.*s' is not in the file",
                           LH_STR_ARG(lh_str_cut_utf8(key, LH_LIMIT_NAME_BYTES)));
        if (count) lh_buf_append(into, lh_str_from(between[form]));
        load_key(found->name, form, into);
    }
    return count ? LH_OK
                 : lh_fail(err, LH_INVALID,
                           "mode upsert needs 'key': the column or columns (comma-separated) that identify a row");
}

/* The file goes into a temporary table first: it is read once, and keys are checked. */
static lh_code load_stage(ingest_job *job, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 * LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    LH_TRY(load_run_text(job, "DROP TABLE IF EXISTS temp.main.ingest_stage", err));
    lh_buf_append(&sql, LH_STR("CREATE TEMP TABLE ingest_stage AS "));
    ingest_sample_sql(job, LH_STR(", row_number() OVER () AS ingest_row"), &sql);
    LH_TRY(load_run(job, &sql, NULL, err));
    lh_buf_clear(&sql);
    lh_buf_append(&sql, LH_STR("SELECT count(*) FROM temp.main.ingest_stage WHERE "));
    LH_TRY(load_each_key(job, LOAD_KEYS_ANY_NULL, &sql, err));
    LH_TRY(load_run(job, &sql, &result, err));
    if (load_count(result))
        return lh_fail(err, LH_INVALID, "rows without a value in the key: %" PRIu64, load_count(result));
    return LH_OK;
}

/* The staged rows, of each key the last. */
static lh_code load_staged_rows(const ingest_job *job, lh_buf *into, lh_error *err) {
    lh_buf_append(into, LH_STR("SELECT * EXCLUDE (ingest_row) FROM temp.main.ingest_stage QUALIFY row_number() OVER "
                               "(PARTITION BY "));
    LH_TRY(load_each_key(job, LOAD_KEYS_LISTED, into, err));
    lh_buf_append(into, LH_STR(" ORDER BY ingest_row DESC) = 1"));
    return LH_OK;
}

static lh_code load_create(ingest_job *job, bool staged, uint64_t *ret_rows, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 * LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_buf_append(&sql, LH_STR("CREATE TABLE "));
    lh_engine_table_sql(job->name, job->arena, &sql);
    lh_buf_append(&sql, LH_STR(" AS "));
    if (staged) LH_TRY(load_staged_rows(job, &sql, err));
    else ingest_sample_sql(job, LH_STR_NONE, &sql);
    LH_TRY(load_run(job, &sql, &result, err));
    *ret_rows = load_count(result);
    return LH_OK;
}

/* Columns that the file lacks keep their values: they are fetched before the rows that hold them go. */
static lh_code load_fetch_absent(ingest_job *job, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_buf_append(&sql, LH_STR("CREATE OR REPLACE TEMP TABLE ingest_stage AS SELECT s.*"));
    for (size_t i = 0; i < job->absent_count; i++)
        lh_buf_append(&sql, LH_STR(", t.")), lh_buf_sql_identifier(&sql, job->absent[i]);
    lh_buf_append(&sql, LH_STR(" FROM temp.main.ingest_stage AS s LEFT JOIN "));
    lh_engine_table_sql(job->name, job->arena, &sql);
    lh_buf_append(&sql, LH_STR(" AS t ON "));
    LH_TRY(load_each_key(job, LOAD_KEYS_EQUAL, &sql, err));
    return load_run(job, &sql, NULL, err);
}

static lh_code load_delete_staged(ingest_job *job, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_buf_append(&sql, LH_STR("DELETE FROM "));
    lh_engine_table_sql(job->name, job->arena, &sql);
    lh_buf_append(&sql, LH_STR(" AS t WHERE EXISTS (SELECT 1 FROM temp.main.ingest_stage AS s WHERE "));
    LH_TRY(load_each_key(job, LOAD_KEYS_EQUAL, &sql, err));
    lh_buf_char(&sql, ')');
    return load_run(job, &sql, NULL, err);
}

/* No MERGE: a key may stand in the table more than once, and stands there once afterwards. */
static lh_code load_upsert(ingest_job *job, uint64_t *ret_rows, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    if (job->absent_count) LH_TRY(load_fetch_absent(job, err));
    LH_TRY(load_delete_staged(job, err));
    lh_buf_append(&sql, LH_STR("INSERT INTO "));
    lh_engine_table_sql(job->name, job->arena, &sql);
    lh_buf_append(&sql, LH_STR(" BY NAME "));
    LH_TRY(load_staged_rows(job, &sql, err));
    load_order(job, true, &sql);
    LH_TRY(load_run(job, &sql, &result, err));
    *ret_rows = load_count(result);
    return LH_OK;
}

/* ---- the table's schema ---- */

static const ingest_column *load_next_change(const ingest_job *job, ingest_change change, size_t *at) {
    for (; *at < job->column_count; ++*at)
        if (job->columns[*at].change == change) return &job->columns[(*at)++];
    return NULL;
}

static bool load_changes_schema(const ingest_job *job) {
    size_t at = 0, from = 0;
    return load_next_change(job, INGEST_ADD, &at) || load_next_change(job, INGEST_WIDEN, &from);
}

/* The extension has no ALTER for a list or a struct. */
static bool load_adds_nested(const ingest_job *job) {
    size_t at = 0;
    for (const ingest_column *c; (c = load_next_change(job, INGEST_ADD, &at));)
        if (c->target->count) return true;
    return false;
}

static lh_code load_alter(ingest_job *job, ingest_change change, lh_error *err) {
    size_t at = 0;
    for (const ingest_column *c; (c = load_next_change(job, change, &at));) {
        LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
        lh_buf_append(&sql, LH_STR("ALTER TABLE "));
        lh_engine_table_sql(job->name, job->arena, &sql);
        lh_buf_append(&sql, change == INGEST_ADD ? LH_STR(" ADD COLUMN ") : LH_STR(" ALTER COLUMN "));
        lh_buf_sql_identifier(&sql, c->name);
        lh_buf_append(&sql, change == INGEST_ADD ? LH_STR(" ") : LH_STR(" SET DATA TYPE "));
        ingest_type_sql(c->target, &sql);
        LH_TRY(load_run(job, &sql, NULL, err));
    }
    return LH_OK;
}

/* [{"name","type"}], the type in Iceberg's form or in SQL's. */
static lh_json *load_change_list(const ingest_job *job, ingest_change change, bool iceberg) {
    lh_arena *arena = job->arena;
    lh_json *list = lh_json_new_array(arena);
    int64_t next_id = 1;
    size_t at = 0;
    for (const ingest_column *c; (c = load_next_change(job, change, &at));) {
        lh_json *item = lh_json_new_object(arena);
        lh_json_set_string(arena, item, "name", c->name);
        if (iceberg) lh_json_set(arena, item, "type", ingest_type_to_iceberg(c->target, &next_id, arena));
        else lh_json_set_string(arena, item, "type", ingest_type_text(c->target, arena));
        lh_json_append(list, item);
    }
    return list;
}

/* In a commit of its own, because of a nested column: after the whole file was read once, so that only a failing disk or a
 * lost race can leave the table with a new, empty column and without the rows. */
static lh_code load_evolve_first(ingest_job *job, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 * LH_LIMIT_SQL_BYTES);
    lh_buf_append(&sql, LH_STR("SELECT count(COLUMNS(*)) FROM ("));
    ingest_select_sql(job, LH_STR_NONE, &sql);
    lh_buf_char(&sql, ')');
    LH_TRY(load_run(job, &sql, NULL, err));
    LH_TRY(lh_table_evolve(job->ingest->catalog, job->name, load_change_list(job, INGEST_ADD, true),
                           load_change_list(job, INGEST_WIDEN, true), err));
    for (size_t i = 0; i < job->column_count; i++) job->columns[i].change = INGEST_KEEP;
    return LH_OK;
}

/* ---- rejects ---- */

static lh_json *load_text(lh_str text, lh_arena *arena) {
    return text.len ? lh_json_new_string(arena, text) : lh_json_new_null(arena);
}

static lh_code load_reject_lines(ingest_job *job, lh_error *err) { /* taken out before: ingest_take_out() */
    for (size_t i = 0; i < job->reject_count; i++) {
        const ingest_reject *reject = &job->rejects[i];
        lh_json *params = lh_json_new_array(job->arena);
        lh_json_append(params,
                       reject->line ? lh_json_new_uint(job->arena, reject->line) : lh_json_new_null(job->arena));
        lh_json_append(params, load_text(reject->reason, job->arena));
        lh_json_append(params, load_text(reject->raw, job->arena));
        lh_json_append(params, load_text(reject->file, job->arena));
        LH_TRY(lh_session_run(job->session, LH_STR("INSERT INTO temp.main.ingest_bad VALUES ($1, NULL, $2, $3, $4)"),
                              params, job->arena, NULL, err));
    }
    return LH_OK;
}

/* Collects the bad lines into temp.main.ingest_bad and counts them. */
static lh_code load_collect_rejects(ingest_job *job, uint64_t *ret_rejected, lh_error *err) {
    lh_json *result = NULL;
    LH_TRY(load_run_text(
        job,
        "CREATE OR REPLACE TEMP TABLE ingest_bad (line BIGINT, column_name VARCHAR, reason VARCHAR, raw VARCHAR, "
        "file VARCHAR)",
        err));
    if (job->format == INGEST_NDJSON || job->format == INGEST_DOCUMENTS) LH_TRY(load_reject_lines(job, err));
    else if (job->format != INGEST_PARQUET && job->format != INGEST_JSON_ARRAY)
        LH_TRY(load_run_text(job,
                             "INSERT INTO temp.main.ingest_bad SELECT min(line), string_agg(DISTINCT column_name, ', "
                             "'), min(error_message), left(any_value(csv_line), 65536), NULL "
                             "FROM temp.main.ingest_errors GROUP BY line_byte_position",
                             err));
    LH_TRY(lh_session_run(job->session, LH_STR("SELECT count(*) FROM temp.main.ingest_bad"), NULL, job->arena, &result,
                          err));
    *ret_rejected = load_count(result);
    return LH_OK;
}

/* The engine's extension commits a table that it makes apart from the others of a transaction: one whose rows are to land
 * with the dataset's must be there before. */
static lh_code load_make_rejects(const ingest_job *job, lh_error *err) {
    static const char *const columns[] = {"line", "column_name", "reason", "raw", "file", "sha256", "job_id"};
    lh_arena *arena = job->arena;
    lh_json *request = lh_json_new_object(arena), *schema = lh_json_new_object(arena),
            *fields = lh_json_new_array(arena), *ignored = NULL;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        lh_json *field = lh_json_new_object(arena);
        lh_json_set_int(arena, field, "id", (int64_t)i + 1);
        lh_json_set_string(arena, field, "name", lh_str_from(columns[i]));
        lh_json_set_string(arena, field, "type", i ? LH_STR("string") : LH_STR("long"));
        lh_json_set_bool(arena, field, "required", false);
        lh_json_append(fields, field);
    }
    lh_json_set_string(arena, schema, "type", LH_STR("struct"));
    lh_json_set(arena, schema, "fields", fields);
    lh_json_set_string(arena, request, "name", job->rejects_name.name);
    lh_json_set(arena, request, "schema", schema);
    LH_TRY(lh_arena_check(arena, err));
    return lh_table_create(job->ingest->catalog, job->rejects_name.namespace_, request, arena, &ignored, err);
}

/* A bad row may hold anything, and what is wrong with it quotes it. */
static lh_code load_restrict_rejects(const ingest_job *job, lh_error *err) {
    static const char *const quoting[] = {"reason", "raw"};
    lh_json *columns = lh_json_new_object(job->arena);
    for (size_t i = 0; i < sizeof quoting / sizeof *quoting; i++) {
        lh_json *column = lh_json_new_object(job->arena);
        lh_json_set_string(job->arena, column, "sensitivity", LH_STR("restricted"));
        lh_json_set(job->arena, columns, quoting[i], column);
    }
    return lh_annotation_set_inherited(job->ingest->catalog, job->rejects_name, columns, err);
}

static lh_code load_store_rejects(ingest_job *job, bool changed, lh_error *err) {
    LH_TRY(load_restrict_rejects(job, err));
    bool there = lh_table_exists(job->ingest->catalog, job->rejects_name);
    if (changed && job->exists && !there) LH_TRY(load_make_rejects(job, err));
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_buf_append(&sql, LH_STR("CREATE TABLE IF NOT EXISTS "));
    lh_engine_table_sql(job->rejects_name, job->arena, &sql);
    lh_buf_append(&sql, LH_STR(" (line BIGINT, column_name VARCHAR, reason VARCHAR, raw VARCHAR, file VARCHAR, sha256 "
                               "VARCHAR, job_id VARCHAR)"));
    LH_TRY(load_run(job, &sql, NULL, err));
    lh_buf_clear(&sql);
    lh_buf_append(&sql, LH_STR("INSERT INTO "));
    lh_engine_table_sql(job->rejects_name, job->arena, &sql);
    lh_buf_append(&sql, LH_STR(" SELECT line, column_name, reason, raw, coalesce(file, "));
    lh_buf_sql_string(&sql, job->request->file_name);
    lh_buf_append(&sql, LH_STR("), "));
    lh_buf_sql_string(&sql, job->sha256);
    lh_buf_append(&sql, LH_STR(", "));
    lh_buf_sql_string(&sql, lh_uuid_str(&job->id));
    lh_buf_append(&sql, LH_STR(" FROM temp.main.ingest_bad ORDER BY line, file"));
    return load_run(job, &sql, NULL, err);
}

/* ---- what is remembered ---- */

static lh_json *load_origin(const ingest_job *job) {
    lh_arena *arena = job->arena;
    lh_json *origin = lh_json_new_object(arena);
    lh_json_set_string(arena, origin, "source", job->request->source);
    lh_json_set_string(arena, origin, "file", job->request->file_name);
    lh_json_set_string(arena, origin, "format", lh_str_from(ingest_format_name(job->format)));
    lh_json_set_string(arena, origin, "sha256", job->sha256);
    lh_json_set_string(arena, origin, "job_id", lh_uuid_str(&job->id));
    lh_json_set_string(arena, origin, "at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    return origin;
}

/* A document of ours; NULL when there is none. ret_version may be NULL. */
static const lh_json *load_document(const ingest_job *job, lh_str key, uint64_t *ret_version) {
    lh_str text;
    lh_json *document = NULL;
    uint64_t version = LH_VERSION_ABSENT;
    bool found =
        lh_metastore_get(lh_catalog_metastore(job->ingest->catalog), key, job->arena, &text, &version, NULL) == LH_OK;
    if (ret_version) *ret_version = found ? version : LH_VERSION_ABSENT;
    return found && lh_json_parse(job->arena, text, &document, NULL) == LH_OK ? document : NULL;
}

/* The dataset's document (kept created_at) and the record of these bytes. Each replace begins a generation, named by its
 * job: records of files of an earlier one count no more, because their rows are gone. Both are put only over what was read:
 * of two gateways that load the same bytes one is in conflict, and then sees that they are there. */
static lh_code load_documents(const ingest_job *job, lh_change changes[2], lh_error *err) {
    lh_arena *arena = job->arena;
    lh_str now = lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    lh_json *doc = lh_json_new_object(arena), *record = load_origin(job);
    changes[0] = (lh_change){.key = lh_dataset_key(job->name, arena)};
    changes[1] = (lh_change){.key = lh_ingested_key(job->name, job->sha256, arena)};
    const lh_json *old = load_document(job, changes[0].key, &changes[0].expected);
    (void)load_document(job, changes[1].key, &changes[1].expected);
    lh_str generation = load_mode(job, "replace") ? lh_uuid_str(&job->id) : lh_json_get_string(old, "generation");
    lh_json_set_int(arena, doc, "schema_version", 1);
    lh_json_set_string(arena, doc, "created_at", lh_json_str(lh_json_get(old, "created_at"), now));
    lh_json_set_string(arena, doc, "generation", generation);
    lh_json_set_string(arena, record, "generation", generation);
    lh_json_set(arena, doc, "origin", load_origin(job));
    lh_json_set_int(arena, record, "schema_version", 1);
    LH_TRY(lh_json_write(arena, doc, false, &changes[0].text, err));
    return lh_json_write(arena, record, false, &changes[1].text, err);
}

static lh_json *load_properties(const ingest_job *job) {
    lh_arena *arena = job->arena;
    lh_json *properties = lh_json_new_object(arena);
    lh_json_set_string(arena, properties, "lakehouse.sha256", job->sha256);
    lh_json_set_string(arena, properties, "lakehouse.file", job->request->file_name);
    lh_json_set_string(arena, properties, "lakehouse.source", job->request->source);
    lh_json_set_string(arena, properties, "lakehouse.job-id", lh_uuid_str(&job->id));
    if (job->exists && load_mode(job, "replace"))
        lh_json_set_string(arena, properties, LH_SUMMARY_REPLACES_ALL, LH_STR("true"));
    return properties;
}

/* A new table, and that of its rejects, go to the bucket of the request. */
static lh_code load_place(const ingest_job *job, lh_error *err) {
    lh_catalog *catalog = job->ingest->catalog;
    lh_str bucket = job->request->bucket.len ? job->request->bucket : job->request->default_bucket;
    if (bucket.len == 0 || job->exists) return LH_OK;
    LH_TRY(lh_annotation_set_bucket(catalog, job->name, bucket, err));
    return lh_annotation_set_bucket(catalog, job->rejects_name, bucket, err);
}

/* What the commit takes along. The documents travel with the table that gets a snapshot: the dataset's, or, when the load
 * changes none of its rows, that of its rejects. */
static lh_code load_annotate(const ingest_job *job, const lh_change documents[2], bool by_rejects, lh_error *err) {
    lh_catalog *catalog = job->ingest->catalog;
    LH_TRY(lh_annotation_set(catalog, job->name, load_properties(job), documents, by_rejects ? 0 : 2, err));
    if (by_rejects) LH_TRY(lh_annotation_set(catalog, job->rejects_name, NULL, documents, 2, err));
    return load_place(job, err);
}

/* ---- one try ---- */

typedef struct load_outcome {
    uint64_t rows, rejected;
    bool remembered;          /* the commit took the documents along */
    lh_json *added, *widened; /* NULL: none */
} load_outcome;

static lh_code load_statements(ingest_job *job, const lh_change documents[2], load_outcome *ret, lh_error *err) {
    uint64_t deleted = 0;
    bool create = !job->exists, replace = !create && load_mode(job, "replace"), upsert = load_mode(job, "upsert");
    if (job->quarantine) LH_TRY(load_run_text(job, "DROP TABLE IF EXISTS temp.main.ingest_errors", err));
    if (job->quarantine) LH_TRY(load_run_text(job, "DROP TABLE IF EXISTS temp.main.ingest_scans", err));
    ingest_sample_begin(job);
    if (upsert) LH_TRY(load_stage(job, err)); /* reads the file, and fills those two */
    bool alters = load_changes_schema(job);
    LH_TRY(load_run_text(job, "BEGIN", err));
    lh_code code = alters ? load_alter(job, INGEST_ADD, err) : LH_OK;
    if (code == LH_OK && alters) code = load_alter(job, INGEST_WIDEN, err);
    if (code == LH_OK)
        code = create   ? load_create(job, upsert, &ret->rows, err)
               : upsert ? load_upsert(job, &ret->rows, err)
                        : load_insert(job, &ret->rows, err);
    if (code == LH_OK && replace && ret->rows == 0)
        code = load_delete_all(job, &deleted, err); /* nothing was inserted */
    if (code == LH_OK && job->quarantine) code = load_collect_rejects(job, &ret->rejected, err);
    bool changed = ret->rows || deleted;
    if (code == LH_OK && ret->rejected) code = load_store_rejects(job, changed, err);
    if (code == LH_OK && ret->rejected && !changed) code = load_annotate(job, documents, true, err);
    ret->remembered = changed || ret->rejected;
    if (code == LH_OK) return lh_session_commit(job->session, err);
    lh_code ignored = load_run_text(job, "ROLLBACK", NULL);
    (void)ignored;
    return code;
}

/* ---- the answer ---- */

static bool load_was_ingested(const ingest_job *job) {
    if (!job->exists || !job->options.dedup || load_mode(job, "replace")) return false;
    const lh_json *record = load_document(job, lh_ingested_key(job->name, job->sha256, job->arena), NULL);
    const lh_json *dataset = load_document(job, lh_dataset_key(job->name, job->arena), NULL);
    return record && lh_str_eq(lh_json_get_string(record, "generation"), lh_json_get_string(dataset, "generation"));
}

static bool load_type_has(const ingest_type *type, ingest_kind kind) {
    if (type->kind == kind || (kind == INGEST_TIMESTAMP && type->kind == INGEST_TIMESTAMPTZ)) return true;
    for (size_t i = 0; i < type->count; i++)
        if (load_type_has(type->fields[i].type, kind)) return true;
    return false;
}

static bool load_has_type(const ingest_job *job, ingest_kind kind) {
    for (size_t i = 0; i < job->column_count; i++)
        if (load_type_has(job->columns[i].target, kind)) return true;
    return false;
}

static lh_json *load_column(lh_str name, const ingest_type *type, lh_arena *arena) {
    lh_json *column = lh_json_new_object(arena);
    lh_json_set_string(arena, column, "name", name);
    lh_json_set_string(arena, column, "type", ingest_type_text(type, arena));
    return column;
}

static lh_code load_dataset_columns(const ingest_job *job, lh_json *into, lh_error *err) {
    const lh_json *schema = NULL;
    LH_TRY(ingest_schema_of(job, &schema, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);) {
        ingest_type *type = NULL;
        LH_TRY(ingest_type_from_iceberg(lh_json_get(it.value, "type"), job->arena, &type, err));
        lh_json_append(into, load_column(lh_json_get_string(it.value, "name"), type, job->arena));
    }
    return LH_OK;
}

/* How the text was read, as far as it could have been read otherwise. */
static void load_tell_reading(const ingest_job *job, lh_json *answer) {
    lh_json *warnings = lh_json_new_array(job->arena);
    const struct {
        const char *name;
        lh_str given, found;
        ingest_kind kind;
    } formats[] = {{"date_format", job->options.csv.date_format, job->date_format, INGEST_DATE},
                   {"timestamp_format", job->options.csv.timestamp_format, job->timestamp_format, INGEST_TIMESTAMP}};
    for (size_t i = 0; i < 2; i++) {
        lh_str format = formats[i].given.len ? formats[i].given : formats[i].found;
        bool used = load_has_type(job, formats[i].kind), iso = lh_str_eq(format, LH_STR("%Y-%m-%d"));
        if (used && format.len && !iso) lh_json_set_string(job->arena, answer, formats[i].name, format);
        if (formats[i].given.len && !used && job->format != INGEST_PARQUET) {
            lh_str text = lh_arena_printf(job->arena, "option '%s' ('%.*s') fits no column of the file",
                                          formats[i].name, LH_STR_ARG(formats[i].given));
            lh_json_append(warnings, lh_json_new_string(job->arena, text));
        }
    }
    if (job->encoding && job->format != INGEST_PARQUET)
        lh_json_set_string(job->arena, answer, "encoding", lh_str_from(job->encoding));
    if (job->warning.len) lh_json_append(warnings, lh_json_new_string(job->arena, job->warning));
    lh_json_set(job->arena, answer, "warnings", warnings);
}

static lh_code load_answer(const ingest_job *job, const load_outcome *outcome, bool deduplicated, lh_json **ret,
                           lh_error *err) {
    lh_arena *arena = job->arena;
    lh_json *answer = lh_json_new_object(arena), *columns = lh_json_new_array(arena);
    int64_t snapshot = -1;
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(job->name, arena));
    lh_json_set_string(arena, answer, "mode", job->request->mode.len ? job->request->mode : LH_STR("create"));
    lh_json_set_string(arena, answer, "format", lh_str_from(ingest_format_name(job->format)));
    lh_json_set_uint(arena, answer, "rows", outcome->rows);
    lh_json_set_uint(arena, answer, "rejected", outcome->rejected);
    if (outcome->rejected)
        lh_json_set_string(arena, answer, "rejects_dataset", lh_table_name_text(job->rejects_name, arena));
    lh_json_set_string(arena, answer, "sha256", job->sha256);
    lh_json_set_bool(arena, answer, "deduplicated", deduplicated);
    bool has = lh_table_snapshot_id(job->ingest->catalog, job->name, &snapshot, NULL) == LH_OK && snapshot >= 0;
    lh_json_set(arena, answer, "snapshot_id", has ? lh_json_new_int(arena, snapshot) : lh_json_new_null(arena));
    lh_json_set_string(arena, answer, "job_id", lh_uuid_str(&job->id));
    for (size_t i = 0; i < job->column_count && !deduplicated; i++)
        lh_json_append(columns, load_column(job->columns[i].name, job->columns[i].target, arena));
    if (deduplicated) LH_TRY(load_dataset_columns(job, columns, err));
    lh_json_set(arena, answer, "columns", columns);
    lh_json_set(arena, answer, "added_columns", outcome->added ? outcome->added : lh_json_new_array(arena));
    lh_json_set(arena, answer, "migrated_columns",
                job->migrated ? lh_json_copy(arena, job->migrated) : lh_json_new_array(arena));
    lh_json_set(arena, answer, "widened_columns", outcome->widened ? outcome->widened : lh_json_new_array(arena));
    if (!deduplicated) load_tell_reading(job, answer);
    *ret = answer;
    return lh_arena_check(arena, err);
}

/* An existing table: does the mode go, and what does its schema need? */
static lh_code load_prepare_table(ingest_job *job, load_outcome *outcome, lh_error *err) {
    if (!job->exists) {
        if (load_mode(job, "append"))
            return lh_fail(err, LH_NOT_FOUND, "dataset '%.*s' does not exist: use mode create",
                           LH_STR_ARG(lh_table_name_text(job->name, job->arena)));
        if (load_mode(job, "upsert")) {
            LH_CLEANUP(lh_buf_done) lh_buf ignored = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
            LH_TRY(load_each_key(job, LOAD_KEYS_LISTED, &ignored, err));
        }
        return ingest_make_namespace(job->ingest, job->name.namespace_, job->arena, err);
    }
    if (load_mode(job, "create"))
        return lh_fail(err, LH_CONFLICT, "dataset '%.*s' exists already: use mode append, replace or upsert",
                       LH_STR_ARG(lh_table_name_text(job->name, job->arena)));
    LH_TRY(ingest_schema_match(job, err));
    outcome->added = load_change_list(job, INGEST_ADD, false);
    outcome->widened = load_change_list(job, INGEST_WIDEN, false);
    return load_adds_nested(job) ? load_evolve_first(job, err) : LH_OK;
}

static void load_sweep(const ingest_job *job, int64_t snapshot_before, int64_t since_ms) {
    lh_code ignored = lh_table_sweep(job->ingest->catalog, job->name, snapshot_before, since_ms, NULL);
    (void)ignored; /* what cannot be removed is left for maintenance */
}

static lh_code load_check_bucket(const ingest_job *job, lh_error *err) {
    lh_str wanted = job->request->bucket, there = LH_STR_NONE;
    if (wanted.len == 0) return LH_OK;
    LH_TRY(lh_catalog_check_bucket(job->ingest->catalog, wanted, err));
    if (!job->exists || lh_table_bucket(job->ingest->catalog, job->name, job->arena, &there, NULL) != LH_OK ||
        lh_str_eq(there, wanted))
        return LH_OK;
    return lh_fail(err, LH_CONFLICT, "dataset '%.*s' lies in the bucket '%.*s': move it first, or leave the bucket out",
                   LH_STR_ARG(lh_table_name_text(job->name, job->arena)), LH_STR_ARG(there));
}

/* One try of a commit, with everything that it depends on read anew. */
static lh_code load_try(ingest_job *job, load_outcome *outcome, bool *ret_known, lh_error *err) {
    lh_catalog *catalog = job->ingest->catalog;
    lh_change documents[2];
    int64_t before = -1, since_ms = lh_time_now_ms();
    *outcome = (load_outcome){0};
    job->exists = lh_table_exists(catalog, job->name);
    LH_TRY(load_check_bucket(job, err));
    *ret_known = load_was_ingested(job);
    if (*ret_known) return LH_OK;
    LH_TRY(load_prepare_table(job, outcome, err));
    LH_TRY(load_documents(job, documents, err));
    bool exists = lh_table_snapshot_id(catalog, job->name, &before, NULL) == LH_OK;
    lh_code code = load_annotate(job, documents, false, err);
    if (code == LH_OK) code = load_statements(job, documents, outcome, err);
    lh_annotation_clear(catalog, job->name);
    if (job->quarantine || !job->exists) lh_annotation_clear(catalog, job->rejects_name);
    bool failed = code != LH_OK && code != LH_UNAVAILABLE; /* an unknown outcome keeps its files */
    if (failed && exists == job->exists) load_sweep(job, before, since_ms);
    if (code == LH_OK &&
        !outcome->remembered) /* no row came, went or was rejected: there was no snapshot to travel with */
        code = lh_dataset_remember(catalog, job->name, documents, 2, err);
    return code;
}

lh_code ingest_load(ingest_job *job, lh_json **ret, lh_error *err) {
    load_outcome outcome;
    bool known = false;
    lh_code code = LH_CONFLICT;
    for (int tries = 0; code == LH_CONFLICT && tries < INGEST_TRIES; tries++)
        code = load_try(job, &outcome, &known, err);
    if (code != LH_OK) return code;
    return load_answer(job, &outcome, known, ret, err);
}
