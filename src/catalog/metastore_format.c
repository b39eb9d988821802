/* The metastore's bytes.
 *
 * Log entry `_catalog/log/<20 digits>.json`, one JSON object:
 *   {"format":"lakehouse-log","schema_version":1,"sequence":7,"id":"<uuid of this write>",
 *    "previous":"<id of entry 6>","time":"…","changes":[
 *   {"key":"table/main/t","put":{…document…}},
 *   {"key":"…","delete":true}]}
 * Checkpoint `_catalog/checkpoint/<20 digits>.jsonl`, one JSON object a line:
 *   {"format":"lakehouse-checkpoint","schema_version":1,"sequence":200,"recent":["<id of 200>","<id of 199>",…]}
 *   {"version":12,"key":"…","put":{…document…}}           (in key order)
 *   {"end":true,"documents":1}                            (a checkpoint without it is torn)
 * Unknown members are ignored, and "id", "previous", "recent", "time" may be missing, so that
 * versions before and after can be read; a higher schema_version is refused, because ignoring
 * what it changed could lose data. Documents are compact JSON, as lh_json_write() makes it. */
#include "catalog/metastore_internal.h"

#include <stdio.h>

enum { METASTORE_SEQUENCE_DIGITS = 20 };

lh_str metastore_log_key(uint64_t sequence, char into[64]) {
    int length = snprintf(into, 64, METASTORE_LOG_PREFIX "%020" PRIu64 ".json", sequence);
    return (lh_str){into, (size_t)length};
}

lh_str metastore_checkpoint_key(uint64_t sequence, char into[64]) {
    int length = snprintf(into, 64, METASTORE_CHECKPOINT_PREFIX "%020" PRIu64 ".jsonl", sequence);
    return (lh_str){into, (size_t)length};
}

bool metastore_key_sequence(lh_str key, uint64_t *ret) {
    bool log = lh_str_starts(key, LH_STR(METASTORE_LOG_PREFIX));
    if (!log && !lh_str_starts(key, LH_STR(METASTORE_CHECKPOINT_PREFIX))) return false;
    lh_str rest =
        lh_str_sub(key, log ? sizeof METASTORE_LOG_PREFIX - 1 : sizeof METASTORE_CHECKPOINT_PREFIX - 1, SIZE_MAX);
    lh_str extension = lh_str_sub(rest, METASTORE_SEQUENCE_DIGITS, SIZE_MAX);
    if (!lh_str_eq(extension, log ? LH_STR(".json") : LH_STR(".jsonl"))) return false;
    return lh_str_to_u64(lh_str_sub(rest, 0, METASTORE_SEQUENCE_DIGITS), ret) == LH_OK;
}

/* ---- reading ---- */

static lh_code metastore_check_format(const lh_json *head, const char *format, lh_str name, lh_error *err) {
    if (!lh_str_eq(lh_json_get_string(head, "format"), lh_str_from(format)))
        return lh_fail(err, LH_CORRUPT, "'%.*s' is not a %s file", LH_STR_ARG(name), format);
    int64_t version = lh_json_int(lh_json_get(head, "schema_version"), -1);
    if (version < 1 || version > METASTORE_SCHEMA_VERSION)
        return lh_fail(err, LH_CORRUPT,
                       "'%.*s' has schema version %" PRId64 ", this program reads up to %d: use a newer one",
                       LH_STR_ARG(name), version, METASTORE_SCHEMA_VERSION);
    return LH_OK;
}

/* JSON of a stored file: what does not parse is CORRUPT. */
static lh_code metastore_json(lh_str text, lh_str name, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_error why = {0};
    lh_code code = lh_json_parse(arena, text, ret, &why);
    if (code == LH_OK) return LH_OK;
    return lh_fail(err, code == LH_NO_MEMORY ? code : LH_CORRUPT, "'%.*s': %s", LH_STR_ARG(name), why.message);
}

/* One {"key", "put" | "delete"} into a change whose text lies in the arena. */
static lh_code metastore_change_parse(const lh_json *item, lh_str name, lh_arena *arena, lh_change *ret,
                                      lh_error *err) {
    lh_str key = lh_json_get_string(item, "key");
    const lh_json *put = lh_json_get(item, "put");
    bool deleted = lh_json_bool(lh_json_get(item, "delete"), false);
    if (key.len == 0 || lh_json_is_object(put) == deleted)
        return lh_fail(err, LH_CORRUPT, "'%.*s' has a change that is neither put nor delete", LH_STR_ARG(name));
    lh_change change = {.key = key};
    if (!deleted) LH_TRY(lh_json_write(arena, put, false, &change.text, err));
    *ret = change;
    return LH_OK;
}

lh_code metastore_entry_parse(lh_str bytes, lh_str name, lh_arena *arena, metastore_entry *ret, lh_error *err) {
    lh_json *root = NULL;
    LH_TRY(metastore_json(bytes, name, arena, &root, err));
    LH_TRY(metastore_check_format(root, "lakehouse-log", name, err));
    const lh_json *changes = lh_json_get(root, "changes");
    if (!lh_json_is_array(changes)) return lh_fail(err, LH_CORRUPT, "'%.*s' has no changes", LH_STR_ARG(name));
    metastore_entry entry = {.sequence = lh_json_uint(lh_json_get(root, "sequence"), 0),
                             .id = lh_json_get_string(root, "id"),
                             .previous = lh_json_get_string(root, "previous"),
                             .count = lh_json_size(changes)};
    entry.changes = LH_ARENA_ARRAY(arena, lh_change, entry.count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(changes); lh_json_next(&it);)
        LH_TRY(metastore_change_parse(it.value, name, arena, &entry.changes[it.index], err));
    *ret = entry;
    return LH_OK;
}

void metastore_checkpoint_reader_init(metastore_checkpoint_reader *reader, lh_str name) {
    *reader = (metastore_checkpoint_reader){.name = name, .line = LH_BUF_INIT(LH_LIMIT_JSON_BYTES)};
}

void metastore_checkpoint_reader_done(metastore_checkpoint_reader *reader) {
    metastore_index_clear(&reader->index);
    lh_buf_done(&reader->line);
}

static lh_code metastore_checkpoint_read_head(metastore_checkpoint_reader *reader, const lh_json *head, lh_error *err) {
    LH_TRY(metastore_check_format(head, "lakehouse-checkpoint", reader->name, err));
    reader->sequence = lh_json_uint(lh_json_get(head, "sequence"), 0);
    for (lh_json_iter it = lh_json_each(lh_json_get(head, "recent")); lh_json_next(&it);) {
        lh_str id = lh_json_str(it.value, LH_STR_NONE);
        if (it.index >= METASTORE_RECENT || it.index >= reader->sequence) break;
        metastore_id *slot = &reader->recent.ids[(reader->sequence - it.index) % METASTORE_RECENT];
        if (lh_str_to_cstr(id, slot->text, sizeof slot->text, NULL) != LH_OK) slot->text[0] = '\0';
    }
    reader->begun = true;
    return LH_OK;
}

static lh_code metastore_checkpoint_line(metastore_checkpoint_reader *reader, lh_str line, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *item = NULL;
    lh_change change;
    metastore_doc *doc = NULL;
    if (reader->ended) return lh_fail(err, LH_CORRUPT, "'%.*s' goes on after its end", LH_STR_ARG(reader->name));
    LH_TRY(lh_arena_new(METASTORE_PARSE_BYTES, &arena, err));
    LH_TRY(metastore_json(line, reader->name, arena, &item, err));
    if (!reader->begun) return metastore_checkpoint_read_head(reader, item, err);
    if (lh_json_bool(lh_json_get(item, "end"), false)) {
        if (lh_json_uint(lh_json_get(item, "documents"), UINT64_MAX) != reader->index.count)
            return lh_fail(err, LH_CORRUPT, "'%.*s' lacks documents", LH_STR_ARG(reader->name));
        reader->ended = true;
        return LH_OK;
    }
    LH_TRY(metastore_change_parse(item, reader->name, arena, &change, err));
    uint64_t version = lh_json_uint(lh_json_get(item, "version"), 0);
    if (change.text.len == 0 || version == 0 || version > reader->sequence)
        return lh_fail(err, LH_CORRUPT, "'%.*s' has a line that is no document", LH_STR_ARG(reader->name));
    if (metastore_index_reserve(&reader->index, 1) != LH_OK ||
        metastore_doc_new(change.key, change.text, version, &doc) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    metastore_index_put(&reader->index, doc);
    return LH_OK;
}

lh_code metastore_checkpoint_feed(metastore_checkpoint_reader *reader, lh_str bytes, lh_error *err) {
    while (bytes.len) {
        size_t end = lh_str_find(bytes, '\n');
        lh_str piece = lh_str_sub(bytes, 0, end), line = piece;
        bool whole = end < bytes.len;
        bytes = lh_str_sub(bytes, end + whole, SIZE_MAX);
        if (reader->line.len || !whole) {
            lh_buf_append(&reader->line, piece);
            if (lh_buf_check(&reader->line, NULL) != LH_OK)
                return lh_fail(err, reader->line.failed == LH_LIMIT ? LH_CORRUPT : LH_NO_MEMORY,
                               "'%.*s' has a line that is too long", LH_STR_ARG(reader->name));
            line = lh_buf_str(&reader->line);
        }
        if (!whole) return LH_OK;
        LH_TRY(metastore_checkpoint_line(reader, line, err));
        lh_buf_clear(&reader->line);
    }
    return LH_OK;
}

lh_code metastore_checkpoint_finish(metastore_checkpoint_reader *reader, lh_error *err) {
    if (!reader->ended || reader->line.len)
        return lh_fail(err, LH_CORRUPT, "'%.*s' is torn: its end is missing", LH_STR_ARG(reader->name));
    return LH_OK;
}

/* ---- writing ---- */

static void metastore_put_members(lh_buf *into, lh_str key, lh_str text) {
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

void metastore_entry_begin(lh_buf *into, uint64_t sequence, lh_str id, lh_str previous) {
    lh_time_text now = lh_time_rfc3339(lh_time_now_ms());
    lh_buf_printf(into, "{\"format\":\"lakehouse-log\",\"schema_version\":%d,\"sequence\":%" PRIu64 ",\"id\":\"%.*s\",",
                  METASTORE_SCHEMA_VERSION, sequence, LH_STR_ARG(id));
    if (previous.len) lh_buf_printf(into, "\"previous\":\"%.*s\",", LH_STR_ARG(previous));
    lh_buf_printf(into, "\"time\":\"%s\",\"changes\":[", now.text);
}

void metastore_entry_change(lh_buf *into, const lh_change *change, bool first) {
    lh_buf_append(into, first ? LH_STR("\n{") : LH_STR(",\n{"));
    metastore_put_members(into, change->key, change->text);
}

void metastore_entry_end(lh_buf *into) { lh_buf_append(into, LH_STR("]}\n")); }

void metastore_checkpoint_head(lh_buf *into, uint64_t sequence, const metastore_recent *recent) {
    lh_buf_printf(into,
                  "{\"format\":\"lakehouse-checkpoint\",\"schema_version\":%d,\"sequence\":%" PRIu64 ",\"recent\":[",
                  METASTORE_SCHEMA_VERSION, sequence);
    for (uint64_t i = 0; i < METASTORE_RECENT && i < sequence; i++)
        lh_buf_printf(into, "%s\"%s\"", i ? "," : "", recent->ids[(sequence - i) % METASTORE_RECENT].text);
    lh_buf_append(into, LH_STR("]}\n"));
}

void metastore_checkpoint_doc(lh_buf *into, const metastore_doc *doc) {
    lh_buf_printf(into, "{\"version\":%" PRIu64 ",", doc->version);
    metastore_put_members(into, doc->key, doc->text);
    lh_buf_char(into, '\n');
}

void metastore_checkpoint_tail(lh_buf *into, size_t documents) {
    lh_buf_printf(into, "{\"end\":true,\"documents\":%zu}\n", documents);
}
