/* ingest: a file becomes (part of) a table. The bytes lie on disk already (an upload streamed to
 * the scratch folder, or the CLI's file); DuckDB reads them from there, never whole in memory.
 * Depends on: base, storage, catalog, engine. Used by: api, cli. Thread-safe: any call, any thread. */
#ifndef LH_INGEST_INGEST_H
#define LH_INGEST_INGEST_H
#include "engine/engine.h"

typedef struct lh_ingest lh_ingest;
typedef struct lh_ingest_options {
    lh_engine *engine; /* borrowed for life, as the rest */
    lh_catalog *catalog;
    lh_bucket *bucket;
    lh_str scratch_dir;
    uint64_t line_max_bytes, columns_max;
} lh_ingest_options;
LH_MUST_CHECK lh_code lh_ingest_new(const lh_ingest_options *options, lh_ingest **ret, lh_error *err);
void lh_ingest_free(lh_ingest *ingest);
static inline void lh_ingest_freep(lh_ingest **ingest) { lh_ingest_free(*ingest); }

typedef struct lh_ingest_progress { /* written by the job, read by others: relaxed atomics */
    _Atomic uint64_t bytes_read, bytes_total, rows;
    _Atomic int phase; /* 0 receiving, 1 checking, 2 loading, 3 done */
} lh_ingest_progress;

/* What the bytes of a file are, found while they come: each block once, in order, of any size; then end. */
typedef struct lh_ingest_survey lh_ingest_survey;
LH_MUST_CHECK lh_code lh_ingest_survey_new(const lh_ingest *ingest, lh_ingest_survey **ret, lh_error *err);
void lh_ingest_survey_add(lh_ingest_survey *survey, lh_str bytes);
void lh_ingest_survey_end(lh_ingest_survey *survey);
void lh_ingest_survey_free(lh_ingest_survey *survey);

typedef struct lh_ingest_request {
    lh_str dataset;         /* "t" or "ns.t" */
    lh_str mode;            /* "create" (default; CONFLICT when it exists), "append", "replace", "upsert" */
    lh_str key;             /* upsert: column names, comma-separated */
    lh_str format;          /* "csv", "tsv", "json", "ndjson", "parquet"; empty: by name, then content */
    lh_str on_error;        /* "fail" (default) or "quarantine" */
    const lh_json *options; /* {"delimiter","quote","escape","header":bool,"encoding","null":"NA","all_varchar":bool,
                               "columns":{"name":"type"},"compression":"none|gzip|zstd|zip","flatten":bool,"flatten_depth":n,
                               "date_format","timestamp_format","skip"}; NULL for none; unknown member: INVALID */
    lh_str path;            /* absolute; the file as received (maybe compressed) */
    lh_str file_name;       /* as the sender calls it: decides format and compression, goes to lineage */
    lh_str source;          /* "upload", "cli", … */
    const lh_ingest_survey *survey; /* of all bytes as received, ended */
    lh_ingest_progress *progress;   /* may be NULL */
    lh_cancel *cancel;              /* may be NULL */
} lh_ingest_request;

/* Runs to the end. *ret (arena): {"dataset","mode","format","rows","rejected","bytes","sha256","deduplicated":bool,"snapshot_id",
 * "job_id","rejects_dataset"?,"columns":[{"name","type"}],"added_columns","widened_columns","elapsed_ms"}.
 * All or nothing: on any error the table is as before. Errors: INVALID (line and column of the first bad row; empty
 * file; header only gives an empty table in create mode), CONFLICT (exists; schema differs: a readable diff),
 * NOT_FOUND, LIMIT, CANCELLED, IO (ENOSPC). */
LH_MUST_CHECK lh_code lh_ingest_file(lh_ingest *ingest, const lh_ingest_request *request, lh_arena *arena,
                                     lh_json **ret, lh_error *err);

/* POST /datasets: {"name","location" (folder, file or metadata.json in the bucket) | "files":[…],"format":"parquet|iceberg"}. Nothing is copied.
 * *ret: the dataset. Errors: INVALID, NOT_FOUND, CONFLICT. */
LH_MUST_CHECK lh_code lh_ingest_register(lh_ingest *ingest, const lh_json *request, lh_arena *arena, lh_json **ret,
                                         lh_error *err);
#endif
