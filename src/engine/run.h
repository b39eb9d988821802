/* The state of one request that runs SQL. */
#ifndef LH_ENGINE_RUN_H
#define LH_ENGINE_RUN_H
#include "engine/engine_internal.h"
#include "engine/escape.h"
#include "engine/rows.h"
#include "engine/sql_guard.h"

/* A table of the text as it was before the transaction began. */
typedef struct run_before {
    lh_table_name name;  /* as the text and the catalog have it */
    int64_t snapshot_id; /* -1 none, -2 no table */
    uint64_t version;    /* 0: no table */
    uint64_t hot_id;     /* of the copy that is read in its place; 0: none */
} run_before;

typedef struct engine_run {
    lh_engine *engine;
    const lh_query *query;
    const lh_governor *governor; /* the query's, or that of views; NULL: the caller sees all, as it is */
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
    size_t told_tables;  /* of scan.tables those that the text names; the rest lie below views */
    bool in_transaction; /* the text's own BEGIN is open */
    bool lost_race;      /* the last failure: another writer came between */
    bool over;           /* a failure: another statement ended the database */
    bool told;           /* the statement's failure is in the journal of the buckets */
    bool truncated;
    bool hot_used;             /* the statement reads copies of the cache */
    bool hot_off;              /* … which did not go well: it is to read the lake */
    char (*hot_names)[32];     /* arena; of the tables of the cache that it reads */
    lh_table_name *hot_tables; /* arena; that they stand for */
    size_t hot_name_count;

    lh_json *inherited; /* of the text's transaction so far: {table: {column: …}}; NULL: nothing */

    /* of a governed statement (govern.c) */
    const lh_relation **governed; /* arena; what it reads, each once */
    lh_str *governed_said;        /* arena; what the text calls each */
    size_t governed_count, governed_max;
    size_t governed_references, governed_bytes; /* how often, and in how much SQL */
    bool governed_whole;   /* of each all is seen */
    bool governed_writes;  /* … the target: */
    bool governed_checked; /* its rows are looked at only behind the filters of who may change them */
    lh_table_name governed_target;
    bool governing; /* the connection's plans are checked */
} engine_run;

/* ---- run.c ---- */
/* A name in SQL: t, ns.t, lake.ns.t. The namespace is the one that is there, whatever the case it is written in. False: of no
 * table of a lake, or in several namespaces. Arena. */
bool run_resolve(const engine_run *run, const lh_str *parts, size_t count, lh_table_name *ret);
lh_namespace_of run_resolve_namespace(const engine_run *run, lh_str schema); /* of "a.b"; "": the default one */
lh_str run_written_namespace(const engine_run *run, lh_str schema); /* the same in the case that it is written in */
/* The time that a constant of AT (TIMESTAMP => …) is, as the extension has it; asking does no harm to the transaction. */
bool run_constant_ms(engine_run *run, lh_str constant, int64_t *ret);

/* ---- hot_use.c ---- */
/* Puts copies into the place of tables, where they are what the lake would show: `count` statements were extracted. */
void run_hot_rewrite(engine_run *run, duckdb_extracted_statements extracted, idx_t count);
bool run_hot_unchanged(engine_run *run); /* asked once the statement is bound */
void run_hot_count(engine_run *run);
/* ---- listing.c ---- */
/* Before a statement outside the text's own transaction: if it lists columns, DuckDB is told of the tables that changed. */
lh_code engine_listing_refresh(engine_run *run, lh_error *err);
/* Are the namespaces there that the statement names? *ret_nothing: one is not, and IF EXISTS leaves nothing to do. Errors: INVALID, as
 * DuckDB says it. */
LH_MUST_CHECK lh_code engine_listing_known(engine_run *run, bool *ret_nothing, lh_error *err);
#endif
