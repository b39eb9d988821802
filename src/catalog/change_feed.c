/* The last changes of datasets, in memory: what lh_dataset_changes() tells and watches follow.
 *
 * A ring of items, filled where an entry is applied to the index (ours, other gateways', and at open those after the
 * checkpoint), so it is in the order of the log and knows whether a table was there before. An item shares its table's
 * document, so adding one takes no memory and cannot fail. Guarded by the metastore's index_lock.
 * Invariant: the ring has every change of the entries after `complete_after`; all of an entry, or none. */
#include "catalog/metastore_internal.h"

#define FEED_TABLE "table/"
#define FEED_ABOUT "about/"

lh_code change_feed_init(change_feed *feed, lh_error *err) {
    feed->items = calloc(CHANGE_FEED_ITEMS, sizeof *feed->items);
    if (!feed->items) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    pthread_mutex_init(&feed->listener_lock, NULL);
    pthread_rwlock_init(&feed->hook_lock, NULL);
    return LH_OK;
}

void change_feed_clear(change_feed *feed, uint64_t sequence) {
    for (size_t i = 0; i < feed->count; i++)
        metastore_doc_unref(feed->items[(feed->first + i) % CHANGE_FEED_ITEMS].doc);
    feed->first = feed->count = 0;
    feed->complete_after = sequence;
}

void change_feed_done(change_feed *feed) {
    if (!feed->items) return;
    change_feed_clear(feed, 0);
    pthread_mutex_destroy(&feed->listener_lock);
    pthread_rwlock_destroy(&feed->hook_lock);
    free(feed->items);
}

static void feed_push(change_feed *feed, uint64_t sequence, lh_changed kind, metastore_doc *doc) {
    if (feed->count == CHANGE_FEED_ITEMS) { /* the oldest goes, and its entry is not whole any more */
        change_feed_item *oldest = &feed->items[feed->first];
        feed->complete_after = oldest->sequence;
        metastore_doc_unref(oldest->doc);
        feed->first = (feed->first + 1) % CHANGE_FEED_ITEMS;
        feed->count--;
    }
    atomic_fetch_add(&doc->refs, 1);
    feed->items[(feed->first + feed->count++) % CHANGE_FEED_ITEMS] = (change_feed_item){sequence, kind, doc};
}

void change_feed_table(change_feed *feed, const metastore_index *index, uint64_t sequence, lh_str key,
                       metastore_doc *doc) {
    if (!lh_str_starts(key, LH_STR(FEED_TABLE))) return;
    metastore_doc *before = metastore_index_find(index, key);
    if (doc) feed_push(feed, sequence, before ? LH_CHANGED_UPDATED : LH_CHANGED_CREATED, doc);
    else if (before) feed_push(feed, sequence, LH_CHANGED_DROPPED, before);
}

void change_feed_about(change_feed *feed, const metastore_index *index, uint64_t sequence, lh_str key) {
    char table[METASTORE_KEY_BYTES + sizeof FEED_TABLE];
    if (!lh_str_starts(key, LH_STR(FEED_ABOUT)) || key.len > METASTORE_KEY_BYTES) return;
    memcpy(table, FEED_TABLE, sizeof FEED_TABLE - 1);
    memcpy(table + sizeof FEED_TABLE - 1, key.ptr + sizeof FEED_ABOUT - 1, key.len - (sizeof FEED_ABOUT - 1));
    lh_str table_key = {table, key.len - sizeof FEED_ABOUT + sizeof FEED_TABLE};
    metastore_doc *doc = metastore_index_find(index, table_key);
    if (doc && doc->version != sequence) feed_push(feed, sequence, LH_CHANGED_UPDATED, doc); /* else told already */
}

void change_feed_notify(change_feed *feed) {
    pthread_mutex_lock(&feed->listener_lock);
    if (feed->listener) feed->listener(feed->listener_ctx);
    pthread_mutex_unlock(&feed->listener_lock);
}

/* ---- reading ---- */

/* Position, from the oldest, of the first item of an entry after `after`. */
static size_t feed_seek(const change_feed *feed, uint64_t after) {
    size_t low = 0, high = feed->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (feed->items[(feed->first + middle) % CHANGE_FEED_ITEMS].sequence <= after) low = middle + 1;
        else high = middle;
    }
    return low;
}

static lh_table_name feed_name(lh_str key, lh_arena *arena) {
    lh_str rest = lh_str_sub(lh_arena_dup(arena, key), sizeof FEED_TABLE - 1, SIZE_MAX);
    lh_str levels = lh_str_split(&rest, '/');
    return (lh_table_name){levels, rest};
}

static int64_t feed_snapshot(lh_str document, lh_arena *arena) {
    lh_json *doc = NULL;
    if (document.len == 0 || lh_json_parse(arena, document, &doc, NULL) != LH_OK) return -1;
    return lh_json_int(lh_json_get(doc, "snapshot_id"), -1);
}

static lh_dataset_change feed_change(const change_feed_item *item, lh_arena *arena) {
    return (lh_dataset_change){item->kind, feed_name(item->doc->key, arena), feed_snapshot(item->doc->text, arena)};
}

/* The items of the first entry after `after`. index_lock is held. */
static lh_code feed_read_locked(const lh_metastore *metastore, uint64_t after, lh_arena *arena, lh_dataset_changes *ret,
                                lh_error *err) {
    const change_feed *feed = &metastore->feed;
    if (after < feed->complete_after)
        return lh_fail(err, LH_NOT_FOUND,
                       "the changes after %" PRIu64 " are not kept any more, only those after %" PRIu64, after,
                       feed->complete_after);
    size_t from = feed_seek(feed, after), to = from;
    uint64_t sequence = from < feed->count ? feed->items[(feed->first + from) % CHANGE_FEED_ITEMS].sequence : 0;
    while (to < feed->count && feed->items[(feed->first + to) % CHANGE_FEED_ITEMS].sequence == sequence) to++;
    lh_dataset_changes changes = {.sequence = to > from ? sequence : metastore->sequence, .count = to - from};
    changes.behind = feed->count - from;
    changes.items = LH_ARENA_ARRAY(arena, lh_dataset_change, changes.count + 1);
    for (size_t i = 0; changes.items && i < changes.count; i++)
        changes.items[i] = feed_change(&feed->items[(feed->first + from + i) % CHANGE_FEED_ITEMS], arena);
    *ret = changes;
    return LH_OK;
}

lh_code lh_dataset_changes_after(lh_catalog *catalog, uint64_t after, lh_arena *arena, lh_dataset_changes *ret,
                                 lh_error *err) {
    lh_metastore *metastore = lh_catalog_metastore(catalog);
    lh_dataset_changes changes = {0};
    pthread_rwlock_rdlock(&metastore->index_lock);
    lh_code code = feed_read_locked(metastore, after, arena, &changes, err);
    pthread_rwlock_unlock(&metastore->index_lock);
    if (code != LH_OK) return code;
    LH_TRY(lh_arena_check(arena, err));
    *ret = changes;
    return LH_OK;
}

void lh_dataset_changes_listen(lh_catalog *catalog, void (*listener)(void *ctx), void *ctx) {
    change_feed *feed = &lh_catalog_metastore(catalog)->feed;
    pthread_mutex_lock(&feed->listener_lock);
    feed->listener = listener;
    feed->listener_ctx = ctx;
    pthread_mutex_unlock(&feed->listener_lock);
}

/* ---- commits of ours, on their thread ---- */

static lh_table_change feed_foresee_one(lh_metastore *metastore, const lh_change *change, lh_arena *arena) {
    lh_str before = LH_STR_NONE;
    uint64_t version = 0;
    bool there = lh_metastore_get(metastore, change->key, arena, &before, &version, NULL) == LH_OK;
    return (lh_table_change){.kind = change->text.len == 0 ? LH_CHANGED_DROPPED
                                     : there               ? LH_CHANGED_UPDATED
                                                           : LH_CHANGED_CREATED,
                             .name = feed_name(change->key, arena),
                             .snapshot_before = feed_snapshot(there ? before : LH_STR_NONE, arena),
                             .snapshot_id = feed_snapshot(change->text, arena)};
}

change_feed_own change_feed_foresee(lh_metastore *metastore, const lh_change *changes, size_t count, lh_arena *arena) {
    change_feed_own own = {0};
    pthread_rwlock_rdlock(&metastore->feed.hook_lock);
    bool wanted = metastore->feed.hook != NULL;
    pthread_rwlock_unlock(&metastore->feed.hook_lock);
    for (size_t i = 0; wanted && i < count; i++) {
        if (changes[i].check_only || !lh_str_starts(changes[i].key, LH_STR(FEED_TABLE))) continue;
        if (!own.items) own.items = LH_ARENA_ARRAY(arena, lh_table_change, count);
        if (own.items) own.items[own.count++] = feed_foresee_one(metastore, &changes[i], arena);
    }
    if (lh_arena_check(arena, NULL) != LH_OK) own.count = 0;
    return own;
}

void change_feed_tell(lh_metastore *metastore, const change_feed_own *own) {
    change_feed *feed = &metastore->feed;
    if (own->count == 0) return;
    pthread_rwlock_rdlock(&feed->hook_lock);
    for (size_t i = 0; feed->hook && i < own->count; i++) feed->hook(feed->hook_ctx, &own->items[i]);
    pthread_rwlock_unlock(&feed->hook_lock);
}

void lh_table_changes_hook(lh_catalog *catalog, void (*hook)(void *ctx, const lh_table_change *change), void *ctx) {
    change_feed *feed = &lh_catalog_metastore(catalog)->feed;
    pthread_rwlock_wrlock(&feed->hook_lock);
    feed->hook = hook;
    feed->hook_ctx = ctx;
    pthread_rwlock_unlock(&feed->hook_lock);
}
