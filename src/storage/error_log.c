/* What failed in the buckets of a lake, for people who ask why.
 *
 * In the primary: "_errors/bucket_errors.jsonl", one record a line, newest last:
 *   {"id":"<UUIDv7>","time":"…","bucket":"…","operation":"get","key":"…","code":"unavailable","message":"…"}
 * When it passes ERROR_LOG_BYTES it becomes bucket_errors.1.jsonl, that one .2, and so on; the last goes. An object cannot be
 * appended to on S3, so a thread puts the whole of it anew every second in which something was added, on the condition that
 * it is still the version that was read: gateways that share a lake share the log.
 *
 * Records wait in memory until they are written, also while the primary is down: the oldest are dropped (and counted in
 * a record of their own) when there are more than ERROR_LOG_WAITING. A write takes ERROR_LOG_BYTES of them, so that no file
 * grows beyond twice that. `lock` guards the waiting ones. */
#include "storage/registry_internal.h"

#include <stdio.h>

enum {
    ERROR_LOG_BYTES = 1 << 20,
    ERROR_LOG_FILES = 4, /* beside the newest */
    ERROR_LOG_WAITING = 2000,
    ERROR_LOG_MESSAGE_BYTES = 500,
    ERROR_LOG_KEY_BYTES = 300,
    ERROR_LOG_LINE_BYTES = 6 << 10, /* more than the two above, escaped, and the rest of a record */
    ERROR_LOG_PERIOD_S = 1,
    ERROR_LOG_TRIES = 5,
    ERROR_LOG_ARENA_BYTES = 64 << 20,
};

struct error_log {
    lh_bucket *primary;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    lh_str waiting[ERROR_LOG_WAITING]; /* owned lines without their ends; a ring from `first` */
    size_t first, count;
    uint64_t gone;    /* records that ever left the ring: the number of the one at `first` */
    uint64_t dropped; /* of them, those that no file has and no record counts */
    bool stopping, started;
    pthread_t writer;
};

static lh_str error_log_name(unsigned number, char into[64]) {
    if (number == 0) snprintf(into, 64, ERROR_LOG_PREFIX "bucket_errors.jsonl");
    else snprintf(into, 64, ERROR_LOG_PREFIX "bucket_errors.%u.jsonl", number);
    return lh_str_from(into);
}

/* ---- adding ---- */

static void error_log_pop_locked(error_log *log) {
    lh_str_free(log->waiting[log->first]);
    log->first = (log->first + 1) % ERROR_LOG_WAITING;
    log->count--;
    log->gone++;
}

static void error_log_push_locked(error_log *log, lh_str line) {
    if (log->count == ERROR_LOG_WAITING) {
        error_log_pop_locked(log);
        log->dropped++;
    }
    log->waiting[(log->first + log->count++) % ERROR_LOG_WAITING] = line;
}

static lh_code error_log_line(lh_str bucket, const char *operation, lh_str key, lh_code code, const char *message,
                              lh_str *ret) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(64 << 10, &arena, NULL));
    lh_json *record = lh_json_new_object(arena);
    const lh_uuid id = lh_uuid_new();
    lh_str text = LH_STR_NONE;
    lh_json_set_string(arena, record, "id", lh_uuid_str(&id));
    lh_json_set_string(arena, record, "time", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    lh_json_set_string(arena, record, "bucket", bucket);
    lh_json_set_string(arena, record, "operation", lh_str_from(operation));
    lh_json_set_string(arena, record, "key", lh_str_cut_utf8(key, ERROR_LOG_KEY_BYTES));
    lh_json_set_string(arena, record, "code", lh_str_from(lh_code_name(code)));
    lh_json_set_string(arena, record, "message", lh_str_cut_utf8(lh_str_from(message), ERROR_LOG_MESSAGE_BYTES));
    LH_TRY(lh_json_write(arena, record, false, &text, NULL));
    return lh_str_dup(text, ret);
}

void error_log_add(error_log *log, lh_str bucket, const char *operation, lh_str key, lh_code code,
                   const char *message) {
    lh_str line = LH_STR_NONE;
    bool made = error_log_line(bucket, operation, key, code, message, &line) == LH_OK;
    pthread_mutex_lock(&log->lock);
    if (made) error_log_push_locked(log, line);
    else log->dropped++;
    pthread_cond_signal(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

/* ---- writing ---- */

typedef struct error_batch {
    uint64_t first, count, dropped; /* number of the first record, how many, and how many were told to be dropped */
} error_batch;

/* Copies waiting lines to `into`, about max_bytes of them. They stay in the ring until error_log_written(). */
static error_batch error_log_take(error_log *log, size_t max_bytes, lh_buf *into) {
    char dropped[160];
    pthread_mutex_lock(&log->lock);
    error_batch batch = {.first = log->gone};
    for (; batch.count < log->count && into->len < max_bytes; batch.count++) {
        lh_buf_append(into, log->waiting[(log->first + batch.count) % ERROR_LOG_WAITING]);
        lh_buf_char(into, '\n');
    }
    if (batch.count == log->count) batch.dropped = log->dropped; /* told last: its id is the newest */
    if (batch.dropped) {
        const lh_uuid id = lh_uuid_new();
        snprintf(dropped, sizeof dropped, "{\"id\":\"%s\",\"time\":\"%s\",\"dropped\":%" PRIu64 "}\n", id.text,
                 lh_time_rfc3339(lh_time_now_ms()).text, batch.dropped);
        lh_buf_append(into, lh_str_from(dropped));
    }
    pthread_mutex_unlock(&log->lock);
    return batch;
}

static void error_log_written(error_log *log, error_batch batch) {
    pthread_mutex_lock(&log->lock);
    uint64_t left = log->gone - batch.first; /* the ring was full meanwhile: they left it, but are not lost */
    log->dropped -= batch.dropped + (left < batch.count ? left : batch.count);
    while (log->gone < batch.first + batch.count) error_log_pop_locked(log);
    pthread_mutex_unlock(&log->lock);
}

static lh_code error_log_copy(error_log *log, unsigned from, unsigned to, lh_arena *arena, lh_error *err) {
    char source[64], target[64];
    lh_str text;
    lh_code code =
        lh_bucket_get(log->primary, error_log_name(from, source), 4 * ERROR_LOG_BYTES, arena, &text, NULL, err);
    if (code == LH_NOT_FOUND) return LH_OK;
    LH_TRY(code);
    return lh_bucket_put(log->primary, error_log_name(to, target), text, (lh_put_condition){0}, NULL, err);
}

/* The newest becomes the first of the older ones. A crash in between leaves a file twice, and loses none. */
static lh_code error_log_rotate(error_log *log, const char *etag, lh_arena *arena, lh_error *err) {
    char name[64];
    for (unsigned number = ERROR_LOG_FILES; number > 0; number--)
        LH_TRY(error_log_copy(log, number - 1, number, arena, err));
    return lh_bucket_delete(log->primary, error_log_name(0, name), lh_str_from(etag), err);
}

static lh_code error_log_try(error_log *log, lh_str lines, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf whole = LH_BUF_INIT(4 * ERROR_LOG_BYTES);
    char name[64];
    lh_str old = LH_STR_NONE;
    lh_object_info info = {0};
    LH_TRY(lh_arena_new(ERROR_LOG_ARENA_BYTES, &arena, err));
    lh_str key = error_log_name(0, name);
    lh_code code = lh_bucket_get(log->primary, key, 4 * ERROR_LOG_BYTES, arena, &old, &info, err);
    if (code != LH_OK && code != LH_NOT_FOUND) return code;
    bool fresh = code == LH_NOT_FOUND;
    if (old.len > ERROR_LOG_BYTES) {
        LH_TRY(error_log_rotate(log, info.etag, arena, err));
        old = LH_STR_NONE;
        fresh = true;
    }
    lh_buf_append(&whole, old);
    lh_buf_append(&whole, lines);
    LH_TRY(lh_buf_check(&whole, err));
    const lh_put_condition condition = {.if_absent = fresh, .if_etag = fresh ? LH_STR_NONE : lh_str_from(info.etag)};
    return lh_bucket_put(log->primary, key, lh_buf_str(&whole), condition, NULL, err);
}

/* Writes some of what waits; what cannot be written stays. LH_CANCELLED: nothing waits. */
static lh_code error_log_write(error_log *log) {
    LH_CLEANUP(lh_buf_done) lh_buf lines = LH_BUF_INIT(2 * ERROR_LOG_BYTES);
    error_batch batch = error_log_take(log, ERROR_LOG_BYTES, &lines);
    LH_TRY(lh_buf_check(&lines, NULL));
    lh_code code = lines.len == 0 ? LH_CANCELLED : LH_CONFLICT;
    for (int tries = 0; code == LH_CONFLICT && tries < ERROR_LOG_TRIES; tries++)
        code = error_log_try(log, lh_buf_str(&lines), NULL);
    if (code == LH_OK) error_log_written(log, batch);
    return code;
}

static void error_log_flush(error_log *log) {
    lh_code code;
    do code = error_log_write(log);
    while (code == LH_OK);
}

static void *error_log_run(void *arg) {
    error_log *log = arg;
    pthread_mutex_lock(&log->lock);
    while (!log->stopping) {
        const struct timespec until = lh_time_after_ms(ERROR_LOG_PERIOD_S * 1000);
        while (!log->stopping && pthread_cond_timedwait(&log->changed, &log->lock, &until) == 0) continue;
        bool some = log->count > 0 || log->dropped > 0;
        pthread_mutex_unlock(&log->lock);
        if (some) error_log_flush(log);
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

lh_code error_log_new(lh_bucket *primary, error_log **ret, lh_error *err) {
    error_log *log = calloc(1, sizeof *log);
    if (!log) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_mutex_init(&log->lock, NULL);
    lh_cond_init(&log->changed);
    log->primary = primary;
    if (pthread_create(&log->writer, NULL, error_log_run, log) != 0) {
        error_log_free(log);
        return lh_fail(err, LH_NO_MEMORY, "cannot start a thread");
    }
    log->started = true;
    *ret = log;
    return LH_OK;
}

void error_log_stop(error_log *log) {
    if (!log || !log->started) return;
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->writer, NULL);
    log->started = false;
    error_log_flush(log);
}

void error_log_free(error_log *log) {
    if (!log) return;
    error_log_stop(log);
    while (log->count > 0) error_log_pop_locked(log);
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

/* ---- reading ---- */

typedef struct error_page {
    const lh_error_filter *filter;
    lh_arena *arena;
    lh_json *items;
    bool passed; /* the last record of the page before was seen: what follows is older */
    bool more;
} error_page;

static bool error_matches(const lh_error_filter *filter, const lh_json *record) {
    const struct {
        lh_str wanted;
        const char *member;
    } checks[] = {{filter->bucket, "bucket"}, {filter->operation, "operation"}, {filter->code, "code"}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (checks[i].wanted.len && !lh_str_eq(lh_json_get_string(record, checks[i].member), checks[i].wanted))
            return false;
    int64_t time = 0;
    if (filter->since_ms > 0 &&
        (lh_time_parse_rfc3339(lh_json_get_string(record, "time"), &time) != LH_OK || time < filter->since_ms))
        return false;
    return true;
}

/* Does it come after the page before? Ids rise by the millisecond only, which their first 13 characters tell. */
static bool error_page_reached(error_page *page, lh_str id) {
    lh_str after = page->filter->after;
    if (after.len == 0 || page->passed) return true;
    page->passed = lh_str_eq(id, after);
    return !page->passed && lh_str_cmp(lh_str_sub(id, 0, 13), lh_str_sub(after, 0, 13)) < 0;
}

/* Was written while it still waited. */
static bool error_page_has(const error_page *page, lh_str id) {
    for (lh_json_iter it = lh_json_each(page->items); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "id"), id)) return true;
    return false;
}

/* The lines of a file, last first. What is no record (a line cut by a hand) is passed over. */
static void error_page_read(error_page *page, lh_str text) {
    while (text.len && !page->more) {
        if (lh_str_ends(text, LH_STR("\n"))) text.len--;
        size_t start = text.len;
        while (start > 0 && text.ptr[start - 1] != '\n') start--;
        lh_json *record = NULL;
        lh_str line = lh_str_sub(text, start, SIZE_MAX);
        text.len = start;
        if (line.len == 0 || lh_json_parse(page->arena, line, &record, NULL) != LH_OK) continue;
        lh_str id = lh_json_get_string(record, "id");
        if (!error_page_reached(page, id) || !error_matches(page->filter, record) || error_page_has(page, id)) continue;
        page->more = lh_json_size(page->items) == page->filter->limit;
        if (!page->more) lh_json_append(page->items, record);
    }
}

lh_code error_log_read(error_log *log, const lh_error_filter *filter, lh_arena *arena, lh_json **ret, lh_error *err) {
    error_page page = {.filter = filter, .arena = arena, .items = lh_json_new_array(arena)};
    LH_CLEANUP(lh_buf_done) lh_buf waiting = LH_BUF_INIT((ERROR_LOG_WAITING + 1) * ERROR_LOG_LINE_BYTES);
    error_log_take(log, SIZE_MAX, &waiting);
    LH_TRY(lh_buf_check(&waiting, err));
    error_page_read(&page, lh_arena_dup(arena, lh_buf_str(&waiting)));
    for (unsigned number = 0; number <= ERROR_LOG_FILES && !page.more; number++) {
        char name[64];
        lh_str text;
        lh_code code =
            lh_bucket_get(log->primary, error_log_name(number, name), 4 * ERROR_LOG_BYTES, arena, &text, NULL, err);
        if (code == LH_UNAVAILABLE || code == LH_IO) break; /* the primary is down: what waits is all there is */
        if (code == LH_OK) error_page_read(&page, text);
        else if (code != LH_NOT_FOUND) return code;
    }
    const lh_json *last = lh_json_at(page.items, lh_json_size(page.items) - 1);
    *ret = lh_json_page(arena, page.items, page.more ? lh_json_get_string(last, "id") : LH_STR_NONE);
    return lh_arena_check(arena, err);
}
