/* POST /datasets: what lies in the store already becomes a dataset, without a copy.
 * Parquet: the schema and row counts come from the files' footers; the table gets a name mapping, because the files
 * carry no Iceberg field ids. Iceberg: the newest metadata.json is registered. */
#include "ingest/ingest_internal.h"

#include <stdlib.h>

enum { REGISTER_FILES_MAX = 10000, REGISTER_FOOTERS_BYTES = 1 << 30 };

typedef struct registration {
    lh_ingest *ingest;
    lh_arena *arena, *footers; /* footers: of what the files tell of their columns */
    lh_session *session;
    lh_table_name name;
    lh_str *keys;
    uint64_t *sizes;
    size_t count;
    bool system; /* may they be the lake's own, which lie in these? */
    lh_system_folders folders;
} registration;

static lh_code register_allow(const registration *r, lh_str key, lh_error *err) {
    return r->system || !lh_system_folders_hold(&r->folders, key) ? LH_OK : lh_fail(err, LH_DENIED, LH_SYSTEM_DENIED);
}

static lh_code register_add(registration *r, lh_str key, lh_error *err) {
    LH_TRY(register_allow(r, key, err));
    if (r->count == REGISTER_FILES_MAX) return lh_fail(err, LH_LIMIT, "more than %d files", REGISTER_FILES_MAX);
    r->keys[r->count++] = key;
    return LH_OK;
}

/* A location or key → its key in the bucket. */
static lh_code register_key(registration *r, lh_str location, lh_str *ret, lh_error *err) {
    bool absolute = lh_str_starts(location, LH_STR("/")) || lh_str_search(location, LH_STR("://")) != SIZE_MAX;
    if (!absolute) {
        while (lh_str_ends(location, LH_STR("/"))) location.len--;
        LH_TRY(lh_key_check(location, err));
        return *ret = location, LH_OK;
    }
    if (lh_bucket_key_of(r->ingest->bucket, location, r->arena, ret, NULL) == LH_OK) return LH_OK;
    return lh_fail(err, LH_INVALID, "'%.*s' does not lie inside this lake's bucket", LH_STR_ARG(location));
}

static lh_code register_folder(registration *r, lh_str key, const char *suffix, lh_error *err) {
    lh_str prefix = lh_arena_printf(r->arena, "%.*s/", LH_STR_ARG(key)), after = LH_STR_NONE;
    lh_object_page page = {.more = true};
    while (page.more) {
        LH_TRY(lh_bucket_list(r->ingest->bucket, prefix, after, LH_LIMIT_LIST_PAGE, r->arena, &page, err));
        for (size_t i = 0; i < page.count; i++)
            if (lh_str_ends(page.entries[i].key, lh_str_from(suffix)))
                LH_TRY(register_add(r, page.entries[i].key, err));
        if (page.count) after = page.entries[page.count - 1].key;
    }
    return LH_OK;
}

/* Each must be there, and once: a file named twice would have its rows twice. */
static lh_code register_check(registration *r, lh_error *err) {
    qsort(r->keys, r->count, sizeof *r->keys, lh_str_order);
    r->sizes = LH_ARENA_ARRAY(r->arena, uint64_t, r->count);
    if (!r->sizes) return lh_arena_check(r->arena, err);
    for (size_t i = 0; i < r->count; i++) {
        lh_object_info info;
        if (i && lh_str_eq(r->keys[i - 1], r->keys[i]))
            return lh_fail(err, LH_INVALID, "'%.*s' is named twice", LH_STR_ARG(r->keys[i]));
        lh_code code = lh_bucket_head(r->ingest->bucket, r->keys[i], &info, err);
        if (code == LH_NOT_FOUND)
            return lh_fail(err, code, "there is no object '%.*s' in the bucket", LH_STR_ARG(r->keys[i]));
        if (code != LH_OK) return code;
        r->sizes[i] = info.size_bytes;
    }
    return LH_OK;
}

/* Fills r->keys from "location" (a file or a folder) or "files". */
static lh_code register_find(registration *r, const lh_json *request, const char *suffix, lh_error *err) {
    lh_str location = lh_json_get_string(request, "location"), key;
    r->keys = LH_ARENA_ARRAY(r->arena, lh_str, REGISTER_FILES_MAX);
    if (!r->keys) return lh_arena_check(r->arena, err);
    for (lh_json_iter it = lh_json_each(lh_json_get(request, "files")); lh_json_next(&it);) {
        LH_TRY(register_key(r, lh_json_str(it.value, LH_STR_NONE), &key, err));
        LH_TRY(register_add(r, key, err));
    }
    if (location.len) {
        LH_TRY(register_key(r, location, &key, err));
        LH_TRY(register_allow(r, key, err));
        if (lh_str_ends(key, lh_str_from(suffix))) LH_TRY(register_add(r, key, err));
        else LH_TRY(register_folder(r, key, suffix, err));
    }
    if (r->count == 0)
        return lh_fail(err, LH_NOT_FOUND, "no %s file is there; name a file, a folder, or several 'files'", suffix);
    return register_check(r, err);
}

/* ---- Parquet ---- */

static lh_code register_sql(registration *r, const char *before, lh_str key, const char *after, lh_json **ret,
                            lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_buf_append(&sql, lh_str_from(before));
    lh_buf_sql_string(&sql, lh_bucket_location(r->ingest->bucket, key, r->arena));
    lh_buf_append(&sql, lh_str_from(after));
    LH_TRY(lh_buf_check(&sql, err));
    lh_code code = lh_session_run(r->session, lh_buf_str(&sql), NULL, r->arena, ret, err);
    if (code != LH_INVALID) return code;
    return lh_fail(err, LH_INVALID, "'%.*s' is no Parquet file that can be read", LH_STR_ARG(key));
}

static lh_code register_schema(registration *r, lh_json **ret_schema, lh_json **ret_mapping, lh_error *err) {
    lh_json *described = NULL, *fields = lh_json_new_array(r->arena), *mapping = lh_json_new_array(r->arena),
            *schema = lh_json_new_object(r->arena);
    LH_TRY(register_sql(r, "DESCRIBE SELECT * FROM read_parquet(", r->keys[0], ")", &described, err));
    const lh_json *rows = lh_json_get(described, "rows");
    int64_t next_id = (int64_t)lh_json_size(rows) + 1;
    for (lh_json_iter it = lh_json_each(rows); lh_json_next(&it);) {
        lh_str name = lh_json_str(lh_json_at(it.value, 0), LH_STR_NONE),
               text = lh_json_str(lh_json_at(it.value, 1), LH_STR_NONE);
        ingest_type *type = NULL;
        LH_TRY(ingest_type_parse(text, r->arena, &type, err));
        if (!ingest_type_equal(type, ingest_type_storable(type, r->arena)) || type->count)
            return lh_fail(
                err, LH_INVALID,
                "column '%.*s' has type %.*s, which an Iceberg table cannot read in place: ingest the file instead",
                LH_STR_ARG(name), LH_STR_ARG(text));
        lh_json *field = lh_json_new_object(r->arena), *map = lh_json_new_object(r->arena),
                *names = lh_json_new_array(r->arena);
        int64_t id = (int64_t)it.index + 1;
        lh_json_set_int(r->arena, field, "id", id);
        lh_json_set_string(r->arena, field, "name", name);
        lh_json_set_bool(r->arena, field, "required", false);
        lh_json_set(r->arena, field, "type", ingest_type_to_iceberg(type, &next_id, r->arena));
        lh_json_append(fields, field);
        lh_json_append(names, lh_json_new_string(r->arena, name));
        lh_json_set_int(r->arena, map, "field-id", id);
        lh_json_set(r->arena, map, "names", names);
        lh_json_append(mapping, map);
    }
    lh_json_set_string(r->arena, schema, "type", LH_STR("struct"));
    lh_json_set(r->arena, schema, "fields", fields);
    *ret_schema = schema;
    *ret_mapping = mapping;
    return LH_OK;
}

/* The footers of all files, in the order of the keys. */
static lh_code register_footers(registration *r, const lh_str *locations, lh_file_footer **ret, lh_error *err) {
    lh_file_footer *footers = LH_ARENA_ARRAY(r->footers, lh_file_footer, r->count);
    lh_error why = {0};
    size_t failed;
    if (!footers) return lh_arena_check(r->footers, err);
    for (size_t i = 0; i < r->count; i += LH_FOOTERS_MAX) {
        size_t count = r->count - i < LH_FOOTERS_MAX ? r->count - i : LH_FOOTERS_MAX;
        lh_code code = lh_session_footers(r->session, locations + i, count, r->footers, footers + i, &failed, &why);
        if (code != LH_OK)
            return lh_fail(err, code, "'%.*s' cannot be registered: %s", LH_STR_ARG(r->keys[i + failed]), why.message);
    }
    *ret = footers;
    return LH_OK;
}

/* Size, rows and statistics of each file; every one must have the first one's columns. */
static lh_code register_files(registration *r, lh_data_file **ret, lh_error *err) {
    lh_data_file *files = LH_ARENA_ARRAY(r->arena, lh_data_file, r->count);
    lh_str *locations = LH_ARENA_ARRAY(r->arena, lh_str, r->count);
    lh_file_footer *footers = NULL;
    lh_json *first = NULL;
    if (!files || !locations) return lh_arena_check(r->arena, err);
    for (size_t i = 0; i < r->count; i++) locations[i] = lh_bucket_location(r->ingest->bucket, r->keys[i], r->arena);
    LH_TRY(lh_arena_check(r->arena, err));
    LH_TRY(register_footers(r, locations, &footers, err));
    for (size_t i = 0; i < r->count; i++) {
        lh_json *described = NULL;
        LH_TRY(register_sql(r, "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet(", r->keys[i],
                            "))", &described, err));
        if (!first) first = described;
        if (!lh_json_equal(lh_json_get(first, "rows"), lh_json_get(described, "rows")))
            return lh_fail(err, LH_CONFLICT, "'%.*s' has other columns than '%.*s'", LH_STR_ARG(r->keys[i]),
                           LH_STR_ARG(r->keys[0]));
        files[i] = (lh_data_file){locations[i], r->sizes[i], footers[i].rows, &footers[i]};
        LH_TRY(lh_bucket_sync(r->ingest->bucket, r->keys[i], err));
    }
    *ret = files;
    return LH_OK;
}

static lh_code register_parquet(registration *r, const lh_json *request, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *footers = NULL;
    lh_json *schema = NULL, *mapping = NULL, *create = lh_json_new_object(r->arena),
            *properties = lh_json_new_object(r->arena), *made = NULL;
    lh_data_file *files = NULL;
    lh_str text;
    LH_TRY(lh_arena_new(REGISTER_FOOTERS_BYTES, &footers, err));
    r->footers = footers;
    LH_TRY(register_find(r, request, ".parquet", err));
    LH_TRY(register_schema(r, &schema, &mapping, err));
    LH_TRY(register_files(r, &files, err));
    LH_TRY(lh_json_write(r->arena, mapping, false, &text, err));
    lh_json_set_string(r->arena, properties, "schema.name-mapping.default", text);
    lh_json_set_string(r->arena, create, "name", r->name.name);
    lh_json_set(r->arena, create, "schema", schema);
    lh_json_set(r->arena, create, "properties", properties);
    LH_TRY(ingest_make_namespace(r->ingest, r->name.namespace_, r->arena, err));
    LH_TRY(lh_table_create(r->ingest->catalog, r->name.namespace_, create, r->arena, &made, err));
    lh_code code = lh_table_append_files(r->ingest->catalog, r->name, files, r->count, NULL, err);
    if (code != LH_OK) { /* as before: the table was made a moment ago, and is empty */
        lh_code ignored = lh_table_drop(r->ingest->catalog, r->name, true, NULL);
        (void)ignored;
    }
    return code;
}

/* 12 of "…/00012-<uuid>.metadata.json" and of "…/v12.metadata.json"; 0 of what has no number. */
static uint64_t register_version(lh_str key) {
    size_t at = lh_str_after_last(key, '/');
    if (at < key.len && key.ptr[at] == 'v') at++;
    uint64_t version = 0;
    for (; at < key.len && key.ptr[at] >= '0' && key.ptr[at] <= '9' && version < UINT64_MAX / 16; at++)
        version = version * 10 + (uint64_t)(key.ptr[at] - '0');
    return version;
}

static lh_code register_iceberg(registration *r, const lh_json *request, lh_error *err) {
    lh_json *body = lh_json_new_object(r->arena), *made = NULL;
    LH_TRY(register_find(r, request, ".metadata.json", err));
    lh_str newest = r->keys[0];
    for (size_t i = 1; i < r->count; i++) {
        uint64_t best = register_version(newest), version = register_version(r->keys[i]);
        if (version == best)
            return lh_fail(err, LH_INVALID,
                           "two metadata files have the version %" PRIu64 ": name the right one in 'location'", best);
        if (version > best) newest = r->keys[i];
    }
    lh_json_set_string(r->arena, body, "name", r->name.name);
    lh_json_set_string(r->arena, body, "metadata-location", lh_bucket_location(r->ingest->bucket, newest, r->arena));
    LH_TRY(ingest_make_namespace(r->ingest, r->name.namespace_, r->arena, err));
    return lh_table_register(r->ingest->catalog, r->name.namespace_, body, r->arena, &made, err);
}

lh_code lh_ingest_register(lh_ingest *ingest, const lh_json *request, bool system, lh_arena *arena, lh_json **ret,
                           lh_error *err) {
    static const char *const known[] = {"name", "location", "files", "format"};
    registration r = {.ingest = ingest, .arena = arena, .system = system};
    for (lh_json_iter it = lh_json_each(request); lh_json_next(&it);) {
        bool found = false;
        for (size_t i = 0; i < 4; i++) found |= lh_str_eq(it.name, lh_str_from(known[i]));
        if (!found)
            return lh_fail(err, LH_INVALID, "unknown field '%.*s'; known: name, location, files, format",
                           LH_STR_ARG(it.name));
    }
    LH_TRY(lh_table_name_parse(ingest->catalog, lh_json_get_string(request, "name"), arena, &r.name, err));
    if (!system && lh_namespace_is_system(r.name.namespace_)) return lh_fail(err, LH_DENIED, LH_SYSTEM_DENIED);
    LH_TRY(lh_system_folders_list(ingest->catalog, arena, &r.folders, err));
    lh_str format = lh_json_str(lh_json_get(request, "format"), LH_STR("parquet"));
    bool iceberg = lh_str_eq(format, LH_STR("iceberg"));
    if (!iceberg && !lh_str_eq(format, LH_STR("parquet")))
        return lh_fail(err, LH_INVALID, "'format' must be parquet or iceberg");
    LH_TRY(lh_session_open(ingest->engine, NULL, &r.session, err));
    lh_code code = iceberg ? register_iceberg(&r, request, err) : register_parquet(&r, request, err);
    lh_session_close(r.session);
    return code == LH_OK ? lh_dataset_get(ingest->catalog, r.name, arena, ret, err) : code;
}
