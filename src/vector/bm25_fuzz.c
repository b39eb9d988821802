/* Any texts, a line each, searched for the words of the first: each text that has one of its terms is found, and no other. The first
 * byte says in which language. */
#include "vector/vector_internal.h"

#include <assert.h>
#include <math.h>

enum { LINES_MAX = 200 };
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lh_str line_text(const void *ctx, size_t document) { return ((const lh_str *)ctx)[document]; }

/* Has the line a term of the query? */
static bool shares(lh_terms *terms, lh_terms *other, lh_str query, lh_str line) {
    lh_str word, of_line;
    bool found = false;
    if (lh_terms_begin(terms, query, NULL) != LH_OK) return false;
    while (!found && lh_terms_next(terms, query, &word)) {
        lh_str term = lh_terms_of(terms, word);
        if (term.len == 0 || lh_terms_begin(other, line, NULL) != LH_OK) continue;
        while (!found && lh_terms_next(other, line, &of_line)) {
            assert(of_line.len > 0 && of_line.ptr >= line.ptr && of_line.ptr + of_line.len <= line.ptr + line.len);
            found = lh_str_eq(lh_terms_of(other, of_line), term);
        }
    }
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const locales[] = {"", "en", "de", "tr", "th", "ja", "ar", "pl"};
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *bm25 = NULL;
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL, *other = NULL;
    lh_str lines[LINES_MAX], rest;
    vector_bm25_hit hits[LINES_MAX];
    bool is_hit[LINES_MAX] = {false};
    size_t lines_count = 0;
    uint32_t count = 0;
    if (size < 2 || size > 4000) return 0;
    lh_str locale = lh_str_from(locales[data[0] % 8]);
    rest = (lh_str){(const char *)data + 1, size - 1};
    if (!lh_str_is_utf8(rest)) return 0;
    while (rest.len && lines_count < LINES_MAX) lines[lines_count++] = lh_str_split(&rest, '\n');
    const vector_documents documents = {lines_count, line_text, lines};
    const vector_bm25_query query = {.text = lines[0], .k = LINES_MAX};
    assert(lh_terms_new(locale, &terms, NULL) == LH_OK && lh_terms_new(locale, &other, NULL) == LH_OK);
    assert(vector_bm25_build(&documents, locale, NULL, &bm25, NULL) == LH_OK);
    if (vector_bm25_search(bm25, &query, hits, &count, NULL) != LH_OK) return 0; /* too many words */
    for (uint32_t i = 0; i < count; i++) {
        assert(hits[i].document < lines_count && !is_hit[hits[i].document]);
        assert(isfinite(hits[i].score) && hits[i].score >= 0 && (i == 0 || hits[i].score <= hits[i - 1].score));
        is_hit[hits[i].document] = true;
    }
    for (size_t i = 0; i < lines_count; i++) assert(is_hit[i] == shares(terms, other, lines[0], lines[i]));
    return 0;
}
