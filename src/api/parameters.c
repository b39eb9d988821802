/* Query parameters and headers of requests, and headers of answers, as tables; openapi.c writes them down. */
#include "api/schemas.h"

#define QUERY(handler, name, type, help) {API_ROUTE_##handler, API_IN_QUERY, name, type, help}
#define HEADER(handler, name, type, help) {API_ROUTE_##handler, API_IN_HEADER, name, type, help}
#define PAGED(handler)                                                                                                 \
    QUERY(handler, "limit", "integer", "Items of one page"),                                                           \
        QUERY(handler, "page_token", "string", "next_page_token of the page before")
#define ICEBERG_PAGED(handler)                                                                                         \
    QUERY(handler, "pageSize", "integer", "Items of one page"),                                                        \
        QUERY(handler, "pageToken", "string", "next-page-token of the page before")

#define DELEGATION(handler)                                                                                            \
    HEADER(handler, "X-Iceberg-Access-Delegation", "string",                                                           \
           "vended-credentials: with the keys of the table's bucket, where the configuration allows it")

const api_parameter api_parameters[] = {
    PAGED(api_datasets_list),
    QUERY(api_datasets_list, "filter", "string", "Part of the name"),
    QUERY(api_datasets_list, "namespace", "string", "Only of this namespace"),
    PAGED(api_ask_examples),
    QUERY(api_models_remove, "force", "boolean", "Also when indexes are of it, which are searched no more, then"),
    QUERY(api_dataset_delete, "purge", "boolean", "Also delete the files"),
    HEADER(api_metadata_patch, "If-Match", "string", "412 when the ETag of the description is another"),
    QUERY(api_lineage_get, "direction", "up|down|both", "both when absent"),
    QUERY(api_lineage_get, "depth", "integer", "Steps from dataset to dataset, 1 to 20; 3 when absent"),
    QUERY(api_catalog_search, "q", "string", "Words, all of which must be found"),
    PAGED(api_catalog_search),
    PAGED(api_catalog_verify),
    QUERY(api_catalog_verify, "dataset", "string", "Only this one"),
    PAGED(api_objects_list),
    QUERY(api_objects_list, "prefix", "string", "How the keys start"),
    HEADER(api_object_get, "Range", "string", "bytes=from-to: one range"),
    HEADER(api_object_get, "If-Range", "string", "The range only of this ETag"),
    HEADER(api_object_get, "If-Match", "string", "412 when the ETag is another"),
    HEADER(api_object_get, "If-None-Match", "string", "304 when the ETag is this"),
    HEADER(api_object_head, "If-Match", "string", "412 when the ETag is another"),
    HEADER(api_object_head, "If-None-Match", "string", "304 when the ETag is this"),
    HEADER(api_object_put, "If-Match", "string", "Replace only this version; else 412"),
    HEADER(api_object_put, "If-None-Match", "string", "*: only when there is none; else 412"),
    HEADER(api_object_delete, "If-Match", "string", "Delete only this version; else 412"),
    HEADER(api_ingest_file, "X-Lakehouse-Bucket", "string",
           "A new dataset lies in this bucket; 409 when it is elsewhere"),
    HEADER(api_ingest_file, "X-Lakehouse-Profile", "string",
           "An active profile, whose bucket and namespace are the defaults"),
    HEADER(api_datasets_register, "X-Lakehouse-Profile", "string", "An active profile, whose namespace is the default"),
    HEADER(api_vectors_index, "X-Lakehouse-Profile", "string",
           "An active profile, whose namespace and backend are the defaults"),
    PAGED(api_bucket_objects_list),
    QUERY(api_bucket_objects_list, "prefix", "string", "How the keys start"),
    HEADER(api_bucket_object_get, "Range", "string", "bytes=from-to: one range"),
    HEADER(api_bucket_object_get, "If-Range", "string", "The range only of this ETag"),
    HEADER(api_bucket_object_get, "If-Match", "string", "412 when the ETag is another"),
    HEADER(api_bucket_object_get, "If-None-Match", "string", "304 when the ETag is this"),
    HEADER(api_bucket_object_head, "If-Match", "string", "412 when the ETag is another"),
    HEADER(api_bucket_object_head, "If-None-Match", "string", "304 when the ETag is this"),
    HEADER(api_bucket_object_put, "If-Match", "string", "Replace only this version; else 412"),
    HEADER(api_bucket_object_put, "If-None-Match", "string", "*: only when there is none; else 412"),
    HEADER(api_bucket_object_delete, "If-Match", "string", "Delete only this version; else 412"),
    QUERY(api_buckets_health, "now", "boolean", "Ask each bucket first"),
    PAGED(api_vectors_indexes),
    QUERY(api_vectors_indexes, "dataset", "string", "Only of this dataset"),
    QUERY(api_vectors_indexes, "model", "string", "Only of this model"),
    PAGED(api_vectors_stale),
    PAGED(api_hnsw_evals),
    QUERY(api_hnsw_evals, "index", "string", "Only of this index"),
    PAGED(api_hnsw_trials),
    QUERY(api_hnsw_trials_best, "metric", "recall|latency|pareto",
          "What is best; pareto when absent: those that none beats in both"),
    QUERY(api_hnsw_trials_best, "eval", "string", "Only by this eval set"),
    PAGED(api_jobs_list),
    QUERY(api_jobs_list, "state", "queued|running|succeeded|failed|cancelled", "Only those"),
    QUERY(api_jobs_list, "kind", "string", "Only of this kind"),
    QUERY(api_jobs_list, "subject", "string", "Only of this subject"),
    PAGED(api_journal_history),
    PAGED(api_journal_recent),
    PAGED(api_access_audit),
    QUERY(api_access_audit, "principal", "string", "Only of this principal"),
    QUERY(api_access_audit, "dataset", "string", "Only what names this dataset, as namespace.name"),
    QUERY(api_access_audit, "outcome", "string", "Only with this outcome: ok, denied, …"),
    QUERY(api_access_audit, "since", "time", "Not before"),
    QUERY(api_access_audit, "until", "time", "Before this"),
    PAGED(api_buckets_errors),
    QUERY(api_buckets_errors, "bucket", "string", "Only of this bucket"),
    QUERY(api_buckets_errors, "operation", "string", "Only of this operation"),
    QUERY(api_buckets_errors, "code", "string", "Only of this code"),
    QUERY(api_buckets_errors, "since", "time", "Not before"),
    PAGED(api_roles_list),
    PAGED(api_views_list),
    HEADER(api_view_put, "If-Match", "string", "412 when the ETag of the view is another"),
    HEADER(api_view_delete, "If-Match", "string", "412 when the ETag of the view is another"),
    HEADER(api_role_put, "If-Match", "string", "412 when the ETag of the role is another"),
    HEADER(api_role_delete, "If-Match", "string", "412 when the ETag of the role is another"),
    PAGED(api_principals_list),
    HEADER(api_principal_put, "If-Match", "string", "412 when the ETag of the principal is another"),
    HEADER(api_principal_delete, "If-Match", "string", "412 when the ETag of the principal is another"),
    QUERY(api_access_effective, "principal", "string", "Whose roles; the caller's when absent"),
    ICEBERG_PAGED(api_iceberg_namespaces),
    QUERY(api_iceberg_namespaces, "parent", "string", "Levels joined by 0x1F"),
    ICEBERG_PAGED(api_iceberg_tables),
    ICEBERG_PAGED(api_iceberg_views),
    DELEGATION(api_iceberg_table_create),
    DELEGATION(api_iceberg_table_register),
    DELEGATION(api_iceberg_table_load),
    QUERY(api_iceberg_table_load, "snapshots", "all|refs", "refs: only those that branches and tags name"),
    HEADER(api_iceberg_table_load, "If-None-Match", "string", "304 when the table has not changed"),
    QUERY(api_iceberg_table_drop, "purgeRequested", "boolean", "Also delete the files")};
const size_t api_parameter_count = sizeof api_parameters / sizeof *api_parameters;

#define ANSWER(handler, name, always, help) {API_ROUTE_##handler, name, always, help}
#define ANSWER_OBJECT(handler)                                                                                         \
    ANSWER(handler, "ETag", true, "The object's version, in quotes"),                                                  \
        ANSWER(handler, "Last-Modified", true, "When it was written"),                                                 \
        ANSWER(handler, "Accept-Ranges", true, "bytes"),                                                               \
        ANSWER(handler, "X-Lakehouse-Bucket", true, "The bucket that answered"),                                       \
        ANSWER(handler, "X-Lakehouse-Rescue-Used", false,                                                              \
               "true: the bucket did not answer, and the rescue bucket did")
#define ANSWER_PUT(handler)                                                                                            \
    ANSWER(handler, "ETag", true, "The version written, in quotes"),                                                   \
        ANSWER(handler, "X-Lakehouse-Bucket", true, "The bucket that it was written to")

#define REQUEST_ID "The answer's X-Trace-Id, by the name that OpenAI's SDKs show"

const api_answer_header api_answer_headers[] = {
    ANSWER(api_metadata_get, "ETag", true, "Version of what is said of the dataset, for If-Match"),
    ANSWER(api_metadata_patch, "ETag", true, "Its new version"),
    ANSWER(api_view_create, "ETag", true, "The view's version, for If-Match"),
    ANSWER(api_view_get, "ETag", true, "The view's version, for If-Match"),
    ANSWER(api_view_put, "ETag", true, "Its new version"),
    ANSWER(api_role_create, "ETag", true, "The role's version, for If-Match"),
    ANSWER(api_role_get, "ETag", true, "The role's version, for If-Match"),
    ANSWER(api_role_put, "ETag", true, "Its new version"),
    ANSWER(api_principal_create, "ETag", true, "The principal's version, for If-Match"),
    ANSWER(api_principal_get, "ETag", true, "The principal's version, for If-Match"),
    ANSWER(api_principal_put, "ETag", true, "Its new version"),
    ANSWER_OBJECT(api_object_get),
    ANSWER(api_object_get, "Content-Range", false, "Of a 206: which bytes, and of how many"),
    ANSWER_OBJECT(api_object_head),
    ANSWER_PUT(api_object_put),
    ANSWER_OBJECT(api_bucket_object_get),
    ANSWER(api_bucket_object_get, "Content-Range", false, "Of a 206: which bytes, and of how many"),
    ANSWER_OBJECT(api_bucket_object_head),
    ANSWER_PUT(api_bucket_object_put),
    ANSWER(api_iceberg_table_create, "ETag", false, "The table's version, as a load has it; none of a staged one"),
    ANSWER(api_iceberg_table_register, "ETag", true, "The table's version, as a load has it"),
    ANSWER(api_iceberg_table_commit, "ETag", true, "The table's new version, as a load has it"),
    ANSWER(api_iceberg_table_load, "ETag", true, "The table's version, for If-None-Match"),
    ANSWER(api_v1_models, API_REQUEST_ID, true, REQUEST_ID),
    ANSWER(api_v1_model, API_REQUEST_ID, true, REQUEST_ID),
    ANSWER(api_v1_embeddings, API_REQUEST_ID, true, REQUEST_ID),
    ANSWER(api_v1_chat, API_REQUEST_ID, true, REQUEST_ID)};
const size_t api_answer_header_count = sizeof api_answer_headers / sizeof *api_answer_headers;

lh_code api_parameter_check(const api_route *route, lh_str name, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf names = LH_BUF_INIT(400);
    for (size_t i = 0; i < api_parameter_count; i++) {
        const api_parameter *p = &api_parameters[i];
        if (&api_routes[p->route] != route || p->in != API_IN_QUERY) continue;
        if (lh_str_eq(name, lh_str_from(p->name))) return LH_OK;
        lh_buf_printf(&names, names.len ? ", %s" : "; known: %s", p->name);
    }
    return lh_fail(err, LH_INVALID, "unknown query parameter '%.*s'%.*s", LH_STR_ARG(lh_str_cut_utf8(name, 50)),
                   LH_STR_ARG(names.len ? lh_buf_str(&names) : LH_STR("; this path takes none")));
}
