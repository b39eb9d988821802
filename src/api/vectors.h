/* What the handlers of /vectors share. */
#ifndef LH_API_VECTORS_H
#define LH_API_VECTORS_H
#include "api/governed.h"

/* A line of the audit for what was asked, and what came of it: an answer that has texts of rows. */
LH_MUST_CHECK lh_code api_vectors_record(lh_request *request, const lh_vector_caller *caller, const lh_json *body,
                                         const lh_json *answer, lh_code code, lh_error *err);
/* The module and who calls. Errors: UNAVAILABLE. */
LH_MUST_CHECK lh_code api_vectors_of(lh_request *request, lh_vector **ret, lh_vector_caller *ret_caller, lh_error *err);
#endif
