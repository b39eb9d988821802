/* Pins by request are kept: they outlive the process, and every gateway of the lake has them. A document of the metastore:
 *   "pin/<levels>/<name>": {"schema_version":1,"columns":["…"]|null,"pinned_at":"…"}
 * of the dataset's name: it stays when the dataset is dropped, for the next one of that name, and goes when it is evicted
 * by request. What gives way for want of memory keeps its document, and is not loaded again before the next start.
 * `kept` says which version of each document was taken up. */
#include "engine/hot.h"

#define HOT_PIN_PREFIX "pin/"
enum { HOT_KEPT_ARENA_BYTES = 64 << 20 };

static lh_str hot_kept_key(lh_table_name name, lh_arena *arena) {
    return lh_arena_printf(arena, HOT_PIN_PREFIX "%.*s/%.*s", LH_STR_ARG(name.namespace_), LH_STR_ARG(name.name));
}

/* A key's first '/' behind its kind ends the levels. */
static lh_table_name hot_kept_name(lh_str key) {
    lh_str rest = lh_str_sub(key, strlen(HOT_PIN_PREFIX), SIZE_MAX);
    lh_str levels = lh_str_split(&rest, '/');
    return (lh_table_name){levels, rest};
}

/* ---- which were taken up; kept_lock is held ---- */

static hot_kept *hot_kept_find_locked(const engine_hot *hot, lh_str key) {
    hot_kept *at = hot->kept;
    while (at && !lh_str_eq(at->key, key)) at = at->next;
    return at;
}

/* Without memory for it, it is taken up once more: nothing is wrong then. */
static void hot_kept_note_locked(engine_hot *hot, lh_str key, uint64_t version) {
    hot_kept *kept = hot_kept_find_locked(hot, key);
    if (!kept) {
        kept = calloc(1, sizeof *kept);
        if (!kept || lh_str_dup(key, &kept->key) != LH_OK) {
            free(kept);
            return;
        }
        kept->next = hot->kept;
        hot->kept = kept;
    }
    kept->version = version;
    kept->there = true;
}

static void hot_kept_remove_locked(engine_hot *hot, hot_kept *kept) {
    hot_kept **at = &hot->kept;
    while (*at != kept) at = &(*at)->next;
    *at = kept->next;
    lh_str_free(kept->key);
    free(kept);
}

void hot_kept_free(engine_hot *hot) {
    while (hot->kept) hot_kept_remove_locked(hot, hot->kept);
}

/* ---- writing ---- */

static lh_code hot_keep_locked(engine_hot *hot, const lh_cache_pin *pin, lh_arena *arena, lh_error *err) {
    lh_metastore *metastore = lh_catalog_metastore(hot->engine->catalog);
    lh_json *document = lh_json_new_object(arena), *columns = lh_json_new_null(arena);
    lh_change change = {.key = hot_kept_key(pin->table, arena)};
    uint64_t version = 0;
    lh_str there;
    if (lh_metastore_count(metastore, LH_STR(HOT_PIN_PREFIX)) >= HOT_ENTRIES_MAX &&
        lh_metastore_get(metastore, change.key, arena, &there, NULL, NULL) != LH_OK)
        return lh_fail(err, LH_LIMIT, "%d datasets are pinned already: evict one", HOT_ENTRIES_MAX);
    if (pin->column_count) columns = lh_json_new_array(arena);
    for (size_t i = 0; i < pin->column_count; i++) lh_json_append(columns, lh_json_new_string(arena, pin->columns[i]));
    lh_json_set_int(arena, document, "schema_version", 1);
    lh_json_set(arena, document, "columns", columns);
    lh_json_set_string(arena, document, "pinned_at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    LH_TRY(lh_json_write(arena, document, false, &change.text, err));
    LH_TRY(lh_metastore_commit(metastore, &change, 1, &version, err));
    hot_kept_note_locked(hot, change.key, version);
    return LH_OK;
}

lh_code hot_keep(engine_hot *hot, const lh_cache_pin *pin, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(HOT_KEPT_ARENA_BYTES, &arena, err));
    pthread_mutex_lock(&hot->kept_lock);
    lh_code code = hot_keep_locked(hot, pin, arena, err);
    pthread_mutex_unlock(&hot->kept_lock);
    return code;
}

static lh_code hot_forget_locked(engine_hot *hot, const lh_table_name *name, bool *ret_found, lh_arena *arena,
                                 lh_error *err) {
    lh_metastore *metastore = lh_catalog_metastore(hot->engine->catalog);
    lh_document_page page;
    lh_str key = name ? hot_kept_key(*name, arena) : LH_STR_NONE;
    LH_TRY(lh_metastore_list(metastore, name ? key : LH_STR(HOT_PIN_PREFIX), LH_STR_NONE, SIZE_MAX, arena, &page, err));
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, page.count + 1);
    size_t count = 0;
    if (!changes) return lh_arena_check(arena, err);
    for (size_t i = 0; i < page.count; i++) /* of a name: also those that begin with it are listed */
        if (!name || lh_str_eq(page.items[i].key, key)) changes[count++] = (lh_change){.key = page.items[i].key};
    if (count) LH_TRY(lh_metastore_commit(metastore, changes, count, NULL, err));
    for (size_t i = 0; i < count; i++) {
        hot_kept *kept = hot_kept_find_locked(hot, changes[i].key);
        if (kept) hot_kept_remove_locked(hot, kept);
    }
    *ret_found = count > 0;
    return LH_OK;
}

lh_code hot_forget(engine_hot *hot, const lh_table_name *name, bool *ret_found, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(HOT_KEPT_ARENA_BYTES, &arena, err));
    pthread_mutex_lock(&hot->kept_lock);
    lh_code code = hot_forget_locked(hot, name, ret_found, arena, err);
    pthread_mutex_unlock(&hot->kept_lock);
    return code;
}

/* ---- following ---- */

static lh_code hot_follow_one_locked(engine_hot *hot, const lh_document *document, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *parsed = NULL;
    lh_cache_pin pin = {.table = hot_kept_name(document->key), .origin = LH_CACHE_BY_REQUEST};
    LH_TRY(lh_arena_new(HOT_KEPT_ARENA_BYTES, &arena, err));
    LH_TRY(lh_json_parse(arena, document->text, &parsed, err));
    const lh_json *columns = lh_json_get(parsed, "columns");
    lh_str *names = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(columns) + 1);
    if (!names) return lh_arena_check(arena, err);
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);)
        names[pin.column_count++] = lh_json_str(it.value, LH_STR_NONE);
    pin.columns = names;
    return hot_pin(hot, &pin, err);
}

static void hot_follow_gone_locked(engine_hot *hot) {
    static const lh_cache_origin by_request = LH_CACHE_BY_REQUEST;
    for (hot_kept *kept = hot->kept, *next; kept; kept = next) {
        uint64_t ignored;
        next = kept->next;
        if (kept->there) continue;
        const lh_table_name name = hot_kept_name(kept->key);
        hot_evict(hot, &name, &by_request, &ignored);
        hot_kept_remove_locked(hot, kept);
    }
}

/* A dataset that is not there (yet) is looked for again; whatever else fails is told by the entry, or would fail again. */
static lh_code hot_follow_locked(engine_hot *hot, lh_arena *arena, lh_error *err) {
    lh_document_page page;
    LH_TRY(lh_metastore_list(lh_catalog_metastore(hot->engine->catalog), LH_STR(HOT_PIN_PREFIX), LH_STR_NONE, SIZE_MAX,
                             arena, &page, err));
    for (hot_kept *kept = hot->kept; kept; kept = kept->next) kept->there = false;
    for (size_t i = 0; i < page.count; i++) {
        const lh_document *document = &page.items[i];
        hot_kept *kept = hot_kept_find_locked(hot, document->key);
        if (kept) kept->there = true;
        if (kept && kept->version == document->version) continue;
        if (hot_follow_one_locked(hot, document, NULL) != LH_NOT_FOUND)
            hot_kept_note_locked(hot, document->key, document->version);
    }
    hot_follow_gone_locked(hot);
    return LH_OK;
}

lh_code lh_cache_follow(lh_engine *engine, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    engine_hot *hot = engine->hot;
    LH_TRY(lh_arena_new(HOT_KEPT_ARENA_BYTES, &arena, err));
    pthread_mutex_lock(&hot->kept_lock);
    lh_code code = hot_follow_locked(hot, arena, err);
    pthread_mutex_unlock(&hot->kept_lock);
    return code;
}
