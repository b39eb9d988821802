/* What a text of SQL does, seen by its tokens: statements, verbs, tables in table position; and the refusals. */
#ifndef LH_ENGINE_SQL_GUARD_H
#define LH_ENGINE_SQL_GUARD_H
#include "engine/sql_lex.h"

typedef enum {
    LH_VERB_QUERY,  /* SELECT, WITH, FROM, VALUES, TABLE, PIVOT, DESCRIBE, SHOW, SUMMARIZE */
    LH_VERB_CHANGE, /* INSERT, UPDATE, DELETE, MERGE, TRUNCATE */
    LH_VERB_DEFINE, /* CREATE, ALTER, DROP */
    LH_VERB_EXPLAIN,
    LH_VERB_BEGIN,
    LH_VERB_END, /* COMMIT, END, ROLLBACK, ABORT */
} lh_verb;

enum { LH_SQL_NAME_PARTS = 4, LH_SQL_TABLES_MAX = 256, LH_SQL_STATEMENTS_MAX = 1000 };

/* A name in table position, unquoted, lower case not applied; none that is read where WITH gives it to a query. Arena.
 * has_at: AT (…) follows; at_version: of AT (VERSION => n), else -1; at_timestamp: of AT (TIMESTAMP => …), SQL of a literal
 * and maybe casts of it, empty for anything else. */
typedef struct lh_sql_table {
    lh_str parts[LH_SQL_NAME_PARTS];
    uint8_t part_count;
    bool write;
    uint16_t statement;
    bool has_at;
    int64_t at_version;
    lh_str at_timestamp;
} lh_sql_table;
typedef struct lh_sql_statement {
    lh_str text;
    size_t offset;
    lh_verb verb;
    bool writes;
} lh_sql_statement;
typedef struct lh_sql_scan {
    lh_sql_statement *statements;
    size_t statement_count; /* arena; empty ones dropped */
    lh_sql_table *tables;
    size_t table_count; /* arena; at most LH_SQL_TABLES_MAX, later reads are left out */
} lh_sql_scan;

/* Guards `sql` and reports what it holds. Errors: DENIED (what and why, with its place), INVALID, LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_sql_scan_guarded(lh_str sql, lh_arena *arena, lh_sql_scan *ret, lh_error *err);
/* LIMIT: a statement has more than LH_LIMIT_SQL_REFERENCES. */
lh_code lh_sql_too_many_references(lh_error *err);
/* May what stands under this name before a bracket be called? As functions.def lists it; true for what is no function of
 * DuckDB's (a type, an alias, a slip: DuckDB says what is wrong with it). Case does not matter. */
bool lh_sql_function_allowed(lh_str name);
#endif
