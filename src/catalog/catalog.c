/* The catalog as a whole, names, and the documents of tables and namespaces:
 *   "namespace/<levels joined by 0x1F>"   {"schema_version":1,"properties":{…}}
 *   "table/<levels>/<name>"               {"schema_version":1,"bucket":"…","metadata_key":"lake/…/metadata/….metadata.json",
 *                                          "snapshot_id":n,"created_at":"…","owns_folder":true,
 *                                          "former_folders":[{"bucket","folder"}] that it moved out of, if any}
 * "bucket" names the bucket that metadata_key is a key of; a record without it is of before there were several: the
 * primary. In memory the key is as the whole of the buckets knows it. */
#include "catalog/catalog_internal.h"

static lh_code catalog_ensure_default_namespace(lh_catalog *catalog, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(catalog_check_namespace(catalog->default_namespace, err));
    lh_json *request = lh_json_new_object(arena), *ignored = NULL;
    lh_json_set(arena, request, "namespace", lh_namespace_levels(catalog->default_namespace, arena));
    lh_code code = lh_namespace_create(catalog, request, arena, &ignored, err);
    if (code != LH_CONFLICT) return code;
    uint64_t ignored_version;
    code = catalog_namespace_version(catalog, catalog->default_namespace, &ignored_version, err);
    if (code != LH_NOT_FOUND) return code;
    return lh_fail(err, LH_INVALID,
                   "the default namespace '%.*s' is in the lake under a name that differs from it in case or dots",
                   LH_STR_ARG(catalog->default_namespace));
}

lh_code lh_catalog_open(const lh_catalog_options *options, lh_catalog **ret, lh_error *err) {
    LH_CLEANUP(lh_catalog_freep) lh_catalog *catalog = calloc(1, sizeof *catalog);
    if (!catalog) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    catalog->bucket = options->bucket;
    catalog->registry = options->registry;
    lh_code copied = lh_str_dup(options->default_namespace, &catalog->default_namespace);
    if (copied != LH_OK) return lh_fail(err, LH_NO_MEMORY, "catalog: out of memory");
    LH_TRY(metadata_cache_new(&catalog->cache, err));
    LH_TRY(annotation_store_new(&catalog->annotations, err));
    LH_TRY(staged_folders_new(&catalog->staged, err));
    LH_TRY(lh_metastore_open(options->bucket, options->checkpoint_entries, &catalog->metastore, err));
    LH_TRY(folded_repair(catalog, err));
    LH_TRY(catalog_ensure_default_namespace(catalog, err));
    *ret = lh_take(&catalog);
    return LH_OK;
}

void lh_catalog_free(lh_catalog *catalog) {
    if (!catalog) return;
    lh_metastore_free(catalog->metastore);
    annotation_store_free(catalog->annotations);
    staged_folders_free(catalog->staged);
    metadata_cache_free(catalog->cache);
    lh_str_free(catalog->default_namespace);
    free(catalog);
}

lh_metastore *lh_catalog_metastore(lh_catalog *catalog) { return catalog->metastore; }
lh_str lh_catalog_default_namespace(const lh_catalog *catalog) { return catalog->default_namespace; }

/* ---- names ---- */

/* `inner`: a control character that may be in it all the same; 0: none. */
static lh_code catalog_check_word(lh_str name, const char *what, char inner, lh_error *err) {
    if (name.len == 0) return lh_fail(err, LH_INVALID, "the name of a %s is empty", what);
    if (name.len > LH_LIMIT_NAME_BYTES)
        return lh_fail(err, LH_INVALID, "the name of a %s is longer than %d bytes", what, LH_LIMIT_NAME_BYTES);
    if (!lh_str_is_utf8(name)) return lh_fail(err, LH_INVALID, "the name of a %s is not UTF-8", what);
    if (name.ptr[0] == '.') return lh_fail(err, LH_INVALID, "the name of a %s starts with a dot", what);
    for (size_t i = 0; i < name.len; i++)
        if (((unsigned char)name.ptr[i] < 0x20 && (!inner || name.ptr[i] != inner)) || name.ptr[i] == 0x7F)
            return lh_fail(err, LH_INVALID, "the name of a %s has a control character", what);
    return LH_OK;
}

lh_code catalog_check_name(lh_str name, const char *what, lh_error *err) {
    return catalog_check_word(name, what, '\0', err);
}

lh_str catalog_swap_bytes(lh_str text, char from, char to, lh_arena *arena) {
    char *copy = lh_arena_alloc(arena, text.len + 1);
    if (!copy) return LH_STR_NONE;
    for (size_t i = 0; i < text.len; i++) copy[i] = text.ptr[i] == from ? to : text.ptr[i];
    copy[text.len] = '\0';
    return (lh_str){copy, text.len};
}

lh_str lh_namespace_of_path(lh_str levels, lh_arena *arena) {
    return catalog_swap_bytes(catalog_swap_bytes(levels, '\x1e', '\x01', arena), '/', '\x1e', arena);
}

lh_code catalog_check_namespace(lh_str namespace_, lh_error *err) {
    size_t levels = 0;
    for (lh_str rest = namespace_; levels == 0 || rest.len; levels++) {
        LH_TRY(catalog_check_word(lh_str_split(&rest, '\x1f'), "namespace", '\x1e', err)); /* a '/' */
        if (levels == 16) return lh_fail(err, LH_INVALID, "a namespace has more than 16 levels");
    }
    if (namespace_.ptr[namespace_.len - 1] == '\x1f')
        return lh_fail(err, LH_INVALID, "the name of a namespace is empty");
    return LH_OK;
}

lh_str catalog_namespace_key(lh_str namespace_, lh_arena *arena) {
    return lh_arena_printf(arena, "namespace/%.*s", LH_STR_ARG(namespace_));
}

lh_str catalog_table_key(lh_table_name name, lh_arena *arena) {
    return lh_arena_printf(arena, "table/%.*s/%.*s", LH_STR_ARG(name.namespace_), LH_STR_ARG(name.name));
}

lh_code catalog_namespace_from_json(const lh_json *levels, lh_arena *arena, lh_str *ret, lh_error *err) {
    if (!lh_json_is_array(levels) || lh_json_size(levels) == 0)
        return lh_fail(err, LH_INVALID, "'namespace' must be an array of at least one name");
    LH_CLEANUP(lh_buf_done) lh_buf joined = LH_BUF_INIT(17 * (LH_LIMIT_NAME_BYTES + 1));
    for (lh_json_iter it = lh_json_each(levels); lh_json_next(&it);) {
        if (!lh_json_is_string(it.value)) return lh_fail(err, LH_INVALID, "'namespace' must be an array of strings");
        if (it.index) lh_buf_char(&joined, '\x1f');
        lh_str level = lh_json_str(it.value, LH_STR_NONE);
        LH_TRY(catalog_check_name(level, "namespace", err));
        lh_buf_append(&joined, level);
    }
    LH_TRY(lh_buf_check(&joined, err));
    LH_TRY(catalog_check_namespace(lh_buf_str(&joined), err));
    *ret = lh_namespace_of_path(lh_buf_str(&joined), arena);
    return lh_arena_check(arena, err);
}

lh_json *lh_namespace_levels(lh_str namespace_, lh_arena *arena) {
    lh_json *levels = lh_json_new_array(arena);
    for (lh_str rest = namespace_; rest.len;)
        lh_json_append(levels,
                       lh_json_new_string(arena, catalog_swap_bytes(lh_str_split(&rest, '\x1f'), '\x1e', '/', arena)));
    return levels;
}

lh_str lh_namespace_text(lh_str namespace_, lh_arena *arena) {
    return catalog_swap_bytes(catalog_swap_bytes(namespace_, '\x1f', '.', arena), '\x1e', '/', arena);
}

lh_str lh_table_name_text(lh_table_name name, lh_arena *arena) {
    return lh_arena_printf(arena, "%.*s.%.*s", LH_STR_ARG(lh_namespace_text(name.namespace_, arena)),
                           LH_STR_ARG(name.name));
}

lh_code lh_table_name_parse(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_table_name *ret, lh_error *err) {
    lh_table_name name = {catalog->default_namespace, text};
    if (lh_str_find(text, '.') < text.len) LH_TRY(dotted_find(catalog, text, arena, &name, err));
    LH_TRY(catalog_check_namespace(name.namespace_, err));
    LH_TRY(catalog_check_name(name.name, "table", err));
    name.name = lh_arena_dup(arena, name.name);
    *ret = name;
    return lh_arena_check(arena, err);
}

/* ---- table documents ---- */

lh_code catalog_table_find(lh_catalog *catalog, lh_table_name name, lh_arena *arena, catalog_table *ret,
                           lh_error *err) {
    lh_str text;
    catalog_table table = {.name = name};
    lh_code code =
        lh_metastore_get(catalog->metastore, catalog_table_key(name, arena), arena, &text, &table.version, err);
    if (code == LH_NOT_FOUND)
        return lh_fail(err, LH_NOT_FOUND, "Table does not exist: %.*s", LH_STR_ARG(lh_table_name_text(name, arena)));
    if (code != LH_OK) return code;
    lh_json *doc = NULL;
    LH_TRY(lh_json_parse(arena, text, &doc, err));
    table.metadata_key = catalog_document_metadata_key(catalog, doc, arena);
    table.created_at = lh_json_get_string(doc, "created_at");
    table.former = catalog_document_former(catalog, doc, arena);
    table.owns_folder = lh_json_bool(lh_json_get(doc, "owns_folder"), false);
    table.snapshot_id = lh_json_int(lh_json_get(doc, "snapshot_id"), -1);
    *ret = table;
    return lh_arena_check(arena, err);
}

lh_str catalog_bucket_of(const lh_catalog *catalog, lh_str key, lh_str *ret_key) {
    lh_str rest = lh_str_sub(key, 2, SIZE_MAX), name = LH_STR_NONE;
    if (!lh_str_starts(key, LH_STR("//"))) rest = key;
    else name = lh_str_split(&rest, '/');
    *ret_key = rest;
    if (name.len || !catalog->registry) return name;
    return lh_registry_options_at(catalog->registry, 0)->name;
}

/* The whole's key of a bucket's. */
static lh_str catalog_whole_key(const lh_catalog *catalog, lh_str bucket, lh_str key, lh_arena *arena) {
    lh_str ignored;
    if (bucket.len == 0 || lh_str_eq(bucket, catalog_bucket_of(catalog, LH_STR("x"), &ignored))) return key;
    return lh_arena_printf(arena, "//%.*s/%.*s", LH_STR_ARG(bucket), LH_STR_ARG(key));
}

lh_str catalog_document_metadata_key(const lh_catalog *catalog, const lh_json *doc, lh_arena *arena) {
    return catalog_whole_key(catalog, lh_json_get_string(doc, "bucket"), lh_json_get_string(doc, "metadata_key"),
                             arena);
}

lh_json *catalog_document_former(const lh_catalog *catalog, const lh_json *doc, lh_arena *arena) {
    const lh_json *list = lh_json_get(doc, "former_folders");
    if (lh_json_size(list) == 0) return NULL;
    lh_json *former = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);)
        lh_json_append(former,
                       lh_json_new_string(arena, catalog_whole_key(catalog, lh_json_get_string(it.value, "bucket"),
                                                                   lh_json_get_string(it.value, "folder"), arena)));
    return former;
}

static lh_json *catalog_write_former(const lh_catalog *catalog, const lh_json *former, lh_arena *arena) {
    lh_json *list = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(former); lh_json_next(&it);) {
        lh_json *item = lh_json_new_object(arena);
        lh_str folder, bucket = catalog_bucket_of(catalog, lh_json_str(it.value, LH_STR_NONE), &folder);
        lh_json_set_string(arena, item, "bucket", bucket);
        lh_json_set_string(arena, item, "folder", folder);
        lh_json_append(list, item);
    }
    return list;
}

bool catalog_is_former(const catalog_table *table, lh_str key) {
    for (lh_json_iter it = lh_json_each(table->former); lh_json_next(&it);)
        if (lh_str_starts(key, lh_json_str(it.value, LH_STR("/")))) return true;
    return false;
}

lh_code catalog_table_document(const lh_catalog *catalog, const catalog_table *table, lh_arena *arena, lh_str *ret,
                               lh_error *err) {
    lh_json *doc = lh_json_new_object(arena);
    lh_str key, bucket = catalog_bucket_of(catalog, table->metadata_key, &key);
    lh_json_set_int(arena, doc, "schema_version", 1);
    if (bucket.len) lh_json_set_string(arena, doc, "bucket", bucket);
    lh_json_set_string(arena, doc, "metadata_key", key);
    lh_json_set_int(arena, doc, "snapshot_id", table->snapshot_id);
    lh_json_set_string(arena, doc, "created_at", table->created_at);
    lh_json_set_bool(arena, doc, "owns_folder", table->owns_folder);
    if (table->former) lh_json_set(arena, doc, "former_folders", catalog_write_former(catalog, table->former, arena));
    return lh_json_write(arena, doc, false, ret, err);
}

lh_code lh_catalog_check_bucket(const lh_catalog *catalog, lh_str bucket, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str key;
    size_t index;
    if (!catalog->registry) return lh_fail(err, LH_UNAVAILABLE, "this lake has one bucket, which has no name");
    LH_TRY(lh_arena_new(64 << 10, &arena, err));
    LH_TRY(lh_registry_key(catalog->registry, bucket, LH_STR("x"), arena, &key, err));
    LH_TRY(lh_registry_index_of(catalog->registry, key, &index, err));
    if (lh_registry_options_at(catalog->registry, index)->read_only)
        return lh_fail(err, LH_DENIED, "the bucket '%.*s' is read-only", LH_STR_ARG(bucket));
    return LH_OK;
}

lh_code lh_table_bucket(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_str *ret, lh_error *err) {
    catalog_table table;
    lh_str ignored;
    LH_TRY(catalog_table_find(catalog, name, arena, &table, err));
    *ret = lh_arena_dup(arena, catalog_bucket_of(catalog, table.metadata_key, &ignored));
    return lh_arena_check(arena, err);
}

bool lh_table_exists(lh_catalog *catalog, lh_table_name name) {
    int64_t ignored;
    return lh_table_snapshot_id(catalog, name, &ignored, NULL) == LH_OK;
}

lh_code lh_table_version(lh_catalog *catalog, lh_table_name name, lh_table_state *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(256 << 10, &arena, err));
    catalog_table table;
    LH_TRY(catalog_table_find(catalog, name, arena, &table, err));
    *ret = (lh_table_state){.version = table.version, .snapshot_id = table.snapshot_id, .schema_id = -1};
    return LH_OK;
}

lh_code lh_table_get_state(lh_catalog *catalog, lh_table_name name, lh_table_state *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &arena, err));
    catalog_table table;
    lh_json *metadata = NULL;
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    lh_table_state state = {.version = table.version, .snapshot_id = table.snapshot_id};
    state.schema_id = lh_json_int(lh_json_get(metadata, "current-schema-id"), -1);
    lh_str uuid = lh_json_get_string(metadata, "table-uuid");
    if (uuid.len && uuid.len < sizeof state.uuid.text) memcpy(state.uuid.text, uuid.ptr, uuid.len);
    *ret = state;
    return LH_OK;
}

lh_code lh_table_snapshot_schema(lh_catalog *catalog, lh_table_name name, int64_t snapshot_id, int64_t *ret,
                                 lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &arena, err));
    catalog_table table;
    lh_json *metadata = NULL;
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    const lh_json *snapshot = metadata_snapshot(metadata, snapshot_id);
    if (!snapshot) return lh_fail(err, LH_NOT_FOUND, "there is no snapshot %" PRId64, snapshot_id);
    *ret = lh_json_int(lh_json_get(snapshot, "schema-id"), -1);
    return LH_OK;
}

lh_code lh_table_snapshot_id(lh_catalog *catalog, lh_table_name name, int64_t *ret, lh_error *err) {
    lh_table_state state;
    LH_TRY(lh_table_version(catalog, name, &state, err));
    *ret = state.snapshot_id;
    return LH_OK;
}
