/* What the files of vector share.
 *
 * Document vector/index/<name>: {"schema_version":1,"name","dataset","over_view","id_column","id_type" string|integer,
 * "text_columns":[…],"template","model":{"provider","name","version","dimensions"},"metric","chunk":{"size","overlap","unit","locale"},
 * "backend","table","rows","chunks","dataset_snapshot_id","refresh":{"policy" manual|on_append|scheduled,"cron"},"created_ms",
 * "created_by","last_embedded_ms"}.
 * Table vectors.<name>, or after a change of the model vectors.<name>_<part of the job's id>, a row a chunk: id (as the dataset's: string or long), chunk, text, text_start, text_end, row_hash,
 * embedding, model, model_version. All chunks of a row come and go in one commit. */
#ifndef LH_VECTOR_VECTOR_INTERNAL_H
#define LH_VECTOR_VECTOR_INTERNAL_H
#include "vector/vector.h"

#include <pthread.h>
#include <stdatomic.h>

#define VECTOR_NAMESPACE "vectors"
#define VECTOR_DOCUMENT "vector/index/"
#define VECTOR_JOB_INDEX "vector.index"

enum {
    VECTOR_SCHEMA_VERSION = 1,
    VECTOR_TEXT_COLUMNS_MAX = 64,
    VECTOR_CHUNK_SIZE = 1000,
    VECTOR_CHUNK_OVERLAP = 100,
    VECTOR_NAME_BYTES = 64,
    VECTOR_HASH_BYTES = 64, /* hex */
    VECTOR_QUERY_TERMS_MAX = 1024,
    VECTOR_ARENA_BYTES = 1 << 30,
};

typedef struct vector_definition {
    lh_str name, by;
    lh_table_name dataset, table;
    bool over_view, id_is_integer, by_tokens;
    lh_str id_column, template_; /* template_ empty: the text columns, a line each */
    lh_str *text_columns;        /* those that are read; of a template the ones that it names */
    size_t text_column_count;
    lh_ai_model model;
    lh_ann_metric metric;
    uint32_t dimensions; /* 0: nothing was embedded yet */
    uint32_t chunk_size, chunk_overlap;
    lh_str locale, backend, refresh, cron; /* refresh: manual, on_append or scheduled; cron: empty without */
    uint64_t rows, chunks;
    int64_t dataset_snapshot_id; /* -1: none, or a view's */
    int64_t created_ms, last_embedded_ms;
    uint64_t version; /* of the document; LH_VERSION_ABSENT: it is new */
} vector_definition;  /* arena */

typedef struct vector_watch vector_watch;

struct lh_vector {
    lh_engine *engine;
    lh_catalog *catalog;
    lh_ai *ai;
    lh_str folder, locale; /* owned */
    unsigned threads;
    uint64_t memory_limit_bytes, checkpoint_chunks;
    lh_job_kind kinds[1];
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct vector_served *served; /* indexes held ready */
    bool loading, reading_words;  /* one of each at a time */
    uint64_t uses;
    lh_vector_stats stats;
    vector_watch *watch; /* NULL: not started; of who starts and ends it */
};
void vector_count(lh_vector *vector, uint64_t *counter); /* one of stats' */

/* ---- definition.c ---- */
LH_MUST_CHECK lh_code vector_definition_parse(lh_catalog *catalog, const lh_json *body, lh_str locale, lh_arena *arena,
                                              vector_definition *ret,
                                              lh_error *err); /* of a request, or of a document */
lh_json *vector_definition_json(const vector_definition *definition, lh_arena *arena); /* as a request has it */
LH_MUST_CHECK lh_code vector_definition_read(lh_catalog *catalog, lh_str name, lh_arena *arena, vector_definition *ret,
                                             lh_error *err);
LH_MUST_CHECK lh_code vector_definition_change(const vector_definition *definition, lh_arena *arena, lh_change *ret,
                                               lh_error *err);
typedef lh_code (*vector_definition_fn)(void *ctx, const vector_definition *definition, lh_arena *arena, lh_error *err);
LH_MUST_CHECK lh_code vector_definition_each(lh_vector *vector, vector_definition_fn each, void *ctx, lh_arena *arena,
                                             lh_error *err);
/* Are both of the same rows, texts, chunks and vectors? */
bool vector_definition_same(const vector_definition *a, const vector_definition *b);

/* ---- index.c ---- */
/* *ret_relation: what is seen of the dataset; NULL: all of it. */
LH_MUST_CHECK lh_code vector_may_search(lh_vector *vector, const lh_vector_caller *caller,
                                        const vector_definition *definition, lh_arena *arena, bool *ret,
                                        const lh_relation **ret_relation, lh_error *err);

/* ---- source.c: the rows of a dataset as texts ---- */
typedef struct vector_row {
    lh_str id;   /* NULL pointer: none */
    lh_str text; /* what is cut into chunks */
    char hash[VECTOR_HASH_BYTES + 1];
} vector_row; /* borrowed until the next */
typedef lh_code (*vector_row_fn)(void *ctx, const vector_row *row, lh_error *err);
typedef struct vector_source {
    lh_engine *engine;
    const vector_definition *definition;
    const lh_governor *views; /* for a dataset that is a view */
    lh_cancel *cancel;
} vector_source;
/* Errors: a statement's, and the first of `each`. */
LH_MUST_CHECK lh_code vector_source_read(const vector_source *source, vector_row_fn each, void *ctx, lh_error *err);
LH_MUST_CHECK lh_code vector_source_count(const vector_source *source, lh_arena *arena, uint64_t *ret, lh_error *err);
/* Are the columns there, and of which type is the id? Sets id_is_integer. */
LH_MUST_CHECK lh_code vector_source_check(lh_engine *engine, const lh_vector_caller *caller,
                                          vector_definition *definition, lh_arena *arena, lh_error *err);
/* Runs a governed query and hands out its rows, objects by column, each in an arena of its own. */
typedef lh_code (*vector_object_fn)(void *ctx, const lh_json *row, lh_arena *arena, lh_error *err);
LH_MUST_CHECK lh_code vector_query(lh_engine *engine, const lh_query *query, vector_object_fn each, void *ctx,
                                   lh_error *err);

/* ---- known.c: which rows the table has, by id ---- */
typedef struct vector_known vector_known;
typedef enum { VECTOR_NEW, VECTOR_CHANGED, VECTOR_SAME, VECTOR_TWICE } vector_standing;
LH_MUST_CHECK lh_code vector_known_new(vector_known **ret, lh_error *err);
void vector_known_free(vector_known *known);
static inline void vector_known_freep(vector_known **known) { vector_known_free(*known); }
LH_MUST_CHECK lh_code vector_known_add(vector_known *known, lh_str id, lh_str hash, lh_error *err);
/* How a row of the dataset stands to the table; it is seen now. */
LH_MUST_CHECK lh_code vector_known_see(vector_known *known, lh_str id, lh_str hash, vector_standing *ret,
                                       lh_error *err);
/* Those that were added and not seen, one after the other: *at from 0. False: no more. */
bool vector_known_unseen(const vector_known *known, size_t *at, lh_str *ret);

/* ---- store.c: the table ---- */
LH_MUST_CHECK lh_code vector_store_make(lh_vector *vector, const vector_definition *definition, lh_arena *arena,
                                        lh_error *err);
LH_MUST_CHECK lh_code vector_store_load(lh_vector *vector, const vector_definition *definition, lh_cancel *cancel,
                                        vector_known *known, lh_error *err);
/* Whole rows on their way through the pipeline. */
typedef struct vector_batch {
    struct vector_batch *next;
    lh_arena *arena; /* owned; of all below */
    size_t chunk_count, replaced_count;
    lh_str *ids, *texts, *hashes; /* of each chunk */
    int64_t *numbers, *starts, *ends;
    float *vectors;   /* once embedded: dimensions of each */
    lh_str *replaced; /* ids whose older chunks go */
    uint64_t rows;    /* that it is of, those without a chunk too */
} vector_batch;
typedef struct vector_store {
    lh_vector *vector;
    const vector_definition *definition;
    lh_cancel *cancel;
} vector_store;
/* All of the batches in one commit. Errors: a statement's; nothing has landed then, but for UNAVAILABLE and IO, which leave it
 * open. */
LH_MUST_CHECK lh_code vector_store_commit(const vector_store *store, const vector_batch *batches, lh_error *err);
/* Sets rows and chunks to what the table has. */
LH_MUST_CHECK lh_code vector_store_count(const vector_store *store, vector_definition *ret, lh_error *err);

/* ---- build.c ---- */
lh_code vector_run_index(void *vector, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err);

/* ---- refresh.c ---- */
int64_t vector_stale_since(lh_catalog *catalog, const vector_definition *definition,
                           lh_arena *arena); /* 0: it is not */

/* ---- bm25.c: texts by their words ---- */
typedef struct vector_documents { /* numbered from 0 */
    size_t count;
    lh_str (*text)(const void *ctx, size_t document);
    const void *ctx;
} vector_documents;
typedef struct vector_bm25 vector_bm25; /* never changes; any number of threads may search */
/* Owned: vector_bm25_free(). Errors: INVALID (locale), LIMIT, CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code vector_bm25_build(const vector_documents *documents, lh_str locale, const _Atomic bool *cancelled,
                                        vector_bm25 **ret, lh_error *err);
void vector_bm25_free(vector_bm25 *bm25);
static inline void vector_bm25_freep(vector_bm25 **bm25) { vector_bm25_free(*bm25); }
size_t vector_bm25_bytes(const vector_bm25 *bm25);
typedef struct vector_bm25_query {
    lh_str text;
    uint32_t k;                    /* at least 1 */
    const uint64_t *allowed;       /* bit n%64 of word n/64 lets document n be found; NULL: all */
    bool allowed_alone;            /* count documents, lengths and who has a term in those allowed only */
    const _Atomic bool *cancelled; /* NULL: cannot be */
} vector_bm25_query;               /* borrowed */
typedef struct vector_bm25_hit {
    uint32_t document;
    double score;
} vector_bm25_hit;
/* The k best of those that have a word of the query, best first, equal scores by number. hits: room for k. Errors: LIMIT (words),
 * CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code vector_bm25_search(const vector_bm25 *bm25, const vector_bm25_query *query, vector_bm25_hit *hits,
                                         uint32_t *ret_count, lh_error *err);

/* ---- fuse.c: two rankings into one ---- */
typedef enum { VECTOR_BY_VECTOR, VECTOR_BY_TEXT, VECTOR_WAYS } vector_way;
typedef struct vector_hit {
    uint64_t row;
    double score;
    uint32_t ranks[VECTOR_WAYS]; /* from 1; 0: not among those of that way */
} vector_hit;
/* By their places: the sum of weight / (60 + rank). *hits: those of one way behind those of the other, each with its rank; a row of
 * both becomes one. Best first; equal ones by the better rank, then by row. Returns how many. */
size_t vector_fuse(vector_hit *hits, size_t count, const double weights[VECTOR_WAYS]);

/* ---- served.c: indexes held ready ---- */
typedef struct vector_text { /* one row of an index: a chunk; also as it lies in a file */
    uint64_t at;             /* of the id in the texts; the chunk's text stands behind it */
    uint32_t id_bytes, text_bytes;
    int32_t chunk, start, end; /* chunk -1: the row is gone */
    char hash[VECTOR_HASH_BYTES / 2];
} vector_text;
typedef struct vector_place {
    size_t first, count; /* in `order` */
} vector_place;
/* One of a snapshot of the table, which never changes: vectors and their graph, and the texts in a file that is mapped. */
typedef struct vector_served {
    struct vector_served *next; /* of vector->served; under its lock, with the next three */
    unsigned users;
    uint64_t last_use;
    bool dropped; /* not in the list any more: goes with its last user */
    lh_str name;  /* of the table; owned */
    int64_t snapshot_id;
    lh_ann_index *ann;       /* owned */
    const char *file;        /* mapped; owned */
    const char *texts;       /* within it, as these: */
    const vector_text *rows; /* as the index numbers them */
    size_t file_bytes, row_count, bytes;
    uint32_t *order;   /* rows that are not gone by id, then chunk; owned */
    vector_place *ids; /* by id; owned */
    size_t id_count;
    struct vector_bm25 *bm25; /* documents as in `order`; owned; NULL until asked for; under vector's lock */
} vector_served;
static inline lh_str vector_served_id(const vector_served *s, size_t row) {
    return (lh_str){s->texts + s->rows[row].at, s->rows[row].id_bytes};
}
static inline lh_str vector_served_text(const vector_served *s, size_t row) {
    return (lh_str){s->texts + s->rows[row].at + s->rows[row].id_bytes, s->rows[row].text_bytes};
}
/* Rows that are not gone. */
static inline size_t vector_served_live(const vector_served *s) {
    return s->id_count ? s->ids[s->id_count - 1].first + s->ids[s->id_count - 1].count : 0;
}
/* NULL: the index has no row of that id. */
const vector_place *vector_served_find(const vector_served *served, lh_str id);
/* That of the table as it is now, made when there is none. Released by vector_served_release(). Errors: NOT_FOUND (no table),
 * LIMIT (memory), CORRUPT (rows of other dimensions), CANCELLED, and a statement's. */
LH_MUST_CHECK lh_code vector_served_get(lh_vector *vector, const vector_definition *definition, lh_cancel *cancel,
                                        const vector_served **ret, lh_error *err);
/* Its words, read at the first call; borrowed as long as served is. Errors: LIMIT, CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code vector_served_bm25(lh_vector *vector, const vector_served *served,
                                         const vector_definition *definition, lh_cancel *cancel,
                                         const vector_bm25 **ret, lh_error *err);
void vector_served_release(lh_vector *vector, const vector_served *served);
void vector_served_forget(lh_vector *vector, lh_str table); /* and its files */
void vector_served_free_all(lh_vector *vector);
void vector_served_free(vector_served *served);

/* ---- load.c: one of those, from its files, from the table, or from both ---- */
LH_MUST_CHECK lh_code vector_load(lh_vector *vector, const vector_definition *definition, int64_t snapshot_id,
                                  lh_cancel *cancel, vector_served **ret, lh_error *err);
void vector_load_remove_files(lh_vector *vector, lh_str table);
#endif
