/* Arena: memory of one request or job, freed at once, with a hard cap.
 * Failure is sticky: an allocation that fails returns NULL and lh_arena_check()
 * reports it from then on; the JSON builders rely on that. One thread at a time. */
#ifndef LH_BASE_ARENA_H
#define LH_BASE_ARENA_H
#include "base/str.h"

typedef struct lh_arena lh_arena;

/* Owned: freed with lh_arena_free(). cap_bytes: more than that fails with LIMIT. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code lh_arena_new(size_t cap_bytes, lh_arena **ret, lh_error *err);
void lh_arena_free(lh_arena *arena); /* NULL is fine; debug builds poison the memory first */
static inline void lh_arena_freep(lh_arena **arena) { lh_arena_free(*arena); }

/* 16-byte aligned, not cleared; NULL on failure. Arena. */
void *lh_arena_alloc(lh_arena *arena, size_t size_bytes);
/* Cleared memory for `count` things of `size_bytes`; NULL on failure or overflow. Arena. */
void *lh_arena_calloc(lh_arena *arena, size_t count, size_t size_bytes);
#define LH_ARENA_NEW(arena, type) ((type *)lh_arena_calloc((arena), 1, sizeof(type)))
#define LH_ARENA_ARRAY(arena, type, count) ((type *)lh_arena_calloc((arena), (count), sizeof(type)))
/* A copy with a NUL behind it; an empty string on failure (see lh_arena_check). Arena. */
lh_str lh_arena_dup(lh_arena *arena, lh_str s);
lh_str lh_arena_lower(lh_arena *arena, lh_str s); /* the same in lower case, of ASCII */
lh_str lh_arena_printf(lh_arena *arena, const char *format, ...) LH_PRINTF(2, 3);
/* The same bytes as a C string. Arena. NULL on failure; `s` must hold no NUL (cut there). */
const char *lh_arena_cstr(lh_arena *arena, lh_str s);
/* OK, or what the first failed allocation was: LIMIT or NO_MEMORY. */
LH_MUST_CHECK lh_code lh_arena_check(const lh_arena *arena, lh_error *err);
size_t lh_arena_used_bytes(const lh_arena *arena);
#endif
