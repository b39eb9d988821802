/* Where the cursor stands decides what is offered: behind a '\' at the line's start commands, then what the command takes; behind
 * FROM, JOIN, INTO and the like tables; behind a '.' columns and tables; elsewhere columns, tables and keywords. A name that SQL
 * needs in quotes is put in quotes. */
#include "cli/completion.h"

#include "cli/sql_internal.h"

#include <stdio.h>

static const char *const completion_keywords[] = {
    "ALTER TABLE",  "AND",       "AS",         "ASC",      "BEGIN",        "BETWEEN",    "BY",          "CASE",
    "CAST",         "COLUMN",    "COMMIT",     "COUNT",    "CREATE TABLE", "CROSS JOIN", "DELETE FROM", "DESC",
    "DESCRIBE",     "DISTINCT",  "DROP TABLE", "ELSE",     "END",          "EXCEPT",     "EXISTS",      "EXPLAIN",
    "FALSE",        "FROM",      "FULL JOIN",  "GROUP BY", "HAVING",       "ILIKE",      "IN",          "INNER JOIN",
    "INSERT INTO",  "INTERSECT", "INTERVAL",   "IS NULL",  "JOIN",         "LEFT JOIN",  "LIKE",        "LIMIT",
    "MERGE INTO",   "NOT",       "NULL",       "OFFSET",   "ON",           "OR",         "ORDER BY",    "OVER",
    "PARTITION BY", "QUALIFY",   "RIGHT JOIN", "ROLLBACK", "SELECT",       "SET",        "SHOW TABLES", "SUM",
    "THEN",         "TRUE",      "UNION ALL",  "UPDATE",   "USING",        "VALUES",     "WHEN",        "WHERE",
    "WITH"};
static const char *const completion_before_tables[] = {"from",     "join",      "into",   "update", "table",
                                                       "describe", "summarize", "exists", "using"};

typedef struct completion {
    lh_completion *out;
    lh_str word; /* what stands before the cursor, without a quote */
    lh_str common;
    bool quoted;      /* a '"' stands before it */
    bool names;       /* candidates are names, to be quoted when they need it */
    bool needs_quote; /* one of the candidates does */
} completion;

static void completion_offer(completion *c, lh_str candidate, bool is_name) {
    if (candidate.len < c->word.len || !lh_str_eq_nocase(lh_str_sub(candidate, 0, c->word.len), c->word)) return;
    size_t kept = c->out->total < LH_COMPLETION_SHOWN_MAX ? c->out->total : LH_COMPLETION_SHOWN_MAX;
    for (size_t i = 0; i < kept; i++)
        if (lh_str_eq(c->out->found[i], candidate)) return;
    if (c->out->total == 0) c->common = candidate;
    size_t same = 0;
    while (same < c->common.len && same < candidate.len &&
           lh_str_eq_nocase(lh_str_sub(c->common, same, 1), lh_str_sub(candidate, same, 1)))
        same++;
    c->common.len = same;
    c->needs_quote |= is_name && !lh_cli_name_is_plain(candidate);
    if (c->out->total < LH_COMPLETION_SHOWN_MAX) c->out->found[c->out->total] = candidate;
    c->out->total++;
}

static void completion_offer_names(completion *c, lh_completion_names names, bool tables_only) {
    for (size_t i = 0; i < names.count; i++)
        if (names.items[i].table || !tables_only) completion_offer(c, names.items[i].text, true);
}

/* One candidate goes in whole; of several what they share. */
static void completion_write(completion *c) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(sizeof c->out->insert - 1);
    if (c->out->total == 0 || (c->out->total > 1 && c->common.len <= c->word.len)) return;
    if (c->out->total > 1) {
        if (c->quoted || c->needs_quote) lh_buf_char(&text, '"');
        lh_buf_append(&text, c->common);
    } else {
        if (c->quoted || c->needs_quote) lh_buf_sql_identifier(&text, c->common);
        else lh_buf_append(&text, c->common);
        lh_buf_char(&text, ' ');
    }
    if (lh_buf_check(&text, NULL) != LH_OK) return;
    memcpy(c->out->insert, text.ptr, text.len);
    c->out->insert[text.len] = '\0';
}

static bool completion_is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* Start of the identifier at the end of the text; *ret_quoted: it begins with a '"' that is open. */
static size_t completion_start(lh_str before, bool *ret_quoted) {
    size_t open = before.len, start = before.len;
    bool inside = false;
    for (size_t i = 0; i < before.len; i++)
        if (before.ptr[i] == '"') inside = !inside, open = i;
    *ret_quoted = inside;
    if (inside) return open;
    while (start > 0 && completion_is_word(before.ptr[start - 1])) start--;
    return start;
}

/* The word before the end of the text; empty when a sign stands there. */
static lh_str completion_last_word(lh_str text) {
    text = lh_str_trim(text);
    size_t start = text.len;
    while (start > 0 && completion_is_word(text.ptr[start - 1])) start--;
    return lh_str_sub(text, start, SIZE_MAX);
}

static bool completion_wants_table(lh_str before) {
    lh_str word = completion_last_word(before);
    for (size_t i = 0; i < sizeof completion_before_tables / sizeof *completion_before_tables; i++)
        if (lh_str_eq_nocase(word, lh_str_from(completion_before_tables[i]))) return true;
    return false;
}

static void completion_of_command(completion *c, lh_str before, lh_completion_names names) {
    lh_str argument = before, word = lh_str_split(&argument, ' ');
    if (word.len == before.len) { /* still at the command itself */
        c->word = before;
        for (size_t i = 0; i < lh_sql_command_count; i++)
            completion_offer(c, lh_str_from(lh_sql_commands[i].name), false);
        return;
    }
    if (lh_str_eq(word, LH_STR("\\d"))) completion_offer_names(c, names, true);
    for (size_t i = 0; lh_str_eq(word, LH_STR("\\format")) && i < LH_SQL_FORMATS; i++)
        completion_offer(c, lh_str_from(lh_sql_formats[i]), false);
}

static void completion_of_sql(completion *c, lh_str ahead, lh_str earlier, lh_completion_names names) {
    if (lh_str_ends(ahead, LH_STR("."))) {
        completion_offer_names(c, names, false);
    } else if (completion_wants_table(lh_str_trim(ahead).len ? ahead : earlier)) {
        completion_offer_names(c, names, true);
    } else {
        completion_offer_names(c, names, false);
        for (size_t i = 0; c->word.len && !c->quoted && i < sizeof completion_keywords / sizeof *completion_keywords;
             i++)
            completion_offer(c, lh_str_from(completion_keywords[i]), false);
    }
}

void lh_complete(lh_str before, lh_str earlier, lh_completion_names names, lh_completion *ret) {
    completion c = {.out = ret};
    *ret = (lh_completion){0};
    size_t start = completion_start(before, &c.quoted);
    c.word = lh_str_sub(before, start + c.quoted, SIZE_MAX);
    if (lh_str_starts(before, LH_STR("\\"))) completion_of_command(&c, before, names);
    else completion_of_sql(&c, lh_str_sub(before, 0, start), earlier, names);
    ret->replaced = c.word.len + c.quoted;
    completion_write(&c);
}
