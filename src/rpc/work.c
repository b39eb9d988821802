/* Workers: a fixed group of threads with a bounded queue, for handlers that read storage or run SQL. */
#include "rpc/rpc_internal.h"

static void *work_thread(void *arg) {
    rpc_workers *workers = arg;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (!workers->head && !workers->stopping) pthread_cond_wait(&workers->changed, &workers->lock);
        rpc_call *call = workers->head;
        if (!call) break; /* stopping, and nothing waits */
        workers->head = call->next_job;
        if (!workers->head) workers->tail = &workers->head;
        workers->waiting--;
        pthread_mutex_unlock(&workers->lock);
        rpc_call_run(call);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

lh_code rpc_workers_init(rpc_workers *workers, lh_error *err) {
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->changed, NULL);
    workers->tail = &workers->head;
    for (; workers->count < RPC_WORKERS; workers->count++)
        if (pthread_create(&workers->threads[workers->count], NULL, work_thread, workers) != 0)
            return lh_fail(err, LH_NO_MEMORY, "gRPC: cannot start %d threads", RPC_WORKERS);
    return LH_OK;
}

void rpc_workers_done(rpc_workers *workers) {
    if (!workers->tail) return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->count; i++) pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    workers->tail = NULL;
}

bool rpc_workers_submit(rpc_workers *workers, rpc_call *call) {
    pthread_mutex_lock(&workers->lock);
    bool room = workers->waiting < RPC_QUEUE_MAX;
    if (room) {
        call->next_job = NULL;
        *workers->tail = call;
        workers->tail = &call->next_job;
        workers->waiting++;
        pthread_cond_signal(&workers->changed);
    }
    pthread_mutex_unlock(&workers->lock);
    return room;
}
