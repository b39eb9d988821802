/* journal: append-only records in tables of the lake: `system.journal` (what changed, by whom) and `system.query_audit` (who
 * asked what). A record is in a write-ahead file, fsynced, when the call that appends it returns LH_OK; a thread moves records
 * from there to the table, exactly once, and each carries the hash of the one before it (docs/reference/journal.md).
 * Depends on: base, storage, catalog, engine. Used by: api, cli. Thread-safe: any call, any thread. */
#ifndef LH_JOURNAL_JOURNAL_H
#define LH_JOURNAL_JOURNAL_H
#include "engine/engine.h"

typedef struct lh_journal lh_journal;
typedef struct lh_journal_options {
    lh_engine *engine;   /* borrowed for life, attached; NULL: nothing is flushed, and only the buffer is read */
    lh_catalog *catalog; /* borrowed for life */
    lh_str folder;       /* absolute, on a local disk, its parent exists; the write-ahead files */
    lh_str scratch_dir;  /* absolute; the engine reads there */
    uint64_t flush_records, flush_bytes, flush_ms; /* the buffer goes to the table when one is reached */
    uint64_t buffer_max_bytes;                     /* of each of the two; beyond it appends are refused */
    bool flush_at_end;                             /* the folder may not be there at the next start */
    bool mutations;                                /* commits of tables are events */
    bool audit;                                    /* lh_audit_append() does something */
    bool audit_open;                               /* … and what cannot be written is counted, and forgiven */
    bool audit_fingerprint;                        /* literals of statements are kept as '?' */
    /* Who commits: the principal of the request that the thread's current span belongs to, copied into `into`; false:
     * nobody is known. May be NULL. */
    bool (*actor)(void *ctx, char into[LH_LIMIT_NAME_BYTES + 1]);
    void *actor_ctx;
} lh_journal_options;

/* Takes up the write-ahead files of processes that are gone. Owned: lh_journal_close(). Errors: IO, CORRUPT, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_journal_open(const lh_journal_options *options, lh_journal **ret, lh_error *err);
/* Ends the threads. What is not in the table yet is there at the next start. NULL is fine. */
void lh_journal_close(lh_journal *journal);
static inline void lh_journal_closep(lh_journal **journal) { lh_journal_close(*journal); }

/* ---- what changed ---- */
enum { LH_JOURNAL_EVENTS_MAX = 10000 };
typedef struct lh_journal_event {       /* an empty text is none; borrowed */
    lh_str entity_type, entity_id;      /* these two are needed */
    lh_str field, old_value, new_value; /* values: JSON text */
    lh_str action, actor, source, workspace, reason;
} lh_journal_event;
typedef struct lh_journal_receipt {
    uint64_t first_seq, last_seq;
    lh_uuid writer;
    lh_sha256_hex head; /* hash of the last; whoever keeps it can tell that nothing before it is missing */
} lh_journal_receipt;
/* All or none, durable. Errors: INVALID, LIMIT (a text is too long, too many events), UNAVAILABLE (the buffer is full, because
 * the table cannot be written: try again later), IO (the disk: nothing was written). */
LH_MUST_CHECK lh_code lh_journal_append(lh_journal *journal, const lh_journal_event *events, size_t count,
                                        lh_journal_receipt *ret, lh_error *err);
/* One event for each field that differs: `common` with field, old_value and new_value. before, after: objects, or null for
 * none. *ret (arena): so many. Errors: INVALID (neither is an object), LIMIT (too many fields). */
LH_MUST_CHECK lh_code lh_journal_diff(const lh_journal_event *common, const lh_json *before, const lh_json *after,
                                      lh_arena *arena, lh_journal_event **ret, size_t *ret_count, lh_error *err);
/* Moves what is buffered now to the tables. *ret_records (may be NULL): how many. Errors: a statement's. */
LH_MUST_CHECK lh_code lh_journal_flush(lh_journal *journal, uint64_t *ret_records, lh_error *err);

typedef struct lh_journal_query {
    lh_str entity_id; /* empty: all */
    bool newest_first;
    lh_page page;      /* limit: 1 … LH_LIMIT_LIST_PAGE */
    lh_cancel *cancel; /* may be NULL */
} lh_journal_query;
/* {"items":[event],"next_page_token"}: buffer and table as one, by time. Arena. Errors: INVALID (the token), a statement's. */
LH_MUST_CHECK lh_code lh_journal_read(lh_journal *journal, const lh_journal_query *query, lh_arena *arena,
                                      lh_json **ret, lh_error *err);
LH_MUST_CHECK lh_code lh_journal_stats(lh_journal *journal, lh_arena *arena, lh_json **ret, lh_error *err);
/* Walks both tables, the buffer and the write-ahead files. {"ok","records","writers":[{"table","writer","records","first_seq",
 * "last_seq","head"}],"problems":[{"table","writer","seq","problem":"changed|dropped|reordered|added","message"}, the first
 * hundred],"problem_count"}. Arena. Errors: a statement's. */
LH_MUST_CHECK lh_code lh_journal_verify(lh_journal *journal, lh_cancel *cancel, lh_arena *arena, lh_json **ret,
                                        lh_error *err);

/* ---- who asked what ---- */
typedef struct lh_audit_record {              /* an empty text is none; borrowed */
    lh_str trace_id, principal, remote, door; /* door: "http", "grpc", "iceberg", … */
    lh_str statement;                         /* its literals go as the configuration says */
    lh_str datasets, columns, snapshot_ids;   /* JSON arrays */
    lh_str policy;
    uint64_t rows, bytes, elapsed_ms;
    lh_str outcome; /* "ok", or lh_code_name() */
} lh_audit_record;
/* LH_OK: it is durable, or the audit is off, or it failed and audit.on_failure is "open". Anything else: the request must be
 * refused with that error. Errors: UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_audit_append(lh_journal *journal, const lh_audit_record *record, lh_error *err);
typedef struct lh_audit_query {
    lh_str principal, dataset, outcome; /* empty: all */
    int64_t since_ms, until_ms;         /* wall clock, since <= time < until; until 0: no end */
    lh_page page;
    lh_cancel *cancel;
} lh_audit_query;
/* {"items":[record],"next_page_token"}, newest first. Arena. Errors: as lh_journal_read(). */
LH_MUST_CHECK lh_code lh_audit_read(lh_journal *journal, const lh_audit_query *query, lh_arena *arena, lh_json **ret,
                                    lh_error *err);
#endif
