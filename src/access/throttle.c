/* Limits on callers, in two tables of bounded size: addresses (IPv6 by /64) and keys that were good.
 *
 * Rates: each entry has the time until which it has used up its share (GCRA, a token bucket in one number); a request moves it on by
 * 1/rate second, and waits while it is more than THROTTLE_BURST_S ahead.
 *
 * Lockout: an address that shows failures_max different wrong keys within the window is not heard for lock_ms, then twice as long for
 * each time it does it again, up to lock_max_ms; it starts anew when it was not wrong for the longer of window_ms and lock_max_ms. While it is locked
 * out right keys are refused, too, or the lock would not slow a guesser; but for keys that were good from there before: who
 * works there goes on working. One of the last wrong keys again is a client that was not told, no guess; nor is a token, whose signature cannot
 * be guessed.
 *
 * A full set of a table gives up the entry that was seen longest ago, a locked one last. Entries go by a keyed hash, so that nobody can choose
 * whom to push out, and no key is kept. `lock` guards both tables. */
#include "access/throttle_internal.h"

#include <pthread.h>
#include <stdlib.h>

enum { THROTTLE_DOUBLINGS_MAX = 20, THROTTLE_WRONG = 16 };

typedef struct throttle_entry {
    uint64_t id; /* keyed hash of the address or key; 0: free */
    uint64_t seen_ns;
    uint64_t used_until_ns;
    uint64_t address; /* of a key: where it was good last */
    /* of an address: */
    uint64_t wrong[THROTTLE_WRONG], wrong_count, wrong_ns; /* the last ones, a ring, and when the last one was */
    uint64_t window_ns, failures;                          /* since when, how many */
    uint64_t locks, locked_until_ns;
} throttle_entry;

struct throttle {
    throttle_rules rules;
    unsigned char secret[16];
    pthread_mutex_t lock;
    throttle_entry addresses[THROTTLE_SETS * THROTTLE_WAYS], keys[THROTTLE_SETS * THROTTLE_WAYS];
};

/* ---- tables ---- */

static uint64_t throttle_id(const throttle *t, lh_str bytes) {
    uint64_t id = lh_hash_keyed(t->secret, bytes);
    return id ? id : 1;
}

/* An IPv6 network of 64 bits is one household or machine: it has all of its addresses. */
static uint64_t throttle_address_id(const throttle *t, lh_address from) {
    static const unsigned char ipv4[12] = {[10] = 0xFF, [11] = 0xFF};
    bool is_ipv4 = memcmp(from.bytes, ipv4, sizeof ipv4) == 0;
    return throttle_id(t, (lh_str){(const char *)from.bytes, is_ipv4 ? 16 : 8});
}

static throttle_entry *throttle_set(throttle_entry *table, uint64_t id) {
    return table + id % THROTTLE_SETS * THROTTLE_WAYS;
}

static throttle_entry *throttle_find_locked(throttle_entry *table, uint64_t id) {
    throttle_entry *set = throttle_set(table, id);
    for (size_t i = 0; i < THROTTLE_WAYS; i++)
        if (set[i].id == id) return &set[i];
    return NULL;
}

static bool throttle_goes_before(const throttle_entry *a, const throttle_entry *b, uint64_t now_ns) {
    bool a_locked = a->locked_until_ns > now_ns, b_locked = b->locked_until_ns > now_ns;
    return a_locked != b_locked ? b_locked : a->seen_ns < b->seen_ns;
}

/* The entry of that id, made when there is none. */
static throttle_entry *throttle_entry_locked(throttle_entry *table, uint64_t id, uint64_t now_ns) {
    throttle_entry *entry = throttle_find_locked(table, id);
    if (!entry) {
        throttle_entry *set = entry = throttle_set(table, id);
        for (size_t i = 1; i < THROTTLE_WAYS; i++)
            if (throttle_goes_before(&set[i], entry, now_ns)) entry = &set[i];
        *entry = (throttle_entry){.id = id};
    }
    entry->seen_ns = now_ns;
    return entry;
}

/* ---- rates ---- */

static uint64_t throttle_ms(uint64_t ns) { return (ns + 999999) / 1000000; }

static uint64_t throttle_take(throttle_entry *entry, uint64_t rate, uint64_t now_ns) {
    if (rate == 0) return 0;
    uint64_t step_ns = 1000000000u / rate, most_ns = THROTTLE_BURST_S * (uint64_t)1000000000u - step_ns;
    uint64_t start_ns = entry->used_until_ns > now_ns ? entry->used_until_ns : now_ns;
    if (start_ns - now_ns > most_ns) return throttle_ms(start_ns - now_ns - most_ns);
    entry->used_until_ns = start_ns + step_ns;
    return 0;
}

/* ---- lockout ---- */

/* Of the form of a token: nobody can guess one, and whoever has a new one shall not suffer for the old one. */
static bool throttle_is_token(lh_str key) {
    lh_str rest = key;
    lh_str_split(&rest, '.');
    lh_str claims = lh_str_split(&rest, '.');
    return lh_str_starts(key, LH_STR("eyJ")) && claims.len > 0 && rest.len > 0;
}

static bool throttle_is_known_here(throttle *t, uint64_t key, uint64_t address) {
    const throttle_entry *entry = throttle_find_locked(t->keys, key);
    return entry && entry->address == address;
}

uint64_t throttle_enter(throttle *t, lh_address from, lh_str key, uint64_t now_ns) {
    uint64_t address = throttle_address_id(t, from), wait_ms = 0;
    bool guess = key.len > 0 && !throttle_is_token(key);
    uint64_t shown = guess ? throttle_id(t, key) : 0;
    pthread_mutex_lock(&t->lock);
    throttle_entry *entry = throttle_entry_locked(t->addresses, address, now_ns);
    if (guess && entry->locked_until_ns > now_ns && !throttle_is_known_here(t, shown, address))
        wait_ms = throttle_ms(entry->locked_until_ns - now_ns);
    if (wait_ms == 0) wait_ms = throttle_take(entry, t->rules.address_rate, now_ns);
    pthread_mutex_unlock(&t->lock);
    return wait_ms;
}

uint64_t throttle_was_good(throttle *t, lh_address from, lh_str key, uint64_t now_ns) {
    uint64_t address = throttle_address_id(t, from), shown = throttle_id(t, key);
    pthread_mutex_lock(&t->lock);
    throttle_entry *entry = throttle_entry_locked(t->keys, shown, now_ns);
    entry->address = address;
    uint64_t wait_ms = throttle_take(entry, t->rules.key_rate, now_ns);
    pthread_mutex_unlock(&t->lock);
    return wait_ms;
}

static void throttle_lock_out(const throttle_rules *rules, throttle_entry *entry, uint64_t now_ns) {
    uint64_t doublings = entry->locks < THROTTLE_DOUBLINGS_MAX ? entry->locks : THROTTLE_DOUBLINGS_MAX;
    uint64_t ms = rules->lock_ms << doublings;
    entry->locks++;
    entry->failures = 0;
    entry->locked_until_ns = now_ns + (ms < rules->lock_max_ms ? ms : rules->lock_max_ms) * 1000000;
}

static bool throttle_was_told(const throttle_entry *entry, uint64_t key) {
    for (size_t i = 0; i < THROTTLE_WRONG; i++)
        if (entry->wrong[i] == key) return true;
    return false;
}

static bool throttle_count_locked(const throttle_rules *rules, throttle_entry *entry, uint64_t key, uint64_t now_ns) {
    uint64_t memory_ms = rules->window_ms > rules->lock_max_ms ? rules->window_ms : rules->lock_max_ms;
    if (throttle_was_told(entry, key)) return false;
    if (now_ns - entry->wrong_ns > memory_ms * 1000000) entry->locks = 0;
    if (entry->failures == 0 || now_ns - entry->window_ns > rules->window_ms * 1000000)
        entry->window_ns = now_ns, entry->failures = 0;
    entry->wrong[entry->wrong_count++ % THROTTLE_WRONG] = key;
    entry->wrong_ns = now_ns;
    entry->failures++;
    if (entry->failures < rules->failures_max) return false;
    throttle_lock_out(rules, entry, now_ns);
    return true;
}

bool throttle_was_wrong(throttle *t, lh_address from, lh_str key, uint64_t now_ns) {
    if (t->rules.failures_max == 0 || throttle_is_token(key)) return false;
    uint64_t address = throttle_address_id(t, from), shown = throttle_id(t, key);
    pthread_mutex_lock(&t->lock);
    throttle_entry *entry = throttle_entry_locked(t->addresses, address, now_ns);
    bool locked_out = throttle_count_locked(&t->rules, entry, shown, now_ns);
    pthread_mutex_unlock(&t->lock);
    return locked_out;
}

/* ---- life ---- */

lh_code throttle_new(const throttle_rules *rules, throttle **ret, lh_error *err) {
    throttle *t = calloc(1, sizeof *t);
    if (!t) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    t->rules = *rules;
    lh_random_bytes(t->secret, sizeof t->secret);
    pthread_mutex_init(&t->lock, NULL);
    *ret = t;
    return LH_OK;
}

void throttle_free(throttle *t) {
    if (!t) return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}
