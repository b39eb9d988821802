/* lh_str: bytes with a length, passed by value; may hold NUL; borrowed unless said otherwise. */
#ifndef LH_BASE_STR_H
#define LH_BASE_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct lh_str {
    const char *ptr; /* NULL only when len is 0 */
    size_t len;
} lh_str;

/* A string literal, all its bytes. */
#define LH_STR(literal) ((lh_str){"" literal, sizeof(literal) - 1})
#define LH_STR_NONE ((lh_str){NULL, 0})
/* For "%.*s". */
#define LH_STR_ARG(s) (int)(s).len, ((s).ptr ? (s).ptr : "")

lh_str lh_str_from(const char *cstr); /* borrowed; NULL gives the empty string */
bool lh_str_eq(lh_str a, lh_str b);
int lh_str_cmp(lh_str a, lh_str b); /* by bytes, shorter first */
int lh_str_order(const void *a, const void *b); /* the same of two lh_str, for qsort() and bsearch() */
bool lh_str_is_in(lh_str s, const char *const *list, size_t count); /* of a list in that order */
bool lh_str_starts(lh_str s, lh_str prefix);
bool lh_str_ends(lh_str s, lh_str suffix);
/* Equal but for the case of ASCII letters. */
bool lh_str_eq_nocase(lh_str a, lh_str b);
/* The part from `from` (clamped) on, at most `len` bytes. */
lh_str lh_str_sub(lh_str s, size_t from, size_t len);
lh_str lh_str_trim(lh_str s); /* without ASCII white space at both ends */
/* Index of the first `c`, or s.len. */
size_t lh_str_find(lh_str s, char c);
/* Index behind the last `c`, or 0: of a path's '/', where its last name begins. */
size_t lh_str_after_last(lh_str s, char c);
/* Index of the first `needle`, or SIZE_MAX. */
size_t lh_str_search(lh_str s, lh_str needle);
/* Cuts *rest at the first `separator`: returns what is before it, leaves what is after it. */
lh_str lh_str_split(lh_str *rest, char separator);

/* Copies to the heap. Owned: *ret is freed with lh_str_free(); also NUL-terminated. Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code lh_str_dup(lh_str s, lh_str *ret);
void lh_str_free(lh_str s);
static inline bool lh_is_digit(int c) { return c >= '0' && c <= '9'; } /* of ASCII, whatever the locale */
static inline void lh_str_freep(lh_str *s) {
    lh_str_free(*s);
    *s = LH_STR_NONE;
}
/* Copies into `into` with a NUL. Errors: INVALID (an inner NUL), LIMIT (does not fit). */
LH_MUST_CHECK lh_code lh_str_to_cstr(lh_str s, char *into, size_t into_bytes, lh_error *err);

/* Decimal digits only (an optional '-' for i64), whole string, no overflow. Errors: INVALID. */
LH_MUST_CHECK lh_code lh_str_to_u64(lh_str s, uint64_t *ret);
LH_MUST_CHECK lh_code lh_str_to_i64(lh_str s, int64_t *ret);
bool lh_str_is_utf8(lh_str s); /* RFC 3629: no overlong form, no surrogate */
/* The bytes from `at` (< s.len) that a terminal shows as one character, and its columns: 0 for a control character. A byte that
 * is no UTF-8 is one of width 1. */
size_t lh_str_cluster(lh_str s, size_t at, size_t *ret_width);
size_t lh_str_width(lh_str s);                      /* columns */
size_t lh_str_utf8_prefix(lh_str s);                /* bytes of `s` up to the first that is not UTF-8 */
lh_str lh_str_cut_utf8(lh_str s, size_t max_bytes); /* the first max_bytes at most, cut between characters */
void lh_error_set_name(lh_error *err, lh_str name); /* cut at a character; NULL is fine */
/* Levenshtein distance of the first 64 bytes: for "did you mean". */
size_t lh_str_distance(lh_str a, lh_str b);
#endif
