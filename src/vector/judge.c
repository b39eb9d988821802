/* How well a model finds the rows that the queries of an eval set call relevant. An embedder is asked for vectors of the queries and of
 * up to JUDGE_CHUNKS chunks, those of relevant rows among them, and the rows are ranked by them; a reranker orders what the index
 * finds by its vectors. Both are told how they rank: recall, mean reciprocal rank and nDCG with gains of 0 and 1 (Järvelin and
 * Kekäläinen 2002), of the first k rows, averaged over the queries. */
#include "vector/trial_internal.h"

#include <math.h>

enum { JUDGE_CHUNKS = 2000, JUDGE_BATCH = 256, JUDGE_NEAREST = 50 };

typedef struct {
    const lh_vector_judging *asked;
    lh_vector *vector;
    lh_arena *arena;
    vector_definition definition;
    const vector_served *served;
    eval_set eval;
    size_t *rows; /* that are ranked, of served */
    size_t row_count;
    size_t judged;
    double recall, mrr, ndcg; /* sums */
} judge;

typedef struct {
    size_t row;
    float score;
} judge_hit;

static int judge_by_score(const void *a, const void *b) {
    const judge_hit *left = a, *right = b;
    if (left->score != right->score) return left->score < right->score ? 1 : -1;
    return left->row < right->row ? -1 : left->row > right->row;
}

static lh_ai_call judge_call(const judge *j, lh_str model) {
    return (lh_ai_call){.model = model,
                        .principal = j->asked->by,
                        .cancelled = j->asked->cancel ? lh_cancel_flag(j->asked->cancel) : NULL};
}

static bool judge_is_relevant(const lh_json *relevant, lh_str id) {
    for (lh_json_iter it = lh_json_each(relevant); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), id)) return true;
    return false;
}

/* The ranking of one query, the best first: of several chunks of a row the first counts. */
static void judge_add(judge *j, const eval_query *query, const judge_hit *hits, size_t count) {
    size_t relevant = lh_json_size(query->relevant), place = 0;
    double found = 0, first = 0, gain = 0, ideal = 0;
    for (size_t i = 0; i < count && place < j->eval.k; i++) {
        bool again = false;
        lh_str id = vector_served_id(j->served, hits[i].row);
        for (size_t before = 0; before < i && !again; before++)
            again = lh_str_eq(id, vector_served_id(j->served, hits[before].row));
        if (again) continue;
        place++;
        if (!judge_is_relevant(query->relevant, id)) continue;
        found++;
        gain += 1 / log2((double)place + 1);
        if (first == 0) first = 1 / (double)place;
    }
    size_t best = relevant < j->eval.k ? relevant : j->eval.k;
    for (size_t i = 1; i <= best; i++) ideal += 1 / log2((double)i + 1);
    j->recall += found / (double)best;
    j->mrr += first;
    j->ndcg += gain / ideal;
    j->judged++;
}

/* ---- an embedder ---- */

static lh_code judge_embed(judge *j, const lh_str *texts, size_t count, lh_ai_embeddings *ret, lh_error *err) {
    const lh_ai_call call = judge_call(j, j->asked->model);
    float *values = NULL;
    for (size_t at = 0, size; at < count; at += size) {
        lh_ai_embeddings got;
        size = count - at < JUDGE_BATCH ? count - at : JUDGE_BATCH;
        LH_TRY(lh_ai_embed(j->vector->ai, &call, texts + at, size, j->arena, &got, err));
        if (!values) values = LH_ARENA_ARRAY(j->arena, float, count *got.dimensions);
        LH_TRY(lh_arena_check(j->arena, err));
        memcpy(values + at * got.dimensions, got.values, size * got.dimensions * sizeof *values);
        *ret = got;
        if (j->asked->job) lh_job_add_done(j->asked->job, size);
    }
    ret->values = values;
    ret->count = count;
    return LH_OK;
}

/* Those of relevant rows, then others, spread evenly over the index. */
static lh_code judge_choose_rows(judge *j, lh_error *err) {
    size_t live = vector_served_live(j->served), step = live / JUDGE_CHUNKS + 1, *rows;
    bool *taken = LH_ARENA_ARRAY(j->arena, bool, live + 1);
    j->rows = rows = LH_ARENA_ARRAY(j->arena, size_t, live + 1);
    LH_TRY(lh_arena_check(j->arena, err));
    memset(taken, 0, live * sizeof *taken);
    for (size_t q = 0; q < j->eval.count; q++)
        for (lh_json_iter it = lh_json_each(j->eval.queries[q].relevant); lh_json_next(&it);) {
            const vector_place *place = vector_served_find(j->served, lh_json_str(it.value, LH_STR_NONE));
            for (size_t i = 0; place && i < place->count; i++) taken[place->first + i] = true;
        }
    for (size_t i = 0; i < live; i++)
        if (taken[i] || i % step == 0) rows[j->row_count++] = j->served->order[i];
    return LH_OK;
}

static float judge_score(lh_ann_metric metric, const float *a, const float *b, size_t dimensions) {
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < dimensions; i++) {
        dot += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    if (metric == LH_ANN_L2) return (float)(2 * dot - aa - bb);
    return (float)(metric == LH_ANN_COSINE && aa > 0 && bb > 0 ? dot / sqrt(aa * bb) : dot);
}

static lh_code judge_embedder(judge *j, lh_error *err) {
    lh_ai_embeddings chunks = {0}, queries = {0};
    LH_TRY(judge_choose_rows(j, err));
    lh_str *texts = LH_ARENA_ARRAY(j->arena, lh_str, j->row_count + j->eval.count + 1);
    judge_hit *hits = LH_ARENA_ARRAY(j->arena, judge_hit, j->row_count + 1);
    LH_TRY(lh_arena_check(j->arena, err));
    if (j->asked->job) lh_job_set_total(j->asked->job, j->row_count + j->eval.count);
    for (size_t i = 0; i < j->row_count; i++) texts[i] = vector_served_text(j->served, j->rows[i]);
    LH_TRY(judge_embed(j, texts, j->row_count, &chunks, err));
    for (size_t q = 0; q < j->eval.count; q++) texts[q] = j->eval.queries[q].text;
    LH_TRY(judge_embed(j, texts, j->eval.count, &queries, err));
    for (size_t q = 0; q < j->eval.count; q++) {
        for (size_t i = 0; i < j->row_count; i++)
            hits[i] = (judge_hit){j->rows[i],
                                  judge_score(j->definition.metric, queries.values + q * queries.dimensions,
                                              chunks.values + i * chunks.dimensions, chunks.dimensions)};
        qsort(hits, j->row_count, sizeof *hits, judge_by_score);
        judge_add(j, &j->eval.queries[q], hits, j->row_count);
    }
    return LH_OK;
}

/* ---- a reranker ---- */

/* Without a model: in the order in which the vectors have them. */
static lh_code judge_rerank(judge *j, const eval_query *query, const lh_ann_hit *near, size_t count, lh_error *err) {
    const lh_ai_call call = judge_call(j, j->asked->model);
    lh_str texts[JUDGE_NEAREST];
    judge_hit hits[JUDGE_NEAREST];
    lh_ai_ranking got = {0};
    for (size_t i = 0; i < count; i++) texts[i] = vector_served_text(j->served, (size_t)near[i].row);
    if (j->asked->model.len)
        LH_TRY(lh_ai_rerank(j->vector->ai, &call, query->text, texts, count, count, j->arena, &got, err));
    const size_t ranked = got.count ? got.count : count;
    for (size_t i = 0; i < ranked; i++) hits[i].row = (size_t)near[got.count ? got.scores[i].document : i].row;
    judge_add(j, query, hits, ranked);
    if (j->asked->job) lh_job_add_done(j->asked->job, 1);
    return LH_OK;
}

static lh_code judge_reranker(judge *j, lh_error *err) {
    lh_ann_hit *hits;
    uint32_t *counts;
    LH_TRY(eval_nearest(j->served, j->eval.vectors, j->eval.count, JUDGE_NEAREST, NULL, j->vector->threads,
                        j->asked->cancel, j->arena, &hits, &counts, err));
    if (j->asked->job) lh_job_set_total(j->asked->job, j->eval.count);
    for (size_t q = 0; q < j->eval.count; q++)
        LH_TRY(judge_rerank(j, &j->eval.queries[q], hits + q * JUDGE_NEAREST, counts[q], err));
    return LH_OK;
}

/* ---- all of it ---- */

/* Queries without a text, or of which nothing is said to be relevant, judge nothing. */
static lh_code judge_keep(judge *j, lh_error *err) {
    size_t kept = 0, dimensions = j->eval.dimensions;
    for (size_t q = 0; q < j->eval.count; q++) {
        if (!j->eval.queries[q].text.len || !lh_json_size(j->eval.queries[q].relevant)) continue;
        j->eval.queries[kept] = j->eval.queries[q];
        memmove(j->eval.vectors + kept * dimensions, j->eval.vectors + q * dimensions, dimensions * sizeof(float));
        kept++;
    }
    j->eval.count = kept;
    return kept ? LH_OK
                : lh_fail(err, LH_INVALID,
                          "no query of the eval set '%.*s' has a text and says what is relevant: it judges no model",
                          LH_STR_ARG(j->eval.name));
}

static lh_json *judge_result(const judge *j) {
    lh_json *result = lh_json_new_object(j->arena);
    double count = (double)j->judged;
    lh_json_set(j->arena, result, "recall", lh_json_new_real(j->arena, j->recall / count));
    lh_json_set(j->arena, result, "mrr", lh_json_new_real(j->arena, j->mrr / count));
    lh_json_set(j->arena, result, "ndcg", lh_json_new_real(j->arena, j->ndcg / count));
    lh_json_set_uint(j->arena, result, "k", j->eval.k);
    lh_json_set_uint(j->arena, result, "queries", j->judged);
    if (j->row_count) lh_json_set_uint(j->arena, result, "chunks", j->row_count);
    return result;
}

lh_code lh_vector_judge(lh_vector *vector, const lh_vector_judging *judging, lh_arena *arena, lh_json **ret,
                        lh_error *err) {
    judge j = {.asked = judging, .vector = vector, .arena = arena};
    if (judging->task == LH_AI_GENERATE) return lh_fail(err, LH_INVALID, "an eval set judges no model that generates");
    LH_TRY(eval_find(vector, judging->eval, arena, &j.eval, err));
    LH_TRY(vector_definition_read(vector->catalog, j.eval.index, arena, &j.definition, err));
    LH_TRY(eval_read_object(vector, &j.definition, arena, &j.eval, err));
    LH_TRY(judge_keep(&j, err));
    LH_TRY(vector_served_get(vector, &j.definition, judging->cancel, &j.served, err));
    lh_code code = judging->task == LH_AI_EMBED ? judge_embedder(&j, err) : judge_reranker(&j, err);
    vector_served_release(vector, j.served);
    LH_TRY(code);
    *ret = judge_result(&j);
    return lh_arena_check(arena, err);
}
