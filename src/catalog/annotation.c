/* Annotations: what our own engine's next commit of a table carries besides what the engine
 * itself sends: properties for the snapshot's summary, and documents of ours for the same
 * metastore commit. An ingest thus lands with its lineage and its "these bytes were ingested"
 * record or not at all.
 *
 * The engine speaks Iceberg REST like any client and cannot be handed a struct, so the
 * annotation waits here under the table's name. The setter holds the engine's write lock of the
 * table, hence there is at most one per table and the next engine commit is the setter's own.
 *
 * A list, searched from its head: it holds one entry per statement that is writing now.
 * `lock` guards the list, its entries and next_id. */
#include "catalog/annotation_internal.h"

#include <pthread.h>

enum {
    ANNOTATION_BYTES_MAX = 8 << 20, /* properties and documents of one */
    ANNOTATION_DOCUMENTS_MAX = 1000,
};

typedef struct annotation_entry {
    struct annotation_entry *next;
    lh_arena *arena; /* owned; all that follows lies in it */
    lh_str namespace_, name, properties, reshape, inherited, bucket;
    lh_change *documents;
    size_t count;
    uint64_t id;
} annotation_entry;

struct annotation_store {
    pthread_mutex_t lock;
    annotation_entry *head;
    uint64_t next_id;
};

lh_code annotation_store_new(annotation_store **ret, lh_error *err) {
    annotation_store *store = calloc(1, sizeof *store);
    if (!store) return lh_fail(err, LH_NO_MEMORY, "annotations: out of memory");
    if (pthread_mutex_init(&store->lock, NULL) != 0) {
        free(store);
        return lh_fail(err, LH_NO_MEMORY, "annotations: cannot create a lock");
    }
    store->next_id = 1;
    *ret = store;
    return LH_OK;
}

static void annotation_entry_free(annotation_entry *entry) {
    if (!entry) return;
    lh_arena_free(entry->arena);
    free(entry);
}

static void annotation_entry_freep(annotation_entry **entry) { annotation_entry_free(*entry); }

void annotation_store_free(annotation_store *store) {
    if (!store) return;
    while (store->head) {
        annotation_entry *entry = store->head;
        store->head = entry->next;
        annotation_entry_free(entry);
    }
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* The link that points to the table's entry, or the list's last link. */
static annotation_entry **annotation_find_locked(annotation_store *store, lh_table_name name) {
    annotation_entry **link = &store->head;
    while (*link && !(lh_str_eq((*link)->name, name.name) && lh_str_eq((*link)->namespace_, name.namespace_)))
        link = &(*link)->next;
    return link;
}

static lh_change *annotation_copy_documents(lh_arena *arena, const lh_change *documents, size_t count) {
    lh_change *copies = LH_ARENA_ARRAY(arena, lh_change, count + 1);
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = documents[i];
        copies[i].key = lh_arena_dup(arena, documents[i].key);
        copies[i].text = documents[i].text.len ? lh_arena_dup(arena, documents[i].text) : LH_STR_NONE;
    }
    return copies;
}

static lh_code annotation_check(const lh_json *properties, size_t count, lh_error *err) {
    if (properties && !lh_json_is_object(properties))
        return lh_fail(err, LH_INVALID, "an annotation's properties must be an object");
    for (lh_json_iter it = lh_json_each(properties); lh_json_next(&it);)
        if (!lh_json_is_string(it.value))
            return lh_fail(err, LH_INVALID, "annotation property '%.*s' must be a string", LH_STR_ARG(it.name));
    if (count > ANNOTATION_DOCUMENTS_MAX)
        return lh_fail(err, LH_LIMIT, "an annotation carries %zu documents, at most %d are taken", count,
                       ANNOTATION_DOCUMENTS_MAX);
    return LH_OK;
}

static lh_code annotation_entry_new(lh_table_name name, const lh_json *properties, const lh_change *documents,
                                    size_t count, annotation_entry **ret, lh_error *err) {
    LH_CLEANUP(annotation_entry_freep) annotation_entry *entry = calloc(1, sizeof *entry);
    if (!entry) return lh_fail(err, LH_NO_MEMORY, "annotations: out of memory");
    LH_TRY(lh_arena_new(ANNOTATION_BYTES_MAX, &entry->arena, err));
    entry->namespace_ = lh_arena_dup(entry->arena, name.namespace_);
    entry->name = lh_arena_dup(entry->arena, name.name);
    if (properties) LH_TRY(lh_json_write(entry->arena, properties, false, &entry->properties, err));
    entry->documents = annotation_copy_documents(entry->arena, documents, count);
    entry->count = count;
    LH_TRY(lh_arena_check(entry->arena, err));
    *ret = lh_take(&entry);
    return LH_OK;
}

lh_code annotation_set(annotation_store *store, lh_table_name name, const lh_json *properties,
                       const lh_change *documents, size_t count, lh_error *err) {
    annotation_entry *entry = NULL;
    LH_TRY(annotation_check(properties, count, err));
    LH_TRY(annotation_entry_new(name, properties, documents, count, &entry, err));
    pthread_mutex_lock(&store->lock);
    annotation_entry **link = annotation_find_locked(store, name), *before = *link;
    entry->id = store->next_id++;
    entry->next = before ? before->next : NULL;
    if (before && before->inherited.len) entry->inherited = lh_arena_dup(entry->arena, before->inherited);
    lh_code code = lh_arena_check(entry->arena, err);
    *link = entry;
    pthread_mutex_unlock(&store->lock);
    annotation_entry_free(before);
    return code;
}

lh_code annotation_set_reshape(annotation_store *store, lh_table_name name, const lh_json *reshape, lh_error *err) {
    lh_code code = LH_OK;
    pthread_mutex_lock(&store->lock);
    annotation_entry *entry = *annotation_find_locked(store, name);
    if (entry) code = lh_json_write(entry->arena, reshape, false, &entry->reshape, err);
    pthread_mutex_unlock(&store->lock);
    if (!entry) return lh_fail(err, LH_NOT_FOUND, "table '%.*s' has no annotation", LH_STR_ARG(name.name));
    return code;
}

/* The table's lock is ours: nobody else makes one meanwhile. */
static lh_code annotation_ensure(annotation_store *store, lh_table_name name, lh_error *err) {
    pthread_mutex_lock(&store->lock);
    bool there = *annotation_find_locked(store, name) != NULL;
    pthread_mutex_unlock(&store->lock);
    return there ? LH_OK : annotation_set(store, name, NULL, NULL, 0, err);
}

lh_code annotation_set_inherited(annotation_store *store, lh_table_name name, const lh_json *columns, lh_error *err) {
    lh_code code = LH_OK;
    LH_TRY(annotation_ensure(store, name, err));
    pthread_mutex_lock(&store->lock);
    annotation_entry *entry = *annotation_find_locked(store, name);
    if (entry) code = lh_json_write(entry->arena, columns, false, &entry->inherited, err);
    else lh_error_set(err, code = LH_CONFLICT, "the annotation is gone");
    pthread_mutex_unlock(&store->lock);
    return code;
}

/* Under the lock. */
static lh_code annotation_add_locked(annotation_entry *entry, const lh_change *document, lh_error *err) {
    lh_change *all = LH_ARENA_ARRAY(entry->arena, lh_change, entry->count + 1);
    LH_TRY(annotation_check(NULL, entry->count + 1, err));
    LH_TRY(lh_arena_check(entry->arena, err));
    memcpy(all, entry->documents, entry->count * sizeof *all);
    const lh_change *copy = annotation_copy_documents(entry->arena, document, 1);
    LH_TRY(lh_arena_check(entry->arena, err));
    all[entry->count++] = *copy;
    entry->documents = all;
    return LH_OK;
}

lh_code annotation_add(annotation_store *store, lh_table_name name, const lh_change *document, lh_error *err) {
    lh_code code = LH_OK;
    LH_TRY(annotation_ensure(store, name, err));
    pthread_mutex_lock(&store->lock);
    annotation_entry *entry = *annotation_find_locked(store, name);
    if (entry) code = annotation_add_locked(entry, document, err);
    else lh_error_set(err, code = LH_CONFLICT, "the annotation is gone");
    pthread_mutex_unlock(&store->lock);
    return code;
}

lh_code annotation_set_bucket(annotation_store *store, lh_table_name name, lh_str bucket, lh_error *err) {
    LH_TRY(annotation_ensure(store, name, err));
    pthread_mutex_lock(&store->lock);
    annotation_entry *entry = *annotation_find_locked(store, name);
    if (entry) entry->bucket = lh_arena_dup(entry->arena, bucket);
    lh_code code = LH_OK;
    if (entry) code = lh_arena_check(entry->arena, err);
    else lh_error_set(err, code = LH_CONFLICT, "the annotation is gone");
    pthread_mutex_unlock(&store->lock);
    return code;
}

lh_str annotation_bucket(annotation_store *store, lh_table_name name, lh_arena *arena) {
    pthread_mutex_lock(&store->lock);
    const annotation_entry *entry = *annotation_find_locked(store, name);
    lh_str bucket = entry && entry->bucket.len ? lh_arena_dup(arena, entry->bucket) : LH_STR_NONE;
    pthread_mutex_unlock(&store->lock);
    return bucket;
}

static void annotation_remove(annotation_store *store, lh_table_name name, uint64_t id) {
    pthread_mutex_lock(&store->lock);
    annotation_entry **link = annotation_find_locked(store, name), *entry = *link;
    if (entry && id && entry->id != id) entry = NULL;
    if (entry) *link = entry->next;
    pthread_mutex_unlock(&store->lock);
    annotation_entry_free(entry);
}

void annotation_clear(annotation_store *store, lh_table_name name) { annotation_remove(store, name, 0); }
void annotation_taken(annotation_store *store, lh_table_name name, uint64_t id) { annotation_remove(store, name, id); }

lh_code annotation_peek(annotation_store *store, lh_table_name name, lh_arena *arena, bool *ret_found, annotation *ret,
                        lh_error *err) {
    annotation copy = {0};
    lh_str properties = LH_STR("{}"), reshape = LH_STR_NONE, inherited = LH_STR_NONE;
    pthread_mutex_lock(&store->lock);
    const annotation_entry *entry = *annotation_find_locked(store, name);
    if (entry) {
        copy.id = entry->id;
        copy.count = entry->count;
        copy.documents = annotation_copy_documents(arena, entry->documents, entry->count);
        if (entry->properties.len) properties = lh_arena_dup(arena, entry->properties);
        if (entry->reshape.len) reshape = lh_arena_dup(arena, entry->reshape);
        if (entry->inherited.len) inherited = lh_arena_dup(arena, entry->inherited);
    }
    pthread_mutex_unlock(&store->lock);
    LH_TRY(lh_arena_check(arena, err));
    if (copy.id) {
        LH_TRY(lh_json_parse(arena, properties, &copy.properties, err));
        if (reshape.len) LH_TRY(lh_json_parse(arena, reshape, &copy.reshape, err));
        copy.recast = lh_json_get(copy.reshape, "recast");
        if (inherited.len) LH_TRY(lh_json_parse(arena, inherited, &copy.inherited, err));
        *ret = copy;
    }
    *ret_found = copy.id != 0;
    return LH_OK;
}
