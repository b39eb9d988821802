/* One writer of a table at a time: locks by name, made on demand and dropped when nobody wants them. Without them
 * about every fourth of several concurrent writes of a table meets a commit conflict. */
#include "engine/engine_internal.h"

static lh_code lock_key(lh_table_name name, lh_str *ret, lh_error *err) {
    size_t len = name.namespace_.len + 1 + name.name.len;
    char *text = malloc(len + 1);
    if (!text) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    if (name.namespace_.len) memcpy(text, name.namespace_.ptr, name.namespace_.len);
    text[name.namespace_.len] = '\0';
    if (name.name.len) memcpy(text + name.namespace_.len + 1, name.name.ptr, name.name.len);
    text[len] = '\0';
    for (size_t i = 0; i < name.namespace_.len; i++) /* of which a lake has no two that differ in case only */
        if (text[i] >= 'A' && text[i] <= 'Z') text[i] = (char)(text[i] + 32);
    *ret = (lh_str){text, len};
    return LH_OK;
}

static engine_table_lock **lock_find_locked(lh_engine *engine, lh_str key) {
    engine_table_lock **at = &engine->table_locks;
    while (*at && !lh_str_eq((*at)->key, key)) at = &(*at)->next;
    return at;
}

static void lock_drop_unused_locked(lh_engine *engine, lh_str key) {
    engine_table_lock **at = lock_find_locked(engine, key), *found = *at;
    if (!found || found->held || found->queue.first) return;
    *at = found->next;
    lh_str_free(found->key);
    free(found);
}

static lh_code lock_take_locked(lh_engine *engine, lh_str key, lh_cancel *cancel, uint64_t deadline_ns, lh_error *err) {
    engine_table_lock *found = *lock_find_locked(engine, key);
    if (!found) {
        found = calloc(1, sizeof *found);
        if (!found || lh_str_dup(key, &found->key) != LH_OK) {
            free(found);
            return lh_fail(err, LH_NO_MEMORY, "out of memory");
        }
        found->next = engine->table_locks;
        engine->table_locks = found;
    }
    if (found->held) {
        void *granted = NULL;
        lh_code code =
            engine_wait_locked(engine, &found->queue, cancel, deadline_ns, "the table's write lock", &granted, err);
        if (code != LH_OK) lock_drop_unused_locked(engine, key);
        if (code != LH_OK) return code;
    }
    found->held = true;
    found->trace[0] = '\0';
    (void)lh_trace_parent_header(found->trace);
    return LH_OK;
}

lh_code engine_lock_table(lh_engine *engine, lh_table_name name, lh_cancel *cancel, uint64_t deadline_ns,
                          lh_error *err) {
    LH_CLEANUP(lh_str_freep) lh_str key = LH_STR_NONE;
    LH_TRY(lock_key(name, &key, err));
    pthread_mutex_lock(&engine->lock);
    lh_code code = lock_take_locked(engine, key, cancel, deadline_ns, err);
    pthread_mutex_unlock(&engine->lock);
    return code;
}

lh_str lh_engine_trace_of(lh_engine *engine, const lh_table_name *committed, char into[56]) {
    LH_CLEANUP(lh_str_freep) lh_str key = LH_STR_NONE;
    const char *trace = NULL;
    if (!engine || (committed && lock_key(*committed, &key, NULL) != LH_OK)) return LH_STR_NONE;
    pthread_mutex_lock(&engine->lock);
    const engine_table_lock *lock = committed ? *lock_find_locked(engine, key) : NULL;
    if (lock && lock->held) trace = lock->trace;
    else if (engine->running && !engine->running->next) trace = engine->running->trace;
    bool known = trace && trace[0];
    if (known) memcpy(into, trace, 56);
    pthread_mutex_unlock(&engine->lock);
    return known ? (lh_str){into, 55} : LH_STR_NONE;
}

lh_code lh_engine_lock_table(lh_engine *engine, lh_table_name name, lh_cancel *cancel, lh_error *err) {
    return engine_lock_table(engine, name, cancel, LH_NO_DEADLINE, err);
}

void lh_engine_unlock_table(lh_engine *engine, lh_table_name name) {
    lh_str key = LH_STR_NONE;
    pthread_mutex_lock(&engine->lock);
    if (lock_key(name, &key, NULL) == LH_OK) {
        engine_table_lock *found = *lock_find_locked(engine, key);
        if (found && !engine_grant_locked(&found->queue, found)) found->held = false;
        lock_drop_unused_locked(engine, key);
    }
    pthread_mutex_unlock(&engine->lock);
    lh_str_free(key);
    engine_hot_poke(engine->hot, name); /* whoever had the lock may have written */
}

void engine_table_locks_free(lh_engine *engine) {
    while (engine->table_locks) {
        engine_table_lock *gone = engine->table_locks;
        engine->table_locks = gone->next;
        lh_str_free(gone->key);
        free(gone);
    }
}
