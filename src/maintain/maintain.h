/* maintain: tables are kept in shape: small files and deletes are rewritten into sorted files of a chosen size.
 * Depends on: base, storage, catalog, engine. Used by: api, cli. Thread-safe: any call, any thread. */
#ifndef LH_MAINTAIN_MAINTAIN_H
#define LH_MAINTAIN_MAINTAIN_H
#include "engine/engine.h"

typedef struct lh_maintain lh_maintain;
typedef struct lh_maintain_options {
    lh_engine *engine; /* borrowed for life, as the rest */
    lh_catalog *catalog;
    lh_bucket *bucket;
} lh_maintain_options;
LH_MUST_CHECK lh_code lh_maintain_new(const lh_maintain_options *options, lh_maintain **ret, lh_error *err);
void lh_maintain_free(lh_maintain *maintain); /* NULL is fine */
static inline void lh_maintain_freep(lh_maintain **maintain) { lh_maintain_free(*maintain); }

enum { LH_COMPACT_TARGET_BYTES = 256 << 20, LH_COMPACT_TARGET_MIN_BYTES = 64 << 10 };
typedef struct lh_compact_request {
    lh_table_name table;
    uint64_t target_bytes; /* of a file */
    uint64_t small_bytes;  /* a file below is rewritten; 0: three quarters of the target */
    const lh_json
        *sort; /* [{"column","direction" asc|desc,"nulls" first|last}]; NULL: as the table's sort order says */
    bool all, deletes_only, dry_run; /* as lh_rewrite_options */
    lh_str
        location; /* empty, or (with all) the folder that the table moves to; the caller holds the table's write lock */
    lh_cancel *cancel; /* may be NULL */
} lh_compact_request;

/* Rewrites what is worth it, in one snapshot, while others read and write. *ret (arena): {"dataset","dry_run","snapshot_id"
 * (null: nothing to do),"partitions","files_before","files_after","bytes_before","bytes_after","rows","delete_files_removed",
 * "elapsed_ms"}; of a dry run what would be rewritten. On any error the table is as it was, and what was written is removed, or
 * an orphan. Errors: NOT_FOUND, INVALID (a format other than 2; a sort column), CONFLICT (rows of the files were
 * changed meanwhile, three times), CANCELLED, LIMIT, CORRUPT (the rows read are not the rows counted), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_compact(lh_maintain *maintain, const lh_compact_request *request, lh_arena *arena,
                                 lh_json **ret, lh_error *err);

typedef struct lh_move_request {
    lh_table_name table;
    lh_str bucket;
    lh_cancel *cancel; /* may be NULL */
} lh_move_request;
/* The table to another bucket, in one commit that its readers do not notice. *ret (arena): as lh_compact()'s, and "bucket",
 * "bucket_before","location". Errors: those, UNAVAILABLE (no such bucket), DENIED (it is read-only), CONFLICT (it is there
 * already). */
LH_MUST_CHECK lh_code lh_move(lh_maintain *maintain, const lh_move_request *request, lh_arena *arena, lh_json **ret,
                              lh_error *err);

typedef struct lh_resync_request {
    lh_table_name table; /* without a name: all tables */
    bool dry_run;
    lh_cancel *cancel; /* may be NULL */
} lh_resync_request;
/* Row counts, sizes, statistics and totals that manifests and records lost, from the files' footers; at most one snapshot a table,
 * of the same rows. *ret (arena): {"dry_run","tables_checked","restored":[{"dataset","row_count" (null: unknown),"columns",
 * "files_without_statistics","records","snapshot_id" (null: none)}],"problems":[{"dataset","problem"}]}: the first ten thousand of
 * each. Errors: NOT_FOUND (the table), CANCELLED, IO; what was restored before stays. */
LH_MUST_CHECK lh_code lh_resync_missing(lh_maintain *maintain, const lh_resync_request *request, lh_arena *arena,
                                        lh_json **ret, lh_error *err);

typedef struct lh_orphans_request {
    lh_table_name table;
    lh_orphan_options options;
    lh_cancel *cancel; /* may be NULL */
} lh_orphans_request;
/* Deletes old files in the table's folder that it does not name. *ret (arena): as lh_orphans_tell()'s. Errors: as
 * lh_table_list_orphans()'s and lh_table_remove_orphans()'s, CANCELLED. */
LH_MUST_CHECK lh_code lh_remove_orphans(lh_maintain *maintain, const lh_orphans_request *request, lh_arena *arena,
                                        lh_json **ret, lh_error *err);

typedef struct lh_maintain_stats {
    uint64_t compactions, failed, files_removed, files_written, conflicts; /* since start */
    uint64_t rounds, policy_failed, snapshots_expired, orphans_removed;    /* of the background policy */
} lh_maintain_stats;
lh_maintain_stats lh_maintain_get_stats(lh_maintain *maintain);
/* ---- in the background ---- */
typedef struct lh_maintain_policy {
    uint64_t interval_ms, target_file_bytes, small_file_bytes;
    uint64_t files_min; /* a table is compacted when so many of its files would be rewritten */
    int64_t snapshot_age_ms, snapshots_min, snapshot_grace_ms, orphan_age_ms;
    /* Called on the policy's thread after each step that did something (answer) or failed (err); may be NULL. */
    void (*report)(void *ctx, const char *step, lh_str dataset, const lh_json *answer, const lh_error *err);
    void *ctx;
} lh_maintain_policy;
/* Starts the policy's thread; once. Errors: IO, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_maintain_start(lh_maintain *maintain, const lh_maintain_policy *policy, lh_error *err);
void lh_maintain_stop(lh_maintain *maintain); /* cancels what it does and waits for it; NULL and not started are fine */

/* {"jobs":[{"id","kind","dataset","phase","files_total","files_done","started_at"}],"policy":{"enabled","rounds"}}: what runs now. Arena. */
LH_MUST_CHECK lh_code lh_maintain_jobs(lh_maintain *maintain, lh_arena *arena, lh_json **ret, lh_error *err);
#endif
