/* Private to catalog: the metastore's state and the pieces it is split into. */
#ifndef LH_CATALOG_METASTORE_INTERNAL_H
#define LH_CATALOG_METASTORE_INTERNAL_H
#include "catalog/catalog.h"

#include <pthread.h>

enum {
    LH_METASTORE_SCHEMA_VERSION = 1, /* of entries and checkpoints; an older one loads, a newer one is CORRUPT */
    LH_METASTORE_BATCH_MAX = 64,     /* callers that share a log entry */
    LH_METASTORE_ENTRY_BYTES = 48 << 20,
};

typedef struct metastore_doc {
    lh_str key, text; /* owned */
    uint64_t version;
} metastore_doc;

/* The documents by key, a sorted array of pointers. Not thread-safe by itself. */
typedef struct metastore_index {
    metastore_doc **docs;
    size_t count, room;
} metastore_index;

void metastore_index_clear(metastore_index *index);
/* Position of the first key >= `key`. */
size_t metastore_index_seek(const metastore_index *index, lh_str key);
metastore_doc *metastore_index_find(const metastore_index *index, lh_str key);
/* Puts (text not empty) or deletes. Errors: NO_MEMORY; the index is as before then. */
lh_code metastore_index_apply(metastore_index *index, lh_str key, lh_str text, uint64_t version);

/* One parsed log entry. Arena. */
typedef struct metastore_entry {
    uint64_t sequence;
    lh_str id;
    lh_change *changes;
    size_t count;
} metastore_entry;

/* Parses an entry's bytes. name: for the error. Errors: CORRUPT (also a newer schema version), NO_MEMORY, LIMIT. */
LH_MUST_CHECK lh_code metastore_entry_parse(lh_str bytes, lh_str name, lh_arena *arena, metastore_entry *ret, lh_error *err);
/* Appends the bytes of an entry that holds the changes of `batch` which are not check_only. */
LH_MUST_CHECK lh_code metastore_entry_write(uint64_t sequence, lh_str id, const lh_change *const *batch, const size_t *counts, size_t batch_count, lh_buf *into, lh_error *err);

/* Reads a checkpoint into an empty index. Errors: CORRUPT, IO … */
LH_MUST_CHECK lh_code metastore_checkpoint_parse(lh_str bytes, lh_str name, metastore_index *index, uint64_t *ret_sequence, lh_error *err);
/* Writes all documents as of `sequence` into a buffer. */
LH_MUST_CHECK lh_code metastore_checkpoint_write(const metastore_index *index, uint64_t sequence, lh_buf *into, lh_error *err);

lh_str metastore_log_key(uint64_t sequence, char into[64]);
lh_str metastore_checkpoint_key(uint64_t sequence, char into[64]);
/* The number in such a key. Errors: CORRUPT (a foreign name). */
LH_MUST_CHECK lh_code metastore_key_sequence(lh_str key, uint64_t *ret, lh_error *err);
#endif
