/* Commits, grouped: callers queue; the first takes the lead, merges all whose versions fit into
 * one entry, writes it, and wakes everyone. A caller whose versions do not fit fails alone.
 *
 * Within a batch the order is that of the queue: a caller is checked against the index and
 * the callers of the batch before it, so a batch means the same as its callers one by one.
 *
 * Three answers to the put of an entry
 * - Done. Before anyone is told so, no checkpoint may lie beyond the entry before ours: then the
 *   log cannot have been compacted past us, and ours is the log's next entry. Without that
 *   look, a gateway that slept through a compaction would create a number that existed and is
 *   gone, and its commit would be lost. (Entries up to a checkpoint are deleted only once a
 *   newer checkpoint is durable, and one newer than a deleted entry is always there.)
 *   If there is such a checkpoint, the ids in it tell: ours is among them, all is well; another has our
 *   number, then ours never was: it is taken back and the callers start again; or the number is
 *   too old to be in it, then nobody can tell, which is UNAVAILABLE and takes nothing back.
 *   So that this stays a matter of moments, whoever has not looked at the log for a while looks first.
 * - It exists: another gateway was faster; load its entry, check the callers again, try the next.
 * - Lost (time-out, reset): the entry is read back, and its id tells whose it is.
 * Any other failure leaves open whether the entry is there; if it is, the next commit finds it
 * and goes on from it. */
#include "catalog/metastore_internal.h"

enum { METASTORE_TRIES = 100, METASTORE_DEPTH_SPARE = 8, METASTORE_HEAD_BYTES = 64 << 10 };

/* The callers of one entry, in order. */
typedef struct metastore_batch {
    metastore_waiter *waiters[METASTORE_BATCH_MAX];
    size_t count;
} metastore_batch;

/* ---- checking ---- */

/* Do the batch's callers touch `key`? Then *ret_present says whether it exists after them. */
static bool metastore_batch_touches(const metastore_batch *batch, lh_str key, bool *ret_present) {
    bool touched = false;
    for (size_t i = 0; i < batch->count; i++)
        for (size_t j = 0; j < batch->waiters[i]->count; j++) {
            const lh_change *change = &batch->waiters[i]->changes[j];
            if (change->check_only || !lh_str_eq(change->key, key)) continue;
            touched = true;
            *ret_present = change->text.len > 0;
        }
    return touched;
}

/* Is there, or will there be after the batch, a document whose key starts with `prefix`? */
static bool metastore_any_with(lh_metastore *metastore, const metastore_batch *batch, lh_str prefix) {
    const metastore_index *index = &metastore->index;
    for (size_t at = metastore_index_seek(index, prefix);
         at < index->count && lh_str_starts(index->docs[at]->key, prefix); at++) {
        bool present = true;
        metastore_batch_touches(batch, index->docs[at]->key, &present);
        if (present) return true;
    }
    for (size_t i = 0; i < batch->count; i++)
        for (size_t j = 0; j < batch->waiters[i]->count; j++) {
            const lh_change *change = &batch->waiters[i]->changes[j];
            bool present = false;
            if (change->check_only || !change->text.len || !lh_str_starts(change->key, prefix)) continue;
            metastore_batch_touches(batch, change->key, &present);
            if (present) return true;
        }
    return false;
}

/* Do the versions that this caller expects hold, given the index and the batch before it? */
static lh_code metastore_check(lh_metastore *metastore, const metastore_batch *before, const metastore_waiter *waiter,
                               lh_error *err) {
    for (size_t i = 0; i < waiter->count; i++) {
        const lh_change *change = &waiter->changes[i];
        if (change->prefix) {
            if (metastore_any_with(metastore, before, change->key))
                return lh_fail(err, LH_CONFLICT, "'%.*s' is not empty", LH_STR_ARG(change->key));
            continue;
        }
        if (change->expected == LH_VERSION_ANY) continue;
        const metastore_doc *doc = metastore_index_find(&metastore->index, change->key);
        bool present = doc != NULL;
        bool touched = metastore_batch_touches(before, change->key, &present);
        bool fits =
            change->expected == LH_VERSION_ABSENT ? !present : !touched && doc && doc->version == change->expected;
        if (!fits) return lh_fail(err, LH_CONFLICT, "'%.*s' was changed by another commit", LH_STR_ARG(change->key));
    }
    return LH_OK;
}

static bool metastore_writes(const metastore_waiter *waiter) {
    for (size_t i = 0; i < waiter->count; i++)
        if (!waiter->changes[i].check_only) return true;
    return false;
}

/* Sorts the batch into those whose versions fit, now; the others have their code. True when there is something to write. */
static bool metastore_select(lh_metastore *metastore, const metastore_batch *batch, metastore_batch *ret_valid) {
    bool writes = false;
    ret_valid->count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        metastore_waiter *waiter = batch->waiters[i];
        waiter->code = metastore_check(metastore, ret_valid, waiter, &waiter->err);
        waiter->sequence = metastore->sequence;
        if (waiter->code != LH_OK) continue;
        writes |= metastore_writes(waiter);
        ret_valid->waiters[ret_valid->count++] = waiter;
    }
    return writes;
}

/* ---- writing ---- */

/* All changes of the batch that are written, in order. Arena. */
static lh_code metastore_collect(const metastore_batch *batch, lh_arena *arena, const lh_change ***ret,
                                 size_t *ret_count, lh_error *err) {
    size_t room = 0, count = 0;
    for (size_t i = 0; i < batch->count; i++) room += batch->waiters[i]->count;
    const lh_change **changes = LH_ARENA_ARRAY(arena, const lh_change *, room + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < batch->count; i++)
        for (size_t j = 0; j < batch->waiters[i]->count; j++)
            if (!batch->waiters[i]->changes[j].check_only) changes[count++] = &batch->waiters[i]->changes[j];
    *ret = changes;
    *ret_count = count;
    return LH_OK;
}

/* Creates the entry. CONFLICT: someone else has that sequence. */
static lh_code metastore_put_entry(lh_metastore *metastore, const metastore_staged *staged, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf bytes = LH_BUF_INIT(METASTORE_ENTRY_BYTES);
    lh_str id = lh_str_from(staged->id.text);
    char name[64];
    metastore_entry_begin(&bytes, staged->sequence, id,
                          lh_str_from(metastore->recent.ids[metastore->sequence % METASTORE_RECENT].text));
    for (size_t i = 0; i < staged->count; i++) metastore_entry_change(&bytes, staged->changes[i], i == 0);
    metastore_entry_end(&bytes);
    LH_TRY(lh_buf_check(&bytes, err));
    lh_code code = lh_bucket_put(metastore->bucket, metastore_log_key(staged->sequence, name), lh_buf_str(&bytes),
                                 (lh_put_condition){.if_absent = true}, NULL, err);
    if (code != LH_CONFLICT && code != LH_UNAVAILABLE) return code;
    LH_CLEANUP(lh_arena_freep)
    lh_arena *arena = NULL; /* a put that was sent twice may say CONFLICT of its own first try */
    LH_TRY(lh_arena_new(METASTORE_PARSE_BYTES, &arena, err));
    metastore_entry entry;
    lh_code read = metastore_read_entry(metastore, staged->sequence, arena, &entry, code == LH_CONFLICT ? err : NULL);
    if (read == LH_OK) return lh_str_eq(entry.id, id) ? LH_OK : LH_CONFLICT;
    return code == LH_CONFLICT && read != LH_NOT_FOUND ? read : code;
}

typedef enum { METASTORE_OURS, METASTORE_HOLE, METASTORE_UNKNOWN } metastore_verdict;

/* What a checkpoint beyond the entry before ours says about ours. Reads its first line only. */
static lh_code metastore_ask_one(lh_metastore *metastore, lh_str key, const metastore_staged *staged,
                                 metastore_verdict *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_get_closep) lh_object_reader *object = NULL;
    LH_CLEANUP(metastore_checkpoint_reader_done) metastore_checkpoint_reader reader;
    lh_object_info info;
    size_t len = 0, got = 1;
    metastore_checkpoint_reader_init(&reader, key);
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    char *head = lh_arena_alloc(arena, METASTORE_HEAD_BYTES);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_bucket_get_open(metastore->bucket, key, LH_RANGE_ALL, &object, &info, err));
    for (; got && len < METASTORE_HEAD_BYTES; len += got)
        LH_TRY(lh_get_read(object, head + len, METASTORE_HEAD_BYTES - len, &got, err));
    lh_str line = {head, len};
    LH_TRY(metastore_checkpoint_feed(&reader, lh_str_sub(line, 0, lh_str_find(line, '\n') + 1), err));
    *ret = METASTORE_UNKNOWN;
    if (!reader.begun || reader.sequence < staged->sequence || reader.sequence - staged->sequence >= METASTORE_RECENT)
        return LH_OK;
    lh_str id = lh_str_from(reader.recent.ids[staged->sequence % METASTORE_RECENT].text);
    if (id.len) *ret = lh_str_eq(id, lh_str_from(staged->id.text)) ? METASTORE_OURS : METASTORE_HOLE;
    return LH_OK;
}

/* Is the entry that we just created the log's next? (See the head of this file.) */
static lh_code metastore_confirm(lh_metastore *metastore, const metastore_staged *staged, metastore_verdict *ret,
                                 lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_object_page page;
    char name[64];
    metastore_verdict verdict = METASTORE_OURS;
    bool asked = false;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(lh_bucket_list(metastore->bucket, LH_STR(METASTORE_CHECKPOINT_PREFIX),
                          metastore_checkpoint_key(staged->sequence - 1, name), 16, arena, &page, err));
    for (size_t i = 0; i < page.count && (!asked || verdict == METASTORE_UNKNOWN); i++) {
        uint64_t sequence;
        if (!metastore_key_sequence(page.entries[i].key, &sequence)) continue;
        asked = true;
        if (metastore_ask_one(metastore, page.entries[i].key, staged, &verdict, NULL) != LH_OK)
            verdict = METASTORE_UNKNOWN;
    }
    *ret = verdict;
    return LH_OK;
}

/* Our entry is not, or perhaps not, the log's next: starts again from a checkpoint. */
static lh_code metastore_start_again(lh_metastore *metastore, const metastore_staged *staged, metastore_verdict verdict,
                                     lh_error *err) {
    char name[64];
    lh_str key = metastore_log_key(staged->sequence, name);
    if (verdict == METASTORE_HOLE) LH_TRY(lh_bucket_delete(metastore->bucket, key, LH_STR_NONE, err));
    LH_TRY(metastore_load(metastore, NULL, err));
    if (verdict == METASTORE_HOLE) return LH_OK;
    return lh_fail(err, LH_UNAVAILABLE, "the log went on without us; look and try again");
}

/* Writes and applies one entry. *ret_written false: someone else's came first, all is to be checked again. */
static lh_code metastore_write(lh_metastore *metastore, const metastore_batch *batch, bool *ret_written,
                               lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(metastore_staged_done) metastore_staged staged = {0};
    const lh_change **changes;
    size_t count;
    metastore_verdict verdict;
    const lh_uuid id = lh_uuid_new();
    const uint64_t started = metastore_clock_ms();
    LH_TRY(lh_arena_new(METASTORE_PARSE_BYTES, &arena, err));
    LH_TRY(metastore_collect(batch, arena, &changes, &count, err));
    LH_TRY(metastore_stage(metastore, changes, count, metastore->sequence + 1, lh_uuid_str(&id), &staged, err));
    lh_code code = metastore_put_entry(metastore, &staged, err);
    if (code == LH_CONFLICT) return metastore_catch_up(metastore, err);
    if (code != LH_OK) return code;
    lh_error why = {0}; /* the entry is there: no failure from here on may say that the commit is not */
    code = metastore_confirm(metastore, &staged, &verdict, &why);
    bool ours = code == LH_OK && verdict == METASTORE_OURS;
    if (code == LH_OK && !ours) code = metastore_start_again(metastore, &staged, verdict, &why);
    if (code != LH_OK)
        return lh_fail(err, LH_UNAVAILABLE, "catalog: cannot tell whether the commit landed: %s", why.message);
    if (!ours) return LH_OK;
    metastore_staged_apply(metastore, &staged);
    metastore->looked_ms = started;
    for (size_t i = 0; i < batch->count; i++) batch->waiters[i]->sequence = staged.sequence;
    *ret_written = true;
    return LH_OK;
}

/* Brings every caller of the batch to an end: sets its code (and err). */
static void metastore_commit_batch(lh_metastore *metastore, const metastore_batch *batch) {
    lh_error err = {0};
    bool trusted = metastore_clock_ms() - metastore->looked_ms < METASTORE_TRUST_MS;
    lh_code code = trusted ? LH_OK : metastore_catch_up(metastore, &err);
    metastore_batch valid;
    bool written = false;
    for (int tries = 0; code == LH_OK && !written && metastore_select(metastore, batch, &valid); tries++) {
        if (tries == METASTORE_TRIES)
            code = lh_fail(&err, LH_UNAVAILABLE, "catalog: too many other commits, try again later");
        else code = metastore_write(metastore, &valid, &written, &err);
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (code != LH_OK && batch->waiters[i]->code == LH_OK) {
            batch->waiters[i]->code = code;
            batch->waiters[i]->err = err;
        }
        if (batch->waiters[i]->code == LH_OK && written) atomic_fetch_add(&metastore->commits, 1);
        if (batch->waiters[i]->code == LH_CONFLICT) atomic_fetch_add(&metastore->conflicts, 1);
    }
    if (written) metastore_checkpoint_ask(metastore);
}

/* ---- the queue ---- */

static void metastore_lead_locked(lh_metastore *metastore) {
    while (metastore->leading) pthread_cond_wait(&metastore->queue_changed, &metastore->queue_lock);
    metastore->leading = true;
}

static void metastore_follow_locked(lh_metastore *metastore) {
    metastore->leading = false;
    pthread_cond_broadcast(&metastore->queue_changed);
}

void metastore_lead(lh_metastore *metastore) {
    pthread_mutex_lock(&metastore->queue_lock);
    metastore_lead_locked(metastore);
    pthread_mutex_unlock(&metastore->queue_lock);
}

bool metastore_try_lead(lh_metastore *metastore) {
    pthread_mutex_lock(&metastore->queue_lock);
    bool free = !metastore->leading;
    if (free) metastore_lead_locked(metastore);
    pthread_mutex_unlock(&metastore->queue_lock);
    return free;
}

void metastore_follow(lh_metastore *metastore) {
    pthread_mutex_lock(&metastore->queue_lock);
    metastore_follow_locked(metastore);
    pthread_mutex_unlock(&metastore->queue_lock);
}

static void metastore_take_batch_locked(lh_metastore *metastore, metastore_batch *batch) {
    size_t bytes = 0;
    batch->count = 0;
    while (metastore->queue_head && batch->count < METASTORE_BATCH_MAX) {
        metastore_waiter *waiter = metastore->queue_head;
        bytes += waiter->bytes;
        if (batch->count && bytes > METASTORE_ENTRY_BYTES / 2) break;
        metastore->queue_head = waiter->next;
        if (!metastore->queue_head) metastore->queue_tail = &metastore->queue_head;
        batch->waiters[batch->count++] = waiter;
    }
}

static void metastore_queue(lh_metastore *metastore, metastore_waiter *self) {
    pthread_mutex_lock(&metastore->queue_lock);
    *metastore->queue_tail = self;
    metastore->queue_tail = &self->next;
    while (!self->done) {
        if (metastore->leading) {
            pthread_cond_wait(&metastore->queue_changed, &metastore->queue_lock);
            continue;
        }
        metastore_batch batch;
        metastore_lead_locked(metastore);
        metastore_take_batch_locked(metastore, &batch);
        pthread_mutex_unlock(&metastore->queue_lock);
        metastore_commit_batch(metastore, &batch);
        pthread_mutex_lock(&metastore->queue_lock);
        for (size_t i = 0; i < batch.count; i++) batch.waiters[i]->done = true;
        metastore_follow_locked(metastore);
    }
    pthread_mutex_unlock(&metastore->queue_lock);
}

/* ---- the public call ---- */

static bool metastore_is_too_deep(lh_str text) { /* compact JSON that parsed */
    size_t depth = 0, deepest = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"') {
            for (i++; i < text.len && text.ptr[i] != '"'; i++)
                if (text.ptr[i] == '\\') i++;
        } else if (c == '[' || c == '{') {
            if (++depth > deepest) deepest = depth;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return deepest > LH_LIMIT_JSON_DEPTH - METASTORE_DEPTH_SPARE;
}

/* A change as it will be read back: compact JSON, within the limits of an entry. Arena. */
static lh_code metastore_normalize(const lh_change *change, lh_arena *arena, lh_change *ret, lh_error *err) {
    lh_json *document = NULL;
    *ret = *change;
    if (change->key.len == 0 || change->key.len > METASTORE_KEY_BYTES || !lh_str_is_utf8(change->key))
        return lh_fail(err, LH_INVALID, "a document's key must be UTF-8 of 1 to %d bytes", METASTORE_KEY_BYTES);
    if (change->check_only || change->text.len == 0) return LH_OK;
    LH_TRY(lh_json_parse(arena, change->text, &document, err));
    if (!lh_json_is_object(document))
        return lh_fail(err, LH_INVALID, "document '%.*s' is no JSON object", LH_STR_ARG(change->key));
    LH_TRY(lh_json_write(arena, document, false, &ret->text, err));
    if (metastore_is_too_deep(ret->text))
        return lh_fail(err, LH_LIMIT, "document '%.*s' is nested too deep", LH_STR_ARG(change->key));
    return LH_OK;
}

static lh_code metastore_commit_normalized(lh_metastore *metastore, const lh_change *changes, size_t count,
                                           lh_span *span, uint64_t *ret_sequence, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    metastore_waiter self = {.count = count};
    LH_TRY(lh_arena_new(METASTORE_PARSE_BYTES, &arena, err));
    lh_change *copies = LH_ARENA_ARRAY(arena, lh_change, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < count; i++) {
        LH_TRY(metastore_normalize(&changes[i], arena, &copies[i], err));
        self.bytes += copies[i].text.len + 6 * copies[i].key.len + 64; /* a key's bytes may become \u00xx */
    }
    if (self.bytes > METASTORE_ENTRY_BYTES - 4096)
        return lh_fail(err, LH_LIMIT, "a commit of %zu bytes is larger than a log entry (%d bytes)", self.bytes,
                       METASTORE_ENTRY_BYTES - 4096);
    self.changes = copies;
    const change_feed_own own = change_feed_foresee(metastore, copies, count, arena);
    metastore_queue(metastore, &self);
    if (self.code == LH_OK) change_feed_tell(metastore, &own);
    lh_span_number(span, "catalog.sequence", (int64_t)self.sequence);
    if (self.code != LH_OK && err) *err = self.err;
    if (self.code == LH_OK && ret_sequence) *ret_sequence = self.sequence;
    return self.code;
}

lh_code lh_metastore_commit(lh_metastore *metastore, const lh_change *changes, size_t count, uint64_t *ret_sequence,
                            lh_error *err) {
    lh_span span;
    lh_span_begin("catalog.commit", &span);
    lh_span_number(&span, "catalog.changes", (int64_t)count);
    if (count) lh_span_string(&span, "catalog.key", changes[0].key);
    lh_code code = metastore_commit_normalized(metastore, changes, count, &span, ret_sequence, err);
    lh_span_end(&span, code);
    return code;
}
