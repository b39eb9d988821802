/* Datasets: every table of the catalog, with what we know of it beyond Iceberg. Documents:
 *   "dataset/<levels>/<name>"            {"schema_version":1,"created_at":"…","origin":{…}}
 *   "ingested/<levels>/<name>/<sha256>"  what landed from these bytes (written by ingest)
 *   "about/<levels>/<name>"              what people said of it (dataset_metadata.c)
 *   "lineage/<levels>/<name>"            what SQL made it of (dataset_lineage.c)
 * (levels joined by 0x1F; they hold no '/', so no two datasets share a key.)
 * A table of strangers has no document and is a dataset all the same. The documents are dropped and
 * renamed in the table's own commit, whoever asked for it: records of a dropped table must
 * not make a new one of that name believe that it holds the bytes. */
#include "catalog/dataset_internal.h"

enum { DATASET_CHUNK = 256 };

lh_str lh_dataset_key(lh_table_name name, lh_arena *arena) {
    return lh_arena_printf(arena, "dataset/%.*s/%.*s", LH_STR_ARG(name.namespace_), LH_STR_ARG(name.name));
}

lh_str lh_ingested_key(lh_table_name name, lh_str sha256_hex, lh_arena *arena) {
    return lh_arena_printf(arena, "ingested/%.*s/%.*s/%.*s", LH_STR_ARG(name.namespace_), LH_STR_ARG(name.name),
                           LH_STR_ARG(sha256_hex));
}

/* ---- describing ---- */

static lh_code dataset_document(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                                lh_error *err) {
    lh_str text;
    *ret = NULL;
    lh_code code = lh_metastore_get(catalog->metastore, lh_dataset_key(name, arena), arena, &text, NULL, err);
    if (code == LH_NOT_FOUND) return LH_OK;
    return code == LH_OK ? lh_json_parse(arena, text, ret, err) : code;
}

/* Sizes: from the snapshot's summary when it tells all, else counted in its manifests (DuckDB leaves the bytes out). A
 * snapshot whose manifests cannot be read is described by what its summary does tell. */
static void dataset_set_state(lh_catalog *catalog, const lh_json *metadata, lh_arena *arena, lh_json *into) {
    int64_t id = metadata_current_snapshot_id(metadata);
    lh_str list = lh_json_get_string(id < 0 ? NULL : metadata_snapshot(metadata, id), "manifest-list");
    manifest_totals totals;
    bool counted = list.len && !dataset_summary_is_complete(metadata) &&
                   manifest_count(catalog->bucket, list, &totals, NULL) == LH_OK;
    dataset_describe(metadata, counted ? &totals : NULL, arena, into);
}

static void dataset_set_name(lh_table_name name, lh_arena *arena, lh_json *into) {
    lh_json_set_string(arena, into, "name", name.name);
    lh_json_set_string(arena, into, "namespace", lh_namespace_text(name.namespace_, arena));
    lh_json_set_string(arena, into, "format", LH_STR("iceberg"));
}

lh_code lh_dataset_get(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret, lh_error *err) {
    catalog_table table;
    lh_json *metadata = NULL, *document = NULL, *dataset = lh_json_new_object(arena);
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    LH_TRY(dataset_document(catalog, name, arena, &document, err));
    dataset_set_name(name, arena, dataset);
    dataset_set_state(catalog, metadata, arena, dataset);
    lh_str created_at = lh_json_get_string(document, "created_at");
    const lh_json *origin = lh_json_get(document, "origin");
    lh_json_set_string(arena, dataset, "created_at", created_at.len ? created_at : table.created_at);
    lh_json_set(arena, dataset, "origin", origin ? lh_json_copy(arena, origin) : lh_json_new_null(arena));
    LH_TRY(lh_arena_check(arena, err));
    *ret = dataset;
    return LH_OK;
}

/* ---- listing: page tokens are the last item's key without "table/" ---- */

static lh_code dataset_token_key(lh_str token, lh_arena *arena, lh_str *ret, lh_error *err) {
    size_t slash = lh_str_find(token, '/');
    if (slash == 0 || slash == token.len)
        return lh_fail(err, LH_INVALID, "page_token is not one that this server gave");
    *ret = lh_arena_printf(arena, "table/%.*s", LH_STR_ARG(token));
    return lh_arena_check(arena, err);
}

static lh_str dataset_token(lh_str key, lh_arena *arena) {
    return lh_arena_dup(arena, lh_str_sub(key, sizeof "table/" - 1, SIZE_MAX));
}

static lh_table_name dataset_name_of(lh_str key) {
    lh_str rest = lh_str_sub(key, sizeof "table/" - 1, SIZE_MAX);
    lh_str levels = lh_str_split(&rest, '/');
    return (lh_table_name){levels, rest};
}

static char dataset_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* Is `filter` a part of `name`, but for the case of ASCII letters? */
static bool dataset_matches(lh_str name, lh_str filter) {
    for (size_t from = 0; from + filter.len <= name.len; from++) {
        size_t same = 0;
        while (same < filter.len && dataset_lower(name.ptr[from + same]) == dataset_lower(filter.ptr[same])) same++;
        if (same == filter.len) return true;
    }
    return false;
}

/* Appends one item. A table that cannot be described is listed with its error: one broken table hides no other. */
static lh_code dataset_append_item(lh_catalog *catalog, lh_str key, lh_arena *arena, lh_json *items, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    lh_error why = {0};
    lh_json *item = NULL;
    LH_TRY(lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &scratch, err));
    lh_code code = lh_dataset_get(catalog, dataset_name_of(key), scratch, &item, &why);
    if (code == LH_NOT_FOUND) return LH_OK; /* dropped meanwhile */
    if (code != LH_OK) {
        item = lh_json_new_object(arena);
        dataset_set_name(dataset_name_of(key), arena, item);
        lh_json_set_string(arena, item, "error", lh_str_from(why.message));
        lh_json_append(items, item);
    } else {
        lh_json_append(items, lh_json_copy(arena, item));
    }
    return lh_arena_check(arena, err);
}

/* One chunk of the listing; *after moves on, *ret_more tells whether there is anything behind it. */
static lh_code dataset_list_chunk(lh_catalog *catalog, lh_str prefix, lh_str filter, const lh_dataset_seen *seen,
                                  size_t limit, lh_arena *arena, lh_json *items, lh_str *after, bool *ret_more,
                                  lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    lh_document_page page;
    lh_str last = *after;
    LH_TRY(lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &scratch, err));
    LH_TRY(lh_metastore_list(catalog->metastore, prefix, *after, DATASET_CHUNK, scratch, &page, err));
    size_t i = 0;
    for (; i < page.count && (limit == 0 || lh_json_size(items) < limit); i++) {
        last = page.items[i].key;
        if (filter.len && !dataset_matches(dataset_name_of(last).name, filter)) continue;
        if (seen && !seen->shows(seen->ctx, dataset_name_of(last), LH_STR_NONE)) continue;
        LH_TRY(dataset_append_item(catalog, last, arena, items, err));
    }
    *ret_more = i < page.count || page.more;
    *after = lh_arena_dup(arena, last);
    return lh_arena_check(arena, err);
}

lh_code lh_dataset_list(lh_catalog *catalog, lh_str namespace_, lh_str filter, const lh_dataset_seen *seen,
                        lh_page page, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *items = lh_json_new_array(arena);
    lh_str prefix = namespace_.len ? lh_arena_printf(arena, "table/%.*s/", LH_STR_ARG(namespace_)) : LH_STR("table/");
    lh_str after = LH_STR_NONE;
    bool more = true;
    if (page.token.len) LH_TRY(dataset_token_key(page.token, arena, &after, err));
    while (more && (page.limit == 0 || lh_json_size(items) < page.limit))
        LH_TRY(dataset_list_chunk(catalog, prefix, filter, seen, page.limit, arena, items, &after, &more, err));
    lh_json *answer = lh_json_page(arena, items, more ? dataset_token(after, arena) : LH_STR_NONE);
    LH_TRY(lh_arena_check(arena, err));
    *ret = answer;
    return LH_OK;
}

lh_code lh_dataset_listed(lh_catalog *catalog, const lh_json *item, lh_arena *arena, lh_str *ret_text,
                          lh_table_name *ret, lh_error *err) {
    *ret_text = lh_arena_printf(arena, "%.*s.%.*s", LH_STR_ARG(lh_json_get_string(item, "namespace")),
                                LH_STR_ARG(lh_json_get_string(item, "name")));
    return lh_table_name_parse(catalog, *ret_text, arena, ret, err);
}

/* ---- dropping and renaming ---- */

lh_code lh_dataset_delete(lh_catalog *catalog, lh_table_name name, bool purge, lh_error *err) {
    return lh_table_drop(catalog, name, purge, err); /* takes dataset_drop_changes() along */
}

/* All documents of a dataset: its own and the "ingested" ones. */
static lh_code dataset_documents(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_document_page *ret,
                                 lh_error *err) {
    lh_str own = lh_dataset_key(name, arena), text;
    lh_document_page page;
    uint64_t version;
    LH_TRY(lh_metastore_list(catalog->metastore, lh_ingested_key(name, LH_STR_NONE, arena), LH_STR_NONE,
                             CATALOG_LIST_ALL, arena, &page, err));
    lh_document *all = LH_ARENA_ARRAY(arena, lh_document, page.count + 1);
    LH_TRY(lh_arena_check(arena, err));
    if (page.count) memcpy(all, page.items, page.count * sizeof *all);
    lh_code code = lh_metastore_get(catalog->metastore, own, arena, &text, &version, err);
    if (code != LH_OK && code != LH_NOT_FOUND) return code;
    if (code == LH_OK) all[page.count++] = (lh_document){own, text, version};
    *ret = (lh_document_page){.items = all, .count = page.count};
    return LH_OK;
}

/* The documents that a request may write while the table stays as it is. A rename expects their versions; a drop takes
 * them whether they were there or not. */
static void dataset_side_keys(lh_table_name name, lh_arena *arena, lh_str keys[2]) {
    keys[0] = dataset_about_key(name, arena);
    keys[1] = lineage_key(name, arena);
}

lh_code dataset_drop_changes(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_change **ret,
                             size_t *ret_count, lh_error *err) {
    lh_document_page documents;
    lh_change *children = NULL;
    size_t child_count = 0, used = 0;
    lh_str side[2];
    LH_TRY(dataset_documents(catalog, name, arena, &documents, err));
    LH_TRY(lineage_parent_changes(catalog, name, NULL, arena, &children, &child_count, err));
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, documents.count + child_count + 2);
    dataset_side_keys(name, arena, side);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < documents.count; i++) changes[used++].key = documents.items[i].key;
    for (size_t i = 0; i < 2; i++) changes[used++].key = side[i];
    for (size_t i = 0; i < child_count; i++) changes[used++] = children[i];
    *ret = changes;
    *ret_count = used;
    return LH_OK;
}

static lh_code dataset_move(lh_catalog *catalog, lh_str from, lh_str to, lh_arena *arena, lh_change pair[2],
                            size_t *used, lh_error *err) {
    uint64_t version;
    lh_str text;
    lh_code code = lh_metastore_get(catalog->metastore, from, arena, &text, &version, err);
    pair[0] = (lh_change){.key = from, .expected = code == LH_OK ? version : LH_VERSION_ABSENT};
    pair[0].check_only = code == LH_NOT_FOUND;
    *used += code == LH_OK ? 2 : 1;
    if (code == LH_OK) pair[1] = (lh_change){.key = to, .text = text};
    return code == LH_NOT_FOUND ? LH_OK : code;
}

lh_code dataset_rename_changes(lh_catalog *catalog, lh_table_name from, lh_table_name to, lh_arena *arena,
                               lh_change **ret, size_t *ret_count, lh_error *err) {
    lh_document_page documents;
    lh_change *children = NULL;
    size_t child_count = 0, used = 0;
    lh_str old_keys[2], new_keys[2];
    LH_TRY(dataset_documents(catalog, from, arena, &documents, err));
    LH_TRY(lineage_parent_changes(catalog, from, &to, arena, &children, &child_count, err));
    size_t sha_at = lh_ingested_key(from, LH_STR_NONE, arena).len;
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, 2 * documents.count + child_count + 4);
    dataset_side_keys(from, arena, old_keys);
    dataset_side_keys(to, arena, new_keys);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < documents.count; i++) {
        lh_str key = documents.items[i].key;
        bool ingested = lh_str_starts(key, LH_STR("ingested/"));
        changes[used++].key = key;
        changes[used].key =
            ingested ? lh_ingested_key(to, lh_str_sub(key, sha_at, SIZE_MAX), arena) : lh_dataset_key(to, arena);
        changes[used++].text = documents.items[i].text;
    }
    for (size_t i = 0; i < 2; i++)
        LH_TRY(dataset_move(catalog, old_keys[i], new_keys[i], arena, changes + used, &used, err));
    for (size_t i = 0; i < child_count; i++) changes[used++] = children[i];
    LH_TRY(lh_arena_check(arena, err));
    *ret = changes;
    *ret_count = used;
    return LH_OK;
}

/* ---- annotations ---- */

lh_code lh_annotation_set(lh_catalog *catalog, lh_table_name name, const lh_json *properties,
                          const lh_change *documents, size_t count, lh_error *err) {
    return annotation_set(catalog->annotations, name, properties, documents, count, err);
}

lh_code lh_annotation_add(lh_catalog *catalog, lh_table_name name, const lh_change *document, lh_error *err) {
    return annotation_add(catalog->annotations, name, document, err);
}

lh_code lh_annotation_set_bucket(lh_catalog *catalog, lh_table_name name, lh_str bucket, lh_error *err) {
    LH_TRY(lh_catalog_check_bucket(catalog, bucket, err));
    return annotation_set_bucket(catalog->annotations, name, bucket, err);
}

lh_code lh_annotation_set_reshape(lh_catalog *catalog, lh_table_name name, const lh_json *schema,
                                  const lh_json *written, const lh_json *moved, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(LH_LIMIT_JSON_BYTES, &arena, err));
    lh_json *reshape = lh_json_new_object(arena);
    lh_json_set(arena, reshape, "schema", lh_json_copy(arena, schema));
    lh_json_set(arena, reshape, "written", lh_json_copy(arena, written));
    if (moved) lh_json_set(arena, reshape, "recast", lh_json_copy(arena, moved));
    LH_TRY(lh_arena_check(arena, err));
    return annotation_set_reshape(catalog->annotations, name, reshape, err);
}

lh_code lh_annotation_set_inherited(lh_catalog *catalog, lh_table_name name, const lh_json *columns, lh_error *err) {
    return annotation_set_inherited(catalog->annotations, name, columns, err);
}

void lh_annotation_clear(lh_catalog *catalog, lh_table_name name) { annotation_clear(catalog->annotations, name); }

lh_code lh_dataset_remember(lh_catalog *catalog, lh_table_name name, const lh_change *documents, size_t count,
                            lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(LH_LIMIT_JSON_BYTES, &arena, err));
    catalog_table table;
    lh_code code = catalog_table_find(catalog, name, arena, &table, err);
    if (code != LH_OK) return code == LH_NOT_FOUND ? LH_OK : code;
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, count + 1);
    if (!changes) return lh_arena_check(arena, err);
    memcpy(changes, documents, count * sizeof *changes);
    changes[count] = (lh_change){.key = catalog_table_key(name, arena), .check_only = true, .expected = table.version};
    code = lh_metastore_commit(catalog->metastore, changes, count + 1, NULL, err);
    return code == LH_CONFLICT ? LH_OK : code;
}
