/* How JSON is read. DuckDB says what a sample of the objects holds; then each of its columns is spelled out for the reader:
 *   values of several types      → VARCHAR: a string without its quotes, an object or a list as JSON text
 *   a type that the caller named → that type
 *   whole numbers                → text, when there are more rows than the sample had: DuckDB would read 2.5 as 2
 *   anything else                → the type found, or what probe.c made of it
 * Columns whose names cannot be spelled out are read as DuckDB finds them: an empty key, which it calls C<position>, and A
 * beside a, of which it calls the second a_1. */
#include "ingest/ingest_internal.h"

#include <stdio.h>

static const char *json_layout(const ingest_job *job) {
    return job->format == INGEST_JSON_ARRAY ? "auto" : "newline_delimited";
}

static void json_format_sql(const char *name, lh_str format, lh_buf *into) {
    if (format.len == 0) return;
    lh_buf_printf(into, ", %s=", name);
    lh_buf_sql_string(into, format);
}

void ingest_json_sql(const ingest_job *job, lh_buf *into) {
    lh_buf_append(into, LH_STR("read_json("));
    lh_buf_sql_string(into, job->path);
    lh_buf_printf(into, ", format='%s', records=true, maximum_object_size=%" PRIu64, json_layout(job),
                  job->ingest->line_max_bytes);
    json_format_sql("dateformat", job->options.csv.date_format, into);
    json_format_sql("timestampformat", job->options.csv.timestamp_format, into);
    if (job->json_field_count == 0) {
        lh_buf_printf(
            into, ", maximum_depth=%d, sample_size=%" PRId64 ", union_by_name=true, convert_strings_to_integers=false",
            INGEST_JSON_READ_DEPTH, job->whole_sample ? -1 : job->options.sample_rows);
        if (job->json_no_maps) lh_buf_append(into, LH_STR(", map_inference_threshold=-1"));
    } else lh_buf_append(into, LH_STR(", columns={"));
    for (size_t i = 0; i < job->json_field_count; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf type = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
        ingest_type_sql(job->json_fields[i].type, &type);
        if (i) lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_string(into, job->json_fields[i].name);
        lh_buf_append(into, LH_STR(": "));
        lh_buf_sql_string(into, lh_buf_str(&type));
    }
    lh_buf_append(into, job->json_field_count ? LH_STR("})") : LH_STR(")"));
}

/* "a_1", while there is an "a": it may be a name of DuckDB's. */
static bool json_is_renamed(const ingest_field *fields, size_t count, lh_str name) {
    size_t end = name.len;
    while (end && name.ptr[end - 1] >= '0' && name.ptr[end - 1] <= '9') end--;
    if (end == name.len || end < 2 || name.ptr[end - 1] != '_') return false;
    lh_str stem = lh_str_sub(name, 0, end - 1);
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq_nocase(fields[i].name, stem)) return true;
    return false;
}

static lh_code json_has_key(const ingest_job *job, lh_str key, bool *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_buf_append(&sql, LH_STR("SELECT 1 FROM read_json_objects("));
    lh_buf_sql_string(&sql, job->path);
    lh_buf_printf(&sql, ", format='%s', maximum_object_size=%" PRIu64 ") WHERE list_contains(json_keys(json), ",
                  json_layout(job), job->ingest->line_max_bytes);
    lh_buf_sql_string(&sql, key);
    lh_buf_append(&sql, LH_STR(") LIMIT 1"));
    LH_TRY(lh_buf_check(&sql, err));
    lh_code code = lh_session_run(job->session, lh_buf_str(&sql), NULL, job->arena, &result, err);
    if (code != LH_OK) return ingest_relation_error(job, code, err);
    *ret = lh_json_size(lh_json_get(result, "rows")) > 0;
    return LH_OK;
}

lh_code ingest_json_empty_key(const ingest_job *job, const ingest_field *fields, size_t count, size_t *ret,
                              lh_error *err) {
    bool asked = false, empty = true, named = false;
    size_t found = count;
    for (size_t i = 0; i < count && empty && found == count; i++) {
        char name[32];
        snprintf(name, sizeof name, "C%zu", i);
        if (!lh_str_eq(fields[i].name, lh_str_from(name))) continue;
        if (!asked) LH_TRY(json_has_key(job, LH_STR(""), &empty, err));
        asked = true;
        if (empty) LH_TRY(json_has_key(job, fields[i].name, &named, err));
        if (empty && !named) found = i;
    }
    *ret = found;
    return LH_OK;
}

static void json_as_text(ingest_type *type) {
    if (type->kind == INGEST_JSON || type->kind == INGEST_NULL) type->kind = INGEST_VARCHAR;
    for (size_t i = 0; i < type->count; i++) json_as_text(type->fields[i].type);
}

void ingest_json_spell_out(ingest_job *job, ingest_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (json_is_renamed(fields, count, fields[i].name)) return;
    for (size_t i = 0; i < count; i++) json_as_text(fields[i].type);
    job->json_fields = fields;
    job->json_field_count = count;
}

void ingest_json_exact(ingest_job *job) {
    int64_t sample = job->options.sample_rows;
    if (!job->json_field_count || job->whole_sample || sample < 0 || job->json_records <= (uint64_t)sample) return;
    for (size_t i = 0; i < job->column_count; i++) {
        ingest_column *column = &job->columns[i];
        ingest_kind kind = column->found->kind;
        if (column->given || kind < INGEST_TINYINT || kind > INGEST_UHUGEINT) continue;
        ingest_type *target = ingest_type_new(column->target->kind, job->arena);
        if (!target) return;
        *target = *column->target; /* may be the type found, which is changed */
        column->target = target;
        column->found->kind = INGEST_VARCHAR;
        column->exact = true;
    }
}
