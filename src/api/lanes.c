/* Lanes: fixed groups of worker threads with a bounded queue each. Catalog requests have their own, because the
 * engine waits for them from inside a statement: they must never queue behind statements. */
#include "api/request_internal.h"

static void *lane_thread(void *arg) {
    api_lane *lane = arg;
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        while (!lane->head && !lane->stopping) pthread_cond_wait(&lane->changed, &lane->lock);
        lh_request *request = lane->head;
        if (!request) break; /* stopping, and nothing waits */
        lane->head = request->next_job;
        if (!lane->head) lane->tail = &lane->head;
        lane->waiting--;
        pthread_mutex_unlock(&lane->lock);
        api_request_run(request);
        pthread_mutex_lock(&lane->lock);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

lh_code api_lane_init(api_lane *lane, size_t threads, size_t waiting_max, lh_error *err) {
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->changed, NULL);
    lane->tail = &lane->head;
    lane->waiting_max = waiting_max;
    lane->threads = calloc(threads, sizeof *lane->threads);
    if (!lane->threads) return lh_fail(err, LH_NO_MEMORY, "server: out of memory");
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)2 << 20);
    for (; lane->thread_count < threads; lane->thread_count++)
        if (pthread_create(&lane->threads[lane->thread_count], &attributes, lane_thread, lane) != 0) break;
    pthread_attr_destroy(&attributes);
    if (lane->thread_count < threads) return lh_fail(err, LH_NO_MEMORY, "server: cannot start %zu threads", threads);
    return LH_OK;
}

void api_lane_done(api_lane *lane) {
    if (!lane->threads) return;
    pthread_mutex_lock(&lane->lock);
    lane->stopping = true;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
    for (size_t i = 0; i < lane->thread_count; i++) pthread_join(lane->threads[i], NULL);
    free(lane->threads);
    pthread_cond_destroy(&lane->changed);
    pthread_mutex_destroy(&lane->lock);
}

bool api_lane_submit(api_lane *lane, lh_request *request) {
    pthread_mutex_lock(&lane->lock);
    bool room = lane->waiting < lane->waiting_max;
    if (room) {
        api_request_ref(request);
        request->next_job = NULL;
        *lane->tail = request;
        lane->tail = &request->next_job;
        lane->waiting++;
        pthread_cond_signal(&lane->changed);
    }
    pthread_mutex_unlock(&lane->lock);
    return room;
}

bool api_lane_is_full(api_lane *lane) { return api_lane_waiting(lane) >= lane->waiting_max; }

size_t api_lane_waiting(api_lane *lane) {
    pthread_mutex_lock(&lane->lock);
    size_t waiting = lane->waiting;
    pthread_mutex_unlock(&lane->lock);
    return waiting;
}
