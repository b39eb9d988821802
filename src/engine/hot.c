/* The cache's entries: pins, evictions and what is told of them (see hot.h). */
#include "engine/hot.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- entries ---- */

static bool hot_same(lh_table_name a, lh_table_name b) {
    return lh_str_eq(a.namespace_, b.namespace_) && lh_str_eq(a.name, b.name);
}

hot_entry *hot_find_locked(engine_hot *hot, lh_table_name name) {
    hot_entry *at = hot->entries;
    while (at && (at->doomed || !hot_same(at->name, name))) at = at->next;
    return at;
}

hot_entry *hot_by_id_locked(engine_hot *hot, uint64_t id) {
    hot_entry *at = hot->entries;
    while (at && at->id != id) at = at->next;
    return at;
}

void hot_want_locked(engine_hot *hot, hot_entry *entry) {
    entry->wanted = true;
    pthread_cond_signal(&hot->work);
}

uint64_t hot_bytes_locked(const engine_hot *hot) {
    uint64_t bytes = 0;
    for (const hot_entry *at = hot->entries; at; at = at->next) bytes += at->bytes;
    return bytes;
}

static void hot_entry_free(hot_entry *entry) {
    if (!entry) return;
    lh_str_free(entry->name.namespace_);
    lh_str_free(entry->name.name);
    for (size_t i = 0; i < entry->column_count; i++) lh_str_free(entry->columns[i]);
    free(entry->columns);
    free(entry);
}

static void hot_entry_freep(hot_entry **entry) { hot_entry_free(*entry); }

void hot_remove_locked(engine_hot *hot, hot_entry *entry, char (*ret)[HOT_NAME_BYTES]) {
    hot_entry **at = &hot->entries;
    while (*at != entry) at = &(*at)->next;
    *at = entry->next;
    hot->count--;
    memcpy(ret[0], entry->data, HOT_NAME_BYTES);
    memcpy(ret[1], entry->shell, HOT_NAME_BYTES);
    hot_entry_free(entry);
    pthread_cond_broadcast(&hot->changed);
}

static lh_code hot_entry_new(const lh_cache_pin *pin, hot_entry **ret, lh_error *err) {
    LH_CLEANUP(hot_entry_freep) hot_entry *entry = calloc(1, sizeof *entry);
    if (!entry) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    entry->origin = pin->origin;
    if (pin->column_count) entry->columns = calloc(pin->column_count, sizeof *entry->columns);
    bool copied = (entry->columns || !pin->column_count) &&
                  lh_str_dup(pin->table.namespace_, &entry->name.namespace_) == LH_OK &&
                  lh_str_dup(pin->table.name, &entry->name.name) == LH_OK;
    for (; copied && entry->column_count < pin->column_count; entry->column_count++)
        copied = lh_str_dup(pin->columns[entry->column_count], &entry->columns[entry->column_count]) == LH_OK;
    if (!copied) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *ret = lh_take(&entry);
    return LH_OK;
}

/* ---- pin ---- */

static bool hot_same_columns(const hot_entry *entry, const lh_cache_pin *pin) {
    bool same = entry->column_count == pin->column_count;
    for (size_t i = 0; same && i < pin->column_count; i++) same = lh_str_eq(entry->columns[i], pin->columns[i]);
    return same;
}

static lh_code hot_check_columns(const lh_cache_pin *pin, lh_error *err) {
    if (pin->column_count > HOT_COLUMNS_MAX)
        return lh_fail(err, LH_INVALID, "more than %d columns: leave 'columns' out to pin all", HOT_COLUMNS_MAX);
    for (size_t i = 0; i < pin->column_count; i++)
        for (size_t j = 0; j < i; j++)
            if (lh_str_eq_nocase(pin->columns[i], pin->columns[j]))
                return lh_fail(err, LH_INVALID, "column '%.*s' is named twice", LH_STR_ARG(pin->columns[i]));
    return LH_OK;
}

/* Takes the place of an entry of other columns, which goes by way of `gone`. */
static lh_code hot_add_locked(engine_hot *hot, const lh_cache_pin *pin, char (*gone)[HOT_NAME_BYTES], uint64_t *ret_id,
                              lh_error *err) {
    hot_entry *entry = hot_find_locked(hot, pin->table), *fresh = NULL;
    if (entry && hot_same_columns(entry, pin)) {
        if (entry->origin == LH_CACHE_AUTOMATIC) entry->origin = pin->origin;
        entry->failed = LH_OK;
        *ret_id = entry->id;
        hot_want_locked(hot, entry);
        return LH_OK;
    }
    if (!entry && hot->count == HOT_ENTRIES_MAX)
        return lh_fail(err, LH_LIMIT, "%d datasets are pinned already: evict one", HOT_ENTRIES_MAX);
    LH_TRY(hot_entry_new(pin, &fresh, err));
    if (entry && entry->busy) entry->doomed = true;
    else if (entry) hot_remove_locked(hot, entry, gone);
    *ret_id = fresh->id = ++hot->ids;
    fresh->used_tick = ++hot->tick;
    fresh->next = hot->entries;
    hot->entries = fresh;
    hot->count++;
    hot_want_locked(hot, fresh);
    return LH_OK;
}

static void hot_waker(void *ctx) {
    engine_hot *hot = ctx;
    pthread_mutex_lock(&hot->lock);
    pthread_cond_broadcast(&hot->changed);
    pthread_mutex_unlock(&hot->lock);
}

/* Until the loader is done with it. A pin that failed leaves nothing behind. */
static lh_code hot_wait(engine_hot *hot, uint64_t id, lh_cancel *cancel, lh_error *err) {
    char gone[2][HOT_NAME_BYTES] = {"", ""};
    lh_code code = LH_OK;
    bool fired = lh_cancel_watch(cancel, hot_waker, hot);
    pthread_mutex_lock(&hot->lock);
    hot_entry *entry = hot_by_id_locked(hot, id);
    while (entry && (entry->wanted || entry->busy) && !hot->stopping && !fired) {
        pthread_cond_wait(&hot->changed, &hot->lock);
        entry = hot_by_id_locked(hot, id);
        fired = cancel && lh_cancel_fired(cancel);
    }
    if (!entry || entry->doomed) code = lh_fail(err, LH_CONFLICT, "the dataset was evicted while it was loaded");
    else if (entry->wanted || entry->busy) code = lh_fail(err, LH_CANCELLED, "cancelled; the dataset still loads");
    else if (entry->failed != LH_OK) {
        code = lh_fail(err, entry->failed, "%s", entry->failure);
        hot_remove_locked(hot, entry, gone);
    }
    pthread_mutex_unlock(&hot->lock);
    lh_cancel_unwatch(cancel);
    hot_drop(hot, gone, 2);
    return code;
}

lh_code hot_pin(engine_hot *hot, const lh_cache_pin *pin, lh_error *err) {
    char gone[2][HOT_NAME_BYTES] = {"", ""};
    uint64_t id = 0;
    lh_table_state state;
    LH_TRY(hot_check_columns(pin, err));
    LH_TRY(lh_table_version(hot->engine->catalog, pin->table, &state, err));
    pthread_mutex_lock(&hot->lock);
    lh_code code = hot_add_locked(hot, pin, gone, &id, err);
    pthread_mutex_unlock(&hot->lock);
    hot_drop(hot, gone, 2);
    if (code == LH_OK && pin->wait) code = hot_wait(hot, id, pin->cancel, err);
    return code;
}

/* A pin that cannot be kept is not held either: the request failed. */
lh_code lh_cache_pin_table(lh_engine *engine, const lh_cache_pin *pin, lh_error *err) {
    uint64_t ignored;
    LH_TRY(hot_pin(engine->hot, pin, err));
    lh_code code = pin->origin == LH_CACHE_BY_REQUEST ? hot_keep(engine->hot, pin, err) : LH_OK;
    if (code != LH_OK) hot_evict(engine->hot, &pin->table, &pin->origin, &ignored);
    return code;
}

void hot_pin_automatically(engine_hot *hot, lh_table_name name) {
    const lh_cache_pin pin = {.table = name, .origin = LH_CACHE_AUTOMATIC};
    lh_code ignored = lh_cache_pin_table(hot->engine, &pin, NULL);
    (void)ignored;
}

/* One of the list: "crm.b(x, y)"; *rest begins behind its comma. */
static lh_code hot_list_item(lh_engine *engine, lh_str *rest, lh_str *columns, lh_arena *arena, lh_cache_pin *pin,
                             lh_error *err) {
    size_t open = lh_str_find(*rest, '('), end = lh_str_find(*rest, ',');
    lh_str name = lh_str_sub(*rest, 0, open < end ? open : end);
    if (open < end) {
        size_t close = lh_str_find(*rest, ')');
        if (close == rest->len) return lh_fail(err, LH_INVALID, "a bracket is not closed in '%.*s'", LH_STR_ARG(*rest));
        for (lh_str part = lh_str_sub(*rest, open + 1, close - open - 1); part.len;) {
            lh_str column = lh_str_trim(lh_str_split(&part, ','));
            if (pin->column_count <= HOT_COLUMNS_MAX && column.len) columns[pin->column_count++] = column;
        }
        if (pin->column_count == 0) return lh_fail(err, LH_INVALID, "no column in '%.*s'", LH_STR_ARG(*rest));
        end = close + lh_str_find(lh_str_sub(*rest, close, SIZE_MAX), ',');
    }
    *rest = lh_str_sub(*rest, end + 1, SIZE_MAX);
    return lh_table_name_parse(engine->catalog, lh_str_trim(name), arena, &pin->table, err);
}

lh_code lh_cache_pin_list(lh_engine *engine, lh_str list, lh_cache_origin origin, lh_arena *arena, lh_error *err) {
    lh_code first = LH_OK;
    lh_str *columns = LH_ARENA_ARRAY(arena, lh_str, HOT_COLUMNS_MAX + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_str rest = list; lh_str_trim(rest).len;) {
        lh_cache_pin pin = {.columns = columns, .origin = origin};
        lh_error *told = first == LH_OK ? err : NULL;
        LH_TRY(hot_list_item(engine, &rest, columns, arena, &pin, told));
        lh_code code = lh_cache_pin_table(engine, &pin, told);
        if (first == LH_OK) first = code;
    }
    return first;
}

/* ---- evict ---- */

/* The next entry that is to go, of that name or of any. */
static hot_entry *hot_next_evicted_locked(engine_hot *hot, const lh_table_name *name, const lh_cache_origin *origin) {
    hot_entry *at = hot->entries;
    while (at && (at->doomed || (name && !hot_same(at->name, *name)) || (origin && at->origin != *origin)))
        at = at->next;
    return at;
}

size_t hot_evict(engine_hot *hot, const lh_table_name *name, const lh_cache_origin *origin, uint64_t *ret_bytes) {
    size_t count = 0;
    *ret_bytes = 0;
    for (bool more = true; more;) {
        char gone[2][HOT_NAME_BYTES] = {"", ""};
        pthread_mutex_lock(&hot->lock);
        hot_entry *entry = hot_next_evicted_locked(hot, name, origin);
        more = entry != NULL;
        if (entry) {
            *ret_bytes += entry->bytes;
            count++;
            hot->evictions++;
            if (entry->busy) entry->doomed = true;
            else hot_remove_locked(hot, entry, gone);
        }
        pthread_mutex_unlock(&hot->lock);
        hot_drop(hot, gone, 2);
    }
    return count;
}

lh_code lh_cache_evict(lh_engine *engine, const lh_table_name *table, uint64_t *ret_bytes, size_t *ret_count,
                       lh_error *err) {
    uint64_t bytes = 0;
    bool kept = false;
    LH_TRY(hot_forget(engine->hot, table, &kept, err));
    size_t count = hot_evict(engine->hot, table, NULL, &bytes);
    if (table && !count && !kept) return lh_fail(err, LH_NOT_FOUND, "the dataset is not in the cache");
    *ret_bytes = bytes;
    *ret_count = count;
    return LH_OK;
}

/* ---- what is told ---- */

static const char *hot_state_name(const hot_entry *entry) {
    if (entry->busy || (entry->wanted && !entry->held)) return "loading";
    if (entry->failed != LH_OK) return "failed";
    return entry->version && !entry->wanted ? "ready" : "stale";
}

static void hot_set_time(lh_arena *arena, lh_json *item, const char *name, int64_t ms) {
    lh_time_text text = lh_time_rfc3339(ms);
    lh_json_set(arena, item, name, ms ? lh_json_new_string(arena, lh_str_from(text.text)) : lh_json_new_null(arena));
}

static lh_json *hot_entry_json(const hot_entry *entry, lh_arena *arena) {
    static const char *const origins[] = {"request", "config", "profile", "automatic"};
    lh_json *item = lh_json_new_object(arena), *columns = lh_json_new_null(arena);
    if (entry->column_count) columns = lh_json_new_array(arena);
    for (size_t i = 0; i < entry->column_count; i++)
        lh_json_append(columns, lh_json_new_string(arena, entry->columns[i]));
    lh_json_set_string(arena, item, "dataset", lh_table_name_text(entry->name, arena));
    lh_json_set(arena, item, "columns", columns);
    lh_json_set_string(arena, item, "pinned_by", lh_str_from(origins[entry->origin]));
    lh_json_set_string(arena, item, "state", lh_str_from(hot_state_name(entry)));
    lh_json_set(arena, item, "progress",
                entry->busy ? lh_json_new_real(arena, entry->progress) : lh_json_new_null(arena));
    lh_json_set(arena, item, "snapshot_id",
                entry->held ? lh_json_new_int(arena, entry->state.snapshot_id) : lh_json_new_null(arena));
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"rows", entry->rows},
                   {"bytes", entry->bytes},
                   {"hits", entry->hits},
                   {"misses", entry->misses},
                   {"full_loads", entry->full_loads},
                   {"delta_loads", entry->delta_loads},
                   {"delta_rows", entry->delta_rows}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        lh_json_set_uint(arena, item, numbers[i].name, numbers[i].value);
    hot_set_time(arena, item, "loaded_at", entry->loaded_ms);
    hot_set_time(arena, item, "used_at", entry->used_ms);
    lh_json_set(arena, item, "error",
                entry->failed != LH_OK ? lh_json_new_string(arena, lh_str_from(entry->failure))
                                       : lh_json_new_null(arena));
    return item;
}

/* What goes without saying so: the table may have changed since it was looked at. */
static void hot_refresh_versions(engine_hot *hot) {
    uint64_t ids[HOT_ENTRIES_MAX];
    size_t count = 0;
    pthread_mutex_lock(&hot->lock);
    for (hot_entry *at = hot->entries; at && count < HOT_ENTRIES_MAX; at = at->next) ids[count++] = at->id;
    pthread_mutex_unlock(&hot->lock);
    for (size_t i = 0; i < count; i++) engine_hot_poke_id(hot, ids[i]);
}

lh_code lh_cache_stats(lh_engine *engine, lh_arena *arena, lh_json **ret, lh_error *err) {
    engine_hot *hot = engine->hot;
    lh_json *answer = lh_json_new_object(arena), *items = lh_json_new_array(arena);
    hot_refresh_versions(hot);
    pthread_mutex_lock(&hot->lock);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"limit_bytes", hot->limit_bytes}, {"bytes", hot_bytes_locked(hot)}, {"hits", hot->hits},
                   {"misses", hot->misses},           {"evictions", hot->evictions},    {"full_loads", hot->full_loads},
                   {"delta_loads", hot->delta_loads}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        lh_json_set_uint(arena, answer, numbers[i].name, numbers[i].value);
    for (const hot_entry *at = hot->entries; at; at = at->next)
        if (!at->doomed) lh_json_append(items, hot_entry_json(at, arena));
    pthread_mutex_unlock(&hot->lock);
    lh_json_set(arena, answer, "items", items);
    LH_TRY(lh_arena_check(arena, err));
    *ret = answer;
    return LH_OK;
}

/* ---- life ---- */

lh_code engine_hot_new(lh_engine *engine, const lh_engine_options *options, engine_hot **ret, lh_error *err) {
    engine_hot *hot = calloc(1, sizeof *hot);
    if (!hot) return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    unsigned char random[16];
    lh_random_bytes(random, sizeof random);
    int len = snprintf(hot->database, sizeof hot->database, "%s", HOT_DATABASE);
    for (size_t i = 0; i < sizeof random; i++) snprintf(hot->database + len + 2 * i, 3, "%02x", random[i]);
    hot->engine = engine;
    hot->limit_bytes = options->cache_limit_bytes ? options->cache_limit_bytes : options->memory_bytes / 4;
    hot->auto_pin_reads = options->cache_auto_pin_hits;
    hot->load_timeout_ms = options->cache_load_timeout_ms;
    pthread_mutex_init(&hot->lock, NULL);
    pthread_cond_init(&hot->work, NULL);
    pthread_cond_init(&hot->changed, NULL);
    pthread_mutex_init(&hot->kept_lock, NULL);
    *ret = hot;
    return LH_OK;
}

void engine_hot_stop(engine_hot *hot) {
    if (!hot) return;
    pthread_mutex_lock(&hot->lock);
    hot->stopping = true;
    pthread_cond_broadcast(&hot->work);
    pthread_cond_broadcast(&hot->changed);
    pthread_mutex_unlock(&hot->lock);
    hot_loader_stop(hot);
}

void engine_hot_free(engine_hot *hot) {
    if (!hot) return;
    while (hot->entries) {
        hot_entry *gone = hot->entries;
        hot->entries = gone->next;
        hot_entry_free(gone);
    }
    for (size_t i = 0; i < HOT_SEEN_MAX; i++) lh_str_free(hot->seen[i].key);
    hot_kept_free(hot);
    pthread_mutex_destroy(&hot->kept_lock);
    pthread_cond_destroy(&hot->work);
    pthread_cond_destroy(&hot->changed);
    pthread_mutex_destroy(&hot->lock);
    free(hot);
}
