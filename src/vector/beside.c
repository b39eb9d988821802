/* The files of an index, once more in the bucket, beside its table: so that a gateway that has none, because it is another or its disk
 * is new, maps what was made once.
 *
 *   <table's folder>/index/<kind>-<snapshot id>-<binding>.texts, .ann
 *
 * kind: 16 digits of a hash of formats, model and what the graph is built by, so that what cannot be used is not fetched; binding: of
 * the hash of all that the files are bound to, the SHA-256 of the texts among it. The graph is written last, and says that there are
 * two. Names tell what to fetch, never what to believe: what came is checked as load.c checks any files, and removed from the bucket
 * when it is damaged. Two gateways may write at once: the names differ, or what is under them serves as well. After a write all go
 * that are not of the table's snapshot.
 *
 * Writing is done by the job that made the index, else by the thread of recall.c, never by a search; one at a time. What fails is
 * told by the index and the log, and is tried again by the next that is made ready. */
#include "vector/vector_internal.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BESIDE_LISTED = 1000, BESIDE_ARENA_BYTES = 4 << 20 };

typedef struct {
    lh_vector *vector;
    lh_bucket *bucket;
    lh_table_name table;
    lh_arena *arena;
    lh_str prefix;
    lh_object_page page;
} beside;

static lh_code beside_list(lh_vector *vector, lh_str table, lh_arena *arena, beside *ret, lh_error *err) {
    *ret = (beside){.vector = vector,
                    .bucket = lh_registry_whole(vector->registry),
                    .table = {LH_STR(VECTOR_NAMESPACE), table},
                    .arena = arena};
    LH_TRY(lh_table_beside(vector->catalog, ret->table, arena, &ret->prefix, err));
    return lh_bucket_list(ret->bucket, ret->prefix, LH_STR_NONE, BESIDE_LISTED, arena, &ret->page, err);
}

static lh_str beside_key(const beside *b, lh_str name, const char *suffix) {
    return lh_arena_printf(b->arena, "%.*s%.*s%s", LH_STR_ARG(b->prefix), LH_STR_ARG(name), suffix);
}

static const lh_object_entry *beside_find(const beside *b, lh_str key) {
    for (size_t i = 0; i < b->page.count; i++)
        if (lh_str_eq(b->page.entries[i].key, key)) return &b->page.entries[i];
    return NULL;
}

/* The name of a graph that is listed with its texts; empty: it is another file. */
static lh_str beside_name(const beside *b, const lh_object_entry *entry) {
    lh_str name = lh_str_sub(entry->key, b->prefix.len, SIZE_MAX), suffix = LH_STR(".ann");
    if (!lh_str_ends(name, suffix)) return LH_STR_NONE;
    name.len -= suffix.len;
    return beside_find(b, beside_key(b, name, ".texts")) ? name : LH_STR_NONE;
}

/* What names of files of that kind and snapshot begin with. */
static lh_str beside_stem(const char *kind, int64_t snapshot_id, lh_arena *arena) {
    return lh_arena_printf(arena, "%s-%" PRId64 "-", kind, snapshot_id);
}

lh_str vector_beside_name(const vector_served *served, lh_arena *arena) {
    const lh_sha256 binding = lh_sha256_of(lh_str_from(served->binding));
    return lh_arena_printf(arena, "%.*s%.16s", LH_STR_ARG(beside_stem(served->kind, served->snapshot_id, arena)),
                           lh_sha256_to_hex(&binding).text);
}

/* ---- fetching ---- */

/* Those of the snapshot; else, with `any`, the newest. */
static lh_str beside_choose(const beside *b, const vector_wanted *wanted, bool any) {
    lh_str stem = beside_stem(wanted->kind, wanted->snapshot_id, b->arena), found = LH_STR_NONE;
    lh_str kind = lh_arena_printf(b->arena, "%s-", wanted->kind);
    int64_t newest_ms = INT64_MIN;
    bool exact = false;
    for (size_t i = 0; i < b->page.count; i++) {
        lh_str name = beside_name(b, &b->page.entries[i]);
        bool is = lh_str_starts(name, stem);
        if (!is && (exact || !any || !lh_str_starts(name, kind))) continue;
        if (is == exact && b->page.entries[i].modified_ms <= newest_ms) continue;
        found = name;
        exact = is;
        newest_ms = b->page.entries[i].modified_ms;
    }
    return found;
}

/* Both are here whole before either takes the place of what is there. */
static lh_code beside_bring(const beside *b, lh_str name, const vector_wanted *wanted, lh_error *err) {
    char temps[2][VECTOR_PATH_BYTES], paths[2][VECTOR_PATH_BYTES];
    lh_code code = LH_OK;
    size_t brought = 0;
    for (; brought < 2 && code == LH_OK; brought++) {
        const lh_uuid id = lh_uuid_new();
        const char *suffix = vector_file_suffixes[brought];
        LH_TRY(vector_load_path(b->vector, lh_uuid_str(&id), ".tmp", temps[brought], err));
        LH_TRY(vector_load_path(b->vector, b->table.name, suffix, paths[brought], err));
        code = lh_bucket_get_file(b->bucket, beside_key(b, name, suffix), temps[brought],
                                  lh_cancel_flag(wanted->cancel), err);
    }
    for (size_t i = 0; i < 2 && code == LH_OK; i++)
        if (rename(temps[i], paths[i]) != 0) code = lh_fail(err, LH_IO, "cannot name '%s'", paths[i]);
    for (size_t i = 0; i < brought && code != LH_OK; i++) (void)unlink(temps[i]);
    return code;
}

void vector_beside_reject(lh_vector *vector, lh_str table, lh_str name, lh_arena *arena) {
    beside b;
    lh_log(LH_LOG_WARN, "an index's files in the bucket are damaged, and removed", "table", lh_arena_cstr(arena, table),
           "files", lh_arena_cstr(arena, name), NULL);
    if (beside_list(vector, table, arena, &b, NULL) != LH_OK) return;
    for (size_t i = 2; i-- > 0;) /* what says that there are two goes first */
        (void)!lh_bucket_delete(b.bucket, beside_key(&b, name, vector_file_suffixes[i]), LH_STR_NONE, NULL);
}

static lh_code beside_fetch(lh_vector *vector, const vector_wanted *wanted, bool any, lh_arena *arena, lh_str *ret,
                            lh_error *err) {
    beside b;
    LH_TRY(beside_list(vector, wanted->table, arena, &b, err));
    *ret = beside_choose(&b, wanted, any);
    LH_TRY(lh_arena_check(arena, err));
    return ret->len ? beside_bring(&b, *ret, wanted, err) : LH_OK;
}

lh_str vector_beside_fetch(lh_vector *vector, const vector_wanted *wanted, bool any, lh_arena *arena) {
    lh_str name = LH_STR_NONE;
    lh_error why = {0};
    lh_code code = beside_fetch(vector, wanted, any, arena, &name, &why);
    if (code == LH_OK) return name;
    if (code == LH_CORRUPT && name.len) vector_beside_reject(vector, wanted->table, name, arena);
    else if (code != LH_CANCELLED && code != LH_INVALID)
        lh_log(LH_LOG_WARN, "the files of an index are not fetched from the bucket", "table",
               lh_arena_cstr(arena, wanted->table), "code", lh_code_name(code), "why", why.message, NULL);
    return LH_STR_NONE;
}

/* ---- keeping ---- */

static bool beside_is_kept(const beside *b, const vector_served *served) {
    lh_str stem = beside_stem(served->kind, served->snapshot_id, b->arena);
    for (size_t i = 0; i < b->page.count; i++)
        if (lh_str_starts(beside_name(b, &b->page.entries[i]), stem)) return true;
    return false;
}

static bool beside_is_current(const beside *b, const vector_served *served) {
    int64_t now = -1;
    return lh_table_snapshot_id(b->vector->catalog, b->table, &now, NULL) == LH_OK && now == served->snapshot_id;
}

static lh_code beside_write(const beside *b, lh_str name, lh_cancel *cancel, lh_error *err) {
    for (size_t i = 0; i < 2; i++) {
        char path[VECTOR_PATH_BYTES];
        LH_TRY(vector_load_path(b->vector, b->table.name, vector_file_suffixes[i], path, err));
        LH_TRY(lh_bucket_put_file(b->bucket, beside_key(b, name, vector_file_suffixes[i]), path, lh_cancel_flag(cancel),
                                  err));
    }
    return LH_OK;
}

/* Best effort: what stays goes after the next write. */
static void beside_sweep(const beside *b, lh_str stem) {
    lh_str kept = lh_arena_printf(b->arena, "%.*s%.*s", LH_STR_ARG(b->prefix), LH_STR_ARG(stem));
    for (size_t i = 0; i < b->page.count; i++)
        if (!lh_str_starts(b->page.entries[i].key, kept))
            (void)!lh_bucket_delete(b->bucket, b->page.entries[i].key, LH_STR_NONE, NULL);
}

/* *ret false: it is not worth it, because the table is another by now, or gone. */
static lh_code beside_keep(lh_vector *vector, const vector_served *served, lh_cancel *cancel, bool *ret,
                           lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    beside b;
    *ret = false;
    if (!served->row_count) return LH_OK;
    LH_TRY(lh_arena_new(BESIDE_ARENA_BYTES, &arena, err));
    LH_TRY(beside_list(vector, served->name, arena, &b, err));
    if (!beside_is_current(&b, served)) return LH_OK;
    lh_str stem = beside_stem(served->kind, served->snapshot_id, arena);
    lh_str name = vector_beside_name(served, arena);
    bool there = beside_is_kept(&b, served);
    LH_TRY(lh_arena_check(arena, err));
    if (!there) {
        LH_TRY(beside_write(&b, name, cancel, err));
        vector_count(vector, &vector->stats.written);
    }
    LH_TRY(lh_metastore_refresh(lh_catalog_metastore(vector->catalog), err));
    *ret = beside_is_current(&b, served);
    if (*ret) beside_sweep(&b, stem);
    for (size_t i = 0; i < 2 && !*ret && !there; i++) /* a drop, for one, may have listed the files before */
        LH_TRY(lh_bucket_delete(b.bucket, beside_key(&b, name, vector_file_suffixes[i]), LH_STR_NONE, err));
    return LH_OK;
}

static bool beside_begin(lh_vector *vector, const vector_served *served, lh_cancel *cancel) {
    pthread_mutex_lock(&vector->lock);
    while (vector->keeping && vector_wait_locked(vector, cancel)) {
    }
    bool mine = !vector->keeping && served->beside == VECTOR_BESIDE_OPEN;
    if (mine) vector->keeping = true;
    pthread_mutex_unlock(&vector->lock);
    return mine;
}

static void beside_end(lh_vector *vector, const vector_served *served, bool kept, lh_code code, const lh_error *why) {
    vector_served *own = (vector_served *)(uintptr_t)served; /* how it is kept is ours to say */
    pthread_mutex_lock(&vector->lock);
    vector->keeping = false;
    if (code == LH_OK) own->beside = kept ? VECTOR_BESIDE_KEPT : VECTOR_BESIDE_NOT;
    else if (code != LH_CANCELLED) {
        own->beside = VECTOR_BESIDE_FAILED;
        vector->stats.write_failed++;
        snprintf(own->beside_why, sizeof own->beside_why, "%.*s", (int)sizeof own->beside_why - 1, why->message);
    }
    pthread_cond_broadcast(&vector->changed);
    pthread_mutex_unlock(&vector->lock);
}

void vector_beside_keep(lh_vector *vector, const vector_served *served, lh_cancel *cancel) {
    lh_error why = {0};
    bool kept = false;
    if (!beside_begin(vector, served, cancel)) return;
    lh_code code = beside_keep(vector, served, cancel, &kept, &why);
    beside_end(vector, served, kept, code, &why);
    char name[VECTOR_NAME_BYTES + 16];
    snprintf(name, sizeof name, "%.*s", LH_STR_ARG(served->name));
    if (code != LH_OK && code != LH_CANCELLED)
        lh_log(LH_LOG_WARN, "the files of an index are not written to the bucket", "table", name, "code",
               lh_code_name(code), "why", why.message, NULL);
}

void vector_beside_keep_all(lh_vector *vector, lh_cancel *cancel) {
    for (vector_served *at = NULL; !lh_cancel_fired(cancel);) {
        pthread_mutex_lock(&vector->lock);
        for (at = vector->served; at && at->beside != VECTOR_BESIDE_OPEN;) at = at->next;
        if (at) at->users++;
        pthread_mutex_unlock(&vector->lock);
        if (!at) return;
        vector_beside_keep(vector, at, cancel);
        vector_served_release(vector, at);
    }
}

/* ---- shown ---- */

lh_json *vector_beside_show(lh_vector *vector, const vector_definition *d, lh_arena *arena) {
    static const char *const came[] = {[VECTOR_BUILT] = "built",
                                       [VECTOR_EXTENDED] = "extended",
                                       [VECTOR_MAPPED] = "mapped",
                                       [VECTOR_FETCHED] = "fetched"};
    lh_json *json = lh_json_new_null(arena);
    pthread_mutex_lock(&vector->lock);
    const vector_served *at = vector->served;
    while (at && !lh_str_eq(at->name, d->table.name)) at = at->next;
    if (at) {
        json = lh_json_new_object(arena);
        lh_json_set_string(arena, json, "came", lh_str_from(came[at->came]));
        lh_json_set(arena, json, "in_bucket",
                    at->beside == VECTOR_BESIDE_OPEN ? lh_json_new_null(arena)
                                                     : lh_json_new_bool(arena, at->beside == VECTOR_BESIDE_KEPT));
        lh_json_set(arena, json, "problem",
                    at->beside == VECTOR_BESIDE_FAILED
                        ? lh_json_new_string(arena, lh_arena_dup(arena, lh_str_from(at->beside_why)))
                        : lh_json_new_null(arena));
    }
    pthread_mutex_unlock(&vector->lock);
    return json;
}
