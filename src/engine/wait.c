/* Fair waiting: a queue of waiters, each with its own condition; a thing that comes free is handed to the first, so
 * nobody overtakes. A waiter leaves on grant, cancel, deadline or close. */
#include "engine/engine_internal.h"

static void wait_cancelled(void *ctx) {
    engine_waiter *waiter = ctx;
    pthread_mutex_lock(&waiter->engine->lock);
    waiter->cancelled = true;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->engine->lock);
}

static void queue_push(engine_queue *queue, engine_waiter *waiter) {
    if (queue->last) queue->last->next = waiter;
    else queue->first = waiter;
    queue->last = waiter;
    queue->count++;
}

static void queue_remove(engine_queue *queue, engine_waiter *waiter) {
    engine_waiter *previous = NULL;
    for (engine_waiter *at = queue->first; at; previous = at, at = at->next) {
        if (at != waiter) continue;
        if (previous) previous->next = at->next;
        else queue->first = at->next;
        if (queue->last == at) queue->last = previous;
        queue->count--;
        return;
    }
}

bool engine_grant_locked(engine_queue *queue, void *thing) {
    engine_waiter *waiter = queue->first;
    if (!waiter) return false;
    queue_remove(queue, waiter);
    waiter->granted = true;
    waiter->got = thing;
    pthread_cond_signal(&waiter->cond);
    return true;
}

static void wait_sleep_locked(lh_engine *engine, engine_waiter *waiter, uint64_t deadline_ns) {
    const struct timespec until = lh_time_instant(deadline_ns);
    while (!waiter->granted && !waiter->cancelled && !engine->closing) {
        if (deadline_ns == LH_NO_DEADLINE) pthread_cond_wait(&waiter->cond, &engine->lock);
        else if (pthread_cond_timedwait(&waiter->cond, &engine->lock, &until) != 0 &&
                 lh_time_monotonic_ns() >= deadline_ns)
            return;
    }
}

lh_code engine_wait_locked(lh_engine *engine, engine_queue *queue, lh_cancel *cancel, uint64_t deadline_ns,
                           const char *what, void **ret, lh_error *err) {
    engine_waiter waiter = {.engine = engine};
    pthread_cond_init(&waiter.cond, &engine->clock);
    queue_push(queue, &waiter);
    engine->waiting++;
    pthread_mutex_unlock(&engine->lock); /* a cancel's lock comes before ours */
    bool fired = lh_cancel_watch(cancel, wait_cancelled, &waiter);
    pthread_mutex_lock(&engine->lock);
    if (fired) waiter.cancelled = true;
    wait_sleep_locked(engine, &waiter, deadline_ns);
    pthread_mutex_unlock(&engine->lock);
    lh_cancel_unwatch(cancel);
    pthread_mutex_lock(&engine->lock); /* a grant may have come meanwhile: it counts */
    if (!waiter.granted) queue_remove(queue, &waiter);
    engine->waiting--;
    pthread_cond_destroy(&waiter.cond);
    if (waiter.granted) {
        *ret = waiter.got;
        return LH_OK;
    }
    if (waiter.cancelled) return lh_fail(err, LH_CANCELLED, "cancelled while waiting for %s", what);
    if (engine->closing) return lh_fail(err, LH_UNAVAILABLE, "the engine is closing");
    return lh_fail(err, LH_CANCELLED, "timed out while waiting for %s", what);
}
