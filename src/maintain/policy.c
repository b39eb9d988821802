/* The background policy: one thread that goes round all tables once an interval, and compacts, expires snapshots and removes orphans.
 *
 * Each step is the one that a request asks for, so what holds for those holds here: a table that cannot be maintained, or lost
 * its races, is passed over until the next round. Statements that wait for the engine come first. stop() fires the cancel, which
 * ends a compaction at once and the removal of orphans after its batch; expiry ends with the table at hand.
 * lock (of the module) guards `stopping`, `wake` and the numbers of the rounds. */
#include "maintain/maintain_internal.h"

#include <errno.h>

enum { POLICY_PAGE = 100, POLICY_PATIENCE = 60, POLICY_ARENA_BYTES = 64 << 20 };

static bool policy_stopping(lh_maintain *maintain) {
    pthread_mutex_lock(&maintain->lock);
    bool stopping = maintain->stopping;
    pthread_mutex_unlock(&maintain->lock);
    return stopping;
}

/* Sleeps; false once it is to stop. */
static bool policy_sleep(lh_maintain *maintain, uint64_t ms) {
    const struct timespec until = lh_time_after_ms(ms);
    pthread_mutex_lock(&maintain->lock);
    int waited = 0;
    while (!maintain->stopping && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&maintain->wake, &maintain->lock, &until);
    bool stopping = maintain->stopping;
    pthread_mutex_unlock(&maintain->lock);
    return !stopping;
}

/* While statements wait for a connection, for a minute at most. */
static bool policy_yield(lh_maintain *maintain) {
    for (int i = 0; i < POLICY_PATIENCE && lh_engine_get_stats(maintain->engine).waiting > 0; i++)
        if (!policy_sleep(maintain, 1000)) return false;
    return !policy_stopping(maintain);
}

static void policy_tell(lh_maintain *maintain, const char *step, lh_table_name table, lh_code code,
                        const lh_json *answer, const lh_error *err, lh_arena *arena) {
    bool failed = code != LH_OK && code != LH_CANCELLED && code != LH_NOT_FOUND && code != LH_INVALID;
    pthread_mutex_lock(&maintain->lock);
    maintain->stats.policy_failed += failed;
    pthread_mutex_unlock(&maintain->lock);
    if (!maintain->policy.report || !(failed || code == LH_OK)) return;
    maintain->policy.report(maintain->policy.ctx, step, lh_table_name_text(table, arena), answer, failed ? err : NULL);
}

static void policy_compact(lh_maintain *maintain, lh_table_name table, lh_arena *arena) {
    const lh_maintain_policy *p = &maintain->policy;
    lh_compact_request request = {.table = table,
                                  .target_bytes = p->target_file_bytes,
                                  .small_bytes = p->small_file_bytes,
                                  .cancel = maintain->cancel,
                                  .dry_run = true};
    lh_json *planned = NULL, *answer = NULL;
    lh_error err = {0};
    lh_code code = lh_compact(maintain, &request, arena, &planned, &err);
    uint64_t files = lh_json_uint(lh_json_get(planned, "files_before"), 0);
    if (code == LH_OK && (files == 0 || files < p->files_min)) return;
    request.dry_run = false;
    if (code == LH_OK) code = lh_compact(maintain, &request, arena, &answer, &err);
    policy_tell(maintain, "compact", table, code, answer, &err, arena);
}

static void policy_expire(lh_maintain *maintain, lh_table_name table, lh_arena *arena) {
    const lh_maintain_policy *p = &maintain->policy;
    const lh_expire_options options = {.older_than_ms = lh_time_now_ms() - p->snapshot_age_ms,
                                       .retain_last = p->snapshots_min,
                                       .grace_ms = p->snapshot_grace_ms};
    lh_json *answer = NULL;
    lh_error err = {0};
    lh_code code = lh_table_expire(maintain->catalog, table, &options, arena, &answer, &err);
    size_t expired = lh_json_size(lh_json_get(answer, "expired_snapshots"));
    pthread_mutex_lock(&maintain->lock);
    maintain->stats.snapshots_expired += expired;
    pthread_mutex_unlock(&maintain->lock);
    if (code != LH_OK || expired) policy_tell(maintain, "expire", table, code, answer, &err, arena);
}

static void policy_orphans(lh_maintain *maintain, lh_table_name table, lh_arena *arena) {
    const lh_orphans_request request = {.table = table,
                                        .options.older_than_ms = lh_time_now_ms() - maintain->policy.orphan_age_ms,
                                        .cancel = maintain->cancel};
    lh_json *answer = NULL;
    lh_error err = {0};
    lh_code code = lh_remove_orphans(maintain, &request, arena, &answer, &err);
    uint64_t removed = lh_json_uint(lh_json_get(answer, "orphan_files"), 0);
    pthread_mutex_lock(&maintain->lock);
    maintain->stats.orphans_removed += removed;
    pthread_mutex_unlock(&maintain->lock);
    if (code != LH_OK || removed) policy_tell(maintain, "orphans", table, code, answer, &err, arena);
}

/* Snapshots expire after the compaction that made their files needless; orphans last. */
static bool policy_table(lh_maintain *maintain, lh_table_name table) {
    static void (*const steps[])(lh_maintain *, lh_table_name, lh_arena *) = {policy_compact, policy_expire,
                                                                              policy_orphans};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        if (!policy_yield(maintain)) return false;
        if (lh_arena_new(POLICY_ARENA_BYTES, &arena, NULL) == LH_OK) steps[i](maintain, table, arena);
    }
    return true;
}

/* One page of tables; *after (owned by the caller, of 2 KiB) is where the next begins. False: stop, or the end. */
static bool policy_page(lh_maintain *maintain, lh_str *after) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *page = NULL;
    lh_table_name name;
    if (lh_arena_new(2 * (size_t)POLICY_ARENA_BYTES, &arena, NULL) != LH_OK) return false;
    if (lh_dataset_list(maintain->catalog, LH_STR_NONE, LH_STR_NONE, NULL, (lh_page){*after, POLICY_PAGE}, arena, &page,
                        NULL) != LH_OK)
        return false;
    for (lh_json_iter it = lh_json_each(lh_json_get(page, "items")); lh_json_next(&it);) {
        lh_str text;
        if (lh_dataset_listed(maintain->catalog, it.value, arena, &text, &name, NULL) != LH_OK) continue;
        if (!policy_table(maintain, name)) return false;
    }
    lh_str_free(*after);
    *after = LH_STR_NONE;
    lh_str next = lh_json_get_string(page, "next_page_token");
    return next.len && lh_str_dup(next, after) == LH_OK;
}

static void *policy_run(void *ctx) {
    lh_maintain *maintain = ctx;
    while (policy_sleep(maintain, maintain->policy.interval_ms)) {
        lh_str after = LH_STR_NONE;
        while (policy_page(maintain, &after)) continue;
        lh_str_free(after);
        pthread_mutex_lock(&maintain->lock);
        maintain->stats.rounds++;
        pthread_mutex_unlock(&maintain->lock);
    }
    return NULL;
}

lh_code lh_maintain_start(lh_maintain *maintain, const lh_maintain_policy *policy, lh_error *err) {
    maintain->policy = *policy;
    LH_TRY(lh_cancel_new(&maintain->cancel, err));
    int failed = pthread_create(&maintain->thread, NULL, policy_run, maintain);
    if (failed) return lh_fail_errno(err, failed, "maintain: cannot start a thread");
    pthread_mutex_lock(&maintain->lock); /* requests come already */
    maintain->started = true;
    pthread_mutex_unlock(&maintain->lock);
    return LH_OK;
}

void lh_maintain_stop(lh_maintain *maintain) {
    if (!maintain || !maintain->started) return;
    pthread_mutex_lock(&maintain->lock);
    maintain->stopping = true;
    pthread_cond_broadcast(&maintain->wake);
    pthread_mutex_unlock(&maintain->lock);
    lh_cancel_fire(maintain->cancel);
    pthread_join(maintain->thread, NULL);
    maintain->started = false;
}
