/* Private to access: how often a key and an address may ask, and how often an address may be wrong. */
#ifndef LH_ACCESS_THROTTLE_INTERNAL_H
#define LH_ACCESS_THROTTLE_INTERNAL_H
#include "access/access.h"

enum {
    THROTTLE_SETS = 512, /* memory for 4096 addresses and 4096 keys */
    THROTTLE_WAYS = 8,
    THROTTLE_BURST_S = 2, /* so many seconds' requests at once, after a pause */
};

typedef struct throttle_rules {
    uint64_t address_rate, key_rate; /* requests a second; 0: no limit */
    uint64_t failures_max;           /* different wrong keys of an address within window_ms; 0: no lockout */
    uint64_t window_ms, lock_ms, lock_max_ms;
} throttle_rules;

/* rules: copied. Owned: throttle_free(). */
typedef struct throttle throttle;
LH_MUST_CHECK lh_code throttle_new(const throttle_rules *rules, throttle **ret, lh_error *err);
void throttle_free(throttle *t);
static inline void throttle_freep(throttle **t) { throttle_free(*t); }

/* A caller from that address shows that key, or none. Gives how long it has to wait before it is heard, in ms; 0: now. */
uint64_t throttle_enter(throttle *t, lh_address from, lh_str key, uint64_t now_ns);
/* The key was good. Gives the same. */
uint64_t throttle_was_good(throttle *t, lh_address from, lh_str key, uint64_t now_ns);
/* The key was wrong. True: with it the address is locked out. */
bool throttle_was_wrong(throttle *t, lh_address from, lh_str key, uint64_t now_ns);
#endif
