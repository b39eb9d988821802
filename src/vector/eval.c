/* Eval sets as they are kept: a document that names an object. The object is never changed: another one takes its place. */
#include "vector/trial_internal.h"

enum { EVAL_NAME_BYTES = 64 };

lh_code eval_name_check(lh_str name, lh_error *err) {
    bool good = name.len > 0 && name.len <= EVAL_NAME_BYTES && name.ptr[0] != '-';
    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    }
    return good ? LH_OK
                : lh_fail(err, LH_INVALID,
                          "the name of an eval set is of a-z, 0-9, _ and -, at most %d of them, not '%.*s'",
                          EVAL_NAME_BYTES, LH_STR_ARG(lh_str_cut_utf8(name, 100)));
}

static lh_str eval_key(lh_str name, lh_arena *arena) {
    return lh_arena_printf(arena, EVAL_DOCUMENT "%.*s", LH_STR_ARG(name));
}

/* ---- the document ---- */

static lh_code eval_of_document(lh_document document, lh_arena *arena, eval_set *ret, lh_error *err) {
    lh_json *json = NULL;
    LH_TRY(lh_json_parse(arena, document.text, &json, err));
    if (lh_json_int(lh_json_get(json, "schema_version"), 0) != VECTOR_SCHEMA_VERSION)
        return lh_fail(err, LH_CORRUPT, "the eval set %.*s was written by a newer version", LH_STR_ARG(document.key));
    const lh_json *model = lh_json_get(json, "model");
    *ret = (eval_set){.name = lh_json_get_string(json, "name"),
                      .index = lh_json_get_string(json, "index"),
                      .object = lh_json_get_string(json, "object"),
                      .by = lh_json_get_string(json, "created_by"),
                      .model = {lh_json_get_string(model, "provider"), lh_json_get_string(model, "name"),
                                lh_json_get_string(model, "version")},
                      .k = (uint32_t)lh_json_uint(lh_json_get(json, "k"), EVAL_K),
                      .snapshot_id = lh_json_int(lh_json_get(json, "snapshot_id"), -1),
                      .seed = lh_json_int(lh_json_get(json, "seed"), -1),
                      .created_ms = lh_json_int(lh_json_get(json, "created_ms"), 0),
                      .paraphrased = lh_json_uint(lh_json_get(json, "paraphrased"), 0),
                      .count = lh_json_uint(lh_json_get(json, "count"), 0),
                      .version = document.version};
    return LH_OK;
}

lh_code eval_find(const lh_vector *vector, lh_str name, lh_arena *arena, eval_set *ret, lh_error *err) {
    lh_document document = {.key = eval_key(name, arena)};
    LH_TRY(lh_arena_check(arena, err));
    lh_code code = eval_name_check(name, NULL) == LH_OK
                       ? lh_metastore_get(lh_catalog_metastore(vector->catalog), document.key, arena, &document.text,
                                          &document.version, err)
                       : LH_NOT_FOUND;
    if (code == LH_NOT_FOUND)
        return lh_fail(err, LH_NOT_FOUND, "there is no eval set '%.*s'", LH_STR_ARG(lh_str_cut_utf8(name, 100)));
    LH_TRY(code);
    return eval_of_document(document, arena, ret, err);
}

lh_code eval_each(const lh_vector *vector, lh_str after, eval_fn each, void *ctx, lh_arena *arena, lh_error *err) {
    lh_document_page page = {.more = true};
    after = after.len ? eval_key(after, arena) : LH_STR_NONE;
    while (page.more) {
        LH_TRY(lh_metastore_list(lh_catalog_metastore(vector->catalog), LH_STR(EVAL_DOCUMENT), after, 100, arena, &page,
                                 err));
        for (size_t i = 0; i < page.count; i++) {
            eval_set eval;
            after = page.items[i].key;
            LH_TRY(eval_of_document(page.items[i], arena, &eval, err));
            LH_TRY(each(ctx, &eval, arena, err));
        }
    }
    return LH_OK;
}

static lh_json *eval_document(const eval_set *eval, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena), *model = lh_json_new_object(arena);
    lh_json_set_string(arena, json, "name", eval->name);
    lh_json_set_string(arena, json, "index", eval->index);
    lh_json_set_uint(arena, json, "k", eval->k);
    lh_json_set_uint(arena, json, "count", eval->count);
    lh_json_set_int(arena, json, "snapshot_id", eval->snapshot_id);
    lh_json_set_string(arena, model, "provider", eval->model.provider);
    lh_json_set_string(arena, model, "name", eval->model.name);
    lh_json_set_string(arena, model, "version", eval->model.version);
    lh_json_set(arena, json, "model", model);
    lh_json_set(arena, json, "seed", eval->seed < 0 ? lh_json_new_null(arena) : lh_json_new_int(arena, eval->seed));
    lh_json_set_uint(arena, json, "paraphrased", eval->paraphrased);
    lh_json_set_string(arena, json, "created_by", eval->by);
    return json;
}

/* ---- the object ---- */

static lh_json *eval_query_json(const eval_query *query, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena), *truth = lh_json_new_array(arena);
    lh_json_set(arena, json, "query",
                query->text.len ? lh_json_new_string(arena, query->text) : lh_json_new_null(arena));
    lh_json_set_string(arena, json, "source", query->source);
    lh_json_set(arena, json, "relevant",
                query->relevant ? lh_json_copy(arena, query->relevant) : lh_json_new_null(arena));
    for (size_t i = 0; i < query->truth_count; i++) {
        lh_json *hit = lh_json_new_array(arena);
        lh_json_append(hit, lh_json_new_string(arena, query->truth[i].id));
        lh_json_append(hit, lh_json_new_int(arena, query->truth[i].chunk));
        lh_json_append(hit, lh_json_new_real(arena, (double)query->truth[i].score));
        lh_json_append(truth, hit);
    }
    lh_json_set(arena, json, "truth", truth);
    return json;
}

static lh_code eval_object(const eval_set *eval, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *json = lh_json_new_object(arena), *queries = lh_json_new_array(arena);
    lh_str bytes = {(const char *)eval->vectors, eval->count * eval->dimensions * sizeof *eval->vectors};
    if (bytes.len / 3 * 4 > EVAL_OBJECT_BYTES / 2)
        return lh_fail(err, LH_LIMIT, "the vectors of an eval set have at most %d MiB", EVAL_OBJECT_BYTES >> 20);
    char *base64 = lh_arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < eval->count; i++) lh_json_append(queries, eval_query_json(&eval->queries[i], arena));
    lh_json_set_int(arena, json, "schema_version", VECTOR_SCHEMA_VERSION);
    lh_json_set_uint(arena, json, "dimensions", eval->dimensions);
    lh_json_set_string(arena, json, "vectors", (lh_str){base64, lh_base64_encode(bytes, base64)});
    lh_json_set(arena, json, "queries", queries);
    LH_TRY(lh_json_write(arena, json, false, ret, err));
    if (ret->len > EVAL_OBJECT_BYTES)
        return lh_fail(err, LH_LIMIT, "an eval set has at most %d MiB", EVAL_OBJECT_BYTES >> 20);
    return LH_OK;
}

static lh_code eval_torn(const eval_set *eval, lh_error *err) {
    return lh_fail(err, LH_CORRUPT, "the eval set '%.*s' cannot be read: make it anew", LH_STR_ARG(eval->name));
}

static lh_code eval_read_query(const eval_set *eval, const lh_json *json, lh_arena *arena, eval_query *ret,
                               lh_error *err) {
    const lh_json *truth = lh_json_get(json, "truth"), *relevant = lh_json_get(json, "relevant");
    *ret = (eval_query){.text = lh_json_get_string(json, "query"),
                        .source = lh_json_get_string(json, "source"),
                        .relevant = lh_json_is_array(relevant) ? relevant : NULL,
                        .truth = LH_ARENA_ARRAY(arena, eval_truth, lh_json_size(truth) + 1)};
    LH_TRY(lh_arena_check(arena, err));
    if (lh_json_size(truth) > eval->k) return eval_torn(eval, err);
    for (lh_json_iter it = lh_json_each(truth); lh_json_next(&it);)
        ret->truth[ret->truth_count++] =
            (eval_truth){lh_json_str(lh_json_at(it.value, 0), LH_STR_NONE), lh_json_int(lh_json_at(it.value, 1), -1),
                         (float)lh_json_real(lh_json_at(it.value, 2), 0)};
    return LH_OK;
}

static lh_code eval_take_object(lh_str text, lh_arena *arena, eval_set *eval, lh_error *err) {
    lh_json *json = NULL;
    size_t bytes = 0;
    if (lh_json_parse(arena, text, &json, NULL) != LH_OK) return eval_torn(eval, err);
    const lh_json *queries = lh_json_get(json, "queries");
    lh_str base64 = lh_json_get_string(json, "vectors");
    uint64_t dimensions = lh_json_uint(lh_json_get(json, "dimensions"), 0);
    eval->vectors = lh_arena_alloc(arena, base64.len + 4);
    eval->queries = LH_ARENA_ARRAY(arena, eval_query, lh_json_size(queries) + 1);
    LH_TRY(lh_arena_check(arena, err));
    if (lh_json_int(lh_json_get(json, "schema_version"), 0) != VECTOR_SCHEMA_VERSION || dimensions < 1 ||
        dimensions > LH_ANN_DIMENSIONS_MAX || lh_json_size(queries) != eval->count || eval->count > EVAL_QUERIES_MAX ||
        lh_base64_decode(base64, (char *)eval->vectors, &bytes) != LH_OK ||
        bytes != eval->count * dimensions * sizeof *eval->vectors)
        return eval_torn(eval, err);
    eval->dimensions = (uint32_t)dimensions;
    for (lh_json_iter it = lh_json_each(queries); lh_json_next(&it);)
        LH_TRY(eval_read_query(eval, it.value, arena, &eval->queries[it.index], err));
    return LH_OK;
}

lh_code eval_read_object(const lh_vector *vector, const vector_definition *d, lh_arena *arena, eval_set *eval,
                         lh_error *err) {
    lh_str key, text;
    LH_TRY(trial_key(vector, d, eval->object, arena, &key, err));
    lh_code code = lh_bucket_get(lh_registry_whole(vector->registry), key, EVAL_OBJECT_BYTES, arena, &text, NULL, err);
    if (code == LH_NOT_FOUND) return eval_torn(eval, err);
    LH_TRY(code);
    return eval_take_object(text, arena, eval, err);
}

/* ---- changes ---- */

static void eval_remove_object(const lh_vector *vector, const vector_definition *d, const eval_set *eval) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str key;
    if (lh_arena_new(64 << 10, &arena, NULL) == LH_OK && trial_key(vector, d, eval->object, arena, &key, NULL) == LH_OK)
        (void)!lh_bucket_delete(lh_registry_whole(vector->registry), key, LH_STR_NONE, NULL); /* nothing names it */
}

lh_code eval_store(const lh_vector *vector, const vector_definition *d, const eval_set *before, lh_arena *arena,
                   eval_set *eval, lh_error *err) {
    const lh_uuid id = lh_uuid_new();
    lh_str text, key;
    lh_change change = {.key = eval_key(eval->name, arena), .expected = before ? before->version : LH_VERSION_ABSENT};
    eval->object = lh_arena_printf(arena, TRIAL_FOLDER "evals/%.*s/%.*s-%s.json", LH_STR_ARG(eval->index),
                                   LH_STR_ARG(eval->name), id.text);
    eval->created_ms = lh_time_now_ms();
    LH_TRY(eval_object(eval, arena, &text, err));
    LH_TRY(trial_key(vector, d, eval->object, arena, &key, err));
    lh_json *document = eval_document(eval, arena);
    lh_json_set_int(arena, document, "schema_version", VECTOR_SCHEMA_VERSION);
    lh_json_set_string(arena, document, "object", eval->object);
    lh_json_set_int(arena, document, "created_ms", eval->created_ms);
    LH_TRY(lh_json_write(arena, document, false, &change.text, err));
    LH_TRY(lh_bucket_put(lh_registry_whole(vector->registry), key, text, (lh_put_condition){.if_absent = true}, NULL,
                         err));
    lh_code code = lh_metastore_commit(lh_catalog_metastore(vector->catalog), &change, 1, NULL, err);
    if (code == LH_OK && before) eval_remove_object(vector, d, before);
    if (code == LH_CONFLICT) eval_remove_object(vector, d, eval); /* of other errors it may have landed */
    return code;
}

lh_change eval_removal(const eval_set *eval, lh_arena *arena) {
    return (lh_change){.key = eval_key(eval->name, arena), .expected = eval->version};
}

lh_code eval_remove(const lh_vector *vector, const vector_definition *d, const eval_set *eval, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(64 << 10, &arena, err));
    const lh_change change = eval_removal(eval, arena);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_metastore_commit(lh_catalog_metastore(vector->catalog), &change, 1, NULL, err));
    eval_remove_object(vector, d, eval);
    return LH_OK;
}

/* ---- shown ---- */

lh_json *eval_show(const eval_set *eval, lh_arena *arena) {
    lh_json *json = eval_document(eval, arena), *queries = lh_json_new_array(arena);
    lh_json_set_string(arena, json, "created_at", lh_str_from(lh_time_rfc3339(eval->created_ms).text));
    if (!eval->queries) return json;
    for (size_t i = 0; i < eval->count; i++) {
        lh_json *query = eval_query_json(&eval->queries[i], arena), *truth = lh_json_new_array(arena);
        for (size_t k = 0; k < eval->queries[i].truth_count; k++) {
            const eval_truth *of = &eval->queries[i].truth[k];
            lh_json *hit = lh_json_new_object(arena);
            lh_json_set_string(arena, hit, "id", of->id);
            lh_json_set_int(arena, hit, "chunk", of->chunk);
            lh_json_set(arena, hit, "score", lh_json_new_real(arena, (double)of->score));
            lh_json_append(truth, hit);
        }
        lh_json_set(arena, query, "truth", truth);
        lh_json_append(queries, query);
    }
    lh_json_set(arena, json, "queries", queries);
    return json;
}
