/* The metastore's bytes.
 *
 * Log entry `_catalog/log/<20 digits>.json`, one JSON object:
 *   {"format":"lakehouse-log","schema_version":1,"sequence":7,"id":"<uuid of this write>","time":"…",
 *    "changes":[{"key":"table/main/t","put":{…document…}},{"key":"…","delete":true}]}
 * Checkpoint `_catalog/checkpoint/<20 digits>.jsonl`, one JSON object a line:
 *   {"format":"lakehouse-checkpoint","schema_version":1,"sequence":200}
 *   {"key":"…","version":12,"put":{…document…}}          (in key order)
 *   {"end":true,"documents":1}                            (a checkpoint without it is torn)
 * Unknown members are ignored, so that a later version can add some; a higher
 * schema_version is refused, because ignoring what it changed could lose data. */
#include "catalog/metastore_internal.h"

#include <stdio.h>

static const char metastore_log_prefix[] = "_catalog/log/";
static const char metastore_checkpoint_prefix[] = "_catalog/checkpoint/";

lh_str metastore_log_key(uint64_t sequence, char into[64]) {
    int length = snprintf(into, 64, "%s%020" PRIu64 ".json", metastore_log_prefix, sequence);
    return (lh_str){into, (size_t)length};
}

lh_str metastore_checkpoint_key(uint64_t sequence, char into[64]) {
    int length = snprintf(into, 64, "%s%020" PRIu64 ".jsonl", metastore_checkpoint_prefix, sequence);
    return (lh_str){into, (size_t)length};
}

lh_code metastore_key_sequence(lh_str key, uint64_t *ret, lh_error *err) {
    lh_str rest = key;
    while (lh_str_find(rest, '/') < rest.len) rest = lh_str_sub(rest, lh_str_find(rest, '/') + 1, SIZE_MAX);
    lh_str extension = lh_str_sub(rest, 20, SIZE_MAX);
    bool known = lh_str_eq(extension, LH_STR(".json")) || lh_str_eq(extension, LH_STR(".jsonl"));
    if (!known || lh_str_to_u64(lh_str_sub(rest, 0, 20), ret) != LH_OK)
        return lh_fail(err, LH_CORRUPT, "'%.*s' is no file of the catalog; move it away", LH_STR_ARG(key));
    return LH_OK;
}

static lh_code metastore_check_format(const lh_json *head, const char *format, lh_str name, lh_error *err) {
    if (!lh_str_eq(lh_json_get_string(head, "format"), lh_str_from(format)))
        return lh_fail(err, LH_CORRUPT, "'%.*s' is not a %s file", LH_STR_ARG(name), format);
    int64_t version = lh_json_int(lh_json_get(head, "schema_version"), -1);
    if (version < 1 || version > LH_METASTORE_SCHEMA_VERSION)
        return lh_fail(err, LH_CORRUPT, "'%.*s' has schema version %" PRId64 ", this program reads up to %d: use a newer one",
                       LH_STR_ARG(name), version, LH_METASTORE_SCHEMA_VERSION);
    return LH_OK;
}

/* One {"key", "put" | "delete"} into a change whose text lies in the arena. */
static lh_code metastore_change_parse(const lh_json *item, lh_str name, lh_arena *arena, lh_change *ret, lh_error *err) {
    lh_str key = lh_json_get_string(item, "key");
    const lh_json *put = lh_json_get(item, "put");
    bool delete = lh_json_bool(lh_json_get(item, "delete"), false);
    if (key.len == 0 || (put != NULL) == delete)
        return lh_fail(err, LH_CORRUPT, "'%.*s' has a change that is neither put nor delete", LH_STR_ARG(name));
    lh_change change = {.key = key};
    if (put) LH_TRY(lh_json_write(arena, put, false, &change.text, err));
    *ret = change;
    return LH_OK;
}

lh_code metastore_entry_parse(lh_str bytes, lh_str name, lh_arena *arena, metastore_entry *ret, lh_error *err) {
    lh_json *root = NULL;
    lh_error why = {0};
    lh_code code = lh_json_parse(arena, bytes, &root, &why);
    if (code == LH_INVALID) return lh_fail(err, LH_CORRUPT, "'%.*s': %s", LH_STR_ARG(name), why.message);
    if (code != LH_OK) return lh_fail(err, code, "'%.*s': %s", LH_STR_ARG(name), why.message);
    LH_TRY(metastore_check_format(root, "lakehouse-log", name, err));
    const lh_json *changes = lh_json_get(root, "changes");
    metastore_entry entry = {.sequence = lh_json_uint(lh_json_get(root, "sequence"), 0),
                             .id = lh_json_get_string(root, "id"), .count = lh_json_size(changes)};
    entry.changes = LH_ARENA_ARRAY(arena, lh_change, entry.count);
    if (entry.count && !entry.changes) return lh_arena_check(arena, err);
    for (lh_json_iter it = lh_json_each(changes); lh_json_next(&it);)
        LH_TRY(metastore_change_parse(it.value, name, arena, &entry.changes[it.index], err));
    *ret = entry;
    return LH_OK;
}

static void metastore_put_line(lh_buf *into, lh_str key, lh_str text) {
    lh_buf_append(into, LH_STR("\"key\":"));
    lh_buf_json_string(into, key);
    if (text.len) {
        lh_buf_append(into, LH_STR(",\"put\":"));
        lh_buf_append(into, text);
    } else {
        lh_buf_append(into, LH_STR(",\"delete\":true"));
    }
    lh_buf_char(into, '}');
}

lh_code metastore_entry_write(uint64_t sequence, lh_str id, const lh_change *const *batch, const size_t *counts,
                              size_t batch_count, lh_buf *into, lh_error *err) {
    lh_time_text now = lh_time_rfc3339(lh_time_now_ms());
    lh_buf_printf(into, "{\"format\":\"lakehouse-log\",\"schema_version\":%d,\"sequence\":%" PRIu64
                        ",\"id\":\"%.*s\",\"time\":\"%s\",\"changes\":[",
                  LH_METASTORE_SCHEMA_VERSION, sequence, LH_STR_ARG(id), now.text);
    const char *separator = "\n";
    for (size_t i = 0; i < batch_count; i++)
        for (size_t j = 0; j < counts[i]; j++) {
            if (batch[i][j].check_only) continue;
            lh_buf_printf(into, "%s{", separator);
            metastore_put_line(into, batch[i][j].key, batch[i][j].text);
            separator = ",\n";
        }
    lh_buf_append(into, LH_STR("]}\n"));
    return lh_buf_check(into, err);
}

lh_code metastore_checkpoint_write(const metastore_index *index, uint64_t sequence, lh_buf *into, lh_error *err) {
    lh_buf_printf(into, "{\"format\":\"lakehouse-checkpoint\",\"schema_version\":%d,\"sequence\":%" PRIu64 "}\n",
                  LH_METASTORE_SCHEMA_VERSION, sequence);
    for (size_t i = 0; i < index->count; i++) {
        lh_buf_printf(into, "{\"version\":%" PRIu64 ",", index->docs[i]->version);
        metastore_put_line(into, index->docs[i]->key, index->docs[i]->text);
        lh_buf_char(into, '\n');
    }
    lh_buf_printf(into, "{\"end\":true,\"documents\":%zu}\n", index->count);
    return lh_buf_check(into, err);
}

/* One line of a checkpoint after the first. *ret_end: it is the last. */
static lh_code metastore_checkpoint_line(lh_str line, lh_str name, metastore_index *index, bool *ret_end, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_JSON_BYTES, &arena, err));
    lh_json *item = NULL;
    if (lh_json_parse(arena, line, &item, NULL) != LH_OK)
        return lh_fail(err, LH_CORRUPT, "'%.*s' has a broken line", LH_STR_ARG(name));
    if (lh_json_bool(lh_json_get(item, "end"), false)) {
        if (lh_json_uint(lh_json_get(item, "documents"), UINT64_MAX) != index->count)
            return lh_fail(err, LH_CORRUPT, "'%.*s' lacks documents", LH_STR_ARG(name));
        *ret_end = true;
        return LH_OK;
    }
    lh_change change;
    LH_TRY(metastore_change_parse(item, name, arena, &change, err));
    if (metastore_index_apply(index, change.key, change.text, lh_json_uint(lh_json_get(item, "version"), 0)) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    return LH_OK;
}

lh_code metastore_checkpoint_parse(lh_str bytes, lh_str name, metastore_index *index, uint64_t *ret_sequence, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    lh_str rest = bytes, line = lh_str_split(&rest, '\n');
    lh_json *head = NULL;
    if (lh_json_parse(arena, line, &head, NULL) != LH_OK)
        return lh_fail(err, LH_CORRUPT, "'%.*s' has a broken first line", LH_STR_ARG(name));
    LH_TRY(metastore_check_format(head, "lakehouse-checkpoint", name, err));
    bool end = false;
    while (!end && rest.len) LH_TRY(metastore_checkpoint_line(lh_str_split(&rest, '\n'), name, index, &end, err));
    if (!end) return lh_fail(err, LH_CORRUPT, "'%.*s' is torn: its last line is missing", LH_STR_ARG(name));
    *ret_sequence = lh_json_uint(lh_json_get(head, "sequence"), 0);
    return LH_OK;
}

void metastore_index_clear(metastore_index *index) {
    for (size_t i = 0; i < index->count; i++) {
        lh_str_free(index->docs[i]->key);
        lh_str_free(index->docs[i]->text);
        free(index->docs[i]);
    }
    free(index->docs);
    *index = (metastore_index){0};
}

size_t metastore_index_seek(const metastore_index *index, lh_str key) {
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lh_str_cmp(index->docs[middle]->key, key) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

metastore_doc *metastore_index_find(const metastore_index *index, lh_str key) {
    size_t at = metastore_index_seek(index, key);
    return at < index->count && lh_str_eq(index->docs[at]->key, key) ? index->docs[at] : NULL;
}

static lh_code metastore_index_insert(metastore_index *index, size_t at, lh_str key, lh_str text, uint64_t version) {
    if (index->count == index->room) {
        size_t room = index->room ? index->room * 2 : 64;
        metastore_doc **grown = reallocarray(index->docs, room, sizeof *grown);
        if (!grown) return LH_NO_MEMORY;
        index->docs = grown;
        index->room = room;
    }
    metastore_doc *doc = calloc(1, sizeof *doc);
    if (!doc || lh_str_dup(key, &doc->key) != LH_OK || lh_str_dup(text, &doc->text) != LH_OK) {
        if (doc) lh_str_free(doc->key);
        free(doc);
        return LH_NO_MEMORY;
    }
    doc->version = version;
    memmove(index->docs + at + 1, index->docs + at, (index->count - at) * sizeof *index->docs);
    index->docs[at] = doc;
    index->count++;
    return LH_OK;
}

lh_code metastore_index_apply(metastore_index *index, lh_str key, lh_str text, uint64_t version) {
    size_t at = metastore_index_seek(index, key);
    bool found = at < index->count && lh_str_eq(index->docs[at]->key, key);
    if (text.len == 0) {
        if (!found) return LH_OK;
        metastore_doc *doc = index->docs[at];
        memmove(index->docs + at, index->docs + at + 1, (--index->count - at) * sizeof *index->docs);
        lh_str_free(doc->key);
        lh_str_free(doc->text);
        free(doc);
        return LH_OK;
    }
    if (!found) return metastore_index_insert(index, at, key, text, version);
    lh_str copy;
    if (lh_str_dup(text, &copy) != LH_OK) return LH_NO_MEMORY;
    lh_str_free(index->docs[at]->text);
    index->docs[at]->text = copy;
    index->docs[at]->version = version;
    return LH_OK;
}
