/* Which literals a query compares with what. */
#include "engine/engine_suite.h"

/* told: "text[flags](columns)" of each; flags: n number, d dated, e equal, p pattern. */
static const struct {
    const char *sql, *told;
} cases[] = {
    {"SELECT count(*) FROM t WHERE id = 'CAN000003'", "CAN000003[e](id)"},
    {"SELECT * FROM t AS x WHERE lower(x.city) = lower('Ulm') AND 'a' <> x.b", "Ulm[e](city) a[e](b)"},
    {"SELECT * FROM t WHERE a IN ('x', 'y') OR b NOT IN (1, -2)", "x[e](a) y[e](a) 1[ne](b) -2[ne](b)"},
    {"SELECT * FROM t WHERE a LIKE '%x%' OR a NOT ILIKE 'y' OR contains(a, 'z') OR a ~ 'w.*'",
     "%x%[p](a) y[p](a) z[p](a) w.*[p](a)"},
    {"SELECT * FROM t WHERE a BETWEEN 5 AND 7 AND b >= 2.5", "5[n](a) 7[n](a) 2.5[n](b)"},
    {"SELECT * FROM t WHERE d >= DATE '2024-01-01' AND d < '2025-01-01'", "2024-01-01[d](d) 2025-01-01[](d)"},
    {"SELECT * FROM t WHERE date_trunc('month', d) = '2024-03-01' AND year(d) = 2024",
     "2024-03-01[de](d) 2024[nde](d)"},
    {"SELECT * FROM t WHERE d > current_date - INTERVAL '30 days' AND strftime(d, '%Y') = '2024'", "2024[de](d)"},
    {"SELECT sum(x) FILTER (tier = 'gold'), CASE tier WHEN 'base' THEN 'low' END FROM t LIMIT 7",
     "gold[e](tier) base[e](tier)"},
    {"WITH a AS (SELECT * FROM t WHERE b = 'one') SELECT * FROM a JOIN (SELECT * FROM u WHERE c = 'two') v ON v.x = "
     "'three'",
     "two[e](c) three[e](x) one[e](b)"},
    {"SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = 'q') AND n > (SELECT max(n) FROM w WHERE m = 'r')",
     "q[e](k) r[e](m)"},
    {"SELECT a FROM t UNION ALL SELECT b FROM u WHERE b = 'x'", "x[e](b)"},
    {"SELECT 'Python' = ANY(string_split(skills, ', ')), list_contains(tags, 'red') FROM t",
     "Python[e]() red[p](tags)"},
    {"SELECT g, count(*) FROM t GROUP BY g HAVING count(*) > 5 QUALIFY row_number() OVER (ORDER BY g) <= 3",
     "5[n]() 3[n]()"},
    {"SELECT a FROM t WHERE regexp_matches(title, 'book', 'i') AND name LIKE '10x%' ESCAPE 'x'",
     "book[p](title) 10x%[p](name)"},
    {"SELECT 'free', replace(a, 'x', 'y') FROM t WHERE ok = true ORDER BY a = 'last'", "last[e](a)"},
};

static void told_of(const char *sql, lh_arena *arena, lh_buf *into) {
    lh_compared *items = NULL;
    size_t count = 0;
    lh_error err = {0};
    if (lh_sql_compared(lh_str_from(sql), arena, &items, &count, &err) != LH_OK) lh_buf_printf(into, "%s", err.message);
    for (size_t i = 0; i < count; i++) {
        const lh_compared *one = &items[i];
        lh_buf_printf(into, "%s%.*s[%s%s%s%s](", i ? " " : "", LH_STR_ARG(one->text), one->number ? "n" : "",
                      one->dated ? "d" : "", one->equal ? "e" : "", one->pattern ? "p" : "");
        for (size_t c = 0; c < one->column_count; c++)
            lh_buf_printf(into, "%s%.*s", c ? "," : "", LH_STR_ARG(one->columns[c]));
        lh_buf_char(into, ')');
    }
}

static void test_engine__a_query_tells_the_literals_that_it_compares(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    size_t wrongs = 0;
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf told = LH_BUF_INIT(4096);
        told_of(cases[i].sql, arena, &told);
        if (lh_str_eq(lh_buf_str(&told), lh_str_from(cases[i].told))) continue;
        print_error("%s\n  told: %.*s\n", cases[i].sql, LH_STR_ARG(lh_buf_str(&told)));
        wrongs++;
    }
    CHECK(wrongs == 0);
}

static void test_engine__what_is_not_one_query_compares_nothing(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf many = LH_BUF_INIT(64 << 10);
    lh_compared *items = NULL;
    size_t count = 0;
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    static const char *const texts[] = {"", "SELECT", "SELECT 1; SELECT 2", "DROP TABLE t", "hello"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(lh_sql_compared(lh_str_from(texts[i]), arena, &items, &count, NULL) == LH_INVALID);
    lh_buf_append(&many, LH_STR("SELECT a IN (0"));
    for (size_t i = 0; i < LH_COMPARED_MAX; i++) lh_buf_printf(&many, ", %zu", i);
    lh_buf_append(&many, LH_STR(") FROM t"));
    CHECK(lh_sql_compared(lh_buf_str(&many), arena, &items, &count, NULL) == LH_LIMIT && !items && !count);
}

LH_TEST_MAIN(LH_TEST(test_engine__a_query_tells_the_literals_that_it_compares),
             LH_TEST(test_engine__what_is_not_one_query_compares_nothing))
