/* The jobs that wait lie in a ring. lock guards all of it but `run`, `waiting_max` and the threads. */
#include "base/workers.h"

#include "base/base.h"

#include <pthread.h>
#include <stdlib.h>

enum { WORKERS_STACK_BYTES = 2 << 20 };

struct lh_workers {
    void (*run)(void *job);
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void **jobs;
    size_t first, waiting, waiting_max;
    pthread_t *threads;
    size_t thread_count;
    bool stopping;
};

static void *workers_thread(void *arg) {
    lh_workers *workers = arg;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (!workers->waiting && !workers->stopping) pthread_cond_wait(&workers->changed, &workers->lock);
        if (!workers->waiting) break; /* stopping */
        void *job = workers->jobs[workers->first];
        workers->first = (workers->first + 1) % workers->waiting_max;
        workers->waiting--;
        pthread_mutex_unlock(&workers->lock);
        workers->run(job);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

lh_code lh_workers_new(size_t threads, size_t waiting_max, void (*run)(void *job), lh_workers **ret, lh_error *err) {
    LH_CLEANUP(lh_workers_freep) lh_workers *workers = calloc(1, sizeof *workers);
    if (!workers) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->changed, NULL);
    workers->run = run;
    workers->waiting_max = waiting_max;
    workers->jobs = calloc(waiting_max, sizeof *workers->jobs);
    workers->threads = calloc(threads, sizeof *workers->threads);
    if (!workers->jobs || !workers->threads) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKERS_STACK_BYTES);
    for (; workers->thread_count < threads; workers->thread_count++)
        if (pthread_create(&workers->threads[workers->thread_count], &attributes, workers_thread, workers) != 0) break;
    pthread_attr_destroy(&attributes);
    if (workers->thread_count < threads) return lh_fail(err, LH_NO_MEMORY, "cannot start %zu threads", threads);
    *ret = lh_take(&workers);
    return LH_OK;
}

void lh_workers_free(lh_workers *workers) {
    if (!workers) return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->thread_count; i++) pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    free(workers->threads);
    free(workers->jobs);
    free(workers);
}

bool lh_workers_submit(lh_workers *workers, void *job) {
    pthread_mutex_lock(&workers->lock);
    bool room = workers->waiting < workers->waiting_max;
    if (room) {
        workers->jobs[(workers->first + workers->waiting++) % workers->waiting_max] = job;
        pthread_cond_signal(&workers->changed);
    }
    pthread_mutex_unlock(&workers->lock);
    return room;
}

size_t lh_workers_waiting(lh_workers *workers) {
    pthread_mutex_lock(&workers->lock);
    size_t waiting = workers->waiting;
    pthread_mutex_unlock(&workers->lock);
    return waiting;
}

bool lh_workers_are_full(lh_workers *workers) { return lh_workers_waiting(workers) >= workers->waiting_max; }
