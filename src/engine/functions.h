/* The list of DuckDB's functions, and what each may do (functions.def tells the classes). Any thread. */
#ifndef LH_ENGINE_FUNCTIONS_H
#define LH_ENGINE_FUNCTIONS_H
#include "base/base.h"

typedef enum {
    LH_SQL_FUNCTION_NONE, /* not in the list: DuckDB has no such function */
    LH_SQL_FUNCTION_TOTAL,
    LH_SQL_FUNCTION_RAISES,
    LH_SQL_FUNCTION_TABLE,
    LH_SQL_FUNCTION_ADMIN,
    LH_SQL_FUNCTION_NEVER,
} lh_sql_function_class;

typedef struct lh_sql_function {
    const char *name; /* lower case */
    lh_sql_function_class class_;
} lh_sql_function;

/* Case does not matter. */
lh_sql_function_class lh_sql_function_find(lh_str name);
/* All, sorted by name. */
const lh_sql_function *lh_sql_function_list(size_t *ret_count);
#endif
