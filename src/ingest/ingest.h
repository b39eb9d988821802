/* ingest: a file becomes (part of) a table. The bytes lie on disk already (an upload streamed to
 * the scratch folder, or the CLI's file); DuckDB reads them from there, never whole in memory.
 * Depends on: base, pii, storage, catalog, engine. Used by: api, cli. Thread-safe: any call, any thread. */
#ifndef LH_INGEST_INGEST_H
#define LH_INGEST_INGEST_H
#include "engine/engine.h"

typedef struct lh_ingest lh_ingest;
typedef struct lh_ingest_options {
    lh_engine *engine; /* borrowed for life, as the rest */
    lh_catalog *catalog;
    lh_bucket *bucket;
    lh_str scratch_dir;
    uint64_t line_max_bytes, columns_max, document_max_bytes;
    bool detect_pii; /* look for personal data after a load */
} lh_ingest_options;
LH_MUST_CHECK lh_code lh_ingest_new(const lh_ingest_options *options, lh_ingest **ret, lh_error *err);
void lh_ingest_free(lh_ingest *ingest);
static inline void lh_ingest_freep(lh_ingest **ingest) { lh_ingest_free(*ingest); }

/* "2024 Sales.csv.gz" → "t_2024_sales": what SQL takes without quotes. Arena; never empty. */
lh_str lh_ingest_dataset_name(lh_str file_name, lh_arena *arena);

/* What the bytes of a file are, found while they come: each block once, in order, of any size; then end. */
typedef struct lh_ingest_survey lh_ingest_survey;
LH_MUST_CHECK lh_code lh_ingest_survey_new(const lh_ingest *ingest, lh_ingest_survey **ret, lh_error *err);
void lh_ingest_survey_add(lh_ingest_survey *survey, lh_str bytes);
/* All of `bytes` into a scratch file. Errors: IO. */
LH_MUST_CHECK lh_code lh_ingest_write(int fd, lh_str bytes, lh_error *err);
void lh_ingest_survey_end(lh_ingest_survey *survey);
void lh_ingest_survey_free(lh_ingest_survey *survey);

typedef struct lh_ingest_request {
    lh_str dataset;         /* "t" or "ns.t" */
    lh_str mode;            /* "create" (default; CONFLICT when it exists), "append", "replace", "upsert" */
    lh_str bucket;          /* where a new table lies; CONFLICT when it is elsewhere; empty: the default */
    lh_str default_bucket;  /* where a new table lies when `bucket` is empty; empty: the primary */
    lh_str key;             /* upsert: column names, comma-separated */
    lh_str format;          /* "csv", "tsv", "json", "ndjson", "parquet", "documents"; empty: by name, then content */
    lh_str on_error;        /* "fail" (default, but of documents) or "quarantine" */
    lh_str on_schema_change; /* an existing table: "add" (default: new columns and wider types), "fail", "migrate" */
    const lh_json *options; /* {"delimiter","quote","escape","header":bool,"encoding","null":"NA","all_varchar":bool,
                               "columns":{"name":"type"},"compression":"none|gzip|zstd|zip","flatten":bool,"flatten_depth":n,
                               "date_format","timestamp_format","skip"}; NULL for none; unknown member: INVALID */
    lh_str path;            /* absolute; the file as received (maybe compressed) */
    lh_str file_name;       /* as the sender calls it: decides format and compression, goes to lineage */
    lh_str source;          /* "upload", "cli", … */
    const lh_ingest_survey *survey; /* of all bytes as received, ended */
    lh_cancel *cancel;              /* may be NULL */
} lh_ingest_request;

/* What can be said of a request before its file is there: the fields that are given, each by itself. Errors: INVALID. */
LH_MUST_CHECK lh_code lh_ingest_check(const lh_ingest *ingest, const lh_ingest_request *request, lh_arena *arena,
                                      lh_error *err);
/* Do bad rows go to <dataset>__rejects? */
bool lh_ingest_puts_aside(const lh_ingest_request *request);
/* Runs to the end. *ret (arena): {"dataset","mode","format","rows","rejected","bytes","sha256","deduplicated":bool,"snapshot_id",
 * "job_id","rejects_dataset"?,"pii"?,"columns":[{"name","type"}],"added_columns","widened_columns","elapsed_ms"}.
 * All or nothing: on any error the table is as before. Errors: INVALID (line and column of the first bad row; empty
 * file; header only gives an empty table in create mode), CONFLICT (exists; schema differs: a readable diff),
 * NOT_FOUND, LIMIT, CANCELLED, IO (ENOSPC). */
LH_MUST_CHECK lh_code lh_ingest_file(lh_ingest *ingest, const lh_ingest_request *request, lh_arena *arena,
                                     lh_json **ret, lh_error *err);

/* POST /datasets: {"name","location" (folder, file or metadata.json in the bucket) | "files":[…],"format":"parquet|iceberg"}. Nothing is copied.
 * system: may it be of the namespace `system`, or its files? *ret: the dataset. Errors: INVALID, NOT_FOUND, CONFLICT, DENIED. */
LH_MUST_CHECK lh_code lh_ingest_register(lh_ingest *ingest, const lh_json *request, bool system, lh_arena *arena,
                                         lh_json **ret, lh_error *err);

/* ---- personal data ---- */
typedef struct lh_ingest_scan_request {
    lh_str dataset;
    size_t sample_rows; /* 1 … LH_LIMIT_SCAN_ROWS; drawn from all rows */
    bool dry_run;       /* nothing is remembered */
    lh_cancel *cancel;  /* may be NULL */
} lh_ingest_scan_request;
/* Looks for personal data in a sample of rows and remembers what it finds, as lh_dataset_set_detected() does. *ret (arena):
 * {"dataset","snapshot_id","dry_run","sampled_rows","columns":[{"name","type","pii_kind","confidence","declared","evidence" or
 * "skipped"}]}; counts, never values. Errors: NOT_FOUND, INVALID, CANCELLED, UNAVAILABLE, LIMIT. */
LH_MUST_CHECK lh_code lh_ingest_scan(lh_ingest *ingest, const lh_ingest_scan_request *request, lh_arena *arena,
                                     lh_json **ret, lh_error *err);

/* ---- schemas compared and migrated ---- */
typedef struct lh_schema_side { /* one of the three */
    lh_str dataset;
    int64_t snapshot_id;           /* of the dataset; -1: what it is now */
    lh_str object;                 /* key of a file in the bucket */
    const lh_ingest_request *file; /* with path, file_name, survey, and maybe format and options */
    lh_str format;                 /* of object, and its options as lh_ingest_request has them */
    const lh_json *options;
} lh_schema_side;
typedef struct lh_schema_diff {
    lh_schema_side from, to;
    bool values;           /* look at values too; without it only names, types and places count */
    double min_confidence; /* of a prompt: what is less certain is asked */
    size_t sample_rows;    /* of a prompt */
    lh_cancel *cancel;     /* may be NULL */
} lh_schema_diff;
/* *ret (arena): {"from","to","equal","changes":[{"kind","from"?,"to"?,"confidence","reasons",…}],"rules","suggestions"}. Errors:
 * NOT_FOUND, INVALID (a file that cannot be read; no side given), LIMIT, CANCELLED. */
LH_MUST_CHECK lh_code lh_schema_compare(lh_ingest *ingest, const lh_schema_diff *request, lh_arena *arena,
                                        lh_json **ret, lh_error *err);
/* *ret (arena): {"prompt","open_questions","answer_schema","diff"}: a text for a model, values masked, and what its
 * answer must be, which lh_schema_migrate() takes as rules. Errors: as lh_schema_compare(). */
LH_MUST_CHECK lh_code lh_schema_prompt(lh_ingest *ingest, const lh_schema_diff *request, lh_arena *arena, lh_json **ret,
                                       lh_error *err);

typedef struct lh_schema_migration {
    lh_str dataset;
    const lh_json *rules;     /* array, or an answer {"rules":[…]}; NULL: from a diff with `to` */
    const lh_schema_side *to; /* NULL with rules */
    bool dry_run;
    double min_confidence; /* rules below it are not applied */
    size_t sample_rows;    /* of a dry run */
    lh_cancel *cancel;     /* may be NULL */
} lh_schema_migration;
/* All rules in one commit, which lh_schema_rollback() takes back. *ret (arena): {"dataset","dry_run","applied","skipped","casts":
 * [{"column","type","rows","failed","lossy"}],"columns","before"?,"after"?,"snapshot_id"?,"snapshot_before"?}. Errors: INVALID (a rule;
 * values that cannot be cast, counted), NOT_FOUND, CONFLICT (writers were faster), CANCELLED, IO; nothing is changed then. */
LH_MUST_CHECK lh_code lh_schema_migrate(lh_ingest *ingest, const lh_schema_migration *request, lh_arena *arena,
                                        lh_json **ret, lh_error *err);
/* lh_table_rollback() while no writer of this process is at work on the table. */
LH_MUST_CHECK lh_code lh_schema_rollback(lh_ingest *ingest, lh_str dataset, int64_t snapshot_id, lh_cancel *cancel,
                                         lh_arena *arena, lh_json **ret, lh_error *err);
#endif
