/* The literals that a query compares with something, in DuckDB's own parsed tree. Uses DuckDB's own headers, which are pinned with the
 * library. Any thread. */
#ifndef LH_ENGINE_COMPARED_SHIM_H
#define LH_ENGINE_COMPARED_SHIM_H
#include <stdbool.h>
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct compared_one { /* borrowed until the callback returns */
    const char *text;
    size_t len;
    bool number;                /* else a text */
    bool dated;                 /* it is cast to a date or time, or what it is compared with is made of one */
    bool equal;                 /* by = or IN, or their negation */
    bool pattern;               /* of LIKE or a regular expression */
    const char *const *columns; /* the last name of each that stands in the same comparison */
    size_t column_count;
} compared_one;
typedef enum {
    COMPARED_OK,
    COMPARED_WRONG /* it is not one query, or has what is not known */,
    COMPARED_NO_MEMORY
} compared_code;

/* tell: false: no memory. What was told before an error was told. */
compared_code compared_shim_walk(const char *sql, size_t len, bool (*tell)(void *ctx, const compared_one *one),
                                 void *ctx);
#ifdef __cplusplus
}
#endif
#endif
