/* ICU's iterator over a text that stays where it is. */
#include "base/base.h"

#include <stdio.h>
#include <unicode/ubrk.h>
#include <unicode/uloc.h>
#include <unicode/utext.h>

struct lh_breaks { /* all owned */
    UBreakIterator *iterator;
    UText *text;
};

/* ICU has the rules of all languages for one that it does not know, and for what is none: a slip of the pen would go unseen. Of
 * words it may, for indexes that were made with such a locale are searched still. */
static bool breaks_is_locale(const char *name) {
    UErrorCode status = U_ZERO_ERROR;
    char language[16];
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_' ||
              *c == '-'))
            return false;
    int32_t length = uloc_getLanguage(name, language, sizeof language, &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING) return false;
    return length == 0 || strcmp(language, "root") == 0 || uloc_getISO3Language(name)[0] != 0;
}

lh_code lh_breaks_new(lh_breaks_kind kind, lh_str locale, lh_breaks **ret, lh_error *err) {
    LH_CLEANUP(lh_breaks_freep) lh_breaks *breaks = calloc(1, sizeof *breaks);
    UErrorCode status = U_ZERO_ERROR;
    char name[64], with_abbreviations[96];
    if (!breaks) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    LH_TRY(lh_str_to_cstr(locale, name, sizeof name, err));
    if (kind == LH_BREAKS_SENTENCES && !breaks_is_locale(name))
        return lh_fail(err, LH_INVALID, "there is no language of the locale '%.*s': say one like en, de_AT or root",
                       LH_STR_ARG(locale));
    (void)snprintf(with_abbreviations, sizeof with_abbreviations, "%s@ss=standard",
                   name); /* no sentence ends with "Mr." */
    breaks->iterator = kind == LH_BREAKS_WORDS ? ubrk_open(UBRK_WORD, name, NULL, 0, &status)
                                               : ubrk_open(UBRK_SENTENCE, with_abbreviations, NULL, 0, &status);
    if (U_FAILURE(status)) return lh_fail(err, LH_INTERNAL, "the rules of the locale '%s' cannot be opened", name);
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
