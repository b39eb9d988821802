/* engine: DuckDB. One instance, a pool of connections, results as JSON, NDJSON, CSV or Arrow.
 * The lake is attached as catalog `lake` through our own Iceberg REST catalog over loopback;
 * the search path starts at lake.<default namespace>.
 * Depends on: base, storage, catalog. Used by: access, ingest, api, cli. Thread-safe: the engine;
 * a session belongs to one thread at a time. */
#ifndef LH_ENGINE_ENGINE_H
#define LH_ENGINE_ENGINE_H
#include "catalog/catalog.h"

typedef struct lh_engine lh_engine;
typedef struct lh_session lh_session;

typedef struct lh_engine_options {
    lh_catalog *catalog;   /* borrowed for life */
    lh_registry *registry; /* borrowed for life: what the engine may read and write; NULL: only the scratch folder */
    lh_str scratch_dir;    /* absolute; uploads and spill files; the engine may read and write there */
    lh_str extension_dir;
    unsigned threads; /* 0: as DuckDB counts them */
    uint64_t memory_bytes;
    unsigned connections, queue_max;
    uint64_t cache_limit_bytes;     /* 0: a quarter of memory_bytes */
    uint64_t cache_auto_pin_hits;   /* reads of a table after which it is pinned; 0: never */
    uint64_t cache_load_timeout_ms; /* 0: none */
    lh_str mask_key;                /* of hashes and tokens, the same for ever; empty: one of this process */
} lh_engine_options;

/* Opens DuckDB and loads the extensions (tens of ms). No lake yet: the catalog is served by us, so attach
 * after listening. Owned: lh_engine_free(). Errors: NOT_FOUND (extension, says where it looked), INTERNAL. */
LH_MUST_CHECK lh_code lh_engine_open(const lh_engine_options *options, lh_engine **ret, lh_error *err);
/* Another DuckDB beside that one, without the lake, for statements of our own that need an extension which is not part of every set-up
 * ("lance"): what such a one opens DuckDB's locks do not stop (docs/adr/0035), so no SQL from outside may ever reach it. It takes that
 * extension alone; folders, threads and limits are the first's. Owned: lh_engine_free(). Errors: UNAVAILABLE (it is not set up, says
 * how), CORRUPT (it is another file), INTERNAL. */
LH_MUST_CHECK lh_code lh_engine_open_beside(const lh_engine *engine, const char *extension, lh_engine **ret,
                                            lh_error *err);
/* Attaches our catalog at url ("http://127.0.0.1:3100/iceberg") with the internal token, then locks the configuration. */
LH_MUST_CHECK lh_code lh_engine_attach(lh_engine *engine, lh_str url, lh_str token, lh_error *err);
/* After a bucket came or went: opens another DuckDB that may reach just those that there are now. What runs ends in the one
 * before; later statements take the new. Errors: as the two above; then all is as it was. */
LH_MUST_CHECK lh_code lh_engine_reopen(lh_engine *engine, lh_error *err);
/* Does it take statements? One that met a fatal error of DuckDB's is replaced, if it can be. Errors: UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_engine_check(lh_engine *engine, lh_error *err);
void lh_engine_free(lh_engine *engine); /* interrupts what runs */
static inline void lh_engine_freep(lh_engine **engine) { lh_engine_free(*engine); }

typedef struct lh_engine_stats {
    uint64_t running, waiting, statements, failed, cancelled, conflicts_retried, restarts, memory_limit_bytes;
    uint64_t bound, bind_ns; /* statements bound to what their callers see, and how long that took in all */
} lh_engine_stats;
lh_engine_stats lh_engine_get_stats(lh_engine *engine);

/* ---- governing: what a caller sees of each table (docs/adr/0021); made by access, kept to by the engine ---- */
typedef enum lh_mask_kind {
    LH_MASK_NONE,   /* the value as it is */
    LH_MASK_NULL,   /* NULL of the column's type */
    LH_MASK_HASH,   /* VARCHAR: HMAC-SHA-256 with the lake's key, 64 hex digits */
    LH_MASK_SHA256, /* VARCHAR: without a key; a dictionary undoes it */
    LH_MASK_TOKEN,  /* VARCHAR: "tok_" and the first 16 digits of the hash */
    LH_MASK_KEEP, /* VARCHAR: the first and last characters, '*' for each between; all '*' when none would be between */
    LH_MASK_YEAR, /* INTEGER, of a DATE or TIMESTAMP */
    LH_MASK_BUCKET, /* of a number, in its type: the greatest multiple of n not above it; NULL where the type has none */
} lh_mask_kind;
typedef struct lh_mask {
    lh_mask_kind kind;
    uint32_t keep_prefix, keep_suffix; /* KEEP: characters as people count them (grapheme clusters, Unicode UAX 29) */
    uint64_t bucket;                   /* BUCKET: n, from 1 on */
} lh_mask;
/* Is there such a mask of values of that type (as DuckDB writes it)? */
bool lh_mask_fits(const lh_mask *mask, lh_str type);
typedef struct lh_relation_column {
    lh_str name, type; /* type: as DuckDB writes it; needed for YEAR and BUCKET */
    lh_mask mask;
} lh_relation_column;
lh_str lh_relation_type(const lh_relation_column *column); /* as it is seen, in DuckDB's words */
/* A table, or a relation over one (a view), as it is seen: these columns, of rows that pass any of the filters. */
typedef struct lh_relation {
    lh_table_name table;            /* that is read in the end */
    const struct lh_relation *over; /* NULL: the table itself */
    const lh_relation_column *columns;
    size_t column_count;
    const lh_str *filters;        /* conditions in SQL, trusted: of total functions, over columns of what is read */
    size_t filter_count;          /* 0: every row */
    const lh_str *filter_columns; /* that they read, some more than once */
    size_t filter_column_count;
    uint64_t version; /* of the table's document that this was made of */
    int64_t schema_id;
    bool whole; /* nothing is left out, masked or filtered */
    bool view;  /* what is seen is a view of the table, not the table */
} lh_relation;
typedef enum lh_write {
    LH_WRITE_INSERT,
    LH_WRITE_APPEND, /* whole rows that are ours and not the caller's words: what is sensitive in them need not be seen */
    LH_WRITE_CHANGE, /* rows, by what they hold */
    LH_WRITE_DEFINE, /* create, alter, drop, a namespace too (name empty); also MERGE and to replace all rows */
} lh_write;
typedef struct lh_listed {
    lh_table_name name;
    const lh_relation *relation;
} lh_listed;
typedef struct lh_governor {
    void *ctx;
    lh_str identity; /* who it is of, and no later principal of that name */
    /* What is seen under this name, which is that of a table or a view as stored. Errors: DENIED, in words that tell nothing of
     * what is there; the catalog's. */
    lh_code (*relation)(void *ctx, lh_table_name name, lh_arena *arena, const lh_relation **ret, lh_error *err);
    /* May the table be written like that? *ret NULL: as one likes; else into the columns of it that have no mask, and only rows
     * that pass all of its filters (not any, as where it is read). Errors: DENIED. */
    lh_code (*write)(void *ctx, lh_write write, lh_table_name name, lh_arena *arena, const lh_relation **ret,
                     lh_error *err);
    /* All that is seen, by name. */
    lh_code (*list)(void *ctx, lh_arena *arena, lh_listed **ret, size_t *ret_count, lh_error *err);
} lh_governor;

/* Appends lake."a.b"."t". */
void lh_engine_table_sql(lh_table_name name, lh_arena *arena, lh_buf *into);
/* Appends DuckDB's name of a type of the Iceberg specification (a string, or an object). */
void lh_engine_type_sql(const lh_json *type, lh_buf *into);

/* ---- one statement from outside, to bytes ---- */
typedef enum { LH_FORMAT_JSON, LH_FORMAT_NDJSON, LH_FORMAT_CSV, LH_FORMAT_ARROW } lh_format;
/* What a statement was found to do, also one that failed: for the audit. */
typedef struct lh_query_told {
    lh_arena *arena;                            /* the caller's */
    lh_json *datasets, *columns, *snapshot_ids; /* arrays of names, columns as data.t.c, numbers; the caller's, empty */
    lh_str policy;                              /* what of each table was seen; empty: all */
} lh_query_told;
typedef struct lh_query {
    lh_str sql;            /* one or more statements; the last one's result is the answer */
    const lh_json *params; /* array ($1, ?) or object ($name); NULL for none */
    lh_format format;
    bool rows_as_objects;        /* JSON: "rows":"objects" */
    bool read_only;              /* a statement that changes the lake is DENIED */
    uint64_t rows_max;           /* 0: unlimited; beyond it "truncated":true */
    uint64_t result_max_bytes;   /* 0: unlimited; LIMIT once passed */
    uint64_t timeout_ms;         /* 0: none; then CANCELLED with "timed out after …" */
    lh_cancel *cancel;           /* borrowed; NULL: cannot be cancelled */
    const lh_governor *governor; /* borrowed; NULL: the caller may see all */
    lh_query_told *told;         /* filled; may be NULL */
    const lh_governor *views;    /* borrowed; without a governor: asked for names that are no tables; may be NULL */
} lh_query;
typedef lh_code (*lh_bytes_fn)(void *ctx, lh_str data, lh_error *err);
typedef struct lh_query_outcome {
    uint64_t rows;
    bool truncated;
    uint64_t elapsed_ms;
} lh_query_outcome;

/* Checks the statements (only queries and changes of lake tables; everything else is DENIED with what was
 * refused), takes a connection (UNAVAILABLE when the queue is full), runs, and hands out bytes as they come.
 * Nothing was written when the error comes before the first row; later the stream is cut and the error returned.
 * Writers of one table queue behind each other, and a statement that met a foreign commit is run again (5 times).
 * BEGIN … COMMIT inside one request is one transaction; one left open is rolled back.
 * Errors: INVALID (DuckDB's message, line, column), DENIED, NOT_FOUND, LIMIT, CANCELLED, UNAVAILABLE, CONFLICT. */
LH_MUST_CHECK lh_code lh_engine_run(lh_engine *engine, const lh_query *query, lh_bytes_fn write, void *ctx,
                                    lh_query_outcome *ret, lh_error *err);
const char *lh_format_content_type(lh_format format);
/* Refuses what foreign SQL may not do, by its tokens (used by lh_engine_run; public for its fuzzer). Errors: DENIED, INVALID. */
LH_MUST_CHECK lh_code lh_sql_guard(lh_str sql, lh_error *err);
/* *ret: is it one statement, and one that only reads (SELECT, WITH, FROM, VALUES …)? Errors: as lh_sql_guard(). */
LH_MUST_CHECK lh_code lh_sql_is_query(lh_str sql, bool *ret, lh_error *err);

/* ---- what a query compares with (compared.c): no rows are read, nothing is bound ---- */
enum { LH_COMPARED_MAX = 1000 };
typedef struct lh_compared {
    lh_str text; /* a literal: a text's, or a number as it is written out */
    bool number;
    bool dated;      /* it is cast to a date or time, or stands beside a part of one */
    bool equal;      /* by = or IN, or their negation */
    bool pattern;    /* of LIKE, contains() or a regular expression */
    const lh_str *columns; /* names that stand in the same comparison, without their tables */
    size_t column_count;
} lh_compared; /* arena */
/* The texts and numbers of one query that are compared with something, in no certain order; not those of LIMIT, of intervals, and what
 * functions take. Errors: INVALID (it is not one query), LIMIT (there are more). */
LH_MUST_CHECK lh_code lh_sql_compared(lh_str sql, lh_arena *arena, lh_compared **ret, size_t *ret_count, lh_error *err);

/* ---- row filters: one SQL condition over the columns of a row (docs/adr/0021, section 3) ---- */
typedef struct lh_filter {
    lh_str text;     /* in normal form, in parentheses */
    lh_str *columns; /* those that it names, each once */
    size_t column_count;
} lh_filter; /* arena */
/* Is the text (8 KiB at most, also in normal form) one expression that raises no error whatever a row holds, as far as that can be told without types?
 * No subquery, parameter, *, lambda, window, aggregate, arithmetic, no CAST but to VARCHAR and of literals, and only functions
 * that are total (functions.def). names: the columns there are, without regard to case; NULL: not known. Errors: INVALID,
 * with line and column in the text. */
LH_MUST_CHECK lh_code lh_engine_filter_check(lh_str text, const lh_str *names, size_t count, lh_arena *arena,
                                             lh_filter *ret, lh_error *err);
typedef struct lh_filter_column {
    lh_str name, type; /* type: SQL's, where a mask gives another than the table's; else empty */
} lh_filter_column;
/* Has a checked text the type BOOLEAN over these columns of the table, and no cast between them that could raise? The engine
 * is attached. Errors: INVALID, and a statement's. */
LH_MUST_CHECK lh_code lh_engine_filter_bind(lh_engine *engine, lh_table_name table, const lh_filter_column *columns,
                                            size_t count, lh_str text, lh_arena *arena, lh_error *err);

/* ---- the hot cache: tables of the lake, or some of their columns, held in memory (docs/adr/0017) ----
 * A query reads the copy, without knowing, whenever that is what the lake would show it, and else the lake. */
typedef enum { LH_CACHE_BY_REQUEST, LH_CACHE_BY_CONFIG, LH_CACHE_BY_PROFILE, LH_CACHE_AUTOMATIC } lh_cache_origin;
typedef struct lh_cache_pin {
    lh_table_name table;
    const lh_str *columns; /* borrowed */
    size_t column_count;   /* 0: all */
    lh_cache_origin origin;
    bool wait;         /* until it is loaded; else it loads behind */
    lh_cancel *cancel; /* of the waiting, not of the load; may be NULL */
} lh_cache_pin;
/* Takes the place of an earlier pin of the table that has other columns. One by request is kept in the metastore: it is
 * there after a restart, and on every gateway that calls lh_cache_follow(); a failed one leaves what is kept as it was.
 * Errors: NOT_FOUND (the table), INVALID (a column), LIMIT (too many pins), IO and UNAVAILABLE (it cannot be kept); with
 * wait also LIMIT (it does not fit: nothing is left of it), CONFLICT (evicted meanwhile), CANCELLED, those of a query. */
LH_MUST_CHECK lh_code lh_cache_pin_table(lh_engine *engine, const lh_cache_pin *pin, lh_error *err);
/* Pins "a, crm.b(x, y)" without waiting. Errors: INVALID (what was read of the list is pinned), or the first of those of
 * lh_cache_pin_table(); all others are pinned. */
LH_MUST_CHECK lh_code lh_cache_pin_list(lh_engine *engine, lh_str list, lh_cache_origin origin, lh_arena *arena,
                                        lh_error *err);
/* Takes up the pins by request that the metastore has, of whichever gateway, and lets go of those that are gone there. */
LH_MUST_CHECK lh_code lh_cache_follow(lh_engine *engine, lh_error *err);
/* table NULL: all. Errors: NOT_FOUND (it is not pinned); IO, UNAVAILABLE (nothing was evicted). */
LH_MUST_CHECK lh_code lh_cache_evict(lh_engine *engine, const lh_table_name *table, uint64_t *ret_bytes,
                                     size_t *ret_count, lh_error *err);
/* {"limit_bytes","bytes","hits","misses","evictions","full_loads","delta_loads","items":[{"dataset","columns","state",…}]}. Arena. */
LH_MUST_CHECK lh_code lh_cache_stats(lh_engine *engine, lh_arena *arena, lh_json **ret, lh_error *err);

/* ---- our own statements (ingest): several on one connection, not guarded ---- */
/* Waits for a connection like lh_engine_run. cancel may be NULL. Owned: lh_session_close(), which rolls back. */
LH_MUST_CHECK lh_code lh_session_open(lh_engine *engine, lh_cancel *cancel, lh_session **ret, lh_error *err);
void lh_session_close(lh_session *session);
static inline void lh_session_closep(lh_session **session) { lh_session_close(*session); }
/* Runs one statement to its end. params: array, may be NULL. ret (may be NULL): {"columns":[{"name","type"}],"rows":[[…]]}, arena. */
LH_MUST_CHECK lh_code lh_session_run(lh_session *session, lh_str sql, const lh_json *params, lh_arena *arena,
                                     lh_json **ret, lh_error *err);
/* ---- rows in bulk (bulk.c), not through text ---- */
typedef struct lh_chunk lh_chunk; /* some rows of a result, borrowed until the call with it returns */
uint64_t lh_chunk_rows(const lh_chunk *chunk);
/* A value of a column that the statement casts to VARCHAR, BIGINT or FLOAT[]. Borrowed; false: NULL. */
bool lh_chunk_string(const lh_chunk *chunk, size_t column, uint64_t row, lh_str *ret);
bool lh_chunk_int(const lh_chunk *chunk, size_t column, uint64_t row, int64_t *ret);
bool lh_chunk_floats(const lh_chunk *chunk, size_t column, uint64_t row, const float **ret, size_t *ret_count);
typedef lh_code (*lh_chunk_fn)(void *ctx, const lh_chunk *chunk, lh_error *err);
/* Runs one statement and hands out its rows as they are computed. Errors: as a statement's, and the first of `each`, which ends it. */
LH_MUST_CHECK lh_code lh_session_each(lh_session *session, lh_str sql, const lh_json *params, lh_chunk_fn each,
                                      void *ctx, lh_error *err);
enum { LH_BULK_COLUMNS_MAX = 32 };
typedef struct lh_bulk_column { /* one of the three; borrowed */
    const lh_str *strings;      /* VARCHAR; ptr NULL: NULL */
    const int64_t *ints;        /* BIGINT */
    const float *floats;        /* FLOAT[], `width` a row */
    size_t width;
} lh_bulk_column;
/* Puts rows into a temporary table of the session, whose columns are these in this order. Errors: INVALID, INTERNAL (they do not
 * fit, or no memory; some rows may be there). */
LH_MUST_CHECK lh_code lh_session_append(lh_session *session, const char *table, const lh_bulk_column *columns,
                                        size_t column_count, size_t rows, lh_error *err);
/* COMMIT of what the session's BEGIN began. Once begun it is not cancelled. Errors: as a statement's; CANCELLED: nothing landed. */
LH_MUST_CHECK lh_code lh_session_commit(lh_session *session, lh_error *err);
enum { LH_FOOTERS_MAX = 64 };
/* What the footers of `count` Parquet files, LH_FOOTERS_MAX at most, say. ret: so many; arena. *ret_failed: the one that an
 * error is of. Errors: INVALID (no Parquet file), and a statement's. */
LH_MUST_CHECK lh_code lh_session_footers(lh_session *session, const lh_str *locations, size_t count, lh_arena *arena,
                                         lh_file_footer *ret, size_t *ret_failed, lh_error *err);
/* A random sample of the rows that a statement of ours reads, kept as texts of 1 KiB at most: of `rows` rows, or of as
 * many as 32 MiB hold.
 * Owned: lh_sample_free(), after the statement. Errors: LIMIT (no columns, or too many), NO_MEMORY. */
typedef struct lh_sample lh_sample;
LH_MUST_CHECK lh_code lh_sample_new(lh_engine *engine, size_t rows, size_t columns, lh_sample **ret, lh_error *err);
void lh_sample_free(lh_sample *sample);
void lh_sample_clear(lh_sample *sample); /* before a statement is run again */
/* Appends the head of an expression that is always true, without its columns and parenthesis: ", c1, c2)" follow. */
void lh_sample_sql(const lh_sample *sample, lh_buf *into);
size_t lh_sample_rows(const lh_sample *sample); /* 0 also when it could not be taken */
/* Borrowed; false: NULL. */
bool lh_sample_value(const lh_sample *sample, size_t row, size_t column, lh_str *ret);
double lh_session_progress(lh_session *session); /* 0…1 of what runs, -1 unknown; any thread */
/* The engine's write lock of a table; statements of lh_engine_run on it wait meanwhile. Errors: CANCELLED. */
LH_MUST_CHECK lh_code lh_engine_lock_table(lh_engine *engine, lh_table_name name, lh_cancel *cancel, lh_error *err);
void lh_engine_unlock_table(lh_engine *engine, lh_table_name name);
/* Whose call of the catalog is this? The traceparent of the holder of that table's lock, for a commit; without a name or a
 * holder that of the one statement that runs, if there is one only; else, or without an engine, empty. `into`: 56 bytes. */
lh_str lh_engine_trace_of(lh_engine *engine, const lh_table_name *committed, char into[56]);
/* Appends " ORDER BY …" of keys as lh_table_layout() has them; nothing for none. Errors: INVALID (a nested column, a transform). */
LH_MUST_CHECK lh_code lh_engine_order_sql(const lh_json *keys, lh_buf *into, lh_error *err);
#endif
