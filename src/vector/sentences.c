/* Sentences as Unicode tells them apart (UAX 29, by ICU, with the rules of a locale). */
#include "vector/vector_internal.h"

#include <unicode/ubrk.h>
#include <unicode/utext.h>

struct lh_sentences { /* all owned */
    UBreakIterator *breaks;
    UText *text;
};

lh_code lh_sentences_new(lh_str locale, lh_sentences **ret, lh_error *err) {
    LH_CLEANUP(lh_sentences_freep) lh_sentences *sentences = calloc(1, sizeof *sentences);
    UErrorCode status = U_ZERO_ERROR;
    char name[64];
    if (!sentences) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    LH_TRY(lh_str_to_cstr(locale, name, sizeof name, err));
    sentences->breaks = ubrk_open(UBRK_SENTENCE, name, NULL, 0, &status);
    if (U_FAILURE(status)) return lh_fail(err, LH_INVALID, "no rules for text of the locale '%s'", name);
    *ret = lh_take(&sentences);
    return LH_OK;
}

void lh_sentences_free(lh_sentences *sentences) {
    if (!sentences) return;
    if (sentences->breaks) ubrk_close(sentences->breaks);
    utext_close(sentences->text);
    free(sentences);
}

lh_code lh_sentences_begin(lh_sentences *sentences, lh_str text, lh_error *err) {
    UErrorCode status = U_ZERO_ERROR;
    sentences->text = utext_openUTF8(sentences->text, text.len ? text.ptr : "", (int64_t)text.len, &status);
    ubrk_setUText(sentences->breaks, sentences->text, &status);
    return U_SUCCESS(status) ? LH_OK : lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
}

bool lh_sentences_next(lh_sentences *sentences, lh_str text, lh_str *ret) {
    int32_t start = ubrk_current(sentences->breaks), end = ubrk_next(sentences->breaks);
    if (end == UBRK_DONE) return false;
    *ret = lh_str_sub(text, (size_t)start, (size_t)end - (size_t)start);
    return true;
}
