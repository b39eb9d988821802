/* Table metadata files: `<folder>/<5-digit version>-<uuid>.metadata.json` (catalog_metadata_folder), written once and
 * never changed, so that the cache of their bytes needs no invalidation: least recently used go first when
 * it is larger than CACHE_BYTES. `lock` guards the whole cache. */
#include "catalog/catalog_internal.h"

#include <stdio.h>

enum { CACHE_BYTES = 16 << 20, CACHE_ENTRY_BYTES = 4 << 20, CACHE_BUCKETS = 1024 };

typedef struct cache_entry {
    struct cache_entry *chain, *newer, *older;
    lh_str key, text; /* owned */
    uint64_t hash;
} cache_entry;

struct metadata_cache {
    pthread_mutex_t lock;
    cache_entry *buckets[CACHE_BUCKETS], *newest, *oldest;
    size_t bytes;
};

lh_code metadata_cache_new(metadata_cache **ret, lh_error *err) {
    metadata_cache *cache = calloc(1, sizeof *cache);
    if (!cache) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    pthread_mutex_init(&cache->lock, NULL);
    *ret = cache;
    return LH_OK;
}

static cache_entry *cache_find_locked(metadata_cache *cache, lh_str key, uint64_t hash) {
    cache_entry *entry = cache->buckets[hash % CACHE_BUCKETS];
    while (entry && !(entry->hash == hash && lh_str_eq(entry->key, key))) entry = entry->chain;
    return entry;
}

static void cache_unlink_locked(metadata_cache *cache, cache_entry *entry) {
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void cache_link_locked(metadata_cache *cache, cache_entry *entry) {
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void cache_evict_locked(metadata_cache *cache) {
    cache_entry *entry = cache->oldest, **chain = &cache->buckets[entry->hash % CACHE_BUCKETS];
    while (*chain != entry) chain = &(*chain)->chain;
    *chain = entry->chain;
    cache_unlink_locked(cache, entry);
    cache->bytes -= entry->text.len;
    lh_str_free(entry->key);
    lh_str_free(entry->text);
    free(entry);
}

void metadata_cache_free(metadata_cache *cache) {
    if (!cache) return;
    while (cache->oldest) cache_evict_locked(cache);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

bool metadata_cache_get(metadata_cache *cache, lh_str key, lh_arena *arena, lh_str *ret) {
    pthread_mutex_lock(&cache->lock);
    cache_entry *entry = cache_find_locked(cache, key, lh_hash_fast(key));
    if (entry) {
        cache_unlink_locked(cache, entry);
        cache_link_locked(cache, entry);
        *ret = lh_arena_dup(arena, entry->text);
    }
    pthread_mutex_unlock(&cache->lock);
    return entry != NULL;
}

void metadata_cache_put(metadata_cache *cache, lh_str key, lh_str text) {
    if (text.len > CACHE_ENTRY_BYTES) return;
    cache_entry *entry = calloc(1, sizeof *entry);
    if (!entry || lh_str_dup(key, &entry->key) != LH_OK || lh_str_dup(text, &entry->text) != LH_OK) { /* only a cache */
        if (entry) lh_str_free(entry->key);
        free(entry);
        return;
    }
    entry->hash = lh_hash_fast(key);
    pthread_mutex_lock(&cache->lock);
    if (cache_find_locked(cache, key, entry->hash)) {
        lh_str_free(entry->key);
        lh_str_free(entry->text);
        free(entry);
    } else {
        entry->chain = cache->buckets[entry->hash % CACHE_BUCKETS];
        cache->buckets[entry->hash % CACHE_BUCKETS] = entry;
        cache_link_locked(cache, entry);
        cache->bytes += text.len;
        while (cache->bytes > CACHE_BYTES) cache_evict_locked(cache);
    }
    pthread_mutex_unlock(&cache->lock);
}

/* Files of strangers may leave out what format 1 did not have: brings them to one shape. */
static void metadata_normalize(lh_arena *arena, lh_json *metadata) {
    if (!lh_json_is_array(lh_json_get(metadata, "schemas"))) {
        lh_json *list = lh_json_new_array(arena), *schema = lh_json_copy(arena, lh_json_get(metadata, "schema"));
        int64_t id = lh_json_int(lh_json_get(schema, "schema-id"), 0);
        lh_json_set_int(arena, schema, "schema-id", id);
        lh_json_append(list, schema);
        lh_json_set(arena, metadata, "schemas", list);
        lh_json_set_int(arena, metadata, "current-schema-id", id);
    }
    if (!lh_json_is_array(lh_json_get(metadata, "partition-specs"))) {
        lh_json *list = lh_json_new_array(arena), *spec = lh_json_new_object(arena);
        lh_json_set_int(arena, spec, "spec-id", 0);
        lh_json *fields = lh_json_get(metadata, "partition-spec");
        lh_json_set(arena, spec, "fields", fields ? lh_json_copy(arena, fields) : lh_json_new_array(arena));
        lh_json_append(list, spec);
        lh_json_set(arena, metadata, "partition-specs", list);
        lh_json_set_int(arena, metadata, "default-spec-id", 0);
    }
    if (!lh_json_is_array(lh_json_get(metadata, "sort-orders"))) {
        lh_json *list = lh_json_new_array(arena), *order = lh_json_new_object(arena);
        lh_json_set_int(arena, order, "order-id", 0);
        lh_json_set(arena, order, "fields", lh_json_new_array(arena));
        lh_json_append(list, order);
        lh_json_set(arena, metadata, "sort-orders", list);
        lh_json_set_int(arena, metadata, "default-sort-order-id", 0);
    }
    int64_t current = metadata_current_snapshot_id(metadata);
    if (current < 0) lh_json_remove(metadata, LH_STR("current-snapshot-id"));
    if (!lh_json_is_object(lh_json_get(metadata, "refs")))
        lh_json_set(arena, metadata, "refs", lh_json_new_object(arena));
    if (current >= 0 && !lh_json_get(lh_json_get(metadata, "refs"), "main")) {
        lh_json *main = lh_json_new_object(arena);
        lh_json_set_int(arena, main, "snapshot-id", current);
        lh_json_set_string(arena, main, "type", LH_STR("branch"));
        lh_json_set(arena, lh_json_get(metadata, "refs"), "main", main);
    }
}

lh_code catalog_metadata_load(lh_catalog *catalog, lh_str key, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_str text;
    bool cached = metadata_cache_get(catalog->cache, key, arena, &text);
    if (!cached) {
        lh_code code = lh_bucket_get(catalog->bucket, key, LH_LIMIT_METADATA_BYTES, arena, &text, NULL, err);
        if (code == LH_NOT_FOUND)
            return lh_fail(err, LH_CORRUPT, "the metadata file '%.*s' is missing", LH_STR_ARG(key));
        if (code != LH_OK) return code;
    }
    lh_json *metadata = NULL;
    lh_error why = {0};
    lh_code code = lh_json_parse(arena, text, &metadata, &why);
    if (code == LH_INVALID || (code == LH_OK && !lh_json_is_object(metadata)))
        return lh_fail(err, LH_CORRUPT, "the metadata file '%.*s' is broken: %s", LH_STR_ARG(key), why.message);
    if (code != LH_OK) return lh_fail(err, code, "the metadata file '%.*s': %s", LH_STR_ARG(key), why.message);
    int64_t format = lh_json_int(lh_json_get(metadata, "format-version"), 0);
    if (format < 1 || format > 3 || lh_json_get_string(metadata, "location").len == 0)
        return lh_fail(err, LH_CORRUPT, "'%.*s' is no Iceberg table metadata of format 1 to 3", LH_STR_ARG(key));
    metadata_normalize(arena, metadata);
    if (!cached) metadata_cache_put(catalog->cache, key, text);
    *ret = metadata;
    return lh_arena_check(arena, err);
}

lh_code catalog_table_read(lh_catalog *catalog, lh_table_name name, lh_arena *arena, catalog_table *ret,
                           lh_json **ret_metadata, lh_error *err) {
    LH_TRY(catalog_table_find(catalog, name, arena, ret, err));
    return catalog_metadata_load(catalog, ret->metadata_key, arena, ret_metadata, err);
}

/* The version in "…/00012-<uuid>.metadata.json", -1 when the name is of another kind. */
static int64_t metadata_version_of(lh_str key) {
    lh_str name = lh_str_sub(key, lh_str_after_last(key, '/'), SIZE_MAX);
    uint64_t version;
    if (lh_str_to_u64(lh_str_sub(name, 0, lh_str_find(name, '-')), &version) != LH_OK || version > 99998) return -1;
    return (int64_t)version;
}

lh_str catalog_metadata_folder(const lh_json *metadata, lh_arena *arena) {
    lh_str chosen = lh_json_get_string(lh_json_get(metadata, "properties"), "write.metadata.path");
    if (chosen.len && lh_json_get(metadata, "view-uuid"))
        return lh_str_ends(chosen, LH_STR("/")) ? lh_str_sub(chosen, 0, chosen.len - 1) : chosen;
    return lh_arena_printf(arena, "%.*s/metadata", LH_STR_ARG(lh_json_get_string(metadata, "location")));
}

lh_code catalog_metadata_write(lh_catalog *catalog, const lh_json *metadata, lh_str previous_key, lh_arena *arena,
                               lh_str *ret_key, lh_error *err) {
    lh_str text, folder;
    LH_TRY(lh_json_write(arena, metadata, false, &text, err));
    if (text.len > LH_LIMIT_METADATA_BYTES)
        return lh_fail(err, LH_LIMIT, "table metadata larger than %d bytes: expire snapshots", LH_LIMIT_METADATA_BYTES);
    LH_TRY(lh_bucket_key_of(catalog->bucket, catalog_metadata_folder(metadata, arena), arena, &folder, err));
    int64_t version = previous_key.len ? metadata_version_of(previous_key) + 1 : 0;
    lh_uuid uuid = lh_uuid_new();
    lh_str key = lh_arena_printf(arena, "%.*s/%05" PRId64 "-%s.metadata.json", LH_STR_ARG(folder), version, uuid.text);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_bucket_put(catalog->bucket, key, text, (lh_put_condition){.if_absent = true}, NULL, err));
    metadata_cache_put(catalog->cache, key, text);
    *ret_key = key;
    return LH_OK;
}

void catalog_metadata_remove(lh_catalog *catalog, lh_str key) {
    lh_code ignored = lh_bucket_delete(catalog->bucket, key, LH_STR_NONE, NULL); /* maintenance finds what stays */
    (void)ignored;
}
