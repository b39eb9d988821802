/* The state of one request that runs SQL. */
#ifndef LH_ENGINE_RUN_H
#define LH_ENGINE_RUN_H
#include "engine/engine_internal.h"
#include "engine/escape.h"
#include "engine/rows.h"
#include "engine/sql_guard.h"

/* A table of the text as it was before the transaction began. */
typedef struct run_before {
    lh_table_name name;  /* as the catalog has it */
    int64_t snapshot_id; /* -1 none, -2 no table */
    uint64_t version;    /* 0: no table */
    bool exact;          /* the text has just this name, in its case */
    uint64_t hot_id;     /* of the copy that is read in its place; 0: none */
} run_before;

typedef struct engine_run {
    lh_engine *engine;
    const lh_query *query;
    lh_arena *arena;
    lh_sql_scan scan;
    const lh_sql_statement *statement; /* that runs now */
    engine_connection *connection;
    uint64_t started_ns, deadline_ns, elapsed_ms;
    lh_table_name *locks; /* arena; sorted, distinct; the first `locked` are held */
    size_t lock_count, locked;
    run_before *before;         /* arena; of each scan.tables */
    engine_snapshot *snapshots; /* arena */
    size_t snapshot_count;
    bool in_transaction; /* the text's own BEGIN is open */
    bool lost_race;      /* the last failure: another writer came between */
    bool told;           /* the statement's failure is in the journal of the buckets */
    bool truncated;
    bool hot_used; /* the statement reads copies of the cache */
    bool hot_off;  /* … which did not go well: it is to read the lake */
} engine_run;

/* ---- hot_use.c ---- */
/* Puts copies into the place of tables, where they are what the lake would show: `count` statements were extracted. */
void run_hot_rewrite(engine_run *run, duckdb_extracted_statements extracted, idx_t count);
bool run_hot_unchanged(engine_run *run); /* asked once the statement is bound */
void run_hot_count(engine_run *run);
/* ---- listing.c ---- */
/* Before a statement outside the text's own transaction: if it lists columns, DuckDB is told of the tables that changed. */
lh_code engine_listing_refresh(engine_run *run, lh_error *err);
#endif
