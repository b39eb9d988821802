/* What the verbs of `lakehouse datasets` share. */
#ifndef LH_CLI_DATASETS_INTERNAL_H
#define LH_CLI_DATASETS_INTERNAL_H
#include "cli/cli_internal.h"

typedef struct lh_datasets_job {
    lh_connection *connection;
    lh_arena *arena;
    lh_str name;                                                      /* the first word behind the verb, or empty */
    const lh_cli_list *words;                                         /* all of them, from the verb on */
    const char *to, *rules, *min_confidence, *snapshot, *sample_rows; /* NULL: not given */
    bool dry_run, json, purge, yes;
} lh_datasets_job;

typedef lh_code (*lh_datasets_verb)(const lh_datasets_job *job, lh_error *err);

/* datasets_show.c: what is known of one, for people or with --json as JSON */
LH_MUST_CHECK lh_code lh_datasets_show(const lh_datasets_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_datasets_describe(const lh_datasets_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_datasets_history(const lh_datasets_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_datasets_lineage(const lh_datasets_job *job, lh_error *err);

/* datasets_schema.c */
LH_MUST_CHECK lh_code lh_datasets_diff(const lh_datasets_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_datasets_prompt(const lh_datasets_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_datasets_migrate(const lh_datasets_job *job, lh_error *err);
LH_MUST_CHECK lh_code lh_datasets_rollback(const lh_datasets_job *job, lh_error *err);

/* datasets_scan.c; --sample-rows goes into the body */
LH_MUST_CHECK lh_code lh_datasets_sample_rows(const lh_datasets_job *job, lh_json *body, lh_error *err);
LH_MUST_CHECK lh_code lh_datasets_scan(const lh_datasets_job *job, lh_error *err);
#endif
