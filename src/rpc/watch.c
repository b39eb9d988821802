/* Watches: streams that wait for something to tell. One thread, the pump, wakes when the catalog's listener says that
 * an entry was applied, and moves each watch that has no message under way; one that has is moved on when that was
 * written. While there are watches the pump also looks, once a second, for what other gateways on the bucket committed.
 *
 * A watch that is cut off while its message is under way (the client does not read) is cancelled with the status, which
 * does not wait for the client; else it ends in the ordinary way. */
#include "rpc/rpc_internal.h"

#include <time.h>

enum { WATCH_LOOK_SECONDS = 1 };

static size_t *watch_count(const rpc_call *call) { return &call->rpc->watch_counts[call->method - rpc_methods]; }

static void watch_end_locked(rpc_call *call, grpc_status_code status, const char *why) {
    lh_rpc *rpc = call->rpc;
    if (call->previous_watch) call->previous_watch->next_watch = call->next_watch;
    else rpc->watches = call->next_watch;
    if (call->next_watch) call->next_watch->previous_watch = call->previous_watch;
    --*watch_count(call);
    call->watching = false;
    if (!call->sending) {
        rpc_call_finish(call, status, why, NULL);
        return;
    }
    grpc_call_cancel_with_status(call->call, status, why, NULL);
    rpc_call_count(call, status);
    rpc_call_unref(call);
}

static void watch_fail_locked(rpc_call *call, lh_code code, const lh_error *err) {
    watch_end_locked(call, call->status != GRPC_STATUS_OK ? call->status : rpc_status_of(code), err->message);
}

static void watch_advance_locked(rpc_call *call) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    ProtobufCMessage *message = NULL;
    lh_error err = {0};
    lh_code code = lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &arena, &err);
    if (code == LH_OK) code = call->method->next(call, arena, &message, &err);
    if (code == LH_OK && message) {
        code = rpc_call_write(call, message, &err);
        call->sending = code == LH_OK;
    }
    if (code != LH_OK) watch_fail_locked(call, code, &err);
}

static void watch_cut_slow_locked(rpc_call *call) {
    if (call->method->is_slow && call->method->is_slow(call))
        watch_end_locked(call, GRPC_STATUS_RESOURCE_EXHAUSTED,
                         "the client reads too slowly: go on after the last sequence that came");
}

void rpc_watch_add(rpc_call *call) {
    lh_rpc *rpc = call->rpc;
    pthread_mutex_lock(&rpc->watch_lock);
    if (atomic_load(&rpc->draining)) {
        rpc_call_finish(call, GRPC_STATUS_UNAVAILABLE, "the server is stopping", NULL);
    } else if (atomic_load(&call->gone)) {
        rpc_call_finish(call, GRPC_STATUS_CANCELLED, "the client is gone", NULL);
    } else if (*watch_count(call) >= (size_t)rpc->config->grpc_watches_max) {
        rpc_call_finish(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "too many watches at once (grpc.watches_max)", NULL);
    } else {
        call->next_watch = rpc->watches;
        if (rpc->watches) rpc->watches->previous_watch = call;
        rpc->watches = call;
        ++*watch_count(call);
        call->watching = true;
        watch_advance_locked(call);
    }
    pthread_mutex_unlock(&rpc->watch_lock);
}

void rpc_watch_written(rpc_call *call, bool ok) {
    pthread_mutex_lock(&call->rpc->watch_lock);
    call->sending = false;
    if (call->watching && ok) watch_advance_locked(call);
    else if (call->watching) watch_end_locked(call, GRPC_STATUS_CANCELLED, "the client is gone");
    pthread_mutex_unlock(&call->rpc->watch_lock);
}

void rpc_watch_gone(rpc_call *call) {
    pthread_mutex_lock(&call->rpc->watch_lock);
    if (call->watching) watch_end_locked(call, GRPC_STATUS_CANCELLED, "the client is gone");
    pthread_mutex_unlock(&call->rpc->watch_lock);
}

void rpc_watch_end_all(lh_rpc *rpc) {
    pthread_mutex_lock(&rpc->watch_lock);
    while (rpc->watches) watch_end_locked(rpc->watches, GRPC_STATUS_UNAVAILABLE, "the server is stopping");
    pthread_mutex_unlock(&rpc->watch_lock);
}

/* ---- the pump ---- */

static void watch_move_all(lh_rpc *rpc) {
    pthread_mutex_lock(&rpc->watch_lock);
    for (rpc_call *call = rpc->watches, *next; call; call = next) {
        next = call->next_watch;
        if (call->sending) watch_cut_slow_locked(call);
        else watch_advance_locked(call);
    }
    pthread_mutex_unlock(&rpc->watch_lock);
}

static bool watch_any(lh_rpc *rpc) {
    pthread_mutex_lock(&rpc->watch_lock);
    bool any = rpc->watches != NULL;
    pthread_mutex_unlock(&rpc->watch_lock);
    return any;
}

/* Waits until something may have changed, or a second went by. False: stop. */
static bool watch_wait(lh_rpc *rpc, bool *ret_due) {
    const struct timespec until = lh_time_after_ms(WATCH_LOOK_SECONDS * 1000);
    pthread_mutex_lock(&rpc->pump_lock);
    while (!rpc->pump_due && !rpc->pump_stopping &&
           pthread_cond_timedwait(&rpc->pump_changed, &rpc->pump_lock, &until) == 0)
        continue;
    *ret_due = rpc->pump_due;
    rpc->pump_due = false;
    bool go_on = !rpc->pump_stopping;
    pthread_mutex_unlock(&rpc->pump_lock);
    return go_on;
}

static void *watch_pump(void *arg) {
    lh_rpc *rpc = arg;
    bool due;
    while (watch_wait(rpc, &due)) {
        if (!watch_any(rpc)) continue;
        lh_code ignored = due ? LH_OK : lh_metastore_refresh(lh_catalog_metastore(rpc->catalog), NULL);
        (void)ignored; /* a bucket that does not answer: later */
        watch_move_all(rpc);
    }
    return NULL;
}

void rpc_watch_wake(lh_rpc *rpc) {
    pthread_mutex_lock(&rpc->pump_lock);
    rpc->pump_due = true;
    pthread_cond_signal(&rpc->pump_changed);
    pthread_mutex_unlock(&rpc->pump_lock);
}

static void watch_heard(void *ctx) { rpc_watch_wake(ctx); }

lh_code rpc_watch_start(lh_rpc *rpc, lh_error *err) {
    if (pthread_create(&rpc->pump, NULL, watch_pump, rpc) != 0)
        return lh_fail(err, LH_NO_MEMORY, "gRPC: cannot start a thread");
    rpc->pump_started = true;
    lh_dataset_changes_listen(rpc->catalog, watch_heard, rpc);
    return LH_OK;
}

void rpc_watch_stop(lh_rpc *rpc) {
    if (!rpc->pump_started) return;
    lh_dataset_changes_listen(rpc->catalog, NULL, NULL);
    pthread_mutex_lock(&rpc->pump_lock);
    rpc->pump_stopping = true;
    pthread_cond_signal(&rpc->pump_changed);
    pthread_mutex_unlock(&rpc->pump_lock);
    pthread_join(rpc->pump, NULL);
    rpc->pump_started = false;
}
