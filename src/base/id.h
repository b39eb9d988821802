/* UUIDs: version 7 (RFC 9562), time-ordered, for ids we make. */
#ifndef LH_BASE_ID_H
#define LH_BASE_ID_H
#include "base/str.h"

typedef struct lh_uuid {
    char text[37];
} lh_uuid; /* lower-case, NUL-terminated */
/* Ordered by creation in milliseconds; 74 random bits. Thread-safe. Aborts when the system gives no randomness. */
lh_uuid lh_uuid_new(void);
bool lh_uuid_is_valid(lh_str text); /* 8-4-4-4-12 hex digits, any version */
static inline lh_str lh_uuid_str(const lh_uuid *id) { return (lh_str){id->text, 36}; }
/* Fills with cryptographically strong bytes; aborts when the system gives none. */
void lh_random_bytes(void *into, size_t size_bytes);
/* Uniform in [0, bound), bound > 0: jitter, snapshot ids. */
uint64_t lh_random_below(uint64_t bound);
/* The next number of those that a seed begins, the same everywhere and no secret: splitmix64 (Steele, Lea, Flood 2014). */
uint64_t lh_random_seeded(uint64_t *state);
#endif
