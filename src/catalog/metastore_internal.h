/* Private to catalog: the metastore's state and the pieces it is split into:
 * metastore.c (open, load, read), metastore_commit.c (group commit), metastore_checkpoint.c (its thread,
 * compaction), metastore_index.c (documents in memory), metastore_format.c (bytes). */
#ifndef LH_CATALOG_METASTORE_INTERNAL_H
#define LH_CATALOG_METASTORE_INTERNAL_H
#include "catalog/catalog.h"

#include <pthread.h>
#include <stdatomic.h>

#define METASTORE_LOG_PREFIX "_catalog/log/"
#define METASTORE_CHECKPOINT_PREFIX "_catalog/checkpoint/"

enum {
    METASTORE_STALE_MS = 1000,
    METASTORE_SCHEMA_VERSION = 1,     /* of entries and checkpoints; an older one loads, a newer one is CORRUPT */
    METASTORE_BATCH_MAX = 64,         /* callers that share a log entry */
    METASTORE_ENTRY_BYTES = 24 << 20, /* an entry; what is written here must always be readable again: */
    METASTORE_PARSE_BYTES = 1 << 30,  /* memory to parse one, far above what the worst entry needs */
    METASTORE_KEY_BYTES = 8 << 10,
    METASTORE_RECENT = 64,     /* ids of the last entries, kept in memory and in checkpoints */
    METASTORE_TRUST_MS = 2000, /* after that long without a look at the log, a commit looks first */
};

/* ---- metastore_index.c ---- */

/* A document; never changed once made, shared by reference count with a checkpoint that is being written. */
typedef struct metastore_doc {
    lh_str key, text; /* behind the struct */
    uint64_t version;
    _Atomic uint32_t refs;
} metastore_doc;

LH_MUST_CHECK lh_code metastore_doc_new(lh_str key, lh_str text, uint64_t version, metastore_doc **ret);
void metastore_doc_unref(metastore_doc *doc); /* NULL is fine */

/* The documents by key, a sorted array of pointers. Not thread-safe by itself. */
typedef struct metastore_index {
    metastore_doc **docs;
    size_t count, room;
} metastore_index;

void metastore_index_clear(metastore_index *index);
/* Position of the first key >= `key`. */
size_t metastore_index_seek(const metastore_index *index, lh_str key);
metastore_doc *metastore_index_find(const metastore_index *index, lh_str key); /* borrowed */
/* Room for that many more documents. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code metastore_index_reserve(metastore_index *index, size_t more);
/* Cannot fail once room is reserved. doc: moved; replaces the one of its key. */
void metastore_index_put(metastore_index *index, metastore_doc *doc);
void metastore_index_remove(metastore_index *index, lh_str key);
/* The same documents once more, sharing them. Owned: metastore_index_clear(). Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code metastore_index_share(const metastore_index *index, metastore_index *ret);

/* ---- metastore_format.c ---- */

typedef struct metastore_id {
    char text[40];
} metastore_id; /* a UUID, or "" */
/* Ids of the last entries: that of entry n at n % METASTORE_RECENT. */
typedef struct metastore_recent {
    metastore_id ids[METASTORE_RECENT];
} metastore_recent;

/* One parsed log entry. Arena. previous: id of the entry before, empty when unknown. */
typedef struct metastore_entry {
    uint64_t sequence;
    lh_str id, previous;
    lh_change *changes;
    size_t count;
} metastore_entry;

/* Parses an entry's bytes. name: for the error. Errors: CORRUPT (also a newer schema version), NO_MEMORY, LIMIT. */
LH_MUST_CHECK lh_code metastore_entry_parse(lh_str bytes, lh_str name, lh_arena *arena, metastore_entry *ret,
                                            lh_error *err);
/* Appends an entry's start; then metastore_entry_change() for each change; then metastore_entry_end(). */
void metastore_entry_begin(lh_buf *into, uint64_t sequence, lh_str id, lh_str previous);
void metastore_entry_change(lh_buf *into, const lh_change *change, bool first);
void metastore_entry_end(lh_buf *into);

/* Reads a checkpoint that comes in pieces of any size. */
typedef struct metastore_checkpoint_reader {
    lh_str name;           /* borrowed; for errors */
    metastore_index index; /* owned by the reader until taken */
    uint64_t sequence;
    metastore_recent recent;
    bool begun, ended;
    lh_buf line; /* of which the end has not come yet */
} metastore_checkpoint_reader;
void metastore_checkpoint_reader_init(metastore_checkpoint_reader *reader, lh_str name);
void metastore_checkpoint_reader_done(metastore_checkpoint_reader *reader);
/* Errors: CORRUPT, NO_MEMORY. */
LH_MUST_CHECK lh_code metastore_checkpoint_feed(metastore_checkpoint_reader *reader, lh_str bytes, lh_error *err);
LH_MUST_CHECK lh_code metastore_checkpoint_finish(metastore_checkpoint_reader *reader, lh_error *err);

void metastore_checkpoint_head(lh_buf *into, uint64_t sequence, const metastore_recent *recent);
void metastore_checkpoint_doc(lh_buf *into, const metastore_doc *doc);
void metastore_checkpoint_tail(lh_buf *into, size_t documents);

lh_str metastore_log_key(uint64_t sequence, char into[64]);
lh_str metastore_checkpoint_key(uint64_t sequence, char into[64]);
/* The number in such a key; false for a foreign name. */
bool metastore_key_sequence(lh_str key, uint64_t *ret);

/* ---- change_feed.c ---- */

enum { CHANGE_FEED_ITEMS = 4096 };
typedef struct change_feed_item {
    uint64_t sequence;
    lh_changed kind;
    metastore_doc *doc; /* of the table; shared */
} change_feed_item;
typedef struct change_feed {
    change_feed_item *items; /* a ring */
    size_t first, count;
    uint64_t complete_after;
    pthread_mutex_t listener_lock; /* held while the listener runs; taken with no other lock held */
    void (*listener)(void *ctx);
    void *listener_ctx;
    pthread_rwlock_t hook_lock; /* shared while the hook runs; taken with no other lock held */
    void (*hook)(void *ctx, const lh_table_change *change);
    void *hook_ctx;
} change_feed;
LH_MUST_CHECK lh_code change_feed_init(change_feed *feed, lh_error *err);
void change_feed_done(change_feed *feed);
void change_feed_clear(change_feed *feed, uint64_t sequence); /* complete after that entry */
/* One change of an entry, before it is applied. doc NULL: a deletion. */
void change_feed_table(change_feed *feed, const metastore_index *index, uint64_t sequence, lh_str key,
                       metastore_doc *doc);
/* The same of what is said of a dataset, after all changes of the entry were applied. */
void change_feed_about(change_feed *feed, const metastore_index *index, uint64_t sequence, lh_str key);
void change_feed_notify(change_feed *feed);
/* What a commit of ours is about to do to tables, when somebody wants to know; none otherwise. Arena. */
typedef struct change_feed_own {
    lh_table_change *items;
    size_t count;
} change_feed_own;
change_feed_own change_feed_foresee(lh_metastore *metastore, const lh_change *changes, size_t count, lh_arena *arena);
void change_feed_tell(lh_metastore *metastore, const change_feed_own *own); /* it is durable */

/* ---- the metastore ---- */

/* A caller of lh_metastore_commit() in the queue; on its stack. The leader alone touches it between taking it from the
 * queue and setting `done` under queue_lock. */
typedef struct metastore_waiter {
    const lh_change *changes;
    size_t count, bytes;
    struct metastore_waiter *next;
    bool done;
    lh_code code;
    uint64_t sequence;
    lh_error err;
} metastore_waiter;

/* Locks: `queue_lock` guards the queue and `leading`. Who leads owns the right to change index, sequence and
 * recent, and does so under `index_lock` for writing; readers take it for reading. `checkpoint_lock` guards the
 * flags of the checkpoint thread. No lock is taken while another is held. */
struct lh_metastore {
    lh_bucket *bucket; /* borrowed */
    uint64_t checkpoint_entries;

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_changed;
    metastore_waiter *queue_head, **queue_tail;
    bool leading;

    pthread_rwlock_t index_lock;
    metastore_index index;
    uint64_t sequence;
    metastore_recent recent;
    change_feed feed;   /* by index_lock, too */
    uint64_t looked_ms; /* leader only: when we last knew the end of the log; by a clock that runs in suspension too */

    pthread_mutex_t checkpoint_lock;
    pthread_cond_t checkpoint_wanted;
    bool checkpoint_due, stopping, thread_started;
    pthread_t thread;

    _Atomic uint64_t freshened_ms;        /* when a reader last looked for the commits of others */
    _Atomic uint64_t checkpoint_sequence; /* the newest one known to be whole */
    _Atomic uint64_t checkpoint_after;    /* none is due before this sequence */
    _Atomic uint64_t commits, conflicts;
    uint64_t replayed_entries, replay_ms; /* set once, at open */
};

/* Documents of changes that wait to be applied. */
typedef struct metastore_staged {
    metastore_doc **docs; /* NULL: a deletion */
    const lh_change **changes;
    size_t count;
    uint64_t sequence;
    metastore_id id;
} metastore_staged;
/* Makes documents and room, so that applying cannot fail. Leader only. Owned: metastore_staged_done(). Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code metastore_stage(lh_metastore *metastore, const lh_change *const *changes, size_t count,
                                      uint64_t sequence, lh_str id, metastore_staged *ret, lh_error *err);
void metastore_staged_apply(lh_metastore *metastore, metastore_staged *staged); /* leader only */
void metastore_staged_done(metastore_staged *staged);

/* Reads and parses entry `sequence`. Errors: NOT_FOUND, CORRUPT, the bucket's. */
LH_MUST_CHECK lh_code metastore_read_entry(lh_metastore *metastore, uint64_t sequence, lh_arena *arena,
                                           metastore_entry *ret, lh_error *err);
/* Loads from the newest checkpoint on. After an error the index is still the whole state of some entry. Leader only. */
LH_MUST_CHECK lh_code metastore_load(lh_metastore *metastore, uint64_t *ret_entries, lh_error *err);
uint64_t metastore_clock_ms(void);
/* Applies what others appended. Leader only. */
LH_MUST_CHECK lh_code metastore_catch_up(lh_metastore *metastore, lh_error *err);
/* Waits until nobody leads, and leads. */
void metastore_lead(lh_metastore *metastore);
bool metastore_try_lead(lh_metastore *metastore); /* false: somebody leads */
void metastore_follow(lh_metastore *metastore);

/* Reads one checkpoint. Errors: CORRUPT, NOT_FOUND, the bucket's. */
LH_MUST_CHECK lh_code metastore_checkpoint_read(lh_metastore *metastore, lh_str key,
                                                metastore_checkpoint_reader *reader, lh_error *err);
LH_MUST_CHECK lh_code metastore_checkpoint_start(lh_metastore *metastore, lh_error *err);
void metastore_checkpoint_stop(lh_metastore *metastore);
void metastore_checkpoint_ask(lh_metastore *metastore); /* leader only; wakes the thread when one is due */
#endif
