/* What the handlers of /vectors share. */
#ifndef LH_API_VECTORS_H
#define LH_API_VECTORS_H
#include "api/governed.h"

/* The module and who calls. Errors: UNAVAILABLE. */
LH_MUST_CHECK lh_code api_vectors_of(lh_request *request, lh_vector **ret, lh_vector_caller *ret_caller, lh_error *err);
#endif
