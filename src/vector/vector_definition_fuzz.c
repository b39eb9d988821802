/* Any bytes as the body of POST /vectors/index: it is refused with words, or gives a definition within its bounds whose document is read
 * as the same definition. */
#include "vector/vector_internal.h"
#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const lh_table_name fuzz_dataset = {{"hr", 2}, {"Resumes", 7}};

static bool fuzz_parse(lh_str text, lh_arena *arena, vector_definition *ret) {
    lh_json *body = NULL;
    lh_error err = {0};
    if (lh_json_parse(arena, text, &body, NULL) != LH_OK) return false;
    lh_code code = vector_definition_parse_of(fuzz_dataset, body, LH_STR("en"), arena, ret, &err);
    if (code == LH_OK) return true;
    lh_fuzz_refused(code, &err);
    return false;
}

static void fuzz_check(const vector_definition *d) {
    lh_cron cron;
    assert(d->name.len >= 1 && d->name.len <= VECTOR_NAME_BYTES && lh_str_find(d->name, '/') == d->name.len);
    assert(lh_str_eq(d->table.namespace_, LH_STR(VECTOR_NAMESPACE)) && lh_str_eq(d->table.name, d->name));
    assert(d->id_column.len && lh_vector_is_backend(d->backend) && (int)d->metric < LH_ANN_METRICS);
    assert(d->text_column_count >= 1 && d->text_column_count <= VECTOR_TEXT_COLUMNS_MAX);
    for (size_t i = 0; i < d->text_column_count; i++)
        for (size_t j = 0; j < i; j++)
            assert(d->text_columns[i].len && !lh_str_eq(d->text_columns[i], d->text_columns[j]));
    assert(d->chunk_size <= LH_CHUNK_SIZE_MAX && d->chunk_overlap <= d->chunk_size);
    assert(d->hnsw.ef_construction >= 1 && d->hnsw.ef_construction <= LH_ANN_EF_MAX);
    assert(d->hnsw.ef_search >= 1 && d->hnsw.ef_search <= LH_ANN_EF_MAX);
    assert(d->hnsw.connectivity >= 2 && d->hnsw.connectivity <= LH_ANN_CONNECTIVITY_MAX);
    assert(d->recall_target > 0 && d->recall_target <= 1);
    assert(!d->cron.len == !lh_str_eq(d->refresh, LH_STR("scheduled")));
    assert(!d->cron.len || lh_cron_parse(d->cron, &cron, NULL) == LH_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    vector_definition d, again;
    lh_change change;
    lh_error err = {0};
    if (size > 256 << 10 || lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    if (!fuzz_parse((lh_str){(const char *)data, size}, arena, &d)) return 0;
    fuzz_check(&d);
    if (vector_definition_check_chunk(&d, &err) != LH_OK) assert(lh_str_is_utf8(lh_str_from(err.message)));
    if (vector_definition_change(&d, arena, &change, NULL) != LH_OK) return 0; /* a text of many control characters */
    assert(fuzz_parse(change.text, arena, &again));
    assert(vector_definition_difference(&d, &again) == NULL);
    assert(lh_json_equal(vector_definition_json(&d, arena), vector_definition_json(&again, arena)));
    return 0;
}
