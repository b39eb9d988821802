/* Names as SQL needs them: in quotes when they have other characters than a word, or are a reserved word (those of DuckDB 1.5.5). */
#include "cli/cli_internal.h"

static const char *const names_reserved[] = {
    "all",        "analyse", "analyze",  "and",       "any",       "array",    "as",         "asc",        "asymmetric",
    "both",       "case",    "cast",     "check",     "collate",   "column",   "constraint", "create",     "default",
    "deferrable", "desc",    "describe", "distinct",  "do",        "else",     "end",        "except",     "false",
    "fetch",      "for",     "foreign",  "from",      "group",     "having",   "in",         "initially",  "intersect",
    "into",       "lambda",  "lateral",  "leading",   "limit",     "not",      "null",       "offset",     "on",
    "only",       "or",      "order",    "pivot",     "placing",   "primary",  "qualify",    "references", "returning",
    "select",     "show",    "some",     "summarize", "symmetric", "table",    "then",       "to",         "trailing",
    "true",       "union",   "unique",   "unpivot",   "using",     "variadic", "when",       "where",      "window",
    "with"};

bool lh_cli_name_is_plain(lh_str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool digit = c >= '0' && c <= '9';
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '_' && !(digit && i)) return false;
    }
    for (size_t i = 0; i < sizeof names_reserved / sizeof *names_reserved; i++)
        if (lh_str_eq_nocase(name, lh_str_from(names_reserved[i]))) return false;
    return name.len > 0;
}

void lh_cli_name_append(lh_buf *into, lh_str name) {
    if (lh_cli_name_is_plain(name)) lh_buf_append(into, name);
    else lh_buf_sql_identifier(into, name);
}

/* DuckDB's databases: `system.t` is a table of that one, also where a namespace has the name. */
static bool names_is_database(lh_str name) {
    static const char *const databases[] = {"lake", "memory", "system", "temp"};
    for (size_t i = 0; i < sizeof databases / sizeof *databases; i++)
        if (lh_str_eq_nocase(name, lh_str_from(databases[i]))) return true;
    return false;
}

void lh_cli_table_name_append(lh_buf *into, lh_str namespace_, lh_str name) {
    if (names_is_database(namespace_)) lh_buf_append(into, LH_STR("lake."));
    lh_cli_name_append(into, namespace_);
    lh_buf_char(into, '.');
    lh_cli_name_append(into, name);
}

/* One part of a name, up to a '.' outside of quotes, without its quotes. */
static void names_split(lh_str *rest, lh_buf *into) {
    bool inside = false;
    size_t at = 0;
    for (; at < rest->len && (inside || rest->ptr[at] != '.'); at++) {
        bool quote = rest->ptr[at] == '"', twice = quote && inside && at + 1 < rest->len && rest->ptr[at + 1] == '"';
        if (!quote || twice) lh_buf_char(into, rest->ptr[at]);
        if (twice) at++;
        else if (quote) inside = !inside;
    }
    *rest = lh_str_sub(*rest, at + 1, SIZE_MAX);
}

void lh_cli_table_name_read(lh_buf *into, lh_str text) {
    size_t count = 0, first = 0;
    for (; text.len; count++) {
        if (count) lh_buf_char(into, '.');
        names_split(&text, into);
        if (count == 0) first = into->len;
    }
    lh_str all = lh_buf_str(into);
    if (count < 3 || !lh_str_eq_nocase(lh_str_sub(all, 0, first), LH_STR("lake"))) return;
    memmove(into->ptr, into->ptr + first + 1, into->len - first - 1);
    into->len -= first + 1;
}
