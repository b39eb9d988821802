/* Any text as a row filter: no crash; what is let pass is let pass again in its normal form, the same; and what also binds
 * over columns of many types raises no error, whatever the rows hold. */
#include "base/fuzz.h"
#include "engine/duckdb_fuzz.h"
#include "engine/engine_internal.h"
#include "engine/filter_shim.h"
#include "engine/functions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_open(void) {
    static const char *const steps[] = {
        "SET threads = 1",
        "CREATE TABLE t (a INTEGER, b VARCHAR, c DATE, d INTEGER[], e DOUBLE, f BOOLEAN, g DECIMAL(18, 3), h BIGINT, s "
        "STRUCT(x VARCHAR, y INTEGER), u UUID, v TIMESTAMP, w UTINYINT)",
        "INSERT INTO t VALUES (2147483647, 'x', '9999-12-31', [1], 'nan', true, 999999999999999.999, "
        "9223372036854775807, "
        "{'x': 'a', 'y': 1}, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '2262-01-01', 255)",
        "INSERT INTO t VALUES (-2147483648, '', '0001-01-01', [], '-inf', false, -999999999999999.999, "
        "-9223372036854775808, {'x': '', 'y': -1}, '00000000-0000-0000-0000-000000000000', '-infinity', 0)",
        "INSERT INTO t VALUES (0, '%_\\', 'infinity', [NULL], 1e308, NULL, 0, 0, NULL, NULL, 'infinity', 1)",
        "INSERT INTO t (b) VALUES ('\xF0\x9F\xA4\xA6'), ('0'), ('2024-13-01'), (chr(0)), (repeat('x', 300))",
        "INSERT INTO t (a) VALUES (NULL)",
        "SET enable_external_access = false"};
    assert(duckdb_open(NULL, &fuzz_duckdb.database) == DuckDBSuccess);
    assert(duckdb_connect(fuzz_duckdb.database, &fuzz_duckdb.connection) == DuckDBSuccess);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) fuzz_do(steps[i]);
    atexit(fuzz_close);
}

static bool fuzz_is_total(void *ctx, const char *function) {
    (void)ctx;
    return lh_sql_function_find(lh_str_from(function)) == LH_SQL_FUNCTION_TOTAL;
}

static void fuzz_run(lh_str filter) {
    const filter_out out = {.is_total = fuzz_is_total};
    filter_outcome outcome;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(1 << 20);
    char message[2048];
    lh_buf_printf(&sql, "SELECT %.*s FROM t", LH_STR_ARG(filter));
    lh_buf_char(&sql, '\0');
    if (filter_shim_bind(fuzz_duckdb.connection, sql.ptr, &out, &outcome, message, sizeof message) != FILTER_OK) return;
    fuzz_do(sql.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_filter filter, again;
    lh_error err = {0};
    if (!fuzz_duckdb.database) fuzz_open();
    if (lh_arena_new(4 << 20, &arena, NULL) != LH_OK) return 0;
    const lh_str text = {(const char *)data, size};
    lh_code code = lh_engine_filter_check(text, NULL, 0, arena, &filter, &err);
    assert(code == LH_OK || code == LH_INVALID);
    if (code != LH_OK) return lh_fuzz_told(code, &err), 0;
    assert(lh_engine_filter_check(filter.text, NULL, 0, arena, &again, &err) == LH_OK);
    assert(lh_str_eq(filter.text, again.text));
    assert(filter.column_count == again.column_count);
    fuzz_run(filter.text);
    return 0;
}
