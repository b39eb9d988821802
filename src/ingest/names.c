/* Names of columns, changed as little as possible and always in the same way, so that the next file of the same
 * make meets the same columns:
 *   - white space around a name goes, control characters become '_', more than 255 bytes are cut at a character;
 *   - an empty name becomes "column<n>", n counted from 0 (as DuckDB does for a CSV file without a header);
 *   - a name that is taken (case of ASCII letters ignored, as in SQL) gets the first free suffix _1, _2, … */
#include "ingest/ingest_internal.h"

lh_str ingest_name_clean(lh_str name, size_t position, lh_arena *arena) {
    name = lh_str_trim(name);
    if (name.len > LH_LIMIT_NAME_BYTES) {
        name.len = LH_LIMIT_NAME_BYTES;
        while (name.len && ((unsigned char)name.ptr[name.len] & 0xC0) == 0x80) name.len--;
        name = lh_str_trim(name); /* where it was cut */
    }
    if (name.len == 0) return lh_arena_printf(arena, "column%zu", position);
    char *clean = lh_arena_alloc(arena, name.len + 1);
    if (!clean) return LH_STR_NONE;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        clean[i] = (char)(c < 0x20 || c == 0x7F ? '_' : c);
    }
    clean[name.len] = '\0';
    return (lh_str){clean, name.len};
}

static uint64_t names_hash(lh_str name) {
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        hash = (hash ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 1099511628211u;
    }
    return hash;
}

/* `items` is an open hash table of `room` (a power of two) places, at most half full. */
static bool names_put(ingest_names *names, lh_str name) {
    size_t at = (size_t)names_hash(name) & (names->room - 1);
    for (; names->items[at].len; at = (at + 1) & (names->room - 1))
        if (lh_str_eq_nocase(names->items[at], name)) return false;
    names->items[at] = name;
    names->count++;
    return true;
}

bool ingest_names_has(const ingest_names *names, lh_str name) {
    if (!names->room) return false;
    size_t at = (size_t)names_hash(name) & (names->room - 1);
    for (; names->items[at].len; at = (at + 1) & (names->room - 1))
        if (lh_str_eq_nocase(names->items[at], name)) return true;
    return false;
}

static bool names_grow(ingest_names *names, lh_arena *arena) {
    if (names->room && names->count < names->room / 2) return true;
    ingest_names more = {.room = names->room ? names->room * 2 : 64};
    more.items = LH_ARENA_ARRAY(arena, lh_str, more.room);
    if (!more.items) return false;
    for (size_t i = 0; i < names->room; i++)
        if (names->items[i].len) (void)names_put(&more, names->items[i]);
    *names = more;
    return true;
}

lh_str ingest_names_take(ingest_names *names, lh_str name, lh_arena *arena) {
    if (!names_grow(names, arena)) return LH_STR_NONE;
    if (names_put(names, name)) return name;
    for (size_t n = 1;; n++) {
        lh_str tried = lh_arena_printf(arena, "%.*s_%zu", LH_STR_ARG(name), n);
        if (tried.len == 0) return LH_STR_NONE;
        if (names_put(names, tried)) return tried;
    }
}
