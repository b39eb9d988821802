/* A switch by which one thread stops another's work: a flag, and one call that wakes who waits. Thread-safe but for new and
 * free. */
#ifndef LH_BASE_CANCEL_H
#define LH_BASE_CANCEL_H
#include "base/error.h"

#include <stdbool.h>

typedef struct lh_cancel lh_cancel;
/* Owned: lh_cancel_free(), after the work has ended. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code lh_cancel_new(lh_cancel **ret, lh_error *err);
void lh_cancel_free(lh_cancel *cancel);
static inline void lh_cancel_freep(lh_cancel **cancel) { lh_cancel_free(*cancel); }
void lh_cancel_fire(lh_cancel *cancel); /* any thread, any number of times */
bool lh_cancel_fired(const lh_cancel *cancel);
/* The flag itself, for who takes one (lh_http_call). Borrowed; NULL for NULL. */
const _Atomic bool *lh_cancel_flag(const lh_cancel *cancel);
/* From now on lh_cancel_fire() calls wake(ctx), one at a time; true when it has fired already (then wake is not set). NULL
 * never fires. */
bool lh_cancel_watch(lh_cancel *cancel, void (*wake)(void *ctx), void *ctx);
void lh_cancel_unwatch(lh_cancel *cancel); /* afterwards wake does not run and is not running */
#endif
