/* One expression of SQL text in DuckDB's own parsed and bound tree: may it be a row filter? It must raise no error whatever
 * the rows hold, read nothing but columns of its row, and be the same at each look (docs/adr/0021, section 3).
 * Uses DuckDB's own headers, which are pinned with the library. Any thread. */
#ifndef LH_ENGINE_FILTER_SHIM_H
#define LH_ENGINE_FILTER_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
enum { FILTER_DEPTH_MAX = 64, FILTER_WHAT_BYTES = 300 };
typedef enum {
    FILTER_OK,
    FILTER_SYNTAX,  /* what: DuckDB's message */
    FILTER_REFUSED, /* what: the part that may not be there, and why */
    FILTER_STOPPED, /* by column() */
    FILTER_FAILED,  /* while binding: the whole message of DuckDB in `message` */
    FILTER_NO_MEMORY
} filter_code;

typedef struct filter_out {
    bool (*is_total)(void *ctx, const char *function);           /* may that function be called? */
    bool (*column)(void *ctx, const char *name, int64_t place);  /* false: stop */
    bool (*text)(void *ctx, const char *normalized, size_t len); /* last; false: no memory */
    void *ctx;
} filter_out;
typedef struct filter_outcome {
    int64_t place; /* byte of the text, -1: unknown */
    char what[FILTER_WHAT_BYTES];
} filter_outcome;

/* The text alone: syntax, kinds of expressions, functions, the columns that it names. */
filter_code filter_shim_check(const char *text, const filter_out *out, filter_outcome *ret);
/* The types: sql is one SELECT of ours whose only column is the filter. Binds it on the connection and runs nothing. */
filter_code filter_shim_bind(duckdb_connection connection, const char *sql, const filter_out *out, filter_outcome *ret,
                             char *ret_message, size_t size);
#ifdef __cplusplus
}
#endif
#endif
