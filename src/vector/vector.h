/* vector: rows of a dataset as embeddings in a table, found again by meaning.
 * Depends on: base, storage, catalog, engine, access, jobs, ai, ann. Used by: rag, api, cli. Thread-safe: any call, any thread,
 * but for a chunker, sentences and terms. */
#ifndef LH_VECTOR_VECTOR_H
#define LH_VECTOR_VECTOR_H
#include "access/access.h"
#include "ai/ai.h"
#include "ann/ann.h"
#include "jobs/jobs.h"

/* ---- text into chunks (chunk.c) ---- */
enum { LH_CHUNK_SIZE_MIN = 16, LH_CHUNK_SIZE_MAX = 1 << 20, LH_CHUNK_TEXT_BYTES = 64 << 20 };
typedef struct lh_chunk_options {
    uint32_t size;    /* at most, in characters (code points), or in tokens with count_tokens */
    uint32_t overlap; /* at most, in the same unit: whole sentences of the chunk before */
    lh_str locale;    /* whose rules say where a sentence ends, "en", "de_CH"; empty: the root's */
    size_t (*count_tokens)(void *ctx, lh_str text); /* NULL: characters */
    void *tokens_ctx;
} lh_chunk_options;
typedef struct lh_text_chunk {
    lh_str text;       /* borrowed from the text that was cut */
    size_t start, end; /* characters of that text, from 0; end exclusive */
} lh_text_chunk;
/* Of one thread at a time. options: borrowed until the call returns, but for tokens_ctx. Owned: lh_chunker_free(). Errors: INVALID. */
typedef struct lh_chunker lh_chunker;
LH_MUST_CHECK lh_code lh_chunker_new(const lh_chunk_options *options, lh_chunker **ret, lh_error *err);
void lh_chunker_free(lh_chunker *chunker);
static inline void lh_chunker_freep(lh_chunker **chunker) { lh_chunker_free(*chunker); }
/* The chunks in order; none of an empty text. A sentence is cut only when it does not fit into a chunk, a word only when that does
 * not, a character never. *ret: arena, its texts borrowed from `text`. Errors: INVALID (not UTF-8), LIMIT (LH_CHUNK_TEXT_BYTES),
 * NO_MEMORY. */
LH_MUST_CHECK lh_code lh_chunker_split(lh_chunker *chunker, lh_str text, lh_arena *arena, lh_text_chunk **ret,
                                       size_t *ret_count, lh_error *err);

/* ---- indexes ---- */
typedef struct lh_vector lh_vector;
typedef struct lh_vector_options {
    lh_engine *engine; /* borrowed for life, as all that follows; attached */
    lh_catalog *catalog;
    lh_ai *ai;
    lh_registry *registry;       /* whose whole the catalog lies in: journals of trials go there */
    lh_str folder;               /* for what can be made again from the lake; made when missing */
    lh_str locale;               /* of sentences, where an index does not say */
    unsigned threads;            /* that build and search; 0: one for each that the process may use */
    uint64_t memory_limit_bytes; /* of indexes held ready; 0: a quarter of the machine's */
    uint64_t checkpoint_chunks;  /* an index job commits after so many */
    uint64_t recall_sample_every,
        recall_sample_ms; /* one HNSW search in so many (0: none) is asked exactly, too, and one in so long */
    bool recall_retune;   /* an index that is below its recall target is tuned */
} lh_vector_options;
LH_MUST_CHECK lh_code lh_vector_new(const lh_vector_options *options, lh_vector **ret, lh_error *err);
void lh_vector_free(lh_vector *vector); /* jobs were stopped; NULL is fine */
static inline void lh_vector_freep(lh_vector **vector) { lh_vector_free(*vector); }
typedef struct lh_vector_stats {
    uint64_t indexes, bytes;          /* held ready */
    uint64_t mapped_bytes;            /* of files, which the system may take back */
    uint64_t hits, misses, evictions; /* of who asked for one: searches, jobs, trials */
    uint64_t searches;                /* those that were answered */
    uint64_t recall_samples, below_target,
        tunes;                                 /* searches asked exactly; indexes below their target; tunes for that */
    uint64_t from_table, from_files, from_bucket, extended; /* how they were made ready, since the start */
    uint64_t written, write_failed;                         /* whose files went to the bucket, or could not */
    uint64_t lance_made, lance_extended;       /* Lance datasets, since the start */
} lh_vector_stats;
lh_vector_stats lh_vector_get_stats(lh_vector *vector);
/* The same of vectors that trials and searches share: {"entries","bytes","mapped_bytes","limit","hits","misses","evictions"}. Arena. */
lh_json *lh_vector_cache_stats(lh_vector *vector, lh_arena *arena);
/* Appends the recall of each index that was sampled, in Prometheus' text format. */
void lh_vector_metrics(lh_vector *vector, lh_buf *into);
/* Maps the indexes, in the background, whose files are at hand, as far as they fit into memory_limit_bytes. For once, at a start. */
void lh_vector_map(lh_vector *vector);
/* Makes the indexes ready, in the background, whose dataset or table lies in that bucket. */
void lh_vector_warm(lh_vector *vector, lh_str bucket);
/* Why what was found is in no reranker's order, though one was asked for. */
#define LH_VECTOR_UNRANKED "no model that reranks is configured (ai.rerank_provider): the order is that of the search"
/* What jobs are to know; borrowed as long as vector. */
const lh_job_kind *lh_vector_job_kinds(lh_vector *vector, size_t *ret_count);

typedef struct lh_vector_caller {
    lh_str by;
    const lh_governor *governor; /* NULL: it sees all */
    const lh_governor *views;    /* without a governor: what views show */
    lh_cancel *cancel;           /* may be NULL */
    lh_str backend;              /* of a new index whose request names none; empty: hnsw */
    bool may_generate;           /* it may call generators */
    lh_jobs *jobs;               /* of an index that is being made it is told the job, if it may see that; NULL: not */
    bool sees_jobs;              /* also those of others */
} lh_vector_caller;              /* borrowed */

bool lh_vector_is_backend(lh_str name); /* hnsw, lance */
/* Starts a job that embeds the rows of a dataset, or those of them that are new or changed, into the table vectors.<index>. body:
 * {"dataset","id_column","text_columns"|"template","index"?,"model"?,"metric"?,"backend"?,"chunk"?:{"size","overlap","unit",
 * "locale"},"refresh"?:{"policy","cron"},"hnsw"?:{"ef_construction","ef_search","connectivity","dtype","seed"},"recall_target"?}. An index of another model is embedded anew beside the one there is, which serves until
 * the new one takes its place. *ret: the job; arena. The caller must see the dataset whole, and may write the index. Errors: INVALID, NOT_FOUND,
 * DENIED, CONFLICT (the index is of something else; a job is at work on it), UNAVAILABLE (no model). */
LH_MUST_CHECK lh_code lh_vector_index(lh_vector *vector, lh_jobs *jobs, const lh_json *body,
                                      const lh_vector_caller *caller, lh_arena *arena, lh_json **ret, lh_error *err);
/* {"name","dataset","id_column","text_columns","template","model":{"provider","name","version","dimensions"},"metric","chunk",
 * "backend","table","rows","chunks","dataset_snapshot_id","stale","stale_because","created_at","created_by","last_embedded_at"}; of a caller
 * who may not make it without what counts or dates rows. Arena. Errors: NOT_FOUND, also when the caller may not search it. */
LH_MUST_CHECK lh_code lh_vector_index_get(lh_vector *vector, lh_str name, const lh_vector_caller *caller,
                                          lh_arena *arena, lh_json **ret, lh_error *err);
typedef struct lh_vector_index_filter {
    lh_str dataset, model; /* empty: any */
    lh_page page;
} lh_vector_index_filter;
/* {"items":[…],"next_page_token"}: those that the caller may search, by name. */
LH_MUST_CHECK lh_code lh_vector_index_list(lh_vector *vector, const lh_vector_index_filter *filter,
                                           const lh_vector_caller *caller, lh_arena *arena, lh_json **ret,
                                           lh_error *err);
/* The index and its table. Errors: NOT_FOUND, DENIED, CONFLICT (a job is at work on it), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_vector_index_delete(lh_vector *vector, lh_jobs *jobs, lh_str name,
                                             const lh_vector_caller *caller, lh_arena *arena, lh_error *err);

/* {"items":[{"index","dataset","embedding_stale_since","stale_because","last_embedded_at","refresh"}],"next_page_token"}: whose dataset
 * or model is another than embedded it, by name; none for a governed caller. Arena. */
LH_MUST_CHECK lh_code lh_vector_stale(lh_vector *vector, lh_page page, const lh_vector_caller *caller, lh_arena *arena,
                                      lh_json **ret, lh_error *err);
/* {"items":[job],"problems":[{"index","code","message"}]}: lh_vector_index() again for each index of the dataset that the caller may
 * write; of one that is being embedded into, the job that does. Errors: NOT_FOUND, DENIED (there is none), and those when no index has
 * a job. */
LH_MUST_CHECK lh_code lh_vector_refresh(lh_vector *vector, lh_jobs *jobs, lh_str dataset,
                                        const lh_vector_caller *caller, lh_arena *arena, lh_json **ret, lh_error *err);
/* Starts the thread that refreshes what is to be, once; ends it. jobs: borrowed until then. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code lh_vector_watch(lh_vector *vector, lh_jobs *jobs, lh_error *err);
void lh_vector_unwatch(lh_vector *vector);

/* ---- trials: of who may make the index; to others there are none ---- */

/* body: {"name","index","queries":[{"query"|"vector","relevant"?:[ids]}],"k"?}. *ret: the eval set without its queries; arena. Errors:
 * INVALID, NOT_FOUND, DENIED, CONFLICT (there is one of that name; the model), LIMIT, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_vector_eval_create(lh_vector *vector, const lh_json *body, const lh_vector_caller *caller,
                                            lh_arena *arena, lh_json **ret, lh_error *err);
/* index empty: of any. */
LH_MUST_CHECK lh_code lh_vector_eval_list(lh_vector *vector, lh_str index, lh_page page, const lh_vector_caller *caller,
                                          lh_arena *arena, lh_json **ret, lh_error *err);
LH_MUST_CHECK lh_code lh_vector_eval_get(lh_vector *vector, lh_str name, const lh_vector_caller *caller,
                                         lh_arena *arena, lh_json **ret, lh_error *err);
LH_MUST_CHECK lh_code lh_vector_eval_delete(lh_vector *vector, lh_str name, const lh_vector_caller *caller,
                                            lh_arena *arena, lh_error *err);
/* Starts a job that makes the eval set, or makes it anew, of pieces of the index's chunks, in other words where there is a generator
 * that the caller may call. body: {"index","count","seed"?,"k"?,"replace"?}. Errors, beside those: CONFLICT (there is one whose
 * queries were given, and replace is not true). */
LH_MUST_CHECK lh_code lh_vector_eval_autogen(lh_vector *vector, lh_jobs *jobs, lh_str name, const lh_json *body,
                                             const lh_vector_caller *caller, lh_arena *arena, lh_json **ret,
                                             lh_error *err);
/* Starts a job: {"index","eval","config","k"?}. Its result is {"index","trial"}; the trial is also a line of the index's journal. */
LH_MUST_CHECK lh_code lh_vector_trial(lh_vector *vector, lh_jobs *jobs, const lh_json *body,
                                      const lh_vector_caller *caller, lh_arena *arena, lh_json **ret, lh_error *err);
/* The newest first, with "skipped_lines". */
LH_MUST_CHECK lh_code lh_vector_trial_list(lh_vector *vector, lh_str index, lh_page page,
                                           const lh_vector_caller *caller, lh_arena *arena, lh_json **ret,
                                           lh_error *err);
/* metric: recall, latency or pareto. {"metric","items"} */
LH_MUST_CHECK lh_code lh_vector_trial_best(lh_vector *vector, lh_str index, lh_str metric, lh_str eval,
                                           const lh_vector_caller *caller, lh_arena *arena, lh_json **ret,
                                           lh_error *err);
typedef struct lh_vector_judging {
    lh_str eval, model; /* model: of a reranking, empty for the order of the index's vectors */
    lh_ai_task task;    /* embed or rerank */
    lh_str by;          /* whose tokens are counted */
    lh_cancel *cancel;  /* NULL: cannot be */
    lh_job *job;        /* that is told how far it is; may be NULL */
} lh_vector_judging;    /* borrowed */
/* How well the model finds the rows that the queries of an eval set call relevant: {"recall","mrr","ndcg" (0 to 1, of the first k
 * rows),"k","queries","chunks"? (that were embedded)}. Arena. Who may is not asked. Errors: NOT_FOUND (eval set, index, model), INVALID
 * (nothing is called relevant), and those of ai and of searches. */
LH_MUST_CHECK lh_code lh_vector_judge(lh_vector *vector, const lh_vector_judging *judging, lh_arena *arena,
                                      lh_json **ret, lh_error *err);
/* Starts a job: {"index","recall_target"?,"filter_selectivity"?,"budget"?:{"trials","seconds"},"eval"?,"k"?}. */
LH_MUST_CHECK lh_code lh_vector_tune(lh_vector *vector, lh_jobs *jobs, const lh_json *body,
                                     const lh_vector_caller *caller, lh_arena *arena, lh_json **ret, lh_error *err);

/* body: {"index","query"|"vector","k"?,"filter"?,"mode"? exact|hnsw|text|hybrid,"columns"?,"model"?,"weights"?:{"vector","text"},
 * "rerank"?: true|{"model","top_n"}}; both of query and vector in hybrid only. *ret: {"items":[{"id","score","ranks"?:{"vector",
 * "text"},"chunk","text","start","end","columns":{…}}],"index","dataset","model","mode","reranked","warnings":[…],"elapsed_ms"}, the best first; of the rows
 * of the dataset that are there now and that the caller sees. Arena. Errors: INVALID, NOT_FOUND (index; the reranker's model),
 * DENIED (the caller does not see what the index is made of), CONFLICT (model), LIMIT (words of the query), UNAVAILABLE (also: no
 * reranker), and a statement's. */
LH_MUST_CHECK lh_code lh_vector_search(lh_vector *vector, const lh_json *body, const lh_vector_caller *caller,
                                       lh_arena *arena, lh_json **ret, lh_error *err);
#endif
