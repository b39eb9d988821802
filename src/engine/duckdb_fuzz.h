/* Fuzzers only: a DuckDB in memory, opened once, and statements that must succeed on it. */
#ifndef LH_ENGINE_DUCKDB_FUZZ_H
#define LH_ENGINE_DUCKDB_FUZZ_H
#include <assert.h>
#include <duckdb.h>
#include <stdio.h>

const char *__lsan_default_suppressions(void);                                               /* NOLINT */
const char *__lsan_default_suppressions(void) { return "leak:libduckdb\nleak:libstdc++\n"; } /* NOLINT */

static struct {
    duckdb_database database;
    duckdb_connection connection;
} fuzz_duckdb;

static void fuzz_do(const char *sql) {
    duckdb_result result;
    bool done = duckdb_query(fuzz_duckdb.connection, sql, &result) == DuckDBSuccess;
    if (!done) fprintf(stderr, "%s: %s\n", sql, duckdb_result_error(&result));
    assert(done);
    duckdb_destroy_result(&result);
}

static void fuzz_close(void) {
    duckdb_disconnect(&fuzz_duckdb.connection);
    duckdb_close(&fuzz_duckdb.database);
}
#endif
