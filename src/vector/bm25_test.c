/* Searches against the formula written out over all documents, of texts that were written and of many that chance wrote. */
#include "base/test.h"
#include "vector/vector_internal.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    lh_str *texts;
    size_t count;
} docs;

static lh_str doc_text(const void *ctx, size_t document) { return ((const docs *)ctx)->texts[document]; }

static vector_bm25 *build(const docs *d, lh_str locale) {
    const vector_documents documents = {d->count, doc_text, d};
    vector_bm25 *bm25 = NULL;
    lh_error err = {0};
    CHECK_OK(vector_bm25_build(&documents, locale, NULL, &bm25, &err));
    return bm25;
}

static uint32_t search(const vector_bm25 *bm25, lh_str text, uint32_t k, vector_bm25_hit *hits) {
    const vector_bm25_query query = {.text = text, .k = k};
    uint32_t count = 0;
    lh_error err = {0};
    CHECK_OK(vector_bm25_search(bm25, &query, hits, &count, &err));
    return count;
}

/* ---- the formula ---- */

enum { TRUE_TERMS = 4000, TRUE_BYTES = 32 };
typedef struct {
    char terms[TRUE_TERMS][TRUE_BYTES];
    size_t count;
} true_terms;

static void read_terms(lh_str locale, lh_str text, true_terms *ret) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    lh_error err = {0};
    lh_str word;
    ret->count = 0;
    CHECK_OK(lh_terms_new(locale, &terms, &err));
    CHECK_OK(lh_terms_begin(terms, text, &err));
    while (lh_terms_next(terms, text, &word))
        CHECK_OK(lh_str_to_cstr(lh_terms_of(terms, word), ret->terms[ret->count++], TRUE_BYTES, &err));
}

static size_t times(const true_terms *in, const char *term) {
    size_t count = 0;
    for (size_t i = 0; i < in->count; i++) count += strcmp(in->terms[i], term) == 0;
    return count;
}

static bool allows(const uint64_t *allowed, size_t document) {
    return !allowed || (allowed[document / 64] >> (document % 64) & 1);
}

/* The score of each document that is allowed; statistics of those `counted` lets in. -1: no word of the query, or not allowed. */
static void score_all(const true_terms *of, size_t count, const true_terms *query, const uint64_t *allowed,
                      const uint64_t *counted, double *scores) {
    double documents = 0, length = 0;
    for (size_t d = 0; d < count; d++) {
        scores[d] = -1;
        if (allows(counted, d)) documents++, length += (double)of[d].count;
    }
    for (size_t q = 0; q < query->count; q++) { /* a word that the query has twice counts twice */
        double having = 0;
        for (size_t d = 0; d < count; d++) having += allows(counted, d) && times(&of[d], query->terms[q]) > 0;
        double idf = log(1 + (documents - having + 0.5) / (having + 0.5));
        for (size_t d = 0; d < count; d++) {
            double tf = (double)times(&of[d], query->terms[q]);
            if (tf == 0 || !allows(allowed, d)) continue;
            scores[d] = fmax(scores[d], 0) +
                        idf * tf / (tf + 1.2 * (1 - 0.75 + 0.75 * (double)of[d].count * documents / length));
        }
    }
}

/* hits are the k best by scores; sums may be of another order. */
static void check_hits(const double *scores, size_t count, const vector_bm25_hit *hits, uint32_t hit_count,
                       uint32_t k) {
    size_t found = 0;
    for (size_t d = 0; d < count; d++) found += scores[d] >= 0;
    CHECK(hit_count == (found < k ? found : k));
    for (uint32_t i = 0; i < hit_count; i++) {
        CHECK(fabs(hits[i].score - scores[hits[i].document]) < 1e-9);
        if (i > 0)
            CHECK(hits[i - 1].score > hits[i].score ||
                  (hits[i - 1].score == hits[i].score && hits[i - 1].document < hits[i].document));
    }
    for (size_t d = 0; d < count && hit_count; d++) {
        bool among = false;
        for (uint32_t i = 0; i < hit_count; i++) among = among || hits[i].document == d;
        CHECK(among || scores[d] < hits[hit_count - 1].score + 1e-9);
    }
}

static void test_bm25__scores_are_those_of_the_formula(void) {
    enum { DOCS = 300, K = 20 };
    static const char *const words[] = {"nurse", "Nurses", "care", "caring", "the",  "of", "welder", "ships",
                                        "SQL",   "2019",   "icu",  "straße", "日本", "a",  "rare",   "once"};
    static true_terms of[DOCS], query_terms;
    static char bytes[DOCS][512];
    lh_str texts[DOCS];
    vector_bm25_hit hits[K];
    double scores[DOCS];
    srand(6);
    for (size_t d = 0; d < DOCS; d++) {
        size_t used = 0, length = (size_t)rand() % 40;
        for (size_t i = 0; i < length; i++) { /* the first ones more often */
            size_t word = (size_t)(rand() % 16 * (rand() % 16)) / 16;
            used += (size_t)snprintf(bytes[d] + used, sizeof bytes[d] - used, "%s%s", words[word], i % 7 ? " " : ". ");
        }
        texts[d] = (lh_str){bytes[d], used};
        read_terms(LH_STR("en"), texts[d], &of[d]);
    }
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *bm25 = build(&(docs){texts, DOCS}, LH_STR("en"));
    for (int round = 0; round < 60; round++) {
        uint64_t allowed[DOCS / 64 + 1];
        char text[200];
        uint32_t count, k = 1 + (uint32_t)rand() % K;
        for (size_t i = 0; i < DOCS / 64 + 1; i++)
            allowed[i] = ((uint64_t)rand() << 40) ^ ((uint64_t)rand() << 20) ^ (uint64_t)rand();
        int length =
            snprintf(text, sizeof text, "%s %s unheard %s", words[rand() % 16], words[rand() % 16], words[rand() % 16]);
        for (int way = 0; way < 3; way++) { /* all; a filter; a part that is all there is */
            const vector_bm25_query query = {
                .text = {text, (size_t)length}, .k = k, .allowed = way ? allowed : NULL, .allowed_alone = way == 2};
            lh_error err = {0};
            read_terms(LH_STR("en"), query.text, &query_terms);
            score_all(of, DOCS, &query_terms, query.allowed, way == 2 ? allowed : NULL, scores);
            CHECK_OK(vector_bm25_search(bm25, &query, hits, &count, &err));
            check_hits(scores, DOCS, hits, count, k);
        }
    }
}

static void test_bm25__what_is_not_there_is_not_found(void) {
    lh_str texts[] = {LH_STR("One nurse."), LH_STR(""), LH_STR("…")};
    vector_bm25_hit hits[3];
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *bm25 = build(&(docs){texts, 3}, LH_STR("en"));
    CHECK(search(bm25, LH_STR("welder"), 3, hits) == 0);
    CHECK(search(bm25, LH_STR(""), 3, hits) == 0 && search(bm25, LH_STR("?!"), 3, hits) == 0);
    CHECK(search(bm25, LH_STR("nursing"), 3, hits) == 1 && hits[0].document == 0 && hits[0].score > 0);
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *none = build(&(docs){NULL, 0}, LH_STR("en"));
    CHECK(search(none, LH_STR("nurse"), 3, hits) == 0);
}

static void test_bm25__equal_scores_are_in_order_and_across_windows(void) {
    enum { DOCS = 20000 };
    static lh_str texts[DOCS];
    static vector_bm25_hit hits[DOCS];
    for (size_t i = 0; i < DOCS; i++) texts[i] = i % 5000 == 4999 ? LH_STR("needle hay") : LH_STR("straw hay");
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *bm25 = build(&(docs){texts, DOCS}, LH_STR("en"));
    CHECK(search(bm25, LH_STR("needle"), 3, hits) == 3);
    CHECK(hits[0].document == 4999 && hits[1].document == 9999 && hits[2].document == 14999);
    CHECK(search(bm25, LH_STR("hay needle"), DOCS, hits) == DOCS && hits[3].document == 19999 && hits[4].document == 0);
    for (uint32_t i = 5; i < DOCS; i++) CHECK(hits[i].document > hits[i - 1].document);
}

/* What is hidden changes nothing of what is told: not that there is more of it, nor what words it has. */
static void test_bm25__twins_that_differ_in_what_is_hidden_are_told_the_same(void) {
    lh_str one[] = {LH_STR("nurse of ships"), LH_STR("nurse nurse"), LH_STR("ships sail far and wide"),
                    LH_STR("welder")};
    lh_str other[] = {LH_STR("nurse of ships"),
                      LH_STR("nurse nurse"),
                      LH_STR("ships sail far and wide"),
                      LH_STR("ships ships and more ships"),
                      LH_STR("a text that is quite long"),
                      LH_STR("ships")};
    const uint64_t allowed = 7;
    vector_bm25_hit hits[2][6];
    uint32_t counts[2];
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *first = build(&(docs){one, 4}, LH_STR("en"));
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *second = build(&(docs){other, 6}, LH_STR("en"));
    vector_bm25_query query = {
        .text = LH_STR("nurse ships welder quite"), .k = 6, .allowed = &allowed, .allowed_alone = true};
    CHECK(vector_bm25_search(first, &query, hits[0], &counts[0], NULL) == LH_OK);
    CHECK(vector_bm25_search(second, &query, hits[1], &counts[1], NULL) == LH_OK);
    CHECK(counts[0] == 3 && counts[1] == 3);
    for (uint32_t i = 0; i < 3; i++)
        CHECK(hits[0][i].document == hits[1][i].document && hits[0][i].score == hits[1][i].score);
    query.allowed_alone = false; /* of a filter all texts count: then they do differ */
    CHECK(vector_bm25_search(second, &query, hits[1], &counts[1], NULL) == LH_OK);
    CHECK(counts[1] == 3 && hits[0][0].score != hits[1][0].score);
}

static void test_bm25__too_many_words_are_refused_whether_or_not_they_are_there(void) {
    lh_str texts[] = {LH_STR("word7")};
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *bm25 = build(&(docs){texts, 1}, LH_STR("en"));
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 20);
    vector_bm25_hit hits[1];
    uint32_t count = 0;
    lh_error err = {0};
    for (int i = 0; i < VECTOR_QUERY_TERMS_MAX; i++) lh_buf_printf(&text, "word%d word%d ", i, i);
    CHECK(search(bm25, lh_buf_str(&text), 1, hits) == 1);
    lh_buf_append(&text, LH_STR("more"));
    const vector_bm25_query query = {.text = lh_buf_str(&text), .k = 1};
    CHECK(vector_bm25_search(bm25, &query, hits, &count, &err) == LH_LIMIT && strstr(err.message, "1024"));
}

static void test_bm25__cancelled_and_bad_locales_are_errors(void) {
    lh_str texts[] = {LH_STR("nurse")};
    const docs d = {texts, 1};
    const vector_documents documents = {1, doc_text, &d};
    const _Atomic bool cancelled = true;
    vector_bm25 *bm25 = NULL;
    vector_bm25_hit hits[1];
    uint32_t count = 0;
    CHECK(vector_bm25_build(&documents, LH_STR("en"), &cancelled, &bm25, NULL) == LH_CANCELLED && !bm25);
    CHECK(vector_bm25_build(&documents, LH_STR("e\0n"), NULL, &bm25, NULL) == LH_INVALID && !bm25);
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *good = build(&d, LH_STR("en"));
    const vector_bm25_query query = {.text = LH_STR("nurse"), .k = 1, .cancelled = &cancelled};
    CHECK(vector_bm25_search(good, &query, hits, &count, NULL) == LH_CANCELLED && count == 0);
    CHECK(vector_bm25_bytes(good) > 0);
}

LH_TEST_MAIN(LH_TEST(test_bm25__scores_are_those_of_the_formula), LH_TEST(test_bm25__what_is_not_there_is_not_found),
             LH_TEST(test_bm25__equal_scores_are_in_order_and_across_windows),
             LH_TEST(test_bm25__twins_that_differ_in_what_is_hidden_are_told_the_same),
             LH_TEST(test_bm25__too_many_words_are_refused_whether_or_not_they_are_there),
             LH_TEST(test_bm25__cancelled_and_bad_locales_are_errors))
