/* The circuit breaker of an endpoint, the pause between tries, and the slots of a task.
 *
 * A breaker counts failed tries in a row. At the limit it opens: calls are refused at once, so that a dead endpoint costs nobody a
 * time-out. After open_ms one call is let through; when that is good it closes, else it opens anew. */
#include "ai/ai_internal.h"

enum { GATE_LOOK_MS = 100 }; /* how often a waiting call looks whether it is still wanted */

/* ---- breaker ---- */

void ai_breaker_init(ai_breaker *breaker, unsigned failures_max, uint64_t open_ms) {
    *breaker = (ai_breaker){.failures_max = failures_max, .open_ms = open_ms};
    pthread_mutex_init(&breaker->lock, NULL);
}

void ai_breaker_done(ai_breaker *breaker) { pthread_mutex_destroy(&breaker->lock); }

bool ai_breaker_admit(ai_breaker *breaker, uint64_t now_ms, bool *ret_probe, uint64_t *ret_wait_ms) {
    pthread_mutex_lock(&breaker->lock);
    bool closed = breaker->open_until_ms == 0, due = !closed && now_ms >= breaker->open_until_ms && !breaker->probing;
    if (due) breaker->probing = true;
    if (!closed && !due)
        *ret_wait_ms = now_ms < breaker->open_until_ms ? breaker->open_until_ms - now_ms : breaker->open_ms;
    pthread_mutex_unlock(&breaker->lock);
    *ret_probe = due;
    return closed || due;
}

void ai_breaker_report(ai_breaker *breaker, uint64_t now_ms, bool probe, ai_outcome outcome) {
    pthread_mutex_lock(&breaker->lock);
    bool closed = breaker->open_until_ms == 0;
    if (probe) breaker->probing = false;
    if (outcome == AI_OUTCOME_GOOD) {
        breaker->failures = 0;
        breaker->open_until_ms = 0;
    } else if (outcome == AI_OUTCOME_FAILED && (closed || probe)) { /* else: of a call from before it opened */
        breaker->failures++;
        if (probe || (breaker->failures_max && breaker->failures >= breaker->failures_max)) {
            breaker->open_until_ms = now_ms + breaker->open_ms;
            breaker->opened++;
        }
    }
    pthread_mutex_unlock(&breaker->lock);
}

ai_breaker_state ai_breaker_look(ai_breaker *breaker, uint64_t now_ms, uint64_t *ret_opened) {
    pthread_mutex_lock(&breaker->lock);
    ai_breaker_state state = breaker->open_until_ms == 0       ? AI_BREAKER_CLOSED
                             : now_ms < breaker->open_until_ms ? AI_BREAKER_OPEN
                                                               : AI_BREAKER_HALF_OPEN;
    *ret_opened = breaker->opened;
    pthread_mutex_unlock(&breaker->lock);
    return state;
}

/* ---- pauses ---- */

uint64_t ai_backoff_ms(unsigned tried, uint64_t random, uint64_t retry_after_ms) {
    uint64_t bound = AI_BACKOFF_MAX_MS;
    if (retry_after_ms > AI_RETRY_AFTER_MAX_MS) return UINT64_MAX;
    if (tried <= 7 && (uint64_t)AI_BACKOFF_MS << (tried ? tried - 1 : 0) < bound)
        bound = (uint64_t)AI_BACKOFF_MS << (tried ? tried - 1 : 0);
    return retry_after_ms + random % (bound + 1); /* many who were told the same time do not come at once */
}

uint64_t ai_backoff_by_chance_ms(unsigned tried, uint64_t retry_after_ms) {
    uint64_t random = 0;
    lh_random_bytes(&random, sizeof random);
    return ai_backoff_ms(tried, random, retry_after_ms);
}

/* ---- slots ---- */

void ai_slots_init(ai_slots *slots, size_t running_max, size_t waiting_max) {
    *slots = (ai_slots){.running_max = running_max, .waiting_max = waiting_max};
    pthread_mutex_init(&slots->lock, NULL);
    lh_cond_init(&slots->freed);
}

void ai_slots_done(ai_slots *slots) {
    pthread_cond_destroy(&slots->freed);
    pthread_mutex_destroy(&slots->lock);
}

static void slots_wait_locked(ai_slots *slots) {
    const struct timespec until = lh_time_after_ms(GATE_LOOK_MS);
    (void)pthread_cond_timedwait(&slots->freed, &slots->lock, &until);
}

lh_code ai_slots_take(ai_slots *slots, const _Atomic bool *cancelled, uint64_t deadline_ms, lh_error *err) {
    lh_code code = LH_OK;
    pthread_mutex_lock(&slots->lock);
    if (slots->running >= slots->running_max && slots->waiting >= slots->waiting_max)
        code = lh_fail(err, LH_UNAVAILABLE, "%zu calls to this model run and %zu wait already", slots->running,
                       slots->waiting);
    slots->waiting++;
    while (code == LH_OK && slots->running >= slots->running_max) {
        slots_wait_locked(slots);
        if (cancelled && atomic_load(cancelled)) code = lh_fail(err, LH_CANCELLED, "the call was cancelled");
        else if (lh_time_monotonic_ms() >= deadline_ms && slots->running >= slots->running_max)
            code = lh_fail(err, LH_CANCELLED, "the call's time went by while it waited for others");
    }
    slots->waiting--;
    if (code == LH_OK) slots->running++;
    pthread_mutex_unlock(&slots->lock);
    return code;
}

void ai_slots_give(ai_slots *slots) {
    pthread_mutex_lock(&slots->lock);
    slots->running--;
    pthread_cond_signal(&slots->freed);
    pthread_mutex_unlock(&slots->lock);
}
