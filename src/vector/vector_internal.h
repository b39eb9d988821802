/* What the files of vector share.
 *
 * Document vector/index/<name>: {"schema_version":1,"name","dataset","over_view","id_column","id_type" string|integer,
 * "text_columns":[…],"template","model":{"provider","name","version","dimensions"},"metric","chunk":{"size","overlap","unit","locale"},
 * "backend","hnsw":{"ef_construction","ef_search","connectivity","dtype","seed"},"recall_target","table","rows","chunks","dataset_snapshot_id","refresh":{"policy" manual|on_append|scheduled,"cron"},"created_ms",
 * "created_by","last_embedded_ms"}.
 * Table vectors.<name>, or after a change of the model vectors.<name>_<part of the job's id>, a row a chunk: id (as the dataset's: string or long), chunk, text, text_start, text_end, row_hash,
 * embedding, model, model_version. All chunks of a row come and go in one commit. */
#ifndef LH_VECTOR_VECTOR_INTERNAL_H
#define LH_VECTOR_VECTOR_INTERNAL_H
#include "vector/vector.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define VECTOR_NAMESPACE "vectors"
#define VECTOR_DOCUMENT "vector/index/"
#define VECTOR_JOB_INDEX "vector.index"
#define VECTOR_RECALL_TARGET 0.95

enum {
    VECTOR_SCHEMA_VERSION = 1,
    VECTOR_TEXT_COLUMNS_MAX = 64,
    VECTOR_CHUNK_SIZE = 1000,
    VECTOR_CHUNK_OVERLAP = 100,
    VECTOR_NAME_BYTES = 64,
    VECTOR_HASH_BYTES = 64, /* hex */
    VECTOR_QUERY_TERMS_MAX = 1024,
    VECTOR_ARENA_BYTES = 1 << 30,
    VECTOR_TEXT_BYTES =
        10 << 20, /* of a row's text columns: as JSON, where a byte is six at most, fewer than LH_LIMIT_JSON_BYTES */
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
    lh_hnsw_config hnsw;
    double recall_target;
    lh_str locale, backend, refresh, cron; /* refresh: manual, on_append or scheduled; cron: empty without */
    uint64_t rows, chunks;
    int64_t dataset_snapshot_id; /* -1: none, or a view's */
    int64_t created_ms, last_embedded_ms;
    uint64_t version; /* of the document; LH_VERSION_ABSENT: it is new */
} vector_definition;  /* arena */

typedef struct vector_watch vector_watch;
typedef struct vector_recall vector_recall;

struct lh_vector {
    lh_engine *engine;
    lh_catalog *catalog;
    lh_ai *ai;
    lh_registry *registry;
    lh_str folder, locale; /* owned */
    unsigned threads;
    uint64_t memory_limit_bytes, checkpoint_chunks;
    lh_job_kind kinds[4];
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct vector_served *served; /* indexes held ready */
    bool loading, reading_words, reading_rows, keeping; /* one of each at a time */
    uint64_t uses;
    lh_vector_stats stats;
    vector_watch *watch;        /* NULL: not started; of who starts and ends it */
    pthread_mutex_t lance_lock; /* taken before `lock`; guards what follows, and the making of datasets */
    lh_engine *lance;           /* owned; NULL until the first index of that backend; then it never changes */
    vector_recall *recall;
};
void vector_count(lh_vector *vector, uint64_t *counter); /* one of stats' */
/* Under vector's lock: until something of what it guards has changed, some of a second at most. False: cancelled. */
bool vector_wait_locked(lh_vector *vector, lh_cancel *cancel);

/* ---- definition.c ---- */
LH_MUST_CHECK lh_code vector_definition_parse(lh_catalog *catalog, const lh_json *body, lh_str locale, lh_arena *arena,
                                              vector_definition *ret,
                                              lh_error *err); /* of a request, or of a document */
/* The same of a dataset whose name was read. Looks at nothing but the body. */
LH_MUST_CHECK lh_code vector_definition_parse_of(lh_table_name dataset, const lh_json *body, lh_str locale,
                                                 lh_arena *arena, vector_definition *ret, lh_error *err);
/* Of a request; what is stored may be of an older version, which took any locale. Errors: INVALID. */
LH_MUST_CHECK lh_code vector_definition_check_chunk(const vector_definition *d, lh_error *err);
lh_json *vector_definition_json(const vector_definition *definition, lh_arena *arena); /* as a request has it */
LH_MUST_CHECK lh_code vector_definition_read(lh_catalog *catalog, lh_str name, lh_arena *arena, vector_definition *ret,
                                             lh_error *err);
LH_MUST_CHECK lh_code vector_definition_change(const vector_definition *definition, lh_arena *arena, lh_change *ret,
                                               lh_error *err);
typedef lh_code (*vector_definition_fn)(void *ctx, const vector_definition *definition, lh_arena *arena, lh_error *err);
LH_MUST_CHECK lh_code vector_definition_each(lh_vector *vector, vector_definition_fn each, void *ctx, lh_arena *arena,
                                             lh_error *err);
/* *ret: the index as it is listed; NULL: it is not. */
typedef lh_code (*vector_definition_item)(void *ctx, const vector_definition *definition, lh_arena *arena,
                                          lh_json **ret, lh_error *err);
/* {"items","next_page_token"}: a page of what is listed, by name of the index; a token only where another one follows, so that it tells
 * nothing of those that are not. Arena. */
LH_MUST_CHECK lh_code vector_definition_list(lh_vector *vector, lh_page page, vector_definition_item item, void *ctx,
                                             lh_arena *arena, lh_json **ret, lh_error *err);
void vector_set_time(lh_arena *arena, lh_json *into, const char *name, int64_t ms); /* 0: null, there is none */
/* The first member by which they are not of the same rows, texts, chunks and vectors; NULL: there is none. */
const char *vector_definition_difference(const vector_definition *a, const vector_definition *b);

/* ---- hnsw.c ---- */
LH_MUST_CHECK lh_code vector_hnsw_parse(const lh_json *given, lh_hnsw_config *ret, lh_error *err);
lh_json *vector_hnsw_json(const lh_hnsw_config *config, lh_arena *arena);
/* Are graphs of both the same? They may be searched with another ef_search. */
bool vector_hnsw_same_graph(const lh_hnsw_config *a, const lh_hnsw_config *b);
LH_MUST_CHECK lh_code vector_recall_target_parse(const lh_json *given, double *ret, lh_error *err);

/* ---- index.c ---- */
/* *ret_relation: what is seen of the dataset; NULL: all of it. */
LH_MUST_CHECK lh_code vector_may_search(lh_vector *vector, const lh_vector_caller *caller,
                                        const vector_definition *definition, lh_arena *arena, bool *ret,
                                        const lh_relation **ret_relation, lh_error *err);

/* May the caller make it? */
LH_MUST_CHECK lh_code vector_may_index(lh_vector *vector, const lh_vector_caller *caller,
                                       const vector_definition *definition, lh_arena *arena, bool *ret, lh_error *err);
/* Where there is no index yet: is a job at work, which the caller may see, that makes it? Errors: UNAVAILABLE (so it is; the message
 * says how far it is). */
LH_MUST_CHECK lh_code vector_check_begun(const lh_vector_caller *caller, lh_str name, lh_arena *arena, lh_error *err);
/* Was it ever whole? What is there before is a part, and who asks it is not told of nothing found. Errors: UNAVAILABLE; the message tells
 * of the job, where the caller may see that. */
LH_MUST_CHECK lh_code vector_check_made(const lh_vector_caller *caller, const vector_definition *definition,
                                        lh_arena *arena, lh_error *err);
/* The index, if the caller may make it, and it was made. To a governed caller who may not it is as if there were none. Errors:
 * NOT_FOUND, DENIED, UNAVAILABLE (it is being made). */
LH_MUST_CHECK lh_code vector_require_index(lh_vector *vector, const lh_vector_caller *caller, lh_str name,
                                           lh_arena *arena, vector_definition *ret, lh_error *err);
lh_str vector_subject(lh_str index, lh_arena *arena); /* of jobs that change it */

/* ---- recall.c: what searches found, and what is made ready ahead ---- */
LH_MUST_CHECK lh_code vector_recall_new(lh_vector *vector, const lh_vector_options *options, lh_error *err);
LH_MUST_CHECK lh_code vector_recall_start(lh_vector *vector, lh_jobs *jobs, lh_error *err);
void vector_recall_stop(lh_vector *vector);
void vector_recall_free(lh_vector *vector);
/* An HNSW search of one query was answered so. */
void vector_recall_offer(lh_vector *vector, const vector_definition *definition, const struct vector_served *served,
                         const lh_ann_query *query, const lh_ann_hit *hits, uint32_t found);
/* {"sampled","value" (null: nothing yet),"target","below_target"} */
lh_json *vector_recall_show(lh_vector *vector, const vector_definition *definition, lh_arena *arena);
void vector_recall_count(lh_vector *vector, lh_vector_stats *stats);
void vector_recall_forget(lh_vector *vector, lh_str index);

/* ---- trials.c ---- */
/* Which deletes the index's eval sets. Arena. */
LH_MUST_CHECK lh_code vector_trials_changes(const lh_vector *vector, lh_str index, lh_arena *arena, lh_change **ret,
                                            size_t *ret_count, lh_error *err);
typedef struct vector_trial_files {
    lh_str journal, evals; /* a key, and a prefix of keys; empty: the index has no table, so nobody knows */
} vector_trial_files;
LH_MUST_CHECK lh_code vector_trials_files(const lh_vector *vector, const vector_definition *definition, lh_arena *arena,
                                          vector_trial_files *ret, lh_error *err);
LH_MUST_CHECK lh_code vector_trials_sweep(const lh_vector *vector, const vector_trial_files *files, lh_arena *arena,
                                          lh_error *err);

/* ---- source.c: the rows of a dataset as texts ---- */
typedef struct vector_row {
    lh_str id;   /* NULL pointer: none */
    lh_str text; /* what is cut into chunks */
    bool too_long; /* its text columns hold more than VECTOR_TEXT_BYTES: the text is not they */
    char hash[VECTOR_HASH_BYTES + 1];
} vector_row; /* borrowed until the next */
typedef lh_code (*vector_row_fn)(void *ctx, const vector_row *row, lh_error *err);
typedef struct vector_source {
    lh_engine *engine;
    const vector_definition *definition;
    const lh_governor *views; /* for a dataset that is a view */
    lh_cancel *cancel;
    const lh_governor *governor; /* NULL: all of it is read */
    lh_str filter;               /* in normal form; empty: none */
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
typedef enum {
    VECTOR_NEW,
    VECTOR_CHANGED,
    VECTOR_SAME,
    VECTOR_TWICE,      /* it was seen before */
    VECTOR_SAME_TWICE, /* and was VECTOR_SAME */
} vector_standing;
LH_MUST_CHECK lh_code vector_known_new(vector_known **ret, lh_error *err);
void vector_known_free(vector_known *known);
static inline void vector_known_freep(vector_known **known) { vector_known_free(*known); }
LH_MUST_CHECK lh_code vector_known_add(vector_known *known, lh_str id, lh_str hash, lh_error *err);
/* How a row of the dataset stands to the table; it is seen now. */
LH_MUST_CHECK lh_code vector_known_see(vector_known *known, lh_str id, lh_str hash, vector_standing *ret,
                                       lh_error *err);
bool vector_known_is_twice(const vector_known *known, lh_str id); /* once all are seen */
/* Those that were added and not seen, or seen twice, one after the other: *at from 0. False: no more. */
bool vector_known_gone(const vector_known *known, size_t *at, lh_str *ret);

/* ---- current.c: which rows of an index have the text that their row of the dataset has now ---- */
/* Adds the bits of the rows whose id the source has once, with a text of their hash. bits: 0, of served->row_count. */
LH_MUST_CHECK lh_code vector_current_read(const struct vector_source *source, const struct vector_served *served,
                                          uint64_t *bits, lh_error *err);
/* The same of all the dataset, which is a table: read once a snapshot. *ret: in the arena; NULL: it changes all the time.
 * *ret_snapshot_id: that they are of. Errors: CANCELLED, and a statement's. */
LH_MUST_CHECK lh_code vector_current(lh_vector *vector, const struct vector_served *served,
                                     const vector_definition *definition, lh_cancel *cancel, lh_arena *arena,
                                     uint64_t **ret, int64_t *ret_snapshot_id, lh_error *err);

/* ---- scratch.c: a file of a job's own, which is gone when it is closed. Errors: as lh_fail_errno() ---- */
LH_MUST_CHECK lh_code vector_scratch_open(const lh_vector *vector, const char *what, lh_str job, FILE **ret,
                                          lh_error *err);
LH_MUST_CHECK lh_code vector_scratch_write(FILE *file, const void *bytes, size_t size, lh_error *err);
LH_MUST_CHECK lh_code vector_scratch_rewind(FILE *file, lh_error *err); /* from writing to reading */
LH_MUST_CHECK lh_code vector_scratch_read(FILE *file, void *into, size_t size, lh_error *err);
LH_MUST_CHECK lh_code vector_scratch_read_str(FILE *file, size_t size, lh_arena *arena, lh_str *ret, lh_error *err);

/* ---- held.c: batches, and those that wait for one commit ---- */
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
    const char *kept; /* its file, until it is in the table; NULL: none */
} vector_batch;
LH_MUST_CHECK lh_code vector_batch_new(vector_batch **ret, lh_error *err); /* owned: vector_batch_free() */
void vector_batch_free(vector_batch *batch);
/* Room for `more` chunks: each array anew, twice as large, in the arena. */
LH_MUST_CHECK lh_code vector_batch_reserve(vector_batch *batch, size_t more, size_t *room, lh_error *err);
typedef struct vector_held vector_held; /* of one thread */
typedef struct vector_held_count {
    uint64_t chunks, replaced;
} vector_held_count;
/* What is more than memory_bytes goes to a scratch file. job: borrowed. */
LH_MUST_CHECK lh_code vector_held_new(const lh_vector *vector, lh_str job, size_t dimensions, size_t memory_bytes,
                                      vector_held **ret, lh_error *err);
void vector_held_free(vector_held *held);
static inline void vector_held_freep(vector_held **held) { vector_held_free(*held); }
/* Takes the batch, also when it fails. Errors: those of the scratch file. */
LH_MUST_CHECK lh_code vector_held_add(vector_held *held, vector_batch *batch, lh_error *err);
vector_held_count vector_held_counted(const vector_held *held);
typedef lh_code (*vector_held_fn)(void *ctx, const vector_batch *batch, lh_error *err);
/* Each once, in no order; it may be called again. Errors: those of the scratch file, NO_MEMORY, those of `each`. */
LH_MUST_CHECK lh_code vector_held_each(const vector_held *held, vector_held_fn each, void *ctx, lh_error *err);
void vector_held_landed(vector_held *held); /* they are in the table: none is held */

/* ---- store.c: the table ---- */
LH_MUST_CHECK lh_code vector_store_make(lh_vector *vector, const vector_definition *definition, lh_arena *arena,
                                        lh_error *err);
LH_MUST_CHECK lh_code vector_store_load(lh_vector *vector, const vector_definition *definition, lh_cancel *cancel,
                                        vector_known *known, lh_error *err);
/* Drops the tables of the index but for `kept` (empty: none): those that a switch of the model left, done or not. Best effort: what
 * stays goes the next time. No job may be at work on the index but the one that calls. */
void vector_store_sweep(lh_vector *vector, const vector_definition *definition, lh_str kept);
typedef struct vector_store {
    lh_vector *vector;
    const vector_definition *definition;
    lh_job *job;
} vector_store;
/* All of them in one commit. Errors: a statement's; nothing has landed then, but for UNAVAILABLE and IO, which leave it
 * open. */
LH_MUST_CHECK lh_code vector_store_commit(const vector_store *store, const vector_held *held, lh_error *err);
/* Sets rows and chunks to what the table has. */
LH_MUST_CHECK lh_code vector_store_count(const vector_store *store, vector_definition *ret, lh_error *err);

/* ---- kept.c: vectors that the table does not have yet ---- */
typedef struct vector_kept vector_kept; /* never changes; any number of threads may look */
/* Those of the definition's table and model that an earlier try left. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code vector_kept_open(const lh_vector *vector, const vector_definition *definition, vector_kept **ret,
                                       lh_error *err);
void vector_kept_free(vector_kept *kept);
static inline void vector_kept_freep(vector_kept **kept) { vector_kept_free(*kept); }
const float *vector_kept_find(const vector_kept *kept, lh_str text); /* borrowed; NULL: there is none */
/* Sets batch->kept. Best effort: what cannot be kept is embedded anew. */
void vector_kept_save(const lh_vector *vector, const vector_definition *definition, vector_batch *batch);
void vector_kept_remove(const lh_vector *vector, lh_str table); /* all of the table's */
/* All of a file, read only, borrowed until munmap(); false when it cannot be read or is empty. */
bool vector_map_file(const char *path, lh_str *ret);

/* ---- build.c ---- */
lh_code vector_run_index(void *vector, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err);

/* ---- refresh.c ---- */
typedef struct vector_stale {
    const char *because; /* "dataset" is another than was embedded, "model" than embedded it; NULL: it is not stale */
    int64_t since_ms;
} vector_stale;
vector_stale vector_stale_of(lh_vector *vector, const vector_definition *definition, lh_arena *arena);

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

/* ---- search_read.c: what a search asks for ---- */
typedef enum { VECTOR_EXACT, VECTOR_HNSW, VECTOR_TEXT, VECTOR_HYBRID, VECTOR_MODES } vector_mode;
extern const char *const vector_mode_names[VECTOR_MODES];
typedef struct vector_asked {
    lh_str index, text;                       /* text: the query; empty: it is a vector alone */
    lh_str model, model_version;              /* that the index has to be of; empty: any */
    const lh_json *vector, *filter, *columns; /* NULL: not given; columns is a list of names */
    uint32_t k, wanted;                       /* wanted: so many items, of which k are told once they are reranked */
    vector_mode mode;
    double weights[VECTOR_WAYS]; /* of a hybrid search */
    bool by_vector, by_words;    /* what is looked at: one of them, or both */
    bool rerank;
    lh_str reranker; /* its model; empty: the task's */
} vector_asked;      /* borrowed from the body */
/* Looks at nothing but the body. Errors: INVALID. */
LH_MUST_CHECK lh_code vector_search_read(const lh_json *body, vector_asked *ret, lh_error *err);
/* A vector of the index as JSON has it. what: it, in an error; into: room for its dimensions. Errors: INVALID. */
LH_MUST_CHECK lh_code vector_numbers_read(const vector_definition *definition, const lh_json *vector, const char *what,
                                          float *into, lh_error *err);

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
typedef enum { VECTOR_BUILT, VECTOR_EXTENDED, VECTOR_MAPPED, VECTOR_FETCHED } vector_came;
typedef enum {
    VECTOR_BESIDE_OPEN,  /* nobody has looked yet, and swept */
    VECTOR_BESIDE_KEPT,  /* they are in the bucket */
    VECTOR_BESIDE_NOT,   /* they need not be there: of no rows, or the table is another by now */
    VECTOR_BESIDE_FAILED /* they could not be written */
} vector_beside;
/* One of a snapshot of the table, which never changes: vectors and their graph, and the texts in a file that is mapped. */
typedef struct vector_served {
    struct vector_served *next; /* of vector->served; under its lock, with the next three */
    unsigned users;
    uint64_t last_use;
    bool dropped; /* not in the list any more: goes with its last user */
    lh_str name;  /* of the table; owned */
    int64_t snapshot_id;
    lh_hnsw_config config;   /* that the graph was built by */
    lh_ann_index *ann;       /* owned */
    const char *file;        /* mapped; owned */
    const char *texts;       /* within it, as these: */
    const vector_text *rows; /* as the index numbers them */
    size_t file_bytes, row_count, bytes;
    uint32_t *order;   /* rows that are not gone by id, then chunk; owned */
    vector_place *ids; /* by id; owned */
    size_t id_count;
    struct vector_bm25 *bm25; /* documents as in `order`; owned; NULL until asked for; under vector's lock */
    uint64_t *current;        /* bits by row, of current.c; owned; NULL until asked for; under vector's lock */
    int64_t current_snapshot_id; /* of the dataset, that they are of */
    char *binding;            /* what its files are bound to; owned */
    char *base_binding;       /* of the one that it was extended from; owned; NULL: it was not */
    size_t base_rows;         /* that that one had, which are its first */
    vector_came came;         /* how the graph came to be here */
    char kind[17];            /* of its files in the bucket (beside.c) */
    vector_beside beside;     /* under vector's lock, as what follows */
    char beside_why[256];
    char *lance;              /* folder of its Lance dataset; owned; NULL until made; under lance_lock until ready */
    _Atomic bool lance_ready;
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
/* Of bits by row. */
static inline size_t vector_row_words(const vector_served *served) { return served->row_count / 64 + 1; }
/* Sets or clears the bits of an id's rows. */
void vector_mark_rows(const vector_served *served, const vector_place *place, bool on, uint64_t *bits);
/* That of the table as it is now, made when there is none; one whose graph was built by another config will do. Released by
 * vector_served_release(). Errors: NOT_FOUND (no table), LIMIT (memory), CORRUPT (rows of other dimensions), CANCELLED, and a
 * statement's. */
LH_MUST_CHECK lh_code vector_served_get(lh_vector *vector, const vector_definition *definition, lh_cancel *cancel,
                                        const vector_served **ret, lh_error *err);
/* The same with a graph built by the definition's config. Searches have the other one until it is made. */
LH_MUST_CHECK lh_code vector_served_build(lh_vector *vector, const vector_definition *definition, lh_cancel *cancel,
                                          const vector_served **ret, lh_error *err);
/* The same of files that are here and of the table as it is now, within the memory limit; nothing else is done for it, and nobody
 * counted as having asked. Errors: NOT_FOUND (there are none), LIMIT. */
LH_MUST_CHECK lh_code vector_served_map(lh_vector *vector, const vector_definition *definition, lh_cancel *cancel,
                                        lh_error *err);
/* Is it held ready, but with a graph of another config? */
bool vector_served_is_behind(lh_vector *vector, const vector_definition *definition);
/* One more user of what the caller has already. */
const vector_served *vector_served_ref(lh_vector *vector, const vector_served *served);
/* What a search of it takes where the definition says ef_search: that is of the definition's graph. */
static inline uint32_t vector_served_ef(const vector_served *s, const vector_definition *d) {
    return vector_hnsw_same_graph(&s->config, &d->hnsw) ? d->hnsw.ef_search : s->config.ef_search;
}
/* Its words, read at the first call; borrowed as long as served is. Errors: LIMIT, CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code vector_served_bm25(lh_vector *vector, const vector_served *served,
                                         const vector_definition *definition, lh_cancel *cancel,
                                         const vector_bm25 **ret, lh_error *err);
void vector_served_release(lh_vector *vector, const vector_served *served);
void vector_served_forget(lh_vector *vector, lh_str table); /* and its files */
void vector_served_free_all(lh_vector *vector);
void vector_served_free(vector_served *served);

/* ---- lance.c: one of those as a Lance dataset, of an index of that backend ---- */
bool vector_is_lance(const vector_definition *definition);
/* Is there what it takes? Loads it (a second, once). Errors: UNAVAILABLE (it is not set up), CORRUPT. */
LH_MUST_CHECK lh_code vector_lance_require(lh_vector *vector, lh_error *err);
/* Makes the dataset, where there is none of these rows that is whole. Errors: as above, a statement's, IO. */
LH_MUST_CHECK lh_code vector_lance_ready(lh_vector *vector, const vector_definition *definition,
                                         const vector_served *served, lh_cancel *cancel, lh_error *err);
typedef struct vector_lance_query {
    const vector_served *served; /* ready */
    const float *vector;
    uint32_t dimensions, k;
    lh_str text;
    const uint64_t *allowed; /* by row; NULL: every row */
    lh_cancel *cancel;
} vector_lance_query; /* borrowed */
/* Sets the bits of the rows that it holds for the k nearest. *ret_count: how many; 0 also when it cannot be told which rows are
 * allowed, because too many are not. Errors: a statement's. */
LH_MUST_CHECK lh_code vector_lance_near(lh_vector *vector, const vector_lance_query *query, uint64_t *bits,
                                        size_t *ret_count, lh_error *err);
/* The k best by their words, best first. hits: room for k. Its statistics are of all rows, and `allowed` is looked at too late to
 * find k: for who sees every row, without a filter. */
LH_MUST_CHECK lh_code vector_lance_words(lh_vector *vector, const vector_lance_query *query, vector_hit *hits,
                                         size_t *ret_count, lh_error *err);
void vector_lance_remove(const lh_vector *vector, lh_str table); /* its datasets */
void vector_lance_remove_tree(const char *path);

/* ---- load.c: one of those, from its files, from the table, or from both ---- */
LH_MUST_CHECK lh_code vector_load(lh_vector *vector, const vector_definition *definition, int64_t snapshot_id,
                                  lh_cancel *cancel, vector_served **ret, lh_error *err);
/* From files here of that snapshot, else not at all. Errors: NOT_FOUND, LIMIT (they do not fit beside what is held ready). */
LH_MUST_CHECK lh_code vector_load_map(lh_vector *vector, const vector_definition *definition, int64_t snapshot_id,
                                      vector_served **ret, lh_error *err);
void vector_load_remove_files(lh_vector *vector, lh_str table);

/* What a file of texts begins with. */
typedef struct vector_texts_head {
    char magic[8];
    uint32_t version, row_bytes, dimensions, metric;
    uint64_t row_count, texts_bytes;
    int64_t snapshot_id;
    char table[40], model[192]; /* uuid; provider/name/version; ended by NULs */
} vector_texts_head;
/* Finds the parts of such a file, which starts where a number of eight bytes may; they are borrowed from it. False: it makes no sense,
 * or is not like the head in what it is of. */
bool vector_texts_take(vector_served *served, lh_str file, const vector_texts_head *like);
/* Then which rows there are, by id. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code vector_texts_list(vector_served *served, lh_error *err);

/* <folder>/<name><suffix>. Errors: INVALID (too long). */
enum { VECTOR_PATH_BYTES = 4096, VECTOR_FILES = 2 };
extern const char
    *const vector_file_suffixes[VECTOR_FILES]; /* of the files of an index, in the order in which they are written */
LH_MUST_CHECK lh_code vector_load_path(const lh_vector *vector, lh_str name, const char *suffix,
                                       char into[VECTOR_PATH_BYTES], lh_error *err);

/* ---- beside.c: its files in the bucket ---- */
typedef struct vector_wanted {
    lh_str table;
    const char *kind;
    int64_t snapshot_id;
    lh_cancel *cancel;
} vector_wanted; /* borrowed */
/* Brings files of that kind to where load.c looks: those of the snapshot; else, with `any`, of another. They are not checked. Returns
 * their name, arena; empty: there are none, or they cannot be had, which is logged, and the files here are untouched. */
lh_str vector_beside_fetch(lh_vector *vector, const vector_wanted *wanted, bool any, lh_arena *arena);
lh_str vector_beside_name(const vector_served *served, lh_arena *arena); /* that its files have there */
/* Those that were fetched are damaged: they go. */
void vector_beside_reject(lh_vector *vector, lh_str table, lh_str name, lh_arena *arena);
/* Writes its files, unless there are such; waits while others are written. Best effort: how it ended is told by vector_beside_show(). */
void vector_beside_keep(lh_vector *vector, const vector_served *served, lh_cancel *cancel);
void vector_beside_keep_all(lh_vector *vector, lh_cancel *cancel); /* of those held ready that nobody has looked at */
/* {"came","in_bucket","problem"}; null: it is not held ready. Arena. */
lh_json *vector_beside_show(lh_vector *vector, const vector_definition *definition, lh_arena *arena);
#endif
