/* A list of blocks, the newest first; an allocation is a bump in the newest. Large
 * ones get a block of their own, put second so that the bump block stays in use. */
#include "base/base.h"
#include "base/arena_internal.h"

#include <stdarg.h>
#include <stdio.h>

enum { ARENA_ALIGN = 16, ARENA_BLOCK_BYTES = 16 * 1024, ARENA_BLOCK_MAX_BYTES = 1024 * 1024 };

typedef struct arena_block {
    struct arena_block *next;
    size_t size_bytes, used_bytes;
    _Alignas(ARENA_ALIGN) char data[];
} arena_block;

struct lh_arena {
    arena_block *blocks;
    size_t cap_bytes, taken_bytes, next_block_bytes;
    lh_code failed;
    void *json;
};

lh_code lh_arena_new(size_t cap_bytes, lh_arena **ret, lh_error *err) {
    lh_arena *arena = calloc(1, sizeof *arena);
    if (!arena) return lh_fail(err, LH_NO_MEMORY, "arena: out of memory");
    arena->cap_bytes = cap_bytes;
    arena->next_block_bytes = ARENA_BLOCK_BYTES;
    *ret = arena;
    return LH_OK;
}

void lh_arena_free(lh_arena *arena) {
    if (!arena) return;
    for (arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
#ifndef NDEBUG
        memset(block->data, 0xDD, block->used_bytes);
#endif
        free(block);
    }
    free(arena);
}

static arena_block *arena_block_new(lh_arena *arena, size_t size_bytes) {
    if (size_bytes > arena->cap_bytes - arena->taken_bytes) return lh_arena_mark(arena, LH_LIMIT), NULL;
    arena_block *block = malloc(sizeof *block + size_bytes);
    if (!block) return lh_arena_mark(arena, LH_NO_MEMORY), NULL;
    arena->taken_bytes += size_bytes;
    *block = (arena_block){.size_bytes = size_bytes};
    return block;
}

void *lh_arena_alloc(lh_arena *arena, size_t size_bytes) {
    if (size_bytes > arena->cap_bytes) return lh_arena_mark(arena, LH_LIMIT), NULL; /* also guards the rounding */
    size_t need = (size_bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    arena_block *block = arena->blocks;
    if (!block || block->size_bytes - block->used_bytes < need) {
        size_t left = arena->cap_bytes - arena->taken_bytes;
        size_t usual = arena->next_block_bytes < left ? arena->next_block_bytes : left;
        bool alone = need > usual / 2;
        block = arena_block_new(arena, alone ? need : usual);
        if (!block) return NULL;
        if (alone && arena->blocks) {
            block->next = arena->blocks->next;
            arena->blocks->next = block;
        } else {
            block->next = arena->blocks;
            arena->blocks = block;
            if (arena->next_block_bytes < ARENA_BLOCK_MAX_BYTES) arena->next_block_bytes *= 2;
        }
    }
    void *memory = block->data + block->used_bytes;
    block->used_bytes += need;
    return memory;
}

void *lh_arena_calloc(lh_arena *arena, size_t count, size_t size_bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total)) return lh_arena_mark(arena, LH_LIMIT), NULL;
    void *memory = lh_arena_alloc(arena, total);
    return memory ? memset(memory, 0, total) : NULL;
}

const char *lh_arena_cstr(lh_arena *arena, lh_str s) {
    char *copy = lh_arena_alloc(arena, s.len + 1);
    if (!copy) return NULL;
    if (s.len) memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

lh_str lh_arena_dup(lh_arena *arena, lh_str s) {
    const char *copy = lh_arena_cstr(arena, s);
    return copy ? (lh_str){copy, s.len} : LH_STR_NONE;
}

lh_str lh_arena_lower(lh_arena *arena, lh_str s) {
    char *copy = lh_arena_alloc(arena, s.len + 1);
    if (!copy) return LH_STR_NONE;
    for (size_t i = 0; i < s.len; i++)
        copy[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] - 'A' + 'a') : s.ptr[i];
    copy[s.len] = '\0';
    return (lh_str){copy, s.len};
}

lh_str lh_arena_printf(lh_arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : lh_arena_alloc(arena, (size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text ? (lh_str){text, (size_t)length} : LH_STR_NONE;
}

lh_code lh_arena_check(const lh_arena *arena, lh_error *err) {
    if (arena->failed == LH_LIMIT)
        return lh_fail(err, LH_LIMIT, "needs more than %zu bytes of memory", arena->cap_bytes);
    if (arena->failed != LH_OK) return lh_fail(err, arena->failed, "out of memory");
    return LH_OK;
}

size_t lh_arena_used_bytes(const lh_arena *arena) { return arena->taken_bytes; }
void **lh_arena_json_slot(lh_arena *arena) { return &arena->json; }
void lh_arena_mark(lh_arena *arena, lh_code code) {
    if (arena->failed == LH_OK) arena->failed = code;
}
