/* The guard against DuckDB itself. What the guard lets pass is given to a DuckDB without files and net, as run.c would:
 *   - each statement of the guard is one statement of DuckDB (or the several that it makes of a PIVOT);
 *   - it is of an allowed kind;
 *   - binding it reaches for no file;
 *   - where the guard saw no change, DuckDB has none to make (it is held to a read-only transaction).
 * Nothing is executed. Errors of SQL are fine. Half of the mutations put in, or take out, whole tokens. */
#include "engine/duckdb_fuzz.h"
#include "engine/engine_internal.h"
#include "engine/sql_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size); /* absent in a replay */

static void fuzz_open(void) {
    static const char *const settings[][2] = {{"threads", "1"},
                                              {"memory_limit", "256MB"},
                                              {"autoinstall_known_extensions", "false"},
                                              {"autoload_known_extensions", "false"}};
    static const char *const steps[] = {"ATTACH ':memory:' AS lake",
                                        "USE lake.main",
                                        "CREATE TABLE t (a INTEGER, b VARCHAR, c DATE, d INTEGER[])",
                                        "CREATE TABLE u (a INTEGER, b VARCHAR, id INTEGER)",
                                        "CREATE VIEW v AS SELECT * FROM t",
                                        "SET temp_directory = ''",
                                        "SET enable_external_access = false",
                                        "SET lock_configuration = true"};
    duckdb_config config = NULL;
    assert(duckdb_create_config(&config) == DuckDBSuccess);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        assert(duckdb_set_config(config, settings[i][0], settings[i][1]) == DuckDBSuccess);
    assert(duckdb_open_ext(":memory:", &fuzz_duckdb.database, config, NULL) == DuckDBSuccess);
    duckdb_destroy_config(&config);
    assert(duckdb_connect(fuzz_duckdb.database, &fuzz_duckdb.connection) == DuckDBSuccess);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) fuzz_do(steps[i]);
    atexit(fuzz_close);
}

/* An error of DuckDB that shows what the guard should have stopped: its kind, because the rest may quote the text. */
static void fuzz_check_error(const char *sql, const char *message) {
    static const char *const kinds[] = {"Permission Error",
                                        "IO Error",
                                        "TransactionContext Error" /* a change in a read-only transaction */,
                                        "Invalid Configuration Error",
                                        "HTTP Error",
                                        "Missing Extension Error"};
    for (size_t i = 0; message && i < sizeof kinds / sizeof *kinds; i++) {
        if (!lh_str_starts(lh_str_from(message), lh_str_from(kinds[i]))) continue;
        fprintf(stderr, "passed the guard:\n%s\n%s\n", sql, message);
        abort();
    }
}

static bool fuzz_type_allowed(duckdb_statement_type type) {
    switch ((int)type) {
    case DUCKDB_STATEMENT_TYPE_SELECT:
    case DUCKDB_STATEMENT_TYPE_INSERT:
    case DUCKDB_STATEMENT_TYPE_UPDATE:
    case DUCKDB_STATEMENT_TYPE_DELETE:
    case DUCKDB_STATEMENT_TYPE_MERGE_INTO:
    case DUCKDB_STATEMENT_TYPE_CREATE:
    case DUCKDB_STATEMENT_TYPE_ALTER:
    case DUCKDB_STATEMENT_TYPE_DROP:
    case DUCKDB_STATEMENT_TYPE_EXPLAIN:
    case DUCKDB_STATEMENT_TYPE_TRANSACTION: return true;
    default: return false;
    }
}

/* Made ready to run, not run: with one thread DuckDB waits for the caller to begin. */
static void fuzz_pending(const char *sql, duckdb_prepared_statement prepared) {
    duckdb_pending_result pending = NULL;
    if (duckdb_pending_prepared(prepared, &pending) == DuckDBError)
        fuzz_check_error(sql, duckdb_pending_error(pending));
    duckdb_destroy_pending(&pending);
}

static void fuzz_prepare(const char *sql, duckdb_extracted_statements extracted, idx_t index, bool only, bool writes) {
    duckdb_prepared_statement prepared = NULL;
    if (duckdb_prepare_extracted_statement(fuzz_duckdb.connection, extracted, index, &prepared) == DuckDBError) {
        fuzz_check_error(sql, duckdb_prepare_error(prepared));
    } else {
        duckdb_statement_type type = duckdb_prepared_statement_type(prepared);
        if (!fuzz_type_allowed(type)) fprintf(stderr, "statement of type %d: %s\n", (int)type, sql);
        assert(fuzz_type_allowed(type));
        if (only && !writes && type != DUCKDB_STATEMENT_TYPE_TRANSACTION) fuzz_pending(sql, prepared);
    }
    duckdb_destroy_prepare(&prepared);
}

static void fuzz_statement(const lh_sql_scan *scan, size_t index) {
    const lh_sql_statement *statement = &scan->statements[index];
    bool writes = statement->writes, pivot = false;
    for (size_t i = 0; i < scan->table_count; i++)
        writes |= scan->tables[i].statement == index && scan->tables[i].write;
    for (size_t i = 0; i + 5 <= statement->text.len; i++)
        pivot |= lh_str_eq_nocase(lh_str_sub(statement->text, i, 5), LH_STR("pivot"));
    char *sql = malloc(statement->text.len + 1);
    assert(sql);
    memcpy(sql, statement->text.ptr, statement->text.len);
    sql[statement->text.len] = '\0';
    duckdb_extracted_statements extracted = NULL;
    idx_t count = duckdb_extract_statements(fuzz_duckdb.connection, sql, &extracted);
    if (count > 1 && !pivot) fprintf(stderr, "%d statements: %s\n", (int)count, sql);
    assert(count <= 1 || pivot);
    for (idx_t i = 0; i < count; i++) {
        fuzz_do("BEGIN TRANSACTION READ ONLY");
        fuzz_prepare(sql, extracted, i, count == 1, writes);
        fuzz_do("ROLLBACK");
    }
    duckdb_destroy_extracted(&extracted);
    free(sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_sql_scan scan;
    if (!fuzz_duckdb.database) fuzz_open();
    if (size > 4096 || lh_arena_new(16 << 20, &arena, NULL) != LH_OK) return 0;
    if (lh_sql_scan_guarded((lh_str){(const char *)data, size}, arena, &scan, NULL) != LH_OK) return 0;
    for (size_t i = 0; i < scan.statement_count && i < 16; i++) fuzz_statement(&scan, i);
    return 0;
}

/* clang-format off */
static const char *const fuzz_tokens[] = {
    "SELECT", "FROM", "WHERE", "JOIN", "LEFT JOIN", "CROSS JOIN", "POSITIONAL JOIN", "ASOF JOIN", "ON", "USING", "LATERAL", "ONLY", "VALUES", "TABLE", "WITH",
    "RECURSIVE", "MATERIALIZED", "AS", "UNION", "ALL", "BY NAME", "EXCEPT", "ORDER BY", "GROUP BY", "HAVING", "QUALIFY", "WINDOW", "LIMIT", "OFFSET",
    "TABLESAMPLE", "WITH ORDINALITY", "AT", "VERSION", "PIVOT", "UNPIVOT", "PIVOT_WIDER", "IN", "FOR", "INTO NAME", "DESCRIBE", "SUMMARIZE", "SHOW", "EXPLAIN",
    "ANALYZE", "INSERT INTO", "UPDATE", "SET", "DELETE", "MERGE INTO", "WHEN", "MATCHED", "NOT", "THEN", "DO", "RETURNING", "TRUNCATE", "CREATE", "OR REPLACE",
    "TEMP", "IF NOT EXISTS", "VIEW", "SCHEMA", "MACRO", "TYPE", "ALTER", "DROP", "RENAME TO", "CALL", "COPY", "ATTACH", "LOAD", "PRAGMA", "USE", "DISTINCT", "IS",
    "EXISTS", "CASE", "END", "CAST", "extract", "trim", "array", "LAMBDA", "COLUMNS", "EXCLUDE", "FILTER", "OVER", "DEFAULT", "BEGIN", "COMMIT", ";", "(", ")", "[", "]",
    "{", "}", ",", ".", ":", "::", "=>", ":=", "=", "*", "?", "$1", "$a$", "'x.csv'", "E'x'", "\"x.csv\"", "\"t\"", "read_csv('x')", "read_text", "glob", "t", "u", "a", "b",
    "lake.main.", "main.", "memory.", "-- x\n", "/* x */", "'a'", "1", "1.5", "AND", "END", "NULLS LAST", "INTERVAL", "x.csv", "information_schema.tables",
};
/* clang-format on */

static bool fuzz_is_boundary(const uint8_t *data, size_t size, size_t at) {
    const char *breaks = " \n\t,;()[]{}'\".:=";
    return at == 0 || at >= size || !data[at] || strchr(breaks, data[at]) || !data[at - 1] ||
           strchr(breaks, data[at - 1]);
}

static size_t fuzz_boundary(const uint8_t *data, size_t size, size_t at) {
    while (at < size && !fuzz_is_boundary(data, size, at)) at++;
    return at;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (seed % 2 == 0 && LLVMFuzzerMutate) return LLVMFuzzerMutate(data, size, max_size);
    seed = seed / 2 * 2654435761u;
    const char *word = fuzz_tokens[seed % (sizeof fuzz_tokens / sizeof *fuzz_tokens)];
    size_t len = strlen(word), from = fuzz_boundary(data, size, (seed >> 8) % (size + 1)), to = from;
    unsigned act = seed >> 29;
    if (act < 3) to = fuzz_boundary(data, size, from + 1 < size ? from + 1 : size); /* in the place of a token */
    if (act == 0) len = 0;
    size_t tail = size - to;
    if (from + len + 2 + tail > max_size) return size;
    size_t at = from + len + (len ? 2 : 0);
    memmove(data + at, data + to, tail);
    if (len) {
        data[from] = data[from + len + 1] = ' ';
        memcpy(data + from + 1, word, len);
    }
    return at + tail;
}
