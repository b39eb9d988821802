/* The tokens of DuckDB's SQL, as its own scanner cuts them, or a refusal where two readers could differ. */
#ifndef LH_ENGINE_SQL_LEX_H
#define LH_ENGINE_SQL_LEX_H
#include "base/base.h"

typedef enum {
    LH_SQL_WORD,   /* unquoted identifier or keyword */
    LH_SQL_QUOTED, /* "identifier" */
    LH_SQL_STRING, /* 'text', E'text', $tag$text$tag$ */
    LH_SQL_NUMBER,
    LH_SQL_PARAM,  /* $1, $name */
    LH_SQL_SYMBOL, /* one operator character, or "::" ":=" "=>" */
} lh_sql_kind;

typedef struct lh_sql_token {
    uint32_t offset, len;
    uint8_t kind;
    uint16_t keyword;
} lh_sql_token; /* keyword: set by the guard */

typedef struct lh_sql_tokens {
    lh_sql_token *items;
    size_t count, room;
} lh_sql_tokens;
void lh_sql_tokens_done(lh_sql_tokens *tokens);

/* Cuts `sql` into tokens, comments and white space dropped. Owned: lh_sql_tokens_done(). Errors: INVALID with line and
 * column (open quote, NUL, control or non-ASCII space outside quotes, …), LIMIT (over LH_LIMIT_SQL_BYTES), NO_MEMORY. */
LH_MUST_CHECK lh_code lh_sql_tokenize(lh_str sql, lh_sql_tokens *ret, lh_error *err);
/* Puts line and column (both from 1; column in characters) of a byte offset into *err and returns `code`. */
lh_code lh_sql_fail_at(lh_str sql, size_t offset, lh_code code, lh_error *err);
void lh_sql_place(lh_str sql, size_t offset, uint64_t *ret_line, uint64_t *ret_column);
#endif
