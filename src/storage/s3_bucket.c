/* A bucket on S3 or a service that speaks its protocol.
 *
 * Reading pulls pieces of S3_READ_BYTES by range, each bound by If-Match to the version that was opened: memory is
 * bounded, a broken connection costs one piece, and a reader never sees two versions mixed.
 * Listing asks for start-after pages and leaves out keys that other programs made and that are no keys here. */
#include "storage/s3_internal.h"

#include <stdio.h>

enum { S3_ARENA_BYTES = 256 << 10, S3_LIST_ARENA_BYTES = 64 << 20, S3_LIST_PAGE = 1000 };

/* ---- head and reading ---- */

lh_code s3_head_object(s3_bucket *bucket, lh_str key, lh_arena *arena, lh_object_info *ret, lh_str *ret_put_id,
                       lh_error *err) {
    s3_answer answer;
    s3_request request = {.method = "HEAD", .key = key};
    lh_code code = s3_do(bucket, &request, arena, &answer, err);
    if (code == LH_NOT_FOUND) return lh_fail(err, LH_NOT_FOUND, "'%.*s' does not exist", LH_STR_ARG(key));
    LH_TRY(code);
    LH_TRY(s3_info_of(answer.http.headers, answer.http.header_count, ret, err));
    if (ret_put_id) *ret_put_id = lh_http_answer_header(&answer.http, S3_PUT_ID_HEADER);
    return LH_OK;
}

static lh_code s3_head(lh_bucket *base, lh_str key, lh_object_info *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(S3_ARENA_BYTES, &arena, err));
    return s3_head_object(s3_of(base), key, arena, ret, NULL, err);
}

typedef struct s3_reader {
    lh_object_reader base;
    lh_str key; /* owned */
    lh_object_info info;
    char if_match[LH_ETAG_BYTES + 2]; /* quoted; "" before the first piece came */
    uint64_t offset, left_bytes;      /* not yet fetched */
    char *piece;                      /* owned: fetched, given out up to `given` */
    size_t piece_room, piece_len, given, piece_wanted;
    int status;
} s3_reader;

static void s3_get_close(lh_object_reader *base) {
    s3_reader *reader = (s3_reader *)base;
    lh_str_free(reader->key);
    free(reader->piece);
    free(reader);
}

/* A try begins: what an earlier one left is forgotten. */
static lh_code s3_get_on_headers(void *ctx, int status, const lh_http_header *headers, size_t count) {
    s3_reader *reader = ctx;
    uint64_t length = 0;
    reader->status = status;
    reader->piece_len = reader->given = 0;
    if (status != 200 && status != 206) return LH_OK;
    if (lh_str_to_u64(s3_header_of(headers, count, "content-length"), &length) != LH_OK) return LH_CORRUPT;
    if (length > reader->piece_wanted) return LH_CORRUPT; /* the range was not heeded */
    if (length > reader->piece_room) {
        char *grown = realloc(reader->piece, (size_t)length);
        if (!grown) return LH_NO_MEMORY;
        reader->piece = grown;
        reader->piece_room = (size_t)length;
    }
    return LH_OK;
}

static lh_code s3_get_on_body(void *ctx, lh_str data) {
    s3_reader *reader = ctx;
    if (reader->status != 200 && reader->status != 206) return LH_OK; /* an error's text; the status says enough */
    if (data.len > reader->piece_room - reader->piece_len) return LH_CORRUPT;
    memcpy(reader->piece + reader->piece_len, data.ptr, data.len);
    reader->piece_len += data.len;
    return LH_OK;
}

/* The whole object's info from the first piece's headers: its size is behind the '/' of Content-Range. */
static lh_code s3_get_first(s3_reader *reader, const lh_http_answer *answer, lh_error *err) {
    LH_TRY(s3_info_of(answer->headers, answer->header_count, &reader->info, err));
    lh_str range = lh_http_answer_header(answer, "content-range");
    size_t slash = lh_str_find(range, '/');
    if (reader->status == 206 &&
        lh_str_to_u64(lh_str_sub(range, slash + 1, SIZE_MAX), &reader->info.size_bytes) != LH_OK)
        return lh_fail(err, LH_CORRUPT, "the S3 service's answer has no usable Content-Range");
    if (reader->status == 200 && reader->offset != 0)
        return lh_fail(err, LH_CORRUPT, "the S3 service did not heed the range");
    if (reader->offset > reader->info.size_bytes)
        return lh_fail(err, LH_CORRUPT, "the S3 service's Content-Range makes no sense");
    uint64_t most = reader->info.size_bytes - reader->offset;
    if (reader->left_bytes > most) reader->left_bytes = most;
    snprintf(reader->if_match, sizeof reader->if_match, "\"%.*s\"", LH_ETAG_BYTES - 1, reader->info.etag);
    return LH_OK;
}

/* Fetches the next piece. Errors also: LIMIT (416), CONFLICT (changed meanwhile). */
static lh_code s3_get_piece(s3_reader *reader, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    s3_answer answer;
    LH_TRY(lh_arena_new(S3_ARENA_BYTES, &arena, err));
    reader->piece_wanted = reader->left_bytes < S3_READ_BYTES ? (size_t)reader->left_bytes : S3_READ_BYTES;
    s3_request request = {
        .method = "GET", .key = reader->key, .write = s3_get_on_body, .on_headers = s3_get_on_headers, .ctx = reader};
    lh_str range = lh_arena_printf(arena, "bytes=%" PRIu64 "-%" PRIu64, reader->offset,
                                   reader->offset + (reader->piece_wanted - 1));
    s3_request_header(&request, LH_STR("range"), range);
    if (reader->if_match[0]) s3_request_header(&request, LH_STR("if-match"), lh_str_from(reader->if_match));
    lh_code code = s3_do(s3_of(reader->base.bucket), &request, arena, &answer, err);
    if (code == LH_NOT_FOUND) return lh_fail(err, code, "'%.*s' does not exist", LH_STR_ARG(reader->key));
    LH_TRY(code);
    if (!reader->if_match[0]) LH_TRY(s3_get_first(reader, &answer.http, err));
    uint64_t expected = reader->left_bytes < reader->piece_wanted ? reader->left_bytes : reader->piece_wanted;
    if (reader->piece_len != expected)
        return lh_fail(err, LH_CORRUPT, "the S3 service sent %zu of %" PRIu64 " bytes", reader->piece_len, expected);
    reader->offset += reader->piece_len;
    reader->left_bytes -= reader->piece_len;
    return LH_OK;
}

/* A range that S3 cannot express or refuses: empty, or at the very end (an empty object's only one). */
static lh_code s3_get_nothing(s3_reader *reader, lh_error *err) {
    LH_TRY(s3_head(reader->base.bucket, reader->key, &reader->info, err));
    if (reader->offset > reader->info.size_bytes)
        return lh_fail(err, LH_LIMIT, "'%.*s' has %" PRIu64 " bytes; none at %" PRIu64, LH_STR_ARG(reader->key),
                       reader->info.size_bytes, reader->offset);
    if (reader->left_bytes && reader->offset < reader->info.size_bytes)
        return lh_fail(err, LH_UNAVAILABLE, "'%.*s' changed while it was opened", LH_STR_ARG(reader->key));
    reader->left_bytes = reader->piece_len = 0;
    return LH_OK;
}

static lh_code s3_get_open(lh_bucket *base, lh_str key, lh_byte_range range, lh_object_reader **ret,
                           lh_object_info *ret_info, lh_error *err) {
    LH_CLEANUP(lh_get_closep) lh_object_reader *owned = NULL;
    s3_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *reader = (s3_reader){.base.bucket = base, .offset = range.offset, .left_bytes = range.length};
    owned = &reader->base;
    if (lh_str_dup(key, &reader->key) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    if (reader->left_bytes > UINT64_MAX - reader->offset) reader->left_bytes = UINT64_MAX - reader->offset;
    lh_code code = reader->left_bytes ? s3_get_piece(reader, err) : LH_LIMIT;
    if (code == LH_LIMIT) code = s3_get_nothing(reader, err);
    LH_TRY(code);
    *ret_info = reader->info;
    *ret = lh_take(&owned);
    return LH_OK;
}

static lh_code s3_get_read(lh_object_reader *base, char *into, size_t cap_bytes, size_t *ret_len, lh_error *err) {
    s3_reader *reader = (s3_reader *)base;
    if (reader->given == reader->piece_len && reader->left_bytes) {
        lh_code code = s3_get_piece(reader, err);
        if (code == LH_CONFLICT || code == LH_NOT_FOUND)
            return lh_fail(err, LH_CORRUPT, "'%.*s' changed while it was read", LH_STR_ARG(reader->key));
        LH_TRY(code);
    }
    size_t give = reader->piece_len - reader->given < cap_bytes ? reader->piece_len - reader->given : cap_bytes;
    if (give) memcpy(into, reader->piece + reader->given, give);
    reader->given += give;
    *ret_len = give;
    return LH_OK;
}

/* ---- delete, list, the rest ---- */

static lh_code s3_remove(lh_bucket *base, lh_str key, lh_str if_etag, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    s3_answer answer;
    lh_object_info info;
    s3_request request = {.method = "DELETE", .key = key};
    LH_TRY(lh_arena_new(S3_ARENA_BYTES, &arena, err));
    if (if_etag.len) { /* services that do not know If-Match here ignore it, so look first */
        lh_code code = s3_head_object(s3_of(base), key, arena, &info, NULL, err);
        if (code == LH_NOT_FOUND) return lh_fail(err, LH_CONFLICT, "'%.*s' does not exist", LH_STR_ARG(key));
        LH_TRY(code);
        if (!lh_str_eq(lh_str_from(info.etag), if_etag))
            return lh_fail(err, LH_CONFLICT, "'%.*s' has another version", LH_STR_ARG(key));
        s3_request_header(&request, LH_STR("if-match"), lh_arena_printf(arena, "\"%.*s\"", LH_STR_ARG(if_etag)));
    }
    lh_code code = s3_do(s3_of(base), &request, arena, &answer, err);
    bool gone = code == LH_NOT_FOUND && !lh_str_eq(answer.error_code, LH_STR("NoSuchBucket"));
    return gone ? LH_OK : code;
}

/* Adds what is a key here to the page. */
static lh_code s3_list_take(const s3_xml_list *list, size_t limit, lh_arena *arena, lh_object_page *page,
                            lh_error *err) {
    for (size_t i = 0; i < list->count; i++) {
        const lh_object_entry *entry = &list->entries[i];
        if (lh_key_check(entry->key, NULL) != LH_OK) continue;
        if (page->count == limit) return page->more = true, LH_OK; /* more than was asked for */
        page->entries[page->count++] = (lh_object_entry){lh_arena_dup(arena, entry->key), entry->size_bytes,
                                                         entry->modified_ms, lh_arena_dup(arena, entry->etag)};
    }
    return lh_arena_check(arena, err);
}

/* One page of the service. *after moves to its last key. */
static lh_code s3_list_page(s3_bucket *bucket, lh_str prefix, lh_str *after, size_t limit, lh_arena *scratch,
                            s3_xml_list *ret, lh_error *err) {
    s3_answer answer;
    s3_request request = {.method = "GET"};
    s3_request_query(&request, LH_STR("list-type"), LH_STR("2"));
    s3_request_query(&request, LH_STR("encoding-type"), LH_STR("url"));
    s3_request_query(&request, LH_STR("max-keys"),
                     lh_arena_printf(scratch, "%zu", limit < S3_LIST_PAGE ? limit : S3_LIST_PAGE));
    if (prefix.len) s3_request_query(&request, LH_STR("prefix"), prefix);
    if (after->len) s3_request_query(&request, LH_STR("start-after"), *after);
    LH_TRY(s3_do(bucket, &request, scratch, &answer, err));
    LH_TRY(s3_xml_parse_list(answer.http.body, scratch, ret, err));
    if (ret->truncated && ret->count == 0)
        return lh_fail(err, LH_CORRUPT, "the S3 service gave an empty page and said that there is more");
    lh_str last = ret->count ? ret->entries[ret->count - 1].key : *after;
    if (ret->truncated && lh_str_cmp(last, *after) <= 0)
        return lh_fail(err, LH_CORRUPT, "the S3 service's list goes round in circles");
    *after = last;
    return LH_OK;
}

static lh_code s3_list(lh_bucket *base, lh_str prefix, lh_str after, size_t limit, lh_arena *arena, lh_object_page *ret,
                       lh_error *err) {
    lh_object_page page = {0};
    char cursor_bytes[4 * LH_LIMIT_KEY_BYTES];
    lh_str cursor = after;
    if (limit > LH_LIMIT_LIST_PAGE * 10) limit = LH_LIMIT_LIST_PAGE * 10;
    page.entries = LH_ARENA_ARRAY(arena, lh_object_entry, limit);
    if (!page.entries) return lh_arena_check(arena, err);
    for (bool more = true; more && !page.more;) {
        LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
        s3_xml_list list;
        LH_TRY(lh_arena_new(S3_LIST_ARENA_BYTES, &scratch, err));
        LH_TRY(s3_list_page(s3_of(base), prefix, &cursor, limit - page.count, scratch, &list, err));
        LH_TRY(s3_list_take(&list, limit, arena, &page, err));
        more = list.truncated;
        if (more && page.count == limit) page.more = true;
        if (cursor.len > sizeof cursor_bytes)
            return lh_fail(err, LH_CORRUPT, "the S3 service listed a key of %zu bytes", cursor.len);
        if (cursor.len) memmove(cursor_bytes, cursor.ptr, cursor.len); /* out of `scratch` */
        cursor.ptr = cursor_bytes;
    }
    *ret = page;
    return LH_OK;
}

static lh_code s3_make_folder(lh_bucket *base, lh_str key, lh_error *err) {
    (void)base, (void)key, (void)err;
    return LH_OK;
}

static lh_code s3_sync(lh_bucket *base, lh_str key, lh_error *err) {
    lh_object_info info;
    return s3_head(base, key, &info, err);
}

static lh_code s3_probe(lh_bucket *base, uint64_t timeout_ms, lh_error *err) {
    s3_bucket *bucket = s3_of(base);
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    s3_answer answer;
    s3_request request = {.method = "HEAD", .once_within_ms = timeout_ms};
    LH_TRY(lh_arena_new(S3_ARENA_BYTES, &arena, err));
    lh_str name = lh_str_sub(bucket->base.location, 5, SIZE_MAX);
    lh_code code = s3_do(bucket, &request, arena, &answer, err);
    if (code == LH_NOT_FOUND) return lh_fail(err, code, "the S3 bucket '%.*s' does not exist", LH_STR_ARG(name));
    if (code == LH_DENIED)
        return lh_fail(err, code, "the S3 service refuses access to the bucket '%.*s': check keys, region and clock",
                       LH_STR_ARG(name));
    return code;
}

static void s3_free(lh_bucket *base) {
    s3_bucket *bucket = s3_of(base);
    lh_http_client_free(bucket->http);
    if (bucket->secret_key.len) explicit_bzero((void *)(uintptr_t)bucket->secret_key.ptr, bucket->secret_key.len);
    lh_str *owned[] = {&bucket->origin,     &bucket->host,       &bucket->path_prefix, &bucket->region,
                       &bucket->access_key, &bucket->secret_key, &base->location,      &base->location_given};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) lh_str_free(*owned[i]);
    free(bucket);
}

static const struct bucket_ops s3_ops = {
    .kind = "s3",
    .put_begin = s3_put_begin,
    .put_write = s3_put_write,
    .put_commit = s3_put_commit,
    .put_abort = s3_put_abort,
    .get_open = s3_get_open,
    .get_read = s3_get_read,
    .get_close = s3_get_close,
    .head = s3_head,
    .remove = s3_remove,
    .list = s3_list,
    .make_folder = s3_make_folder,
    .sync = s3_sync,
    .probe = s3_probe,
    .free = s3_free,
};

/* ---- opening ---- */

static lh_code s3_check_options(const lh_s3_options *options, lh_error *err) {
    if (options->bucket.len < 3 || options->bucket.len > 63)
        return lh_fail(err, LH_INVALID, "an S3 bucket's name has 3 to 63 characters");
    for (size_t i = 0; i < options->bucket.len; i++) {
        char c = options->bucket.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
            return lh_fail(err, LH_INVALID, "'%.*s' is not a name of an S3 bucket", LH_STR_ARG(options->bucket));
    }
    if (options->access_key.len == 0 || options->access_key.len > 200 || options->secret_key.len == 0 ||
        options->secret_key.len > 200)
        return lh_fail(err, LH_INVALID, "S3 needs an access key and a secret key of at most 200 characters");
    if (options->region.len == 0 || options->region.len > 64)
        return lh_fail(err, LH_INVALID, "S3 needs a region of at most 64 characters");
    return LH_OK;
}

/* "https://host:port/base" in its parts; a port that the scheme implies is left out, as in the Host header. */
static lh_code s3_split_endpoint(lh_str endpoint, lh_str *scheme, lh_str *host, lh_str *path, lh_error *err) {
    size_t at = lh_str_search(endpoint, LH_STR("://"));
    *scheme = lh_str_sub(endpoint, 0, at == SIZE_MAX ? 0 : at);
    if (!lh_str_eq(*scheme, LH_STR("http")) && !lh_str_eq(*scheme, LH_STR("https")))
        return lh_fail(err, LH_INVALID, "the S3 endpoint must be an http:// or https:// URL");
    lh_str rest = lh_str_sub(endpoint, at + 3, SIZE_MAX);
    size_t slash = lh_str_find(rest, '/');
    *host = lh_str_sub(rest, 0, slash);
    *path = lh_str_sub(rest, slash, SIZE_MAX);
    while (lh_str_ends(*path, LH_STR("/"))) path->len--;
    for (size_t i = 0; i < endpoint.len; i++)
        if ((unsigned char)endpoint.ptr[i] <= ' ' || endpoint.ptr[i] == '@' || endpoint.ptr[i] == '?' ||
            endpoint.ptr[i] == '#')
            return lh_fail(err, LH_INVALID,
                           "the S3 endpoint holds a character that is not allowed (no user name, query or fragment)");
    if (lh_str_ends(*host, lh_str_eq(*scheme, LH_STR("http")) ? LH_STR(":80") : LH_STR(":443")))
        host->len = lh_str_find(*host, ':');
    if (host->len == 0) return lh_fail(err, LH_INVALID, "the S3 endpoint names no host");
    return LH_OK;
}

static lh_code s3_fill(s3_bucket *bucket, const lh_s3_options *options, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str scheme, host, path;
    LH_TRY(s3_check_options(options, err));
    LH_TRY(s3_split_endpoint(options->endpoint, &scheme, &host, &path, err));
    LH_TRY(lh_arena_new(S3_ARENA_BYTES, &arena, err));
    if (!options->path_style) host = lh_arena_printf(arena, "%.*s.%.*s", LH_STR_ARG(options->bucket), LH_STR_ARG(host));
    if (options->path_style) path = lh_arena_printf(arena, "%.*s/%.*s", LH_STR_ARG(path), LH_STR_ARG(options->bucket));
    lh_str origin = lh_arena_printf(arena, "%.*s://%.*s", LH_STR_ARG(scheme), LH_STR_ARG(host));
    lh_str location = lh_arena_printf(arena, "s3://%.*s", LH_STR_ARG(options->bucket));
    LH_TRY(lh_arena_check(arena, err));
    lh_code code = lh_str_dup(origin, &bucket->origin);
    if (code == LH_OK) code = lh_str_dup(host, &bucket->host);
    if (code == LH_OK) code = lh_str_dup(path, &bucket->path_prefix);
    if (code == LH_OK) code = lh_str_dup(options->region, &bucket->region);
    if (code == LH_OK) code = lh_str_dup(options->access_key, &bucket->access_key);
    if (code == LH_OK) code = lh_str_dup(options->secret_key, &bucket->secret_key);
    if (code == LH_OK) code = lh_str_dup(location, &bucket->base.location);
    if (code != LH_OK) return lh_fail(err, code, "out of memory");
    lh_http_client_options http = {.connections_max = 32, .idle_timeout_ms = options->timeout_ms};
    return lh_http_client_new(&http, &bucket->http, err);
}

lh_code lh_bucket_open_s3(const lh_s3_options *options, lh_bucket **ret, lh_error *err) {
    s3_bucket *bucket = calloc(1, sizeof *bucket);
    if (!bucket) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *bucket = (s3_bucket){.base.ops = &s3_ops, .retries = options->retries, .part_bytes = S3_PART_BYTES};
    LH_CLEANUP(lh_bucket_freep) lh_bucket *owned = &bucket->base;
    LH_TRY(s3_fill(bucket, options, err));
    if (!options->lazy) LH_TRY(s3_probe(owned, 0, err));
    *ret = lh_take(&owned);
    return LH_OK;
}
