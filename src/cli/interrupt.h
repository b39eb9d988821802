/* Ctrl-C sets a flag. Started before other threads are, so that none of them takes the signal. */
#ifndef LH_CLI_INTERRUPT_H
#define LH_CLI_INTERRUPT_H
#include <pthread.h>
#include <stdbool.h>

typedef struct lh_interrupt {
    _Atomic bool *flag; /* borrowed until lh_interrupt_stop() */
    _Atomic bool closing;
    bool started;
    pthread_t watcher;
} lh_interrupt;

bool lh_interrupt_start(lh_interrupt *interrupt, _Atomic bool *flag); /* false: Ctrl-C does nothing then */
void lh_interrupt_stop(lh_interrupt *interrupt);                      /* sets the flag; fine when not started */
#endif
