/* A scanner of SQL's outer shape: strings 'a''b', E'\'', identifiers "a""b", dollar quotes $x$ … $x$, comments (-- and
 * nested slash-star). Everything else is opaque. It never refuses: the server's parser judges. */
#include "cli/statement.h"

static bool statement_is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}
static char statement_at(lh_str s, size_t i) { return i < s.len ? s.ptr[i] : '\0'; }

/* All of the following give the index behind the thing at i, or SIZE_MAX when it does not end. */
static size_t statement_skip_quoted(lh_str s, size_t i, bool backslash) {
    char quote = s.ptr[i];
    for (i++; i < s.len; i++) {
        if (backslash && s.ptr[i] == '\\') i++;
        else if (s.ptr[i] == quote && statement_at(s, i + 1) == quote) i++;
        else if (s.ptr[i] == quote) return i + 1;
    }
    return SIZE_MAX;
}

static size_t statement_skip_block(lh_str s, size_t i) {
    size_t depth = 0;
    while (i < s.len) {
        bool opens = s.ptr[i] == '/' && statement_at(s, i + 1) == '*',
             closes = s.ptr[i] == '*' && statement_at(s, i + 1) == '/';
        depth += opens;
        depth -= closes;
        i += opens || closes ? 2 : 1;
        if (depth == 0) return i;
    }
    return SIZE_MAX;
}

/* $tag$ … $tag$; a '$' that opens none is one character ($1). */
static size_t statement_skip_dollar(lh_str s, size_t i) {
    size_t end = i + 1;
    while (end < s.len && statement_is_word(s.ptr[end])) end++;
    bool is_number = end > i + 1 && s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9';
    if (end >= s.len || s.ptr[end] != '$' || is_number) return i + 1;
    lh_str tag = lh_str_sub(s, i, end + 1 - i);
    size_t at = lh_str_search(lh_str_sub(s, end + 1, SIZE_MAX), tag);
    return at == SIZE_MAX ? SIZE_MAX : end + 1 + at + tag.len;
}

static size_t statement_skip_line(lh_str s, size_t i) {
    while (i < s.len && s.ptr[i] != '\n') i++;
    return i;
}

static size_t statement_skip_word(lh_str s, size_t i) {
    size_t start = i;
    while (i < s.len && (statement_is_word(s.ptr[i]) || s.ptr[i] == '$')) i++;
    bool escapes = i == start + 1 && (s.ptr[start] == 'e' || s.ptr[start] == 'E');
    return escapes && statement_at(s, i) == '\'' ? statement_skip_quoted(s, i, true) : i;
}

static bool statement_is_comment(lh_str s, size_t i) {
    return (s.ptr[i] == '-' && statement_at(s, i + 1) == '-') || (s.ptr[i] == '/' && statement_at(s, i + 1) == '*');
}

/* Behind the token, comment or character at i. */
static size_t statement_skip(lh_str s, size_t i) {
    char c = s.ptr[i];
    if (c == '\'' || c == '"') return statement_skip_quoted(s, i, false);
    if (statement_is_comment(s, i)) return c == '-' ? statement_skip_line(s, i) : statement_skip_block(s, i);
    if (c == '$') return statement_skip_dollar(s, i);
    return statement_is_word(c) ? statement_skip_word(s, i) : i + 1;
}

/* Length of the first statement with its ';', or SIZE_MAX. */
static size_t statement_end(lh_str s) {
    for (size_t i = 0; i < s.len;) {
        if (s.ptr[i] == ';') return i + 1;
        i = statement_skip(s, i);
        if (i == SIZE_MAX) return SIZE_MAX;
    }
    return SIZE_MAX;
}

static bool statement_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Behind white space and comments, and with `ends` behind ';' too; SIZE_MAX when a comment is open. */
static size_t statement_skip_blank(lh_str s, size_t i, bool ends) {
    while (i != SIZE_MAX && i < s.len) {
        if (statement_is_comment(s, i)) i = statement_skip(s, i);
        else if (statement_is_space(s.ptr[i]) || (ends && s.ptr[i] == ';')) i++;
        else break;
    }
    return i;
}

lh_str lh_cli_statement_word(lh_str text, size_t number) {
    size_t start = statement_skip_blank(text, 0, true), end = start;
    for (;; number--) {
        if (start == SIZE_MAX) return LH_STR_NONE;
        for (end = start; end < text.len && statement_is_word(text.ptr[end]);) end++;
        if (number == 0 || end == start) return number ? LH_STR_NONE : lh_str_sub(text, start, end - start);
        start = statement_skip_blank(text, end, false);
    }
}

bool lh_cli_statement_starts(lh_str text, const char *word) {
    return lh_str_eq_nocase(lh_cli_statement_word(text, 0), lh_str_from(word));
}

bool lh_cli_statement_is_blank(lh_str text) { return statement_skip_blank(text, 0, true) == text.len; }

static bool statement_opens_transaction(lh_str s) {
    return lh_cli_statement_starts(s, "begin") || lh_cli_statement_starts(s, "start");
}

static bool statement_closes_transaction(lh_str s) {
    return lh_cli_statement_starts(s, "commit") || lh_cli_statement_starts(s, "rollback") ||
           lh_cli_statement_starts(s, "end") || lh_cli_statement_starts(s, "abort");
}

lh_str lh_cli_statement_last(lh_str unit) {
    lh_str last = unit;
    while (unit.len) {
        size_t end = statement_end(unit);
        lh_str one = lh_str_sub(unit, 0, end);
        if (!lh_cli_statement_is_blank(one)) last = one;
        unit = lh_str_sub(unit, one.len, SIZE_MAX);
    }
    return last;
}

bool lh_cli_statement_command(lh_str *text, lh_str *ret) {
    size_t start = statement_skip_blank(*text, 0, true);
    if (start == SIZE_MAX || start == text->len || text->ptr[start] != '\\') return false;
    lh_str rest = lh_str_sub(*text, start, SIZE_MAX);
    *ret = lh_str_trim(lh_str_split(&rest, '\n'));
    *text = rest;
    return true;
}

bool lh_cli_statement_in_transaction(lh_str text) {
    size_t end = statement_end(text);
    return end != SIZE_MAX && statement_opens_transaction(lh_str_sub(text, 0, end));
}

bool lh_cli_statement_next(lh_str *text, lh_str *ret) {
    size_t end = statement_end(*text);
    if (end == SIZE_MAX) return false;
    bool open = statement_opens_transaction(lh_str_sub(*text, 0, end));
    while (open) {
        lh_str rest = lh_str_sub(*text, end, SIZE_MAX);
        size_t length = statement_end(rest);
        if (length == SIZE_MAX) return false;
        end += length;
        open = !statement_closes_transaction(lh_str_sub(rest, 0, length));
    }
    *ret = lh_str_sub(*text, 0, end);
    *text = lh_str_sub(*text, end, SIZE_MAX);
    return true;
}
