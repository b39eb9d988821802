/* The state of one request that runs SQL. */
#ifndef LH_ENGINE_RUN_H
#define LH_ENGINE_RUN_H
#include "engine/engine_internal.h"
#include "engine/escape.h"
#include "engine/rows.h"
#include "engine/sql_guard.h"

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
    int64_t *before;            /* arena; snapshot of each scan.tables before the transaction; -1 none, -2 no table */
    engine_snapshot *snapshots; /* arena */
    size_t snapshot_count;
    bool in_transaction; /* the text's own BEGIN is open */
    bool lost_race;      /* the last failure: another writer came between */
    bool truncated;
} engine_run;
#endif
