/* What foreign SQL may and may not do. Each refused text is one that DuckDB would run (but for a few that only look
 * dangerous); each allowed one is what a user writes. */
#include "base/test.h"
#include "engine/engine.h"
#include "engine/sql_guard.h"

#include <duckdb.h>

/* clang-format off */
static const char *const refused[] = {
    /* statements */
    "ATTACH 'x.db'", "attach\n/* c */ ':memory:' as y", "DETACH lake", "COPY t TO 'x.csv'", "COPY (SELECT 1) TO 'x.csv'", "copy t from 'x.csv'",
    "COPY FROM DATABASE lake TO memory", "EXPORT DATABASE 'd'", "IMPORT DATABASE 'd'", "INSTALL httpfs", "FORCE INSTALL httpfs", "LOAD httpfs",
    "SET threads = 1", "SET VARIABLE x = 1", "SET SESSION memory_limit = '1GB'", "RESET threads", "PRAGMA version", "pragma database_list",
    "SELECT __internal_decompress_string(a) FROM t", "SELECT Variant_Bytes_To_Variant(b) FROM t", "SELECT txid_current()",
    "CALL duckdb_secrets()", "CALL range(3)", "CHECKPOINT", "FORCE CHECKPOINT", "VACUUM", "ANALYZE", "USE memory", "PREPARE p AS SELECT 1",
    "EXECUTE p", "DEALLOCATE p", "CREATE SECRET s (TYPE s3)", "CREATE OR REPLACE PERSISTENT SECRET s (TYPE s3)", "DROP SECRET s",
    "CREATE MACRO m(a) AS a", "CREATE FUNCTION f(a) AS a", "CREATE OR REPLACE MACRO m() AS TABLE SELECT 1", "CREATE TEMP TABLE t (a INT)",
    "CREATE OR REPLACE TEMPORARY TABLE t (a INT)", "CREATE TEMP VIEW v AS SELECT 1", "CREATE TYPE e AS ENUM ('a')", "CREATE SEQUENCE s",
    "CREATE INDEX i ON t (a)", "DROP INDEX i", "DROP TYPE e", "DROP MACRO m", "UPDATE EXTENSIONS", "UPDATE extensions (httpfs)", "COMMENT ON TABLE t IS 'x'", "ALTER DATABASE lake SET a",
    "SELECT 1; SET threads = 1", "SELECT 1;; /* a */ ; COPY t TO 'x'", "/* SELECT */ COPY t TO 'x'", "-- SELECT\nCOPY t TO 'x'",
    "EXPLAIN COPY t TO 'x.csv'", "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'", "EXPLAIN (FORMAT json) COPY t TO 'x'", "explain (analyze) SET threads=1",
    "EXPLAIN ANALYZE EXPLAIN COPY t TO 'x'",
    /* functions */
    "SELECT * FROM read_csv('x.csv')", "FROM READ_CSV('x')", "FROM ReAd_PaRqUeT('x')", "FROM read_text('/etc/passwd')", "FROM read_blob ('x')",
    "FROM read_csv\n-- c\n('x')", "FROM read_csv/* '( */('x')", "FROM \"read_csv\"('x')", "FROM \"READ_JSON\" /**/ ('x')", "FROM main.read_csv('x')",
    "FROM system.main.read_csv('x')", "FROM \"system\".\"main\".\"read_csv\"('x')", "FROM a: read_csv('x')", "FROM 'a': read_csv('x')",
    "FROM parquet_scan('x')", "FROM parquet_metadata('x')", "FROM iceberg_scan('x')", "FROM iceberg_metadata('x')", "FROM glob('/*')", "FROM sniff_csv('x')",
    "FROM read_duckdb('x')", "FROM read_avro('x')", "FROM arrow_scan(1, 2, 3)", "FROM pandas_scan(1)", "FROM seq_scan('t')", "FROM query('SELECT 1')",
    "FROM query_table('t')", "FROM json_execute_serialized_sql('x')", "FROM duckdb_secrets()", "FROM which_secret('x', 's3')", "FROM duckdb_settings()",
    "FROM duckdb_logs", "FROM system.main.duckdb_logs", "FROM duckdb_databases()", "SELECT current_setting('threads')", "SELECT getenv('HOME')",
    "FROM enable_peg_parser()", "FROM sql_auto_complete('x')", "SELECT setseed(.5)", "SELECT stats(1)", "SELECT sleep_ms(1000)", "SELECT pg_sleep(1)",
    "SELECT getvariable('x')", "SELECT write_log('x')", "FROM pragma_database_size()", "FROM pragma_table_info('t')", "FROM pragma_database_list",
    "SELECT (SELECT count(*) FROM read_csv('x'))", "SELECT * FROM (SELECT * FROM (FROM read_csv('x')))", "WITH a AS (FROM read_csv('x')) FROM a",
    "SELECT * FROM t, read_csv('x')", "SELECT * FROM t JOIN read_csv('x') ON true", "SELECT * FROM t, LATERAL (FROM read_csv(t.p))",
    "INSERT INTO t SELECT * FROM read_csv('x')", "CREATE TABLE t AS FROM read_csv('x')", "CREATE VIEW v AS FROM read_text('x')",
    "UPDATE t SET a = 1 FROM read_csv('x')", "DELETE FROM t USING read_csv('x')", "MERGE INTO t USING read_csv('x') s ON true WHEN MATCHED THEN DELETE",
    "PIVOT read_csv('x') ON a", "SELECT 1 UNION ALL FROM read_csv('x')", "SELECT * FROM t WHERE a IN (FROM read_text('x'))", "VALUES ((FROM read_text('x')))",
    "EXPLAIN ANALYZE FROM read_csv('x')", "SELECT 1 AS delete FROM read_csv('x')", "SELECT 1 AS into FROM read_csv('x')", "SELECT 1 AS update FROM read_csv('x')",
    "CALL enable_logging()", "FROM enable_profiling()", "FROM set_iceberg_table_properties('t', {})", "FROM postgres_scan('a','b','c')", "FROM http_get('x')",
    /* strings and names that are files */
    "FROM 'x.csv'", "SELECT * FROM 'x.csv'", "SELECT * FROM /* c */ 'x.parquet'", "SELECT * FROM\n--c\n'x.csv'", "FROM E'x.csv'", "FROM $$x.csv$$", "FROM $a$x.csv$a$",
    "FROM \"x.csv\"", "FROM \"/etc/passwd\"", "FROM \"s3://b/x\"", "FROM x.csv", "FROM main.json", "FROM \"/abs/x\".csv", "FROM 'https://h/x.csv'", "FROM \"dir/*\"",
    "SELECT * FROM t, 'x.csv'", "SELECT * FROM t AS a, 'x.csv'", "SELECT * FROM t AS set, 'x.csv'", "SELECT * FROM t a(b, c), 'x.csv'",
    "SELECT * FROM t values (a), 'x.csv'", "SELECT * FROM range(3) WITH ORDINALITY, 'x.csv'", "SELECT * FROM (SELECT 1), 'x.csv'", "SELECT * FROM ((t)), 'x.csv'",
    "SELECT * FROM (VALUES (1, 'a')) v, 'x.csv'", "SELECT * FROM VALUES (1) v, 'x.csv'", "SELECT * FROM t JOIN u ON a = 1, 'x.csv'", "SELECT * FROM t JOIN u USING (a), 'x.csv'",
    "SELECT * FROM t JOIN u ON u.where = 1, 'x.csv'", "SELECT * FROM t JOIN u ON a.\"x\".where, 'x.csv'", "SELECT * FROM t TABLESAMPLE 10%, 'x.csv'",
    "SELECT * FROM t AT (VERSION => 1), 'x.csv'", "SELECT * FROM t JOIN 'x.csv' ON true", "SELECT * FROM t LEFT JOIN (u JOIN 'x.csv' ON true) ON true",
    "SELECT * FROM t POSITIONAL JOIN 'x.csv'", "SELECT * FROM ('x.csv')", "SELECT * FROM a: 'x.csv'", "SELECT * FROM t, a : 'x.csv'", "SELECT * FROM ONLY 'x.csv'",
    "SELECT (FROM 'x.csv')", "SELECT * FROM t WHERE EXISTS (FROM 'x.csv')", "SELECT * FROM t WHERE a IN (SELECT 1 FROM 'x.csv')", "WITH a AS (FROM 'x.csv') SELECT * FROM a",
    "SELECT 1 UNION ALL BY NAME FROM 'x.csv'", "SELECT 1 UNION TABLE 'x.csv'", "TABLE 'x.csv'", "TABLE \"x.csv\"", "DESCRIBE 'x.csv'", "DESC 'x.csv'", "SUMMARIZE 'x.csv'",
    "SHOW 'x.csv'", "DESCRIBE FROM 'x.csv'", "SELECT * FROM (DESCRIBE 'x.csv')", "SELECT * FROM (SUMMARIZE 'x.csv')", "PIVOT 'x.csv' ON a", "PIVOT a: 'x.csv' ON b",
    "PIVOT 'a': 'x.csv' ON b", "UNPIVOT 'x.csv' ON a", "PIVOT_WIDER 'x.csv' ON a", "FROM (PIVOT 'x.csv' ON a)", "INSERT INTO t FROM 'x.csv'", "INSERT INTO t TABLE 'x.csv'",
    "INSERT INTO 'x.csv' VALUES (1)", "UPDATE 'x.csv' SET a = 1", "UPDATE t SET a = 1 FROM 'x.csv'", "DELETE FROM 'x.csv'", "DELETE FROM t USING 'x.csv'", "TRUNCATE 'x.csv'",
    "MERGE INTO t USING 'x.csv' s ON true WHEN MATCHED THEN DELETE", "CREATE TABLE t AS FROM 'x.csv'", "CREATE TABLE t AS TABLE 'x.csv'", "CREATE VIEW v AS FROM 'x.csv'",
    "EXPLAIN FROM 'x.csv'", "EXPLAIN (SELECT * FROM 'x.csv')", "SELECT array(FROM 'x.csv')", "SELECT [x FOR x IN (FROM 'x.csv')]", "SELECT {'a': (FROM 'x.csv')}",
    "SELECT trim((FROM 'x.csv'))", "INSERT INTO overlay (SELECT j FROM 'x.json' j)", "INSERT INTO trim (FROM 'x.csv')",
    "INSERT INTO t AS extract (SELECT 1 FROM 'x.csv')", "SELECT * FROM substring, (FROM 'x.csv')", "INSERT INTO overlay ((SELECT 1) UNION SELECT a FROM 'x.csv')",
    "INSERT INTO overlay ((SELECT 1) UNION FROM 'x.csv')", "WITH trim AS (SELECT 1 FROM 'x.csv') FROM trim", "SELECT * FROM trim(FROM 'x.csv')",
    "FROM histogram_values('x', a)", "FROM histogram('\"x.csv\"', a)", "SELECT * FROM t, main.histogram('u', a)", "FROM pg_settings", "FROM pg_catalog.pg_settings",
    "FROM pg_catalog.pg_prepared_statements", "FROM t SELECT a UNION FROM 'x.csv'",
    /* targets outside the lake */
    "INSERT INTO memory.main.t VALUES (1)", "CREATE TABLE memory.t (a INT)", "CREATE TABLE IF NOT EXISTS \"memory\".main.t (a INT)", "CREATE TABLE temp.t (a INT)",
    "CREATE SCHEMA memory.s", "CREATE VIEW system.main.v AS SELECT 1", "UPDATE memory.t SET a = 1", "DELETE FROM Memory.main.t", "DROP TABLE memory.t", "ALTER TABLE temp.t ADD COLUMN a INT",
    "TRUNCATE memory.t", "TRUNCATE TABLE memory.t", "MERGE INTO memory.t USING s ON true WHEN MATCHED THEN DELETE", "WITH a AS (SELECT 1) INSERT INTO memory.t FROM a",
};

static const char *const invalid[] = {
    "", "   ", ";", "-- only a comment", "/* open", "SELECT 'open", "SELECT \"open", "SELECT $$open", "SELECT (1", "SELECT 1)", "SELECT (1;2)",
    "FROM\xC2\xA0'x.csv'", "SELECT * FROM t AS a\xC2\xA0where, 'x.csv'", "SELECT 1\xE2\x80\x83", "FROM\xEF\xBB\xBFread_csv('x')", "SELECT 1FROM t", "SELECT 0x1from t",
    "SELECT U&'\\0041'", "SELECT * FROM U&\"t\"", "SELECT E'a'\n'b\\'c'", "SELECT \x01", "SELECT '\xFF'", "SELECT 1\vFROM t",
};

static const char *const allowed[] = {
    "SELECT 1", "select a, b from t where a = 'x.csv' order by b desc limit 10", "SELECT * FROM main.t", "SELECT * FROM lake.main.t", "FROM t", "TABLE t", "VALUES (1, 'a'), (2, 'b')",
    "SELECT * FROM \"my table\"", "SELECT \"km/h\", \"a.csv\" FROM t", "SELECT 'x.csv' AS f, 'FROM ''x''' FROM t", "WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b",
    "SELECT count(*), sum(x) FROM t GROUP BY ALL HAVING count(*) > 1", "SELECT * FROM t, u WHERE t.a = u.a AND t.f IN ('a.csv', 'b.csv')", "SELECT * FROM t JOIN u USING (a, b)",
    "SELECT * FROM t LEFT JOIN u ON t.a = u.a AND u.b = 'x' WHERE u.c IS DISTINCT FROM 'y'", "SELECT histogram(a) FROM t", "SELECT extract(year FROM d), substring('abc' FROM 2), trim(BOTH 'x' FROM 'xax') FROM t",
    "SELECT * FROM range(10), generate_series(1, 3) g(i), unnest([1, 2])", "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(x, y)", "SELECT * FROM t AT (VERSION => 12)",
    "SELECT * FROM t AT (TIMESTAMP => TIMESTAMP '2026-01-01')", "SELECT a::VARCHAR, b[1:2], {'k': 'v'}, MAP {'a': 'b'} FROM t", "SELECT x -> 'a' ->> 'b' FROM t",
    "SELECT list_transform(l, lambda x: x + 1), l.list_sum() FROM t", "SELECT * EXCLUDE (a) REPLACE ('x' AS b) FROM t", "SELECT COLUMNS('a.*') FROM t", "FROM t SELECT a, 'x' WHERE b",
    "SELECT row_number() OVER (PARTITION BY a ORDER BY b DESC) FROM t QUALIFY 1 = 1", "PIVOT t ON a USING sum(b)", "PIVOT t ON a IN ('x', 'y') USING first(b)",
    "UNPIVOT t ON a, b INTO NAME n VALUE v", "SELECT * FROM t PIVOT (sum(a) FOR b IN ('x', 'y'))", "DESCRIBE t", "DESCRIBE SELECT 1", "SUMMARIZE t", "SHOW TABLES", "SHOW ALL TABLES",
    "SHOW TABLES FROM lake.main", "EXPLAIN SELECT * FROM t", "EXPLAIN ANALYZE SELECT 1", "EXPLAIN (FORMAT json) SELECT 1", "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    "INSERT INTO t (a, b) SELECT a, 'x' FROM u", "INSERT INTO t BY NAME SELECT 1 AS a", "INSERT INTO query (a) VALUES (1)", "UPDATE t SET a = 'x', b = 'y.csv' WHERE c = 1",
    "UPDATE t SET a = u.a FROM u WHERE t.id = u.id", "DELETE FROM t WHERE a IN ('x', 'y')", "DELETE FROM t USING u WHERE t.a = u.a", "TRUNCATE t", "TRUNCATE TABLE main.t", "UPDATE extensions SET a = 1", "UPDATE extensions e SET a = 1",
    "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET b = 'x', c = 'y' WHEN NOT MATCHED THEN INSERT VALUES (u.a, 'z', 'w')",
    "MERGE INTO t USING (SELECT 1 AS a) s ON t.a = s.a WHEN MATCHED THEN DELETE", "CREATE TABLE t (a INT, b VARCHAR DEFAULT 'x', c DECIMAL(10, 2))", "CREATE TABLE IF NOT EXISTS main.t (a INT)",
    "CREATE OR REPLACE TABLE t AS SELECT * FROM u", "CREATE TABLE t AS FROM u", "CREATE SCHEMA s", "CREATE SCHEMA IF NOT EXISTS s", "CREATE VIEW v AS SELECT 1", "DROP TABLE IF EXISTS t",
    "DROP VIEW v", "DROP SCHEMA s CASCADE", "ALTER TABLE t ADD COLUMN c VARCHAR", "ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE t RENAME TO u", "ALTER TABLE t ALTER a TYPE BIGINT",
    "BEGIN; INSERT INTO t VALUES (1); COMMIT", "BEGIN TRANSACTION; ROLLBACK", "START TRANSACTION; ABORT", "SELECT 1; SELECT 2;", "/* a /* nested */ comment */ SELECT 1 -- end",
    "SELECT $$read_csv('x')$$, E'it\\'s', 'read_csv(''x'')'", "SELECT * FROM t WHERE a = $1 AND b = ? AND c = $name", "SELECT 'a' 'b' FROM t", "SELECT 1_000, 1.5, .5, 5., 1e3, 1E-3",
    "SELECT * FROM information_schema.tables", "SELECT * FROM duckdb_tables()", "SELECT * FROM duckdb_columns()", "WITH x AS (SELECT 1 AS a) INSERT INTO t SELECT * FROM x",
    "SELECT * FROM t ORDER BY a DESC, 'x'", "SELECT iceberg_bucket(a, 3) FROM t", "(SELECT 1) UNION (SELECT 2)", "SELECT CASE WHEN a THEN 'x' ELSE 'y' END FROM t",
    "SELECT \"sel\"\"ect\", größe FROM \"tübingen\"", "SELECT a$b FROM t", "SELECT * FROM t ASOF JOIN u ON t.a >= u.a", "SELECT * FROM json_each('{}')", "SELECT $1, $12",
};
/* clang-format on */

static lh_code guard(const char *sql, lh_error *err) { return lh_sql_guard(lh_str_from(sql), err); }

static void test_engine__refuses_what_reaches_out_of_the_lake(void) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        lh_error err = {0};
        lh_code code = guard(refused[i], &err);
        if (code != LH_DENIED) print_error("%s: %s\n", refused[i], lh_code_name(code));
        CHECK(code == LH_DENIED);
        CHECK(err.line > 0 && err.column > 0 && err.message[0]);
    }
}

static void test_engine__refuses_text_that_two_readers_could_read_differently(void) {
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        lh_code code = guard(invalid[i], NULL);
        if (code != LH_INVALID) print_error("%s: %s\n", invalid[i], lh_code_name(code));
        CHECK(code == LH_INVALID);
    }
    CHECK(lh_sql_guard(LH_STR("SELECT 1\0; COPY t TO 'x'"), NULL) == LH_INVALID);
}

static void test_engine__a_slip_of_the_pen_is_a_syntax_error_with_its_place(void) {
    static const struct {
        const char *sql, *message;
        uint64_t line, column;
    } slips[] = {
        {"selct 1", "SQL: syntax error at or near \"selct\"; did you mean select?", 1, 1},
        {"SELECT 1;\n  FROMM m", "SQL: syntax error at or near \"FROMM\"; did you mean from?", 2, 3},
        {"1+1", "SQL: syntax error at or near \"1\"", 1, 1},
        {"?", "SQL: syntax error at or near \"?\"", 1, 1},
        {"'text'", "SQL: syntax error at or near \"'text'\"", 1, 1},
        {"EXPLAIN updat t SET a = 1", "SQL: syntax error at or near \"updat\"; did you mean update?", 1, 9},
        {"EXPLAIN", "SQL: syntax error at the end", 1, 8},
        {"CREATE tabel x (a INT)", "SQL: syntax error at or near \"tabel\"; did you mean table?", 1, 8},
        {"DROP", "SQL: syntax error at the end", 1, 5},
        {"größe", "SQL: syntax error at or near \"größe\"", 1, 1},
        {"\"select\" 1", "SQL: syntax error at or near \"\"select\"\"", 1, 1},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        lh_error err = {0};
        CHECK(guard(slips[i].sql, &err) == LH_INVALID);
        CHECK_STR(lh_str_from(err.message), lh_str_from(slips[i].message));
        CHECK(err.line == slips[i].line && err.column == slips[i].column);
    }
}

/* Each word of DuckDB's grammar behind `before` and before a bracket that nothing opens: where DuckDB's parser stumbles over
 * the word itself it may be a slip, where it gets as far as the bracket it is a word that must be denied, or allowed. */
static size_t check_keywords(duckdb_connection connection, const char *before) {
    duckdb_result words;
    size_t slips = 0, wrongs = 0;
    CHECK(duckdb_query(connection, "SELECT keyword_name FROM duckdb_keywords()", &words) == DuckDBSuccess);
    for (idx_t i = 0; i < duckdb_row_count(&words); i++) {
        char *word = duckdb_value_varchar(&words, 0, i), text[80], near[80];
        snprintf(text, sizeof text, "%s%s )", before, word);
        snprintf(near, sizeof near, "near \"%s\"", word);
        duckdb_extracted_statements extracted = NULL;
        CHECK(duckdb_extract_statements(connection, text, &extracted) == 0);
        bool taken = strstr(duckdb_extract_statements_error(extracted), "near \")\"") != NULL;
        lh_error err = {0};
        lh_code code = guard(text, &err);
        bool slip = code == LH_INVALID && strstr(err.message, near) != NULL;
        bool wrong = slip && taken && strcmp(word, "or") != 0; /* OR REPLACE is two words */
        if (wrong) print_error("DuckDB knows '%s', the guard calls it a slip\n", text);
        CHECK(code != LH_OK);
        if (wrong) wrongs++;
        if (slip) slips++;
        duckdb_destroy_extracted(&extracted);
        duckdb_free(word);
    }
    duckdb_destroy_result(&words);
    CHECK(wrongs == 0);
    return slips;
}

static void test_engine__what_duckdb_knows_as_a_statement_is_no_slip(void) {
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    CHECK(duckdb_open(NULL, &database) == DuckDBSuccess && duckdb_connect(database, &connection) == DuckDBSuccess);
    CHECK(check_keywords(connection, "") > 300 && check_keywords(connection, "EXPLAIN ") > 300);
    CHECK(check_keywords(connection, "CREATE ") > 300 && check_keywords(connection, "DROP ") > 300 &&
          check_keywords(connection, "ALTER ") > 300);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

static void test_engine__allows_what_users_write(void) {
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        lh_error err = {0};
        lh_code code = guard(allowed[i], &err);
        if (code != LH_OK) print_error("%s: %s %s\n", allowed[i], lh_code_name(code), err.message);
        CHECK(code == LH_OK);
    }
}

static void test_engine__guard_names_the_place_and_the_thing(void) {
    lh_error err = {0};
    CHECK(guard("SELECT 1;\n  FROM größe, read_csv('x')", &err) == LH_DENIED);
    CHECK(err.line == 2 && err.column == 15);
    CHECK(strstr(err.message, "read_csv"));
}

static void test_engine__guard_reports_tables_and_verbs(void) {
    lh_error err = {0};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_sql_scan scan;
    CHECK_OK(lh_sql_scan_guarded(LH_STR("WITH c AS (SELECT * FROM a.\"b\"\"c\") INSERT INTO lake.main.t SELECT * FROM "
                                        "d AT (VERSION => 7); DROP TABLE x"),
                                 arena, &scan, &err));
    CHECK(scan.statement_count == 2 && scan.table_count == 4);
    CHECK(scan.statements[0].verb == LH_VERB_CHANGE && scan.statements[0].writes);
    CHECK(scan.statements[1].verb == LH_VERB_DEFINE && scan.statements[1].offset == 94);
    CHECK_STR(scan.statements[1].text, LH_STR("DROP TABLE x"));
    CHECK(scan.tables[0].part_count == 2 && !scan.tables[0].write);
    CHECK_STR(scan.tables[0].parts[1], LH_STR("b\"c"));
    CHECK(scan.tables[1].part_count == 3 && scan.tables[1].write);
    CHECK(scan.tables[2].has_at && scan.tables[2].at_version == 7);
    CHECK(scan.tables[3].write && scan.tables[3].statement == 1);
    CHECK_OK(lh_sql_scan_guarded(LH_STR("EXPLAIN ANALYZE DELETE FROM t"), arena, &scan, &err));
    CHECK(scan.statements[0].verb == LH_VERB_EXPLAIN && scan.statements[0].writes && scan.tables[0].write);
}

/* What is between AT (TIMESTAMP => and ), when it is a constant that DuckDB may be asked for. */
static void test_engine__guard_reports_constant_times(void) {
    static const struct {
        const char *at, *constant;
    } times[] = {
        {"TIMESTAMP => TIMESTAMP '2026-01-02 03:04:05'", "TIMESTAMP '2026-01-02 03:04:05'"},
        {"timestamp=>'2026-01-02'", "'2026-01-02'"},
        {"TIMESTAMP => CAST(('2026-01-02'::DATE) AS TIMESTAMP WITH TIME ZONE)",
         "CAST(('2026-01-02'::DATE) AS TIMESTAMP WITH TIME ZONE)"},
        {"TIMESTAMP => now()", ""},
        {"TIMESTAMP => getenv('HOME')::TIMESTAMP", NULL},
        {"TIMESTAMP => now() - INTERVAL '1 hour'", ""},
        {"TIMESTAMP => (SELECT max(t) FROM x)", ""},
        {"TIMESTAMP => '2026-01-02' || error('x')", ""},
        {"TIMESTAMP => $1", ""},
        {"TIMESTAMP => ", ""},
        {"VERSION => '2026-01-02'", ""},
    };
    static const char *const aliases[] = {"", "x", "AS x", "AS \"a b\"(c, d)", "x(c)"};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_error err = {0};
        lh_sql_scan scan = {0};
        CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
        lh_str sql = lh_arena_printf(arena, "SELECT * FROM t %s AT (%s), u", aliases[i % 5], times[i].at);
        lh_code code = lh_sql_scan_guarded(sql, arena, &scan, &err);
        CHECK(code == (times[i].constant ? LH_OK : LH_DENIED));
        if (!times[i].constant) continue;
        CHECK(scan.tables[0].has_at && scan.table_count > 1 && !scan.tables[scan.table_count - 1].has_at);
        CHECK_STR(scan.tables[0].at_timestamp, lh_str_from(times[i].constant));
    }
}

/* "text" → the tables that it reads, in their order. Each is what DuckDB 1.5 reads. */
static const struct {
    const char *sql, *reads;
} query_names[] = {
    {"WITH h AS (SELECT 9 AS z) SELECT * FROM h", ""},
    {"WITH h AS (SELECT 9 AS z) SELECT * FROM data.h, lake.data.h", "data.h lake.data.h"},
    {"WITH h AS (SELECT 9 z) SELECT * FROM H JOIN \"h\" USING (z), x: h", ""},
    {"WITH \"H\" AS (SELECT 9 z) TABLE h", ""},
    {"WITH \"a\"\"b\" AS (SELECT 9 z) FROM \"A\"\"B\", \"a\"", "a"},
    {"WITH q AS (FROM h), h AS (SELECT 9 z) SELECT * FROM q, h", "h"},
    {"WITH h AS (SELECT 9 z), q AS (FROM h), r AS (FROM q, t) FROM r, h", "t"},
    {"WITH h AS (FROM h) FROM h", "h"},
    {"WITH h(a, b) AS MATERIALIZED (SELECT 9, 8), q(c) AS NOT MATERIALIZED (FROM h) FROM q, h", ""},
    {"WITH RECURSIVE h AS (SELECT 9 z UNION ALL SELECT z + 1 FROM h WHERE z < 11) FROM h", ""},
    {"WITH RECURSIVE h AS (SELECT z FROM h UNION SELECT z + 1 FROM (SELECT z FROM h)) FROM h", "h"},
    {"WITH RECURSIVE h AS (SELECT z FROM h) FROM h", "h"},
    {"WITH RECURSIVE h AS (SELECT 1 z EXCEPT SELECT z FROM h) FROM h", "h"},
    {"WITH RECURSIVE q AS (FROM h), h AS (SELECT 1 UNION ALL FROM h, q) FROM h", "h"},
    {"WITH RECURSIVE h AS (WITH i AS (FROM h) FROM i UNION ALL FROM h, i) FROM h, i", "h i"},
    {"WITH RECURSIVE h(a, b) USING KEY (a) AS (SELECT 1, 2 UNION SELECT a, b FROM h) FROM h", ""},
    {"WITH h AS (SELECT 1 z UNION ALL FROM h) FROM h", "h"},
    {"WITH recursive AS (SELECT 1 z) FROM recursive, h", "h"},
    {"WITH h AS (SELECT 9 z) SELECT * FROM (WITH q AS (FROM h) FROM q), q", "q"},
    {"WITH h AS (SELECT 9 z) SELECT * FROM (WITH h AS (FROM h) FROM h)", ""},
    {"SELECT * FROM (WITH h AS (SELECT 9 z) FROM h), h", "h"},
    {"(WITH h AS (SELECT 9 z) SELECT * FROM h) UNION ALL FROM h", "h"},
    {"WITH h AS (SELECT 9 z) SELECT * FROM h UNION ALL FROM h", ""},
    {"WITH h AS (FROM (WITH q AS (SELECT 4 z) FROM q)) FROM q", "q"},
    {"WITH h AS (SELECT 9 z) SELECT (SELECT z FROM h), [z FOR z IN [1, (FROM h)]] ORDER BY (FROM h)", ""},
    {"WITH h AS (SELECT 9 z) SELECT * FROM h AT (VERSION => 3)", ""},
    {"WITH h AS (SELECT 9 z) PIVOT h ON z USING sum(z)", ""},
    {"WITH h AS (SELECT 9 z) FROM (SUMMARIZE h), (DESCRIBE h)", ""},
    {"SELECT 1 AS with, z FROM h", "h"},
    {"SELECT TIMESTAMP WITH TIME ZONE '2024-01-01' FROM h", "h"},
    {"FROM range(3) WITH ORDINALITY AS r(a, b), h", "h"},
    {"WITH h AS (SELECT 1); FROM h", "h"},
    {"INSERT INTO t WITH h AS (SELECT 9 z) SELECT z FROM h", "+t"},
    {"WITH h AS (SELECT 9 z) INSERT INTO h FROM h", "+h"},
    {"WITH h AS (SELECT 9 z) DELETE FROM h USING h AS i", "+h"},
    {"WITH h AS (SELECT 9 z) UPDATE h SET z = 1", "+h"},
    {"WITH h AS (SELECT 9 z) MERGE INTO h USING h ON true WHEN MATCHED THEN DELETE", "+h"},
    {"MERGE INTO t USING (WITH h AS (FROM i) FROM h) s ON true WHEN MATCHED THEN UPDATE SET z = (FROM h)", "+t i h"},
    {"CREATE TABLE t AS WITH h AS (FROM i) FROM h", "+t i"},
    {"EXPLAIN ANALYZE WITH h AS (FROM i) FROM h", "i"},
};

static void test_engine__a_name_that_with_gives_is_no_table(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(16 << 20, &arena, &err));
    for (size_t i = 0; i < sizeof query_names / sizeof *query_names; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf reads = LH_BUF_INIT(1 << 10);
        lh_sql_scan scan = {0};
        CHECK_OK(lh_sql_scan_guarded(lh_str_from(query_names[i].sql), arena, &scan, &err));
        for (size_t t = 0; t < scan.table_count; t++) {
            if (t) lh_buf_char(&reads, ' ');
            if (scan.tables[t].write) lh_buf_char(&reads, '+');
            for (size_t p = 0; p < scan.tables[t].part_count; p++) {
                if (p) lh_buf_char(&reads, '.');
                lh_buf_append(&reads, scan.tables[t].parts[p]);
            }
        }
        if (!lh_str_eq(lh_buf_str(&reads), lh_str_from(query_names[i].reads)))
            print_error("%s reads '%.*s'\n", query_names[i].sql, LH_STR_ARG(lh_buf_str(&reads)));
        CHECK_STR(lh_buf_str(&reads), lh_str_from(query_names[i].reads));
    }
}

/* A list without end is cut: what is beyond counts as tables. What WITH names is refused as ever. */
static void test_engine__names_of_with_are_capped_and_guarded(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(1 << 20);
    lh_sql_scan scan = {0};
    lh_error err = {0};
    CHECK_OK(lh_arena_new(16 << 20, &arena, &err));
    lh_buf_append(&sql, LH_STR("WITH h0 AS (SELECT 0)"));
    for (int i = 1; i < 300; i++) lh_buf_printf(&sql, ", h%d AS (SELECT %d)", i, i);
    lh_buf_append(&sql, LH_STR(" FROM h0, h255, h256, h299"));
    CHECK_OK(lh_sql_scan_guarded(lh_buf_str(&sql), arena, &scan, &err));
    CHECK(scan.table_count == 2);
    CHECK_STR(scan.tables[0].parts[0], LH_STR("h256"));
    CHECK(guard("WITH \"x.csv\" AS (SELECT 1) FROM \"x.csv\"", NULL) == LH_DENIED);
    CHECK(guard("WITH read_csv(a) AS (SELECT 1) FROM read_csv", NULL) == LH_DENIED);
    CHECK(guard("WITH duckdb_settings AS (SELECT 1) FROM duckdb_settings", NULL) == LH_DENIED);
    CHECK(guard("WITH h AS (SELECT * FROM read_csv('x')) FROM h", NULL) == LH_DENIED);
    CHECK(guard("WITH h AS (SELECT 1) FROM h, 'x.csv'", NULL) == LH_DENIED);
}

static void test_engine__guard_caps_size_and_depth(void) {
    size_t big = (size_t)LH_LIMIT_SQL_BYTES + 1;
    char *text = malloc(big);
    CHECK(text);
    memset(text, ' ', big);
    CHECK(lh_sql_guard((lh_str){text, big}, NULL) == LH_LIMIT);
    memset(text, '(', big);
    CHECK(lh_sql_guard((lh_str){text, big - 1}, NULL) == LH_INVALID);
    for (size_t i = 0; i + 1 < big; i += 2) memcpy(text + i, "1;", 2);
    memcpy(text, "  SELECT", 8);
    CHECK(lh_sql_guard((lh_str){text, 9000}, NULL) == LH_INVALID);
    free(text);
}

static lh_code guard_nested(const char *open, size_t depth, const char *close) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    lh_buf_append(&sql, LH_STR("SELECT "));
    for (size_t i = 0; i < depth; i++) lh_buf_append(&sql, lh_str_from(open));
    lh_buf_char(&sql, '1');
    for (size_t i = 0; i < depth; i++) lh_buf_append(&sql, lh_str_from(close));
    return lh_sql_guard(lh_buf_str(&sql), NULL);
}

/* What DuckDB binds in a time that grows beyond bounds. */
static void test_engine__guard_caps_how_deep_values_and_queries_nest(void) {
    static const struct {
        const char *open, *close;
        size_t most;
    } cases[] = {{"(", ")", 199},       {"abs(", ")", 199},
                 {"[", "]", 64},        {"{'a': ", "}", 64},
                 {"(SELECT ", ")", 16}, {"(WITH a AS (SELECT 1) FROM a WHERE 1 = (SELECT ", "))", 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(guard_nested(cases[i].open, cases[i].most, cases[i].close) == LH_OK);
        CHECK(guard_nested(cases[i].open, cases[i].most + 1, cases[i].close) == LH_INVALID);
    }
    CHECK(guard_nested("x FROM (SELECT ", 100, ")") == LH_OK);
}

LH_TEST_MAIN(LH_TEST(test_engine__refuses_what_reaches_out_of_the_lake),
             LH_TEST(test_engine__refuses_text_that_two_readers_could_read_differently),
             LH_TEST(test_engine__a_slip_of_the_pen_is_a_syntax_error_with_its_place),
             LH_TEST(test_engine__guard_caps_how_deep_values_and_queries_nest),
             LH_TEST(test_engine__what_duckdb_knows_as_a_statement_is_no_slip),
             LH_TEST(test_engine__allows_what_users_write), LH_TEST(test_engine__guard_names_the_place_and_the_thing),
             LH_TEST(test_engine__guard_reports_tables_and_verbs), LH_TEST(test_engine__guard_reports_constant_times),
             LH_TEST(test_engine__a_name_that_with_gives_is_no_table),
             LH_TEST(test_engine__names_of_with_are_capped_and_guarded),
             LH_TEST(test_engine__guard_caps_size_and_depth))
