/* Private to catalog: the catalog's state, table documents, metadata rules, manifests. */
#ifndef LH_CATALOG_CATALOG_INTERNAL_H
#define LH_CATALOG_CATALOG_INTERNAL_H
#include "catalog/annotation_internal.h"
#include "catalog/catalog.h"

#include <pthread.h>

typedef struct metadata_cache metadata_cache;

struct lh_catalog {
    lh_bucket *bucket;     /* borrowed */
    lh_registry *registry; /* borrowed; NULL: one bucket without a name */
    lh_metastore *metastore;
    metadata_cache *cache;
    annotation_store *annotations;
    struct staged_folders *staged;
    lh_str default_namespace; /* owned */
    bool namesakes;           /* folded.c */
    lh_idempotency *record;   /* lh_catalog_recording(): of the one request that uses this; else NULL */
};

/* ---- idempotency.c ---- */
/* What the client is told once a commit did its request, for the record of its key. */
typedef struct catalog_answer {
    enum {
        CATALOG_ANSWER_EMPTY,     /* 204 */
        CATALOG_ANSWER_BODY,      /* `body`, which is small */
        CATALOG_ANSWER_NAMESPACE, /* the namespace of `name` */
        CATALOG_ANSWER_TABLE,     /* LoadTableResult of metadata_key */
        CATALOG_ANSWER_COMMIT,    /* CommitTableResponse */
        CATALOG_ANSWER_VIEW       /* LoadViewResult */
    } kind;
    lh_table_name name;
    lh_str metadata_key;
    const lh_json *body;
} catalog_answer;
/* The commit that does what a REST request asks for: as lh_metastore_commit(), and with the request's record, if any. */
LH_MUST_CHECK lh_code catalog_commit(lh_catalog *catalog, const lh_change *changes, size_t count,
                                     const catalog_answer *answer, lh_error *err);

/* ---- table_sweep.c ---- */
typedef struct staged_folders staged_folders; /* folders of tables that do not exist yet; thread-safe */
LH_MUST_CHECK lh_code staged_folders_new(staged_folders **ret, lh_error *err);
void staged_folders_free(staged_folders *staged);
void staged_folders_add(staged_folders *staged, lh_str table, lh_str folder);

/* ---- names and documents ---- */
/* "namespace/<levels>" and "table/<levels>/<name>". Arena. */
lh_str catalog_namespace_key(lh_str namespace_, lh_arena *arena);
lh_str catalog_table_key(lh_table_name name, lh_arena *arena);
lh_str catalog_view_key(lh_table_name name, lh_arena *arena); /* "view/<levels>/<name>" */
LH_MUST_CHECK lh_code catalog_check_name(lh_str name, const char *what, lh_error *err);
LH_MUST_CHECK lh_code catalog_check_namespace(lh_str namespace_, lh_error *err);
/* REST's ["a","b"] → "a\x1f""b" (checked), and back. */
LH_MUST_CHECK lh_code catalog_namespace_from_json(const lh_json *levels, lh_arena *arena, lh_str *ret, lh_error *err);
/* NOT_FOUND "namespace 'a.b' does not exist", or its version for a check_only change. */
LH_MUST_CHECK lh_code catalog_namespace_version(lh_catalog *catalog, lh_str namespace_, uint64_t *ret, lh_error *err);
/* Checks and applies one page of a sorted listing: token is the last key suffix of the page before. */
enum { CATALOG_LIST_ALL = 1 << 24 };

lh_str catalog_swap_bytes(lh_str text, char from, char to, lh_arena *arena); /* a copy; arena */

/* ---- dotted.c: names that look alike when their levels are joined by dots ---- */
/* What the commit of a new namespace also holds, so that no other has its dotted form: one or two changes. Arena. */
LH_MUST_CHECK lh_code dotted_claim(lh_str namespace_, lh_arena *arena, lh_change changes[2], size_t *ret_count,
                                   lh_error *err);
/* What the commit of its drop also holds; false: nothing. Arena. */
bool dotted_release(lh_str namespace_, lh_arena *arena, lh_change *ret);
/* The namespace that "a.b" is: the one that has the form, else ["a","b"], there or not. Arena. */
LH_MUST_CHECK lh_code dotted_namespace(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_str *ret, lh_error *err);
/* The table or view that "a.b.t" is, its own name as short as can be; without one what the last dot splits. Arena. */
LH_MUST_CHECK lh_code dotted_find(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_table_name *ret, lh_error *err);
/* Errors: CONFLICT, a table or view of another name has the same dotted form. */
LH_MUST_CHECK lh_code dotted_must_be_new(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_error *err);

/* ---- folded.c: namespaces whose names differ in case only ---- */
/* What the commit of a new namespace also holds, so that no other has its name in another case. Arena. */
LH_MUST_CHECK lh_code folded_claim(lh_str namespace_, lh_arena *arena, lh_change *ret, lh_error *err);
/* What the commit of its drop also holds. Arena. */
LH_MUST_CHECK lh_code folded_release(lh_catalog *catalog, lh_str namespace_, lh_arena *arena, lh_change *ret,
                                     lh_error *err);
/* Makes the documents of namespaces that were made by a version without them. */
LH_MUST_CHECK lh_code folded_repair(lh_catalog *catalog, lh_error *err);

enum { CATALOG_FORMER_MAX = 32 };
/* A table's document. Arena. */
typedef struct catalog_table {
    lh_table_name name;
    lh_str metadata_key; /* key of its metadata.json in the bucket */
    lh_str created_at;
    bool owns_folder; /* the location was made by us for this table alone */
    lh_json *former;  /* keys of such folders that it moved out of, with '/'; NULL: none */
    uint64_t version;
    int64_t snapshot_id; /* -1: none */
} catalog_table;
LH_MUST_CHECK lh_code catalog_table_find(lh_catalog *catalog, lh_table_name name, lh_arena *arena, catalog_table *ret,
                                         lh_error *err);
LH_MUST_CHECK lh_code catalog_table_document(const lh_catalog *catalog, const catalog_table *table, lh_arena *arena,
                                             lh_str *ret, lh_error *err);
/* The metadata_key of a table's document as the whole of the buckets knows it. Arena. */
lh_str catalog_document_metadata_key(const lh_catalog *catalog, const lh_json *doc, lh_arena *arena);
bool catalog_is_former(const catalog_table *table,
                       lh_str key); /* does it lie in a folder that the table moved out of? */
/* The folders that a document says it left, as whole keys; NULL: none. Arena. */
lh_json *catalog_document_former(const lh_catalog *catalog, const lh_json *doc, lh_arena *arena);
/* Name of the bucket that holds the whole's key (empty: the only one, which has none), and the key in it. Borrowed. */
lh_str catalog_bucket_of(const lh_catalog *catalog, lh_str key, lh_str *ret_key);

/* ---- metadata files ---- */
LH_MUST_CHECK lh_code metadata_cache_new(metadata_cache **ret, lh_error *err);
void metadata_cache_free(metadata_cache *cache);
/* Copies the text into the arena; false when absent. */
bool metadata_cache_get(metadata_cache *cache, lh_str key, lh_arena *arena, lh_str *ret);
void metadata_cache_put(metadata_cache *cache, lh_str key, lh_str text);
/* Loads and parses (through the cache). Errors: CORRUPT, IO, NOT_FOUND → CORRUPT (a table without its metadata). */
LH_MUST_CHECK lh_code catalog_metadata_load(lh_catalog *catalog, lh_str key, lh_arena *arena, lh_json **ret,
                                            lh_error *err);
/* A table's document and its metadata. Errors: NOT_FOUND, and as above. */
LH_MUST_CHECK lh_code catalog_table_read(lh_catalog *catalog, lh_table_name name, lh_arena *arena, catalog_table *ret,
                                         lh_json **ret_metadata, lh_error *err);
/* Where metadata is written: metadata/ of the location, or a view's property write.metadata.path. (A table's stays where
 * the folders of tables are told from their metadata files.) */
lh_str catalog_metadata_folder(const lh_json *metadata, lh_arena *arena);
/* Writes metadata as the successor of previous_key (empty: the first) into its folder. *ret_key: arena. */
LH_MUST_CHECK lh_code catalog_metadata_write(lh_catalog *catalog, const lh_json *metadata, lh_str previous_key,
                                             lh_arena *arena, lh_str *ret_key, lh_error *err);
void catalog_metadata_remove(lh_catalog *catalog, lh_str key); /* best effort */

/* ---- tables.c, for table_commit.c ---- */
/* LoadTableResult, or CommitTableResponse without `config`. metadata_key empty: staged, no metadata-location. Arena. */
lh_json *table_answer(lh_catalog *catalog, lh_str metadata_key, lh_json *metadata, bool config, lh_arena *arena);
/* A TableIdentifier of JSON. Arena. Errors: INVALID. */
LH_MUST_CHECK lh_code table_identifier(const lh_json *identifier, lh_arena *arena, lh_table_name *ret, lh_error *err);
/* An error of a rename, told as one: what is there already becomes "Cannot rename a.b to a.c. View already exists". */
LH_MUST_CHECK lh_code table_rename_failed(lh_code code, lh_table_name from, lh_table_name to, const lh_error *why,
                                          lh_error *err);
lh_change table_no_view(lh_table_name name, lh_arena *arena); /* requires that no view has the name */
/* Errors: INVALID (the name), NOT_FOUND (the namespace), CONFLICT (the table, or a view). */
LH_MUST_CHECK lh_code table_must_be_new(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_error *err);
/* ---- page_token.c: next-page-token of the Iceberg lists ---- */
/* Behind the item with that key, of the list of keys that begin with prefix_bytes of it. Arena. */
lh_str catalog_page_token(lh_str key, size_t prefix_bytes, lh_arena *arena);
/* The key that the token is behind; empty for none. Arena. Errors: INVALID (not one that the list of `prefix` gave). */
LH_MUST_CHECK lh_code catalog_page_after(lh_str token, lh_str prefix, lh_arena *arena, lh_str *ret, lh_error *err);
/* A page of ListTablesResponse from the documents "<kind>/<levels>/…". */
LH_MUST_CHECK lh_code catalog_list_identifiers(lh_catalog *catalog, const char *kind, lh_str namespace_, lh_page page,
                                               lh_arena *arena, lh_json **ret, lh_error *err);
lh_str table_new_folder(lh_table_name name, lh_arena *arena); /* a folder that nothing has yet */
/* *ret: the folder's key. chosen: also checks that no other table lies there. Errors: INVALID. */
LH_MUST_CHECK lh_code table_check_location(lh_catalog *catalog, lh_str location, lh_table_name name, bool chosen,
                                           lh_arena *arena, lh_str *ret, lh_error *err);
/* Was the folder made by us for a table of that name? */
bool table_is_own_folder(const lh_catalog *catalog, lh_table_name name, lh_str folder, lh_arena *arena);
/* Makes data/ and metadata/ of a location, which engines on local disk expect. chosen: by a client, so it is first checked
 * that no other table lies there. *ret: the folder's key. Arena. Errors: INVALID (outside, or in use), IO. */
LH_MUST_CHECK lh_code table_claim_folder(lh_catalog *catalog, lh_str location, lh_table_name name, bool chosen,
                                         lh_arena *arena, lh_str *ret, lh_error *err);

lh_str catalog_folder_of(lh_str key); /* of a metadata file: its table's */
bool catalog_lies_in(lh_str key, lh_str folder); /* or is it the folder? without a slash at its end */
/* Refuses a folder that another table has, or that lies within or around one. Errors: INVALID. */
LH_MUST_CHECK lh_code table_folder_is_free(lh_catalog *catalog, lh_str folder, lh_table_name name, lh_error *err);

/* ---- dropped.c: "dropped/<folder>" of tables that are gone, or not there yet, while their files are ---- */
/* Before the first file of a table that is not committed yet. */
LH_MUST_CHECK lh_code dropped_reserve(lh_catalog *catalog, lh_table_name name, lh_str folder, lh_arena *arena,
                                      lh_error *err);
void dropped_release(lh_catalog *catalog, lh_str folder, lh_arena *arena); /* forgets the folder if it is empty */
LH_MUST_CHECK lh_code dropped_change(const catalog_table *table, lh_str folder, lh_arena *arena, lh_change *ret,
                                     lh_error *err);
LH_MUST_CHECK lh_code dropped_forget(lh_catalog *catalog, lh_str folder, lh_arena *arena, lh_error *err);
/* For the commit of a table that lies there again; *ret_found false: nothing was dropped there. Errors: CONFLICT (its files are
 * being removed). */
LH_MUST_CHECK lh_code dropped_return(lh_catalog *catalog, lh_str folder, lh_arena *arena, lh_change *ret,
                                     bool *ret_found, lh_error *err);

/* ---- the table_*.c that know metadata: the specification's rules, pure functions on JSON ---- */
/* Empty metadata that updates build up (staged create, create). */
lh_json *metadata_empty(lh_arena *arena);
/* Errors: INVALID (unknown type, field missing), CONFLICT (not met). metadata NULL: the table does not exist. */
LH_MUST_CHECK int64_t
metadata_shown_schema(int64_t id); /* the id of a schema by the one that DuckDB was shown; others as they are */
lh_code metadata_check_requirements(const lh_json *requirements, const lh_json *metadata, lh_error *err);
/* Applies the updates in order, then checks the whole. metadata is changed in place (work on a copy).
 * Errors: INVALID. previous_location/previous_ms: for metadata-log; empty for the first. */
LH_MUST_CHECK lh_code metadata_apply_updates(lh_arena *arena, lh_json *metadata, const lh_json *updates, lh_error *err);
LH_MUST_CHECK lh_code metadata_finish(lh_arena *arena, lh_json *metadata, lh_str previous_location, int64_t previous_ms,
                                      lh_error *err);
/* Does metadata that a stranger wrote hold together? Paths, ids, schemas, snapshots, refs. Errors: INVALID. */
LH_MUST_CHECK lh_code metadata_check_stored(lh_arena *arena, const lh_json *metadata, lh_error *err);
/* CreateTableRequest → updates that make its first metadata, with fresh field ids. */
LH_MUST_CHECK lh_code metadata_updates_for_create(lh_arena *arena, const lh_json *request, lh_str location,
                                                  lh_json **ret, lh_error *err);
int64_t metadata_current_snapshot_id(const lh_json *metadata);                 /* -1: none */
lh_json *metadata_find(const lh_json *array, const char *id_name, int64_t id); /* element whose id is that, or NULL */
lh_json *metadata_snapshot(const lh_json *metadata, int64_t id);
/* Is the snapshot `id` the snapshot `from`, or one of its ancestors? */
bool metadata_descends(const lh_json *metadata, int64_t from, int64_t id);
/* When the rows last came, went or changed: a snapshot of operation "replace" has those of its parent, and tells of when they
 * are when the parent has expired. -1: there is no such snapshot. */
int64_t metadata_rows_changed_ms(const lh_json *metadata, int64_t id);
#define LH_SUMMARY_ROWS_CHANGED_AT "lakehouse.rows-changed-at"
/* The requirement of a commit of our own: main is still on that snapshot (below 0: on none). Arena. */
lh_json *metadata_main_stands(lh_arena *arena, int64_t snapshot_id);
lh_json *metadata_current_schema(const lh_json *metadata);
/* Highest field id within a schema's fields, nested ones too; 0 when none. */
int64_t metadata_highest_field_id(const lh_json *fields);

/* ---- manifest.c ---- */
/* What the snapshot itself added; the files that a read of it needs; everything that it names. */
typedef enum { MANIFEST_ADDED, MANIFEST_LIVE, MANIFEST_ALL } manifest_scope;
typedef struct manifest_file {
    lh_str location;
    int64_t size_bytes; /* as the manifest says; -1: it does not */
} manifest_file;
typedef lh_code (*manifest_fn)(void *ctx, manifest_file file, lh_error *err);
/* Calls `each` for a snapshot's data and delete files, each manifest after its files, the manifest list last. Errors: UNAVAILABLE
 * (an Avro codec that we lack), CORRUPT (undecodable), the bucket's, each's. */
LH_MUST_CHECK lh_code manifest_walk(lh_bucket *bucket, const lh_json *snapshot, manifest_scope scope, manifest_fn each,
                                    void *ctx, lh_error *err);
/* What the live entries of all its manifests add up to; for snapshots whose summary does not say. */
typedef struct manifest_totals {
    uint64_t bytes, data_files, records, position_deletes, equality_deletes;
} manifest_totals;
LH_MUST_CHECK lh_code manifest_count(lh_bucket *bucket, lh_str manifest_list, manifest_totals *ret, lh_error *err);
/* An entry of a manifest list, as far as a later list has to repeat it. */
typedef struct manifest_list_entry {
    lh_str path;
    int64_t length, spec_id, content, sequence, min_sequence, snapshot_id, files[3],
        rows[3]; /* added, existing, deleted */
} manifest_list_entry;
/* Arena. Errors: as manifest_walk. */
LH_MUST_CHECK lh_code manifest_list_read(lh_bucket *bucket, lh_str manifest_list, lh_arena *arena,
                                         manifest_list_entry **ret, size_t *ret_count, lh_error *err);
void manifest_list_write_entry(lh_buf *block, const manifest_list_entry *entry);
/* Appends a whole manifest list (format 2) of those entries. */
void manifest_list_write(lh_buf *file, int64_t snapshot_id, int64_t sequence, int64_t count, lh_str block);
/* Before a commit: what the snapshot added (or all that it needs, with MANIFEST_LIVE) is on disk for good (or, on S3,
 * there). Errors: INVALID (it names what is not there, or cannot be read), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code manifest_sync(lh_catalog *catalog, const lh_json *snapshot, manifest_scope scope,
                                    lh_str table_location, lh_error *err);

/* ---- transform.c ---- */
bool transform_exists(lh_str transform);             /* one that the specification knows, "bucket[16]" */
bool transform_takes(lh_str transform, lh_str type); /* type: a primitive one's name; empty for another */

lh_json *layout_sort(const lh_json *metadata, lh_arena *arena); /* layout.c: "sort" of lh_table_layout() */
/* replace_all.c: the snapshot's rows are all rows. *ret_new: the key of the manifest list that it gets; *ret_old: of the one that
 * it had, for after the commit. Both may be set on failure. */
LH_MUST_CHECK lh_code replace_all(lh_catalog *catalog, const lh_json *metadata, lh_json *snapshot, lh_arena *arena,
                                  lh_str *ret_old, lh_str *ret_new, lh_error *err);
/* stale_deletes.c: CONFLICT when the new snapshot deletes rows of files that it does not have, because a compaction replaced them. */
LH_MUST_CHECK lh_code stale_deletes_check(lh_catalog *catalog, const lh_json *metadata, const lh_json *snapshot,
                                          lh_error *err);

/* ---- file_set.c: keys of the bucket ---- */
typedef struct file_set {
    lh_catalog *catalog;
    lh_arena *arena; /* holds the set; its cap is the set's */
    struct file_set_item {
        lh_str key;
        int64_t size_bytes; /* -1: unknown */
    } *slots;
    size_t count, room;
} file_set;
/* A file outside of the bucket is left out. Usable as a manifest_fn with the set as ctx. Errors: LIMIT (the arena). */
LH_MUST_CHECK lh_code file_set_add(void *set, manifest_file file, lh_error *err);
bool file_set_has(const file_set *set, lh_str key);
/* All that a read of the metadata's snapshots needs; of those whose id is in `only`, when not NULL. gone: also what they say
 * was deleted, and one whose files were expired before is left out instead of an error. */
LH_MUST_CHECK lh_code file_set_add_snapshots(file_set *set, const lh_json *metadata, const lh_json *only, bool gone,
                                             lh_error *err);
/* Calls `each` for the files that metadata names beside its snapshots': statistics, and, with `log`, older metadata. */
LH_MUST_CHECK lh_code metadata_each_file(const lh_json *metadata, bool log, manifest_fn each, void *ctx, lh_error *err);
/* The table's folder with its '/'. INVALID when its property gc.enabled forbids to delete files. Arena. */
LH_MUST_CHECK lh_code catalog_table_folder(lh_catalog *catalog, const lh_json *metadata, lh_arena *arena, lh_str *ret,
                                           lh_error *err);

#endif
