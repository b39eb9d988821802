/* A search. Who asks must see the columns that the texts are made of, as they are. Rows that the caller does not see, or that the
 * filter leaves out, are no candidates: their bits are not set before the vectors or the words are looked at, and to a governed
 * caller a word is worth what it is among those rows; nor is a row whose text is another by now one to a governed caller. What is found is then read from the dataset by the caller's rights, and a row
 * that is not there any more is left out. Only what is left goes to a reranker. */
#include "vector/vector_internal.h"

enum {
    SEARCH_ROUNDS = 4,
    SEARCH_FUSED = 100, /* of each way at least, and 5 × what is wanted */
};

typedef struct {
    lh_vector *vector;
    vector_asked asked;
    const lh_vector_caller *caller;
    lh_arena *arena;
    vector_definition definition;
    const lh_relation *relation; /* what the caller sees of the dataset; NULL: all of it */
    const vector_served *served;
    const vector_bm25 *bm25; /* NULL: words are not looked at */
    const float *query;      /* NULL: vectors are not looked at */
    uint64_t *allowed;   /* by row; NULL: every row */
    uint64_t *by_order;  /* the same by served->order */
    bool changed;        /* the dataset is another than was embedded: rows may be gone */
    bool lance;          /* its Lance dataset is asked which rows are near */
    bool words_by_lance; /* and where the words are */
    bool by_lance;       /* and ranked all that was */
} search;

/* ---- what is asked ---- */

static lh_code search_check_model(const search *s, const lh_ai_model *model, size_t dimensions, lh_error *err) {
    const vector_definition *d = &s->definition;
    if (dimensions == d->dimensions && lh_ai_is_same(model, &d->model)) return LH_OK;
    return lh_fail(err, LH_CONFLICT,
                   "the index '%.*s' is of the model %.*s, version '%.*s'; the question was embedded by %.*s, version "
                   "'%.*s': refresh the index, which embeds its rows anew",
                   LH_STR_ARG(d->name), LH_STR_ARG(d->model.name), LH_STR_ARG(d->model.version),
                   LH_STR_ARG(model->name), LH_STR_ARG(model->version));
}

static lh_code search_embed(search *s, lh_str text, lh_error *err) {
    const lh_ai_call call = {.model = s->definition.model.name,
                             .version = s->definition.model.version,
                             .principal = s->caller->by,
                             .cancelled = lh_cancel_flag(s->caller->cancel)};
    lh_ai_embeddings got;
    lh_error why = {0};
    lh_code code = lh_ai_embed(s->vector->ai, &call, &text, 1, s->arena, &got, &why);
    if (code == LH_NOT_FOUND)
        return lh_fail(
            err, LH_CONFLICT,
            "the index '%.*s' is of the model %.*s, which is not configured any more: index the dataset anew",
            LH_STR_ARG(s->definition.name), LH_STR_ARG(s->definition.model.name));
    if (code == LH_CONFLICT)
        return lh_fail(err, code, "the index '%.*s' cannot be asked in words until it is refreshed: %s",
                       LH_STR_ARG(s->definition.name), why.message);
    if (code != LH_OK) return *err = why, code;
    s->query = got.values;
    return search_check_model(s, &got.model, got.dimensions, err);
}

/* Who asks may say of which model and version the index has to be; who brings a vector knows of which that is. */
static lh_code search_check_asked(const search *s, lh_error *err) {
    lh_str model = s->asked.model, version = s->asked.model_version;
    const vector_definition *d = &s->definition;
    if ((!model.len || lh_str_eq(model, d->model.name)) && (!version.len || lh_str_eq(version, d->model.version)))
        return LH_OK;
    return lh_fail(err, LH_CONFLICT, "the index '%.*s' is of the model %.*s, version '%.*s', not of %.*s%s%.*s%s",
                   LH_STR_ARG(d->name), LH_STR_ARG(d->model.name), LH_STR_ARG(d->model.version),
                   LH_STR_ARG(lh_str_cut_utf8(model.len ? model : d->model.name, 60)), version.len ? ", version '" : "",
                   LH_STR_ARG(lh_str_cut_utf8(version, 60)), version.len ? "'" : "");
}

static lh_code search_make_query(search *s, lh_error *err) {
    LH_TRY(search_check_asked(s, err));
    if (!s->asked.by_vector) return LH_OK;
    if (!s->asked.vector) return search_embed(s, s->asked.text, err);
    float *values = LH_ARENA_ARRAY(s->arena, float, s->definition.dimensions + 1);
    LH_TRY(lh_arena_check(s->arena, err));
    LH_TRY(vector_numbers_read(&s->definition, s->asked.vector, "'vector'", values, err));
    s->query = values;
    return LH_OK;
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
    if (place) vector_mark_rows(marks->s->served, place, true, marks->bits);
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

/* The rows that are allowed, as the words' index numbers them. */
static lh_code search_allow_documents(search *s, lh_error *err) {
    size_t count = vector_served_live(s->served);
    uint64_t *bits = LH_ARENA_ARRAY(s->arena, uint64_t, count / 64 + 1);
    LH_TRY(lh_arena_check(s->arena, err));
    for (size_t i = 0; i < count; i++) {
        size_t row = s->served->order[i];
        bits[i >> 6] |= (s->allowed[row >> 6] >> (row & 63) & 1) << (i & 63);
    }
    s->by_order = bits;
    return LH_OK;
}

/* The rows whose id the caller sees among the rows that pass the filter, which is in normal form and so one condition. */
static lh_code search_allow_ids(search *s, lh_str filter, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    search_marks marks = {s, LH_ARENA_ARRAY(s->arena, uint64_t, vector_row_words(s->served))};
    lh_buf_append(&sql, LH_STR("SELECT "));
    search_id_sql(s, &sql);
    lh_buf_append(&sql, LH_STR(" AS i FROM "));
    lh_engine_table_sql(s->definition.dataset, s->arena, &sql);
    if (filter.len) lh_buf_append(&sql, LH_STR(" WHERE ")), lh_buf_append(&sql, filter);
    LH_TRY(lh_arena_check(s->arena, err));
    LH_TRY(lh_buf_check(&sql, err));
    const lh_query query = search_query(s, &sql);
    LH_TRY(vector_query(s->vector->engine, &query, search_mark, &marks, err));
    s->allowed = marks.bits;
    return LH_OK;
}

/* To a governed caller a row is a candidate as it is now only (current.c). Both are looked at in one snapshot; where there is none
 * that stays, and of a view, the texts that the caller sees are read. */
static lh_code search_allow_current(search *s, lh_str filter, lh_error *err) {
    const vector_source source = {.engine = s->vector->engine,
                                  .definition = &s->definition,
                                  .views = s->caller->views,
                                  .cancel = s->caller->cancel,
                                  .governor = s->caller->governor,
                                  .filter = filter};
    for (int i = 0; i < SEARCH_ROUNDS && !s->definition.over_view; i++) {
        uint64_t *current = NULL;
        int64_t of = -1, now = -1;
        LH_TRY(vector_current(s->vector, s->served, &s->definition, s->caller->cancel, s->arena, &current, &of, err));
        if (!current) break;
        LH_TRY(search_allow_ids(s, filter, err));
        LH_TRY(lh_table_snapshot_id(s->vector->catalog, s->definition.dataset, &now, err));
        for (size_t w = 0; w < vector_row_words(s->served); w++) s->allowed[w] &= current[w];
        if (now == of) return LH_OK;
    }
    s->allowed = LH_ARENA_ARRAY(s->arena, uint64_t, vector_row_words(s->served));
    LH_TRY(lh_arena_check(s->arena, err));
    return vector_current_read(&source, s->served, s->allowed, err);
}

/* In the words of the request: the statement is ours. A place is one of the filter as it was given, or none. */
static lh_code search_blame(const char *member, bool placed, lh_code code, lh_error *err) {
    if (code != LH_INVALID || !err) return code;
    lh_error why = *err;
    (void)!lh_fail(err, code, "'%s': %s", member, why.message);
    err->line = placed ? why.line : 0;
    err->column = placed ? why.column : 0;
    return code;
}

/* The rows that the caller sees and that pass the filter. */
static lh_code search_allow(search *s, lh_error *err) {
    lh_filter filter = {0};
    if (s->asked.filter) {
        lh_code code =
            lh_engine_filter_check(lh_json_str(s->asked.filter, LH_STR_NONE), NULL, 0, s->arena, &filter, err);
        LH_TRY(search_blame("filter", true, code, err));
    } else if (!s->relation) return LH_OK;
    lh_code code = s->relation ? search_allow_current(s, filter.text, err) : search_allow_ids(s, filter.text, err);
    LH_TRY(filter.text.len ? search_blame("filter", false, code, err) : code);
    return s->bm25 ? search_allow_documents(s, err) : LH_OK;
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

static void search_columns_sql(search *s, lh_buf *into) {
    search_id_sql(s, into);
    lh_buf_append(into, LH_STR(" AS \"lakehouse id\""));
    if (!s->asked.columns) lh_buf_append(into, LH_STR(", *"));
    for (lh_json_iter it = lh_json_each(s->asked.columns); lh_json_next(&it);) {
        lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_identifier(into, lh_json_str(it.value, LH_STR_NONE));
    }
}

/* The rows of the dataset that the hits are of, by the caller's rights: their ids are bound. */
static lh_code search_fetch(search *s, const vector_hit *hits, size_t count, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    search_rows rows = {s, lh_json_new_object(s->arena)};
    lh_json *params = lh_json_new_array(s->arena);
    int64_t number = 0;
    lh_buf_append(&sql, LH_STR("SELECT "));
    search_columns_sql(s, &sql);
    lh_buf_append(&sql, LH_STR(" FROM "));
    lh_engine_table_sql(s->definition.dataset, s->arena, &sql);
    lh_buf_append(&sql, LH_STR(" WHERE "));
    lh_buf_sql_identifier(&sql, s->definition.id_column);
    lh_buf_append(&sql, LH_STR(" IN ("));
    for (size_t i = 0; i < count; i++) {
        lh_str id = vector_served_id(s->served, hits[i].row);
        bool integer = s->definition.id_is_integer && lh_str_to_i64(id, &number) == LH_OK;
        lh_json_append(params, integer ? lh_json_new_int(s->arena, number) : lh_json_new_string(s->arena, id));
        lh_buf_printf(&sql, "%s$%zu", i ? ", " : "", i + 1);
    }
    lh_buf_char(&sql, ')');
    LH_TRY(lh_buf_check(&sql, err));
    lh_query query = search_query(s, &sql);
    query.params = params;
    if (count) {
        lh_code code = vector_query(s->vector->engine, &query, search_take_row, &rows, err);
        LH_TRY(s->asked.columns ? search_blame("columns", false, code, err) : code);
    }
    *ret = rows.by_id;
    return lh_arena_check(s->arena, err);
}

static lh_json *search_id(const search *s, lh_str id) {
    int64_t number;
    return s->definition.id_is_integer && lh_str_to_i64(id, &number) == LH_OK ? lh_json_new_int(s->arena, number)
                                                                              : lh_json_new_string(s->arena, id);
}

/* {"vector": 3, "text": null} */
static lh_json *search_ranks(const search *s, const vector_hit *hit) {
    static const char *const names[VECTOR_WAYS] = {"vector", "text"};
    lh_json *ranks = lh_json_new_object(s->arena);
    for (int way = 0; way < VECTOR_WAYS; way++)
        lh_json_set(s->arena, ranks, names[way],
                    hit->ranks[way] ? lh_json_new_uint(s->arena, hit->ranks[way]) : lh_json_new_null(s->arena));
    return ranks;
}

static lh_json *search_item(const search *s, const vector_hit *hit, const lh_json *columns) {
    const vector_text *place = &s->served->rows[hit->row];
    lh_json *item = lh_json_new_object(s->arena);
    lh_json_set(s->arena, item, "id", search_id(s, vector_served_id(s->served, hit->row)));
    lh_json_set(s->arena, item, "score", lh_json_new_real(s->arena, hit->score));
    if (s->asked.mode == VECTOR_HYBRID) lh_json_set(s->arena, item, "ranks", search_ranks(s, hit));
    lh_json_set_int(s->arena, item, "chunk", place->chunk);
    lh_json_set_string(s->arena, item, "text", vector_served_text(s->served, hit->row));
    lh_json_set_int(s->arena, item, "start", place->start);
    lh_json_set_int(s->arena, item, "end", place->end);
    lh_json_set(s->arena, item, "columns", columns ? lh_json_copy(s->arena, columns) : lh_json_new_object(s->arena));
    return item;
}

/* No column is wanted, and the dataset is what was embedded, or its rows were looked at just now: nothing need be read. */
static bool search_needs_rows(const search *s) {
    bool none = s->asked.columns && lh_json_size(s->asked.columns) == 0;
    return !none || (s->changed && !s->allowed);
}

static lh_code search_tell(search *s, const vector_hit *hits, size_t count, lh_json **ret, lh_error *err) {
    lh_json *items = lh_json_new_array(s->arena), *rows = NULL;
    if (search_needs_rows(s)) LH_TRY(search_fetch(s, hits, count, &rows, err));
    for (size_t i = 0; i < count && lh_json_size(items) < s->asked.wanted; i++) {
        const lh_json *columns = rows ? lh_json_get_str(rows, vector_served_id(s->served, hits[i].row)) : NULL;
        if (!rows || columns) lh_json_append(items, search_item(s, &hits[i], columns));
    }
    *ret = items;
    return lh_arena_check(s->arena, err);
}

static size_t search_count_allowed(const search *s) {
    size_t count = 0;
    if (!s->allowed) return vector_served_live(s->served);
    for (size_t i = 0; i <= s->served->row_count / 64; i++) count += (size_t)__builtin_popcountll(s->allowed[i]);
    return count;
}

static vector_lance_query search_lance_query(const search *s, uint32_t k) {
    return (vector_lance_query){.served = s->served,
                                .vector = s->query,
                                .dimensions = s->definition.dimensions,
                                .k = k,
                                .text = s->asked.text,
                                .allowed = s->allowed,
                                .cancel = s->caller->cancel};
}

/* *ret: the rows that Lance holds for the nearest, which are then scored as all others are. As it was: it found too few, or
 * failed (what it keeps in files is a cache): every row is looked at. */
static lh_code search_near_by_lance(search *s, uint32_t k, const uint64_t **ret, lh_error *err) {
    uint64_t *bits = LH_ARENA_ARRAY(s->arena, uint64_t, vector_row_words(s->served));
    size_t found = 0, there = search_count_allowed(s);
    const vector_lance_query query = search_lance_query(s, k);
    LH_TRY(lh_arena_check(s->arena, err));
    lh_error why = {0};
    lh_code code = vector_lance_near(s->vector, &query, bits, &found, &why);
    if (code == LH_CANCELLED) return *err = why, code;
    if (code == LH_OK && found && found >= (k < there ? k : there)) *ret = bits;
    else s->by_lance = false;
    return LH_OK;
}

static lh_code search_by_vector(search *s, uint32_t k, vector_hit *into, size_t *count, lh_error *err) {
    uint32_t found = 0;
    const uint64_t *allowed = s->allowed;
    lh_ann_hit *hits = LH_ARENA_ARRAY(s->arena, lh_ann_hit, k);
    LH_TRY(lh_arena_check(s->arena, err));
    if (s->lance) LH_TRY(search_near_by_lance(s, k, &allowed, err));
    bool exact = s->asked.mode == VECTOR_EXACT || vector_is_lance(&s->definition);
    const lh_ann_query query = {.vectors = s->query,
                                .count = 1,
                                .k = k,
                                .mode = exact ? LH_ANN_EXACT : LH_ANN_HNSW,
                                .ef = vector_served_ef(s->served, &s->definition),
                                .allowed = allowed,
                                .threads = s->vector->threads,
                                .cancelled = lh_cancel_flag(s->caller->cancel)};
    LH_TRY(lh_ann_search(s->served->ann, &query, hits, &found, err));
    if (query.mode == LH_ANN_HNSW) vector_recall_offer(s->vector, &s->definition, s->served, &query, hits, found);
    for (uint32_t i = 0; i < found; i++)
        into[(*count)++] =
            (vector_hit){.row = hits[i].row, .score = (double)hits[i].score, .ranks = {[VECTOR_BY_VECTOR] = i + 1}};
    return LH_OK;
}

static lh_code search_by_text(search *s, uint32_t k, vector_hit *into, size_t *count, lh_error *err) {
    uint32_t found = 0;
    vector_bm25_hit *hits = LH_ARENA_ARRAY(s->arena, vector_bm25_hit, k);
    LH_TRY(lh_arena_check(s->arena, err));
    const vector_bm25_query query = {.text = s->asked.text,
                                     .k = k,
                                     .allowed = s->by_order,
                                     .allowed_alone = s->relation != NULL,
                                     .cancelled = lh_cancel_flag(s->caller->cancel)};
    LH_TRY(vector_bm25_search(s->bm25, &query, hits, &found, err));
    for (uint32_t i = 0; i < found; i++)
        into[(*count)++] = (vector_hit){
            .row = s->served->order[hits[i].document], .score = hits[i].score, .ranks = {[VECTOR_BY_TEXT] = i + 1}};
    return LH_OK;
}

/* As above, our own words where it fails. */
static lh_code search_words_by_lance(search *s, uint32_t k, vector_hit *into, size_t *count, lh_error *err) {
    size_t found = 0;
    const vector_lance_query query = search_lance_query(s, k);
    lh_error why = {0};
    lh_code code = vector_lance_words(s->vector, &query, into + *count, &found, &why);
    if (code == LH_CANCELLED) return *err = why, code;
    *count += found;
    if (code == LH_OK) return LH_OK;
    s->words_by_lance = s->by_lance = false;
    return vector_served_bm25(s->vector, s->served, &s->definition, s->caller->cancel, &s->bm25, err);
}

/* The best `wanted`; less where there are no more. */
static lh_code search_rank(search *s, uint32_t wanted, vector_hit **ret, size_t *ret_count, lh_error *err) {
    size_t count = 0;
    uint32_t depth = wanted;
    if (s->asked.mode == VECTOR_HYBRID) depth = 5 * wanted > SEARCH_FUSED ? 5 * wanted : SEARCH_FUSED;
    if (depth > LH_ANN_K_MAX) depth = LH_ANN_K_MAX;
    vector_hit *hits = LH_ARENA_ARRAY(s->arena, vector_hit, VECTOR_WAYS * depth);
    LH_TRY(lh_arena_check(s->arena, err));
    if (s->query) LH_TRY(search_by_vector(s, depth, hits, &count, err));
    if (s->words_by_lance) LH_TRY(search_words_by_lance(s, depth, hits, &count, err));
    if (s->bm25) LH_TRY(search_by_text(s, depth, hits, &count, err));
    if (s->asked.mode == VECTOR_HYBRID) count = vector_fuse(hits, count, s->asked.weights);
    *ret = hits;
    *ret_count = count < wanted ? count : wanted;
    return LH_OK;
}

/* The best that are there: where rows have gone since, more are asked for. */
static lh_code search_find(search *s, lh_json **ret, lh_error *err) {
    uint32_t wanted = s->changed && !s->allowed ? 2 * s->asked.wanted : s->asked.wanted;
    for (int round = 0;; round++, wanted *= 4) {
        if (wanted > LH_ANN_K_MAX) wanted = LH_ANN_K_MAX;
        vector_hit *hits = NULL;
        size_t count = 0;
        LH_TRY(search_rank(s, wanted, &hits, &count, err));
        LH_TRY(search_tell(s, hits, count, ret, err));
        if (lh_json_size(*ret) >= s->asked.wanted || count < wanted || round == SEARCH_ROUNDS) return LH_OK;
    }
}

/* ---- once more, by a model that reads question and text together ---- */

static lh_ai_call search_rerank_call(const search *s) {
    return (lh_ai_call){
        .model = s->asked.reranker, .principal = s->caller->by, .cancelled = lh_cancel_flag(s->caller->cancel)};
}

/* Without one the search's own order is the answer, which says so; a model that is named has to be there. */
static lh_code search_find_reranker(search *s, lh_json *warnings, lh_error *err) {
    const lh_ai_call call = search_rerank_call(s);
    if (!s->asked.rerank || lh_ai_has(s->vector->ai, LH_AI_RERANK, &call)) return LH_OK;
    if (s->asked.reranker.len)
        return lh_fail(err, LH_UNAVAILABLE, "no model that reranks is configured: ai.rerank_provider says which");
    s->asked.rerank = false;
    s->asked.wanted = s->asked.k;
    lh_json_append(warnings, lh_json_new_string(s->arena, LH_STR(LH_VECTOR_UNRANKED)));
    return LH_OK;
}

static lh_code search_rerank(search *s, lh_json **items, lh_error *err) {
    size_t count = lh_json_size(*items);
    lh_str *texts = LH_ARENA_ARRAY(s->arena, lh_str, count + 1);
    lh_json *ranked = lh_json_new_array(s->arena);
    const lh_ai_call call = search_rerank_call(s);
    lh_ai_ranking got;
    LH_TRY(lh_arena_check(s->arena, err));
    if (!s->asked.rerank || count == 0) return LH_OK;
    for (lh_json_iter it = lh_json_each(*items); lh_json_next(&it);)
        texts[it.index] = lh_str_cut_utf8(lh_json_get_string(it.value, "text"), LH_LIMIT_AI_TEXT_BYTES);
    LH_TRY(lh_ai_rerank(s->vector->ai, &call, s->asked.text, texts, count, s->asked.k, s->arena, &got, err));
    for (size_t i = 0; i < got.count; i++) {
        lh_json *item = lh_json_copy(s->arena, lh_json_at(*items, got.scores[i].document));
        lh_json_set(s->arena, item, "score", lh_json_new_real(s->arena, got.scores[i].score));
        lh_json_append(ranked, item);
    }
    *items = ranked;
    return lh_arena_check(s->arena, err);
}

/* ---- all of it ---- */

/* More than our own words take are theirs to refuse. */
static bool search_has_few_words(const search *s) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    lh_str word;
    size_t count = 0;
    if (lh_terms_new(s->definition.locale, &terms, NULL) != LH_OK ||
        lh_terms_begin(terms, s->asked.text, NULL) != LH_OK)
        return false;
    while (count <= VECTOR_QUERY_TERMS_MAX && lh_terms_next(terms, s->asked.text, &word)) count++;
    return count <= VECTOR_QUERY_TERMS_MAX;
}

/* Lance is asked for who sees all: what it makes of words counts hidden rows, and how it was done would tell how many there are.
 * With a filter its words come too late (docs/adr/0035). */
static lh_code search_prepare_lance(search *s, bool words, lh_error *err) {
    bool filtered = s->asked.filter != NULL;
    if (!vector_is_lance(&s->definition) || s->relation || s->asked.mode == VECTOR_EXACT ||
        vector_served_live(s->served) == 0)
        return LH_OK;
    LH_TRY(vector_lance_ready(s->vector, &s->definition, s->served, s->caller->cancel, err));
    s->lance = s->query != NULL;
    s->words_by_lance = words && !filtered && search_has_few_words(s);
    s->by_lance = s->words_by_lance == words;
    return LH_OK;
}

static lh_code search_in_served(search *s, lh_json **ret, lh_error *err) {
    int64_t now = -1;
    bool there = lh_table_snapshot_id(s->vector->catalog, s->definition.dataset, &now, NULL) == LH_OK;
    if (!there && !s->definition.over_view)
        return lh_fail(err, LH_CONFLICT, "the dataset of the index '%.*s', %.*s, is gone",
                       LH_STR_ARG(s->definition.name), LH_STR_ARG(lh_table_name_text(s->definition.dataset, s->arena)));
    s->changed = s->definition.over_view || now != s->definition.dataset_snapshot_id;
    bool words = s->asked.by_words;
    LH_TRY(search_prepare_lance(s, words, err));
    if (words && !s->words_by_lance)
        LH_TRY(vector_served_bm25(s->vector, s->served, &s->definition, s->caller->cancel, &s->bm25, err));
    LH_TRY(search_allow(s, err));
    return search_find(s, ret, err);
}

/* The question as a vector, and the index. One whose table has just gone has a new one: its document is read again. */
static lh_code search_prepare(search *s, lh_error *err) {
    for (int i = 0;; i++) {
        lh_error why = {0};
        LH_TRY(search_make_query(s, err));
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
    search s = {.vector = vector, .caller = caller, .arena = arena};
    lh_json *items = NULL, *answer = lh_json_new_object(arena), *warnings = lh_json_new_array(arena);
    uint64_t started_ns = lh_time_monotonic_ns();
    LH_TRY(vector_search_read(body, &s.asked, err));
    lh_code code = vector_definition_read(vector->catalog, s.asked.index, arena, &s.definition, err);
    if (code == LH_NOT_FOUND) LH_TRY(vector_check_begun(caller, s.asked.index, arena, err));
    if (code == LH_NOT_FOUND && caller->governor) return search_refuse(s.asked.index, err);
    LH_TRY(code);
    LH_TRY(search_govern(&s, err));
    LH_TRY(search_find_reranker(&s, warnings, err));
    LH_TRY(vector_check_made(caller, &s.definition, arena, err));
    LH_TRY(search_prepare(&s, err));
    code = search_in_served(&s, &items, err);
    vector_served_release(vector, s.served);
    LH_TRY(code);
    LH_TRY(search_rerank(&s, &items, err));
    vector_count(vector, &vector->stats.searches);
    lh_json_set(arena, answer, "items", items);
    lh_json_set_string(arena, answer, "index", s.definition.name);
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(s.definition.dataset, arena));
    lh_json_set_string(arena, answer, "model", s.definition.model.name);
    lh_json_set_string(arena, answer, "mode", lh_str_from(vector_mode_names[s.asked.mode]));
    if (vector_is_lance(&s.definition))
        lh_json_set_string(arena, answer, "ranked_by", s.by_lance ? LH_STR("lance") : LH_STR("exact"));
    lh_json_set_bool(arena, answer, "reranked", s.asked.rerank);
    lh_json_set(arena, answer, "warnings", warnings);
    lh_json_set_uint(arena, answer, "elapsed_ms", (lh_time_monotonic_ns() - started_ns) / 1000000u);
    *ret = answer;
    return lh_arena_check(arena, err);
}
