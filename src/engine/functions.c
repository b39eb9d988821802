/* Which functions foreign SQL may call: those that functions.def lists as such, and no other that DuckDB has. The guard
 * sees tokens, where a name before a bracket may as well be a type's, an alias's or a query's: a name that is not listed
 * is no function (functions_test.c holds the list complete for the pinned DuckDB and its extensions), so DuckDB says what
 * is wrong with it. Families are refused unlisted, so that a later read_x or x_scan is refused before anybody lists it, and so is getenv, which only
 * other builds of DuckDB have. */
#include "engine/functions.h"

#include "engine/sql_guard.h"

#include <stdlib.h>

static const lh_sql_function functions[] = {
#define LH_FUNCTION(name, class_) {name, LH_SQL_FUNCTION_##class_},
#include "engine/functions.def"
#undef LH_FUNCTION
};
enum { FUNCTION_NAME_BYTES = 64, FUNCTION_COUNT = sizeof functions / sizeof *functions };

static int function_compare(const void *name, const void *function) {
    return strcmp(name, ((const lh_sql_function *)function)->name);
}

/* false: longer than any name in the list. */
static bool function_fold(lh_str name, char folded[FUNCTION_NAME_BYTES]) {
    if (name.len >= FUNCTION_NAME_BYTES) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        folded[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    folded[name.len] = '\0';
    return strlen(folded) == name.len;
}

lh_sql_function_class lh_sql_function_find(lh_str name) {
    char folded[FUNCTION_NAME_BYTES];
    if (!function_fold(name, folded)) return LH_SQL_FUNCTION_NONE;
    const lh_sql_function *found = bsearch(folded, functions, FUNCTION_COUNT, sizeof *functions, function_compare);
    return found ? found->class_ : LH_SQL_FUNCTION_NONE;
}

const lh_sql_function *lh_sql_function_list(size_t *ret_count) {
    *ret_count = FUNCTION_COUNT;
    return functions;
}

static bool starts(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }
static bool ends(const char *s, const char *suffix) {
    size_t len = strlen(s), tail = strlen(suffix);
    return len >= tail && strcmp(s + len - tail, suffix) == 0;
}

static bool is_family(const char *s) {
    static const char *const heads[] = {"__internal_", "iceberg_",  "read_",    "write_",   "sniff_",
                                        "parquet_",    "pragma_",   "enable_",  "disable_", "duckdb_",
                                        "http_",       "postgres_", "mysql_",   "sqlite_",  "lance_",
                                        "delta_",      "st_read",   "load_aws", "getenv",   "from_substrait"};
    static const char *const tails[] = {"_scan", "_scan_pushdown", "_scan_dumb", "_attach", "_query", "_execute"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (starts(s, heads[i])) return true;
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        if (ends(s, tails[i])) return true;
    return false;
}

bool lh_sql_function_allowed(lh_str name) {
    char folded[FUNCTION_NAME_BYTES];
    switch (lh_sql_function_find(name)) {
    case LH_SQL_FUNCTION_TOTAL:
    case LH_SQL_FUNCTION_RAISES:
    case LH_SQL_FUNCTION_TABLE:
    case LH_SQL_FUNCTION_ADMIN: return true;
    case LH_SQL_FUNCTION_NEVER: return false;
    case LH_SQL_FUNCTION_NONE: break;
    }
    return name.len != 0 && !(function_fold(name, folded) && is_family(folded));
}
