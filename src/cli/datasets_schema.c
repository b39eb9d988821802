/* `lakehouse datasets diff | prompt | migrate | rollback`, over /catalog. A file is sent along; what it is compared with is a dataset, or
 * as NAME@SNAPSHOT what that was. */
#include "cli/datasets_internal.h"
#include "cli/form.h"

#include <stdio.h>
#include <unistd.h>

#define SCHEMA_DIFF "/catalog/schema/diff"

enum { SCHEMA_RULES_BYTES = 4 << 20 };

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

static lh_code schema_confidence(const lh_datasets_job *job, lh_json *body, lh_error *err) {
    lh_json *number = NULL;
    if (!job->min_confidence) return LH_OK;
    if (lh_json_parse(job->arena, lh_str_from(job->min_confidence), &number, NULL) != LH_OK)
        return lh_fail(err, LH_INVALID, "--min-confidence must be a number from 0 to 1, not '%s'", job->min_confidence);
    lh_json_set(job->arena, body, "min_confidence", number);
    return LH_OK;
}

static lh_code schema_compare_file(const lh_datasets_job *job, const char *path, lh_form *form, lh_json **ret,
                                   lh_error *err) {
    int64_t snapshot = -1;
    lh_form_field(form, "dataset", schema_split(job->name, &snapshot));
    if (snapshot >= 0) lh_form_field(form, "snapshot_id", lh_arena_printf(job->arena, "%" PRId64, snapshot));
    lh_form_field(form, "min_confidence", lh_str_from(job->min_confidence));
    lh_form_field(form, "sample_rows", lh_str_from(job->sample_rows));
    return lh_form_post(job->connection, lh_str_from(path), form, job->arena, ret, err);
}

/* Asks /catalog/schema/diff or …/prompt. `other` is a file when there is one of that name. */
static lh_code schema_compare(const lh_datasets_job *job, const char *path, const char *other, lh_json **ret,
                              lh_error *err) {
    LH_CLEANUP(lh_form_done) lh_form form;
    lh_form_init(&form);
    if (lh_form_open(job->connection, other, &form, NULL) == LH_OK)
        return schema_compare_file(job, path, &form, ret, err);
    lh_json *body = lh_json_new_object(job->arena);
    lh_json_set(job->arena, body, "from", schema_side(job->name, job->arena));
    lh_json_set(job->arena, body, "to", schema_side(lh_str_from(other), job->arena));
    LH_TRY(schema_confidence(job, body, err));
    LH_TRY(lh_datasets_sample_rows(job, body, err));
    return lh_connection_send(job->connection, "POST", lh_str_from(path), body, job->arena, ret, err);
}

/* ---- what is shown ---- */

static lh_str schema_cell(lh_arena *arena, const lh_json *side) {
    if (lh_json_is_null(side)) return LH_STR_NONE;
    lh_str type = lh_cli_type(arena, lh_json_get_string(side, "type"));
    return lh_arena_printf(arena, "%.*s %.*s", LH_STR_ARG(lh_json_get_string(side, "name")), LH_STR_ARG(type));
}

static lh_code schema_print_diff(const lh_json *answer, lh_arena *arena, lh_error *err) {
    static const lh_cli_column heads[] = {
        {"change", false}, {"from", false}, {"to", false}, {"confidence", true}, {"why", false}};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "changes")); lh_json_next(&it);) {
        LH_CLEANUP(lh_buf_done) lh_buf why = LH_BUF_INIT(64 << 10);
        for (lh_json_iter r = lh_json_each(lh_json_get(it.value, "reasons")); lh_json_next(&r);)
            lh_buf_printf(&why, "%s%.*s", r.index ? ", " : "", LH_STR_ARG(lh_json_str(r.value, LH_STR_NONE)));
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "kind"));
        lh_cli_rows_text(&rows, schema_cell(arena, lh_json_get(it.value, "from")));
        lh_cli_rows_text(&rows, schema_cell(arena, lh_json_get(it.value, "to")));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "confidence"));
        lh_cli_rows_text(&rows, lh_buf_str(&why));
    }
    if (lh_json_size(rows.rows) == 0) return printf("the schemas are the same\n"), LH_OK;
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

/* ---- migrate ---- */

static lh_code schema_read_rules(const lh_datasets_job *job, const char *path, lh_json **ret, lh_error *err) {
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

lh_code lh_datasets_migrate(const lh_datasets_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *rules = NULL, *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_path(job->arena, "/catalog/datasets/by-name/", job->name, "/migrate", &path, err));
    if (job->rules) LH_TRY(schema_read_rules(job, job->rules, &rules, err));
    else LH_TRY(schema_compare(job, SCHEMA_DIFF, job->to, &answer, err));
    if (answer) rules = lh_json_copy(job->arena, lh_json_get(answer, "rules"));
    lh_json_set(job->arena, body, lh_json_is_object(rules) ? "answer" : "rules", rules);
    if (job->dry_run) lh_json_set_bool(job->arena, body, "dry_run", true);
    LH_TRY(schema_confidence(job, body, err));
    LH_TRY(lh_connection_send(job->connection, "POST", path, body, job->arena, &answer, err));
    if (job->dry_run || job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_str applied = lh_cli_counted(job->arena, lh_json_size(lh_json_get(answer, "applied")), "rule");
    printf("%.*s applied, %zu skipped; back with: lakehouse datasets rollback %.*s\n", LH_STR_ARG(applied),
           lh_json_size(lh_json_get(answer, "skipped")), LH_STR_ARG(job->name));
    return LH_OK;
}

lh_code lh_datasets_rollback(const lh_datasets_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_str path;
    if (job->snapshot) lh_json_set_string(job->arena, body, "snapshot_id", lh_str_from(job->snapshot));
    LH_TRY(lh_cli_path(job->arena, "/catalog/datasets/by-name/", job->name, "/rollback", &path, err));
    LH_TRY(lh_connection_send(job->connection, "POST", path, body, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("%.*s is at snapshot %" PRId64 " again; it was at %" PRId64 "\n", LH_STR_ARG(job->name),
           lh_json_int(lh_json_get(answer, "snapshot_id"), -1),
           lh_json_int(lh_json_get(answer, "snapshot_before"), -1));
    return LH_OK;
}

lh_code lh_datasets_diff(const lh_datasets_job *job, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(schema_compare(job, SCHEMA_DIFF, job->words->items[2], &answer, err));
    return job->json ? lh_cli_print_json(answer, job->arena, err) : schema_print_diff(answer, job->arena, err);
}

lh_code lh_datasets_prompt(const lh_datasets_job *job, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(schema_compare(job, "/catalog/schema/prompt", job->words->items[2], &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_str prompt = lh_json_get_string(answer, "prompt");
    printf("%.*s%s", LH_STR_ARG(prompt), lh_str_ends(prompt, LH_STR("\n")) ? "" : "\n");
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "What a model answers goes into: lakehouse datasets migrate %.*s --rules FILE\n",
                LH_STR_ARG(job->name));
    return LH_OK;
}
