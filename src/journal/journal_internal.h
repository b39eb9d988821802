/* Private to journal: records, write-ahead files, writers, tables. */
#ifndef LH_JOURNAL_JOURNAL_INTERNAL_H
#define LH_JOURNAL_JOURNAL_INTERNAL_H
#include "journal/journal.h"

#include <pthread.h>
#include <stdio.h>

enum {
    JOURNAL_FIELDS_MAX = 16,
    JOURNAL_RECORD_BYTES = 1 << 20, /* of one record */
    JOURNAL_FILE_BYTES = 1 << 30,   /* a write-ahead file that is larger is refused */
    JOURNAL_BATCH_RECORDS = 200000, /* of one commit */
    JOURNAL_BATCH_BYTES = 64 << 20,
    JOURNAL_PROBLEMS_MAX = 100,
    JOURNAL_PATH_BYTES = 4096 + 128,
    JOURNAL_VERIFY_ROWS = 5000, /* read at a time */
};

/* ---- what a table holds: writer, seq, prev_hash, time, these fields, hash ---- */
typedef struct journal_field {
    const char *name;
    bool number; /* BIGINT; else a text */
} journal_field;
typedef struct journal_spec {
    const char *name; /* of the table in namespace `system` and, with '-' behind it, of its files */
    journal_field fields[JOURNAL_FIELDS_MAX];
    size_t count;
} journal_spec;
extern const journal_spec journal_mutations, journal_audit;

/* ---- one record (record.c) ---- */
typedef struct journal_values { /* a number is its decimal digits; ptr NULL: none */
    lh_str items[JOURNAL_FIELDS_MAX];
} journal_values;
typedef struct journal_row {
    lh_str writer;
    uint64_t seq;
    lh_str prev_hash; /* hex */
    int64_t time_ms;
    journal_values values;
} journal_row;
/* The bytes that are hashed: netstrings. Appends to `into`. */
void journal_row_write(const journal_row *row, size_t count, lh_buf *into);
/* What they say; borrows of them. Errors: CORRUPT. */
LH_MUST_CHECK lh_code journal_row_read(lh_str bytes, const journal_spec *spec, journal_row *ret, lh_error *err);
lh_str journal_digits(uint64_t number, char into[24]);
void journal_netstring(lh_buf *into, lh_str text); /* ptr NULL: "-" */
LH_MUST_CHECK lh_code journal_netstring_read(lh_str *rest, lh_str *ret);
extern const lh_sha256_hex journal_genesis; /* prev_hash of a writer's first record */

typedef struct journal_record {
    uint64_t seq;
    lh_sha256 hash;
    size_t len;
    char bytes[];
} journal_record; /* owned: free() */
static inline lh_str journal_record_str(const journal_record *record) { return (lh_str){record->bytes, record->len}; }

/* ---- the write-ahead file's bytes (wal.c) ---- */
typedef struct journal_base { /* what the file's first frame says: records up to `seq` are in the table */
    lh_uuid writer;
    uint64_t seq;
    lh_sha256_hex hash; /* of that record */
} journal_base;
typedef struct journal_problem {
    const char *kind; /* changed, dropped, reordered, added */
    uint64_t seq;
} journal_problem;
typedef struct journal_wal {
    journal_base base;
    journal_record **items; /* owned; by seq */
    size_t count, bytes;
    uint64_t durable_seq; /* set by journal_writer_inspect(): what the file should go up to */
    bool torn; /* there is something behind the last whole record */
    journal_problem problems[JOURNAL_PROBLEMS_MAX];
    size_t problem_count;
} journal_wal;
void journal_wal_done(journal_wal *wal);
/* Appends a frame: length, bytes, SHA-256. */
void journal_frame_write(lh_buf *into, lh_str payload, const lh_sha256 *hash);
void journal_base_write(lh_buf *into, const journal_spec *spec, const journal_base *base);
/* All whole records of the file. Errors: CORRUPT (its first frame), NO_MEMORY. */
LH_MUST_CHECK lh_code journal_wal_read(lh_str bytes, const journal_spec *spec, journal_wal *ret, lh_error *err);

/* ---- a writer: one chain of records (writer.c) ---- */
typedef struct journal_waiter {
    uint64_t seq;
    bool done;
    lh_code code;
    struct journal_waiter *next;
} journal_waiter;
typedef struct journal_writer {
    struct journal_writer *next;
    const journal_spec *spec;
    const char *folder; /* borrowed */
    int lock_fd, fd;
    bool damaged; /* the file could not be taken up */
    uint64_t buffer_max_bytes;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    journal_base base;
    journal_record **items; /* not in the table; those up to durable_seq are in the file */
    size_t count, room, bytes;
    uint64_t last_seq, durable_seq;
    lh_sha256_hex last_hash, durable_hash;
    int64_t last_time_ms;
    uint64_t file_bytes;
    bool broken;  /* the file is not what it should be, or not there: it is written anew */
    bool syncing; /* somebody writes to the file; the lock is not held meanwhile */
    bool unsure;  /* the table may hold some of the items */
    journal_waiter *waiters;
    lh_buf out;                                     /* frames to be written */
    lh_error failure;                               /* why the last write failed */
    journal_problem problems[JOURNAL_PROBLEMS_MAX]; /* of the file, when it was taken up */
    size_t problem_count;
} journal_writer;
/* The writers of that kind whose processes are gone, and first the one to append to. Owned: journal_writers_free(). */
LH_MUST_CHECK lh_code journal_writers_open(const journal_spec *spec, const char *folder, uint64_t buffer_max_bytes,
                                           journal_writer **ret, lh_error *err);
void journal_writers_free(journal_writer *writers);
LH_MUST_CHECK lh_code journal_write(journal_writer *writer, const journal_values *values, size_t count,
                                    lh_journal_receipt *ret, lh_error *err);
/* The first records that are durable, at most so many. Valid until journal_writer_flushed(), by the one flusher. */
size_t journal_writer_take(journal_writer *writer, size_t max_records, size_t max_bytes, journal_record ***ret);
/* The first `count` are in the table: they go. Errors: IO (they went; the file still has them, and is written anew later). */
LH_MUST_CHECK lh_code journal_writer_flushed(journal_writer *writer, size_t count, lh_error *err);
/* The file as it is on the disk. Owned: journal_wal_done(). */
LH_MUST_CHECK lh_code journal_writer_inspect(journal_writer *writer, journal_wal *ret, lh_error *err);

/* ---- the table (table.c) ---- */
lh_table_name journal_table(const journal_spec *spec);
/* Puts records into the table in one commit. unsure: those that are there already are left out. The thread has a span. */
LH_MUST_CHECK lh_code journal_table_append(const lh_journal_options *options, const journal_spec *spec, lh_str writer,
                                           journal_record *const *records, size_t count, bool unsure, lh_error *err);
/* Rows of a statement that selects journal_select_list(). */
void journal_select_list(const journal_spec *spec, lh_buf *into);
typedef struct journal_found {
    journal_row row;
    lh_str hash; /* hex */
} journal_found;
LH_MUST_CHECK lh_code journal_found_read(const journal_spec *spec, const lh_json *row, lh_arena *arena,
                                         journal_found *ret, lh_error *err);

/* ---- reading both as one (read.c) ---- */
typedef struct journal_filter {
    size_t field;
    lh_str value;
    bool contains; /* the JSON string is in the text */
} journal_filter;
typedef struct journal_search {
    const journal_spec *spec;
    journal_writer *writers;
    journal_filter filters[4];
    size_t filter_count;
    int64_t since_ms, until_ms; /* until 0: no end */
    bool newest_first;
    lh_page page;
    lh_cancel *cancel;
} journal_search;
typedef struct journal_found_page {
    journal_found *items;
    size_t count;
    lh_str next; /* empty: no more */
} journal_found_page;
LH_MUST_CHECK lh_code journal_find(const lh_journal_options *options, const journal_search *search, lh_arena *arena,
                                   journal_found_page *ret, lh_error *err);
/* {"time",…} of a row; fields named in `json` (a list ended by NULL) are JSON texts. */
lh_json *journal_item(const journal_spec *spec, const journal_found *found, const char *const *json, lh_arena *arena);
lh_json *journal_page(const journal_found_page *page, const journal_spec *spec, const char *const *json,
                      lh_arena *arena);

/* ---- commits of tables (mutation.c) ---- */
typedef struct journal_mutations_queue journal_mutations_queue;
LH_MUST_CHECK lh_code journal_mutations_start(lh_journal *journal, journal_mutations_queue **ret, lh_error *err);
void journal_mutations_stop(journal_mutations_queue *queue);
void journal_mutations_stats(journal_mutations_queue *queue, lh_arena *arena, lh_json *into);

struct lh_journal {
    lh_journal_options options; /* its texts: owned */
    char folder[4096];
    journal_writer *writers[2]; /* of journal_mutations and journal_audit */
    journal_mutations_queue *queue;
    pthread_t thread;
    bool started;
    pthread_mutex_t flush_lock; /* one flush at a time; taken before a writer's lock */
    pthread_mutex_t lock;       /* guards all below */
    pthread_cond_t changed;
    bool stopping;
    char flush_trace[33]; /* of the flush that runs: its commits are no events */
    uint64_t flushes, flushed, audit_lost;
    int64_t flushed_ms;
    lh_error failure; /* of the last flush; code LH_OK: it went well */
};
enum { JOURNAL_MUTATIONS, JOURNAL_AUDIT, JOURNAL_KINDS };
void journal_poke(lh_journal *journal, const journal_writer *writer); /* it may be time to flush */
bool journal_is_flushing(lh_journal *journal, lh_str trace_id);
#endif
