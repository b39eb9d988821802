/* Eval sets as they are made: of queries that are given, or of pieces of the index's own chunks. The truth is what the exact search
 * finds. Which chunks are sampled depends on the rows (by id and chunk), the seed and how many there are to be, on nothing else. */
#include "vector/trial_internal.h"

enum { SAMPLE_PIECE = 120, SAMPLE_TOKENS = 60 };

lh_code eval_nearest(const vector_served *served, const float *vectors, size_t count, uint32_t k,
                     const uint64_t *allowed, unsigned threads, lh_cancel *cancel, lh_arena *arena, lh_ann_hit **ret,
                     uint32_t **ret_counts, lh_error *err) {
    *ret = LH_ARENA_ARRAY(arena, lh_ann_hit, count * k + 1);
    *ret_counts = LH_ARENA_ARRAY(arena, uint32_t, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    const lh_ann_query query = {.vectors = vectors,
                                .count = count,
                                .k = k,
                                .mode = LH_ANN_EXACT,
                                .allowed = allowed,
                                .threads = threads,
                                .cancelled = lh_cancel_flag(cancel)};
    return lh_ann_search(served->ann, &query, *ret, *ret_counts, err);
}

/* ---- texts and vectors into a set ---- */

static lh_code make_truth(const eval_order *order, lh_arena *arena, eval_set *eval, lh_error *err) {
    const vector_served *served = order->served;
    lh_ann_hit *hits;
    uint32_t *counts;
    LH_TRY(eval_nearest(served, eval->vectors, eval->count, eval->k, NULL, order->vector->threads, order->cancel, arena,
                        &hits, &counts, err));
    for (size_t q = 0; q < eval->count; q++) {
        eval_query *query = &eval->queries[q];
        query->truth = LH_ARENA_ARRAY(arena, eval_truth, counts[q] + 1);
        LH_TRY(lh_arena_check(arena, err));
        for (; query->truth_count < counts[q]; query->truth_count++) {
            const lh_ann_hit *hit = &hits[q * eval->k + query->truth_count];
            query->truth[query->truth_count] = (eval_truth){lh_arena_dup(arena, vector_served_id(served, hit->row)),
                                                            served->rows[hit->row].chunk, hit->score};
        }
    }
    eval->snapshot_id = served->snapshot_id;
    return lh_arena_check(arena, err);
}

/* Texts become the vectors of the index's model; those that came with a vector keep it. */
static lh_code make_embed(const eval_order *order, lh_arena *arena, eval_set *eval, lh_error *err) {
    const vector_definition *d = order->definition;
    const lh_ai_call call = {.model = d->model.name,
                             .version = d->model.version,
                             .principal = order->by,
                             .cancelled = lh_cancel_flag(order->cancel)};
    lh_str *texts = LH_ARENA_ARRAY(arena, lh_str, eval->count + 1);
    size_t *places = LH_ARENA_ARRAY(arena, size_t, eval->count + 1), count = 0;
    lh_ai_embeddings got;
    LH_TRY(lh_arena_check(arena, err));
    for (size_t q = 0; q < eval->count; q++)
        if (eval->queries[q].text.len) texts[count] = eval->queries[q].text, places[count++] = q;
    if (!count) return LH_OK;
    LH_TRY(lh_ai_embed(order->vector->ai, &call, texts, count, arena, &got, err));
    if (got.dimensions != d->dimensions || !lh_ai_is_same(&got.model, &d->model))
        return lh_fail(err, LH_CONFLICT,
                       "the index '%.*s' is of the model %.*s, version '%.*s'; the queries were embedded by version "
                       "'%.*s'",
                       LH_STR_ARG(d->name), LH_STR_ARG(d->model.name), LH_STR_ARG(d->model.version),
                       LH_STR_ARG(got.model.version));
    for (size_t i = 0; i < count; i++)
        memcpy(eval->vectors + places[i] * d->dimensions, got.values + i * d->dimensions,
               d->dimensions * sizeof *eval->vectors);
    return LH_OK;
}

static lh_code make_new(const eval_order *order, lh_arena *arena, eval_set *ret, lh_error *err) {
    const vector_definition *d = order->definition;
    *ret = (eval_set){.index = d->name,
                      .by = order->by,
                      .model = d->model,
                      .k = order->k,
                      .count = order->count,
                      .seed = -1,
                      .dimensions = d->dimensions,
                      .vectors = LH_ARENA_ARRAY(arena, float, order->count *(size_t)d->dimensions + 1),
                      .queries = LH_ARENA_ARRAY(arena, eval_query, order->count + 1)};
    return lh_arena_check(arena, err);
}

/* ---- sampled ---- */

/* A sentence or so of the chunk. */
static lh_code sample_piece(lh_chunker *chunker, lh_str text, uint64_t *state, lh_arena *arena, lh_str *ret,
                            lh_error *err) {
    lh_text_chunk *pieces = NULL;
    size_t count = 0;
    LH_TRY(lh_chunker_split(chunker, text, arena, &pieces, &count, err));
    uint64_t drawn = lh_random_seeded(state);
    *ret = count ? lh_str_trim(pieces[drawn % count].text) : LH_STR_NONE;
    if (!ret->len) *ret = lh_str_cut_utf8(lh_str_trim(text), SAMPLE_PIECE);
    *ret = lh_arena_dup(arena, *ret);
    return lh_arena_check(arena, err);
}

static lh_ai_call sample_call(const eval_order *order) {
    return (lh_ai_call){.principal = order->by, .cancelled = lh_cancel_flag(order->cancel)};
}

/* In other words; it stays as it is where the generator does not answer. */
static lh_code sample_paraphrase(const eval_order *order, uint64_t seed, eval_query *query, lh_arena *arena,
                                 lh_error *err) {
    const lh_ai_message messages[] = {
        {LH_STR("system"),
         LH_STR("You write search queries. Answer with one short query, in other words than the text, "
                "that somebody who looks for this text would type. Nothing else.")},
        {LH_STR("user"), query->text}};
    const lh_ai_prompt prompt = {.messages = messages,
                                 .message_count = 2,
                                 .has_temperature = true,
                                 .temperature = 0.7,
                                 .has_seed = true,
                                 .seed = seed,
                                 .max_tokens = SAMPLE_TOKENS};
    const lh_ai_call call = sample_call(order);
    lh_ai_text got;
    lh_error why = {0};
    lh_code code = lh_ai_generate(order->vector->ai, &call, &prompt, NULL, NULL, arena, &got, &why);
    if (code == LH_CANCELLED) return lh_fail(err, code, "%s", why.message);
    lh_str text = code == LH_OK ? lh_str_trim(lh_str_cut_utf8(got.text, EVAL_TEXT_BYTES)) : LH_STR_NONE;
    if (!text.len || !lh_str_is_utf8(text)) return LH_OK;
    query->text = text;
    query->source = LH_STR("paraphrase");
    return LH_OK;
}

/* Which of `live` rows, in the order of the drawing; all of them where there are no more. */
static lh_code sample_rows(size_t live, uint32_t count, uint64_t *state, lh_arena *arena, size_t *ret, lh_error *err) {
    uint64_t *taken = LH_ARENA_ARRAY(arena, uint64_t, live / 64 + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (uint32_t i = 0; i < count;) {
        size_t at = (size_t)(lh_random_seeded(state) % live);
        while (taken[at >> 6] >> (at & 63) & 1) at = (at + 1) % live;
        taken[at >> 6] |= UINT64_C(1) << (at & 63);
        ret[i++] = at;
    }
    return LH_OK;
}

/* The row that the piece is of. */
static lh_json *sample_relevant(const eval_order *order, size_t row, lh_arena *arena) {
    lh_json *list = lh_json_new_array(arena);
    lh_json_append(list, lh_json_new_string(arena, vector_served_id(order->served, row)));
    return list;
}

static lh_code sample_texts(const eval_order *order, lh_arena *arena, eval_set *eval, lh_error *err) {
    LH_CLEANUP(lh_chunker_freep) lh_chunker *chunker = NULL;
    const lh_chunk_options options = {.size = SAMPLE_PIECE, .locale = order->definition->locale};
    uint64_t state = order->seed;
    const lh_ai_call call = sample_call(order);
    bool paraphrase = order->paraphrase && lh_ai_has(order->vector->ai, LH_AI_GENERATE, &call);
    size_t *places = LH_ARENA_ARRAY(arena, size_t, eval->count + 1);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_chunker_new(&options, &chunker, err));
    LH_TRY(sample_rows(vector_served_live(order->served), (uint32_t)eval->count, &state, arena, places, err));
    for (size_t q = 0; q < eval->count; q++) {
        eval_query *query = &eval->queries[q];
        lh_str text = vector_served_text(order->served, order->served->order[places[q]]);
        query->source = LH_STR("window");
        query->relevant = sample_relevant(order, order->served->order[places[q]], arena);
        LH_TRY(sample_piece(chunker, text, &state, arena, &query->text, err));
        if (paraphrase) LH_TRY(sample_paraphrase(order, order->seed + q, query, arena, err));
        eval->paraphrased += lh_str_eq(query->source, LH_STR("paraphrase"));
    }
    return LH_OK;
}

static void sample_between(eval_set *eval) {
    for (size_t q = 0; q + 1 < eval->count; q++)
        for (size_t i = 0; i < eval->dimensions; i++)
            eval->vectors[q * eval->dimensions + i] += eval->vectors[(q + 1) * eval->dimensions + i];
}

lh_code eval_sample(const eval_order *order, lh_arena *arena, eval_set *ret, lh_error *err) {
    eval_order used = *order;
    size_t live = vector_served_live(order->served);
    if (!live) return lh_fail(err, LH_INVALID, "the index '%.*s' has no rows", LH_STR_ARG(order->definition->name));
    if (used.count > live) used.count = (uint32_t)live;
    LH_TRY(make_new(&used, arena, ret, err));
    ret->seed = (int64_t)used.seed;
    LH_TRY(sample_texts(&used, arena, ret, err));
    LH_TRY(make_embed(&used, arena, ret, err));
    if (order->between) sample_between(ret);
    return make_truth(&used, arena, ret, err);
}

lh_code eval_may_replace(const eval_set *there, lh_str index, bool replace, lh_error *err) {
    if (!lh_str_eq(there->index, index))
        return lh_fail(err, LH_CONFLICT, "there is an eval set '%.*s' of another index: name this one anew",
                       LH_STR_ARG(there->name));
    if (there->seed >= 0 || replace) return LH_OK;
    return lh_fail(err, LH_CONFLICT,
                   "the queries of the eval set '%.*s' were given: 'replace' makes others in their place",
                   LH_STR_ARG(there->name));
}

lh_code eval_run(void *ctx, lh_job *job, const lh_json *spec, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_vector *vector = ctx;
    vector_definition d;
    eval_set made, before;
    lh_str name = lh_json_get_string(spec, "name");
    LH_TRY(vector_definition_read(vector->catalog, lh_json_get_string(spec, "index"), arena, &d, err));
    eval_order order = {.vector = vector,
                        .definition = &d,
                        .by = lh_json_get_string(spec, "created_by"),
                        .cancel = lh_job_cancel_of(job),
                        .paraphrase = lh_json_bool(lh_json_get(spec, "paraphrase"), false),
                        .count = (uint32_t)lh_json_uint(lh_json_get(spec, "count"), 0),
                        .k = (uint32_t)lh_json_uint(lh_json_get(spec, "k"), EVAL_K),
                        .seed = lh_json_uint(lh_json_get(spec, "seed"), EVAL_SEED)};
    lh_code found = eval_find(vector, name, arena, &before, NULL);
    if (found != LH_OK && found != LH_NOT_FOUND) return lh_fail(err, found, "the eval set cannot be read");
    if (found == LH_OK)
        LH_TRY(eval_may_replace(&before, d.name, lh_json_bool(lh_json_get(spec, "replace"), false), err));
    lh_job_set_phase(job, "making queries");
    LH_TRY(vector_served_get(vector, &d, order.cancel, &order.served, err));
    lh_code code = eval_sample(&order, arena, &made, err);
    vector_served_release(vector, order.served);
    LH_TRY(code);
    made.name = name;
    LH_TRY(eval_store(vector, &d, found == LH_OK ? &before : NULL, arena, &made, err));
    *ret = lh_json_new_object(arena);
    lh_json_set_string(arena, *ret, "name", name);
    lh_json_set_string(arena, *ret, "index", d.name);
    lh_json_set_uint(arena, *ret, "queries", made.count);
    lh_json_set_uint(arena, *ret, "paraphrased_queries", made.paraphrased);
    return lh_arena_check(arena, err);
}

/* ---- given ---- */

static lh_code given_set(const eval_order *order, const lh_json *queries, lh_arena *arena, eval_set *ret,
                         lh_error *err) {
    const vector_definition *d = order->definition;
    LH_TRY(make_new(order, arena, ret, err));
    for (lh_json_iter it = lh_json_each(queries); lh_json_next(&it);)
        LH_TRY(
            eval_query_read(d, it.value, arena, &ret->queries[it.index], ret->vectors + it.index * d->dimensions, err));
    LH_TRY(make_embed(order, arena, ret, err));
    return make_truth(order, arena, ret, err);
}

lh_code lh_vector_eval_create(lh_vector *vector, const lh_json *body, const lh_vector_caller *caller, lh_arena *arena,
                              lh_json **ret, lh_error *err) {
    vector_definition d;
    eval_set made, there;
    eval_asked asked;
    LH_TRY(eval_read(body, &asked, err));
    eval_order order = {.vector = vector,
                        .definition = &d,
                        .by = caller->by,
                        .cancel = caller->cancel,
                        .count = asked.count,
                        .k = asked.k};
    LH_TRY(vector_require_index(vector, caller, asked.index, arena, &d, err));
    if (eval_find(vector, asked.name, arena, &there, NULL) == LH_OK)
        return lh_fail(err, LH_CONFLICT, "there is an eval set '%.*s': delete it first", LH_STR_ARG(asked.name));
    LH_TRY(vector_served_get(vector, &d, caller->cancel, &order.served, err));
    lh_code code = given_set(&order, asked.queries, arena, &made, err);
    vector_served_release(vector, order.served);
    LH_TRY(code);
    made.name = asked.name;
    LH_TRY(eval_store(vector, &d, NULL, arena, &made, err));
    made.queries = NULL;
    *ret = eval_show(&made, arena);
    return lh_arena_check(arena, err);
}
