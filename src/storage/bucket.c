/* The public calls of a bucket: check the key, open a trace span around what touches disk or network, call
 * the kind's own function. Nothing here knows which kind it is.
 * Spans belong to one call: a stream may be read or written between other spans of the thread, so a put's span
 * covers its commit, a get's the opening.
 * Of several buckets seen as one (federation.c) each call goes to the one that holds the key. */
#include "storage/storage_internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { BUCKET_COPY_BYTES = 1 << 20 };

static void bucket_span_begin(lh_span *span, const char *name, const lh_bucket *bucket, lh_str key) {
    lh_span_begin(name, span);
    lh_span_string(span, "storage.kind", lh_str_from(bucket->ops->kind));
    lh_span_string(span, "storage.key", key);
}

static lh_code bucket_told(const lh_bucket *bucket, const char *operation, lh_str key, lh_code code,
                           const lh_error *err) {
    bool failed = code == LH_IO || code == LH_UNAVAILABLE || code == LH_DENIED || code == LH_CORRUPT;
    if (failed && bucket->observer.failed)
        bucket->observer.failed(bucket->observer.ctx, operation, key, code, err ? err->message : "");
    return code;
}

/* Whose key is it? Then checks the key, and that the bucket is where it was. A list's prefix may be empty or half a key. */
static lh_code bucket_route(lh_bucket **bucket, lh_str *key, const char *operation, lh_error *err) {
    bool half = strcmp(operation, "list") == 0 || strcmp(operation, "lock") == 0;
    if ((*bucket)->ops->route) LH_TRY((*bucket)->ops->route(*bucket, *key, bucket, key, err));
    if (!half) LH_TRY(lh_key_check(*key, err));
    if (!(*bucket)->ops->present || !(*bucket)->observer.failed) return LH_OK;
    return bucket_told(*bucket, operation, *key, (*bucket)->ops->present(*bucket, err), err);
}

static lh_code bucket_route_write(lh_bucket **bucket, lh_str *key, const char *operation, lh_error *err) {
    LH_TRY(bucket_route(bucket, key, operation, err));
    if ((*bucket)->read_only) return lh_fail(err, LH_DENIED, "the bucket is read-only: '%.*s'", LH_STR_ARG(*key));
    return LH_OK;
}

void lh_bucket_free(lh_bucket *bucket) {
    if (bucket) bucket->ops->free(bucket);
}

bool lh_bucket_is_local(const lh_bucket *bucket, lh_str key) {
    lh_bucket *holder = NULL;
    lh_str ignored;
    if (bucket->ops->route && bucket->ops->route(bucket, key, &holder, &ignored, NULL) == LH_OK) bucket = holder;
    return lh_str_starts(bucket->location, LH_STR("/"));
}

lh_code lh_bucket_probe(lh_bucket *bucket, uint64_t timeout_ms, lh_error *err) {
    return bucket_told(bucket, "probe", LH_STR_NONE, bucket->ops->probe(bucket, timeout_ms, err), err);
}

/* Keys were checked: they fit. */
static void bucket_keep_key(lh_str key, char into[LH_LIMIT_KEY_BYTES + 1]) {
    memcpy(into, key.ptr, key.len);
    into[key.len] = '\0';
}

lh_code lh_bucket_put_begin(lh_bucket *bucket, lh_str key, lh_put_condition condition, lh_object_writer **ret,
                            lh_error *err) {
    LH_TRY(bucket_route_write(&bucket, &key, "put", err));
    if (condition.if_absent && condition.if_etag.len)
        return lh_fail(err, LH_INVALID, "a put takes one condition, not two");
    if (condition.if_etag.len >= LH_ETAG_BYTES)
        return lh_fail(err, LH_CONFLICT, "'%.*s' has another version", LH_STR_ARG(key));
    LH_TRY(bucket_told(bucket, "put", key, bucket->ops->put_begin(bucket, key, condition, ret, err), err));
    bucket_keep_key(key, (*ret)->key);
    return LH_OK;
}

lh_code lh_put_write(lh_object_writer *writer, lh_str data, lh_error *err) {
    if (data.len == 0) return LH_OK;
    const lh_bucket *bucket = writer->bucket;
    return bucket_told(bucket, "put", lh_str_from(writer->key), bucket->ops->put_write(writer, data, err), err);
}

lh_code lh_put_commit(lh_object_writer *writer, lh_object_info *ret, lh_error *err) {
    lh_span span;
    lh_object_info info = {0};
    const lh_bucket *bucket = writer->bucket;
    char key[LH_LIMIT_KEY_BYTES + 1]; /* the writer is freed by its commit */
    bucket_keep_key(lh_str_from(writer->key), key);
    bucket_span_begin(&span, "storage.put", bucket, lh_str_from(key));
    lh_code code = bucket_told(bucket, "put", lh_str_from(key), bucket->ops->put_commit(writer, &info, err), err);
    lh_span_number(&span, "storage.bytes", (int64_t)info.size_bytes);
    lh_span_end(&span, code);
    if (code == LH_OK && ret) *ret = info;
    return code;
}

void lh_put_abort(lh_object_writer *writer) {
    if (writer) writer->bucket->ops->put_abort(writer);
}

lh_code lh_bucket_put(lh_bucket *bucket, lh_str key, lh_str data, lh_put_condition condition, lh_object_info *ret,
                      lh_error *err) {
    lh_object_writer *writer = NULL;
    LH_TRY(lh_bucket_put_begin(bucket, key, condition, &writer, err));
    lh_code code = lh_put_write(writer, data, err);
    if (code == LH_OK) return lh_put_commit(writer, ret, err);
    lh_put_abort(writer);
    return code;
}

static lh_code bucket_get_open(lh_bucket *bucket, lh_str key, lh_byte_range range, lh_object_reader **ret,
                               lh_object_info *ret_info, lh_error *err) {
    lh_span span;
    lh_object_info info = {0};
    bucket_span_begin(&span, "storage.get", bucket, key);
    lh_code code = bucket_told(bucket, "get", key, bucket->ops->get_open(bucket, key, range, ret, &info, err), err);
    lh_span_number(&span, "storage.object_bytes", (int64_t)info.size_bytes);
    lh_span_end(&span, code);
    if (code == LH_OK) bucket_keep_key(key, (*ret)->key);
    if (code == LH_OK && ret_info) *ret_info = info;
    return code;
}

lh_code lh_bucket_get_open(lh_bucket *bucket, lh_str key, lh_byte_range range, lh_object_reader **ret,
                           lh_object_info *ret_info, lh_error *err) {
    LH_TRY(bucket_route(&bucket, &key, "get", err));
    return bucket_get_open(bucket, key, range, ret, ret_info, err);
}

lh_code lh_get_read(lh_object_reader *reader, char *into, size_t cap_bytes, size_t *ret_len, lh_error *err) {
    const lh_bucket *bucket = reader->bucket;
    lh_code code = bucket->ops->get_read(reader, into, cap_bytes, ret_len, err);
    return bucket_told(bucket, "get", lh_str_from(reader->key), code, err);
}

void lh_get_close(lh_object_reader *reader) {
    if (reader) reader->bucket->ops->get_close(reader);
}

lh_code lh_bucket_get(lh_bucket *bucket, lh_str key, uint64_t max_bytes, lh_arena *arena, lh_str *ret,
                      lh_object_info *ret_info, lh_error *err) {
    LH_CLEANUP(lh_get_closep) lh_object_reader *reader = NULL;
    lh_object_info info;
    LH_TRY(lh_bucket_get_open(bucket, key, LH_RANGE_ALL, &reader, &info, err));
    if (info.size_bytes > max_bytes)
        return lh_fail(err, LH_LIMIT, "'%.*s' has %" PRIu64 " bytes; %" PRIu64 " are allowed", LH_STR_ARG(key),
                       info.size_bytes, max_bytes);
    size_t size = (size_t)info.size_bytes, filled = 0, got = 1;
    char *bytes = lh_arena_alloc(arena, size + 1);
    if (!bytes) return lh_arena_check(arena, err);
    while (filled < size && got > 0) {
        LH_TRY(lh_get_read(reader, bytes + filled, size - filled, &got, err));
        filled += got;
    }
    if (filled < size)
        return lh_fail(err, LH_CORRUPT, "'%.*s' ended after %zu of %zu bytes", LH_STR_ARG(key), filled, size);
    bytes[size] = '\0';
    *ret = (lh_str){bytes, size};
    if (ret_info) *ret_info = info;
    return LH_OK;
}

/* ---- files ---- */

static lh_code bucket_put_copy(FILE *file, lh_object_writer *writer, const _Atomic bool *cancelled, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) char *piece = malloc(BUCKET_COPY_BYTES);
    if (!piece) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    for (size_t got; (got = fread(piece, 1, BUCKET_COPY_BYTES, file)) > 0;) {
        if (cancelled && *cancelled) return lh_fail(err, LH_CANCELLED, "writing '%s' was cancelled", writer->key);
        LH_TRY(lh_put_write(writer, (lh_str){piece, got}, err));
    }
    return ferror(file) ? lh_fail_errno(err, errno, "cannot read the file for '%s'", writer->key) : LH_OK;
}

lh_code lh_bucket_put_file(lh_bucket *bucket, lh_str key, const char *path, const _Atomic bool *cancelled,
                           lh_error *err) {
    lh_object_writer *writer = NULL;
    LH_TRY(bucket_route_write(&bucket, &key, "put", err));
    if (bucket->ops->put_link && bucket->ops->put_link(bucket, key, path, &writer, NULL) == LH_OK) {
        bucket_keep_key(key, writer->key);
        return lh_put_commit(writer, NULL, err);
    }
    FILE *file = fopen(path, "re");
    if (!file) return lh_fail_errno(err, errno, "cannot open %s", path);
    lh_code code = lh_bucket_put_begin(bucket, key, (lh_put_condition){0}, &writer, err);
    if (code == LH_OK) code = bucket_put_copy(file, writer, cancelled, err);
    fclose(file);
    if (code == LH_OK) return lh_put_commit(writer, NULL, err);
    lh_put_abort(writer);
    return code;
}

static lh_code bucket_get_copy(lh_object_reader *reader, FILE *file, uint64_t size_bytes, const _Atomic bool *cancelled,
                               lh_error *err) {
    LH_CLEANUP(lh_free_pointer) char *piece = malloc(BUCKET_COPY_BYTES);
    uint64_t filled = 0;
    size_t got = 0;
    if (!piece) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    do {
        if (cancelled && *cancelled) return lh_fail(err, LH_CANCELLED, "reading '%s' was cancelled", reader->key);
        LH_TRY(lh_get_read(reader, piece, BUCKET_COPY_BYTES, &got, err));
        if (got && fwrite(piece, got, 1, file) != 1) return lh_fail_errno(err, errno, "cannot write a file");
        filled += got;
    } while (got > 0);
    if (fflush(file) != 0) return lh_fail_errno(err, errno, "cannot write a file");
    return filled == size_bytes ? LH_OK : lh_fail(err, LH_CORRUPT, "'%s' ended too early", reader->key);
}

lh_code lh_bucket_get_file(lh_bucket *bucket, lh_str key, const char *path, const _Atomic bool *cancelled,
                           lh_error *err) {
    LH_CLEANUP(lh_get_closep) lh_object_reader *reader = NULL;
    lh_object_info info;
    LH_TRY(bucket_route(&bucket, &key, "get", err));
    if (bucket->ops->get_link && bucket->ops->get_link(bucket, key, path, NULL) == LH_OK) return LH_OK;
    LH_TRY(bucket_get_open(bucket, key, LH_RANGE_ALL, &reader, &info, err));
    FILE *file = fopen(path, "wxe");
    if (!file) return lh_fail_errno(err, errno, "cannot make %s", path);
    lh_code code = bucket_get_copy(reader, file, info.size_bytes, cancelled, err);
    if (fclose(file) != 0 && code == LH_OK) code = lh_fail_errno(err, errno, "cannot write %s", path);
    if (code != LH_OK) (void)unlink(path);
    return code;
}

lh_code lh_bucket_head(lh_bucket *bucket, lh_str key, lh_object_info *ret, lh_error *err) {
    lh_span span;
    LH_TRY(bucket_route(&bucket, &key, "head", err));
    bucket_span_begin(&span, "storage.head", bucket, key);
    lh_code code = bucket_told(bucket, "head", key, bucket->ops->head(bucket, key, ret, err), err);
    lh_span_end(&span, code);
    return code;
}

lh_code lh_bucket_delete(lh_bucket *bucket, lh_str key, lh_str if_etag, lh_error *err) {
    lh_span span;
    LH_TRY(bucket_route_write(&bucket, &key, "delete", err));
    if (if_etag.len >= LH_ETAG_BYTES) return lh_fail(err, LH_CONFLICT, "'%.*s' has another version", LH_STR_ARG(key));
    bucket_span_begin(&span, "storage.delete", bucket, key);
    lh_code code = bucket_told(bucket, "delete", key, bucket->ops->remove(bucket, key, if_etag, err), err);
    lh_span_end(&span, code);
    return code;
}

/* A page of one of several buckets: its keys as the whole knows them. */
static lh_code bucket_list_whole(lh_str stem, lh_arena *arena, lh_object_page *page, lh_error *err) {
    for (size_t i = 0; stem.len && i < page->count; i++)
        page->entries[i].key =
            lh_arena_printf(arena, "%.*s%.*s", LH_STR_ARG(stem), LH_STR_ARG(page->entries[i].key));
    return lh_arena_check(arena, err);
}

lh_code lh_bucket_list(lh_bucket *bucket, lh_str prefix, lh_str after, size_t limit, lh_arena *arena,
                       lh_object_page *ret, lh_error *err) {
    lh_span span;
    lh_object_page page = {0};
    if (prefix.len > LH_LIMIT_KEY_BYTES || after.len > LH_LIMIT_KEY_BYTES)
        return lh_fail(err, LH_INVALID, "a prefix or page token has more than %d bytes", LH_LIMIT_KEY_BYTES);
    if (limit == 0) return lh_fail(err, LH_INVALID, "a page of 0 objects was asked for");
    lh_str whole = prefix;
    LH_TRY(bucket_route(&bucket, &prefix, "list", err));
    lh_str stem = lh_str_sub(whole, 0, whole.len - prefix.len); /* "//name/", or empty */
    if (lh_str_starts(after, stem)) after = lh_str_sub(after, stem.len, SIZE_MAX);
    bucket_span_begin(&span, "storage.list", bucket, prefix);
    lh_code code =
        bucket_told(bucket, "list", prefix, bucket->ops->list(bucket, prefix, after, limit, arena, &page, err), err);
    if (code == LH_OK) code = bucket_list_whole(stem, arena, &page, err);
    lh_span_number(&span, "storage.objects", (int64_t)page.count);
    lh_span_end(&span, code);
    if (code == LH_OK) *ret = page;
    return code;
}

lh_code lh_bucket_make_folder(lh_bucket *bucket, lh_str key, lh_error *err) {
    LH_TRY(bucket_route_write(&bucket, &key, "make folder", err));
    return bucket_told(bucket, "make folder", key, bucket->ops->make_folder(bucket, key, err), err);
}

lh_code lh_bucket_sync(lh_bucket *bucket, lh_str key, lh_error *err) {
    lh_span span;
    LH_TRY(bucket_route(&bucket, &key, "sync", err));
    bucket_span_begin(&span, "storage.sync", bucket, key);
    lh_code code = bucket_told(bucket, "sync", key, bucket->ops->sync(bucket, key, err), err);
    lh_span_end(&span, code);
    return code;
}

lh_code lh_bucket_lock_shared(lh_bucket *bucket, lh_str name, lh_bucket_lock *ret, lh_error *err) {
    int fd = -1;
    LH_TRY(bucket_route(&bucket, &name, "lock", err));
    if (bucket->ops->lock) LH_TRY(bucket->ops->lock(bucket, name, false, &fd, err));
    ret->fd_plus_one = fd + 1;
    return LH_OK;
}

lh_code lh_bucket_lock_exclusive(lh_bucket *bucket, lh_str name, uint64_t wait_ms, lh_bucket_lock *ret, lh_error *err) {
    enum { STEP_MS = 10 };
    int fd = -1;
    LH_TRY(bucket_route(&bucket, &name, "lock", err));
    if (bucket->ops->lock) {
        lh_code code = bucket->ops->lock(bucket, name, true, &fd, err);
        for (uint64_t waited_ms = 0; code == LH_UNAVAILABLE && waited_ms < wait_ms; waited_ms += STEP_MS) {
            lh_time_sleep_ms(STEP_MS);
            code = bucket->ops->lock(bucket, name, true, &fd, err);
        }
        LH_TRY(code);
    }
    ret->fd_plus_one = fd + 1;
    return LH_OK;
}

void lh_bucket_unlock(lh_bucket_lock *lock) {
    if (lock->fd_plus_one > 0) close(lock->fd_plus_one - 1);
    lock->fd_plus_one = 0;
}
