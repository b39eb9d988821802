/* catalog: the metastore (a log of commits in the bucket), the Iceberg REST catalog's logic
 * on top of it, and datasets. Knows JSON and Avro, no HTTP and no SQL.
 * A call that returned LH_OK is durable. Every change is one metastore commit, all or nothing.
 * Depends on: base, storage. Used by: engine, ingest, api. Thread-safe: any call, any thread.
 * Specifications: Apache Iceberg table spec v1–v3 (metadata), Iceberg REST OpenAPI 1.10. */
#ifndef LH_CATALOG_CATALOG_H
#define LH_CATALOG_CATALOG_H
#include "storage/storage.h"

/* ---- metastore: documents under keys ("table/main/t"), changed by atomic commits ---- */
typedef struct lh_metastore lh_metastore;

typedef struct lh_metastore_stats {
    uint64_t sequence; /* of the last applied log entry */
    uint64_t documents;
    uint64_t replayed_entries, replay_ms; /* at open */
    uint64_t checkpoint_sequence;
    uint64_t commits, conflicts; /* callers, since open */
} lh_metastore_stats;

/* Loads the newest checkpoint and the entries after it. Errors: CORRUPT, IO, UNAVAILABLE, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_metastore_open(lh_bucket *bucket /* borrowed for life */, uint64_t checkpoint_entries,
                                        lh_metastore **ret, lh_error *err);
void lh_metastore_free(lh_metastore *metastore);
static inline void lh_metastore_freep(lh_metastore **metastore) { lh_metastore_free(*metastore); }
lh_metastore_stats lh_metastore_get_stats(lh_metastore *metastore);
/* Applies log entries that other gateways wrote. */
LH_MUST_CHECK lh_code lh_metastore_refresh(lh_metastore *metastore, lh_error *err);

/* The document's JSON text and its version (sequence of the entry that last put it). Arena. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_metastore_get(lh_metastore *metastore, lh_str key, lh_arena *arena, lh_str *ret,
                                       uint64_t *ret_version, lh_error *err);
typedef struct lh_document {
    lh_str key, text;
    uint64_t version;
} lh_document;
typedef struct lh_document_page {
    lh_document *items;
    size_t count;
    bool more;
} lh_document_page; /* arena */
/* Keys that start with prefix, after `after` (exclusive), in byte order. */
LH_MUST_CHECK lh_code lh_metastore_list(lh_metastore *metastore, lh_str prefix, lh_str after, size_t limit,
                                        lh_arena *arena, lh_document_page *ret, lh_error *err);

enum { LH_VERSION_ANY = 0 };
#define LH_VERSION_ABSENT UINT64_MAX
/* expected: LH_VERSION_ANY, LH_VERSION_ABSENT, or the version the caller read. text empty: delete (put otherwise).
 * check_only: nothing is written, only the version is required; prefix (with check_only and LH_VERSION_ABSENT): no
 * document whose key starts with `key` may exist. */
typedef struct lh_change {
    lh_str key, text;
    uint64_t expected;
    bool check_only, prefix;
} lh_change;
/* All or nothing; concurrent callers share a log entry (group commit). Errors: CONFLICT (a version differs:
 * read again and retry), INVALID (a key that is not UTF-8, a text that is no JSON object), LIMIT (24 MiB), UNAVAILABLE
 * and IO (both leave open whether it landed). *ret_sequence may be NULL. */
LH_MUST_CHECK lh_code lh_metastore_commit(lh_metastore *metastore, const lh_change *changes, size_t count,
                                          uint64_t *ret_sequence, lh_error *err);

/* How many keys start with prefix (1 to 255 bytes). */
uint64_t lh_metastore_count(lh_metastore *metastore, lh_str prefix);

/* ---- the catalog ---- */
typedef struct lh_catalog lh_catalog;
typedef struct lh_catalog_options {
    lh_bucket *bucket; /* borrowed for life */
    uint64_t checkpoint_entries;
    lh_str default_namespace; /* made when missing */
    lh_registry *registry;    /* borrowed for life: whose whole the bucket is; NULL when it is just one */
} lh_catalog_options;
LH_MUST_CHECK lh_code lh_catalog_open(const lh_catalog_options *options, lh_catalog **ret, lh_error *err);
void lh_catalog_free(lh_catalog *catalog);
static inline void lh_catalog_freep(lh_catalog **catalog) { lh_catalog_free(*catalog); }
lh_metastore *lh_catalog_metastore(lh_catalog *catalog);        /* borrowed */
lh_str lh_catalog_default_namespace(const lh_catalog *catalog); /* borrowed */

/* A namespace is its levels joined by 0x1F, as in the REST specification; a '/' within a level is held as 0x1E, so that
 * keys can be split. Names are UTF-8, 1…255 bytes a level, without control characters or a leading '.'. */
typedef struct lh_table_name {
    lh_str namespace_, name;
} lh_table_name;
/* Levels joined by 0x1F as a path or query has them → a namespace. Arena. */
lh_str lh_namespace_of_path(lh_str levels, lh_arena *arena);
lh_str lh_namespace_text(lh_str namespace_, lh_arena *arena);     /* "a.b", as SQL has it */
lh_json *lh_namespace_levels(lh_str namespace_, lh_arena *arena); /* ["a","b"] */
/* "t", "ns.t" or "a.b.t" → name; the first form takes the default namespace. A dot may also be within a level or the table's
 * name: then it is the table or view that is there, else the namespace that is. Arena. Errors: INVALID. */
LH_MUST_CHECK lh_code lh_table_name_parse(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_table_name *ret,
                                          lh_error *err);
lh_str lh_table_name_text(lh_table_name name, lh_arena *arena); /* "ns.t" */

/* Iceberg REST operations. Requests and answers are the specification's JSON bodies; `ret` is arena.
 * Errors: INVALID (400), NOT_FOUND (404), CONFLICT (409, exists already / not empty / CommitFailed), IO, UNAVAILABLE.
 * err->message names the thing; api turns the operation and code into Iceberg's error type. */
typedef struct lh_page {
    lh_str token;
    size_t limit;
} lh_page; /* limit 0: all in one page */
LH_MUST_CHECK lh_code lh_namespace_create(lh_catalog *catalog, const lh_json *request, lh_arena *arena, lh_json **ret,
                                          lh_error *err);
/* system: with the namespace of that name. */
LH_MUST_CHECK lh_code lh_namespace_list(lh_catalog *catalog, lh_str parent, bool system, lh_page page, lh_arena *arena,
                                        lh_json **ret, lh_error *err);
LH_MUST_CHECK lh_code lh_namespace_load(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret,
                                        lh_error *err);
LH_MUST_CHECK lh_code lh_namespace_update(lh_catalog *catalog, lh_str name, const lh_json *request, lh_arena *arena,
                                          lh_json **ret, lh_error *err);
/* What SQL means by the namespace "a.b", which it looks up without regard to case. */
typedef struct lh_namespace_of {
    lh_str name;  /* of the only one that there is; else as it was written */
    size_t count; /* more than 1: in a lake of before that was refused, and SQL cannot name either */
} lh_namespace_of;
LH_MUST_CHECK lh_code lh_namespace_of_sql(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_namespace_of *ret,
                                          lh_error *err);
/* Were there such when the catalog was opened? */
bool lh_catalog_has_namesakes(const lh_catalog *catalog);
LH_MUST_CHECK lh_code lh_namespace_drop(lh_catalog *catalog, lh_str name, lh_error *err);

LH_MUST_CHECK lh_code lh_table_list(lh_catalog *catalog, lh_str namespace_, lh_page page, lh_arena *arena,
                                    lh_json **ret, lh_error *err);
/* LoadTableResult; with "stage-create" nothing is registered, but the folders data/ and metadata/ of the location exist. */
LH_MUST_CHECK lh_code lh_table_create(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena,
                                      lh_json **ret, lh_error *err);
LH_MUST_CHECK lh_code lh_table_register(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena,
                                        lh_json **ret, lh_error *err);
/* refs_only: snapshots=refs. if_etag: the caller's If-None-Match without quotes; when it is current *ret becomes NULL (304).
 * *ret_etag (arena) is the ETag of the answer. */
LH_MUST_CHECK lh_code lh_table_load(lh_catalog *catalog, lh_table_name name, bool refs_only, lh_str if_etag,
                                    lh_arena *arena, lh_json **ret, lh_str *ret_etag, lh_error *err);
/* The ETag, without quotes, of a load of the table whose metadata is that file. Arena. */
lh_str lh_table_etag(lh_str metadata_key, bool refs_only, lh_arena *arena);
/* DuckDB's extension gives a schema that it adds the current one's id plus one, and refuses when another has that id, as in a table
 * that went back to an older schema. There it is shown a copy of the current schema by an id above all others, which
 * requirements and updates understand. And it reads an older state of a table that was updated after its transaction began: one
 * that was updated in the future, by the clock of another gateway, is shown as updated long ago.
 * answer: LoadTableResult or CommitTableResponse, changed in place. */
void lh_table_show_to_duckdb(lh_json *answer, lh_arena *arena);
/* Adds the keys of the S3 bucket that the table lies in to the config of a LoadTableResult, where older clients look, and to its
 * "storage-credentials"; none for a local one. */
void lh_table_vend(const lh_catalog *catalog, lh_json *answer, lh_arena *arena);
bool lh_table_exists(lh_catalog *catalog, lh_table_name name);
/* The tables whose document was put after that log entry (0: all). *ret_sequence: the entry up to which that is true. Arena. */
LH_MUST_CHECK lh_code lh_table_changed_since(lh_catalog *catalog, uint64_t sequence, lh_arena *arena,
                                             lh_table_name **ret, size_t *ret_count, uint64_t *ret_sequence,
                                             lh_error *err);
LH_MUST_CHECK lh_code lh_table_rename(lh_catalog *catalog, const lh_json *request, lh_arena *arena, lh_error *err);
/* purge also deletes the files that the table's metadata reaches, after the drop is durable. */
LH_MUST_CHECK lh_code lh_table_drop(lh_catalog *catalog, lh_table_name name, bool purge, lh_error *err);
/* Drops and purges it, and makes the changes, in one commit. Errors: NOT_FOUND, CONFLICT (views read it; a version that changes expect). */
LH_MUST_CHECK lh_code lh_table_drop_with(lh_catalog *catalog, lh_table_name name, const lh_change *changes,
                                         size_t count, lh_error *err);
/* CommitTableRequest → CommitTableResponse. by_engine: the caller is our own engine (takes annotations).
 * A failed requirement or a lost race is CONFLICT; an unknown update or requirement INVALID. Before the log entry is
 * written, every file that a new snapshot adds is fsynced (bucket on disk) or checked to exist. */
LH_MUST_CHECK lh_code lh_table_commit(lh_catalog *catalog, lh_table_name name, const lh_json *request, bool by_engine,
                                      lh_arena *arena, lh_json **ret, lh_error *err);
/* CommitTransactionRequest: several tables, all or nothing. */
LH_MUST_CHECK lh_code lh_transaction_commit(lh_catalog *catalog, const lh_json *request, bool by_engine,
                                            lh_arena *arena, lh_error *err);
/* After a statement of our engine that failed: removes the data files that it left, written since `since_ms` (wall
 * clock). snapshot_before: the table's snapshot when it began, -1 for none; when it moved since, nothing is done.
 * The caller holds the engine's lock of the table. Only in a local bucket. Errors: IO, CORRUPT; nothing is half-done. */
LH_MUST_CHECK lh_code lh_table_sweep(lh_catalog *catalog, lh_table_name name, int64_t snapshot_before, int64_t since_ms,
                                     lh_error *err);

/* ---- views: names are shared with the tables of their namespace ---- */
/* As for tables: bodies of the REST specification, answers in the arena, and these errors: INVALID, NOT_FOUND, CONFLICT. */
LH_MUST_CHECK lh_code lh_view_list(lh_catalog *catalog, lh_str namespace_, lh_page page, lh_arena *arena, lh_json **ret,
                                   lh_error *err);
LH_MUST_CHECK lh_code lh_view_create(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena,
                                     lh_json **ret, lh_error *err);
LH_MUST_CHECK lh_code lh_view_register(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena,
                                       lh_json **ret, lh_error *err);
LH_MUST_CHECK lh_code lh_view_load(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                                   lh_error *err);
/* A failed requirement is CONFLICT; a lost race is done again inside. */
LH_MUST_CHECK lh_code lh_view_replace(lh_catalog *catalog, lh_table_name name, const lh_json *request, lh_arena *arena,
                                      lh_json **ret, lh_error *err);
LH_MUST_CHECK lh_code lh_view_rename(lh_catalog *catalog, const lh_json *request, lh_arena *arena, lh_error *err);
/* Its metadata files stay: it can be registered again. */
LH_MUST_CHECK lh_code lh_view_drop(lh_catalog *catalog, lh_table_name name, lh_error *err);
LH_MUST_CHECK lh_code lh_view_exists(lh_catalog *catalog, lh_table_name name, bool *ret, lh_error *err);

/* ---- views of ours (defined_views.c): access knows what they are; other engines see Iceberg views, and cannot change them ---- */
typedef struct lh_defined_view {
    lh_table_name name, base;
    bool base_is_view;
    uint64_t base_version;     /* of the base's document, as it was looked at */
    const lh_json *definition; /* an object: kept as it is */
    const lh_json *request;    /* CreateViewRequest, for the others */
    const lh_json *columns;    /* names of the base's that it reads: they cannot be dropped or renamed */
    bool shadows;              /* it may have the name of a table */
    uint64_t expected;         /* LH_VERSION_ABSENT: it is new; else the version that it replaces, over the same base */
} lh_defined_view;
/* *ret_again: with CONFLICT; the base or a neighbour has changed meanwhile: look and try again. Errors: CONFLICT, NOT_FOUND (the
 * namespace), INVALID (the name), LIMIT, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_view_define(lh_catalog *catalog, const lh_defined_view *view, bool *ret_again, lh_arena *arena,
                                     lh_error *err);
typedef struct lh_view_defined {
    lh_table_name name, base;
    bool base_is_view;
    const lh_json *definition;
    lh_str created_at;
    uint64_t version;
} lh_view_defined; /* arena */
/* Errors: NOT_FOUND, also of an Iceberg view. */
LH_MUST_CHECK lh_code lh_view_definition(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_view_defined *ret,
                                         lh_error *err);
/* In the order of their keys. *ret_next: the token of the next page; empty: the last. Arena. */
LH_MUST_CHECK lh_code lh_view_defined_list(lh_catalog *catalog, lh_page page, lh_arena *arena, lh_table_name **ret,
                                           size_t *ret_count, lh_str *ret_next, lh_error *err);
/* Errors: NOT_FOUND, CONFLICT (views read it; another version). */
LH_MUST_CHECK lh_code lh_view_undefine(lh_catalog *catalog, lh_table_name name, uint64_t expected, lh_arena *arena,
                                       lh_error *err);
/* The views that read a table or a view: [{"name","columns"}]. Arena. */
LH_MUST_CHECK lh_code lh_view_readers(lh_catalog *catalog, lh_table_name base, bool base_is_view, lh_arena *arena,
                                      lh_json **ret, lh_error *err);

/* ---- idempotency keys of REST requests (idempotency.c) ---- */
/* One request that came with a key, while it is served. */
typedef struct lh_idempotency {
    lh_str document; /* lh_idempotency_document() */
    lh_str request;  /* hash of method, target and body, in hex */
    int64_t lifetime_ms;
    bool done; /* set by the commit that did the request: its record is there as well */
} lh_idempotency;
typedef struct lh_idempotent_answer {
    unsigned status; /* 0: the key is new */
    lh_json *body;   /* NULL: none */
    bool is_table;   /* a LoadTableResult */
} lh_idempotent_answer;
/* The key of the record's document. owner: who no other is, also after him; key: a UUID. Arena. */
lh_str lh_idempotency_document(lh_str owner, lh_str key, lh_arena *arena);
/* The catalog for one request: a commit that changes what the request asks for also puts its record (CANCELLED: there is one
 * meanwhile, nothing was changed). record: borrowed as long as the result. Arena; NULL when that is full. */
lh_catalog *lh_catalog_recording(lh_catalog *catalog, lh_idempotency *record, lh_arena *arena);
/* What the same request was answered. Bodies with metadata are made again from their file, or from what is there now.
 * Arena. Errors: CONFLICT (the key is another request's), NOT_FOUND (it was done, but the answer cannot be made again). */
LH_MUST_CHECK lh_code lh_idempotency_find(lh_catalog *catalog, const lh_idempotency *record, lh_arena *arena,
                                          lh_idempotent_answer *ret, lh_error *err);
/* Records a refusal. Errors: CANCELLED (there is a record meanwhile), LIMIT (LH_LIMIT_IDEMPOTENCY_BYTES). */
LH_MUST_CHECK lh_code lh_idempotency_put(lh_catalog *catalog, const lh_idempotency *record, unsigned status,
                                         lh_str body, lh_arena *arena, lh_error *err);
uint64_t lh_idempotency_count(lh_catalog *catalog);
/* Removes the records that expired, and the oldest, a tenth, when there are records_max or more. */
LH_MUST_CHECK lh_code lh_idempotency_expire(lh_catalog *catalog, uint64_t records_max, lh_error *err);

/* ---- maintenance of one table ---- */
typedef struct lh_expire_options {
    int64_t older_than_ms; /* wall clock: younger snapshots stay; a branch's own max-snapshot-age-ms comes first */
    int64_t retain_last;   /* of each branch that does not say itself; at least 1 */
    int64_t grace_ms;      /* a snapshot that was current so long ago stays, for statements that still read it */
    bool dry_run;
} lh_expire_options;
/* Removes snapshots and old refs in one commit, then the files that only they named. *ret (arena): {"dataset","dry_run",
 * "expired_snapshots":[id],"expired_refs":[name],"kept_snapshots","deleted_files","deleted_bytes"}.
 * Errors: NOT_FOUND, INVALID (gc.enabled is false), CONFLICT (writers were faster ten times), CORRUPT, IO (after
 * the commit: what is left are orphans). */
LH_MUST_CHECK lh_code lh_table_expire(lh_catalog *catalog, lh_table_name name, const lh_expire_options *options,
                                      lh_arena *arena, lh_json **ret, lh_error *err);
typedef struct lh_orphan_options {
    int64_t older_than_ms; /* wall clock: younger files are never orphans */
    bool dry_run;
} lh_orphan_options;
typedef struct lh_orphans lh_orphans;
/* Lists the files of the table's folders that are old enough. name and *ret: as long as the arena. Errors: NOT_FOUND,
 * INVALID (gc.enabled is false; a folder that is not the table's alone), CORRUPT, IO. */
LH_MUST_CHECK lh_code lh_table_list_orphans(lh_catalog *catalog, lh_table_name name, const lh_orphan_options *options,
                                            lh_arena *arena, lh_orphans **ret, lh_error *err);
/* Deletes the next of those that the table does not name by now, a hundred at most. *ret_more: there may be more. The caller
 * holds the engine's write lock of the table (not for a dry run, which only counts). Errors: those, CONFLICT (the name is another table's),
 * UNAVAILABLE (commits all the while). */
LH_MUST_CHECK lh_code lh_table_remove_orphans(lh_orphans *orphans, bool *ret_more, lh_error *err);
/* *ret (arena): {"dataset","dry_run","orphan_files","orphan_bytes","files":[key], the first thousand}. */
LH_MUST_CHECK lh_code lh_orphans_tell(const lh_orphans *orphans, lh_arena *arena, lh_json **ret, lh_error *err);
/* Files of tables that were dropped without purge before options->older_than_ms, as far as their folder was made by us.
 * *ret (arena): {"dry_run","files","bytes","tables":[{"dataset","dropped_at","metadata","files","bytes"}],
 * "problems":[{"folder","problem"}, the first hundred]}; metadata empty: of a move that broke off, or of a table that was never
 * there; a problem is of a folder that could not be emptied, which is tried again the next time. Errors: the metastore's. */
LH_MUST_CHECK lh_code lh_catalog_remove_dropped(lh_catalog *catalog, const lh_orphan_options *options, lh_arena *arena,
                                                lh_json **ret, lh_error *err);
/* *ret (arena): {"dataset","ok","files","problems":[{"file","problem"}]}; a bucket that does not answer and
 * a file outside of the lake are problems, too. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_table_verify(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                                      lh_error *err);

/* Id of the table's current snapshot, -1 when it has none. In memory, microseconds. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_table_snapshot_id(lh_catalog *catalog, lh_table_name name, int64_t *ret, lh_error *err);
/* Of its snapshot at that wall clock time, as DuckDB's extension picks it for AT (TIMESTAMP => …); -1: there was none. Reads
 * the metadata. Errors: NOT_FOUND, CORRUPT, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_table_snapshot_at(lh_catalog *catalog, lh_table_name name, int64_t at_ms, int64_t *ret,
                                           lh_error *err);

/* The id of the schema that a snapshot was written with; -1: it does not say. Reads the metadata. Errors: NOT_FOUND (also the
 * snapshot), CORRUPT, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_table_snapshot_schema(lh_catalog *catalog, lh_table_name name, int64_t snapshot_id,
                                               int64_t *ret, lh_error *err);

/* What a table's rows and their form depend on. */
typedef struct lh_table_state {
    uint64_t version; /* of the table's document: another one after each change */
    int64_t snapshot_id, schema_id;
    lh_uuid uuid;
} lh_table_state;
/* As lh_table_snapshot_id(); only version and snapshot_id are set. */
LH_MUST_CHECK lh_code lh_table_version(lh_catalog *catalog, lh_table_name name, lh_table_state *ret, lh_error *err);
/* All of it; reads the metadata. Errors: NOT_FOUND, CORRUPT, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_table_get_state(lh_catalog *catalog, lh_table_name name, lh_table_state *ret, lh_error *err);

/* ---- what our own engine's next commit carries ---- */
/* properties: object of strings put into the next snapshot's summary; documents: metastore changes in the same
 * commit (copied). Holds until the engine's next commit that adds a snapshot to the table, or lh_annotation_clear().
 * The caller holds the engine's write lock of the table, so the next such commit is its own. */
/* Among the properties: the commit replaces all rows; the snapshot has only the data files that it adds. */
#define LH_SUMMARY_REPLACES_ALL "lakehouse.replaces-all"
LH_MUST_CHECK lh_code lh_annotation_set(lh_catalog *catalog, lh_table_name name, const lh_json *properties,
                                        const lh_change *documents, size_t count, lh_error *err);
/* One more document, besides what is set already. */
LH_MUST_CHECK lh_code lh_annotation_add(lh_catalog *catalog, lh_table_name name, const lh_change *document,
                                        lh_error *err);
void lh_annotation_clear(lh_catalog *catalog, lh_table_name name);

/* The table of that name, when it is made, lies in this bucket (ingest's X-Lakehouse-Bucket). Holds until
 * lh_annotation_clear(). Errors: as lh_catalog_check_bucket(). */
LH_MUST_CHECK lh_code lh_annotation_set_bucket(lh_catalog *catalog, lh_table_name name, lh_str bucket, lh_error *err);

/* A property of a new table that does the same. */
#define LH_PROPERTY_BUCKET "lakehouse.bucket"
/* May a new table lie in the bucket? Errors: UNAVAILABLE (none of that name), DENIED (it is read-only). */
LH_MUST_CHECK lh_code lh_catalog_check_bucket(const lh_catalog *catalog, lh_str bucket, lh_error *err);
/* Name of the bucket that the table lies in; empty when the only one has none. Arena. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_table_bucket(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_str *ret,
                                      lh_error *err);

/* Writes the primary's name into each table's record that names no bucket. *ret (arena): {"stamped","already","bucket"}.
 * Errors: IO, UNAVAILABLE; CONFLICT (lost many races): what was stamped stays so. */
LH_MUST_CHECK lh_code lh_catalog_stamp_buckets(lh_catalog *catalog, lh_arena *arena, lh_json **ret, lh_error *err);

/* Where files lie that are kept beside the table, as an index of it: the prefix of their keys, in the table's folder. They are the caller's
 * to write, to know and to replace; orphan removal leaves them, they go with the table's files. Arena. Errors: NOT_FOUND, INVALID (the
 * folder is not the table's alone), CORRUPT, IO. */
#define LH_TABLE_BESIDE "index/"
LH_MUST_CHECK lh_code lh_table_beside(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_str *ret,
                                      lh_error *err);

/* ---- schema evolution by us (append of a file with more or wider columns) ---- */
/* add: array of {"name","type" (Iceberg), "doc"?}, appended as optional columns; widen: array of {"name","type"}.
 * Only what the specification allows: int→long, float→double, decimal(P,S)→decimal(P'>P,S), date→timestamp not in v2.
 * One commit; a race is retried inside. Errors: INVALID (not allowed, names why), NOT_FOUND, CONFLICT. */
LH_MUST_CHECK lh_code lh_table_evolve(lh_catalog *catalog, lh_table_name name, const lh_json *add, const lh_json *widen,
                                      lh_error *err);

/* ---- a schema changed as a whole, and taken back (reshape.c) ---- */
/* In the summary of a snapshot that came of a change: the id of the schema that was current before it. */
#define LH_SUMMARY_SCHEMA_BEFORE "lakehouse.migrated-from-schema-id"
typedef struct lh_reshape {
    int64_t schema_id, snapshot_id; /* as read, which the commit requires; snapshot_id -1: the table has none */
    const lh_json *schema;          /* the new one, with field ids; those above last-column-id are new columns */
    const lh_json *properties;      /* strings for the new snapshot's summary */
    const lh_json
        *moved; /* {"<field id>": new field id}: what was said of a column follows it, and views that read it read
                           * the new one; may be NULL */
} lh_reshape;
/* One commit: the schema, and a snapshot of the same files that has it, so that there is one to go back from. A table
 * without a snapshot only gets the schema. Errors: NOT_FOUND, CONFLICT (not as read any more), INVALID, IO. */
LH_MUST_CHECK lh_code lh_table_reshape(lh_catalog *catalog, lh_table_name name, const lh_reshape *reshape,
                                       lh_error *err);
/* The same for a commit that also changes values: the engine adds columns of the names in `written` ({name: field id}), fills
 * them and commits; that commit gets `schema` instead of what the engine sends, where those columns have their names and
 * places. moved: as above. Added to the annotation that is set; INVALID at the commit when the engine chose other ids. */
LH_MUST_CHECK lh_code lh_annotation_set_reshape(lh_catalog *catalog, lh_table_name name, const lh_json *schema,
                                                const lh_json *written, const lh_json *moved, lh_error *err);
/* The change of the dataset's document for `moved` above; *ret_found false: nothing was said of those. Arena. */
LH_MUST_CHECK lh_code lh_dataset_follow(lh_catalog *catalog, lh_table_name name, const lh_json *moved, lh_arena *arena,
                                        lh_change *ret, bool *ret_found, lh_error *err);
/* Makes a snapshot current that was it before (snapshot_id -1: the one before the current), with the schema that the
 * table had then, in one commit; records of files whose rows come and go by that follow. *ret (arena): {"dataset",
 * "snapshot_id","snapshot_before","schema_id"}. Errors: NOT_FOUND (table, snapshot), INVALID, CONFLICT. */
LH_MUST_CHECK lh_code lh_table_rollback(lh_catalog *catalog, lh_table_name name, int64_t snapshot_id, lh_arena *arena,
                                        lh_json **ret, lh_error *err);

/* ---- Parquet files that lie in the bucket already ---- */
typedef struct lh_file_column { /* of the first level, as the file's footer tells; not nested */
    lh_str name, type;          /* DuckDB's */
    int64_t field_id;           /* -1: it has none */
    int64_t size_bytes, nulls;  /* -1: not told */
    bool bounded, no_nan;       /* are there min and max; would they be missing if there were a NaN? */
    lh_str min, max;            /* as DuckDB writes values */
} lh_file_column;
typedef struct lh_file_footer {
    uint64_t rows;
    lh_file_column *columns;
    size_t count;
} lh_file_footer;
typedef struct lh_data_file {
    lh_str location;
    uint64_t size_bytes, rows;
    const lh_file_footer *footer; /* for the statistics; NULL: none */
} lh_data_file;
/* Appends the files as one snapshot without copying them (manifests written here; the table's
 * schema.name-mapping.default lets readers find the columns by name). Errors: INVALID, NOT_FOUND, CONFLICT. */
LH_MUST_CHECK lh_code lh_table_append_files(lh_catalog *catalog, lh_table_name name, const lh_data_file *files,
                                            size_t count, const lh_json *summary, lh_error *err);

/* ---- data files rewritten: other files of the same rows (rewrite_*.c) ---- */
typedef struct lh_rewrite_options {
    uint64_t target_bytes; /* of a file */
    uint64_t small_bytes;  /* a file below is rewritten, if there is another to go with it */
    bool all;              /* every file, however large */
    bool deletes_only;     /* small files stay; only deletes are worked in */
} lh_rewrite_options;
typedef struct lh_rewrite_group { /* files of one partition */
    int64_t spec_id;
    lh_str partition;    /* its values, as one text that names it */
    size_t first, count; /* of the plan's entries */
    uint64_t rows, bytes;
    uint64_t deleted_rows;    /* at most so many of them are deleted, when no equality delete is among */
    bool deletes, equalities; /* does a delete file concern it, and one by equality? */
} lh_rewrite_group;
typedef struct lh_rewrite_plan {
    int64_t snapshot_id, sequence; /* what was looked at; -1: an empty table */
    lh_str location;               /* of the table */
    lh_str target; /* set by the caller: where the table moves to by this rewrite of all its files; empty: it stays */
    const lh_json *schema, *properties, *sort_order, *sort_keys; /* sort_keys: as lh_table_layout() has them */
    lh_rewrite_group *groups;
    size_t group_count, file_count; /* files in all groups */
    uint64_t rows, bytes;
    bool restores; /* nothing is rewritten but what manifests tell of files (lh_resync) */
    struct rewrite_state *state;
} lh_rewrite_plan; /* arena */
/* Where the new files go: below data/ of it. */
static inline lh_str lh_rewrite_location(const lh_rewrite_plan *plan) {
    return plan->target.len ? plan->target : plan->location;
}
/* ---- the namespace `system` and those within it (system.c): the lake's own tables, for administrators ---- */
#define LH_SYSTEM_DENIED "the namespace system is for administrators"
bool lh_namespace_is_system(lh_str namespace_); /* in any case, as SQL reads names */
typedef struct
    lh_system_folders { /* of its tables; those without a location of somebody's choice lie below lake/system/ */
    const lh_catalog *catalog;
    lh_str *items;
    size_t count;
} lh_system_folders; /* arena */
LH_MUST_CHECK lh_code lh_system_folders_list(lh_catalog *catalog, lh_arena *arena, lh_system_folders *ret,
                                             lh_error *err);
bool lh_system_folders_hold(const lh_system_folders *folders, lh_str key); /* a key of all buckets */

/* A folder for the table in that bucket, which nothing has yet. Arena. Errors: as lh_catalog_check_bucket(). */
LH_MUST_CHECK lh_code lh_table_new_location(lh_catalog *catalog, lh_table_name name, lh_str bucket, lh_arena *arena,
                                            lh_str *ret, lh_error *err);
/* The same for a move, written down before its first file: what it leaves when it breaks off is removed with the files of
 * dropped tables. The commit of the move takes that away. Errors: also the metastore's. */
LH_MUST_CHECK lh_code lh_table_reserve_location(lh_catalog *catalog, lh_table_name name, lh_str bucket, lh_arena *arena,
                                                lh_str *ret, lh_error *err);
/* After a move that failed: forgets the location if nothing lies there. */
void lh_table_release_location(lh_catalog *catalog, lh_str location);
/* Errors: NOT_FOUND, INVALID (a format other than 2; a file that is not Parquet), CORRUPT, LIMIT (more entries than the arena holds). */
LH_MUST_CHECK lh_code lh_table_rewrite_plan(lh_catalog *catalog, lh_table_name name, const lh_rewrite_options *options,
                                            lh_arena *arena, lh_rewrite_plan *ret, lh_error *err);
/* Writes table metadata whose only snapshot is the group's files and the deletes: for the engine to read. *ret: its
 * location; lh_table_rewrite_done() removes it. */
LH_MUST_CHECK lh_code lh_table_rewrite_source(lh_catalog *catalog, const lh_rewrite_plan *plan, size_t group, lh_str id,
                                              lh_arena *arena, lh_str *ret, lh_error *err);
typedef struct lh_rewrite_file {
    size_t group;
    lh_str location;
    uint64_t size_bytes, rows;
    const lh_json
        *statistics; /* {"\"column\"": {"min","max","null_count","column_size_bytes"}}, as DuckDB tells; may be NULL */
} lh_rewrite_file;
typedef struct lh_rewritten {
    int64_t snapshot_id;
    uint64_t delete_files; /* that went, because nothing they refer to is left */
} lh_rewritten;
/* The files in the place of the plan's, as one snapshot of operation "replace", on top of what others appended meanwhile. sorted:
 * they have the table's sort order. Errors: CONFLICT (files of the plan went or got deletes meanwhile: plan anew; or
 * writers were faster ten times), NOT_FOUND, IO and UNAVAILABLE (leave open whether it landed). */
LH_MUST_CHECK lh_code lh_table_rewrite_commit(lh_catalog *catalog, lh_table_name name, const lh_rewrite_plan *plan,
                                              const lh_rewrite_file *files, size_t count, bool sorted,
                                              const lh_json *summary, lh_rewritten *ret, lh_error *err);
/* A plan of just the files that the snapshots after `since` appended, one group a partition and spec, for
 * lh_table_rewrite_source(); it is not for a commit. Errors: as the plan's, and INVALID when something other than appends came since. */
LH_MUST_CHECK lh_code lh_table_added_plan(lh_catalog *catalog, lh_table_name name, int64_t since, lh_arena *arena,
                                          lh_rewrite_plan *ret, lh_error *err);
/* Removes what the rewrite of that id wrote: the sources, and with `files` the data files as well. Best effort. */
void lh_table_rewrite_done(lh_catalog *catalog, const lh_rewrite_plan *plan, lh_str id, bool files);

/* ---- what manifests and records tell, restored (resync.c, resync_records.c) ---- */
typedef struct lh_resync {
    lh_rewrite_plan plan;
    size_t file_count; /* data files */
    struct resync_state *state;
} lh_resync; /* arena */
typedef struct lh_resynced {
    bool needed;       /* something is to be committed: of files, or the snapshot's totals */
    uint64_t files;    /* whose entries told too little, or other numbers than the files */
    uint64_t columns;  /* that got statistics */
    int64_t row_count; /* -1: deletes by equality hide an unknown number */
} lh_resynced;
/* Errors: as lh_table_rewrite_plan(). */
LH_MUST_CHECK lh_code lh_table_resync_plan(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_resync *ret,
                                           lh_error *err);
lh_str lh_table_resync_file(const lh_resync *resync, size_t file); /* its location; borrowed */
/* What the file is. Errors: LIMIT, CORRUPT (the manifest's schema). */
LH_MUST_CHECK lh_code lh_table_resync_take(lh_resync *resync, size_t file, uint64_t size_bytes,
                                           const lh_file_footer *footer, lh_error *err);
lh_resynced lh_table_resync_result(const lh_resync *resync);
/* One snapshot of operation "replace" with the same rows, on top of what others did meanwhile. Errors: as lh_table_rewrite_commit(). */
LH_MUST_CHECK lh_code lh_table_resync_commit(lh_catalog *catalog, lh_table_name name, const lh_resync *resync,
                                             const lh_json *summary, int64_t *ret_snapshot_id, lh_error *err);
/* The table's current snapshot and the time when it was made, in its records that lost them. *ret: one did. Errors: NOT_FOUND,
 * CORRUPT, CONFLICT (lost many races), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_table_restore_records(lh_catalog *catalog, lh_table_name name, bool dry_run, bool *ret,
                                               lh_error *err);

/* ---- how a table's files are laid out ---- */
/* {"dataset","sort":[{"column" (null: nested),"transform","direction" asc|desc,"nulls" first|last}],"partition":[{"column","transform"}],
 * "bloom":[column]}. Arena. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_table_layout(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                                      lh_error *err);
/* Sets those of "sort", "partition" and "bloom" that `layout` has, in one commit; files that are there stay as they are.
 * Errors: NOT_FOUND, INVALID (a column, a transform), CONFLICT. */
LH_MUST_CHECK lh_code lh_table_set_layout(lh_catalog *catalog, lh_table_name name, const lh_json *layout,
                                          lh_error *err);

/* ---- datasets: a table and what we know of it ---- */
/* {"name","namespace","format","schema":[{"name","type","nullable"}],"row_count","bytes","files","snapshot_id","schema_fingerprint",
 * "created_at","updated_at","origin":{…},"location"}. The document of origin is "dataset/<ns.t>", absent for tables of strangers. */
LH_MUST_CHECK lh_code lh_dataset_get(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                                     lh_error *err);
typedef struct lh_dataset_seen { /* what is looked at: datasets (column empty) and their columns */
    void *ctx;
    bool (*shows)(void *ctx, lh_table_name name, lh_str column);
} lh_dataset_seen;
extern const lh_dataset_seen lh_datasets_but_system;
/* {"items":[…],"next_page_token"}. filter: substring of the name, empty for all; namespace_ empty for all. seen: NULL for all. */
LH_MUST_CHECK lh_code lh_dataset_list(lh_catalog *catalog, lh_str namespace_, lh_str filter,
                                      const lh_dataset_seen *seen, lh_page page, lh_arena *arena, lh_json **ret,
                                      lh_error *err);
/* The table of an item of lh_dataset_list(). *ret_text (arena): "namespace.name", also on an error. Errors: as lh_table_name_parse(). */
LH_MUST_CHECK lh_code lh_dataset_listed(lh_catalog *catalog, const lh_json *item, lh_arena *arena, lh_str *ret_text,
                                        lh_table_name *ret, lh_error *err);
/* Drops table and document; purge: the files as well. */
LH_MUST_CHECK lh_code lh_dataset_delete(lh_catalog *catalog, lh_table_name name, bool purge, lh_error *err);
/* Puts documents of a load that added no snapshot, while the table is there. That it is gone, or that somebody was
 * faster, is no error: what is remembered of no rows may be forgotten. Errors: IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_dataset_remember(lh_catalog *catalog, lh_table_name name, const lh_change *documents,
                                          size_t count, lh_error *err);
/* Key of a dataset's document and of its "these bytes were ingested" record. Arena. */
lh_str lh_dataset_key(lh_table_name name, lh_arena *arena);
lh_str lh_ingested_key(lh_table_name name, lh_str sha256_hex, lh_arena *arena);

/* ---- what changed (change_feed.c): the last thousands of changes, in memory ---- */
typedef enum { LH_CHANGED_CREATED = 1, LH_CHANGED_UPDATED, LH_CHANGED_DROPPED } lh_changed;
typedef struct lh_dataset_change {
    lh_changed kind; /* UPDATED: rows, schema, or what is said of it; a rename is DROPPED and CREATED */
    lh_table_name name;
    int64_t snapshot_id; /* the current one after it (of a drop: the last); -1: none */
} lh_dataset_change;
typedef struct lh_dataset_changes {
    uint64_t sequence; /* of the log entry; without changes: of the last entry */
    lh_dataset_change *items;
    size_t count;
    size_t behind; /* changes after `after`, these included */
} lh_dataset_changes;
/* The changes of the first log entry after entry `after` that has any; none is no error. Arena. Errors: NOT_FOUND (they are not
 * kept any more: `after` is too old, or from before a restart). */
LH_MUST_CHECK lh_code lh_dataset_changes_after(lh_catalog *catalog, uint64_t after, lh_arena *arena,
                                               lh_dataset_changes *ret, lh_error *err);
/* Calls `listener` after each applied entry, on the committing thread: it must be short and commit nothing. One at a time; NULL
 * ends it, and when that returns no call is under way. Other gateways' entries are applied when somebody reads. */
void lh_dataset_changes_listen(lh_catalog *catalog, void (*listener)(void *ctx), void *ctx);

/* One table in a commit of this process. */
typedef struct lh_table_change {
    lh_changed kind; /* a rename is DROPPED and CREATED */
    lh_table_name name;
    int64_t snapshot_before, snapshot_id; /* -1: none */
} lh_table_change;
/* Calls `hook` for each, once it is durable, on the thread that committed: it must be short, and commit nothing. Several at
 * once. NULL ends it, and when that returns no call is under way. */
void lh_table_changes_hook(lh_catalog *catalog, void (*hook)(void *ctx, const lh_table_change *change), void *ctx);

/* ---- what people and detectors say of a dataset ---- */
/* public 0, internal 1, confidential 2, restricted 3; -1: no sensitivity. */
int lh_sensitivity_rank(lh_str sensitivity);
/* lh_dataset_get() and "description","owner","sensitivity","tags","synonyms","freshness":{…},"columns":[{…,"statistics"}],"lineage" (one step
 * up),"metadata_updated_at". *ret_version is of what lh_dataset_patch() changes; 0 when nothing was said. Arena. */
LH_MUST_CHECK lh_code lh_dataset_describe(lh_catalog *catalog, lh_table_name name, const lh_dataset_seen *seen,
                                          lh_arena *arena, lh_json **ret, uint64_t *ret_version, lh_error *err);
/* What decides who sees a column: [{"name","type" (the specification's JSON),"sensitivity","pii_kind"}], in its order, and the
 * state that it is of (without the uuid). Arena. Errors: NOT_FOUND, CORRUPT, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_dataset_columns(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                                         lh_table_state *ret_state, lh_error *err);
/* What people say of it, without looking at its rows: {"description","tags","synonyms" (null: nothing was said),"columns":[{"name",
 * "type","description","pii_kind","said_by","synonyms","key","references" ("dataset.column", or null),…}]}. Arena. Errors: as above. */
LH_MUST_CHECK lh_code lh_dataset_said(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                                      lh_error *err);
LH_MUST_CHECK lh_code lh_dataset_metadata_version(lh_catalog *catalog, lh_table_name name, uint64_t *ret,
                                                  lh_error *err);
/* A JSON merge patch (RFC 7396) of description, owner, sensitivity, tags, synonyms, expected_interval_s and columns {name:
 * {description, sensitivity, pii_kind, synonyms, key, references}}; null gives back the default. if_version: NULL, or the version it must have.
 * Errors: INVALID (an unknown field or column, with the nearest; a bad value), NOT_FOUND, CONFLICT (if_version), LIMIT. */
LH_MUST_CHECK lh_code lh_dataset_patch(lh_catalog *catalog, lh_table_name name, const lh_json *patch,
                                       const uint64_t *if_version, lh_error *err);
/* Verdicts of a detector: {column: {"field_id"?,"pii_kind"?,"confidence" 0…1,"evidence"?: counts} or null}; no kind: nothing was
 * found. One that a person declared stays. Columns that are gone, or have another id, are passed over. Errors: INVALID, NOT_FOUND, CONFLICT (lost 30 races). */
LH_MUST_CHECK lh_code lh_dataset_set_detected(lh_catalog *catalog, lh_table_name name, const lh_json *verdicts,
                                              bool part, lh_error *err);

/* ---- lineage ---- */
typedef enum { LH_LINEAGE_UP = 1, LH_LINEAGE_DOWN = 2, LH_LINEAGE_BOTH = 3 } lh_lineage_direction;
/* {"dataset","nodes":[{"id","kind" dataset|job|source,"name",…}],"edges":[{"from","to","kind" sql|ingest,…}],"truncated"}:
 * datasets up to `depth` steps away; with UP also the loads of each and where they came from. seen: NULL for all; what it does
 * not show is left out. Arena. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_lineage_get(lh_catalog *catalog, lh_table_name name, lh_lineage_direction direction,
                                     unsigned depth, const lh_dataset_seen *seen, lh_arena *arena, lh_json **ret,
                                     lh_error *err);
typedef struct lh_lineage_parent {
    lh_table_name name;
    lh_str in_part_by; /* who wrote the rows and sees only a part of the parent; empty: who sees the whole */
} lh_lineage_parent;
/* The engine's next commit that adds a snapshot to the table records that its rows came from these. What is no table, and
 * the table itself, are left out; with none left nothing is set. As lh_annotation_set(). */
LH_MUST_CHECK lh_code lh_lineage_annotate(lh_catalog *catalog, lh_table_name name, const lh_lineage_parent *parents,
                                          size_t count, lh_error *err);
typedef struct lh_lineage_part {
    lh_table_name parent;
    lh_str by; /* as lh_lineage_parent.in_part_by; "*": too many to tell */
} lh_lineage_part;
/* Of which parents, and parents of parents when the rows came, somebody had seen only a part. Arena. Errors: CORRUPT, the
 * metastore's. */
LH_MUST_CHECK lh_code lh_lineage_parts(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_lineage_part **ret,
                                       size_t *ret_count, lh_error *err);
/* The same commit makes columns of the table, by their names, as sensitive as those that their values came from: {"<column>":
 * {"sensitivity"?,"pii_kind"?}}. What a person said of a column stays; sensitivity that came this way only grows, and two
 * kinds become "several". Adds to the annotation that is there, or makes one. */
LH_MUST_CHECK lh_code lh_annotation_set_inherited(lh_catalog *catalog, lh_table_name name, const lh_json *columns,
                                                  lh_error *err);

/* {"items":[{"dataset","score","matched":[{"field","value"}],"description","owner","tags"}],"next_page_token"}: datasets in
 * which each word of `text` is found (name, tags, columns, owner, descriptions), best first. Errors: INVALID. */
/* seen: NULL for all. */
LH_MUST_CHECK lh_code lh_dataset_search(lh_catalog *catalog, lh_str text, lh_page page, const lh_dataset_seen *seen,
                                        lh_arena *arena, lh_json **ret, lh_error *err);
#endif
