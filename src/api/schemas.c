/* What bodies look like, as tables; openapi.c writes them down. The bodies of /iceberg/ are Iceberg's own: their
 * specification describes them, here they are "any". */
#include "api/schemas.h"

#define MEMBERS(...) (const api_member[]){__VA_ARGS__}, sizeof((const api_member[]){__VA_ARGS__}) / sizeof(api_member)
#define JSON "application/json"

const api_schema api_schemas[] = {
    {"none", NULL, NULL, NULL, 0},
    {"any", NULL, JSON, NULL, 0},
    {"text", NULL, "text/plain", NULL, 0},
    {"html", NULL, "text/html", NULL, 0},
    {"bytes", NULL, "application/octet-stream", NULL, 0},
    {"error", "Error", JSON, MEMBERS({"error", "$error_body", true, "What went wrong"})},
    {"error_body", "ErrorBody", JSON,
     MEMBERS({"code",
              "invalid|not_found|conflict|denied|limit|no_memory|io|corrupt|unavailable|cancelled|internal|"
              "unauthenticated|method_not_allowed|too_large",
              true, "Stable name of the kind of error"},
             {"message", "string", true, "What, which, and what to do"},
             {"details", "object", true, "line and column (from 1) of the input where there is a place"},
             {"trace_id", "string", true, "To find the request in logs and traces"})},
    {"health", "Health", JSON, MEMBERS({"status", "string", true, "ok"})},
    {"ready", "Ready", JSON,
     MEMBERS({"status", "ready|not ready", true, "ready: every part is"},
             {"parts", "$ready_parts", true, "Each part"})},
    {"ready_parts", "ReadyParts", JSON,
     MEMBERS({"storage", "$ready_part", true, "The bucket answers"},
             {"metastore", "$ready_part", true, "The catalog's log can be read"},
             {"engine", "$ready_part", true, "Statements can run"})},
    {"ready_part", "ReadyPart", JSON,
     MEMBERS({"status", "ok|failed", true, "Does it work"}, {"message", "string", false, "Why not"})},

    {"query", "Query", JSON,
     MEMBERS(
         {"sql", "string", true, "One or more statements; the last one's result is the answer"},
         {"params", "any", false, "Values to bind: an array for ? and $1, an object for $name"},
         {"limit", "integer", false, "At most so many rows; the answer says whether it was cut"},
         {"format", "json|ndjson|csv|arrow", false, "Of the answer; without it the Accept header decides, then json"},
         {"rows", "arrays|objects", false,
          "Each row of a JSON answer as an array in column order (default) or as an object"},
         {"timeout_ms", "integer", false, "The statement is cancelled after so long"})},
    {"rows", "Rows", JSON,
     MEMBERS({"columns", "[$column", true, "In order"}, {"rows", "[any", true, "One array (or object) a row"},
             {"row_count", "integer", true, "Rows in this answer"},
             {"elapsed_ms", "integer", true, "Time in the engine"},
             {"snapshots", "[object", false, "The snapshot of each table that was read"},
             {"truncated", "boolean", true, "There were more rows than the limit"})},
    {"column", "Column", JSON,
     MEMBERS({"name", "string", true, "Its name"}, {"type", "string", true, "The engine's type, as DECIMAL(10,2)"})},

    {"multipart", "IngestForm", "multipart/form-data",
     MEMBERS(
         {"dataset", "string", true, "t or namespace.t"},
         {"mode", "create|append|replace|upsert", false, "create (default) fails when the dataset exists"},
         {"key", "string", false, "upsert: the columns that identify a row, comma-separated"},
         {"format", "csv|tsv|json|ndjson|parquet", false, "Without it the file's name, then its content decides"},
         {"on_error", "fail|quarantine", false, "Bad rows: nothing lands (default), or they go to <dataset>__rejects"},
         {"options", "string", false,
          "A JSON object: delimiter, quote, escape, header, encoding, null, all_varchar, columns, compression, "
          "flatten, flatten_depth, date_format, timestamp_format, skip"},
         {"source", "string", false, "Where it comes from, for the lineage"},
         {"file", "file", true, "The bytes, after the other fields; gzip, zstd and zip are unpacked"})},
    {"ingested", "Ingested", JSON,
     MEMBERS(
         {"dataset", "string", true, "namespace.t"}, {"mode", "string", true, "As done"},
         {"format", "string", true, "As read"}, {"rows", "integer", true, "Rows that landed"},
         {"rejected", "integer", true, "Rows that did not"}, {"bytes", "integer", true, "Of the file as received"},
         {"sha256", "string", true, "Of the same bytes"},
         {"deduplicated", "boolean", true, "The same bytes were there already: nothing changed"},
         {"snapshot_id", "any", true, "The table's snapshot, a number, or null when it has none"},
         {"job_id", "string", true, "Id of this load"}, {"rejects_dataset", "string", false, "Where the bad rows are"},
         {"columns", "[$column", true, "Of the file, as loaded"},
         {"added_columns", "[any", false, "New in the dataset"}, {"widened_columns", "[any", false, "Whose type grew"},
         {"elapsed_ms", "integer", true, "Time of the load"})},
    {"dataset", "Dataset", JSON,
     MEMBERS({"name", "string", true, "Its name"}, {"namespace", "string", true, "Levels joined by a dot"},
             {"format", "string", true, "iceberg"}, {"schema", "[$dataset_column", true, "Its columns"},
             {"row_count", "any", true, "A number; null when not known"}, {"bytes", "any", true, "Of the data files"},
             {"files", "any", true, "Data files"}, {"snapshot_id", "any", true, "Null for one without a snapshot"},
             {"schema_fingerprint", "string", true, "Changes when the schema does"},
             {"created_at", "any", true, "RFC 3339, or null"}, {"updated_at", "any", true, "RFC 3339, or null"},
             {"origin", "any", false, "Where its rows came from"},
             {"location", "string", true, "Of the table in the bucket"})},
    {"dataset_column", "DatasetColumn", JSON,
     MEMBERS({"name", "string", true, "Its name"}, {"type", "any", true, "Iceberg's type"},
             {"nullable", "boolean", true, "May it be null"})},
    {"datasets", "Datasets", JSON,
     MEMBERS({"items", "[$dataset", true, "One page"},
             {"next_page_token", "any", true, "For page_token; null at the end"})},
    {"dataset_register", "DatasetRegister", JSON,
     MEMBERS({"name", "string", true, "t or namespace.t"},
             {"location", "string", false, "A folder, a file, or a metadata.json in the bucket"},
             {"files", "[string", false, "Files in the bucket, instead of location"},
             {"format", "parquet|iceberg", false, "What lies there"})},

    {"expire", "Expire", JSON,
     MEMBERS({"older_than_ms", "integer", false, "Snapshots younger than this stay; 5 days when absent"},
             {"retain_last", "integer", false, "So many of a branch stay in any case; 1 when absent"},
             {"grace_ms", "integer", false,
              "One that was current so long ago stays, for statements that still read it; an hour when absent"},
             {"dry_run", "boolean", false, "Only say what would go"})},
    {"expired", "Expired", JSON,
     MEMBERS({"dataset", "string", true, "namespace.t"}, {"dry_run", "boolean", true, "As asked"},
             {"expired_snapshots", "[integer", true, "Their ids"}, {"expired_refs", "[string", true, "Their names"},
             {"kept_snapshots", "integer", true, "How many are left"},
             {"deleted_files", "integer", true, "Files that only they named"},
             {"deleted_bytes", "integer", true, "As far as manifests tell sizes"})},
    {"orphans", "RemoveOrphans", JSON,
     MEMBERS({"older_than_ms", "integer", false, "Younger files stay; 3 days when absent, an hour at least"},
             {"dry_run", "boolean", false, "Only say what would go"})},
    {"orphaned", "Orphans", JSON,
     MEMBERS({"dataset", "string", true, "namespace.t"}, {"dry_run", "boolean", true, "As asked"},
             {"orphan_files", "integer", true, "How many"}, {"orphan_bytes", "integer", true, "Together"},
             {"files", "[string", true, "Their keys, the first thousand"})},
    {"verified", "Verified", JSON,
     MEMBERS({"items", "[$verified_dataset", true, "One for each dataset of the page"},
             {"next_page_token", "any", true, "For page_token; null at the end"})},
    {"verified_dataset", "VerifiedDataset", JSON,
     MEMBERS({"dataset", "string", true, "namespace.t"}, {"ok", "boolean", true, "Nothing is amiss"},
             {"files", "integer", true, "Files that it names"},
             {"problems", "[any", true, "{file, problem}, the first thousand"})},

    {"object", "Object", JSON,
     MEMBERS({"key", "string", true, "Its key"}, {"size_bytes", "integer", true, "Its size"},
             {"etag", "string", true, "Changes whenever the object does"},
             {"modified_at", "time", true, "When it was written"})},
    {"objects", "Objects", JSON,
     MEMBERS({"items", "[$object", true, "In byte order of their keys"},
             {"next_page_token", "any", true, "For page_token; null at the end"})},

    {"key_create", "KeyCreate", JSON,
     MEMBERS({"name", "string", true, "Whose key, what for"},
             {"permission", "read|write|admin", false, "read when absent"})},
    {"key", "Key", JSON,
     MEMBERS({"id", "string", true, "To revoke it"}, {"name", "string", true, "As given"},
             {"permission", "read|write|admin", true, "What it may do"},
             {"created_at", "time", true, "When it was made"},
             {"key", "string", true, "The key itself: shown once, kept nowhere"})},
    {"key_info", "KeyInfo", JSON,
     MEMBERS({"id", "string", true, "To revoke it"}, {"name", "string", true, "As given"},
             {"permission", "read|write|admin", true, "What it may do"},
             {"created_at", "time", true, "When it was made"})},
    {"keys", "Keys", JSON,
     MEMBERS({"items", "[$key_info", true, "All keys"}, {"next_page_token", "any", true, "null"})},
    {"form", "TokenRequest", "application/x-www-form-urlencoded",
     MEMBERS({"grant_type", "string", true, "client_credentials, or token exchange"},
             {"client_secret", "string", false, "An API key"})},
};
const size_t api_schema_count = sizeof api_schemas / sizeof *api_schemas;

#define QUERY(handler, name, type, help) {API_ROUTE_##handler, API_IN_QUERY, name, type, help}
#define HEADER(handler, name, type, help) {API_ROUTE_##handler, API_IN_HEADER, name, type, help}
#define PAGED(handler)                                                                                                 \
    QUERY(handler, "limit", "integer", "Items of one page"),                                                           \
        QUERY(handler, "page_token", "string", "next_page_token of the page before")
#define ICEBERG_PAGED(handler)                                                                                         \
    QUERY(handler, "pageSize", "integer", "Items of one page"),                                                        \
        QUERY(handler, "pageToken", "string", "next-page-token of the page before")

const api_parameter api_parameters[] = {
    PAGED(api_datasets_list),
    QUERY(api_datasets_list, "filter", "string", "Part of the name"),
    QUERY(api_datasets_list, "namespace", "string", "Only of this namespace"),
    QUERY(api_dataset_delete, "purge", "boolean", "Also delete the files"),
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
    ICEBERG_PAGED(api_iceberg_namespaces),
    QUERY(api_iceberg_namespaces, "parent", "string", "Levels joined by 0x1F"),
    ICEBERG_PAGED(api_iceberg_tables),
    QUERY(api_iceberg_table_load, "snapshots", "all|refs", "refs: only those that branches and tags name"),
    HEADER(api_iceberg_table_load, "If-None-Match", "string", "304 when the table has not changed"),
    QUERY(api_iceberg_table_drop, "purgeRequested", "boolean", "Also delete the files")};
const size_t api_parameter_count = sizeof api_parameters / sizeof *api_parameters;

const api_schema *api_schema_find(const char *name) {
    for (size_t i = 0; i < api_schema_count; i++)
        if (strcmp(api_schemas[i].name, name) == 0) return &api_schemas[i];
    return NULL;
}
