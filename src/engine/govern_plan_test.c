/* Statements over a relation whose hidden rows would make them raise, against the same over a table without these rows. */
#include "engine/govern_plan.h"
#include "base/base.h"
#include "base/test.h"

#include <stdlib.h>

#define NONCE UINT64_C(5764607523034234879)
#define LIMITED " LIMIT 5764607523034234879"

typedef struct fixture {
    duckdb_database database;
    duckdb_connection connection;
    char text[1 << 16]; /* the last answer: rows in order, '|' behind each value; or the error */
} fixture;

static govern_function classify(const char *name) {
    static const struct {
        const char *name;
        govern_function is;
    } known[] = {{"lower", GOVERN_TOTAL},      {"contains", GOVERN_TOTAL},       {"~~", GOVERN_TOTAL},
                 {"range", GOVERN_TABLE},      {"unnest", GOVERN_TABLE},         {"sleep_ms", GOVERN_REFUSED},
                 {"seq_scan", GOVERN_REFUSED}, {"duckdb_tables", GOVERN_REFUSED}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) return known[i].is;
    return GOVERN_RAISES;
}

static int compare_rows(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool fixture_try(fixture *f, const char *sql) {
    duckdb_result result;
    bool good = duckdb_query(f->connection, sql, &result) == DuckDBSuccess;
    size_t used = 0, count = good ? (size_t)duckdb_row_count(&result) : 0;
    f->text[0] = '\0';
    if (!good) snprintf(f->text, sizeof f->text, "%s", duckdb_result_error(&result));
    char **rows = calloc(count + 1, sizeof *rows);
    CHECK(rows);
    for (size_t row = 0; row < count; row++) {
        char line[4096] = "";
        for (idx_t column = 0; column < duckdb_column_count(&result); column++) {
            char *value = duckdb_value_varchar(&result, column, row);
            size_t at = strlen(line);
            snprintf(line + at, sizeof line - at, "%s|", value ? value : "NULL");
            duckdb_free(value);
        }
        CHECK((rows[row] = strdup(line)) != NULL);
    }
    qsort(rows, count, sizeof *rows, compare_rows);
    for (size_t row = 0; row < count; row++) {
        used += (size_t)snprintf(f->text + used, sizeof f->text - used, "%s\n", rows[row]);
        CHECK(used < sizeof f->text);
        free(rows[row]);
    }
    free(rows);
    duckdb_destroy_result(&result);
    return good;
}

static void fixture_run(fixture *f, const char *sql) {
    bool good = fixture_try(f, sql);
    if (!good) print_error("%s\n%s\n", sql, f->text);
    CHECK(good);
}

/* Of the rows of t those with a < 0 are hidden: chr(a) raises on them, and s is no number there. */
static fixture *fixture_new(void) {
    fixture *f = calloc(1, sizeof *f);
    duckdb_config config = NULL;
    CHECK(f && duckdb_create_config(&config) == DuckDBSuccess);
    CHECK(duckdb_set_config(config, "threads", "2") == DuckDBSuccess);
    CHECK(duckdb_open_ext(NULL, &f->database, config, NULL) == DuckDBSuccess);
    duckdb_destroy_config(&config);
    CHECK(govern_plan_install(f->database, classify));
    CHECK(duckdb_connect(f->database, &f->connection) == DuckDBSuccess);
    fixture_run(
        f, "CREATE TABLE t AS SELECT (CASE WHEN i % 10 = 3 THEN -5 ELSE 65 + i % 20 END)::INTEGER AS a, i % 7 AS b, "
           "CASE WHEN i % 10 = 3 THEN 'secret' ELSE (i % 9)::VARCHAR END AS s FROM range(5000) r(i)");
    fixture_run(f, "CREATE TABLE u AS SELECT i AS b, chr((97 + i)::INTEGER) AS name FROM range(7) r(i)");
    fixture_run(f, "CREATE TABLE seen AS SELECT * FROM t WHERE a >= 0");
    return f;
}

static void fixture_free(fixture *f) {
    duckdb_disconnect(&f->connection);
    duckdb_close(&f->database);
    free(f);
}

static void fixture_govern(fixture *f, const char *target) {
    static const govern_table tables[] = {{"memory", "main", "t", 0}, {"memory", "main", "u", 0}};
    const govern_table written = {"memory", "main", target, 0};
    const govern_plan plan = {.nonce = NONCE, .tables = tables, .table_count = 2, .target = target ? &written : NULL};
    CHECK(govern_plan_begin(f->connection, &plan));
}

/* The statement with `with` in the place of each @. */
static const char *put(const char *statement, const char *with, char *into, size_t size) {
    size_t used = 0;
    for (const char *c = statement; *c; c++) {
        used += (size_t)(*c == '@' ? snprintf(into + used, size - used, "%s", with)
                                   : snprintf(into + used, size - used, "%c", *c));
        CHECK(used < size);
    }
    return into;
}

#define SELECTED(filter) "(SELECT a, b, s FROM t AS m WHERE " filter
/* One that no scan takes, so that it is a filter among others. */
#define RELATION SELECTED("(a >= 0 OR b IS NULL)") LIMITED ")"
#define UNGUARDED SELECTED("(a >= 0 OR b IS NULL)") ")"

/* @ is the relation; each would raise on a hidden row. */
static const char *const raising[] = {
    "SELECT chr(a) FROM @ t",
    "SELECT * FROM @ t WHERE chr(a) = 'A'",
    "SELECT * FROM @ t WHERE s::INTEGER > 4",
    "SELECT * FROM @ t WHERE s::INTEGER > 4 AND b = 2",
    "SELECT count(*) FROM @ t WHERE chr(a) <> 'B' OR random() < 0",
    "SELECT count(*) FROM @ t WHERE CASE WHEN a < 0 THEN error('seen') ELSE 'x' END = 'x'",
    "SELECT chr(a) AS c, count(*) FROM @ t GROUP BY c",
    "SELECT chr(a) AS c, count(*) FROM @ t GROUP BY c HAVING c > 'F'",
    "SELECT b, count(*) FROM @ t GROUP BY b HAVING max(chr(a)) = 'T' AND b > 1",
    "SELECT sum(s::INTEGER) FROM @ t",
    "SELECT count(*) FILTER (chr(a) = 'A') FROM @ t",
    "SELECT DISTINCT chr(a) FROM @ t",
    "SELECT DISTINCT ON (chr(a)) chr(a) FROM @ t ORDER BY chr(a)",
    "SELECT b FROM @ t ORDER BY chr(a), b LIMIT 20",
    "SELECT * FROM (SELECT chr(a) AS c FROM @ t) WHERE c = 'C'",
    "WITH x AS (SELECT chr(a) AS c FROM @ t) SELECT count(*) FROM x WHERE c > 'D'",
    "WITH x AS MATERIALIZED (SELECT chr(a) AS c FROM @ t) SELECT count(*) FROM x WHERE c > 'D'",
    "SELECT count(*) FROM @ t JOIN (SELECT 'A' AS k) k ON chr(t.a) = k.k",
    "SELECT count(*) FROM @ t JOIN (SELECT 65 AS k) k ON t.a = k.k AND chr(t.a) = 'A'",
    "SELECT count(*) FROM @ t, @ o WHERE t.a = o.a AND chr(t.a) = 'A' AND o.b = 1",
    "SELECT count(*) FROM (SELECT 'A' AS k) k LEFT JOIN @ t ON chr(t.a) = k.k",
    "SELECT count(*) FROM @ t LEFT JOIN (SELECT 66 AS k) k ON t.a = k.k AND chr(t.a) = 'B'",
    "SELECT count(*) FROM @ t SEMI JOIN (SELECT 'A' AS k) k ON chr(t.a) = k.k",
    "SELECT count(*) FROM @ t ANTI JOIN (SELECT 'A' AS k) k ON chr(t.a) = k.k",
    "SELECT count(*) FROM (SELECT 1 AS k) k WHERE EXISTS (SELECT 1 FROM @ t WHERE chr(t.a) = 'A' AND t.b = k.k)",
    "SELECT count(*) FROM (SELECT 'A' AS k) k WHERE k.k IN (SELECT chr(t.a) FROM @ t)",
    "SELECT (SELECT max(chr(t.a)) FROM @ t WHERE t.b = k.k) FROM (SELECT unnest([1, 2]) AS k) k",
    "SELECT k.k, x.c FROM (SELECT 2 AS k) k, LATERAL (SELECT chr(t.a) AS c FROM @ t WHERE t.b = k.k) x",
    "SELECT chr(a) FROM @ t WHERE b = 1 UNION ALL SELECT chr(a) FROM @ t WHERE b = 2",
    "SELECT chr(a) FROM @ t EXCEPT SELECT 'A'",
    "SELECT chr(a) FROM @ t INTERSECT SELECT 'A'",
    "SELECT a, row_number() OVER (PARTITION BY chr(a) ORDER BY b, s) AS n FROM @ t QUALIFY n = 1 AND chr(a) = 'A'",
    "SELECT unnest([chr(a), 'x']) AS c, b FROM @ t WHERE b = 3",
    "SELECT count(*) FROM @ t, unnest([t.a]) x(v) WHERE chr(x.v) = 'A'",
    ("WITH RECURSIVE r AS (SELECT 0 AS n, 'A' AS c UNION ALL SELECT n + 1, chr(t.a) FROM r, @ t WHERE r.n < 1 AND "
     "chr(t.a) = 'B') SELECT count(*) FROM r"),
    "SELECT list_transform([a], x -> chr(x)) FROM @ t WHERE b = 4",
    "PIVOT (SELECT chr(a) AS c, b FROM @ t) ON c USING count(*) GROUP BY b",
    "SELECT count(*) FROM @ t POSITIONAL JOIN (SELECT 1 AS k) k WHERE chr(a) = 'A'",
    "SELECT sum(len) FROM (SELECT length(string_agg(chr(a), '')) AS len FROM @ t GROUP BY ROLLUP (b))",
    "SELECT count(*) FROM @ t WHERE (a, chr(a)) = (65, 'A')",
    "SELECT count(*) FROM @ t WHERE chr(a) IN ('A', 'B') AND a BETWEEN 60 AND 70",
    "SELECT max_by(b, chr(a)) FROM @ t WHERE s SIMILAR TO '[0-9]' AND chr(a) = 'A' AND s = '1'",
};

static void test_govern_plan__a_row_that_is_hidden_raises_nothing(void) {
    fixture *f = fixture_new();
    size_t told = 0;
    for (size_t i = 0; i < sizeof raising / sizeof *raising; i++) {
        char sql[2048], expected[sizeof f->text];
        fixture_run(f, put(raising[i], "seen", sql, sizeof sql));
        memcpy(expected, f->text, sizeof expected);
        told += !fixture_try(f, put(raising[i], UNGUARDED, sql, sizeof sql));
        fixture_govern(f, NULL);
        fixture_run(f, put(raising[i], RELATION, sql, sizeof sql));
        govern_plan_end(f->connection);
        if (strcmp(expected, f->text) != 0) print_error("%s\n%s\nnot\n%s\n", sql, f->text, expected);
        CHECK(strcmp(expected, f->text) == 0);
    }
    CHECK(told > 5); /* without the barrier hidden rows do raise */
    fixture_free(f);
}

/* Without the numbers of rows that are expected. */
static void fixture_explain(fixture *f, const char *sql) {
    char explain[4096];
    snprintf(explain, sizeof explain, "EXPLAIN %s", sql);
    fixture_run(f, explain);
    for (char *at; (at = strchr(f->text, '~')) != NULL;) {
        char *end = strchr(at, '\n'), *begin = at;
        while (begin > f->text && begin[-1] != '\n') begin--;
        memmove(begin, end, strlen(end) + 1);
    }
}

static void test_govern_plan__what_cannot_raise_is_planned_as_if_there_were_no_barrier(void) {
    static const char *const total[] = {
        "SELECT * FROM @ t WHERE b = 2",
        "SELECT count(*) FROM @ t WHERE lower(s) = '4' AND b IN (1, 2) HAVING count(*) > 3", /* groups hang on statistics */
        "SELECT t.s, u.name FROM @ t JOIN u USING (b) WHERE t.a > 70 AND u.name LIKE 'b%'",
        "SELECT a * 1000000, s::INTEGER FROM @ t WHERE b = 2", /* above the last filter nothing comes below it */
        "SELECT sum(s::INTEGER) FROM @ t WHERE b IS NOT NULL AND NOT (b = 1 OR b::BIGINT > 3)",
        "SELECT count(*) FROM @ t WHERE TRY_CAST(s AS INTEGER) = 4",
        "SELECT count(*) FROM @ t WHERE a > 3 * 5 + sqrt(4)::INTEGER AND b < 1 + length('abc')", /* of constants alone */
    };
    fixture *f = fixture_new();
    for (size_t i = 0; i < sizeof total / sizeof *total; i++) {
        char relation[2048], expected[sizeof f->text];
        char users
            [2048]; /* u stands for itself in the plain statement, for a relation without a filter in the governed one */
        fixture_explain(f, put(total[i], SELECTED("a >= 0") ")", relation, sizeof relation));
        memcpy(expected, f->text, sizeof expected);
        const char *join = strstr(total[i], "JOIN u ");
        if (join)
            snprintf(users, sizeof users, "%.*sJOIN (SELECT b, name FROM u AS m" LIMITED ") u %s",
                     (int)(join - total[i]), total[i], join + 7);
        else snprintf(users, sizeof users, "%s", total[i]);
        fixture_govern(f, NULL);
        fixture_explain(f, put(users, SELECTED("a >= 0") LIMITED ")", relation, sizeof relation));
        govern_plan_end(f->connection);
        CHECK(!strstr(f->text, "LIMIT"));
        if (!join && strcmp(expected, f->text) != 0) print_error("%s\n%s\nnot\n%s\n", relation, f->text, expected);
        CHECK(join || strcmp(expected, f->text) == 0);
    }
    fixture_free(f);
}

static void test_govern_plan__a_kept_barrier_lets_total_conjuncts_down(void) {
    fixture *f = fixture_new();
    fixture_govern(f, NULL);
    fixture_run(f, "EXPLAIN SELECT * FROM " RELATION " t WHERE b = 2 AND chr(a) = 'A'");
    CHECK(strstr(f->text, "b=2") && !strstr(f->text, "LIMIT"));
    fixture_run(f, "SELECT count(*) FROM (SELECT * FROM " RELATION " t LIMIT 7) WHERE chr(a) >= 'A'");
    CHECK(strcmp(f->text, "7|\n") == 0); /* a LIMIT of the user's is nobody's barrier */
    govern_plan_end(f->connection);
    fixture_free(f);
}

static void test_govern_plan__statistics_of_hidden_rows_are_not_shown(void) {
    fixture *f = fixture_new();
    fixture_run(f, "SELECT stats(s) FROM " UNGUARDED " t LIMIT 1");
    CHECK(strstr(f->text, "secret"));
    fixture_govern(f, NULL);
    fixture_run(f, "SELECT stats(s) FROM " RELATION " t LIMIT 1");
    CHECK(!strstr(f->text, "secret"));
    govern_plan_end(f->connection);
    fixture_free(f);
}

/* That hidden rows raise where DuckDB computes whole dictionaries is shown by tests/api/test_twin_lakes.py: tables in memory have none. */
static void test_govern_plan__rows_behind_a_curtain_are_the_same(void) {
    static const char *const over_vectors[] = {
        "SELECT l::INTEGER[] AS n FROM @ t",
        "SELECT l FROM @ t WHERE list_transform(l, x -> x::INTEGER)[1] = 4",
        "SELECT sum(list_transform(l, x -> x::INTEGER)[1]) FROM @ t",
        "SELECT b, m::MAP(INTEGER, INTEGER) FROM @ t WHERE b = 2",
        ("SELECT x.b FROM @ t JOIN (SELECT b, max(list_transform(l, x -> x::INTEGER)[1]) AS n FROM @ t GROUP BY b) x "
         "USING (b) WHERE x.n > 3"),
        "SELECT unnest(l::INTEGER[]) FROM @ t",
    };
    fixture *f = fixture_new();
    fixture_run(f, "CREATE OR REPLACE TABLE t AS SELECT a, b, [s, s] AS l, MAP {s: s} AS m FROM t");
    fixture_run(f, "CREATE OR REPLACE TABLE seen AS SELECT * FROM t WHERE a >= 0");
    for (size_t i = 0; i < sizeof over_vectors / sizeof *over_vectors; i++) {
        char sql[2048], expected[sizeof f->text];
        const char *relation = "(SELECT a, b, l, m FROM t AS m WHERE (a >= 0 OR b IS NULL)" LIMITED ")";
        fixture_run(f, put(over_vectors[i], "seen", sql, sizeof sql));
        memcpy(expected, f->text, sizeof expected);
        fixture_govern(f, NULL);
        char explain[2048];
        fixture_run(f, put(put("EXPLAIN @", over_vectors[i], explain, sizeof explain), relation, sql, sizeof sql));
        CHECK(strstr(f->text, "lh_copy"));
        fixture_run(f, put(over_vectors[i], relation, sql, sizeof sql));
        govern_plan_end(f->connection);
        CHECK(strcmp(expected, f->text) == 0);
    }
    fixture_free(f);
}

/* The order of a join's rows tells which side DuckDB took for the smaller. */
static void test_govern_plan__how_many_rows_are_hidden_orders_no_join(void) {
    static const char *const joins[] = {
        "SELECT list(o.k) FROM @ t JOIN (SELECT 600 - i AS k FROM range(600) r(i)) o ON t.c = o.k",
        "SELECT t.c, o.k FROM @ t JOIN (SELECT 600 - i AS k FROM range(600) r(i)) o ON t.c = o.k LIMIT 3",
        "SELECT list(o.k) FROM (SELECT c FROM @ t LIMIT 5764607523034234879) t JOIN (SELECT 600 - i AS k FROM "
        "range(600) r(i)) o ON "
        "t.c = o.k",
    };
    fixture *f = fixture_new();
    fixture_run(f, "CREATE OR REPLACE TABLE t AS SELECT i AS c, 1 AS a FROM range(300) r(i) UNION ALL SELECT -i, -1 "
                   "FROM range(3) r(i)");
    fixture_run(f, "CREATE OR REPLACE TABLE u AS SELECT i AS c, 1 AS a FROM range(300) r(i) UNION ALL SELECT -i, -1 "
                   "FROM range(9000) r(i)");
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
        char sql[2048], few[sizeof f->text];
        fixture_govern(f, NULL);
        fixture_run(f, put(joins[i], "(SELECT c FROM t AS m WHERE a > 0" LIMITED ")", sql, sizeof sql));
        memcpy(few, f->text, sizeof few);
        fixture_run(f, put(joins[i], "(SELECT c FROM u AS m WHERE a > 0" LIMITED ")", sql, sizeof sql));
        govern_plan_end(f->connection);
        CHECK(strcmp(few, f->text) == 0);
    }
    fixture_free(f);
}

static void test_govern_plan__what_is_outside_of_a_relation_is_refused(void) {
    static const char *const refused[] = {
        "FROM t",
        "FROM " RELATION " x, t",
        "SELECT (SELECT max(a) FROM t)",
        "SELECT 1 WHERE EXISTS (FROM t WHERE a = 65)",
        "SELECT k, (SELECT count(*) FROM t WHERE t.b = k) FROM (SELECT unnest([1]) AS k)",
        "FROM (SELECT a FROM t AS m LIMIT 5764607523034234878) t",
        "FROM (SELECT a FROM seen AS m" LIMITED ") seen", /* not asked for */
        "FROM (SELECT a FROM t AS m, u" LIMITED ") t",
        "FROM (SELECT max(a) FROM t AS m" LIMITED ") t",
        "FROM " UNGUARDED " t",
        "FROM duckdb_tables()",
        "SELECT sleep_ms(1)",
        "SELECT * FROM " RELATION " t WHERE b = sleep_ms(b::BIGINT)",
        "INSERT INTO u SELECT b, s FROM t",
        "CREATE TABLE c AS FROM t",
        "DELETE FROM t WHERE b = 1",
        "UPDATE t SET b = 1",
    };
    fixture *f = fixture_new();
    fixture_govern(f, NULL);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        bool good = fixture_try(f, refused[i]);
        if (good) print_error("%s\n%s\n", refused[i], f->text);
        CHECK(!good && strstr(f->text, "not seen whole"));
    }
    fixture_run(f, "SELECT count(*) FROM " RELATION " t, range(2)");
    fixture_run(f, "SELECT count(*) FROM (SELECT a AS c FROM (SELECT a FROM t AS m WHERE a >= 0" LIMITED
                   ") AS v WHERE a < 80" LIMITED ") t");
    CHECK(strcmp(f->text, "3500|\n") != 0);
    govern_plan_end(f->connection);
    fixture_run(f, "SELECT count(*) FROM t"); /* nobody is governed any more */
    fixture_govern(f, "u");
    fixture_run(f, "DELETE FROM u WHERE b = 1");
    CHECK(!fixture_try(f, "DELETE FROM t WHERE b = 1"));
    govern_plan_end(f->connection);
    fixture_free(f);
}

static void test_govern_plan__what_is_changed_is_what_was_asked_for(void) {
    static const char *const changes[] = {"INSERT INTO u VALUES (1, 'x')",
                                          "UPDATE u SET b = 1",
                                          "DELETE FROM u",
                                          "ALTER TABLE u ADD COLUMN more INTEGER",
                                          "CREATE OR REPLACE TABLE u(b BIGINT, s VARCHAR)",
                                          "DROP TABLE u"};
    fixture *f = fixture_new();
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        fixture_govern(f, "U"); /* which DuckDB takes for u */
        bool good = fixture_try(f, changes[i]);
        if (good) print_error("%s\n%s\n", changes[i], f->text);
        CHECK(!good && strstr(f->text, "not asked for"));
        fixture_govern(f, "u");
        fixture_run(f, changes[i]);
    }
    govern_plan_end(f->connection);
    fixture_free(f);
}

LH_TEST_MAIN(LH_TEST(test_govern_plan__what_is_changed_is_what_was_asked_for),
             LH_TEST(test_govern_plan__a_row_that_is_hidden_raises_nothing),
             LH_TEST(test_govern_plan__what_cannot_raise_is_planned_as_if_there_were_no_barrier),
             LH_TEST(test_govern_plan__a_kept_barrier_lets_total_conjuncts_down),
             LH_TEST(test_govern_plan__statistics_of_hidden_rows_are_not_shown),
             LH_TEST(test_govern_plan__rows_behind_a_curtain_are_the_same),
             LH_TEST(test_govern_plan__how_many_rows_are_hidden_orders_no_join),
             LH_TEST(test_govern_plan__what_is_outside_of_a_relation_is_refused))
