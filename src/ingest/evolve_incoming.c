/* on_schema_change of an ingest into an existing table:
 *   add      new columns are added, types widened (schema.c alone)
 *   fail     any difference is refused, and listed
 *   migrate  the file is brought to the table: its columns that are surely the table's under another name get that name, values
 *            are cast where all of them can be without loss; what is left is as with add */
#include "ingest/evolve_internal.h"

bool evolve_incoming_is(const ingest_job *job, const char *what) {
    return lh_str_eq(job->request->on_schema_change, lh_str_from(what));
}

static void incoming_note(ingest_job *job, const char *kind, lh_str from, lh_str to, double confidence) {
    lh_json *item = lh_json_new_object(job->arena);
    if (!job->migrated) job->migrated = lh_json_new_array(job->arena);
    lh_json_set_string(job->arena, item, "kind", lh_str_from(kind));
    lh_json_set_string(job->arena, item, "from", from);
    lh_json_set_string(job->arena, item, "to", to);
    lh_json_set(job->arena, item, "confidence", lh_json_new_real(job->arena, confidence));
    lh_json_append(job->migrated, item);
}

static lh_code incoming_relation(const ingest_job *job, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 * LH_LIMIT_SQL_BYTES);
    lh_buf_char(&sql, '(');
    ingest_select_sql(job, LH_STR_NONE, &sql);
    lh_buf_char(&sql, ')');
    LH_TRY(lh_buf_check(&sql, err));
    lh_str copy = lh_arena_dup(job->arena, lh_buf_str(&sql));
    LH_TRY(lh_arena_check(job->arena, err));
    *ret = copy;
    return LH_OK;
}

static lh_code incoming_file(const ingest_job *job, evolve_side *ret, lh_error *err) {
    ret->columns = LH_ARENA_ARRAY(job->arena, evolve_column, job->column_count + 1);
    if (!ret->columns) return lh_arena_check(job->arena, err);
    for (size_t i = 0; i < job->column_count; i++)
        ret->columns[ret->count++] =
            (evolve_column){.name = job->columns[i].name,
                            .type = job->columns[i].target,
                            .guessed = job->format != INGEST_PARQUET && !job->columns[i].given};
    return LH_OK;
}

lh_code evolve_incoming_names(ingest_job *job, lh_error *err) {
    evolve_source table = {0};
    evolve_side file = {0};
    evolve_diff diff;
    lh_str relation;
    size_t unknown = 0;
    if (!evolve_incoming_is(job, "migrate")) return LH_OK;
    LH_TRY(evolve_source_table(job->ingest, job->name, -1, job->arena, &table, err));
    LH_TRY(incoming_file(job, &file, err));
    for (size_t i = 0; i < file.count; i++) unknown += !evolve_side_find(&table.side, file.columns[i].name);
    if (unknown == 0) return LH_OK;
    if (!job->quarantine) { /* a bad row would end the look at values */
        LH_TRY(incoming_relation(job, &relation, err));
        LH_TRY(evolve_values_of(job->session, relation, &file, &table.side, job->arena, err));
        LH_TRY(evolve_values_of(job->session, table.relation, &table.side, &file, job->arena, err));
    }
    LH_TRY(evolve_diff_make(&table.side, &file, job->arena, &diff, err));
    for (size_t i = 0; i < diff.count; i++) {
        const evolve_change *change = &diff.changes[i];
        if (change->kind != EVOLVE_RENAMED || change->confidence < EVOLVE_CONFIDENCE_MIN) continue;
        ingest_column *column = &job->columns[change->to - file.columns];
        if (!lh_str_eq_nocase(column->name, change->from->name))
            incoming_note(job, "renamed", column->name, change->from->name, change->confidence);
        column->name = change->from->name;
    }
    return lh_arena_check(job->arena, err);
}

lh_code evolve_incoming_cast(ingest_job *job, const ingest_column *column, const ingest_type *table, bool *ret,
                             lh_error *err) {
    evolve_column from = {.name = column->name, .type = column->target};
    evolve_rule rule = {.op = EVOLVE_CAST, .from = {&from}, .from_count = 1};
    const evolve_rules rules = {&rule, 1};
    lh_json *counts = NULL;
    lh_str relation;
    *ret = false;
    if (!evolve_incoming_is(job, "migrate") || table->count || evolve_fit_of(column->target, table) != EVOLVE_FIT_CASTS)
        return LH_OK;
    LH_TRY(ingest_type_parse(ingest_type_text(table, job->arena), job->arena, &rule.type, err));
    rule.cast = (evolve_cast){.form = EVOLVE_FORM_CAST, .from = column->target, .type = table};
    LH_TRY(incoming_relation(job, &relation, err));
    LH_TRY(evolve_count_failures(job->session, relation, &rules, job->arena, &counts, NULL, err));
    const lh_json *count = lh_json_at(counts, 0);
    uint64_t bad = lh_json_uint(lh_json_get(count, "failed"), 0) + lh_json_uint(lh_json_get(count, "lossy"), 0);
    if (bad)
        return lh_fail(err, LH_CONFLICT,
                       "column '%.*s': %" PRIu64 " of %" PRIu64 " values cannot become %.*s without loss",
                       LH_STR_ARG(column->name), bad, lh_json_uint(lh_json_get(count, "rows"), 0),
                       LH_STR_ARG(ingest_type_text(table, job->arena)));
    lh_str change = lh_arena_printf(job->arena, "%.*s %.*s", LH_STR_ARG(column->name),
                                    LH_STR_ARG(ingest_type_text(column->target, job->arena)));
    incoming_note(job, "cast", change, ingest_type_text(table, job->arena), 1);
    *ret = true;
    return LH_OK;
}

static const ingest_column *incoming_column(const ingest_job *job, lh_str name) {
    for (size_t i = 0; i < job->column_count; i++)
        if (lh_str_eq_nocase(job->columns[i].name, name)) return &job->columns[i];
    return NULL;
}

lh_code evolve_incoming_refuse(const ingest_job *job, const lh_json *schema, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf diff = LH_BUF_INIT(700);
    if (!evolve_incoming_is(job, "fail")) return LH_OK;
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);) {
        lh_str name = lh_json_get_string(it.value, "name");
        const ingest_column *column = incoming_column(job, name);
        ingest_type *table = NULL;
        LH_TRY(ingest_type_from_iceberg(lh_json_get(it.value, "type"), job->arena, &table, err));
        bool other = column && (column->change == INGEST_WIDEN ||
                                (job->format == INGEST_PARQUET && !ingest_type_equal(column->found, table)));
        if (!column) lh_buf_printf(&diff, "\n  %.*s: the file lacks it", LH_STR_ARG(name));
        if (other)
            lh_buf_printf(&diff, "\n  %.*s: the table has %.*s, the file has %.*s", LH_STR_ARG(name),
                          LH_STR_ARG(ingest_type_text(table, job->arena)),
                          LH_STR_ARG(ingest_type_text(column->found, job->arena)));
    }
    for (size_t i = 0; i < job->column_count; i++)
        if (job->columns[i].change == INGEST_ADD)
            lh_buf_printf(&diff, "\n  %.*s: the table lacks it", LH_STR_ARG(job->columns[i].name));
    if (diff.len == 0 && diff.failed == LH_OK) return LH_OK;
    return lh_fail(err, LH_CONFLICT, "on_schema_change is fail, and the file is not as dataset '%.*s':%.*s",
                   LH_STR_ARG(lh_table_name_text(job->name, job->arena)), LH_STR_ARG(lh_buf_str(&diff)));
}
