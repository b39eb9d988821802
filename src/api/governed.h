/* What a caller who sees a part of the lake is shown of it, by every route that is open to one (auth.c lists them). */
#ifndef LH_API_GOVERNED_H
#define LH_API_GOVERNED_H
#include "api/api_internal.h"

/* The caller's governor, or NULL: its permission reaches as far as `whole` over the whole lake. Errors: as
 * lh_access_bind(). */
LH_MUST_CHECK lh_code api_governor(lh_request *request, lh_permission whole, const lh_governor **ret, lh_error *err);
/* What the caller is shown of a table; *ret NULL: everything. Errors: DENIED, the catalog's. */
LH_MUST_CHECK lh_code api_shown(lh_request *request, lh_table_name name, const lh_relation **ret, lh_error *err);
/* A dataset's description as that shows it: without what counts, dates or places rows. relation NULL: as it is. */
lh_json *api_shown_dataset(const lh_relation *relation, lh_json *dataset, lh_arena *arena);
/* lh_dataset_get(), shown like that; of a view what is seen of it. Errors: the catalog's. */
LH_MUST_CHECK lh_code api_shown_get(lh_request *request, const lh_relation *relation, lh_table_name name, lh_json **ret,
                                    lh_error *err);
/* GET /datasets of a governed caller. */
LH_MUST_CHECK lh_code api_shown_datasets(lh_request *request, const lh_governor *governor, lh_page page, lh_json **ret,
                                         lh_error *err);
typedef struct api_statement {
    const char *door;
    lh_str sql;
    const lh_query_told *told;
    const lh_query_outcome *outcome;
    uint64_t bytes; /* of the answer; 0: not counted */
    lh_str result;  /* "begun", "ok", or the name of its error */
} api_statement;    /* borrowed */
/* Into the audit: who asked what by which door, and what came of it. Errors: as lh_audit_append(). */
LH_MUST_CHECK lh_code api_record_statement(lh_request *request, const api_statement *statement, lh_error *err);
/* May the caller write the dataset so, without limits? LH_OK for who writes the whole lake. Errors: DENIED. */
LH_MUST_CHECK lh_code api_may_write(lh_request *request, lh_write write, lh_table_name name, lh_error *err);
#endif
