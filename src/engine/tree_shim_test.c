/* The walk over parsed statements: which tables it tells of a text, and that what is put in their place is what is read.
 * The list is of what DuckDB reads: each text that DuckDB can bind is bound once more with all that was told replaced, in a
 * search path without any table, so that a name the walk took for a query's by mistake is not found. */
#include "engine/engine_suite.h"
#include "engine/tree_shim.h"

typedef struct {
    duckdb_database database;
    duckdb_connection connection;
} tree;

static void tree_do(duckdb_connection connection, const char *sql) {
    duckdb_result result;
    bool done = duckdb_query(connection, sql, &result) == DuckDBSuccess;
    if (!done) print_error("%s: %s\n", sql, duckdb_result_error(&result));
    CHECK(done);
    duckdb_destroy_result(&result);
}

static tree tree_open(void) {
    static const char *const steps[] = {
        "ATTACH ':memory:' AS lake",
        "CREATE SCHEMA lake.data",
        "CREATE SCHEMA lake.void",
        "CREATE TABLE lake.data.t AS FROM (VALUES (1, 'a', 10), (2, 'b', 20), (3, 'hidden', 30)) v(a, b, c)",
        "CREATE TABLE lake.data.u AS FROM (VALUES (1, 'x'), (2, 'y'), (9, 'hidden')) v(a, d)",
        "CREATE TABLE lake.data.h AS FROM (VALUES (7, 'hidden')) v(z, b)",
        "CREATE SCHEMA lake.recurring",
        "CREATE TABLE lake.recurring.t AS SELECT 100 AS a",
        "USE lake.data",
    };
    tree it = {0};
    CHECK(duckdb_open(NULL, &it.database) == DuckDBSuccess);
    CHECK(duckdb_connect(it.database, &it.connection) == DuckDBSuccess);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) tree_do(it.connection, steps[i]);
    return it;
}

static void tree_close(tree *it) {
    duckdb_disconnect(&it->connection);
    duckdb_close(&it->database);
}

/* ---- what is told ---- */

static tree_act tell(void *ctx, const tree_ref *ref, tree_put *put) {
    lh_buf *told = ctx;
    (void)put;
    if (told->len) lh_buf_char(told, ' ');
    if (ref->use == TREE_TARGET) lh_buf_char(told, '+');
    if (ref->use == TREE_LISTING) lh_buf_char(told, '*');
    if (ref->catalog[0]) lh_buf_printf(told, "%s.", ref->catalog);
    if (ref->schema[0]) lh_buf_printf(told, "%s.", ref->schema);
    lh_buf_printf(told, "%s", ref->table);
    if (ref->alias[0]) lh_buf_printf(told, "=%s", ref->alias);
    if (ref->at[0]) lh_buf_printf(told, "@%s", ref->at);
    if (ref->sampled) lh_buf_char(told, '%');
    if (ref->described) lh_buf_char(told, '?');
    return TREE_KEEP;
}

static const struct {
    const char *sql, *told;
} reads[] = {
    /* FROM and joins */
    {"SELECT 1", ""},
    {"FROM t", "t"},
    {"TABLE data.t", "data.t"},
    {"SELECT * FROM lake.data.t AS x, u y, LATERAL (SELECT x.a FROM h)", "lake.data.t=x u=y h"},
    {"SELECT * FROM t JOIN u USING (a) LEFT JOIN h ON h.z = t.a", "t u h"},
    {"SELECT * FROM t NATURAL JOIN u SEMI JOIN h ON z = 7", "t u h"},
    {"SELECT * FROM t ASOF JOIN u ON t.a >= u.a", "t u"},
    {"SELECT * FROM t POSITIONAL JOIN u", "t u"},
    {"SELECT * FROM t ANTI JOIN u USING (a)", "t u"},
    {"SELECT * FROM t CROSS JOIN (u JOIN h ON true)", "t u h"},
    {"SELECT * FROM t TABLESAMPLE 10%", "t%"},
    {"SELECT * FROM t AT (VERSION => 3)", "t@AT (VERSION => 3)"},
    {"SELECT * FROM t q(k, l, m) WHERE k = 1", "t=q"},
    {"SELECT * FROM range((SELECT max(a) FROM t))", "t"},
    {"SELECT * FROM (VALUES ((SELECT max(a) FROM t)), ((SELECT z FROM h))) v", "t h"},
    {"VALUES ((FROM h SELECT z))", "h"},
    {"SELECT * FROM \"T\"", "T"},
    /* expressions */
    {"SELECT (SELECT max(a) FROM t), EXISTS (FROM u), 1 IN (SELECT a FROM u), ARRAY(SELECT z FROM h)", "t u u h"},
    {"SELECT a FROM t WHERE a = ANY (SELECT a FROM u) AND NOT EXISTS (SELECT 1 FROM h WHERE z = t.a)", "t u h"},
    {"SELECT CASE WHEN (SELECT true FROM h) THEN (SELECT max(a) FROM u) ELSE (SELECT z FROM h) END", "h u h"},
    {"SELECT [x + 1 FOR x IN (SELECT list(a) FROM t)], list_transform([1], lambda x: x + (SELECT z FROM h))", "t h"},
    {"SELECT sum(a) FILTER (WHERE a IN (SELECT a FROM u)) OVER (PARTITION BY (SELECT z FROM h) ORDER BY (SELECT 1 FROM "
     "h) ROWS BETWEEN (SELECT 1 FROM h) PRECEDING AND CURRENT ROW) FROM t",
     "h h u h t"},
    {"SELECT list(a ORDER BY (SELECT z FROM h)) FROM t", "h t"},
    {"SELECT a FROM t GROUP BY a HAVING a > (SELECT min(a) FROM u) QUALIFY row_number() OVER () < (FROM h SELECT z) "
     "ORDER BY (SELECT z FROM h) LIMIT (SELECT count(*) FROM u) OFFSET (SELECT 0 FROM h)",
     "t u h h u h"},
    {"SELECT DISTINCT ON ((SELECT z FROM h)) a FROM t", "t h"},
    {"SELECT * REPLACE ((SELECT z FROM h) AS a) FROM t", "h t"},
    {"SELECT COLUMNS(c -> c <> 'a') FROM t", "t"},
    {"SELECT {'k': (SELECT max(a) FROM u)}.k, MAP {(SELECT count(*) FROM t): 2}[3], ((SELECT z FROM h))::VARCHAR",
     "u t h"},
    {"SELECT a BETWEEN (SELECT min(a) FROM u) AND (SELECT 2 FROM h), (SELECT b FROM h) COLLATE NOCASE FROM t",
     "u h h t"},
    /* set operations */
    {"SELECT a FROM t UNION ALL BY NAME SELECT a FROM u UNION SELECT z FROM h EXCEPT SELECT a FROM t INTERSECT SELECT "
     "a FROM u",
     "t u h t u"},
    {"(SELECT a FROM t ORDER BY (SELECT z FROM h)) UNION SELECT a FROM u", "t h u"},
    /* names of WITH */
    {"WITH h AS (SELECT 9 AS z) FROM h", ""},
    {"WITH h AS (SELECT 9 AS z) FROM H, data.h, lake.data.h", "data.h lake.data.h"},
    {"WITH q AS (FROM h), h AS (SELECT 9 z) SELECT * FROM q, h", "h"},
    {"WITH h AS (FROM h) FROM h", "h"},
    {"WITH h AS MATERIALIZED (FROM h) FROM h", "h"},
    {"WITH h AS NOT MATERIALIZED (FROM h) FROM h, h AS i", "h"},
    {"WITH h AS (SELECT 9 z), q AS (FROM h), r AS (FROM q, t) FROM r, h", "t"},
    {"WITH RECURSIVE h AS (SELECT 9 z UNION ALL SELECT z + 1 FROM h WHERE z < 11) FROM h", ""},
    {"WITH RECURSIVE h AS (SELECT z FROM h UNION SELECT z + 1 FROM (SELECT z FROM h) WHERE z < 9) FROM h", "h"},
    {"WITH RECURSIVE h AS (SELECT z FROM h) FROM h", "h"},
    {"WITH RECURSIVE h AS (SELECT 1 z EXCEPT SELECT z FROM h) FROM h", "h"},
    {"WITH RECURSIVE q AS (SELECT z FROM h), h AS (SELECT 1 z UNION SELECT h.z FROM h, q) FROM h", "h"},
    {"WITH RECURSIVE t(a, b) USING KEY (a) AS (SELECT 1, 2 UNION SELECT t.a, r.b FROM t, recurring.t AS r WHERE false) "
     "FROM t",
     ""},
    {"WITH RECURSIVE t(a) AS (SELECT 1 UNION SELECT r.a FROM t, recurring.t AS r WHERE t.a < 2) FROM t",
     "recurring.t=r"},
    {"WITH RECURSIVE t(a) USING KEY (a) AS (SELECT 1 UNION SELECT a FROM t WHERE false) FROM Recurring.T",
     "Recurring.T"},
    {"SELECT * FROM recurring.t", "recurring.t"},
    {"WITH h AS (SELECT 9 z) SELECT * FROM h AT (VERSION => 3)", ""},
    {"SELECT * FROM (WITH h AS (SELECT 9 z) FROM h) x, h", "h"},
    {"WITH h AS (SELECT 9 z) SELECT * FROM (WITH h AS (FROM h) FROM h)", ""},
    {"WITH h AS (SELECT 9 z) SELECT (WITH q AS (FROM h) SELECT z FROM q), (SELECT z FROM h), EXISTS (FROM q) FROM t q",
     "q t=q"},
    {"(WITH h AS (SELECT 9 z) SELECT z FROM h) UNION ALL SELECT z FROM h", "h"},
    {"WITH h AS (SELECT 9 z) SELECT * FROM h UNION ALL SELECT * FROM h ORDER BY (SELECT z FROM h)", ""},
    {"WITH h AS (SELECT 9 z) SELECT * FROM t JOIN h ON (SELECT true FROM h)", "t"},
    {"WITH h AS (SELECT 9 z) SELECT (FROM h), a FROM t, LATERAL (SELECT t.a + z AS y FROM h)", "t"},
    {"WITH h AS (SELECT 9 z) PIVOT h ON z IN (9) USING count(*)", ""},
    {"WITH a AS (WITH t AS (FROM u) FROM t) FROM a, t", "u t"},
    /* PIVOT, UNPIVOT, SHOW, DESCRIBE, EXPLAIN */
    {"PIVOT t ON b USING sum(a)", "t t"},
    {"PIVOT t ON b IN ('a', 'b') USING sum(a)", "t"},
    {"SELECT * FROM t PIVOT (sum(c) FOR b IN ('a', 'b'))", "t"},
    {"FROM (PIVOT (FROM t, h) ON t.b IN ('a') USING sum(a))", "t h"},
    {"UNPIVOT t ON a, c INTO NAME n VALUE v", "t"},
    {"SELECT * FROM t UNPIVOT (v FOR n IN (a, c))", "t"},
    {"DESCRIBE t", "t?"},
    {"SUMMARIZE data.t", "data.t?"},
    {"SHOW t", "t?"},
    {"DESCRIBE SELECT (SELECT z FROM h) FROM t", "h? t?"},
    {"SELECT * FROM (DESCRIBE t), u", "t? u"},
    {"WITH h AS (SELECT 9 z) FROM (SUMMARIZE h)", ""},
    {"SHOW TABLES", "*\"tables\""},
    {"EXPLAIN FROM t", "t"},
    {"EXPLAIN ANALYZE INSERT INTO u SELECT a, b FROM t", "+u t"},
    /* changes */
    {"INSERT INTO t SELECT a, d, (SELECT z FROM h) FROM u", "+t h u"},
    {"INSERT INTO lake.data.t AS x VALUES (1, 'b', (SELECT z FROM h))", "+lake.data.t h"},
    {"WITH h AS (SELECT 9 z) INSERT INTO h FROM h, u", "+h u"},
    {"INSERT INTO t WITH u AS (FROM h) SELECT 1, 'b', z FROM u RETURNING (SELECT max(a) FROM u)", "+t h u"},
    {"CREATE TABLE x AS SELECT * FROM t, (FROM u)", "+x t u"},
    {"CREATE TABLE x (a INTEGER DEFAULT 3, b VARCHAR CHECK (b <> 'x'))", "+x"},
    {"CREATE TABLE x AS WITH t AS (FROM t) FROM t", "+x t"},
    {"CREATE VIEW x AS FROM t", "+x t"},
    {"UPDATE t SET c = (SELECT z FROM h) FROM u WHERE t.a = u.a AND EXISTS (FROM h)", "+t u h h"},
    {"UPDATE t AS x SET c = 1", "+t=x"},
    {"DELETE FROM t USING u, h AS i WHERE t.a = u.a AND t.c IN (SELECT z FROM h)", "+t u h=i h"},
    {"TRUNCATE t", "+t"},
    {"MERGE INTO t USING (SELECT * FROM u) s ON t.a = s.a WHEN MATCHED AND s.a IN (SELECT z FROM h) THEN UPDATE SET c "
     "= "
     "(SELECT z FROM h) WHEN NOT MATCHED THEN INSERT VALUES (s.a, 'n', (SELECT z FROM h))",
     "+t u h h h"},
    {"MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", "+t u"},
    {"ALTER TABLE t ADD COLUMN x INTEGER", "+t"},
    {"ALTER TABLE lake.data.t RENAME COLUMN a TO x", "+lake.data.t"},
    {"ALTER TABLE lake.data.t RENAME TO x", "+lake.data.x +lake.data.t"},
    {"DROP TABLE IF EXISTS data.t", "+data.t"},
    {"CREATE SCHEMA lake.s", "+lake.s."},
    {"BEGIN", ""},
};

static tree_code walk(tree *it, const char *sql, tree_fn fn, void *ctx, tree_outcome *outcome,
                      duckdb_extracted_statements *extracted) {
    idx_t count = duckdb_extract_statements(it->connection, sql, extracted);
    if (count == 0) print_error("%s: %s\n", sql, duckdb_extract_statements_error(*extracted));
    CHECK(count > 0);
    return tree_shim_walk(*extracted, fn, ctx, outcome);
}

static void test_engine__a_statement_tells_what_it_reads(void) {
    tree it = tree_open();
    size_t wrongs = 0;
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf told = LH_BUF_INIT(1 << 12);
        duckdb_extracted_statements extracted = NULL;
        tree_outcome outcome;
        tree_code code = walk(&it, reads[i].sql, tell, &told, &outcome, &extracted);
        bool right = code == TREE_OK && lh_str_eq(lh_buf_str(&told), lh_str_from(reads[i].told));
        if (!right)
            print_error("%s: %d %s: '%.*s'\n", reads[i].sql, (int)code, outcome.what, LH_STR_ARG(lh_buf_str(&told)));
        wrongs += !right;
        duckdb_destroy_extracted(&extracted);
    }
    CHECK(wrongs == 0);
    tree_close(&it);
}

/* ---- what is put in ---- */

typedef struct {
    char query[400];
    const char *filter;
} filler;

/* The table by its full name, without what `filter` hides. */
static tree_act fill(void *ctx, const tree_ref *ref, tree_put *put) {
    filler *to = ctx;
    if (ref->use != TREE_READ) return TREE_KEEP;
    const char *schema = ref->schema[0] ? ref->schema : "data";
    snprintf(to->query, sizeof to->query, "SELECT * FROM lake.%s.\"%s\" %s%s", schema, ref->table, ref->at, to->filter);
    put->query = to->query;
    return TREE_PUT_QUERY;
}

/* Sorts what follows the first line: without ORDER BY the order is the threads' own. */
static int compare_rows(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void sort_rows(lh_buf *answer) {
    char *rows[64], *text = strndup(answer->ptr, answer->len), *rest = text;
    size_t count = 0;
    CHECK(text);
    const char *names = strsep(&rest, "\n");
    while (rest && count < 64) rows[count++] = strsep(&rest, "\n");
    CHECK(!rest);
    if (count) qsort(rows, count, sizeof *rows, compare_rows);
    lh_buf_clear(answer);
    lh_buf_printf(answer, "%s", names);
    for (size_t i = 0; i < count; i++) lh_buf_printf(answer, "\n%s", rows[i]);
    free(text);
}

/* All rows, or the error, of the last of the extracted statements. */
static void run_extracted(tree *it, duckdb_extracted_statements extracted, idx_t count, lh_buf *into) {
    for (idx_t i = 0; i < count; i++) {
        duckdb_prepared_statement prepared = NULL;
        duckdb_result result = {0};
        lh_buf_clear(into);
        if (duckdb_prepare_extracted_statement(it->connection, extracted, i, &prepared) == DuckDBError)
            lh_buf_printf(into, "prepare: %s", duckdb_prepare_error(prepared));
        else if (duckdb_execute_prepared(prepared, &result) == DuckDBError)
            lh_buf_printf(into, "execute: %s", duckdb_result_error(&result));
        else {
            for (idx_t c = 0; c < duckdb_column_count(&result); c++)
                lh_buf_printf(into, "%s|", duckdb_column_name(&result, c));
            for (idx_t r = 0; r < duckdb_row_count(&result); r++)
                for (idx_t c = 0; c < duckdb_column_count(&result); c++) {
                    char *value = duckdb_value_varchar(&result, c, r);
                    lh_buf_printf(into, "%c%s", c ? ',' : '\n', value ? value : "NULL");
                    duckdb_free(value);
                }
        }
        duckdb_destroy_result(&result);
        duckdb_destroy_prepare(&prepared);
    }
}

static tree_code run_filled(tree *it, const char *sql, const char *filter, lh_buf *into) {
    duckdb_extracted_statements extracted = NULL;
    idx_t count = duckdb_extract_statements(it->connection, sql, &extracted);
    tree_outcome outcome;
    filler to = {.filter = filter ? filter : ""};
    tree_code code = filter ? tree_shim_walk(extracted, fill, &to, &outcome) : TREE_OK;
    if (code == TREE_OK) run_extracted(it, extracted, count, into);
    duckdb_destroy_extracted(&extracted);
    return code;
}

static void test_engine__a_statement_reads_the_same_through_what_is_put_in(void) {
    tree it = tree_open();
    size_t wrongs = 0, ran = 0;
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf before = LH_BUF_INIT(1 << 20);
        LH_CLEANUP(lh_buf_done) lh_buf after = LH_BUF_INIT(1 << 20);
        bool write = strchr(reads[i].told, '+') || strchr(reads[i].told, '*') || strchr(reads[i].told, '%') ||
                     lh_str_starts(lh_str_from(reads[i].sql), LH_STR("EXPLAIN")) ||
                     lh_str_eq(lh_str_from(reads[i].sql), LH_STR("BEGIN"));
        if (write) continue;
        CHECK(run_filled(&it, reads[i].sql, NULL, &before) == TREE_OK);
        tree_do(it.connection, "USE lake.void");
        tree_code code = run_filled(&it, reads[i].sql, "", &after);
        tree_do(it.connection, "USE lake.data");
        sort_rows(&before);
        sort_rows(&after);
        bool failed = lh_str_starts(lh_buf_str(&before), LH_STR("prepare: ")) ||
                      lh_str_starts(lh_buf_str(&before), LH_STR("execute: "));
        bool right = code == TREE_OK && (failed || lh_str_eq(lh_buf_str(&before), lh_buf_str(&after)));
        if (!right)
            print_error("%s: %d\n%.*s\n---\n%.*s\n", reads[i].sql, (int)code, LH_STR_ARG(lh_buf_str(&before)),
                        LH_STR_ARG(lh_buf_str(&after)));
        if (failed) print_message("fails as it is: %s: %.*s\n", reads[i].sql, LH_STR_ARG(lh_buf_str(&before)));
        wrongs += !right;
        ran += !failed;
    }
    CHECK(wrongs == 0 && ran > 50);
    tree_close(&it);
}

/* Of a table less a row: no way shows it. */
static const struct {
    const char *sql, *answer;
} filtered[] = {
    {"SELECT * FROM t ORDER BY a", "a|b|c|\n1,a,10\n2,b,20"},
    {"SELECT t.a, x.b FROM t, t x WHERE x.a = t.a ORDER BY 1", "a|b|\n1,a\n2,b"},
    {"SELECT (SELECT max(a) FROM t), count(*) FROM u", "(SELECT max(a) FROM t)|count_star()|\n2,2"},
    {"SELECT q.k FROM t q(k, l, m) ORDER BY 1", "k|\n1\n2"},
    {"PIVOT t ON b USING sum(a) GROUP BY c ORDER BY c", "c|a|b|\n10,1,NULL\n20,NULL,2"},
    {"WITH t AS (FROM t) SELECT sum(a) AS s FROM t", "s|\n3"},
    {"WITH RECURSIVE t AS (SELECT a FROM t UNION SELECT a + 10 FROM t WHERE a < 10) SELECT sum(a) AS s FROM t",
     "s|\n26"},
    {"SELECT column_name, min, max FROM (SUMMARIZE t) WHERE column_name = 'b'", "column_name|min|max|\nb,a,b"},
    {"SELECT count(*) FROM t POSITIONAL JOIN u", "count_star()|\n2"},
    {"SELECT EXISTS (FROM h), 3 IN (SELECT a FROM t), [x FOR x IN (SELECT list(a ORDER BY a) FROM t)]::VARCHAR AS l",
     "EXISTS(SELECT * FROM h)|(3 = ANY(SELECT a FROM t))|l|\nfalse,false,[1, 2]"},
    {"SELECT t::VARCHAR AS r FROM t WHERE a > 1", "r|\n{'a': 2, 'b': b, 'c': 20}"},
    {"SELECT * REPLACE ((SELECT max(c) FROM t) AS a) FROM t ORDER BY b", "a|b|c|\n20,a,10\n20,b,20"},
};

static void test_engine__a_row_that_is_not_put_in_is_nowhere(void) {
    tree it = tree_open();
    for (size_t i = 0; i < sizeof filtered / sizeof *filtered; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf answer = LH_BUF_INIT(1 << 20);
        CHECK(run_filled(&it, filtered[i].sql, " x WHERE x::VARCHAR NOT LIKE '%hidden%'", &answer) == TREE_OK);
        if (!lh_str_eq(lh_buf_str(&answer), lh_str_from(filtered[i].answer))) print_error("%s:\n", filtered[i].sql);
        CHECK_STR(lh_buf_str(&answer), lh_str_from(filtered[i].answer));
    }
    tree_close(&it);
}

/* ---- what ends the walk ---- */

static tree_act answer_with(void *ctx, const tree_ref *ref, tree_put *put) {
    const char *query = ctx;
    put->query = query;
    (void)ref;
    return query ? TREE_PUT_QUERY : TREE_REFUSE;
}

static void test_engine__what_cannot_be_put_in_changes_nothing(void) {
    static const struct {
        const char *sql, *query;
        tree_code code;
        const char *what;
    } cases[] = {
        {"FROM u, t", "SELECT 1; SELECT 2", TREE_WRONG, "u"},
        {"FROM t", "SELECT (", TREE_WRONG, "t"},
        {"FROM t", "DROP TABLE t", TREE_WRONG, "t"},
        {"FROM t", NULL, TREE_REFUSED, "t"},
        {"DELETE FROM t", "SELECT 1", TREE_WRONG, "t"},
        {"SELECT (SELECT max(a) FROM u) + COLUMNS(*) FROM t", "SELECT 1 AS a", TREE_STAR, "*"},
        {"SELECT * FROM t AT (VERSION => (SELECT max(a) FROM u))", "SELECT 1", TREE_UNKNOWN, "query in AT"},
        {"WITH RECURSIVE t(a) USING KEY (a) AS (SELECT 1 UNION SELECT a FROM (WITH t AS (FROM u) FROM recurring.t) x) "
         "FROM t",
         "SELECT 1 AS a", TREE_UNKNOWN, "recurring"},
        {"COPY t TO 'x'", "SELECT 1", TREE_UNKNOWN, "statement"},
        {"CALL range(3)", "SELECT 1", TREE_UNKNOWN, "statement"},
        {"CREATE MACRO m(a) AS (SELECT a FROM t)", "SELECT 1", TREE_UNKNOWN, "CREATE"},
        {"EXPLAIN COPY t TO 'x'", "SELECT 1", TREE_UNKNOWN, "statement"},
        {"ALTER SEQUENCE s OWNED BY t", "SELECT 1", TREE_UNKNOWN, "ALTER"},
    };
    tree it = tree_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        duckdb_extracted_statements extracted = NULL;
        tree_outcome outcome;
        tree_code code = walk(&it, cases[i].sql, answer_with, (void *)(uintptr_t)cases[i].query, &outcome, &extracted);
        bool right = code == cases[i].code && strcmp(outcome.what, cases[i].what) == 0 && outcome.replaced == 0;
        if (!right) print_error("%s: %d '%s'\n", cases[i].sql, (int)code, outcome.what);
        CHECK(right);
        duckdb_destroy_extracted(&extracted);
    }
    tree_close(&it);
}

/* ---- places and qualifiers ---- */

static tree_act note(void *ctx, const tree_ref *ref, tree_put *put) {
    (void)put;
    *(tree_ref *)ctx = *ref;
    return TREE_KEEP;
}

static void test_engine__a_reference_has_its_place_and_says_if_a_column_names_its_schema(void) {
    tree it = tree_open();
    static const struct {
        const char *sql;
        int64_t place;
        bool schema_column;
    } cases[] = {
        {"SELECT a FROM t", 14, false},
        {"SELECT t.a FROM data.t", 16, false},
        {"SELECT data.t.a FROM data.t", 21, true},
        {"SELECT lake.data.t.a FROM t", 26, true},
        {"SELECT 1 WHERE EXISTS (SELECT data.t.a FROM data.t)", 44, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        duckdb_extracted_statements extracted = NULL;
        tree_outcome outcome;
        tree_ref ref = {0};
        CHECK(walk(&it, cases[i].sql, note, &ref, &outcome, &extracted) == TREE_OK && outcome.told == 1);
        if (ref.place != cases[i].place) print_error("%s: %d\n", cases[i].sql, (int)ref.place);
        CHECK(ref.place == cases[i].place && ref.schema_column == cases[i].schema_column);
        duckdb_destroy_extracted(&extracted);
    }
    tree_close(&it);
}

LH_TEST_MAIN(LH_TEST(test_engine__a_statement_tells_what_it_reads),
             LH_TEST(test_engine__a_statement_reads_the_same_through_what_is_put_in),
             LH_TEST(test_engine__a_row_that_is_not_put_in_is_nowhere),
             LH_TEST(test_engine__what_cannot_be_put_in_changes_nothing),
             LH_TEST(test_engine__a_reference_has_its_place_and_says_if_a_column_names_its_schema))
