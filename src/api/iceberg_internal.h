/* Private to the api_iceberg*.c: errors and parameters in the words of the Iceberg REST specification. */
#ifndef LH_API_ICEBERG_INTERNAL_H
#define LH_API_ICEBERG_INTERNAL_H
#include "api/api_internal.h"

/* What an operation calls NOT_FOUND and CONFLICT. */
typedef struct iceberg_names {
    const char *not_found, *conflict;
} iceberg_names;

lh_catalog *iceberg_catalog(lh_request *request);
/* Makes a LoadTableResult what this client needs: with the S3 keys, if it may have them and asks; DuckDB's peculiarities. */
void iceberg_suit(lh_request *request, lh_json *answer);
/* The ETag of an answer with a table's metadata: that of a load of the same. None of a table that is only staged. */
void iceberg_tag(lh_request *request, const lh_json *answer);
lh_str iceberg_namespace_name(lh_request *request);                                    /* the path's {namespace} */
LH_MUST_CHECK lh_code iceberg_body(lh_request *request, lh_json **ret, lh_error *err); /* a JSON object */
/* pageToken and pageSize. Errors: INVALID. */
LH_MUST_CHECK lh_code iceberg_page(lh_request *request, lh_page *ret, lh_error *err);
LH_MUST_CHECK lh_code iceberg_refuse(lh_request *request, unsigned status, const char *type, const lh_error *why,
                                     lh_error *err);
/* Answers NOT_FOUND and CONFLICT in the words of the operation; other codes are given back, for the server's default
 * mapping. A missing namespace is told by its message, which the catalog alone writes. */
LH_MUST_CHECK lh_code iceberg_fail(lh_request *request, lh_code code, const iceberg_names *names, lh_error *err);
/* A commit that failed in storage may have landed: the client must look before it tries again or deletes its files. */
LH_MUST_CHECK lh_code iceberg_commit_fail(lh_request *request, lh_code code, const iceberg_names *names, lh_error *err);
/* 200 with the answer, 204, or what `code` says. */
LH_MUST_CHECK lh_code iceberg_answer(lh_request *request, lh_code code, const lh_json *answer,
                                     const iceberg_names *names, lh_error *err);
LH_MUST_CHECK lh_code iceberg_answer_empty(lh_request *request, lh_code code, const iceberg_names *names,
                                           lh_error *err);
#endif
