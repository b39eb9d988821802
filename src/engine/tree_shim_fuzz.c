/* Any text that the guard and DuckDB's parser let pass, walked: no crash; what is told lies within the text; walking again
 * tells the same; and what DuckDB can bind it can bind, too, when each table that was told is replaced by a query over its
 * full name, in a search path without tables: so no reference was missed and none taken for a query's. Nothing is run. */
#include "engine/duckdb_fuzz.h"
#include "engine/engine_internal.h"
#include "engine/sql_guard.h"
#include "engine/tree_shim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    size_t told, len;
    uint64_t digest;
    bool put;
    char query[4300];
} fuzz_walk;

static void fuzz_open(void) {
    static const char *const steps[] = {"SET threads = 1",
                                        "ATTACH ':memory:' AS lake",
                                        "CREATE SCHEMA lake.void",
                                        "CREATE TABLE lake.main.t (a INTEGER, b VARCHAR, c DATE, d INTEGER[])",
                                        "CREATE TABLE lake.main.u (a INTEGER, b VARCHAR, id INTEGER)",
                                        "CREATE TABLE lake.main.h (z INTEGER)",
                                        "SET enable_external_access = false",
                                        "USE lake.main"};
    assert(duckdb_open(NULL, &fuzz_duckdb.database) == DuckDBSuccess);
    assert(duckdb_connect(fuzz_duckdb.database, &fuzz_duckdb.connection) == DuckDBSuccess);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) fuzz_do(steps[i]);
    atexit(fuzz_close);
}

static void fuzz_mix(fuzz_walk *walk, const char *text) {
    assert(text);
    for (; *text; text++) walk->digest = (walk->digest ^ (unsigned char)*text) * 1099511628211u;
    walk->digest *= 31;
}

static tree_act fuzz_tell(void *ctx, const tree_ref *ref, tree_put *put) {
    fuzz_walk *walk = ctx;
    walk->told++;
    fuzz_mix(walk, ref->catalog), fuzz_mix(walk, ref->schema), fuzz_mix(walk, ref->table), fuzz_mix(walk, ref->alias);
    assert(ref->place >= -1 && ref->place <= (int64_t)walk->len && ref->use <= TREE_LISTING);
    static const char *const tables[] = {"t", "u", "h"};
    const char *known = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (lh_str_eq_nocase(lh_str_from(ref->table), lh_str_from(tables[i]))) known = tables[i];
    if (!walk->put || !known || ref->use != TREE_READ || ref->schema[0]) return TREE_KEEP;
    snprintf(walk->query, sizeof walk->query, "SELECT * FROM lake.main.%s %s", known, ref->at);
    put->query = walk->query;
    return TREE_PUT_QUERY;
}

static bool fuzz_binds(duckdb_extracted_statements extracted, char *ret_error, size_t size) {
    duckdb_prepared_statement prepared = NULL;
    bool bound = duckdb_prepare_extracted_statement(fuzz_duckdb.connection, extracted, 0, &prepared) == DuckDBSuccess;
    if (!bound) snprintf(ret_error, size, "%s", duckdb_prepare_error(prepared));
    duckdb_destroy_prepare(&prepared);
    return bound;
}

/* One statement that only reads; a PIVOT that is several would have to be run. */
static void fuzz_replaced(const char *sql, const fuzz_walk *once) {
    duckdb_extracted_statements before = NULL, after = NULL;
    fuzz_walk walk = {.len = once->len, .put = true};
    tree_outcome outcome;
    char error[300] = "";
    (void)duckdb_extract_statements(fuzz_duckdb.connection, sql, &before);
    (void)duckdb_extract_statements(fuzz_duckdb.connection, sql, &after);
    tree_code code = tree_shim_walk(after, fuzz_tell, &walk, &outcome);
    assert(code == TREE_OK || code == TREE_STAR);
    assert(walk.told == once->told && walk.digest == once->digest);
    if (code == TREE_OK && fuzz_binds(before, error, sizeof error)) {
        fuzz_do("USE lake.void");
        bool found = fuzz_binds(after, error, sizeof error) || !strstr(error, "Catalog Error: Table with name");
        fuzz_do("USE lake.main");
        if (!found) fprintf(stderr, "%s\n%s\n", sql, error);
        assert(found);
    }
    duckdb_destroy_extracted(&before);
    duckdb_destroy_extracted(&after);
}

static void fuzz_statement(const lh_sql_statement *statement) {
    char *sql = strndup(statement->text.ptr, statement->text.len);
    duckdb_extracted_statements extracted = NULL;
    fuzz_walk walk = {.len = statement->text.len};
    tree_outcome outcome;
    assert(sql);
    idx_t count = duckdb_extract_statements(fuzz_duckdb.connection, sql, &extracted);
    if (count > 0) {
        tree_code code = tree_shim_walk(extracted, fuzz_tell, &walk, &outcome);
        assert(code == TREE_OK || code == TREE_UNKNOWN);
        assert(code != TREE_OK || (outcome.told == walk.told && outcome.replaced == 0));
        if (code == TREE_OK && count == 1 && statement->verb == LH_VERB_QUERY) fuzz_replaced(sql, &walk);
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
    for (size_t i = 0; i < scan.statement_count && i < 16; i++) fuzz_statement(&scan.statements[i]);
    return 0;
}
