/* lh_buf: a growing byte buffer on the heap with a cap given at creation. Appending
 * past the cap fails with LIMIT and stays failed; check once at the end. */
#ifndef LH_BASE_BUF_H
#define LH_BASE_BUF_H
#include "base/str.h"

typedef struct lh_buf {
    char *ptr;
    size_t len, room_bytes, cap_bytes;
    lh_code failed;
} lh_buf;

#define LH_BUF_INIT(cap) ((lh_buf){.cap_bytes = (cap)})
void lh_buf_done(lh_buf *buf);  /* frees; LH_CLEANUP(lh_buf_done) */
void lh_buf_clear(lh_buf *buf); /* empties, keeps memory, forgets a failure */
void lh_buf_append(lh_buf *buf, lh_str s);
void lh_buf_char(lh_buf *buf, char c);
void lh_buf_printf(lh_buf *buf, const char *format, ...) LH_PRINTF(2, 3);
/* Makes room for `size_bytes` more and returns where to write them (then add to len); NULL on failure. */
char *lh_buf_reserve(lh_buf *buf, size_t size_bytes);
/* Appends `s` as a JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
void lh_buf_json_string(lh_buf *buf, lh_str s);
/* Appends `s` with its letters taken apart (NFD) and their nonspacing marks left out; what is not UTF-8 as it is. */
void lh_buf_without_marks(lh_buf *buf, lh_str s);
/* Appends `name` as a SQL identifier in double quotes, inner quotes doubled. The one quoting function. */
void lh_buf_sql_identifier(lh_buf *buf, lh_str name);
/* Appends `s` as a SQL string literal. Only for options that cannot be bound. */
void lh_buf_sql_string(lh_buf *buf, lh_str s);
static inline lh_str lh_buf_str(const lh_buf *buf) { return (lh_str){buf->ptr, buf->len}; }
/* OK, or LIMIT / NO_MEMORY of the first append that failed. */
LH_MUST_CHECK lh_code lh_buf_check(const lh_buf *buf, lh_error *err);
#endif
