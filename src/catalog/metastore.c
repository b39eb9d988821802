/* The metastore: documents in memory, changed by a log of commits in the bucket. Several
 * gateways may share one bucket; the conditional create of an entry is all that they agree by.
 *
 * Invariants
 * - Entry n+1 is created by a conditional put only after every caller in it was checked against
 *   the state of entry n. Whoever creates n+1 first wins; the others load it, check their
 *   callers again and try n+2. So the log is one total order.
 * - The index is always the state of `sequence`: an entry is applied whole, under the lock, by
 *   steps that cannot fail, because memory was taken before.
 * - An entry names the id of the one before it. A gateway that slept through a compaction and
 *   reads what is left of the log finds a gap, or an entry that does not follow, and loads
 *   from the newest checkpoint.
 * - What cannot be understood is CORRUPT, with its key; never an empty catalog, never a shorter
 *   one: the loaded state must reach the newest checkpoint's number. */
#include "catalog/metastore_internal.h"

#include <assert.h>
#include <time.h>

enum { METASTORE_LOAD_TRIES = 5, METASTORE_READ_BYTES = 256 << 10 };

uint64_t metastore_clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- applying ---- */

lh_code metastore_stage(lh_metastore *metastore, const lh_change *const *changes, size_t count, uint64_t sequence,
                        lh_str id, metastore_staged *ret, lh_error *err) {
    LH_CLEANUP(metastore_staged_done) metastore_staged staged = {.count = count, .sequence = sequence};
    staged.docs = calloc(count + 1, sizeof *staged.docs);
    staged.changes = calloc(count + 1, sizeof *staged.changes);
    if (!staged.docs || !staged.changes) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    if (lh_str_to_cstr(id, staged.id.text, sizeof staged.id.text, NULL) != LH_OK) staged.id.text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        staged.changes[i] = changes[i];
        if (changes[i]->text.len &&
            metastore_doc_new(changes[i]->key, changes[i]->text, sequence, &staged.docs[i]) != LH_OK)
            return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    }
    pthread_rwlock_wrlock(&metastore->index_lock);
    lh_code code = metastore_index_reserve(&metastore->index, count);
    pthread_rwlock_unlock(&metastore->index_lock);
    if (code != LH_OK) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    *ret = staged;
    staged = (metastore_staged){0};
    return LH_OK;
}

void metastore_staged_apply(lh_metastore *metastore, metastore_staged *staged) {
    pthread_rwlock_wrlock(&metastore->index_lock);
    for (size_t i = 0; i < staged->count; i++) {
        lh_str key = staged->changes[i]->key;
        change_feed_table(&metastore->feed, &metastore->index, staged->sequence, key, staged->docs[i]);
        if (staged->docs[i]) metastore_index_put(&metastore->index, staged->docs[i]);
        else metastore_index_remove(&metastore->index, key);
        staged->docs[i] = NULL;
    }
    for (size_t i = 0; i < staged->count; i++)
        change_feed_about(&metastore->feed, &metastore->index, staged->sequence, staged->changes[i]->key);
    metastore->sequence = staged->sequence;
    metastore->recent.ids[staged->sequence % METASTORE_RECENT] = staged->id;
    pthread_rwlock_unlock(&metastore->index_lock);
    change_feed_notify(&metastore->feed);
}

void metastore_staged_done(metastore_staged *staged) {
    for (size_t i = 0; staged->docs && i < staged->count; i++) metastore_doc_unref(staged->docs[i]);
    free(staged->docs);
    free(staged->changes);
    *staged = (metastore_staged){0};
}

static lh_code metastore_apply_entry(lh_metastore *metastore, const metastore_entry *entry, lh_arena *arena,
                                     lh_error *err) {
    LH_CLEANUP(metastore_staged_done) metastore_staged staged = {0};
    const lh_change **changes = LH_ARENA_ARRAY(arena, const lh_change *, entry->count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < entry->count; i++) changes[i] = &entry->changes[i];
    LH_TRY(metastore_stage(metastore, changes, entry->count, entry->sequence, entry->id, &staged, err));
    metastore_staged_apply(metastore, &staged);
    return LH_OK;
}

/* ---- loading ---- */

lh_code metastore_read_entry(lh_metastore *metastore, uint64_t sequence, lh_arena *arena, metastore_entry *ret,
                             lh_error *err) {
    char name[64];
    lh_str key = metastore_log_key(sequence, name), bytes;
    metastore_entry entry;
    LH_TRY(lh_bucket_get(metastore->bucket, key, LH_LIMIT_JSON_BYTES, arena, &bytes, NULL, err));
    LH_TRY(metastore_entry_parse(bytes, key, arena, &entry, err));
    if (entry.sequence != sequence)
        return lh_fail(err, LH_CORRUPT, "'%.*s' says it is entry %" PRIu64, LH_STR_ARG(key), entry.sequence);
    *ret = entry;
    return LH_OK;
}

/* Does the log go on after a missing entry? Then it was compacted away under us. */
static lh_code metastore_gap_after(lh_metastore *metastore, uint64_t sequence, bool *ret, lh_error *err) {
    enum { PAGE = 100 };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    char name[64];
    lh_str after = metastore_log_key(sequence, name);
    lh_object_page page = {.more = true};
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    *ret = false;
    while (page.more && !*ret) {
        LH_TRY(lh_bucket_list(metastore->bucket, LH_STR(METASTORE_LOG_PREFIX), after, PAGE, arena, &page, err));
        uint64_t later;
        for (size_t i = 0; i < page.count; i++) /* an editor's backup or the like is not ours */
            *ret |= metastore_key_sequence(page.entries[i].key, &later) && later > sequence;
        if (page.count == 0) break;
        after = page.entries[page.count - 1].key;
    }
    return LH_OK;
}

/* Applies entries from sequence+1 on. *ret_gap: an entry is missing but later ones are there, or does not follow. */
static lh_code metastore_load_tail(lh_metastore *metastore, uint64_t *ret_entries, bool *ret_gap, lh_error *err) {
    for (uint64_t entries = 0;; entries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        metastore_entry entry;
        uint64_t next = metastore->sequence + 1;
        lh_str last = lh_str_from(metastore->recent.ids[metastore->sequence % METASTORE_RECENT].text);
        LH_TRY(lh_arena_new(METASTORE_PARSE_BYTES, &arena, err));
        lh_code code = metastore_read_entry(metastore, next, arena, &entry, err);
        if (ret_entries) *ret_entries = entries;
        if (code == LH_NOT_FOUND) return metastore_gap_after(metastore, next, ret_gap, err);
        if (code != LH_OK) return code;
        if (last.len && entry.previous.len && !lh_str_eq(last, entry.previous)) {
            *ret_gap = true;
            return LH_OK;
        }
        LH_TRY(metastore_apply_entry(metastore, &entry, arena, err));
    }
}

lh_code metastore_checkpoint_read(lh_metastore *metastore, lh_str key, metastore_checkpoint_reader *reader,
                                  lh_error *err) {
    LH_CLEANUP(lh_get_closep) lh_object_reader *object = NULL;
    LH_CLEANUP(lh_free_pointer) char *chunk = malloc(METASTORE_READ_BYTES);
    lh_object_info info;
    if (!chunk) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    LH_TRY(lh_bucket_get_open(metastore->bucket, key, LH_RANGE_ALL, &object, &info, err));
    for (;;) {
        size_t len = 0;
        LH_TRY(lh_get_read(object, chunk, METASTORE_READ_BYTES, &len, err));
        if (len == 0) break;
        LH_TRY(metastore_checkpoint_feed(reader, (lh_str){chunk, len}, err));
    }
    LH_TRY(metastore_checkpoint_finish(reader, err));
    uint64_t named;
    if (metastore_key_sequence(key, &named) && named != reader->sequence)
        return lh_fail(err, LH_CORRUPT, "'%.*s' says it is checkpoint %" PRIu64, LH_STR_ARG(key), reader->sequence);
    return LH_OK;
}

/* Replaces index, sequence and recent; what was there before is freed with the reader. */
static void metastore_adopt(lh_metastore *metastore, metastore_checkpoint_reader *reader) {
    pthread_rwlock_wrlock(&metastore->index_lock);
    metastore_index before = metastore->index;
    metastore->index = reader->index;
    metastore->sequence = reader->sequence;
    metastore->recent = reader->recent;
    change_feed_clear(&metastore->feed, reader->sequence);
    pthread_rwlock_unlock(&metastore->index_lock);
    reader->index = before;
    atomic_store(&metastore->checkpoint_sequence, reader->sequence);
}

/* Adopts the newest checkpoint that is whole, or an empty index at 0. A broken one does not hurt while the log still
 * holds what it held: *ret_must is the sequence that the tail must then reach, and *ret_broken why. */
static lh_code metastore_load_checkpoint(lh_metastore *metastore, uint64_t *ret_must, lh_error *ret_broken,
                                         lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_object_page page;
    *ret_must = 0;
    LH_TRY(lh_arena_new(16 << 20, &arena, err));
    LH_TRY(lh_bucket_list(metastore->bucket, LH_STR(METASTORE_CHECKPOINT_PREFIX), LH_STR_NONE, LH_LIMIT_LIST_PAGE,
                          arena, &page, err));
    lh_code code = LH_NOT_FOUND;
    LH_CLEANUP(metastore_checkpoint_reader_done) metastore_checkpoint_reader reader;
    metastore_checkpoint_reader_init(&reader, LH_STR_NONE);
    for (size_t i = page.count; i > 0 && code != LH_OK; i--) {
        uint64_t sequence;
        lh_error why = {0};
        if (!metastore_key_sequence(page.entries[i - 1].key, &sequence)) continue; /* not ours */
        if (sequence > *ret_must) *ret_must = sequence;
        metastore_checkpoint_reader_done(&reader);
        metastore_checkpoint_reader_init(&reader, page.entries[i - 1].key);
        code = metastore_checkpoint_read(metastore, page.entries[i - 1].key, &reader, &why);
        if (code == LH_CORRUPT && ret_broken->code == LH_OK) *ret_broken = why;
        if (code != LH_OK && code != LH_CORRUPT && code != LH_NOT_FOUND) {
            if (err) *err = why;
            return code;
        }
    }
    if (code != LH_OK) {
        metastore_checkpoint_reader_done(&reader);
        metastore_checkpoint_reader_init(&reader, LH_STR_NONE);
    }
    metastore_adopt(metastore, &reader);
    return LH_OK;
}

lh_code metastore_load(lh_metastore *metastore, uint64_t *ret_entries, lh_error *err) {
    lh_error broken = {0};
    for (int tries = 0; tries < METASTORE_LOAD_TRIES;
         tries++) { /* again when another gateway compacts the log meanwhile */
        uint64_t must = 0, started = metastore_clock_ms();
        bool gap = false;
        broken = (lh_error){0};
        LH_TRY(metastore_load_checkpoint(metastore, &must, &broken, err));
        LH_TRY(metastore_load_tail(metastore, ret_entries, &gap, err));
        if (gap || metastore->sequence < must) continue;
        metastore->looked_ms = started;
        return LH_OK;
    }
    char name[64];
    if (broken.code != LH_OK) {
        if (err) *err = broken;
        return broken.code;
    }
    return lh_fail(err, LH_CORRUPT,
                   "'%.*s' is missing, or does not follow the entry before it: restore '_catalog/' from a backup",
                   LH_STR_ARG(metastore_log_key(metastore->sequence + 1, name)));
}

lh_code metastore_catch_up(lh_metastore *metastore, lh_error *err) {
    bool gap = false;
    uint64_t started = metastore_clock_ms();
    LH_TRY(metastore_load_tail(metastore, NULL, &gap, err));
    if (gap) return metastore_load(metastore, NULL, err);
    metastore->looked_ms = started;
    return LH_OK;
}

lh_code lh_metastore_refresh(lh_metastore *metastore, lh_error *err) {
    metastore_lead(metastore);
    lh_code code = metastore_catch_up(metastore, err);
    metastore_follow(metastore);
    return code;
}

/* Readers see the commits of other processes on this bucket within METASTORE_STALE_MS: one of them looks, now and then.
 * When the bucket cannot be reached they go on with what is known; /ready and the next commit tell. */
static void metastore_freshen(lh_metastore *metastore) {
    uint64_t now = metastore_clock_ms(), last = atomic_load_explicit(&metastore->freshened_ms, memory_order_relaxed);
    if (now - last < METASTORE_STALE_MS || !atomic_compare_exchange_strong(&metastore->freshened_ms, &last, now))
        return;
    if (!metastore_try_lead(metastore)) return; /* a commit is under way, and looks as well */
    lh_code ignored = metastore_catch_up(metastore, NULL);
    (void)ignored;
    metastore_follow(metastore);
}

/* ---- open and free ---- */

lh_code lh_metastore_open(lh_bucket *bucket, uint64_t checkpoint_entries, lh_metastore **ret, lh_error *err) {
    LH_CLEANUP(lh_metastore_freep) lh_metastore *metastore = calloc(1, sizeof *metastore);
    if (!metastore) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    metastore->bucket = bucket;
    metastore->checkpoint_entries = checkpoint_entries ? checkpoint_entries : 1;
    metastore->queue_tail = &metastore->queue_head;
    pthread_mutex_init(&metastore->queue_lock, NULL); /* on Linux these only fail for attributes that we do not use */
    pthread_cond_init(&metastore->queue_changed, NULL);
    pthread_rwlock_init(&metastore->index_lock, NULL);
    pthread_mutex_init(&metastore->checkpoint_lock, NULL);
    pthread_cond_init(&metastore->checkpoint_wanted, NULL);
    LH_TRY(change_feed_init(&metastore->feed, err));
    uint64_t started = lh_time_monotonic_ms();
    LH_TRY(metastore_load(metastore, &metastore->replayed_entries, err));
    metastore->replay_ms = lh_time_monotonic_ms() - started;
    metastore->freshened_ms = metastore_clock_ms();
    LH_TRY(metastore_checkpoint_start(metastore, err));
    *ret = lh_take(&metastore);
    return LH_OK;
}

void lh_metastore_free(lh_metastore *metastore) {
    if (!metastore) return;
    metastore_checkpoint_stop(metastore);
    metastore_index_clear(&metastore->index);
    change_feed_done(&metastore->feed);
    pthread_cond_destroy(&metastore->checkpoint_wanted);
    pthread_mutex_destroy(&metastore->checkpoint_lock);
    pthread_rwlock_destroy(&metastore->index_lock);
    pthread_cond_destroy(&metastore->queue_changed);
    pthread_mutex_destroy(&metastore->queue_lock);
    free(metastore);
}

lh_metastore_stats lh_metastore_get_stats(lh_metastore *metastore) {
    lh_metastore_stats stats = {.replayed_entries = metastore->replayed_entries, .replay_ms = metastore->replay_ms};
    pthread_rwlock_rdlock(&metastore->index_lock);
    stats.sequence = metastore->sequence;
    stats.documents = metastore->index.count;
    pthread_rwlock_unlock(&metastore->index_lock);
    stats.checkpoint_sequence = atomic_load(&metastore->checkpoint_sequence);
    stats.commits = atomic_load(&metastore->commits);
    stats.conflicts = atomic_load(&metastore->conflicts);
    return stats;
}

/* ---- reading ---- */

lh_code lh_metastore_get(lh_metastore *metastore, lh_str key, lh_arena *arena, lh_str *ret, uint64_t *ret_version,
                         lh_error *err) {
    metastore_freshen(metastore);
    pthread_rwlock_rdlock(&metastore->index_lock);
    const metastore_doc *doc = metastore_index_find(&metastore->index, key);
    bool found = doc != NULL;
    lh_str text = doc ? lh_arena_dup(arena, doc->text) : LH_STR_NONE;
    uint64_t version = doc ? doc->version : 0;
    pthread_rwlock_unlock(&metastore->index_lock);
    if (!found) return lh_fail(err, LH_NOT_FOUND, "'%.*s' does not exist", LH_STR_ARG(key));
    LH_TRY(lh_arena_check(arena, err));
    *ret = text;
    if (ret_version) *ret_version = version;
    return LH_OK;
}

uint64_t lh_metastore_count(lh_metastore *metastore, lh_str prefix) {
    char end[256];
    assert(prefix.len > 0 && prefix.len < sizeof end);
    memcpy(end, prefix.ptr, prefix.len);
    end[prefix.len - 1]++; /* the first key behind all that start with it */
    pthread_rwlock_rdlock(&metastore->index_lock);
    size_t from = metastore_index_seek(&metastore->index, prefix),
           to = metastore_index_seek(&metastore->index, (lh_str){end, prefix.len});
    pthread_rwlock_unlock(&metastore->index_lock);
    return to - from;
}

lh_code lh_metastore_list(lh_metastore *metastore, lh_str prefix, lh_str after, size_t limit, lh_arena *arena,
                          lh_document_page *ret, lh_error *err) {
    lh_document_page page = {0};
    metastore_freshen(metastore);
    pthread_rwlock_rdlock(&metastore->index_lock);
    const metastore_index *index = &metastore->index;
    size_t from = metastore_index_seek(index, lh_str_cmp(after, prefix) > 0 ? after : prefix);
    if (after.len && from < index->count && lh_str_eq(index->docs[from]->key, after)) from++;
    size_t to = from;
    while (to < index->count && to - from < limit && lh_str_starts(index->docs[to]->key, prefix)) to++;
    page.count = to - from;
    page.more = to < index->count && lh_str_starts(index->docs[to]->key, prefix);
    page.items = LH_ARENA_ARRAY(arena, lh_document, page.count + 1);
    for (size_t i = 0; page.items && i < page.count; i++) {
        const metastore_doc *doc = index->docs[from + i];
        page.items[i] = (lh_document){lh_arena_dup(arena, doc->key), lh_arena_dup(arena, doc->text), doc->version};
    }
    pthread_rwlock_unlock(&metastore->index_lock);
    LH_TRY(lh_arena_check(arena, err));
    *ret = page;
    return LH_OK;
}
