/* Objects of the buckets over HTTP: streamed both ways through one buffer, with conditions and ranges. /storage/objects are
 * those of the primary, /storage/buckets/{bucket}/objects those of any.
 *
 * A read that fails because the bucket does not answer is served by the rescue bucket, and says so: X-Lakehouse-Bucket is
 * the one that answered. Writes go to the bucket that was named, or fail.
 * What may be changed: the lake's own objects are not this API's to change, whoever calls.
 *   _catalog/…, _errors/…          the metastore, the journal of failures: 403 for every write and delete; read and
 *                                  listed for administrators only; what is secret for nobody
 *   a table's of `system`          for administrators, as the namespace
 *   below a table's folder         (one whose metadata/ holds a .metadata.json) an upload may add a new object there,
 *                                  so that files can be brought and then registered, but not in
 *                                  index/, whose files searches serve; what exists is neither
 *                                  replaced nor deleted: 403. Tables change by SQL, ingest and the catalog.
 * Conditions that do not hold are 412 (304 for a GET's If-None-Match), as RFC 9110 has it. */
#include "api/api_internal.h"
#include "api/range.h"

enum { STORAGE_BUFFER_BYTES = 256 << 10, STORAGE_OPEN_TRIES = 5, STORAGE_METADATA_LOOK = 64 };

/* ---- what every handler needs ---- */

static const char storage_secret[] = "_catalog/secret/"; /* for nobody */
static const char *const storage_inner[] = {"_catalog/", "_errors/"};
enum { STORAGE_INNER_COUNT = sizeof storage_inner / sizeof *storage_inner };

/* The folder of our own that the key lies in (or is), or NULL. */
static const char *storage_inner_of(lh_str key) {
    for (size_t i = 0; i < STORAGE_INNER_COUNT; i++) {
        lh_str folder = lh_str_from(storage_inner[i]);
        if (lh_str_starts(key, folder) || lh_str_eq(key, lh_str_sub(folder, 0, folder.len - 1)))
            return storage_inner[i];
    }
    return NULL;
}

/* An object that a request is about. */
typedef struct storage_place {
    lh_str bucket, key; /* the bucket's name, and the key in it */
    lh_str whole;       /* the same as a key of all buckets; arena */
} storage_place;

static lh_bucket *storage_bucket(const lh_request *request) { return lh_request_app(request)->bucket; }
static lh_registry *storage_registry(const lh_request *request) { return lh_request_app(request)->registry; }

static lh_str storage_bucket_name(const lh_request *request) {
    lh_str name = lh_request_param(request, "bucket");
    return name.len ? name : lh_registry_options_at(storage_registry(request), 0)->name;
}

lh_code api_object_check(lh_request *request, lh_str key, lh_str whole, lh_error *err) {
    lh_system_folders folders;
    LH_TRY(lh_key_check(key, err));
    const char *inner = storage_inner_of(key);
    if (lh_str_starts(key, lh_str_from(storage_secret)))
        return lh_fail(err, LH_DENIED, "objects below '%s' are for nobody", storage_secret);
    if (lh_request_may(request, LH_PERMIT_ADMIN)) return LH_OK;
    if (inner) /* hashes of keys, every table's name */
        return lh_fail(err, LH_DENIED, "objects below '%s' are for administrators", inner);
    LH_TRY(lh_system_folders_list(lh_request_app(request)->catalog, lh_request_arena(request), &folders, err));
    return lh_system_folders_hold(&folders, whole) ? lh_fail(err, LH_DENIED, LH_SYSTEM_DENIED) : LH_OK;
}

static lh_code storage_place_of(lh_request *request, storage_place *ret, lh_error *err) {
    storage_place place = {.bucket = storage_bucket_name(request), .key = lh_request_param(request, "key")};
    LH_TRY(lh_registry_key(storage_registry(request), place.bucket, place.key, lh_request_arena(request), &place.whole,
                           err));
    LH_TRY(api_object_check(request, place.key, place.whole, err));
    *ret = place;
    return LH_OK;
}

static void storage_info_headers(lh_request *request, const lh_object_info *info) {
    lh_respond_etag(request, lh_str_from(info->etag));
    lh_respond_header(request, "Last-Modified", lh_str_from(lh_time_http(info->modified_ms).text));
    lh_respond_header(request, "Accept-Ranges", LH_STR("bytes"));
    lh_respond_header(request, "X-Content-Type-Options",
                      LH_STR("nosniff")); /* what was uploaded is never run as a page */
}

/* An answer of our own status in the API's error form (the table of codes knows neither 412 nor 416). */
static lh_code storage_refuse(lh_request *request, unsigned status, lh_code code, lh_str message, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *body = lh_json_new_object(arena), *error = lh_json_new_object(arena);
    lh_json_set_string(arena, error, "code", lh_str_from(lh_code_name(code)));
    lh_json_set_string(arena, error, "message", message);
    lh_json_set(arena, error, "details", lh_json_new_object(arena));
    lh_json_set_string(arena, error, "trace_id", lh_trace_current_id());
    lh_json_set(arena, body, "error", error);
    return lh_respond_json(request, status, body, err);
}

/* ---- list ---- */

static lh_json *storage_item(lh_arena *arena, const lh_object_entry *entry) {
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "key", entry->key);
    lh_json_set_uint(arena, item, "size_bytes", entry->size_bytes);
    lh_json_set_string(arena, item, "etag", entry->etag);
    lh_json_set_string(arena, item, "modified_at", lh_str_from(lh_time_rfc3339(entry->modified_ms).text));
    return item;
}

/* Behind all of a folder that ends with '/'. */
static lh_str storage_behind(lh_arena *arena, lh_str folder) {
    return lh_arena_printf(arena, "%.*s\xF4\x8F\xBF\xBF", LH_STR_ARG(folder)); /* U+10FFFF */
}

/* Where to go on behind a key that is hidden; empty: it is shown. stem: bytes before it, as a key of all buckets. */
static lh_str storage_hidden(lh_arena *arena, lh_str key, size_t stem, const lh_system_folders *system) {
    const char *inner = storage_inner_of(key);
    const lh_str whole = {key.ptr - stem, key.len + stem};
    size_t end = lh_str_after_last(key, '/');
    if (inner) return storage_behind(arena, lh_str_from(inner));
    if (!lh_system_folders_hold(system, whole)) return LH_STR_NONE;
    bool all = end && lh_system_folders_hold(system, lh_str_sub(whole, 0, stem + end - 1));
    return all ? storage_behind(arena, lh_str_sub(key, 0, end)) : key;
}

/* Drops from a page what is for administrators. *after: where to go on, behind the folder when the page ends in one. */
static void storage_hide(lh_arena *arena, size_t stem, const lh_system_folders *system, lh_object_page *page,
                         lh_str *after) {
    size_t shown = 0;
    for (size_t i = 0; i < page->count; i++) {
        lh_str last = storage_hidden(arena, page->entries[i].key, stem, system);
        *after = lh_str_cmp(last, page->entries[i].key) > 0 ? last : page->entries[i].key;
        if (last.len == 0) page->entries[shown++] = page->entries[i];
    }
    page->count = shown;
}

/* A page of what the caller may see, never empty while more follows: a token that names a hidden key would show it. */
static lh_code storage_list(lh_request *request, size_t limit, lh_object_page *ret, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_str bucket = storage_bucket_name(request), after = lh_request_query(request, "page_token"), prefix, token;
    bool all = lh_request_may(request, LH_PERMIT_ADMIN);
    lh_object_page page;
    lh_system_folders system;
    if (!all) LH_TRY(lh_system_folders_list(lh_request_app(request)->catalog, arena, &system, err));
    LH_TRY(lh_registry_key(storage_registry(request), bucket, LH_STR_NONE, arena, &prefix, err));
    size_t stem = prefix.len;
    prefix = lh_arena_printf(arena, "%.*s%.*s", LH_STR_ARG(prefix), LH_STR_ARG(lh_request_query(request, "prefix")));
    do {
        LH_TRY(lh_registry_key(storage_registry(request), bucket, after, arena, &token, err));
        LH_TRY(
            lh_bucket_list(storage_bucket(request), prefix, after.len ? token : LH_STR_NONE, limit, arena, &page, err));
        for (size_t i = 0; i < page.count; i++) page.entries[i].key = lh_str_sub(page.entries[i].key, stem, SIZE_MAX);
        if (!all) storage_hide(arena, stem, &system, &page, &after);
        LH_TRY(lh_arena_check(arena, err));
    } while (!all && page.count == 0 && page.more);
    *ret = page;
    return LH_OK;
}

lh_code api_objects_list(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_object_page page;
    uint64_t limit;
    LH_TRY(lh_request_query_uint(request, "limit", 1, LH_LIMIT_LIST_PAGE, LH_LIMIT_LIST_PAGE, &limit, err));
    LH_TRY(storage_list(request, (size_t)limit, &page, err));
    lh_json *items = lh_json_new_array(arena);
    for (size_t i = 0; i < page.count; i++) lh_json_append(items, storage_item(arena, &page.entries[i]));
    bool more = page.more && page.count > 0;
    const lh_json *body = lh_json_page(arena, items, more ? page.entries[page.count - 1].key : LH_STR_NONE);
    LH_TRY(lh_arena_check(arena, err));
    return lh_respond_json(request, 200, body, err);
}

/* ---- get and head ---- */

static const char *storage_content_type(lh_str key) { /* nothing that a browser would run */
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".json", "application/json"}, {".ndjson", "application/x-ndjson"},
        {".csv", "text/csv"},          {".tsv", "text/tab-separated-values"},
        {".txt", "text/plain"},        {".parquet", "application/vnd.apache.parquet"},
        {".avro", "application/avro"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (lh_str_ends(key, lh_str_from(types[i].suffix))) return types[i].type;
    return "application/octet-stream";
}

/* Answers 412 or 304 when a condition says so; *ret_answered tells. */
static lh_code storage_check_conditions(lh_request *request, const lh_object_info *info, bool *ret_answered,
                                        lh_error *err) {
    lh_str etag = lh_str_from(info->etag), match = lh_request_header(request, "If-Match"),
           none = lh_request_header(request, "If-None-Match");
    *ret_answered = true;
    if (match.len && !api_etag_list_has(match, etag, false))
        return storage_refuse(request, 412, LH_CONFLICT, LH_STR("the object has another ETag"), err);
    if (none.len && api_etag_list_has(none, etag, true)) {
        storage_info_headers(request, info);
        return lh_respond_empty(request, 304, err);
    }
    *ret_answered = false;
    return LH_OK;
}

typedef struct storage_view {
    lh_object_info info;
    api_range_kind kind;
    uint64_t offset, length;
    lh_object_reader *reader; /* owned */
    lh_str from;              /* the bucket that answered; borrowed */
} storage_view;
static void storage_view_done(storage_view *view) { lh_get_close(view->reader); }

static lh_str storage_wanted_range(lh_request *request, const lh_object_info *info) {
    lh_str only_if = lh_request_header(request, "If-Range"); /* an ETag that still holds; a date never does */
    if (only_if.len && !api_etag_list_has(only_if, lh_str_from(info->etag), false)) return LH_STR_NONE;
    return lh_request_header(request, "Range");
}

/* Opens what the request asks for, all of one version of the object. With kind NONE nothing is open. */
static lh_code storage_open(lh_request *request, const storage_place *place, storage_view *view, lh_error *err) {
    lh_registry *registry = storage_registry(request);
    lh_object_info opened;
    if (lh_request_header(request, "Range").len == 0) {
        LH_TRY(lh_registry_get_open(registry, place->bucket, place->key, LH_RANGE_ALL, &view->reader, &view->info,
                                    &view->from, err));
        view->length = view->info.size_bytes;
        return LH_OK;
    }
    for (int tries_left = STORAGE_OPEN_TRIES; tries_left > 0;
         tries_left--) { /* the size comes first; it may be replaced in between */
        LH_TRY(lh_registry_head(registry, place->bucket, place->key, &view->info, &view->from, err));
        view->offset = 0;
        view->length = view->info.size_bytes;
        view->kind = api_range_parse(storage_wanted_range(request, &view->info), view->info.size_bytes, &view->offset,
                                     &view->length);
        if (view->kind == API_RANGE_NONE) return LH_OK;
        lh_code code =
            lh_registry_get_open(registry, place->bucket, place->key, (lh_byte_range){view->offset, view->length},
                                 &view->reader, &opened, &view->from, err);
        if (code == LH_OK && strcmp(opened.etag, view->info.etag) == 0) return LH_OK;
        if (code != LH_OK && code != LH_LIMIT) return code;
        lh_get_close(lh_take(&view->reader));
    }
    return lh_fail(err, LH_UNAVAILABLE, "the object is replaced again and again; try later");
}

static void storage_tell_bucket(lh_request *request, const storage_place *place, lh_str from) {
    lh_respond_header(request, "X-Lakehouse-Bucket", from);
    if (!lh_str_eq(from, place->bucket)) lh_respond_header(request, "X-Lakehouse-Rescue-Used", LH_STR("true"));
}

static lh_code storage_send(lh_request *request, storage_view *view, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) char *buffer = malloc(STORAGE_BUFFER_BYTES);
    if (!buffer) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    for (;;) {
        size_t got = 0;
        LH_TRY(lh_get_read(view->reader, buffer, STORAGE_BUFFER_BYTES, &got, err));
        if (got == 0) return LH_OK;
        LH_TRY(lh_respond_write(request, (lh_str){buffer, got}, err));
    }
}

lh_code api_object_get(lh_request *request, lh_error *err) {
    LH_CLEANUP(storage_view_done) storage_view view = {.kind = API_RANGE_WHOLE};
    lh_arena *arena = lh_request_arena(request);
    bool answered;
    storage_place place;
    LH_TRY(storage_place_of(request, &place, err));
    LH_TRY(storage_open(request, &place, &view, err));
    storage_tell_bucket(request, &place, view.from);
    LH_TRY(storage_check_conditions(request, &view.info, &answered, err));
    if (answered) return LH_OK;
    if (view.kind == API_RANGE_NONE) {
        lh_respond_header(request, "Content-Range", lh_arena_printf(arena, "bytes */%" PRIu64, view.info.size_bytes));
        return storage_refuse(
            request, 416, LH_LIMIT,
            lh_arena_printf(arena, "the range lies outside the object's %" PRIu64 " bytes", view.info.size_bytes), err);
    }
    storage_info_headers(request, &view.info);
    if (view.kind == API_RANGE_PART)
        lh_respond_header(request, "Content-Range",
                          lh_arena_printf(arena, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, view.offset,
                                          view.offset + (view.length - 1), view.info.size_bytes));
    LH_TRY(lh_respond_begin(request, view.kind == API_RANGE_PART ? 206 : 200, storage_content_type(place.key),
                            view.length, err));
    return storage_send(request, &view, err);
}

lh_code api_object_head(lh_request *request, lh_error *err) {
    lh_object_info info;
    lh_str from;
    bool answered;
    storage_place place;
    LH_TRY(storage_place_of(request, &place, err));
    LH_TRY(lh_registry_head(storage_registry(request), place.bucket, place.key, &info, &from, err));
    storage_tell_bucket(request, &place, from);
    LH_TRY(storage_check_conditions(request, &info, &answered, err));
    if (answered) return LH_OK;
    storage_info_headers(request, &info);
    return lh_respond_begin(request, 200, storage_content_type(place.key), info.size_bytes,
                            err); /* the server sends no body to a HEAD */
}

/* ---- put and delete ---- */

static bool storage_is_table_folder(lh_request *request, lh_str folder) {
    lh_arena *arena = lh_request_arena(request);
    lh_object_page page;
    lh_str prefix = lh_arena_printf(arena, "%.*s/metadata/", LH_STR_ARG(folder));
    if (lh_bucket_list(storage_bucket(request), prefix, LH_STR_NONE, STORAGE_METADATA_LOOK, arena, &page, NULL) !=
        LH_OK)
        return true; /* in doubt, protect */
    for (size_t i = 0; i < page.count; i++)
        if (lh_str_ends(page.entries[i].key, LH_STR(".metadata.json"))) return true;
    return page.more; /* so many objects under metadata/: a table's */
}

/* DENIED for the metastore's objects. *ret_table: the folder of the table that the key lies in, empty when in none. */
static lh_code storage_check_owner(lh_request *request, const storage_place *place, lh_str *ret_table, lh_error *err) {
    lh_str key = place->key, stem = lh_str_sub(place->whole, 0, place->whole.len - key.len);
    const char *inner = storage_inner_of(key);
    if (inner) return lh_fail(err, LH_DENIED, "objects under %s are the lake's own; it alone writes them", inner);
    *ret_table = LH_STR_NONE;
    for (size_t end = 0; end < key.len; end++) {
        if (key.ptr[end] != '/' || !storage_is_table_folder(request, lh_str_sub(place->whole, 0, stem.len + end)))
            continue;
        *ret_table = lh_str_sub(key, 0, end);
        return LH_OK;
    }
    return LH_OK;
}

static lh_code storage_deny_table(lh_str key, lh_str table, const char *what, lh_error *err) {
    return lh_fail(err, LH_DENIED,
                   "'%.*s' lies in the folder of the table at '%.*s' and is not %s through this API: use SQL, ingest "
                   "or the catalog",
                   LH_STR_ARG(key), LH_STR_ARG(table), what);
}

/* The condition of a PUT or DELETE for the bucket. *ret_etag lives in `info`. *ret_answered: 412 is sent. */
static lh_code storage_read_condition(lh_request *request, lh_str whole, lh_object_info *info, lh_put_condition *ret,
                                      bool *ret_answered, lh_error *err) {
    lh_str none = lh_str_trim(lh_request_header(request, "If-None-Match")),
           match = lh_request_header(request, "If-Match");
    *ret = (lh_put_condition){0};
    *ret_answered = false;
    if (none.len && !lh_str_eq(none, LH_STR("*"))) return lh_fail(err, LH_INVALID, "If-None-Match takes only * here");
    if (none.len && match.len) return lh_fail(err, LH_INVALID, "If-Match and If-None-Match exclude each other");
    ret->if_absent = none.len > 0;
    if (match.len == 0) return LH_OK;
    lh_code code = lh_bucket_head(storage_bucket(request), whole, info, err);
    if (code != LH_OK && code != LH_NOT_FOUND) return code;
    if (code == LH_NOT_FOUND || !api_etag_list_has(match, lh_str_from(info->etag), false)) {
        *ret_answered = true;
        return storage_refuse(
            request, 412, LH_CONFLICT,
            code == LH_NOT_FOUND ? LH_STR("the object does not exist") : LH_STR("the object has another ETag"), err);
    }
    ret->if_etag = lh_str_from(info->etag);
    return LH_OK;
}

static lh_code storage_receive(lh_request *request, lh_object_writer *writer, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) char *buffer = malloc(STORAGE_BUFFER_BYTES);
    if (!buffer) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    for (;;) {
        size_t got = 0;
        LH_TRY(lh_request_read(request, buffer, STORAGE_BUFFER_BYTES, &got, err));
        if (got == 0) return LH_OK;
        LH_TRY(lh_put_write(writer, (lh_str){buffer, got}, err));
    }
}

static lh_code storage_put(lh_request *request, lh_str whole, lh_put_condition condition, lh_object_info *ret,
                           lh_error *err) {
    lh_object_writer *writer = NULL;
    LH_TRY(lh_bucket_put_begin(storage_bucket(request), whole, condition, &writer, err));
    lh_code code = storage_receive(request, writer, err);
    if (code == LH_OK) return lh_put_commit(writer, ret, err);
    lh_put_abort(writer);
    return code;
}

lh_code api_object_put(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_object_info info = {0};
    lh_put_condition condition;
    lh_error failed = {0};
    storage_place place;
    lh_str table;
    bool answered;
    LH_TRY(storage_place_of(request, &place, err));
    if (lh_request_header(request, "Content-Range").len)
        return lh_fail(err, LH_INVALID, "an object is written whole: Content-Range makes no sense with PUT");
    LH_TRY(storage_check_owner(request, &place, &table, err));
    if (table.len && lh_str_starts(lh_str_sub(place.key, table.len + 1, SIZE_MAX), LH_STR(LH_TABLE_BESIDE)))
        return storage_deny_table(place.key, table, "written", err);
    LH_TRY(storage_read_condition(request, place.whole, &info, &condition, &answered, err));
    if (answered) return LH_OK;
    bool conditional = condition.if_absent || condition.if_etag.len;
    if (table.len && condition.if_etag.len) return storage_deny_table(place.key, table, "replaced", err);
    if (table.len) condition.if_absent = true;
    lh_code code = storage_put(request, place.whole, condition, &info, &failed);
    if (code == LH_CONFLICT && table.len && !conditional) return storage_deny_table(place.key, table, "replaced", err);
    if (code == LH_CONFLICT && conditional)
        return storage_refuse(request, 412, code, lh_arena_dup(arena, lh_str_from(failed.message)), err);
    if (code != LH_OK) {
        if (err) *err = failed;
        return code;
    }
    lh_object_entry entry = {place.key, info.size_bytes, info.modified_ms, lh_str_from(info.etag)};
    lh_respond_etag(request, lh_str_from(info.etag));
    lh_respond_header(request, "X-Lakehouse-Bucket", place.bucket);
    return lh_respond_json(request, condition.if_absent ? 201 : 200, storage_item(arena, &entry), err);
}

lh_code api_object_delete(lh_request *request, lh_error *err) {
    lh_object_info info;
    lh_put_condition condition;
    lh_error failed = {0};
    storage_place place;
    lh_str table;
    bool answered;
    LH_TRY(storage_place_of(request, &place, err));
    LH_TRY(storage_check_owner(request, &place, &table, err));
    if (table.len) return storage_deny_table(place.key, table, "deleted", err);
    LH_TRY(storage_read_condition(request, place.whole, &info, &condition, &answered, err));
    if (answered) return LH_OK;
    if (condition.if_absent) return lh_fail(err, LH_INVALID, "If-None-Match makes no sense with DELETE");
    lh_code code = lh_bucket_delete(storage_bucket(request), place.whole, condition.if_etag, &failed);
    if (code == LH_CONFLICT && condition.if_etag.len)
        return storage_refuse(request, 412, code, lh_arena_dup(lh_request_arena(request), lh_str_from(failed.message)),
                              err);
    if (code != LH_OK) {
        if (err) *err = failed;
        return code;
    }
    return lh_respond_empty(request, 204, err);
}

/* ---- the same in a bucket that the path names ---- */

lh_code api_bucket_objects_list(lh_request *request, lh_error *err) { return api_objects_list(request, err); }
lh_code api_bucket_object_get(lh_request *request, lh_error *err) { return api_object_get(request, err); }
lh_code api_bucket_object_head(lh_request *request, lh_error *err) { return api_object_head(request, err); }
lh_code api_bucket_object_put(lh_request *request, lh_error *err) { return api_object_put(request, err); }
lh_code api_bucket_object_delete(lh_request *request, lh_error *err) { return api_object_delete(request, err); }
