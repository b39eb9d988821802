/* The verbs of `lakehouse datasets` that look at schemas and values. */
#ifndef LH_CLI_DATASETS_SCHEMA_H
#define LH_CLI_DATASETS_SCHEMA_H
#include "cli/cli_internal.h"

typedef struct lh_schema_job {
    lh_connection *connection;
    lh_arena *arena;
    lh_str name;
    const char *to, *rules, *min_confidence, *snapshot, *sample_rows; /* NULL: not given */
    bool dry_run, json;
} lh_schema_job;
/* verb: diff (with `other`), migrate, rollback, scan. */
LH_MUST_CHECK lh_code lh_cli_datasets_schema(const lh_schema_job *job, lh_str verb, const char *other, lh_error *err);
#endif
