/* The hot cache: copies of lake tables, or of some of their columns, in a hidden in-memory database of DuckDB's.
 *
 * An entry is of one table. Its rows are those of one state of the table (uuid, snapshot, schema), and `version` says as of
 * which version of the table's document that was last known to be the current one. A statement reads the copy only when
 * that is the version before the statement's transaction began and still is when its names are replaced, and when the
 * entry did not change until the statement was bound. So it sees what the lake would have shown it.
 * One thread loads; it alone changes what an entry holds. hot->lock guards entries and numbers; no call of DuckDB or of
 * the catalog is made under it. Order: none of engine's locks is taken inside it. */
#ifndef LH_ENGINE_HOT_H
#define LH_ENGINE_HOT_H
#include "engine/engine_internal.h"
#include "engine/hot_shim.h"

enum { HOT_ENTRIES_MAX = 1000, HOT_COLUMNS_MAX = 1000, HOT_SEEN_MAX = 256 };
#define HOT_DATABASE "lh_hot_" /* and 32 random hex digits: nobody can name it */

typedef struct hot_entry {
    struct hot_entry *next;
    uint64_t id;
    lh_table_name name; /* owned, as the catalog has it */
    lh_str *columns;    /* owned; of a part */
    size_t column_count;
    lh_cache_origin origin;

    /* what it holds; changed by the loader only */
    bool held;
    uint64_t version;    /* queries may read it at that version of the table; 0: not now */
    uint64_t generation; /* of the database */
    lh_table_state state;
    char data[HOT_NAME_BYTES], shell[HOT_NAME_BYTES]; /* shell: of a part, else empty */
    uint64_t rows, bytes;

    bool wanted; /* the loader is to look at it */
    bool busy;   /* the loader works on it: nobody else frees it */
    bool doomed; /* evicted meanwhile */
    double progress;
    lh_code failed; /* of the last try; LH_OK: none */
    char failure[LH_ERROR_MESSAGE_BYTES];
    uint64_t tried_version, retry_ns; /* a failed load is tried again when the table changed, or later */

    uint64_t hits, misses, full_loads, delta_loads, delta_rows;
    uint64_t used_tick; /* order of use */
    int64_t loaded_ms, used_ms;
} hot_entry;

/* Reads of a table that is not pinned, for automatic pins. */
typedef struct hot_seen {
    lh_str key; /* owned */
    uint64_t reads;
} hot_seen;

/* A pin by request of which the document was taken up, by this gateway's request or by another's. */
typedef struct hot_kept {
    struct hot_kept *next;
    lh_str key; /* owned; of the document */
    uint64_t version;
    bool there; /* the last look found it */
} hot_kept;

struct engine_hot {
    lh_engine *engine;
    uint64_t limit_bytes, auto_pin_reads, load_timeout_ms;
    char database[64];
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t work, changed; /* the loader waits for one, pins for the other */
    bool stopping;
    uint64_t generation; /* of the database that is used now */
    hot_entry *entries;
    size_t count;
    uint64_t ids, tick, tables; /* the last given */
    uint64_t hits, misses, evictions, full_loads, delta_loads;
    hot_seen seen[HOT_SEEN_MAX];

    pthread_mutex_t
        kept_lock; /* guards kept, and the documents against our own changes; `lock` may be taken inside it */
    hot_kept *kept;
};

/* ---- hot.c ---- */
hot_entry *hot_find_locked(engine_hot *hot, lh_table_name name);
hot_entry *hot_by_id_locked(engine_hot *hot, uint64_t id);
void hot_want_locked(engine_hot *hot, hot_entry *entry);
uint64_t hot_bytes_locked(const engine_hot *hot);
/* Takes the entry out of the list and frees it. Its tables are the caller's to drop: *ret (2 × HOT_NAME_BYTES). */
void hot_remove_locked(engine_hot *hot, hot_entry *entry, char (*ret)[HOT_NAME_BYTES]);
/* lh_cache_pin_table() and lh_cache_evict() in memory alone. origin: only pins of that one; NULL: any. */
LH_MUST_CHECK lh_code hot_pin(engine_hot *hot, const lh_cache_pin *pin, lh_error *err);
size_t hot_evict(engine_hot *hot, const lh_table_name *name, const lh_cache_origin *origin, uint64_t *ret_bytes);
/* Pins for the sake of reads; fails silently: it is tried again later. */
void hot_pin_automatically(engine_hot *hot, lh_table_name name);

/* ---- hot_kept.c ---- */
/* Writes the document of a pin, or removes it (name NULL: all); *ret_found: there was one. Errors: LIMIT, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code hot_keep(engine_hot *hot, const lh_cache_pin *pin, lh_error *err);
LH_MUST_CHECK lh_code hot_forget(engine_hot *hot, const lh_table_name *name, bool *ret_found, lh_error *err);
void hot_kept_free(engine_hot *hot);

/* ---- hot_load.c ---- */
lh_code hot_loader_start(engine_hot *hot, lh_error *err);
void hot_loader_stop(engine_hot *hot);
/* Drops tables of the hidden database; an empty name is passed over. Best effort. */
void hot_drop(engine_hot *hot, char names[][HOT_NAME_BYTES], size_t count);
/* An entry that a pin of that origin may push out, the one least lately used; NULL: none. */
hot_entry *hot_victim_locked(engine_hot *hot, const hot_entry *for_entry);
#endif
