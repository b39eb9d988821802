/* DuckDB's scanner in small. Where its scanner and this one could disagree on where a token ends, the text is
 * refused instead of guessed at: white space beyond ASCII (DuckDB replaces it before it scans, by simpler rules),
 * U&'…' escapes, numbers that run into a word, an E'…' string continued on the next line (its continuation still
 * knows backslashes). So whatever passes is cut the same way by both, and the guard sees what DuckDB will see. */
#include "engine/sql_lex.h"

typedef struct {
    lh_str sql;
    size_t at;
    lh_sql_tokens *tokens;
    lh_error *err;
} lexer;

void lh_sql_tokens_done(lh_sql_tokens *tokens) {
    free(tokens->items);
    *tokens = (lh_sql_tokens){0};
}

void lh_sql_place(lh_str sql, size_t offset, uint64_t *ret_line, uint64_t *ret_column) {
    uint64_t line = 1, column = 1;
    for (size_t i = 0; i < offset && i < sql.len; i++) {
        unsigned char c = (unsigned char)sql.ptr[i];
        if (c == '\n') line++, column = 1;
        else if ((c & 0xC0) != 0x80) column++;
    }
    *ret_line = line;
    *ret_column = column;
}

lh_code lh_sql_fail_at(lh_str sql, size_t offset, lh_code code, lh_error *err) {
    if (err) lh_sql_place(sql, offset, &err->line, &err->column);
    return code;
}

static lh_code lex_fail(lexer *lex, size_t at, const char *what) {
    return lh_sql_fail_at(lex->sql, at, lh_fail(lex->err, LH_INVALID, "SQL: %s", what), lex->err);
}

static unsigned char lex_peek(const lexer *lex, size_t ahead) {
    size_t at = lex->at + ahead;
    return at < lex->sql.len ? (unsigned char)lex->sql.ptr[at] : 0;
}

static bool is_word_start(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}
static bool is_word_part(unsigned char c) { return is_word_start(c) || lh_is_digit(c) || c == '$'; }
static bool is_space(unsigned char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

static lh_code lex_push(lexer *lex, size_t from, lh_sql_kind kind) {
    lh_sql_tokens *tokens = lex->tokens;
    if (tokens->count == tokens->room) {
        size_t room = tokens->room ? tokens->room * 2 : 64;
        lh_sql_token *items = realloc(tokens->items, room * sizeof *items);
        if (!items) return lh_fail(lex->err, LH_NO_MEMORY, "SQL: out of memory");
        tokens->items = items;
        tokens->room = room;
    }
    tokens->items[tokens->count++] =
        (lh_sql_token){.offset = (uint32_t)from, .len = (uint32_t)(lex->at - from), .kind = (uint8_t)kind};
    return LH_OK;
}

/* At "/" "*": comments nest. */
static lh_code lex_block_comment(lexer *lex) {
    size_t from = lex->at, depth = 0;
    while (lex->at < lex->sql.len) {
        if (lex_peek(lex, 0) == '/' && lex_peek(lex, 1) == '*') depth++, lex->at += 2;
        else if (lex_peek(lex, 0) == '*' && lex_peek(lex, 1) == '/') {
            lex->at += 2;
            if (--depth == 0) return LH_OK;
        } else lex->at++;
    }
    return lex_fail(lex, from, "a comment is not closed");
}

static lh_code lex_space(lexer *lex) {
    while (lex->at < lex->sql.len) {
        unsigned char c = lex_peek(lex, 0);
        if (is_space(c)) lex->at++;
        else if (c == '-' && lex_peek(lex, 1) == '-')
            while (lex->at < lex->sql.len && lex_peek(lex, 0) != '\n' && lex_peek(lex, 0) != '\r') lex->at++;
        else if (c == '/' && lex_peek(lex, 1) == '*') LH_TRY(lex_block_comment(lex));
        else break;
    }
    return LH_OK;
}

/* At the opening quote; ends behind the closing one. A doubled quote stands for itself. */
static lh_code lex_quoted(lexer *lex, size_t from, unsigned char quote, bool backslash, lh_sql_kind kind) {
    for (lex->at++; lex->at < lex->sql.len; lex->at++) {
        unsigned char c = lex_peek(lex, 0);
        if (backslash && c == '\\') lex->at++;
        else if (c == quote) {
            lex->at++;
            if (lex_peek(lex, 0) != quote || lex->at >= lex->sql.len) return lex_push(lex, from, kind);
        }
    }
    lex->at = lex->sql.len;
    return lex_fail(lex, from, quote == '"' ? "a quoted identifier is not closed" : "a string is not closed");
}

/* E'…' may not be followed by a string on a later line: DuckDB would read that one with backslashes too. */
static lh_code lex_escape_string(lexer *lex, size_t from) {
    LH_TRY(lex_quoted(lex, from, '\'', true, LH_SQL_STRING));
    size_t end = lex->at;
    LH_TRY(lex_space(lex));
    if (lex->at > end && lex_peek(lex, 0) == '\'')
        return lex_fail(lex, lex->at, "an E'…' string is continued by another string; write it as one");
    return LH_OK;
}

/* At '$': $1, $name, or $tag$…$tag$. */
static lh_code lex_dollar(lexer *lex) {
    size_t from = lex->at, end = from + 1;
    const char *p = lex->sql.ptr;
    size_t len = lex->sql.len;
    if (end < len && lh_is_digit((unsigned char)p[end])) {
        while (end < len && lh_is_digit((unsigned char)p[end])) end++;
        lex->at = end;
        if (end < len && is_word_part((unsigned char)p[end]))
            return lex_fail(lex, from, "a parameter number runs into a word");
        return lex_push(lex, from, LH_SQL_PARAM);
    }
    while (end < len && (is_word_start((unsigned char)p[end]) || lh_is_digit((unsigned char)p[end]))) end++;
    if (end < len && p[end] == '$') {
        lh_str tag = {p + from, end + 1 - from};
        size_t close = lh_str_search((lh_str){p + end + 1, len - end - 1}, tag);
        if (close == SIZE_MAX) return lex_fail(lex, from, "a dollar-quoted string is not closed");
        lex->at = end + 1 + close + tag.len;
        return lex_push(lex, from, LH_SQL_STRING);
    }
    if (end == from + 1) return lex_fail(lex, from, "'$' without a name or number");
    lex->at = end;
    return lex_push(lex, from, LH_SQL_PARAM);
}

static size_t lex_digits(lexer *lex) {
    size_t from = lex->at;
    while (lh_is_digit(lex_peek(lex, 0)) || (lex_peek(lex, 0) == '_' && lex->at > from)) lex->at++;
    return lex->at - from;
}

/* 12, 1_000, 1.5, .5, 5., 1e-3; what sticks to it must not be a word. Hexadecimal and the like: DuckDB has none. */
static lh_code lex_number(lexer *lex) {
    size_t from = lex->at;
    (void)lex_digits(lex);
    if (lex_peek(lex, 0) == '.' && lex_peek(lex, 1) != '.') {
        lex->at++;
        (void)lex_digits(lex);
    }
    unsigned char e = lex_peek(lex, 0), sign = lex_peek(lex, 1);
    if ((e == 'e' || e == 'E') &&
        (lh_is_digit(sign) || ((sign == '+' || sign == '-') && lh_is_digit(lex_peek(lex, 2))))) {
        lex->at += lh_is_digit(sign) ? 1 : 2;
        (void)lex_digits(lex);
    }
    if (is_word_part(lex_peek(lex, 0)) && lex->at < lex->sql.len)
        return lex_fail(lex, from, "a number runs into a word; put a space between");
    if (lex_peek(lex, 0) == '.') return lex_fail(lex, from, "a number with two points");
    return lex_push(lex, from, LH_SQL_NUMBER);
}

/* Bytes of a white space character beyond ASCII at `at` (what DuckDB replaces, and then some), or 0. */
static size_t lex_wide_space(const lexer *lex) {
    unsigned char a = lex_peek(lex, 0), b = lex_peek(lex, 1), c = lex_peek(lex, 2);
    if (a == 0xC2 && (b == 0xA0 || b == 0x85 || b == 0xAD)) return 2;
    if (a == 0xE1 && ((b == 0x9A && c == 0x80) || (b == 0xA0 && c == 0x8E))) return 3;
    if (a == 0xE2 && ((b == 0x80 && ((c >= 0x80 && c <= 0x8F) || (c >= 0xA8 && c <= 0xAF))) ||
                      (b == 0x81 && c >= 0x9F && c <= 0xAF)))
        return 3;
    if (a == 0xE3 && b == 0x80 && c == 0x80) return 3;
    if (a == 0xEF && b == 0xBB && c == 0xBF) return 3;
    return 0;
}

static lh_code lex_word(lexer *lex) {
    size_t from = lex->at;
    while (lex->at < lex->sql.len && is_word_part(lex_peek(lex, 0))) {
        if (lex_wide_space(lex))
            return lex_fail(lex, lex->at, "a space that is not ASCII stands outside quotes; write a plain space");
        lex->at++;
    }
    size_t len = lex->at - from;
    unsigned char first = (unsigned char)lex->sql.ptr[from], next = lex_peek(lex, 0);
    if (len == 1 && (first == 'e' || first == 'E') && next == '\'') return lex_escape_string(lex, from);
    if (len == 1 && (first == 'u' || first == 'U') && next == '&' &&
        (lex_peek(lex, 1) == '\'' || lex_peek(lex, 1) == '"'))
        return lex_fail(lex, from, "U& escapes are not supported");
    return lex_push(lex, from, LH_SQL_WORD);
}

static lh_code lex_one(lexer *lex) {
    unsigned char c = lex_peek(lex, 0), next = lex_peek(lex, 1);
    size_t from = lex->at;
    if (c == '\'') return lex_quoted(lex, from, '\'', false, LH_SQL_STRING);
    if (c == '"') return lex_quoted(lex, from, '"', false, LH_SQL_QUOTED);
    if (c == '$') return lex_dollar(lex);
    if (lh_is_digit(c) || (c == '.' && lh_is_digit(next))) return lex_number(lex);
    if (is_word_start(c)) return lex_word(lex);
    if (c < 0x20 || c == 0x7F) return lex_fail(lex, from, "a control character stands outside quotes");
    lex->at += (c == ':' && (next == ':' || next == '=')) || (c == '=' && next == '>') ? 2 : 1;
    return lex_push(lex, from, LH_SQL_SYMBOL);
}

lh_code lh_sql_tokenize(lh_str sql, lh_sql_tokens *ret, lh_error *err) {
    if (sql.len > LH_LIMIT_SQL_BYTES) return lh_fail(err, LH_LIMIT, "SQL: longer than %d bytes", LH_LIMIT_SQL_BYTES);
    LH_CLEANUP(lh_sql_tokens_done) lh_sql_tokens tokens = {0};
    lexer lex = {.sql = sql, .tokens = &tokens, .err = err};
    if (sql.len && memchr(sql.ptr, '\0', sql.len)) return lh_fail(err, LH_INVALID, "SQL: it holds a NUL byte");
    if (!lh_str_is_utf8(sql)) return lh_fail(err, LH_INVALID, "SQL: it is not UTF-8");
    for (;;) {
        LH_TRY(lex_space(&lex));
        if (lex.at >= sql.len) break;
        LH_TRY(lex_one(&lex));
    }
    *ret = tokens;
    tokens = (lh_sql_tokens){0};
    return LH_OK;
}
