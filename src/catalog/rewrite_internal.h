/* Private to catalog: the entries of a snapshot's manifests, held in memory for a rewrite (see rewrite_plan.c). */
#ifndef LH_CATALOG_REWRITE_INTERNAL_H
#define LH_CATALOG_REWRITE_INTERNAL_H
#include "catalog/avro_internal.h"
#include "catalog/catalog_internal.h"

enum {
    REWRITE_CONTENT_DATA = 0,
    REWRITE_CONTENT_POSITIONS = 1,
    REWRITE_CONTENT_EQUALITIES = 2,
    REWRITE_AVRO_BYTES = 256 << 20,
};

typedef struct rewrite_entry {
    avro_value record; /* of the manifest, copied */
    size_t manifest;   /* in the list */
    int64_t spec_id, content, rows, size_bytes, snapshot_id, sequence, file_sequence;
    lh_str path, partition; /* partition: canonical */
    lh_str referenced;      /* of position deletes: the one file that they are of; empty: of any */
    bool everywhere;        /* a delete of an unpartitioned spec, which applies in all partitions */
    bool dirty;             /* a data file that deletes concern */
    bool equalities;        /* … by equality */
    uint64_t deleted_rows;  /* at most; of deletes by position that name this file */
    bool removed;           /* goes by this rewrite */
    lh_str restored;        /* its data_file with other statistics; empty: none */
    lh_str restored_schema; /* … of the entry, in Avro */
} rewrite_entry;

/* Sorted by spec and partition; within one the deletes last. */
typedef struct rewrite_state {
    lh_catalog *catalog;
    lh_arena *arena;
    lh_json *metadata;
    const lh_json *snapshot;
    manifest_list_entry *manifests;
    lh_str *schemas; /* of each manifest its Avro schema; arena */
    size_t manifest_count;
    rewrite_entry *entries;
    size_t count, room;
    size_t *slots; /* index by path: 1 + entry, 0 free */
    size_t slot_count;
} rewrite_state;

/* Every live entry of the metadata's current snapshot. Errors: as manifest_walk; INVALID (a manifest of format 1). */
LH_MUST_CHECK lh_code rewrite_load(lh_catalog *catalog, lh_json *metadata, lh_arena *arena, rewrite_state *ret,
                                   lh_error *err);
/* rewrite_plan.c: a plan in which nothing is chosen yet. Errors: as lh_table_rewrite_plan(). */
LH_MUST_CHECK lh_code rewrite_plan_load(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_rewrite_plan *ret,
                                        lh_error *err);
rewrite_entry *rewrite_find(const rewrite_state *state, lh_str path); /* a data file; NULL: none of that path */
/* The data file that all of a position delete file's rows name; empty when it does not tell. Borrowed from the entry. */
LH_MUST_CHECK lh_code rewrite_referenced(avro_value data_file, lh_str *ret, lh_error *err);
/* Of a position delete file: between which paths the data files lie that its rows name; empty where it does not tell. Borrowed. */
LH_MUST_CHECK lh_code rewrite_path_bounds(avro_value data_file, lh_str *ret_lower, lh_str *ret_upper, lh_error *err);
bool rewrite_same_partition(const rewrite_entry *a, const rewrite_entry *b);

/* ---- manifests to be written: entries of one schema and spec go into one ---- */
typedef struct rewrite_manifest {
    lh_str schema;
    int64_t spec_id, content;
    lh_buf block;
    int64_t files[3], rows[3], min_sequence; /* added, existing, deleted */
} rewrite_manifest;
enum { REWRITE_MANIFESTS_MAX = 256, REWRITE_MANIFEST_BYTES = 8 << 20 };
typedef struct rewrite_output {
    rewrite_manifest items[REWRITE_MANIFESTS_MAX];
    size_t count;
} rewrite_output;
void rewrite_output_done(rewrite_output *output);
/* The open manifest of that schema and spec, or a new one. Errors: LIMIT. */
LH_MUST_CHECK lh_code rewrite_output_at(rewrite_output *output, lh_str schema, int64_t spec_id, int64_t content,
                                        rewrite_manifest **ret, lh_error *err);
/* Puts an entry of the state: status 0 as it was, 2 deleted by snapshot_id. */
LH_MUST_CHECK lh_code rewrite_output_entry(rewrite_output *output, const rewrite_state *state,
                                           const rewrite_entry *entry, int status, int64_t snapshot_id, lh_error *err);
/* Writes the manifests as <prefix>-m<n>.avro and appends their list entries to `list`. */
LH_MUST_CHECK lh_code rewrite_output_write(rewrite_output *output, const rewrite_state *state, lh_str prefix,
                                           int64_t snapshot_id, int64_t sequence, lh_buf *list, int64_t *list_count,
                                           lh_error *err);

/* bound_write.c: a value as text → Iceberg's single-value form (Appendix D), as a lower or an upper bound. Empty: none can be told. Arena. */
lh_str bound_encode(lh_str type, lh_str text, bool upper, lh_arena *arena);
#endif
