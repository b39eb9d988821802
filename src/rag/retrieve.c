/* Passages of a question. Each index is searched as the caller, so that its policy holds, by vector and by words apart: hits keep
 * their own scores, by which it is told whether anything is near at all. The rankings of all indexes are then one by reciprocal rank
 * (Cormack, Clarke and Büttcher, 2009): scores of different models do not compare, places do.
 *
 * A hit is of use when its vector is near enough to the question's (min_score), or when it has half of the words of the question
 * that say what it is about. With no more than half of them it comes behind all others: of two words one stands in many a text. */
#include "rag/rag_internal.h"

enum { RETRIEVE_RRF_K = 60, RETRIEVE_DEPTH = 32, RETRIEVE_RERANKED = 50 };
#define RETRIEVE_SHARE 0.5

typedef struct {
    rag_passage passage;
    size_t order; /* in which it was first found: of equal scores the first wins */
    bool near, half;
} retrieve_hit;

typedef struct {
    rag_run *run;
    retrieve_hit *hits;
    size_t count, room;
    rag_words words; /* of the question */
    lh_str metric;   /* of the index that is searched */
} retrieve;

static lh_code retrieve_search(const retrieve *r, size_t at, const char *mode, lh_json **ret, lh_error *err) {
    const rag_request *asked = &r->run->asked;
    lh_arena *arena = r->run->arena;
    lh_json *body = lh_json_new_object(arena);
    uint64_t depth = 2 * (uint64_t)asked->k > RETRIEVE_DEPTH ? 2 * (uint64_t)asked->k : RETRIEVE_DEPTH;
    lh_json_set_string(arena, body, "index", asked->indexes[at]);
    lh_json_set_string(arena, body, "query", r->run->query);
    lh_json_set_string(arena, body, "mode", lh_str_from(mode));
    lh_json_set_uint(arena, body, "k", depth);
    if (asked->filter) lh_json_set(arena, body, "filter", lh_json_copy(arena, asked->filter));
    lh_json_set(arena, body, "columns",
                lh_json_is_null(asked->columns) ? lh_json_new_array(arena) : lh_json_copy(arena, asked->columns));
    LH_TRY(lh_arena_check(arena, err));
    return lh_vector_search(r->run->rag->vector, body, &r->run->caller->reader, arena, ret, err);
}

static void retrieve_note_dataset(rag_run *run, lh_str dataset) {
    for (lh_json_iter it = lh_json_each(run->datasets); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), dataset)) return;
    lh_json_append(run->datasets, lh_json_new_string(run->arena, dataset));
}

static retrieve_hit *retrieve_find(retrieve *r, size_t at, const lh_json *item) {
    int64_t chunk = lh_json_int(lh_json_get(item, "chunk"), 0);
    const lh_json *id = lh_json_get(item, "id");
    for (size_t i = 0; i < r->count; i++) {
        rag_passage *p = &r->hits[i].passage;
        if (p->at == at && p->chunk == chunk && lh_json_equal(p->id, id)) return &r->hits[i];
    }
    if (r->count == r->room) return NULL;
    retrieve_hit *hit = &r->hits[r->count];
    hit->order = r->count++;
    hit->passage = (rag_passage){.at = at,
                                 .id = id,
                                 .columns = lh_json_get(item, "columns"),
                                 .chunk = chunk,
                                 .start = lh_json_int(lh_json_get(item, "start"), 0),
                                 .end = lh_json_int(lh_json_get(item, "end"), 0),
                                 .text = lh_json_get_string(item, "text")};
    return hit;
}

/* Of l2 the squared distance, which of vectors of length 1 is 2 - 2 cos. */
static bool retrieve_is_near(const retrieve *r, double score) {
    if (lh_str_eq(r->metric, LH_STR("l2"))) score = 1 - score / 2;
    return score >= r->run->asked.min_score;
}

static void retrieve_add(retrieve *r, size_t at, bool by_vector, const lh_json *found) {
    lh_str dataset = lh_json_get_string(found, "dataset");
    retrieve_note_dataset(r->run, dataset);
    for (lh_json_iter it = lh_json_each(lh_json_get(found, "items")); lh_json_next(&it);) {
        retrieve_hit *hit = retrieve_find(r, at, it.value);
        if (!hit) return;
        hit->passage.dataset = dataset;
        hit->passage.score += 1.0 / (double)(RETRIEVE_RRF_K + it.index + 1);
        hit->near = hit->near || (by_vector && retrieve_is_near(r, lh_json_real(lh_json_get(it.value, "score"), 0)));
    }
}

static lh_code retrieve_index(retrieve *r, size_t at, lh_error *err) {
    rag_run *run = r->run;
    rag_mode mode = run->asked.mode;
    lh_json *found = NULL, *index = NULL;
    if (mode != RAG_TEXT) {
        LH_TRY(retrieve_search(r, at, mode == RAG_EXACT ? "exact" : "hnsw", &found, err));
        LH_TRY(lh_vector_index_get(run->rag->vector, run->asked.indexes[at], &run->caller->reader, run->arena, &index,
                                   err));
        r->metric = lh_json_get_string(index, "metric");
        retrieve_add(r, at, true, found);
    }
    if (mode != RAG_TEXT && mode != RAG_HYBRID) return LH_OK;
    LH_TRY(retrieve_search(r, at, "text", &found, err));
    retrieve_add(r, at, false, found);
    return LH_OK;
}

/* ---- of use ---- */

static lh_code retrieve_judge(retrieve *r, lh_error *err) {
    rag_run *run = r->run;
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        retrieve_hit *hit = &r->hits[i];
        rag_words words = {0};
        if (!hit->near && r->words.count)
            LH_TRY(rag_words_of(run->terms, hit->passage.text, RAG_WORDS_ALL, run->arena, &words, err));
        double share = words.count ? rag_words_share(&words, &r->words) : 0;
        hit->half = !hit->near && share <= RETRIEVE_SHARE;
        if (hit->near || share >= RETRIEVE_SHARE) r->hits[kept++] = *hit;
    }
    r->count = kept;
    return LH_OK;
}

static int retrieve_compare(const void *a, const void *b) {
    const retrieve_hit *x = a, *y = b;
    if (x->half != y->half) return x->half - y->half;
    if (x->passage.score != y->passage.score) return x->passage.score < y->passage.score ? 1 : -1;
    return (x->order > y->order) - (x->order < y->order);
}

static lh_code retrieve_rerank(retrieve *r, lh_error *err) {
    rag_run *run = r->run;
    lh_ai_call call = rag_call(run);
    lh_ai_ranking got;
    if (!run->asked.rerank) return LH_OK;
    call.model = lh_json_get_string(run->asked.rerank, "model");
    if (!lh_ai_has(run->rag->ai, LH_AI_RERANK, &call)) { /* as of a search */
        if (call.model.len)
            return lh_fail(err, LH_UNAVAILABLE, "no model that reranks is configured: ai.rerank_provider says which");
        rag_warn(run, LH_VECTOR_UNRANKED);
        return LH_OK;
    }
    if (r->count > RETRIEVE_RERANKED) r->count = RETRIEVE_RERANKED;
    if (r->count == 0) return LH_OK;
    lh_str *texts = LH_ARENA_ARRAY(run->arena, lh_str, r->count);
    retrieve_hit *ranked = LH_ARENA_ARRAY(run->arena, retrieve_hit, r->count);
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < r->count; i++) texts[i] = lh_str_cut_utf8(r->hits[i].passage.text, LH_LIMIT_AI_TEXT_BYTES);
    LH_TRY(lh_ai_rerank(run->rag->ai, &call, run->query, texts, r->count, 0, run->arena, &got, err));
    for (size_t i = 0; i < got.count; i++) {
        ranked[i] = r->hits[got.scores[i].document];
        ranked[i].passage.score = got.scores[i].score;
    }
    r->hits = ranked;
    r->count = got.count;
    return LH_OK;
}

/* ---- one passage of several hits ---- */

static lh_str retrieve_skip(lh_str text, int64_t characters) {
    size_t at = 0;
    for (; at < text.len && characters > 0; characters--) {
        at++;
        while (at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80) at++;
    }
    return lh_str_sub(text, at, text.len);
}

lh_str rag_join(lh_str a, int64_t a_start, int64_t a_end, lh_str b, int64_t b_start, int64_t b_end, lh_arena *arena) {
    if (b_start < a_start) return rag_join(b, b_start, b_end, a, a_start, a_end, arena);
    if (b_start > a_end) return LH_STR_NONE;
    if (b_end <= a_end) return a;
    lh_str rest = retrieve_skip(b, a_end - b_start);
    char *joined = lh_arena_alloc(arena, a.len + rest.len + 1);
    if (!joined) return LH_STR_NONE;
    if (a.len) memcpy(joined, a.ptr, a.len);
    if (rest.len) memcpy(joined + a.len, rest.ptr, rest.len);
    return (lh_str){joined, a.len + rest.len};
}

/* Makes `more` a part of the passage, when both are of one row and touch. */
static bool retrieve_grow(rag_run *run, rag_passage *p, const rag_passage *more) {
    if (p->at != more->at || !lh_json_equal(p->id, more->id)) return false;
    lh_str joined = rag_join(p->text, p->start, p->end, more->text, more->start, more->end, run->arena);
    if (joined.len == 0) return false;
    p->text = joined;
    if (more->chunk < p->chunk) p->chunk = more->chunk;
    if (more->start < p->start) p->start = more->start;
    if (more->end > p->end) p->end = more->end;
    return true;
}

/* Is the hit's text in a passage already, or does it go on with one of the same row? */
static bool retrieve_is_taken(rag_run *run, const rag_passage *hit) {
    for (size_t i = 0; i < run->passage_count; i++)
        if (lh_str_eq(run->passages[i].text, hit->text) || retrieve_grow(run, &run->passages[i], hit)) return true;
    return false;
}

/* Passages that have grown until they touch. */
static void retrieve_close_gaps(rag_run *run) {
    for (size_t i = 0; i < run->passage_count; i++) {
        for (size_t k = i + 1; k < run->passage_count;) {
            if (!retrieve_grow(run, &run->passages[i], &run->passages[k])) {
                k++;
                continue;
            }
            memmove(&run->passages[k], &run->passages[k + 1], (run->passage_count - k - 1) * sizeof *run->passages);
            run->passage_count--;
            run->dropped++;
            k = i + 1; /* it may touch one that was looked at */
        }
    }
}

/* The first k texts; further ones only where they go on with one of these. */
static lh_code retrieve_take(retrieve *r, lh_error *err) {
    rag_run *run = r->run;
    size_t most = r->count < 2 * (size_t)run->asked.k ? r->count : 2 * (size_t)run->asked.k;
    run->passages = LH_ARENA_ARRAY(run->arena, rag_passage, run->asked.k);
    LH_TRY(lh_arena_check(run->arena, err));
    for (size_t i = 0; i < most; i++) {
        bool taken = retrieve_is_taken(run, &r->hits[i].passage);
        if (taken && i < run->asked.k) run->dropped++;
        if (!taken && run->passage_count < run->asked.k) run->passages[run->passage_count++] = r->hits[i].passage;
    }
    retrieve_close_gaps(run);
    for (size_t i = 0; i < run->passage_count; i++) {
        rag_passage *p = &run->passages[i];
        LH_TRY(rag_neutral(p->text, LH_STR_NONE, run->arena, &p->shown, err));
    }
    return lh_arena_check(run->arena, err);
}

lh_code rag_retrieve(rag_run *run, lh_error *err) {
    retrieve r = {.run = run, .room = RAG_INDEXES_MAX * 2 * 2 * RAG_K_MAX};
    LH_CLEANUP(lh_free_pointer) retrieve_hit *hits = calloc(r.room, sizeof *hits);
    if (!hits) return lh_fail(err, LH_NO_MEMORY, "rag: out of memory");
    r.hits = hits;
    LH_TRY(rag_words_of(run->terms, run->query, RAG_WORDS_CONTENT, run->arena, &r.words, err));
    for (size_t i = 0; i < run->asked.index_count; i++) LH_TRY(retrieve_index(&r, i, err));
    LH_TRY(retrieve_judge(&r, err));
    qsort(r.hits, r.count, sizeof *r.hits, retrieve_compare);
    LH_TRY(retrieve_rerank(&r, err));
    return retrieve_take(&r, err);
}
