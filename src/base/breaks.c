/* ICU's iterator over a text that stays where it is. */
#include "base/base.h"

#include <unicode/ubrk.h>
#include <unicode/utext.h>

struct lh_breaks { /* all owned */
    UBreakIterator *iterator;
    UText *text;
};

lh_code lh_breaks_new(lh_breaks_kind kind, lh_str locale, lh_breaks **ret, lh_error *err) {
    LH_CLEANUP(lh_breaks_freep) lh_breaks *breaks = calloc(1, sizeof *breaks);
    UErrorCode status = U_ZERO_ERROR;
    char name[64];
    if (!breaks) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    LH_TRY(lh_str_to_cstr(locale, name, sizeof name, err));
    breaks->iterator = ubrk_open(kind == LH_BREAKS_WORDS ? UBRK_WORD : UBRK_SENTENCE, name, NULL, 0, &status);
    if (U_FAILURE(status))
        return lh_fail(err, LH_INVALID, "no rules for %s of the locale '%s'",
                       kind == LH_BREAKS_WORDS ? "words" : "text", name);
    *ret = lh_take(&breaks);
    return LH_OK;
}

void lh_breaks_free(lh_breaks *breaks) {
    if (!breaks) return;
    if (breaks->iterator) ubrk_close(breaks->iterator);
    utext_close(breaks->text);
    free(breaks);
}

lh_code lh_breaks_begin(lh_breaks *breaks, lh_str text, lh_error *err) {
    UErrorCode status = U_ZERO_ERROR;
    breaks->text = utext_openUTF8(breaks->text, text.len ? text.ptr : "", (int64_t)text.len, &status);
    ubrk_setUText(breaks->iterator, breaks->text, &status);
    return U_SUCCESS(status) ? LH_OK : lh_fail(err, LH_NO_MEMORY, "out of memory");
}

bool lh_breaks_next(lh_breaks *breaks, lh_str text, lh_str *ret) {
    int32_t start = ubrk_current(breaks->iterator), end = ubrk_next(breaks->iterator);
    if (end == UBRK_DONE) return false;
    *ret = lh_str_sub(text, (size_t)start, (size_t)end - (size_t)start);
    return true;
}

bool lh_breaks_is_word(const lh_breaks *breaks) {
    return ubrk_getRuleStatus(breaks->iterator) >= UBRK_WORD_NONE_LIMIT;
}
