/* The journal of an index's trials: a JSON object a line, the newest last, each ended by a line feed.
 *
 *   {"schema_version":1,"id","index","eval","k","config":{…},"recall_at_k","relevant_recall","p50_us","p95_us","p99_us","build_ms",
 *    "memory_bytes","graph_bytes","rows","dimensions","queries","filter_selectivity","truth_snapshot","threads","cores","job","by","at"}
 *
 * It is append-only to who reads it: S3 cannot append, so it is read, and put back with one line more if nobody else did so
 * meanwhile. What is no such line (torn, foreign, of a newer version) stays where it is, and is skipped and counted when it is read. Above JOURNAL_BYTES
 * the oldest lines go. */
#include "vector/trial_internal.h"

#include <math.h>

enum { JOURNAL_TRIES = 30, JOURNAL_ARENA_BYTES = 64 << 20 };

typedef enum { JOURNAL_TEXT, JOURNAL_COUNT, JOURNAL_REAL, JOURNAL_SHARE, JOURNAL_SNAPSHOT } journal_type;
static const struct {
    const char *name;
    journal_type type;
    bool may_be_null;
} journal_members[] = {
    {"id", JOURNAL_TEXT, false},
    {"index", JOURNAL_TEXT, false},
    {"eval", JOURNAL_TEXT, true},
    {"k", JOURNAL_COUNT, false},
    {"recall_at_k", JOURNAL_SHARE, false},
    {"relevant_recall", JOURNAL_SHARE, true},
    {"p50_us", JOURNAL_REAL, false},
    {"p95_us", JOURNAL_REAL, false},
    {"p99_us", JOURNAL_REAL, false},
    {"build_ms", JOURNAL_REAL, true},
    {"memory_bytes", JOURNAL_COUNT, false},
    {"graph_bytes", JOURNAL_COUNT, false},
    {"rows", JOURNAL_COUNT, false},
    {"dimensions", JOURNAL_COUNT, false},
    {"queries", JOURNAL_COUNT, false},
    {"filter_selectivity", JOURNAL_SHARE, true},
    {"truth_snapshot", JOURNAL_SNAPSHOT, false},
    {"threads", JOURNAL_COUNT, false},
    {"cores", JOURNAL_COUNT, false},
    {"job", JOURNAL_TEXT, true},
    {"by", JOURNAL_TEXT, false},
    {"at", JOURNAL_TEXT, false},
};

/* NULL: it is not of that type. */
static lh_json *journal_member(const lh_json *value, journal_type type, lh_arena *arena) {
    double number = lh_json_real(value, NAN);
    switch (type) {
    case JOURNAL_TEXT:
        return lh_json_is_string(value) ? lh_json_new_string(arena, lh_json_str(value, LH_STR_NONE)) : NULL;
    case JOURNAL_COUNT:
        return lh_json_is_int(value) && lh_json_int(value, -1) >= 0 ? lh_json_new_int(arena, lh_json_int(value, 0))
                                                                    : NULL;
    case JOURNAL_SNAPSHOT: return lh_json_is_int(value) ? lh_json_new_int(arena, lh_json_int(value, 0)) : NULL;
    case JOURNAL_REAL: return number >= 0 && isfinite(number) ? lh_json_new_real(arena, number) : NULL;
    case JOURNAL_SHARE: return number >= 0 && number <= 1 ? lh_json_new_real(arena, number) : NULL;
    }
    return NULL;
}

/* The trial of a line, NULL: it is none. */
static lh_json *journal_take(lh_str line, lh_arena *arena) {
    LH_CLEANUP(lh_arena_freep) lh_arena *own = NULL;
    lh_json *read = NULL, *trial;
    lh_hnsw_config config;
    if (line.len > JOURNAL_LINE_BYTES || !lh_str_is_utf8(line) ||
        lh_arena_new((size_t)JOURNAL_LINE_BYTES * 256, &own, NULL) != LH_OK ||
        lh_json_parse(own, line, &read, NULL) != LH_OK || !lh_json_is_object(read) ||
        lh_json_int(lh_json_get(read, "schema_version"), 0) != VECTOR_SCHEMA_VERSION ||
        !lh_json_is_object(lh_json_get(read, "config")) ||
        vector_hnsw_parse(lh_json_get(read, "config"), &config, NULL) != LH_OK)
        return NULL;
    trial = lh_json_new_object(arena);
    for (size_t i = 0; i < sizeof journal_members / sizeof *journal_members; i++) {
        const lh_json *value = lh_json_get(read, journal_members[i].name);
        bool null = journal_members[i].may_be_null && lh_json_is_null(value);
        lh_json *member = null ? lh_json_new_null(arena) : journal_member(value, journal_members[i].type, arena);
        if (!member) return NULL;
        lh_json_set(arena, trial, journal_members[i].name, member);
    }
    lh_json_set(arena, trial, "config", vector_hnsw_json(&config, arena));
    return trial;
}

lh_code journal_parse(lh_str text, lh_arena *arena, journal *ret, lh_error *err) {
    journal read = {0};
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++) lines += text.ptr[i] == '\n';
    read.trials = LH_ARENA_ARRAY(arena, lh_json *, lines);
    LH_TRY(lh_arena_check(arena, err));
    while (text.len) {
        lh_str line = lh_str_trim(lh_str_split(&text, '\n'));
        lh_json *trial = line.len ? journal_take(line, arena) : NULL;
        if (trial) read.trials[read.count++] = trial;
        else read.skipped += line.len != 0;
    }
    LH_TRY(lh_arena_check(arena, err));
    *ret = read;
    return LH_OK;
}

void journal_add(lh_str text, lh_str line, size_t limit, lh_buf *into) {
    bool torn = text.len && text.ptr[text.len - 1] != '\n';
    size_t room = limit > line.len + 2 ? limit - line.len - 2 : 0;
    while (text.len > room) {
        size_t end = lh_str_find(text, '\n');
        text = lh_str_sub(text, end + 1, SIZE_MAX);
    }
    lh_buf_append(into, text);
    if (torn && text.len) lh_buf_char(into, '\n');
    lh_buf_append(into, line);
    lh_buf_char(into, '\n');
}

lh_code trial_key(const lh_vector *vector, const vector_definition *d, lh_str key, lh_arena *arena, lh_str *ret,
                  lh_error *err) {
    lh_str bucket;
    LH_TRY(lh_table_bucket(vector->catalog, d->table, arena, &bucket, err));
    if (bucket.len) return lh_registry_key(vector->registry, bucket, key, arena, ret, err);
    *ret = key;
    return LH_OK;
}

lh_code journal_key(const lh_vector *vector, const vector_definition *d, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_str key = lh_arena_printf(arena, TRIAL_FOLDER "%.*s.jsonl", LH_STR_ARG(d->name));
    LH_TRY(lh_arena_check(arena, err));
    return trial_key(vector, d, key, arena, ret, err);
}

static lh_code journal_get(const lh_vector *vector, const vector_definition *d, lh_arena *arena, lh_str *ret_key,
                           lh_str *ret, lh_object_info *ret_info, bool *ret_there, lh_error *err) {
    lh_error why = {0};
    LH_TRY(journal_key(vector, d, arena, ret_key, err));
    LH_TRY(lh_arena_check(arena, err));
    *ret = LH_STR_NONE;
    lh_code code = lh_bucket_get(lh_registry_whole(vector->registry), *ret_key, 2 * (uint64_t)JOURNAL_BYTES, arena, ret,
                                 ret_info, &why);
    *ret_there = code == LH_OK;
    if (code == LH_OK || code == LH_NOT_FOUND) return LH_OK;
    if (err) *err = why;
    return code;
}

lh_code journal_read(const lh_vector *vector, const vector_definition *d, lh_arena *arena, journal *ret,
                     lh_error *err) {
    lh_str key, text;
    lh_object_info info;
    bool there;
    LH_TRY(journal_get(vector, d, arena, &key, &text, &info, &there, err));
    return journal_parse(text, arena, ret, err);
}

static lh_code journal_try_append(const lh_vector *vector, const vector_definition *d, lh_str line, lh_str id,
                                  lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(2 * (size_t)JOURNAL_BYTES);
    lh_str key, before;
    lh_object_info info;
    bool there;
    LH_TRY(lh_arena_new(JOURNAL_ARENA_BYTES, &arena, err));
    LH_TRY(journal_get(vector, d, arena, &key, &before, &info, &there, err));
    if (lh_str_search(before, lh_arena_printf(arena, "\"id\":\"%.*s\"", LH_STR_ARG(id))) != SIZE_MAX) return LH_OK;
    journal_add(before, line, JOURNAL_BYTES, &text);
    LH_TRY(lh_buf_check(&text, err));
    const lh_put_condition condition = {.if_absent = !there, .if_etag = there ? lh_str_from(info.etag) : LH_STR_NONE};
    return lh_bucket_put(lh_registry_whole(vector->registry), key, lh_buf_str(&text), condition, NULL, err);
}

lh_code journal_append(const lh_vector *vector, const vector_definition *d, const lh_json *trial, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str line;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(lh_json_write(arena, trial, false, &line, err));
    lh_code code = LH_CONFLICT;
    for (int i = 0; i < JOURNAL_TRIES && code == LH_CONFLICT; i++) {
        if (i > 0) lh_time_sleep_ms(lh_random_below(20 * (uint64_t)i) + 1);
        code = journal_try_append(vector, d, line, lh_json_get_string(trial, "id"), err);
    }
    return code;
}
