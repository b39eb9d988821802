/* When each stored key was used last. A use is noted in memory; a thread looks each USAGE_LOOK_MS and writes those keys whose
 * written time is USAGE_WRITE_MS behind, so that a busy key costs the metastore's log one small document an hour. A server that is
 * stopped writes the rest; one that is killed loses the times of the last hour.
 * Document key_use/<id>: {"schema_version":1,"last_used_at"}; apart from key/<id>, so that a use never stands in the way of a change.
 *
 * `lock` guards entries and stopping. */
#include "access/usage_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { USAGE_BATCH = 256 };

typedef struct usage_entry {
    char id[USAGE_ID_BYTES]; /* all of it zero: free */
    int64_t used_ms, written_ms;
} usage_entry;

struct usage {
    lh_catalog *catalog;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started, stopping;
    pthread_t thread;
    usage_entry entries[USAGE_SETS * USAGE_WAYS];
};

lh_str usage_key(lh_str id, lh_arena *arena) { return lh_arena_printf(arena, "key_use/%.*s", LH_STR_ARG(id)); }

static lh_str usage_id(const usage_entry *entry) { return (lh_str){entry->id, USAGE_ID_BYTES}; }

/* ---- noting ---- */

static usage_entry *usage_set(usage *u, lh_str id) { return u->entries + lh_hash_fast(id) % USAGE_SETS * USAGE_WAYS; }

static usage_entry *usage_find_locked(usage *u, lh_str id) {
    usage_entry *set = usage_set(u, id);
    for (size_t i = 0; i < USAGE_WAYS; i++)
        if (lh_str_eq(usage_id(&set[i]), id)) return &set[i];
    return NULL;
}

/* The entry for another key: a free one, or that of the key which was used longest ago. */
static usage_entry *usage_take_locked(usage *u, lh_str id) {
    usage_entry *set = usage_set(u, id), *oldest = &set[0];
    for (size_t i = 1; i < USAGE_WAYS; i++)
        if (set[i].used_ms < oldest->used_ms) oldest = &set[i];
    *oldest = (usage_entry){0};
    memcpy(oldest->id, id.ptr, USAGE_ID_BYTES);
    return oldest;
}

void usage_note(usage *u, lh_str id, int64_t now_ms) {
    if (id.len != USAGE_ID_BYTES) return;
    pthread_mutex_lock(&u->lock);
    usage_entry *entry = usage_find_locked(u, id);
    if (!entry) entry = usage_take_locked(u, id);
    if (now_ms > entry->used_ms) entry->used_ms = now_ms;
    pthread_mutex_unlock(&u->lock);
}

/* ---- documents ---- */

static int64_t usage_written_ms(lh_catalog *catalog, lh_str id, lh_arena *arena) {
    lh_str text;
    lh_json *doc = NULL;
    int64_t ms = 0;
    bool good =
        lh_metastore_get(lh_catalog_metastore(catalog), usage_key(id, arena), arena, &text, NULL, NULL) == LH_OK &&
        lh_json_parse(arena, text, &doc, NULL) == LH_OK &&
        lh_time_parse_rfc3339(lh_json_get_string(doc, "last_used_at"), &ms) == LH_OK;
    return good ? ms : 0;
}

int64_t usage_last_ms(usage *u, lh_catalog *catalog, lh_str id, lh_arena *arena) {
    int64_t written_ms = usage_written_ms(catalog, id, arena), used_ms = 0;
    if (!u) return written_ms;
    pthread_mutex_lock(&u->lock);
    const usage_entry *entry = usage_find_locked(u, id);
    if (entry) used_ms = entry->used_ms;
    pthread_mutex_unlock(&u->lock);
    return used_ms > written_ms ? used_ms : written_ms;
}

/* Those that seem to be due, at most USAGE_BATCH; the documents say more. */
static size_t usage_collect(usage *u, bool all, usage_entry *into) {
    size_t count = 0;
    pthread_mutex_lock(&u->lock);
    for (size_t i = 0; i < USAGE_SETS * USAGE_WAYS && count < USAGE_BATCH; i++)
        if (u->entries[i].used_ms >= u->entries[i].written_ms + (all ? 1 : USAGE_WRITE_MS))
            into[count++] = u->entries[i];
    pthread_mutex_unlock(&u->lock);
    return count;
}

static void usage_set_written(usage *u, const usage_entry *entries, size_t count) {
    pthread_mutex_lock(&u->lock);
    for (size_t i = 0; i < count; i++) {
        usage_entry *entry = usage_find_locked(u, usage_id(&entries[i]));
        if (entry) entry->written_ms = entries[i].written_ms;
    }
    pthread_mutex_unlock(&u->lock);
}

/* The changes of one key: its time, as long as the key is there. */
static size_t usage_change(usage *u, bool all, usage_entry *entry, lh_arena *arena, lh_change *changes) {
    lh_metastore *metastore = lh_catalog_metastore(u->catalog);
    lh_str ignored, id = usage_id(entry);
    int64_t due_ms = usage_written_ms(u->catalog, id, arena) + (all ? 1 : USAGE_WRITE_MS);
    changes[0] = (lh_change){.key = lh_arena_printf(arena, "key/%.*s", LH_STR_ARG(id)), .check_only = true};
    lh_code there = lh_metastore_get(metastore, changes[0].key, arena, &ignored, &changes[0].expected, NULL);
    bool write = there == LH_OK && entry->used_ms >= due_ms;
    entry->written_ms = write || there == LH_NOT_FOUND ? entry->used_ms : due_ms - (all ? 1 : USAGE_WRITE_MS);
    changes[1] = (lh_change){.key = usage_key(id, arena),
                             .text = lh_arena_printf(arena, "{\"schema_version\":1,\"last_used_at\":\"%s\"}",
                                                     lh_time_rfc3339(entry->used_ms).text)};
    return write ? 2 : 0;
}

static size_t usage_write(usage *u, bool all, usage_entry *entries, size_t count) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_change changes[2 * USAGE_BATCH];
    size_t change_count = 0;
    lh_error err = {0};
    if (lh_arena_new(4 << 20, &arena, NULL) != LH_OK) return 0;
    for (size_t i = 0; i < count; i++) change_count += usage_change(u, all, &entries[i], arena, changes + change_count);
    lh_code code = lh_arena_check(arena, &err);
    if (code == LH_OK && change_count)
        code = lh_metastore_commit(lh_catalog_metastore(u->catalog), changes, change_count, NULL, &err);
    if (code != LH_OK && code != LH_CONFLICT) /* a key that was changed meanwhile: the next round writes it */
        lh_log(LH_LOG_WARN, "the last use of keys cannot be written", "code", lh_code_name(code), "why", err.message,
               NULL);
    if (code != LH_OK) return 0;
    usage_set_written(u, entries, count);
    return change_count / 2;
}

size_t usage_flush(usage *u, bool all) {
    usage_entry entries[USAGE_BATCH];
    size_t count = 0, written = 0;
    for (size_t round = 0; round < USAGE_SETS * USAGE_WAYS / USAGE_BATCH; round++) {
        count = usage_collect(u, all, entries);
        if (count) written += usage_write(u, all, entries, count);
        if (count < USAGE_BATCH) break;
    }
    return written;
}

/* ---- life ---- */

static void *usage_run(void *arg) {
    usage *u = arg;
    pthread_mutex_lock(&u->lock);
    while (!u->stopping) {
        uint64_t due_ms = lh_time_monotonic_ms() + USAGE_LOOK_MS;
        const struct timespec until = lh_time_instant(due_ms * UINT64_C(1000000));
        while (!u->stopping && lh_time_monotonic_ms() < due_ms) pthread_cond_timedwait(&u->changed, &u->lock, &until);
        if (u->stopping) break;
        pthread_mutex_unlock(&u->lock);
        usage_flush(u, false);
        pthread_mutex_lock(&u->lock);
    }
    pthread_mutex_unlock(&u->lock);
    return NULL;
}

lh_code usage_new(lh_catalog *catalog, usage **ret, lh_error *err) {
    LH_CLEANUP(usage_freep) usage *u = calloc(1, sizeof *u);
    if (!u) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    u->catalog = catalog;
    pthread_mutex_init(&u->lock, NULL);
    lh_cond_init(&u->changed);
    int failed = pthread_create(&u->thread, NULL, usage_run, u);
    if (failed) return lh_fail_errno(err, failed, "cannot start a thread");
    u->started = true;
    *ret = lh_take(&u);
    return LH_OK;
}

void usage_free(usage *u) {
    if (!u) return;
    if (u->started) {
        pthread_mutex_lock(&u->lock);
        u->stopping = true;
        pthread_cond_signal(&u->changed);
        pthread_mutex_unlock(&u->lock);
        pthread_join(u->thread, NULL);
        usage_flush(u, true);
    }
    pthread_cond_destroy(&u->changed);
    pthread_mutex_destroy(&u->lock);
    free(u);
}
