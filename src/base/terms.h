/* Text into terms (terms.c): two words of one term are the same for a search, or in a question. */
#ifndef LH_BASE_TERMS_H
#define LH_BASE_TERMS_H
#include "base/str.h"

/* Of one thread at a time. locale: whose rules tell words apart, and whose stems they have. Owned: lh_terms_free(). Errors: INVALID
 * (locale), NO_MEMORY. */
typedef struct lh_terms lh_terms;
LH_MUST_CHECK lh_code lh_terms_new(lh_str locale, lh_terms **ret, lh_error *err);
void lh_terms_free(lh_terms *terms); /* NULL is fine */
static inline void lh_terms_freep(lh_terms **terms) { lh_terms_free(*terms); }
/* Then the words of the text, one after the other, borrowed from it. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code lh_terms_begin(lh_terms *terms, lh_str text, lh_error *err);
bool lh_terms_next(lh_terms *terms, lh_str text, lh_str *ret_word);
/* The term of a word: case and compatibility folded, then its stem. Borrowed until the next. Empty: it has none. */
lh_str lh_terms_of(lh_terms *terms, lh_str word);
/* The same without the stem. */
lh_str lh_terms_fold(lh_terms *terms, lh_str word);
bool lh_terms_is_capital(lh_str word); /* does it begin with a capital, of any script? */
#endif
