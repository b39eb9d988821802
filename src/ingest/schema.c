/* What a table has against what a file has, column by column (by name, the case of ASCII letters ignored):
 *   same type, or one the table's type holds without loss   → stored as the table's type
 *   a wider type that Iceberg lets a column become           → the table is widened first
 *   a column that the table lacks                            → added, optional
 *   a text column against another type                       → read as the table's type; a value that is not one fails
 *   anything else                                            → CONFLICT, every column that differs listed
 * Columns that the file lacks are NULL in its rows. */
#include "ingest/ingest_internal.h"

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

static bool schema_is_text_format(const ingest_job *job) {
    return job->format == INGEST_CSV || job->format == INGEST_TSV;
}

static const lh_json *schema_field(const lh_json *schema, lh_str name) {
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);)
        if (lh_str_eq_nocase(lh_json_get_string(it.value, "name"), name)) return it.value;
    return NULL;
}

static void schema_note(lh_json *list, lh_str name, const ingest_type *type, int64_t *next_id, lh_arena *arena) {
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "name", name);
    lh_json_set(arena, item, "type", ingest_type_to_iceberg(type, next_id, arena));
    lh_json_append(list, item);
}

static lh_code schema_match_column(ingest_job *job, ingest_column *column, const lh_json *field, lh_json *widen,
                                   lh_buf *diff, lh_error *err) {
    ingest_type *table = NULL;
    int64_t next_id = 1;
    LH_TRY(ingest_type_from_iceberg(lh_json_get(field, "type"), job->arena, &table, err));
    column->name = lh_json_get_string(field, "name"); /* as the table spells it */
    const ingest_type *file = column->target;
    bool text = schema_is_text_format(job) && column->found->kind == INGEST_VARCHAR &&
                table->count == 0; /* maybe only NULLs were sampled */
    if (!schema_fits(table, file) && schema_widens(table, file)) {
        schema_note(widen, column->name, file, &next_id, job->arena);
    } else if (schema_fits(table, file) || text) {
        column->target = table;
    } else {
        lh_buf_printf(diff, "\n  %.*s: the table has %.*s, the file has %.*s", LH_STR_ARG(column->name),
                      LH_STR_ARG(ingest_type_text(table, job->arena)), LH_STR_ARG(ingest_type_text(file, job->arena)));
    }
    return LH_OK;
}

lh_code ingest_schema_match(ingest_job *job, lh_json **ret_add, lh_json **ret_widen, lh_error *err) {
    lh_json *loaded = NULL;
    lh_str etag;
    LH_TRY(lh_table_load(job->ingest->catalog, job->name, true, LH_STR_NONE, job->arena, &loaded, &etag, err));
    const lh_json *metadata = lh_json_get(loaded, "metadata"), *schema = NULL;
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "schemas")); lh_json_next(&it);)
        if (lh_json_equal(lh_json_get(it.value, "schema-id"), lh_json_get(metadata, "current-schema-id")))
            schema = it.value;
    lh_json *add = lh_json_new_array(job->arena), *widen = lh_json_new_array(job->arena);
    LH_CLEANUP(lh_buf_done) lh_buf diff = LH_BUF_INIT(700);
    int64_t next_id = 1;
    for (size_t i = 0; i < job->column_count; i++) {
        const lh_json *field = schema_field(schema, job->columns[i].name);
        if (field) LH_TRY(schema_match_column(job, &job->columns[i], field, widen, &diff, err));
        else schema_note(add, job->columns[i].name, job->columns[i].target, &next_id, job->arena);
    }
    if (diff.len || diff.failed != LH_OK)
        return lh_fail(err, LH_CONFLICT, "the file does not fit dataset '%.*s':%.*s",
                       LH_STR_ARG(lh_table_name_text(job->name, job->arena)), LH_STR_ARG(lh_buf_str(&diff)));
    *ret_add = add;
    *ret_widen = widen;
    return lh_arena_check(job->arena, err);
}
