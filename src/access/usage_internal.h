/* Private to access: when each stored key was used last. */
#ifndef LH_ACCESS_USAGE_INTERNAL_H
#define LH_ACCESS_USAGE_INTERNAL_H
#include "access/access.h"

enum {
    USAGE_ID_BYTES = 12,
    USAGE_SETS = 512, /* of USAGE_WAYS keys each: memory for 4096 keys, the last used ones */
    USAGE_WAYS = 8,
    USAGE_WRITE_MS = 3600 * 1000, /* a key's time is written at most so often, but for the end of the server */
    USAGE_LOOK_MS = 60 * 1000,
};

/* Kept in memory, written by a thread of its own and when it is freed. catalog: borrowed for life. Owned: usage_free(). */
typedef struct usage usage;
LH_MUST_CHECK lh_code usage_new(lh_catalog *catalog, usage **ret, lh_error *err);
void usage_free(usage *u); /* writes what is not written */
static inline void usage_freep(usage **u) { usage_free(*u); }
/* The key of that id is used. Does no I/O. */
void usage_note(usage *u, lh_str id, int64_t now_ms);
/* When it was used last, as far as this server and the documents know; 0: never. u: may be NULL. */
int64_t usage_last_ms(usage *u, lh_catalog *catalog, lh_str id, lh_arena *arena);
/* Writes what is not written for USAGE_WRITE_MS; all: everything that is not written. Gives how many keys were written. */
size_t usage_flush(usage *u, bool all);
/* The document of a key's last use, which goes with the key. */
lh_str usage_key(lh_str id, lh_arena *arena);
#endif
