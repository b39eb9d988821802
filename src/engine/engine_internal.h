/* Inside the engine: pooled connections, waiting, running statements, table locks. */
#ifndef LH_ENGINE_INTERNAL_H
#define LH_ENGINE_INTERNAL_H
#include <duckdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "engine/engine.h"
#include "engine/listing_shim.h"

enum { LH_ENGINE_CONNECTIONS_MAX = 256, LH_ENGINE_RETRIES = 5 };
#define LH_NO_DEADLINE UINT64_MAX /* deadlines are lh_time_monotonic_ns() */

typedef struct engine_hot engine_hot;

/* One who waits in a FIFO queue (pool or table lock); lives on its own stack, linked under engine->lock. */
typedef struct engine_waiter {
    struct engine_waiter *next;
    pthread_cond_t cond;
    bool granted, cancelled;
    void *got;
    lh_engine *engine;
} engine_waiter;

typedef struct engine_queue {
    engine_waiter *first, *last;
    size_t count;
} engine_queue;

/* A pooled connection. While `running`, it is in engine->running and the timer may interrupt it. */
typedef struct engine_masks {
    unsigned char key[32];
    char name[24]; /* what the names of its functions begin with; of this process */
} engine_masks;

typedef struct engine_connection {
    lh_engine *engine;
    duckdb_connection handle;
    bool in_lake; /* USE was done */
    uint64_t generation;
    bool running, cancelled, timed_out, committing;
    uint64_t deadline_ns, timeout_ms;
    lh_cancel *cancel;
    char trace[56];                            /* traceparent of what runs, not ended by a NUL; empty: none */
    struct engine_connection *next, *previous; /* of engine->running */
} engine_connection;

typedef struct engine_table_lock {
    struct engine_table_lock *next;
    engine_queue queue;
    lh_str key; /* owned: namespace, NUL, name, lower case */
    bool held;
    char trace[56]; /* traceparent of the holder */
} engine_table_lock;

/* lock guards everything below it; conditions are on the monotonic clock. Order: a cancel's lock before engine->lock. */
/* How many rows of a relation were seen when it was counted, govern.c. */
enum { ENGINE_SEEN_ROWS_MAX = 256 };
typedef struct engine_seen_rows {
    lh_sha256 relation; /* of its text */
    uint64_t version, rows;
    int64_t at_ms;
} engine_seen_rows;

struct lh_engine {
    lh_catalog *catalog;
    lh_registry *registry;
    unsigned connections_max, queue_max;
    lh_str scratch_dir, extension_dir, default_namespace; /* owned */
    const char *extension;                                /* that it has alone; static; NULL: those of every engine */
    lh_str url, token;                                    /* owned: of the catalog, once attached */
    unsigned threads;
    uint64_t memory_bytes;
    engine_hot *hot; /* owned; NULL without a catalog */
    pthread_condattr_t clock;
    pthread_t timer;
    bool timer_started;

    pthread_mutex_t reopen_lock; /* one at a time opens another database; taken before all others */
    uint64_t revive_ns;          /* not tried again before; reopen_lock guards it */

    pthread_mutex_t lock;
    pthread_cond_t timer_wake;
    bool closing, attached;
    duckdb_database database;
    uint64_t generation; /* of the database; each other one begins another */
    engine_connection *all[LH_ENGINE_CONNECTIONS_MAX], *idle[LH_ENGINE_CONNECTIONS_MAX];
    size_t all_count, idle_count;
    engine_queue pool_queue;
    engine_connection *running;
    engine_table_lock *table_locks;
    uint64_t listed_sequence; /* of the catalog, up to which lists of columns are true; listing.c */
    lh_engine_stats stats;    /* running and waiting are computed */
    size_t waiting;

    pthread_mutex_t sample_lock; /* of its own: held by DuckDB's threads */
    lh_sample *samples;
    uint64_t govern_nonce; /* LIMIT of relations, govern.c */
    engine_seen_rows seen_rows[ENGINE_SEEN_ROWS_MAX];
    engine_masks masks;
    int64_t sample_ids;
};

/* ---- pool.c ---- */
lh_code engine_acquire(lh_engine *engine, lh_cancel *cancel, uint64_t deadline_ns, engine_connection **ret,
                       lh_error *err);
void engine_release(engine_connection *connection);
/* Instead of a release, when calls on the connection were abandoned (escape.h): its place in the pool is free again, what
 * DuckDB holds of it stays until the process ends. Sets and returns the error that `message` tells. */
lh_code engine_abandon(engine_connection *connection, const char *message, lh_error *err);
/* The error that an escaped exception's `message` tells, told to the journal of the buckets too. */
lh_code engine_escape_failure(const lh_engine *engine, const char *message, lh_error *err);
/* Between the two the statement on this connection is interrupted when the cancel fires or the deadline passes. */
lh_code engine_running_begin(engine_connection *connection, lh_cancel *cancel, uint64_t deadline_ns,
                             uint64_t timeout_ms, lh_error *err);
void engine_running_end(engine_connection *connection);
/* LH_OK, or CANCELLED with the reason. */
lh_code engine_running_check(engine_connection *connection, lh_error *err);
/* Between the two nothing interrupts: a commit that is under way is told as it went, not as the clock went. CANCELLED
 * when the statement is to stop already; then end need not be called. */
lh_code engine_commit_begin(engine_connection *connection, lh_error *err);
void engine_commit_end(engine_connection *connection);
lh_code engine_timer_start(lh_engine *engine, lh_error *err);
void engine_timer_stop(lh_engine *engine);

/* ---- pending.c ---- */
/* NULL, or the text of the error, which lives as long as the two. `result` is zeroed on entry, and the caller's to destroy. */
const char *engine_pending_run(duckdb_pending_result pending, duckdb_result *result);
/* One step of it, or a short sleep when there is nothing to do; *idle is 0 at first. */
duckdb_pending_state engine_pending_task(duckdb_pending_result pending, unsigned *idle);

/* ---- wait.c ---- */
/* Queues and waits; the lock is held on entry and on return, and released meanwhile (also to watch the cancel). */
lh_code engine_wait_locked(lh_engine *engine, engine_queue *queue, lh_cancel *cancel, uint64_t deadline_ns,
                           const char *what, void **ret, lh_error *err);
bool engine_grant_locked(engine_queue *queue, void *thing); /* wakes the first waiter; false when there is none */

/* ---- table_lock.c ---- */
lh_code engine_lock_table(lh_engine *engine, lh_table_name name, lh_cancel *cancel, uint64_t deadline_ns,
                          lh_error *err);
void engine_table_locks_free(lh_engine *engine);

/* ---- extension.c ---- */
/* Checks and loads every extension that an engine needs; or, of those that are not part of every set-up, the one of that name. Errors:
 * NOT_FOUND, of such a one UNAVAILABLE; CORRUPT (not the file that was built with). */
lh_code engine_load_extensions(lh_str folder, const char *alone, duckdb_database database, lh_error *err);

/* ---- bulk.c ---- */
lh_code engine_bulk_each(duckdb_result result, lh_chunk_fn each, void *ctx, lh_error *err);
lh_code engine_bulk_append(duckdb_connection connection, const char *table, const lh_bulk_column *columns,
                           size_t column_count, size_t rows, lh_error *err);

/* ---- sample.c ---- */
/* Is that table of the lake there now, or without one that schema? ctx: the engine. For listing_shim_install(). */
bool engine_listing_has(void *ctx, const char *schema, const char *table, char spelled[LISTING_SCHEMA_BYTES]);
lh_code engine_register_sample(lh_engine *engine, duckdb_database database, lh_error *err);
/* The functions of masks (mask.h), under names that nobody can know. */
void engine_masks_init(engine_masks *masks, lh_str key);
lh_code engine_register_masks(engine_masks *masks, duckdb_database database, lh_error *err);

/* ---- govern.c ---- */
lh_code engine_govern_install(lh_engine *engine, duckdb_database database, lh_error *err);

/* ---- engine.c ---- */
lh_code engine_connection_open_locked(lh_engine *engine, engine_connection **ret, lh_error *err);
/* A connection of a database before this one gets a handle of this one. On an error it is as before. */
lh_code engine_connection_renew_locked(engine_connection *connection, lh_error *err);
/* duckdb_disconnect(), also while a transaction is open and the database over. */
void engine_disconnect(duckdb_connection *connection);
/* Another handle; what the one before held (a transaction, temporary tables) is gone. */
void engine_connection_reset(engine_connection *connection);
/* After a fatal error DuckDB refuses all that comes: another database takes its place, as lh_engine_reopen() does it. What
 * cannot be replaced is tried again by who comes a second later. Errors: UNAVAILABLE. No lock is held, a connection may be. */
lh_code engine_revive(lh_engine *engine, lh_error *err);
void engine_connection_close(engine_connection *connection);
lh_code engine_connection_enter(engine_connection *connection, lh_error *err); /* USE lake.<default namespace>, once */
/* Runs one of our own statements, result dropped. */
lh_code engine_execute(duckdb_connection connection, const char *sql, lh_error *err);
/* The last step of attaching: from now on no file but the buckets' and the scratch folder's, and no SET. For good. */
lh_code engine_lock_down(const lh_engine *engine, duckdb_connection connection, lh_error *err);

/* ---- the hot cache, hot*.c; see hot.h ---- */
lh_code engine_hot_new(lh_engine *engine, const lh_engine_options *options, engine_hot **ret, lh_error *err);
/* Makes the hidden database of a new DuckDB, before that is locked. */
lh_code engine_hot_attach(engine_hot *hot, duckdb_database database, duckdb_connection connection, lh_error *err);
lh_code engine_hot_start(engine_hot *hot, lh_error *err);
void engine_hot_reopened(engine_hot *hot, uint64_t generation); /* what was held is gone, and loaded again */
void engine_hot_stop(engine_hot *hot);                          /* NULL is fine, as for free */
void engine_hot_free(engine_hot *hot);
/* The table may have changed: its copy is brought up to date. hot NULL is fine. */
void engine_hot_poke(engine_hot *hot, lh_table_name name);
void engine_hot_poke_id(engine_hot *hot, uint64_t id);

/* ---- failure.c ---- */
/* Turns DuckDB's error into ours. `text`: the statement it was about, which began at `offset` of `whole`. */
lh_code engine_failure(const char *message, lh_str whole, size_t offset, lh_error *err);
bool engine_is_foreign_commit(const char *message); /* another writer was faster */
bool engine_is_over(const char *message);           /* an earlier statement ended the database: engine_revive() */
/* What failed was something stored, not something sent: INVALID becomes CORRUPT, also in *err. */
lh_code engine_stored_failure(lh_code code, lh_error *err);

/* ---- storage_failure.c ---- */
typedef struct engine_failed_file {
    lh_str place; /* borrowed from the message: a path, a location or an URL */
    lh_code code;
    bool write;
    char why[512]; /* the message's first line without the place */
} engine_failed_file;
/* Is DuckDB's message about a file that it could not read or write? */
bool engine_storage_failure(const char *message, engine_failed_file *ret);
/* Tells the registry's journal of it, if the file lies in a bucket; then true. message may be NULL. */
bool engine_tell_failure(const lh_engine *engine, const char *message);

/* ---- bind.c ---- */
/* Binds params (array by position, object by name; NULL none) to a prepared statement. Errors: INVALID naming it. */
lh_code engine_bind(duckdb_prepared_statement statement, const lh_json *params, lh_error *err);
#endif
