/* A search. Who asks must see the columns that the texts are made of, as they are. Rows that the caller does not see, or that the
 * filter leaves out, are no candidates: their bits are not set before the vectors are looked at. What is found is then read from
 * the dataset by the caller's rights, and a row that is not there any more is left out. */
#include "vector/vector_internal.h"

enum { SEARCH_K = 10, SEARCH_K_MAX = 1000, SEARCH_ROUNDS = 4 };

typedef struct {
    lh_vector *vector;
    const lh_json *body;
    const lh_vector_caller *caller;
    lh_arena *arena;
    vector_definition definition;
    const lh_relation *relation; /* what the caller sees of the dataset; NULL: all of it */
    const vector_served *served;
    const float *query;
    uint32_t k;
    lh_ann_mode mode;
    uint64_t *allowed; /* NULL: every row */
    bool changed;      /* the dataset is another than was embedded: rows may be gone */
} search;

/* ---- what is asked ---- */

static lh_code search_read_mode(search *s, lh_error *err) {
    lh_str mode = lh_json_str(lh_json_get(s->body, "mode"), LH_STR("hnsw"));
    s->mode = lh_str_eq(mode, LH_STR("exact")) ? LH_ANN_EXACT : LH_ANN_HNSW;
    if (s->mode == LH_ANN_EXACT || lh_str_eq(mode, LH_STR("hnsw"))) return LH_OK;
    return lh_fail(err, LH_INVALID, "'mode' is exact or hnsw, not '%.*s'", LH_STR_ARG(mode));
}

static lh_code search_read_vector(search *s, const lh_json *vector, lh_error *err) {
    size_t count = lh_json_size(vector), at = 0;
    float *values = LH_ARENA_ARRAY(s->arena, float, count + 1);
    LH_TRY(lh_arena_check(s->arena, err));
    if (!lh_json_is_array(vector) || count != s->definition.dimensions)
        return lh_fail(err, LH_INVALID, "'vector' must have the %" PRIu32 " numbers of the index '%.*s'",
                       s->definition.dimensions, LH_STR_ARG(s->definition.name));
    for (lh_json_iter it = lh_json_each(vector); lh_json_next(&it);) {
        if (lh_json_type_of(it.value) != LH_JSON_REAL && !lh_json_is_int(it.value))
            return lh_fail(err, LH_INVALID, "'vector' must have numbers only");
        values[at++] = (float)lh_json_real(it.value, (double)lh_json_int(it.value, 0));
    }
    s->query = values;
    return LH_OK;
}

static lh_code search_check_model(const search *s, const lh_ai_model *model, size_t dimensions, lh_error *err) {
    const vector_definition *d = &s->definition;
    if (dimensions == d->dimensions && lh_str_eq(model->name, d->model.name) &&
        lh_str_eq(model->version, d->model.version) && lh_str_eq(model->provider, d->model.provider))
        return LH_OK;
    return lh_fail(err, LH_CONFLICT,
                   "the index '%.*s' is of the model %.*s, version '%.*s'; the question was embedded by %.*s, version "
                   "'%.*s'",
                   LH_STR_ARG(d->name), LH_STR_ARG(d->model.name), LH_STR_ARG(d->model.version),
                   LH_STR_ARG(model->name), LH_STR_ARG(model->version));
}

static lh_code search_embed(search *s, lh_str text, lh_error *err) {
    const lh_ai_call call = {
        .model = s->definition.model.name, .principal = s->caller->by, .cancelled = lh_cancel_flag(s->caller->cancel)};
    lh_ai_embeddings got;
    LH_TRY(lh_ai_embed(s->vector->ai, &call, &text, 1, s->arena, &got, err));
    s->query = got.values;
    return search_check_model(s, &got.model, got.dimensions, err);
}

/* Who brings a vector may say of which model; it is of the index's, else. */
static lh_code search_read_query(search *s, lh_error *err) {
    const lh_json *body = s->body, *vector = lh_json_get(body, "vector");
    lh_str text = lh_json_get_string(body, "query"), model = lh_json_get_string(body, "model");
    if (model.len && !lh_str_eq(model, s->definition.model.name))
        return search_check_model(s, &(lh_ai_model){.name = model}, 0, err);
    if (!lh_json_is_null(vector) && text.len) return lh_fail(err, LH_INVALID, "give 'query' or 'vector', not both");
    if (!lh_json_is_null(vector)) return search_read_vector(s, vector, err);
    if (lh_str_trim(text).len == 0) return lh_fail(err, LH_INVALID, "'query' must be a text to search for");
    return search_embed(s, text, err);
}

static lh_code search_read(search *s, lh_error *err) {
    const lh_json *body = s->body;
    lh_str index = lh_json_get_string(body, "index");
    uint64_t k = lh_json_uint(lh_json_get(body, "k"), SEARCH_K);
    if (index.len == 0) return lh_fail(err, LH_INVALID, "'index' must name an index");
    if (k < 1 || k > SEARCH_K_MAX) return lh_fail(err, LH_INVALID, "'k' is 1 to %d", SEARCH_K_MAX);
    s->k = (uint32_t)k;
    LH_TRY(search_read_mode(s, err));
    return vector_definition_read(s->vector->catalog, index, s->arena, &s->definition, err);
}

/* ---- what the caller sees ---- */

static lh_code search_refuse(lh_str index, lh_error *err) {
    return lh_fail(err, LH_DENIED, "you may not search an index '%.*s', if there is one",
                   LH_STR_ARG(lh_str_cut_utf8(index, 100)));
}

static lh_code search_govern(search *s, lh_error *err) {
    bool may;
    LH_TRY(vector_may_search(s->vector, s->caller, &s->definition, s->arena, &may, &s->relation, err));
    return may ? LH_OK : search_refuse(s->definition.name, err);
}

typedef struct {
    search *s;
    uint64_t *bits;
} search_marks;

static lh_code search_mark(void *ctx, const lh_json *row, lh_arena *arena, lh_error *err) {
    search_marks *marks = ctx;
    (void)arena, (void)err;
    const vector_place *place = vector_served_find(marks->s->served, lh_json_get_string(row, "i"));
    for (size_t i = 0; place && i < place->count; i++) {
        size_t at = marks->s->served->order[place->first + i];
        marks->bits[at >> 6] |= UINT64_C(1) << (at & 63);
    }
    return LH_OK;
}

static void search_id_sql(const search *s, lh_buf *into) {
    lh_buf_append(into, LH_STR("CAST("));
    lh_buf_sql_identifier(into, s->definition.id_column);
    lh_buf_append(into, LH_STR(" AS VARCHAR)"));
}

static lh_query search_query(const search *s, const lh_buf *sql) {
    return (lh_query){.sql = lh_buf_str(sql),
                      .cancel = s->caller->cancel,
                      .governor = s->caller->governor,
                      .views = s->caller->views};
}

/* The rows that the caller sees and that pass the filter, whose text was put into normal form, so that it is one condition. */
static lh_code search_allow(search *s, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    const lh_json *given = lh_json_get(s->body, "filter");
    lh_filter filter = {0};
    if (!lh_json_is_null(given)) {
        LH_TRY(lh_engine_filter_check(lh_json_str(given, LH_STR_NONE), NULL, 0, s->arena, &filter, err));
    } else if (!s->relation) return LH_OK;
    search_marks marks = {s, LH_ARENA_ARRAY(s->arena, uint64_t, s->served->row_count / 64 + 1)};
    lh_buf_append(&sql, LH_STR("SELECT "));
    search_id_sql(s, &sql);
    lh_buf_append(&sql, LH_STR(" AS i FROM "));
    lh_engine_table_sql(s->definition.dataset, s->arena, &sql);
    if (filter.text.len) lh_buf_append(&sql, LH_STR(" WHERE ")), lh_buf_append(&sql, filter.text);
    LH_TRY(lh_arena_check(s->arena, err));
    LH_TRY(lh_buf_check(&sql, err));
    const lh_query query = search_query(s, &sql);
    LH_TRY(vector_query(s->vector->engine, &query, search_mark, &marks, err));
    s->allowed = marks.bits;
    return LH_OK;
}

/* ---- what was found ---- */

typedef struct {
    search *s;
    lh_json *by_id; /* object of the rows that are there */
} search_rows;

static lh_code search_take_row(void *ctx, const lh_json *row, lh_arena *arena, lh_error *err) {
    search_rows *rows = ctx;
    lh_arena *own = rows->s->arena;
    lh_json *copy = lh_json_copy(own, row);
    (void)arena;
    lh_str id = lh_arena_dup(own, lh_json_get_string(copy, "lakehouse id"));
    lh_json_remove(copy, LH_STR("lakehouse id"));
    lh_json_put(own, rows->by_id, id, copy);
    return lh_arena_check(own, err);
}

static lh_code search_columns_sql(search *s, lh_buf *into, lh_error *err) {
    const lh_json *columns = lh_json_get(s->body, "columns");
    search_id_sql(s, into);
    lh_buf_append(into, LH_STR(" AS \"lakehouse id\""));
    if (lh_json_is_null(columns)) lh_buf_append(into, LH_STR(", *"));
    else if (!lh_json_is_array(columns)) return lh_fail(err, LH_INVALID, "'columns' must be a list of names");
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        if (!lh_json_is_string(it.value)) return lh_fail(err, LH_INVALID, "'columns' must be a list of names");
        lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_identifier(into, lh_json_str(it.value, LH_STR_NONE));
    }
    return LH_OK;
}

/* The rows of the dataset that the hits are of, by the caller's rights: their ids are bound. */
static lh_code search_fetch(search *s, const lh_ann_hit *hits, uint32_t count, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    search_rows rows = {s, lh_json_new_object(s->arena)};
    lh_json *params = lh_json_new_array(s->arena);
    int64_t number = 0;
    lh_buf_append(&sql, LH_STR("SELECT "));
    LH_TRY(search_columns_sql(s, &sql, err));
    lh_buf_append(&sql, LH_STR(" FROM "));
    lh_engine_table_sql(s->definition.dataset, s->arena, &sql);
    lh_buf_append(&sql, LH_STR(" WHERE "));
    lh_buf_sql_identifier(&sql, s->definition.id_column);
    lh_buf_append(&sql, LH_STR(" IN ("));
    for (uint32_t i = 0; i < count; i++) {
        lh_str id = vector_served_id(s->served, hits[i].row);
        bool integer = s->definition.id_is_integer && lh_str_to_i64(id, &number) == LH_OK;
        lh_json_append(params, integer ? lh_json_new_int(s->arena, number) : lh_json_new_string(s->arena, id));
        lh_buf_printf(&sql, "%s$%" PRIu32, i ? ", " : "", i + 1);
    }
    lh_buf_char(&sql, ')');
    LH_TRY(lh_buf_check(&sql, err));
    lh_query query = search_query(s, &sql);
    query.params = params;
    if (count) LH_TRY(vector_query(s->vector->engine, &query, search_take_row, &rows, err));
    *ret = rows.by_id;
    return lh_arena_check(s->arena, err);
}

static lh_json *search_id(const search *s, lh_str id) {
    int64_t number;
    return s->definition.id_is_integer && lh_str_to_i64(id, &number) == LH_OK ? lh_json_new_int(s->arena, number)
                                                                              : lh_json_new_string(s->arena, id);
}

static lh_json *search_item(const search *s, const lh_ann_hit *hit, const lh_json *columns) {
    const vector_text *place = &s->served->rows[hit->row];
    lh_json *item = lh_json_new_object(s->arena);
    lh_json_set(s->arena, item, "id", search_id(s, vector_served_id(s->served, hit->row)));
    lh_json_set(s->arena, item, "score", lh_json_new_real(s->arena, (double)hit->score));
    lh_json_set_int(s->arena, item, "chunk", place->chunk);
    lh_json_set_string(s->arena, item, "text", vector_served_text(s->served, hit->row));
    lh_json_set_int(s->arena, item, "start", place->start);
    lh_json_set_int(s->arena, item, "end", place->end);
    lh_json_set(s->arena, item, "columns", columns ? lh_json_copy(s->arena, columns) : lh_json_new_object(s->arena));
    return item;
}

/* No column is wanted, and the dataset is what was embedded, or its rows were looked at just now: nothing need be read. */
static bool search_needs_rows(const search *s) {
    const lh_json *columns = lh_json_get(s->body, "columns");
    bool none = lh_json_is_array(columns) && lh_json_size(columns) == 0;
    return !none || (s->changed && !s->allowed);
}

static lh_code search_tell(search *s, const lh_ann_hit *hits, uint32_t count, lh_json **ret, lh_error *err) {
    lh_json *items = lh_json_new_array(s->arena), *rows = NULL;
    if (search_needs_rows(s)) LH_TRY(search_fetch(s, hits, count, &rows, err));
    for (uint32_t i = 0; i < count && lh_json_size(items) < s->k; i++) {
        const lh_json *columns = rows ? lh_json_get_str(rows, vector_served_id(s->served, hits[i].row)) : NULL;
        if (!rows || columns) lh_json_append(items, search_item(s, &hits[i], columns));
    }
    *ret = items;
    return lh_arena_check(s->arena, err);
}

/* The best that are there: where rows have gone since, more are asked for. */
static lh_code search_find(search *s, lh_json **ret, lh_error *err) {
    uint32_t wanted = s->changed && !s->allowed ? 2 * s->k : s->k;
    for (int round = 0;; round++, wanted *= 4) {
        if (wanted > LH_ANN_K_MAX) wanted = LH_ANN_K_MAX;
        uint32_t count = 0;
        lh_ann_hit *hits = LH_ARENA_ARRAY(s->arena, lh_ann_hit, wanted);
        LH_TRY(lh_arena_check(s->arena, err));
        const lh_ann_query query = {.vectors = s->query,
                                    .count = 1,
                                    .k = wanted,
                                    .mode = s->mode,
                                    .allowed = s->allowed,
                                    .threads = s->vector->threads,
                                    .cancelled = lh_cancel_flag(s->caller->cancel)};
        LH_TRY(lh_ann_search(s->served->ann, &query, hits, &count, err));
        LH_TRY(search_tell(s, hits, count, ret, err));
        if (lh_json_size(*ret) >= s->k || count < wanted || round == SEARCH_ROUNDS) return LH_OK;
    }
}

/* ---- all of it ---- */

static lh_code search_in_served(search *s, lh_json **ret, lh_error *err) {
    int64_t now = -1;
    s->changed = s->definition.over_view ||
                 lh_table_snapshot_id(s->vector->catalog, s->definition.dataset, &now, NULL) != LH_OK ||
                 now != s->definition.dataset_snapshot_id;
    LH_TRY(search_allow(s, err));
    return search_find(s, ret, err);
}

/* The question as a vector, and the index. One whose table has just gone has a new one: its document is read again. */
static lh_code search_prepare(search *s, lh_error *err) {
    for (int i = 0;; i++) {
        lh_error why = {0};
        LH_TRY(search_read_query(s, err));
        lh_code code = vector_served_get(s->vector, &s->definition, s->caller->cancel, &s->served, &why);
        if (code == LH_OK) return LH_OK;
        lh_str table = s->definition.table.name;
        if (i < SEARCH_ROUNDS)
            LH_TRY(vector_definition_read(s->vector->catalog, s->definition.name, s->arena, &s->definition, err));
        if (i == SEARCH_ROUNDS || lh_str_eq(table, s->definition.table.name)) return *err = why, code;
    }
}

lh_code lh_vector_search(lh_vector *vector, const lh_json *body, const lh_vector_caller *caller, lh_arena *arena,
                         lh_json **ret, lh_error *err) {
    search s = {.vector = vector, .body = body, .caller = caller, .arena = arena};
    lh_json *items = NULL, *answer = lh_json_new_object(arena);
    uint64_t started_ns = lh_time_monotonic_ns();
    lh_code code = search_read(&s, err);
    if (code == LH_NOT_FOUND && caller->governor) return search_refuse(lh_json_get_string(body, "index"), err);
    LH_TRY(code);
    LH_TRY(search_govern(&s, err));
    if (!s.definition.dimensions)
        return lh_fail(err, LH_UNAVAILABLE, "the index '%.*s' is being made", LH_STR_ARG(s.definition.name));
    LH_TRY(search_prepare(&s, err));
    code = search_in_served(&s, &items, err);
    vector_served_release(vector, s.served);
    LH_TRY(code);
    vector_count(vector, &vector->stats.searches);
    lh_json_set(arena, answer, "items", items);
    lh_json_set_string(arena, answer, "index", s.definition.name);
    lh_json_set_string(arena, answer, "model", s.definition.model.name);
    lh_json_set_string(arena, answer, "mode", s.mode == LH_ANN_EXACT ? LH_STR("exact") : LH_STR("hnsw"));
    lh_json_set_uint(arena, answer, "elapsed_ms", (lh_time_monotonic_ns() - started_ns) / 1000000u);
    *ret = answer;
    return lh_arena_check(arena, err);
}
