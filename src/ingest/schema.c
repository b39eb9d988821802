/* What a table has against what a file has, column by column (by name, the case of ASCII letters ignored):
 *   same type, or one the table's type holds without loss   → stored as the table's type
 *   CSV and JSON, whose types are guesses: one that the table's type can be read from → read as the table's type; when
 *   a value does not fit, and the next rule allows it, the file is read again and the table widened
 *   a wider type that Iceberg lets a column become           → the table is widened first
 *   a column that the table lacks                            → added, optional
 *   a text column against another type                       → read as the table's type; a value that is not one fails
 *   anything else                                            → CONFLICT, every column that differs listed
 * Columns that the file lacks are NULL in its rows. */
#include "ingest/evolve_internal.h"

static bool schema_is_integer(ingest_kind kind) { return kind == INGEST_INTEGER || kind == INGEST_BIGINT; }
static bool schema_is_number(ingest_kind kind) {
    return schema_is_integer(kind) || kind == INGEST_FLOAT || kind == INGEST_DOUBLE || kind == INGEST_DECIMAL;
}

/* Holds the table's type every value of the file's? */
static bool schema_fits(const ingest_type *table, const ingest_type *file) {
    if (ingest_type_equal(table, file) || table->kind == INGEST_VARCHAR || file->kind == INGEST_NULL) return true;
    if (table->kind == INGEST_BIGINT && file->kind == INGEST_INTEGER) return true;
    if (table->kind == INGEST_DOUBLE && schema_is_number(file->kind)) return true;
    if (table->kind == INGEST_FLOAT && schema_is_number(file->kind)) return file->kind != INGEST_DOUBLE;
    if (table->kind == INGEST_DECIMAL && file->kind == INGEST_DECIMAL)
        return table->scale >= file->scale && table->precision - table->scale >= file->precision - file->scale;
    if (table->kind == INGEST_DECIMAL && schema_is_integer(file->kind))
        return table->precision - table->scale >= (file->kind == INGEST_INTEGER ? 10u : 19u);
    if ((table->kind == INGEST_TIMESTAMP || table->kind == INGEST_TIMESTAMPTZ) &&
        (file->kind == INGEST_DATE || file->kind == INGEST_TIMESTAMP))
        return true;
    return false;
}

/* May the table's column become the file's type (Iceberg spec, "Schema evolution")? */
static bool schema_widens(const ingest_type *table, const ingest_type *file) {
    if (table->kind == INGEST_INTEGER && file->kind == INGEST_BIGINT) return true;
    if (table->kind == INGEST_FLOAT && file->kind == INGEST_DOUBLE) return true;
    return table->kind == INGEST_DECIMAL && file->kind == INGEST_DECIMAL && table->scale == file->scale &&
           file->precision > table->precision;
}

/* May values that were guessed to be of the file's type be read as the table's? */
static bool schema_reads(const ingest_type *table, const ingest_type *guess) {
    ingest_kind g = guess->kind;
    switch ((int)table->kind) {
    case INGEST_INTEGER: return schema_is_integer(g);
    case INGEST_DECIMAL: return schema_is_number(g);
    case INGEST_BOOLEAN: return schema_is_integer(g);
    case INGEST_TIMESTAMP:
    case INGEST_TIMESTAMPTZ: return g == INGEST_DATE || g == INGEST_TIMESTAMP || g == INGEST_TIMESTAMPTZ;
    default: return false;
    }
}

static bool schema_is_text_format(const ingest_job *job) {
    return job->format == INGEST_CSV || job->format == INGEST_TSV;
}

static const lh_json *schema_field(const lh_json *schema, lh_str name) {
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);)
        if (lh_str_eq_nocase(lh_json_get_string(it.value, "name"), name)) return it.value;
    return NULL;
}

static lh_code schema_match_column(ingest_job *job, ingest_column *column, const lh_json *field, lh_buf *diff,
                                   lh_error *err) {
    ingest_type *table = NULL;
    LH_TRY(ingest_type_from_iceberg(lh_json_get(field, "type"), job->arena, &table, err));
    column->name = lh_json_get_string(field, "name"); /* as the table spells it */
    const ingest_type *file = column->target;
    bool guessed = job->format != INGEST_PARQUET && !column->given;
    bool unseen = schema_is_text_format(job) && column->found->kind == INGEST_VARCHAR && table->count == 0;
    bool casts = false;
    bool widens = schema_widens(table, file), reads = guessed && schema_reads(table, file);
    column->may_widen = widens && reads;
    bool fits = schema_fits(table, file) || reads || unseen; /* unseen: maybe only NULLs were sampled */
    if (!widens && !fits) LH_TRY(evolve_incoming_cast(job, column, table, &casts, err));
    if (widens && (!reads || job->widen)) {
        column->change = INGEST_WIDEN;
    } else if (fits || casts) {
        column->target = table;
    } else {
        lh_buf_printf(diff, "\n  %.*s: the table has %.*s, the file has %.*s", LH_STR_ARG(column->name),
                      LH_STR_ARG(ingest_type_text(table, job->arena)), LH_STR_ARG(ingest_type_text(file, job->arena)));
    }
    return LH_OK;
}

static lh_code schema_find_absent(ingest_job *job, const lh_json *schema, lh_error *err) {
    const lh_json *fields = lh_json_get(schema, "fields");
    job->absent = LH_ARENA_ARRAY(job->arena, lh_str, lh_json_size(fields) + 1);
    job->absent_count = 0;
    ingest_names held = {0};
    for (size_t i = 0; i < job->column_count; i++) (void)ingest_names_take(&held, job->columns[i].name, job->arena);
    for (lh_json_iter it = lh_json_each(fields); job->absent && lh_json_next(&it);) {
        lh_str name = lh_json_get_string(it.value, "name");
        if (!ingest_names_has(&held, name)) job->absent[job->absent_count++] = name;
    }
    return lh_arena_check(job->arena, err);
}

lh_code ingest_schema_of(const ingest_job *job, const lh_json **ret, lh_error *err) {
    lh_json *loaded = NULL;
    lh_str etag;
    LH_TRY(lh_table_load(job->ingest->catalog, job->name, true, LH_STR_NONE, job->arena, &loaded, &etag, err));
    const lh_json *metadata = lh_json_get(loaded, "metadata");
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "schemas")); lh_json_next(&it);)
        if (lh_json_equal(lh_json_get(it.value, "schema-id"), lh_json_get(metadata, "current-schema-id")))
            *ret = it.value;
    return LH_OK;
}

lh_code ingest_schema_match(ingest_job *job, lh_error *err) {
    const lh_json *schema = NULL;
    LH_TRY(ingest_schema_of(job, &schema, err));
    LH_CLEANUP(lh_buf_done) lh_buf diff = LH_BUF_INIT(700);
    LH_TRY(evolve_incoming_names(job, err));
    for (size_t i = 0; i < job->column_count; i++) {
        const lh_json *field = schema_field(schema, job->columns[i].name);
        job->columns[i].change = field ? INGEST_KEEP : INGEST_ADD;
        if (field) LH_TRY(schema_match_column(job, &job->columns[i], field, &diff, err));
    }
    if (diff.len || diff.failed != LH_OK)
        return lh_fail(err, LH_CONFLICT, "the file does not fit dataset '%.*s':%.*s",
                       LH_STR_ARG(lh_table_name_text(job->name, job->arena)), LH_STR_ARG(lh_buf_str(&diff)));
    LH_TRY(evolve_incoming_refuse(job, schema, err));
    return schema_find_absent(job, schema, err);
}
