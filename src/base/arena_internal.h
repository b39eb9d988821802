#ifndef LH_BASE_ARENA_INTERNAL_H
#define LH_BASE_ARENA_INTERNAL_H
#include "base/arena.h"

/* One slot for json.c: the document that makes this arena's JSON values. */
void **lh_arena_json_slot(lh_arena *arena);
/* Marks the arena as failed from outside. */
void lh_arena_mark(lh_arena *arena, lh_code code);
#endif
