/* The bound plan of a governed statement (docs/adr/0021, sections 3 and 8): what reads a table outside of the relations that
 * the policy gave is refused, predicates of the user's that might raise stay above the row filters, and statistics of what
 * is hidden are not shown. Uses DuckDB's own headers, as hot_shim.h does. */
#ifndef LH_ENGINE_GOVERN_PLAN_H
#define LH_ENGINE_GOVERN_PLAN_H
#include <duckdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
/* What a function may do: TOTAL ones never raise and hang on nothing but their arguments. */
typedef enum govern_function {
    GOVERN_REFUSED,
    GOVERN_RAISES,
    GOVERN_TOTAL,
    GOVERN_TABLE, /* a table function that reads nothing but its arguments */
} govern_function;
typedef govern_function (*govern_classify_fn)(const char *name);

/* A table that a relation of the statement reads, by its place in the engine. */
typedef struct govern_table {
    const char *catalog, *schema, *name;
    uint64_t rows; /* of a relation with a row filter: about as many are seen; 0: not known */
} govern_table;

typedef struct govern_plan {
    uint64_t nonce;             /* the LIMIT of the relations, see below; 2^62 to 2^63 - 1 */
    const govern_table *tables; /* what may be read within relations */
    size_t table_count;
    const govern_table *target; /* what is written, read outside of relations too; NULL: nothing */
    bool checked; /* it is read below one filter of CASE WHEN row filter THEN condition ELSE false END, or not at all */
} govern_plan;

/* Once a database, before its first statement. Statements of connections without a plan are left alone. */
bool govern_plan_install(duckdb_database database, govern_classify_fn classify);

/* From now on each statement that the connection prepares is governed, until govern_plan_end(), which comes after its
 * execution (parameters make DuckDB plan again then). The plan is copied.
 * A relation is SELECT columns and masks FROM table [WHERE row filter] LIMIT nonce, or that over a relation. */
bool govern_plan_begin(duckdb_connection connection, const govern_plan *plan);
/* May the statement that was prepared last raise an error over what it reads? */
bool govern_plan_may_raise(duckdb_connection connection);
void govern_plan_end(duckdb_connection connection);
#ifdef __cplusplus
}
#endif
#endif
