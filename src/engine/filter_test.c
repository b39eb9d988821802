/* Which texts may be row filters: by themselves, and over the types of columns. */
#include "engine/engine_suite.h"
#include "engine/filter_shim.h"
#include "engine/functions.h"

static const lh_str columns[] = {{"id", 2}, {"status", 6}, {"n", 1},      {"born", 4},  {"seen", 4},
                                 {"ok", 2}, {"addr", 4},   {"skills", 6}, {"price", 5}, {"a b", 3}};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* NULL: it is refused, and the message has `why`. */
static const struct {
    const char *text, *normal, *used, *why;
} cases[] = {
    {"status != 'blocked'", "((status != 'blocked'))", "status", NULL},
    {"STATUS = 'x' AND n > 3 AND Status <> 'y'", "(((STATUS = 'x') AND (n > 3) AND (Status != 'y')))", "status n",
     NULL},
    {"  ok -- a comment", "(ok)", "ok", NULL},
    {"ok;", "(ok)", "ok", NULL},
    {"true", "(CAST('t' AS BOOLEAN))", "", NULL},
    {"n = -5", "((n = -5))", "n", NULL},
    {"\"a b\" IS NOT NULL", "((\"a b\" IS NOT NULL))", "a b", NULL},
    {"addr.city = 'Ulm'", "((addr.city = 'Ulm'))", "addr", NULL},
    {"status IN ('a', 'b') OR n BETWEEN 1 AND 2", "(((status IN ('a', 'b')) OR (n BETWEEN 1 AND 2)))", "status n",
     NULL},
    {"status NOT IN ('it''s')", "((status NOT IN ('it''s')))", "status", NULL},
    {"lower(status) LIKE 'a%' AND NOT ok", "(((lower(status) ~~ 'a%') AND (NOT ok)))", "status ok", NULL},
    {"status ILIKE 'a%'", "((status ~~* 'a%'))", "status", NULL},
    {"coalesce(status, '') = ''", "((COALESCE(status, '') = ''))", "status", NULL},
    {"CASE WHEN ok THEN true ELSE n > 1 END", "(CASE  WHEN (ok) THEN (CAST('t' AS BOOLEAN)) ELSE (n > 1) END)", "ok n",
     NULL},
    {"status IS DISTINCT FROM 'x'", "((status IS DISTINCT FROM 'x'))", "status", NULL},
    {"CAST(n AS VARCHAR) = '1'", "((CAST(n AS VARCHAR) = '1'))", "n", NULL},
    {"TRY_CAST(status AS INTEGER) = 1", "((TRY_CAST(status AS INTEGER) = 1))", "status", NULL},
    {"born >= DATE '2024-01-01'", "((born >= CAST('2024-01-01' AS \"DATE\")))", "born", NULL},
    {"seen < TIMESTAMP '2024-01-01 10:00:00'", "((seen < CAST('2024-01-01 10:00:00' AS TIMESTAMP)))", "seen", NULL},
    {"price > 10::DECIMAL(9,2)", "((price > CAST(10 AS DECIMAL(9, 2))))", "price", NULL},
    {"contains(skills, 'C')", "(contains(skills, 'C'))", "skills", NULL},
    {"status || 'x' = 'yx'", "(((status || 'x') = 'yx'))", "status", NULL},
    /* not one expression */
    {"", NULL, NULL, "1 to 8192 bytes"},
    {"ok, ok", NULL, NULL, "not one expression"},
    {"ok; ok", NULL, NULL, "no SQL"},
    {"ok AS x", NULL, NULL, "not one expression"},
    {"ok FROM t", NULL, NULL, "not one expression"},
    {"ok WHERE true", NULL, NULL, "not one expression"},
    {"ok LIMIT 1", NULL, NULL, "not one expression"},
    {"ok UNION SELECT true", NULL, NULL, "not one expression"},
    {"DISTINCT ok", NULL, NULL, "not one expression"},
    {"ok) OR (true", NULL, NULL, "no SQL"},
    {"status = ", NULL, NULL, "no SQL"},
    {"ok /*", NULL, NULL, "no SQL"},
    {"ok; DROP TABLE t", NULL, NULL, "not one expression"},
    {"ok GROUP BY ALL", NULL, NULL, "not one expression"},
    {"ok QUALIFY true", NULL, NULL, "not one expression"},
    /* what reads more than the row */
    {"n = (SELECT max(n) FROM t)", NULL, NULL, "subquery"},
    {"EXISTS (SELECT 1)", NULL, NULL, "subquery"},
    {"id IN (SELECT 1)", NULL, NULL, "subquery"},
    {"id = ?", NULL, NULL, "parameter"},
    {"id = $1", NULL, NULL, "parameter"},
    {"*", NULL, NULL, "name the columns"},
    {"COLUMNS('n') > 1", NULL, NULL, "name the columns"},
    {"COLUMNS(c -> c = 'n') > 1", NULL, NULL, "name the columns"},
    {"list_filter(skills, x -> true) = skills", NULL, NULL, "list_filter"},
    {"row_number() OVER () > 1", NULL, NULL, "window"},
    {"max(n) > 1", NULL, NULL, "max"},
    {"count(*) > 1", NULL, NULL, "count"},
    {"random() < 0.5", NULL, NULL, "random"},
    {"born > now()", NULL, NULL, "now"},
    {"born > current_date", NULL, NULL, "current_date"},
    {"getenv('HOME') = ''", NULL, NULL, "getenv"},
    {"nextval('s') = 1", NULL, NULL, "nextval"},
    {"no_such(status)", NULL, NULL, "no_such"},
    {"main.lower(status) = ''", NULL, NULL, "lower"},
    {"secret = 1", NULL, NULL, "'secret', which is no column"},
    {"rowid = 1", NULL, NULL, "'rowid'"},
    {"t.status = 'x'", NULL, NULL, "'t'"},
    /* what may raise */
    {"n + 1 > 2", NULL, NULL, "operator +"},
    {"n - 1 > 2", NULL, NULL, "operator -"},
    {"-n > 2", NULL, NULL, "operator -"},
    {"n * 2 = 4 OR ok", NULL, NULL, "operator *"},
    {"1 / n > 2", NULL, NULL, "operator /"},
    {"status::INTEGER = 1", NULL, NULL, "TRY_CAST"},
    {"CAST(status AS DATE) > born", NULL, NULL, "TRY_CAST"},
    {"born > DATE '2024-13-01'", NULL, NULL, "no DATE"},
    {"n = 'x'::INTEGER", NULL, NULL, "no INTEGER"},
    {"error('x')", NULL, NULL, "error"},
    {"chr(n) = 'a'", NULL, NULL, "chr"},
    {"substr(status, 1, n) = 'a'", NULL, NULL, "substr"},
    {"status SIMILAR TO 'a'", NULL, NULL, "regexp"},
    {"status LIKE 'a' ESCAPE 'b'", NULL, NULL, "like_escape"},
    {"skills[1] = 'C'", NULL, NULL, "operator"},
    {"TRY(n) = 1", NULL, NULL, "operator"},
    {"status COLLATE nocase = 'x'", NULL, NULL, "COLLATE"},
};

static bool check_used(const lh_filter *filter, const char *want) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4096);
    for (size_t i = 0; i < filter->column_count; i++)
        lh_buf_printf(&text, "%s%.*s", i ? " " : "", LH_STR_ARG(filter->columns[i]));
    return lh_str_eq(lh_buf_str(&text), lh_str_from(want));
}

static void test_engine__a_row_filter_is_one_total_expression_over_the_columns(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    size_t wrongs = 0;
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_error err = {0};
        lh_filter filter = {0};
        lh_code code = lh_engine_filter_check(lh_str_from(cases[i].text), columns, COLUMNS, arena, &filter, &err);
        bool good = cases[i].normal ? code == LH_OK && lh_str_eq(filter.text, lh_str_from(cases[i].normal)) &&
                                          check_used(&filter, cases[i].used)
                                    : code == LH_INVALID && strstr(err.message, cases[i].why);
        if (!good)
            print_error("%s\n  %s: %s%.*s\n", cases[i].text, lh_code_name(code), err.message, LH_STR_ARG(filter.text)),
                wrongs++;
    }
    CHECK(wrongs == 0);
}

static void test_engine__a_row_filter_without_known_columns_may_name_any(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_filter filter = {0};
    lh_error err = {0};
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    CHECK_OK(lh_engine_filter_check(LH_STR("Some_ > 1 AND other = 'x'"), NULL, 0, arena, &filter, &err));
    CHECK(check_used(&filter, "Some_ other"));
    CHECK(lh_engine_filter_check(LH_STR("some_ > chr(1)"), NULL, 0, arena, &filter, &err) == LH_INVALID);
}

static void test_engine__a_refused_row_filter_has_its_place(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_filter filter = {0};
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    static const struct {
        const char *text;
        uint64_t line, column;
    } places[] = {{"ok AND chr(n) = 'a'", 1, 8},
                  {"ok\n AND chr(n) = 'a'", 2, 6},
                  {"ok AND\nsecret = 1", 2, 1},
                  {"ok AND = 1", 1, 8},
                  {"status = '\xC3\xA9' AND random() < 1", 1, 18}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        lh_error err = {0};
        CHECK(lh_engine_filter_check(lh_str_from(places[i].text), columns, COLUMNS, arena, &filter, &err) ==
              LH_INVALID);
        bool good = err.line == places[i].line && err.column == places[i].column;
        if (!good) print_error("%s: %" PRIu64 ", %" PRIu64 "\n", places[i].text, err.line, err.column);
        CHECK(good);
    }
}

static void test_engine__a_row_filter_has_caps(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 20);
    lh_filter filter = {0};
    lh_error err = {0};
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    lh_buf_append(&text, LH_STR("status = '"));
    while (text.len < 8100) lh_buf_char(&text, 'x');
    lh_buf_char(&text, '\'');
    CHECK_OK(lh_engine_filter_check(lh_buf_str(&text), columns, COLUMNS, arena, &filter, &err));
    while (text.len < 8193) lh_buf_char(&text, ' ');
    CHECK(lh_engine_filter_check(lh_buf_str(&text), columns, COLUMNS, arena, &filter, &err) == LH_INVALID);
    lh_buf_clear(&text);
    for (size_t i = 0; i < 70; i++) lh_buf_append(&text, LH_STR("lower("));
    lh_buf_append(&text, LH_STR("status"));
    for (size_t i = 0; i < 70; i++) lh_buf_char(&text, ')');
    lh_buf_append(&text, LH_STR(" = ''"));
    CHECK(lh_engine_filter_check(lh_buf_str(&text), columns, COLUMNS, arena, &filter, &err) == LH_INVALID);
    CHECK(strstr(err.message, "64 levels"));
    lh_buf_clear(&text); /* each gets parentheses in the normal form */
    for (size_t i = 0; i < 700; i++) lh_buf_printf(&text, "%sn=%zu", i ? " OR " : "", i);
    CHECK(lh_engine_filter_check(lh_buf_str(&text), columns, COLUMNS, arena, &filter, &err) == LH_INVALID);
    CHECK(strstr(err.message, "normal form"));
    CHECK(lh_engine_filter_check(LH_STR("ok\0"), columns, COLUMNS, arena, &filter, &err) == LH_INVALID);
    CHECK(lh_engine_filter_check(LH_STR("status = '\xFF'"), columns, COLUMNS, arena, &filter, &err) == LH_INVALID);
}

/* ---- types ---- */

static bool is_total(void *ctx, const char *function) {
    (void)ctx;
    return lh_sql_function_find(lh_str_from(function)) == LH_SQL_FUNCTION_TOTAL;
}

static const struct {
    const char *text, *why; /* NULL: it binds */
} typed[] = {
    {"(status != 'blocked')", NULL},
    {"(ok)", NULL},
    {"(n > 3 AND id < 5)", NULL},
    {"(n = price)", NULL},
    {"(born >= '2024-01-01')", NULL},
    {"(seen < CAST('2024-01-01 10:00:00' AS TIMESTAMP))", NULL},
    {"(concat(n, status) = '1a')", NULL},
    {"(contains(skills, 'C'))", NULL},
    {"(addr.city = 'Ulm')", NULL},
    {"(TRY_CAST(status AS INTEGER) = 1)", NULL},
    {"(status)", "must be BOOLEAN"},
    {"(n)", "must be BOOLEAN"},
    {"(status = 1)", "VARCHAR would be cast to INTEGER"},
    {"(status = n)", "VARCHAR would be cast"},
    {"(status = 1.5)", "VARCHAR would be cast"},
    {"(id = 1.5 OR n < 2.25)", NULL},
    {"(born = 'monday')", "no DATE"},
    {"(born = status)", "VARCHAR would be cast to DATE"},
    {"(n AND ok)", "INTEGER would be cast to BOOLEAN"},
    {"(status AND ok)", "VARCHAR would be cast to BOOLEAN"},
    {"(addr.nope = 1)", "Binder Error"},
};

static void test_engine__a_row_filter_is_boolean_and_compares_what_cannot_fail(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    engine_connection *connection = NULL;
    const filter_out out = {.is_total = is_total};
    filter_outcome outcome;
    char sql[1000], message[2048] = "";
    size_t wrongs = 0;
    CHECK(engine_acquire(s->engine, NULL, LH_NO_DEADLINE, &connection, &s->err) == LH_OK);
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        snprintf(
            sql, sizeof sql,
            "SELECT %s FROM (SELECT 1::BIGINT AS id, NULL::VARCHAR AS status, 1::INTEGER AS n, NULL::DATE AS born, "
            "NULL::TIMESTAMP AS seen, true AS ok, {'city': 'x'} AS addr, ['x'] AS skills, 1::DECIMAL(12,2) AS price)",
            typed[i].text);
        filter_code code = filter_shim_bind(connection->handle, sql, &out, &outcome, message, sizeof message);
        const char *told = code == FILTER_FAILED ? message : outcome.what;
        bool good = typed[i].why ? code != FILTER_OK && strstr(told, typed[i].why) : code == FILTER_OK;
        if (!good) print_error("%s: %d: %s\n", typed[i].text, (int)code, told), wrongs++;
    }
    engine_release(connection);
    CHECK(wrongs == 0);
}

LH_TEST_MAIN(LH_TEST(test_engine__a_row_filter_is_one_total_expression_over_the_columns),
             LH_TEST(test_engine__a_row_filter_without_known_columns_may_name_any),
             LH_TEST(test_engine__a_refused_row_filter_has_its_place), LH_TEST(test_engine__a_row_filter_has_caps),
             LH_TEST(test_engine__a_row_filter_is_boolean_and_compares_what_cannot_fail))
