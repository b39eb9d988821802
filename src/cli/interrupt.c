/* Ctrl-C as a flag: SIGINT is blocked and taken by a small thread. No signal handler, no globals. */
#include "cli/interrupt.h"

#include <signal.h>

static void *interrupt_watch(void *argument) {
    lh_interrupt *interrupt = argument;
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    while (!interrupt->closing)
        if (sigwait(&set, &got) == 0) *interrupt->flag = true;
    return NULL;
}

bool lh_interrupt_start(lh_interrupt *interrupt, _Atomic bool *flag) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    interrupt->flag = flag;
    interrupt->started = pthread_create(&interrupt->watcher, NULL, interrupt_watch, interrupt) == 0;
    return interrupt->started;
}

void lh_interrupt_stop(lh_interrupt *interrupt) {
    if (!interrupt->started) return;
    interrupt->closing = true;
    pthread_kill(interrupt->watcher, SIGINT);
    pthread_join(interrupt->watcher, NULL);
    interrupt->started = false;
}
