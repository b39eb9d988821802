/* Functions that foreign SQL may not call. The list is of what DuckDB 1.5.5 with our extensions registers as table
 * function, table macro or pragma, less those that only compute or describe the catalog; run_test.c walks
 * duckdb_functions() and fails when one appears that is neither refused nor in the list of the harmless there.
 * Patterns cover families, so that a new read_x or x_scan is refused before anybody lists it. */
#include "engine/sql_guard.h"

static const char *const refused_names[] = {
    /* sorted */
    "add_parquet_key",
    "check_peg_parser",
    "checkpoint",
    "copy_database",
    "current_setting",
    "duckdb_approx_database_count",
    "duckdb_connection_count",
    "duckdb_databases",
    "duckdb_external_file_cache",
    "duckdb_extensions",
    "duckdb_log_contexts",
    "duckdb_logs",
    "duckdb_logs_parsed",
    "duckdb_memory",
    "duckdb_optimizers",
    "duckdb_prepared_statements",
    "duckdb_profiling_settings",
    "duckdb_secret_types",
    "duckdb_secrets",
    "duckdb_settings",
    "duckdb_table_sample",
    "duckdb_temporary_files",
    "duckdb_variables",
    "force_checkpoint",
    "from_substrait",
    "from_substrait_json",
    "getenv",
    "getvariable",
    "glob",
    "histogram_values",
    "iceberg_to_ducklake",
    "import_database",
    "json_execute_serialized_sql",
    "json_serialize_plan",
    "lh_sample",
    "parse_duckdb_log_message",
    "pg_sleep",
    "python_map_function",
    "query",
    "query_table",
    "sql_auto_complete", /* names all tables */
    "set_iceberg_schema_properties",
    "set_iceberg_table_properties",
    "remove_iceberg_schema_properties",
    "remove_iceberg_table_properties",
    "repeat_row",
    "setseed", /* of everybody's random numbers */
    "sleep_ms",
    "stats",
    "test_all_types",
    "test_vector_types",
    "truncate_duckdb_logs",
    "txid_current", /* an internal error in a lake: it asks a catalog that has no transactions of DuckDB's */
    "variant_bytes_to_variant", /* takes any bytes for a variant's own */
    "which_secret",
    "write_log",
};

static bool name_is_listed(const char *lower) {
    for (size_t i = 0; i < sizeof refused_names / sizeof *refused_names; i++)
        if (strcmp(lower, refused_names[i]) == 0) return true;
    return false;
}

static bool starts(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }
static bool ends(const char *s, const char *suffix) {
    size_t len = strlen(s), tail = strlen(suffix);
    return len >= tail && strcmp(s + len - tail, suffix) == 0;
}

/* iceberg_bucket and iceberg_truncate are the partition transforms: plain scalars. */
static bool name_is_family(const char *s) {
    if (starts(s, "iceberg_")) return strcmp(s, "iceberg_bucket") != 0 && strcmp(s, "iceberg_truncate") != 0;
    if (starts(s, "__internal_")) return true; /* the optimizer's, which trust what they are given */
    if (starts(s, "enable_") || starts(s, "disable_")) return true; /* peg_parser: of all connections, at once */
    return starts(s, "read_") || starts(s, "write_") || starts(s, "sniff_") || starts(s, "parquet_") ||
           starts(s, "pragma_") || starts(s, "http_") || starts(s, "postgres_") || starts(s, "mysql_") ||
           starts(s, "sqlite_") || starts(s, "lance_") || starts(s, "delta_") || starts(s, "st_read") ||
           starts(s, "load_aws") || ends(s, "_scan") || ends(s, "_scan_pushdown") || ends(s, "_scan_dumb") ||
           ends(s, "_attach") || ends(s, "_query") || ends(s, "_execute");
}

bool lh_sql_function_allowed(lh_str name) {
    char lower[64];
    if (name.len == 0 || name.len >= sizeof lower) return name.len != 0; /* no refused name is that long */
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    lower[name.len] = '\0';
    if (strcmp(lower, "current_query") == 0) return true;
    return !name_is_listed(lower) && !name_is_family(lower);
}
