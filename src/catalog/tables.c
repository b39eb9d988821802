/* Tables of the Iceberg REST catalog: list, load, create, register, rename. (Commits: table_commit.c; drop and purge:
 * table_drop.c.)
 *
 * A table without a location of the client's choice gets a folder of its own, "lake/<namespace>/<name>-<8 hex>": a
 * table that is dropped and made again never shares files with its predecessor, and purge may empty the folder. No two tables'
 * folders are the same or within each other, so that neither's purge can reach the other's files. */
#include "catalog/catalog_internal.h"
#include "catalog/dataset_internal.h"
#include "catalog/readers_internal.h"

enum { TABLE_TRIES = 30, TABLE_RANDOM_DIGITS = 8, TABLE_FOLDER_BYTES = 100 };

/* ---- answers ---- */

/* The options of the S3 bucket that the table of such an answer lies in; NULL for a local one. */
static const lh_s3_options *table_s3(const lh_catalog *catalog, const lh_json *metadata, lh_arena *arena) {
    lh_str key;
    size_t index;
    if (!catalog->registry ||
        lh_bucket_key_of(catalog->bucket, lh_json_get_string(metadata, "location"), arena, &key, NULL) != LH_OK ||
        lh_registry_index_of(catalog->registry, key, &index, NULL) != LH_OK)
        return NULL;
    const lh_bucket_options *options = lh_registry_options_at(catalog->registry, index);
    return options->is_s3 ? &options->s3 : NULL;
}

static lh_json *table_config(const lh_catalog *catalog, const lh_json *metadata, lh_arena *arena) {
    lh_json *config = lh_json_new_object(arena);
    const lh_s3_options *s3 = table_s3(catalog, metadata, arena);
    if (s3) {
        lh_json_set_string(arena, config, "s3.endpoint", s3->endpoint);
        lh_json_set_string(arena, config, "s3.region", s3->region);
        lh_json_set_string(arena, config, "client.region", s3->region);
        lh_json_set_string(arena, config, "s3.path-style-access", s3->path_style ? LH_STR("true") : LH_STR("false"));
    }
    return config;
}

void lh_table_vend(const lh_catalog *catalog, lh_json *answer, lh_arena *arena) {
    lh_json *config = lh_json_get(answer, "config");
    const lh_s3_options *s3 = table_s3(catalog, lh_json_get(answer, "metadata"), arena);
    if (!s3 || !config) return;
    lh_json_set_string(arena, config, "s3.access-key-id", s3->access_key);
    lh_json_set_string(arena, config, "s3.secret-access-key", s3->secret_key);
    lh_json *list = lh_json_new_array(arena), *credential = lh_json_new_object(arena);
    lh_json_set(arena, credential, "prefix",
                lh_json_copy(arena, lh_json_get(lh_json_get(answer, "metadata"), "location")));
    lh_json_set(arena, credential, "config", lh_json_copy(arena, config));
    lh_json_append(list, credential);
    lh_json_set(arena, answer, "storage-credentials", list);
}

lh_json *table_answer(lh_catalog *catalog, lh_str metadata_key, lh_json *metadata, bool config, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena);
    if (metadata_key.len)
        lh_json_set_string(arena, answer, "metadata-location",
                           lh_bucket_location(catalog->bucket, metadata_key, arena));
    lh_json_set(arena, answer, "metadata", metadata);
    if (config) lh_json_set(arena, answer, "config", table_config(catalog, metadata, arena));
    return answer;
}

/* ---- list, load ---- */

lh_code catalog_list_identifiers(lh_catalog *catalog, const char *kind, lh_str namespace_, lh_page page,
                                 lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_str prefix = lh_arena_printf(arena, "%s/%.*s/", kind, LH_STR_ARG(namespace_));
    lh_str after, last = LH_STR_NONE;
    lh_document_page docs;
    LH_TRY(catalog_page_after(page.token, prefix, arena, &after, err));
    LH_TRY(lh_metastore_list(catalog->metastore, prefix, after, page.limit ? page.limit : CATALOG_LIST_ALL, arena,
                             &docs, err));
    lh_json *answer = lh_json_new_object(arena), *list = lh_json_new_array(arena);
    for (size_t i = 0; i < docs.count; i++) {
        lh_json *item = lh_json_new_object(arena);
        last = docs.items[i].key;
        lh_json_set(arena, item, "namespace", lh_namespace_levels(namespace_, arena));
        lh_json_set_string(arena, item, "name", lh_str_sub(last, prefix.len, SIZE_MAX));
        lh_json_append(list, item);
    }
    lh_json_set(arena, answer, "identifiers", list);
    lh_json_set(arena, answer, "next-page-token",
                docs.more ? lh_json_new_string(arena, catalog_page_token(last, prefix.len, arena))
                          : lh_json_new_null(arena));
    *ret = answer;
    return lh_arena_check(arena, err);
}

lh_code lh_table_list(lh_catalog *catalog, lh_str namespace_, lh_page page, lh_arena *arena, lh_json **ret,
                      lh_error *err) {
    uint64_t ignored;
    LH_TRY(catalog_namespace_version(catalog, namespace_, &ignored, err));
    return catalog_list_identifiers(catalog, "table", namespace_, page, arena, ret, err);
}

lh_code lh_table_changed_since(lh_catalog *catalog, uint64_t sequence, lh_arena *arena, lh_table_name **ret,
                               size_t *ret_count, uint64_t *ret_sequence, lh_error *err) {
    uint64_t now = lh_metastore_get_stats(catalog->metastore).sequence;
    size_t changed = 0;
    lh_document_page docs;
    lh_str prefix = LH_STR("table/");
    LH_TRY(lh_metastore_list(catalog->metastore, prefix, LH_STR_NONE, CATALOG_LIST_ALL, arena, &docs, err));
    lh_table_name *names = LH_ARENA_ARRAY(arena, lh_table_name, docs.count + 1);
    if (!names) return lh_arena_check(arena, err);
    for (size_t i = 0; i < docs.count; i++) {
        lh_str name = lh_str_sub(docs.items[i].key, prefix.len, SIZE_MAX), namespace_ = lh_str_split(&name, '/');
        if (docs.items[i].version > sequence) names[changed++] = (lh_table_name){namespace_, name};
    }
    *ret = names;
    *ret_count = changed;
    *ret_sequence = now;
    return lh_arena_check(arena, err);
}

/* snapshots=refs: only the snapshots that a branch or tag names. */
static void table_keep_referenced(lh_json *metadata, lh_arena *arena) {
    lh_json *kept = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "snapshots")); lh_json_next(&it);) {
        bool named = false;
        for (lh_json_iter ref = lh_json_each(lh_json_get(metadata, "refs")); lh_json_next(&ref);)
            named |= lh_json_equal(lh_json_get(ref.value, "snapshot-id"), lh_json_get(it.value, "snapshot-id"));
        if (named) lh_json_append(kept, lh_json_copy(arena, it.value));
    }
    lh_json_set(arena, metadata, "snapshots", kept);
}

lh_str lh_table_etag(lh_str metadata_key, bool refs_only, lh_arena *arena) {
    const lh_sha256 hash =
        lh_sha256_of(lh_arena_printf(arena, "%.*s|%s", LH_STR_ARG(metadata_key), refs_only ? "refs" : "all"));
    return lh_arena_dup(arena, (lh_str){lh_sha256_to_hex(&hash).text, 32});
}

lh_code lh_table_load(lh_catalog *catalog, lh_table_name name, bool refs_only, lh_str if_etag, lh_arena *arena,
                      lh_json **ret, lh_str *ret_etag, lh_error *err) {
    catalog_table table;
    LH_TRY(catalog_table_find(catalog, name, arena, &table, err));
    lh_str etag = lh_table_etag(table.metadata_key, refs_only, arena);
    if (ret_etag) *ret_etag = etag;
    if (if_etag.len && lh_str_eq(if_etag, etag)) {
        *ret = NULL;
        return LH_OK;
    }
    lh_json *metadata = NULL;
    LH_TRY(catalog_metadata_load(catalog, table.metadata_key, arena, &metadata, err));
    if (refs_only) table_keep_referenced(metadata, arena);
    *ret = table_answer(catalog, table.metadata_key, metadata, true, arena);
    return lh_arena_check(arena, err);
}

lh_code lh_table_snapshot_at(lh_catalog *catalog, lh_table_name name, int64_t at_ms, int64_t *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *answer = NULL;
    LH_TRY(lh_arena_new(8 * (size_t)LH_LIMIT_METADATA_BYTES, &arena, err));
    LH_TRY(lh_table_load(catalog, name, false, LH_STR_NONE, arena, &answer, NULL, err));
    lh_table_show_to_duckdb(answer, arena);
    const lh_json *metadata = lh_json_get(answer, "metadata");
    *ret = -1;
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "snapshot-log")); lh_json_next(&it);) {
        int64_t id = lh_json_int(lh_json_get(it.value, "snapshot-id"), -1);
        bool before = lh_json_int(lh_json_get(it.value, "timestamp-ms"), INT64_MAX) <= at_ms;
        if (before && metadata_snapshot(metadata, id)) *ret = id;
    }
    return LH_OK;
}

/* ---- where a table lies ---- */

/* A name as a part of a path. */
static const char *table_clean(lh_str name, lh_arena *arena) {
    char *clean = lh_arena_alloc(arena, name.len + 1);
    if (!clean) return "";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
        clean[i] = letter || digit || c == '-' || c == '_' ? c : '_';
    }
    clean[name.len] = '\0';
    return clean;
}

/* "lake/<namespace>/<name>-"; names may be longer than a folder's name, and hold what is awkward in a path. */
static lh_str table_own_prefix(lh_table_name name, lh_arena *arena) {
    lh_str levels = lh_str_sub(name.namespace_, 0, TABLE_FOLDER_BYTES),
           last = lh_str_sub(name.name, 0, TABLE_FOLDER_BYTES);
    return lh_arena_printf(arena, "lake/%s/%s-", table_clean(levels, arena), table_clean(last, arena));
}

lh_str table_new_folder(lh_table_name name, lh_arena *arena) {
    unsigned char random[TABLE_RANDOM_DIGITS / 2];
    char hex[TABLE_RANDOM_DIGITS + 1];
    lh_random_bytes(random, sizeof random);
    lh_hex(random, sizeof random, hex);
    return lh_arena_printf(arena, "%.*s%s", LH_STR_ARG(table_own_prefix(name, arena)), hex);
}

bool table_is_own_folder(const lh_catalog *catalog, lh_table_name name, lh_str folder, lh_arena *arena) {
    lh_str prefix = table_own_prefix(name, arena);
    (void)catalog_bucket_of(catalog, folder, &folder);
    if (folder.len != prefix.len + TABLE_RANDOM_DIGITS || !lh_str_starts(folder, prefix)) return false;
    for (size_t i = prefix.len; i < folder.len; i++)
        if (!strchr("0123456789abcdef", folder.ptr[i])) return false;
    return true;
}

bool catalog_lies_in(lh_str key, lh_str folder) {
    return lh_str_starts(key, folder) && (key.len == folder.len || key.ptr[folder.len] == '/');
}

static bool table_folders_overlap(lh_str a, lh_str b) { return catalog_lies_in(a, b) || catalog_lies_in(b, a); }

lh_str catalog_folder_of(lh_str key) {
    for (int up = 0; up < 2; up++) { /* <folder>/metadata/<file> */
        key.len = lh_str_after_last(key, '/');
        if (key.len) key.len--;
    }
    return key;
}

lh_code table_folder_is_free(lh_catalog *catalog, lh_str folder, lh_table_name name, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new((size_t)1 << 30, &arena, err));
    lh_str own = catalog_table_key(name, arena);
    lh_document_page docs;
    LH_TRY(lh_metastore_list(catalog->metastore, LH_STR("table/"), LH_STR_NONE, CATALOG_LIST_ALL, arena, &docs, err));
    for (size_t i = 0; i < docs.count; i++) {
        lh_json *doc = NULL;
        LH_TRY(lh_json_parse(arena, docs.items[i].text, &doc, err));
        lh_str other = catalog_folder_of(catalog_document_metadata_key(catalog, doc, arena));
        bool taken = other.len && table_folders_overlap(folder, other);
        for (lh_json_iter it = lh_json_each(catalog_document_former(catalog, doc, arena)); lh_json_next(&it);) {
            lh_str left = lh_json_str(it.value, LH_STR("/"));
            taken |= table_folders_overlap(folder, lh_str_sub(left, 0, left.len - 1));
        }
        if (taken && !lh_str_eq(docs.items[i].key, own))
            return lh_fail(err, LH_INVALID, "the location '%.*s' is within or around another table's",
                           LH_STR_ARG(folder));
    }
    return LH_OK;
}

lh_code table_check_location(lh_catalog *catalog, lh_str location, lh_table_name name, bool chosen, lh_arena *arena,
                             lh_str *ret, lh_error *err) {
    lh_str key;
    if (lh_bucket_key_of(catalog->bucket, location, arena, &key, NULL) != LH_OK || key.len == 0 ||
        table_folders_overlap(key, LH_STR("_catalog")) || table_folders_overlap(key, LH_STR("_errors")) ||
        table_folders_overlap(key, LH_STR("_hnsw_trials")))
        return lh_fail(err, LH_INVALID,
                       "the table location must lie inside a bucket of this lake, and not in '_catalog', '_errors' or "
                       "'_hnsw_trials'");
    if (chosen) LH_TRY(table_folder_is_free(catalog, key, name, err));
    *ret = key;
    return LH_OK;
}

lh_code table_claim_folder(lh_catalog *catalog, lh_str location, lh_table_name name, bool chosen, lh_arena *arena,
                           lh_str *ret, lh_error *err) {
    lh_str key;
    LH_TRY(table_check_location(catalog, location, name, chosen, arena, &key, err));
    LH_TRY(lh_bucket_make_folder(catalog->bucket, lh_arena_printf(arena, "%.*s/data", LH_STR_ARG(key)), err));
    LH_TRY(lh_bucket_make_folder(catalog->bucket, lh_arena_printf(arena, "%.*s/metadata", LH_STR_ARG(key)), err));
    *ret = key;
    return lh_arena_check(arena, err);
}

/* ---- create, register ---- */

lh_change table_no_view(lh_table_name name, lh_arena *arena) {
    return (lh_change){.key = catalog_view_key(name, arena), .expected = LH_VERSION_ABSENT, .check_only = true};
}

static lh_code table_check_no_view(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_error *err) {
    bool exists;
    LH_TRY(lh_view_exists(catalog, name, &exists, err));
    if (!exists) return LH_OK;
    return lh_fail(err, LH_CONFLICT, "View with same name already exists: %.*s",
                   LH_STR_ARG(lh_table_name_text(name, arena)));
}

/* Puts the document of a table that is new, or (replaces) takes the place of one. */
static lh_code table_insert(lh_catalog *catalog, catalog_table *table, lh_str folder, bool replaces, lh_arena *arena,
                            lh_error *err) {
    table->created_at = lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    for (int tries = 0;; tries++) {
        lh_change *extra = NULL;
        size_t extra_count = 0;
        catalog_table old = {.version = LH_VERSION_ABSENT};
        lh_code code = catalog_table_find(catalog, table->name, arena, &old, err);
        if (code == LH_OK && !replaces)
            return lh_fail(err, LH_CONFLICT, "Table already exists: %.*s",
                           LH_STR_ARG(lh_table_name_text(table->name, arena)));
        if (code != LH_OK && code != LH_NOT_FOUND) return code;
        if (code == LH_OK) LH_TRY(dataset_drop_changes(catalog, table->name, arena, &extra, &extra_count, err));
        bool returns = false;
        lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, extra_count + 5);
        if (!changes) return lh_arena_check(arena, err);
        const readers_base base = {.name = table->name};
        LH_TRY(readers_must_be_none(catalog, &base, "replaced", arena, &changes[extra_count + 3], err));
        LH_TRY(dropped_return(catalog, folder, arena, &changes[extra_count + 4], &returns, err));
        changes[0] = (lh_change){.key = catalog_table_key(table->name, arena), .expected = old.version};
        changes[1] = (lh_change){.key = catalog_namespace_key(table->name.namespace_, arena), .check_only = true};
        changes[2] = table_no_view(table->name, arena);
        LH_TRY(table_check_no_view(catalog, table->name, arena, err));
        LH_TRY(catalog_namespace_version(catalog, table->name.namespace_, &changes[1].expected, err));
        LH_TRY(catalog_table_document(catalog, table, arena, &changes[0].text, err));
        if (extra_count) memcpy(changes + 3, extra, extra_count * sizeof *extra);
        LH_TRY(lh_arena_check(arena, err));
        const catalog_answer answer = {
            .kind = CATALOG_ANSWER_TABLE, .name = table->name, .metadata_key = table->metadata_key};
        code = catalog_commit(catalog, changes, extra_count + 4 + returns, &answer, err);
        if (code != LH_CONFLICT || tries == TABLE_TRIES) return code;
    }
}

lh_code table_must_be_new(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_error *err) {
    uint64_t ignored;
    LH_TRY(catalog_check_name(name.name, "table", err));
    LH_TRY(catalog_namespace_version(catalog, name.namespace_, &ignored, err));
    LH_TRY(table_check_no_view(catalog, name, arena, err));
    LH_TRY(dotted_must_be_new(catalog, name, arena, err));
    if (!lh_table_exists(catalog, name)) return LH_OK;
    return lh_fail(err, LH_CONFLICT, "Table already exists: %.*s", LH_STR_ARG(lh_table_name_text(name, arena)));
}

lh_code lh_table_new_location(lh_catalog *catalog, lh_table_name name, lh_str bucket, lh_arena *arena, lh_str *ret,
                              lh_error *err) {
    lh_str folder;
    LH_TRY(lh_catalog_check_bucket(catalog, bucket, err));
    LH_TRY(lh_registry_key(catalog->registry, bucket, table_new_folder(name, arena), arena, &folder, err));
    *ret = lh_bucket_location(catalog->bucket, folder, arena);
    return lh_arena_check(arena, err);
}

/* A new folder in the bucket that an annotation names, or the property lakehouse.bucket, or else in the primary. */
static lh_code table_place(lh_catalog *catalog, lh_table_name name, const lh_json *request, lh_arena *arena,
                           lh_str *ret, lh_error *err) {
    lh_str bucket = annotation_bucket(catalog->annotations, name, arena);
    if (bucket.len == 0) bucket = lh_json_get_string(lh_json_get(request, "properties"), LH_PROPERTY_BUCKET);
    if (bucket.len) return lh_table_new_location(catalog, name, bucket, arena, ret, err);
    *ret = lh_bucket_location(catalog->bucket, table_new_folder(name, arena), arena);
    return lh_arena_check(arena, err);
}

lh_code lh_table_create(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena, lh_json **ret,
                        lh_error *err) {
    catalog_table table = {.name = {namespace_, lh_json_get_string(request, "name")}, .snapshot_id = -1};
    lh_str location = lh_json_get_string(request, "location"), folder;
    bool chosen = location.len > 0;
    LH_TRY(table_must_be_new(catalog, table.name, arena, err));
    if (!chosen) LH_TRY(table_place(catalog, table.name, request, arena, &location, err));
    lh_json *updates = NULL, *metadata = metadata_empty(arena);
    LH_TRY(metadata_updates_for_create(arena, request, location, &updates, err));
    LH_TRY(metadata_apply_updates(arena, metadata, updates, err));
    LH_TRY(metadata_finish(arena, metadata, LH_STR_NONE, 0, err));
    LH_TRY(
        table_claim_folder(catalog, lh_json_get_string(metadata, "location"), table.name, chosen, arena, &folder, err));
    table.owns_folder = !chosen;
    if (!lh_json_bool(lh_json_get(request, "stage-create"), false)) {
        LH_TRY(catalog_metadata_write(catalog, metadata, LH_STR_NONE, arena, &table.metadata_key, err));
        lh_code code = table_insert(catalog, &table, folder, false, arena, err);
        if (code != LH_OK) {
            if (code == LH_CONFLICT || code == LH_CANCELLED) catalog_metadata_remove(catalog, table.metadata_key);
            return code;
        }
    } else if (table_is_own_folder(catalog, table.name, folder, arena)) {
        LH_TRY(dropped_reserve(catalog, table.name, folder, arena, err));
        staged_folders_add(catalog->staged, catalog_table_key(table.name, arena),
                           lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder)));
    }
    *ret = table_answer(catalog, table.metadata_key, metadata, true, arena);
    return lh_arena_check(arena, err);
}

lh_code lh_table_register(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena,
                          lh_json **ret, lh_error *err) {
    catalog_table table = {.name = {namespace_, lh_json_get_string(request, "name")}};
    lh_str location = lh_json_get_string(request, "metadata-location"), folder;
    bool overwrite = lh_json_bool(lh_json_get(request, "overwrite"), false);
    lh_json *metadata = NULL;
    lh_object_info info;
    uint64_t ignored;
    if (location.len == 0) return lh_fail(err, LH_INVALID, "'metadata-location' is missing");
    LH_TRY(catalog_check_name(table.name.name, "table", err));
    LH_TRY(catalog_namespace_version(catalog, namespace_, &ignored, err));
    LH_TRY(table_check_no_view(catalog, table.name, arena, err));
    if (!overwrite) LH_TRY(table_must_be_new(catalog, table.name, arena, err));
    if (lh_bucket_key_of(catalog->bucket, location, arena, &table.metadata_key, NULL) != LH_OK)
        return lh_fail(err, LH_INVALID, "'%.*s' does not lie inside this lake's bucket", LH_STR_ARG(location));
    lh_code code = lh_bucket_head(catalog->bucket, table.metadata_key, &info, err);
    if (code == LH_OK) code = catalog_metadata_load(catalog, table.metadata_key, arena, &metadata, err);
    if (code == LH_NOT_FOUND || code == LH_CORRUPT)
        return lh_fail(err, LH_INVALID, "'%.*s' is not there, or is no Iceberg table metadata", LH_STR_ARG(location));
    if (code != LH_OK) return code;
    LH_TRY(metadata_check_stored(arena, metadata, err));
    location = lh_json_get_string(metadata, "location");
    LH_TRY(table_claim_folder(catalog, location, table.name, true, arena, &folder, err));
    LH_TRY(lh_bucket_sync(catalog->bucket, table.metadata_key, err));
    table.snapshot_id = metadata_current_snapshot_id(metadata);
    const lh_json *current = metadata_snapshot(metadata, table.snapshot_id);
    if (current) LH_TRY(manifest_sync(catalog, current, MANIFEST_LIVE, location, err));
    LH_TRY(table_insert(catalog, &table, folder, overwrite, arena, err));
    *ret = table_answer(catalog, table.metadata_key, metadata, true, arena);
    return lh_arena_check(arena, err);
}

/* ---- rename ---- */

lh_code table_identifier(const lh_json *identifier, lh_arena *arena, lh_table_name *ret, lh_error *err) {
    lh_table_name name = {.name = lh_json_get_string(identifier, "name")};
    LH_TRY(catalog_namespace_from_json(lh_json_get(identifier, "namespace"), arena, &name.namespace_, err));
    LH_TRY(catalog_check_name(name.name, "table", err));
    *ret = name;
    return LH_OK;
}

static lh_code table_try_rename(lh_catalog *catalog, lh_table_name from, lh_table_name to, lh_arena *arena,
                                lh_error *err) {
    catalog_table table;
    lh_change *extra = NULL;
    size_t extra_count = 0;
    LH_TRY(catalog_table_find(catalog, from, arena, &table, err));
    LH_TRY(dataset_rename_changes(catalog, from, to, arena, &extra, &extra_count, err));
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, extra_count + 5);
    if (!changes) return lh_arena_check(arena, err);
    const readers_base base = {.name = from};
    LH_TRY(readers_must_be_none(catalog, &base, "renamed", arena, &changes[extra_count + 4], err));
    changes[0] = (lh_change){.key = catalog_table_key(from, arena), .expected = table.version};
    changes[1] = (lh_change){.key = catalog_table_key(to, arena), .expected = LH_VERSION_ABSENT};
    changes[2] = (lh_change){.key = catalog_namespace_key(to.namespace_, arena), .check_only = true};
    changes[3] = table_no_view(to, arena);
    LH_TRY(catalog_namespace_version(catalog, to.namespace_, &changes[2].expected, err));
    LH_TRY(catalog_table_document(catalog, &table, arena, &changes[1].text, err));
    if (extra_count) memcpy(changes + 4, extra, extra_count * sizeof *extra);
    LH_TRY(lh_arena_check(arena, err));
    return catalog_commit(catalog, changes, extra_count + 5, &(catalog_answer){0}, err);
}

lh_code table_rename_failed(lh_code code, lh_table_name from, lh_table_name to, const lh_error *why, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (code == LH_OK) return LH_OK;
    lh_str said = lh_str_from(why->message);
    bool view = lh_str_starts(said, LH_STR("View ")), table = lh_str_starts(said, LH_STR("Table "));
    if (code != LH_CONFLICT || !(view || table) || lh_arena_new(64 << 10, &arena, NULL) != LH_OK) {
        if (err) *err = *why;
        return code;
    }
    return lh_fail(err, code, "Cannot rename %.*s to %.*s. %s already exists",
                   LH_STR_ARG(lh_table_name_text(from, arena)), LH_STR_ARG(lh_table_name_text(to, arena)),
                   view ? "View" : "Table");
}

lh_code lh_table_rename(lh_catalog *catalog, const lh_json *request, lh_arena *arena, lh_error *err) {
    lh_table_name from, to;
    catalog_table ignored;
    LH_TRY(table_identifier(lh_json_get(request, "source"), arena, &from, err));
    LH_TRY(table_identifier(lh_json_get(request, "destination"), arena, &to, err));
    for (int tries = 0;; tries++) {
        LH_TRY(catalog_table_find(catalog, from, arena, &ignored, err));
        lh_error why = {0};
        LH_TRY(table_rename_failed(table_must_be_new(catalog, to, arena, &why), from, to, &why, err));
        lh_code code = table_try_rename(catalog, from, to, arena, err);
        if (code != LH_CONFLICT || tries == TABLE_TRIES) return code;
    }
}
