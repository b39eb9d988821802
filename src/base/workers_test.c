#include "base/base.h"
#include "base/test.h"

#include <pthread.h>

/* Jobs that wait at a gate, and count. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    size_t begun, done;
} gate;

static void gate_job(void *job) {
    gate *g = job;
    pthread_mutex_lock(&g->lock);
    g->begun++;
    pthread_cond_broadcast(&g->changed);
    while (!g->open) pthread_cond_wait(&g->changed, &g->lock);
    g->done++;
    pthread_mutex_unlock(&g->lock);
}

static void gate_open(gate *g) {
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static void gate_await(gate *g, size_t begun) {
    pthread_mutex_lock(&g->lock);
    while (g->begun < begun) pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void test_workers__what_is_too_much_is_refused_and_what_waits_is_run(void) {
    gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    lh_workers *workers = NULL;
    lh_error err = {0};
    CHECK_OK(lh_workers_new(2, 3, gate_job, &workers, &err));
    CHECK(lh_workers_submit(workers, &g) && lh_workers_submit(workers, &g));
    gate_await(&g, 2);
    for (size_t i = 0; i < 3; i++) CHECK(!lh_workers_are_full(workers) && lh_workers_submit(workers, &g));
    CHECK(lh_workers_are_full(workers) && !lh_workers_submit(workers, &g) && lh_workers_waiting(workers) == 3);
    gate_open(&g);
    lh_workers_free(workers);
    CHECK(g.begun == 5 && g.done == 5);
    lh_workers_free(NULL);
}

static void test_workers__jobs_begin_in_order(void) {
    gate all[9] = {{.open = false}};
    lh_workers *workers = NULL;
    lh_error err = {0};
    CHECK_OK(lh_workers_new(1, 4, gate_job, &workers, &err));
    for (size_t i = 0; i < 9; i++) { /* more than the ring has places */
        all[i] = (gate){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
        CHECK(lh_workers_submit(workers, &all[i]));
        if (i == 0) continue;
        gate_await(&all[i - 1], 1);
        CHECK(lh_workers_waiting(workers) == 1);
        gate_open(&all[i - 1]);
    }
    gate_open(&all[8]);
    lh_workers_free(workers);
    for (size_t i = 0; i < 9; i++) CHECK(all[i].done == 1);
}

LH_TEST_MAIN(LH_TEST(test_workers__what_is_too_much_is_refused_and_what_waits_is_run),
             LH_TEST(test_workers__jobs_begin_in_order))
