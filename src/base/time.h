/* Clocks and RFC 3339 times. */
#ifndef LH_BASE_TIME_H
#define LH_BASE_TIME_H
#include "base/str.h"

#include <pthread.h>
#include <time.h>

int64_t lh_time_now_ms(void);        /* wall clock, milliseconds since 1970 UTC */
uint64_t lh_time_monotonic_ns(void); /* for durations and deadlines */
static inline uint64_t lh_time_monotonic_ms(void) { return lh_time_monotonic_ns() / 1000000u; }
void lh_time_sleep_us(uint64_t us);
static inline void lh_time_sleep_ms(uint64_t ms) { lh_time_sleep_us(ms * 1000); }

/* A condition whose timed waits go by the clock of lh_time_monotonic_ns(), which nobody sets. */
void lh_cond_init(pthread_cond_t *cond);
/* An instant of that clock as such a wait takes it. */
struct timespec lh_time_instant(uint64_t monotonic_ns);
static inline struct timespec lh_time_after_ms(uint64_t ms) {
    return lh_time_instant(lh_time_monotonic_ns() + ms * UINT64_C(1000000));
}

typedef struct lh_time_text {
    char text[40];
} lh_time_text;
lh_time_text lh_time_rfc3339(int64_t ms); /* 2026-11-23T14:55:33.120Z */
lh_time_text lh_time_http(int64_t ms);    /* Mon, 23 Nov 2026 14:55:33 GMT (RFC 9110) */
/* Errors: INVALID. Takes an offset or Z, and up to nanoseconds (cut to ms). */
LH_MUST_CHECK lh_code lh_time_parse_rfc3339(lh_str text, int64_t *ret_ms);
#endif
