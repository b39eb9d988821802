/* `lakehouse datasets diff | migrate | rollback | scan`, over /catalog. A file is sent along; what it is compared with is a dataset, or
 * as NAME@SNAPSHOT what that was. */
#include "cli/datasets_schema.h"

#include "cli/form.h"

#include <langinfo.h>
#include <stdio.h>

enum { SCHEMA_RULES_BYTES = 4 << 20 };

static lh_code schema_post(lh_connection *connection, lh_str path, const lh_json *body, lh_arena *arena, lh_json **ret,
                           lh_error *err) {
    lh_str text, answer;
    LH_TRY(lh_json_write(arena, body, false, &text, err));
    const lh_exchange exchange = {.method = "POST", .path = path, .body = text};
    LH_TRY(lh_connection_do(connection, &exchange, arena, &answer, err));
    return lh_json_parse(arena, answer, ret, err);
}

static lh_code schema_path(lh_str name, const char *verb, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(8192);
    lh_buf_append(&path, LH_STR("/catalog/datasets/by-name/"));
    lh_url_encode(&path, name, false);
    lh_buf_printf(&path, "/%s", verb);
    LH_TRY(lh_buf_check(&path, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&path));
    return lh_arena_check(arena, err);
}

/* "orders@123" → "orders" and 123; -1 without. */
static lh_str schema_split(lh_str word, int64_t *ret_snapshot) {
    size_t at = word.len;
    *ret_snapshot = -1;
    while (at > 0 && word.ptr[at - 1] != '@') at--;
    uint64_t id;
    if (at < 2 || lh_str_to_u64(lh_str_sub(word, at, SIZE_MAX), &id) != LH_OK || id > INT64_MAX) return word;
    *ret_snapshot = (int64_t)id;
    return lh_str_sub(word, 0, at - 1);
}

static lh_json *schema_side(lh_str word, lh_arena *arena) {
    lh_json *side = lh_json_new_object(arena);
    int64_t snapshot = -1;
    lh_json_set_string(arena, side, "dataset", schema_split(word, &snapshot));
    if (snapshot >= 0) lh_json_set_int(arena, side, "snapshot_id", snapshot);
    return side;
}

static lh_code schema_diff_file(const lh_schema_job *job, lh_form *form, lh_json **ret, lh_error *err) {
    int64_t snapshot = -1;
    lh_form_field(form, "dataset", schema_split(job->name, &snapshot));
    if (snapshot >= 0) lh_form_field(form, "snapshot_id", lh_arena_printf(job->arena, "%" PRId64, snapshot));
    return lh_form_post(job->connection, LH_STR("/catalog/schema/diff"), form, job->arena, ret, err);
}

/* `other` is a file when there is one of that name. */
static lh_code schema_diff(const lh_schema_job *job, const char *other, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_form_done) lh_form form;
    lh_form_init(&form);
    if (lh_form_open(job->connection, other, &form, NULL) == LH_OK) return schema_diff_file(job, &form, ret, err);
    lh_json *body = lh_json_new_object(job->arena);
    lh_json_set(job->arena, body, "from", schema_side(job->name, job->arena));
    lh_json_set(job->arena, body, "to", schema_side(lh_str_from(other), job->arena));
    return schema_post(job->connection, LH_STR("/catalog/schema/diff"), body, job->arena, ret, err);
}

/* ---- what is shown ---- */

static void schema_head(lh_arena *arena, lh_json *columns, const char *name, const char *type) {
    lh_json *head = lh_json_new_object(arena);
    lh_json_set_string(arena, head, "name", lh_str_from(name));
    lh_json_set_string(arena, head, "type", lh_str_from(type));
    lh_json_append(columns, head);
}

static lh_json *schema_cell(lh_arena *arena, const lh_json *side) {
    if (lh_json_is_null(side)) return lh_json_new_string(arena, LH_STR_NONE);
    return lh_json_new_string(arena, lh_arena_printf(arena, "%.*s %.*s", LH_STR_ARG(lh_json_get_string(side, "name")),
                                                     LH_STR_ARG(lh_json_get_string(side, "type"))));
}

static lh_code schema_print_diff(const lh_json *answer, lh_arena *arena, lh_error *err) {
    lh_json *table = lh_json_new_object(arena), *columns = lh_json_new_array(arena), *rows = lh_json_new_array(arena);
    static const char *const heads[] = {"change", "from", "to", "confidence", "why"};
    for (size_t i = 0; i < 5; i++) schema_head(arena, columns, heads[i], i == 3 ? "DOUBLE" : "VARCHAR");
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "changes")); lh_json_next(&it);) {
        LH_CLEANUP(lh_buf_done) lh_buf why = LH_BUF_INIT(64 << 10);
        lh_json *row = lh_json_new_array(arena);
        for (lh_json_iter r = lh_json_each(lh_json_get(it.value, "reasons")); lh_json_next(&r);)
            lh_buf_printf(&why, "%s%.*s", r.index ? ", " : "", LH_STR_ARG(lh_json_str(r.value, LH_STR_NONE)));
        lh_json_append(row, lh_json_copy(arena, lh_json_get(it.value, "kind")));
        lh_json_append(row, schema_cell(arena, lh_json_get(it.value, "from")));
        lh_json_append(row, schema_cell(arena, lh_json_get(it.value, "to")));
        lh_json_append(row, lh_json_copy(arena, lh_json_get(it.value, "confidence")));
        lh_json_append(row, lh_json_new_string(arena, lh_buf_str(&why)));
        lh_json_append(rows, row);
    }
    if (lh_json_size(rows) == 0) return printf("the schemas are the same\n"), LH_OK;
    lh_json_set(arena, table, "columns", columns);
    lh_json_set(arena, table, "rows", rows);
    LH_TRY(lh_arena_check(arena, err));
    const lh_cli_table_style style = {.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
    return lh_cli_table_print(stdout, table, style, arena, err);
}

static lh_code schema_print(const lh_json *answer, lh_arena *arena, lh_error *err) {
    lh_str text;
    LH_TRY(lh_json_write(arena, answer, true, &text, err));
    printf("%.*s\n", LH_STR_ARG(text));
    return LH_OK;
}

/* ---- migrate ---- */

static lh_code schema_read_rules(const lh_schema_job *job, const char *path, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_form_done) lh_form file;
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(SCHEMA_RULES_BYTES);
    lh_form_init(&file);
    LH_TRY(lh_form_open(job->connection, path, &file, err));
    FILE *in = fdopen(file.fd, "rb");
    if (!in) return lh_fail(err, LH_IO, "cannot read %s", path);
    file.fd = -1; /* the stream's */
    char block[4096];
    for (size_t got; (got = fread(block, 1, sizeof block, in)) > 0;) lh_buf_append(&text, (lh_str){block, got});
    bool failed = ferror(in) != 0;
    fclose(in);
    if (failed) return lh_fail(err, LH_IO, "cannot read %s", path);
    LH_TRY(lh_buf_check(&text, err));
    return lh_json_parse(job->arena, lh_buf_str(&text), ret, err);
}

static lh_code schema_confidence(const lh_schema_job *job, lh_json *body, lh_error *err) {
    lh_json *number = NULL;
    if (!job->min_confidence) return LH_OK;
    if (lh_json_parse(job->arena, lh_str_from(job->min_confidence), &number, NULL) != LH_OK)
        return lh_fail(err, LH_INVALID, "--min-confidence must be a number from 0 to 1, not '%s'", job->min_confidence);
    lh_json_set(job->arena, body, "min_confidence", number);
    return LH_OK;
}

static lh_code schema_migrate(const lh_schema_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *rules = NULL, *answer = NULL;
    lh_str path;
    LH_TRY(schema_path(job->name, "migrate", job->arena, &path, err));
    if (job->rules) LH_TRY(schema_read_rules(job, job->rules, &rules, err));
    else LH_TRY(schema_diff(job, job->to, &answer, err));
    if (answer) rules = lh_json_copy(job->arena, lh_json_get(answer, "rules"));
    lh_json_set(job->arena, body, lh_json_is_object(rules) ? "answer" : "rules", rules);
    if (job->dry_run) lh_json_set_bool(job->arena, body, "dry_run", true);
    LH_TRY(schema_confidence(job, body, err));
    LH_TRY(schema_post(job->connection, path, body, job->arena, &answer, err));
    if (job->dry_run) return schema_print(answer, job->arena, err);
    printf("%zu rules applied, %zu skipped; back with: lakehouse datasets rollback %.*s\n",
           lh_json_size(lh_json_get(answer, "applied")), lh_json_size(lh_json_get(answer, "skipped")),
           LH_STR_ARG(job->name));
    return LH_OK;
}

static lh_code schema_rollback(const lh_schema_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_str path;
    if (job->snapshot) lh_json_set_string(job->arena, body, "snapshot_id", lh_str_from(job->snapshot));
    LH_TRY(schema_path(job->name, "rollback", job->arena, &path, err));
    LH_TRY(schema_post(job->connection, path, body, job->arena, &answer, err));
    printf("%.*s is at snapshot %" PRId64 " again; it was at %" PRId64 "\n", LH_STR_ARG(job->name),
           lh_json_int(lh_json_get(answer, "snapshot_id"), -1),
           lh_json_int(lh_json_get(answer, "snapshot_before"), -1));
    return LH_OK;
}

/* ---- scan ---- */

/* "48 of 50" and, of a free text, what it holds: "48 of 50: 30 email, 20 phone". */
static lh_json *schema_scan_cell(lh_arena *arena, const lh_json *column) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4096);
    const lh_json *evidence = lh_json_get(column, "evidence");
    lh_str skipped = lh_json_get_string(column, "skipped");
    if (skipped.len) return lh_json_new_string(arena, skipped);
    if (lh_json_is_null(lh_json_get(column, "pii_kind"))) return lh_json_new_string(arena, LH_STR_NONE);
    lh_buf_printf(&text, "%" PRIu64 " of %" PRIu64, lh_json_uint(lh_json_get(evidence, "matched"), 0),
                  lh_json_uint(lh_json_get(evidence, "values"), 0));
    for (lh_json_iter it = lh_json_each(lh_json_get(evidence, "found")); lh_json_next(&it);)
        lh_buf_printf(&text, "%s %" PRIu64 " %.*s", it.index ? "," : ":", lh_json_uint(it.value, 0),
                      LH_STR_ARG(it.name));
    lh_str scheme = lh_json_get_string(evidence, "scheme");
    if (scheme.len) lh_buf_printf(&text, ", %.*s", LH_STR_ARG(scheme));
    return lh_json_new_string(arena, lh_buf_str(&text));
}

static lh_code schema_print_scan(const lh_json *answer, lh_arena *arena, lh_error *err) {
    static const char *const heads[] = {"column", "type", "found", "confidence", "values", "declared"};
    lh_json *table = lh_json_new_object(arena), *columns = lh_json_new_array(arena), *rows = lh_json_new_array(arena);
    for (size_t i = 0; i < 6; i++) schema_head(arena, columns, heads[i], i == 3 ? "DOUBLE" : "VARCHAR");
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "columns")); lh_json_next(&it);) {
        static const char *const members[] = {"name", "type", "pii_kind", "confidence"};
        lh_json *row = lh_json_new_array(arena);
        for (size_t i = 0; i < 4; i++) {
            const lh_json *value = lh_json_get(it.value, members[i]);
            lh_json_append(row, i == 2 ? lh_json_new_string(arena, lh_json_str(value, LH_STR("-")))
                                       : lh_json_copy(arena, value));
        }
        lh_json_append(row, schema_scan_cell(arena, it.value));
        lh_json_append(row, lh_json_new_string(arena, lh_json_get_string(it.value, "declared")));
        lh_json_append(rows, row);
    }
    lh_json_set(arena, table, "columns", columns);
    lh_json_set(arena, table, "rows", rows);
    LH_TRY(lh_arena_check(arena, err));
    const lh_cli_table_style style = {.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
    return lh_cli_table_print(stdout, table, style, arena, err);
}

static lh_code schema_scan(const lh_schema_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    uint64_t rows;
    lh_str path;
    LH_TRY(schema_path(job->name, "scan", job->arena, &path, err));
    if (job->sample_rows && lh_str_to_u64(lh_str_from(job->sample_rows), &rows) != LH_OK)
        return lh_fail(err, LH_INVALID, "--sample-rows must be a number, not '%s'", job->sample_rows);
    if (job->sample_rows) lh_json_set_uint(job->arena, body, "sample_rows", rows);
    if (job->dry_run) lh_json_set_bool(job->arena, body, "dry_run", true);
    LH_TRY(schema_post(job->connection, path, body, job->arena, &answer, err));
    if (job->json) return schema_print(answer, job->arena, err);
    LH_TRY(schema_print_scan(answer, job->arena, err));
    printf("%" PRIu64 " rows looked at%s\n", lh_json_uint(lh_json_get(answer, "sampled_rows"), 0),
           job->dry_run ? "; nothing was remembered" : "");
    return LH_OK;
}

lh_code lh_cli_datasets_schema(const lh_schema_job *job, lh_str verb, const char *other, lh_error *err) {
    lh_json *answer = NULL;
    if (lh_str_eq(verb, LH_STR("rollback"))) return schema_rollback(job, err);
    if (lh_str_eq(verb, LH_STR("scan"))) return schema_scan(job, err);
    if (lh_str_eq(verb, LH_STR("migrate"))) return schema_migrate(job, err);
    LH_TRY(schema_diff(job, other, &answer, err));
    return job->json ? schema_print(answer, job->arena, err) : schema_print_diff(answer, job->arena, err);
}
