/* A text of SQL from its statements to the answer: what a reader may run, limits, transactions, parameters, sessions. */
#include "engine/engine_suite.h"

static lh_json *json_of(suite *s, const char *text) {
    lh_json *json = NULL;
    CHECK(lh_json_parse(s->arena, lh_str_from(text), &json, NULL) == LH_OK);
    return json;
}

static lh_str rows_of(suite *s, const char *sql) { return lh_arena_dup(s->arena, suite_run(s, sql, LH_FORMAT_NDJSON)); }

/* ---- read_only ---- */
static void test_engine__a_reader_changes_nothing(void) {
    static const char *const changes[] = {
        "INSERT INTO t VALUES (9)",
        "UPDATE t SET a = 9",
        "DELETE FROM t",
        "TRUNCATE t",
        "MERGE INTO t USING (SELECT 1 AS a) s ON t.a = s.a WHEN MATCHED THEN DELETE",
        "CREATE TABLE x (a INTEGER)",
        "CREATE TABLE x AS SELECT 1 AS a",
        "CREATE OR REPLACE TABLE t AS SELECT 9 AS a",
        "CREATE VIEW v AS SELECT 1",
        "CREATE SCHEMA x",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN b INTEGER",
        "WITH x AS (SELECT 9 AS a) INSERT INTO t SELECT a FROM x",
        "EXPLAIN ANALYZE DELETE FROM t",
        "EXPLAIN INSERT INTO t VALUES (9)",
        "SELECT 1; DELETE FROM t; SELECT 2",
        "BEGIN; DELETE FROM t; COMMIT",
    };
    static const char *const reads[] = {
        "FROM t",
        "SELECT count(*) FROM t",
        "WITH x AS (FROM t) FROM x",
        "VALUES (1)",
        "TABLE t",
        "DESCRIBE t",
        "SUMMARIZE t",
        "SHOW TABLES",
        "SELECT 1; SELECT 2",
        "EXPLAIN FROM t",
        "EXPLAIN ANALYZE FROM t",
        "PIVOT t ON a",
        "BEGIN; FROM t; COMMIT",
        "SELECT 'DELETE FROM t' AS insert",
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    (void)suite_run(s, "CREATE TABLE t AS SELECT 1 AS a", LH_FORMAT_JSON);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const lh_query query = {.sql = lh_str_from(changes[i]), .read_only = true};
        lh_code code = suite_query(s, &query);
        if (code != LH_DENIED) print_error("%s: %s\n", changes[i], lh_code_name(code));
        CHECK(code == LH_DENIED && strstr(s->err.message, "may only read") && s->text.len == 0);
    }
    CHECK_STR(rows_of(s, "FROM t"), LH_STR("{\"a\":1}\n"));
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        const lh_query query = {.sql = lh_str_from(reads[i]), .read_only = true, .format = LH_FORMAT_CSV};
        lh_code code = suite_query(s, &query);
        if (code != LH_OK) print_error("%s: %s: %s\n", reads[i], lh_code_name(code), s->err.message);
        CHECK(code == LH_OK);
    }
}

/* ---- limits ---- */
static void test_engine__a_row_limit_is_exact(void) {
    static const struct {
        uint64_t rows, max;
    } cases[] = {{10, 0}, {10, 11}, {10, 10}, {10, 9}, {1, 1}, {2048, 2048}, {2049, 2048}, {5000, 4096}, {0, 1}};
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_str sql = lh_arena_printf(s->arena, "FROM range(%" PRIu64 ")", cases[i].rows);
        const lh_query query = {.sql = sql, .rows_max = cases[i].max};
        CHECK(suite_query(s, &query) == LH_OK);
        bool cut = cases[i].max && cases[i].rows > cases[i].max;
        CHECK(s->outcome.truncated == cut && s->outcome.rows == (cut ? cases[i].max : cases[i].rows));
        lh_json *json = NULL;
        CHECK(lh_json_parse(s->arena, lh_buf_str(&s->text), &json, NULL) == LH_OK);
        CHECK(lh_json_bool(lh_json_get(json, "truncated"), !cut) == cut);
        CHECK(lh_json_size(lh_json_get(json, "rows")) == s->outcome.rows);
        CHECK(lh_json_uint(lh_json_get(json, "row_count"), 77) == s->outcome.rows);
    }
}

static void test_engine__a_truncated_result_is_not_computed(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    const lh_query query = {.sql = LH_STR("FROM range(1000000000000)"), .rows_max = 3, .format = LH_FORMAT_CSV};
    CHECK(suite_query(s, &query) == LH_OK && s->outcome.truncated);
    CHECK_STR(lh_buf_str(&s->text), LH_STR("range\r\n0\r\n1\r\n2\r\n"));
}

static void test_engine__an_answer_has_a_largest_size(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    lh_query query = {.sql = LH_STR("SELECT repeat('x', 1000) AS v FROM range(1000)"), .format = LH_FORMAT_CSV};
    CHECK(suite_query(s, &query) == LH_OK);
    query.result_max_bytes = s->text.len;
    CHECK(suite_query(s, &query) == LH_OK);
    query.result_max_bytes--;
    CHECK(suite_query(s, &query) == LH_LIMIT && strstr(s->err.message, "query.result_max_bytes"));
    CHECK(s->text.len <= query.result_max_bytes);
    query.result_max_bytes = 0;
    CHECK(suite_query(s, &query) == LH_OK);
}

static lh_code refuse_bytes(void *ctx, lh_str data, lh_error *err) {
    (void)data;
    ++*(int *)ctx;
    return lh_fail(err, LH_IO, "the reader is gone");
}

static void test_engine__a_reader_that_takes_no_more_ends_the_query(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    int calls = 0;
    lh_query_outcome outcome;
    const lh_query query = {.sql = LH_STR("FROM range(1000000000000)"), .format = LH_FORMAT_NDJSON};
    CHECK(lh_engine_run(s->engine, &query, refuse_bytes, &calls, &outcome, &s->err) == LH_IO);
    CHECK(calls == 1);
    CHECK_STR(lh_str_from(s->err.message), LH_STR("the reader is gone"));
}

/* ---- statements ---- */
static void test_engine__the_last_statement_is_the_answer(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    CHECK_STR(rows_of(s, "SELECT 1 AS a; SELECT 2 AS b;; -- end"), LH_STR("{\"b\":2}\n"));
    CHECK_STR(rows_of(s, "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2); SELECT sum(a) AS s FROM t"),
              LH_STR("{\"s\":3}\n"));
    CHECK_STR(rows_of(s, "INSERT INTO t VALUES (3) RETURNING a"), LH_STR("{\"a\":3}\n"));
    CHECK_STR(rows_of(s, "UPDATE t SET a = a + 1"), LH_STR("{\"Count\":3}\n"));
    CHECK_STR(rows_of(s, "PIVOT (SELECT a % 2 AS g, a FROM t) ON g USING sum(a)"), LH_STR("{\"0\":6,\"1\":3}\n"));
    CHECK(suite_try(s, "SELECT 1; SELECT nope; SELECT 2", LH_FORMAT_JSON) == LH_INVALID && s->text.len == 0);
    CHECK(s->err.line == 1 && s->err.column == 18);
}

static void test_engine__a_transaction_is_whole(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    (void)suite_run(s, "CREATE TABLE t (a INTEGER)", LH_FORMAT_JSON);
    (void)suite_run(s, "BEGIN; INSERT INTO t VALUES (1); ROLLBACK", LH_FORMAT_JSON);
    CHECK(suite_try(s, "BEGIN; INSERT INTO t VALUES (2)", LH_FORMAT_JSON) == LH_INVALID); /* left open */
    CHECK(strstr(s->err.message, "BEGIN without COMMIT"));
    CHECK(suite_try(s, "BEGIN", LH_FORMAT_JSON) == LH_INVALID);
    CHECK(suite_try(s, "BEGIN; COMMIT; BEGIN; FROM t", LH_FORMAT_JSON) == LH_INVALID && s->text.len == 0);
    CHECK(suite_try(s, "BEGIN; INSERT INTO t VALUES (3); SELECT nope; COMMIT", LH_FORMAT_JSON) == LH_INVALID);
    CHECK_STR(rows_of(s, "SELECT count(*) AS n FROM t"), LH_STR("{\"n\":0}\n"));
    (void)suite_run(s, "BEGIN; INSERT INTO t VALUES (4); INSERT INTO t VALUES (5); COMMIT", LH_FORMAT_JSON);
    CHECK(suite_try(s, "INSERT INTO t VALUES (6); SELECT nope", LH_FORMAT_JSON) ==
          LH_INVALID); /* not one transaction */
    CHECK_STR(rows_of(s, "FROM t ORDER BY a"), LH_STR("{\"a\":4}\n{\"a\":5}\n{\"a\":6}\n"));
}

static void test_engine__errors_have_their_place(void) {
    static const struct {
        const char *sql;
        uint64_t line, column;
    } cases[] = {
        {"SELECT nope", 1, 8},
        {"SELECT 1,\n  größe, nope", 2, 3},
        {"SELECT 1;\nSELECT 2;\n\n  SELECT nope FROM range(3)", 4, 10},
        {"SELEC 1", 1, 1},
        {"SELECT 1 +", 0, 0}, /* at the end: DuckDB tells no place it has */
        {"SELECT                                                                                                   "
         "                                                                     a, nope, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "
         "11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25 FROM range(3) r(a)",
         1, 178}, /* a line that DuckDB shortens */
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_code code = suite_try(s, cases[i].sql, LH_FORMAT_JSON);
        bool here = cases[i].line == 0 || (s->err.line == cases[i].line && s->err.column == cases[i].column);
        if (!here)
            print_error("%s: %" PRIu64 ", %" PRIu64 ": %s\n", cases[i].sql, s->err.line, s->err.column, s->err.message);
        CHECK(here && (code == LH_INVALID || code == LH_DENIED) && s->text.len == 0);
        CHECK(!strstr(s->err.message, "LINE "));
    }
}

#define LONG                                                                                                           \
    "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30"
static void test_engine__an_error_in_what_stands_twice_has_no_wrong_place(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    static const char sql[] = "SELECT " LONG ", a, " LONG " FROM range(3) r(a) UNION ALL SELECT " LONG ", a, " LONG
                              " FROM range(3) r(b)"; /* DuckDB shows only what is around the second a */
    CHECK(suite_try(s, sql, LH_FORMAT_JSON) == LH_INVALID && strstr(s->err.message, "\"a\""));
    CHECK(s->err.line == 0 && s->err.column == 0);
}

static void test_engine__empty_results_are_whole_answers(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    const char *sql = "SELECT 1 AS a, 'x' AS b WHERE false";
    lh_str json = suite_run(s, sql, LH_FORMAT_JSON);
    CHECK(lh_str_starts(json, LH_STR("{\"columns\":[{\"name\":\"a\",\"type\":\"INTEGER\"},{\"name\":\"b\",\"type\":"
                                     "\"VARCHAR\"}],\"rows\":[],\"row_count\":0,")));
    CHECK_STR(suite_run(s, sql, LH_FORMAT_NDJSON), LH_STR(""));
    CHECK_STR(suite_run(s, sql, LH_FORMAT_CSV), LH_STR("a,b\r\n"));
    CHECK(suite_run(s, sql, LH_FORMAT_ARROW).len > 0);
    const lh_query query = {.sql = LH_STR("SELECT 1 AS a, 2 AS b"), .rows_as_objects = true};
    CHECK(suite_query(s, &query) == LH_OK);
    CHECK(lh_str_search(lh_buf_str(&s->text), LH_STR("\"rows\":[\n{\"a\":1,\"b\":2}\n]")) != SIZE_MAX);
}

/* ---- parameters ---- */
static lh_code run_bound(suite *s, const char *sql, const char *params) {
    const lh_query query = {
        .sql = lh_str_from(sql), .params = params ? json_of(s, params) : NULL, .format = LH_FORMAT_NDJSON};
    return suite_query(s, &query);
}

static void test_engine__parameters_are_values(void) {
    static const char *const cases[][3] = {
        {"SELECT $1 AS v", "[\"x'; DROP TABLE t; --\"]", "{\"v\":\"x'; DROP TABLE t; --\"}\n"},
        {"SELECT ? + ? AS v", "[1, 2]", "{\"v\":3}\n"},
        {"SELECT $1 AS v, $1 AS w", "[true]", "{\"v\":true,\"w\":true}\n"},
        {"SELECT $1 AS v", "[null]", "{\"v\":null}\n"},
        {"SELECT $1 AS v", "[1.5]", "{\"v\":1.5}\n"},
        {"SELECT $1 AS v", "[-9223372036854775808]", "{\"v\":-9223372036854775808}\n"},
        {"SELECT $1 AS v", "[9223372036854775807]", "{\"v\":9223372036854775807}\n"},
        {"SELECT $1 AS v", "[18446744073709551615]", "{\"v\":18446744073709551615}\n"},
        {"SELECT $1::DATE AS v", "[\"2026-01-31\"]", "{\"v\":\"2026-01-31\"}\n"},
        {"SELECT $1 AS v", "[[1, 2.5, null]]", "{\"v\":[1.0,2.5,null]}\n"},
        {"SELECT $1 AS v", "[[\"a\", null]]", "{\"v\":[\"a\",null]}\n"},
        {"SELECT $1 AS v", "[[]]", "{\"v\":[]}\n"},
        {"SELECT $b - $a AS v", "{\"a\": 1, \"b\": 3, \"unused\": {}}", "{\"v\":2}\n"},
        {"SELECT 1 AS v", "[1, 2]", "{\"v\":1}\n"}, /* a statement without parameters takes none */
        {"SELECT * FROM range(10) r(i) WHERE i IN (SELECT unnest($1)) ORDER BY i", "[[3, 5]]",
         "{\"i\":3}\n{\"i\":5}\n"},
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_code code = run_bound(s, cases[i][0], cases[i][1]);
        if (code != LH_OK) print_error("%s %s: %s\n", cases[i][0], cases[i][1], s->err.message);
        CHECK(code == LH_OK);
        CHECK_STR(lh_buf_str(&s->text), lh_str_from(cases[i][2]));
    }
}

static void test_engine__parameters_that_do_not_fit_are_named(void) {
    static const char *const cases[][3] = {
        {"SELECT $1", NULL, "takes 1 values, none are given"},
        {"SELECT $1", "null", "none are given"},
        {"SELECT $1, $2", "[1]", "takes 2 values, 1 are given"},
        {"SELECT $1", "[1, 2]", "takes 1 values, 2 are given"},
        {"SELECT $a", "{\"b\": 1}", "$a is missing"},
        {"SELECT $1", "[{\"a\": 1}]", "$1: an object cannot be bound"},
        {"SELECT $a", "{\"a\": [1, \"x\"]}", "a: a list may hold only"},
        {"SELECT $1", "[[[1]]]", "a list may hold only"},
        {"SELECT $1", "\"x\"", "an array (for $1, ?) or an object"},
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(run_bound(s, cases[i][0], cases[i][1]) == LH_INVALID && s->text.len == 0);
        if (!strstr(s->err.message, cases[i][2])) print_error("%s: %s\n", cases[i][0], s->err.message);
        CHECK(strstr(s->err.message, cases[i][2]));
    }
}

/* ---- sessions ---- */
static void test_engine__a_session_is_one_connection(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(2, 0);
    lh_session *session = NULL;
    lh_json *answer = NULL;
    CHECK(lh_session_open(s->engine, NULL, &session, NULL) == LH_OK);
    CHECK(lh_session_run(session, LH_STR("CREATE TABLE t (a INTEGER, b VARCHAR)"), NULL, s->arena, NULL, NULL) ==
          LH_OK);
    CHECK(lh_session_run(session, LH_STR("BEGIN"), NULL, s->arena, NULL, NULL) == LH_OK);
    CHECK(lh_session_run(session, LH_STR("INSERT INTO t VALUES ($1, $2)"), json_of(s, "[1, \"x\"]"), s->arena, NULL,
                         NULL) == LH_OK);
    CHECK(lh_session_run(session, LH_STR("FROM t"), NULL, s->arena, &answer, NULL) == LH_OK);
    CHECK(
        lh_json_equal(answer, json_of(s, "{\"columns\":[{\"name\":\"a\",\"type\":\"INTEGER\"},{\"name\":\"b\",\"type\":"
                                         "\"VARCHAR\"}],\"rows\":[[1,\"x\"]]}")) ||
        lh_json_equal(lh_json_get(answer, "rows"), json_of(s, "[[1,\"x\"]]")));
    CHECK_STR(rows_of(s, "SELECT count(*) AS n FROM t"), LH_STR("{\"n\":0}\n")); /* another connection */
    lh_session_close(session);                                                   /* rolls back */
    CHECK_STR(rows_of(s, "SELECT count(*) AS n FROM t"), LH_STR("{\"n\":0}\n"));
}

static void test_engine__a_session_says_what_is_wrong(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    lh_session *session = NULL;
    lh_json *answer = NULL;
    CHECK(lh_session_open(s->engine, NULL, &session, NULL) == LH_OK);
    CHECK(lh_session_run(session, LH_STR("SELECT\n nope"), NULL, s->arena, &answer, &s->err) == LH_INVALID && !answer);
    CHECK(strstr(s->err.message, "nope") && s->err.line == 2 && s->err.column == 2);
    CHECK(lh_session_run(session, LH_STR("SELECT $1"), NULL, s->arena, &answer, &s->err) == LH_INVALID && !answer);
    CHECK(lh_session_run(session, LH_STR("SELECT error('own words')"), NULL, s->arena, &answer, &s->err) == LH_INVALID);
    CHECK(strstr(s->err.message, "own words") && !answer);
    CHECK(lh_session_run(session, LH_STR("SELECT 1"), NULL, s->arena, &answer, &s->err) == LH_OK && answer);
    lh_session_close(session);
}

LH_TEST_MAIN(LH_TEST(test_engine__a_reader_changes_nothing), LH_TEST(test_engine__a_row_limit_is_exact),
             LH_TEST(test_engine__a_truncated_result_is_not_computed),
             LH_TEST(test_engine__an_answer_has_a_largest_size),
             LH_TEST(test_engine__a_reader_that_takes_no_more_ends_the_query),
             LH_TEST(test_engine__the_last_statement_is_the_answer), LH_TEST(test_engine__a_transaction_is_whole),
             LH_TEST(test_engine__errors_have_their_place),
             LH_TEST(test_engine__an_error_in_what_stands_twice_has_no_wrong_place),
             LH_TEST(test_engine__empty_results_are_whole_answers), LH_TEST(test_engine__parameters_are_values),
             LH_TEST(test_engine__parameters_that_do_not_fit_are_named),
             LH_TEST(test_engine__a_session_is_one_connection), LH_TEST(test_engine__a_session_says_what_is_wrong))
