/* Tables of the Iceberg REST catalog.
 *
 * A commit: read the table's document (with its version) and its metadata; check the requirements; apply the
 * updates to a copy; make what new snapshots added durable; write the new metadata file; put the
 * documents in one metastore commit that expects the versions read. If another commit came between, everything is done
 * again from the new state, so a requirement that no longer holds is found. Metadata files
 * of attempts that lost are removed; a crash leaves at most unreferenced files. */
#include "catalog/catalog_internal.h"
#include "catalog/dataset_internal.h"

#include <stdio.h>

enum { TABLE_COMMIT_TRIES = 30, TABLE_TRANSACTION_MAX = 100 };

/* ---- answers ---- */

static lh_json *table_config(lh_catalog *catalog, lh_arena *arena) {
    lh_json *config = lh_json_new_object(arena);
    if (catalog->s3_endpoint.len) {
        lh_json_set_string(arena, config, "s3.endpoint", catalog->s3_endpoint);
        lh_json_set_string(arena, config, "s3.region", catalog->s3_region);
        lh_json_set_string(arena, config, "client.region", catalog->s3_region);
        lh_json_set_string(arena, config, "s3.path-style-access", catalog->s3_path_style ? LH_STR("true") : LH_STR("false"));
    }
    return config;
}

/* LoadTableResult, or CommitTableResponse without `config`. metadata_key empty: staged, no metadata-location. */
static lh_json *table_answer(lh_catalog *catalog, lh_str metadata_key, lh_json *metadata, bool config, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena);
    if (metadata_key.len) lh_json_set_string(arena, answer, "metadata-location", lh_bucket_location(catalog->bucket, metadata_key, arena));
    lh_json_set(arena, answer, "metadata", metadata);
    if (config) lh_json_set(arena, answer, "config", table_config(catalog, arena));
    return answer;
}

/* ---- list, load ---- */

lh_code lh_table_list(lh_catalog *catalog, lh_str namespace_, lh_page page, lh_arena *arena, lh_json **ret, lh_error *err) {
    uint64_t ignored;
    LH_TRY(catalog_namespace_version(catalog, namespace_, &ignored, err));
    lh_str prefix = lh_arena_printf(arena, "table/%.*s/", LH_STR_ARG(namespace_));
    lh_str after = page.token.len ? lh_arena_printf(arena, "%.*s%.*s", LH_STR_ARG(prefix), LH_STR_ARG(page.token)) : LH_STR_NONE;
    lh_document_page docs;
    LH_TRY(lh_metastore_list(catalog->metastore, prefix, after, page.limit ? page.limit : CATALOG_LIST_ALL, arena, &docs, err));
    lh_json *answer = lh_json_new_object(arena), *list = lh_json_new_array(arena);
    lh_str last = LH_STR_NONE;
    for (size_t i = 0; i < docs.count; i++) {
        lh_json *item = lh_json_new_object(arena);
        last = lh_str_sub(docs.items[i].key, prefix.len, SIZE_MAX);
        lh_json_set(arena, item, "namespace", catalog_namespace_to_json(namespace_, arena));
        lh_json_set_string(arena, item, "name", last);
        lh_json_append(list, item);
    }
    lh_json_set(arena, answer, "identifiers", list);
    lh_json_set(arena, answer, "next-page-token", docs.more ? lh_json_new_string(arena, last) : lh_json_new_null(arena));
    *ret = answer;
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

lh_code lh_table_load(lh_catalog *catalog, lh_table_name name, bool refs_only, lh_str if_etag, lh_arena *arena, lh_json **ret, lh_str *ret_etag, lh_error *err) {
    catalog_table table;
    LH_TRY(catalog_table_find(catalog, name, arena, &table, err));
    lh_sha256 hash = lh_sha256_of(lh_arena_printf(arena, "%.*s|%s", LH_STR_ARG(table.metadata_key), refs_only ? "refs" : "all"));
    lh_str etag = lh_arena_dup(arena, (lh_str){lh_sha256_to_hex(&hash).text, 32});
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

/* ---- create, register ---- */

static lh_str table_default_location(lh_catalog *catalog, lh_table_name name, lh_arena *arena) {
    unsigned char random[4];
    char hex[9];
    lh_random_bytes(random, sizeof random);
    lh_hex(random, sizeof random, hex);
    lh_str path = lh_arena_printf(arena, "lake/%.*s/%.*s-%s", LH_STR_ARG(name.namespace_), LH_STR_ARG(name.name), hex);
    char *clean = lh_arena_alloc(arena, path.len + 1);
    if (!clean) return LH_STR_NONE;
    for (size_t i = 0; i <= path.len; i++) { /* names may hold what is awkward in a path */
        char c = path.ptr[i];
        bool plain = c == '\0' || c == '/' || c == '-' || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        clean[i] = plain ? c : '_';
    }
    return lh_bucket_location(catalog->bucket, (lh_str){clean, path.len}, arena);
}

/* Makes data/ and metadata/ of a location, which engines on local disk expect. */
static lh_code table_make_folders(lh_catalog *catalog, lh_str location, lh_arena *arena, lh_error *err) {
    lh_str key;
    if (lh_bucket_key_of(catalog->bucket, location, arena, &key, NULL) != LH_OK || lh_str_starts(key, LH_STR("_catalog")) || key.len == 0)
        return lh_fail(err, LH_INVALID, "the table location must lie inside this lake's bucket, beside '_catalog'");
    LH_TRY(lh_bucket_make_folder(catalog->bucket, lh_arena_printf(arena, "%.*s/data", LH_STR_ARG(key)), err));
    return lh_bucket_make_folder(catalog->bucket, lh_arena_printf(arena, "%.*s/metadata", LH_STR_ARG(key)), err);
}

static lh_code table_insert(lh_catalog *catalog, catalog_table *table, lh_arena *arena, lh_error *err) {
    lh_time_text now = lh_time_rfc3339(lh_time_now_ms());
    table->created_at = lh_str_from(now.text);
    lh_change changes[2] = {{.key = catalog_table_key(table->name, arena), .expected = LH_VERSION_ABSENT},
                            {.key = catalog_namespace_key(table->name.namespace_, arena), .check_only = true}};
    LH_TRY(catalog_namespace_version(catalog, table->name.namespace_, &changes[1].expected, err));
    LH_TRY(catalog_table_document(table, arena, &changes[0].text, err));
    lh_code code = lh_metastore_commit(catalog->metastore, changes, 2, NULL, err);
    if (code != LH_CONFLICT) return code;
    if (lh_table_exists(catalog, table->name))
        return lh_fail(err, code, "table '%.*s' exists already", LH_STR_ARG(lh_table_name_text(table->name, arena)));
    return lh_fail(err, code, "namespace '%.*s' was changed meanwhile: try again", LH_STR_ARG(catalog_namespace_text(table->name.namespace_, arena)));
}

static lh_code table_must_be_new(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_error *err) {
    uint64_t ignored;
    LH_TRY(catalog_check_name(name.name, "table", err));
    LH_TRY(catalog_namespace_version(catalog, name.namespace_, &ignored, err));
    if (!lh_table_exists(catalog, name)) return LH_OK;
    return lh_fail(err, LH_CONFLICT, "table '%.*s' exists already", LH_STR_ARG(lh_table_name_text(name, arena)));
}

lh_code lh_table_create(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena, lh_json **ret, lh_error *err) {
    catalog_table table = {.name = {namespace_, lh_json_get_string(request, "name")}, .snapshot_id = -1};
    LH_TRY(table_must_be_new(catalog, table.name, arena, err));
    lh_str location = lh_json_get_string(request, "location");
    table.owns_folder = location.len == 0;
    if (table.owns_folder) location = table_default_location(catalog, table.name, arena);
    lh_json *updates = NULL, *metadata = metadata_empty(arena);
    LH_TRY(metadata_updates_for_create(arena, request, location, &updates, err));
    LH_TRY(metadata_apply_updates(arena, metadata, updates, err));
    LH_TRY(metadata_finish(arena, metadata, LH_STR_NONE, 0, err));
    LH_TRY(table_make_folders(catalog, location, arena, err));
    if (!lh_json_bool(lh_json_get(request, "stage-create"), false)) {
        LH_TRY(catalog_metadata_write(catalog, metadata, LH_STR_NONE, arena, &table.metadata_key, err));
        lh_code code = table_insert(catalog, &table, arena, err);
        if (code != LH_OK) {
            catalog_metadata_remove(catalog, table.metadata_key);
            return code;
        }
    }
    *ret = table_answer(catalog, table.metadata_key, metadata, true, arena);
    return lh_arena_check(arena, err);
}

lh_code lh_table_register(lh_catalog *catalog, lh_str namespace_, const lh_json *request, lh_arena *arena, lh_json **ret, lh_error *err) {
    catalog_table table = {.name = {namespace_, lh_json_get_string(request, "name")}};
    lh_str location = lh_json_get_string(request, "metadata-location");
    bool overwrite = lh_json_bool(lh_json_get(request, "overwrite"), false);
    lh_json *metadata = NULL;
    if (location.len == 0) return lh_fail(err, LH_INVALID, "'metadata-location' is missing");
    if (!overwrite) LH_TRY(table_must_be_new(catalog, table.name, arena, err));
    if (lh_bucket_key_of(catalog->bucket, location, arena, &table.metadata_key, NULL) != LH_OK)
        return lh_fail(err, LH_INVALID, "'%.*s' does not lie inside this lake's bucket", LH_STR_ARG(location));
    lh_object_info info;
    LH_TRY(lh_bucket_head(catalog->bucket, table.metadata_key, &info, err));
    LH_TRY(catalog_metadata_load(catalog, table.metadata_key, arena, &metadata, err));
    LH_TRY(table_make_folders(catalog, lh_json_get_string(metadata, "location"), arena, err)); /* also: must be inside the bucket */
    LH_TRY(lh_bucket_sync(catalog->bucket, table.metadata_key, err));
    table.snapshot_id = metadata_current_snapshot_id(metadata);
    if (table.snapshot_id >= 0)
        LH_TRY(manifest_sync(catalog, metadata_snapshot(metadata, table.snapshot_id), MANIFEST_LIVE, lh_json_get_string(metadata, "location"), err));
    if (overwrite && lh_table_exists(catalog, table.name)) LH_TRY(lh_table_drop(catalog, table.name, false, err));
    LH_TRY(table_insert(catalog, &table, arena, err));
    *ret = table_answer(catalog, table.metadata_key, metadata, true, arena);
    return lh_arena_check(arena, err);
}

/* ---- rename, drop ---- */

static lh_code table_identifier(const lh_json *identifier, lh_arena *arena, lh_table_name *ret, lh_error *err) {
    lh_table_name name = {.name = lh_json_get_string(identifier, "name")};
    LH_TRY(catalog_namespace_from_json(lh_json_get(identifier, "namespace"), arena, &name.namespace_, err));
    LH_TRY(catalog_check_name(name.name, "table", err));
    *ret = name;
    return LH_OK;
}

lh_code lh_table_rename(lh_catalog *catalog, const lh_json *request, lh_arena *arena, lh_error *err) {
    lh_table_name from, to;
    catalog_table table;
    LH_TRY(table_identifier(lh_json_get(request, "source"), arena, &from, err));
    LH_TRY(table_identifier(lh_json_get(request, "destination"), arena, &to, err));
    LH_TRY(catalog_table_find(catalog, from, arena, &table, err));
    LH_TRY(table_must_be_new(catalog, to, arena, err));
    lh_change *extra = NULL;
    size_t extra_count = 0;
    LH_TRY(dataset_rename_changes(catalog, from, to, arena, &extra, &extra_count, err));
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, extra_count + 3);
    if (!changes) return lh_arena_check(arena, err);
    changes[0] = (lh_change){.key = catalog_table_key(from, arena), .expected = table.version};
    changes[1] = (lh_change){.key = catalog_table_key(to, arena), .expected = LH_VERSION_ABSENT};
    changes[2] = (lh_change){.key = catalog_namespace_key(to.namespace_, arena), .check_only = true};
    LH_TRY(catalog_namespace_version(catalog, to.namespace_, &changes[2].expected, err));
    LH_TRY(catalog_table_document(&table, arena, &changes[1].text, err));
    if (extra_count) memcpy(changes + 3, extra, extra_count * sizeof *extra);
    LH_TRY(lh_arena_check(arena, err));
    lh_code code = lh_metastore_commit(catalog->metastore, changes, extra_count + 3, NULL, err);
    if (code == LH_CONFLICT) return lh_fail(err, code, "table '%.*s' was changed meanwhile: try again", LH_STR_ARG(lh_table_name_text(from, arena)));
    return code;
}

/* Keys to delete, collected before anything is: snapshots share manifests. Arena. */
typedef struct table_purge { lh_catalog *catalog; lh_arena *arena; lh_str *keys; size_t count, room; } table_purge;

static lh_code table_purge_add(void *ctx, lh_str location, lh_error *err) {
    table_purge *purge = ctx;
    if (purge->count == purge->room) {
        size_t room = purge->room ? purge->room * 2 : 256;
        lh_str *grown = LH_ARENA_ARRAY(purge->arena, lh_str, room);
        if (!grown) return lh_arena_check(purge->arena, err);
        if (purge->count) memcpy(grown, purge->keys, purge->count * sizeof *grown);
        purge->keys = grown;
        purge->room = room;
    }
    LH_TRY(lh_bucket_key_of(purge->catalog->bucket, lh_arena_dup(purge->arena, location), purge->arena, &purge->keys[purge->count], err));
    purge->count++;
    return LH_OK;
}

/* Everything under the table's own folder. */
static lh_code table_purge_folder(lh_catalog *catalog, lh_str folder, lh_error *err) {
    for (bool more = true; more;) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(16 << 20, &arena, err));
        lh_object_page page;
        LH_TRY(lh_bucket_list(catalog->bucket, lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder)), LH_STR_NONE, LH_LIMIT_LIST_PAGE, arena, &page, err));
        for (size_t i = 0; i < page.count; i++) LH_TRY(lh_bucket_delete(catalog->bucket, page.entries[i].key, LH_STR_NONE, err));
        more = page.more;
    }
    return LH_OK;
}

static lh_code table_purge_files(lh_catalog *catalog, const catalog_table *table, const lh_json *metadata, lh_arena *arena, lh_error *err) {
    lh_str folder;
    LH_TRY(lh_bucket_key_of(catalog->bucket, lh_json_get_string(metadata, "location"), arena, &folder, err));
    if (table->owns_folder) return table_purge_folder(catalog, folder, err);
    table_purge purge = {.catalog = catalog, .arena = arena}; /* a folder that others may share: only what the metadata reaches */
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "snapshots")); lh_json_next(&it);)
        LH_TRY(manifest_walk(catalog->bucket, it.value, MANIFEST_ALL, table_purge_add, &purge, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "metadata-log")); lh_json_next(&it);)
        LH_TRY(table_purge_add(&purge, lh_json_get_string(it.value, "metadata-file"), err));
    for (size_t i = 0; i < purge.count; i++) LH_TRY(lh_bucket_delete(catalog->bucket, purge.keys[i], LH_STR_NONE, err));
    return lh_bucket_delete(catalog->bucket, table->metadata_key, LH_STR_NONE, err);
}

lh_code lh_table_drop(lh_catalog *catalog, lh_table_name name, bool purge, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_JSON_BYTES, &arena, err));
        catalog_table table;
        lh_json *metadata = NULL;
        lh_change *extra = NULL;
        size_t extra_count = 0;
        LH_TRY(catalog_table_find(catalog, name, arena, &table, err));
        if (purge) LH_TRY(catalog_metadata_load(catalog, table.metadata_key, arena, &metadata, err));
        LH_TRY(dataset_drop_changes(catalog, name, arena, &extra, &extra_count, err));
        lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, extra_count + 1);
        if (!changes) return lh_arena_check(arena, err);
        changes[0] = (lh_change){.key = catalog_table_key(name, arena), .expected = table.version};
        if (extra_count) memcpy(changes + 1, extra, extra_count * sizeof *extra);
        LH_TRY(lh_arena_check(arena, err));
        lh_code code = lh_metastore_commit(catalog->metastore, changes, extra_count + 1, NULL, err);
        if (code == LH_OK && purge) return table_purge_files(catalog, &table, metadata, arena, err);
        if (code != LH_CONFLICT || tries == TABLE_COMMIT_TRIES) return code;
    }
}

/* ---- commit ---- */

/* One table's part of a commit while it is being prepared. */
typedef struct table_commit {
    const lh_json *request;
    lh_table_name name;
    bool exists;
    catalog_table table;  /* as read */
    lh_json *metadata;    /* the new one */
    lh_str new_key;       /* its file; empty until written */
    lh_str dropped_file;  /* metadata file that left the log and is deleted after the commit; empty: none */
    bool annotated;
    annotation annotation;
} table_commit;

/* Snapshots in the request that the engine's annotation goes to, and those that must be durable first. */
static lh_code table_prepare_snapshots(lh_catalog *catalog, table_commit *commit, lh_arena *arena, lh_error *err) {
    for (lh_json_iter it = lh_json_each(lh_json_get(commit->request, "updates")); lh_json_next(&it);) {
        if (!lh_str_eq(lh_json_get_string(it.value, "action"), LH_STR("add-snapshot"))) continue;
        lh_json *snapshot = metadata_snapshot(commit->metadata, lh_json_int(lh_json_get(lh_json_get(it.value, "snapshot"), "snapshot-id"), -1));
        if (!snapshot) continue; /* removed again in the same list */
        LH_TRY(manifest_sync(catalog, snapshot, MANIFEST_ADDED, lh_json_get_string(commit->metadata, "location"), err));
        for (lh_json_iter p = lh_json_each(commit->annotated ? commit->annotation.properties : NULL); lh_json_next(&p);)
            lh_json_put(arena, lh_json_get(snapshot, "summary"), p.name, lh_json_copy(arena, p.value));
    }
    return LH_OK;
}

static bool table_adds_snapshot(const lh_json *request) {
    for (lh_json_iter it = lh_json_each(lh_json_get(request, "updates")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "action"), LH_STR("add-snapshot"))) return true;
    return false;
}

/* Reads the table, checks, applies and writes the new metadata file. */
static lh_code table_prepare(lh_catalog *catalog, table_commit *commit, bool by_engine, lh_arena *arena, lh_error *err) {
    lh_json *old = NULL;
    lh_str previous_location = LH_STR_NONE;
    int64_t previous_ms = 0;
    lh_code code = catalog_table_find(catalog, commit->name, arena, &commit->table, err);
    commit->exists = code == LH_OK;
    if (commit->exists) {
        LH_TRY(catalog_metadata_load(catalog, commit->table.metadata_key, arena, &old, err));
        previous_location = lh_bucket_location(catalog->bucket, commit->table.metadata_key, arena);
        previous_ms = lh_json_int(lh_json_get(old, "last-updated-ms"), 0);
    } else if (code == LH_NOT_FOUND) {
        bool creates = false;
        for (lh_json_iter it = lh_json_each(lh_json_get(commit->request, "requirements")); lh_json_next(&it);)
            creates |= lh_str_eq(lh_json_get_string(it.value, "type"), LH_STR("assert-create"));
        if (!creates) return code;
        LH_TRY(table_must_be_new(catalog, commit->name, arena, err));
        commit->table = (catalog_table){.name = commit->name, .version = LH_VERSION_ABSENT, .owns_folder = true};
        commit->table.created_at = lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    } else {
        return code;
    }
    LH_TRY(metadata_check_requirements(lh_json_get(commit->request, "requirements"), old, err));
    commit->metadata = old ? old : metadata_empty(arena);
    lh_str location = lh_arena_dup(arena, lh_json_get_string(commit->metadata, "location"));
    lh_str oldest_file = lh_json_get_string(lh_json_at(lh_json_get(commit->metadata, "metadata-log"), 0), "metadata-file");
    LH_TRY(metadata_apply_updates(arena, commit->metadata, lh_json_get(commit->request, "updates"), err));
    LH_TRY(metadata_finish(arena, commit->metadata, previous_location, previous_ms, err));
    if (!lh_str_eq(location, lh_json_get_string(commit->metadata, "location")))
        LH_TRY(table_make_folders(catalog, lh_json_get_string(commit->metadata, "location"), arena, err));
    lh_str oldest_now = lh_json_get_string(lh_json_at(lh_json_get(commit->metadata, "metadata-log"), 0), "metadata-file");
    lh_str delete_old = lh_json_get_string(lh_json_get(commit->metadata, "properties"), "write.metadata.delete-after-commit.enabled");
    if (lh_str_eq(delete_old, LH_STR("true")) && !lh_str_eq(oldest_file, oldest_now)) commit->dropped_file = oldest_file;
    if (by_engine && table_adds_snapshot(commit->request))
        LH_TRY(annotation_peek(catalog->annotations, commit->name, arena, &commit->annotated, &commit->annotation, err));
    LH_TRY(table_prepare_snapshots(catalog, commit, arena, err));
    LH_TRY(catalog_metadata_write(catalog, commit->metadata, commit->exists ? commit->table.metadata_key : LH_STR_NONE, arena, &commit->new_key, err));
    return LH_OK;
}

/* The metastore changes of all parts, one commit. */
static lh_code table_put_documents(lh_catalog *catalog, table_commit *commits, size_t count, lh_arena *arena, lh_error *err) {
    size_t room = 2 * count, used = 0;
    for (size_t i = 0; i < count; i++) room += commits[i].annotated ? commits[i].annotation.count : 0;
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, room);
    if (!changes) return lh_arena_check(arena, err);
    for (size_t i = 0; i < count; i++) {
        catalog_table table = commits[i].table;
        table.metadata_key = commits[i].new_key;
        table.snapshot_id = metadata_current_snapshot_id(commits[i].metadata);
        changes[used] = (lh_change){.key = catalog_table_key(table.name, arena), .expected = table.version};
        LH_TRY(catalog_table_document(&table, arena, &changes[used++].text, err));
        if (!commits[i].exists) {
            changes[used] = (lh_change){.key = catalog_namespace_key(table.name.namespace_, arena), .check_only = true};
            LH_TRY(catalog_namespace_version(catalog, table.name.namespace_, &changes[used++].expected, err));
        }
        if (commits[i].annotated && commits[i].annotation.count) {
            memcpy(changes + used, commits[i].annotation.documents, commits[i].annotation.count * sizeof *changes);
            used += commits[i].annotation.count;
        }
    }
    LH_TRY(lh_arena_check(arena, err));
    return lh_metastore_commit(catalog->metastore, changes, used, NULL, err);
}

static void table_after_commit(lh_catalog *catalog, const table_commit *commit, lh_arena *arena) {
    if (commit->annotated) annotation_taken(catalog->annotations, commit->name, commit->annotation.id);
    lh_str key;
    if (commit->dropped_file.len && lh_bucket_key_of(catalog->bucket, commit->dropped_file, arena, &key, NULL) == LH_OK)
        catalog_metadata_remove(catalog, key);
}

/* One try of all parts. CONFLICT with *ret_again: another commit came between, nothing was changed. */
static lh_code table_try_commit(lh_catalog *catalog, table_commit *commits, size_t count, bool by_engine, bool *ret_again, lh_arena *arena, lh_error *err) {
    lh_code code = LH_OK;
    *ret_again = false;
    for (size_t i = 0; i < count && code == LH_OK; i++) {
        commits[i] = (table_commit){.request = commits[i].request, .name = commits[i].name};
        code = table_prepare(catalog, &commits[i], by_engine, arena, err);
    }
    if (code == LH_OK) {
        code = table_put_documents(catalog, commits, count, arena, err);
        *ret_again = code == LH_CONFLICT;
    }
    /* UNAVAILABLE may mean that the answer to the write was lost: then the file must stay */
    for (size_t i = 0; i < count; i++) {
        if (code == LH_OK) table_after_commit(catalog, &commits[i], arena);
        else if (code == LH_CONFLICT && commits[i].new_key.len) catalog_metadata_remove(catalog, commits[i].new_key);
    }
    return code;
}

/* `ret` (may be NULL) gets the first part's new metadata. */
static lh_code table_commit_all(lh_catalog *catalog, table_commit *commits, size_t count, bool by_engine, lh_arena *arena, lh_json **ret, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL; /* each try parses the metadata anew */
        LH_TRY(lh_arena_new(8 * (size_t)LH_LIMIT_METADATA_BYTES, &scratch, err));
        bool again = false;
        lh_code code = table_try_commit(catalog, commits, count, by_engine, &again, scratch, err);
        if (code == LH_OK && ret)
            *ret = table_answer(catalog, commits[0].new_key, lh_json_copy(arena, commits[0].metadata), false, arena);
        if (code == LH_OK) return lh_arena_check(arena, err);
        if (!again) return code;
        if (tries == TABLE_COMMIT_TRIES) return lh_fail(err, LH_CONFLICT, "the table is changed too often: try again");
        lh_time_sleep_ms(lh_random_below(1u << (tries < 6 ? tries : 6)));
    }
}

lh_code lh_table_commit(lh_catalog *catalog, lh_table_name name, const lh_json *request, bool by_engine, lh_arena *arena, lh_json **ret, lh_error *err) {
    table_commit commit = {.request = request, .name = name};
    return table_commit_all(catalog, &commit, 1, by_engine, arena, ret, err);
}

lh_code lh_transaction_commit(lh_catalog *catalog, const lh_json *request, bool by_engine, lh_arena *arena, lh_error *err) {
    const lh_json *parts = lh_json_get(request, "table-changes");
    size_t count = lh_json_size(parts);
    if (!lh_json_is_array(parts) || count == 0) return lh_fail(err, LH_INVALID, "'table-changes' must be an array of at least one change");
    if (count > TABLE_TRANSACTION_MAX) return lh_fail(err, LH_LIMIT, "a transaction changes more than %d tables", TABLE_TRANSACTION_MAX);
    table_commit *commits = LH_ARENA_ARRAY(arena, table_commit, count);
    if (!commits) return lh_arena_check(arena, err);
    for (lh_json_iter it = lh_json_each(parts); lh_json_next(&it);) {
        commits[it.index].request = it.value;
        LH_TRY(table_identifier(lh_json_get(it.value, "identifier"), arena, &commits[it.index].name, err));
        for (size_t i = 0; i < it.index; i++)
            if (lh_str_eq(catalog_table_key(commits[i].name, arena), catalog_table_key(commits[it.index].name, arena)))
                return lh_fail(err, LH_INVALID, "a transaction names table '%.*s' twice", LH_STR_ARG(commits[i].name.name));
    }
    return table_commit_all(catalog, commits, count, by_engine, arena, NULL, err);
}
