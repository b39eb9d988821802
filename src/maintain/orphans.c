/* Removal of orphans, a batch at a time (src/catalog/orphans.c). For each batch the table's write lock is held: a statement of ours that
 * began to write its files long ago has committed them then, and they are seen to be named. Writers wait for a batch only. */
#include "maintain/maintain_internal.h"

enum { ORPHANS_ARENA_BYTES = 1 << 30 };

static lh_code orphans_batch(lh_maintain *maintain, const lh_orphans_request *request, lh_orphans *orphans, bool *more,
                             lh_error *err) {
    bool locks = !request->options.dry_run;
    if (request->cancel && lh_cancel_fired(request->cancel))
        return lh_fail(err, LH_CANCELLED, "the removal of orphans was cancelled");
    if (locks) LH_TRY(lh_engine_lock_table(maintain->engine, request->table, request->cancel, err));
    lh_code code = lh_table_remove_orphans(orphans, more, err);
    if (locks) lh_engine_unlock_table(maintain->engine, request->table);
    return code;
}

static lh_code orphans_run(lh_maintain *maintain, const lh_orphans_request *request, maintain_job *job, lh_arena *arena,
                           lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *work = NULL;
    lh_orphans *orphans = NULL;
    LH_TRY(lh_arena_new(ORPHANS_ARENA_BYTES, &work, err));
    LH_TRY(lh_table_list_orphans(maintain->catalog, request->table, &request->options, work, &orphans, err));
    atomic_store(&job->phase, "removing");
    for (bool more = true; more;) LH_TRY(orphans_batch(maintain, request, orphans, &more, err));
    return lh_orphans_tell(orphans, arena, ret, err);
}

lh_code lh_remove_orphans(lh_maintain *maintain, const lh_orphans_request *request, lh_arena *arena, lh_json **ret,
                          lh_error *err) {
    maintain_job job = {.kind = "orphans", .dataset = lh_table_name_text(request->table, arena), .phase = "listing"};
    maintain_job_begin(maintain, &job);
    lh_code code = orphans_run(maintain, request, &job, arena, ret, err);
    maintain_job_end(maintain, &job);
    return code;
}
