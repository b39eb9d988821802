/* The metastore: documents in memory, changed by a log of commits in the bucket.
 *
 * Invariants
 * - Entry n+1 is created by a conditional put only after every caller in it was
 *   checked against the state of entry n. Whoever creates n+1 first wins; the others
 *   load it, check their callers again and try n+2. So the log is one total order.
 * - The index is always the state of `sequence`; readers never see half an entry.
 * - An entry carries a random id: when the answer to a put is lost or says "exists",
 *   reading the entry back tells whether it was ours.
 *
 * Group commit: callers queue; the first becomes the leader, merges all who are valid into
 * one entry, writes it, wakes everyone. A caller whose versions do not fit fails alone.
 *
 * `queue_lock` guards the queue and `leading`. `index_lock` guards index and sequence:
 * only the leader, or refresh() under `leading`, writes them. `checkpoint_lock` guards the
 * checkpoint thread's flags. Order: queue_lock is never held with another. */
#include "catalog/metastore_internal.h"

#include <stdatomic.h>

typedef struct metastore_waiter {
    const lh_change *changes;
    size_t count;
    struct metastore_waiter *next;
    bool done;
    lh_code code;
    uint64_t sequence;
    lh_error err;
} metastore_waiter;

struct lh_metastore {
    lh_bucket *bucket; /* borrowed */
    uint64_t checkpoint_entries;

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_changed;
    metastore_waiter *queue_head, **queue_tail;
    bool leading;

    pthread_rwlock_t index_lock;
    metastore_index index;
    uint64_t sequence;
    bool stale; /* memory ran out while applying: load again before the next commit */

    pthread_mutex_t checkpoint_lock;
    pthread_cond_t checkpoint_wanted;
    bool checkpoint_due, stopping, thread_started;
    pthread_t thread;

    _Atomic uint64_t checkpoint_sequence, previous_checkpoint;
    _Atomic uint64_t commits, conflicts;
    uint64_t replayed_entries, replay_ms;
};

/* ---- loading ---- */

static lh_code metastore_apply_entry(lh_metastore *metastore, const metastore_entry *entry) {
    pthread_rwlock_wrlock(&metastore->index_lock);
    for (size_t i = 0; i < entry->count && !metastore->stale; i++)
        if (metastore_index_apply(&metastore->index, entry->changes[i].key, entry->changes[i].text, entry->sequence) != LH_OK)
            metastore->stale = true;
    metastore->sequence = entry->sequence;
    pthread_rwlock_unlock(&metastore->index_lock);
    return metastore->stale ? LH_NO_MEMORY : LH_OK;
}

static lh_code metastore_read_entry(lh_metastore *metastore, uint64_t sequence, lh_arena *arena, metastore_entry *ret, lh_error *err) {
    char name[64];
    lh_str key = metastore_log_key(sequence, name), bytes;
    LH_TRY(lh_bucket_get(metastore->bucket, key, LH_LIMIT_JSON_BYTES, arena, &bytes, NULL, err));
    LH_TRY(metastore_entry_parse(bytes, key, arena, ret, err));
    if (ret->sequence != sequence)
        return lh_fail(err, LH_CORRUPT, "'%.*s' says it is entry %" PRIu64, LH_STR_ARG(key), ret->sequence);
    return LH_OK;
}

/* Does the log go on after a missing entry? Then it was compacted away under us. */
static lh_code metastore_gap_after(lh_metastore *metastore, uint64_t sequence, bool *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    char name[64];
    lh_object_page page;
    LH_TRY(lh_bucket_list(metastore->bucket, LH_STR("_catalog/log/"), metastore_log_key(sequence, name), 1, arena, &page, err));
    *ret = page.count > 0;
    return LH_OK;
}

/* Applies entries from sequence+1 on. *ret_gap: an entry is missing but later ones are there. */
static lh_code metastore_load_tail(lh_metastore *metastore, bool *ret_gap, lh_error *err) {
    for (;;) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_JSON_BYTES, &arena, err));
        metastore_entry entry;
        lh_code code = metastore_read_entry(metastore, metastore->sequence + 1, arena, &entry, err);
        if (code == LH_NOT_FOUND) return metastore_gap_after(metastore, metastore->sequence + 1, ret_gap, err);
        if (code != LH_OK) return code;
        if (metastore_apply_entry(metastore, &entry) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
        metastore->replayed_entries++;
    }
}

/* All checkpoints' sequences, newest last. Arena. */
static lh_code metastore_checkpoints(lh_metastore *metastore, lh_arena *arena, lh_object_page *ret, lh_error *err) {
    return lh_bucket_list(metastore->bucket, LH_STR("_catalog/checkpoint/"), LH_STR_NONE, LH_LIMIT_LIST_PAGE, arena, ret, err);
}

/* Empties the index and reads the newest checkpoint that is whole; the one before it serves when the newest is torn
 * (its log entries are still there). No checkpoint at all: an empty index at 0. */
static lh_code metastore_load_checkpoint(lh_metastore *metastore, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new((size_t)2 << 30, &arena, err));
    lh_object_page page;
    LH_TRY(metastore_checkpoints(metastore, arena, &page, err));
    lh_code code = LH_OK;
    metastore_index loaded = {0};
    uint64_t sequence = 0;
    for (size_t i = page.count; i > 0; i--) {
        lh_str bytes;
        code = lh_bucket_get(metastore->bucket, page.entries[i - 1].key, (uint64_t)1 << 30, arena, &bytes, NULL, err);
        if (code == LH_OK) code = metastore_checkpoint_parse(bytes, page.entries[i - 1].key, &loaded, &sequence, err);
        if (code == LH_OK) break;
        metastore_index_clear(&loaded);
        if (code != LH_CORRUPT && code != LH_NOT_FOUND) return code;
    }
    if (code != LH_OK) return code; /* there are checkpoints and none can be read: never start empty */
    pthread_rwlock_wrlock(&metastore->index_lock);
    metastore_index_clear(&metastore->index);
    metastore->index = loaded;
    metastore->sequence = sequence;
    metastore->stale = false;
    pthread_rwlock_unlock(&metastore->index_lock);
    atomic_store(&metastore->checkpoint_sequence, sequence);
    return LH_OK;
}

/* Checkpoint and tail; again when another gateway compacts the log meanwhile. */
static lh_code metastore_load(lh_metastore *metastore, lh_error *err) {
    for (int tries = 0; tries < 5; tries++) {
        bool gap = false;
        LH_TRY(metastore_load_checkpoint(metastore, err));
        LH_TRY(metastore_load_tail(metastore, &gap, err));
        if (!gap) return LH_OK;
    }
    return lh_fail(err, LH_CORRUPT, "the catalog's log lacks entry %" PRIu64 ": restore '_catalog/log/' from a backup",
                   metastore->sequence + 1);
}

static lh_code metastore_catch_up(lh_metastore *metastore, lh_error *err) {
    bool gap = false;
    if (!metastore->stale) LH_TRY(metastore_load_tail(metastore, &gap, err));
    return gap || metastore->stale ? metastore_load(metastore, err) : LH_OK;
}

/* ---- checkpoints: a thread of their own, so that no commit waits for one ---- */

static void metastore_delete_range(lh_metastore *metastore, const char *prefix, uint64_t up_to) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_object_page page = {0};
    if (lh_arena_new(16 << 20, &arena, NULL) != LH_OK) return;
    if (lh_bucket_list(metastore->bucket, lh_str_from(prefix), LH_STR_NONE, LH_LIMIT_LIST_PAGE, arena, &page, NULL) != LH_OK) return;
    for (size_t i = 0; i < page.count; i++) {
        uint64_t sequence;
        if (metastore_key_sequence(page.entries[i].key, &sequence, NULL) != LH_OK) continue;
        if (sequence > up_to) break;
        if (lh_bucket_delete(metastore->bucket, page.entries[i].key, LH_STR_NONE, NULL) != LH_OK) return;
    }
}

/* Writes the present state. The log keeps what the checkpoint before this one still needs,
 * so that a torn newest checkpoint or a slower gateway finds its entries. */
static lh_code metastore_write_checkpoint(lh_metastore *metastore, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf bytes = LH_BUF_INIT((size_t)1 << 30);
    pthread_rwlock_rdlock(&metastore->index_lock);
    uint64_t sequence = metastore->sequence;
    lh_code code = metastore_checkpoint_write(&metastore->index, sequence, &bytes, err);
    pthread_rwlock_unlock(&metastore->index_lock);
    if (code != LH_OK) return code;
    char name[64];
    code = lh_bucket_put(metastore->bucket, metastore_checkpoint_key(sequence, name), lh_buf_str(&bytes),
                         (lh_put_condition){.if_absent = true}, NULL, err);
    if (code != LH_OK && code != LH_CONFLICT) return code; /* CONFLICT: another gateway wrote the same state */
    uint64_t previous = atomic_exchange(&metastore->checkpoint_sequence, sequence);
    if (previous > 0 && previous < sequence) {
        metastore_delete_range(metastore, "_catalog/log/", previous);
        metastore_delete_range(metastore, "_catalog/checkpoint/", previous - 1);
    }
    return LH_OK;
}

static void *metastore_checkpoint_thread(void *arg) {
    lh_metastore *metastore = arg;
    pthread_mutex_lock(&metastore->checkpoint_lock);
    while (!metastore->stopping) {
        if (!metastore->checkpoint_due) {
            pthread_cond_wait(&metastore->checkpoint_wanted, &metastore->checkpoint_lock);
            continue;
        }
        metastore->checkpoint_due = false;
        pthread_mutex_unlock(&metastore->checkpoint_lock);
        lh_error err = {0};
        if (metastore_write_checkpoint(metastore, &err) != LH_OK) /* the log is complete without it; the next commit asks again */
            lh_log(LH_LOG_WARN, "catalog checkpoint failed", "error", err.message, NULL);
        pthread_mutex_lock(&metastore->checkpoint_lock);
    }
    pthread_mutex_unlock(&metastore->checkpoint_lock);
    return NULL;
}

static void metastore_ask_checkpoint(lh_metastore *metastore) {
    if (metastore->sequence - atomic_load(&metastore->checkpoint_sequence) < metastore->checkpoint_entries) return;
    pthread_mutex_lock(&metastore->checkpoint_lock);
    metastore->checkpoint_due = true;
    pthread_cond_signal(&metastore->checkpoint_wanted);
    pthread_mutex_unlock(&metastore->checkpoint_lock);
}

/* ---- open and free ---- */

lh_code lh_metastore_open(lh_bucket *bucket, uint64_t checkpoint_entries, lh_metastore **ret, lh_error *err) {
    LH_CLEANUP(lh_metastore_freep) lh_metastore *metastore = calloc(1, sizeof *metastore);
    if (!metastore) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    metastore->bucket = bucket;
    metastore->checkpoint_entries = checkpoint_entries;
    metastore->queue_tail = &metastore->queue_head;
    pthread_mutex_init(&metastore->queue_lock, NULL);
    pthread_cond_init(&metastore->queue_changed, NULL);
    pthread_rwlock_init(&metastore->index_lock, NULL);
    pthread_mutex_init(&metastore->checkpoint_lock, NULL);
    pthread_cond_init(&metastore->checkpoint_wanted, NULL);
    uint64_t started = lh_time_monotonic_ms();
    LH_TRY(metastore_load(metastore, err));
    metastore->replay_ms = lh_time_monotonic_ms() - started;
    if (pthread_create(&metastore->thread, NULL, metastore_checkpoint_thread, metastore) != 0)
        return lh_fail(err, LH_NO_MEMORY, "catalog: cannot start a thread");
    metastore->thread_started = true;
    metastore_ask_checkpoint(metastore);
    *ret = lh_take(&metastore);
    return LH_OK;
}

void lh_metastore_free(lh_metastore *metastore) {
    if (!metastore) return;
    if (metastore->thread_started) {
        pthread_mutex_lock(&metastore->checkpoint_lock);
        metastore->stopping = true;
        pthread_cond_signal(&metastore->checkpoint_wanted);
        pthread_mutex_unlock(&metastore->checkpoint_lock);
        pthread_join(metastore->thread, NULL);
    }
    metastore_index_clear(&metastore->index);
    pthread_cond_destroy(&metastore->checkpoint_wanted);
    pthread_mutex_destroy(&metastore->checkpoint_lock);
    pthread_rwlock_destroy(&metastore->index_lock);
    pthread_cond_destroy(&metastore->queue_changed);
    pthread_mutex_destroy(&metastore->queue_lock);
    free(metastore);
}

lh_metastore_stats lh_metastore_get_stats(lh_metastore *metastore) {
    pthread_rwlock_rdlock(&metastore->index_lock);
    lh_metastore_stats stats = {.sequence = metastore->sequence, .documents = metastore->index.count,
                                .replayed_entries = metastore->replayed_entries, .replay_ms = metastore->replay_ms};
    pthread_rwlock_unlock(&metastore->index_lock);
    stats.checkpoint_sequence = atomic_load(&metastore->checkpoint_sequence);
    stats.commits = atomic_load(&metastore->commits);
    stats.conflicts = atomic_load(&metastore->conflicts);
    return stats;
}

/* ---- reading ---- */

lh_code lh_metastore_get(lh_metastore *metastore, lh_str key, lh_arena *arena, lh_str *ret, uint64_t *ret_version, lh_error *err) {
    pthread_rwlock_rdlock(&metastore->index_lock);
    const metastore_doc *doc = metastore_index_find(&metastore->index, key);
    lh_str text = doc ? lh_arena_dup(arena, doc->text) : LH_STR_NONE;
    uint64_t version = doc ? doc->version : 0;
    pthread_rwlock_unlock(&metastore->index_lock);
    if (!doc) return lh_fail(err, LH_NOT_FOUND, "'%.*s' does not exist", LH_STR_ARG(key));
    LH_TRY(lh_arena_check(arena, err));
    *ret = text;
    if (ret_version) *ret_version = version;
    return LH_OK;
}

lh_code lh_metastore_list(lh_metastore *metastore, lh_str prefix, lh_str after, size_t limit, lh_arena *arena, lh_document_page *ret, lh_error *err) {
    lh_document_page page = {0};
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

/* ---- committing ---- */

/* What earlier callers of the same batch do to `key`: true and the state after it. */
static bool metastore_batch_touches(metastore_waiter *const *batch, size_t count, lh_str key, bool *ret_present) {
    bool touched = false;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < batch[i]->count; j++)
            if (!batch[i]->changes[j].check_only && lh_str_eq(batch[i]->changes[j].key, key)) {
                touched = true;
                *ret_present = batch[i]->changes[j].text.len > 0;
            }
    return touched;
}

/* Is there, or will there be after the batch, a document whose key starts with `prefix`? */
static bool metastore_any_with(lh_metastore *metastore, metastore_waiter *const *batch, size_t count, lh_str prefix) {
    const metastore_index *index = &metastore->index;
    for (size_t at = metastore_index_seek(index, prefix); at < index->count && lh_str_starts(index->docs[at]->key, prefix); at++) {
        bool present = true;
        metastore_batch_touches(batch, count, index->docs[at]->key, &present);
        if (present) return true;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < batch[i]->count; j++) {
            const lh_change *change = &batch[i]->changes[j];
            if (!change->check_only && change->text.len && lh_str_starts(change->key, prefix)) return true;
        }
    return false;
}

/* Do the versions that this caller expects hold, given the index and the batch before it? */
static lh_code metastore_check(lh_metastore *metastore, metastore_waiter *const *batch, size_t count, const metastore_waiter *waiter, lh_error *err) {
    for (size_t i = 0; i < waiter->count; i++) {
        const lh_change *change = &waiter->changes[i];
        if (change->expected == LH_VERSION_ANY) continue;
        if (change->prefix) {
            if (metastore_any_with(metastore, batch, count, change->key))
                return lh_fail(err, LH_CONFLICT, "'%.*s' is not empty", LH_STR_ARG(change->key));
            continue;
        }
        const metastore_doc *doc = metastore_index_find(&metastore->index, change->key);
        bool present = doc != NULL;
        bool touched = metastore_batch_touches(batch, count, change->key, &present);
        bool fits = change->expected == LH_VERSION_ABSENT ? !present : !touched && doc && doc->version == change->expected;
        if (!fits) return lh_fail(err, LH_CONFLICT, "'%.*s' was changed by another commit", LH_STR_ARG(change->key));
    }
    return LH_OK;
}

/* Writes one entry for the batch. CONFLICT: someone else has that sequence; load the tail and try again. */
static lh_code metastore_write_entry(lh_metastore *metastore, metastore_waiter *const *batch, size_t count, lh_error *err) {
    const lh_change *changes[LH_METASTORE_BATCH_MAX];
    size_t counts[LH_METASTORE_BATCH_MAX];
    for (size_t i = 0; i < count; i++) changes[i] = batch[i]->changes, counts[i] = batch[i]->count;
    LH_CLEANUP(lh_buf_done) lh_buf bytes = LH_BUF_INIT(LH_METASTORE_ENTRY_BYTES);
    uint64_t sequence = metastore->sequence + 1;
    lh_uuid id = lh_uuid_new();
    LH_TRY(metastore_entry_write(sequence, lh_uuid_str(&id), changes, counts, count, &bytes, err));
    char name[64];
    lh_code code = lh_bucket_put(metastore->bucket, metastore_log_key(sequence, name), lh_buf_str(&bytes),
                                 (lh_put_condition){.if_absent = true}, NULL, err);
    if (code == LH_OK) return LH_OK;
    if (code != LH_CONFLICT && code != LH_UNAVAILABLE) return code;
    /* exists already, or the answer was lost: the id tells whose it is */
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_JSON_BYTES, &arena, err));
    metastore_entry entry;
    lh_code read = metastore_read_entry(metastore, sequence, arena, &entry, NULL);
    if (read == LH_OK && lh_str_eq(entry.id, lh_uuid_str(&id))) return LH_OK;
    return read == LH_OK ? LH_CONFLICT : code;
}

static void metastore_apply_batch(lh_metastore *metastore, metastore_waiter *const *batch, size_t count) {
    pthread_rwlock_wrlock(&metastore->index_lock);
    uint64_t sequence = ++metastore->sequence;
    for (size_t i = 0; i < count; i++) {
        batch[i]->sequence = sequence;
        for (size_t j = 0; j < batch[i]->count; j++) {
            const lh_change *change = &batch[i]->changes[j];
            if (!change->check_only && metastore_index_apply(&metastore->index, change->key, change->text, sequence) != LH_OK)
                metastore->stale = true; /* durable all the same: load again before the next commit */
        }
    }
    pthread_rwlock_unlock(&metastore->index_lock);
    atomic_fetch_add(&metastore->commits, count);
}

static bool metastore_writes(const metastore_waiter *waiter) {
    for (size_t i = 0; i < waiter->count; i++)
        if (!waiter->changes[i].check_only) return true;
    return false;
}

/* Brings every waiter of the batch to an end: sets code (and err). */
static void metastore_commit_batch(lh_metastore *metastore, metastore_waiter **batch, size_t count) {
    lh_error err = {0};
    lh_code code = metastore->stale ? metastore_catch_up(metastore, &err) : LH_OK;
    for (int tries = 0; code == LH_OK; tries++) {
        metastore_waiter *valid[LH_METASTORE_BATCH_MAX];
        size_t valid_count = 0;
        bool writes = false;
        for (size_t i = 0; i < count; i++) {
            batch[i]->code = metastore_check(metastore, valid, valid_count, batch[i], &batch[i]->err);
            if (batch[i]->code == LH_OK) writes |= metastore_writes(batch[i]), valid[valid_count++] = batch[i];
            else if (tries == 0) atomic_fetch_add(&metastore->conflicts, 1);
        }
        if (valid_count == 0 || !writes) return;
        code = metastore_write_entry(metastore, valid, valid_count, &err);
        if (code == LH_OK) {
            metastore_apply_batch(metastore, valid, valid_count);
            metastore_ask_checkpoint(metastore);
            return;
        }
        if (code == LH_CONFLICT && tries < 100) code = metastore_catch_up(metastore, &err);
    }
    for (size_t i = 0; i < count; i++) {
        batch[i]->code = code == LH_CONFLICT ? LH_UNAVAILABLE : code; /* 100 lost races are no fault of the caller's versions */
        batch[i]->err = err;
    }
}

/* Takes the lead, or waits until there is none; queue_lock is held. */
static void metastore_lead_locked(lh_metastore *metastore) {
    while (metastore->leading) pthread_cond_wait(&metastore->queue_changed, &metastore->queue_lock);
    metastore->leading = true;
}

static void metastore_follow_locked(lh_metastore *metastore) {
    metastore->leading = false;
    pthread_cond_broadcast(&metastore->queue_changed);
}

static size_t metastore_take_batch_locked(lh_metastore *metastore, metastore_waiter *batch[LH_METASTORE_BATCH_MAX]) {
    size_t count = 0, bytes = 0;
    while (metastore->queue_head && count < LH_METASTORE_BATCH_MAX) {
        metastore_waiter *waiter = metastore->queue_head;
        for (size_t i = 0; i < waiter->count; i++) bytes += waiter->changes[i].text.len + waiter->changes[i].key.len + 64;
        if (count && bytes > LH_METASTORE_ENTRY_BYTES / 2) break;
        metastore->queue_head = waiter->next;
        if (!metastore->queue_head) metastore->queue_tail = &metastore->queue_head;
        batch[count++] = waiter;
    }
    return count;
}

lh_code lh_metastore_commit(lh_metastore *metastore, const lh_change *changes, size_t count, uint64_t *ret_sequence, lh_error *err) {
    metastore_waiter self = {.changes = changes, .count = count};
    lh_span span;
    lh_span_begin("catalog.commit", &span);
    pthread_mutex_lock(&metastore->queue_lock);
    *metastore->queue_tail = &self;
    metastore->queue_tail = &self.next;
    while (!self.done) {
        if (metastore->leading) {
            pthread_cond_wait(&metastore->queue_changed, &metastore->queue_lock);
            continue;
        }
        metastore_lead_locked(metastore);
        metastore_waiter *batch[LH_METASTORE_BATCH_MAX];
        size_t taken = metastore_take_batch_locked(metastore, batch);
        pthread_mutex_unlock(&metastore->queue_lock);
        metastore_commit_batch(metastore, batch, taken);
        pthread_mutex_lock(&metastore->queue_lock);
        for (size_t i = 0; i < taken; i++) batch[i]->done = true;
        metastore_follow_locked(metastore);
    }
    pthread_mutex_unlock(&metastore->queue_lock);
    lh_span_end(&span, self.code);
    if (self.code != LH_OK) {
        if (err) *err = self.err;
        return self.code;
    }
    if (ret_sequence) *ret_sequence = self.sequence;
    return LH_OK;
}

lh_code lh_metastore_refresh(lh_metastore *metastore, lh_error *err) {
    pthread_mutex_lock(&metastore->queue_lock);
    metastore_lead_locked(metastore);
    pthread_mutex_unlock(&metastore->queue_lock);
    lh_code code = metastore_catch_up(metastore, err);
    pthread_mutex_lock(&metastore->queue_lock);
    metastore_follow_locked(metastore);
    pthread_mutex_unlock(&metastore->queue_lock);
    return code;
}
