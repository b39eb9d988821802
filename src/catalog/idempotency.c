/* Records of requests that came with an Idempotency-Key, so that the same request gets the same answer and is done once.
 *
 * Document "idempotent/<owner>/<key>":
 *   {"schema_version":1,"request":"<hex SHA-256>","expires_at_ms":n,"status":n, and of these what the answer has:
 *    "body":{…}                                   the answer itself, when it is small
 *    "kind":"namespace|table|commit|view","namespace":"<levels>","name":"…","metadata_location":"…"}  what it is made of again
 * A record is put by the very commit that does the request: there is no moment at which one of them is there without the
 * other. So catalog_commit() adds it to the changes of the operation, in a catalog that lh_catalog_recording() made for one
 * request. A refusal, which commits nothing, gets its record by lh_idempotency_put().
 * A record that expired counts as absent. Expired ones are removed now and then, and the oldest when there are too many. */
#include "catalog/catalog_internal.h"
#include "catalog/view_internal.h"

enum { RECORDS_ARENA_BYTES = 1 << 30, RECORDS_REMOVED_AT_ONCE = 1000 };
#define RECORDS_PREFIX "idempotent/"

static const char *const record_kinds[] = {
    [CATALOG_ANSWER_NAMESPACE] = "namespace",
    [CATALOG_ANSWER_TABLE] = "table",
    [CATALOG_ANSWER_COMMIT] = "commit",
    [CATALOG_ANSWER_VIEW] = "view",
};

lh_str lh_idempotency_document(lh_str owner, lh_str key, lh_arena *arena) {
    return lh_arena_printf(arena, RECORDS_PREFIX "%.*s/%.*s", LH_STR_ARG(owner), LH_STR_ARG(key));
}

lh_catalog *lh_catalog_recording(lh_catalog *catalog, lh_idempotency *record, lh_arena *arena) {
    lh_catalog *copy = LH_ARENA_ARRAY(arena, lh_catalog, 1);
    if (!copy) return NULL;
    *copy = *catalog; /* which only points at what both share */
    copy->record = record;
    return copy;
}

/* ---- writing ---- */

static lh_json *record_begin(const lh_idempotency *record, unsigned status, lh_arena *arena) {
    lh_json *document = lh_json_new_object(arena);
    lh_json_set_int(arena, document, "schema_version", 1);
    lh_json_set_string(arena, document, "request", record->request);
    lh_json_set_int(arena, document, "expires_at_ms", lh_time_now_ms() + record->lifetime_ms);
    lh_json_set_uint(arena, document, "status", status);
    return document;
}

static lh_code record_text(const lh_catalog *catalog, const catalog_answer *answer, lh_arena *arena, lh_str *ret,
                           lh_error *err) {
    lh_json *document = record_begin(catalog->record, answer->kind == CATALOG_ANSWER_EMPTY ? 204 : 200, arena);
    if (answer->kind == CATALOG_ANSWER_BODY) {
        lh_json_set(arena, document, "body", lh_json_copy(arena, answer->body));
    } else if (answer->kind != CATALOG_ANSWER_EMPTY) {
        lh_json_set_string(arena, document, "kind", lh_str_from(record_kinds[answer->kind]));
        lh_json_set_string(arena, document, "namespace", answer->name.namespace_);
        lh_json_set_string(arena, document, "name", answer->name.name);
        if (answer->metadata_key.len)
            lh_json_set_string(arena, document, "metadata_location",
                               lh_bucket_location(catalog->bucket, answer->metadata_key, arena));
    }
    LH_TRY(lh_json_write(arena, document, false, ret, err));
    if (ret->len > LH_LIMIT_IDEMPOTENCY_BYTES)
        return lh_fail(
            err, LH_INVALID,
            "the answer is longer than the %d bytes that are kept for an Idempotency-Key: send the request in "
            "parts, or without the key",
            LH_LIMIT_IDEMPOTENCY_BYTES);
    return LH_OK;
}

/* The record's text, when there is one that has not expired; NULL otherwise. *ret_version: for a change that puts one. */
static lh_code record_read(const lh_catalog *catalog, const lh_idempotency *record, lh_arena *arena, lh_json **ret,
                           uint64_t *ret_version, lh_error *err) {
    lh_str text;
    lh_json *document = NULL;
    uint64_t version = LH_VERSION_ABSENT;
    lh_code code = lh_metastore_get(catalog->metastore, record->document, arena, &text, &version, NULL);
    if (code != LH_OK && code != LH_NOT_FOUND) return lh_arena_check(arena, err);
    if (code == LH_OK) LH_TRY(lh_json_parse(arena, text, &document, err));
    if (lh_json_int(lh_json_get(document, "expires_at_ms"), 0) <= lh_time_now_ms()) document = NULL;
    *ret = document;
    *ret_version = version;
    return LH_OK;
}

/* Commits changes whose last one is the record's, again when one that expired was removed meanwhile. CANCELLED: the same request was done meanwhile, through another gateway. */
static lh_code record_commit(const lh_catalog *catalog, const lh_idempotency *record, lh_change *changes, size_t count,
                             lh_arena *arena, lh_error *err) {
    uint64_t *expected = &changes[count - 1].expected;
    for (uint64_t before = LH_VERSION_ANY;; before = *expected) {
        lh_json *there = NULL;
        LH_TRY(record_read(catalog, record, arena, &there, expected, err));
        if (there) return lh_fail(err, LH_CANCELLED, "the request was done meanwhile");
        if (*expected == before) return LH_CONFLICT; /* of another change; err has it */
        lh_code code = lh_metastore_commit(catalog->metastore, changes, count, NULL, err);
        if (code != LH_CONFLICT) return code;
    }
}

lh_code catalog_commit(lh_catalog *catalog, const lh_change *changes, size_t count, const catalog_answer *answer,
                       lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_idempotency *record = catalog->record;
    if (!record) return lh_metastore_commit(catalog->metastore, changes, count, NULL, err);
    LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_JSON_BYTES, &arena, err));
    lh_change *all = LH_ARENA_ARRAY(arena, lh_change, count + 1);
    if (!all) return lh_arena_check(arena, err);
    memcpy(all, changes, count * sizeof *all);
    all[count] = (lh_change){.key = record->document};
    LH_TRY(record_text(catalog, answer, arena, &all[count].text, err));
    lh_code code = record_commit(catalog, record, all, count + 1, arena, err);
    record->done = code == LH_OK;
    return code;
}

lh_code lh_idempotency_put(lh_catalog *catalog, const lh_idempotency *record, unsigned status, lh_str body,
                           lh_arena *arena, lh_error *err) {
    lh_json *document = record_begin(record, status, arena), *parsed = NULL;
    lh_change change = {.key = record->document};
    LH_TRY(lh_json_parse(arena, body, &parsed, err));
    lh_json_set(arena, document, "body", parsed);
    LH_TRY(lh_json_write(arena, document, false, &change.text, err));
    if (change.text.len > LH_LIMIT_IDEMPOTENCY_BYTES) return lh_fail(err, LH_LIMIT, "the answer is too long to keep");
    return record_commit(catalog, record, &change, 1, arena, err);
}

/* ---- finding ---- */

/* The metadata file that the answer was of. It is never changed, but may be gone: then the table's current one. */
static lh_code record_metadata(lh_catalog *catalog, const lh_json *document, lh_table_name name, lh_arena *arena,
                               lh_str *ret_key, lh_json **ret, lh_error *err) {
    catalog_table table;
    lh_str location = lh_json_get_string(document, "metadata_location");
    if (lh_bucket_key_of(catalog->bucket, location, arena, ret_key, NULL) == LH_OK &&
        catalog_metadata_load(catalog, *ret_key, arena, ret, NULL) == LH_OK)
        return LH_OK;
    LH_TRY(catalog_table_find(catalog, name, arena, &table, err));
    *ret_key = table.metadata_key;
    return catalog_metadata_load(catalog, table.metadata_key, arena, ret, err);
}

static lh_code record_namespace(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_code code = lh_namespace_load(catalog, name, arena, ret, err);
    if (code != LH_NOT_FOUND) return code;
    *ret = lh_json_new_object(arena); /* dropped since */
    lh_json_set(arena, *ret, "namespace", lh_namespace_levels(name, arena));
    return lh_arena_check(arena, err);
}

static lh_code record_view(lh_catalog *catalog, const lh_json *document, lh_table_name name, lh_arena *arena,
                           lh_json **ret, lh_error *err) {
    lh_str key, location = lh_json_get_string(document, "metadata_location");
    if (lh_bucket_key_of(catalog->bucket, location, arena, &key, NULL) == LH_OK &&
        view_load_file(catalog, key, arena, ret, NULL) == LH_OK)
        return LH_OK;
    return lh_view_load(catalog, name, arena, ret, err);
}

static lh_code record_body(lh_catalog *catalog, const lh_json *document, lh_arena *arena, lh_idempotent_answer *answer,
                           lh_error *err) {
    lh_table_name name = {lh_json_get_string(document, "namespace"), lh_json_get_string(document, "name")};
    lh_str kind = lh_json_get_string(document, "kind"), key;
    lh_json *metadata = NULL;
    answer->body = lh_json_get(document, "body");
    if (kind.len == 0) return LH_OK;
    if (lh_str_eq(kind, LH_STR("namespace")))
        return record_namespace(catalog, name.namespace_, arena, &answer->body, err);
    if (lh_str_eq(kind, LH_STR("view"))) return record_view(catalog, document, name, arena, &answer->body, err);
    answer->is_table = lh_str_eq(kind, LH_STR("table"));
    LH_TRY(record_metadata(catalog, document, name, arena, &key, &metadata, err));
    answer->body = table_answer(catalog, key, metadata, answer->is_table, arena);
    return lh_arena_check(arena, err);
}

lh_code lh_idempotency_find(lh_catalog *catalog, const lh_idempotency *record, lh_arena *arena,
                            lh_idempotent_answer *ret, lh_error *err) {
    uint64_t ignored;
    lh_json *document = NULL;
    LH_TRY(record_read(catalog, record, arena, &document, &ignored, err));
    *ret = (lh_idempotent_answer){0};
    if (!document) return LH_OK;
    if (!lh_str_eq(lh_json_get_string(document, "request"), record->request))
        return lh_fail(err, LH_CONFLICT,
                       "this Idempotency-Key was another request's: take a new key for a new request");
    lh_idempotent_answer answer = {.status = (unsigned)lh_json_uint(lh_json_get(document, "status"), 500)};
    lh_code code = record_body(catalog, document, arena, &answer, err);
    if (code == LH_NOT_FOUND || code == LH_CORRUPT)
        return lh_fail(err, LH_NOT_FOUND,
                       "the request was done, but its answer cannot be made again: what it made or changed has been "
                       "dropped or renamed since");
    if (code == LH_OK) *ret = answer;
    return code;
}

/* ---- how many, and how long ---- */

uint64_t lh_idempotency_count(lh_catalog *catalog) {
    return lh_metastore_count(catalog->metastore, LH_STR(RECORDS_PREFIX));
}

typedef struct record_age {
    lh_change gone; /* the change that removes it */
    int64_t expires_at_ms;
} record_age;

static int record_cmp(const void *a, const void *b) {
    int64_t left = ((const record_age *)a)->expires_at_ms, right = ((const record_age *)b)->expires_at_ms;
    return left < right ? -1 : left > right;
}

/* All records, the oldest first. Arena. */
static lh_code record_ages(lh_catalog *catalog, lh_arena *arena, record_age **ret, size_t *ret_count, lh_error *err) {
    lh_document_page page;
    LH_TRY(lh_metastore_list(catalog->metastore, LH_STR(RECORDS_PREFIX), LH_STR_NONE, CATALOG_LIST_ALL, arena, &page,
                             err));
    record_age *ages = LH_ARENA_ARRAY(arena, record_age, page.count + 1);
    if (!ages) return lh_arena_check(arena, err);
    for (size_t i = 0; i < page.count; i++) {
        lh_json *document = NULL;
        LH_TRY(lh_json_parse(arena, page.items[i].text, &document, err));
        ages[i] = (record_age){.gone = {.key = page.items[i].key, .expected = page.items[i].version},
                               .expires_at_ms = lh_json_int(lh_json_get(document, "expires_at_ms"), 0)};
    }
    qsort(ages, page.count, sizeof *ages, record_cmp);
    *ret = ages;
    *ret_count = page.count;
    return LH_OK;
}

lh_code lh_idempotency_expire(lh_catalog *catalog, uint64_t records_max, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    record_age *ages = NULL;
    size_t count = 0, gone = 0, keep = records_max - records_max / 10; /* so that it is not done for each one */
    LH_TRY(lh_arena_new(RECORDS_ARENA_BYTES, &arena, err));
    LH_TRY(record_ages(catalog, arena, &ages, &count, err));
    int64_t now_ms = lh_time_now_ms();
    while (gone < count && (ages[gone].expires_at_ms <= now_ms || (count >= records_max && count - gone >= keep)))
        gone++;
    for (size_t from = 0; from < gone; from += RECORDS_REMOVED_AT_ONCE) {
        size_t some = gone - from < RECORDS_REMOVED_AT_ONCE ? gone - from : RECORDS_REMOVED_AT_ONCE;
        lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, some);
        if (!changes) return lh_arena_check(arena, err);
        for (size_t i = 0; i < some; i++) changes[i] = ages[from + i].gone;
        lh_code code = lh_metastore_commit(catalog->metastore, changes, some, NULL, err);
        if (code != LH_OK && code != LH_CONFLICT) return code; /* CONFLICT: another gateway is at it */
    }
    return LH_OK;
}
