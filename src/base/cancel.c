/* lh_cancel: a flag and one callback. fire() calls the callback under the cancel's lock, so unwatch() waits for it and
 * nobody is woken or interrupted for a statement that has ended. */
#include "base/cancel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct lh_cancel {
    pthread_mutex_t lock; /* guards wake and ctx */
    _Atomic bool fired;
    void (*wake)(void *ctx);
    void *ctx;
};

lh_code lh_cancel_new(lh_cancel **ret, lh_error *err) {
    lh_cancel *cancel = calloc(1, sizeof *cancel);
    if (!cancel) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    if (pthread_mutex_init(&cancel->lock, NULL) != 0) {
        free(cancel);
        return lh_fail(err, LH_NO_MEMORY, "cannot create a lock");
    }
    *ret = cancel;
    return LH_OK;
}

void lh_cancel_free(lh_cancel *cancel) {
    if (!cancel) return;
    pthread_mutex_destroy(&cancel->lock);
    free(cancel);
}

void lh_cancel_fire(lh_cancel *cancel) {
    pthread_mutex_lock(&cancel->lock);
    atomic_store(&cancel->fired, true);
    if (cancel->wake) cancel->wake(cancel->ctx);
    pthread_mutex_unlock(&cancel->lock);
}

bool lh_cancel_fired(const lh_cancel *cancel) { return atomic_load(&cancel->fired); }

const _Atomic bool *lh_cancel_flag(const lh_cancel *cancel) { return cancel ? &cancel->fired : NULL; }

bool lh_cancel_watch(lh_cancel *cancel, void (*wake)(void *ctx), void *ctx) {
    if (!cancel) return false;
    pthread_mutex_lock(&cancel->lock);
    bool fired = atomic_load(&cancel->fired);
    if (!fired) {
        cancel->wake = wake;
        cancel->ctx = ctx;
    }
    pthread_mutex_unlock(&cancel->lock);
    return fired;
}

void lh_cancel_unwatch(lh_cancel *cancel) {
    if (!cancel) return;
    pthread_mutex_lock(&cancel->lock);
    cancel->wake = NULL;
    pthread_mutex_unlock(&cancel->lock);
}
