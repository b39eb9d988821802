/* Where the sentences or the words of a text begin and end, as Unicode has it (UAX 29, by ICU, with the rules of a locale). */
#ifndef LH_BASE_BREAKS_H
#define LH_BASE_BREAKS_H
#include "base/str.h"

/* Of one thread at a time. Owned: lh_breaks_free(). Errors: INVALID (locale), NO_MEMORY. */
typedef struct lh_breaks lh_breaks;
typedef enum { LH_BREAKS_SENTENCES, LH_BREAKS_WORDS } lh_breaks_kind;
LH_MUST_CHECK lh_code lh_breaks_new(lh_breaks_kind kind, lh_str locale, lh_breaks **ret, lh_error *err);
void lh_breaks_free(lh_breaks *breaks); /* NULL is fine */
static inline void lh_breaks_freep(lh_breaks **breaks) { lh_breaks_free(*breaks); }
/* Then the pieces of the text, one after the other, all of it: sentences with the white space behind them, and of words also what
 * stands between them. Borrowed from the text. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code lh_breaks_begin(lh_breaks *breaks, lh_str text, lh_error *err);
bool lh_breaks_next(lh_breaks *breaks, lh_str text, lh_str *ret);
bool lh_breaks_is_word(const lh_breaks *breaks); /* the last piece: letters, numbers, or the like */
#endif
