/* What principals see of tables, kept for as long as nothing changes in the lake: one log entry more, of whatever kind, and all is
 * looked up again. So no change of a role, a schema or what is said of a column can be missed, and reading lakes do not ask
 * for the same twice. `lock` guards everything; what is given out is a copy. */
#include "access/access_internal.h"

#include <pthread.h>

enum { CACHE_BYTES = 8 << 20, CACHE_SLOTS = 1024 };

typedef struct cache_entry {
    struct cache_entry *next;
    lh_str principal;
    lh_table_name name;
    const lh_relation *relation; /* NULL: it is not seen */
} cache_entry;

struct bind_cache {
    pthread_mutex_t lock;
    uint64_t sequence; /* of the metastore, that all entries are as of */
    lh_arena *arena;
    cache_entry *slots[CACHE_SLOTS];
};

lh_code bind_cache_new(bind_cache **ret, lh_error *err) {
    bind_cache *cache = calloc(1, sizeof *cache);
    if (!cache) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_mutex_init(&cache->lock, NULL);
    *ret = cache;
    return LH_OK;
}

void bind_cache_free(bind_cache *cache) {
    if (!cache) return;
    lh_arena_free(cache->arena);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static size_t cache_slot(lh_str principal, lh_table_name name) {
    const lh_str parts[] = {principal, name.namespace_, name.name};
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (size_t p = 0; p < 3; p++)
        for (size_t i = 0; i < parts[p].len; i++) hash = (hash ^ (unsigned char)parts[p].ptr[i]) * 1099511628211u;
    return hash % CACHE_SLOTS;
}

static lh_relation *cache_copy(const lh_relation *from, lh_arena *arena) {
    if (!from) return NULL;
    lh_relation *copy = LH_ARENA_NEW(arena, lh_relation);
    lh_relation_column *columns = LH_ARENA_ARRAY(arena, lh_relation_column, from->column_count + 1);
    lh_str *filters = LH_ARENA_ARRAY(arena, lh_str, from->filter_count + 1),
           *read = LH_ARENA_ARRAY(arena, lh_str, from->filter_column_count + 1);
    if (!copy || !columns || !filters || !read) return NULL;
    *copy = *from;
    copy->table = (lh_table_name){lh_arena_dup(arena, from->table.namespace_), lh_arena_dup(arena, from->table.name)};
    copy->over = cache_copy(from->over, arena);
    for (size_t i = 0; i < from->column_count; i++)
        columns[i] = (lh_relation_column){lh_arena_dup(arena, from->columns[i].name),
                                          lh_arena_dup(arena, from->columns[i].type), from->columns[i].mask};
    for (size_t i = 0; i < from->filter_count; i++) filters[i] = lh_arena_dup(arena, from->filters[i]);
    for (size_t i = 0; i < from->filter_column_count; i++) read[i] = lh_arena_dup(arena, from->filter_columns[i]);
    copy->columns = columns;
    copy->filters = filters;
    copy->filter_columns = read;
    return copy;
}

static void cache_clear_locked(bind_cache *cache, uint64_t sequence) {
    lh_arena_free(cache->arena);
    cache->arena = NULL;
    memset(cache->slots, 0, sizeof cache->slots);
    cache->sequence = sequence;
}

bool bind_cache_find(bind_cache *cache, uint64_t sequence, lh_str principal, lh_table_name name, lh_arena *arena,
                     const lh_relation **ret) {
    bool found = false;
    pthread_mutex_lock(&cache->lock);
    if (cache->sequence != sequence) cache_clear_locked(cache, sequence);
    const cache_entry *entry = cache->slots[cache_slot(principal, name)];
    while (entry && !(lh_str_eq(entry->principal, principal) && lh_str_eq(entry->name.name, name.name) &&
                      lh_str_eq(entry->name.namespace_, name.namespace_)))
        entry = entry->next;
    if (entry) {
        *ret = cache_copy(entry->relation, arena);
        found = lh_arena_check(arena, NULL) == LH_OK;
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void bind_cache_put(bind_cache *cache, uint64_t sequence, lh_str principal, lh_table_name name,
                    const lh_relation *relation) {
    pthread_mutex_lock(&cache->lock);
    bool fits = cache->sequence == sequence;
    if (fits && !cache->arena) fits = lh_arena_new(CACHE_BYTES, &cache->arena, NULL) == LH_OK;
    cache_entry *entry = fits ? LH_ARENA_NEW(cache->arena, cache_entry) : NULL;
    if (entry) {
        entry->principal = lh_arena_dup(cache->arena, principal);
        entry->name =
            (lh_table_name){lh_arena_dup(cache->arena, name.namespace_), lh_arena_dup(cache->arena, name.name)};
        entry->relation = cache_copy(relation, cache->arena);
    }
    if (entry && lh_arena_check(cache->arena, NULL) == LH_OK) {
        cache_entry **slot = &cache->slots[cache_slot(principal, name)];
        entry->next = *slot;
        *slot = entry;
    } else if (fits) cache_clear_locked(cache, sequence); /* full */
    pthread_mutex_unlock(&cache->lock);
}
