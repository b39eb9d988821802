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
