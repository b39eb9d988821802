/* What an index is of: a request's body, a document of the metastore, and what is shown. */
#include "vector/vector_internal.h"

static lh_code definition_words(const char *name, lh_str given, const char *const *words, size_t count, size_t *ret,
                                lh_error *err) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq(given, lh_str_from(words[i]))) return *ret = i, LH_OK;
    LH_CLEANUP(lh_buf_done) lh_buf known = LH_BUF_INIT(200);
    for (size_t i = 0; i < count; i++) lh_buf_printf(&known, i ? ", %s" : "%s", words[i]);
    return lh_fail(err, LH_INVALID, "'%s' cannot be '%.*s', but one of %.*s", name,
                   LH_STR_ARG(lh_str_cut_utf8(given, 100)), LH_STR_ARG(lh_buf_str(&known)));
}

static lh_code definition_name(lh_str name, lh_error *err) {
    bool good = name.len > 0 && name.len <= VECTOR_NAME_BYTES && name.ptr[0] != '-';
    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    }
    return good ? LH_OK
                : lh_fail(err, LH_INVALID,
                          "the name of an index is of a-z, 0-9, _ and -, at most %d of them, not '%.*s'",
                          VECTOR_NAME_BYTES, LH_STR_ARG(lh_str_cut_utf8(name, 100)));
}

static lh_code definition_add_column(vector_definition *d, lh_str name, lh_error *err) {
    for (size_t i = 0; i < d->text_column_count; i++)
        if (lh_str_eq(d->text_columns[i], name)) return LH_OK;
    if (name.len == 0) return lh_fail(err, LH_INVALID, "a text column has no name");
    if (d->text_column_count == VECTOR_TEXT_COLUMNS_MAX)
        return lh_fail(err, LH_LIMIT, "a text is made of at most %d columns", VECTOR_TEXT_COLUMNS_MAX);
    d->text_columns[d->text_column_count++] = name;
    return LH_OK;
}

/* "{first_name} {last_name}: {skills}": names in braces; two of a kind stand for one. */
static lh_code definition_read_template(vector_definition *d, lh_error *err) {
    lh_str rest = d->template_;
    while (rest.len) {
        size_t at = 0;
        while (at < rest.len && rest.ptr[at] != '{' && rest.ptr[at] != '}') at++;
        if (at == rest.len) break;
        if (at + 1 < rest.len && rest.ptr[at + 1] == rest.ptr[at]) {
            rest = lh_str_sub(rest, at + 2, SIZE_MAX);
            continue;
        }
        lh_str inner = lh_str_sub(rest, at + 1, SIZE_MAX);
        size_t end = lh_str_find(inner, '}');
        if (rest.ptr[at] == '}' || end == inner.len)
            return lh_fail(err, LH_INVALID, "the template has a '%c' without its other; write it twice to mean it",
                           rest.ptr[at]);
        LH_TRY(definition_add_column(d, lh_str_sub(inner, 0, end), err));
        rest = lh_str_sub(inner, end + 1, SIZE_MAX);
    }
    return d->text_column_count ? LH_OK : lh_fail(err, LH_INVALID, "the template names no column: write {column}");
}

static lh_code definition_read_text(vector_definition *d, const lh_json *body, lh_arena *arena, lh_error *err) {
    const lh_json *columns = lh_json_get(body, "text_columns");
    d->template_ = lh_json_get_string(body, "template");
    d->text_columns = LH_ARENA_ARRAY(arena, lh_str, VECTOR_TEXT_COLUMNS_MAX);
    LH_TRY(lh_arena_check(arena, err));
    if (d->template_.len) return definition_read_template(d, err);
    if (!lh_json_is_array(columns) || lh_json_size(columns) == 0)
        return lh_fail(err, LH_INVALID, "'text_columns' must name columns, or 'template' a text with {columns}");
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);)
        LH_TRY(definition_add_column(d, lh_json_str(it.value, LH_STR_NONE), err));
    return LH_OK;
}

static lh_code definition_read_chunk(vector_definition *d, const lh_json *chunk, lh_str locale, lh_error *err) {
    static const char *const units[] = {"characters", "tokens"};
    size_t unit;
    LH_TRY(definition_words("chunk.unit", lh_json_str(lh_json_get(chunk, "unit"), LH_STR("characters")), units, 2,
                            &unit, err));
    d->by_tokens = unit == 1;
    const lh_json *given_size = lh_json_get(chunk, "size"), *given_overlap = lh_json_get(chunk, "overlap");
    uint64_t size = d->by_tokens ? 200 : VECTOR_CHUNK_SIZE;
    if (!lh_json_is_null(given_size)) size = lh_json_uint(given_size, 0);
    if (size > LH_CHUNK_SIZE_MAX) return lh_fail(err, LH_INVALID, "'chunk.size' is at most %d", LH_CHUNK_SIZE_MAX);
    uint64_t overlap = size / (VECTOR_CHUNK_SIZE / VECTOR_CHUNK_OVERLAP);
    if (!lh_json_is_null(given_overlap)) overlap = lh_json_uint(given_overlap, UINT64_MAX);
    if (overlap > size) return lh_fail(err, LH_INVALID, "'chunk.overlap' is less than 'chunk.size'");
    d->chunk_size = (uint32_t)size;
    d->chunk_overlap = (uint32_t)overlap;
    d->locale = lh_json_str(lh_json_get(chunk, "locale"), locale);
    return LH_OK;
}

lh_code vector_definition_check_chunk(const vector_definition *d, lh_error *err) {
    LH_CLEANUP(lh_chunker_freep) lh_chunker *tried = NULL; /* it knows what is too small, and its locales */
    return lh_chunker_new(&(lh_chunk_options){.size = d->chunk_size, .overlap = d->chunk_overlap, .locale = d->locale},
                          &tried, err);
}

static void definition_read_model(vector_definition *d, const lh_json *model) {
    if (lh_json_is_string(model)) d->model.name = lh_json_str(model, LH_STR_NONE);
    d->model.provider = lh_json_str(lh_json_get(model, "provider"), d->model.provider);
    d->model.name = lh_json_str(lh_json_get(model, "name"), d->model.name);
    d->model.version = lh_json_str(lh_json_get(model, "version"), d->model.version);
    d->dimensions = (uint32_t)lh_json_uint(lh_json_get(model, "dimensions"), 0);
}

static lh_code definition_read_metric(vector_definition *d, lh_str metric, lh_error *err) {
    const char *names[LH_ANN_METRICS];
    size_t found;
    for (size_t i = 0; i < LH_ANN_METRICS; i++) names[i] = lh_ann_metric_name((lh_ann_metric)i);
    LH_TRY(definition_words("metric", metric, names, LH_ANN_METRICS, &found, err));
    d->metric = (lh_ann_metric)found;
    return LH_OK;
}

/* What the cron says is looked at here, once. */
static lh_code definition_read_refresh(vector_definition *d, const lh_json *refresh, lh_error *err) {
    static const char *const policies[] = {"manual", "on_append", "scheduled"};
    size_t policy;
    lh_cron cron;
    LH_TRY(definition_words("refresh.policy", lh_json_str(lh_json_get(refresh, "policy"), LH_STR("manual")), policies,
                            3, &policy, err));
    d->refresh = lh_str_from(policies[policy]);
    d->cron = lh_json_get_string(refresh, "cron");
    if (policy != 2 && d->cron.len) return lh_fail(err, LH_INVALID, "'refresh.cron' is for the policy scheduled");
    if (policy == 2 && !d->cron.len)
        return lh_fail(
            err, LH_INVALID,
            "the policy scheduled needs 'refresh.cron': the times, in UTC, as '30 6 * * 1-5' (minute, hour, day, "
            "month, weekday)");
    return policy == 2 ? lh_cron_parse(d->cron, &cron, err) : LH_OK;
}

static const char *const definition_backends[] = {"hnsw", "lance"};
enum { DEFINITION_BACKENDS = sizeof definition_backends / sizeof *definition_backends };

bool lh_vector_is_backend(lh_str name) {
    size_t ignored;
    return definition_words("backend", name, definition_backends, DEFINITION_BACKENDS, &ignored, NULL) == LH_OK;
}

lh_code vector_definition_parse_of(lh_table_name dataset, const lh_json *body, lh_str locale, lh_arena *arena,
                                   vector_definition *ret, lh_error *err) {
    vector_definition d = {.dataset = dataset, .version = LH_VERSION_ABSENT, .dataset_snapshot_id = -1};
    size_t ignored;
    d.name = lh_json_str(lh_json_get(body, "index"), lh_arena_lower(arena, d.dataset.name));
    LH_TRY(definition_name(d.name, err));
    d.table = (lh_table_name){LH_STR(VECTOR_NAMESPACE), d.name};
    d.id_column = lh_json_get_string(body, "id_column");
    if (d.id_column.len == 0) return lh_fail(err, LH_INVALID, "'id_column' must name the column that tells rows apart");
    d.backend = lh_json_str(lh_json_get(body, "backend"), LH_STR("hnsw"));
    LH_TRY(definition_words("backend", d.backend, definition_backends, DEFINITION_BACKENDS, &ignored, err));
    LH_TRY(definition_read_text(&d, body, arena, err));
    LH_TRY(definition_read_chunk(&d, lh_json_get(body, "chunk"), locale, err));
    definition_read_model(&d, lh_json_get(body, "model"));
    LH_TRY(definition_read_refresh(&d, lh_json_get(body, "refresh"), err));
    LH_TRY(vector_hnsw_parse(lh_json_get(body, "hnsw"), &d.hnsw, err));
    LH_TRY(vector_recall_target_parse(lh_json_get(body, "recall_target"), &d.recall_target, err));
    LH_TRY(definition_read_metric(&d, lh_json_str(lh_json_get(body, "metric"), LH_STR("cosine")), err));
    *ret = d;
    return lh_arena_check(arena, err);
}

lh_code vector_definition_parse(lh_catalog *catalog, const lh_json *body, lh_str locale, lh_arena *arena,
                                vector_definition *ret, lh_error *err) {
    lh_table_name dataset;
    lh_str text = lh_json_get_string(body, "dataset");
    if (text.len == 0) return lh_fail(err, LH_INVALID, "'dataset' must name what to embed");
    LH_TRY(lh_table_name_parse(catalog, text, arena, &dataset, err));
    return vector_definition_parse_of(dataset, body, locale, arena, ret, err);
}

/* ---- documents ---- */

lh_json *vector_definition_json(const vector_definition *d, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena), *columns = lh_json_new_array(arena), *chunk = lh_json_new_object(arena),
            *model = lh_json_new_object(arena);
    for (size_t i = 0; i < d->text_column_count; i++)
        lh_json_append(columns, lh_json_new_string(arena, d->text_columns[i]));
    lh_json_set_string(arena, json, "index", d->name);
    lh_json_set_string(arena, json, "dataset", lh_table_name_text(d->dataset, arena));
    lh_json_set_string(arena, json, "id_column", d->id_column);
    lh_json_set(arena, json, "text_columns", columns);
    lh_json_set(arena, json, "template",
                d->template_.len ? lh_json_new_string(arena, d->template_) : lh_json_new_null(arena));
    lh_json_set_uint(arena, chunk, "size", d->chunk_size);
    lh_json_set_uint(arena, chunk, "overlap", d->chunk_overlap);
    lh_json_set_string(arena, chunk, "unit", d->by_tokens ? LH_STR("tokens") : LH_STR("characters"));
    lh_json_set_string(arena, chunk, "locale", d->locale);
    lh_json_set(arena, json, "chunk", chunk);
    lh_json_set_string(arena, model, "provider", d->model.provider);
    lh_json_set_string(arena, model, "name", d->model.name);
    lh_json_set_string(arena, model, "version", d->model.version);
    lh_json_set_uint(arena, model, "dimensions", d->dimensions);
    lh_json_set(arena, json, "model", model);
    lh_json_set_string(arena, json, "metric", lh_str_from(lh_ann_metric_name(d->metric)));
    lh_json_set_string(arena, json, "backend", d->backend);
    lh_json_set(arena, json, "hnsw", vector_hnsw_json(&d->hnsw, arena));
    lh_json_set(arena, json, "recall_target", lh_json_new_real(arena, d->recall_target));
    lh_json *refresh = lh_json_new_object(arena);
    lh_json_set_string(arena, refresh, "policy", d->refresh);
    lh_json_set(arena, refresh, "cron", d->cron.len ? lh_json_new_string(arena, d->cron) : lh_json_new_null(arena));
    lh_json_set(arena, json, "refresh", refresh);
    return json;
}

static lh_str definition_key(lh_str name, lh_arena *arena) {
    return lh_arena_printf(arena, VECTOR_DOCUMENT "%.*s", LH_STR_ARG(name));
}

lh_code vector_definition_change(const vector_definition *d, lh_arena *arena, lh_change *ret, lh_error *err) {
    lh_json *json = vector_definition_json(d, arena);
    lh_str text;
    lh_json_set_int(arena, json, "schema_version", VECTOR_SCHEMA_VERSION);
    lh_json_set_bool(arena, json, "over_view", d->over_view);
    lh_json_set_string(arena, json, "id_type", d->id_is_integer ? LH_STR("integer") : LH_STR("string"));
    lh_json_set_uint(arena, json, "rows", d->rows);
    lh_json_set_uint(arena, json, "chunks", d->chunks);
    lh_json_set_int(arena, json, "dataset_snapshot_id", d->dataset_snapshot_id);
    lh_json_set_int(arena, json, "created_ms", d->created_ms);
    lh_json_set_int(arena, json, "last_embedded_ms", d->last_embedded_ms);
    lh_json_set_string(arena, json, "created_by", d->by);
    lh_json_set_string(arena, json, "table", d->table.name);
    LH_TRY(lh_json_write(arena, json, false, &text, err));
    *ret = (lh_change){.key = definition_key(d->name, arena), .text = text, .expected = d->version};
    return lh_arena_check(arena, err);
}

static lh_code definition_of_document(lh_catalog *catalog, lh_document document, lh_arena *arena,
                                      vector_definition *ret, lh_error *err) {
    lh_json *json = NULL;
    LH_TRY(lh_json_parse(arena, document.text, &json, err));
    if (lh_json_int(lh_json_get(json, "schema_version"), 0) != VECTOR_SCHEMA_VERSION)
        return lh_fail(err, LH_CORRUPT, "the index %.*s was written by a newer version", LH_STR_ARG(document.key));
    LH_TRY(vector_definition_parse(catalog, json, LH_STR_NONE, arena, ret, err));
    ret->over_view = lh_json_bool(lh_json_get(json, "over_view"), false);
    ret->id_is_integer = lh_str_eq(lh_json_get_string(json, "id_type"), LH_STR("integer"));
    ret->rows = lh_json_uint(lh_json_get(json, "rows"), 0);
    ret->chunks = lh_json_uint(lh_json_get(json, "chunks"), 0);
    ret->dataset_snapshot_id = lh_json_int(lh_json_get(json, "dataset_snapshot_id"), -1);
    ret->created_ms = lh_json_int(lh_json_get(json, "created_ms"), 0);
    ret->last_embedded_ms = lh_json_int(lh_json_get(json, "last_embedded_ms"), 0);
    ret->by = lh_json_get_string(json, "created_by");
    ret->table.name = lh_json_str(lh_json_get(json, "table"), ret->table.name);
    ret->version = document.version;
    return LH_OK;
}

lh_code vector_definition_read(lh_catalog *catalog, lh_str name, lh_arena *arena, vector_definition *ret,
                               lh_error *err) {
    lh_document document = {.key = definition_key(name, arena)};
    LH_TRY(lh_arena_check(arena, err));
    lh_code code = definition_name(name, NULL) == LH_OK
                       ? lh_metastore_get(lh_catalog_metastore(catalog), document.key, arena, &document.text,
                                          &document.version, err)
                       : LH_NOT_FOUND;
    if (code == LH_NOT_FOUND)
        return lh_fail(err, LH_NOT_FOUND, "there is no index '%.*s'", LH_STR_ARG(lh_str_cut_utf8(name, 100)));
    LH_TRY(code);
    return definition_of_document(catalog, document, arena, ret, err);
}

const char *vector_definition_difference(const vector_definition *a, const vector_definition *b) {
    if (!lh_str_eq(a->dataset.namespace_, b->dataset.namespace_) || !lh_str_eq(a->dataset.name, b->dataset.name))
        return "dataset";
    if (!lh_str_eq(a->id_column, b->id_column)) return "id_column";
    if (!lh_str_eq(a->template_, b->template_)) return "template";
    bool same = a->text_column_count == b->text_column_count;
    for (size_t i = 0; same && i < a->text_column_count; i++) same = lh_str_eq(a->text_columns[i], b->text_columns[i]);
    if (!same) return "text_columns";
    if (a->metric != b->metric) return "metric";
    if (!lh_str_eq(a->backend, b->backend)) return "backend";
    same = a->chunk_size == b->chunk_size && a->chunk_overlap == b->chunk_overlap && a->by_tokens == b->by_tokens &&
           lh_str_eq(a->locale, b->locale);
    return same ? NULL : "chunk";
}

/* ---- shown ---- */

void vector_set_time(lh_arena *arena, lh_json *into, const char *name, int64_t ms) {
    lh_json_set(arena, into, name,
                ms ? lh_json_new_string(arena, lh_str_from(lh_time_rfc3339(ms).text)) : lh_json_new_null(arena));
}

static lh_json *definition_show(lh_vector *vector, const vector_definition *d, bool limited, lh_arena *arena) {
    lh_json *json = vector_definition_json(d, arena);
    lh_json_remove(json, LH_STR("index"));
    lh_json_set_string(arena, json, "name", d->name);
    if (limited) { /* how it was tuned tells of rows that are not seen */
        lh_json_remove(json, LH_STR("hnsw"));
        lh_json_remove(json, LH_STR("recall_target"));
        return json;
    }
    lh_json_set_string(arena, json, "table", lh_table_name_text(d->table, arena));
    lh_json_set_uint(arena, json, "rows", d->rows);
    lh_json_set_uint(arena, json, "chunks", d->chunks);
    lh_json_set(arena, json, "dataset_snapshot_id",
                d->dataset_snapshot_id < 0 ? lh_json_new_null(arena) : lh_json_new_int(arena, d->dataset_snapshot_id));
    vector_stale stale = vector_stale_of(vector, d, arena);
    lh_json_set(arena, json, "stale",
                d->over_view && !stale.because
                    ? lh_json_new_null(arena)
                    : lh_json_new_bool(arena, stale.because != NULL || !d->last_embedded_ms));
    lh_json_set(arena, json, "stale_because",
                stale.because ? lh_json_new_string(arena, lh_str_from(stale.because)) : lh_json_new_null(arena));
    vector_set_time(arena, json, "embedding_stale_since", stale.since_ms);
    vector_set_time(arena, json, "created_at", d->created_ms);
    vector_set_time(arena, json, "last_embedded_at", d->last_embedded_ms);
    lh_json_set_string(arena, json, "created_by", d->by);
    lh_json_set(arena, json, "recall", vector_recall_show(vector, d, arena));
    lh_json_set(arena, json, "graph", vector_beside_show(vector, d, arena));
    return json;
}

lh_code lh_vector_index_get(lh_vector *vector, lh_str name, const lh_vector_caller *caller, lh_arena *arena,
                            lh_json **ret, lh_error *err) {
    vector_definition d;
    const lh_relation *relation;
    bool shown, whole;
    LH_TRY(vector_definition_read(vector->catalog, name, arena, &d, err));
    LH_TRY(vector_may_search(vector, caller, &d, arena, &shown, &relation, err));
    if (!shown) return lh_fail(err, LH_NOT_FOUND, "there is no index '%.*s'", LH_STR_ARG(d.name));
    LH_TRY(vector_may_index(vector, caller, &d, arena, &whole, err));
    *ret = definition_show(vector, &d, !whole, arena);
    return lh_arena_check(arena, err);
}

static lh_code definition_passes(lh_vector *vector, const vector_definition *d, const lh_vector_index_filter *filter,
                                 const lh_vector_caller *caller, lh_arena *arena, bool *ret, lh_error *err) {
    const lh_relation *relation;
    bool dataset = !filter->dataset.len || lh_str_eq(filter->dataset, lh_table_name_text(d->dataset, arena)) ||
                   lh_str_eq(filter->dataset, d->dataset.name);
    *ret = dataset && (!filter->model.len || lh_str_eq(filter->model, d->model.name));
    return *ret ? vector_may_search(vector, caller, d, arena, ret, &relation, err) : LH_OK;
}

lh_code vector_definition_each(lh_vector *vector, vector_definition_fn each, void *ctx, lh_arena *arena,
                               lh_error *err) {
    lh_document_page page = {.more = true};
    lh_str after = LH_STR_NONE;
    while (page.more) {
        LH_TRY(lh_metastore_list(lh_catalog_metastore(vector->catalog), LH_STR(VECTOR_DOCUMENT), after, 100, arena,
                                 &page, err));
        for (size_t i = 0; i < page.count; i++) {
            vector_definition d;
            after = page.items[i].key;
            LH_TRY(definition_of_document(vector->catalog, page.items[i], arena, &d, err));
            LH_TRY(each(ctx, &d, arena, err));
        }
    }
    return LH_OK;
}

lh_code vector_definition_list(lh_vector *vector, lh_page page, vector_definition_item item, void *ctx, lh_arena *arena,
                               lh_json **ret, lh_error *err) {
    lh_document_page documents = {.more = true};
    lh_json *items = lh_json_new_array(arena), *one = NULL;
    lh_str after = page.token.len ? definition_key(page.token, arena) : LH_STR_NONE, last = LH_STR_NONE;
    size_t limit = page.limit ? page.limit : SIZE_MAX;
    bool more = false;
    while (documents.more && !more) {
        LH_TRY(lh_metastore_list(lh_catalog_metastore(vector->catalog), LH_STR(VECTOR_DOCUMENT), after, 100, arena,
                                 &documents, err));
        for (size_t i = 0; i < documents.count && !more; i++) {
            vector_definition d;
            after = documents.items[i].key;
            LH_TRY(definition_of_document(vector->catalog, documents.items[i], arena, &d, err));
            LH_TRY(item(ctx, &d, arena, &one, err));
            more = one && lh_json_size(items) == limit;
            if (!one || more) continue;
            lh_json_append(items, one);
            last = d.name;
        }
    }
    *ret = lh_json_page(arena, items, more ? last : LH_STR_NONE);
    return lh_arena_check(arena, err);
}

typedef struct {
    lh_vector *vector;
    const lh_vector_index_filter *filter;
    const lh_vector_caller *caller;
} definition_listed;

static lh_code definition_item(void *ctx, const vector_definition *d, lh_arena *arena, lh_json **ret, lh_error *err) {
    const definition_listed *of = ctx;
    bool passes, whole;
    *ret = NULL;
    LH_TRY(definition_passes(of->vector, d, of->filter, of->caller, arena, &passes, err));
    if (!passes) return LH_OK;
    LH_TRY(vector_may_index(of->vector, of->caller, d, arena, &whole, err));
    *ret = definition_show(of->vector, d, !whole, arena);
    return LH_OK;
}

lh_code lh_vector_index_list(lh_vector *vector, const lh_vector_index_filter *filter, const lh_vector_caller *caller,
                             lh_arena *arena, lh_json **ret, lh_error *err) {
    definition_listed of = {vector, filter, caller};
    return vector_definition_list(vector, filter->page, definition_item, &of, arena, ret, err);
}
