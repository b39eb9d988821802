/* The table of an index. What is to be written is staged in temporary tables of one session, and goes into the lake's in one
 * transaction, whose commit carries the lineage and what is sensitive. No connection is held between two commits. */
#include "vector/vector_internal.h"

#include <stdio.h>

#define STORE_STAGED "vector_staged"
#define STORE_GONE "vector_gone"
#define STORE_OF "lakehouse.vector-index" /* property of the table: whose it is */

/* ---- making it ---- */

static lh_json *store_field(lh_json *fields, const char *name, lh_json *type, lh_arena *arena) {
    lh_json *field = lh_json_new_object(arena);
    lh_json_set_uint(arena, field, "id", lh_json_size(fields) + 1);
    lh_json_set_string(arena, field, "name", lh_str_from(name));
    lh_json_set(arena, field, "type", type);
    lh_json_set_bool(arena, field, "required", false);
    lh_json_append(fields, field);
    return field;
}

static lh_json *store_floats(lh_arena *arena) {
    lh_json *list = lh_json_new_object(arena);
    lh_json_set_string(arena, list, "type", LH_STR("list"));
    lh_json_set_uint(arena, list, "element-id", 10);
    lh_json_set_string(arena, list, "element", LH_STR("float"));
    lh_json_set_bool(arena, list, "element-required", false);
    return list;
}

/* Where the new table lies: with the index's one before it, as its trials and eval sets do, else with the dataset. Empty: the primary,
 * as of a view, and of a dataset in a bucket that takes no tables. */
static lh_str store_bucket(const lh_vector *vector, const vector_definition *d, lh_arena *arena) {
    vector_definition there;
    lh_str bucket = LH_STR_NONE;
    bool old = vector_definition_read(vector->catalog, d->name, arena, &there, NULL) == LH_OK &&
               lh_table_bucket(vector->catalog, there.table, arena, &bucket, NULL) == LH_OK;
    if (!old && lh_table_bucket(vector->catalog, d->dataset, arena, &bucket, NULL) != LH_OK) return LH_STR_NONE;
    return bucket.len && lh_catalog_check_bucket(vector->catalog, bucket, NULL) == LH_OK ? bucket : LH_STR_NONE;
}

static lh_json *store_request(const vector_definition *d, lh_str bucket, lh_arena *arena) {
    static const char *const fields[][2] = {{"chunk", "int"},    {"text", "string"},         {"text_start", "int"},
                                            {"text_end", "int"}, {"row_hash", "string"},     {"embedding", NULL},
                                            {"model", "string"}, {"model_version", "string"}};
    lh_json *request = lh_json_new_object(arena), *schema = lh_json_new_object(arena), *all = lh_json_new_array(arena);
    store_field(all, "id", lh_json_new_string(arena, d->id_is_integer ? LH_STR("long") : LH_STR("string")), arena);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        store_field(all, fields[i][0],
                    fields[i][1] ? lh_json_new_string(arena, lh_str_from(fields[i][1])) : store_floats(arena), arena);
    lh_json_set_string(arena, schema, "type", LH_STR("struct"));
    lh_json_set(arena, schema, "fields", all);
    lh_json *properties = lh_json_new_object(arena);
    lh_json_set_string(arena, properties, STORE_OF, d->name);
    if (bucket.len) lh_json_set_string(arena, properties, LH_PROPERTY_BUCKET, bucket);
    lh_json_set_string(arena, request, "name", d->table.name);
    lh_json_set(arena, request, "schema", schema);
    lh_json_set(arena, request, "properties", properties);
    return request;
}

lh_code vector_store_make(lh_vector *vector, const vector_definition *d, lh_arena *arena, lh_error *err) {
    lh_json *request = lh_json_new_object(arena), *levels = lh_json_new_array(arena), *ignored = NULL;
    if (lh_table_exists(vector->catalog, d->table)) return LH_OK;
    lh_json_append(levels, lh_json_new_string(arena, d->table.namespace_));
    lh_json_set(arena, request, "namespace", levels);
    lh_code code = lh_namespace_create(vector->catalog, request, arena, &ignored, err);
    if (code != LH_OK && code != LH_CONFLICT) return code;
    code = lh_table_create(vector->catalog, d->table.namespace_,
                           store_request(d, store_bucket(vector, d, arena), arena), arena, &ignored, err);
    return code == LH_CONFLICT ? LH_OK : code;
}

/* ---- those that are left ---- */

static bool store_is_of(lh_vector *vector, const vector_definition *d, lh_table_name table, lh_arena *arena) {
    lh_json *loaded = NULL;
    lh_str etag;
    if (!lh_str_starts(table.name, d->name)) return false;
    if (lh_table_load(vector->catalog, table, true, LH_STR_NONE, arena, &loaded, &etag, NULL) != LH_OK) return false;
    const lh_json *properties = lh_json_get(lh_json_get(loaded, "metadata"), "properties");
    return lh_str_eq(lh_json_get_string(properties, STORE_OF), d->name);
}

void vector_store_sweep(lh_vector *vector, const vector_definition *d, lh_str kept) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *list = NULL;
    if (lh_arena_new(VECTOR_ARENA_BYTES, &arena, NULL) != LH_OK) return;
    if (lh_table_list(vector->catalog, LH_STR(VECTOR_NAMESPACE), (lh_page){0}, arena, &list, NULL) != LH_OK) return;
    for (lh_json_iter it = lh_json_each(lh_json_get(list, "identifiers")); lh_json_next(&it);) {
        const lh_table_name table = {LH_STR(VECTOR_NAMESPACE), lh_json_get_string(it.value, "name")};
        if (lh_str_eq(table.name, kept) || !store_is_of(vector, d, table, arena)) continue;
        if (lh_table_drop(vector->catalog, table, true, NULL) == LH_OK) vector_served_forget(vector, table.name);
    }
}

/* ---- what it has ---- */

static lh_code store_take_known(void *ctx, const lh_chunk *chunk, lh_error *err) {
    for (uint64_t row = 0; row < lh_chunk_rows(chunk); row++) {
        lh_str id, hash;
        if (lh_chunk_string(chunk, 0, row, &id) && lh_chunk_string(chunk, 1, row, &hash))
            LH_TRY(vector_known_add(ctx, id, hash, err));
    }
    return LH_OK;
}

lh_code vector_store_load(lh_vector *vector, const vector_definition *d, lh_cancel *cancel, vector_known *known,
                          lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(lh_session_open(vector->engine, cancel, &session, err));
    lh_buf_append(&sql, LH_STR("SELECT CAST(id AS VARCHAR), row_hash FROM "));
    lh_engine_table_sql(d->table, arena, &sql);
    lh_buf_append(&sql, LH_STR(" WHERE chunk = 0"));
    LH_TRY(lh_buf_check(&sql, err));
    return lh_session_each(session, lh_buf_str(&sql), NULL, store_take_known, known, err);
}

/* ---- writing ---- */

static lh_code store_run(lh_session *session, const char *sql, lh_error *err) {
    return lh_session_run(session, lh_str_from(sql), NULL, NULL, NULL, err);
}

typedef struct {
    lh_session *session;
    const vector_definition *definition;
} store_staging;

static lh_code store_stage_batch(void *ctx, const vector_batch *batch, lh_error *err) {
    const store_staging *to = ctx;
    const lh_bulk_column columns[] = {{.strings = batch->ids},
                                      {.ints = batch->numbers},
                                      {.strings = batch->texts},
                                      {.ints = batch->starts},
                                      {.ints = batch->ends},
                                      {.strings = batch->hashes},
                                      {.floats = batch->vectors, .width = to->definition->dimensions}};
    const lh_bulk_column gone = {.strings = batch->replaced};
    if (batch->chunk_count)
        LH_TRY(lh_session_append(to->session, STORE_STAGED, columns, sizeof columns / sizeof *columns,
                                 batch->chunk_count, err));
    return batch->replaced_count ? lh_session_append(to->session, STORE_GONE, &gone, 1, batch->replaced_count, err)
                                 : LH_OK;
}

static lh_code store_stage(lh_session *session, const vector_definition *d, const vector_held *held, lh_error *err) {
    store_staging staging = {session, d};
    LH_TRY(store_run(session,
                     "CREATE TEMP TABLE " STORE_STAGED " (id VARCHAR, chunk BIGINT, text VARCHAR, text_start BIGINT, "
                     "text_end BIGINT, row_hash VARCHAR, embedding FLOAT[])",
                     err));
    LH_TRY(store_run(session, "CREATE TEMP TABLE " STORE_GONE " (id VARCHAR)", err));
    return vector_held_each(held, store_stage_batch, &staging, err);
}

/* The texts are as sensitive as the most sensitive column that they are made of; what a view shows of it is not known. */
static lh_code store_inherit(const vector_store *store, lh_arena *arena, lh_error *err) {
    const vector_definition *d = store->definition;
    lh_json *columns = NULL, *said = lh_json_new_object(arena), *inherited = lh_json_new_object(arena);
    lh_table_state state;
    lh_str sensitivity = LH_STR_NONE, kind = LH_STR_NONE;
    if (d->over_view) sensitivity = LH_STR("restricted");
    else LH_TRY(lh_dataset_columns(store->vector->catalog, d->dataset, arena, &columns, &state, err));
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        bool read = false;
        for (size_t i = 0; i < d->text_column_count; i++)
            read |= lh_str_eq_nocase(d->text_columns[i], lh_json_get_string(it.value, "name"));
        lh_str level = lh_json_get_string(it.value, "sensitivity"), found = lh_json_get_string(it.value, "pii_kind");
        if (read && lh_sensitivity_rank(level) > lh_sensitivity_rank(sensitivity)) sensitivity = level;
        if (read && found.len) kind = kind.len && !lh_str_eq(kind, found) ? LH_STR("several") : found;
    }
    if (!sensitivity.len && !kind.len) return LH_OK;
    if (sensitivity.len) lh_json_set_string(arena, said, "sensitivity", sensitivity);
    if (kind.len) lh_json_set_string(arena, said, "pii_kind", kind);
    lh_json_set(arena, inherited, "text", lh_json_copy(arena, said));
    lh_json_set(arena, inherited, "embedding", said);
    return lh_annotation_set_inherited(store->vector->catalog, d->table, inherited, err);
}

static lh_code store_annotate(const vector_store *store, lh_arena *arena, lh_error *err) {
    const vector_definition *d = store->definition;
    const lh_lineage_parent parent = {.name = d->dataset};
    const lh_change claim = lh_job_claim(store->job, arena);
    LH_TRY(lh_lineage_annotate(store->vector->catalog, d->table, &parent, 1, err));
    LH_TRY(lh_annotation_add(store->vector->catalog, d->table, &claim, err));
    return store_inherit(store, arena, err);
}

static void store_delete_sql(const vector_definition *d, lh_arena *arena, lh_buf *into) {
    lh_buf_append(into, LH_STR("DELETE FROM "));
    lh_engine_table_sql(d->table, arena, into);
    lh_buf_append(into, d->id_is_integer ? LH_STR(" WHERE id IN (SELECT CAST(id AS BIGINT) FROM temp." STORE_GONE ")")
                                         : LH_STR(" WHERE id IN (SELECT id FROM temp." STORE_GONE ")"));
}

static void store_insert_sql(const vector_definition *d, lh_arena *arena, lh_buf *into) {
    lh_buf_append(into, LH_STR("INSERT INTO "));
    lh_engine_table_sql(d->table, arena, into);
    lh_buf_append(into, LH_STR(" (id, chunk, text, text_start, text_end, row_hash, embedding, model, model_version) "
                               "SELECT "));
    lh_buf_append(into, d->id_is_integer ? LH_STR("CAST(id AS BIGINT)") : LH_STR("id"));
    lh_buf_append(into,
                  LH_STR(", CAST(chunk AS INTEGER), text, CAST(text_start AS INTEGER), CAST(text_end AS INTEGER), "
                         "row_hash, embedding, "));
    lh_buf_sql_string(into, d->model.name);
    lh_buf_append(into, LH_STR(", "));
    lh_buf_sql_string(into, d->model.version);
    lh_buf_append(into, LH_STR(" FROM temp." STORE_STAGED));
}

static lh_code store_change(lh_session *session, const vector_definition *d, bool adds, bool removes, lh_arena *arena,
                            lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf gone = LH_BUF_INIT(64 << 10), added = LH_BUF_INIT(64 << 10);
    store_delete_sql(d, arena, &gone);
    store_insert_sql(d, arena, &added);
    LH_TRY(lh_buf_check(&gone, err));
    LH_TRY(lh_buf_check(&added, err));
    LH_TRY(store_run(session, "BEGIN", err));
    if (removes) LH_TRY(lh_session_run(session, lh_buf_str(&gone), NULL, arena, NULL, err));
    if (adds) LH_TRY(lh_session_run(session, lh_buf_str(&added), NULL, arena, NULL, err));
    return lh_session_commit(session, err);
}

static lh_code store_commit_locked(const vector_store *store, const vector_held *held, lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    const vector_held_count count = vector_held_counted(held);
    LH_TRY(lh_session_open(store->vector->engine, lh_job_cancel_of(store->job), &session, err));
    LH_TRY(store_stage(session, store->definition, held, err));
    LH_TRY(store_annotate(store, arena, err));
    return store_change(session, store->definition, count.chunks > 0, count.replaced > 0, arena, err);
}

lh_code vector_store_commit(const vector_store *store, const vector_held *held, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_engine *engine = store->vector->engine;
    lh_table_name table = store->definition->table;
    const vector_held_count count = vector_held_counted(held);
    if (!count.chunks && !count.replaced) return LH_OK;
    LH_TRY(lh_arena_new(16 << 20, &arena, err));
    LH_TRY(
        lh_engine_lock_table(engine, table, lh_job_cancel_of(store->job), err)); /* before a connection, as SQL does */
    lh_code code = store_commit_locked(store, held, arena, err);
    lh_annotation_clear(store->vector->catalog, table);
    lh_engine_unlock_table(engine, table);
    return code;
}

static lh_code store_take_counts(void *ctx, const lh_chunk *chunk, lh_error *err) {
    int64_t counts[2] = {0};
    vector_definition *d = ctx;
    (void)err;
    for (size_t i = 0; i < 2 && lh_chunk_rows(chunk); i++) (void)lh_chunk_int(chunk, i, 0, &counts[i]);
    d->rows = (uint64_t)counts[0];
    d->chunks = (uint64_t)counts[1];
    return LH_OK;
}

lh_code vector_store_count(const vector_store *store, vector_definition *ret, lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(lh_session_open(store->vector->engine, lh_job_cancel_of(store->job), &session, err));
    lh_buf_append(&sql, LH_STR("SELECT count(*) FILTER (chunk = 0), count(*) FROM "));
    lh_engine_table_sql(store->definition->table, arena, &sql);
    LH_TRY(lh_buf_check(&sql, err));
    return lh_session_each(session, lh_buf_str(&sql), NULL, store_take_counts, ret, err);
}
