/* The cache seen from a statement: which copies it may read, and what is counted (see hot.h). */
#include "engine/hot.h"
#include "engine/run.h"

#include <stdio.h>

/* ---- may have changed ---- */

static void hot_poke_locked(engine_hot *hot, hot_entry *entry, uint64_t version) {
    bool failed = entry->failed != LH_OK && lh_time_monotonic_ns() < entry->retry_ns;
    bool tried = (entry->busy || failed) && (entry->tried_version == version || entry->failed == LH_LIMIT);
    if (entry->version != version && !entry->wanted && !tried) hot_want_locked(hot, entry);
}

void engine_hot_poke_id(engine_hot *hot, uint64_t id) {
    LH_CLEANUP(lh_str_freep) lh_str namespace_ = LH_STR_NONE;
    LH_CLEANUP(lh_str_freep) lh_str name = LH_STR_NONE;
    lh_table_state state = {0};
    pthread_mutex_lock(&hot->lock);
    hot_entry *entry = hot_by_id_locked(hot, id);
    bool copied = entry && lh_str_dup(entry->name.namespace_, &namespace_) == LH_OK &&
                  lh_str_dup(entry->name.name, &name) == LH_OK;
    pthread_mutex_unlock(&hot->lock);
    if (!copied) return;
    lh_code code = lh_table_version(hot->engine->catalog, (lh_table_name){namespace_, name}, &state, NULL);
    pthread_mutex_lock(&hot->lock);
    entry = hot_by_id_locked(hot, id);
    if (entry && code == LH_OK) hot_poke_locked(hot, entry, state.version);
    if (entry && code == LH_NOT_FOUND && entry->held && !entry->busy) hot_want_locked(hot, entry); /* lets go of it */
    pthread_mutex_unlock(&hot->lock);
}

void engine_hot_poke(engine_hot *hot, lh_table_name name) {
    uint64_t id = 0;
    if (!hot) return;
    pthread_mutex_lock(&hot->lock);
    for (const hot_entry *at = hot->entries; at; at = at->next)
        if (lh_str_eq(at->name.name, name.name) && lh_str_eq_nocase(at->name.namespace_, name.namespace_)) id = at->id;
    pthread_mutex_unlock(&hot->lock);
    if (id) engine_hot_poke_id(hot, id);
}

/* ---- which copies ---- */

/* The read of a table by the name that it is stored under. */
static size_t run_hot_find(const engine_run *run, lh_table_name name) {
    size_t statement = (size_t)(run->statement - run->scan.statements);
    for (size_t i = 0; i < run->scan.table_count; i++) {
        const lh_sql_table *table = &run->scan.tables[i];
        const run_before *before = &run->before[i];
        if (!table->write && !table->has_at && table->statement == statement && before->version &&
            lh_str_eq(before->name.name, name.name) && lh_str_eq(before->name.namespace_, name.namespace_))
            return i;
    }
    return SIZE_MAX;
}

/* The plan of a governed statement may have these. */
static void run_hot_note(engine_run *run, const hot_entry *entry) {
    char(*more)[HOT_NAME_BYTES] = lh_arena_alloc(run->arena, (run->hot_name_count + 2) * sizeof *more);
    lh_table_name *tables = LH_ARENA_ARRAY(run->arena, lh_table_name, run->hot_name_count + 2);
    if (!more || !tables) return; /* then it is refused */
    if (run->hot_name_count) memcpy(tables, run->hot_tables, run->hot_name_count * sizeof *tables);
    tables[run->hot_name_count] = tables[run->hot_name_count + 1] =
        (lh_table_name){lh_arena_dup(run->arena, entry->name.namespace_), lh_arena_dup(run->arena, entry->name.name)};
    run->hot_tables = tables;
    if (run->hot_name_count) memcpy(more, run->hot_names, run->hot_name_count * sizeof *more);
    memcpy(more[run->hot_name_count++], entry->data, HOT_NAME_BYTES);
    memcpy(more[run->hot_name_count++], entry->shell, HOT_NAME_BYTES);
    run->hot_names = more;
}

/* One read of a table of the statement: the name of the copy, when there is one of just the state before. */
static bool run_hot_resolve(void *ctx, const char *catalog, const char *schema, const char *name, char *ret) {
    engine_run *run = ctx;
    engine_hot *hot = run->engine->hot;
    const lh_str parts[3] = {lh_str_from(catalog), lh_str_from(schema), lh_str_from(name)};
    size_t first = parts[0].len ? 0 : parts[1].len ? 1 : 2;
    lh_table_name table;
    lh_table_state now;
    if (!run_resolve(run, parts + first, 3 - first, &table)) return false;
    size_t at = run_hot_find(run, table);
    if (at == SIZE_MAX) return false;
    if (lh_table_version(run->engine->catalog, run->before[at].name, &now, NULL) != LH_OK) return false;
    if (now.version != run->before[at].version) return false;
    bool found = false;
    pthread_mutex_lock(&hot->lock);
    const hot_entry *entry = hot_find_locked(hot, run->before[at].name);
    if (entry && entry->version == now.version && entry->generation == run->connection->generation) {
        memcpy(ret, entry->shell[0] ? entry->shell : entry->data, HOT_NAME_BYTES);
        run->before[at].hot_id = entry->id;
        run_hot_note(run, entry);
        found = true;
    }
    pthread_mutex_unlock(&hot->lock);
    run->hot_used |= found;
    return found;
}

void run_hot_rewrite(engine_run *run, duckdb_extracted_statements extracted, idx_t count) {
    engine_hot *hot = run->engine->hot;
    run->hot_used = false;
    run->hot_name_count = 0;
    for (size_t i = 0; i < run->scan.table_count; i++) run->before[i].hot_id = 0;
    bool may = hot && run->engine->catalog && !run->hot_off && !run->in_transaction && count == 1 &&
               run->statement->verb == LH_VERB_QUERY;
    if (!may) return;
    pthread_mutex_lock(&hot->lock);
    may = hot->count > 0;
    pthread_mutex_unlock(&hot->lock);
    if (may) hot_shim_rewrite(extracted, hot->database, run_hot_resolve, run);
}

bool run_hot_unchanged(engine_run *run) {
    engine_hot *hot = run->engine->hot;
    bool same = true;
    if (!run->hot_used) return true;
    pthread_mutex_lock(&hot->lock);
    for (size_t i = 0; i < run->scan.table_count; i++) {
        if (!run->before[i].hot_id) continue;
        const hot_entry *entry = hot_by_id_locked(hot, run->before[i].hot_id);
        same &= entry && !entry->doomed && entry->version == run->before[i].version;
    }
    pthread_mutex_unlock(&hot->lock);
    return same;
}

/* ---- counting ---- */

/* Reads of a table that is not pinned; true when it is time to pin it. The one with the fewest gives its place up. */
static bool hot_seen_locked(engine_hot *hot, lh_table_name name, lh_arena *arena) {
    hot_seen *least = &hot->seen[0], *found = NULL;
    lh_str key = lh_arena_printf(arena, "%.*s%c%.*s", LH_STR_ARG(name.namespace_), 0x1F, LH_STR_ARG(name.name));
    for (size_t i = 0; i < HOT_SEEN_MAX && !found; i++) {
        if (lh_str_eq(hot->seen[i].key, key) && key.len) found = &hot->seen[i];
        if (hot->seen[i].reads < least->reads) least = &hot->seen[i];
    }
    if (!found) {
        lh_str copy;
        if (lh_str_dup(key, &copy) != LH_OK) return false;
        found = least;
        lh_str_free(found->key);
        *found = (hot_seen){.key = copy};
    }
    if (++found->reads < hot->auto_pin_reads) return false;
    found->reads = 0;
    return true;
}

static void run_hot_count_one(engine_run *run, const run_before *before) {
    engine_hot *hot = run->engine->hot;
    bool pin = false;
    pthread_mutex_lock(&hot->lock);
    hot_entry *entry = hot_find_locked(hot, before->name);
    if (entry && before->hot_id == entry->id) {
        hot->hits++;
        entry->hits++;
        entry->used_tick = ++hot->tick;
        entry->used_ms = lh_time_now_ms();
    } else if (entry) {
        hot->misses++;
        entry->misses++;
        hot_poke_locked(hot, entry, before->version);
    } else if (hot->auto_pin_reads) pin = hot_seen_locked(hot, before->name, run->arena);
    pthread_mutex_unlock(&hot->lock);
    if (pin) hot_pin_automatically(hot, before->name);
}

void run_hot_count(engine_run *run) {
    size_t statement = (size_t)(run->statement - run->scan.statements);
    if (!run->engine->hot || !run->engine->catalog || run->statement->verb != LH_VERB_QUERY) return;
    for (size_t i = 0; i < run->scan.table_count; i++) {
        const lh_sql_table *table = &run->scan.tables[i];
        bool counts = table->statement == statement && !table->write && !table->has_at && run->before[i].version;
        for (size_t j = 0; counts && j < i; j++) /* one read of a table, however often it is named */
            counts = run->scan.tables[j].statement != statement || run->before[j].version == 0 ||
                     !lh_str_eq(run->before[j].name.name, run->before[i].name.name) ||
                     !lh_str_eq(run->before[j].name.namespace_, run->before[i].name.namespace_);
        if (counts) run_hot_count_one(run, &run->before[i]);
    }
}

/* ---- the database ---- */

lh_code engine_hot_attach(engine_hot *hot, duckdb_database database, duckdb_connection connection, lh_error *err) {
    char sql[128];
    snprintf(sql, sizeof sql, "ATTACH ':memory:' AS %s (HIDDEN true)", hot->database);
    LH_TRY(engine_execute(connection, sql, err));
    if (!hot_shim_install(database, hot->database)) return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    return LH_OK;
}

lh_code engine_hot_start(engine_hot *hot, lh_error *err) { return hot->started ? LH_OK : hot_loader_start(hot, err); }

void engine_hot_reopened(engine_hot *hot, uint64_t generation) {
    pthread_mutex_lock(&hot->lock);
    hot->generation = generation;
    for (hot_entry *at = hot->entries; at; at = at->next) {
        at->version = 0;
        if (at->failed != LH_INTERNAL) hot_want_locked(hot, at);
        if (at->busy) continue; /* the loader sees it at its end */
        at->held = false;
        at->rows = at->bytes = 0;
        at->data[0] = at->shell[0] = '\0';
    }
    pthread_mutex_unlock(&hot->lock);
}
