/* Any bytes as the body of POST /vectors/search: it is refused with words, or is a search within its bounds, whose vector is read as one of
 * an index of three dimensions. The first byte says by which metric that compares. */
#include "vector/vector_internal.h"
#include "base/fuzz.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_refused(lh_code code, const lh_error *err) {
    assert(code == LH_INVALID);
    lh_fuzz_told(code, err);
}

static void fuzz_check(const vector_asked *asked) {
    bool hybrid = asked->mode == VECTOR_HYBRID, text = asked->mode == VECTOR_TEXT;
    assert(asked->index.len && asked->k >= 1 && asked->wanted >= asked->k && asked->wanted <= LH_ANN_K_MAX);
    assert((int)asked->mode < VECTOR_MODES && (asked->by_vector || asked->by_words));
    assert(text ? !asked->by_vector && asked->by_words : hybrid || (asked->by_vector && !asked->by_words));
    for (int way = 0; way < VECTOR_WAYS; way++) assert(asked->weights[way] >= 0 && asked->weights[way] <= 1000);
    assert(!asked->by_vector || asked->vector || lh_str_trim(asked->text).len);
    assert(!(asked->by_words || asked->rerank) || lh_str_trim(asked->text).len);
    assert(asked->rerank || (asked->wanted == asked->k && !asked->reranker.len));
    for (lh_json_iter it = lh_json_each(asked->columns); lh_json_next(&it);) assert(lh_json_is_string(it.value));
    assert(!asked->columns || lh_json_is_array(asked->columns));
}

static void fuzz_vector(const vector_definition *d, const lh_json *vector) {
    float values[3];
    lh_error err = {0};
    lh_code code = vector_numbers_read(d, vector, "'vector'", values, &err);
    if (code != LH_OK) {
        fuzz_refused(code, &err);
        return;
    }
    for (size_t i = 0; i < 3; i++) assert(fabsf(values[i]) <= LH_ANN_VALUE_MAX);
    assert(d->metric != LH_ANN_COSINE || values[0] != 0 || values[1] != 0 || values[2] != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *body = NULL;
    vector_asked asked;
    lh_error err = {0};
    if (!lh_fuzz_body(data, size, 256 << 10, 64 << 20, &arena, &body)) return 0;
    const vector_definition d = {
        .name = LH_STR("notes"), .dimensions = 3, .metric = (lh_ann_metric)(data[0] % LH_ANN_METRICS)};
    lh_code code = vector_search_read(body, &asked, &err);
    if (code != LH_OK) return fuzz_refused(code, &err), 0;
    fuzz_check(&asked);
    if (asked.vector) fuzz_vector(&d, asked.vector);
    return 0;
}
