/* Checkpoints: all documents as of one entry, in one file, so that a start need not replay the
 * whole log; and compaction, which removes the log's older part.
 *
 * A thread of its own writes them: under the index's lock it only takes references, then
 * writes while commits and readers go on. Entries and checkpoints are removed only when
 * the new checkpoint is durable, and only what is older than the checkpoint before it: a torn
 * newest one, or a slower gateway, still finds its entries. Entries are removed in ascending
 * order, so that what is left is always the end of the log.
 * A checkpoint that fails is not missed: the log holds everything. */
#include "catalog/metastore_internal.h"

enum { METASTORE_FLUSH_BYTES = 1 << 20 };

static void metastore_delete_up_to(lh_metastore *metastore, const char *prefix, uint64_t up_to) {
    for (bool more = true; more;) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_object_page page = {0};
        if (lh_arena_new(16 << 20, &arena, NULL) != LH_OK) return;
        if (lh_bucket_list(metastore->bucket, lh_str_from(prefix), LH_STR_NONE, LH_LIMIT_LIST_PAGE, arena, &page,
                           NULL) != LH_OK)
            return;
        size_t deleted = 0;
        for (size_t i = 0; i < page.count; i++) {
            uint64_t sequence;
            if (!metastore_key_sequence(page.entries[i].key, &sequence)) continue; /* not ours */
            if (sequence > up_to) return;
            if (lh_bucket_delete(metastore->bucket, page.entries[i].key, LH_STR_NONE, NULL) != LH_OK)
                return; /* keep the order */
            deleted++;
        }
        more = page.more && deleted > 0;
    }
}

/* A consistent view to write while commits go on. */
static lh_code metastore_share(lh_metastore *metastore, metastore_index *ret, uint64_t *ret_sequence,
                               metastore_recent *ret_recent) {
    pthread_rwlock_rdlock(&metastore->index_lock);
    lh_code code = metastore_index_share(&metastore->index, ret);
    *ret_sequence = metastore->sequence;
    *ret_recent = metastore->recent;
    pthread_rwlock_unlock(&metastore->index_lock);
    return code;
}

static lh_code metastore_flush(lh_object_writer *writer, lh_buf *lines, size_t at_least, lh_error *err) {
    LH_TRY(lh_buf_check(lines, err));
    if (lines->len < at_least) return LH_OK;
    LH_TRY(lh_put_write(writer, lh_buf_str(lines), err));
    lh_buf_clear(lines);
    return LH_OK;
}

static lh_code metastore_stream(lh_object_writer *writer, const metastore_index *index, uint64_t sequence,
                                const metastore_recent *recent, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf lines = LH_BUF_INIT(2 * (size_t)METASTORE_ENTRY_BYTES);
    metastore_checkpoint_head(&lines, sequence, recent);
    for (size_t i = 0; i < index->count; i++) {
        metastore_checkpoint_doc(&lines, index->docs[i]);
        LH_TRY(metastore_flush(writer, &lines, METASTORE_FLUSH_BYTES, err));
    }
    metastore_checkpoint_tail(&lines, index->count);
    return metastore_flush(writer, &lines, 0, err);
}

static lh_code metastore_put_checkpoint(lh_metastore *metastore, const metastore_index *index, uint64_t sequence,
                                        const metastore_recent *recent, bool if_absent, lh_error *err) {
    char name[64];
    lh_object_writer *writer = NULL;
    lh_object_info info;
    LH_TRY(lh_bucket_put_begin(metastore->bucket, metastore_checkpoint_key(sequence, name),
                               (lh_put_condition){.if_absent = if_absent}, &writer, err));
    lh_code code = metastore_stream(writer, index, sequence, recent, err);
    if (code == LH_OK) return lh_put_commit(writer, &info, err);
    lh_put_abort(writer);
    return code;
}

/* Another gateway wrote this checkpoint, or a torn one lies there: only a whole one may stay. */
static lh_code metastore_mend_checkpoint(lh_metastore *metastore, const metastore_index *index, uint64_t sequence,
                                         const metastore_recent *recent, lh_error *err) {
    LH_CLEANUP(metastore_checkpoint_reader_done) metastore_checkpoint_reader reader;
    char name[64];
    lh_str key = metastore_checkpoint_key(sequence, name);
    metastore_checkpoint_reader_init(&reader, key);
    lh_code code = metastore_checkpoint_read(metastore, key, &reader, err);
    return code == LH_CORRUPT ? metastore_put_checkpoint(metastore, index, sequence, recent, false, err) : code;
}

static lh_code metastore_write_checkpoint(lh_metastore *metastore, lh_error *err) {
    LH_CLEANUP(metastore_index_clear) metastore_index index = {0};
    metastore_recent recent;
    uint64_t sequence;
    if (metastore_share(metastore, &index, &sequence, &recent) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    lh_code code = metastore_put_checkpoint(metastore, &index, sequence, &recent, true, err);
    if (code == LH_CONFLICT) code = metastore_mend_checkpoint(metastore, &index, sequence, &recent, err);
    if (code != LH_OK) return code;
    uint64_t previous = atomic_exchange(&metastore->checkpoint_sequence, sequence);
    if (previous > 0 && previous < sequence) {
        metastore_delete_up_to(metastore, METASTORE_LOG_PREFIX, previous);
        metastore_delete_up_to(metastore, METASTORE_CHECKPOINT_PREFIX, previous - 1);
    }
    return LH_OK;
}

static void metastore_try_checkpoint(lh_metastore *metastore) {
    lh_error err = {0};
    if (metastore_write_checkpoint(metastore, &err) == LH_OK) return;
    lh_metastore_stats stats =
        lh_metastore_get_stats(metastore); /* not again at once: a full disk must not slow each commit */
    atomic_store(&metastore->checkpoint_after, stats.sequence + metastore->checkpoint_entries);
    lh_log(LH_LOG_WARN, "catalog checkpoint failed; the log holds everything", "error", err.message, NULL);
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
        metastore_try_checkpoint(metastore);
        pthread_mutex_lock(&metastore->checkpoint_lock);
    }
    pthread_mutex_unlock(&metastore->checkpoint_lock);
    return NULL;
}

void metastore_checkpoint_ask(lh_metastore *metastore) {
    uint64_t last = atomic_load(&metastore->checkpoint_sequence);
    if (metastore->sequence < last + metastore->checkpoint_entries ||
        metastore->sequence < atomic_load(&metastore->checkpoint_after))
        return;
    pthread_mutex_lock(&metastore->checkpoint_lock);
    metastore->checkpoint_due = true;
    pthread_cond_signal(&metastore->checkpoint_wanted);
    pthread_mutex_unlock(&metastore->checkpoint_lock);
}

lh_code metastore_checkpoint_start(lh_metastore *metastore, lh_error *err) {
    if (pthread_create(&metastore->thread, NULL, metastore_checkpoint_thread, metastore) != 0)
        return lh_fail(err, LH_NO_MEMORY, "catalog: cannot start a thread");
    metastore->thread_started = true;
    metastore_checkpoint_ask(metastore);
    return LH_OK;
}

void metastore_checkpoint_stop(lh_metastore *metastore) {
    if (!metastore->thread_started) return;
    pthread_mutex_lock(&metastore->checkpoint_lock);
    metastore->stopping = true;
    pthread_cond_signal(&metastore->checkpoint_wanted);
    pthread_mutex_unlock(&metastore->checkpoint_lock);
    pthread_join(metastore->thread, NULL);
}
