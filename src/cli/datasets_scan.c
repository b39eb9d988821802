/* `lakehouse datasets scan`: where is personal data? */
#include "cli/datasets_internal.h"

#include <stdio.h>

/* "48 of 50" and, of a free text, what it holds: "48 of 50: 30 email, 20 phone". */
static void scan_evidence(lh_cli_rows *rows, const lh_json *column) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4096);
    const lh_json *evidence = lh_json_get(column, "evidence");
    lh_str skipped = lh_json_get_string(column, "skipped"), scheme = lh_json_get_string(evidence, "scheme");
    if (skipped.len) {
        lh_buf_append(&text, skipped);
    } else if (!lh_json_is_null(lh_json_get(column, "pii_kind"))) {
        lh_buf_printf(&text, "%" PRIu64 " of %" PRIu64, lh_json_uint(lh_json_get(evidence, "matched"), 0),
                      lh_json_uint(lh_json_get(evidence, "values"), 0));
        for (lh_json_iter it = lh_json_each(lh_json_get(evidence, "found")); lh_json_next(&it);)
            lh_buf_printf(&text, "%s %" PRIu64 " %.*s", it.index ? "," : ":", lh_json_uint(it.value, 0),
                          LH_STR_ARG(it.name));
        if (scheme.len) lh_buf_printf(&text, ", %.*s", LH_STR_ARG(scheme));
    }
    lh_cli_rows_text(rows, lh_buf_str(&text));
}

static lh_code scan_print(const lh_datasets_job *job, const lh_json *answer, lh_error *err) {
    static const lh_cli_column heads[] = {{"column", false},    {"type", false},   {"found", false},
                                          {"confidence", true}, {"values", false}, {"declared", false}};
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "columns")); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "name"));
        lh_cli_rows_text(&rows, lh_cli_type(job->arena, lh_json_get_string(it.value, "type")));
        lh_cli_rows_text(&rows, lh_json_str(lh_json_get(it.value, "pii_kind"), LH_STR("-")));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "confidence"));
        scan_evidence(&rows, it.value);
        lh_cli_rows_text(&rows, lh_json_get_string(it.value, "declared"));
    }
    LH_TRY(lh_cli_rows_print(&rows, lh_cli_style(), err));
    lh_str looked = lh_cli_counted(job->arena, lh_json_uint(lh_json_get(answer, "sampled_rows"), 0), "row");
    printf("%.*s looked at%s\n", LH_STR_ARG(looked), job->dry_run ? "; nothing was remembered" : "");
    return LH_OK;
}

lh_code lh_datasets_sample_rows(const lh_datasets_job *job, lh_json *body, lh_error *err) {
    uint64_t rows;
    if (!job->sample_rows) return LH_OK;
    if (lh_str_to_u64(lh_str_from(job->sample_rows), &rows) != LH_OK)
        return lh_fail(err, LH_INVALID, "--sample-rows must be a number, not '%s'", job->sample_rows);
    lh_json_set_uint(job->arena, body, "sample_rows", rows);
    return LH_OK;
}

lh_code lh_datasets_scan(const lh_datasets_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_path(job->arena, "/catalog/datasets/by-name/", job->name, "/scan", &path, err));
    LH_TRY(lh_datasets_sample_rows(job, body, err));
    if (job->dry_run) lh_json_set_bool(job->arena, body, "dry_run", true);
    LH_TRY(lh_connection_send(job->connection, "POST", path, body, job->arena, &answer, err));
    return job->json ? lh_cli_print_json(answer, job->arena, err) : scan_print(job, answer, err);
}
