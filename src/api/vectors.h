/* What the handlers of /vectors share: who asks, and the record of it. */
#ifndef LH_API_VECTORS_H
#define LH_API_VECTORS_H
#include "api/governed.h"

/* The caller, with its governor. Errors: UNAVAILABLE (the engine starts), as api_governor(). */
LH_MUST_CHECK lh_code api_vectors_of(lh_request *request, lh_vector **ret, lh_vector_caller *ret_caller, lh_error *err);

typedef struct api_vectors_act {
    const char *door;
    lh_str by;
    const lh_json *body,
        *answer;             /* the body as given; of it a vector's numbers are left out. answer: NULL when it failed */
    const lh_json *datasets; /* that were read */
    uint64_t rows;
    lh_code code; /* how it ended */
} api_vectors_act;
/* Into the audit, as a statement is. Errors: as lh_audit_append(). */
LH_MUST_CHECK lh_code api_vectors_record(lh_request *request, const api_vectors_act *act, lh_error *err);
#endif
